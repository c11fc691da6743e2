use std::collections::HashMap;
use std::time::Duration;

use ed25519_dalek::{Signature, VerifyingKey};
use ipc_schema::Timestamp;
use ipc_schema::mailbox::{Command, Context};
use ipc_schema::relay::{Address, Hint, Transport};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::invite_records::InviteRecord;
use super::record::PutRecord;
use super::*;
use crate::agreement_key::AgreementSecret;
use crate::envelope::ENVELOPE_BYTES;
use crate::error::InviteError;
use crate::frame::{CONTENT_MAX, FIRST_CONTENT_MAX};
use crate::ids::{AcceptId, InnerHash, InviteId, OutboxId, PutId, QueueId, RelayId};
use crate::invite::BLOB_BYTES;
use crate::mailbox::{self, Authenticator};
use crate::memory::Secret32;
use crate::ratchet::SKIPPED_KEPT;
use crate::store::{MemoryStore, Row, StoreError, Table};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const RELAY: RelayId = RelayId([7; 32]);
const OTHER_RELAY: RelayId = RelayId([8; 32]);

fn vault(seed: u64) -> (Vault<MemoryStore>, ChaCha20Rng) {
    let rng = ChaCha20Rng::seed_from_u64(seed);
    (Vault::open(MemoryStore::default()).unwrap(), rng)
}

/// What a relay answers to `create`, with the private half of its queue key.
fn created(byte: u8) -> (Created, AgreementSecret) {
    let secret = AgreementSecret::from_secret(&Secret32::take(&mut [byte; 32]));
    let created =
        Created::parse(QueueId([byte; 24]), QueueId([byte ^ 0x80; 24]), *secret.public().bytes()).unwrap();
    (created, secret)
}

/// Two people and the sender keys that relays learnt by `secure`.
struct World {
    rng: ChaCha20Rng,
    alice: Vault<MemoryStore>,
    bob: Vault<MemoryStore>,
    link: String,
    blob: Vec<u8>,
    alice_session: SessionId,
    bob_session: SessionId,
    /// The sender's key at each queue, by the queue's sender id.
    secured: HashMap<QueueId, [u8; 32]>,
    /// The receive queue behind each sender id.
    receive_queues: HashMap<QueueId, ReceiveQueueId>,
    next_outbox: u64,
}

const INVITE: InviteId = InviteId(1);
const ACCEPT: AcceptId = AcceptId(1);
const NOTHING_NEW: News = News { first: None, visitor_of: None, repaired: false, repair_wanted: false };
const FIRST: News = News { first: Some(INVITE), ..NOTHING_NEW };

/// Alice has an invite out, Bob has opened its link and made two queues.
fn invited() -> World {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let mut alice = Vault::open(MemoryStore::default()).unwrap();
    let mut bob = Vault::open(MemoryStore::default()).unwrap();
    alice.begin_invite(INVITE, RELAY, NOW, &mut rng).unwrap();
    let finished = alice.finish_invite(INVITE, created(1).0, &[], &mut rng).unwrap();
    let opened = bob.open_invite(ACCEPT, &finished.link, NOW, &mut rng).unwrap();
    assert_eq!((opened.relay, opened.blob_id), (RELAY, finished.blob_id));
    let mut receive_queues = HashMap::from([(created(1).0.sender_queue, ReceiveQueueId(1))]);
    for (receive_queue, relay, byte) in [(20, RELAY, 2), (21, OTHER_RELAY, 3)] {
        bob.begin_receive_queue(ReceiveQueueId(receive_queue), relay, &mut rng).unwrap();
        bob.finish_receive_queue(ReceiveQueueId(receive_queue), created(byte).0).unwrap();
        receive_queues.insert(created(byte).0.sender_queue, ReceiveQueueId(receive_queue));
    }
    World {
        rng,
        alice,
        bob,
        link: finished.link,
        blob: finished.blob,
        alice_session: SessionId(0),
        bob_session: SessionId(0),
        secured: HashMap::from([(created(1).0.sender_queue, opened.sender_key)]),
        receive_queues,
        next_outbox: 100,
    }
}

fn acceptance<'a>(blob: &'a [u8], content: &'a [u8]) -> AcceptInvite<'a> {
    AcceptInvite {
        accept: ACCEPT,
        untrusted_blob: blob,
        receive_queues: &[ReceiveQueueId(20), ReceiveQueueId(21)],
        outbox: OutboxId(50),
        content,
    }
}

