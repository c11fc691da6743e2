//! Rows of the store as ui is shown them (`ipc_schema::edge::ui_stored`).

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault;
use ipc_schema::edge::ui_stored::{
    self, Change, Comparison, Contact, Counts, Delivery, Event, History, Info, Invite, InviteState, Match,
    Message, Note, Notice, Reaction, Reason,
};

use crate::engine::{self, Told, WritingChange};
use crate::ids::hex;
use crate::search::{Context, Wanted};
use crate::store::{self, ContactState, EventKind};

/// A number as a person or a script sees it.
pub(super) fn id(number: u64) -> String {
    hex(&number.to_be_bytes())
}

pub(super) fn contact(from: store::Contact) -> Contact {
    let state = match (from.blocked, from.state) {
        (true, _) => ui_stored::ContactState::Blocked,
        (false, ContactState::Invited) => ui_stored::ContactState::Invited,
        (false, ContactState::Pending) => ui_stored::ContactState::Pending,
        (false, ContactState::Connected) => ui_stored::ContactState::Connected,
        (false, ContactState::Oneself) => ui_stored::ContactState::Oneself,
    };
    // Notes to oneself go nowhere.
    let route = if state == ui_stored::ContactState::Oneself { "" } else { "onion" };
    let notice = match from.notice {
        store::Notice::None => Notice::None,
        store::Notice::Repairing => Notice::Repairing,
        store::Notice::InviteAgain => Notice::InviteAgain,
    };
    Contact {
        id: id(from.id.0),
        unread: from.shown_unread(),
        name: from.name,
        state,
        verified: from.verified,
        route: route.into(),
        last_at: from.last_at,
        their_name: from.their_name,
        last_text: from.last_text,
        notice,
        held: from.held,
        pinned: from.pinned,
        muted_until: from.muted_until,
        note: from.note,
        has_draft: from.has_draft,
        first_unread: from.first_unread,
        receipts: from.receipts,
        typing: from.typing,
        is_typing: from.is_typing,
        timer_s: from.timer.seconds,
        comparing: from.comparing,
        retention_s: from.retention_s,
        files: from.files,
    }
}

pub(super) fn message(from: store::Message) -> Message {
    Message {
        id: from.id,
        contact: id(from.contact.0),
        mine: from.mine,
        sent_at: from.sent_at,
        received_at: (from.received_at.0 != 0).then_some(from.received_at),
        body: from.body,
        state: delivery(from.state),
        reply_to: from.reply_to,
        edited: from.edited,
        route: from.route,
        gap: from.gap,
        position: from.position,
        note: match from.note {
            store::Note::None => Note::None,
            store::Note::OlderCopyHere => Note::OlderCopyHere,
            store::Note::OlderCopyThere => Note::OlderCopyThere,
            store::Note::Reopened => Note::Reopened,
            store::Note::ReopenedAgain => Note::ReopenedAgain,
            store::Note::TextsWait => Note::TextsWait,
            store::Note::TimerChanged => Note::TimerChanged,
            store::Note::Introduction => Note::Introduction,
            store::Note::Introduced => Note::Introduced,
            store::Note::IntroductionOver => Note::IntroductionOver,
            store::Note::Newer => Note::Newer,
            store::Note::StringsDiffer => Note::StringsDiffer,
            store::Note::OnePerson => Note::OnePerson,
        },
        held: from.held,
        reactions: reactions(from.reactions),
        deleted: from.deleted,
        reason: reason(from.reason),
        expires_at: from.expires_at,
        disappears_at: from.disappears_at,
        timer_s: from.timer_s,
        introduces: from.introduces,
        files: from.files,
    }
}

fn reactions(from: store::Reactions) -> Vec<Reaction> {
    let both = [(true, from.mine), (false, from.theirs)].into_iter();
    both.filter(|(_, emoji)| !emoji.is_empty()).map(|(mine, emoji)| Reaction { mine, emoji }).collect()
}

/// A text that holds what is `wanted`, with the part around that.
pub(super) fn found(from: store::Message, wanted: &Wanted) -> Match {
    let Context { text, hits } = wanted.context(&from.body);
    Match {
        id: from.id,
        contact: id(from.contact.0),
        mine: from.mine,
        sent_at: from.sent_at,
        body: from.body,
        context: text,
        hits,
    }
}

