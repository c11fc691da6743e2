//! The edge onion-stored: each call one line into [`Disk`], durable before it is answered.
//!
//! Group commit: the first write of a turn opens a transaction, and whatever else arrives before the reactor turns again joins it;
//! then one flush answers them all. Under load that is what makes durable deposits cheap; alone it adds nothing.

use std::cell::RefCell;
use std::rc::Rc;

use capnp::Error;
use ipc_schema::Timestamp;
use ipc_schema::edges::onion_stored_capnp::{DiskAnswer, mailbox_disk};
use ipc_schema::limits;
use tokio::sync::oneshot;

use super::{Answer, Disk, Key, MessageId, QueueId};
use crate::error::StoreError;

/// The bootstrap of the edge. Cheap to clone: every connection serves the same disk.
#[derive(Clone)]
pub struct MailboxDisk {
    shared: Rc<Shared>,
}

struct Shared {
    disk: Disk,
    /// Who waits for the open transaction.
    waiting: RefCell<Vec<oneshot::Sender<bool>>>,
}

impl std::fmt::Debug for MailboxDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailboxDisk")
    }
}

/// How a durable call failed, as the edge says it.
enum Failed {
    /// The disk or the operator's quota is full.
    Full,
    /// Anything else of the disk: the call throws, and the caller repeats it.
    Lost,
}

impl MailboxDisk {
    /// Serves `disk`.
    #[must_use]
    pub fn new(disk: Disk) -> Self {
        Self { shared: Rc::new(Shared { disk, waiting: RefCell::new(Vec::new()) }) }
    }

    /// Drops what is too old. The shell calls it now and then.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn expire_old(&self, now: Timestamp) -> Result<u32, StoreError> {
        self.shared.disk.begin()?;
        let gone = self.shared.disk.expire(now)?;
        self.flushed().await;
        Ok(gone)
    }

    /// Does `work` in the shared transaction and waits until it is durable.
    async fn durably<T>(&self, work: impl FnOnce(&Disk) -> Result<T, StoreError>) -> Result<T, Failed> {
        let disk = &self.shared.disk;
        let done = disk.begin().and_then(|()| work(disk));
        match done {
            Ok(value) => {
                if self.flushed().await { Ok(value) } else { Err(Failed::Lost) }
            }
            // SQLite may have undone the whole transaction: those who wait for it must not hear that it is durable.
            Err(error) => {
                disk.undo();
                self.shared.answer(false);
                Err(if matches!(error, StoreError::Full) { Failed::Full } else { Failed::Lost })
            }
        }
    }

    /// Waits until the open transaction is durable; false if it was undone.
    async fn flushed(&self) -> bool {
        let (sender, receiver) = oneshot::channel();
        let first = {
            let mut waiting = self.shared.waiting.borrow_mut();
            waiting.push(sender);
            waiting.len() == 1
        };
        if first {
            let shared = self.shared.clone();
            tokio::task::spawn_local(async move {
                // Two turns of the reactor: what is readable now joins.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                shared.flush();
            });
        }
        receiver.await.unwrap_or(false)
    }
}

impl Shared {
    fn flush(&self) {
        let durable = self.disk.commit().is_ok();
        self.answer(durable);
    }

    fn answer(&self, durable: bool) {
        for sender in self.waiting.take() {
            // Whoever is gone needs no answer.
            let _ = sender.send(durable);
        }
    }
}

fn word(answer: Answer) -> DiskAnswer {
    match answer {
        Answer::Ok => DiskAnswer::Ok,
        Answer::Full => DiskAnswer::Full,
        Answer::NoQueue => DiskAnswer::NoQueue,
        Answer::Taken => DiskAnswer::Taken,
        Answer::NoBlob => DiskAnswer::NoBlob,
    }
}

/// A call's answer: a full disk is one, another failure of the disk throws.
fn settle(done: Result<Answer, Failed>) -> Result<DiskAnswer, Error> {
    match done {
        Ok(answer) => Ok(word(answer)),
        Err(Failed::Full) => Ok(DiskAnswer::DiskFull),
        Err(Failed::Lost) => Err(Error::overloaded("disk".into())),
    }
}

fn lost(_: StoreError) -> Error {
    Error::overloaded("disk".into())
}

