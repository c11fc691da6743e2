//! The tables as data: they compile, they say why, and they grant nothing beyond what is claimed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, missing_docs)]

use proptest::prelude::*;
use sandbox::bpf::{self, Filters, Otherwise};
use sandbox::call;
use sandbox::inspect::{answer, call};
use sandbox::names;
use sandbox::profiles::{self, NETD, Profile, SPAWNER};
use sandbox::rule::{Errno, Row, Test, Verdict, allow, allow_if, decide, is};

const PID: u32 = 4711;

fn compiled(profile: &Profile) -> Filters {
    bpf::compile(profile.name, &profile.rows(), PID).unwrap()
}

fn verdict(profile: &Profile, number: i64, args: [u64; 6]) -> Option<Verdict> {
    decide(&profile.rows(), number, &args, PID)
}

#[test]
fn every_table_compiles() {
    for profile in profiles::all() {
        let filters = compiled(profile);
        for program in filters.programs() {
            assert!(program.len() < 4096, "{}: {} instructions", profile.name, program.len());
        }
        println!("{}: {:?}", profile.name, filters.programs().iter().map(Vec::len).collect::<Vec<_>>());
    }
}

#[test]
fn every_row_says_why() {
    for profile in profiles::all() {
        for row in profile.rows() {
            assert!(row.reason.len() > 4, "{}: {} has no reason", profile.name, row.syscall);
            assert!(row.args.iter().all(|arg| arg.index < 6), "{}: {}", profile.name, row.syscall);
        }
    }
}

#[test]
fn names_and_numbers_of_profiles_are_unique() {
    let profiles: Vec<_> = profiles::all().collect();
    for (i, a) in profiles.iter().enumerate() {
        assert!(profiles[i + 1..].iter().all(|b| a.id != b.id && a.name != b.name), "{}", a.name);
        assert_eq!(profiles::by_name(a.name), Some(*a));
    }
    assert_eq!(profiles::by_name("nobody"), None);
}

#[test]
fn no_call_is_both_allowed_and_refused_outright() {
    for profile in profiles::all() {
        let rows = profile.rows();
        let outright = |row: &&Row| row.args.is_empty();
        for refused in rows.iter().filter(outright).filter(|row| row.verdict != Verdict::Allow) {
            let others = rows.iter().filter(|row| row.syscall == refused.syscall).count();
            assert_eq!(others, 1, "{}: {} is refused and something else", profile.name, refused.syscall);
        }
    }
}

#[test]
fn of_the_sealed_processes_only_netd_may_make_internet_sockets() {
    for profile in profiles::all() {
        let claimed = [NETD.name, SPAWNER.name].contains(&profile.name);
        assert_eq!(profile.allows_inet(), claimed, "{}", profile.name);
        assert_eq!(profile.inet, claimed, "{}", profile.name);
    }
}

proptest! {
    /// Whatever the type and protocol, and whatever lies in the halves of the arguments that the kernel ignores.
    #[test]
    fn no_argument_makes_an_internet_socket_elsewhere(kind: u32, protocol: u64, high: u32, six: bool) {
        let family = if six { libc::AF_INET6 } else { libc::AF_INET };
        let args = [u64::from(high) << 32 | family as u64, u64::from(kind), protocol, 0, 0, 0];
        for profile in profiles::children().filter(|profile| **profile != NETD) {
            prop_assert_eq!(run(&compiled(profile), libc::SYS_socket, args), DEATH, "{}", profile.name);
        }
    }
}

