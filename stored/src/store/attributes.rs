//! What the user keeps about a conversation.

use ipc_schema::Timestamp;

use super::Store;
use crate::error::StoreError;
use crate::ids::ContactId;

impl Store {
    pub(crate) fn set_pinned(&self, id: ContactId, pinned: bool) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET pinned = ?2 WHERE id = ?1", (id, pinned))
    }

    /// 0: not muted; all ones: for ever.
    pub(crate) fn set_muted_until(&self, id: ContactId, until: Timestamp) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET muted_until = ?2 WHERE id = ?1", (id, until.0.cast_signed()))
    }

    pub(crate) fn set_note(&self, id: ContactId, note: &str) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET note = ?2 WHERE id = ?1", (id, note))
    }

    /// It counts as unread until something of it is read: [`Store::set_unread`].
    pub(crate) fn mark_unread(&self, id: ContactId) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET marked_unread = 1 WHERE id = ?1", [id])
    }

    /// What was begun to be written; empty: nothing.
    pub(crate) fn draft(&self, id: ContactId) -> Result<String, StoreError> {
        let draft = self.row("SELECT body FROM drafts WHERE contact = ?1", [id], |row| row.get(0))?;
        Ok(draft.unwrap_or_default())
    }

    /// Keeps what was begun to be written, in the place of what there was.
    pub(crate) fn set_draft(&self, id: ContactId, body: &str) -> Result<(), StoreError> {
        if body.is_empty() {
            return self.run("DELETE FROM drafts WHERE contact = ?1", [id]);
        }
        self.run("INSERT OR REPLACE INTO drafts (contact, body) VALUES (?1, ?2)", (id, body))
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::MUTED_FOR_EVER;

    use super::*;
    use crate::content::WireId;
    use crate::store::{Contact, ContactState, Delivery, Message, Note, StoreKey};

    const ANN: ContactId = ContactId(1);
    const BOB: ContactId = ContactId(2);

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap()
    }

    /// Bob was spoken with last.
    fn two(folder: &tempfile::TempDir) -> Store {
        let store = store(folder);
        store.add_contact(ANN, "ann", ContactState::Connected, Timestamp(1)).unwrap();
        store.add_contact(BOB, "bob", ContactState::Connected, Timestamp(2)).unwrap();
        store
    }

    fn ann(store: &Store) -> Contact {
        store.contact(ANN).unwrap().unwrap()
    }

    fn theirs(number: u8, position: i64) -> Message {
        Message {
            position,
            chain: Timestamp(1),
            sequence: number.into(),
            sent_at: Timestamp(5),
            received_at: Timestamp(6),
            body: "hello".into(),
            state: Delivery::Delivered,
            ..Message::new(format!("m{number}"), ANN, WireId([number; 16]))
        }
    }

    #[test]
    fn who_is_pinned_stands_before_whoever_was_spoken_with_since() {
        let folder = tempfile::tempdir().unwrap();
        let store = two(&folder);
        let order = || store.contacts().unwrap().into_iter().map(|contact| contact.id).collect::<Vec<_>>();
        assert_eq!(order(), [BOB, ANN]);
        store.set_pinned(ANN, true).unwrap();
        assert_eq!(order(), [ANN, BOB]);
        store.set_pinned(BOB, true).unwrap();
        assert_eq!(order(), [BOB, ANN], "of the pinned, too, the latest");
    }

    #[test]
    fn what_is_kept_about_a_conversation_is_there_when_the_store_is_opened_again_and_goes_with_the_contact() {
        let folder = tempfile::tempdir().unwrap();
        let first = two(&folder);
        let draft = "half a sentence, and ".repeat(5_000);
        first.set_muted_until(ANN, MUTED_FOR_EVER).unwrap();
        first.set_note(ANN, "met in Lyon").unwrap();
        first.set_draft(ANN, "half").unwrap();
        first.set_draft(ANN, &draft).unwrap();
        drop(first);
        let store = store(&folder);
        let kept = ann(&store);
        assert_eq!((kept.muted_until, kept.note.as_str()), (MUTED_FOR_EVER, "met in Lyon"));
        assert!(kept.has_draft && store.draft(ANN).unwrap() == draft);
        assert!(!store.contact(BOB).unwrap().unwrap().has_draft);
        store.set_draft(ANN, "").unwrap();
        assert!(!ann(&store).has_draft && store.draft(ANN).unwrap().is_empty());
        store.set_draft(ANN, "again").unwrap();
        store.delete_contact(ANN).unwrap();
        assert_eq!(store.draft(ANN).unwrap(), "");
    }

    #[test]
    fn a_draft_and_a_note_cannot_be_read_off_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = two(&folder);
        store.set_note(ANN, "sentinel note").unwrap();
        store.set_draft(ANN, &"sentinel draft".repeat(1_000)).unwrap();
        for name in ["store.db", "store.db-wal"] {
            let bytes = std::fs::read(folder.path().join(name)).unwrap();
            assert!(!bytes.windows(8).any(|window| window == b"sentinel"), "{name}");
        }
    }

    #[test]
    fn a_mark_counts_as_one_where_nothing_is_unread_and_goes_when_something_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = two(&folder);
        let unread = || (ann(&store).shown_unread(), store.unread().unwrap());
        assert_eq!(unread(), (0, 0));
        store.mark_unread(ANN).unwrap();
        assert_eq!(unread(), (1, 1));
        store.touch_contact(ANN, Timestamp(3), "hello", 2).unwrap();
        assert_eq!(unread(), (2, 2), "they are unread anyway");
        store.set_unread(ANN, 0).unwrap();
        assert_eq!(unread(), (0, 0));
        assert!(!ann(&store).marked_unread);
    }

    #[test]
    fn what_is_unread_begins_where_it_stands_and_not_where_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let store = two(&folder);
        for (number, position) in [(1, 30), (2, 10), (3, 20)] {
            store.add_message(&theirs(number, position)).unwrap();
        }
        store.add_message(&Message { mine: true, ..theirs(4, 5) }).unwrap();
        store.add_message(&Message { state: Delivery::Read, note: Note::Reopened, ..theirs(5, 6) }).unwrap();
        assert_eq!(ann(&store).first_unread, "m2");
        assert_eq!(store.mark_read(ANN, 10).unwrap(), 2);
        assert_eq!(ann(&store).first_unread, "m3");
        assert_eq!(store.mark_read(ANN, i64::MAX).unwrap(), 0);
        assert_eq!(ann(&store).first_unread, "");
        assert_eq!(store.contact(BOB).unwrap().unwrap().first_unread, "");
    }
}
