//! Whom to ask for the directory or tell of news, and when. It opens nothing itself: [`Schedule::due`] gives orders, and what came of
//! them is told back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::relay::Hint;
use rand_core::CryptoRng;

use super::exchange::{Exchange, Step};
use super::message::Misbehaved;
use super::rules::NetworkRules;
use super::view::View;
use crate::id::RelayId;
use crate::path::draw;

/// How often a relay of a private network compares its view with another's
/// (docs/protocol/directory.md, "Who asks whom, and when").
const RELAY_SYNC_PRIVATE: Duration = Duration::from_secs(5);
/// How often one of the public network does.
const RELAY_SYNC_PUBLIC: Duration = Duration::from_secs(600);
/// Between which a client of the public network draws when to ask again
/// (docs/protocol/directory.md, "Who asks whom, and when").
const CLIENT_SYNC_PUBLIC: (Duration, Duration) =
    (Duration::from_secs(6 * 3_600), Duration::from_secs(12 * 3_600));
/// The same in a private network: an exchange of equal views costs 12 cells, so that an idle hour stays below 200 kB.
const CLIENT_SYNC_PRIVATE: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(240));
/// Longest back-off while too few relays are known: 1, 2, 4 … 60 s
/// (docs/protocol/directory.md, "Who asks whom, and when").
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A job that took this long is given up.
const JOB_PATIENCE: Duration = Duration::from_secs(30);
/// Contacts asked at once by somebody who knows too few relays: one that is dead must not cost its time-out.
const ASKED_AT_ONCE: usize = 3;
/// Other relays that news are pushed on to, beside the bootstraps: each pushes on in turn what was news to it.
const FANOUT: usize = 3;
/// Sources of a client of the public network: its guard, directly, and two more through circuits
/// (docs/protocol/directory.md, "Who asks whom, and when").
const PUBLIC_SOURCES: usize = 3;
/// Jobs at a time. Beyond that they wait.
const JOBS_MAX: usize = 8;
/// Invite hints kept as contact points; the oldest goes first.
const HINTS_MAX: usize = 24;

/// One thing to do, until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Whom to reach, and how. A bootstrap or hint tells who it is when it is asked (DESCRIBE); all are then spoken to over a circuit
/// that ends at them, on its directory service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The bootstrap of that index, over a circuit of one hop.
    Bootstrap(u16),
    /// A contact point out of an invite, over a circuit of one hop.
    Hint(Hint),
    /// A known relay, over a circuit of one hop.
    Direct(RelayId),
    /// A known relay, at the end of a path.
    Through(RelayId),
}

/// An order: open a circuit to the contact, then call [`Schedule::opened`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Names it in all that follows.
    pub id: JobId,
    /// Whom to reach.
    pub contact: Contact,
}

/// What [`Schedule::due`] wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Begin this.
    Start(Job),
    /// This took too long: close its circuit. It counts as failed already.
    Cancel(JobId),
}

/// How paths stand.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    /// The client's own guard.
    pub guard: Option<RelayId>,
    /// There are the relays that they need.
    pub enough: bool,
}

/// How the search for relays goes, for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Nobody has been asked yet, or an answer is awaited for the first time.
    Asking,
    /// Somebody answered, the last time that somebody was asked.
    Answered,
    /// All that were asked the last time did not answer.
    InVain,
    /// There is nobody to ask.
    NoContacts,
}

#[derive(Clone, Debug)]
enum Purpose {
    Sync,
    Announce(Vec<RelayId>),
}

#[derive(Debug)]
struct Running {
    contact: Contact,
    purpose: Purpose,
    exchange: Option<Exchange>,
    started: Timestamp,
}

/// When whom to ask or tell.
#[derive(Debug)]
pub struct Schedule {
    rules: NetworkRules,
    /// This process's own relay; `None` at a client.
    own: Option<RelayId>,
    bootstraps: u16,
    hints: Vec<Hint>,
    jobs: BTreeMap<JobId, Running>,
    last_job: u64,
    next_sync: Timestamp,
    /// Attempts in a row without enough relays.
    tries: u32,
    search: Search,
    /// News to tell, and when next.
    to_tell: BTreeMap<Told, Telling>,
    rotation: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Bootstrap(u16),
    Relay(RelayId),
}

