//! Invites that cross, double ones, and two who meet again.

use ipc_schema::edge::ui_stored::{AcceptError, AcceptInvite, ContactAction, InviteError, MakeInvite};

use super::world::World;
use crate::store::{Contact, ContactState, Delivery, Note};

fn accept(world: &mut World, who: usize, link: &str, name: &str) -> Result<Contact, AcceptError> {
    world.request(who, AcceptInvite { link: link.into(), name: name.into() })
}

fn is_connected(world: &mut World, who: usize, name: &str) -> bool {
    let contacts = world.contacts(who).into_iter();
    contacts.filter(|contact| contact.name == name).any(|contact| contact.state == ContactState::Connected)
}

fn names(world: &mut World, who: usize) -> Vec<String> {
    let mut names: Vec<String> = world.contacts(who).into_iter().map(|contact| contact.name).collect();
    names.sort();
    names
}

/// Each hears the other there.
fn speak(world: &mut World, name: &str, back: &str, text: &str) {
    for (from, to, reader, writer) in [(0, name, 1, back), (1, back, 0, name)] {
        world.send(from, to, text);
        world.until(|world| world.bodies(reader, writer, false).contains(&text.to_owned()));
    }
}

/// Ann and Bob speak, and then one of the two (`who` has them as `name`) deletes the other, who finds out.
fn one_deletes_the_other(seed: u64, who: usize) -> World {
    let mut world = World::new(seed, 2, 4);
    world.introduce();
    speak(&mut world, "bob", "ann", "before");
    world.run_for(120_000);
    let (name, back) = if who == 0 { ("bob", "ann") } else { ("ann", "bob") };
    world.change(who, name, ContactAction::Delete).unwrap();
    world.run_for(120_000);
    let lost = world.send(1 - who, back, "are you there").id;
    world.until(|world| {
        world.messages(1 - who, back).iter().any(|text| text.id == lost && text.state == Delivery::Failed)
    });
    world
}

/// Of a queue that nobody receives in any more nothing is left.
fn queues(world: &World, who: usize) -> usize {
    world.people[who].engine.turn.store.receive_queues().unwrap().len()
}

#[test]
fn two_invites_that_one_person_accepts_are_two_contacts_of_which_both_work() {
    let mut world = World::new(500, 2, 4);
    let links = [world.invite_link(0, "bob"), world.invite_link(0, "bob at work")];
    for (link, name) in links.iter().zip(["ann", "ann, too"]) {
        assert!(accept(&mut world, 1, link, name).is_ok());
    }
    world.until(|world| is_connected(world, 0, "bob") && is_connected(world, 0, "bob at work"));
    world.until(|world| is_connected(world, 1, "ann") && is_connected(world, 1, "ann, too"));
    speak(&mut world, "bob", "ann", "one");
    speak(&mut world, "bob at work", "ann, too", "two");
    // One of them is enough: the other goes, and its queues with it.
    world.change(0, "bob at work", ContactAction::Delete).unwrap();
    world.change(1, "ann, too", ContactAction::Delete).unwrap();
    world.run_for(300_000);
    speak(&mut world, "bob", "ann", "three");
    assert_eq!((queues(&world, 0), queues(&world, 1)), (2, 2));
}

#[test]
fn two_who_invite_each_other_under_different_names_have_no_dead_contact() {
    for (seed, losses) in [(510, 0), (511, 30)] {
        let mut world = World::new(seed, 2, 4);
        world.losses = losses;
        let (anns, bobs) = (world.invite_link(0, "bob"), world.invite_link(1, "ann"));
        assert!(accept(&mut world, 0, &bobs, "bob's").is_ok());
        assert!(accept(&mut world, 1, &anns, "ann's").is_ok());
        for (who, name) in [(0, "bob"), (0, "bob's"), (1, "ann"), (1, "ann's")] {
            world.until(|world| is_connected(world, who, name));
        }
        speak(&mut world, "bob", "ann's", "by hers");
        speak(&mut world, "bob's", "ann", "by his");
    }
}

#[test]
fn who_was_deleted_invites_anew_under_the_name_and_keeps_the_conversation() {
    for (seed, who) in [(520, 0), (521, 1)] {
        let mut world = one_deletes_the_other(seed, who);
        let (left, name, back) = if who == 0 { (1, "ann", "bob") } else { (0, "bob", "ann") };
        let older = world.contacts(left)[0].id;
        let link = world.invite_link(left, name);
        assert_eq!(names(&mut world, left), [name.to_owned(), format!("{name} 2")], "until they come");
        world.kill(left);
        assert!(accept(&mut world, who, &link, back).is_ok());
        world.until(|world| is_connected(world, left, name) && world.contacts(left).len() == 1);
        let now = world.contacts(left).remove(0);
        assert!(now.id != older && !now.verified && now.session.is_some());
        // What had not arrived comes, and what was said stays.
        world.until(|world| world.bodies(who, back, false).contains(&"are you there".to_owned()));
        assert_eq!(world.bodies(left, name, true), ["before", "are you there"]);
        assert_eq!(world.bodies(left, name, false), ["before"]);
        let told = world.messages(left, name).into_iter().filter(|line| line.note == Note::Reopened);
        assert_eq!(told.count(), 1);
        speak(&mut world, "bob", "ann", "after");
        world.run_for(300_000);
        assert_eq!((world.contacts(0).len(), world.contacts(1).len()), (1, 1));
        assert_eq!((queues(&world, 0), queues(&world, 1)), (2, 2), "the old ones are closed");
        let unsent =
            world.messages(left, name).into_iter().filter(|text| text.mine && !text.state.is_there());
        assert_eq!(unsent.filter(|text| text.note == Note::None).count(), 0);
    }
}

