//! The relay's half: checks who may do what, asks the disk, answers, and pushes what was put as soon as it is durable.
//!
//! It does no I/O: it takes messages of streams and replies of the disk, and gives [`Output`]s. A circuit's commands are checked in the
//! order in which they came, for their counters rise; once checked they go on side by side.
//!
//! `desk` is what all steps share; a request goes through `check`, the disk and `finish`, and what was put through `push`.

mod budget;
mod callers;
mod check;
mod desk;
mod finish;
mod push;
mod rates;
mod subscribers;
#[cfg(test)]
mod tests;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use self::callers::WAITING_MAX;
pub use self::desk::Output;
use self::desk::{Desk, Purpose};
use super::disk::{DiskReply, Ticket};
use super::keys::MailboxSecret;
use super::message::Request;
use super::proof_of_work;
use crate::event::{ServiceMessage, StreamRef};
use crate::id::RelayId;

/// The mailbox service of one relay.
#[derive(Debug)]
pub struct Service {
    desk: Desk,
}

impl Service {
    /// The service of that relay. `private`: of a private network, where work is light.
    #[must_use]
    pub fn new(relay: RelayId, mailbox_secret: &[u8; 32], private: bool) -> Self {
        let bits = if private { proof_of_work::BITS_PRIVATE } else { proof_of_work::BITS_PUBLIC };
        Self { desk: Desk::new(relay, MailboxSecret::new(*mailbox_secret), bits) }
    }

    /// A stranger's message.
    pub fn message(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        message: &ServiceMessage,
    ) -> Vec<Output> {
        let desk = &mut self.desk;
        let Ok((id, request)) = Request::parse(&message.message) else {
            desk.expel(message.from);
            return desk.take();
        };
        let share = desk.budget.share(message.message.len());
        let caller = desk.callers.open(message.from, message.binding);
        caller.waiting.push_back(callers::Waiting { stream: message.from.stream, id, request, share });
        if caller.load() > WAITING_MAX {
            desk.expel(message.from);
            return desk.take();
        }
        check::advance(desk, now, rng, message.from.circuit);
        desk.balance(message.from);
        desk.relieve();
        desk.take()
    }

    /// What the disk answered.
    pub fn disk(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        ticket: Ticket,
        reply: DiskReply,
    ) -> Vec<Output> {
        let desk = &mut self.desk;
        match desk.purpose(ticket) {
            None => {}
            Some(Purpose::LookUp(circuit)) => {
                check::looked_up(desk, now, circuit, ticket, reply);
                check::advance(desk, now, rng, circuit);
                if let Some(stream) = desk
                    .callers
                    .of(circuit)
                    .and_then(|caller| caller.waiting.front())
                    .map(|first| first.stream)
                {
                    desk.balance(StreamRef { circuit, stream });
                }
            }
            Some(Purpose::Finish { asker, then, weight, share }) => {
                let to = asker.to;
                if let Some(caller) = desk.callers.of(to.circuit) {
                    caller.in_flight = caller.in_flight.saturating_sub(weight);
                }
                drop(share);
                finish::finish(desk, asker, then, reply);
                if let Some(caller) =
                    desk.callers.of(to.circuit).filter(|caller| caller.waits_for == Some(ticket))
                {
                    caller.waits_for = None;
                }
                check::advance(desk, now, rng, to.circuit);
                desk.balance(to);
            }
            Some(Purpose::Push { name, to }) => push::was_read(desk, name, to, reply),
            Some(Purpose::Sender { name, to }) => push::sender_known(desk, name, to, &reply),
        }
        desk.relieve();
        desk.take()
    }

    /// A stream did not take a reply. Tell it for each, in order.
    pub fn refused(&mut self, to: StreamRef, message: Vec<u8>) -> Vec<Output> {
        let desk = &mut self.desk;
        desk.keep(to, message);
        desk.balance(to);
        desk.relieve();
        desk.take()
    }

    /// A stream takes replies again.
    pub fn drained(&mut self, now: Timestamp, rng: &mut impl CryptoRng, stream: StreamRef) -> Vec<Output> {
        let desk = &mut self.desk;
        if let Some(caller) = desk.callers.of(stream.circuit) {
            let unsent = caller.drained(stream.stream);
            unsent.for_each(|message| desk.say(Output::Reply(stream, message)));
        }
        check::advance(desk, now, rng, stream.circuit);
        for name in desk.subscribers.on(stream) {
            push::pump(desk, name);
        }
        desk.balance(stream);
        desk.take()
    }

    /// A stream is gone, with or without its circuit.
    pub fn ended(&mut self, stream: StreamRef) {
        self.desk.ended(stream);
    }

    /// The disk is there again after it answered [`DiskReply::Lost`]. Streams went on meanwhile; subscriptions read on, for what was put
    /// may lie there although the disk never said so.
    pub fn disk_is_back(&mut self) -> Vec<Output> {
        let desk = &mut self.desk;
        for name in desk.subscribers.names() {
            push::read_on(desk, name);
        }
        desk.take()
    }
}
