//! Test harness: people with real vaults and real stores, and relays, in one thread under a seeded clock. Every step may be
//! delayed, reordered, repeated, lost with its circuit, or cut off by a kill.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ipc_schema::Timestamp;
use keyvault::agreement_key::AgreementKey;
use keyvault::ids as vault_ids;
use keyvault::store::MemoryStore;
use keyvault::vault as real;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::*;
use crate::ids::{Isolation, RelayId, SessionId};
use crate::mailboxes::{self, Bounds, Mailboxes};
use crate::store::{Contact, Message, Store, StoreKey};

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) rng: ChaCha20Rng,
    pub(super) people: Vec<Person>,
    pub(super) relays: BTreeMap<[u8; 32], Relay>,
    queue: BTreeMap<(Timestamp, u64), (usize, u64, Thing)>,
    next: u64,
    /// Of 1,000 steps of the network so many lose their circuit.
    pub(super) losses: u32,
    /// Longest delay of one step, ms.
    pub(super) delay: u32,
}

pub(super) struct Relay {
    mailboxes: Mailboxes,
    pub(super) up: bool,
    _folder: tempfile::TempDir,
}

pub(super) struct Person {
    pub(super) engine: Engine,
    pub(super) vault: real::Vault<MemoryStore>,
    folder: tempfile::TempDir,
    key: StoreKey,
    rng: ChaCha20Rng,
    circuits: HashMap<LineId, Circuit>,
    /// Rises with each kill: what was under way before is lost.
    life: u64,
    pub(super) online: bool,
    answers: HashMap<RequestId, Result<Reply, Refusal>>,
    requests: u64,
    pub(super) deposits: u32,
}

#[derive(Clone)]
struct Circuit {
    relay: RelayId,
    binding: [u8; 32],
    subscriptions: Vec<(ReplicaId, Vec<u8>)>,
    /// Commands on it take effect in order.
    busy_until: Timestamp,
}

enum Thing {
    Input(Input),
    Command(LineId, [u8; 32], Ticket, MailboxCall),
}

