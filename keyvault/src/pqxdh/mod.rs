//! PQXDH: X25519 + ML-KEM-1024 (docs/protocol/pqxdh.md, "Key agreement: PQXDH, version 1", after Signal's "The PQXDH Key
//! Agreement Protocol").

mod agreement;
mod bundle;
mod kem;
mod prekeys;
mod validity;

pub use agreement::{Agreed, FIRST_PREFIX_BYTES, FirstPrefix, PrivateKeys, initiate, respond};
pub use bundle::{BUNDLE_BYTES, Bundle, KeyUse, REPAIR_BUNDLE_BYTES};
pub use kem::{KEM_CIPHERTEXT_BYTES, KEM_KEY_BYTES};
pub use prekeys::{LastingKeys, Prekeys};
pub use validity::Validity;
pub(crate) use validity::seconds;

use crate::agreement_key::AgreementError;
use crate::codec::Malformed;
use crate::identity::BadSignature;

/// The session version that this build makes.
pub const SESSION_VERSION: u8 = 1;

/// Bit `v − 1` stands for session version `v`.
pub const SUPPORTED_VERSIONS: u32 = 1 << (SESSION_VERSION - 1);

/// Why a bundle or first message was refused; the peer, or who carried it, misbehaved, but for `Expired` and `NoCommonVersion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PqxdhError {
    /// Wrong length, trailing bytes, a reserved field used.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Identity, prekey or device list is not signed by the identity.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
    /// A key of small order or in non-canonical form.
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    /// The encapsulation key fails FIPS 203's modulus check.
    #[error("encapsulation key fails the modulus check")]
    BadKemKey,
    /// A prekey is not valid now.
    #[error("a prekey has expired")]
    Expired,
    /// No session version that both sides know.
    #[error("no common session version")]
    NoCommonVersion,
    /// The first message names keys that this side does not have.
    #[error("unknown prekey")]
    UnknownKey,
}

/// The highest version in both masks.
fn common_version(ours: u32, theirs: u32) -> Result<u8, PqxdhError> {
    let highest = (ours & theirs).checked_ilog2().ok_or(PqxdhError::NoCommonVersion)?;
    u8::try_from(highest + 1).map_err(|_| PqxdhError::NoCommonVersion)
}

#[cfg(test)]
mod kem_vectors;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod vectors;
