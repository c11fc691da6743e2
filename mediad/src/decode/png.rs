//! PNG, interlaced or not, of any depth; of one that moves the picture that is shown where nothing moves.

use std::borrow::Cow;
use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::decoded::{Decoded, profile};
use crate::error::PictureError;
use crate::raster::{Layout, Raster};
use crate::turn::Turn;

/// What the decoder may allocate beside the pixels, bytes: two rows, tables, a profile, and the ancillary chunks that it cannot be told to
/// skip.
const DECODER_MAX_BYTES: usize = 16 << 20;

/// A PNG with its pixels as they lie in the file, or nearly.
pub(crate) struct Raw {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) colours: ColorType,
    pub(crate) depth: BitDepth,
    /// Rows of whole bytes.
    pub(crate) bytes: Vec<u8>,
    /// Red, green and blue of each colour; empty where pixels are colours.
    pub(crate) palette: Vec<u8>,
    /// What is seen through: of each colour of the palette how much it hides, else the one colour that is not there.
    pub(crate) transparent: Option<Vec<u8>>,
    pub(crate) turn: Turn,
    pub(crate) profile: Option<Vec<u8>>,
    pub(crate) animated: bool,
}

/// Reads all of a PNG. `shape`: what pixels are made into.
pub(crate) fn raw(untrusted: &[u8], shape: Transformations) -> Result<Raw, PictureError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(untrusted), Limits { bytes: DECODER_MAX_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(shape);
    let (width, height) = decoder.read_header_info()?.size();
    let side = |side: u32| usize::try_from(side).map_err(|_| PictureError::TooLarge);
    let (columns, rows) = (side(width)?, side(height)?);
    // Four samples of 16 bits.
    Raster::fits(columns, rows, 8)?;
    let mut reader = decoder.read_info()?;
    // The rows that come are the first frame's: one of another size would leave pixels unwritten.
    let frame = reader.info().frame_control.map_or((width, height), |frame| (frame.width, frame.height));
    if frame != (width, height) {
        return Err(PictureError::Damaged);
    }
    let mut bytes = vec![0; reader.output_buffer_size().ok_or(PictureError::TooLarge)?];
    let (colours, depth) = reader.output_color_type();
    reader.next_frame(&mut bytes)?;
    // Reads to the end, so that a picture that was cut off or altered behind its last row is told.
    reader.finish()?;
    let info = reader.info();
    let chunk = |chunk: &Option<Cow<'_, [u8]>>| chunk.as_ref().map(|chunk| chunk.to_vec());
    Ok(Raw {
        width: columns,
        height: rows,
        colours,
        depth,
        bytes,
        palette: chunk(&info.palette).unwrap_or_default(),
        transparent: chunk(&info.trns),
        turn: info.exif_metadata.as_ref().map(|exif| Turn::of_exif(exif)).unwrap_or_default(),
        profile: profile(chunk(&info.icc_profile)),
        animated: info.animation_control.is_some(),
    })
}

pub(super) fn decode(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    let raw = raw(untrusted, Transformations::EXPAND | Transformations::STRIP_16)?;
    let layout = match raw.colours {
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        // EXPAND leaves no palette.
        ColorType::Indexed => return Err(PictureError::Damaged),
    };
    let Raw { width, height, bytes, turn, profile, animated, .. } = raw;
    Ok(Decoded { raster: Raster { width, height, layout, bytes }, turn, profile, animated, lossy: false })
}

#[cfg(test)]
mod tests;
