use super::*;
use crate::edit::{EDITED_MAX_BYTES, Room, Way};
use crate::model::OverAct;
use crate::scene::Written;
use crate::theme::Theme;

fn writing(text: &str) -> Model {
    let mut model = chatting();
    model.texts.set(Field::Composer, text);
    model
}

fn written(model: &Model, size: (i32, i32)) -> Written {
    picture(model, size).written.unwrap()
}

#[test]
fn the_composer_is_drawn_by_the_scene_and_no_field_lies_over_it() {
    let mut model = writing("I can bring the copies");
    let scene = picture(&model, (1200, 800));
    assert!(scene.fields.iter().all(|field| field.field != Field::Composer));
    assert!(says(&scene, "I can bring the copies") && !says(&scene, "Message to"));
    let Written { rect, caret, .. } = scene.written.unwrap();
    assert_eq!((caret.w, caret.x - rect.x), (2, 22 * 7), "at the end of what is written");
    assert_eq!(rect.h, 22, "one line, in a field of 40");
    let accent = tokens(Theme::Light).accent;
    let drawn = |model: &Model| picture(model, (1200, 800)).items.contains(&Item::Fill(caret, accent));
    assert!(drawn(&model));
    model.set_focus(Focus::Field(Field::Search));
    assert!(!drawn(&model), "the keyboard is elsewhere");
    model.texts.set(Field::Composer, "");
    assert!(says(&picture(&model, (1200, 800)), "Message to Robin"));
}

#[test]
fn the_composer_grows_to_six_lines_and_never_over_a_third_of_the_window() {
    for (lines, height, shown) in
        [(1, 800, 1), (3, 800, 3), (6, 800, 6), (40, 800, 6), (40, 480, 5), (40, 360, 3)]
    {
        let model = writing(&vec!["x"; lines].join("\n"));
        let Written { rect, shown: seen, lines: all, .. } = written(&model, (1200, height));
        assert_eq!((all, seen), (lines, shown), "{lines} {height}");
        assert_eq!(rect.h, 22 * i32::try_from(shown).unwrap());
        assert!(shown == 1 || rect.h + 42 <= height / 3);
    }
}

#[test]
fn a_long_text_scrolls_inside_with_a_thumb_and_only_what_is_seen_is_drawn() {
    let text: Vec<String> = (0..500).map(|n| format!("line {n}.")).collect();
    let mut model = writing(&text.join("\n"));
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "line 499.") && !says(&scene, "line 493."));
    assert!(scene.items.len() < 400);
    let thumb = |model: &Model| {
        let edge = tokens(Theme::Light).edge;
        let scene = picture(model, (1200, 800));
        let rect = scene.written.unwrap().rect;
        scene.items.iter().find_map(|item| match item {
            Item::Round(thumb, _, colour) if *colour == edge && thumb.w == 6 && thumb.x > rect.x => {
                Some(thumb.y - rect.y)
            }
            _ => None,
        })
    };
    let low = thumb(&model).unwrap();
    let measure = |text: &str| i32::try_from(text.len()).unwrap() * 7;
    model.texts.writing_mut().go(Way::Start, false, &Room { width: 700, measure: &measure });
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "line 0.") && says(&scene, "line 5.") && !says(&scene, "line 6."));
    assert!(thumb(&model).unwrap() < low);
    assert!(thumb(&writing("short")).is_none());
}

#[test]
fn what_is_selected_has_a_ground_on_each_of_its_lines() {
    let mut model = writing("one\ntwo\nthree");
    let editor = model.texts.writing_mut();
    editor.put(1, false);
    editor.put(9, true);
    let scene = picture(&model, (1200, 800));
    let Written { rect, .. } = scene.written.unwrap();
    let ground = tokens(Theme::Light).select;
    let grounds: Vec<_> = scene
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Fill(part, colour) if *colour == ground => Some((part.x - rect.x, part.y - rect.y, part.w)),
            _ => None,
        })
        .collect();
    // Two line breaks are selected too.
    assert_eq!(grounds, [(7, 0, 14), (21, 0, 6), (0, 22, 21), (21, 22, 6), (0, 44, 7)]);
}

#[test]
fn what_is_written_from_the_right_stands_at_the_right() {
    let scene = picture(&writing("سلام"), (1200, 800));
    let Written { rect, caret, .. } = scene.written.unwrap();
    assert_eq!(caret.x, rect.right() - 28);
    let at = scene.items.iter().find_map(|item| match item {
        Item::Text { x, text, .. } if text == "سلام" => Some(*x),
        _ => None,
    });
    assert_eq!(at, Some(rect.right() - 28));
}

#[test]
fn a_text_of_64_kib_goes_in_and_one_more_letter_is_told() {
    let mut model = writing("");
    let editor = model.texts.writing_mut();
    assert_eq!(editor.insert(&"x".repeat(EDITED_MAX_BYTES)), Ok(()));
    assert!(editor.type_text("y").is_err());
    assert!(!model.is_folded() && picture(&model, (1200, 800)).items.len() < 400);
    let asked = model.act(NOW, Act::Send, "id1");
    assert!(matches!(&asked[..], [Command::Send { text, .. }] if text.len() == EDITED_MAX_BYTES));
    assert_eq!(model.texts.writing().text(), "");
}

#[test]
fn nothing_is_written_under_a_question_or_to_who_is_blocked() {
    let blocked = Contact { state: ContactState::Blocked, ..robin() };
    let mut model = chatting();
    assert!(picture(&model, (1200, 800)).written.is_some());
    model.learn(NOW, News::Changed(NOW, Change::Contact(blocked)));
    assert!(picture(&model, (1200, 800)).written.is_none());
    let (mut model, _) = inviting_dana();
    model.act(NOW, Act::CancelInvite("i".into()), "x");
    assert!(picture(&model, (1200, 800)).written.is_none());
}

#[test]
fn signs_are_chosen_by_a_button_where_one_writes_and_stand_at_the_caret() {
    let mut model = writing("on my way");
    let emoji = Act::Over(OverAct::Emoji);
    for size in [(1200, 800), (360, 480)] {
        let scene = picture(&model, size);
        let button = scene.hits.iter().find(|hit| hit.act == emoji).unwrap().rect;
        let Written { rect, .. } = scene.written.unwrap();
        assert!(button.x >= rect.right() && scene.stops.contains(&Focus::Act(emoji.clone())), "{size:?}");
        let middle = (button.x + button.w / 2, button.y + button.h / 2);
        assert_eq!(scene.hit(middle.0, middle.1).map(|hit| &hit.act), Some(&emoji), "above the field");
    }
    model.texts.writing_mut().put(2, false);
    model.act(NOW, emoji, "x");
    let scene = picture(&model, (1200, 800));
    let family = scene.hits.iter().find(|hit| hit.label == "❤️").unwrap();
    assert!(family.rect.bottom() < 800 && scene.hit(10, 10).unwrap().act == Act::Over(OverAct::Close));
    model.act(NOW, family.act.clone(), "x");
    assert_eq!(model.texts.of(Field::Composer), "on❤️ my way");
    assert_eq!(*model.focus(), Focus::Field(Field::Composer));
    model.texts.writing_mut().delete(crate::edit::Take::Before);
    assert_eq!(model.texts.of(Field::Composer), "on my way", "it is one character");
    model.pasted_too_much(NOW, Field::Composer, "x".repeat(EDITED_MAX_BYTES + 1));
    assert!(!picture(&model, (1200, 800)).hits.iter().any(|hit| hit.act == Act::Over(OverAct::Emoji)));
}
