//! The state file `onion.state`: two slots in turn, so that a kill in the middle of a write leaves the older one whole.
//!
//! A slot lies at 0 or at [`SLOT_BYTES`]: `"privatus/onion/1" 16 ‖ generation 8 ‖ length 4 ‖ SHA-256 32 over generation, length and payload ‖
//! payload`, integers big-endian. The whole slot with the higher generation counts; the next write goes to the other one and is on the
//! disk before it returns. The file is sparse between the two. Behind them, from [`ASIDE`] on, lies what was found damaged last and a person
//! went on without.

use std::fs::File;
use std::os::unix::fs::FileExt;

use ipc_schema::bytes::{Cursor, Short};
use ipc_schema::loss;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Where the second slot begins: a full directory of 4,608 relays takes 2.4 MB.
pub const SLOT_BYTES: u64 = 4 << 20;
const HEADER_BYTES: usize = 16 + 8 + 4 + 32;
/// Longest payload.
pub const PAYLOAD_MAX_BYTES: usize = (4 << 20) - HEADER_BYTES;
const MAGIC: &[u8; 16] = b"privatus/onion/1";
/// Where both slots are kept as they were found damaged, in bytes from the begin.
pub const ASIDE: u64 = 2 * SLOT_BYTES;
/// How much of them is moved at once, bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// None of what is in the file is whole, or nothing is there although there was.
    #[error("onion.state is damaged: {}", loss::ONION_STATE)]
    Damaged,
    /// Written by a later version.
    #[error(
        "onion.state was written by a later version of Privatus: install that version; nothing was changed"
    )]
    Newer,
    /// A file without a relay's keys.
    #[error("onion.state holds no keys of a relay: {}", loss::ONION_STATE)]
    Unreadable,
    /// What it holds is good in another network alone.
    #[error(
        "onion.state belongs to another network than the one that was named: start with --network NAME (and its secret) as at the first start; nothing was changed"
    )]
    OtherNetwork,
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
    /// Of a layout that a later version knows.
    Newer,
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
    /// Which slots are whole.
    whole: [bool; 2],
}

impl StateFile {
    /// Opens it and reads the newest whole state; empty for a new file.
    ///
    /// # Errors
    /// [`StateError::Damaged`] comes together with the file, so that the caller decides: a client goes on, a relay refuses rather
    /// than become another relay. Anything else cannot be helped here.
    pub fn open(file: File) -> Result<(Self, Payload), StateError> {
        let slots = [read_slot(&file, 0)?, read_slot(&file, SLOT_BYTES)?];
        // Whatever else is whole is older.
        if slots.iter().any(|slot| matches!(slot, Slot::Newer)) {
            return Err(StateError::Newer);
        }
        let whole = slots.each_ref().map(|slot| matches!(slot, Slot::Whole(..)));
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
        Ok((Self { file, generation, whole }, payload))
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
        let [first, second] = &mut self.whole;
        *(if place(generation) == 0 { first } else { second }) = true;
        Ok(())
    }

    /// Whether both slots are whole.
    #[must_use]
    pub fn is_twice(&self) -> bool {
        self.whole == [true; 2]
    }

    /// Copies both slots as they are behind themselves, before anything is written over them.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn keep_aside(&self) -> Result<(), StateError> {
        let io = |source| StateError::Io { doing: "keeping what is damaged in", source };
        for at in (0..ASIDE).step_by(PIECE_BYTES) {
            let mut piece = read_at(&self.file, PIECE_BYTES, at)?;
            // What was there before goes as well, and what is a hole stays one.
            piece.resize(PIECE_BYTES, 0);
            let mut before = read_at(&self.file, PIECE_BYTES, ASIDE + at)?;
            before.resize(PIECE_BYTES, 0);
            if *piece != *before {
                self.file.write_all_at(&piece, ASIDE + at).map_err(io)?;
            }
        }
        self.file.sync_data().map_err(io)
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
    let Ok(Header { magic, generation, length, sum }) = read_header(&header) else {
        return Ok(Slot::Damaged);
    };
    let wanted = usize::try_from(length).unwrap_or(usize::MAX);
    let mut payload = Zeroizing::new(Vec::new());
    if wanted <= PAYLOAD_MAX_BYTES {
        payload = read_at(file, wanted, from.saturating_add(HEADER_BYTES as u64))?;
    }
    if payload.len() == wanted && checksum(generation, length, &payload) == sum {
        return Ok(Slot::Whole(generation, payload));
    }
    // A wrong bit in the version alone does not come so far: the checksum does not lie over it.
    Ok(if is_later(&magic) { Slot::Newer } else { Slot::Damaged })
}

fn is_later(magic: &[u8; 16]) -> bool {
    let ([name @ .., version], [own_name @ .., own]) = (magic, MAGIC);
    name == own_name && version.is_ascii_digit() && version > own
}

/// A slot without its payload.
struct Header {
    magic: [u8; 16],
    generation: u64,
    length: u32,
    sum: [u8; 32],
}

fn read_header(header: &[u8]) -> Result<Header, Short> {
    let mut cursor = Cursor::new(header);
    let (magic, generation) = (cursor.array()?, cursor.u64()?);
    let header = Header { magic, generation, length: cursor.u32()?, sum: cursor.array()? };
    cursor.end()?;
    Ok(header)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn fresh() -> File {
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

    #[test]
    fn a_wrong_bit_in_the_version_is_no_later_version_and_a_later_layout_is() {
        let file = fresh();
        let (mut state, _) = StateFile::open(file.try_clone().unwrap()).unwrap();
        state.save(b"first").unwrap();
        for bit in 0..8 {
            file.write_all_at(&[MAGIC[15] ^ (1 << bit)], SLOT_BYTES + 15).unwrap();
            assert_eq!(reopened(&file).unwrap(), b"first", "bit {bit}");
        }
        file.write_all_at(b"2", SLOT_BYTES + 15).unwrap();
        file.write_all_at(&[7; 100], SLOT_BYTES + 16).unwrap();
        assert!(matches!(StateFile::open(file.try_clone().unwrap()), Err(StateError::Newer)));
        // However whole the older one is.
        file.write_all_at(&pack(2, b"second"), 0).unwrap();
        assert!(matches!(StateFile::open(file), Err(StateError::Newer)));
    }

    #[test]
    fn what_is_damaged_is_kept_as_it_was_the_last_time_and_outlives_what_is_written_over_it() {
        let file = fresh();
        let all = |from| {
            let length = usize::try_from(ASIDE).unwrap();
            let mut bytes = read_at(&file, length, from).unwrap();
            bytes.resize(length, 0);
            bytes
        };
        for round in [1_u8, 2] {
            file.write_all_at(&vec![round; 70_000 / usize::from(round)], 0).unwrap();
            file.write_all_at(&[round; 100], SLOT_BYTES).unwrap();
            let before = all(0);
            let (mut state, found) = StateFile::open(file.try_clone().unwrap()).unwrap();
            assert!(matches!(found, Err(StateError::Damaged)) && !state.is_twice());
            state.keep_aside().unwrap();
            for _ in 0..2 {
                state.save(b"anew").unwrap();
            }
            assert!(state.is_twice());
            assert!(all(ASIDE) == before, "round {round}");
            file.write_all_at(&[9; 16], 0).unwrap();
            file.write_all_at(&[9; 16], SLOT_BYTES).unwrap();
        }
    }
}
