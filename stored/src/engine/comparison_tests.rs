//! Two people who compare a short string: both see the same, each says so for themselves, and whatever happens on the way ends in that
//! or in a word.

use ipc_schema::edge::ui_stored::{
    CompareShort, ContactAction, ShortAction, ShortComparison, ShortEnd, ShortError, ShortState,
};

use super::event::ComparisonEvent;
use super::older_copies_tests::{WHOM, all_delivered, introduced};
use super::requests::{EventsAfter, NewestEvent};
use super::world::{Mishap, World};
use crate::content::{Comparison, ComparisonEnd, ComparisonStep};
use crate::store::{EventKind, Note, OutgoingKind};

const MINUTE: u64 = 60_000;

fn does(world: &mut World, who: usize, action: ShortAction) -> Result<ShortComparison, ShortError> {
    world.request(who, CompareShort { who: WHOM[who].into(), action, wait_ms: 0 })
}

pub(super) fn join(world: &mut World, who: usize) {
    does(world, who, ShortAction::Join).unwrap();
}

pub(super) fn look(world: &mut World, who: usize) -> ShortComparison {
    does(world, who, ShortAction::Look).unwrap()
}

pub(super) fn state(world: &mut World, who: usize) -> ShortState {
    look(world, who).state
}

fn until(world: &mut World, who: usize, wanted: ShortState) {
    world.until(|world| state(world, who) == wanted);
}

fn end(world: &mut World, who: usize) -> ShortEnd {
    look(world, who).end
}

fn same(world: &mut World, who: usize, string: &str) -> Result<ShortComparison, ShortError> {
    does(world, who, ShortAction::Same(string.into()))
}

fn verified(world: &mut World) -> [bool; 2] {
    [0, 1].map(|who| world.contacts(who)[0].verified)
}

/// Both see a string; person 0 began.
fn shown(world: &mut World) -> [ShortComparison; 2] {
    join(world, 0);
    until(world, 1, ShortState::Asked);
    join(world, 1);
    world.until(|world| (0..2).all(|who| state(world, who) == ShortState::Shown));
    [look(world, 0), look(world, 1)]
}

fn lines(world: &mut World, who: usize) -> usize {
    let messages = world.messages(who, WHOM[who]).into_iter();
    messages.filter(|message| message.note == Note::StringsDiffer).count()
}

/// What nobody sent that runs this program.
fn hears(world: &mut World, who: usize, run: u8, step: ComparisonStep) {
    let contact = world.contacts(who)[0].id;
    let said = Comparison { run: [run; 32], step };
    let sent_at = world.now;
    world.tell(who, ComparisonEvent::Heard { contact, sent_at, said });
}

#[test]
fn both_see_the_same_string_and_each_is_verified_by_the_own_persons_word_alone() {
    let mut world = introduced(700);
    let [ann, bob] = shown(&mut world);
    assert_eq!((&ann.digits, &ann.words), (&bob.digits, &bob.words));
    assert_eq!((ann.digits.len(), ann.words.len(), ann.runs, bob.runs), (9, 2, 1, 1));
    assert_eq!(verified(&mut world), [false, false]);
    let said = same(&mut world, 0, &bob.digits).unwrap();
    assert_eq!((said.state, said.end), (ShortState::Over, ShortEnd::Same));
    assert_eq!(verified(&mut world), [true, false]);
    world.run_for(MINUTE);
    let there = look(&mut world, 1);
    assert_eq!((there.state, there.theirs), (ShortState::Shown, ShortEnd::None), "their word is no reason");
    same(&mut world, 1, &ann.words.join(" ")).unwrap();
    assert_eq!(verified(&mut world), [true, true]);
    world.run_for(MINUTE);
    assert_eq!([0, 1].map(|who| look(&mut world, who).theirs), [ShortEnd::Same, ShortEnd::Same]);
    assert_eq!(shown(&mut world)[0].runs, 1, "those before led to this");
}

