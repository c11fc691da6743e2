//! One open circuit to one relay's mailbox service, as its caller holds it. A method a command.

use std::rc::Rc;

use ipc_schema::edges::stored_onion_capnp::{self as edge, create_result, envelope_sink, mailbox, waiting};
use ipc_schema::limits::{BLOB_MAX_BYTES, ENVELOPE_BYTES, IDS_PER_CALL_MAX};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::carrier::fixed;
use crate::carry::Asked;
use crate::core::Opened;
use crate::error::CallError;
use crate::id::{CircuitHandle, RelayId};
use crate::mailbox::client::Outcome;
use crate::mailbox::message::{Answer, Authenticator, Call, QueueId, Signed, Waiting};
use crate::mailbox::work::{Search, Subject};
use crate::shell::Shell;

/// Nonces that are tried before other work gets its turn: some milliseconds.
const TRIES_PER_TURN: u32 = 4_096;
/// A relay that keeps asking for more work is not paid for ever.
const WORK_ROUNDS_MAX: u32 = 4;

/// The capability. Dropping it lets go of the circuit.
pub(super) struct MailboxServer {
    shell: Rc<Shell>,
    relay: RelayId,
    circuit: CircuitHandle,
    binding: [u8; 32],
}

impl Drop for MailboxServer {
    fn drop(&mut self) {
        self.shell.release(self.circuit);
    }
}

impl From<CallError> for capnp::Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::CircuitGone => Self::disconnected("the circuit is gone".into()),
            CallError::NotSent(_) => Self::failed("malformed argument".into()),
        }
    }
}

impl MailboxServer {
    pub(super) fn new(shell: Rc<Shell>, relay: RelayId, opened: &Opened) -> Self {
        Self { shell, relay, circuit: opened.circuit, binding: opened.binding }
    }

    /// Gives a command and waits for its outcome.
    async fn command(&self, fields: Fields<'_>, call: Call) -> Result<Outcome, capnp::Error> {
        self.ask(fields, call)?.outcome.await.map_err(|_| CallError::CircuitGone.into())
    }

    fn ask(&self, fields: Fields<'_>, call: Call) -> Result<Asked, capnp::Error> {
        let (queue, counter, auth) = fields;
        let authenticator =
            Authenticator::parse(auth).map_err(|_| capnp::Error::failed("malformed argument".into()))?;
        let signed = Signed { queue, counter, authenticator, call };
        Ok(self.shell.ask_command(self.circuit, signed)?)
    }

    /// Gives a command whose outcome is an answer.
    async fn plain(&self, fields: Fields<'_>, call: Call) -> Result<edge::Answer, capnp::Error> {
        Ok(plain(&self.command(fields, call).await?))
    }

