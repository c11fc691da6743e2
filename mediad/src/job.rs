//! The one job of a life: a picture's bytes in order, and what is asked about it.

use ipc_schema::limits::{PICTURE_MAX_BYTES, VIEW_SIDE_MAX};

use crate::clean::{Cleaned, clean};
use crate::error::PictureError;
use crate::kind::{self, Kind};
use crate::view::{Pixels, pixels};

/// One picture.
#[derive(Debug)]
pub struct Job {
    bytes: Result<Vec<u8>, PictureError>,
}

impl Default for Job {
    fn default() -> Self {
        Self { bytes: Ok(Vec::new()) }
    }
}

impl Job {
    /// The next bytes. Beyond the bound nothing is kept any more.
    pub fn add(&mut self, chunk: &[u8]) {
        let Ok(bytes) = &mut self.bytes else { return };
        if bytes.len() + chunk.len() > PICTURE_MAX_BYTES {
            self.bytes = Err(PictureError::TooLarge);
        } else {
            bytes.extend_from_slice(chunk);
        }
    }

    fn untrusted(&self) -> Result<&[u8], PictureError> {
        self.bytes.as_deref().map_err(|error| *error)
    }

    /// What it is; of a file that is too long nothing is known any more.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.untrusted().map_or(Kind::Other, kind::of)
    }

    /// How it looks within `max_side` pixels each way.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn pixels(&self, max_side: u16) -> Result<Pixels, PictureError> {
        pixels(self.untrusted()?, max_side.clamp(1, VIEW_SIDE_MAX))
    }

    /// The same picture, with nothing beside it.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn clean(&self) -> Result<Cleaned, PictureError> {
        clean(self.untrusted()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_bytes_than_the_bound_are_too_large_and_not_kept() {
        let mut job = Job::default();
        job.add(&vec![0xff; PICTURE_MAX_BYTES]);
        assert!(job.bytes.is_ok());
        job.add(&[0]);
        assert!(job.bytes.is_err());
        job.add(&[0]);
        assert_eq!(job.pixels(16), Err(PictureError::TooLarge));
        assert_eq!(job.clean(), Err(PictureError::TooLarge));
        assert_eq!(job.kind(), Kind::Other);
    }

    #[test]
    fn bytes_come_in_order() {
        let mut job = Job::default();
        job.add(&[0x89, b'P']);
        assert_eq!(job.kind(), Kind::Other);
        job.add(b"NG\r\n\x1a\n");
        assert_eq!(job.kind(), Kind::Png);
        assert_eq!(job.pixels(16), Err(PictureError::Damaged), "a signature and nothing behind it");
    }
}
