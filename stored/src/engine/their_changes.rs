//! What a contact does to a text after it was sent. In whatever order that comes, before the text or behind it, and however often, the
//! conversation ends as the same one (docs/protocol/content.md, "Changes").

use super::turn::Turn;
use crate::content::{EditPart, Kind, Link, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Early, EarlyKind, EventKind, Message, Note, Said};

/// Takes an edit, a delete or a reaction of theirs.
pub(super) fn take(turn: &mut Turn, contact: ContactId, link: &Link, kind: Kind) -> Result<(), StoreError> {
    let wire = match &kind {
        Kind::Edit(edit) => edit.message,
        Kind::Delete(message) | Kind::Reaction { message, .. } => *message,
        _ => return Ok(()),
    };
    // Of a text that was deleted here nothing is heard any more.
    if turn.store.is_wire_gone(contact, wire)? {
        return Ok(());
    }
    let said = Said::from(link);
    match turn.store.message_by_wire(contact, wire)? {
        Some(text) if text.deleted || text.note != Note::None => Ok(()),
        Some(text) => alter(turn, &text, said, kind),
        None => keep(turn, contact, said, kind),
    }
}

/// A text of theirs has come: what they did to it before that is done now.
pub(super) fn catch_up(turn: &mut Turn, contact: ContactId, wire: WireId) -> Result<(), StoreError> {
    if !turn.store.has_early(contact, wire)? {
        return Ok(());
    }
    let Some(text) = turn.store.message_by_wire(contact, wire)? else { return Ok(()) };
    if turn.store.is_deleted_early(contact, wire)? {
        return delete(turn, &text);
    }
    let mut altered = apply_edits(turn, &text)?;
    if let Some((said, emoji)) = turn.store.take_early_reaction(contact, wire)? {
        altered |= turn.store.set_their_reaction(contact, wire, said, &emoji)?;
    }
    if altered { tell(turn, &text) } else { Ok(()) }
}

/// Only who wrote a text changes or deletes it; anybody reacts.
fn alter(turn: &mut Turn, text: &Message, said: Said, kind: Kind) -> Result<(), StoreError> {
    let altered = match kind {
        Kind::Edit(part) if !text.mine => edit(turn, text, said, part)?,
        Kind::Delete(_) if !text.mine => return delete(turn, text),
        Kind::Reaction { emoji, .. } => {
            turn.store.set_their_reaction(text.contact, text.wire, said, &emoji)?
        }
        _ => false,
    };
    if altered { tell(turn, text) } else { Ok(()) }
}

/// Whether the text says something else now.
fn edit(turn: &Turn, text: &Message, said: Said, part: EditPart) -> Result<bool, StoreError> {
    let again = (part.part == 0).then_some(said);
    if turn.store.holds_edit(&text.id, part.name, again)? {
        return Ok(false);
    }
    turn.store.add_early(text.contact, text.wire, &early_edit(said, part))?;
    apply_edits(turn, text)
}

fn apply_edits(turn: &Turn, text: &Message) -> Result<bool, StoreError> {
    let mut altered = false;
    for edit in turn.store.whole_edits(text.contact, text.wire)? {
        altered |= turn.store.apply_edit(&text.id, &edit)?;
        turn.store.drop_edit(text.contact, text.wire, edit.name)?;
    }
    turn.store.drop_older_edits(text.contact, text.wire)?;
    Ok(altered)
}

fn delete(turn: &mut Turn, text: &Message) -> Result<(), StoreError> {
    turn.store.blank_message(text)?;
    tell(turn, text)
}

/// The text has not come. That it is to be gone is all there is to know of it then.
fn keep(turn: &Turn, contact: ContactId, said: Said, kind: Kind) -> Result<(), StoreError> {
    let nameless = |kind, body| Early { kind, name: None, part: 0, parts: 1, said, body };
    let (wire, early) = match kind {
        Kind::Edit(part) => (part.message, early_edit(said, part)),
        Kind::Reaction { message, emoji } => (message, nameless(EarlyKind::Reaction, emoji)),
        Kind::Delete(message) => (message, nameless(EarlyKind::Delete, String::new())),
        _ => return Ok(()),
    };
    if turn.store.is_deleted_early(contact, wire)? {
        return Ok(());
    }
    if early.kind == EarlyKind::Delete {
        turn.store.drop_early(contact, wire)?;
        turn.store.blank_parts(contact, wire)?;
    }
    turn.store.add_early(contact, wire, &early)
}

fn early_edit(said: Said, edit: EditPart) -> Early {
    let EditPart { message: _, name, part, parts, body } = edit;
    Early { kind: EarlyKind::Edit, name: Some(name), part, parts, said, body }
}

/// Whoever takes it for a new text learns from the contact how things are.
fn tell(turn: &mut Turn, text: &Message) -> Result<(), StoreError> {
    turn.store.refresh_contact(text.contact)?;
    turn.event(&EventKind::Message { id: text.id.clone() })?;
    turn.event(&EventKind::Contact { contact: text.contact })
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::super::reading;
    use super::*;
    use crate::content::{self, Content, TextPart};
    use crate::store::{ContactState, Cursor, Delivery, Reactions, Store, StoreKey};

    const ANN: ContactId = ContactId(1);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const TEXT: WireId = WireId([1; 16]);

    fn turn(folder: &tempfile::TempDir) -> Turn {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
        let mut turn = Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
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
    fn said(chain: u64, kinds: &[Kind]) -> Vec<Vec<u8>> {
        let (mut previous, mut contents) = (None, Vec::new());
        for (sequence, kind) in (1_u64..).zip(kinds) {
            let name = [u8::try_from(sequence).unwrap(), u8::try_from(chain).unwrap()].repeat(8);
            let id = WireId(name.try_into().unwrap());
            let link = content::Link { chain: Timestamp(chain), sequence, numbered: true, previous };
            let bytes = content::encode(&Content {
                id,
                link,
                sent_at: Timestamp(chain),
                acks: None,
                kind: kind.clone(),
            });
            previous = Some(content::hash(&bytes));
            contents.push(bytes);
        }
        contents
    }

    fn read(turn: &mut Turn, contents: &[Vec<u8>]) {
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
}