fn fixed<const N: usize>(data: capnp::Result<capnp::data::Reader<'_>>) -> Result<[u8; N], Error> {
    data?.try_into().map_err(|_| Error::failed("length".into()))
}

fn bounded(data: capnp::Result<capnp::data::Reader<'_>>, max: usize) -> Result<&[u8], Error> {
    data.and_then(|bytes| if bytes.len() <= max { Ok(bytes) } else { Err(Error::failed("length".into())) })
}

impl mailbox_disk::Server for MailboxDisk {
    async fn create(
        self: Rc<Self>,
        params: mailbox_disk::CreateParams,
        mut results: mailbox_disk::CreateResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let ids: (QueueId, QueueId) = (fixed(params.get_receiver_queue())?, fixed(params.get_sender_queue())?);
        let key: Key = fixed(params.get_receiver_key())?;
        let made = self.durably(|disk| disk.create(ids, key, Timestamp::now())).await;
        let mut result = results.get().init_result();
        match made {
            Ok(Some((receiver_queue, sender_queue))) => {
                let mut ids = result.init_ids();
                ids.set_receiver_queue(&receiver_queue);
                ids.set_sender_queue(&sender_queue);
            }
            Ok(None) | Err(Failed::Full) => result.set_answer(DiskAnswer::DiskFull),
            Err(Failed::Lost) => return Err(Error::overloaded("disk".into())),
        }
        Ok(())
    }

    async fn by_receiver(
        self: Rc<Self>,
        params: mailbox_disk::ByReceiverParams,
        mut results: mailbox_disk::ByReceiverResults,
    ) -> Result<(), Error> {
        let queue: QueueId = fixed(params.get()?.get_receiver_queue())?;
        if let Some((key, sender_queue)) = self.shared.disk.by_receiver(queue).map_err(lost)? {
            let mut found = results.get();
            found.set_found(true);
            found.set_receiver_key(&key);
            found.set_sender_queue(&sender_queue);
        }
        Ok(())
    }

    async fn by_sender(
        self: Rc<Self>,
        params: mailbox_disk::BySenderParams,
        mut results: mailbox_disk::BySenderResults,
    ) -> Result<(), Error> {
        let queue: QueueId = fixed(params.get()?.get_sender_queue())?;
        if let Some((key, receiver_queue)) = self.shared.disk.by_sender(queue).map_err(lost)? {
            let mut found = results.get();
            found.set_found(true);
            found.set_sender_key(key.as_ref().map_or(&[], |key| key.as_slice()));
            found.set_receiver_queue(&receiver_queue);
        }
        Ok(())
    }

    async fn secure(
        self: Rc<Self>,
        params: mailbox_disk::SecureParams,
        mut results: mailbox_disk::SecureResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let (queue, key): (QueueId, Key) = (fixed(params.get_sender_queue())?, fixed(params.get_sender_key())?);
        results.get().set_answer(settle(self.durably(|disk| disk.secure(queue, key)).await)?);
        Ok(())
    }

    async fn put(
        self: Rc<Self>,
        params: mailbox_disk::PutParams,
        mut results: mailbox_disk::PutResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let (queue, id): (QueueId, MessageId) = (fixed(params.get_sender_queue())?, fixed(params.get_put_id())?);
        let envelope: [u8; limits::ENVELOPE_BYTES] = fixed(params.get_envelope())?;
        let put = self.durably(|disk| disk.put(queue, id, &envelope, Timestamp::now())).await;
        let mut out = results.get();
        out.set_id(&id);
        out.set_stored(put.as_ref().is_ok_and(|put| put.stored));
        out.set_answer(settle(put.map(|put| put.answer))?);
        Ok(())
    }

    async fn read(
        self: Rc<Self>,
        params: mailbox_disk::ReadParams,
        mut results: mailbox_disk::ReadResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let queue: QueueId = fixed(params.get_receiver_queue())?;
        let after = params.get_after()?;
        let after: Option<MessageId> = if after.is_empty() { None } else { Some(fixed(Ok(after))?) };
        let most = u16::try_from(limits::ENVELOPES_PER_ANSWER_MAX).unwrap_or(u16::MAX);
        let max = params.get_max().min(most);
        let messages = self.shared.disk.read(queue, after, max, Timestamp::now()).map_err(lost)?;
        let mut list = results.get().init_messages(u32::try_from(messages.len()).unwrap_or(0));
        for (index, (id, envelope)) in (0..).zip(&messages) {
            let mut message = list.reborrow().get(index);
            message.set_id(id);
            message.set_envelope(envelope);
        }
        Ok(())
    }

