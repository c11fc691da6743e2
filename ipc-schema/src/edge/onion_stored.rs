//! onion (caller) → stored (callee): a relay's mailbox disk (`edges/onion-stored.capnp`).

use std::convert::Infallible;

use super::{
    Builder, Call, Closer, Malformed, Outcome, Read as Strict, Reader, Serving, bounded, fixed, interface,
    length, listed, method, sure, words,
};
use crate::Timestamp;
use crate::edges::onion_stored_capnp::{DiskAnswer, create_result, mailbox_disk};
use crate::ends::EdgeEnds;
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
    }
}

/// Serves a disk on an edge.
///
/// # Errors
/// When the descriptors are no edge's.
pub fn serve(
    ends: EdgeEnds,
    server: std::rc::Rc<impl MailboxDisk>,
) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let closer = Closer::default();
    let client: mailbox_disk::Client = capnp_rpc::new_client(Serving { server, closer: closer.clone() });
    let task = crate::rpc::serve(ends, client.client)?;
    closer.watch(task.abort_handle());
    Ok(task)
}

/// A bare word for a method that answers nothing else.
fn word<E: Copy + Into<DiskAnswer>>(outcome: &Result<(), E>) -> DiskAnswer {
    outcome.map_or_else(Into::into, |()| DiskAnswer::Ok)
}

fn told<E: TryFrom<DiskAnswer, Error = Malformed>>(word: DiskAnswer) -> Strict<Result<(), E>> {
    if word == DiskAnswer::Ok { Ok(Ok(())) } else { word.try_into().map(Err) }
}

/// Empty before somebody's key is there.
fn optional(bytes: &[u8]) -> Strict<Option<Key>> {
    if bytes.is_empty() { Ok(None) } else { fixed(bytes).map(Some) }
}

fn optional_bytes(key: Option<&[u8; KEY_BYTES]>) -> &[u8] {
    key.map_or(&[], |key| key)
}

/// A new queue, or the one that this receiver has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Create {
    /// Drawn by the caller.
    pub receiver_queue: QueueId,
    /// Drawn by the caller.
    pub sender_queue: QueueId,
    /// Ed25519.
    pub receiver_key: Key,
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

impl Call for Create {
    type Answer = Created;
    type Error = CreateError;
    method!(mailbox_disk: create_request, create_params, create_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_receiver_queue(&self.receiver_queue);
        to.set_sender_queue(&self.sender_queue);
        to.set_receiver_key(&self.receiver_key);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        Ok(Self {
            receiver_queue: fixed(from.get_receiver_queue()?)?,
            sender_queue: fixed(from.get_sender_queue()?)?,
            receiver_key: fixed(from.get_receiver_key()?)?,
        })
    }

    fn write_outcome(outcome: &Outcome<Self>, to: Builder<'_, Self::Results>) {
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

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        match from.get_result()?.which()? {
            create_result::Ids(ids) => Ok(Ok(Created {
                receiver_queue: fixed(ids.get_receiver_queue()?)?,
                sender_queue: fixed(ids.get_sender_queue()?)?,
            })),
            create_result::Answer(word) => CreateError::try_from(word?).map(Err),
        }
    }
}

/// The queue of that receiver's name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ByReceiver(pub QueueId);

/// A queue by its receiver's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverRow {
    /// Ed25519.
    pub receiver_key: Key,
    /// The sender's name.
    pub sender_queue: QueueId,
}

impl Call for ByReceiver {
    type Answer = Option<ReceiverRow>;
    type Error = Infallible;
    method!(mailbox_disk: by_receiver_request, by_receiver_params, by_receiver_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_receiver_queue(&self.0);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        fixed(from.get_receiver_queue()?).map(Self)
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        if let Ok(Some(row)) = outcome {
            to.set_found(true);
            to.set_receiver_key(&row.receiver_key);
            to.set_sender_queue(&row.sender_queue);
        }
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        if !from.get_found() {
            return Ok(Ok(None));
        }
        let receiver_key = fixed(from.get_receiver_key()?)?;
        Ok(Ok(Some(ReceiverRow { receiver_key, sender_queue: fixed(from.get_sender_queue()?)? })))
    }
}

