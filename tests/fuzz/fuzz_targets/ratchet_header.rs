//! A header of a peer: as noise, and behind its header key, so that the fields, the slot and the turn are reached.
#![no_main]

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use ipc_schema::Timestamp;
use keyvault::agreement_key::AgreementSecret;
use keyvault::memory::Secret32;
use keyvault::pqxdh::Agreed;
use keyvault::ratchet::{HEADER_BYTES, MESSAGE_OVERHEAD_BYTES, Session};
use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const TRANSCRIPT: [u8; 32] = [1; 32];
const HEADER_KEY: [u8; 32] = [2; 32];

thread_local! {
    static RESPONDER: Session = {
        let key = |byte| Secret32::copy_of(&[byte; 32]).unwrap();
        let agreed = Agreed {
            transcript: TRANSCRIPT,
            repair: key(8),
            root: key(3),
            initiator_header: key(2),
            responder_header: key(4),
            post_quantum: key(5),
        };
        Session::responder(agreed, AgreementSecret::from_secret(&key(6))).unwrap()
    };
}

fuzz_target!(|untrusted: &[u8]| RESPONDER.with(|session| {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let now = Timestamp(1_800_000_000_000);
    assert!(session.open(untrusted, now, &mut rng).is_err(), "nobody guesses a tag");

    let mut header = untrusted.to_vec();
    header.resize(HEADER_BYTES, 0);
    let mut message = sealed(&header);
    message.resize(MESSAGE_OVERHEAD_BYTES + 2, 0);
    assert!(session.open(&message, now, &mut rng).is_err(), "nobody guesses a commitment");
}));

/// The encrypted header, written again from the specification.
fn sealed(header: &[u8]) -> Vec<u8> {
    let associated = [b"privatus/hdr/v1".as_slice(), &TRANSCRIPT].concat();
    let payload = Payload { msg: header, aad: &associated };
    let cipher = XChaCha20Poly1305::new(&Key::from(HEADER_KEY));
    [&[8; 24][..], &cipher.encrypt(&XNonce::from([8; 24]), payload).unwrap()].concat()
}
