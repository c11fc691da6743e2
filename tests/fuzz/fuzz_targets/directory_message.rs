//! Questions and answers of the relay directory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onion::directory::message::{Answer, Question};

fuzz_target!(|untrusted: &[u8]| {
    let _ = Question::parse(untrusted);
    let _ = Answer::parse(untrusted);
});
