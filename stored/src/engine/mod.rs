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
mod inbox;
mod outbox;
mod queues;
mod repair;
mod requests;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{
    AcceptInviteError, Ask, Fault, InviteFailed, OpenError, OpenInviteError, SafetyNumber, SessionError,
    SetVerifiedError, SignError, Told as VaultTold,
};
use rand_core::CryptoRng;

pub use calls::{
    Action, Answer, Arrived, CircuitId, Input, MailboxAnswer, MailboxCall, Network, OpenedCircuit, RequestId,
    Ticket,
};
pub(crate) use circuits::{Circuits, User};
pub use requests::{Accepting, ContactAction, Counts, PAGE, Page, Query, Reply, Request, Told, settled};
pub(crate) use timers::Timer;

use self::outbox::{NotSealed, Pacing};
use crate::error::{Refusal, StoreError};
use crate::ids::{
    AcceptId, ContactId, DepositId, MailboxId, OutboxId, OutgoingId, PeerQueueId, ReplicaId, SessionId,
};
use crate::store::Store;

/// How long nothing is tried after the disk failed.
const SUSPENDED: Duration = Duration::from_secs(3);

/// What a call under way is for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Pending {
    BeginReplica(ReplicaId),
    FinishReplica(ReplicaId),
    CancelReplica(ReplicaId),
    OpenInvite(AcceptId),
    AcceptInvite(AcceptId, OutgoingId),
    Seal(OutgoingId, OutboxId),
    Open(ReplicaId, MailboxId),
    Forget(Vec<OutboxId>),
    Sign(CircuitId),
    SafetyNumber(RequestId, ContactId, SessionId),
    Code(RequestId, Box<SafetyNumber>),
    Verify(RequestId, ContactId, bool),
    Compare(RequestId, ContactId),
    Pick(ReplicaId),
    Mailbox(CircuitId, Task),
    Nothing,
}

/// What a command to a mailbox is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Create(ReplicaId),
    Subscribe(ReplicaId),
    Acknowledge(ReplicaId, Vec<MailboxId>),
    LeaveBlob(ReplicaId),
    DropBlob(ReplicaId),
    Delete(ReplicaId),
    Read(AcceptId),
    Secure(PeerQueueId),
    Deposit(PeerQueueId, DepositId),
}

/// What is under way and must not be begun twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Busy {
    Replica(ReplicaId),
    Subscribe(ReplicaId),
    Acknowledge(ReplicaId),
    DropBlob(ReplicaId),
    Accept(AcceptId),
    Secure(PeerQueueId),
    Deposit(DepositId),
    /// A timer looks after missing numbers.
    Gap(ContactId),
}

/// The engine. One per unlocked profile.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) rng: Box<dyn CryptoRng>,
    pub(crate) now: Timestamp,
    pub(crate) memory: Memory,
    out: Vec<Action>,
    next_number: u64,
    suspended_until: Option<Timestamp>,
}

/// What is under way: lost with the process, and made anew from the store.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) circuits: Circuits,
    pub(crate) pending: BTreeMap<Ticket, Pending>,
    pub(crate) busy: BTreeSet<Busy>,
    /// What keyvault seals now, and for whom.
    pub(crate) sealing: BTreeMap<OutgoingId, ContactId>,
    pub(crate) timers: BTreeSet<(Timestamp, Timer)>,
    pub(crate) network: Network,
    pub(crate) onion: bool,
    /// Own queues with a living subscription.
    pub(crate) subscribed: BTreeSet<ReplicaId>,
    /// Of those, the ones that a timer looks after.
    pub(crate) proving: BTreeSet<ReplicaId>,
    /// Owed to mailboxes.
    pub(crate) acks: BTreeMap<ReplicaId, Vec<MailboxId>>,
    /// Envelopes that keyvault has not been asked about, and those that it was.
    pub(crate) arrived: VecDeque<Arrived>,
    pub(crate) opening: BTreeMap<(ReplicaId, MailboxId), Arrived>,
    /// Sealed and not known to be forgotten by keyvault.
    pub(crate) unforgotten: BTreeMap<OutboxId, OutgoingId>,
    pub(crate) forget_outbox: Vec<OutboxId>,
    pub(crate) forget_opened: Vec<[u8; 32]>,
    /// Acked at the mailbox: rows to be dropped with the next transaction.
    pub(crate) done_intents: Vec<(ReplicaId, MailboxId)>,
    pub(crate) pacing: BTreeMap<PeerQueueId, Pacing>,
    /// Contacts to look at when the batch is over.
    pub(crate) pump: BTreeSet<ContactId>,
    pub(crate) events_grew: bool,
    pub(crate) patience_over: BTreeSet<AcceptId>,
    /// Requests that wait for keyvault's word on a link.
    pub(crate) accept_requests: BTreeMap<AcceptId, RequestId>,
    /// Accepts that ended in this run, for whoever still waits for them.
    pub(crate) refused_accepts: BTreeMap<ContactId, Refusal>,
    /// Contacts whose messages cannot be read, until one can.
    pub(crate) out_of_step: BTreeSet<ContactId>,
    /// When the ratchet is to be turned with somebody who was heard and not answered since.
    pub(crate) keep_alive: BTreeMap<ContactId, Timestamp>,
    /// The last sign of life from a peer.
    pub(crate) proof_at: Option<Timestamp>,
    /// The store has not been told yet.
    pub(crate) clock_set_back: bool,
}

