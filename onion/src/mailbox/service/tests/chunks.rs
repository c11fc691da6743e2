//! Chunks of files beside the envelopes of a queue.

use ipc_schema::limits::{CHUNK_BYTES, CHUNKS_UNACKED_MAX};

use super::super::budget::{MAX_BYTES, TIGHT_BYTES};
use super::super::callers::{CHUNK_WEIGHT, HOLD_ABOVE, IN_FLIGHT_MAX};
use super::*;
use crate::mailbox::model_disk::BLOBS_MAX_BYTES;

/// As many as lie in a queue.
const MOST: u8 = 126;

fn id(number: u8) -> [u8; 16] {
    [number; 16]
}

fn put_chunk(number: u8) -> Call {
    Call::PutChunk { chunk_id: id(number), chunk: vec![number; CHUNK_BYTES] }
}

impl World {
    fn put_chunk(&mut self, people: &People, sender: &mut Caller, number: u8) -> Answer {
        let put = people.sent(sender, put_chunk(number));
        self.answer(sender, put)
    }

    fn receivers(&mut self, people: &People, receiver: &mut Caller, call: Call) -> Answer {
        let signed = people.received(receiver, call);
        self.answer(receiver, signed)
    }

    fn acknowledge(&mut self, people: &People, receiver: &mut Caller, chunks: Vec<[u8; 16]>) -> Answer {
        self.receivers(people, receiver, Call::AcknowledgeChunks { chunks })
    }

    /// Sends a command and does not wait for what comes of it.
    fn begin(&mut self, caller: &mut Caller, signed: Signed) {
        let (_, message) = caller.client.command(signed).unwrap();
        self.send(caller, message);
    }

    fn held_bytes(&self) -> usize {
        self.service.desk.budget.bytes()
    }
}

fn come(receiver: &mut Caller) -> Vec<[u8; 16]> {
    receiver.chunks.drain(..).map(|chunk| chunk.id).collect()
}

#[test]
fn chunks_go_through_a_queue_in_their_order_and_beside_its_envelopes() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    for number in 1..=3 {
        assert_eq!(world.put_chunk(&people, &mut sender, number), Answer::Ok);
    }
    assert_eq!(world.receivers(&people, &mut receiver, Call::SubscribeChunks), Answer::Ok);
    assert_eq!(receiver.chunks.iter().map(|chunk| chunk.chunk[0]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(come(&mut receiver), [id(1), id(2), id(3)]);
    assert_eq!(world.put_chunk(&people, &mut sender, 4), Answer::Ok);
    assert_eq!(world.deposit(&people, &mut sender, 5), Answer::Ok);
    world.deliver(&mut receiver);
    assert_eq!((come(&mut receiver), receiver.pushed.len()), (vec![id(4)], 0));
    let acked = world.acknowledge(&people, &mut receiver, (1..=4).map(id).collect());
    assert_eq!((acked, world.disk.chunks_waiting(), world.disk.waiting()), (Answer::Ok, 0, 1));
    let mut reader = world.caller();
    assert_eq!(world.receivers(&people, &mut reader, Call::Subscribe), Answer::Ok);
    assert_eq!((reader.pushed.len(), reader.chunks.len()), (1, 0));
}

#[test]
fn a_put_and_an_ack_may_be_repeated_and_other_bytes_under_a_name_are_refused() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    for _ in 0..2 {
        assert_eq!(world.put_chunk(&people, &mut sender, 1), Answer::Ok);
    }
    let other = Call::PutChunk { chunk_id: id(1), chunk: vec![9; CHUNK_BYTES] };
    let other = people.sent(&mut sender, other);
    assert_eq!(world.answer(&mut sender, other), Answer::NotAuthorised);
    for _ in 0..2 {
        assert_eq!(world.acknowledge(&people, &mut receiver, vec![id(1), id(2)]), Answer::Ok);
        assert_eq!(world.put_chunk(&people, &mut sender, 1), Answer::Ok);
        assert_eq!(world.disk.chunks_waiting(), 0, "it is not stored twice");
    }
    assert_eq!(world.acknowledge(&people, &mut receiver, Vec::new()), Answer::Ok);
}

