//! Texts: sent, read, and how far they are.

use super::changes::REACTIONS_MAX;
use super::{Closed, File, Reaction, Reason, Refusal, told, word};
use crate::Timestamp;
use crate::edge::stored_onion::ROUTE_MAX;
use crate::edge::{Part, Read, call, fixed, length, listed, mirrored, text, words};
use crate::edges::ui_stored_capnp::{self as wire, message, message_sink, messenger, send_result};
use crate::limits::{
    FILES_MAX, MESSAGE_ID_MAX_CHARS, NAME_MAX_BYTES, SHOWN_TEXT_MAX_BYTES, TYPED_MAX_BYTES,
    TYPED_TEXT_MAX_BYTES,
};
use crate::relay::RelayId;

/// One text of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The contact's id.
    pub contact: String,
    /// The user wrote it.
    pub mine: bool,
    /// By the sender's clock.
    pub sent_at: Timestamp,
    /// By this computer's clock; `None` for own texts.
    pub received_at: Option<Timestamp>,
    /// The text. A stranger's unless `mine`.
    pub body: String,
    /// How far it is.
    pub state: Delivery,
    /// The message that it answers, or empty.
    pub reply_to: String,
    /// It was changed after it was sent.
    pub edited: bool,
    /// The path of the newest try; own texts only, at most [`ROUTE_MAX`].
    pub route: Vec<RelayId>,
    /// Whether the program tells it.
    pub note: Note,
    /// What its sender said just before is missing.
    pub gap: bool,
    /// Rises along the conversation; of a text that comes late it lies between others.
    pub position: i64,
    /// It is queued, and leaves only when the user has what is held go on.
    pub held: bool,
    /// What the two think of it, one each at most.
    pub reactions: Vec<Reaction>,
    /// Who wrote it has deleted it for both: the body is empty.
    pub deleted: bool,
    /// Why it does not go on.
    pub reason: Reason,
    /// It is given up then, if nobody has acked it before; of what lies at a relay.
    pub expires_at: Option<Timestamp>,
    /// It is gone here then; of what was not read at the latest. `None`: not, or not before it is at a relay.
    pub disappears_at: Option<Timestamp>,
    /// Of [`Note::TimerChanged`] what it was set to; of a text how long it lives. Seconds; 0: for ever.
    pub timer_s: u32,
    /// Of a note that is about somebody else: their name. A stranger's text.
    pub introduces: String,
    /// Its files, at most [`FILES_MAX`].
    pub files: Vec<File>,
}

impl Message {
    /// One with this id in the conversation with this contact, of which all else is as nothing.
    #[must_use]
    pub fn of(id: impl Into<String>, contact: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            contact: contact.into(),
            mine: false,
            sent_at: Timestamp(0),
            received_at: None,
            body: String::new(),
            state: Delivery::Queued,
            reply_to: String::new(),
            edited: false,
            route: Vec::new(),
            note: Note::None,
            gap: false,
            position: 0,
            held: false,
            reactions: Vec::new(),
            deleted: false,
            reason: Reason::None,
            expires_at: None,
            disappears_at: None,
            timer_s: 0,
            introduces: String::new(),
            files: Vec::new(),
        }
    }
}

/// Without what was said.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

mirrored! {
    /// How far a text is.
    Delivery = wire::Delivery {
        /// Durable here, at no relay yet.
        Queued => "queued",
        /// A relay holds it.
        Relayed => "relayed",
        /// Durably on their device, by their ack.
        Delivered => "delivered",
        /// They say they read it.
        Read => "read",
        /// It cannot leave; a person must choose what next.
        Failed => "failed",
        /// Not picked up in time.
        Expired => "expired",
    }
}

mirrored! {
    /// What stands in a conversation besides texts; the body says it in words.
    Note = wire::Note {
        /// It is a text.
        None => "none",
        /// An older copy of this profile was used.
        OlderCopyHere => "older-copy-here",
        /// An older copy of the contact's profile was used.
        OlderCopyThere => "older-copy-there",
        /// The session was opened anew.
        Reopened => "reopened",
        /// It was again, within a day: a copy of a device may exist.
        ReopenedAgain => "reopened-again",
        /// What is written to the contact waits for the user.
        TextsWait => "texts-wait",
        /// One of the two set how long texts live: the user if it is `mine`.
        TimerChanged => "timer-changed",
        /// They want the user to meet somebody.
        Introduction => "introduction",
        /// The user said yes, introduces the two, or got to know the contact so.
        Introduced => "introduced",
        /// Nothing came of it.
        IntroductionOver => "introduction-over",
        /// They sent what only a later version can show.
        Newer => "newer",
        /// A short string that was compared was another one over there, or not made as promised.
        StringsDiffer => "strings-differ",
        /// What came of a link that the user gave under their name, or they of the user's.
        OnePerson => "one-person",
    }
}

