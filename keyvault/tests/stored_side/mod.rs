//! stored's part of the edge stored-keyvault for tests: each call as plain data, and a peer who talks to the vault behind it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

use std::collections::HashMap;

use ipc_schema::Timestamp;
use ipc_schema::edges::stored_keyvault_capnp::{
    begin_result, created, envelope, finish_invite_result, gate, open_result, peer_queue, seal_result, vault,
};
use ipc_schema::relay::RelayId;
use keyvault::ids::{AcceptId, InnerHash, OutboxId, PeerQueueId, QueueId, ReceiveQueueId, SessionId};
use keyvault::store::MemoryStore;
use keyvault::vault::{
    AcceptInvite, Created, IncomingEnvelope, Opened, OutgoingEnvelope, PeerQueue, SealEnvelope, Vault,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

pub const RELAY: [u8; 32] = [7; 32];

/// The process on the other side of the edge is gone.
#[derive(Debug)]
pub struct Gone;

impl From<capnp::Error> for Gone {
    fn from(error: capnp::Error) -> Self {
        let text = error.to_string();
        let is_gone = ["Disconnected", "end of file", "reset by peer", "Broken pipe"]
            .iter()
            .any(|way| text.contains(way));
        assert!(is_gone || error.kind == capnp::ErrorKind::Disconnected, "{error}");
        Self
    }
}

/// An unlocked vault behind its edge.
pub struct Edge {
    vault: vault::Client,
    pub store_key: Vec<u8>,
}

/// An envelope on its way, with all that a relay knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub queue: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// The sender's key at each queue, by its sender id: what `secure` told the relays.
pub type Secured = HashMap<Vec<u8>, [u8; 32]>;

#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Message { session: u64, content: Vec<u8>, inner: Vec<u8>, first: bool },
    Duplicate(Vec<u8>),
    Other(String),
}

fn queue_ids(byte: u8) -> ([u8; 24], [u8; 24]) {
    ([byte; 24], [byte ^ 0x80; 24])
}

/// What a relay answers to `create`, for the domain types.
fn made(byte: u8) -> Created {
    let (receiver, sender) = queue_ids(byte);
    Created::parse(QueueId(receiver), QueueId(sender), [9; 32]).unwrap()
}

fn fill(mut out: created::Builder<'_>, byte: u8) {
    let (receiver, sender) = queue_ids(byte);
    out.set_receiver_queue(&receiver);
    out.set_sender_queue(&sender);
    out.set_relay_key(&[9; 32]);
}

impl Edge {
    pub async fn open(gate: &gate::Client) -> Result<Self, Gone> {
        let answer = gate.open_request().send().promise.await?;
        let unlocked = answer.get()?.get_unlocked()?;
        Ok(Self { vault: unlocked.get_vault()?, store_key: unlocked.get_store_key()?.to_vec() })
    }

    pub async fn begin_invite(&self, invite: u64) -> Result<Vec<u8>, Gone> {
        let mut request = self.vault.begin_invite_request();
        request.get().set_invite(invite);
        request.get().set_relay(&RELAY);
        key(request.send().promise.await?.get()?.get_result()?)
    }

    pub async fn begin_receive_queue(&self, receive_queue: u64) -> Result<Vec<u8>, Gone> {
        let mut request = self.vault.begin_receive_queue_request();
        request.get().set_receive_queue(receive_queue);
        request.get().set_relay(&RELAY);
        key(request.send().promise.await?.get()?.get_result()?)
    }

    pub async fn finish_receive_queue(&self, receive_queue: u64, byte: u8) -> Result<(), Gone> {
        let mut request = self.vault.finish_receive_queue_request();
        request.get().set_receive_queue(receive_queue);
        fill(request.get().init_created(), byte);
        assert!(request.send().promise.await?.get()?.get_ok());
        Ok(())
    }

    /// Link and blob.
    pub async fn finish_invite(&self, invite: u64, byte: u8) -> Result<(String, Vec<u8>), Gone> {
        let mut request = self.vault.finish_invite_request();
        request.get().set_invite(invite);
        fill(request.get().init_created(), byte);
        let answer = request.send().promise.await?;
        match answer.get()?.get_result()?.which().unwrap() {
            finish_invite_result::Invite(invite) => {
                Ok((invite.get_link()?.to_string().unwrap(), invite.get_blob()?.to_vec()))
            }
            finish_invite_result::Error(error) => panic!("{error:?}"),
        }
    }

    /// The envelopes by number of the peer's queue.
    pub async fn seal(
        &self,
        session: u64,
        outbox: u64,
        content: &[u8],
        offer: &[u64],
    ) -> Result<Vec<(u64, Vec<u8>)>, Gone> {
        let mut request = self.vault.seal_envelope_request();
        request.get().set_session(session);
        request.get().set_outbox(outbox);
        request.get().set_content(content);
        request.get().set_offer(offer)?;
        let answer = request.send().promise.await?;
        match answer.get()?.get_result()?.which().unwrap() {
            seal_result::Envelopes(envelopes) => envelopes?.iter().map(sealed).collect(),
            seal_result::Error(error) => panic!("{error:?}"),
        }
    }

