//! The edges on which stored is the caller. Generated types stop here.

pub(crate) mod keyvault;
pub(crate) mod mediad;
pub(crate) mod onion;

pub(crate) use ipc_schema::edge::{Malformed, bounded, fixed};
