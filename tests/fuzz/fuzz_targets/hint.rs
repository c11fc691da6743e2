//! A contact point out of an invite.
#![no_main]

use ipc_schema::relay::Hint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &[u8]| {
    if let Ok(hint) = Hint::parse(untrusted) {
        assert_eq!(hint.pack(), untrusted, "a hint has one spelling");
    }
});
