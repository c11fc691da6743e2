//! The window's sentences: what happened, what is safe, what to do next.

mod entry;
mod message;
mod people;
mod row;
mod short;

use ipc_schema::Timestamp;
use ipc_schema::clock::{self, ClockOffset};
use ipc_schema::edge::ui_stored::{
    Comparison, Contact, Delivery, History, Invite, InviteState, Notice, Refusal,
};
use ipc_schema::limits::TEXT_MAX_BYTES;
use privatus::clock::Zone;
use privatus::peers::PeerError;
use time::{Date, Duration, OffsetDateTime};

use super::{Listing, Network, Question};
use crate::icon::Icon;
use crate::text::isolated;

pub use entry::{entry, slip};
pub use message::{
    Card, Reader, TAKEN_BACK, card, deleted, forwarded, quote, spoken, still_stuck, under, writer,
};
pub use people::{
    INTRODUCING, LIVES, alike, cannot_write, differs, introduced, is_of_name, muted, muting, route,
    their_name, timer,
};
pub use row::{Preview, WRITING, preview};
pub use short::{
    READ_OUT, SHORT_HOW, WAITS_TO_COMPARE, asked_to_compare, refused, short_ended, they_say, tries,
    waits_for_them,
};

/// Nothing more can be written in one text.
pub const NO_ROOM: &str = "The text is as long as one can be here. Send it first.";

/// How good or bad something is, for its colour; shape and word say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Proven.
    Good,
    /// Waiting or weaker.
    Weak,
    /// Failed.
    Bad,
    /// Neither.
    Plain,
}

/// A state as shape, words and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The shape.
    pub icon: Icon,
    /// How good.
    pub tone: Tone,
    /// The state's words.
    pub title: String,
    /// Why, or since when.
    pub reason: String,
}

fn told(icon: Icon, tone: Tone, title: &str, reason: impl Into<String>) -> Told {
    Told { icon, tone, title: title.to_owned(), reason: reason.into() }
}

/// What is said for as long as a required wall is missing.
#[must_use]
pub fn without_walls() -> Told {
    told(Icon::Warn, Tone::Bad, "Without walls", "This system keeps no part from your files")
}

/// What is said of the file of the conversations for as long as it is not whole and writable: what is lost, what is safe, what to do.
#[must_use]
pub fn history(history: History) -> Option<Told> {
    let (icon, tone, title, reason) = match history {
        History::Locked | History::Ok => return None,
        History::Lost => (Icon::Warn, Tone::Bad, "History lost", "Keys are safe: see privatus status"),
        History::Damaged => (Icon::Warn, Tone::Bad, "History damaged", "Read-only: see privatus status"),
        History::Newer => (Icon::Warn, Tone::Bad, "History is newer", "Install the later version"),
        History::ReadOnly => (Icon::Disk, Tone::Weak, "Disk is read-only", "You can read, nothing is sent"),
        History::Full => (Icon::Disk, Tone::Bad, "Disk is full", "You can read. Free some space"),
        History::Fails => (Icon::Disk, Tone::Bad, "Disk gives errors", "Copy your profile elsewhere"),
        History::NoMemory => (Icon::Warn, Tone::Bad, "Too little memory", "Close other programs"),
        History::InUse => (Icon::Warn, Tone::Weak, "History is in use", "Close what has it open"),
    };
    Some(told(icon, tone, title, reason))
}

