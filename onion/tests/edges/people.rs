//! What stored and keyvault do with a mailbox: commands with their authenticators.

use std::rc::Rc;

use capnp_rpc::new_client;
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use ipc_schema::edge::stored_keyvault::Created;
use ipc_schema::edge::stored_onion::{
    ChunkWaiting, Chunks, Command as Given, Create, Done, Give, Refused, Waiting,
};
use ipc_schema::edge::{self, Failed, Streamed};
use ipc_schema::edges::stored_onion_capnp::envelope_sink;
use ipc_schema::limits::CHUNK_BYTES;
use ipc_schema::mailbox::{Command, Context, SENDER_KEY_LABEL, signing_input};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use x25519_dalek::{PublicKey, StaticSecret};

use super::Open;

pub type Answer = Result<Done, Refused>;
type Sinking = Given<envelope_sink::Client>;

const BLOB_ID: [u8; 32] = [0xb1; 32];
const READ_KEY: [u8; 32] = [0x4e; 32];

pub type Queue = Created;

fn input(at: &Open, queue: [u8; 24], counter: u64, command: &Command) -> Vec<u8> {
    signing_input(&Context { relay: at.relay, queue, binding: at.binding, counter }, command)
}

fn mac(key: &[u8; 32], input: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(input).finalize().into_bytes().into()
}

pub struct Receiver {
    key: SigningKey,
    counter: u64,
}

impl Receiver {
    pub fn new(seed: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), counter: 0 }
    }

    pub async fn create(&mut self, at: &Open) -> Queue {
        let call = Create { receiver_key: self.key.verifying_key().to_bytes() };
        edge::send(&at.mailbox, &call).await.unwrap().unwrap()
    }

    async fn give(&mut self, at: &Open, queue: &Queue, signed: &Command, command: Sinking) -> Answer {
        self.counter += 1;
        let auth = self.key.sign(&input(at, queue.receiver_queue, self.counter, signed)).to_bytes().to_vec();
        edge::send(&at.mailbox, &Give { counter: self.counter, auth, command }).await.unwrap()
    }

    pub async fn subscribe(&mut self, at: &Open, queue: &Queue, sink: envelope_sink::Client) -> Answer {
        let command = Given::Subscribe { receiver_queue: queue.receiver_queue, sink };
        self.give(at, queue, &Command::Subscribe, command).await
    }

    pub async fn acknowledge(&mut self, at: &Open, queue: &Queue, ids: &[[u8; 16]]) -> Answer {
        let (receiver_queue, messages) = (queue.receiver_queue, ids.to_vec());
        let signed = Command::Acknowledge { messages: messages.clone() };
        self.give(at, queue, &signed, Given::Acknowledge { receiver_queue, messages }).await
    }

    pub async fn subscribe_chunks(
        &mut self,
        at: &Open,
        queue: &Queue,
        sink: envelope_sink::Client,
    ) -> Answer {
        let command = Given::Chunks(Chunks::Subscribe { receiver_queue: queue.receiver_queue, sink });
        self.give(at, queue, &Command::SubscribeChunks, command).await
    }

    pub async fn fetch_chunks(
        &mut self,
        at: &Open,
        queue: &Queue,
        chunks: Vec<[u8; 16]>,
        sink: envelope_sink::Client,
    ) -> Answer {
        let signed = Command::FetchChunks { chunks: chunks.clone() };
        let command = Given::Chunks(Chunks::Fetch { receiver_queue: queue.receiver_queue, chunks, sink });
        self.give(at, queue, &signed, command).await
    }

    pub async fn acknowledge_chunks(&mut self, at: &Open, queue: &Queue, chunks: &[[u8; 16]]) -> Answer {
        let (receiver_queue, chunks) = (queue.receiver_queue, chunks.to_vec());
        let signed = Command::AcknowledgeChunks { chunks: chunks.clone() };
        let command = Given::Chunks(Chunks::Acknowledge { receiver_queue, chunks });
        self.give(at, queue, &signed, command).await
    }

    pub async fn leave_blob(&mut self, at: &Open, queue: &Queue, blob: &[u8]) -> Answer {
        let (receiver_queue, blob_id, read_key) = (queue.receiver_queue, BLOB_ID, READ_KEY);
        let signed = Command::LeaveBlob { blob_id, read_key, blob_hash: Sha256::digest(blob).into() };
        let command = Given::LeaveBlob { receiver_queue, blob_id, read_key, blob: blob.to_vec() };
        self.give(at, queue, &signed, command).await
    }
}

pub async fn secure_read(at: &Open, sender_key: [u8; 32]) -> Answer {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let counter = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let signed = Command::SecureRead { blob_id: BLOB_ID, sender_key };
    let auth = mac(&READ_KEY, &input(at, *BLOB_ID.first_chunk().unwrap(), counter, &signed)).to_vec();
    let command = Given::SecureRead { blob_id: BLOB_ID, sender_key };
    edge::send(&at.mailbox, &Give { counter, auth, command }).await.unwrap()
}

