//! Views that meet: what they refuse, how two become one, and how a network of fifty comes together.
#![allow(clippy::cast_possible_truncation, reason = "numbers of test relays and envelopes wrap on purpose")]

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use ipc_schema::Timestamp;
use ipc_schema::relay::{Address, Descriptor, DescriptorError, FLAG_MAILBOX, OnionKey, Transport};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::exchange::{self, Exchange, Step};
use super::message::{Answer, Compared, Misbehaved, Question, Range, Record};
use super::own::{Appearance, OwnRelay, RelayKeys};
use super::rules::NetworkRules;
use super::schedule::Paths;
use super::schedule::{Contact, JobStep, Order, Schedule, Search};
use super::view::{Learned, PROBATION, RecordHash, Refusal, View};
use crate::id::RelayId;

pub const NOW: Timestamp = Timestamp(1_800_000_000_000);
pub const NETWORK: [u8; 32] = [7; 32];

fn private() -> NetworkRules {
    NetworkRules::new(NETWORK)
}

/// A relay's identity, by number.
pub fn identity(number: u32) -> SigningKey {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

pub fn id(number: u32) -> RelayId {
    RelayId(identity(number).verifying_key().to_bytes())
}

/// A descriptor of relay `number`; tests alter it before they sign.
pub fn descriptor(number: u32) -> Descriptor {
    let key = OnionKey {
        key: [number as u8; 32],
        from: Timestamp(NOW.0 - 1_000),
        until: Timestamp(NOW.0 + 700_000_000),
    };
    let [_, a, b, c] = number.to_be_bytes();
    Descriptor {
        network_id: NETWORK,
        relay: id(number),
        link_key: identity(number + 1_000_000).verifying_key().to_bytes(),
        onion_keys: [key, key],
        operator_tag: [0; 16],
        flags: FLAG_MAILBOX,
        sequence: 1,
        published: NOW,
        work: 0,
        addresses: vec![Address {
            transport: Transport::Quic,
            socket: (std::net::Ipv4Addr::new(10 + a, b, c, 1), 4_001).into(),
        }],
    }
}

pub fn packed(number: u32) -> Vec<u8> {
    descriptor(number).sign(&identity(number))
}

fn with_sequence(number: u32, sequence: u64, flags: u8) -> Vec<u8> {
    let mut descriptor = descriptor(number);
    descriptor.sequence = sequence;
    descriptor.flags = flags;
    descriptor.sign(&identity(number))
}

/// A private network's view of relays 1 to `count`.
pub fn view_of(count: u32) -> View {
    let mut view = View::new(private());
    for number in 1..=count {
        view.accept(NOW, &packed(number)).unwrap();
    }
    view
}

fn contents(view: &View) -> Vec<(RelayId, RecordHash)> {
    view.range(RelayId([0; 32]), RelayId([255; 32])).collect()
}

#[test]
fn a_descriptor_is_new_once_then_known_and_replaced_by_a_newer_one_only() {
    let mut view = View::new(private());
    assert_eq!(view.accept(NOW, &packed(1)), Ok(Learned::New(id(1))));
    assert_eq!(view.accept(NOW, &packed(1)), Ok(Learned::Known(id(1))));
    assert_eq!(view.accept(NOW, &with_sequence(1, 3, 0)), Ok(Learned::Newer(id(1))));
    assert_eq!(view.accept(NOW, &with_sequence(1, 2, 0)), Err(Refusal::Older));
    assert_eq!(view.accept(NOW, &packed(1)), Err(Refusal::Older));
    assert_eq!(view.len(), 1);
    assert_eq!(view.by_link_key(&descriptor(1).link_key), Some(id(1)));
    assert_eq!(view.by_link_key(&[0; 32]), None);
}

#[test]
fn descriptors_that_are_forged_foreign_or_outside_their_dates_are_refused() {
    let mut view = View::new(private());
    let mut forged = packed(1);
    forged[100] ^= 1;
    assert_eq!(view.accept(NOW, &forged), Err(Refusal::Descriptor(DescriptorError::Signature)));
    let altered = |alter: &dyn Fn(&mut Descriptor)| {
        let mut descriptor = descriptor(1);
        alter(&mut descriptor);
        descriptor.sign(&identity(1))
    };
    let foreign = altered(&|descriptor| descriptor.network_id = [8; 32]);
    assert_eq!(view.accept(NOW, &foreign), Err(Refusal::OtherNetwork));
    let old = altered(&|descriptor| descriptor.published = Timestamp(NOW.0 - 72 * 3_600_000));
    assert_eq!(view.accept(NOW, &old), Err(Refusal::Dates));
    let early = altered(&|descriptor| descriptor.published = Timestamp(NOW.0 + 2 * 3_600_000));
    assert_eq!(view.accept(NOW, &early), Err(Refusal::Dates));
    let nowhere = altered(&|descriptor| descriptor.addresses[0].socket = "0.0.0.0:5".parse().unwrap());
    assert_eq!(view.accept(NOW, &nowhere), Err(Refusal::Address));
    assert!(view.is_empty());
    assert_eq!(view.accept(NOW, &[]), Err(Refusal::Descriptor(DescriptorError::Malformed)));
}

#[test]
fn expired_descriptors_leave_and_a_clock_set_back_loses_nothing() {
    let mut view = view_of(3);
    assert!(!view.expire(Timestamp(NOW.0 - 10 * 86_400_000)));
    assert_eq!(view.len(), 3);
    assert!(view.expire(Timestamp(NOW.0 + 72 * 3_600_000)));
    assert!(view.is_empty());
}

#[test]
fn a_relay_that_signs_two_of_one_sequence_is_caught_and_not_used() {
    let (left, right) = (with_sequence(1, 5, 0), with_sequence(1, 5, 1));
    let mut first = View::new(private());
    first.accept(NOW, &left).unwrap();
    assert!(first.is_usable(NOW, id(1)));
    assert_eq!(first.accept(NOW, &right), Ok(Learned::Equivocation(id(1))));
    assert!(!first.is_usable(NOW, id(1)));
    assert_eq!(first.hop(NOW, id(1)), None);
    // Nothing that it says later clears it while the proof is valid.
    assert_eq!(first.accept(NOW, &with_sequence(1, 9, 0)), Err(Refusal::Older));
    // The other way round, and as a proof, all views end alike.
    let mut second = View::new(private());
    second.accept(NOW, &right).unwrap();
    second.accept(NOW, &left).unwrap();
    let mut third = View::new(private());
    third.accept(NOW, &with_sequence(1, 9, 0)).unwrap();
    assert_eq!(third.accept_proof(NOW, [&right, &left]), Ok(Learned::Equivocation(id(1))));
    assert_eq!(contents(&first), contents(&second));
    assert_eq!(contents(&first), contents(&third));
}

#[test]
fn what_is_no_proof_of_equivocation_is_refused() {
    let mut view = View::new(private());
    let five = with_sequence(1, 5, 0);
    for other in [five.clone(), with_sequence(1, 6, 0), with_sequence(2, 5, 0)] {
        assert_eq!(view.accept_proof(NOW, [&five, &other]), Err(Refusal::NoProof));
    }
    assert!(view.is_empty());
}

fn public_packed(number: u32, ip: [u8; 4]) -> Vec<u8> {
    let mut descriptor = descriptor(number);
    descriptor.network_id = [0; 32];
    descriptor.addresses[0].socket = (std::net::Ipv4Addr::from(ip), 4_001).into();
    descriptor.sign(&identity(number))
}

#[test]
fn the_public_network_refuses_private_addresses_crowds_and_floods() {
    let mut view = View::new(NetworkRules::public_without_work());
    assert_eq!(view.accept(NOW, &public_packed(1, [127, 0, 0, 1])), Err(Refusal::Address));
    let mut accept = |number, ip| view.accept(NOW, &public_packed(number, ip)).map(|_| ());
    assert_eq!(accept(1, [80, 1, 1, 1]), Ok(()));
    assert_eq!(accept(2, [80, 1, 1, 2]), Ok(()));
    assert_eq!(accept(3, [80, 1, 1, 3]), Err(Refusal::Crowded));
    assert_eq!(accept(4, [80, 1, 2, 1]), Ok(()));
    assert_eq!(accept(5, [80, 1, 3, 1]), Ok(()));
    assert_eq!(accept(6, [80, 1, 4, 1]), Err(Refusal::Crowded));
    for number in 0..508_u32 {
        let [_, _, b, c] = number.to_be_bytes();
        assert_eq!(accept(100 + number, [81 + b, c, 1, 1]), Ok(()));
    }
    assert_eq!(accept(7, [99, 1, 1, 1]), Err(Refusal::Full));
}

#[test]
fn the_public_network_asks_for_a_proof_of_work() {
    let mut view = View::new(NetworkRules::new([0; 32]));
    assert_eq!(view.accept(NOW, &public_packed(1, [80, 1, 1, 1])), Err(Refusal::Work));
}

#[test]
fn a_public_relay_is_used_once_it_is_known_three_days_and_two_sources_list_it() {
    let mut view = View::new(NetworkRules::public_without_work());
    view.restore(NOW, Timestamp(NOW.0 - PROBATION.as_millis() as u64), &public_packed(1, [80, 1, 1, 1]));
    view.accept(NOW, &public_packed(2, [80, 2, 1, 1])).unwrap();
    let (first, second) = (id(50), id(51));
    view.listed(id(1), first);
    view.listed(id(1), first);
    view.listed(id(1), id(1));
    assert!(!view.is_usable(NOW, id(1)));
    view.listed(id(1), second);
    assert!(view.is_usable(NOW, id(1)));
    view.listed(id(2), first);
    view.listed(id(2), second);
    assert!(!view.is_usable(NOW, id(2)));
}

/// Runs one exchange to its end; answers how many messages the asker sent, and what was news to the relay.
fn run(asker: &mut View, relay: &mut View, push: bool) -> Result<(usize, Vec<RelayId>), Misbehaved> {
    let (mut exchange, mut question) = Exchange::sync(asker, id(99), push);
    let (mut messages, mut told) = (0, Vec::new());
    loop {
        messages += 1;
        assert!(question.len() <= super::message::MESSAGE_MAX_BYTES);
        let (answer, news) = exchange::answer(NOW, relay, &question)?;
        told.extend(news);
        let answer = answer.pack();
        assert!(answer.len() <= super::message::MESSAGE_MAX_BYTES, "{}", answer.len());
        match exchange.answered(NOW, asker, &answer)? {
            Step::Send(next) => question = next,
            Step::Done(_) => return Ok((messages, told)),
        }
    }
}

#[test]
fn views_that_agree_need_one_message_each_way() {
    let (mut left, mut right) = (view_of(60), view_of(60));
    assert_eq!(run(&mut left, &mut right, true), Ok((1, Vec::new())));
}

#[test]
fn a_newcomer_learns_a_whole_network_and_a_client_tells_nothing() {
    let mut relay = view_of(700);
    let mut client = View::new(private());
    client.accept(NOW, &packed(9_999)).unwrap();
    let (messages, told) = run(&mut client, &mut relay, false).unwrap();
    assert!(told.is_empty());
    assert_eq!((client.len(), relay.len()), (701, 700));
    assert!(messages < 25, "{messages}");
    // One difference in a large view is found in a few messages.
    let (messages, told) = run(&mut client, &mut relay, true).unwrap();
    assert_eq!(told, [id(9_999)]);
    assert!(messages <= 4, "{messages}");
    assert_eq!(contents(&client), contents(&relay));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_two_views_become_the_same(
        rows in prop::collection::vec((0_u8..5, 0_u8..5), 1..150)
    ) {
        let give = |view: &mut View, number: u32, state: u8| {
            match state {
                0 => {}
                1 => drop(view.accept(NOW, &with_sequence(number, 1, 0))),
                2 => drop(view.accept(NOW, &with_sequence(number, 2, 0))),
                3 => drop(view.accept_proof(NOW, [&with_sequence(number, 2, 0), &with_sequence(number, 2, 1)])),
                _ => drop(view.accept_proof(NOW, [&with_sequence(number, 3, 0), &with_sequence(number, 3, 1)])),
            }
        };
        let (mut left, mut right) = (View::new(private()), View::new(private()));
        for (number, (mine, theirs)) in (0..).zip(&rows) {
            give(&mut left, number, *mine);
            give(&mut right, number, *theirs);
        }
        run(&mut left, &mut right, true).unwrap();
        prop_assert_eq!(contents(&left), contents(&right));
    }

    #[test]
    fn no_bytes_make_the_directory_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0_u8..140) {
        let mut view = view_of(3);
        let shaped = [&[1, kind][..], &bytes].concat();
        let _ = exchange::answer(NOW, &mut view, &shaped);
        let _ = exchange::answer(NOW, &mut view, &bytes);
        let (mut exchange, _) = Exchange::sync(&view, id(99), true);
        let _ = exchange.answered(NOW, &mut view, &shaped);
        if let Ok(answer) = Answer::parse(&shaped) {
            prop_assert_eq!(answer.pack(), shaped);
        } else if let Ok(question) = Question::parse(&shaped) {
            prop_assert_eq!(question.pack(), shaped);
        }
        let _ = view.accept(NOW, &bytes);
    }
}

