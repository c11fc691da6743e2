//! Notes to oneself: a conversation with nobody, so that what is written in it is delivered at once and goes nowhere
//! (docs/protocol/content.md, "What stays here").

use ipc_schema::edge::ui_stored::ContactAction;

use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, ContactState, EventKind, Store};

/// Who is meant by it, unless somebody is called so.
pub(super) const WORD: &str = "self";
/// What it is called at first.
const NAME: &str = "Notes";

/// Whether that can be done with notes to oneself. All else is for somebody.
pub(super) fn takes(action: &ContactAction) -> bool {
    match action {
        ContactAction::Show
        | ContactAction::Rename(_)
        | ContactAction::Pin(_)
        | ContactAction::Mute(_)
        | ContactAction::Note(_)
        | ContactAction::Unread
        | ContactAction::Timer(_)
        | ContactAction::Retention(_) => true,
        ContactAction::Block(_)
        | ContactAction::Delete
        | ContactAction::Accept
        | ContactAction::Decline
        | ContactAction::Verify(_)
        | ContactAction::Resume
        | ContactAction::Receipts(_)
        | ContactAction::Typing(_)
        | ContactAction::Files(_) => false,
    }
}

/// Begins the conversation; there is none yet.
pub(super) fn make(turn: &mut Turn) -> Result<Option<Contact>, StoreError> {
    let id = ContactId(turn.random_id());
    let name = free_name(&turn.store)?;
    turn.store.add_contact(id, &name, ContactState::Oneself, turn.now)?;
    turn.event(&EventKind::Contact { contact: id })?;
    turn.store.contact(id)
}

/// The first of *Notes*, *Notes 2* … that nobody has.
fn free_name(store: &Store) -> Result<String, StoreError> {
    let mut name = NAME.to_owned();
    for number in 2_u64.. {
        if store.contact_named(&name)?.is_none() {
            break;
        }
        name = format!("{NAME} {number}");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::{
        AskSafetyNumber, CancelError, CancelInvite, ChangeError, CompareCode, Count, Draft, NumberError,
        SetProfileName,
    };

    use super::super::world::World;
    use super::*;
    use crate::store::{Delivery, OutgoingState};

    fn notes(world: &mut World) -> Option<Contact> {
        world.contacts(0).into_iter().find(|contact| contact.state == ContactState::Oneself)
    }

    #[test]
    fn a_note_to_oneself_is_delivered_at_once_and_nothing_of_it_leaves() {
        let mut world = World::new(310, 2, 3);
        world.introduce();
        world.run_for(180_000);
        assert_eq!(notes(&mut world), None, "not before it is asked for");
        let before: u32 = world.people.iter().map(|person| person.deposits).sum();
        let long = "buy milk, and ".repeat(1_000);
        for text in ["buy milk", long.as_str()] {
            assert_eq!(world.send(0, "self", text).state, Delivery::Delivered);
        }
        let id = notes(&mut world).unwrap().id;
        world.kill(0);
        world.run_for(600_000);
        let store = &world.people[0].engine.turn.store;
        for state in
            [OutgoingState::Waiting, OutgoingState::Sealing, OutgoingState::Sealed, OutgoingState::Acked]
        {
            assert!(store.outgoing_in_state(id, state, 10).unwrap().is_empty(), "{state:?}");
        }
        assert!(
            store.receive_queues_of(id).unwrap().is_empty() && store.peer_queues_of(id).unwrap().is_empty()
        );
        let counts = world.request(0, Count {}).unwrap();
        assert_eq!((counts.outbox, counts.at_relay, counts.unread), (0, 0, 0));
        assert!(!world.people[0].sealed.iter().any(|words| words.contains("milk")));
        assert_eq!(before, world.people.iter().map(|person| person.deposits).sum::<u32>());
        for who in ["self", "Notes"] {
            assert_eq!(world.bodies(0, who, true), ["buy milk", long.as_str()]);
        }
    }

    #[test]
    fn there_is_one_and_it_is_called_as_the_user_wants() {
        let mut world = World::new(311, 1, 3);
        world.invite_link(0, "Notes");
        let draft = Draft { who: "self".into(), set: true, text: "half".into() };
        assert_eq!(world.request(0, draft), Ok("half".to_owned()));
        assert_eq!(notes(&mut world).unwrap().name, "Notes 2", "somebody has the other name");
        let renamed = world.change(0, "self", ContactAction::Rename("Thoughts".into())).unwrap();
        world.kill(0);
        assert_eq!(world.send(0, "Thoughts", "one").contact, renamed.id);
        assert_eq!(world.send(0, "self", "two").contact, renamed.id);
        assert_eq!(world.contacts(0).len(), 2);
        let pinned = world.change(0, "self", ContactAction::Pin(true)).unwrap();
        assert!(pinned.pinned && pinned.has_draft && !pinned.held);
        assert!(world.change(0, "self", ContactAction::Unread).unwrap().marked_unread);
    }

    #[test]
    fn who_is_called_self_is_who_is_meant() {
        let mut world = World::new(312, 1, 3);
        world.invite_link(0, "self");
        assert_eq!(world.send(0, "self", "hello").state, Delivery::Queued);
        assert_eq!(notes(&mut world), None);
    }

    #[test]
    fn what_is_for_somebody_is_refused_and_a_new_name_is_told_to_nobody_there() {
        let mut world = World::new(313, 1, 3);
        let sent = world.send(0, "self", "one");
        for action in [
            ContactAction::Block(true),
            ContactAction::Block(false),
            ContactAction::Delete,
            ContactAction::Accept,
            ContactAction::Decline,
            ContactAction::Verify(None),
            ContactAction::Verify(Some("12345".into())),
            ContactAction::Resume,
        ] {
            assert_eq!(world.change(0, "self", action.clone()), Err(ChangeError::NotForSelf), "{action:?}");
        }
        let number = world.request(0, AskSafetyNumber { who: "self".into() });
        assert_eq!(number, Err(NumberError::NotForSelf));
        let compare = CompareCode { who: "self".into(), code: "privatus:v#AQ".into() };
        assert!(matches!(world.request(0, compare), Err(NumberError::NotForSelf)));
        let cancelled = world.request(0, CancelInvite { id: "Notes".into() });
        assert_eq!(cancelled, Err(CancelError::NoSuchInvite));
        assert!(world.request(0, SetProfileName { name: "Ann".into() }).is_ok());
        let store = &world.people[0].engine.turn.store;
        let waits = store.outgoing_in_state(sent.contact, OutgoingState::Waiting, 10).unwrap();
        assert!(waits.is_empty());
        assert_eq!(world.bodies(0, "self", true), ["one"]);
    }
}
