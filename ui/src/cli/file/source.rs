//! A file of this person's, on its way to stored. A read that hangs, as on a disk of the network that is away, hangs this program alone.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ipc_schema::edge::ui_stored::{FilePiece, Refusal, TakeFile};
use ipc_schema::limits::{FILE_MAX_BYTES, UPLOAD_CHUNK_MAX_BYTES};
use nix::fcntl::OFlag;
use tokio::sync::mpsc;

use super::super::exit::{Doing, Failure, Outcome};

/// Pieces that are read before stored takes them.
const AHEAD: usize = 2;

/// A file that can be read from its beginning again.
pub(super) struct Source {
    path: PathBuf,
    size: u64,
}

impl Source {
    /// # Errors
    /// It is missing, not a regular file, too large, or not this user's to read.
    pub(super) fn at(path: &Path) -> Outcome<Self> {
        let (_, size) = open(path)?;
        Ok(Self { path: path.into(), size })
    }

    /// What stored is told first.
    pub(super) fn call(&self, keep_metadata: bool) -> TakeFile {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        TakeFile { name, size: self.size, keep_metadata }
    }

    /// Its bytes, read as fast as they are taken. The thread ends with the file, or with the receiver; what it gives says why it ended.
    ///
    /// # Errors
    /// It cannot be opened any more.
    pub(super) fn read(&self) -> Outcome<(mpsc::Receiver<FilePiece>, Reading)> {
        let (mut file, _) = open(&self.path)?;
        let (sender, pieces) = mpsc::channel(AHEAD);
        let (most, path) = (self.size, self.path.clone());
        let work = move || {
            let mut left = most;
            loop {
                let mut chunk = vec![0; UPLOAD_CHUNK_MAX_BYTES];
                let length = fill(&mut file, &mut chunk).doing(format!("read {}", path.display()))?;
                if length == 0 {
                    return if left == 0 { Ok(()) } else { Err(Refusal::SizeDiffers.into()) };
                }
                chunk.truncate(length);
                left = u64::try_from(length)
                    .ok()
                    .and_then(|length| left.checked_sub(length))
                    .ok_or_else(|| Failure::from(Refusal::SizeDiffers))?;
                if sender.blocking_send(FilePiece { chunk }).is_err() {
                    return Ok(());
                }
            }
        };
        let thread = std::thread::Builder::new().spawn(work).doing("read the file")?;
        Ok((pieces, Reading(thread)))
    }
}

/// A file that is being read.
pub(super) struct Reading(std::thread::JoinHandle<Outcome>);

impl Reading {
    /// How it ended; to be asked when its receiver is gone or done.
    pub(super) fn end(self) -> Outcome {
        self.0.join().unwrap_or_else(|_| Err(Failure::Failed("cannot read the file: the reader fell".into())))
    }
}

/// Opens without waiting for whoever might stand behind a name, and takes nothing but a regular file.
fn open(path: &Path) -> Outcome<(fs::File, u64)> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .doing(format!("open {}", path.display()))?;
    let metadata = file.metadata().doing(format!("look at {}", path.display()))?;
    if !metadata.is_file() {
        return Err(Failure::Failed(format!(
            "{} is not a regular file: pack a folder into an archive first",
            path.display()
        )));
    }
    if metadata.len() > FILE_MAX_BYTES {
        return Err(Refusal::TooLarge.into());
    }
    Ok((file, metadata.len()))
}

/// As much as there is, up to the whole buffer.
fn fill(file: &mut fs::File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(source: &Source) -> (Vec<u8>, Outcome) {
        let (mut pieces, reading) = source.read().unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.blocking_recv() {
            bytes.extend(piece.chunk);
        }
        (bytes, reading.end())
    }

    #[test]
    fn a_file_is_read_as_often_as_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        let bytes: Vec<u8> = (0_u8..=255).cycle().take(2 * UPLOAD_CHUNK_MAX_BYTES + 5).collect();
        fs::write(&path, &bytes).unwrap();
        let source = Source::at(&path).unwrap();
        assert_eq!((source.call(false).name.as_str(), source.call(false).size), ("a.bin", source.size));
        for _ in 0..2 {
            assert!(all(&source) == (bytes.clone(), Ok(())));
        }
        let (pieces, reading) = source.read().unwrap();
        drop(pieces);
        assert_eq!(reading.end(), Ok(()), "nobody reads it any more");
    }

    #[test]
    fn one_that_changed_its_length_meanwhile_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, b"12345").unwrap();
        let source = Source::at(&path).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"6").unwrap();
        assert_eq!(all(&source).1, Err(Refusal::SizeDiffers.into()));
        fs::write(&path, b"1").unwrap();
        assert_eq!(all(&source).1, Err(Refusal::SizeDiffers.into()));
        fs::remove_file(&path).unwrap();
        assert_eq!(source.read().err().map(|failure| failure.code()), Some(1));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [dir.path(), &fifo, Path::new("/dev/zero"), &dir.path().join("missing")] {
            let failure = Source::at(path).err().unwrap();
            assert_eq!(failure.code(), 1, "{failure}");
        }
        let vast = dir.path().join("vast");
        fs::File::create(&vast).unwrap().set_len(FILE_MAX_BYTES + 1).unwrap();
        assert_eq!(Source::at(&vast).err(), Some(Refusal::TooLarge.into()));
    }
}
