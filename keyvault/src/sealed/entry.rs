//! Records as they lie in the file. Each record is sealed under a random key of its own, new at every write; that key is
//! wrapped under a group's key, and that under the epoch's. All entries begin with a mark and say their name and length, so that they
//! are found in a file whose database is damaged.

use rand_core::CryptoRng;

use crate::codec::{Malformed, Reader, Writer};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::{Secret32, SecretBytes};
use crate::store::Row;

/// table's pseudonym 16 ‖ record's pseudonym 32.
pub(super) type Name = [u8; NAME_BYTES];
pub(super) const NAME_BYTES: usize = 48;
pub(super) const MARK_BYTES: usize = 8;
pub(super) const KEY_MARK: &[u8; MARK_BYTES] = b"\xF0key 2\r\n";
/// Of an earlier version, which wrapped every record's key under the epoch's.
pub(super) const UNGROUPED_KEY_MARK: &[u8; MARK_BYTES] = b"\xF0key 1\r\n";
pub(super) const GROUP_MARK: &[u8; MARK_BYTES] = b"\xF0grp 1\r\n";
pub(super) const RECORD_MARK: &[u8; MARK_BYTES] = b"\xF0rec 1\r\n";
/// mark 8 ‖ name 48 ‖ written 8 ‖ group (or epoch) 8 ‖ nonce 24 ‖ tag 16 ‖ wrapped key 32.
pub(super) const KEY_ENTRY_BYTES: usize = 144;
/// mark 8 ‖ group 8 ‖ epoch 8 ‖ nonce 24 ‖ tag 16 ‖ wrapped key 32.
pub(super) const GROUP_ENTRY_BYTES: usize = 96;
/// mark 8 ‖ name 48 ‖ written 8 ‖ length 4 ‖ tag 16, before `length` sealed bytes.
pub(super) const RECORD_FRONT_BYTES: usize = MARK_BYTES + NAME_BYTES + 8 + 4 + TAG_BYTES;
/// Longer records are not written.
pub(super) const RECORD_MAX_BYTES: usize = 1 << 20;

/// One write of one record.
#[derive(Clone, Copy)]
pub(super) struct Version<'a> {
    pub(super) name: &'a Name,
    /// The commit that wrote it.
    pub(super) written: u64,
}

/// What wraps a record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Under {
    /// The key of the group with this number.
    Group(u64),
    /// The key of the epoch with this number: of an earlier version.
    Epoch(u64),
}

/// A group's key, with its number.
#[derive(Clone, Copy)]
pub(super) struct GroupKey<'a> {
    pub(super) group: u64,
    pub(super) key: &'a Secret32,
}

/// An epoch's key, with its number.
#[derive(Clone, Copy)]
pub(super) struct EpochKey<'a> {
    pub(super) epoch: u64,
    pub(super) key: &'a [u8; 32],
}

/// A key under another.
struct Wrapped {
    nonce: [u8; NONCE_BYTES],
    tag: [u8; TAG_BYTES],
    key: [u8; 32],
}

impl Wrapped {
    /// Draws 24 bytes. `associated` is all that stands before it.
    fn seal(key: &Secret32, under: &Secret32, associated: &[u8], rng: &mut impl CryptoRng) -> Self {
        let mut wrapped = Self { nonce: [0; NONCE_BYTES], tag: [0; TAG_BYTES], key: *key.expose() };
        rng.fill_bytes(&mut wrapped.nonce);
        wrapped.tag = kdf::seal_random(under, &wrapped.nonce, associated, &mut wrapped.key);
        wrapped
    }

    fn open(&self, under: &Secret32, associated: &[u8]) -> Result<Secret32, Malformed> {
        let mut key = Secret32::zero();
        *key.expose_mut() = self.key;
        kdf::open_random(under, &self.nonce, associated, key.expose_mut(), &self.tag)
            .map_err(|_| Malformed)?;
        Ok(key)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { nonce: reader.array()?, tag: reader.array()?, key: reader.array()? })
    }

    fn after(&self, front: &[u8]) -> Vec<u8> {
        [front, &self.nonce, &self.tag, &self.key].concat()
    }
}

