//! PNG anew, with the same samples: palette and depth stay, so that it stays as small.

use std::io::Write;

use png::{BitDepth, ColorType, Compression, Encoder, Transformations};

use super::cleaned::{Cleaned, File, hide, too_large};
use crate::colour::ToSrgb;
use crate::decode::{Raw, raw};
use crate::error::PictureError;
use crate::kind::Kind;
use crate::turn::Grid;

pub(super) fn clean(untrusted: &[u8]) -> Result<Cleaned, PictureError> {
    let mut raw_png = raw(untrusted, Transformations::IDENTITY)?;
    if raw_png.animated {
        return Err(PictureError::Animated);
    }
    // Samples that share a byte are not turned byte by byte.
    if !raw_png.turn.is_none() && bits(raw_png.depth) < 8 {
        raw_png = raw(untrusted, Transformations::EXPAND)?;
    }
    recolour(&mut raw_png);
    Ok(Cleaned { kind: Kind::Png, bytes: write(&raw_png)? })
}

fn bits(depth: BitDepth) -> usize {
    match depth {
        BitDepth::One => 1,
        BitDepth::Two => 2,
        BitDepth::Four => 4,
        BitDepth::Eight => 8,
        BitDepth::Sixteen => 16,
    }
}

/// Colours into sRGB, and none where nothing is seen.
fn recolour(raw: &mut Raw) {
    let bytes = bits(raw.depth) / 8;
    let colours = raw.profile.as_deref().and_then(ToSrgb::from);
    if let Some(colours) = &colours {
        colours.change(&mut raw.palette, 3);
    }
    let samples = raw.colours.samples();
    match (colours, raw.colours, raw.depth) {
        (Some(colours), ColorType::Rgb | ColorType::Rgba, BitDepth::Sixteen) => {
            colours.change_deep(&mut raw.bytes, samples * 2);
        }
        (Some(colours), ColorType::Rgb | ColorType::Rgba, _) => colours.change(&mut raw.bytes, samples),
        _ => {}
    }
    if matches!(raw.colours, ColorType::GrayscaleAlpha | ColorType::Rgba) {
        hide(&mut raw.bytes, (samples - 1) * bytes, bytes);
    }
    let alphas = raw.transparent.iter().flatten();
    for (colour, _) in
        raw.palette.as_chunks_mut::<3>().0.iter_mut().zip(alphas).filter(|(_, alpha)| **alpha == 0)
    {
        *colour = [0; 3];
    }
}

fn write(raw: &Raw) -> Result<Vec<u8>, PictureError> {
    let side = |side: usize| u32::try_from(side).map_err(too_large);
    let (width, height) = raw.turn.size(raw.width, raw.height);
    let mut file = File::default();
    let mut encoder = Encoder::new(&mut file, side(width)?, side(height)?);
    encoder.set_color(raw.colours);
    encoder.set_depth(raw.depth);
    encoder.set_compression(Compression::Balanced);
    if raw.colours == ColorType::Indexed {
        encoder.set_palette(raw.palette.as_slice());
    }
    // Made into alpha where samples were made into bytes.
    if let Some(transparent) = raw.transparent.as_deref().filter(|_| !has_alpha(raw.colours)) {
        encoder.set_trns(transparent);
    }
    let mut writer = encoder.write_header().map_err(too_large)?;
    let mut rows = writer.stream_writer().map_err(too_large)?;
    let bits_each = raw.colours.samples() * bits(raw.depth);
    if raw.turn.is_none() {
        rows.write_all(&raw.bytes).map_err(too_large)?;
    } else {
        let grid =
            Grid { width: raw.width, height: raw.height, bytes_each: bits_each / 8, bytes: &raw.bytes };
        let mut row = Vec::new();
        for y in 0..height {
            row.clear();
            raw.turn.row(grid, y, &mut row);
            rows.write_all(&row).map_err(too_large)?;
        }
    }
    rows.finish().map_err(too_large)?;
    writer.finish().map_err(too_large)?;
    Ok(file.0)
}

fn has_alpha(colours: ColorType) -> bool {
    matches!(colours, ColorType::GrayscaleAlpha | ColorType::Rgba)
}
