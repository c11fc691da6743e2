//! What people do with a message.

use ipc_schema::edge::ui_stored::{Info, Note, Reaction, Reason};
use privatus::peers::PeerError;

use super::*;
use crate::model::menu::MenuOf;
use crate::model::{Composing, MessageCommand, MessageNews, Over, OverAct, Stroke, TextAct, Unit, Wanted};

const SMALL: (i32, i32) = (360, 480);
const WIDE: (i32, i32) = (1200, 800);

fn stroke(model: &mut Model, stroke: Stroke) -> Option<Vec<Command>> {
    model.stroke(NOW, stroke, "fresh")
}

fn act(model: &mut Model, act: MessageAct) -> Vec<Command> {
    model.act(NOW, Act::Message(act), "fresh")
}

fn comes(model: &mut Model, message: Message) {
    model.learn(NOW, News::Changed(NOW, Change::Message(message)));
}

fn on(model: &mut Model, id: &str) {
    act(model, MessageAct::Focus(id.into()));
    assert_eq!(*model.focus(), Focus::Message(id.into()));
}

fn labels(model: &Model, id: &str) -> Vec<&'static str> {
    let items = model.menu_items(&MenuOf::Message(id.into()));
    items.into_iter().map(|item| item.label).collect()
}

fn chosen(model: &Model) -> usize {
    match model.over() {
        Some(Over::Menu(menu)) => menu.chosen,
        Some(Over::Picker(picker)) => picker.chosen,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_menu_offers_what_can_be_done_and_nothing_else() {
    let mut model = chatting();
    assert_eq!(
        labels(&model, "a"),
        ["Reply", "Copy text", "Forward", "Delivery details", "Delete"],
        "theirs cannot be changed"
    );
    assert_eq!(labels(&model, "b"), ["Reply", "Edit", "Copy text", "Forward", "Delivery details", "Delete"]);
    comes(&mut model, text("q", true, Delivery::Queued));
    assert!(labels(&model, "q").contains(&"Take back"));
    comes(&mut model, text("x", true, Delivery::Expired));
    assert_eq!(labels(&model, "x")[0], "Try again");
    comes(&mut model, Message { deleted: true, body: String::new(), ..text("x", true, Delivery::Read) });
    assert_eq!(labels(&model, "x"), ["Delivery details", "Delete"]);
    let blocked = Contact { state: ContactState::Blocked, ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(blocked)));
    assert_eq!(labels(&model, "b"), ["Copy text", "Forward", "Delivery details", "Delete"]);
    assert!(labels(&model, "nobody").is_empty());
}

#[test]
fn a_menu_lies_inside_the_window_and_nothing_below_it_can_be_pressed() {
    for size in [SMALL, (700, 900), WIDE] {
        for at in [None, Some((0, 0)), Some((size.0 - 1, size.1 - 1)), Some((size.0 / 2, size.1 / 2))] {
            let mut model = chatting();
            model.open_menu(MenuOf::Message("b".into()), at);
            let scene = picture(&model, size);
            assert!(says(&scene, "Reply") && says(&scene, "Del"), "{size:?}");
            assert!(scene.stops.is_empty() && scene.fields.is_empty(), "FLTK's fields would lie above it");
            for hit in &scene.hits {
                assert!(matches!(hit.act, Act::Over(_)), "{:?}", hit.act);
                assert!(hit.rect.x >= 0 && hit.rect.right() <= size.0 && !hit.label.is_empty());
                assert!(
                    hit.rect.y >= 0 && hit.rect.bottom() <= size.1,
                    "{:?} at {at:?} in {size:?}",
                    hit.act
                );
            }
            assert_eq!(scene.hit(1, size.1 - 2).map(|hit| &hit.act), Some(&Act::Over(OverAct::Close)));
        }
    }
}

#[test]
fn what_stands_in_a_field_is_seen_on_while_a_menu_lies_over_it() {
    let mut model = chatting();
    model.set_composer_text("half a thought");
    model.texts.set(Field::Search, "rob");
    model.open_menu(MenuOf::Message("b".into()), None);
    let scene = picture(&model, WIDE);
    assert!(scene.fields.is_empty() && scene.written.is_none());
    assert!(says(&scene, "half a thought") && says(&scene, "rob"));
    model.act(NOW, Act::Over(OverAct::Close), "x");
    let scene = picture(&model, WIDE);
    assert!(!scene.fields.is_empty() && scene.written.is_some());
}

#[test]
fn arrows_letters_and_enter_choose_in_a_menu_and_esc_leaves_it() {
    let mut model = chatting();
    on(&mut model, "b");
    assert_eq!(stroke(&mut model, Stroke::Menu), Some(Vec::new()));
    let first = chosen(&model);
    let rows = labels(&model, "b").len();
    stroke(&mut model, Stroke::Up);
    assert_eq!(chosen(&model), 0, "the signs stand above the rows");
    stroke(&mut model, Stroke::Right);
    assert_eq!(chosen(&model), 1);
    stroke(&mut model, Stroke::Down);
    stroke(&mut model, Stroke::Down);
    assert_eq!(chosen(&model), first + 1);
    stroke(&mut model, Stroke::End);
    assert_eq!(chosen(&model), first + rows - 1);
    stroke(&mut model, Stroke::Home);
    assert_eq!(chosen(&model), first);
    stroke(&mut model, Stroke::Letter('D'));
    let details = chosen(&model);
    stroke(&mut model, Stroke::Letter('d'));
    assert_eq!((details, chosen(&model)), (first + 4, first + 5), "round the two that begin with it");
    stroke(&mut model, Stroke::Escape);
    assert!(model.over().is_none());
    assert_eq!(*model.focus(), Focus::Message("b".into()), "back to where one was");
    stroke(&mut model, Stroke::Menu);
    stroke(&mut model, Stroke::Enter);
    assert_eq!(*model.composing(), Composing::Reply("b".into()), "the first row");
    assert_eq!(*model.focus(), Focus::Field(Field::Composer));
}

#[test]
fn a_row_of_the_list_and_the_header_have_a_menu_too() {
    let mut model = chatting();
    model.set_focus(Focus::Act(Act::Open("c1".into())));
    stroke(&mut model, Stroke::Menu);
    let scene = picture(&model, WIDE);
    assert!(says(&scene, "Mark unread") && says(&scene, "Compare the safety number"));
    model.act(NOW, Act::Over(OverAct::Close), "x");
    let more = Act::Over(OverAct::Menu(MenuOf::Chat("c1".into())));
    for size in [SMALL, WIDE] {
        assert!(picture(&model, size).stops.contains(&Focus::Act(more.clone())), "{size:?}");
    }
    model.act(NOW, more, "x");
    let rows = model.menu_items(&MenuOf::Chat("c1".into()));
    let compare = rows.iter().position(|row| row.act == Act::Compare("c1".into())).unwrap();
    let asked = model.act(NOW, Act::Over(OverAct::Choose(compare)), "x");
    assert_eq!(asked, what_is_compared());
}

#[test]
fn the_longest_menu_lies_within_the_smallest_window() {
    let mut model = inside();
    model.learn(NOW, News::People(vec![Contact { held: true, ..robin() }]));
    model.act(NOW, Act::Over(OverAct::Menu(MenuOf::Chat("c1".into()))), "x");
    assert!(model.menu_items(&MenuOf::Chat("c1".into())).len() > 11);
    let scene = picture(&model, SMALL);
    let inside = |rect: Rect| rect.y >= 0 && rect.bottom() <= SMALL.1 && rect.h >= 28;
    assert!(scene.hits.iter().all(|hit| inside(hit.rect)), "{:?}", scene.hits);
}

#[test]
fn the_messages_are_one_stop_behind_the_header_and_arrows_go_by_message() {
    let mut model = chatting();
    let many = (0..40).map(|n| text(&format!("m{n}"), n % 2 == 0, Delivery::Failed)).collect();
    model.learn(NOW, News::Messages { who: "c1".into(), place: Place::Newest, result: Ok(many) });
    let stops = picture(&model, WIDE).stops;
    let messages: Vec<_> = stops.iter().filter(|stop| matches!(stop, Focus::Message(_))).collect();
    assert_eq!(messages, [&Focus::Message("m39".into())], "the newest");
    let place = |wanted: &Focus| stops.iter().position(|stop| stop == wanted).unwrap();
    assert!(place(&Focus::Act(Act::Compare("c1".into()))) < place(messages[0]));
    assert!(place(messages[0]) < place(&Focus::Field(Field::Composer)));
    model.focus_on(Focus::Message("m39".into()));
    let to = |model: &mut Model, key, id: &str| {
        stroke(model, key);
        assert_eq!(*model.focus(), Focus::Message(id.into()));
    };
    to(&mut model, Stroke::Down, "m39");
    to(&mut model, Stroke::Up, "m38");
    to(&mut model, Stroke::PageUp, "m30");
    to(&mut model, Stroke::Home, "a");
    to(&mut model, Stroke::PageDown, "m6");
    to(&mut model, Stroke::End, "m39");
    to(&mut model, Stroke::Up, "m38");
    stroke(&mut model, Stroke::Escape);
    assert_eq!(*model.focus(), Focus::Field(Field::Composer));
    assert!(picture(&model, WIDE).stops.contains(&Focus::Message("m38".into())), "where one was last");
}

#[test]
fn what_the_keyboard_comes_to_is_brought_into_view() {
    let mut model = chatting();
    let many = (0..200).map(|n| text(&format!("m{n}"), false, Delivery::Delivered)).collect();
    model.learn(NOW, News::Messages { who: "c1".into(), place: Place::Newest, result: Ok(many) });
    let seen = |model: &mut Model, id: &str| {
        let scene = super::reading::settled(model);
        let (body, _) = scene.scroll.unwrap();
        let act = Act::Message(MessageAct::Focus(id.into()));
        let hit = scene.hits.iter().find(|hit| hit.act == act).unwrap();
        assert!(
            hit.rect.y > body.y && hit.rect.bottom() < body.bottom() && hit.rect.h == 36,
            "{:?}",
            hit.rect
        );
    };
    model.focus_on(Focus::Message("m199".into()));
    seen(&mut model, "m199");
    assert_eq!(model.scroll, 0, "it was in view");
    stroke(&mut model, Stroke::Home);
    seen(&mut model, "a");
    model.act(NOW, Act::JumpTo("m100".into()), "x");
    seen(&mut model, "m100");
    stroke(&mut model, Stroke::End);
    seen(&mut model, "m199");
}

#[test]
fn letters_act_only_while_a_message_has_the_keyboard() {
    let mut model = chatting();
    for key in ['r', 'e', '+', 'i', 'f'] {
        assert_eq!(stroke(&mut model, Stroke::Letter(key)), None, "they are typed");
    }
    on(&mut model, "b");
    assert_eq!(stroke(&mut model, Stroke::Letter('p')), None);
    let asked = stroke(&mut model, Stroke::Letter('I'));
    assert_eq!(asked, Some(vec![Command::Message(MessageCommand::Info { id: "b".into() })]));
    let asked = stroke(&mut model, Stroke::Copy);
    assert_eq!(asked, Some(vec![Command::Copy("text b".into())]));
    assert!(says(&picture(&model, WIDE), "Copied"));
    stroke(&mut model, Stroke::Letter('+'));
    assert!(matches!(model.over(), Some(Over::Picker(_))));
    stroke(&mut model, Stroke::Escape);
    stroke(&mut model, Stroke::Letter('f'));
    assert!(matches!(model.over(), Some(Over::Whom(_))));
    stroke(&mut model, Stroke::Escape);
    stroke(&mut model, Stroke::Delete);
    assert!(model.question().is_some());
    assert_eq!(stroke(&mut model, Stroke::Letter('r')), None, "not through a question");
}

#[test]
fn a_reply_shows_what_it_answers_goes_with_it_and_esc_only_ends_the_answering() {
    let mut model = chatting();
    model.set_composer_text("half a thought");
    act(&mut model, MessageAct::Reply("a".into()));
    for size in [SMALL, WIDE] {
        let scene = picture(&model, size);
        assert!(says(&scene, "Reply to Robin"), "{size:?}");
        assert_eq!(scene.words().filter(|line| *line == "text a").count(), 2, "bubble and bar");
        assert!(scene.stops.contains(&Focus::Act(Act::Over(OverAct::EndComposing))));
    }
    stroke(&mut model, Stroke::Escape);
    assert_eq!(*model.composing(), Composing::New);
    assert_eq!(model.composer_text(), "half a thought");
    act(&mut model, MessageAct::Reply("a".into()));
    let asked = model.act(NOW, Act::Send, "id1");
    let Command::Send { reply_to, .. } = &asked[0] else { panic!("{asked:?}") };
    assert_eq!(reply_to, "a");
    assert_eq!(*model.composing(), Composing::New, "the next one answers nothing");
    assert!(picture(&model, WIDE).hits.iter().any(|hit| hit.act == Act::JumpTo("a".into())));
}

#[test]
fn a_quote_says_whose_it_is_what_was_deleted_and_what_is_not_here() {
    let mut model = chatting();
    let answer = |id: &str, to: &str| Message { reply_to: to.into(), ..text(id, false, Delivery::Delivered) };
    comes(&mut model, answer("d", "b"));
    let words: Vec<_> = picture(&model, WIDE).words().map(str::to_owned).collect();
    let at = words.iter().position(|line| line == "You").expect("an own text is quoted");
    assert_eq!(words[at + 1], "text b");
    comes(&mut model, Message { deleted: true, body: String::new(), ..text("b", true, Delivery::Read) });
    let scene = picture(&model, WIDE);
    assert!(says(&scene, "You deleted this") && scene.words().any(|line| line == "Deleted"));
    comes(&mut model, answer("e", "elsewhere"));
    assert!(says(&picture(&model, WIDE), "A text that is not here"));
    model.act(NOW, Act::JumpTo("a".into()), "x");
    assert_eq!(
        (model.focus(), &model.reading.wanted),
        (&Focus::Message("a".into()), &Some(Wanted::Middle("a".into())))
    );
    let place = Place::Around("elsewhere".into());
    let asked = model.act(NOW, Act::JumpTo("elsewhere".into()), "x");
    assert_eq!(asked, [Command::Messages { who: "c1".into(), place: place.clone() }]);
    assert_eq!(*model.focus(), Focus::Message("a".into()));
    let gone = Err(PeerError::Refused(Refusal::NoSuchMessage));
    model.learn(NOW, News::Messages { who: "c1".into(), place, result: gone });
    assert!(model.notice.is_some() && model.reading.wanted.is_none());
}

#[test]
fn the_arrow_up_in_an_empty_composer_changes_the_last_own_text() {
    let mut model = chatting();
    comes(&mut model, text("z", false, Delivery::Delivered));
    model.set_composer_text("half");
    assert_eq!(stroke(&mut model, Stroke::Up), None, "something stands there");
    model.set_composer_text("");
    assert_eq!(stroke(&mut model, Stroke::Up), Some(Vec::new()));
    assert_eq!((model.composing(), model.composer_text()), (&Composing::Edit("b".into()), "text b"));
    assert!(says(&picture(&model, SMALL), "Edit your text"));
    model.set_composer_text(" text bee ");
    let asked = model.act(NOW, Act::Send, "x");
    let edit = MessageCommand::Edit { who: "c1".into(), id: "b".into(), text: "text bee".into() };
    assert_eq!(asked, [Command::Message(edit)]);
    assert_eq!((model.composing(), model.composer_text()), (&Composing::New, ""));
    let result = Ok(Message { edited: true, body: "text bee".into(), ..text("b", true, Delivery::Relayed) });
    let news = MessageNews::Edited { who: "c1".into(), id: "b".into(), text: "text bee".into(), result };
    model.learn(NOW, News::Message(news));
    let scene = picture(&model, WIDE);
    assert!(says(&scene, "text bee") && says(&scene, "Edited · "));
}

#[test]
fn esc_brings_back_what_was_written_before_an_edit_and_what_it_answered() {
    let mut model = chatting();
    act(&mut model, MessageAct::Reply("a".into()));
    model.set_composer_text("half an answer");
    act(&mut model, MessageAct::Edit("b".into()));
    model.set_composer_text("text c");
    stroke(&mut model, Stroke::Escape);
    assert_eq!((model.composing(), model.composer_text()), (&Composing::Reply("a".into()), "half an answer"));
    act(&mut model, MessageAct::Edit("b".into()));
    assert_eq!(model.act(NOW, Act::Send, "x"), [], "the same words");
    act(&mut model, MessageAct::Edit("b".into()));
    model.set_composer_text(" ");
    assert_eq!(model.act(NOW, Act::Send, "x"), []);
    assert_eq!(*model.composing(), Composing::Edit("b".into()), "an empty one is no edit");
}

#[test]
fn a_refused_edit_and_one_whose_text_goes_lose_no_words() {
    let mut model = chatting();
    act(&mut model, MessageAct::Edit("b".into()));
    model.set_composer_text("other words");
    model.act(NOW, Act::Send, "x");
    let refused = |text: &str| {
        let result = Err(PeerError::Refused(Refusal::Storage));
        News::Message(MessageNews::Edited { who: "c1".into(), id: "b".into(), text: text.into(), result })
    };
    model.learn(NOW, refused("other words"));
    assert_eq!((model.composing(), model.composer_text()), (&Composing::Edit("b".into()), "other words"));
    assert!(says(&picture(&model, WIDE), "The disk is full"));
    model.learn(NOW, News::Changed(NOW, Change::Gone { id: "b".into(), contact: "c1".into() }));
    assert_eq!((model.composing(), model.composer_text()), (&Composing::New, "other words"));
    model.set_composer_text("typed on");
    model.learn(NOW, refused("late words"));
    assert_eq!(model.composer_text(), "late words\ntyped on");
}

#[test]
fn an_edit_waits_in_its_chat_with_what_was_written_before() {
    let mut model = chatting();
    let noor = Contact { id: "c2".into(), name: "Noor".into(), ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(noor)));
    model.set_composer_text("half");
    act(&mut model, MessageAct::Edit("b".into()));
    model.act(NOW, Act::Open("c2".into()), "x");
    assert_eq!((model.composing(), model.composer_text()), (&Composing::New, ""));
    model.act(NOW, Act::Open("c1".into()), "x");
    assert_eq!((model.composing(), model.composer_text()), (&Composing::Edit("b".into()), "text b"));
    stroke(&mut model, Stroke::Escape);
    assert_eq!(model.composer_text(), "half");
}

