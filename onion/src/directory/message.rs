//! Messages of the directory service: what a stream of that service carries
//! (docs/protocol/directory.md, "Service").
//!
//! Every message is `version 1 ‖ kind 1 ‖ rest`, integers big-endian, at most 64 KiB. The asker sends RECONCILE, FETCH or ANNOUNCE,
//! the relay answers each with RECONCILED, RECORDS or TAKEN, in order.

use ipc_schema::bytes::{Cursor, Short};
use ipc_schema::limits::DESCRIPTOR_MAX_BYTES;

use super::view::{Entry, RecordHash};
use crate::id::RelayId;

/// Longest message either way.
pub const MESSAGE_MAX_BYTES: usize = 64 << 10;
/// Ranges in one RECONCILE: the longest answer, all of them listed, still fits a message.
pub const RANGES_MAX: usize = 32;
/// Relays that a range's answer lists; a range of more is split.
pub const LISTED_MAX: usize = 40;
/// Parts that a range is split into.
pub const PARTS_MAX: usize = 16;
/// Relays in one FETCH: if each were a proof of equivocation, the answer would still fit.
pub const FETCH_MAX: usize = 60;

const VERSION: u8 = 1;
const RECONCILE: u8 = 1;
const FETCH: u8 = 2;
const ANNOUNCE: u8 = 3;
const RECONCILED: u8 = 129;
const RECORDS: u8 = 130;
const TAKEN: u8 = 131;

/// A message that breaks the format or its bounds. The fault lies with whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaved {
    /// Too short, too long, or a number out of its range.
    #[error("malformed directory message")]
    Malformed,
    /// A version that this program does not know.
    #[error("directory message of another version")]
    Version,
    /// A well-formed message that does not answer what was asked.
    #[error("directory answer to another question")]
    NotAsked,
    /// A descriptor that no honest relay would have kept: not signed, of another network, with an address that is refused.
    #[error("forged descriptor")]
    Forged,
    /// More rounds or descriptors than any honest view takes.
    #[error("endless directory exchange")]
    Endless,
}

impl From<Short> for Misbehaved {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

/// Fingerprint of a range: SHA-256 over its (id ‖ hash) in order, cut.
pub type Fingerprint = [u8; 16];

/// All relays from `first` to `last`, both included, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Lowest id.
    pub first: RelayId,
    /// Highest id, not below `first`.
    pub last: RelayId,
    /// How many relays the sender knows in it.
    pub count: u16,
    /// Over these.
    pub fingerprint: Fingerprint,
}

/// What the answering side says of one range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Both know the same.
    Same,
    /// All that it knows there, by id.
    Listed(Vec<(RelayId, RecordHash)>),
    /// Parts that make up the range, in order.
    Split(Vec<Range>),
}

/// All that is known of one relay, as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Its packed descriptor.
    Descriptor(Vec<u8>),
    /// Two packed descriptors of one sequence.
    Equivocation(Vec<u8>, Vec<u8>),
}

impl Record {
    /// What a view holds of a relay.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        match entry.proof() {
            None => Self::Descriptor(entry.packed().to_vec()),
            Some(other) => Self::Equivocation(entry.packed().to_vec(), other.to_vec()),
        }
    }
}

/// What an asker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Do we know the same? 1 to [`RANGES_MAX`] ranges, rising, apart.
    Reconcile(Vec<Range>),
    /// Send what you know of these, at most [`FETCH_MAX`].
    Fetch(Vec<RelayId>),
    /// Know these, at most [`FETCH_MAX`].
    Announce(Vec<Record>),
}

/// What the relay answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To RECONCILE: one a range, in order.
    Reconciled(Vec<Compared>),
    /// To FETCH: those that it (still) knows.
    Records(Vec<Record>),
    /// To ANNOUNCE: how many were news.
    Taken(u16),
}

fn count(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

fn header(kind: u8) -> Vec<u8> {
    vec![VERSION, kind]
}

impl Question {
    /// Its bytes.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        match self {
            Self::Reconcile(ranges) => {
                let mut out = header(RECONCILE);
                pack_ranges(&mut out, ranges);
                out
            }
            Self::Fetch(relays) => {
                let mut out = header(FETCH);
                out.extend_from_slice(&count(relays.len()));
                for relay in relays {
                    out.extend_from_slice(&relay.0);
                }
                out
            }
            Self::Announce(records) => {
                let mut out = header(ANNOUNCE);
                pack_records(&mut out, records);
                out
            }
        }
    }

    /// Parses what an asker sent.
    ///
    /// # Errors
    /// [`Misbehaved`].
    pub fn parse(untrusted: &[u8]) -> Result<Self, Misbehaved> {
        let (kind, mut cursor) = open(untrusted)?;
        let question = match kind {
            RECONCILE => {
                let ranges = read_ranges(&mut cursor, RANGES_MAX)?;
                if ranges.is_empty() {
                    return Err(Misbehaved::Malformed);
                }
                Self::Reconcile(ranges)
            }
            FETCH => {
                let relays = bounded(cursor.u16()?, FETCH_MAX)?;
                Self::Fetch((0..relays).map(|_| Ok(RelayId(cursor.array()?))).collect::<Result<_, Short>>()?)
            }
            ANNOUNCE => Self::Announce(read_records(&mut cursor)?),
            _ => return Err(Misbehaved::Malformed),
        };
        cursor.end()?;
        Ok(question)
    }
}

