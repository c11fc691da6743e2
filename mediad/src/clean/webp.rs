//! WebP anew.

use image_webp::{ColorType, WebPEncoder};

use super::cleaned::{Cleaned, File, hide, too_large};
use super::jpeg;
use crate::colour::ToSrgb;
use crate::decode::Decoded;
use crate::error::PictureError;
use crate::jpeg::Fineness;
use crate::kind::Kind;
use crate::raster::Layout;

/// What a lossy WebP is written with as a JPEG: what WebP's usual 75 looks like there, and a little more.
const AS_JPEG: Fineness = Fineness { quality: 85, halved: true };

pub(super) fn clean(decoded: &Decoded) -> Result<Cleaned, PictureError> {
    let raster = &decoded.raster;
    let colours = match raster.layout {
        Layout::Rgba => ColorType::Rgba8,
        Layout::Rgb if decoded.lossy => return jpeg::write(decoded, AS_JPEG),
        Layout::Rgb => ColorType::Rgb8,
        // The decoder has no others.
        Layout::Grey | Layout::GreyAlpha => return Err(PictureError::Damaged),
    };
    let mut pixels = decoded.turn.all(raster.grid());
    if let Some(colours) = decoded.profile.as_deref().and_then(ToSrgb::from) {
        colours.change(&mut pixels, raster.layout.bytes());
    }
    if raster.layout == Layout::Rgba {
        hide(&mut pixels, 3, 1);
    }
    let side = |side: usize| u32::try_from(side).map_err(too_large);
    let (width, height) = decoded.turn.size(side(raster.width)?, side(raster.height)?);
    let mut file = File::default();
    WebPEncoder::new(&mut file).encode(&pixels, width, height, colours).map_err(too_large)?;
    Ok(Cleaned { kind: Kind::Webp, bytes: file.0 })
}
