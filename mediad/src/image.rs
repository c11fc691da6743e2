//! A PNG to RGB pixels of bounded size. No I/O.
//!
//! Rows are decoded one by one and added to the output pixels that they fall on (a box filter), so that memory is bounded by
//! the output and one row, whatever the picture claims to be; Adam7's scattered rows need no second buffer.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

pub use ipc_schema::edge::stored_mediad::Pixels;

use crate::error::PictureError;

/// Most pixels of a picture: above any camera that people carry, and half a second of decoding.
const PIXELS_MAX: u64 = 40_000_000;

/// Longest side: bounds a row at 128 kB.
const SIDE_MAX: u32 = 16_384;

/// What the decoder may allocate, bytes: two rows, tables, and the ancillary chunks that it cannot be told to skip.
const DECODER_MAX_BYTES: usize = 4 << 20;

/// First bytes of every PNG (PNG specification, third edition, 5.2).
const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Decodes `untrusted`, lays it over white, and scales it down to fit `max_side` pixels each way (never up).
///
/// # Errors
/// [`PictureError`]; nothing of a broken picture is kept.
pub fn decode(untrusted: &[u8], max_side: u16) -> Result<Pixels, PictureError> {
    if !untrusted.starts_with(&SIGNATURE) {
        return Err(PictureError::NotAPicture);
    }
    let mut decoder = Decoder::new_with_limits(Cursor::new(untrusted), Limits { bytes: DECODER_MAX_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let (width, height) = decoder.read_header_info()?.size();
    if width > SIDE_MAX || height > SIDE_MAX || u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(PictureError::TooLarge);
    }
    let mut reader = decoder.read_info()?;
    let layout = Layout::of(reader.output_color_type().0)?;
    let mut canvas = Canvas::new(width, height, max_side.max(1));
    // The rows that come are the first frame's: one of another size would leave pixels unwritten.
    let frame = reader.info().frame_control.map_or((width, height), |frame| (frame.width, frame.height));
    if frame != (width, height) {
        return Err(PictureError::Damaged);
    }
    let interlaced = reader.info().interlaced;
    for place in places(width, height, interlaced) {
        let row = reader.next_interlaced_row()?.ok_or(PictureError::Damaged)?;
        canvas.add(row.data(), layout, place);
    }
    // Reads to the end, so that a picture that was cut off or altered behind its last row is told.
    reader.finish()?;
    Ok(canvas.finish())
}

/// Bytes of one decoded pixel.
#[derive(Debug, Clone, Copy)]
struct Layout {
    bytes: usize,
    colour: bool,
    alpha: bool,
}

impl Layout {
    fn of(colour_type: ColorType) -> Result<Self, PictureError> {
        match colour_type {
            ColorType::Grayscale => Ok(Self { bytes: 1, colour: false, alpha: false }),
            ColorType::GrayscaleAlpha => Ok(Self { bytes: 2, colour: false, alpha: true }),
            ColorType::Rgb => Ok(Self { bytes: 3, colour: true, alpha: false }),
            ColorType::Rgba => Ok(Self { bytes: 4, colour: true, alpha: true }),
            // EXPAND leaves no palette.
            ColorType::Indexed => Err(PictureError::Damaged),
        }
    }

    /// One pixel over white.
    fn rgb(self, pixel: &[u8]) -> Option<[u8; 3]> {
        let colour = match (self.colour, pixel) {
            (true, [red, green, blue, ..]) => [*red, *green, *blue],
            (false, [grey, ..]) => [*grey; 3],
            _ => return None,
        };
        let alpha = if self.alpha { u16::from(*pixel.last()?) } else { 255 };
        Some(colour.map(|value| over_white(value, alpha)))
    }
}

/// `alpha` ≤ 255; the result cannot exceed 255.
fn over_white(value: u8, alpha: u16) -> u8 {
    let mixed = (u16::from(value) * alpha + 255 * (255 - alpha) + 127) / 255;
    u8::try_from(mixed).unwrap_or(255)
}

/// Where in the picture a decoded row lies: its first pixel, and the step to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    y: u32,
    x: u32,
    x_step: u32,
}

/// Adam7 (PNG specification, 8.1): of each pass the first column and its step, the first row and its step.
const ADAM7: [(u32, u32, u32, u32); 7] =
    [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)];

/// The rows of a picture in the order in which they are decoded.
fn places(width: u32, height: u32, interlaced: bool) -> Box<dyn Iterator<Item = Place>> {
    if !interlaced {
        return Box::new((0..height).map(|y| Place { y, x: 0, x_step: 1 }));
    }
    Box::new(ADAM7.into_iter().filter(move |(x, ..)| *x < width).flat_map(move |(x, x_step, y, y_step)| {
        (y..height).step_by(y_step as usize).map(move |y| Place { y, x, x_step })
    }))
}

/// Sums of the pixels that fall on each output pixel.
struct Canvas {
    from: (u32, u32),
    to: (u16, u16),
    cells: Vec<CellSum>,
}

#[derive(Debug, Clone, Copy, Default)]
struct CellSum {
    /// Up to 40 million times 255: more than 32 bits hold.
    rgb: [u64; 3],
    count: u32,
}

impl Canvas {
    fn new(width: u32, height: u32, max_side: u16) -> Self {
        let longest = width.max(height).max(1);
        let scaled = |side: u32| {
            let fit = (u64::from(side) * u64::from(max_side) + u64::from(longest) / 2) / u64::from(longest);
            let side = u16::try_from(side).unwrap_or(u16::MAX);
            u16::try_from(fit).unwrap_or(max_side).clamp(1, max_side).min(side.max(1))
        };
        let to = (scaled(width), scaled(height));
        let cells = vec![CellSum::default(); usize::from(to.0) * usize::from(to.1)];
        Self { from: (width, height), to, cells }
    }

    fn add(&mut self, row: &[u8], layout: Layout, place: Place) {
        let (width, height) = (u64::from(self.from.0), u64::from(self.from.1));
        let down = u64::from(place.y) * u64::from(self.to.1) / height.max(1);
        let start = usize::try_from(down).unwrap_or(usize::MAX).saturating_mul(usize::from(self.to.0));
        let Some(cells) = self.cells.get_mut(start..).and_then(|rest| rest.get_mut(..usize::from(self.to.0)))
        else {
            return;
        };
        let columns = (place.x..self.from.0).step_by(place.x_step as usize);
        for (x, pixel) in columns.zip(row.chunks_exact(layout.bytes)) {
            let across = u64::from(x) * u64::from(self.to.0) / width.max(1);
            let cell = usize::try_from(across).ok().and_then(|across| cells.get_mut(across));
            let Some((cell, rgb)) = cell.zip(layout.rgb(pixel)) else { continue };
            for (sum, value) in cell.rgb.iter_mut().zip(rgb) {
                *sum += u64::from(value);
            }
            cell.count += 1;
        }
    }

    fn finish(self) -> Pixels {
        let mean = |cell: &CellSum| {
            let count = u64::from(cell.count.max(1));
            cell.rgb.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(255))
        };
        Pixels { width: self.to.0, height: self.to.1, rgb: self.cells.iter().flat_map(mean).collect() }
    }
}

#[cfg(test)]
mod tests;
