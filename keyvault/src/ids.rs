//! Names for what a caller and the vault talk about. Ids are chosen by the caller unless said otherwise.

pub use ipc_schema::edge::stored_keyvault::{
    AcceptId, InviteId, OutboxId, PeerQueueId, ReceiveQueueId, SessionId,
};
pub use ipc_schema::relay::RelayId;

use crate::certain::certain;

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let [a, b, ..] = self.0;
                write!(f, concat!(stringify!($name), "({:02x}{:02x}..)"), a, b)
            }
        }
    };
}

/// A contact address that this side published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressId(pub u64);

impl AddressId {
    pub(crate) fn key(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

bytes_id!(
    /// A mailbox queue as one of its two sides names it.
    QueueId, 24
);
bytes_id!(
    /// SHA-256 of an inner block: the same for each replica that an envelope came through.
    InnerHash, 32
);
bytes_id!(
    /// A deposit's name at the relay, by which repeating it is harmless.
    PutId, 16
);

impl InnerHash {
    /// Enough of it to tell two blocks of one peer apart.
    pub(crate) fn cut(self) -> [u8; 16] {
        *certain(self.0.first_chunk().ok_or(()))
    }
}