#[test]
fn deleting_asks_first_and_only_an_own_text_can_be_asked_back_from_their_device() {
    const ASK: &str = "Also ask Robin’s device to remove it";
    let mut model = chatting();
    act(&mut model, MessageAct::Delete("a".into()));
    assert_eq!(*model.focus(), Focus::Act(Act::Keep), "the safe answer has the keyboard");
    let scene = picture(&model, WIDE);
    assert!(says(&scene, "Delete this message?") && !says(&scene, ASK));
    model.act(NOW, Act::Keep, "x");
    assert_eq!(*model.focus(), Focus::Message("a".into()));
    act(&mut model, MessageAct::Delete("b".into()));
    for size in [SMALL, WIDE] {
        let scene = picture(&model, size);
        assert!(says(&scene, ASK), "{size:?}");
        assert!(scene.hits.iter().all(|hit| hit.rect.x >= 0 && hit.rect.right() <= size.0));
    }
    let asked = model.act(NOW, Act::GoOnForBoth, "x");
    assert_eq!(asked, [Command::Message(MessageCommand::Delete { id: "b".into(), both: true })]);
    act(&mut model, MessageAct::Delete("a".into()));
    let asked = model.act(NOW, Act::GoOn, "x");
    assert_eq!(asked, [Command::Message(MessageCommand::Delete { id: "a".into(), both: false })]);
    assert!(model.chats["c1"].message("a").is_some(), "until stored says so");
    model.learn(NOW, News::Changed(NOW, Change::Gone { id: "a".into(), contact: "c1".into() }));
    assert!(!says(&picture(&model, WIDE), "text a"));
    assert_eq!(*model.focus(), Focus::Message("b".into()), "the next one");
    comes(&mut model, Message { deleted: true, body: String::new(), ..text("d", false, Delivery::Read) });
    assert!(says(&picture(&model, WIDE), "Deleted by Robin"));
}

