//! `privatus contacts`.

use super::rows::ContactRow;
use super::{Context, Outcome, output, sockets, talk};
use crate::peers::messenger::{Contact, Notice};

pub(super) fn run(context: &Context) -> Outcome {
    let contacts =
        sockets::block_on(talk::messenger(&context.profile, talk::SOON, |messenger| async move {
            messenger.contacts().await
        }))?;
    contacts.iter().try_for_each(|contact| context.output.row(&ContactRow::from(contact), || words(contact)))
}

/// One line about a contact.
pub(super) fn words(contact: &Contact) -> String {
    let mut line = format!("{}  {}", output::one_line(&contact.name), contact.state.word());
    if contact.verified {
        line.push_str(", verified");
    }
    if let Some(words) = notice(contact.notice) {
        line.push_str(&format!(", {words}"));
    }
    if contact.unread > 0 {
        line.push_str(&format!(", {} unread", contact.unread));
    }
    line
}

/// What is new or wrong with a contact: what it means, or what to do.
pub(super) fn notice(notice: Notice) -> Option<&'static str> {
    match notice {
        Notice::None => None,
        Notice::Repairing => Some("reconnecting securely"),
        Notice::InviteAgain => Some("cannot reconnect: invite each other again"),
        Notice::NewIdentity => Some("safety number changed: compare it again"),
    }
}