/// The queue of that sender's name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BySender(pub QueueId);

/// A queue by its sender's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderRow {
    /// X25519; `None` before `secure`.
    pub sender_key: Option<Key>,
    /// The receiver's name.
    pub receiver_queue: QueueId,
}

impl Call for BySender {
    type Answer = Option<SenderRow>;
    type Error = Infallible;
    method!(mailbox_disk: by_sender_request, by_sender_params, by_sender_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_sender_queue(&self.0);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        fixed(from.get_sender_queue()?).map(Self)
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        if let Ok(Some(row)) = outcome {
            to.set_found(true);
            to.set_sender_key(optional_bytes(row.sender_key.as_ref()));
            to.set_receiver_queue(&row.receiver_queue);
        }
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        if !from.get_found() {
            return Ok(Ok(None));
        }
        let sender_key = optional(from.get_sender_key()?)?;
        Ok(Ok(Some(SenderRow { sender_key, receiver_queue: fixed(from.get_receiver_queue()?)? })))
    }
}

/// Fixes the sender's key; the first wins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secure {
    /// The sender's name.
    pub sender_queue: QueueId,
    /// X25519.
    pub sender_key: Key,
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

impl Call for Secure {
    type Answer = ();
    type Error = SecureError;
    method!(mailbox_disk: secure_request, secure_params, secure_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_sender_queue(&self.sender_queue);
        to.set_sender_key(&self.sender_key);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        let sender_queue = fixed(from.get_sender_queue()?)?;
        Ok(Self { sender_queue, sender_key: fixed(from.get_sender_key()?)? })
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        to.set_answer(word(outcome));
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        told(from.get_answer()?)
    }
}

/// One envelope, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Put {
    /// The sender's name.
    pub sender_queue: QueueId,
    /// Idempotent by it.
    pub put_id: MessageId,
    /// [`ENVELOPE_BYTES`].
    pub envelope: Vec<u8>,
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

impl Call for Put {
    type Answer = Placed;
    type Error = PutError;
    method!(mailbox_disk: put_request, put_params, put_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_sender_queue(&self.sender_queue);
        to.set_put_id(&self.put_id);
        to.set_envelope(&self.envelope);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        Ok(Self {
            sender_queue: fixed(from.get_sender_queue()?)?,
            put_id: fixed(from.get_put_id()?)?,
            envelope: fixed::<ENVELOPE_BYTES>(from.get_envelope()?)?.to_vec(),
        })
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        match outcome {
            Ok(placed) => {
                to.set_answer(DiskAnswer::Ok);
                to.set_id(&placed.id);
                to.set_stored(placed.stored);
            }
            Err(error) => to.set_answer((*error).into()),
        }
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        Ok(match told(from.get_answer()?)? {
            Ok(()) => Ok(Placed { id: fixed(from.get_id()?)?, stored: from.get_stored() }),
            Err(error) => Err(error),
        })
    }
}

/// Envelopes, oldest first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// The receiver's name.
    pub receiver_queue: QueueId,
    /// Those after it; `None`: from the start.
    pub after: Option<MessageId>,
    /// At most, and never more than [`ENVELOPES_PER_ANSWER_MAX`].
    pub max: u16,
}

/// An envelope that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// [`ENVELOPE_BYTES`].
    pub envelope: Vec<u8>,
}

impl Call for Read {
    type Answer = Vec<Message>;
    type Error = Infallible;
    method!(mailbox_disk: read_request, read_params, read_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_receiver_queue(&self.receiver_queue);
        to.set_after(self.after.as_ref().map_or(&[], |id| id));
        to.set_max(self.max);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        let after = from.get_after()?;
        Ok(Self {
            receiver_queue: fixed(from.get_receiver_queue()?)?,
            after: if after.is_empty() { None } else { Some(fixed(after)?) },
            max: from.get_max().min(u16::try_from(ENVELOPES_PER_ANSWER_MAX).unwrap_or(u16::MAX)),
        })
    }

