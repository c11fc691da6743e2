//! A relay message, as a relay and as a client takes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onion::cell::RELAY_MESSAGE_BYTES;
use onion::cell::relay_message::{ToClient, ToRelay};

fuzz_target!(|untrusted: &[u8]| {
    let mut padded = [0; RELAY_MESSAGE_BYTES];
    let length = untrusted.len().min(RELAY_MESSAGE_BYTES);
    padded[..length].copy_from_slice(&untrusted[..length]);
    let mut written = [0; RELAY_MESSAGE_BYTES];
    if let Ok(message) = ToRelay::parse(&padded) {
        message.write(&mut written);
        assert_eq!(ToRelay::parse(&written).ok(), Some(message));
    }
    let mut written = [0; RELAY_MESSAGE_BYTES];
    if let Ok(message) = ToClient::parse(&padded) {
        message.write(&mut written);
        assert_eq!(ToClient::parse(&written).ok(), Some(message));
    }
});
