use ipc_schema::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::header_slot::{CIPHERTEXT_BYTES, HeaderSlot, KEY_BYTES, MAC_BYTES};
use super::message_header::{ChainHead, Header, HeaderKey};
use super::ratchet_key::RatchetSecret;
use super::side::{Ours, SideSecret};
use super::*;
use crate::agreement_key::AgreementSecret;
use crate::codec::{Reader, Writer};
use crate::envelope::{FRAME_MAX_BYTES, MESSAGE_BYTES};
use crate::fresh::Fresh;
use crate::memory::Secret32;
use crate::pqxdh::Agreed;

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(super) struct Pair {
    pub(super) rng: ChaCha20Rng,
    pub(super) alice: Session,
    pub(super) bob: Session,
}

/// Alice initiates.
pub(super) fn pair(seed: u64) -> Pair {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let agreed = Agreed {
        transcript: [5; 32],
        repair: Secret32::zero(),
        root: Secret32::random(&mut rng),
        initiator_header: Secret32::random(&mut rng),
        responder_header: Secret32::random(&mut rng),
        post_quantum: Secret32::random(&mut rng),
    };
    let prekey = AgreementSecret::generate(&mut rng);
    let alice = Session::initiator(agreed.clone(), &prekey.public(), &mut rng).unwrap();
    Pair { alice, bob: Session::responder(agreed, prekey).unwrap(), rng }
}

impl Pair {
    fn alice_seals(&mut self, text: &[u8]) -> Vec<u8> {
        self.alice.seal(text, MESSAGE_BYTES, &mut self.rng).unwrap()
    }

    fn bob_seals(&mut self, text: &[u8]) -> Vec<u8> {
        self.bob.seal(text, MESSAGE_BYTES, &mut self.rng).unwrap()
    }

    fn bob_opens(&mut self, message: &[u8]) -> Result<Vec<u8>, RatchetError> {
        self.bob_opens_at(message, NOW)
    }

    fn bob_opens_at(&mut self, message: &[u8], now: Timestamp) -> Result<Vec<u8>, RatchetError> {
        let accepted = self.bob.open(message, now, &mut self.rng)?;
        self.bob = accepted.session;
        Ok(accepted.content.to_vec())
    }

    fn alice_opens(&mut self, message: &[u8]) -> Result<Vec<u8>, RatchetError> {
        let accepted = self.alice.open(message, NOW, &mut self.rng)?;
        self.alice = accepted.session;
        Ok(accepted.content.to_vec())
    }
}

#[test]
fn texts_go_both_ways_and_every_message_has_one_size() {
    let mut p = pair(1);
    assert!(!p.bob.can_send());
    for round in 0..20_u8 {
        let message = p.alice_seals(&[round; 100]);
        assert_eq!(message.len(), MESSAGE_BYTES);
        assert_eq!(p.bob_opens(&message), Ok(vec![round; 100]));
        let message = p.bob_seals(&[round; 3]);
        assert_eq!(p.alice_opens(&message), Ok(vec![round; 3]));
    }
}

/// What a vault keeps of both sides is all that they go on with, at each point of a turn.
#[test]
fn sessions_that_are_stored_after_every_step_go_on() {
    let mut p = pair(41);
    for round in 0..6_u8 {
        (p.alice, p.bob) = (stored(&p.alice), stored(&p.bob));
        let message = p.alice_seals(&[round; 9]);
        (p.alice, p.bob) = (stored(&p.alice), stored(&p.bob));
        assert_eq!(p.bob_opens(&message), Ok(vec![round; 9]));
        (p.alice, p.bob) = (stored(&p.alice), stored(&p.bob));
        let message = p.bob_seals(&[round; 4]);
        (p.alice, p.bob) = (stored(&p.alice), stored(&p.bob));
        assert_eq!(p.alice_opens(&message), Ok(vec![round; 4]));
    }
}

#[test]
fn content_of_exactly_the_limit_fits_and_one_byte_more_does_not() {
    let mut p = pair(2);
    let message = p.alice_seals(&[1; FRAME_MAX_BYTES]);
    assert_eq!(p.bob_opens(&message), Ok(vec![1; FRAME_MAX_BYTES]));
    let before = p.alice.clone();
    assert_eq!(
        p.alice.seal(&[1; FRAME_MAX_BYTES + 1], MESSAGE_BYTES, &mut p.rng),
        Err(RatchetError::Malformed)
    );
    assert_eq!(bytes(&p.alice), bytes(&before), "a refused content uses no message key");
}

