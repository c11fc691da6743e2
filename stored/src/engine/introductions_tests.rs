//! Ada introduces Bob and Cai: people 0, 1 and 2.

use ipc_schema::edge::ui_stored::{
    AcceptInvite, AnswerError, AnswerIntroduction, ContactAction, Count, DeleteText, Introduce,
    IntroduceError, SetProfileName,
};

use super::world::World;
use crate::content::{self, Content, Kind, Link, Step, WireId};
use crate::ids::ContactId;
use crate::store::{Contact, ContactState, Message, Note};

const ADA: usize = 0;
const BOB: usize = 1;
const CAI: usize = 2;

/// Somebody invites somebody, by these names.
fn connect(world: &mut World, (who, name): (usize, &str), (other, back): (usize, &str)) {
    let link = world.invite_link(who, name);
    assert!(world.request(other, AcceptInvite { link, name: back.into() }).is_ok());
    world.until(|world| is_connected(world, who, name) && is_connected(world, other, back));
}

fn person(world: &mut World, who: usize, name: &str) -> Option<Contact> {
    world.contacts(who).into_iter().find(|contact| contact.name == name)
}

fn is_connected(world: &mut World, who: usize, name: &str) -> bool {
    person(world, who, name).is_some_and(|contact| contact.state == ContactState::Connected)
}

/// Ada knows both, who know each other not.
fn three(seed: u64) -> World {
    let mut world = World::new(seed, 3, 4);
    connect(&mut world, (ADA, "bob"), (BOB, "ada"));
    connect(&mut world, (ADA, "cai"), (CAI, "ada"));
    world
}

fn ask(world: &mut World, who: &str, other: &str) -> Result<(), IntroduceError> {
    world.request(ADA, Introduce { who: who.into(), other: other.into() })
}

fn answer(world: &mut World, who: usize, id: &str, yes: bool) -> Result<(), AnswerError> {
    world.request(who, AnswerIntroduction { id: id.into(), yes, name: String::new() })
}

/// The lines about introductions that somebody sees in a conversation.
fn lines(world: &mut World, who: usize, whom: &str) -> Vec<Message> {
    let told = [Note::Introduction, Note::Introduced, Note::IntroductionOver];
    world.messages(who, whom).into_iter().filter(|message| told.contains(&message.note)).collect()
}

/// Waits until one that asks stands in the conversation with Ada.
fn asked(world: &mut World, who: usize) -> Message {
    world.until(|world| lines(world, who, "ada").iter().any(|line| line.note == Note::Introduction));
    lines(world, who, "ada").pop().unwrap()
}

fn speak(world: &mut World, (who, name): (usize, &str), (other, back): (usize, &str)) {
    for (from, to, reader, writer) in [(who, name, other, back), (other, back, who, name)] {
        world.send(from, to, "good day");
        world.until(|world| world.bodies(reader, writer, false).contains(&"good day".to_owned()));
    }
}

/// Both say yes, in either order, and know each other.
fn both_agree(world: &mut World, first: usize) {
    ask(world, "bob", "cai").unwrap();
    let ids = [asked(world, BOB).id, asked(world, CAI).id];
    let order = if first == BOB { [(BOB, 0), (CAI, 1)] } else { [(CAI, 1), (BOB, 0)] };
    for (who, at) in order {
        answer(world, who, &ids[at], true).unwrap();
    }
    world.until(|world| is_connected(world, BOB, "cai") && is_connected(world, CAI, "bob"));
}

#[test]
fn two_who_both_say_yes_are_connected_and_told_by_whom_and_not_compared() {
    for (seed, first) in [(400, BOB), (401, CAI)] {
        let mut world = three(seed);
        both_agree(&mut world, first);
        speak(&mut world, (BOB, "cai"), (CAI, "bob"));
        for (who, name) in [(BOB, "cai"), (CAI, "bob")] {
            let there = lines(&mut world, who, name);
            assert_eq!(
                (there.len(), there[0].introduces.as_str(), there[0].note),
                (1, "ada", Note::Introduced)
            );
            assert!(there[0].body.contains("compare the safety number"));
            let here = lines(&mut world, who, "ada");
            assert_eq!((here.len(), here[0].introduces.as_str(), here[0].note), (1, name, Note::Introduced));
            assert!(!person(&mut world, who, name).unwrap().verified);
            assert_eq!(world.contacts(who).len(), 2);
        }
        for (name, other) in [("bob", "cai"), ("cai", "bob")] {
            let told = lines(&mut world, ADA, name);
            assert_eq!((told.len(), told[0].introduces.as_str(), told[0].mine), (1, other, true));
            assert!(told[0].body.contains("both said yes"));
        }
        assert_eq!(world.safety_number(BOB, "cai").0, world.safety_number(CAI, "bob").0);
        assert_eq!(
            ask(&mut world, "bob", "cai"),
            Ok(()),
            "what is done does not stand in the way of another"
        );
    }
}

