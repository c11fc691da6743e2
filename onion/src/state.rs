//! The state file `onion.state`: two slots in turn, so that a kill in the middle of a write leaves the older one whole.
//!
//! A slot lies at 0 or at [`SLOT_BYTES`]: `"privatus/onion/1" 16 ‖ generation 8 ‖ length 4 ‖ SHA-256 32 over generation, length and payload ‖
//! payload`, integers big-endian. The whole slot with the higher generation counts; the next write goes to the other one and is on the
//! disk before it returns. The file is sparse between the two.

use std::fs::File;
use std::os::unix::fs::FileExt;

use ipc_schema::bytes::{Cursor, Short};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Where the second slot begins: a full directory of 4,608 relays takes 2.4 MB.
pub const SLOT_BYTES: u64 = 4 << 20;
const HEADER_BYTES: usize = 16 + 8 + 4 + 32;
/// Longest payload.
pub const PAYLOAD_MAX_BYTES: usize = (4 << 20) - HEADER_BYTES;
const MAGIC: &[u8; 16] = b"privatus/onion/1";

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is something in the file, and none of it is whole.
    #[error("the state file is damaged: no copy in it is whole")]
    Damaged,
    /// A relay's file without a relay's keys.
    #[error("the state file is of a newer version, or holds no keys of a relay")]
    Unreadable,
    /// The state is longer than a slot.
    #[error("the state is too long to write")]
    TooLong,
    /// The file.
    #[error("{doing} the state file: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a slot holds.
enum Slot {
    /// Nothing was ever written there, or its first write did not get as far as the header.
    Empty,
    /// Something that is not whole.
    Damaged,
    /// A whole state and its generation.
    Whole(u64, Zeroizing<Vec<u8>>),
}

/// What a state file holds, or that it is damaged.
pub type Payload = Result<Zeroizing<Vec<u8>>, StateError>;

/// An open state file. This process alone holds it.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    generation: u64,
}

impl StateFile {
    /// Opens it and reads the newest whole state; empty for a new file.
    ///
    /// # Errors
    /// [`StateError::Damaged`] comes together with the file, so that the caller decides: a client starts anew, a relay refuses rather
    /// than become another relay. Anything else cannot be helped here.
    pub fn open(file: File) -> Result<(Self, Payload), StateError> {
        let slots = [read_slot(&file, 0)?, read_slot(&file, SLOT_BYTES)?];
        let any = slots.iter().any(|slot| !matches!(slot, Slot::Empty));
        let newest = slots
            .into_iter()
            .filter_map(|slot| {
                if let Slot::Whole(generation, payload) = slot { Some((generation, payload)) } else { None }
            })
            .max_by_key(|(generation, _)| *generation);
        let (generation, payload) = match newest {
            Some((generation, payload)) => (generation, Ok(payload)),
            None if any => (0, Err(StateError::Damaged)),
            None => (0, Ok(Zeroizing::new(Vec::new()))),
        };
        Ok((Self { file, generation }, payload))
    }

    /// Writes a state over the older slot; it is durable when this returns.
    ///
    /// # Errors
    /// [`StateError`]; what was written before is still there.
    pub fn save(&mut self, payload: &[u8]) -> Result<(), StateError> {
        if payload.len() > PAYLOAD_MAX_BYTES {
            return Err(StateError::TooLong);
        }
        let generation = self.generation.saturating_add(1);
        let slot = pack(generation, payload);
        let io = |doing| move |source| StateError::Io { doing, source };
        self.file.write_all_at(&slot, place(generation)).map_err(io("writing"))?;
        self.file.sync_data().map_err(io("syncing"))?;
        self.generation = generation;
        Ok(())
    }
}

const fn place(generation: u64) -> u64 {
    if generation.is_multiple_of(2) { 0 } else { SLOT_BYTES }
}

fn pack(generation: u64, payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u32::try_from(payload.len()).unwrap_or(0);
    let mut out = Zeroizing::new(Vec::with_capacity(HEADER_BYTES + payload.len()));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&generation.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&checksum(generation, length, payload));
    out.extend_from_slice(payload);
    out
}

fn checksum(generation: u64, length: u32, payload: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update(generation.to_be_bytes()).chain_update(length.to_be_bytes());
    hash.chain_update(payload).finalize().into()
}

