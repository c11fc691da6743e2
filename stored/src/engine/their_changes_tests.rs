//! What a contact does to texts, in every order of arrival.

use std::path::Path;

use ipc_schema::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::reading;
use super::their_changes::take;
use super::turn::Turn;
use crate::content::{self, Content, EditPart, Kind, Link, TextPart, WireId};
use crate::ids::ContactId;
use crate::store::{ContactState, Cursor, Delivery, Message, Note, Reactions, Store, StoreKey};

pub(super) const ANN: ContactId = ContactId(1);
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);
const TEXT: WireId = WireId([1; 16]);

fn turn(folder: &tempfile::TempDir) -> Turn {
    let turn = opened(folder.path(), 1);
    turn.store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
    turn
}

/// What is found there after a start.
pub(super) fn opened(folder: &Path, seed: u64) -> Turn {
    let store = Store::open(&folder.join("store.db"), &StoreKey::new([7; 32])).unwrap();
    let mut turn = Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(seed)));
    turn.now = NOW;
    turn
}

fn text(part: u16, parts: u16, body: &str) -> Kind {
    Kind::Text(TextPart { message: TEXT, part, parts, body: body.into(), reply_to: None, life_s: 0 })
}

fn edit(name: u8, part: u16, parts: u16, body: &str) -> Kind {
    let name = WireId([name; 16]);
    Kind::Edit(EditPart { message: TEXT, name, part, parts, body: body.into() })
}

fn reaction(emoji: &str) -> Kind {
    Kind::Reaction { message: TEXT, emoji: emoji.into() }
}

/// One after the other, as Ann says them along a chain.
pub(super) fn said(chain: u64, kinds: &[Kind]) -> Vec<Vec<u8>> {
    let (mut previous, mut contents) = (None, Vec::new());
    for (sequence, kind) in (1_u64..).zip(kinds) {
        let name = [u8::try_from(sequence).unwrap(), u8::try_from(chain).unwrap()].repeat(8);
        let id = WireId(name.try_into().unwrap());
        let link = content::Link { chain: Timestamp(chain), sequence, numbered: true, previous };
        let bytes =
            content::encode(&Content { id, link, sent_at: Timestamp(chain), acks: None, kind: kind.clone() });
        previous = Some(content::hash(&bytes));
        contents.push(bytes);
    }
    contents
}

pub(super) fn read(turn: &mut Turn, contents: &[Vec<u8>]) {
    for bytes in contents {
        reading::read(turn, ANN, bytes).unwrap();
        turn.take_wishes();
    }
}

/// Words, edited, deleted, what they think of it, state, whether something is missing before it.
type Row = (String, bool, bool, String, Delivery, bool);

/// All that a person sees of the texts, and of the contact in the list; and what waits.
#[derive(Debug, PartialEq)]
struct Rows {
    texts: Vec<Row>,
    last_text: String,
    unread: u32,
    waiting: u32,
}

fn rows(turn: &Turn) -> Rows {
    let row = |message: Message| {
        let Reactions { theirs, .. } = message.reactions;
        (message.body, message.edited, message.deleted, theirs, message.state, message.gap)
    };
    let contact = turn.store.contact(ANN).unwrap().unwrap();
    let messages = turn.store.messages_from(ANN, Cursor::at(0), (100, usize::MAX)).unwrap().0;
    Rows {
        texts: messages.into_iter().filter(|message| message.note == Note::None).map(row).collect(),
        last_text: contact.last_text,
        unread: contact.unread,
        waiting: turn.store.count_early(ANN).unwrap(),
    }
}

/// Every order of these, by Heap's way.
fn orders(length: usize) -> Vec<Vec<usize>> {
    fn permute(rest: usize, order: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if rest <= 1 {
            found.push(order.clone());
            return;
        }
        for at in 0..rest {
            permute(rest - 1, order, found);
            order.swap(if rest.is_multiple_of(2) { at } else { 0 }, rest - 1);
        }
    }
    let mut found = Vec::new();
    permute(length, &mut (0..length).collect(), &mut found);
    found
}

/// In every order, and with some of them twice, these end as the same rows, which are told.
fn always(kinds: &[Kind]) -> Rows {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let contents = said(1, kinds);
    let mut end = None;
    for (number, order) in orders(kinds.len()).into_iter().enumerate() {
        turn.store.begin().unwrap();
        for (step, at) in order.iter().enumerate() {
            read(&mut turn, std::slice::from_ref(&contents[*at]));
            // One that came before comes once more.
            let again = order[(number + step) % (step + 1)];
            read(&mut turn, std::slice::from_ref(&contents[again]));
        }
        let ended = rows(&turn);
        turn.store.rollback();
        match &end {
            None => end = Some(ended),
            Some(end) => assert_eq!(*end, ended, "{order:?}"),
        }
    }
    end.unwrap()
}

