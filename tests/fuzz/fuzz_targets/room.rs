//! Bytes of a hostile neighbour on an edge, as each call's arguments and as what comes of it: all that the rooms read.
#![no_main]

use ipc_schema::edge::fuzz::any_message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &[u8]| any_message(untrusted));
