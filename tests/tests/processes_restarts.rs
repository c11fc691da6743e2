//! Parts that fall come back, and nothing outlives its suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, Relay, alive, children_of, kill_9, now, until};

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
