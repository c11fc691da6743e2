//! What the vault keeps about queues, sessions and envelopes.

use ipc_schema::Timestamp;

use super::limits::RECEIVE_QUEUES_MAX;
use super::record::Record;
use super::repair_records::RepairMarks;
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::codec::{Malformed, Reader, Writer};
use crate::envelope::{ENVELOPE_BYTES, OuterKey};
use crate::error::VaultError;
use crate::frame::Offer;
use crate::identity::{Identity, PublicIdentity};
use crate::ids::{AddressId, InviteId, PeerQueueId, PutId, QueueId, ReceiveQueueId, RelayId, SessionId};
use crate::mailbox::ReceiverKey;
use crate::memory::{Secret32, SecretBytes};
use crate::ratchet::Session;
use crate::store::Table;

/// What a relay answered to `create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// By which this side names the queue.
    pub receiver_queue: QueueId,
    /// By which the peer names it.
    pub sender_queue: QueueId,
    /// The key that the relay made for the queue; authenticates the sender's commands.
    pub relay_key: AgreementKey,
}

impl Created {
    /// Checks the relay's answer.
    ///
    /// # Errors
    /// `RelayMismatch` if one id serves both sides or the key is not canonical.
    pub fn parse(
        receiver_queue: QueueId,
        sender_queue: QueueId,
        untrusted_key: [u8; 32],
    ) -> Result<Self, VaultError> {
        let relay_key = AgreementKey::parse(untrusted_key).map_err(|_| VaultError::RelayMismatch)?;
        if receiver_queue == sender_queue {
            return Err(VaultError::RelayMismatch);
        }
        Ok(Self { receiver_queue, sender_queue, relay_key })
    }
}

/// What an opened message means beside its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The invite that this message accepted: the session is new.
    pub first: Option<InviteId>,
    /// The own address that this message came to: the session is new.
    pub visitor_of: Option<AddressId>,
    /// The peer opened the session anew with it. What was sealed before and is not acknowledged is to be sealed again.
    pub repaired: bool,
    /// The message is good, but the session is to be opened anew.
    pub repair_wanted: bool,
}

impl News {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.flag(self.first.is_some()).u64(self.first.map_or(0, |invite| invite.0));
        writer.flag(self.visitor_of.is_some()).u64(self.visitor_of.map_or(0, |address| address.0));
        // The last: an earlier version told there of another identity, which nothing brings.
        writer.flag(self.repaired).flag(self.repair_wanted).flag(false);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (is_first, invite) = (reader.flag()?, InviteId(reader.u64()?));
        let (is_visitor, address) = (reader.flag()?, AddressId(reader.u64()?));
        let (repaired, repair_wanted, _) = (reader.flag()?, reader.flag()?, reader.flag()?);
        Ok(Self {
            first: is_first.then_some(invite),
            visitor_of: is_visitor.then_some(address),
            repaired,
            repair_wanted,
        })
    }
}

/// An own receive queue.
pub(super) struct ReceiveQueueRecord {
    pub(super) relay: RelayId,
    pub(super) receiver: ReceiverKey,
    pub(super) agreement: AgreementSecret,
    pub(super) secret: Secret32,
    pub(super) created: Option<Created>,
    /// The invite that this queue was made for.
    pub(super) invite: Option<InviteId>,
    /// Whom it serves; from then on nobody else.
    pub(super) session: Option<SessionId>,
    /// By whose key the invite was accepted. Others may have had the link, and so can make envelopes for its queue.
    pub(super) accepted_by: Option<AgreementKey>,
    /// The own address that it serves; then anybody may write, and no session owns it.
    pub(super) address: Option<AddressId>,
    /// The outer layer's key with the sender whose envelopes opened last, so that it is derived once.
    pub(super) outer: Option<(AgreementKey, OuterKey)>,
}

impl ReceiveQueueRecord {
    pub(super) fn serves_nobody(&self) -> bool {
        self.session.is_none() && self.invite.is_none() && self.address.is_none()
    }

    pub(super) fn offer(&self) -> Option<Offer> {
        self.created.as_ref().map(|created| Offer {
            relay: self.relay,
            queue: created.sender_queue,
            relay_key: created.relay_key,
            receiver_key: self.agreement.public(),
            replica_secret: self.secret.clone(),
        })
    }
}

