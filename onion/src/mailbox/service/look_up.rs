//! What the disk has to tell before a request can be checked: the queue or blob that it names.

use ipc_schema::Timestamp;

use crate::event::StreamRef;
use crate::id::RelayCircuit;
use crate::mailbox::disk::{BindBlob, Blob, BlobRow, ByReceiver, BySender, DiskReply, DiskRequest, Ticket};
use crate::mailbox::keys;
use crate::mailbox::message::{Answer, Call, Request, Signed};

use super::callers::{self, Found};
use super::{Service, Then, context};

/// What the disk has to tell before a request can be checked.
pub(super) fn wanted(request: &Request, found: Option<&Found>) -> Option<DiskRequest> {
    let Request::Signed(signed) = request else { return None };
    match (&signed.call, found) {
        (Call::SecureRead { blob_id, .. }, _) => Some(Blob { blob_id: *blob_id }.into()),
        (Call::Secure { .. }, Some(Found::Sender { queue, .. })) if *queue == signed.queue => None,
        (Call::Deposit { .. }, Some(Found::Sender { queue, sender: Some(_), .. }))
            if *queue == signed.queue =>
        {
            None
        }
        (Call::Secure { .. } | Call::Deposit { .. }, _) => {
            Some(BySender { sender_queue: signed.queue }.into())
        }
        (_, Some(Found::Receiver { queue, .. })) if *queue == signed.queue => None,
        _ => Some(ByReceiver { receiver_queue: signed.queue }.into()),
    }
}

impl Service {
    /// The disk told about the queue or blob of a circuit's first request.
    pub(super) fn looked_up(
        &mut self,
        now: Timestamp,
        circuit: RelayCircuit,
        ticket: Ticket,
        reply: DiskReply,
    ) {
        let asked = |caller: &&mut callers::Caller| caller.waits_for == Some(ticket);
        let Some(caller) = self.callers.of(circuit).filter(asked) else { return };
        caller.waits_for = None;
        caller.found = None;
        let Some(callers::Waiting { stream, id, request: Request::Signed(signed) }) =
            caller.waiting.pop_front()
        else {
            return;
        };
        let to = StreamRef { circuit, stream };
        let found = match reply {
            DiskReply::Blob(Ok(Some(row))) => return self.secure_read((to, id), &signed, row),
            DiskReply::ByReceiver(Ok(Some(row))) => Found::Receiver {
                queue: signed.queue,
                receiver_key: row.receiver_key,
                sender_queue: row.sender_queue,
            },
            DiskReply::BySender(Ok(Some(row))) => {
                let with_mac_key = |key| Some((key, self.secret.sender_mac_key(&signed.queue, &key)?));
                let sender = row.sender_key.and_then(with_mac_key);
                Found::Sender { queue: signed.queue, receiver_queue: row.receiver_queue, sender }
            }
            DiskReply::ByReceiver(Ok(None)) | DiskReply::BySender(Ok(None)) => {
                return self.answer(to, id, Answer::NoQueue);
            }
            DiskReply::Blob(Ok(None)) => return self.answer(to, id, Answer::NoBlob),
            _ => return self.answer(to, id, Answer::Throttled),
        };
        caller.found = Some(found.clone());
        self.signed(now, (to, id), signed, found);
    }

    /// The reader of an invite's blob proves that it holds the invite; the blob is bound to the first sender key that it names.
    fn secure_read(&mut self, (to, id): (StreamRef, u32), signed: &Signed, row: BlobRow) {
        let Some(caller) = self.callers.of(to.circuit) else { return };
        let Call::SecureRead { blob_id, sender_key } = signed.call else { return };
        let context = context(self.relay, caller.binding, signed);
        let named = blob_id.starts_with(&signed.queue);
        let gave =
            named && keys::mac_holder_gave(&row.read_key, &context, &signed.call, &signed.authenticator);
        if !gave || !caller.count(signed.counter) || row.bound_to.is_some_and(|bound| bound != sender_key) {
            return self.answer(to, id, Answer::NotAuthorised);
        }
        let then = Then::BindBlob { receiver_queue: row.receiver_queue, sender_key, blob: row.blob };
        self.go_on((to, id), BindBlob { blob_id, sender_key }.into(), then);
    }
}
