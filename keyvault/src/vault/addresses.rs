//! Contact addresses: an identity that is published, for those who want one
//! (docs/protocol/identity.md, "Contact address record: 2,287 B, public"). Its keys serve anybody for a week; what was sent
//! to them in time opens for three more.

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::accept::{AcceptedInvite, FirstMessage};
use super::limits::{ADDRESS_RENEWED, ADDRESS_VALID, HELD_AT_RELAY, VISITORS_KEPT_MAX};
use super::moment::Moment;
use super::opened::{FirstEnvelope, NewSession, NoMessage, Opened, Place, meet};
use super::record::{PutRecord, Record};
use super::records::{ContactRecord, News, OutboxRecord, ReceiveQueueRecord, SessionRecord};
use super::repair_records::ReplayRecord;
use super::unlocked::Vault;
use crate::address::AddressRecord;
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::codec::{Malformed, Reader, Writer};
use crate::error::{InviteError, Thing, VaultError};
use crate::frame::{FIRST_CONTENT_MAX, Offer};
use crate::identity::{Identity, PersonId};
use crate::ids::{AcceptId, AddressId, OutboxId, ReceiveQueueId, SessionId};
use crate::kdf;
use crate::memory::Secret32;
use crate::pqxdh::{FirstPrefix, KeyUse, LastingKeys, PqxdhError, Validity};
use crate::store::{Changes, Store, Table};

/// What is to be published for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedAddress {
    /// By which it is looked up, and which whoever has the address knows.
    pub id: PersonId,
    /// `ADDRESS_RECORD_BYTES`, public.
    pub record: Vec<u8>,
    /// When another record is to take its place.
    pub renew_at: Timestamp,
}

/// A request to contact somebody through their address.
#[derive(Clone, Copy)]
pub struct ContactAddress<'a> {
    /// Names the attempt.
    pub contact: AcceptId,
    /// The address, which is the id of whoever published the record.
    pub id: PersonId,
    /// What was found under it.
    pub untrusted_record: &'a [u8],
    /// Own receive queues to offer; at most two.
    pub receive_queues: &'a [ReceiveQueueId],
    /// Names the first message.
    pub outbox: OutboxId,
    /// stored's content, at most `FIRST_CONTENT_MAX` bytes.
    pub content: &'a [u8],
}

/// Keys of one address: five are alive where the clock goes on as it should.
const KEYS_MAX: usize = 16;

/// An own address.
struct OwnAddress {
    identity: Identity,
    receive_queue: ReceiveQueueId,
    /// Oldest first; the last ones are published.
    keys: Vec<LastingKeys>,
    renew_at: Timestamp,
    /// What was published last.
    record: Vec<u8>,
}

impl OwnAddress {
    fn named_by(&self, prefix: &FirstPrefix, now: Timestamp) -> Option<&LastingKeys> {
        self.keys.iter().find(|keys| keys.are_named_by(prefix) && now <= end(keys))
    }

    fn renew(&mut self, queue: &Offer, now: Timestamp, rng: &mut impl CryptoRng) {
        self.keys.retain(|keys| now <= end(keys));
        // A clock that is set back and forth renews them each time.
        self.keys.drain(..self.keys.len().saturating_sub(KEYS_MAX - 1));
        let validity = Validity::until(now, now.after(ADDRESS_VALID));
        let keys = LastingKeys::generate(KeyUse::Address, validity, rng);
        self.record = AddressRecord::sign(&self.identity, &keys.bundle(&self.identity), queue, now);
        self.renew_at = now.after(ADDRESS_RENEWED);
        self.keys.push(keys);
    }
}

/// Until then a first message may come: sent at the last moment, and kept at a relay as long as one keeps anything. That is three
/// weeks after the keys were replaced, or could no longer be used.
fn end(keys: &LastingKeys) -> Timestamp {
    keys.until().after(HELD_AT_RELAY)
}

impl Record for OwnAddress {
    const TABLE: Table = Table::Address;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        self.identity.write(writer);
        writer.u64(self.receive_queue.0).u64(self.renew_at.0).short_bytes(&self.record)?;
        writer.u8(u8::try_from(self.keys.len()).map_err(|_| Malformed)?);
        self.keys.iter().for_each(|keys| keys.write(writer));
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let identity = Identity::read(reader)?;
        let receive_queue = ReceiveQueueId(reader.u64()?);
        let renew_at = Timestamp(reader.u64()?);
        let record = reader.short_bytes()?.to_vec();
        let count = reader.u8()?;
        let keys = (0..count)
            .map(|_| LastingKeys::read(KeyUse::Address, reader))
            .collect::<Result<_, Malformed>>()?;
        Ok(Self { identity, receive_queue, keys, renew_at, record })
    }
}

/// Whose envelopes come to an address under one sender's key.
struct Visitor(SessionId);

