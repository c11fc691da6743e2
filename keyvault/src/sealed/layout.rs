//! What the parts of a vault file before redb have in common: where they lie, and what they begin and end with.

use crate::codec::Malformed;
use crate::kdf;

/// One copy of header and slots, bytes.
pub(super) const COPY_BYTES: u64 = 8_192;
/// Both copies, bytes: the tries follow.
pub(super) const COPIES_BYTES: u64 = 2 * COPY_BYTES;
/// Where redb begins.
pub(super) const AREA_BYTES: u64 = COPIES_BYTES + 4_096;

pub(super) const MAGIC: &[u8; 16] = b"privatus vault\r\n";
pub(super) const FORMAT: u16 = 1;
pub(super) const CHECKSUM_BYTES: usize = 32;

/// How what is kept twice was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// Both say the same.
    Alike,
    /// A change was interrupted.
    Older,
    /// One is not what was written.
    Damaged,
}

pub(super) fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    [bytes, &kdf::sha256(&[bytes])].concat()
}

pub(super) fn checked(untrusted_bytes: &[u8]) -> Result<&[u8], Malformed> {
    let (bytes, sum) = untrusted_bytes
        .split_at_checked(untrusted_bytes.len().saturating_sub(CHECKSUM_BYTES))
        .ok_or(Malformed)?;
    (kdf::sha256(&[bytes]) == sum).then_some(bytes).ok_or(Malformed)
}
