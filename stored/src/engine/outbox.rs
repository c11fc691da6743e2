//! What goes out: contents are sealed, and kept until the peer has acked them.

mod passing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::Failed;
use ipc_schema::edge::stored_keyvault::{Envelope, Forget, RepairSession, SealEnvelope};
use ipc_schema::limits::IDS_PER_CALL_MAX;

use super::event::{
    AcceptEvent, Asked, DepositEvent, EndEvent, LifeEvent, NotSealed, OutboxEvent, ReceiptEvent, RepairEvent,
    Timer,
};
use super::hold::{self, Wait};
use super::turn::Turn;
use super::{acked, fixing, life, notes, receipts};
use crate::content::{Acks, Comparison, FileChunks, Kind, Range};
use crate::error::StoreError;
use crate::ids::{ContactId, FileId, OutboxId, OutgoingId, RelayId, SessionId};
use crate::store::{Delivery, EventKind, Note, Outgoing, OutgoingKind, OutgoingState, SendChain};

/// Asked of keyvault at a time for one contact. It keeps at most 512 answers for everybody together.
pub(super) const SEALING_MAX: usize = 48;
/// Asked of keyvault at a time in all.
const SEALING_TOTAL_MAX: usize = 192;
/// A content that is missing over there is sealed again no sooner after its last sealing: the second replica may still bring it.
const RESEAL_AFTER: Duration = Duration::from_secs(20);
/// Each time it is sealed again this doubles, so many times: to about a day.
const RESEAL_DOUBLED_MAX: u32 = 12;
/// A new chain is begun no more often for one contact: a peer could have all sealed again without end.
const NUMBER_ANEW_EVERY: Duration = Duration::from_secs(3_600);
/// Wait after keyvault could not seal.
const SEAL_RETRY: Duration = Duration::from_secs(2);

/// What keyvault seals, and may forget.
#[derive(Default)]
pub(super) struct Outbox {
    /// Contacts to look at when the batch is over.
    pump: BTreeSet<ContactId>,
    /// What keyvault seals now, and for whom.
    sealing: BTreeMap<OutgoingId, ContactId>,
    /// Sealed and not known to be forgotten by keyvault.
    unforgotten: BTreeMap<OutboxId, OutgoingId>,
    forget_outbox: Vec<OutboxId>,
    forget_opened: Vec<[u8; 32]>,
}

/// What a sealing that keyvault was asked for came to.
fn not_sealed<T, E: Into<NotSealed>>(told: Asked<T, E>) -> Result<T, NotSealed> {
    told.map_or(Err(NotSealed::Now), |sealed| sealed.map_err(Into::into))
}

