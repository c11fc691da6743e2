//! Test harness: people with real vaults and real stores, and relays, in one thread under a seeded clock. Every step may be
//! delayed, reordered, repeated, lost with its circuit, or cut off by a kill.

pub(super) mod chunks;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ipc_schema::Timestamp;
use ipc_schema::edge::Failed;
use ipc_schema::edge::onion_stored as disk;
use ipc_schema::edge::stored_keyvault::{self, Created};
use ipc_schema::edge::stored_onion::{Command, Key, QueueId, Refused};
use ipc_schema::edge::ui_stored::{
    AcceptInvite, AskSafetyNumber, ChangeContact, ChangeError, Closed, ContactAction, Contacts, MakeInvite,
    Place, SendText,
};
use ipc_schema::edges::onion_stored_capnp::DiskAnswer;
use keyvault::store::MemoryStore;
use keyvault::vault as real;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::*;
use crate::content::{self, Kind};
use crate::ids::{Isolation, MailboxId, ReceiveQueueId, RelayId};
use crate::mailboxes::{Bounds, Mailboxes};
use crate::store::{Contact, Message, Store, StoreKey};

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) rng: ChaCha20Rng,
    pub(super) people: Vec<Person>,
    pub(super) relays: BTreeMap<[u8; 32], Relay>,
    queue: BTreeMap<(Timestamp, u64), (usize, u64, Thing)>,
    next: u64,
    pushes: chunks::Pushes,
    /// Of 1,000 steps of the network so many lose their circuit.
    pub(super) losses: u32,
    /// Longest delay of one step, ms.
    pub(super) delay: u32,
}

pub(super) struct Relay {
    mailboxes: Mailboxes,
    pub(super) up: bool,
    folder: tempfile::TempDir,
}

/// A person's folder at one moment.
pub(super) struct Copied {
    vault: MemoryStore,
    files: Files,
}

/// All folders at one moment.
pub(super) struct Snapshot {
    now: Timestamp,
    people: Vec<Copied>,
    relays: Vec<([u8; 32], Files)>,
}

const STORE: &str = "store.db";
const MAILBOXES: &str = "mailboxes.db";

/// A database with what lies in its log.
struct Files([Option<Vec<u8>>; 2]);

impl Files {
    fn names(name: &str) -> [String; 2] {
        [name.to_owned(), format!("{name}-wal")]
    }

    fn read(folder: &Path, name: &str) -> Self {
        Self(Self::names(name).map(|name| std::fs::read(folder.join(name)).ok()))
    }

    fn write(&self, folder: &Path, name: &str) {
        for (name, bytes) in Self::names(name).iter().zip(&self.0) {
            let path = folder.join(name);
            match bytes {
                Some(bytes) => std::fs::write(path, bytes).unwrap(),
                None => std::fs::remove_file(path).unwrap_or_default(),
            }
        }
    }
}

pub(super) struct Person {
    pub(super) engine: Engine,
    pub(super) vault: real::Vault<MemoryStore>,
    folder: tempfile::TempDir,
    key: StoreKey,
    rng: ChaCha20Rng,
    circuits: HashMap<CircuitId, Circuit>,
    /// Rises with each kill: what was under way before is lost.
    life: u64,
    pub(super) online: bool,
    answers: HashMap<RequestId, Result<Reply, Closed>>,
    requests: u64,
    pub(super) deposits: u32,
    /// keyvault cannot serve calls just now.
    pub(super) vault_fails: bool,
    /// What keyvault was asked to seal of what the person wrote, each time.
    pub(super) sealed: Vec<String>,
    /// By how much stored's clock is ahead of the world's, ms.
    pub(super) ahead: u64,
}

#[derive(Clone)]
struct Circuit {
    relay: RelayId,
    binding: [u8; 32],
    subscriptions: Vec<(ReceiveQueueId, QueueId)>,
    /// Commands on it take effect in order.
    busy_until: Timestamp,
    /// A relay in it swallows all that comes.
    dead: bool,
}

