//! The mailbox disk served to onion (edges/onion-stored.capnp). Changes that come together are flushed to disk together.

use std::cell::RefCell;
use std::rc::Rc;

use ipc_schema::Timestamp;
use ipc_schema::edges::onion_stored_capnp::{DiskAnswer, mailbox_disk as disk};
use ipc_schema::limits::{
    BLOB_MAX_BYTES, ENVELOPE_BYTES, ENVELOPES_PER_ANSWER_MAX, IDS_PER_CALL_MAX, KEY_BYTES, PUT_ID_BYTES,
    QUEUE_ID_BYTES,
};
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;
use crate::mailboxes::{Answer, Mailboxes};

type Done = Result<(), capnp::Error>;
type Work = Box<dyn FnOnce(&Mailboxes) -> Result<(), StoreError>>;

/// Changes that may wait together for one flush.
const GROUP_MAX: usize = 256;

struct Job {
    work: Work,
    durable: oneshot::Sender<bool>,
}

/// The edge's bootstrap capability.
#[derive(Clone)]
pub(super) struct DiskServer {
    mailboxes: Rc<Mailboxes>,
    jobs: mpsc::UnboundedSender<Job>,
}

impl DiskServer {
    /// A server and the work that it needs to be polled.
    pub(super) fn new(mailboxes: Mailboxes) -> (Self, impl Future<Output = ()>) {
        let mailboxes = Rc::new(mailboxes);
        let (jobs, waiting) = mpsc::unbounded_channel();
        (Self { mailboxes: mailboxes.clone(), jobs }, flush_groups(mailboxes, waiting))
    }

    /// Does a change and waits until it is durable. `None`: the disk failed, and nothing was changed.
    async fn change<T: 'static>(
        &self,
        work: impl FnOnce(&Mailboxes) -> Result<T, StoreError> + 'static,
    ) -> Option<T> {
        let result = Rc::new(RefCell::new(None));
        let slot = result.clone();
        let work: Work = Box::new(move |mailboxes| {
            let done = work(mailboxes)?;
            slot.replace(Some(done));
            Ok(())
        });
        let (durable, flushed) = oneshot::channel();
        self.jobs.send(Job { work, durable }).ok()?;
        if flushed.await.ok()? { result.take() } else { None }
    }

    async fn answer(
        &self,
        work: impl FnOnce(&Mailboxes) -> Result<Answer, StoreError> + 'static,
    ) -> DiskAnswer {
        self.change(work).await.map_or(DiskAnswer::DiskFull, on_edge)
    }
}

async fn flush_groups(mailboxes: Rc<Mailboxes>, mut waiting: mpsc::UnboundedReceiver<Job>) {
    while let Some(first) = waiting.recv().await {
        // Lets calls that lie in the socket already join the group.
        tokio::task::yield_now().await;
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(job) = waiting.try_recv()
        {
            group.push(job);
        }
        let mut durable = Vec::with_capacity(group.len());
        let done = mailboxes.together(|mailboxes| {
            group.into_iter().try_for_each(|job| {
                durable.push(job.durable);
                (job.work)(mailboxes)
            })
        });
        for job in durable {
            // Whoever asked may be gone.
            let _ = job.send(done.is_ok());
        }
    }
}

fn on_edge(answer: Answer) -> DiskAnswer {
    match answer {
        Answer::Ok => DiskAnswer::Ok,
        Answer::Full => DiskAnswer::Full,
        Answer::NoQueue => DiskAnswer::NoQueue,
        Answer::Taken => DiskAnswer::Taken,
        Answer::NoBlob => DiskAnswer::NoBlob,
    }
}

/// Free text never crosses an edge: what is malformed ends the call, and says no more.
fn malformed() -> capnp::Error {
    capnp::Error::failed(String::new())
}

fn unreadable(_: StoreError) -> capnp::Error {
    capnp::Error::failed(String::new())
}

fn exactly(bytes: &[u8], length: usize) -> Result<Vec<u8>, capnp::Error> {
    if bytes.len() == length { Ok(bytes.to_vec()) } else { Err(malformed()) }
}

