//! Circuits that callers ask for, tried again over other relays where that helps, and shared by those who may share.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_onion::OpenError;

use super::event::{CircuitsEvent, CommandsEvent, Event, OpenId, Opened, Output};
use super::turn::Turn;
use crate::event::{CircuitEvent, CircuitFailure, FailureReason};
use crate::id::{CircuitHandle, Service};
use crate::path::{Isolation, NoPath, Pool};

/// Times that one wish is tried before its caller hears of it: never more than 3 in a row without back-off.
const TRIES_MAX: u32 = 3;

impl From<NoPath> for OpenError {
    fn from(no: NoPath) -> Self {
        match no {
            NoPath::NoRelays | NoPath::TooFewRelays => Self::NoRelays,
            NoPath::UnknownRelay => Self::UnknownRelay,
            NoPath::GuardsUnreachable(_) | NoPath::BackOff(_) => Self::BuildFailed,
        }
    }
}

/// What a circuit is wanted for, before and while it is built.
#[derive(Debug)]
struct Wanted {
    isolation: Isolation,
    tries: u32,
    by: Vec<OpenId>,
}

#[derive(Debug)]
struct Circuit {
    wanted: Wanted,
    /// Set once it stands.
    opened: Option<Opened>,
    /// Callers that hold it.
    held: usize,
}

/// All circuits that callers asked for.
#[derive(Debug, Default)]
pub(super) struct Circuits {
    pool: Pool,
    circuits: BTreeMap<CircuitHandle, Circuit>,
    /// Those whose time is over: closed when their callers let go, or with the next tick at the latest.
    retiring: BTreeSet<CircuitHandle>,
    /// When a path was last built: paths can be built.
    proven: Option<Timestamp>,
}

impl Circuits {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: CircuitsEvent) {
        match event {
            CircuitsEvent::Open(open, isolation) => self.open(turn, open, isolation),
            CircuitsEvent::Release(circuit) => self.release(turn, circuit),
            CircuitsEvent::Subscribed(circuit) => self.pool.subscribed(&mut turn.rng, circuit),
            CircuitsEvent::Abandon(circuit, reason) => abandon(turn, circuit, reason),
            CircuitsEvent::Circuit(event) => self.event(turn, event),
            CircuitsEvent::Tick => self.retire(turn),
        }
    }

    /// How many stand.
    pub(super) fn standing(&self) -> usize {
        self.circuits.values().filter(|circuit| circuit.opened.is_some()).count()
    }

    pub(super) fn proven(&self) -> Option<Timestamp> {
        self.proven
    }

    fn open(&mut self, turn: &mut Turn, open: OpenId, isolation: Isolation) {
        if let Some(circuit) = self.pool.find(turn.now, &isolation)
            && let Some(shared) = self.circuits.get_mut(&circuit)
        {
            match shared.opened.clone() {
                Some(opened) => {
                    shared.held += 1;
                    turn.tell(Output::Opened(open, Ok(opened)));
                }
                None => shared.wanted.by.push(open),
            }
        } else if self.pool.has_room() {
            self.build(turn, Wanted { isolation, tries: 0, by: vec![open] });
        } else {
            turn.tell(Output::Opened(open, Err(OpenError::TooMany)));
        }
    }

    fn build(&mut self, turn: &mut Turn, wanted: Wanted) {
        match turn.open(wanted.isolation.relay, wanted.isolation.lane) {
            Ok(circuit) => {
                self.pool.opened(turn.now, circuit, wanted.isolation);
                let wanted = Wanted { tries: wanted.tries + 1, ..wanted };
                self.circuits.insert(circuit, Circuit { wanted, opened: None, held: 0 });
            }
            // After tries in vain the cause is that they failed, whatever stands in the way now.
            Err(_) if wanted.tries > 0 => refuse(turn, wanted.by, OpenError::BuildFailed),
            Err(no) => refuse(turn, wanted.by, no.into()),
        }
    }

    fn event(&mut self, turn: &mut Turn, event: CircuitEvent) {
        match event {
            CircuitEvent::Built { circuit, binding, route } => {
                self.built(turn, Opened { circuit, binding, route });
            }
            CircuitEvent::Message { circuit, message, .. } => {
                turn.wish(Event::Commands(CommandsEvent::Message(circuit, message)));
            }
            CircuitEvent::Drained { circuit, .. } => {
                turn.wish(Event::Commands(CommandsEvent::Drained(circuit)));
            }
            // The asked relay serves no mailboxes, or is done with us.
            CircuitEvent::StreamEnded { circuit, .. } => turn.network.close(circuit),
            CircuitEvent::Closed { circuit, failure } => self.closed(turn, circuit, &failure),
        }
    }

    fn built(&mut self, turn: &mut Turn, opened: Opened) {
        let handle = opened.circuit;
        turn.paths.succeeded(&opened.route);
        self.proven = Some(turn.now);
        let Some(circuit) = self.circuits.get_mut(&handle) else { return };
        let Ok(stream) = turn.network.open_stream(handle, Service::Mailbox) else {
            // It ended with the very cell that built it.
            return turn.network.close(handle);
        };
        circuit.opened = Some(opened.clone());
        let lane = circuit.wanted.isolation.lane;
        turn.wish(Event::Commands(CommandsEvent::Opened(handle, stream, lane)));
        for open in std::mem::take(&mut circuit.wanted.by) {
            circuit.held += 1;
            turn.tell(Output::Opened(open, Ok(opened.clone())));
        }
    }

    fn closed(&mut self, turn: &mut Turn, handle: CircuitHandle, failure: &CircuitFailure) {
        self.pool.closed(handle);
        self.retiring.remove(&handle);
        let Some(Circuit { wanted, opened, .. }) = self.circuits.remove(&handle) else { return };
        turn.blame(wanted.isolation.relay, failure);
        if opened.is_some() {
            turn.wish(Event::Commands(CommandsEvent::Closed(handle)));
        } else if wanted.tries < TRIES_MAX && !wanted.by.is_empty() {
            self.build(turn, wanted);
        } else {
            refuse(turn, wanted.by, OpenError::BuildFailed);
        }
    }

    fn release(&mut self, turn: &mut Turn, handle: CircuitHandle) {
        let Some(circuit) = self.circuits.get_mut(&handle) else { return };
        circuit.held = circuit.held.saturating_sub(1);
        if circuit.held == 0 && circuit.wanted.by.is_empty() {
            turn.network.close(handle);
        }
    }

    /// Circuits whose time is over are closed; callers open anew.
    fn retire(&mut self, turn: &mut Turn) {
        let due: Vec<_> = self.pool.due(turn.now).collect();
        for circuit in due {
            // A tick's grace: whoever is in the middle of something finishes it, and a new wish gets a fresh one already.
            if !self.retiring.insert(circuit) {
                turn.network.close(circuit);
            }
        }
    }
}

fn refuse(turn: &mut Turn, wanted_by: Vec<OpenId>, error: OpenError) {
    for open in wanted_by {
        turn.tell(Output::Opened(open, Err(error)));
    }
}

/// The asked relay is to blame for what it said. Silence may be any hop's doing.
fn abandon(turn: &mut Turn, circuit: CircuitHandle, reason: FailureReason) {
    let route = turn.network.route(circuit).unwrap_or_default();
    if let Some(asked) = route.last() {
        let blame = (reason == FailureReason::Misbehaved).then_some((route.len() - 1, *asked));
        turn.blame(*asked, &CircuitFailure { blame, reason, was_built: true, began: turn.now });
    }
    turn.network.close(circuit);
}
