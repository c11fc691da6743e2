//! Where a conversation is read: what is loaded for it, what the view moves to, and what of it counts as read.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Delivery, Message, Place};
use privatus::peers::PeerError;
use time::{Date, Month, PrimitiveDateTime, Time};

use super::chat::first_since;
use super::{Act, Command, Field, Focus, Model, Over, ReadAct, words};

/// What was seen is told at most so often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// For so long what was looked for is pointed out in its conversation.
const POINTED_OUT: Duration = Duration::from_secs(2);

/// Where the open conversation is read.
#[derive(Debug, Default)]
pub struct Reading {
    /// Where the view is to be, once that is held; it goes when it is there.
    pub wanted: Option<Wanted>,
    /// The text that was looked for, and until when it is pointed out.
    pub pointed: Option<(String, Timestamp)>,
    /// A day is asked for; whether what was typed is none.
    pub date: Option<DateCard>,
    /// So often the view was moved elsewhere: what was read before is not to be kept in sight then.
    pub jumps: u32,
    /// When it was last told what was seen.
    told_at: Option<Timestamp>,
}

/// Where a view is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// It begins with this text, and what stands above that.
    From(String),
    /// This text is in its middle.
    Middle(String),
    /// This text is to be seen; nothing moves further than that takes.
    Seen(String),
    /// All the way up.
    Beginning,
}

/// The card on which a day is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DateCard {
    /// What was typed is no day.
    pub wrong: bool,
}

impl Model {
    /// What the user does to read and to find.
    pub(super) fn act_on_reading(&mut self, now: Timestamp, act: ReadAct) -> Vec<Command> {
        match act {
            ReadAct::ToEnd => return self.go_to_end(),
            ReadAct::ToBeginning => return self.go_to_beginning(),
            ReadAct::OpenFound { who, id } => return self.open_found(now, &who, &id),
            ReadAct::SearchMore => return self.search_more(),
            ReadAct::SearchIn(here) => self.search_in(now, here),
            ReadAct::StepFound(older) => return self.step_found(now, older),
            ReadAct::LeaveSearch => self.leave_search(),
            ReadAct::Find => self.start_find(),
            ReadAct::FindStep(older) => return self.step_find(now, older),
            ReadAct::LeaveFind => self.leave_find(),
            ReadAct::AskDate => self.ask_date(),
            ReadAct::GoToDate => return self.go_to_date(),
            ReadAct::GoBack(days) => return self.go_back(now, days),
            ReadAct::LeaveDate => self.leave_date(),
            // The window moves the view.
            ReadAct::Thumb => {}
        }
        Vec::new()
    }

    /// Goes to a text of the open conversation, loading what is around it where it is not held, and points it out for a moment.
    pub fn go_to(&mut self, now: Timestamp, id: &str) -> Vec<Command> {
        self.reading.wanted = Some(Wanted::Middle(id.to_owned()));
        self.reading.pointed = Some((id.to_owned(), now.after(POINTED_OUT)));
        let held = self.open_held().is_some_and(|chat| chat.holds(id));
        if held { Vec::new() } else { self.load(Place::Around(id.to_owned())) }
    }

    fn open_held(&mut self) -> Option<&mut super::Chat> {
        let who = self.open_chat()?.to_owned();
        self.chats.get_mut(&who)
    }

    /// Asks for another part of the open conversation.
    pub(super) fn load(&mut self, place: Place) -> Vec<Command> {
        let Some(who) = self.open_chat().map(str::to_owned) else { return Vec::new() };
        self.chats.entry(who.clone()).or_default().asks(place.clone());
        vec![Command::Messages { who, place }]
    }

    /// What is asked when a conversation is opened: the texts around the first that is unread, else the last ones.
    pub(super) fn load_opened(&mut self, unread: u32, first_unread: &str) -> Vec<Command> {
        self.reading.wanted = None;
        self.reading.pointed = None;
        self.jumps();
        let Some(chat) = self.open_held() else { return Vec::new() };
        (chat.loading, chat.loading_newer, chat.asked) = (false, false, None);
        chat.unread_at_opening = usize::try_from(unread).unwrap_or(usize::MAX);
        chat.unread_from = first_unread.to_owned();
        if unread == 0 || first_unread.is_empty() {
            return self.load(Place::Newest);
        }
        let whole = chat.holds(first_unread) && !chat.newer;
        self.reading.wanted = Some(Wanted::From(first_unread.to_owned()));
        if whole { self.load(Place::Newest) } else { self.load(Place::Around(first_unread.to_owned())) }
    }