/// Alice and Bob are connected; Alice has offered two queues in her reply.
fn connected() -> World {
    let mut w = invited();
    let accepted = w.bob.accept_invite(acceptance(&w.blob, b"hi, Bob here"), NOW, &mut w.rng).unwrap();
    w.bob_session = accepted.session;
    let first = w.alice_opens(&accepted.envelopes[0]);
    let Opened::Message { session, content, peer_queues, news: FIRST, inner } = first else {
        panic!("{first:?}");
    };
    assert_eq!(&*content, b"hi, Bob here");
    w.alice_session = session;
    w.learn(&peer_queues);
    w.bob.forget(&[OutboxId(50)], &[]).unwrap();
    w.alice.forget(&[], &[inner]).unwrap();

    w.alice.begin_receive_queue(ReceiveQueueId(30), OTHER_RELAY, &mut w.rng).unwrap();
    w.alice.finish_receive_queue(ReceiveQueueId(30), created(4).0).unwrap();
    w.receive_queues.insert(created(4).0.sender_queue, ReceiveQueueId(30));
    let request = SealEnvelope {
        session,
        outbox: OutboxId(51),
        content: b"welcome",
        offer: &[ReceiveQueueId(1), ReceiveQueueId(30)],
    };
    let envelopes = w.alice.seal_envelope(request, &mut w.rng).unwrap();
    assert_eq!(envelopes.len(), 2);
    let Opened::Message { content, peer_queues, inner, news: NOTHING_NEW, .. } = w.bob_opens(&envelopes[0])
    else {
        panic!();
    };
    assert_eq!(&*content, b"welcome");
    assert_eq!(peer_queues.len(), 2);
    w.learn(&peer_queues);
    w.alice.forget(&[OutboxId(51)], &[]).unwrap();
    w.bob.forget(&[], &[inner]).unwrap();
    w
}

impl World {
    /// What `secure` tells the relays.
    fn learn(&mut self, peer_queues: &[PeerQueue]) {
        for queue in peer_queues {
            self.secured.insert(queue.queue, queue.sender_key);
        }
    }

    fn incoming<'a>(
        &self,
        from: &Vault<MemoryStore>,
        envelope: &'a OutgoingEnvelope,
    ) -> IncomingEnvelope<'a> {
        let queue = &from.peer_queues(&[envelope.peer_queue]).unwrap()[0];
        IncomingEnvelope {
            receive_queue: self.receive_queues[&queue.queue],
            untrusted_sender: self.secured[&queue.queue],
            untrusted_envelope: &envelope.bytes,
        }
    }

    fn alice_opens(&mut self, envelope: &OutgoingEnvelope) -> Opened {
        let incoming = self.incoming(&self.bob, envelope);
        self.alice.open_envelope(incoming, NOW, &mut self.rng).unwrap()
    }

    fn bob_opens(&mut self, envelope: &OutgoingEnvelope) -> Opened {
        let incoming = self.incoming(&self.alice, envelope);
        self.bob.open_envelope(incoming, NOW, &mut self.rng).unwrap()
    }

    fn alice_seals(&mut self, content: &[u8]) -> Vec<OutgoingEnvelope> {
        self.next_outbox += 1;
        let request = SealEnvelope {
            session: self.alice_session,
            outbox: OutboxId(self.next_outbox),
            content,
            offer: &[],
        };
        self.alice.seal_envelope(request, &mut self.rng).unwrap()
    }

    fn bob_seals(&mut self, content: &[u8]) -> Vec<OutgoingEnvelope> {
        self.next_outbox += 1;
        let request = SealEnvelope {
            session: self.bob_session,
            outbox: OutboxId(self.next_outbox),
            content,
            offer: &[],
        };
        self.bob.seal_envelope(request, &mut self.rng).unwrap()
    }
}

fn content(opened: &Opened) -> &[u8] {
    match opened {
        Opened::Message { content, .. } => content,
        other => panic!("{other:?}"),
    }
}

fn inner(opened: &Opened) -> InnerHash {
    match opened {
        Opened::Message { inner, .. } => *inner,
        other => panic!("{other:?}"),
    }
}

/// The vault as it comes up after a crash at this moment.
fn restarted(vault: &Vault<MemoryStore>) -> Vault<MemoryStore> {
    Vault::open(vault.store.clone()).unwrap()
}

#[test]
fn two_people_connect_and_talk_through_either_replica() {
    let mut w = connected();
    for round in 0..5_u8 {
        let envelopes = w.bob_seals(&[round; 40]);
        assert_eq!(envelopes.len(), 2);
        assert!(envelopes.iter().all(|envelope| envelope.bytes.len() == ENVELOPE_BYTES));
        let which = usize::from(round % 2);
        assert_eq!(content(&w.alice_opens(&envelopes[which])), [round; 40]);
        let envelopes = w.alice_seals(&[round; 41]);
        assert_eq!(content(&w.bob_opens(&envelopes[1 - which])), [round; 41]);
    }
    assert_eq!(w.alice.safety_number(w.alice_session).unwrap(), w.bob.safety_number(w.bob_session).unwrap());
}

#[test]
fn replicas_share_no_byte_that_a_pair_of_relays_could_compare() {
    let mut w = connected();
    let envelopes = w.alice_seals(b"same inside");
    assert_ne!(envelopes[0].put_id, envelopes[1].put_id);
    let equal = envelopes[0].bytes.iter().zip(&envelopes[1].bytes).skip(1).filter(|(a, b)| a == b).count();
    assert!(equal < 60, "{equal} of 4,095 bytes are equal, 16 are expected by chance");
}

#[test]
fn both_copies_give_one_answer_until_it_is_forgotten_and_then_a_duplicate() {
    let mut w = connected();
    let envelopes = w.alice_seals(b"once");
    let first = w.bob_opens(&envelopes[0]);
    let second = w.bob_opens(&envelopes[1]);
    assert_eq!(first, second);
    w.bob = restarted(&w.bob);
    assert_eq!(w.bob_opens(&envelopes[0]), first);
    w.bob.forget(&[], &[inner(&first)]).unwrap();
    assert_eq!(w.bob_opens(&envelopes[0]), Opened::Duplicate(inner(&first)));
    assert_eq!(w.bob_opens(&envelopes[1]), Opened::Duplicate(inner(&first)));
    let stored = w.bob.store.all(Table::Opened).unwrap();
    assert!(!stored.iter().any(|(_, bytes)| bytes.windows(4).any(|window| window == b"once")));
}

