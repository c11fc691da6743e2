//! A taken-over stored on the real edge: it makes every call there is, keeps every byte that it hears, and is then shown to hold no
//! key; what was forgotten stays closed to it, no call serves another purpose than its own, and the rates hold.

use std::collections::{BTreeSet, HashSet};

use ipc_schema::Timestamp;
use ipc_schema::edges::stored_keyvault_capnp::{
    VaultError as Code, accept_result, begin_result, code_result, comparison_result, done_result,
    finish_invite_result, purpose, seal_result, session_result, shown_result, sign_result, step_result,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::agreement_key::AgreementSecret;
use crate::identity::IDENTITY_BYTES;
use crate::ids::{AcceptId, OutboxId, QueueId, ReceiveQueueId, RelayId};
use crate::memory::Secret32;
use crate::store::{MemoryStore, Store, Table};
use crate::vault::{AcceptInvite, Created, IncomingEnvelope, Opened, SealEnvelope, Vault};

const RELAY: [u8; 32] = [0x71; 32];
const OTHER_RELAY: [u8; 32] = [0x72; 32];
const KEY_BYTES: usize = 32;

/// What the attacker has heard.
#[derive(Default)]
struct Heard {
    methods: BTreeSet<&'static str>,
    answers: Vec<Vec<u8>>,
}

/// One call; what is answered is kept as it lies in the message.
macro_rules! ask {
    ($heard:ident, $vault:ident, $name:literal, $request:ident, |$fields:ident| $set:expr) => {{
        let mut request = $vault.$request();
        #[allow(unused_mut, reason = "few calls have lists")]
        let mut $fields = request.get();
        $set;
        let answer = request.send().promise.await.unwrap();
        let mut copy = capnp::message::Builder::new_default();
        copy.set_root(answer.get().unwrap()).unwrap();
        $heard.methods.insert($name);
        $heard.answers.push(capnp::serialize::write_message_to_words(&copy));
        answer
    }};
}

/// The union of an answer's result.
macro_rules! result {
    ($answer:expr) => {
        $answer.get().unwrap().get_result().unwrap().which().unwrap()
    };
}

fn created(byte: u8) -> Created {
    let key = AgreementSecret::from_secret(&Secret32::take(&mut [byte; 32])).public();
    Created::parse(queue(byte, 0), queue(byte, 1), *key.bytes()).unwrap()
}

/// Ids that look as random as a relay's.
fn queue(byte: u8, side: u8) -> QueueId {
    QueueId(*crate::kdf::sha256(&[&[byte, side]]).first_chunk().unwrap())
}

fn write_created(
    mut fields: ipc_schema::edges::stored_keyvault_capnp::created::Builder<'_>,
    created: &Created,
) {
    fields.set_receiver_queue(&created.receiver_queue.0);
    fields.set_sender_queue(&created.sender_queue.0);
    fields.set_relay_key(created.relay_key.bytes());
}

/// Someone honest on the other side.
struct Bob {
    vault: Vault<MemoryStore>,
    rng: ChaCha20Rng,
    /// His key at the attacker's queues, as `secure` registered it.
    sender: [u8; 32],
    session: crate::ids::SessionId,
}

impl Bob {
    fn opens(&mut self, sender: [u8; 32], envelope: &[u8]) -> Opened {
        let incoming = IncomingEnvelope {
            receive_queue: ReceiveQueueId(20),
            untrusted_sender: sender,
            untrusted_envelope: envelope,
        };
        self.vault.open_envelope(incoming, Timestamp::now(), &mut self.rng).unwrap()
    }

    /// For the invite's queue, and under the key that opened it.
    fn seals(&mut self, outbox: u64, content: &[u8]) -> Vec<u8> {
        let request = SealEnvelope { session: self.session, outbox: OutboxId(outbox), content, offer: &[] };
        self.vault.seal_envelope(request, &mut self.rng).unwrap().remove(0).bytes
    }
}

/// Every key in the vault, among everything else there, cut into pieces of a key's length.
fn kept_pieces(shell: &Shell) -> Vec<Vec<u8>> {
    let tables = [
        Table::Invite,
        Table::Accept,
        Table::ReceiveQueue,
        Table::Session,
        Table::PeerQueue,
        Table::Contact,
        Table::Repair,
        Table::Former,
        Table::Address,
        Table::Comparison,
    ];
    let records = shell.with(|vault, _, _| {
        tables.iter().flat_map(|table| vault.store().all(*table).unwrap()).collect::<Vec<_>>()
    });
    let records = records.unwrap();
    assert!(records.len() > 12, "{} records", records.len());
    let mut pieces = Vec::new();
    for (_, record) in &records {
        for piece in record.windows(KEY_BYTES) {
            // Counters and padding are no keys.
            if piece.iter().collect::<HashSet<_>>().len() >= 16 {
                pieces.push(piece.to_vec());
            }
        }
    }
    pieces
}

/// So many bytes of a key that no public field explains are a leak. A piece that begins in a public field and ends in a number, in
/// zeros or in the next field may stand in an answer as it does in the record; what no field explains of it is shorter.
const UNEXPLAINED_BYTES: usize = 16;

/// So many bytes in a row are in a public field on purpose: two random keys share them in one of 2^64 cases.
const RUN_BYTES: usize = 8;

fn runs(all: &[Vec<u8>], length: usize) -> HashSet<&[u8]> {
    all.iter().flat_map(|bytes| bytes.windows(length)).collect()
}

/// How many bytes of `piece` stand in no public run.
fn unexplained(piece: &[u8], public: &HashSet<&[u8]>) -> usize {
    let mut explained = vec![false; piece.len()];
    for (at, run) in piece.windows(RUN_BYTES).enumerate() {
        if public.contains(run) {
            explained[at..at + RUN_BYTES].fill(true);
        }
    }
    explained.iter().filter(|byte| !**byte).count()
}

/// The first kept piece that stands in an answer and is nothing that the caller is meant to have.
fn leaked<'a>(pieces: &'a [Vec<u8>], answers: &[Vec<u8>], public: &[Vec<u8>]) -> Option<&'a Vec<u8>> {
    let (heard, public) = (runs(answers, KEY_BYTES), runs(public, RUN_BYTES));
    pieces
        .iter()
        .find(|piece| heard.contains(piece.as_slice()) && unexplained(piece, &public) >= UNEXPLAINED_BYTES)
}

