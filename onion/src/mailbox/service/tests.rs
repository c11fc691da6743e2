//! The service against a disk in memory, asked through the client's half.
#![allow(clippy::cast_possible_truncation, reason = "numbers of test relays and envelopes wrap on purpose")]

mod chunks;

use std::collections::{BTreeMap, VecDeque};

use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use ipc_schema::edge::Failed;
use ipc_schema::limits::{ENVELOPE_BYTES, UNACKED_MAX};
use ipc_schema::mailbox::{Context, signing_input};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

use super::desk::*;
use super::*;
use crate::id::{RelayCircuit, Service as ServiceKind, StreamId};
use crate::mailbox::client::{Client, Event, Outcome, RequestId};
use crate::mailbox::disk::{BySender, DiskRequest, SenderRow};
use crate::mailbox::keys;
use crate::mailbox::message::{Answer, Authenticator, Call, ChunkWaiting, Created, QueueId, Signed, Waiting};
use crate::mailbox::model_disk::{ModelDisk, QUEUE_MAX, TTL};

const RELAY: RelayId = RelayId([8; 32]);
const START: Timestamp = Timestamp(1_800_000_000_000);

/// One circuit's client, with what it was told.
struct Caller {
    at: StreamRef,
    binding: [u8; 32],
    client: Client,
    counter: u64,
    outcomes: BTreeMap<RequestId, Outcome>,
    pushed: Vec<Waiting>,
    chunks: Vec<ChunkWaiting>,
}

struct World {
    service: Service,
    disk: ModelDisk,
    rng: ChaCha20Rng,
    now: Timestamp,
    asked: VecDeque<(Ticket, DiskRequest)>,
    replies: VecDeque<(StreamRef, Vec<u8>)>,
    expelled: Vec<StreamRef>,
    held: Vec<bool>,
    /// Streams that take nothing now.
    full: Vec<StreamRef>,
    last_circuit: u64,
}

/// The two people of a queue.
struct People {
    receiver: SigningKey,
    sender: StaticSecret,
    queue: Created,
}

impl World {
    fn new() -> Self {
        Self {
            service: Service::new(RELAY, &[5; 32], true),
            disk: ModelDisk::default(),
            rng: ChaCha20Rng::from_seed([1; 32]),
            now: START,
            asked: VecDeque::new(),
            replies: VecDeque::new(),
            expelled: Vec::new(),
            held: Vec::new(),
            full: Vec::new(),
            last_circuit: 0,
        }
    }

