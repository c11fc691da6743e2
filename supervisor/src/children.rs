//! One process over its lives: started, granted what the topology gives it, watched, ended.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::grant::{Grant, Settings};
use ipc_schema::topology::{Process, Source};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};
use sandbox::{Args, Role};

use crate::control::{Control, GrantFailed};
use crate::files::{self, For};
use crate::log::Lines;
use crate::options::{Gifts, PASSPHRASE};
use crate::restart::{End, Ended, History};
use crate::spawn::{Order, Spawner};
use crate::wire;

/// One process of the topology.
#[derive(Debug)]
pub struct Part {
    /// Its row.
    pub process: &'static Process,
    /// What is remembered of its lives.
    pub history: History,
    /// When it starts next, while it does not run and something is to be tried.
    pub due: Option<Duration>,
    /// Its stderr.
    pub lines: Lines,
    /// The present life.
    pub life: Option<Life>,
}

/// A running process.
#[derive(Debug)]
pub struct Life {
    /// Its process id on the host.
    pub pid: Pid,
    /// When it began.
    pub started: Timestamp,
    /// Readable once it ended.
    pub pidfd: OwnedFd,
    /// Its stderr, until that is closed.
    pub stderr: Option<File>,
    /// Whether its start is complete: the report is, and it said so where the topology wants that.
    pub sealed: bool,
    control: Option<Control>,
    report: Option<File>,
    /// Holds a byte once the start is complete.
    settled: Option<OwnedFd>,
    /// It was granted a passphrase.
    passphrase: bool,
}

/// What every start needs to know of the suite.
#[derive(Debug)]
pub struct Setting {
    /// The profile's folder.
    pub folder: PathBuf,
    /// Where the reports go.
    pub runtime: PathBuf,
    /// Where the binaries are.
    pub binaries: PathBuf,
    /// Sent to each child.
    pub settings: Settings,
    /// Whether namespaces work here.
    pub namespaces: bool,
    /// The window's variables (DISPLAY and the like), for ui alone.
    pub window: Vec<(OsString, OsString)>,
    /// What the window draws on: `x11` or `wayland`.
    pub display: Option<&'static str>,
}

