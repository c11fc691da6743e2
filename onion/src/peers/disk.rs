//! stored: the mailbox disk of a relay, over the edge onion-stored.

use ipc_schema::edges::onion_stored_capnp::{self as edge, create_result, mailbox_disk};
use ipc_schema::rpc::Peer;

use crate::mailbox::disk::{BlobRow, DiskAnswer, DiskReply, DiskRequest, ReceiverRow, SenderRow};

/// What is on the disk, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Queues.
    pub queues: u64,
    /// Envelopes that wait.
    pub messages: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of all.
    pub bytes: u64,
}

/// Carries out one request. Whatever goes wrong on the way is [`DiskReply::Lost`]: nothing is known then of what was asked.
pub async fn ask(disk: &Peer<mailbox_disk::Client>, request: DiskRequest) -> DiskReply {
    match disk.present() {
        Some(disk) => carry_out(&disk, request).await.unwrap_or(DiskReply::Lost),
        None => DiskReply::Lost,
    }
}

async fn carry_out(disk: &mailbox_disk::Client, request: DiskRequest) -> Result<DiskReply, capnp::Error> {
    match request {
        DiskRequest::Create { receiver_queue, sender_queue, receiver_key } => {
            create(disk, [&receiver_queue, &sender_queue, &receiver_key]).await
        }
        DiskRequest::ByReceiver(queue) => by_receiver(disk, &queue).await,
        DiskRequest::BySender(queue) => by_sender(disk, &queue).await,
        DiskRequest::Secure { sender_queue, sender_key } => {
            let mut call = disk.secure_request();
            call.get().set_sender_queue(&sender_queue);
            call.get().set_sender_key(&sender_key);
            Ok(answered(call.send().promise.await?.get()?.get_answer()?))
        }
        DiskRequest::Put { sender_queue, put_id, envelope } => {
            put(disk, [&sender_queue, &put_id, &envelope]).await
        }
        DiskRequest::Read { receiver_queue, after, max } => read(disk, &receiver_queue, after, max).await,
        DiskRequest::Ack { receiver_queue, ids } => {
            let mut call = disk.ack_request();
            call.get().set_receiver_queue(&receiver_queue);
            let mut list = call.get().init_ids(u32::try_from(ids.len()).unwrap_or(0));
            for (index, id) in (0..).zip(&ids) {
                list.set(index, id);
            }
            Ok(answered(call.send().promise.await?.get()?.get_answer()?))
        }
        DiskRequest::Delete(queue) => {
            let mut call = disk.delete_request();
            call.get().set_receiver_queue(&queue);
            Ok(answered(call.send().promise.await?.get()?.get_answer()?))
        }
        blobs => about_blobs(disk, blobs).await,
    }
}

async fn about_blobs(disk: &mailbox_disk::Client, request: DiskRequest) -> Result<DiskReply, capnp::Error> {
    match request {
        DiskRequest::LeaveBlob { receiver_queue, blob_id, read_key, blob } => {
            let mut call = disk.leave_blob_request();
            call.get().set_receiver_queue(&receiver_queue);
            call.get().set_blob_id(&blob_id);
            call.get().set_read_key(&read_key);
            call.get().set_blob(&blob);
            Ok(answered(call.send().promise.await?.get()?.get_answer()?))
        }
        DiskRequest::Blob(blob_id) => blob(disk, &blob_id).await,
        DiskRequest::BindBlob { blob_id, sender_key } => {
            let mut call = disk.bind_blob_request();
            call.get().set_blob_id(&blob_id);
            call.get().set_sender_key(&sender_key);
            Ok(answered(call.send().promise.await?.get()?.get_answer()?))
        }
        DiskRequest::DropBlob(blob_id) => {
            let mut call = disk.drop_blob_request();
            call.get().set_blob_id(&blob_id);
            Ok(answered(call.send().promise.await?.get()?.get_answer()?))
        }
        _ => Ok(DiskReply::Lost),
    }
}

fn answer(answer: edge::DiskAnswer) -> DiskAnswer {
    match answer {
        edge::DiskAnswer::Ok => DiskAnswer::Ok,
        edge::DiskAnswer::Full => DiskAnswer::Full,
        edge::DiskAnswer::NoQueue => DiskAnswer::NoQueue,
        edge::DiskAnswer::Taken => DiskAnswer::Taken,
        edge::DiskAnswer::DiskFull => DiskAnswer::DiskFull,
        edge::DiskAnswer::NoBlob => DiskAnswer::NoBlob,
    }
}

fn answered(given: edge::DiskAnswer) -> DiskReply {
    DiskReply::Answer(answer(given))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], capnp::Error> {
    bytes.try_into().map_err(|_| capnp::Error::failed("a field of a wrong length".into()))
}