#[test]
fn what_stored_never_took_is_deleted_without_asking_it() {
    let mut model = chatting();
    model.set_composer_text("hm");
    model.act(NOW, Act::Send, "id1");
    assert!(!model.can(&MessageAct::Delete("id1".into())), "it is on its way");
    let result = Err(PeerError::Refused(Refusal::Storage));
    model.learn(NOW, News::Sent { who: "c1".into(), id: "id1".into(), result });
    assert!(!model.can(&MessageAct::Reply("id1".into())) && !model.can(&MessageAct::Forward("id1".into())));
    act(&mut model, MessageAct::Delete("id1".into()));
    assert_eq!(model.act(NOW, Act::GoOn, "x"), []);
    assert!(model.chats["c1"].message("id1").is_none());
}

#[test]
fn reactions_of_both_are_seen_and_pressing_the_own_one_takes_it_back() {
    let mut model = chatting();
    let react = |emoji: &str| Act::Message(MessageAct::React("a".into(), emoji.into()));
    let asks =
        |emoji: &str| [Command::Message(MessageCommand::React { id: "a".into(), emoji: emoji.into() })];
    assert_eq!(model.act(NOW, react("👍"), "x"), asks("👍"));
    let reactions = [(true, "👍"), (false, "🌿")].map(|(mine, emoji)| Reaction { mine, emoji: emoji.into() });
    let message = Message { reactions: reactions.to_vec(), ..text("a", false, Delivery::Delivered) };
    model.learn(NOW, News::Message(MessageNews::Changed(Ok(message))));
    for size in [SMALL, WIDE] {
        let scene = picture(&model, size);
        assert!(says(&scene, "👍") && says(&scene, "🌿") && says(&scene, "You"));
        let hits: Vec<_> =
            scene.hits.iter().filter(|hit| matches!(hit.act, Act::Message(MessageAct::React(..)))).collect();
        assert_eq!(hits.len(), 1, "theirs is not ours to take back");
        assert_eq!(hits[0].act, react("👍"));
    }
    assert_eq!(model.act(NOW, react("👍"), "x"), asks(""));
    assert_eq!(model.act(NOW, react("😮"), "x"), asks("😮"), "another in its place");
}

