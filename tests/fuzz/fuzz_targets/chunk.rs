//! A chunk of a relay's: as noise, and what a sender may seal in one, so that the way through the tree is reached.
#![no_main]

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use libfuzzer_sys::fuzz_target;
use stored::content::WireId;
use stored::files::{Cut, NotAChunk, Plan, Round};
use stored::secret::Secret;

const QUEUE: [u8; 24] = [3; 24];
const PIECES: u32 = 5;

fuzz_target!(|untrusted: (u32, u32, u64, &[u8])| {
    let (number, round, size, bytes) = untrusted;
    let Some(cut) = Cut::of(size) else { return };
    let plan = Plan { file: WireId([1; 16]), key: Secret::of([2; 32]), root: [4; 32], cut };
    assert!(plan.for_queue(&QUEUE).open(number, Round(round), bytes).is_err(), "nobody guesses a tag");

    let cut = Cut::of(u64::from(PIECES) * 65_536 - 7).unwrap();
    let number = 1 + number % 8;
    let plan = Plan { cut, ..plan };
    let mut inside = bytes.to_vec();
    inside.resize(512 + 65_536, 0);
    let opened = plan.for_queue(&QUEUE).open(number, Round(0), &sealed(&plan, number, &inside));
    if number <= PIECES {
        assert_eq!(opened.err(), Some(NotAChunk::NotOffered), "nobody finds what hashes to a root");
    } else {
        assert_eq!(opened.is_ok(), inside.iter().all(|byte| *byte == 0));
    }
});

/// The chunk, written again from the specification.
fn sealed(plan: &Plan, number: u32, inside: &[u8]) -> Vec<u8> {
    let size = plan.cut.size_bytes().to_be_bytes();
    let material = [plan.key.expose().as_slice(), &plan.root, &size, &QUEUE].concat();
    let key = blake3::derive_key("privatus/file/chunk/v1", &material);
    let associated = [&[1][..], &plan.file.0, &number.to_be_bytes(), &8_u32.to_be_bytes()].concat();
    let mut nonce = [0; 24];
    nonce[20..].copy_from_slice(&number.to_be_bytes());
    let payload = Payload { msg: inside, aad: &associated };
    let cipher = XChaCha20Poly1305::new(&Key::from(key));
    [&[1][..], &cipher.encrypt(&XNonce::from(nonce), payload).unwrap()].concat()
}
