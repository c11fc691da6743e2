//! A mailbox disk in memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edges::onion_stored_capnp::{DiskAnswer, mailbox_disk};

type Bytes = Vec<u8>;

#[derive(Default)]
struct Queue {
    receiver: Bytes,
    sender: Bytes,
    receiver_key: Bytes,
    sender_key: Bytes,
    messages: Vec<(Bytes, Bytes)>,
    puts: HashMap<Bytes, Bytes>,
}

#[derive(Default)]
struct Disk {
    queues: RefCell<Vec<Queue>>,
    blobs: RefCell<HashMap<Bytes, Blob>>,
    serial: RefCell<u128>,
}

#[derive(Clone, Default)]
struct Blob {
    read_key: Bytes,
    bound_to: Bytes,
    blob: Bytes,
    receiver: Bytes,
}

/// The edge's bootstrap capability.
pub fn client() -> mailbox_disk::Client {
    new_client(Disk::default())
}

impl Disk {
    fn receiver<T>(&self, id: &[u8], then: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        self.queues.borrow_mut().iter_mut().find(|queue| queue.receiver == id).map(then)
    }

    fn sender<T>(&self, id: &[u8], then: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        self.queues.borrow_mut().iter_mut().find(|queue| queue.sender == id).map(then)
    }
}

type Done = Result<(), capnp::Error>;

impl mailbox_disk::Server for Disk {
    async fn create(
        self: Rc<Self>,
        p: mailbox_disk::CreateParams,
        mut r: mailbox_disk::CreateResults,
    ) -> Done {
        let p = p.get()?;
        let key = p.get_receiver_key()?;
        let mut queues = self.queues.borrow_mut();
        if !queues.iter().any(|queue| queue.receiver_key == key) {
            queues.push(Queue {
                receiver: p.get_receiver_queue()?.to_vec(),
                sender: p.get_sender_queue()?.to_vec(),
                receiver_key: key.to_vec(),
                ..Queue::default()
            });
        }
        let queue = queues.iter().find(|queue| queue.receiver_key == key).unwrap();
        let mut out = r.get().init_result().init_ids();
        out.set_receiver_queue(&queue.receiver);
        out.set_sender_queue(&queue.sender);
        Ok(())
    }

    async fn by_receiver(
        self: Rc<Self>,
        p: mailbox_disk::ByReceiverParams,
        mut r: mailbox_disk::ByReceiverResults,
    ) -> Done {
        self.receiver(p.get()?.get_receiver_queue()?, |queue| {
            let mut out = r.get();
            out.set_found(true);
            out.set_receiver_key(&queue.receiver_key);
            out.set_sender_queue(&queue.sender);
        });
        Ok(())
    }

    async fn by_sender(
        self: Rc<Self>,
        p: mailbox_disk::BySenderParams,
        mut r: mailbox_disk::BySenderResults,
    ) -> Done {
        self.sender(p.get()?.get_sender_queue()?, |queue| {
            let mut out = r.get();
            out.set_found(true);
            out.set_sender_key(&queue.sender_key);
            out.set_receiver_queue(&queue.receiver);
        });
        Ok(())
    }

    async fn secure(
        self: Rc<Self>,
        p: mailbox_disk::SecureParams,
        mut r: mailbox_disk::SecureResults,
    ) -> Done {
        let p = p.get()?;
        let key = p.get_sender_key()?;
        let answer = self.sender(p.get_sender_queue()?, |queue| {
            if queue.sender_key.is_empty() {
                queue.sender_key = key.to_vec();
            }
            if queue.sender_key == key { DiskAnswer::Ok } else { DiskAnswer::Taken }
        });
        r.get().set_answer(answer.unwrap_or(DiskAnswer::NoQueue));
        Ok(())
    }

    async fn put(self: Rc<Self>, p: mailbox_disk::PutParams, mut r: mailbox_disk::PutResults) -> Done {
        let p = p.get()?;
        let (put_id, envelope) = (p.get_put_id()?.to_vec(), p.get_envelope()?.to_vec());
        *self.serial.borrow_mut() += 1;
        let id = self.serial.borrow().to_be_bytes().to_vec();
        let mut out = r.get();
        let done = self.sender(p.get_sender_queue()?, |queue| {
            out.set_stored(!queue.puts.contains_key(&put_id));
            let known = queue.puts.entry(put_id).or_insert_with(|| {
                queue.messages.push((id.clone(), envelope));
                id
            });
            out.set_id(known);
        });
        out.set_answer(if done.is_some() { DiskAnswer::Ok } else { DiskAnswer::NoQueue });
        Ok(())
    }

