//! The answers of the contract as objects, the same in lists, answers and events.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{
    Change, Contact, Event, File, FileReason, Invite, MUTED_FOR_EVER, Match, Message, Note, Notice, Reaction,
    Reason, ShortState, is_muted,
};
use serde::Serialize;

/// A row of `contacts`.
#[derive(Debug, Serialize)]
pub struct ContactRow<'a> {
    id: &'a str,
    name: &'a str,
    state: &'static str,
    verified: bool,
    route: &'a str,
    unread: u32,
    last_at: Option<u64>,
    their_name: &'a str,
    notice: Option<&'static str>,
    held: bool,
    pinned: bool,
    muted: bool,
    muted_until: Option<u64>,
    note: &'a str,
    draft: bool,
    first_unread: Option<&'a str>,
    receipts: bool,
    typing: bool,
    is_typing: bool,
    timer_s: u32,
    comparing: Option<&'static str>,
    retention_s: u32,
}

impl<'a> From<&'a Contact> for ContactRow<'a> {
    fn from(contact: &'a Contact) -> Self {
        Self::at(contact, Timestamp::now())
    }
}

impl<'a> ContactRow<'a> {
    /// As it is at `now`. A mute without an end has no moment.
    fn at(contact: &'a Contact, now: Timestamp) -> Self {
        let muted = is_muted(contact.muted_until, now);
        let ends = muted && contact.muted_until != MUTED_FOR_EVER;
        Self {
            id: &contact.id,
            name: &contact.name,
            state: contact.state.word(),
            verified: contact.verified,
            route: &contact.route,
            unread: contact.unread,
            last_at: (contact.last_at.0 != 0).then_some(contact.last_at.0),
            their_name: &contact.their_name,
            notice: (contact.notice != Notice::None).then(|| contact.notice.word()),
            held: contact.held,
            pinned: contact.pinned,
            muted,
            muted_until: ends.then_some(contact.muted_until.0),
            note: &contact.note,
            draft: contact.has_draft,
            first_unread: (!contact.first_unread.is_empty()).then_some(contact.first_unread.as_str()),
            receipts: contact.receipts,
            typing: contact.typing,
            is_typing: contact.is_typing,
            timer_s: contact.timer_s,
            comparing: (contact.comparing != ShortState::None).then(|| contact.comparing.word()),
            retention_s: contact.retention_s,
        }
    }
}

/// A row of `messages`.
#[derive(Debug, Serialize)]
pub struct MessageRow<'a> {
    id: &'a str,
    contact: &'a str,
    from: &'static str,
    sent_at: u64,
    received_at: Option<u64>,
    body: &'a str,
    state: &'static str,
    reply_to: Option<&'a str>,
    edited: bool,
    reactions: Vec<ReactionRow<'a>>,
    note: Option<&'static str>,
    gap: bool,
    held: bool,
    deleted: bool,
    reason: Option<&'static str>,
    expires_at: Option<u64>,
    disappears_at: Option<u64>,
    /// Of a text that lives for ever none; of a line that says so 0.
    timer_s: Option<u32>,
    introduces: Option<&'a str>,
}

/// A row of `file list`.
#[derive(Debug, Serialize)]
pub struct FileRow<'a> {
    id: &'a str,
    message: &'a str,
    contact: &'a str,
    from: &'static str,
    name: &'a str,
    kind: &'static str,
    size: u64,
    state: &'static str,
    reason: Option<&'static str>,
    done: u64,
    rate: u64,
    left_s: Option<u64>,
    at: u64,
}

impl<'a> From<&'a File> for FileRow<'a> {
    fn from(file: &'a File) -> Self {
        Self {
            id: &file.id,
            message: &file.message,
            contact: &file.contact,
            from: if file.mine { "me" } else { "them" },
            name: &file.name,
            kind: file.kind.word(),
            size: file.size,
            state: file.state.word(),
            reason: (file.reason != FileReason::None).then(|| file.reason.word()),
            done: file.done,
            rate: file.rate,
            left_s: file.left_s,
            at: file.at.0,
        }
    }
}

/// What one of the two thinks of a text.
#[derive(Debug, Serialize)]
struct ReactionRow<'a> {
    from: &'static str,
    emoji: &'a str,
}

impl<'a> From<&'a Reaction> for ReactionRow<'a> {
    fn from(reaction: &'a Reaction) -> Self {
        Self { from: if reaction.mine { "me" } else { "them" }, emoji: &reaction.emoji }
    }
}

