//! Lines: circuits to relays, one for each queue, kept open and warm, opened again when they go.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{Command, Purpose, Sign, SignError};

use super::{Action, Engine, LineId, MailboxCall, Network, OpenedLine, Pending, Task, Ticket, Timer};
use crate::error::StoreError;
use crate::ids::{AcceptId, Isolation, PeerQueueId, RelayId, ReplicaId};
use crate::store::EventKind;

/// Who needs a line and is looked at when it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum User {
    Replica(ReplicaId),
    PeerQueue(PeerQueueId),
    Accept(AcceptId),
}

/// First wait after a failure; doubles up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(200);
/// A relay that stays away is asked twice a minute.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// No deposit waits longer by intent: eight means of the second replica's delay.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(40);

/// All lines.
#[derive(Default)]
pub(crate) struct Lines {
    lines: BTreeMap<LineId, Line>,
    by_key: BTreeMap<(RelayId, Isolation), LineId>,
    by_user: BTreeMap<User, LineId>,
}

struct Line {
    relay: RelayId,
    isolation: Isolation,
    users: BTreeSet<User>,
    state: State,
    /// Failures in a row.
    failures: u32,
    /// Signed or being signed, in the order of their counters.
    queue: VecDeque<Queued>,
}

enum State {
    /// Not before.
    Waiting(Timestamp),
    Opening,
    Open {
        binding: [u8; 32],
        route: Vec<RelayId>,
        counter: u64,
    },
}

struct Queued {
    ticket: Ticket,
    task: Task,
    call: MailboxCall,
    counter: u64,
    auth: Option<Vec<u8>>,
}

impl Lines {
    pub(crate) fn all(&self) -> impl Iterator<Item = LineId> {
        self.lines.keys().copied()
    }

    /// A command was answered: the relay is fine.
    pub(crate) fn worked(&mut self, line: LineId) {
        if let Some(line) = self.lines.get_mut(&line) {
            line.failures = 0;
        }
    }

    /// Every wait ends at that moment instead.
    pub(crate) fn sooner(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        for line in self.lines.values_mut() {
            if let State::Waiting(until) = &mut line.state {
                *until = sooner(*until);
            }
        }
    }

    /// How often in a row the user's line could not be had.
    pub(crate) fn failures(&self, user: User) -> u32 {
        self.by_user.get(&user).and_then(|line| self.lines.get(line)).map_or(0, |line| line.failures)
    }

    /// The relays from the guard to the asked one.
    pub(crate) fn route(&self, line: LineId) -> &[RelayId] {
        match self.lines.get(&line).map(|line| &line.state) {
            Some(State::Open { route, .. }) => route,
            _ => &[],
        }
    }

    /// Whether the user's line is open now.
    pub(crate) fn is_open(&self, user: User) -> bool {
        let line = self.by_user.get(&user).and_then(|line| self.lines.get(line));
        matches!(line.map(|line| &line.state), Some(State::Open { .. }))
    }
}

impl Engine {
    /// The line to `relay` if it is open; otherwise it is opened and `user` is looked at again then.
    pub(crate) fn line(&mut self, relay: RelayId, isolation: Isolation, user: User) -> Option<LineId> {
        let id = match self.memory.lines.by_key.get(&(relay, isolation)) {
            Some(id) => *id,
            None => self.add_line(relay, isolation),
        };
        self.memory.lines.by_user.insert(user, id);
        let line = self.memory.lines.lines.get_mut(&id)?;
        line.users.insert(user);
        match line.state {
            State::Open { .. } => Some(id),
            State::Opening => None,
            State::Waiting(until) if until > self.now => {
                self.set_timer(until, Timer::Line(id));
                None
            }
            State::Waiting(_) => {
                self.open_line(id);
                None
            }
        }
    }

    fn add_line(&mut self, relay: RelayId, isolation: Isolation) -> LineId {
        let id = LineId(self.number());
        let state = State::Waiting(Timestamp(0));
        let line =
            Line { relay, isolation, users: BTreeSet::new(), state, failures: 0, queue: VecDeque::new() };
        self.memory.lines.lines.insert(id, line);
        self.memory.lines.by_key.insert((relay, isolation), id);
        id
    }

