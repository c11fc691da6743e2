//! What code inside a part would try. None of it may go through.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::World;

/// One system call; `memory` is put where the call is told that it lies.
pub struct Try {
    pub what: String,
    pub number: i64,
    pub args: Box<dyn Fn(u64) -> [u64; 6]>,
    pub memory: Box<dyn Fn(u64) -> Vec<u8>>,
}

const HERE: u64 = libc::AT_FDCWD as u64;
/// More descriptors than a part has.
const DESCRIPTORS: std::ops::Range<u64> = 0..48;
/// Beside what `memory` holds, for what the kernel fills in or reads as zeroes.
const SPARE: u64 = 2048;

fn bare(what: impl Into<String>, number: i64, args: [u64; 6]) -> Try {
    Try { what: what.into(), number, args: Box::new(move |_| args), memory: Box::new(|_| vec![]) }
}

fn with_path(what: &str, path: &Path, number: i64, args: impl Fn(u64, u64) -> [u64; 6] + 'static) -> Try {
    let mut bytes = path.as_os_str().as_bytes().to_vec();
    bytes.push(0);
    Try {
        what: format!("{what} {}", path.display()),
        number,
        args: Box::new(move |at| args(at, at + SPARE)),
        memory: Box::new(move |_| bytes.clone()),
    }
}

/// To read, write, make, remove, run, or change for others. `libc` knows the newest calls by no name.
pub fn at_files(world: &World) -> Vec<Try> {
    const SETXATTRAT: i64 = 463;
    const FILE_SETATTR: i64 = 469;
    let mut tries = Vec::new();
    for path in world.files() {
        let mut add = |what, number, args: fn(u64, u64) -> [u64; 6]| {
            tries.push(with_path(what, &path, number, args));
        };
        add("open to read", libc::SYS_openat, |at, _| [HERE, at, 0, 0, 0, 0]);
        add("open to write", libc::SYS_openat, |at, _| [HERE, at, libc::O_RDWR as u64, 0, 0, 0]);
        add("make", libc::SYS_openat, |at, _| {
            [HERE, at, (libc::O_CREAT | libc::O_WRONLY) as u64, 0o600, 0, 0]
        });
        add("make set-uid", libc::SYS_openat, |at, _| {
            [HERE, at, (libc::O_CREAT | libc::O_WRONLY) as u64, 0o4755, 0, 0]
        });
        add("open as a place", libc::SYS_openat, |at, _| [HERE, at, libc::O_PATH as u64, 0, 0, 0]);
        add("open(2)", libc::SYS_open, |at, _| [at, libc::O_RDWR as u64, 0, 0, 0, 0]);
        add("creat", libc::SYS_creat, |at, _| [at, 0o666, 0, 0, 0, 0]);
        add("openat2", libc::SYS_openat2, |at, spare| [HERE, at, spare, 24, 0, 0]);
        add("unlink", libc::SYS_unlink, |at, _| [at, 0, 0, 0, 0, 0]);
        add("unlinkat", libc::SYS_unlinkat, |at, _| [HERE, at, 0, 0, 0, 0]);
        add("rename", libc::SYS_rename, |at, _| [at, at, 0, 0, 0, 0]);
        add("renameat", libc::SYS_renameat, |at, _| [HERE, at, HERE, at, 0, 0]);
        add("renameat2", libc::SYS_renameat2, |at, _| [HERE, at, HERE, at, 0, 0]);
        add("link", libc::SYS_link, |at, _| [at, at, 0, 0, 0, 0]);
        add("linkat", libc::SYS_linkat, |at, _| [HERE, at, HERE, at, 0, 0]);
        add("symlink", libc::SYS_symlink, |at, _| [at, at, 0, 0, 0, 0]);
        add("mkdir", libc::SYS_mkdir, |at, _| [at, 0o755, 0, 0, 0, 0]);
        add("mkdirat", libc::SYS_mkdirat, |at, _| [HERE, at, 0o755, 0, 0, 0]);
        add("rmdir", libc::SYS_rmdir, |at, _| [at, 0, 0, 0, 0, 0]);
        add("mknod", libc::SYS_mknod, |at, _| [at, libc::S_IFIFO.into(), 0, 0, 0, 0]);
        add("mknodat", libc::SYS_mknodat, |at, _| [HERE, at, libc::S_IFIFO.into(), 0, 0, 0]);
        add("truncate", libc::SYS_truncate, |at, _| [at, 0, 0, 0, 0, 0]);
        add("chdir", libc::SYS_chdir, |at, _| [at, 0, 0, 0, 0, 0]);
        add("chroot", libc::SYS_chroot, |at, _| [at, 0, 0, 0, 0, 0]);
        add("execve", libc::SYS_execve, |at, _| [at, 0, 0, 0, 0, 0]);
        add("execveat", libc::SYS_execveat, |at, _| [HERE, at, 0, 0, 0, 0]);
        add("mount", libc::SYS_mount, |at, _| [at, at, 0, libc::MS_BIND, 0, 0]);
        add("chmod", libc::SYS_chmod, |at, _| [at, 0o4777, 0, 0, 0, 0]);
        add("fchmodat", libc::SYS_fchmodat, |at, _| [HERE, at, 0o4777, 0, 0, 0]);
        add("fchmodat2", libc::SYS_fchmodat2, |at, _| [HERE, at, 0o4777, 0, 0, 0]);
        add("chown", libc::SYS_chown, |at, _| [at, super::MALLORY.into(), 0, 0, 0, 0]);
        add("lchown", libc::SYS_lchown, |at, _| [at, super::MALLORY.into(), 0, 0, 0, 0]);
        add("fchownat", libc::SYS_fchownat, |at, _| [HERE, at, super::MALLORY.into(), 0, 0, 0]);
        add("setxattr", libc::SYS_setxattr, |at, spare| [at, at, spare, 1, 0, 0]);
        add("lsetxattr", libc::SYS_lsetxattr, |at, spare| [at, at, spare, 1, 0, 0]);
        add("setxattrat", SETXATTRAT, |at, spare| [HERE, at, 0, at, spare, 16]);
        add("file_setattr", FILE_SETATTR, |at, spare| [HERE, at, spare, 24, 0, 0]);
        add("utimensat", libc::SYS_utimensat, |at, _| [HERE, at, 0, 0, 0, 0]);
        add("watch", libc::SYS_inotify_add_watch, |at, _| [0, at, 2, 0, 0, 0]);
    }
    tries
}

