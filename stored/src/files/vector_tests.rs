//! Chunks against `tests/vectors/file.json`, computed from docs/protocol/file.md by `tests/vectors/file_model.py`.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Cut, FileWire, Hash, Plan, Round, Sealing, Tree, hash_of_piece};
use crate::secret::Secret;

const ROUND: Round = Round(0x4455_6677);

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn data(size: u64) -> Vec<u8> {
    let mut data: Vec<u8> =
        (0..size.div_ceil(32)).flat_map(|at| <[u8; 32]>::from(Sha256::digest(at.to_be_bytes()))).collect();
    data.truncate(usize::try_from(size).unwrap());
    data
}

fn chunk(sealing: &Sealing, cut: Cut, file: (&[u8], &Tree), number: u32) -> Vec<u8> {
    if !cut.has_piece(number) {
        return sealing.padding(number, ROUND).unwrap();
    }
    let start = usize::try_from(cut.offset(number)).unwrap();
    sealing.seal(number, ROUND, &file.0[start..start + cut.length(number)], &file.1.way(number)).unwrap()
}

#[test]
fn the_chunks_are_those_of_the_model() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/file.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = 0;
    for of in document["files"].as_array().unwrap() {
        let data = data(of["size"].as_u64().unwrap());
        let cut = Cut::of(data.len() as u64).unwrap();
        let hash = |number| {
            let start = usize::try_from(cut.offset(number)).unwrap();
            hash_of_piece(cut, number, &data[start..start + cut.length(number)])
        };
        let tree = Tree::of((1..=cut.pieces()).map(hash).collect());
        let root: Hash = bytes(&of["root"]);
        assert_eq!(tree.root(), root);
        let (file, key) = (FileWire(bytes(&document["file"])), Secret::of(bytes(&document["key"])));
        let plan = Plan { file, key, root, cut };
        for queue in of["queues"].as_array().unwrap() {
            let sealing = plan.for_queue(&bytes(&queue["queue"]));
            let chunks = queue["chunks"].as_array().unwrap();
            assert_eq!(chunks.len(), usize::try_from(cut.chunks()).unwrap());
            for said in chunks {
                let number = u32::try_from(said["number"].as_u64().unwrap()).unwrap();
                assert_eq!(sealing.id(number, ROUND).0, bytes(&said["id"]), "{number} of {}", data.len());
                let sealed = chunk(&sealing, cut, (&data, &tree), number);
                assert_eq!(<[u8; 32]>::from(Sha256::digest(&sealed)), bytes(&said["sha256"]), "{number}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 2 * (1 + 1 + 2 + 8));
}
