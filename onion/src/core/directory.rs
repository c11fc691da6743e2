//! The directory kept up: each job of its schedule is a circuit to somebody, a stream to the directory service there, and what is said
//! on it. And what others ask of this relay's own.

use std::collections::BTreeMap;

use ipc_schema::clock::ClockOffset;
use ipc_schema::relay::{Descriptor, Hint};

use super::event::{DirectoryEvent, Event, LinksEvent, Target};
use super::turn::Turn;
use crate::directory::schedule::{Contact, Job, JobId, JobStep, Order, Paths, Search};
use crate::directory::{Clocks, Learned, Schedule, exchange};
use crate::event::{CircuitEvent, CircuitFailure, ServiceMessage};
use crate::id::{CircuitHandle, Lane, LinkId, RelayId, Service, StreamId};
use crate::network::Description;

#[derive(Debug)]
struct JobCircuit {
    job: JobId,
    source: RelayId,
    stream: Option<StreamId>,
}

/// The schedule, and where each of its jobs is.
#[derive(Debug)]
pub(super) struct Directory {
    schedule: Schedule,
    /// This process's own relay. One asks others whether or not it knows enough for paths.
    own: Option<RelayId>,
    /// What the time is at those that were asked.
    clocks: Clocks,
    named: BTreeMap<JobId, Contact>,
    describing: BTreeMap<LinkId, Vec<JobId>>,
    circuits: BTreeMap<CircuitHandle, JobCircuit>,
    /// Contacts whose relay is known by now: the next time they are reached like any other relay.
    known: Vec<(Contact, RelayId)>,
}

impl Directory {
    pub(super) fn new(schedule: Schedule, own: Option<RelayId>) -> Self {
        Self {
            schedule,
            own,
            clocks: Clocks::default(),
            named: BTreeMap::new(),
            describing: BTreeMap::new(),
            circuits: BTreeMap::new(),
            known: Vec::new(),
        }
    }

    /// How the search for relays goes.
    pub(super) fn search(&self) -> Search {
        self.schedule.search()
    }

    /// How far this clock is from what those say that were asked; `None`: too few were heard.
    pub(super) fn clock(&self) -> Option<ClockOffset> {
        self.clocks.offset(self.schedule.contact_points())
    }

    /// The own clock leapt: what it was off by before is over, and a search that was in vain may not be now.
    pub(super) fn clock_leapt(&mut self) {
        self.clocks.forget();
        self.schedule.begin_anew();
    }

    /// The contact points kept of invites.
    pub(super) fn hints(&self) -> &[Hint] {
        self.schedule.hints()
    }

    pub(super) fn owns(&self, circuit: CircuitHandle) -> bool {
        self.circuits.contains_key(&circuit)
    }

    pub(super) fn handle(&mut self, turn: &mut Turn, event: DirectoryEvent) {
        match event {
            DirectoryEvent::Bootstraps(count) => {
                self.schedule.set_bootstraps(count);
                self.schedule.hurry();
            }
            DirectoryEvent::Hints(hints) => {
                self.schedule.add_hints(&hints);
                turn.unsaved = true;
            }
            DirectoryEvent::Tick => self.tick(turn),
            DirectoryEvent::Reached(job, link) => self.reached(job, link),
            DirectoryEvent::Unreached(job) => self.unreached(turn, job),
            DirectoryEvent::LinkGone(link) => {
                for job in self.describing.remove(&link).unwrap_or_default() {
                    self.failed(turn, job);
                }
            }
            DirectoryEvent::Described(link, description) => self.described(turn, link, &description),
            DirectoryEvent::Circuit(event) => self.circuit(turn, event),
            DirectoryEvent::Asked(message) => self.asked(turn, &message),
            DirectoryEvent::Announce(relay) => self.announce(turn, &[relay]),
        }
    }