    fn caller(&mut self) -> Caller {
        self.last_circuit += 1;
        let mut binding = [0; 32];
        self.rng.fill_bytes(&mut binding);
        let at = StreamRef { circuit: RelayCircuit(self.last_circuit), stream: StreamId(1) };
        let (outcomes, pushed, chunks) = (BTreeMap::new(), Vec::new(), Vec::new());
        Caller { at, binding, client: Client::default(), counter: 0, outcomes, pushed, chunks }
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Disk(ticket, request) => self.asked.push_back((ticket, request)),
                Output::Reply(to, message) if self.full.contains(&to) => {
                    let more = self.service.refused(to, message);
                    self.take(more);
                }
                Output::Reply(to, message) => self.replies.push_back((to, message)),
                Output::Expel(stream) => self.expelled.push(stream),
                Output::Hold(_, held) => self.held.push(held),
            }
        }
    }

    fn send(&mut self, from: &Caller, message: Vec<u8>) {
        let message =
            ServiceMessage { from: from.at, service: ServiceKind::Mailbox, binding: from.binding, message };
        let outputs = self.service.message(self.now, &mut self.rng, &message);
        self.take(outputs);
    }

    /// Carries out what the disk was asked. As stored does, it reads ahead of changes that wait to be flushed together.
    fn run_disk(&mut self) {
        let reads = |request: &DiskRequest| {
            use DiskRequest::{Blob, ByReceiver, BySender, NamedChunks, Read, ReadChunks};
            let envelopes = matches!(request, ByReceiver(_) | BySender(_) | Read(_) | Blob(_));
            envelopes || matches!(request, ReadChunks(_) | NamedChunks(_))
        };
        while !self.asked.is_empty() {
            let first = self.asked.iter().position(|(_, request)| reads(request)).unwrap_or(0);
            let (ticket, request) = self.asked.remove(first).unwrap();
            let reply = self.disk.carry_out(self.now, request);
            let outputs = self.service.disk(self.now, &mut self.rng, ticket, reply);
            self.take(outputs);
        }
    }

    /// Lets a caller read what came for it.
    fn deliver(&mut self, to: &mut Caller) {
        let (own, others) = self.replies.drain(..).partition::<Vec<_>, _>(|(stream, _)| *stream == to.at);
        self.replies = others.into();
        for (_, message) in own {
            match to.client.received(&message).unwrap() {
                Event::Answered(request, outcome) => {
                    to.outcomes.insert(request, outcome);
                }
                Event::Pushed(_, waiting) => to.pushed.push(waiting),
                Event::Chunk(_, chunk) => to.chunks.push(chunk),
                Event::Partial => {}
            }
        }
    }

    fn settle(&mut self, caller: &mut Caller) {
        self.run_disk();
        self.deliver(caller);
    }

    fn ask(&mut self, caller: &mut Caller, signed: Signed) -> Outcome {
        let (id, message) = caller.client.command(signed).unwrap();
        self.send(caller, message);
        self.settle(caller);
        caller.outcomes.remove(&id).unwrap()
    }

    fn answer(&mut self, caller: &mut Caller, signed: Signed) -> Answer {
        match self.ask(caller, signed) {
            Outcome::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, caller: &mut Caller, receiver_key: [u8; 32]) -> Outcome {
        let subject = proof_of_work::Subject::new(RELAY, &caller.binding, &receiver_key);
        let nonce =
            proof_of_work::Search::new(subject, proof_of_work::BITS_PRIVATE).unwrap().step(100_000).unwrap();
        let (id, message) = caller.client.create(receiver_key, nonce).unwrap();
        self.send(caller, message);
        self.settle(caller);
        caller.outcomes.remove(&id).unwrap()
    }

    fn people(&mut self) -> People {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let receiver = SigningKey::from_bytes(&seed);
        let sender = StaticSecret::random_from_rng(&mut self.rng);
        let mut caller = self.caller();
        let Outcome::Created(queue) = self.create(&mut caller, receiver.verifying_key().to_bytes()) else {
            panic!()
        };
        People { receiver, sender, queue }
    }

    /// People whose sender has secured the queue, on the circuit that comes with them.
    fn secured(&mut self) -> (People, Caller) {
        let people = self.people();
        let mut sender = self.caller();
        let secure = people.sent(&mut sender, people.secure());
        assert_eq!(self.answer(&mut sender, secure), Answer::Ok);
        (people, sender)
    }

    fn deposit(&mut self, people: &People, sender: &mut Caller, number: u64) -> Answer {
        let deposit = people.sent(sender, put(number));
        self.answer(sender, deposit)
    }
}

impl Caller {
    fn context(&mut self, queue: QueueId) -> Context {
        self.counter += 1;
        Context { relay: RELAY, queue, binding: self.binding, counter: self.counter }
    }
}

fn mac(key: &[u8; 32], context: &Context, call: Call) -> Signed {
    let mac =
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(signing_input(context, &call.command()));
    let authenticator = Authenticator::Mac(mac.finalize().into_bytes().into());
    Signed { queue: context.queue, counter: context.counter, authenticator, call }
}

fn put(number: u64) -> Call {
    let mut put_id = [0; 16];
    put_id[..8].copy_from_slice(&number.to_be_bytes());
    Call::Deposit { put_id, envelope: vec![number as u8; ENVELOPE_BYTES] }
}

impl People {
    fn secure(&self) -> Call {
        Call::Secure { sender_key: PublicKey::from(&self.sender).to_bytes() }
    }