#[test]
fn after_thirty_days_a_forgotten_envelope_is_unreadable() {
    let mut w = connected();
    let envelopes = w.alice_seals(b"old");
    let hash = inner(&w.bob_opens(&envelopes[0]));
    w.bob.forget(&[], &[hash]).unwrap();
    w.bob.sweep(NOW.after(DUPLICATE_FOR)).unwrap();
    assert_eq!(w.bob_opens(&envelopes[0]), Opened::Duplicate(hash));
    w.bob.sweep(NOW.after(DUPLICATE_FOR + HOUR)).unwrap();
    assert_eq!(w.bob_opens(&envelopes[0]), Opened::Unreadable);
}

#[test]
fn sealing_again_gives_the_same_bytes_until_forgotten() {
    let mut w = connected();
    let request =
        SealEnvelope { session: w.alice_session, outbox: OutboxId(7), content: b"text", offer: &[] };
    let first = w.alice.seal_envelope(request, &mut w.rng).unwrap();
    w.alice = restarted(&w.alice);
    assert_eq!(w.alice.seal_envelope(request, &mut w.rng).unwrap(), first);
    let other = SealEnvelope { content: b"other", ..request };
    assert!(matches!(w.alice.seal_envelope(other, &mut w.rng), Err(VaultError::Conflict(Thing::Outbox))));
    w.alice.forget(&[OutboxId(7), OutboxId(7), OutboxId(8)], &[]).unwrap();
    w.alice.forget(&[OutboxId(7)], &[]).unwrap();
    assert_eq!(w.alice.kept, 0);
    let again = w.alice.seal_envelope(request, &mut w.rng).unwrap();
    assert_ne!(again, first);
    assert_eq!(content(&w.bob_opens(&again[0])), b"text");
    assert_eq!(content(&w.bob_opens(&first[0])), b"text");
}

#[test]
fn accepting_again_gives_the_same_session_and_bytes() {
    let mut w = invited();
    let first = w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    w.bob = restarted(&w.bob);
    assert_eq!(w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap(), first);
    w.bob.forget(&[OutboxId(50)], &[]).unwrap();
    let later = w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    assert_eq!((later.session, later.envelopes.len()), (first.session, 0));
}

#[test]
fn beginning_and_finishing_again_gives_the_same_keys_and_link() {
    let (mut alice, mut rng) = vault(3);
    let key = alice.begin_invite(INVITE, RELAY, NOW, &mut rng).unwrap();
    let mut alice = restarted(&alice);
    assert_eq!(alice.begin_invite(INVITE, RELAY, NOW, &mut rng).unwrap(), key);
    assert!(alice.begin_invite(INVITE, OTHER_RELAY, NOW, &mut rng).is_err());
    let hint = Hint {
        link_key: [1; 32],
        address: Address { transport: Transport::Quic, socket: "10.1.2.3:443".parse().unwrap() },
    };
    let first = alice.finish_invite(INVITE, created(1).0, &[hint; 5], &mut rng).unwrap();
    let mut alice = restarted(&alice);
    assert_eq!(alice.finish_invite(INVITE, created(1).0, &[], &mut rng).unwrap(), first);
    assert!(alice.finish_invite(INVITE, created(2).0, &[], &mut rng).is_err());
    assert_eq!(first.blob.len(), BLOB_BYTES);
    assert!(first.blob.len() <= ipc_schema::limits::BLOB_MAX_BYTES);
    let key = alice.begin_receive_queue(ReceiveQueueId(9), RELAY, &mut rng).unwrap();
    assert_eq!(alice.begin_receive_queue(ReceiveQueueId(9), RELAY, &mut rng).unwrap(), key);
    assert!(alice.begin_receive_queue(ReceiveQueueId(INVITE.0), RELAY, &mut rng).is_err());
    assert!(alice.begin_invite(InviteId(9), RELAY, NOW, &mut rng).is_err());
}

#[test]
fn a_used_expired_cancelled_or_own_invite_is_told_apart_and_changes_nothing() {
    let mut w = invited();
    let refusal = |vault: &mut Vault<MemoryStore>, accept, link: &str, now| {
        let before = vault.store.all(Table::Accept).unwrap().len();
        let error = vault.open_invite(accept, link, now, &mut ChaCha20Rng::seed_from_u64(1)).unwrap_err();
        assert_eq!(vault.store.all(Table::Accept).unwrap().len(), before);
        match error {
            VaultError::Invite(error) => error,
            other => panic!("{other}"),
        }
    };
    assert_eq!(refusal(&mut w.alice, ACCEPT, &w.link, NOW), InviteError::Own);
    let late = NOW.after(INVITE_LIFETIME + HOUR);
    let (mut carol, _) = vault(5);
    assert_eq!(refusal(&mut carol, ACCEPT, &w.link, late), InviteError::Expired);
    assert_eq!(refusal(&mut carol, ACCEPT, &w.link[..60], NOW), InviteError::Truncated);
    assert!(w.bob.accept_invite(acceptance(&w.blob, b"hi"), late, &mut w.rng).is_err());
    w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    assert_eq!(refusal(&mut w.bob, AcceptId(2), &w.link, NOW), InviteError::Used);
    assert!(matches!(
        w.bob.open_invite(ACCEPT, &w.link.replace("i#", "i#A"), NOW, &mut w.rng),
        Err(VaultError::Invite(_))
    ));
}

