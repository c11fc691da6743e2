//! Words that are looked for in texts, and where they stand.

use std::ops::Range;

use super::{Closed, Refusal, told};
use crate::Timestamp;
use crate::edge::{Malformed, Read, call, length, listed, text, words};
use crate::edges::ui_stored_capnp::{match_sink, messenger, search_match};
use crate::limits::{
    CONTEXT_MAX_CHARS, HITS_MAX, MESSAGE_ID_MAX_CHARS, SHOWN_TEXT_MAX_BYTES, TYPED_MAX_BYTES,
};

call! {
    /// Hands over the texts that hold all words, the newest first; told when that is done, with the message before which another call
    /// goes on, or with nothing where nothing older is left.
    Search of messenger: search_request, search_params, search_results;
    asks {
        /// The words, as the schema says.
        text: String => text(TYPED_MAX_BYTES) get_text set_text,
        /// In the conversation with whom: their name or id; empty: in all.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// So many; 0: stored chooses.
        limit: u32 => number get_limit set_limit,
        /// Before this message; empty: to the end.
        before: String => text(TYPED_MAX_BYTES) get_before set_before,
        /// To whom they are handed.
        sink: match_sink::Client => capability get_sink set_sink,
    }
    answers String, SearchError: text(MESSAGE_ID_MAX_CHARS) get_next set_next beside get_error set_error;
}

words! {
    /// Why nothing is looked for.
    SearchError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// There is no message to go on before.
        NoSuchMessage,
        /// What is looked for is, or has too many words.
        TooLong,
    }
}

/// A text that holds what was looked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Match {
    /// Its id.
    pub id: String,
    /// The contact's id.
    pub contact: String,
    /// The user wrote it.
    pub mine: bool,
    /// By the sender's clock.
    pub sent_at: Timestamp,
    /// The text. A stranger's unless `mine`.
    pub body: String,
    /// The part of it around what was found, at most [`CONTEXT_MAX_CHARS`].
    pub context: String,
    /// Where in `context` what was looked for stands: bytes, whole characters, in order and apart; at most [`HITS_MAX`].
    pub hits: Vec<Range<usize>>,
}

/// Without what was said.
impl std::fmt::Debug for Match {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Match").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Match {
    /// Writes it.
    pub fn write(&self, mut to: search_match::Builder<'_>) {
        to.set_id(&self.id);
        to.set_contact(&self.contact);
        to.set_mine(self.mine);
        to.set_sent_at(self.sent_at.0);
        to.set_body(&self.body);
        to.set_context(&self.context);
        let mut hits = to.init_hits(length(self.hits.len()));
        for (at, hit) in (0..).zip(&self.hits) {
            let mut span = hits.reborrow().get(at);
            span.set_from(place(hit.start));
            span.set_to(place(hit.end));
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(from: search_match::Reader<'_>) -> Read<Self> {
        let found = Self {
            id: text(from.get_id()?, MESSAGE_ID_MAX_CHARS)?,
            contact: text(from.get_contact()?, MESSAGE_ID_MAX_CHARS)?,
            mine: from.get_mine(),
            sent_at: Timestamp(from.get_sent_at()),
            body: text(from.get_body()?, SHOWN_TEXT_MAX_BYTES)?,
            context: text(from.get_context()?, 4 * CONTEXT_MAX_CHARS)?,
            hits: listed(from.get_hits()?.iter(), HITS_MAX, |span| {
                Ok(usize::from(span.get_from())..usize::from(span.get_to()))
            })?,
        };
        if found.hits_fit() { Ok(found) } else { Err(Malformed) }
    }

    /// Whoever marks the hits can take each as it is.
    fn hits_fit(&self) -> bool {
        let apart = self.hits.is_sorted_by(|one, next| one.end < next.start);
        apart && self.hits.iter().all(|hit| self.context.get(hit.clone()).is_some_and(|hit| !hit.is_empty()))
    }
}

/// A place in a context, which is far shorter.
fn place(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}