    fn sent_by(&self, sender: &StaticSecret, caller: &mut Caller, call: Call) -> Signed {
        let shared = sender.diffie_hellman(&PublicKey::from(self.queue.relay_key));
        let key = keys::expand(
            shared.as_bytes(),
            &[ipc_schema::mailbox::SENDER_KEY_LABEL, &self.queue.sender_queue],
        );
        mac(&key, &caller.context(self.queue.sender_queue), call)
    }

    fn sent(&self, caller: &mut Caller, call: Call) -> Signed {
        self.sent_by(&self.sender, caller, call)
    }

    fn received(&self, caller: &mut Caller, call: Call) -> Signed {
        let context = caller.context(self.queue.receiver_queue);
        let signature = self.receiver.sign(&signing_input(&context, &call.command())).to_bytes();
        let authenticator = Authenticator::Signature(signature);
        Signed { queue: context.queue, counter: context.counter, authenticator, call }
    }
}

fn ids(waiting: &[Waiting]) -> Vec<[u8; 16]> {
    waiting.iter().map(|waiting| waiting.id).collect()
}

#[test]
fn an_envelope_goes_through_a_queue_once_and_in_order() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    for number in 1..=3 {
        assert_eq!(world.deposit(&people, &mut sender, number), Answer::Ok);
    }
    let collect = people.received(&mut receiver, Call::Collect { max: 128 });
    let Outcome::Envelopes(envelopes) = world.ask(&mut receiver, collect) else { panic!() };
    assert_eq!(envelopes.iter().map(|waiting| waiting.envelope[0]).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(envelopes.iter().all(|waiting| waiting.sender_key == PublicKey::from(&people.sender).to_bytes()));
    let ack = people.received(&mut receiver, Call::Acknowledge { messages: ids(&envelopes) });
    assert_eq!(world.answer(&mut receiver, ack), Answer::Ok);
    assert_eq!(world.disk.waiting(), 0);
    let collect = people.received(&mut receiver, Call::Collect { max: 128 });
    assert_eq!(world.ask(&mut receiver, collect), Outcome::Envelopes(Vec::new()));
}

#[test]
fn every_command_may_be_repeated() {
    let mut world = World::new();
    let mut creator = world.caller();
    let receiver_key = SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes();
    assert_eq!(world.create(&mut creator, receiver_key), world.create(&mut creator, receiver_key));
    let (people, mut sender) = world.secured();
    let secure = people.sent(&mut sender, people.secure());
    assert_eq!(world.answer(&mut sender, secure), Answer::Ok);
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok);
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok);
    assert_eq!(world.disk.waiting(), 1);
    let mut receiver = world.caller();
    let collect = people.received(&mut receiver, Call::Collect { max: 9 });
    let Outcome::Envelopes(envelopes) = world.ask(&mut receiver, collect) else { panic!() };
    for _ in 0..2 {
        let ack = people.received(&mut receiver, Call::Acknowledge { messages: ids(&envelopes) });
        assert_eq!(world.answer(&mut receiver, ack), Answer::Ok);
    }
    // Also after the ack a put that was seen is not stored again.
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok);
    assert_eq!(world.disk.waiting(), 0);
    for _ in 0..2 {
        let delete = people.received(&mut receiver, Call::Delete);
        let answer = world.answer(&mut receiver, delete);
        assert!(matches!(answer, Answer::Ok | Answer::NoQueue), "{answer:?}");
    }
    assert_eq!(world.deposit(&people, &mut sender, 2), Answer::NoQueue);
}

#[test]
fn nothing_is_put_before_secure_and_a_second_sender_is_refused() {
    let mut world = World::new();
    let people = world.people();
    let mut sender = world.caller();
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::NotAuthorised);
    let secure = people.sent(&mut sender, people.secure());
    assert_eq!(world.answer(&mut sender, secure), Answer::Ok);
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok);
    let other = StaticSecret::random_from_rng(&mut world.rng);
    let mut thief = world.caller();
    let secure = Call::Secure { sender_key: PublicKey::from(&other).to_bytes() };
    let secure = people.sent_by(&other, &mut thief, secure);
    assert_eq!(world.answer(&mut thief, secure), Answer::NotAuthorised);
    let stolen = people.sent_by(&other, &mut thief, put(2));
    assert_eq!(world.answer(&mut thief, stolen), Answer::NotAuthorised);
    // A key that it does not hold it cannot register either.
    let foreign = people.sent_by(&other, &mut thief, people.secure());
    assert_eq!(world.answer(&mut thief, foreign), Answer::NotAuthorised);
    assert_eq!(world.disk.waiting(), 1);
}