/// The network chip. *Connected* is only said with its proof.
#[must_use]
pub fn network(network: &Network, history: bool, now: Timestamp) -> Told {
    if !history {
        return told(Icon::Disk, Tone::Weak, "Starting", "The history part is opening");
    }
    let age = network.proof(now);
    // Where it hinders nothing, `status` tells it.
    let hinders = matches!(network.stage.as_str(), "finding-relays" | "too-few-relays" | "no-relays");
    if let Some((title, reason)) = wrong_clock(network.clock, now).filter(|_| hinders) {
        return told(Icon::Warn, Tone::Bad, &title, reason);
    }
    match (network.stage.as_str(), age) {
        // What came back since the last loss came over a route, whatever the stage says.
        ("connected" | "building-route" | "", Some(age)) => {
            told(Icon::Okc, Tone::Good, "Connected", format!("Proven {} ago", span(age)))
        }
        ("connected", None) => {
            told(Icon::Retry, Tone::Plain, "Connecting", "Route built, waiting for a first proof")
        }
        ("building-route", None) if network.idle => {
            told(Icon::Network, Tone::Plain, "Ready", "Relays are found, a route is built when needed")
        }
        ("finding-relays", _) => told(Icon::Retry, Tone::Plain, "Connecting", "Finding relays"),
        ("building-route", None) => told(Icon::Retry, Tone::Plain, "Connecting", "Building a private route"),
        ("slow", Some(age)) => {
            told(Icon::Hourglass, Tone::Weak, "Slow", format!("No proof for {}, trying", span(age)))
        }
        ("slow", None) => told(Icon::Hourglass, Tone::Weak, "Slow", "No proof yet, trying"),
        ("too-few-relays", _) => {
            told(Icon::Network, Tone::Weak, "Too few relays", "Nothing is sent, texts wait here")
        }
        ("no-relays", _) => {
            told(Icon::Offline, Tone::Weak, "No relay answers", "Texts wait here, trying again")
        }
        ("guards-unreachable", _) => {
            told(Icon::Offline, Tone::Weak, "No way in", "Your first relays do not answer, trying")
        }
        ("offline", _) => {
            told(Icon::Offline, Tone::Plain, "Offline", "Texts wait here and leave by themselves")
        }
        _ => told(Icon::Retry, Tone::Plain, "Starting", "You need not wait for this"),
    }
}

/// What is wrong with the clock, and who says so, in few words.
fn wrong_clock(offset: Option<ClockOffset>, now: Timestamp) -> Option<(String, String)> {
    match offset {
        Some(offset) if offset.is_wrong() => Some((
            format!("Clock {}", offset.words()),
            format!("{}: set it right, to connect", offset.sources()),
        )),
        None if clock::is_long_past(now) => {
            Some(("Clock years behind".to_owned(), "Set it right, to connect".to_owned()))
        }
        Some(_) | None => None,
    }
}

/// Seconds, minutes, hours or days, in one unit.
#[must_use]
pub fn span(of: std::time::Duration) -> String {
    match of.as_secs() {
        seconds @ 0..=89 => format!("{seconds} s"),
        seconds @ 90..=5399 => format!("{} min", seconds / 60),
        seconds @ 5400..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// Why the list has no rows; `None`: it has.
#[must_use]
pub fn listing(listing: Listing) -> Option<&'static str> {
    match listing {
        Listing::Rows => None,
        Listing::Opening => Some("Opening your history…"),
        Listing::Unreadable => Some("Your history cannot be read"),
        Listing::Nobody => Some("No chats yet"),
        Listing::NoMatch => Some("Nobody has that name"),
    }
}

/// What stands beside the list while nobody is chosen.
#[must_use]
pub fn start(listing: Listing) -> Told {
    const HOW: &str =
        "People reach you only through an invitation. Make one, or open one that you were sent.";
    match listing {
        Listing::Opening => {
            told(Icon::Disk, Tone::Plain, "Opening your history…", "Nothing is lost. It takes a moment.")
        }
        Listing::Unreadable => told(
            Icon::Warn,
            Tone::Weak,
            "Your history cannot be read",
            "Below the list stands why. Nothing was thrown away.",
        ),
        Listing::Nobody => told(Icon::Chats, Tone::Plain, "No chats yet", HOW),
        Listing::Rows | Listing::NoMatch => told(Icon::Person, Tone::Plain, "Add somebody", HOW),
    }
}

/// A text's mark.
#[must_use]
pub fn mark(state: Delivery) -> (Icon, Tone) {
    match state {
        Delivery::Queued => (Icon::MarkQueued, Tone::Plain),
        Delivery::Relayed => (Icon::MarkRelayed, Tone::Plain),
        Delivery::Delivered => (Icon::MarkDelivered, Tone::Plain),
        Delivery::Read => (Icon::MarkRead, Tone::Good),
        Delivery::Failed => (Icon::MarkFailed, Tone::Bad),
        Delivery::Expired => (Icon::MarkExpired, Tone::Weak),
    }
}

/// The state's words, spoken and in tables.
#[must_use]
pub fn state(state: Delivery) -> &'static str {
    match state {
        Delivery::Queued => "Waiting here",
        Delivery::Relayed => "At a relay",
        Delivery::Delivered => "On their device",
        Delivery::Read => "Read",
        Delivery::Failed => "Not sent",
        Delivery::Expired => "Not picked up in time",
    }
}