#[test]
fn only_the_sender_puts_and_only_the_receiver_reads() {
    let mut world = World::new();
    let unsecured = world.people();
    let mut sender = world.caller();
    assert_eq!(world.put_chunk(&unsecured, &mut sender, 1), Answer::NotAuthorised);
    let (people, mut sender) = world.secured();
    let (other, mut thief) = world.secured();
    let stolen = people.sent_by(&other.sender, &mut thief, put_chunk(2));
    assert_eq!(world.answer(&mut thief, stolen), Answer::NotAuthorised);
    assert_eq!(world.put_chunk(&people, &mut sender, 1), Answer::Ok);
    let reads = [
        Call::SubscribeChunks,
        Call::FetchChunks { chunks: vec![id(1)] },
        Call::AcknowledgeChunks { chunks: vec![id(1)] },
    ];
    for call in reads {
        let mut thief = world.caller();
        let context = thief.context(people.queue.receiver_queue);
        let signature = other.receiver.sign(&signing_input(&context, &call.command())).to_bytes();
        let authenticator = Authenticator::Signature(signature);
        let signed = Signed { queue: context.queue, counter: context.counter, authenticator, call };
        assert_eq!(world.answer(&mut thief, signed), Answer::NotAuthorised);
        assert!(thief.chunks.is_empty());
    }
    // What is authenticated is the chunk that came, not the name alone.
    let mut put = people.sent(&mut sender, put_chunk(2));
    put.call = Call::PutChunk { chunk_id: id(2), chunk: vec![0; CHUNK_BYTES] };
    assert_eq!(world.answer(&mut sender, put), Answer::NotAuthorised);
    assert_eq!(world.disk.chunks_waiting(), 1);
}

#[test]
fn a_full_queue_says_so_until_something_is_acked() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    assert_eq!(usize::from(MOST), BLOBS_MAX_BYTES / CHUNK_BYTES);
    assert!((1..=MOST).all(|number| world.put_chunk(&people, &mut sender, number) == Answer::Ok));
    assert_eq!(world.put_chunk(&people, &mut sender, MOST + 1), Answer::Full);
    assert_eq!(world.deposit(&people, &mut sender, 1), Answer::Ok, "envelopes have room of their own");
    assert_eq!(world.acknowledge(&people, &mut receiver, vec![id(7)]), Answer::Ok);
    assert_eq!(world.put_chunk(&people, &mut sender, MOST + 1), Answer::Ok);
}

#[test]
fn those_that_are_named_come_if_they_lie_there_and_before_the_answer() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    for number in 1..=5 {
        world.put_chunk(&people, &mut sender, number);
    }
    let fetch = |numbers: &[u8]| Call::FetchChunks { chunks: numbers.iter().copied().map(id).collect() };
    assert_eq!(world.receivers(&people, &mut receiver, fetch(&[4, 9, 2])), Answer::Ok);
    assert_eq!(come(&mut receiver), [id(4), id(2)]);
    assert_eq!(world.receivers(&people, &mut receiver, fetch(&[9])), Answer::Ok);
    assert!(receiver.chunks.is_empty());
}

#[test]
fn no_more_chunks_are_pushed_than_may_be_unacked_and_acks_on_any_circuit_let_more_come() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    (1..=100).for_each(|number| assert_eq!(world.put_chunk(&people, &mut sender, number), Answer::Ok));
    assert_eq!(world.receivers(&people, &mut receiver, Call::SubscribeChunks), Answer::Ok);
    let first = come(&mut receiver);
    assert_eq!(first.len(), CHUNKS_UNACKED_MAX);
    let mut other = world.caller();
    assert_eq!(world.acknowledge(&people, &mut other, first[..10].to_vec()), Answer::Ok);
    world.deliver(&mut receiver);
    assert_eq!(come(&mut receiver), (33..=42).map(id).collect::<Vec<_>>());
    // Whoever subscribes anew gets what is not acked, and the older subscription nothing more.
    let mut again = world.caller();
    assert_eq!(world.receivers(&people, &mut again, Call::SubscribeChunks), Answer::Ok);
    assert_eq!(come(&mut again), (11..=42).map(id).collect::<Vec<_>>());
    world.acknowledge(&people, &mut other, (11..=20).map(id).collect());
    world.deliver(&mut again);
    world.deliver(&mut receiver);
    assert_eq!((come(&mut again).len(), receiver.chunks.len()), (10, 0));
}

/// What waits for a stream that takes nothing is one read, whatever lies in the queue.
#[test]
fn a_reader_who_takes_nothing_costs_the_relay_one_chunk() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    (1..=20).for_each(|number| assert_eq!(world.put_chunk(&people, &mut sender, number), Answer::Ok));
    world.full.push(receiver.at);
    let subscribe = people.received(&mut receiver, Call::SubscribeChunks);
    world.begin(&mut receiver, subscribe);
    world.run_disk();
    // Fetches are left for later too.
    for _ in 0..40 {
        let fetch = people.received(&mut receiver, Call::FetchChunks { chunks: vec![id(1), id(2)] });
        world.begin(&mut receiver, fetch);
        world.run_disk();
    }
    assert!(world.held_bytes() < 2 * CHUNK_BYTES, "{}", world.held_bytes());
    assert_eq!((world.expelled.len(), world.held.as_slice()), (0, &[true][..]));
    world.full.clear();
    for _ in 0..60 {
        let outputs = world.service.drained(world.now, &mut world.rng, receiver.at);
        world.take(outputs);
        world.run_disk();
    }
    world.deliver(&mut receiver);
    assert_eq!(come(&mut receiver).len(), 20 + 80);
    assert_eq!((world.held_bytes(), world.held.as_slice()), (0, &[true, false][..]));
}

