//! A picture as it is shown.

pub use ipc_schema::edge::stored_mediad::Pixels;

use crate::decode::decode;
use crate::error::PictureError;
use crate::scale::fit;

/// Decodes `untrusted`, lays it over white, and scales it down to fit `max_side` pixels each way (never up).
///
/// # Errors
/// [`PictureError`]; nothing of a broken picture is shown.
pub fn pixels(untrusted: &[u8], max_side: u16) -> Result<Pixels, PictureError> {
    Ok(fit(&decode(untrusted)?, max_side))
}

#[cfg(test)]
mod tests;
