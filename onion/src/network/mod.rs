//! Links, circuits and streams of one process, client's and relay's alike, without I/O.
//!
//! The shell (or a simulator) tells it of links and cells and of time, takes its [`Output`]s, and drains each link's cells in batches
//! as fast as that link takes them. Nothing waits on a timer on the way of a cell.

mod cells;
mod connect;
pub mod link;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use crate::cell::{Cell, CircuitId, DestroyReason};
use crate::circuit::client::{ClientCircuit, ClientOutput};
use crate::event::{CircuitEvent, CircuitFailure, FailureReason, SendError, ServiceEvent, StreamRef};
use crate::handshake::RelaySide;
use crate::id::{CircuitHandle, HopInfo, Lane, LinkId, RelayCircuit, RelayId, Service, StreamId};
use crate::relay::circuit::{PassingCircuit, RelayOutput};
use crate::relay::creation::CreationBudget;
use connect::Peer;
pub use link::LinkInfo;
use link::{Link, Owner};

/// Circuits of our own at once: 32 live queues on two relays each, what is being built, fetches.
pub const CLIENT_CIRCUITS_MAX: usize = 512;
/// Circuits of others at once. Each costs about 4 KiB.
pub const PASSING_CIRCUITS_MAX: usize = 16_384;
/// A CREATE whose three cells have not come for this long is forgotten.
const HALF_CREATED_MAX_AGE: Duration = Duration::from_secs(10);

/// Bounds of memory. Under pressure the circuit with the oldest waiting cell dies
/// (docs/protocol/circuits.md, "Flow").
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Cells that wait on all links, 514 B each and a little.
    pub waiting_cells: usize,
    /// Bytes of half-come and unsent messages in all streams of others.
    pub held_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting_cells: 32_768, held_bytes: 32 << 20 }
    }
}

/// What the network wants or tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// A link to that relay is wanted: answer with `connected` or `connect_failed`.
    Connect(RelayId),
    /// The link has cells to drain. Said once until it is drained empty.
    Ready(LinkId),
    /// Close the link; it is already forgotten here.
    CloseLink(LinkId),
    /// The link's other side has given its own descriptor, as asked; foreign bytes.
    Described(LinkId, Vec<u8>),
    /// Of one of our own circuits.
    Circuit(CircuitEvent),
    /// For this relay's services.
    Service(ServiceEvent),
}

/// What is counted for `privatus relay metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Circuits of others that are open.
    pub passing: u64,
    /// Our own circuits.
    pub own: u64,
    /// Links that are up.
    pub links: u64,
    /// Cells that were passed on, ever.
    pub forwarded: u64,
}

