//! The window with sample people and no other process, to look at it while its views are worked on:
//! `cargo run -p privatus-ui --example look [-- new|locked]`. Not shipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::sync::mpsc::{Sender, channel};

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_keyvault::VaultState;
use ipc_schema::edge::ui_stored::{
    Access, Change, Contact, ContactState, Counts, Delivery, Invite, InviteState, Match, Message, Place,
    Reaction, SafetyNumber, ShortAction, ShortComparison, ShortEnd, ShortState,
};
use privatus_ui::model::{Command, News};
use privatus_ui::serve::Wires;
use privatus_ui::window::Window;

fn ago(minutes: u64) -> Timestamp {
    Timestamp(Timestamp::now().0 - minutes * 60_000)
}

fn contact(id: &str, name: &str, state: ContactState, minutes: u64, last: &str) -> Contact {
    Contact {
        name: name.into(),
        state,
        verified: id == "robin" || id == "noor",
        route: "onion".into(),
        unread: if id == "leyla" { 3 } else { 0 },
        last_at: ago(minutes),
        last_text: last.into(),
        first_unread: if id == "leyla" { "l1".into() } else { String::new() },
        ..Contact::of(id)
    }
}

fn text((id, contact): (&str, &str), mine: bool, minutes: u64, state: Delivery, body: &str) -> Message {
    Message { mine, sent_at: ago(minutes), body: body.into(), state, ..Message::of(id, contact) }
}

fn people() -> Vec<Contact> {
    vec![
        contact("robin", "Robin", ContactState::Connected, 1, "See you there."),
        contact("dana", "Dana", ContactState::Invited, 60, ""),
        contact("noor", "Noor", ContactState::Connected, 20, "Thanks, I will look at it"),
        contact("leyla", "ليلى", ContactState::Connected, 100, "شكراً، وصلت الصور كلها"),
        contact("haruna", "陽菜", ContactState::Connected, 9000, "明日の午後でいいですか。"),
        contact("mika", "Mika", ContactState::Connected, 2000, "On my way."),
    ]
}

