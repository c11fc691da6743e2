//! The sentences about a message: what it answers, how far it is, what is asked before it is deleted.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, ContactState, Delivery, Info, Message, Note, Reason};
use privatus::clock::Zone;
use privatus::peers::PeerError;

use super::{Asked, Told, Tone, failure, hour, mark, span, told};
use crate::brief::{brief, brief_beginning, first_line};
use crate::icon::Icon;
use crate::text::isolated;

/// What is said when a text was taken back.
pub const TAKEN_BACK: &str = "Taken back: nobody has seen it. Its words stand where you write.";

/// Of a quoted text no more is looked at, bytes: one line shows less.
const QUOTED_MAX_BYTES: usize = 512;

/// What is said when a text was handed on.
#[must_use]
pub fn forwarded(name: &str) -> String {
    format!("Forwarded to {}", isolated(name))
}

/// Who wrote a message, and its first line; of one that is not loaded, that.
#[must_use]
pub fn quote(message: Option<&Message>, contact: &Contact) -> (String, String) {
    let Some(message) = message else {
        return (isolated(&contact.name), "A text that is not here".to_owned());
    };
    let line = match message.note {
        _ if message.deleted => "Deleted".to_owned(),
        Note::None => isolated(&first_line(beginning(&message.body))),
        _ => isolated(&message.body),
    };
    (writer(message, contact), line)
}

fn beginning(body: &str) -> &str {
    body.get(..body.floor_char_boundary(QUOTED_MAX_BYTES)).unwrap_or_default()
}

/// Who wrote a message.
#[must_use]
pub fn writer(message: &Message, contact: &Contact) -> String {
    if message.mine { "You".to_owned() } else { isolated(&contact.name) }
}

/// What stands in the place of a text that was deleted for both.
#[must_use]
pub fn deleted(message: &Message, contact: &Contact) -> String {
    if message.mine {
        "You deleted this".to_owned()
    } else {
        format!("Deleted by {}", isolated(&contact.name))
    }
}

/// A message as it is spoken.
#[must_use]
pub fn spoken(message: &Message, contact: &Contact) -> String {
    match message.note {
        _ if message.deleted => deleted(message, contact),
        Note::None => {
            let beginning = beginning(&message.body);
            let whole = beginning.len() == message.body.len();
            let line = if whole { brief(beginning) } else { brief_beginning(beginning) };
            format!("{}: {line}", writer(message, contact))
        }
        _ => format!("Note: {}", message.body),
    }
}

/// The sentence under a text of one's own.
#[must_use]
pub fn under(message: &Message, contact: &Contact, zone: &Zone) -> String {
    let name = isolated(&contact.name);
    match (message.state, contact.state, message.reason) {
        (Delivery::Queued, ContactState::Invited | ContactState::Pending, _) => {
            format!("Waiting here, leaves when {name} is connected.")
        }
        (Delivery::Queued, ..) if contact.held => "Waiting here for your word.".to_owned(),
        (Delivery::Queued, _, Reason::QueueFull) => {
            format!("{name}’s mailbox is full. It leaves when they fetch what is there.")
        }
        (Delivery::Queued, ..) => "Waiting here, leaves by itself.".to_owned(),
        (Delivery::Relayed, ..) => {
            let kept = message.expires_at.map(|at| zone.local_time(at));
            let kept = kept.map(|at| format!(" Kept until {} {}.", at.day(), at.month()));
            format!("At a relay, waiting for {name}.{}", kept.unwrap_or_default())
        }
        (Delivery::Failed, _, reason) => failed(reason, &name),
        (Delivery::Expired, ..) => format!("{name} did not pick it up in time. Your text is safe here."),
        (Delivery::Delivered | Delivery::Read, ..) => String::new(),
    }
}

/// Why it failed, that it is safe, and what to do.
fn failed(reason: Reason, name: &str) -> String {
    match reason {
        Reason::InviteAgain => "Not sent: invite each other again. Your text is safe here.".to_owned(),
        Reason::Gone => {
            format!(
                "Not sent: {name}’s mailbox is gone. Your text is safe here, and leaves if it comes back."
            )
        }
        Reason::None | Reason::QueueFull => "Not sent. Your text is safe here.".to_owned(),
    }
}

/// What is said of a text that was tried once more and still cannot be delivered.
#[must_use]
pub fn still_stuck(message: &Message, contact: &Contact) -> Option<String> {
    (message.state == Delivery::Failed).then(|| failed(message.reason, &isolated(&contact.name)))
}

