//! What is derived, hashed, sealed or signed under a label of its own beside the key agreement and the ratchet, against
//! `tests/vectors/labels.json`: computed from docs/protocol by `tests/vectors/label_model.py`. A label that changes shows here.

use ipc_schema::Timestamp;
use serde_json::Value;

use crate::address::AddressRecord;
use crate::agreement_key::AgreementSecret;
use crate::codec::Reader;
use crate::envelope::OuterKey;
use crate::frame::{Frame, Offer, RepairSection};
use crate::fresh::Fresh;
use crate::identity::sas::{Pair, ShortString};
use crate::identity::{SafetyNumber, code};
use crate::ids::{InnerHash, QueueId, RelayId};
use crate::invite::{InviteBundle, InviteSecret, Link};
use crate::kdf;
use crate::mailbox;
use crate::memory::{Secret32, SecretBytes};
use crate::pqxdh::vectors::{Draws, Vector, vectors};
use crate::pqxdh::{Bundle, FirstPrefix};

fn secret(byte: u8) -> Secret32 {
    Secret32::take(&mut [byte; 32])
}

fn private(byte: u8) -> AgreementSecret {
    AgreementSecret::from_secret(&secret(byte))
}

fn offer() -> Offer {
    Offer {
        relay: RelayId([0x21; 32]),
        queue: QueueId([0x22; 24]),
        relay_key: private(0x23).public(),
        receiver_key: private(0x24).public(),
        replica_secret: secret(0x25),
    }
}

fn invite_secret() -> InviteSecret {
    InviteSecret::read(&mut Reader::new(&[0x11; 32])).unwrap()
}

fn blob(vector: &Vector) -> Vec<u8> {
    let bundle = InviteBundle {
        bundle: Bundle::parse(&vector.bytes("bundle")).unwrap(),
        devices: vector.identity('b').devices().clone(),
        queue: QueueId([0x31; 24]),
        relay_key: private(0x32).public(),
        receiver_key: private(0x33).public(),
    };
    bundle.seal(&invite_secret(), &mut Draws::of(vec![0x34; 24])).unwrap()
}

fn link() -> String {
    let relay = RelayId([0x12; 32]);
    Link { secret: invite_secret(), relay, expires_seconds: 1_800_000_000, hints: Vec::new() }.text()
}

fn frame() -> SecretBytes {
    let frame = Frame {
        offers: vec![offer(), offer()],
        devices: Vec::new(),
        repair: RepairSection { acknowledged: 0x4142_4344, unopened: true, untrusted_bundle: Vec::new() },
        content: Some(SecretBytes::new(b"text".to_vec())),
    };
    frame.encode().unwrap()
}

fn address_record(vector: &Vector) -> Vec<u8> {
    let bundle = Bundle::parse(&vector.bytes("bundle")).unwrap();
    AddressRecord::sign(&vector.identity('b'), &bundle, &offer(), Timestamp(1_800_000_000_000))
}

fn outer_nonce() -> [u8; 24] {
    let key = OuterKey::read(&mut Reader::new(&[0x71; 32])).unwrap();
    key.nonce(InnerHash([0x73; 32]), &mut Fresh::new(&mut Draws::of(vec![0x72; 24])))
}

/// By the names of the file.
fn computed() -> Vec<(&'static str, String)> {
    let (all, own) = (vectors(), invite_secret());
    let (low, high) = ([0x51; 32], [0x52; 32]);
    let pair = Pair::of(high, low);
    let ShortString { digits, words } = pair.string(&[0x53; 32], &[0x54; 32]);
    let prefix = FirstPrefix::parse(&all[0].bytes("prefix")).unwrap();
    let command_key = mailbox::sender_key(&private(0x61), &private(0x62).public(), &QueueId([0x63; 24]));
    vec![
        ("invite/blob-id", hex::encode(own.blob_id())),
        ("invite/read-key", hex::encode(own.read_key().expose())),
        ("invite/psk", hex::encode(own.psk().expose())),
        ("invite/replica-secret", hex::encode(own.replica_secret().expose())),
        ("invite/blob", hex::encode(kdf::sha256(&[&blob(&all[0])]))),
        ("invite/link", link()),
        ("replay", hex::encode(prefix.replay_id())),
        ("safety/words", SafetyNumber::of(&high, &low).words.join(" ")),
        ("sas/commitment", hex::encode(pair.commitment(&[0x53; 32]))),
        ("sas/digits", digits),
        ("sas/words", words.join(" ")),
        ("verification-code", code(&low, &high)),
        ("address-record", hex::encode(kdf::sha256(&[&address_record(&all[1])]))),
        ("frame", hex::encode(&*frame())),
        ("outer-nonce", hex::encode(outer_nonce())),
        ("mailbox/sender-key", hex::encode(command_key.unwrap().expose())),
    ]
}

#[test]
fn every_other_label_and_layout_gives_what_the_pages_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/labels.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let computed = computed();
    for (name, value) in &computed {
        assert_eq!(document["values"][name], value.as_str(), "{name}");
    }
    assert_eq!(computed.len(), document["values"].as_object().unwrap().len());
}
