//! A contact who takes the place of another one: all that was said moves, and what had not arrived waits for its new session.

use ipc_schema::limits::{NOTE_MAX_BYTES, TEXT_MAX_BYTES};

use super::messages::STEP;
use super::{OutgoingKind, Store};
use crate::error::StoreError;
use crate::ids::{ContactId, OutboxId, OutgoingId};

/// When a text of either of the two was written or came, by this computer's clock.
const AT: &str = "CASE mine WHEN 1 THEN sent_at ELSE received_at END";

impl Store {
    pub(crate) fn set_replaces(&self, id: ContactId, older: Option<ContactId>) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET replaces = ?2 WHERE id = ?1", (id, older))
    }

    /// Whose place a contact is to take.
    pub(crate) fn replaces(&self, id: ContactId) -> Result<Option<ContactId>, StoreError> {
        let older = self.row("SELECT replaces FROM contacts WHERE id = ?1", [id], |row| row.get(0))?;
        Ok(older.flatten())
    }

    /// Who is to take a contact's place, the latest of them.
    pub(crate) fn heir(&self, id: ContactId) -> Result<Option<ContactId>, StoreError> {
        let sql = "SELECT id FROM contacts WHERE replaces = ?1 ORDER BY rowid DESC LIMIT 1";
        self.row(sql, [id], |row| row.get(0))
    }

    /// Moves what was said with one contact, and what the user keeps about it, to another one. Texts that are not acked, and what was done
    /// to texts, wait for a number of the other's: these, with the names under which keyvault was asked to seal them. Links that led to
    /// the one lead to the other, and whoever was to take the place of the one is to take that of the other.
    pub(crate) fn move_conversation(
        &self,
        from: ContactId,
        to: ContactId,
    ) -> Result<Vec<(OutgoingId, Option<OutboxId>)>, StoreError> {
        let names = self.move_texts_under_way(from, to)?;
        self.order_together(from, to)?;
        for table in [
            "messages",
            "reactions",
            "parts",
            "early",
            "gone",
            "refused",
            "changes",
            "files",
            "introductions",
            "newer",
        ] {
            self.run(&format!("UPDATE OR IGNORE {table} SET contact = ?2 WHERE contact = ?1"), (from, to))?;
        }
        self.run("UPDATE introductions SET person = ?2 WHERE person = ?1", (from, to))?;
        self.move_links(from, to)?;
        self.move_claims(from, to)?;
        self.run("UPDATE contacts SET replaces = ?2 WHERE replaces = ?1 AND id <> ?2", (from, to))?;
        let inherit =
            "UPDATE contacts SET replaces = (SELECT replaces FROM contacts WHERE id = ?1 AND replaces <> ?2)
             WHERE id = ?2 AND replaces IS NULL";
        self.run(inherit, (from, to))?;
        self.move_attributes(from, to)?;
        self.refresh_contact(to)?;
        Ok(names)
    }

    /// Texts of two conversations stand in the order of time, and those of each as they stood.
    fn order_together(&self, from: ContactId, to: ContactId) -> Result<(), StoreError> {
        let span = |contact| {
            let sql = format!(
                "SELECT min({AT}), max({AT}), ifnull(max(position), 0) FROM messages WHERE contact = ?1"
            );
            self.row(&sql, [contact], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, i64>(2)?))
            })
        };
        let (Some((Some(first), Some(last), end)), Some((Some(to_first), Some(to_last), to_end))) =
            (span(from)?, span(to)?)
        else {
            return Ok(());
        };
        let behind = "UPDATE messages SET position = position + ?2 WHERE contact = ?1";
        if to_last <= first {
            return self.run(behind, (from, to_end));
        }
        if last <= to_first {
            return self.run(behind, (to, end));
        }
        // What stands before the first of those that move stays where it is.
        let sql = format!(
            "WITH turning AS (SELECT min(position) AS place FROM messages WHERE contact = ?2 AND {AT} >= ?4),
             base AS (SELECT ifnull(max(position), 0) AS place FROM messages
                 WHERE contact = ?2 AND position < (SELECT place FROM turning)),
             timed AS (SELECT rowid AS place, contact, position,
                 max({AT}) OVER (PARTITION BY contact ORDER BY position, rowid) AS at
                 FROM messages WHERE contact = ?1 OR contact = ?2 AND position >= (SELECT place FROM turning)),
             ordered AS (SELECT place, row_number() OVER (ORDER BY at, contact = ?2, position, place) AS number FROM timed)
             UPDATE messages SET position = (SELECT place FROM base) + number * ?3 FROM ordered WHERE messages.rowid = ordered.place"
        );
        self.run(&sql, (from, to, STEP, first))
    }

    fn move_attributes(&self, from: ContactId, to: ContactId) -> Result<(), StoreError> {
        self.run(
            "UPDATE contacts SET (pinned, muted_until, marked_unread, receipts, typing, retention_s, files, last_at) =
             (SELECT max(f.pinned, contacts.pinned), iif(contacts.muted_until = 0, f.muted_until, contacts.muted_until),
                 max(f.marked_unread, contacts.marked_unread), ifnull(contacts.receipts, f.receipts),
                 ifnull(contacts.typing, f.typing), ifnull(contacts.retention_s, f.retention_s),
                 ifnull(contacts.files, f.files), max(f.last_at, contacts.last_at)
              FROM contacts f WHERE f.id = ?1) WHERE id = ?2",
            (from, to),
        )?;
        self.set_draft(to, &together(&self.draft(to)?, &self.draft(from)?, TEXT_MAX_BYTES))?;
        let note = |contact| {
            let note = self.row("SELECT note FROM contacts WHERE id = ?1", [contact], |row| row.get(0))?;
            Ok::<String, StoreError>(note.unwrap_or_default())
        };
        self.set_note(to, &together(&note(to)?, &note(from)?, NOTE_MAX_BYTES))
    }

    fn move_texts_under_way(
        &self,
        from: ContactId,
        to: ContactId,
    ) -> Result<Vec<(OutgoingId, Option<OutboxId>)>, StoreError> {
        self.run(
            "DELETE FROM deposits WHERE outgoing IN (SELECT id FROM outgoing WHERE contact = ?1)",
            [from],
        )?;
        let names = self.rows("SELECT id, outbox FROM outgoing WHERE contact = ?1", [from], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        // What was said of links means nothing in another session.
        self.run(
            "DELETE FROM outgoing WHERE contact = ?1 AND (state = 3 OR kind = ?2 OR message IS NULL AND change IS NULL)",
            (from, OutgoingKind::Meeting),
        )?;
        self.run("DELETE FROM changes WHERE contact = ?1 AND kind = ?2", (from, OutgoingKind::Meeting))?;
        self.run(
            "UPDATE outgoing SET contact = ?2, state = 0, sequence = 0, relayed = 0, content = NULL, outbox = NULL,
             reseals = 0, laid_at = 0, renewed_at = 0 WHERE contact = ?1",
            (from, to),
        )?;
        // What lay at a relay lies there for nobody.
        self.run(
            "DELETE FROM message_states WHERE state = 1 AND message IN
             (SELECT id FROM messages WHERE contact = ?1 AND mine = 1 AND note = 0 AND state = 1)",
            [from],
        )?;
        self.run(
            "UPDATE messages SET state = 0 WHERE contact = ?1 AND mine = 1 AND note = 0 AND state = 1",
            [from],
        )?;
        Ok(names)
    }
}

