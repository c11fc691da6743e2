//! Links, circuits and streams of one process, client's and relay's alike, without I/O.
//!
//! The shell (or a simulator) tells it of links and cells and of time, takes its [`Output`]s, and drains each link's cells in batches
//! as fast as that link takes them. Nothing waits on a timer on the way of a cell.

mod cells;
pub mod link;
pub mod links;
mod output;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use crate::cell::{Cell, CircuitId, Command, DestroyReason, OnLink};
use crate::circuit::client::{ClientCircuit, ClientOutput};
use crate::event::{CircuitEvent, CircuitFailure, FailureReason, SendError, StreamRef};
use crate::handshake::RelaySide;
use crate::id::{CircuitHandle, HopInfo, Lane, LinkId, RelayCircuit, RelayId, Service, StreamId};
use crate::relay::circuit::{PassingCircuit, RelayOutput};
use crate::relay::creation::CreationBudget;
pub use link::LinkInfo;
use link::Owner;
pub use links::Reached;
use links::{Got, Links, Queued, Wants};
pub use output::{Counts, Description, Output};

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

/// Links, circuits and streams.
#[derive(Default)]
pub struct Network {
    network_id: [u8; 32],
    relay: Option<RelaySide>,
    descriptor: Vec<u8>,
    limits: Limits,
    links: Links,
    own: BTreeMap<CircuitHandle, (ClientCircuit, Option<OnLink>)>,
    passing: BTreeMap<RelayCircuit, PassingCircuit>,
    next_own: u64,
    next_passing: u64,
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
            links: self.links.iter().count() as u64,
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
            Some(relay) if !full => match self.links.want(relay, Wants::Own(handle)) {
                Got::Link(link) => self.start_own(now, rng, handle, link),
                Got::Dial => self.outputs.push_back(Output::Connect(relay)),
                Got::Wait => {}
            },
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

    /// What comes on a circuit of ours is not taken as fast (`true`), or is again: the relay stops when its window is used up.
    pub fn hold_own(&mut self, circuit: CircuitHandle, hold: bool) {
        self.with_own(circuit, |circuit, out| circuit.hold(hold, out));
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
        self.links.forget_half_created(now, HALF_CREATED_MAX_AGE);
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
        self.links.drain(link, max)
    }

    // ---- links

    /// A link is up: one that came in, or one to a contact point whose relay is not known yet. Links that were asked for with
    /// [`Output::Connect`] come with [`Network::connected`].
    pub fn link_up(&mut self, now: Timestamp, link: LinkId, info: LinkInfo) {
        self.links.up(now, link, info);
    }

    /// The same for a link that may be there already: then nothing changes.
    pub fn link_up_once(&mut self, now: Timestamp, link: LinkId, info: LinkInfo) {
        if self.links.get(link).is_none() {
            self.links.up(now, link, info);
        }
    }

    /// It has become known which relay is behind a link.
    pub fn link_is_relay(&mut self, now: Timestamp, link: LinkId, relay: RelayId) {
        self.links.is_relay(now, link, relay);
    }

    /// A wanted link is there. `link` may be one that was there before.
    pub fn connected(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        relay: RelayId,
        Reached { link, peer }: Reached,
    ) {
        let info = LinkInfo { peer, relay: Some(relay), initiator: true };
        for wants in self.links.connected(now, relay, link, info) {
            match wants {
                Wants::Own(handle) => self.start_own(now, rng, handle, link),
                Wants::Passing(handle) => self.extend_over(handle, link),
            }
        }
    }

    /// A wanted link cannot be had.
    pub fn connect_failed(&mut self, relay: RelayId) {
        for wants in self.links.connect_failed(relay) {
            match wants {
                Wants::Own(handle) => self.fail_own(handle, Some(0), FailureReason::Link),
                Wants::Passing(handle) => self.cut(handle, DestroyReason::Unreachable),
            }
        }
    }

    /// A link is gone, with all circuits on it.
    pub fn link_down(&mut self, link: LinkId) {
        for owner in self.links.down(link) {
            match owner {
                Owner::Client(handle) => self.fail_own(handle, Some(0), FailureReason::Link),
                Owner::Back(handle) => self.end_passing(handle, Some(link), DestroyReason::None),
                Owner::Onward(handle) => self.cut(handle, DestroyReason::Unreachable),
            }
        }
    }