/// A record's key, wrapped.
pub(super) struct KeyEntry {
    pub(super) name: Name,
    /// The commit that wrote the record.
    pub(super) written: u64,
    pub(super) under: Under,
    wrapped: Wrapped,
}

impl KeyEntry {
    /// Draws 24 bytes.
    pub(super) fn wrap(
        version: Version<'_>,
        record_key: &Secret32,
        under: GroupKey<'_>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let front = key_front(version, Under::Group(under.group));
        let wrapped = Wrapped::seal(record_key, &wrapping_key(under.key.expose()), &front, rng);
        Self { name: *version.name, written: version.written, under: Under::Group(under.group), wrapped }
    }

    /// As earlier versions did. Draws 24 bytes.
    #[cfg(test)]
    pub(super) fn wrap_ungrouped(
        version: Version<'_>,
        record_key: &Secret32,
        under: EpochKey<'_>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let front = key_front(version, Under::Epoch(under.epoch));
        let wrapped = Wrapped::seal(record_key, &wrapping_key(under.key), &front, rng);
        Self { name: *version.name, written: version.written, under: Under::Epoch(under.epoch), wrapped }
    }

    /// The record's key, by the key that [`Self::under`] names.
    pub(super) fn unwrap(&self, key: &[u8; 32]) -> Result<Secret32, Malformed> {
        self.wrapped.open(&wrapping_key(key), &self.front())
    }

    fn front(&self) -> Vec<u8> {
        key_front(Version { name: &self.name, written: self.written }, self.under)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.wrapped.after(&self.front())
    }

    pub(super) fn decode(untrusted_entry: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(untrusted_entry);
        let mark = reader.take(MARK_BYTES)?;
        let (name, written, number) = (reader.array()?, reader.u64()?, reader.u64()?);
        let under = match mark {
            mark if mark == KEY_MARK => Under::Group(number),
            mark if mark == UNGROUPED_KEY_MARK => Under::Epoch(number),
            _ => return Err(Malformed),
        };
        let entry = Self { name, written, under, wrapped: Wrapped::read(&mut reader)? };
        reader.end()?;
        Ok(entry)
    }
}

fn key_front(version: Version<'_>, under: Under) -> Vec<u8> {
    let (mark, number) = match under {
        Under::Group(group) => (KEY_MARK, group),
        Under::Epoch(epoch) => (UNGROUPED_KEY_MARK, epoch),
    };
    [mark.as_slice(), version.name, &version.written.to_be_bytes(), &number.to_be_bytes()].concat()
}

fn wrapping_key(key: &[u8; 32]) -> Secret32 {
    Secret32::take(&mut kdf::mac_under(key, &[b"privatus/vault/wrap/v1"]))
}

/// A group's key, wrapped.
pub(super) struct GroupEntry {
    pub(super) group: u64,
    /// Whose key wraps it.
    pub(super) epoch: u64,
    wrapped: Wrapped,
}

impl GroupEntry {
    /// Draws 24 bytes.
    pub(super) fn wrap(group: GroupKey<'_>, under: EpochKey<'_>, rng: &mut impl CryptoRng) -> Self {
        let front = group_front(group.group, under.epoch);
        let wrapped = Wrapped::seal(group.key, &group_wrapping_key(under.key), &front, rng);
        Self { group: group.group, epoch: under.epoch, wrapped }
    }

    pub(super) fn unwrap(&self, epoch_key: &[u8; 32]) -> Result<Secret32, Malformed> {
        self.wrapped.open(&group_wrapping_key(epoch_key), &group_front(self.group, self.epoch))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.wrapped.after(&group_front(self.group, self.epoch))
    }

