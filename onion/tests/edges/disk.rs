//! A mailbox disk in memory, served as stored serves its own.

use std::cell::RefCell;
use std::rc::Rc;

use ipc_schema::Timestamp;
use ipc_schema::edge::Served;
use ipc_schema::edge::onion_stored::{
    Ack, AckChunks, BindBlob, Blob, ByReceiver, BySender, Counts, Create, Delete, DropBlob, Expire,
    LeaveBlob, MailboxDisk, NamedChunks, Put, PutChunk, Read, ReadChunks, Secure,
};
use onion::mailbox::DiskReply;
use onion::mailbox::model_disk::ModelDisk;

#[derive(Default)]
pub struct Disk(RefCell<ModelDisk>);

macro_rules! carried_out {
    ($($method:ident: $call:ident,)*) => {
        impl MailboxDisk for Disk {
            $(async fn $method(self: Rc<Self>, call: $call) -> Served<$call> {
                match self.0.borrow_mut().carry_out(Timestamp::now(), call.into()) {
                    DiskReply::$call(outcome) => Ok(outcome),
                    other => panic!("{other:?}"),
                }
            })*
        }
    };
}

carried_out! {
    create: Create,
    by_receiver: ByReceiver,
    by_sender: BySender,
    secure: Secure,
    put: Put,
    read: Read,
    ack: Ack,
    delete: Delete,
    leave_blob: LeaveBlob,
    blob: Blob,
    bind_blob: BindBlob,
    drop_blob: DropBlob,
    expire: Expire,
    counts: Counts,
    put_chunk: PutChunk,
    read_chunks: ReadChunks,
    named_chunks: NamedChunks,
    ack_chunks: AckChunks,
}
