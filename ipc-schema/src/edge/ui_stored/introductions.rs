//! Bringing two contacts together, and being asked to meet somebody.

use super::{Closed, Refusal, told, word};
use crate::edge::{call, words};
use crate::edges::ui_stored_capnp::messenger;
use crate::limits::TYPED_MAX_BYTES;

call! {
    /// Asks two contacts whether they want to meet each other; durable when it is told.
    #[derive(Clone, PartialEq, Eq)]
    Introduce of messenger: introduce_request, introduce_params, introduce_results;
    asks {
        /// The one: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// And the other.
        other: String => text(TYPED_MAX_BYTES) get_other set_other,
    }
    answers word IntroduceError: get_error set_error;
}

words! {
    /// Why nobody was asked.
    IntroduceError of Refusal, or Closed(Closed) {
        /// Nobody has one of these names or ids, or both are of one.
        NoSuchContact,
        /// One of them is the notes to oneself.
        NotForSelf,
        /// One of them is not connected yet.
        Waiting,
        /// One of them is.
        Blocked,
        /// These two were asked before, and have not both answered.
        AlreadyOpen,
    }
}

call! {
    /// Says whether the user wants to meet whom a contact introduces. A no is told to nobody. Idempotent.
    #[derive(Clone, PartialEq, Eq)]
    AnswerIntroduction of messenger: answer_introduction_request, answer_introduction_params, answer_introduction_results;
    asks {
        /// The message that asks.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// Whether.
        yes: bool => number get_yes set_yes,
        /// What the user calls them; empty: as told.
        name: String => text(TYPED_MAX_BYTES) get_name set_name,
    }
    answers word AnswerError: get_error set_error;
}

words! {
    /// Why no answer was taken.
    AnswerError of Refusal, or Closed(Closed) {
        /// No message of that id asks for one, or no longer.
        NoIntroduction,
        /// Somebody else has that name.
        NameTaken,
        /// Too long, or with characters that a name cannot have.
        NameBad,
        /// Who introduces them is.
        Blocked,
    }
}
