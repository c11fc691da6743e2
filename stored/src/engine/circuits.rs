//! Circuits to relays, one for each queue, kept open and warm, opened again when they go; and the commands on them, each signed and
//! sent in its order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::Failed;
use ipc_schema::edge::stored_keyvault::{Command, Sign, SignError};
use ipc_schema::edge::stored_onion::Lane;

use super::event::{CircuitEvent, Event, Order, QueueEvent, Timer, User};
use super::interface::{Action, Came, CircuitId, MailboxCall, Network, OpenedCircuit, Ticket};
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::{Isolation, RelayId};
use crate::store::EventKind;

/// First wait after a failure; doubles up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(200);
/// A relay that stays away is asked twice a minute.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// Who is told what came of a command.
type Then = Box<dyn FnOnce(Came) -> Event>;

/// All circuits, and the network that they go through.
#[derive(Default)]
pub(super) struct Circuits {
    /// onion is there.
    onion: bool,
    network: Network,
    circuits: BTreeMap<CircuitId, Circuit>,
    by_key: BTreeMap<Key, CircuitId>,
    by_user: BTreeMap<User, CircuitId>,
    /// Commands that wait for their answer.
    sent: BTreeMap<Ticket, (CircuitId, Then)>,
    /// When something last came back over a circuit, since the last loss.
    proof_at: Option<Timestamp>,
}

/// Users of the same share a circuit. Lanes never do.
type Key = (RelayId, Isolation, Lane);

struct Circuit {
    relay: RelayId,
    isolation: Isolation,
    lane: Lane,
    users: BTreeSet<User>,
    state: State,
    /// In a row.
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
    call: MailboxCall,
    counter: u64,
    auth: Option<Vec<u8>>,
    then: Then,
}

