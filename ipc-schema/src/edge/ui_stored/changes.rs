//! What is done to a text after it was sent: other words, none, a reaction.

use super::{Closed, Message, Refusal, told, word};
use crate::edge::{Part, Read, call, text, words};
use crate::edges::ui_stored_capnp::{messenger, reaction, send_result};
use crate::limits::{EMOJI_MAX_BYTES, TYPED_MAX_BYTES, TYPED_TEXT_MAX_BYTES};

/// Reactions to one text: each of the two has one at most.
pub(super) const REACTIONS_MAX: usize = 2;

/// What one of the two thinks of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The user's own.
    pub mine: bool,
    /// A stranger's text unless `mine`; at most [`EMOJI_MAX_BYTES`].
    pub emoji: String,
}

impl Part for Reaction {
    type Wire = reaction::Owned;

    fn write(&self, mut to: reaction::Builder<'_>) {
        to.set_mine(self.mine);
        to.set_emoji(&self.emoji);
    }

    fn read(from: reaction::Reader<'_>) -> Read<Self> {
        Ok(Self { mine: from.get_mine(), emoji: text(from.get_emoji()?, EMOJI_MAX_BYTES)? })
    }
}

/// Without what was said.
impl std::fmt::Debug for Reaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reaction").field("mine", &self.mine).finish_non_exhaustive()
    }
}

call! {
    /// Gives an own text other words, here and over there. Idempotent.
    #[derive(Clone, PartialEq, Eq)]
    EditText of messenger: edit_request, edit_params, edit_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// What it says from now on.
        text: String => text(TYPED_TEXT_MAX_BYTES) get_text set_text,
    }
    answers Message, EditError: in get_result init_result as send_result Message part init_message;
}

words! {
    /// Why a text says what it said.
    EditError of Refusal, or Closed(Closed) {
        /// None has that id, or it was deleted.
        NoSuchMessage,
        /// The new one is, or it is empty.
        TooLong,
        /// Somebody else wrote it, or nobody.
        NotYours,
        /// The contact is.
        Blocked,
    }
}

call! {
    /// Deletes a text here, or an own one for both. Idempotent.
    #[derive(Clone, PartialEq, Eq)]
    DeleteText of messenger: delete_request, delete_params, delete_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// Over there, too.
        both: bool => number get_both set_both,
    }
    answers word DeleteError: get_error set_error;
}

words! {
    /// Why nothing was deleted.
    DeleteError of Refusal, or Closed(Closed) {
        /// None has that id.
        NoSuchMessage,
        /// For both, and somebody else wrote it, or nobody.
        NotYours,
    }
}

call! {
    /// Puts a reaction to a text, in the place of an earlier one. Idempotent.
    #[derive(Clone, PartialEq, Eq)]
    React of messenger: react_request, react_params, react_results;
    asks {
        /// To which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// Empty: none.
        emoji: String => text(TYPED_MAX_BYTES) get_emoji set_emoji,
    }
    answers Message, ReactError: in get_result init_result as send_result Message part init_message;
}

words! {
    /// Why there is no reaction.
    ReactError of Refusal, or Closed(Closed) {
        /// None has that id, or it was deleted.
        NoSuchMessage,
        /// Over [`EMOJI_MAX_BYTES`], or with what cannot be seen.
        BadEmoji,
        /// The contact is.
        Blocked,
    }
}
