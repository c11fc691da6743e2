//! Callers' mailbox commands on their way: each is a request on its circuit's mailbox stream, and waits for its answer.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::limits::UNACKED_MAX;
use tokio::sync::{mpsc, oneshot};

use crate::core::{FailureReason, SendError};
use crate::error::CallError;
use crate::id::CircuitHandle;
use crate::mailbox::client::{Client, Event, NotSent, Outcome, RequestId};
use crate::mailbox::message::{Signed, Waiting};
use crate::shell::Shell;

/// A relay that has not answered a command for this long is taken for dead, or one before it swallows cells: the circuit is closed, and
/// its callers open another. Loopback takes 10 ms, a blob over four slow hops some seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Commands of one circuit.
#[derive(Default)]
pub struct Carried {
    client: Client,
    waiting: HashMap<RequestId, (Timestamp, oneshot::Sender<Outcome>)>,
    pushes: HashMap<RequestId, mpsc::Sender<Waiting>>,
    /// Messages that the stream has no room for yet, in order.
    unsent: VecDeque<Vec<u8>>,
}

/// An answer that is on its way, and what is pushed after it.
pub struct Asked {
    /// How the command ended; fails when the circuit dies.
    pub outcome: oneshot::Receiver<Outcome>,
    /// Envelopes of a subscription.
    pub pushes: mpsc::Receiver<Waiting>,
}

impl Shell {
    /// Asks for a new queue.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn ask_create(
        self: &Rc<Self>,
        circuit: CircuitHandle,
        receiver_key: [u8; 32],
        work: u64,
    ) -> Result<Asked, CallError> {
        self.ask(circuit, |client| client.create(receiver_key, work))
    }

    /// Gives a command.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn ask_command(self: &Rc<Self>, circuit: CircuitHandle, signed: Signed) -> Result<Asked, CallError> {
        self.ask(circuit, |client| client.command(signed))
    }

    fn ask(
        self: &Rc<Self>,
        circuit: CircuitHandle,
        request: impl FnOnce(&mut Client) -> Result<(RequestId, Vec<u8>), NotSent>,
    ) -> Result<Asked, CallError> {
        let (tell, outcome) = oneshot::channel();
        // A relay may have as many un-acked envelopes on their way as a subscription allows, and no more.
        let (push, pushes) = mpsc::channel(UNACKED_MAX);
        {
            let mut all = self.carried.borrow_mut();
            let carried = all.get_mut(&circuit).ok_or(CallError::CircuitGone)?;
            let (id, message) = request(&mut carried.client)?;
            carried.waiting.insert(id, (Timestamp::now(), tell));
            carried.pushes.insert(id, push);
            carried.unsent.push_back(message);
        }
        self.flush(circuit);
        Ok(Asked { outcome, pushes })
    }

    /// Sends what the stream takes.
    pub fn flush(self: &Rc<Self>, circuit: CircuitHandle) {
        loop {
            let next =
                self.carried.borrow_mut().get_mut(&circuit).and_then(|carried| carried.unsent.pop_front());
            let Some(message) = next else { return };
            match self.with(|core, now, rng| core.send(now, rng, circuit, &message)) {
                Ok(()) => {}
                Err(SendError::QueueFull) => {
                    if let Some(carried) = self.carried.borrow_mut().get_mut(&circuit) {
                        carried.unsent.push_front(message);
                    }
                    return;
                }
                // Too long is no message of ours; a circuit that is gone is told of by itself.
                Err(SendError::Gone | SendError::TooLong) => return,
            }
        }
    }

    /// A relay's message on a mailbox stream. One that is no answer of a mailbox costs it the circuit.
    pub fn mailbox_message(self: &Rc<Self>, circuit: CircuitHandle, untrusted: &[u8]) {
        let understood = {
            let mut all = self.carried.borrow_mut();
            let Some(carried) = all.get_mut(&circuit) else { return };
            carried.received(untrusted)
        };
        match understood {
            Some(true) => self.with(|core, _, rng| core.subscribed(rng, circuit)),
            Some(false) => {}
            None => self.with(|core, now, rng| core.abandon(now, rng, circuit, FailureReason::Misbehaved)),
        }
    }

    /// Gives up circuits whose relay does not answer.
    pub fn give_up_silent(self: &Rc<Self>, now: Timestamp) {
        let silent: Vec<_> = self
            .carried
            .borrow()
            .iter()
            .filter(|(_, carried)| carried.is_overdue(now))
            .map(|(id, _)| *id)
            .collect();
        for circuit in silent {
            self.with(|core, now, rng| core.abandon(now, rng, circuit, FailureReason::Timeout));
        }
    }
}

impl Carried {
    fn is_overdue(&self, now: Timestamp) -> bool {
        self.waiting.values().any(|(asked, _)| now.since(*asked) >= ANSWER_TIMEOUT)
    }

    /// `None`: the relay misbehaved. `Some(true)`: the circuit carries a subscription from now on.
    fn received(&mut self, untrusted: &[u8]) -> Option<bool> {
        let was_subscribed = self.client.is_subscribed();
        match self.client.received(untrusted).ok()? {
            Event::Answered(id, outcome) => {
                let subscribed = self.client.is_subscribed() && !was_subscribed;
                if !subscribed {
                    self.pushes.remove(&id);
                }
                if let Some((_, waiting)) = self.waiting.remove(&id) {
                    // A caller that went away does not hear it.
                    let _ = waiting.send(outcome);
                }
                Some(subscribed)
            }
            Event::Pushed(id, waiting) => {
                match self.pushes.get(&id).map(|push| push.try_send(waiting)) {
                    // More than may be un-acked at a time.
                    Some(Err(mpsc::error::TrySendError::Full(_))) => None,
                    _ => Some(false),
                }
            }
            Event::Partial => Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_an_answer_makes_its_circuit_overdue_after_twenty_seconds() {
        let mut carried = Carried::default();
        let (id, _) = carried.client.create([1; 32], 0).unwrap();
        let (tell, _told) = oneshot::channel();
        let now = Timestamp(1_000_000);
        carried.waiting.insert(id, (now, tell));
        assert!(!carried.is_overdue(now.after(ANSWER_TIMEOUT - Duration::from_millis(1))));
        assert!(carried.is_overdue(now.after(ANSWER_TIMEOUT)));
        carried.waiting.clear();
        assert!(!carried.is_overdue(now.after(ANSWER_TIMEOUT)));
    }

    #[test]
    fn what_is_no_mailbox_answer_or_answers_nothing_is_misbehaviour() {
        let mut carried = Carried::default();
        assert_eq!(carried.received(b"noise"), None);
        let (_, message) = Client::default().create([1; 32], 0).unwrap();
        assert_eq!(carried.received(&message), None);
    }
}
