use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::Place::Newest;
use ipc_schema::edge::ui_stored::{Contact, ContactState, Delivery};

use super::*;
use crate::model::chat::tests::text;
use crate::model::people::tests::{called, with};
use crate::model::{News, SCREEN_LOCK_AFTER};

const NOW: Timestamp = Timestamp(1_750_766_400_000);

fn every() -> impl Iterator<Item = (Chord, Shortcut)> {
    TABLE.iter().flat_map(|row| match row.does {
        Does::Shortcut(does) => does.to_vec(),
        Does::Stroke(_) | Does::Reading | Does::Field => Vec::new(),
    })
}

#[test]
fn every_shortcut_of_the_table_is_found_and_none_hides_another() {
    for (chord, does) in every() {
        for shift in [false, true] {
            if chord.shift.is_none_or(|wanted| wanted == shift) {
                assert_eq!(shortcut(Chord { shift: Some(shift), ..chord }), Some(does), "{chord:?}");
            }
        }
    }
    let plain_k = Chord { ctrl: false, alt: false, shift: Some(false), key: Key::Char('k') };
    assert_eq!(shortcut(plain_k), None, "a letter is typed");
    assert_eq!(shortcut(Chord { alt: true, ..plain_k }), None);
    assert_eq!(shortcut(Chord { ctrl: true, key: Key::Char('i'), ..plain_k }), None, "that wants Shift");
    let f = |shift: bool| shortcut(Chord { ctrl: true, shift: Some(shift), key: Key::Char('f'), ..plain_k });
    assert_eq!((f(false), f(true)), (Some(Shortcut::Find), Some(Shortcut::Search)));
}

/// What stands on a key of the sheet.
fn cap(key: Key) -> Vec<String> {
    match key {
        // The sheet has one name for both keys that enlarge.
        Key::Char('+' | '=') => vec!["+".into()],
        Key::Char('-') => vec!["−".into()],
        Key::Char(other) => vec![other.to_ascii_uppercase().into()],
        Key::F(number) => vec![format!("F{number}")],
        Key::Up | Key::Down => vec!["↑ ↓".into()],
        Key::Escape => vec!["Esc".into()],
    }
}