/// No sealed process may do these, whatever the arguments; nor the supervisor's other threads. What is not in this list is not
/// thereby allowed: `golden.rs` looks at every number.
#[rustfmt::skip]
const NEVER: &[&str] = &[
    "execve", "execveat", "fork", "vfork", "ptrace", "mount", "umount2", "pivot_root", "chroot", "unshare",
    "setns", "bpf", "io_uring_setup", "io_uring_enter", "io_uring_register", "perf_event_open",
    "userfaultfd", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    "init_module", "finit_module", "delete_module", "kexec_load", "reboot", "swapon", "add_key",
    "request_key", "keyctl", "setuid", "setresuid", "setgid", "setgroups", "capset", "seccomp", "tkill",
    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "shmget", "shmat", "msgget", "semget", "open_by_handle_at",
    "name_to_handle_at", "mknodat", "linkat", "symlinkat", "inotify_init1", "fanotify_init", "acct",
    "quotactl", "personality", "open_tree", "move_mount", "fsopen", "mount_setattr", "openat2",
    "sethostname", "settimeofday", "clock_settime", "landlock_create_ruleset", "dup", "dup3", "vmsplice",
    "splice", "tee", "copy_file_range", "sendfile", "mknod", "link", "symlink", "quotactl_fd",
    "sched_setscheduler", "sched_setattr", "sched_setparam", "swapoff", "process_mrelease", "fsconfig",
    "fsmount", "fspick", "open_tree_attr", "statmount", "listmount", "migrate_pages", "move_pages", "mbind",
    "set_mempolicy", "iopl", "ioperm", "modify_ldt", "uselib", "lookup_dcookie", "kexec_file_load",
    "setdomainname", "syslog", "vhangup", "setreuid", "setregid", "setfsuid", "setfsgid", "setresgid",
    "io_setup", "io_submit", "mq_open", "futex_requeue", "futex_waitv", "map_shadow_stack", "sendmmsg",
    "truncate", "mseal", "lsm_set_self_attr", "shmctl", "msgctl", "semctl",
];

/// Modes, owners, times and attributes: with any of them a file's bits reach beyond the process's folder, to other users.
#[rustfmt::skip]
const MODES_AND_OWNERS: &[&str] = &[
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "setxattr",
    "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
    "file_setattr", "utime", "utimes", "futimesat", "utimensat",
];