/// What can befall the next thing that the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// A command is lost with its circuit before its relay has it.
    Lost,
    /// The relay has it, and its answer is lost with the circuit.
    AnswerLost,
    /// What a mailbox pushes comes twice.
    Twice,
    /// It comes when much else has come.
    Late,
}

enum Thing {
    Input(Input),
    Command(CircuitId, [u8; 32], Ticket, MailboxCall),
}

/// In memory where there is such a disk: a test makes thousands of transactions.
pub(super) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl World {
    pub(super) fn new(seed: u64, people: usize, relays: u8) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let people = (0..people).map(|_| Person::new(&mut rng)).collect();
        let relays = (1..=relays).map(|byte| ([byte; 32], Relay::new(folder()))).collect();
        Self::started(Timestamp(1_700_000_000_000), rng, people, relays)
    }

    fn started(
        now: Timestamp,
        rng: ChaCha20Rng,
        people: Vec<Person>,
        relays: BTreeMap<[u8; 32], Relay>,
    ) -> Self {
        let mut world = Self {
            now,
            rng,
            people,
            relays,
            queue: BTreeMap::new(),
            next: 0,
            losses: 0,
            delay: 20,
            pushes: chunks::Pushes::default(),
        };
        for who in 0..world.people.len() {
            world.start(who);
        }
        world
    }

    /// What a copy of everybody's folder would hold.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            now: self.now,
            people: (0..self.people.len()).map(|who| self.copy_of(who)).collect(),
            relays: self.relays.iter().map(|(id, relay)| (*id, relay.copy())).collect(),
        }
    }

    /// Everybody starts from these folders.
    pub(super) fn of(snapshot: &Snapshot, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let people = snapshot.people.iter().map(|copied| Person::of(copied, &mut rng)).collect();
        let relays = snapshot.relays.iter().map(|(id, files)| {
            let folder = folder();
            files.write(folder.path(), MAILBOXES);
            (*id, Relay::new(folder))
        });
        Self::started(snapshot.now, rng, people, relays.collect())
    }

    fn start(&mut self, who: usize) {
        let now = self.people[who].clock(self.now);
        let actions = self.people[who].engine.start(now);
        self.perform(who, actions);
        self.input(who, Input::OnionCame);
    }

    /// The process dies at this point and is started again.
    pub(super) fn kill(&mut self, who: usize) {
        let person = &mut self.people[who];
        person.life += 1;
        person.circuits.clear();
        let store = Store::open(&person.folder.path().join(STORE), &person.key).unwrap();
        let seed = person.rng.next_u64();
        person.engine = Engine::new(store, Box::new(ChaCha20Rng::seed_from_u64(seed)));
        self.start(who);
    }

    pub(super) fn input(&mut self, who: usize, input: Input) {
        let now = self.people[who].clock(self.now);
        let actions = self.people[who].engine.handle(now, vec![input]);
        self.perform(who, actions);
    }

    /// A flow is told something that nobody's program would cause.
    pub(super) fn tell(&mut self, who: usize, event: impl Into<Event>) {
        let now = self.people[who].clock(self.now);
        let person = &mut self.people[who];
        person.engine.set_now(now);
        let actions = person.engine.transaction(|engine| engine.run(event)).unwrap();
        self.perform(who, actions);
    }

    /// What a backup of the vault would hold.
    pub(super) fn copy_of_vault(&self, who: usize) -> MemoryStore {
        self.people[who].vault.store().clone()
    }

    /// The vault is what it was then; the person does not know.
    pub(super) fn restore_vault(&mut self, who: usize, copy: MemoryStore) {
        let person = &mut self.people[who];
        person.vault = real::Vault::open(copy).unwrap();
        self.kill(who);
    }

    /// What a copy of the whole folder would hold.
    pub(super) fn copy_of(&self, who: usize) -> Copied {
        let person = &self.people[who];
        Copied { vault: person.vault.store().clone(), files: Files::read(person.folder.path(), STORE) }
    }

    /// The whole folder is what it was then; the person does not know.
    pub(super) fn restore(&mut self, who: usize, copy: &Copied) {
        let person = &mut self.people[who];
        // The store that is open lets go of its files first.
        let aside = folder();
        let store = Store::open(&aside.path().join(STORE), &person.key).unwrap();
        person.engine = Engine::new(store, Box::new(ChaCha20Rng::from_rng(&mut person.rng)));
        copy.files.write(person.folder.path(), STORE);
        person.vault = real::Vault::open(copy.vault.clone()).unwrap();
        self.kill(who);
    }

    pub(super) fn safety_number(&mut self, who: usize, whom: &str) -> (String, bool) {
        let number = self.request(who, AskSafetyNumber { who: whom.into() }).unwrap();
        (number.digits, number.verified)
    }

    pub(super) fn change(
        &mut self,
        who: usize,
        whom: &str,
        action: ContactAction,
    ) -> Result<Contact, ChangeError> {
        self.request(who, ChangeContact { who: whom.into(), action })
    }

    /// Both have seen the same number, and say so.
    pub(super) fn verify(&mut self, who: usize, whom: &str) {
        let (digits, _) = self.safety_number(who, whom);
        assert!(self.change(who, whom, ContactAction::Verify(Some(digits))).unwrap().verified);
    }

    pub(super) fn go_offline(&mut self, who: usize) {
        self.people[who].online = false;
        self.people[who].circuits.clear();
        self.input(who, Input::OnionGone);
    }

    pub(super) fn go_online(&mut self, who: usize) {
        self.people[who].online = true;
        self.input(who, Input::OnionCame);
    }

    pub(super) fn ask<C: Asks>(&mut self, who: usize, call: C) -> RequestId {
        let person = &mut self.people[who];
        person.requests += 1;
        let id = RequestId(person.requests);
        self.input(who, Input::asked(id, call));
        id
    }

    /// What is answered: to a question at once, to a request as the world goes on.
    pub(super) fn request<C: Asks>(&mut self, who: usize, call: C) -> Result<C::Answer, C::Error> {
        let id = self.ask(who, call);
        for _ in 0..10_000 {
            if let Some(answer) = self.people[who].answers.remove(&id) {
                return C::told(answer?).unwrap();
            }
            self.step();
        }
        panic!("no answer");
    }

    pub(super) fn contacts(&mut self, who: usize) -> Vec<Contact> {
        self.request(who, Contacts {}).unwrap()
    }

    pub(super) fn messages(&mut self, who: usize, whom: &str) -> Vec<Message> {
        let mut all = Vec::new();
        let first = FirstPage { who: whom.into(), limit: u32::MAX, place: Place::Newest };
        let mut page = self.request(who, first).unwrap();
        loop {
            all.extend(page.messages);
            let Some(from) = page.next else { return all };
            page = self.request(who, NextPage { contact: page.contact, from, end: page.end }).unwrap();
        }
    }

    pub(super) fn bodies(&mut self, who: usize, whom: &str, mine: bool) -> Vec<String> {
        self.messages(who, whom)
            .into_iter()
            .filter(|message| message.mine == mine && message.note == crate::store::Note::None)
            .map(|message| message.body)
            .collect()
    }

    pub(super) fn send(&mut self, who: usize, whom: &str, text: &str) -> Message {
        let send =
            SendText { who: whom.into(), id: String::new(), text: text.into(), reply_to: String::new() };
        self.request(who, send).unwrap()
    }

    /// Person 0 invites person 1; they know each other as `bob` and `ann`.
    pub(super) fn introduce(&mut self) {
        let link = self.invite_link(0, "bob");
        let accept = AcceptInvite { link, name: "ann".into() };
        assert!(self.request(1, accept).is_ok());
        self.until(|world| {
            let connected = |world: &mut Self, who: usize| {
                world
                    .contacts(who)
                    .iter()
                    .all(|contact| contact.state == crate::store::ContactState::Connected)
            };
            connected(world, 0) && connected(world, 1)
        });
    }

    pub(super) fn invite_link(&mut self, who: usize, name: &str) -> String {
        let contact = self.request(who, MakeInvite { name: name.into() }).unwrap().contact;
        let mut link = String::new();
        self.until(|world| {
            let invite = world.request(who, InviteOf { contact }).unwrap().expect("the invite is gone");
            link.clone_from(&invite.link);
            invite.state != crate::store::InviteState::Placing
        });
        link
    }

    /// Steps until `done`, within a day of the world's clock.
    pub(super) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let end = Timestamp(self.now.0 + 24 * 3_600_000);
        let mut steps = 0_u32;
        while !done(self) {
            steps += 1;
            assert!(
                self.now < end && steps < 400_000,
                "the world came to rest before it was done: {steps} steps"
            );
            for _ in 0..8 {
                self.step();
            }
        }
    }

    pub(super) fn run_for(&mut self, millis: u64) {
        let end = Timestamp(self.now.0 + millis);
        while self.now < end {
            self.step();
        }
    }

    /// All that happens within this time happens, and then it is so much later, to the millisecond.
    pub(super) fn wait(&mut self, millis: u64) {
        let end = Timestamp(self.now.0 + millis);
        let next = |world: &Self| {
            let wakes = world.people.iter().filter_map(Person::next_wake).min();
            wakes.into_iter().chain(world.queue.first_key_value().map(|((at, _), _)| *at)).min()
        };
        while next(self).is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// The next thing happens.
    pub(super) fn step(&mut self) {
        let wake = self.people.iter().enumerate().filter_map(|(who, p)| Some((p.next_wake()?, who))).min();
        let next = self.queue.first_key_value().map(|((at, _), _)| *at);
        match (wake, next) {
            (Some((at, who)), next) if next.is_none_or(|next| at < next) => {
                self.now = self.now.max(at);
                self.input(who, Input::Tick);
            }
            (_, Some(_)) => {
                let Some(((at, _), (who, life, thing))) = self.queue.pop_first() else { return };
                self.now = self.now.max(at);
                if life == self.people[who].life {
                    self.happen(who, thing);
                }
            }
            _ => panic!("nothing will ever happen again"),
        }
    }

    fn happen(&mut self, who: usize, thing: Thing) {
        match thing {
            Thing::Input(Input::Arrived(arrived)) => {
                if self.rng.next_u32().is_multiple_of(20) && self.losses > 0 {
                    self.input(who, Input::Arrived(arrived.clone()));
                }
                self.input(who, Input::Arrived(arrived));
            }
            Thing::Input(input) => self.input(who, input),
            Thing::Command(id, binding, ticket, call) => self.command(who, (id, binding), ticket, call),
        }
    }

    /// Does this to the next thing; false where that is none that it could be done to.
    pub(super) fn befall(&mut self, mishap: Mishap) -> bool {
        let Some(((at, number), (who, life, thing))) = self.queue.pop_first() else { return false };
        match (thing, mishap) {
            (Thing::Command(id, ..), Mishap::Lost) => self.lose(who, id),
            (Thing::Command(id, binding, ticket, call), Mishap::AnswerLost) => {
                self.now = self.now.max(at);
                self.command(who, (id, binding), ticket, call);
                self.lose(who, id);
            }
            (Thing::Input(Input::Arrived(arrived)), Mishap::Twice) => {
                self.later(who, at, Thing::Input(Input::Arrived(arrived.clone())));
                self.queue.insert((at, number), (who, life, Thing::Input(Input::Arrived(arrived))));
            }
            (Thing::Input(Input::Arrived(arrived)), Mishap::Late) => {
                let late = Timestamp(at.0 + 5_000);
                self.queue.insert((late, number), (who, life, Thing::Input(Input::Arrived(arrived))));
            }
            (thing, _) => {
                self.queue.insert((at, number), (who, life, thing));
                return false;
            }
        }
        true
    }

    fn later(&mut self, who: usize, at: Timestamp, thing: Thing) {
        self.next += 1;
        let life = self.people[who].life;
        self.queue.insert((at, self.next), (who, life, thing));
    }

    fn some_delay(&mut self) -> u64 {
        u64::from(self.rng.next_u32() % self.delay.max(1))
    }

    fn soon(&mut self, who: usize, input: Input) {
        let at = Timestamp(self.now.0 + self.some_delay());
        self.later(who, at, Thing::Input(input));
    }

    fn perform(&mut self, who: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Vault(ticket, call) => {
                    let person = &mut self.people[who];
                    person.sealed.extend(words(&call));
                    let told = if person.vault_fails {
                        stored_keyvault::Told::Lost(Failed::Refused)
                    } else {
                        keyvault::calls::answer(&mut person.vault, *call, self.now, &mut person.rng)
                    };
                    self.soon(who, Input::Vault(ticket, Box::new(told)));
                }
                Action::Open { circuit, relay, isolation, .. } => self.open(who, circuit, relay, isolation),
                Action::Close(circuit) => drop(self.people[who].circuits.remove(&circuit)),
                Action::Mailbox { circuit: id, ticket, call, .. } => {
                    let delay = self.some_delay();
                    let now = self.now;
                    let Some(circuit) = self.people[who].circuits.get_mut(&id) else {
                        self.soon(who, Input::Closed(id));
                        continue;
                    };
                    circuit.busy_until = circuit.busy_until.max(Timestamp(now.0 + delay));
                    let (at, binding) = (circuit.busy_until, circuit.binding);
                    if matches!(*call, MailboxCall::Give(Command::Deposit { .. })) {
                        self.people[who].deposits += 1;
                    }
                    self.later(who, at, Thing::Command(id, binding, ticket, *call));
                }
                Action::Pick(ticket, avoid) => {
                    let free: Vec<_> = self
                        .relays
                        .iter()
                        .filter(|(id, relay)| relay.up && !avoid.contains(&RelayId(**id)))
                        .collect();
                    let at = self.rng.next_u32() as usize % free.len().max(1);
                    let picked = free.get(at).map(|(id, _)| RelayId(**id));
                    self.soon(who, Input::Picked(ticket, picked.filter(|_| self.people[who].online)));
                }
                Action::AddHints(_) | Action::NameChanged(_) | Action::EventsGrew => {}
                Action::Answer(request, answer) => {
                    drop(self.people[who].answers.insert(request, answer.map(|reply| *reply)))
                }
            }
        }
    }

    fn open(&mut self, who: usize, id: CircuitId, relay: RelayId, _isolation: Isolation) {
        let mut binding = [0; 32];
        self.rng.fill_bytes(&mut binding);
        let lost = self.rng.next_u32() % 1_000 < self.losses;
        let up = self.relays.get(&relay.0).is_some_and(|relay| relay.up) && self.people[who].online;
        if !up || lost {
            return self.soon(who, Input::Opened(id, None));
        }
        let (subscriptions, busy_until) = (Vec::new(), self.now);
        let circuit = Circuit { relay, binding, subscriptions, busy_until, dead: false };
        self.people[who].circuits.insert(id, circuit);
        self.soon(who, Input::Opened(id, Some(OpenedCircuit { binding, route: vec![relay] })));
    }

    /// A command reaches its relay, unless its circuit went before; the answer may be lost after it took effect.
    fn command(
        &mut self,
        who: usize,
        (id, binding): (CircuitId, [u8; 32]),
        ticket: Ticket,
        call: MailboxCall,
    ) {
        let circuit =
            self.people[who].circuits.get(&id).filter(|circuit| circuit.binding == binding).cloned();
        let Some(circuit) = circuit else { return };
        if circuit.dead {
            // onion gives it up when nothing was answered for so long.
            let at = self.now.after(Duration::from_secs(20));
            self.people[who].circuits.remove(&id);
            return self.later(who, at, Thing::Input(Input::Closed(id)));
        }
        let lost = self.rng.next_u32() % 1_000 < self.losses;
        if lost && self.rng.next_u32().is_multiple_of(2) || !self.relays[&circuit.relay.0].up {
            return self.lose(who, id);
        }
        if let MailboxCall::Give(Command::Subscribe { receiver_queue, sink }) = &call
            && let Some(circuit) = self.people[who].circuits.get_mut(&id)
        {
            circuit.subscriptions.push((*sink, *receiver_queue));
        }
        let came = match &call {
            MailboxCall::Give(Command::Chunks(chunks)) => self.chunks_do((who, id), circuit.relay, chunks),
            _ => self.relay_does(circuit.relay, &call),
        };
        if let (MailboxCall::Give(Command::Subscribe { receiver_queue, sink }), Came::Done) = (&call, &came) {
            self.push(who, circuit.relay, (*sink, *receiver_queue));
        }
        if lost {
            return self.lose(who, id);
        }
        self.soon(who, Input::Mailbox(ticket, came));
    }

    /// Every circuit that the person has goes through a relay that swallows all from now on.
    pub(super) fn swallow(&mut self, who: usize) {
        self.people[who].circuits.values_mut().for_each(|circuit| circuit.dead = true);
    }

    pub(super) fn lose(&mut self, who: usize, id: CircuitId) {
        self.people[who].circuits.remove(&id);
        self.soon(who, Input::Closed(id));
    }

    /// So many days in which everybody's computer wakes for a quarter of an hour each. What lay at relays for its time goes.
    pub(super) fn days(&mut self, days: u64) {
        for _ in 0..days {
            self.now = Timestamp(self.now.0 + 24 * 3_600_000);
            for relay in self.relays.values() {
                while relay.mailboxes.expire(self.now).unwrap() > 0 {}
            }
            self.run_for(900_000);
        }
    }

    /// No relay has a queue any more in which somebody receives.
    pub(super) fn lose_queues_of(&mut self, who: usize) {
        for queue in self.people[who].engine.turn.store.receive_queues().unwrap() {
            let (Some(relay), Some(created)) = (queue.relay, queue.created) else { continue };
            let call = disk::Delete { receiver_queue: created.receiver_queue };
            let _ = self.relays[&relay.0].mailboxes.delete(&call).unwrap();
        }
    }

    /// The relay goes, with all circuits to it.
    pub(super) fn relay_down(&mut self, id: [u8; 32]) {
        self.relays.get_mut(&id).unwrap().up = false;
        for who in 0..self.people.len() {
            let circuits: Vec<_> = self.people[who]
                .circuits
                .iter()
                .filter(|(_, c)| c.relay.0 == id)
                .map(|(id, _)| *id)
                .collect();
            circuits.into_iter().for_each(|circuit| self.lose(who, circuit));
        }
    }

    fn push(
        &mut self,
        who: usize,
        relay: RelayId,
        (receive_queue, receiver_queue): (ReceiveQueueId, QueueId),
    ) {
        let mailboxes = &self.relays[&relay.0].mailboxes;
        let waiting = mailboxes.read(&disk::Read { receiver_queue, after: None, max: 256 }).unwrap();
        let sender = mailboxes.by_receiver(&receiver_queue).unwrap().unwrap().sender_queue;
        let sender_key = mailboxes.by_sender(&sender).unwrap().unwrap().sender_key.unwrap_or_default();
        for message in waiting {
            let arrived =
                Arrived { receive_queue, mailbox: message.id, envelope: message.envelope, sender_key };
            self.soon(who, Input::Arrived(Box::new(arrived)));
        }
    }

    fn relay_does(&mut self, relay: RelayId, call: &MailboxCall) -> Came {
        let now = self.now;
        let (mut receiver_queue, mut sender_queue) = ([0; 24], [0; 24]);
        self.rng.fill_bytes(&mut receiver_queue);
        self.rng.fill_bytes(&mut sender_queue);
        let mailboxes = &self.relays[&relay.0].mailboxes;
        let command = match call.clone() {
            MailboxCall::Create(receiver_key) => {
                let call = disk::Create { receiver_queue, sender_queue, receiver_key };
                return match mailboxes.create(&call, now).unwrap() {
                    Ok(created) => Came::Created(Created {
                        relay_key: relay_key(&created.sender_queue),
                        receiver_queue: created.receiver_queue,
                        sender_queue: created.sender_queue,
                    }),
                    Err(error) => told::<()>(Err(error)),
                };
            }
            MailboxCall::Give(command) => command,
        };
        match command {
            Command::Secure { sender_queue, sender_key } => {
                told(mailboxes.secure(&disk::Secure { sender_queue, sender_key }).unwrap())
            }
            Command::Deposit { sender_queue, put_id, envelope } => {
                let put = disk::Put { sender_queue, put_id, envelope: envelope.clone() };
                let put = mailboxes.put(&put, now).unwrap();
                if let Ok(disk::Placed { id, stored: true }) = put {
                    let receiver = mailboxes.by_sender(&sender_queue).unwrap().unwrap();
                    self.pushed(relay, &receiver, id, &envelope);
                }
                told(put)
            }
            Command::Subscribe { receiver_queue, .. } => {
                match mailboxes.by_receiver(&receiver_queue).unwrap() {
                    Some(_) => Came::Done,
                    None => Came::Refused(Refused::NoQueue),
                }
            }
            Command::Acknowledge { receiver_queue, messages } => {
                told(mailboxes.ack(&disk::Ack { receiver_queue, ids: messages }, now).unwrap())
            }
            Command::Delete { receiver_queue } => {
                told(mailboxes.delete(&disk::Delete { receiver_queue }).unwrap())
            }
            Command::LeaveBlob { receiver_queue, blob_id, read_key, blob } => {
                let call = disk::LeaveBlob { receiver_queue, blob_id, read_key, blob };
                told(mailboxes.leave_blob(&call, now).unwrap())
            }
            Command::SecureRead { blob_id, sender_key } => read_secured(mailboxes, blob_id, sender_key),
            Command::DropBlob { blob_id, .. } => {
                told(mailboxes.drop_blob(&disk::DropBlob { blob_id }).unwrap())
            }
            Command::Chunks(_) => panic!("they go another way"),
        }
    }

    fn pushed(&mut self, relay: RelayId, queue: &disk::SenderRow, mailbox: MailboxId, envelope: &[u8]) {
        let mut to = Vec::new();
        for (who, person) in self.people.iter().enumerate() {
            let alive = |circuit: &&Circuit| circuit.relay == relay && !circuit.dead;
            for circuit in person.circuits.values().filter(alive) {
                let subscribed = circuit.subscriptions.iter().filter(|(_, id)| *id == queue.receiver_queue);
                to.extend(subscribed.map(|(receive_queue, _)| (who, *receive_queue)));
            }
        }
        for (who, receive_queue) in to {
            let arrived = Arrived {
                receive_queue,
                mailbox,
                envelope: envelope.to_vec(),
                sender_key: queue.sender_key.unwrap_or_default(),
            };
            self.soon(who, Input::Arrived(Box::new(arrived)));
        }
    }
}

