//! A conversation that is read: what is loaded, where the view stands, what counts as read, and what is looked for.

use super::*;
use crate::model::search::Looked;
use crate::model::{ReadAct, Wanted};

const SIZE: (i32, i32) = (1200, 800);

fn around<'a>(zone: &'a Zone, size: (i32, i32)) -> Surroundings<'a> {
    Surroundings { size, now: NOW, zone, metrics: &Seven, mirrored: false }
}

fn page(model: &mut Model, place: Place, messages: Vec<Message>) {
    model.learn(NOW, News::Messages { who: "c1".into(), place, result: Ok(messages) });
}

/// As the window does it after each change: the view goes where it is to be.
pub(super) fn settled(model: &mut Model) -> Scene {
    let zone = Zone::default();
    let scene = picture(model, SIZE);
    if let Some((body, _)) = scene.scroll
        && let Some(scroll) = scroll_wanted(model, &around(&zone, SIZE), body)
    {
        model.scroll = scroll;
        model.reading.wanted = None;
    }
    let most = picture(model, SIZE).scroll.map_or(0, |(_, most)| most);
    model.scroll = model.scroll.min(most);
    picture(model, SIZE)
}

/// Robin's last sixty texts of a hundred and more.
fn reading() -> Model {
    let mut model = inside();
    model.learn(NOW, News::People(vec![robin()]));
    page(&mut model, Place::Newest, texts(100..160));
    model
}

fn unread(numbers: std::ops::Range<u32>) -> Vec<Message> {
    let unread = |message| Message { state: Delivery::Delivered, ..message };
    texts(numbers).into_iter().map(unread).collect()
}

fn slot(scene: &Scene, id: &str) -> Option<Rect> {
    scene.rows.iter().find(|row| row.id == id).map(|row| row.slot)
}

#[test]
fn a_conversation_opens_at_the_first_unread_text_below_a_line_that_counts_them() {
    let mut model = inside();
    let asked =
        model.learn(NOW, News::People(vec![Contact { unread: 40, first_unread: "n100".into(), ..robin() }]));
    let around = Place::Around("n100".into());
    assert_eq!(asked, [Command::Messages { who: "c1".into(), place: around.clone() }]);
    let messages = texts(70..100).into_iter().chain(unread(100..130)).collect();
    page(&mut model, around, messages);
    let scene = settled(&mut model);
    assert!(says(&scene, "40 new messages"));
    let (body, _) = scene.scroll.unwrap();
    let first = slot(&scene, "n100").unwrap();
    assert!(first.y >= body.y && first.y < body.y + 60, "{first:?}");
    // The last that is seen is not the last that is unread, and the button says so.
    let seen = newest_seen(&scene).unwrap().to_owned();
    assert_ne!(seen, "n129");
    assert_eq!(model.saw(NOW, &seen), Some(Command::MarkRead { who: "c1".into(), up_to: seen.clone() }));
    let left = model.unread(NOW);
    assert!(left > 10 && left < 40, "{left}");
    let scene = picture(&model, SIZE);
    assert!(scene.words().any(|word| word == left.to_string()), "on the list's row and on the button");
    let down = scene.hits.iter().find(|hit| hit.act == Act::Read(ReadAct::ToEnd)).unwrap();
    assert_eq!(down.label, format!("To the newest message, {left} new messages"));
    // At the end of what is held the next page is asked for, once.
    let next = Command::Messages { who: "c1".into(), place: Place::After("n129".into()) };
    assert_eq!(model.reached(false, true), [next]);
    assert_eq!(model.reached(false, true), []);
    // And the button goes to the end of all.
    let newest = Command::Messages { who: "c1".into(), place: Place::Newest };
    assert_eq!(model.act(NOW, Act::Read(ReadAct::ToEnd), "x"), [newest]);
    page(&mut model, Place::Newest, unread(200..260));
    let scene = settled(&mut model);
    assert_eq!(newest_seen(&scene), Some("n259"));
    assert!(!scene.hits.iter().any(|hit| hit.act == Act::Read(ReadAct::ToEnd)));
}