    /// A page came, or could not be had.
    pub(super) fn page_came(
        &mut self,
        now: Timestamp,
        who: String,
        place: &Place,
        result: Result<Vec<Message>, PeerError>,
    ) -> Vec<Command> {
        let is_open = self.open_chat() == Some(who.as_str());
        let chat = self.chats.entry(who).or_default();
        let page = match result {
            Ok(page) => page,
            Err(error) => return self.page_failed(now, is_open, place, &error),
        };
        let moved = match place {
            Place::At(Timestamp(0 | 1)) => Some(Wanted::Beginning),
            Place::At(moment) => first_since(&page, *moment).map(|first| Wanted::From(first.id.clone())),
            _ => None,
        };
        let replaces = chat.asked.as_ref() == Some(place) && (chat.newer || *place != Place::Newest);
        if chat.take(page, place) && is_open && replaces {
            self.scroll = 0;
            self.jumps();
            if matches!(place, Place::At(_) | Place::Newest) {
                self.reading.wanted = moved;
            }
        }
        Vec::new()
    }

    fn page_failed(
        &mut self,
        now: Timestamp,
        is_open: bool,
        place: &Place,
        error: &PeerError,
    ) -> Vec<Command> {
        if *error != PeerError::Lost {
            self.notify(now, words::failure(error));
        }
        if !is_open || self.open_held().is_none_or(|chat| chat.asked.as_ref() != Some(place)) {
            return Vec::new();
        }
        self.reading.wanted = None;
        self.reading.pointed = None;
        let Some(chat) = self.open_held() else { return Vec::new() };
        chat.asked = None;
        // The text was deleted meanwhile: better the end than nothing.
        let bare = chat.messages.is_empty() && *place != Place::Newest;
        if bare && matches!(error, PeerError::Refused(_)) { self.load(Place::Newest) } else { Vec::new() }
    }

    /// stored was restarted: what was asked of the one before is asked again.
    pub(super) fn load_again(&mut self) -> Vec<Command> {
        let Some(chat) = self.open_held() else { return Vec::new() };
        (chat.loading, chat.loading_newer) = (false, false);
        match chat.asked.take() {
            Some(place) => self.load(place),
            // Between its ends the changes alone say what is new.
            None if chat.newer => Vec::new(),
            None => self.load(Place::Newest),
        }
    }

    /// The view has come to an end of what is held: the next page.
    pub fn reached(&mut self, top: bool, bottom: bool) -> Vec<Command> {
        let Some(who) = self.open_chat().map(str::to_owned) else { return Vec::new() };
        let Some(chat) = self.chats.get_mut(&who) else { return Vec::new() };
        if self.reading.wanted.is_some() {
            // It is under way, or it is not there.
            if chat.asked.is_none() {
                self.reading.wanted = None;
            }
            return Vec::new();
        }
        let older = if top { chat.older() } else { None };
        let newer = if bottom { chat.newer() } else { None };
        let places = older.into_iter().chain(newer);
        places.map(|place| Command::Messages { who: who.clone(), place }).collect()
    }

    pub(super) fn jumps(&mut self) {
        self.reading.jumps = self.reading.jumps.wrapping_add(1);
    }

    /// To the newest text, which is loaded where it is not held.
    pub(super) fn go_to_end(&mut self) -> Vec<Command> {
        self.scroll = 0;
        self.reading.wanted = None;
        let newer = self.open_held().is_some_and(|chat| chat.newer);
        if newer { self.load(Place::Newest) } else { Vec::new() }
    }

    /// To the first text that is kept.
    pub(super) fn go_to_beginning(&mut self) -> Vec<Command> {
        let Some(chat) = self.open_held() else { return Vec::new() };
        if chat.complete {
            self.reading.wanted = Some(Wanted::Beginning);
            return Vec::new();
        }
        self.load(Place::At(Timestamp(1)))
    }

    /// A text was to be seen by somebody who looks at the window. What was unread up to it is read: that is told once, and not oftener than
    /// every second. To be asked again and again.
    pub fn saw(&mut self, now: Timestamp, id: &str) -> Option<Command> {
        if self.is_covered() || self.over().is_some_and(Over::is_alone) {
            return None;
        }
        let who = self.open_chat()?.to_owned();
        let chat = self.chats.get_mut(&who)?;
        let at = chat.messages.iter().position(|message| message.id == id)?;
        let contact = self.people.iter_mut().find(|contact| contact.id == who)?;
        let is_unread = |message: &Message| message.is_theirs() && message.state == Delivery::Delivered;
        let (seen, below) = chat.messages.split_at_mut_checked(at.saturating_add(1))?;
        let read = seen.iter().filter(|message| is_unread(message)).count();
        // What was marked as unread, and what lies above all that is held.
        let at_end = below.is_empty() && !chat.newer;
        if read == 0 && !(at_end && contact.unread > 0)
            || self.reading.told_at.is_some_and(|told| told.is_recent(now, TOLD_EVERY))
        {
            return None;
        }
        // stored does not know what it has not taken yet.
        let up_to = seen.iter().rfind(|message| message.position < i64::MAX)?.id.clone();
        seen.iter_mut()
            .filter(|message| is_unread(message))
            .for_each(|message| message.state = Delivery::Read);
        let left = contact.unread.saturating_sub(u32::try_from(read).unwrap_or(u32::MAX));
        contact.unread = if at_end { 0 } else { left };
        let next = below.iter().find(|message| is_unread(message));
        contact.first_unread = next.map(|next| next.id.clone()).unwrap_or_default();
        self.reading.told_at = Some(now);
        Some(Command::MarkRead { who, up_to })
    }