#[test]
fn in_every_order_of_arrival_the_last_words_and_the_last_reaction_hold() {
    let rows = always(&[
        text(0, 1, "said"),
        edit(9, 0, 2, "first "),
        edit(9, 1, 2, "edit"),
        edit(8, 0, 1, "second edit"),
        reaction("👍"),
        reaction("🎉"),
    ]);
    let expected: Row = ("second edit".into(), true, false, "🎉".into(), Delivery::Delivered, false);
    assert_eq!(rows.texts, [expected]);
    assert_eq!((rows.last_text.as_str(), rows.unread, rows.waiting), ("second edit", 1, 0));
}

#[test]
fn in_every_order_of_arrival_an_edit_in_parts_holds_over_a_shorter_one_before_it() {
    let rows = always(&[
        edit(9, 0, 1, "first edit"),
        edit(8, 0, 2, "second "),
        edit(8, 1, 2, "edit"),
        reaction("👍"),
        reaction(""),
        text(0, 1, "said"),
    ]);
    assert_eq!((rows.texts.len(), rows.texts[0].0.as_str()), (1, "second edit"));
    assert_eq!((rows.texts[0].3.as_str(), rows.waiting), ("", 0), "it was taken back");
}

#[test]
fn in_every_order_of_arrival_a_delete_beats_all_else_and_no_word_is_left() {
    let deleted = || (String::new(), false, true, String::new(), Delivery::Read, false);
    for kinds in [
        &[
            text(0, 1, "said"),
            edit(9, 0, 1, "first edit"),
            edit(8, 0, 1, "second edit"),
            reaction("👍"),
            Kind::Delete(TEXT),
            reaction("🎉"),
        ][..],
        &[
            text(0, 2, "said "),
            text(1, 2, "slowly"),
            Kind::Delete(TEXT),
            edit(9, 0, 1, "edit"),
            reaction("👍"),
        ],
    ] {
        let rows = always(kinds);
        assert_eq!(rows.texts, [deleted()]);
        assert_eq!((rows.last_text.as_str(), rows.unread, rows.waiting), ("", 0, 0));
    }
}

#[test]
fn what_is_told_again_under_another_number_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let kinds = [text(0, 1, "said"), edit(9, 0, 2, "first "), edit(9, 1, 2, "edit"), reaction("👍")];
    read(&mut turn, &said(1, &kinds));
    let before = rows(&turn).texts;
    // As after a chain was begun: the last one only, in parts, and each by another content.
    read(&mut turn, &said(2, &[kinds[2].clone(), kinds[1].clone(), kinds[3].clone()]));
    let told = rows(&turn);
    assert_eq!((told.texts, told.waiting), (before, 0));
}

#[test]
fn nobody_changes_what_another_wrote_and_of_what_is_gone_nothing_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let own = Message {
        mine: true,
        position: 1,
        sent_at: NOW,
        body: "mine".into(),
        state: Delivery::Delivered,
        ..Message::new("own".into(), ANN, TEXT)
    };
    turn.store.add_message(&own).unwrap();
    let kinds = [edit(9, 0, 1, "forged"), Kind::Delete(TEXT), reaction("👍")];
    read(&mut turn, &said(1, &kinds));
    let expected: Row = ("mine".into(), false, false, "👍".into(), Delivery::Delivered, false);
    assert_eq!(rows(&turn).texts, [expected]);
    // Deleted here: neither what is said of it nor, were it theirs, the text itself.
    turn.store.remove_message(&own).unwrap();
    let more = [kinds.as_slice(), &[text(0, 1, "forged"), reaction("🎉"), text(0, 2, "forged")]].concat();
    read(&mut turn, &said(1, &more)[3..]);
    assert_eq!(rows(&turn).texts, []);
    assert_eq!(turn.store.count_early(ANN).unwrap(), 0);
    assert_eq!(turn.store.receive_chain(ANN).unwrap().numbers.complete_up_to(), 6, "and it is acked");
}

#[test]
fn what_is_done_to_texts_that_never_come_is_bounded_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    turn.store.begin().unwrap();
    let link = |sequence| Link { chain: Timestamp(1), sequence, numbered: true, previous: None };
    for number in 1..=1_100_u64 {
        let wire = WireId(u128::from(number).to_be_bytes());
        take(&mut turn, ANN, &link(number), Kind::Delete(wire)).unwrap();
    }
    assert_eq!(turn.store.count_early(ANN).unwrap(), 1_000);
    let deleted =
        |number: u64| turn.store.is_deleted_early(ANN, WireId(u128::from(number).to_be_bytes())).unwrap();
    assert!(deleted(1_100) && deleted(101) && !deleted(100));
}

#[test]
fn what_somebody_blocked_does_to_a_text_is_not_done_then_or_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let kinds = [text(0, 1, "said"), edit(9, 0, 1, "edit"), reaction("👍"), Kind::Delete(TEXT)];
    let contents = said(1, &kinds);
    read(&mut turn, &contents[..1]);
    let before = rows(&turn).texts;
    turn.store.set_blocked(ANN, true).unwrap();
    read(&mut turn, &contents[1..]);
    turn.store.set_blocked(ANN, false).unwrap();
    read(&mut turn, &contents[1..]);
    assert_eq!(rows(&turn).texts, before);
    assert_eq!(turn.store.receive_chain(ANN).unwrap().numbers.highest(), 1, "nor is it acked");
}