fn messages(who: &str) -> Vec<Message> {
    match who {
        "robin" => vec![
            text(
                ("1", who),
                false,
                116,
                Delivery::Read,
                "The reading room opens at ten. Ask for the blue index cards, the people at the desk know where they are.",
            ),
            Message {
                reply_to: "1".into(),
                ..text(("2", who), true, 113, Delivery::Read, "Then I will take the 9:40 bus.")
            },
            Message {
                edited: true,
                reactions: [(false, "👍"), (true, "🌿")]
                    .map(|(mine, emoji)| Reaction { mine, emoji: emoji.into() })
                    .to_vec(),
                ..text(("3", who), true, 112, Delivery::Read, "I’ll bring both folders and the index.")
            },
            Message { deleted: true, ..text(("3d", who), false, 8, Delivery::Delivered, "") },
            text(("4", who), false, 7, Delivery::Delivered, "Is this the door you meant? 🌿"),
            text(("5", who), true, 6, Delivery::Delivered, "Yes, the one on the north side."),
            text(("6", who), true, 5, Delivery::Relayed, "Let us meet at the desk at two."),
            text(("7", who), true, 2, Delivery::Failed, "Here are the three addresses for Friday."),
            text(("8", who), true, 0, Delivery::Queued, "See you there."),
            text(
                ("9", who),
                false,
                0,
                Delivery::Delivered,
                "**Bring** the _blue_ cards and `ls -l`:\n- the plan (https://xn--pple-43d.com/a?b=c)\n- שלום, the second one\n> as you said\n```\nmake \\\n\tall\n```\nZ\u{316}\u{317}\u{318}\u{319}algo\u{200B}",
            ),
        ],
        "leyla" => vec![
            text(("l1", who), false, 120, Delivery::Delivered, "مرحبا! كيف الحال؟"),
            text(("l2", who), false, 110, Delivery::Delivered, "شكراً، وصلت الصور كلها"),
            text(("l3", who), false, 100, Delivery::Delivered, "safe \u{202E}gpj.exe\u{202C} link"),
        ],
        "mika" => (0..59)
            .map(|n| {
                text(
                    (&format!("m{n}"), who),
                    n % 3 == 0,
                    2100 - n,
                    Delivery::Delivered,
                    &format!("Line {n} of a long talk about trains."),
                )
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn invite() -> Invite {
    Invite {
        id: "i1".into(),
        link: format!("privatus:i#{}", "2caIhDC4fvGWez_0x".repeat(14)),
        contact: "dana".into(),
        name: "Dana".into(),
        expires: ago(0).after(std::time::Duration::from_secs(6 * 86_400 + 80_000)),
        state: InviteState::Waiting,
    }
}

fn inside(news: &Sender<News>) {
    let tell = |item| news.send(item).unwrap();
    tell(News::Access(Access::Open, "Alex".into()));
    tell(News::Invites(vec![invite()]));
    tell(News::People(people()));
    tell(News::Changed(ago(0), Change::Network("connected".into())));
    tell(News::Counts(Counts { proof_age_ms: Some(20_000), ..Counts::default() }));
}

/// Everything that holds the words as they are written.
fn found(words: &str, who: &str) -> Vec<Match> {
    let everybody = people().into_iter().map(|contact| contact.id).filter(|id| who.is_empty() || id == who);
    let texts = everybody.flat_map(|id| messages(&id));
    let found = texts.filter_map(|text| {
        let at = text.body.find(words)?;
        Some(Match {
            id: text.id,
            contact: text.contact,
            mine: text.mine,
            sent_at: text.sent_at,
            body: text.body.clone(),
            context: text.body,
            hits: std::iter::once(at..at + words.len()).collect(),
        })
    });
    found.take(50).collect()
}

fn number() -> SafetyNumber {
    let words = ["harbor", "velvet", "lemon", "orbit", "candle", "meadow", "saddle", "timber"];
    SafetyNumber {
        digits: "48213 90577 11846 70329 55168 02794 83461 27905 64130 39852 10677 94528".into(),
        words: words.map(Into::into).to_vec(),
        verified: false,
        code: "privatus:v#AQ".into(),
    }
}

/// They join at once.
fn short(action: &ShortAction) -> ShortComparison {
    let (state, end) = match action {
        ShortAction::Look => (ShortState::None, ShortEnd::None),
        ShortAction::Join => (ShortState::Shown, ShortEnd::None),
        ShortAction::Same(_) => (ShortState::Over, ShortEnd::Same),
        ShortAction::Differ => (ShortState::Over, ShortEnd::Different),
        ShortAction::Stop => (ShortState::Over, ShortEnd::Stopped),
    };
    let words = ["gutih", "dosal"].map(Into::into).to_vec();
    ShortComparison { state, end, digits: "4821 9037".into(), words, runs: 1, ..ShortComparison::none() }
}

fn answer(command: Command, news: &Sender<News>) {
    let tell = |item| news.send(item).unwrap();
    match command {
        Command::Create(_) | Command::Unlock(_) => {
            std::thread::sleep(std::time::Duration::from_millis(800));
            tell(News::Passphrase(Ok(())));
            inside(news);
        }
        Command::Lock => tell(News::Vault { locked: true, state: VaultState::Locked }),
        Command::Messages { who, place } => {
            let bounded = matches!(place, Place::Before(_) | Place::After(_));
            let result = Ok(if bounded { Vec::new() } else { messages(&who) });
            tell(News::Messages { who, place, result });
        }
        Command::Send { who, id, text: body, .. } => {
            for state in [Delivery::Queued, Delivery::Relayed, Delivery::Delivered] {
                std::thread::sleep(std::time::Duration::from_millis(300));
                tell(News::Changed(ago(0), Change::Message(text((&id, &who), true, 0, state, &body))));
                fltk::app::awake();
            }
            let reply =
                text((&format!("{id}r"), &who), false, 0, Delivery::Delivered, &format!("Echo: {body}"));
            tell(News::Changed(ago(0), Change::Message(reply)));
        }
        Command::Search { looked, text: words, who, .. } => {
            tell(News::Found { looked, result: Ok((String::new(), found(&words, &who))) });
        }
        Command::Invite(_) => tell(News::Invited(Ok(invite()))),
        Command::Accept { name, .. } => {
            tell(News::Accepted(Ok(contact("new", &name, ContactState::Connected, 0, ""))))
        }
        Command::SafetyNumber { who } => tell(News::SafetyNumber { who, result: Ok(number()) }),
        Command::Short { who, action } => tell(News::Short { who, result: Ok(short(&action)) }),
        Command::Quit => std::process::exit(0),
        _ => {}
    }
    fltk::app::awake();
}

fn main() {
    let (news, told) = channel();
    let (commands, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let (closed, _) = tokio::sync::oneshot::channel();
    let how = std::env::args().nth(1).unwrap_or_default();
    let (locked, state) = match how.as_str() {
        "new" => (true, VaultState::Missing),
        "locked" => (true, VaultState::Locked),
        _ => (false, VaultState::Ok),
    };
    if how == "new" {
        news.send(News::Offer(invite().link)).unwrap();
    }
    news.send(News::Vault { locked, state }).unwrap();
    if !locked {
        inside(&news);
    }
    std::thread::spawn(move || {
        while let Some(command) = asked.blocking_recv() {
            answer(command, &news);
        }
    });
    let (_, kept) = channel();
    Window::open(Wires { news: told, commands, closed, kept }).unwrap().run();
}
