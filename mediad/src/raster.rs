//! A decoded picture in memory.

use crate::error::PictureError;
use crate::turn::Grid;

/// Most pixels of a picture: what cameras of phones have, but for a few special modes. A fuzzer learns nothing from large ones.
pub(crate) const PIXELS_MAX: usize = if cfg!(fuzzing) { 1 << 16 } else { 100_000_000 };

/// What decoding one and writing it anew may take beside the file, bytes: a JPEG of [`PIXELS_MAX`] in three components, of which the
/// pixels and the coefficients are there at a time (3 + 6 B). The profile's row for memory leaves room for it.
const WORK_MAX_BYTES: usize = 900_000_000;

/// What the bytes of a pixel are, 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    /// Bytes of a pixel.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// Rows of pixels, the first one on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raster {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) layout: Layout,
    /// `width` × `height` × the layout's bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Raster {
    /// Whether a picture of that size may be decoded where `bytes` are needed for each pixel; asked before anything is allocated for it.
    pub(crate) fn fits(width: usize, height: usize, bytes: usize) -> Result<(), PictureError> {
        let pixels = width.saturating_mul(height);
        if pixels == 0 {
            return Err(PictureError::Damaged);
        }
        if pixels > PIXELS_MAX || pixels.saturating_mul(bytes) > WORK_MAX_BYTES {
            return Err(PictureError::TooLarge);
        }
        Ok(())
    }

    /// One row as it lies there.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        let length = self.width * self.layout.bytes();
        self.bytes.get(y * length..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    /// All of it, to be turned.
    pub(crate) fn grid(&self) -> Grid<'_> {
        Grid { width: self.width, height: self.height, bytes_each: self.layout.bytes(), bytes: &self.bytes }
    }

    /// One row in red, green and blue, over white.
    pub(crate) fn rgb_row(&self, y: usize, into: &mut Vec<u8>) {
        into.clear();
        let row = self.row(y);
        match self.layout {
            Layout::Rgb => into.extend_from_slice(row),
            Layout::Grey => into.extend(row.iter().flat_map(|grey| [*grey; 3])),
            Layout::GreyAlpha => {
                into.extend(
                    row.as_chunks().0.iter().flat_map(|[grey, alpha]| [over_white(*grey, *alpha); 3]),
                );
            }
            Layout::Rgba => into.extend(row.as_chunks().0.iter().flat_map(|[red, green, blue, alpha]| {
                [red, green, blue].map(|value| over_white(*value, *alpha))
            })),
        }
    }
}

/// A colour that lets white through.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u16::from(value), u16::from(alpha));
    u8::try_from((value * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(255)
}