impl Answer {
    /// Its bytes.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        match self {
            Self::Reconciled(all) => {
                let mut out = header(RECONCILED);
                out.extend_from_slice(&count(all.len()));
                for compared in all {
                    pack_compared(&mut out, compared);
                }
                out
            }
            Self::Records(records) => {
                let mut out = header(RECORDS);
                pack_records(&mut out, records);
                out
            }
            Self::Taken(news) => {
                let mut out = header(TAKEN);
                out.extend_from_slice(&news.to_be_bytes());
                out
            }
        }
    }

    /// Parses what a relay answered.
    ///
    /// # Errors
    /// [`Misbehaved`].
    pub fn parse(untrusted: &[u8]) -> Result<Self, Misbehaved> {
        let (kind, mut cursor) = open(untrusted)?;
        let answer = match kind {
            RECONCILED => {
                let all = bounded(cursor.u16()?, RANGES_MAX)?;
                Self::Reconciled((0..all).map(|_| read_compared(&mut cursor)).collect::<Result<_, _>>()?)
            }
            RECORDS => Self::Records(read_records(&mut cursor)?),
            TAKEN => Self::Taken(cursor.u16()?),
            _ => return Err(Misbehaved::Malformed),
        };
        cursor.end()?;
        Ok(answer)
    }
}

fn open(untrusted: &[u8]) -> Result<(u8, Cursor<'_>), Misbehaved> {
    if untrusted.len() > MESSAGE_MAX_BYTES {
        return Err(Misbehaved::Malformed);
    }
    let mut cursor = Cursor::new(untrusted);
    if cursor.u8()? != VERSION {
        return Err(Misbehaved::Version);
    }
    Ok((cursor.u8()?, cursor))
}

fn bounded(said: u16, most: usize) -> Result<usize, Misbehaved> {
    let said = usize::from(said);
    if said > most { Err(Misbehaved::Malformed) } else { Ok(said) }
}

fn pack_ranges(out: &mut Vec<u8>, ranges: &[Range]) {
    out.extend_from_slice(&count(ranges.len()));
    for range in ranges {
        out.extend_from_slice(&range.first.0);
        out.extend_from_slice(&range.last.0);
        out.extend_from_slice(&range.count.to_be_bytes());
        out.extend_from_slice(&range.fingerprint);
    }
}

fn read_ranges(cursor: &mut Cursor<'_>, most: usize) -> Result<Vec<Range>, Misbehaved> {
    let said = bounded(cursor.u16()?, most)?;
    let mut ranges: Vec<Range> = Vec::with_capacity(said);
    for _ in 0..said {
        let range = Range {
            first: RelayId(cursor.array()?),
            last: RelayId(cursor.array()?),
            count: cursor.u16()?,
            fingerprint: cursor.array()?,
        };
        let after_previous = ranges.last().is_none_or(|previous| previous.last < range.first);
        if range.first > range.last || !after_previous {
            return Err(Misbehaved::Malformed);
        }
        ranges.push(range);
    }
    Ok(ranges)
}

fn pack_compared(out: &mut Vec<u8>, compared: &Compared) {
    match compared {
        Compared::Same => out.push(0),
        Compared::Listed(relays) => {
            out.push(1);
            out.extend_from_slice(&count(relays.len()));
            for (relay, hash) in relays {
                out.extend_from_slice(&relay.0);
                out.extend_from_slice(hash);
            }
        }
        Compared::Split(ranges) => {
            out.push(2);
            pack_ranges(out, ranges);
        }
    }
}

fn read_compared(cursor: &mut Cursor<'_>) -> Result<Compared, Misbehaved> {
    match cursor.u8()? {
        0 => Ok(Compared::Same),
        1 => {
            let said = bounded(cursor.u16()?, LISTED_MAX)?;
            let mut relays: Vec<(RelayId, RecordHash)> = Vec::with_capacity(said);
            for _ in 0..said {
                let relay = RelayId(cursor.array()?);
                if relays.last().is_some_and(|(previous, _)| *previous >= relay) {
                    return Err(Misbehaved::Malformed);
                }
                relays.push((relay, cursor.array()?));
            }
            Ok(Compared::Listed(relays))
        }
        2 => Ok(Compared::Split(read_ranges(cursor, PARTS_MAX)?)),
        _ => Err(Misbehaved::Malformed),
    }
}

fn pack_records(out: &mut Vec<u8>, records: &[Record]) {
    out.extend_from_slice(&count(records.len()));
    for record in records {
        match record {
            Record::Descriptor(packed) => {
                out.push(1);
                pack_bytes(out, packed);
            }
            Record::Equivocation(left, right) => {
                out.push(2);
                pack_bytes(out, left);
                pack_bytes(out, right);
            }
        }
    }
}

fn pack_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&count(bytes.len()));
    out.extend_from_slice(bytes);
}

fn read_records(cursor: &mut Cursor<'_>) -> Result<Vec<Record>, Misbehaved> {
    let said = bounded(cursor.u16()?, FETCH_MAX)?;
    (0..said)
        .map(|_| match cursor.u8()? {
            1 => Ok(Record::Descriptor(read_bytes(cursor)?)),
            2 => Ok(Record::Equivocation(read_bytes(cursor)?, read_bytes(cursor)?)),
            _ => Err(Misbehaved::Malformed),
        })
        .collect()
}

fn read_bytes(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Misbehaved> {
    let length = bounded(cursor.u16()?, DESCRIPTOR_MAX_BYTES)?;
    Ok(cursor.take(length)?.to_vec())
}
