//! onion (caller) → stored (callee): a relay's mailbox disk (`edges/onion-stored.capnp`).

mod chunks;

pub use chunks::{AckChunks, Chunk, ChunkId, NamedChunks, PutChunk, PutChunkError, ReadChunks};

use super::{
    Builder, Call, Malformed, Outcome, Read as Strict, Reader, bounded, call, fixed, interface, length,
    listed, optional, words,
};
use crate::Timestamp;
use crate::edges::onion_stored_capnp::{DiskAnswer, create_result, mailbox_disk};
use crate::limits::{
    BLOB_MAX_BYTES, ENVELOPE_BYTES, ENVELOPES_PER_ANSWER_MAX, IDS_PER_CALL_MAX, KEY_BYTES, PUT_ID_BYTES,
    QUEUE_ID_BYTES,
};

/// A queue's name, one for its receiver and another for its sender.
pub type QueueId = [u8; QUEUE_ID_BYTES];
/// An envelope's name in its queue; names rise. Also a put's.
pub type MessageId = [u8; PUT_ID_BYTES];
/// A blob's name.
pub type BlobId = [u8; KEY_BYTES];
/// Ed25519 or X25519.
pub type Key = [u8; KEY_BYTES];

interface! {
    /// A mailbox disk. Every change is durable before it answers.
    MailboxDisk, Ask, Told of mailbox_disk {
        create(CreateParams, CreateResults): Create,
        by_receiver(ByReceiverParams, ByReceiverResults): ByReceiver,
        by_sender(BySenderParams, BySenderResults): BySender,
        secure(SecureParams, SecureResults): Secure,
        put(PutParams, PutResults): Put,
        read(ReadParams, ReadResults): Read,
        ack(AckParams, AckResults): Ack,
        delete(DeleteParams, DeleteResults): Delete,
        leave_blob(LeaveBlobParams, LeaveBlobResults): LeaveBlob,
        blob(BlobParams, BlobResults): Blob,
        bind_blob(BindBlobParams, BindBlobResults): BindBlob,
        drop_blob(DropBlobParams, DropBlobResults): DropBlob,
        expire(ExpireParams, ExpireResults): Expire,
        counts(CountsParams, CountsResults): Counts,
        put_chunk(PutChunkParams, PutChunkResults): PutChunk,
        read_chunks(ReadChunksParams, ReadChunksResults): ReadChunks,
        named_chunks(NamedChunksParams, NamedChunksResults): NamedChunks,
        ack_chunks(AckChunksParams, AckChunksResults): AckChunks,
    }
}

/// A bare word for a method that answers nothing else.
fn word<E: Copy + Into<DiskAnswer>>(outcome: &Result<(), E>) -> DiskAnswer {
    outcome.map_or_else(Into::into, |()| DiskAnswer::Ok)
}

fn told<E: TryFrom<DiskAnswer, Error = Malformed>>(word: DiskAnswer) -> Strict<Result<(), E>> {
    if word == DiskAnswer::Ok { Ok(Ok(())) } else { word.try_into().map(Err) }
}

type To<'a, C> = Builder<'a, <C as Call>::Results>;
type Found<'a, C> = Reader<'a, <C as Call>::Results>;

call! {
    /// A new queue, or the one that this receiver has.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Create of mailbox_disk: create_request, create_params, create_results;
    asks {
        /// Drawn by the caller.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
        /// Drawn by the caller.
        sender_queue: QueueId => fixed get_sender_queue set_sender_queue,
        /// Ed25519.
        receiver_key: Key => fixed get_receiver_key set_receiver_key,
    }
    answers Created, CreateError: by write_created read_created;
}

/// A queue's two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// By which its receiver knows it.
    pub receiver_queue: QueueId,
    /// By which its sender knows it.
    pub sender_queue: QueueId,
}

words! {
    /// Why no queue was made.
    CreateError of DiskAnswer {
        /// The relay holds as many as it may.
        Full,
        /// One of the names is another queue's.
        Taken,
        /// The disk is full or fails.
        DiskFull,
    }
}

