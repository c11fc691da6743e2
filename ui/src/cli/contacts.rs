//! `privatus contacts`.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, Contacts, Notice, ShortState, is_muted};

use super::rows::ContactRow;
use super::{Context, Outcome, duration, output, sockets, talk};

/// Where an answer that was lost can be read.
pub(super) const LOST: &str = "see `privatus contact show WHO`";

pub(super) fn run(context: &Context) -> Outcome {
    let contacts = sockets::block_on(talk::call(&context.profile, talk::SOON, Contacts {}))?;
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
    if let Some(words) = comparing(contact.comparing) {
        line.push_str(&format!(", {words}"));
    }
    if contact.held {
        line.push_str(", what you write waits: ask them, then `contact verify` or `contact resume`");
    }
    if contact.unread > 0 {
        line.push_str(&format!(", {} unread", contact.unread));
    }
    if contact.pinned {
        line.push_str(", pinned");
    }
    if is_muted(contact.muted_until, Timestamp::now()) {
        line.push_str(", muted");
    }
    if contact.timer_s > 0 {
        line.push_str(&format!(", texts disappear after {}", duration::words(contact.timer_s.into())));
    }
    if contact.retention_s > 0 {
        line.push_str(&format!(", kept here for {}", duration::words(contact.retention_s.into())));
    }
    line
}

/// What to do about a short string, where something is.
fn comparing(state: ShortState) -> Option<&'static str> {
    match state {
        ShortState::None | ShortState::Over => None,
        ShortState::Asked => Some("wants to compare a short string: `contact compare`"),
        ShortState::Waiting => Some("is to join a comparison"),
        ShortState::Shown => Some("has a short string with you: `contact compare`"),
    }
}

/// What is new or wrong with a contact: what it means, or what to do.
pub(super) fn notice(notice: Notice) -> Option<&'static str> {
    match notice {
        Notice::None => None,
        Notice::Repairing => Some("reconnecting securely"),
        Notice::InviteAgain => Some("cannot reconnect: invite each other again"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use ipc_schema::Timestamp;
    use ipc_schema::edge::ui_stored::{Contact, ContactState, SafetyNumber};

    pub(in crate::cli) fn robin() -> Contact {
        Contact {
            name: "Robin".into(),
            state: ContactState::Connected,
            verified: true,
            route: "onion".into(),
            last_at: Timestamp(9),
            ..Contact::of("c1")
        }
    }

    pub(in crate::cli) fn number() -> SafetyNumber {
        SafetyNumber {
            digits: ["12345"; 12].join(" "),
            words: ["lusab", "babad", "gutih", "tugad", "zodug", "mahon", "pidok", "kavas"]
                .map(Into::into)
                .to_vec(),
            verified: false,
            code: "privatus:v#AQ".into(),
        }
    }
}
