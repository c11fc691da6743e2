//! The way into namespaces: an empty root with at most one folder in it, no network interface, no shared memory of others.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, getegid, geteuid, pivot_root};

use super::Namespaces;
use crate::view::View;

/// Where the new root is put together. Hidden by it until the old root is gone.
const STAGE: &str = "/tmp";
/// No process runs files, opens devices or gains by set-uid bits here.
const HARMLESS: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// How far the entry got before the kernel refused.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) source: io::Error,
    /// The process is in its namespaces already.
    pub(crate) entered: Namespaces,
    /// The old root may be hidden in part, so going on without the new one is no way out.
    pub(crate) broken: bool,
}

/// Leaves the world for namespaces in which only `view` exists. One thread, before Landlock.
///
/// The user namespace alone comes first: the helper that writes its maps can be made to act by others of this user, and must
/// not be in the mount namespace.
pub(crate) fn enter(view: &View, network: bool) -> Result<Namespaces, Failure> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let (flags, entered) = wanted(network);
    let before = |step| failure(step, Namespaces::NONE, false);
    let alone = |step| failure(step, Namespaces::USER, false);
    let maps = |step| failure(step, entered, false);
    let broken = |step| failure(step, entered, true);
    unshare(CloneFlags::CLONE_NEWUSER).map_err(io::Error::from).map_err(before("unshare"))?;
    crate::maps::write(uid, gid).map_err(alone("map the user"))?;
    unshare(flags).map_err(io::Error::from).map_err(alone("unshare"))?;
    // pivot_root takes no shared mount, and what is mounted outside later is not to show up in here.
    change("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE).map_err(maps("make / private"))?;
    // Reopened by path only now: a descriptor from before the unshare belongs to the old mount namespace.
    let sources = open_all(view).map_err(maps("open what is to be seen"))?;
    // Room for mount points and links, and for nothing else.
    let options = "size=64k,nr_inodes=512,mode=755";
    mount(Some("tmpfs"), STAGE, Some("tmpfs"), HARMLESS, Some(options))
        .map_err(io::Error::from)
        .map_err(maps("mount an empty root"))?;
    for source in &sources {
        source.place(Path::new(STAGE)).map_err(broken("bind"))?;
    }
    swap_roots().map_err(broken("change the root"))?;
    Ok(Namespaces(entered.0 | Namespaces::MOUNT.0))
}

fn wanted(network: bool) -> (CloneFlags, Namespaces) {
    let flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    let bits = Namespaces::USER.0 | Namespaces::IPC.0 | Namespaces::UTS.0;
    if network {
        (flags, Namespaces(bits))
    } else {
        (flags | CloneFlags::CLONE_NEWNET, Namespaces(bits | Namespaces::NETWORK.0))
    }
}

fn failure(step: &'static str, entered: Namespaces, broken: bool) -> impl Fn(io::Error) -> Failure {
    move |source| Failure { step, source, entered, broken }
}

/// Something of the old tree that goes into the new one, at the same path.
enum Source {
    Tree {
        path: PathBuf,
        file: OwnedFd,
        folder: bool,
        read_only: bool,
    },
    /// `/lib` on a merged system: a link stays a link.
    Link {
        path: PathBuf,
        target: PathBuf,
    },
}

fn open_all(view: &View) -> io::Result<Vec<Source>> {
    match view {
        View::Empty => Ok(Vec::new()),
        View::Folder(path) => Ok(vec![Source::open(path, false)?]),
        View::ReadOnly(paths) => paths.iter().map(|path| Source::open(path, true)).collect(),
    }
}

