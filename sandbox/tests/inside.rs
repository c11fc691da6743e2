//! Each wall by itself, from inside: what a part could do if its filter had a hole, and what it cannot do even then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks, and bare system calls")]

mod support;

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Pid;
use sandbox::profiles::{self, FileAccess, KEYVAULT, MEDIAD, NETD, ONION, Profile, STORED};
use sandbox::resource::{Limit, Resource, limit};
use sandbox::{Namespaces, Outside};
use support::*;

/// Behind all walls of `profile` but the filter, which is not there yet.
fn unfiltered(
    profile: &'static Profile,
    folder: Option<&Path>,
    namespaces: bool,
    body: impl FnOnce() -> Result<i32, String>,
) -> End {
    let (_supervisor, control) = control_pair();
    in_child(|| {
        let _jail =
            sandbox::enter(profile, control.as_fd(), folder, namespaces).map_err(|e| e.to_string())?;
        body()
    })
}

fn refused<T>(answer: io::Result<T>, with: &[i32]) -> bool {
    answer.is_err_and(|e| e.raw_os_error().is_some_and(|errno| with.contains(&errno)))
}

#[test]
fn landlock_lets_no_signal_out() {
    if landlock_abi() > 0 {
        let (_keep, folder) = folder();
        let neighbour = Pid::this();
        for profile in profiles::children() {
            let end = unfiltered(profile, folder_of(profile, &folder), false, || {
                let out = kill(neighbour, None::<Signal>).map_err(io::Error::from);
                let own = kill(Pid::this(), None::<Signal>).is_ok();
                holds(
                    landlock_abi() < 6 || refused(out, &[libc::EPERM]) && own,
                    "a neighbour can be signalled",
                )
            });
            assert_eq!(end, FINE, "{}", profile.name);
        }
    }
}

fn landlock_abi() -> i64 {
    raw(libc::SYS_landlock_create_ruleset, [0, 0, 1, 0, 0, 0])
}