#[test]
fn a_message_opens_once() {
    let mut p = pair(3);
    let message = p.alice_seals(b"once");
    assert!(p.bob_opens(&message).is_ok());
    assert!(matches!(p.bob_opens(&message), Err(RatchetError::Used { number: 0, .. })));
    // Nor does one whose key was kept because it came late.
    let (late, next) = (p.alice_seals(b"late"), p.alice_seals(b"next"));
    assert!(p.bob_opens(&next).is_ok() && p.bob_opens(&late).is_ok());
    assert!(matches!(p.bob_opens(&late), Err(RatchetError::Used { number: 1, .. })));
}

#[test]
fn opening_a_forgery_changes_nothing() {
    let mut p = pair(4);
    let first = p.alice_seals(b"first");
    p.bob_opens(&first).unwrap();
    let reply = p.bob_seals(b"reply");
    p.alice_opens(&reply).unwrap();
    let message = p.alice_seals(b"second");
    let before = bytes(&p.bob);
    // Header nonce, header, header tag, salt, commitment, body, body tag.
    for at in [0, 23, 24, 700, 1_327, 1_328, 1_343, 1_344, 1_359, 1_360, 1_391, 1_392, 2_000, 4_038, 4_053] {
        let mut altered = message.clone();
        altered[at] ^= 1;
        assert!(p.bob_opens(&altered).is_err(), "byte {at}");
        assert_eq!(bytes(&p.bob), before, "byte {at}");
    }
    for length in [0, 1, 1_343, MESSAGE_OVERHEAD_BYTES - 1, MESSAGE_BYTES - 1] {
        assert!(p.bob_opens(&message[..length]).is_err());
    }
    assert_eq!(p.bob_opens(&message), Ok(b"second".to_vec()));
}

#[test]
fn messages_may_come_late_across_chains() {
    let mut p = pair(5);
    let late_one = p.alice_seals(b"one");
    let two = p.alice_seals(b"two");
    p.bob_opens(&two).unwrap();
    let reply = p.bob_seals(b"reply");
    p.alice_opens(&reply).unwrap();
    let late_three = p.alice_seals(b"three");
    let four = p.alice_seals(b"four");
    p.bob_opens(&four).unwrap();
    assert_eq!(p.bob_opens(&late_one), Ok(b"one".to_vec()));
    assert_eq!(p.bob_opens(&late_three), Ok(b"three".to_vec()));
}

#[test]
fn two_thousand_messages_may_be_skipped_and_not_one_more() {
    let mut p = pair(6);
    let messages: Vec<_> = (0..2_002).map(|_| p.alice_seals(b"x")).collect();
    assert_eq!(p.bob_opens(&messages[2_001]), Err(RatchetError::TooManySkipped));
    assert!(p.bob_opens(&messages[2_000]).is_ok());
    assert!(p.bob_opens(&messages[0]).is_ok());
    assert!(p.bob_opens(&messages[2_001]).is_ok());
}

#[test]
fn a_session_keeps_two_thousand_skipped_keys_and_drops_the_oldest() {
    let mut p = pair(7);
    let first: Vec<_> = (0..1_501).map(|_| p.alice_seals(b"x")).collect();
    p.bob_opens(&first[1_500]).unwrap();
    let reply = p.bob_seals(b"turn");
    p.alice_opens(&reply).unwrap();
    let second: Vec<_> = (0..1_001).map(|_| p.alice_seals(b"y")).collect();
    p.bob_opens(&second[1_000]).unwrap();
    assert!(matches!(p.bob_opens(&first[0]), Err(RatchetError::Used { .. })));
    assert!(matches!(p.bob_opens(&first[499]), Err(RatchetError::Used { .. })));
    assert!(p.bob_opens(&first[500]).is_ok());
    assert!(p.bob_opens(&second[0]).is_ok());
}

