//! Rows no wider than their reason, tried against the real kernel under the real walls.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks, and bare system calls")]

mod support;

use std::fs::{File, Permissions};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use libc::{AF_INET, AF_INET6, AF_NETLINK, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use sandbox::Profile;
use sandbox::profiles::{self, KEYVAULT, NETD, STORED};
use support::*;

/// One call under the walls of `profile`: its answer as an exit code, errors as 100 more than their number.
fn tried(profile: &'static Profile, folder: &std::path::Path, number: i64, args: [u64; 6]) -> End {
    confined(profile, folder_of(profile, folder), false, |_| {
        let answer = raw(number, args);
        Ok(if answer < 0 { 100 + i32::try_from(-answer).unwrap_or(99) } else { 0 })
    })
}

fn refused(errno: i32) -> End {
    End::Exit(100 + errno)
}

#[test]
fn no_process_changes_a_mode_an_owner_or_an_attribute() {
    let (_keep, folder) = folder();
    let path = folder.join("file");
    let file = File::create(&path).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let (fd, mode) = (file.as_raw_fd() as u64, 0o4755);
    // The walls close what was open: number 3 and above go, so the file comes in as stderr's neighbour.
    // SAFETY: descriptor 0 of the test is not used.
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), 0) }, 0, "{fd}");
    let mut text = path.as_os_str().as_bytes().to_vec();
    text.push(0);
    let at = text.as_ptr() as u64;
    let cwd = i64::from(libc::AT_FDCWD).cast_unsigned();
    for profile in profiles::children() {
        for (number, args) in [
            (libc::SYS_fchmod, [0, mode, 0, 0, 0, 0]),
            (libc::SYS_fchown, [0, 1, 1, 0, 0, 0]),
            (libc::SYS_fchmodat, [cwd, at, mode, 0, 0, 0]),
            (libc::SYS_fchownat, [cwd, at, 1, 1, 0, 0]),
            (libc::SYS_fsetxattr, [0, at, at, 1, 0, 0]),
        ] {
            let end = tried(profile, &folder, number, args);
            assert!([SIGSYS, refused(libc::EPERM)].contains(&end), "{} {number}: {end:?}", profile.name);
        }
    }
    let left = std::fs::metadata(&path).unwrap();
    assert_eq!((left.mode() & 0o7777, left.uid()), (0o600, nix::unistd::getuid().as_raw()));
}

#[test]
fn stored_makes_no_set_uid_file_no_nameless_one_and_no_bare_place() {
    let (_keep, folder) = folder();
    let mut text = folder.join("made").as_os_str().as_bytes().to_vec();
    text.push(0);
    let mut own = folder.as_os_str().as_bytes().to_vec();
    own.push(0);
    let (at, here) = (text.as_ptr() as u64, own.as_ptr() as u64);
    let cwd = i64::from(libc::AT_FDCWD).cast_unsigned();
    let make = (libc::O_CREAT | libc::O_RDWR) as u64;
    let open = |path, flags, mode| tried(&STORED, &folder, libc::SYS_openat, [cwd, path, flags, mode, 0, 0]);
    assert_eq!(open(at, make, 0o4755), SIGSYS, "set-uid");
    assert_eq!(open(at, make, 0o2755), SIGSYS, "set-gid");
    assert_eq!(open(here, (libc::O_TMPFILE | libc::O_RDWR) as u64, 0o600), SIGSYS, "O_TMPFILE");
    assert_eq!(open(here, libc::O_PATH as u64, 0), SIGSYS, "O_PATH");
    assert_eq!(tried(&STORED, &folder, libc::SYS_mkdirat, [cwd, at, 0o1777, 0, 0, 0]), SIGSYS, "sticky");
    assert!(!folder.join("made").exists());
    assert_eq!(open(at, make, 0o600), FINE);
    let exchange = [cwd, at, cwd, at, u64::from(libc::RENAME_EXCHANGE), 0];
    assert_eq!(tried(&STORED, &folder, libc::SYS_renameat2, exchange), SIGSYS);
}