#[test]
fn a_sign_is_chosen_for_a_message_or_into_what_is_being_written() {
    let mut model = chatting();
    on(&mut model, "a");
    stroke(&mut model, Stroke::Letter('+'));
    for size in [SMALL, WIDE] {
        let scene = picture(&model, size);
        assert!(scene.hits.len() > 60);
        for hit in &scene.hits {
            assert!(hit.rect.x >= 0 && hit.rect.right() <= size.0, "{:?}", hit.act);
            assert!(hit.rect.y >= 0 && hit.rect.bottom() <= size.1, "{:?} in {size:?}", hit.act);
        }
    }
    stroke(&mut model, Stroke::Right);
    let asked = stroke(&mut model, Stroke::Enter);
    let react = MessageCommand::React { id: "a".into(), emoji: "❤️".into() };
    assert_eq!(asked, Some(vec![Command::Message(react)]));
    assert_eq!((model.over().is_none(), model.focus()), (true, &Focus::Message("a".into())));
    model.set_composer_text("well ");
    model.act(NOW, Act::Over(OverAct::Emoji), "x");
    model.hover = Some(Act::Over(OverAct::Pick("🙂")));
    model.pointed();
    assert_eq!(chosen(&model), 6, "the pointer chooses as the arrows do");
    stroke(&mut model, Stroke::Enter);
    assert_eq!((model.composer_text(), model.focus()), ("well 🙂", &Focus::Field(Field::Composer)));
}

