//! Real programs by fork and exec, up to the whole way in under a sealed supervisor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, missing_docs)]
#![allow(unsafe_code, reason = "forks, and bare system calls")]

mod support;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, pipe};
use sandbox::profiles::{self, Profile};
use sandbox::spawn::{SpawnSpec, spawn, spawn_image};
use sandbox::{Args, REPORT_BYTES, Report, Role, read_proc_status};
use support::*;

fn read_all(from: OwnedFd) -> String {
    let mut text = String::new();
    File::from(from).read_to_string(&mut text).unwrap();
    text
}

/// Starts `argv` with an environment of one variable; its stdout and stderr.
fn output_of(argv: &[&str]) -> (WaitStatus, String, String) {
    let (out, stdout) = pipe().unwrap();
    let (err, stderr) = pipe().unwrap();
    let (_supervisor, control) = control_pair();
    let pid = spawn(&SpawnSpec {
        program: Path::new(argv[0]),
        argv: argv.iter().map(OsString::from).collect(),
        environment: vec![("DISPLAY".into(), ":7=8".into())],
        control: control.as_fd(),
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
    })
    .unwrap();
    drop((stdout, stderr));
    let (out, err) = (read_all(out), read_all(err));
    (waitpid(pid, None).unwrap(), out, err)
}

#[test]
fn a_child_gets_its_arguments_and_no_environment_but_the_given() {
    let (status, out, _) = output_of(&["/usr/bin/env"]);
    assert!(matches!(status, WaitStatus::Exited(_, 0)));
    assert_eq!(out, "DISPLAY=:7=8\n");
    let (_, out, err) =
        output_of(&["/bin/sh", "-c", "echo \"$0 $1\"; echo other >&2", "a b", "--folder=/x y"]);
    assert_eq!((out.as_str(), err.as_str()), ("a b --folder=/x y\n", "other\n"));
}

#[test]
fn a_child_gets_exactly_the_descriptors_0_to_3() {
    let leaked: Vec<_> = (0..20).map(|_| File::open("/dev/null").unwrap()).collect();
    for file in &leaked {
        // SAFETY: clears close-on-exec, the mistake that close_range is there for.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) };
    }
    // 4 is what ls opens to list them.
    let (_, out, _) = output_of(&["/bin/ls", "/proc/self/fd"]);
    assert_eq!(out, "0\n1\n2\n3\n4\n");
    let (_, out, _) =
        output_of(&["/bin/sh", "-c", "readlink /proc/self/fd/0; test -S /proc/self/fd/3 && echo socket"]);
    assert_eq!(out, "/dev/null\nsocket\n");
}

#[test]
fn descriptors_in_the_way_are_no_matter() {
    let (out, stdout) = pipe().unwrap();
    let (_supervisor, control) = control_pair();
    let end = in_child(|| {
        // The control socket lies on 1, and stdout on 3: each in the other's place.
        let (control, stdout) = (control.as_raw_fd(), stdout.as_raw_fd());
        let [control, stdout] = [control, stdout]
            .map(|fd| nix::fcntl::fcntl(borrow(fd), nix::fcntl::FcntlArg::F_DUPFD(40)).unwrap());
        // SAFETY: test descriptors of this process.
        unsafe { libc::dup2(control, 1) };
        // SAFETY: as above.
        unsafe { libc::dup2(stdout, 3) };
        let pid = spawn(&SpawnSpec {
            program: Path::new("/bin/sh"),
            argv: vec![
                "sh".into(),
                "-c".into(),
                "test -S /proc/self/fd/3 && test -p /proc/self/fd/1 && echo right".into(),
            ],
            environment: vec![],
            control: borrow(1),
            stdout: borrow(3),
            stderr: borrow(2),
        });
        let status = waitpid(pid.map_err(|e| e.to_string())?, None).map_err(|e| e.to_string())?;
        holds(matches!(status, WaitStatus::Exited(_, 0)), "descriptors are mixed up")
    });
    drop(stdout);
    assert_eq!(end, FINE);
    assert_eq!(read_all(out), "right\n");
}

fn borrow(fd: i32) -> std::os::fd::BorrowedFd<'static> {
    // SAFETY: the callers pass descriptors that stay open until the process ends.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }
}