impl Outbox {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: OutboxEvent) -> Result<(), StoreError> {
        match event {
            OutboxEvent::Resume => self.resume(turn),
            OutboxEvent::Pump(contact) => {
                self.pump.insert(contact);
                Ok(())
            }
            OutboxEvent::Seal => self.seal_waiting(turn),
            OutboxEvent::Sealed(id, outbox, sealed) => self.sealed(turn, (id, outbox), sealed),
            OutboxEvent::Keep(id, envelopes) => self.keep(turn, id, envelopes),
            OutboxEvent::SealAgain(id) => {
                let outgoing = turn.store.outgoing(id)?;
                let sealing = outgoing.is_some_and(|outgoing| outgoing.state == OutgoingState::Sealing);
                if sealing { self.seal_again(turn, id) } else { Ok(()) }
            }
            OutboxEvent::SealAnew(id) => match turn.store.outgoing(id)? {
                Some(outgoing) if outgoing.state == OutgoingState::Sealed => self.reseal(turn, &outgoing),
                // It will be, or is.
                Some(_) | None => Ok(()),
            },
            OutboxEvent::SealAllAgain(contact) => self.seal_all_again(turn, contact),
            OutboxEvent::Repair(contact, session) => self.repair(turn, contact, session),
            OutboxEvent::AtRelay(id, route) => self.lies_at_relay(turn, id, &route),
            OutboxEvent::Acked(contact, acks) => self.acked(turn, contact, &acks),
            OutboxEvent::NumberAnew(contact) => match turn.store.chain_wanted_behind(contact)? {
                Some(behind) => self.number_anew(turn, contact, behind, Some(Note::OlderCopyHere)),
                None => Ok(()),
            },
            OutboxEvent::Missing(contact, gaps) => self.missing(turn, contact, &gaps),
            OutboxEvent::TakenBack(contact, contents) => {
                for (id, outbox) in contents {
                    self.sealing.remove(&id);
                    self.forget_outbox.extend(outbox);
                }
                self.pump.insert(contact);
                Ok(())
            }
            OutboxEvent::SayNow(contact, kind) => self.say_now(turn, contact, kind),
            OutboxEvent::Compare(contact, said) => self.compare(turn, contact, said),
            OutboxEvent::TellChunks(contact, file, chunks) => self.tell_chunks(turn, (contact, file), chunks),
            OutboxEvent::Passed(id) => self.passed(turn, id),
            OutboxEvent::Unsay(contact, kind) => self.unsay(turn, contact, kind),
            OutboxEvent::Committed(inner) => {
                self.forget_opened.push(inner);
                Ok(())
            }
            OutboxEvent::Forget => {
                self.forget(turn);
                Ok(())
            }
            OutboxEvent::Forgotten(outboxes, told) => self.forgotten(turn, &outboxes, told),
        }
    }

    /// What keyvault seals now.
    #[cfg(test)]
    pub(super) fn sealing(&self) -> usize {
        self.sealing.len()
    }

    /// keyvault is told again to forget, and asked again to seal.
    fn resume(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        turn.store.drop_passing()?;
        for (id, outbox) in turn.store.outboxes_to_forget()? {
            self.unforgotten.insert(outbox, id);
            self.forget_outbox.push(outbox);
        }
        for contact in turn.store.contacts()? {
            self.pump.insert(contact.id);
            turn.wish(OutboxEvent::NumberAnew(contact.id));
            for outgoing in turn.store.outgoing_in_state(contact.id, OutgoingState::Sealing, u32::MAX)? {
                // An accept asks for its first message itself.
                if contact.session.is_some() {
                    self.seal_again(turn, outgoing.id)?;
                }
            }
        }
        Ok(())
    }

    // ---- sealing

    fn seal_waiting(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        while let Some(contact) = self.pump.pop_first() {
            self.seal_for(turn, contact)?;
        }
        Ok(())
    }

    /// Begins sealing what waits for a contact, as far as there is room, and adds a receipt where acks, or what was read,
    /// are still owed then.
    fn seal_for(&mut self, turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
        let Some(contact) = turn.store.contact(id)?.filter(|contact| !contact.blocked) else { return Ok(()) };
        let Some(session) = contact.session else { return Ok(()) };
        let most = u32::try_from(SEALING_MAX).unwrap_or(u32::MAX);
        let words = hold::wait(turn, &contact)? == Wait::Nothing;
        for outgoing in turn.store.waiting(id, words, most)? {
            if !self.may_seal(id) {
                return Ok(());
            }
            self.fix_and_seal(turn, &outgoing, session)?;
        }
        // Asked anew: what was sealed just now carries the acks.
        let due = match turn.store.contact(id)? {
            Some(contact) => contact.ack_due || receipts::is_due(turn, &contact)?,
            None => false,
        };
        if due && !turn.store.under_way(id, OutgoingKind::Receipt)? && self.may_seal(id) {
            self.add_and_seal(turn, id, OutgoingKind::Receipt, session)?;
        }
        Ok(())
    }

    /// One contact's long text leaves places for the others.
    fn may_seal(&self, contact: ContactId) -> bool {
        let for_contact = self.sealing.values().filter(|of| **of == contact).count();
        for_contact < SEALING_MAX && self.sealing.len() < SEALING_TOTAL_MAX
    }

    fn add_and_seal(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        kind: OutgoingKind,
        session: SessionId,
    ) -> Result<(), StoreError> {
        let id = turn.store.add_outgoing(contact, kind, None, None)?;
        match turn.store.outgoing(id)? {
            Some(outgoing) => self.fix_and_seal(turn, &outgoing, session),
            None => Ok(()),
        }
    }

    fn fix_and_seal(
        &mut self,
        turn: &mut Turn,
        outgoing: &Outgoing,
        session: SessionId,
    ) -> Result<(), StoreError> {
        fixing::fix(turn, outgoing)?;
        self.seal(turn, outgoing.id, session)
    }

    fn seal(&mut self, turn: &mut Turn, id: OutgoingId, session: SessionId) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        match hold::wait_of(turn, &outgoing)? {
            Wait::Nothing => {}
            Wait::Repair => {
                turn.after(SEAL_RETRY, Timer::Seal(id));
                return Ok(());
            }
            Wait::Person => return set_aside(turn, id),
        }
        let (Some(content), Some(name)) = (outgoing.content, outgoing.outbox) else { return Ok(()) };
        if self.sealing.insert(id, outgoing.contact).is_some() {
            return Ok(());
        }
        let (session, outbox) = (session.into(), name.into());
        if outgoing.kind == OutgoingKind::Repair {
            turn.ask(RepairSession { session, outbox, content, offer: Vec::new() }, move |sealed| {
                OutboxEvent::Sealed(id, name, not_sealed(sealed))
            });
        } else {
            let offer = outgoing.offer.into_iter().map(Into::into).collect();
            turn.ask(SealEnvelope { session, outbox, content, offer }, move |sealed| {
                OutboxEvent::Sealed(id, name, not_sealed(sealed))
            });
        }
        Ok(())
    }

    fn sealed(
        &mut self,
        turn: &mut Turn,
        (id, outbox): (OutgoingId, OutboxId),
        sealed: Result<Vec<Envelope>, NotSealed>,
    ) -> Result<(), StoreError> {
        let outgoing = turn.store.outgoing(id)?.filter(|outgoing| outgoing.outbox == Some(outbox));
        let Some(outgoing) = outgoing else {
            // It is gone, or was numbered anew while it was sealed.
            self.forget_outbox.push(outbox);
            return Ok(());
        };
        self.sealing.remove(&id);
        let contact = outgoing.contact;
        self.pump.insert(contact);
        let held = hold::wait_of(turn, &outgoing)? == Wait::Person;
        match sealed {
            // keyvault answers in order: had it opened the session anew before it sealed this, that is known by now.
            Ok(_) if outgoing.state == OutgoingState::Sealing && held => {
                self.forget_outbox.push(outbox);
                set_aside(turn, id)
            }
            Ok(envelopes) if outgoing.state == OutgoingState::Sealing => {
                if outgoing.kind == OutgoingKind::Repair {
                    turn.wish(RepairEvent::Begun(contact));
                }
                self.keep_sealed(turn, &outgoing, outbox, envelopes)
            }
            Ok(_) => {
                // Acked while it was sealed again.
                self.forget_outbox.push(outbox);
                turn.store.drop_outgoing(id)
            }
            Err(NotSealed::Repair(refused)) => {
                turn.wish(RepairEvent::Refused(Box::new(outgoing), refused));
                Ok(())
            }
            Err(NotSealed::OtherContent) => {
                // keyvault has other bytes under this name: take another.
                let fresh = OutboxId(turn.random_id());
                self.forget_outbox.push(outbox);
                turn.store.outgoing_sealed(id, turn.now)?;
                turn.store.reseal_outgoing(id, fresh)?;
                self.seal_again(turn, id)
            }
            Err(NotSealed::Now) => {
                self.pump.remove(&contact);
                turn.after(SEAL_RETRY, Timer::Pump(contact));
                turn.after(SEAL_RETRY, Timer::Seal(id));
                Ok(())
            }
        }
    }

    fn seal_again(&mut self, turn: &mut Turn, id: OutgoingId) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        match turn.store.contact(outgoing.contact)?.and_then(|contact| contact.session) {
            Some(session) => self.seal(turn, id, session),
            None => Ok(()),
        }
    }

    fn reseal(&mut self, turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
        if hold::wait_of(turn, outgoing)? != Wait::Nothing {
            return Ok(());
        }
        let outbox = OutboxId(turn.random_id());
        turn.store.reseal_outgoing(outgoing.id, outbox)?;
        self.seal_again(turn, outgoing.id)
    }

    fn seal_all_again(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        for lost in turn.store.sealed_up_to(contact, u64::MAX)? {
            if !life::is_set_aside(turn, &lost)? {
                self.reseal(turn, &lost)?;
            }
        }
        // What takes no number is not sealed again, and would be taken for under way for ever: what it said is owed anew.
        for kind in [
            OutgoingKind::Receipt,
            OutgoingKind::GapRequest,
            OutgoingKind::KeepAlive,
            OutgoingKind::FileChunks,
        ] {
            self.unsay(turn, contact, kind)?;
        }
        Ok(())
    }

    fn repair(&mut self, turn: &mut Turn, contact: ContactId, session: SessionId) -> Result<(), StoreError> {
        match turn.store.unsealed(contact, OutgoingKind::Repair)? {
            Some(_) => Ok(()),
            None => self.add_and_seal(turn, contact, OutgoingKind::Repair, session),
        }
    }

    // ---- what passes

    /// Says something that is worth nothing later, or does not say it at all. One at a time for each contact.
    fn say_now(&mut self, turn: &mut Turn, contact: ContactId, kind: OutgoingKind) -> Result<(), StoreError> {
        let Some(session) = turn.store.contact(contact)?.and_then(|contact| contact.session) else {
            return Ok(());
        };
        if passing::is_under_way(turn, contact)? || !self.may_seal(contact) {
            return Ok(());
        }
        match passing::add(turn, contact, kind)? {
            Some(outgoing) => self.fix_and_seal(turn, &outgoing, session),
            None => Ok(()),
        }
    }

    /// A step of a comparison takes the place of the one before it.
    fn compare(&mut self, turn: &mut Turn, contact: ContactId, said: Comparison) -> Result<(), StoreError> {
        for id in turn.store.not_at_relay(contact, OutgoingKind::Comparison)? {
            self.passed(turn, id)?;
        }
        let Some(contact) = turn.store.contact(contact)?.filter(|contact| !contact.blocked) else {
            return Ok(());
        };
        let Some(session) = contact.session.filter(|_| self.may_seal(contact.id)) else { return Ok(()) };
        match passing::add(turn, contact.id, OutgoingKind::Comparison)? {
            Some(outgoing) => {
                fixing::fix_as(turn, &outgoing, Kind::Comparison(said), turn.now)?;
                self.seal(turn, outgoing.id, session)
            }
            None => Ok(()),
        }
    }

    /// What was told of that file before and has not left is worth nothing any more.
    fn tell_chunks(
        &mut self,
        turn: &mut Turn,
        (contact, file): (ContactId, FileId),
        chunks: FileChunks,
    ) -> Result<(), StoreError> {
        let label = u16::try_from(file.0 % u64::from(u16::MAX)).unwrap_or(0);
        for id in turn.store.not_at_relay(contact, OutgoingKind::FileChunks)? {
            if turn.store.outgoing(id)?.is_some_and(|earlier| earlier.part == label) {
                self.passed(turn, id)?;
            }
        }
        let Some(session) = turn.store.contact(contact)?.and_then(|contact| contact.session) else {
            return Ok(());
        };
        if !self.may_seal(contact) {
            return Ok(());
        }
        let id = turn.store.add_outgoing(contact, OutgoingKind::FileChunks, None, None)?;
        turn.store.label_outgoing(id, label)?;
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        fixing::fix_as(turn, &outgoing, Kind::FileChunks(chunks), turn.now)?;
        self.seal(turn, id, session)
    }

    /// What has not left by now does not.
    fn passed(&mut self, turn: &mut Turn, id: OutgoingId) -> Result<(), StoreError> {
        match passing::withdraw(turn, id)? {
            Some(outgoing) => self.finish(turn, &outgoing),
            None => Ok(()),
        }
    }

    /// Nothing of this kind leaves any more for a contact. The acks in it are still owed.
    fn unsay(&mut self, turn: &mut Turn, contact: ContactId, kind: OutgoingKind) -> Result<(), StoreError> {
        for id in turn.store.not_at_relay(contact, kind)? {
            self.passed(turn, id)?;
            if !kind.is_passing() {
                turn.store.set_ack_due(contact, true)?;
            }
        }
        self.pump.insert(contact);
        Ok(())
    }

    // ---- sealed

    fn keep(&mut self, turn: &mut Turn, id: OutgoingId, envelopes: Vec<Envelope>) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        let Some(outbox) = outgoing.outbox else { return Ok(()) };
        self.keep_sealed(turn, &outgoing, outbox, envelopes)
    }

    /// Makes the envelopes durable, all in one transaction, then lets keyvault forget and the network have them.
    fn keep_sealed(
        &mut self,
        turn: &mut Turn,
        outgoing: &Outgoing,
        outbox: OutboxId,
        envelopes: Vec<Envelope>,
    ) -> Result<(), StoreError> {
        turn.store.outgoing_sealed(outgoing.id, turn.now)?;
        self.unforgotten.insert(outbox, outgoing.id);
        self.forget_outbox.push(outbox);
        turn.wish(DepositEvent::Add(outgoing.id, outgoing.contact, envelopes));
        Ok(())
    }

    // ---- at a relay, and at the peer

    /// One relay has it: the text shows that.
    fn lies_at_relay(
        &mut self,
        turn: &mut Turn,
        id: OutgoingId,
        route: &[RelayId],
    ) -> Result<(), StoreError> {
        if !turn.store.outgoing_relayed(id, turn.now)? {
            return Ok(());
        }
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        turn.wish(AcceptEvent::Relayed(outgoing.contact));
        if !outgoing.kind.numbered() {
            self.pump.insert(outgoing.contact);
            return self.finish(turn, &outgoing);
        }
        let Some(message) = outgoing.message else { return Ok(()) };
        turn.store.set_route(&message, route)?;
        if turn.store.parts_left(&message)?.0 == 0 {
            reached(turn, &message, outgoing.contact, Delivery::Relayed)?;
        }
        Ok(())
    }

    /// It needs nothing more; the row waits for keyvault's forgetting where that is not certain yet.
    fn finish(&mut self, turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
        let certain = outgoing.state == OutgoingState::Sealed
            && outgoing.outbox.is_none_or(|outbox| !self.unforgotten.contains_key(&outbox));
        if certain { turn.store.drop_outgoing(outgoing.id) } else { turn.store.outgoing_acked(outgoing.id) }
    }

    /// The peer tells what it has durably received, and what is missing there.
    fn acked(&mut self, turn: &mut Turn, contact: ContactId, acks: &Acks) -> Result<(), StoreError> {
        let chain = turn.store.send_chain(contact)?;
        if acks.chain < chain.chain {
            return Ok(());
        }
        // The next one names the hash of the last that is acked.
        let sealed = turn.store.sealed_up_to(contact, acks.up_to.saturating_add(1))?;
        if acks.chain > chain.chain || !acked::is_what_was_sent(acks, &chain, &sealed) {
            return self.number_anew(turn, contact, acks.chain, Some(Note::OlderCopyHere));
        }
        if acked::hides_what_waits(turn, contact, acks)? {
            return self.number_anew(turn, contact, acks.chain, None);
        }
        for outgoing in sealed.into_iter().filter(|outgoing| outgoing.sequence <= acks.up_to) {
            if acks.cover(outgoing.sequence) {
                self.delivered(turn, &outgoing)?;
            } else {
                self.reseal_if_lost(turn, &outgoing)?;
            }
        }
        turn.wish(LifeEvent::Heard(contact));
        Ok(())
    }

    /// The peer has other contents under these numbers, or numbers that were never used here: an older copy of this profile is in
    /// use, as `note` says. Or it misses what it once acked. All that is not acked gets numbers of a new chain, in the order in which it was written.
    fn number_anew(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        peers_chain: Timestamp,
        note: Option<Note>,
    ) -> Result<(), StoreError> {
        let last = turn.store.renumbered_at(contact)?;
        // A peer cannot have all sealed again and again.
        if last.is_recent(turn.now, NUMBER_ANEW_EVERY) {
            turn.store.want_chain_behind(contact, peers_chain.max(Timestamp(1)))?;
            turn.after(NUMBER_ANEW_EVERY.saturating_sub(turn.now.since(last)), Timer::NumberAnew(contact));
            return Ok(());
        }
        let former = turn.store.send_chain(contact)?.chain.max(peers_chain);
        let chain = Timestamp(turn.now.0.max(former.0.saturating_add(1)));
        for outgoing in turn.store.sealed_up_to(contact, u64::MAX)? {
            self.sealing.remove(&outgoing.id);
            self.forget_outbox.extend(outgoing.outbox);
        }
        turn.store.unnumber_outgoing(contact)?;
        turn.store.set_send_chain(contact, &SendChain { chain, sequence: 0, hash: None })?;
        turn.store.set_renumbered_at(contact, turn.now)?;
        self.pump.insert(contact);
        note.map_or(Ok(()), |note| notes::tell(turn, contact, note))
    }

    fn delivered(&mut self, turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.finish(turn, outgoing)?;
        if let Some(receive_queue) = outgoing.offer {
            turn.store.set_offered(receive_queue)?;
        }
        if let Some(change) = outgoing.change {
            turn.store.change_acked(change)?;
        }
        if let Some(message) = &outgoing.message
            && turn.store.parts_left(message)?.1 == 0
        {
            reached(turn, message, outgoing.contact, Delivery::Delivered)?;
            // They may have said before that they read it.
            turn.wish(ReceiptEvent::GoOn(outgoing.contact));
        }
        Ok(())
    }

    fn missing(&mut self, turn: &mut Turn, contact: ContactId, gaps: &[Range]) -> Result<(), StoreError> {
        let last = gaps.iter().map(|gap| gap.last).max().unwrap_or(0);
        for outgoing in turn.store.sealed_up_to(contact, last)? {
            if gaps.iter().any(|gap| gap.first <= outgoing.sequence && outgoing.sequence <= gap.last) {
                self.reseal_if_lost(turn, &outgoing)?;
            }
        }
        Ok(())
    }

    /// The peer misses it though later ones came: sealed again, unless it may still be on its way.
    fn reseal_if_lost(&mut self, turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
        // Somebody who never takes it does not have it sealed without end.
        let doubled = outgoing.reseals.min(RESEAL_DOUBLED_MAX);
        let ripe = turn.now.since(outgoing.sealed_at) >= RESEAL_AFTER * (1 << doubled);
        let sealed = outgoing.state == OutgoingState::Sealed;
        let waits = hold::wait_of(turn, outgoing)? != Wait::Nothing;
        if !sealed || !ripe || waits || turn.store.has_deposit(outgoing.id)? {
            return Ok(());
        }
        turn.store.count_reseal(outgoing.id)?;
        self.reseal(turn, outgoing)
    }

    // ---- what keyvault may forget

    /// After the signatures of this batch: nobody waits for it.
    fn forget(&mut self, turn: &mut Turn) {
        while !self.forget_outbox.is_empty() || !self.forget_opened.is_empty() {
            let outbox = first_of(&mut self.forget_outbox);
            let opened = first_of(&mut self.forget_opened);
            let call = Forget { outbox: outbox.iter().copied().map(Into::into).collect(), opened };
            turn.ask(call, move |told| OutboxEvent::Forgotten(outbox, told.map(|_| ())));
        }
    }

    fn forgotten(
        &mut self,
        turn: &mut Turn,
        outboxes: &[OutboxId],
        told: Result<(), Failed>,
    ) -> Result<(), StoreError> {
        if told.is_err() {
            // After a start keyvault is told again.
            return Ok(());
        }
        for outbox in outboxes {
            let Some(id) = self.unforgotten.remove(outbox) else { continue };
            let acked =
                turn.store.outgoing(id)?.is_some_and(|outgoing| outgoing.state == OutgoingState::Acked);
            if acked {
                turn.store.drop_outgoing(id)?;
            }
        }
        Ok(())
    }
}

/// It is sealed when the person has it go on, as all is that is not acked.
fn set_aside(turn: &Turn, id: OutgoingId) -> Result<(), StoreError> {
    turn.store.outgoing_sealed(id, turn.now)
}

fn first_of<T>(ids: &mut Vec<T>) -> Vec<T> {
    ids.drain(..ids.len().min(IDS_PER_CALL_MAX)).collect()
}

fn reached(turn: &mut Turn, id: &str, contact: ContactId, state: Delivery) -> Result<(), StoreError> {
    turn.store.add_moment(id, state, turn.now)?;
    if turn.store.advance_message(id, state)? {
        turn.event(&EventKind::Delivery { id: id.to_owned(), contact, state })?;
    }
    if let Some(end) = turn.store.begin_life(id, turn.now)? {
        turn.event(&EventKind::Message { id: id.to_owned() })?;
        turn.wish(EndEvent::Begun(end));
    }
    Ok(())
}