#[test]
fn a_text_is_handed_on_to_somebody_who_was_looked_for_and_confirmed() {
    let mut model = chatting();
    for (id, name, state) in [
        ("c2", "Noor", ContactState::Connected),
        ("c3", "Mika", ContactState::Pending),
        ("c4", "Mikado", ContactState::Blocked),
        ("c5", "Mikael", ContactState::Invited),
    ] {
        let contact = Contact { id: id.into(), name: name.into(), state, ..robin() };
        model.learn(NOW, News::Changed(NOW, Change::Contact(contact)));
    }
    act(&mut model, MessageAct::Forward("a".into()));
    assert_eq!(*model.focus(), Focus::Field(Field::Whom));
    for size in [SMALL, WIDE] {
        let scene = picture(&model, size);
        assert_eq!(scene.fields.iter().map(|field| field.field).collect::<Vec<_>>(), [Field::Whom]);
        assert!(scene.hits.iter().all(|hit| hit.rect.bottom() <= size.1 && hit.rect.right() <= size.0));
        assert!(scene.stops.contains(&Focus::Act(Act::Over(OverAct::Confirm))));
    }
    model.texts.set(Field::Whom, "mik");
    let names: Vec<_> = model.recipients().map(|contact| contact.name.as_str()).collect();
    assert_eq!(names, ["Mika"], "who is blocked or was only invited gets nothing");
    assert!(says(&picture(&model, WIDE), "Forward to Mika"));
    let asked = model.act(NOW, Act::Over(OverAct::Confirm), "fresh");
    let forward = MessageCommand::Forward {
        id: "a".into(),
        who: "c3".into(),
        name: "Mika".into(),
        new_id: "fresh".into(),
    };
    assert_eq!(asked, [Command::Message(forward)]);
    assert!(model.over().is_none());
    assert!(!says(&picture(&model, WIDE), "Forwarded to"), "not before stored took it");
    let result = Ok(text("fresh", true, Delivery::Queued));
    model.learn(NOW, News::Message(MessageNews::Forwarded { name: "Mika".into(), result }));
    assert!(says(&picture(&model, WIDE), "Forwarded to Mika"));
    act(&mut model, MessageAct::Forward("a".into()));
    model.texts.set(Field::Whom, "zz");
    assert!(says(&picture(&model, WIDE), "Nobody has that name"));
    assert_eq!(model.act(NOW, Act::Over(OverAct::Confirm), "fresh"), []);
}

