//! What two people do to texts after they were sent, over relays that lose things and with stores that are killed.

use ipc_schema::edge::ui_stored::{
    AcceptInvite, ContactAction, DeleteError, DeleteText, EditError, EditText, React, ReactError, SendError,
    SendText,
};
use ipc_schema::limits::EDIT_MAX_BYTES;
use rand_core::Rng;

use super::older_copies_tests::{WHOM, all_delivered, introduced};
use super::world::World;
use super::{EventsAfter, NewestEvent};
use crate::store::{Delivery, EventKind, Message, Note};

pub(super) fn edit(world: &mut World, who: usize, id: &str, text: &str) -> Result<Message, EditError> {
    world.request(who, EditText { id: id.into(), text: text.into() })
}

pub(super) fn delete(world: &mut World, who: usize, id: &str, both: bool) -> Result<(), DeleteError> {
    world.request(who, DeleteText { id: id.into(), both })
}

pub(super) fn react(world: &mut World, who: usize, id: &str, emoji: &str) -> Result<Message, ReactError> {
    world.request(who, React { id: id.into(), emoji: emoji.into() })
}

pub(super) fn texts(world: &mut World, who: usize) -> Vec<Message> {
    world.messages(who, WHOM[who]).into_iter().filter(|message| message.note == Note::None).collect()
}

/// The other's text with these words, as `who` calls it.
fn theirs(world: &mut World, who: usize, body: &str) -> String {
    let texts = texts(world, who);
    texts.into_iter().find(|text| !text.mine && text.body == body).expect("it has come").id
}

/// Who wrote it, what it says, edited, deleted, and what each of the two thinks of it.
pub(super) type Seen = (usize, String, bool, bool, [String; 2]);

/// The texts of one, then those of the other, as `who` sees them.
pub(super) fn seen(world: &mut World, who: usize) -> Vec<Seen> {
    let row = |text: Message| {
        let author = if text.mine { who } else { 1 - who };
        let (mine, theirs) = (text.reactions.mine, text.reactions.theirs);
        let reactions = if who == 0 { [mine, theirs] } else { [theirs, mine] };
        (author, text.body, text.edited, text.deleted, reactions)
    };
    let mut seen: Vec<_> = texts(world, who).into_iter().map(row).collect();
    seen.sort_by_key(|(author, ..)| *author);
    seen
}

pub(super) fn both_see_the_same(world: &mut World) -> bool {
    all_delivered(world) && seen(world, 0) == seen(world, 1)
}

pub(super) fn row(author: usize, body: &str, edited: bool, reactions: [&str; 2]) -> Seen {
    (author, body.into(), edited, false, reactions.map(Into::into))
}

pub(super) fn deleted(author: usize) -> Seen {
    (author, String::new(), false, true, ["", ""].map(Into::into))
}

#[test]
fn what_each_does_to_texts_arrives_and_both_see_the_same() {
    let mut world = introduced(300);
    let anns = world.send(0, WHOM[0], "said by Ann").id;
    let bobs = world.send(1, WHOM[1], "said by Bob").id;
    world.until(all_delivered);
    let at = texts(&mut world, 0)[0].sent_at;
    let [anns_at_bob, bobs_at_ann] =
        [theirs(&mut world, 1, "said by Ann"), theirs(&mut world, 0, "said by Bob")];
    for words in ["edited once", "edited twice"] {
        assert!(edit(&mut world, 0, &anns, words).unwrap().edited);
    }
    react(&mut world, 0, &anns, "🙈").unwrap();
    react(&mut world, 1, &anns_at_bob, "👍").unwrap();
    react(&mut world, 0, &bobs_at_ann, "🎉").unwrap();
    react(&mut world, 0, &bobs_at_ann, "❤️").unwrap();
    world.until(both_see_the_same);
    let expected = [row(0, "edited twice", true, ["🙈", "👍"]), row(1, "said by Bob", false, ["❤️", ""])];
    assert_eq!(seen(&mut world, 1), expected);
    let text = texts(&mut world, 1).into_iter().find(|text| text.body == "edited twice").unwrap();
    assert_eq!(text.sent_at, at, "when it was sent stays");

    assert_eq!(edit(&mut world, 1, &anns_at_bob, "forged").unwrap_err(), EditError::NotYours);
    assert_eq!(delete(&mut world, 1, &anns_at_bob, true).unwrap_err(), DeleteError::NotYours);
    react(&mut world, 0, &bobs_at_ann, "").unwrap();
    delete(&mut world, 0, &anns, true).unwrap();
    edit(&mut world, 1, &bobs, "edited by Bob").unwrap();
    world.until(both_see_the_same);
    assert_eq!(seen(&mut world, 1), [deleted(0), row(1, "edited by Bob", true, ["", ""])]);
    for who in 0..2 {
        assert_eq!(world.contacts(who)[0].last_text, "edited by Bob", "no deleted word is left");
    }
    assert_eq!(edit(&mut world, 0, &anns, "again").unwrap_err(), EditError::NoSuchMessage);
    assert_eq!(react(&mut world, 1, &anns_at_bob, "👍").unwrap_err(), ReactError::NoSuchMessage);
    assert!(delete(&mut world, 0, &anns, true).is_ok(), "as before");
}

