//! BLAKE3's own tree over a file, seen from its pieces: the root is the BLAKE3 of the file, and a piece is known to be the file's by the
//! hashes beside the way from it up to the root (docs/protocol/file.md, "The tree").

use blake3::Hasher;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use ipc_schema::limits::{CHUNK_BYTES, PIECE_BYTES};

use super::cut::Cut;

/// A hash, bytes.
pub(super) const HASH_BYTES: usize = 32;
/// Levels above the pieces of the largest file.
pub(super) const LEVELS_MAX: usize = 16;
/// A way as it travels, bytes.
pub(super) const WAY_BYTES: usize = LEVELS_MAX * HASH_BYTES;
const _: () = assert!(WAY_BYTES + PIECE_BYTES + 17 == CHUNK_BYTES);

/// One of BLAKE3: a chaining value below the root, the hash of the file at it.
pub type Hash = [u8; HASH_BYTES];

/// The hashes beside the way from a piece to the root, the lowest first, and zeroes behind them.
#[derive(Clone, PartialEq, Eq)]
pub struct Way(Box<[u8; WAY_BYTES]>);

/// All of a file's tree above its pieces: 64 B for each, 4 MiB for the largest file.
pub struct Tree {
    /// The pieces' hashes first, the root last.
    levels: Vec<Vec<Hash>>,
}

/// The hash of a piece in its place. Of a file's only piece it is the root.
#[must_use]
pub fn hash_of_piece(cut: Cut, number: u32, bytes: &[u8]) -> Hash {
    let mut hasher = Hasher::new();
    if cut.pieces() == 1 {
        return *hasher.update(bytes).finalize().as_bytes();
    }
    hasher.set_input_offset(cut.offset(number));
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// The node above two of `nodes` nodes of one level.
fn above(left: &Hash, right: &Hash, nodes: usize) -> Hash {
    if nodes == 2 {
        *merge_subtrees_root(left, right, Mode::Hash).as_bytes()
    } else {
        merge_subtrees_non_root(left, right, Mode::Hash)
    }
}

impl Tree {
    /// Of all pieces' hashes, in their order.
    #[must_use]
    pub fn of(pieces: Vec<Hash>) -> Self {
        let mut levels = vec![pieces];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, alone) = level.as_chunks::<2>();
            let mut next: Vec<Hash> =
                pairs.iter().map(|[left, right]| above(left, right, level.len())).collect();
            // As a tree that is full on its left has it.
            next.extend(alone);
            levels.push(next);
        }
        Self { levels }
    }

    /// The file's BLAKE3; of no pieces zeroes.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_default()
    }

    /// What proves a piece; of one that is none a way that proves nothing.
    #[must_use]
    pub fn way(&self, number: u32) -> Way {
        let mut at =
            usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).unwrap_or(usize::MAX);
        let mut way = Way::default();
        if self.levels.first().is_none_or(|pieces| at >= pieces.len()) {
            return way;
        }
        let (room, _) = way.0.as_chunks_mut::<HASH_BYTES>();
        let mut room = room.iter_mut();
        for level in &self.levels {
            if let Some(beside) = level.get(at ^ 1)
                && let Some(hash) = room.next()
            {
                *hash = *beside;
            }
            at /= 2;
        }
        way
    }
}

impl Way {
    /// As it came.
    #[must_use]
    pub fn parse(untrusted_way: &[u8; WAY_BYTES]) -> Self {
        Self(Box::new(*untrusted_way))
    }

    /// As it travels.
    #[must_use]
    pub fn bytes(&self) -> &[u8; WAY_BYTES] {
        &self.0
    }

    /// Where it leads from a piece's hash; `None`: it has more hashes than there are levels above that piece.
    #[must_use]
    pub fn root(&self, cut: Cut, number: u32, piece: &Hash) -> Option<Hash> {
        if !cut.has_piece(number) {
            return None;
        }
        let (hashes, _) = self.0.as_chunks::<HASH_BYTES>();
        let mut hashes = hashes.iter();
        let mut at = usize::try_from(number.checked_sub(1)?).ok()?;
        let mut nodes = usize::try_from(cut.pieces()).ok()?;
        let mut node = *piece;
        while nodes > 1 {
            if at ^ 1 < nodes {
                let beside = hashes.next()?;
                node = if at % 2 == 0 { above(&node, beside, nodes) } else { above(beside, &node, nodes) };
            }
            at /= 2;
            nodes = nodes.div_ceil(2);
        }
        hashes.all(|rest| *rest == Hash::default()).then_some(node)
    }
}

impl Default for Way {
    fn default() -> Self {
        Self(Box::new([0; WAY_BYTES]))
    }
}

/// It identifies a known file.
impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: u64 = PIECE_BYTES as u64;

    /// Bytes that differ everywhere.
    fn file(size: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    fn pieces(bytes: &[u8]) -> (Cut, Vec<Hash>) {
        let cut = Cut::of(bytes.len() as u64).unwrap();
        let hash = |number| {
            let start = usize::try_from(cut.offset(number)).unwrap();
            hash_of_piece(cut, number, &bytes[start..start + cut.length(number)])
        };
        (cut, (1..=cut.pieces()).map(hash).collect())
    }

    #[test]
    fn the_root_is_the_blake3_of_the_file_and_every_way_leads_there() {
        for size in [
            0,
            1,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            2 * PIECE,
            3 * PIECE - 7,
            5 * PIECE,
            6 * PIECE + 1,
            21 * PIECE,
        ] {
            let bytes = file(size);
            let (cut, pieces) = pieces(&bytes);
            let tree = Tree::of(pieces.clone());
            assert_eq!(tree.root(), *blake3::hash(&bytes).as_bytes(), "{size}");
            for number in 1..=cut.pieces() {
                let hash = &pieces[number as usize - 1];
                assert_eq!(tree.way(number).root(cut, number, hash), Some(tree.root()), "{number} of {size}");
            }
        }
    }

    #[test]
    fn a_way_of_another_piece_or_with_a_hash_too_many_leads_elsewhere() {
        let (cut, pieces) = pieces(&file(6 * PIECE));
        let tree = Tree::of(pieces.clone());
        for number in 1..=6_u32 {
            for other in (1..=6_u32).filter(|other| *other != number) {
                let hash = &pieces[number as usize - 1];
                assert_ne!(tree.way(other).root(cut, number, hash), Some(tree.root()), "{other}");
                assert_ne!(tree.way(number).root(cut, other, hash), Some(tree.root()), "{other}");
            }
            let mut longer = *tree.way(number).bytes();
            longer[WAY_BYTES - 1] = 1;
            assert_eq!(Way::parse(&longer).root(cut, number, &pieces[number as usize - 1]), None);
        }
        assert_eq!(tree.way(7), Way::default());
        for number in [0, 7, u32::MAX] {
            assert_eq!(Way::default().root(cut, number, &pieces[0]), None, "{number}");
        }
    }

    #[test]
    fn the_largest_file_has_a_way_of_sixteen_hashes() {
        let cut = Cut::of(ipc_schema::limits::FILE_MAX_BYTES).unwrap();
        let pieces: Vec<Hash> =
            (0..cut.pieces()).map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect();
        let tree = Tree::of(pieces.clone());
        for number in [1, 2, 32_769, 65_536] {
            let way = tree.way(number);
            assert!(way.bytes().as_chunks::<HASH_BYTES>().0.iter().all(|hash| *hash != Hash::default()));
            assert_eq!(way.root(cut, number, &pieces[number as usize - 1]), Some(tree.root()));
        }
    }
}