impl<'a> From<&'a Message> for MessageRow<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: &message.id,
            contact: &message.contact,
            from: if message.mine { "me" } else { "them" },
            sent_at: message.sent_at.0,
            received_at: message.received_at.map(|at| at.0),
            body: &message.body,
            state: message.state.word(),
            reply_to: (!message.reply_to.is_empty()).then_some(message.reply_to.as_str()),
            edited: message.edited,
            reactions: message.reactions.iter().map(Into::into).collect(),
            note: (message.note != Note::None).then(|| message.note.word()),
            gap: message.gap,
            held: message.held,
            deleted: message.deleted,
            reason: (message.reason != Reason::None).then(|| message.reason.word()),
            expires_at: message.expires_at.map(|at| at.0),
            disappears_at: message.disappears_at.map(|at| at.0),
            timer_s: (message.timer_s > 0 || message.note == Note::TimerChanged).then_some(message.timer_s),
            introduces: (!message.introduces.is_empty()).then_some(message.introduces.as_str()),
        }
    }
}

/// A row of `search`.
#[derive(Debug, Serialize)]
pub struct MatchRow<'a> {
    id: &'a str,
    contact: &'a str,
    from: &'static str,
    sent_at: u64,
    body: &'a str,
    context: &'a str,
    /// Where in `context`, in bytes of UTF-8: from and to.
    hits: Vec<[usize; 2]>,
}

impl<'a> From<&'a Match> for MatchRow<'a> {
    fn from(found: &'a Match) -> Self {
        Self {
            id: &found.id,
            contact: &found.contact,
            from: if found.mine { "me" } else { "them" },
            sent_at: found.sent_at.0,
            body: &found.body,
            context: &found.context,
            hits: found.hits.iter().map(|hit| [hit.start, hit.end]).collect(),
        }
    }
}

/// A row of `invite list`, and the answer of `invite`.
#[derive(Debug, Serialize)]
pub struct InviteRow<'a> {
    id: &'a str,
    name: &'a str,
    state: &'static str,
    expires: u64,
    link: &'a str,
}

impl<'a> From<&'a Invite> for InviteRow<'a> {
    fn from(invite: &'a Invite) -> Self {
        Self {
            id: &invite.id,
            name: &invite.name,
            state: invite.state.word(),
            expires: invite.expires.0,
            link: &invite.link,
        }
    }
}

