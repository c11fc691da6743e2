//! The edges on which stored is the caller and whose rooms (`ipc_schema::edge`) are not whole yet.

pub(crate) mod onion;

pub(crate) use ipc_schema::edge::{Malformed, bounded, fixed};