#[test]
fn a_second_attempt_at_a_link_comes_with_the_same_sender_key() {
    let mut w = invited();
    let first = w.bob.open_invite(ACCEPT, &w.link, NOW, &mut w.rng).unwrap();
    let second = w.bob.open_invite(AcceptId(2), &w.link, NOW, &mut w.rng).unwrap();
    assert_eq!(first, second);
}

#[test]
fn an_altered_blob_is_refused_and_nothing_changes() {
    let mut w = invited();
    let before = w.bob.store.all(Table::Session).unwrap().len();
    for at in (0..BLOB_BYTES).step_by(61).chain([0, 1, 25, BLOB_BYTES - 1]) {
        let mut altered = w.blob.clone();
        altered[at] ^= 1;
        let error = w.bob.accept_invite(acceptance(&altered, b"hi"), NOW, &mut w.rng).unwrap_err();
        let expected = matches!(error, VaultError::Invite(InviteError::Altered | InviteError::NewerVersion));
        assert!(expected, "byte {at}: {error}");
    }
    assert!(w.bob.accept_invite(acceptance(&w.blob[1..], b"hi"), NOW, &mut w.rng).is_err());
    assert_eq!(w.bob.store.all(Table::Session).unwrap().len(), before);
    assert!(w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).is_ok());
}

#[test]
fn a_second_acceptance_is_told_as_opened_twice() {
    let mut w = invited();
    let (mut carol, mut rng) = vault(9);
    carol.open_invite(ACCEPT, &w.link, NOW, &mut rng).unwrap();
    let request = AcceptInvite { receive_queues: &[], ..acceptance(&w.blob, b"me too") };
    let stolen = carol.accept_invite(request, NOW, &mut rng).unwrap();
    let accepted = w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    assert!(matches!(w.alice_opens(&accepted.envelopes[0]), Opened::Message { news: FIRST, .. }));
    let incoming = IncomingEnvelope {
        receive_queue: ReceiveQueueId(1),
        untrusted_sender: stolen.peer_queues[0].sender_key,
        untrusted_envelope: &stolen.envelopes[0].bytes,
    };
    assert_eq!(w.alice.open_envelope(incoming, NOW, &mut rng).unwrap(), Opened::OpenedTwice(INVITE));
    assert_eq!(w.alice.sessions().unwrap().len(), 1);
    // The true one still repeats as what it was.
    assert!(matches!(w.alice_opens(&accepted.envelopes[0]), Opened::Message { news: FIRST, .. }));
}

#[test]
fn an_invites_private_keys_are_gone_once_it_is_used_or_cancelled() {
    let mut w = invited();
    let full = w.alice.store.read(Table::Invite, &INVITE.key()).unwrap().unwrap();
    let accepted = w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    w.alice_opens(&accepted.envelopes[0]);
    let left = w.alice.store.read(Table::Invite, &INVITE.key()).unwrap().unwrap();
    assert!(full.len() > 4_096 && left.len() < 100, "no prekey fits into {} bytes", left.len());

    let mut w = invited();
    w.alice.cancel_invite(INVITE).unwrap();
    w.alice.cancel_invite(INVITE).unwrap();
    assert!(w.alice.store.all(Table::Invite).unwrap().is_empty());
    assert!(w.alice.store.all(Table::ReceiveQueue).unwrap().is_empty());
}

#[test]
fn keys_of_messages_that_never_came_go_after_thirty_days_of_silence() {
    let mut w = connected();
    let mut seal = |outbox| {
        let request = SealEnvelope { session: w.alice_session, outbox, content: b"text", offer: &[] };
        w.alice.seal_envelope(request, &mut w.rng).unwrap()
    };
    let (missing, came) = (seal(OutboxId(90)), seal(OutboxId(91)));
    w.bob_opens(&came[0]);
    let length = |vault: &Vault<MemoryStore>| {
        vault.store.read(Table::Session, &w.bob_session.key()).unwrap().unwrap().len()
    };
    let before = length(&w.bob);
    w.bob.sweep(NOW.after(SKIPPED_KEPT)).unwrap();
    assert_eq!(length(&w.bob), before);
    w.bob.sweep(NOW.after(SKIPPED_KEPT + HOUR)).unwrap();
    assert!(length(&w.bob) < before, "its key is not in the record any more");
    assert!(!matches!(w.bob_opens(&missing[0]), Opened::Message { .. }));
}

#[test]
fn a_first_message_sent_in_time_opens_until_the_mailboxes_grace_is_over() {
    let mut w = invited();
    let accepted = w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    let late = NOW.after(INVITE_LIFETIME + INVITE_GRACE);
    w.alice.sweep(late).unwrap();
    let mut much_later = restarted(&w.alice);
    much_later.sweep(late.after(DAY)).unwrap();
    let incoming = w.incoming(&w.bob, &accepted.envelopes[0]);
    assert!(matches!(
        w.alice.open_envelope(incoming, late, &mut w.rng).unwrap(),
        Opened::Message { news: FIRST, .. }
    ));
    assert!(much_later.open_envelope(incoming, late, &mut w.rng).is_err());
}

