//! What stored and keyvault do with a mailbox: commands with their authenticators.

use std::rc::Rc;

use capnp_rpc::new_client;
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use ipc_schema::edges::stored_onion_capnp::{Answer, create_result, envelope_sink};
use ipc_schema::mailbox::{Command, Context, SENDER_KEY_LABEL, signing_input};
use ipc_schema::relay::RelayId;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use x25519_dalek::{PublicKey, StaticSecret};

use super::Open;

const BLOB_ID: [u8; 32] = [0xb1; 32];
const READ_KEY: [u8; 32] = [0x4e; 32];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    pub receiver: [u8; 24],
    pub sender: [u8; 24],
    pub relay_key: [u8; 32],
}

fn input(at: &Open, queue: [u8; 24], counter: u64, command: &Command) -> Vec<u8> {
    signing_input(&Context { relay: RelayId(at.relay), queue, binding: at.binding, counter }, command)
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
        let mut request = at.mailbox.create_request();
        request.get().set_receiver_key(self.key.verifying_key().as_bytes());
        let response = request.send().promise.await.unwrap();
        match response.get().unwrap().get_result().unwrap().which().unwrap() {
            create_result::Created(created) => Queue {
                receiver: created.get_receiver_queue().unwrap().try_into().unwrap(),
                sender: created.get_sender_queue().unwrap().try_into().unwrap(),
                relay_key: created.get_relay_key().unwrap().try_into().unwrap(),
            },
            create_result::Refused(answer) => panic!("{:?}", answer.unwrap()),
        }
    }

    fn sign(&mut self, at: &Open, queue: &Queue, command: &Command) -> [u8; 64] {
        self.counter += 1;
        self.key.sign(&input(at, queue.receiver, self.counter, command)).to_bytes()
    }

    pub async fn subscribe(&mut self, at: &Open, queue: &Queue, sink: envelope_sink::Client) -> Answer {
        let auth = self.sign(at, queue, &Command::Subscribe);
        let mut request = at.mailbox.subscribe_request();
        request.get().set_receiver_queue(&queue.receiver);
        request.get().set_counter(self.counter);
        request.get().set_auth(&auth);
        request.get().set_sink(sink);
        request.send().promise.await.unwrap().get().unwrap().get_answer().unwrap()
    }

    pub async fn acknowledge(&mut self, at: &Open, queue: &Queue, ids: &[Vec<u8>]) -> Answer {
        let messages = ids.iter().map(|id| id.as_slice().try_into().unwrap()).collect();
        let auth = self.sign(at, queue, &Command::Acknowledge { messages });
        let mut request = at.mailbox.acknowledge_request();
        request.get().set_receiver_queue(&queue.receiver);
        request.get().set_counter(self.counter);
        request.get().set_auth(&auth);
        let mut list = request.get().init_messages(u32::try_from(ids.len()).unwrap());
        for (index, id) in (0..).zip(ids) {
            list.set(index, id);
        }
        request.send().promise.await.unwrap().get().unwrap().get_answer().unwrap()
    }

    pub async fn leave_blob(&mut self, at: &Open, queue: &Queue, blob: &[u8]) -> Answer {
        let blob_hash = Sha256::digest(blob).into();
        let auth =
            self.sign(at, queue, &Command::LeaveBlob { blob_id: BLOB_ID, read_key: READ_KEY, blob_hash });
        let mut request = at.mailbox.leave_blob_request();
        request.get().set_receiver_queue(&queue.receiver);
        request.get().set_blob_id(&BLOB_ID);
        request.get().set_read_key(&READ_KEY);
        request.get().set_blob(blob);
        request.get().set_counter(self.counter);
        request.get().set_auth(&auth);
        request.send().promise.await.unwrap().get().unwrap().get_answer().unwrap()
    }
}

pub async fn secure_read(at: &Open, sender_key: [u8; 32]) -> (Answer, Vec<u8>) {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let counter = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let command = Command::SecureRead { blob_id: BLOB_ID, sender_key };
    let auth = mac(&READ_KEY, &input(at, *BLOB_ID.first_chunk().unwrap(), counter, &command));
    let mut request = at.mailbox.secure_read_request();
    request.get().set_blob_id(&BLOB_ID);
    request.get().set_sender_key(&sender_key);
    request.get().set_counter(counter);
    request.get().set_auth(&auth);
    let response = request.send().promise.await.unwrap();
    let out = response.get().unwrap();
    (out.get_answer().unwrap(), out.get_blob().unwrap().to_vec())
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
        let info = [SENDER_KEY_LABEL, &queue.sender].concat();
        Hkdf::<Sha256>::new(None, shared.as_bytes()).expand(&info, &mut mac_key).unwrap();
        Self { secret, queue: queue.clone(), mac_key, counter: 0 }
    }

    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.secret).to_bytes()
    }

    fn mac(&mut self, at: &Open, command: &Command) -> [u8; 32] {
        self.counter += 1;
        mac(&self.mac_key, &input(at, self.queue.sender, self.counter, command))
    }

    pub async fn secure(&mut self, at: &Open) -> Answer {
        let auth = self.mac(at, &Command::Secure { sender_key: self.public() });
        let mut request = at.mailbox.secure_request();
        request.get().set_sender_queue(&self.queue.sender);
        request.get().set_sender_key(&self.public());
        request.get().set_counter(self.counter);
        request.get().set_auth(&auth);
        request.send().promise.await.unwrap().get().unwrap().get_answer().unwrap()
    }

    pub fn deposit_call(&mut self, at: &Open, number: u8) -> impl Future<Output = Answer> + use<> {
        let mut envelope = vec![number; 4_096];
        envelope[4_095] = 1;
        let put_id = [number; 16];
        let envelope_hash = Sha256::digest(&envelope).into();
        let auth = self.mac(at, &Command::Deposit { put_id, envelope_hash });
        let mut request = at.mailbox.deposit_request();
        request.get().set_sender_queue(&self.queue.sender);
        request.get().set_put_id(&put_id);
        request.get().set_envelope(&envelope);
        request.get().set_counter(self.counter);
        request.get().set_auth(&auth);
        let call = request.send().promise;
        async move { call.await.unwrap().get().unwrap().get_answer().unwrap() }
    }

    pub async fn deposit(&mut self, at: &Open, number: u8) -> Answer {
        self.deposit_call(at, number).await
    }
}

type Pushed = (Vec<u8>, Vec<u8>, [u8; 32]);

pub struct Sink {
    pushed: mpsc::UnboundedSender<Pushed>,
}

impl Sink {
    pub fn pair() -> (envelope_sink::Client, mpsc::UnboundedReceiver<Pushed>) {
        let (pushed, come) = mpsc::unbounded_channel();
        (new_client(Self { pushed }), come)
    }
}

impl envelope_sink::Server for Sink {
    async fn waiting(self: Rc<Self>, params: envelope_sink::WaitingParams) -> Result<(), capnp::Error> {
        let message = params.get()?.get_message()?;
        let sender_key = message.get_sender_key()?.try_into().unwrap();
        let _ = self.pushed.send((message.get_id()?.to_vec(), message.get_envelope()?.to_vec(), sender_key));
        Ok(())
    }
}