#[test]
fn a_wrong_string_verifies_nobody_and_with_the_third_it_is_over() {
    let mut world = introduced(701);
    assert_eq!(same(&mut world, 0, "1234 5678"), Err(ShortError::NoComparison));
    let [ann, _] = shown(&mut world);
    assert_eq!(same(&mut world, 0, &"1".repeat(81)), Err(ShortError::OtherString));
    for _ in 0..3 {
        assert_eq!(same(&mut world, 0, "1234 567"), Err(ShortError::OtherString));
    }
    assert_eq!(same(&mut world, 0, &ann.digits), Err(ShortError::NoComparison));
    assert_eq!((end(&mut world, 0), verified(&mut world)), (ShortEnd::Stopped, [false, false]));
}

#[test]
fn nothing_is_answered_before_the_user_joins_and_what_is_not_joined_is_given_up() {
    let mut world = introduced(702);
    join(&mut world, 0);
    until(&mut world, 1, ShortState::Asked);
    let before = world.people[1].deposits;
    world.run_for(5 * MINUTE);
    assert_eq!(world.people[1].deposits, before, "not a word, however often it is asked");
    assert_eq!(state(&mut world, 0), ShortState::Waiting);
    assert!(look(&mut world, 0).ends_at > world.now);
    world.run_for(6 * MINUTE);
    assert_eq!(end(&mut world, 0), ShortEnd::TimedOut);
    assert!(matches!(end(&mut world, 1), ShortEnd::TheyStopped | ShortEnd::TimedOut));
    world.run_for(5 * MINUTE);
    let rest = [0, 1].map(|who| world.people[who].deposits);
    world.run_for(60 * MINUTE);
    assert_eq!([0, 1].map(|who| world.people[who].deposits), rest, "and then it is still");
}

#[test]
fn a_second_try_is_counted_and_told_beside_the_string() {
    let mut world = introduced(703);
    shown(&mut world);
    does(&mut world, 1, ShortAction::Stop).unwrap();
    world.run_for(MINUTE);
    assert_eq!(look(&mut world, 0).theirs, ShortEnd::TheyStopped);
    assert_eq!(state(&mut world, 0), ShortState::Shown, "what was read out can still be the same");
    does(&mut world, 0, ShortAction::Stop).unwrap();
    let [ann, bob] = shown(&mut world);
    assert_eq!((ann.runs, bob.runs), (2, 2));
    assert_eq!(ann.digits, bob.digits);
}

#[test]
fn where_both_begin_at_once_one_run_is_left() {
    for seed in 704..712 {
        let mut world = introduced(seed);
        (0..2).for_each(|who| join(&mut world, who));
        world.until(|world| (0..2).all(|who| state(world, who) == ShortState::Shown));
        let [ann, bob] = [0, 1].map(|who| look(&mut world, who));
        assert_eq!((&ann.digits, ann.runs, bob.runs), (&bob.digits, 1, 1), "{seed}");
        world.run_for(5 * MINUTE);
        assert_eq!(state(&mut world, 0), ShortState::Shown, "{seed}: nothing late takes it away");
    }
}

#[test]
fn who_says_that_they_differ_has_a_line_of_it_and_the_other_side_hears_it() {
    let mut world = introduced(713);
    assert_eq!(does(&mut world, 0, ShortAction::Differ), Err(ShortError::NoComparison));
    shown(&mut world);
    let said = does(&mut world, 0, ShortAction::Differ).unwrap();
    assert_eq!((said.end, lines(&mut world, 0)), (ShortEnd::Different, 1));
    world.run_for(MINUTE);
    assert_eq!(look(&mut world, 1).theirs, ShortEnd::Different);
    assert_eq!((verified(&mut world), lines(&mut world, 1)), ([false, false], 0));
}

#[test]
fn a_program_that_reveals_what_it_had_not_promised_is_told_as_such() {
    let mut world = introduced(714);
    // Her own program would say that it knows of none.
    world.go_offline(0);
    hears(&mut world, 1, 7, ComparisonStep::Begin);
    assert_eq!(state(&mut world, 1), ShortState::Asked);
    join(&mut world, 1);
    world.run_for(1_000);
    hears(&mut world, 1, 7, ComparisonStep::Reveal([9; 32]));
    until(&mut world, 1, ShortState::Over);
    let told = look(&mut world, 1);
    assert_eq!((told.end, told.digits.as_str(), lines(&mut world, 1)), (ShortEnd::Cheated, "", 1));
    assert_eq!(verified(&mut world), [false, false]);
}

