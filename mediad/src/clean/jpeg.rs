//! JPEG anew. Something is lost each time, so as little as can be: it is written as finely as it was, but never finer than
//! [`QUALITY_MAX`], above which a file grows and nobody sees why.

use super::cleaned::{Cleaned, File, too_large};
use crate::colour::ToSrgb;
use crate::decode::Decoded;
use crate::error::PictureError;
use crate::jpeg::{self, Colours, Fineness, Picture};
use crate::kind::Kind;
use crate::raster::Layout;

/// Quality in libjpeg's scale.
const QUALITY_MAX: u32 = 90;
/// Below this a second loss is seen.
const QUALITY_MIN: u32 = 60;

/// The sum of Annex K's table for brightness (ITU-T T.81, table K.1), which libjpeg's scale stretches.
const TABLE_SUM: u32 = 3_688;

pub(super) fn clean(untrusted: &[u8], decoded: &Decoded) -> Result<Cleaned, PictureError> {
    write(decoded, told(untrusted))
}

/// Writes a picture that nothing is seen through.
pub(super) fn write(decoded: &Decoded, fineness: Fineness) -> Result<Cleaned, PictureError> {
    let side = |side: usize| u16::try_from(side).map_err(too_large);
    let raster = &decoded.raster;
    let (width, height) = decoded.turn.size(side(raster.width)?, side(raster.height)?);
    let colours = decoded.profile.as_deref().and_then(ToSrgb::from);
    let grid = raster.grid();
    let grey = raster.layout == Layout::Grey;
    let picture =
        Picture { width, height, colours: if grey { Colours::Grey } else { Colours::Rgb }, fineness };
    let mut file = File::default();
    let row = |y: u16, row: &mut Vec<u8>| {
        decoded.turn.row(grid, y.into(), row);
        if let Some(colours) = colours.as_ref().filter(|_| !grey) {
            colours.change(row, grid.bytes_each);
        }
    };
    jpeg::write(&picture, row, &mut file).map_err(too_large)?;
    Ok(Cleaned { kind: Kind::Jpeg, bytes: file.0 })
}

/// How finely a file says that it was written. This only chooses; nothing is decoded by it.
fn told(untrusted: &[u8]) -> Fineness {
    let (mut quality, mut halved) = (None, true);
    for segment in (Segments { rest: untrusted }) {
        match segment.marker {
            0xdb => quality = quality.or(luma_quality(segment.body)),
            // Three components, of which the first is as fine as any can be.
            0xc0..=0xc2 => halved = !matches!(segment.body, [_, _, _, _, _, 3, _, 0x11, ..]),
            _ => {}
        }
    }
    let quality = quality.unwrap_or(QUALITY_MAX).clamp(QUALITY_MIN, QUALITY_MAX);
    Fineness { quality: u8::try_from(quality).unwrap_or(u8::MAX), halved }
}
/// libjpeg's quality, of what the first table (ITU-T T.81, B.2.4.1) is worth.
fn luma_quality(body: &[u8]) -> Option<u32> {
    let (kind, table) = body.split_first()?;
    let sum: u32 = match kind >> 4 {
        0 => table.get(..64)?.iter().copied().map(u32::from).sum(),
        1 => table.get(..128)?.as_chunks().0.iter().map(|two| u32::from(u16::from_be_bytes(*two))).sum(),
        _ => return None,
    };
    let scale = (sum * 100 / TABLE_SUM).max(1);
    Some(if scale <= 100 { 100 - scale / 2 } else { 5_000 / scale })
}

struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
}

/// What stands before a JPEG's pixels (ITU-T T.81, B.1.1).
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let start = self.rest.iter().position(|byte| *byte == 0xff)?;
            let marked = self.rest.get(start..)?;
            let marked = marked.get(marked.iter().position(|byte| *byte != 0xff)?..)?;
            let (marker, rest) = marked.split_first()?;
            self.rest = rest;
            match marker {
                // Markers that stand alone.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                // The pixels, or the end.
                0xd9 | 0xda => return None,
                marker => {
                    let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
                    self.rest = rest.get(length..)?;
                    return Some(Segment { marker: *marker, body: rest.get(2..length)? });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(quality: u8, halved: bool) -> Vec<u8> {
        let mut file = Vec::new();
        let fineness = Fineness { quality, halved };
        let picture = Picture { width: 16, height: 16, colours: Colours::Rgb, fineness };
        jpeg::write(&picture, |_, row| row.extend([9; 16 * 3]), &mut file).unwrap();
        file
    }

    #[test]
    fn a_picture_is_written_as_finely_as_it_was_within_bounds() {
        for (quality, expected) in [(10, 60), (60, 60), (75, 75), (85, 85), (90, 90), (98, 90)] {
            let quality_told = told(&written(quality, true)).quality;
            assert!(quality_told.abs_diff(expected) <= 1, "{quality}: {quality_told}");
        }
        assert!(told(&written(80, true)).halved);
        assert!(!told(&written(80, false)).halved);
    }

    #[test]
    fn headers_that_say_nothing_choose_the_finest() {
        for bytes in [
            &b""[..],
            b"\xff",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xdb",
            b"\xff\xd8\xff\xdb\0\x02",
            b"\xff\xd8\xff\xdb\0\0",
        ] {
            assert_eq!(told(bytes), Fineness { quality: 90, halved: true }, "{}", bytes.escape_ascii());
        }
    }
}
