//! What was read is told where the two want it, and of what they say nothing more is believed than they can know.

use ipc_schema::edge::ui_stored::{
    AskInfo, ChangeContact, ChangeError, ContactAction, MarkRead, ReadError, SendText,
};

use super::event::ReceiptEvent;
use super::older_copies_tests::{WHOM, all_delivered, introduced, numbered, say};
use super::one_turn::{ANN, turn};
use super::receipts;
use super::turn::Turn;
use super::world::World;
use crate::content::WireId;
use crate::store::{Delivery, Message, Note, Owed};

const LONG: u64 = 60_000;

fn receipts_are(world: &mut World, who: usize, on: bool) {
    assert_eq!(world.change(who, WHOM[who], ContactAction::Receipts(on)).unwrap().receipts, on);
}

fn read(world: &mut World, who: usize, up_to: &str) {
    world.request(who, MarkRead { who: WHOM[who].into(), up_to: up_to.into() }).unwrap();
}

fn texts(world: &mut World, who: usize, mine: bool) -> Vec<Message> {
    let messages = world.messages(who, WHOM[who]).into_iter();
    messages.filter(|message| message.mine == mine && message.note == Note::None).collect()
}

/// How far what person 0 wrote is, by person 0.
fn states(world: &mut World) -> Vec<Delivery> {
    texts(world, 0, true).into_iter().map(|message| message.state).collect()
}

fn until_read(world: &mut World, count: usize) {
    world.until(|world| {
        let read = states(world).into_iter().filter(|state| *state == Delivery::Read).count();
        assert!(read <= count, "nothing is read that was not");
        read == count
    });
}

/// Person 0 has written some texts to person 1, who has them; nothing is under way any more.
fn written(seed: u64, count: u32) -> World {
    let mut world = introduced(seed);
    say(&mut world, 0, &numbered("text", 0, count));
    world.until(all_delivered);
    world.run_for(3 * LONG);
    world
}

#[test]
fn what_was_read_is_told_to_those_who_are_to_know_and_to_nobody_else() {
    let mut world = written(500, 2);
    receipts_are(&mut world, 0, true);
    read(&mut world, 1, "");
    world.run_for(LONG);
    assert_eq!(
        states(&mut world),
        [Delivery::Delivered; 2],
        "what they are to know of each other are two things"
    );
    receipts_are(&mut world, 0, false);
    receipts_are(&mut world, 1, true);
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered; 2], "nothing was read since");
    let id = world.send(0, "bob", "third").id;
    world.until(all_delivered);
    let moments = |world: &mut World| world.request(0, AskInfo { id: id.clone() }).unwrap().moments;
    assert_eq!(moments(&mut world).read, None);
    read(&mut world, 1, "");
    until_read(&mut world, 3);
    let moments = moments(&mut world);
    assert!(moments.read.unwrap() >= moments.delivered.unwrap(), "{moments:?}");
    receipts_are(&mut world, 1, false);
    world.kill(0);
    assert_eq!(states(&mut world), [Delivery::Read; 3], "what was told is not taken back");
}

#[test]
fn up_to_a_text_is_up_to_that_text_and_one_that_is_not_there_is_told_as_such() {
    let mut world = written(501, 3);
    receipts_are(&mut world, 1, true);
    let second = texts(&mut world, 1, false)[1].id.clone();
    let unknown = MarkRead { who: "ann".into(), up_to: "m-none".into() };
    assert_eq!(world.request(1, unknown), Err(ReadError::NoSuchMessage));
    read(&mut world, 1, &second);
    until_read(&mut world, 2);
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Read, Delivery::Read, Delivery::Delivered]);
}

#[test]
fn texts_that_are_read_one_after_the_other_are_told_by_one_receipt() {
    let mut world = written(502, 3);
    receipts_are(&mut world, 1, true);
    let before = world.people[1].deposits;
    for text in texts(&mut world, 1, false) {
        read(&mut world, 1, &text.id);
    }
    until_read(&mut world, 3);
    world.run_for(LONG);
    let deposits = world.people[1].deposits - before;
    assert!((1..=2).contains(&deposits), "each relay gets one: {deposits}");
}

#[test]
fn who_turns_receipts_off_tells_nothing_more_also_of_what_had_not_left() {
    let mut world = written(503, 2);
    let first = texts(&mut world, 1, false)[0].id.clone();
    receipts_are(&mut world, 1, true);
    read(&mut world, 1, &first);
    receipts_are(&mut world, 1, false);
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered; 2]);

    receipts_are(&mut world, 1, true);
    world.go_offline(1);
    read(&mut world, 1, "");
    // It is sealed by then.
    world.run_for(20_000);
    receipts_are(&mut world, 1, false);
    world.go_online(1);
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered; 2]);
    world.send(0, "bob", "third");
    world.until(all_delivered);
    assert_eq!(states(&mut world), [Delivery::Delivered; 3], "what is acked is, and no more");
}