impl Circuits {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: CircuitEvent) -> Result<(), StoreError> {
        match event {
            CircuitEvent::Opened(id, opened) => self.opened(turn, id, opened),
            CircuitEvent::Closed(id) => self.closed(turn, id),
            CircuitEvent::Answered(ticket, came) => self.answered(turn, ticket, came),
            CircuitEvent::Heard => self.proof_at = Some(turn.now),
            CircuitEvent::Signed(id, ticket, signed) => self.signed(turn, id, ticket, signed),
            CircuitEvent::Retry(id) => self.retry(turn, id),
            CircuitEvent::OnionCame => self.onion_came(turn),
            CircuitEvent::OnionGone => self.onion_gone(turn),
            CircuitEvent::Network(network) => return self.network_changed(turn, network),
        }
        Ok(())
    }

    // ---- what the flows ask

    /// The circuit to `relay` if it is open; otherwise it is opened and `user` is looked at again then.
    pub(super) fn to(
        &mut self,
        turn: &mut Turn,
        relay: RelayId,
        isolation: Isolation,
        user: User,
    ) -> Option<CircuitId> {
        let key = (relay, isolation, user.lane());
        let id = match self.by_key.get(&key) {
            Some(id) => *id,
            None => self.add(turn, key),
        };
        self.by_user.insert(user, id);
        let circuit = self.circuits.get_mut(&id)?;
        circuit.users.insert(user);
        match circuit.state {
            State::Open { .. } => return Some(id),
            State::Opening => {}
            State::Waiting(until) if until > turn.now => turn.set_timer(until, Timer::Circuit(id)),
            State::Waiting(_) => self.open(turn, id),
        }
        None
    }

    /// A user needs its circuit no more.
    pub(super) fn leave(&mut self, turn: &mut Turn, user: User) {
        let Some(id) = self.by_user.remove(&user) else { return };
        let Some(circuit) = self.circuits.get_mut(&id) else { return };
        circuit.users.remove(&user);
        if circuit.users.is_empty() {
            if let Some(circuit) = self.circuits.remove(&id) {
                self.by_key.remove(&(circuit.relay, circuit.isolation, circuit.lane));
            }
            turn.act(Action::Close(id));
        }
    }

    /// Sends a command over an open circuit once keyvault has authenticated it. What comes of it is told as `then` says.
    pub(super) fn command<E: Into<Event>>(
        &mut self,
        turn: &mut Turn,
        id: CircuitId,
        order: Order,
        then: impl FnOnce(Came) -> E + 'static,
    ) {
        let Some(circuit) = self.circuits.get_mut(&id) else { return turn.wish(then(Came::Lost)) };
        let State::Open { binding, counter, .. } = &mut circuit.state else {
            return turn.wish(then(Came::Lost));
        };
        *counter += 1;
        let (binding, counter, relay) = (*binding, *counter, circuit.relay);
        let ticket = Ticket(turn.number());
        // `create` needs no authentication, only work.
        let auth = order.purpose.is_none().then(Vec::new);
        let then = Box::new(move |came| then(came).into());
        circuit.queue.push_back(Queued { ticket, call: order.call, counter, auth, then });
        match order.purpose {
            Some(purpose) => {
                let command = Command { relay, binding, counter, purpose };
                turn.ask(Sign { command }, move |signed| CircuitEvent::Signed(id, ticket, signed));
            }
            None => self.send_signed(turn, id),
        }
    }

    /// Whether onion can be asked for anything.
    pub(super) fn onion(&self) -> bool {
        self.onion
    }

    /// As onion told it last.
    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// When a relay or a peer last gave a sign of life: a circuit was built, a command answered, a message opened. `None`: not since the
    /// network was lost, so nothing is known of it.
    pub(super) fn proof_at(&self) -> Option<Timestamp> {
        self.proof_at
    }

    /// How often in a row the user's circuit could not be had.
    pub(super) fn failures(&self, user: User) -> u32 {
        self.of(user).map_or(0, |circuit| circuit.failures)
    }

    /// Whether the user's circuit is open now.
    pub(super) fn is_open(&self, user: User) -> bool {
        matches!(self.of(user).map(|circuit| &circuit.state), Some(State::Open { .. }))
    }

    /// The relays from the guard to the asked one.
    pub(super) fn route(&self, id: CircuitId) -> &[RelayId] {
        match self.circuits.get(&id).map(|circuit| &circuit.state) {
            Some(State::Open { route, .. }) => route,
            _ => &[],
        }
    }

    fn of(&self, user: User) -> Option<&Circuit> {
        self.by_user.get(&user).and_then(|id| self.circuits.get(id))
    }

    // ---- while nothing is done, since the disk fails

    /// All is let go of. What onion told is remembered.
    pub(super) fn forget(&mut self) -> impl Iterator<Item = Action> + use<> {
        let old = std::mem::take(self);
        (self.onion, self.network) = (old.onion, old.network);
        old.circuits.into_keys().map(Action::Close)
    }

    /// onion came or went.
    pub(super) fn note_onion(&mut self, is_there: bool) {
        self.onion = is_there;
    }

    /// onion told this of the network.
    pub(super) fn note_network(&mut self, network: Network) {
        self.network = network;
    }

    /// The clock was set back: every wait ends as much sooner, and what was proved is as old as before.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        self.proof_at = self.proof_at.map(&sooner);
        for circuit in self.circuits.values_mut() {
            if let State::Waiting(until) = &mut circuit.state {
                *until = sooner(*until);
            }
        }
    }

    // ---- what happens

    fn add(&mut self, turn: &mut Turn, key: Key) -> CircuitId {
        let id = CircuitId(turn.number());
        let (relay, isolation, lane) = key;
        let (users, queue, state) = (BTreeSet::new(), VecDeque::new(), State::Waiting(Timestamp(0)));
        let circuit = Circuit { relay, isolation, lane, users, state, failures: 0, queue };
        self.circuits.insert(id, circuit);
        self.by_key.insert(key, id);
        id
    }

    fn open(&mut self, turn: &mut Turn, id: CircuitId) {
        if !self.onion {
            // When it comes every circuit is looked at.
            return;
        }
        if let Some(circuit) = self.circuits.get_mut(&id) {
            circuit.state = State::Opening;
            let Circuit { relay, isolation, lane, .. } = *circuit;
            turn.act(Action::Open { circuit: id, relay, isolation, lane });
        }
    }

    fn retry(&mut self, turn: &mut Turn, id: CircuitId) {
        if self.circuits.get(&id).is_some_and(|circuit| matches!(circuit.state, State::Waiting(_))) {
            self.open(turn, id);
        }
    }

    fn opened(&mut self, turn: &mut Turn, id: CircuitId, opened: Option<OpenedCircuit>) {
        let Some(opened) = opened else {
            self.failed(turn, id);
            // One that went is replaced at once; where not even that can be had and no other stands, the network is lost.
            let stands = self.circuits.values().any(|circuit| matches!(circuit.state, State::Open { .. }));
            self.proof_at = self.proof_at.filter(|_| stands);
            return;
        };
        self.proof_at = Some(turn.now);
        let Some(circuit) = self.circuits.get_mut(&id) else { return turn.act(Action::Close(id)) };
        circuit.state = State::Open { binding: opened.binding, route: opened.route, counter: 0 };
        circuit.users.iter().for_each(|user| turn.wish(Event::look_at(*user)));
    }

    fn closed(&mut self, turn: &mut Turn, id: CircuitId) {
        if self.circuits.get(&id).is_some_and(|circuit| matches!(circuit.state, State::Open { .. })) {
            self.failed(turn, id);
        }
    }

    /// The circuit could not be had, or went: what was on it is begun again on the next one.
    fn failed(&mut self, turn: &mut Turn, id: CircuitId) {
        let Some(circuit) = self.circuits.get_mut(&id) else { return };
        let wait = BACK_OFF.saturating_mul(1_u32 << circuit.failures.min(10)).min(BACK_OFF_MAX);
        // A circuit that had worked is replaced at once.
        let at_once = circuit.failures == 0 && matches!(circuit.state, State::Open { .. });
        let until = if at_once { turn.now } else { turn.now.after(wait) };
        circuit.failures = circuit.failures.saturating_add(1);
        circuit.state = State::Waiting(until);
        let queued = std::mem::take(&mut circuit.queue).into_iter().map(|queued| queued.then);
        let users = circuit.users.clone();
        let sent = self.sent.extract_if(.., |_, (on, _)| *on == id).map(|(_, (_, then))| then);
        queued.chain(sent).for_each(|then| turn.wish(then(Came::Lost)));
        users.into_iter().for_each(|user| turn.wish(Event::circuit_lost(user)));
    }

    fn onion_came(&mut self, turn: &mut Turn) {
        self.onion = true;
        self.wake(turn);
    }

    fn onion_gone(&mut self, turn: &mut Turn) {
        self.onion = false;
        self.proof_at = None;
        let all: Vec<CircuitId> = self.circuits.keys().copied().collect();
        for id in all {
            self.failed(turn, id);
            if let Some(circuit) = self.circuits.get_mut(&id) {
                circuit.failures = 0;
                circuit.state = State::Waiting(turn.now);
            }
        }
        turn.wish(QueueEvent::OnionGone);
    }

    /// Every circuit that waits is tried now, and every queue that waits for a relay asks for one.
    fn wake(&mut self, turn: &mut Turn) {
        for circuit in self.circuits.values_mut() {
            if let State::Waiting(until) = &mut circuit.state {
                *until = turn.now;
                circuit.failures = 0;
                circuit.users.iter().for_each(|user| turn.wish(Event::look_at(*user)));
            }
        }
        turn.wish(QueueEvent::PickAgain);
    }

    fn network_changed(&mut self, turn: &mut Turn, network: Network) -> Result<(), StoreError> {
        let stage_changed = self.network.stage != network.stage;
        let more = network.relays_usable > self.network.relays_usable;
        if stands(self.network.stage) && !stands(network.stage) {
            self.proof_at = None;
        }
        self.network = network;
        if stage_changed {
            turn.event(&EventKind::Network { stage: self.network.stage.to_owned() })?;
        }
        if more || stage_changed && self.network.stage == "connected" {
            self.wake(turn);
        }
        Ok(())
    }

    fn signed(
        &mut self,
        turn: &mut Turn,
        id: CircuitId,
        ticket: Ticket,
        signed: Result<Result<Vec<u8>, SignError>, Failed>,
    ) {
        let Some(circuit) = self.circuits.get_mut(&id) else { return };
        let Some(at) = circuit.queue.iter().position(|queued| queued.ticket == ticket) else { return };
        if let Ok(Ok(auth)) = signed {
            if let Some(queued) = circuit.queue.get_mut(at) {
                queued.auth = Some(auth);
            }
        } else if let Some(refused) = circuit.queue.remove(at) {
            turn.wish((refused.then)(Came::Unsigned));
            for user in &circuit.users {
                turn.after(BACK_OFF_MAX, Timer::User(*user));
            }
        }
        self.send_signed(turn, id);
    }

    /// Sends what stands signed at the front: counters rise on a circuit.
    fn send_signed(&mut self, turn: &mut Turn, id: CircuitId) {
        let Some(circuit) = self.circuits.get_mut(&id) else { return };
        while circuit.queue.front().is_some_and(|front| front.auth.is_some()) {
            let Some(Queued { ticket, call, counter, auth: Some(auth), then }) = circuit.queue.pop_front()
            else {
                return;
            };
            self.sent.insert(ticket, (id, then));
            turn.act(Action::Mailbox { circuit: id, ticket, counter, auth, call: Box::new(call) });
        }
    }

    fn answered(&mut self, turn: &mut Turn, ticket: Ticket, came: Came) {
        let Some((id, then)) = self.sent.remove(&ticket) else { return };
        // A relay that answers is fine.
        if came != Came::Lost {
            self.proof_at = Some(turn.now);
            if let Some(circuit) = self.circuits.get_mut(&id) {
                circuit.failures = 0;
            }
        }
        turn.wish(then(came));
    }
}