fn answered(view: &mut View, answer: &Answer) -> Result<Step, Misbehaved> {
    let (mut exchange, _) = Exchange::sync(view, id(99), true);
    exchange.answered(NOW, view, &answer.pack())
}

#[test]
fn a_relay_that_answers_beside_the_question_is_to_blame() {
    let mut view = view_of(3);
    let range = |first: u8, last: u8| Range {
        first: RelayId([first; 32]),
        last: RelayId([last; 32]),
        count: 1,
        fingerprint: [0; 16],
    };
    let wrong = [
        Answer::Taken(0),
        Answer::Records(vec![Record::Descriptor(packed(1))]),
        Answer::Reconciled(Vec::new()),
        Answer::Reconciled(vec![Compared::Same, Compared::Same]),
        Answer::Reconciled(vec![Compared::Split(Vec::new())]),
        // A split that gets nowhere, one with a hole, and one that does not reach the end.
        Answer::Reconciled(vec![Compared::Split(vec![range(0, 255)])]),
        Answer::Reconciled(vec![Compared::Split(vec![range(0, 5), range(7, 255)])]),
        Answer::Reconciled(vec![Compared::Split(vec![range(0, 5), range(6, 250)])]),
    ];
    for answer in wrong {
        assert_eq!(answered(&mut view, &answer), Err(Misbehaved::NotAsked), "{answer:?}");
    }
    let mut other_version = Answer::Taken(0).pack();
    other_version[0] = 2;
    let (mut exchange, _) = Exchange::sync(&view, id(99), true);
    assert_eq!(exchange.answered(NOW, &mut view, &other_version), Err(Misbehaved::Version));
}

