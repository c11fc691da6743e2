//! WebP: lossy, lossless, with and without alpha; of one that moves the first picture.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::decoded::{Decoded, PROFILE_MAX_BYTES, profile};
use crate::error::PictureError;
use crate::raster::{Layout, Raster};
use crate::turn::Turn;

/// What a pixel takes at most: four bytes decoded, four of one that is turned, four in the encoder.
const BYTES_EACH: usize = 12;

pub(super) fn decode(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    let mut decoder = WebPDecoder::new(Cursor::new(untrusted))?;
    let (width, height) = decoder.dimensions();
    let side = |side: u32| usize::try_from(side).map_err(|_| PictureError::TooLarge);
    let (width, height) = (side(width)?, side(height)?);
    Raster::fits(width, height, BYTES_EACH)?;
    // Of what stands beside the picture; longer is left out.
    decoder.set_memory_limit(PROFILE_MAX_BYTES);
    let turn = decoder.exif_metadata().ok().flatten().map(|exif| Turn::of_exif(&exif)).unwrap_or_default();
    let colours = profile(decoder.icc_profile().ok().flatten());
    let layout = if decoder.has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let length = decoder.output_buffer_size().ok_or(PictureError::TooLarge)?;
    if length != width * height * layout.bytes() {
        return Err(PictureError::Damaged);
    }
    let mut bytes = vec![0; length];
    decoder.read_image(&mut bytes)?;
    Ok(Decoded {
        raster: Raster { width, height, layout, bytes },
        turn,
        profile: colours,
        animated: decoder.is_animated(),
        lossy: decoder.is_lossy(),
    })
}