impl Source {
    fn open(path: &Path, read_only: bool) -> io::Result<Self> {
        let path = path.to_path_buf();
        // Only links that stay inside the tree that is bound anyway; what else is linked is bound as what it points to.
        if read_only
            && let Ok(target) = fs::read_link(&path)
            && target.is_relative()
            && target.starts_with("usr")
        {
            return Ok(Self::Link { path, target });
        }
        let folder = path.is_dir();
        let file = open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Self::Tree { path, file, folder, read_only })
    }

    fn place(&self, stage: &Path) -> io::Result<()> {
        match self {
            Self::Link { path, target } => {
                let at = below(stage, path);
                parents(&at)?;
                std::os::unix::fs::symlink(target, at)
            }
            Self::Tree { path, file, folder, read_only } => {
                let at = below(stage, path);
                make_mount_point(&at, *folder)?;
                let from = format!("/proc/self/fd/{}", file.as_raw_fd());
                mount(Some(from.as_str()), &at, NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)?;
                let tight =
                    if *read_only { HARMLESS & !MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY } else { HARMLESS };
                tighten(&at, tight)
            }
        }
    }
}

const NOTHING: Option<&str> = None;

fn below(stage: &Path, path: &Path) -> PathBuf {
    stage.join(path.strip_prefix("/").unwrap_or(path))
}

fn parents(at: &Path) -> io::Result<()> {
    at.parent().map_or(Ok(()), fs::create_dir_all)
}

fn make_mount_point(at: &Path, folder: bool) -> io::Result<()> {
    if folder {
        return fs::create_dir_all(at);
    }
    parents(at)?;
    fs::OpenOptions::new().create(true).append(true).open(at).map(|_| ())
}

/// Adds `flags` to those of the bind mount at `at`; the flags it has are locked and must be repeated.
fn tighten(at: &Path, flags: MsFlags) -> io::Result<()> {
    let now = nix::sys::statvfs::statvfs(at)?.flags();
    let locked = [
        (nix::sys::statvfs::FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (nix::sys::statvfs::FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (nix::sys::statvfs::FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (nix::sys::statvfs::FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ];
    let repeated = locked.into_iter().filter(|(has, _)| now.contains(*has)).map(|(_, flag)| flag);
    let flags = repeated.fold(flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND, |all, flag| all | flag);
    change(at, flags)
}

fn change(at: impl AsRef<Path>, flags: MsFlags) -> io::Result<()> {
    Ok(mount(NOTHING, at.as_ref(), NOTHING, flags, NOTHING)?)
}

/// The stage becomes the root, and the old root is gone from this process's world.
fn swap_roots() -> io::Result<()> {
    nix::unistd::chdir(STAGE)?;
    // Both at once: the old root is stacked over the new one, where it is detached (pivot_root(2), "pivot_root(".", ".")").
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    nix::unistd::chdir("/")?;
    change("/", MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | HARMLESS)
}

/// What a throw-away child found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// All of it works.
    Works,
    /// Some step failed: no process shall try.
    Denied,
}

impl Probe {
    /// What goes into a child's `--namespaces=`.
    #[must_use]
    pub fn works(self) -> bool {
        self == Self::Works
    }
}

/// Tries the whole entry in a throw-away child, with `folder` bound and written to as stored will. Any failure means that
/// there are no namespaces here: refused at once (EPERM, ENOSPC), or later at the mounts, as Ubuntu 24.04 does.
///
/// Call it before the process has threads.
#[must_use]
pub fn probe(folder: Option<&Path>) -> Probe {
    let view = folder.map_or(View::Empty, |folder| View::Folder(folder.to_path_buf()));
    // SAFETY: the caller has one thread, so the child may call anything; it leaves by _exit and runs no destructor.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            let worked = enter(&view, false).is_ok() && reachable(&view);
            // SAFETY: ends the child; nothing of the parent's is flushed or dropped twice.
            unsafe { libc::_exit(i32::from(!worked)) }
        }
        Ok(ForkResult::Parent { child }) => match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, 0)) => Probe::Works,
            _ => Probe::Denied,
        },
        Err(_) => Probe::Denied,
    }
}

fn reachable(view: &View) -> bool {
    match view {
        View::Folder(folder) => fs::read_dir(folder).is_ok(),
        View::Empty | View::ReadOnly(_) => true,
    }
}
