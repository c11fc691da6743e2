//! Callers that wait for their mailbox commands' outcomes and for what is pushed to them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ipc_schema::limits::UNACKED_MAX;
use tokio::sync::{mpsc, oneshot};

use crate::core::OnionCore;
use crate::error::CallError;
use crate::event::FailureReason;
use crate::id::CircuitHandle;
use crate::mailbox::message::{Answer, Call, Signed, Waiting};
use crate::mailbox::{Calls, Heard, Outcome, RequestId, Step};
use crate::shell::Shell;

/// Who waits on one circuit.
#[derive(Default)]
struct Callers {
    outcomes: HashMap<RequestId, oneshot::Sender<Outcome>>,
    pushes: HashMap<RequestId, mpsc::Sender<Waiting>>,
}

/// Commands of all circuits, and who waits for them.
#[derive(Default)]
pub struct Carried {
    calls: RefCell<Calls>,
    callers: RefCell<HashMap<CircuitHandle, Callers>>,
}

/// An answer that is on its way, and what is pushed after it.
pub struct Asked {
    /// How the command ended; fails when the circuit dies.
    pub outcome: oneshot::Receiver<Outcome>,
    /// Envelopes of a subscription; closed for other commands.
    pub pushes: mpsc::Receiver<Waiting>,
}

impl Carried {
    /// A circuit stands.
    pub fn opened(&self, circuit: CircuitHandle) {
        self.calls.borrow_mut().opened(circuit);
    }

    /// A circuit is gone: whoever waits for an answer hears that.
    pub fn closed(&self, circuit: CircuitHandle) {
        self.calls.borrow_mut().closed(circuit);
        self.callers.borrow_mut().remove(&circuit);
    }
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
        self.ask(circuit, false, |calls, step| calls.create(step, circuit, receiver_key, work))
    }

    /// Gives a command.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn ask_command(self: &Rc<Self>, circuit: CircuitHandle, signed: Signed) -> Result<Asked, CallError> {
        let subscribes = signed.call == Call::Subscribe;
        self.ask(circuit, subscribes, |calls, step| calls.command(step, circuit, signed))
    }

    fn ask(
        self: &Rc<Self>,
        circuit: CircuitHandle,
        subscribes: bool,
        give: impl FnOnce(&mut Calls, Step<'_>) -> Result<RequestId, CallError>,
    ) -> Result<Asked, CallError> {
        let (tell, outcome) = oneshot::channel();
        // A relay may have as many un-acked envelopes on their way as a subscription allows, and no more.
        let (push, pushes) = mpsc::channel(if subscribes { UNACKED_MAX } else { 1 });
        let given = self.step(|core, now| {
            let id = give(&mut self.carried.calls.borrow_mut(), Step { core, now })?;
            let mut callers = self.carried.callers.borrow_mut();
            let callers = callers.entry(circuit).or_default();
            callers.outcomes.insert(id, tell);
            if subscribes {
                callers.pushes.insert(id, push);
            }
            Ok(())
        });
        // Only now: what comes of it may be the circuit's end.
        self.carry_out();
        given.map(|()| Asked { outcome, pushes })
    }

    /// A circuit's mailbox stream takes messages again.
    pub fn mailbox_drained(self: &Rc<Self>, circuit: CircuitHandle) {
        self.with(|core, now| {
            self.carried.calls.borrow_mut().drained(Step { core, now }, circuit);
        });
    }

    /// A relay's message on a mailbox stream.
    pub fn mailbox_message(self: &Rc<Self>, circuit: CircuitHandle, untrusted: &[u8]) {
        let heard = self.step(|core, now| {
            self.carried.calls.borrow_mut().message(Step { core, now }, circuit, untrusted)
        });
        // Before anything else is carried out: callers hear things in the order in which they came.
        let overflow = match (heard, self.carried.callers.borrow_mut().get_mut(&circuit)) {
            (Some(heard), Some(callers)) => callers.tell(heard).is_err(),
            _ => false,
        };
        if overflow {
            self.step(|core, now| core.abandon(now, circuit, FailureReason::Misbehaved));
        }
        self.carry_out();
    }

    /// Gives up circuits whose relay does not answer.
    pub fn give_up_silent(self: &Rc<Self>) {
        self.with(|core: &mut OnionCore, now| {
            self.carried.calls.borrow_mut().tick(Step { core, now });
        });
    }
}

/// A relay pushes more than may be un-acked at a time.
struct TooMany;

impl Callers {
    fn tell(&mut self, heard: Heard) -> Result<(), TooMany> {
        match heard {
            Heard::Answered(id, outcome) => {
                if outcome != Outcome::Answer(Answer::Ok) {
                    self.pushes.remove(&id);
                }
                if let Some(waiting) = self.outcomes.remove(&id) {
                    // A caller that went away does not hear it.
                    let _ = waiting.send(outcome);
                }
                Ok(())
            }
            Heard::Pushed(id, waiting) => match self.pushes.get(&id).map(|push| push.try_send(waiting)) {
                Some(Err(mpsc::error::TrySendError::Full(_))) => Err(TooMany),
                _ => Ok(()),
            },
        }
    }
}
