//! In whatever order comes what a contact says, however often, and whatever restarts lie between: the conversation ends as the one in
//! which each came once and in its order (docs/protocol/content.md, "Changes" and "Disappearing").

use std::path::Path;

use ipc_schema::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use super::their_changes_tests::{ANN, NOW, opened, read, said};
use super::turn::Turn;
use crate::content::{ChatTimer, EditPart, Kind, TextPart, WireId};
use crate::store::{ContactState, Cursor, Delivery, Message, Note};

/// Texts of Ann that there can be, and behind them one of the user's.
const THEIRS: u8 = 3;
const BODIES: [&str; 3] = ["said", "said otherwise", "said at last"];

/// What Ann may want to do next.
#[derive(Debug, Clone)]
struct Wish {
    /// Which text.
    text: u8,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// Writes it, or edits it where it is written: in so many parts.
    Words(usize, u16),
    Delete,
    React(&'static str),
    Timer(u32),
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let what = prop_oneof![
        4 => (0..BODIES.len(), 1..3_u16).prop_map(|(body, parts)| What::Words(body, parts)),
        1 => Just(What::Delete),
        2 => prop_oneof![Just(""), Just("👍"), Just("🎉")].prop_map(What::React),
        1 => prop_oneof![Just(0), Just(60), Just(86_400)].prop_map(What::Timer),
    ];
    let wish = (0..=THEIRS, what).prop_map(|(text, what)| Wish { text, what });
    prop::collection::vec(wish, 1..14)
}

fn wire(text: u8) -> WireId {
    WireId([text + 1; 16])
}

/// What Ann says: of a text that she has not written, or has deleted, or that is not hers, she says no words.
fn contents(wishes: &[Wish], mut timer: ChatTimer) -> Vec<Vec<u8>> {
    let (mut there, mut deleted) = ([false; THEIRS as usize + 1], [false; THEIRS as usize + 1]);
    there[THEIRS as usize] = true;
    let mut kinds = Vec::new();
    for (number, Wish { text, what }) in (100_u8..).zip(wishes) {
        let (at, message, mine) = (usize::from(*text), wire(*text), *text == THEIRS);
        let name = WireId([number; 16]);
        match what {
            What::Timer(seconds) => {
                timer = ChatTimer { seconds: *seconds, version: timer.version + 1 };
                kinds.push(Kind::Timer(timer));
            }
            What::Words(body, parts) if !deleted[at] && !mine => {
                for part in 0..*parts {
                    let (parts, body) = (*parts, format!("{} {part}", BODIES[*body]));
                    kinds.push(if there[at] {
                        Kind::Edit(EditPart { message, name, part, parts, body })
                    } else {
                        let life_s = timer.seconds;
                        Kind::Text(TextPart { message, part, parts, body, reply_to: None, life_s })
                    });
                }
                there[at] = true;
            }
            What::Delete if there[at] && !deleted[at] && !mine => {
                deleted[at] = true;
                kinds.push(Kind::Delete(message));
            }
            What::React(emoji) if there[at] && !deleted[at] => {
                kinds.push(Kind::Reaction { message, emoji: (*emoji).into() });
            }
            What::Words(..) | What::Delete | What::React(_) => {}
        }
    }
    said(1, &kinds)
}

/// A text as it is shown, in the order of the conversation.
#[derive(Debug, PartialEq)]
struct Row {
    id: String,
    body: String,
    edited: bool,
    deleted: bool,
    theirs: String,
    state: Delivery,
    gap: bool,
    timer_s: u32,
    disappears_at: Option<Timestamp>,
}

impl From<Message> for Row {
    fn from(text: Message) -> Self {
        let Message { id, body, edited, deleted, reactions, state, gap, timer_s, disappears_at, .. } = text;
        Self { id, body, edited, deleted, theirs: reactions.theirs, state, gap, timer_s, disappears_at }
    }
}

/// All that is left of it in the end.
#[derive(Debug, PartialEq)]
struct Ended {
    texts: Vec<Row>,
    timer: ChatTimer,
    last_text: String,
    unread: u32,
    waiting: u32,
    all_came: bool,
}

fn ended(turn: &Turn, count: usize) -> Ended {
    let contact = turn.store.contact(ANN).unwrap().unwrap();
    let messages = turn.store.messages_from(ANN, Cursor::at(0), (100, usize::MAX)).unwrap().0.into_iter();
    Ended {
        // Lines tell of each timer that held for a while.
        texts: messages.filter(|message| message.note == Note::None).map(Row::from).collect(),
        timer: contact.timer,
        last_text: contact.last_text,
        unread: contact.unread,
        waiting: turn.store.count_early(ANN).unwrap(),
        all_came: turn.store.receive_chain(ANN).unwrap().numbers.complete_up_to() == count as u64,
    }
}

/// A conversation with a text of the user's, and a timer that one of the two set.
fn begun(folder: &Path, timer: ChatTimer) -> Turn {
    let turn = opened(folder, 1);
    turn.store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
    turn.store.set_timer(ANN, timer).unwrap();
    let own = Message {
        mine: true,
        position: 1,
        sent_at: NOW,
        body: "mine".into(),
        state: Delivery::Delivered,
        ..Message::new("own".into(), ANN, wire(THEIRS))
    };
    turn.store.add_message(&own).unwrap();
    turn.store.refresh_contact(ANN).unwrap();
    turn
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn texts_edits_deletes_reactions_and_timers_end_alike_in_whatever_order_they_come(
        wishes in wishes(),
        here in (0..3_u64, prop_oneof![Just(0_u32), Just(60), Just(3_600)]),
        order in prop::collection::vec(any::<Index>(), 32),
        again in prop::collection::vec(any::<Index>(), 0..8),
        restarts in prop::collection::vec(any::<Index>(), 0..3),
    ) {
        let timer = ChatTimer { seconds: here.1, version: here.0 };
        let contents = contents(&wishes, ChatTimer::default());
        let folders = [(); 2].map(|()| super::world::folder());
        let mut in_order = begun(folders[0].path(), timer);
        read(&mut in_order, &contents);

        let mut left: Vec<usize> = (0..contents.len()).collect();
        let mut arrivals: Vec<usize> =
            order.iter().map_while(|at| (!left.is_empty()).then(|| left.remove(at.index(left.len())))).collect();
        for index in &again {
            if let Some(arrival) = arrivals.get(index.index(arrivals.len().max(1))).copied() {
                arrivals.insert(index.index(arrivals.len() + 1), arrival);
            }
        }
        let mut turn = begun(folders[1].path(), timer);
        for (step, at) in arrivals.iter().enumerate() {
            if restarts.iter().any(|index| index.index(arrivals.len()) == step) {
                turn = opened(folders[1].path(), step as u64 + 2);
            }
            read(&mut turn, std::slice::from_ref(&contents[*at]));
        }
        prop_assert_eq!(ended(&turn, contents.len()), ended(&in_order, contents.len()), "{:?}", arrivals);
        prop_assert!(ended(&turn, contents.len()).all_came);
    }
}
