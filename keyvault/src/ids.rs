//! Names for what a caller and the vault talk about. Ids are chosen by the caller unless said otherwise.

pub use ipc_schema::relay::RelayId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            pub(crate) fn key(self) -> [u8; 8] {
                self.0.to_be_bytes()
            }
        }
    };
}

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
    ReplicaId
);
id!(
    /// A contact address that this side published.
    AddressId
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
        self.0.first_chunk().copied().unwrap_or_default()
    }
}

impl From<InviteId> for ReplicaId {
    fn from(invite: InviteId) -> Self {
        Self(invite.0)
    }
}