#[derive(Clone, Debug)]
struct Telling {
    relays: BTreeSet<RelayId>,
    at: Timestamp,
    tries: u32,
}

/// What came of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum JobStep {
    /// Send this on the job's stream.
    Send(Vec<u8>),
    /// The job is over: close its circuit. These relays were news.
    Done(Vec<RelayId>),
    /// The relay is to blame: destroy the circuit. The job is over.
    Blame(Misbehaved),
}

fn backoff(tries: u32) -> Duration {
    Duration::from_secs(1_u64 << tries.saturating_sub(1).min(6)).min(BACKOFF_MAX)
}

impl Schedule {
    /// A schedule; `own` is this process's relay, `None` for a client.
    #[must_use]
    pub const fn new(rules: NetworkRules, own: Option<RelayId>) -> Self {
        Self {
            rules,
            own,
            bootstraps: 0,
            hints: Vec::new(),
            jobs: BTreeMap::new(),
            last_job: 0,
            next_sync: Timestamp(0),
            tries: 0,
            search: Search::Asking,
            to_tell: BTreeMap::new(),
            rotation: 0,
        }
    }

    /// How many bootstraps netd was granted.
    pub fn set_bootstraps(&mut self, count: u16) {
        self.bootstraps = count;
    }

    /// Contact points out of an invite. Asked at once if relays are lacking.
    pub fn add_hints(&mut self, hints: &[Hint]) {
        for hint in hints {
            if !self.hints.contains(hint) {
                self.hints.push(*hint);
                self.tries = 0;
                self.next_sync = Timestamp(0);
            }
        }
        let over = self.hints.len().saturating_sub(HINTS_MAX);
        self.hints.drain(..over);
    }

    /// How many can be asked without knowing any relay.
    #[must_use]
    pub fn contact_points(&self) -> usize {
        usize::from(self.bootstraps) + self.hints.len()
    }

    /// The contact points kept of invites.
    #[must_use]
    pub fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// Ask again now: paths fail, a link came back.
    pub fn hurry(&mut self) {
        self.tries = 0;
        self.next_sync = Timestamp(0);
    }

    /// The pauses of a search for relays begin anew; whoever knows enough of them keeps to its time.
    pub fn begin_anew(&mut self) {
        self.tries = 0;
    }

    /// How the search goes.
    #[must_use]
    pub const fn search(&self) -> Search {
        self.search
    }

    /// Tells others of these relays: the own descriptor at once to the bootstraps, and what a stranger announced to some others.
    pub fn announce(&mut self, now: Timestamp, rng: &mut impl CryptoRng, view: &View, relays: &[RelayId]) {
        let Some(own) = self.own else { return };
        let mut to: Vec<Told> = Vec::new();
        if relays.contains(&own) {
            to.extend((0..self.bootstraps).map(Told::Bootstrap));
        }
        let mut others: Vec<RelayId> = view.entries().map(|(relay, _)| relay).collect();
        others.retain(|relay| *relay != own && !relays.contains(relay));
        to.extend(draw::several(rng, &others, FANOUT).into_iter().map(Told::Relay));
        for told in to {
            let telling =
                self.to_tell.entry(told).or_insert(Telling { relays: BTreeSet::new(), at: now, tries: 0 });
            telling.relays.extend(relays);
        }
    }

    /// What to begin or give up at `now`.
    pub fn due(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        view: &View,
        Paths { guard, enough }: Paths,
    ) -> Vec<Order> {
        let mut orders = self.overdue(now);
        self.tell(now, &mut orders);
        let syncing = self.jobs.values().any(|job| matches!(job.purpose, Purpose::Sync));
        if !enough && self.tries == 0 && !syncing {
            self.next_sync = self.next_sync.min(now);
        }
        let seldom = enough || self.own.is_some();
        let longest = if seldom { CLIENT_SYNC_PUBLIC.1 } else { BACKOFF_MAX };
        if !syncing && self.next_sync.is_due(now, longest) {
            let contacts = self.contacts(rng, view, guard, enough);
            if contacts.is_empty() && view.is_empty() {
                self.search = Search::NoContacts;
            }
            for contact in contacts {
                self.start(now, contact, Purpose::Sync, &mut orders);
            }
            self.tries = if enough { 0 } else { self.tries.saturating_add(1) };
            self.next_sync = now.after(self.pause(rng, enough));
        }
        orders
    }

