//! The machine around a suite that is tried from inside, and how a try is made.

mod tries;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use privatus_tests::{Suite, built_for, until};
use sandbox::inspect::{Held, Tried, answer, call, expected_filters};
use sandbox::profiles;
use seccompiler::BpfProgram;
use tempfile::TempDir;

use tries::{Try, at_descriptors, at_files, at_others_processes, at_sockets, looks_at_files};

/// Whose suite it is.
pub const VICTIM: u32 = 45_678;
/// Who else has an account here.
pub const MALLORY: u32 = 45_679;

/// What lies around a suite: files and doors of its user and of another, and its neighbours.
pub struct World {
    dir: TempDir,
    profile: PathBuf,
    pids: BTreeMap<String, u32>,
    door: UnixListener,
    box_of_letters: UnixDatagram,
    stream: TcpListener,
    datagrams: UdpSocket,
    before: Vec<String>,
}

impl World {
    /// Around this running suite.
    pub fn new(suite: &Suite, profile: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let put = |name: &str, owner: u32, mode: u32| {
            fs::write(path(name), "theirs").unwrap();
            chown(path(name), Some(owner), Some(owner)).unwrap();
            fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
        };
        put("private", VICTIM, 0o600);
        put("of-mallory", MALLORY, 0o666);
        fs::create_dir(path("everybodys")).unwrap();
        let door = UnixListener::bind(path("door")).unwrap();
        let box_of_letters = UnixDatagram::bind(path("letters")).unwrap();
        for name in ["everybodys", "door", "letters"] {
            fs::set_permissions(path(name), Permissions::from_mode(0o777)).unwrap();
        }
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let stream = TcpListener::bind("127.0.0.1:0").unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        door.set_nonblocking(true).unwrap();
        box_of_letters.set_nonblocking(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        datagrams.set_nonblocking(true).unwrap();
        let pids = suite.pids();
        let mut world = Self {
            before: vec![],
            profile: profile.into(),
            dir,
            pids,
            door,
            box_of_letters,
            stream,
            datagrams,
        };
        world.before = world.picture();
        world
    }

    /// Files that belong to no part, by absolute path.
    fn files(&self) -> Vec<PathBuf> {
        let around = ["private", "of-mallory", "everybodys/new"].map(|name| self.dir.path().join(name));
        let of_suite = ["vault", "onion.state", "network", "lock", "run/state.json", "run/unlock.sock"]
            .map(|name| self.profile.join(name));
        let memory = self.pids.values().map(|pid| PathBuf::from(format!("/proc/{pid}/mem")));
        let system = ["/etc/passwd", "/proc/self/mem", "/dev/null", "/bin/sh"].map(PathBuf::from);
        around.into_iter().chain(of_suite).chain(memory).chain(system).collect()
    }

    /// Everything in the world and everything in the profile folder that no part may write: its kind, mode, owner and place; and
    /// what the files around it hold.
    fn picture(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for folder in [self.dir.path(), &self.dir.path().join("everybodys"), &self.profile] {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            for path in entries.chain([folder.to_path_buf()]) {
                let m = fs::symlink_metadata(&path).unwrap();
                let text = if path.starts_with(&self.profile) {
                    String::new()
                } else {
                    fs::read_to_string(&path).unwrap_or_default()
                };
                let links = if m.is_dir() { 0 } else { m.nlink() };
                let (path, ino) = (path.display(), m.ino());
                seen.push(format!("{path} {:o} {}:{} {links} {ino} {text}", m.mode(), m.uid(), m.gid()));
            }
        }
        seen.sort();
        seen
    }

    /// Nobody came, and nothing is other than it was.
    pub fn assert_untouched(&self) {
        assert!(self.door.accept().is_err(), "somebody connected to a door");
        assert!(self.stream.accept().is_err(), "somebody connected to a TCP port");
        let mut bytes = [0; 16];
        assert!(self.box_of_letters.recv(&mut bytes).is_err(), "somebody wrote to a socket");
        assert!(self.datagrams.recv(&mut bytes).is_err(), "somebody sent to a UDP port");
        assert_eq!(self.picture(), self.before);
    }
}

/// That it may not, that it is not there, or that what it has is something else (the display's socket stays connected to the
/// display): other errors would say that the kernel began with it.
const REFUSALS: [i32; 9] = [
    libc::EPERM,
    libc::EACCES,
    libc::ENOENT,
    libc::EROFS,
    libc::ENOSYS,
    libc::EBADF,
    libc::ENOTSOCK,
    libc::EPIPE,
    libc::EISCONN,
];

/// Where the part has no root of its own it sees names, sizes and times (docs/threat-model.md, "stored: history"), and so these.
const SEEN: [i32; 3] = [libc::EEXIST, libc::ENOTDIR, libc::EISDIR];

/// `part`, whose process is `pid`, tries everything, and nothing goes through. In its own root it cannot even see what is there.
pub fn assert_contained(world: &World, part: &str, pid: u32, own_root: bool) {
    let own = expected_filters(profiles::by_name(part).unwrap(), pid, built_for()).unwrap();
    // On a system that is simulated a process carries more, but none after its own.
    let filters = until("it is sealed", || {
        Held::new(pid).ok()?.filters().ok().filter(|filters| filters.ends_with(&own))
    });
    let mut tries = at_files(world);
    if own_root {
        tries.extend(looks_at_files(world));
    }
    tries.extend(at_others_processes(world, pid));
    tries.extend(at_sockets(world, part == "netd"));
    tries.extend(at_descriptors(&display_of(pid)));
    let mut made = 0;
    for one in &tries {
        match outcome(pid, &filters, one) {
            Tried::Died(libc::SIGSYS) => {}
            Tried::Failed(errno) if REFUSALS.contains(&errno) => made += 1,
            Tried::Failed(errno) if !own_root && SEEN.contains(&errno) => made += 1,
            other => panic!("{part}: {}: {other:?}", one.what),
        }
    }
    println!("{part}: {} tries, {made} of them made and refused", tries.len());
}

/// A window's two connections to its display, one for pictures and one for the urgency bit: to the first it may send descriptors (pictures in
/// shared memory), and a filter does not tell the other one apart. None of another part.
fn display_of(pid: u32) -> Vec<u64> {
    let is_socket = |fd: &u64| {
        let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap_or_default();
        link.to_string_lossy().starts_with("socket:")
    };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    if name.trim_end() == "ui" { (4..64).filter(is_socket).take(2).collect() } else { Vec::new() }
}

/// What comes of a try; of one that the filters answer with death, without dying.
fn outcome(pid: u32, filters: &[BpfProgram], one: &Try) -> Tried {
    let answer = answer(filters, &call(one.number, (one.args)(1 << 40))).expect("filters of ours");
    if [libc::SECCOMP_RET_KILL_PROCESS, libc::SECCOMP_RET_TRAP].contains(&(answer & 0xffff_0000)) {
        return Tried::Died(libc::SIGSYS);
    }
    // A process that computes just now is in no system call that could be turned into another.
    until(&one.what, || {
        let held = Held::new(pid).ok()?;
        let place = held.place().ok()?;
        held.put(&(one.memory)(place)).ok()?;
        held.try_call(one.number, (one.args)(place)).ok()
    })
}

/// The second user, from outside: no file of the profile, no door, no process.
pub fn assert_reaches_nobody(profile: &Path, pids: &BTreeMap<String, u32>) {
    let fails = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(arguments).uid(MALLORY).gid(MALLORY).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{program} {arguments:?}: {output:?}");
    };
    for name in ["vault", "onion.state", "network", "lock", "run/state.json", "history"] {
        let path = profile.join(name);
        fails("cat", &[path.to_str().unwrap()]);
        fails("ls", &[path.to_str().unwrap()]);
    }
    for pid in pids.values() {
        fails("sh", &["-c", &format!("kill -STOP {pid}")]);
        fails("cat", &[&format!("/proc/{pid}/mem")]);
        fails("cat", &[&format!("/proc/{pid}/environ")]);
    }
}