#[test]
fn ten_new_contacts_an_hour_and_no_more() {
    let (mut alice, mut rng) = vault(4);
    for invite in 0..10 {
        alice.begin_invite(InviteId(invite), RELAY, NOW, &mut rng).unwrap();
    }
    let mut alice = restarted(&alice);
    let soon = NOW.after(HOUR / 2);
    match alice.begin_invite(InviteId(10), RELAY, soon, &mut rng) {
        Err(VaultError::RateLimited { retry_after }) => assert_eq!(retry_after, HOUR / 2),
        other => panic!("{other:?}"),
    }
    assert!(alice.begin_invite(InviteId(3), RELAY, soon, &mut rng).is_ok(), "repeating is free");
    assert!(alice.begin_invite(InviteId(10), RELAY, NOW.after(HOUR), &mut rng).is_ok());
}

#[test]
fn kept_answers_are_limited_and_forgetting_makes_room() {
    let mut w = connected();
    let mut envelopes = Vec::new();
    for _ in 0..KEPT_MAX {
        envelopes.push(w.alice_seals(b"x").remove(0));
    }
    let request =
        SealEnvelope { session: w.alice_session, outbox: OutboxId(9_999), content: b"x", offer: &[] };
    assert!(matches!(w.alice.seal_envelope(request, &mut w.rng), Err(VaultError::TooManyKept)));
    let mut alice = restarted(&w.alice);
    assert!(matches!(alice.seal_envelope(request, &mut w.rng), Err(VaultError::TooManyKept)));
    alice.forget(&[OutboxId(w.next_outbox)], &[]).unwrap();
    assert!(alice.seal_envelope(request, &mut w.rng).is_ok());

    for envelope in &envelopes {
        w.bob_opens(envelope);
    }
    let one_more = alice.seal_envelope(SealEnvelope { outbox: OutboxId(9_998), ..request }, &mut w.rng);
    assert!(matches!(one_more, Err(VaultError::TooManyKept)));
    let extra = {
        alice.forget(&[OutboxId(9_999)], &[]).unwrap();
        alice.seal_envelope(SealEnvelope { outbox: OutboxId(9_997), ..request }, &mut w.rng).unwrap()
    };
    let incoming = w.incoming(&alice, &extra[0]);
    assert!(matches!(w.bob.open_envelope(incoming, NOW, &mut w.rng), Err(VaultError::TooManyKept)));
    assert!(matches!(w.bob_opens(&envelopes[0]), Opened::Message { .. }), "known answers are still given");
}

#[test]
fn content_limits_hold_at_the_exact_byte() {
    let mut w = invited();
    let long = vec![1; FIRST_CONTENT_MAX + 1];
    assert!(matches!(
        w.bob.accept_invite(acceptance(&w.blob, &long), NOW, &mut w.rng),
        Err(VaultError::TooLong)
    ));
    assert!(w.bob.accept_invite(acceptance(&w.blob, &long[1..]), NOW, &mut w.rng).is_ok());

    let mut w = connected();
    let long = vec![1; CONTENT_MAX + 1];
    let request = SealEnvelope {
        session: w.alice_session,
        outbox: OutboxId(1),
        content: &long,
        offer: &[ReceiveQueueId(1), ReceiveQueueId(30)],
    };
    assert!(matches!(w.alice.seal_envelope(request, &mut w.rng), Err(VaultError::TooLong)));
    let fits = SealEnvelope { content: &long[1..], ..request };
    let envelopes = w.alice.seal_envelope(fits, &mut w.rng).unwrap();
    assert_eq!(content(&w.bob_opens(&envelopes[0])), &long[1..]);
}

#[test]
fn a_queue_serves_one_session_only() {
    let mut w = connected();
    w.alice.begin_invite(InviteId(2), RELAY, NOW, &mut w.rng).unwrap();
    w.alice.finish_invite(InviteId(2), created(9).0, &[], &mut w.rng).unwrap();
    let request = SealEnvelope {
        session: w.alice_session,
        outbox: OutboxId(1),
        content: b"",
        offer: &[ReceiveQueueId(2)],
    };
    assert!(matches!(
        w.alice.seal_envelope(request, &mut w.rng),
        Err(VaultError::WrongPurpose(Thing::ReceiveQueue))
    ));
    w.alice.begin_receive_queue(ReceiveQueueId(40), RELAY, &mut w.rng).unwrap();
    let unfinished = SealEnvelope { offer: &[ReceiveQueueId(40)], ..request };
    assert!(w.alice.seal_envelope(unfinished, &mut w.rng).is_err());
    let unknown = SealEnvelope { offer: &[ReceiveQueueId(41)], ..request };
    assert!(matches!(
        w.alice.seal_envelope(unknown, &mut w.rng),
        Err(VaultError::NoSuch(Thing::ReceiveQueue))
    ));
}

