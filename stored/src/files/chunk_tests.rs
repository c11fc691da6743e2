use std::collections::HashSet;

use proptest::prelude::*;

use super::super::{Tree, tree};
use super::*;

const ONE: [u8; QUEUE_ID_BYTES] = [1; QUEUE_ID_BYTES];
const OTHER: [u8; QUEUE_ID_BYTES] = [2; QUEUE_ID_BYTES];
const FIRST: Round = Round(0);

/// A file with its tree.
struct Whole {
    bytes: Vec<u8>,
    tree: Tree,
    plan: Plan,
}

fn whole(size: usize) -> Whole {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    let cut = Cut::of(size as u64).unwrap();
    let hash = |number| tree::hash_of_piece(cut, number, piece(&bytes, cut, number));
    let tree = Tree::of((1..=cut.pieces()).map(hash).collect());
    let plan = Plan { file: FileWire([9; 16]), key: Secret::of([7; 32]), root: tree.root(), cut };
    Whole { bytes, tree, plan }
}

fn piece(bytes: &[u8], cut: Cut, number: u32) -> &[u8] {
    let start = usize::try_from(cut.offset(number)).unwrap();
    &bytes[start..start + cut.length(number)]
}

impl Whole {
    fn chunk(&self, sealing: &Sealing, number: u32) -> Vec<u8> {
        if self.plan.cut.has_piece(number) {
            sealing
                .seal(number, FIRST, piece(&self.bytes, self.plan.cut, number), &self.tree.way(number))
                .unwrap()
        } else {
            sealing.padding(number, FIRST).unwrap()
        }
    }
}

#[test]
fn a_file_comes_whole_out_of_its_chunks_in_any_order() {
    for size in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES - 3] {
        let file = whole(size);
        let sealing = file.plan.for_queue(&ONE);
        let mut came = vec![0; size];
        for number in (1..=file.plan.cut.chunks()).rev() {
            let chunk = file.chunk(&sealing, number);
            assert_eq!(chunk.len(), CHUNK_BYTES);
            match sealing.open(number, FIRST, &chunk).unwrap() {
                Opened::Piece(piece) => {
                    let start = usize::try_from(file.plan.cut.offset(number)).unwrap();
                    came[start..start + piece.len()].copy_from_slice(&piece);
                }
                Opened::Padding => assert!(!file.plan.cut.has_piece(number)),
            }
        }
        assert!(came == file.bytes, "{size}");
    }
}

#[test]
fn no_two_queues_share_a_byte_or_a_name() {
    let file = whole(3 * PIECE_BYTES);
    let sealings = [file.plan.for_queue(&ONE), file.plan.for_queue(&OTHER)];
    let mut names = HashSet::new();
    for number in 1..=4 {
        let [one, other] = [&sealings[0], &sealings[1]].map(|sealing| file.chunk(sealing, number));
        let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
        assert!(same < CHUNK_BYTES / 128, "{same} bytes, where chance has {}", CHUNK_BYTES / 256);
        assert!(sealings.iter().all(|sealing| names.insert(sealing.id(number, FIRST))));
        assert_eq!(sealings[1].open(number, FIRST, &one).err(), Some(NotAChunk::NotSealed));
    }
}

#[test]
fn a_chunk_that_is_left_again_has_nothing_in_common_with_the_former() {
    let file = whole(PIECE_BYTES);
    let sealing = file.plan.for_queue(&ONE);
    let again = sealing.seal(1, Round(7), &file.bytes, &file.tree.way(1)).unwrap();
    let first = file.chunk(&sealing, 1);
    let same = again.iter().zip(&first).filter(|(one, other)| one == other).count();
    assert!(same < CHUNK_BYTES / 128 && sealing.id(1, Round(7)) != sealing.id(1, FIRST));
    assert!(sealing.open(1, Round(7), &again).unwrap() == sealing.open(1, FIRST, &first).unwrap());
    assert_eq!(sealing.open(1, FIRST, &again).err(), Some(NotAChunk::NotSealed));
    assert_eq!(again, sealing.seal(1, Round(7), &file.bytes, &file.tree.way(1)).unwrap());
}

