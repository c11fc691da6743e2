//! One circuit of somebody else at this relay: cells are passed on both ways, and what is recognised is obeyed. No I/O.

use std::time::Duration;

use ipc_schema::Timestamp;

use crate::cell::cgo::RelayHalf;
use crate::cell::relay_message::{DATA_BYTES, EndMessage, ToClient, ToRelay};
use crate::cell::{
    BODY_BYTES, Cell, CircuitId, Command, DestroyReason, HandshakeParts, OnLink, RELAY_MESSAGE_BYTES,
};
use crate::circuit::handshake_parts::MessageParts;
use crate::circuit::streams::{Next as NextMessage, StreamEvent, Streams};
use crate::event::{SendError, ServiceEvent, ServiceMessage, StreamRef};
use crate::handshake::{ANSWER_BYTES, HELLO_BYTES, HopKeys, asked_relay};
use crate::id::{Lane, LinkId, RelayCircuit, RelayId, StreamId};

/// The next relay has this long to answer a CREATE: less than a client waits, so that the client hears who it was.
pub const EXTEND_TIMEOUT: Duration = Duration::from_secs(8);

/// Where the circuit goes on.
#[derive(Debug)]
enum Onward {
    /// It ends here.
    Nowhere,
    /// A link to that relay is being had; the handshake waits.
    Wanted { relay: RelayId, hello: Vec<u8>, deadline: Timestamp },
    /// CREATE was sent; the answer's parts are collected.
    Creating { link: LinkId, circuit: CircuitId, parts: HandshakeParts, deadline: Timestamp },
    /// It goes on there.
    Joined { link: LinkId, circuit: CircuitId },
    /// It went on and was cut; the client has been told.
    Cut,
}

/// A circuit that came in over a link.
#[derive(Debug)]
pub struct PassingCircuit {
    handle: RelayCircuit,
    back: OnLink,
    binding: [u8; 32],
    from_client: RelayHalf,
    to_client: RelayHalf,
    onward: Onward,
    extend: MessageParts,
    streams: Streams,
}

/// What a step leads to.
#[derive(Debug, Default)]
pub struct RelayOutput {
    /// Cells with the link that they go out on.
    pub cells: Vec<(LinkId, Cell)>,
    /// For the services.
    pub events: Vec<ServiceEvent>,
    /// A link to that relay is wanted; answer with [`PassingCircuit::extend_over`] or [`PassingCircuit::cut`].
    pub connect: Option<RelayId>,
}

/// The circuit broke the protocol: destroy it both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

type Step = Result<(), Broken>;

impl PassingCircuit {
    /// A circuit whose handshake was just answered.
    #[must_use]
    pub fn new(handle: RelayCircuit, back: OnLink, keys: &HopKeys) -> Self {
        Self {
            handle,
            back,
            binding: keys.binding,
            from_client: RelayHalf::new(&keys.towards),
            to_client: RelayHalf::new(&keys.back),
            onward: Onward::Nowhere,
            extend: MessageParts::default(),
            streams: Streams::new(Lane::Text),
        }
    }

    /// Link and number towards the client.
    #[must_use]
    pub fn back(&self) -> OnLink {
        self.back
    }

    /// Link and number away from the client, if it goes on.
    #[must_use]
    pub fn onward(&self) -> Option<OnLink> {
        match self.onward {
            Onward::Creating { link, circuit, .. } | Onward::Joined { link, circuit } => {
                Some(OnLink { link, circuit })
            }
            _ => None,
        }
    }