#[test]
fn a_command_is_worth_nothing_on_another_circuit_nor_a_second_time() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let deposit = people.sent(&mut sender, put(1));
    assert_eq!(world.answer(&mut sender, deposit.clone()), Answer::Ok);
    // The same bytes again: the counter has been used.
    assert_eq!(world.answer(&mut sender, deposit.clone()), Answer::NotAuthorised);
    let mut other = world.caller();
    assert_eq!(world.answer(&mut other, deposit), Answer::NotAuthorised);
    let lower = people.sent(&mut sender, put(2));
    let higher = people.sent(&mut sender, put(3));
    assert_eq!(world.answer(&mut sender, higher), Answer::Ok);
    assert_eq!(world.answer(&mut sender, lower), Answer::NotAuthorised);
    // Nor does ending the stream and opening another on the circuit begin the counter anew.
    let replayed = people.sent(&mut sender, put(4));
    assert_eq!(world.answer(&mut sender, replayed.clone()), Answer::Ok);
    world.service.ended(sender.at);
    sender.at.stream = StreamId(2);
    assert_eq!(world.answer(&mut sender, replayed), Answer::NotAuthorised);
}

#[test]
fn a_forged_command_does_not_use_up_a_counter() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut forged = people.sent(&mut sender, put(1));
    forged.counter = u64::MAX;
    assert_eq!(world.answer(&mut sender, forged), Answer::NotAuthorised);
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok);
}

#[test]
fn the_senders_name_gives_no_receivers_rights_and_the_other_way_round() {
    let mut world = World::new();
    let (people, _) = world.secured();
    let mut caller = world.caller();
    let context = caller.context(people.queue.sender_queue);
    let call = Call::Collect { max: 1 };
    let signature = people.receiver.sign(&signing_input(&context, &call.command())).to_bytes();
    let signed =
        Signed { queue: context.queue, counter: 1, authenticator: Authenticator::Signature(signature), call };
    assert_eq!(world.answer(&mut caller, signed), Answer::NoQueue);
    let context = caller.context(people.queue.receiver_queue);
    let signed = mac(&[0; 32], &context, put(1));
    assert_eq!(world.answer(&mut caller, signed), Answer::NoQueue);
    let stranger = SigningKey::from_bytes(&[77; 32]);
    let other = People { receiver: stranger, sender: people.sender.clone(), queue: people.queue };
    for call in [Call::Subscribe, Call::Collect { max: 1 }, Call::Delete] {
        let signed = other.received(&mut caller, call);
        assert_eq!(world.answer(&mut caller, signed), Answer::NotAuthorised);
    }
}

#[test]
fn what_is_put_is_pushed_at_once_and_what_waited_comes_first() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    for number in 1..=40 {
        assert_eq!(world.deposit(&people, &mut sender, number), Answer::Ok);
    }
    let subscribe = people.received(&mut receiver, Call::Subscribe);
    assert_eq!(world.answer(&mut receiver, subscribe), Answer::Ok);
    for number in 41..=45 {
        world.deposit(&people, &mut sender, number);
    }
    world.deliver(&mut receiver);
    let pushed: Vec<u8> = receiver.pushed.iter().map(|waiting| waiting.envelope[0]).collect();
    assert_eq!(pushed, (1..=45).collect::<Vec<u8>>());
    // A live put costs one write and no read.
    world.disk.carried_out.clear();
    world.deposit(&people, &mut sender, 46);
    assert_eq!(world.disk.carried_out, ["Put"]);
}