#[test]
fn descriptors_that_were_not_asked_for_or_are_forged_cost_the_relay_the_circuit() {
    let fetch = |records: Vec<Record>| {
        let mut view = view_of(1);
        let (mut exchange, _) = Exchange::sync(&view, id(99), false);
        let listed = Answer::Reconciled(vec![Compared::Listed(vec![(id(2), [1; 16])])]);
        assert!(matches!(exchange.answered(NOW, &mut view, &listed.pack()), Ok(Step::Send(_))));
        let result = exchange.answered(NOW, &mut view, &Answer::Records(records).pack());
        (result, view.len())
    };
    assert_eq!(fetch(vec![Record::Descriptor(packed(2))]), (Ok(Step::Done(vec![id(2)])), 2));
    let mut forged = packed(2);
    forged[80] ^= 1;
    assert_eq!(fetch(vec![Record::Descriptor(forged)]), (Err(Misbehaved::Forged), 1));
    assert_eq!(fetch(vec![Record::Descriptor(packed(3))]).0, Err(Misbehaved::NotAsked));
    assert_eq!(
        fetch(vec![Record::Descriptor(packed(2)), Record::Descriptor(packed(2))]).0,
        Err(Misbehaved::NotAsked)
    );
    // Sending nothing is no crime: it may have expired meanwhile.
    assert_eq!(fetch(Vec::new()), (Ok(Step::Done(Vec::new())), 1));
}

