//! One process of a suite by itself, behind all its walls, with the test where its supervisor and its neighbours would be.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::{self, Grant, Settings};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use sandbox::profiles::FileAccess;
use sandbox::spawn::{SpawnSpec, spawn};
use tempfile::TempDir;

use crate::{Neighbour, binaries, until};

/// A confined process without a suite; killed when it is dropped.
#[derive(Debug)]
pub struct Part {
    pid: Pid,
    control: OwnedFd,
    stderr: File,
    ended: Option<WaitStatus>,
    /// The one folder that it may use.
    _folder: TempDir,
}

impl Part {
    /// Starts `name` with these settings and files, as the supervisor would: nothing else is granted yet.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(name: &str, settings: Settings, files: Vec<(&str, OwnedFd)>) -> Self {
        let (control, childs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let (stderr, childs_stderr) = std::io::pipe().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let profile = sandbox::profiles::by_name(name).unwrap();
        let arguments = sandbox::Args {
            name: name.into(),
            namespaces: false,
            role: if settings.relay { sandbox::Role::Relay } else { sandbox::Role::Client },
            folder: (profile.files == FileAccess::OneFolder).then(|| folder.path().canonicalize().unwrap()),
            without_walls: false,
        };
        let program = binaries().join(name);
        let pid = spawn(&SpawnSpec {
            program: Path::new(&program),
            argv: arguments.to_argv(),
            environment: vec![],
            control: childs.as_fd(),
            stdout: childs_stderr.as_fd(),
            stderr: childs_stderr.as_fd(),
        })
        .unwrap();
        let part = Self { pid, control, stderr: OwnedFd::from(stderr).into(), ended: None, _folder: folder };
        part.grant(&Grant::Settings(settings));
        for (name, file) in files {
            part.grant(&Grant::File { name: name.into(), file });
        }
        part.grant(&Grant::Ready);
        part
    }

    fn grant(&self, grant: &Grant) {
        grant::send(self.control.as_fd(), grant).unwrap();
    }

    /// Grants an edge once more and gives the other side of it.
    ///
    /// # Panics
    /// The process takes no more.
    #[must_use]
    pub fn edge(&self, name: &str, caller: bool, outside: bool) -> Neighbour {
        let (ends, neighbour) = Neighbour::of_edge(outside);
        self.grant(&Grant::Edge { name: name.into(), caller, ends });
        neighbour
    }

    /// Grants an edge which this process serves, and gives the caller's side for who speaks RPC on it.
    ///
    /// # Panics
    /// The process takes no more.
    #[must_use]
    pub fn callers_ends(&self, name: &str) -> EdgeEnds {
        let (ours, ends) = EdgeEnds::pipes().unwrap();
        self.grant(&Grant::Edge { name: name.into(), caller: false, ends });
        ours
    }

    /// A local program's connection, granted once the process has taken enough of those before: they come faster than it takes them.
    ///
    /// # Panics
    /// It takes none.
    #[must_use]
    pub fn edge_when_taken(&self, name: &str) -> Neighbour {
        until("it takes a connection", || {
            let (ends, neighbour) = Neighbour::of_edge(true);
            let grant = Grant::Edge { name: name.into(), caller: false, ends };
            grant::send(self.control.as_fd(), &grant).is_ok().then_some(neighbour)
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<WaitStatus> {
        if self.ended.is_none() {
            self.ended = match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)).unwrap() {
                WaitStatus::StillAlive => None,
                status => Some(status),
            };
        }
        self.ended
    }

    /// Ends it and gives all that it said.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn said(mut self) -> String {
        self.kill();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        said
    }

    fn kill(&mut self) {
        if self.ended().is_none() {
            let _ = kill(self.pid, Signal::SIGKILL);
            self.ended = waitpid(self.pid, None).ok();
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}
