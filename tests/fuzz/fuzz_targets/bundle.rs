//! A stranger's bundle and the prefix of a first message.
#![no_main]

use keyvault::pqxdh::{Bundle, FirstPrefix};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &[u8]| {
    let _ = Bundle::parse(untrusted);
    let _ = FirstPrefix::parse(untrusted);
});
