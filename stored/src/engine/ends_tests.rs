//! Texts that disappear: one timer on both sides whatever comes first, and an end for each text, whoever has it
//! (docs/protocol/content.md, "Disappearing").

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::ui_stored::{
    AskInfo, ContactAction, ForwardText, MarkRead, RetryError, RetryText, SendError, SettleError,
    TIMER_LONGEST_S,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::older_copies_tests::{WHOM, all_delivered, introduced};
use super::turn::Turn;
use super::world::World;
use super::{EventsAfter, FirstMatches, Input, Network, NewestEvent, reading};
use crate::content::{self, ChatTimer, Content, EditPart, Kind, Link, TextPart, WireId};
use crate::ids::ContactId;
use crate::store::{ContactState, Cursor, Delivery, EventKind, Message, Note, Store, StoreKey};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn set(world: &mut World, who: usize, seconds: u32) -> u32 {
    world.change(who, WHOM[who], ContactAction::Timer(seconds)).unwrap().timer.seconds
}

fn timers(world: &mut World) -> [ChatTimer; 2] {
    [0, 1].map(|who| world.contacts(who)[0].timer)
}

/// Looks after each single step: texts live for minutes, and where nothing is to be done the next thing may be that far away.
fn until(world: &mut World, mut done: impl FnMut(&mut World) -> bool) {
    for _ in 0..100_000 {
        if done(world) {
            return;
        }
        world.step();
    }
    panic!("the world came to rest before it was done");
}

/// Both have this one.
fn both_have(world: &mut World, seconds: u32) {
    until(world, |world| {
        let [one, other] = timers(world);
        one == other && one.seconds == seconds
    });
}

/// Who set it, and to what.
fn lines(world: &mut World, who: usize) -> Vec<(bool, u32)> {
    let messages = world.messages(who, WHOM[who]).into_iter();
    let lines = messages.filter(|message| message.note == Note::TimerChanged);
    lines.map(|line| (line.mine, line.timer_s)).collect()
}

fn read_all(world: &mut World, who: usize) {
    world.request(who, MarkRead { who: WHOM[who].into(), up_to: String::new() }).unwrap();
}

fn text(world: &mut World, who: usize, id: &str) -> Option<Message> {
    match world.request(who, AskInfo { id: id.into() }) {
        Ok(info) => Some(info.message),
        Err(error) => {
            assert_eq!(error, SettleError::NoSuchMessage);
            None
        }
    }
}

#[test]
fn what_either_sets_holds_for_both_and_each_text_goes_when_its_time_is_over() {
    let mut world = introduced(500);
    world.send(0, WHOM[0], "before");
    assert_eq!(set(&mut world, 0, 300), 300);
    both_have(&mut world, 300);
    assert_eq!(set(&mut world, 0, 300), 300);
    assert_eq!((lines(&mut world, 0), lines(&mut world, 1)), (vec![(true, 300)], vec![(false, 300)]));
    let sent = world.send(0, WHOM[0], "from Ann");
    assert_eq!((sent.timer_s, sent.disappears_at), (300, None), "it has not left");
    world.send(1, WHOM[1], "from Bob");
    until(&mut world, |world| all_delivered(world) && world.bodies(0, WHOM[0], false).len() == 1);
    assert!(text(&mut world, 0, &sent.id).unwrap().disappears_at.is_some());
    world.wait(200_000);
    assert_eq!(world.bodies(0, WHOM[0], true), ["before", "from Ann"]);

    let since = world.request(0, NewestEvent {}).unwrap();
    world.wait(200_000);
    assert_eq!(
        (world.bodies(0, WHOM[0], true), world.bodies(1, WHOM[1], true)),
        (vec!["before".into()], vec![])
    );
    assert_eq!(world.bodies(1, WHOM[1], false), ["before", "from Ann"], "nobody has read it");
    let told = world.request(0, EventsAfter { since }).unwrap();
    let gone = |kind: &EventKind| matches!(kind, EventKind::Gone { id, .. } if *id == sent.id);
    assert_eq!(told.iter().filter(|told| gone(&told.event.kind)).count(), 1);

    read_all(&mut world, 0);
    read_all(&mut world, 1);
    let end =
        world.messages(1, WHOM[1]).into_iter().find(|text| text.body == "from Ann").unwrap().disappears_at;
    assert_eq!(end, Some(Timestamp(world.now.0 + 300_000)));
    world.wait(290_000);
    assert_eq!(world.bodies(1, WHOM[1], false), ["before", "from Ann"]);
    world.wait(20_000);
    assert_eq!(
        (world.bodies(0, WHOM[0], false), world.bodies(1, WHOM[1], false)),
        (vec![], vec!["before".into()])
    );
    for who in 0..2 {
        let contact = world.contacts(who).remove(0);
        assert_eq!((contact.last_text.as_str(), contact.unread), ("before", 0));
        assert_eq!(lines(&mut world, who).len(), 1, "a line stays");
    }

    assert_eq!(set(&mut world, 1, 0), 0);
    both_have(&mut world, 0);
    assert_eq!(lines(&mut world, 0), [(true, 300), (false, 0)]);
    assert_eq!(world.send(0, WHOM[0], "stays").timer_s, 0);
    assert_eq!(set(&mut world, 1, u32::MAX), TIMER_LONGEST_S);
}

#[test]
fn both_end_with_the_same_timer_whatever_is_lost_delayed_killed_and_set_at_once() {
    for seed in 510..516 {
        let mut world = introduced(seed);
        world.delay = 400;
        world.losses = 40;
        let mut done = 0;
        while done < 30 {
            world.step();
            let who = usize::from(world.rng.next_u32() % 2 == 1);
            match world.rng.next_u32() % 60 {
                0 => world.kill(who),
                1 => {
                    world.go_offline(who);
                    let seconds = [0, 30, 60, 3_600][world.rng.next_u32() as usize % 4];
                    set(&mut world, who, seconds);
                    set(&mut world, 1 - who, seconds + 5);
                    world.wait(2_000);
                    world.go_online(who);
                    done += 2;
                }
                2..=4 => {
                    let seconds = [0, 30, 60, 3_600, 2_419_200][world.rng.next_u32() as usize % 5];
                    set(&mut world, who, seconds);
                    done += 1;
                }
                _ => {}
            }
        }
        world.losses = 0;
        world.wait(2 * HOUR_MS);
        let [one, other] = timers(&mut world);
        assert_eq!(one, other, "seed {seed}");
        assert!(one.version > 3, "seed {seed}");
        for who in 0..2 {
            assert_eq!(
                lines(&mut world, who).last().unwrap().1,
                one.seconds,
                "seed {seed}: the last line holds"
            );
        }
    }
}

#[test]
fn who_went_back_to_an_older_copy_hears_which_timer_holds() {
    let mut world = introduced(501);
    let copy = world.copy_of(0);
    set(&mut world, 0, 60);
    both_have(&mut world, 60);
    set(&mut world, 1, 120);
    both_have(&mut world, 120);
    // Their change is acked by then.
    world.wait(60_000);
    world.restore(0, &copy);
    world.wait(60_000);
    assert_eq!(timers(&mut world)[0].seconds, 0, "what was acked does not come again");
    set(&mut world, 0, 300);
    both_have(&mut world, 120);
    set(&mut world, 0, 300);
    both_have(&mut world, 300);
}

#[test]
fn what_somebody_blocked_sets_is_not_done_and_both_agree_again_with_the_next_change() {
    let mut world = introduced(502);
    world.change(0, WHOM[0], ContactAction::Block(true)).unwrap();
    set(&mut world, 1, 60);
    world.wait(60_000);
    world.change(0, WHOM[0], ContactAction::Block(false)).unwrap();
    world.wait(HOUR_MS);
    assert_eq!((timers(&mut world)[0], lines(&mut world, 0)), (ChatTimer::default(), vec![]));
    set(&mut world, 0, 3_600);
    both_have(&mut world, 60);
    set(&mut world, 0, 3_600);
    both_have(&mut world, 3_600);
}

#[test]
fn a_text_that_has_not_left_waits_without_an_end_and_one_at_a_relay_goes_here_and_arrives_all_the_same() {
    let mut world = introduced(503);
    set(&mut world, 0, 60);
    both_have(&mut world, 60);
    world.go_offline(1);
    world.go_offline(0);
    let id = world.send(0, WHOM[0], "short-lived").id;
    world.wait(HOUR_MS);
    let waits = text(&mut world, 0, &id).unwrap();
    assert_eq!((waits.state, waits.disappears_at), (Delivery::Queued, None));
    world.go_online(0);
    until(&mut world, |world| text(world, 0, &id).unwrap().state == Delivery::Relayed);
    let end = text(&mut world, 0, &id).unwrap().disappears_at.unwrap();
    assert!(end <= Timestamp(world.now.0 + 60_000) && end > world.now);
    world.wait(120_000);

    assert!(text(&mut world, 0, &id).is_none());
    assert_eq!(world.request(0, RetryText { id: id.clone() }).unwrap_err(), RetryError::NoSuchMessage);
    let forward = ForwardText { id: id.clone(), who: WHOM[0].into(), new_id: String::new() };
    assert_eq!(world.request(0, forward).unwrap_err(), SendError::NoSuchMessage);
    let search = FirstMatches { text: "short".into(), who: String::new(), before: String::new(), limit: 10 };
    assert!(world.request(0, search).unwrap().messages.is_empty());

    set(&mut world, 0, 0);
    let after = world.send(0, WHOM[0], "after").id;
    world.kill(0);
    world.go_online(1);
    until(&mut world, |world| text(world, 0, &after).unwrap().state == Delivery::Delivered);
    until(&mut world, |world| world.bodies(1, WHOM[1], false).len() == 2);
    assert_eq!(world.bodies(1, WHOM[1], false), ["short-lived", "after"]);
    assert!(world.messages(1, WHOM[1]).iter().all(|message| !message.gap), "its number is there");
    // What was sealed goes with the ack.
    let contact = world.contacts(0)[0].id;
    let sealed = |world: &World| world.people[0].engine.turn.store.sealed_up_to(contact, u64::MAX).unwrap();
    until(&mut world, |world| sealed(world).is_empty());
}

#[test]
fn a_text_that_nobody_reads_goes_all_the_same_in_the_end() {
    let mut world = introduced(504);
    set(&mut world, 0, 3_600);
    both_have(&mut world, 3_600);
    world.send(0, WHOM[0], "never read");
    until(&mut world, |world| world.bodies(1, WHOM[1], false).len() == 1);
    world.days(27);
    assert_eq!(world.bodies(1, WHOM[1], false), ["never read"]);
    world.days(3);
    assert_eq!((world.bodies(1, WHOM[1], false), world.contacts(1)[0].unread), (vec![], 0));
}

#[test]
fn a_kill_at_any_step_brings_no_text_back_and_takes_none_too_early() {
    let mut world = introduced(505);
    set(&mut world, 0, 600);
    world.kill(0);
    both_have(&mut world, 600);
    world.kill(1);
    let sent = world.send(0, WHOM[0], "words");
    world.kill(0);
    until(&mut world, |world| world.bodies(1, WHOM[1], false).len() == 1 && all_delivered(world));
    let end = text(&mut world, 0, &sent.id).unwrap().disappears_at.unwrap();
    world.kill(0);
    world.kill(1);
    read_all(&mut world, 1);
    world.kill(1);
    assert_eq!(text(&mut world, 0, &sent.id).unwrap().disappears_at, Some(end));
    world.wait(300_000);
    world.kill(0);
    world.kill(1);
    assert_eq!((world.bodies(0, WHOM[0], true).len(), world.bodies(1, WHOM[1], false).len()), (1, 1));
    world.wait(500_000);
    assert_eq!((world.bodies(0, WHOM[0], true).len(), world.bodies(1, WHOM[1], false).len()), (0, 0));
    world.kill(0);
    world.kill(1);
    world.wait(HOUR_MS);
    assert_eq!((world.bodies(0, WHOM[0], true).len(), world.bodies(1, WHOM[1], false).len()), (0, 0));
}

/// Their computer's clock is so many days ahead, and relays say that it is by so many.
fn set_clock(world: &mut World, days: u64, said: Option<i64>) {
    let clock = said.map(|days| ClockOffset { seconds: days * 86_400, relays: 3 });
    world.input(0, Input::Network(Network { stage: "connected", relays_usable: 3, clock }));
    world.people[0].ahead = days * DAY_MS;
    world.input(0, Input::Tick);
}

#[test]
fn by_a_clock_that_relays_call_wrong_no_text_goes_and_a_day_stays_a_day() {
    let mut world = introduced(506);
    set(&mut world, 0, 86_400);
    let id = world.send(0, WHOM[0], "for a day").id;
    until(&mut world, all_delivered);
    for days in [60, 400] {
        set_clock(&mut world, days, Some(days.cast_signed()));
        world.wait(2 * HOUR_MS);
        assert!(text(&mut world, 0, &id).is_some(), "{days}");
    }
    set_clock(&mut world, 0, Some(0));
    world.wait(HOUR_MS);
    let end = text(&mut world, 0, &id).unwrap().disappears_at.unwrap();
    assert!(end > world.now && end <= Timestamp(world.now.0 + DAY_MS));
    set_clock(&mut world, 2, Some(0));
    world.wait(60_000);
    assert!(text(&mut world, 0, &id).is_none(), "it was two days after all");
}

#[test]
fn after_a_start_a_clock_of_which_nobody_knows_takes_nothing_for_a_minute() {
    let mut world = introduced(507);
    world.change(0, "self", ContactAction::Timer(300)).unwrap();
    let id = world.send(0, "self", "note").id;
    world.people[0].ahead = 3 * DAY_MS;
    world.kill(0);
    world.wait(30_000);
    assert!(text(&mut world, 0, &id).is_some());
    world.people[0].ahead = 0;
    world.input(0, Input::Tick);
    world.wait(200_000);
    assert!(text(&mut world, 0, &id).is_some(), "it was no three days");
    world.wait(200_000);
    assert!(text(&mut world, 0, &id).is_none());
}

#[test]
fn a_life_that_began_by_a_clock_ahead_is_no_longer_when_that_is_set_back() {
    let mut world = introduced(508);
    world.people[0].ahead = 10 * DAY_MS;
    world.input(0, Input::Tick);
    assert_eq!(world.change(0, "self", ContactAction::Timer(300)).unwrap().timer.seconds, 300);
    let note = world.send(0, "self", "note");
    assert_eq!((note.state, note.timer_s), (Delivery::Delivered, 300));
    assert!(note.disappears_at.unwrap() > Timestamp(world.now.0 + 9 * DAY_MS));
    world.people[0].ahead = 0;
    world.input(0, Input::Tick);
    world.wait(400_000);
    assert!(text(&mut world, 0, &note.id).is_none());
    let lines = world.messages(0, "self");
    assert_eq!(
        lines.iter().map(|line| (line.note, line.mine)).collect::<Vec<_>>(),
        [(Note::TimerChanged, true)]
    );
}

#[test]
fn many_texts_at_their_end_go_a_few_at_a_time() {
    let mut world = introduced(509);
    let contact = world.contacts(0)[0].id;
    let store = &world.people[0].engine.turn.store;
    store.begin().unwrap();
    for number in 0..300_u32 {
        let wire = WireId(u128::from(number).to_be_bytes());
        let text = Message {
            mine: true,
            position: number.into(),
            sent_at: world.now,
            body: format!("text {number}"),
            state: Delivery::Delivered,
            timer_s: 1,
            disappears_at: Some(world.now),
            ..Message::new(format!("m{number}"), contact, wire)
        };
        store.add_message(&text).unwrap();
    }
    store.commit().unwrap();
    world.kill(0);
    let left = |world: &mut World| world.bodies(0, WHOM[0], true).len();
    let mut seen = vec![300];
    while *seen.last().unwrap() > 0 {
        world.step();
        let now = left(&mut world);
        if now != *seen.last().unwrap() {
            seen.push(now);
        }
    }
    assert_eq!(seen, [300, 236, 172, 108, 44, 0]);
}

// ---- one side alone, in any order

const ANN: ContactId = ContactId(1);
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const TEXT: WireId = WireId([1; 16]);

fn turn(folder: &tempfile::TempDir) -> Turn {
    let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
    store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
    let mut turn = Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
    turn.now = NOW;
    turn
}

/// One after the other, as Ann says them along a chain.
fn said(chain: u64, kinds: &[Kind]) -> Vec<Vec<u8>> {
    let (mut previous, mut contents) = (None, Vec::new());
    for (sequence, kind) in (1_u64..).zip(kinds) {
        let name = [u8::try_from(sequence).unwrap(), u8::try_from(chain).unwrap()].repeat(8);
        let bytes = content::encode(&Content {
            id: WireId(name.try_into().unwrap()),
            link: Link { chain: Timestamp(chain), sequence, numbered: true, previous },
            sent_at: Timestamp(chain),
            acks: None,
            kind: kind.clone(),
        });
        previous = Some(content::hash(&bytes));
        contents.push(bytes);
    }
    contents
}

fn read<'a>(turn: &mut Turn, id: ContactId, contents: impl IntoIterator<Item = &'a Vec<u8>>) {
    for bytes in contents {
        reading::read(turn, id, bytes).unwrap();
        turn.take_wishes();
    }
}

