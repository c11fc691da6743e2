//! Those who wait: for circuits, for what comes of mailbox commands, for what is pushed to them.

use std::collections::HashMap;

use ipc_schema::edge::stored_onion::OpenError;
use ipc_schema::limits::{CHUNKS_UNACKED_MAX, UNACKED_MAX};
use tokio::sync::{mpsc, oneshot};

use crate::core::{AskError, AskId, Brings, OpenId, Opened, Pushed};
use crate::id::CircuitHandle;
use crate::mailbox::Outcome;
use crate::mailbox::message::Answer;

/// Chunks that wait for their caller before its relay is held back: enough to go on while one of them is being written to a disk.
pub const CHUNKS_WAITING: usize = 3;

/// A command that is on its way, and what it brings beside its answer.
pub struct Asked {
    /// Its name.
    pub id: AskId,
    outcome: oneshot::Receiver<Result<Outcome, AskError>>,
    /// What it brings; closed where that is nothing.
    pub pushes: mpsc::Receiver<Pushed>,
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

/// Whether a caller takes what comes as fast as it does.
#[derive(Debug, PartialEq, Eq)]
pub enum Pace {
    /// It does, as far as is to be seen.
    Kept,
    /// More than [`CHUNKS_WAITING`] chunks wait for it.
    Behind,
}

#[derive(Debug)]
struct Waits {
    outcome: Option<oneshot::Sender<Result<Outcome, AskError>>>,
    /// `None` where it brings nothing.
    pushes: Option<mpsc::Sender<Pushed>>,
    /// More comes after its answer.
    subscribes: bool,
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

    /// Somebody gives a command, which brings that.
    pub fn ask(&mut self, brings: Brings) -> (AskId, Asked) {
        self.last += 1;
        let (tell, outcome) = oneshot::channel();
        // A relay may have as much that is un-acked on its way as a subscription allows, and no more.
        let most = match brings {
            Brings::Nothing | Brings::Envelopes => UNACKED_MAX,
            Brings::Chunks | Brings::ChunksBeforeItsAnswer => CHUNKS_UNACKED_MAX,
        };
        let (push, pushes) = mpsc::channel(most);
        let waits = Waits {
            outcome: Some(tell),
            pushes: (brings != Brings::Nothing).then_some(push),
            subscribes: matches!(brings, Brings::Envelopes | Brings::Chunks),
        };
        let id = AskId(self.last);
        self.asks.insert(id, waits);
        (id, Asked { id, outcome, pushes })
    }

    /// How a command ended.
    pub fn answered(&mut self, id: AskId, outcome: Result<Outcome, AskError>) {
        let Some(waits) = self.asks.get_mut(&id) else { return };
        let stands = waits.subscribes && outcome == Ok(Outcome::Answer(Answer::Ok));
        if let Some(waiting) = waits.outcome.take() {
            // A caller that went away does not hear it.
            let _ = waiting.send(outcome);
        }
        if !stands {
            self.asks.remove(&id);
        }
    }

    /// What a command brings.
    ///
    /// # Errors
    /// [`Overrun`].
    pub fn pushed(&mut self, id: AskId, pushed: Pushed) -> Result<Pace, Overrun> {
        let Some(pushes) = self.asks.get(&id).and_then(|waits| waits.pushes.as_ref()) else {
            return Ok(Pace::Kept);
        };
        let is_chunk = matches!(pushed, Pushed::Chunk(_));
        if let Err(mpsc::error::TrySendError::Full(_)) = pushes.try_send(pushed) {
            return Err(Overrun);
        }
        let waiting = pushes.max_capacity() - pushes.capacity();
        Ok(if is_chunk && waiting > CHUNKS_WAITING { Pace::Behind } else { Pace::Kept })
    }

    /// A subscription is over.
    pub fn ended(&mut self, id: AskId) {
        self.asks.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::message::{ChunkWaiting, Waiting};

    fn waiting() -> Pushed {
        Pushed::Envelope(Waiting { id: [1; 16], sender_key: [2; 32], envelope: vec![3; 10] })
    }

    fn chunk() -> Pushed {
        Pushed::Chunk(ChunkWaiting { id: [1; 16], chunk: vec![2; 10] })
    }

    fn opened() -> Opened {
        Opened { circuit: CircuitHandle(7), binding: [0; 32], route: Vec::new() }
    }

    #[tokio::test]
    async fn a_plain_command_is_answered_once_and_forgotten() {
        let mut callers = Callers::default();
        let (id, mut asked) = callers.ask(Brings::Nothing);
        callers.answered(id, Ok(Outcome::Answer(Answer::Ok)));
        assert_eq!(asked.outcome().await, Ok(Outcome::Answer(Answer::Ok)));
        assert!(asked.pushes.recv().await.is_none());
        assert!(callers.asks.is_empty());
    }

    #[tokio::test]
    async fn a_subscription_brings_envelopes_until_it_ends() {
        let mut callers = Callers::default();
        let (id, mut asked) = callers.ask(Brings::Envelopes);
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
        let (id, mut asked) = callers.ask(Brings::Envelopes);
        callers.answered(id, Err(AskError::CircuitGone));
        assert_eq!(asked.outcome().await, Err(AskError::CircuitGone));
        assert!(asked.pushes.recv().await.is_none());
        assert!(callers.asks.is_empty());
    }

    #[tokio::test]
    async fn a_relay_that_pushes_more_than_may_be_unacked_is_told_of() {
        let mut callers = Callers::default();
        let (id, asked) = callers.ask(Brings::Envelopes);
        callers.answered(id, Ok(Outcome::Answer(Answer::Ok)));
        for _ in 0..UNACKED_MAX {
            callers.pushed(id, waiting()).unwrap();
        }
        assert_eq!(callers.pushed(id, waiting()), Err(Overrun));
        drop(asked);
        assert_eq!(
            callers.pushed(id, waiting()),
            Ok(Pace::Kept),
            "nobody listens, which is no fault of the relay's"
        );
    }

    #[tokio::test]
    async fn what_is_fetched_comes_before_the_answer_and_nothing_after_it() {
        let mut callers = Callers::default();
        let (id, mut asked) = callers.ask(Brings::ChunksBeforeItsAnswer);
        callers.pushed(id, chunk()).unwrap();
        callers.answered(id, Ok(Outcome::Answer(Answer::Ok)));
        assert_eq!(asked.pushes.recv().await, Some(chunk()));
        assert!(asked.pushes.recv().await.is_none());
        assert_eq!(asked.outcome().await, Ok(Outcome::Answer(Answer::Ok)));
        assert!(callers.asks.is_empty());
    }

    #[tokio::test]
    async fn a_relay_is_held_back_while_some_chunks_wait_for_their_caller() {
        let mut callers = Callers::default();
        let (id, mut asked) = callers.ask(Brings::Chunks);
        callers.answered(id, Ok(Outcome::Answer(Answer::Ok)));
        for _ in 0..CHUNKS_WAITING {
            assert_eq!(callers.pushed(id, chunk()), Ok(Pace::Kept));
        }
        assert_eq!(callers.pushed(id, chunk()), Ok(Pace::Behind));
        for _ in 0..2 {
            asked.pushes.recv().await.unwrap();
        }
        assert_eq!(callers.pushed(id, chunk()), Ok(Pace::Kept));
        let more = (0..CHUNKS_UNACKED_MAX).filter(|_| callers.pushed(id, chunk()) == Err(Overrun));
        assert_eq!(more.count(), CHUNKS_WAITING);
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