impl Message {
    /// Whether the contact wrote it.
    #[must_use]
    pub fn is_theirs(&self) -> bool {
        !self.mine && self.note == Note::None
    }

    /// Writes it.
    pub fn write(&self, mut to: message::Builder<'_>) {
        to.set_id(&self.id);
        to.set_contact(&self.contact);
        to.set_mine(self.mine);
        to.set_sent_at(self.sent_at.0);
        to.set_received_at(self.received_at.map_or(0, |at| at.0));
        to.set_body(&self.body);
        to.set_state(self.state.into());
        to.set_reply_to(&self.reply_to);
        to.set_edited(self.edited);
        to.set_note(self.note.into());
        to.set_gap(self.gap);
        to.set_position(self.position);
        to.set_held(self.held);
        to.set_deleted(self.deleted);
        let mut reactions = to.reborrow().init_reactions(length(self.reactions.len()));
        for (at, reaction) in (0..).zip(&self.reactions) {
            reaction.write(reactions.reborrow().get(at));
        }
        to.set_reason(self.reason.into());
        to.set_expires_at(self.expires_at.map_or(0, |at| at.0));
        to.set_disappears_at(self.disappears_at.map_or(0, |at| at.0));
        to.set_timer_s(self.timer_s);
        to.set_introduces(&self.introduces);
        let mut files = to.reborrow().init_files(length(self.files.len()));
        for (at, file) in (0..).zip(&self.files) {
            file.write(files.reborrow().get(at));
        }
        let mut route = to.init_route(length(self.route.len()));
        for (at, relay) in (0..).zip(&self.route) {
            route.set(at, &relay.0);
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`](crate::edge::Malformed).
    pub fn read(from: message::Reader<'_>) -> Read<Self> {
        let (received, expires) = (from.get_received_at(), from.get_expires_at());
        let disappears = from.get_disappears_at();
        Ok(Self {
            id: text(from.get_id()?, MESSAGE_ID_MAX_CHARS)?,
            contact: text(from.get_contact()?, MESSAGE_ID_MAX_CHARS)?,
            mine: from.get_mine(),
            sent_at: Timestamp(from.get_sent_at()),
            received_at: (received != 0).then_some(Timestamp(received)),
            body: text(from.get_body()?, SHOWN_TEXT_MAX_BYTES)?,
            state: from.get_state()?.into(),
            reply_to: text(from.get_reply_to()?, MESSAGE_ID_MAX_CHARS)?,
            edited: from.get_edited(),
            route: listed(from.get_route()?.iter(), ROUTE_MAX, |relay| Ok(RelayId(fixed(relay?)?)))?,
            note: from.get_note()?.into(),
            gap: from.get_gap(),
            position: from.get_position(),
            held: from.get_held(),
            reactions: listed(from.get_reactions()?.iter(), REACTIONS_MAX, Reaction::read)?,
            deleted: from.get_deleted(),
            reason: from.get_reason()?.into(),
            expires_at: (expires != 0).then_some(Timestamp(expires)),
            disappears_at: (disappears != 0).then_some(Timestamp(disappears)),
            timer_s: from.get_timer_s(),
            introduces: text(from.get_introduces()?, NAME_MAX_BYTES)?,
            files: listed(from.get_files()?.iter(), FILES_MAX, File::read)?,
        })
    }
}

impl Part for Message {
    type Wire = message::Owned;

    fn write(&self, to: message::Builder<'_>) {
        self.write(to);
    }

    fn read(from: message::Reader<'_>) -> Read<Self> {
        Self::read(from)
    }
}

call! {
    /// Puts a text into the outbox; durable when it is told. The same id again tells the first one.
    #[derive(Clone, PartialEq, Eq)]
    SendText of messenger: send_request, send_params, send_results;
    asks {
        /// To whom: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// Its id; empty: stored chooses.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// What.
        text: String => text(TYPED_TEXT_MAX_BYTES) get_text set_text,
        /// The message that it answers, or empty.
        reply_to: String => text(TYPED_MAX_BYTES) get_reply_to set_reply_to,
    }
    answers Message, SendError: in get_result init_result as send_result Message part init_message;
}

words! {
    /// Why a text was not taken.
    SendError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// It is, or it is empty.
        TooLong,
        /// Not 1 to 64 of the characters of an id.
        BadId,
        /// That id exists with other words.
        Conflict,
        /// The contact is.
        Blocked,
        /// There is no such message to answer.
        NoSuchMessage,
    }
}

call! {
    /// Waits until a text reaches a state, fails or expires, or the time is over, and tells how far it is then.
    #[derive(Clone, PartialEq, Eq)]
    Settle of messenger: settled_request, settled_params, settled_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// That state, or a further one.
        want: Delivery => word get_want set_want,
        /// At most so long, milliseconds.
        timeout_ms: u32 => number get_timeout_ms set_timeout_ms,
    }
    answers Delivery, SettleError: word get_state set_state beside get_error set_error;
}

words! {
    /// Why it is not known how far a text is.
    SettleError of Refusal, or Closed(Closed) {
        /// None has that id.
        NoSuchMessage,
    }
}

call! {
    /// Some texts of a conversation, the oldest first; told when all were handed over. Made by [`Messages::of`].
    Messages of messenger: messages_request, messages_params, messages_results;
    asks {
        /// Whose: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// So many; 0: stored chooses.
        limit: u32 => number get_limit set_limit,
        /// Before this one, where not empty.
        before: String => text(TYPED_MAX_BYTES) get_before set_before,
        /// To whom they are handed.
        sink: message_sink::Client => capability get_sink set_sink,
        /// After this one, where not empty.
        after: String => text(TYPED_MAX_BYTES) get_after set_after,
        /// On both sides of this one, where not empty.
        around: String => text(TYPED_MAX_BYTES) get_around set_around,
        /// From this moment on, milliseconds since 1970, where not 0.
        at: u64 => number get_at set_at,
    }
    answers word ReadError: get_error set_error;
}

call! {
    /// What they wrote was read here.
    #[derive(Clone, PartialEq, Eq)]
    MarkRead of messenger: mark_read_request, mark_read_params, mark_read_results;
    asks {
        /// Whose: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// Up to this one; empty: all.
        up_to: String => text(TYPED_MAX_BYTES) get_up_to set_up_to,
    }
    answers word ReadError: get_error set_error;
}

words! {
    /// Why nothing of a conversation is told or noted.
    ReadError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// There is no such message.
        NoSuchMessage,
        /// More than one place of a conversation is named.
        Conflict,
    }
}

/// Which texts of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// The last ones.
    #[default]
    Newest,
    /// Those next before a message.
    Before(String),
    /// Those next after it.
    After(String),
    /// A message with half of them before it and half after it.
    Around(String),
    /// The same with the text that was written first at or after a moment; at 1 the very first. The last ones, where nothing is so late.
    At(Timestamp),
}

impl Messages {
    /// At most `limit` texts of `who` at a place, told to `sink`; 0: stored chooses.
    #[must_use]
    pub fn of(who: String, limit: u32, place: Place, sink: message_sink::Client) -> Self {
        let mut asked = Self {
            who,
            limit,
            before: String::new(),
            sink,
            after: String::new(),
            around: String::new(),
            at: 0,
        };
        match place {
            Place::Newest => {}
            Place::Before(id) => asked.before = id,
            Place::After(id) => asked.after = id,
            Place::Around(id) => asked.around = id,
            Place::At(moment) => asked.at = moment.0,
        }
        asked
    }

    /// Which are asked for.
    ///
    /// # Errors
    /// [`ReadError::Conflict`].
    pub fn place(&self) -> Result<Place, ReadError> {
        let named = |id: &String, place: fn(String) -> Place| (!id.is_empty()).then(|| place(id.clone()));
        let mut places = [
            named(&self.before, Place::Before),
            named(&self.after, Place::After),
            named(&self.around, Place::Around),
            (self.at > 0).then_some(Place::At(Timestamp(self.at))),
        ]
        .into_iter()
        .flatten();
        match (places.next(), places.next()) {
            (_, Some(_)) => Err(ReadError::Conflict),
            (place, None) => Ok(place.unwrap_or_default()),
        }
    }
}