impl Record for ReceiveQueueRecord {
    const TABLE: Table = Table::ReceiveQueue;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.put(&self.relay.0);
        self.receiver.write(writer);
        self.agreement.write(writer);
        writer.put(self.secret.expose()).flag(self.created.is_some());
        if let Some(created) = &self.created {
            writer.put(&created.receiver_queue.0).put(&created.sender_queue.0);
            writer.put(created.relay_key.bytes());
        }
        writer.flag(self.invite.is_some()).u64(self.invite.map_or(0, |invite| invite.0));
        writer.u64(self.session.map_or(0, |session| session.0));
        writer.flag(self.accepted_by.is_some());
        if let Some(key) = &self.accepted_by {
            writer.put(key.bytes());
        }
        writer.flag(self.address.is_some()).u64(self.address.map_or(0, |address| address.0));
        writer.flag(self.outer.is_some());
        if let Some((sender, key)) = &self.outer {
            writer.put(sender.bytes());
            key.write(writer);
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let relay = RelayId(reader.array()?);
        let receiver = ReceiverKey::read(reader)?;
        let agreement = AgreementSecret::read(reader)?;
        let secret = reader.secret()?;
        let created = match reader.flag()? {
            true => Some(Created {
                receiver_queue: QueueId(reader.array()?),
                sender_queue: QueueId(reader.array()?),
                relay_key: AgreementKey::read(reader)?,
            }),
            false => None,
        };
        let (is_invite, invite) = (reader.flag()?, InviteId(reader.u64()?));
        let session = SessionId(reader.u64()?);
        let accepted_by = if reader.flag()? { Some(AgreementKey::read(reader)?) } else { None };
        let (is_address, address) = (reader.flag()?, AddressId(reader.u64()?));
        Ok(Self {
            relay,
            receiver,
            agreement,
            secret,
            created,
            invite: is_invite.then_some(invite),
            session: (session != SessionId(0)).then_some(session),
            accepted_by,
            address: is_address.then_some(address),
            outer: match reader.flag()? {
                true => Some((AgreementKey::read(reader)?, OuterKey::read(reader)?)),
                false => None,
            },
        })
    }
}

/// A session: what changes with every message.
pub(super) struct SessionRecord {
    pub(super) ratchet: Session,
    /// Newest last; at most `PEER_QUEUES_MAX`.
    pub(super) peer_queues: Vec<PeerQueueId>,
    /// Own receive queues that the peer was offered.
    pub(super) receive_queues: Vec<ReceiveQueueId>,
    pub(super) marks: RepairMarks,
}

impl SessionRecord {
    /// The peer was offered these own queues. Gives those that are so many rotations old that they go.
    pub(super) fn offered(&mut self, receive_queues: &[ReceiveQueueId]) -> Vec<ReceiveQueueId> {
        for receive_queue in receive_queues {
            if !self.receive_queues.contains(receive_queue) {
                self.receive_queues.push(*receive_queue);
            }
        }
        let surplus = self.receive_queues.len().saturating_sub(RECEIVE_QUEUES_MAX);
        self.receive_queues.drain(..surplus).collect()
    }
}

impl Record for SessionRecord {
    const TABLE: Table = Table::Session;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        self.ratchet.write(writer);
        write_ids(writer, self.peer_queues.iter().map(|id| id.0))?;
        write_ids(writer, self.receive_queues.iter().map(|id| id.0))?;
        self.marks.write(writer);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            ratchet: Session::read(reader)?,
            peer_queues: read_ids(reader)?.into_iter().map(PeerQueueId).collect(),
            receive_queues: read_ids(reader)?.into_iter().map(ReceiveQueueId).collect(),
            marks: RepairMarks::read(reader)?,
        })
    }
}

/// Who the two sides of a session are: read only when that is asked, for reading keys costs more than a message does.
pub(super) struct ContactRecord {
    pub(super) own: Identity,
    pub(super) peer: PublicIdentity,
    pub(super) verified: bool,
}

impl Record for ContactRecord {
    const TABLE: Table = Table::Contact;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        self.own.write(writer);
        writer.put(&self.peer.bytes()).flag(self.verified);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let own = Identity::read(reader)?;
        let peer = PublicIdentity::read_trusted(reader)?;
        Ok(Self { own, peer, verified: reader.flag()? })
    }
}

/// A queue of a peer, with what is derived from it once instead of for every envelope.
pub(super) struct PeerQueueRecord {
    pub(super) session: SessionId,
    pub(super) relay: RelayId,
    pub(super) queue: QueueId,
    pub(super) sender_public: AgreementKey,
    pub(super) outer: OuterKey,
    /// Authenticates commands to the relay.
    pub(super) command_key: Secret32,
    /// Key of the HMAC that names deposits.
    pub(super) replica_secret: Secret32,
}

impl Record for PeerQueueRecord {
    const TABLE: Table = Table::PeerQueue;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u64(self.session.0).put(&self.relay.0).put(&self.queue.0);
        writer.put(self.sender_public.bytes());
        self.outer.write(writer);
        writer.put(self.command_key.expose()).put(self.replica_secret.expose());
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            session: SessionId(reader.u64()?),
            relay: RelayId(reader.array()?),
            queue: QueueId(reader.array()?),
            sender_public: AgreementKey::read(reader)?,
            outer: OuterKey::read(reader)?,
            command_key: reader.secret()?,
            replica_secret: reader.secret()?,
        })
    }
}

/// The kept answer to a seal.
pub(super) struct OutboxRecord {
    pub(super) session: SessionId,
    /// Of what was asked, so that the same id cannot ask for something else.
    pub(super) request: [u8; 32],
    pub(super) envelopes: Vec<(PeerQueueId, PutId, Vec<u8>)>,
}

