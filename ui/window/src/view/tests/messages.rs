//! The texts of messages: what is shown of them, pressed in them, selected and copied of them.

use ipc_schema::edge::ui_stored::Note;

use super::*;
use crate::model::{Place, TextAct, Unit};
use crate::theme::tokens;

const SIZE: (i32, i32) = (1200, 800);

/// Where the list of people ends in it.
const LIST_END: i32 = 72 + 320;

/// A conversation in which Robin wrote this last.
fn told(body: &str) -> Model {
    let mut model = chatting();
    model.learn(NOW, News::Changed(NOW, Change::Message(theirs("c", body))));
    model
}

fn theirs(id: &str, body: &str) -> Message {
    Message { body: body.into(), position: 1, ..text(id, false, Delivery::Delivered) }
}

fn place(message: &str, at: usize) -> Place {
    Place { message: message.into(), at }
}

fn hit(scene: &Scene, act: &Act) -> usize {
    scene.hits.iter().filter(|hit| hit.act == *act).count()
}

#[test]
fn marks_of_markdown_are_not_shown_and_what_they_say_is() {
    let scene = picture(&told("**Bring** the _blue_ cards and `ls -l`"), SIZE);
    let styled = |wanted: &str, style: Style| {
        scene
            .items
            .iter()
            .any(|item| matches!(item, Item::Text { text, style: is, .. } if text == wanted && *is == style))
    };
    assert!(styled("Bring", Style::Strong) && styled("blue", Style::Italic) && styled("ls -l", Style::Mono));
    // The list beside it tells the last text as it was written.
    let in_chat = |item: &&Item| matches!(item, Item::Text { x, .. } if *x > LIST_END);
    let marked = |item: &Item| matches!(item, Item::Text { text, .. } if text.contains(['*', '_', '`']));
    assert!(!scene.items.iter().filter(in_chat).any(marked));
    assert!(says(&picture(&told("2 * 3 * 4, snake_case, **"), SIZE), "2 * 3 * 4, snake_case, **"));
}

#[test]
fn what_nobody_wrote_is_shown_as_it_is() {
    let mut model = chatting();
    let note = Message { note: Note::Reopened, ..theirs("n", "_a_ https://b.org") };
    model.learn(NOW, News::Changed(NOW, Change::Message(note)));
    let scene = picture(&model, SIZE);
    assert!(
        says(&scene, "_a_ https://b.org")
            && hit(&scene, &Act::Text(TextAct::Link("https://b.org".into()))) == 0
    );
}

#[test]
fn hidden_characters_are_counted_in_a_chip_and_a_tab_is_none() {
    assert!(says(&picture(&told("a\u{200B}b"), SIZE), "1 hidden character"));
    let scene = picture(&told("a\u{202E}b\u{200B}c"), SIZE);
    assert!(says(&scene, "abc") && says(&scene, "2 hidden characters"));
    let chip = |item: &Item| matches!(item, Item::Round(_, [10, ..], ground) if *ground == tokens(Default::default()).warn_soft);
    assert_eq!(scene.items.iter().filter(|item| chip(item)).count(), 1);
    let scene = picture(&told("a\tb"), SIZE);
    assert!(says(&scene, "a    b") && !says(&scene, "hidden"));
}

#[test]
fn piled_up_marks_are_cut_off_where_their_line_ends() {
    let scene = picture(&told(&format!("Z{}algo", "\u{316}".repeat(60))), SIZE);
    assert!(says(&scene, "52 hidden characters"));
    let at = scene
        .items
        .iter()
        .position(|item| matches!(item, Item::Text { text, .. } if text.starts_with('Z')))
        .unwrap();
    let [Item::Clip(line), _, Item::Unclip] = &scene.items[at - 1..=at + 1] else { panic!("not clipped") };
    assert_eq!(line.h, 22);
}