    fn write_outcome(outcome: &Outcome<Self>, to: Builder<'_, Self::Results>) {
        let messages = sure(outcome);
        let mut list = to.init_messages(length(messages.len()));
        for (at, message) in (0..).zip(messages) {
            let mut to = list.reborrow().get(at);
            to.set_id(&message.id);
            to.set_envelope(&message.envelope);
        }
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        let messages = listed(from.get_messages()?.iter(), ENVELOPES_PER_ANSWER_MAX, |message| {
            let envelope = fixed::<ENVELOPE_BYTES>(message.get_envelope()?)?.to_vec();
            Ok(Message { id: fixed(message.get_id()?)?, envelope })
        });
        messages.map(Ok)
    }
}

/// Deletes what the receiver has.
#[derive(Clone, PartialEq, Eq)]
pub struct Ack {
    /// The receiver's name.
    pub receiver_queue: QueueId,
    /// At most [`IDS_PER_CALL_MAX`].
    pub ids: Vec<MessageId>,
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

impl Call for Ack {
    type Answer = ();
    type Error = AckError;
    method!(mailbox_disk: ack_request, ack_params, ack_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_receiver_queue(&self.receiver_queue);
        let mut list = to.init_ids(length(self.ids.len()));
        for (at, id) in (0..).zip(&self.ids) {
            list.set(at, id);
        }
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        let ids = listed(from.get_ids()?.iter(), IDS_PER_CALL_MAX, |id| fixed(id?))?;
        Ok(Self { receiver_queue: fixed(from.get_receiver_queue()?)?, ids })
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        to.set_answer(word(outcome));
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        told(from.get_answer()?)
    }
}

/// Deletes a queue with all that lies there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Delete(pub QueueId);

words! {
    /// Why a queue was not deleted.
    DeleteError of DiskAnswer {
        /// No such queue.
        NoQueue,
        /// The disk is full or fails.
        DiskFull,
    }
}

impl Call for Delete {
    type Answer = ();
    type Error = DeleteError;
    method!(mailbox_disk: delete_request, delete_params, delete_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_receiver_queue(&self.0);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        fixed(from.get_receiver_queue()?).map(Self)
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        to.set_answer(word(outcome));
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        told(from.get_answer()?)
    }
}

/// Leaves a write-once blob beside a queue.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaveBlob {
    /// The receiver's name.
    pub receiver_queue: QueueId,
    /// Its id.
    pub blob_id: BlobId,
    /// Authenticates `secure+read`.
    pub read_key: Key,
    /// At most [`BLOB_MAX_BYTES`].
    pub blob: Vec<u8>,
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

impl Call for LeaveBlob {
    type Answer = ();
    type Error = LeaveBlobError;
    method!(mailbox_disk: leave_blob_request, leave_blob_params, leave_blob_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_receiver_queue(&self.receiver_queue);
        to.set_blob_id(&self.blob_id);
        to.set_read_key(&self.read_key);
        to.set_blob(&self.blob);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        Ok(Self {
            receiver_queue: fixed(from.get_receiver_queue()?)?,
            blob_id: fixed(from.get_blob_id()?)?,
            read_key: fixed(from.get_read_key()?)?,
            blob: bounded(from.get_blob()?, BLOB_MAX_BYTES)?,
        })
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        to.set_answer(word(outcome));
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        told(from.get_answer()?)
    }
}

/// The blob of that id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Blob(pub BlobId);

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

impl Call for Blob {
    type Answer = Option<BlobRow>;
    type Error = Infallible;
    method!(mailbox_disk: blob_request, blob_params, blob_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_blob_id(&self.0);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        fixed(from.get_blob_id()?).map(Self)
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        if let Ok(Some(row)) = outcome {
            to.set_found(true);
            to.set_read_key(&row.read_key);
            to.set_bound_to(optional_bytes(row.bound_to.as_ref()));
            to.set_blob(&row.blob);
            to.set_receiver_queue(&row.receiver_queue);
        }
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        if !from.get_found() {
            return Ok(Ok(None));
        }
        Ok(Ok(Some(BlobRow {
            read_key: fixed(from.get_read_key()?)?,
            bound_to: optional(from.get_bound_to()?)?,
            blob: bounded(from.get_blob()?, BLOB_MAX_BYTES)?,
            receiver_queue: fixed(from.get_receiver_queue()?)?,
        })))
    }
}

/// Binds a blob to the first sender key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BindBlob {
    /// Which blob.
    pub blob_id: BlobId,
    /// X25519.
    pub sender_key: Key,
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

impl Call for BindBlob {
    type Answer = ();
    type Error = BindBlobError;
    method!(mailbox_disk: bind_blob_request, bind_blob_params, bind_blob_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_blob_id(&self.blob_id);
        to.set_sender_key(&self.sender_key);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        Ok(Self { blob_id: fixed(from.get_blob_id()?)?, sender_key: fixed(from.get_sender_key()?)? })
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        to.set_answer(word(outcome));
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        told(from.get_answer()?)
    }
}

/// Deletes a blob.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DropBlob(pub BlobId);

words! {
    /// Why no blob was deleted.
    DropBlobError of DiskAnswer {
        /// No such blob.
        NoBlob,
        /// The disk is full or fails.
        DiskFull,
    }
}

impl Call for DropBlob {
    type Answer = ();
    type Error = DropBlobError;
    method!(mailbox_disk: drop_blob_request, drop_blob_params, drop_blob_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_blob_id(&self.0);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        fixed(from.get_blob_id()?).map(Self)
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        to.set_answer(word(outcome));
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        told(from.get_answer()?)
    }
}

/// Forgets what has outlived its life, a bounded number of rows; how many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Expire {
    /// The relay's clock.
    pub now: Timestamp,
}

