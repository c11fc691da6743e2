//! What opens a profile, on the real binaries: passphrases, the recovery key, duress, panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use privatus_tests::{Answer, Person, Suite, ask, binaries, kill_9, now, private_network, until};

const NETWORK: &str = "keys";
const OLD: &str = "correct horse battery staple";

/// Starts a slot command with the passphrase on descriptor 0 and the new one on another.
fn begin_slot(person: &Person, arguments: &[&str], passphrase: &str, new: &str) -> Child {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writeln!(writer, "{new}").unwrap();
    drop(writer);
    // The command inherits it, as from a script's shell.
    fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let folder = person.dir.path().to_str().unwrap();
    let mut command = Command::new(binaries().join("privatus"));
    let descriptor = reader.as_raw_fd();
    command
        .args(["--profile", folder, "slot"])
        .args(arguments)
        .args(["--passphrase-fd", "0", "--new-passphrase-fd", &descriptor.to_string()])
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{passphrase}").unwrap();
    child
}

fn end_slot(command: Child) -> Answer {
    let output = command.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn slot(person: &Person, arguments: &[&str], passphrase: &str, new: &str) -> Answer {
    end_slot(begin_slot(person, arguments, passphrase, new))
}

fn kinds(person: &Person, passphrase: &str) -> Vec<String> {
    let rows = slot(person, &["list", "--json"], passphrase, "").ok().rows();
    rows.iter().map(|row| row["kind"].as_str().unwrap().to_string()).collect()
}

/// Locks, and tries a passphrase; gives the exit code.
fn opens(person: &Person, passphrase: &str) -> i32 {
    let _ = person.suite.ask(&["lock"]);
    until("it is locked", || (person.suite.status()["locked"] == true).then_some(()));
    person.suite.ask_with(&["unlock", "--passphrase-fd", "0"], &format!("{passphrase}\n")).code
}

#[test]
fn slots_are_added_changed_and_removed_and_none_locks_out() {
    let person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    assert_eq!(kinds(&person, OLD).iter().filter(|kind| *kind != "empty").count(), 1);
    assert_eq!(slot(&person, &["add", "passphrase"], "not it", "x").code, 3);
    let unassigned = slot(&person, &["add", "passphrase"], OLD, "not in Unicode yet: \u{378}");
    assert_eq!((unassigned.code, unassigned.err.contains("not assigned")), (2, true), "{unassigned:?}");
    let added = slot(&person, &["add", "passphrase", "--json"], OLD, "a second passphrase").ok().rows();
    let second = added[0]["slot"].as_u64().unwrap().to_string();
    let recovery = slot(&person, &["add", "recovery"], OLD, "").ok().out;
    assert_eq!(recovery.split_whitespace().count(), 24, "words alone, once");

    assert_eq!(opens(&person, "a second passphrase"), 0);
    assert_eq!(opens(&person, recovery.trim()), 0);
    assert_eq!(opens(&person, "neither"), 3);
    let _ = slot(&person, &["change", &second], "a second passphrase", "a third one").ok();
    assert_eq!(opens(&person, "a second passphrase"), 3);
    assert_eq!(opens(&person, "a third one"), 0);
    let _ = slot(&person, &["remove", &second], OLD, "").ok();
    assert_eq!(opens(&person, "a third one"), 3);
    assert_eq!(opens(&person, OLD), 0);
    let first = kinds(&person, OLD).iter().position(|kind| kind == "passphrase").unwrap().to_string();
    let refused = slot(&person, &["remove", &first], OLD, "");
    assert_eq!((refused.code, refused.err.lines().count()), (5, 1), "the last passphrase stays: {refused:?}");
    assert_eq!(opens(&person, OLD), 0);
}

#[test]
fn the_duress_passphrase_opens_an_empty_profile_and_the_real_one_is_gone() {
    let mut person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    let _ = slot(&person, &["add", "duress"], OLD, "under duress").ok();
    assert_eq!(opens(&person, OLD), 0);
    assert!(person.suite.ask(&["profile", "name"]).ok().out.contains("Alice"));
    assert_eq!(person.suite.stop(), 0);

    let folder = person.dir.path().to_str().unwrap().to_string();
    let run = ["run", "--headless", "--profile", &folder, "--passphrase-fd", "0"];
    let mut suite = Suite::start(person.dir.path(), &run, "under duress\n", None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    until("its history answers", || (suite.ask(&["contacts"]).code == 0).then_some(()));
    assert!(suite.ask(&["profile", "name"]).ok().out.contains("Alice"), "a profile has its person's name");
    // Killed in the middle of whatever is left to do, it ends at the next opening.
    kill_9(suite.pids()["keyvault"]);
    suite.kill();
    let mut suite = Suite::start(person.dir.path(), &run, "under duress\n", None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    until("its history answers", || (suite.ask(&["contacts"]).code == 0).then_some(()));
    assert!(person.dir.path().join("history/decoy.db").exists(), "a fresh decoy stands by");
    assert_eq!(suite.stop(), 0);

    let (code, said) = Suite::start(person.dir.path(), &run, &format!("{OLD}\n"), None).end();
    assert_eq!((code, said.contains("wrong passphrase")), (3, true), "{said}");
}

#[test]
fn the_duress_passphrase_swaps_an_open_profile_for_an_empty_one_under_the_running_suite() {
    let (_relays, addresses) = private_network("keys-open", 3);
    let mut person = Person::start("keys-open", &addresses, None);
    person.wait_unlocked();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    let _ = person.suite.ask(&["invite", "--name", "Bob"]).ok();
    assert_eq!(person.suite.ask(&["contacts", "--json"]).ok().rows().len(), 1);
    let _ = slot(&person, &["add", "duress"], OLD, "under duress").ok();
    // Not locked in between, as when the screen alone is.
    let unlock = ["unlock", "--passphrase-fd", "0"];
    assert_eq!(person.suite.ask_with(&unlock, "under duress\n").code, 0);
    until("an empty history answers", || {
        let contacts = person.suite.ask(&["contacts", "--json"]);
        (contacts.code == 0 && contacts.rows().is_empty()).then_some(())
    });
    assert!(person.suite.ask(&["profile", "name"]).ok().out.contains("Alice"));
    assert_eq!(person.suite.ask_with(&unlock, &format!("{OLD}\n")).code, 3, "it opens nothing any more");
    assert_eq!(opens(&person, OLD), 3);
    assert_eq!(opens(&person, "under duress"), 0);
    assert_eq!(kinds(&person, "under duress").iter().filter(|kind| *kind != "empty").count(), 1);
    assert_eq!(person.suite.stop(), 0);
}

/// A file of the profile, as who looks at the disk sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    name: String,
    mode: u32,
    bytes: u64,
}

/// Everything in the profile's folder; `onion.state` grows with what is known of the network, in any life.
fn seen(folder: &Path) -> Vec<Seen> {
    let mut seen = Vec::new();
    for folder in [folder.to_owned(), folder.join("history")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let name = entry.file_name().into_string().unwrap();
            let is_measured = ["vault", "store.db", "decoy.db"].contains(&name.as_str());
            seen.push(Seen {
                name,
                mode: metadata.mode(),
                bytes: if is_measured { metadata.len() } else { 0 },
            });
        }
    }
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    seen
}

fn births(folder: &Path) -> Vec<(u64, SystemTime)> {
    ["vault", "onion.state", "history/store.db", "history/decoy.db"]
        .map(|name| {
            let metadata = folder.join(name).metadata().unwrap();
            (metadata.ino(), metadata.created().unwrap())
        })
        .to_vec()
}

/// Stops it and starts it again with a passphrase. Gives all that it said until it was stopped once more.
fn lives_again(person: &mut Person, network: &str, passphrase: &str) -> String {
    assert_eq!(person.suite.stop(), 0);
    let folder = person.dir.path().to_str().unwrap().to_string();
    let run = ["run", "--headless", "--profile", &folder, "--network", network, "--passphrase-fd", "0"];
    person.suite = Suite::start(person.dir.path(), &run, &format!("{passphrase}\n"), None);
    assert_eq!(person.suite.line(), "ready", "{}", person.suite.said());
    until("its history answers", || (person.suite.ask(&["contacts"]).code == 0).then_some(()));
    assert!(person.suite.ask(&["contacts", "--json"]).ok().rows().is_empty());
    assert!(person.suite.ask(&["profile", "name"]).ok().out.contains("Alice"));
    assert_eq!(person.suite.stop(), 0);
    person.suite.end().1
}

#[test]
fn after_duress_the_folder_is_that_of_a_profile_that_lived_the_decoys_life() {
    let network = "keys-duress";
    let (_relays, addresses) = private_network(network, 3);
    let mut person = Person::start(network, &addresses, None);
    person.wait_unlocked();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    for number in 0..5 {
        let _ = person.suite.ask(&["invite", "--name", &format!("Bob {number}")]).ok();
        assert_eq!(opens(&person, OLD), 0);
        until("its history answers", || (person.suite.ask(&["contacts"]).code == 0).then_some(()));
    }
    let _ = slot(&person, &["add", "duress"], OLD, "under duress").ok();
    let births_before = births(person.dir.path());
    let said = lives_again(&mut person, network, "under duress");

    let mut other = Person::start(network, &addresses, None);
    other.wait_unlocked();
    let _ = slot(&other, &["change", "0"], OLD, "under duress").ok();
    let _ = other.suite.ask(&["profile", "name", "Alice"]).ok();
    assert_eq!(said, lives_again(&mut other, network, "under duress"), "no more is said than at any start");

    assert_eq!(births(person.dir.path()), births_before, "every file is the one that it was");
    assert_eq!(seen(person.dir.path()), seen(other.dir.path()));
}

#[test]
fn panic_leaves_nothing_whether_the_suite_runs_or_not() {
    for running in [true, false] {
        let mut person = Person::start(NETWORK, &[], None);
        person.wait_unlocked();
        let asked = person.suite.ask(&["panic"]);
        assert_eq!(asked.code, 2, "only with --yes: {asked:?}");
        if !running {
            assert_eq!(person.suite.stop(), 0);
        }
        let _ = person.suite.ask(&["panic", "--yes"]).ok();
        for file in ["vault", "history", "onion.state", "lock"] {
            assert!(!person.dir.path().join(file).exists(), "{file}");
        }
        if running {
            person.suite.wait();
        }
    }
}

fn modified(file: &Path) -> SystemTime {
    file.metadata().unwrap().modified().unwrap()
}

#[test]
fn the_decoy_is_written_to_after_each_opening() {
    let person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let decoy = person.dir.path().join("history/decoy.db");
    for _ in 0..2 {
        let before = modified(&decoy);
        let _ = person.suite.ask(&["lock"]).ok();
        person.unlock();
        until("the decoy is written to", || (modified(&decoy) != before).then_some(()));
    }
}

/// Waits, awake, until the file is written to or the command has ended.
fn wait_written(file: &Path, command: &mut Child) {
    let before = modified(file);
    while modified(file) == before && command.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
}

/// Kills everything at so many instants of slot commands, spread over the time that one takes: what a command did not get
/// done has not happened, what it said is done stays done, and there is always a passphrase that opens.
fn kill_slot_commands_at(instants: u32) {
    let mut person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    let first = kinds(&person, OLD).iter().position(|kind| kind == "passphrase").unwrap();
    let begun = now();
    let _ = slot(&person, &["change", &first.to_string()], OLD, "number 0").ok();
    let whole = begun.elapsed();

    let vault = person.dir.path().join("vault");
    let (mut current, mut second, mut happened) = ("number 0".to_string(), None::<usize>, 0);
    for round in 0..instants {
        let change = round % 2 == 0;
        let next = if change { format!("number {}", round + 1) } else { "the second".to_string() };
        let was_there = !change && second.is_some();
        let number = second.filter(|_| was_there).unwrap_or(first).to_string();
        let keyvault = person.suite.pids()["keyvault"];
        let begun = now();
        let mut command = match (change, was_there) {
            (true, _) => begin_slot(&person, &["change", &number], &current, &next),
            (false, false) => begin_slot(&person, &["add", "passphrase"], &current, &next),
            (false, true) => begin_slot(&person, &["remove", &number], &current, ""),
        };
        // In pairs: at a part of the time that it takes, and while it writes the slots, its last work. Tries are counted in the
        // same file before, and after each of the one or two derivations.
        if (round / 2) % 2 == 0 {
            std::thread::sleep((whole * (round + 2) / instants).saturating_sub(begun.elapsed()));
        } else {
            std::thread::sleep((whole * if was_there { 1 } else { 3 } / 5).saturating_sub(begun.elapsed()));
            wait_written(&vault, &mut command);
            std::thread::sleep(Duration::from_micros(50) * (round / 4));
        }
        kill_9(keyvault);
        person.suite.kill();
        let answer = end_slot(command);

        let folder = person.dir.path().to_str().unwrap().to_string();
        let run = ["run", "--headless", "--profile", &folder];
        person.suite = Suite::start(person.dir.path(), &run, "", None);
        assert_eq!(person.suite.line(), "ready", "{}", person.suite.said());
        let opened = [&current, &next].map(|passphrase| match opens(&person, passphrase) {
            0 => true,
            3 => false,
            other => panic!("round {round}: exit {other}"),
        });
        assert!(opened[0] != (change && opened[1]), "round {round}: {opened:?} after {answer:?}");
        let done = opened[1] != was_there;
        assert!(done || answer.code != 0, "round {round}: said to be done: {answer:?}");
        happened += u32::from(done);
        if change && done {
            current = next;
        }
        assert_eq!(opens(&person, &current), 0);
        assert!(person.suite.ask(&["profile", "name"]).ok().out.contains("Alice"));
        let used = |(at, kind): (usize, String)| (kind == "passphrase" && at != first).then_some(at);
        second = kinds(&person, &current).into_iter().enumerate().find_map(used);
        assert_eq!(second.is_some(), if change { second.is_some() } else { opened[1] });
    }
    println!("figure: killed at {instants} instants: {happened} commands had happened");
}

#[test]
fn a_slot_command_killed_at_an_instant_has_happened_or_has_not() {
    kill_slot_commands_at(4);
}

#[test]
#[ignore = "long: sixty starts of the suite"]
fn a_slot_command_killed_at_sixty_instants_has_happened_or_has_not() {
    kill_slot_commands_at(60);
}

/// On a terminal of its own: types `typed` at each prompt, or sends the signal, and tells what was printed, how it ended, and
/// whether the terminal shows what is typed.
const AT_A_TERMINAL: &str = r#"
import json, os, pty, select, signal, sys, termios, time
name, typed, argv = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    os.execv(argv[0], argv)
def echo():
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
def ended(flags=os.WNOHANG):
    return os.waitpid(child, flags)
seen, state, deadline = "", (0, 0), time.monotonic() + 85
while time.monotonic() < deadline and state[0] == 0:
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            seen += os.read(terminal, 4096).decode()
        except OSError:
            state = ended(0)
            break
    if seen.endswith(": ") and not echo() and typed:
        line, seen = typed.pop(0), seen + "\n"
        if line.startswith("SIG"):
            os.kill(child, getattr(signal, line))
        else:
            os.write(terminal, line.encode() + b"\n")
    state = ended()
# What it said last may lie there still.
while state[0] != 0:
    try:
        seen += os.read(terminal, 4096).decode()
    except OSError:
        break
status = state[1]
how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
print(json.dumps({"how": how, "echo": echo(), "seen": seen}))
"#;

fn at_a_terminal(person: &Person, arguments: &[&str], typed: &[&str]) -> serde_json::Value {
    let output = Command::new("python3")
        .args(["-c", AT_A_TERMINAL, "privatus", &serde_json::to_string(typed).unwrap()])
        .arg(binaries().join("privatus"))
        .args(["--profile", person.dir.path().to_str().unwrap()])
        .args(arguments)
        .env_remove("XDG_RUNTIME_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn whatever_ends_the_question_the_terminal_shows_again_what_is_typed() {
    let person = Person::start(NETWORK, &[], None);
    for signal in ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] {
        let ended = at_a_terminal(&person, &["unlock"], &[signal]);
        assert_eq!((&ended["how"], &ended["echo"]), (&signal.into(), &true.into()), "{ended}");
    }
    let stopped = at_a_terminal(&person, &["unlock"], &["SIGTSTP", OLD]);
    assert_eq!((&stopped["how"], &stopped["echo"]), (&0.into(), &true.into()), "{stopped}");
    // Where nobody could let it go on it is not stopped: it asks again at once.
    assert_eq!(stopped["seen"].as_str().unwrap().matches("Passphrase: ").count(), 2, "{stopped}");
}

#[test]
fn a_new_passphrase_is_asked_for_twice_and_a_slip_locks_nobody_out() {
    let person = Person::start(NETWORK, &[], None);
    let slip = at_a_terminal(&person, &["slot", "change", "0"], &[OLD, "a new one", "a mew one"]);
    assert_eq!(slip["how"], 2, "{slip}");
    assert!(slip["seen"].as_str().unwrap().contains("the two differ"), "{slip}");
    assert_eq!((opens(&person, "a new one"), opens(&person, OLD)), (3, 0));
    let changed =
        at_a_terminal(&person, &["slot", "change", "0"], &[OLD, "caf\u{e9} noir", "caf\u{e9} noir"]);
    assert_eq!(changed["how"], 0, "{changed}");
    assert_eq!((opens(&person, OLD), opens(&person, "cafe\u{301} noir\r")), (3, 0));
}

#[test]
fn a_passphrase_that_is_too_long_or_empty_is_refused_before_anything_is_made() {
    for passphrase in ["x".repeat(1_025), String::new()] {
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("profile");
        let run = ["--profile", profile.to_str().unwrap(), "run", "--headless", "--passphrase-fd", "0"];
        let mut command = Command::new(binaries().join("privatus"));
        command.args(run).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{passphrase}").unwrap();
        let answer = end_slot(child);
        assert_eq!((answer.code, answer.err.lines().count()), (2, 1), "{answer:?}");
        assert!(!profile.exists(), "nothing was made");
    }
}

/// As a shell would: `while :; do privatus unlock …; done`, in so many at once.
fn hostile_loops(folder: &Path, loops: u32, owner: impl FnOnce()) -> Vec<Answer> {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let answers = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..loops {
            let (stop, answers) = (&stop, &answers);
            scope.spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let guess = format!("wrong {number}\n");
                    let answer = ask(folder, &["unlock", "--passphrase-fd", "0"], &guess, None);
                    answers.lock().unwrap().push(answer);
                }
            });
        }
        // Until the free ones are used up.
        until("they must wait", || {
            answers.lock().unwrap().iter().any(|answer| answer.err.contains("too many")).then_some(())
        });
        owner();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    answers.into_inner().unwrap()
}

