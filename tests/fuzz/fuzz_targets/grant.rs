//! A datagram on a child's control socket.
#![no_main]

use ipc_schema::grant::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &[u8]| {
    let _ = parse(untrusted, None);
});