#[test]
fn every_step_outlives_kills_and_losses_of_all_three() {
    for seed in 410..413 {
        let mut world = three(seed);
        world.losses = 30;
        ask(&mut world, "bob", "cai").unwrap();
        world.kill(ADA);
        let ids = [asked(&mut world, BOB).id, asked(&mut world, CAI).id];
        answer(&mut world, CAI, &ids[1], true).unwrap();
        answer(&mut world, BOB, &ids[0], true).unwrap();
        let mut steps = 0_usize;
        world.until(|world| {
            steps += 1;
            if steps.is_multiple_of(40) && steps < 2_000 {
                world.kill([ADA, BOB, CAI][steps / 40 % 3]);
            }
            is_connected(world, BOB, "cai") && is_connected(world, CAI, "bob")
        });
        world.losses = 0;
        speak(&mut world, (BOB, "cai"), (CAI, "bob"));
        assert_eq!((world.contacts(BOB).len(), world.contacts(CAI).len()), (2, 2));
    }
}

#[test]
fn a_no_is_told_to_nobody_and_looks_like_no_answer() {
    for (seed, who, other) in [(420, BOB, CAI), (421, CAI, BOB)] {
        let mut world = three(seed);
        ask(&mut world, "bob", "cai").unwrap();
        let (no, yes) = (asked(&mut world, who).id, asked(&mut world, other).id);
        world.run_for(120_000);
        let deposits = world.people[who].deposits;
        answer(&mut world, who, &no, false).unwrap();
        answer(&mut world, who, &no, false).unwrap();
        assert_eq!(answer(&mut world, who, &no, true), Err(AnswerError::NoIntroduction));
        answer(&mut world, other, &yes, true).unwrap();
        world.run_for(120_000);
        assert_eq!(world.people[who].deposits, deposits, "nothing left");
        let before = lines(&mut world, ADA, "bob").remove(0);
        assert_eq!((before.note, before.body.contains("You asked")), (Note::Introduced, true));
        assert_eq!(world.contacts(who).len(), 1);
        assert_eq!(ask(&mut world, "bob", "cai"), Err(IntroduceError::AlreadyOpen));
        assert_eq!(ask(&mut world, "cai", "bob"), Err(IntroduceError::AlreadyOpen));
        // After a week it is over for all, and nobody is left invited.
        world.days(9);
        for whom in ["bob", "cai"] {
            assert_eq!(lines(&mut world, ADA, whom)[0].note, Note::IntroductionOver);
        }
        assert_eq!(lines(&mut world, other, "ada")[0].note, Note::IntroductionOver);
        assert_eq!((world.contacts(BOB).len(), world.contacts(CAI).len()), (1, 1));
        assert_eq!(ask(&mut world, "cai", "bob"), Ok(()));
    }
}

#[test]
fn nothing_is_made_and_nobody_learns_more_than_a_name_before_a_yes() {
    let mut world = three(430);
    let named = |world: &mut World, who, name: &str| {
        world.request(who, SetProfileName { name: name.into() }).unwrap();
    };
    named(&mut world, BOB, "Bob B.");
    world.until(|world| person(world, ADA, "bob").unwrap().their_name == "Bob B.");
    ask(&mut world, "bob", "cai").unwrap();
    let (bob, cai) = (asked(&mut world, BOB), asked(&mut world, CAI));
    assert_eq!(cai.introduces, "Bob B.", "what Ada calls him is hers alone");
    assert_eq!(bob.introduces, "cai", "Cai never said");
    assert_eq!(world.request(BOB, Count {}).unwrap().unread, 1);
    world.run_for(60_000);
    for who in [BOB, CAI] {
        assert_eq!(world.contacts(who).len(), 1);
        assert!(world.people[who].engine.turn.store.invites().unwrap().len() <= 1);
    }
}

