//! A record of the vault's store. It is authentic before it is decoded, so this is about versions, and about our own faults.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &[u8]| keyvault::fuzz::vault_record(untrusted));
