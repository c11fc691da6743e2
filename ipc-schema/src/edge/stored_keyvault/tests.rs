//! Calls and outcomes through a message and back.

use capnp::message::Builder as Bytes;

use super::contacts::WORDS;
use super::messages::{AUTH_MAX_BYTES, QUEUES_MAX};
use super::*;
use crate::Timestamp;
use crate::edge::trial::{read_back, told_back};
use crate::edge::{Call, Malformed};
use crate::edges::stored_keyvault_capnp::VaultError;
use crate::limits::{
    BLOB_MAX_BYTES, CHUNKS_PER_ANSWER_MAX, CHUNKS_UNACKED_MAX, CONTENT_MAX_BYTES, ENVELOPE_BYTES,
    IDS_PER_CALL_MAX, LINK_MAX_CHARS, OFFERS_MAX,
};
use crate::relay::RelayId;

const RELAY: RelayId = RelayId([7; 32]);

fn queue(number: u64) -> PeerQueue {
    PeerQueue { number: PeerQueueId(number), relay: RELAY, queue: [1; 24], sender_key: [2; 32] }
}

fn envelopes(count: usize) -> Vec<Envelope> {
    vec![Envelope { peer_queue: PeerQueueId(3), put_id: [4; 16], bytes: vec![5; ENVELOPE_BYTES] }; count]
}

fn command(purpose: Purpose) -> Sign {
    Sign { command: Command { relay: RELAY, binding: [8; 32], counter: 9, purpose } }
}

#[test]
fn each_call_is_read_as_it_was_written() {
    let created = Created { receiver_queue: [1; 24], sender_queue: [2; 24], relay_key: [3; 32] };
    assert!(
        read_back(&FinishReceiveQueue { receive_queue: ReceiveQueueId(1), created })
            == Ok(FinishReceiveQueue { receive_queue: ReceiveQueueId(1), created })
    );
    let accept = AcceptInvite {
        accept: AcceptId(1),
        blob: vec![2; BLOB_MAX_BYTES],
        receive_queues: vec![ReceiveQueueId(3), ReceiveQueueId(4)],
        outbox: OutboxId(5),
        content: vec![6; CONTENT_MAX_BYTES],
    };
    assert!(read_back(&accept) == Ok(accept));
    let answer = AnswerComparison { session: SessionId(1), commitment: [2; 32] };
    assert!(read_back(&answer) == Ok(answer));
    let open = OpenInvite { accept: AcceptId(1), link: "x".repeat(LINK_MAX_CHARS) };
    assert!(read_back(&open) == Ok(open));
    let forget =
        Forget { outbox: vec![OutboxId(1); IDS_PER_CALL_MAX], opened: vec![[2; 32]; IDS_PER_CALL_MAX] };
    assert!(read_back(&forget) == Ok(forget));
    for purpose in [
        Purpose::Subscribe(ReceiveQueueId(1)),
        Purpose::Acknowledge { receive_queue: ReceiveQueueId(1), messages: vec![[2; 16]; IDS_PER_CALL_MAX] },
        Purpose::Delete(ReceiveQueueId(1)),
        Purpose::LeaveBlob(InviteId(1)),
        Purpose::DropBlob(InviteId(1)),
        Purpose::Secure(PeerQueueId(1)),
        Purpose::Deposit { peer_queue: PeerQueueId(1), put_id: [2; 16], envelope_hash: [3; 32] },
        Purpose::SecureRead(AcceptId(1)),
        Purpose::PutChunk { peer_queue: PeerQueueId(1), chunk_id: [2; 16], chunk_hash: [3; 32] },
        Purpose::SubscribeChunks(ReceiveQueueId(1)),
        Purpose::FetchChunks {
            receive_queue: ReceiveQueueId(1),
            chunks: vec![[2; 16]; CHUNKS_PER_ANSWER_MAX],
        },
        Purpose::AcknowledgeChunks {
            receive_queue: ReceiveQueueId(1),
            chunks: vec![[2; 16]; CHUNKS_UNACKED_MAX],
        },
    ] {
        assert!(read_back(&command(purpose.clone())) == Ok(command(purpose)));
    }
}