/// A row's time: the hour today, the weekday in this week, else the date.
#[must_use]
pub fn when(at: Timestamp, now: Timestamp, zone: &Zone) -> String {
    if at.0 == 0 {
        return String::new();
    }
    let (time, today) = (zone.local_time(at), zone.local_time(now).date());
    match today - time.date() {
        days if days <= Duration::ZERO => hour(&time),
        days if days < Duration::days(7) => short(&time.weekday().to_string()),
        _ => format!("{} {}", time.day(), short(&time.month().to_string())),
    }
}

/// A text's time.
#[must_use]
pub fn hour(time: &OffsetDateTime) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn short(word: &str) -> String {
    word.chars().take(3).collect()
}

/// A day's chip.
#[must_use]
pub fn day(date: Date, today: Date) -> String {
    let long = format!("{} {} {}", date.weekday(), date.day(), date.month());
    match today - date {
        days if days == Duration::ZERO => format!("Today, {long}"),
        days if days == Duration::days(1) => format!("Yesterday, {long}"),
        _ if date.year() == today.year() => long,
        _ => format!("{long} {}", date.year()),
    }
}

/// How far an invitation is.
#[must_use]
pub fn invitation(invite: &Invite, now: Timestamp) -> Told {
    let left = span(invite.expires.since(now));
    match invite.state {
        _ if invite.expires.0 != 0 && invite.expires <= now => {
            told(Icon::Hourglass, Tone::Weak, "Expired", "Nothing was shared. Make a new one.")
        }
        InviteState::Placing => told(Icon::Clock, Tone::Weak, "Not at a relay yet", "On its way to a relay"),
        InviteState::Waiting => {
            told(Icon::Hourglass, Tone::Plain, "Waiting to be used", format!("Not used yet, {left} left"))
        }
        InviteState::Accepted => told(Icon::Okc, Tone::Good, "Opened", "Somebody accepted it"),
        InviteState::OpenedTwice => told(Icon::Warn, Tone::Weak, "Opened twice", "A second person opened it"),
        InviteState::Expired => {
            told(Icon::Hourglass, Tone::Weak, "Expired", "Nothing was shared. Make a new one.")
        }
        InviteState::Cancelled => told(Icon::Close, Tone::Plain, "Cancelled", "This link no longer works."),
    }
}

/// A question before something is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is asked.
    pub title: String,
    /// What is lost by it.
    pub body: String,
    /// The answer that loses it.
    pub go_on: &'static str,
    /// The safe one.
    pub keep: &'static str,
    /// One that goes further, where there is one.
    pub also: Option<String>,
}

/// The words of a question.
#[must_use]
pub fn question(question: &Question) -> Asked {
    match question {
        Question::CancelInvite { name, .. } => Asked {
            title: "Cancel this invitation?".into(),
            body: format!(
                "The link for {} stops working, also where you sent it already. It cannot be brought back; you can make another one.",
                isolated(name)
            ),
            go_on: "Cancel invitation",
            keep: "Keep it",
            also: None,
        },
        Question::DeleteMessage { both, .. } => message::delete_asked(both.as_deref()),
        Question::Block { name, .. } => people::block(name),
        Question::DeleteContact { name, .. } => people::delete(name),
    }
}

/// A text that is too long to be edited here: whether it can be sent, and what is said of it.
#[must_use]
pub fn folded(text: &str) -> (bool, String) {
    let text = text.trim();
    match over(text) {
        0 => (true, format!("A long text, {} characters. It is sent as it is.", text.chars().count())),
        over => (false, format!("Too long by {over} characters: take it out and send it in parts.")),
    }
}

/// How many characters of a text are more than one text can hold.
#[must_use]
pub fn over(text: &str) -> usize {
    let fits = text.floor_char_boundary(TEXT_MAX_BYTES.min(text.len()));
    text.get(fits..).map_or(0, |rest| rest.chars().count())
}

/// What is said at a name that is too long.
pub const NAME_TOO_LONG: &str =
    "Too long: at most 48 letters, fewer where they have accents or are not Latin.";

/// What is said beside a link that was copied.
pub const COPIED: &str = "It stays in the clipboard, where other programs can read it, until it is used or cancelled or you lock. A clipboard manager may keep it longer.";

/// What the line above the first unread text says.
#[must_use]
pub fn new_messages(count: usize) -> String {
    match count {
        1 => "1 new message".to_owned(),
        count => format!("{count} new messages"),
    }
}

/// Why nothing is told of what is looked for.
#[must_use]
pub fn search_failed(error: &PeerError) -> String {
    match error {
        PeerError::Refused(Refusal::TooLong) => "That is too much to look for: take fewer words.".to_owned(),
        PeerError::Refused(Refusal::NoSuchMessage) => {
            "What was found last is gone. Search once more.".to_owned()
        }
        error => failure(error),
    }
}