#[test]
fn landlock_lets_nobody_connect_to_abstract_sockets() {
    let name = format!("privatus-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let end = unfiltered(profile, folder_of(profile, &folder), false, || {
            let connected = UnixStream::connect_addr(&address);
            holds(landlock_abi() < 6 || refused(connected, &[libc::EPERM]), "it connects")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn landlock_lets_stored_make_files_and_folders_and_nothing_else() {
    let (_keep, folder) = folder();
    if landlock_abi() <= 0 {
        return;
    }
    for namespaces in namespace_choices() {
        let end = unfiltered(&STORED, Some(&folder), namespaces, || {
            let at = |name: &str| folder.join(format!("{name}-{namespaces}"));
            let node = |kind, name: &str| {
                nix::sys::stat::mknod(&at(name), kind, Mode::S_IRUSR, 0).map_err(io::Error::from)
            };
            let denied = [
                refused(node(SFlag::S_IFIFO, "pipe"), &[libc::EACCES]),
                refused(node(SFlag::S_IFSOCK, "socket"), &[libc::EACCES]),
                refused(std::os::unix::fs::symlink("/etc/passwd", at("link")), &[libc::EACCES]),
                refused(UnixListener::bind(at("door")), &[libc::EACCES]),
            ];
            fs::write(at("file"), "x").and_then(|()| fs::create_dir(at("dir"))).map_err(|e| e.to_string())?;
            holds(denied == [true; 4], &format!("pipe, socket, link, door: {denied:?}"))
        });
        assert_eq!(end, FINE, "namespaces: {namespaces}");
    }
}

/// Landlock has no right for these, so the root of its own is the only wall under the filter.
#[test]
fn in_its_own_root_there_is_no_other_file_to_look_at_change_or_connect_to() {
    if !namespace_choices().contains(&true) {
        return;
    }
    let (_keep, folder) = folder();
    let (_other, outside) = support::folder();
    let (file, door) = (outside.join("file"), outside.join("door"));
    fs::write(&file, "theirs").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let _listener = UnixListener::bind(&door).unwrap();
    for profile in profiles::children() {
        let end = unfiltered(profile, folder_of(profile, &folder), true, || {
            let none = [libc::ENOENT];
            let looked = refused(fs::metadata(&file), &none) && refused(fs::metadata("/proc/self"), &none);
            let changed = refused(fs::set_permissions(&file, fs::Permissions::from_mode(0o666)), &none);
            let connected = refused(UnixStream::connect(&door), &none);
            holds(looked && changed && connected, "the old root is there")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn its_own_root_is_read_only_and_runs_and_gains_nothing() {
    if !namespace_choices().contains(&true) {
        return;
    }
    let (_keep, folder) = folder();
    let harmless = FsFlags::ST_NOSUID | FsFlags::ST_NODEV;
    for profile in profiles::children() {
        let end = unfiltered(profile, folder_of(profile, &folder), true, || {
            let flags = |path: &str| statvfs(path).map(|found| found.flags()).map_err(|e| e.to_string());
            let root = harmless | FsFlags::ST_RDONLY | FsFlags::ST_NOEXEC;
            let made = refused(fs::create_dir("/x"), &[libc::EROFS, libc::EACCES]);
            holds(made && flags("/")?.contains(root), "the root can be changed")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
    let end = unfiltered(&STORED, Some(&folder), true, || {
        let found = statvfs(&folder).map_err(|e| e.to_string())?.flags();
        holds(found.contains(harmless | FsFlags::ST_NOEXEC), "its folder runs programs")
    });
    assert_eq!(end, FINE);
}

#[test]
fn memory_that_was_written_never_becomes_code() {
    // Kernels before 6.3 do not know it; the filter is tested by itself.
    if raw(libc::SYS_prctl, [libc::PR_GET_MDWE as u64, 0, 0, 0, 0, 0]) < 0 {
        return;
    }
    let (_keep, folder) = folder();
    for profile in profiles::children().filter(|profile| profile.mdwe) {
        let end = unfiltered(profile, folder_of(profile, &folder), false, || {
            let page = raw(libc::SYS_mmap, [0, 4096, 3, 0x22, u64::MAX, 0]);
            let code = raw(libc::SYS_mprotect, [page.unsigned_abs(), 4096, 5, 0, 0, 0]);
            let both = raw(libc::SYS_mmap, [0, 4096, 7, 0x22, u64::MAX, 0]);
            holds(page > 0 && code == -i64::from(libc::EACCES) && both < 0, "written memory runs")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn the_filter_holds_threads_that_were_there_before_it() {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let (_supervisor, control) = control_pair();
        let end = in_child(|| {
            let jail = sandbox::enter(profile, control.as_fd(), folder_of(profile, &folder), false)
                .map_err(|e| e.to_string())?;
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || {
                let _ = wait.recv();
                raw(libc::SYS_unshare, [0; 6])
            });
            jail.seal().map_err(|e| e.to_string())?;
            drop(go);
            let answer = thread.join().map_err(|_| "it panicked")?;
            Err(format!("unshare from the other thread: {answer}"))
        });
        assert_eq!(end, SIGSYS, "{}", profile.name);
    }
}

/// A sealed child that waits, for looks from outside.
fn look_at(profile: &'static Profile, folder: Option<&Path>, namespaces: bool) -> (Outside, sandbox::Report) {
    let (told, tell) = nix::unistd::pipe().unwrap();
    let (wait, hold) = nix::unistd::pipe().unwrap();
    let (supervisor, control) = control_pair();
    // SAFETY: the child leaves by _exit.
    match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Child => {
            drop(hold);
            keep_only(&[wait.as_raw_fd(), tell.as_raw_fd(), control.as_raw_fd(), supervisor.as_raw_fd()]);
            let jail = sandbox::enter(profile, control.as_fd(), folder, namespaces).unwrap();
            let report = jail.seal().unwrap();
            nix::unistd::write(&tell, &report.encode()).unwrap();
            nix::unistd::read(&wait, &mut [0]).unwrap();
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) }
        }
        nix::unistd::ForkResult::Parent { child } => {
            drop(tell);
            let mut bytes = [0; 200];
            let length = nix::unistd::read(&told, &mut bytes).unwrap();
            let report = sandbox::Report::decode(&bytes[..length]).unwrap();
            let outside = Outside::look(report.pid).unwrap();
            assert_in_namespaces(&report);
            drop(hold);
            nix::sys::wait::waitpid(child, None).unwrap();
            (outside, report)
        }
    }
}

/// By the kernel's word, which of an undumpable process only root gets.
fn assert_in_namespaces(report: &sandbox::Report) {
    let kinds = [("user", 1), ("mnt", 2), ("ipc", 4), ("uts", 8), ("net", 16)];
    for (kind, bit) in kinds.iter().filter(|_| nix::unistd::geteuid().is_root()) {
        let link = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
        let own = link(&report.pid.to_string()) != link("self");
        assert_eq!(own, report.namespaces.contains(Namespaces(*bit)), "{}: {kind}", report.profile.name);
    }
}

#[test]
fn what_a_part_says_of_itself_is_seen_from_outside_too() {
    let (_keep, folder) = folder();
    for namespaces in namespace_choices() {
        for profile in profiles::children() {
            let (outside, report) = look_at(profile, folder_of(profile, &folder), namespaces);
            assert_eq!(outside.contradicts(&report), [""; 0], "{}: {outside:?}", profile.name);
            let all = Namespaces::USER.0 | Namespaces::MOUNT.0 | Namespaces::IPC.0 | Namespaces::UTS.0;
            let network = if *profile == NETD { 0 } else { Namespaces::NETWORK.0 };
            let wanted = if namespaces { all | network } else { 0 };
            assert_eq!(report.namespaces, Namespaces(wanted), "{}", profile.name);
            let fully = report.landlock.enforced == sandbox::Enforced::Fully;
            assert!(fully || landlock_abi() < 6, "{}: {:?}", profile.name, report.landlock);
        }
    }
    // And a part without them that claims them is caught.
    let (outside, report) = look_at(&MEDIAD, None, false);
    for claimed in [Namespaces::USER, Namespaces::MOUNT, Namespaces::NETWORK] {
        let report = sandbox::Report { namespaces: claimed, ..report };
        assert!(outside.contradicts(&report).contains(&"namespaces"), "{claimed:?}");
    }
}

#[test]
fn each_profile_bounds_what_it_may_take() {
    use Resource::{Core, Data, Descriptors, FileSize, LockedMemory, Tasks};
    for profile in profiles::children() {
        for resource in [Core, Descriptors, LockedMemory, FileSize, Data, Tasks] {
            let rows = profile.limits().filter(|limit| limit.resource == resource);
            assert_eq!(rows.count(), 1, "{}: {resource:?}", profile.name);
        }
        assert!(profile.limits().all(|limit| limit.reason.len() > 4), "{}", profile.name);
    }
    let bounded: Vec<_> =
        profiles::children().filter(|p| p.most(Resource::Processor).is_some()).map(|p| p.name).collect();
    assert_eq!(bounded, ["mediad"]);
}

#[test]
fn a_file_can_grow_to_its_limit_and_no_further_and_the_part_lives() {
    for profile in [&KEYVAULT, &ONION] {
        let file = tempfile::tempfile().unwrap();
        let most = profile.most(Resource::FileSize).unwrap();
        let end = confined(profile, None, false, |_| {
            use std::os::unix::fs::FileExt;
            let within = file.write_at(b"x", most - 1).is_ok();
            let beyond = refused(file.write_at(b"x", most), &[libc::EFBIG]);
            holds(within && beyond && refused(file.set_len(most + 1), &[libc::EFBIG]), "the limit is none")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn memory_beyond_the_limit_is_not_to_be_had() {
    let end = confined(&MEDIAD, None, false, |_| {
        let most = MEDIAD.most(Resource::Data).unwrap();
        let map = |bytes: u64| raw(libc::SYS_mmap, [0, bytes, 3, 0x22, u64::MAX, 0]);
        holds(map(most / 2) > 0 && map(most) == -i64::from(libc::ENOMEM), "the limit is none")
    });
    assert_eq!(end, FINE);
}

/// As an ordinary user: of root the kernel counts nothing.
#[test]
fn threads_beyond_the_limit_are_not_to_be_had() {
    if !namespace_choices().contains(&true) {
        return;
    }
    let (_supervisor, control) = control_pair();
    for profile in [&KEYVAULT, &ONION] {
        let end = in_child(|| {
            become_ordinary();
            let _jail = sandbox::enter(profile, control.as_fd(), None, true).map_err(|e| e.to_string())?;
            let most = profile.most(Resource::Tasks).unwrap();
            let for_ever = || std::thread::sleep(std::time::Duration::from_secs(3600));
            let start = || std::thread::Builder::new().spawn(for_ever).is_ok();
            let started = (0..most * 2).take_while(|_| start()).count() as u64;
            holds(started == most - 1, &format!("{started} threads beside the first"))
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn processor_time_beyond_the_limit_ends_a_decoder() {
    const SHORT: &[Limit] = &[limit(Resource::Processor, 1, "a test's patience")];
    let profile: &'static Profile = Box::leak(Box::new(Profile { limits: &[SHORT], ..MEDIAD }));
    let end = confined(profile, None, false, |_| {
        loop {
            std::hint::black_box(());
        }
    });
    assert_eq!(end, End::Signal(libc::SIGKILL));
}

#[test]
fn who_can_name_files_or_path_sockets_needs_a_wall_around_them() {
    let named: Vec<_> = profiles::children().filter(|p| p.has_path_calls()).map(|p| p.name).collect();
    assert_eq!(named, ["stored", "ui", "desk"]);
    for profile in profiles::children().filter(|profile| profile.files != FileAccess::None) {
        assert!(named.contains(&profile.name), "{}", profile.name);
    }
}

#[test]
fn a_process_of_a_part_has_its_name() {
    let end = unfiltered(&ONION, None, false, || {
        let name = nix::sys::prctl::get_name().map_err(|e| e.to_string())?;
        holds(name.to_str() == Ok("onion"), "ps shows another name")
    });
    assert_eq!(end, FINE);
}