#[test]
fn what_stands_on_the_sheet_is_what_is_dispatched() {
    for row in TABLE {
        assert!(!row.what.is_empty() && !row.caps.is_empty());
        let Does::Shortcut(does) = row.does else { continue };
        let mut wanted = Vec::new();
        for (chord, _) in does {
            let held = [("Ctrl", chord.ctrl), ("Alt", chord.alt), ("Shift", chord.shift == Some(true))];
            wanted.extend(held.into_iter().filter(|(_, held)| *held).map(|(name, _)| name.to_owned()));
            wanted.extend(cap(chord.key));
        }
        let mut once: Vec<String> = Vec::new();
        for name in wanted {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        assert_eq!(once, row.caps, "{}", row.what);
    }
}

fn person(id: &str, last_at: u64, unread: u32) -> Contact {
    Contact { last_at: Timestamp(last_at), unread, ..called(id, &format!("Person {id}"), "") }
}

/// Three people; the newest conversation is open, with two messages.
fn talking() -> Model {
    let mut model = with(vec![person("c1", 30, 0), person("c2", 20, 0), person("c3", 10, 2)]);
    let messages = vec![text("a", false, Delivery::Delivered), text("b", true, Delivery::Relayed)];
    model.learn(NOW, News::Messages { who: "c1".into(), place: Newest, result: Ok(messages) });
    model
}

#[test]
fn every_stroke_of_the_table_means_something_where_the_table_says_so() {
    for row in TABLE {
        let Does::Stroke(strokes) = row.does else { continue };
        for stroke in strokes {
            let mut model = talking();
            let at = match row.place {
                Place::Message => Focus::Message("b".into()),
                Place::Chats => Focus::Act(Act::Open("c2".into())),
                Place::Reading | Place::Writing | Place::Everywhere => Focus::Field(Field::Composer),
            };
            model.set_focus(at);
            assert!(model.stroke(NOW, *stroke, "x").is_some(), "{}: {stroke:?}", row.what);
        }
    }
}

#[test]
fn the_keyboard_goes_through_the_list_without_opening_and_up_to_the_search() {
    let mut model = talking();
    model.go_to_list();
    let row = |id: &str| Focus::Act(Act::Open(id.into()));
    assert_eq!(*model.focus(), row("c1"), "what is open");
    for (stroke, wanted) in [
        (Stroke::Down, row("c2")),
        (Stroke::Down, row("c3")),
        (Stroke::Down, row("c3")),
        (Stroke::Home, row("c1")),
        (Stroke::End, row("c3")),
        (Stroke::Up, row("c2")),
        (Stroke::Up, row("c1")),
        (Stroke::Up, Focus::Field(Field::Search)),
        (Stroke::Down, row("c1")),
    ] {
        assert_eq!(model.stroke(NOW, stroke, "x"), Some(Vec::new()));
        assert_eq!((model.focus(), model.open_chat()), (&wanted, Some("c1")), "{stroke:?}");
    }
    model.texts.set(Field::Search, "nobody");
    model.set_focus(Focus::Field(Field::Search));
    assert_eq!(model.stroke(NOW, Stroke::Down, "x"), None);
    model.go_to_list();
    assert_eq!(*model.focus(), Focus::Field(Field::Search));
    model.texts.set(Field::Search, "Person c2");
    assert_eq!(model.stroke(NOW, Stroke::Down, "x"), None, "the arrows go through what was found");
    let mut nobody = with(Vec::new());
    nobody.go_to_list();
    assert_eq!(*nobody.focus(), Focus::Act(Act::Add));
}

#[test]
fn chats_are_stepped_through_and_only_unread_ones_where_that_is_asked() {
    let model = talking();
    assert_eq!(model.open_chat(), Some("c1"));
    assert_eq!((model.chat_beside(1, false), model.chat_beside(1, true)), (Some("c2"), Some("c3")));
    assert_eq!((model.chat_beside(-1, false), model.chat_beside(-1, true)), (None, None));
}

#[test]
fn the_keys_lie_over_the_window_until_they_are_put_away_and_the_keyboard_is_where_it_was() {
    let mut model = talking();
    model.set_focus(Focus::Message("a".into()));
    model.act(NOW, Act::Keys, "x");
    assert!(model.shows_keys() && model.is_covered());
    assert_eq!(*model.focus(), Focus::Act(Act::Keys));
    assert_eq!(model.stroke(NOW, Stroke::Letter('r'), "x"), None, "nothing below is done");
    model.act(NOW, Act::Keys, "x");
    assert!(!model.shows_keys() && !model.is_covered());
    assert_eq!(*model.focus(), Focus::Message("a".into()));
    model.act(NOW, Act::Keys, "x");
    model.act(NOW, Act::Lock, "x");
    assert!(!model.shows_keys());
    model.act(NOW, Act::Keys, "x");
    assert!(!model.shows_keys(), "a lock screen has none of them");
}

#[test]
fn the_title_counts_what_is_unread_and_says_nothing_behind_a_lock() {
    let mut model = talking();
    assert_eq!(model.title(NOW), "(2) Privatus");
    let muted = Contact { muted_until: Timestamp(NOW.0 + 1), ..person("c3", 10, 2) };
    model.learn(NOW, News::Changed(NOW, ipc_schema::edge::ui_stored::Change::Contact(muted)));
    assert_eq!(
        (model.title(NOW), model.title(Timestamp(NOW.0 + 2))),
        ("Privatus".into(), "(2) Privatus".into())
    );
    model.act(NOW, Act::Lock, "x");
    assert_eq!(model.title(Timestamp(NOW.0 + 2)), "Privatus");
}

#[test]
fn a_screen_lock_opens_the_same_conversation_again_and_never_anothers() {
    let people = || vec![person("c1", 30, 0), person("c2", 20, 0)];
    let locked = || {
        let mut model = with(people());
        model.act(NOW, Act::Open("c2".into()), "x");
        model.idle_for(SCREEN_LOCK_AFTER);
        assert_eq!(model.open_chat(), None);
        model.learn(NOW, News::Passphrase(Ok(())));
        model
    };
    let mut model = locked();
    model.learn(NOW, News::People(people()));
    assert_eq!(model.open_chat(), Some("c2"));
    let mut model = locked();
    model.learn(NOW, News::People(vec![person("d1", 5, 0)]));
    assert_eq!(model.open_chat(), Some("d1"), "another passphrase, other people");
    model.learn(NOW, News::People(people()));
    assert_eq!(model.open_chat(), None, "it is forgotten");
    let mut model = locked();
    let invited = Contact { state: ContactState::Invited, ..person("c2", 20, 0) };
    model.learn(NOW, News::People(vec![person("c1", 30, 0), invited]));
    assert_eq!(model.open_chat(), Some("c1"));
}
