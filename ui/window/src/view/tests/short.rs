//! A short string that both windows show at once.

use ipc_schema::edge::ui_stored::{ShortComparison, ShortEnd, ShortState};
use privatus::peers::PeerError;

use super::*;
use crate::model::ShortAct;

const SIZE: (i32, i32) = (1200, 800);

fn comparing() -> Model {
    let mut model = chatting();
    model.act(NOW, Act::Compare("c1".into()), "x");
    model.learn(NOW, News::SafetyNumber { who: "c1".into(), result: Ok(number()) });
    model
}

fn is(model: &mut Model, state: ShortState, end: ShortEnd) {
    let told =
        ShortComparison { state, end, runs: 1, ends_at: Timestamp(NOW.0 + 1), ..ShortComparison::none() };
    model.learn(NOW, News::Short { who: "c1".into(), result: Ok(told) });
}

fn shown(runs: u32, theirs: ShortEnd) -> News {
    let words = ["gutih", "dosal"].map(Into::into).to_vec();
    let told = ShortComparison {
        state: ShortState::Shown,
        digits: "0042 5678".into(),
        words,
        runs,
        theirs,
        ..ShortComparison::none()
    };
    News::Short { who: "c1".into(), result: Ok(told) }
}

fn does(model: &mut Model, act: ShortAct) -> Vec<Command> {
    model.act(NOW, Act::Short(act), "x")
}

fn asks(action: ShortAction) -> Command {
    Command::Short { who: "c1".into(), action }
}

fn offers(model: &Model) -> Vec<ShortAct> {
    let scene = picture(model, SIZE);
    let acts = scene.hits.iter().filter_map(|hit| match &hit.act {
        Act::Short(act) => Some(*act),
        _ => None,
    });
    acts.collect()
}

#[test]
fn both_see_one_string_and_the_person_says_that_it_is_the_same() {
    let mut model = comparing();
    assert_eq!(offers(&model), [ShortAct::Join]);
    assert_eq!(does(&mut model, ShortAct::Same), [], "nothing is shown");
    assert_eq!(does(&mut model, ShortAct::Differ), []);
    assert_eq!(does(&mut model, ShortAct::Join), [asks(ShortAction::Join)]);
    is(&mut model, ShortState::Waiting, ShortEnd::None);
    assert_eq!(offers(&model), [ShortAct::Stop]);
    assert!(says(&picture(&model, SIZE), "Waiting for Robin"));
    assert_eq!(*model.focus(), Focus::Act(Act::Short(ShortAct::Stop)));
    model.learn(NOW, shown(1, ShortEnd::None));
    for size in [SIZE, (700, 900), (360, 480)] {
        let scene = picture(&model, size);
        assert!(says(&scene, "gutih dosal") && says(&scene, "0042 5678"), "{size:?}");
        assert!(!says(&scene, "10000"), "one string at a time");
        let spoken = |act| scene.stops.contains(&Focus::Act(Act::Short(act)));
        assert!(spoken(ShortAct::Same) && spoken(ShortAct::Differ) && spoken(ShortAct::Stop), "{size:?}");
    }
    assert_eq!(does(&mut model, ShortAct::Same), [asks(ShortAction::Same("0042 5678".into()))]);
    is(&mut model, ShortState::Over, ShortEnd::Same);
    let scene = picture(&model, SIZE);
    assert!(says(&scene, "nobody sits between you") && says(&scene, "10000") && !says(&scene, "gutih"));
}

#[test]
fn where_they_differ_nobody_is_compared_and_it_is_said_what_that_means() {
    let mut model = comparing();
    model.learn(NOW, News::Changed(NOW, Change::Contact(Contact { verified: true, ..robin() })));
    model.learn(NOW, shown(1, ShortEnd::None));
    let asked = does(&mut model, ShortAct::Differ);
    assert_eq!(asked, [Command::Verify { who: "c1".into(), digits: None }, asks(ShortAction::Differ)]);
    is(&mut model, ShortState::Over, ShortEnd::Different);
    let scene = picture(&model, SIZE);
    assert!(says(&scene, "They are different") && says(&scene, "Compare once more"));
    assert!(offers(&model).is_empty());
}

#[test]
fn it_is_told_how_it_ended_how_often_it_was_tried_and_what_they_say() {
    let mut model = comparing();
    let mut told = std::collections::BTreeSet::new();
    for end in ShortEnd::ALL {
        is(&mut model, ShortState::Over, *end);
        assert_eq!(offers(&model), [ShortAct::Join], "{end:?}");
        told.insert(picture(&model, SIZE).words().map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(told.len(), ShortEnd::ALL.len(), "each in its own words");
    model.learn(NOW, shown(3, ShortEnd::Different));
    let scene = picture(&model, SIZE);
    assert!(says(&scene, "Try 3") && says(&scene, "They say that it differs"));
    model.learn(NOW, shown(1, ShortEnd::None));
    assert!(!says(&picture(&model, SIZE), "Try"));
    let refused = Err(PeerError::Refused(Refusal::OtherString));
    model.learn(NOW, News::Short { who: "c1".into(), result: refused });
    assert!(says(&picture(&model, SIZE), "Another string") && says(&picture(&model, SIZE), "gutih"));
    model.learn(NOW, News::Short { who: "c2".into(), result: Ok(ShortComparison::none()) });
    assert!(says(&picture(&model, SIZE), "gutih"), "with somebody else");
}

#[test]
fn who_waits_to_compare_is_told_in_the_list_the_header_and_the_details() {
    let mut model = chatting();
    let count = |model: &Model| {
        let scene = picture(model, SIZE);
        scene.words().filter(|text| text.contains("Waits to compare with you")).count()
    };
    assert_eq!(count(&model), 0);
    let asked = Contact { comparing: ShortState::Asked, ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(asked)));
    assert_eq!(count(&model), 2);
    model.act(NOW, Act::Contact("c1".into(), crate::model::action::ContactAct::Details), "x");
    assert_eq!(count(&model), 3);
    let asked = model.act(NOW, Act::Compare("c1".into()), "x");
    assert_eq!(asked, what_is_compared());
    model.learn(NOW, News::SafetyNumber { who: "c1".into(), result: Ok(number()) });
    is(&mut model, ShortState::Asked, ShortEnd::None);
    assert_eq!(offers(&model), [ShortAct::Join, ShortAct::Stop]);
    assert!(says(&picture(&model, SIZE), "Robin waits to compare with you"));
    assert_eq!(does(&mut model, ShortAct::Stop), [asks(ShortAction::Stop)]);
}