fn allowed(profile: &Profile, names: &[&'static str]) -> Vec<&'static str> {
    let rows = profile.rows();
    let allows =
        |name: &&&str| rows.iter().any(|row| row.verdict == Verdict::Allow && row.syscall.name() == **name);
    names.iter().filter(allows).copied().collect()
}

#[test]
fn no_sealed_process_has_a_dangerous_call() {
    for profile in profiles::all().filter(|profile| **profile != SPAWNER) {
        assert_eq!(allowed(profile, NEVER), [""; 0], "{}", profile.name);
    }
    let known: Vec<_> = names::all().map(|(name, _)| name).collect();
    let strange = |name: &&&str| cfg!(target_arch = "x86_64") && !known.contains(*name);
    assert_eq!(NEVER.iter().chain(MODES_AND_OWNERS).find(strange), None, "misspelt");
}

#[test]
fn no_sealed_process_changes_modes_owners_or_attributes() {
    // The supervisor sets the modes of its folders and sockets before its own seal.
    for profile in profiles::all().filter(|profile| **profile != SPAWNER) {
        assert_eq!(allowed(profile, MODES_AND_OWNERS), [""; 0], "{}", profile.name);
    }
}

/// Every argument that a row looks at, and why the upper half, which no row sees, carries nothing.
#[rustfmt::skip]
const HALVES: &[(&str, u8, &str)] = &[
    ("bind", 0, "int"),
    ("clone", 0, "unsigned long, of which the kernel takes lower_32_bits (kernel/fork.c)"),
    ("connect", 0, "int"),
    ("fallocate", 1, "int"),
    ("fcntl", 1, "unsigned int"),
    ("fcntl", 2, "unsigned long; F_SETFL takes it as unsigned int, before 6.6 as bits of which none lies above 31 (fs/fcntl.c: setfl)"),
    ("futex", 1, "int"),
    ("getsockopt", 1, "int"),
    ("getsockopt", 2, "int"),
    ("ioctl", 1, "unsigned int"),
    ("madvise", 2, "int"),
    ("memfd_create", 1, "unsigned int"),
    ("mkdir", 1, "umode_t"),
    ("mkdirat", 2, "umode_t"),
    ("mmap", 2, "unsigned long; PROT_EXEC and all others lie in the lower half"),
    ("mprotect", 2, "unsigned long; a bit above PROT_* is EINVAL (mm/mprotect.c)"),
    ("newfstatat", 3, "int"),
    ("open", 1, "int"),
    ("openat", 2, "int"),
    ("openat", 3, "umode_t"),
    ("pipe2", 1, "int"),
    ("prctl", 0, "int"),
    ("recvmsg", 0, "int"),
    ("renameat2", 4, "unsigned int"),
    ("setsockopt", 1, "int"),
    ("setsockopt", 2, "int"),
    ("socket", 0, "int"),
    ("socket", 1, "int"),
    ("socket", 2, "int"),
    ("socketpair", 0, "int"),
    ("statx", 2, "unsigned int"),
    ("tgkill", 0, "pid_t, an int"),
];

#[test]
fn no_row_looks_at_an_argument_whose_upper_half_counts() {
    for profile in profiles::all() {
        for row in profile.rows() {
            for arg in row.args {
                let known =
                    HALVES.iter().any(|(name, index, _)| *name == row.syscall.name() && *index == arg.index);
                assert!(known, "{}: {} argument {}", profile.name, row.syscall, arg.index);
            }
        }
    }
}

#[test]
fn a_child_may_signal_and_stop_no_other_process() {
    for profile in profiles::children() {
        for number in [libc::SYS_kill, libc::SYS_pidfd_send_signal, libc::SYS_pidfd_open, libc::SYS_prlimit64]
        {
            assert_ne!(
                verdict(profile, number, [1, 9, 0, 0, 0, 0]),
                Some(Verdict::Allow),
                "{}: {number}",
                profile.name
            );
        }
        let tgkill = |pid: u64| verdict(profile, libc::SYS_tgkill, [pid, pid, 6, 0, 0, 0]);
        assert_eq!(tgkill(1), None, "{}", profile.name);
        assert_eq!(tgkill(u64::from(PID)), Some(Verdict::Allow), "{}: an abort must be heard", profile.name);
    }
}

#[test]
fn no_child_maps_code_after_the_seal() {
    for profile in profiles::children() {
        assert!(profile.mdwe, "{}", profile.name);
        // The window's libraries may try: they are told no.
        let refused = (profile.name == "ui").then_some(Verdict::Refuse(Errno(libc::EPERM)));
        for prot in [libc::PROT_EXEC, libc::PROT_EXEC | libc::PROT_READ, libc::PROT_EXEC | libc::PROT_WRITE] {
            let args = [0, 4096, prot as u64, 0, 0, 0];
            assert_eq!(verdict(profile, libc::SYS_mmap, args), refused, "{}", profile.name);
            assert_eq!(verdict(profile, libc::SYS_mprotect, args), refused, "{}", profile.name);
            assert_eq!(verdict(profile, libc::SYS_pkey_mprotect, args), None, "{}", profile.name);
        }
    }
}

/// No file right covers path sockets: the tables alone hold them. desk is there for one.
#[test]
fn no_child_but_desk_makes_a_local_socket_or_connects_to_one() {
    for profile in profiles::children().filter(|profile| profile.name != "desk") {
        // The window's libraries may try: they are told no.
        let refused = (profile.name == "ui").then_some(Verdict::Refuse(Errno(libc::EACCES)));
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
            let args = [libc::AF_UNIX as u64, (kind | libc::SOCK_CLOEXEC) as u64, 0, 0, 0, 0];
            assert_eq!(verdict(profile, libc::SYS_socket, args), refused, "{}", profile.name);
            assert_eq!(verdict(profile, libc::SYS_socketpair, args), None, "{}", profile.name);
        }
        if *profile != NETD {
            assert_eq!(verdict(profile, libc::SYS_connect, [0; 6]), refused, "{}", profile.name);
        }
    }
}

/// A profile like netd's, of these rows alone.
fn of(rows: Vec<Row>) -> Profile {
    Profile { groups: vec![&*rows.leak()].leak(), ..NETD }
}

fn socket(family: i32, kind: i32) -> Row {
    allow_if(call!(SYS_socket), vec![is(0, family.into()), is(1, kind.into())].leak(), "tried")
}

const KINDS: [i32; 3] = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET];

#[test]
fn a_path_is_named_by_a_call_that_takes_one_or_by_any_local_socket_with_a_call_that_names_another() {
    let (connect, bind) = (allow(call!(SYS_connect), "tried"), allow(call!(SYS_bind), "tried"));
    for local in KINDS.map(|kind| socket(libc::AF_UNIX, kind)) {
        assert!(of(vec![local, connect]).has_path_calls() && of(vec![local, bind]).has_path_calls());
        assert!(!of(vec![local]).has_path_calls());
    }
    assert!(of(vec![allow(call!(SYS_openat), "tried")]).has_path_calls());
    assert!(!of(vec![connect, bind, socket(libc::AF_INET, libc::SOCK_STREAM)]).has_path_calls());
}

