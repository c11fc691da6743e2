//! An envelope from a mailbox: as it is, and with an outer layer that opens, so that what lies inside is reached.
#![no_main]

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use keyvault::agreement_key::AgreementSecret;
use keyvault::envelope::{INNER_BYTES, Inner, OuterKey};
use keyvault::ids::QueueId;
use keyvault::memory::Secret32;
use keyvault::pqxdh::FirstPrefix;
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

thread_local! {
    /// The queue's outer key, and the shared secret that it comes from.
    static KEY: (OuterKey, [u8; 32]) = {
        let own = AgreementSecret::from_secret(&Secret32::copy_of(&[1; 32]).unwrap());
        let their = AgreementSecret::from_secret(&Secret32::copy_of(&[2; 32]).unwrap());
        let receive_queue = Secret32::copy_of(&[4; 32]).unwrap();
        let key = OuterKey::derive(&own, &their.public(), &receive_queue, &QUEUE).unwrap();
        (key, *own.agree(&their.public()).unwrap().expose())
    };
}

const QUEUE: QueueId = QueueId([3; 24]);

fuzz_target!(|untrusted: &[u8]| KEY.with(|(key, shared)| {
    assert!(key.open(&QUEUE, untrusted).is_err(), "nobody guesses a tag");

    let mut inner = untrusted.to_vec();
    inner.resize(INNER_BYTES, 0);
    let envelope = sealed(shared, &inner);
    let block = key.open(&QUEUE, &envelope).expect("the outer layer");
    if let Ok(Inner::First { prefix, .. }) = block.content() {
        let _ = FirstPrefix::parse(prefix);
    }
}));

/// The outer layer, written again from docs/protocol/envelope.md, "Envelope, version 1".
fn sealed(shared: &[u8; 32], inner: &[u8]) -> Vec<u8> {
    let mut key = [0; 32];
    let info = [b"privatus/outer/v1".as_slice(), &[3; 24]].concat();
    Hkdf::<Sha256>::new(Some(&[4; 32]), shared).expand(&info, &mut key).unwrap();
    let (nonce, associated) = ([5; 24], [&[1_u8][..], &[3; 24]].concat());
    let payload = Payload { msg: inner, aad: &associated };
    let sealed = XChaCha20Poly1305::new(&Key::from(key)).encrypt(&XNonce::from(nonce), payload).unwrap();
    let (block, tag) = sealed.split_at(inner.len());
    [&[1][..], &nonce, tag, block].concat()
}
