//! JPEG: baseline and progressive, by Huffman codes.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::decoded::{Decoded, profile};
use crate::error::PictureError;
use crate::raster::{Layout, Raster};
use crate::turn::Turn;

/// Scans of a progressive picture. Encoders write some 10; each one more goes through the whole picture again.
const SCANS_MAX: usize = 64;

/// The longest side that the format has.
const SIDE_MAX: usize = 65_535;

pub(super) fn decode(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    // Strict: what is cut off or altered is told, and not filled with grey.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(SIDE_MAX)
        .set_max_height(SIDE_MAX)
        .jpeg_set_max_scans(SCANS_MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(untrusted), options);
    decoder.decode_headers()?;
    let (width, height) = decoder.dimensions().ok_or(PictureError::Damaged)?;
    let components = decoder.info().map_or(4, |info| usize::from(info.components));
    let (layout, colours) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (Layout::Grey, ColorSpace::Luma),
        _ => (Layout::Rgb, ColorSpace::RGB),
    };
    // The coefficients of a whole picture are kept where it comes in several scans: 2 B each.
    Raster::fits(width, height, layout.bytes() + 2 * components)?;
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(colours));
    let length = decoder.output_buffer_size().ok_or(PictureError::TooLarge)?;
    if length != width * height * layout.bytes() {
        return Err(PictureError::Damaged);
    }
    let mut bytes = vec![0; length];
    decoder.decode_into(&mut bytes)?;
    let turn = decoder.exif().map(|exif| Turn::of_exif(exif)).unwrap_or_default();
    Ok(Decoded {
        raster: Raster { width, height, layout, bytes },
        turn,
        profile: profile(decoder.icc_profile()),
        animated: false,
        lossy: true,
    })
}
