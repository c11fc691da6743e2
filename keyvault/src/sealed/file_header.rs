//! Header and key slots, twice in the file.

use std::fs::File;

use rand_core::CryptoRng;

use super::disk;
use super::error::{VaultFileError, io};
use super::key_slot::{SLOT_BYTES, SLOTS, Slot, SlotContent, SlotKind, UnlockKey};
use super::layout::{CHECKSUM_BYTES, COPY_BYTES, FORMAT, MAGIC, Twice, checked, with_checksum};
use super::state::{STATE_BYTES, State};
use crate::codec::{Malformed, Reader, Writer};
use crate::memory::Secret32;
use crate::unlock::{Cost, SALT_BYTES};

const HEADER_BYTES: usize = 4_096;

/// Which of a header's two copies was written later, and nothing else: a vault begins at a random one, and each change of header or
/// slots adds a random step, so that nobody counts changes, from one copy of the file or from several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl Generation {
    pub(super) fn first(rng: &mut impl CryptoRng) -> Self {
        Self(rng.next_u64())
    }

    /// A later one. Two steps are less than half the way round, so that what follows a change that failed is after both.
    fn next(self, rng: &mut impl CryptoRng) -> Self {
        Self(self.0.wrapping_add((rng.next_u64() >> 2).max(1)))
    }

    fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }
}

/// The form that passphrases had when they were stretched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It was not noted: each slot may be in that of [`crate::passphrase::normal`], or as it was given.
    NotNoted,
    /// As [`crate::passphrase::normal`] makes it (Unicode's NFKC).
    Nfkc,
}

impl Form {
    fn code(self) -> u8 {
        match self {
            Self::NotNoted => 0,
            Self::Nfkc => 1,
        }
    }

    /// `None`: one that a later version made up.
    fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::NotNoted),
            1 => Some(Self::Nfkc),
            _ => None,
        }
    }
}

/// magic 16 ‖ format 2 ‖ generation 8 ‖ cost 9 ‖ salt 32 ‖ state 168 ‖ form 1 ‖ zeroes ‖ SHA-256 of all that; then the slots.
#[derive(Clone)]
pub(super) struct Header {
    /// Of two whole copies the later one holds.
    generation: Generation,
    /// One for all slots, so that a passphrase is stretched once, whatever slot it opens.
    pub(super) cost: Cost,
    pub(super) salt: [u8; SALT_BYTES],
    /// See [`State`].
    pub(super) sealed_state: [u8; STATE_BYTES],
    /// Of every slot's passphrase.
    pub(super) form: Form,
    slots: Vec<Slot>,
}

/// What a header begins with, in the clear.
pub(super) struct Plain {
    /// See [`Header`].
    pub(super) generation: Generation,
    pub(super) cost: Cost,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) form: Form,
}

impl Header {
    /// A vault's whose first slot opens with `unlock_key`, the others with nothing.
    pub(super) fn create(
        plain: Plain,
        unlock_key: &UnlockKey,
        root: &Secret32,
        state: &State,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let content = SlotContent::of_root(SlotKind::Passphrase, root);
        let mut slots = vec![Slot::seal(0, unlock_key, &content, rng)];
        slots.resize_with(SLOTS, || Slot::empty(rng));
        let sealed_state = state.seal(&super::state::key(root), rng);
        let Plain { generation, cost, salt, form } = plain;
        Self { generation, cost, salt, sealed_state, form, slots }
    }

    /// The same after one change more.
    pub(super) fn next(&self, rng: &mut impl CryptoRng) -> Self {
        Self { generation: self.generation.next(rng), ..self.clone() }
    }

    /// A change to `other` failed, and may stand in the file all the same: the next one is after that one, too.
    pub(super) fn come_after(&mut self, other: &Self) {
        self.generation = other.generation;
    }

    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// The slot that opens, if any does. All are tried, so that time does not tell which.
    pub(super) fn open(&self, unlock_key: &UnlockKey) -> Option<SlotContent> {
        let opened: Vec<_> =
            self.slots.iter().enumerate().map(|(at, slot)| slot.open(at, unlock_key)).collect();
        opened.into_iter().flatten().next()
    }