    pub(super) fn decode(untrusted_entry: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(untrusted_entry);
        if reader.take(MARK_BYTES)? != GROUP_MARK {
            return Err(Malformed);
        }
        let (group, epoch) = (reader.u64()?, reader.u64()?);
        let entry = Self { group, epoch, wrapped: Wrapped::read(&mut reader)? };
        reader.end()?;
        Ok(entry)
    }
}

fn group_front(group: u64, epoch: u64) -> Vec<u8> {
    [GROUP_MARK.as_slice(), &group.to_be_bytes(), &epoch.to_be_bytes()].concat()
}

fn group_wrapping_key(key: &[u8; 32]) -> Secret32 {
    Secret32::take(&mut kdf::mac_under(key, &[b"privatus/vault/group/v1"]))
}

/// Whether [`seal`] takes a record.
pub(super) fn fits(id: &[u8], record: &[u8]) -> bool {
    id.len() <= usize::from(u16::MAX) && 2 + id.len() + record.len() <= RECORD_MAX_BYTES
}

/// A sealed record: `front ‖ {id length 2 ‖ id ‖ record}`. The key serves once, so the nonce is zero.
pub(super) fn seal(
    version: Version<'_>,
    record_key: &Secret32,
    id: &[u8],
    record: &[u8],
) -> Result<Vec<u8>, Malformed> {
    let mut plain = Writer::with_capacity(2 + id.len() + record.len());
    plain.short_bytes(id)?.put(record);
    let length = plain.as_slice().len();
    if length > RECORD_MAX_BYTES {
        return Err(Malformed);
    }
    let mut entry = Vec::with_capacity(RECORD_FRONT_BYTES + length);
    entry.extend_from_slice(RECORD_MARK);
    entry.extend_from_slice(version.name);
    entry.extend_from_slice(&version.written.to_be_bytes());
    entry.extend_from_slice(&u32::try_from(length).map_err(|_| Malformed)?.to_be_bytes());
    let associated = entry.clone();
    entry.extend_from_slice(&[0; TAG_BYTES]);
    entry.extend_from_slice(plain.as_slice());
    let (front, body) = entry.split_at_mut_checked(RECORD_FRONT_BYTES).ok_or(Malformed)?;
    let tag = kdf::seal_once(record_key.expose(), &[0; 12], &associated, body);
    *front.last_chunk_mut().ok_or(Malformed)? = tag;
    Ok(entry)
}

/// What a record entry's front says: name, written, sealed bytes after the front.
pub(super) fn front(untrusted_entry: &[u8]) -> Result<(Name, u64, usize), Malformed> {
    let mut reader = Reader::new(untrusted_entry);
    if reader.take(MARK_BYTES)? != RECORD_MARK {
        return Err(Malformed);
    }
    let (name, written) = (reader.array()?, reader.u64()?);
    let length = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
    if length > RECORD_MAX_BYTES { Err(Malformed) } else { Ok((name, written, length)) }
}

/// The inverse of [`seal`]: id and record.
pub(super) fn open(
    version: Version<'_>,
    record_key: &Secret32,
    untrusted_entry: &[u8],
) -> Result<Row, Malformed> {
    let (found, when, length) = front(untrusted_entry)?;
    if found != *version.name || when != version.written {
        return Err(Malformed);
    }
    let (front, body) = untrusted_entry.split_at_checked(RECORD_FRONT_BYTES).ok_or(Malformed)?;
    let (associated, tag) = front.split_last_chunk::<TAG_BYTES>().ok_or(Malformed)?;
    if body.len() != length {
        return Err(Malformed);
    }
    let mut plain = SecretBytes::new(body.to_vec());
    kdf::open_once(record_key.expose(), &[0; 12], associated, plain.expose_mut(), tag)
        .map_err(|_| Malformed)?;
    let mut reader = Reader::new(&plain);
    let id = reader.short_bytes()?.to_vec();
    let record = plain.len() - reader.rest();
    plain.keep(record..plain.len());
    Ok((id, plain))
}