/// Whether it was compared who somebody is.
#[must_use]
pub fn verified(contact: &Contact) -> (Icon, Tone, &'static str) {
    if contact.verified {
        (Icon::Verified, Tone::Good, "Verified")
    } else {
        (Icon::Unverified, Tone::Plain, "Not compared yet")
    }
}

/// What is new or wrong with a contact, for the line below the name.
#[must_use]
pub fn notice(contact: &Contact) -> Option<&'static str> {
    match contact.notice {
        Notice::None => None,
        Notice::Repairing => Some("Reconnecting securely, nothing is lost"),
        Notice::InviteAgain => Some("Cannot reconnect: invite each other again"),
    }
}

/// What a scanned code says.
#[must_use]
pub fn comparison(comparison: Comparison, contact: &Contact) -> Told {
    let name = isolated(&contact.name);
    match comparison {
        Comparison::Match => told(
            Icon::Verified,
            Tone::Good,
            "It matches",
            format!("This is {name}, and nobody sits between you."),
        ),
        Comparison::OtherPerson => told(
            Icon::Warn,
            Tone::Bad,
            "It does not match",
            format!(
                "This is not the code that {name} shows for you. Scan the one on their screen now. If it still differs, somebody may sit between you: tell each other nothing here until you know why."
            ),
        ),
        Comparison::NotACode => told(
            Icon::Warn,
            Tone::Weak,
            "Not all of a code",
            "A code starts with privatus:v#. Scan it once more. Nothing was changed.",
        ),
        Comparison::NewerVersion => {
            told(Icon::Warn, Tone::Weak, "From a later version", "Install the newer version here too.")
        }
    }
}

const LINK_TRUNCATED: (&str, &str) =
    ("Cut short", "The end of the link is missing. Copy all of it, from privatus: to the last letter.");
const LINK_USED: (&str, &str) = (
    "Already used",
    "Someone opened this link before you, or it was cancelled. If it was not you, tell the sender and ask for a new one.",
);
const NOT_THEIRS: (&str, &str) = (
    "Not theirs",
    "They say that this link is not theirs, or not open any more. Accept it under another name.",
);
const NAME_BAD: (&str, &str) =
    ("This name does not work", "Take one of 1 to 48 letters, fewer where they have accents.");
const LINK_ALTERED: (&str, &str) =
    ("Changed on its way", "A letter of the link is not as it was. Copy it again.");
const LINK_OWN: (&str, &str) =
    ("Your own invitation", "Give it to somebody else: only another person can accept it.");
const RATE_LIMITED: (&str, &str) =
    ("Too many at once", "Ten new contacts an hour are possible. Try again later.");

const SECOND_OPENER: (&str, &str) =
    ("Not taken in", "Nobody knows who opened it second. Make an invitation for them alone.");

