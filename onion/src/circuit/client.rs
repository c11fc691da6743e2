//! The client's end of a circuit: built hop by hop, then streams to the last hop. No I/O: cells in, cells out.

use std::time::Duration;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::handshake_parts::MessageParts;
use super::streams::{StreamEvent, Streams};
use crate::cell::cgo::{ClientLayer, ClientLayers, Tag};
use crate::cell::relay_message::{DATA_BYTES, EndMessage, ToClient, ToRelay};
use crate::cell::{BODY_BYTES, Cell, CircuitId, Command, DestroyReason, HandshakeParts, RELAY_MESSAGE_BYTES};
use crate::cell::{handshake_cells, relay_message::Illegal};
use crate::event::{CircuitEvent, CircuitFailure, FailureReason, SendError};
use crate::handshake::{ANSWER_BYTES, ClientHandshake};
use crate::id::{CircuitHandle, HopInfo, Lane, RelayId, Service, StreamId};

/// A hop that has not answered for this long is taken for dead: loopback takes 1 ms, the far side of the Earth over four hops 2 s.
pub const HOP_TIMEOUT: Duration = Duration::from_secs(10);

enum State {
    /// Waits for a link, and then for the hop with the index of `ClientLayers::len` to answer.
    Building { handshake: Option<Box<ClientHandshake>>, created: HandshakeParts, extended: MessageParts },
    /// All hops are there.
    Open,
}

/// One circuit of our own.
pub struct ClientCircuit {
    handle: CircuitHandle,
    on_link: CircuitId,
    network: [u8; 32],
    route: Vec<HopInfo>,
    layers: ClientLayers,
    state: State,
    streams: Streams,
    began: Timestamp,
    deadline: Timestamp,
}

/// What a step leads to: cells for the first hop's link, and events.
#[derive(Debug, Default)]
pub struct ClientOutput {
    /// For the link, in order.
    pub cells: Vec<Cell>,
    /// For whoever asked for the circuit.
    pub events: Vec<CircuitEvent>,
}

type Step = Result<(), CircuitFailure>;

impl ClientCircuit {
    /// A circuit over `route`, not begun: its link is still to be had.
    #[must_use]
    pub fn new(
        handle: CircuitHandle,
        network: [u8; 32],
        route: Vec<HopInfo>,
        lane: Lane,
        now: Timestamp,
    ) -> Self {
        Self {
            handle,
            on_link: CircuitId::LINK,
            network,
            route,
            layers: ClientLayers::default(),
            state: State::Building {
                handshake: None,
                created: HandshakeParts::default(),
                extended: MessageParts::default(),
            },
            streams: Streams::new(lane),
            began: now,
            deadline: now.after(HOP_TIMEOUT),
        }
    }

    /// The relays, first hop first.
    #[must_use]
    pub fn route(&self) -> Vec<RelayId> {
        self.route.iter().map(|hop| hop.relay).collect()
    }

    /// Whether all hops are built.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// A failure of the hop with that index.
    #[must_use]
    pub fn failure(&self, hop: Option<usize>, reason: FailureReason) -> CircuitFailure {
        let blame = hop.and_then(|hop| Some((hop, self.route.get(hop)?.relay)));
        CircuitFailure { blame, reason, was_built: self.is_open(), began: self.began }
    }

    /// The link is there, and this is the circuit's number on it: shakes hands with the first hop.
    ///
    /// # Errors
    /// The circuit's failure: a route without hops.
    pub fn start(
        &mut self,
        on_link: CircuitId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        out: &mut ClientOutput,
    ) -> Step {
        self.on_link = on_link;
        let hello = self.next_hello(now, rng).ok_or(self.failure(None, FailureReason::Ours))?;
        out.cells.extend(handshake_cells(on_link, Command::Create, &hello));
        Ok(())
    }

