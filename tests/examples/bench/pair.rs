//! Two people's engines who know each other, with keyvault's vaults in memory and mailboxes that answer at once: what is measured is what
//! the engine does with its store.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::Created;
use ipc_schema::edge::stored_onion::{Command, QueueId};
use ipc_schema::edge::ui_stored::{AcceptInvite, MakeInvite};
use keyvault::agreement_key::AgreementSecret;
use keyvault::store::MemoryStore;
use keyvault::vault::Vault;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use stored::engine::{
    Action, Arrived, Asks, Came, Engine, Input, InviteOf, MailboxCall, OpenedCircuit, Reply, RequestId,
};
use stored::ids::{ReceiveQueueId, RelayId};
use stored::store::{Store, StoreKey};

/// How the two call each other.
pub const WHOM: [&str; 2] = ["bob", "ann"];
pub const KEY: [u8; 32] = [7; 32];
const BEGAN: Timestamp = Timestamp(1_800_000_000_000);

/// A person, and what is to be told to the engine next.
pub struct Side {
    pub engine: Engine,
    vault: Vault<MemoryStore>,
    rng: ChaCha20Rng,
    pub inputs: VecDeque<Input>,
    answers: BTreeMap<RequestId, Box<Reply>>,
    asked: u64,
}

struct Queue {
    created: Created,
    sender_key: [u8; 32],
    /// Who is subscribed, and what they call it.
    sink: Option<(usize, ReceiveQueueId)>,
    waiting: Vec<([u8; 16], Vec<u8>)>,
}

/// Both, and what lies between them.
pub struct Pair {
    pub sides: [Side; 2],
    queues: Vec<Queue>,
    blobs: BTreeMap<[u8; 32], (QueueId, Vec<u8>)>,
    rng: ChaCha20Rng,
    pub now: Timestamp,
}

impl Side {
    fn new(path: &Path, seed: u64) -> Self {
        let store = Store::open(path, &StoreKey::new(KEY)).unwrap();
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self {
            engine: Engine::new(store, Box::new(rng.clone())),
            vault: Vault::open(MemoryStore::default()).unwrap(),
            rng: ChaCha20Rng::seed_from_u64(seed + 100),
            inputs: VecDeque::from([Input::OnionCame]),
            answers: BTreeMap::new(),
            asked: 0,
        }
    }

    pub fn ask(&mut self, call: impl Asks) -> Input {
        self.asked += 1;
        Input::asked(RequestId(self.asked), call)
    }
}

impl Pair {
    /// Their stores lie in this folder.
    pub fn new(folder: &Path) -> Self {
        let sides = [0, 1].map(|who| Side::new(&folder.join(format!("side{who}.db")), who as u64));
        let rng = ChaCha20Rng::seed_from_u64(9);
        let mut pair = Self { sides, queues: Vec::new(), blobs: BTreeMap::new(), rng, now: BEGAN };
        for who in 0..2 {
            let actions = pair.sides[who].engine.start(pair.now);
            pair.perform(who, actions);
        }
        pair.settle();
        let contact = pair.request(0, MakeInvite { name: WHOM[0].into() }).contact;
        pair.settle();
        let link = pair.request(0, InviteOf { contact }).unwrap().link;
        pair.request(1, AcceptInvite { link, name: WHOM[1].into() });
        // The second replicas' turn comes, too.
        for _ in 0..300 {
            pair.settle();
            pair.now = Timestamp(pair.now.0 + 1_000);
        }
        pair
    }

    pub fn request<C: Asks<Error: std::fmt::Debug>>(&mut self, who: usize, call: C) -> C::Answer {
        let input = self.sides[who].ask(call);
        let id = RequestId(self.sides[who].asked);
        let actions = self.sides[who].engine.handle(self.now, vec![input]);
        self.perform(who, actions);
        while !self.sides[who].answers.contains_key(&id) {
            assert!(self.step(who) || self.step(1 - who), "nobody answers");
        }
        C::told(*self.sides[who].answers.remove(&id).unwrap()).unwrap().unwrap()
    }

    /// What waits for a person is handled in one batch; false: nothing does.
    pub fn step(&mut self, who: usize) -> bool {
        let side = &mut self.sides[who];
        let mut batch: Vec<Input> = side.inputs.drain(..).collect();
        if side.engine.next_wake().is_some_and(|at| at <= self.now) {
            batch.push(Input::Tick);
        }
        let is_any = !batch.is_empty();
        if is_any {
            let actions = side.engine.handle(self.now, batch);
            self.perform(who, actions);
        }
        is_any
    }

