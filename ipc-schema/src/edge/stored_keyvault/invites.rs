//! Own queues and invites, and the invites of others.

use super::messages::{read_envelopes, read_queues, write_envelopes, write_queues};
use super::{
    AcceptId, Envelope, Fault, InviteId, Key, OutboxId, PeerQueue, QueueId, ReceiveQueueId, SessionId,
};
use crate::Timestamp;
use crate::edge::{
    Malformed, Outcome, Part, Read, bounded, call, fixed, length, listed, mirrored, text, words,
};
use crate::edges::stored_keyvault_capnp::{
    self as wire, VaultError, accept_result, begin_result, created, finish_invite_result, open_invite_result,
    vault,
};
use crate::limits::{BLOB_MAX_BYTES, CONTENT_MAX_BYTES, HINTS_MAX, LINK_MAX_CHARS, OFFERS_MAX};
use crate::relay::{Hint, RelayId};

call! {
    /// A fresh identity and a receive queue for a one-time invite: the Ed25519 key that goes into `create`.
    #[derive(Clone, Copy, PartialEq, Eq)]
    BeginInvite of vault: begin_invite_request, begin_invite_params, begin_invite_results;
    asks {
        /// Chosen by the caller.
        invite: InviteId => number get_invite set_invite,
        /// Where its queue will lie.
        relay: RelayId => relay get_relay set_relay,
    }
    answers Key, BeginInviteError: in get_result init_result as begin_result AuthKey fixed set_auth_key;
}

words! {
    /// Why no invite was begun.
    BeginInviteError of VaultError, or Fault(Fault) {
        /// Too many new contacts within the hour.
        RateLimited,
        /// The id was used before, for another relay.
        BadContent,
    }
}

call! {
    /// Keys for a new receive queue: the Ed25519 one goes into `create`.
    #[derive(Clone, Copy, PartialEq, Eq)]
    BeginReceiveQueue of vault: begin_receive_queue_request, begin_receive_queue_params, begin_receive_queue_results;
    asks {
        /// Chosen by the caller.
        receive_queue: ReceiveQueueId => number get_receive_queue set_receive_queue,
        /// Where it will lie.
        relay: RelayId => relay get_relay set_relay,
    }
    answers Key, BeginReceiveQueueError: in get_result init_result as begin_result AuthKey fixed set_auth_key;
}

words! {
    /// Why there are no keys for a queue.
    BeginReceiveQueueError of VaultError, or Fault(Fault) {
        /// The id was used before, for another relay.
        BadContent,
    }
}

/// What a relay answered to `create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// By which its receiver knows the queue.
    pub receiver_queue: QueueId,
    /// By which its sender knows it.
    pub sender_queue: QueueId,
    /// X25519, made by the relay for this queue.
    pub relay_key: Key,
}

impl Part for Created {
    type Wire = created::Owned;

    fn write(&self, mut to: created::Builder<'_>) {
        to.set_receiver_queue(&self.receiver_queue);
        to.set_sender_queue(&self.sender_queue);
        to.set_relay_key(&self.relay_key);
    }

    fn read(from: created::Reader<'_>) -> Read<Self> {
        Ok(Self {
            receiver_queue: fixed(from.get_receiver_queue()?)?,
            sender_queue: fixed(from.get_sender_queue()?)?,
            relay_key: fixed(from.get_relay_key()?)?,
        })
    }
}

call! {
    /// The link and the bundle of an invite whose queue is there.
    #[derive(Clone, PartialEq, Eq)]
    FinishInvite of vault: finish_invite_request, finish_invite_params, finish_invite_results;
    asks {
        /// A begun one.
        invite: InviteId => number get_invite set_invite,
        /// The relay's answer.
        created: Created => part get_created init_created,
        /// Contact points that go into the link.
        hints: Vec<Hint> => hints(HINTS_MAX) get_hints init_hints,
    }
    answers FinishedInvite, FinishInviteError: in get_result init_result as finish_invite_result Invite group init_invite;
}

/// An invite that can be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct FinishedInvite {
    /// At most [`LINK_MAX_CHARS`].
    pub link: String,
    /// Under which the bundle is left.
    pub blob_id: Key,
    /// Left with the relay: it authenticates whoever reads the bundle.
    pub read_key: Key,
    /// The encrypted bundle.
    pub blob: Vec<u8>,
    /// When nobody may accept it any more.
    pub expires: Timestamp,
}

