//! The life of a text: how far it is and when it came there, and what the user can do with one that is not there yet.

use super::{Closed, Delivery, Message, Refusal, SendError, SettleError, told, word};
use crate::Timestamp;
use crate::edge::stored_onion::ROUTE_MAX;
use crate::edge::{Part, Read, call, fixed, length, listed, mirrored, text, words};
use crate::edges::ui_stored_capnp::{self as wire, info, messenger, send_result};
use crate::limits::{MESSAGE_ID_MAX_CHARS, TYPED_MAX_BYTES};
use crate::relay::RelayId;

mirrored! {
    /// Why a text of the user's does not go on, as far as it is known here.
    Reason = wire::Reason {
        /// It does, or nobody fetched it in time.
        None => "none",
        /// The two have to invite each other again: the session cannot be opened anew, or the invitation has expired.
        InviteAgain => "invite-again",
        /// It is queued, and all of the contact's queues are full: it leaves when they fetch.
        QueueFull => "queue-full",
        /// No relay has a queue of the contact any more: it goes on if they come back.
        Gone => "gone",
    }
}

/// How far a text is. Of one that was tried again the times are those of the last try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its id.
    pub id: String,
    /// The contact's id.
    pub contact: String,
    /// The user wrote it.
    pub mine: bool,
    /// How far it is.
    pub state: Delivery,
    /// Why it does not go on.
    pub reason: Reason,
    /// It was put into the outbox.
    pub queued_at: Option<Timestamp>,
    /// All of it lay at a relay.
    pub relayed_at: Option<Timestamp>,
    /// It is given up then, if nobody has acked it before; of what lies at a relay.
    pub expires_at: Option<Timestamp>,
    /// Their ack came.
    pub delivered_at: Option<Timestamp>,
    /// They said that they read it.
    pub read_at: Option<Timestamp>,
    /// It failed or expired.
    pub failed_at: Option<Timestamp>,
    /// It came; of what they wrote.
    pub received_at: Option<Timestamp>,
    /// By the sender's clock.
    pub sent_at: Timestamp,
    /// The path of the newest try; at most [`ROUTE_MAX`].
    pub route: Vec<RelayId>,
    /// In how many parts it travels; 0 for what they wrote.
    pub parts: u16,
    /// Of these, so many that a relay has or they acked.
    pub parts_relayed: u16,
}

fn moment(at: u64) -> Option<Timestamp> {
    (at != 0).then_some(Timestamp(at))
}

fn number(at: Option<Timestamp>) -> u64 {
    at.map_or(0, |at| at.0)
}

impl Part for Info {
    type Wire = info::Owned;

    fn write(&self, mut to: info::Builder<'_>) {
        to.set_id(&self.id);
        to.set_contact(&self.contact);
        to.set_mine(self.mine);
        to.set_state(self.state.into());
        to.set_reason(self.reason.into());
        to.set_queued_at(number(self.queued_at));
        to.set_relayed_at(number(self.relayed_at));
        to.set_expires_at(number(self.expires_at));
        to.set_delivered_at(number(self.delivered_at));
        to.set_read_at(number(self.read_at));
        to.set_failed_at(number(self.failed_at));
        to.set_received_at(number(self.received_at));
        to.set_sent_at(self.sent_at.0);
        to.set_parts(self.parts);
        to.set_parts_relayed(self.parts_relayed);
        let mut route = to.init_route(length(self.route.len()));
        for (at, relay) in (0..).zip(&self.route) {
            route.set(at, &relay.0);
        }
    }

    fn read(from: info::Reader<'_>) -> Read<Self> {
        Ok(Self {
            id: text(from.get_id()?, MESSAGE_ID_MAX_CHARS)?,
            contact: text(from.get_contact()?, MESSAGE_ID_MAX_CHARS)?,
            mine: from.get_mine(),
            state: from.get_state()?.into(),
            reason: from.get_reason()?.into(),
            queued_at: moment(from.get_queued_at()),
            relayed_at: moment(from.get_relayed_at()),
            expires_at: moment(from.get_expires_at()),
            delivered_at: moment(from.get_delivered_at()),
            read_at: moment(from.get_read_at()),
            failed_at: moment(from.get_failed_at()),
            received_at: moment(from.get_received_at()),
            sent_at: Timestamp(from.get_sent_at()),
            route: listed(from.get_route()?.iter(), ROUTE_MAX, |relay| Ok(RelayId(fixed(relay?)?)))?,
            parts: from.get_parts(),
            parts_relayed: from.get_parts_relayed(),
        })
    }
}

call! {
    /// How far a text is, and when it came there.
    #[derive(Clone, PartialEq, Eq)]
    AskInfo of messenger: info_request, info_params, info_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
    }
    answers Info, SettleError: part get_info init_info beside get_error set_error;
}

call! {
    /// Has a text of the user's that failed or expired tried once more; tells it as it is then. Any other stays as it is, and so does one
    /// that still cannot be delivered.
    #[derive(Clone, PartialEq, Eq)]
    RetryText of messenger: retry_request, retry_params, retry_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
    }
    answers Message, RetryError: in get_result init_result as send_result Message part init_message;
}

words! {
    /// Why a text is not tried again.
    RetryError of Refusal, or Closed(Closed) {
        /// None of the user's has that id.
        NoSuchMessage,
        /// The contact is.
        Blocked,
    }
}

call! {
    /// Takes a text of the user's back of which nothing was under way yet: it is gone from the outbox and from the conversation.
    #[derive(Clone, PartialEq, Eq)]
    CancelText of messenger: cancel_request, cancel_params, cancel_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
    }
    answers word CancelTextError: get_error set_error;
}

words! {
    /// Why a text is not taken back.
    CancelTextError of Refusal, or Closed(Closed) {
        /// None of the user's has that id.
        NoSuchMessage,
        /// A part of it was sealed: a relay may have it, or they.
        UnderWay,
    }
}

call! {
    /// Sends the words of a message to somebody, as a text of the user's own; as [`SendText`](super::SendText) else.
    #[derive(Clone, PartialEq, Eq)]
    ForwardText of messenger: forward_request, forward_params, forward_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// To whom: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// The new text's id; empty: stored chooses.
        new_id: String => text(TYPED_MAX_BYTES) get_new_id set_new_id,
    }
    answers Message, SendError: in get_result init_result as send_result Message part init_message;
}