impl Call for Expire {
    type Answer = u32;
    type Error = Infallible;
    method!(mailbox_disk: expire_request, expire_params, expire_results);

    fn write(&self, mut to: Builder<'_, Self::Params>) {
        to.set_now(self.now.0);
    }

    fn read(from: Reader<'_, Self::Params>) -> Strict<Self> {
        Ok(Self { now: Timestamp(from.get_now()) })
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        to.set_removed(*sure(outcome));
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        Ok(Ok(from.get_removed()))
    }
}

/// What lies there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Counts;

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
}

impl Call for Counts {
    type Answer = DiskCounts;
    type Error = Infallible;
    method!(mailbox_disk: counts_request, counts_params, counts_results);

    fn write(&self, _: Builder<'_, Self::Params>) {}

    fn read(_: Reader<'_, Self::Params>) -> Strict<Self> {
        Ok(Self)
    }

    fn write_outcome(outcome: &Outcome<Self>, mut to: Builder<'_, Self::Results>) {
        let counts = sure(outcome);
        to.set_queues(counts.queues);
        to.set_messages(counts.messages);
        to.set_blobs(counts.blobs);
        to.set_bytes(counts.bytes);
    }

    fn read_outcome(from: Reader<'_, Self::Results>) -> Strict<Outcome<Self>> {
        Ok(Ok(DiskCounts {
            queues: from.get_queues(),
            messages: from.get_messages(),
            blobs: from.get_blobs(),
            bytes: from.get_bytes(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capnp::message::{Builder as Bytes, HeapAllocator};
    use capnp::traits::Owned;

    fn arguments<C: Call>(call: &C) -> Bytes<HeapAllocator> {
        let mut message = Bytes::new_default();
        call.write(message.init_root::<<C::Params as Owned>::Builder<'_>>());
        message
    }

    fn read_back<C: Call>(call: &C) -> Strict<C> {
        C::read(arguments(call).get_root_as_reader().unwrap())
    }

    fn told_back<C: Call>(outcome: &Outcome<C>) -> Strict<Outcome<C>> {
        let mut message = Bytes::new_default();
        C::write_outcome(outcome, message.init_root::<<C::Results as Owned>::Builder<'_>>());
        C::read_outcome(message.get_root_as_reader().unwrap())
    }

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
        let asked = Read { receiver_queue: [1; 24], after: None, max: u16::MAX };
        assert_eq!(usize::from(read_back(&asked).unwrap().max), ENVELOPES_PER_ANSWER_MAX);
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
