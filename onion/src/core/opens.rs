//! Circuits that callers ask for: `open(relay, isolation key, lane)`, tried again over other relays where that helps.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_onion::OpenError;

use super::event::CoreOutput;
use super::onion::OnionCore;
use crate::event::{CircuitEvent, CircuitFailure, FailureReason};
use crate::id::{CircuitHandle, RelayId, Service, StreamId};
use crate::path::{Isolation, NoPath};

/// Times that one `open` is tried before its caller hears of it: never more than 3 in a row without back-off.
const TRIES_MAX: u32 = 3;

/// One wish for a circuit, named by whoever wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenId(pub u64);

/// A circuit that stands. Give each back with [`OnionCore::release`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Which circuit.
    pub circuit: CircuitHandle,
    /// Its binding, 32 B.
    pub binding: [u8; 32],
    /// The relays from the guard to the asked one.
    pub route: Vec<RelayId>,
}

impl From<NoPath> for OpenError {
    fn from(no: NoPath) -> Self {
        match no {
            NoPath::NoRelays | NoPath::TooFewRelays => Self::NoRelays,
            NoPath::UnknownRelay => Self::UnknownRelay,
            NoPath::GuardsUnreachable(_) | NoPath::BackOff(_) => Self::BuildFailed,
        }
    }
}

#[derive(Debug)]
struct OpenCircuit {
    isolation: Isolation,
    tries: u32,
    waiting: Vec<OpenId>,
    /// Set once it stands.
    opened: Option<Opened>,
    stream: Option<StreamId>,
    /// Callers that hold it.
    held: usize,
}

/// All circuits that callers asked for.
#[derive(Debug, Default)]
pub(super) struct Opens {
    circuits: BTreeMap<CircuitHandle, OpenCircuit>,
    /// Those whose time is over: closed when their callers let go, or at the latest with the next failure.
    retiring: BTreeSet<CircuitHandle>,
}

impl Opens {
    pub(super) fn stream(&self, circuit: CircuitHandle) -> Option<StreamId> {
        self.circuits.get(&circuit)?.stream
    }

    pub(super) fn standing(&self) -> usize {
        self.circuits.values().filter(|circuit| circuit.opened.is_some()).count()
    }
}

impl OnionCore {
    /// Asks for a circuit to a relay. [`CoreOutput::Opened`] answers; the same isolation, lane and relay share one.
    pub fn open(&mut self, now: Timestamp, open: OpenId, isolation: Isolation) {
        self.turn.now = now;
        if let Some(circuit) = self.pool.find(now, &isolation)
            && let Some(shared) = self.opens.circuits.get_mut(&circuit)
        {
            match shared.opened.clone() {
                Some(opened) => {
                    shared.held += 1;
                    self.turn.tell(CoreOutput::Opened(open, Ok(opened)));
                }
                None => shared.waiting.push(open),
            }
            return;
        }
        if self.pool.has_room() {
            self.build(now, isolation, (0, vec![open]));
            self.settle(now);
        } else {
            self.turn.tell(CoreOutput::Opened(open, Err(OpenError::TooMany)));
        }
    }

    fn build(&mut self, now: Timestamp, isolation: Isolation, (tries, waiting): (u32, Vec<OpenId>)) {
        match self.turn.open(isolation.relay, isolation.lane) {
            Ok(circuit) => {
                self.pool.opened(now, circuit, isolation);
                let open =
                    OpenCircuit { isolation, tries: tries + 1, waiting, opened: None, stream: None, held: 0 };
                self.opens.circuits.insert(circuit, open);
            }
            Err(no) => {
                // After tries in vain the cause is that they failed, whatever stands in the way now.
                let refused = if tries > 0 { OpenError::BuildFailed } else { no.into() };
                for open in waiting {
                    self.turn.tell(CoreOutput::Opened(open, Err(refused)));
                }
            }
        }
    }