/// A line of `events`.
#[derive(Debug, Serialize)]
pub struct EventRow<'a> {
    seq: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    at: u64,
    #[serde(flatten)]
    change: ChangeRow<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ChangeRow<'a> {
    Message(MessageRow<'a>),
    Delivery { id: &'a str, contact: &'a str, state: &'static str },
    Contact(ContactRow<'a>),
    Network { stage: &'a str },
    File(FileRow<'a>),
    Gone { id: &'a str, contact: &'a str, gone: bool },
    Typing { contact: &'a str, on: bool },
}

impl<'a> From<&'a Event> for EventRow<'a> {
    fn from(event: &'a Event) -> Self {
        let (kind, change) = match &event.change {
            Change::Message(message) => ("message", ChangeRow::Message(message.into())),
            Change::Delivery { id, contact, state } => {
                ("delivery", ChangeRow::Delivery { id, contact, state: state.word() })
            }
            Change::Contact(contact) => ("contact", ChangeRow::Contact(contact.into())),
            Change::File(file) => ("file", ChangeRow::File(file.into())),
            Change::Network(stage) => ("network", ChangeRow::Network { stage }),
            Change::Gone { id, contact } => ("message", ChangeRow::Gone { id, contact, gone: true }),
            Change::Typing { who, on } => ("typing", ChangeRow::Typing { contact: who, on: *on }),
        };
        Self { seq: event.seq, kind, at: event.at.0, change }
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::{ContactState, Delivery};

    use super::*;

    fn message() -> Message {
        Message {
            mine: true,
            sent_at: Timestamp(5),
            body: "a\nb".into(),
            state: Delivery::Delivered,
            route: vec![ipc_schema::relay::RelayId([1; 32])],
            position: 7,
            reactions: vec![Reaction { mine: false, emoji: "👍".into() }],
            ..Message::of("m1", "c1")
        }
    }

    #[test]
    fn a_message_has_exactly_the_fields_of_the_contract() {
        let json = serde_json::to_string(&MessageRow::from(&message())).unwrap();
        assert_eq!(
            json,
            r#"{"id":"m1","contact":"c1","from":"me","sent_at":5,"received_at":null,"body":"a\nb","state":"delivered","reply_to":null,"edited":false,"reactions":[{"from":"them","emoji":"👍"}],"note":null,"gap":false,"held":false,"deleted":false,"reason":null,"expires_at":null,"disappears_at":null,"timer_s":null,"introduces":null}"#
        );
    }

    #[test]
    fn a_text_tells_how_long_it_lives_and_a_line_also_that_it_is_for_ever() {
        let told = |note, timer_s| {
            let disappears_at = (note == Note::None).then_some(Timestamp(9));
            let message = Message { note, timer_s, disappears_at, ..message() };
            let row = MessageRow::from(&message);
            (row.note, row.disappears_at, row.timer_s)
        };
        assert_eq!(told(Note::None, 60), (None, Some(9), Some(60)));
        assert_eq!(told(Note::TimerChanged, 60), (Some("timer-changed"), None, Some(60)));
        assert_eq!(told(Note::TimerChanged, 0), (Some("timer-changed"), None, Some(0)));
    }

    #[test]
    fn a_match_has_the_fields_of_the_contract() {
        let hits = [(0, 1), (2, 3)].map(|(from, to)| from..to).to_vec();
        let found = Match {
            id: "m1".into(),
            contact: "c1".into(),
            mine: false,
            sent_at: Timestamp(5),
            body: "a\nb".into(),
            context: "a\nb".into(),
            hits,
        };
        let json = serde_json::to_string(&MatchRow::from(&found)).unwrap();
        assert_eq!(
            json,
            r#"{"id":"m1","contact":"c1","from":"them","sent_at":5,"body":"a\nb","context":"a\nb","hits":[[0,1],[2,3]]}"#
        );
    }

    fn contact() -> Contact {
        Contact {
            name: "Bea".into(),
            state: ContactState::Connected,
            route: "onion".into(),
            unread: 2,
            last_at: Timestamp(9),
            their_name: "B".into(),
            last_text: "hi".into(),
            held: true,
            pinned: true,
            muted_until: Timestamp(7),
            note: "met in Lyon".into(),
            has_draft: true,
            first_unread: "m3".into(),
            receipts: true,
            is_typing: true,
            timer_s: 300,
            ..Contact::of("c1")
        }
    }

    #[test]
    fn a_contact_has_the_fields_of_the_contract_first() {
        let json = serde_json::to_string(&ContactRow::at(&contact(), Timestamp(6))).unwrap();
        assert_eq!(
            json,
            r#"{"id":"c1","name":"Bea","state":"connected","verified":false,"route":"onion","unread":2,"last_at":9,"their_name":"B","notice":null,"held":true,"pinned":true,"muted":true,"muted_until":7,"note":"met in Lyon","draft":true,"first_unread":"m3","receipts":true,"typing":false,"is_typing":true,"timer_s":300,"comparing":null,"retention_s":0}"#
        );
    }

    #[test]
    fn a_mute_that_is_over_is_none_and_one_for_ever_has_no_moment() {
        let told = |until, now| {
            let contact = Contact { muted_until: until, first_unread: String::new(), ..contact() };
            let row = ContactRow::at(&contact, now);
            assert_eq!(row.first_unread, None);
            (row.muted, row.muted_until)
        };
        assert_eq!(told(Timestamp(0), Timestamp(6)), (false, None));
        assert_eq!(told(Timestamp(7), Timestamp(7)), (false, None));
        assert_eq!(told(Timestamp(7), Timestamp(6)), (true, Some(7)));
        assert_eq!(told(MUTED_FOR_EVER, Timestamp(6)), (true, None));
    }

    #[test]
    fn an_event_is_one_flat_object_with_its_type() {
        let event = |change| {
            serde_json::to_string(&EventRow::from(&Event { seq: 7, at: Timestamp(8), change })).unwrap()
        };
        assert_eq!(
            event(Change::Delivery { id: "m1".into(), contact: "c1".into(), state: Delivery::Relayed }),
            r#"{"seq":7,"type":"delivery","at":8,"id":"m1","contact":"c1","state":"relayed"}"#
        );
        assert_eq!(
            event(Change::Network("connected".into())),
            r#"{"seq":7,"type":"network","at":8,"stage":"connected"}"#
        );
        assert_eq!(
            event(Change::Gone { id: "m1".into(), contact: "c1".into() }),
            r#"{"seq":7,"type":"message","at":8,"id":"m1","contact":"c1","gone":true}"#
        );
        assert_eq!(
            event(Change::Typing { who: "c1".into(), on: true }),
            r#"{"seq":7,"type":"typing","at":8,"contact":"c1","on":true}"#
        );
        assert!(
            event(Change::Message(message())).starts_with(r#"{"seq":7,"type":"message","at":8,"id":"m1","#)
        );
    }
}
