//! Whom one is to meet, how long texts live, and who writes.

use ipc_schema::edge::ui_stored::{ContactAction, Note};
use privatus::peers::PeerError;

use super::*;
use crate::icon::Icon;
use crate::model::action::ContactAct;
use crate::model::people::contact_items;
use crate::model::{MessageCommand, OverAct};

const WIDE: (i32, i32) = (1400, 800);

fn presses(model: &mut Model, label: &str) -> Vec<Command> {
    let scene = picture(model, WIDE);
    let hit = scene.hits.iter().find(|hit| hit.label == label).unwrap_or_else(|| panic!("no {label:?}"));
    let act = scene.hit(hit.rect.x + 2, hit.rect.y + 2).unwrap().act.clone();
    model.act(NOW, act, "fresh")
}

#[test]
fn whom_one_is_to_meet_is_named_apart_from_our_words_and_answered_with_one_press() {
    let line = Message {
        note: Note::Introduction,
        body: "They want you to meet somebody.".into(),
        introduces: "Cai\u{202E}\nYou met".into(),
        ..text("i", false, Delivery::Delivered)
    };
    for (label, yes) in [("Meet them", true), ("Not now", false)] {
        let mut model = chatting();
        model.learn(NOW, News::Changed(NOW, Change::Message(line.clone())));
        let scene = picture(&model, WIDE);
        assert!(says(&scene, "Cai") && !scene.words().any(|words| words.contains('\u{202E}')));
        let meet = Command::Message(MessageCommand::Meet { id: "i".into(), yes });
        assert_eq!(presses(&mut model, label), [meet]);
        let over = Message { note: Note::IntroductionOver, ..line.clone() };
        model.learn(NOW, News::Changed(NOW, Change::Message(over)));
        assert!(!picture(&model, WIDE).hits.iter().any(|hit| hit.label == label), "once");
    }
}

#[test]
fn that_somebody_writes_and_how_long_texts_live_stands_in_the_header() {
    let mut model = chatting();
    let timed = Contact { timer_s: 7 * 86_400, ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(timed)));
    assert!(says(&picture(&model, WIDE), "Texts disappear after 1 week"));
    model.learn(NOW, News::Changed(NOW, Change::Typing { who: robin().id, on: true }));
    assert!(says(&picture(&model, WIDE), "Writing …"));
    model.learn(NOW, News::Changed(NOW, Change::Typing { who: robin().id, on: false }));
    assert!(!says(&picture(&model, WIDE), "Writing …"));
}

#[test]
fn what_a_contact_may_see_and_how_long_texts_live_are_chosen_in_the_details() {
    let mut model = chatting();
    let who = robin().id;
    model.act(NOW, Act::Contact(who.clone(), ContactAct::Details), "fresh");
    assert!(says(&picture(&model, WIDE), "They see what you read"));
    let asked = |action| vec![Command::Contact { who: who.clone(), action }];
    for (act, action) in [
        (ContactAct::Receipts(true), ContactAction::Receipts(true)),
        (ContactAct::Typing(false), ContactAction::Typing(false)),
        (ContactAct::Timer(86_400), ContactAction::Timer(86_400)),
    ] {
        assert_eq!(model.act(NOW, Act::Contact(who.clone(), act), "fresh"), asked(action));
    }
    assert_eq!(presses(&mut model, "1 week"), asked(ContactAction::Timer(7 * 86_400)));
}

/// A window with that many more people, each in their state.
fn among(others: &[(&str, &str, ContactState)]) -> Model {
    let mut model = chatting();
    for (id, name, state) in others {
        let contact = Contact { id: (*id).into(), name: (*name).into(), state: *state, ..robin() };
        model.learn(NOW, News::Changed(NOW, Change::Contact(contact)));
    }
    model
}

fn introducing(who: &str) -> Act {
    Act::Contact(who.into(), ContactAct::Introduce)
}

/// Whether the menu and the details of a contact both lead to it.
fn is_offered(model: &mut Model, who: &str) -> bool {
    let in_menu =
        contact_items(model, who).iter().any(|item| item.act == introducing(who) && item.label == INTRODUCE);
    model.act(NOW, Act::Contact(who.into(), ContactAct::Details), "fresh");
    let in_details = says(&picture(model, WIDE), INTRODUCE);
    model.act(NOW, Act::CloseDetails, "fresh");
    assert_eq!(in_menu, in_details, "{who}");
    in_menu
}

