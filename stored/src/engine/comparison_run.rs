//! One comparison by short string with one contact: how far it is, and what the other side and ui are told of it.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{Key, Shown};
use ipc_schema::edge::ui_stored::{ShortComparison, ShortEnd, ShortState};

use super::event::{OutboxEvent, Timer};
use super::turn::Turn;
use crate::content::{Comparison, ComparisonEnd, ComparisonStep};
use crate::ids::{ContactId, SessionId};

/// What waits for the other side is given up then, and so is a string that nobody says anything about: two people who speak to each other
/// need a minute, and must not find an old one.
pub(super) const OPEN_FOR: Duration = Duration::from_secs(600);
/// What is not answered is said again after this time, then after twice that: a relay may have lost it.
const REPEAT_AFTER: Duration = Duration::from_secs(15);
/// What the other side seems not to have is said again, but not for each time that it says so.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// One run of it, with one contact.
pub(super) struct Run {
    /// keyvault's answers to another one are none of this one's.
    pub(super) number: u64,
    /// The commitment of who began. `None`: keyvault makes it just now.
    pub(super) id: Option<Key>,
    pub(super) session: SessionId,
    pub(super) step: Step,
    /// Since the contact was last verified, as keyvault counts.
    pub(super) runs: u32,
    /// Given up then.
    pub(super) until: Timestamp,
    /// When something was said last, and how often again.
    pub(super) said_at: Timestamp,
    pub(super) repeats: u32,
    /// When they sent what was heard last, by their clock.
    pub(super) heard_at: Timestamp,
    /// What they began while keyvault worked.
    pub(super) crossing: Option<Key>,
    /// What they were told when they had answered.
    pub(super) revealed: Option<Revealed>,
    /// Their word.
    pub(super) theirs: Option<ComparisonEnd>,
}

/// Their nonce, and the own that was revealed for it.
pub(super) struct Revealed {
    pub(super) theirs: Key,
    pub(super) own: Key,
}

/// How far it is.
pub(super) enum Step {
    /// They began: the user has to join.
    Asked,
    /// keyvault makes the next step.
    AtKeyvault,
    /// The own commitment is told.
    Begun,
    /// Theirs was answered with this nonce.
    Answered(Key),
    Shown {
        digits: String,
        words: Vec<String>,
    },
    Over(ShortEnd),
}

impl Run {
    /// Nothing is said or heard yet.
    pub(super) fn new(turn: &mut Turn, id: Option<Key>, session: SessionId, step: Step) -> Self {
        Self {
            number: turn.number(),
            id,
            session,
            step,
            runs: 0,
            until: turn.now.after(OPEN_FOR),
            said_at: turn.now,
            repeats: 0,
            heard_at: Timestamp(0),
            crossing: None,
            revealed: None,
            theirs: None,
        }
    }

    /// Whether it is this one.
    pub(super) fn is(&self, id: &Key) -> bool {
        self.id.as_ref() == Some(id)
    }

    /// Whether nothing more comes of it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.step, Step::Over(_))
    }

    /// What the other side is to have, as long as it does not go on.
    pub(super) fn says(&self) -> Option<ComparisonStep> {
        match self.step {
            Step::Begun => Some(ComparisonStep::Begin),
            Step::Answered(nonce) => Some(ComparisonStep::Answer(nonce)),
            Step::Over(ShortEnd::Same | ShortEnd::None)
            | Step::Asked
            | Step::AtKeyvault
            | Step::Shown { .. } => None,
            Step::Over(ShortEnd::Different) => Some(ComparisonStep::End(ComparisonEnd::Different)),
            Step::Over(_) => Some(ComparisonStep::End(ComparisonEnd::Stopped)),
        }
    }

    /// When it is said again.
    pub(super) fn repeat_at(&self) -> Timestamp {
        self.said_at.after(REPEAT_AFTER * (1 << self.repeats.min(4)))
    }

    /// As far as ui is told.
    pub(super) fn state(&self) -> ShortState {
        match self.step {
            Step::Asked => ShortState::Asked,
            Step::AtKeyvault | Step::Begun | Step::Answered(_) => ShortState::Waiting,
            Step::Shown { .. } => ShortState::Shown,
            Step::Over(_) => ShortState::Over,
        }
    }

    /// As ui is told.
    pub(super) fn told(&self) -> ShortComparison {
        let (digits, words) = match &self.step {
            Step::Shown { digits, words } => (digits.clone(), words.clone()),
            _ => Default::default(),
        };
        let end = if let Step::Over(end) = self.step { end } else { ShortEnd::None };
        let theirs = match self.theirs {
            Some(ComparisonEnd::Different) => ShortEnd::Different,
            Some(ComparisonEnd::Stopped) => ShortEnd::TheyStopped,
            // Nobody is to say it because the other side does: that may be who sits between.
            Some(ComparisonEnd::Same) if end == ShortEnd::Same => ShortEnd::Same,
            Some(ComparisonEnd::Same) | None => ShortEnd::None,
        };
        let ends_at = if self.is_over() { Timestamp(0) } else { self.until };
        ShortComparison { state: self.state(), end, digits, words, runs: self.runs, ends_at, theirs }
    }

    /// The string is there.
    pub(super) fn show(&mut self, turn: &mut Turn, shown: Shown) {
        let Shown { digits, words, runs, .. } = shown;
        self.step = Step::Shown { digits, words };
        self.runs = runs;
        self.until = turn.now.after(OPEN_FOR);
    }

    // ---- what the other side is told

    pub(super) fn tell(&mut self, turn: &mut Turn, contact: ContactId, step: ComparisonStep) {
        self.said_at = turn.now;
        if let Some(run) = self.id {
            turn.wish(OutboxEvent::Compare(contact, Comparison { run, step }));
        }
        if !self.is_over() {
            turn.set_timer(self.until.min(self.repeat_at()), Timer::Comparison(contact));
        }
    }

    /// What it is to have now.
    pub(super) fn say(&mut self, turn: &mut Turn, contact: ContactId) {
        if let Some(step) = self.says() {
            self.tell(turn, contact, step);
        }
    }

    /// The same, where it seems not to have it.
    pub(super) fn say_again(&mut self, turn: &mut Turn, contact: ContactId) {
        if !self.said_at.is_recent(turn.now, AGAIN_AFTER) {
            self.say(turn, contact);
        }
    }

    pub(super) fn reveal(&mut self, turn: &mut Turn, contact: ContactId) {
        if let Some(revealed) = &self.revealed {
            let step = ComparisonStep::Reveal(revealed.own);
            self.tell(turn, contact, step);
        }
    }

    /// It answers once more, with this nonce.
    pub(super) fn reveal_again(&mut self, turn: &mut Turn, contact: ContactId, nonce: Key) {
        let is_same = self.revealed.as_ref().is_some_and(|revealed| revealed.theirs == nonce);
        if is_same && !self.said_at.is_recent(turn.now, AGAIN_AFTER) {
            self.reveal(turn, contact);
        }
    }
}