fn held(turn: &Turn, id: ContactId) -> ChatTimer {
    turn.store.contact(id).unwrap().unwrap().timer
}

#[test]
fn in_every_order_and_however_often_the_same_timer_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let timer = |seconds, version| ChatTimer { seconds, version };
    let timers = [timer(60, 1), timer(0, 2), timer(300, 3), timer(5, 3)];
    let contents = said(1, &timers.map(Kind::Timer));
    for number in 0..256_usize {
        let order = [number % 4, number / 4 % 4, number / 16 % 4, number / 64];
        let id = ContactId(10 + u64::try_from(number).unwrap());
        turn.store.add_contact(id, &format!("of {number}"), ContactState::Connected, NOW).unwrap();
        read(&mut turn, id, order.iter().map(|at| &contents[*at]));
        let latest = order.into_iter().max().unwrap();
        assert_eq!(held(&turn, id), timers[latest], "{order:?}");
    }
}

#[test]
fn a_peer_that_claims_countless_changes_does_not_have_the_last_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let claims =
        [u64::MAX, 1 << 40, (1 << 20) + 1].map(|version| Kind::Timer(ChatTimer { seconds: 1, version }));
    read(&mut turn, ANN, &said(1, &claims));
    assert_eq!(held(&turn, ANN), ChatTimer::default());
    assert_eq!(turn.store.receive_chain(ANN).unwrap().numbers.complete_up_to(), 3, "they are acked");
}