#[test]
fn a_table_that_has_one_kind_of_internet_socket_has_the_internet() {
    for kind in KINDS.into_iter().chain([libc::SOCK_RAW]) {
        assert!(of(vec![socket(libc::AF_INET, kind)]).allows_inet());
        assert!(of(vec![socket(libc::AF_INET6, kind)]).allows_inet());
        assert!(!of(vec![socket(libc::AF_UNIX, kind)]).allows_inet());
    }
}

#[test]
fn what_a_child_may_do_about_its_own_process_the_spawner_lets_through_whatever_that_will_be() {
    let about_itself = |row: &Row| row.args.iter().any(|arg| arg.test == Test::OwnPid);
    let mut calls: Vec<_> = profiles::children().flat_map(Profile::rows).filter(about_itself).collect();
    calls.dedup();
    assert_eq!(calls.len(), 1, "{calls:?}");
    for row in calls {
        let verdict = verdict(&SPAWNER, row.syscall.number(), [u64::from(PID) + 1, 0, 0, 0, 0, 0]);
        assert_eq!(verdict, Some(Verdict::Allow), "{}", row.syscall);
    }
}

#[test]
fn no_clone_makes_a_process_or_enters_a_namespace() {
    let thread =
        (libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD)
            as u64;
    for profile in profiles::all().filter(|profile| **profile != SPAWNER) {
        for flags in [libc::SIGCHLD as u64, 0, libc::CLONE_VM as u64 | libc::CLONE_VFORK as u64] {
            assert_eq!(verdict(profile, libc::SYS_clone, [flags, 0, 0, 0, 0, 0]), None, "{}", profile.name);
        }
        for namespace in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET, libc::CLONE_NEWPID] {
            let flags = thread | u64::from(namespace.unsigned_abs());
            assert_eq!(verdict(profile, libc::SYS_clone, [flags, 0, 0, 0, 0, 0]), None, "{}", profile.name);
        }
        let refused = verdict(profile, libc::SYS_clone3, [0; 6]);
        assert_ne!(refused, Some(Verdict::Allow), "{}: clone3 hides its flags", profile.name);
    }
    let enters = verdict(
        &SPAWNER,
        libc::SYS_clone,
        [libc::CLONE_NEWUSER as u64 | libc::SIGCHLD as u64, 0, 0, 0, 0, 0],
    );
    assert_eq!(enters, None, "the spawner forks without namespaces");
}

#[test]
fn only_the_spawner_and_the_supervisor_reach_other_processes_or_exec() {
    let may = |number: i64| -> Vec<&str> {
        let open = profiles::all().filter(|p| verdict(p, number, [0; 6]).is_some());
        open.map(|p| p.name).collect()
    };
    assert_eq!(may(libc::SYS_execve), ["spawner"]);
    assert_eq!(may(libc::SYS_unshare), ["spawner"]);
    assert_eq!(may(libc::SYS_kill), [""; 0]);
    assert_eq!(may(libc::SYS_ptrace), [""; 0]);
    assert_eq!(may(libc::SYS_bpf), [""; 0]);
    assert_eq!(may(libc::SYS_io_uring_setup), [""; 0]);
}

/// A descriptor leaves a process by `sendmsg` or `sendmmsg`, and comes in by `recvmsg` or `recvmmsg`.
#[test]
fn descriptors_are_sent_only_by_who_grants_or_has_sockets_that_are_no_edges() {
    let may = |number: i64, fd: u64| -> Vec<&str> {
        let open = profiles::all().filter(|p| verdict(p, number, [fd, 0, 0, 0, 0, 0]).is_some());
        open.map(|p| p.name).collect()
    };
    assert_eq!(may(libc::SYS_sendmsg, 3), ["supervisor", "spawner", "netd", "ui", "desk"]);
    assert_eq!(may(libc::SYS_recvmsg, 4), ["spawner", "netd", "ui", "desk"]);
    assert_eq!(may(libc::SYS_recvmsg, 3).len(), 9, "the control socket, in each");
    assert_eq!(may(libc::SYS_sendmmsg, 3), [""; 0]);
    assert_eq!(may(libc::SYS_recvmmsg, 3), ["spawner", "netd"]);
}

