//! Any picture to its pixels.

mod gif;
mod jpeg;
mod png;
mod webp;

use crate::error::PictureError;
use crate::kind::{self, Kind};
use crate::raster::Raster;
use crate::turn::Turn;

pub(crate) use self::gif::{Still, still};
pub(crate) use self::png::{Raw, raw};

/// A colour profile that is longer says nothing about red, green and blue that a short one cannot say, bytes.
const PROFILE_MAX_BYTES: usize = 1 << 20;

/// A picture as it lies in its file.
pub(crate) struct Decoded {
    pub(crate) raster: Raster,
    /// How it is to be turned.
    pub(crate) turn: Turn,
    /// What its colours are (ICC).
    pub(crate) profile: Option<Vec<u8>>,
    /// It moves; the pixels are its first picture.
    pub(crate) animated: bool,
    /// It was written so that something was lost.
    pub(crate) lossy: bool,
}

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

/// One of a bearable length.
fn profile(profile: Option<Vec<u8>>) -> Option<Vec<u8>> {
    profile.filter(|profile| profile.len() <= PROFILE_MAX_BYTES)
}
