//! Those who wait: for circuits, for what comes of mailbox commands, for what is pushed to them.

use std::collections::HashMap;

use ipc_schema::edge::stored_onion::OpenError;
use ipc_schema::limits::UNACKED_MAX;
use tokio::sync::{mpsc, oneshot};

use crate::core::{AskError, AskId, OpenId, Opened};
use crate::id::CircuitHandle;
use crate::mailbox::Outcome;
use crate::mailbox::message::{Answer, Waiting};

/// A command that is on its way, and what is pushed after its answer.
pub struct Asked {
    outcome: oneshot::Receiver<Result<Outcome, AskError>>,
    /// Envelopes of a subscription; closed for other commands.
    pub pushes: mpsc::Receiver<Waiting>,
}

impl Asked {
    /// How the command ended.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn outcome(&mut self) -> Result<Outcome, AskError> {
        (&mut self.outcome).await.unwrap_or(Err(AskError::CircuitGone))
    }
}

/// A relay pushes more than may be un-acked at a time.
#[derive(Debug, PartialEq, Eq)]
pub struct Overrun;

#[derive(Debug)]
struct Waits {
    outcome: Option<oneshot::Sender<Result<Outcome, AskError>>>,
    /// Of a subscription alone.
    pushes: Option<mpsc::Sender<Waiting>>,
}

/// Who waits for what.
#[derive(Debug, Default)]
pub struct Callers {
    opens: HashMap<OpenId, oneshot::Sender<Result<Opened, OpenError>>>,
    asks: HashMap<AskId, Waits>,
    last: u64,
}

impl Callers {
    /// Somebody waits for a circuit.
    pub fn open(&mut self) -> (OpenId, oneshot::Receiver<Result<Opened, OpenError>>) {
        self.last += 1;
        let (tell, told) = oneshot::channel();
        self.opens.insert(OpenId(self.last), tell);
        (OpenId(self.last), told)
    }

    /// What became of it. Answers the circuit that its caller went away from meanwhile: let go of it.
    pub fn opened(&mut self, open: OpenId, result: Result<Opened, OpenError>) -> Option<CircuitHandle> {
        let circuit = result.as_ref().ok().map(|opened| opened.circuit);
        let heard = self.opens.remove(&open).is_some_and(|waiting| waiting.send(result).is_ok());
        circuit.filter(|_| !heard)
    }

    /// Somebody gives a command. `subscribes`: it brings envelopes once it stands.
    pub fn ask(&mut self, subscribes: bool) -> (AskId, Asked) {
        self.last += 1;
        let (tell, outcome) = oneshot::channel();
        // A relay may have as many un-acked envelopes on their way as a subscription allows, and no more.
        let (push, pushes) = mpsc::channel(UNACKED_MAX);
        let waits = Waits { outcome: Some(tell), pushes: subscribes.then_some(push) };
        self.asks.insert(AskId(self.last), waits);
        (AskId(self.last), Asked { outcome, pushes })
    }

    /// How a command ended.
    pub fn answered(&mut self, id: AskId, outcome: Result<Outcome, AskError>) {
        let Some(waits) = self.asks.get_mut(&id) else { return };
        let stands = waits.pushes.is_some() && outcome == Ok(Outcome::Answer(Answer::Ok));
        if let Some(waiting) = waits.outcome.take() {
            // A caller that went away does not hear it.
            let _ = waiting.send(outcome);
        }
        if !stands {
            self.asks.remove(&id);
        }
    }

    /// An envelope of a subscription.
    ///
    /// # Errors
    /// [`Overrun`].
    pub fn pushed(&mut self, id: AskId, waiting: Waiting) -> Result<(), Overrun> {
        let pushes = self.asks.get(&id).and_then(|waits| waits.pushes.as_ref());
        match pushes.map(|pushes| pushes.try_send(waiting)) {
            Some(Err(mpsc::error::TrySendError::Full(_))) => Err(Overrun),
            _ => Ok(()),
        }
    }

    /// A subscription is over.
    pub fn ended(&mut self, id: AskId) {
        self.asks.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Waiting {
        Waiting { id: [1; 16], sender_key: [2; 32], envelope: vec![3; 10] }
    }

    fn opened() -> Opened {
        Opened { circuit: CircuitHandle(7), binding: [0; 32], route: Vec::new() }
    }

    #[tokio::test]
    async fn a_plain_command_is_answered_once_and_forgotten() {
        let mut callers = Callers::default();
        let (id, mut asked) = callers.ask(false);
        callers.answered(id, Ok(Outcome::Answer(Answer::Ok)));
        assert_eq!(asked.outcome().await, Ok(Outcome::Answer(Answer::Ok)));
        assert!(asked.pushes.recv().await.is_none());
        assert!(callers.asks.is_empty());
    }

    #[tokio::test]
    async fn a_subscription_brings_envelopes_until_it_ends() {
        let mut callers = Callers::default();
        let (id, mut asked) = callers.ask(true);
        callers.answered(id, Ok(Outcome::Answer(Answer::Ok)));
        callers.pushed(id, waiting()).unwrap();
        callers.ended(id);
        assert_eq!(asked.pushes.recv().await, Some(waiting()));
        assert!(asked.pushes.recv().await.is_none(), "its caller hears that nothing more comes");
        assert!(callers.asks.is_empty());
    }

    #[tokio::test]
    async fn a_subscription_that_is_refused_brings_nothing() {
        let mut callers = Callers::default();
        let (id, mut asked) = callers.ask(true);
        callers.answered(id, Err(AskError::CircuitGone));
        assert_eq!(asked.outcome().await, Err(AskError::CircuitGone));
        assert!(asked.pushes.recv().await.is_none());
        assert!(callers.asks.is_empty());
    }

    #[tokio::test]
    async fn a_relay_that_pushes_more_than_may_be_unacked_is_told_of() {
        let mut callers = Callers::default();
        let (id, asked) = callers.ask(true);
        callers.answered(id, Ok(Outcome::Answer(Answer::Ok)));
        for _ in 0..UNACKED_MAX {
            callers.pushed(id, waiting()).unwrap();
        }
        assert_eq!(callers.pushed(id, waiting()), Err(Overrun));
        drop(asked);
        assert_eq!(callers.pushed(id, waiting()), Ok(()), "nobody listens, which is no fault of the relay's");
    }

    #[tokio::test]
    async fn a_circuit_that_nobody_waits_for_any_more_is_let_go_of() {
        let mut callers = Callers::default();
        let (first, told) = callers.open();
        assert_eq!(callers.opened(first, Ok(opened())), None);
        assert_eq!(told.await.unwrap(), Ok(opened()));
        let (second, told) = callers.open();
        drop(told);
        assert_eq!(callers.opened(second, Ok(opened())), Some(CircuitHandle(7)));
        let (third, told) = callers.open();
        drop(told);
        assert_eq!(callers.opened(third, Err(OpenError::BuildFailed)), None);
    }
}