pub struct Sender {
    secret: StaticSecret,
    queue: Queue,
    mac_key: [u8; 32],
    counter: u64,
}

impl Sender {
    pub fn new(seed: u8, queue: &Queue) -> Self {
        let secret = StaticSecret::from([seed; 32]);
        let shared = secret.diffie_hellman(&PublicKey::from(queue.relay_key));
        let mut mac_key = [0; 32];
        let info = [SENDER_KEY_LABEL, &queue.sender_queue].concat();
        Hkdf::<Sha256>::new(None, shared.as_bytes()).expand(&info, &mut mac_key).unwrap();
        Self { secret, queue: *queue, mac_key, counter: 0 }
    }

    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.secret).to_bytes()
    }

    fn try_give(
        &mut self,
        at: &Open,
        signed: &Command,
        command: Sinking,
    ) -> impl Future<Output = Result<Answer, Failed>> + use<> {
        self.counter += 1;
        let auth = mac(&self.mac_key, &input(at, self.queue.sender_queue, self.counter, signed)).to_vec();
        edge::send(&at.mailbox, &Give { counter: self.counter, auth, command })
    }

    fn give(
        &mut self,
        at: &Open,
        signed: &Command,
        command: Sinking,
    ) -> impl Future<Output = Answer> + use<> {
        let answer = self.try_give(at, signed, command);
        async move { answer.await.unwrap() }
    }

    pub async fn secure(&mut self, at: &Open) -> Answer {
        let (sender_queue, sender_key) = (self.queue.sender_queue, self.public());
        let command = Given::Secure { sender_queue, sender_key };
        self.give(at, &Command::Secure { sender_key }, command).await
    }

    pub fn deposit_call(&mut self, at: &Open, number: u8) -> impl Future<Output = Answer> + use<> {
        let mut envelope = vec![number; 4_096];
        envelope[4_095] = 1;
        let (sender_queue, put_id) = (self.queue.sender_queue, [number; 16]);
        let signed = Command::Deposit { put_id, envelope_hash: Sha256::digest(&envelope).into() };
        self.give(at, &signed, Given::Deposit { sender_queue, put_id, envelope })
    }

    pub fn put_chunk(
        &mut self,
        at: &Open,
        number: u32,
    ) -> impl Future<Output = Result<Answer, Failed>> + use<> {
        let ChunkWaiting { id: chunk_id, chunk } = chunk(number);
        let signed = Command::PutChunk { chunk_id, chunk_hash: Sha256::digest(&chunk).into() };
        let sender_queue = self.queue.sender_queue;
        let command = Given::Chunks(Chunks::Put { sender_queue, chunk_id, chunk });
        self.try_give(at, &signed, command)
    }

    pub async fn deposit(&mut self, at: &Open, number: u8) -> Answer {
        self.deposit_call(at, number).await
    }
}

/// A chunk's name and content by its number.
pub fn chunk(number: u32) -> ChunkWaiting {
    let bytes = number.to_be_bytes();
    let chunk = bytes.iter().copied().cycle().take(CHUNK_BYTES).collect();
    ChunkWaiting { id: u128::from(number).to_be_bytes(), chunk }
}

/// A chunk that came; its sink answers when this is gone.
pub struct Taken {
    pub waiting: ChunkWaiting,
    _answer: oneshot::Sender<()>,
}

pub struct Sink {
    pushed: mpsc::UnboundedSender<Waiting>,
    chunks: mpsc::UnboundedSender<Taken>,
}

impl Sink {
    pub fn pair() -> (envelope_sink::Client, mpsc::UnboundedReceiver<Waiting>) {
        let (pushed, come) = mpsc::unbounded_channel();
        (new_client(Self { pushed, chunks: mpsc::unbounded_channel().0 }), come)
    }

    pub fn of_chunks() -> (envelope_sink::Client, mpsc::UnboundedReceiver<Taken>) {
        let (chunks, come) = mpsc::unbounded_channel();
        (new_client(Self { pushed: mpsc::unbounded_channel().0, chunks }), come)
    }
}

impl envelope_sink::Server for Sink {
    async fn waiting(self: Rc<Self>, params: envelope_sink::WaitingParams) -> Result<(), capnp::Error> {
        let _ = self.pushed.send(Waiting::read(params.get()?.get_message()?).unwrap());
        Ok(())
    }

    async fn chunk(self: Rc<Self>, params: envelope_sink::ChunkParams) -> Result<(), capnp::Error> {
        let (answer, taken) = oneshot::channel();
        let waiting = ChunkWaiting::read(params.get()?).unwrap();
        let _ = self.chunks.send(Taken { waiting, _answer: answer });
        let _ = taken.await;
        Ok(())
    }
}
