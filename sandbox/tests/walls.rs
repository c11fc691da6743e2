//! Threat tests of the first form: forked children raise the real walls around themselves and then run against them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, missing_docs)]
#![allow(unsafe_code, reason = "forks, and bare system calls")]

mod support;

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use sandbox::profiles::{self, FileAccess, KEYVAULT, MEDIAD, NETD, ONION, Ports, Profile, STORED};
use sandbox::rule::{Verdict, decide};
use sandbox::{Namespaces, Report, read_proc_status};
use support::*;

/// A forbidden call with arguments that would work outside, or at worst fail.
#[allow(clippy::too_many_lines, reason = "a table")]
fn attempts() -> Vec<(&'static str, i64, [u64; 6])> {
    let fork = [libc::SIGCHLD as u64, 0, 0, 0, 0, 0];
    let path = c"/etc/passwd".as_ptr() as u64;
    let dir = libc::AT_FDCWD as u64;
    let init = 1;
    vec![
        (
            "socket(AF_INET, STREAM)",
            libc::SYS_socket,
            [libc::AF_INET as u64, libc::SOCK_STREAM as u64, 0, 0, 0, 0],
        ),
        (
            "socket(AF_INET, DGRAM)",
            libc::SYS_socket,
            [libc::AF_INET as u64, libc::SOCK_DGRAM as u64, 0, 0, 0, 0],
        ),
        (
            "socket(AF_INET6, STREAM)",
            libc::SYS_socket,
            [libc::AF_INET6 as u64, libc::SOCK_STREAM as u64, 0, 0, 0, 0],
        ),
        (
            "socket(AF_INET6, DGRAM)",
            libc::SYS_socket,
            [libc::AF_INET6 as u64, libc::SOCK_DGRAM as u64, 0, 0, 0, 0],
        ),
        ("socket(AF_INET, RAW)", libc::SYS_socket, [libc::AF_INET as u64, libc::SOCK_RAW as u64, 1, 0, 0, 0]),
        ("socket(AF_PACKET)", libc::SYS_socket, [libc::AF_PACKET as u64, libc::SOCK_RAW as u64, 0, 0, 0, 0]),
        ("socket(AF_VSOCK)", libc::SYS_socket, [libc::AF_VSOCK as u64, libc::SOCK_STREAM as u64, 0, 0, 0, 0]),
        ("execve", libc::SYS_execve, [path, 0, 0, 0, 0, 0]),
        ("execveat", libc::SYS_execveat, [dir, path, 0, 0, 0, 0]),
        ("fork", libc::SYS_fork, [0; 6]),
        ("vfork", libc::SYS_vfork, [0; 6]),
        ("clone as fork", libc::SYS_clone, fork),
        ("clone into a user namespace", libc::SYS_clone, [libc::CLONE_NEWUSER as u64 | 17, 0, 0, 0, 0, 0]),
        ("clone3", libc::SYS_clone3, [0; 6]),
        ("ptrace", libc::SYS_ptrace, [16, init, 0, 0, 0, 0]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [init, 0, 0, 0, 0, 0]),
        ("process_vm_writev", libc::SYS_process_vm_writev, [init, 0, 0, 0, 0, 0]),
        ("pidfd_open", libc::SYS_pidfd_open, [init, 0, 0, 0, 0, 0]),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, [0; 6]),
        ("kill", libc::SYS_kill, [init, 0, 0, 0, 0, 0]),
        ("tkill", libc::SYS_tkill, [init, 0, 0, 0, 0, 0]),
        ("tgkill of another process", libc::SYS_tgkill, [init, init, 0, 0, 0, 0]),
        ("mount", libc::SYS_mount, [0; 6]),
        ("umount2", libc::SYS_umount2, [0; 6]),
        ("pivot_root", libc::SYS_pivot_root, [0; 6]),
        ("chroot", libc::SYS_chroot, [path, 0, 0, 0, 0, 0]),
        ("unshare", libc::SYS_unshare, [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0, 0]),
        ("setns", libc::SYS_setns, [0; 6]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [1, 0, 0, 0, 0, 0]),
        ("io_uring_enter", libc::SYS_io_uring_enter, [0; 6]),
        ("bpf", libc::SYS_bpf, [0; 6]),
        ("perf_event_open", libc::SYS_perf_event_open, [0; 6]),
        ("userfaultfd", libc::SYS_userfaultfd, [0; 6]),
        ("keyctl", libc::SYS_keyctl, [0; 6]),
        ("add_key", libc::SYS_add_key, [0; 6]),
        ("init_module", libc::SYS_init_module, [0; 6]),
        ("setuid", libc::SYS_setuid, [0; 6]),
        ("setresuid", libc::SYS_setresuid, [0; 6]),
        ("capset", libc::SYS_capset, [0; 6]),
        ("shmget", libc::SYS_shmget, [0, 4096, 0o1600, 0, 0, 0]),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, [0; 6]),
        ("openat2", libc::SYS_openat2, [0; 6]),
        ("symlinkat", libc::SYS_symlinkat, [path, dir, path, 0, 0, 0]),
        ("linkat", libc::SYS_linkat, [0; 6]),
        ("mknodat", libc::SYS_mknodat, [0; 6]),
        ("seccomp", libc::SYS_seccomp, [0; 6]),
        ("prctl(PR_SET_DUMPABLE)", libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0, 0]),
        ("prctl(PR_SET_PDEATHSIG)", libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as u64, 0, 0, 0, 0, 0]),
        ("prlimit64", libc::SYS_prlimit64, [0; 6]),
        ("mmap executable", libc::SYS_mmap, [0, 4096, 7, 0x22, u64::MAX, 0]),
        ("mprotect executable", libc::SYS_mprotect, [0, 0, 7, 0, 0, 0]),
        ("ioctl(TIOCSTI)", libc::SYS_ioctl, [0, libc::TIOCSTI, 0, 0, 0, 0]),
        ("fcntl(F_SETOWN)", libc::SYS_fcntl, [0, libc::F_SETOWN as u64, 1, 0, 0, 0]),
        ("openat", libc::SYS_openat, [dir, path, 0, 0, 0, 0]),
        ("a number that no kernel has", 0xfff, [0; 6]),
    ]
}

