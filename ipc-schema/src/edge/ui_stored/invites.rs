//! Invitations: the user's own, and others' that the user accepts.

use super::{Closed, Contact, Refusal, told, word};
use crate::Timestamp;
use crate::edge::{Part, Read, call, mirrored, text, words};
use crate::edges::ui_stored_capnp::{self as wire, accept_result, invite, invite_result, messenger};
use crate::limits::{LINK_MAX_CHARS, MESSAGE_ID_MAX_CHARS, NAME_MAX_BYTES, PEOPLE_MAX, TYPED_MAX_BYTES};

call! {
    /// A new invitation; told once a relay holds it.
    #[derive(Clone, PartialEq, Eq)]
    MakeInvite of messenger: invite_request, invite_params, invite_results;
    asks {
        /// What the user calls whom it is for; empty: stored chooses.
        name: String => text(TYPED_MAX_BYTES) get_name set_name,
    }
    answers Invite, InviteError: in get_result init_result as invite_result Invite part init_invite;
}

words! {
    /// Why there is no invitation.
    InviteError of Refusal, or Closed(Closed) {
        /// Somebody else has that name.
        NameTaken,
        /// Too long, or with characters that a name cannot have.
        NameBad,
        /// No relay in time.
        Network,
        /// Too many new contacts in an hour.
        RateLimited,
    }
}

/// An invitation that the user made.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its id.
    pub id: String,
    /// To be handed over. Secret: whoever has it may accept. Empty before there is one.
    pub link: String,
    /// The id of who is invited: a name may change, or be another's by now.
    pub contact: String,
    /// What the user calls them.
    pub name: String,
    /// The link's end; 0 before there is one.
    pub expires: Timestamp,
    /// How far it is.
    pub state: InviteState,
}

/// Without its link.
impl std::fmt::Debug for Invite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invite").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
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

impl Part for Invite {
    type Wire = invite::Owned;

    fn write(&self, mut to: invite::Builder<'_>) {
        to.set_id(&self.id);
        to.set_link(&self.link);
        to.set_name(&self.name);
        to.set_expires(self.expires.0);
        to.set_state(self.state.into());
        to.set_contact(&self.contact);
    }

    fn read(from: invite::Reader<'_>) -> Read<Self> {
        Ok(Self {
            id: text(from.get_id()?, MESSAGE_ID_MAX_CHARS)?,
            link: text(from.get_link()?, LINK_MAX_CHARS)?,
            contact: text(from.get_contact()?, MESSAGE_ID_MAX_CHARS)?,
            name: text(from.get_name()?, NAME_MAX_BYTES)?,
            expires: Timestamp(from.get_expires()),
            state: from.get_state()?.into(),
        })
    }
}

call! {
    /// The invitations made so far.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Invites of messenger: invites_request, invites_params, invites_results;
    asks {}
    answers Vec<Invite>, Closed: parts(PEOPLE_MAX) get_invites init_invites beside get_error set_error;
}

call! {
    /// Nobody may accept it any more.
    #[derive(Clone, PartialEq, Eq)]
    CancelInvite of messenger: cancel_invite_request, cancel_invite_params, cancel_invite_results;
    asks {
        /// Or the name of who is invited.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
    }
    answers word CancelError: get_error set_error;
}

words! {
    /// Why an invitation was not taken back.
    CancelError of Refusal, or Closed(Closed) {
        /// None has that id.
        NoSuchInvite,
        /// Whom it invited is a contact by now.
        InviteAccepted,
    }
}

call! {
    /// Accepts somebody's invitation; told once the reply lies at a relay, or once who has that name says that it is theirs. Idempotent by
    /// the link.
    #[derive(Clone, PartialEq, Eq)]
    AcceptInvite of messenger: accept_request, accept_params, accept_results;
    asks {
        /// Untrusted.
        link: String => text(TYPED_MAX_BYTES) get_link set_link,
        /// What the user calls who made it; empty: stored chooses.
        name: String => text(TYPED_MAX_BYTES) get_name set_name,
    }
    answers Contact, AcceptError: in get_result init_result as accept_result Contact part init_contact;
}

words! {
    /// Why an invitation is not accepted, or not yet.
    AcceptError of Refusal, or Closed(Closed) {
        /// Somebody else has that name.
        NameTaken,
        /// Too long, or with characters that a name cannot have.
        NameBad,
        /// Not an invitation's link.
        LinkMalformed,
        /// Its end is missing.
        LinkTruncated,
        /// A character of it was changed.
        LinkAltered,
        /// Its seven days are over.
        LinkExpired,
        /// Made by a later version.
        LinkNewer,
        /// The user's own.
        LinkOwn,
        /// Somebody else opened it, or it was cancelled.
        LinkUsed,
        /// Who has that name says that it is not theirs, or not open any more.
        LinkNotTheirs,
        /// Too many new contacts, or questions of one of them, in an hour.
        RateLimited,
        /// No relay in time.
        Network,
        /// Accepted, or who has that name is asked whether it is theirs, and goes on by itself.
        Waiting,
    }
}
