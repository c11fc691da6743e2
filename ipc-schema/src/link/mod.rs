//! The frame of an invite link (docs/protocol/identity.md, "Invite link"): what keyvault reads strictly, and what ui looks for in
//! whatever a person pastes. What stands inside is keyvault's alone.

mod pasted;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

pub use pasted::{Found, find};

/// What every link begins with.
pub const PREFIX: &str = "privatus:i#";

/// Packed link, bytes at most; 320 letters of base64.
pub const MAX_BYTES: usize = 240;

/// Of the packed link, its last bytes.
pub const CHECKSUM_BYTES: usize = 4;

const CHECKSUM_LABEL: &[u8] = b"privatus/link/v1";

/// What stands last in a packed link of every version, behind `body`.
#[must_use]
pub fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let sum: [u8; 32] = Sha256::new().chain_update(CHECKSUM_LABEL).chain_update(body).finalize().into();
    let [a, b, c, d, ..] = sum;
    [a, b, c, d]
}
