//! Who writes just now. What contacts say of it is shown for a moment and kept nowhere; that the user writes is told to who may know, and
//! was heard lately (docs/protocol/content.md, "Read, and writing").

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{TellTyping, TypingError};

use super::event::{OutboxEvent, Sign, Timer, TypingEvent};
use super::names::{self, Found};
use super::receipts;
use super::requests::{Writing, WritingChange};
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, OutgoingKind};

/// Somebody who says that they write is shown so long, unless they say so again.
const SHOWN: Duration = Duration::from_secs(10);
/// No more than one sign in this time goes to a contact.
const EVERY: Duration = Duration::from_secs(5);
/// A sign that is older lay somewhere, or one of the two clocks is wrong.
const FRESH: Duration = Duration::from_secs(30);
/// Who has said nothing for so long may be away:
const HEARD_LATELY: Duration = Duration::from_secs(300);
/// to somebody who is, no more than these lie at a relay.
const SIGNS_UNHEARD_MAX: u32 = 12;

/// Who writes to whom. An entry for each contact that was heard or written to in this life of the process.
#[derive(Default)]
pub(super) struct Typing {
    theirs: BTreeMap<ContactId, Their>,
    own: BTreeMap<ContactId, Own>,
    /// The number of the last change in `theirs`.
    changes: u64,
}

/// What a contact does.
#[derive(Default)]
struct Their {
    on: bool,
    /// Not shown any more then.
    until: Timestamp,
    /// A timer looks at that: one, however often they say so.
    timed: bool,
    /// When they said the last thing that counts, by their clock and at most ours: what they said before that is over.
    said: Timestamp,
    /// Number and moment of the last change of `on`.
    changed: (u64, Timestamp),
}

/// What the user does, as the contact was told.
#[derive(Default)]
struct Own {
    /// When the last sign went.
    told: Option<Timestamp>,
    /// It said that they write.
    on: bool,
    /// They ceased, which goes as soon as a sign may.
    ceases: bool,
    /// When they were heard last, by their clock.
    heard: Option<Timestamp>,
    /// Signs since.
    unheard: u32,
}