#[test]
fn what_is_seen_is_told_at_most_once_a_second_and_not_below_a_question() {
    let mut model = reading();
    page(&mut model, Place::Newest, unread(158..160));
    model.learn(NOW, News::Changed(NOW, Change::Contact(Contact { unread: 2, ..robin() })));
    model.act(NOW, Act::Read(ReadAct::AskDate), "x");
    assert_eq!(model.saw(NOW, "n159"), None, "a card lies above");
    model.act(NOW, Act::Read(ReadAct::LeaveDate), "x");
    let read = |id: &str| Some(Command::MarkRead { who: "c1".into(), up_to: id.into() });
    assert_eq!(model.saw(NOW, "n158"), read("n158"));
    assert_eq!(model.unread(NOW), 1);
    assert_eq!(model.saw(NOW, "n159"), None);
    assert_eq!(model.looks_again(NOW), Some(Duration::from_secs(1)));
    let later = Timestamp(NOW.0 + 1_000);
    assert_eq!((model.saw(later, "n159"), model.unread(NOW)), (read("n159"), 0));
    model.act(NOW, Act::Lock, "x");
    assert_eq!(model.saw(Timestamp(NOW.0 + 5_000), "n159"), None);
}

#[test]
fn a_text_is_seen_once_its_last_line_is() {
    let body = Rect::new(0, 100, 400, 600);
    let row =
        |id: &str, y: i32, h: i32| crate::scene::TextRow { id: id.into(), slot: Rect::new(0, y, 400, h) };
    let scene = Scene {
        scroll: Some((body, 0)),
        rows: vec![row("cut", 650, 51), row("last line", 90, 560), row("before", 40, 50)],
        ..Scene::default()
    };
    assert_eq!(newest_seen(&scene), Some("last line"));
    let long = Scene { scroll: Some((body, 0)), rows: vec![row("long", 0, 900)], ..Scene::default() };
    assert_eq!(newest_seen(&long), None);
    assert_eq!(held_to(&long), Some(("long".to_owned(), -200)), "it is kept in its place all the same");
    assert_eq!(newest_seen(&Scene::default()), None, "no conversation is shown");
}

#[test]
fn texts_that_come_do_not_move_what_is_read() {
    let zone = Zone::default();
    let mut model = reading();
    model.scroll = 500;
    let scene = picture(&model, SIZE);
    let (body, _) = scene.scroll.unwrap();
    let kept = held_to(&scene).unwrap();
    let stood = slot(&scene, &kept.0).unwrap().bottom();
    for message in unread(160..165) {
        model.learn(NOW, News::Changed(NOW, Change::Message(message)));
    }
    page(&mut model, Place::Newest, texts(105..165));
    let before = Place::Before("n100".into());
    assert_eq!(model.reached(true, false), [Command::Messages { who: "c1".into(), place: before.clone() }]);
    page(&mut model, before, texts(40..100));
    model.scroll = scroll_to(&model, &around(&zone, SIZE), body, &kept).unwrap();
    assert_eq!(slot(&picture(&model, SIZE), &kept.0).unwrap().bottom(), stood);
    assert_eq!(scroll_to(&model, &around(&zone, SIZE), body, &("gone".into(), 0)), None);
}

#[test]
fn a_text_that_is_not_held_is_loaded_and_shown_in_the_middle_for_a_moment_marked() {
    let mut model = reading();
    assert_eq!(model.go_to(NOW, "n150"), [], "it is held");
    let place = Place::Around("n20".into());
    assert_eq!(model.go_to(NOW, "n20"), [Command::Messages { who: "c1".into(), place: place.clone() }]);
    page(&mut model, place, texts(0..50));
    let scene = settled(&mut model);
    let (body, _) = scene.scroll.unwrap();
    let (found, middle) = (slot(&scene, "n20").unwrap(), body.y + body.h / 2);
    assert!(found.y < middle && found.bottom() > middle, "{found:?} {body:?}");
    let marked = |scene: &Scene| {
        let warn = tokens(crate::theme::Theme::Light).warn_soft;
        scene.items.iter().any(|item| matches!(item, Item::Fill(_, colour) if *colour == warn))
    };
    assert!(marked(&scene));
    assert_eq!(model.time_passed(Timestamp(NOW.0 + 3_000)), []);
    assert!(!marked(&picture(&model, SIZE)));
    // A text that is gone says so, and the view stays.
    model.go_to(NOW, "n999");
    let gone = Err(privatus::peers::PeerError::Refused(Refusal::NoSuchMessage));
    let place = Place::Around("n999".into());
    model.learn(NOW, News::Messages { who: "c1".into(), place, result: gone });
    assert!(says(&picture(&model, SIZE), "The message is gone"));
    assert_eq!(model.reading.wanted, None);
}