#[test]
fn a_skipped_key_is_gone_after_thirty_days() {
    let mut p = pair(8);
    let (one, two, three) = (p.alice_seals(b"1"), p.alice_seals(b"2"), p.alice_seals(b"3"));
    p.bob_opens(&two).unwrap();
    let later = NOW.after(SKIPPED_KEPT + std::time::Duration::from_secs(1));
    // At once, and not only after another message has had it dropped.
    assert!(matches!(p.bob_opens_at(&one, later), Err(RatchetError::Used { number: 0, .. })));
    p.bob_opens_at(&three, later).unwrap();
    assert!(matches!(p.bob_opens_at(&one, later), Err(RatchetError::Used { number: 0, .. })));
}

#[test]
fn forgetting_tells_whether_there_was_anything_to_forget() {
    let mut p = pair(8);
    let (_, two) = (p.alice_seals(b"1"), p.alice_seals(b"2"));
    p.bob_opens(&two).unwrap();
    assert!(!p.bob.forget_skipped(|at| at != NOW));
    assert!(p.bob.forget_skipped(|at| at == NOW));
    assert!(!p.bob.forget_skipped(|at| at == NOW));
}

#[test]
fn a_chain_older_than_five_turns_is_forgotten() {
    let mut p = pair(9);
    let mut late = Vec::new();
    for _ in 0..8 {
        late.push(p.alice_seals(b"late"));
        let message = p.alice_seals(b"now");
        p.bob_opens(&message).unwrap();
        let reply = p.bob_seals(b"turn");
        p.alice_opens(&reply).unwrap();
    }
    assert_eq!(p.bob_opens(&late[0]), Err(RatchetError::NoHeaderKey));
    assert_eq!(p.bob_opens(&late[1]), Err(RatchetError::NoHeaderKey));
    assert!(p.bob_opens(&late[2]).is_ok());
    assert!(p.bob_opens(&late[7]).is_ok());
}

#[test]
fn a_restored_sender_repeats_numbers_but_no_keystream_and_is_noticed() {
    let mut p = pair(10);
    let old = p.alice.clone();
    let first = p.alice_seals(b"attack at dawn");
    p.bob_opens(&first).unwrap();
    p.alice = old;
    let again = p.alice_seals(b"attack at dawn");
    assert_ne!(first[BODY], again[BODY], "the random salt gives another keystream");
    assert!(matches!(p.bob_opens(&again), Err(RatchetError::Used { number: 0, .. })));
}

/// The body without its tag, which differs by the header's nonce alone.
const BODY: std::ops::Range<usize> = 1_392..MESSAGE_BYTES - 16;

#[test]
fn two_clones_whose_generator_repeats_itself_share_no_keystream_under_different_texts() {
    let mut p = pair(10);
    let (mut clone, mut rng) = (p.alice.clone(), p.rng.clone());
    let dawn = p.alice_seals(b"attack at dawn");
    let noon = clone.seal(b"attack at noon", MESSAGE_BYTES, &mut rng).unwrap();
    assert_eq!(dawn[..24], noon[..24], "the same header under the same nonce is the same bytes");
    let equal = dawn[BODY].iter().zip(&noon[BODY]).filter(|(a, b)| a == b).count();
    assert!(
        equal < 60,
        "{equal} of 2,646 bytes are equal; ten are by chance, and all but three under one keystream"
    );
    assert_eq!(p.bob_opens(&dawn), Ok(b"attack at dawn".to_vec()));
}

#[test]
fn a_body_opens_behind_its_own_header_only() {
    let mut p = pair(24);
    let mut clone = p.alice.clone();
    let message = p.alice_seals(b"text");
    // Number, keys and slot are the same, and so is the message key: only the header's own encryption is another.
    let other = clone.seal(b"text", MESSAGE_BYTES, &mut p.rng).unwrap();
    let spliced = [&other[..ENCRYPTED_HEADER_BYTES], &message[ENCRYPTED_HEADER_BYTES..]].concat();
    assert_eq!(p.bob_opens(&spliced), Err(RatchetError::BadBody));
    assert_eq!(p.bob_opens(&message), Ok(b"text".to_vec()));
}