/// Neither is lost while there is room.
fn together(one: &str, other: &str, most: usize) -> String {
    let both: Vec<&str> = [one, other].into_iter().filter(|text| !text.is_empty()).collect();
    let mut both = both.join("\n");
    both.truncate(both.floor_char_boundary(most));
    both
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;

    use super::*;
    use crate::content::WireId;
    use crate::store::{ContactState, Cursor, Delivery, Message, StoreKey};

    const ANN: ContactId = ContactId(1);
    const BEA: ContactId = ContactId(2);

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "ann", ContactState::Connected, Timestamp(1)).unwrap();
        store.add_contact(BEA, "bea", ContactState::Connected, Timestamp(1)).unwrap();
        store
    }

    fn say(store: &Store, contact: ContactId, name: u8, at: u64) {
        let message = Message {
            mine: name.is_multiple_of(2),
            position: store.last_position(contact).unwrap(),
            sent_at: Timestamp(if name.is_multiple_of(2) { at } else { 9_999 }),
            received_at: Timestamp(if name.is_multiple_of(2) { 0 } else { at }),
            body: format!("text {name}"),
            state: Delivery::Delivered,
            ..Message::new(format!("m{name}"), contact, WireId([name; 16]))
        };
        store.add_message(&message).unwrap();
    }

    fn names(store: &Store, contact: ContactId) -> Vec<String> {
        let (all, _) = store.messages_from(contact, Cursor::at(i64::MIN), (99, usize::MAX)).unwrap();
        all.into_iter().map(|message| message.id).collect()
    }

    #[test]
    fn two_conversations_become_one_in_the_order_of_time_and_each_keeps_its_own() {
        for (ann, bea, order) in [
            (vec![(1, 10), (2, 20)], vec![(3, 30), (4, 40)], ["m1", "m2", "m3", "m4"]),
            (vec![(1, 30), (2, 40)], vec![(3, 10), (4, 20)], ["m3", "m4", "m1", "m2"]),
            (vec![(1, 10), (2, 30)], vec![(3, 20), (4, 40)], ["m1", "m3", "m2", "m4"]),
            // The clock was set back between two of one conversation.
            (vec![(1, 30), (2, 10)], vec![(3, 20), (4, 40)], ["m3", "m1", "m2", "m4"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let store = store(&folder);
            ann.iter().for_each(|(name, at)| say(&store, ANN, *name, *at));
            bea.iter().for_each(|(name, at)| say(&store, BEA, *name, *at));
            store.move_conversation(ANN, BEA).unwrap();
            assert_eq!(names(&store, BEA), order);
            store.delete_contact(ANN).unwrap();
            say(&store, BEA, 5, 5);
            assert_eq!(names(&store, BEA).last().unwrap(), "m5");
        }
    }

    #[test]
    fn what_the_user_keeps_about_either_is_kept_and_their_own_word_for_who_stays_holds() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.set_pinned(ANN, true).unwrap();
        store.set_muted_until(ANN, Timestamp(7)).unwrap();
        store.set_muted_until(BEA, Timestamp(8)).unwrap();
        store.set_note(ANN, "of Ann").unwrap();
        store.set_note(BEA, "of Bea").unwrap();
        store.set_draft(ANN, "begun").unwrap();
        store.set_courtesy_of(ANN, crate::store::Courtesy::Receipts, true).unwrap();
        store.set_courtesy_of(BEA, crate::store::Courtesy::Receipts, false).unwrap();
        store.set_courtesy_of(ANN, crate::store::Courtesy::Typing, true).unwrap();
        store.move_conversation(ANN, BEA).unwrap();
        let bea = store.contact(BEA).unwrap().unwrap();
        assert_eq!((bea.pinned, bea.muted_until, bea.note.as_str()), (true, Timestamp(8), "of Bea\nof Ann"));
        assert_eq!((bea.receipts, bea.typing), (false, true));
        assert_eq!(store.draft(BEA).unwrap(), "begun");
        assert_eq!(together("ä", "ö", 3).as_str(), "ä\n", "cut between characters");
    }

    #[test]
    fn what_lies_at_relays_for_who_stays_is_not_said_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for (contact, name) in [(ANN, 2), (BEA, 4)] {
            say(&store, contact, name, 10);
            store.run("UPDATE messages SET state = 1 WHERE contact = ?1", [contact]).unwrap();
            let id = format!("m{name}");
            store.add_outgoing(contact, OutgoingKind::Text, Some((&id, 0, 1)), None).unwrap();
            store
                .run("UPDATE outgoing SET state = 2, relayed = 1, sequence = 1 WHERE contact = ?1", [contact])
                .unwrap();
        }
        assert_eq!(store.move_conversation(ANN, BEA).unwrap().len(), 1);
        let states = |id| store.message(id).unwrap().unwrap().state;
        assert_eq!((states("m2"), states("m4")), (Delivery::Queued, Delivery::Relayed));
        assert_eq!(store.waiting(BEA, true, 9).unwrap().len(), 1);
    }
}
