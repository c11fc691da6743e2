//! A person: the engine on a real store, a real vault, a real onion client; and what the shells between them do.

use std::collections::BTreeMap;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault;
use ipc_schema::edge::stored_onion::{Command, OpenError};
use ipc_schema::relay::Hint;
use keyvault::store::MemoryStore;
use keyvault::vault::Vault;
use onion::core::{Ask as Asks, AskError, AskId, Input as Onion, OpenId, Opened};
use onion::id::{CircuitHandle, Lane, RelayId};
use onion::mailbox::message::Waiting;
use onion::mailbox::proof_of_work::{Search, Subject};
use onion::mailbox::{self, Authenticator, Call, Outcome, Signed};
use onion::path::Isolation;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use stored::engine::{
    Action, Arrived, Came, CircuitId, Engine, Input, MailboxCall, Network, OpenedCircuit, Ticket,
};
use stored::ids::ReplicaId;
use stored::store::{Store, StoreKey};

use crate::user::User;
use crate::world::{Edge, Event, Part, Who, World, folder};

/// What stored asks of onion.
pub enum Ask {
    Open {
        line: CircuitId,
        relay: RelayId,
        isolation: [u8; 16],
    },
    Close(CircuitId),
    Command {
        line: CircuitId,
        ticket: Ticket,
        counter: u64,
        auth: Vec<u8>,
        call: MailboxCall,
    },
    Pick(Ticket, Vec<RelayId>),
    Hints(Vec<Hint>),
    /// stored is gone: its end of the edge hangs up.
    HangUp,
}

/// An open circuit as stored holds it.
struct Line {
    circuit: CircuitHandle,
    relay: RelayId,
    binding: [u8; 32],
}

/// A command that waits for its answer.
struct Waits {
    line: CircuitId,
    ticket: Ticket,
    what: What,
}

enum What {
    Create { receiver_key: [u8; 32], rounds: u32 },
    Subscribe(ReplicaId),
    Other,
}

pub struct Person {
    pub engine: Option<Engine>,
    pub vault: Option<Vault<MemoryStore>>,
    /// The vault's file while keyvault is down.
    file: MemoryStore,
    folder: tempfile::TempDir,
    key: StoreKey,
    rng: ChaCha20Rng,
    inbox: Vec<Input>,
    runs: bool,
    wakes_at: Option<u64>,
    opens: BTreeMap<OpenId, CircuitId>,
    /// Opens and commands are counted together.
    last: u64,
    lines: BTreeMap<CircuitId, Line>,
    waiting: BTreeMap<AskId, Waits>,
    subscriptions: BTreeMap<AskId, (CircuitId, ReplicaId)>,
    told: Option<Network>,
    pub user: User,
    /// Deposits that onion was given.
    pub deposits: u32,
}

/// A relay that keeps asking for more work is not paid for ever.
const WORK_ROUNDS: u32 = 4;

impl Person {
    pub fn new(rng: &mut ChaCha20Rng) -> Self {
        Self {
            engine: None,
            vault: None,
            file: MemoryStore::default(),
            folder: folder(),
            key: StoreKey::new([7; 32]),
            rng: ChaCha20Rng::from_rng(rng),
            inbox: Vec::new(),
            runs: false,
            wakes_at: None,
            opens: BTreeMap::new(),
            last: 0,
            lines: BTreeMap::new(),
            waiting: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            told: None,
            user: User::default(),
            deposits: 0,
        }
    }

    fn waits(&mut self, waits: Waits) -> AskId {
        self.last += 1;
        self.waiting.insert(AskId(self.last), waits);
        AskId(self.last)
    }

    pub fn keyvault_dies(&mut self) {
        if let Some(vault) = self.vault.take() {
            self.file = vault.into_store();
        }
    }

    pub fn keyvault_starts(&mut self) {
        self.vault = Some(Vault::open(self.file.clone()).unwrap());
    }

    pub fn stored_dies(&mut self) {
        self.engine = None;
        self.inbox.clear();
        self.runs = false;
        self.wakes_at = None;
    }

    fn stored_starts(&mut self) {
        let store = Store::open(&self.folder.path().join("store.db"), &self.key).unwrap();
        self.engine = Some(Engine::new(store, Box::new(ChaCha20Rng::from_rng(&mut self.rng))));
    }