/// Only the peer can write it; it would carry what no receiver looks at.
#[test]
fn a_body_with_anything_behind_its_content_is_refused() {
    let plain = |p: &mut Pair, plain: &[u8]| {
        p.alice.seal_body(&[plain], MESSAGE_BYTES, &mut Fresh::new(&mut p.rng)).unwrap()
    };
    let mut last = [0; MESSAGE_BYTES - MESSAGE_OVERHEAD_BYTES];
    (last[1], last[2]) = (1, b'x');
    for (altered, opens) in [(3, false), (MESSAGE_BYTES - MESSAGE_OVERHEAD_BYTES - 1, false), (2, true)] {
        let (mut p, mut body) = (pair(25), last);
        body[altered] = b'y';
        let message = plain(&mut p, &body);
        let expected = if opens { Ok(b"y".to_vec()) } else { Err(RatchetError::Malformed) };
        assert_eq!(p.bob_opens(&message), expected, "byte {altered}");
    }
    // A length that leads out of the body.
    let (mut p, mut body) = (pair(25), last);
    let too_long = u16::try_from(body.len() - 1).unwrap();
    body[..2].copy_from_slice(&too_long.to_be_bytes());
    let message = plain(&mut p, &body);
    assert_eq!(p.bob_opens(&message), Err(RatchetError::Malformed));
}

/// The key of the bytes 3 is the initiator's first header key, that of 4 the responder's.
fn known() -> Agreed {
    let key = |byte: u8| Secret32::take(&mut [byte; 32]);
    Agreed {
        transcript: [1; 32],
        repair: key(7),
        root: key(2),
        initiator_header: key(3),
        responder_header: key(4),
        post_quantum: key(5),
    }
}

/// A message with this header under this header key of [`known`], and nothing behind it that is authentic.
fn headed(key: u8, header: &Header<Ours>, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut message = Vec::new();
    let key = HeaderKey::new(SideSecret::new(Secret32::take(&mut [key; 32])));
    key.seal(&[1; 32], header, &mut message, &mut Fresh::new(rng)).unwrap();
    message.resize(MESSAGE_OVERHEAD_BYTES + 100, 0);
    message
}

/// Who knows a header key, and does not take part in the post-quantum ratchet, is refused before anything is derived.
#[test]
fn a_new_chain_without_the_step_that_follows_is_refused_by_both_sides() {
    let mut rng = ChaCha20Rng::seed_from_u64(26);
    let prekey = AgreementSecret::generate(&mut rng);
    let initiator = Session::initiator(known(), &prekey.public(), &mut rng).unwrap();
    let responder = Session::responder(known(), prekey).unwrap();
    let dh = RatchetSecret::generate(&mut rng).public();
    let head = ChainHead { dh, previous: 0, pq_epoch: 1, pq_base: 0, pq_previous: 0 };
    let mut refusal = |session: &Session, key, slot| {
        let message = headed(key, &Header { head, number: 0, slot }, &mut rng);
        session.open(&message, NOW, &mut rng).unwrap_err()
    };
    let ciphertext = HeaderSlot::ciphertext(&[8; CIPHERTEXT_BYTES], &[9; MAC_BYTES]);
    let ek = HeaderSlot::key(&[8; KEY_BYTES], &[9; MAC_BYTES]);
    assert_eq!(refusal(&responder, 3, HeaderSlot::empty()), RatchetError::BadHeader);
    assert_eq!(
        refusal(&responder, 3, ek.clone()),
        RatchetError::BadCommitment,
        "as far as a header goes it is good"
    );
    assert_eq!(refusal(&initiator, 4, HeaderSlot::empty()), RatchetError::Stalled);
    assert_eq!(refusal(&initiator, 4, ek), RatchetError::BadHeader);
    assert_eq!(refusal(&initiator, 4, ciphertext), RatchetError::BadCommitment, "and here");
}

#[test]
fn a_message_beyond_the_end_of_its_chain_is_noticed() {
    let mut p = pair(11);
    let first = p.alice_seals(b"1");
    p.bob_opens(&first).unwrap();
    let old = p.alice.clone();
    let reply = p.bob_seals(b"turn");
    p.alice_opens(&reply).unwrap();
    let second = p.alice_seals(b"2");
    p.bob_opens(&second).unwrap();
    p.alice = old;
    let beyond = p.alice_seals(b"3");
    assert_eq!(p.bob_opens(&beyond), Err(RatchetError::RolledBack));
}

#[test]
fn a_message_of_another_session_finds_no_header_key() {
    let (mut p, mut other) = (pair(12), pair(13));
    let message = other.alice_seals(b"x");
    assert_eq!(p.bob_opens(&message), Err(RatchetError::NoHeaderKey));
}