    /// A RELAY cell from the client's side.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn client_cell(&mut self, now: Timestamp, mut cell: Cell, out: &mut RelayOutput) -> Step {
        let Some(tag) = self.from_client.outward(&mut cell.body) else {
            return match self.onward {
                Onward::Joined { link, circuit } => {
                    cell.circuit = circuit;
                    out.cells.push((link, cell));
                    Ok(())
                }
                // What was on its way when the rest was cut off.
                Onward::Cut => Ok(()),
                _ => Err(Broken),
            };
        };
        let message: &[u8; RELAY_MESSAGE_BYTES] = cell.body.last_chunk().ok_or(Broken)?;
        match ToRelay::parse(message).map_err(|_| Broken)? {
            ToRelay::Extend(part) => self.extend(now, part, out),
            ToRelay::Open(stream, service, lane) => {
                self.is_end()?;
                self.streams.accept(stream, service, lane).map_err(|_| Broken)?;
                self.flush(out);
                Ok(())
            }
            ToRelay::End(message) => {
                self.is_end()?;
                self.streams.receive(message, tag).map_err(|_| Broken)?;
                self.flush(out);
                Ok(())
            }
        }
    }

    /// Streams are for the last relay only: a relay in the middle serves nothing.
    fn is_end(&self) -> Step {
        if matches!(self.onward, Onward::Nowhere) { Ok(()) } else { Err(Broken) }
    }

    fn extend(&mut self, now: Timestamp, part: &[u8], out: &mut RelayOutput) -> Step {
        self.is_end()?;
        if !self.streams.is_unused() {
            return Err(Broken);
        }
        let Some(hello) = self.extend.take(part, HELLO_BYTES).map_err(|_| Broken)? else { return Ok(()) };
        let relay = asked_relay(&hello).ok_or(Broken)?;
        self.onward = Onward::Wanted { relay, hello, deadline: now.after(EXTEND_TIMEOUT) };
        out.connect = Some(relay);
        Ok(())
    }

    /// The relay that this circuit waits for, if it waits for a link.
    #[must_use]
    pub fn wants(&self) -> Option<RelayId> {
        match &self.onward {
            Onward::Wanted { relay, .. } => Some(*relay),
            _ => None,
        }
    }

    /// The link is there; `circuit` is the number on it.
    pub fn extend_over(&mut self, link: LinkId, circuit: CircuitId, out: &mut RelayOutput) {
        let onward = std::mem::replace(&mut self.onward, Onward::Nowhere);
        let Onward::Wanted { hello, deadline, .. } = onward else {
            self.onward = onward;
            return;
        };
        for cell in crate::cell::handshake_cells(circuit, Command::Create, &hello) {
            out.cells.push((link, cell));
        }
        self.onward = Onward::Creating { link, circuit, parts: HandshakeParts::default(), deadline };
    }

    /// A cell from the side away from the client. DESTROY is not among them: see [`Self::cut`].
    ///
    /// # Errors
    /// [`Broken`]: the next relay broke the protocol; cut it off.
    pub fn onward_cell(&mut self, mut cell: Cell, out: &mut RelayOutput) -> Step {
        match (&mut self.onward, cell.command) {
            (Onward::Joined { .. }, Command::Relay) => {
                self.to_client.inward(&mut cell.body);
                cell.circuit = self.back.circuit;
                out.cells.push((self.back.link, cell));
                Ok(())
            }
            (Onward::Creating { link, circuit, parts, .. }, Command::Created) => {
                let (link, circuit) = (*link, *circuit);
                let Some(answer) = parts.take(&cell.body, ANSWER_BYTES).map_err(|_| Broken)? else {
                    return Ok(());
                };
                self.onward = Onward::Joined { link, circuit };
                for part in answer.chunks(DATA_BYTES) {
                    self.say(&ToClient::Extended(part), out);
                }
                Ok(())
            }
            _ => Err(Broken),
        }
    }

    /// There is nothing (any more) beyond this relay: tells the client.
    pub fn cut(&mut self, reason: DestroyReason, out: &mut RelayOutput) {
        if !matches!(self.onward, Onward::Nowhere | Onward::Cut) {
            self.onward = Onward::Cut;
            self.say(&ToClient::Truncated(reason), out);
        }
    }

    /// Whether the next relay is overdue; then [`Self::cut`] it.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        match &self.onward {
            // Beyond the time-out: the clock was set back.
            Onward::Wanted { deadline, .. } | Onward::Creating { deadline, .. } => {
                now >= *deadline || *deadline > now.after(EXTEND_TIMEOUT)
            }
            _ => false,
        }
    }

    /// Says something to the client; answers the cell's tag.
    fn say(&mut self, message: &ToClient<'_>, out: &mut RelayOutput) -> Option<crate::cell::cgo::Tag> {
        let mut body = [0; BODY_BYTES];
        message.write(body.last_chunk_mut()?);
        let tag = self.to_client.originate(&mut body);
        out.cells.push((self.back.link, Cell { circuit: self.back.circuit, command: Command::Relay, body }));
        Some(tag)
    }

    /// Queues a message of a service.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn reply(
        &mut self,
        stream: StreamId,
        message: &[u8],
        out: &mut RelayOutput,
    ) -> Result<(), SendError> {
        self.streams.queue(stream, message)?;
        self.flush(out);
        Ok(())
    }

    /// A service ends a stream.
    pub fn end_stream(&mut self, stream: StreamId, out: &mut RelayOutput) {
        self.streams.end(stream);
        self.flush(out);
    }

    /// Its services are behind (`true`) or not any more: the client stops when its window is used up.
    pub fn hold(&mut self, hold: bool, out: &mut RelayOutput) {
        self.streams.set_held(hold);
        self.flush(out);
    }

    fn flush(&mut self, out: &mut RelayOutput) {
        self.report(out);
        let mut buffer = [0; DATA_BYTES];
        while let Some(next) = self.streams.next(&mut buffer) {
            let stream = next.counted();
            // A relay opens no streams.
            let NextMessage::Message(message) = next else { continue };
            let Some(tag) = self.say(&ToClient::End(message), out) else { break };
            if let Some(stream) = stream {
                self.streams.sent(stream, tag);
            }
        }
        self.report(out);
    }

    fn report(&mut self, out: &mut RelayOutput) {
        while let Some(event) = self.streams.event() {
            match event {
                StreamEvent::Message(stream, message) => {
                    let Some(service) = self.streams.service(stream) else { continue };
                    let from = StreamRef { circuit: self.handle, stream };
                    let message = ServiceMessage { from, service, binding: self.binding, message };
                    out.events.push(ServiceEvent::Message(message));
                }
                StreamEvent::Drained(stream) => out.events.push(ServiceEvent::Drained(self.name(stream))),
                StreamEvent::Ended(stream) => out.events.push(ServiceEvent::Ended(self.name(stream))),
            }
        }
    }

    fn name(&self, stream: StreamId) -> StreamRef {
        StreamRef { circuit: self.handle, stream }
    }

    /// The circuit is gone: its streams with it.
    pub fn gone(&self, out: &mut RelayOutput) {
        out.events.extend(self.streams.ids().map(|stream| ServiceEvent::Ended(self.name(stream))));
    }

    /// Bytes that its streams hold.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.streams.held_bytes()
    }

    /// Says something that means nothing to the client (docs/protocol/circuits.md, "Relay message: 493 B", PADDING).
    pub fn pad(&mut self, out: &mut RelayOutput) {
        self.say(&ToClient::End(EndMessage::Padding), out);
    }
}
