//! The directory's jobs: a circuit to somebody, a stream to its directory service, and what is said there.

use std::collections::BTreeMap;

use ipc_schema::Timestamp;
use ipc_schema::relay::Descriptor;

use super::event::{Event, LinksEvent, Target};
use super::onion::OnionCore;
use crate::directory::schedule::{Contact, Job, JobId, JobStep};
use crate::event::CircuitEvent;
use crate::id::{CircuitHandle, Lane, LinkId, RelayId, Service, StreamId};

#[derive(Debug)]
struct JobCircuit {
    job: JobId,
    source: RelayId,
    stream: Option<StreamId>,
}

/// Where each job is.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    describing: BTreeMap<LinkId, Vec<JobId>>,
    circuits: BTreeMap<CircuitHandle, JobCircuit>,
    /// Contacts whose relay is known by now: the next time they are reached like any other relay.
    known: Vec<(Contact, RelayId)>,
    named: BTreeMap<JobId, Contact>,
}

impl Jobs {
    /// A contact point is reached; it has been asked who it is.
    pub(super) fn reached(&mut self, job: JobId, link: LinkId) {
        if self.named.contains_key(&job) {
            self.describing.entry(link).or_default().push(job);
        }
    }

    pub(super) fn is_of_job(&self, circuit: CircuitHandle) -> bool {
        self.circuits.contains_key(&circuit)
    }

    fn relay_behind(&self, contact: Contact) -> Option<RelayId> {
        self.known.iter().find(|(known, _)| *known == contact).map(|(_, relay)| *relay)
    }

    fn remember(&mut self, job: JobId, relay: RelayId) {
        if let Some(contact) = self.named.get(&job) {
            self.known.retain(|(known, _)| known != contact);
            self.known.push((*contact, relay));
        }
    }

    fn forget(&mut self, job: JobId) {
        self.named.remove(&job);
        self.describing.values_mut().for_each(|jobs| jobs.retain(|other| *other != job));
        self.describing.retain(|_, jobs| !jobs.is_empty());
    }
}

impl OnionCore {
    pub(super) fn start_job(&mut self, now: Timestamp, job: Job) {
        let contact = job.contact;
        self.jobs.named.insert(job.id, contact);
        let direct = match contact {
            Contact::Direct(relay) => Some(relay),
            Contact::Through(relay) => return self.start_through(now, job.id, relay),
            Contact::Bootstrap(_) | Contact::Hint(_) => self.jobs.relay_behind(contact),
        };
        let hop = direct.and_then(|relay| self.turn.view.hop(now, relay));
        match (hop, contact) {
            (Some(hop), _) => {
                let circuit = self.turn.network.open(now, &mut self.turn.rng, vec![hop], Lane::Text);
                self.adopt(circuit, job.id, hop.relay);
            }
            (None, Contact::Bootstrap(index)) => {
                self.turn.wish(Event::Links(LinksEvent::Reach(job.id, Target::Bootstrap(index))));
            }
            (None, Contact::Hint(hint)) => {
                self.turn.wish(Event::Links(LinksEvent::Reach(job.id, Target::Hint(hint))));
            }
            (None, _) => self.job_failed(now, job.id),
        }
    }

    fn start_through(&mut self, now: Timestamp, job: JobId, relay: RelayId) {
        match self.turn.open(relay, Lane::Text) {
            Ok(circuit) => self.adopt(circuit, job, relay),
            Err(_) => self.job_failed(now, job),
        }
    }

    fn adopt(&mut self, circuit: CircuitHandle, job: JobId, source: RelayId) {
        self.jobs.circuits.insert(circuit, JobCircuit { job, source, stream: None });
    }

    fn job_failed(&mut self, now: Timestamp, job: JobId) {
        self.jobs.forget(job);
        self.schedule.failed(now, job);
    }

    /// It took too long.
    pub(super) fn cancel_job(&mut self, job: JobId) {
        let of_job = |(circuit, at): (&CircuitHandle, &JobCircuit)| (at.job == job).then_some(*circuit);
        let circuits: Vec<_> = self.jobs.circuits.iter().filter_map(of_job).collect();
        for circuit in circuits {
            self.turn.network.close(circuit);
        }
        self.jobs.forget(job);
    }

