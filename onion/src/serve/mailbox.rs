//! One open circuit to one relay's mailbox service, as its caller holds it.

use std::rc::Rc;

use ipc_schema::edge::stored_onion::{Create, Give, Mailbox, Refused};
use ipc_schema::edge::{Served, stream};
use ipc_schema::edges::stored_onion_capnp::envelope_sink;
use tokio::task::spawn_local;

use crate::callers::Asked;
use crate::core::{Ask, AskError, Brings, Opened, Pushed};
use crate::id::{CircuitHandle, RelayId};
use crate::mailbox::client::Outcome;
use crate::mailbox::message::{Authenticator, Call, Signed};
use crate::mailbox::proof_of_work::{Search, Subject};
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

impl From<AskError> for capnp::Error {
    fn from(error: AskError) -> Self {
        match error {
            AskError::CircuitGone => Self::disconnected("the circuit is gone".into()),
            AskError::NotSent(_) => Self::failed("malformed argument".into()),
        }
    }
}

impl MailboxServer {
    pub(super) fn new(shell: Rc<Shell>, relay: RelayId, opened: &Opened) -> Self {
        Self { shell, relay, circuit: opened.circuit, binding: opened.binding }
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

impl Mailbox for MailboxServer {
    async fn create(self: Rc<Self>, call: Create) -> Served<Create> {
        let mut work = 0;
        for _ in 0..WORK_ROUNDS_MAX {
            let ask = Ask::Create { receiver_key: call.receiver_key, work };
            let outcome = self.shell.ask(self.circuit, ask).outcome().await?;
            let more = match &outcome {
                Outcome::MoreWork(bits) => self.prove(&call.receiver_key, *bits).await,
                _ => None,
            };
            match more {
                Some(nonce) => work = nonce,
                None => return Ok(outcome.created()),
            }
        }
        Ok(Err(Refused::Policy))
    }

    async fn command(self: Rc<Self>, give: Give) -> Served<Give> {
        let (queue, call, sink) = Call::of(give.command);
        let authenticator = Authenticator::parse(&give.auth)
            .map_err(|_| capnp::Error::failed("malformed argument".into()))?;
        let signed = Signed { queue, counter: give.counter, authenticator, call };
        let ask = Ask::Give(signed);
        let brings = ask.brings();
        let mut asked = self.shell.ask(self.circuit, ask);
        if let (Brings::ChunksBeforeItsAnswer, Some(sink)) = (brings, &sink) {
            hand_on(&self.shell, &mut asked, sink).await;
        }
        let done = asked.outcome().await?.done();
        if let (Ok(_), Some(sink)) = (&done, sink) {
            let shell = self.shell.clone();
            spawn_local(async move { hand_on(&shell, &mut asked, &sink).await });
        }
        Ok(done)
    }
}

/// Hands on what a command brings, in order, as fast as the caller takes it, until nothing more comes.
async fn hand_on(shell: &Shell, asked: &mut Asked, sink: &envelope_sink::Client) {
    while let Some(pushed) = shell.next_pushed(asked).await {
        let taken = match pushed {
            Pushed::Envelope(envelope) => {
                let mut request = sink.waiting_request();
                envelope.write(request.get().init_message());
                request.send().await.is_ok()
            }
            Pushed::Chunk(chunk) => stream(sink, &chunk).await.is_ok(),
        };
        if !taken {
            break;
        }
    }
    shell.caught_up(asked);
}