    async fn ack(
        self: Rc<Self>,
        params: mailbox_disk::AckParams,
        mut results: mailbox_disk::AckResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let queue: QueueId = fixed(params.get_receiver_queue())?;
        let ids = params.get_ids()?;
        if ids.len() as usize > limits::IDS_PER_CALL_MAX {
            return Err(Error::failed("too many".into()));
        }
        let ids: Vec<MessageId> = ids.iter().map(fixed).collect::<Result<_, _>>()?;
        let done = self.durably(|disk| disk.ack(queue, &ids, Timestamp::now())).await;
        results.get().set_answer(settle(done)?);
        Ok(())
    }

    async fn delete(
        self: Rc<Self>,
        params: mailbox_disk::DeleteParams,
        mut results: mailbox_disk::DeleteResults,
    ) -> Result<(), Error> {
        let queue: QueueId = fixed(params.get()?.get_receiver_queue())?;
        results.get().set_answer(settle(self.durably(|disk| disk.delete(queue)).await)?);
        Ok(())
    }

    async fn leave_blob(
        self: Rc<Self>,
        params: mailbox_disk::LeaveBlobParams,
        mut results: mailbox_disk::LeaveBlobResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let queue: QueueId = fixed(params.get_receiver_queue())?;
        let (id, read_key): (Key, Key) = (fixed(params.get_blob_id())?, fixed(params.get_read_key())?);
        let blob = bounded(params.get_blob(), limits::BLOB_MAX_BYTES)?;
        let done =
            self.durably(|disk| disk.leave_blob(queue, id, (read_key, blob), Timestamp::now())).await;
        results.get().set_answer(settle(done)?);
        Ok(())
    }

    async fn blob(
        self: Rc<Self>,
        params: mailbox_disk::BlobParams,
        mut results: mailbox_disk::BlobResults,
    ) -> Result<(), Error> {
        let id: Key = fixed(params.get()?.get_blob_id())?;
        if let Some(blob) = self.shared.disk.blob(id).map_err(lost)? {
            let mut found = results.get();
            found.set_found(true);
            found.set_read_key(&blob.read_key);
            found.set_bound_to(blob.bound_to.as_ref().map_or(&[], |key| key.as_slice()));
            found.set_blob(&blob.bytes);
            found.set_receiver_queue(&blob.receiver_queue);
        }
        Ok(())
    }

    async fn bind_blob(
        self: Rc<Self>,
        params: mailbox_disk::BindBlobParams,
        mut results: mailbox_disk::BindBlobResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let (id, key): (Key, Key) = (fixed(params.get_blob_id())?, fixed(params.get_sender_key())?);
        results.get().set_answer(settle(self.durably(|disk| disk.bind_blob(id, key)).await)?);
        Ok(())
    }

    async fn drop_blob(
        self: Rc<Self>,
        params: mailbox_disk::DropBlobParams,
        mut results: mailbox_disk::DropBlobResults,
    ) -> Result<(), Error> {
        let id: Key = fixed(params.get()?.get_blob_id())?;
        results.get().set_answer(settle(self.durably(|disk| disk.drop_blob(id)).await)?);
        Ok(())
    }

    async fn expire(
        self: Rc<Self>,
        params: mailbox_disk::ExpireParams,
        mut results: mailbox_disk::ExpireResults,
    ) -> Result<(), Error> {
        let now = Timestamp(params.get()?.get_now());
        results.get().set_removed(self.expire_old(now).await.map_err(lost)?);
        Ok(())
    }

    async fn counts(
        self: Rc<Self>,
        _: mailbox_disk::CountsParams,
        mut results: mailbox_disk::CountsResults,
    ) -> Result<(), Error> {
        let counts = self.shared.disk.counts().map_err(lost)?;
        let mut out = results.get();
        out.set_queues(counts.queues);
        out.set_messages(counts.messages);
        out.set_blobs(counts.blobs);
        out.set_bytes(counts.bytes);
        Ok(())
    }
}