fn write_created(outcome: &Outcome<Create>, to: To<'_, Create>) {
    let mut to = to.init_result();
    match outcome {
        Ok(created) => {
            let mut ids = to.init_ids();
            ids.set_receiver_queue(&created.receiver_queue);
            ids.set_sender_queue(&created.sender_queue);
        }
        Err(error) => to.set_answer((*error).into()),
    }
}

fn read_created(from: Found<'_, Create>) -> Strict<Outcome<Create>> {
    match from.get_result()?.which()? {
        create_result::Ids(ids) => Ok(Ok(Created {
            receiver_queue: fixed(ids.get_receiver_queue()?)?,
            sender_queue: fixed(ids.get_sender_queue()?)?,
        })),
        create_result::Answer(word) => CreateError::try_from(word?).map(Err),
    }
}

call! {
    /// The queue of that receiver's name.
    #[derive(Clone, Copy, PartialEq, Eq)]
    ByReceiver of mailbox_disk: by_receiver_request, by_receiver_params, by_receiver_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
    }
    answers Option<ReceiverRow>: by write_receiver read_receiver;
}

/// A queue by its receiver's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverRow {
    /// Ed25519.
    pub receiver_key: Key,
    /// The sender's name.
    pub sender_queue: QueueId,
}

fn write_receiver(row: &Option<ReceiverRow>, mut to: To<'_, ByReceiver>) {
    if let Some(row) = row {
        to.set_found(true);
        to.set_receiver_key(&row.receiver_key);
        to.set_sender_queue(&row.sender_queue);
    }
}

fn read_receiver(from: Found<'_, ByReceiver>) -> Strict<Option<ReceiverRow>> {
    if !from.get_found() {
        return Ok(None);
    }
    let receiver_key = fixed(from.get_receiver_key()?)?;
    Ok(Some(ReceiverRow { receiver_key, sender_queue: fixed(from.get_sender_queue()?)? }))
}

call! {
    /// The queue of that sender's name.
    #[derive(Clone, Copy, PartialEq, Eq)]
    BySender of mailbox_disk: by_sender_request, by_sender_params, by_sender_results;
    asks {
        /// The sender's name.
        sender_queue: QueueId => fixed get_sender_queue set_sender_queue,
    }
    answers Option<SenderRow>: by write_sender read_sender;
}

/// A queue by its sender's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderRow {
    /// X25519; `None` before `secure`.
    pub sender_key: Option<Key>,
    /// The receiver's name.
    pub receiver_queue: QueueId,
}

fn write_sender(row: &Option<SenderRow>, mut to: To<'_, BySender>) {
    if let Some(row) = row {
        to.set_found(true);
        to.set_sender_key(row.sender_key.as_ref().map_or(&[], |key| key));
        to.set_receiver_queue(&row.receiver_queue);
    }
}

fn read_sender(from: Found<'_, BySender>) -> Strict<Option<SenderRow>> {
    if !from.get_found() {
        return Ok(None);
    }
    let sender_key = optional(from.get_sender_key()?)?;
    Ok(Some(SenderRow { sender_key, receiver_queue: fixed(from.get_receiver_queue()?)? }))
}

call! {
    /// Fixes the sender's key; the first wins.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Secure of mailbox_disk: secure_request, secure_params, secure_results;
    asks {
        /// The sender's name.
        sender_queue: QueueId => fixed get_sender_queue set_sender_queue,
        /// X25519.
        sender_key: Key => fixed get_sender_key set_sender_key,
    }
    answers word SecureError: get_answer set_answer;
}

words! {
    /// Why a queue was not secured.
    SecureError of DiskAnswer {
        /// No such queue.
        NoQueue,
        /// Another key was first.
        Taken,
        /// The disk is full or fails.
        DiskFull,
    }
}

call! {
    /// One envelope, once.
    #[derive(Clone, PartialEq, Eq)]
    Put of mailbox_disk: put_request, put_params, put_results;
    asks {
        /// The sender's name.
        sender_queue: QueueId => fixed get_sender_queue set_sender_queue,
        /// Idempotent by it.
        put_id: MessageId => fixed get_put_id set_put_id,
        /// [`ENVELOPE_BYTES`].
        envelope: Vec<u8> => exactly(ENVELOPE_BYTES) get_envelope set_envelope,
    }
    answers Placed, PutError: by write_placed read_placed;
}

