use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::Delivery;
use ipc_schema::edge::ui_stored::Place::Newest;
use privatus::clock::Zone;

use super::*;
use crate::model::action::ContactAct;
use crate::model::chat::tests::text;
use crate::model::people::tests::{called, with};
use crate::model::{Focus, Model, News, ReadAct};
use crate::regions::beside;
use crate::scene::{Metrics, Region, Scene};
use crate::view::{Surroundings, scene};

const NOW: Timestamp = Timestamp(1_750_766_400_000);

struct Seven;

impl Metrics for Seven {
    fn width(&self, _: Style, text: &str) -> i32 {
        i32::try_from(text.chars().count()).unwrap() * 7
    }
}

fn seen(model: &Model, size: (i32, i32)) -> Scene {
    scene(model, &Surroundings { size, now: NOW, zone: &Zone::default(), metrics: &Seven, mirrored: false })
}

#[test]
fn the_sheet_has_every_row_of_the_table_at_any_size_and_one_way_out() {
    for size in [(1200, 800), (720, 480), (360, 480)] {
        let mut model = with(vec![called("c1", "Robin", "")]);
        model.act(NOW, Act::Keys, "x");
        let mut missing: Vec<&Row> = TABLE.iter().collect();
        for _ in 0..80 {
            let scene = seen(&model, size);
            assert_eq!(scene.stops, [Focus::Act(Act::Keys)]);
            assert!(scene.hits.iter().all(|hit| hit.act == Act::Keys) && scene.fields.is_empty());
            missing.retain(|row| !scene.words().any(|line| line == row.what));
            let part = scene.scrolled.iter().find(|part| part.place == Part::Keys).unwrap();
            assert!(part.area.within(Rect::new(0, 0, size.0, size.1)) == part.area);
            model.scrolls.by(Part::Keys, 60, part.most);
        }
        assert!(missing.is_empty(), "{size:?} {missing:?}");
        model.act(NOW, Act::Keys, "x");
        assert!(!seen(&model, size).words().any(|line| line == "Keys"));
    }
}

#[test]
fn the_rows_of_the_list_are_one_stop_and_the_one_that_has_the_keyboard_is_seen_to() {
    let people = |n: u64| called(&format!("c{n}"), &format!("Person {n}"), "");
    let mut model = with((0..100).map(people).collect());
    let rows = |scene: &Scene| {
        let stops = scene.stops.iter().filter(|stop| matches!(stop, Focus::Act(Act::Open(_))));
        stops.cloned().collect::<Vec<_>>()
    };
    assert_eq!(rows(&seen(&model, (1200, 800))).len(), 1);
    model.set_focus(Focus::Act(Act::Open("c40".into())));
    let scene = seen(&model, (1200, 800));
    assert_eq!(rows(&scene), [Focus::Act(Act::Open("c40".into()))]);
    let list = scene.scrolled.iter().find(|part| part.place == Part::List).unwrap();
    assert!(
        list.stops.iter().any(|(stop, _)| *stop == Focus::Act(Act::Open("c40".into()))),
        "it is scrolled to"
    );
}

#[test]
fn whatever_has_the_keyboard_looks_otherwise_than_without_it() {
    let mut model = with(vec![called("c1", "Robin", "")]);
    model.set_focus(Focus::None);
    let without = seen(&model, (1200, 800));
    for stop in &without.stops {
        if matches!(stop, Focus::Act(_)) {
            model.set_focus(stop.clone());
            assert!(seen(&model, (1200, 800)).items != without.items, "{stop:?}");
        }
    }
}

#[test]
fn the_parts_of_the_window_come_in_its_order_and_those_without_a_stop_are_left_out() {
    let mut model = with(vec![called("c1", "Robin", "")]);
    let regions = |model: &Model, steps: usize| {
        let scene = seen(model, (1200, 800));
        let mut at = Focus::None;
        let mut passed = Vec::new();
        for _ in 0..steps {
            at = beside(&scene, &at, 1).unwrap();
            let stop = scene.stops.iter().position(|stop| *stop == at).unwrap();
            passed.push(scene.regions.iter().rfind(|(_, from)| *from <= stop).unwrap().0);
        }
        passed
    };
    let quiet = [Region::Rail, Region::List, Region::Header, Region::Composer, Region::Rail];
    assert_eq!(regions(&model, 5), quiet, "there are no texts");
    let messages = vec![text("a", false, Delivery::Delivered)];
    model.learn(NOW, News::Messages { who: "c1".into(), place: Newest, result: Ok(messages) });
    model.act(NOW, Act::Contact("c1".into(), ContactAct::Details), "x");
    let all = [
        Region::Rail,
        Region::List,
        Region::Header,
        Region::Messages,
        Region::Composer,
        Region::Details,
        Region::Rail,
    ];
    assert_eq!(regions(&model, 7), all);
    model.act(NOW, Act::Read(ReadAct::Find), "x");
    let finding = regions(&model, 8);
    assert_eq!(finding.get(2..5), Some([Region::Header, Region::Find, Region::Messages].as_slice()));
    model.act(NOW, Act::Read(ReadAct::AskDate), "x");
    assert!(seen(&model, (1200, 800)).regions.is_empty(), "a card has the keyboard");
    model.act(NOW, Act::Add, "x");
    assert_eq!(regions(&model, 4), [Region::Rail, Region::List, Region::Page, Region::Rail]);
}