/// Mal is who Ann and Bob each believe to be the other; his program hands on all that it may.
#[test]
fn somebody_in_between_shows_each_of_the_two_another_string() {
    let mut world = World::new(715, 3, 3);
    let meet = |world: &mut World, inviter: usize, guest: usize, names: [&str; 2]| {
        let link = world.invite_link(inviter, names[0]);
        let accept = ipc_schema::edge::ui_stored::AcceptInvite { link, name: names[1].into() };
        assert!(world.request(guest, accept).is_ok());
        world.run_for(2 * MINUTE);
    };
    meet(&mut world, 0, 2, ["bob", "ann"]);
    meet(&mut world, 2, 1, ["bob", "ann"]);
    let act = |world: &mut World, who: usize, whom: &str, action: ShortAction| {
        world.request(who, CompareShort { who: whom.into(), action, wait_ms: 0 }).unwrap()
    };
    for (who, whom) in [(0, "bob"), (2, "bob"), (2, "ann"), (1, "ann")] {
        act(&mut world, who, whom, ShortAction::Join);
        world.run_for(MINUTE);
    }
    let [ann, bob] =
        [(0, "bob"), (1, "ann")].map(|(who, whom)| act(&mut world, who, whom, ShortAction::Look));
    assert_eq!((ann.state, bob.state), (ShortState::Shown, ShortState::Shown));
    assert_ne!(ann.digits, bob.digits);
    assert!(ann.words != bob.words);
    let told = CompareShort { who: "bob".into(), action: ShortAction::Same(bob.digits), wait_ms: 0 };
    assert_eq!(world.request(0, told), Err(ShortError::OtherString));
}

#[test]
fn what_a_relay_or_an_absence_loses_is_said_again() {
    let mut world = introduced(716);
    world.go_offline(1);
    join(&mut world, 0);
    world.run_for(3 * MINUTE);
    world.go_online(1);
    until(&mut world, 1, ShortState::Asked);
    world.go_offline(0);
    join(&mut world, 1);
    world.run_for(MINUTE);
    world.go_online(0);
    world.until(|world| (0..2).all(|who| state(world, who) == ShortState::Shown));
    let [ann, bob] = [0, 1].map(|who| look(&mut world, who));
    assert_eq!((&ann.digits, ann.runs, bob.runs), (&bob.digits, 1, 1));
}

#[test]
fn a_program_that_was_started_anew_says_that_it_knows_of_none() {
    for who in 0..2 {
        let mut world = introduced(717);
        shown(&mut world);
        world.kill(who);
        assert_eq!(state(&mut world, who), ShortState::None);
        let other = 1 - who;
        assert_eq!(same(&mut world, who, "1234 5678"), Err(ShortError::NoComparison));
        join(&mut world, who);
        until(&mut world, other, ShortState::Asked);
        join(&mut world, other);
        world.until(|world| (0..2).all(|who| state(world, who) == ShortState::Shown));
        let [ann, bob] = [0, 1].map(|who| look(&mut world, who));
        assert_eq!((&ann.digits, ann.runs, bob.runs), (&bob.digits, 2, 2), "{who}");
    }
    let mut world = introduced(718);
    join(&mut world, 0);
    until(&mut world, 1, ShortState::Asked);
    world.kill(0);
    join(&mut world, 1);
    until(&mut world, 1, ShortState::Over);
    assert_eq!(end(&mut world, 1), ShortEnd::TheyStopped);
}