/// In memory where there is such a disk: a test makes thousands of transactions.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl World {
    pub(super) fn new(seed: u64, people: usize, relays: u8) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let people = (0..people).map(|_| Person::new(&mut rng)).collect();
        let relays = (1..=relays)
            .map(|byte| {
                let folder = folder();
                let mailboxes =
                    Mailboxes::open(&folder.path().join("mailboxes.db"), Bounds::default()).unwrap();
                ([byte; 32], Relay { mailboxes, up: true, _folder: folder })
            })
            .collect();
        let now = Timestamp(1_700_000_000_000);
        let mut world =
            Self { now, rng, people, relays, queue: BTreeMap::new(), next: 0, losses: 0, delay: 20 };
        for who in 0..world.people.len() {
            world.start(who);
        }
        world
    }

    fn start(&mut self, who: usize) {
        let actions = self.people[who].engine.start(self.now);
        self.perform(who, actions);
        self.input(who, Input::OnionCame);
    }

    /// The process dies at this point and is started again.
    pub(super) fn kill(&mut self, who: usize) {
        let person = &mut self.people[who];
        person.life += 1;
        person.circuits.clear();
        let store = Store::open(&person.folder.path().join("store.db"), &person.key).unwrap();
        let seed = person.rng.next_u64();
        person.engine = Engine::new(store, Box::new(ChaCha20Rng::seed_from_u64(seed)));
        self.start(who);
    }

    pub(super) fn input(&mut self, who: usize, input: Input) {
        let actions = self.people[who].engine.handle(self.now, vec![input]);
        self.perform(who, actions);
    }

    /// What a backup of the vault would hold.
    pub(super) fn copy_of_vault(&self, who: usize) -> MemoryStore {
        self.people[who].vault.store().clone()
    }

    /// The vault is what it was then; the person does not know.
    pub(super) fn restore_vault(&mut self, who: usize, copy: MemoryStore) {
        let person = &mut self.people[who];
        person.vault = real::Vault::open(copy, &mut person.rng).unwrap();
        self.kill(who);
    }

    pub(super) fn safety_number(&mut self, who: usize, whom: &str) -> (String, bool) {
        match self.request(who, Request::SafetyNumber { who: whom.into() }) {
            Ok(Reply::SafetyNumber { digits, verified, .. }) => (digits, verified),
            other => panic!("safety number: {:?}", other.err()),
        }
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

    pub(super) fn ask(&mut self, who: usize, request: Request) -> RequestId {
        let person = &mut self.people[who];
        person.requests += 1;
        let id = RequestId(person.requests);
        self.input(who, Input::Request(id, Box::new(request)));
        id
    }

    pub(super) fn request(&mut self, who: usize, request: Request) -> Result<Reply, Refusal> {
        let id = self.ask(who, request);
        self.answer(who, id)
    }

    pub(super) fn answer(&mut self, who: usize, id: RequestId) -> Result<Reply, Refusal> {
        for _ in 0..10_000 {
            if let Some(answer) = self.people[who].answers.remove(&id) {
                return answer;
            }
            self.step();
        }
        panic!("no answer");
    }

    pub(super) fn query(&mut self, who: usize, query: Query) -> Result<Reply, Refusal> {
        let person = &mut self.people[who];
        person.requests += 1;
        let id = RequestId(person.requests);
        self.input(who, Input::Query(id, Box::new(query)));
        self.people[who].answers.remove(&id).unwrap()
    }

    pub(super) fn contacts(&mut self, who: usize) -> Vec<Contact> {
        match self.query(who, Query::Contacts) {
            Ok(Reply::Contacts(contacts)) => contacts,
            _ => panic!("contacts"),
        }
    }

    pub(super) fn messages(&mut self, who: usize, whom: &str) -> Vec<Message> {
        let mut all = Vec::new();
        let query = Query::Messages { who: whom.into(), limit: u32::MAX, before: String::new() };
        let mut next = self.query(who, query);
        loop {
            let Ok(Reply::Page(page)) = next else { panic!("messages") };
            all.extend(page.messages);
            let Some(from) = page.next else { return all };
            next = self.query(who, Query::Page { contact: page.contact, from, end: page.end });
        }
    }

    pub(super) fn bodies(&mut self, who: usize, whom: &str, mine: bool) -> Vec<String> {
        self.messages(who, whom)
            .into_iter()
            .filter(|message| message.mine == mine)
            .map(|message| message.body)
            .collect()
    }

    pub(super) fn send(&mut self, who: usize, whom: &str, text: &str) -> Message {
        let send =
            Request::Send { who: whom.into(), id: String::new(), text: text.into(), reply_to: String::new() };
        match self.request(who, send) {
            Ok(Reply::Message(message)) => *message,
            other => panic!("send: {:?}", other.err()),
        }
    }

    /// Person 0 invites person 1; they know each other as `bob` and `ann`.
    pub(super) fn introduce(&mut self) {
        let link = self.invite_link(0, "bob");
        let accept = Request::Accept { link, name: "ann".into() };
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
        let Ok(Reply::Invite(invite)) = self.request(who, Request::Invite { name: name.into() }) else {
            panic!("invite");
        };
        let mut link = String::new();
        self.until(|world| match world.query(who, Query::InviteOf(invite.contact)) {
            Ok(Reply::Invite(invite)) => {
                link.clone_from(&invite.link);
                invite.state != crate::store::InviteState::Placing
            }
            _ => panic!("the invite is gone"),
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

    /// The next thing happens.
    pub(super) fn step(&mut self) {
        let wake =
            self.people.iter().enumerate().filter_map(|(who, p)| Some((p.engine.next_wake()?, who))).min();
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
            Thing::Command(line, binding, ticket, call) => self.command(who, (line, binding), ticket, call),
        }
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
                    let answer = self.people[who].vault_call(*call, self.now);
                    self.soon(who, Input::Vault(ticket, Box::new(answer)));
                }
                Action::Open { line, relay, isolation } => self.open(who, line, relay, isolation),
                Action::Close(line) => drop(self.people[who].circuits.remove(&line)),
                Action::Mailbox { line, ticket, call, .. } => {
                    let delay = self.some_delay();
                    let now = self.now;
                    let Some(circuit) = self.people[who].circuits.get_mut(&line) else {
                        self.soon(who, Input::Closed(line));
                        continue;
                    };
                    circuit.busy_until = circuit.busy_until.max(Timestamp(now.0 + delay));
                    let (at, binding) = (circuit.busy_until, circuit.binding);
                    if matches!(*call, MailboxCall::Deposit { .. }) {
                        self.people[who].deposits += 1;
                    }
                    self.later(who, at, Thing::Command(line, binding, ticket, *call));
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
                Action::AddHints(_) | Action::EventsGrew => {}
                Action::Answer(request, answer) => drop(self.people[who].answers.insert(request, answer)),
            }
        }
    }

    fn open(&mut self, who: usize, line: LineId, relay: RelayId, _isolation: Isolation) {
        let mut binding = [0; 32];
        self.rng.fill_bytes(&mut binding);
        let lost = self.rng.next_u32() % 1_000 < self.losses;
        let up = self.relays.get(&relay.0).is_some_and(|relay| relay.up) && self.people[who].online;
        if !up || lost {
            return self.soon(who, Input::Opened(line, None));
        }
        let circuit = Circuit { relay, binding, subscriptions: Vec::new(), busy_until: self.now };
        self.people[who].circuits.insert(line, circuit);
        self.soon(who, Input::Opened(line, Some(OpenedLine { binding, route: vec![relay] })));
    }

    /// A command reaches its relay, unless its circuit went before; the answer may be lost after it took effect.
    fn command(
        &mut self,
        who: usize,
        (line, binding): (LineId, [u8; 32]),
        ticket: Ticket,
        call: MailboxCall,
    ) {
        let circuit =
            self.people[who].circuits.get(&line).filter(|circuit| circuit.binding == binding).cloned();
        let Some(circuit) = circuit else { return };
        let lost = self.rng.next_u32() % 1_000 < self.losses;
        if lost && self.rng.next_u32().is_multiple_of(2) || !self.relays[&circuit.relay.0].up {
            return self.lose(who, line);
        }
        if let MailboxCall::Subscribe { queue, replica } = &call
            && let Some(circuit) = self.people[who].circuits.get_mut(&line)
        {
            circuit.subscriptions.push((*replica, queue.clone()));
        }
        let answer = self.relay_does(circuit.relay, &call);
        if let (MailboxCall::Subscribe { queue, replica }, MailboxAnswer::Told(Answer::Ok)) = (&call, &answer)
        {
            self.push(who, circuit.relay, (*replica, queue));
        }
        if lost {
            return self.lose(who, line);
        }
        self.soon(who, Input::Mailbox(ticket, Box::new(answer)));
    }

    pub(super) fn lose(&mut self, who: usize, line: LineId) {
        self.people[who].circuits.remove(&line);
        self.soon(who, Input::Closed(line));
    }

    /// The relay goes, with all circuits to it.
    pub(super) fn relay_down(&mut self, id: [u8; 32]) {
        self.relays.get_mut(&id).unwrap().up = false;
        for who in 0..self.people.len() {
            let lines: Vec<_> =
                self.people[who].circuits.iter().filter(|(_, c)| c.relay.0 == id).map(|(l, _)| *l).collect();
            lines.into_iter().for_each(|line| self.lose(who, line));
        }
    }

    fn push(&mut self, who: usize, relay: RelayId, (replica, queue): (ReplicaId, &[u8])) {
        let mailboxes = &self.relays[&relay.0].mailboxes;
        let waiting = mailboxes.read(queue, &[], 256).unwrap();
        let sender = mailboxes.by_receiver(queue).unwrap().unwrap().sender;
        let sender_key = mailboxes.by_sender(&sender).unwrap().unwrap().sender_key;
        for message in waiting {
            let arrived = Arrived {
                replica,
                mailbox: message.id,
                envelope: message.envelope,
                sender_key: sender_key.clone(),
            };
            self.soon(who, Input::Arrived(Box::new(arrived)));
        }
    }

    fn relay_does(&mut self, relay: RelayId, call: &MailboxCall) -> MailboxAnswer {
        let now = self.now;
        let mut ids = [0; 48];
        self.rng.fill_bytes(&mut ids);
        let disk = &self.relays[&relay.0].mailboxes;
        let told = |answer: mailboxes::Answer| {
            MailboxAnswer::Told(match answer {
                mailboxes::Answer::Ok => Answer::Ok,
                mailboxes::Answer::Full => Answer::Full,
                mailboxes::Answer::NoQueue => Answer::NoQueue,
                mailboxes::Answer::Taken => Answer::NotAuthorised,
                mailboxes::Answer::NoBlob => Answer::NoBlob,
            })
        };
        match call {
            MailboxCall::Create { receiver_key } => {
                match disk.create(&ids[..24], &ids[24..], receiver_key, now).unwrap() {
                    Ok(created) => MailboxAnswer::Created(crate::store::Created {
                        relay_key: relay_key(&created.sender),
                        receiver_queue: created.receiver,
                        sender_queue: created.sender,
                    }),
                    Err(answer) => told(answer),
                }
            }
            MailboxCall::Secure { queue, sender_key } => told(disk.secure(queue, sender_key).unwrap()),
            MailboxCall::Deposit { queue, put_id, envelope } => {
                let put = disk.put(queue, put_id, envelope, now).unwrap();
                if put.stored {
                    let receiver = disk.by_sender(queue).unwrap().unwrap();
                    self.pushed(relay, &receiver, put.id, envelope);
                }
                told(put.answer)
            }
            MailboxCall::Subscribe { queue, .. } => match disk.by_receiver(queue).unwrap() {
                Some(_) => told(mailboxes::Answer::Ok),
                None => told(mailboxes::Answer::NoQueue),
            },
            MailboxCall::Acknowledge { queue, messages } => {
                let messages: Vec<_> = messages.iter().map(|id| id.to_vec()).collect();
                told(disk.ack(queue, &messages, now).unwrap())
            }
            MailboxCall::Delete { queue } => told(disk.delete(queue).unwrap()),
            MailboxCall::LeaveBlob { queue, blob_id, read_key, blob } => {
                told(disk.leave_blob(queue, (blob_id, read_key), blob, now).unwrap())
            }
            MailboxCall::SecureRead { blob_id, sender_key } => {
                match disk.bind_blob(blob_id, sender_key).unwrap() {
                    mailboxes::Answer::Ok => {
                        let blob = disk.blob(blob_id).unwrap().unwrap();
                        let sender = disk.by_receiver(&blob.receiver).unwrap().unwrap().sender;
                        disk.secure(&sender, sender_key).unwrap();
                        MailboxAnswer::Blob(blob.blob)
                    }
                    answer => told(answer),
                }
            }
            MailboxCall::DropBlob { blob_id, .. } => told(disk.drop_blob(blob_id).unwrap()),
        }
    }

    fn pushed(&mut self, relay: RelayId, queue: &mailboxes::Sender, mailbox: MailboxId, envelope: &[u8]) {
        let mut to = Vec::new();
        for (who, person) in self.people.iter().enumerate() {
            for circuit in person.circuits.values().filter(|circuit| circuit.relay == relay) {
                let subscribed = circuit.subscriptions.iter().filter(|(_, id)| *id == queue.receiver);
                to.extend(subscribed.map(|(replica, _)| (who, *replica)));
            }
        }
        for (who, replica) in to {
            let arrived = Arrived {
                replica,
                mailbox,
                envelope: envelope.to_vec(),
                sender_key: queue.sender_key.clone(),
            };
            self.soon(who, Input::Arrived(Box::new(arrived)));
        }
    }
}