#[test]
fn what_ended_is_tried_again_under_its_own_id_and_what_waits_can_be_taken_back() {
    let mut model = chatting();
    comes(&mut model, text("x", true, Delivery::Expired));
    comes(&mut model, text("q", true, Delivery::Queued));
    assert!(says(&picture(&model, WIDE), "Try again"));
    let asked = act(&mut model, MessageAct::Retry("x".into()));
    assert_eq!(asked, [Command::Message(MessageCommand::Retry { id: "x".into() })]);
    let failed = Message { reason: Reason::InviteAgain, ..text("x", true, Delivery::Failed) };
    model.learn(NOW, News::Message(MessageNews::Retried(Ok(failed))));
    let told = model.notice.as_ref().map(|(line, _)| line.as_str()).unwrap_or_default();
    assert!(told.contains("invite each other again"), "what still keeps it back is told: {told}");
    assert_eq!(act(&mut model, MessageAct::Retry("q".into())), [], "it goes by itself");
    assert_eq!(act(&mut model, MessageAct::TakeBack("x".into())), []);
    model.set_composer_text("more");
    let asked = act(&mut model, MessageAct::TakeBack("q".into()));
    assert_eq!(asked, [Command::Message(MessageCommand::Cancel { who: "c1".into(), id: "q".into() })]);
    let taken = |result| News::Message(MessageNews::TakenBack { who: "c1".into(), id: "q".into(), result });
    model.learn(NOW, taken(Err(PeerError::Refused(Refusal::UnderWay))));
    assert!(says(&picture(&model, WIDE), "Under way already") && says(&picture(&model, WIDE), "text q"));
    act(&mut model, MessageAct::TakeBack("q".into()));
    // The event and the answer come in any order.
    model.learn(NOW, News::Changed(NOW, Change::Gone { id: "q".into(), contact: "c1".into() }));
    model.learn(NOW, taken(Ok(())));
    assert_eq!(model.composer_text(), "text q\nmore", "its words are not lost");
    assert!(model.chats["c1"].message("q").is_none());
}