impl Record for Visitor {
    const TABLE: Table = Table::Visitor;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u64(self.0.0);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(SessionId(reader.u64()?)))
    }
}

/// An address of somebody else that was contacted.
struct Contacted {
    request: [u8; 32],
    session: SessionId,
    outbox: OutboxId,
}

impl Record for Contacted {
    const TABLE: Table = Table::Contacted;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.put(&self.request).u64(self.session.0).u64(self.outbox.0);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let request = reader.array()?;
        Ok(Self { request, session: SessionId(reader.u64()?), outbox: OutboxId(reader.u64()?) })
    }
}

impl<S: Store> Vault<S> {
    /// Makes an address whose first messages come to `receive_queue`, an own finished queue that serves nobody yet. Counts as one new
    /// identity. Idempotent by `address`.
    ///
    /// # Errors
    /// `RateLimited`; `NoSuch(ReceiveQueue)`; `WrongPurpose(ReceiveQueue)` for a queue that is not finished or serves somebody;
    /// `Conflict(Address)` for the same id with another queue; `Store`.
    pub fn create_address(
        &mut self,
        address: AddressId,
        receive_queue: ReceiveQueueId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<PersonId, VaultError> {
        if let Some(own) = self.load::<OwnAddress>(&address.key())? {
            let same = own.receive_queue == receive_queue;
            return same.then(|| own.identity.public().id()).ok_or(VaultError::Conflict(Thing::Address));
        }
        let mut queue: ReceiveQueueRecord = self.require(&receive_queue.key(), Thing::ReceiveQueue)?;
        let offer = queue.offer().ok_or(VaultError::WrongPurpose(Thing::ReceiveQueue))?;
        if !queue.serves_nobody() {
            return Err(VaultError::WrongPurpose(Thing::ReceiveQueue));
        }
        let mut changes = Changes::default();
        let meta = self.count_contact(now, &mut changes)?;
        let identity = Identity::generate(now, rng);
        let id = identity.public().id();
        let mut own =
            OwnAddress { identity, receive_queue, keys: Vec::new(), renew_at: now, record: Vec::new() };
        own.renew(&offer, now, rng);
        queue.address = Some(address);
        changes.put_record(&receive_queue.key(), &queue)?;
        changes.put_record(&address.key(), &own)?;
        self.store.commit(&changes)?;
        self.meta = meta;
        Ok(id)
    }

    /// What is to be published now: new keys once a week, the same bytes in between.
    ///
    /// # Errors
    /// `NoSuch(Address)`, `Store`.
    pub fn address_bundle(
        &mut self,
        address: AddressId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<PublishedAddress, VaultError> {
        let mut own: OwnAddress = self.require(&address.key(), Thing::Address)?;
        if own.renew_at.is_due(now, ADDRESS_RENEWED) {
            let queue: ReceiveQueueRecord = self.require(&own.receive_queue.key(), Thing::Address)?;
            let offer = queue.offer().ok_or(VaultError::Bug("an address's queue is not finished"))?;
            own.renew(&offer, now, rng);
            let mut changes = Changes::default();
            changes.put_record(&address.key(), &own)?;
            self.store.commit(&changes)?;
        }
        let id = own.identity.public().id();
        Ok(PublishedAddress { id, record: own.record, renew_at: own.renew_at })
    }

    /// Drops the keys of an address. Whoever came through it stays, and its queue until it is deleted. Idempotent.
    ///
    /// # Errors
    /// `Store`.
    pub fn remove_address(&mut self, address: AddressId) -> Result<(), VaultError> {
        if self.load::<OwnAddress>(&address.key())?.is_none() {
            return Ok(());
        }
        let mut changes = Changes::default();
        changes.delete(OwnAddress::TABLE, &address.key());
        Ok(self.store.commit(&changes)?)
    }

    /// Agrees on a session with whoever published the record, and seals the first message. Counts as one new contact. Idempotent by
    /// `contact`: the same session, and the same bytes until they are forgotten.
    ///
    /// # Errors
    /// `Invite` if the record is no good or the own address's; `RateLimited`; `TooManyKept`; `TooLong`; `NoSuch(ReceiveQueue)`;
    /// `WrongPurpose(ReceiveQueue)`; `Conflict(Accept)`, `Conflict(Outbox)`; `Store`.
    pub fn contact_address(
        &mut self,
        request: ContactAddress<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<AcceptedInvite, VaultError> {
        if let Some(before) = self.load::<Contacted>(&request.contact.key())? {
            if before.request != request.hash() {
                return Err(VaultError::Conflict(Thing::Accept));
            }
            return self.accepted_before(before.session, before.outbox, request.outbox);
        }
        if request.content.len() > FIRST_CONTENT_MAX {
            return Err(VaultError::TooLong);
        }
        self.has_room_for_answer()?;
        if self.load::<OutboxRecord>(&request.outbox.key())?.is_some() {
            return Err(VaultError::Conflict(Thing::Outbox));
        }
        let found = AddressRecord::parse(&request.id, request.untrusted_record).map_err(InviteError::from)?;
        for (_, bytes) in self.store.all(OwnAddress::TABLE)? {
            if OwnAddress::decode(&bytes)?.identity.public().id() == request.id {
                return Err(InviteError::Own.into());
            }
        }
        let first = FirstMessage {
            bundle: &found.bundle,
            // Whoever can read the address can read all of it: there is nothing secret to prove.
            psk: Secret32::zero(),
            queue: &found.queue,
            sender: &AgreementSecret::generate(rng),
            receive_queues: request.receive_queues,
            outbox: request.outbox,
            content: request.content,
        };
        let mut changes = Changes::default();
        let begun = self.begin_session(first, &mut Moment { now, rng }, &mut changes)?;
        let session = begun.accepted.session;
        let contacted = Contacted { request: request.hash(), session, outbox: request.outbox };
        changes.put_record(&request.contact.key(), &contacted)?;
        self.keep_begun(begun, &changes)
    }

    /// A first message to an own address: of somebody new, or of who came before and opens the session anew.
    pub(super) fn open_at_address(
        &mut self,
        address: AddressId,
        place: Place,
        first: FirstEnvelope<'_>,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<Opened, NoMessage> {
        let own = self.load::<OwnAddress>(&address.key())?;
        let named =
            own.as_ref().and_then(|own| Some((&own.identity, own.named_by(first.prefix, moment.now)?)));
        let Some((identity, named)) = named else {
            let session = self.visitor(place.id, &place.sender)?.ok_or(Opened::Unreadable)?;
            return self.open_anew(session, first, moment);
        };
        self.refuse_replay(first.prefix, first.hash)?;
        let mut changes = Changes::default();
        changes.put_record(&first.prefix.replay_id(), &ReplayRecord::new(first.hash, end(named)))?;
        let agreed =
            named.respond(identity, first.prefix, &Secret32::zero()).map_err(|_| Opened::Unreadable)?;
        let met = meet(identity, agreed, named.signed_prekey(), first, moment).ok_or(Opened::Unreadable)?;
        // Only what a stranger really sealed: noise must not use up the visits of others.
        let meta = match self.count_visitor(moment.now, &mut changes) {
            Err(VaultError::RateLimited { .. }) => return Err(Opened::TurnedAway(address).into()),
            counted => counted?,
        };
        if self.store.all(Visitor::TABLE)?.len() >= VISITORS_KEPT_MAX {
            return Err(Opened::TurnedAway(address).into());
        }
        let session = SessionId(self.fresh_id::<SessionRecord>(moment.rng)?);
        changes.put_record(&visitor_id(place.id, &place.sender), &Visitor(session))?;
        let news = News { visitor_of: Some(address), ..News::default() };
        let new = NewSession { session, met, news, receive_queue: place.id };
        let opened = self.keep_met(new, first.hash, changes, moment)?;
        self.meta = meta;
        Ok(opened)
    }

    /// Who came to an address under this sender's key.
    pub(super) fn visitor(
        &self,
        receive_queue: ReceiveQueueId,
        sender: &AgreementKey,
    ) -> Result<Option<SessionId>, VaultError> {
        let visitor = self.load::<Visitor>(&visitor_id(receive_queue, sender))?.map(|visitor| visitor.0);
        let Some(session) = visitor else { return Ok(None) };
        Ok(self.load::<ContactRecord>(&session.key())?.map(|_| session))
    }

    pub(super) fn forget_visitor(&self, session: SessionId, changes: &mut Changes) -> Result<(), VaultError> {
        for (id, bytes) in self.store.all(Visitor::TABLE)? {
            if Visitor::decode(&bytes)?.0 == session {
                changes.delete(Visitor::TABLE, &id);
            }
        }
        Ok(())
    }
}

fn visitor_id(receive_queue: ReceiveQueueId, sender: &AgreementKey) -> Vec<u8> {
    [receive_queue.key().as_slice(), sender.bytes()].concat()
}

impl ContactAddress<'_> {
    fn hash(&self) -> [u8; 32] {
        kdf::sha256(&[b"privatus/contacted/v1", &self.id, self.untrusted_record])
    }
}

impl std::fmt::Debug for ContactAddress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContactAddress({:?}, {:?}, {} B)", self.contact, self.outbox, self.content.len())
    }
}

impl From<PqxdhError> for InviteError {
    fn from(error: PqxdhError) -> Self {
        match error {
            PqxdhError::Expired => Self::Expired,
            PqxdhError::NoCommonVersion => Self::NewerVersion,
            _ => Self::Altered,
        }
    }
}
