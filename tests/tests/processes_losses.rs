//! A file that a folder had is lost: missing, empty, zeroed, damaged. On the real binaries, each is told, and nobody silently becomes another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use privatus_tests::{PASSPHRASE, Person, Relay, Suite, folder, until};

const NETWORK: &str = "losses";
/// Where the slots of onion.state lie and, behind them, what was damaged (onion/src/state.rs).
const SLOT: u64 = 4 << 20;

/// A way in which a file is lost.
#[derive(Clone, Copy)]
struct Loss {
    /// What is said of it.
    word: &'static str,
    lose: fn(&Path),
}

/// All of them.
const LOSSES: [Loss; 4] = [
    Loss { word: "missing", lose: |path| fs::remove_file(path).unwrap() },
    Loss { word: "empty", lose: |path| fs::write(path, "").unwrap() },
    Loss { word: "damaged", lose: zero },
    Loss { word: "damaged", lose: overwrite },
];

fn zero(path: &Path) {
    let zeros = vec![0; usize::try_from(fs::metadata(path).unwrap().len()).unwrap()];
    fs::write(path, zeros).unwrap();
}

/// Both slots of either state file, or the digits of `network`.
fn overwrite(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    for at in [20, 600, SLOT + 20].into_iter().filter(|at| *at < file.metadata().unwrap().len()) {
        file.write_all_at(&[0xa5; 20], at).unwrap();
    }
}

fn relay_arguments(folder: &Path) -> [String; 7] {
    let folder = folder.to_str().unwrap();
    ["relay", "--dir", folder, "--network", NETWORK, "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]
        .map(str::to_owned)
}

fn run_arguments(folder: &Path, more: &[&str]) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let run = ["run", "--headless", "--profile", folder, "--passphrase-fd", "0"];
    run.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
}

/// Starts, and expects the end with 1 and, among its lines, `words`.
fn refused(folder: &Path, arguments: &[String], words: &[&str]) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (code, said) = Suite::start(folder, &arguments, PASSPHRASE, None).end();
    assert_eq!(code, 1, "{words:?}: {said}");
    assert!(said.lines().any(|line| words.iter().all(|word| line.contains(word))), "{words:?}: {said}");
}

/// Waits until it said so on stderr.
fn says(suite: &Suite, words: &str) {
    until(words, || suite.said().contains(words).then_some(()));
}

/// A relay is ready a moment before its last part is complete: from then on nothing is new in its folder.
fn wait_begun(folder: &Path) {
    let begun = || fs::read_to_string(folder.join("network.copy")).is_ok_and(|text| text.contains("begun\n"));
    until("every part was complete", || begun().then_some(()));
}

fn started(folder: &Path, arguments: &[String]) -> Suite {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let suite = Suite::start(folder, &arguments, PASSPHRASE, None);
    let line = suite.line();
    assert!(line.starts_with("ready") || line.starts_with("relay ready "), "{line}: {}", suite.said());
    suite
}

#[test]
fn a_relay_without_its_keys_does_not_start_as_another_and_is_the_same_with_a_copy() {
    let mut relay = Relay::start(NETWORK, &[], None);
    let (dir, address) = (relay.dir.clone(), relay.address.clone());
    wait_begun(dir.path());
    assert_eq!(relay.suite.stop(), 0);
    for (name, next) in [("netd.state", "network.copy"), ("onion.state", "another relay")] {
        let path = dir.path().join(name);
        let copy = fs::read(&path).unwrap();
        for Loss { word: how, lose } in LOSSES {
            lose(&path);
            let lost = fs::read(&path).ok();
            refused(dir.path(), &relay_arguments(dir.path()), &[name, how, "put back a copy", next]);
            assert_eq!(fs::read(&path).ok(), lost, "{name} {how}: nothing is made in its place");
            fs::write(&path, &copy).unwrap();
        }
        let mut again = Relay::again(dir.clone(), NETWORK, &[], None);
        assert_eq!(again.address, address, "{name}");
        assert_eq!(again.suite.stop(), 0);
    }
}