fn is_every_method(heard: &BTreeSet<&str>) {
    let schema = include_str!("../../../../ipc-schema/edges/stored-keyvault.capnp");
    let interface = schema.split("interface Vault {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let methods: BTreeSet<&str> = interface
        .lines()
        .filter(|line| line.starts_with("  ") && line.contains(" @") && line.contains("->"))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(*heard, methods);
}

#[test]
#[allow(clippy::too_many_lines, reason = "one story: each call needs what the one before brought")]
fn a_taken_over_stored_gets_no_key_no_forgotten_text_no_other_purpose_and_no_more_than_the_rates() {
    on_this_thread(async {
        let shell = unlocked();
        let gate = stored(&shell);
        let vault = vault_of(&gate).await;
        let mut heard = Heard::default();
        let mut public: Vec<Vec<u8>> = vec![RELAY.to_vec(), OTHER_RELAY.to_vec()];

        // ---- an invite, and somebody who accepts it
        let begun = ask!(heard, vault, "beginInvite", begin_invite_request, |fields| {
            fields.set_invite(1);
            fields.set_relay(&RELAY);
        });
        assert!(matches!(result!(begun), begin_result::AuthKey(_)));
        let finished = ask!(heard, vault, "finishInvite", finish_invite_request, |fields| {
            fields.set_invite(1);
            write_created(fields.init_created(), &created(1));
        });
        let finish_invite_result::Invite(invite) = result!(finished) else { panic!() };
        let link = invite.get_link().unwrap().to_str().unwrap().to_owned();
        let blob = invite.get_blob().unwrap().to_vec();
        public.extend([blob.clone(), invite.get_blob_id().unwrap().to_vec()]);
        let mut bob = bob_accepts(&link, &blob);
        let opened = ask!(heard, vault, "openEnvelope", open_envelope_request, |fields| {
            fields.set_receive_queue(1);
            fields.set_envelope(&bob.1);
            fields.set_sender_key(&bob.0.sender);
        });
        let open_result::Message(message) = result!(opened) else { panic!() };
        let session = message.get_session();
        let queue = message.get_peer_queues().unwrap().get(0);
        let (peer_queue, sender_key) = (queue.get_number(), queue.get_sender_key().unwrap().to_vec());
        let first_inner = message.get_inner().unwrap().to_vec();
        // In this order they lie side by side, in the record as in the answer.
        public.push([OTHER_RELAY.as_slice(), queue.get_queue().unwrap(), &sender_key].concat());
        let sender_key: [u8; 32] = sender_key.try_into().unwrap();

        // ---- a conversation, in which both hand over what repairs need
        ask!(heard, vault, "beginReceiveQueue", begin_receive_queue_request, |fields| {
            fields.set_receive_queue(30);
            fields.set_relay(&RELAY);
        });
        ask!(heard, vault, "finishReceiveQueue", finish_receive_queue_request, |fields| {
            fields.set_receive_queue(30);
            write_created(fields.init_created(), &created(3));
        });
        for outbox in 1..3 {
            let sealed = ask!(heard, vault, "sealEnvelope", seal_envelope_request, |fields| {
                fields.set_session(session);
                fields.set_outbox(outbox);
                fields.set_content(b"from the attacker, as the user");
            });
            let seal_result::Envelopes(envelopes) = result!(sealed) else { panic!() };
            let envelope = envelopes.unwrap().get(0).get_bytes().unwrap().to_vec();
            assert!(matches!(bob.0.opens(sender_key, &envelope), Opened::Message { .. }));
            let secret = bob.0.seals(200 + outbox, b"said once");
            ask!(heard, vault, "openEnvelope", open_envelope_request, |fields| {
                fields.set_receive_queue(1);
                fields.set_envelope(&secret);
                fields.set_sender_key(&bob.0.sender);
            });
        }

        // ---- what was forgotten does not open again
        ask!(heard, vault, "forget", forget_request, |fields| {
            fields.init_opened(1).set(0, &first_inner);
        });
        let again = ask!(heard, vault, "openEnvelope", open_envelope_request, |fields| {
            fields.set_receive_queue(1);
            fields.set_envelope(&bob.1);
            fields.set_sender_key(&bob.0.sender);
        });
        assert!(matches!(result!(again), open_result::Duplicate(Ok(inner)) if inner == first_inner));

        // ---- no call serves another purpose, relay, side or session than its own
        let mut sign = async |relay: [u8; 32], set: &dyn Fn(purpose::Builder<'_>)| {
            let signed = ask!(heard, vault, "sign", sign_request, |fields| {
                let mut purpose = fields.init_purpose();
                purpose.set_relay(&relay);
                purpose.set_binding(&[9; 32]);
                set(purpose);
            });
            matches!(result!(signed), sign_result::Auth(_))
        };
        assert!(sign(RELAY, &|mut purpose| purpose.set_subscribe(1)).await);
        assert!(sign(OTHER_RELAY, &|mut purpose| purpose.set_secure(peer_queue)).await);
        assert!(!sign(OTHER_RELAY, &|mut purpose| purpose.set_subscribe(1)).await, "another relay");
        assert!(!sign(RELAY, &|mut purpose| purpose.set_secure(peer_queue)).await, "another relay");
        assert!(!sign(RELAY, &|mut purpose| purpose.set_subscribe(peer_queue)).await, "the peer's queue");
        assert!(!sign(RELAY, &|mut purpose| purpose.set_secure(1)).await, "the own queue");
        assert!(!sign(RELAY, &|mut purpose| purpose.set_secure_read(1)).await, "the own invite");
        let put_chunk = |queue| {
            move |purpose: purpose::Builder<'_>| {
                let mut put = purpose.init_put_chunk();
                put.set_peer_queue(queue);
                put.set_chunk_id(&[6; 16]);
                put.set_chunk_hash(&[7; 32]);
            }
        };
        assert!(sign(OTHER_RELAY, &put_chunk(peer_queue)).await);
        assert!(!sign(RELAY, &put_chunk(peer_queue)).await, "another relay");
        assert!(!sign(RELAY, &put_chunk(1)).await, "the own queue");
        let subscribe = |queue| move |mut purpose: purpose::Builder<'_>| purpose.set_subscribe_chunks(queue);
        assert!(!sign(OTHER_RELAY, &subscribe(peer_queue)).await, "the peer's queue");
        assert!(!sign(RELAY, &|purpose| purpose.init_leave_blob().set_invite(1)).await, "a used invite");

        // ---- other people's invites
        let (their_link, their_blob) = bob.0.invites();
        let opened = ask!(heard, vault, "openInvite", open_invite_request, |fields| {
            fields.set_accept(5);
            fields.set_link(their_link.as_str());
        });
        let ipc_schema::edges::stored_keyvault_capnp::open_invite_result::Invite(theirs) = result!(opened)
        else {
            panic!()
        };
        public.extend([theirs.get_sender_key().unwrap().to_vec(), theirs.get_blob_id().unwrap().to_vec()]);
        let accepted = ask!(heard, vault, "acceptInvite", accept_invite_request, |fields| {
            fields.set_accept(5);
            fields.set_blob(&their_blob);
            fields.set_outbox(90);
        });
        let accept_result::Accepted(accepted) = result!(accepted) else { panic!() };
        let queue = accepted.get_peer_queues().unwrap().get(0);
        let (name, key) = (queue.get_queue().unwrap(), queue.get_sender_key().unwrap());
        public.push([RELAY.as_slice(), name, key].concat());

        // ---- comparing
        let number = ask!(heard, vault, "session", session_request, |fields| fields.set_session(session));
        let session_result::Session(number) = result!(number) else { panic!() };
        let digits = number.get_digits().unwrap().to_str().unwrap().to_owned();
        ask!(heard, vault, "setVerified", set_verified_request, |fields| {
            fields.set_session(session);
            fields.set_digits(&digits);
        });
        let code = ask!(heard, vault, "verificationCode", verification_code_request, |fields| {
            fields.set_session(session);
        });
        let code_result::Code(Ok(code)) = result!(code) else { panic!() };
        let code = code.to_str().unwrap().to_owned();
        let told = ask!(heard, vault, "compareCode", compare_code_request, |fields| {
            fields.set_session(session);
            fields.set_code(code.as_str());
        });
        assert!(matches!(result!(told), comparison_result::Told(_)));
        let begun = ask!(heard, vault, "beginComparison", begin_comparison_request, |fields| {
            fields.set_session(session);
        });
        let step_result::Step(commitment) = result!(begun) else { panic!() };
        let commitment = commitment.get_told().unwrap().to_vec();
        let revealed = ask!(heard, vault, "revealComparison", reveal_comparison_request, |fields| {
            fields.set_session(session);
            fields.set_nonce(&[5; 32]);
        });
        let shown_result::Shown(shown) = result!(revealed) else { panic!() };
        let digits = shown.get_digits().unwrap().to_str().unwrap().to_owned();
        assert_ne!(shown.get_nonce().unwrap(), commitment, "the nonce was committed to only");
        let told = ask!(heard, vault, "verifyString", verify_string_request, |fields| {
            fields.set_session(session);
            fields.set_told(digits.as_str());
        });
        assert!(matches!(result!(told), done_result::Done(())));
        ask!(heard, vault, "answerComparison", answer_comparison_request, |fields| {
            fields.set_session(session);
            fields.set_commitment(&[6; 32]);
        });
        let cheated = ask!(heard, vault, "checkComparison", check_comparison_request, |fields| {
            fields.set_session(session);
            fields.set_nonce(&[7; 32]);
        });
        assert!(matches!(result!(cheated), shown_result::Error(Ok(Code::NotCommittedTo))));

        // ---- rates
        let mut repair = async |outbox| {
            let sealed = ask!(heard, vault, "repairSession", repair_session_request, |fields| {
                fields.set_session(session);
                fields.set_outbox(outbox);
            });
            match result!(sealed) {
                seal_result::Envelopes(_) => None,
                seal_result::Error(error) => Some(error.unwrap()),
            }
        };
        assert_eq!(repair(300).await, None);
        assert_eq!(repair(300).await, None, "the same bytes again");
        assert_eq!(repair(301).await, Some(Code::RateLimited));
        let mut made = 0;
        loop {
            let begun = ask!(heard, vault, "beginInvite", begin_invite_request, |fields| {
                fields.set_invite(1_000 + made);
                fields.set_relay(&RELAY);
            });
            match result!(begun) {
                begin_result::AuthKey(_) => made += 1,
                begin_result::Error(error) => break assert_eq!(error.unwrap(), Code::RateLimited),
            }
        }
        assert_eq!(made, 8, "an invite and an acceptance were made before");

        // ---- and of all that there is to steal, nothing was heard
        let pieces = kept_pieces(&shell);
        let key = identity_key(&shell);
        assert!(pieces.contains(&key), "the identity key is among what is looked for");
        assert_eq!(leaked(&pieces, std::slice::from_ref(&key), &public), Some(&key), "and would be found");
        assert_eq!(leaked(&pieces, &heard.answers, &public), None);

        ask!(heard, vault, "cancelInvite", cancel_invite_request, |fields| fields.set_invite(1_000));
        ask!(heard, vault, "removeSession", remove_session_request, |fields| fields.set_session(session));
        is_every_method(&heard.methods);
        // Nothing of it lives on after a lock.
        shell.lock();
        assert!(vault.session_request().send().promise.await.is_err());
    });
}

