//! A picture as it is shown.

pub use ipc_schema::edge::stored_mediad::Pixels;

use crate::colour::ToSrgb;
use crate::decode::decode;
use crate::error::PictureError;
use crate::scale::fit;

/// Decodes `untrusted`, lays it over white, scales it down to fit `max_side` pixels each way (never up), turns it as it says, and gives
/// its colours in sRGB. Of one that moves it is the first picture.
///
/// # Errors
/// [`PictureError`]; nothing of a broken picture is shown.
pub fn pixels(untrusted: &[u8], max_side: u16) -> Result<Pixels, PictureError> {
    let decoded = decode(untrusted)?;
    // Colours last: there are fewest then.
    let mut pixels = decoded.turn.pixels(fit(&decoded.raster, max_side));
    if let Some(colours) = decoded.profile.as_deref().and_then(ToSrgb::from) {
        colours.change(&mut pixels.rgb, 3);
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests;
