//! A sender and a receiver with two relays between them that lose, repeat, reorder and forget, and ends that are killed.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::limits::PIECE_BYTES;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::{Cut, FileWire, LAID_MAX, Lane, Put, Receiving, Round, Sending, UNACKED_MAX};
use crate::content::{FileChunks, Range};
use crate::ids::PeerQueueId;

const FILE: FileWire = FileWire([5; 16]);
const START: Timestamp = Timestamp(1_800_000_000_000);
const QUEUES: [PeerQueueId; 2] = [PeerQueueId(1), PeerQueueId(2)];
const SECOND: Duration = Duration::from_secs(1);

fn cut(pieces: u32) -> Cut {
    Cut::of(u64::from(pieces) * PIECE_BYTES as u64).unwrap()
}

/// What goes wrong, per thousand.
#[derive(Debug, Clone, Copy)]
struct Faults {
    dropped: u32,
    repeated: u32,
    refused: u32,
    content_lost: u32,
    killed: u32,
}

const NONE: Faults = Faults { dropped: 0, repeated: 0, refused: 0, content_lost: 0, killed: 0 };

#[derive(Default)]
struct Relay {
    waiting: Vec<Put>,
    /// It takes each name once, as long as it is remembered.
    names: HashSet<(u32, Round)>,
}

struct World {
    rng: ChaCha20Rng,
    faults: Faults,
    cut: Cut,
    now: Timestamp,
    sending: Sending,
    receiving: Receiving,
    relays: BTreeMap<PeerQueueId, Relay>,
    contents: VecDeque<FileChunks>,
    puts: u64,
    told: u64,
}

impl World {
    fn new(pieces: u32, faults: Faults, seed: u64) -> Self {
        let cut = cut(pieces);
        Self {
            rng: ChaCha20Rng::seed_from_u64(seed),
            faults,
            cut,
            now: START,
            sending: Sending::new(cut),
            receiving: Receiving::new(cut, START),
            relays: QUEUES.map(|queue| (queue, Relay::default())).into(),
            contents: VecDeque::new(),
            puts: 0,
            told: 0,
        }
    }

    fn chance(&mut self, per_thousand: u32) -> bool {
        self.rng.next_u32() % 1_000 < per_thousand
    }

    fn step(&mut self) {
        self.now = self.now.after(SECOND);
        self.send();
        self.receive();
        self.tell();
        if self.chance(self.faults.killed) {
            self.sending = Sending::decode(self.cut, &self.sending.encode()).unwrap();
        }
        if self.chance(self.faults.killed) {
            let row = self.receiving.encode();
            self.receiving = Receiving::decode(self.cut, &row, self.now).unwrap();
        }
    }

    fn send(&mut self) {
        let lanes = QUEUES.map(|queue| Lane { queue, room: 8 });
        for put in self.sending.next(self.now, self.now, &lanes) {
            assert!(QUEUES.iter().all(|queue| self.sending.unacked_at(*queue) <= UNACKED_MAX));
            self.puts += 1;
            if self.chance(self.faults.refused) {
                self.sending.back(put);
                continue;
            }
            let (dropped, repeated) = (self.chance(self.faults.dropped), self.chance(self.faults.repeated));
            let relay = self.relays.get_mut(&put.queue).unwrap();
            if relay.names.insert((put.number, put.round)) && !dropped {
                relay.waiting.extend(std::iter::repeat_n(put, if repeated { 2 } else { 1 }));
            }
            self.sending.there(put, self.now);
        }
    }

    fn receive(&mut self) {
        for (queue, most) in QUEUES.into_iter().zip([12, 8]) {
            for _ in 0..self.rng.next_u32() % most {
                let relay = self.relays.get_mut(&queue).unwrap();
                if relay.waiting.is_empty() {
                    break;
                }
                // The oldest first, but for what overtakes on the way.
                let at = usize::try_from(self.rng.next_u32()).unwrap() % relay.waiting.len().min(4);
                let put = relay.waiting.remove(at);
                let known = self.receiving.rounds().contains(&put.round)
                    && self.receiving.wanted().contains(&put.number);
                if known {
                    assert!(self.receiving.took(put.number, self.now), "it was wanted");
                } else {
                    assert!(self.receiving.has(put.number) || put.round != Round(0) || self.puts > 0);
                }
            }
        }
    }