#[test]
fn the_owner_gets_in_while_many_try_wrong_passphrases_as_fast_as_they_can() {
    let person = Person::start(NETWORK, &[], None);
    let _ = person.suite.ask(&["lock"]).ok();
    let answers = hostile_loops(person.dir.path(), 4, || {
        let opened = at_a_terminal(&person, &["unlock"], &[OLD]);
        assert_eq!(opened["how"], 0, "{opened}");
        println!("figure: the owner saw {}", opened["seen"]);
        person.wait_unlocked();
    });
    for answer in &answers {
        assert_eq!((answer.code, answer.err.lines().count()), (3, 1), "{answer:?}");
    }
    let waits =
        answers.iter().filter(|answer| answer.err.contains("too many wrong passphrases: the next try in"));
    println!("figure: {} hostile tries, {} of them too early", answers.len(), waits.count());
}

/// The count of wrong passphrases in the file, as many as somebody tried (docs/protocol/vault-file.md, "Tries").
fn set_wrong(person: &Person, wrong: u32) {
    use sha2::{Digest, Sha256};
    use std::os::unix::fs::FileExt;
    let mut block = b"privatus tries\r\n".to_vec();
    block.extend(wrong.to_be_bytes());
    block.resize(512 - 32, 0);
    block.extend(Sha256::digest(&block));
    let vault = std::fs::File::options().write(true).open(person.dir.path().join("vault")).unwrap();
    for copy in [16_384, 16_384 + 512] {
        vault.write_all_at(&block, copy).unwrap();
    }
}

