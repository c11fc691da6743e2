//! The conversation engine: decides delivery. No sockets, no clock: [`Engine::handle`] takes what happened and says what to do.
//!
//! All inputs of one call are one transaction of the store, and its actions are given out only once that is durable. What is
//! in memory beside the store is what is under way; it can be thrown away at any time, for every effect is repeated by an id
//! that stands in the store (docs/architecture.md, "Crash rules"). A failing disk does just that: the engine is halted.
//!
//! Each flow is a file with a state of its own and one door, `handle`. It may touch the [`Turn`] and the circuits, knows no other flow,
//! and wishes for events where it wants something of one.

mod accepts;
mod acked;
mod aged;
mod attributes;
mod blobs;
mod changes;
mod circuits;
mod claimed;
mod claims;
mod comparison;
mod comparison_run;
mod contacts;
mod conversations;
mod deposits;
mod drafts;
mod ends;
mod event;
mod file_arrivals;
mod file_requests;
mod file_rows;
mod file_sends;
mod files;
mod fixing;
mod hold;
mod inbox;
mod interface;
mod introducing;
mod introduction_steps;
mod introductions;
mod invites;
mod life;
mod meeting_steps;
mod met;
mod names;
mod newer;
mod notes;
mod oneself;
mod outbox;
mod own_texts;
mod places;
mod queues;
mod reading;
mod receipts;
mod received;
mod removal;
mod repair;
mod requests;
mod retention;
mod search;
mod subscriptions;
mod taking_back;
mod their_changes;
mod timers;
mod turn;
mod twins;
mod typing;

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{self, Closed, FileReason, FileState};
use rand_core::CryptoRng;

pub use file_requests::{BytesOf, DropIn, FilesBefore, KeepIn, PieceLost, TakeIn, TakenIn};
pub use interface::{
    Action, Arrived, ArrivedChunk, Came, CircuitId, Input, MailboxCall, Network, OpenedCircuit, Taken, Ticket,
};
pub use requests::{
    AcceptOf, Accepting, Asks, ComparisonWith, Counts, DraftOf, EventsAfter, FirstMatches, FirstPage, Info,
    InviteOf, Matches, MessageOf, NewestEvent, NextMatches, NextPage, PAGE, Page, ProfileName, Query,
    Question, Reply, Request, RequestId, Search, Told, Writing, WritingAfter, WritingChange, settled,
};

use self::accepts::Accepts;
use self::circuits::Circuits;
use self::claims::Claims;
use self::comparison::Comparisons;
use self::deposits::Deposits;
use self::ends::Ends;
use self::event::{
    AcceptEvent, ArrivalEvent, CircuitEvent, ClaimEvent, ComparisonEvent, ContactEvent, DepositEvent,
    EndEvent, Event, FileSendEvent, InboxEvent, InviteEvent, LifeEvent, OutboxEvent, QueueEvent,
    ReceiptEvent, RepairEvent, RetentionEvent, Timer, TypingEvent,
};
use self::file_arrivals::FileArrivals;
use self::file_sends::FileSends;
use self::inbox::Inbox;
use self::life::Life;
use self::outbox::Outbox;
use self::queues::Queues;
use self::repair::Repair;
use self::requests::Asker;
use self::retention::Retention;
use self::turn::Turn;
use self::typing::Typing;
use crate::error::StoreError;
use crate::store::{Decoy, Delivery, Store};

/// How long nothing is tried after the disk failed.
const SUSPENDED: Duration = Duration::from_secs(3);
/// How often things that have outlived their use are dropped.
const HOUSEKEEPING: Duration = Duration::from_secs(3_600);
/// A clock that is set back by less is its drift being corrected; waiting it out is cheaper.
const SET_BACK: Duration = Duration::from_secs(1);

/// The engine. One per unlocked profile.
pub struct Engine {
    turn: Turn,
    circuits: Circuits,
    flows: Flows,
    halted: Option<Halt>,
    /// The store has not been told yet.
    clock_set_back: bool,
}