words! {
    /// Why an invite was not finished.
    FinishInviteError of VaultError, or Fault(Fault) {
        /// It was never begun, or is cancelled.
        NoSuchId,
        /// It was finished with another answer.
        BadContent,
        /// The relay's answer does not fit.
        RelayMismatch,
    }
}

impl Part for FinishedInvite {
    type Wire = finish_invite_result::invite::Owned;

    fn write(&self, mut to: finish_invite_result::invite::Builder<'_>) {
        to.set_link(&self.link);
        to.set_blob_id(&self.blob_id);
        to.set_read_key(&self.read_key);
        to.set_blob(&self.blob);
        to.set_expires(self.expires.0);
    }

    fn read(from: finish_invite_result::invite::Reader<'_>) -> Read<Self> {
        Ok(Self {
            link: text(from.get_link()?, LINK_MAX_CHARS)?,
            blob_id: fixed(from.get_blob_id()?)?,
            read_key: fixed(from.get_read_key()?)?,
            blob: bounded(from.get_blob()?, BLOB_MAX_BYTES)?,
            expires: Timestamp(from.get_expires()),
        })
    }
}

call! {
    /// Makes a queue of ours complete. `false`: there is no such queue, or the relay's answer does not fit.
    #[derive(Clone, Copy, PartialEq, Eq)]
    FinishReceiveQueue of vault: finish_receive_queue_request, finish_receive_queue_params, finish_receive_queue_results;
    asks {
        /// A begun one.
        receive_queue: ReceiveQueueId => number get_receive_queue set_receive_queue,
        /// The relay's answer.
        created: Created => part get_created init_created,
    }
    answers number bool: get_ok set_ok;
}

call! {
    /// Drops the keys of an invite.
    #[derive(Clone, Copy, PartialEq, Eq)]
    CancelInvite of vault: cancel_invite_request, cancel_invite_params, cancel_invite_results;
    asks {
        /// An unknown one is fine.
        invite: InviteId => number get_invite set_invite,
    }
    answers nothing;
}

call! {
    /// Parses a link and fixes the key that this side will use.
    #[derive(Clone, PartialEq, Eq)]
    OpenInvite of vault: open_invite_request, open_invite_params, open_invite_results;
    asks {
        /// Chosen by the caller.
        accept: AcceptId => number get_accept set_accept,
        /// Untrusted.
        link: String => text(LINK_MAX_CHARS) get_link set_link,
    }
    answers OpenedInvite, InviteFailed<OpenInviteError>: in get_result init_result by write_invite read_invite;
}

/// Somebody's invite.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedInvite {
    /// Where its bundle lies.
    pub relay: RelayId,
    /// Under which.
    pub blob_id: Key,
    /// X25519, goes into `secure+read`.
    pub sender_key: Key,
    /// Contact points for the directory.
    pub hints: Vec<Hint>,
    /// When nobody may accept it any more.
    pub expires: Timestamp,
}

/// Why an invite is not opened or accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteFailed<E> {
    /// It is no good.
    Refused(InviteRefusal),
    /// It may be good.
    Failed(E),
}

mirrored! {
    /// Why an invite is no good.
    InviteRefusal = wire::InviteRefusal {
        /// No invite link at all, or a bundle that is none.
        Malformed => "malformed",
        /// Its end is missing.
        Truncated => "truncated",
        /// Link or bundle were altered.
        Altered => "altered",
        /// Its lifetime is over.
        Expired => "expired",
        /// Made by a later version.
        NewerVersion => "newer-version",
        /// Made by this profile.
        Own => "own",
        /// This profile accepted it before.
        Used => "used",
    }
}

words! {
    /// Why a link was not opened that may be good.
    OpenInviteError of VaultError, or Fault(Fault) {
        /// The id was used before, for another link.
        BadContent,
        /// Too many invites are being accepted.
        TooManyOpen,
    }
}

fn write_invite(opened: &Outcome<OpenInvite>, mut to: open_invite_result::Builder<'_>) {
    match opened {
        Ok(invite) => {
            let mut to = to.init_invite();
            to.set_relay(&invite.relay.0);
            to.set_blob_id(&invite.blob_id);
            to.set_sender_key(&invite.sender_key);
            to.set_expires(invite.expires.0);
            let mut hints = to.init_hints(length(invite.hints.len()));
            for (at, hint) in (0..).zip(&invite.hints) {
                hints.set(at, &hint.pack());
            }
        }
        Err(InviteFailed::Refused(why)) => to.set_refused((*why).into()),
        Err(InviteFailed::Failed(error)) => to.set_error((*error).into()),
    }
}