#[test]
fn nobody_who_is_blocked_not_met_or_oneself_is_compared_with() {
    let mut world = introduced(719);
    let with = |world: &mut World, who: &str| {
        world.request(0, CompareShort { who: who.into(), action: ShortAction::Join, wait_ms: 0 })
    };
    assert_eq!(with(&mut world, "carol"), Err(ShortError::NoSuchContact));
    world.invite_link(0, "carol");
    assert_eq!(with(&mut world, "carol"), Err(ShortError::Waiting));
    world.change(0, "self", ContactAction::Pin(true)).unwrap();
    assert_eq!(with(&mut world, "self"), Err(ShortError::NotForSelf));
    shown(&mut world);
    world.change(1, "ann", ContactAction::Block(true)).unwrap();
    assert_eq!(does(&mut world, 1, ShortAction::Join), Err(ShortError::Blocked));
    assert_eq!(state(&mut world, 1), ShortState::None);
    does(&mut world, 0, ShortAction::Stop).unwrap();
    join(&mut world, 0);
    world.run_for(MINUTE);
    assert_eq!(state(&mut world, 1), ShortState::None, "what somebody blocked begins does not come in");
    world.change(0, "bob", ContactAction::Delete).unwrap();
    assert_eq!(with(&mut world, "bob"), Err(ShortError::NoSuchContact));
}

#[test]
fn what_waited_for_the_person_goes_on_once_a_short_string_was_compared() {
    let mut world = introduced(720);
    (0..2).for_each(|who| world.verify(who, WHOM[who]));
    let bob = world.contacts(0)[0].id;
    world.people[0].engine.turn.store.hold(bob).unwrap();
    world.send(0, "bob", "after");
    let [_, there] = shown(&mut world);
    assert!(world.bodies(1, "ann", false).is_empty(), "the steps go, the words do not");
    same(&mut world, 0, &there.digits).unwrap();
    world.until(all_delivered);
    assert_eq!(world.bodies(1, "ann", false), ["after"]);
}

#[test]
fn each_change_is_an_event_and_what_changes_nothing_is_none() {
    let mut world = introduced(721);
    let since = world.request(1, NewestEvent {}).unwrap();
    hears(&mut world, 1, 9, ComparisonStep::Begin);
    for run in 0..200 {
        hears(&mut world, 1, run, ComparisonStep::Begin);
        hears(&mut world, 1, run, ComparisonStep::Answer([1; 32]));
        hears(&mut world, 1, run, ComparisonStep::Reveal([1; 32]));
    }
    let told = world.request(1, EventsAfter { since }).unwrap();
    assert_eq!(told.len(), 1, "they ask, that is all");
    assert!(matches!(told[0].event.kind, EventKind::Contact { .. }));
    assert_eq!(told[0].contact.as_ref().unwrap().comparing, ShortState::Asked);
    hears(&mut world, 1, 199, ComparisonStep::End(ComparisonEnd::Stopped));
    assert_eq!(end(&mut world, 1), ShortEnd::TheyStopped);
}

#[test]
fn who_speaks_of_a_run_that_is_not_known_here_is_told_so_now_and_then() {
    let mut world = introduced(722);
    world.run_for(5 * MINUTE);
    let before = world.people[1].deposits;
    for second in 0..60 {
        hears(&mut world, 1, second, ComparisonStep::Answer([1; 32]));
        hears(&mut world, 1, second, ComparisonStep::Reveal([1; 32]));
        hears(&mut world, 1, second, ComparisonStep::End(ComparisonEnd::Same));
        world.wait(1_000);
    }
    let said = world.people[1].deposits - before;
    assert!((2..=30).contains(&said), "{said} envelopes");
    assert_eq!(state(&mut world, 1), ShortState::None);
}

#[test]
fn nothing_of_it_leaves_late_or_is_left_after_a_kill() {
    for killed in [false, true] {
        let mut world = introduced(723);
        world.go_offline(0);
        join(&mut world, 0);
        (0..3).for_each(|_| world.step());
        if killed {
            world.kill(0);
        } else {
            world.run_for(16 * MINUTE);
        }
        let bob = world.contacts(0)[0].id;
        let store = &world.people[0].engine.turn.store;
        let left = store.not_at_relay(bob, OutgoingKind::Comparison).unwrap().len();
        assert!(left <= usize::from(!killed), "{left}: at most the word that it is over");
        world.go_online(0);
        world.run_for(MINUTE);
        assert_eq!(state(&mut world, 1), ShortState::None, "{killed}");
        let store = &world.people[0].engine.turn.store;
        assert!(store.outboxes_to_forget().unwrap().is_empty(), "keyvault has forgotten it, too: {killed}");
    }
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let mut world = introduced(724);
    world.people[0].ahead = 60 * MINUTE;
    world.step();
    join(&mut world, 0);
    until(&mut world, 1, ShortState::Asked);
    world.people[0].ahead = 0;
    assert_eq!(state(&mut world, 0), ShortState::Waiting);
    world.run_for(11 * MINUTE);
    assert_eq!(end(&mut world, 0), ShortEnd::TimedOut);
}