impl disk::Server for DiskServer {
    async fn create(self: Rc<Self>, params: disk::CreateParams, mut results: disk::CreateResults) -> Done {
        let params = params.get()?;
        let receiver = exactly(params.get_receiver_queue()?, QUEUE_ID_BYTES)?;
        let sender = exactly(params.get_sender_queue()?, QUEUE_ID_BYTES)?;
        let key = exactly(params.get_receiver_key()?, KEY_BYTES)?;
        let created =
            self.change(move |mailboxes| mailboxes.create(&receiver, &sender, &key, Timestamp::now())).await;
        let mut result = results.get().init_result();
        match created {
            Some(Ok(created)) => {
                let mut ids = result.init_ids();
                ids.set_receiver_queue(&created.receiver);
                ids.set_sender_queue(&created.sender);
            }
            Some(Err(answer)) => result.set_answer(on_edge(answer)),
            None => result.set_answer(DiskAnswer::DiskFull),
        }
        Ok(())
    }

    async fn by_receiver(
        self: Rc<Self>,
        params: disk::ByReceiverParams,
        mut results: disk::ByReceiverResults,
    ) -> Done {
        let receiver = params.get()?.get_receiver_queue()?.to_vec();
        let Some(found) = self.mailboxes.by_receiver(&receiver).map_err(unreadable)? else { return Ok(()) };
        let mut fields = results.get();
        fields.set_found(true);
        fields.set_receiver_key(&found.receiver_key);
        fields.set_sender_queue(&found.sender);
        // Nobody waits for this one, and it may fail.
        let (durable, _) = oneshot::channel();
        let work: Work = Box::new(move |mailboxes| mailboxes.touch(&receiver, Timestamp::now()).map(drop));
        let _ = self.jobs.send(Job { work, durable });
        Ok(())
    }

    async fn by_sender(
        self: Rc<Self>,
        params: disk::BySenderParams,
        mut results: disk::BySenderResults,
    ) -> Done {
        let found = self.mailboxes.by_sender(params.get()?.get_sender_queue()?).map_err(unreadable)?;
        let Some(found) = found else { return Ok(()) };
        let mut fields = results.get();
        fields.set_found(true);
        fields.set_sender_key(&found.sender_key);
        fields.set_receiver_queue(&found.receiver);
        Ok(())
    }

    async fn secure(self: Rc<Self>, params: disk::SecureParams, mut results: disk::SecureResults) -> Done {
        let params = params.get()?;
        let sender = params.get_sender_queue()?.to_vec();
        let key = exactly(params.get_sender_key()?, KEY_BYTES)?;
        results.get().set_answer(self.answer(move |mailboxes| mailboxes.secure(&sender, &key)).await);
        Ok(())
    }

    async fn put(self: Rc<Self>, params: disk::PutParams, mut results: disk::PutResults) -> Done {
        let params = params.get()?;
        let sender = params.get_sender_queue()?.to_vec();
        let put_id = exactly(params.get_put_id()?, PUT_ID_BYTES)?;
        let envelope = exactly(params.get_envelope()?, ENVELOPE_BYTES)?;
        let put =
            self.change(move |mailboxes| mailboxes.put(&sender, &put_id, &envelope, Timestamp::now())).await;
        let mut fields = results.get();
        match put {
            Some(put) => {
                fields.set_answer(on_edge(put.answer));
                fields.set_id(&put.id);
                fields.set_stored(put.stored);
            }
            None => fields.set_answer(DiskAnswer::DiskFull),
        }
        Ok(())
    }

    async fn read(self: Rc<Self>, params: disk::ReadParams, mut results: disk::ReadResults) -> Done {
        let params = params.get()?;
        let most = u16::try_from(ENVELOPES_PER_ANSWER_MAX).unwrap_or(u16::MAX);
        let max = params.get_max().min(most);
        let (receiver, after) = (params.get_receiver_queue()?, params.get_after()?);
        let found = self.mailboxes.read(receiver, after, max).map_err(unreadable)?;
        let mut list = results.get().init_messages(u32::try_from(found.len()).unwrap_or(0));
        for (at, message) in (0..list.len()).zip(&found) {
            let mut fields = list.reborrow().get(at);
            fields.set_id(&message.id);
            fields.set_envelope(&message.envelope);
        }
        Ok(())
    }

