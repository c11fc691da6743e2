//! The mailbox disk served to onion (edges/onion-stored.capnp). Changes that come together are flushed to disk together.

use std::cell::RefCell;
use std::rc::Rc;

use ipc_schema::Machine;
use ipc_schema::edge::Served;
use ipc_schema::edge::onion_stored::{
    Ack, AckChunks, AckError, BindBlob, BindBlobError, Blob, ByReceiver, BySender, Counts, Create,
    CreateError, Delete, DeleteError, DropBlob, DropBlobError, Expire, LeaveBlob, LeaveBlobError,
    MailboxDisk, NamedChunks, Put, PutChunk, PutChunkError, PutError, Read, ReadChunks, Secure, SecureError,
};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::StoreError;
use crate::mailboxes::Mailboxes;

type Work = Box<dyn FnOnce(&Mailboxes) -> Result<(), StoreError>>;

/// Changes that may wait together for one flush.
const GROUP_MAX: usize = 256;
/// Chunks that are put or overwritten in one flush, 1 MiB: what a text waits for behind them.
const CHUNKS_PER_GROUP: usize = 16;

struct Job {
    work: Work,
    durable: oneshot::Sender<bool>,
    /// Chunks that it writes.
    chunks: usize,
}

/// The disk, as onion has it.
pub struct DiskServer {
    mailboxes: Rc<Mailboxes>,
    jobs: mpsc::UnboundedSender<Job>,
    /// Those that wait behind all others, since each writes as much as sixteen texts.
    chunk_jobs: mpsc::UnboundedSender<Job>,
    machine: Machine,
    damage: Rc<Notify>,
}

impl DiskServer {
    /// A server and the work that it needs to be polled.
    pub fn new(mailboxes: Mailboxes, machine: Machine) -> (Self, impl Future<Output = ()>) {
        let mailboxes = Rc::new(mailboxes);
        let (jobs, waiting) = mpsc::unbounded_channel();
        let (chunk_jobs, chunks_waiting) = mpsc::unbounded_channel();
        let damage = Rc::new(Notify::new());
        let waiting = Groups { waiting, chunks_waiting };
        let work = flush_groups(mailboxes.clone(), waiting, damage.clone());
        (Self { mailboxes, jobs, chunk_jobs, machine, damage }, work)
    }

    /// Ends once damage was met.
    pub async fn damaged(&self) {
        self.damage.notified().await;
    }

    /// Does a change and waits until it is durable. Where the disk failed nothing was changed, and the outcome is `failed`.
    async fn change<T: 'static, E: 'static>(
        &self,
        failed: E,
        work: impl FnOnce(&Mailboxes) -> Result<Result<T, E>, StoreError> + 'static,
    ) -> Result<Result<T, E>, capnp::Error> {
        Ok(self.flushed(0, work).await.unwrap_or(Err(failed)))
    }

    /// The same for a change that writes so many chunks.
    async fn change_chunks<T: 'static, E: 'static>(
        &self,
        chunks: usize,
        failed: E,
        work: impl FnOnce(&Mailboxes) -> Result<Result<T, E>, StoreError> + 'static,
    ) -> Result<Result<T, E>, capnp::Error> {
        Ok(self.flushed(chunks.max(1), work).await.unwrap_or(Err(failed)))
    }

    /// What was read. Free text never crosses an edge: that the disk cannot be read ends the call, and says no more.
    fn read_from<T>(&self, read: Result<T, StoreError>) -> Result<T, capnp::Error> {
        if matches!(read, Err(StoreError::Damaged)) {
            self.damage.notify_one();
        }
        read.map_err(|_| capnp::Error::failed(String::new()))
    }

    async fn flushed<T: 'static>(
        &self,
        chunks: usize,
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
        let jobs = if chunks == 0 { &self.jobs } else { &self.chunk_jobs };
        jobs.send(Job { work, durable, chunks }).ok()?;
        if flushed.await.ok()? { result.take() } else { None }
    }
}