    pub(super) fn job_unreached(&mut self, now: Timestamp, job: JobId) {
        if self.jobs.named.contains_key(&job) {
            self.job_failed(now, job);
        }
    }

    /// A link is gone on which somebody was asked who it is, or it answered nonsense.
    pub(super) fn describing_failed(&mut self, now: Timestamp, link: LinkId) {
        for job in self.jobs.describing.remove(&link).unwrap_or_default() {
            self.job_failed(now, job);
        }
    }

    /// A contact point says who it is. Believed only if its descriptor is signed, of this network, and names the very link key that
    /// netd has seen.
    pub(super) fn described(&mut self, now: Timestamp, link: LinkId, untrusted: &[u8]) {
        let jobs = self.jobs.describing.remove(&link).unwrap_or_default();
        let network_id = self.turn.view.rules().network_id();
        let honest = |descriptor: &Descriptor| {
            descriptor.network_id == network_id
                && self.turn.network.peer_of(link) == Some(descriptor.link_key)
        };
        let relay = Descriptor::parse(untrusted).ok().filter(honest).map(|descriptor| descriptor.relay);
        if relay.is_some()
            && self.turn.view.accept(now, untrusted).is_ok_and(crate::directory::Learned::is_news)
        {
            self.turn.learned();
        }
        let hop = relay.and_then(|relay| self.turn.view.hop(now, relay));
        for job in jobs {
            match hop {
                Some(hop) => {
                    self.turn.network.link_is_relay(now, link, hop.relay);
                    self.jobs.remember(job, hop.relay);
                    let circuit = self.turn.network.open_over(now, &mut self.turn.rng, link, hop);
                    self.adopt(circuit, job, hop.relay);
                }
                None => self.job_failed(now, job),
            }
        }
    }

    pub(super) fn job_event(&mut self, now: Timestamp, event: CircuitEvent) {
        match event {
            CircuitEvent::Built { circuit, route, .. } => self.job_built(circuit, &route),
            CircuitEvent::Message { circuit, message, .. } => self.job_message(now, circuit, &message),
            CircuitEvent::StreamEnded { circuit, .. } => self.turn.network.close(circuit),
            CircuitEvent::Closed { circuit, failure } => {
                let Some(at) = self.jobs.circuits.remove(&circuit) else { return };
                self.turn.blame(at.source, &failure);
                self.job_failed(now, at.job);
            }
            CircuitEvent::Drained { .. } => {}
        }
    }

    fn job_built(&mut self, circuit: CircuitHandle, route: &[RelayId]) {
        self.turn.paths.succeeded(route);
        let Some(at) = self.jobs.circuits.get_mut(&circuit) else { return };
        let begun = self.turn.network.open_stream(circuit, Service::Directory).ok().and_then(|stream| {
            at.stream = Some(stream);
            let message = self.schedule.opened(&self.turn.view, at.job, at.source)?;
            self.turn.network.send(circuit, stream, &message).ok()
        });
        if begun.is_none() {
            self.turn.network.close(circuit);
        }
    }

    fn job_message(&mut self, now: Timestamp, circuit: CircuitHandle, message: &[u8]) {
        let Some(at) = self.jobs.circuits.get(&circuit) else { return };
        let (job, stream) = (at.job, at.stream);
        match self.schedule.message(now, &mut self.turn.view, job, message) {
            JobStep::Send(next) => {
                let sent =
                    stream.is_some_and(|stream| self.turn.network.send(circuit, stream, &next).is_ok());
                if !sent {
                    self.turn.network.close(circuit);
                }
            }
            JobStep::Done(news) => {
                self.jobs.forget(job);
                self.turn.network.close(circuit);
                self.spread(now, &news);
            }
            JobStep::Blame(_) => {
                self.jobs.forget(job);
                self.turn.network.close(circuit);
            }
        }
    }
}