#[test]
fn a_subscription_before_secure_gets_the_first_envelope_too() {
    let mut world = World::new();
    let people = world.people();
    let (mut receiver, mut sender) = (world.caller(), world.caller());
    let subscribe = people.received(&mut receiver, Call::Subscribe);
    assert_eq!(world.answer(&mut receiver, subscribe), Answer::Ok);
    let secure = people.sent(&mut sender, people.secure());
    assert_eq!(world.answer(&mut sender, secure), Answer::Ok);
    world.deposit(&people, &mut sender, 1);
    world.deliver(&mut receiver);
    assert_eq!(receiver.pushed.len(), 1);
}

#[test]
fn no_more_than_the_most_unacked_is_pushed_and_acks_let_the_rest_come() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    let subscribe = people.received(&mut receiver, Call::Subscribe);
    world.answer(&mut receiver, subscribe);
    for number in 0..300 {
        world.now = Timestamp(world.now.0 + 1_000);
        assert_eq!(world.deposit(&people, &mut sender, number), Answer::Ok, "{number}");
    }
    world.deliver(&mut receiver);
    assert_eq!(receiver.pushed.len(), UNACKED_MAX);
    // The ack may come on another circuit.
    let mut other = world.caller();
    let ack = people.received(&mut other, Call::Acknowledge { messages: ids(&receiver.pushed[..100]) });
    assert_eq!(world.answer(&mut other, ack), Answer::Ok);
    world.settle(&mut receiver);
    let numbers: Vec<u8> = receiver.pushed.iter().map(|waiting| waiting.envelope[0]).collect();
    assert_eq!(numbers, (0..300_u32).map(|number| number as u8).collect::<Vec<_>>());
}

#[test]
fn a_full_stream_loses_nothing_and_keeps_the_order() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    let subscribe = people.received(&mut receiver, Call::Subscribe);
    world.answer(&mut receiver, subscribe);
    world.full.push(receiver.at);
    for number in 1..=30 {
        world.deposit(&people, &mut sender, number);
    }
    world.deliver(&mut receiver);
    assert!(receiver.pushed.is_empty());
    world.full.clear();
    let outputs = world.service.drained(world.now, &mut world.rng, receiver.at);
    world.take(outputs);
    world.settle(&mut receiver);
    assert_eq!(
        receiver.pushed.iter().map(|waiting| waiting.envelope[0]).collect::<Vec<_>>(),
        (1..=30).collect::<Vec<u8>>()
    );
}

#[test]
fn a_receiver_that_reconnects_gets_what_was_not_acked_and_the_old_stream_nothing_more() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let (mut old, mut new) = (world.caller(), world.caller());
    let subscribe = people.received(&mut old, Call::Subscribe);
    world.answer(&mut old, subscribe);
    world.deposit(&people, &mut sender, 1);
    world.deliver(&mut old);
    let subscribe = people.received(&mut new, Call::Subscribe);
    world.answer(&mut new, subscribe);
    world.deposit(&people, &mut sender, 2);
    world.deliver(&mut new);
    world.deliver(&mut old);
    assert_eq!((old.pushed.len(), new.pushed.len()), (1, 2));
    world.service.ended(old.at);
    world.deposit(&people, &mut sender, 3);
    world.deliver(&mut new);
    assert_eq!(new.pushed.len(), 3);
}

#[test]
fn a_full_queue_says_so_and_takes_again_after_an_ack() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    for number in 0..QUEUE_MAX as u64 {
        world.now = Timestamp(world.now.0 + 1_000);
        assert_eq!(world.deposit(&people, &mut sender, number), Answer::Ok);
    }
    world.now = Timestamp(world.now.0 + 1_000);
    assert_eq!(world.deposit(&people, &mut sender, 1_000), Answer::Full);
    let collect = people.received(&mut receiver, Call::Collect { max: 128 });
    let Outcome::Envelopes(envelopes) = world.ask(&mut receiver, collect) else { panic!() };
    assert_eq!(envelopes.len(), 128);
    let ack = people.received(&mut receiver, Call::Acknowledge { messages: ids(&envelopes) });
    world.answer(&mut receiver, ack);
    assert_eq!(world.deposit(&people, &mut sender, 1_000), Answer::Ok);
}

