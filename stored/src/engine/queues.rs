//! Own queues and the invites that wait on them: step by step, each durable, each repeated until it is done.

use std::time::Duration;

use ipc_schema::edge::stored_keyvault::{
    BeginInvite, BeginInviteError, BeginReplica, CancelInvite, Created, FinishInvite, FinishInviteError,
    FinishReplica, FinishedInvite, Purpose, RemoveSession,
};

use super::contacts;
use super::event::AcceptEvent;
use super::{
    Action, Answer, Busy, CircuitId, Engine, MailboxAnswer, MailboxCall, Pending, Reply, RequestId, Task,
    Ticket, Timer, User,
};
use crate::error::{Refusal, StoreError};
use crate::ids::{ContactId, RelayId, ReplicaId};
use crate::store::{ContactState, EventKind, Invite, InviteState, OutgoingKind, Replica, ReplicaState};

/// Queues for each contact (docs/protocol/envelope.md, "Frame").
const REPLICAS: usize = 2;
/// No relay could be named: asked again then, or when the network changes.
const PICK_RETRY: Duration = Duration::from_secs(5);
/// keyvault could not: asked again then.
const VAULT_RETRY: Duration = Duration::from_secs(5);
/// Another relay is taken after so many failures in a row before anything lies there.
const FAILURES_MAX: u32 = 3;

impl Engine {
    /// A contact that is invited, an invite, and the queue that it waits on.
    pub(crate) fn new_invite(&mut self, request: RequestId, name: &str) -> Result<(), StoreError> {
        let name = match contacts::free_name(&self.turn.store, name)? {
            Ok(name) => name,
            Err(refusal) => {
                self.act(Action::Answer(request, Err(refusal)));
                return Ok(());
            }
        };
        let contact = ContactId(self.random_id());
        self.store.add_contact(contact, &name, ContactState::Invited, self.now)?;
        let id = ReplicaId(self.random_id());
        self.store.add_invite(id, contact)?;
        let isolation = self.random();
        self.store.add_replica(id, Some(contact), true, &isolation)?;
        self.event(&EventKind::Contact { contact })?;
        if let Some(invite) = self.store.invite(id)? {
            self.act(Action::Answer(request, Ok(Reply::Invite(Box::new(invite)))));
        }
        self.advance_replica(id)
    }

    /// Nobody may accept it any more.
    pub(crate) fn cancel_invite(&mut self, id: &str) -> Result<Result<Reply, Refusal>, StoreError> {
        let Some(invite) = self.invite_named(id)? else { return Ok(Err(Refusal::NoSuchInvite)) };
        if invite.state == InviteState::Accepted {
            return Ok(Err(Refusal::LinkUsed));
        }
        self.end_invite(&invite)?;
        Ok(Ok(Reply::Done))
    }

    /// Takes an invite that nobody accepted away, with the contact that it was for.
    pub(crate) fn end_invite(&mut self, invite: &Invite) -> Result<(), StoreError> {
        self.store.delete_replicas_of(invite.contact, None)?;
        self.store.delete_contact(invite.contact)?;
        self.event(&EventKind::Contact { contact: invite.contact })?;
        self.advance_replica(invite.id)
    }

    pub(crate) fn invite_named(&self, id: &str) -> Result<Option<Invite>, StoreError> {
        if let Ok(number) = u64::from_str_radix(id, 16)
            && let Some(invite) = self.store.invite(ReplicaId(number))?
        {
            return Ok(Some(invite));
        }
        match self.store.contact_named(id)? {
            Some(contact) => self.store.invite_of(contact.id),
            None => Ok(None),
        }
    }

    /// Adds queues until a contact has as many as it should.
    pub(crate) fn ensure_replicas(&mut self, contact: ContactId) -> Result<(), StoreError> {
        let there = self.store.replicas_of(contact)?.len();
        for _ in there..REPLICAS {
            let id = ReplicaId(self.random_id());
            let isolation = self.random();
            self.store.add_replica(id, Some(contact), false, &isolation)?;
            self.advance_replica(id)?;
        }
        Ok(())
    }