fn read_invite(from: open_invite_result::Reader<'_>) -> Read<Outcome<OpenInvite>> {
    match from.which()? {
        open_invite_result::Invite(invite) => Ok(Ok(OpenedInvite {
            relay: RelayId(fixed(invite.get_relay()?)?),
            blob_id: fixed(invite.get_blob_id()?)?,
            sender_key: fixed(invite.get_sender_key()?)?,
            hints: listed(invite.get_hints()?.iter(), HINTS_MAX, |hint| {
                Hint::parse(hint?).map_err(|_| Malformed)
            })?,
            expires: Timestamp(invite.get_expires()),
        })),
        open_invite_result::Refused(why) => Ok(Err(InviteFailed::Refused(why?.into()))),
        open_invite_result::Error(error) => {
            OpenInviteError::try_from(error?).map(|error| Err(InviteFailed::Failed(error)))
        }
    }
}

call! {
    /// Agrees on keys with whoever made an invite, and seals the first message.
    #[derive(Clone, PartialEq, Eq)]
    AcceptInvite of vault: accept_invite_request, accept_invite_params, accept_invite_results;
    asks {
        /// An opened one.
        accept: AcceptId => number get_accept set_accept,
        /// What the relay gave; untrusted.
        blob: Vec<u8> => bytes(BLOB_MAX_BYTES) get_blob set_blob,
        /// Own queues that are offered.
        receive_queues: Vec<ReceiveQueueId> => ids(OFFERS_MAX) get_receive_queues init_receive_queues,
        /// The first message's.
        outbox: OutboxId => number get_outbox set_outbox,
        /// At most [`FIRST_CONTENT_MAX_BYTES`](crate::limits::FIRST_CONTENT_MAX_BYTES): longer is refused.
        content: Vec<u8> => bytes(CONTENT_MAX_BYTES) get_content set_content,
    }
    answers AcceptedInvite, InviteFailed<AcceptInviteError>: in get_result init_result by write_accepted read_accepted;
}

/// A session that this side began.
#[derive(Clone, PartialEq, Eq)]
pub struct AcceptedInvite {
    /// Its id.
    pub session: SessionId,
    /// Where the peer receives.
    pub peer_queues: Vec<PeerQueue>,
    /// The first message, one for each.
    pub envelopes: Vec<Envelope>,
}

words! {
    /// Why an invite was not accepted that may be good.
    AcceptInviteError of VaultError, or Fault(Fault) {
        /// It was never opened, or one of the queues is not there.
        NoSuchId,
        /// Too many new contacts within the hour.
        RateLimited,
        /// Too many answers are not forgotten.
        TooManyOpen,
        /// The content.
        TooLong,
        /// An id was used before, for something else.
        BadContent,
    }
}

fn write_accepted(accepted: &Outcome<AcceptInvite>, mut to: accept_result::Builder<'_>) {
    match accepted {
        Ok(accepted) => {
            let mut to = to.init_accepted();
            to.set_session(accepted.session.0);
            write_queues(
                &accepted.peer_queues,
                to.reborrow().init_peer_queues(length(accepted.peer_queues.len())),
            );
            write_envelopes(&accepted.envelopes, to.init_envelopes(length(accepted.envelopes.len())));
        }
        Err(InviteFailed::Refused(why)) => to.set_refused((*why).into()),
        Err(InviteFailed::Failed(error)) => to.set_error((*error).into()),
    }
}

fn read_accepted(from: accept_result::Reader<'_>) -> Read<Outcome<AcceptInvite>> {
    match from.which()? {
        accept_result::Accepted(accepted) => Ok(Ok(AcceptedInvite {
            session: SessionId(accepted.get_session()),
            peer_queues: read_queues(accepted.get_peer_queues()?)?,
            envelopes: read_envelopes(accepted.get_envelopes()?)?,
        })),
        accept_result::Refused(why) => Ok(Err(InviteFailed::Refused(why?.into()))),
        accept_result::Error(error) => {
            AcceptInviteError::try_from(error?).map(|error| Err(InviteFailed::Failed(error)))
        }
    }
}
