//! Whole first messages against vectors of somebody else (`tests/vectors/pqxdh.json`): an independent second implementation, written
//! from docs/protocol. They hold every byte from the keys of both sides to the envelope, of an invite, an address and a repair.

use std::convert::Infallible;

use ed25519_dalek::{Signer, SigningKey};
use ipc_schema::Timestamp;
use rand_core::{SeedableRng, TryCryptoRng, TryRng};
use serde_json::Value;

use super::bundle::PublicKeys;
use super::kem::KemSecret;
use super::*;
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::codec::{Reader, Writer};
use crate::envelope::{self, FIRST_MESSAGE_BYTES, Inner, InnerBlock, OuterKey};
use crate::frame::Frame;
use crate::fresh::Fresh;
use crate::identity::{DeviceList, Identity, SafetyNumber};
use crate::ids::QueueId;
use crate::kdf;
use crate::memory::{Secret, Secret32, SecretBytes};
use crate::ratchet::Session;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// One of the file.
pub(crate) struct Vector(Value);

/// Gives out what stands in a vector, and all of it.
pub(crate) struct Draws(Vec<u8>);

impl Draws {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("bytes are drawn");
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("bytes are drawn");
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl TryCryptoRng for Draws {}

impl Drop for Draws {
    fn drop(&mut self) {
        assert!(self.0.is_empty() || std::thread::panicking(), "not all was drawn");
    }
}

impl Vector {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name}"))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap()
    }

    fn given(&self, name: &str) -> Vec<u8> {
        hex::decode(self.0["in"][name].as_str().unwrap()).unwrap()
    }

    fn secret(&self, name: &str) -> AgreementSecret {
        AgreementSecret::from_secret(&Secret32::copy_of(&self.given(name)).unwrap())
    }

    fn key_use(&self) -> KeyUse {
        match self.0["kind"].as_u64() {
            Some(0) => KeyUse::Invite,
            Some(1) => KeyUse::Address,
            Some(2) => KeyUse::Repair,
            other => panic!("{other:?}"),
        }
    }

    /// One side's, by its letter in the file.
    pub(crate) fn identity(&self, side: char) -> Identity {
        let key = SigningKey::from_bytes(&self.given(&format!("{side}-ed")).try_into().unwrap());
        let agreement = self.secret(&format!("{side}-x"));
        let sign = |label: &[u8], message: &[u8]| key.sign(&[label, message].concat()).to_bytes();
        let mut devices = Writer::default();
        // The page did not say yet that the one device's number is 0.
        devices.u8(1).u64(NOW.0).u8(1).u8(1).put(agreement.public().bytes());
        let signature = sign(b"privatus/devices/v1", devices.as_slice());
        let mut writer = Writer::default();
        writer.put(key.as_bytes());
        agreement.write(&mut writer);
        writer.put(devices.as_slice()).put(&signature).put(key.verifying_key().as_bytes());
        writer.put(&sign(b"privatus/binding/v1", agreement.public().bytes()));
        Identity::read(&mut Reader::new(writer.as_slice())).unwrap()
    }

    /// Of the four bytes at a place of the bundle: id or validity.
    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes("bundle")[at..at + 4].try_into().unwrap())
    }

    /// As the keys' owner signs it. Its device list is not in the file; the hash that stands there for it is taken as it is.
    fn signed_bundle(&self, own: &Identity) -> Vec<u8> {
        let (signed, seed) = (self.secret("spk"), Secret::copy_of(&self.given("kem")).unwrap());
        let (signed_id, one_time_id, kem_id) = (self.number(165), self.number(274), self.number(310));
        let validity = Validity { from: self.number(201), until: self.number(205) };
        let bundle = if self.key_use() == KeyUse::Invite {
            let keys = PublicKeys {
                key_use: KeyUse::Invite,
                supported: SUPPORTED_VERSIONS,
                validity,
                signed: (signed_id, signed.public()),
                one_time: Some((one_time_id, self.secret("opk").public())),
                kem: (kem_id, KemSecret::from_seed(&seed).encapsulation_key()),
            };
            Bundle::sign(own, keys)
        } else {
            let mut stored = Writer::default();
            stored.u32(SUPPORTED_VERSIONS).u32(validity.from).u32(validity.until).u32(signed_id);
            signed.write(&mut stored);
            stored.u32(kem_id).put(seed.expose());
            LastingKeys::read(self.key_use(), &mut Reader::new(stored.as_slice())).unwrap().bundle(own)
        };
        let mut bytes = bundle.bytes().to_vec();
        bytes[133..165].copy_from_slice(&self.bytes("bundle")[133..165]);
        bytes
    }

    fn respond(&self, own: &Identity, prefix: &FirstPrefix, psk: &Secret32) -> Agreed {
        let bundle = Bundle::parse(&self.bytes("bundle")).unwrap();
        let seed = Secret::copy_of(&self.given("kem")).unwrap();
        let (signed, one_time, kem) = (self.secret("spk"), self.secret("opk"), KemSecret::from_seed(&seed));
        let one_time = (self.key_use() == KeyUse::Invite).then_some(&one_time);
        respond(PrivateKeys { bundle: &bundle, signed: &signed, one_time, kem: &kem }, own, prefix, psk)
            .unwrap()
    }

    fn outer_key(&self, own: &AgreementSecret, their: &AgreementKey) -> OuterKey {
        let replica_secret = Secret32::copy_of(&self.given("replica")).unwrap();
        OuterKey::derive(own, their, &replica_secret, &self.queue()).unwrap()
    }

    fn queue(&self) -> QueueId {
        QueueId(self.given("queue").try_into().unwrap())
    }

    fn is_agreed(&self, agreed: &Agreed) {
        let expected = [
            ("T", &agreed.transcript),
            ("repair", agreed.repair.expose()),
            ("root", agreed.root.expose()),
            ("hi", agreed.initiator_header.expose()),
            ("hr", agreed.responder_header.expose()),
            ("pq", agreed.post_quantum.expose()),
        ];
        for (name, value) in expected {
            assert_eq!(hex::encode(value), self.text(name), "{name}");
        }
    }

    /// From both sides' keys to the envelope and back.
    fn runs(&self) {
        let (initiator, responder) = (self.identity('a'), self.identity('b'));
        let bundle = Bundle::parse(&self.bytes("bundle")).unwrap().serving(self.key_use()).unwrap();
        let psk = Secret32::copy_of(&self.bytes("psk")).unwrap();
        let mut draws = Draws::of([self.given("eka"), self.given("m")].concat());
        let (prefix, agreed) = initiate(&bundle, &initiator, &psk, NOW, &mut draws).unwrap();
        assert_eq!(hex::encode(prefix.bytes()), self.text("prefix"));
        self.is_agreed(&agreed);
        let number = SafetyNumber::of(&initiator.public().id(), &responder.public().id());
        assert_eq!(number.digits.replace(' ', ""), self.text("safety"));

        let frame = Frame {
            devices: initiator.devices().bytes().to_vec(),
            content: Some(SecretBytes::new(b"hello".to_vec())),
            ..Frame::default()
        };
        let encoded = frame.encode().unwrap();
        assert_eq!(hex::encode(&*encoded), self.text("frame"));
        let mut draws = Draws::of(self.given("session"));
        let mut session = Session::initiator(agreed, bundle.ratchet_key(), &mut draws).unwrap();
        // Nonce and salt as that implementation drew them: to whoever opens, any are good.
        let mut draws = Draws::of(self.given("seal"));
        let message =
            session.seal_fresh(&encoded, FIRST_MESSAGE_BYTES, &mut Fresh::as_drawn(&mut draws)).unwrap();
        let inner = InnerBlock::first(prefix.bytes(), &message).unwrap();
        assert_eq!(hex::encode(inner.hash().0), self.text("inner_sha256"));
        let replica_secret = Secret32::copy_of(&self.given("replica")).unwrap();
        let put_id = envelope::put_id(&replica_secret, inner.hash());
        assert_eq!(hex::encode(put_id.0), self.text("put_id"));

        let (sender, receiver) = (self.secret("sender"), self.secret("receiver"));
        let nonce = self.given("nonce").try_into().unwrap();
        let sealed = self.outer_key(&sender, &receiver.public()).seal(&self.queue(), &nonce, &inner);
        assert_eq!(hex::encode(kdf::sha256(&[&sealed])), self.text("envelope_sha256"));
        let opened = self.outer_key(&receiver, &sender.public()).open(&self.queue(), &sealed).unwrap();
        assert_eq!(self.reads(&opened, &responder, &psk), frame);
    }

    /// The responder's side, by its own keys.
    fn reads(&self, inner: &InnerBlock, own: &Identity, psk: &Secret32) -> Frame {
        let Ok(Inner::First { prefix, message }) = inner.content() else { panic!("a first message") };
        let prefix = FirstPrefix::parse(prefix).unwrap();
        let agreed = self.respond(own, &prefix, psk);
        assert_eq!(
            hex::encode(self.signed_bundle(own)),
            self.text("bundle"),
            "the same bytes as were given out"
        );
        self.is_agreed(&agreed);
        let session = Session::responder(agreed, self.secret("spk")).unwrap();
        let mut draws = rand_chacha::ChaCha20Rng::from_seed([1; 32]);
        Frame::decode(&session.open(message, NOW, &mut draws).unwrap().content).unwrap()
    }
}