fn info(state: Delivery) -> Info {
    Info {
        id: "b".into(),
        contact: "c1".into(),
        mine: true,
        state,
        reason: Reason::None,
        queued_at: Some(NOW),
        relayed_at: Some(Timestamp(NOW.0 + 200)),
        expires_at: Some(Timestamp(NOW.0 + 21 * 86_400_000)),
        delivered_at: None,
        read_at: None,
        failed_at: None,
        received_at: None,
        sent_at: NOW,
        route: Vec::new(),
        parts: 1,
        parts_relayed: 1,
    }
}

#[test]
fn the_card_stays_when_it_was_asked_for_and_goes_with_the_pointer_else() {
    let mut model = chatting();
    let asks = [Command::Message(MessageCommand::Info { id: "b".into() })];
    assert_eq!(act(&mut model, MessageAct::Glance("b".into())), asks);
    let result = Ok(info(Delivery::Relayed));
    model.learn(NOW, News::Message(MessageNews::Info { id: "b".into(), result }));
    for size in [SMALL, WIDE] {
        let scene = picture(&model, size);
        assert!(says(&scene, "At a relay since 12:00"), "{size:?}");
        assert!(scene.written.is_some(), "one types on");
    }
    assert!(says(&picture(&model, WIDE), "Kept until 15 July."), "the sentence learns it too");
    assert_eq!(*model.focus(), Focus::Field(Field::Composer));
    model.end_glance();
    assert!(model.over().is_none());
    act(&mut model, MessageAct::Glance("b".into()));
    assert_eq!(stroke(&mut model, Stroke::Escape), None, "the key is for what has the keyboard");
    assert!(model.over().is_none());
    act(&mut model, MessageAct::Details("b".into()));
    model.end_glance();
    assert!(model.over().is_some(), "it was asked for");
    assert_eq!(act(&mut model, MessageAct::Glance("a".into())), [], "and gives its place to no other");
    stroke(&mut model, Stroke::Escape);
    assert!(model.over().is_none());
}

#[test]
fn a_text_that_reaches_a_relay_is_asked_until_when_it_is_kept() {
    let mut model = chatting();
    let change = |state| Change::Delivery { id: "b".into(), contact: "c1".into(), state };
    let asked = model.learn(NOW, News::Changed(NOW, change(Delivery::Relayed)));
    assert_eq!(asked, [Command::Message(MessageCommand::Info { id: "b".into() })]);
    assert_eq!(model.learn(NOW, News::Changed(NOW, change(Delivery::Delivered))), []);
    let gone = Change::Delivery { id: "nobody".into(), contact: "c1".into(), state: Delivery::Relayed };
    assert_eq!(model.learn(NOW, News::Changed(NOW, gone)), []);
}

#[test]
fn what_is_done_to_an_old_text_is_no_new_one() {
    let mut model = chatting();
    let noor = Contact { id: "c2".into(), name: "Noor".into(), last_text: "newest".into(), ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(noor)));
    let reactions = vec![Reaction { mine: false, emoji: "👍".into() }];
    let contact = "c2".to_owned();
    comes(&mut model, Message { reactions, contact, ..text("old", false, Delivery::Delivered) });
    let noor = model.person("c2").unwrap();
    assert_eq!((noor.unread, noor.last_text.as_str()), (0, "newest"));
}

