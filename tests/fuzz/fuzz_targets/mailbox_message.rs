//! Requests to a mailbox, and what a mailbox relay answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onion::mailbox::message::{Reply, Request};

fuzz_target!(|untrusted: &[u8]| {
    let _ = Request::parse(untrusted);
    let _ = Reply::parse(untrusted);
});