#[test]
fn a_flood_of_writes_is_throttled() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let answers: Vec<Answer> = (0..400).map(|number| world.deposit(&people, &mut sender, number)).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == Answer::Ok).count(), 256);
    assert!(answers[256..].iter().all(|answer| *answer == Answer::Throttled));
}

#[test]
fn what_is_too_old_is_gone_and_its_put_id_forgotten() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    world.deposit(&people, &mut sender, 1);
    world.now = world.now.after(TTL);
    world.disk.expire(world.now);
    assert_eq!(world.disk.waiting(), 0);
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok);
    assert_eq!(world.disk.waiting(), 1);
}

#[test]
fn a_blob_is_bound_to_its_first_reader_who_may_repeat() {
    let mut world = World::new();
    let people = world.people();
    let mut inviter = world.caller();
    let (blob_id, read_key, blob) = ([4; 32], [6; 32], vec![7; 3_000]);
    let leave = Call::LeaveBlob { blob_id, read_key, blob: blob.clone() };
    let signed = people.received(&mut inviter, leave);
    assert_eq!(world.answer(&mut inviter, signed), Answer::Ok);
    let other = people.received(&mut inviter, Call::LeaveBlob { blob_id, read_key, blob: vec![8; 3_000] });
    assert_eq!(world.answer(&mut inviter, other), Answer::NotAuthorised);
    let queue = *blob_id.first_chunk().unwrap();
    let read = |caller: &mut Caller, key: [u8; 32], reader: u8| {
        let context = caller.context(queue);
        mac(&key, &context, Call::SecureRead { blob_id, sender_key: [reader; 32] })
    };
    let mut reader = world.caller();
    let wrong = read(&mut reader, [9; 32], 1);
    assert_eq!(world.ask(&mut reader, wrong), Outcome::Answer(Answer::NotAuthorised));
    for _ in 0..2 {
        let mut again = world.caller();
        let signed = read(&mut again, read_key, 1);
        assert_eq!(world.ask(&mut again, signed), Outcome::Blob(blob.clone()));
    }
    let second = read(&mut reader, read_key, 2);
    assert_eq!(world.ask(&mut reader, second), Outcome::Answer(Answer::NotAuthorised));
    let now = world.now;
    let secured = world.disk.carry_out(now, BySender { sender_queue: people.queue.sender_queue }.into());
    let row = SenderRow { sender_key: Some([1; 32]), receiver_queue: people.queue.receiver_queue };
    assert_eq!(secured, DiskReply::BySender(Ok(Some(row))), "who has read it may write");
    let drop = people.received(&mut inviter, Call::DropBlob { blob_id });
    assert_eq!(world.answer(&mut inviter, drop), Answer::Ok);
    let late = read(&mut reader, read_key, 1);
    assert_eq!(world.ask(&mut reader, late), Outcome::Answer(Answer::NoBlob));
}

#[test]
fn nobody_drops_a_blob_of_another_queue() {
    let mut world = World::new();
    let (owner, other) = (world.people(), world.people());
    let (mut first, mut second) = (world.caller(), world.caller());
    let leave =
        owner.received(&mut first, Call::LeaveBlob { blob_id: [4; 32], read_key: [6; 32], blob: vec![1] });
    assert_eq!(world.answer(&mut first, leave), Answer::Ok);
    let drop = other.received(&mut second, Call::DropBlob { blob_id: [4; 32] });
    assert_eq!(world.answer(&mut second, drop), Answer::NotAuthorised);
}