#[test]
fn netd_makes_sockets_of_tcp_and_udp_and_of_nothing_else() {
    let (_keep, folder) = folder();
    let socket = |family: i32, kind: i32, protocol: i32| {
        let args = [family, kind | libc::SOCK_CLOEXEC, protocol].map(|arg| u64::from(arg.unsigned_abs()));
        tried(&NETD, &folder, libc::SYS_socket, [args[0], args[1], args[2], 0, 0, 0])
    };
    for family in [AF_INET, AF_INET6] {
        for (kind, protocol) in [
            (SOCK_STREAM, 0),
            (SOCK_STREAM, libc::IPPROTO_TCP),
            (SOCK_DGRAM, 0),
            (SOCK_DGRAM, libc::IPPROTO_UDP),
        ] {
            let end = socket(family, kind, protocol);
            // A machine may be without IPv6.
            assert!(
                [FINE, refused(libc::EAFNOSUPPORT)].contains(&end),
                "{family} {kind} {protocol}: {end:?}"
            );
        }
        for (kind, protocol) in [
            (SOCK_STREAM, libc::IPPROTO_MPTCP),
            (SOCK_STREAM, libc::IPPROTO_SCTP),
            (SOCK_STREAM, 256), // IPPROTO_SMC
            (SOCK_DGRAM, libc::IPPROTO_UDPLITE),
            (SOCK_DGRAM, libc::IPPROTO_ICMP),
            (SOCK_DGRAM, 115), // IPPROTO_L2TP
            (SOCK_RAW, libc::IPPROTO_RAW),
            (libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP),
        ] {
            assert_eq!(socket(family, kind, protocol), SIGSYS, "{family} {kind} {protocol}");
        }
    }
    assert_eq!(socket(AF_NETLINK, SOCK_DGRAM, libc::NETLINK_ROUTE), FINE);
    assert_eq!(socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_ROUTE), SIGSYS);
    assert_eq!(socket(AF_NETLINK, SOCK_DGRAM, libc::NETLINK_NETFILTER), SIGSYS);
}

#[test]
fn netd_sets_only_the_options_that_its_transports_set() {
    let option = |level: i32, name: i32| {
        confined(&NETD, None, false, |_| {
            let socket = raw(libc::SYS_socket, [AF_INET as u64, SOCK_STREAM as u64, 0, 0, 0, 0]);
            let on = 1_i32;
            let value = (&raw const on).expose_provenance() as u64;
            let [socket, level, name] = [socket, level.into(), name.into()].map(i64::cast_unsigned);
            holds(raw(libc::SYS_setsockopt, [socket, level, name, value, 4, 0]) == 0, "refused")
        })
    };
    assert_eq!(option(libc::IPPROTO_TCP, libc::TCP_NODELAY), FINE);
    assert_eq!(option(libc::SOL_SOCKET, libc::SO_REUSEADDR), FINE);
    for (what, level, name) in [
        ("a filter", libc::SOL_SOCKET, libc::SO_ATTACH_FILTER),
        ("a filter by descriptor", libc::SOL_SOCKET, libc::SO_ATTACH_BPF),
        ("lingering in close", libc::SOL_SOCKET, libc::SO_LINGER),
        ("another device", libc::SOL_SOCKET, libc::SO_BINDTODEVICE),
        ("riders on an edge", libc::SOL_SOCKET, 83), // SO_PASSRIGHTS
        ("kernel TLS", libc::IPPROTO_TCP, libc::TCP_ULP),
        ("TCP repair", libc::IPPROTO_TCP, libc::TCP_REPAIR),
        ("IP options", libc::IPPROTO_IP, libc::IP_OPTIONS),
        ("netfilter", libc::IPPROTO_IP, 64), // IPT_SO_SET_REPLACE
        ("encapsulation", libc::SOL_UDP, libc::UDP_ENCAP),
    ] {
        assert_eq!(option(level, name), SIGSYS, "{what}");
    }
}

