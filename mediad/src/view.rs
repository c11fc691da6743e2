//! A picture as it is shown.

pub use ipc_schema::edge::stored_mediad::Pixels;

use crate::decode::decode;
use crate::error::PictureError;
use crate::scale::fit;

/// Decodes `untrusted`, lays it over white, scales it down to fit `max_side` pixels each way (never up), and turns it as it says. Of one
/// that moves it is the first picture.
///
/// # Errors
/// [`PictureError`]; nothing of a broken picture is shown.
pub fn pixels(untrusted: &[u8], max_side: u16) -> Result<Pixels, PictureError> {
    let decoded = decode(untrusted)?;
    Ok(decoded.turn.pixels(fit(&decoded.raster, max_side)))
}

#[cfg(test)]
mod tests;