    /// When [`Schedule::due`] has something next, at the latest.
    #[must_use]
    pub fn next_at(&self) -> Timestamp {
        let telling = self.to_tell.values().map(|telling| telling.at);
        let patience = self.jobs.values().map(|job| job.started.after(JOB_PATIENCE));
        telling.chain(patience).fold(self.next_sync, Ord::min)
    }

    /// The job's circuit stands, and ends at `source`. Answers the first message; `None`: there is nothing to say, close it.
    pub fn opened(&mut self, view: &View, job: JobId, source: RelayId) -> Option<Vec<u8>> {
        let push = self.own.is_some();
        let begun = match self.jobs.get(&job)?.purpose {
            // Own relay at the other end: it stands among its own bootstraps.
            _ if self.own == Some(source) => None,
            Purpose::Sync => Some(Exchange::sync(view, source, push)),
            Purpose::Announce(ref relays) => Exchange::announce(view, source, relays),
        };
        let Some((exchange, message)) = begun else {
            self.jobs.remove(&job);
            return None;
        };
        self.jobs.get_mut(&job)?.exchange = Some(exchange);
        Some(message)
    }

    /// The relay's answer came. A job that is not known any more is done.
    pub fn message(&mut self, now: Timestamp, view: &mut View, job: JobId, untrusted: &[u8]) -> JobStep {
        let Some(exchange) = self.jobs.get_mut(&job).and_then(|running| running.exchange.as_mut()) else {
            return JobStep::Done(Vec::new());
        };
        match exchange.answered(now, view, untrusted) {
            Ok(Step::Send(message)) => JobStep::Send(message),
            Ok(Step::Done(news)) => {
                if let Some(running) = self.jobs.remove(&job)
                    && matches!(running.purpose, Purpose::Sync)
                {
                    self.search = Search::Answered;
                }
                JobStep::Done(news)
            }
            Err(misbehaved) => {
                self.failed(now, job);
                JobStep::Blame(misbehaved)
            }
        }
    }

    /// The circuit could not be had, or was lost before the job was over.
    pub fn failed(&mut self, now: Timestamp, job: JobId) {
        let Some(running) = self.jobs.remove(&job) else { return };
        match (running.purpose, running.contact) {
            (Purpose::Announce(relays), Contact::Bootstrap(index)) => {
                // A bootstrap is told until it knows; other relays will hear by themselves.
                let telling = self.to_tell.entry(Told::Bootstrap(index)).or_insert(Telling {
                    relays: BTreeSet::new(),
                    at: now,
                    tries: 0,
                });
                telling.relays.extend(relays);
                telling.tries = telling.tries.saturating_add(1);
                telling.at = now.after(backoff(telling.tries));
            }
            (Purpose::Sync, _) => {
                let others = self.jobs.values().any(|job| matches!(job.purpose, Purpose::Sync));
                if !others && self.search != Search::Answered {
                    self.search = Search::InVain;
                }
            }
            _ => {}
        }
    }

    fn overdue(&mut self, now: Timestamp) -> Vec<Order> {
        let late = |job: &Running| !job.started.is_recent(now, JOB_PATIENCE);
        let all: Vec<JobId> = self.jobs.iter().filter(|(_, job)| late(job)).map(|(id, _)| *id).collect();
        all.iter().for_each(|job| self.failed(now, *job));
        all.into_iter().map(Order::Cancel).collect()
    }

