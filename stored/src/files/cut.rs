//! How a file is cut, which follows from its length alone; and how many chunks travel, which tells little of it
//! (docs/protocol/file.md, "Pieces and chunks").

use ipc_schema::limits::{FILE_MAX_BYTES, PIECE_BYTES};

use crate::content::Received;

/// As `u64`, for lengths of files.
const PIECE: u64 = PIECE_BYTES as u64;

/// Up to so many chunks their number is a power of two, beyond a multiple of this.
const STEP: u32 = 16;

/// Where a file's pieces are. Pieces and chunks are numbered from 1, as contents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    size_bytes: u64,
    pieces: u32,
}

impl Cut {
    /// Of a file of so many bytes; `None`: more than a file may have.
    #[must_use]
    pub fn of(size_bytes: u64) -> Option<Self> {
        if size_bytes > FILE_MAX_BYTES {
            return None;
        }
        // An empty file has one piece, which is empty.
        let pieces = u32::try_from(size_bytes.div_ceil(PIECE)).ok()?.max(1);
        Some(Self { size_bytes, pieces })
    }

    /// The file's length.
    #[must_use]
    pub fn size_bytes(self) -> u64 {
        self.size_bytes
    }

    /// Pieces that make up the file.
    #[must_use]
    pub fn pieces(self) -> u32 {
        self.pieces
    }

    /// Chunks that travel: the pieces, and behind them padding that nobody can tell from them.
    #[must_use]
    pub fn chunks(self) -> u32 {
        if self.pieces <= STEP { self.pieces.next_power_of_two() } else { self.pieces.next_multiple_of(STEP) }
    }

    /// Where a piece begins in the file.
    #[must_use]
    pub fn offset(self, number: u32) -> u64 {
        u64::from(number.saturating_sub(1)).saturating_mul(PIECE)
    }

    /// Bytes of the file in a piece; 0 in padding, and in what is no chunk of it.
    #[must_use]
    pub fn length(self, number: u32) -> usize {
        if number == 0 {
            return 0;
        }
        let left = self.size_bytes.saturating_sub(self.offset(number));
        usize::try_from(left.min(PIECE)).unwrap_or(PIECE_BYTES)
    }

    /// Bytes of the file in these chunks.
    #[must_use]
    pub fn bytes_in(self, chunks: &Received) -> u64 {
        let pieces = u64::from(self.pieces);
        let short = if chunks.contains(pieces) { pieces * PIECE - self.size_bytes } else { 0 };
        (chunks.count(pieces) * PIECE).saturating_sub(short)
    }

    /// Whether a chunk of that number travels.
    #[must_use]
    pub fn has_chunk(self, number: u32) -> bool {
        (1..=self.chunks()).contains(&number)
    }

    /// Whether a piece of that number is part of the file.
    #[must_use]
    pub fn has_piece(self, number: u32) -> bool {
        (1..=self.pieces).contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Range;

    fn cut(size: u64) -> Cut {
        Cut::of(size).unwrap()
    }

    #[test]
    fn the_number_of_chunks_is_a_power_of_two_and_beyond_sixteen_a_multiple_of_that() {
        for (pieces, chunks) in
            [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (16, 16), (17, 32), (33, 48), (65_536, 65_536)]
        {
            let cut = cut(pieces * PIECE);
            assert_eq!((u64::from(cut.pieces()), cut.chunks()), (pieces, chunks));
        }
    }

    #[test]
    fn every_byte_lies_in_one_piece() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 17 * PIECE + 5] {
            let cut = cut(size);
            let mut next = 0;
            for number in 1..=cut.pieces() {
                assert_eq!(cut.offset(number), next);
                next += u64::try_from(cut.length(number)).unwrap();
            }
            assert_eq!(next, size);
            assert_eq!(cut.bytes_in(&Received::all_but(cut.chunks().into(), &[])), size);
            let but_the_first = Received::all_but(cut.chunks().into(), &[Range { first: 1, last: 1 }]);
            assert_eq!(cut.bytes_in(&but_the_first), size - cut.length(1) as u64);
            assert_eq!(cut.length(cut.pieces() + 1) + cut.length(0), 0);
        }
        assert_eq!(cut(0).pieces(), 1);
    }

    #[test]
    fn the_largest_file_has_as_many_pieces_as_a_chunk_has_room_for_the_way_of() {
        assert_eq!(cut(FILE_MAX_BYTES).pieces(), 1 << super::super::tree::LEVELS_MAX);
        assert_eq!(Cut::of(FILE_MAX_BYTES + 1), None);
        assert_eq!(Cut::of(u64::MAX), None);
    }
}
