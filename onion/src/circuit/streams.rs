//! The streams of one circuit, at either end: whole messages in and out, cut into DATA messages, under the windows of
//! the circuit and of each stream, round robin between streams.

use std::collections::{BTreeMap, VecDeque};

use crate::cell::cgo::Tag;
use crate::cell::relay_message::{DATA_BYTES, EndMessage, ToRelay};
use crate::event::{MESSAGE_MAX_BYTES, SendError};
use crate::flow::{ReceiveWindow, SendWindow, Windows};
use crate::id::{Lane, Service, StreamId};

/// Streams that may be open on one circuit at once. A queue or a fetch needs one or two.
pub const STREAMS_MAX: usize = 4;
/// Bytes that stand before each message.
const LENGTH_BYTES: usize = 4;

/// The other end broke the rules of streams or windows. The circuit is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other end of the circuit broke the rules")]
pub struct Violation;

/// What a stream reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// A whole message came.
    Message(StreamId, Vec<u8>),
    /// The queue that was full has room again.
    Drained(StreamId),
    /// The other end is done with the stream.
    Ended(StreamId),
}

/// Something to send next.
#[derive(Debug)]
pub enum Next<'a> {
    /// A client's OPEN.
    Open(StreamId, Service, Lane),
    /// Anything that both ends say. DATA is counted: report its tag with [`Streams::sent`].
    Message(EndMessage<'a>),
}

impl<'a> Next<'a> {
    /// As a client says it.
    #[must_use]
    pub fn to_relay(&self) -> ToRelay<'a> {
        match self {
            Self::Open(stream, service, lane) => ToRelay::Open(*stream, service.code(), lane.code()),
            Self::Message(message) => ToRelay::End(*message),
        }
    }

    /// The stream whose window this uses up.
    #[must_use]
    pub fn counted(&self) -> Option<StreamId> {
        match self {
            Self::Message(EndMessage::Data(stream, _)) => Some(*stream),
            _ => None,
        }
    }
}

#[derive(Debug)]
enum Control {
    Open(StreamId, Service),
    End(StreamId),
    Sendme(Option<StreamId>, Tag),
}

#[derive(Debug)]
struct Stream {
    service: Service,
    send: SendWindow,
    receive: ReceiveWindow,
    outgoing: VecDeque<u8>,
    incoming: Vec<u8>,
    refused: bool,
    ending: bool,
}

/// All streams of a circuit.
#[derive(Debug)]
pub struct Streams {
    lane: Lane,
    send: SendWindow,
    receive: ReceiveWindow,
    highest: u16,
    open: BTreeMap<StreamId, Stream>,
    turns: VecDeque<StreamId>,
    control: VecDeque<Control>,
    held: Option<Vec<(Option<StreamId>, Tag)>>,
    events: VecDeque<StreamEvent>,
}

impl Streams {
    /// None yet.
    #[must_use]
    pub fn new(lane: Lane) -> Self {
        let windows = Windows::of(lane);
        Self {
            lane,
            send: SendWindow::new(windows.circuit),
            receive: ReceiveWindow::new(windows.circuit),
            highest: 0,
            open: BTreeMap::new(),
            turns: VecDeque::new(),
            control: VecDeque::new(),
            held: None,
            events: VecDeque::new(),
        }
    }

    /// Opens a stream as the client.
    ///
    /// # Errors
    /// [`SendError::QueueFull`]: [`STREAMS_MAX`] are open, or all numbers of this circuit are used.
    pub fn open(&mut self, service: Service) -> Result<StreamId, SendError> {
        if self.open.len() >= STREAMS_MAX {
            return Err(SendError::QueueFull);
        }
        self.highest = self.highest.checked_add(1).ok_or(SendError::QueueFull)?;
        let id = StreamId(self.highest);
        self.insert(id, service);
        self.control.push_back(Control::Open(id, service));
        Ok(id)
    }

