//! Parts that fall come back, and nothing outlives its suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use privatus_tests::{Answer, PASSPHRASE, Person, Relay, alive, ask, children_of, kill_9, now, until};

#[test]
fn each_killed_part_comes_back_with_its_walls_and_the_others_stay() {
    let person = Person::start("restarts", &[], None);
    person.wait_unlocked();
    for name in ["netd", "onion", "stored", "mediad"] {
        let before = person.suite.pids();
        kill_9(before[name]);
        let killed = now();
        person.suite.wait_restarted(name, before[name]);
        eprintln!("{name} is back {:?} after it was killed", killed.elapsed());
        let after = person.suite.pids();
        for (other, pid) in before.iter().filter(|(other, _)| *other != name) {
            assert_eq!(after[other], *pid, "{other} had no part in it");
        }
        let _ = person.suite.ask(&["audit"]).ok();
    }
    person.wait_unlocked();
    let status = person.suite.status();
    let restarts = |name: &str| {
        let rows = status["processes"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()["restarts"].as_u64().unwrap()
    };
    assert_eq!(["netd", "onion", "stored", "mediad", "keyvault"].map(restarts), [1, 1, 1, 1, 0]);
}

#[test]
fn a_killed_keyvault_comes_back_locked_with_stored_and_the_passphrase_opens_it() {
    let person = Person::start("restarts", &[], None);
    person.wait_unlocked();
    let before = person.suite.pids();
    kill_9(before["keyvault"]);
    person.suite.wait_restarted("keyvault", before["keyvault"]);
    person.suite.wait_restarted("stored", before["stored"]);
    until("it is locked", || (person.suite.status()["locked"] == true).then_some(()));
    assert_eq!(person.suite.ask(&["contacts"]).code, 3);
    person.unlock();
    person.wait_unlocked();
    let _ = person.suite.ask(&["contacts"]).ok();
}

#[test]
fn a_lock_is_told_and_survives_a_restart_of_the_suite() {
    let mut person = Person::start("restarts", &[], None);
    person.wait_unlocked();
    let _ = person.suite.ask(&["lock"]).ok();
    until("it is locked", || (person.suite.status()["locked"] == true).then_some(()));
    assert_eq!(person.suite.stop(), 0);
    let folder = person.dir.path().to_str().unwrap().to_string();
    let again = privatus_tests::Suite::start(
        person.dir.path(),
        &["run", "--headless", "--profile", &folder],
        "",
        None,
    );
    assert_eq!(again.line(), "ready", "an existing profile starts locked without a passphrase");
    assert_eq!(again.status()["locked"], true);
    assert_eq!(again.status()["network"]["name"], "restarts", "the folder keeps its network");
}

#[test]
fn no_process_outlives_a_killed_supervisor_and_the_folder_is_free() {
    let mut person = Person::start("restarts", &[], None);
    let children = children_of(person.suite.pid());
    assert_eq!(children.len(), 5);
    person.suite.kill();
    until("all children end", || children.iter().all(|pid| !alive(*pid)).then_some(()));
    let again = Person::again(person.dir.clone(), "restarts", &[], None);
    again.wait_unlocked();
}

#[test]
fn stop_leaves_no_process_and_no_socket() {
    let mut relay = Relay::start("restarts", &[], None);
    let mut person = Person::start("restarts", std::slice::from_ref(&relay.address), None);
    for suite in [&mut relay.suite, &mut person.suite] {
        let children = children_of(suite.pid());
        let begun = now();
        let _ = suite.ask(&["stop"]).ok();
        assert_eq!(suite.wait(), 0);
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        assert!(children.iter().all(|pid| !alive(*pid)));
        assert_eq!(suite.ask(&["status"]).code, 4);
        assert!(!suite.folder.join("run").exists());
    }
}

#[test]
fn a_relay_comes_back_under_its_old_address() {
    let mut relay = Relay::start("restarts", &[], None);
    let address = relay.address.clone();
    let netd = relay.suite.pids()["netd"];
    kill_9(netd);
    relay.suite.wait_restarted("netd", netd);
    assert_eq!(relay.suite.stop(), 0);
    let again = Relay::again(relay.dir.clone(), "restarts", &[], None);
    assert_eq!(again.address, address);
}

#[test]
fn locks_and_unlocks_in_any_rhythm_work_and_none_is_taken_for_a_fall() {
    let person = Person::start("restarts", &[], None);
    person.wait_unlocked();
    let unlock = ["unlock", "--passphrase-fd", "0"];
    for round in 0..20 {
        for _ in 0..=round % 3 {
            let _ = person.suite.ask(&["lock"]).ok();
        }
        let _ = person.suite.ask_with(&unlock, PASSPHRASE).ok();
        assert_eq!(person.suite.ask(&["status"]).code, 0, "round {round}");
    }
    let folder = person.dir.path();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let _ = ask(folder, &["lock"], "", None).ok();
                    let _ = ask(folder, &unlock, PASSPHRASE, None).ok();
                    let _ = ask(folder, &["status"], "", None).ok();
                }
            });
        }
    });
    person.unlock();
    person.wait_unlocked();
    until("history is open", || (person.suite.ask(&["contacts"]).code == 0).then_some(()));
    let status = person.suite.status();
    assert_eq!(status["warnings"].as_array().unwrap().len(), 0, "{status}");
}