const INTRODUCE: &str = "Introduce to …";

#[test]
fn who_is_connected_can_be_introduced_once_somebody_else_is() {
    let nobody = [
        ("c2", "Noor", ContactState::Pending),
        ("c3", "Mika", ContactState::Blocked),
        ("c4", "Notes", ContactState::Oneself),
        ("c5", "Kim", ContactState::Invited),
    ];
    let mut alone = among(&nobody);
    assert!(!is_offered(&mut alone, "c1"));
    assert_eq!(alone.act(NOW, introducing("c1"), "fresh"), []);
    assert!(alone.over().is_none(), "not by another way either");
    let mut model = among(&[&nobody[..], &[("c6", "Ada", ContactState::Connected)]].concat());
    for (who, offered) in [("c1", true), ("c6", true), ("c2", false), ("c3", false), ("c4", false)] {
        assert_eq!(is_offered(&mut model, who), offered, "{who}");
    }
    model.act(NOW, introducing("c1"), "fresh");
    let names: Vec<_> = model.recipients().map(|contact| contact.name.as_str()).collect();
    assert_eq!(names, ["Ada"], "nobody who cannot be asked, and not the same one");
}

#[test]
fn two_are_asked_once_the_other_was_chosen_and_what_came_of_it_is_told() {
    let connected = ContactState::Connected;
    let mut model = among(&[("c2", "Noor", connected), ("c3", "Mika\u{202E}", connected)]);
    model.act(NOW, introducing("c3"), "fresh");
    assert_eq!(*model.focus(), Focus::Field(Field::Whom));
    let scene = picture(&model, WIDE);
    assert!(says(&scene, "Introduce Mika to") && says(&scene, "Each is told the other’s name."));
    assert!(!says(&scene, "Forward") && !scene.words().any(|words| words.contains('\u{202E}')));
    model.texts.set(Field::Whom, "noo");
    let asked = Command::Introduce { who: "c3".into(), other: "c2".into() };
    assert_eq!(presses(&mut model, "Introduce"), [asked]);
    assert!(model.over().is_none() && !says(&picture(&model, WIDE), "Both were asked"));
    model.learn(NOW, News::Introduced(Ok(())));
    assert!(says(&picture(&model, WIDE), "Both were asked"));
    for (refusal, line) in [
        (Refusal::AlreadyOpen, "Asked already. They have not both answered yet."),
        (Refusal::Waiting, "One of them is not connected yet. Nobody was asked."),
        (Refusal::Blocked, "One of them is blocked. Nobody was asked."),
        (Refusal::NoSuchContact, "One of them was deleted. Nobody was asked."),
    ] {
        model.learn(NOW, News::Introduced(Err(PeerError::Refused(refusal))));
        assert!(says(&picture(&model, WIDE), line), "{refusal:?}");
    }
}

#[test]
fn who_is_gone_or_locked_away_is_introduced_to_nobody() {
    let others = [("c2", "Noor", ContactState::Connected)];
    let mut model = among(&others);
    model.act(NOW, introducing("c2"), "fresh");
    model.texts.set(Field::Whom, "zz");
    assert!(says(&picture(&model, WIDE), "Nobody has that name"));
    assert_eq!(model.act(NOW, Act::Over(OverAct::Confirm), "fresh"), []);
    let gone = Contact { id: "c2".into(), name: String::new(), ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(gone)));
    assert!(model.over().is_none());
    let mut model = among(&others);
    model.act(NOW, introducing("c2"), "fresh");
    model.act(NOW, Act::Lock, "fresh");
    model.learn(NOW, News::Introduced(Ok(())));
    assert!(model.over().is_none() && !says(&picture(&model, WIDE), "Both were asked"));
}

#[test]
fn a_row_has_a_small_timer_where_texts_disappear() {
    let timers = |timer_s| {
        let mut model = chatting();
        model.learn(NOW, News::Changed(NOW, Change::Contact(Contact { timer_s, ..robin() })));
        let small = |item: &&Item| matches!(item, Item::Icon { icon: Icon::Timer, x: ..300, size: 14, .. });
        picture(&model, WIDE).items.iter().filter(small).count()
    };
    assert_eq!((timers(0), timers(3_600)), (0, 1));
}
