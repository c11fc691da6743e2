//! What is known of the network, and what of it is proven.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::ui_stored::Counts;

/// What is known of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The stage, as in `status`; empty: not told yet.
    pub stage: String,
    /// When something last came back from a peer or relay, since the last loss.
    pub(super) proven_at: Option<Timestamp>,
    /// When it was last lost.
    pub(super) lost_at: Option<Timestamp>,
    /// What relays say of this computer's clock.
    pub clock: Option<ClockOffset>,
    /// stored has told its figures, and by these it needs no route: no queue of its own, nothing to be sent.
    pub idle: bool,
}

/// The stages that say that a route stands.
fn stands(stage: &str) -> bool {
    matches!(stage, "connected" | "slow")
}

impl Network {
    /// Something came back at `at`: a text, the news that one arrived, an answered ping. What lies ahead of `now` was told before the clock
    /// was set back, and what lies before the last loss was overtaken by it: neither proves anything.
    pub(super) fn proved(&mut self, now: Timestamp, at: Timestamp) {
        let at = at.min(now);
        self.lost_at = self.lost_at.filter(|lost| *lost <= now);
        if self.lost_at.is_none_or(|lost| at >= lost) {
            self.proven_at = self.proven_at.filter(|before| *before <= now).max(Some(at));
        }
    }

    /// The stage is this since `at`. One that says that no route stands ends what was proven.
    pub(super) fn reached(&mut self, at: Timestamp, stage: String) {
        if stands(&self.stage) && !stands(&stage) {
            self.lost_at = Some(at);
            self.proven_at = None;
        }
        self.stage = stage;
    }

    /// What stored counts: it knows best what came back, and when nothing did.
    pub(super) fn counted(&mut self, now: Timestamp, counts: &Counts) {
        // A window that was started anew has missed the change that led here.
        if !counts.stage.is_empty() {
            self.reached(now, counts.stage.clone());
        }
        match counts.proof_age_ms {
            Some(age) => self.proved(now, Timestamp(now.0.saturating_sub(age))),
            None => self.proven_at = None,
        }
        self.clock = counts.clock;
        self.idle = counts.mailboxes == 0 && counts.outbox == 0;
    }

    /// How old the last proof since the last loss is.
    #[must_use]
    pub fn proof(&self, now: Timestamp) -> Option<Duration> {
        self.proven_at.and_then(|at| at.age(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_750_766_400_000);

    fn at(seconds: u64) -> Timestamp {
        Timestamp(NOW.0 + 1000 * seconds)
    }

    fn age(network: &Network, seconds: u64) -> Option<u64> {
        network.proof(at(seconds)).map(|age| age.as_secs())
    }

    #[test]
    fn what_was_proven_before_a_loss_is_no_proof_after_it() {
        let mut network = Network::default();
        network.reached(at(0), "connected".into());
        assert_eq!(age(&network, 0), None);
        network.proved(at(5), at(5));
        assert_eq!(age(&network, 60), Some(55));
        network.reached(at(70), "offline".into());
        assert_eq!(age(&network, 70), None);
        network.reached(at(400), "connected".into());
        assert_eq!(age(&network, 400), None, "not \"proven 6 min ago\"");
        // An event that comes late tells of before.
        network.proved(at(401), at(69));
        assert_eq!(age(&network, 401), None);
        network.counted(at(402), &Counts { proof_age_ms: Some(397_000), ..Counts::default() });
        assert_eq!(age(&network, 402), None);
        network.counted(at(410), &Counts { proof_age_ms: Some(9_000), ..Counts::default() });
        assert_eq!(age(&network, 410), Some(9));
        // A stage between two that stand nowhere loses nothing more.
        network.reached(at(420), "offline".into());
        network.proved(at(421), at(421));
        network.reached(at(422), "building-route".into());
        assert_eq!(age(&network, 422), Some(1));
    }

    #[test]
    fn stored_says_when_nothing_is_proven() {
        let mut network = Network::default();
        network.proved(at(1), at(1));
        network.counted(at(10), &Counts { stage: "connected".into(), ..Counts::default() });
        assert_eq!(age(&network, 10), None);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_neither_a_proof_nor_a_loss_ahead() {
        let mut network = Network::default();
        network.reached(at(8000), "connected".into());
        network.proved(at(8000), at(8000));
        network.reached(at(9000), "offline".into());
        network.proved(at(100), at(9000));
        assert_eq!(age(&network, 100), Some(0), "told before the clock was set back, and no older than now");
    }
}