/// A key that the relay made for a queue: any valid public key will do here.
fn relay_key(seed: &[u8]) -> Vec<u8> {
    let mut rng = ChaCha20Rng::from_seed(crate::content::hash(seed));
    keyvault::agreement_key::AgreementSecret::generate(&mut rng).public().bytes().to_vec()
}

impl Person {
    fn new(rng: &mut ChaCha20Rng) -> Self {
        let mut own = ChaCha20Rng::from_rng(rng);
        let folder = folder();
        let key = Zeroizing::new([7; 32]);
        let store = Store::open(&folder.path().join("store.db"), &key).unwrap();
        let vault = real::Vault::open(MemoryStore::default(), &mut own).unwrap();
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
        }
    }

    fn vault_call(&mut self, call: VaultCall, now: Timestamp) -> VaultAnswer {
        self.try_vault_call(call, now).unwrap_or_else(failed)
    }

    fn try_vault_call(
        &mut self,
        call: VaultCall,
        now: Timestamp,
    ) -> Result<VaultAnswer, keyvault::error::VaultError> {
        let (vault, rng) = (&mut self.vault, &mut self.rng);
        let relay_of = |relay: RelayId| vault_ids::RelayId(relay.0);
        Ok(match call {
            VaultCall::BeginInvite { invite, relay } => VaultAnswer::AuthKey(
                vault.begin_invite(vault_ids::InviteId(invite.0), relay_of(relay), now, rng)?.to_vec(),
            ),
            VaultCall::BeginReplica { replica, relay } => VaultAnswer::AuthKey(
                vault.begin_replica(vault_ids::ReplicaId(replica.0), relay_of(relay), rng)?.to_vec(),
            ),
            VaultCall::FinishInvite { invite, created } => {
                let made =
                    vault.finish_invite(vault_ids::InviteId(invite.0), created_of(&created), &[], rng)?;
                VaultAnswer::InviteFinished {
                    link: made.link,
                    blob_id: made.blob_id.to_vec(),
                    read_key: made.read_key.expose().to_vec(),
                    blob: made.blob,
                    expires: made.expires,
                }
            }
            VaultCall::FinishReplica { replica, created } => {
                vault.finish_replica(vault_ids::ReplicaId(replica.0), created_of(&created))?;
                VaultAnswer::Finished(true)
            }
            VaultCall::CancelInvite(invite) => {
                vault.cancel_invite(vault_ids::InviteId(invite.0))?;
                VaultAnswer::Done
            }
            VaultCall::OpenInvite { accept, link } => {
                let opened = vault.open_invite(vault_ids::AcceptId(accept.0), &link, now, rng)?;
                VaultAnswer::InviteOpened {
                    relay: RelayId(opened.relay.0),
                    blob_id: opened.blob_id.to_vec(),
                    sender_key: opened.sender_key.to_vec(),
                    hints: Vec::new(),
                }
            }
            VaultCall::AcceptInvite { accept, blob, replicas, outbox, content } => {
                let replicas: Vec<_> =
                    replicas.iter().map(|replica| vault_ids::ReplicaId(replica.0)).collect();
                let request = real::AcceptInvite {
                    accept: vault_ids::AcceptId(accept.0),
                    untrusted_blob: &blob,
                    replicas: &replicas,
                    outbox: vault_ids::OutboxId(outbox.0),
                    content: &content,
                };
                let accepted = vault.accept_invite(request, now, rng)?;
                VaultAnswer::Accepted {
                    session: SessionId(accepted.session.0),
                    peer_queues: queues_of(&accepted.peer_queues),
                    envelopes: envelopes_of(accepted.envelopes),
                }
            }
            other => return self.try_message_call(other, now),
        })
    }

    fn try_message_call(
        &mut self,
        call: VaultCall,
        now: Timestamp,
    ) -> Result<VaultAnswer, keyvault::error::VaultError> {
        let (vault, rng) = (&mut self.vault, &mut self.rng);
        Ok(match call {
            VaultCall::Seal { session, outbox, content, offer } => {
                let offer: Vec<_> = offer.iter().map(|replica| vault_ids::ReplicaId(replica.0)).collect();
                let request = real::SealEnvelope {
                    session: vault_ids::SessionId(session.0),
                    outbox: vault_ids::OutboxId(outbox.0),
                    content: &content,
                    offer: &offer,
                };
                VaultAnswer::Sealed(envelopes_of(vault.seal_envelope(request, rng)?))
            }
            VaultCall::Open { replica, envelope, sender_key } => {
                let Ok(untrusted_sender) = sender_key.try_into() else {
                    return Ok(VaultAnswer::Opened(Opened::Unreadable));
                };
                let incoming = real::IncomingEnvelope {
                    replica: vault_ids::ReplicaId(replica.0),
                    untrusted_sender,
                    untrusted_envelope: &envelope,
                };
                VaultAnswer::Opened(opened_of(vault.open_envelope(incoming, now, rng)?))
            }
            VaultCall::Forget { outbox, opened } => {
                let outbox: Vec<_> = outbox.iter().map(|id| vault_ids::OutboxId(id.0)).collect();
                let opened: Vec<_> = opened.iter().map(|hash| vault_ids::InnerHash(*hash)).collect();
                vault.forget(&outbox, &opened, now)?;
                VaultAnswer::Done
            }
            VaultCall::Sign { relay, binding, counter, purpose } => {
                let relay = vault_ids::RelayId(relay.0);
                let sign = real::Sign { relay, binding, counter, purpose: purpose_of(purpose) };
                VaultAnswer::Auth(vault.sign(&sign)?.as_ref().to_vec())
            }
            other => return self.try_session_call(other, now),
        })
    }

    fn try_session_call(
        &mut self,
        call: VaultCall,
        now: Timestamp,
    ) -> Result<VaultAnswer, keyvault::error::VaultError> {
        let (vault, rng) = (&mut self.vault, &mut self.rng);
        Ok(match call {
            VaultCall::Session(session) => {
                let session = vault_ids::SessionId(session.0);
                let number = vault.safety_number(session)?;
                let verified = vault.session(session)?.1;
                VaultAnswer::Session { digits: number.digits, words: number.words, verified }
            }
            VaultCall::Repair { session, outbox, content } => {
                let request = real::RepairSession {
                    session: vault_ids::SessionId(session.0),
                    outbox: vault_ids::OutboxId(outbox.0),
                    content: &content,
                    offer: &[],
                };
                VaultAnswer::Sealed(envelopes_of(vault.repair_session(request, now, rng)?))
            }
            VaultCall::SetVerified(session, verified) => {
                vault.set_verified(vault_ids::SessionId(session.0), verified)?;
                VaultAnswer::Done
            }
            VaultCall::RemoveSession(session) => {
                vault.remove_session(vault_ids::SessionId(session.0), now)?;
                VaultAnswer::Done
            }
            _ => panic!("no such call"),
        })
    }
}