#[test]
fn a_program_that_cannot_be_run_is_an_error_of_spawn() {
    let (_supervisor, control) = control_pair();
    let null = File::create("/dev/null").unwrap();
    let try_one = |program: &str| {
        spawn(&SpawnSpec {
            program: Path::new(program),
            argv: vec!["x".into()],
            environment: vec![],
            control: control.as_fd(),
            stdout: null.as_fd(),
            stderr: null.as_fd(),
        })
    };
    assert_eq!(try_one("/does/not/exist").unwrap_err().raw_os_error(), Some(libc::ENOENT));
    assert_eq!(try_one("/etc").unwrap_err().raw_os_error(), Some(libc::EACCES));
    assert_eq!(try_one("/a\0b").unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// In a process of its own: in this one other tests have children too.
#[test]
fn a_program_that_cannot_be_run_leaves_no_zombie() {
    let (_supervisor, control) = control_pair();
    let end = in_child(|| {
        let failed = spawn(&SpawnSpec {
            program: Path::new("/does/not/exist"),
            argv: vec!["x".into()],
            environment: vec![],
            control: control.as_fd(),
            stdout: control.as_fd(),
            stderr: control.as_fd(),
        });
        let reaped = waitpid(Pid::from_raw(-1), Some(nix::sys::wait::WaitPidFlag::WNOHANG));
        holds(failed.is_err() && reaped == Err(nix::errno::Errno::ECHILD), "a zombie is left")
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_child_leads_its_session_and_blocks_no_signal() {
    let (_, out, _) = output_of(&["/usr/bin/cut", "-d ", "-f1,6", "/proc/self/stat"]);
    let (pid, session) = out.trim().split_once(' ').unwrap();
    assert_eq!(pid, session);
    let (_, out, _) = output_of(&["/bin/grep", "-E", "SigBlk|SigIgn|Umask", "/proc/self/status"]);
    let fields: Vec<&str> = out.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    let ignored = u64::from_str_radix(fields[2], 16).unwrap();
    assert_eq!(
        (fields[0], fields[1], ignored & 1 << (libc::SIGPIPE - 1)),
        ("0077", "0000000000000000", 0),
        "{out}"
    );
}

/// The example beside the test's own binary.
fn confined_program() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.parent().unwrap().parent().unwrap().join("examples/confined")
}

/// Loaded before the spawner is sealed, as the supervisor does.
static PROGRAM: std::sync::LazyLock<sandbox::Image> =
    std::sync::LazyLock::new(|| sandbox::Image::load(&confined_program()));

struct Started {
    pid: u32,
    report: Report,
    control: OwnedFd,
}

fn start(profile: &Profile, folder: Option<&Path>, namespaces: bool) -> Result<Started, String> {
    let (ours, control) = control_pair();
    let (out, stdout) = pipe().map_err(|e| e.to_string())?;
    let args = Args {
        name: profile.name.into(),
        namespaces,
        role: Role::Client,
        folder: folder.map(Path::to_path_buf),
        without_walls: false,
    };
    let program = confined_program();
    let stderr = io::stderr();
    let spec = SpawnSpec {
        program: &program,
        argv: args.to_argv(),
        environment: vec![],
        control: control.as_fd(),
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
    };
    let pid = spawn_image(&PROGRAM, &spec).map_err(|e| format!("spawn {}: {e}", profile.name))?;
    drop((control, stdout));
    let mut bytes = Vec::new();
    let mut out = File::from(out);
    // The child keeps its stdout, so the report's length is what ends it.
    io::Read::by_ref(&mut out)
        .take(REPORT_BYTES as u64)
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    let report =
        Report::decode(&bytes).map_err(|e| format!("{}: {e}: {} bytes", profile.name, bytes.len()))?;
    Ok(Started { pid: pid.as_raw().unsigned_abs(), report, control: ours })
}

impl Started {
    fn stop(self) -> Result<(), String> {
        drop(self.control);
        match waitpid(Pid::from_raw(self.pid.cast_signed()), None) {
            Ok(WaitStatus::Exited(_, 0)) => Ok(()),
            other => Err(format!("{}: {other:?}", self.report.profile.name)),
        }
    }
}

fn all_the_way(namespaces: bool, folder: &Path) -> Result<i32, String> {
    let spawner = sandbox::supervisor::seal_spawner().map_err(|e| e.to_string())?;
    let missing = spawner.weaker();
    let root = nix::unistd::geteuid().is_root();
    // As root the spawner keeps one capability, for the children's id maps.
    if !(missing.is_empty() || root && missing == ["capabilities"]) {
        return Err(format!("the spawner lacks {missing:?}"));
    }
    for profile in profiles::children() {
        let child = start(profile, folder_of(profile, folder), namespaces)?;
        let status = read_proc_status(child.pid).map_err(|e| e.to_string())?;
        let problems = [child.report.weaker(), status.contradicts(&child.report)].concat();
        let entered = child.report.namespaces.contains(sandbox::Namespaces::MOUNT);
        let inherited = spawner.filters + child.report.filters;
        if !problems.is_empty()
            || entered != namespaces
            || status.filters != inherited
            || status.effective != 0
        {
            return Err(format!("{}: {problems:?} {:?} {status:?}", profile.name, child.report));
        }
        child.stop()?;
    }
    Ok(0)
}

#[test]
fn every_profile_is_entered_under_the_sealed_spawner() {
    let (_keep, folder) = folder();
    std::sync::LazyLock::force(&PROGRAM);
    for namespaces in namespace_choices() {
        assert_eq!(in_child(|| all_the_way(namespaces, &folder)), FINE, "namespaces: {namespaces}");
    }
}

#[test]
fn the_sealed_spawner_can_do_nothing_that_no_child_needs() {
    for number in [
        libc::SYS_ptrace,
        libc::SYS_bpf,
        libc::SYS_io_uring_setup,
        libc::SYS_init_module,
        libc::SYS_setuid,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_setns,
        libc::SYS_chroot,
        libc::SYS_process_vm_readv,
    ] {
        let end = in_child(|| {
            sandbox::supervisor::seal_spawner().map_err(|e| e.to_string())?;
            raw(number, [0; 6]);
            Ok(0)
        });
        assert_eq!(end, SIGSYS, "{number}");
    }
}

#[test]
fn the_supervisors_threads_each_get_their_own_table() {
    std::sync::LazyLock::force(&PROGRAM);
    let end = in_child(|| {
        let spawner = std::thread::spawn(|| {
            sandbox::supervisor::seal_spawner().map_err(|e| e.to_string())?;
            let (_keep, folder) = folder();
            start(&profiles::STORED, Some(&folder), false)?.stop()
        });
        spawner.join().map_err(|_| "the spawner panicked")??;
        let report = sandbox::supervisor::seal_thread().map_err(|e| e.to_string())?;
        let status = read_proc_status(std::process::id()).map_err(|e| e.to_string())?;
        holds(
            report.weaker().is_empty() && status.effective == 0 && status.no_new_privs,
            "the supervisor is weak",
        )
    });
    assert_eq!(end, FINE);
}

#[test]
fn children_die_with_the_supervisor() {
    let (told, tell) = pipe().unwrap();
    // SAFETY: the child leaves by a signal.
    let supervisor = match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Child => {
            let (_keep, control) = control_pair();
            let null = File::create("/dev/null").unwrap();
            let pid = spawn(&SpawnSpec {
                program: Path::new("/bin/sleep"),
                argv: vec!["sleep".into(), "600".into()],
                environment: vec![],
                control: control.as_fd(),
                stdout: null.as_fd(),
                stderr: null.as_fd(),
            });
            nix::unistd::write(&tell, &pid.unwrap().as_raw().to_ne_bytes()).unwrap();
            loop {
                nix::unistd::pause();
            }
        }
        nix::unistd::ForkResult::Parent { child } => child,
    };
    let mut bytes = [0; 4];
    nix::unistd::read(&told, &mut bytes).unwrap();
    let orphan = i32::from_ne_bytes(bytes);
    // SAFETY: only asks for a descriptor that becomes readable when the process ends.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, orphan, 0) };
    assert!(pidfd >= 0);
    kill(supervisor, Signal::SIGKILL).unwrap();
    waitpid(supervisor, None).unwrap();
    let mut ended = [libc::pollfd { fd: pidfd as i32, events: libc::POLLIN, revents: 0 }];
    // SAFETY: one entry, which lives through the call.
    assert_eq!(unsafe { libc::poll(ended.as_mut_ptr(), 1, 10_000) }, 1, "it lives on");
}

#[test]
fn root_sheds_itself_for_the_folders_owner_and_cannot_return() {
    let (_keep, folder) = folder();
    if !nix::unistd::geteuid().is_root() {
        assert_eq!(sandbox::shed_root(&folder).unwrap(), sandbox::Shed::NotRoot);
        return;
    }
    assert_eq!(sandbox::shed_root(&folder).unwrap(), sandbox::Shed::StillRoot);
    std::os::unix::fs::chown(&folder, Some(4242), Some(4243)).unwrap();
    let end = in_child(|| {
        let shed = sandbox::shed_root(&folder).map_err(|e| e.to_string())?;
        let back = nix::unistd::setuid(nix::unistd::Uid::from_raw(0)).is_ok();
        let probe = sandbox::probe_namespaces(Some(&folder));
        let status = read_proc_status(std::process::id()).map_err(|e| e.to_string())?;
        let ids = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
        let gone =
            !back && status.effective | status.permitted == 0 && nix::unistd::getgroups().unwrap().len() <= 1;
        eprintln!("{probe:?}");
        holds(gone && shed == sandbox::Shed::Became { uid: 4242 } && ids == (4242, 4243), "still root")
    });
    assert_eq!(end, FINE);
}

#[test]
fn the_control_socket_is_taken_where_it_is_and_once() {
    let by_hand = in_child(|| {
        // SAFETY: the forked child uses nothing that lies there.
        unsafe { libc::close(3) };
        holds(sandbox::take_control().is_err(), "there is none")
    });
    assert_eq!(by_hand, FINE);
    let (_supervisor, control) = control_pair();
    let started = in_child(|| {
        // SAFETY: as above.
        unsafe { libc::dup2(control.as_raw_fd(), 3) };
        let first = sandbox::take_control().map_err(|e| e.to_string())?;
        holds(first.as_raw_fd() == 3 && sandbox::take_control().is_err(), "it was taken twice")
    });
    assert_eq!(started, FINE);
}
