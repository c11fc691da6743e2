//! The conversation engine: decides delivery. No sockets, no clock: [`Engine::handle`] takes what happened and says what to do.
//!
//! All inputs of one call are one transaction of the store, and its actions are given out only once that is durable. What is
//! in memory beside the store is what is under way; it can be thrown away at any time, for every effect is repeated by an id
//! that stands in the store (docs/architecture.md, "Crash rules"). A failing disk does just that: [`Engine::suspend`].

mod accepts;
mod calls;
mod circuits;
mod clock;
mod contacts;
mod conversations;
mod event;
mod inbox;
mod outbox;
mod queues;
mod repair;
mod requests;
mod timers;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{Ask, Purpose, Told as VaultTold};
use rand_core::CryptoRng;

pub use calls::{
    Action, Answer, Arrived, CircuitId, Input, MailboxAnswer, MailboxCall, Network, OpenedCircuit, RequestId,
    Ticket,
};
pub use requests::{Accepting, ContactAction, Counts, PAGE, Page, Query, Reply, Request, Told, settled};

use self::accepts::Accepts;
use self::circuits::Circuits;
use self::contacts::Found;
use self::conversations::Text;
use self::event::{
    AcceptEvent, Came, CircuitEvent, ContactEvent, Event, InboxEvent, Order, OutboxEvent, QueueEvent,
    RepairEvent, Timer, User,
};
use self::inbox::Inbox;
use self::outbox::{NotSealed, Pacing};
use self::queues::Queues;
use self::repair::Repair;
use self::turn::Turn;
use crate::error::{Refusal, StoreError};
use crate::ids::{ContactId, DepositId, Isolation, OutboxId, OutgoingId, PeerQueueId, RelayId};
use crate::store::{Delivery, Store};

/// How long nothing is tried after the disk failed.
const SUSPENDED: Duration = Duration::from_secs(3);

/// What a call under way is for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Pending {
    Seal(OutgoingId, OutboxId),
    Forget(Vec<OutboxId>),
}

/// What a command to a mailbox is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Secure(PeerQueueId),
    Deposit(PeerQueueId, DepositId, CircuitId),
}

/// What is under way and must not be begun twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Busy {
    Secure(PeerQueueId),
    Deposit(DepositId),
}

/// The engine. One per unlocked profile.
pub struct Engine {
    turn: Turn,
    circuits: Circuits,
    queues: Queues,
    inbox: Inbox,
    accepts: Accepts,
    repair: Repair,
    memory: Memory,
    suspended_until: Option<Timestamp>,
}

/// What is under way: lost with the process, and made anew from the store.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) pending: BTreeMap<Ticket, Pending>,
    pub(crate) busy: BTreeSet<Busy>,
    /// What keyvault seals now, and for whom.
    pub(crate) sealing: BTreeMap<OutgoingId, ContactId>,
    /// Sealed and not known to be forgotten by keyvault.
    pub(crate) unforgotten: BTreeMap<OutboxId, OutgoingId>,
    pub(crate) forget_outbox: Vec<OutboxId>,
    pub(crate) forget_opened: Vec<[u8; 32]>,
    pub(crate) pacing: BTreeMap<PeerQueueId, Pacing>,
    /// Contacts to look at when the batch is over.
    pub(crate) pump: BTreeSet<ContactId>,
    /// The store has not been told yet.
    pub(crate) clock_set_back: bool,
}

impl std::ops::Deref for Engine {
    type Target = Turn;

    fn deref(&self) -> &Turn {
        &self.turn
    }
}

impl std::ops::DerefMut for Engine {
    fn deref_mut(&mut self) -> &mut Turn {
        &mut self.turn
    }
}

impl Engine {
    /// An engine on an open store. Nothing is done before [`Engine::start`].
    #[must_use]
    pub fn new(store: Store, rng: Box<dyn CryptoRng>) -> Self {
        Self {
            turn: Turn::new(store, rng),
            circuits: Circuits::default(),
            queues: Queues::default(),
            inbox: Inbox::default(),
            accepts: Accepts::default(),
            repair: Repair::default(),
            memory: Memory::default(),
            suspended_until: None,
        }
    }

    /// Takes up everything that the store says is unfinished. keyvault and onion may be called from now on.
    pub fn start(&mut self, now: Timestamp) -> Vec<Action> {
        self.now = now;
        self.transaction(Self::resume).unwrap_or_else(|_| self.suspend())
    }