#[test]
fn a_relay_goes_on_under_another_address_where_its_operator_says_so_and_not_once_more() {
    let mut relay = Relay::start(NETWORK, &[], None);
    let dir = relay.dir.clone();
    wait_begun(dir.path());
    assert_eq!(relay.suite.stop(), 0);
    for name in ["netd.state", "network", "network.copy"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let unnamed = ["relay", "--dir", dir.path().to_str().unwrap()].map(str::to_owned);
    refused(dir.path(), &unnamed, &["network", "--network NAME"]);
    let mut again = Relay::again(dir.clone(), NETWORK, &[], None);
    assert_ne!(again.address, relay.address);
    says(&again.suite, "made anew");
    wait_begun(dir.path());
    assert_eq!(again.suite.stop(), 0);
    fs::remove_file(dir.path().join("netd.state")).unwrap();
    refused(dir.path(), &relay_arguments(dir.path()), &["netd.state", "missing"]);
}

#[test]
fn a_person_whose_first_relays_are_lost_goes_on_and_is_told() {
    let mut person = Person::start(NETWORK, &[], None);
    let path = person.dir.path().join("onion.state");
    let warned = |suite: &Suite| suite.status()["warnings"].to_string().contains("onion.state was lost");
    assert!(!warned(&person.suite));
    assert_eq!(person.suite.stop(), 0);
    let copy = fs::read(&path).unwrap();
    for (number, Loss { word: how, lose }) in LOSSES.into_iter().enumerate() {
        lose(&path);
        let lost = fs::read(&path).unwrap_or_default();
        let mut suite = started(person.dir.path(), &run_arguments(person.dir.path(), &[]));
        assert!(warned(&suite), "{number}, {how}: {}", suite.status());
        says(&suite, "onion: onion.state was lost");
        assert_eq!(suite.stop(), 0);
        if number == 3 {
            let now = fs::read(&path).unwrap();
            let aside = usize::try_from(2 * SLOT).unwrap();
            assert!(now[aside..][..1000] == lost[..1000], "what was damaged is kept");
        }
        fs::write(&path, &copy).unwrap();
        let mut suite = started(person.dir.path(), &run_arguments(person.dir.path(), &[]));
        assert!(!warned(&suite), "with a copy nothing is lost");
        assert_eq!(suite.stop(), 0);
    }
}

#[test]
fn a_person_without_the_vault_is_told_that_the_keys_are_gone_and_nothing_is_touched() {
    let mut person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    assert_eq!(person.suite.ask(&["profile", "name", "Alice"]).code, 0);
    assert_eq!(person.suite.stop(), 0);
    let (dir, path) = (person.dir.path(), person.dir.path().join("vault"));
    let copy = fs::read(&path).unwrap();
    let store = fs::read(dir.join("history/store.db")).unwrap();
    for Loss { word: how, lose } in &LOSSES[..2] {
        lose(&path);
        for more in [&[][..], &["--network", NETWORK]] {
            refused(dir, &run_arguments(dir, more), &["vault is", how, "keys", "Put back a copy"]);
        }
        // And where nothing else remembers it.
        for name in ["network", "network.copy"] {
            fs::rename(dir.join(name), dir.join("history").join(name)).unwrap();
        }
        refused(dir, &run_arguments(dir, &["--network", NETWORK]), &["vault is", how, "keys"]);
        for name in ["network", "network.copy"] {
            fs::rename(dir.join("history").join(name), dir.join(name)).unwrap();
        }
        assert_eq!(fs::read(dir.join("history/store.db")).unwrap(), store);
        assert_eq!(path.exists(), *how == "empty");
        fs::write(&path, &copy).unwrap();
    }
    let again = Person::again(person.dir.clone(), NETWORK, &[], None);
    again.wait_unlocked();
    assert!(again.suite.ask(&["profile", "name"]).ok().out.contains("Alice"));
}

#[test]
fn one_copy_of_the_network_is_enough_and_without_any_only_the_right_one_is_joined() {
    let mut person = Person::start(NETWORK, &[], None);
    let dir = person.dir.path();
    assert_eq!(person.suite.stop(), 0);
    let paths = ["network", "network.copy"].map(|name| dir.join(name));
    let whole = fs::read(&paths[0]).unwrap();
    for Loss { word: how, lose } in LOSSES {
        for path in &paths {
            lose(path);
            let mut suite = started(dir, &run_arguments(dir, &[]));
            says(&suite, "made again from its copy");
            assert_eq!(suite.status()["network"]["name"], NETWORK, "{how}");
            assert_eq!(suite.stop(), 0);
            assert!(paths.iter().all(|path| fs::read(path).unwrap() == whole), "{how}");
        }
    }
    for Loss { word: how, lose } in LOSSES {
        paths.iter().for_each(|path| lose(path));
        refused(dir, &run_arguments(dir, &[]), &["network", how, "--network NAME"]);
        refused(dir, &run_arguments(dir, &["--network", "elsewhere"]), &["onion", "another network"]);
        assert!(
            paths
                .iter()
                .all(|path| !String::from_utf8_lossy(&fs::read(path).unwrap_or_default())
                    .contains("elsewhere"))
        );
        let mut suite = started(dir, &run_arguments(dir, &["--network", NETWORK]));
        assert_eq!(suite.stop(), 0);
        assert!(paths.iter().all(|path| fs::read(path).unwrap() == whole), "{how}");
        let mut suite = started(dir, &run_arguments(dir, &[]));
        assert_eq!(suite.stop(), 0);
    }
}

#[test]
fn an_embedded_network_tells_which_of_its_relays_is_lost_and_has_its_name_again_from_them() {
    let dir = Arc::new(folder(None));
    let embedded = |folder: &Path| run_arguments(folder, &["--embedded-relays", "2"]);
    let stop = |folder: &Path| {
        let suite = started(folder, &embedded(folder));
        for _ in 0..2 {
            let line = suite.line();
            assert!(line.starts_with("relay ready ") || line == "ready", "{line}");
        }
        let name = suite.status()["network"]["name"].clone();
        let mut suite = suite;
        assert_eq!(suite.stop(), 0);
        name
    };
    let name = stop(dir.path());
    let state = dir.path().join("relays/2/netd.state");
    let copy = fs::read(&state).unwrap();
    fs::write(&state, "").unwrap();
    refused(dir.path(), &embedded(dir.path()), &["relays/2/netd.state", "empty"]);
    fs::write(&state, copy).unwrap();
    for file in ["network", "network.copy"] {
        fs::write(dir.path().join(file), "").unwrap();
    }
    refused(dir.path(), &embedded(dir.path()), &["network", "empty"]);
    fs::copy(dir.path().join("relays/1/network"), dir.path().join("network")).unwrap();
    assert_eq!(stop(dir.path()), name);
}
