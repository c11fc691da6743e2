use ipc_schema::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::identity::Identity;
use crate::memory::Secret32;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const WEEK_LATER: Timestamp = Timestamp(1_800_000_000_000 + 7 * 86_400_000);

struct Pair {
    rng: ChaCha20Rng,
    inviter: Identity,
    prekeys: Prekeys,
    accepter: Identity,
    psk: Secret32,
}

fn pair() -> Pair {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let inviter = Identity::generate(NOW, &mut rng);
    let prekeys = Prekeys::generate(&inviter, Validity::until(NOW, WEEK_LATER), &mut rng);
    let accepter = Identity::generate(NOW, &mut rng);
    let psk = Secret32::random(&mut rng);
    Pair { rng, inviter, prekeys, accepter, psk }
}

#[test]
fn both_sides_agree_on_every_output() {
    let mut p = pair();
    let bundle = Bundle::parse(p.prekeys.bundle().bytes()).unwrap();
    let (prefix, ours) = initiate(&bundle, &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    let received = FirstPrefix::parse(prefix.bytes()).unwrap();
    assert_eq!(respond(&p.prekeys, &p.inviter, &received, &p.psk).unwrap(), ours);
    assert_eq!(received.identity().id(), p.accepter.public().id());
    assert_ne!(ours.root, ours.initiator_header);
    assert_ne!(ours.initiator_header, ours.responder_header);
}

#[test]
fn sizes_are_those_of_the_protocol() {
    assert_eq!(FIRST_PREFIX_BYTES, 1_777);
    assert_eq!(pair().prekeys.bundle().bytes().len(), BUNDLE_BYTES);
}

#[test]
fn another_psk_gives_another_secret() {
    let mut p = pair();
    let (prefix, ours) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    let other = Secret32::random(&mut p.rng);
    assert_ne!(respond(&p.prekeys, &p.inviter, &prefix, &other).unwrap().root, ours.root);
}

#[test]
fn a_bundle_with_any_byte_altered_is_refused() {
    let mut p = pair();
    let bytes = *p.prekeys.bundle().bytes();
    for at in 0..BUNDLE_BYTES {
        let mut altered = bytes;
        altered[at] ^= 1;
        // Not under a signature of its own: supported versions, the device list's hash and the one-time prekey. Those
        // are bound by T, so the two sides end with different secrets.
        let by_transcript = (1..5).contains(&at) || (133..165).contains(&at) || (273..310).contains(&at);
        match Bundle::parse(&altered) {
            Err(_) => {}
            Ok(bundle) => {
                assert!(by_transcript, "byte {at} escaped every check");
                if let Ok((prefix, ours)) = initiate(&bundle, &p.accepter, &p.psk, NOW, &mut p.rng) {
                    let theirs = respond(&p.prekeys, &p.inviter, &prefix, &p.psk);
                    assert!(theirs.map_or(true, |theirs| theirs.root != ours.root), "byte {at}");
                }
            }
        }
    }
}

/// What the responder does not check by itself, such as the hash of the initiator's device list, is bound by T.
#[test]
fn a_prefix_with_any_byte_altered_is_refused_or_gives_another_secret() {
    let mut p = pair();
    let (prefix, ours) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    let mut agreed = 0;
    for at in (0..209).chain((209..FIRST_PREFIX_BYTES).step_by(97)) {
        let mut altered = *prefix.bytes();
        altered[at] ^= 4;
        let Ok(altered) = FirstPrefix::parse(&altered) else { continue };
        if let Ok(theirs) = respond(&p.prekeys, &p.inviter, &altered, &p.psk) {
            assert_ne!(theirs.root, ours.root, "byte {at}");
            assert_ne!(theirs.transcript, ours.transcript, "byte {at}");
            agreed += 1;
        }
    }
    assert!(agreed > 40, "{agreed} were left to T: versions, the list's hash, EKa, ct");
}

#[test]
fn trailing_and_missing_bytes_are_refused() {
    let p = pair();
    let bytes = p.prekeys.bundle().bytes();
    assert!(Bundle::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
    assert!(Bundle::parse(&bytes[..BUNDLE_BYTES - 1]).is_err());
    assert!(FirstPrefix::parse(&[0; FIRST_PREFIX_BYTES - 1]).is_err());
    assert!(FirstPrefix::parse(&[0; FIRST_PREFIX_BYTES + 1]).is_err());
}

#[test]
fn keys_are_valid_from_a_day_before_they_were_made_because_clocks_differ() {
    let validity = Validity::until(NOW, NOW.after(std::time::Duration::from_secs(7)));
    let made = u32::try_from(NOW.0 / 1_000).unwrap();
    assert_eq!((validity.from, validity.until), (made - 86_400, made + 7));
}

#[test]
fn a_bundle_is_used_only_while_it_is_valid() {
    let mut p = pair();
    let mut at = |now| initiate(p.prekeys.bundle(), &p.accepter, &p.psk, now, &mut p.rng).err();
    assert_eq!(at(WEEK_LATER), None);
    assert_eq!(at(Timestamp(WEEK_LATER.0 + 1_000)), Some(PqxdhError::Expired));
    assert_eq!(at(Timestamp(NOW.0 - 86_401_000)), Some(PqxdhError::Expired));
}

#[test]
fn an_ephemeral_key_of_small_order_is_refused() {
    let mut p = pair();
    let (prefix, _) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    let mut bytes = *prefix.bytes();
    bytes[177..209].fill(0);
    let forged = FirstPrefix::parse(&bytes).unwrap();
    assert_eq!(
        respond(&p.prekeys, &p.inviter, &forged, &p.psk),
        Err(PqxdhError::Agreement(AgreementError::NonContributory))
    );
    bytes[177..209].fill(0xff);
    assert!(matches!(FirstPrefix::parse(&bytes), Err(PqxdhError::Agreement(AgreementError::NonCanonical))));
}

#[test]
fn a_first_message_for_other_keys_or_another_version_is_refused() {
    let mut p = pair();
    let (prefix, _) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    for (at, error) in [
        (0, PqxdhError::NoCommonVersion),
        (5, PqxdhError::UnknownKey),
        (9, PqxdhError::UnknownKey),
        (13, PqxdhError::UnknownKey),
    ] {
        let mut bytes = *prefix.bytes();
        bytes[at] ^= 2;
        let forged = FirstPrefix::parse(&bytes).unwrap();
        assert_eq!(respond(&p.prekeys, &p.inviter, &forged, &p.psk), Err(error), "byte {at}");
    }
    let mut bytes = *prefix.bytes();
    bytes[1..5].fill(0);
    let forged = FirstPrefix::parse(&bytes).unwrap();
    assert_eq!(respond(&p.prekeys, &p.inviter, &forged, &p.psk), Err(PqxdhError::NoCommonVersion));
}

#[test]
fn the_highest_common_version_wins() {
    assert_eq!(common_version(0b0111, 0b0011), Ok(2));
    assert_eq!(common_version(0b0001, 0b0110), Err(PqxdhError::NoCommonVersion));
    assert_eq!(common_version(u32::MAX, 1 << 31), Ok(32));
}

#[test]
fn stored_prekeys_come_back_the_same() {
    let mut p = pair();
    let mut writer = crate::codec::Writer::default();
    p.prekeys.write(&mut writer);
    let bytes = writer.finish();
    let again = Prekeys::read(&mut crate::codec::Reader::new(&bytes)).unwrap();
    let (prefix, ours) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    assert_eq!(respond(&again, &p.inviter, &prefix, &p.psk).unwrap(), ours);
    assert_eq!(format!("{again:?}"), "Prekeys(..)");
}

/// A bundle that a hostile inviter signs over whatever keys it likes.
struct Hostile {
    key_use: KeyUse,
    agreement: [u8; 32],
    signed: [u8; 32],
    one_time: Option<[u8; 32]>,
    ek: [u8; KEM_KEY_BYTES],
    version: u8,
    supported: u32,
    /// Signed prekey, one-time prekey, KEM key.
    ids: [u32; 3],
}

impl Hostile {
    fn like(p: &Pair) -> Self {
        let bytes = p.prekeys.bundle().bytes();
        Self {
            key_use: KeyUse::Invite,
            agreement: bytes[37..69].try_into().unwrap(),
            signed: bytes[169..201].try_into().unwrap(),
            one_time: Some(bytes[278..310].try_into().unwrap()),
            ek: bytes[315..315 + KEM_KEY_BYTES].try_into().unwrap(),
            version: 1,
            supported: 1,
            ids: [7, 8, 9],
        }
    }

    fn bytes(&self, p: &Pair) -> Vec<u8> {
        let (label, kind): (&[u8], u8) = match self.key_use {
            KeyUse::Invite => (b"privatus/signed-prekey/v1/X25519", 0),
            KeyUse::Address => (b"privatus/address-prekey/v1/X25519", 1),
            KeyUse::Repair => (b"privatus/repair-prekey/v1/X25519", 2),
        };
        let given = p.prekeys.bundle().bytes();
        let validity = &given[201..209];
        let binding = p.inviter.sign(b"privatus/binding/v1", &self.agreement);
        let [signed_id, one_time_id, kem_id] = self.ids.map(u32::to_be_bytes);
        let signed = [&signed_id, self.signed.as_slice(), validity].concat();
        let one_time = match self.one_time {
            Some(key) => [[1].as_slice(), &one_time_id, &key].concat(),
            None => vec![0; 37],
        };
        let kem = [kem_id.as_slice(), &[kind], &self.ek, validity].concat();
        let kem_signature = p.inviter.sign(b"privatus/kem-prekey/v1/ML-KEM-1024", &kem);
        [
            [self.version].as_slice(),
            &self.supported.to_be_bytes(),
            &given[5..37],
            &self.agreement,
            &binding,
            &given[133..165],
            &signed,
            &p.inviter.sign(label, &signed),
            &one_time,
            &kem,
            &kem_signature,
        ]
        .concat()
    }

    /// What comes of agreeing with it.
    fn error(&self, p: &mut Pair) -> Option<PqxdhError> {
        let bundle = match Bundle::parse(&self.bytes(p)) {
            Ok(bundle) => bundle,
            Err(error) => return Some(error),
        };
        initiate(&bundle, &p.accepter, &p.psk, NOW, &mut p.rng).err()
    }
}

const SMALL_ORDER: [u8; 32] = [0; 32];
const NOT_CANONICAL: [u8; 32] = [0xff; 32];

#[test]
fn a_hostile_bundle_whose_keys_are_sound_is_accepted_so_that_the_refusals_below_mean_something() {
    let mut p = pair();
    for (key_use, one_time) in [(KeyUse::Invite, true), (KeyUse::Address, false), (KeyUse::Repair, false)] {
        let mut hostile = Hostile { key_use, ..Hostile::like(&p) };
        hostile.one_time = hostile.one_time.filter(|_| one_time);
        assert_eq!(hostile.error(&mut p), None, "{key_use:?}");
    }
}

#[test]
fn every_key_of_small_order_in_a_bundle_is_refused_though_it_is_signed() {
    let mut p = pair();
    let hostile = [
        Hostile { agreement: SMALL_ORDER, ..Hostile::like(&p) },
        Hostile { signed: SMALL_ORDER, ..Hostile::like(&p) },
        Hostile { one_time: Some(SMALL_ORDER), ..Hostile::like(&p) },
    ];
    for (at, hostile) in hostile.iter().enumerate() {
        let error = Some(PqxdhError::Agreement(AgreementError::NonContributory));
        assert_eq!(hostile.error(&mut p), error, "key {at}");
    }
}

#[test]
fn every_key_that_is_not_canonical_is_refused_though_it_is_signed() {
    let mut p = pair();
    let hostile = [
        Hostile { signed: NOT_CANONICAL, ..Hostile::like(&p) },
        Hostile { one_time: Some(NOT_CANONICAL), ..Hostile::like(&p) },
    ];
    for (at, hostile) in hostile.iter().enumerate() {
        let error = Some(PqxdhError::Agreement(AgreementError::NonCanonical));
        assert_eq!(hostile.error(&mut p), error, "key {at}");
    }
    let hostile = Hostile { agreement: NOT_CANONICAL, ..Hostile::like(&p) };
    assert_eq!(hostile.error(&mut p), Some(PqxdhError::BadSignature(BadSignature)));
}

#[test]
fn an_initiator_whose_identity_key_has_small_order_is_refused() {
    let mut p = pair();
    let (prefix, _) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    let mut bytes = *prefix.bytes();
    bytes[49..81].copy_from_slice(&SMALL_ORDER);
    bytes[81..145].copy_from_slice(&p.accepter.sign(b"privatus/binding/v1", &SMALL_ORDER));
    let forged = FirstPrefix::parse(&bytes).unwrap();
    assert_eq!(
        respond(&p.prekeys, &p.inviter, &forged, &p.psk),
        Err(PqxdhError::Agreement(AgreementError::NonContributory))
    );
}

#[test]
fn an_encapsulation_key_that_fails_the_modulus_check_is_refused_though_it_is_signed() {
    let mut p = pair();
    let mut hostile = Hostile::like(&p);
    // The last 12-bit coefficient becomes 3329 = q.
    hostile.ek[1_534] = (hostile.ek[1_534] & 0x0f) | 0x10;
    hostile.ek[1_535] = 0xd0;
    assert_eq!(hostile.error(&mut p), Some(PqxdhError::BadKemKey));
}

#[test]
fn a_bundle_of_another_version_or_without_a_common_one_is_refused() {
    let mut p = pair();
    for version in [0, 2, 255] {
        let hostile = Hostile { version, ..Hostile::like(&p) };
        assert_eq!(hostile.error(&mut p), Some(PqxdhError::NoCommonVersion), "version {version}");
    }
    let hostile = Hostile { supported: 0b1110, ..Hostile::like(&p) };
    assert_eq!(hostile.error(&mut p), Some(PqxdhError::NoCommonVersion));
    let hostile = Hostile { supported: 0b1111, ..Hostile::like(&p) };
    assert_eq!(hostile.error(&mut p), None, "a later version beside ours is fine");
}

#[test]
fn one_time_keys_belong_to_invites_and_to_nothing_else() {
    let mut p = pair();
    let malformed = Some(PqxdhError::Malformed(Malformed));
    assert_eq!(Hostile { one_time: None, ..Hostile::like(&p) }.error(&mut p), malformed);
    assert_eq!(Hostile { key_use: KeyUse::Address, ..Hostile::like(&p) }.error(&mut p), malformed);
    assert_eq!(Hostile { key_use: KeyUse::Repair, ..Hostile::like(&p) }.error(&mut p), malformed);
}

#[test]
fn a_key_with_the_id_that_stands_for_none_is_refused_though_it_is_signed() {
    let mut p = pair();
    for ids in [[0, 8, 9], [7, 0, 9], [7, 8, 0]] {
        let hostile = Hostile { ids, ..Hostile::like(&p) };
        assert_eq!(hostile.error(&mut p), Some(PqxdhError::Malformed(Malformed)), "{ids:?}");
    }
}

#[test]
fn keys_that_were_signed_for_one_use_cannot_be_passed_off_for_another() {
    let p = pair();
    let of = |key_use| Hostile { key_use, one_time: None, ..Hostile::like(&p) }.bytes(&p);
    let (address, repair) = (of(KeyUse::Address), of(KeyUse::Repair));
    assert!(Bundle::parse(&address).unwrap().serving(KeyUse::Repair).is_err());
    // The signed prekey of one beside the KEM key of the other.
    let mixed = [&address[..310], &repair[310..]].concat();
    assert_eq!(Bundle::parse(&mixed).err(), Some(PqxdhError::BadSignature(BadSignature)));
    let mixed = [&repair[..310], &address[310..]].concat();
    assert_eq!(Bundle::parse(&mixed).err(), Some(PqxdhError::BadSignature(BadSignature)));
}

#[test]
fn lasting_keys_come_back_and_sign_the_same_bundle_again() {
    let mut p = pair();
    let validity = Validity::until(NOW, WEEK_LATER);
    let keys = LastingKeys::generate(KeyUse::Repair, validity, &mut p.rng);
    let given = keys.bundle(&p.inviter).repair_bytes();
    assert_eq!(given.len(), REPAIR_BUNDLE_BYTES);
    let mut writer = crate::codec::Writer::default();
    keys.write(&mut writer);
    let bytes = writer.finish();
    let again = LastingKeys::read(KeyUse::Repair, &mut crate::codec::Reader::new(&bytes)).unwrap();
    assert_eq!(again.bundle(&p.inviter).repair_bytes(), given);

    let bundle = Bundle::parse_repair(p.inviter.public(), &given).unwrap();
    let (prefix, ours) = initiate(&bundle, &p.accepter, &p.psk, NOW, &mut p.rng).unwrap();
    assert!(again.are_named_by(&prefix));
    assert_eq!(again.respond(&p.inviter, &prefix, &p.psk).unwrap(), ours);
    assert!(!format!("{again:?}").contains("Secret"));
}

#[test]
fn a_repair_bundle_with_any_byte_altered_is_refused() {
    let mut p = pair();
    let keys = LastingKeys::generate(KeyUse::Repair, Validity::until(NOW, WEEK_LATER), &mut p.rng);
    let given = keys.bundle(&p.inviter).repair_bytes();
    for at in (0..200).chain((200..REPAIR_BUNDLE_BYTES).step_by(37)).filter(|at| !(1..5).contains(at)) {
        let mut altered = given.clone();
        altered[at] ^= 1;
        assert!(Bundle::parse_repair(p.inviter.public(), &altered).is_err(), "byte {at}");
    }
    assert!(Bundle::parse_repair(p.inviter.public(), &given[1..]).is_err());
    assert!(Bundle::parse_repair(p.inviter.public(), &[given.as_slice(), &[0]].concat()).is_err());
    assert!(Bundle::parse_repair(p.accepter.public(), &given).is_err(), "somebody else's");
}
