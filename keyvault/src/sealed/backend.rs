//! redb behind the header: the same descriptor, its first bytes left out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use redb::StorageBackend;

/// The part of a file from `start` on. The file's lock is held by who opened it.
#[derive(Debug)]
pub(super) struct OffsetBackend {
    file: Arc<File>,
    start: u64,
}

impl OffsetBackend {
    pub(super) fn new(file: Arc<File>, start: u64) -> Self {
        Self { file, start }
    }

    fn at(&self, offset: u64) -> io::Result<u64> {
        self.start.checked_add(offset).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl StorageBackend for OffsetBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.start))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, self.at(offset)?)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        super::disk::set_length(&self.file, self.at(len)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        super::disk::sync(&self.file)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        super::disk::write(&self.file, data, self.at(offset)?)
    }
}
