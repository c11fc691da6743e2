//! One person by two links, and two who invite each other: one contact in the end, and every text once and in order
//! (docs/protocol/content.md, "Meeting again").

use ipc_schema::edge::ui_stored::{AcceptError, AcceptInvite, Invites};

use super::world::World;
use crate::store::{Contact, ContactState, Note};

fn accept(world: &mut World, who: usize, link: &str, name: &str) -> Result<Contact, AcceptError> {
    world.request(who, AcceptInvite { link: link.into(), name: name.into() })
}

/// What the user calls everybody, and how far each is.
fn people(world: &mut World, who: usize) -> Vec<(String, ContactState)> {
    let mut people: Vec<_> = world.contacts(who).into_iter().map(|one| (one.name, one.state)).collect();
    people.sort_by(|one, other| one.0.cmp(&other.0));
    people
}

fn is_one(world: &mut World, who: usize, name: &str) -> bool {
    people(world, who) == [(name.to_owned(), ContactState::Connected)]
}

/// Each has the other once.
fn are_one(world: &mut World) -> bool {
    is_one(world, 0, "bob") && is_one(world, 1, "ann")
}

/// What each reads of the other.
fn read(world: &mut World) -> [Vec<String>; 2] {
    [world.bodies(0, "bob", false), world.bodies(1, "ann", false)]
}

/// All that either wrote is there.
fn is_all_there(world: &mut World) -> bool {
    [(0, "bob"), (1, "ann")].into_iter().all(|(who, whom)| {
        let texts = world.messages(who, whom).into_iter();
        texts.filter(|text| text.mine && text.note == Note::None).all(|text| text.state.is_there())
    })
}

/// Each hears the other, nothing of the former queues is left, and nobody is told of a break.
fn holds(world: &mut World, what: &str, texts: [&[&str]; 2]) {
    world.until(|world| are_one(world) && is_all_there(world));
    for (who, whom) in [(0, "bob"), (1, "ann")] {
        world.send(who, whom, "last");
    }
    world.until(is_all_there);
    let expected =
        texts.map(|texts| texts.iter().chain(&["last"]).map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(read(world), expected, "{what}");
    let queues =
        |world: &World, who: usize| world.people[who].engine.turn.store.receive_queues().unwrap().len();
    world.until(|world| (queues(world, 0), queues(world, 1)) == (2, 2));
    world.run_for(10_000);
    assert!(are_one(world), "{what}");
    for who in 0..2 {
        assert_eq!(queues(world, who), 2, "{what}: queues of {who}");
        let waits = world.request(who, Invites {}).unwrap();
        assert!(waits.iter().all(|invite| invite.state == crate::store::InviteState::Accepted), "{what}");
        let whom = ["bob", "ann"][who];
        let told = world.messages(who, whom).into_iter().map(|message| message.note);
        let odd: Vec<_> =
            told.filter(|note| !matches!(note, Note::None | Note::OnePerson | Note::Reopened)).collect();
        assert_eq!(odd, [], "{what}: told to {who}");
    }
}

// ---- invites that cross

/// Each has the other's link, and has written to whom they invited.
fn crossed(seed: u64) -> (World, [String; 2]) {
    let mut world = World::new(seed, 2, 4);
    let links = [world.invite_link(0, "bob"), world.invite_link(1, "ann")];
    world.send(0, "bob", "from ann, before");
    world.send(1, "ann", "from bob, before");
    (world, links)
}

/// Whom each wrote to.
const BEFORE: [&[&str]; 2] = [&["from bob, before"], &["from ann, before"]];

#[test]
fn who_invites_and_accepts_under_the_same_name_alone_has_one_contact_and_the_other_one_too() {
    for (seed, who) in [(630, 0), (631, 1)] {
        let (mut world, links) = crossed(seed);
        let name = ["bob", "ann"][who];
        assert!(accept(&mut world, who, &links[1 - who], name).is_ok());
        holds(&mut world, &format!("{who} alone"), BEFORE);
    }
}