/// Why stored said no: a title, and what to do next.
#[must_use]
pub fn refusal(refusal: Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::None | Refusal::NotBuilt => ("Not built yet", "A later version can do this."),
        Refusal::SecondOpener => SECOND_OPENER,
        Refusal::Locked | Refusal::ScriptsOff => ("Locked", "Unlock and try once more. Nothing was changed."),
        Refusal::NoSuchContact => ("Nobody is there", "This contact was deleted. Nothing was sent."),
        Refusal::NameTaken => ("This name is taken", "Somebody else has it in your list. Take another one."),
        Refusal::NameBad => NAME_BAD,
        Refusal::NoSuchMessage => ("The message is gone", "It was deleted. Nothing else was changed."),
        Refusal::TooLong => ("The text is too long", "Send it in two parts. It is still here."),
        Refusal::BadId | Refusal::Conflict => ("It was not taken", "Try once more. Your text is safe here."),
        Refusal::Network => ("No relay answered", "Nothing was changed. Try again when the network is back."),
        Refusal::LinkMalformed => ("Not an invitation", "A link starts with privatus:i#. Copy all of it."),
        Refusal::LinkTruncated => LINK_TRUNCATED,
        Refusal::LinkAltered => LINK_ALTERED,
        Refusal::LinkExpired => ("Expired", "Nothing changed here. Ask for a new one."),
        Refusal::LinkNewer => ("From a later version", "This version cannot read it. Install the newer one."),
        Refusal::LinkOwn => LINK_OWN,
        Refusal::LinkUsed => LINK_USED,
        Refusal::LinkNotTheirs => NOT_THEIRS,
        Refusal::RateLimited => RATE_LIMITED,
        Refusal::Blocked => ("This contact is blocked", "Nothing was sent. Your text is safe here."),
        Refusal::Storage => ("The disk is full", "Nothing was lost. Free some space and try again."),
        Refusal::HistoryLost => ("History lost", "The file is missing or empty. Your keys are safe."),
        Refusal::HistoryDamaged => ("History damaged", "What can be read is shown. Nothing was changed."),
        Refusal::HistoryNewer => {
            ("From a later version", "A later version wrote the history. Install that one.")
        }
        Refusal::ReadOnly => {
            ("The disk is read-only", "Nothing was changed. Make it writable and try again.")
        }
        Refusal::NoMemory => ("Too little memory", "Nothing was lost. Close other programs and try again."),
        Refusal::DiskFails => ("The disk gives errors", "Copy your profile to another disk."),
        Refusal::HistoryInUse => ("The history is in use", "Another program has it open. Close that one."),
        Refusal::Picture => ("Not a picture", "The file is damaged, too large, or something else."),
        Refusal::InviteAccepted => ("Accepted already", "They are in your list. Nothing was changed."),
        Refusal::NoSuchInvite => ("The invitation is gone", "It was cancelled before."),
        Refusal::NumberChanged => ("The number changed", "Nothing was marked. Compare the new one."),
        Refusal::NothingWaits => ("Nothing waits", "What you write goes by itself."),
        Refusal::Waiting => ("Accepted", "It goes on by itself."),
        Refusal::NotYours => ("Not your text", "Only who wrote it can change it. Nothing was changed."),
        Refusal::BadEmoji => ("Not a reaction", "Take one sign, without words or spaces."),
        Refusal::NoteTooLong => ("The note is too long", "Nothing was changed. Make it shorter."),
        Refusal::NotForSelf => ("These are your own notes", "Nobody is there to compare with or block."),
        Refusal::AlreadyOpen => ("Asked already", "They have not both answered yet. Nothing was changed."),
        Refusal::NoComparison => ("Nothing is compared", "Begin again on both sides. Nothing was marked."),
        Refusal::OtherString => ("Another string", "Nobody was marked. Have them read theirs once more."),
        Refusal::NoSuchFile => ("The file is gone", "It was deleted. Nothing else was changed."),
        Refusal::TooLarge => ("Too large", "A message takes 32 files of 4 GiB. Nothing was sent."),
        Refusal::SizeDiffers => ("The file changed", "It was being written. Nothing was sent: try again."),
        Refusal::TooMany => ("Too many at once", "Try again when one of the files is handed over."),
        Refusal::CarriesMetadata => ("Place and camera stay in", "Nothing was sent. Say that this is meant."),
        Refusal::NotNow => ("Not now", "The file stands otherwise by now. Nothing was changed."),
        Refusal::NotHere => ("Not here yet", "Not all of the file has come."),
        Refusal::FileDamaged => {
            ("The file is damaged", "What is kept of it cannot be read. Ask for it again.")
        }
        Refusal::NoIntroduction => ("The introduction is over", "Nothing was changed."),
        Refusal::UnderWay => ("Under way already", "It cannot be taken back any more. Nothing was changed."),
    }
}

