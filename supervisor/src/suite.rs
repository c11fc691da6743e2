//! The event loop: starts what is due, wires it, waits, and takes note of ends.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_schema::Timestamp;
use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::Grant;
use ipc_schema::topology::Topology;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::children::{GrantFailed, Part, Setting};
use crate::log;
use crate::options::Gifts;
use crate::restart::{Ended, Verdict};
use crate::sockets::Door;
use crate::spawn::Spawner;
use crate::state::{self, State};
use crate::wire;

/// How long children may take to stop before they are killed: stored commits, redb closes. The whole stop must stay
/// under 10 s (command-line.md).
const STOP_WAIT: Duration = Duration::from_secs(5);

/// How often the reports of starting children are looked at.
const REPORT_LOOK: Duration = Duration::from_millis(10);

/// The wait where nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// A running suite.
#[derive(Debug)]
pub struct Suite {
    topology: &'static Topology,
    setting: Setting,
    parts: Vec<Part>,
    doors: Vec<Door>,
    spawner: Spawner,
    signals: File,
    gifts: Gifts,
    clock: Instant,
    started: Timestamp,
    stop: Option<Stop>,
    /// `ready` is still to be told.
    announce: bool,
    changed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Stop {
    code: u8,
    kill_at: Duration,
}

/// What the loop waits for.
#[derive(Debug, Clone, Copy)]
enum Event {
    Signal,
    End(usize),
    Stderr(usize),
    Knock(usize),
}

impl Suite {
    /// A suite in which everything is to start. `signals` reads as SIGTERM and SIGINT.
    pub fn new(
        topology: &'static Topology,
        setting: Setting,
        spawner: Spawner,
        doors: Vec<Door>,
        signals: File,
    ) -> Self {
        let headless = setting.settings.headless;
        let runs = topology.processes.iter().filter(|process| process.headless || !headless);
        Self {
            topology,
            parts: runs.map(Part::new).collect(),
            announce: headless && !setting.settings.relay,
            setting,
            doors,
            spawner,
            signals,
            gifts: Gifts::default(),
            #[allow(clippy::disallowed_methods, reason = "the shell's one clock; cores are told the time")]
            clock: Instant::now(),
            started: Timestamp::now(),
            stop: None,
            changed: true,
        }
    }

    /// With what goes to single children, unread, at their first start.
    #[must_use]
    pub fn with_gifts(self, gifts: Gifts) -> Self {
        Self { gifts, ..self }
    }