    fn tick(&mut self, turn: &mut Turn) {
        let enough = self.own.is_some() || turn.paths.enough(turn.now, &turn.view);
        let paths = Paths { guard: turn.paths.guards().guard(), enough };
        for order in self.schedule.due(turn.now, &mut turn.rng, &turn.view, paths) {
            match order {
                Order::Start(job) => self.start(turn, job),
                Order::Cancel(job) => self.cancel(turn, job),
            }
        }
    }

    // ---- a job's circuit

    fn start(&mut self, turn: &mut Turn, Job { id, contact }: Job) {
        self.named.insert(id, contact);
        let direct = match contact {
            Contact::Through(relay) => {
                return match turn.open(relay, Lane::Text) {
                    Ok(circuit) => self.adopt(circuit, id, relay),
                    Err(_) => self.failed(turn, id),
                };
            }
            Contact::Direct(relay) => Some(relay),
            Contact::Bootstrap(_) | Contact::Hint(_) => self.relay_behind(contact),
        };
        match (direct.and_then(|relay| turn.view.hop(turn.now, relay)), contact) {
            (Some(hop), _) => {
                let circuit = turn.network.open(turn.now, &mut turn.rng, vec![hop], Lane::Text);
                self.adopt(circuit, id, hop.relay);
            }
            (None, Contact::Bootstrap(index)) => reach(turn, id, Target::Bootstrap(index)),
            (None, Contact::Hint(hint)) => reach(turn, id, Target::Hint(hint)),
            (None, Contact::Direct(_) | Contact::Through(_)) => self.failed(turn, id),
        }
    }

    fn adopt(&mut self, circuit: CircuitHandle, job: JobId, source: RelayId) {
        self.circuits.insert(circuit, JobCircuit { job, source, stream: None });
    }

    /// It took too long, and counts as failed already.
    fn cancel(&mut self, turn: &mut Turn, job: JobId) {
        let circuits: Vec<_> =
            self.circuits.iter().filter(|(_, at)| at.job == job).map(|(circuit, _)| *circuit).collect();
        for circuit in circuits {
            turn.network.close(circuit);
        }
        self.forget(job);
    }

    fn failed(&mut self, turn: &mut Turn, job: JobId) {
        self.forget(job);
        self.schedule.failed(turn.now, job);
    }

    fn forget(&mut self, job: JobId) {
        self.named.remove(&job);
        self.describing.values_mut().for_each(|jobs| jobs.retain(|other| *other != job));
        self.describing.retain(|_, jobs| !jobs.is_empty());
    }

    fn circuit(&mut self, turn: &mut Turn, event: CircuitEvent) {
        match event {
            CircuitEvent::Built { circuit, route, .. } => self.built(turn, circuit, &route),
            CircuitEvent::Message { circuit, message, .. } => self.message(turn, circuit, &message),
            CircuitEvent::StreamEnded { circuit, .. } => turn.network.close(circuit),
            CircuitEvent::Closed { circuit, failure } => self.closed(turn, circuit, &failure),
            CircuitEvent::Drained { .. } => {}
        }
    }

    fn built(&mut self, turn: &mut Turn, circuit: CircuitHandle, route: &[RelayId]) {
        turn.paths.succeeded(route);
        let Some(at) = self.circuits.get_mut(&circuit) else { return };
        let begun = turn.network.open_stream(circuit, Service::Directory).ok().and_then(|stream| {
            at.stream = Some(stream);
            let message = self.schedule.opened(&turn.view, at.job, at.source)?;
            turn.network.send(circuit, stream, &message).ok()
        });
        if begun.is_none() {
            turn.network.close(circuit);
        }
    }

    fn message(&mut self, turn: &mut Turn, circuit: CircuitHandle, untrusted: &[u8]) {
        let Some(&JobCircuit { job, stream, .. }) = self.circuits.get(&circuit) else { return };
        let news = match self.schedule.message(turn.now, &mut turn.view, job, untrusted) {
            JobStep::Send(next) => {
                let sent = stream.is_some_and(|stream| turn.network.send(circuit, stream, &next).is_ok());
                if !sent {
                    turn.network.close(circuit);
                }
                return;
            }
            JobStep::Done(news) => news,
            JobStep::Blame(_) => Vec::new(),
        };
        self.forget(job);
        turn.network.close(circuit);
        self.spread(turn, &news);
    }