    fn tell(&mut self) {
        let fresh = self.rng.next_u32();
        if let Some(chunks) = self.receiving.tell(FILE, self.now, self.now, fresh) {
            self.told += 1;
            if !self.chance(self.faults.content_lost) {
                self.contents.push_back(chunks);
            }
        }
        // Some wait, and overtake each other.
        while self.contents.len() > usize::try_from(self.rng.next_u32() % 4).unwrap() {
            let at = usize::try_from(self.rng.next_u32()).unwrap() % self.contents.len();
            let chunks = self.contents.remove(at).unwrap();
            self.sending.heard(&chunks, self.now);
        }
    }

    /// Until all is there.
    fn run(&mut self, most_seconds: u32) {
        for _ in 0..most_seconds {
            if self.receiving.is_done() {
                return;
            }
            self.step();
        }
        panic!("{} of {} after {most_seconds} s", self.receiving.encode().len(), self.cut.chunks());
    }

    fn sends_of_a_chunk(&self) -> f64 {
        self.puts as f64 / f64::from(self.cut.chunks())
    }
}

#[test]
fn without_loss_each_chunk_is_sent_once_and_few_words_are_said() {
    let mut world = World::new(1_000, NONE, 1);
    world.run(2_000);
    assert_eq!(world.puts, u64::from(world.cut.chunks()));
    assert!(world.told <= 1_008 / 32 + 100, "{}", world.told);
    world.sending.done();
    assert!(world.sending.is_done());
    let progress = world.receiving.progress(world.now);
    assert_eq!((progress.bytes, progress.of_bytes), (world.cut.size_bytes(), world.cut.size_bytes()));
}

#[test]
fn with_a_fifth_lost_each_chunk_is_sent_twice_at_most_on_average() {
    for seed in 0..8 {
        let mut world = World::new(640, Faults { dropped: 200, ..NONE }, seed);
        world.run(20_000);
        assert!(world.sends_of_a_chunk() < 2.0, "{} (seed {seed})", world.sends_of_a_chunk());
    }
}

#[test]
fn the_largest_file_comes_through_with_bounded_memory() {
    let mut world = World::new(65_536, Faults { dropped: 20, killed: 2, ..NONE }, 3);
    for _ in 0..100_000 {
        if world.receiving.is_done() {
            break;
        }
        world.step();
        assert!(world.sending.encode().len() < 22_000 && world.receiving.encode().len() < 18_000);
    }
    assert!(world.receiving.is_done() && world.sends_of_a_chunk() < 1.2, "{}", world.sends_of_a_chunk());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_lost_repeated_turned_around_and_killed_all_of_it_comes(
        seed in any::<u64>(),
        pieces in 1_u32..200,
        (dropped, repeated, refused) in (0_u32..300, 0_u32..300, 0_u32..300),
        (content_lost, killed) in (0_u32..300, 0_u32..100),
    ) {
        let mut world = World::new(pieces, Faults { dropped, repeated, refused, content_lost, killed }, seed);
        world.run(60_000);
        prop_assert!(!world.sending.is_spent());
    }
}

#[test]
fn what_a_relay_swallows_goes_to_the_other_and_under_another_name() {
    let mut sending = Sending::new(cut(1));
    let lanes = QUEUES.map(|queue| Lane { queue, room: 1 });
    let first = sending.next(START, START, &lanes)[0];
    sending.there(first, START);
    assert!(sending.next(START, START, &lanes).is_empty(), "it lies there");
    let ask = |again| FileChunks { file: FILE, up_to: 1, missing: vec![Range { first: 1, last: 1 }], again };
    sending.heard(&ask(7), START.after(SECOND));
    assert!(sending.next(START, START, &lanes).is_empty(), "it is under way");
    let later = START.after(Duration::from_secs(30));
    sending.heard(&ask(7), later);
    assert!(sending.next(later, later, &lanes).is_empty(), "that asking was taken");
    sending.heard(&ask(8), later);
    let again = sending.next(later, later, &lanes)[0];
    assert_eq!((again.number, again.round), (1, Round(8)));
    assert_ne!(again.queue, first.queue);
}

#[test]
fn what_relays_dropped_after_a_week_is_left_anew_only_for_somebody_who_is_there() {
    let mut sending = Sending::new(cut(1));
    let lanes = [Lane { queue: QUEUES[0], room: 1 }];
    let put = sending.next(START, START, &lanes)[0];
    sending.there(put, START);
    let dropped = sending.next_drop().unwrap();
    assert!(dropped < START.after(Duration::from_secs(7 * 86_400)));
    let heard = Timestamp(dropped.0 - 1);
    assert!(sending.next(dropped, heard, &lanes).is_empty());
    assert!(sending.next(Timestamp(dropped.0 - 1), dropped, &lanes).is_empty());
    assert_eq!(sending.next(dropped, dropped, &lanes).len(), 1);
}

