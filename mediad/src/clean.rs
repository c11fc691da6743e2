//! A picture written anew, turned as it is to be seen, with nothing in its file but its pixels.

mod jpeg;
mod png;

use std::io::{self, Write};

use ipc_schema::limits::PICTURE_MAX_BYTES;

use crate::decode::decode;
use crate::error::PictureError;
use crate::kind::{self, Kind};

/// A picture without anything beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// What it is now.
    pub kind: Kind,
    /// Its file.
    pub bytes: Vec<u8>,
}

/// Decodes `untrusted` and writes it anew: JPEG as JPEG, and PNG as PNG with the very same pixels.
///
/// # Errors
/// [`PictureError`]; nothing of a picture that cannot be read is written.
pub fn clean(untrusted: &[u8]) -> Result<Cleaned, PictureError> {
    match kind::of(untrusted) {
        Kind::Png => self::png::clean(untrusted),
        Kind::Jpeg => self::jpeg::clean(untrusted, &decode(untrusted)?),
        _ => Err(PictureError::NotAPicture),
    }
}

/// What cannot be seen at all has no colour either: what was painted over would still be there.
fn hide(pixels: &mut [u8], colour_bytes: usize, alpha_bytes: usize) {
    for pixel in pixels.chunks_exact_mut((colour_bytes + alpha_bytes).max(1)) {
        if let Some((colour, alpha)) = pixel.split_at_mut_checked(colour_bytes)
            && alpha.iter().all(|byte| *byte == 0)
        {
            colour.fill(0);
        }
    }
}

/// A file that is written, within the bound of one that is read.
#[derive(Default)]
struct File(Vec<u8>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PICTURE_MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What can go wrong while a decoded picture is written is that it grows too long.
fn too_large<E>(_: E) -> PictureError {
    PictureError::TooLarge
}

#[cfg(test)]
mod tests;