    /// The next step of an own queue, unless one is under way.
    pub(crate) fn advance_replica(&mut self, id: ReplicaId) -> Result<(), StoreError> {
        let Some(replica) = self.store.replica(id)? else {
            self.leave_circuit(User::Replica(id));
            return Ok(());
        };
        match (replica.state, replica.relay) {
            (ReplicaState::Picking, _) | (ReplicaState::Beginning, None) => self.pick(&replica),
            (ReplicaState::Beginning, Some(relay)) => {
                if self.begin(Busy::Replica(id)) {
                    let pending = Pending::BeginReplica(id);
                    if replica.invite {
                        self.call_vault(pending, BeginInvite { invite: id.into(), relay });
                    } else {
                        self.call_vault(pending, BeginReplica { replica: id.into(), relay });
                    }
                }
                Ok(())
            }
            (ReplicaState::Finishing, _) => {
                self.finish(replica);
                Ok(())
            }
            (ReplicaState::Deleting, _) if replica.created.is_none() => self.cancel_keys(&replica),
            (_, Some(relay)) => self.advance_at_relay(replica, relay),
            (_, None) => self.start_over(&replica),
        }
    }

    fn advance_at_relay(&mut self, replica: Replica, relay: RelayId) -> Result<(), StoreError> {
        let id = replica.id;
        let early = matches!(replica.state, ReplicaState::Creating | ReplicaState::Leaving);
        if early && self.circuits.failures(User::Replica(id)) >= FAILURES_MAX {
            return self.start_over(&replica);
        }
        let Some(circuit) = self.circuit(relay, replica.isolation, User::Replica(id)) else { return Ok(()) };
        let Some(created) = replica.created else {
            if self.begin(Busy::Replica(id)) {
                let call = MailboxCall::Create { receiver_key: replica.auth_key };
                self.command(circuit, Task::Create(id), None, call);
            }
            return Ok(());
        };
        match replica.state {
            ReplicaState::Leaving => self.leave_blob(circuit, id, &created),
            ReplicaState::Deleting => self.delete_queue(circuit, id, created),
            _ => self.keep_live(circuit, id, created),
        }
    }

    fn keep_live(&mut self, circuit: CircuitId, id: ReplicaId, created: Created) -> Result<(), StoreError> {
        let invite = self.store.invite(id)?;
        if let Some(invite) = invite.filter(|invite| invite.state > InviteState::Waiting && !invite.dropped)
            && self.begin(Busy::DropBlob(id))
        {
            let call =
                MailboxCall::DropBlob { queue: created.receiver_queue.to_vec(), blob_id: invite.blob_id };
            self.command(circuit, Task::DropBlob(id), Some(Purpose::DropBlob(id.into())), call);
        }
        if !self.memory.subscribed.contains(&id) && self.begin(Busy::Subscribe(id)) {
            let call = MailboxCall::Subscribe { queue: created.receiver_queue.to_vec(), replica: id };
            self.command(circuit, Task::Subscribe(id), Some(Purpose::Subscribe(id.into())), call);
        }
        Ok(())
    }

    fn pick(&mut self, replica: &Replica) -> Result<(), StoreError> {
        if !self.circuits.onion() || !self.begin(Busy::Replica(replica.id)) {
            return Ok(());
        }
        let taken = self.relays_taken(replica)?;
        let ticket = Ticket(self.number());
        self.memory.pending.insert(ticket, Pending::Pick(replica.id));
        self.act(Action::Pick(ticket, taken));
        Ok(())
    }

    /// Where queues of the same contact lie: one relay that goes must not take both along.
    fn relays_taken(&self, replica: &Replica) -> Result<Vec<RelayId>, StoreError> {
        let Some(contact) = replica.contact else { return Ok(Vec::new()) };
        let others = self.store.replicas_of(contact)?.into_iter().filter(|other| other.id != replica.id);
        Ok(others.filter_map(|other| other.relay).collect())
    }

    pub(crate) fn picked(&mut self, ticket: Ticket, relay: Option<RelayId>) -> Result<(), StoreError> {
        let Some(Pending::Pick(id)) = self.memory.pending.remove(&ticket) else { return Ok(()) };
        self.memory.busy.remove(&Busy::Replica(id));
        let Some(replica) = self.store.replica(id)? else { return Ok(()) };
        let Some(relay) = relay else {
            self.after(PICK_RETRY, Timer::Pick(id));
            return self.replica_changed(&replica);
        };
        // Both may have been asked for at once, when neither had one.
        if !self.relays_taken(&replica)?.contains(&relay) {
            self.store.set_replica_relay(id, relay)?;
        }
        self.advance_replica(id)
    }