/// What the card about a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its state, and what that means.
    pub state: Told,
    /// When it came where; or that this is being asked, or why it is not known.
    pub moments: String,
}

/// When and where the reader is.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Now.
    pub now: Timestamp,
    /// Their time zone.
    pub zone: &'a Zone,
}

impl Reader<'_> {
    /// The hour today, else the date with it.
    fn moment(&self, at: Timestamp) -> String {
        let (time, today) = (self.zone.local_time(at), self.zone.local_time(self.now).date());
        if time.date() == today {
            hour(&time)
        } else {
            format!("{} {}, {}", time.day(), time.month(), hour(&time))
        }
    }

    fn second(&self, at: Timestamp) -> String {
        format!("{}:{:02}", self.moment(at), self.zone.local_time(at).second())
    }
}

/// The card about a text.
#[must_use]
pub fn card(
    message: &Message,
    contact: &Contact,
    asked: Option<&Result<Info, PeerError>>,
    reader: Reader<'_>,
) -> Card {
    let moments = match asked {
        None => "Looking up when it came where…".to_owned(),
        Some(Err(error)) => failure(error),
        Some(Ok(info)) if info.mine => own_moments(info, reader),
        Some(Ok(info)) => their_moments(info, reader),
    };
    let info = asked.and_then(|asked| asked.as_ref().ok());
    Card { state: state_of(message, contact, info, reader), moments }
}

fn state_of(message: &Message, contact: &Contact, info: Option<&Info>, reader: Reader<'_>) -> Told {
    let name = isolated(&contact.name);
    if !message.mine {
        let at = message.received_at.map(|at| format!(" at {}", reader.moment(at))).unwrap_or_default();
        return told(Icon::MarkDelivered, Tone::Plain, &format!("Received{at}"), "It is safely stored here.");
    }
    let (icon, tone) = mark(message.state);
    let since = |word: &str, at: Option<Timestamp>| {
        at.map(|at| format!(" {word} {}", reader.moment(at))).unwrap_or_default()
    };
    let at = |of: fn(&Info) -> Option<Timestamp>| info.and_then(of);
    let (title, reason) = match message.state {
        Delivery::Queued => {
            let title = format!("Waiting here{}", since("since", at(|info| info.queued_at)));
            (title, under(message, contact, reader.zone))
        }
        Delivery::Relayed => {
            let kept = info.and_then(|info| info.expires_at).or(message.expires_at);
            let kept = kept.map(|at| {
                format!(" The copy is kept until {}. You are told if it expires.", reader.moment(at))
            });
            let holds =
                format!("A relay holds a sealed copy. Nothing has come back from {name}’s device yet.");
            let title = format!("At a relay{}", since("since", at(|info| info.relayed_at)));
            (title, holds + &kept.unwrap_or_default())
        }
        Delivery::Delivered => {
            let title = format!("On their device{}", since("since", at(|info| info.delivered_at)));
            (title, format!("Safely stored there: {name}’s device says so."))
        }
        Delivery::Read => {
            let title = format!("Read{}", since("at", at(|info| info.read_at)));
            (title, format!("{name}’s device says that it was read."))
        }
        Delivery::Failed => (
            format!("Not sent{}", since("since", at(|info| info.failed_at))),
            under(message, contact, reader.zone),
        ),
        Delivery::Expired => ("Not picked up in time".to_owned(), under(message, contact, reader.zone)),
    };
    told(icon, tone, &title, reason)
}

/// Each moment once, with how long it took from the one before.
fn own_moments(info: &Info, reader: Reader<'_>) -> String {
    let mut line = format!("Written at {}", reader.second(info.sent_at));
    let mut before = info.sent_at;
    for (what, at) in
        [("at a relay", info.relayed_at), ("on their device", info.delivered_at), ("read", info.read_at)]
    {
        let Some(at) = at else { continue };
        line.push_str(&format!(", {what} {} later", took(at.since(before))));
        before = at;
    }
    match info.route.len() {
        0 => {}
        1 => line.push_str(", over 1 relay"),
        relays => line.push_str(&format!(", over {relays} relays")),
    }
    line.push('.');
    if info.parts > 1 {
        line.push_str(&format!(" {} of {} parts have left.", info.parts_relayed, info.parts));
    }
    line
}