#[test]
fn of_a_text_at_its_end_nothing_comes_in_again_under_whichever_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let text = Kind::Text(TextPart {
        message: TEXT,
        part: 0,
        parts: 1,
        body: "short-lived".into(),
        reply_to: None,
        life_s: 60,
    });
    let edit = EditPart { message: TEXT, name: WireId([9; 16]), part: 0, parts: 1, body: "edited".into() };
    let kinds =
        [text, Kind::Edit(edit), Kind::Reaction { message: TEXT, emoji: "👍".into() }, Kind::Delete(TEXT)];
    read(&mut turn, ANN, &said(1, &kinds)[..1]);
    let last = Timestamp(NOW.0 + 28 * DAY_MS + 60_000);
    assert_eq!(turn.store.message_by_wire(ANN, TEXT).unwrap().unwrap().disappears_at, Some(last));
    for ended in turn.store.ended(last, 10).unwrap() {
        turn.store.end_message(&ended, last).unwrap();
    }
    read(&mut turn, ANN, &said(1, &kinds)[1..]);
    read(&mut turn, ANN, &said(2, &kinds));
    assert!(
        turn.store
            .messages_from(ANN, Cursor::at(0), (10, usize::MAX))
            .unwrap()
            .0
            .iter()
            .all(|message| message.note != Note::None)
    );
    assert_eq!(turn.store.count_early(ANN).unwrap(), 0);
    assert_eq!(turn.store.receive_chain(ANN).unwrap().numbers.complete_up_to(), 4, "and it is acked");
}
