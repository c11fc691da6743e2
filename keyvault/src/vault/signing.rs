//! Authenticating mailbox commands: the caller names a purpose, never bytes
//! (docs/threat-model.md, "stored: history").

use ipc_schema::mailbox::{Command, Context};

use super::invite_records::{AcceptRecord, InviteRecord, InviteState};
use super::records::{PeerQueueRecord, ReceiveQueueRecord};
use super::unlocked::Vault;
use crate::error::{Thing, VaultError};
use crate::ids::{AcceptId, InviteId, PeerQueueId, PutId, QueueId, ReceiveQueueId, RelayId};
use crate::kdf;
use crate::mailbox::{self, Authenticator};
use crate::store::Store;

/// What is to be done, and with which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Receive on an own queue.
    Subscribe(ReceiveQueueId),
    /// Fetch the oldest `max` of an own queue.
    Collect {
        /// An own queue, finished.
        receive_queue: ReceiveQueueId,
        /// At most so many.
        max: u16,
    },
    /// Delete what is durable here from an own queue.
    Acknowledge {
        /// An own queue, finished.
        receive_queue: ReceiveQueueId,
        /// The mailbox's names.
        messages: Vec<[u8; 16]>,
    },
    /// Delete an own queue.
    Delete(ReceiveQueueId),
    /// Leave an own invite's blob, which the vault itself made.
    LeaveBlob(InviteId),
    /// Delete an own invite's blob.
    DropBlob(InviteId),
    /// Register this side's key at a peer's queue.
    Secure(PeerQueueId),
    /// Put one envelope into a peer's queue.
    Deposit {
        /// A queue of the session's peer.
        peer_queue: PeerQueueId,
        /// Names the deposit.
        put_id: PutId,
        /// SHA-256 of the envelope.
        envelope_hash: [u8; 32],
    },
    /// Bind the blob of an opened invite to this side's key and read it.
    SecureRead(AcceptId),
    /// Put one chunk of a file into a peer's queue.
    PutChunk {
        /// A queue of the session's peer.
        peer_queue: PeerQueueId,
        /// Names the chunk.
        chunk_id: PutId,
        /// SHA-256 of the chunk.
        chunk_hash: [u8; 32],
    },
    /// Receive chunks on an own queue.
    SubscribeChunks(ReceiveQueueId),
    /// Fetch some chunks of an own queue.
    FetchChunks {
        /// An own queue, finished.
        receive_queue: ReceiveQueueId,
        /// Their names.
        chunks: Vec<[u8; 16]>,
    },
    /// Delete chunks that are durable here from an own queue.
    AcknowledgeChunks {
        /// An own queue, finished.
        receive_queue: ReceiveQueueId,
        /// Their names.
        chunks: Vec<[u8; 16]>,
    },
}

/// A command for one relay on one circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The relay that is asked; must be that of the queue.
    pub relay: RelayId,
    /// From the circuit's handshake with it.
    pub binding: [u8; 32],
    /// Strictly rising on that circuit.
    pub counter: u64,
    /// The command, and with it whose key authenticates it.
    pub purpose: Purpose,
}

