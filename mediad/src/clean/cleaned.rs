//! A file as each encoder hands it over, and how it is written.

use std::io::{self, Write};

use ipc_schema::limits::PICTURE_MAX_BYTES;

use crate::error::PictureError;
use crate::kind::Kind;

/// A picture without anything beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// What it is now.
    pub kind: Kind,
    /// Its file.
    pub bytes: Vec<u8>,
}

/// What cannot be seen at all has no colour either: what was painted over would still be there.
pub(super) fn hide(pixels: &mut [u8], colour_bytes: usize, alpha_bytes: usize) {
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
pub(super) struct File(pub(super) Vec<u8>);

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
pub(super) fn too_large<E>(_: E) -> PictureError {
    PictureError::TooLarge
}