    /// The handshake with the next hop that is not built.
    fn next_hello(&mut self, now: Timestamp, rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
        let hop = *self.route.get(self.layers.len())?;
        let (client, hello) = ClientHandshake::start(hop, self.network, rng);
        let State::Building { handshake, .. } = &mut self.state else { return None };
        *handshake = Some(Box::new(client));
        self.deadline = now.after(HOP_TIMEOUT);
        Some(hello)
    }

    /// A cell of this circuit came from the first hop.
    ///
    /// # Errors
    /// The circuit's failure: it is gone, destroy it.
    pub fn cell(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        cell: &mut Cell,
        out: &mut ClientOutput,
    ) -> Step {
        match cell.command {
            Command::Created => self.created(now, rng, &cell.body, out),
            Command::Relay => self.relay(now, rng, &mut cell.body, out),
            Command::Destroy => Err(self.failure(Some(0), FailureReason::Refused)),
            _ => Err(self.failure(Some(0), FailureReason::Misbehaved)),
        }
    }

    fn created(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        body: &[u8; BODY_BYTES],
        out: &mut ClientOutput,
    ) -> Step {
        let misbehaved = self.failure(Some(0), FailureReason::Misbehaved);
        let State::Building { created, handshake: Some(_), .. } = &mut self.state else {
            return Err(misbehaved);
        };
        if !self.layers.is_empty() {
            return Err(misbehaved);
        }
        match created.take(body, ANSWER_BYTES) {
            Ok(None) => Ok(()),
            Ok(Some(answer)) => self.answered(now, rng, &answer, out),
            Err(_) => Err(self.failure(Some(0), FailureReason::Handshake)),
        }
    }

    /// The hop that is being built has answered: checks it, then extends or is done.
    fn answered(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        answer: &[u8],
        out: &mut ClientOutput,
    ) -> Step {
        let hop = self.layers.len();
        let bad = self.failure(Some(hop), FailureReason::Handshake);
        let State::Building { handshake, .. } = &mut self.state else { return Err(bad) };
        let keys = handshake.take().ok_or(bad)?.finish(answer).map_err(|_| bad)?;
        self.layers.push(ClientLayer::new(&keys.towards, &keys.back));
        if self.layers.len() == self.route.len() {
            self.state = State::Open;
            let binding = keys.binding;
            out.events.push(CircuitEvent::Built { circuit: self.handle, binding, route: self.route() });
            return Ok(());
        }
        let hello = self.next_hello(now, rng).ok_or(bad)?;
        for part in hello.chunks(DATA_BYTES) {
            self.say(hop, &ToRelay::Extend(part), out);
        }
        Ok(())
    }

    /// Wraps a message for a hop.
    fn say(&mut self, hop: usize, message: &ToRelay<'_>, out: &mut ClientOutput) -> Option<Tag> {
        let mut body = [0; BODY_BYTES];
        message.write(body.last_chunk_mut()?);
        let tag = self.layers.wrap(hop, &mut body)?;
        out.cells.push(Cell { circuit: self.on_link, command: Command::Relay, body });
        Some(tag)
    }

    fn relay(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        body: &mut [u8; BODY_BYTES],
        out: &mut ClientOutput,
    ) -> Step {
        let Some((hop, tag)) = self.layers.unwrap(body) else { return Err(self.garbage()) };
        let misbehaved = self.failure(Some(hop), FailureReason::Misbehaved);
        let message: &[u8; RELAY_MESSAGE_BYTES] = body.last_chunk().ok_or(misbehaved)?;
        let last = hop + 1 == self.layers.len();
        match ToClient::parse(message).map_err(|Illegal| misbehaved)? {
            ToClient::Extended(part) if last => self.extended(now, rng, part, out),
            ToClient::Truncated(reason) if hop + 1 < self.route.len() => {
                let reason = match reason {
                    DestroyReason::Unreachable => FailureReason::Unreachable,
                    _ => FailureReason::Refused,
                };
                Err(self.failure(Some(hop + 1), reason))
            }
            ToClient::End(message) if last && self.is_open() => {
                self.streams.receive(message, tag).map_err(|_| misbehaved)?;
                self.flush(out);
                Ok(())
            }
            _ => Err(misbehaved),
        }
    }

