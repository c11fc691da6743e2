//! The one file of this process, granted as an open descriptor: it cannot be renamed, so that it holds two slots, written in turn. A
//! stop in the middle of a write leaves the other slot whole.
//!
//! Slot: "onion/1\n" 8 ‖ generation 8 ‖ length 8 ‖ SHA-256 of generation, length and content 32 ‖ content. Slots begin at 0 and at
//! [`SLOT_BYTES`]; the file is sparse between.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

/// Distance of the slots: 4,608 descriptors with their dates take 2.4 MB.
const SLOT_BYTES: u64 = 4 << 20;
const HEADER_BYTES: u64 = 56;
const MAGIC: &[u8; 8] = b"onion/1\n";

/// The open state file.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    generation: u64,
}

impl StateFile {
    /// Takes the granted descriptor; answers what it holds, empty if it is new or no slot is whole.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn open(granted: OwnedFd) -> io::Result<(Self, Vec<u8>)> {
        let file = File::from(granted);
        let slots = [read_slot(&file, 0)?, read_slot(&file, SLOT_BYTES)?];
        let newest = slots.into_iter().flatten().max_by_key(|(generation, _)| *generation);
        let (generation, content) = newest.unwrap_or_default();
        Ok((Self { file, generation }, content))
    }

    /// Writes the state durably, over the older slot.
    ///
    /// # Errors
    /// When the disk does not take it; what was saved before is still there.
    pub fn save(&mut self, content: &[u8]) -> io::Result<()> {
        let length = content.len() as u64;
        if length > SLOT_BYTES - HEADER_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let generation = self.generation + 1;
        let start = (generation % 2) * SLOT_BYTES;
        let slot = [
            &MAGIC[..],
            &generation.to_be_bytes(),
            &length.to_be_bytes(),
            &digest(generation, length, content),
            content,
        ]
        .concat();
        self.file.write_all_at(&slot, start)?;
        self.file.sync_data()?;
        self.generation = generation;
        Ok(())
    }
}

fn digest(generation: u64, length: u64, content: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update(generation.to_be_bytes()).chain_update(length.to_be_bytes());
    hash.chain_update(content).finalize().into()
}

/// A slot's generation and content, if it is whole.
fn read_slot(file: &File, start: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
    let Some(header) = read_at(file, start, HEADER_BYTES)? else { return Ok(None) };
    let field = |at: usize| header.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    let (Some(generation), Some(length)) = (field(8), field(16)) else { return Ok(None) };
    if header.get(..8) != Some(MAGIC) || length > SLOT_BYTES - HEADER_BYTES {
        return Ok(None);
    }
    let Some(content) = read_at(file, start + HEADER_BYTES, length)? else { return Ok(None) };
    let whole = header.get(24..) == Some(&digest(generation, length, &content)[..]);
    Ok(whole.then_some((generation, content)))
}

/// `None`: the file ends before.
fn read_at(file: &File, start: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    match file.read_exact_at(&mut bytes, start) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        tempfile::tempfile().unwrap()
    }

    fn open(file: &File) -> (StateFile, Vec<u8>) {
        StateFile::open(file.try_clone().unwrap().into()).unwrap()
    }

    #[test]
    fn the_last_saved_state_is_read_back() {
        let file = file();
        let (mut state, content) = open(&file);
        assert!(content.is_empty());
        for content in [&b"one"[..], b"two", &[7; 100_000], b"four"] {
            state.save(content).unwrap();
            assert_eq!(open(&file).1, content);
        }
    }

    #[test]
    fn a_torn_write_leaves_the_state_before() {
        let file = file();
        let (mut state, _) = open(&file);
        state.save(b"first").unwrap();
        state.save(b"second").unwrap();
        let (mut state, _) = open(&file);
        state.save(b"third, torn").unwrap();
        // Generation 3 lies in the second slot.
        file.write_all_at(b"X", SLOT_BYTES + HEADER_BYTES + 2).unwrap();
        assert_eq!(open(&file).1, b"second");
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused_and_the_old_one_stays() {
        let file = file();
        let (mut state, _) = open(&file);
        state.save(b"small").unwrap();
        assert!(state.save(&vec![0; SLOT_BYTES as usize]).is_err());
        assert_eq!(open(&file).1, b"small");
    }
}