/// How far a message is. Of what others wrote only they and its coming tell.
pub(super) fn info(from: engine::Info) -> Info {
    let engine::Info { message: from, moments, parts, parts_relayed } = from;
    Info {
        id: from.id,
        contact: id(from.contact.0),
        mine: from.mine,
        state: delivery(from.state),
        reason: reason(from.reason),
        queued_at: (parts > 0).then(|| moments.queued.unwrap_or(from.sent_at)),
        relayed_at: moments.relayed,
        expires_at: from.expires_at,
        delivered_at: moments.delivered,
        read_at: moments.read,
        failed_at: moments.expired.or(moments.failed),
        received_at: (from.received_at.0 != 0).then_some(from.received_at),
        sent_at: from.sent_at,
        route: from.route,
        parts,
        parts_relayed,
    }
}

fn reason(reason: store::Reason) -> Reason {
    match reason {
        store::Reason::None => Reason::None,
        store::Reason::InviteAgain => Reason::InviteAgain,
        store::Reason::QueueFull => Reason::QueueFull,
        store::Reason::Gone => Reason::Gone,
    }
}

pub(super) fn delivery(state: store::Delivery) -> Delivery {
    match state {
        store::Delivery::Queued => Delivery::Queued,
        store::Delivery::Relayed => Delivery::Relayed,
        store::Delivery::Delivered => Delivery::Delivered,
        store::Delivery::Read => Delivery::Read,
        store::Delivery::Failed => Delivery::Failed,
        store::Delivery::Expired => Delivery::Expired,
    }
}

pub(super) fn wanted(state: Delivery) -> store::Delivery {
    match state {
        Delivery::Queued => store::Delivery::Queued,
        Delivery::Relayed => store::Delivery::Relayed,
        Delivery::Delivered => store::Delivery::Delivered,
        Delivery::Read => store::Delivery::Read,
        Delivery::Failed => store::Delivery::Failed,
        Delivery::Expired => store::Delivery::Expired,
    }
}

/// `contacts`: where whom it invites has a name.
pub(super) fn invite(from: store::Invite, contacts: &[store::Contact]) -> Invite {
    let contact = contacts.iter().find(|contact| contact.id == from.contact);
    Invite {
        id: id(from.id.0),
        link: from.link,
        contact: id(from.contact.0),
        name: contact.map(|contact| contact.name.clone()).unwrap_or_default(),
        expires: from.expires,
        state: match from.state {
            store::InviteState::Placing => InviteState::Placing,
            store::InviteState::Waiting => InviteState::Waiting,
            store::InviteState::Accepted => InviteState::Accepted,
            store::InviteState::OpenedTwice => InviteState::OpenedTwice,
            store::InviteState::Expired => InviteState::Expired,
            store::InviteState::Cancelled => InviteState::Cancelled,
        },
    }
}

pub(super) fn counts(from: engine::Counts, now: Timestamp, history: History) -> Counts {
    let age = |at: Timestamp| now.0.saturating_sub(at.0);
    Counts {
        outbox: from.outbox,
        at_relay: from.at_relay,
        mailboxes: from.mailboxes,
        full: from.full,
        unread: from.unread,
        proof_age_ms: from.proof_at.map(age),
        stage: from.stage.into(),
        clock: from.clock,
        history,
    }
}

pub(super) fn comparison(told: stored_keyvault::Comparison) -> Comparison {
    match told {
        stored_keyvault::Comparison::Match => Comparison::Match,
        stored_keyvault::Comparison::OtherPerson => Comparison::OtherPerson,
        stored_keyvault::Comparison::NotACode => Comparison::NotACode,
        stored_keyvault::Comparison::NewerVersion => Comparison::NewerVersion,
    }
}

/// An event; `None` when the text that it is about is gone, so that there is nothing to tell.
pub(super) fn event(from: Told) -> Option<Event> {
    let change = match from.event.kind {
        EventKind::Message { .. } => Change::Message(message(from.message?)),
        EventKind::Delivery { id: message, contact, state } => {
            Change::Delivery { id: message, contact: id(contact.0), state: delivery(state) }
        }
        EventKind::Contact { contact: who } => {
            Change::Contact(from.contact.map_or_else(|| Contact::of(id(who.0)), contact))
        }
        EventKind::File { .. } => Change::File(from.file?),
        EventKind::Network { stage } => Change::Network(stage),
        EventKind::Gone { id: message, contact } => Change::Gone { id: message, contact: id(contact.0) },
    };
    Some(Event { seq: from.event.seq, at: from.event.at, change })
}

/// Somebody began or ceased to write, after the event with this number.
pub(super) fn writing(from: WritingChange, seq: u64) -> Event {
    Event { seq, at: from.at, change: Change::Typing { who: id(from.contact.0), on: from.on } }
}
