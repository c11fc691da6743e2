//! A picture written anew, turned as it is to be seen, with nothing in its file but its pixels.

mod cleaned;
mod gif;
mod jpeg;
mod png;
mod webp;

use crate::decode::{Decoded, decode};
use crate::error::PictureError;
use crate::kind::{self, Kind};

pub use self::cleaned::Cleaned;

/// Decodes `untrusted` and writes it anew: JPEG as JPEG, PNG as PNG and GIF as GIF with the very same pixels, lossless WebP as such;
/// of a lossy WebP there is no encoder without C, so it becomes a JPEG, or lossless where it can be seen through.
///
/// # Errors
/// [`PictureError`]; nothing of a picture that cannot be read is written.
pub fn clean(untrusted: &[u8]) -> Result<Cleaned, PictureError> {
    match kind::of(untrusted) {
        Kind::Png => self::png::clean(untrusted),
        Kind::Gif => self::gif::clean(untrusted),
        Kind::Webp => self::webp::clean(&standing(untrusted)?),
        Kind::Jpeg => self::jpeg::clean(untrusted, &standing(untrusted)?),
        Kind::Heic | Kind::Avif | Kind::Jxl | Kind::Tiff | Kind::Mp4 | Kind::Pdf | Kind::Other => {
            Err(PictureError::NotAPicture)
        }
    }
}

/// A picture that does not move.
fn standing(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    let decoded = decode(untrusted)?;
    if decoded.animated { Err(PictureError::Animated) } else { Ok(decoded) }
}

#[cfg(test)]
mod tests;