impl Engine {
    /// An engine on an open store. Nothing is done before [`Engine::start`].
    #[must_use]
    pub fn new(store: Store, rng: Box<dyn CryptoRng>) -> Self {
        Self {
            store,
            rng,
            now: Timestamp(0),
            memory: Memory::default(),
            out: Vec::new(),
            next_number: 1,
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
                let answer = self.answer_query(*query).unwrap_or(Err(Refusal::Storage));
                actions.push(Action::Answer(request, answer));
            }
        }
        actions
    }

    /// When [`Input::Tick`] is wanted.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.suspended_until.or_else(|| self.memory.timers.first().map(|(at, _)| *at))
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
            inputs.into_iter().try_for_each(|input| engine.input(input))
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
                Input::OnionCame => self.memory.onion = true,
                Input::OnionGone => self.memory.onion = false,
                Input::Network(network) => self.memory.network = network,
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
        let done = work(self).and_then(|()| self.end_of_batch());
        if let Err(error) = done {
            self.store.rollback();
            return Err(error);
        }
        self.store.commit()?;
        if std::mem::take(&mut self.memory.events_grew) {
            self.out.push(Action::EventsGrew);
        }
        Ok(std::mem::take(&mut self.out))
    }

    /// The disk is full or failing: forgets all that is under way, lets go of every circuit, and takes it up again later.
    fn suspend(&mut self) -> Vec<Action> {
        self.out.clear();
        let memory = std::mem::take(&mut self.memory);
        self.memory.onion = memory.onion;
        self.memory.network = memory.network;
        self.suspended_until = Some(self.now.after(SUSPENDED));
        let waiting =
            memory.accept_requests.values().map(|request| Action::Answer(*request, Err(Refusal::Storage)));
        memory.circuits.all().map(Action::Close).chain(waiting).collect()
    }

    fn resume(&mut self) -> Result<(), StoreError> {
        self.after_set_back()?;
        self.store.prune_events()?;
        self.resume_inbox()?;
        self.resume_outbox()?;
        self.resume_repair()?;
        for replica in self.store.replicas()? {
            self.advance_replica(replica.id)?;
        }
        for accept in self.store.open_accepts()? {
            self.advance_accept(accept.id)?;
        }
        self.set_timer(self.now.after(timers::HOUSEKEEPING), Timer::Housekeeping);
        Ok(())
    }

    fn input(&mut self, input: Input) -> Result<(), StoreError> {
        match input {
            Input::Request(id, request) => self.request(id, *request),
            Input::Query(..) => Ok(()),
            Input::Vault(ticket, answer) => self.vault_answered(ticket, *answer),
            Input::Opened(circuit, opened) => self.circuit_opened(circuit, opened),
            Input::Closed(circuit) => self.circuit_closed(circuit),
            Input::Mailbox(ticket, answer) => self.mailbox_answered(ticket, *answer),
            Input::Picked(ticket, relay) => self.picked(ticket, relay),
            Input::Arrived(arrived) => {
                self.arrived(*arrived);
                Ok(())
            }
            Input::Network(network) => self.network_changed(network),
            Input::OnionCame => self.onion_came(),
            Input::OnionGone => self.onion_gone(),
            Input::Tick => self.tick(),
        }
    }

    /// What is better done once for all inputs of a batch.
    fn end_of_batch(&mut self) -> Result<(), StoreError> {
        self.open_arrived();
        while let Some(contact) = self.memory.pump.pop_first() {
            self.pump_outbox(contact)?;
        }
        self.flush_acks()?;
        self.flush_forget();
        for (replica, mailbox) in std::mem::take(&mut self.memory.done_intents) {
            self.store.drop_intent(replica, mailbox)?;
        }
        Ok(())
    }

    fn vault_answered(&mut self, ticket: Ticket, told: VaultTold) -> Result<(), StoreError> {
        let Some(pending) = self.memory.pending.remove(&ticket) else { return Ok(()) };
        match (pending, told) {
            (Pending::BeginReplica(id), VaultTold::BeginInvite(begun)) => self.invite_begun(id, begun),
            (Pending::BeginReplica(id), VaultTold::BeginReplica(begun)) => self.replica_begun(id, begun.ok()),
            (Pending::FinishReplica(id), VaultTold::FinishInvite(finished)) => {
                self.invite_finished(id, finished)
            }
            (Pending::FinishReplica(id), VaultTold::FinishReplica(Ok(known))) => {
                self.replica_finished(id, known)
            }
            (
                Pending::CancelReplica(id),
                VaultTold::CancelInvite(Ok(())) | VaultTold::RemoveSession(Ok(())),
            ) => self.replica_cancelled(id),
            (Pending::OpenInvite(id), VaultTold::OpenInvite(opened)) => self.invite_opened(id, opened),
            (Pending::AcceptInvite(id, first), VaultTold::AcceptInvite(accepted)) => {
                self.invite_accepted(id, first, accepted)
            }
            (Pending::Seal(id, outbox), VaultTold::SealEnvelope(sealed)) => {
                self.sealed(id, outbox, sealed.map_err(NotSealed::from))
            }
            (Pending::Seal(id, outbox), VaultTold::RepairSession(sealed)) => {
                self.sealed(id, outbox, sealed.map_err(NotSealed::from))
            }
            (Pending::Open(replica, mailbox), VaultTold::OpenEnvelope(opened)) => {
                self.opened(replica, mailbox, opened)
            }
            (Pending::Forget(outboxes), VaultTold::Forget(Ok(()))) => self.forgotten(&outboxes),
            (Pending::Sign(circuit), VaultTold::Sign(signed)) => self.signed(circuit, ticket, signed),
            (Pending::SafetyNumber(request, contact, session), VaultTold::Session(number)) => {
                self.safety_number_told(request, (contact, session), number)
            }
            (Pending::Code(request, number), VaultTold::VerificationCode(code)) => {
                self.code_told(request, *number, code);
                Ok(())
            }
            (Pending::Verify(request, contact, verified), VaultTold::SetVerified(set)) => {
                self.verify_answered(request, (contact, verified), set)
            }
            (Pending::Compare(request, contact), VaultTold::CompareCode(told)) => {
                self.compared(request, contact, told)
            }
            (pending, _) => self.vault_failed(ticket, pending),
        }
    }

    /// keyvault cannot serve the call now: as where the fault is its own.
    fn vault_failed(&mut self, ticket: Ticket, pending: Pending) -> Result<(), StoreError> {
        match pending {
            Pending::BeginReplica(id) | Pending::FinishReplica(id) | Pending::CancelReplica(id) => {
                self.begin_again(id);
                Ok(())
            }
            Pending::OpenInvite(id) => {
                self.invite_opened(id, Err(InviteFailed::Failed(OpenInviteError::Fault(Fault::Bug))))
            }
            Pending::AcceptInvite(id, first) => self.invite_accepted(
                id,
                first,
                Err(InviteFailed::Failed(AcceptInviteError::Fault(Fault::Bug))),
            ),
            Pending::Seal(id, outbox) => self.sealed(id, outbox, Err(NotSealed::Now)),
            Pending::Open(replica, mailbox) => {
                self.opened(replica, mailbox, Err(OpenError::Fault(Fault::Bug)))
            }
            Pending::Sign(circuit) => self.signed(circuit, ticket, Err(SignError::Fault(Fault::Bug))),
            Pending::SafetyNumber(request, contact, session) => {
                self.safety_number_told(request, (contact, session), Err(SessionError::Fault(Fault::Bug)))
            }
            Pending::Code(request, number) => {
                self.code_told(request, *number, Err(SessionError::Fault(Fault::Bug)));
                Ok(())
            }
            Pending::Verify(request, contact, verified) => {
                self.verify_answered(request, (contact, verified), Err(SetVerifiedError::Fault(Fault::Bug)))
            }
            Pending::Compare(request, contact) => {
                self.compared(request, contact, Err(SessionError::Fault(Fault::Bug)))
            }
            // After a start keyvault is told again to forget.
            Pending::Forget(_) | Pending::Pick(_) | Pending::Mailbox(..) | Pending::Nothing => Ok(()),
        }
    }

    fn mailbox_answered(&mut self, ticket: Ticket, answer: MailboxAnswer) -> Result<(), StoreError> {
        let Some(Pending::Mailbox(circuit, task)) = self.memory.pending.remove(&ticket) else {
            return Ok(());
        };
        self.memory.busy.remove(&task.busy());
        if answer == MailboxAnswer::Lost {
            return self.task_lost(&task);
        }
        self.memory.circuits.worked(circuit);
        match task {
            Task::Create(id) => self.queue_created(id, answer),
            Task::Subscribe(id) => self.subscribed(id, &answer),
            Task::Acknowledge(id, ids) => self.mail_acked(id, ids, &answer),
            Task::LeaveBlob(id) => self.blob_left(id, &answer),
            Task::DropBlob(id) => self.blob_dropped(id, &answer),
            Task::Delete(id) => self.queue_deleted(id),
            Task::Read(id) => self.blob_read(id, answer),
            Task::Secure(id) => self.secured(id, &answer),
            Task::Deposit(queue, id) => self.deposited(circuit, queue, id, &answer),
        }
    }

    /// A command's circuit went, or keyvault would not sign it: whatever it was for is begun again when it is next looked at.
    pub(crate) fn task_lost(&mut self, task: &Task) -> Result<(), StoreError> {
        self.memory.busy.remove(&task.busy());
        match task {
            Task::Acknowledge(id, ids) => self.memory.acks.entry(*id).or_default().extend(ids),
            Task::Subscribe(id) => drop(self.memory.subscribed.remove(id)),
            _ => {}
        }
        Ok(())
    }

    // ---- what every flow uses

    pub(crate) fn act(&mut self, action: Action) {
        self.out.push(action);
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(crate) fn call_vault(&mut self, pending: Pending, call: impl Into<Ask>) {
        let ticket = Ticket(self.number());
        self.memory.pending.insert(ticket, pending);
        self.out.push(Action::Vault(ticket, Box::new(call.into())));
    }

    /// Takes the right to begin something; false when it is under way already.
    pub(crate) fn begin(&mut self, busy: Busy) -> bool {
        self.memory.busy.insert(busy)
    }

    /// A number that is not 0 and fits a signed column.
    pub(crate) fn random_id(&mut self) -> u64 {
        (u64::from_be_bytes(self.random()) >> 1).max(1)
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        rand_core::Rng::fill_bytes(&mut self.rng, &mut bytes);
        bytes
    }

    /// Exponentially distributed, for what must not be linked in time.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        let uniform = f64::from(u32::from_be_bytes(self.random()))
            .mul_add(1.0 / f64::from(u32::MAX), f64::MIN_POSITIVE);
        mean.mul_f64(-uniform.min(1.0).ln().max(-8.0))
    }

    pub(crate) fn event(&mut self, kind: &crate::store::EventKind) -> Result<(), StoreError> {
        self.memory.events_grew = true;
        self.store.add_event(self.now, kind)
    }
}

impl Task {
    pub(crate) fn busy(&self) -> Busy {
        match self {
            Self::Create(id) | Self::LeaveBlob(id) | Self::Delete(id) => Busy::Replica(*id),
            Self::Subscribe(id) => Busy::Subscribe(*id),
            Self::Acknowledge(id, _) => Busy::Acknowledge(*id),
            Self::DropBlob(id) => Busy::DropBlob(*id),
            Self::Read(id) => Busy::Accept(*id),
            Self::Secure(id) => Busy::Secure(*id),
            Self::Deposit(_, id) => Busy::Deposit(*id),
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
