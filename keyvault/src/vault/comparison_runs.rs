//! Comparisons by short string that are under way. In memory alone: with a file that was put back from an older copy a nonce would
//! come back that the peer, or whoever sits between, has seen, and they could choose theirs by it.

use std::collections::VecDeque;

use super::limits::COMPARISONS_MAX;
use crate::ids::SessionId;
use crate::memory::Secret32;

/// How far a comparison by short string is.
pub(super) enum Stage {
    /// The own nonce.
    Began(Secret32),
    /// The own nonce, and the peer's commitment.
    Answered(Secret32, [u8; 32]),
    /// Both nonces are known; repeating the last step gives the same.
    Shown(BothNonces),
    /// The peer revealed what it had not committed to.
    Cheated,
}

/// What a short string is made of.
pub(super) struct BothNonces {
    /// This side committed, and the other one answered.
    pub(super) began: bool,
    pub(super) ours: Secret32,
    pub(super) theirs: [u8; 32],
    /// How often the user was told another string than this one.
    pub(super) mistaken: u32,
}

/// The newest comparison of each contact, the one that moved last at the end.
#[derive(Default)]
pub(super) struct ComparisonRuns(VecDeque<(SessionId, Stage)>);

impl ComparisonRuns {
    pub(super) fn of(&self, session: SessionId) -> Option<&Stage> {
        self.0.iter().find(|(of, _)| *of == session).map(|(_, stage)| stage)
    }

    pub(super) fn of_mut(&mut self, session: SessionId) -> Option<&mut Stage> {
        self.0.iter_mut().find(|(of, _)| *of == session).map(|(_, stage)| stage)
    }

    pub(super) fn put(&mut self, session: SessionId, stage: Stage) {
        self.drop(session);
        self.0.push_back((session, stage));
        if self.0.len() > COMPARISONS_MAX {
            self.0.pop_front();
        }
    }

    pub(super) fn drop(&mut self, session: SessionId) {
        self.0.retain(|(of, _)| *of != session);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