#[test]
fn the_day_stays_at_the_top_and_another_can_be_chosen() {
    let mut model = reading();
    model.scroll = 400;
    let scene = picture(&model, SIZE);
    let (body, _) = scene.scroll.unwrap();
    let chip = scene.hits.iter().find(|hit| hit.act == Act::Read(ReadAct::AskDate)).unwrap();
    assert_eq!(chip.rect.y, body.y + 8);
    model.act(NOW, Act::Read(ReadAct::AskDate), "x");
    for size in [SIZE, (400, 480)] {
        let scene = picture(&model, size);
        assert!(says(&scene, "Go to a day"));
        let fields: Vec<_> = scene.fields.iter().map(|field| field.field).collect();
        assert_eq!(fields, [Field::Date], "FLTK's others would lie above");
        assert!(!scene.hits.iter().any(|hit| hit.act == Act::Send));
    }
    model.texts.set(Field::Date, "24.6.2025");
    assert_eq!(model.act(NOW, Act::Read(ReadAct::GoToDate), "x"), []);
    assert!(says(&picture(&model, SIZE), "That is not a day"));
    model.texts.set(Field::Date, "2025-06-15");
    let day = Place::At(Timestamp(1_749_945_600_000));
    assert_eq!(
        model.act(NOW, Act::Read(ReadAct::GoToDate), "x"),
        [Command::Messages { who: "c1".into(), place: day.clone() }]
    );
    page(&mut model, day, texts(10..70));
    assert_eq!(model.reading.wanted, Some(Wanted::From("n10".into())));
    model.act(NOW, Act::Read(ReadAct::AskDate), "x");
    let week = Place::At(Timestamp(NOW.0 - 7 * 86_400_000 - 12 * 3_600_000));
    assert_eq!(
        model.act(NOW, Act::Read(ReadAct::GoBack(7)), "x"),
        [Command::Messages { who: "c1".into(), place: week }]
    );
    assert_eq!(model.reading.date, None);
}

#[test]
fn home_goes_to_the_very_first_text() {
    let mut model = reading();
    let place = Place::At(Timestamp(1));
    let asked = model.act(NOW, Act::Read(ReadAct::ToBeginning), "x");
    assert_eq!(asked, [Command::Messages { who: "c1".into(), place: place.clone() }]);
    page(&mut model, place, texts(0..30));
    let scene = settled(&mut model);
    let (body, most) = scene.scroll.unwrap();
    assert_eq!((model.scroll, slot(&scene, "n0").unwrap().y), (most, body.y + 12));
    assert_eq!(model.reached(true, false), [], "nothing is older");
}

#[test]
fn what_one_writes_stands_at_the_end_also_where_that_was_not_held() {
    let mut model = reading();
    model.go_to(NOW, "n20");
    page(&mut model, Place::Around("n20".into()), texts(0..50));
    model.texts.set(Field::Composer, "here");
    let asked = model.act(NOW, Act::Send, "id1");
    assert_eq!(asked[0], Command::Messages { who: "c1".into(), place: Place::Newest });
    assert!(matches!(&asked[1], Command::Send { id, .. } if id == "id1"));
    page(&mut model, Place::Newest, texts(100..160));
    let scene = settled(&mut model);
    assert!(says(&scene, "here") && slot(&scene, "n159").is_some() && slot(&scene, "n49").is_none());
}

fn found(id: &str, who: &str, context: &str, hit: &str) -> Match {
    let at = context.find(hit).unwrap();
    Match {
        id: id.into(),
        contact: who.into(),
        mine: false,
        sent_at: NOW,
        body: context.into(),
        context: context.into(),
        hits: std::iter::once(at..at + hit.len()).collect(),
    }
}