/// Open files by the names of their Grants. A vector: descriptors are few, and their order is the topology's.
type Granted = Vec<(&'static str, OwnedFd)>;

impl Part {
    /// A process that is to start at once.
    pub fn new(process: &'static Process) -> Self {
        let lines = Lines::new(process.name);
        Self { process, history: History::default(), due: Some(Duration::ZERO), lines, life: None }
    }

    /// Starts it and grants settings and files; edges and `Ready` follow. A gift is taken where the topology grants it.
    ///
    /// # Errors
    /// A file of its cannot be opened, or the binary not be run: the text names it.
    pub fn start(
        &mut self,
        setting: &Setting,
        spawner: &Spawner,
        gifts: &mut Gifts,
        now: Duration,
    ) -> Result<(), String> {
        let (mut files, settled) = self.open_files(setting, gifts)?;
        let mut life = self.spawn(setting, spawner, &files).map_err(|error| {
            format!("cannot start {}: {error}", setting.binaries.join(self.process.binary).display())
        })?;
        life.settled = settled;
        let given = files.iter().any(|(name, _)| *name == PASSPHRASE);
        life.passphrase = given;
        self.life = Some(life);
        self.history.started(now);
        self.give(Grant::Settings(told(&setting.settings, given)), now);
        for (name, file) in files.drain(..) {
            self.give(Grant::File { name: name.into(), file }, now);
        }
        Ok(())
    }

    fn open_files(&self, setting: &Setting, gifts: &mut Gifts) -> Result<(Granted, Option<OwnedFd>), String> {
        let (mut files, mut settled) = (Vec::new(), None);
        for file in self.process.files {
            let (path, opened) = match file.source {
                Source::Profile(name) => {
                    let path = setting.folder.join(name);
                    let opened = files::open_ours(&path, For::Making, files::FILE_MAX_BYTES);
                    (path, opened.map(OwnedFd::from))
                }
                Source::Report => {
                    let path = setting.runtime.join(report_file(self.process.name));
                    let opened = files::create_anew(&path);
                    (path, opened.map(OwnedFd::from))
                }
                Source::Stdout => ("stdout".into(), io::stdout().as_fd().try_clone_to_owned()),
                Source::Passphrase => match gifts.passphrase.take() {
                    Some(passphrase) => (PathBuf::new(), Ok(passphrase)),
                    None => continue,
                },
                Source::Settled => {
                    let pipe = pipe_with(PipeFlags::CLOEXEC)
                        .map_err(|error| format!("cannot make a pipe: {error}"))?;
                    settled = Some(pipe.0);
                    (PathBuf::new(), Ok(pipe.1))
                }
                Source::Offer => match gifts.offer.take() {
                    Some(offer) => (PathBuf::new(), Ok(offer)),
                    None => continue,
                },
            };
            files.push((
                file.name,
                opened.map_err(|error| format!("cannot open {}: {error}", path.display()))?,
            ));
        }
        Ok((files, settled))
    }

    fn spawn(&self, setting: &Setting, spawner: &Spawner, files: &Granted) -> io::Result<Life> {
        let (control, childs_control) = wire::control_pair()?;
        let (stderr, childs_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&stderr, true)?;
        let pid = spawner.spawn(Order {
            program: setting.binaries.join(self.process.binary),
            argv: self.argv(setting),
            environment: if self.process.headless { Vec::new() } else { setting.window.clone() },
            control: childs_control,
            stdout: File::options().write(true).open("/dev/null")?.into(),
            stderr: childs_stderr,
        })?;
        let report = files.iter().find(|(name, _)| *name == "report").map(|(_, file)| file.try_clone());
        let pidfd = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(io::ErrorKind::NotFound)?;
        Ok(Life {
            pid,
            started: Timestamp::now(),
            pidfd: pidfd_open(pidfd, PidfdFlags::empty())?,
            stderr: Some(stderr.into()),
            sealed: false,
            control: Some(Control::new(control)),
            report: report.transpose()?.map(File::from),
            settled: None,
            passphrase: false,
        })
    }

    fn argv(&self, setting: &Setting) -> Vec<OsString> {
        let role = if setting.settings.relay { Role::Relay } else { Role::Client };
        let folder = self.process.folder.map(|folder| setting.folder.join(folder));
        let (name, namespaces) = (self.process.name.into(), setting.namespaces);
        let without_walls = setting.settings.without_walls;
        Args { name, namespaces, role, folder, without_walls }.to_argv()
    }

    /// Grants one thing. A child that ended meanwhile is no error here: its pidfd tells. One that takes nothing is ended.
    pub fn give(&mut self, grant: Grant, now: Duration) {
        if let Some(control) = self.control() {
            let given = control.give(grant, now);
            self.end_if_stuck(given);
        }
    }

    /// Grants what found no room before.
    pub fn give_more(&mut self, now: Duration) {
        if let Some(control) = self.control() {
            let given = control.more(now);
            self.end_if_stuck(given);
        }
    }

    fn control(&mut self) -> Option<&mut Control> {
        self.life.as_mut()?.control.as_mut()
    }

    fn end_if_stuck(&mut self, given: Result<(), GrantFailed>) {
        if let Err(GrantFailed::Stuck(error)) = given {
            crate::log::write(&format!("supervisor: {} takes no grant: {error}", self.process.name));
            self.kill();
            self.ask_to_stop();
        }
    }

    /// Hands a local program's connection over, or leaves it to the caller what a failure means.
    ///
    /// # Errors
    /// [`GrantFailed`].
    pub fn offer(&self, grant: &Grant) -> Result<(), GrantFailed> {
        let control = self.life.as_ref().and_then(|life| life.control.as_ref());
        control.ok_or(GrantFailed::Gone)?.offer(grant)
    }

    /// Its control socket, while something waits for room in it.
    #[must_use]
    pub fn waits_for_room(&self) -> Option<&Control> {
        self.life.as_ref()?.control.as_ref().filter(|control| control.waits_until().is_some())
    }

    /// Asks it to stop: the control socket closes.
    pub fn ask_to_stop(&mut self) {
        if let Some(life) = &mut self.life {
            life.control = None;
        }
    }

    /// Ends it now.
    pub fn kill(&self) {
        if let Some(life) = &self.life {
            // It may have ended by itself; then there is nothing to do.
            let _ = pidfd_send_signal(&life.pidfd, Signal::KILL);
        }
    }

    /// Whether its start is complete, asked of the report's size.
    pub fn look_at_report(&mut self) -> bool {
        let Some(life) = &mut self.life else { return false };
        if !life.sealed {
            let complete =
                |file: &File| file.metadata().is_ok_and(|m| m.len() == sandbox::REPORT_BYTES as u64);
            life.sealed = life.report.as_ref().is_none_or(complete)
                && life.settled.as_ref().is_none_or(holds_something);
            if life.sealed {
                (life.report, life.settled) = (None, None);
            }
        }
        life.sealed
    }

    /// Its stderr, while more is to be read from it. Whoever says more than may be passed on waits in its own full pipe.
    pub fn stderr(&mut self, now: Duration) -> Option<&File> {
        let wants_more = self.lines.wants_more(now);
        self.life.as_ref()?.stderr.as_ref().filter(|_| wants_more)
    }

    /// How long until it is to be looked after: started, its start looked at, its lines passed on, a fall forgotten, its hands
    /// full for too long.
    pub fn wait(&mut self, now: Duration) -> Option<Duration> {
        let lines = self.lines.wait(now);
        let life = match &self.life {
            Some(life) if !life.sealed => Some(REPORT_LOOK),
            Some(life) => life.stderr.as_ref().filter(|_| !lines.is_zero()).map(|_| lines),
            None => self.due.map(|due| due.saturating_sub(now)),
        };
        let forget = self.history.forget_at();
        let stuck = self.waits_for_room().and_then(Control::waits_until);
        life.into_iter().chain([forget, stuck].into_iter().flatten().map(|at| at.saturating_sub(now))).min()
    }

    /// Passes on what was held back and may be passed on by now.
    pub fn pass_on(&mut self, now: Duration) {
        self.lines.more(now).iter().for_each(|line| crate::log::write(line));
    }

    /// Passes on what it said since.
    pub fn read_stderr(&mut self, now: Duration) {
        let Some(stderr) = self.life.as_mut().and_then(|life| life.stderr.as_mut()) else { return };
        let mut bytes = [0; READ_BYTES];
        match stderr.read(&mut bytes) {
            Ok(0) => {
                if let Some(life) = &mut self.life {
                    life.stderr = None;
                }
            }
            Ok(length) => {
                let said = self.lines.take(bytes.get(..length).unwrap_or_default(), now);
                said.iter().for_each(|line| crate::log::write(line));
            }
            // Nothing is there yet.
            Err(_) => {}
        }
    }

    /// Reaps it if it ended: before anything opens its files again.
    pub fn reap(&mut self, now: Duration) -> Option<End> {
        let life = self.life.as_ref()?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let how = match waitid(WaitId::PidFd(life.pidfd.as_fd()), options) {
            Ok(None) => return None,
            Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Ended::Exit(code),
                (None, signal) => Ended::Signal(signal.unwrap_or_default()),
            },
            // Somebody told the kernel to reap for us (SIGCHLD ignored by our parent): it ended, nobody knows how.
            Err(_) => Ended::Signal(0),
        };
        // It may have told so a moment ago: the byte outlives it.
        let started = life.sealed || life.settled.as_ref().is_some_and(holds_something);
        let passphrase = life.passphrase;
        self.last_words(now);
        self.life = None;
        Some(End { how, started, passphrase })
    }

    /// What it said last stands in the pipe.
    fn last_words(&mut self, now: Duration) {
        let mut said = Vec::new();
        if let Some(stderr) = self.life.as_mut().and_then(|life| life.stderr.as_mut()) {
            // The pipe does not wait. A child that outlives its parent could hold it and write on: so much and no more.
            let _ = stderr.take(PIPE_BYTES).read_to_end(&mut said);
        }
        self.lines.end(&said, now).iter().for_each(|line| crate::log::write(line));
    }
}

