//! What ends a suite, and what does not: a part's exit code counts until its start is complete, and a wanted end is no fall.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use privatus_tests::{Person, Relay, Suite, alive, binaries, now, until};
use sandbox::inspect::Held;
use serde_json::Value;
use sha2::{Digest, Sha256};

const PASSPHRASE: &str = "correct horse battery staple\n";

/// A profile that was stopped, its folder, and what starts it again.
fn stopped() -> (Person, Vec<String>) {
    let mut person = Person::start("ends", &[], None);
    assert_eq!(person.suite.stop(), 0);
    let folder = person.dir.path().to_str().unwrap().to_string();
    let run = ["run", "--headless", "--passphrase-fd", "0", "--profile", &folder].map(String::from);
    (person, run.to_vec())
}

/// Starts it under a limit of the shell, which must end it; gives exit code, stdout and stderr.
fn fails_under(limit: &str, run: &[String], passphrase: &str) -> (i32, String, String) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]).arg(binaries().join("privatus")).args(run);
    command.env_remove("XDG_RUNTIME_DIR");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), passphrase.as_bytes());
    // A suite that stays up is the failure: it must not become a test that hangs.
    let pid = child.id();
    until("the suite ends by itself", || (!alive(pid)).then_some(()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn fails(run: &[String], passphrase: &str) -> (i32, String, String) {
    fails_under(":", run, passphrase)
}

/// The vault file, opened to be spoilt.
fn vault(folder: &Path) -> File {
    File::options().read(true).write(true).open(folder.join("vault")).unwrap()
}

/// Only damage may send a person to a backup.
fn assert_told(told: (i32, String, String), words: &str) {
    let (code, out, said) = told;
    assert_eq!((code, out.as_str()), (1, ""), "{said}");
    // What parts say that are ended with it may come after.
    let last = said.lines().rfind(|line| line.starts_with("privatus: ")).unwrap();
    assert!(last.contains(words), "{said}");
    assert_eq!(last.contains("backup"), words == "damaged", "{said}");
    assert_eq!(last.contains("damaged"), words == "damaged", "{said}");
}

#[test]
fn a_vault_in_use_is_told_as_in_use() {
    let (person, run) = stopped();
    let held = vault(person.dir.path());
    held.lock().unwrap();
    assert_told(fails(&run, PASSPHRASE), "in use");
    drop(held);
    let again = Person::again(person.dir.clone(), "ends", &[], None);
    again.wait_unlocked();
}

#[test]
fn too_little_memory_is_told_as_that_for_a_new_profile_and_an_old_one() {
    let (person, run) = stopped();
    // KiB of address space: too little for the work of one guess, with and without room for the rest.
    for limit in ["ulimit -v 204800", "ulimit -v 256000"] {
        assert_told(fails_under(limit, &run, PASSPHRASE), "memory");
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new").to_str().unwrap().to_string();
        let new = ["run", "--headless", "--network", "ends", "--passphrase-fd", "0", "--profile", &folder];
        assert_told(fails_under(limit, &new.map(String::from), PASSPHRASE), "memory");
    }
    let again = Person::again(person.dir.clone(), "ends", &[], None);
    again.wait_unlocked();
}

#[test]
fn a_newer_vault_is_told_as_newer_and_a_damaged_one_as_damaged() {
    let (person, run) = stopped();
    let file = vault(person.dir.path());
    let mut copies = vec![0; 2 * 8192];
    file.read_exact_at(&mut copies, 0).unwrap();
    let mut newer = copies.clone();
    for copy in newer.chunks_mut(8192) {
        // docs/protocol/vault-file.md: magic 16 ‖ format 2 ‖ … ‖ SHA-256 of all that, 4,096 bytes in all.
        copy[16..18].copy_from_slice(&2_u16.to_be_bytes());
        let sum = Sha256::digest(&copy[..4096 - 32]);
        copy[4096 - 32..4096].copy_from_slice(&sum);
    }
    file.write_all_at(&newer, 0).unwrap();
    assert_told(fails(&run, PASSPHRASE), "later version");
    file.write_all_at(&[0xA5; 2 * 8192], 0).unwrap();
    assert_told(fails(&run, PASSPHRASE), "damaged");
    file.write_all_at(&copies, 0).unwrap();
    let again = Person::again(person.dir.clone(), "ends", &[], None);
    again.wait_unlocked();
}

#[test]
fn a_profile_that_cannot_be_made_is_an_error_and_never_ready() {
    for (limit, passphrase, code, words) in [
        (":", "x".repeat(1025), 2, "1024 bytes"),
        ("ulimit -l 0", "a passphrase".to_string(), 1, "ulimit -l"),
        ("ulimit -n 24", "a passphrase".to_string(), 1, "ulimit -n 256"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new").to_str().unwrap().to_string();
        let run = ["run", "--headless", "--network", "ends", "--passphrase-fd", "0", "--profile", &folder];
        let told = fails_under(limit, &run.map(String::from), &format!("{passphrase}\n"));
        assert_eq!((told.0, told.1.as_str()), (code, ""), "{told:?}");
        assert!(told.2.contains(words), "{told:?}");
    }
}

/// Makes a sealed, running part leave with this exit code, as whoever took it over could.
fn leave(pid: u32, code: u64) {
    let exit = [code, 0, 0, 0, 0, 0];
    until("it leaves", || {
        let _ = Held::new(pid).and_then(|held| held.try_call(libc::SYS_exit_group, exit));
        (!alive(pid)).then_some(())
    });
}

/// Not a line that a suite ends with. Root is told that it need not be.
fn assert_nothing_ended(suite: &Suite) {
    let said = suite.said();
    let ends = said.lines().filter(|line| line.starts_with("privatus:") && !line.contains("runs as root"));
    assert_eq!(ends.count(), 0, "{said}");
}

#[test]
fn no_exit_code_of_a_part_that_was_taken_over_ends_a_persons_suite() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let mut person = Person::start("ends", &[], None);
    person.wait_unlocked();
    for (name, code) in [("netd", 4), ("stored", 4), ("onion", 3), ("mediad", 5), ("keyvault", 4)] {
        let pid = person.suite.pids()[name];
        leave(pid, code);
        person.suite.wait_restarted(name, pid);
    }
    assert_nothing_ended(&person.suite);
    person.unlock();
    person.wait_unlocked();
    assert_eq!(person.suite.stop(), 0);
}

#[test]
fn no_exit_code_of_a_part_that_was_taken_over_ends_a_relay() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let mut relay = Relay::start("ends", &[], None);
    for (name, code) in [("netd", 5), ("onion", 5), ("stored", 5)] {
        let pid = relay.suite.pids()[name];
        leave(pid, code);
        relay.suite.wait_restarted(name, pid);
    }
    assert_nothing_ended(&relay.suite);
    assert_eq!(relay.suite.stop(), 0);
}

fn row(suite: &Suite, name: &str) -> Value {
    let status = suite.status();
    status["processes"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone()
}

#[test]
fn twelve_locks_in_a_row_leave_a_suite_that_unlocks() {
    let person = Person::start("ends", &[], None);
    person.wait_unlocked();
    for _ in 0..12 {
        let _ = person.suite.ask(&["lock"]).ok();
    }
    person.unlock();
    person.wait_unlocked();
    for _ in 0..3 {
        let _ = person.suite.ask(&["lock"]).ok();
        person.unlock();
    }
    person.wait_unlocked();
    let _ = person.suite.ask(&["contacts"]).ok();
    assert_eq!(person.suite.status()["warnings"], Value::Array(vec![]));
    assert_eq!(row(&person.suite, "keyvault")["given_up"], false);
}

#[test]
fn a_part_that_dies_of_signals_again_and_again_is_slowed_down_and_told_and_not_given_up() {
    let mut person = Person::start("ends", &[], None);
    let mut pid = person.suite.pids()["netd"];
    for _ in 0..11 {
        // A life that is no short one: those are given up after eight in a row.
        until("it has lived a while", || {
            (row(&person.suite, "netd")["uptime_s"].as_u64() > Some(2)).then_some(())
        });
        kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGABRT).unwrap();
        pid = person.suite.wait_restarted("netd", pid);
    }
    // After the eleventh the wait is a second, after the twelfth two.
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGABRT).unwrap();
    let killed = now();
    let warned = until("it is told", || {
        let warnings = person.suite.status()["warnings"].clone();
        let warning = warnings.as_array().unwrap().first()?.as_str()?.to_string();
        warning.contains("12 times").then_some(warning)
    });
    assert!(warned.starts_with("netd died 12 times by a signal in the last hour"), "{warned}");
    assert!(person.suite.ask(&["status"]).ok().out.contains(&format!("warning: {warned}")));
    person.suite.wait_restarted("netd", pid);
    assert!(killed.elapsed().as_millis() >= 1900, "{:?}", killed.elapsed());
    assert_eq!(person.suite.stop(), 0);
}