#[test]
fn who_deleted_somebody_invites_them_anew_and_they_keep_the_conversation() {
    let mut world = one_deletes_the_other(530, 0);
    let older = world.contacts(1)[0].id;
    let former = world.people[1].engine.turn.store.accept_of(older).unwrap().unwrap().link;
    let link = world.invite_link(0, "bob");
    assert!(accept(&mut world, 1, &link, "ann").is_ok());
    world.until(|world| is_connected(world, 0, "bob") && world.contacts(1).len() == 1);
    assert_eq!(names(&mut world, 1), ["ann"]);
    let now = world.contacts(1)[0].id;
    assert!(accept(&mut world, 1, &former, "another name").unwrap().id == now, "the link led to her");
    world.until(|world| world.bodies(0, "bob", false) == ["are you there"]);
    assert_eq!(world.bodies(1, "ann", false), ["before"]);
    speak(&mut world, "bob", "ann", "after");
}

#[test]
fn what_was_meant_for_who_was_compared_waits_for_a_word_when_somebody_takes_their_place() {
    let mut world = World::new(540, 3, 4);
    world.introduce();
    (0..2).for_each(|who| world.verify(who, ["bob", "ann"][who]));
    speak(&mut world, "bob", "ann", "before");
    world.run_for(120_000);
    world.change(1, "ann", ContactAction::Delete).unwrap();
    world.run_for(120_000);
    let lost = world.send(0, "bob", "for Bob alone").id;
    world.until(|world| {
        world.messages(0, "bob").iter().any(|text| text.id == lost && text.state == Delivery::Failed)
    });
    // Whoever got hold of the link.
    let link = world.invite_link(0, "bob");
    assert!(accept(&mut world, 2, &link, "ann").is_ok());
    world.until(|world| world.contacts(0).len() == 1);
    world.run_for(600_000);
    let bob = world.contacts(0).remove(0);
    assert!(bob.held && !bob.verified);
    assert!(world.bodies(2, "ann", false).is_empty());
    assert!(!world.change(0, "bob", ContactAction::Resume).unwrap().held);
    world.until(|world| world.bodies(2, "ann", false) == ["for Bob alone"]);
}

#[test]
fn nobody_takes_the_place_of_a_contact_that_works_or_is_blocked() {
    let mut world = World::new(550, 3, 4);
    world.introduce();
    assert_eq!(world.request(0, MakeInvite { name: "bob".into() }).err(), Some(InviteError::NameTaken));
    let mut world = one_deletes_the_other(551, 1);
    world.change(0, "bob", ContactAction::Block(true)).unwrap();
    assert_eq!(world.request(0, MakeInvite { name: "bob".into() }).err(), Some(InviteError::NameTaken));
    let link = world.invite_link(1, "ann");
    assert_eq!(accept(&mut world, 0, &link, "bob"), Err(AcceptError::NameTaken));
}

#[test]
fn a_place_that_nobody_comes_to_take_stays_as_it_is() {
    let mut world = one_deletes_the_other(560, 1);
    world.invite_link(0, "bob");
    let id = world.contacts(0).into_iter().find(|contact| contact.name == "bob 2").unwrap().id;
    world.change(0, "bob 2", ContactAction::Delete).unwrap();
    assert_eq!(world.bodies(0, "bob", true), ["before", "are you there"]);
    // Or the conversation is deleted first: who comes has a place of their own.
    let link = world.invite_link(0, "bob");
    world.change(0, "bob", ContactAction::Delete).unwrap();
    assert!(accept(&mut world, 1, &link, "ann").is_ok());
    world.until(|world| is_connected(world, 0, "bob 2"));
    assert!(world.contacts(0).iter().all(|contact| contact.id != id));
    speak(&mut world, "bob 2", "ann", "after");
}

#[test]
fn the_same_link_twice_is_the_same_contact_and_after_its_end_a_used_one() {
    let mut world = World::new(570, 2, 4);
    let link = world.invite_link(0, "bob");
    let first = accept(&mut world, 1, &link, "ann").unwrap().id;
    assert!(accept(&mut world, 1, &link, "another name").unwrap().id == first);
    world.until(|world| is_connected(world, 0, "bob") && is_connected(world, 1, "ann"));
    assert!(accept(&mut world, 1, &link, "").unwrap().id == first);
    assert_eq!(names(&mut world, 1), ["ann"]);
    speak(&mut world, "bob", "ann", "hello");
    world.change(1, "ann", ContactAction::Delete).unwrap();
    let _ = accept(&mut world, 1, &link, "ann");
    world.until(|world| world.contacts(1).is_empty());
    assert!(!world.contacts(0)[0].verified);
}
