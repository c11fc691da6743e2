//! Own queues: step by step, each durable, each repeated until it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::edge::Failed;
use ipc_schema::edge::stored_keyvault::{
    BeginInvite, BeginInviteError, BeginReceiveQueue, CancelInvite, Created, FinishInvite, FinishInviteError,
    FinishReceiveQueue, FinishedInvite, Purpose, RemoveSession,
};

use ipc_schema::edge::stored_onion::{Command, Refused};

use super::circuits::Circuits;
use super::event::{
    AcceptEvent, ArrivalEvent, Asked, InviteEvent, Order, OutboxEvent, QueueEvent, Timer, User,
};
use super::interface::{Action, Came, CircuitId, MailboxCall, Ticket};
use super::introductions;
use super::subscriptions::Subscriptions;
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::{ContactId, ReceiveQueueId, RelayId};
use crate::store::{EventKind, Invite, InviteState, OutgoingKind, ReceiveQueue, ReceiveQueueState};

/// Queues for each contact (docs/protocol/envelope.md, "Frame").
const REPLICAS: usize = 2;
/// No relay could be named: asked again then, or when the network changes.
const PICK_RETRY: Duration = Duration::from_secs(5);
/// keyvault could not: asked again then.
const VAULT_RETRY: Duration = Duration::from_secs(5);
/// A queue begins anew with another relay.
const START_OVER: Duration = Duration::from_secs(1);
/// Another relay is taken after so many failures in a row before anything lies there.
const FAILURES_MAX: u32 = 3;

/// What is under way with own queues.
#[derive(Default)]
pub(super) struct Queues {
    /// The next step of these is being made.
    busy: BTreeSet<ReceiveQueueId>,
    subscriptions: Subscriptions,
    /// Their invite's blob is being dropped.
    dropping: BTreeSet<ReceiveQueueId>,
    /// onion is asked for their relays.
    picks: BTreeMap<Ticket, ReceiveQueueId>,
}

/// What a step has at hand.
struct Step<'a> {
    turn: &'a mut Turn,
    circuits: &'a mut Circuits,
}

