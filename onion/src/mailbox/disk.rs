//! What the relay's half asks of the mailbox disk, and what comes back (`onion-stored.capnp`). Every request is idempotent; a disk that
//! went away answers [`DiskReply::Lost`], and the shell says when it is back.

use super::message::QueueId;

/// Names one request until its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One request; names and bounds as in `onion-stored.capnp`.
#[derive(Clone, PartialEq, Eq)]
pub enum DiskRequest {
    /// A new queue, or the ids of the one that this receiver has.
    Create {
        /// Drawn here.
        receiver_queue: QueueId,
        /// Drawn here.
        sender_queue: QueueId,
        /// Ed25519.
        receiver_key: [u8; 32],
    },
    /// The queue of that receiver's name.
    ByReceiver(QueueId),
    /// The queue of that sender's name.
    BySender(QueueId),
    /// First key wins.
    Secure {
        /// The sender's name.
        sender_queue: QueueId,
        /// X25519.
        sender_key: [u8; 32],
    },
    /// One envelope.
    Put {
        /// The sender's name.
        sender_queue: QueueId,
        /// Idempotent by it.
        put_id: [u8; 16],
        /// 4,096 B.
        envelope: Vec<u8>,
    },
    /// Oldest first, those after `after`.
    Read {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// `None`: from the start.
        after: Option<[u8; 16]>,
        /// At most.
        max: u16,
    },
    /// Delete these.
    Ack {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// Message ids.
        ids: Vec<[u8; 16]>,
    },
    /// Delete the queue.
    Delete(QueueId),
    /// Write-once.
    LeaveBlob {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// Its id.
        blob_id: [u8; 32],
        /// Authenticates `secure+read`.
        read_key: [u8; 32],
        /// At most 64 KiB.
        blob: Vec<u8>,
    },
    /// The blob of that id.
    Blob([u8; 32]),
    /// First key wins.
    BindBlob {
        /// Which blob.
        blob_id: [u8; 32],
        /// X25519.
        sender_key: [u8; 32],
    },
    /// Delete the blob.
    DropBlob([u8; 32]),
}

impl std::fmt::Debug for DiskRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Create { .. } => "Create",
            Self::ByReceiver(_) => "ByReceiver",
            Self::BySender(_) => "BySender",
            Self::Secure { .. } => "Secure",
            Self::Put { .. } => "Put",
            Self::Read { .. } => "Read",
            Self::Ack { .. } => "Ack",
            Self::Delete(_) => "Delete",
            Self::LeaveBlob { .. } => "LeaveBlob",
            Self::Blob(_) => "Blob",
            Self::BindBlob { .. } => "BindBlob",
            Self::DropBlob(_) => "DropBlob",
        })
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskAnswer {
    /// Done, now or before.
    Ok,
    /// Quota.
    Full,
    /// No such queue.
    NoQueue,
    /// Another key or other bytes were first.
    Taken,
    /// No room on the disk.
    DiskFull,
    /// No such blob.
    NoBlob,
}

/// A queue by its receiver's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverRow {
    /// Ed25519.
    pub receiver_key: [u8; 32],
    /// The sender's name.
    pub sender_queue: QueueId,
}

/// A queue by its sender's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderRow {
    /// X25519; `None` before `secure`.
    pub sender_key: Option<[u8; 32]>,
    /// The receiver's name.
    pub receiver_queue: QueueId,
}

/// A blob.
#[derive(Clone, PartialEq, Eq)]
pub struct BlobRow {
    /// Authenticates `secure+read`.
    pub read_key: [u8; 32],
    /// The sender key that it is bound to.
    pub bound_to: Option<[u8; 32]>,
    /// Its bytes.
    pub blob: Vec<u8>,
    /// The receiver's name of the queue that it lies beside.
    pub receiver_queue: QueueId,
}

impl std::fmt::Debug for BlobRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobRow")
    }
}

/// What came of a request. One that does not fit its request counts as [`DiskReply::Lost`].
#[derive(Clone, PartialEq, Eq)]
pub enum DiskReply {
    /// The disk is away; nothing is known of what was asked.
    Lost,
    /// To `Secure`, `Ack`, `Delete`, `LeaveBlob`, `BindBlob`, `DropBlob`, and to `Create` that failed.
    Answer(DiskAnswer),
    /// To `Create`.
    Created {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// The sender's name.
        sender_queue: QueueId,
    },
    /// To `ByReceiver`.
    Receiver(Option<ReceiverRow>),
    /// To `BySender`.
    Sender(Option<SenderRow>),
    /// To `Put`.
    Put {
        /// How it ended.
        answer: DiskAnswer,
        /// The message's id.
        id: [u8; 16],
        /// Whether it is new.
        stored: bool,
    },
    /// To `Read`: id and envelope.
    Messages(Vec<([u8; 16], Vec<u8>)>),
    /// To `Blob`.
    Blob(Option<BlobRow>),
}

impl std::fmt::Debug for DiskReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost => f.write_str("Lost"),
            Self::Answer(answer) => write!(f, "Answer({answer:?})"),
            Self::Created { .. } => f.write_str("Created"),
            Self::Receiver(row) => write!(f, "Receiver({})", row.is_some()),
            Self::Sender(row) => write!(f, "Sender({})", row.is_some()),
            Self::Put { answer, stored, .. } => write!(f, "Put({answer:?}, {stored})"),
            Self::Messages(messages) => write!(f, "Messages({})", messages.len()),
            Self::Blob(row) => write!(f, "Blob({})", row.is_some()),
        }
    }
}
