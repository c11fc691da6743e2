//! Any picture to its pixels.

mod decoded;
mod gif;
mod jpeg;
mod png;
mod webp;

use crate::error::PictureError;
use crate::kind::{self, Kind};

pub(crate) use self::decoded::Decoded;
pub(crate) use self::gif::{Still, still};
pub(crate) use self::png::{Raw, raw};

/// The first or only picture of a file.
pub(crate) fn decode(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    match kind::of(untrusted) {
        Kind::Png => self::png::decode(untrusted),
        Kind::Jpeg => self::jpeg::decode(untrusted),
        Kind::Webp => self::webp::decode(untrusted),
        Kind::Gif => self::gif::decode(untrusted),
        Kind::Heic | Kind::Avif | Kind::Jxl | Kind::Tiff | Kind::Mp4 | Kind::Pdf | Kind::Other => {
            Err(PictureError::NotAPicture)
        }
    }
}