impl Queues {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        event: QueueEvent,
    ) -> Result<(), StoreError> {
        let step = &mut Step { turn, circuits };
        match event {
            QueueEvent::Resume => self.resume(step),
            QueueEvent::LookAt(id) => self.look_at(step, id),
            QueueEvent::CircuitLost(id) | QueueEvent::SubscribeAnew(id) => {
                self.subscriptions.lost(id);
                self.look_at(step, id)
            }
            QueueEvent::Fill(contact) => self.fill(step, contact),
            QueueEvent::Offer(contact) => offer_live(step.turn, contact),
            QueueEvent::Picked(ticket, relay) => self.picked(step, ticket, relay),
            QueueEvent::PickAgain => self.pick_again(step),
            QueueEvent::OnionGone => self.picks_lost(step),
            QueueEvent::InviteBegun(id, begun) => self.invite_begun(step, id, begun),
            QueueEvent::Begun(id, key) => self.begun(step, id, key),
            QueueEvent::Created(id, came) => self.created(step, id, came),
            QueueEvent::InviteFinished(id, finished) => self.invite_finished(step, id, finished),
            QueueEvent::Finished(id, known) => self.finished(step, id, known),
            QueueEvent::BlobLeft(id, came) => self.blob_left(step, id, came),
            QueueEvent::BlobDropped(id, came) => self.blob_dropped(step, id, came),
            QueueEvent::Subscribed(id, came) => self.subscribed(step, id, came),
            QueueEvent::Prove(id) => {
                self.subscriptions.prove(step.turn, id);
                Ok(())
            }
            QueueEvent::Deleted(id, came) => self.deleted(step, id, came),
            QueueEvent::Cancelled(id, cancelled) => self.cancelled(step, id, cancelled),
        }
    }

    fn resume(&mut self, step: &mut Step) -> Result<(), StoreError> {
        step.turn.store.receive_queues()?.iter().try_for_each(|queue| self.look_at(step, queue.id))
    }

    // ---- towards a queue that receives

    fn fill(&mut self, step: &mut Step, contact: ContactId) -> Result<(), StoreError> {
        let there = step.turn.store.receive_queues_of(contact)?.len();
        for _ in there..REPLICAS {
            let id = ReceiveQueueId(step.turn.random_id());
            let isolation = step.turn.random();
            step.turn.store.add_receive_queue(id, Some(contact), false, &isolation)?;
            self.look_at(step, id)?;
        }
        Ok(())
    }

    /// Takes the right to make the next step of a queue; false where it is being made already.
    fn begin(&mut self, id: ReceiveQueueId) -> bool {
        self.busy.insert(id)
    }

    fn look_at(&mut self, step: &mut Step, id: ReceiveQueueId) -> Result<(), StoreError> {
        let Some(queue) = step.turn.store.receive_queue(id)? else {
            step.circuits.leave(step.turn, User::ReceiveQueue(id));
            return Ok(());
        };
        match (queue.state, queue.relay) {
            (ReceiveQueueState::Picking, _) | (ReceiveQueueState::Beginning, None) => self.pick(step, &queue),
            (ReceiveQueueState::Beginning, Some(relay)) => {
                self.make_keys(step.turn, &queue, relay);
                Ok(())
            }
            (ReceiveQueueState::Finishing, _) => {
                self.finish(step.turn, queue);
                Ok(())
            }
            (ReceiveQueueState::Deleting, _) if queue.created.is_none() => self.cancel_keys(step, &queue),
            (_, Some(relay)) => self.at_relay(step, queue, relay),
            (_, None) => start_over(step, &queue),
        }
    }

    fn pick(&mut self, step: &mut Step, queue: &ReceiveQueue) -> Result<(), StoreError> {
        if step.circuits.onion() && self.begin(queue.id) {
            let ticket = Ticket(step.turn.number());
            self.picks.insert(ticket, queue.id);
            step.turn.act(Action::Pick(ticket, relays_taken(step.turn, queue)?));
        }
        Ok(())
    }

    fn picked(&mut self, step: &mut Step, ticket: Ticket, relay: Option<RelayId>) -> Result<(), StoreError> {
        let Some(id) = self.picks.remove(&ticket) else { return Ok(()) };
        self.busy.remove(&id);
        let Some(queue) = step.turn.store.receive_queue(id)? else { return Ok(()) };
        let Some(relay) = relay else {
            step.turn.after(PICK_RETRY, Timer::Pick(id));
            changed(step.turn, &queue);
            return Ok(());
        };
        // Both may have been asked for at once, when neither had one.
        if !relays_taken(step.turn, &queue)?.contains(&relay) {
            step.turn.store.set_receive_queue_relay(id, relay)?;
        }
        self.look_at(step, id)
    }

    fn pick_again(&mut self, step: &mut Step) -> Result<(), StoreError> {
        for queue in step.turn.store.receive_queues()? {
            if queue.state == ReceiveQueueState::Picking {
                self.look_at(step, queue.id)?;
            }
        }
        Ok(())
    }

    /// onion went before it named a relay.
    fn picks_lost(&mut self, step: &mut Step) -> Result<(), StoreError> {
        let lost: Vec<Ticket> = self.picks.keys().copied().collect();
        lost.into_iter().try_for_each(|ticket| self.picked(step, ticket, None))
    }

    fn make_keys(&mut self, turn: &mut Turn, queue: &ReceiveQueue, relay: RelayId) {
        let id = queue.id;
        if !self.begin(id) {
            return;
        }
        if queue.invite {
            turn.ask(BeginInvite { invite: id.invite().into(), relay }, move |begun| {
                QueueEvent::InviteBegun(id, begun)
            });
        } else {
            turn.ask(BeginReceiveQueue { receive_queue: id.into(), relay }, move |begun| {
                QueueEvent::Begun(id, begun.ok().and_then(Result::ok))
            });
        }
    }

    fn invite_begun(
        &mut self,
        step: &mut Step,
        id: ReceiveQueueId,
        begun: Asked<[u8; 32], BeginInviteError>,
    ) -> Result<(), StoreError> {
        if begun == Ok(Err(BeginInviteError::RateLimited)) {
            // Too many new contacts within the hour: it is taken back, and whoever waits for it is told.
            self.busy.remove(&id);
            step.turn.wish(InviteEvent::End(id.invite()));
            return Ok(());
        }
        self.begun(step, id, begun.ok().and_then(Result::ok))
    }

    fn begun(
        &mut self,
        step: &mut Step,
        id: ReceiveQueueId,
        key: Option<[u8; 32]>,
    ) -> Result<(), StoreError> {
        let Some(key) = key else { return self.later(step.turn, id) };
        self.busy.remove(&id);
        step.turn.store.set_auth_key(id, &key)?;
        self.look_at(step, id)
    }

    /// keyvault could not: its step is made again later.
    fn later(&mut self, turn: &mut Turn, id: ReceiveQueueId) -> Result<(), StoreError> {
        self.busy.remove(&id);
        turn.after(VAULT_RETRY, Timer::User(User::ReceiveQueue(id)));
        Ok(())
    }

    fn at_relay(&mut self, step: &mut Step, queue: ReceiveQueue, relay: RelayId) -> Result<(), StoreError> {
        let id = queue.id;
        let user = User::ReceiveQueue(id);
        let early = matches!(queue.state, ReceiveQueueState::Creating | ReceiveQueueState::Leaving);
        if early && step.circuits.failures(user) >= FAILURES_MAX {
            return start_over(step, &queue);
        }
        let Some(circuit) = step.circuits.to(step.turn, relay, queue.isolation, user) else {
            return Ok(());
        };
        let Some(created) = queue.created else {
            let Some(receiver_key) = queue.auth_key else { return start_over(step, &queue) };
            if self.begin(id) {
                step.command(circuit, MailboxCall::Create(receiver_key), None, move |came| {
                    QueueEvent::Created(id, came)
                });
            }
            return Ok(());
        };
        match queue.state {
            ReceiveQueueState::Leaving => self.leave_blob(step, circuit, id, &created),
            ReceiveQueueState::Deleting => {
                self.delete(step, circuit, id, &created);
                Ok(())
            }
            _ => self.keep_live(step, circuit, id, &created),
        }
    }

    fn created(&mut self, step: &mut Step, id: ReceiveQueueId, came: Came) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(queue) = step.turn.store.receive_queue(id)? else { return Ok(()) };
        match came {
            Came::Created(created) => {
                step.turn.store.set_created(id, &created)?;
                self.look_at(step, id)
            }
            Came::Done | Came::Blob(_) | Came::Refused(_) => start_over(step, &queue),
            Came::Lost | Came::Unsigned => Ok(()),
        }
    }

    fn finish(&mut self, turn: &mut Turn, queue: ReceiveQueue) {
        let id = queue.id;
        let Some(created) = queue.created else { return };
        if !self.begin(id) {
            return;
        }
        if queue.invite {
            let call = FinishInvite { invite: id.invite().into(), created, hints: Vec::new() };
            turn.ask(call, move |finished| QueueEvent::InviteFinished(id, finished));
        } else {
            turn.ask(FinishReceiveQueue { receive_queue: id.into(), created }, move |known| {
                QueueEvent::Finished(id, known.map(|known| *ipc_schema::edge::sure(&known)))
            });
        }
    }

    fn invite_finished(
        &mut self,
        step: &mut Step,
        id: ReceiveQueueId,
        finished: Asked<FinishedInvite, FinishInviteError>,
    ) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(queue) = step.turn.store.receive_queue(id)? else { return Ok(()) };
        match finished {
            Ok(Ok(FinishedInvite { link, blob_id, read_key, blob, expires })) => {
                let Some(invite) = step.turn.store.invite(id.invite())? else {
                    return start_over(step, &queue);
                };
                let (blob_id, read_key) = (Some(blob_id), Some(read_key));
                step.turn.store.fill_invite(&Invite { link, blob_id, read_key, blob, expires, ..invite })?;
                step.turn.store.set_receive_queue_state(id, ReceiveQueueState::Leaving)?;
                self.look_at(step, id)
            }
            // What the relay answered does not fit, or keyvault never heard of it.
            Ok(Err(FinishInviteError::RelayMismatch | FinishInviteError::NoSuchId)) => {
                start_over(step, &queue)
            }
            Ok(Err(FinishInviteError::BadContent | FinishInviteError::Fault(_))) | Err(_) => {
                self.later(step.turn, id)
            }
        }
    }

    fn finished(
        &mut self,
        step: &mut Step,
        id: ReceiveQueueId,
        known: Result<bool, Failed>,
    ) -> Result<(), StoreError> {
        let Ok(known) = known else { return self.later(step.turn, id) };
        self.busy.remove(&id);
        let Some(queue) = step.turn.store.receive_queue(id)? else { return Ok(()) };
        if !known {
            return start_over(step, &queue);
        }
        // It receives from now on; a contact that does not know of it is told.
        step.turn.store.set_receive_queue_state(id, ReceiveQueueState::Live)?;
        self.look_at(step, id)?;
        offer(step.turn, &queue)?;
        changed(step.turn, &queue);
        queue.contact.into_iter().for_each(|contact| step.turn.wish(ArrivalEvent::LookAt(contact)));
        Ok(())
    }

    fn leave_blob(
        &mut self,
        step: &mut Step,
        circuit: CircuitId,
        id: ReceiveQueueId,
        created: &Created,
    ) -> Result<(), StoreError> {
        let Some(invite) = step.turn.store.invite(id.invite())? else { return Ok(()) };
        let (Some(blob_id), Some(read_key)) = (invite.blob_id, invite.read_key) else { return Ok(()) };
        if self.begin(id) {
            let (receiver_queue, blob) = (created.receiver_queue, invite.blob);
            let command = Command::LeaveBlob { receiver_queue, blob_id, read_key, blob };
            let purpose = Purpose::LeaveBlob(id.invite().into());
            step.give(circuit, command, purpose, move |came| QueueEvent::BlobLeft(id, came));
        }
        Ok(())
    }

    fn blob_left(&mut self, step: &mut Step, id: ReceiveQueueId, came: Came) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(queue) = step.turn.store.receive_queue(id)? else { return Ok(()) };
        match came {
            Came::Done => {}
            Came::Created(_) | Came::Blob(_) | Came::Refused(_) => return start_over(step, &queue),
            Came::Lost | Came::Unsigned => return Ok(()),
        }
        step.turn.store.set_receive_queue_state(id, ReceiveQueueState::Live)?;
        step.turn.store.set_invite_state(id.invite(), InviteState::Waiting)?;
        if let Some(contact) = queue.contact {
            step.turn.event(&EventKind::Contact { contact })?;
            introductions::invite_waits(step.turn, contact)?;
        }
        self.look_at(step, id)
    }

    fn keep_live(
        &mut self,
        step: &mut Step,
        circuit: CircuitId,
        id: ReceiveQueueId,
        created: &Created,
    ) -> Result<(), StoreError> {
        let receiver_queue = created.receiver_queue;
        let invite = step.turn.store.invite(id.invite())?;
        let over = invite.filter(|invite| invite.state > InviteState::Waiting && !invite.dropped);
        if let Some(blob_id) = over.and_then(|invite| invite.blob_id)
            && self.dropping.insert(id)
        {
            let command = Command::DropBlob { receiver_queue, blob_id };
            let purpose = Purpose::DropBlob(id.invite().into());
            step.give(circuit, command, purpose, move |came| QueueEvent::BlobDropped(id, came));
        }
        if self.subscriptions.begin(id) {
            let command = Command::Subscribe { receiver_queue, sink: id };
            let purpose = Purpose::Subscribe(id.into());
            step.give(circuit, command, purpose, move |came| QueueEvent::Subscribed(id, came));
        }
        Ok(())
    }

    fn blob_dropped(&mut self, step: &mut Step, id: ReceiveQueueId, came: Came) -> Result<(), StoreError> {
        self.dropping.remove(&id);
        match came {
            Came::Done | Came::Refused(Refused::NoBlob | Refused::NoQueue) => {
                step.turn.store.invite_dropped(id.invite())
            }
            Came::Created(_) | Came::Blob(_) | Came::Refused(_) | Came::Lost | Came::Unsigned => Ok(()),
        }
    }

    fn subscribed(&mut self, step: &mut Step, id: ReceiveQueueId, came: Came) -> Result<(), StoreError> {
        self.subscriptions.ended(id);
        match came {
            Came::Done => self.subscriptions.lives(step.turn, id),
            Came::Refused(Refused::NoQueue) => return self.lost(step, id),
            Came::Created(_) | Came::Blob(_) | Came::Refused(_) => {
                step.turn.after(VAULT_RETRY, Timer::User(User::ReceiveQueue(id)))
            }
            Came::Lost | Came::Unsigned => self.subscriptions.lost(id),
        }
        Ok(())
    }

    /// The relay has lost or expired an own queue: a contact gets another one.
    fn lost(&mut self, step: &mut Step, id: ReceiveQueueId) -> Result<(), StoreError> {
        let Some(queue) = step.turn.store.receive_queue(id)? else { return Ok(()) };
        if let Some(invite) = step.turn.store.invite(id.invite())?
            && invite.state <= InviteState::Waiting
        {
            step.turn.store.set_invite_state(id.invite(), InviteState::Expired)?;
            step.turn.event(&EventKind::Contact { contact: invite.contact })?;
        }
        step.turn.store.drop_intents_of(id)?;
        step.turn.store.drop_receive_queue(id)?;
        step.circuits.leave(step.turn, User::ReceiveQueue(id));
        match queue.contact {
            Some(contact) if has_session(step.turn, contact)? => self.fill(step, contact),
            _ => Ok(()),
        }
    }

    // ---- the end of a queue

    fn delete(&mut self, step: &mut Step, circuit: CircuitId, id: ReceiveQueueId, created: &Created) {
        if self.begin(id) {
            let command = Command::Delete { receiver_queue: created.receiver_queue };
            let purpose = Purpose::Delete(id.into());
            step.give(circuit, command, purpose, move |came| QueueEvent::Deleted(id, came));
        }
    }

    /// Whatever the relay said, it is not asked again; and without keys there is nothing to delete with.
    fn deleted(&mut self, step: &mut Step, id: ReceiveQueueId, came: Came) -> Result<(), StoreError> {
        self.busy.remove(&id);
        match (came, step.turn.store.receive_queue(id)?) {
            (Came::Lost, _) | (_, None) => Ok(()),
            (_, Some(queue)) => self.cancel_keys(step, &queue),
        }
    }

    /// The queue is gone from the relay: its keys go too, those of a session with its last queue.
    fn cancel_keys(&mut self, step: &mut Step, queue: &ReceiveQueue) -> Result<(), StoreError> {
        let id = queue.id;
        step.circuits.leave(step.turn, User::ReceiveQueue(id));
        let session = step.turn.store.removal_of(id)?;
        if let Some(session) = session
            && step.turn.store.removal_waits(session, id)?
        {
            return self.cancelled(step, id, Ok(()));
        }
        if self.begin(id) {
            let then = move |gone| QueueEvent::Cancelled(id, gone);
            match session {
                Some(session) => step
                    .turn
                    .ask(RemoveSession { session: session.into() }, move |gone| then(gone.map(|_| ()))),
                None => step
                    .turn
                    .ask(CancelInvite { invite: id.invite().into() }, move |gone| then(gone.map(|_| ()))),
            };
        }
        Ok(())
    }

    fn cancelled(
        &mut self,
        step: &mut Step,
        id: ReceiveQueueId,
        cancelled: Result<(), Failed>,
    ) -> Result<(), StoreError> {
        if cancelled.is_err() {
            return self.later(step.turn, id);
        }
        self.busy.remove(&id);
        step.turn.store.drop_intents_of(id)?;
        step.turn.store.drop_receive_queue(id)
    }
}