/// Who makes a vault is who was given its passphrase: a later life opens the one that is there.
fn told(settings: &Settings, passphrase: bool) -> Settings {
    Settings { create_vault: settings.create_vault && passphrase, ..settings.clone() }
}

/// How often the reports of starting children are looked at.
const REPORT_LOOK: Duration = Duration::from_millis(10);

/// How much of a child's stderr is read at once.
const READ_BYTES: usize = 4096;

/// What a pipe holds (pipe(7)).
const PIPE_BYTES: u64 = 64 << 10;

/// Whether something was written into the pipe, by a process that may have ended since.
fn holds_something(pipe: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    let [pipe] = match poll(&mut watched, PollTimeout::ZERO) {
        Ok(_) => watched,
        Err(_) => return false,
    };
    pipe.revents().is_some_and(|events| events.contains(PollFlags::POLLIN))
}

/// The report's name in the runtime folder.
#[must_use]
pub fn report_file(process: &str) -> String {
    format!("{process}.report")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_made_only_by_who_was_given_a_passphrase_for_a_new_one() {
        for (new, passphrase) in [(true, true), (true, false), (false, true), (false, false)] {
            let settings = Settings { create_vault: new, headless: true, ..Settings::default() };
            let told = told(&settings, passphrase);
            assert_eq!((told.create_vault, told.headless), (new && passphrase, true));
        }
    }
}