pub(crate) fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/pqxdh.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    document["vectors"].as_array().unwrap().iter().cloned().map(Vector).collect()
}

#[test]
fn first_messages_of_an_independent_implementation_are_reproduced_and_read_to_the_byte() {
    let vectors = vectors();
    vectors.iter().for_each(Vector::runs);
    for key_use in [KeyUse::Invite, KeyUse::Address, KeyUse::Repair] {
        assert!(vectors.iter().any(|vector| vector.key_use() == key_use), "{key_use:?}");
    }
}

/// As T takes it: what was handed over inside the session, with what both knew put in.
#[test]
fn a_repair_bundle_of_an_independent_implementation_is_the_whole_one_without_what_is_known() {
    let vector = vectors().into_iter().find(|vector| vector.key_use() == KeyUse::Repair).unwrap();
    let bundle = Bundle::parse(&vector.bytes("bundle")).unwrap();
    let given = bundle.repair_bytes();
    assert_eq!(given.len(), REPAIR_BUNDLE_BYTES);
    let rebuilt = Bundle::parse_repair(bundle.identity(), &given).unwrap();
    assert_eq!(hex::encode(rebuilt.bytes()), vector.text("bundle"));
}

/// The vectors were made when the page left the number of the one device open. They chose 1: signed and named, and refused since.
#[test]
fn a_device_list_of_an_independent_implementation_is_told_apart_by_its_number_alone() {
    for vector in vectors() {
        let identity = vector.identity('a');
        let list = identity.devices().bytes();
        assert!(vector.text("frame").contains(&hex::encode(list)), "its own bytes");
        let (signed, signature) = list.split_last_chunk().unwrap();
        assert!(identity.public().verify(b"privatus/devices/v1", signed, signature).is_ok());
        assert!(DeviceList::parse(list, identity.public()).is_err());
    }
}