#[test]
fn a_forged_or_misdirected_envelope_is_unreadable_and_changes_nothing() {
    let mut w = connected();
    let envelope = w.alice_seals(b"text").remove(0);
    let before = rows(&w.bob);
    let incoming = w.incoming(&w.alice, &envelope);
    for at in (0..ENVELOPE_BYTES).step_by(211) {
        let mut altered = envelope.bytes.clone();
        altered[at] ^= 1;
        let forged = IncomingEnvelope { untrusted_envelope: &altered, ..incoming };
        assert_eq!(w.bob.open_envelope(forged, NOW, &mut w.rng).unwrap(), Opened::Unreadable, "byte {at}");
    }
    for forged in [
        IncomingEnvelope { untrusted_envelope: &[], ..incoming },
        IncomingEnvelope { untrusted_sender: [0; 32], ..incoming },
        IncomingEnvelope { untrusted_sender: [0xff; 32], ..incoming },
        IncomingEnvelope { untrusted_sender: [9; 32], ..incoming },
        IncomingEnvelope {
            receive_queue: ReceiveQueueId(if incoming.receive_queue.0 == 20 { 21 } else { 20 }),
            ..incoming
        },
    ] {
        assert_eq!(w.bob.open_envelope(forged, NOW, &mut w.rng).unwrap(), Opened::Unreadable);
    }
    assert_eq!(rows(&w.bob), before);
    assert_eq!(content(&w.bob_opens(&envelope)), b"text");
}

#[test]
fn a_peer_that_restored_an_old_state_is_told() {
    let mut w = connected();
    let backup = w.alice.store.clone();
    let first = w.alice_seals(b"one");
    w.bob_opens(&first[0]);
    w.alice = Vault::open(backup).unwrap();
    let again = w.alice_seals(b"two");
    assert_eq!(w.bob_opens(&again[0]), Opened::RolledBack(w.bob_session));
    assert_eq!(w.bob_opens(&again[1]), Opened::RolledBack(w.bob_session));
    let next = w.alice_seals(b"three");
    assert_eq!(content(&w.bob_opens(&next[0])), b"three");
}

#[test]
fn removing_a_session_leaves_no_key_and_no_plaintext_of_it() {
    let mut w = connected();
    let envelope = w.alice_seals(b"secret").remove(0);
    w.bob_opens(&envelope);
    w.bob_seals(b"answer");
    w.bob.remove_session(w.bob_session).unwrap();
    w.bob.remove_session(w.bob_session).unwrap();
    for table in [
        Table::Session,
        Table::Contact,
        Table::PeerQueue,
        Table::ReceiveQueue,
        Table::Outbox,
        Table::Opened,
        Table::Marks,
    ] {
        assert!(w.bob.store.all(table).unwrap().is_empty(), "{table:?}");
    }
    assert!(!rows(&w.bob).iter().any(|(_, bytes)| bytes.windows(6).any(|window| window == b"secret")));
    assert_eq!(w.bob.kept, 0);
    assert!(matches!(w.bob.safety_number(w.bob_session), Err(VaultError::NoSuch(Thing::Session))));
}

#[test]
fn a_store_that_fails_leaves_the_vault_as_it_was() {
    let w = connected();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let failing = FailingStore(w.alice.store.clone());
    let mut alice = Vault::open(failing).unwrap();
    let request = SealEnvelope { session: w.alice_session, outbox: OutboxId(1), content: b"x", offer: &[] };
    assert!(matches!(alice.seal_envelope(request, &mut rng), Err(VaultError::Store(_))));
    assert!(matches!(alice.begin_invite(InviteId(5), RELAY, NOW, &mut rng), Err(VaultError::Store(_))));
    assert!(alice.set_scripts(true).is_err());
    assert_eq!((alice.kept, alice.scripts(), alice.meta.contacts_made.len()), (0, false, 1));
}

#[derive(Clone)]
struct FailingStore(MemoryStore);

impl Store for FailingStore {
    fn read(&self, table: Table, id: &[u8]) -> Result<Option<crate::memory::SecretBytes>, StoreError> {
        self.0.read(table, id)
    }

    fn page(&self, table: Table, after: Option<&[u8]>, at_most: usize) -> Result<Vec<Row>, StoreError> {
        self.0.page(table, after, at_most)
    }

    fn commit(&mut self, _: &Changes) -> Result<(), StoreError> {
        Err(StoreError::Io { doing: "writing", source: "disk full".into() })
    }
}

/// Defers like the sealed file does, and cannot write to its disk any more.
struct FullDisk {
    durable: MemoryStore,
    seen: MemoryStore,
}

impl Store for FullDisk {
    fn read(&self, table: Table, id: &[u8]) -> Result<Option<crate::memory::SecretBytes>, StoreError> {
        self.seen.read(table, id)
    }

    fn page(&self, table: Table, after: Option<&[u8]>, at_most: usize) -> Result<Vec<Row>, StoreError> {
        self.seen.page(table, after, at_most)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.seen.commit(changes)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Err(StoreError::Io { doing: "committing", source: "disk full".into() })
    }

    fn reload(&mut self) -> Result<(), StoreError> {
        self.seen = self.durable.clone();
        Ok(())
    }
}

#[test]
fn a_flush_that_fails_takes_the_vault_back_to_what_is_durable() {
    let w = connected();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let disk = FullDisk { durable: w.alice.store.clone(), seen: w.alice.store.clone() };
    let mut alice = Vault::open(disk).unwrap();
    let request = SealEnvelope { session: w.alice_session, outbox: OutboxId(1), content: b"x", offer: &[] };
    alice.seal_envelope(request, &mut rng).unwrap();
    alice.begin_invite(InviteId(9), RELAY, NOW, &mut rng).unwrap();
    assert_eq!((alice.kept, alice.meta.contacts_made.len()), (1, 2));
    assert!(matches!(alice.flush(), Err(VaultError::Store(StoreError::Io { .. }))));
    assert_eq!((alice.kept, alice.meta.contacts_made.len()), (0, 1));
    assert!(alice.load::<InviteRecord>(&InviteId(9).key()).unwrap().is_none());
}