/// What waits to be flushed.
struct Groups {
    waiting: mpsc::UnboundedReceiver<Job>,
    chunks_waiting: mpsc::UnboundedReceiver<Job>,
}

impl Groups {
    /// What is flushed next: all that is no chunk, and some chunks. `None`: there is nobody any more who could ask.
    async fn next(&mut self) -> Option<Vec<Job>> {
        let first = tokio::select! {
            biased;
            Some(job) = self.waiting.recv() => job,
            Some(job) = self.chunks_waiting.recv() => job,
            else => return None,
        };
        // Lets calls that lie in the socket already join the group.
        tokio::task::yield_now().await;
        let mut chunks = first.chunks;
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(job) = self.waiting.try_recv()
        {
            group.push(job);
        }
        while chunks < CHUNKS_PER_GROUP
            && let Ok(job) = self.chunks_waiting.try_recv()
        {
            chunks += job.chunks;
            group.push(job);
        }
        Some(group)
    }
}

async fn flush_groups(mailboxes: Rc<Mailboxes>, mut waiting: Groups, damage: Rc<Notify>) {
    while let Some(group) = waiting.next().await {
        let mut durable = Vec::with_capacity(group.len());
        let done = mailboxes.together(|mailboxes| {
            group.into_iter().try_for_each(|job| {
                durable.push(job.durable);
                (job.work)(mailboxes)
            })
        });
        if matches!(done, Err(StoreError::Damaged)) {
            damage.notify_one();
        }
        for job in durable {
            // Whoever asked may be gone.
            let _ = job.send(done.is_ok());
        }
    }
}

impl MailboxDisk for DiskServer {
    async fn create(self: Rc<Self>, call: Create) -> Served<Create> {
        let now = self.machine.now();
        self.change(CreateError::DiskFull, move |disk| disk.create(&call, now)).await
    }

    async fn by_receiver(self: Rc<Self>, call: ByReceiver) -> Served<ByReceiver> {
        let queue = call.receiver_queue;
        let found = self.read_from(self.mailboxes.by_receiver(&queue))?;
        if found.is_some() {
            // Nobody waits for this one, and it may fail.
            let ((durable, _), now) = (oneshot::channel(), self.machine.now());
            let work: Work = Box::new(move |disk| disk.touch(&queue, now).map(drop));
            let _ = self.jobs.send(Job { work, durable, chunks: 0 });
        }
        Ok(Ok(found))
    }

    async fn by_sender(self: Rc<Self>, call: BySender) -> Served<BySender> {
        self.read_from(self.mailboxes.by_sender(&call.sender_queue)).map(Ok)
    }

    async fn secure(self: Rc<Self>, call: Secure) -> Served<Secure> {
        self.change(SecureError::DiskFull, move |disk| disk.secure(&call)).await
    }

    async fn put(self: Rc<Self>, call: Put) -> Served<Put> {
        let now = self.machine.now();
        self.change(PutError::DiskFull, move |disk| disk.put(&call, now)).await
    }

    async fn read(self: Rc<Self>, call: Read) -> Served<Read> {
        self.read_from(self.mailboxes.read(&call)).map(Ok)
    }

    async fn ack(self: Rc<Self>, call: Ack) -> Served<Ack> {
        let now = self.machine.now();
        self.change(AckError::DiskFull, move |disk| disk.ack(&call, now)).await
    }

    async fn delete(self: Rc<Self>, call: Delete) -> Served<Delete> {
        self.change(DeleteError::DiskFull, move |disk| disk.delete(&call)).await
    }

    async fn leave_blob(self: Rc<Self>, call: LeaveBlob) -> Served<LeaveBlob> {
        let now = self.machine.now();
        self.change(LeaveBlobError::DiskFull, move |disk| disk.leave_blob(&call, now)).await
    }

