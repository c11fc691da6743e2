//! The command line's contract where it meets bad input: exit codes, and one line that says what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::process::Command;

use privatus_tests::{Answer, Person, Relay, Suite, ask, binaries, privatus};

/// Starts something that must end by itself; gives exit code and stderr.
fn fails(folder: &Path, arguments: &[&str], input: &str) -> (i32, String) {
    Suite::start(folder, arguments, input, None).end()
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

#[test]
fn the_command_line_links_no_window_and_no_sound() {
    let output = Command::new("ldd").arg(binaries().join("privatus")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().to_lowercase();
    assert!(text.contains("libc.so"), "{text}");
    for library in ["fltk", "asound", "libx11", "wayland", "libgl", "dbus"] {
        assert!(!text.contains(library), "{text}");
    }
}

#[test]
fn what_does_not_run_is_exit_4() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["status", "audit", "stop", "contacts", "lock"] {
        let (code, said) = fails(dir.path(), &["--profile", path(dir.path()), command], "");
        assert_eq!((code, said.lines().count()), (4, 1), "{command}: {said}");
    }
}

#[test]
fn what_is_not_built_says_so_and_nonsense_is_exit_2() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = fails(dir.path(), &["backup", "/nowhere"], "");
    assert_eq!((code, said.contains("not built yet")), (5, true), "{said}");
    for arguments in [&["frobnicate"][..], &["run", "--no-such-flag"], &["send"], &[]] {
        let (code, said) = fails(dir.path(), arguments, "");
        assert_eq!((code, said.lines().count()), (2, 1), "{arguments:?}: {said}");
    }
}

/// A command on a profile that nothing runs for.
fn alone(arguments: &[&str]) -> Answer {
    let dir = tempfile::tempdir().unwrap();
    ask(dir.path(), arguments, "", None)
}

#[test]
fn help_and_version_are_answers_and_each_command_has_its_help() {
    for arguments in [&["--version"][..], &["version"], &["version", "--json"], &["--version", "--json"]] {
        let told = alone(arguments).ok();
        assert!(told.out.contains(env!("CARGO_PKG_VERSION")) && told.err.is_empty(), "{told:?}");
    }
    let help = alone(&["help"]).ok().out;
    assert_eq!(help, alone(&["--help"]).ok().out);
    assert!(help.contains("Usage: privatus") && help.contains("Not built yet"), "{help}");
    for command in ["run", "send", "contact", "settings", "backup", "network"] {
        let help = alone(&["help", command]).ok().out;
        assert!(help.contains(&format!("Usage: privatus {command}")), "{help}");
        assert_eq!(help, alone(&[command, "--help"]).ok().out);
    }
    let told = alone(&["help", "contact", "verify", "--json"]).ok().rows().remove(0);
    assert!(told["help"].as_str().unwrap().contains("--digits"), "{told}");
    assert_eq!(alone(&["help", "frobnicate"]).code, 2);
}

#[test]
fn what_is_not_built_is_known_by_its_name() {
    for command in ["network", "voice", "call", "group", "backup", "restore", "export"] {
        let refused = alone(&[command, "x", "--whatever"]);
        assert_eq!((refused.code, refused.out.as_str()), (5, ""), "{refused:?}");
        assert_eq!(refused.err, format!("privatus: {command}: not built yet\n"));
    }
}

#[test]
fn a_mistake_is_told_whole_in_one_line_and_repeats_no_passphrase() {
    for arguments in [&["send"][..], &["send", "--json"]] {
        let refused = alone(arguments);
        assert_eq!(
            (refused.code, refused.err.lines().count(), refused.out.as_str()),
            (2, 1, ""),
            "{refused:?}"
        );
        assert!(refused.err.contains("<WHO>") && refused.err.contains("<TEXT>"), "{refused:?}");
    }
    let refused = alone(&["frob\x1b[2J\u{202e}\nprivatus: ok"]);
    assert_eq!((refused.code, refused.err.lines().count()), (2, 1), "{refused:?}");
    assert!(!refused.err.contains(['\x1b', '\u{202e}']), "{refused:?}");
    for arguments in [&["unlock", "hunter2"][..], &["unlock", "--passphrase-fd", "hunter2"]] {
        let refused = alone(arguments);
        assert_eq!((refused.code, refused.err.contains("hunter2")), (2, false), "{refused:?}");
    }
}

#[test]
fn settings_are_listed_with_what_is_built_of_them() {
    let rows = alone(&["settings", "--json"]).ok().rows();
    assert_eq!(rows.len(), 10);
    for row in &rows {
        for field in ["key", "scope", "values", "default", "meaning"] {
            assert!(row[field].as_str().is_some_and(|text| !text.is_empty()), "{row}");
        }
        let [key, default] = ["key", "default"].map(|field| row[field].as_str().unwrap());
        // What is built asks a suite, which does not run here.
        let code = if row["built"] == true { 4 } else { 5 };
        assert_eq!(alone(&["get", key]).code, code, "{row}");
        assert_eq!(alone(&["set", key, default]).code, code, "{row}");
    }
    assert_eq!(alone(&["get", "colour"]).code, 2);
}

