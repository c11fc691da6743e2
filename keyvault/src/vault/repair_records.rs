//! What the vault keeps so that a session can be opened anew, and what keeps agreements from being played again.

use ipc_schema::Timestamp;

use super::limits::HELD_AT_RELAY;
use super::record::Record;
use super::records::{read_ids, write_ids};
use crate::codec::{Malformed, Reader, Writer};
use crate::ids::InnerHash;
use crate::memory::Secret32;
use crate::pqxdh::{FirstPrefix, KeyUse, LastingKeys};
use crate::ratchet::Session;
use crate::store::Table;

/// Where the repair bundles of both sides stand: what sealing and opening must know without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RepairMarks {
    /// The own bundle that the peer is to have.
    pub(super) ours: u32,
    /// The peer has told that it has it.
    pub(super) acknowledged: bool,
    /// The peer's bundle that is kept; 0: none in this session.
    pub(super) theirs: u32,
    /// When a new own one is due.
    pub(super) renew_at: Timestamp,
    /// This side opened the session anew and has not heard from the peer since.
    pub(super) unconfirmed: bool,
}

impl RepairMarks {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u32(self.ours).flag(self.acknowledged).u32(self.theirs);
        writer.u64(self.renew_at.0).flag(self.unconfirmed);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            ours: reader.u32()?,
            acknowledged: reader.flag()?,
            theirs: reader.u32()?,
            renew_at: Timestamp(reader.u64()?),
            unconfirmed: reader.flag()?,
        })
    }
}

/// Own keys that a peer was given for opening the session anew.
pub(super) struct OwnKeys {
    pub(super) keys: LastingKeys,
    /// Set once the peer has acknowledged newer ones.
    pub(super) drop_at: Option<Timestamp>,
    /// What was agreed with them, at most `REPAIRS_A_KEY`: it must not be agreed again.
    pub(super) agreed: Vec<Agreement>,
}

/// A first message that opened a session anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreement {
    /// Of the agreement's name by (EKa, ct).
    id: [u8; 16],
    /// Of the inner block's hash.
    inner: [u8; 16],
}

impl Agreement {
    pub(super) fn of(prefix: &FirstPrefix, inner: InnerHash) -> Self {
        let id = prefix.replay_id();
        Self { id: id.first_chunk().copied().unwrap_or_default(), inner: inner.cut() }
    }

    pub(super) fn is_same_agreement(&self, other: &Self) -> bool {
        self.id == other.id
    }

    fn write(&self, writer: &mut Writer) {
        writer.put(&self.id).put(&self.inner);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { id: reader.array()?, inner: reader.array()? })
    }
}

impl OwnKeys {
    /// Until then a first message may come for them: it may lie at a relay for long.
    pub(super) fn end(&self) -> Timestamp {
        let expired = self.keys.until().after(HELD_AT_RELAY);
        self.drop_at.map_or(expired, |at| at.min(expired))
    }
}

/// The last time that a session was opened anew.
#[derive(Clone, Copy)]
pub(super) struct Handshake {
    pub(super) transcript: [u8; 32],
    pub(super) at: Timestamp,
    pub(super) ours: bool,
    /// It told the peer that the peer's own attempt could not be opened.
    pub(super) told_unopened: bool,
}

/// What a session is opened anew with. Written seldom.
pub(super) struct RepairRecord {
    /// The psk, from the first agreement of these two: proves to each that the other is whom it met then.
    pub(super) secret: Secret32,
    /// Oldest first; the last ones are those that the peer is to have.
    pub(super) own: Vec<OwnKeys>,
    /// The bundle of the last ones.
    pub(super) given: Vec<u8>,
    /// The peer's newest bundle; verified when it came.
    pub(super) theirs: Option<Vec<u8>>,
    pub(super) handshake: Option<Handshake>,
    /// Attempts of the peer that could not be opened, since it was told of that or this side began last; and which the last was.
    pub(super) unopened: u8,
    pub(super) last_unopened: [u8; 16],
    /// When the peer opened the session anew, oldest first; at most `REPAIRS_TAKEN`.
    pub(super) taken: Vec<Timestamp>,
}

impl Record for RepairRecord {
    const TABLE: Table = Table::Repair;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.put(self.secret.expose()).u16(u16::try_from(self.own.len()).map_err(|_| Malformed)?);
        for own in &self.own {
            own.keys.write(writer);
            writer.flag(own.drop_at.is_some()).u64(own.drop_at.map_or(0, |at| at.0));
        }
        writer.short_bytes(&self.given)?;
        writer.short_bytes(self.theirs.as_deref().unwrap_or_default())?;
        writer.flag(self.handshake.is_some());
        if let Some(handshake) = &self.handshake {
            writer.put(&handshake.transcript).u64(handshake.at.0);
            writer.flag(handshake.ours).flag(handshake.told_unopened);
        }
        writer.u8(self.unopened).put(&self.last_unopened);
        for own in &self.own {
            writer.u8(u8::try_from(own.agreed.len()).map_err(|_| Malformed)?);
            own.agreed.iter().for_each(|agreed| agreed.write(writer));
        }
        write_ids(writer, self.taken.iter().map(|at| at.0))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let secret = reader.secret()?;
        let own = (0..reader.u16()?)
            .map(|_| {
                let keys = LastingKeys::read(KeyUse::Repair, reader)?;
                let (is_set, at) = (reader.flag()?, Timestamp(reader.u64()?));
                Ok(OwnKeys { keys, drop_at: is_set.then_some(at), agreed: Vec::new() })
            })
            .collect::<Result<_, Malformed>>()?;
        let given = reader.short_bytes()?.to_vec();
        let theirs = reader.short_bytes()?.to_vec();
        let handshake = match reader.flag()? {
            true => Some(Handshake {
                transcript: reader.array()?,
                at: Timestamp(reader.u64()?),
                ours: reader.flag()?,
                told_unopened: reader.flag()?,
            }),
            false => None,
        };
        let mut record = Self {
            secret,
            own,
            given,
            theirs: Some(theirs).filter(|bytes| !bytes.is_empty()),
            handshake,
            unopened: reader.u8()?,
            last_unopened: reader.array()?,
            taken: Vec::new(),
        };
        // Of an earlier version, which kept each agreement as a record of its own.
        if reader.rest() > 0 {
            for own in &mut record.own {
                let count = reader.u8()?;
                own.agreed = (0..count).map(|_| Agreement::read(reader)).collect::<Result<_, _>>()?;
            }
            record.taken = read_ids(reader)?.into_iter().map(Timestamp).collect();
        }
        Ok(record)
    }
}

/// The ratchet of a session before it was opened anew.
pub(super) struct FormerRecord {
    pub(super) ratchet: Session,
    pub(super) since: Timestamp,
}

impl Record for FormerRecord {
    const TABLE: Table = Table::Former;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u64(self.since.0);
        self.ratchet.write(writer);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let since = Timestamp(reader.u64()?);
        Ok(Self { ratchet: Session::read(reader)?, since })
    }
}

/// An agreement that was made with an address's keys, by (EKa, ct): as long as they live it must not be made again. Earlier versions
/// kept those of repairs so as well.
pub(super) struct ReplayRecord {
    pub(super) inner: [u8; 16],
    pub(super) until: Timestamp,
}

impl ReplayRecord {
    pub(super) fn new(inner: InnerHash, until: Timestamp) -> Self {
        Self { inner: inner.cut(), until }
    }
}

impl Record for ReplayRecord {
    const TABLE: Table = Table::Replay;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.put(&self.inner).u64(self.until.0);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { inner: reader.array()?, until: Timestamp(reader.u64()?) })
    }
}