    /// Its circuit went, and with it the subscription.
    pub(crate) fn replica_lost_circuit(&mut self, id: ReplicaId) -> Result<(), StoreError> {
        self.memory.subscribed.remove(&id);
        self.advance_replica(id)
    }

    /// onion went before it named a relay.
    pub(crate) fn picks_lost(&mut self) -> Result<(), StoreError> {
        let picks: Vec<Ticket> = self
            .memory
            .pending
            .iter()
            .filter(|(_, pending)| matches!(pending, Pending::Pick(_)))
            .map(|(ticket, _)| *ticket)
            .collect();
        picks.into_iter().try_for_each(|ticket| self.picked(ticket, None))
    }

    /// Queues that wait for a relay are looked at again.
    pub(crate) fn wake_pickers(&mut self) -> Result<(), StoreError> {
        for replica in self.store.replicas()? {
            if replica.state == ReplicaState::Picking {
                self.advance_replica(replica.id)?;
            }
        }
        Ok(())
    }

    pub(crate) fn invite_begun(
        &mut self,
        id: ReplicaId,
        begun: Result<[u8; 32], BeginInviteError>,
    ) -> Result<(), StoreError> {
        if begun == Err(BeginInviteError::RateLimited)
            && let Some(invite) = self.store.invite(id)?
        {
            // Too many new contacts within the hour: it is taken back, and whoever waits for it is told.
            self.memory.busy.remove(&Busy::Replica(id));
            return self.end_invite(&invite);
        }
        self.replica_begun(id, begun.ok())
    }

    /// keyvault has made the keys of a queue, or could not.
    pub(crate) fn replica_begun(&mut self, id: ReplicaId, key: Option<[u8; 32]>) -> Result<(), StoreError> {
        let Some(key) = key else {
            self.begin_again(id);
            return Ok(());
        };
        self.memory.busy.remove(&Busy::Replica(id));
        self.store.set_auth_key(id, &key)?;
        self.advance_replica(id)
    }

    /// keyvault could not: its step is done again later.
    pub(crate) fn begin_again(&mut self, id: ReplicaId) {
        self.memory.busy.remove(&Busy::Replica(id));
        self.after(VAULT_RETRY, Timer::User(User::Replica(id)));
    }

    pub(crate) fn queue_created(&mut self, id: ReplicaId, answer: MailboxAnswer) -> Result<(), StoreError> {
        let Some(replica) = self.store.replica(id)? else { return Ok(()) };
        match answer {
            MailboxAnswer::Created(created) => {
                self.store.set_created(id, &created)?;
                self.advance_replica(id)
            }
            _ => self.start_over(&replica),
        }
    }

    fn finish(&mut self, replica: Replica) {
        let Some(created) = replica.created else { return };
        if self.begin(Busy::Replica(replica.id)) {
            let pending = Pending::FinishReplica(replica.id);
            if replica.invite {
                let invite = replica.id.into();
                self.call_vault(pending, FinishInvite { invite, created, hints: Vec::new() });
            } else {
                self.call_vault(pending, FinishReplica { replica: replica.id.into(), created });
            }
        }
    }

    pub(crate) fn invite_finished(
        &mut self,
        id: ReplicaId,
        finished: Result<FinishedInvite, FinishInviteError>,
    ) -> Result<(), StoreError> {
        self.memory.busy.remove(&Busy::Replica(id));
        let Some(replica) = self.store.replica(id)? else { return Ok(()) };
        match finished {
            Ok(FinishedInvite { link, blob_id, read_key, blob, expires }) => {
                let Some(invite) = self.store.invite(id)? else { return self.start_over(&replica) };
                let (blob_id, read_key) = (blob_id.to_vec(), read_key.to_vec());
                self.store.fill_invite(&Invite { link, blob_id, read_key, blob, expires, ..invite })?;
                self.store.set_replica_state(id, ReplicaState::Leaving)?;
                self.advance_replica(id)
            }
            // What the relay answered does not fit, or keyvault never heard of it.
            Err(FinishInviteError::RelayMismatch | FinishInviteError::NoSuchId) => self.start_over(&replica),
            Err(FinishInviteError::BadContent | FinishInviteError::Fault(_)) => {
                self.begin_again(id);
                Ok(())
            }
        }
    }