    async fn prove(&self, receiver_key: &[u8; 32], bits: u8) -> Option<u64> {
        let mut search = Search::new(Subject::new(self.relay, &self.binding, receiver_key), bits)?;
        loop {
            if let Some(nonce) = search.step(TRIES_PER_TURN) {
                return Some(nonce);
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Queue, counter, authenticator.
type Fields<'a> = (QueueId, u64, &'a [u8]);

fn plain(outcome: &Outcome) -> edge::Answer {
    match outcome {
        Outcome::Answer(answer) => on_edge(*answer),
        Outcome::Envelopes(_) | Outcome::Blob(_) | Outcome::Created(_) => edge::Answer::Ok,
        Outcome::MoreWork(_) => edge::Answer::Refused,
    }
}

fn on_edge(answer: Answer) -> edge::Answer {
    match answer {
        Answer::Ok => edge::Answer::Ok,
        Answer::Full => edge::Answer::Full,
        Answer::Throttled => edge::Answer::Throttled,
        Answer::NoQueue => edge::Answer::NoQueue,
        Answer::NotAuthorised => edge::Answer::NotAuthorised,
        Answer::NoBlob => edge::Answer::NoBlob,
        Answer::Refused => edge::Answer::Refused,
        Answer::DiskFull => edge::Answer::DiskFull,
    }
}

/// Bytes of a bounded argument.
fn bounded(bytes: &[u8], max: usize) -> Result<Vec<u8>, capnp::Error> {
    if bytes.len() > max {
        return Err(capnp::Error::failed("malformed argument".into()));
    }
    Ok(bytes.to_vec())
}

fn write_waiting(mut out: waiting::Builder<'_>, envelope: &Waiting) {
    out.set_id(&envelope.id);
    out.set_envelope(&envelope.envelope);
    out.set_sender_key(&envelope.sender_key);
}

/// Hands on what a subscription brings, in order, as fast as the caller takes it.
async fn hand_on(mut pushes: mpsc::Receiver<Waiting>, sink: envelope_sink::Client) {
    while let Some(envelope) = pushes.recv().await {
        let mut request = sink.waiting_request();
        write_waiting(request.get().init_message(), &envelope);
        if request.send().await.is_err() {
            return;
        }
    }
}

impl mailbox::Server for MailboxServer {
    async fn create(
        self: Rc<Self>,
        params: mailbox::CreateParams,
        mut results: mailbox::CreateResults,
    ) -> Result<(), capnp::Error> {
        let receiver_key = fixed(params.get()?.get_receiver_key()?)?;
        let mut work = 0;
        for _ in 0..WORK_ROUNDS_MAX {
            let asked = self.shell.ask_create(self.circuit, receiver_key, work)?;
            let outcome = asked.outcome.await.map_err(|_| CallError::CircuitGone)?;
            let more = match &outcome {
                Outcome::MoreWork(bits) => self.prove(&receiver_key, *bits).await,
                _ => None,
            };
            match more {
                Some(nonce) => work = nonce,
                None => {
                    write_created(results.get().init_result(), &outcome);
                    return Ok(());
                }
            }
        }
        results.get().init_result().set_refused(edge::Answer::Refused);
        Ok(())
    }

    async fn secure(
        self: Rc<Self>,
        params: mailbox::SecureParams,
        mut results: mailbox::SecureResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let call = Call::Secure { sender_key: fixed(p.get_sender_key()?)? };
        let fields = (fixed(p.get_sender_queue()?)?, p.get_counter(), p.get_auth()?);
        results.get().set_answer(self.plain(fields, call).await?);
        Ok(())
    }

    async fn deposit(
        self: Rc<Self>,
        params: mailbox::DepositParams,
        mut results: mailbox::DepositResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let envelope = bounded(p.get_envelope()?, ENVELOPE_BYTES)?;
        let call = Call::Deposit { put_id: fixed(p.get_put_id()?)?, envelope };
        let fields = (fixed(p.get_sender_queue()?)?, p.get_counter(), p.get_auth()?);
        results.get().set_answer(self.plain(fields, call).await?);
        Ok(())
    }

    async fn subscribe(
        self: Rc<Self>,
        params: mailbox::SubscribeParams,
        mut results: mailbox::SubscribeResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let sink = p.get_sink()?;
        let asked =
            self.ask((fixed(p.get_receiver_queue()?)?, p.get_counter(), p.get_auth()?), Call::Subscribe)?;
        let outcome = asked.outcome.await.map_err(|_| CallError::CircuitGone)?;
        let answer = plain(&outcome);
        if answer == edge::Answer::Ok {
            spawn_local(hand_on(asked.pushes, sink));
        }
        results.get().set_answer(answer);
        Ok(())
    }

    async fn acknowledge(
        self: Rc<Self>,
        params: mailbox::AcknowledgeParams,
        mut results: mailbox::AcknowledgeResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let ids = p.get_messages()?;
        if usize::try_from(ids.len()).unwrap_or(usize::MAX) > IDS_PER_CALL_MAX {
            return Err(capnp::Error::failed("malformed argument".into()));
        }
        let messages = ids.iter().map(|id| fixed(id?)).collect::<Result<_, _>>()?;
        let fields = (fixed(p.get_receiver_queue()?)?, p.get_counter(), p.get_auth()?);
        results.get().set_answer(self.plain(fields, Call::Acknowledge { messages }).await?);
        Ok(())
    }

    async fn delete(
        self: Rc<Self>,
        params: mailbox::DeleteParams,
        mut results: mailbox::DeleteResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let fields = (fixed(p.get_receiver_queue()?)?, p.get_counter(), p.get_auth()?);
        results.get().set_answer(self.plain(fields, Call::Delete).await?);
        Ok(())
    }

    async fn leave_blob(
        self: Rc<Self>,
        params: mailbox::LeaveBlobParams,
        mut results: mailbox::LeaveBlobResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let (blob_id, read_key) = (fixed(p.get_blob_id()?)?, fixed(p.get_read_key()?)?);
        let call = Call::LeaveBlob { blob_id, read_key, blob: bounded(p.get_blob()?, BLOB_MAX_BYTES)? };
        let fields = (fixed(p.get_receiver_queue()?)?, p.get_counter(), p.get_auth()?);
        results.get().set_answer(self.plain(fields, call).await?);
        Ok(())
    }

    async fn secure_read(
        self: Rc<Self>,
        params: mailbox::SecureReadParams,
        mut results: mailbox::SecureReadResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let blob_id: [u8; 32] = fixed(p.get_blob_id()?)?;
        let queue =
            *blob_id.first_chunk().ok_or_else(|| capnp::Error::failed("malformed argument".into()))?;
        let call = Call::SecureRead { blob_id, sender_key: fixed(p.get_sender_key()?)? };
        let outcome = self.command((queue, p.get_counter(), p.get_auth()?), call).await?;
        let mut out = results.get();
        out.set_answer(plain(&outcome));
        if let Outcome::Blob(blob) = &outcome {
            out.set_blob(blob);
        }
        Ok(())
    }

    async fn drop_blob(
        self: Rc<Self>,
        params: mailbox::DropBlobParams,
        mut results: mailbox::DropBlobResults,
    ) -> Result<(), capnp::Error> {
        let p = params.get()?;
        let call = Call::DropBlob { blob_id: fixed(p.get_blob_id()?)? };
        let fields = (fixed(p.get_receiver_queue()?)?, p.get_counter(), p.get_auth()?);
        results.get().set_answer(self.plain(fields, call).await?);
        Ok(())
    }
}

fn write_created(mut out: create_result::Builder<'_>, outcome: &Outcome) {
    match outcome {
        Outcome::Created(created) => {
            let mut out = out.init_created();
            out.set_receiver_queue(&created.receiver_queue);
            out.set_sender_queue(&created.sender_queue);
            out.set_relay_key(&created.relay_key);
        }
        other => out.set_refused(plain(other)),
    }
}
