//! Key slots: all of one size, all random to look at, in use or not.

use rand_core::CryptoRng;

use super::layout::{CHECKSUM_BYTES, FORMAT, MAGIC, checked, with_checksum};
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::Secret32;

/// Key slots, always all present.
pub const SLOTS: usize = 8;
/// One slot in the file, bytes.
pub(super) const SLOT_BYTES: usize = 512;
/// nonce 24 ‖ tag 16 ‖ sealed 440 ‖ checksum 32.
const SEALED_BYTES: usize = SLOT_BYTES - NONCE_BYTES - TAG_BYTES - CHECKSUM_BYTES;

/// What opens a slot, and what it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// A passphrase; opens the vault.
    Passphrase,
    /// The 24 words; open the vault.
    Recovery,
    /// A passphrase that destroys the other slots and opens the decoy.
    Duress,
}

impl SlotKind {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Passphrase => 1,
            Self::Recovery => 2,
            Self::Duress => 3,
        }
    }

    pub(super) fn of_code(code: u8) -> Result<Self, Malformed> {
        match code {
            1 => Ok(Self::Passphrase),
            2 => Ok(Self::Recovery),
            3 => Ok(Self::Duress),
            _ => Err(Malformed),
        }
    }
}

/// What a slot opens.
pub(super) struct SlotContent {
    pub(super) kind: SlotKind,
    pub(super) root: Secret32,
    /// Of a duress slot: the key of the decoy's database, which nobody can tell from a random one. Zero in any other slot.
    pub(super) store_key: Secret32,
}

impl SlotContent {
    pub(super) fn of_root(kind: SlotKind, root: &Secret32) -> Self {
        Self { kind, root: root.clone(), store_key: Secret32::zero() }
    }
}

/// What a passphrase is stretched to. A type of its own, so that a root is never taken for it.
pub(super) struct UnlockKey(pub(super) Secret32);

/// One slot as it lies in the file.
#[derive(Clone)]
pub(super) struct Slot {
    nonce: [u8; NONCE_BYTES],
    tag: [u8; TAG_BYTES],
    sealed: [u8; SEALED_BYTES],
}

impl Slot {
    /// A slot that `unlock_key` opens, in place `at`.
    pub(super) fn seal(
        at: usize,
        unlock_key: &UnlockKey,
        content: &SlotContent,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut slot = Self::empty(rng);
        let mut plain = Writer::with_capacity(SEALED_BYTES);
        plain.u8(content.kind.code()).put(content.root.expose()).put(content.store_key.expose());
        plain.pad_to(SEALED_BYTES);
        slot.sealed = plain.array().unwrap_or([0; SEALED_BYTES]);
        slot.tag = kdf::seal_random(&key(at, unlock_key), &slot.nonce, &associated(at), &mut slot.sealed);
        slot
    }

    /// Random bytes: nobody can tell it from one in use.
    pub(super) fn empty(rng: &mut impl CryptoRng) -> Self {
        let mut slot = Self { nonce: [0; NONCE_BYTES], tag: [0; TAG_BYTES], sealed: [0; SEALED_BYTES] };
        rng.fill_bytes(&mut slot.nonce);
        rng.fill_bytes(&mut slot.tag);
        rng.fill_bytes(&mut slot.sealed);
        slot
    }

    /// What it opens with this key, if it does.
    pub(super) fn open(&self, at: usize, unlock_key: &UnlockKey) -> Option<SlotContent> {
        let mut plain = zeroize::Zeroizing::new(self.sealed);
        let key = key(at, unlock_key);
        kdf::open_random(&key, &self.nonce, &associated(at), plain.as_mut_slice(), &self.tag).ok()?;
        let mut reader = Reader::new(plain.as_slice());
        Some(SlotContent {
            kind: SlotKind::of_code(reader.u8().ok()?).ok()?,
            root: reader.secret().ok()?,
            store_key: reader.secret().ok()?,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        with_checksum(&[self.nonce.as_slice(), &self.tag, &self.sealed].concat())
    }

    pub(super) fn decode(untrusted_slot: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(checked(untrusted_slot)?);
        Ok(Self { nonce: reader.array()?, tag: reader.array()?, sealed: reader.array()? })
    }
}

fn key(at: usize, unlock_key: &UnlockKey) -> Secret32 {
    kdf::label(&unlock_key.0, &[b"privatus/vault/slot/v1", &[number(at)]])
}

fn associated(at: usize) -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_be_bytes(), &[number(at)]].concat()
}

fn number(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX)
}
