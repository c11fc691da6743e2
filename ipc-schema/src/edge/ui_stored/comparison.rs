//! A short string that the user and a contact read to each other.

use super::{Closed, Refusal, told};
use crate::Timestamp;
use crate::edge::stored_keyvault::{DIGITS_MAX_BYTES, read_words, write_words};
use crate::edge::{Part, Read, call, length, mirrored, text, words};
use crate::edges::ui_stored_capnp::{self as wire, messenger, short_action, short_comparison};
use crate::limits::TYPED_MAX_BYTES;

call! {
    /// Does something about it, and tells how it is then.
    #[derive(Clone, PartialEq, Eq)]
    CompareShort of messenger: compare_short_request, compare_short_params, compare_short_results;
    asks {
        /// With whom: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// What.
        action: ShortAction => part get_action init_action,
        /// So long the answer may wait for the other side, milliseconds.
        wait_ms: u32 => number get_wait_ms set_wait_ms,
    }
    answers ShortComparison, ShortError: part get_comparison init_comparison beside get_error set_error;
}

/// What the user does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShortAction {
    /// Nothing: it is told.
    Look,
    /// Begins one, or goes on with what they began.
    Join,
    /// They read this out. Only if it is what is shown here they are verified.
    Same(String),
    /// They read out another one.
    Differ,
    /// Gives it up.
    Stop,
}

/// How it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortComparison {
    /// How far.
    pub state: ShortState,
    /// Why it is over, if it is.
    pub end: ShortEnd,
    /// 8 in 2 groups, where it is shown.
    pub digits: String,
    /// 2, likewise.
    pub words: Vec<String>,
    /// Since they were last verified, this one included; 0: not known yet.
    pub runs: u32,
    /// It is given up then; 0: nothing is under way.
    pub ends_at: Timestamp,
    /// Their program's word on its user.
    pub theirs: ShortEnd,
}

impl ShortComparison {
    /// None, or nothing is known of it.
    #[must_use]
    pub fn none() -> Self {
        Self {
            state: ShortState::None,
            end: ShortEnd::None,
            digits: String::new(),
            words: Vec::new(),
            runs: 0,
            ends_at: Timestamp(0),
            theirs: ShortEnd::None,
        }
    }
}

mirrored! {
    /// How far a comparison by short string is.
    ShortState = wire::ShortState {
        /// There was none since the last start.
        None => "none",
        /// They began.
        Asked => "asked",
        /// The user joined; something of theirs is to come.
        Waiting => "waiting",
        /// The string is there.
        Shown => "shown",
        /// It ended.
        Over => "over",
    }
}

mirrored! {
    /// Why it is over.
    ShortEnd = wire::ShortEnd {
        /// It is not.
        None => "none",
        /// They are the same.
        Same => "same",
        /// They are not.
        Different => "different",
        /// The user gave it up.
        Stopped => "stopped",
        /// They did, or know nothing of it.
        TheyStopped => "they-stopped",
        /// Nothing came in time.
        TimedOut => "timed-out",
        /// What was revealed was not promised.
        Cheated => "cheated",
        /// keyvault could not do its part.
        Failed => "failed",
    }
}

words! {
    /// Why nothing was done.
    ShortError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// Not before both have met.
        Waiting,
        /// They are the notes to oneself.
        NotForSelf,
        /// They are.
        Blocked,
        /// No string is shown.
        NoComparison,
        /// Another one is.
        OtherString,
    }
}

impl Part for ShortAction {
    type Wire = short_action::Owned;

    fn write(&self, mut to: short_action::Builder<'_>) {
        match self {
            Self::Look => to.set_look(()),
            Self::Join => to.set_join(()),
            Self::Same(string) => to.set_same(string.as_str()),
            Self::Differ => to.set_differ(()),
            Self::Stop => to.set_stop(()),
        }
    }

    fn read(from: short_action::Reader<'_>) -> Read<Self> {
        Ok(match from.which()? {
            short_action::Look(()) => Self::Look,
            short_action::Join(()) => Self::Join,
            short_action::Same(string) => Self::Same(text(string?, TYPED_MAX_BYTES)?),
            short_action::Differ(()) => Self::Differ,
            short_action::Stop(()) => Self::Stop,
        })
    }
}

impl Part for ShortComparison {
    type Wire = short_comparison::Owned;

    fn write(&self, mut to: short_comparison::Builder<'_>) {
        to.set_state(self.state.into());
        to.set_end(self.end.into());
        to.set_digits(&self.digits);
        to.set_runs(self.runs);
        to.set_ends_at(self.ends_at.0);
        to.set_theirs(self.theirs.into());
        write_words(to.init_words(length(self.words.len())), &self.words);
    }

    fn read(from: short_comparison::Reader<'_>) -> Read<Self> {
        Ok(Self {
            state: from.get_state()?.into(),
            end: from.get_end()?.into(),
            digits: text(from.get_digits()?, DIGITS_MAX_BYTES)?,
            words: read_words(from.get_words()?)?,
            runs: from.get_runs(),
            ends_at: Timestamp(from.get_ends_at()),
            theirs: from.get_theirs()?.into(),
        })
    }
}