    pub(super) fn open_event(&mut self, now: Timestamp, event: CircuitEvent) {
        match event {
            CircuitEvent::Built { circuit, binding, route } => {
                self.open_built(now, Opened { circuit, binding, route });
            }
            CircuitEvent::Message { circuit, message, .. } => {
                self.turn.tell(CoreOutput::Mailbox(circuit, message));
            }
            CircuitEvent::Drained { circuit, .. } => self.turn.tell(CoreOutput::MailboxDrained(circuit)),
            // The asked relay serves no mailboxes, or is done with us.
            CircuitEvent::StreamEnded { circuit, .. } => self.turn.network.close(circuit),
            CircuitEvent::Closed { circuit, failure } => self.open_closed(now, circuit, &failure),
        }
    }

    fn open_built(&mut self, now: Timestamp, opened: Opened) {
        let circuit = opened.circuit;
        self.turn.paths.succeeded(&opened.route);
        self.proven = Some(now);
        let stream = self.turn.network.open_stream(circuit, Service::Mailbox).ok();
        let Some(open) = self.opens.circuits.get_mut(&circuit) else { return };
        open.stream = stream;
        open.opened = Some(opened.clone());
        for waiting in std::mem::take(&mut open.waiting) {
            open.held += 1;
            self.turn.tell(CoreOutput::Opened(waiting, Ok(opened.clone())));
        }
        if open.held == 0 {
            self.turn.network.close(circuit);
        }
    }

    fn open_closed(&mut self, now: Timestamp, circuit: CircuitHandle, failure: &CircuitFailure) {
        self.pool.closed(circuit);
        self.opens.retiring.remove(&circuit);
        let Some(open) = self.opens.circuits.remove(&circuit) else { return };
        self.turn.blame(open.isolation.relay, failure);
        if open.opened.is_some() {
            self.turn.tell(CoreOutput::Closed(circuit));
        } else if open.tries < TRIES_MAX && !open.waiting.is_empty() {
            self.build(now, open.isolation, (open.tries, open.waiting));
        } else {
            for waiting in open.waiting {
                self.turn.tell(CoreOutput::Opened(waiting, Err(OpenError::BuildFailed)));
            }
        }
    }

    /// A caller lets go of a circuit. The last one closes it.
    pub fn release(&mut self, now: Timestamp, circuit: CircuitHandle) {
        self.turn.now = now;
        let Some(open) = self.opens.circuits.get_mut(&circuit) else { return };
        open.held = open.held.saturating_sub(1);
        if open.held == 0 && open.waiting.is_empty() {
            self.turn.network.close(circuit);
            self.settle(now);
        }
    }

    /// The asked relay said on a circuit's mailbox stream what no mailbox says (`Misbehaved`), or nothing at all (`Timeout`): the circuit
    /// is closed. Silence may be any hop's doing.
    pub fn abandon(&mut self, now: Timestamp, circuit: CircuitHandle, reason: FailureReason) {
        self.turn.now = now;
        let route = self.turn.network.route(circuit).unwrap_or_default();
        if let Some(asked) = route.last() {
            let blame = (reason == FailureReason::Misbehaved).then_some((route.len() - 1, *asked));
            self.turn.blame(*asked, &CircuitFailure { blame, reason, was_built: true });
        }
        self.turn.network.close(circuit);
        self.settle(now);
    }

    /// A caller that waited for a circuit does so no more.
    pub fn forget_open(&mut self, open: OpenId) {
        for circuit in self.opens.circuits.values_mut() {
            circuit.waiting.retain(|waiting| *waiting != open);
        }
    }

    /// A circuit carries a subscription now, and lives longer.
    pub fn subscribed(&mut self, circuit: CircuitHandle) {
        self.pool.subscribed(&mut self.turn.rng, circuit);
    }

    /// Circuits whose time is over are closed; callers open anew. `busy` circuits get until the next tick.
    pub(super) fn tick_opens(&mut self, now: Timestamp) {
        let due: Vec<_> = self.pool.due(now).collect();
        for circuit in due {
            // A tick's grace: whoever is in the middle of something finishes it, and a new `open` gets a fresh one already.
            if !self.opens.retiring.insert(circuit) {
                self.turn.network.close(circuit);
            }
        }
    }
}