#[test]
fn what_cannot_be_done_to_a_text_is_said_and_what_changes_nothing_goes_nowhere() {
    let mut world = introduced(301);
    let id = world.send(0, WHOM[0], "said").id;
    react(&mut world, 0, &id, "👍").unwrap();
    world.until(both_see_the_same);
    world.run_for(60_000);
    let sealed = world.people[0].sealed.len();
    assert!(edit(&mut world, 0, &id, "said").is_ok() && react(&mut world, 0, &id, "👍").is_ok());
    for text in [String::new(), "x".repeat(EDIT_MAX_BYTES + 1)] {
        assert_eq!(edit(&mut world, 0, &id, &text).unwrap_err(), EditError::TooLong);
    }
    for emoji in ["\u{202e}", "a b", &"x".repeat(65)] {
        assert_eq!(react(&mut world, 0, &id, emoji).unwrap_err(), ReactError::BadEmoji);
    }
    assert_eq!(edit(&mut world, 0, "nothing", "x").unwrap_err(), EditError::NoSuchMessage);
    assert_eq!(delete(&mut world, 0, "nothing", false).unwrap_err(), DeleteError::NoSuchMessage);
    world.change(0, WHOM[0], ContactAction::Block(true)).unwrap();
    assert_eq!(edit(&mut world, 0, &id, "other").unwrap_err(), EditError::Blocked);
    assert_eq!(react(&mut world, 0, &id, "🎉").unwrap_err(), ReactError::Blocked);
    world.run_for(60_000);
    assert_eq!(world.people[0].sealed.len(), sealed);
}

#[test]
fn an_edit_of_many_parts_arrives_whole() {
    let mut world = introduced(302);
    let id = world.send(0, WHOM[0], "short").id;
    world.until(all_delivered);
    let long: String = (0..21_000_u32).map(|n| char::from_u32(0x4e00 + n % 500).unwrap()).collect();
    edit(&mut world, 0, &id, &long).unwrap();
    world.until(both_see_the_same);
    assert_eq!(texts(&mut world, 1)[0].body, long);
    edit(&mut world, 0, &id, "short again").unwrap();
    world.until(both_see_the_same);
    assert_eq!(texts(&mut world, 1)[0].body, "short again");
}

#[test]
fn a_text_deleted_for_both_before_it_was_fetched_shows_no_word_over_there() {
    let mut world = introduced(303);
    world.go_offline(1);
    let id = world.send(0, WHOM[0], "regretted").id;
    world.until(|world| texts(world, 0)[0].state == Delivery::Relayed);
    delete(&mut world, 0, &id, true).unwrap();
    world.go_online(1);
    world.until(|world| seen(world, 1) == [deleted(0)]);
    assert_eq!(seen(&mut world, 0), [deleted(0)]);
    let contact = world.contacts(1).remove(0);
    assert_eq!((contact.last_text.as_str(), contact.unread), ("", 0));
}

#[test]
fn a_text_that_never_left_is_taken_back_and_those_behind_it_arrive_without_a_gap() {
    for both in [true, false] {
        let mut world = introduced(304);
        world.send(0, WHOM[0], "before");
        world.until(all_delivered);
        world.run_for(60_000);
        world.go_offline(0);
        world.send(0, WHOM[0], "one");
        let id = world.send(0, WHOM[0], "regretted").id;
        edit(&mut world, 0, &id, "regretted, and edited").unwrap();
        react(&mut world, 0, &id, "🙈").unwrap();
        world.send(0, WHOM[0], "two");
        world.run_for(5_000);
        let (sealed, since) = (world.people[0].sealed.len(), world.request(0, NewestEvent {}).unwrap());
        delete(&mut world, 0, &id, both).unwrap();
        assert_eq!(world.bodies(0, WHOM[0], true), ["before", "one", "two"]);
        assert!(delete(&mut world, 0, &id, both).is_ok(), "asked again after the answer was lost");
        let again =
            SendText { who: WHOM[0].into(), id: id.clone(), text: "other".into(), reply_to: String::new() };
        assert_eq!(world.request(0, again).unwrap_err(), SendError::Conflict, "an id stays used");
        world.kill(0);
        world.go_online(0);
        world.until(all_delivered);
        world.run_for(120_000);
        assert_eq!(world.bodies(1, WHOM[1], false), ["before", "one", "two"]);
        let messages = world.messages(1, WHOM[1]);
        assert!(messages.iter().all(|message| !message.gap && message.note == Note::None));
        assert!(world.people[0].sealed[sealed..].iter().all(|words| !words.contains("regretted")));
        let told = world.request(0, EventsAfter { since }).unwrap();
        let gone = |kind: &EventKind| matches!(kind, EventKind::Gone { id: gone, .. } if *gone == id);
        assert!(told.iter().any(|told| gone(&told.event.kind)));
    }
}

