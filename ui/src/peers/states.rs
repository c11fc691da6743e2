//! The states that cross the edge to stored, as our own types, and the contract's words for them.

use ipc_schema::edges::ui_stored_capnp as wire;
use ipc_schema::mirrored;

mirrored! {
    /// Whether conversations are open to this caller.
    Access = wire::Access {
        /// They are.
        Open => "open",
        /// Not before the passphrase.
        Locked => "locked",
        /// Not to programs outside a desktop profile's window, until *scripts* are on.
        ScriptsOff => "scripts-off",
    }
}

mirrored! {
    /// What is wrong with a contact's session, or new.
    Notice = wire::Notice {
        /// All is well.
        None => "none",
        /// It broke and is being opened anew.
        Repairing => "repairing",
        /// It cannot be opened anew.
        InviteAgain => "invite-again",
        /// The safety number changed.
        NewIdentity => "new-identity",
    }
}

#[allow(clippy::derivable_impls, reason = "the macro derives the same for all")]
impl Default for Notice {
    fn default() -> Self {
        Self::None
    }
}

impl Notice {
    /// For a line about the contact: what it means, or what to do.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Repairing => Some("reconnecting securely"),
            Self::InviteAgain => Some("cannot reconnect: invite each other again"),
            Self::NewIdentity => Some("safety number changed: compare it again"),
        }
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
    /// How far a connection is.
    ContactState = wire::ContactState {
        /// The invitation was not opened yet.
        Invited => "invited",
        /// Our reply lies at a relay, or their answer waits for the user.
        Pending => "pending",
        /// Both have each other's keys.
        Connected => "connected",
        /// Nothing is taken from them.
        Blocked => "blocked",
    }
}

mirrored! {
    /// How far an invitation is.
    InviteState = wire::invite::InviteState {
        /// On its way to a relay.
        Placing => "placing",
        /// At a relay, not opened.
        Waiting => "waiting",
        /// Somebody accepted it.
        Accepted => "accepted",
        /// A second person opened it.
        OpenedTwice => "opened-twice",
        /// Its seven days are over.
        Expired => "expired",
        /// The user took it back.
        Cancelled => "cancelled",
    }
}

mirrored! {
    /// What a scanned code says about a contact.
    Comparison = wire::Comparison {
        /// The two are who each takes the other to be.
        Match => "match",
        /// A sound code of somebody else, or shown to somebody else.
        OtherPerson => "other-person",
        /// No code of this kind, or not all of it.
        NotACode => "not-a-code",
        /// A code of a later version.
        NewerVersion => "newer-version",
    }
}

mirrored! {
    /// Why stored says no.
    Refusal = wire::Refusal {
        /// It does not.
        None => "none",
        /// Not before the passphrase.
        Locked => "locked",
        /// Not to outside programs until *scripts* are on.
        ScriptsOff => "scripts-off",
        /// Nobody has that name or id.
        NoSuchContact => "no-such-contact",
        /// Somebody else has that name.
        NameTaken => "name-taken",
        /// Empty, too long, or with characters that a name cannot have.
        NameBad => "name-bad",
        /// No text has that id.
        NoSuchMessage => "no-such-message",
        /// The text is too long.
        TooLong => "too-long",
        /// Not 1 to 64 of the characters of an id.
        BadId => "bad-id",
        /// No relay in time.
        Network => "network",
        /// Not an invitation's link.
        LinkMalformed => "link-malformed",
        /// Its end is missing.
        LinkTruncated => "link-truncated",
        /// A character of it was changed.
        LinkAltered => "link-altered",
        /// Its seven days are over.
        LinkExpired => "link-expired",
        /// Made by a later version.
        LinkNewer => "link-newer",
        /// The user's own.
        LinkOwn => "link-own",
        /// Somebody else opened it, or it was cancelled.
        LinkUsed => "link-used",
        /// Too many in an hour.
        RateLimited => "rate-limited",
        /// That contact is blocked.
        Blocked => "blocked",
        /// A later version can.
        NotBuilt => "not-built",
        /// The disk is full or fails; nothing was lost.
        Storage => "storage",
        /// That id exists with other words.
        Conflict => "conflict",
        /// Not a picture, damaged or too large.
        Picture => "picture",
        /// A relay said no.
        RefusedByRelay => "refused-by-relay",
        /// No invitation has that id.
        NoSuchInvite => "no-such-invite",
        /// Accepted, goes on by itself.
        Waiting => "waiting",
        /// The safety number that was compared is not the contact's, or no longer.
        NumberChanged => "number-changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_contract_stand_as_they_are() {
        let words: Vec<_> = Delivery::ALL.iter().map(|state| state.word()).collect();
        assert_eq!(words, ["queued", "relayed", "delivered", "read", "failed", "expired"]);
        let words: Vec<_> = ContactState::ALL.iter().map(|state| state.word()).collect();
        assert_eq!(words, ["invited", "pending", "connected", "blocked"]);
    }

    #[test]
    fn no_two_refusals_share_a_word() {
        let mut words: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Refusal::ALL.len());
    }
}
