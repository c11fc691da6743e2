//! How two views become one: range-based set reconciliation over the messages of the directory service.
//!
//! The asker sends the fingerprint of a range of ids. The relay says "same", lists a small range, or splits a large one into parts with
//! their fingerprints, and the asker goes on with the parts that differ. What differs is fetched and, between relays, announced. The
//! relay keeps nothing between messages. Two views that agree cost one message each way.

use std::collections::{BTreeMap, VecDeque};

use ipc_schema::Timestamp;
use ipc_schema::relay::DescriptorError;
use sha2::{Digest, Sha256};

use super::message::{
    Answer, Compared, FETCH_MAX, LISTED_MAX, Misbehaved, PARTS_MAX, Question, RANGES_MAX, Range, Record,
};
use super::view::{Learned, RecordHash, Refusal, View};
use crate::id::RelayId;

/// Messages of one exchange after which it is given up: a full view of 4,608 relays takes fewer than 200.
const ROUNDS_MAX: u32 = 400;
/// Ranges that wait to be asked about; an honest relay's splits of a full view stay below.
const OPEN_RANGES_MAX: usize = 1_024;
/// Relays that one exchange may find wanting.
const WANTED_MAX: usize = super::view::RELAYS_MAX + super::view::PROBATION_MAX;

const LOWEST: RelayId = RelayId([0; 32]);
const HIGHEST: RelayId = RelayId([0xff; 32]);

fn summary(view: &View, first: RelayId, last: RelayId) -> Range {
    let mut hash = Sha256::new();
    let mut count = 0_u16;
    for (relay, record) in view.range(first, last) {
        hash.update(relay.0);
        hash.update(record);
        count = count.saturating_add(1);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut fingerprint = [0; 16];
    for (to, from) in fingerprint.iter_mut().zip(digest) {
        *to = from;
    }
    Range { first, last, count, fingerprint }
}

fn compare(view: &View, asked: &Range) -> Compared {
    let own = summary(view, asked.first, asked.last);
    if own == *asked {
        return Compared::Same;
    }
    let relays: Vec<_> = view.range(asked.first, asked.last).collect();
    if relays.len() <= LISTED_MAX {
        return Compared::Listed(relays);
    }
    let size = relays.len().div_ceil(PARTS_MAX);
    let starts: Vec<RelayId> =
        relays.chunks(size).filter_map(|part| part.first()).map(|(relay, _)| *relay).collect();
    let mut parts = Vec::with_capacity(starts.len());
    let mut first = asked.first;
    for next in starts.iter().skip(1) {
        parts.push(summary(view, first, before(*next)));
        first = *next;
    }
    parts.push(summary(view, first, asked.last));
    Compared::Split(parts)
}

/// The id just below.
fn before(relay: RelayId) -> RelayId {
    let mut bytes = relay.0;
    for byte in bytes.iter_mut().rev() {
        let (lower, borrowed) = byte.overflowing_sub(1);
        *byte = lower;
        if !borrowed {
            break;
        }
    }
    RelayId(bytes)
}

/// Takes what a stranger sent as known of a relay.
fn take(now: Timestamp, view: &mut View, record: &Record) -> Result<Option<Learned>, Misbehaved> {
    let result = match record {
        Record::Descriptor(packed) => view.accept(now, packed),
        Record::Equivocation(left, right) => view.accept_proof(now, [left, right]),
    };
    match result {
        Ok(learned) => Ok(Some(learned)),
        Err(
            Refusal::Descriptor(DescriptorError::Malformed | DescriptorError::Signature)
            | Refusal::OtherNetwork
            | Refusal::Address
            | Refusal::NoProof,
        ) => Err(Misbehaved::Forged),
        Err(_) => Ok(None),
    }
}

/// The relay's side: answers one message. The second value names what was news to this view.
///
/// # Errors
/// [`Misbehaved`]: end the stream.
pub fn answer(
    now: Timestamp,
    view: &mut View,
    untrusted: &[u8],
) -> Result<(Answer, Vec<RelayId>), Misbehaved> {
    match Question::parse(untrusted)? {
        Question::Reconcile(ranges) => {
            Ok((Answer::Reconciled(ranges.iter().map(|range| compare(view, range)).collect()), Vec::new()))
        }
        Question::Fetch(relays) => {
            let known = relays.iter().filter_map(|relay| view.entry(*relay)).map(Record::of);
            Ok((Answer::Records(known.collect()), Vec::new()))
        }
        Question::Announce(records) => {
            let mut news = Vec::new();
            for record in &records {
                news.extend(take(now, view, record)?.filter(|learned| learned.is_news()).map(Learned::relay));
            }
            Ok((Answer::Taken(u16::try_from(news.len()).unwrap_or(u16::MAX)), news))
        }
    }
}

/// What was asked last.
#[derive(Debug)]
enum Asked {
    Ranges(Vec<Range>),
    Records(Vec<(RelayId, RecordHash)>),
    Announced,
}

/// What an exchange does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, and bring the answer.
    Send(Vec<u8>),
    /// It is over; these were news.
    Done(Vec<RelayId>),
}