    /// Puts a slot into place `at`.
    pub(super) fn set_slot(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// Writes both copies, one after the other has reached the disk.
    pub(super) fn write(&self, file: &File) -> Result<(), VaultFileError> {
        let copy = self.encode();
        for at in [0, COPY_BYTES] {
            disk::write(file, &copy, at).map_err(io("writing"))?;
            disk::sync(file).map_err(io("syncing"))?;
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(HEADER_BYTES);
        writer.put(MAGIC).u16(FORMAT).u64(self.generation.0);
        self.cost.write(&mut writer);
        writer.put(&self.salt).put(&self.sealed_state).u8(self.form.code());
        writer.pad_to(HEADER_BYTES - CHECKSUM_BYTES);
        let mut copy = with_checksum(writer.as_slice());
        self.slots.iter().for_each(|slot| copy.extend(slot.encode()));
        copy
    }

    /// The newest whole copy in the file's first bytes, and how the two compare.
    pub(super) fn newest_of(untrusted_area: &[u8]) -> Result<(Self, Twice), VaultFileError> {
        let length = usize::try_from(COPY_BYTES).unwrap_or(usize::MAX);
        let mut newest: Result<Self, VaultFileError> = Err(VaultFileError::Damaged);
        let mut twice = Twice::Alike;
        for copy in untrusted_area.chunks(length).map(Self::decode) {
            if copy.is_err() {
                twice = Twice::Damaged;
            }
            match (&newest, copy) {
                // One sound header of a later version is enough: healing would write over it.
                (Err(VaultFileError::Newer), _) | (_, Err(VaultFileError::Damaged)) => {}
                (_, Err(error)) => newest = Err(error),
                (Ok(held), Ok(found)) if !found.generation.is_after(held.generation) => {}
                (_, Ok(found)) => newest = Ok(found),
            }
        }
        let newest = newest?;
        let bytes = newest.encode();
        if twice == Twice::Alike && untrusted_area.chunks(length).any(|copy| copy != bytes) {
            twice = Twice::Older;
        }
        Ok((newest, twice))
    }

    /// A copy of exactly [`COPY_BYTES`], every checksum in it right.
    pub(super) fn decode(untrusted_copy: &[u8]) -> Result<Self, VaultFileError> {
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
            let generation = Generation(fields.u64()?);
            let cost = Cost::read(&mut fields)?;
            let (salt, sealed_state) = (fields.array()?, fields.array()?);
            let form = Form::of_code(fields.u8()?);
            fields.zeros(fields.rest())?;
            let slots = (0..SLOTS)
                .map(|_| Slot::decode(reader.take(SLOT_BYTES)?))
                .collect::<Result<_, Malformed>>()?;
            reader.clone().end()?;
            Ok(form.map(|form| Self { generation, cost, salt, sealed_state, form, slots }))
        };
        read().map_err(|_: Malformed| VaultFileError::Damaged)?.ok_or(VaultFileError::Newer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    proptest! {
        #[test]
        fn a_later_generation_is_after_an_earlier_one_wherever_the_first_was(
            seed in any::<u64>(),
            first in prop_oneof![any::<u64>(), 0..100_u64, (u64::MAX - 100)..=u64::MAX],
        ) {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let first = Generation(first);
            let second = first.next(&mut rng);
            let third = second.next(&mut rng);
            for (earlier, later) in [(first, second), (second, third), (first, third)] {
                prop_assert!(later.is_after(earlier) && !earlier.is_after(later));
            }
            prop_assert!(!first.is_after(first));
        }
    }

    #[test]
    fn a_generation_counts_nothing() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let upper_half = |count: usize| (400..600).contains(&count);
        let mut after_one_change = 0;
        for _ in 0..1_000 {
            after_one_change += usize::from(Generation::first(&mut rng).next(&mut rng).0 >> 63 == 1);
        }
        assert!(upper_half(after_one_change), "{after_one_change} of 1,000");
    }
}
