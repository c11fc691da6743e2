//! How long what was said is kept, and what is older.

use ipc_schema::Timestamp;

use super::ends::Ended;
use super::{Delivery, Store};
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::ContactId;

/// What holds for contacts that have nothing of their own, seconds.
pub(super) const NAME: &str = "retention";

impl Store {
    /// For how long, in seconds, contacts that have nothing of their own are kept; 0: for ever.
    pub(crate) fn retention(&self) -> Result<u32, StoreError> {
        Ok(self.setting(NAME)?.and_then(|seconds| seconds.parse().ok()).unwrap_or(0))
    }

    pub(crate) fn set_retention(&self, seconds: u32) -> Result<(), StoreError> {
        self.set_setting(NAME, &seconds.to_string())
    }

    /// What holds for one contact from now on.
    pub(crate) fn set_retention_of(&self, contact: ContactId, seconds: u32) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET retention_s = ?2 WHERE id = ?1", (contact, seconds))
    }

    /// Those for whom what holds for all does.
    pub(crate) fn without_retention(&self) -> Result<Vec<ContactId>, StoreError> {
        self.rows("SELECT id FROM contacts WHERE retention_s IS NULL AND state <> 3", [], |row| row.get(0))
    }

    /// The shortest that anything is kept, seconds; `None`: all for ever.
    pub(crate) fn shortest_retention(&self) -> Result<Option<u32>, StoreError> {
        let sql = "SELECT min(retention_s) FROM contacts WHERE retention_s > 0";
        let own = self.row(sql, [], |row| row.get::<_, Option<u32>>(0))?.flatten();
        let all = Some(self.retention()?).filter(|seconds| *seconds > 0);
        Ok(own.into_iter().chain(all).min())
    }

    /// Messages that are older than they are kept, `limit` at most; of one contact the oldest first. What has not left, and an introduction
    /// that is open, waits for the user.
    pub(crate) fn too_old(&self, now: Timestamp, limit: u32) -> Result<Vec<Ended>, StoreError> {
        self.rows(
            TOO_OLD,
            (now.0.cast_signed(), self.retention()?, limit, Delivery::Queued, Delivery::Failed),
            |row| Ok(Ended { id: row.get(0)?, contact: row.get(1)?, wire: WireId(row.get(2)?) }),
        )
    }
}

/// A moment that lies ahead of the clock is not old.
const TOO_OLD: &str = "
SELECT m.id, m.contact, m.wire
FROM (SELECT id, ifnull(retention_s, CASE WHEN state = 3 THEN 0 ELSE ?2 END) AS kept_s FROM contacts) c
CROSS JOIN messages m ON m.contact = c.id
    AND iif(m.received_at > 0, m.received_at, m.sent_at) <= ?1 - 1000 * c.kept_s
WHERE c.kept_s > 0 AND NOT (m.mine = 1 AND m.note = 0 AND m.state IN (?4, ?5))
    AND NOT EXISTS (SELECT 1 FROM introductions i WHERE i.message = m.id AND i.state < 2)
LIMIT ?3";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ContactState, Message, Note, StoreKey};

    const ANN: ContactId = ContactId(1);
    const BOB: ContactId = ContactId(2);
    const NOTES: ContactId = ContactId(3);
    const NOW: u64 = 1_800_000_000_000;
    const DAY_S: u32 = 86_400;

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "ann", ContactState::Connected, Timestamp(1)).unwrap();
        store.add_contact(BOB, "bob", ContactState::Connected, Timestamp(1)).unwrap();
        store.add_contact(NOTES, "Notes", ContactState::Oneself, Timestamp(1)).unwrap();
        store
    }

    /// That came, or was written, so many days ago.
    fn text(contact: ContactId, days: u64, mine: bool) -> Message {
        let number = u128::from(days) * 16 + u128::from(contact.0) * 2 + u128::from(mine);
        let at = Timestamp(NOW - days * u64::from(DAY_S) * 1_000);
        Message {
            mine,
            position: i64::try_from(number).unwrap(),
            sent_at: if mine { at } else { Timestamp(5) },
            received_at: if mine { Timestamp(0) } else { at },
            body: "words".into(),
            state: Delivery::Delivered,
            ..Message::new(format!("{}-{days}-{mine}", contact.0), contact, WireId(number.to_be_bytes()))
        }
    }

    fn old(store: &Store, limit: u32) -> Vec<String> {
        let mut old: Vec<_> =
            store.too_old(Timestamp(NOW), limit).unwrap().into_iter().map(|ended| ended.id).collect();
        old.sort();
        old
    }

    #[test]
    fn what_is_older_than_it_is_kept_is_found_whoever_wrote_it_by_this_computers_clock() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for contact in [ANN, BOB, NOTES] {
            for days in [1, 9, 40] {
                store.add_message(&text(contact, days, true)).unwrap();
                store.add_message(&text(contact, days, false)).unwrap();
            }
        }
        assert_eq!((old(&store, 99), store.shortest_retention().unwrap()), (vec![], None), "for ever");
        store.set_retention(30 * DAY_S).unwrap();
        assert_eq!(old(&store, 99), ["1-40-false", "1-40-true", "2-40-false", "2-40-true"]);
        assert_eq!(old(&store, 3).len(), 3);
        store.set_retention_of(BOB, 7 * DAY_S).unwrap();
        store.set_retention_of(ANN, 0).unwrap();
        assert_eq!(old(&store, 99), ["2-40-false", "2-40-true", "2-9-false", "2-9-true"]);
        assert_eq!(store.shortest_retention().unwrap(), Some(7 * DAY_S));
        assert_eq!(store.without_retention().unwrap(), []);
        store.set_retention_of(NOTES, DAY_S).unwrap();
        assert_eq!(old(&store, 99).len(), 4 + 6, "a day is over");
        let kept = |id| store.contact(id).unwrap().unwrap().retention_s;
        assert_eq!([ANN, BOB, NOTES].map(kept), [0, 7 * DAY_S, DAY_S]);
    }

    #[test]
    fn what_has_not_left_or_lies_ahead_of_the_clock_stays_and_a_line_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for (days, state) in [
            (1, Delivery::Queued),
            (2, Delivery::Failed),
            (3, Delivery::Relayed),
            (4, Delivery::Read),
            (5, Delivery::Expired),
        ] {
            store.add_message(&Message { state, ..text(ANN, days, true) }).unwrap();
        }
        let line = Message { note: Note::TimerChanged, received_at: Timestamp(5), ..text(ANN, 6, true) };
        store.add_message(&line).unwrap();
        let ahead = Message { sent_at: Timestamp(NOW + 5), ..text(ANN, 7, true) };
        store.add_message(&ahead).unwrap();
        store.set_retention(60).unwrap();
        assert_eq!(old(&store, 99), ["1-3-true", "1-4-true", "1-5-true", "1-6-true"]);
    }

    #[test]
    fn what_is_too_old_is_found_by_an_index_and_not_by_looking_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let plan: Vec<String> =
            store.rows(&format!("EXPLAIN QUERY PLAN {TOO_OLD}"), (1, 2, 3, 4, 5), |row| row.get(3)).unwrap();
        let by_age = "SEARCH m USING INDEX messages_age (contact=? AND <expr><?)";
        assert!(plan.iter().any(|step| step == by_age), "{plan:?}");
        assert!(plan.iter().all(|step| !step.contains("SCAN m") && !step.contains("TEMP")), "{plan:?}");
    }
}
