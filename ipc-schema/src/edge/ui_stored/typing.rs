//! That the user writes to somebody just now.

use super::{Closed, Refusal, told, word};
use crate::edge::{call, words};
use crate::edges::ui_stored_capnp::messenger;
use crate::limits::TYPED_MAX_BYTES;

call! {
    /// The user writes to somebody, or does no more. Nothing is kept of it, and it may be lost without harm.
    #[derive(Clone, PartialEq, Eq)]
    TellTyping of messenger: typing_request, typing_params, typing_results;
    asks {
        /// To whom: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// Whether they do.
        on: bool => number get_on set_on,
    }
    answers word TypingError: get_error set_error;
}

words! {
    /// Why nobody is told.
    TypingError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
    }
}
