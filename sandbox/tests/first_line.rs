//! Who is there when a part starts, as a program of the same user, sees nothing of it: the race for /proc/PID/mem.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks and shared memory")]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe};
use sandbox::profiles::KEYVAULT;
use sandbox::spawn::{SpawnSpec, spawn_image};
use sandbox::{Args, Image, REPORT_BYTES, Report, Role};
use support::*;

/// How far the ids of the next processes may lie, where others on the machine start some as well.
const AHEAD: u32 = 48;

/// The example, where an ordinary user may run and read it.
fn program(folder: &Path) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = folder.join("confined");
    let example = here.parent().unwrap().parent().unwrap().join("examples/confined");
    // Not copied by this process: a test beside this one that forks meanwhile would hold the copy open for writing.
    let copied = std::process::Command::new("cp").args([&example, &program]).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    if nix::unistd::geteuid().is_root() {
        chown(&program, Some(ORDINARY), Some(ORDINARY)).unwrap();
    }
    program
}

/// One number that two processes share.
fn shared() -> &'static AtomicU32 {
    // SAFETY: a fresh page, zeroed, never unmapped; an AtomicU32 may lie in it.
    unsafe {
        let size = std::num::NonZero::new(4096).unwrap();
        let (read_write, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        let page = nix::sys::mman::mmap_anonymous(
            None,
            size,
            nix::sys::mman::ProtFlags::from_bits_truncate(read_write),
            nix::sys::mman::MapFlags::from_bits_truncate(kind),
        );
        &*page.unwrap().as_ptr().cast::<AtomicU32>()
    }
}

/// Opens the memory of every process that may be next, as fast as it can, and writes down whose it got: its id, its parent's,
/// whether it is in another mount namespace, and what its descriptors are.
fn attack(last: &AtomicU32, wins: OwnedFd) -> ! {
    // Pipes of tests beside this one would stay open in here.
    // SAFETY: this process uses none of the descriptors that are closed.
    unsafe {
        libc::dup2(wins.as_raw_fd(), 3);
        libc::syscall(libc::SYS_close_range, 4, u32::MAX, 0);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    // SAFETY: made just above.
    let mut wins = File::from(unsafe { OwnedFd::from_raw_fd(3) });
    become_ordinary();
    let mut held: BTreeSet<u32> = BTreeSet::new();
    loop {
        let at = last.load(Ordering::Relaxed);
        for pid in at + 1..at + AHEAD {
            if held.contains(&pid) || File::open(format!("/proc/{pid}/mem")).is_err() {
                continue;
            }
            held.insert(pid);
            let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            let links: Vec<String> = links
                .filter_map(|entry| {
                    Some(fs::read_link(entry.path()).ok()?.to_string_lossy().replace(' ', "_"))
                })
                .collect();
            let mount = fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
            let own = fs::read_link("/proc/self/ns/mnt").ok();
            let elsewhere = mount.is_some() && mount != own;
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap_or("0").trim();
            writeln!(wins, "{pid} {parent} {elsewhere} {}", links.join(" ")).unwrap();
        }
    }
}

/// Ends with the test, however that ends.
struct Attacker(Pid);

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
        let _ = waitpid(self.0, None);
    }
}

/// One life: started as the supervisor does, waited for until it is sealed, ended. Its process id, and what it reports.
fn life(image: &Image, namespaces: bool) -> (u32, Report) {
    let (supervisor, control) = control_pair();
    let (out, stdout) = pipe().unwrap();
    let (name, role) = (KEYVAULT.name.into(), Role::Client);
    let args = Args { name, namespaces, role, folder: None, without_walls: false };
    let pid = spawn_image(
        image,
        &SpawnSpec {
            program: image.path(),
            argv: args.to_argv(),
            environment: vec![],
            control: control.as_fd(),
            stdout: stdout.as_fd(),
            stderr: std::io::stderr().as_fd(),
        },
    )
    .unwrap();
    drop(stdout);
    let mut bytes = [0; REPORT_BYTES];
    File::from(out).read_exact(&mut bytes).unwrap();
    // The sealed spawner may signal nobody: a hang-up ends the part.
    drop((supervisor, control));
    waitpid(pid, None).unwrap();
    (pid.as_raw().unsigned_abs(), Report::decode(&bytes).unwrap())
}