/// Why nothing is begun.
#[derive(Clone, Copy)]
struct Halt {
    /// What whoever asks is told.
    why: Closed,
    /// When it is tried again; `None`: not by this engine.
    until: Option<Timestamp>,
}

/// What is under way: lost with the process, and made anew from the store.
#[derive(Default)]
struct Flows {
    queues: Queues,
    accepts: Accepts,
    inbox: Inbox,
    outbox: Outbox,
    deposits: Deposits,
    repair: Repair,
    life: Life,
    typing: Typing,
    ends: Ends,
    retention: Retention,
    comparisons: Comparisons,
    claims: Claims,
    sends: FileSends,
    arrivals: FileArrivals,
}

impl Flows {
    /// Contacts are told to ui with what is kept nowhere.
    fn complete(&self, turn: &Turn, reply: &mut Reply) -> Result<(), StoreError> {
        let mut told = Ok(());
        reply.each_message(|message| match file_rows::of_message(&turn.store, &message.id) {
            Ok(files) => message.files = files,
            Err(error) => told = Err(error),
        });
        reply.each_file(|file| self.move_on(turn.now, file));
        reply.each_contact(|contact| {
            contact.is_typing = self.typing.is_shown(contact.id);
            contact.comparing = self.comparisons.state(contact.id);
        });
        told
    }
}

impl Flows {
    /// How a file moves is known to whoever moves it.
    fn move_on(&self, now: Timestamp, file: &mut ui_stored::File) {
        let Some(id) = file_rows::id_of(&file.id).filter(|_| file.state == FileState::Waiting) else {
            return;
        };
        if let Some(moving) = self.sends.moving(id, now) {
            let waits = if moving.full {
                Some(FileReason::RelaysFull)
            } else {
                moving.waits_for_them.then_some(FileReason::Away)
            };
            file_rows::moves(file, &moving.progress, waits);
        } else if let Some(progress) = self.arrivals.progress(id, now) {
            file_rows::moves(file, &progress, Some(FileReason::Away));
        }
    }
}

impl Engine {
    /// An engine on an open store. Nothing is done before [`Engine::start`].
    #[must_use]
    pub fn new(store: Store, rng: Box<dyn CryptoRng>) -> Self {
        Self {
            turn: Turn::new(store, rng),
            circuits: Circuits::default(),
            flows: Flows::default(),
            halted: None,
            clock_set_back: false,
        }
    }

    /// An engine that only answers questions, because its store can only be read.
    #[must_use]
    pub fn reading(store: Store, rng: Box<dyn CryptoRng>, why: Closed) -> Self {
        Self { halted: Some(Halt { why, until: None }), ..Self::new(store, rng) }
    }

    /// Why nothing is kept now; questions are answered from what can be read.
    #[must_use]
    pub fn trouble(&self) -> Option<Closed> {
        self.halted.map(|halt| halt.why)
    }

    /// Takes up everything that the store says is unfinished. keyvault and onion may be called from now on.
    pub fn start(&mut self, now: Timestamp) -> Vec<Action> {
        self.turn.now = now;
        if self.halted.is_some() {
            return Vec::new();
        }
        self.transaction(Self::resume).unwrap_or_else(|error| self.halt(&error))
    }

    /// Handles what happened, as one transaction, and says what to do. Questions are answered from what is durable.
    pub fn handle(&mut self, now: Timestamp, inputs: Vec<Input>) -> Vec<Action> {
        self.set_now(now);
        let (queries, inputs): (Vec<_>, Vec<_>) =
            inputs.into_iter().partition(|input| matches!(input, Input::Query(..)));
        let mut actions = if inputs.is_empty() { Vec::new() } else { self.apply(inputs) };
        for query in queries {
            if let Input::Query(request, query) = query {
                let answer = self.query(*query).and_then(|mut reply| {
                    self.flows.complete(&self.turn, &mut reply)?;
                    Ok(reply)
                });
                let answer = self.turn.store.trusted(answer);
                if let Err(error @ StoreError::Damaged) = &answer {
                    // What is damaged in one place is not written in another.
                    actions.extend(self.halt(error));
                }
                actions.push(Action::Answer(request, answer.map(Box::new).map_err(|error| error.closed())));
            }
        }
        actions
    }