#[test]
fn a_relay_that_splits_for_ever_is_given_up() {
    let mut view = view_of(2);
    let (mut exchange, mut question) = Exchange::sync(&view, id(99), false);
    for _ in 0..2_000 {
        let Ok(Question::Reconcile(ranges)) = Question::parse(&question) else { panic!() };
        let halves = ranges.iter().map(|range| {
            // Each range's first id, and the rest.
            let mut rest = range.first;
            for byte in rest.0.iter_mut().rev() {
                let (more, carried) = byte.overflowing_add(1);
                *byte = more;
                if !carried {
                    break;
                }
            }
            let part = |first, last| Range { first, last, count: 9, fingerprint: [9; 16] };
            Compared::Split(vec![part(range.first, range.first), part(rest, range.last)])
        });
        match exchange.answered(NOW, &mut view, &Answer::Reconciled(halves.collect()).pack()) {
            Ok(Step::Send(next)) => question = next,
            other => {
                assert!(
                    matches!(other, Err(Misbehaved::Endless | Misbehaved::NotAsked | Misbehaved::Malformed)),
                    "{other:?}"
                );
                return;
            }
        }
    }
    panic!("never given up");
}

/// A network in one process: relays and clients with their schedules; a job's exchange takes no time.
struct Net {
    nodes: Vec<Node>,
    bootstraps: Vec<usize>,
    now: Timestamp,
    rng: ChaCha20Rng,
    by_id: BTreeMap<RelayId, usize>,
    /// Nodes that cannot be reached.
    dead: Vec<usize>,
}