#[test]
fn nothing_that_lies_over_the_window_outlives_a_lock_or_is_told_after_it() {
    let mut model = chatting();
    act(&mut model, MessageAct::Edit("b".into()));
    act(&mut model, MessageAct::Forward("a".into()));
    model.act(NOW, Act::Lock, "x");
    let result = Ok(text("fresh", true, Delivery::Queued));
    model.learn(NOW, News::Message(MessageNews::Forwarded { name: "Robin".into(), result }));
    assert!(model.over().is_none() && !says(&picture(&model, WIDE), "Robin"));
    let all = format!("{model:?}");
    assert!(!all.contains("Robin") && !all.contains("text b"));
    let note = Message { note: Note::Reopened, ..text("n", false, Delivery::Delivered) };
    let mut model = chatting();
    comes(&mut model, note);
    assert_eq!(labels(&model, "n"), ["Copy text", "Delete"], "nobody wrote it");
}

#[test]
fn what_is_selected_is_copied_before_the_text_that_has_the_keyboard_and_all_of_it_can_be_selected() {
    let mut model = chatting();
    on(&mut model, "b");
    let copied = |words: &str| Some(vec![Command::Copy(words.into())]);
    assert_eq!(stroke(&mut model, Stroke::Copy), copied("text b"));
    model.select(crate::model::Place { message: "a".into(), at: 0 }, Unit::Word);
    assert_eq!(stroke(&mut model, Stroke::Copy), copied("text"));
    assert_eq!(stroke(&mut model, Stroke::Escape), Some(Vec::new()));
    assert_eq!((model.chosen(), model.focus()), (None, &Focus::Message("b".into())), "that goes first");
    model.act(NOW, Act::Text(TextAct::SelectAll), "x");
    assert_eq!(model.selected_text().as_deref(), Some("text b"));
    assert_eq!(act(&mut model, MessageAct::Glance("a".into())), [], "nothing lies over what is selected");
}

#[test]
fn keys_are_not_for_a_message_while_the_card_of_a_link_lies_over_it() {
    let mut model = chatting();
    on(&mut model, "b");
    model.act(NOW, Act::Text(TextAct::Link("https://example.org".into())), "x");
    assert_eq!(stroke(&mut model, Stroke::Delete), None);
    assert_eq!(stroke(&mut model, Stroke::Menu), None);
    model.open_menu(MenuOf::Message("b".into()), None);
    assert!(model.over().is_none() && model.question().is_none());
}

#[test]
fn a_menu_goes_with_the_contact_that_it_is_about() {
    let mut model = chatting();
    model.open_menu(MenuOf::Chat("c1".into()), None);
    assert!(model.over().is_some());
    let gone = Contact { name: String::new(), ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(gone)));
    assert!(model.over().is_none() && model.people.is_empty());
}

#[test]
fn to_whom_is_blocked_nothing_is_answered_and_the_bar_of_an_answer_goes() {
    let mut model = chatting();
    act(&mut model, MessageAct::Reply("a".into()));
    assert!(says(&picture(&model, WIDE), "Reply to Robin"));
    let blocked = Contact { state: ContactState::Blocked, ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(blocked)));
    let scene = picture(&model, WIDE);
    assert!(!says(&scene, "Reply to Robin") && scene.written.is_none());
    model.set_composer_text("hm");
    assert_eq!(model.act(NOW, Act::Send, "id"), []);
    assert!(model.notice.is_some());
}

#[test]
fn what_is_done_to_a_text_from_before_what_is_held_leaves_no_hole() {
    let mut model = chatting();
    let place = |n: i64| Message { position: 100 + n, ..text(&format!("m{n}"), false, Delivery::Read) };
    let page = (0..60).map(place).collect();
    let newest = Place::Newest;
    model.chats.get_mut("c1").unwrap().messages.clear();
    model.act(NOW, Act::Open("c1".into()), "x");
    model.chats.get_mut("c1").unwrap().complete = false;
    model.learn(NOW, News::Messages { who: "c1".into(), place: newest, result: Ok(page) });
    let held = |model: &Model| model.chats["c1"].messages.len();
    assert_eq!((held(&model), model.chats["c1"].complete), (60, false));
    let reactions = vec![Reaction { mine: false, emoji: "👍".into() }];
    comes(
        &mut model,
        Message { reactions: reactions.clone(), position: 3, ..text("old", true, Delivery::Read) },
    );
    assert_eq!(held(&model), 60, "what lies between is not held");
    comes(&mut model, Message { reactions, ..place(7) });
    assert_eq!((held(&model), model.message("m7").unwrap().reactions.len()), (60, 1));
}