    /// A cell that no hop made. While building, all hops but the newest have answered before, through each other: the newest is
    /// blamed. Later it cannot be known.
    fn garbage(&self) -> CircuitFailure {
        let newest = if self.is_open() { None } else { Some(self.layers.len().saturating_sub(1)) };
        self.failure(newest, FailureReason::Garbage)
    }

    fn extended(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        part: &[u8],
        out: &mut ClientOutput,
    ) -> Step {
        let newest = self.layers.len().saturating_sub(1);
        let misbehaved = self.failure(Some(newest), FailureReason::Misbehaved);
        let State::Building { extended, handshake: Some(_), .. } = &mut self.state else {
            return Err(misbehaved);
        };
        match extended.take(part, ANSWER_BYTES).map_err(|_| misbehaved)? {
            None => Ok(()),
            Some(answer) => self.answered(now, rng, &answer, out),
        }
    }

    /// Sends what may be sent, and reports what the streams have.
    fn flush(&mut self, out: &mut ClientOutput) {
        let Some(last) = self.layers.len().checked_sub(1) else { return };
        let mut buffer = [0; DATA_BYTES];
        while let Some(next) = self.streams.next(&mut buffer) {
            let Some(tag) = self.say(last, &next.to_relay(), out) else { break };
            if let Some(stream) = next.counted() {
                self.streams.sent(stream, tag);
            }
        }
        let circuit = self.handle;
        while let Some(event) = self.streams.event() {
            out.events.push(match event {
                StreamEvent::Message(stream, message) => CircuitEvent::Message { circuit, stream, message },
                StreamEvent::Drained(stream) => CircuitEvent::Drained { circuit, stream },
                StreamEvent::Ended(stream) => CircuitEvent::StreamEnded { circuit, stream },
            });
        }
    }

    /// Opens a stream to a service of the last hop.
    ///
    /// # Errors
    /// [`SendError::Gone`] before the circuit is built, [`SendError::QueueFull`] with too many streams.
    pub fn open_stream(&mut self, service: Service, out: &mut ClientOutput) -> Result<StreamId, SendError> {
        if !self.is_open() {
            return Err(SendError::Gone);
        }
        let stream = self.streams.open(service)?;
        self.flush(out);
        Ok(stream)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(
        &mut self,
        stream: StreamId,
        message: &[u8],
        out: &mut ClientOutput,
    ) -> Result<(), SendError> {
        self.streams.queue(stream, message)?;
        self.flush(out);
        Ok(())
    }

    /// What comes is not taken as fast (`true`) or is again: the last hop stops when its window is used up.
    pub fn hold(&mut self, hold: bool, out: &mut ClientOutput) {
        self.streams.set_held(hold);
        self.flush(out);
    }

    /// Ends a stream.
    pub fn end_stream(&mut self, stream: StreamId, out: &mut ClientOutput) {
        self.streams.end(stream);
        self.flush(out);
    }

    /// Says something that means nothing to the last hop, to look like more.
    pub fn pad(&mut self, out: &mut ClientOutput) {
        if let (true, Some(last)) = (self.is_open(), self.layers.len().checked_sub(1)) {
            self.say(last, &ToRelay::End(EndMessage::Padding), out);
        }
    }

    /// Time passes.
    ///
    /// # Errors
    /// The circuit's failure: the hop being built did not answer in time.
    pub fn tick(&mut self, now: Timestamp) -> Step {
        // After a set-back of the clock the time-out begins anew.
        self.deadline = self.deadline.min(now.after(HOP_TIMEOUT));
        if self.is_open() || now < self.deadline {
            return Ok(());
        }
        Err(self.failure(Some(self.layers.len()), FailureReason::Timeout))
    }
}