/// Names, sizes and times, which Landlock does not cover: only a root of its own hides them.
pub fn looks_at_files(world: &World) -> Vec<Try> {
    let mut tries = Vec::new();
    for path in world.files() {
        let mut add = |what, number, args: fn(u64, u64) -> [u64; 6]| {
            tries.push(with_path(what, &path, number, args));
        };
        add("stat", libc::SYS_stat, |at, spare| [at, spare, 0, 0, 0, 0]);
        add("lstat", libc::SYS_lstat, |at, spare| [at, spare, 0, 0, 0, 0]);
        add("newfstatat", libc::SYS_newfstatat, |at, spare| [HERE, at, spare, 0, 0, 0]);
        add("statx", libc::SYS_statx, |at, spare| [HERE, at, 0, 0x7ff, spare, 0]);
        add("access", libc::SYS_access, |at, _| [at, 0, 0, 0, 0, 0]);
        add("faccessat", libc::SYS_faccessat, |at, _| [HERE, at, 0, 0, 0, 0]);
        add("faccessat2", libc::SYS_faccessat2, |at, _| [HERE, at, 0, 0, 0, 0]);
        add("readlink", libc::SYS_readlink, |at, spare| [at, spare, 64, 0, 0, 0]);
        add("readlinkat", libc::SYS_readlinkat, |at, spare| [HERE, at, spare, 64, 0, 0]);
        add("getxattr", libc::SYS_getxattr, |at, spare| [at, at, spare, 64, 0, 0]);
        add("statfs", libc::SYS_statfs, |at, spare| [at, spare, 0, 0, 0, 0]);
    }
    tries
}

/// To end, stop, slow down, read or change the supervisor, a neighbour, or everybody.
pub fn at_others_processes(world: &World, own: u32) -> Vec<Try> {
    let mut tries = Vec::new();
    let neighbours = world.pids.iter().filter(|(_, pid)| **pid != own);
    let named = neighbours.map(|(name, pid)| (name.as_str(), u64::from(*pid)));
    for (who, pid) in named.chain([("everybody", u64::MAX), ("its group", 0), ("init", 1)]) {
        let mut add = |what: &str, number, args| tries.push(bare(format!("{what} {who}"), number, args));
        for (what, signal) in [("kill", libc::SIGKILL as u64), ("freeze", libc::SIGSTOP as u64)] {
            add(what, libc::SYS_kill, [pid, signal, 0, 0, 0, 0]);
            add(what, libc::SYS_tkill, [pid, signal, 0, 0, 0, 0]);
            add(what, libc::SYS_tgkill, [pid, pid, signal, 0, 0, 0]);
            add(what, libc::SYS_rt_sigqueueinfo, [pid, signal, 0, 0, 0, 0]);
            add(what, libc::SYS_rt_tgsigqueueinfo, [pid, pid, signal, 0, 0, 0]);
        }
        add("pidfd of", libc::SYS_pidfd_open, [pid, 0, 0, 0, 0, 0]);
        add("trace", libc::SYS_ptrace, [libc::PTRACE_SEIZE.into(), pid, 0, 0, 0, 0]);
        add("read", libc::SYS_process_vm_readv, [pid, 0, 0, 0, 0, 0]);
        add("write", libc::SYS_process_vm_writev, [pid, 0, 0, 0, 0, 0]);
        add("compare", libc::SYS_kcmp, [pid, pid, 0, 0, 0, 0]);
        add("migrate", libc::SYS_migrate_pages, [pid, 0, 0, 0, 0, 0]);
        add("move pages of", libc::SYS_move_pages, [pid, 0, 0, 0, 0, 0]);
        add("limit", libc::SYS_prlimit64, [pid, 0, 0, 0, 0, 0]);
        add("slow down", libc::SYS_setpriority, [0, pid, 19, 0, 0, 0]);
        add("slow down all of the user", libc::SYS_setpriority, [2, pid, 19, 0, 0, 0]);
        add("schedule", libc::SYS_sched_setscheduler, [pid, 5, 0, 0, 0, 0]);
        add("schedule disks of", libc::SYS_ioprio_set, [1, pid, 3 << 13, 0, 0, 0]);
    }
    tries
}

