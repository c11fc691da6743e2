//! The event loop: starts what is due, wires it, waits, and takes note of ends.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc_schema::Timestamp;
use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::Grant;
use ipc_schema::topology::Topology;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sandbox::signals::{Asked, Signals};

use crate::burn::burn;
use crate::children::{Part, Setting, reap_all};
use crate::control::GrantFailed;
use crate::ended::Ended;
use crate::options::Gifts;
use crate::restart::{End, Verdict};
use crate::sockets::{self, Door};
use crate::spawn::Spawner;
use crate::state::{self, Pace, State};
use crate::wire;
use crate::{log, network};

/// How long children may take to stop before they are killed: stored commits, redb closes. The whole stop must stay
/// under 10 s.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// How long killed children may take to be gone before the keys are destroyed all the same, and the end is no longer waited
/// for: a process can be stuck in the kernel.
const DEATH_WAIT: Duration = Duration::from_secs(2);

/// The wait where nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// A running suite.
#[derive(Debug)]
pub struct Suite {
    topology: &'static Topology,
    setting: Setting,
    parts: Vec<Part>,
    doors: Vec<Door>,
    /// When it was last looked whether they are there, and whether they were.
    doors_looked: Duration,
    doors_gone: bool,
    spawner: Spawner,
    signals: Signals,
    gifts: Gifts,
    /// What is destroyed when a person asks for it.
    vault: Option<File>,
    clock: Instant,
    started: Timestamp,
    stop: Option<Stop>,
    /// `ready` is still to be told.
    announce: bool,
    pace: Pace,
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
    Room,
    Knock(usize),
}

impl Suite {
    /// A suite in which everything is to start.
    pub fn new(
        topology: &'static Topology,
        setting: Setting,
        spawner: Spawner,
        doors: Vec<Door>,
        signals: Signals,
    ) -> Self {
        let headless = setting.settings.headless;
        let runs = topology.processes.iter().filter(|process| process.headless || !headless);
        Self {
            topology,
            parts: runs.map(Part::new).collect(),
            announce: headless && !setting.settings.relay,
            setting,
            doors,
            doors_looked: Duration::ZERO,
            doors_gone: false,
            spawner,
            signals,
            gifts: Gifts::default(),
            vault: None,
            #[allow(clippy::disallowed_methods, reason = "the shell's one clock; cores are told the time")]
            clock: Instant::now(),
            started: Timestamp::now(),
            stop: None,
            pace: Pace::default(),
        }
    }

    /// With what goes to single children, unread, at their first start; and the vault, to destroy it when that is asked for.
    #[must_use]
    pub fn with(self, gifts: Gifts, vault: Option<File>) -> Self {
        Self { gifts, vault, ..self }
    }

    /// Runs until every process has ended; gives the exit code.
    pub fn run(mut self) -> u8 {
        loop {
            self.start_what_is_due();
            self.kill_who_does_not_stop();
            self.look_after_parts();
            self.look_after_doors();
            // Whoever reads `ready` finds the state.
            self.write_state();
            self.announce_when_ready();
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
            self.pace.changed();
            match part.start(&self.setting, &self.spawner, &mut self.gifts, now) {
                Ok(()) => starting.push(part.process.name),
                Err(why) => {
                    log::write(&format!("supervisor: {why}"));
                    self.ended(index, End { how: Ended::NotStarted, started: false, passphrase: false });
                }
            }
        }
        self.wire(&starting, now);
        for part in self.parts.iter_mut().filter(|part| starting.contains(&part.process.name)) {
            part.give(Grant::Ready, now);
        }
    }

