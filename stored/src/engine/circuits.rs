//! Circuits to relays, one for each queue, kept open and warm, opened again when they go.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{Command, Purpose, Sign, SignError};

use super::{Action, CircuitId, Engine, MailboxCall, Network, OpenedCircuit, Pending, Task, Ticket, Timer};
use crate::error::StoreError;
use crate::ids::{AcceptId, Isolation, PeerQueueId, RelayId, ReplicaId};
use crate::store::EventKind;

/// Who needs a circuit and is looked at when it opens.
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

/// All circuits.
#[derive(Default)]
pub(crate) struct Circuits {
    circuits: BTreeMap<CircuitId, Circuit>,
    by_key: BTreeMap<(RelayId, Isolation), CircuitId>,
    by_user: BTreeMap<User, CircuitId>,
}

struct Circuit {
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

impl Circuits {
    pub(crate) fn all(&self) -> impl Iterator<Item = CircuitId> {
        self.circuits.keys().copied()
    }

    /// A command was answered: the relay is fine.
    pub(crate) fn worked(&mut self, circuit: CircuitId) {
        if let Some(circuit) = self.circuits.get_mut(&circuit) {
            circuit.failures = 0;
        }
    }

    /// Every wait ends at that moment instead.
    pub(crate) fn sooner(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        for circuit in self.circuits.values_mut() {
            if let State::Waiting(until) = &mut circuit.state {
                *until = sooner(*until);
            }
        }
    }

    /// How often in a row the user's circuit could not be had.
    pub(crate) fn failures(&self, user: User) -> u32 {
        self.by_user
            .get(&user)
            .and_then(|circuit| self.circuits.get(circuit))
            .map_or(0, |circuit| circuit.failures)
    }

    /// The relays from the guard to the asked one.
    pub(crate) fn route(&self, circuit: CircuitId) -> &[RelayId] {
        match self.circuits.get(&circuit).map(|circuit| &circuit.state) {
            Some(State::Open { route, .. }) => route,
            _ => &[],
        }
    }

    /// Whether the user's circuit is open now.
    pub(crate) fn is_open(&self, user: User) -> bool {
        let circuit = self.by_user.get(&user).and_then(|circuit| self.circuits.get(circuit));
        matches!(circuit.map(|circuit| &circuit.state), Some(State::Open { .. }))
    }
}

impl Engine {
    /// The circuit to `relay` if it is open; otherwise it is opened and `user` is looked at again then.
    pub(crate) fn circuit(&mut self, relay: RelayId, isolation: Isolation, user: User) -> Option<CircuitId> {
        let id = match self.memory.circuits.by_key.get(&(relay, isolation)) {
            Some(id) => *id,
            None => self.add_circuit(relay, isolation),
        };
        self.memory.circuits.by_user.insert(user, id);
        let circuit = self.memory.circuits.circuits.get_mut(&id)?;
        circuit.users.insert(user);
        match circuit.state {
            State::Open { .. } => Some(id),
            State::Opening => None,
            State::Waiting(until) if until > self.now => {
                self.set_timer(until, Timer::Circuit(id));
                None
            }
            State::Waiting(_) => {
                self.open_circuit(id);
                None
            }
        }
    }

    fn add_circuit(&mut self, relay: RelayId, isolation: Isolation) -> CircuitId {
        let id = CircuitId(self.number());
        let state = State::Waiting(Timestamp(0));
        let circuit =
            Circuit { relay, isolation, users: BTreeSet::new(), state, failures: 0, queue: VecDeque::new() };
        self.memory.circuits.circuits.insert(id, circuit);
        self.memory.circuits.by_key.insert((relay, isolation), id);
        id
    }

    fn open_circuit(&mut self, id: CircuitId) {
        if !self.memory.onion {
            // `onion_came` looks at every circuit.
            return;
        }
        if let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) {
            circuit.state = State::Opening;
            let (relay, isolation) = (circuit.relay, circuit.isolation);
            self.act(Action::Open { circuit: id, relay, isolation });
        }
    }

    pub(crate) fn circuit_timer(&mut self, id: CircuitId) {
        let waits = self
            .memory
            .circuits
            .circuits
            .get(&id)
            .is_some_and(|circuit| matches!(circuit.state, State::Waiting(_)));
        if waits {
            self.open_circuit(id);
        }
    }

