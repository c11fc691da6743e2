//! Records as they lie in the file. Each record is sealed under a random key of its own, new at every write; that key is
//! wrapped under the epoch's key. Both entries begin with a mark and say their name and length, so that they are found in a
//! file whose database is damaged.

use rand_core::CryptoRng;

use crate::codec::{Malformed, Reader, Writer};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::{Secret32, SecretBytes};
use crate::store::Row;

/// table's pseudonym 16 ‖ record's pseudonym 32.
pub(super) type Name = [u8; NAME_BYTES];
pub(super) const NAME_BYTES: usize = 48;
pub(super) const MARK_BYTES: usize = 8;
pub(super) const KEY_MARK: &[u8; MARK_BYTES] = b"\xF0key 1\r\n";
pub(super) const RECORD_MARK: &[u8; MARK_BYTES] = b"\xF0rec 1\r\n";
/// mark 8 ‖ name 48 ‖ written 8 ‖ epoch 8 ‖ nonce 24 ‖ tag 16 ‖ wrapped key 32.
pub(super) const KEY_ENTRY_BYTES: usize = 144;
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

/// What wraps records' keys.
#[derive(Clone, Copy)]
pub(super) struct EpochKey<'a> {
    pub(super) epoch: u64,
    pub(super) key: &'a [u8; 32],
}

/// A record's key, wrapped.
pub(super) struct KeyEntry {
    pub(super) name: Name,
    /// The commit that wrote the record.
    pub(super) written: u64,
    /// Whose key wraps it.
    pub(super) epoch: u64,
    nonce: [u8; NONCE_BYTES],
    tag: [u8; TAG_BYTES],
    wrapped: [u8; 32],
}

impl KeyEntry {
    /// Draws 24 bytes.
    pub(super) fn wrap(
        version: Version<'_>,
        record_key: &Secret32,
        under: EpochKey<'_>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut entry = Self {
            name: *version.name,
            written: version.written,
            epoch: under.epoch,
            nonce: [0; NONCE_BYTES],
            tag: [0; TAG_BYTES],
            wrapped: *record_key.expose(),
        };
        rng.fill_bytes(&mut entry.nonce);
        let associated = entry.associated();
        entry.tag = kdf::seal_random(&wrapping_key(under.key), &entry.nonce, &associated, &mut entry.wrapped);
        entry
    }

    pub(super) fn unwrap(&self, epoch_key: &[u8; 32]) -> Result<Secret32, Malformed> {
        let mut key = Secret32::zero();
        *key.expose_mut() = self.wrapped;
        let (wrapping, associated) = (wrapping_key(epoch_key), self.associated());
        kdf::open_random(&wrapping, &self.nonce, &associated, key.expose_mut(), &self.tag)
            .map_err(|_| Malformed)?;
        Ok(key)
    }

    fn associated(&self) -> Vec<u8> {
        [KEY_MARK.as_slice(), &self.name, &self.written.to_be_bytes(), &self.epoch.to_be_bytes()].concat()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [self.associated().as_slice(), &self.nonce, &self.tag, &self.wrapped].concat()
    }

    pub(super) fn decode(untrusted_entry: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(untrusted_entry);
        if reader.take(MARK_BYTES)? != KEY_MARK {
            return Err(Malformed);
        }
        let entry = Self {
            name: reader.array()?,
            written: reader.u64()?,
            epoch: reader.u64()?,
            nonce: reader.array()?,
            tag: reader.array()?,
            wrapped: reader.array()?,
        };
        reader.end()?;
        Ok(entry)
    }
}

fn wrapping_key(epoch_key: &[u8; 32]) -> Secret32 {
    Secret32::take(&mut kdf::mac_under(epoch_key, &[b"privatus/vault/wrap/v1"]))
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
