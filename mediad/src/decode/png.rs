//! PNG, interlaced or not, of any depth; of one that moves the picture that is shown where nothing moves.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

use super::{Decoded, profile};
use crate::error::PictureError;
use crate::raster::{Layout, Raster};
use crate::turn::Turn;

/// What the decoder may allocate beside the pixels, bytes: two rows, tables, a profile, and the ancillary chunks that it cannot be told to
/// skip.
const DECODER_MAX_BYTES: usize = 16 << 20;

pub(super) fn decode(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(untrusted), Limits { bytes: DECODER_MAX_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let (width, height) = decoder.read_header_info()?.size();
    let side = |side: u32| usize::try_from(side).map_err(|_| PictureError::TooLarge);
    let (columns, rows) = (side(width)?, side(height)?);
    Raster::fits(columns, rows, 4)?;
    let mut reader = decoder.read_info()?;
    // The rows that come are the first frame's: one of another size would leave pixels unwritten.
    let frame = reader.info().frame_control.map_or((width, height), |frame| (frame.width, frame.height));
    if frame != (width, height) {
        return Err(PictureError::Damaged);
    }
    let layout = match reader.output_color_type().0 {
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        // EXPAND leaves no palette.
        ColorType::Indexed => return Err(PictureError::Damaged),
    };
    let mut bytes = vec![0; reader.output_buffer_size().ok_or(PictureError::TooLarge)?];
    reader.next_frame(&mut bytes)?;
    // Reads to the end, so that a picture that was cut off or altered behind its last row is told.
    reader.finish()?;
    let info = reader.info();
    let profile = profile(info.icc_profile.as_ref().map(|profile| profile.to_vec()));
    let turn = info.exif_metadata.as_ref().map(|exif| Turn::of_exif(exif)).unwrap_or_default();
    Ok(Decoded { raster: Raster { width: columns, height: rows, layout, bytes }, turn, profile })
}

#[cfg(test)]
mod tests;
