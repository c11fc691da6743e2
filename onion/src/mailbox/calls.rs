//! Mailbox commands of this process's callers on their way: each is a request on its circuit's mailbox stream, and waits for its answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;

use super::client::{Client, Event, NotSent, Outcome, RequestId};
use super::message::{Signed, Waiting};
use crate::core::OnionCore;
use crate::error::CallError;
use crate::event::{FailureReason, SendError};
use crate::id::CircuitHandle;

/// A relay that has not answered a command for this long is taken for dead, or one before it swallows cells: the circuit is closed, and
/// its callers open another. Loopback takes 10 ms, a blob over four slow hops some seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Commands of one circuit.
#[derive(Debug, Default)]
struct Carried {
    client: Client,
    asked: BTreeMap<RequestId, Timestamp>,
    /// Messages that the stream has no room for yet, in order.
    unsent: VecDeque<Vec<u8>>,
}

/// What a caller is to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A command ended. Nothing is pushed for it after this unless it was a subscription that stands now.
    Answered(RequestId, Outcome),
    /// An envelope of a subscription.
    Pushed(RequestId, Waiting),
}

/// Commands of all circuits that stand.
#[derive(Debug, Default)]
pub struct Calls {
    circuits: BTreeMap<CircuitHandle, Carried>,
}

/// The core, and what a step of it takes.
pub struct Step<'a> {
    /// The core that has the circuits.
    pub core: &'a mut OnionCore,
    /// The clock.
    pub now: Timestamp,
}

impl Calls {
    /// A circuit stands: commands may be given on it.
    pub fn opened(&mut self, circuit: CircuitHandle) {
        self.circuits.entry(circuit).or_default();
    }

    /// A circuit is gone, and no answer comes of it any more.
    pub fn closed(&mut self, circuit: CircuitHandle) {
        self.circuits.remove(&circuit);
    }

    /// Asks for a new queue.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn create(
        &mut self,
        step: Step<'_>,
        circuit: CircuitHandle,
        receiver_key: [u8; 32],
        work: u64,
    ) -> Result<RequestId, CallError> {
        self.ask(step, circuit, |client| client.create(receiver_key, work))
    }

    /// Gives a command.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn command(
        &mut self,
        step: Step<'_>,
        circuit: CircuitHandle,
        signed: Signed,
    ) -> Result<RequestId, CallError> {
        self.ask(step, circuit, |client| client.command(signed))
    }

    fn ask(
        &mut self,
        step: Step<'_>,
        circuit: CircuitHandle,
        request: impl FnOnce(&mut Client) -> Result<(RequestId, Vec<u8>), NotSent>,
    ) -> Result<RequestId, CallError> {
        let carried = self.circuits.get_mut(&circuit).ok_or(CallError::CircuitGone)?;
        let (id, message) = request(&mut carried.client)?;
        carried.asked.insert(id, step.now);
        carried.unsent.push_back(message);
        carried.flush(step, circuit);
        Ok(id)
    }

    /// A circuit's stream takes messages again.
    pub fn drained(&mut self, step: Step<'_>, circuit: CircuitHandle) {
        if let Some(carried) = self.circuits.get_mut(&circuit) {
            carried.flush(step, circuit);
        }
    }

    /// A relay's message on a circuit's mailbox stream. One that is no answer of a mailbox costs it the circuit.
    pub fn message(&mut self, step: Step<'_>, circuit: CircuitHandle, untrusted: &[u8]) -> Option<Heard> {
        let carried = self.circuits.get_mut(&circuit)?;
        let was_subscribed = carried.client.is_subscribed();
        match carried.client.received(untrusted) {
            Ok(Event::Answered(id, outcome)) => {
                carried.asked.remove(&id);
                if carried.client.is_subscribed() && !was_subscribed {
                    step.core.subscribed(step.now, circuit);
                }
                Some(Heard::Answered(id, outcome))
            }
            Ok(Event::Pushed(id, waiting)) => Some(Heard::Pushed(id, waiting)),
            Ok(Event::Partial) => None,
            Err(_) => {
                step.core.abandon(step.now, circuit, FailureReason::Misbehaved);
                None
            }
        }
    }

    /// Time passes: gives up circuits whose relay does not answer.
    pub fn tick(&mut self, step: Step<'_>) {
        let now = step.now;
        // After a set-back of the clock a time-out begins anew.
        self.circuits
            .values_mut()
            .flat_map(|carried| carried.asked.values_mut())
            .for_each(|asked| *asked = (*asked).min(now));
        let overdue = |(circuit, carried): (&CircuitHandle, &Carried)| {
            carried.asked.values().any(|asked| now.since(*asked) >= ANSWER_TIMEOUT).then_some(*circuit)
        };
        let silent: Vec<_> = self.circuits.iter().filter_map(overdue).collect();
        for circuit in silent {
            step.core.abandon(now, circuit, FailureReason::Timeout);
        }
    }
}

impl Carried {
    /// Sends what the stream takes.
    fn flush(&mut self, step: Step<'_>, circuit: CircuitHandle) {
        while let Some(message) = self.unsent.front() {
            match step.core.send(step.now, circuit, message) {
                Ok(()) => drop(self.unsent.pop_front()),
                Err(SendError::QueueFull) => return,
                // Too long is no message of ours; a circuit that is gone is told of by itself.
                Err(SendError::Gone | SendError::TooLong) => return self.unsent.clear(),
            }
        }
    }
}
