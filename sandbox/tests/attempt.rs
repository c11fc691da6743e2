//! A library that ends the process, where it should say that it cannot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "ends a fork as a library would")]

mod support;

use sandbox::Attempt;
use support::*;

/// As a toolkit does that finds no display.
fn give_up() -> ! {
    // SAFETY: takes a number; the fork has one thread, and what its parent registered is only run here.
    unsafe { libc::exit(1) }
}

#[test]
fn a_library_that_ends_the_process_ends_it_with_the_code_of_the_attempt() {
    let during = in_child(|| {
        let _attempt = Attempt::begin(5, "it cannot be had");
        give_up()
    });
    assert_eq!(during, End::Exit(5));
    let after = in_child(|| {
        drop(Attempt::begin(5, "it cannot be had"));
        give_up()
    });
    assert_eq!(after, End::Exit(1), "what ends later ends as it likes");
    let second = in_child(|| {
        drop(Attempt::begin(5, "it cannot be had"));
        let _attempt = Attempt::begin(7, "nor that");
        give_up()
    });
    assert_eq!(second, End::Exit(7));
}
