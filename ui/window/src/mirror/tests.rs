use std::rc::Rc;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::Place::Newest;
use ipc_schema::edge::ui_stored::{Delivery, Message, SafetyNumber};
use privatus::clock::Zone;

use super::*;
use crate::model::chat::tests::text;
use crate::model::people::tests::{called, with};
use crate::model::{Act, Field, MessageAct, Model, News, OverAct, ReadAct};
use crate::scene::{Code, Style};
use crate::view::{Surroundings, scene};

const NOW: Timestamp = Timestamp(1_750_766_400_000);

struct Seven;

impl Metrics for Seven {
    fn width(&self, _: Style, text: &str) -> i32 {
        i32::try_from(text.chars().count()).unwrap() * 7
    }
}

fn seen(model: &Model, size: (i32, i32), mirrored: bool) -> Scene {
    scene(model, &Surroundings { size, now: NOW, zone: &Zone::default(), metrics: &Seven, mirrored })
}

fn says(id: &str, mine: bool, body: &str) -> Message {
    Message { body: body.into(), ..text(id, mine, Delivery::Delivered) }
}

fn talking() -> Model {
    let mut model = with(vec![called("c1", "Robin", "R. as they say"), called("c2", "ليلى", "")]);
    let messages = vec![
        says("a", false, "one two שלום three https://example.org/a and so on"),
        says("b", true, "שלום abc"),
        says("c", true, "short"),
    ];
    model.learn(NOW, News::Messages { who: "c1".into(), place: Newest, result: Ok(messages) });
    model.texts.set(Field::Composer, "written");
    model
}

/// Everything that a picture can be of.
fn pictures() -> Vec<Model> {
    let mut models = vec![talking()];
    for act in [
        Act::Message(MessageAct::Reactions("a".into())),
        Act::Over(OverAct::Emoji),
        Act::Over(OverAct::Menu(crate::model::MenuOf::Message("c".into()))),
        Act::Read(ReadAct::Find),
        Act::Compare("c1".into()),
        Act::Contact("c1".into(), crate::model::action::ContactAct::Details),
        Act::Text(crate::model::TextAct::Link("https://example.org/a".into())),
        Act::Keys,
        Act::OwnName,
        Act::Invite,
        Act::Lock,
    ] {
        let mut model = talking();
        model.act(NOW, act, "x");
        let digits = (10_000..10_012).map(|n: u32| n.to_string()).collect::<Vec<_>>().join(" ");
        let number = SafetyNumber {
            digits,
            words: vec!["harbor".into(); 8],
            verified: false,
            code: "privatus:v#AQ".into(),
        };
        model.learn(NOW, News::SafetyNumber { who: "c1".into(), result: Ok(number) });
        models.push(model);
    }
    models
}

#[test]
fn a_locale_says_from_where_its_language_is_read() {
    for from_the_right in ["ar_EG.UTF-8", "he_IL", "fa", "ur_PK.utf8@x", "AR", "ckb_IQ"] {
        assert!(reads_from_the_right(from_the_right), "{from_the_right}");
    }
    for other in ["", "C", "C.UTF-8", "en_GB.UTF-8", "arn_CL", "de", "hel_GR"] {
        assert!(!reads_from_the_right(other), "{other}");
    }
}

#[test]
fn a_picture_that_is_turned_twice_is_what_it_was() {
    for model in pictures() {
        for size in [(1200, 800), (700, 600), (360, 480)] {
            let once = seen(&model, size, false);
            let twice = mirrored(mirrored(seen(&model, size, false), size.0, &Seven), size.0, &Seven);
            assert!(twice == once, "{:?}", model.focus());
        }
    }
}

#[test]
fn all_that_can_be_pressed_lies_on_the_other_side_and_in_the_window() {
    for model in pictures() {
        let (w, h) = (1200, 800);
        let left = seen(&model, (w, h), false);
        let right = mirrored(seen(&model, (w, h), false), w, &Seven);
        assert_eq!(left.stops, seen(&model, (w, h), true).stops, "the keyboard goes the same way");
        let window = Rect::new(0, 0, w, h);
        for (one, other) in left.hits.iter().zip(&right.hits) {
            assert_eq!((one.rect.w, one.rect.y, one.rect.h), (other.rect.w, other.rect.y, other.rect.h));
            assert!(other.rect.within(window) == other.rect, "{other:?}");
            if one.whole.is_none() {
                assert_eq!(other.rect.x, w - one.rect.right(), "{:?}", one.act);
            }
        }
    }
    let scene = seen(&talking(), (1200, 800), true);
    let place = |act: &Act| scene.hits.iter().find(|hit| hit.act == *act).unwrap().rect;
    assert!(place(&Act::Lock).x > 1100, "the rail");
    assert!(place(&Act::Send).x < 20);
}