    /// Handles what happened, as one transaction, and says what to do. Questions are answered from what is durable.
    pub fn handle(&mut self, now: Timestamp, inputs: Vec<Input>) -> Vec<Action> {
        self.set_now(now);
        let (queries, inputs): (Vec<_>, Vec<_>) =
            inputs.into_iter().partition(|input| matches!(input, Input::Query(..)));
        let mut actions = if inputs.is_empty() { Vec::new() } else { self.apply(inputs) };
        for query in queries {
            if let Input::Query(request, query) = query {
                let answer = self.query(*query).unwrap_or(Err(Refusal::Storage));
                actions.push(Action::Answer(request, answer));
            }
        }
        actions
    }

    /// When [`Input::Tick`] is wanted.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.suspended_until.or_else(|| self.turn.next_wake())
    }

    fn apply(&mut self, inputs: Vec<Input>) -> Vec<Action> {
        if let Some(until) = self.suspended_until {
            return self.apply_suspended(until, inputs);
        }
        let requests: Vec<RequestId> = inputs.iter().filter_map(request_of).collect();
        let work = |engine: &mut Self| {
            if engine.memory.clock_set_back {
                engine.after_set_back()?;
            }
            inputs.into_iter().try_for_each(|input| {
                engine.input(input)?;
                engine.grant_wishes()
            })
        };
        match self.transaction(work) {
            Ok(actions) => actions,
            Err(_) => {
                let mut actions = self.suspend();
                actions.extend(
                    requests.into_iter().map(|request| Action::Answer(request, Err(Refusal::Storage))),
                );
                actions
            }
        }
    }

    /// The disk failed a moment ago: nothing is begun, and what onion tells is remembered.
    fn apply_suspended(&mut self, until: Timestamp, inputs: Vec<Input>) -> Vec<Action> {
        let mut actions = Vec::new();
        for input in inputs {
            match input {
                Input::OnionCame => self.circuits.note_onion(true),
                Input::OnionGone => self.circuits.note_onion(false),
                Input::Network(network) => self.circuits.note_network(network),
                other => {
                    actions.extend(request_of(&other).map(|id| Action::Answer(id, Err(Refusal::Storage))))
                }
            }
        }
        if self.now >= until {
            self.suspended_until = None;
            actions.extend(self.transaction(Self::resume).unwrap_or_else(|_| self.suspend()));
        }
        actions
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<Vec<Action>, StoreError> {
        self.store.begin()?;
        let done = work(self).and_then(|()| self.grant_wishes()).and_then(|()| self.end_of_batch());
        if let Err(error) = done {
            self.store.rollback();
            return Err(error);
        }
        self.store.commit()?;
        Ok(self.turn.finish())
    }

    /// The disk is full or failing: forgets all that is under way, lets go of every circuit, and takes it up again later.
    fn suspend(&mut self) -> Vec<Action> {
        self.turn.forget();
        self.memory = Memory::default();
        let accepts = std::mem::take(&mut self.accepts);
        self.queues = Queues::default();
        self.inbox = Inbox::default();
        self.repair = Repair::default();
        self.suspended_until = Some(self.now.after(SUSPENDED));
        let waiting = accepts.waiting().map(|request| Action::Answer(request, Err(Refusal::Storage)));
        self.circuits.forget().chain(waiting).collect()
    }

    fn resume(&mut self) -> Result<(), StoreError> {
        self.after_set_back()?;
        self.store.prune_events()?;
        self.run(InboxEvent::Resume)?;
        self.resume_outbox()?;
        self.run(RepairEvent::Resume)?;
        self.run(QueueEvent::Resume)?;
        self.run(AcceptEvent::Resume)?;
        self.after(timers::HOUSEKEEPING, Timer::Housekeeping);
        Ok(())
    }

    fn input(&mut self, input: Input) -> Result<(), StoreError> {
        match input {
            Input::Request(id, request) => self.request(id, *request),
            Input::Query(..) => Ok(()),
            Input::Vault(ticket, answer) => self.vault_answered(ticket, *answer),
            Input::Opened(id, opened) => self.run(CircuitEvent::Opened(id, opened)),
            Input::Closed(id) => self.run(CircuitEvent::Closed(id)),
            Input::Mailbox(ticket, answer) => self.run(CircuitEvent::Answered(ticket, *answer)),
            Input::Picked(ticket, relay) => self.run(QueueEvent::Picked(ticket, relay)),
            Input::Arrived(arrived) => self.run(InboxEvent::Arrived(arrived)),
            Input::Network(network) => self.run(CircuitEvent::Network(network)),
            Input::OnionCame => self.run(CircuitEvent::OnionCame),
            Input::OnionGone => self.run(CircuitEvent::OnionGone),
            Input::Tick => self.tick(),
        }
    }

    /// Tells a flow something, and then whomever it wishes to be told.
    fn run(&mut self, event: impl Into<Event>) -> Result<(), StoreError> {
        self.handle_event(event.into())?;
        self.grant_wishes()
    }

    /// Depth first: as if each flow had called the others at its end.
    fn grant_wishes(&mut self) -> Result<(), StoreError> {
        let mut events: Vec<Event> = self.turn.take_wishes().into_iter().rev().collect();
        while let Some(event) = events.pop() {
            self.handle_event(event)?;
            events.extend(self.turn.take_wishes().into_iter().rev());
        }
        Ok(())
    }

    fn handle_event(&mut self, event: Event) -> Result<(), StoreError> {
        match event {
            Event::Circuits(event) => self.circuits.handle(&mut self.turn, event),
            Event::Queues(event) => self.queues.handle(&mut self.turn, &mut self.circuits, event),
            Event::Accepts(event) => self.accepts.handle(&mut self.turn, &mut self.circuits, event),
            Event::Outbox(OutboxEvent::Pump(contact)) => {
                self.memory.pump.insert(contact);
                Ok(())
            }
            Event::Outbox(OutboxEvent::Keep(id, envelopes)) => self.keep(id, envelopes),
            Event::Outbox(OutboxEvent::SealAllAgain(contact)) => self.seal_all_again(contact),
            Event::Outbox(OutboxEvent::Repair(contact, session)) => self.seal_repair(contact, session),
            Event::Outbox(OutboxEvent::Acked(contact, acks)) => self.acked_by_peer(contact, &acks),
            Event::Outbox(OutboxEvent::Missing(contact, gaps)) => self.missing_at_peer(contact, &gaps),
            Event::Outbox(OutboxEvent::Committed(inner)) => {
                self.memory.forget_opened.push(inner);
                Ok(())
            }
            Event::Outbox(OutboxEvent::LookAt(id)) => self.advance_peer_queue(id),
            Event::Outbox(OutboxEvent::Unreachable(id)) => self.peer_queue_unreachable(id),
            Event::Contacts(event) => contacts::handle(&mut self.turn, event),
            Event::Inbox(event) => self.inbox.handle(&mut self.turn, &mut self.circuits, event),
            Event::Repair(event) => self.repair.handle(&mut self.turn, event),
            Event::Task(task, came) => self.task_ended(task, came),
        }
    }

    /// What is better done once for all inputs of a batch.
    fn end_of_batch(&mut self) -> Result<(), StoreError> {
        self.run(InboxEvent::Open)?;
        while let Some(contact) = self.memory.pump.pop_first() {
            self.pump_outbox(contact)?;
        }
        self.grant_wishes()?;
        self.run(InboxEvent::Acknowledge)?;
        self.flush_forget();
        Ok(())
    }

    fn vault_answered(&mut self, ticket: Ticket, told: VaultTold) -> Result<(), StoreError> {
        if self.turn.waits_for(ticket) {
            return match self.turn.told(ticket, told) {
                Some(event) => self.run(event),
                None => Ok(()),
            };
        }
        let Some(pending) = self.memory.pending.remove(&ticket) else { return Ok(()) };
        match (pending, told) {
            (Pending::Seal(id, outbox), VaultTold::SealEnvelope(sealed)) => {
                self.sealed(id, outbox, sealed.map_err(NotSealed::from))
            }
            (Pending::Seal(id, outbox), VaultTold::RepairSession(sealed)) => {
                self.sealed(id, outbox, sealed.map_err(NotSealed::from))
            }
            (Pending::Forget(outboxes), VaultTold::Forget(Ok(()))) => self.forgotten(&outboxes),
            (pending, _) => self.vault_failed(pending),
        }
    }

    /// keyvault cannot serve the call now: as where the fault is its own.
    fn vault_failed(&mut self, pending: Pending) -> Result<(), StoreError> {
        match pending {
            Pending::Seal(id, outbox) => self.sealed(id, outbox, Err(NotSealed::Now)),
            // After a start keyvault is told again to forget.
            Pending::Forget(_) => Ok(()),
        }
    }

    fn task_ended(&mut self, task: Task, came: Came) -> Result<(), StoreError> {
        self.memory.busy.remove(&task.busy());
        // Whatever it was for is begun again when it is next looked at.
        let Came::Answered(answer) = came else { return Ok(()) };
        match task {
            Task::Secure(id) => self.secured(id, &answer),
            Task::Deposit(queue, id, circuit) => self.deposited(circuit, queue, id, &answer),
        }
    }

    // ---- ui

    fn request(&mut self, request: RequestId, what: Request) -> Result<(), StoreError> {
        let answer = match what {
            Request::Invite { name } => return self.run(QueueEvent::Invite(request, name)),
            Request::CancelInvite { id } => return self.run(QueueEvent::CancelInvite(request, id)),
            Request::Accept { link, name } => return self.run(AcceptEvent::Begin { request, link, name }),
            Request::Change { who, action } => {
                return self.run(ContactEvent::Change { request, who, action });
            }
            Request::SetProfileName(name) => return self.run(ContactEvent::SetProfileName(request, name)),
            Request::SafetyNumber { who } => return self.run(ContactEvent::SafetyNumber(request, who)),
            Request::CompareCode { who, code } => {
                return self.run(ContactEvent::CompareCode { request, who, code });
            }
            Request::MarkRead { who, up_to } => conversations::mark_read(&mut self.turn, &who, &up_to)?,
            Request::Send { who, id, text, reply_to } => {
                conversations::send(&mut self.turn, Text { who, id, body: text, reply_to })?
            }
        };
        self.turn.answer(request, answer);
        Ok(())
    }

    fn query(&self, query: Query) -> Result<Found<Reply>, StoreError> {
        let store = &self.turn.store;
        Ok(Ok(match query {
            Query::ProfileName => Reply::Text(contacts::profile_name(store)?),
            Query::Counts => Reply::Counts(self.counts()?),
            Query::Invites => Reply::Invites(store.invites()?),
            Query::InviteOf(contact) => {
                let invite = store.invite_of(contact)?.ok_or(Refusal::NoSuchInvite);
                return Ok(invite.map(|invite| Reply::Invite(Box::new(invite))));
            }
            Query::Accepting { contact } => return self.accepts.progress(store, contact),
            Query::Contacts => Reply::Contacts(store.contacts()?),
            Query::Message { id } => return conversations::message(store, &id),
            Query::Messages { who, limit, before } => {
                return conversations::first_page(store, &who, limit, &before);
            }
            Query::Page { contact, from, end } => conversations::page(store, contact, from, end)?,
            Query::Events { since } => conversations::told_after(store, since)?,
            Query::NewestEvent => Reply::Newest(store.newest_event()?),
        }))
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        let store = &self.turn.store;
        Ok(Counts {
            outbox: store.count_in_state(Delivery::Queued)?,
            at_relay: store.count_in_state(Delivery::Relayed)?,
            mailboxes: store.live_replicas()?,
            full: store.full_queues()?,
            unread: store.unread()?,
            proof_at: self.inbox.proof_at(),
            stage: self.circuits.network().stage,
        })
    }

    // ---- what every flow uses

    fn call_vault(&mut self, pending: Pending, call: impl Into<Ask>) {
        let ticket = Ticket(self.turn.number());
        self.memory.pending.insert(ticket, pending);
        self.turn.act(Action::Vault(ticket, Box::new(call.into())));
    }

    fn circuit(&mut self, relay: RelayId, isolation: Isolation, user: User) -> Option<CircuitId> {
        self.circuits.to(&mut self.turn, relay, isolation, user)
    }

    fn leave_circuit(&mut self, user: User) {
        self.circuits.leave(&mut self.turn, user);
    }

    fn command(&mut self, id: CircuitId, task: Task, purpose: Option<Purpose>, call: MailboxCall) {
        self.circuits
            .command(&mut self.turn, id, Order { call, purpose }, move |came| Event::Task(task, came));
    }

    /// Takes the right to begin something; false when it is under way already.
    pub(crate) fn begin(&mut self, busy: Busy) -> bool {
        self.memory.busy.insert(busy)
    }
}

impl Task {
    pub(crate) fn busy(&self) -> Busy {
        match self {
            Self::Secure(id) => Busy::Secure(*id),
            Self::Deposit(_, id, _) => Busy::Deposit(*id),
        }
    }
}

fn request_of(input: &Input) -> Option<RequestId> {
    match input {
        Input::Request(id, _) => Some(*id),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