#[test]
fn a_queue_costs_work_and_a_circuit_makes_only_a_few() {
    let mut world = World::new();
    let mut caller = world.caller();
    let key = |number: u8| SigningKey::from_bytes(&[number; 32]).verifying_key().to_bytes();
    let idle = (0..).find(|nonce| {
        !proof_of_work::Subject::new(RELAY, &caller.binding, &key(1))
            .proves(*nonce, proof_of_work::BITS_PRIVATE)
    });
    let (id, message) = caller.client.create(key(1), idle.unwrap()).unwrap();
    world.send(&caller, message);
    world.settle(&mut caller);
    assert_eq!(caller.outcomes[&id], Outcome::MoreWork(proof_of_work::BITS_PRIVATE));
    for number in 1..=16 {
        assert!(matches!(world.create(&mut caller, key(number)), Outcome::Created(_)));
    }
    assert_eq!(world.create(&mut caller, key(17)), Outcome::Answer(Answer::Refused));
    // A key that would verify anything is no receiver's.
    let mut weak = [0; 32];
    weak[0] = 1;
    let mut fresh = world.caller();
    assert_eq!(world.create(&mut fresh, weak), Outcome::Answer(Answer::Refused));
}

#[test]
fn a_disk_that_is_away_means_later_and_a_subscription_goes_on_when_it_is_back() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    world.deposit(&people, &mut sender, 1);
    let subscribe = people.received(&mut receiver, Call::Subscribe);
    let (_, message) = receiver.client.command(subscribe).unwrap();
    world.send(&receiver, message);
    // The look-up of the queue works, what follows is lost.
    let (ticket, request) = world.asked.pop_front().unwrap();
    let reply = world.disk.carry_out(world.now, request);
    let outputs = world.service.disk(world.now, &mut world.rng, ticket, reply);
    world.take(outputs);
    let lose = |world: &mut World| {
        while let Some((ticket, _)) = world.asked.pop_front() {
            let outputs =
                world.service.disk(world.now, &mut world.rng, ticket, DiskReply::Lost(Failed::Gone));
            world.take(outputs);
        }
    };
    lose(&mut world);
    let deposit = people.sent(&mut sender, put(2));
    let (id, message) = sender.client.command(deposit).unwrap();
    world.send(&sender, message);
    lose(&mut world);
    world.deliver(&mut sender);
    assert_eq!(sender.outcomes[&id], Outcome::Answer(Answer::Throttled));
    let outputs = world.service.disk_is_back();
    world.take(outputs);
    world.settle(&mut receiver);
    assert_eq!(receiver.pushed.len(), 1);
}

#[test]
fn what_was_kept_by_a_disk_that_died_before_it_said_so_is_pushed_once_it_is_back() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    let subscribe = people.received(&mut receiver, Call::Subscribe);
    assert_eq!(world.answer(&mut receiver, subscribe), Answer::Ok);
    world.deposit(&people, &mut sender, 1);
    let deposit = people.sent(&mut sender, put(2));
    let (_, message) = sender.client.command(deposit).unwrap();
    world.send(&sender, message);
    let (ticket, request) = world.asked.pop_front().unwrap();
    world.disk.carry_out(world.now, request);
    let outputs = world.service.disk(world.now, &mut world.rng, ticket, DiskReply::Lost(Failed::Gone));
    world.take(outputs);
    let outputs = world.service.disk_is_back();
    world.take(outputs);
    world.settle(&mut receiver);
    assert_eq!(world.deposit(&people, &mut sender, 2), Answer::Ok, "told again it is known");
    world.settle(&mut receiver);
    let pushed: Vec<u8> = receiver.pushed.iter().map(|waiting| waiting.envelope[0]).collect();
    assert_eq!(pushed, [1, 2]);
}

#[test]
fn requests_of_one_circuit_keep_their_order_while_the_disk_is_slow() {
    let mut world = World::new();
    let people = world.people();
    let mut sender = world.caller();
    let mut requests = Vec::new();
    for call in [people.secure(), put(1), put(2), put(3)] {
        let signed = people.sent(&mut sender, call);
        let (id, message) = sender.client.command(signed).unwrap();
        requests.push(id);
        world.send(&sender, message);
    }
    world.settle(&mut sender);
    for id in requests {
        assert_eq!(sender.outcomes[&id], Outcome::Answer(Answer::Ok));
    }
    assert_eq!(world.disk.waiting(), 3);
}

