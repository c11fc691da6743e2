//! A text in which a link is looked for: what is found, keyvault takes for one that nobody altered.
#![no_main]

use ipc_schema::limits::LINK_MAX_CHARS;
use ipc_schema::link::{Found, find};
use keyvault::error::InviteError;
use keyvault::invite::Link;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &str| {
    for text in [untrusted.to_owned(), format!("privatus:i#{untrusted}")] {
        match find(&text) {
            Found::Link(link) => {
                // A body that fits its checksum by chance may be too short for its version.
                let read = Link::parse(&link);
                assert!(!matches!(read, Err(InviteError::NotALink)) && link.len() <= LINK_MAX_CHARS);
                assert_eq!(find(&link), Found::Link(link));
            }
            Found::Broken(link) => {
                assert!(Link::parse(&link).is_err() && link.len() <= LINK_MAX_CHARS);
            }
            Found::Several => {}
            Found::Nothing => assert!(Link::parse(&text).is_err()),
        }
    }
});