/// What a profile may do although it stands in the list above. All else must be denied to all.
fn granted(profile: &Profile, what: &str) -> bool {
    match profile.name {
        "netd" => what.starts_with("socket(AF_INET") && !what.contains("RAW"),
        "stored" | "ui" => what == "openat",
        _ => false,
    }
}

fn under_every_wall(namespaces: bool) {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let rows = profile.rows();
        for (what, number, args) in attempts() {
            let end = confined(profile, folder_of(profile, &folder), namespaces, |_| {
                let answer = raw(number, args);
                // An errno in 8 bits; 200 says that the call went through.
                Ok(if answer < 0 { i32::try_from(-answer).unwrap_or(199).min(199) } else { 200 })
            });
            match decide(&rows, number, &args, 0) {
                None => assert_eq!(end, SIGSYS, "{}: {what}", profile.name),
                Some(Verdict::Refuse(errno)) => {
                    assert_eq!(end, End::Exit(errno.0), "{}: {what}", profile.name)
                }
                Some(Verdict::Allow) => {
                    assert!(granted(profile, what), "{}: {what} is allowed", profile.name);
                    assert_ne!(end, SIGSYS, "{}: {what}", profile.name);
                }
            }
        }
    }
}

#[test]
fn every_forbidden_call_ends_in_sigsys_or_the_tables_errno() {
    under_every_wall(false);
}

#[test]
fn every_forbidden_call_ends_so_in_namespaces_too() {
    if namespace_choices().contains(&true) {
        under_every_wall(true);
    }
}

#[test]
fn the_supervisors_other_threads_can_neither_exec_nor_reach_the_internet() {
    for (what, number, args) in attempts() {
        let end = in_child(|| {
            sandbox::supervisor::seal_thread().map_err(|e| e.to_string())?;
            let answer = raw(number, args);
            Ok(if answer < 0 { i32::try_from(-answer).unwrap_or(199).min(199) } else { 200 })
        });
        match what {
            // It watches children, and reads its own folder.
            "pidfd_open" | "openat" => assert_ne!(end, SIGSYS, "{what}"),
            "clone3" => assert_eq!(end, End::Exit(libc::ENOSYS), "{what}"),
            _ => assert_eq!(end, SIGSYS, "{what}"),
        }
    }
}

