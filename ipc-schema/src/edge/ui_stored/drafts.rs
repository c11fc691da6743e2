//! What was begun to be written to somebody and not sent.

use super::{Closed, Refusal, told};
use crate::edge::{call, words};
use crate::edges::ui_stored_capnp::messenger;
use crate::limits::{TEXT_MAX_BYTES, TYPED_MAX_BYTES, TYPED_TEXT_MAX_BYTES};

call! {
    /// Tells what was begun to be written to somebody, or keeps this in its place first; empty: nothing. Idempotent.
    #[derive(Clone, PartialEq, Eq)]
    Draft of messenger: draft_request, draft_params, draft_results;
    asks {
        /// To whom: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// Whether `text` takes the place of what there is.
        set: bool => number get_set set_set,
        /// What.
        text: String => text(TYPED_TEXT_MAX_BYTES) get_text set_text,
    }
    answers String, DraftError: text(TEXT_MAX_BYTES) get_text set_text beside get_error set_error;
}

words! {
    /// Why no draft is told or kept.
    DraftError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// It is.
        TooLong,
    }
}