#[test]
fn who_can_be_introduced_to_whom_is_told_and_asked_once() {
    let mut world = three(440);
    world.invite_link(ADA, "dee");
    for (who, other, why) in [
        ("bob", "bob", IntroduceError::NoSuchContact),
        ("bob", "nobody", IntroduceError::NoSuchContact),
        ("dee", "bob", IntroduceError::Waiting),
    ] {
        assert_eq!(ask(&mut world, who, other), Err(why));
    }
    world.send(ADA, "self", "a note");
    assert_eq!(ask(&mut world, "bob", "self"), Err(IntroduceError::NotForSelf));
    world.change(ADA, "cai", ContactAction::Block(true)).unwrap();
    assert_eq!(ask(&mut world, "bob", "cai"), Err(IntroduceError::Blocked));
    world.change(ADA, "cai", ContactAction::Block(false)).unwrap();
    assert_eq!(answer(&mut world, BOB, "nothing", true), Err(AnswerError::NoIntroduction));
    ask(&mut world, "bob", "cai").unwrap();
    let own = lines(&mut world, ADA, "bob").remove(0).id;
    assert_eq!(answer(&mut world, ADA, &own, true), Err(AnswerError::NoIntroduction));
}

#[test]
fn somebody_of_that_name_is_there_already_and_the_new_one_gets_a_number_or_the_name_that_is_wanted() {
    let mut world = three(450);
    world.invite_link(BOB, "cai");
    world.invite_link(CAI, "bob");
    ask(&mut world, "bob", "cai").unwrap();
    let (bob, cai) = (asked(&mut world, BOB).id, asked(&mut world, CAI).id);
    let named = |name: &str| AnswerIntroduction { id: cai.clone(), yes: true, name: name.into() };
    assert_eq!(world.request(CAI, named("bob")), Err(AnswerError::NameTaken));
    assert_eq!(world.request(CAI, named("b\u{7}")), Err(AnswerError::NameBad));
    assert_eq!(world.request(CAI, named("Robert")), Ok(()));
    answer(&mut world, BOB, &bob, true).unwrap();
    world.until(|world| is_connected(world, BOB, "cai 2") && is_connected(world, CAI, "Robert"));
    speak(&mut world, (BOB, "cai 2"), (CAI, "Robert"));
}

#[test]
fn who_is_deleted_or_goes_meanwhile_ends_it_for_all() {
    let mut world = three(460);
    ask(&mut world, "bob", "cai").unwrap();
    let (bob, cai) = (asked(&mut world, BOB).id, asked(&mut world, CAI).id);
    answer(&mut world, CAI, &cai, true).unwrap();
    world.run_for(60_000);
    world.change(ADA, "cai", ContactAction::Delete).unwrap();
    answer(&mut world, BOB, &bob, true).unwrap();
    world.until(|world| lines(world, ADA, "bob")[0].note == Note::IntroductionOver);
    world.days(9);
    assert_eq!((world.contacts(BOB).len(), world.contacts(CAI).len()), (1, 1), "nobody stays invited");

    // The invite that was made for it is taken back.
    let mut world = three(461);
    ask(&mut world, "bob", "cai").unwrap();
    let (bob, cai) = (asked(&mut world, BOB).id, asked(&mut world, CAI).id);
    answer(&mut world, BOB, &bob, true).unwrap();
    world.run_for(60_000);
    world.change(BOB, "cai", ContactAction::Delete).unwrap();
    assert_eq!(lines(&mut world, BOB, "ada")[0].note, Note::IntroductionOver);
    world.run_for(60_000);
    answer(&mut world, CAI, &cai, true).unwrap();
    world.until(|world| lines(world, CAI, "ada")[0].note == Note::IntroductionOver);
    assert_eq!((world.contacts(BOB).len(), world.contacts(CAI).len()), (1, 1));
}

#[test]
fn a_line_that_was_deleted_asks_no_more_and_does_not_come_again() {
    let mut world = three(470);
    ask(&mut world, "bob", "cai").unwrap();
    let id = asked(&mut world, BOB).id;
    world.request(BOB, DeleteText { id: id.clone(), both: false }).unwrap();
    assert_eq!(answer(&mut world, BOB, &id, true), Err(AnswerError::NoIntroduction));
    world.kill(ADA);
    world.run_for(3_600_000);
    assert!(lines(&mut world, BOB, "ada").is_empty());
}