#[test]
fn who_always_misses_something_is_sent_sixteen_times_the_file_and_no_more_by_itself() {
    let mut sending = Sending::new(cut(16));
    let lanes = [Lane { queue: QUEUES[0], room: 16 }];
    let (mut now, mut puts) = (START, 0);
    for again in 1..100 {
        let sent = sending.next(now, now, &lanes);
        puts += sent.len();
        sent.into_iter().for_each(|put| sending.there(put, now));
        now = now.after(Duration::from_secs(60));
        let missing = vec![Range { first: 1, last: u64::MAX }];
        sending.heard(&FileChunks { file: FILE, up_to: u32::MAX, missing, again }, now);
    }
    assert_eq!(puts, 16 * 16);
    assert!(sending.is_spent());
    sending.go_on();
    assert_eq!(sending.next(now, now, &lanes).len(), 16);
}

#[test]
fn a_queue_is_given_no_more_than_fits_and_one_that_is_gone_gives_back_what_lay_there() {
    let mut sending = Sending::new(cut(1_000));
    let lane = |queue, room| Lane { queue, room };
    assert_eq!(sending.next(START, START, &[lane(QUEUES[0], 200)]).len(), UNACKED_MAX);
    assert!(sending.next(START, START, &[lane(QUEUES[0], 200)]).is_empty());
    assert_eq!(sending.next(START, START, &[lane(QUEUES[0], 9), lane(QUEUES[1], 3)]).len(), 3);
    assert_eq!(sending.next(START, START, &[lane(QUEUES[1], 300)]).len(), LAID_MAX - UNACKED_MAX - 3);
    sending.queue_gone(QUEUES[0]);
    let again = sending.next(START, START, &[lane(PeerQueueId(3), 2)]);
    assert_eq!(again.iter().map(|put| put.number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_sender_that_is_not_heard_is_asked_once_a_day_and_one_that_is_more_and_more_seldom() {
    let mut receiving = Receiving::new(cut(9), START);
    let (mut now, mut asked) = (START, Vec::new());
    while asked.len() < 4 {
        now = receiving.next_telling(START).unwrap();
        let chunks = receiving.tell(FILE, now, START, 0).unwrap();
        assert_ne!(chunks.again, 0, "an asking has a name");
        asked.push(now.since(START).as_secs());
    }
    assert_eq!(asked, [60, 86_460, 172_860, 259_260]);
    let mut receiving = Receiving::new(cut(9), START);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let next = receiving.next_telling(Timestamp(u64::MAX)).unwrap();
        receiving.tell(FILE, next, Timestamp(u64::MAX), 9).unwrap();
        waits.push(next.since(now.min(next)).as_secs());
        now = next;
    }
    assert_eq!(waits[1..], [120, 240, 480, 960, 1_920, 3_840, 7_680, 14_400, 14_400, 14_400, 14_400]);
}

#[test]
fn a_chunk_that_the_disk_lost_is_asked_for_and_sent_again() {
    let mut world = World::new(100, NONE, 9);
    while world.receiving.wanted().first().is_none_or(|next| *next < 50) {
        world.step();
    }
    world.receiving.lost(7);
    assert!(!world.receiving.has(7) && !world.receiving.is_whole());
    world.run(2_000);
    assert!(world.receiving.has(7));
}

#[test]
fn damaged_rows_are_refused() {
    let mut world = World::new(100, NONE, 9);
    (0..20).for_each(|_| world.step());
    let (sender, receiver) = (world.sending.encode(), world.receiving.encode());
    assert!(sender.len() > 40 && receiver.len() > 20);
    for length in 0..sender.len() {
        assert!(
            Sending::decode(world.cut, &sender[..length]).is_none_or(|read| read.encode().len() == length)
        );
    }
    for length in 0..receiver.len() {
        let read = Receiving::decode(world.cut, &receiver[..length], START);
        assert!(read.is_none_or(|read| read.encode().len() == length));
    }
    assert!(Sending::decode(cut(3), &sender).is_none(), "a row of a longer file");
    assert!(Receiving::decode(cut(3), &receiver, START).is_none());
}