/// What a person wrote, where that is to be sealed.
fn words(call: &stored_keyvault::Ask) -> Option<String> {
    let stored_keyvault::Ask::SealEnvelope(seal) = call else { return None };
    match content::decode(&seal.content).unwrap().kind {
        Kind::Text(part) => Some(part.body),
        Kind::Profile(name) => Some(name),
        Kind::Edit(part) => Some(part.body),
        Kind::Reaction { emoji, .. } => Some(emoji),
        _ => None,
    }
}

/// Binds a blob, secures its queue for the same key, and tells the blob.
fn read_secured(mailboxes: &Mailboxes, blob_id: Key, sender_key: Key) -> Came {
    match mailboxes.bind_blob(&disk::BindBlob { blob_id, sender_key }).unwrap() {
        Ok(()) => {
            let blob = mailboxes.blob(&disk::Blob { blob_id }).unwrap().unwrap();
            let receiver = mailboxes.by_receiver(&blob.receiver_queue).unwrap().unwrap();
            let call = disk::Secure { sender_queue: receiver.sender_queue, sender_key };
            let _ = mailboxes.secure(&call).unwrap();
            Came::Blob(blob.blob)
        }
        Err(error) => told::<()>(Err(error)),
    }
}

/// What onion says of a disk's word.
fn told<T>(outcome: Result<T, impl Into<DiskAnswer>>) -> Came {
    Came::Refused(match outcome.map_or_else(Into::into, |_| DiskAnswer::Ok) {
        DiskAnswer::Ok => return Came::Done,
        DiskAnswer::Full => Refused::Full,
        DiskAnswer::NoQueue => Refused::NoQueue,
        DiskAnswer::Taken => Refused::NotAuthorised,
        DiskAnswer::NoBlob => Refused::NoBlob,
        DiskAnswer::DiskFull => Refused::DiskFull,
    })
}

