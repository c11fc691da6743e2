//! Any picture to its pixels.

mod png;

use crate::error::PictureError;
use crate::kind::{self, Kind};
use crate::raster::Raster;
use crate::turn::Turn;

/// A picture as it lies in its file.
pub(crate) struct Decoded {
    pub(crate) raster: Raster,
    /// How it is to be turned.
    pub(crate) turn: Turn,
}

/// The first or only picture of a file.
pub(crate) fn decode(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    match kind::of(untrusted) {
        Kind::Png => self::png::decode(untrusted),
        _ => Err(PictureError::NotAPicture),
    }
}
