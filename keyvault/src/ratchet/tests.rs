use std::collections::VecDeque;

use ipc_schema::Timestamp;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::agreement_key::AgreementSecret;
use crate::codec::{Reader, Writer};
use crate::envelope::{FRAME_MAX_BYTES, MESSAGE_BYTES};
use crate::memory::Secret32;
use crate::pqxdh::Agreed;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

struct Pair {
    rng: ChaCha20Rng,
    alice: Session,
    bob: Session,
}

/// Alice initiates.
fn pair(seed: u64) -> Pair {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let agreed = Agreed {
        transcript: [5; 32],
        repair: Secret32::zero(),
        root: Secret32::random(&mut rng),
        initiator_header: Secret32::random(&mut rng),
        responder_header: Secret32::random(&mut rng),
    };
    let prekey = AgreementSecret::generate(&mut rng);
    let alice = Session::initiator(agreed.clone(), &prekey.public(), &mut rng).unwrap();
    Pair { alice, bob: Session::responder(agreed, prekey), rng }
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
    p.bob_opens_at(&three, later).unwrap();
    assert!(matches!(p.bob_opens_at(&one, later), Err(RatchetError::Used { number: 0, .. })));
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
    let body = 1_392..MESSAGE_BYTES;
    assert_ne!(first[body.clone()], again[body], "the random salt gives another keystream");
    assert!(matches!(p.bob_opens(&again), Err(RatchetError::Used { number: 0, .. })));
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
    assert_eq!(p.bob_opens(&beyond), Err(RatchetError::BeyondEnd));
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

fn stored(session: &Session) -> Session {
    let bytes = bytes(session);
    let mut reader = Reader::new(&bytes);
    let session = Session::read(&mut reader).unwrap();
    reader.end().unwrap();
    session
}

#[derive(Clone, Debug)]
enum Step {
    Send {
        alice: bool,
    },
    /// Delivers one of the waiting messages, counted from the oldest.
    Deliver {
        to_alice: bool,
        which: usize,
    },
    Lose {
        to_alice: bool,
        which: usize,
    },
    /// Delivers a message that was delivered before.
    Replay {
        to_alice: bool,
        which: usize,
    },
    /// Writes both sessions to bytes and back.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|alice| Step::Send { alice }),
        4 => (any::<bool>(), 0..6_usize).prop_map(|(to_alice, which)| Step::Deliver { to_alice, which }),
        1 => (any::<bool>(), 0..6_usize).prop_map(|(to_alice, which)| Step::Lose { to_alice, which }),
        1 => (any::<bool>(), any::<usize>()).prop_map(|(to_alice, which)| Step::Replay { to_alice, which }),
        1 => Just(Step::Restart),
    ]
}

#[derive(Default)]
struct Way {
    waiting: VecDeque<(Vec<u8>, Vec<u8>)>,
    delivered: Vec<Vec<u8>>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_lost_reordered_repeated_or_restarted_each_text_opens_once(
        steps in prop::collection::vec(step(), 1..120), seed in any::<u64>()
    ) {
        let mut p = pair(seed);
        let (mut to_alice, mut to_bob) = (Way::default(), Way::default());
        let mut count = 0_u32;
        for step in steps {
            match step {
                Step::Send { alice } => {
                    count += 1;
                    let text = count.to_be_bytes().to_vec();
                    if alice {
                        let message = p.alice_seals(&text);
                        to_bob.waiting.push_back((message, text));
                    } else if p.bob.can_send() {
                        let message = p.bob_seals(&text);
                        to_alice.waiting.push_back((message, text));
                    }
                }
                Step::Deliver { to_alice: alice, which } => {
                    let way = if alice { &mut to_alice } else { &mut to_bob };
                    if let Some((message, text)) = way.waiting.remove(which) {
                        let opened = if alice { p.alice_opens(&message) } else { p.bob_opens(&message) };
                        // Only a chain forgotten after five turns may lose a message.
                        prop_assert!(opened == Ok(text) || opened == Err(RatchetError::NoHeaderKey));
                        way.delivered.push(message);
                    }
                }
                Step::Lose { to_alice: alice, which } => {
                    let way = if alice { &mut to_alice } else { &mut to_bob };
                    way.waiting.remove(which);
                }
                Step::Replay { to_alice: alice, which } => {
                    let way = if alice { &to_alice } else { &to_bob };
                    if !way.delivered.is_empty() {
                        let message = way.delivered[which % way.delivered.len()].clone();
                        let opened = if alice { p.alice_opens(&message) } else { p.bob_opens(&message) };
                        prop_assert!(opened.is_err());
                    }
                }
                Step::Restart => {
                    p.alice = stored(&p.alice);
                    p.bob = stored(&p.bob);
                }
            }
        }
    }
}