    /// A user needs its circuit no more.
    pub(crate) fn leave_circuit(&mut self, user: User) {
        let Some(id) = self.memory.circuits.by_user.remove(&user) else { return };
        let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) else { return };
        circuit.users.remove(&user);
        if circuit.users.is_empty() {
            if let Some(circuit) = self.memory.circuits.circuits.remove(&id) {
                self.memory.circuits.by_key.remove(&(circuit.relay, circuit.isolation));
            }
            self.act(Action::Close(id));
        }
    }

    pub(crate) fn circuit_opened(
        &mut self,
        id: CircuitId,
        opened: Option<OpenedCircuit>,
    ) -> Result<(), StoreError> {
        let Some(opened) = opened else { return self.circuit_failed(id) };
        let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) else {
            self.act(Action::Close(id));
            return Ok(());
        };
        circuit.state = State::Open { binding: opened.binding, route: opened.route, counter: 0 };
        let users: Vec<User> = circuit.users.iter().copied().collect();
        users.into_iter().try_for_each(|user| self.look_at(user))
    }

    pub(crate) fn circuit_closed(&mut self, id: CircuitId) -> Result<(), StoreError> {
        let was_open = self
            .memory
            .circuits
            .circuits
            .get(&id)
            .is_some_and(|circuit| matches!(circuit.state, State::Open { .. }));
        if was_open { self.circuit_failed(id) } else { Ok(()) }
    }

    /// The circuit could not be had, or went: what was on it is begun again on the next one.
    fn circuit_failed(&mut self, id: CircuitId) -> Result<(), StoreError> {
        let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) else { return Ok(()) };
        let wait = BACK_OFF.saturating_mul(1_u32 << circuit.failures.min(10)).min(BACK_OFF_MAX);
        // A circuit that had worked is replaced at once.
        let at_once = circuit.failures == 0 && matches!(circuit.state, State::Open { .. });
        let until = if at_once { self.now } else { self.now.after(wait) };
        circuit.failures = circuit.failures.saturating_add(1);
        circuit.state = State::Waiting(until);
        let queue = std::mem::take(&mut circuit.queue);
        let users: Vec<User> = circuit.users.iter().copied().collect();
        for queued in queue {
            self.memory.pending.remove(&queued.ticket);
            self.task_lost(&queued.task)?;
        }
        let sent: Vec<Ticket> = self
            .memory
            .pending
            .iter()
            .filter(|(_, pending)| matches!(pending, Pending::Mailbox(circuit, _) if *circuit == id))
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
        self.wake_circuits()?;
        self.wake_pickers()
    }

    pub(crate) fn onion_gone(&mut self) -> Result<(), StoreError> {
        self.memory.onion = false;
        let circuits: Vec<CircuitId> = self.memory.circuits.circuits.keys().copied().collect();
        for id in circuits {
            self.circuit_failed(id)?;
            if let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) {
                circuit.failures = 0;
                circuit.state = State::Waiting(self.now);
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

    /// Every circuit that waits is tried now.
    fn wake_circuits(&mut self) -> Result<(), StoreError> {
        let mut users = Vec::new();
        for circuit in self.memory.circuits.circuits.values_mut() {
            if let State::Waiting(until) = &mut circuit.state {
                *until = self.now;
                circuit.failures = 0;
                users.extend(circuit.users.iter().copied());
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
            self.wake_circuits()?;
            self.wake_pickers()?;
        }
        Ok(())
    }

    /// Sends a command over an open circuit once keyvault has authenticated it.
    pub(crate) fn command(&mut self, id: CircuitId, task: Task, purpose: Option<Purpose>, call: MailboxCall) {
        let ticket = Ticket(self.number());
        let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) else { return };
        let State::Open { binding, counter, .. } = &mut circuit.state else { return };
        *counter += 1;
        let (binding, counter, relay) = (*binding, *counter, circuit.relay);
        // `create` needs no authentication, only work.
        let auth = if purpose.is_none() { Some(Vec::new()) } else { None };
        circuit.queue.push_back(Queued { ticket, task, call, counter, auth });
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
        id: CircuitId,
        ticket: Ticket,
        signed: Result<Vec<u8>, SignError>,
    ) -> Result<(), StoreError> {
        let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) else { return Ok(()) };
        let Some(at) = circuit.queue.iter().position(|queued| queued.ticket == ticket) else { return Ok(()) };
        if let Ok(auth) = signed {
            if let Some(queued) = circuit.queue.get_mut(at) {
                queued.auth = Some(auth);
            }
        } else if let Some(refused) = circuit.queue.remove(at) {
            let users: Vec<User> = circuit.users.iter().copied().collect();
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
    fn send_signed(&mut self, id: CircuitId) {
        while let Some(circuit) = self.memory.circuits.circuits.get_mut(&id) {
            if circuit.queue.front().is_none_or(|front| front.auth.is_none()) {
                return;
            }
            let Some(front) = circuit.queue.pop_front() else { return };
            self.memory.pending.insert(front.ticket, Pending::Mailbox(id, front.task));
            self.act(Action::Mailbox {
                circuit: id,
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