impl Step<'_> {
    fn give(
        &mut self,
        circuit: CircuitId,
        command: Command<ReceiveQueueId>,
        purpose: Purpose,
        then: impl FnOnce(Came) -> QueueEvent + 'static,
    ) {
        self.command(circuit, MailboxCall::Give(command), Some(purpose), then);
    }

    fn command(
        &mut self,
        circuit: CircuitId,
        call: MailboxCall,
        purpose: Option<Purpose>,
        then: impl FnOnce(Came) -> QueueEvent + 'static,
    ) {
        self.circuits.command(self.turn, circuit, Order { call, purpose }, then);
    }
}

/// Where queues of the same contact lie: one relay that goes must not take both along.
fn relays_taken(turn: &Turn, queue: &ReceiveQueue) -> Result<Vec<RelayId>, StoreError> {
    let Some(contact) = queue.contact else { return Ok(Vec::new()) };
    let others = turn.store.receive_queues_of(contact)?.into_iter().filter(|other| other.id != queue.id);
    Ok(others.filter_map(|other| other.relay).collect())
}

fn has_session(turn: &Turn, contact: ContactId) -> Result<bool, StoreError> {
    Ok(turn.store.contact(contact)?.is_some_and(|contact| contact.session.is_some()))
}

fn offer_live(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    for queue in turn.store.receive_queues_of(contact)? {
        if queue.state == ReceiveQueueState::Live {
            offer(turn, &queue)?;
        }
    }
    Ok(())
}

