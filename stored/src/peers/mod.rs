//! The edges on which stored is the caller. keyvault needs no more than its room (`ipc_schema::edge::stored_keyvault`).

pub(crate) mod mediad;
pub(crate) mod onion;

pub(crate) use ipc_schema::edge::{Malformed, bounded, fixed};