    async fn blob(self: Rc<Self>, call: Blob) -> Served<Blob> {
        self.read_from(self.mailboxes.blob(&call)).map(Ok)
    }

    async fn bind_blob(self: Rc<Self>, call: BindBlob) -> Served<BindBlob> {
        self.change(BindBlobError::DiskFull, move |disk| disk.bind_blob(&call)).await
    }

    async fn drop_blob(self: Rc<Self>, call: DropBlob) -> Served<DropBlob> {
        self.change(DropBlobError::DiskFull, move |disk| disk.drop_blob(&call)).await
    }

    async fn expire(self: Rc<Self>, call: Expire) -> Served<Expire> {
        Ok(Ok(self.flushed(0, move |disk| disk.expire(call.now)).await.unwrap_or(0)))
    }

    async fn counts(self: Rc<Self>, _: Counts) -> Served<Counts> {
        self.read_from(self.mailboxes.totals()).map(Ok)
    }

    async fn put_chunk(self: Rc<Self>, call: PutChunk) -> Served<PutChunk> {
        let now = self.machine.now();
        self.change_chunks(1, PutChunkError::DiskFull, move |disk| disk.put_chunk(&call, now)).await
    }

    async fn read_chunks(self: Rc<Self>, call: ReadChunks) -> Served<ReadChunks> {
        self.read_from(self.mailboxes.read_chunks(&call)).map(Ok)
    }

    async fn named_chunks(self: Rc<Self>, call: NamedChunks) -> Served<NamedChunks> {
        self.read_from(self.mailboxes.named_chunks(&call)).map(Ok)
    }

    async fn ack_chunks(self: Rc<Self>, call: AckChunks) -> Served<AckChunks> {
        let now = self.machine.now();
        let chunks = call.ids.len();
        self.change_chunks(chunks, AckError::DiskFull, move |disk| disk.ack_chunks(&call, now)).await
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;
    use ipc_schema::limits::{CHUNK_BYTES, ENVELOPE_BYTES};

    use super::*;
    use crate::mailboxes::Bounds;

    /// Whatever waits to be written of files, an envelope is in the next flush.
    #[tokio::test]
    async fn an_envelope_does_not_wait_behind_all_chunks() {
        let folder = tempfile::tempdir().unwrap();
        let mailboxes = Mailboxes::open(&folder.path().join("mailboxes.db"), Bounds::default()).unwrap();
        let machine = Machine::new(|| Timestamp(1_700_000_000_000), || panic!("no chance is needed"));
        let (disk, work) = DiskServer::new(mailboxes, machine);
        let disk = Rc::new(disk);
        let local = tokio::task::LocalSet::new();
        local.spawn_local(work);
        let (receiver_queue, sender_queue) = ([1; 24], [2; 24]);
        let order = Rc::new(RefCell::new(Vec::new()));
        let tried = async {
            let call = Create { receiver_queue, sender_queue, receiver_key: [3; 32] };
            disk.clone().create(call).await.unwrap().unwrap();
            let chunks = (0..100_u8).map(|number| {
                let (disk, order) = (disk.clone(), order.clone());
                async move {
                    let (chunk_id, chunk) = ([number; 16], vec![number; CHUNK_BYTES]);
                    let put = PutChunk { sender_queue, chunk_id, chunk };
                    assert_eq!(disk.put_chunk(put).await.unwrap(), Ok(true));
                    order.borrow_mut().push("chunk");
                }
            });
            let envelope = async {
                let put = Put { sender_queue, put_id: [1; 16], envelope: vec![0; ENVELOPE_BYTES] };
                assert!(disk.clone().put(put).await.unwrap().unwrap().stored);
                order.borrow_mut().push("envelope");
            };
            futures::join!(futures::future::join_all(chunks), envelope);
        };
        local.run_until(tried).await;
        let before = order.borrow().iter().position(|what| *what == "envelope").unwrap();
        assert!(before <= CHUNKS_PER_GROUP, "{before} chunks before it");
    }
}