#[test]
fn what_holds_for_all_holds_for_those_that_have_nothing_of_their_own() {
    let mut world = written(504, 1);
    let for_all = |world: &mut World, action| {
        world.request(1, ChangeContact { who: String::new(), action }).map(|all| (all.receipts, all.typing))
    };
    assert_eq!(for_all(&mut world, ContactAction::Show), Ok((false, false)));
    assert_eq!(for_all(&mut world, ContactAction::Pin(true)), Err(ChangeError::NoSuchContact));
    assert_eq!(for_all(&mut world, ContactAction::Receipts(true)), Ok((true, false)));
    assert_eq!(for_all(&mut world, ContactAction::Typing(true)), Ok((true, true)));
    world.kill(1);
    assert_eq!(for_all(&mut world, ContactAction::Show), Ok((true, true)));
    let ann = world.contacts(1).remove(0);
    assert!(ann.receipts && ann.typing);
    read(&mut world, 1, "");
    until_read(&mut world, 1);

    receipts_are(&mut world, 1, false);
    world.send(0, "bob", "second");
    world.until(all_delivered);
    read(&mut world, 1, "");
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Read, Delivery::Delivered]);
}

#[test]
fn notes_to_oneself_tell_nobody_and_can_not_be_made_to() {
    let mut world = World::new(505, 1, 3);
    let note =
        SendText { who: "self".into(), id: String::new(), text: "milk".into(), reply_to: String::new() };
    assert!(world.request(0, note).is_ok());
    for action in [ContactAction::Receipts(true), ContactAction::Typing(true)] {
        assert_eq!(world.change(0, "self", action), Err(ChangeError::NotForSelf));
    }
    let all = ChangeContact { who: String::new(), action: ContactAction::Receipts(true) };
    assert!(world.request(0, all).unwrap().receipts);
    assert!(!world.contacts(0)[0].receipts);
}

#[test]
fn who_is_blocked_is_told_nothing_and_says_nothing() {
    let mut world = written(506, 1);
    receipts_are(&mut world, 1, true);
    // Who reads blocks.
    assert!(world.change(1, "ann", ContactAction::Block(true)).unwrap().blocked);
    read(&mut world, 1, "");
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered]);
    assert!(!world.change(1, "ann", ContactAction::Block(false)).unwrap().blocked);
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered], "that was read before");

    // Who wrote blocks.
    world.send(0, "bob", "second");
    world.until(all_delivered);
    assert!(world.change(0, "bob", ContactAction::Block(true)).unwrap().blocked);
    read(&mut world, 1, "");
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered; 2]);
    assert!(!world.change(0, "bob", ContactAction::Block(false)).unwrap().blocked);
    world.send(0, "bob", "third");
    world.until(all_delivered);
    read(&mut world, 1, "");
    until_read(&mut world, 3);
}

#[test]
fn nothing_is_told_to_whom_words_wait_and_all_of_it_when_they_go_on() {
    let mut world = written(507, 1);
    receipts_are(&mut world, 1, true);
    let ann = world.contacts(1)[0].id;
    world.people[1].engine.turn.store.hold(ann).unwrap();
    read(&mut world, 1, "");
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered]);
    assert!(!world.change(1, "ann", ContactAction::Resume).unwrap().held);
    until_read(&mut world, 1);
}

#[test]
fn a_kill_at_any_step_between_reading_and_telling_loses_no_receipt() {
    let mut world = written(508, 1);
    receipts_are(&mut world, 1, true);
    for steps in 0..12 {
        let count = states(&mut world).len();
        read(&mut world, 1, "");
        (0..3 * steps).for_each(|_| world.step());
        world.kill(1);
        (0..steps).for_each(|_| world.step());
        world.kill(0);
        until_read(&mut world, count);
        world.send(0, "bob", "another");
        world.until(all_delivered);
    }
}

#[test]
fn a_receipt_that_was_lost_is_told_once_more_after_a_start_with_the_next_acks() {
    let mut world = written(509, 1);
    receipts_are(&mut world, 1, true);
    world.go_offline(1);
    read(&mut world, 1, "");
    let ann = world.contacts(1)[0].id;
    let store = &world.people[1].engine.turn.store;
    let (text, owed) = store.owed_receipt(ann).unwrap().unwrap();
    assert_eq!(owed, Owed::Soon);
    // As if it had been told, and a relay had lost it.
    store.owe_receipt(ann, text, Owed::No).unwrap();
    world.go_online(1);
    world.run_for(LONG);
    assert_eq!(states(&mut world), [Delivery::Delivered]);
    let before = world.people[1].deposits;
    world.kill(1);
    world.run_for(LONG);
    assert_eq!((states(&mut world), world.people[1].deposits), (vec![Delivery::Delivered], before));
    world.send(0, "bob", "second");
    until_read(&mut world, 1);
    world.until(all_delivered);
    assert_eq!(states(&mut world), [Delivery::Read, Delivery::Delivered]);
}