/// The same for any failed call, in one line.
#[must_use]
pub fn failure(error: &PeerError) -> String {
    match error {
        PeerError::Refused(reason) => {
            let (title, next) = refusal(*reason);
            format!("{title}. {next}")
        }
        PeerError::Lost => "A part was restarted. Nothing was lost, try once more.".to_owned(),
        PeerError::Misbehaved => {
            "A part answered what this version cannot read. Install all of it again.".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::ContactState;

    use super::*;

    const NOON: Timestamp = Timestamp(1_750_766_400_000); // 2025-06-24 12:00 UTC, a Tuesday

    #[test]
    fn connected_is_never_said_without_the_age_of_its_proof() {
        let mut state = Network { stage: "connected".into(), ..Network::default() };
        assert_ne!(network(&state, true, NOON).title, "Connected");
        state.proved(NOON, Timestamp(NOON.0 - 20_000));
        let told = network(&state, true, NOON);
        assert_eq!((told.title.as_str(), told.reason.as_str()), ("Connected", "Proven 20 s ago"));
        assert_ne!(network(&state, false, NOON).title, "Connected");
        let back = Timestamp(NOON.0 - 86_400_000);
        assert_ne!(network(&state, true, back).title, "Connected", "the clock was set back");
        state.reached(NOON, "offline".into());
        assert_eq!(network(&state, true, NOON).title, "Offline");
        state.reached(NOON, "connected".into());
        assert_eq!(network(&state, true, NOON).title, "Connecting", "not with what was proven before");
    }

    #[test]
    fn a_text_that_passes_is_never_told_as_connecting_and_an_unneeded_route_not_as_being_built() {
        let mut state = Network { stage: "building-route".into(), ..Network::default() };
        assert_eq!(network(&state, true, NOON).title, "Connecting");
        state.proved(NOON, NOON);
        assert_eq!(network(&state, true, NOON).title, "Connected");
        let idle = Network { stage: "building-route".into(), idle: true, ..Network::default() };
        assert_eq!(network(&idle, true, NOON).title, "Ready");
    }

    #[test]
    fn every_stage_of_the_contract_has_words_of_its_own_and_a_reason() {
        let stages = [
            "starting",
            "finding-relays",
            "building-route",
            "slow",
            "too-few-relays",
            "no-relays",
            "guards-unreachable",
            "offline",
        ];
        for stage in stages {
            let told = network(&Network { stage: stage.into(), ..Network::default() }, true, NOON);
            assert!(!told.title.is_empty() && !told.reason.is_empty() && told.tone != Tone::Good, "{stage}");
        }
    }

    #[test]
    fn a_wrong_clock_is_told_for_as_long_as_it_keeps_relays_from_being_found() {
        let clock = |seconds| Some(ClockOffset { seconds, relays: 5 });
        let told = |stage: &str, clock| {
            let told = network(&Network { stage: stage.into(), clock, ..Network::default() }, true, NOON);
            (told.title, told.reason)
        };
        let words =
            ("Clock 1 h 30 min behind".to_owned(), "5 relays say: set it right, to connect".to_owned());
        assert_eq!(told("no-relays", clock(-5_400)), words);
        assert_eq!(told("too-few-relays", clock(-5_400)), words);
        assert_eq!(told("no-relays", clock(-60)), told("no-relays", None));
        assert_eq!(told("building-route", clock(-5_400)), told("building-route", None));
        let lost = Network { stage: "no-relays".into(), ..Network::default() };
        assert_eq!(network(&lost, true, Timestamp(0)).title, "Clock years behind");
    }

    #[test]
    fn times_are_hours_today_then_weekdays_then_dates() {
        let zone = Zone::default();
        let ago = |days: u64| Timestamp(NOON.0 - days * 86_400_000);
        assert_eq!(when(ago(0), NOON, &zone), "12:00");
        assert_eq!(when(ago(1), NOON, &zone), "Mon");
        assert_eq!(when(ago(6), NOON, &zone), "Wed");
        assert_eq!(when(ago(8), NOON, &zone), "16 Jun");
        assert_eq!(when(Timestamp(0), NOON, &zone), "");
        let date = |days: u64| zone.local_time(ago(days)).date();
        assert_eq!(day(date(0), date(0)), "Today, Tuesday 24 June");
        assert_eq!(day(date(1), date(0)), "Yesterday, Monday 23 June");
        assert_eq!(day(date(400), date(0)), "Monday 20 May 2024");
    }

    #[test]
    fn waiting_and_failing_texts_have_a_sentence_and_settled_ones_are_silent() {
        let contact = Contact {
            name: "Robin".into(),
            state: ContactState::Connected,
            route: "onion".into(),
            last_at: NOON,
            ..Contact::of("c1")
        };
        let zone = Zone::default();
        let said = |state| {
            let mut message = super::super::chat::tests::text("m", true, state);
            message.expires_at = Some(Timestamp(NOON.0 + 21 * 86_400_000));
            under(&message, &contact, &zone)
        };
        assert_eq!(said(Delivery::Relayed), "At a relay, waiting for Robin. Kept until 15 July.");
        assert_eq!(said(Delivery::Queued), "Waiting here, leaves by itself.");
        assert!(said(Delivery::Failed).contains("safe here"));
        assert_eq!(said(Delivery::Delivered), "");
        assert_eq!(said(Delivery::Read), "");
    }

    #[test]
    fn every_refusal_says_what_to_do_next_without_blame() {
        for reason in ipc_schema::edge::ui_stored::refusals() {
            let (title, next) = refusal(reason);
            assert!(title.split_whitespace().count() <= 6 && !next.is_empty(), "{reason:?}");
            assert!(!format!("{title}{next}").contains('!') && !next.to_lowercase().contains("invalid"));
        }
    }
}