/// Every command that asks `part`, with what it reads on stdin.
fn asks(person: &Person, commands: &[&[&str]]) -> Vec<Answer> {
    let asked = commands.iter().map(|command| {
        let begun = now();
        let answer = person.suite.ask_with(command, PASSPHRASE);
        // By the contract 15 s, and room for a loaded machine.
        assert!(begun.elapsed() < Duration::from_secs(20), "{command:?}: {:?} {answer:?}", begun.elapsed());
        assert_eq!((answer.code, answer.err.lines().count()), (4, 1), "{command:?}: {answer:?}");
        answer
    });
    asked.collect()
}

const OF_KEYVAULT: [&[&str]; 5] = [
    &["unlock", "--passphrase-fd", "0"],
    &["lock"],
    &["set", "scripts", "on", "--passphrase-fd", "0"],
    &["slot", "list", "--passphrase-fd", "0"],
    &["slot", "add", "recovery", "--passphrase-fd", "0"],
];
const OF_STORED: [&[&str]; 6] = [
    &["contacts"],
    &["messages", "Bob"],
    &["send", "Bob", "hello"],
    &["profile", "name"],
    &["get", "scripts"],
    &["invite", "list"],
];

#[test]
fn whoever_asks_a_part_that_stays_down_is_told_so_at_once() {
    for (part, asked) in
        [("keyvault", [&OF_KEYVAULT[..], &OF_STORED].concat()), ("stored", OF_STORED.to_vec())]
    {
        let person = Person::start("restarts", &[], None);
        person.wait_unlocked();
        // Whatever kills it at each start does not heal by itself.
        until("it is given up", || {
            let status = person.suite.status();
            let row = status["processes"].as_array().unwrap().iter().find(|row| row["name"] == part)?.clone();
            if let Some(pid) = row["pid"].as_u64() {
                kill_9(u32::try_from(pid).unwrap());
            }
            (row["given_up"] == true).then_some(())
        });
        for answer in asks(&person, &asked) {
            assert!(answer.err.contains(part) && answer.err.contains("privatus stop"), "{answer:?}");
        }
    }
}

#[test]
fn whoever_asks_a_part_that_does_not_answer_is_told_so_in_time() {
    let person = Person::start("restarts", &[], None);
    person.wait_unlocked();
    for (part, asked) in [("keyvault", &OF_KEYVAULT[..2]), ("stored", &OF_STORED[..2])] {
        let pid = Pid::from_raw(i32::try_from(person.suite.pids()[part]).unwrap());
        kill(pid, Signal::SIGSTOP).unwrap();
        let answers = asks(&person, asked);
        kill(pid, Signal::SIGCONT).unwrap();
        assert!(answers.iter().all(|answer| answer.err.contains("does not answer")), "{answers:?}");
    }
}