async fn create(disk: &mailbox_disk::Client, fields: [&[u8]; 3]) -> Result<DiskReply, capnp::Error> {
    let [receiver_queue, sender_queue, receiver_key] = fields;
    let mut call = disk.create_request();
    call.get().set_receiver_queue(receiver_queue);
    call.get().set_sender_queue(sender_queue);
    call.get().set_receiver_key(receiver_key);
    let result = call.send().promise.await?;
    match result.get()?.get_result()?.which()? {
        create_result::Ids(ids) => Ok(DiskReply::Created {
            receiver_queue: fixed(ids.get_receiver_queue()?)?,
            sender_queue: fixed(ids.get_sender_queue()?)?,
        }),
        create_result::Answer(given) => Ok(answered(given?)),
    }
}

async fn by_receiver(disk: &mailbox_disk::Client, queue: &[u8]) -> Result<DiskReply, capnp::Error> {
    let mut call = disk.by_receiver_request();
    call.get().set_receiver_queue(queue);
    let result = call.send().promise.await?;
    let row = result.get()?;
    if !row.get_found() {
        return Ok(DiskReply::Receiver(None));
    }
    let receiver_key = fixed(row.get_receiver_key()?)?;
    Ok(DiskReply::Receiver(Some(ReceiverRow { receiver_key, sender_queue: fixed(row.get_sender_queue()?)? })))
}

async fn by_sender(disk: &mailbox_disk::Client, queue: &[u8]) -> Result<DiskReply, capnp::Error> {
    let mut call = disk.by_sender_request();
    call.get().set_sender_queue(queue);
    let result = call.send().promise.await?;
    let row = result.get()?;
    if !row.get_found() {
        return Ok(DiskReply::Sender(None));
    }
    let sender_key = optional(row.get_sender_key()?)?;
    Ok(DiskReply::Sender(Some(SenderRow { sender_key, receiver_queue: fixed(row.get_receiver_queue()?)? })))
}

fn optional(bytes: &[u8]) -> Result<Option<[u8; 32]>, capnp::Error> {
    if bytes.is_empty() { Ok(None) } else { fixed(bytes).map(Some) }
}

async fn put(disk: &mailbox_disk::Client, fields: [&[u8]; 3]) -> Result<DiskReply, capnp::Error> {
    let [sender_queue, put_id, envelope] = fields;
    let mut call = disk.put_request();
    call.get().set_sender_queue(sender_queue);
    call.get().set_put_id(put_id);
    call.get().set_envelope(envelope);
    let result = call.send().promise.await?;
    let row = result.get()?;
    let answer = answer(row.get_answer()?);
    let id = if answer == DiskAnswer::Ok { fixed(row.get_id()?)? } else { [0; 16] };
    Ok(DiskReply::Put { answer, id, stored: row.get_stored() })
}

async fn read(
    disk: &mailbox_disk::Client,
    queue: &[u8],
    after: Option<[u8; 16]>,
    max: u16,
) -> Result<DiskReply, capnp::Error> {
    let mut call = disk.read_request();
    call.get().set_receiver_queue(queue);
    call.get().set_after(after.as_ref().map_or(&[][..], |id| id));
    call.get().set_max(max);
    let result = call.send().promise.await?;
    let messages = result.get()?.get_messages()?.iter();
    let messages = messages.map(|message| Ok((fixed(message.get_id()?)?, message.get_envelope()?.to_vec())));
    Ok(DiskReply::Messages(messages.collect::<Result<_, capnp::Error>>()?))
}

async fn blob(disk: &mailbox_disk::Client, blob_id: &[u8]) -> Result<DiskReply, capnp::Error> {
    let mut call = disk.blob_request();
    call.get().set_blob_id(blob_id);
    let result = call.send().promise.await?;
    let row = result.get()?;
    if !row.get_found() {
        return Ok(DiskReply::Blob(None));
    }
    Ok(DiskReply::Blob(Some(BlobRow {
        read_key: fixed(row.get_read_key()?)?,
        bound_to: optional(row.get_bound_to()?)?,
        blob: row.get_blob()?.to_vec(),
        receiver_queue: fixed(row.get_receiver_queue()?)?,
    })))
}

/// What is on the disk; zeros while it is away.
pub async fn counts(disk: &Peer<mailbox_disk::Client>) -> DiskCounts {
    let Some(disk) = disk.present() else { return DiskCounts::default() };
    let Ok(answer) = disk.counts_request().send().promise.await else { return DiskCounts::default() };
    let counts = answer.get().map(|row| DiskCounts {
        queues: row.get_queues(),
        messages: row.get_messages(),
        blobs: row.get_blobs(),
        bytes: row.get_bytes(),
    });
    counts.unwrap_or_default()
}

/// Has the disk forget what is over.
pub async fn expire(disk: &Peer<mailbox_disk::Client>, now: ipc_schema::Timestamp) {
    if let Some(disk) = disk.present() {
        let mut call = disk.expire_request();
        call.get().set_now(now.0);
        let _ = call.send().promise.await;
    }
}
