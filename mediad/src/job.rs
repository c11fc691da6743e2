//! The one job of a life: bytes in order, then pixels.

use ipc_schema::limits::PICTURE_MAX_BYTES;

use crate::error::PictureError;
use crate::image::{Pixels, decode};
use crate::kind::{self, Kind};

/// Takes a picture's bytes. Consumed by [`Job::finish`].
#[derive(Debug)]
pub struct Job {
    max_side: u16,
    bytes: Result<Vec<u8>, PictureError>,
}

impl Job {
    /// Pixels will fit a square of `max_side`.
    #[must_use]
    pub fn new(max_side: u16) -> Self {
        Self { max_side, bytes: Ok(Vec::new()) }
    }

    /// A job for a decoder that has had its one.
    #[must_use]
    pub fn refused() -> Self {
        Self { max_side: 0, bytes: Err(PictureError::JobUsed) }
    }

    /// The next bytes. Beyond the bound nothing is kept any more.
    pub fn add(&mut self, chunk: &[u8]) {
        let Ok(bytes) = &mut self.bytes else { return };
        if bytes.len() + chunk.len() > PICTURE_MAX_BYTES {
            self.bytes = Err(PictureError::TooLarge);
        } else {
            bytes.extend_from_slice(chunk);
        }
    }

    /// What it is; of a file that is too long nothing is known any more.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.bytes.as_ref().map_or(Kind::Other, |bytes| kind::of(bytes))
    }

    /// Decodes what came, and lets go of it.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn finish(self) -> Result<Pixels, PictureError> {
        decode(&self.bytes?, self.max_side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_bytes_than_the_bound_are_too_large_and_not_kept() {
        let mut job = Job::new(16);
        job.add(&vec![0; PICTURE_MAX_BYTES]);
        job.add(&[0]);
        assert!(job.bytes.is_err());
        job.add(&[0]);
        assert_eq!(job.finish(), Err(PictureError::TooLarge));
    }

    #[test]
    fn a_second_job_is_refused() {
        let mut job = Job::refused();
        job.add(b"anything");
        assert_eq!(job.finish(), Err(PictureError::JobUsed));
    }

    #[test]
    fn bytes_come_in_order() {
        let mut job = Job::new(16);
        job.add(&[0x89, b'P']);
        assert_eq!(job.kind(), Kind::Other);
        job.add(b"NG\r\n\x1a\n");
        assert_eq!(job.kind(), Kind::Png);
        assert_eq!(job.finish(), Err(PictureError::Damaged), "a signature and nothing behind it");
    }
}