#[test]
fn receiver_commands_verify_under_the_key_that_went_into_create() {
    let (mut alice, mut rng) = vault(6);
    let key = alice.begin_receive_queue(ReceiveQueueId(1), RELAY, &mut rng).unwrap();
    let mut request = Sign {
        relay: RELAY,
        binding: [3; 32],
        counter: 5,
        purpose: Purpose::Collect { receive_queue: ReceiveQueueId(1), max: 9 },
    };
    assert!(matches!(alice.sign(&request), Err(VaultError::WrongPurpose(Thing::ReceiveQueue))));
    alice.finish_receive_queue(ReceiveQueueId(1), created(1).0).unwrap();
    let Authenticator::Receiver(signature) = alice.sign(&request).unwrap() else { panic!() };
    let key = VerifyingKey::from_bytes(&key).unwrap();
    let context = |counter, binding| Context { relay: RELAY, queue: [1; 24], binding, counter };
    let verify = |context: Context, command: Command| {
        let input = ipc_schema::mailbox::signing_input(&context, &command);
        key.verify_strict(&input, &Signature::from_bytes(&signature)).is_ok()
    };
    assert!(verify(context(5, [3; 32]), Command::Collect { max: 9 }));
    assert!(!verify(context(6, [3; 32]), Command::Collect { max: 9 }), "another place in the order");
    assert!(!verify(context(5, [4; 32]), Command::Collect { max: 9 }), "another circuit");
    assert!(!verify(context(5, [3; 32]), Command::Collect { max: 10 }), "other arguments");
    assert!(!verify(context(5, [3; 32]), Command::Delete), "another command");
    let chunks = vec![[7; 16], [8; 16]];
    for (purpose, command) in [
        (Purpose::SubscribeChunks(ReceiveQueueId(1)), Command::SubscribeChunks),
        (
            Purpose::FetchChunks { receive_queue: ReceiveQueueId(1), chunks: chunks.clone() },
            Command::FetchChunks { chunks: chunks.clone() },
        ),
        (
            Purpose::AcknowledgeChunks { receive_queue: ReceiveQueueId(1), chunks: chunks.clone() },
            Command::AcknowledgeChunks { chunks },
        ),
    ] {
        request.purpose = purpose;
        let Authenticator::Receiver(signature) = alice.sign(&request).unwrap() else { panic!() };
        let input = ipc_schema::mailbox::signing_input(&context(5, [3; 32]), &command);
        assert!(key.verify_strict(&input, &Signature::from_bytes(&signature)).is_ok(), "{command:?}");
    }
    request.relay = OTHER_RELAY;
    assert!(matches!(alice.sign(&request), Err(VaultError::RelayMismatch)));
    request.purpose = Purpose::Secure(PeerQueueId(1));
    assert!(matches!(alice.sign(&request), Err(VaultError::NoSuch(Thing::PeerQueue))));
}

#[test]
fn the_relay_can_check_a_senders_commands_with_its_own_queue_key() {
    let mut w = connected();
    let envelope = w.bob_seals(b"x").remove(0);
    let queue = w.bob.peer_queues(&[envelope.peer_queue]).unwrap().remove(0);
    let sender = crate::agreement_key::AgreementKey::parse(queue.sender_key).unwrap();
    let byte = if queue.queue == created(1).0.sender_queue { 1 } else { 4 };
    let relay_secret = created(byte).1;
    let key = mailbox::sender_key(&relay_secret, &sender, &queue.queue).unwrap();
    let hash = crate::kdf::sha256(&[&envelope.bytes]);
    let purpose =
        Purpose::Deposit { peer_queue: envelope.peer_queue, put_id: envelope.put_id, envelope_hash: hash };
    let request = Sign { relay: queue.relay, binding: [1; 32], counter: 1, purpose };
    let context = Context { relay: queue.relay, queue: queue.queue.0, binding: [1; 32], counter: 1 };
    let command = Command::Deposit { put_id: envelope.put_id.0, envelope_hash: hash };
    assert_eq!(w.bob.sign(&request).unwrap(), mailbox::authenticate(&key, &context, &command));
    let request = Sign { purpose: Purpose::Secure(envelope.peer_queue), ..request };
    let command = Command::Secure { sender_key: queue.sender_key };
    assert_eq!(w.bob.sign(&request).unwrap(), mailbox::authenticate(&key, &context, &command));
    let (peer_queue, chunk_id, chunk_hash) = (envelope.peer_queue, PutId([6; 16]), [7; 32]);
    let purpose = Purpose::PutChunk { peer_queue, chunk_id, chunk_hash };
    let command = Command::PutChunk { chunk_id: chunk_id.0, chunk_hash };
    let request = Sign { purpose, ..request };
    assert_eq!(w.bob.sign(&request).unwrap(), mailbox::authenticate(&key, &context, &command));
}