// ---- what a contact may say

fn wire(number: u16) -> WireId {
    WireId((u128::from(number) << 100).to_be_bytes())
}

fn add(turn: &Turn, number: u16, mine: bool, state: Delivery, note: Note) {
    let message = Message {
        mine,
        position: i64::from(number) << 20,
        body: "hello".into(),
        state,
        note,
        ..Message::new(format!("m{number}"), ANN, wire(number))
    };
    turn.store.add_message(&message).unwrap();
}

fn say_read(turn: &mut Turn, number: u16) {
    receipts::handle(turn, ReceiptEvent::Theirs(ANN, wire(number))).unwrap();
}

fn state(turn: &Turn, number: u16) -> Delivery {
    turn.store.message(&format!("m{number}")).unwrap().unwrap().state
}

#[test]
fn a_receipt_of_what_is_no_text_of_ours_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    add(&turn, 1, true, Delivery::Delivered, Note::None);
    add(&turn, 2, false, Delivery::Delivered, Note::None);
    add(&turn, 3, true, Delivery::Delivered, Note::Reopened);
    for number in [2, 3, 9] {
        say_read(&mut turn, number);
        assert_eq!(turn.store.their_receipt(ANN).unwrap(), None, "{number}");
    }
    assert_eq!([1, 2, 3].map(|number| state(&turn, number)), [Delivery::Delivered; 3]);
    say_read(&mut turn, 1);
    assert_eq!(
        [1, 2, 3].map(|number| state(&turn, number)),
        [Delivery::Read, Delivery::Delivered, Delivery::Delivered]
    );
}

#[test]
fn a_receipt_is_no_ack_and_one_that_comes_before_its_acks_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let before =
        [Delivery::Delivered, Delivery::Relayed, Delivery::Relayed, Delivery::Failed, Delivery::Expired];
    for (number, state) in (1..).zip(before) {
        add(&turn, number, true, state, Note::None);
    }
    let states = |turn: &Turn| [1, 2, 3, 4, 5].map(|number| state(turn, number));
    say_read(&mut turn, 3);
    assert_eq!(states(&turn), before, "the third is not known to be there");
    // One that overtook it says less, and nothing is forgotten for it.
    say_read(&mut turn, 1);
    assert_eq!(states(&turn)[..3], [Delivery::Read, Delivery::Relayed, Delivery::Relayed]);
    assert!(turn.store.advance_message("m3", Delivery::Delivered).unwrap());
    receipts::handle(&mut turn, ReceiptEvent::GoOn(ANN)).unwrap();
    let after = [Delivery::Read, Delivery::Relayed, Delivery::Read, Delivery::Failed, Delivery::Expired];
    assert_eq!((states(&turn), turn.store.their_receipt(ANN).unwrap()), (after, None));
    // Told again, and later ones cover what was not there.
    assert!(turn.store.advance_message("m2", Delivery::Delivered).unwrap());
    say_read(&mut turn, 1);
    assert_eq!(
        states(&turn),
        [Delivery::Read, Delivery::Delivered, Delivery::Read, Delivery::Failed, Delivery::Expired]
    );
    say_read(&mut turn, 3);
    assert_eq!(
        states(&turn),
        [Delivery::Read, Delivery::Read, Delivery::Read, Delivery::Failed, Delivery::Expired]
    );
}

#[test]
fn a_first_receipt_about_years_of_texts_is_noted_bit_by_bit_and_a_start_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    turn.store.begin().unwrap();
    (1..=600).for_each(|number| add(&turn, number, true, Delivery::Delivered, Note::None));
    turn.store.commit().unwrap();
    let left = |turn: &Turn| turn.store.not_read_there(ANN, i64::MAX, 1_000).unwrap().len();
    say_read(&mut turn, 599);
    assert_eq!(left(&turn), 600 - 256);
    receipts::handle(&mut turn, ReceiptEvent::Resume).unwrap();
    assert_eq!(left(&turn), 600 - 512);
    assert_eq!(turn.due(), [super::event::Timer::ReadThere(ANN)]);
    receipts::handle(&mut turn, ReceiptEvent::GoOn(ANN)).unwrap();
    assert_eq!((left(&turn), turn.store.their_receipt(ANN).unwrap()), (1, None));
}