/// Offers a queue inside the session once there is one.
fn offer(turn: &mut Turn, queue: &ReceiveQueue) -> Result<(), StoreError> {
    let Some(contact) = queue.contact else { return Ok(()) };
    if has_session(turn, contact)? && !queue.offered && !turn.store.offer_under_way(queue.id)? {
        turn.store.add_outgoing(contact, OutgoingKind::QueueChange, None, Some(queue.id))?;
        turn.wish(OutboxEvent::Pump(contact));
    }
    Ok(())
}

/// Whoever waits for a contact's queues looks at them.
fn changed(turn: &mut Turn, queue: &ReceiveQueue) {
    if let Some(contact) = queue.contact {
        turn.wish(AcceptEvent::QueueChanged(contact));
    }
}

/// Begins with another relay, under another number: nobody was told of the old one.
fn start_over(step: &mut Step, old: &ReceiveQueue) -> Result<(), StoreError> {
    let turn = &mut *step.turn;
    let fresh = ReceiveQueueId(turn.random_id());
    let isolation = turn.random();
    step.circuits.leave(turn, User::ReceiveQueue(old.id));
    turn.store.drop_receive_queue(old.id)?;
    if old.invite {
        turn.tell(CancelInvite { invite: old.id.invite().into() });
        turn.store.renumber_invite(old.id.invite(), fresh.invite())?;
    }
    if old.state == ReceiveQueueState::Deleting || old.contact.is_none() {
        return Ok(());
    }
    turn.store.add_receive_queue(fresh, old.contact, old.invite, &isolation)?;
    turn.after(START_OVER, Timer::Pick(fresh));
    Ok(())
}
