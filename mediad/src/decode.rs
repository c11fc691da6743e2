//! Any picture to its pixels.

mod png;

use crate::error::PictureError;
use crate::kind::{self, Kind};
use crate::raster::Raster;

/// The first or only picture of a file.
pub(crate) fn decode(untrusted: &[u8]) -> Result<Raster, PictureError> {
    match kind::of(untrusted) {
        Kind::Png => self::png::decode(untrusted),
        _ => Err(PictureError::NotAPicture),
    }
}
