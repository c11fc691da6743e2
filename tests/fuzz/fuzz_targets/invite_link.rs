//! An invite link as a person pastes it.
#![no_main]

use keyvault::invite::Link;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &str| {
    for text in [untrusted.to_owned(), format!("privatus:i#{untrusted}")] {
        if let Ok(link) = Link::parse(&text) {
            assert_eq!(Link::parse(&link.text()).map(|again| again.text()).ok(), Some(link.text()));
        }
    }
});
