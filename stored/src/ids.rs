//! Names for what the engine keeps rows of, and for what it and keyvault talk about.

use ipc_schema::edge::stored_keyvault;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.cast_signed().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                i64::column_result(value).map(|number| Self(number.cast_unsigned()))
            }
        }
    };
}

id!(
    /// A person that this profile talks to.
    ContactId
);
id!(
    /// One content on its way out; rises in the order of sending.
    OutgoingId
);
id!(
    /// keyvault's session of a contact.
    SessionId
);
id!(
    /// An own receive queue on one relay.
    ReceiveQueueId
);
id!(
    /// An own invite: the number of the receive queue that it waits on.
    InviteId
);
id!(
    /// An invite of somebody else that this side opened.
    AcceptId
);
id!(
    /// keyvault's number of a queue of the peer.
    PeerQueueId
);
id!(
    /// By which keyvault keeps a sealed answer until it is forgotten.
    OutboxId
);
id!(
    /// One envelope for one queue of the peer.
    DepositId
);
id!(
    /// What was done here to a text after it was sent, on its way.
    ChangeId
);

id!(
    /// A file that was offered, of either side; rises in the order in which they were.
    FileId
);
id!(
    /// What lies in `blobs/`, of one file or of several that have the same bytes.
    BlobId
);

id!(
    /// What was handed in and is of no message yet.
    UploadId
);

macro_rules! shared {
    ($($name:ident)*) => {
        $(impl From<$name> for stored_keyvault::$name {
            fn from(id: $name) -> Self {
                Self(id.0)
            }
        }

        impl From<stored_keyvault::$name> for $name {
            fn from(id: stored_keyvault::$name) -> Self {
                Self(id.0)
            }
        })*
    };
}

// Here they are columns too, which that vocabulary knows nothing of.
shared!(SessionId ReceiveQueueId InviteId AcceptId PeerQueueId OutboxId);

impl ReceiveQueueId {
    /// The invite that waits on it, where one does.
    pub(crate) fn invite(self) -> InviteId {
        InviteId(self.0)
    }
}

impl InviteId {
    /// The queue that it waits on.
    pub(crate) fn queue(self) -> ReceiveQueueId {
        ReceiveQueueId(self.0)
    }
}

/// A relay's identity.
pub use ipc_schema::relay::RelayId;

/// Sixteen bytes that keep circuits of different purposes apart.
pub type Isolation = [u8; 16];

/// What an envelope is called in a mailbox.
pub type MailboxId = [u8; 16];

/// How ids are written where a person or a script sees them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