fn their_moments(info: &Info, reader: Reader<'_>) -> String {
    format!("Written at {} by their clock.", reader.second(info.sent_at))
}

/// A time that something took: tenths of a second while it is short.
fn took(of: std::time::Duration) -> String {
    match of.as_millis() {
        ms @ 0..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => span(of),
    }
}

/// What is asked before a message is deleted.
#[must_use]
pub fn delete_asked(both: Option<&str>) -> Asked {
    let (body, also) = match both {
        Some(name) => {
            let name = isolated(name);
            let body = format!(
                "Here it is gone for good. {name}’s device can be asked to remove it too; if {name} has copied it, the copy stays."
            );
            (body, Some(format!("Also ask {name}’s device to remove it")))
        }
        None => ("Here it is gone for good. Nobody else is told.".to_owned(), None),
    };
    Asked { title: "Delete this message?".into(), body, go_on: "Delete here", keep: "Keep", also }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chat::tests::text;

    const NOON: Timestamp = Timestamp(1_750_766_400_000); // 2025-06-24 12:00 UTC

    fn robin() -> Contact {
        Contact {
            name: "Robin".into(),
            state: ContactState::Connected,
            route: "onion".into(),
            last_at: NOON,
            ..Contact::of("c1")
        }
    }

    fn info(state: Delivery) -> Info {
        Info {
            id: "m".into(),
            contact: "c1".into(),
            mine: true,
            state,
            reason: Reason::None,
            queued_at: Some(NOON),
            relayed_at: Some(Timestamp(NOON.0 + 230)),
            expires_at: Some(Timestamp(NOON.0 + 21 * 86_400_000)),
            delivered_at: None,
            read_at: None,
            failed_at: None,
            received_at: None,
            sent_at: NOON,
            route: vec![ipc_schema::relay::RelayId([1; 32]); 3],
            parts: 1,
            parts_relayed: 1,
        }
    }

    #[test]
    fn the_card_says_since_when_until_when_and_over_how_many_relays() {
        let zone = Zone::default();
        let reader = Reader { now: NOON, zone: &zone };
        let message = text("m", true, Delivery::Relayed);
        let told = card(&message, &robin(), Some(&Ok(info(Delivery::Relayed))), reader);
        assert_eq!(told.state.title, "At a relay since 12:00");
        assert!(
            told.state.reason.contains("The copy is kept until 15 July, 12:00."),
            "{}",
            told.state.reason
        );
        assert_eq!(told.moments, "Written at 12:00:00, at a relay 0.2 s later, over 3 relays.");
        let asking = card(&message, &robin(), None, reader);
        assert_eq!(asking.state.title, "At a relay", "nothing is claimed before it is known");
        assert!(!asking.state.reason.contains("kept until"));
    }

    #[test]
    fn each_reason_has_its_sentence_and_a_date_is_said_only_where_it_is_known() {
        let zone = Zone::default();
        let said = |state, reason, expires_at| {
            let message = Message { reason, expires_at, ..text("m", true, state) };
            under(&message, &robin(), &zone)
        };
        assert_eq!(said(Delivery::Relayed, Reason::None, None), "At a relay, waiting for Robin.");
        let until = Some(Timestamp(NOON.0 + 86_400_000));
        assert!(said(Delivery::Relayed, Reason::None, until).ends_with("Kept until 25 June."));
        assert!(said(Delivery::Queued, Reason::QueueFull, None).contains("mailbox is full"));
        assert!(said(Delivery::Failed, Reason::InviteAgain, None).contains("invite each other again"));
        assert!(said(Delivery::Failed, Reason::Gone, None).contains("mailbox is gone"));
        for reason in [Reason::None, Reason::InviteAgain, Reason::Gone] {
            assert!(said(Delivery::Failed, reason, None).contains("safe here"));
        }
    }

    #[test]
    fn a_quote_is_one_line_without_what_cannot_be_seen() {
        let body = "\n  **first**\u{202E} line \nsecond";
        let message = Message { body: body.into(), ..text("m", false, Delivery::Delivered) };
        assert_eq!(quote(Some(&message), &robin()), ("Robin".into(), "first line".into()));
        let gone = Message { deleted: true, body: String::new(), ..text("m", true, Delivery::Read) };
        assert_eq!(quote(Some(&gone), &robin()), ("You".into(), "Deleted".into()));
        assert_eq!(quote(None, &robin()).1, "A text that is not here");
    }
}