#[test]
fn a_link_is_pressed_to_see_where_it_goes_and_is_copied_and_never_opened() {
    let address = "https://xn--pple-43d.com/a?b=c#d";
    let act = Act::Text(TextAct::Link(address.into()));
    let mut model = told(&format!("{address} and {address}"));
    let scene = picture(&model, SIZE);
    assert_eq!(hit(&scene, &act), 2);
    assert_eq!(scene.stops.iter().filter(|stop| **stop == Focus::Act(act.clone())).count(), 1);
    assert_eq!(model.act(NOW, act.clone(), "x"), []);
    for size in [SIZE, (360, 480)] {
        let card = picture(&model, size);
        assert!(says(&card, "It goes to xn--pple-43d.com") && says(&card, address) && says(&card, "(xn--)"));
        let acts: Vec<&Act> = card.hits.iter().map(|hit| &hit.act).collect();
        assert_eq!(acts, [&Act::Text(TextAct::CopyAddress), &Act::Text(TextAct::CloseLink)]);
        assert!(card.fields.is_empty() && card.lines.is_empty());
    }
    assert_eq!(*model.focus(), Focus::Act(Act::Text(TextAct::CopyAddress)));
    model.act(NOW, Act::Text(TextAct::CloseLink), "x");
    assert!(model.link().is_none() && *model.focus() == Focus::Act(act.clone()));
    model.act(NOW, act, "x");
    assert_eq!(model.act(NOW, Act::Text(TextAct::CopyAddress), "x"), [Command::Copy(address.into())]);
    assert!(model.link().is_none());
}

#[test]
fn the_card_of_the_longest_link_lies_within_the_smallest_window() {
    let address = format!("https://example.org/{}", "a".repeat(2_000));
    let mut model = told(&address);
    model.act(NOW, Act::Text(TextAct::ShowAll("c".into())), "x");
    model.act(NOW, Act::Text(TextAct::Link(address.clone())), "x");
    let card = picture(&model, (360, 480));
    assert!(card.hits.iter().all(|hit| hit.rect.y > 0 && hit.rect.bottom() <= 480));
    assert!(card.words().any(|line| line.ends_with('…')));
    assert_eq!(model.act(NOW, Act::Text(TextAct::CopyAddress), "x"), [Command::Copy(address)], "whole");
}

#[test]
fn a_long_text_is_folded_until_all_of_it_is_asked_for() {
    let lines: String = (0..60).map(|n| format!("line {n}\n")).collect();
    let mut model = told(&lines);
    let all = Act::Text(TextAct::ShowAll("c".into()));
    let scene = picture(&model, (1200, 2_000));
    assert!(says(&scene, "line 39") && !says(&scene, "line 40") && hit(&scene, &all) == 1);
    model.act(NOW, all.clone(), "x");
    let scene = picture(&model, (1200, 2_000));
    assert!(says(&scene, "line 59") && says(&scene, "Show less") && hit(&scene, &all) == 0);
    assert!(scene.stops.contains(model.focus()), "the keyboard is at what came in its place");
    model.act(NOW, Act::Text(TextAct::ShowLess("c".into())), "x");
    assert!(!says(&picture(&model, (1200, 2_000)), "line 40"));
}

#[test]
fn what_is_selected_of_one_text_is_copied_as_it_was_typed_and_shown_under_its_letters() {
    let mut model = told("one **two** three");
    assert_eq!(model.act(NOW, Act::Text(TextAct::CopySelection), "x"), [], "nothing is selected");
    model.select(place("c", 4), Unit::Character);
    assert!(model.chosen().is_none(), "a press alone");
    model.select_to(place("c", 11));
    assert_eq!(model.act(NOW, Act::Text(TextAct::CopySelection), "x"), [Command::Copy("**two**".into())]);
    let scene = picture(&model, SIZE);
    let under = tokens(model.theme).selection;
    let rects: Vec<&Rect> = scene
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Fill(rect, ground) if *ground == under => Some(rect),
            _ => None,
        })
        .collect();
    assert_eq!(rects.iter().map(|rect| (rect.w, rect.h)).collect::<Vec<_>>(), [(21, 22)]);
    model.select_to(place("c", 0));
    assert_eq!(model.selected_text().as_deref(), Some("one "), "backwards");
    assert!(model.unselect() && !model.unselect());
}