#[test]
fn a_text_to_somebody_invited_can_be_taken_back_before_they_come() {
    let mut world = World::new(305, 2, 3);
    let link = world.invite_link(0, WHOM[0]);
    let id = world.send(0, WHOM[0], "regretted").id;
    world.send(0, WHOM[0], "kept");
    delete(&mut world, 0, &id, true).unwrap();
    assert!(world.request(1, AcceptInvite { link, name: WHOM[1].into() }).is_ok());
    world.until(|world| !world.bodies(1, WHOM[1], false).is_empty() && all_delivered(world));
    assert_eq!(world.bodies(1, WHOM[1], false), ["kept"]);
}

#[test]
fn a_text_deleted_here_alone_stays_over_there_and_nothing_more_is_heard_of_it() {
    let mut world = introduced(306);
    world.send(0, WHOM[0], "kept");
    let id = world.send(0, WHOM[0], "deleted by Bob").id;
    world.until(all_delivered);
    let here = theirs(&mut world, 1, "deleted by Bob");
    delete(&mut world, 1, &here, false).unwrap();
    let contact = world.contacts(1).remove(0);
    assert_eq!((contact.last_text.as_str(), contact.unread), ("kept", 1));
    edit(&mut world, 0, &id, "edited").unwrap();
    react(&mut world, 0, &id, "👍").unwrap();
    let after = world.send(0, WHOM[0], "after").id;
    world.until(|world| {
        texts(world, 0).iter().any(|text| text.id == after && text.state == Delivery::Delivered)
    });
    world.kill(1);
    world.run_for(60_000);
    assert_eq!(world.bodies(1, WHOM[1], false), ["kept", "after"]);
    assert_eq!(world.bodies(0, WHOM[0], true), ["kept", "edited", "after"]);
}

#[test]
fn what_is_done_to_a_text_waits_for_the_persons_word_where_texts_do() {
    let mut world = introduced(307);
    let id = world.send(0, WHOM[0], "said").id;
    world.until(all_delivered);
    let contact = world.contacts(0)[0].id;
    world.people[0].engine.turn.store.hold(contact).unwrap();
    let sealed = world.people[0].sealed.len();
    edit(&mut world, 0, &id, "edited").unwrap();
    react(&mut world, 0, &id, "👍").unwrap();
    world.run_for(3_600_000);
    assert_eq!(world.people[0].sealed.len(), sealed, "nothing of it is sealed");
    assert_eq!(seen(&mut world, 1), [row(0, "said", false, ["", ""])]);
    world.change(0, WHOM[0], ContactAction::Resume).unwrap();
    world.until(both_see_the_same);
    assert_eq!(seen(&mut world, 1), [row(0, "edited", true, ["👍", ""])]);
}

/// Does something to one of the texts; false where that one is deleted, or not theirs to change.
fn change_one(world: &mut World, who: usize, number: u32) -> bool {
    let texts = texts(world, who);
    let Some(text) = texts.get(world.rng.next_u32() as usize % texts.len().max(1)) else { return false };
    if text.deleted {
        return false;
    }
    match world.rng.next_u32() % 8 {
        0 if text.mine => delete(world, who, &text.id, true).unwrap(),
        1..=3 if text.mine => drop(edit(world, who, &text.id, &format!("edit {number}")).unwrap()),
        4 => drop(react(world, who, &text.id, "").unwrap()),
        5 => drop(react(world, who, &text.id, "👍").unwrap()),
        6 => drop(react(world, who, &text.id, "🎉").unwrap()),
        _ => return false,
    }
    true
}

#[test]
fn killed_delayed_and_with_losses_both_end_with_the_same_conversation() {
    for seed in 310..316 {
        let mut world = introduced(seed);
        world.delay = 400;
        world.losses = 40;
        let mut done = 0;
        while done < 60 {
            world.step();
            let who = usize::from(world.rng.next_u32() % 2 == 1);
            match world.rng.next_u32() % 50 {
                0 => world.kill(who),
                1 => {
                    world.go_offline(who);
                    world.run_for(2_000);
                    world.go_online(who);
                }
                2..=4 => {
                    world.send(who, WHOM[who], &format!("text {done}"));
                    done += 1;
                }
                5..=9 => done += u32::from(change_one(&mut world, who, done)),
                _ => {}
            }
        }
        world.until(both_see_the_same);
        assert!(seen(&mut world, 0).len() > 5, "seed {seed}");
    }
}
