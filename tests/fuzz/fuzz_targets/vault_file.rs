//! A vault file's header, slots and count of tries, and its records' entries, before any passphrase.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &[u8]| keyvault::sealed::examine_bytes(untrusted));
