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
fn landlock_is_found_where_it_is_and_nowhere_else() {
    assert_eq!(sandbox::has_landlock(), raw(libc::SYS_landlock_create_ruleset, [0, 0, 1, 0, 0, 0]) > 0);
    let end = in_child(|| {
        simulate::no_landlock().map_err(|e| e.to_string())?;
        holds(!sandbox::has_landlock(), "it is found where it is not")
    });
    assert_eq!(end, FINE);
}

#[test]
fn without_landlock_and_namespaces_who_can_name_files_does_not_enter() {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let (_supervisor, control) = control_pair();
        let entered = in_child(|| {
            simulate::no_landlock().map_err(|e| e.to_string())?;
            let jail = sandbox::enter(profile, control.as_fd(), folder_of(profile, &folder), false);
            let refused = matches!(jail, Err(Error::NoFileWall { .. }));
            holds(refused == profile.has_path_calls(), "it entered, or need not have been refused")
        });
        assert_eq!(entered, FINE, "{}", profile.name);
    }
}

#[test]
fn who_insists_enters_without_them_is_weaker_and_the_filter_holds() {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let (_supervisor, control) = control_pair();
        let end = in_child(|| {
            simulate::no_landlock().map_err(|e| e.to_string())?;
            let folder = folder_of(profile, &folder);
            let jail = sandbox::enter_without_walls(profile, control.as_fd(), folder, false);
            let report = jail.and_then(sandbox::Jail::seal).map_err(|e| e.to_string())?;
            let weaker: &[&str] = if profile.has_path_calls() { &["landlock"] } else { &[] };
            if report.weaker() != weaker || !report.notes().contains(&"no Landlock") {
                return Err(format!("{report:?}"));
            }
            raw(libc::SYS_ptrace, [0; 6]);
            Ok(0)
        });
        assert_eq!(end, SIGSYS, "{}", profile.name);
    }
}

#[test]
fn a_root_of_its_own_is_enough_where_landlock_is_missing() {
    if !namespace_choices().contains(&true) {
        return;
    }
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let end = in_child(|| {
            simulate::no_landlock().map_err(|e| e.to_string())?;
            let report = enter(profile, folder_of(profile, &folder), true)?;
            let noted = report.notes().contains(&"no Landlock");
            holds(
                report.weaker().is_empty() && noted && std::fs::metadata("/etc/passwd").is_err(),
                "not whole",
            )
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn on_a_kernel_of_2022_all_required_walls_hold_and_the_rest_is_noted() {
    let (_keep, folder) = folder();
    for namespaces in namespace_choices() {
        for profile in profiles::children() {
            let end = in_child(|| {
                simulate::older_kernel().map_err(|e| e.to_string())?;
                let report = enter(profile, folder_of(profile, &folder), namespaces)?;
                let notes = report.notes();
                let noted = notes.contains(&"older Landlock")
                    && notes.contains(&"no memory-deny-write-execute") == profile.mdwe;
                let abi = report.landlock.abi;
                holds(report.weaker().is_empty() && noted && abi == 2, &format!("{abi} {notes:?}"))
            });
            assert_eq!(end, FINE, "{}, namespaces: {namespaces}", profile.name);
        }
    }
}

#[test]
fn without_memfd_secret_memory_is_locked() {
    let end = in_child(|| {
        simulate::no_memfd_secret().map_err(|e| e.to_string())?;
        let report = enter(&KEYVAULT, None, false)?;
        let memory = SecretMemory::new(1000).map_err(|e| e.to_string())?;
        let noted = report.notes().contains(&"no memfd_secret");
        holds(memory.guard() == Guard::Locked && noted, "not noted")
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_probe_finds_namespaces_where_they_are_and_a_folder_that_works_in_them() {
    let works = |folder: Option<&Path>| {
        let folder = folder.map(Path::to_path_buf);
        let end = in_child(|| {
            become_ordinary();
            Ok(i32::from(!sandbox::probe_namespaces(folder.as_deref()).works()))
        });
        end == FINE
    };
    let there = namespace_choices().contains(&true);
    let (_keep, folder) = folder();
    assert_eq!(works(None), there);
    if nix::unistd::geteuid().is_root() {
        // Somebody else's, which stored could not work in.
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        assert!(!works(Some(&folder)));
        std::os::unix::fs::chown(&folder, Some(ORDINARY), Some(ORDINARY)).unwrap();
    }
    assert_eq!(works(Some(&folder)), there);
}

/// The flags that a mount has already are locked for whoever binds from it, and have to be repeated.
#[test]
fn a_folder_on_a_mount_with_flags_of_its_own_is_bound() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else { return };
    if namespace_choices().contains(&true) {
        let end = in_child(|| {
            enter(&STORED, Some(dir.path()), true)?;
            std::fs::write(dir.path().join("file"), "x").map(|()| 0).map_err(|e| e.to_string())
        });
        assert_eq!(end, FINE);
    }
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