    /// keyvault knows the queue, or what the relay answered does not fit.
    pub(crate) fn replica_finished(&mut self, id: ReplicaId, known: bool) -> Result<(), StoreError> {
        self.memory.busy.remove(&Busy::Replica(id));
        let Some(replica) = self.store.replica(id)? else { return Ok(()) };
        if known { self.replica_lives(&replica) } else { self.start_over(&replica) }
    }

    /// It receives from now on; a contact that does not know of it is told.
    fn replica_lives(&mut self, replica: &Replica) -> Result<(), StoreError> {
        self.store.set_replica_state(replica.id, ReplicaState::Live)?;
        self.advance_replica(replica.id)?;
        self.offer(replica)?;
        self.replica_changed(replica)
    }

    pub(crate) fn offer_live(&mut self, contact: ContactId) -> Result<(), StoreError> {
        for replica in self.store.replicas_of(contact)? {
            if replica.state == ReplicaState::Live {
                self.offer(&replica)?;
            }
        }
        Ok(())
    }

    /// Offers a queue inside the session once there is one.
    pub(crate) fn offer(&mut self, replica: &Replica) -> Result<(), StoreError> {
        let Some(contact) = replica.contact else { return Ok(()) };
        let connected = self.store.contact(contact)?.is_some_and(|contact| contact.session.is_some());
        if connected && !replica.offered && !self.store.offer_under_way(replica.id)? {
            self.store.add_outgoing(contact, OutgoingKind::QueueChange, None, Some(replica.id))?;
            self.memory.pump.insert(contact);
        }
        Ok(())
    }

    fn replica_changed(&mut self, replica: &Replica) -> Result<(), StoreError> {
        if let Some(contact) = replica.contact {
            self.turn.wish(AcceptEvent::QueueChanged(contact));
        }
        Ok(())
    }

    fn leave_blob(&mut self, circuit: CircuitId, id: ReplicaId, created: &Created) -> Result<(), StoreError> {
        let Some(invite) = self.store.invite(id)? else { return Ok(()) };
        if self.begin(Busy::Replica(id)) {
            let call = MailboxCall::LeaveBlob {
                queue: created.receiver_queue.to_vec(),
                blob_id: invite.blob_id,
                read_key: invite.read_key,
                blob: invite.blob,
            };
            self.command(circuit, Task::LeaveBlob(id), Some(Purpose::LeaveBlob(id.into())), call);
        }
        Ok(())
    }

    pub(crate) fn blob_left(&mut self, id: ReplicaId, answer: &MailboxAnswer) -> Result<(), StoreError> {
        let Some(replica) = self.store.replica(id)? else { return Ok(()) };
        if *answer != MailboxAnswer::Told(Answer::Ok) {
            return self.start_over(&replica);
        }
        self.store.set_replica_state(id, ReplicaState::Live)?;
        self.store.set_invite_state(id, InviteState::Waiting)?;
        if let Some(contact) = replica.contact {
            self.event(&EventKind::Contact { contact })?;
        }
        self.advance_replica(id)
    }

