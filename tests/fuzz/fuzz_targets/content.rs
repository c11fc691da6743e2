//! A content of a peer: what is read is written as it was, and read again.
#![no_main]

use ipc_schema::limits::CONTENT_MAX_BYTES;
use libfuzzer_sys::fuzz_target;
use stored::content::{Kind, decode, encode};

fuzz_target!(|untrusted: &[u8]| {
    let Ok(content) = decode(untrusted) else { return };
    if let Kind::FileOffer(offer) = &content.kind {
        let name = offer.name.as_str();
        assert!(!name.is_empty() && name.len() <= 255 && !name.contains(['/', '\\', '\0']));
    }
    // What points to one place twice has it twice when it is written.
    let bytes = encode(&content);
    if !matches!(content.kind, Kind::Later(_)) && bytes.len() <= CONTENT_MAX_BYTES {
        assert!(decode(&bytes).is_ok_and(|again| again == content));
    }
});
