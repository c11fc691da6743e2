//! What fuzzing reaches of decoders that have no door to the outside. Not part of a build.

/// A record of the vault's store: the first byte names its kind, the rest is decoded.
///
/// # Panics
/// If what was decoded is not the same after it was written and read again.
pub fn vault_record(untrusted_bytes: &[u8]) {
    crate::vault::fuzz_record(untrusted_bytes);
}
