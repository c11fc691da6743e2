//! What the relay's half asks of the mailbox disk, and what comes back (the edge onion-stored). Every request is idempotent; a disk
//! that went away answers [`DiskReply::Lost`], and the shell says when it is back.

pub use ipc_schema::edge::onion_stored::{
    Ack, AckChunks, AckError, Ask as DiskRequest, BindBlob, BindBlobError, Blob, BlobRow, ByReceiver,
    BySender, Chunk, Create, CreateError, Created, Delete, DeleteError, DropBlob, DropBlobError, LeaveBlob,
    LeaveBlobError, Message, NamedChunks, Placed, Put, PutChunk, PutChunkError, PutError, Read, ReadChunks,
    ReceiverRow, Secure, SecureError, SenderRow, Told as DiskReply,
};

/// Names one request until its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);
