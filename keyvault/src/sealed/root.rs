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

/// The key of the decoy's database. It is no label of the decoy's root: who has that one cannot tell it from a random key, such as
/// every vault has from its beginning.
pub(super) fn decoy_store_key(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/decoy store/v1"])
}

/// The key of stored's database in a vault of an earlier version.
pub(super) fn store_key(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/store/v1"])
}