    /// Until nothing is to be done just now.
    pub fn settle(&mut self) {
        while self.step(0) | self.step(1) {}
    }

    /// Does what an engine says; what comes of it waits.
    pub fn perform(&mut self, who: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Vault(ticket, ask) => {
                    let Side { vault, rng, inputs, .. } = &mut self.sides[who];
                    let told = keyvault::calls::answer(vault, *ask, self.now, rng);
                    inputs.push_back(Input::Vault(ticket, Box::new(told)));
                }
                Action::Open { circuit, relay, .. } => {
                    let mut binding = [0; 32];
                    self.rng.fill_bytes(&mut binding);
                    let opened = OpenedCircuit { binding, route: vec![relay; 4] };
                    self.sides[who].inputs.push_back(Input::Opened(circuit, Some(opened)));
                }
                Action::Mailbox { ticket, call, .. } => {
                    let came = self.mailbox(who, *call);
                    self.sides[who].inputs.push_back(Input::Mailbox(ticket, came));
                }
                Action::Pick(ticket, avoid) => {
                    let free = (1..).map(|byte| RelayId([byte; 32])).find(|relay| !avoid.contains(relay));
                    self.sides[who].inputs.push_back(Input::Picked(ticket, free));
                }
                Action::Answer(id, reply) => drop(self.sides[who].answers.insert(id, reply.unwrap())),
                Action::Close(_) | Action::AddHints(_) | Action::NameChanged(_) | Action::EventsGrew => {}
            }
        }
    }

    fn mailbox(&mut self, who: usize, call: MailboxCall) -> Came {
        let command = match call {
            MailboxCall::Create(_) => return self.create(),
            MailboxCall::Give(command) => command,
        };
        match command {
            Command::Secure { sender_queue, sender_key } => {
                self.by_sender(sender_queue).sender_key = sender_key;
            }
            Command::Deposit { sender_queue, put_id, envelope } => {
                let queue = self.by_sender(sender_queue);
                queue.waiting.push((put_id, envelope));
                let at = queue.waiting.len() - 1;
                self.push(sender_queue, at);
            }
            Command::Subscribe { receiver_queue, sink } => {
                let queue = self.by_receiver(receiver_queue);
                queue.sink = Some((who, sink));
                let (sender_queue, waiting) = (queue.created.sender_queue, queue.waiting.len());
                (0..waiting).for_each(|at| self.push(sender_queue, at));
            }
            Command::Acknowledge { receiver_queue, messages } => {
                self.by_receiver(receiver_queue).waiting.retain(|(id, _)| !messages.contains(id));
            }
            Command::LeaveBlob { receiver_queue, blob_id, blob, .. } => {
                self.blobs.insert(blob_id, (receiver_queue, blob));
            }
            Command::SecureRead { blob_id, sender_key } => {
                let (receiver_queue, blob) = self.blobs[&blob_id].clone();
                self.by_receiver(receiver_queue).sender_key = sender_key;
                return Came::Blob(blob);
            }
            Command::DropBlob { .. } | Command::Delete { .. } => {}
            Command::Chunks(_) => panic!("nobody sends files here"),
        }
        Came::Done
    }

    fn create(&mut self) -> Came {
        let [mut receiver_queue, mut sender_queue] = [[0; 24]; 2];
        self.rng.fill_bytes(&mut receiver_queue);
        self.rng.fill_bytes(&mut sender_queue);
        let relay_key = *AgreementSecret::generate(&mut self.rng).public().bytes();
        let created = Created { receiver_queue, sender_queue, relay_key };
        let queue = Queue { created, sender_key: [0; 32], sink: None, waiting: Vec::new() };
        self.queues.push(queue);
        Came::Created(created)
    }

    fn by_sender(&mut self, id: QueueId) -> &mut Queue {
        self.queues.iter_mut().find(|queue| queue.created.sender_queue == id).unwrap()
    }

    fn by_receiver(&mut self, id: QueueId) -> &mut Queue {
        self.queues.iter_mut().find(|queue| queue.created.receiver_queue == id).unwrap()
    }

    fn push(&mut self, sender_queue: QueueId, at: usize) {
        let queue = self.by_sender(sender_queue);
        let Some((who, receive_queue)) = queue.sink else { return };
        let ((mailbox, envelope), sender_key) = (queue.waiting[at].clone(), queue.sender_key);
        let arrived = Arrived { receive_queue, mailbox, envelope, sender_key };
        self.sides[who].inputs.push_back(Input::Arrived(Box::new(arrived)));
    }
}