    pub(crate) fn blob_dropped(&mut self, id: ReplicaId, answer: &MailboxAnswer) -> Result<(), StoreError> {
        match answer {
            MailboxAnswer::Told(Answer::Ok | Answer::NoBlob | Answer::NoQueue) => {
                self.store.invite_dropped(id)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn subscribed(&mut self, id: ReplicaId, answer: &MailboxAnswer) -> Result<(), StoreError> {
        match answer {
            MailboxAnswer::Told(Answer::Ok) => {
                self.memory.subscribed.insert(id);
                self.prove_subscription(id);
                Ok(())
            }
            MailboxAnswer::Told(Answer::NoQueue) => self.queue_lost(id),
            _ => {
                self.after(VAULT_RETRY, Timer::User(User::Replica(id)));
                Ok(())
            }
        }
    }

    /// The relay has lost or expired an own queue: a contact gets another one.
    fn queue_lost(&mut self, id: ReplicaId) -> Result<(), StoreError> {
        let Some(replica) = self.store.replica(id)? else { return Ok(()) };
        if let Some(invite) = self.store.invite(id)?
            && invite.state <= InviteState::Waiting
        {
            self.store.set_invite_state(id, InviteState::Expired)?;
            self.event(&EventKind::Contact { contact: invite.contact })?;
        }
        self.store.drop_intents_of(id)?;
        self.store.drop_replica(id)?;
        self.leave_circuit(User::Replica(id));
        match replica.contact {
            Some(contact)
                if self.store.contact(contact)?.is_some_and(|contact| contact.session.is_some()) =>
            {
                self.ensure_replicas(contact)
            }
            _ => Ok(()),
        }
    }

    /// Begins with another relay, under another number: nobody was told of the old one.
    fn start_over(&mut self, old: &Replica) -> Result<(), StoreError> {
        let fresh = ReplicaId(self.random_id());
        let isolation = self.random();
        self.leave_circuit(User::Replica(old.id));
        self.store.drop_replica(old.id)?;
        if old.invite {
            self.call_vault(Pending::Nothing, CancelInvite { invite: old.id.into() });
            self.store.renumber_invite(old.id, fresh)?;
        }
        if old.state == ReplicaState::Deleting || old.contact.is_none() {
            return Ok(());
        }
        self.store.add_replica(fresh, old.contact, old.invite, &isolation)?;
        self.after(Duration::from_secs(1), Timer::Pick(fresh));
        Ok(())
    }

    fn delete_queue(
        &mut self,
        circuit: CircuitId,
        id: ReplicaId,
        created: Created,
    ) -> Result<(), StoreError> {
        if self.begin(Busy::Replica(id)) {
            let call = MailboxCall::Delete { queue: created.receiver_queue.to_vec() };
            self.command(circuit, Task::Delete(id), Some(Purpose::Delete(id.into())), call);
        }
        Ok(())
    }

    /// Whatever the relay said: it is not asked again.
    pub(crate) fn queue_deleted(&mut self, id: ReplicaId) -> Result<(), StoreError> {
        match self.store.replica(id)? {
            Some(replica) => self.cancel_keys(&replica),
            None => Ok(()),
        }
    }

    /// The queue is gone from the relay: its keys go too, those of a session with its last queue.
    fn cancel_keys(&mut self, replica: &Replica) -> Result<(), StoreError> {
        self.leave_circuit(User::Replica(replica.id));
        let session = self.store.removal_of(replica.id)?;
        if let Some(session) = session
            && self.store.removal_waits(session, replica.id)?
        {
            return self.replica_cancelled(replica.id);
        }
        if self.begin(Busy::Replica(replica.id)) {
            let pending = Pending::CancelReplica(replica.id);
            match session {
                Some(session) => self.call_vault(pending, RemoveSession { session: session.into() }),
                None => self.call_vault(pending, CancelInvite { invite: replica.id.into() }),
            }
        }
        Ok(())
    }

    pub(crate) fn replica_cancelled(&mut self, id: ReplicaId) -> Result<(), StoreError> {
        self.memory.busy.remove(&Busy::Replica(id));
        self.store.drop_intents_of(id)?;
        self.store.drop_replica(id)
    }

    pub(crate) fn opened_twice(&mut self, replica: ReplicaId) -> Result<(), StoreError> {
        let Some(invite) = self.store.invite(replica)? else { return Ok(()) };
        self.store.set_invite_state(replica, InviteState::OpenedTwice)?;
        self.event(&EventKind::Contact { contact: invite.contact })
    }

    pub(crate) fn expire_invites(&mut self) -> Result<(), StoreError> {
        for invite in self.store.invites()? {
            if invite.state == InviteState::Waiting && invite.expires < self.now {
                self.store.set_invite_state(invite.id, InviteState::Expired)?;
                self.event(&EventKind::Contact { contact: invite.contact })?;
            }
        }
        Ok(())
    }
}