#[test]
fn a_sealed_child_reports_every_required_wall_and_the_kernel_agrees() {
    let (_keep, folder) = folder();
    for namespaces in namespace_choices() {
        for profile in profiles::children() {
            let (ours, theirs) = nix::unistd::pipe().unwrap();
            let (hold, held) = nix::unistd::pipe().unwrap();
            let (_supervisor, control) = control_pair();
            // SAFETY: the child leaves by _exit.
            let child = match unsafe { nix::unistd::fork() }.unwrap() {
                nix::unistd::ForkResult::Child => {
                    let jail =
                        sandbox::enter(profile, control.as_fd(), folder_of(profile, &folder), namespaces)
                            .unwrap();
                    let report = jail.seal().unwrap();
                    nix::unistd::write(&theirs, &report.encode()).unwrap();
                    drop(held);
                    nix::unistd::read(&hold, &mut [0]).unwrap();
                    // SAFETY: ends the child.
                    unsafe { libc::_exit(0) }
                }
                nix::unistd::ForkResult::Parent { child } => child,
            };
            drop(theirs);
            let mut bytes = [0; 200];
            let read = nix::unistd::read(&ours, &mut bytes).unwrap();
            let report = Report::decode(&bytes[..read]).unwrap();
            let pid = child.as_raw().unsigned_abs();
            let status = read_proc_status(pid).unwrap();
            assert_eq!(report.weaker(), [""; 0], "{}", profile.name);
            assert_eq!((report.profile, report.pid), (profile, pid));
            assert_eq!(status.contradicts(&report), [""; 0]);
            assert_eq!((status.seccomp, status.no_new_privs), (2, true));
            assert_eq!(status.effective | status.permitted | status.inheritable | status.ambient, 0);
            assert!(sandbox::read_task_statuses(pid).unwrap().iter().all(|task| task.seccomp == 2));
            assert_eq!(report.inet_allowed, *profile == NETD);
            assert_eq!(report.namespaces.contains(Namespaces::MOUNT), namespaces, "{}", profile.name);
            assert_eq!(report.namespaces.contains(Namespaces::NETWORK), namespaces && *profile != NETD);
            assert!(fs::read_link(format!("/proc/{pid}/exe")).is_err() || nix::unistd::geteuid().is_root());
            drop(held);
            nix::sys::wait::waitpid(child, None).unwrap();
        }
    }
}

#[test]
fn stored_opens_its_folder_and_nothing_outside() {
    let (_keep, folder) = folder();
    let (_other, outside) = support::folder();
    fs::write(outside.join("secret"), "theirs").unwrap();
    fs::write(folder.join("old"), "ours").unwrap();
    for namespaces in namespace_choices() {
        let end = confined(&STORED, Some(&folder), namespaces, |_| {
            let inside = fs::read_to_string(folder.join("old")).map_err(|e| e.to_string())?;
            fs::write(folder.join("new"), "fresh").map_err(|e| e.to_string())?;
            fs::create_dir_all(folder.join("blobs/a")).map_err(|e| e.to_string())?;
            fs::rename(folder.join("new"), folder.join("blobs/a/new")).map_err(|e| e.to_string())?;
            let found = fs::read_dir(&folder).map_err(|e| e.to_string())?.count();
            fs::remove_file(folder.join("blobs/a/new")).map_err(|e| e.to_string())?;
            fs::remove_dir(folder.join("blobs/a")).map_err(|e| e.to_string())?;
            holds(inside == "ours" && found == 2, "the folder is not all there")
        });
        assert_eq!(end, FINE, "namespaces: {namespaces}");
        for path in
            [outside.join("secret"), "/etc/passwd".into(), "/proc/self/status".into(), folder.join("../x")]
        {
            let end = confined(&STORED, Some(&folder), namespaces, |_| {
                let opened = fs::File::open(&path).is_ok();
                let made = fs::write(&path, "mine").is_ok();
                holds(!opened && !made, &format!("opened {}", path.display()))
            });
            assert_eq!(end, FINE, "namespaces: {namespaces}");
        }
    }
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "theirs");
}

/// The flags of such a mount are locked in a user namespace: who binds it anew has to repeat them all.
#[test]
fn a_folder_on_a_file_system_with_flags_of_its_own_is_walled_as_any_other() {
    if !nix::unistd::geteuid().is_root() || !namespace_choices().contains(&true) {
        return;
    }
    let (_keep, folder) = folder();
    let (_supervisor, control) = control_pair();
    let end = in_child(|| {
        use nix::mount::MsFlags as Flags;
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        let nothing = None::<&str>;
        nix::mount::mount(nothing, "/", nothing, Flags::MS_PRIVATE | Flags::MS_REC, nothing).unwrap();
        let flags = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC;
        nix::mount::mount(Some("tmpfs"), &folder, Some("tmpfs"), flags, nothing).unwrap();
        let jail =
            sandbox::enter(&STORED, control.as_fd(), Some(&folder), true).map_err(|e| e.to_string())?;
        let report = jail.seal().map_err(|e| e.to_string())?;
        let writes = fs::write(folder.join("store.db"), "x").is_ok();
        holds(report.namespaces.contains(Namespaces::MOUNT) && writes, "no root of its own")
    });
    assert_eq!(end, FINE);
}