// ---- every fault at every step

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill(usize),
    OldCopy(usize),
    Network(Mishap),
}

const FAULTS: [Fault; 8] = [
    Fault::Kill(0),
    Fault::Kill(1),
    Fault::OldCopy(0),
    Fault::OldCopy(1),
    Fault::Network(Mishap::Lost),
    Fault::Network(Mishap::AnswerLost),
    Fault::Network(Mishap::Twice),
    Fault::Network(Mishap::Late),
];

/// Whoever is asked, or sees nothing any more, joins.
fn both_join(world: &mut World) {
    for who in 0..2 {
        if state(world, who) != ShortState::Shown {
            join(world, who);
        }
    }
}

fn are_shown(world: &mut World) -> bool {
    (0..2).all(|who| state(world, who) == ShortState::Shown)
}

/// Two who said something before, so that there is a past to be put back.
fn with_a_past(seed: u64) -> (World, [super::world::Copied; 2]) {
    let mut world = introduced(seed);
    let copies = [0, 1].map(|who| world.copy_of(who));
    world.send(0, WHOM[0], "one");
    world.send(1, WHOM[1], "two");
    world.until(all_delivered);
    world.run_for(5 * MINUTE);
    (world, copies)
}

/// Runs a comparison with this fault before this step; `None` where it could not befall that step, else how many steps there were.
fn with(seed: u64, step: u32, fault: Option<Fault>) -> Option<u32> {
    let (mut world, copies) = with_a_past(seed);
    join(&mut world, 0);
    let mut steps = 0;
    while steps <= step || !are_shown(&mut world) && fault.is_none() {
        if fault.is_some() && steps == step {
            match fault? {
                Fault::Kill(who) => world.kill(who),
                Fault::OldCopy(who) => world.restore(who, &copies[who]),
                Fault::Network(mishap) if !world.befall(mishap) => return None,
                Fault::Network(_) => {}
            }
        }
        world.step();
        steps += 1;
        if state(&mut world, 1) == ShortState::Asked {
            join(&mut world, 1);
        }
    }
    // The two are on the phone: whoever sees nothing says so, and both begin anew.
    for _ in 0..8 {
        world.run_for(MINUTE / 2);
        if are_shown(&mut world) {
            break;
        }
        both_join(&mut world);
    }
    let [ann, bob] = [0, 1].map(|who| look(&mut world, who));
    assert!(are_shown(&mut world), "{step}, {fault:?}: {:?} and {:?}", ann.state, bob.state);
    assert_eq!(ann.digits, bob.digits, "{step}, {fault:?}");
    assert_eq!(verified(&mut world), [false, false], "{step}, {fault:?}");
    for who in 0..2 {
        let told = same(&mut world, who, &bob.digits).map(|told| told.end);
        assert_eq!(told, Ok(ShortEnd::Same), "{step}, {fault:?}");
    }
    Some(steps)
}

#[test]
fn whatever_happens_at_whichever_step_of_a_comparison_both_see_one_string_in_the_end() {
    let seed = 725;
    let last = with(seed, 0, None).unwrap();
    let mut befell = [0_u32; FAULTS.len()];
    for (fault, count) in FAULTS.iter().zip(&mut befell) {
        *count = (0..last).map(|step| u32::from(with(seed, step, Some(*fault)).is_some())).sum();
    }
    assert_eq!(befell[..4], [last; 4], "a kill and an old copy befall every step");
    assert!(befell[4..].iter().all(|count| *count > 0), "{befell:?} of {last}");
}