/// An envelope is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its name.
    pub id: MessageId,
    /// False: it had been put before (also after its ack, as long as an envelope lives).
    pub stored: bool,
}

words! {
    /// Why an envelope is not there.
    PutError of DiskAnswer {
        /// No such queue.
        NoQueue,
        /// A quota.
        Full,
        /// The disk is full or fails.
        DiskFull,
    }
}

fn write_placed(outcome: &Outcome<Put>, mut to: To<'_, Put>) {
    match outcome {
        Ok(placed) => {
            to.set_answer(DiskAnswer::Ok);
            to.set_id(&placed.id);
            to.set_stored(placed.stored);
        }
        Err(error) => to.set_answer((*error).into()),
    }
}

fn read_placed(from: Found<'_, Put>) -> Strict<Outcome<Put>> {
    Ok(match told(from.get_answer()?)? {
        Ok(()) => Ok(Placed { id: fixed(from.get_id()?)?, stored: from.get_stored() }),
        Err(error) => Err(error),
    })
}

call! {
    /// Envelopes, oldest first.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Read of mailbox_disk: read_request, read_params, read_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
        /// Those after it; `None`: from the start.
        after: Option<MessageId> => optional get_after set_after,
        /// At most, and never more than [`ENVELOPES_PER_ANSWER_MAX`].
        max: u16 => number get_max set_max,
    }
    answers Vec<Message>: by write_messages read_messages;
}

/// An envelope that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// [`ENVELOPE_BYTES`].
    pub envelope: Vec<u8>,
}

fn write_messages(messages: &Vec<Message>, to: To<'_, Read>) {
    let mut list = to.init_messages(length(messages.len()));
    for (at, message) in (0..).zip(messages) {
        let mut to = list.reborrow().get(at);
        to.set_id(&message.id);
        to.set_envelope(&message.envelope);
    }
}

fn read_messages(from: Found<'_, Read>) -> Strict<Vec<Message>> {
    listed(from.get_messages()?.iter(), ENVELOPES_PER_ANSWER_MAX, |message| {
        let envelope = fixed::<ENVELOPE_BYTES>(message.get_envelope()?)?.to_vec();
        Ok(Message { id: fixed(message.get_id()?)?, envelope })
    })
}

call! {
    /// Deletes what the receiver has.
    #[derive(Clone, PartialEq, Eq)]
    Ack of mailbox_disk: ack_request, ack_params, ack_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
        /// At most [`IDS_PER_CALL_MAX`].
        ids: Vec<MessageId> => list(IDS_PER_CALL_MAX) get_ids init_ids,
    }
    answers word AckError: get_answer set_answer;
}

words! {
    /// Why nothing was deleted.
    AckError of DiskAnswer {
        /// No such queue.
        NoQueue,
        /// The disk is full or fails.
        DiskFull,
    }
}

call! {
    /// Deletes a queue with all that lies there.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Delete of mailbox_disk: delete_request, delete_params, delete_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
    }
    answers word DeleteError: get_answer set_answer;
}

words! {
    /// Why a queue was not deleted.
    DeleteError of DiskAnswer {
        /// No such queue.
        NoQueue,
        /// The disk is full or fails.
        DiskFull,
    }
}

call! {
    /// Leaves a write-once blob beside a queue.
    #[derive(Clone, PartialEq, Eq)]
    LeaveBlob of mailbox_disk: leave_blob_request, leave_blob_params, leave_blob_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
        /// Its id.
        blob_id: BlobId => fixed get_blob_id set_blob_id,
        /// Authenticates `secure+read`.
        read_key: Key => fixed get_read_key set_read_key,
        /// At most [`BLOB_MAX_BYTES`].
        blob: Vec<u8> => bytes(BLOB_MAX_BYTES) get_blob set_blob,
    }
    answers word LeaveBlobError: get_answer set_answer;
}