/// The asker's side of one exchange with one relay.
#[derive(Debug)]
pub struct Exchange {
    source: RelayId,
    push: bool,
    open: VecDeque<(RelayId, RelayId)>,
    wanted: BTreeMap<RelayId, RecordHash>,
    offer: Vec<RelayId>,
    news: Vec<RelayId>,
    asked: Asked,
    rounds: u32,
}

impl Exchange {
    /// Makes this view know what `source` knows and, with `push`, the other way round too. Clients never push: what they know
    /// more than others would say with whom they spoke.
    #[must_use]
    pub fn sync(view: &View, source: RelayId, push: bool) -> (Self, Vec<u8>) {
        let ranges = vec![summary(view, LOWEST, HIGHEST)];
        let question = Question::Reconcile(ranges.clone()).pack();
        (Self::new(source, push, Asked::Ranges(ranges)), question)
    }

    /// Tells `source` of these relays. `None`: none of them is known.
    #[must_use]
    pub fn announce(view: &View, source: RelayId, relays: &[RelayId]) -> Option<(Self, Vec<u8>)> {
        let mut exchange = Self::new(source, true, Asked::Announced);
        exchange.offer = relays.iter().copied().filter(|relay| view.entry(*relay).is_some()).collect();
        match exchange.next(view) {
            Ok(Step::Send(question)) => Some((exchange, question)),
            _ => None,
        }
    }

    fn new(source: RelayId, push: bool, asked: Asked) -> Self {
        let (open, wanted) = (VecDeque::new(), BTreeMap::new());
        Self { source, push, open, wanted, offer: Vec::new(), news: Vec::new(), asked, rounds: 0 }
    }

    /// Whom it is held with.
    #[must_use]
    pub const fn source(&self) -> RelayId {
        self.source
    }

    /// Takes the relay's answer.
    ///
    /// # Errors
    /// [`Misbehaved`]: the relay is to blame; what it sent before stays, for it was signed.
    pub fn answered(
        &mut self,
        now: Timestamp,
        view: &mut View,
        untrusted: &[u8],
    ) -> Result<Step, Misbehaved> {
        let answer = Answer::parse(untrusted)?;
        match (std::mem::replace(&mut self.asked, Asked::Announced), answer) {
            (Asked::Ranges(asked), Answer::Reconciled(compared)) if asked.len() == compared.len() => {
                for (range, compared) in asked.iter().zip(compared) {
                    self.compared(view, range, compared)?;
                }
            }
            (Asked::Records(asked), Answer::Records(records)) if records.len() <= asked.len() => {
                self.fetched(now, view, &asked, &records)?;
            }
            (Asked::Announced, Answer::Taken(_)) => {}
            _ => return Err(Misbehaved::NotAsked),
        }
        self.next(view)
    }

    fn compared(&mut self, view: &mut View, range: &Range, compared: Compared) -> Result<(), Misbehaved> {
        match compared {
            Compared::Same => {
                let all: Vec<_> = view.range(range.first, range.last).map(|(relay, _)| relay).collect();
                all.into_iter().for_each(|relay| view.listed(relay, self.source));
                Ok(())
            }
            Compared::Listed(listed) => self.listed(view, range, listed),
            Compared::Split(parts) => self.split(view, range, &parts),
        }
    }