    /// Runs until every process has ended; gives the exit code.
    pub fn run(mut self) -> u8 {
        loop {
            self.start_what_is_due();
            self.kill_who_does_not_stop();
            self.announce_when_ready();
            self.write_state();
            if let Some(stop) = self.stop
                && self.parts.iter().all(|part| part.life.is_none())
            {
                return stop.code;
            }
            for event in self.wait() {
                self.handle(event);
            }
        }
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    fn start_what_is_due(&mut self) {
        let now = self.now();
        if self.stop.is_some() {
            return;
        }
        let mut starting = Vec::new();
        for index in 0..self.parts.len() {
            let Some(part) = self.parts.get_mut(index) else { continue };
            if part.life.is_some() || part.due.is_none_or(|due| due > now) {
                continue;
            }
            part.due = None;
            self.changed = true;
            match part.start(&self.setting, &self.spawner, &mut self.gifts, now) {
                Ok(()) => starting.push(part.process.name),
                Err(why) => {
                    log::write(&format!("supervisor: {why}"));
                    self.ended(index, Ended::NotStarted);
                }
            }
        }
        self.wire(&starting);
        for part in self.parts.iter_mut().filter(|part| starting.contains(&part.process.name)) {
            part.give(&Grant::Ready);
        }
    }

    fn wire(&mut self, starting: &[&'static str]) {
        let alive: Vec<&str> =
            self.parts.iter().filter(|part| part.life.is_some()).map(|part| part.process.name).collect();
        let edges: Vec<_> = wire::edges(self.topology, starting, |name| alive.contains(&name)).collect();
        for (edge, caller) in edges {
            let (callers, callees) = match EdgeEnds::pipes() {
                Ok(pair) => pair,
                Err(error) => {
                    log::write(&format!("supervisor: no edge {}: {error}", edge.name));
                    continue;
                }
            };
            for (process, caller, ends) in [(edge.callee, false, callees), (caller, true, callers)] {
                let name = edge.name.to_string();
                if let Some(part) = self.parts.iter_mut().find(|part| part.process.name == process) {
                    part.give(&Grant::Edge { name, caller, ends });
                }
            }
        }
    }

    fn kill_who_does_not_stop(&mut self) {
        let now = self.now();
        if let Some(stop) = &mut self.stop
            && now >= stop.kill_at
        {
            stop.kill_at = now + IDLE;
            self.parts.iter().for_each(Part::kill);
        }
    }

    fn announce_when_ready(&mut self) {
        let mut all = true;
        for part in &mut self.parts {
            all &= part.history.given_up || part.look_at_report();
        }
        if self.announce && all && self.stop.is_none() {
            self.announce = false;
            log::announce("ready");
        }
    }

    fn write_state(&mut self) {
        if !std::mem::take(&mut self.changed) || self.stop.is_some() {
            return;
        }
        let part = |part: &Part| state::Part {
            name: part.process.name.into(),
            pid: part.life.as_ref().map(|life| life.pid.as_raw().unsigned_abs()),
            started: part.life.as_ref().map(|life| life.started.0),
            restarts: part.history.restarts,
            last: part.history.last.map(|how| how.to_string()),
            given_up: part.history.given_up,
        };
        let settings = &self.setting.settings;
        let state = State {
            topology: self.topology.name.into(),
            pid: std::process::id(),
            started: self.started.0,
            headless: settings.headless,
            network: settings.network_name.clone(),
            private: settings.private(),
            processes: self.parts.iter().map(part).collect(),
        };
        if let Err(error) = state.write(&self.setting.runtime) {
            log::write(&format!("supervisor: cannot write {}: {error}", state::FILE));
        }
    }

    /// Waits for the next events, or until something is due.
    fn wait(&mut self) -> Vec<Event> {
        let timeout = PollTimeout::try_from(self.next_due()).unwrap_or(PollTimeout::MAX);
        let now = self.now();
        let mut events = vec![Event::Signal];
        let mut watched = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        for (index, part) in self.parts.iter().enumerate() {
            let Some(life) = &part.life else { continue };
            events.push(Event::End(index));
            watched.push(PollFd::new(life.pidfd.as_fd(), PollFlags::POLLIN));
            if let Some(stderr) = &life.stderr {
                events.push(Event::Stderr(index));
                watched.push(PollFd::new(stderr.as_fd(), PollFlags::POLLIN));
            }
        }
        let (parts, doors) = (&self.parts, &mut self.doors);
        let free: Vec<bool> = doors.iter_mut().map(|door| door.wait(now).is_zero()).collect();
        for (index, (door, free)) in self.doors.iter().zip(free).enumerate() {
            if free && is_sealed(parts, door.edge.callee) {
                events.push(Event::Knock(index));
                watched.push(PollFd::new(door.as_fd(), PollFlags::POLLIN));
            }
        }
        if poll(&mut watched, timeout).is_err() {
            return Vec::new();
        }
        let fired = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        events.into_iter().zip(&watched).filter(|(_, fd)| fired(fd)).map(|(event, _)| event).collect()
    }

    fn next_due(&mut self) -> Duration {
        let now = self.now();
        let mut next = IDLE;
        for part in &self.parts {
            match &part.life {
                Some(life) if !life.sealed => next = next.min(REPORT_LOOK),
                Some(_) => {}
                None => next = part.due.map_or(next, |due| next.min(due.saturating_sub(now))),
            }
        }
        for door in &mut self.doors {
            let wait = door.wait(now);
            next = if wait > Duration::ZERO { next.min(wait) } else { next };
        }
        let next = self.stop.map_or(next, |stop| next.min(stop.kill_at.saturating_sub(now)));
        // poll counts whole milliseconds: rounded up, so that what is due is due when it returns.
        if next.is_zero() { next } else { next + Duration::from_millis(1) }
    }

    fn handle(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Signal => {
                let mut siginfo = [0; 128];
                let _ = self.signals.read(&mut siginfo);
                self.stop_all(0);
            }
            Event::End(index) => {
                if let Some(how) = self.parts.get_mut(index).and_then(|part| part.reap(now)) {
                    self.ended(index, how);
                }
            }
            Event::Stderr(index) => {
                if let Some(part) = self.parts.get_mut(index) {
                    part.read_stderr(now);
                }
            }
            Event::Knock(index) => self.let_in(index, now),
        }
    }

    fn let_in(&mut self, index: usize, now: Duration) {
        let Some(door) = self.doors.get_mut(index) else { return };
        let (edge, Some(socket)) = (door.edge, door.accept(now)) else { return };
        let callee = self.parts.iter().find(|part| part.process.name == edge.callee);
        let grant = Grant::Edge { name: edge.name.into(), caller: false, ends: socket.into() };
        // A callee that is gone or has its hands full: the connection closes, and the program tries again.
        match callee.map(|part| part.try_give(&grant)) {
            Some(Err(GrantFailed::Stuck(error))) => {
                log::write(&format!("supervisor: {} takes no connection: {error}", edge.callee));
            }
            Some(Ok(()) | Err(GrantFailed::Gone)) | None => {}
        }
    }

    fn ended(&mut self, index: usize, how: Ended) {
        self.changed = true;
        let now = self.now();
        let stopping = self.stop.is_some();
        let Some(part) = self.parts.get_mut(index) else { return };
        if stopping {
            return;
        }
        let process = part.process;
        let done = process.disposable && how == Ended::Exit(0);
        if !done {
            log::write(&format!("supervisor: {} ended: {how}", process.name));
        }
        match part.history.ended(process, how, now) {
            Verdict::Again { at } => part.due = Some(at),
            Verdict::GiveUp => log::write(&format!(
                "supervisor: {} fell too often and stays down: `privatus stop`, then start again",
                process.name
            )),
            Verdict::EndSuite { code } => {
                say_why(process.name, how);
                self.stop_all(code);
                return;
            }
        }
        for part in self.parts.iter_mut().filter(|part| process.takes_down.contains(&part.process.name)) {
            if part.life.is_some() {
                part.history.taken_down();
                part.kill();
            }
        }
    }

    /// Every child is asked to stop; who has not after a while is killed.
    fn stop_all(&mut self, code: u8) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(Stop { code, kill_at: self.now() + STOP_WAIT });
        self.doors.drain(..).for_each(Door::remove);
        self.parts.iter_mut().for_each(Part::ask_to_stop);
    }
}

fn is_sealed(parts: &[Part], name: &str) -> bool {
    let part = parts.iter().find(|part| part.process.name == name);
    part.and_then(|part| part.life.as_ref()).is_some_and(|life| life.sealed)
}

/// The suite ends by what only a person can change: one line that says what to do.
fn say_why(name: &str, how: Ended) {
    match how {
        Ended::Exit(3) => log::write("privatus: wrong passphrase: start again with the right one"),
        Ended::Exit(4) => {
            log::write("privatus: the vault is damaged and nothing of it can be read: restore a backup")
        }
        Ended::Exit(0) => {}
        _ => log::write(&format!("privatus: {name} could not start: see its line above")),
    }
}