/// What an attacker of the same user got while `tries` parts started: how many of the parts, and lines about their children.
fn race(program: &Path, hidden: bool, namespaces: bool, tries: u32) -> (usize, Vec<String>) {
    let last = shared();
    let (won, wins) = pipe().unwrap();
    // SAFETY: it never returns, and is killed below.
    let attacker = match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Child => attack(last, wins),
        nix::unistd::ForkResult::Parent { child } => Attacker(child),
    };
    drop(wins);
    let (parts, tell) = pipe().unwrap();
    let end = in_child(|| {
        become_ordinary();
        sandbox::first_line().map_err(|e| e.to_string())?;
        let image = if hidden { Image::load(program) } else { Image::by_path(program) };
        sandbox::supervisor::seal_spawner().map_err(|e| e.to_string())?;
        let mut tell = File::from(tell.try_clone().unwrap());
        for _ in 0..tries {
            let (pid, report) = life(&image, namespaces);
            last.store(pid, Ordering::Relaxed);
            writeln!(tell, "{pid}").map_err(|e| e.to_string())?;
            if report.born_undumpable != hidden {
                return Err(format!("hidden {hidden}, and was not born so"));
            }
        }
        Ok(0)
    });
    drop(tell);
    assert_eq!(end, FINE);
    drop(attacker);
    let parts: BTreeSet<String> = BufReader::new(File::from(parts)).lines().map(Result::unwrap).collect();
    let lines = BufReader::new(File::from(won)).lines().map(Result::unwrap);
    let is_part = |line: &str, word: usize| parts.contains(line.split(' ').nth(word).unwrap());
    let (of_parts, others): (Vec<String>, Vec<String>) = lines.partition(|line| is_part(line, 0));
    // What else this user runs on the machine is no part's affair.
    (of_parts.len(), others.into_iter().filter(|line| is_part(line, 1)).collect())
}

#[test]
fn after_the_first_line_nobody_looks_in_and_nothing_is_dumped() {
    let end = in_child(|| {
        let dumpable = || raw(libc::SYS_prctl, [libc::PR_GET_DUMPABLE as u64, 0, 0, 0, 0, 0]);
        raw(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0, 0]);
        let before = dumpable();
        sandbox::first_line().map_err(|e| e.to_string())?;
        let (_, core) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE).unwrap();
        holds((before, dumpable(), core) == (1, 0, 0), "it can be dumped")
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_part_says_truly_whether_it_could_be_read_while_it_started() {
    let (_keep, folder) = folder();
    let program = program(&folder);
    let end = in_child(|| {
        become_ordinary();
        let images = [Image::load(&program), Image::by_path(&program)];
        sandbox::supervisor::seal_spawner().map_err(|e| e.to_string())?;
        let hidden = images.each_ref().map(|image| life(image, false).1.born_undumpable);
        holds(hidden == [true, false], "it says what is not so")
    });
    assert_eq!(end, FINE);
}

#[test]
fn a_thousand_tries_for_the_memory_of_a_starting_part_win_nothing() {
    let (_keep, folder) = folder();
    let program = program(&folder);
    // The same attacker wins where the program can be read: it is fast enough to mean something.
    let wins = |_| race(&program, false, false, 100).0 > 0;
    assert!((0..50).any(wins), "the attacker is too slow");
    let (won, others) = race(&program, true, false, 1_000);
    assert_eq!(won, 0, "{others:?}");
}

#[test]
fn what_can_be_opened_while_namespaces_are_entered_holds_nothing() {
    if !namespace_choices().contains(&true) {
        return;
    }
    let (_keep, folder) = folder();
    let (won, others) = race(&program(&folder), true, true, 300);
    assert_eq!(won, 0, "{others:?}");
    println!("seen of {} helpers", others.len());
    // The helper that writes the id maps, seen in the act: no descriptor but of those files, and not in the mount namespace.
    for line in others {
        let mut words = line.split(' ').skip(2);
        assert_eq!(words.next(), Some("false"), "{line}");
        let map = |link: &str| ["/setgroups", "/uid_map", "/gid_map"].iter().any(|name| link.ends_with(name));
        assert!(words.filter(|link| !link.is_empty()).all(map), "{line}");
    }
}
