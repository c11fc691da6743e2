//! Subscriptions to own queues, and the proof from time to time that each still lives.

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{InboxEvent, Timer};
use super::turn::Turn;
use crate::ids::ReceiveQueueId;

/// Mean of the time between two proofs that a subscription lives: two cells each on the way to the guard, so that 64 queues cost less than
/// 1 MB an hour.
const PROVE: Duration = Duration::from_secs(300);

/// Which own queues push what comes.
#[derive(Default)]
pub(super) struct Subscriptions {
    beginning: BTreeSet<ReceiveQueueId>,
    living: BTreeSet<ReceiveQueueId>,
    /// Of the living, those that a timer looks after.
    proving: BTreeSet<ReceiveQueueId>,
}

impl Subscriptions {
    /// Takes the right to subscribe; false where that is done, or being done.
    pub(super) fn begin(&mut self, id: ReceiveQueueId) -> bool {
        !self.living.contains(&id) && self.beginning.insert(id)
    }

    /// Whatever came of it, it is not being done any more.
    pub(super) fn ended(&mut self, id: ReceiveQueueId) {
        self.beginning.remove(&id);
    }

    /// From now on it is proven to live from time to time.
    pub(super) fn lives(&mut self, turn: &mut Turn, id: ReceiveQueueId) {
        self.living.insert(id);
        self.prove_later(turn, id);
    }

    /// Its circuit went.
    pub(super) fn lost(&mut self, id: ReceiveQueueId) {
        self.living.remove(&id);
    }

    /// Nothing comes of a relay that swallows what is pushed through it, and that looks like nobody writing: an ack of nothing is
    /// answered, or its circuit is given up and another one built.
    pub(super) fn prove(&mut self, turn: &mut Turn, id: ReceiveQueueId) {
        self.proving.remove(&id);
        if self.living.contains(&id) {
            self.prove_later(turn, id);
            turn.wish(InboxEvent::Prove(id));
        }
    }

    fn prove_later(&mut self, turn: &mut Turn, id: ReceiveQueueId) {
        if self.proving.insert(id) {
            let wait = turn.exponential(PROVE);
            turn.after(wait, Timer::Prove(id));
        }
    }
}