/// A key that the relay made for a queue: any valid public key will do here.
fn relay_key(seed: &[u8]) -> [u8; 32] {
    let mut rng = ChaCha20Rng::from_seed(crate::content::hash(seed));
    *keyvault::agreement_key::AgreementSecret::generate(&mut rng).public().bytes()
}

impl Relay {
    /// What lies in this folder, or nothing.
    fn new(folder: tempfile::TempDir) -> Self {
        let mailboxes = Mailboxes::open(&folder.path().join(MAILBOXES), Bounds::default()).unwrap();
        Self { mailboxes, up: true, folder }
    }

    fn copy(&self) -> Files {
        Files::read(self.folder.path(), MAILBOXES)
    }
}

impl Person {
    /// What its clock tells.
    fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0 + self.ahead)
    }

    /// When, by the world's clock, its engine wants to be woken.
    fn next_wake(&self) -> Option<Timestamp> {
        self.engine.next_wake().map(|at| Timestamp(at.0.saturating_sub(self.ahead)))
    }

    fn new(rng: &mut ChaCha20Rng) -> Self {
        Self::opened(folder(), MemoryStore::default(), rng)
    }

    fn of(copied: &Copied, rng: &mut ChaCha20Rng) -> Self {
        let folder = folder();
        copied.files.write(folder.path(), STORE);
        Self::opened(folder, copied.vault.clone(), rng)
    }

    fn opened(folder: tempfile::TempDir, vault: MemoryStore, rng: &mut ChaCha20Rng) -> Self {
        let mut own = ChaCha20Rng::from_rng(rng);
        let key = Zeroizing::new([7; 32]);
        let store = Store::open(&folder.path().join(STORE), &key).unwrap();
        let vault = real::Vault::open(vault).unwrap();
        let engine = Engine::new(store, Box::new(ChaCha20Rng::from_rng(&mut own)));
        Self {
            engine,
            vault,
            folder,
            key,
            rng: own,
            circuits: HashMap::new(),
            life: 0,
            online: true,
            answers: HashMap::new(),
            requests: 0,
            deposits: 0,
            vault_fails: false,
            sealed: Vec::new(),
            ahead: 0,
        }
    }
}