struct Node {
    view: View,
    schedule: Schedule,
    own: Option<OwnRelay>,
    asked: Vec<(Timestamp, Contact)>,
}

impl Net {
    fn new(relays: usize, clients: usize, bootstraps: Vec<usize>) -> Self {
        let mut rng = ChaCha20Rng::from_seed([6; 32]);
        let (mut nodes, mut by_id) = (Vec::new(), BTreeMap::new());
        for number in 0..relays + clients {
            let own = (number < relays).then(|| OwnRelay::new(private(), RelayKeys::generate(NOW, &mut rng)));
            let relay = own.as_ref().map(OwnRelay::relay);
            let mut schedule = Schedule::new(private(), relay);
            schedule.set_bootstraps(u16::try_from(bootstraps.len()).unwrap());
            relay.map(|relay| by_id.insert(relay, number));
            nodes.push(Node { view: View::new(private()), schedule, own, asked: Vec::new() });
        }
        let mut net = Self { nodes, bootstraps, now: NOW, rng, by_id, dead: Vec::new() };
        (0..relays).for_each(|number| net.appear(number, 4_001));
        net
    }

    fn appear(&mut self, number: usize, port: u16) {
        let Node { view, schedule, own, .. } = &mut self.nodes[number];
        let own = own.as_mut().unwrap();
        let socket = (std::net::Ipv4Addr::new(127, 0, 0, number as u8 + 1), port).into();
        let addresses = vec![Address { transport: Transport::Quic, socket }];
        own.appear(Appearance {
            link_key: [number as u8 + 1; 32],
            addresses,
            operator_tag: [0; 16],
            mailboxes: true,
        });
        own.tick(self.now, &mut self.rng);
        view.accept(self.now, own.descriptor().unwrap()).unwrap();
        schedule.announce(self.now, &mut self.rng, view, &[own.relay()]);
    }

    fn step(&mut self, millis: u64) {
        self.now = Timestamp(self.now.0 + millis);
        for at in 0..self.nodes.len() {
            let node = &mut self.nodes[at];
            let enough = node.view.len() >= 3;
            let guard = node.view.entries().next().map(|(relay, _)| relay);
            for order in node.schedule.due(self.now, &mut self.rng, &node.view, Paths { guard, enough }) {
                self.nodes[at].asked.extend(match order {
                    Order::Start(job) => Some((self.now, job.contact)),
                    Order::Cancel(_) => None,
                });
                if let Order::Start(job) = order {
                    self.job(at, job);
                }
            }
        }
    }