    fn wire(&mut self, starting: &[&'static str], now: Duration) {
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
                    part.give(Grant::Edge { name, caller, ends }, now);
                }
            }
        }
    }

    fn kill_who_does_not_stop(&mut self) {
        let now = self.now();
        if let Some(stop) = &mut self.stop
            && now >= stop.kill_at
        {
            // Once: from now on only their ends are waited for.
            stop.kill_at = now + IDLE;
            self.parts.iter().for_each(Part::kill);
        }
    }

    fn announce_when_ready(&mut self) {
        let mut all = true;
        for part in &mut self.parts {
            // What is started anew just now waits at its socket, or has none.
            all &= part.look_at_report() || part.history.has_started();
        }
        if !all || self.stop.is_some() {
            return;
        }
        if let Some(kind) = self.setting.to_complete.take() {
            let Setting { folder, settings, .. } = &mut self.setting;
            if let Err(error) = network::complete(folder, kind, settings) {
                log::write(&format!(
                    "supervisor: cannot write {}: {error}",
                    folder.join(network::FILES[0]).display()
                ));
            }
        }
        if self.announce {
            self.announce = false;
            log::announce("ready");
        }
    }

    /// What time and room bring: lines that may be passed on, grants that waited, falls that no longer count.
    fn look_after_parts(&mut self) {
        let now = self.now();
        for part in &mut self.parts {
            part.pass_on(now);
            part.give_more(now);
            if part.history.forget(now) {
                self.pace.changed();
            }
        }
    }

    /// Where a logout took the runtime folder: makes it anew, with all that lies in it, once what it lies in is there again.
    fn look_after_doors(&mut self) {
        let now = self.now();
        if self.stop.is_some() || now < self.doors_looked + sockets::LOOK_EVERY {
            return;
        }
        self.doors_looked = now;
        let runtime = &self.setting.runtime;
        let gone = match sockets::reopen(self.topology, runtime, &mut self.doors) {
            Ok(false) => return,
            Ok(true) => {
                let reports = self.setting.own_reports.iter().map(|report| report.lay(runtime));
                let laid = reports.chain(self.parts.iter().map(|part| part.lay_report(runtime)));
                for error in laid.filter_map(Result::err) {
                    log::write(&format!("supervisor: cannot write a report: {error}"));
                }
                self.pace.changed();
                log::write(&format!(
                    "supervisor: the sockets were gone, and are made anew in {}",
                    runtime.display()
                ));
                false
            }
            Err(error) => {
                if !self.doors_gone {
                    log::write(&format!(
                        "supervisor: nobody can reach the suite: {error}; it is tried again"
                    ));
                }
                true
            }
        };
        self.doors_gone = gone;
    }

    fn write_state(&mut self) {
        // What is not this user's alone is not written to.
        if self.stop.is_some() || self.doors_gone || !self.pace.take(self.now()) {
            return;
        }
        if let Err(error) = self.state().write(&self.setting.runtime) {
            log::write(&format!("supervisor: cannot write {}: {error}", state::FILE));
        }
    }

    fn state(&self) -> State {
        let moment = |at: Duration| self.started.0.saturating_add(state::millis(at));
        let part = |part: &Part| state::Part {
            name: part.process.name.into(),
            pid: part.life.as_ref().map(|life| life.pid.as_raw().unsigned_abs()),
            started: part.life.as_ref().map(|life| life.started.0),
            restarts: part.history.restarts,
            last: part.history.last.map(|how| how.words(part.process)),
            given_up: part.history.given_up,
            falls: state::count(part.history.falls()),
            falls_by_signal: state::count(part.history.falls().filter(|fall| fall.by_signal)),
            next_start: part.due.map(moment),
        };
        let settings = &self.setting.settings;
        State {
            topology: self.topology.name.into(),
            pid: std::process::id(),
            started: self.started.0,
            headless: settings.headless,
            display: self.setting.display.filter(|_| !settings.headless).map(Into::into),
            network: settings.network_name.clone(),
            private: settings.private(),
            without_walls: settings.without_walls,
            processes: self.parts.iter().map(part).collect(),
        }
    }

    /// Waits for the next events, or until something is due.
    fn wait(&mut self) -> Vec<Event> {
        let timeout = PollTimeout::try_from(self.next_due()).unwrap_or(PollTimeout::MAX);
        let now = self.now();
        let mut events = vec![Event::Signal];
        let mut watched = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let read: Vec<bool> = self.parts.iter_mut().map(|part| part.stderr(now).is_some()).collect();
        for ((index, part), read) in self.parts.iter().enumerate().zip(read) {
            let Some(life) = &part.life else { continue };
            events.push(Event::End(index));
            watched.push(PollFd::new(life.pidfd.as_fd(), PollFlags::POLLIN));
            if let Some(control) = part.waits_for_room() {
                events.push(Event::Room);
                watched.push(PollFd::new(control.as_fd(), PollFlags::POLLOUT));
            }
            if let Some(stderr) = life.stderr.as_ref().filter(|_| read) {
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
            // Nothing is lost: what is ready now is ready at the next round.
            return Vec::new();
        }
        let fired = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        events.into_iter().zip(&watched).filter(|(_, fd)| fired(fd)).map(|(event, _)| event).collect()
    }

    fn next_due(&mut self) -> Duration {
        let now = self.now();
        let mut next = IDLE;
        for part in &mut self.parts {
            next = part.wait(now).map_or(next, |wait| next.min(wait));
        }
        if self.stop.is_none() {
            let write = self.pace.wait(now).filter(|_| !self.doors_gone);
            next = write.map_or(next, |wait| next.min(wait));
            next = next.min((self.doors_looked + sockets::LOOK_EVERY).saturating_sub(now));
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
            Event::Signal => match self.signals.asked() {
                Some(Asked::Stop) => self.stop_all(0),
                Some(Asked::Destroy) => self.destroy(),
                None => {}
            },
            Event::End(index) => {
                if let Some(end) = self.parts.get_mut(index).and_then(|part| part.reap(now)) {
                    self.ended(index, end);
                }
            }
            Event::Stderr(index) => {
                if let Some(part) = self.parts.get_mut(index) {
                    part.read_stderr(now);
                }
            }
            // Below, for each part that waits.
            Event::Room => {}
            Event::Knock(index) => self.let_in(index, now),
        }
    }

    fn let_in(&mut self, index: usize, now: Duration) {
        let Some(door) = self.doors.get_mut(index) else { return };
        let (edge, Some(socket)) = (door.edge, door.accept(now)) else { return };
        let callee = self.parts.iter().find(|part| part.process.name == edge.callee);
        let grant = Grant::Edge { name: edge.name.into(), caller: false, ends: socket.into() };
        // A callee that is gone or has its hands full: the connection closes, and the program tries again.
        match callee.map(|part| part.offer(&grant)) {
            Some(Err(GrantFailed::Stuck(error))) => {
                log::write(&format!("supervisor: {} takes no connection: {error}", edge.callee));
            }
            Some(Ok(()) | Err(GrantFailed::Gone | GrantFailed::Full)) | None => {}
        }
    }

    fn ended(&mut self, index: usize, end: End) {
        self.pace.changed();
        let now = self.now();
        let stopping = self.stop.is_some();
        let Some(part) = self.parts.get_mut(index) else { return };
        if stopping {
            return;
        }
        let process = part.process;
        let done = process.disposable && end.how == Ended::Exit(0);
        if !done {
            log::write(&format!("supervisor: {} ended: {}", process.name, end.how.words(process)));
        }
        match part.history.ended(process, end, now) {
            Verdict::Again { at } => part.due = Some(at),
            Verdict::GiveUp => log::write(&format!(
                "supervisor: {} fell too often and stays down: `privatus stop`, then start again",
                process.name
            )),
            Verdict::EndSuite(why) => {
                why.line(process.name, end.how).iter().for_each(|line| log::write(line));
                self.stop_all(why.code());
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

    /// Everything is killed, so that nobody writes the keys again from memory; then they are overwritten. No part is asked: what
    /// is stuck or taken over cannot stop it.
    fn destroy(&mut self) {
        self.doors.drain(..).for_each(Door::remove);
        self.parts.iter().for_each(Part::kill);
        let until = self.now() + DEATH_WAIT;
        reap_all(&mut self.parts, self.clock, until);
        let code = match self.vault.as_ref().map(burn) {
            Some(Ok(())) => {
                log::write("privatus: the keys are destroyed");
                0
            }
            Some(Err(error)) => {
                log::write(&format!("supervisor: cannot destroy the keys: {error}"));
                1
            }
            None => 1,
        };
        self.stop = Some(Stop { code, kill_at: self.now() });
    }

    /// Every child is asked to stop; who has not after a while is killed.
    fn stop_all(&mut self, code: u8) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(Stop { code, kill_at: self.now() + STOP_WAIT });
        self.doors.drain(..).for_each(Door::remove);
        self.parts.iter_mut().for_each(|part| {
            part.due = None;
            part.ask_to_stop();
        });
    }
}

fn is_sealed(parts: &[Part], name: &str) -> bool {
    let part = parts.iter().find(|part| part.process.name == name);
    part.and_then(|part| part.life.as_ref()).is_some_and(|life| life.sealed)
}
