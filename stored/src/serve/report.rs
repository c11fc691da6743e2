//! Domain types to the edge's (edges/ui-stored.capnp).

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::ContactAction;
use ipc_schema::edges::ui_stored_capnp as edge;

use super::shown::id;
use crate::engine::Counts;
use crate::store::{Contact, ContactState, Invite, InviteState, Notice};

/// The refusal, or `none`.
pub(super) fn outcome<T, E: Copy + Into<edge::Refusal>>(answer: &Result<T, E>) -> edge::Refusal {
    answer.as_ref().err().map_or(edge::Refusal::None, |why| (*why).into())
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
