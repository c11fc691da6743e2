//! What the user keeps about a conversation. It stays here: no peer and no relay learns of it
//! (docs/protocol/content.md, "What stays here").

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{MUTE_LONGEST, MUTED_FOR_EVER, is_muted};

use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::ContactId;

/// Nothing of a conversation draws attention until then. An end that is too far away is taken for the last that can be, one that has come
/// for none.
pub(super) fn mute(turn: &Turn, id: ContactId, until: Timestamp) -> Result<(), StoreError> {
    let last = turn.now.after(MUTE_LONGEST);
    let until = if until == MUTED_FOR_EVER { until } else { until.min(last) };
    let until = if is_muted(until, turn.now) { until } else { Timestamp(0) };
    turn.store.set_muted_until(id, until)
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::{ChangeError, ContactAction, Count, Draft, MarkRead};
    use ipc_schema::limits::NOTE_MAX_BYTES;

    use super::super::world::World;
    use super::*;
    use crate::store::{Contact, Note};

    fn change(world: &mut World, action: ContactAction) -> Contact {
        world.change(0, "bob", action).unwrap()
    }

    #[test]
    fn what_is_unread_begins_with_their_oldest_text_and_a_mark_stays_until_something_is_read() {
        let mut world = World::new(300, 2, 3);
        world.introduce();
        world.send(0, "bob", "one");
        world.send(0, "bob", "two");
        world.until(|world| world.bodies(1, "ann", false).len() == 2);
        let messages = world.messages(1, "ann").into_iter();
        let theirs = messages.filter(|message| !message.mine && message.note == Note::None);
        let ids: Vec<String> = theirs.map(|message| message.id).collect();
        let read = |world: &mut World, up_to: &str| {
            world.request(1, MarkRead { who: "ann".into(), up_to: up_to.into() }).unwrap();
        };
        let told = |world: &mut World| {
            let ann = world.contacts(1).remove(0);
            let all = world.request(1, Count {}).unwrap().unread;
            assert_eq!(ann.shown_unread(), all);
            (all, ann.first_unread)
        };
        assert_eq!(told(&mut world), (2, ids[0].clone()));
        read(&mut world, &ids[0]);
        assert_eq!(told(&mut world), (1, ids[1].clone()));
        read(&mut world, "");
        assert_eq!(told(&mut world), (0, String::new()));
        for up_to in [ids[0].as_str(), ""] {
            assert_eq!(world.change(1, "ann", ContactAction::Unread).unwrap().shown_unread(), 1);
            world.kill(1);
            assert_eq!(told(&mut world), (1, String::new()), "nothing in it is");
            read(&mut world, up_to);
            assert_eq!(told(&mut world), (0, String::new()));
        }
    }

    #[test]
    fn what_is_kept_about_a_conversation_outlives_a_kill_and_is_told_to_nobody_else() {
        let mut world = World::new(301, 2, 3);
        world.introduce();
        world.run_for(180_000);
        let before: u32 = world.people.iter().map(|person| person.deposits).sum();
        change(&mut world, ContactAction::Pin(true));
        change(&mut world, ContactAction::Mute(MUTED_FOR_EVER));
        change(&mut world, ContactAction::Note("met in Lyon".into()));
        change(&mut world, ContactAction::Unread);
        let draft = Draft { who: "bob".into(), set: true, text: "half a sent".into() };
        assert!(world.request(0, draft).is_ok());
        world.kill(0);
        let bob = world.contacts(0).remove(0);
        assert!(bob.pinned && bob.muted_until == MUTED_FOR_EVER && bob.marked_unread && bob.has_draft);
        assert_eq!(bob.note, "met in Lyon");
        world.run_for(60_000);
        assert_eq!(before, world.people.iter().map(|person| person.deposits).sum::<u32>());
        assert!(!change(&mut world, ContactAction::Pin(false)).pinned);
        assert_eq!(change(&mut world, ContactAction::Note(String::new())).note, "");
    }

    #[test]
    fn a_mute_ends_at_its_moment_or_never_and_not_later_than_can_be() {
        let mut world = World::new(302, 1, 3);
        world.invite_link(0, "bob");
        let now = world.now;
        let mut until = |until| change(&mut world, ContactAction::Mute(until)).muted_until;
        let later = Timestamp(now.0 + 8 * 3_600_000);
        assert_eq!(until(later), later);
        assert_eq!(until(MUTED_FOR_EVER), MUTED_FOR_EVER);
        assert_eq!(until(Timestamp(0)), Timestamp(0));
        assert_eq!(until(Timestamp(now.0 - 1)), Timestamp(0), "it has come");
        for far in [u64::MAX - 1, now.0 * 2] {
            let until = until(Timestamp(far));
            assert!(is_muted(until, now) && until < Timestamp(now.0 + 367 * 86_400_000), "{until:?}");
        }
    }

    #[test]
    fn a_note_that_is_too_long_is_told_as_such_and_changes_nothing() {
        let mut world = World::new(304, 1, 3);
        world.invite_link(0, "bob");
        let longest = "x".repeat(NOTE_MAX_BYTES);
        assert_eq!(change(&mut world, ContactAction::Note(longest.clone())).note, longest);
        let longer = ContactAction::Note("x".repeat(NOTE_MAX_BYTES + 1));
        assert_eq!(world.change(0, "bob", longer), Err(ChangeError::NoteTooLong));
        assert_eq!(world.contacts(0).remove(0).note, longest);
    }
}