impl<S: Store> Vault<S> {
    /// Authenticates one mailbox command.
    ///
    /// # Errors
    /// `NoSuch`; `RelayMismatch` if the queue is on another relay; `WrongPurpose` if it is not created or finished yet; `Store`.
    pub fn sign(&self, request: &Sign) -> Result<Authenticator, VaultError> {
        match &request.purpose {
            Purpose::Subscribe(receive_queue) => {
                self.sign_receiver(request, *receive_queue, &Command::Subscribe)
            }
            Purpose::Collect { receive_queue, max } => {
                self.sign_receiver(request, *receive_queue, &Command::Collect { max: *max })
            }
            Purpose::Acknowledge { receive_queue, messages } => self.sign_receiver(
                request,
                *receive_queue,
                &Command::Acknowledge { messages: messages.clone() },
            ),
            Purpose::Delete(receive_queue) => self.sign_receiver(request, *receive_queue, &Command::Delete),
            Purpose::LeaveBlob(invite) => {
                let command = self.leave_blob(*invite)?;
                self.sign_receiver(request, (*invite).into(), &command)
            }
            Purpose::DropBlob(invite) => {
                let record: InviteRecord = self.require(&invite.key(), Thing::Invite)?;
                self.sign_receiver(request, (*invite).into(), &Command::DropBlob { blob_id: record.blob_id })
            }
            Purpose::Secure(queue) => self.sign_sender(request, *queue, |record| Command::Secure {
                sender_key: *record.sender_public.bytes(),
            }),
            Purpose::Deposit { peer_queue, put_id, envelope_hash } => {
                let command = Command::Deposit { put_id: put_id.0, envelope_hash: *envelope_hash };
                self.sign_sender(request, *peer_queue, |_| command)
            }
            Purpose::SecureRead(accept) => self.sign_read(request, *accept),
            Purpose::PutChunk { peer_queue, chunk_id, chunk_hash } => {
                let command = Command::PutChunk { chunk_id: chunk_id.0, chunk_hash: *chunk_hash };
                self.sign_sender(request, *peer_queue, |_| command)
            }
            Purpose::SubscribeChunks(receive_queue) => {
                self.sign_receiver(request, *receive_queue, &Command::SubscribeChunks)
            }
            Purpose::FetchChunks { receive_queue, chunks } => {
                self.sign_receiver(request, *receive_queue, &Command::FetchChunks { chunks: chunks.clone() })
            }
            Purpose::AcknowledgeChunks { receive_queue, chunks } => self.sign_receiver(
                request,
                *receive_queue,
                &Command::AcknowledgeChunks { chunks: chunks.clone() },
            ),
        }
    }

    fn sign_receiver(
        &self,
        request: &Sign,
        receive_queue: ReceiveQueueId,
        command: &Command,
    ) -> Result<Authenticator, VaultError> {
        let record: ReceiveQueueRecord = self.require(&receive_queue.key(), Thing::ReceiveQueue)?;
        let created = record.created.as_ref().ok_or(VaultError::WrongPurpose(Thing::ReceiveQueue))?;
        let context = request.context(record.relay, created.receiver_queue)?;
        Ok(record.receiver.authenticate(&context, command))
    }

    fn sign_sender(
        &self,
        request: &Sign,
        queue: PeerQueueId,
        command: impl FnOnce(&PeerQueueRecord) -> Command,
    ) -> Result<Authenticator, VaultError> {
        let record: PeerQueueRecord = self.require(&queue.key(), Thing::PeerQueue)?;
        let context = request.context(record.relay, record.queue)?;
        Ok(mailbox::authenticate(&record.command_key, &context, &command(&record)))
    }

    fn sign_read(&self, request: &Sign, accept: AcceptId) -> Result<Authenticator, VaultError> {
        let record: AcceptRecord = self.require(&accept.key(), Thing::Accept)?;
        let blob_id = record.link.secret.blob_id();
        // The caller knows no queue id yet: the front of the blob id stands in its place.
        let front = blob_id.first_chunk().copied().unwrap_or_default();
        let context = request.context(record.link.relay, QueueId(front))?;
        let command = Command::SecureRead { blob_id, sender_key: *record.sender.public().bytes() };
        Ok(mailbox::authenticate(&record.link.secret.read_key(), &context, &command))
    }

    fn leave_blob(&self, invite: InviteId) -> Result<Command, VaultError> {
        let record: InviteRecord = self.require(&invite.key(), Thing::Invite)?;
        let InviteState::Open(open) = &record.state else {
            return Err(VaultError::WrongPurpose(Thing::Invite));
        };
        let (_, blob) = open.left.as_ref().ok_or(VaultError::WrongPurpose(Thing::Invite))?;
        Ok(Command::LeaveBlob {
            blob_id: record.blob_id,
            read_key: *open.secret.read_key().expose(),
            blob_hash: kdf::sha256(&[blob]),
        })
    }
}

impl Sign {
    fn context(&self, relay: RelayId, queue: QueueId) -> Result<Context, VaultError> {
        if self.relay != relay {
            return Err(VaultError::RelayMismatch);
        }
        Ok(Context { relay, queue: queue.0, binding: self.binding, counter: self.counter })
    }
}