    /// What onion's death tears: all that waited is told.
    pub fn onion_dies(&mut self) -> Vec<Input> {
        let mut told = Vec::new();
        for line in std::mem::take(&mut self.opens).into_values() {
            told.push(Input::Opened(line, None));
        }
        for waits in std::mem::take(&mut self.waiting).into_values() {
            told.extend(lost(waits.ticket, waits.line));
        }
        for (line, _) in std::mem::take(&mut self.subscriptions).into_values() {
            told.push(Input::Closed(line));
        }
        self.lines.clear();
        self.told = None;
        told
    }
}

fn lost(ticket: Ticket, line: CircuitId) -> [Input; 2] {
    [Input::Mailbox(ticket, Came::Lost), Input::Closed(line)]
}

impl World {
    pub fn person(&mut self, who: Who) -> &mut Person {
        self.nodes[who].person.as_mut().unwrap()
    }

    /// The engine starts on what is in its store.
    pub fn start_engine(&mut self, who: Who) {
        let now = self.clock(who);
        let person = self.person(who);
        if person.vault.is_none() {
            return;
        }
        person.stored_starts();
        let actions = person.engine.as_mut().unwrap().start(now);
        self.perform(who, actions);
        if self.nodes[who].onion.is_some() {
            self.person(who).told = None;
            self.tell(who, Input::OnionCame);
            self.tell_state(who);
        }
        self.user_starts(who);
    }

    /// onion says something to stored.
    pub fn tell(&mut self, who: Who, input: Input) {
        self.over(who, Edge::OnionStored, Event::Input(who, Box::new(input)));
    }

    pub fn input(&mut self, who: Who, input: Input) {
        let wait = self.below(2);
        let person = self.person(who);
        if person.engine.is_none() {
            // Said to one that died meanwhile.
            return;
        }
        person.inbox.push(input);
        if !std::mem::replace(&mut person.runs, true) {
            self.after(wait, Event::RunEngine(who));
        }
    }

    /// The engine takes all that has come, as one batch.
    pub fn run_engine(&mut self, who: Who) {
        let now = self.clock(who);
        let person = self.person(who);
        person.runs = false;
        let batch = std::mem::take(&mut person.inbox);
        let Some(engine) = &mut person.engine else { return };
        let actions = engine.handle(now, batch);
        self.perform(who, actions);
    }

    pub fn wake_engine(&mut self, who: Who, at: u64) {
        if self.person(who).wakes_at == Some(at) {
            self.person(who).wakes_at = None;
            self.input(who, Input::Tick);
        }
    }

    /// stored sleeps until the engine wants to be woken, and a minute at most.
    fn sleep(&mut self, who: Who) {
        let (clock, now) = (self.clock(who), self.now);
        let person = self.person(who);
        let Some(engine) = &person.engine else { return };
        let wait = engine.next_wake().map_or(60_000, |wake| wake.0.saturating_sub(clock.0).min(60_000));
        let at = now + wait;
        if person.wakes_at != Some(at) {
            person.wakes_at = Some(at);
            self.at(at, Event::WakeEngine(who, at));
        }
    }

