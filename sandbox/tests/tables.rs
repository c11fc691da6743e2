//! The tables as data: they compile, they say why, and they grant nothing beyond what is claimed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, missing_docs)]

use proptest::prelude::*;
use sandbox::bpf::{self, Filters};
use sandbox::profiles::{self, NETD, Profile, SPAWNER};
use sandbox::rule::{Row, Test, Verdict, decide};

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
            prop_assert_eq!(run(&compiled(profile), libc::SYS_socket, args), KILL, "{}", profile.name);
        }
    }
}

/// No sealed process may do these, whatever the arguments; nor the supervisor's other threads.
const NEVER: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_ptrace,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_setuid,
    libc::SYS_setresuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_seccomp,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_setxattr,
    libc::SYS_inotify_init1,
    libc::SYS_fanotify_init,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_personality,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_mount_setattr,
    libc::SYS_openat2,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_vmsplice,
    libc::SYS_splice,
    libc::SYS_tee,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
];

#[test]
fn no_sealed_process_has_a_dangerous_call() {
    for profile in profiles::all().filter(|profile| **profile != SPAWNER) {
        let rows = profile.rows();
        for number in NEVER {
            let mut allows = rows.iter().filter(|row| row.verdict == Verdict::Allow);
            assert!(allows.all(|row| row.syscall.number() != *number), "{}: {number}", profile.name);
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
fn only_the_window_may_map_code() {
    for profile in profiles::children().filter(|profile| profile.mdwe) {
        for prot in [libc::PROT_EXEC, libc::PROT_EXEC | libc::PROT_READ, libc::PROT_EXEC | libc::PROT_WRITE] {
            let args = [0, 4096, prot as u64, 0, 0, 0];
            assert_eq!(verdict(profile, libc::SYS_mmap, args), None, "{}", profile.name);
            assert_eq!(verdict(profile, libc::SYS_mprotect, args), None, "{}", profile.name);
            assert_eq!(verdict(profile, libc::SYS_pkey_mprotect, args), None, "{}", profile.name);
        }
    }
    let open: Vec<_> =
        profiles::children().filter(|profile| !profile.mdwe).map(|profile| profile.name).collect();
    assert_eq!(open, ["ui"]);
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
    assert_eq!(may(libc::SYS_kill), ["supervisor"]);
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
    assert_eq!(may(libc::SYS_sendmmsg, 3), ["spawner", "netd"]);
    assert_eq!(may(libc::SYS_recvmmsg, 3), ["spawner", "netd"]);
}

/// A child's own filter stacks on the spawner's, so whatever the child may do, or is to be refused politely, must pass there.
#[test]
fn the_spawner_lets_through_whatever_a_child_needs() {
    let spawner = SPAWNER.rows();
    for profile in profiles::children() {
        for row in profile.rows().iter().filter(|row| row.syscall.number() != libc::SYS_clone3) {
            let covered = spawner.iter().any(|wide| {
                let same = wide.syscall == row.syscall && wide.verdict == Verdict::Allow;
                let own_pid = row.args.iter().any(|arg| arg.test == Test::OwnPid);
                same && (wide.args.is_empty() || wide.args == row.args && !own_pid)
            });
            assert!(covered, "{}: {} {:?}", profile.name, row.syscall, row.args);
        }
    }
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

/// What the kernel would answer: all filters run, and the answer with the lowest signed action wins (seccomp(2)).
fn run(filters: &Filters, number: i64, args: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend_from_slice(&(number as u32).to_ne_bytes());
    let arch: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
    data.extend_from_slice(&arch.to_ne_bytes());
    data.extend_from_slice(&[0; 8]);
    args.iter().for_each(|arg| data.extend_from_slice(&arg.to_ne_bytes()));
    filters.programs().iter().map(|program| interpret(program, &data)).min_by_key(|a| *a as i32).unwrap()
}

/// The part of classic BPF that filters use. Source: linux/bpf_common.h.
fn interpret(program: &[seccompiler::sock_filter], data: &[u8]) -> u32 {
    let (mut at, mut accumulator) = (0, 0_u32);
    loop {
        let i = &program[at];
        at += 1;
        match i.code {
            0x20 => {
                let offset = i.k as usize;
                accumulator = u32::from_ne_bytes(data[offset..offset + 4].try_into().unwrap());
            }
            0x54 => accumulator &= i.k,
            0x05 => at += i.k as usize,
            0x15 => at += usize::from(if accumulator == i.k { i.jt } else { i.jf }),
            0x06 => return i.k,
            code => panic!("unknown instruction {code:#x}"),
        }
    }
}

fn expected(verdict: Option<Verdict>) -> u32 {
    match verdict {
        None => KILL,
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
        assert_eq!(run(&filters, libc::SYS_read | 0x4000_0000, [0; 6]), KILL);
        let mut foreign = vec![0; 64];
        foreign[4..8].copy_from_slice(&0x4000_0003_u32.to_ne_bytes());
        let answers = filters.programs().iter().map(|program| interpret(program, &foreign));
        assert!(answers.min_by_key(|a| *a as i32) == Some(KILL), "{}: i386", profile.name);
    }
}
