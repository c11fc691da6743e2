//! stored (caller) → keyvault (callee): the gate that waits for the passphrase, and the vault behind it
//! (`edges/stored-keyvault.capnp`, which says what each call means).

mod comparison;
mod contacts;
mod gate;
mod invites;
mod messages;
#[cfg(test)]
mod tests;

use super::{interface, words};
use crate::edges::stored_keyvault_capnp::{VaultError, vault};
use crate::limits::{KEY_BYTES, PUT_ID_BYTES, QUEUE_ID_BYTES};

pub use comparison::{
    AnswerComparison, BeginComparison, CheckComparison, CheckError, ComparisonStep, RevealComparison,
    RevealError, Shown, VerifyString, VerifyStringError,
};
pub use contacts::{
    CompareCode, Comparison, DIGITS_MAX_BYTES, RemoveSession, SafetyNumber, Session, SessionError,
    SetVerified, SetVerifiedError, VerificationCode,
};
pub(in crate::edge) use contacts::{read_words, write_words};
pub use gate::{Gate, OpenGate, Standing, Stands, Unlocked, Wiped};
pub use invites::{
    AcceptInvite, AcceptInviteError, AcceptedInvite, BeginInvite, BeginInviteError, BeginReceiveQueue,
    BeginReceiveQueueError, CancelInvite, Created, FinishInvite, FinishInviteError, FinishReceiveQueue,
    FinishedInvite, InviteFailed, InviteRefusal, OpenInvite, OpenInviteError, OpenedInvite,
};
pub use messages::{
    Command, Envelope, Forget, News, OpenEnvelope, OpenError, Opened, OpenedMessage, PeerQueue, Purpose,
    RepairError, RepairSession, SealEnvelope, SealError, Sign, SignError,
};

/// Ed25519, X25519 or a hash, as the field says.
pub type Key = [u8; KEY_BYTES];
/// A mailbox queue as one of its two sides names it.
pub type QueueId = [u8; QUEUE_ID_BYTES];
/// What a deposit or an envelope is called at a mailbox.
pub type PutId = [u8; PUT_ID_BYTES];

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// As the key of a row: sorts as the number does.
            #[must_use]
            pub fn key(self) -> [u8; 8] {
                self.0.to_be_bytes()
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// A one-time invite that this side made.
    InviteId
);
id!(
    /// An invite of somebody else that this side opened.
    AcceptId
);
id!(
    /// An own receive queue on one relay. An invite's queue has the invite's number.
    ReceiveQueueId
);
id!(
    /// One message on its way out.
    OutboxId
);
id!(
    /// One contact's session; chosen by the vault, never 0.
    SessionId
);
id!(
    /// A queue of a peer, into which this side deposits; chosen by the vault, never 0.
    PeerQueueId
);

impl From<InviteId> for ReceiveQueueId {
    fn from(invite: InviteId) -> Self {
        Self(invite.0)
    }
}

interface! {
    /// An unlocked vault. It answers what is durable, and each call is idempotent by an id of its caller's.
    Vault, Ask, Told of vault {
        begin_invite(BeginInviteParams, BeginInviteResults): BeginInvite,
        finish_invite(FinishInviteParams, FinishInviteResults): FinishInvite,
        cancel_invite(CancelInviteParams, CancelInviteResults): CancelInvite,
        open_invite(OpenInviteParams, OpenInviteResults): OpenInvite,
        accept_invite(AcceptInviteParams, AcceptInviteResults): AcceptInvite,
        begin_receive_queue(BeginReceiveQueueParams, BeginReceiveQueueResults): BeginReceiveQueue,
        finish_receive_queue(FinishReceiveQueueParams, FinishReceiveQueueResults): FinishReceiveQueue,
        seal_envelope(SealEnvelopeParams, SealEnvelopeResults): SealEnvelope,
        open_envelope(OpenEnvelopeParams, OpenEnvelopeResults): OpenEnvelope,
        forget(ForgetParams, ForgetResults): Forget,
        sign(SignParams, SignResults): Sign,
        session(SessionParams, SessionResults): Session,
        remove_session(RemoveSessionParams, RemoveSessionResults): RemoveSession,
        repair_session(RepairSessionParams, RepairSessionResults): RepairSession,
        set_verified(SetVerifiedParams, SetVerifiedResults): SetVerified,
        verification_code(VerificationCodeParams, VerificationCodeResults): VerificationCode,
        compare_code(CompareCodeParams, CompareCodeResults): CompareCode,
        begin_comparison(BeginComparisonParams, BeginComparisonResults): BeginComparison,
        answer_comparison(AnswerComparisonParams, AnswerComparisonResults): AnswerComparison,
        reveal_comparison(RevealComparisonParams, RevealComparisonResults): RevealComparison,
        check_comparison(CheckComparisonParams, CheckComparisonResults): CheckComparison,
        verify_string(VerifyStringParams, VerifyStringResults): VerifyString,
    }
}

words! {
    /// Why any of these calls may do nothing.
    Fault of VaultError {
        /// The vault file could not be read or written.
        Storage,
        /// keyvault's own fault.
        Bug,
    }
}