    /// The answer, and the peer's queues if they changed: number, sender id, sender key.
    pub async fn open_envelope(
        &self,
        receive_queue: u64,
        sender: &[u8; 32],
        envelope: &[u8],
    ) -> Result<(Answer, Vec<(u64, Vec<u8>, [u8; 32])>), Gone> {
        let mut request = self.vault.open_envelope_request();
        request.get().set_receive_queue(receive_queue);
        request.get().set_envelope(envelope);
        request.get().set_sender_key(sender);
        let answer = request.send().promise.await?;
        Ok(match answer.get()?.get_result()?.which().unwrap() {
            open_result::Message(message) => {
                let queues = message.get_peer_queues()?.iter().map(offered).collect::<Result<_, _>>()?;
                let answer = Answer::Message {
                    session: message.get_session(),
                    content: message.get_content()?.to_vec(),
                    inner: message.get_inner()?.to_vec(),
                    first: message.get_first(),
                };
                (answer, queues)
            }
            open_result::Duplicate(inner) => (Answer::Duplicate(inner?.to_vec()), vec![]),
            open_result::Unreadable(()) => (Answer::Other("unreadable".into()), vec![]),
            open_result::OpenedTwice(()) => (Answer::Other("opened twice".into()), vec![]),
            open_result::PeerRolledBack(of) => (Answer::Other(format!("rolled back: {of}")), vec![]),
            open_result::OutOfStep(of) => (Answer::Other(format!("out of step: {of}")), vec![]),
            open_result::Error(error) => (Answer::Other(format!("{error:?}")), vec![]),
        })
    }

    pub async fn forget(&self, outbox: &[u64], opened: &[&[u8]]) -> Result<(), Gone> {
        let mut request = self.vault.forget_request();
        request.get().set_outbox(outbox)?;
        let mut list = request.get().init_opened(u32::try_from(opened.len()).unwrap());
        for (at, inner) in (0..).zip(opened) {
            list.set(at, inner);
        }
        request.send().promise.await?;
        Ok(())
    }
}

fn key(result: begin_result::Reader<'_>) -> Result<Vec<u8>, Gone> {
    match result.which().unwrap() {
        begin_result::AuthKey(key) => Ok(key?.to_vec()),
        begin_result::Error(error) => panic!("{error:?}"),
    }
}

fn sealed(envelope: envelope::Reader<'_>) -> Result<(u64, Vec<u8>), Gone> {
    Ok((envelope.get_peer_queue(), envelope.get_bytes()?.to_vec()))
}

fn offered(queue: peer_queue::Reader<'_>) -> Result<(u64, Vec<u8>, [u8; 32]), Gone> {
    Ok((queue.get_number(), queue.get_queue()?.to_vec(), queue.get_sender_key()?.try_into().unwrap()))
}

/// The other person, with a vault in this process's memory.
pub struct Peer {
    vault: Vault<MemoryStore>,
    rng: ChaCha20Rng,
    session: SessionId,
    queues: HashMap<PeerQueueId, PeerQueue>,
    next_outbox: u64,
}

impl Peer {
    /// Somebody who accepts the invite; with the envelopes of the first message and what the relays learn.
    pub fn accepting(link: &str, blob: &[u8], content: &[u8]) -> (Self, Vec<Sent>, Secured) {
        let mut rng = ChaCha20Rng::seed_from_u64(21);
        let mut vault = Vault::open(MemoryStore::default()).unwrap();
        vault.open_invite(AcceptId(1), link, Timestamp::now(), &mut rng).unwrap();
        for (receive_queue, byte) in [(20, 20), (21, 21)] {
            vault.begin_receive_queue(ReceiveQueueId(receive_queue), RelayId(RELAY), &mut rng).unwrap();
            vault.finish_receive_queue(ReceiveQueueId(receive_queue), made(byte)).unwrap();
        }
        let request = AcceptInvite {
            accept: AcceptId(1),
            untrusted_blob: blob,
            receive_queues: &[ReceiveQueueId(20), ReceiveQueueId(21)],
            outbox: OutboxId(1),
            content,
        };
        let accepted = vault.accept_invite(request, Timestamp::now(), &mut rng).unwrap();
        let session = accepted.session;
        let mut peer = Self { vault, rng, session, queues: HashMap::new(), next_outbox: 2 };
        let secured = peer.learn(&accepted.peer_queues);
        let sent = peer.addressed(accepted.envelopes);
        (peer, sent, secured)
    }

    fn learn(&mut self, queues: &[PeerQueue]) -> Secured {
        self.queues.extend(queues.iter().map(|queue| (queue.id, queue.clone())));
        queues.iter().map(|queue| (queue.queue.0.to_vec(), queue.sender_key)).collect()
    }

    fn addressed(&self, envelopes: Vec<OutgoingEnvelope>) -> Vec<Sent> {
        let queue = |of: PeerQueueId| self.queues[&of].queue.0.to_vec();
        envelopes.into_iter().map(|e| Sent { queue: queue(e.peer_queue), bytes: e.bytes }).collect()
    }

    pub fn seals(&mut self, content: &[u8]) -> Vec<Sent> {
        let outbox = OutboxId(self.next_outbox);
        self.next_outbox += 1;
        let request = SealEnvelope { session: self.session, outbox, content, offer: &[] };
        let envelopes = self.vault.seal_envelope(request, &mut self.rng).unwrap();
        self.vault.forget(&[outbox], &[]).unwrap();
        self.addressed(envelopes)
    }

    /// Opens an envelope out of one of its two queues; what it says, and what the relays learn.
    pub fn opens(&mut self, sent: &Sent, sender: [u8; 32]) -> (Opened, Secured) {
        let receive_queue =
            if sent.queue == queue_ids(20).1 { ReceiveQueueId(20) } else { ReceiveQueueId(21) };
        let incoming =
            IncomingEnvelope { receive_queue, untrusted_sender: sender, untrusted_envelope: &sent.bytes };
        let opened = self.vault.open_envelope(incoming, Timestamp::now(), &mut self.rng).unwrap();
        let secured = match &opened {
            Opened::Message { peer_queues, .. } => self.learn(&peer_queues.clone()),
            _ => Secured::new(),
        };
        (opened, secured)
    }

    pub fn forgets(&mut self, inner: InnerHash) {
        self.vault.forget(&[], &[inner]).unwrap();
    }
}