    fn listed(
        &mut self,
        view: &mut View,
        range: &Range,
        listed: Vec<(RelayId, RecordHash)>,
    ) -> Result<(), Misbehaved> {
        let mut own: BTreeMap<RelayId, RecordHash> = view.range(range.first, range.last).collect();
        for (relay, hash) in listed {
            if relay < range.first || relay > range.last {
                return Err(Misbehaved::NotAsked);
            }
            view.listed(relay, self.source);
            if own.remove(&relay) != Some(hash) {
                self.wanted.insert(relay, hash);
            }
        }
        self.offer.extend(own.into_keys());
        if self.wanted.len() > WANTED_MAX { Err(Misbehaved::Endless) } else { Ok(()) }
    }

    fn split(&mut self, view: &mut View, range: &Range, parts: &[Range]) -> Result<(), Misbehaved> {
        // Two parts at least, from end to end, so that every split gets somewhere.
        let ends = (parts.first().map(|part| part.first), parts.last().map(|part| part.last));
        let joined = parts.windows(2).all(|pair| match pair {
            [left, right] => left.last == before(right.first),
            _ => false,
        });
        if parts.len() < 2 || ends != (Some(range.first), Some(range.last)) || !joined {
            return Err(Misbehaved::NotAsked);
        }
        for part in parts {
            if summary(view, part.first, part.last) == *part {
                self.compared(view, part, Compared::Same)?;
            } else {
                self.open.push_back((part.first, part.last));
            }
        }
        if self.open.len() > OPEN_RANGES_MAX { Err(Misbehaved::Endless) } else { Ok(()) }
    }

    fn fetched(
        &mut self,
        now: Timestamp,
        view: &mut View,
        asked: &[(RelayId, RecordHash)],
        records: &[Record],
    ) -> Result<(), Misbehaved> {
        for record in records {
            if let Some(learned) = take(now, view, record)? {
                let relay = learned.relay();
                if !asked.iter().any(|(wanted, _)| *wanted == relay) {
                    return Err(Misbehaved::NotAsked);
                }
                if learned.is_news() {
                    self.news.push(relay);
                }
                view.listed(relay, self.source);
            }
        }
        // What is still another here than there is newer here.
        for (relay, theirs) in asked {
            if view.range(*relay, *relay).any(|(_, own)| own != *theirs) {
                self.offer.push(*relay);
            }
        }
        Ok(())
    }

    fn next(&mut self, view: &View) -> Result<Step, Misbehaved> {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > ROUNDS_MAX {
            return Err(Misbehaved::Endless);
        }
        if !self.open.is_empty() {
            // Neighbouring parts stay in order, others need sorting: a RECONCILE's ranges rise.
            let mut some: Vec<_> = self.open.drain(..self.open.len().min(RANGES_MAX)).collect();
            some.sort_unstable();
            let ranges: Vec<Range> =
                some.into_iter().map(|(first, last)| summary(view, first, last)).collect();
            let question = Question::Reconcile(ranges.clone()).pack();
            self.asked = Asked::Ranges(ranges);
            return Ok(Step::Send(question));
        }
        if !self.wanted.is_empty() {
            let some: Vec<_> = std::iter::from_fn(|| self.wanted.pop_first()).take(FETCH_MAX).collect();
            let question = Question::Fetch(some.iter().map(|(relay, _)| *relay).collect()).pack();
            self.asked = Asked::Records(some);
            return Ok(Step::Send(question));
        }
        if self.push && !self.offer.is_empty() {
            let some: Vec<_> = self.offer.drain(..self.offer.len().min(FETCH_MAX)).collect();
            let records = some.iter().filter_map(|relay| view.entry(*relay)).map(Record::of).collect();
            self.asked = Asked::Announced;
            return Ok(Step::Send(Question::Announce(records).pack()));
        }
        Ok(Step::Done(std::mem::take(&mut self.news)))
    }
}