#[test]
fn processes_without_files_see_none() {
    for namespaces in namespace_choices() {
        for profile in profiles::children().filter(|profile| profile.files == FileAccess::None) {
            let end = confined(profile, None, namespaces, |_| {
                let denied =
                    |path: &str| fs::File::open(path).is_err_and(|e| e.raw_os_error() == Some(libc::EACCES));
                holds(["/etc/passwd", "/", "/proc/self/maps", "."].into_iter().all(denied), "a file opens")
            });
            assert_eq!(end, FINE, "{}", profile.name);
        }
    }
}

#[test]
fn before_the_filter_landlock_alone_keeps_files_out() {
    let (_keep, folder) = folder();
    let (_supervisor, control) = control_pair();
    for profile in [&KEYVAULT, &NETD, &ONION, &MEDIAD] {
        let end = in_child(|| {
            let _jail = sandbox::enter(profile, control.as_fd(), None, false).map_err(|e| e.to_string())?;
            let denied =
                |path: &Path| fs::read_dir(path).is_err_and(|e| e.raw_os_error() == Some(libc::EACCES));
            holds(denied(&folder) && denied(Path::new("/")), "Landlock lets a folder be read")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn a_profile_and_a_folder_must_fit() {
    let (_keep, folder) = folder();
    let (_supervisor, control) = control_pair();
    let enters = |profile, folder: Option<&Path>| {
        in_child(|| Ok(i32::from(sandbox::enter(profile, control.as_fd(), folder, false).is_err())))
    };
    assert_eq!(enters(&STORED, None), End::Exit(1));
    assert_eq!(enters(&KEYVAULT, Some(&folder)), End::Exit(1));
    assert_eq!(enters(&STORED, Some(Path::new("relative"))), End::Exit(1));
    assert_eq!(enters(&STORED, Some(Path::new("/does/not/exist"))), End::Exit(1));
    assert_eq!(enters(&STORED, Some(&folder)), End::Exit(0));
}

#[test]
fn a_child_whose_supervisor_died_does_not_enter() {
    let (supervisor, control) = control_pair();
    drop(supervisor);
    let end = in_child(|| {
        let refused = sandbox::enter(&MEDIAD, control.as_fd(), None, false);
        holds(matches!(refused, Err(sandbox::Error::SupervisorGone)), "it entered")
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_process_with_threads_does_not_enter() {
    let (_supervisor, control) = control_pair();
    let end = in_child(|| {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let refused = sandbox::enter(&MEDIAD, control.as_fd(), None, false);
        drop(stop);
        let _ = thread.join();
        holds(matches!(refused, Err(sandbox::Error::Threads(2))), "it entered")
    });
    assert_eq!(end, FINE);
}

#[test]
fn threads_work_where_the_table_has_them_and_are_under_the_filter() {
    for profile in [&KEYVAULT, &NETD] {
        let end = confined(profile, None, false, |_| {
            let sum = std::thread::spawn(|| (1..=10).sum::<i32>()).join().map_err(|_| "the thread died")?;
            holds(sum == 55, "wrong sum")
        });
        assert_eq!(end, FINE, "{}", profile.name);
        let end = confined(profile, None, false, |_| {
            let _ = std::thread::spawn(|| raw(libc::SYS_ptrace, [0; 6])).join();
            Ok(0)
        });
        assert_eq!(end, SIGSYS, "{}: its thread may ptrace", profile.name);
    }
}

#[test]
fn netd_makes_internet_sockets() {
    for namespaces in namespace_choices() {
        let end = confined(&NETD, None, namespaces, |_| {
            let tcp = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
            let at = tcp.local_addr().map_err(|e| e.to_string())?;
            std::net::TcpStream::connect(at).map_err(|e| e.to_string())?;
            let udp = std::net::UdpSocket::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
            udp.send_to(b"x", udp.local_addr().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
            holds(udp.recv_from(&mut [0; 8]).is_ok(), "no datagram")
        });
        assert_eq!(end, FINE, "namespaces: {namespaces}");
    }
}

#[test]
fn what_a_confined_child_opens_is_never_taken_for_its_control_socket() {
    let (_supervisor, control) = control_pair();
    let end = in_child(|| {
        // As a test beside this one does. The pair has two numbers: its second is none that is smaller than 4.
        // SAFETY: nothing in this child uses it.
        unsafe { libc::close(3) };
        occupy_three(&control);
        let jail = sandbox::enter(&NETD, control.as_fd(), None, false).map_err(|e| e.to_string())?;
        jail.seal().map_err(|e| e.to_string())?;
        holds(std::net::TcpListener::bind("127.0.0.1:0").is_ok(), "no socket")
    });
    assert_eq!(end, FINE);
}

/// Landlock's ports by themselves: a table like netd's with two ports instead of all.
#[test]
fn a_port_that_is_not_in_the_profile_is_neither_bound_nor_dialled() {
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (allowed, other) = (listen(), listen());
    let port = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
    let ports: &'static [u16] = vec![port(&allowed)].leak();
    let profile = Profile { tcp_connect: Ports::Only(ports), tcp_bind: Ports::None, ..NETD };
    let profile: &'static Profile = Box::leak(Box::new(profile));
    let end = confined(profile, None, false, |report| {
        if report.landlock.abi < 4 {
            return Ok(0);
        }
        let dial = |to: u16| std::net::TcpStream::connect(("127.0.0.1", to));
        let denied = |e: &std::io::Error| e.raw_os_error() == Some(libc::EACCES);
        let bound = std::net::TcpListener::bind("127.0.0.1:0");
        let kept = dial(port(&other)).is_err_and(|e| denied(&e)) && bound.is_err_and(|e| denied(&e));
        holds(kept && dial(port(&allowed)).is_ok(), "the ports are not those of the profile")
    });
    assert_eq!(end, FINE);
}

#[test]
fn an_abort_is_an_abort_and_not_a_silent_sigsys() {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let end = confined(profile, folder_of(profile, &folder), false, |_| std::process::abort());
        assert_eq!(end, End::Signal(libc::SIGABRT), "{}", profile.name);
    }
}

#[test]
fn a_sealed_child_can_neither_dump_nor_be_looked_into() {
    let end = confined(&MEDIAD, None, false, |report| {
        holds(!report.dumpable && report.core_bytes == 0 && report.locked_bytes == 0, "it can be dumped")
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_sealed_child_counts_what_it_has_open() {
    let (_supervisor, control) = control_pair();
    let end = in_child(|| {
        keep_only(&[control.as_raw_fd()]);
        let _more = [(); 3].map(|()| fs::File::open("/dev/null").unwrap());
        let jail = sandbox::enter(&MEDIAD, control.as_fd(), None, false).map_err(|e| e.to_string())?;
        let open = jail.seal().map_err(|e| e.to_string())?.open_files;
        holds(open == 7, &format!("three standard ones, one control socket and three more are {open}"))
    });
    assert_eq!(end, FINE);
}

#[test]
fn more_than_the_profile_may_lock_is_an_error() {
    let end = confined(&KEYVAULT, None, false, |report| {
        let within = sandbox::SecretMemory::new(64 * 1024).is_ok();
        let limit = usize::try_from(report.locked_bytes).map_err(|e| e.to_string())?;
        holds(within && sandbox::SecretMemory::new(limit + 1).is_err(), "the limit is no limit")
    });
    assert_eq!(end, FINE);
    let end = confined(&ONION, None, false, |report| holds(report.locked_bytes == 0, "it may lock memory"));
    assert_eq!(end, FINE);
}

#[test]
fn descriptors_of_the_supervisor_are_not_in_the_child() {
    let leaked = fs::File::open("/dev/null").unwrap();
    let leaked = nix::fcntl::fcntl(&leaked, nix::fcntl::FcntlArg::F_DUPFD(77)).unwrap();
    let (_supervisor, control) = control_pair();
    let end = in_child(|| {
        // SAFETY: gives the control socket its number, as spawn does.
        unsafe { libc::dup2(control.as_raw_fd(), 3) };
        let control = sandbox::take_control().map_err(|e| e.to_string())?;
        sandbox::enter(&MEDIAD, control.as_fd(), None, false).map_err(|e| e.to_string())?;
        // SAFETY: only asks for a flag.
        holds(unsafe { libc::fcntl(leaked, libc::F_GETFD) } < 0, "a descriptor leaked")
    });
    assert_eq!(end, FINE);
}
