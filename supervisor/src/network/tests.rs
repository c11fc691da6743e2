//! What a folder remembers of its network, whatever happens to the files.

use super::*;
use std::fs;

fn named(name: &str, id: u8) -> Settings {
    Settings { network_name: name.into(), network_id: [id; 32], ..Settings::default() }
}

fn person(folder: &Path, settings: &mut Settings) -> Result<bool, StartError> {
    settle(folder, Kind::Person, settings)
}

/// A person's folder whose first start was complete.
fn begun(network: &mut Settings) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert!(person(dir.path(), network).unwrap() && !network.begun);
    for name in ["vault", "onion.state"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    complete(dir.path(), Kind::Person, network).unwrap();
    dir
}

#[test]
fn a_folder_keeps_the_network_of_its_first_start() {
    let dir = tempfile::tempdir().unwrap();
    person(dir.path(), &mut named("test", 7)).unwrap();
    let mut unnamed = Settings::default();
    person(dir.path(), &mut unnamed).unwrap();
    assert_eq!(unnamed, named("test", 7));
    person(dir.path(), &mut named("test", 7)).unwrap();
    let other = person(dir.path(), &mut named("other", 7)).unwrap_err();
    assert!(other.code() == 2 && other.to_string().contains("belongs to the network test"), "{other}");
    assert_eq!(person(dir.path(), &mut named("test", 8)).unwrap_err().code(), 2);
}

#[test]
fn a_folder_of_the_public_network_stays_there() {
    let dir = tempfile::tempdir().unwrap();
    person(dir.path(), &mut Settings::default()).unwrap();
    let text = person(dir.path(), &mut named("test", 7)).unwrap_err().to_string();
    assert!(text.contains("the public network"), "{text}");
}

#[test]
fn addresses_of_the_own_network_are_refused_on_the_public_one_alone() {
    let local = [
        "/ip4/127.0.0.1/udp/1/quic-v1",
        "/ip4/192.168.1.2/tcp/3",
        "/ip6/::1/udp/1/quic-v1",
        "/ip4/169.254.1.2/tcp/3",
        "/ip6/fe80::1",
        "/ip6/fd00::1/tcp/3",
    ];
    let anew = |mut settings: Settings| person(tempfile::tempdir().unwrap().path(), &mut settings);
    for address in local {
        let bootstraps = vec![address.to_owned()];
        let error = anew(Settings { bootstraps: bootstraps.clone(), ..Settings::default() }).unwrap_err();
        assert!(error.code() == 2 && error.to_string().contains("--network"), "{error}");
        let listens = Settings { listen: bootstraps.clone(), ..Settings::default() };
        assert_eq!(anew(listens).unwrap_err().code(), 2);
        anew(Settings { bootstraps, ..named("test", 1) }).unwrap();
    }
    let public = vec!["/ip4/9.9.9.9/udp/1/quic-v1".into()];
    anew(Settings { bootstraps: public, ..Settings::default() }).unwrap();
}