/// Links, circuits and streams.
#[derive(Default)]
pub struct Network {
    network_id: [u8; 32],
    relay: Option<RelaySide>,
    descriptor: Vec<u8>,
    limits: Limits,
    links: BTreeMap<LinkId, Link>,
    peers: BTreeMap<RelayId, Peer>,
    own: BTreeMap<CircuitHandle, (ClientCircuit, Option<(LinkId, CircuitId)>)>,
    passing: BTreeMap<RelayCircuit, PassingCircuit>,
    next_own: u64,
    next_passing: u64,
    serial: u64,
    waiting_cells: usize,
    forwarded: u64,
    creations: CreationBudget,
    outputs: VecDeque<Output>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Network {
    /// A client of the network with that id (all zero: the public one).
    #[must_use]
    pub fn client(network_id: [u8; 32]) -> Self {
        Self { network_id, ..Self::default() }
    }

    /// A relay. It builds circuits of its own too, to sync its directory.
    #[must_use]
    pub fn relay(side: RelaySide) -> Self {
        Self { network_id: side.network, relay: Some(side), ..Self::default() }
    }

    /// Changes the bounds of memory.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The onion keys that this relay answers to from now on, the present one first.
    pub fn set_onion_keys(&mut self, keys: Vec<crate::handshake::OnionKey>) {
        if let Some(relay) = &mut self.relay {
            relay.onion_keys = keys;
        }
    }

    /// This relay's own descriptor, for who asks over a link.
    pub fn set_descriptor(&mut self, descriptor: Vec<u8>) {
        self.descriptor = descriptor;
    }

    /// The next output.
    pub fn output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How much there is of everything.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            passing: self.passing.len() as u64,
            own: self.own.len() as u64,
            links: self.links.len() as u64,
            forwarded: self.forwarded,
        }
    }

    /// Begins to build a circuit over `route`. All that follows comes as [`CircuitEvent`]s; too many circuits, too.
    pub fn open(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        route: Vec<HopInfo>,
        lane: Lane,
    ) -> CircuitHandle {
        self.next_own += 1;
        let handle = CircuitHandle(self.next_own);
        let first = route.first().map(|hop| hop.relay);
        let circuit = ClientCircuit::new(handle, self.network_id, route, lane, now);
        let full = self.own.len() >= CLIENT_CIRCUITS_MAX;
        self.own.insert(handle, (circuit, None));
        match first {
            Some(relay) if !full => self.want_client_link(now, rng, relay, handle),
            _ => self.fail_own(handle, None, FailureReason::Ours),
        }
        handle
    }

    /// Begins to build a circuit of one hop over a link that is there, to a relay that was only now described over it.
    pub fn open_over(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        link: LinkId,
        hop: HopInfo,
    ) -> CircuitHandle {
        self.next_own += 1;
        let handle = CircuitHandle(self.next_own);
        let circuit = ClientCircuit::new(handle, self.network_id, vec![hop], Lane::Text, now);
        self.own.insert(handle, (circuit, None));
        self.start_own(now, rng, handle, link);
        handle
    }

    /// Opens a stream on a built circuit of ours.
    ///
    /// # Errors
    /// [`SendError::Gone`], or [`SendError::QueueFull`] with too many streams.
    pub fn open_stream(&mut self, circuit: CircuitHandle, service: Service) -> Result<StreamId, SendError> {
        self.with_own(circuit, |circuit, out| circuit.open_stream(service, out))
            .unwrap_or(Err(SendError::Gone))
    }

    /// Sends a message on a stream of ours.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(
        &mut self,
        circuit: CircuitHandle,
        stream: StreamId,
        message: &[u8],
    ) -> Result<(), SendError> {
        self.with_own(circuit, |circuit, out| circuit.send(stream, message, out))
            .unwrap_or(Err(SendError::Gone))
    }

    /// Ends a stream of ours once what was queued is sent.
    pub fn end_stream(&mut self, circuit: CircuitHandle, stream: StreamId) {
        self.with_own(circuit, |circuit, out| circuit.end_stream(stream, out));
    }

    /// Sends a cell that means nothing to a circuit's last hop.
    pub fn pad(&mut self, circuit: CircuitHandle) {
        self.with_own(circuit, ClientCircuit::pad);
    }

    /// Closes a circuit of ours. A `Closed` event with reason `Ours` follows.
    pub fn close(&mut self, circuit: CircuitHandle) {
        self.fail_own(circuit, None, FailureReason::Ours);
    }

    /// The relays of a circuit of ours.
    #[must_use]
    pub fn route(&self, circuit: CircuitHandle) -> Option<Vec<RelayId>> {
        self.own.get(&circuit).map(|(circuit, _)| circuit.route())
    }

    /// Answers or pushes a message on a stream of a service.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn reply(&mut self, to: StreamRef, message: &[u8]) -> Result<(), SendError> {
        self.with_passing(to.circuit, |circuit, out| circuit.reply(to.stream, message, out))
            .unwrap_or(Err(SendError::Gone))
    }

    /// Ends a service's stream once what was queued is sent.
    pub fn end_service(&mut self, stream: StreamRef) {
        self.with_passing(stream.circuit, |circuit, out| circuit.end_stream(stream.stream, out));
    }

    /// This circuit's services are behind (`true`), or not any more: its client stops when its window is used up.
    pub fn hold(&mut self, circuit: RelayCircuit, hold: bool) {
        self.with_passing(circuit, |circuit, out| circuit.hold(hold, out));
    }

    /// Destroys somebody's circuit at this relay.
    pub fn destroy_passing(&mut self, circuit: RelayCircuit) {
        self.end_passing(circuit, None, DestroyReason::None);
    }

    /// Time passes: once a second is enough.
    pub fn tick(&mut self, now: Timestamp) {
        let late = |(handle, (circuit, _)): (&CircuitHandle, &mut (ClientCircuit, _))| {
            circuit.tick(now).err().map(|failure| (*handle, failure))
        };
        let late: Vec<_> = self.own.iter_mut().filter_map(late).collect();
        for (handle, failure) in late {
            self.close_own(handle, failure);
        }
        let overdue: Vec<_> = self
            .passing
            .iter()
            .filter(|(_, circuit)| circuit.is_overdue(now))
            .map(|(handle, _)| *handle)
            .collect();
        for handle in overdue {
            self.cut(handle, DestroyReason::Unreachable);
        }
        for link in self.links.values_mut() {
            link.creating.retain(|_, (_, since)| now.since(*since) < HALF_CREATED_MAX_AGE);
        }
        self.relieve_streams();
    }

    /// Destroys the circuits that hold most, until all together hold less than the bound.
    fn relieve_streams(&mut self) {
        let mut held: Vec<_> =
            self.passing.iter().map(|(handle, circuit)| (circuit.held_bytes(), *handle)).collect();
        let mut all: usize = held.iter().map(|(bytes, _)| bytes).sum();
        if all <= self.limits.held_bytes {
            return;
        }
        held.sort_unstable();
        while let (true, Some((bytes, handle))) = (all > self.limits.held_bytes, held.pop()) {
            all -= bytes;
            self.end_passing(handle, None, DestroyReason::Busy);
        }
    }

    /// Takes up to `max` cells off a link, to be sent. Empty: nothing waits, and [`Output::Ready`] will say when.
    pub fn drain(&mut self, link: LinkId, max: usize) -> Vec<u8> {
        let Some(link) = self.links.get_mut(&link) else { return Vec::new() };
        let (batch, taken) = link.drain(max);
        self.waiting_cells = self.waiting_cells.saturating_sub(taken);
        batch
    }

    /// Runs a step of one of our circuits and carries out what it leads to. `None`: there is no such circuit.
    fn with_own<T>(
        &mut self,
        handle: CircuitHandle,
        step: impl FnOnce(&mut ClientCircuit, &mut ClientOutput) -> T,
    ) -> Option<T> {
        let (circuit, at) = self.own.get_mut(&handle)?;
        let at = at.map(|(link, _)| link);
        let mut out = ClientOutput::default();
        let result = step(circuit, &mut out);
        self.outputs.extend(out.events.into_iter().map(Output::Circuit));
        if let Some(link) = at {
            for cell in out.cells {
                self.push(link, cell);
            }
        }
        Some(result)
    }

    /// Runs a step of a passing circuit and carries out what it leads to.
    fn with_passing<T>(
        &mut self,
        handle: RelayCircuit,
        step: impl FnOnce(&mut PassingCircuit, &mut RelayOutput) -> T,
    ) -> Option<T> {
        let mut out = RelayOutput::default();
        let result = step(self.passing.get_mut(&handle)?, &mut out);
        self.carry_out(out);
        Some(result)
    }

    fn carry_out(&mut self, out: RelayOutput) {
        self.outputs.extend(out.events.into_iter().map(Output::Service));
        for (link, cell) in out.cells {
            self.push(link, cell);
        }
    }

    /// Queues a circuit's cell. A circuit over its bound dies; under memory pressure the one that has waited longest does.
    fn push(&mut self, to: LinkId, cell: Cell) {
        let Some(link) = self.links.get_mut(&to) else { return };
        let circuit = cell.circuit;
        if link.owner(circuit).is_none() {
            // It died of an earlier cell of the same step.
            return;
        }
        self.serial += 1;
        let was_idle = !link.has_cells();
        if link.push(self.serial, cell).is_err() {
            self.kill(to, circuit);
            return;
        }
        self.waiting_cells += 1;
        if was_idle {
            self.outputs.push_back(Output::Ready(to));
        }
        if self.waiting_cells > self.limits.waiting_cells {
            let oldest =
                |(id, link): (&LinkId, &Link)| link.oldest().map(|(serial, circuit)| (serial, *id, circuit));
            if let Some((_, link, circuit)) = self.links.iter().filter_map(oldest).min() {
                self.kill(link, circuit);
            }
        }
    }

    /// Queues a cell ahead of all circuits; a link that does not even take those is closed.
    fn push_control(&mut self, to: LinkId, cell: Cell) {
        let Some(link) = self.links.get_mut(&to) else { return };
        let was_idle = !link.has_cells();
        if link.push_control(cell).is_err() {
            self.close_link(to);
        } else if was_idle {
            self.outputs.push_back(Output::Ready(to));
        }
    }

    /// Destroys a circuit for want of memory, whosever it is.
    fn kill(&mut self, link: LinkId, circuit: CircuitId) {
        match self.links.get(&link).and_then(|link| link.owner(circuit)) {
            Some(Owner::Client(handle)) => self.fail_own(handle, None, FailureReason::Ours),
            Some(Owner::Back(handle) | Owner::Onward(handle)) => {
                self.end_passing(handle, None, DestroyReason::Busy)
            }
            None => {}
        }
    }

    /// Takes a circuit off a link, and says so to the other side unless it is that which said so.
    fn leave(&mut self, at: (LinkId, CircuitId), told_by: Option<LinkId>, reason: DestroyReason) {
        if let Some(link) = self.links.get_mut(&at.0) {
            self.waiting_cells = self.waiting_cells.saturating_sub(link.forget(at.1));
            if told_by != Some(at.0) {
                self.push_control(at.0, Cell::destroy(at.1, reason));
            }
        }
    }

    fn fail_own(&mut self, handle: CircuitHandle, hop: Option<usize>, reason: FailureReason) {
        if let Some((circuit, _)) = self.own.get(&handle) {
            let failure = circuit.failure(hop, reason);
            self.close_own(handle, failure);
        }
    }

    fn close_own(&mut self, handle: CircuitHandle, failure: CircuitFailure) {
        if let Some((_, at)) = self.own.remove(&handle) {
            if let Some(at) = at {
                self.leave(at, None, DestroyReason::None);
            }
            self.outputs.push_back(Output::Circuit(CircuitEvent::Closed { circuit: handle, failure }));
        }
    }

    /// Ends a passing circuit in both directions, but not towards the link that told us.
    fn end_passing(&mut self, handle: RelayCircuit, told_by: Option<LinkId>, reason: DestroyReason) {
        let Some(circuit) = self.passing.remove(&handle) else { return };
        let mut out = RelayOutput::default();
        circuit.gone(&mut out);
        self.carry_out(out);
        self.leave(circuit.back(), told_by, reason);
        if let Some(onward) = circuit.onward() {
            self.leave(onward, told_by, DestroyReason::None);
        }
    }

    /// Cuts off what lies beyond this relay, and tells the client.
    fn cut(&mut self, handle: RelayCircuit, reason: DestroyReason) {
        if let Some(onward) = self.passing.get(&handle).and_then(PassingCircuit::onward) {
            self.leave(onward, None, DestroyReason::None);
        }
        self.with_passing(handle, |circuit, out| circuit.cut(reason, out));
    }
}
