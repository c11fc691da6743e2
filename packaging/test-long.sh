#!/usr/bin/env bash
# Runs every test, the long ones too, and keeps what came out in docs/test-long.md: how many passed, and of each long test
# whether it passed, how long it took and the figures that it prints ("figure: …"). No date and no machine's name in it.
set -uo pipefail
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT

cargo nextest run --profile long --workspace --no-fail-fast --run-ignored all \
  --status-level pass --final-status-level none --success-output immediate --color never 2>&1 | tee "$said"
result=${PIPESTATUS[0]}

# One line a test: `crate name`.
long=$(cargo nextest list --workspace --run-ignored ignored-only --message-format oneline --color never 2>/dev/null)

awk -v long="$long" '
  BEGIN { count = split(long, lines, "\n"); for (i = 1; i <= count; i++) is_long[lines[i]] = 1 }
  # `PASS [   1.234s] (12/34) crate test::name`, or FAIL, TIMEOUT, SIGSEGV …
  match($0, /^ +[A-Z][A-Z-]* \[ *[0-9.]+s\]/) {
    state = $1; line = $0
    sub(/^ +[A-Z-]+ \[ */, "", line); seconds = line + 0
    sub(/^[0-9.]+s\] */, "", line); sub(/^\( *[0-9]+\/[0-9]+\) */, "", line); sub(/ +$/, "", line)
    if (state == "SLOW") next
    if (state == "PASS") passed++; else failed++
    current = line
    if (is_long[line]) { order[++n] = line; states[line] = tolower(state); took[line] = seconds }
    else if (state != "PASS") others = others "- " line ": " tolower(state) "\n"
    next
  }
  /^ *figure: / && is_long[current] { sub(/^ *figure: /, ""); figures[current] = figures[current] "  - " $0 "\n" }
  END {
    print "# The long tests\n"
    print "Written by `make test-long`, at its last run. All tests together: " passed + 0 " passed, " failed + 0 " failed.\n"
    for (i = 1; i <= n; i++) {
      name = order[i]
      printf "- %s: %s in %.0f s\n%s", name, states[name] == "pass" ? "passed" : states[name], took[name], figures[name]
    }
    if (others != "") print "\nOther tests that did not pass:\n\n" others
  }' "$said" > docs/test-long.md

exit "$result"