fn address_of(path: &Path) -> Vec<u8> {
    let mut bytes = u16::try_from(libc::AF_UNIX).unwrap().to_ne_bytes().to_vec();
    bytes.extend(path.as_os_str().as_bytes());
    bytes.resize(110, 0);
    bytes
}

fn inet_address(port: u16) -> Vec<u8> {
    let mut bytes = u16::try_from(libc::AF_INET).unwrap().to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend([127, 0, 0, 1]);
    bytes.resize(110, 0);
    bytes
}

/// Sockets to path names, to the Internet, to the kernel; and connecting whatever lies open.
pub fn at_sockets(world: &World, inet: bool) -> Vec<Try> {
    let mut tries = Vec::new();
    let kinds = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET];
    let own = if inet { vec![libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK] } else { vec![] };
    for family in (0..48).filter(|family| !own.contains(family)) {
        for kind in kinds {
            let args = [family.unsigned_abs().into(), kind.unsigned_abs().into(), 0, 0, 0, 0];
            tries.push(bare(format!("socket of family {family}, kind {kind}"), libc::SYS_socket, args));
        }
    }
    let ports = [world.stream.local_addr(), world.datagrams.local_addr()].map(|at| at.unwrap().port());
    let path = |name: &str| address_of(&world.dir.path().join(name));
    let unix = [("door", path("door")), ("letters", path("letters"))];
    let inet = [("TCP", inet_address(ports[0])), ("UDP", inet_address(ports[1]))];
    // Of netd, connecting is its work; it has no Internet socket that is not connected but for listening and QUIC.
    for (what, address) in unix.into_iter().chain(inet) {
        for fd in DESCRIPTORS {
            let put = |number: i64, args: Box<dyn Fn(u64) -> [u64; 6]>| Try {
                what: format!("{what} through {fd}"),
                number,
                args,
                memory: Box::new({
                    let address = address.clone();
                    move |_| address.clone()
                }),
            };
            let own = own.contains(&libc::AF_INET);
            if what == "door" || what == "letters" || !own {
                tries.push(put(libc::SYS_connect, Box::new(move |at| [fd, at, 110, 0, 0, 0])));
                tries.push(put(
                    libc::SYS_sendto,
                    Box::new(move |at| [fd, at, 1, libc::MSG_DONTWAIT as u64, at, 110]),
                ));
            }
        }
    }
    tries
}

/// One message with a descriptor, on each of its own: a rider on an edge or the control socket freezes whoever takes it, or gives
/// it a socket. And the modes, owners and attributes of each.
pub fn at_descriptors(display: &[u64]) -> Vec<Try> {
    let mut tries = Vec::new();
    for fd in DESCRIPTORS.filter(|fd| !display.contains(fd)) {
        tries.push(Try {
            what: format!("send a descriptor through {fd}"),
            number: libc::SYS_sendmsg,
            args: Box::new(move |at| [fd, at, (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as u64, 0, 0, 0]),
            memory: Box::new(message_with_rider),
        });
        tries.push(bare(format!("fchmod {fd}"), libc::SYS_fchmod, [fd, 0o4755, 0, 0, 0, 0]));
        tries.push(bare(format!("fchown {fd}"), libc::SYS_fchown, [fd, super::MALLORY.into(), 0, 0, 0, 0]));
        tries.push(bare(format!("fsetxattr {fd}"), libc::SYS_fsetxattr, [fd, 0, 0, 0, 0, 0]));
        tries.push(bare(format!("fchdir {fd}"), libc::SYS_fchdir, [fd, 0, 0, 0, 0, 0]));
        tries.push(bare(format!("dup {fd} of the supervisor"), libc::SYS_pidfd_getfd, [fd, 0, 0, 0, 0, 0]));
    }
    tries
}

/// `struct msghdr`, its one `struct iovec`, and SCM_RIGHTS with descriptor 2, from the address `at`.
fn message_with_rider(at: u64) -> Vec<u8> {
    let (vector, control, byte) = (at + 64, at + 96, at + 128);
    let mut words = [0_u64; 17];
    (words[2], words[3], words[4], words[5]) = (vector, 1, control, 24);
    (words[8], words[9]) = (byte, 1);
    let level_and_kind =
        u64::from(libc::SCM_RIGHTS.unsigned_abs()) << 32 | u64::from(libc::SOL_SOCKET.unsigned_abs());
    (words[12], words[13], words[14]) = (20, level_and_kind, 2);
    words.into_iter().flat_map(u64::to_le_bytes).collect()
}