    /// Takes a client's OPEN as the relay. Numbers rise, so that what is still on its way for an ended stream is never
    /// taken for a new one. The first OPEN says what lane the circuit is of; windows follow from it.
    ///
    /// # Errors
    /// [`Violation`]: a number that does not rise, an unknown lane or another one than before, too many streams.
    pub fn accept(&mut self, id: StreamId, service: u8, lane: u8) -> Result<(), Violation> {
        let lane = Lane::from_code(lane).ok_or(Violation)?;
        if self.highest == 0 {
            *self = Self::new(lane);
        }
        if lane != self.lane || id.0 <= self.highest || self.open.len() >= STREAMS_MAX {
            return Err(Violation);
        }
        self.highest = id.0;
        match Service::from_code(service) {
            Some(service) => self.insert(id, service),
            None => self.control.push_back(Control::End(id)),
        }
        Ok(())
    }

    fn insert(&mut self, id: StreamId, service: Service) {
        let cells = Windows::of(self.lane).stream;
        let stream = Stream {
            service,
            send: SendWindow::new(cells),
            receive: ReceiveWindow::new(cells),
            outgoing: VecDeque::new(),
            incoming: Vec::new(),
            refused: false,
            ending: false,
        };
        self.open.insert(id, stream);
    }

    /// Bytes that may wait in a stream before it takes no more: a window's worth.
    fn queue_max_bytes(&self) -> usize {
        usize::from(Windows::of(self.lane).circuit) * DATA_BYTES
    }