#[test]
fn debug_shows_no_key() {
    let mut p = pair(14);
    assert_eq!(format!("{:?}", p.alice), "Session(..)");
    let message = p.alice_seals(b"secret");
    let accepted = p.bob.open(&message, NOW, &mut p.rng).unwrap();
    assert_eq!(format!("{accepted:?}"), "Accepted(SecretBytes(6 B))");
}

fn bytes(session: &Session) -> Vec<u8> {
    let mut writer = Writer::default();
    session.write(&mut writer);
    writer.finish().to_vec()
}

pub(super) fn stored(session: &Session) -> Session {
    let bytes = bytes(session);
    let mut reader = Reader::new(&bytes);
    let session = Session::read(&mut reader).unwrap();
    reader.end().unwrap();
    session
}

/// The size of a session's record part.
fn size(session: &Session) -> usize {
    bytes(session).len()
}

#[test]
fn a_session_without_skipped_keys_is_small_and_a_full_one_is_bounded() {
    let mut p = pair(15);
    let mut largest = 0;
    for _ in 0..9 {
        let message = p.alice_seals(b"x");
        p.bob_opens(&message).unwrap();
        let message = p.bob_seals(b"x");
        p.alice_opens(&message).unwrap();
        largest = largest.max(size(&p.alice)).max(size(&p.bob));
    }
    assert!((1_217..2_400).contains(&largest), "{largest} B");
    for _ in 0..3 {
        let message = (0..=SKIPPED_MAX).map(|_| p.alice_seals(b"x")).last().unwrap();
        p.bob_opens(&message).unwrap();
        let message = p.bob_seals(b"x");
        p.alice_opens(&message).unwrap();
    }
    let full = size(&p.bob);
    assert!((88_000..2_400 + 2_000 * 44 + 1).contains(&full), "{full} B");
}

#[test]
fn each_turn_is_one_step_of_the_post_quantum_ratchet() {
    let mut p = pair(16);
    let mut epochs = Vec::new();
    for _ in 0..4 {
        let message = p.alice_seals(b"x");
        p.bob_opens(&message).unwrap();
        epochs.push((p.alice.pq_epoch(), p.bob.pq_epoch()));
        let message = p.bob_seals(b"x");
        p.alice_opens(&message).unwrap();
        epochs.push((p.alice.pq_epoch(), p.bob.pq_epoch()));
    }
    // EK-CT, NOEK-CT, NOEK-EK, CT-EK, CT-NOEK, EK-NOEK, EK-CT, NOEK-CT.
    assert_eq!(epochs, [(1, 1), (2, 1), (2, 2), (2, 2), (2, 3), (3, 3), (3, 3), (4, 3)]);
}

#[test]
fn loss_never_stalls_the_post_quantum_ratchet() {
    let mut p = pair(17);
    for round in 1..12_u32 {
        for _ in 0..3 {
            p.alice_seals(b"lost");
        }
        let message = p.alice_seals(b"last");
        p.bob_opens(&message).unwrap();
        for _ in 0..3 {
            p.bob_seals(b"lost");
        }
        let message = p.bob_seals(b"last");
        p.alice_opens(&message).unwrap();
        assert_eq!(p.alice.pq_epoch(), 1 + round * 2 / 3 + u32::from(round % 3 == 1), "round {round}");
    }
}

#[test]
fn another_post_quantum_secret_opens_nothing() {
    let mut rng = ChaCha20Rng::seed_from_u64(18);
    let key = |byte| Secret32::take(&mut [byte; 32]);
    let agreed = |pq| Agreed {
        transcript: [5; 32],
        root: key(1),
        initiator_header: key(2),
        responder_header: key(3),
        post_quantum: key(pq),
        repair: key(6),
    };
    let prekey = AgreementSecret::generate(&mut rng);
    let mut alice = Session::initiator(agreed(4), &prekey.public(), &mut rng).unwrap();
    let message = alice.seal(b"x", MESSAGE_BYTES, &mut rng).unwrap();
    let bob = Session::responder(agreed(5), prekey.clone()).unwrap();
    assert_eq!(bob.open(&message, NOW, &mut rng).err(), Some(RatchetError::BadCommitment));
    let bob = Session::responder(agreed(4), prekey).unwrap();
    assert!(bob.open(&message, NOW, &mut rng).is_ok());
}