#[test]
fn advice_beyond_giving_memory_back_is_refused() {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let end = confined(profile, folder_of(profile, &folder), false, |_| {
            let page = raw(libc::SYS_mmap, [0, 8192, 3, 0x22, u64::MAX, 0]).cast_unsigned();
            let advise = |advice: i32| raw(libc::SYS_madvise, [page, 4096, advice as u64, 0, 0, 0]);
            let known = [libc::MADV_DONTNEED, libc::MADV_FREE, libc::MADV_DONTFORK, libc::MADV_DONTDUMP];
            let refused =
                [libc::MADV_HUGEPAGE, libc::MADV_MERGEABLE, libc::MADV_COLLAPSE, libc::MADV_HWPOISON, -1];
            let right = known.iter().all(|advice| advise(*advice) == 0)
                && refused.iter().all(|advice| advise(*advice) == -i64::from(libc::EINVAL));
            holds(right, "an advice has the wrong answer")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn locks_work_and_priorities_and_moved_waiters_are_refused() {
    let end = confined(&KEYVAULT, None, false, |_| {
        let (flag, told) = (Mutex::new(false), Condvar::new());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(5));
                *flag.lock().unwrap() = true;
                told.notify_all();
            });
            let guard = flag.lock().unwrap();
            drop(told.wait_timeout_while(guard, Duration::from_secs(60), |set| !*set).unwrap());
        });
        let word = 0_u32;
        let at = (&raw const word).expose_provenance() as u64;
        let futex = |op: i32| raw(libc::SYS_futex, [at, op as u64, 1, 0, at, 0]);
        let refused = [
            libc::FUTEX_REQUEUE,
            libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG,
            libc::FUTEX_WAKE_OP,
            libc::FUTEX_LOCK_PI,
            libc::FUTEX_TRYLOCK_PI | libc::FUTEX_CLOCK_REALTIME,
        ];
        let right = refused.iter().all(|op| futex(*op) == -i64::from(libc::ENOSYS));
        holds(right && *flag.lock().unwrap(), "a futex has the wrong answer")
    });
    assert_eq!(end, FINE);
    let (_keep, folder) = folder();
    let requeue_pi = [0, libc::FUTEX_WAIT_REQUEUE_PI as u64, 0, 0, 0, 0];
    assert_eq!(tried(&KEYVAULT, &folder, libc::SYS_futex, requeue_pi), SIGSYS);
}

#[test]
fn a_descriptor_gets_no_flag_that_sends_signals_or_goes_around_the_cache() {
    let (_keep, folder) = folder();
    let flags = |flags: i32| {
        tried(&STORED, &folder, libc::SYS_fcntl, [2, libc::F_SETFL as u64, flags as u64, 0, 0, 0])
    };
    assert_eq!(flags(libc::O_ASYNC), SIGSYS);
    assert_eq!(flags(libc::O_DIRECT | libc::O_RDWR), SIGSYS);
    assert_eq!(flags(libc::O_NOATIME), SIGSYS);
    assert_eq!(flags(libc::O_RDWR | libc::O_APPEND | 0o100_000), FINE);
}

#[test]
fn riders_are_refused_where_the_kernel_can_and_it_is_told_where_not() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let can =
        raw(libc::SYS_getsockopt, [ours.as_raw_fd() as u64, 1, 83, 0, 0, 0]) != -i64::from(libc::ENOPROTOOPT);
    assert_eq!(sandbox::refuse_riders(ours.as_fd()).unwrap(), can);
    let messages = [ControlMessage::ScmRights(&[2])];
    let sent = sendmsg::<()>(theirs.as_raw_fd(), &[IoSlice::new(b"x")], &messages, MsgFlags::empty(), None);
    assert_eq!(sent, if can { Err(Errno::EPERM) } else { Ok(1) });
    let end = in_child(|| {
        sandbox::simulate::older_kernel().map_err(|e| e.to_string())?;
        let told = sandbox::refuse_riders(ours.as_fd()).map_err(|e| e.to_string())?;
        holds(!told, "it is said to do what it cannot")
    });
    assert_eq!(end, FINE);
    let (pipe, _) = nix::unistd::pipe().unwrap();
    assert!(sandbox::refuse_riders(pipe.as_fd()).is_err());
}
