//! Header and key slots. Every slot has the same size and looks random, in use or not.

use rand_core::CryptoRng;

use super::VaultFileError;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::Secret32;
use crate::unlock::{Cost, SALT_BYTES};

/// Key slots, always all present.
pub const SLOTS: usize = 8;
/// One copy of header and slots, bytes.
pub(super) const COPY_BYTES: u64 = 8_192;
/// Both copies; where redb begins.
pub(super) const AREA_BYTES: u64 = 2 * COPY_BYTES;

const MAGIC: &[u8; 16] = b"privatus vault\r\n";
const FORMAT: u16 = 1;
const HEADER_BYTES: usize = 4_096;
const CHECKSUM_BYTES: usize = 32;
const SLOT_BYTES: usize = 512;
/// nonce 24 ‖ tag 16 ‖ sealed 440 ‖ checksum 32.
const SEALED_BYTES: usize = SLOT_BYTES - NONCE_BYTES - TAG_BYTES - CHECKSUM_BYTES;
/// What a slot opens: this passphrase gives the root. Other kinds (recovery, duress) will come.
const KIND_ROOT: u8 = 1;

/// magic 16 ‖ format 2 ‖ generation 8 ‖ cost 9 ‖ salt 32 ‖ zeroes ‖ SHA-256 of all that; then the slots.
#[derive(Clone)]
pub(super) struct Header {
    /// Rises with every change of header or slots: of two whole copies the higher one holds.
    generation: u64,
    /// One for all slots, so that a passphrase is stretched once, whatever slot it opens.
    pub(super) cost: Cost,
    pub(super) salt: [u8; SALT_BYTES],
    slots: Vec<Slot>,
}

#[derive(Clone)]
struct Slot {
    nonce: [u8; NONCE_BYTES],
    tag: [u8; TAG_BYTES],
    sealed: [u8; SEALED_BYTES],
}

impl Header {
    /// A new vault's: the first slot opens with `unlock_key`, the others with nothing.
    pub(super) fn create(
        cost: Cost,
        salt: [u8; SALT_BYTES],
        (unlock_key, root): (&Secret32, &Secret32),
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut slots = vec![Slot::seal(0, unlock_key, root, rng)];
        slots.resize_with(SLOTS, || Slot::empty(rng));
        Self { generation: 1, cost, salt, slots }
    }

    /// The root, if any slot opens. All slots are tried, so that time does not tell which.
    pub(super) fn root(&self, unlock_key: &Secret32) -> Option<Secret32> {
        let opened: Vec<_> =
            self.slots.iter().enumerate().map(|(at, slot)| slot.open(at, unlock_key)).collect();
        opened.into_iter().flatten().next()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(HEADER_BYTES);
        writer.put(MAGIC).u16(FORMAT).u64(self.generation);
        self.cost.write(&mut writer);
        writer.put(&self.salt).pad_to(HEADER_BYTES - CHECKSUM_BYTES);
        let mut copy = with_checksum(writer.as_slice());
        for slot in &self.slots {
            copy.extend(with_checksum(&[slot.nonce.as_slice(), &slot.tag, &slot.sealed].concat()));
        }
        copy
    }

    /// The newest whole copy in the file's first bytes.
    pub(super) fn newest_of(untrusted_area: &[u8]) -> Result<Self, VaultFileError> {
        let copies =
            untrusted_area.chunks(usize::try_from(COPY_BYTES).unwrap_or(usize::MAX)).map(Self::decode);
        let mut newest: Result<Self, VaultFileError> = Err(VaultFileError::Damaged);
        for copy in copies {
            match (&newest, copy) {
                (Err(VaultFileError::Newer), _) | (_, Err(VaultFileError::Damaged)) => {}
                (_, Err(error)) => newest = Err(error),
                (Ok(held), Ok(found)) if held.generation >= found.generation => {}
                (_, Ok(found)) => newest = Ok(found),
            }
        }
        newest
    }

    fn decode(untrusted_copy: &[u8]) -> Result<Self, VaultFileError> {
        let damaged = |_| VaultFileError::Damaged;
        let mut reader = Reader::new(untrusted_copy);
        let header = checked(reader.take(HEADER_BYTES).map_err(damaged)?).map_err(damaged)?;
        let mut fields = Reader::new(header);
        if fields.take(MAGIC.len()).map_err(damaged)? != MAGIC {
            return Err(VaultFileError::Damaged);
        }
        match fields.u16().map_err(damaged)? {
            FORMAT => {}
            later if later > FORMAT => return Err(VaultFileError::Newer),
            _ => return Err(VaultFileError::Damaged),
        }
        let mut read = || {
            let generation = fields.u64()?;
            let cost = Cost::read(&mut fields)?;
            let salt = fields.array()?;
            fields.zeros(fields.rest())?;
            let slots = (0..SLOTS)
                .map(|_| Slot::decode(reader.take(SLOT_BYTES)?))
                .collect::<Result<_, Malformed>>()?;
            reader.clone().end()?;
            Ok(Self { generation, cost, salt, slots })
        };
        read().map_err(|_: Malformed| VaultFileError::Damaged)
    }
}

impl Slot {
    fn seal(at: usize, unlock_key: &Secret32, root: &Secret32, rng: &mut impl CryptoRng) -> Self {
        let mut slot = Self::empty(rng);
        let mut plain = Writer::with_capacity(SEALED_BYTES);
        plain.u8(KIND_ROOT).put(root.expose()).pad_to(SEALED_BYTES);
        slot.sealed = plain.array().unwrap_or([0; SEALED_BYTES]);
        slot.tag = kdf::seal_random(&key(at, unlock_key), &slot.nonce, &associated(at), &mut slot.sealed);
        slot
    }

    /// Random bytes: nobody can tell it from one in use.
    fn empty(rng: &mut impl CryptoRng) -> Self {
        let mut slot = Self { nonce: [0; NONCE_BYTES], tag: [0; TAG_BYTES], sealed: [0; SEALED_BYTES] };
        rng.fill_bytes(&mut slot.nonce);
        rng.fill_bytes(&mut slot.tag);
        rng.fill_bytes(&mut slot.sealed);
        slot
    }

    fn open(&self, at: usize, unlock_key: &Secret32) -> Option<Secret32> {
        let mut plain = zeroize::Zeroizing::new(self.sealed);
        let sealed = (plain.as_mut_slice(), &self.tag);
        kdf::open_random(&key(at, unlock_key), &self.nonce, &associated(at), sealed).ok()?;
        let mut reader = Reader::new(plain.as_slice());
        (reader.u8().ok()? == KIND_ROOT).then(|| reader.secret().ok()).flatten()
    }

    fn decode(untrusted_slot: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(checked(untrusted_slot)?);
        Ok(Self { nonce: reader.array()?, tag: reader.array()?, sealed: reader.array()? })
    }
}

fn key(at: usize, unlock_key: &Secret32) -> Secret32 {
    kdf::label(unlock_key, &[b"privatus/vault/slot/v1", &[u8::try_from(at).unwrap_or(u8::MAX)]])
}

fn associated(at: usize) -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_be_bytes(), &[u8::try_from(at).unwrap_or(u8::MAX)]].concat()
}

fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    [bytes, &kdf::sha256(&[bytes])].concat()
}

fn checked(untrusted_bytes: &[u8]) -> Result<&[u8], Malformed> {
    let (bytes, sum) = untrusted_bytes
        .split_at_checked(untrusted_bytes.len().saturating_sub(CHECKSUM_BYTES))
        .ok_or(Malformed)?;
    (kdf::sha256(&[bytes]) == sum).then_some(bytes).ok_or(Malformed)
}