#[test]
fn a_skipped_key_still_serves_on_its_thirtieth_day() {
    let mut p = pair(19);
    let (one, two, three) = (p.alice_seals(b"1"), p.alice_seals(b"2"), p.alice_seals(b"3"));
    p.bob_opens(&two).unwrap();
    let later = NOW.after(SKIPPED_KEPT);
    p.bob_opens_at(&three, later).unwrap();
    assert!(p.bob_opens_at(&one, later).is_ok());
}

#[test]
fn skips_of_two_chains_count_together_in_a_turn() {
    for (ended, begun, opens) in [(1_000, 1_000, true), (1_001, 1_000, false), (1_000, 1_001, false)] {
        let mut p = pair(20);
        let first = p.alice_seals(b"first");
        p.bob_opens(&first).unwrap();
        let reply = p.bob_seals(b"turn");
        (0..ended).for_each(|_| drop(p.alice_seals(b"lost")));
        p.alice_opens(&reply).unwrap();
        (0..begun).for_each(|_| drop(p.alice_seals(b"lost")));
        let last = p.alice_seals(b"last");
        assert_eq!(p.bob_opens(&last).is_ok(), opens, "{ended} and {begun}");
    }
}

#[test]
fn a_restored_side_that_turns_again_is_noticed_by_its_second_key() {
    let mut p = pair(21);
    let first = p.alice_seals(b"1");
    let old = p.bob.clone();
    p.bob_opens(&first).unwrap();
    let reply = p.bob_seals(b"2");
    p.alice_opens(&reply).unwrap();
    p.bob = old;
    p.bob_opens(&first).unwrap();
    let again = p.bob_seals(b"2");
    assert_eq!(p.alice_opens(&again), Err(RatchetError::RolledBack));
}

#[test]
fn a_responder_that_has_not_received_cannot_send() {
    let mut p = pair(22);
    assert_eq!(p.bob.seal(b"x", MESSAGE_BYTES, &mut p.rng), Err(RatchetError::CannotSend));
}

#[test]
fn a_record_that_is_cut_or_holds_another_state_is_refused() {
    let p = pair(23);
    let bytes = bytes(&p.alice);
    for length in 0..bytes.len() {
        assert!(Session::read(&mut Reader::new(&bytes[..length])).is_err(), "{length} B");
    }
}

/// A peer that knows the first header key can write any header, and this side must not follow it to chains that cannot be.
#[test]
fn a_first_chain_says_that_nothing_was_before_it() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let responder = Session::responder(known(), AgreementSecret::generate(&mut rng)).unwrap();
    let dh = RatchetSecret::generate(&mut rng).public();
    let mut opened = |previous, pq_base, pq_previous| {
        let head = ChainHead { dh, previous, pq_epoch: 1, pq_base, pq_previous };
        let header = Header { head, number: 0, slot: HeaderSlot::key(&[8; KEY_BYTES], &[9; MAC_BYTES]) };
        let message = headed(3, &header, &mut rng);
        responder.open(&message, NOW, &mut rng).unwrap_err()
    };
    assert_eq!(opened(0, 0, 0), RatchetError::BadCommitment, "as far as a header goes it is good");
    for (previous, pq_base, pq_previous) in [(0, 1, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (1, 1, 1)] {
        assert_eq!(opened(previous, pq_base, pq_previous), RatchetError::BadHeader);
    }
}

#[test]
fn a_slot_that_is_not_authentic_lets_the_text_through_and_asks_for_a_repair_from_then_on() {
    let mut p = pair(11);
    let mut writer = Writer::default();
    p.alice.write(&mut writer);
    let mut altered = writer.finish().to_vec();
    // transcript 32 ‖ root 32 ‖ own pair 64 ‖ flag 1 ‖ header key 32 ‖ chain head 48 ‖ flag 1 ‖ key 1,184 ‖ MAC.
    altered[32 + 32 + 64 + 1 + 32 + 48 + 1 + 1_184] ^= 1;
    p.alice = Session::read(&mut Reader::new(&altered)).unwrap();
    for text in [b"one", b"two"] {
        let message = p.alice_seals(text);
        let accepted = p.bob.open(&message, NOW, &mut p.rng).unwrap();
        assert_eq!(&*accepted.content, text);
        assert!(accepted.needs_repair && accepted.session.needs_repair());
        p.bob = accepted.session;
    }
    assert!(p.bob.can_send(), "to say so");
}