#[test]
fn somebody_blocked_introduces_nobody_then_or_later() {
    let mut world = three(471);
    world.change(BOB, "ada", ContactAction::Block(true)).unwrap();
    ask(&mut world, "bob", "cai").unwrap();
    world.run_for(600_000);
    world.change(BOB, "ada", ContactAction::Block(false)).unwrap();
    world.run_for(3_600_000);
    assert!(lines(&mut world, BOB, "ada").is_empty());
}

// ---- contents that a program of somebody hostile makes

/// A content of the contact's, read as one that was opened.
fn tell(world: &mut World, who: usize, contact: ContactId, number: u64, kind: Kind) {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let link = Link {
        chain: ipc_schema::Timestamp(u64::from(u32::MAX) << 10),
        sequence: number,
        numbered: true,
        previous: None,
    };
    let sent_at = world.now;
    let bytes = content::encode(&Content { id: WireId(id), link, sent_at, acks: None, kind });
    let turn = &mut world.people[who].engine.turn;
    turn.now = sent_at;
    turn.store.begin().unwrap();
    super::reading::read(turn, contact, &bytes).unwrap();
    turn.store.commit().unwrap();
    turn.take_wishes();
}

fn said(name: u8, step: Step, link: &str) -> Kind {
    let id = WireId([name; 16]);
    Kind::Introduction(content::Introduction { id, step, name: format!("N{name}"), link: link.into() })
}

#[test]
fn an_introducer_who_asks_without_end_has_eight_that_wait_and_makes_nothing_happen() {
    let mut world = three(480);
    let ada = person(&mut world, BOB, "ada").unwrap().id;
    for number in 1..=20_u8 {
        tell(&mut world, BOB, ada, u64::from(number), said(number, Step::AskForLink, ""));
        // As often as it is told.
        tell(&mut world, BOB, ada, u64::from(number), said(number, Step::AskForLink, ""));
    }
    let all = lines(&mut world, BOB, "ada");
    let open: Vec<_> = all.iter().filter(|line| line.note == Note::Introduction).collect();
    assert_eq!((all.len(), open.len()), (20, 8));
    assert_eq!((open[0].introduces.as_str(), open[7].introduces.as_str()), ("N13", "N20"), "the newest stay");
    assert_eq!(world.contacts(BOB).len(), 1);
}

#[test]
fn a_link_is_accepted_only_after_a_yes_and_once() {
    let mut world = three(481);
    let (ada, link) = (person(&mut world, BOB, "ada").unwrap().id, world.invite_link(CAI, "bob"));
    tell(&mut world, BOB, ada, 1, said(1, Step::Link, &link));
    tell(&mut world, BOB, ada, 2, said(1, Step::Ask, ""));
    tell(&mut world, BOB, ada, 3, said(1, Step::Link, &link));
    tell(&mut world, BOB, ada, 4, said(2, Step::AskForLink, ""));
    world.run_for(60_000);
    assert_eq!(world.contacts(BOB).len(), 1, "nobody said yes");
    let ids: Vec<String> = lines(&mut world, BOB, "ada").into_iter().map(|line| line.id).collect();
    // Who was asked for a link accepts none.
    answer(&mut world, BOB, &ids[1], true).unwrap();
    tell(&mut world, BOB, ada, 5, said(2, Step::Link, &link));
    assert!(person(&mut world, BOB, "N1").is_none());
    answer(&mut world, BOB, &ids[0], true).unwrap();
    tell(&mut world, BOB, ada, 6, said(1, Step::Link, &link));
    world.kill(BOB);
    let other = world.invite_link(CAI, "bob again");
    tell(&mut world, BOB, ada, 7, said(1, Step::Link, &other));
    world.until(|world| is_connected(world, BOB, "N1") && is_connected(world, CAI, "bob"));
    assert!(!is_connected(&mut world, CAI, "bob again"));
}

#[test]
fn a_link_that_is_none_ends_it_and_leaves_nobody() {
    let mut world = three(482);
    let ada = person(&mut world, BOB, "ada").unwrap().id;
    tell(&mut world, BOB, ada, 1, said(1, Step::Ask, ""));
    let id = lines(&mut world, BOB, "ada").remove(0).id;
    answer(&mut world, BOB, &id, true).unwrap();
    tell(&mut world, BOB, ada, 2, said(1, Step::Link, "privatus:i#AQ"));
    world.kill(BOB);
    world.until(|world| lines(world, BOB, "ada")[0].note == Note::IntroductionOver);
    assert_eq!(world.contacts(BOB).len(), 1);
}