words! {
    /// Why a blob is not there.
    LeaveBlobError of DiskAnswer {
        /// No such queue.
        NoQueue,
        /// A quota.
        Full,
        /// Other bytes are there under that id.
        Taken,
        /// The disk is full or fails.
        DiskFull,
    }
}

call! {
    /// The blob of that id.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Blob of mailbox_disk: blob_request, blob_params, blob_results;
    asks {
        /// Its id.
        blob_id: BlobId => fixed get_blob_id set_blob_id,
    }
    answers Option<BlobRow>: by write_blob read_blob;
}

/// A blob with what guards it.
#[derive(Clone, PartialEq, Eq)]
pub struct BlobRow {
    /// Authenticates `secure+read`.
    pub read_key: Key,
    /// The sender key that it is bound to.
    pub bound_to: Option<Key>,
    /// Its bytes.
    pub blob: Vec<u8>,
    /// The receiver's name of the queue that it lies beside.
    pub receiver_queue: QueueId,
}

fn write_blob(row: &Option<BlobRow>, mut to: To<'_, Blob>) {
    if let Some(row) = row {
        to.set_found(true);
        to.set_read_key(&row.read_key);
        to.set_bound_to(row.bound_to.as_ref().map_or(&[], |key| key));
        to.set_blob(&row.blob);
        to.set_receiver_queue(&row.receiver_queue);
    }
}

fn read_blob(from: Found<'_, Blob>) -> Strict<Option<BlobRow>> {
    if !from.get_found() {
        return Ok(None);
    }
    Ok(Some(BlobRow {
        read_key: fixed(from.get_read_key()?)?,
        bound_to: optional(from.get_bound_to()?)?,
        blob: bounded(from.get_blob()?, BLOB_MAX_BYTES)?,
        receiver_queue: fixed(from.get_receiver_queue()?)?,
    }))
}

call! {
    /// Binds a blob to the first sender key.
    #[derive(Clone, Copy, PartialEq, Eq)]
    BindBlob of mailbox_disk: bind_blob_request, bind_blob_params, bind_blob_results;
    asks {
        /// Which blob.
        blob_id: BlobId => fixed get_blob_id set_blob_id,
        /// X25519.
        sender_key: Key => fixed get_sender_key set_sender_key,
    }
    answers word BindBlobError: get_answer set_answer;
}

words! {
    /// Why a blob is not bound to that key.
    BindBlobError of DiskAnswer {
        /// No such blob.
        NoBlob,
        /// Another key was first.
        Taken,
        /// The disk is full or fails.
        DiskFull,
    }
}

call! {
    /// Deletes a blob.
    #[derive(Clone, Copy, PartialEq, Eq)]
    DropBlob of mailbox_disk: drop_blob_request, drop_blob_params, drop_blob_results;
    asks {
        /// Its id.
        blob_id: BlobId => fixed get_blob_id set_blob_id,
    }
    answers word DropBlobError: get_answer set_answer;
}

words! {
    /// Why no blob was deleted.
    DropBlobError of DiskAnswer {
        /// No such blob.
        NoBlob,
        /// The disk is full or fails.
        DiskFull,
    }
}

call! {
    /// Forgets what has outlived its life, a bounded number of rows; how many.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Expire of mailbox_disk: expire_request, expire_params, expire_results;
    asks {
        /// The relay's clock.
        now: Timestamp => number get_now set_now,
    }
    answers number u32: get_removed set_removed;
}

call! {
    /// What lies there.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Counts of mailbox_disk: counts_request, counts_params, counts_results;
    asks {}
    answers DiskCounts: by write_counts read_counts;
}

/// Figures for the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Queues.
    pub queues: u64,
    /// Envelopes that wait.
    pub messages: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// When these mailboxes took the place of others that were lost or damaged.
    pub begun_anew: Option<Timestamp>,
}

fn write_counts(counts: &DiskCounts, mut to: To<'_, Counts>) {
    to.set_queues(counts.queues);
    to.set_messages(counts.messages);
    to.set_blobs(counts.blobs);
    to.set_bytes(counts.bytes);
    to.set_begun_anew(counts.begun_anew.map_or(0, |at| at.0));
}

