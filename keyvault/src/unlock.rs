//! From a passphrase to a key: Argon2id at a cost that was measured on this machine, never below a floor (RFC 9106).

use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};

use crate::codec::{Malformed, Reader, Writer};
use crate::memory::Secret32;

/// Random salt, bytes.
pub const SALT_BYTES: usize = 32;

/// What a new vault aims at: an unlock in about a second, 1.2 s at most.
const TARGET: Duration = Duration::from_secs(1);
/// Passes beyond which nobody waits, whatever the file says.
const PASSES_MAX: u32 = 64;
/// Memory beyond which a file cannot make us go: 4 GiB.
const MEMORY_MAX_KIB: u32 = 4 * 1024 * 1024;

/// Work for one guess at a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
}

/// The least that is accepted, from a file too: 256 MiB, three passes
/// (docs/protocol/vault-file.md, "The vault file, format 1").
pub const FLOOR: Cost = Cost { memory_kib: 256 * 1024, passes: 3 };

/// Why a passphrase was not even tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// The parameters are weaker than the floor: somebody wants us to give guesses away cheaply.
    #[error("unlock parameters are below the floor")]
    BelowFloor,
    /// The parameters are absurd.
    #[error("unlock parameters are beyond all measure")]
    TooMuch,
    /// This machine does not have that much memory free.
    #[error("not enough memory to try the passphrase, which takes 256 MiB")]
    OutOfMemory,
}

impl Cost {
    /// The floor, or as many passes as this machine does in a second, 16 at most. `derive` is told the cost to try and returns
    /// how long it took.
    pub fn calibrated<E>(mut derive: impl FnMut(Self) -> Result<Duration, E>) -> Result<Self, E> {
        let took = derive(FLOOR)?;
        let passes = TARGET.as_millis() * u128::from(FLOOR.passes) / took.as_millis().max(1);
        let passes = u32::try_from(passes).unwrap_or(PASSES_MAX).clamp(FLOOR.passes, PASSES_MAX / 4);
        Ok(Self { passes, ..FLOOR })
    }

    /// A cost that only tests can name: the shipped path begins at [`FLOOR`].
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self { memory_kib: 32, passes: 1 }
    }

    /// Refuses what is below `floor` or beyond all measure.
    ///
    /// # Errors
    /// See [`CostError`].
    pub(crate) fn check(self, floor: Self) -> Result<Self, CostError> {
        if self.memory_kib < floor.memory_kib || self.passes < floor.passes {
            return Err(CostError::BelowFloor);
        }
        if self.memory_kib > MEMORY_MAX_KIB || self.passes > PASSES_MAX {
            return Err(CostError::TooMuch);
        }
        Ok(self)
    }

    /// Argon2id, version 1.3, one lane (threads would not make one guess cheaper for us than for an attacker).
    ///
    /// # Errors
    /// `OutOfMemory`, and `TooMuch` for parameters that Argon2 itself refuses.
    pub(crate) fn derive(self, passphrase: &[u8], salt: &[u8; SALT_BYTES]) -> Result<Secret32, CostError> {
        let params =
            Params::new(self.memory_kib, self.passes, 1, Some(32)).map_err(|_| CostError::TooMuch)?;
        let mut key = Secret32::zero();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, salt, key.expose_mut())
            .map_err(|error| match error {
                argon2::Error::OutOfMemory => CostError::OutOfMemory,
                _ => CostError::TooMuch,
            })?;
        Ok(key)
    }

    /// Does the work of one guess, for the sake of the clock.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn measure(self) -> Result<(), CostError> {
        self.derive(b"how long does it take", &[0; SALT_BYTES]).map(drop)
    }

    /// algorithm 1 ‖ memory 4 ‖ passes 4.
    pub(crate) fn write(self, writer: &mut Writer) {
        writer.u8(1).u32(self.memory_kib).u32(self.passes);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.u8()? {
            1 => Ok(Self { memory_kib: reader.u32()?, passes: reader.u32()? }),
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weaker_than_the_floor_and_absurd_are_refused() {
        assert_eq!(FLOOR.check(FLOOR), Ok(FLOOR));
        let less = Cost { memory_kib: FLOOR.memory_kib - 1, ..FLOOR };
        assert_eq!(less.check(FLOOR), Err(CostError::BelowFloor));
        let less = Cost { passes: 2, ..FLOOR };
        assert_eq!(less.check(FLOOR), Err(CostError::BelowFloor));
        assert_eq!(Cost::for_tests().check(FLOOR), Err(CostError::BelowFloor));
        assert_eq!(Cost { passes: 65, ..FLOOR }.check(FLOOR), Err(CostError::TooMuch));
        assert_eq!(Cost { memory_kib: u32::MAX, ..FLOOR }.check(FLOOR), Err(CostError::TooMuch));
    }

    #[test]
    fn a_fast_machine_takes_more_passes_and_a_slow_one_the_floor() {
        let on = |millis| Cost::calibrated(|_| Ok::<_, ()>(Duration::from_millis(millis))).unwrap();
        assert_eq!(on(300).passes, 10);
        assert_eq!(on(1_000), FLOOR);
        assert_eq!(on(5_000), FLOOR);
        assert_eq!(on(0).passes, 16);
    }

    #[test]
    fn the_key_depends_on_passphrase_salt_and_cost() {
        let cost = Cost::for_tests();
        let key = cost.derive(b"correct horse", &[1; 32]).unwrap();
        assert_eq!(cost.derive(b"correct horse", &[1; 32]).unwrap(), key);
        assert_ne!(cost.derive(b"correct horsf", &[1; 32]).unwrap(), key);
        assert_ne!(cost.derive(b"correct horse", &[2; 32]).unwrap(), key);
        let more = Cost { passes: 2, ..cost };
        assert_ne!(more.derive(b"correct horse", &[1; 32]).unwrap(), key);
    }
}