    async fn ack(self: Rc<Self>, params: disk::AckParams, mut results: disk::AckResults) -> Done {
        let params = params.get()?;
        let receiver = params.get_receiver_queue()?.to_vec();
        let ids = params.get_ids()?;
        if usize::try_from(ids.len()).map_or(true, |length| length > IDS_PER_CALL_MAX) {
            return Err(malformed());
        }
        let ids = ids.iter().map(|id| exactly(id?, PUT_ID_BYTES)).collect::<Result<Vec<_>, _>>()?;
        let answer = self.answer(move |mailboxes| mailboxes.ack(&receiver, &ids, Timestamp::now())).await;
        results.get().set_answer(answer);
        Ok(())
    }

    async fn delete(self: Rc<Self>, params: disk::DeleteParams, mut results: disk::DeleteResults) -> Done {
        let receiver = params.get()?.get_receiver_queue()?.to_vec();
        results.get().set_answer(self.answer(move |mailboxes| mailboxes.delete(&receiver)).await);
        Ok(())
    }

    async fn leave_blob(
        self: Rc<Self>,
        params: disk::LeaveBlobParams,
        mut results: disk::LeaveBlobResults,
    ) -> Done {
        let params = params.get()?;
        let receiver = params.get_receiver_queue()?.to_vec();
        let id = exactly(params.get_blob_id()?, KEY_BYTES)?;
        let key = exactly(params.get_read_key()?, KEY_BYTES)?;
        let blob = params.get_blob()?.to_vec();
        if blob.len() > BLOB_MAX_BYTES {
            return Err(malformed());
        }
        let work = move |mailboxes: &Mailboxes| {
            mailboxes.leave_blob(&receiver, (&id, &key), &blob, Timestamp::now())
        };
        results.get().set_answer(self.answer(work).await);
        Ok(())
    }

    async fn blob(self: Rc<Self>, params: disk::BlobParams, mut results: disk::BlobResults) -> Done {
        let found = self.mailboxes.blob(params.get()?.get_blob_id()?).map_err(unreadable)?;
        let Some(found) = found else { return Ok(()) };
        let mut fields = results.get();
        fields.set_found(true);
        fields.set_read_key(&found.read_key);
        fields.set_bound_to(&found.bound_to);
        fields.set_blob(&found.blob);
        fields.set_receiver_queue(&found.receiver);
        Ok(())
    }

    async fn bind_blob(
        self: Rc<Self>,
        params: disk::BindBlobParams,
        mut results: disk::BindBlobResults,
    ) -> Done {
        let params = params.get()?;
        let id = params.get_blob_id()?.to_vec();
        let key = exactly(params.get_sender_key()?, KEY_BYTES)?;
        results.get().set_answer(self.answer(move |mailboxes| mailboxes.bind_blob(&id, &key)).await);
        Ok(())
    }

    async fn drop_blob(
        self: Rc<Self>,
        params: disk::DropBlobParams,
        mut results: disk::DropBlobResults,
    ) -> Done {
        let id = params.get()?.get_blob_id()?.to_vec();
        results.get().set_answer(self.answer(move |mailboxes| mailboxes.drop_blob(&id)).await);
        Ok(())
    }

    async fn expire(self: Rc<Self>, params: disk::ExpireParams, mut results: disk::ExpireResults) -> Done {
        let now = Timestamp(params.get()?.get_now());
        let removed = self.change(move |mailboxes| mailboxes.expire(now)).await;
        results.get().set_removed(removed.unwrap_or(0));
        Ok(())
    }

    async fn counts(self: Rc<Self>, _: disk::CountsParams, mut results: disk::CountsResults) -> Done {
        let totals = self.mailboxes.totals().map_err(unreadable)?;
        let mut fields = results.get();
        fields.set_queues(totals.queues);
        fields.set_messages(totals.messages);
        fields.set_blobs(totals.blobs);
        fields.set_bytes(totals.bytes);
        Ok(())
    }
}
