//! Domain types to the edge's (edges/ui-stored.capnp).

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::Comparison;
use ipc_schema::edge::ui_stored::ContactAction;
use ipc_schema::edges::ui_stored_capnp as edge;

use crate::engine::{Counts, Told};
use crate::ids::hex;
use crate::store::{Contact, ContactState, Delivery, EventKind, Invite, InviteState, Message, Notice};

/// The refusal, or `none`.
pub(super) fn outcome<T, E: Copy + Into<edge::Refusal>>(answer: &Result<T, E>) -> edge::Refusal {
    answer.as_ref().err().map_or(edge::Refusal::None, |why| (*why).into())
}

pub(super) fn comparison(told: Comparison) -> edge::Comparison {
    match told {
        Comparison::Match => edge::Comparison::Match,
        Comparison::OtherPerson => edge::Comparison::OtherPerson,
        Comparison::NotACode => edge::Comparison::NotACode,
        Comparison::NewerVersion => edge::Comparison::NewerVersion,
    }
}

pub(super) fn delivery(state: Delivery) -> edge::Delivery {
    match state {
        Delivery::Queued => edge::Delivery::Queued,
        Delivery::Relayed => edge::Delivery::Relayed,
        Delivery::Delivered => edge::Delivery::Delivered,
        Delivery::Read => edge::Delivery::Read,
        Delivery::Failed => edge::Delivery::Failed,
        Delivery::Expired => edge::Delivery::Expired,
    }
}

pub(super) fn wanted(state: edge::Delivery) -> Delivery {
    match state {
        edge::Delivery::Queued => Delivery::Queued,
        edge::Delivery::Relayed => Delivery::Relayed,
        edge::Delivery::Delivered => Delivery::Delivered,
        edge::Delivery::Read => Delivery::Read,
        edge::Delivery::Failed => Delivery::Failed,
        edge::Delivery::Expired => Delivery::Expired,
    }
}

pub(super) fn id(number: u64) -> String {
    hex(&number.to_be_bytes())
}

pub(super) fn contact(mut to: edge::contact::Builder<'_>, from: &Contact) {
    to.set_id(id(from.id.0));
    to.set_name(&from.name);
    to.set_state(match (from.blocked, from.state) {
        (true, _) => edge::ContactState::Blocked,
        (false, ContactState::Invited) => edge::ContactState::Invited,
        (false, ContactState::Pending) => edge::ContactState::Pending,
        (false, ContactState::Connected) => edge::ContactState::Connected,
    });
    to.set_verified(from.verified);
    to.set_route("onion");
    to.set_unread(from.unread);
    to.set_last_at(from.last_at.0);
    to.set_their_name(&from.their_name);
    to.set_last_text(&from.last_text);
    to.set_notice(match from.notice {
        Notice::None => edge::Notice::None,
        Notice::Repairing => edge::Notice::Repairing,
        Notice::InviteAgain => edge::Notice::InviteAgain,
        Notice::NewIdentity => edge::Notice::NewIdentity,
    });
}

pub(super) fn message(mut to: edge::message::Builder<'_>, from: &Message) {
    to.set_id(&from.id);
    to.set_contact(id(from.contact.0));
    to.set_mine(from.mine);
    to.set_sent_at(from.sent_at.0);
    to.set_received_at(from.received_at.0);
    to.set_body(&from.body);
    to.set_state(delivery(from.state));
    to.set_reply_to(&from.reply_to);
    let mut route = to.init_route(u32::try_from(from.route.len()).unwrap_or(0));
    for (at, relay) in (0..route.len()).zip(&from.route) {
        route.set(at, &relay.0);
    }
}

pub(super) fn invite(mut to: edge::invite::Builder<'_>, from: &Invite, name: &str) {
    to.set_id(id(from.id.0));
    to.set_link(&from.link);
    to.set_name(name);
    to.set_expires(from.expires.0);
    to.set_contact(id(from.contact.0));
    to.set_state(match from.state {
        InviteState::Placing => edge::invite::InviteState::Placing,
        InviteState::Waiting => edge::invite::InviteState::Waiting,
        InviteState::Accepted => edge::invite::InviteState::Accepted,
        InviteState::OpenedTwice => edge::invite::InviteState::OpenedTwice,
        InviteState::Expired => edge::invite::InviteState::Expired,
        InviteState::Cancelled => edge::invite::InviteState::Cancelled,
    });
}

pub(super) fn counts(mut to: edge::counts::Builder<'_>, from: Counts, now: Timestamp) {
    to.set_outbox(from.outbox);
    to.set_at_relay(from.at_relay);
    to.set_mailboxes(from.mailboxes);
    to.set_full(from.full);
    to.set_unread(from.unread);
    let age = from.proof_at.map_or(u64::MAX, |at| now.0.saturating_sub(at.0));
    to.set_proof_age_ms(age);
    to.set_stage(from.stage);
}

/// Writes an event; false when what it is about is gone, so that there is nothing to tell.
pub(super) fn event(mut to: edge::event::Builder<'_>, from: &Told) -> bool {
    to.set_seq(from.event.seq);
    to.set_at(from.event.at.0);
    match &from.event.kind {
        EventKind::Message { .. } => match &from.message {
            Some(told) => message(to.init_message(), told),
            None => return false,
        },
        EventKind::Delivery { id: message, contact, state } => {
            let mut fields = to.init_delivery();
            fields.set_id(message);
            fields.set_contact(id(contact.0));
            fields.set_state(delivery(*state));
        }
        EventKind::Contact { contact: who } => match &from.contact {
            Some(told) => contact(to.init_contact(), told),
            // Gone: its id alone.
            None => to.init_contact().set_id(id(who.0)),
        },
        EventKind::Network { stage } => to.set_network(stage),
    }
    true
}

pub(super) fn action(from: edge::contact_action::Reader<'_>) -> Result<ContactAction, capnp::Error> {
    use edge::contact_action::Which;
    Ok(match from.which()? {
        Which::Show(()) => ContactAction::Show,
        Which::Rename(name) => ContactAction::Rename(name?.to_str()?.to_owned()),
        Which::Block(blocked) => ContactAction::Block(blocked),
        Which::Delete(()) => ContactAction::Delete,
        Which::Accept(()) => ContactAction::Accept,
        Which::Decline(()) => ContactAction::Decline,
        Which::Verify(digits) => {
            let digits = digits?.to_str()?;
            ContactAction::Verify((!digits.is_empty()).then(|| digits.to_owned()))
        }
    })
}