#[test]
fn each_outcome_is_read_as_it_was_written() {
    let accepted = AcceptedInvite {
        session: SessionId(1),
        peer_queues: (0..4).map(queue).collect(),
        envelopes: envelopes(2),
    };
    assert!(told_back::<AcceptInvite>(&Ok(accepted.clone())) == Ok(Ok(accepted)));
    for why in InviteRefusal::ALL {
        let refused = InviteFailed::Refused(*why);
        assert!(told_back::<AcceptInvite>(&Err(refused)) == Ok(Err(refused)));
        let refused = InviteFailed::Refused(*why);
        assert!(told_back::<OpenInvite>(&Err(refused)) == Ok(Err(refused)));
    }
    let message = OpenedMessage {
        session: SessionId(1),
        content: vec![2; CONTENT_MAX_BYTES],
        inner: [3; 32],
        peer_queues: vec![queue(4)],
        first: true,
        news: News { repaired: true, repair_wanted: false },
    };
    for opened in [
        Opened::Message(message),
        Opened::Duplicate([1; 32]),
        Opened::Unreadable,
        Opened::OpenedTwice,
        Opened::PeerRolledBack(SessionId(2)),
        Opened::OutOfStep(SessionId(3)),
    ] {
        assert!(told_back::<OpenEnvelope>(&Ok(opened.clone())) == Ok(Ok(opened)));
    }
    for told in Comparison::ALL {
        assert!(told_back::<CompareCode>(&Ok(*told)) == Ok(Ok(*told)));
    }
    let number =
        SafetyNumber { digits: "1".repeat(DIGITS_MAX_BYTES), words: vec!["w".into(); WORDS], verified: true };
    assert!(told_back::<Session>(&Ok(number.clone())) == Ok(Ok(number)));
    assert_eq!(
        told_back::<SetVerified>(&Err(SetVerifiedError::NumberChanged)),
        Ok(Err(SetVerifiedError::NumberChanged))
    );
    let shown = Shown { nonce: [1; 32], digits: "1234 5678".into(), words: vec!["lusab".into(); 2], runs: 3 };
    assert!(told_back::<RevealComparison>(&Ok(shown.clone())) == Ok(Ok(shown.clone())));
    assert!(told_back::<CheckComparison>(&Ok(shown.clone())) == Ok(Ok(shown)));
    let cheated = Err(CheckError::NotCommittedTo);
    assert!(told_back::<CheckComparison>(&cheated) == Ok(cheated));
    let step = Ok(ComparisonStep { told: [4; 32], runs: 5 });
    assert_eq!(told_back::<BeginComparison>(&step), Ok(step));
    assert_eq!(told_back::<AnswerComparison>(&step), Ok(step));
    let other = Err(VerifyStringError::OtherString);
    assert_eq!(told_back::<VerifyString>(&other), Ok(other));
    assert_eq!(told_back::<FinishReceiveQueue>(&Ok(true)), Ok(Ok(true)));
    assert_eq!(
        told_back::<Standing>(&Ok(Stands { number: 3, screen_locked: true, vault: 4 }))
            .map(|told| told.map(|stands| stands.vault)),
        Ok(Ok(4))
    );
}

#[test]
fn what_is_too_long_or_too_many_is_malformed() {
    let offer = |count| SealEnvelope {
        session: SessionId(1),
        outbox: OutboxId(2),
        content: Vec::new(),
        offer: vec![ReceiveQueueId(3); count],
    };
    assert!(read_back(&offer(OFFERS_MAX)).is_ok() && read_back(&offer(OFFERS_MAX + 1)).is_err());
    let content = |length| SealEnvelope { content: vec![0; length], ..offer(0) };
    assert!(read_back(&content(CONTENT_MAX_BYTES)).is_ok());
    assert!(read_back(&content(CONTENT_MAX_BYTES + 1)).is_err());
    let compare = |length| CompareCode { session: SessionId(1), code: "x".repeat(length) };
    assert!(read_back(&compare(LINK_MAX_CHARS)).is_ok() && read_back(&compare(LINK_MAX_CHARS + 1)).is_err());
    let verify = |length| VerifyString { session: SessionId(1), told: "1".repeat(length) };
    assert!(
        read_back(&verify(DIGITS_MAX_BYTES)).is_ok() && read_back(&verify(DIGITS_MAX_BYTES + 1)).is_err()
    );
    let opens = |length| OpenEnvelope {
        receive_queue: ReceiveQueueId(1),
        envelope: vec![0; length],
        sender_key: [0; 32],
    };
    assert!(read_back(&opens(ENVELOPE_BYTES)).is_ok() && read_back(&opens(ENVELOPE_BYTES - 1)).is_err());
    let acks = |count| {
        command(Purpose::Acknowledge { receive_queue: ReceiveQueueId(1), messages: vec![[0; 16]; count] })
    };
    assert!(read_back(&acks(IDS_PER_CALL_MAX + 1)).is_err());
    let sealed = |count| told_back::<SealEnvelope>(&Ok(envelopes(count)));
    assert!(sealed(QUEUES_MAX).is_ok() && sealed(QUEUES_MAX + 1).is_err());
    let link = |length| FinishedInvite {
        link: "x".repeat(length),
        blob_id: [1; 32],
        read_key: [2; 32],
        blob: Vec::new(),
        expires: Timestamp(3),
    };
    assert!(told_back::<FinishInvite>(&Ok(link(LINK_MAX_CHARS))).is_ok());
    assert!(told_back::<FinishInvite>(&Ok(link(LINK_MAX_CHARS + 1))).is_err());
    assert!(told_back::<Sign>(&Ok(vec![0; AUTH_MAX_BYTES + 1])).is_err());
}

/// A vault that is at fault says of a queue what can only be said of a contact.
#[test]
fn a_word_that_the_method_cannot_answer_is_malformed() {
    let told = |word| {
        let mut message = Bytes::new_default();
        message.init_root::<vault::begin_receive_queue_results::Builder<'_>>().init_result().set_error(word);
        BeginReceiveQueue::read_outcome(message.get_root_as_reader().unwrap())
    };
    assert_eq!(told(VaultError::NumberChanged), Err(Malformed));
    assert_eq!(told(VaultError::RateLimited), Err(Malformed));
    assert_eq!(told(VaultError::Storage), Ok(Err(BeginReceiveQueueError::Fault(Fault::Storage))));
}