/// A child's own filter stacks on the spawner's, so whatever the child may do, or is to be refused politely, must pass there, or be
/// refused there as politely.
#[test]
fn the_spawner_lets_through_whatever_a_child_needs() {
    let spawner = SPAWNER.rows();
    for profile in profiles::children() {
        for row in profile.rows().iter().filter(|row| row.syscall.number() != libc::SYS_clone3) {
            let covered = spawner.iter().any(|wide| {
                let passes = wide.verdict == Verdict::Allow || wide.verdict == row.verdict;
                let same = wide.syscall == row.syscall && passes;
                let own_pid = row.args.iter().any(|arg| arg.test == Test::OwnPid);
                same && (wide.args.is_empty() || wide.args == row.args && !own_pid)
            });
            assert!(covered, "{}: {} {:?}", profile.name, row.syscall, row.args);
        }
    }
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
/// Of another architecture: always.
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
/// Of a call in no row.
const DEATH: u32 = if cfg!(debug_assertions) { libc::SECCOMP_RET_TRAP } else { KILL };

/// What the kernel would answer.
fn run(filters: &Filters, number: i64, args: [u64; 6]) -> u32 {
    answer(filters.programs(), &call(number, args)).unwrap()
}

fn expected(verdict: Option<Verdict>) -> u32 {
    match verdict {
        None => DEATH,
        Some(Verdict::Allow) => ALLOW,
        Some(Verdict::Refuse(errno)) => libc::SECCOMP_RET_ERRNO | errno.0 as u32,
    }
}

/// Arguments that tell rows apart: the values they name, beside arbitrary ones.
fn argument() -> impl Strategy<Value = u64> {
    let named: Vec<u64> = profiles::all()
        .flat_map(Profile::rows)
        .flat_map(|row| row.args.to_vec())
        .map(|arg| match arg.test {
            Test::Is(value) | Test::IsNot(value) | Test::Bits { value, .. } => u64::from(value),
            Test::OwnPid => u64::from(PID),
        })
        .collect();
    prop_oneof![prop::sample::select(named), any::<u64>(), any::<u32>().prop_map(u64::from)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_filters_do_what_the_tables_say(number in 0_i64..470, args in prop::array::uniform6(argument())) {
        for profile in profiles::all() {
            let rows = profile.rows();
            let answer = run(&bpf::compile(profile.name, &rows, PID).unwrap(), number, args);
            prop_assert_eq!(answer, expected(decide(&rows, number, &args, PID)), "{} {:?}", profile.name, args);
        }
    }
}

#[test]
fn a_call_of_another_architecture_is_death() {
    for profile in profiles::all() {
        let filters = compiled(profile);
        // The x32 numbers of x86_64.
        assert_eq!(run(&filters, libc::SYS_read | 0x4000_0000, [0; 6]), DEATH);
        let mut foreign = [0; 64];
        foreign[4..8].copy_from_slice(&0x4000_0003_u32.to_ne_bytes());
        assert_eq!(answer(filters.programs(), &foreign), Some(KILL), "{}: i386", profile.name);
    }
}

#[test]
fn only_a_debug_build_lets_a_process_outlive_its_call_by_a_line() {
    assert_eq!(Otherwise::OF_THIS_BUILD == Otherwise::NameAndDie, cfg!(debug_assertions));
    for profile in profiles::all() {
        let release = bpf::compile_for(Otherwise::Kill, profile.name, &profile.rows(), PID).unwrap();
        assert_eq!(run(&release, libc::SYS_ptrace, [0; 6]), KILL, "{}", profile.name);
        let debug = bpf::compile_for(Otherwise::NameAndDie, profile.name, &profile.rows(), PID).unwrap();
        assert_eq!(run(&debug, libc::SYS_ptrace, [0; 6]), libc::SECCOMP_RET_TRAP, "{}", profile.name);
    }
}

#[test]
fn each_table_has_a_fingerprint_of_its_own() {
    let prints: std::collections::BTreeSet<u64> =
        profiles::all().map(|profile| compiled(profile).fingerprint()).collect();
    assert_eq!(prints.len(), profiles::all().count());
    assert_eq!(compiled(&NETD).fingerprint(), compiled(&NETD).fingerprint());
    assert_eq!(sandbox::call!(SYS_read).to_string(), "read");
}