    fn job(&mut self, from: usize, job: super::Job) {
        let to = match job.contact {
            Contact::Bootstrap(index) => self.bootstraps[usize::from(index)],
            Contact::Direct(relay) | Contact::Through(relay) => self.by_id[&relay],
            Contact::Hint(_) => return,
        };
        if self.dead.contains(&to) {
            return self.nodes[from].schedule.failed(self.now, job.id);
        }
        let source = self.nodes[to].own.as_ref().unwrap().relay();
        let asker = &mut self.nodes[from];
        let Some(mut question) = asker.schedule.opened(&asker.view, job.id, source) else { return };
        loop {
            let relay = &mut self.nodes[to];
            let (answer, news) = exchange::answer(self.now, &mut relay.view, &question).unwrap();
            relay.schedule.announce(self.now, &mut self.rng, &relay.view, &news);
            let asker = &mut self.nodes[from];
            match asker.schedule.message(self.now, &mut asker.view, job.id, &answer.pack()) {
                JobStep::Send(next) => question = next,
                JobStep::Done(_) => return,
                JobStep::Blame(misbehaved) => panic!("{misbehaved}"),
            }
        }
    }

    fn agree(&self) -> bool {
        self.nodes.iter().all(|node| contents(&node.view) == contents(&self.nodes[0].view))
    }
}

#[test]
fn fifty_relays_with_one_bootstrap_know_each_other_within_seconds() {
    let mut net = Net::new(50, 2, vec![0]);
    let mut steps = 0;
    while !(net.agree() && net.nodes[0].view.len() == 50) {
        net.step(100);
        steps += 1;
        assert!(steps < 200, "{:?}", net.nodes.iter().map(|node| node.view.len()).collect::<Vec<_>>());
    }
    // A relay that moved is known everywhere soon, whoever asks whom.
    net.appear(33, 5_000);
    let moved = net.nodes[33].own.as_ref().unwrap().relay();
    let relays_know = |net: &Net| {
        net.nodes[..50]
            .iter()
            .all(|node| node.view.entry(moved).unwrap().descriptor().addresses[0].socket.port() == 5_000)
    };
    let mut steps = 0;
    while !relays_know(&net) {
        net.step(100);
        steps += 1;
        assert!(steps < 150);
    }
}

#[test]
fn a_client_with_too_few_relays_asks_again_after_growing_pauses() {
    let mut net = Net::new(1, 1, vec![0]);
    net.dead.push(0);
    for _ in 0..4_000 {
        net.step(100);
    }
    let asked: Vec<u64> = net.nodes[1].asked.iter().map(|(at, _)| (at.0 - NOW.0) / 1_000).collect();
    let pauses: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..7], [1, 2, 4, 8, 16, 32, 60]);
    assert_eq!(net.nodes[1].schedule.search(), Search::InVain);
    net.dead.clear();
    net.nodes[1].schedule.hurry();
    net.step(100);
    assert_eq!(net.nodes[1].schedule.search(), Search::Answered);
    assert_eq!(net.nodes[1].view.len(), 1);
}

#[test]
fn a_client_with_too_few_relays_whose_clock_is_set_back_by_hours_asks_at_once() {
    let mut net = Net::new(1, 1, vec![0]);
    net.dead.push(0);
    for _ in 0..4_000 {
        net.step(100);
    }
    net.nodes[1].asked.clear();
    net.now = Timestamp(net.now.0 - 6 * 3_600_000);
    net.step(100);
    assert_eq!(net.nodes[1].asked, [(net.now, Contact::Bootstrap(0))]);
}

#[test]
fn a_client_that_knows_enough_asks_its_guard_alone_and_rarely() {
    let mut net = Net::new(5, 1, vec![0, 1]);
    for _ in 0..300 {
        net.step(100);
    }
    net.nodes[5].asked.clear();
    for _ in 0..36_000 {
        net.step(100);
    }
    let asked = &net.nodes[5].asked;
    assert!((15..=30).contains(&asked.len()), "{}", asked.len());
    assert!(asked.iter().all(|(_, contact)| matches!(contact, Contact::Direct(_))));
}

#[test]
fn a_bootstrap_that_was_away_is_told_of_a_relay_when_it_is_back() {
    let mut net = Net::new(2, 0, vec![0]);
    net.dead.push(0);
    for _ in 0..50 {
        net.step(100);
    }
    assert_eq!(net.nodes[0].view.len(), 1);
    net.dead.clear();
    for _ in 0..80 {
        net.step(100);
    }
    assert_eq!(net.nodes[0].view.len(), 2);
}