#[test]
fn profiles_are_listed_with_what_can_be_known_without_a_passphrase() {
    let home = tempfile::tempdir().unwrap();
    let rows = || {
        let mut command = privatus(None);
        let told = command.env("XDG_DATA_HOME", home.path()).args(["profiles", "--json"]).output().unwrap();
        assert!(told.status.success(), "{told:?}");
        let text = String::from_utf8(told.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    assert!(rows().is_empty());
    std::fs::create_dir_all(home.path().join("privatus/no-profile")).unwrap();
    let folder = home.path().join("privatus/work");
    let run = ["run", "--headless", "--network", "line", "--passphrase-fd", "0", "--profile", path(&folder)];
    let mut suite = Suite::start(&folder, &run, "a passphrase\n", None);
    assert_eq!(suite.line(), "ready");
    let told = rows();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["name"], &told[0]["network"]), (&"work".into(), &"line".into()));
    assert_eq!((&told[0]["running"], &told[0]["locked"]), (&true.into(), &false.into()));
    assert_eq!(told[0]["path"], path(&folder.canonicalize().unwrap()));
    assert_eq!(suite.stop(), 0);
    let told = rows();
    assert_eq!((&told[0]["running"], &told[0]["locked"].is_null()), (&false.into(), &true));
}

#[test]
fn a_new_folder_without_a_passphrase_and_a_wrong_passphrase_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let run = ["run", "--headless", "--network", "line", "--profile", path(dir.path())];
    let (code, said) = fails(dir.path(), &run, "");
    assert_eq!((code, said.contains("--passphrase-fd")), (2, true), "{said}");
    let mut person = Person::start("line", &[], None);
    assert_eq!(person.suite.stop(), 0);
    let folder = person.dir.path();
    let run = ["run", "--headless", "--passphrase-fd", "0", "--profile", path(folder)];
    let (code, said) = fails(folder, &run, "not the passphrase\n");
    assert_eq!((code, said.contains("wrong passphrase")), (3, true), "{said}");
}

#[test]
fn a_folder_in_use_and_another_network_are_refused() {
    let mut person = Person::start("line", &[], None);
    let folder = person.dir.clone();
    let run = ["run", "--headless", "--passphrase-fd", "0", "--profile", path(folder.path())];
    let (code, said) = fails(folder.path(), &run, "x\n");
    assert_eq!((code, said.contains("in use")), (1, true), "{said}");
    assert_eq!(person.suite.stop(), 0);
    let other = [&run[..], &["--network", "other"]].concat();
    let (code, said) = fails(folder.path(), &other, "x\n");
    assert_eq!((code, said.contains("belongs to the network line")), (2, true), "{said}");
}

#[test]
fn the_public_network_refuses_addresses_of_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let bootstrap = "/ip4/127.0.0.1/udp/4001/quic-v1";
    let run = [
        "run",
        "--headless",
        "--passphrase-fd",
        "0",
        "--bootstrap",
        bootstrap,
        "--profile",
        path(dir.path()),
    ];
    let (code, said) = fails(dir.path(), &run, "x\n");
    assert_eq!((code, said.contains("--network")), (2, true), "{said}");
}

#[test]
fn a_relays_unknown_key_and_taken_port_are_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("relay.toml"), "max_quues = 3\n").unwrap();
    let (code, said) = fails(dir.path(), &["relay", "--dir", path(dir.path()), "--network", "line"], "");
    assert_eq!((code, said.contains("max_quues")), (2, true), "{said}");
    std::fs::remove_file(dir.path().join("relay.toml")).unwrap();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = format!("/ip4/127.0.0.1/udp/{}/quic-v1", taken.local_addr().unwrap().port());
    let relay = ["relay", "--dir", path(dir.path()), "--network", "line", "--listen", &listen];
    let (code, said) = fails(dir.path(), &relay, "");
    assert_eq!(code, 1, "{said}");
}

#[test]
fn a_relay_is_ready_without_a_bootstrap_or_with_a_dead_one() {
    let dead = "/ip4/127.0.0.1/udp/9/quic-v1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    for bootstraps in [&[][..], &[dead.to_string()]] {
        let relay = Relay::start("line", bootstraps, None);
        assert!(
            relay.address.starts_with("/ip4/127.0.0.1/udp/") && relay.address.contains("/p2p/"),
            "{relay:?}"
        );
        assert!(!relay.address.contains("/udp/0/"), "{relay:?}");
    }
}

#[test]
fn a_profile_behind_a_long_path_works() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("x".repeat(120)).join("y".repeat(120));
    let run = ["run", "--headless", "--network", "line", "--passphrase-fd", "0", "--profile", path(&deep)];
    let suite = Suite::start(&deep, &run, "a passphrase\n", None);
    assert_eq!(suite.line(), "ready");
    assert_eq!(suite.status()["locked"], false);
    assert!(deep.join("run/messenger.sock").exists());
}