impl Record for OutboxRecord {
    const TABLE: Table = Table::Outbox;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u64(self.session.0).put(&self.request);
        writer.u8(u8::try_from(self.envelopes.len()).map_err(|_| Malformed)?);
        for (queue, put, bytes) in &self.envelopes {
            writer.u64(queue.0).put(&put.0).put(bytes);
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (session, request) = (SessionId(reader.u64()?), reader.array()?);
        let envelopes = (0..reader.u8()?)
            .map(|_| {
                let (queue, put) = (PeerQueueId(reader.u64()?), PutId(reader.array()?));
                Ok((queue, put, reader.take(ENVELOPE_BYTES)?.to_vec()))
            })
            .collect::<Result<_, Malformed>>()?;
        Ok(Self { session, request, envelopes })
    }
}

/// What is answered again until the caller forgets it.
#[derive(Clone)]
pub(super) struct KeptMessage {
    pub(super) session: SessionId,
    pub(super) news: News,
    pub(super) content: SecretBytes,
    /// The message changed the peer's queues: the answer names them.
    pub(super) new_queues: bool,
}

/// An inner block that was opened.
pub(super) enum OpenedRecord {
    /// The kept answer. It goes when it is forgotten: marks.rs remembers the block.
    Kept(KeptMessage),
    /// Forgotten then, by an earlier version.
    Forgotten(Timestamp),
}

impl Record for OpenedRecord {
    const TABLE: Table = Table::Opened;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        match self {
            Self::Forgotten(at) => {
                writer.u8(0).u64(at.0);
            }
            Self::Kept(KeptMessage { session, news, content, new_queues }) => {
                writer.u8(1).u64(session.0);
                news.write(writer);
                writer.flag(*new_queues).short_bytes(content)?;
            }
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.u8()? {
            0 => Ok(Self::Forgotten(Timestamp(reader.u64()?))),
            1 => {
                let session = SessionId(reader.u64()?);
                let news = News::read(reader)?;
                let new_queues = reader.flag()?;
                let content = SecretBytes::new(reader.short_bytes()?.to_vec());
                Ok(Self::Kept(KeptMessage { session, news, content, new_queues }))
            }
            _ => Err(Malformed),
        }
    }
}

/// Which inner block used a message number first, as earlier versions kept it.
pub(super) struct UsedRecord {
    pub(super) hash: [u8; 16],
    pub(super) at: Timestamp,
}

impl Record for UsedRecord {
    const TABLE: Table = Table::Used;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.put(&self.hash).u64(self.at.0);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { hash: reader.array()?, at: Timestamp(reader.u64()?) })
    }
}

/// Comparisons by short string with one contact since they were last verified.
pub(super) struct ComparisonRecord {
    pub(super) runs: u32,
}

impl Record for ComparisonRecord {
    const TABLE: Table = Table::Comparison;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u32(self.runs);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { runs: reader.u32()? })
    }
}

/// What belongs to the vault as a whole.
#[derive(Clone, Default)]
pub(super) struct MetaRecord {
    pub(super) scripts: bool,
    /// When contacts were made, oldest first; at most `NEW_CONTACTS_MAX`.
    pub(super) contacts_made: Vec<Timestamp>,
    /// When strangers came through an own address; at most `VISITORS_MAX`.
    pub(super) visits: Vec<Timestamp>,
    /// Receive queues that were begun and perhaps never offered to anybody, oldest first; at most `UNOFFERED_MAX`.
    pub(super) unoffered: Vec<ReceiveQueueId>,
}

impl Record for MetaRecord {
    const TABLE: Table = Table::Meta;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.flag(self.scripts);
        write_ids(writer, self.contacts_made.iter().map(|at| at.0))?;
        write_ids(writer, self.visits.iter().map(|at| at.0))?;
        write_ids(writer, self.unoffered.iter().map(|id| id.0))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            scripts: reader.flag()?,
            contacts_made: read_ids(reader)?.into_iter().map(Timestamp).collect(),
            visits: read_ids(reader)?.into_iter().map(Timestamp).collect(),
            // An earlier version did not count them.
            unoffered: match reader.rest() {
                0 => Vec::new(),
                _ => read_ids(reader)?.into_iter().map(ReceiveQueueId).collect(),
            },
        })
    }
}

pub(super) fn write_ids(
    writer: &mut Writer,
    ids: impl ExactSizeIterator<Item = u64>,
) -> Result<(), Malformed> {
    writer.u16(u16::try_from(ids.len()).map_err(|_| Malformed)?);
    ids.for_each(|id| {
        writer.u64(id);
    });
    Ok(())
}

pub(super) fn read_ids(reader: &mut Reader<'_>) -> Result<Vec<u64>, Malformed> {
    (0..reader.u16()?).map(|_| reader.u64()).collect()
}