/// Up to `length` bytes; fewer at the end of the file.
fn read_at(file: &File, length: usize, from: u64) -> Result<Zeroizing<Vec<u8>>, StateError> {
    let mut out = Zeroizing::new(vec![0; length]);
    let mut filled = 0_usize;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = from.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(StateError::Io { doing: "reading", source }),
        }
    }
    out.truncate(filled);
    Ok(out)
}

fn read_slot(file: &File, from: u64) -> Result<Slot, StateError> {
    let header = read_at(file, HEADER_BYTES, from)?;
    if header.iter().all(|byte| *byte == 0) {
        return Ok(Slot::Empty);
    }
    let Ok((generation, length, sum)) = read_header(&header) else { return Ok(Slot::Damaged) };
    let wanted = usize::try_from(length).unwrap_or(usize::MAX);
    if wanted > PAYLOAD_MAX_BYTES {
        return Ok(Slot::Damaged);
    }
    let payload = read_at(file, wanted, from.saturating_add(HEADER_BYTES as u64))?;
    let whole = payload.len() == wanted && checksum(generation, length, &payload) == sum;
    Ok(if whole { Slot::Whole(generation, payload) } else { Slot::Damaged })
}

fn read_header(header: &[u8]) -> Result<(u64, u32, [u8; 32]), Short> {
    let mut cursor = Cursor::new(header);
    if cursor.array::<16>()? != *MAGIC {
        return Err(Short);
    }
    let parsed = (cursor.u64()?, cursor.u32()?, cursor.array()?);
    cursor.end()?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> File {
        let mut path = std::env::temp_dir();
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        path.push(format!("onion-state-{}-{number}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    fn reopened(file: &File) -> Result<Vec<u8>, StateError> {
        StateFile::open(file.try_clone().unwrap()).unwrap().1.map(|payload| payload.to_vec())
    }

    #[test]
    fn a_new_file_is_empty_and_the_last_save_is_read_back() {
        let file = fresh();
        let (mut state, payload) = StateFile::open(file.try_clone().unwrap()).unwrap();
        assert!(payload.unwrap().is_empty());
        for round in 1..=5_u8 {
            state.save(&[round; 100]).unwrap();
            assert_eq!(reopened(&file).unwrap(), [round; 100]);
        }
        // Shorter than before: nothing of the longer one shows through.
        state.save(b"short").unwrap();
        assert_eq!(reopened(&file).unwrap(), b"short");
    }

    #[test]
    fn a_kill_anywhere_in_a_write_leaves_the_state_before_it() {
        let next = pack(3, &[9; 300]);
        for written in 0..next.len() {
            let file = fresh();
            let (mut state, _) = StateFile::open(file.try_clone().unwrap()).unwrap();
            state.save(b"first").unwrap();
            state.save(b"second").unwrap();
            file.write_all_at(&next[..written], place(3)).unwrap();
            assert_eq!(reopened(&file).unwrap(), b"second", "after {written} bytes");
        }
    }

    #[test]
    fn one_damaged_slot_leaves_the_other_and_two_are_told() {
        let file = fresh();
        let (mut state, _) = StateFile::open(file.try_clone().unwrap()).unwrap();
        state.save(b"first").unwrap();
        state.save(b"second").unwrap();
        file.write_all_at(b"x", HEADER_BYTES as u64).unwrap();
        assert_eq!(reopened(&file).unwrap(), b"first");
        file.write_all_at(b"x", SLOT_BYTES + HEADER_BYTES as u64).unwrap();
        assert!(matches!(reopened(&file), Err(StateError::Damaged)));
        // Whoever decides to start anew can.
        let (mut state, _) = StateFile::open(file.try_clone().unwrap()).unwrap();
        state.save(b"anew").unwrap();
        assert_eq!(reopened(&file).unwrap(), b"anew");
    }

    #[test]
    fn bytes_of_something_else_are_told_as_damage_and_too_long_a_state_is_not_written() {
        let file = fresh();
        file.write_all_at(&[7; 5_000], 0).unwrap();
        assert!(matches!(reopened(&file), Err(StateError::Damaged)));
        let (mut state, _) = StateFile::open(file).unwrap();
        assert!(matches!(state.save(&vec![0; PAYLOAD_MAX_BYTES + 1]), Err(StateError::TooLong)));
    }
}