    /// Queues a message.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn queue(&mut self, id: StreamId, message: &[u8]) -> Result<(), SendError> {
        if message.len() > MESSAGE_MAX_BYTES {
            return Err(SendError::TooLong);
        }
        let length = u32::try_from(message.len()).map_err(|_| SendError::TooLong)?;
        let full = self.queue_max_bytes();
        let stream = self.open.get_mut(&id).filter(|stream| !stream.ending).ok_or(SendError::Gone)?;
        if stream.outgoing.len() >= full {
            stream.refused = true;
            return Err(SendError::QueueFull);
        }
        if stream.outgoing.is_empty() {
            self.turns.push_back(id);
        }
        stream.outgoing.extend(length.to_be_bytes());
        stream.outgoing.extend(message);
        Ok(())
    }

    /// Ends a stream once what was queued is sent.
    pub fn end(&mut self, id: StreamId) {
        if let Some(stream) = self.open.get_mut(&id) {
            stream.ending = true;
            if stream.outgoing.is_empty() {
                self.open.remove(&id);
                self.control.push_back(Control::End(id));
            }
        }
    }

    /// Whoever takes what comes is behind (`true`): from now on SENDMEs are held back, and the other end stops when its window is used
    /// up. Or not any more: those that were held back are sent.
    pub fn set_held(&mut self, hold: bool) {
        if hold {
            self.held.get_or_insert_default();
            return;
        }
        for (stream, tag) in self.held.take().unwrap_or_default() {
            self.acknowledge(stream, tag);
        }
    }

    /// What is to be sent next, or `None`: nothing, or the windows are closed. Data is put into `buffer`.
    pub fn next<'a>(&mut self, buffer: &'a mut [u8; DATA_BYTES]) -> Option<Next<'a>> {
        match self.control.pop_front() {
            Some(Control::Open(id, service)) => return Some(Next::Open(id, service, self.lane)),
            Some(Control::End(id)) => return Some(Next::Message(EndMessage::End(id))),
            Some(Control::Sendme(id, tag)) => return Some(Next::Message(EndMessage::Sendme(id, tag))),
            None => {}
        }
        if !self.send.is_open() {
            return None;
        }
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            let low = self.queue_max_bytes() / 2;
            let Some(stream) = self.open.get_mut(&id).filter(|stream| !stream.outgoing.is_empty()) else {
                continue;
            };
            if !stream.send.is_open() {
                self.turns.push_back(id);
                continue;
            }
            let length = take_front(&mut stream.outgoing, buffer);
            if stream.outgoing.len() < low && std::mem::take(&mut stream.refused) {
                self.events.push_back(StreamEvent::Drained(id));
            }
            if !stream.outgoing.is_empty() {
                self.turns.push_back(id);
            }
            return Some(Next::Message(EndMessage::Data(id, buffer.get(..length)?)));
        }
        None
    }

    /// A counted message of that stream went out in a cell with that tag.
    pub fn sent(&mut self, id: StreamId, tag: Tag) {
        self.send.sent(tag);
        if let Some(stream) = self.open.get_mut(&id) {
            stream.send.sent(tag);
            if stream.ending && stream.outgoing.is_empty() {
                self.open.remove(&id);
                self.control.push_back(Control::End(id));
            }
        }
    }

    /// A message of the other end, in a cell with that tag.
    ///
    /// # Errors
    /// [`Violation`].
    pub fn receive(&mut self, message: EndMessage<'_>, tag: Tag) -> Result<(), Violation> {
        match message {
            EndMessage::Data(id, data) => self.receive_data(id, data, tag),
            EndMessage::End(id) if id.0 <= self.highest => {
                if self.open.remove(&id).is_some() {
                    self.events.push_back(StreamEvent::Ended(id));
                }
                Ok(())
            }
            EndMessage::Sendme(None, counted) => self.send.acknowledged(&counted).map_err(|_| Violation),
            EndMessage::Sendme(Some(id), counted) if id.0 <= self.highest => match self.open.get_mut(&id) {
                Some(stream) => stream.send.acknowledged(&counted).map_err(|_| Violation),
                None => Ok(()),
            },
            EndMessage::Padding => Ok(()),
            EndMessage::End(_) | EndMessage::Sendme(..) => Err(Violation),
        }
    }

    fn receive_data(&mut self, id: StreamId, data: &[u8], tag: Tag) -> Result<(), Violation> {
        if id.0 > self.highest {
            return Err(Violation);
        }
        if self.receive.received().map_err(|_| Violation)? {
            self.acknowledge_or_hold(None, tag);
        }
        // A stream that was ended here: its last cells were on their way.
        let Some(stream) = self.open.get_mut(&id) else { return Ok(()) };
        let due = stream.receive.received().map_err(|_| Violation)?;
        stream.incoming.extend_from_slice(data);
        while let Some(message) = whole_message(&mut stream.incoming)? {
            self.events.push_back(StreamEvent::Message(id, message));
        }
        if due {
            self.acknowledge_or_hold(Some(id), tag);
        }
        Ok(())
    }

    fn acknowledge_or_hold(&mut self, stream: Option<StreamId>, tag: Tag) {
        match &mut self.held {
            Some(held) => held.push((stream, tag)),
            None => self.acknowledge(stream, tag),
        }
    }

    fn acknowledge(&mut self, stream: Option<StreamId>, tag: Tag) {
        match stream {
            None => self.receive.acknowledged(),
            Some(id) => match self.open.get_mut(&id) {
                Some(stream) => stream.receive.acknowledged(),
                None => return,
            },
        }
        self.control.push_back(Control::Sendme(stream, tag));
    }

    /// The next thing that happened.
    pub fn event(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    /// The service that an open stream is for.
    #[must_use]
    pub fn service(&self, id: StreamId) -> Option<Service> {
        self.open.get(&id).map(|stream| stream.service)
    }

    /// All open streams.
    pub fn ids(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.open.keys().copied()
    }

    /// Bytes of messages that are held, half come or not yet sent.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.open.values().map(|stream| stream.incoming.len() + stream.outgoing.len()).sum()
    }

    /// Whether no stream was ever opened.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.highest == 0
    }
}

