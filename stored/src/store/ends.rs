//! How long texts live, and which are at their end.

use std::time::Duration;

use ipc_schema::Timestamp;

use super::{OutgoingKind, Store};
use crate::content::{ChatTimer, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;

/// A text of theirs that nobody reads lives so much longer.
pub(crate) const UNREAD: Duration = Duration::from_secs(28 * 86_400);
/// Names of texts at their end that are kept for one contact: far more than a sender has un-acked, and so could tell again. The oldest go
/// first.
const NAMES_MAX: u32 = 10_000;

/// A text that is at its end.
pub(crate) struct Ended {
    /// Its id.
    pub id: String,
    /// The other side of the conversation.
    pub contact: ContactId,
    /// What both sides call it.
    pub wire: WireId,
}

/// `duration` as it is added to moments.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    pub(crate) fn set_timer(&self, contact: ContactId, timer: ChatTimer) -> Result<(), StoreError> {
        let sql = "UPDATE contacts SET timer_s = ?2, timer_version = ?3 WHERE id = ?1";
        self.run(sql, (contact, timer.seconds, timer.version.cast_signed()))
    }

    /// What waits for a number says what holds when it gets one: another is on its way behind it.
    pub(crate) fn drop_waiting_timers(&self, contact: ContactId) -> Result<(), StoreError> {
        let sql = "DELETE FROM outgoing WHERE contact = ?1 AND state = 0 AND kind = ?2";
        self.run(sql, (contact, OutgoingKind::Timer))
    }

    /// An own text is at a relay: its life begins, if it has an end and has not begun. When it ends.
    pub(crate) fn begin_life(&self, id: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.row(
            "UPDATE messages SET disappears_at = ?2 + 1000 * timer_s
             WHERE id = ?1 AND mine = 1 AND note = 0 AND timer_s > 0 AND disappears_at = 0 RETURNING disappears_at",
            (id, now.0.cast_signed()),
            |row| Ok(Timestamp(row.get::<_, i64>(0)?.cast_unsigned())),
        )
    }

    /// What came up to place `position` is read now: the lives that begin with that, and when they end.
    pub(crate) fn begin_lives_of_read(
        &self,
        contact: ContactId,
        position: i64,
        now: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.rows(
            "UPDATE messages SET disappears_at = min(disappears_at, ?3 + 1000 * timer_s)
             WHERE contact = ?1 AND mine = 0 AND state = 2 AND position <= ?2 AND note = 0 AND timer_s > 0
             RETURNING id, disappears_at",
            (contact, position, now.0.cast_signed()),
            |row| Ok((row.get(0)?, Timestamp(row.get::<_, i64>(1)?.cast_unsigned()))),
        )
    }

    /// When the next text is at its end.
    pub(crate) fn next_end(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(disappears_at) FROM messages WHERE disappears_at > 0";
        let next = self.row(sql, [], |row| row.get::<_, Option<i64>>(0))?;
        Ok(next.flatten().map(|at| Timestamp(at.cast_unsigned())))
    }

    /// Texts at their end, the first `limit`.
    pub(crate) fn ended(&self, now: Timestamp, limit: u32) -> Result<Vec<Ended>, StoreError> {
        self.rows(
            "SELECT id, contact, wire FROM messages WHERE disappears_at > 0 AND disappears_at <= ?1
             ORDER BY disappears_at LIMIT ?2",
            (now.0.cast_signed(), limit),
            |row| Ok(Ended { id: row.get(0)?, contact: row.get(1)?, wire: WireId(row.get(2)?) }),
        )
    }

    /// A text is gone with all that was said of it. Its names stay known for a while, so that it does not come in again.
    pub(crate) fn end_message(&self, ended: &Ended, now: Timestamp) -> Result<(), StoreError> {
        let Ended { id, contact, wire } = ended;
        self.drop_changes(*contact, *wire, None)?;
        self.run("DELETE FROM messages WHERE id = ?1", [id])?;
        self.run(
            "INSERT OR IGNORE INTO gone (id, contact, wire, ended_at) VALUES (?1, ?2, ?3, ?4)",
            (id, contact, wire.0, now.0.cast_signed()),
        )?;
        self.forget_about(*contact, *wire)
    }

    /// Of the texts of a contact that are at their end the oldest names are forgotten. What a person deleted stays known.
    pub(crate) fn forget_oldest_names(&self, contact: ContactId) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM gone WHERE contact = ?1 AND ended_at > 0 AND ended_at <
             (SELECT ended_at FROM gone WHERE contact = ?1 AND ended_at > 0 ORDER BY ended_at DESC LIMIT 1 OFFSET ?2)",
            (contact, NAMES_MAX),
        )
    }

    /// The clock may have been set back: no life lasts longer than it would if it began now.
    pub(crate) fn no_end_later_than(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "UPDATE messages SET disappears_at = ?1 + 1000 * timer_s + ?2 * (mine = 0 AND state = 2)
             WHERE disappears_at > 0 AND disappears_at > ?1 + 1000 * timer_s + ?2 * (mine = 0 AND state = 2)",
            (now.0.cast_signed(), millis(UNREAD)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ContactState, Delivery, Message, Note, StoreKey};

    const ANN: ContactId = ContactId(1);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const UNREAD_MS: u64 = 28 * 86_400_000;

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "ann", ContactState::Connected, Timestamp(1)).unwrap();
        store
    }

    fn wire(number: u32) -> WireId {
        WireId(u128::from(number).to_be_bytes())
    }

    /// Of one minute.
    fn text(number: u32, mine: bool) -> Message {
        Message {
            mine,
            position: number.into(),
            sent_at: NOW,
            received_at: if mine { Timestamp(0) } else { NOW },
            body: format!("text {number}"),
            state: if mine { Delivery::Queued } else { Delivery::Delivered },
            timer_s: 60,
            disappears_at: (!mine).then_some(Timestamp(NOW.0 + UNREAD_MS + 60_000)),
            ..Message::new(format!("m{number}"), ANN, wire(number))
        }
    }

    fn end(store: &Store, id: &str) -> Option<Timestamp> {
        store.message(id).unwrap().unwrap().disappears_at
    }

    fn ended(store: &Store, now: u64, limit: u32) -> Vec<String> {
        store.ended(Timestamp(now), limit).unwrap().into_iter().map(|ended| ended.id).collect()
    }

    #[test]
    fn a_life_begins_once_at_a_relay_or_when_it_is_read_and_a_line_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.add_message(&text(1, true)).unwrap();
        store.add_message(&text(2, false)).unwrap();
        store.add_message(&text(3, false)).unwrap();
        let line =
            Message { note: Note::TimerChanged, state: Delivery::Read, disappears_at: None, ..text(4, true) };
        store.add_message(&line).unwrap();
        let forever = Message { timer_s: 0, disappears_at: None, ..text(5, true) };
        store.add_message(&forever).unwrap();
        assert_eq!((end(&store, "m1"), end(&store, "m4")), (None, None));
        let minute = Timestamp(NOW.0 + 60_000);
        assert_eq!(store.begin_life("m1", NOW).unwrap(), Some(minute));
        assert_eq!(store.begin_life("m1", Timestamp(NOW.0 + 5)).unwrap(), None, "it has begun");
        for id in ["m4", "m5"] {
            assert_eq!(store.begin_life(id, NOW).unwrap(), None, "{id}");
        }
        assert_eq!(store.next_end().unwrap(), Some(minute));
        assert_eq!(store.begin_lives_of_read(ANN, 2, NOW).unwrap(), [("m2".to_owned(), minute)]);
        assert_eq!(end(&store, "m3"), Some(Timestamp(NOW.0 + UNREAD_MS + 60_000)), "it was not read");
        assert_eq!(ended(&store, minute.0 - 1, 10), [""; 0]);
        assert_eq!(ended(&store, minute.0, 10).len(), 2);
        assert_eq!(ended(&store, minute.0, 1).len(), 1);
        assert_eq!(ended(&store, minute.0 + UNREAD_MS, 10).len(), 3);
    }

    #[test]
    fn a_text_at_its_end_goes_with_all_that_was_said_of_it_and_stays_known_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.add_message(&text(1, true)).unwrap();
        store.set_draft(ANN, "begun").unwrap();
        store.set_own_reaction(ANN, wire(1), "👍").unwrap();
        store.add_moment("m1", Delivery::Relayed, NOW).unwrap();
        let change = crate::store::Change { wire: wire(1), name: wire(9), body: "edited".into() };
        store.add_change(ANN, OutgoingKind::Edit, &change, 1).unwrap();
        store.begin_life("m1", NOW).unwrap();
        for ended in store.ended(Timestamp(NOW.0 + 60_000), 10).unwrap() {
            store.end_message(&ended, NOW).unwrap();
        }
        for table in ["messages", "reactions", "message_states", "changes", "outgoing"] {
            let count = store.row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
            assert_eq!(count.unwrap(), Some(0), "{table}");
        }
        assert!(store.is_gone("m1").unwrap() && store.is_wire_gone(ANN, wire(1)).unwrap());
        assert_eq!(store.draft(ANN).unwrap(), "begun");
        assert_eq!(store.next_end().unwrap(), None);
    }

    #[test]
    fn the_names_of_texts_at_their_end_are_bounded_and_those_that_a_person_deleted_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.begin().unwrap();
        store.add_message(&text(0, true)).unwrap();
        store.remove_message(&text(0, true)).unwrap();
        for number in 1..=NAMES_MAX + 50 {
            let ended = Ended { id: format!("m{number}"), contact: ANN, wire: wire(number) };
            store.end_message(&ended, Timestamp(NOW.0 + u64::from(number))).unwrap();
        }
        store.forget_oldest_names(ANN).unwrap();
        store.commit().unwrap();
        let count = store.row("SELECT count(*) FROM gone", [], |row| row.get::<_, u32>(0)).unwrap();
        assert_eq!(count, Some(NAMES_MAX + 2));
        assert!(
            store.is_gone("m0").unwrap() && store.is_gone("m50").unwrap() && !store.is_gone("m49").unwrap()
        );
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_life_longer() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let ahead = 9 * 86_400_000;
        store.add_message(&text(1, true)).unwrap();
        store.begin_life("m1", Timestamp(NOW.0 + ahead)).unwrap();
        store.add_message(&text(2, true)).unwrap();
        store.begin_life("m2", Timestamp(NOW.0 - 5_000)).unwrap();
        let late = Some(Timestamp(NOW.0 + ahead + UNREAD_MS + 60_000));
        store.add_message(&Message { disappears_at: late, ..text(3, false) }).unwrap();
        store.no_end_later_than(NOW).unwrap();
        let ends = ["m1", "m2", "m3"].map(|id| end(&store, id).unwrap().0 - NOW.0);
        assert_eq!(ends, [60_000, 55_000, UNREAD_MS + 60_000]);
    }

    #[test]
    fn what_is_at_its_end_is_found_by_an_index_and_not_by_looking_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for sql in [
            "SELECT min(disappears_at) FROM messages WHERE disappears_at > 0",
            "SELECT id, contact, wire FROM messages WHERE disappears_at > 0 AND disappears_at <= 5
             ORDER BY disappears_at LIMIT 5",
            "SELECT ended_at FROM gone WHERE contact = 1 AND ended_at > 0 ORDER BY ended_at DESC LIMIT 1 OFFSET 5",
        ] {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let plan: Vec<String> = store.rows(&plan, [], |row| row.get(3)).unwrap();
            let indexed = plan.iter().all(|step| step.contains("_ends") && !step.contains("TEMP B-TREE"));
            assert!(indexed, "{plan:?}");
        }
    }
}