impl Typing {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: TypingEvent) -> Result<(), StoreError> {
        match event {
            TypingEvent::Own { request, call } => {
                let told = self.tell(turn, &call)?;
                turn.answer(request, told);
            }
            TypingEvent::Heard(contact, sent_at, sign) => self.heard(turn, contact, sent_at, sign),
            TypingEvent::Wrote(contact) => {
                if let Some(own) = self.own.get_mut(&contact) {
                    (own.on, own.ceases) = (false, false);
                }
            }
            TypingEvent::Cease(contact) => self.cease(turn, contact)?,
            TypingEvent::Over(contact) => self.over(turn, contact),
            TypingEvent::Ended(contact) => self.show(turn, contact, false),
        }
        Ok(())
    }

    /// The clock was set back: what is shown ends as much sooner, and signs go again.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        for their in self.theirs.values_mut() {
            their.until = sooner(their.until);
            their.said = sooner(their.said);
        }
        for own in self.own.values_mut() {
            own.told = own.told.map(&sooner);
            own.heard = own.heard.map(&sooner);
        }
    }

    /// Nothing that is under way goes on: nobody is shown to write any more.
    pub(super) fn ended(mut self, now: Timestamp) -> Self {
        self.own.clear();
        for their in self.theirs.values_mut().filter(|their| their.on) {
            self.changes += 1;
            their.on = false;
            their.changed = (self.changes, now);
        }
        self.theirs.values_mut().for_each(|their| their.timed = false);
        self
    }

    // ---- what they do

    fn heard(&mut self, turn: &mut Turn, contact: ContactId, sent_at: Timestamp, sign: Sign) {
        let own = self.own.entry(contact).or_default();
        let heard = sent_at.min(turn.now);
        if own.heard.is_none_or(|before| before < heard) {
            own.heard = Some(heard);
            own.unheard = 0;
        }
        let is_fresh = turn.now.since(sent_at) <= FRESH && sent_at.since(turn.now) <= FRESH;
        let their = self.theirs.entry(contact).or_default();
        match sign {
            Sign::None => {}
            Sign::Typing(on) if is_fresh && their.said < sent_at => {
                their.said = sent_at;
                if on {
                    their.until = turn.now.after(SHOWN);
                    if !std::mem::replace(&mut their.timed, true) {
                        turn.set_timer(their.until, Timer::TypingOver(contact));
                    }
                }
                self.show(turn, contact, on);
            }
            Sign::Typing(_) => {}
            Sign::Text => {
                their.said = their.said.max(heard);
                self.show(turn, contact, false);
            }
        }
    }

    /// They are shown no more, unless they said so again since.
    fn over(&mut self, turn: &mut Turn, contact: ContactId) {
        let Some(their) = self.theirs.get_mut(&contact) else { return };
        their.timed = their.on && turn.now < their.until;
        if their.timed {
            turn.set_timer(their.until, Timer::TypingOver(contact));
        } else {
            self.show(turn, contact, false);
        }
    }

    /// Whoever follows the changes is told where it is one.
    fn show(&mut self, turn: &mut Turn, contact: ContactId, on: bool) {
        let Some(their) = self.theirs.get_mut(&contact).filter(|their| their.on != on) else { return };
        self.changes += 1;
        their.on = on;
        their.changed = (self.changes, turn.now);
        turn.wake_watchers();
    }

    /// Who began or ceased to write after a change; `None`: who writes.
    pub(super) fn after(&self, change: Option<u64>) -> Writing {
        let is_news = |their: &Their| change.map_or(their.on, |change| their.changed.0 > change);
        let news = self.theirs.iter().filter(|(_, their)| is_news(their));
        let changes = news.map(|(contact, their)| WritingChange {
            contact: *contact,
            on: their.on,
            at: their.changed.1,
        });
        Writing { newest: self.changes, changes: changes.collect() }
    }

    /// Whether they are shown to write now.
    pub(super) fn is_shown(&self, contact: ContactId) -> bool {
        self.theirs.get(&contact).is_some_and(|their| their.on)
    }

    // ---- what the user does

    fn tell(&mut self, turn: &mut Turn, call: &TellTyping) -> Found<(), TypingError> {
        let Some(contact) = names::called(&turn.store, &call.who)? else {
            return Ok(Err(TypingError::NoSuchContact));
        };
        if call.on {
            self.begin(turn, &contact)?;
        } else if let Some(own) = self.own.get_mut(&contact.id).filter(|own| own.on) {
            own.ceases = true;
            self.cease(turn, contact.id)?;
        }
        Ok(Ok(()))
    }

    fn begin(&mut self, turn: &mut Turn, contact: &Contact) -> Result<(), StoreError> {
        let Some(own) = self.own.get_mut(&contact.id) else { return Ok(()) };
        own.ceases = false;
        let waits = own.told.is_some_and(|told| told.is_recent(turn.now, EVERY));
        let heard = own.heard.is_some_and(|heard| heard.is_recent(turn.now, HEARD_LATELY));
        if waits || !heard || own.unheard >= SIGNS_UNHEARD_MAX || !may_tell(turn, contact)? {
            return Ok(());
        }
        own.on = true;
        own.told = Some(turn.now);
        own.unheard += 1;
        turn.wish(OutboxEvent::SayNow(contact.id, OutgoingKind::Typing));
        Ok(())
    }

    /// They are told that the user ceased, as soon as another sign may go; not where they do not show it any more.
    fn cease(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        let Some(own) = self.own.get_mut(&contact).filter(|own| own.ceases) else { return Ok(()) };
        let Some(told) = own.told else { return Ok(()) };
        if told.is_recent(turn.now, EVERY) {
            turn.set_timer(told.after(EVERY), Timer::Cease(contact));
            return Ok(());
        }
        (own.on, own.ceases) = (false, false);
        let Some(contact) = turn.store.contact(contact)? else { return Ok(()) };
        if told.is_recent(turn.now, SHOWN) && may_tell(turn, &contact)? {
            own.told = Some(turn.now);
            own.unheard += 1;
            turn.wish(OutboxEvent::SayNow(contact.id, OutgoingKind::Paused));
        }
        Ok(())
    }
}

fn may_tell(turn: &Turn, contact: &Contact) -> Result<bool, StoreError> {
    Ok(contact.typing && receipts::may_tell(turn, contact)?)
}