/// Bob accepts, offering one queue; with his first message.
fn bob_accepts(link: &str, blob: &[u8]) -> (Bob, Vec<u8>) {
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let mut vault = Vault::open(MemoryStore::default()).unwrap();
    let now = Timestamp::now();
    let opened = vault.open_invite(AcceptId(1), link, now, &mut rng).unwrap();
    vault.begin_receive_queue(ReceiveQueueId(20), RelayId(OTHER_RELAY), &mut rng).unwrap();
    vault.finish_receive_queue(ReceiveQueueId(20), created(2)).unwrap();
    let request = AcceptInvite {
        accept: AcceptId(1),
        untrusted_blob: blob,
        receive_queues: &[ReceiveQueueId(20)],
        outbox: OutboxId(1),
        content: b"hello",
    };
    let accepted = vault.accept_invite(request, now, &mut rng).unwrap();
    let envelope = accepted.envelopes[0].bytes.clone();
    (Bob { vault, rng, sender: opened.sender_key, session: accepted.session }, envelope)
}

impl Bob {
    fn invites(&mut self) -> (String, Vec<u8>) {
        let invite = crate::ids::InviteId(40);
        let rng = &mut self.rng;
        self.vault.begin_invite(invite, RelayId(RELAY), Timestamp::now(), rng).unwrap();
        let finished = self.vault.finish_invite(invite, created(4), &[], rng).unwrap();
        (finished.link, finished.blob)
    }
}

/// The signing key of a contact's own side: what a contact record begins with, after its version.
fn identity_key(shell: &Shell) -> Vec<u8> {
    let contacts = shell.with(|vault, _, _| vault.store().all(Table::Contact).unwrap()).unwrap();
    let record = &contacts[0].1;
    assert!(record.len() > IDENTITY_BYTES);
    record[1..33].to_vec()
}
