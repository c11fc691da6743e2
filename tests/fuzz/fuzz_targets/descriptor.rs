//! A relay's descriptor: as it is, and behind a signature that fits, so that the fields are reached.
#![no_main]

use ed25519_dalek::{Signer, SigningKey};
use ipc_schema::relay::Descriptor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|untrusted: &[u8]| {
    let _ = Descriptor::parse(untrusted);
    let identity = SigningKey::from_bytes(&[7; 32]);
    let mut body = untrusted.to_vec();
    if let Some(place) = body.get_mut(33..65) {
        place.copy_from_slice(identity.verifying_key().as_bytes());
    }
    let signature = identity.sign(&[b"privatus/descriptor/v1".as_slice(), &body].concat());
    let signed = [body.as_slice(), &signature.to_bytes()].concat();
    if let Ok(descriptor) = Descriptor::parse(&signed) {
        assert_eq!(descriptor.sign(&identity), signed, "a descriptor has one spelling");
    }
});