#[test]
fn the_invites_blob_is_left_and_read_under_the_read_key() {
    let mut w = invited();
    let finished = w.alice.finish_invite(INVITE, created(1).0, &[], &mut w.rng).unwrap();
    let sign = |purpose| Sign { relay: RELAY, binding: [1; 32], counter: 2, purpose };
    assert!(matches!(w.alice.sign(&sign(Purpose::LeaveBlob(INVITE))), Ok(Authenticator::Receiver(_))));
    let queue: [u8; 24] = finished.blob_id[..24].try_into().unwrap();
    let context = Context { relay: RELAY, queue, binding: [1; 32], counter: 2 };
    let sender_key = w.secured[&created(1).0.sender_queue];
    let command = Command::SecureRead { blob_id: finished.blob_id, sender_key };
    assert_eq!(
        w.bob.sign(&sign(Purpose::SecureRead(ACCEPT))).unwrap(),
        mailbox::authenticate(&finished.read_key, &context, &command)
    );
    let accepted = w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    w.alice_opens(&accepted.envelopes[0]);
    assert!(w.alice.sign(&sign(Purpose::LeaveBlob(INVITE))).is_err(), "a used invite is not left again");
    assert!(w.alice.sign(&sign(Purpose::DropBlob(INVITE))).is_ok());
}

#[test]
fn what_is_shown_for_debugging_holds_no_secret() {
    let mut w = connected();
    let envelope = w.alice_seals(b"meet me at noon").remove(0);
    let opened = w.bob_opens(&envelope);
    let shown = format!("{:?} {:?} {:?}", w.alice, opened, envelope);
    assert!(!shown.contains("noon") && !shown.contains("109, 101, 101, 116"));
    insta::assert_snapshot!(format!("{:?}", w.alice), @"Vault(.., 1 answers kept)");
    let request = SealEnvelope { session: SessionId(1), outbox: OutboxId(2), content: b"noon", offer: &[] };
    insta::assert_snapshot!(format!("{request:?}"), @"SealEnvelope(SessionId(1), OutboxId(2), 4 B)");
    insta::assert_snapshot!(
        format!("{:?}", acceptance(b"blob", b"noon")),
        @"AcceptInvite(AcceptId(1), OutboxId(50), 4 B)"
    );
    w.alice.begin_invite(InviteId(5), RELAY, NOW, &mut w.rng).unwrap();
    let finished = w.alice.finish_invite(InviteId(5), created(6).0, &[], &mut w.rng).unwrap();
    insta::assert_snapshot!(format!("{finished:?}"), @"FinishedInvite(.., until Timestamp(1800604800000))");
}

fn rows(vault: &Vault<MemoryStore>) -> Vec<Row> {
    crate::store::TABLES.iter().flat_map(|table| vault.store.all(*table).unwrap()).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Send {
        alice: bool,
    },
    /// Delivers a waiting envelope through one replica or both.
    Deliver {
        to_alice: bool,
        which: usize,
        copies: u8,
    },
    /// Kills one vault: only what it committed is left, and un-heard answers are asked for again.
    Crash {
        alice: bool,
    },
    Forget {
        alice: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|alice| Step::Send { alice }),
        4 => (any::<bool>(), 0..5_usize, 1..4_u8)
            .prop_map(|(to_alice, which, copies)| Step::Deliver { to_alice, which, copies }),
        1 => any::<bool>().prop_map(|alice| Step::Crash { alice }),
        1 => any::<bool>().prop_map(|alice| Step::Forget { alice }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn under_crashes_reordering_and_copies_every_text_comes_once(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let mut w = connected();
        let mut waiting: [Vec<(Vec<u8>, Vec<OutgoingEnvelope>)>; 2] = Default::default();
        let mut opened: [Vec<InnerHash>; 2] = Default::default();
        let mut count = 0_u32;
        for step in steps {
            match step {
                Step::Send { alice } => {
                    count += 1;
                    let text = count.to_be_bytes().to_vec();
                    let sealed = if alice { w.alice_seals(&text) } else { w.bob_seals(&text) };
                    w.alice.forget(&[OutboxId(w.next_outbox)], &[]).unwrap();
                    w.bob.forget(&[OutboxId(w.next_outbox)], &[]).unwrap();
                    waiting[usize::from(alice)].push((text, sealed));
                }
                Step::Deliver { to_alice, which, copies } => {
                    let queue = &mut waiting[usize::from(!to_alice)];
                    if which >= queue.len() { continue; }
                    let (text, envelopes) = queue.remove(which);
                    for (at, envelope) in envelopes.iter().enumerate() {
                        if copies & (1 << at) == 0 { continue; }
                        let answer = if to_alice { w.alice_opens(envelope) } else { w.bob_opens(envelope) };
                        // Five turns of the ratchet later its chain is forgotten.
                        if matches!(answer, Opened::Unreadable | Opened::OutOfStep(_)) { continue; }
                        prop_assert_eq!(content(&answer), text.as_slice());
                        opened[usize::from(to_alice)].push(inner(&answer));
                    }
                }
                Step::Crash { alice: true } => w.alice = restarted(&w.alice),
                Step::Crash { alice: false } => w.bob = restarted(&w.bob),
                Step::Forget { alice } => {
                    let hashes = std::mem::take(&mut opened[usize::from(alice)]);
                    let vault = if alice { &mut w.alice } else { &mut w.bob };
                    vault.forget(&[], &hashes).unwrap();
                }
            }
        }
    }
}

#[path = "repair_tests.rs"]
mod repairs;
