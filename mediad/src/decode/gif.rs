//! GIF: the first picture.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};

use super::decoded::Decoded;
use crate::error::PictureError;
use crate::raster::{Layout, PIXELS_MAX, Raster};
use crate::turn::Turn;

/// What a pixel takes: its number in the palette, and its colours.
const BYTES_EACH: usize = 4;

/// The first picture of a GIF as it lies in its file.
pub(crate) struct Still {
    /// Of the screen that it is shown on.
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Its place there, and its pixels: their numbers in the palette.
    pub(crate) frame: gif::Frame<'static>,
    /// Red, green and blue of each colour.
    pub(crate) palette: Vec<u8>,
    /// Others follow.
    pub(crate) animated: bool,
}

/// Reads the first picture, and whether it is the only one.
pub(crate) fn still(untrusted: &[u8]) -> Result<Still, PictureError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options
        .set_memory_limit(MemoryLimit::Bytes(NonZeroU64::new(PIXELS_MAX as u64).unwrap_or(NonZeroU64::MIN)));
    let mut decoder = options.read_info(untrusted)?;
    let screen = (decoder.width(), decoder.height());
    let mut frame = decoder.next_frame_info()?.ok_or(PictureError::Damaged)?.clone();
    Raster::fits(frame.width.into(), frame.height.into(), BYTES_EACH)?;
    // A screen of no size is one that nobody filled in.
    let (width, height) = if screen.0 == 0 || screen.1 == 0 { (frame.width, frame.height) } else { screen };
    Raster::fits(width.into(), height.into(), BYTES_EACH)?;
    let mut pixels = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut pixels)?;
    frame.buffer = pixels.into();
    let palette = decoder.palette()?.to_vec();
    Ok(Still { width, height, frame, palette, animated: another(&mut decoder) })
}

/// Whether a second picture follows. What stands behind the first and cannot be read is not shown either.
fn another(decoder: &mut Decoder<&[u8]>) -> bool {
    decoder.next_frame_info().is_ok_and(|frame| frame.is_some())
}

pub(super) fn decode(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    let still = still(untrusted)?;
    let (width, height) = (usize::from(still.width), usize::from(still.height));
    // What no picture covers is seen through.
    let mut bytes = vec![255; width * height * 3];
    let (left, top) = (usize::from(still.frame.left), usize::from(still.frame.top));
    let lines = still.frame.buffer.chunks_exact(usize::from(still.frame.width).max(1));
    for (row, line) in bytes.chunks_exact_mut(width * 3).skip(top).zip(lines) {
        let row = row.get_mut(left * 3..).unwrap_or_default();
        for (pixel, index) in row.as_chunks_mut::<3>().0.iter_mut().zip(line) {
            let colour = still.palette.as_chunks().0.get(usize::from(*index));
            if let Some(colour) = colour.filter(|_| still.frame.transparent != Some(*index)) {
                *pixel = *colour;
            }
        }
    }
    Ok(Decoded {
        raster: Raster { width, height, layout: Layout::Rgb, bytes },
        turn: Turn::default(),
        profile: None,
        animated: still.animated,
        lossy: false,
    })
}