#[test]
fn a_start_with_the_passphrase_after_many_wrong_ones_waits_its_turn_and_opens() {
    let mut person = Person::start(NETWORK, &[], None);
    assert_eq!(person.suite.stop(), 0);
    set_wrong(&person, 8);
    let folder = person.dir.path().to_str().unwrap().to_string();
    let run = ["run", "--headless", "--profile", &folder, "--passphrase-fd", "0"];
    let mut suite = Suite::start(person.dir.path(), &run, &format!("{OLD}\n"), None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    assert!(suite.said().contains("too many wrong passphrases: the next try in "), "{}", suite.said());
    assert_eq!(suite.status()["locked"], false);
    assert_eq!(suite.stop(), 0);
    // A wrong one is told as what it is, after the same wait.
    set_wrong(&person, 6);
    let (code, said) = Suite::start(person.dir.path(), &run, "wrong\n", None).end();
    assert_eq!((code, said.contains("wrong passphrase: start again")), (3, true), "{said}");
    // Too long to wait for it in a script: the seconds.
    set_wrong(&person, 9);
    let started = ["run", "--headless", "--profile", &folder];
    let suite = Suite::start(person.dir.path(), &started, "", None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    let early = suite.ask_with(&["unlock", "--wait", "1", "--passphrase-fd", "0"], &format!("{OLD}\n"));
    assert_eq!((early.code, early.err.contains(" s, nothing was tried")), (3, true), "{early:?}");
    let _ = suite.ask_with(&["unlock", "--wait", "60", "--passphrase-fd", "0"], &format!("{OLD}\n")).ok();
}