/// A writer who is faster than the disk is held back after a window, and each chunk that is held is counted until it is durable.
#[test]
fn a_writer_who_is_faster_than_the_disk_is_held_back() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    world.put_chunk(&people, &mut sender, 1);
    let (at_disk, waits) = (IN_FLIGHT_MAX / CHUNK_WEIGHT, HOLD_ABOVE / CHUNK_WEIGHT);
    let mut writers = Vec::new();
    for number in 2..60_u8 {
        if world.held.last() == Some(&true) {
            break;
        }
        let put = people.sent(&mut sender, put_chunk(number));
        let message = Request::Signed(put).pack(u32::from(number));
        world.send(&sender, message);
        writers.push(number);
    }
    assert_eq!(writers.len(), at_disk + waits + 1);
    assert_eq!(world.asked.len(), at_disk);
    assert!(world.held_bytes() >= writers.len() * CHUNK_BYTES);
    world.run_disk();
    assert_eq!((world.held_bytes(), world.held.as_slice()), (0, &[true, false][..]));
    assert_eq!(world.disk.chunks_waiting(), writers.len() + 1);
}

/// Many writers together: from some point on each is held back with the first chunk that waits, and at the bound the greediest goes.
#[test]
fn what_all_writers_together_make_the_relay_hold_is_bounded() {
    let mut world = World::new();
    let mut writers: Vec<_> = (0..60).map(|_| world.secured()).collect();
    for (people, sender) in &mut writers {
        world.put_chunk(people, sender, 1);
    }
    // The disk does nothing from here on, and no client lets itself be held back.
    let mut first_held_at = None;
    for number in 2..26_u8 {
        for (people, sender) in &mut writers {
            let put = people.sent(sender, put_chunk(number));
            let message = Request::Signed(put).pack(u32::from(number));
            let before = world.held.len();
            if !world.expelled.contains(&sender.at) {
                world.send(sender, message);
            }
            if world.held.len() > before && first_held_at.is_none() {
                first_held_at = Some(number);
            }
            assert!(world.held_bytes() <= MAX_BYTES, "{}", world.held_bytes());
        }
    }
    assert!(world.held_bytes() > TIGHT_BYTES);
    let alone = 2 + (IN_FLIGHT_MAX + HOLD_ABOVE) / CHUNK_WEIGHT;
    assert!(usize::from(first_held_at.unwrap()) < alone, "sooner than one writer alone");
    assert!(!world.expelled.is_empty());
    world.run_disk();
    assert_eq!(world.held_bytes(), 0);
}

#[test]
fn while_the_disk_is_away_chunks_are_throttled_and_pushed_once_it_is_back() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    assert_eq!(world.put_chunk(&people, &mut sender, 1), Answer::Ok);
    let subscribe = people.received(&mut receiver, Call::SubscribeChunks);
    let put = people.sent(&mut sender, put_chunk(2));
    let (request, message) = sender.client.command(put).unwrap();
    world.send(&sender, message);
    world.begin(&mut receiver, subscribe);
    while let Some((ticket, asked)) = world.asked.pop_front() {
        let lost = matches!(asked, DiskRequest::PutChunk(_) | DiskRequest::ReadChunks(_));
        let reply = if lost { DiskReply::Lost(Failed::Gone) } else { world.disk.carry_out(world.now, asked) };
        let outputs = world.service.disk(world.now, &mut world.rng, ticket, reply);
        world.take(outputs);
    }
    world.deliver(&mut sender);
    assert_eq!(sender.outcomes[&request], Outcome::Answer(Answer::Throttled));
    world.deliver(&mut receiver);
    assert!(receiver.chunks.is_empty());
    let outputs = world.service.disk_is_back();
    world.take(outputs);
    world.settle(&mut receiver);
    assert_eq!(come(&mut receiver), [id(1)]);
    assert_eq!(world.held_bytes(), 0);
}

#[test]
fn a_deleted_queue_takes_its_chunks_along() {
    let mut world = World::new();
    let (people, mut sender) = world.secured();
    let mut receiver = world.caller();
    world.put_chunk(&people, &mut sender, 1);
    world.receivers(&people, &mut receiver, Call::SubscribeChunks);
    assert_eq!(world.receivers(&people, &mut receiver, Call::Delete), Answer::Ok);
    assert_eq!(world.disk.chunks_waiting(), 0);
    assert_eq!(world.put_chunk(&people, &mut sender, 2), Answer::NoQueue);
    assert_eq!(world.receivers(&people, &mut receiver, Call::SubscribeChunks), Answer::NoQueue);
}