    /// Has the decoy live on beside what is kept here.
    ///
    /// # Errors
    /// What the disk says of the decoy.
    pub fn keep_decoy(&self, decoy: &Decoy) -> Result<(), StoreError> {
        decoy.live_on(&self.turn.store)
    }

    /// When [`Input::Tick`] is wanted.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        match self.halted {
            Some(halt) => halt.until,
            None => self.turn.next_wake(),
        }
    }

    // ---- a batch

    fn apply(&mut self, inputs: Vec<Input>) -> Vec<Action> {
        if let Some(halt) = self.halted {
            return self.apply_halted(halt, inputs);
        }
        let requests: Vec<RequestId> = inputs.iter().filter_map(request_of).collect();
        let work = |engine: &mut Self| {
            if engine.clock_set_back {
                engine.after_set_back()?;
            }
            inputs.into_iter().try_for_each(|input| engine.input(input))
        };
        match self.transaction(work) {
            Ok(actions) => actions,
            Err(error) => {
                let mut actions = self.halt(&error);
                let why = error.closed();
                actions.extend(requests.into_iter().map(|request| Action::Answer(request, Err(why))));
                actions
            }
        }
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<Vec<Action>, StoreError> {
        self.turn.store.begin()?;
        let done = work(self).and_then(|()| self.end_of_batch());
        if done.is_err() || !self.turn.store.is_sound() {
            self.turn.store.rollback();
            return self.turn.store.trusted(done).map(|()| Vec::new());
        }
        self.turn.store.commit()?;
        let mut actions = self.turn.finish();
        for action in &mut actions {
            if let Action::Answer(_, Ok(reply)) = action {
                // What was done is durable, whatever can be read now.
                let _ = self.flows.complete(&self.turn, reply);
            }
        }
        Ok(actions)
    }

    /// What is better done once for all inputs of a batch.
    fn end_of_batch(&mut self) -> Result<(), StoreError> {
        self.run(ArrivalEvent::Settle)?;
        self.run(InboxEvent::Open)?;
        self.run(OutboxEvent::Seal)?;
        self.run(InboxEvent::Acknowledge)?;
        self.run(OutboxEvent::Forget)?;
        blobs::look(&mut self.turn)
    }

    /// Tells a flow something, and then whomever it wishes to be told.
    fn run(&mut self, event: impl Into<Event>) -> Result<(), StoreError> {
        self.tell(event.into())?;
        self.grant_wishes()
    }

    /// Depth first: as if each flow had called the others at its end.
    fn grant_wishes(&mut self) -> Result<(), StoreError> {
        let mut events: Vec<Event> = self.turn.take_wishes().into_iter().rev().collect();
        while let Some(event) = events.pop() {
            self.tell(event)?;
            events.extend(self.turn.take_wishes().into_iter().rev());
        }
        Ok(())
    }

    fn tell(&mut self, event: Event) -> Result<(), StoreError> {
        let Self { turn, circuits, flows, .. } = self;
        match event {
            Event::Circuits(event) => circuits.handle(turn, event),
            Event::Invites(event) => invites::handle(turn, event),
            Event::Queues(event) => flows.queues.handle(turn, circuits, event),
            Event::Accepts(event) => flows.accepts.handle(turn, circuits, event),
            Event::Contacts(event) => contacts::handle(turn, event),
            Event::Comparisons(event) => flows.comparisons.handle(turn, event),
            Event::Inbox(event) => flows.inbox.handle(turn, circuits, event),
            Event::Outbox(event) => flows.outbox.handle(turn, event),
            Event::Deposits(event) => flows.deposits.handle(turn, circuits, event),
            Event::Repair(event) => flows.repair.handle(turn, event),
            Event::Life(event) => flows.life.handle(turn, circuits, event),
            Event::Receipts(event) => receipts::handle(turn, event),
            Event::Typing(event) => flows.typing.handle(turn, event),
            Event::Ends(event) => flows.ends.handle(turn, circuits, event),
            Event::Claims(event) => flows.claims.handle(turn, event),
            Event::Retention(event) => flows.retention.handle(turn, circuits, event),
            Event::FileSends(event) => flows.sends.handle(turn, circuits, event),
            Event::Arrivals(event) => flows.arrivals.handle(turn, circuits, event),
        }
    }

    // ---- what happens

    fn resume(&mut self) -> Result<(), StoreError> {
        self.after_set_back()?;
        self.turn.store.prune_events()?;
        self.run(InboxEvent::Resume)?;
        self.run(OutboxEvent::Resume)?;
        self.run(DepositEvent::Resume)?;
        self.run(RepairEvent::Resume)?;
        self.run(QueueEvent::Resume)?;
        self.run(AcceptEvent::Resume)?;
        self.run(LifeEvent::Resume)?;
        self.run(ReceiptEvent::Resume)?;
        self.run(ClaimEvent::Resume)?;
        self.run(RetentionEvent::Look)?;
        blobs::resume(&mut self.turn)?;
        self.run(FileSendEvent::Resume)?;
        self.run(ArrivalEvent::Resume)?;
        self.turn.after(HOUSEKEEPING, Timer::Housekeeping);
        Ok(())
    }

    fn input(&mut self, input: Input) -> Result<(), StoreError> {
        match input {
            Input::Request(id, request) => self.request(id, *request),
            Input::Query(..) => Ok(()),
            Input::Vault(ticket, told) => match self.turn.told(ticket, *told) {
                Some(event) => self.run(event),
                None => Ok(()),
            },
            Input::Opened(id, opened) => self.run(CircuitEvent::Opened(id, opened)),
            Input::Closed(id) => self.run(CircuitEvent::Closed(id)),
            Input::Mailbox(ticket, came) => self.run(CircuitEvent::Answered(ticket, came)),
            Input::Picked(ticket, relay) => self.run(QueueEvent::Picked(ticket, relay)),
            Input::Arrived(arrived) => self.run(InboxEvent::Arrived(arrived)),
            Input::Chunk(arrived, _) => self.run(ArrivalEvent::Came(arrived)),
            Input::Network(network) => self.run(CircuitEvent::Network(network)),
            Input::OnionCame => self.run(CircuitEvent::OnionCame),
            Input::OnionGone => self.run(CircuitEvent::OnionGone),
            Input::Tick => self.turn.due().into_iter().try_for_each(|timer| self.timer(timer)),
        }
    }

    fn timer(&mut self, timer: Timer) -> Result<(), StoreError> {
        match timer {
            Timer::Circuit(id) => self.run(CircuitEvent::Retry(id)),
            Timer::User(user) => self.run(Event::look_at(user)),
            Timer::Pick(id) => self.run(QueueEvent::LookAt(id)),
            Timer::Accept(id) => self.run(AcceptEvent::PatienceOver(id)),
            Timer::Gap(contact) => self.run(InboxEvent::GapDue(contact)),
            Timer::Pump(contact) => self.run(OutboxEvent::Pump(contact)),
            Timer::Acknowledge(id) => self.run(InboxEvent::AckAgain(id)),
            Timer::Prove(id) => self.run(QueueEvent::Prove(id)),
            // The end of every batch does.
            Timer::Open => Ok(()),
            Timer::Seal(id) => self.run(OutboxEvent::SealAgain(id)),
            Timer::NumberAnew(contact) => self.run(OutboxEvent::NumberAnew(contact)),
            Timer::Slow(id) => self.run(DepositEvent::Slow(id)),
            Timer::Repair(contact) => self.run(RepairEvent::Due(contact)),
            Timer::KeepAlive(contact) => self.run(RepairEvent::KeepAlive(contact)),
            Timer::Housekeeping => {
                self.turn.after(HOUSEKEEPING, Timer::Housekeeping);
                self.turn.store.prune_events()?;
                introductions::expire(&mut self.turn)?;
                blobs::housekeeping(&mut self.turn)?;
                self.run(ClaimEvent::Look)?;
                self.run(InviteEvent::Expire)
            }
            Timer::Life => self.run(LifeEvent::Look),
            Timer::Receipt(contact) => self.run(ReceiptEvent::Due(contact)),
            Timer::ReadThere(contact) => self.run(ReceiptEvent::GoOn(contact)),
            Timer::Passed(id) => self.run(OutboxEvent::Passed(id)),
            Timer::Cease(contact) => self.run(TypingEvent::Cease(contact)),
            Timer::TypingOver(contact) => self.run(TypingEvent::Over(contact)),
            Timer::Ends => self.run(EndEvent::Look),
            Timer::Comparison(contact) => self.run(ComparisonEvent::Due(contact)),
            Timer::Claim(contact) => self.run(ClaimEvent::LookAt(contact)),
            Timer::Retention => self.run(RetentionEvent::Look),
            Timer::FilesTo(contact) => self.run(FileSendEvent::Drops(contact)),
            Timer::FilesFrom(contact) => self.run(ArrivalEvent::Due(contact)),
            Timer::Blobs => blobs::remove(&mut self.turn),
        }
    }

    // ---- ui

    fn request(&mut self, id: RequestId, what: Request) -> Result<(), StoreError> {
        match what {
            Request::MakeInvite(call) => self.run(InviteEvent::New(Asker::of(id, &call), call.name)),
            Request::CancelInvite(call) => self.run(InviteEvent::Cancel(Asker::of(id, &call), call.id)),
            Request::AcceptInvite(call) => {
                let request = Asker::of(id, &call);
                self.run(AcceptEvent::Begin { request, link: call.link, name: call.name })
            }
            Request::ChangeContact(call) => {
                let request = Asker::of(id, &call);
                self.run(ContactEvent::Change { request, who: call.who, action: call.action })
            }
            Request::SetProfileName(call) => {
                self.run(ContactEvent::SetProfileName(Asker::of(id, &call), call.name))
            }
            Request::AskSafetyNumber(call) => {
                self.run(ContactEvent::SafetyNumber(Asker::of(id, &call), call.who))
            }
            Request::CompareCode(call) => {
                let request = Asker::of(id, &call);
                self.run(ContactEvent::CompareCode { request, who: call.who, code: call.code })
            }
            Request::CompareShort(call) => self.run(ComparisonEvent::Act(Asker::of(id, &call), call)),
            Request::MarkRead(call) => {
                let read = conversations::mark_read(&mut self.turn, &call.who, &call.up_to)?;
                self.turn.answer(Asker::of(id, &call), read);
                self.grant_wishes()
            }
            Request::SendText(call) => {
                let request = Asker::of(id, &call);
                let sent = conversations::send(&mut self.turn, call)?;
                self.turn.answer(request, sent);
                self.grant_wishes()
            }
            Request::EditText(call) => self.at_once(id, call, changes::edit),
            Request::DeleteText(call) => self.at_once(id, call, changes::delete),
            Request::React(call) => self.at_once(id, call, changes::react),
            Request::Draft(call) => {
                let request = Asker::of(id, &call);
                let kept = drafts::keep(&mut self.turn, call)?;
                self.turn.answer(request, kept);
                Ok(())
            }
            Request::RetryText(call) => self.at_once(id, call, |turn, call| own_texts::retry(turn, &call.id)),
            Request::CancelText(call) => {
                self.at_once(id, call, |turn, call| own_texts::cancel(turn, &call.id))
            }
            Request::ForwardText(call) => self.at_once(id, call, own_texts::forward),
            Request::TellTyping(call) => self.run(TypingEvent::Own { request: Asker::of(id, &call), call }),
            Request::Introduce(call) => self.at_once(id, call, introducing::introduce),
            Request::AnswerIntroduction(call) => self.at_once(id, call, introductions::answer),
            Request::SendFiles(call) => self.at_once(id, call, files::send),
            Request::ActOnFile(call) => self.at_once(id, call, files::act),
            Request::TakeIn(call) => self.at_once(id, call, |turn, call| blobs::take_in(turn, &call)),
            Request::KeepIn(call) => self.at_once(id, call, blobs::keep_in),
            Request::DropIn(call) => self.at_once(id, call, blobs::drop_in),
            Request::PieceLost(call) => self.at_once(id, call, |turn, call| blobs::piece_lost(turn, &call)),
        }
    }

    /// Does what is asked where nobody else has to be asked for it.
    fn at_once<C: Asks>(
        &mut self,
        id: RequestId,
        call: C,
        does: impl FnOnce(&mut Turn, C) -> names::Found<C::Answer, C::Error>,
    ) -> Result<(), StoreError> {
        let request = Asker::of(id, &call);
        let outcome = does(&mut self.turn, call)?;
        self.turn.answer(request, outcome);
        self.grant_wishes()
    }

    fn query(&self, query: Query) -> Result<Reply, StoreError> {
        let store = &self.turn.store;
        Ok(match query {
            Query::ProfileName(_) => Reply::ProfileName(Ok(store.profile_name()?)),
            Query::Count(_) => Reply::Count(Ok(self.counts()?)),
            Query::Invites(_) => Reply::Invites(Ok(store.invites()?)),
            Query::InviteOf(ask) => Reply::InviteOf(Ok(store.invite_of(ask.contact)?)),
            Query::AcceptOf(ask) => Reply::AcceptOf(self.flows.accepts.progress(store, &ask.link)?),
            Query::Contacts(_) => Reply::Contacts(Ok(store.contacts()?)),
            Query::MessageOf(ask) => Reply::MessageOf(conversations::message(store, &ask.id)?),
            Query::FirstPage(ask) => Reply::FirstPage(conversations::first_page(store, &ask)?),
            Query::NextPage(ask) => Reply::NextPage(Ok(conversations::page(store, ask)?)),
            Query::EventsAfter(ask) => Reply::EventsAfter(Ok(conversations::told_after(store, ask.since)?)),
            Query::NewestEvent(_) => Reply::NewestEvent(Ok(store.newest_event()?)),
            Query::DraftOf(ask) => Reply::DraftOf(drafts::draft(store, &ask.who)?),
            Query::FirstMatches(ask) => Reply::FirstMatches(search::first(store, &ask)?),
            Query::NextMatches(ask) => Reply::NextMatches(Ok(search::next(store, ask)?)),
            Query::AskInfo(ask) => Reply::AskInfo(own_texts::info(store, &ask.id)?),
            Query::ComparisonWith(ask) => {
                Reply::ComparisonWith(self.flows.comparisons.look(store, &ask.who)?)
            }
            Query::FilesBefore(ask) => Reply::FilesBefore(file_rows::before(store, &ask)?),
            Query::BytesOf(ask) => Reply::BytesOf(blobs::bytes_of(store, &ask)?),
            Query::WritingAfter(ask) => Reply::WritingAfter(Ok(self.flows.typing.after(ask.change))),
        })
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        let store = &self.turn.store;
        Ok(Counts {
            outbox: store.count_in_state(Delivery::Queued)?,
            at_relay: store.count_in_state(Delivery::Relayed)?,
            mailboxes: store.live_receive_queues()?,
            full: store.full_queues()?,
            unread: store.unread()?,
            proof_at: self.circuits.proof_at(),
            stage: self.circuits.network().stage,
            clock: self.circuits.network().clock,
        })
    }

    // ---- a disk that fails

    /// Nothing can be kept: forgets all that is under way, and lets go of every circuit. It is taken up again later, but where the file
    /// is damaged.
    fn halt(&mut self, error: &StoreError) -> Vec<Action> {
        self.turn.forget();
        let mut flows = std::mem::take(&mut self.flows);
        self.flows.typing = std::mem::take(&mut flows.typing).ended(self.turn.now);
        let why = error.closed();
        self.halted = Some(Halt { why, until: error.passes().then(|| self.turn.now.after(SUSPENDED)) });
        let waiting = flows.accepts.waiting().chain(flows.claims.waiting());
        let waiting = waiting.map(|request| Action::Answer(request, Err(why)));
        // Whoever was shown to write is shown so no longer.
        self.circuits.forget().chain(waiting).chain([Action::EventsGrew]).collect()
    }

    /// The disk failed: nothing is begun, and what onion tells is remembered.
    fn apply_halted(&mut self, halt: Halt, inputs: Vec<Input>) -> Vec<Action> {
        let mut actions = Vec::new();
        for input in inputs {
            match input {
                Input::OnionCame => self.circuits.note_onion(true),
                Input::OnionGone => self.circuits.note_onion(false),
                Input::Network(network) => self.circuits.note_network(network),
                other => actions.extend(request_of(&other).map(|id| Action::Answer(id, Err(halt.why)))),
            }
        }
        if halt.until.is_some_and(|until| self.turn.now >= until) {
            self.halted = None;
            actions.extend(self.transaction(Self::resume).unwrap_or_else(|error| self.halt(&error)));
        }
        actions
    }

    // ---- a clock that is set back: what was to come in a moment must not wait for the hour to pass again

    /// Takes the clock's time. Where it was set back, every wait in memory ends as much sooner.
    fn set_now(&mut self, now: Timestamp) {
        let by = self.turn.now.since(now);
        self.turn.now = now;
        if by < SET_BACK {
            return;
        }
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let sooner = |at: Timestamp| Timestamp(at.0.saturating_sub(by));
        self.turn.set_back(sooner);
        self.circuits.set_back(sooner);
        self.flows.deposits.set_back(sooner);
        self.flows.repair.set_back(sooner);
        self.flows.typing.set_back(sooner);
        self.flows.comparisons.set_back(sooner);
        if let Some(halt) = &mut self.halted {
            halt.until = halt.until.map(sooner);
        }
        self.clock_set_back = true;
    }

    /// The same for the waits that stand in the store. Also at every start: the clock may have been set while nothing ran.
    fn after_set_back(&mut self) -> Result<(), StoreError> {
        self.clock_set_back = false;
        self.run(LifeEvent::SetBack)?;
        self.run(FileSendEvent::SetBack)?;
        self.run(ArrivalEvent::SetBack)?;
        self.run(EndEvent::SetBack)?;
        self.turn.store.nothing_later_than(self.turn.now, deposits::LONGEST_WAIT)
    }
}

fn request_of(input: &Input) -> Option<RequestId> {
    match input {
        Input::Request(id, _) => Some(*id),
        _ => None,
    }
}

#[cfg(test)]
mod changes_tests;
#[cfg(test)]
mod commute_tests;
#[cfg(test)]
mod comparison_tests;
#[cfg(test)]
mod ends_tests;
#[cfg(test)]
mod faults_tests;
#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod halted_tests;
#[cfg(test)]
mod hold_tests;
#[cfg(test)]
mod introductions_tests;
#[cfg(test)]
mod life_tests;
#[cfg(test)]
mod meeting_again_tests;
#[cfg(test)]
mod newer_tests;
#[cfg(test)]
mod older_copies_tests;
#[cfg(test)]
mod one_person_tests;
#[cfg(test)]
mod one_turn;
#[cfg(test)]
mod receipts_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod their_changes_tests;
#[cfg(test)]
mod typing_tests;
#[cfg(test)]
mod world;
