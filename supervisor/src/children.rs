//! One process over its lives: started, granted what the topology gives it, watched, ended.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ipc_schema::Timestamp;
use ipc_schema::grant::{Grant, Settings};
use ipc_schema::topology::{Process, Source};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};
use sandbox::{Args, Role};

use crate::control::{Control, GrantFailed};
use crate::ended::Ended;
use crate::error::advice;
use crate::files;
use crate::folder::Kind;
use crate::log::{self, Lines};
use crate::options::{Gifts, PASSPHRASE};
use crate::restart::{End, History};
use crate::spawn::{Order, Spawner};
use crate::wire;

/// One process of the topology.
#[derive(Debug)]
pub struct Part {
    /// Its row of the topology.
    pub process: &'static Process,
    /// What is remembered of its lives.
    pub history: History,
    /// When it starts next, while it does not run and something is to be tried.
    pub due: Option<Duration>,
    /// Its stderr as lines, those that are held back among them.
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
    /// Whose folder it is, while it is not written down that every part's start in it was complete.
    pub to_complete: Option<Kind>,
    /// Whether namespaces work here.
    pub namespaces: bool,
    /// The window's variables (DISPLAY and the like), for ui alone.
    pub window: Vec<(OsString, OsString)>,
    /// What the window draws on: `x11` or `wayland`.
    pub display: Option<&'static str>,
    /// What this process told of itself.
    pub own_reports: Vec<OwnReport>,
}

/// What is in force for a thread of the supervisor.
#[derive(Debug)]
pub struct OwnReport {
    /// As a process would be called.
    pub name: &'static str,
    /// Encoded.
    pub bytes: Vec<u8>,
}