    fn perform(&mut self, who: Who, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Vault(ticket, call) => {
                    self.over(who, Edge::StoredKeyvault, Event::Vault(who, ticket, call));
                }
                Action::Open { circuit: line, relay, isolation } => {
                    self.ask(who, Ask::Open { line, relay, isolation });
                }
                Action::Close(line) => self.ask(who, Ask::Close(line)),
                Action::Mailbox { circuit: line, ticket, counter, auth, call } => {
                    self.ask(who, Ask::Command { line, ticket, counter, auth, call: *call });
                }
                Action::Pick(ticket, avoid) => self.ask(who, Ask::Pick(ticket, avoid)),
                Action::AddHints(hints) => self.ask(who, Ask::Hints(hints)),
                Action::Answer(request, answer) => self.user_hears(who, request, answer),
                Action::EventsGrew => {}
            }
        }
        self.sleep(who);
    }

    fn ask(&mut self, who: Who, ask: Ask) {
        if self.nodes[who].onion.is_some() {
            return self.over(who, Edge::StoredOnion, Event::Ask(who, Box::new(ask)));
        }
        // The edge is down: stored's calls fail.
        match ask {
            Ask::Open { line, .. } => self.tell(who, Input::Opened(line, None)),
            Ask::Command { line, ticket, .. } => {
                lost(ticket, line).into_iter().for_each(|input| self.tell(who, input));
            }
            Ask::Pick(ticket, _) => self.tell(who, Input::Picked(ticket, None)),
            Ask::Close(_) | Ask::Hints(_) | Ask::HangUp => {}
        }
    }

    pub fn ask_vault(&mut self, who: Who, ticket: Ticket, call: stored_keyvault::Ask) {
        let now = self.clock(who);
        let person = self.person(who);
        let Some(vault) = &mut person.vault else { return };
        let told = keyvault::calls::answer(vault, call, now, &mut person.rng);
        let input = Event::Input(who, Box::new(Input::Vault(ticket, Box::new(told))));
        self.over(who, Edge::KeyvaultStored, input);
    }

    /// stored asks onion.
    pub fn ask_onion(&mut self, who: Who, ask: Ask) {
        let now = self.clock(who);
        let node = &mut self.nodes[who];
        let (Some(core), Some(person)) = (&mut node.onion, &mut node.person) else { return };
        let mut inputs = Vec::new();
        match ask {
            Ask::Open { line, relay, isolation } => {
                person.last += 1;
                let open = OpenId(person.last);
                person.opens.insert(open, line);
                inputs.push(Onion::Open(open, Isolation { key: isolation, lane: Lane::Text, relay }));
            }
            Ask::Close(line) => {
                let line = person.lines.remove(&line);
                inputs.extend(line.map(|line| Onion::Release(line.circuit)));
            }
            Ask::Pick(ticket, avoid) => {
                let picked = core.pick_mailboxes(now, 1, &avoid).first().copied();
                self.tell(who, Input::Picked(ticket, picked));
            }
            Ask::Hints(hints) => inputs.push(Onion::AddHints(hints)),
            Ask::HangUp => {
                let lines = std::mem::take(&mut person.lines).into_values();
                inputs.extend(lines.map(|line| Onion::Release(line.circuit)));
                person.opens.clear();
                person.waiting.clear();
                person.subscriptions.clear();
            }
            Ask::Command { line, ticket, counter, auth, call } => {
                return self.command(who, (line, ticket), (counter, &auth), call);
            }
        }
        inputs.into_iter().for_each(|input| self.onion_hears(who, input));
    }

    fn command(
        &mut self,
        who: Who,
        (line, ticket): (CircuitId, Ticket),
        (counter, auth): (u64, &[u8]),
        call: MailboxCall,
    ) {
        let node = &mut self.nodes[who];
        let Some(person) = &mut node.person else { return };
        let Some(circuit) = person.lines.get(&line).map(|line| line.circuit) else {
            return lost(ticket, line).into_iter().for_each(|input| self.tell(who, input));
        };
        let (what, ask) = match call {
            MailboxCall::Create(receiver_key) => {
                (What::Create { receiver_key, rounds: 1 }, Asks::Create { receiver_key, work: 0 })
            }
            MailboxCall::Give(command) => {
                person.deposits += u32::from(matches!(command, Command::Deposit { .. }));
                let (queue, call, sink) = Call::of(command);
                let authenticator = Authenticator::parse(auth).unwrap();
                let signed = Signed { queue, counter, authenticator, call };
                (sink.map_or(What::Other, What::Subscribe), Asks::Give(signed))
            }
        };
        let id = person.waits(Waits { line, ticket, what });
        self.onion_hears(who, Onion::Ask(id, circuit, ask));
    }

    pub fn opened(&mut self, who: Who, open: OpenId, result: Result<Opened, OpenError>) {
        let node = &mut self.nodes[who];
        let Some(person) = &mut node.person else { return };
        let line = person.opens.remove(&open);
        match (line, result) {
            (Some(line), Ok(opened)) => {
                let relay = *opened.route.last().unwrap();
                let circuit = opened.circuit;
                person.lines.insert(line, Line { circuit, relay, binding: opened.binding });
                let opened = OpenedCircuit { binding: opened.binding, route: opened.route };
                self.tell(who, Input::Opened(line, Some(opened)));
            }
            (Some(line), Err(_)) => self.tell(who, Input::Opened(line, None)),
            // stored died meanwhile.
            (None, Ok(opened)) => self.onion_hears(who, Onion::Release(opened.circuit)),
            (None, Err(_)) => {}
        }
        self.tell_state(who);
    }

    pub fn pushed(&mut self, who: Who, id: AskId, waiting: Waiting) {
        let Some(person) = &mut self.nodes[who].person else { return };
        let Some((_, replica)) = person.subscriptions.get(&id) else { return };
        let arrived = Arrived {
            replica: *replica,
            mailbox: waiting.id,
            envelope: waiting.envelope,
            sender_key: waiting.sender_key,
        };
        self.tell(who, Input::Arrived(Box::new(arrived)));
    }

    pub fn ended(&mut self, who: Who, id: AskId) {
        let Some(person) = &mut self.nodes[who].person else { return };
        if let Some((line, _)) = person.subscriptions.remove(&id) {
            self.tell(who, Input::Closed(line));
        }
    }

    pub fn answered(&mut self, who: Who, id: AskId, outcome: Result<Outcome, AskError>) {
        let node = &mut self.nodes[who];
        let Some(person) = &mut node.person else { return };
        let Some(mut waits) = person.waiting.remove(&id) else { return };
        let Ok(outcome) = outcome else {
            let lost = lost(waits.ticket, waits.line);
            return lost.into_iter().for_each(|input| self.tell(who, input));
        };
        if let (What::Create { receiver_key, rounds }, Outcome::MoreWork(bits)) = (&mut waits.what, &outcome)
            && *rounds < WORK_ROUNDS
            && let Some(line) = person.lines.get(&waits.line)
        {
            *rounds += 1;
            let subject = Subject::new(line.relay, &line.binding, receiver_key);
            let work = Search::new(subject, *bits).and_then(|mut search| search.step(1 << 24)).unwrap();
            let (circuit, receiver_key) = (line.circuit, *receiver_key);
            let id = person.waits(waits);
            let ask = Asks::Create { receiver_key, work };
            return self.onion_hears(who, Onion::Ask(id, circuit, ask));
        }
        if let (What::Subscribe(replica), Outcome::Answer(mailbox::Answer::Ok)) = (&waits.what, &outcome) {
            person.subscriptions.insert(id, (waits.line, *replica));
        }
        let came = match waits.what {
            What::Create { .. } => outcome.created().into(),
            What::Subscribe(_) | What::Other => outcome.done().into(),
        };
        self.tell(who, Input::Mailbox(waits.ticket, came));
    }

    /// onion's watcher is told the state where it has changed.
    pub fn tell_state(&mut self, who: Who) {
        let now = self.clock(who);
        let node = &mut self.nodes[who];
        let (Some(core), Some(person)) = (&node.onion, &mut node.person) else { return };
        let state = core.state(now);
        let relays_usable = u32::try_from(state.relays_usable).unwrap();
        let network = Network { stage: state.stage.word(), relays_usable };
        if person.told.as_ref() != Some(&network) {
            person.told = Some(network.clone());
            self.tell(who, Input::Network(network));
        }
    }

    /// stored dies: what it had sent may still be read, or not.
    pub fn hang_up(&mut self, who: Who) {
        if self.nodes[who].onion.is_some() {
            self.over(who, Edge::StoredOnion, Event::Ask(who, Box::new(Ask::HangUp)));
        }
    }

    pub fn is_up(&self, who: Who, part: Part) -> bool {
        let node = &self.nodes[who];
        match (part, &node.person) {
            (Part::Netd, _) => node.netd,
            (Part::Onion, _) => node.onion.is_some(),
            (Part::Stored, Some(person)) => person.engine.is_some(),
            (Part::Keyvault, Some(person)) => person.vault.is_some(),
            (Part::Stored, None) => node.relay.as_ref().is_some_and(|relay| relay.disk.is_some()),
            (Part::Keyvault, None) => false,
        }
    }

    pub fn now_of(&self, who: Who) -> Timestamp {
        self.clock(who)
    }
}
