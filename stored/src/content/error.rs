//! What is wrong with a peer's bytes, and what every part of a content is read with.

use super::WireId;

/// The peer sent what is not a content. Its fault; it is acked, or it would come again for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer sent a malformed content")]
pub struct ContentError;

impl From<capnp::Error> for ContentError {
    fn from(_: capnp::Error) -> Self {
        Self
    }
}

impl From<std::str::Utf8Error> for ContentError {
    fn from(_: std::str::Utf8Error) -> Self {
        Self
    }
}

pub(super) fn wire_id(bytes: &[u8]) -> Result<WireId, ContentError> {
    bytes.try_into().map(WireId).map_err(|_| ContentError)
}