    fn open_line(&mut self, id: LineId) {
        if !self.memory.onion {
            // `onion_came` looks at every line.
            return;
        }
        if let Some(line) = self.memory.lines.lines.get_mut(&id) {
            line.state = State::Opening;
            let (relay, isolation) = (line.relay, line.isolation);
            self.act(Action::Open { line: id, relay, isolation });
        }
    }

    pub(crate) fn line_timer(&mut self, id: LineId) {
        let waits =
            self.memory.lines.lines.get(&id).is_some_and(|line| matches!(line.state, State::Waiting(_)));
        if waits {
            self.open_line(id);
        }
    }

    /// A user needs its line no more.
    pub(crate) fn leave_line(&mut self, user: User) {
        let Some(id) = self.memory.lines.by_user.remove(&user) else { return };
        let Some(line) = self.memory.lines.lines.get_mut(&id) else { return };
        line.users.remove(&user);
        if line.users.is_empty() {
            if let Some(line) = self.memory.lines.lines.remove(&id) {
                self.memory.lines.by_key.remove(&(line.relay, line.isolation));
            }
            self.act(Action::Close(id));
        }
    }

    pub(crate) fn line_opened(&mut self, id: LineId, opened: Option<OpenedLine>) -> Result<(), StoreError> {
        let Some(opened) = opened else { return self.line_failed(id) };
        let Some(line) = self.memory.lines.lines.get_mut(&id) else {
            self.act(Action::Close(id));
            return Ok(());
        };
        line.state = State::Open { binding: opened.binding, route: opened.route, counter: 0 };
        let users: Vec<User> = line.users.iter().copied().collect();
        users.into_iter().try_for_each(|user| self.look_at(user))
    }

    pub(crate) fn line_closed(&mut self, id: LineId) -> Result<(), StoreError> {
        let was_open =
            self.memory.lines.lines.get(&id).is_some_and(|line| matches!(line.state, State::Open { .. }));
        if was_open { self.line_failed(id) } else { Ok(()) }
    }

    /// The circuit could not be had, or went: what was on it is begun again on the next one.
    fn line_failed(&mut self, id: LineId) -> Result<(), StoreError> {
        let Some(line) = self.memory.lines.lines.get_mut(&id) else { return Ok(()) };
        let wait = BACK_OFF.saturating_mul(1_u32 << line.failures.min(10)).min(BACK_OFF_MAX);
        // A circuit that had worked is replaced at once.
        let at_once = line.failures == 0 && matches!(line.state, State::Open { .. });
        let until = if at_once { self.now } else { self.now.after(wait) };
        line.failures = line.failures.saturating_add(1);
        line.state = State::Waiting(until);
        let queue = std::mem::take(&mut line.queue);
        let users: Vec<User> = line.users.iter().copied().collect();
        for queued in queue {
            self.memory.pending.remove(&queued.ticket);
            self.task_lost(&queued.task)?;
        }
        let sent: Vec<Ticket> = self
            .memory
            .pending
            .iter()
            .filter(|(_, pending)| matches!(pending, Pending::Mailbox(line, _) if *line == id))
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in sent {
            if let Some(Pending::Mailbox(_, task)) = self.memory.pending.remove(&ticket) {
                self.task_lost(&task)?;
            }
        }
        for user in users {
            if let User::Replica(replica) = user {
                self.memory.subscribed.remove(&replica);
            }
            if let User::PeerQueue(queue) = user {
                self.peer_queue_unreachable(queue)?;
            }
            self.look_at(user)?;
        }
        Ok(())
    }

    fn look_at(&mut self, user: User) -> Result<(), StoreError> {
        match user {
            User::Replica(id) => self.advance_replica(id),
            User::PeerQueue(id) => self.advance_peer_queue(id),
            User::Accept(id) => self.advance_accept(id),
        }
    }

    pub(crate) fn onion_came(&mut self) -> Result<(), StoreError> {
        self.memory.onion = true;
        self.wake_lines()?;
        self.wake_pickers()
    }

