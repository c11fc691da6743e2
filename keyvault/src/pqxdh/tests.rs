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
    let (prefix, ours) = initiate(&bundle, &p.accepter, &p.psk, (NOW, &mut p.rng)).unwrap();
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
    let (prefix, ours) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, (NOW, &mut p.rng)).unwrap();
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
                if let Ok((prefix, ours)) = initiate(&bundle, &p.accepter, &p.psk, (NOW, &mut p.rng)) {
                    let theirs = respond(&p.prekeys, &p.inviter, &prefix, &p.psk);
                    assert!(theirs.map_or(true, |theirs| theirs.root != ours.root), "byte {at}");
                }
            }
        }
    }
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
fn a_bundle_is_used_only_while_it_is_valid() {
    let mut p = pair();
    let mut at = |now| initiate(p.prekeys.bundle(), &p.accepter, &p.psk, (now, &mut p.rng)).err();
    assert_eq!(at(WEEK_LATER), None);
    assert_eq!(at(Timestamp(WEEK_LATER.0 + 1_000)), Some(PqxdhError::Expired));
    assert_eq!(at(Timestamp(NOW.0 - 86_401_000)), Some(PqxdhError::Expired));
}

#[test]
fn an_ephemeral_key_of_small_order_is_refused() {
    let mut p = pair();
    let (prefix, _) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, (NOW, &mut p.rng)).unwrap();
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
    let (prefix, _) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, (NOW, &mut p.rng)).unwrap();
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
    let (prefix, ours) = initiate(p.prekeys.bundle(), &p.accepter, &p.psk, (NOW, &mut p.rng)).unwrap();
    assert_eq!(respond(&again, &p.inviter, &prefix, &p.psk).unwrap(), ours);
    assert_eq!(format!("{again:?}"), "Prekeys(..)");
}
