//! Whom one is to meet, how long texts live, and who writes.

use ipc_schema::edge::ui_stored::{ContactAction, Note};

use super::*;
use crate::model::MessageCommand;
use crate::model::action::ContactAct;

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