fn look(model: &mut Model, field: Field, text: &str) -> Vec<Command> {
    model.texts.set(field, text);
    model.typed(NOW, field);
    assert_eq!(model.time_passed(Timestamp(NOW.0 + 149)), [], "the keys have not rested");
    model.time_passed(Timestamp(NOW.0 + 150))
}

fn looked(asked: &[Command]) -> Looked {
    match asked {
        [Command::Search { looked, .. }] => looked.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_and_texts_are_found_and_the_text_is_opened_where_it_stands() {
    let mut model = reading();
    let noor = Contact { id: "c2".into(), name: "Noor".into(), last_at: Timestamp(1), ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(noor)));
    let late = looked(&look(&mut model, Field::Search, "no"));
    let asked = look(&mut model, Field::Search, "noo");
    assert!(says(&picture(&model, SIZE), "Looking…"));
    let answer = |id: &str| Ok(("m0".to_owned(), vec![found(id, "c2", "at noon then", "noo")]));
    model.learn(NOW, News::Found { looked: late, result: answer("late") });
    assert!(model.search.found.is_empty(), "nobody asks that any more");
    model.learn(NOW, News::Found { looked: looked(&asked), result: answer("m5") });
    let scene = picture(&model, SIZE);
    for word in ["People", "Messages", "Noor", "at ", "noo", "More"] {
        assert!(scene.words().any(|line| line.contains(word)), "{word}");
    }
    let bold = |item: &Item| matches!(item, Item::Text { style: Style::Label, text, .. } if text == "noo");
    assert!(scene.items.iter().any(bold));
    assert!(
        matches!(&model.act(NOW, Act::Read(ReadAct::SearchMore), "x")[..], [Command::Search { before, .. }] if before == "m0")
    );
    // First the name, then the text.
    assert_eq!(model.step_results(1), []);
    let place = Place::Around("m5".into());
    assert_eq!(model.open_result(NOW), [Command::Messages { who: "c2".into(), place }]);
    assert_eq!(model.open_chat(), Some("c2"));
    assert!(says(&picture(&model, SIZE), "People"), "the results stay");
    model.act(NOW, Act::Read(ReadAct::LeaveSearch), "x");
    assert!(!says(&picture(&model, SIZE), "People"));
    let scene = picture(&model, SIZE);
    assert!(scene.hits.iter().any(|hit| hit.act == Act::Open("c1".into())));
}

#[test]
fn a_search_that_finds_nothing_or_cannot_be_made_says_so() {
    let mut model = reading();
    let asked = look(&mut model, Field::Search, "zzz");
    model.learn(NOW, News::Found { looked: looked(&asked), result: Ok(Default::default()) });
    assert!(says(&picture(&model, SIZE), "Nobody has that name, and no message has"));
    let asked = look(&mut model, Field::Search, "zzzz");
    let damaged = Err(privatus::peers::PeerError::Refused(Refusal::HistoryDamaged));
    model.learn(NOW, News::Found { looked: looked(&asked), result: damaged });
    assert!(says(&picture(&model, SIZE), "History damaged"));
    let mut opening = Model::default();
    opening.learn(NOW, News::Vault { locked: false, state: VaultState::Ok });
    opening.texts.set(Field::Search, "zzz");
    assert!(says(&picture(&opening, SIZE), "Opening your history"));
    model.act(NOW, Act::Lock, "x");
    assert!(!format!("{model:?}").contains("zzz"), "what was looked for is forgotten");
}

#[test]
fn in_a_conversation_one_steps_from_one_match_to_the_next() {
    let mut model = reading();
    model.act(NOW, Act::Read(ReadAct::Find), "x");
    assert_eq!(*model.focus(), Focus::Field(Field::Find));
    let asked = look(&mut model, Field::Find, "text");
    assert!(matches!(&asked[..], [Command::Search { who, .. }] if who == "c1"));
    let matches = ["n150", "n120"].map(|id| found(id, "c1", "a text", "text")).to_vec();
    let looked = looked(&asked);
    let result = Ok(("n60".to_owned(), matches));
    assert_eq!(model.learn(NOW, News::Found { looked: looked.clone(), result }), []);
    assert_eq!(model.reading.wanted, Some(Wanted::Middle("n150".into())));
    for size in [SIZE, (700, 600), (400, 480)] {
        let scene = picture(&model, size);
        assert!(says(&scene, "1 of 2+"), "{size:?}");
        assert!(scene.stops.contains(&Focus::Act(Act::Read(ReadAct::FindStep(true)))));
        assert!(scene.hits.iter().all(|hit| hit.rect.x >= 0 && hit.rect.right() <= size.0));
    }
    assert_eq!(model.act(NOW, Act::Read(ReadAct::FindStep(true)), "x"), []);
    assert_eq!(model.reading.wanted, Some(Wanted::Middle("n120".into())));
    let more = model.act(NOW, Act::Read(ReadAct::FindStep(true)), "x");
    assert!(matches!(&more[..], [Command::Search { before, .. }] if before == "n60"));
    let result = Ok((String::new(), vec![found("n10", "c1", "a text", "text")]));
    let place = Place::Around("n10".into());
    let asked = model.learn(NOW, News::Found { looked, result });
    assert_eq!(asked, [Command::Messages { who: "c1".into(), place }]);
    assert!(says(&picture(&model, SIZE), "3 of 3"));
    model.act(NOW, Act::Read(ReadAct::LeaveFind), "x");
    assert_eq!(*model.focus(), Focus::Field(Field::Composer));
    assert!(!says(&picture(&model, SIZE), "3 of 3"));
}

#[test]
fn all_of_a_conversation_can_be_reached_by_the_bar_beside_it() {
    let mut model = reading();
    let scene = picture(&model, SIZE);
    let thumb = scene.thumb.unwrap();
    assert!(scene.hits.iter().any(|hit| hit.act == Act::Read(ReadAct::Thumb)) && thumb.bar.w == 6);
    assert_eq!(thumb.bar.bottom(), thumb.track.bottom(), "the newest is seen");
    model.hover = Some(Act::Read(ReadAct::Thumb));
    assert_eq!(picture(&model, SIZE).thumb.unwrap().bar.w, 10);
    let held = thumb.bar.h / 2;
    model.scroll = drawn_to(&scene, thumb.track.y, held).unwrap();
    // What nobody had measured was guessed: once it is seen the end is exact.
    let scene = settled(&mut model);
    let (body, most) = scene.scroll.unwrap();
    assert_eq!((model.scroll, slot(&scene, "n100").unwrap().y), (most, body.y + 12));
}

#[test]
fn one_looks_in_all_conversations_or_in_the_open_one() {
    let mut model = reading();
    let noor = Contact { id: "c2".into(), name: "Noor, a text".into(), last_at: Timestamp(1), ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(noor)));
    let who = |asked: &[Command]| match asked {
        [Command::Search { who, .. }] => who.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(who(&look(&mut model, Field::Search, "text")), "");
    let scopes = |model: &Model, size| {
        let scene = picture(model, size);
        let scope = |hit: &&crate::scene::Hit| matches!(hit.act, Act::Read(ReadAct::SearchIn(_)));
        scene.hits.iter().filter(scope).map(|hit| hit.label.clone()).collect::<Vec<_>>()
    };
    assert_eq!(scopes(&model, SIZE), ["All chats", "This chat"]);
    model.set_focus(Focus::Field(Field::Search));
    assert!(says(&picture(&model, SIZE), "Noor, a text") && says(&picture(&model, SIZE), "Enter opens"));
    assert_eq!(model.act(NOW, Act::Read(ReadAct::SearchIn(true)), "x"), []);
    assert_eq!(*model.focus(), Focus::Field(Field::Search));
    let asked = model.time_passed(Timestamp(NOW.0 + 150));
    assert_eq!(who(&asked), "c1");
    assert_eq!(model.found_people().count(), 0, "a name stands in no conversation");
    assert!(!says(&picture(&model, SIZE), "Noor, a text"));
    model.learn(NOW, News::Found { looked: looked(&asked), result: Ok(Default::default()) });
    assert!(says(&picture(&model, SIZE), "Nothing in this chat"));
    // With another conversation it is that one.
    model.act(NOW, Act::Open("c2".into()), "x");
    assert_eq!(model.time_passed(NOW), []);
    assert_eq!(who(&model.time_passed(Timestamp(NOW.0 + 150))), "c2");
    model.act(NOW, Act::Add, "x");
    assert!(model.open_chat().is_none() && scopes(&model, SIZE).is_empty());
    model.time_passed(NOW);
    assert_eq!(who(&model.time_passed(Timestamp(NOW.0 + 150))), "", "none is open, so all are meant");
}

/// What lies under the words of a text that was found.
fn grounds(scene: &Scene) -> Vec<Rect> {
    let soft = tokens(crate::theme::Theme::Light).warn_soft;
    let ground = |item: &Item| match item {
        Item::Round(rect, _, colour) if *colour == soft && rect.h == 18 => Some(*rect),
        _ => None,
    };
    scene.items.iter().filter_map(ground).collect()
}

#[test]
fn what_was_found_is_marked_at_the_word_in_its_bubble() {
    let mut model = chatting();
    let body = "- **no** ent\u{202E}rance, and the entrance";
    let message = Message { body: body.into(), ..text("m", false, Delivery::Delivered) };
    model.learn(NOW, News::Changed(NOW, Change::Message(message)));
    model.act(NOW, Act::Read(ReadAct::Find), "x");
    let asked = look(&mut model, Field::Find, "entrance");
    let mut hit = found("m", "c1", body, "ent\u{202E}rance");
    hit.hits.push(body.len() - 8..body.len());
    assert!(grounds(&picture(&model, SIZE)).is_empty());
    model.learn(NOW, News::Found { looked: looked(&asked), result: Ok((String::new(), vec![hit])) });
    model.time_passed(Timestamp(NOW.0 + 10_000));
    let scene = picture(&model, SIZE);
    let line = scene.lines.iter().find(|line| line.message == "m").unwrap();
    let words: Vec<_> = grounds(&scene).iter().map(|rect| (rect.x + 1 - line.x, rect.w - 2)).collect();
    // "no entrance, and the entrance", seven pixels a letter.
    assert_eq!(words, [(3 * 7, 8 * 7), (21 * 7, 8 * 7)]);
    let warn = tokens(crate::theme::Theme::Light).warn;
    let lines = |scene: &Scene| {
        scene
            .items
            .iter()
            .filter(|item| matches!(item, Item::Fill(rect, colour) if *colour == warn && rect.h == 2))
            .count()
    };
    assert_eq!(lines(&scene), 2, "and it is the one that was gone to");
    // Other words by now.
    let edited = Message { body: "an entrance".into(), ..text("m", false, Delivery::Delivered) };
    model.learn(NOW, News::Changed(NOW, Change::Message(edited)));
    assert!(grounds(&picture(&model, SIZE)).is_empty());
}

#[test]
fn one_steps_through_what_was_found_wherever_the_keyboard_is() {
    let mut model = reading();
    let asked = look(&mut model, Field::Search, "text");
    let matches = ["n150", "n120"].map(|id| found(id, "c1", "a text", "text")).to_vec();
    model.learn(NOW, News::Found { looked: looked(&asked), result: Ok((String::new(), matches)) });
    model.set_focus(Focus::Field(Field::Composer));
    let step = |model: &mut Model, older| {
        model.act(NOW, Act::Read(ReadAct::StepFound(older)), "x");
        match &model.reading.wanted {
            Some(Wanted::Middle(id)) => id.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((step(&mut model, true), step(&mut model, true)), ("n150".into(), "n120".into()));
    assert!(says(&picture(&model, SIZE), "2 of 2"));
    assert_eq!((step(&mut model, true), step(&mut model, false)), ("n120".into(), "n150".into()));
    assert!(says(&picture(&model, SIZE), "1 of 2"));
    model.act(NOW, Act::Read(ReadAct::LeaveSearch), "x");
    assert_eq!(model.act(NOW, Act::Read(ReadAct::StepFound(true)), "x"), []);
}