#[test]
fn two_presses_take_a_word_and_three_all_of_a_text() {
    let mut model = told("It can't be.\nOr?");
    model.select(place("c", 5), Unit::of(2));
    assert_eq!(model.selected_text().as_deref(), Some("can't"));
    model.select_to(place("c", 10));
    assert_eq!(model.selected_text().as_deref(), Some("can't be"));
    model.select(place("c", 5), Unit::of(3));
    assert_eq!(model.selected_text().as_deref(), Some("It can't be.\nOr?"));
    model.select(place("c", 0), Unit::of(1));
    model.act(NOW, Act::Text(TextAct::SelectAll), "x");
    assert_eq!(model.selected_text().as_deref(), Some("It can't be.\nOr?"));
}

#[test]
fn of_several_texts_all_is_copied_with_names_and_times_and_none_can_be_forged() {
    let mut model = told("hi\n[2025-06-15 15:06] Alex: I owe you");
    model.select(place("c", 1), Unit::Character);
    model.select_to(place("a", 3));
    let copied = model.selected_text().unwrap();
    let lines: Vec<&str> = copied.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("[2025-06-15 ") && lines[0].ends_with("] Robin: text a"), "{copied}");
    assert!(lines[1].ends_with("] Alex: text b") && lines[2].ends_with("] Robin: hi"), "{copied}");
    assert_eq!(lines[3], "    [2025-06-15 15:06] Alex: I owe you");
}

#[test]
fn hidden_characters_are_not_copied() {
    let mut model = told("rm\u{202E} -rf\u{7}\t.");
    model.select_message("c");
    assert_eq!(model.selected_text().as_deref(), Some("rm -rf\t."));
}

#[test]
fn a_point_of_the_picture_is_a_place_in_a_text() {
    let model = told("one **two**\nthree");
    let scene = picture(&model, SIZE);
    let line = scene.lines.iter().find(|line| line.message == "c").unwrap();
    let (x, y) = (line.x, line.rect.y + 5);
    assert_eq!(scene.line_at(x + 15, y).map(|line| line.place(x + 15, &Seven)), Some(place("c", 2)));
    assert_eq!(scene.place_near(x + 30, y, &Seven), Some(place("c", 6)), "behind the mark");
    assert_eq!(scene.place_near(x + 15, y + 22, &Seven), Some(place("c", 14)));
    assert_eq!(scene.place_near(5_000, 5_000, &Seven), Some(place("c", 17)), "below all of it");
    assert_eq!(scene.place_near(0, 0, &Seven), Some(place("a", 0)), "above all of it");
    assert!(scene.line_at(x, 10).is_none(), "the header");
}

#[test]
fn nothing_stays_selected_where_it_is_not_seen_any_more() {
    let mut model = told("one two");
    let other = Contact { id: "c2".into(), name: "Noor".into(), ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(other)));
    model.select_message("c");
    model.act(NOW, Act::Open("c2".into()), "x");
    model.act(NOW, Act::Open("c1".into()), "x");
    assert!(model.chosen().is_none());
    model.select_message("c");
    model.learn(NOW, News::Changed(NOW, Change::Gone { id: "c".into(), contact: "c1".into() }));
    assert_eq!(model.selected_text(), None);
    let mut model = told("one two");
    model.select_message("c");
    model.act(NOW, Act::Text(TextAct::Link("https://example.org".into())), "x");
    model.act(NOW, Act::Lock, "x");
    assert!(model.chosen().is_none() && model.link().is_none());
    assert!(!format!("{model:?}").contains("example.org"));
}

#[test]
fn an_avatar_shows_the_first_character_and_a_badge_two_digits() {
    let mut model = inside();
    let dev = Contact { name: "👩🏽\u{200D}💻 陽菜".into(), unread: 124, ..robin() };
    model.learn(
        NOW,
        News::People(vec![Contact { id: "c0".into(), last_at: Timestamp(NOW.0 + 1), ..robin() }, dev]),
    );
    let scene = picture(&model, SIZE);
    assert!(scene.words().any(|line| line == "👩🏽\u{200D}💻"));
    assert!(scene.words().any(|line| line == "99+") && !says(&scene, "124"));
}