/// Whether that stage says that a route stands.
fn stands(stage: &str) -> bool {
    matches!(stage, "connected" | "slow")
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::stored_keyvault::{Purpose, Told};
    use ipc_schema::edge::stored_onion::Command as Given;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::ids::ReceiveQueueId;
    use crate::store::{Store, StoreKey};

    const QUEUE: ReceiveQueueId = ReceiveQueueId(1);

    /// A circuit that is open.
    fn open(turn: &mut Turn, circuits: &mut Circuits) -> CircuitId {
        circuits.handle(turn, CircuitEvent::OnionCame).unwrap();
        assert_eq!(circuits.to(turn, RelayId([1; 32]), [2; 16], User::ReceiveQueue(QUEUE)), None);
        let opened = OpenedCircuit { binding: [3; 32], route: Vec::new() };
        match turn.finish().as_slice() {
            [Action::Open { circuit, .. }] => {
                circuits.handle(turn, CircuitEvent::Opened(*circuit, Some(opened))).unwrap();
                *circuit
            }
            _ => panic!("no circuit is asked for"),
        }
    }

    fn delete(turn: &mut Turn, circuits: &mut Circuits, id: CircuitId) -> Ticket {
        let call = MailboxCall::Give(Given::Delete { receiver_queue: [4; 24] });
        let order = Order { call, purpose: Some(Purpose::Delete(QUEUE.into())) };
        circuits.command(turn, id, order, |came| QueueEvent::Deleted(QUEUE, came));
        match turn.finish().as_slice() {
            [Action::Vault(ticket, _)] => *ticket,
            _ => panic!("keyvault is not asked"),
        }
    }

    fn sign(turn: &mut Turn, circuits: &mut Circuits, ticket: Ticket, told: Result<Vec<u8>, SignError>) {
        match turn.told(ticket, Told::Sign(told)) {
            Some(Event::Circuits(event)) => circuits.handle(turn, event).unwrap(),
            _ => panic!("the signature is not the circuits'"),
        }
    }

    fn at_stage(stage: &'static str) -> CircuitEvent {
        CircuitEvent::Network(Network { stage, ..Network::default() })
    }

    #[test]
    fn whatever_came_back_is_a_proof_until_the_network_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        let turn = &mut Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
        let circuits = &mut Circuits::default();
        assert_eq!(circuits.proof_at(), None, "nothing came back yet");
        let id = open(turn, circuits);
        assert_eq!(circuits.proof_at(), Some(turn.now), "every relay on the way had to answer");
        turn.now = Timestamp(turn.now.0 + 1_000);
        let ticket = delete(turn, circuits, id);
        sign(turn, circuits, ticket, Ok(vec![5; 64]));
        let asked = match turn.finish().as_slice() {
            [Action::Mailbox { ticket, .. }] => *ticket,
            _ => panic!("nothing is sent"),
        };
        circuits.handle(turn, CircuitEvent::Answered(asked, Came::Done)).unwrap();
        assert_eq!(circuits.proof_at(), Some(turn.now), "an answer");
        turn.now = Timestamp(turn.now.0 + 1_000);
        circuits.handle(turn, CircuitEvent::Closed(id)).unwrap();
        assert_eq!(circuits.proof_at(), Some(Timestamp(turn.now.0 - 1_000)), "it is replaced at once");
        circuits.handle(turn, CircuitEvent::Opened(id, None)).unwrap();
        assert_eq!(circuits.proof_at(), None, "not even that can be had");
        for lost in [at_stage("offline"), CircuitEvent::OnionGone] {
            circuits.handle(turn, at_stage("connected")).unwrap();
            circuits.handle(turn, CircuitEvent::Heard).unwrap();
            assert_eq!(circuits.proof_at(), Some(turn.now));
            circuits.handle(turn, lost).unwrap();
            assert_eq!(circuits.proof_at(), None);
        }
    }

    #[test]
    fn what_stands_behind_a_command_that_is_not_signed_goes_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        let turn = &mut Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
        let circuits = &mut Circuits::default();
        let id = open(turn, circuits);
        let (first, second) = (delete(turn, circuits, id), delete(turn, circuits, id));
        sign(turn, circuits, second, Ok(vec![5; 64]));
        assert!(turn.finish().is_empty(), "counters rise on a circuit: it waits for the first");
        turn.take_wishes();
        sign(turn, circuits, first, Err(SignError::NoSuchId));
        assert!(matches!(turn.finish().as_slice(), [Action::Mailbox { counter: 2, .. }]));
        let wishes = turn.take_wishes();
        assert!(matches!(wishes.as_slice(), [Event::Queues(QueueEvent::Deleted(QUEUE, Came::Unsigned))]));
    }
}
