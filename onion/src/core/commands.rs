//! Mailbox commands of this process's callers on their way: each is a request on its circuit's mailbox stream, and waits for its answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;

use super::event::{Ask, AskError, AskId, CircuitsEvent, CommandsEvent, Event, Output, Pushed};
use super::turn::Turn;
use crate::event::{FailureReason, SendError};
use crate::id::{CircuitHandle, Lane, StreamId};
use crate::mailbox::message::Answer;
use crate::mailbox::{Client, Event as Heard, Outcome, RequestId};

/// A relay that has not answered a command for this long is taken for dead, or one before it swallows cells: the circuit is closed, and
/// its callers open another. Loopback takes 10 ms, a blob over four slow hops some seconds. On a bulk circuit an answer may stand behind
/// a window of chunks, which over a slow line takes longer than that: there whatever comes is a sign of life.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// One circuit's mailbox stream.
#[derive(Debug)]
struct Stream {
    id: StreamId,
    lane: Lane,
    client: Client,
    asked: BTreeMap<RequestId, (AskId, Timestamp)>,
    /// When the relay last said anything.
    heard: Timestamp,
    subscriptions: BTreeMap<RequestId, AskId>,
    /// Messages that the stream has no room for yet, in order.
    unsent: VecDeque<Vec<u8>>,
}

/// The commands on all circuits that stand.
#[derive(Debug, Default)]
pub(super) struct Commands {
    streams: BTreeMap<CircuitHandle, Stream>,
}

impl Commands {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: CommandsEvent) {
        match event {
            CommandsEvent::Opened(circuit, stream, lane) => {
                self.streams.insert(circuit, Stream::new(stream, lane, turn.now));
            }
            CommandsEvent::Ask(id, circuit, ask) => {
                if let Err(error) = self.ask(turn, id, circuit, ask) {
                    turn.tell(Output::Answered(id, Err(error)));
                }
            }
            CommandsEvent::Overrun(id) => {
                if let Some(circuit) = self.bringing(id) {
                    turn.wish(Event::Circuits(CircuitsEvent::Abandon(circuit, FailureReason::Misbehaved)));
                }
            }
            CommandsEvent::Behind(id, behind) => {
                if let Some(circuit) = self.bringing(id) {
                    turn.network.hold_own(circuit, behind);
                }
            }
            CommandsEvent::Message(circuit, untrusted) => self.message(turn, circuit, &untrusted),
            CommandsEvent::Drained(circuit) => {
                if let Some(stream) = self.streams.get_mut(&circuit) {
                    stream.flush(turn, circuit);
                }
            }
            CommandsEvent::Closed(circuit) => self.closed(turn, circuit),
            CommandsEvent::Tick => self.give_up_silent(turn),
        }
    }

    fn ask(&mut self, turn: &mut Turn, id: AskId, circuit: CircuitHandle, ask: Ask) -> Result<(), AskError> {
        let stream = self.streams.get_mut(&circuit).ok_or(AskError::CircuitGone)?;
        let (request, message) = match ask {
            Ask::Create { receiver_key, work } => stream.client.create(receiver_key, work)?,
            Ask::Give(signed) => stream.client.command(signed)?,
        };
        stream.asked.insert(request, (id, turn.now));
        stream.unsent.push_back(message);
        stream.flush(turn, circuit);
        Ok(())
    }

    /// The circuit on which that command brings something.
    fn bringing(&self, id: AskId) -> Option<CircuitHandle> {
        let brings = |stream: &Stream| {
            let asked = stream.asked.values().map(|(id, _)| id);
            stream.subscriptions.values().chain(asked).any(|known| *known == id)
        };
        self.streams.iter().find(|(_, stream)| brings(stream)).map(|(circuit, _)| *circuit)
    }

    /// One that is no answer of a mailbox costs the relay the circuit.
    fn message(&mut self, turn: &mut Turn, circuit: CircuitHandle, untrusted: &[u8]) {
        let Some(stream) = self.streams.get_mut(&circuit) else { return };
        let was_subscribed = stream.client.is_subscribed();
        stream.heard = turn.now;
        match stream.client.received(untrusted) {
            Ok(Heard::Answered(request, outcome)) => {
                let Some((id, _)) = stream.asked.remove(&request) else { return };
                if outcome == Outcome::Answer(Answer::Ok) && stream.client.is_subscription(request) {
                    stream.subscriptions.insert(request, id);
                }
                if stream.client.is_subscribed() && !was_subscribed {
                    turn.wish(Event::Circuits(CircuitsEvent::Subscribed(circuit)));
                }
                turn.tell(Output::Answered(id, Ok(outcome)));
            }
            Ok(Heard::Pushed(request, waiting)) => {
                if let Some(id) = stream.subscriptions.get(&request) {
                    turn.tell(Output::Pushed(*id, Pushed::Envelope(waiting)));
                }
            }
            Ok(Heard::Chunk(request, chunk)) => {
                let fetched = || stream.asked.get(&request).map(|(id, _)| id);
                if let Some(id) = stream.subscriptions.get(&request).or_else(fetched) {
                    turn.tell(Output::Pushed(*id, Pushed::Chunk(chunk)));
                }
            }
            Ok(Heard::Partial) => {}
            Err(_) => {
                turn.wish(Event::Circuits(CircuitsEvent::Abandon(circuit, FailureReason::Misbehaved)));
            }
        }
    }

    fn closed(&mut self, turn: &mut Turn, circuit: CircuitHandle) {
        if let Some(stream) = self.streams.remove(&circuit) {
            for (id, _) in stream.asked.into_values() {
                turn.tell(Output::Answered(id, Err(AskError::CircuitGone)));
            }
            for id in stream.subscriptions.into_values() {
                turn.tell(Output::Ended(id));
            }
        }
        turn.tell(Output::Closed(circuit));
    }

    /// Gives up circuits whose relay does not answer.
    fn give_up_silent(&mut self, turn: &mut Turn) {
        for (circuit, stream) in &mut self.streams {
            // After a set-back of the clock a time-out begins anew.
            stream.heard = stream.heard.min(turn.now);
            let sign = if stream.lane == Lane::Bulk { stream.heard } else { Timestamp(0) };
            let mut asked = stream.asked.values_mut();
            let overdue = |(_, since): &mut (AskId, Timestamp)| {
                *since = (*since).min(turn.now);
                turn.now.since((*since).max(sign)) >= ANSWER_TIMEOUT
            };
            if asked.any(overdue) {
                turn.wish(Event::Circuits(CircuitsEvent::Abandon(*circuit, FailureReason::Timeout)));
            }
        }
    }
}

impl Stream {
    fn new(id: StreamId, lane: Lane, now: Timestamp) -> Self {
        Self {
            id,
            lane,
            heard: now,
            client: Client::default(),
            asked: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            unsent: VecDeque::new(),
        }
    }

    /// Sends what the stream takes.
    fn flush(&mut self, turn: &mut Turn, circuit: CircuitHandle) {
        while let Some(message) = self.unsent.front() {
            match turn.network.send(circuit, self.id, message) {
                Ok(()) => drop(self.unsent.pop_front()),
                Err(SendError::QueueFull) => return,
                // Too long is no message of ours; a circuit that is gone is told of by itself.
                Err(SendError::Gone | SendError::TooLong) => return self.unsent.clear(),
            }
        }
    }
}