#[test]
fn a_folder_begins_until_every_part_was_complete_and_has_begun_from_then_on() {
    for kind in [Kind::Person, Kind::Relay] {
        let dir = tempfile::tempdir().unwrap();
        let names =
            if kind == Kind::Person { ["vault", "onion.state"] } else { ["netd.state", "onion.state"] };
        for name in names {
            let mut settings = named("test", 7);
            assert!(settle(dir.path(), kind, &mut settings).unwrap(), "{kind:?}: {name} is missing");
            complete(dir.path(), kind, &mut settings).unwrap();
            assert!(!settings.begun && !was_begun(dir.path()), "{kind:?}: {name} is missing");
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let mut settings = named("test", 7);
        complete(dir.path(), kind, &mut settings).unwrap();
        assert!(settings.begun && was_begun(dir.path()));
        let mut again = Settings::default();
        assert!(!settle(dir.path(), kind, &mut again).unwrap(), "nothing is to be written any more");
        assert_eq!(again, settings);
    }
}

/// The file cut at each length, with each bit wrong, and with zeros from each byte on.
fn damaged(whole: &[u8]) -> Vec<Vec<u8>> {
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let flipped = (0..whole.len() * 8).map(|bit| {
        let mut bytes = whole.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let zeroed = (0..whole.len()).map(|at| {
        let mut bytes = whole.to_vec();
        bytes[at..].fill(0);
        bytes
    });
    cut.chain(flipped).chain(zeroed).collect()
}

#[test]
fn a_file_says_what_was_written_or_that_it_is_damaged() {
    for settings in [named("test", 7), Settings::default()] {
        let kept = of(&settings, Stage::Begun);
        assert_eq!(parse(&pack(&kept)), Found::Whole(kept.clone()));
        for bytes in damaged(&pack(&kept)) {
            match parse(&bytes) {
                Found::Whole(found) => {
                    assert_eq!((&found.name, found.id), (&kept.name, kept.id), "{bytes:?}");
                    // Cut behind the id, or the last line end is missing.
                    assert!(found.stage.is_none() || found == kept, "{bytes:?}");
                }
                found => assert_eq!(found, Found::Damaged, "{bytes:?}"),
            }
        }
    }
}

#[test]
fn whatever_happens_to_one_file_the_other_has_the_network_and_both_are_whole_again() {
    let mut network = named("test", 7);
    let dir = begun(&mut network);
    let whole = pack(&of(&network, Stage::Begun));
    for name in FILES {
        let path = dir.path().join(name);
        // Each is four times on the disk: a few of them.
        for plant in damaged(&whole).into_iter().step_by(97).chain([vec![]]) {
            fs::write(&path, &plant).unwrap();
            let mut settings = Settings::default();
            person(dir.path(), &mut settings).unwrap();
            assert_eq!(settings, network, "{name}: {plant:?}");
            assert_eq!(fs::read(&path).unwrap(), whole, "{name}: {plant:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(kept(dir.path(), Kind::Person).unwrap().unwrap().name, "test");
        person(dir.path(), &mut Settings::default()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole, "{name} missing");
    }
}

#[test]
fn with_both_files_lost_nothing_is_joined_but_what_is_named_and_that_is_written_when_it_has_worked() {
    let cut = pack(&of(&named("test", 7), Stage::Begun))[..80].to_vec();
    for plant in [None, Some(vec![]), Some(vec![0; 200]), Some(cut)] {
        let dir = begun(&mut named("test", 7));
        for name in FILES {
            match &plant {
                None => fs::remove_file(dir.path().join(name)).unwrap(),
                Some(bytes) => fs::write(dir.path().join(name), bytes).unwrap(),
            }
        }
        let refused = person(dir.path(), &mut Settings::default()).unwrap_err();
        assert!(refused.code() == 1 && refused.to_string().contains("--network NAME"), "{refused}");
        assert_eq!(kept(dir.path(), Kind::Person).unwrap_err().code(), 1);
        let mut given = named("test", 7);
        assert!(person(dir.path(), &mut given).unwrap() && given.begun);
        assert_eq!(fs::read(dir.path().join(FILES[0])).ok(), plant, "not before onion has agreed");
        complete(dir.path(), Kind::Person, &mut given).unwrap();
        let mut unnamed = Settings::default();
        assert!(!person(dir.path(), &mut unnamed).unwrap());
        assert_eq!(unnamed, given);
    }
}

#[test]
fn an_operator_who_removes_both_files_lets_a_relay_go_on_without_what_it_lost_besides() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("onion.state"), "x").unwrap();
    let mut given = named("test", 7);
    assert!(settle(dir.path(), Kind::Relay, &mut given).unwrap() && !given.begun);
    fs::write(dir.path().join(FILES[1]), "").unwrap();
    assert!(
        settle(dir.path(), Kind::Relay, &mut given).unwrap() && given.begun,
        "a lost one is no word of his"
    );
    assert_eq!(settle(dir.path(), Kind::Relay, &mut Settings::default()).unwrap_err().code(), 1);
}

#[test]
fn a_file_of_an_earlier_version_or_by_hand_is_good_and_one_of_a_later_version_is_told_apart() {
    let digits = "07".repeat(32);
    for used in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILES[0]), format!("test\n{digits}\n")).unwrap();
        fs::write(dir.path().join("vault"), if used { "x" } else { "" }).unwrap();
        let mut settings = Settings::default();
        person(dir.path(), &mut settings).unwrap();
        assert_eq!(settings, Settings { begun: used, ..named("test", 7) });
        let stage = if used { Stage::Begun } else { Stage::Beginning };
        let now = [fs::read(dir.path().join(FILES[0])), fs::read(dir.path().join(FILES[1]))];
        assert!(now.into_iter().all(|file| file.unwrap() == pack(&of(&settings, stage))));
    }
    for later in [format!("test\n{digits}\nended\n"), format!("test\n{digits}\nbegun\nmore\n")] {
        let dir = begun(&mut named("test", 7));
        let text = format!("{later}{}\n", hex::encode(Sha256::digest(&later)));
        fs::write(dir.path().join(FILES[1]), &text).unwrap();
        let told = person(dir.path(), &mut Settings::default()).unwrap_err();
        assert!(told.code() == 1 && told.to_string().contains("later version"), "{told}");
        assert_eq!(fs::read_to_string(dir.path().join(FILES[1])).unwrap(), text);
    }
}

#[test]
fn two_files_that_name_two_networks_are_told() {
    let dir = begun(&mut named("test", 7));
    fs::write(dir.path().join(FILES[0]), pack(&of(&named("test", 8), Stage::Begun))).unwrap();
    let told = person(dir.path(), &mut Settings::default()).unwrap_err();
    assert!(told.code() == 1 && told.to_string().contains("two networks"), "{told}");
}

#[test]
fn a_name_is_one_line_and_not_too_long() {
    for (name, fits) in [
        ("x".repeat(NETWORK_NAME_MAX_BYTES), true),
        ("x".repeat(NETWORK_NAME_MAX_BYTES + 1), false),
        ("a\nb".into(), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let settled = person(dir.path(), &mut named(&name, 7));
        assert_eq!(settled.is_ok(), fits, "{name:?}: {settled:?}");
        assert_eq!(dir.path().join(FILES[0]).exists(), fits);
    }
}