#[test]
fn a_chunk_of_another_number_file_key_or_length_is_not_taken() {
    let file = whole(3 * PIECE_BYTES);
    let sealing = file.plan.for_queue(&ONE);
    let chunk = file.chunk(&sealing, 2);
    for number in [0, 1, 3, 4, 5, u32::MAX] {
        assert_eq!(sealing.open(number, FIRST, &chunk).err(), Some(NotAChunk::NotSealed), "{number}");
    }
    let others = [
        Plan { file: FileWire([8; 16]), ..file.plan.clone() },
        Plan { key: Secret::of([8; 32]), ..file.plan.clone() },
        Plan { root: [8; 32], ..file.plan.clone() },
        Plan { cut: Cut::of(3 * PIECE_BYTES as u64 - 1).unwrap(), ..file.plan.clone() },
    ];
    for other in others {
        assert_eq!(other.for_queue(&ONE).open(2, FIRST, &chunk).err(), Some(NotAChunk::NotSealed));
    }
    for length in [0, 1, 16, 17, CHUNK_BYTES - 1] {
        assert_eq!(sealing.open(2, FIRST, &chunk[..length]).err(), Some(NotAChunk::NotSealed), "{length}");
    }
    assert_eq!(sealing.open(2, FIRST, &[chunk, vec![0]].concat()).err(), Some(NotAChunk::NotSealed));
}

#[test]
fn a_chunk_altered_anywhere_is_not_taken() {
    let file = whole(PIECE_BYTES + 9);
    let sealing = file.plan.for_queue(&ONE);
    let chunk = file.chunk(&sealing, 2);
    for at in (0..CHUNK_BYTES).step_by(997).chain([0, 1, WAY_BYTES, CHUNK_BYTES - 17, CHUNK_BYTES - 1]) {
        let mut altered = chunk.clone();
        altered[at] ^= 0x10;
        assert_eq!(sealing.open(2, FIRST, &altered).err(), Some(NotAChunk::NotSealed), "{at}");
    }
}

#[test]
fn what_the_sender_seals_and_did_not_offer_is_not_taken() {
    let file = whole(2 * PIECE_BYTES + 100);
    let sealing = file.plan.for_queue(&ONE);
    let mut other = piece(&file.bytes, file.plan.cut, 2).to_vec();
    other[5] ^= 1;
    assert_eq!(sealing.seal(2, FIRST, &other, &file.tree.way(2)).err(), Some(NotAChunk::NotOffered));
    let offered = piece(&file.bytes, file.plan.cut, 3).to_vec();
    let behind = [offered.as_slice(), &[1]].concat();
    let hostile = [
        (2, file.tree.way(2), other),
        (2, file.tree.way(1), piece(&file.bytes, file.plan.cut, 2).to_vec()),
        (3, file.tree.way(3), behind),
        (4, file.tree.way(1), Vec::new()),
        (4, Way::default(), vec![1]),
    ];
    for (number, way, piece) in hostile {
        let chunk = sealing.sealed(number, FIRST, &way, &piece);
        assert_eq!(sealing.open(number, FIRST, &chunk).err(), Some(NotAChunk::NotOffered), "{number}");
    }
    assert_eq!(sealing.padding(3, FIRST).err(), Some(NotAChunk::NotOffered));
    assert_eq!(sealing.padding(5, FIRST).err(), Some(NotAChunk::NotOffered));
}

#[test]
fn a_key_that_was_drawn_twice_seals_two_files_under_two_keys() {
    let (one, other) = (whole(PIECE_BYTES), whole(PIECE_BYTES - 1));
    assert_eq!(one.plan.key, other.plan.key);
    assert_ne!(one.plan.for_queue(&ONE).key, other.plan.for_queue(&ONE).key);
    assert_ne!(one.plan.for_queue(&ONE).id(1, FIRST), other.plan.for_queue(&ONE).id(1, FIRST));
}

#[test]
fn nothing_secret_is_printed() {
    let file = whole(1);
    let printed = format!("{:?} {:?}", file.plan.key, file.plan.for_queue(&ONE));
    assert!(printed.contains("Secret(..)") && !printed.contains("[7, 7"), "{printed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_no_chunk(bytes in proptest::collection::vec(any::<u8>(), 0..200), number in any::<u32>()) {
        let sealing = whole(1).plan.for_queue(&ONE);
        prop_assert!(sealing.open(number, FIRST, &bytes).is_err());
        let mut long = bytes;
        long.resize(CHUNK_BYTES, 1);
        prop_assert!(sealing.open(number, FIRST, &long).is_err());
    }
}