    /// Closes a link from this side: its other side broke the protocol, or does not read.
    fn close_link(&mut self, link: LinkId) {
        if self.links.get(link).is_some() {
            self.link_down(link);
            self.outputs.push_back(Output::CloseLink(link));
        }
    }

    /// The clock leapt, which says nothing of how long a link was idle.
    pub fn clock_leapt(&mut self, now: Timestamp) {
        self.links.all_used(now);
    }

    /// All links.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Asks the other side of a link for its own descriptor and the time; [`Output::Described`] brings them.
    pub fn describe(&mut self, link: LinkId) {
        if let Some(there) = self.links.get_mut(link) {
            there.describing = Some(Vec::new());
            self.push_control(link, Cell::new(CircuitId::LINK, Command::Describe, &[]));
        }
    }

    fn want_onward_link(&mut self, relay: RelayId, handle: RelayCircuit) {
        if self.relay.as_ref().is_none_or(|side| side.relay == relay) {
            // To oneself: nobody who means well asks for that.
            return self.end_passing(handle, None, DestroyReason::Protocol);
        }
        match self.links.want(relay, Wants::Passing(handle)) {
            Got::Link(link) => self.extend_over(handle, link),
            Got::Dial => self.outputs.push_back(Output::Connect(relay)),
            Got::Wait => {}
        }
    }

    fn start_own(&mut self, now: Timestamp, rng: &mut impl CryptoRng, handle: CircuitHandle, link: LinkId) {
        let Some((_, at)) = self.own.get_mut(&handle) else { return };
        let Some(on_link) = self.links.get_mut(link).and_then(|link| link.allocate(Owner::Client(handle)))
        else {
            self.fail_own(handle, Some(0), FailureReason::Link);
            return;
        };
        *at = Some(OnLink { link, circuit: on_link });
        if let Some(Err(failure)) =
            self.with_own(handle, |circuit, out| circuit.start(on_link, now, rng, out))
        {
            self.close_own(handle, failure);
        }
    }

    fn extend_over(&mut self, handle: RelayCircuit, link: LinkId) {
        if self.passing.get(&handle).and_then(PassingCircuit::wants).is_none() {
            return;
        }
        match self.links.get_mut(link).and_then(|link| link.allocate(Owner::Onward(handle))) {
            Some(number) => {
                self.with_passing(handle, |circuit, out| circuit.extend_over(link, number, out));
            }
            None => self.cut(handle, DestroyReason::Busy),
        }
    }

    /// Runs a step of one of our circuits and carries out what it leads to. `None`: there is no such circuit.
    fn with_own<T>(
        &mut self,
        handle: CircuitHandle,
        step: impl FnOnce(&mut ClientCircuit, &mut ClientOutput) -> T,
    ) -> Option<T> {
        let (circuit, at) = self.own.get_mut(&handle)?;
        let at = at.map(|at| at.link);
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
        let circuit = cell.circuit;
        match self.links.push(to, cell) {
            Queued::Gone => return,
            Queued::Overflow => return self.kill(to, circuit),
            Queued::First => self.outputs.push_back(Output::Ready(to)),
            Queued::Behind => {}
        }
        if self.links.waiting_cells() > self.limits.waiting_cells
            && let Some((link, circuit)) = self.links.oldest()
        {
            self.kill(link, circuit);
        }
    }

    /// Queues a cell ahead of all circuits; a link that does not even take those is closed.
    fn push_control(&mut self, to: LinkId, cell: Cell) {
        match self.links.push_control(to, cell) {
            Queued::Overflow => self.close_link(to),
            Queued::First => self.outputs.push_back(Output::Ready(to)),
            Queued::Behind | Queued::Gone => {}
        }
    }

    /// Destroys a circuit for want of memory, whosever it is.
    fn kill(&mut self, link: LinkId, circuit: CircuitId) {
        match self.links.get(link).and_then(|link| link.owner(circuit)) {
            Some(Owner::Client(handle)) => self.fail_own(handle, None, FailureReason::Ours),
            Some(Owner::Back(handle) | Owner::Onward(handle)) => {
                self.end_passing(handle, None, DestroyReason::Busy)
            }
            None => {}
        }
    }

    /// Takes a circuit off a link, and says so to the other side unless it is that which said so.
    fn leave(&mut self, at: OnLink, told_by: Option<LinkId>, reason: DestroyReason) {
        if self.links.forget(at.link, at.circuit) && told_by != Some(at.link) {
            self.push_control(at.link, Cell::destroy(at.circuit, reason));
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
