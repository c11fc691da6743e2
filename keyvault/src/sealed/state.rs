//! What the header says only to who holds the root: which slots are in use, the keys that wrap the records' keys, whether a
//! wipe is to be finished.

use rand_core::CryptoRng;

use super::key_slot::{SLOTS, SlotKind};
use super::layout::{FORMAT, MAGIC};
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::Secret32;

const PLAIN_BYTES: usize = 128;
/// nonce 24 ‖ tag 16 ‖ sealed 128.
pub(super) const STATE_BYTES: usize = NONCE_BYTES + TAG_BYTES + PLAIN_BYTES;

/// Records' keys are wrapped under an epoch's key; dropping that drops all that were not wrapped anew.
#[derive(Clone)]
pub(super) struct Epoch {
    pub(super) number: u64,
    pub(super) key: Secret32,
}

impl Epoch {
    pub(super) fn new(number: u64, rng: &mut impl CryptoRng) -> Self {
        Self { number, key: Secret32::random(rng) }
    }
}

/// What is still to be done after the duress passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wipe {
    /// It was not given, or all is done.
    Nothing,
    /// The records are to be begun anew: nothing was ever written into them. Then as below.
    Records,
    /// stored is to wipe, until it has said that it did.
    History,
}

impl Wipe {
    fn code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Records => 1,
            Self::History => 2,
        }
    }

    fn of_code(code: u8) -> Result<Self, Malformed> {
        match code {
            0 => Ok(Self::Nothing),
            1 => Ok(Self::Records),
            2 => Ok(Self::History),
            _ => Err(Malformed),
        }
    }
}

/// Where the key of stored's database is.
#[derive(Clone)]
pub(super) enum StoreKeyAt {
    /// It follows from the root, as earlier versions had it.
    Root,
    /// It lies apart, under the epoch's key: see `store_key.rs`.
    Apart,
    /// Here, until it lies apart: between the duress passphrase and the new records.
    Here(Secret32),
}

/// The header's secret part.
#[derive(Clone)]
pub(super) struct State {
    /// What each slot is, `None` for one not in use.
    pub(super) kinds: [Option<SlotKind>; SLOTS],
    pub(super) wipe: Wipe,
    /// Commits that the records had seen when the header was written: fewer is a rollback.
    pub(super) commits: u64,
    /// What is sealed now.
    pub(super) epoch: Epoch,
    /// What is being left, while records' keys are wrapped anew.
    pub(super) older: Option<Epoch>,
    /// Beside an older epoch there is no room for a key.
    pub(super) store_key: StoreKeyAt,
}

impl State {
    /// A new vault's: one slot in use.
    pub(super) fn create(wipe: Wipe, store_key: StoreKeyAt, rng: &mut impl CryptoRng) -> Self {
        let mut kinds = [None; SLOTS];
        if let Some(first) = kinds.first_mut() {
            *first = Some(SlotKind::Passphrase);
        }
        Self { kinds, wipe, commits: 0, epoch: Epoch::new(1, rng), older: None, store_key }
    }

    /// Sealed under [`key`] of the root.
    pub(super) fn seal(&self, key: &Secret32, rng: &mut impl CryptoRng) -> [u8; STATE_BYTES] {
        let mut plain = Writer::with_capacity(PLAIN_BYTES);
        plain.u8(self.wipe.code());
        for kind in &self.kinds {
            plain.u8(kind.map_or(0, SlotKind::code));
        }
        plain.u64(self.commits).u64(self.epoch.number).put(self.epoch.key.expose());
        plain.flag(self.older.is_some());
        if let Some(older) = &self.older {
            plain.u64(older.number).put(older.key.expose());
        }
        match &self.store_key {
            StoreKeyAt::Root => plain.u8(0),
            StoreKeyAt::Apart => plain.u8(1),
            StoreKeyAt::Here(key) => plain.u8(2).put(key.expose()),
        };
        plain.pad_to(PLAIN_BYTES);
        let mut body = plain.array::<PLAIN_BYTES>().unwrap_or([0; PLAIN_BYTES]);
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let tag = kdf::seal_random(key, &nonce, &associated(), &mut body);
        let mut sealed = [0; STATE_BYTES];
        let bytes = nonce.iter().chain(&tag).chain(&body);
        sealed.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        sealed
    }

    /// The inverse of [`Self::seal`]; `Malformed` too where it was sealed under another root.
    pub(super) fn open(key: &Secret32, untrusted_sealed: &[u8; STATE_BYTES]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(untrusted_sealed);
        let (nonce, tag) = (reader.array()?, reader.array()?);
        let mut plain = zeroize::Zeroizing::new(reader.array::<PLAIN_BYTES>()?);
        kdf::open_random(key, &nonce, &associated(), plain.as_mut_slice(), &tag).map_err(|_| Malformed)?;
        let mut reader = Reader::new(plain.as_slice());
        let wipe = Wipe::of_code(reader.u8()?)?;
        let mut kinds = [None; SLOTS];
        for kind in &mut kinds {
            *kind = match reader.u8()? {
                0 => None,
                code => Some(SlotKind::of_code(code)?),
            };
        }
        let commits = reader.u64()?;
        let epoch = Epoch { number: reader.u64()?, key: reader.secret()? };
        let older = match reader.flag()? {
            true => Some(Epoch { number: reader.u64()?, key: reader.secret()? }),
            false => None,
        };
        let store_key = match reader.u8()? {
            0 => StoreKeyAt::Root,
            1 => StoreKeyAt::Apart,
            2 => StoreKeyAt::Here(reader.secret()?),
            _ => return Err(Malformed),
        };
        reader.zeros(reader.rest())?;
        Ok(Self { kinds, wipe, commits, epoch, older, store_key })
    }

    /// Slots of this kind in use.
    pub(super) fn count(&self, kind: SlotKind) -> usize {
        self.kinds.iter().filter(|used| **used == Some(kind)).count()
    }
}

/// What seals the state of who has `root`.
pub(super) fn key(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/state/v1"])
}

fn associated() -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_be_bytes(), b"state"].concat()
}