    pub(crate) fn onion_gone(&mut self) -> Result<(), StoreError> {
        self.memory.onion = false;
        let lines: Vec<LineId> = self.memory.lines.lines.keys().copied().collect();
        for id in lines {
            self.line_failed(id)?;
            if let Some(line) = self.memory.lines.lines.get_mut(&id) {
                line.failures = 0;
                line.state = State::Waiting(self.now);
            }
        }
        let picks: Vec<Ticket> = self
            .memory
            .pending
            .iter()
            .filter(|(_, pending)| matches!(pending, Pending::Pick(_)))
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in picks {
            self.picked(ticket, None)?;
        }
        Ok(())
    }

    /// Every line that waits is tried now.
    fn wake_lines(&mut self) -> Result<(), StoreError> {
        let mut users = Vec::new();
        for line in self.memory.lines.lines.values_mut() {
            if let State::Waiting(until) = &mut line.state {
                *until = self.now;
                line.failures = 0;
                users.extend(line.users.iter().copied());
            }
        }
        users.into_iter().try_for_each(|user| self.look_at(user))
    }

    pub(crate) fn network_changed(&mut self, network: Network) -> Result<(), StoreError> {
        let stage_changed = self.memory.network.stage != network.stage;
        let more = network.relays_usable > self.memory.network.relays_usable;
        self.memory.network = network;
        if stage_changed {
            let stage = self.memory.network.stage.to_owned();
            self.event(&EventKind::Network { stage })?;
        }
        if more || stage_changed && self.memory.network.stage == "connected" {
            self.wake_lines()?;
            self.wake_pickers()?;
        }
        Ok(())
    }

    /// Sends a command over an open line once keyvault has authenticated it.
    pub(crate) fn command(&mut self, id: LineId, task: Task, purpose: Option<Purpose>, call: MailboxCall) {
        let ticket = Ticket(self.number());
        let Some(line) = self.memory.lines.lines.get_mut(&id) else { return };
        let State::Open { binding, counter, .. } = &mut line.state else { return };
        *counter += 1;
        let (binding, counter, relay) = (*binding, *counter, line.relay);
        // `create` needs no authentication, only work.
        let auth = if purpose.is_none() { Some(Vec::new()) } else { None };
        line.queue.push_back(Queued { ticket, task, call, counter, auth });
        match purpose {
            Some(purpose) => {
                self.memory.pending.insert(ticket, Pending::Sign(id));
                let command = Command { relay, binding, counter, purpose };
                self.act(Action::Vault(ticket, Box::new(Sign { command }.into())));
            }
            None => self.send_signed(id),
        }
    }

    pub(crate) fn signed(
        &mut self,
        id: LineId,
        ticket: Ticket,
        signed: Result<Vec<u8>, SignError>,
    ) -> Result<(), StoreError> {
        let Some(line) = self.memory.lines.lines.get_mut(&id) else { return Ok(()) };
        let Some(at) = line.queue.iter().position(|queued| queued.ticket == ticket) else { return Ok(()) };
        if let Ok(auth) = signed {
            if let Some(queued) = line.queue.get_mut(at) {
                queued.auth = Some(auth);
            }
        } else if let Some(refused) = line.queue.remove(at) {
            let users: Vec<User> = line.users.iter().copied().collect();
            self.task_lost(&refused.task)?;
            if let Task::Delete(id) = refused.task {
                // Without keys there is nothing to delete with.
                return self.queue_deleted(id);
            }
            for user in users {
                self.set_timer(self.now.after(BACK_OFF_MAX), Timer::User(user));
            }
        }
        self.send_signed(id);
        Ok(())
    }

    /// Sends what stands signed at the front: counters rise on a circuit.
    fn send_signed(&mut self, id: LineId) {
        while let Some(line) = self.memory.lines.lines.get_mut(&id) {
            if line.queue.front().is_none_or(|front| front.auth.is_none()) {
                return;
            }
            let Some(front) = line.queue.pop_front() else { return };
            self.memory.pending.insert(front.ticket, Pending::Mailbox(id, front.task));
            self.act(Action::Mailbox {
                line: id,
                ticket: front.ticket,
                counter: front.counter,
                auth: front.auth.unwrap_or_default(),
                call: Box::new(front.call),
            });
        }
    }

    pub(crate) fn user_timer(&mut self, user: User) -> Result<(), StoreError> {
        self.look_at(user)
    }
}