    /// After so long the window has to look again, though nothing happened.
    #[must_use]
    pub fn looks_again(&self, now: Timestamp) -> Option<Duration> {
        let told = self.reading.told_at.filter(|told| told.is_recent(now, TOLD_EVERY));
        let pointed = self.reading.pointed.as_ref().map(|(_, until)| *until);
        let due = [told.map(|told| told.after(TOLD_EVERY)), pointed, self.search.due(), self.find_due()];
        due.into_iter().flatten().map(|due| due.since(now)).min()
    }

    /// What was to be done at a time that has come.
    pub fn time_passed(&mut self, now: Timestamp) -> Vec<Command> {
        if self.reading.pointed.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.reading.pointed = None;
        }
        self.look_for_due(now)
    }

    /// A day is to be chosen.
    pub(super) fn ask_date(&mut self) {
        if self.open_chat().is_some() {
            self.texts.set(Field::Date, "");
            self.reading.date = Some(DateCard::default());
            self.set_focus(Focus::Field(Field::Date));
        }
    }

    /// None after all.
    pub(super) fn leave_date(&mut self) {
        if self.reading.date.take().is_some() {
            self.set_focus(Focus::Field(Field::Composer));
        }
    }

    /// To the first text of the day that was typed.
    pub(super) fn go_to_date(&mut self) -> Vec<Command> {
        match day_of(self.texts.of(Field::Date)) {
            Some(day) => self.go_to_day(day),
            None => {
                self.reading.date = Some(DateCard { wrong: true });
                self.set_focus(Focus::Field(Field::Date));
                Vec::new()
            }
        }
    }

    /// To the first text of the day so long ago.
    pub(super) fn go_back(&mut self, now: Timestamp, days: u16) -> Vec<Command> {
        let today = self.zone.local_time(now).date();
        let day = today.checked_sub(time::Duration::days(i64::from(days)));
        day.map(|day| self.go_to_day(day)).unwrap_or_default()
    }

    fn go_to_day(&mut self, day: Date) -> Vec<Command> {
        self.leave_date();
        let midnight = self.midnight(day);
        self.load(Place::At(midnight.max(Timestamp(2))))
    }

    /// When a day begins here.
    fn midnight(&self, day: Date) -> Timestamp {
        let utc = PrimitiveDateTime::new(day, Time::MIDNIGHT).assume_utc().unix_timestamp();
        let at = |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
        let offset = |seconds: i64| i64::from(self.zone.local_time(at(seconds)).offset().whole_seconds());
        // The offset of midnight itself, which the one of near it nearly always is.
        at(utc - offset(utc - offset(utc)))
    }
}

/// The day that `YYYY-MM-DD` says.
fn day_of(typed: &str) -> Option<Date> {
    let mut parts = typed.trim().splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let month: u8 = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day)
        .ok()
        .filter(|_| (1970..=9999).contains(&year))
}

/// The act of a choice on the card, and its words.
pub const DAYS_BACK: [(&str, Act); 4] = [
    ("Today", Act::Read(ReadAct::GoBack(0))),
    ("Yesterday", Act::Read(ReadAct::GoBack(1))),
    ("A week ago", Act::Read(ReadAct::GoBack(7))),
    ("30 days ago", Act::Read(ReadAct::GoBack(30))),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_year_month_and_day_and_nothing_else_is() {
        let day = day_of(" 2026-06-24 ").unwrap();
        assert_eq!((day.year(), u8::from(day.month()), day.day()), (2026, 6, 24));
        assert!(day_of("2026-6-4").is_some());
        for none in ["", "2026", "2026-06", "24.6.2026", "2026-02-30", "2026-13-01", "-5-01-01", "1969-12-31"]
        {
            assert_eq!(day_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight() {
        let model = Model::default();
        let day = day_of("2025-06-24").unwrap();
        assert_eq!(model.midnight(day), Timestamp(1_750_723_200_000));
    }
}
