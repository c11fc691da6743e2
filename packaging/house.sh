#!/usr/bin/env bash
# What the house looks like, in figures read from the code: where files, functions and types have grown past their idea, and where
# files lean on each other in a circle. Tests are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 - "$@" <<'PYTHON'
import collections, pathlib, re, signal, sys

signal.signal(signal.SIGPIPE, signal.SIG_DFL)

verbose = "-v" in sys.argv
CRATES = ["ipc-schema", "sandbox", "supervisor", "keyvault", "netd", "onion", "stored", "mediad", "ui", "ui/window"]
TESTS = re.compile(r"(^|/)(tests?|worlds?|properties|faults|fuzz|simulat\w*|model_disk|wycheproof|kem_vectors|taken_over)(/|\.rs$|_)|_tests\.rs$")


def without_strings(text):
    """Comments, strings and characters blanked, so that braces and names are code."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group(0))
    token = r'//[^\n]*|/\*.*?\*/|r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\'\\])\''
    return re.sub(token, blank, text, flags=re.S)


def block_end(code, start):
    """Where the braces that open first after `start` close."""
    depth, at = 0, code.find("{", start)
    while at != -1 and at < len(code):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return at + 1
        at += 1
    return len(code)


def without_tests(text):
    while found := re.search(r"#\[cfg\((all\()?test[^\]]*\]\s*(pub(\(\w+\))? )?mod \w+ \{", text):
        text = text[: found.start()] + text[block_end(without_strings(text), found.start()) :]
    return text


class File:
    def __init__(self, crate, path):
        self.crate, self.path = crate, path
        self.text = without_tests(path.read_text())
        self.code = without_strings(self.text)
        self.lines = self.text.count("\n")
        inner = path.relative_to(pathlib.Path(crate) / "src").with_suffix("").parts
        self.module = tuple(p for p in inner if p not in ("mod", "lib", "main"))


files = [
    File(crate, path)
    for crate in CRATES
    for path in sorted(pathlib.Path(crate, "src").rglob("*.rs"))
    if not TESTS.search(str(path))
]


def show(title, rows, limit=12):
    print(f"{title}: {len(rows)}")
    for row in rows[: None if verbose else limit]:
        print(f"  {row}")
    if not verbose and len(rows) > limit:
        print(f"  … {len(rows) - limit} more (-v)")


show("files over 500 lines", [f"{f.path} {f.lines}" for f in sorted(files, key=lambda f: -f.lines) if f.lines > 500])

def signature_end(code, at):
    """Where a function's body opens, or its declaration ends; an array's length has a semicolon too."""
    depth = 0
    while at < len(code) and (depth or code[at] not in "{;"):
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(code[at], 0)
        at += 1
    return at


long, tuples = [], []
for f in files:
    for found in re.finditer(r"\bfn (\w+)", f.code):
        body = signature_end(f.code, found.end())
        if f.code[body : body + 1] != "{":
            continue
        signature = f.code[found.start() : body]
        arguments = signature.split("->")[0]
        length = f.code.count("\n", body, block_end(f.code, body))
        if length > 60:
            long.append(f"{f.path} {found.group(1)} {length}")
        if re.search(r"[\w)]\s*:\s*&?(mut )?\(", arguments):
            tuples.append(f"{f.path} {found.group(1)}")
show("functions over 60 lines", long)
show("functions that take tuples", tuples)

homes = collections.defaultdict(lambda: collections.defaultdict(int))
for f in files:
    for found in re.finditer(r"^impl(?:<[^{]*?>)?\s+(?!.*\bfor\b)(\w+)[^{]*\{", f.code, flags=re.M):
        body = f.code[found.start() : block_end(f.code, found.start())]
        homes[f.crate, found.group(1)][f.path] += len(re.findall(r"\bfn \w+", body))
spread = sorted(homes.items(), key=lambda item: -len(item[1]))
show(
    "types with methods in more than two files",
    [f"{crate}: {name}, {sum(at.values())} methods in {len(at)} files" for (crate, name), at in spread if len(at) > 2],
)

fields = [
    f"{f.path} {found.group(1)}"
    for f in files
    if str(f.path).startswith("stored/src/engine")
    for found in re.finditer(r"^\s+pub\(crate\) (\w+):", f.code, flags=re.M)
]
show("pub(crate) fields in stored's engine", fields, 4)


def circles(crate):
    """Groups of files that lean on each other, by what their code names; a re-export leans on nobody."""
    own = {f.module: f for f in files if f.crate == crate}
    leans = collections.defaultdict(set)
    for f in own.values():
        code = re.sub(r"\bpub(\([^)]*\))? use [^;]*;", "", f.code)
        code = re.sub(r"use (crate|super|self)::\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\};",
                      lambda m: " ".join(f"{m.group(1)}::{part.strip()} ;" for part in m.group(2).split(",")), code)
        inside = f.module
        for found in re.finditer(r"\b(crate|super|self)((?:::(?:super|\w+))+)", code):
            steps = found.group(2).strip(":").split("::")
            base = {"crate": (), "self": inside, "super": inside[:-1]}[found.group(1)]
            while steps and steps[0] == "super":
                base, steps = base[:-1], steps[1:]
            target = base
            for step in steps:
                if target + (step,) not in own:
                    break
                target += (step,)
            if target in own and target != f.module and (target or found.group(1) != "crate"):
                leans[f.module].add(target)
    # One type's methods call each other from file to file without naming one.
    places = collections.defaultdict(dict)
    blocks = []
    for f in own.values():
        for found in re.finditer(r"^impl(?:<[^{]*?>)?\s+(?:.*\bfor\s+)?(\w+)[^{]*\{", f.code, flags=re.M):
            body = f.code[found.start() : block_end(f.code, found.start())]
            blocks.append((f.module, found.group(1), body))
            for method in re.findall(r"\bfn (\w+)", body):
                places[found.group(1)].setdefault(method, f.module)
    for module, name, body in blocks:
        for method in re.findall(r"\b(?:self\s*\.\s*|Self::)(\w+)\s*\(", body):
            target = places[name].get(method)
            if target is not None and target != module:
                leans[module].add(target)
    order, seen, groups = [], set(), []

    def visit(node, edges, out):
        stack = [(node, iter(sorted(edges[node])))]
        seen.add(node)
        while stack:
            at, rest = stack[-1]
            for following in rest:
                if following not in seen:
                    seen.add(following)
                    stack.append((following, iter(sorted(edges[following]))))
                    break
            else:
                out.append(stack.pop()[0])

    for node in sorted(own):
        if node not in seen:
            visit(node, leans, order)
    back = collections.defaultdict(set)
    for node, targets in leans.items():
        for target in targets:
            back[target].add(node)
    seen.clear()
    for node in reversed(order):
        if node not in seen:
            group = []
            visit(node, back, group)
            if len(group) > 1:
                groups.append(["::".join(module) or "lib" for module in sorted(group)])
    return groups


rows = []
for crate in CRATES:
    rows += [f"{crate}: {len(group)} files: {', '.join(group)}" for group in circles(crate)]
show("circles of files", sorted(rows, key=lambda row: -int(row.split(": ")[1].split()[0])))

schema = sum(path.read_text().count("\n") for path in pathlib.Path("ipc-schema/edges").glob("*.capnp"))
ENGINE = re.compile(r"^ipc-schema/src/edge/(mod|macros|value)\.rs")
ROOM = re.compile(r"^ipc-schema/src/edge/")
HAND = re.compile(r"^\w+/src/(serve|peers)(/|\.rs)")
engine = sum(f.lines for f in files if ENGINE.search(str(f.path)))
room = sum(f.lines for f in files if ROOM.search(str(f.path))) - engine
hand = sum(f.lines for f in files if HAND.search(str(f.path)))
print(f"edges: {schema} lines of schema, {room} of calls declared, {engine} that read and write any, {hand} that serve and ask by hand")

lines = [line.strip() for f in files for line in f.text.splitlines() if line.strip()]
why = sum(line.startswith("//") and not line.startswith(("///", "//!")) for line in lines)
print(f"comments that say why: {why} of {len(lines)} lines, {100 * why / len(lines):.1f} %")
PYTHON
