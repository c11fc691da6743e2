//! What follows from a root beside the keys of its own records (docs/protocol/vault-file.md, "What follows from the root").

use crate::kdf;
use crate::memory::Secret32;

/// The root of the decoy that belongs to a root: whoever has this one has that one, not the other way round.
pub(super) fn decoy_root(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/decoy/v1"])
}

/// What authenticates the sum over all records.
pub(super) fn digest_key(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/digest/v1"])
}

/// The key of stored's database. It follows from the root alone, so that history opens even where no record does.
pub(super) fn store_key(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/store/v1"])
}