impl OwnReport {
    /// Puts it into the runtime folder.
    ///
    /// # Errors
    /// Those of [`files::write_whole`].
    pub fn lay(&self, runtime: &Path) -> io::Result<()> {
        files::write_whole(&runtime.join(report_file(self.name)), &self.bytes)
    }
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
            let program = setting.binaries.join(self.process.binary);
            format!("cannot start {}: {error}{}", program.display(), advice(&error))
        })?;
        life.settled = settled;
        let given = files.iter().any(|(name, _)| *name == PASSPHRASE);
        life.passphrase = given;
        self.life = Some(life);
        self.history.started(now);
        let first = self.history.restarts == 0;
        self.give(Grant::Settings(told(&setting.settings, given, first)), now);
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
                    let opened = files::open_kept(&path);
                    (path, opened.map(OwnedFd::from))
                }
                Source::Spare(name) => match spare(&setting.folder.join(name)) {
                    Some(file) => (PathBuf::new(), Ok(file)),
                    None => continue,
                },
                Source::Report => {
                    let path = setting.runtime.join(report_file(self.process.name));
                    match files::create_with_room(&path, sandbox::REPORT_BYTES) {
                        // A full disk is no reason for a part to stay down.
                        Ok(None) => continue,
                        Ok(Some(file)) => (path, Ok(OwnedFd::from(file))),
                        // Nor that the runtime folder went, as at a logout.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        Err(error) => (path, Err(error)),
                    }
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
        // The loop that looks after all parts reads it, and must not wait for one.
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
                life.settled = None;
            }
        }
        life.sealed
    }

    /// Puts its report into a runtime folder that was made anew, as it is.
    ///
    /// # Errors
    /// As read(2), and those of [`files::write_whole`].
    pub fn lay_report(&self, runtime: &Path) -> io::Result<()> {
        let Some(report) = self.life.as_ref().and_then(|life| life.report.as_ref()) else { return Ok(()) };
        let mut bytes = [0; sandbox::REPORT_BYTES];
        let length = report.read_at(&mut bytes, 0)?;
        let path = runtime.join(report_file(self.process.name));
        files::write_whole(&path, bytes.get(..length).unwrap_or_default())
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

/// How often dying children are looked at.
const DEATH_LOOK: Duration = Duration::from_millis(10);

/// Waits until all of `parts` have ended, no longer than `until` on `clock`.
pub fn reap_all(parts: &mut [Part], clock: Instant, until: Duration) {
    while parts.iter().any(|part| part.life.is_some()) && clock.elapsed() < until {
        for part in &mut *parts {
            let _ = part.reap(clock.elapsed());
        }
        std::thread::sleep(DEATH_LOOK);
    }
}

/// Who makes a vault is who was given its passphrase: a later life opens the one that is there. And a person asked for a new history
/// once, at the start.
fn told(settings: &Settings, passphrase: bool, first_life: bool) -> Settings {
    Settings {
        create_vault: settings.create_vault && passphrase,
        new_history: settings.new_history && first_life,
        ..settings.clone()
    }
}

/// How often the reports of starting children are looked at: that a file grew wakes nobody in poll(2).
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

/// A file without which a part works as well: a full disk, or one that cannot be written, keeps nobody down.
fn spare(path: &Path) -> Option<OwnedFd> {
    match files::open_kept(path) {
        Ok(file) => Some(file.into()),
        Err(error) => {
            log::write(&format!("supervisor: goes on without {}: {error}", path.display()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::topology::CLIENT;
    use std::io::Write;

    const NOW: Duration = Duration::from_secs(100);

    /// netd with a life whose start is complete, and the pipe's end that it would write to.
    #[allow(clippy::zombie_processes, reason = "reaped by the part, as every life is")]
    fn living(program: &str, argument: &str) -> (Part, File) {
        let child = std::process::Command::new(program).arg(argument).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        let (stderr, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        rustix::io::ioctl_fionbio(&stderr, true).unwrap();
        let pidfd = rustix::process::Pid::from_raw(pid.as_raw()).unwrap();
        let life = Life {
            pid,
            started: Timestamp::now(),
            pidfd: pidfd_open(pidfd, PidfdFlags::empty()).unwrap(),
            stderr: Some(stderr.into()),
            sealed: true,
            control: None,
            report: None,
            settled: None,
            passphrase: false,
        };
        let part = Part { life: Some(life), due: None, ..Part::new(CLIENT.process("netd").unwrap()) };
        (part, theirs.into())
    }

    fn end_of(part: &mut Part) -> End {
        loop {
            if let Some(end) = part.reap(NOW) {
                return end;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_new_history_is_for_the_first_life_alone() {
        let settings = Settings { new_history: true, ..Settings::default() };
        assert!(told(&settings, false, true).new_history && !told(&settings, false, false).new_history);
        assert!(!told(&Settings::default(), false, true).new_history);
    }

    #[test]
    fn a_spare_file_that_cannot_be_had_keeps_nobody_down() {
        let dir = tempfile::tempdir().unwrap();
        assert!(spare(&dir.path().join("ui.state")).is_some() && dir.path().join("ui.state").exists());
        std::os::unix::fs::symlink("elsewhere", dir.path().join("link")).unwrap();
        assert!(spare(&dir.path().join("link")).is_none());
        assert!(!dir.path().join("elsewhere").exists());
        assert!(spare(&dir.path().join("none/ui.state")).is_none());
    }

    #[test]
    fn an_end_is_told_as_it_was() {
        let (mut killed, _stderr) = living("sleep", "60");
        assert_eq!(killed.reap(NOW), None);
        killed.kill();
        assert_eq!(end_of(&mut killed), End { how: Ended::Signal(9), started: true, passphrase: false });
        assert!(killed.life.is_none() && killed.reap(NOW).is_none());
        let (mut failed, _stderr) = living("false", "");
        let life = failed.life.as_mut().unwrap();
        (life.sealed, life.passphrase) = (false, true);
        assert_eq!(end_of(&mut failed), End { how: Ended::Exit(1), started: false, passphrase: true });
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "how long is waited is what is tested")]
    fn the_dying_are_waited_for_and_who_does_not_die_not_for_ever() {
        let (dies, _stderr) = living("sleep", "60");
        let (lives, _stderr) = living("sleep", "60");
        let clock = Instant::now();
        dies.kill();
        let mut parts = [dies, Part::new(CLIENT.process("onion").unwrap())];
        reap_all(&mut parts, clock, Duration::from_secs(20));
        assert!(parts[0].life.is_none() && clock.elapsed() < Duration::from_secs(20));
        let mut parts = [lives];
        let until = clock.elapsed() + Duration::from_millis(50);
        reap_all(&mut parts, clock, until);
        assert!(parts[0].life.is_some() && clock.elapsed() >= until);
        parts[0].kill();
        end_of(&mut parts[0]);
    }

    #[test]
    fn a_start_was_complete_if_the_byte_is_there_although_nobody_had_looked() {
        let (mut part, _stderr) = living("true", "");
        let (settled, tell) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        assert!(!holds_something(&settled));
        rustix::io::write(&tell, b"x").unwrap();
        assert!(holds_something(&settled));
        let life = part.life.as_mut().unwrap();
        (life.sealed, life.settled) = (false, Some(settled));
        assert!(end_of(&mut part).started);
    }

    #[test]
    fn a_start_is_complete_with_a_whole_report_and_the_byte_where_one_is_wanted() {
        let (mut part, _stderr) = living("true", "");
        let report = tempfile::tempfile().unwrap();
        let (settled, tell) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let life = part.life.as_mut().unwrap();
        (life.sealed, life.report, life.settled) = (false, Some(report.try_clone().unwrap()), Some(settled));
        assert!(!part.look_at_report());
        assert_eq!(part.wait(NOW), Some(REPORT_LOOK));
        report.set_len(sandbox::REPORT_BYTES as u64).unwrap();
        assert!(!part.look_at_report(), "the byte is not there");
        rustix::io::write(&tell, b"x").unwrap();
        report.set_len(1).unwrap();
        assert!(!part.look_at_report(), "the report is not whole");
        report.set_len(sandbox::REPORT_BYTES as u64).unwrap();
        assert!(part.look_at_report() && part.look_at_report());
        end_of(&mut part);
        assert!(!part.look_at_report());
    }

    #[test]
    fn what_is_said_is_read_line_by_line_until_too_much_is_said_or_the_pipe_ends() {
        let (mut part, mut said) = living("sleep", "60");
        assert!(part.stderr(NOW).is_some());
        assert_eq!(part.wait(NOW), None, "nothing is due");
        said.write_all("x\n".repeat(1000).as_bytes()).unwrap();
        part.read_stderr(NOW);
        assert!(part.stderr(NOW).is_none(), "lines are held back");
        let wait = part.wait(NOW).unwrap();
        assert!(Duration::ZERO < wait && wait < Duration::from_secs(1), "{wait:?}");
        for second in 1..100 {
            part.pass_on(NOW + Duration::from_secs(second));
        }
        let later = NOW + Duration::from_secs(100);
        assert!(part.stderr(later).is_some());
        drop(said);
        // A program that a test beside this one starts holds a copy of the pipe for a moment.
        while part.life.as_ref().unwrap().stderr.is_some() {
            part.read_stderr(later);
        }
        assert!(part.stderr(later).is_none());
        part.kill();
        end_of(&mut part);
    }

    #[test]
    fn the_last_words_of_who_ended_are_read_out_of_the_pipe() {
        let (mut part, mut said) = living("true", "");
        said.write_all("x\n".repeat(1000).as_bytes()).unwrap();
        end_of(&mut part);
        assert!(!part.lines.wants_more(NOW), "as many lines as may be passed on were");
        assert!(part.lines.wants_more(NOW + Duration::from_secs(1)), "and the others are not held");
    }

    #[test]
    fn who_does_not_run_is_waited_for_until_it_is_due_or_a_fall_is_to_be_forgotten() {
        let mut part = Part::new(CLIENT.process("netd").unwrap());
        assert_eq!(part.wait(NOW), Some(Duration::ZERO));
        part.due = Some(NOW + Duration::from_secs(3));
        assert_eq!(part.wait(NOW), Some(Duration::from_secs(3)));
        part.due = None;
        assert_eq!(part.wait(NOW), None);
        part.history.started(NOW);
        let end = End { how: Ended::Signal(11), started: true, passphrase: false };
        part.history.ended(part.process, end, NOW);
        assert_eq!(part.wait(NOW), Some(crate::restart::FALLS_WINDOW));
    }

    #[test]
    fn a_grant_that_finds_no_room_waits_and_one_that_waits_too_long_ends_the_part() {
        let (mut part, _stderr) = living("sleep", "60");
        let (control, theirs) = wire::control_pair().unwrap();
        part.life.as_mut().unwrap().control = Some(Control::new(control));
        while part.waits_for_room().is_none() {
            part.give(Grant::Ready, NOW);
        }
        assert_eq!(part.wait(NOW), Some(crate::control::TAKES_WITHIN));
        assert!(matches!(part.offer(&Grant::Ready), Err(GrantFailed::Full)));
        while ipc_schema::grant::receive(theirs.as_fd()).is_ok() && part.waits_for_room().is_some() {
            part.give_more(NOW);
        }
        assert!(part.waits_for_room().is_none(), "there was room again");
        while part.waits_for_room().is_none() {
            part.give(Grant::Ready, NOW);
        }
        part.give_more(NOW + crate::control::TAKES_WITHIN);
        assert_eq!(end_of(&mut part).how, Ended::Signal(9));
        assert!(matches!(part.offer(&Grant::Ready), Err(GrantFailed::Gone)));
    }

    #[test]
    fn a_report_is_named_after_its_process() {
        assert_eq!(report_file("netd"), "netd.report");
    }

    #[test]
    fn a_vault_is_made_only_by_who_was_given_a_passphrase_for_a_new_one() {
        for (new, passphrase) in [(true, true), (true, false), (false, true), (false, false)] {
            let settings = Settings { create_vault: new, headless: true, ..Settings::default() };
            let told = told(&settings, passphrase, true);
            assert_eq!((told.create_vault, told.headless), (new && passphrase, true));
        }
    }
}