fn read_counts(from: Found<'_, Counts>) -> Strict<DiskCounts> {
    Ok(DiskCounts {
        queues: from.get_queues(),
        messages: from.get_messages(),
        blobs: from.get_blobs(),
        bytes: from.get_bytes(),
        begun_anew: Some(Timestamp(from.get_begun_anew())).filter(|at| at.0 > 0),
    })
}

#[cfg(test)]
mod tests {
    use super::super::trial::{read_back, told_back};
    use super::*;
    use capnp::message::Builder as Bytes;

    #[test]
    fn a_call_and_its_outcome_are_read_as_they_were_written() {
        let put = Put { sender_queue: [1; 24], put_id: [2; 16], envelope: vec![3; ENVELOPE_BYTES] };
        assert!(read_back(&put) == Ok(put));
        let read = Read { receiver_queue: [1; 24], after: Some([9; 16]), max: 5 };
        assert!(read_back(&read) == Ok(read));
        assert!(read_back(&Read { after: None, ..read }) == Ok(Read { after: None, ..read }));
        let placed = Placed { id: [7; 16], stored: true };
        assert_eq!(told_back::<Put>(&Ok(placed)), Ok(Ok(placed)));
        assert_eq!(told_back::<Put>(&Err(PutError::Full)), Ok(Err(PutError::Full)));
        let row = SenderRow { sender_key: None, receiver_queue: [1; 24] };
        assert_eq!(told_back::<BySender>(&Ok(Some(row))), Ok(Ok(Some(row))));
        assert_eq!(told_back::<BySender>(&Ok(None)), Ok(Ok(None)));
        for begun_anew in [None, Some(Timestamp(9))] {
            let counts = DiskCounts { queues: 1, messages: 2, blobs: 3, bytes: 4, begun_anew };
            assert_eq!(told_back::<Counts>(&Ok(counts)), Ok(Ok(counts)));
        }
        assert_eq!(told_back::<Create>(&Err(CreateError::Taken)), Ok(Err(CreateError::Taken)));
    }

    #[test]
    fn what_is_too_long_too_short_or_too_many_is_malformed() {
        for length in [0, ENVELOPE_BYTES - 1, ENVELOPE_BYTES + 1] {
            let put = Put { sender_queue: [1; 24], put_id: [2; 16], envelope: vec![3; length] };
            assert!(read_back(&put).is_err(), "{length}");
            let messages = vec![Message { id: [1; 16], envelope: vec![3; length] }];
            assert!(told_back::<Read>(&Ok(messages)).is_err(), "{length}");
        }
        let blob = |length| LeaveBlob {
            receiver_queue: [1; 24],
            blob_id: [2; 32],
            read_key: [3; 32],
            blob: vec![0; length],
        };
        assert!(read_back(&blob(BLOB_MAX_BYTES)).is_ok() && read_back(&blob(BLOB_MAX_BYTES + 1)).is_err());
        let ack = |ids| Ack { receiver_queue: [1; 24], ids: vec![[0; 16]; ids] };
        assert!(read_back(&ack(IDS_PER_CALL_MAX)).is_ok() && read_back(&ack(IDS_PER_CALL_MAX + 1)).is_err());
        let many =
            vec![Message { id: [1; 16], envelope: vec![3; ENVELOPE_BYTES] }; ENVELOPES_PER_ANSWER_MAX + 1];
        assert!(told_back::<Read>(&Ok(many)).is_err());
    }

    /// A disk that is at fault says of a queue what can only be said of a blob.
    #[test]
    fn a_word_that_the_method_cannot_answer_is_malformed() {
        let told = |word| {
            let mut message = Bytes::new_default();
            message.init_root::<mailbox_disk::secure_results::Builder<'_>>().set_answer(word);
            Secure::read_outcome(message.get_root_as_reader().unwrap())
        };
        assert_eq!(told(DiskAnswer::NoBlob), Err(Malformed));
        assert_eq!(told(DiskAnswer::Full), Err(Malformed));
        assert_eq!(told(DiskAnswer::Taken), Ok(Err(SecureError::Taken)));
        assert_eq!(told(DiskAnswer::Ok), Ok(Ok(())));
    }
}