/// Moves up to a message's worth of bytes from the front of the queue into `buffer`; answers how many.
fn take_front(queue: &mut VecDeque<u8>, buffer: &mut [u8; DATA_BYTES]) -> usize {
    let length = queue.len().min(DATA_BYTES);
    for (to, from) in buffer.iter_mut().zip(queue.drain(..length)) {
        *to = from;
    }
    if queue.is_empty() {
        // An idle stream keeps no memory.
        *queue = VecDeque::new();
    }
    length
}

/// Takes the first whole message off the front of what came.
fn whole_message(incoming: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Violation> {
    let Some((length, rest)) = incoming.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Violation)?;
    if length > MESSAGE_MAX_BYTES {
        return Err(Violation);
    }
    if rest.len() < length {
        return Ok(None);
    }
    let after = incoming.split_off(LENGTH_BYTES + length);
    let mut message = std::mem::replace(incoming, after);
    message.drain(..LENGTH_BYTES);
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Carries everything that is sendable from one end to the other; answers how many cells were counted.
    fn carry(from: &mut Streams, to: &mut Streams, serial: &mut u8) -> usize {
        let mut counted = 0;
        let mut buffer = [0; DATA_BYTES];
        while let Some(next) = from.next(&mut buffer) {
            *serial = serial.wrapping_add(1);
            let tag = [*serial; 16];
            let stream = next.counted();
            match next {
                Next::Open(id, service, lane) => to.accept(id, service.code(), lane.code()).unwrap(),
                Next::Message(message) => to.receive(message, tag).unwrap(),
            }
            if let Some(stream) = stream {
                from.sent(stream, tag);
                counted += 1;
            }
        }
        counted
    }

    fn messages(streams: &mut Streams) -> Vec<(StreamId, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some(event) = streams.event() {
            if let StreamEvent::Message(id, bytes) = event {
                all.push((id, bytes));
            }
        }
        all
    }

    proptest! {
        #[test]
        fn messages_of_any_length_arrive_whole_and_in_order(
            lengths in prop::collection::vec(0_usize..5_000, 1..20), bulk in any::<bool>(),
        ) {
            let lane = if bulk { Lane::Bulk } else { Lane::Text };
            let (mut client, mut relay) = (Streams::new(lane), Streams::new(Lane::Text));
            let id = client.open(Service::Mailbox).unwrap();
            let sent: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(n, length)| vec![u8::try_from(n).unwrap(); *length]).collect();
            let mut serial = 0;
            let mut got = Vec::new();
            for message in &sent {
                client.queue(id, message).unwrap();
                carry(&mut client, &mut relay, &mut serial);
                carry(&mut relay, &mut client, &mut serial);
                got.extend(messages(&mut relay));
            }
            while carry(&mut client, &mut relay, &mut serial) > 0 {
                carry(&mut relay, &mut client, &mut serial);
            }
            got.extend(messages(&mut relay));
            prop_assert_eq!(got, sent.into_iter().map(|message| (id, message)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_envelope_of_4096_bytes_takes_nine_cells() {
        let (mut client, mut relay) = (Streams::new(Lane::Text), Streams::new(Lane::Text));
        let id = client.open(Service::Mailbox).unwrap();
        client.queue(id, &[7; 4_096 + 200]).unwrap();
        assert_eq!(carry(&mut client, &mut relay, &mut 0), 9);
    }

    #[test]
    fn without_sendmes_no_more_than_the_stream_window_is_sent() {
        let (mut client, mut relay) = (Streams::new(Lane::Text), Streams::new(Lane::Text));
        relay.accept(StreamId(1), 1, 0).unwrap();
        relay.set_held(true);
        let id = client.open(Service::Mailbox).unwrap();
        client.control.clear();
        client.queue(id, &[7; 70_000]).unwrap();
        client.queue(id, &[8; 70_000]).unwrap();
        assert_eq!(client.queue(id, &[9; 10]), Err(SendError::QueueFull));
        assert_eq!(carry(&mut client, &mut relay, &mut 0), 128);
        assert_eq!(carry(&mut client, &mut relay, &mut 200), 0);
        relay.set_held(false);
        carry(&mut relay, &mut client, &mut 100);
        assert_eq!(carry(&mut client, &mut relay, &mut 200), 128);
        assert_eq!(client.event(), Some(StreamEvent::Drained(id)));
    }

    #[test]
    fn streams_take_turns() {
        let mut client = Streams::new(Lane::Text);
        let (a, b) = (client.open(Service::Mailbox).unwrap(), client.open(Service::Directory).unwrap());
        client.queue(a, &[1; 2_000]).unwrap();
        client.queue(b, &[2; 2_000]).unwrap();
        let mut order = Vec::new();
        let mut buffer = [0; DATA_BYTES];
        while let Some(next) = client.next(&mut buffer) {
            if let Some(id) = next.counted() {
                order.push(id);
                client.sent(id, [0; 16]);
            }
        }
        assert_eq!(order[..4], [a, b, a, b]);
    }

    #[test]
    fn what_is_not_legal_is_a_violation() {
        let mut relay = Streams::new(Lane::Text);
        let data = [0, 0, 0, 1, 9];
        assert_eq!(
            relay.receive(EndMessage::Data(StreamId(1), &data), [0; 16]),
            Err(Violation),
            "never opened"
        );
        assert_eq!(relay.receive(EndMessage::Sendme(None, [0; 16]), [0; 16]), Err(Violation), "early");
        assert_eq!(relay.receive(EndMessage::End(StreamId(1)), [0; 16]), Err(Violation), "never opened");
        relay.accept(StreamId(5), 1, 0).unwrap();
        assert_eq!(relay.accept(StreamId(5), 1, 0), Err(Violation), "numbers rise");
        assert_eq!(relay.accept(StreamId(6), 1, 1), Err(Violation), "one lane a circuit");
        assert_eq!(relay.accept(StreamId(7), 1, 9), Err(Violation), "unknown lane");
        let long = u32::try_from(MESSAGE_MAX_BYTES + 1).unwrap().to_be_bytes();
        assert_eq!(
            relay.receive(EndMessage::Data(StreamId(5), &long), [0; 16]),
            Err(Violation),
            "too long a message"
        );
    }

    #[test]
    fn more_data_than_the_window_is_a_violation_even_for_ended_streams() {
        let mut relay = Streams::new(Lane::Text);
        relay.accept(StreamId(1), 1, 0).unwrap();
        relay.set_held(true);
        relay.end(StreamId(1));
        for _ in 0..256 {
            relay.receive(EndMessage::Data(StreamId(1), &[0]), [0; 16]).unwrap();
        }
        assert_eq!(relay.receive(EndMessage::Data(StreamId(1), &[0]), [0; 16]), Err(Violation));
    }

    #[test]
    fn a_service_that_is_not_known_is_answered_with_end() {
        let (mut client, mut relay) = (Streams::new(Lane::Text), Streams::new(Lane::Text));
        let id = client.open(Service::Mailbox).unwrap();
        relay.accept(id, 99, 0).unwrap();
        carry(&mut relay, &mut client, &mut 0);
        assert_eq!(client.event(), Some(StreamEvent::Ended(id)));
        assert_eq!(client.queue(id, &[1]), Err(SendError::Gone));
    }

    #[test]
    fn end_goes_after_what_was_queued() {
        let (mut client, mut relay) = (Streams::new(Lane::Text), Streams::new(Lane::Text));
        let id = client.open(Service::Mailbox).unwrap();
        client.queue(id, &[1; 1_000]).unwrap();
        client.end(id);
        carry(&mut client, &mut relay, &mut 0);
        assert_eq!(relay.event(), Some(StreamEvent::Message(id, vec![1; 1_000])));
        assert_eq!(relay.event(), Some(StreamEvent::Ended(id)));
    }
}
