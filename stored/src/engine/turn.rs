//! All that a flow may touch while a batch is handled: the store, the clock, chance, what is to be done once all is durable, and what
//! other flows are told then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{Ask, Told};
use ipc_schema::edge::{Asked, Failed, Outcome};
use rand_core::{CryptoRng, Rng};

use super::event::{Event, OutboxEvent, Timer};
use super::interface::{Action, Ticket};
use super::requests::{Asker, Asks};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{EventKind, OutgoingKind, Store};

/// Who is told of a call's outcome.
type Then = Box<dyn FnOnce(Told) -> Event>;

/// What the flows of the engine share.
pub(super) struct Turn {
    /// In a transaction while a batch is handled.
    pub(super) store: Store,
    /// The batch's time.
    pub(super) now: Timestamp,
    rng: Box<dyn CryptoRng>,
    out: Vec<Action>,
    wishes: Vec<Event>,
    asked: BTreeMap<Ticket, Then>,
    timers: BTreeSet<(Timestamp, Timer)>,
    last_number: u64,
    events_grew: bool,
}

impl Turn {
    pub(super) fn new(store: Store, rng: Box<dyn CryptoRng>) -> Self {
        Self {
            store,
            rng,
            now: Timestamp(0),
            out: Vec::new(),
            wishes: Vec::new(),
            asked: BTreeMap::new(),
            timers: BTreeSet::new(),
            last_number: 0,
            events_grew: false,
        }
    }

    /// Something is to be done.
    pub(super) fn act(&mut self, action: Action) {
        self.out.push(action);
    }

    /// ui is answered.
    pub(super) fn answer<C: Asks>(&mut self, request: Asker<C>, outcome: Result<C::Answer, C::Error>) {
        self.act(Action::Answer(request.id, Ok(Box::new(C::reply(outcome)))));
    }

    /// Another flow, or this one later, is told something: when this event is handled, in the order of the wishes, before anything else.
    pub(super) fn wish(&mut self, event: impl Into<Event>) {
        self.wishes.push(event.into());
    }

    /// A content without words is on its way to a contact.
    pub(super) fn post(&mut self, contact: ContactId, kind: OutgoingKind) -> Result<(), StoreError> {
        self.store.add_outgoing(contact, kind, None, None)?;
        self.wish(OutboxEvent::Pump(contact));
        Ok(())
    }

    /// Asks keyvault. What comes of it is told as `then` says; [`Failed`]: it cannot serve the call now.
    pub(super) fn ask<C, E>(
        &mut self,
        call: C,
        then: impl FnOnce(Result<Outcome<C>, Failed>) -> E + 'static,
    ) -> Ticket
    where
        C: Asked<Ask = Ask, Told = Told>,
        E: Into<Event>,
    {
        let ticket = Ticket(self.number());
        self.asked.insert(ticket, Box::new(move |told| then(C::told(told)).into()));
        self.act(Action::Vault(ticket, Box::new(call.into())));
        ticket
    }

    /// Tells keyvault something that nobody here waits for.
    pub(super) fn tell(&mut self, call: impl Into<Ask>) {
        let ticket = Ticket(self.number());
        self.act(Action::Vault(ticket, Box::new(call.into())));
    }

    /// What keyvault's answer means here; `None`: nobody waits for it any more.
    pub(super) fn told(&mut self, ticket: Ticket, told: Told) -> Option<Event> {
        self.asked.remove(&ticket).map(|then| then(told))
    }

    /// Sets a timer; an earlier one for the same thing stays.
    pub(super) fn set_timer(&mut self, at: Timestamp, timer: Timer) {
        self.timers.insert((at, timer));
    }

    /// The same, so much from now.
    pub(super) fn after(&mut self, wait: Duration, timer: Timer) {
        self.set_timer(self.now.after(wait), timer);
    }

    /// What is due, once each.
    pub(super) fn due(&mut self) -> Vec<Timer> {
        let mut due = Vec::new();
        while let Some((_, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= self.now) {
            self.timers.pop_first();
            if !due.contains(&timer) {
                due.push(timer);
            }
        }
        due
    }

    /// When the next timer is due.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The clock was set back: timers are due as much sooner.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        self.timers =
            std::mem::take(&mut self.timers).into_iter().map(|(at, timer)| (sooner(at), timer)).collect();
    }

    /// A number that this engine has not given out.
    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A number that is not 0 and fits a signed column.
    pub(super) fn random_id(&mut self) -> u64 {
        (u64::from_be_bytes(self.random()) >> 1).max(1)
    }

    pub(super) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// For what draws by itself.
    pub(super) fn chance(&mut self) -> &mut dyn CryptoRng {
        &mut *self.rng
    }

    /// Exponentially distributed, for what must not be linked in time.
    pub(super) fn exponential(&mut self, mean: Duration) -> Duration {
        let uniform = f64::from(u32::from_be_bytes(self.random()))
            .mul_add(1.0 / f64::from(u32::MAX), f64::MIN_POSITIVE);
        mean.mul_f64(-uniform.min(1.0).ln().max(-8.0))
    }

    /// Whoever follows the changes is told.
    pub(super) fn event(&mut self, kind: &EventKind) -> Result<(), StoreError> {
        self.events_grew = true;
        self.store.add_event(self.now, kind)
    }

    /// The same, where what changed is kept nowhere.
    pub(super) fn wake_watchers(&mut self) {
        self.events_grew = true;
    }

    /// The wishes of the event that was handled just now.
    pub(super) fn take_wishes(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.wishes)
    }

    /// All is durable: what is to be done.
    pub(super) fn finish(&mut self) -> Vec<Action> {
        if std::mem::take(&mut self.events_grew) {
            self.out.push(Action::EventsGrew);
        }
        std::mem::take(&mut self.out)
    }

    /// Nothing of the batch is durable: what was to be done, and all that is under way, is forgotten. Numbers go on.
    pub(super) fn forget(&mut self) {
        self.out.clear();
        self.wishes.clear();
        self.asked.clear();
        self.timers.clear();
        self.events_grew = false;
    }
}