fn failed(error: keyvault::error::VaultError) -> VaultAnswer {
    use keyvault::error::{InviteError, VaultError as Real};
    VaultAnswer::Failed(match error {
        Real::NoSuch(_) => VaultError::NoSuchId,
        Real::RateLimited { .. } => VaultError::RateLimited,
        Real::TooManyKept => VaultError::TooManyOpen,
        Real::TooLong => VaultError::TooLong,
        Real::Conflict(_) => VaultError::BadContent,
        Real::RelayMismatch => VaultError::RelayMismatch,
        Real::NoPeerQueue => VaultError::NoQueue,
        Real::InviteAgain => VaultError::InviteAgain,
        Real::Invite(InviteError::Own) => return VaultAnswer::InviteRefused(InviteRefusal::Own),
        Real::Invite(InviteError::Used) => return VaultAnswer::InviteRefused(InviteRefusal::Used),
        Real::Invite(_) => return VaultAnswer::InviteRefused(InviteRefusal::Malformed),
        _ => VaultError::Bug,
    })
}

fn created_of(created: &crate::store::Created) -> real::Created {
    real::Created {
        receiver_queue: vault_ids::QueueId(created.receiver_queue.clone().try_into().unwrap()),
        sender_queue: vault_ids::QueueId(created.sender_queue.clone().try_into().unwrap()),
        relay_key: AgreementKey::parse(created.relay_key.clone().try_into().unwrap()).unwrap(),
    }
}