fn texts(scene: &Scene) -> Vec<(i32, String)> {
    let text = |item: &Item| match item {
        Item::Text { x, text, .. } => Some((*x, text.clone())),
        _ => None,
    };
    scene.items.iter().filter_map(text).collect()
}

#[test]
fn a_line_keeps_the_order_of_its_words_and_stands_in_the_direction_of_its_text() {
    let model = talking();
    let (left, right) = (seen(&model, (1200, 800), false), seen(&model, (1200, 800), true));
    let of = |scene: &Scene, id: &str| {
        let lines = scene.lines.iter().filter(|line| line.message == id);
        lines.cloned().collect::<Vec<_>>()
    };
    let (one, other) = (of(&left, "a"), of(&right, "a"));
    assert_eq!(one.len(), 1);
    let before: Vec<i32> = one[0].line().unwrap().runs.iter().map(|run| one[0].x + run.x).collect();
    let after: Vec<i32> = other[0].line().unwrap().runs.iter().map(|run| other[0].x + run.x).collect();
    assert!(before.len() > 2 && before.iter().zip(&after).all(|(a, b)| b - a == after[0] - before[0]));
    for (line, x) in one[0].line().unwrap().runs.iter().zip(&after) {
        assert!(texts(&right).contains(&(*x, line.drawn.clone())), "{}", line.drawn);
    }
    // A link is pressed where it is seen.
    let link = right.hits.iter().find(|hit| matches!(hit.act, Act::Text(_))).unwrap().rect;
    let run = one[0].line().unwrap().runs.iter().zip(&after).find(|(run, _)| run.link.is_some()).unwrap();
    assert_eq!((link.x, link.w), (*run.1, run.0.w));
    assert!(right.line_at(link.x, link.y + 1).is_some());
    // What is written from the left begins at the left of its bubble also here, and the other at the right.
    assert_eq!(other[0].x, other[0].area.x);
    let hebrew = &of(&right, "b")[0];
    assert_eq!(hebrew.x + hebrew.line().unwrap().width, hebrew.area.right());
    assert!(hebrew.rect.x < 60 && other[0].rect.right() > 700, "mine at the left, theirs at the right");
}

#[test]
fn time_and_mark_stand_beside_a_text_of_the_readers_direction_and_below_another() {
    let model = talking();
    let lines = |mirrored: bool, id: &str| {
        let scene = seen(&model, (1200, 800), mirrored);
        scene.hits.iter().find(|hit| hit.act == Act::Message(MessageAct::Focus(id.into()))).unwrap().rect.h
    };
    assert!(lines(false, "c") < lines(false, "b"));
    assert!(lines(true, "b") < lines(true, "c"));
}

#[test]
fn digits_codes_and_clocks_are_not_turned_and_arrows_are() {
    let mut model = talking();
    model.act(NOW, Act::Compare("c1".into()), "x");
    let digits = "10000 10001 10002 10003 10004 10005 10006 10007 10008 10009 10010 10011".to_owned();
    let number = SafetyNumber { digits, words: vec!["harbor".into(); 8], verified: false, code: "x".into() };
    model.learn(NOW, News::SafetyNumber { who: "c1".into(), result: Ok(number) });
    let (left, right) = (seen(&model, (1200, 800), false), seen(&model, (1200, 800), true));
    let groups = |scene: &Scene| {
        let found = texts(scene).into_iter().filter(|(_, text)| text.len() == 5 && text.starts_with("1000"));
        found.map(|(x, _)| x).collect::<Vec<_>>()
    };
    let (one, other) = (groups(&left), groups(&right));
    assert_eq!(one.len(), 10);
    assert!(one.iter().zip(&other).all(|(a, b)| b - a == other[0] - one[0]), "in the same order");
    let code = |scene: &Scene| -> Rc<Code> {
        let code = |item: &Item| match item {
            Item::Code(_, code) => Some(code.clone()),
            _ => None,
        };
        scene.items.iter().find_map(code).unwrap()
    };
    assert_eq!(code(&left), code(&right));
    let turned = |scene: &Scene| {
        let icons = scene.items.iter().filter_map(|item| match item {
            Item::Icon { icon, turned: true, .. } => Some(*icon),
            _ => None,
        });
        icons.collect::<Vec<_>>()
    };
    assert_eq!((turned(&left), turned(&right)), (Vec::new(), vec![Icon::Back]));
}

#[test]
fn the_caret_is_where_its_text_is() {
    let model = talking();
    let (left, right) = (seen(&model, (1200, 800), false), seen(&model, (1200, 800), true));
    let (one, other) = (left.written.unwrap(), right.written.unwrap());
    assert_eq!(other.rect.x, 1200 - one.rect.right());
    assert_eq!(other.caret.x - other.rect.x, one.caret.x - one.rect.x);
    assert!(texts(&right).contains(&(other.rect.x, "written".into())));
}