#[test]
fn a_client_that_floods_is_held_back_and_at_last_put_out() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    for number in 0..600 {
        let signed = people.sent(&mut sender, put(number));
        // Nothing is answered: the disk does not move.
        let message = Request::Signed(signed).pack(1_000 + number as u32);
        if world.expelled.is_empty() {
            world.send(&sender, message);
        }
    }
    assert_eq!(world.held.first(), Some(&true));
    assert_eq!(world.expelled, [sender.at]);
    // Late answers for a stream that is gone go nowhere.
    world.replies.clear();
    world.run_disk();
    assert!(world.replies.is_empty());
}

#[test]
fn nonsense_ends_the_circuit_and_nothing_else() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let stranger = world.caller();
    world.send(&stranger, vec![1, 2, 3]);
    assert_eq!(world.expelled, [stranger.at]);
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok);
}

#[test]
fn replies_of_the_disk_that_do_not_fit_are_no_harm() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let wrong = [
        DiskReply::Read(Ok(Vec::new())),
        DiskReply::Secure(Ok(())),
        DiskReply::Blob(Ok(None)),
        DiskReply::ByReceiver(Ok(None)),
        DiskReply::BySender(Ok(None)),
    ];
    for (number, reply) in (0..).zip(wrong) {
        let signed = people.sent(&mut sender, put(number));
        let (id, message) = sender.client.command(signed).unwrap();
        world.send(&sender, message);
        let (ticket, _) = world.asked.pop_back().unwrap();
        let outputs = world.service.disk(world.now, &mut world.rng, ticket, reply.clone());
        world.take(outputs);
        world.run_disk();
        world.deliver(&mut sender);
        let outcome = &sender.outcomes[&id];
        assert!(
            matches!(outcome, Outcome::Answer(Answer::Throttled | Answer::NoQueue | Answer::NoBlob)),
            "{outcome:?}"
        );
        // And no answer of an unknown ticket does anything.
        assert!(world.service.disk(world.now, &mut world.rng, Ticket(u64::MAX), reply).is_empty());
    }
}

#[test]
fn a_late_answer_of_the_disk_is_never_taken_for_another_queue() {
    let mut world = World::new();
    let (own, _) = world.secured();
    let (victim, mut sender) = world.secured();
    world.deposit(&victim, &mut sender, 1);
    let mut thief = world.caller();
    // The disk is asked about the thief's own queue, and the stream ends before it answers.
    let signed = own.received(&mut thief, Call::Collect { max: 1 });
    let (_, message) = thief.client.command(signed).unwrap();
    world.send(&thief, message);
    let (late, request) = world.asked.pop_front().unwrap();
    world.service.ended(thief.at);
    thief.at.stream = StreamId(2);
    // On another stream of the circuit: a command to the victim's queue under the thief's own key.
    let context = thief.context(victim.queue.receiver_queue);
    let signature = own.receiver.sign(&signing_input(&context, &Call::Delete.command())).to_bytes();
    let authenticator = Authenticator::Signature(signature);
    let signed = Signed { queue: context.queue, counter: context.counter, authenticator, call: Call::Delete };
    let (id, message) = thief.client.command(signed).unwrap();
    world.send(&thief, message);
    let reply = world.disk.carry_out(world.now, request);
    let outputs = world.service.disk(world.now, &mut world.rng, late, reply);
    world.take(outputs);
    world.settle(&mut thief);
    assert_eq!(thief.outcomes[&id], Outcome::Answer(Answer::NotAuthorised));
    assert_eq!(world.disk.waiting(), 1);
}

#[test]
fn a_slow_disk_holds_no_more_of_one_circuit_than_a_few_requests() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    assert_eq!(world.deposit(&people, &mut sender, 0), Answer::Ok);
    for number in 1..=100 {
        let deposit = people.sent(&mut sender, put(number));
        let (_, message) = sender.client.command(deposit).unwrap();
        world.send(&sender, message);
    }
    assert_eq!(world.asked.len(), 32);
    assert_eq!(world.held, [true]);
    world.settle(&mut sender);
    assert_eq!(world.held, [true, false]);
    assert_eq!(world.disk.waiting(), 101);
    assert!(sender.outcomes.values().all(|outcome| *outcome == Outcome::Answer(Answer::Ok)));
}