fn queues_of(queues: &[real::PeerQueue]) -> Vec<OfferedQueue> {
    queues
        .iter()
        .map(|queue| OfferedQueue {
            number: PeerQueueId(queue.id.0),
            relay: RelayId(queue.relay.0),
            queue: queue.queue.0.to_vec(),
            sender_key: queue.sender_key.to_vec(),
        })
        .collect()
}

fn envelopes_of(envelopes: Vec<real::OutgoingEnvelope>) -> Vec<SealedEnvelope> {
    envelopes
        .into_iter()
        .map(|envelope| SealedEnvelope {
            peer_queue: PeerQueueId(envelope.peer_queue.0),
            put_id: envelope.put_id.0,
            bytes: envelope.bytes,
        })
        .collect()
}

fn opened_of(opened: real::Opened) -> Opened {
    match opened {
        real::Opened::Message { session, content, inner, peer_queues, news } => Opened::Message {
            session: SessionId(session.0),
            content: content.to_vec(),
            inner: inner.0,
            peer_queues: queues_of(&peer_queues),
            first: news.first.is_some(),
            news: News {
                repaired: news.repaired,
                repair_wanted: news.repair_wanted,
                identity_changed: news.identity_changed,
            },
        },
        real::Opened::Duplicate(inner) => Opened::Duplicate(inner.0),
        real::Opened::Unreadable => Opened::Unreadable,
        real::Opened::OpenedTwice(_) => Opened::OpenedTwice,
        real::Opened::RolledBack(session) => Opened::PeerRolledBack(SessionId(session.0)),
        real::Opened::OutOfStep(session) => Opened::OutOfStep(SessionId(session.0)),
    }
}

fn purpose_of(purpose: Purpose) -> real::Purpose {
    match purpose {
        Purpose::Subscribe(replica) => real::Purpose::Subscribe(vault_ids::ReplicaId(replica.0)),
        Purpose::Acknowledge { replica, messages } => {
            real::Purpose::Acknowledge { replica: vault_ids::ReplicaId(replica.0), messages }
        }
        Purpose::Delete(replica) => real::Purpose::Delete(vault_ids::ReplicaId(replica.0)),
        Purpose::LeaveBlob(invite) => real::Purpose::LeaveBlob(vault_ids::InviteId(invite.0)),
        Purpose::DropBlob(invite) => real::Purpose::DropBlob(vault_ids::InviteId(invite.0)),
        Purpose::Secure(queue) => real::Purpose::Secure(vault_ids::PeerQueueId(queue.0)),
        Purpose::Deposit { peer_queue, put_id, envelope_hash } => real::Purpose::Deposit {
            peer_queue: vault_ids::PeerQueueId(peer_queue.0),
            put_id: vault_ids::PutId(put_id),
            envelope_hash,
        },
        Purpose::SecureRead(accept) => real::Purpose::SecureRead(vault_ids::AcceptId(accept.0)),
    }
}