    fn tell(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        let is_due = |telling: &Telling| telling.at.is_due(now, BACKOFF_MAX);
        let ripe: Vec<Told> =
            self.to_tell.iter().filter(|(_, telling)| is_due(telling)).map(|(to, _)| *to).collect();
        for told in ripe {
            let contact = match told {
                Told::Bootstrap(index) => Contact::Bootstrap(index),
                Told::Relay(relay) => Contact::Direct(relay),
            };
            let busy = self.jobs.len() >= JOBS_MAX || self.jobs.values().any(|job| job.contact == contact);
            if busy {
                continue;
            }
            if let Some(telling) = self.to_tell.remove(&told) {
                self.start(now, contact, Purpose::Announce(telling.relays.into_iter().collect()), orders);
            }
        }
    }

    fn start(&mut self, now: Timestamp, contact: Contact, purpose: Purpose, orders: &mut Vec<Order>) {
        self.last_job = self.last_job.saturating_add(1);
        let id = JobId(self.last_job);
        self.jobs.insert(id, Running { contact, purpose, exchange: None, started: now });
        orders.push(Order::Start(Job { id, contact }));
    }

    fn pause(&self, rng: &mut impl CryptoRng, enough: bool) -> Duration {
        match (self.own.is_some(), self.rules.is_private(), enough) {
            (true, true, _) => draw::between(rng, RELAY_SYNC_PRIVATE * 4 / 5, RELAY_SYNC_PRIVATE * 6 / 5),
            (true, false, _) => draw::between(rng, RELAY_SYNC_PUBLIC * 4 / 5, RELAY_SYNC_PUBLIC * 6 / 5),
            (false, _, false) => backoff(self.tries),
            (false, true, true) => draw::between(rng, CLIENT_SYNC_PRIVATE.0, CLIENT_SYNC_PRIVATE.1),
            (false, false, true) => draw::between(rng, CLIENT_SYNC_PUBLIC.0, CLIENT_SYNC_PUBLIC.1),
        }
    }

    fn contacts(
        &mut self,
        rng: &mut impl CryptoRng,
        view: &View,
        guard: Option<RelayId>,
        enough: bool,
    ) -> Vec<Contact> {
        let mut known: Vec<RelayId> = view.entries().map(|(relay, _)| relay).collect();
        known.retain(|relay| Some(*relay) != self.own);
        if self.own.is_some() {
            return self.relay_contacts(rng, &known);
        }
        match (enough, guard) {
            (true, Some(guard)) if self.rules.is_private() => vec![Contact::Direct(guard)],
            (true, Some(guard)) => {
                known.retain(|relay| *relay != guard);
                let others = draw::several(rng, &known, PUBLIC_SOURCES - 1);
                let through = others.into_iter().map(Contact::Through);
                std::iter::once(Contact::Direct(guard)).chain(through).collect()
            }
            _ => self.searching_contacts(),
        }
    }

    fn relay_contacts(&mut self, rng: &mut impl CryptoRng, known: &[RelayId]) -> Vec<Contact> {
        // Now and then a bootstrap although others are known, so that halves of a network that lost each other find together.
        let strangers = known.is_empty() || draw::below(rng, 8) == 0;
        if strangers && self.bootstraps > 0 {
            let index = draw::below(rng, usize::from(self.bootstraps));
            return vec![Contact::Bootstrap(u16::try_from(index).unwrap_or(0))];
        }
        draw::several(rng, known, 1).into_iter().map(Contact::Direct).collect()
    }

    /// Bootstraps and hints in turn. Not the relays known already: who is asked directly sees this client's address, and only
    /// guards, bootstraps and hints may.
    fn searching_contacts(&mut self) -> Vec<Contact> {
        let all: Vec<Contact> = (0..self.bootstraps)
            .map(Contact::Bootstrap)
            .chain(self.hints.iter().map(|hint| Contact::Hint(*hint)))
            .collect();
        let some: Vec<Contact> = all
            .iter()
            .cycle()
            .skip(self.rotation % all.len().max(1))
            .take(ASKED_AT_ONCE.min(all.len()))
            .copied()
            .collect();
        self.rotation = self.rotation.wrapping_add(some.len());
        some
    }
}
