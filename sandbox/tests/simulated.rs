//! The walls on systems that give less.
#![cfg(feature = "inspect")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks")]

mod support;

use std::os::fd::AsFd;
use std::path::Path;

use sandbox::profiles::{self, KEYVAULT, STORED};
use sandbox::{Error, Guard, Namespaces, Profile, Report, SecretMemory, simulate};
use support::*;

fn enter(profile: &'static Profile, folder: Option<&Path>, namespaces: bool) -> Result<Report, String> {
    let (_supervisor, control) = control_pair();
    sandbox::enter(profile, control.as_fd(), folder, namespaces)
        .and_then(sandbox::Jail::seal)
        .map_err(|e| e.to_string())
}

/// Under `lack`, the probe says so, and even a process that was told to try namespaces comes up whole without them.
fn comes_up_without_namespaces(lack: fn() -> Result<(), Error>) {
    let (_keep, folder) = folder();
    let probed = in_child(|| {
        lack().map_err(|e| e.to_string())?;
        holds(!sandbox::probe_namespaces(Some(&folder)).works(), "the probe found namespaces")
    });
    assert_eq!(probed, FINE);
    for profile in profiles::children() {
        for told in [false, true] {
            let end = in_child(|| {
                lack().map_err(|e| e.to_string())?;
                let report = enter(profile, folder_of(profile, &folder), told)?;
                if profile.files == profiles::FileAccess::OneFolder {
                    std::fs::write(folder.join("file"), "x").map_err(|e| e.to_string())?;
                }
                let whole = report.weaker().is_empty() && report.notes().contains(&"no namespaces");
                holds(whole && !report.namespaces.contains(Namespaces::MOUNT), &format!("{report:?}"))
            });
            assert_eq!(end, FINE, "{}, told {told}", profile.name);
        }
    }
}

#[test]
fn where_user_namespaces_are_forbidden_all_else_holds() {
    if namespace_choices().contains(&true) {
        comes_up_without_namespaces(simulate::no_user_namespaces);
    }
}

#[test]
fn where_mounts_are_forbidden_all_else_holds() {
    comes_up_without_namespaces(simulate::no_mounts);
}

#[test]
fn a_missing_landlock_is_reported_as_weaker_and_the_filter_holds() {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let end = in_child(|| {
            simulate::no_landlock().map_err(|e| e.to_string())?;
            let report = enter(profile, folder_of(profile, &folder), false)?;
            if report.weaker() != ["landlock"] {
                return Err(format!("{:?}", report.weaker()));
            }
            raw(libc::SYS_ptrace, [0; 6]);
            Ok(0)
        });
        assert_eq!(end, SIGSYS, "{}", profile.name);
    }
}

#[test]
fn without_memfd_secret_memory_is_locked() {
    let end = in_child(|| {
        simulate::no_memfd_secret().map_err(|e| e.to_string())?;
        let report = enter(&KEYVAULT, None, false)?;
        let memory = SecretMemory::new(1000).map_err(|e| e.to_string())?;
        holds(
            memory.guard() == Guard::Locked && report.notes() == ["no namespaces", "no memfd_secret"],
            "not noted",
        )
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_probe_of_a_folder_that_is_not_there_is_no_reason_to_fail() {
    let end = in_child(|| {
        let probe = sandbox::probe_namespaces(Some(Path::new("/does/not/exist")));
        holds(!probe.works(), "it was bound")
    });
    assert_eq!(end, FINE);
    let (_keep, folder) = folder();
    let end = in_child(|| enter(&STORED, Some(&folder.join("gone")), true).map_or(Ok(7), |_| Ok(0)));
    assert_eq!(end, End::Exit(7));
}