    async fn read(self: Rc<Self>, p: mailbox_disk::ReadParams, mut r: mailbox_disk::ReadResults) -> Done {
        let p = p.get()?;
        let (after, max) = (p.get_after()?.to_vec(), usize::from(p.get_max()));
        self.receiver(p.get_receiver_queue()?, |queue| {
            let found: Vec<_> = queue.messages.iter().filter(|(id, _)| *id > after).take(max).collect();
            let mut list = r.get().init_messages(u32::try_from(found.len()).unwrap());
            for (index, (id, envelope)) in (0..).zip(found) {
                let mut out = list.reborrow().get(index);
                out.set_id(id);
                out.set_envelope(envelope);
            }
        });
        Ok(())
    }

    async fn ack(self: Rc<Self>, p: mailbox_disk::AckParams, mut r: mailbox_disk::AckResults) -> Done {
        let p = p.get()?;
        let ids: Vec<Bytes> = p.get_ids()?.iter().map(|id| id.unwrap().to_vec()).collect();
        let done = self
            .receiver(p.get_receiver_queue()?, |queue| queue.messages.retain(|(id, _)| !ids.contains(id)));
        r.get().set_answer(if done.is_some() { DiskAnswer::Ok } else { DiskAnswer::NoQueue });
        Ok(())
    }

    async fn delete(self: Rc<Self>, p: mailbox_disk::DeleteParams, _: mailbox_disk::DeleteResults) -> Done {
        let id = p.get()?.get_receiver_queue()?.to_vec();
        self.queues.borrow_mut().retain(|queue| queue.receiver != id);
        Ok(())
    }

    async fn leave_blob(
        self: Rc<Self>,
        p: mailbox_disk::LeaveBlobParams,
        _: mailbox_disk::LeaveBlobResults,
    ) -> Done {
        let p = p.get()?;
        let blob = Blob {
            read_key: p.get_read_key()?.to_vec(),
            blob: p.get_blob()?.to_vec(),
            receiver: p.get_receiver_queue()?.to_vec(),
            ..Blob::default()
        };
        self.blobs.borrow_mut().entry(p.get_blob_id()?.to_vec()).or_insert(blob);
        Ok(())
    }

    async fn blob(self: Rc<Self>, p: mailbox_disk::BlobParams, mut r: mailbox_disk::BlobResults) -> Done {
        if let Some(blob) = self.blobs.borrow().get(p.get()?.get_blob_id()?) {
            let mut out = r.get();
            out.set_found(true);
            out.set_read_key(&blob.read_key);
            out.set_bound_to(&blob.bound_to);
            out.set_blob(&blob.blob);
            out.set_receiver_queue(&blob.receiver);
        }
        Ok(())
    }

    async fn bind_blob(
        self: Rc<Self>,
        p: mailbox_disk::BindBlobParams,
        mut r: mailbox_disk::BindBlobResults,
    ) -> Done {
        let p = p.get()?;
        let key = p.get_sender_key()?.to_vec();
        let mut blobs = self.blobs.borrow_mut();
        let blob = blobs.get_mut(p.get_blob_id()?).unwrap();
        if blob.bound_to.is_empty() {
            blob.bound_to = key.clone();
        }
        r.get().set_answer(if blob.bound_to == key { DiskAnswer::Ok } else { DiskAnswer::Taken });
        Ok(())
    }

    async fn drop_blob(
        self: Rc<Self>,
        p: mailbox_disk::DropBlobParams,
        _: mailbox_disk::DropBlobResults,
    ) -> Done {
        self.blobs.borrow_mut().remove(p.get()?.get_blob_id()?);
        Ok(())
    }

    async fn expire(self: Rc<Self>, _: mailbox_disk::ExpireParams, _: mailbox_disk::ExpireResults) -> Done {
        Ok(())
    }

    async fn counts(self: Rc<Self>, _: mailbox_disk::CountsParams, _: mailbox_disk::CountsResults) -> Done {
        Ok(())
    }
}