    fn closed(&mut self, turn: &mut Turn, circuit: CircuitHandle, failure: &CircuitFailure) {
        if let Some(at) = self.circuits.remove(&circuit) {
            turn.blame(at.source, failure);
            self.failed(turn, at.job);
        }
    }

    // ---- contact points

    fn relay_behind(&self, contact: Contact) -> Option<RelayId> {
        self.known.iter().find(|(known, _)| *known == contact).map(|(_, relay)| *relay)
    }

    fn reached(&mut self, job: JobId, link: LinkId) {
        if self.named.contains_key(&job) {
            self.describing.entry(link).or_default().push(job);
        }
    }

    fn unreached(&mut self, turn: &mut Turn, job: JobId) {
        if self.named.contains_key(&job) {
            self.failed(turn, job);
        }
    }

    /// A contact point says who it is, and the time. Believed only if its descriptor is signed, of this network, and names the very link
    /// key that netd has seen; of that key, then, is what it says of the time, and one contact point has one word.
    fn described(&mut self, turn: &mut Turn, link: LinkId, description: &Description) {
        let untrusted = &description.untrusted_descriptor;
        let jobs = self.describing.remove(&link).unwrap_or_default();
        let network_id = turn.view.rules().network_id();
        let seen = turn.network.links().get(link).map(|link| link.info.peer);
        let honest = |descriptor: &Descriptor| {
            descriptor.network_id == network_id && seen == Some(descriptor.link_key)
        };
        let relay = Descriptor::parse(untrusted).ok().filter(honest).map(|descriptor| descriptor.relay);
        if let (Some(relay), Some(key), Some(theirs)) = (relay, seen, description.clock)
            && self.own != Some(relay)
        {
            self.clocks.told(turn.now, key, theirs);
        }
        if relay.is_some() && turn.view.accept(turn.now, untrusted).is_ok_and(Learned::is_news) {
            turn.learned();
        }
        let hop = relay.and_then(|relay| turn.view.hop(turn.now, relay));
        for job in jobs {
            let Some(hop) = hop else {
                self.failed(turn, job);
                continue;
            };
            turn.network.link_is_relay(turn.now, link, hop.relay);
            if let Some(contact) = self.named.get(&job) {
                self.known.retain(|(known, _)| known != contact);
                self.known.push((*contact, hop.relay));
            }
            let circuit = turn.network.open_over(turn.now, &mut turn.rng, link, hop);
            self.adopt(circuit, job, hop.relay);
        }
    }

    // ---- this relay's directory service

    fn asked(&mut self, turn: &mut Turn, message: &ServiceMessage) {
        match exchange::answer(turn.now, &mut turn.view, &message.message) {
            Ok((answer, news)) => {
                // A client that does not read its answers loses its circuit by its window.
                if turn.network.reply(message.from, &answer.pack()).is_err() {
                    turn.network.destroy_passing(message.from.circuit);
                }
                self.spread(turn, &news);
            }
            Err(_) => turn.network.destroy_passing(message.from.circuit),
        }
    }

    /// News for this view are news for others.
    fn spread(&mut self, turn: &mut Turn, news: &[RelayId]) {
        if !news.is_empty() {
            turn.learned();
            self.announce(turn, news);
        }
    }

    fn announce(&mut self, turn: &mut Turn, relays: &[RelayId]) {
        self.schedule.announce(turn.now, &mut turn.rng, &turn.view, relays);
    }
}

fn reach(turn: &mut Turn, job: JobId, target: Target) {
    turn.wish(Event::Links(LinksEvent::Reach(job, target)));
}
