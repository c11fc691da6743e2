//! The edges on which stored is the caller. Generated types stop here.

pub(crate) mod keyvault;
pub(crate) mod mediad;
pub(crate) mod onion;

/// What a neighbour answered does not fit the edge: it is at fault, and is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a neighbour's answer does not fit the edge")]
pub(crate) struct Misfit;

impl From<capnp::Error> for Misfit {
    fn from(_: capnp::Error) -> Self {
        Self
    }
}

impl From<capnp::NotInSchema> for Misfit {
    fn from(_: capnp::NotInSchema) -> Self {
        Self
    }
}

impl From<std::str::Utf8Error> for Misfit {
    fn from(_: std::str::Utf8Error) -> Self {
        Self
    }
}

/// Exactly `N` bytes.
pub(crate) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Misfit> {
    bytes.try_into().map_err(|_| Misfit)
}

/// At most `max` bytes.
pub(crate) fn bounded(bytes: &[u8], max: usize) -> Result<Vec<u8>, Misfit> {
    if bytes.len() <= max { Ok(bytes.to_vec()) } else { Err(Misfit) }
}
