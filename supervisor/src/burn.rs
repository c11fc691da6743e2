//! Destroying a vault: its bytes are overwritten in place, on the disk before this returns, and read back.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt;

/// What is written over it at once. The key slots fit into the first piece.
const PIECE_BYTES: usize = 64 << 10;

/// Overwrites the whole of `vault`, open for reading and writing, with random bytes. The slots in front go first, and are gone
/// before the rest is begun.
///
/// # Errors
/// `UnexpectedEof`: it is empty. `InvalidData`: what is read back is not what was written. Else what the disk says.
pub fn burn(vault: &File) -> Result<()> {
    let length = vault.metadata()?.len();
    if length == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let mut noise = vec![0; PIECE_BYTES];
    getrandom::fill(&mut noise).map_err(Error::other)?;
    let mut pieces_left = pieces(length, &noise);
    if let Some((at, slots)) = pieces_left.next() {
        vault.write_all_at(slots, at)?;
        vault.sync_data()?;
    }
    for (at, piece) in pieces_left {
        vault.write_all_at(piece, at)?;
    }
    vault.sync_all()?;
    let mut found = vec![0; PIECE_BYTES];
    for (at, piece) in pieces(length, &noise) {
        let found = found.get_mut(..piece.len()).unwrap_or_default();
        vault.read_exact_at(found, at)?;
        if found != piece {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    Ok(())
}

/// Where each piece begins, and what stands there afterwards.
fn pieces(length: u64, noise: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (0..length).step_by(PIECE_BYTES).map(move |at| {
        let left = usize::try_from(length - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        (at, noise.get(..left).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_vault_is_left_whatever_its_length() {
        for length in [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("vault");
            std::fs::write(&path, vec![7; length]).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            burn(&file).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.len(), length);
            assert!(length == 1 || bytes.iter().filter(|byte| **byte == 7).count() < length / 50);
        }
    }

    #[test]
    fn an_empty_vault_and_one_that_cannot_be_written_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault");
        std::fs::write(&path, "").unwrap();
        let empty = File::options().read(true).write(true).open(&path).unwrap();
        assert_eq!(burn(&empty).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        std::fs::write(&path, "keys").unwrap();
        assert!(burn(&File::open(&path).unwrap()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"keys");
    }
}
