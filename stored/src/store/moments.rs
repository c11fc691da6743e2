//! The life of an own text: when it came how far in its present try, what its parts have behind them at relays, and when it is given up.

use std::time::Duration;

use ipc_schema::Timestamp;

use super::{Delivery, OutgoingKind, Reason, Store};
use crate::error::StoreError;
use crate::ids::{ContactId, OutgoingId};
use crate::mailboxes::ENVELOPE_LIFE_MS;

/// What lies at a relay is gone after so long (docs/protocol/mailbox.md, "What the commands do").
pub(crate) const LIFE_AT_RELAY: Duration = Duration::from_millis(ENVELOPE_LIFE_MS);
/// An own text that nobody acked so long after a relay had it ends as expired: two lives there. One is short of a long absence. With a
/// third, relays would keep a queue from which nobody fetches: each deposit begins its 60 idle days anew.
pub(crate) const LIFE: Duration = Duration::from_millis(2 * ENVELOPE_LIFE_MS);
/// A second replica's answer within this time says nothing new of how long a content lies at relays.
const SAME_TRY_MS: u64 = 3_600_000;

/// Moments of one own text. Of a text that was tried again, those of the last try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments {
    /// It was queued anew; `None`: not since it was written.
    pub queued: Option<Timestamp>,
    /// Every part of it was at a relay.
    pub relayed: Option<Timestamp>,
    /// The peer's ack of the last part came.
    pub delivered: Option<Timestamp>,
    /// The peer said that it was read.
    pub read: Option<Timestamp>,
    /// It could not be delivered, as far as was known.
    pub failed: Option<Timestamp>,
    /// It was given up.
    pub expired: Option<Timestamp>,
}

impl Moments {
    fn slot(&mut self, state: Delivery) -> &mut Option<Timestamp> {
        match state {
            Delivery::Queued => &mut self.queued,
            Delivery::Relayed => &mut self.relayed,
            Delivery::Delivered => &mut self.delivered,
            Delivery::Read => &mut self.read,
            Delivery::Failed => &mut self.failed,
            Delivery::Expired => &mut self.expired,
        }
    }
}

/// When a text is given up that relays have had since `relayed`, and of which a part was sealed anew for its age at `renewed`.
pub(super) fn given_up_at(relayed: Timestamp, renewed: Option<Timestamp>) -> Timestamp {
    let second = renewed.filter(|at| at.0 > 0).map_or(Timestamp(0), |at| at.after(LIFE_AT_RELAY));
    relayed.after(LIFE).max(second)
}

/// The moment that lies so long before `now`. What lies ahead of `now` is never older.
fn before(now: Timestamp, life: Duration) -> i64 {
    now.0.saturating_sub(u64::try_from(life.as_millis()).unwrap_or(u64::MAX)).cast_signed()
}

/// Of what lay at relays for a whole life and is not acked, that which may be sealed anew: nothing to somebody who is blocked, no words
/// to whom words wait, nothing that was given up.
const OUTLIVED: &str = "SELECT o.id FROM outgoing o JOIN contacts c ON c.id = o.contact
     WHERE o.state = 2 AND o.numbered = 1 AND o.relayed = 1 AND o.laid_at <= ?1 AND c.blocked = 0
     AND (c.held = 0 OR o.kind NOT IN (?2, ?3))
     AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = o.message AND m.state = 5)";

impl Store {
    /// Notes when a text first came so far. One that is gone has no moments.
    pub(crate) fn add_moment(&self, message: &str, state: Delivery, at: Timestamp) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO message_states (message, state, at)
             SELECT id, ?2, ?3 FROM messages WHERE id = ?1",
            (message, state, at.0.cast_signed()),
        )
    }

    /// What was so is not so any more.
    pub(crate) fn drop_moment(&self, message: &str, state: Delivery) -> Result<(), StoreError> {
        self.run("DELETE FROM message_states WHERE message = ?1 AND state = ?2", (message, state))
    }

    pub(crate) fn moments(&self, message: &str) -> Result<Moments, StoreError> {
        let sql = "SELECT state, at FROM message_states WHERE message = ?1";
        let rows = self.rows(sql, [message], |row| {
            Ok((row.get::<_, Delivery>(0)?, Timestamp(row.get::<_, i64>(1)?.cast_unsigned())))
        })?;
        let mut moments = Moments::default();
        for (state, at) in rows {
            *moments.slot(state) = Some(at);
        }
        Ok(moments)
    }

    /// A relay has an envelope of a content. True: the first.
    pub(crate) fn outgoing_relayed(&self, id: OutgoingId, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE outgoing SET relayed = 1, laid_at = ?2 WHERE id = ?1 AND relayed = 0";
        if self.changed(sql, (id, now.0.cast_signed()))? > 0 {
            return Ok(true);
        }
        let earlier = now.0.saturating_sub(SAME_TRY_MS).cast_signed();
        let sql = "UPDATE outgoing SET laid_at = ?2 WHERE id = ?1 AND laid_at < ?3";
        self.run(sql, (id, now.0.cast_signed(), earlier))?;
        Ok(false)
    }

    /// The oldest `limit` that outlived their first life at relays.
    pub(crate) fn outlived(&self, now: Timestamp, limit: u32) -> Result<Vec<OutgoingId>, StoreError> {
        let sql = format!("{OUTLIVED} AND o.renewed_at = 0 ORDER BY o.id LIMIT ?4");
        let parameters = (before(now, LIFE_AT_RELAY), OutgoingKind::Text, OutgoingKind::Profile, limit);
        self.rows(&sql, parameters, |row| row.get(0))
    }

    /// The oldest `limit` of one contact that outlived their last life at relays, whichever that was.
    pub(crate) fn outlived_of(
        &self,
        contact: ContactId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutgoingId>, StoreError> {
        let sql = format!("{OUTLIVED} AND o.contact = ?4 ORDER BY o.id LIMIT ?5");
        let parameters =
            (before(now, LIFE_AT_RELAY), OutgoingKind::Text, OutgoingKind::Profile, contact, limit);
        self.rows(&sql, parameters, |row| row.get(0))
    }

    /// A content begins another life: what is left of the former goes.
    pub(crate) fn outgoing_renewed(&self, id: OutgoingId, now: Timestamp) -> Result<(), StoreError> {
        self.run("DELETE FROM deposits WHERE outgoing = ?1", [id])?;
        self.run("UPDATE outgoing SET renewed_at = ?2 WHERE id = ?1", (id, now.0.cast_signed()))
    }

    /// Own texts that were at relays for two lives and are not acked. Of each part the second life is over as well, but where there can
    /// be none, or where somebody who asked for it had it sealed since.
    pub(crate) fn overdue(&self, now: Timestamp) -> Result<Vec<(String, ContactId)>, StoreError> {
        self.rows(
            "SELECT m.id, m.contact FROM messages m JOIN message_states s ON s.message = m.id AND s.state = 1
             WHERE m.mine = 1 AND m.state < 2 AND m.state = 1 AND s.at <= ?1
             AND NOT EXISTS (SELECT 1 FROM outgoing o JOIN contacts c ON c.id = o.contact
                WHERE o.message = m.id AND o.state < 3
                AND (o.renewed_at > ?2 OR o.renewed_at = 0 AND o.laid_at <= ?2 AND c.blocked = 0))",
            (before(now, LIFE), before(now, LIFE_AT_RELAY)),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Nothing more of a text goes out by itself.
    pub(crate) fn drop_deposits_of_text(&self, message: &str) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM deposits WHERE outgoing IN (SELECT id FROM outgoing WHERE message = ?1)",
            [message],
        )
    }

    /// Own texts to a contact that are neither delivered nor ended.
    pub(crate) fn open_texts(&self, contact: ContactId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM messages WHERE mine = 1 AND state < 2 AND note = 0 AND contact = ?1";
        self.rows(sql, [contact], |row| row.get(0))
    }

    /// Own texts to a contact that failed.
    pub(crate) fn failed_texts(&self, contact: ContactId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM messages WHERE mine = 1 AND state > 3 AND contact = ?1 AND state = 4";
        self.rows(sql, [contact], |row| row.get(0))
    }

    /// Own texts that expired ahead of `now`: by a clock that was wrong.
    pub(crate) fn expired_ahead(&self, now: Timestamp) -> Result<Vec<(String, ContactId)>, StoreError> {
        self.rows(
            "SELECT m.id, m.contact FROM messages m JOIN message_states s ON s.message = m.id AND s.state = 5
             WHERE m.mine = 1 AND m.state > 3 AND m.state = 5 AND s.at > ?1",
            [now.0.cast_signed()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// A text of ours ends, unless it is delivered or has ended; false then.
    pub(crate) fn end_text(&self, id: &str, state: Delivery, reason: Reason) -> Result<bool, StoreError> {
        let sql = "UPDATE messages SET state = ?2, reason = ?3 WHERE id = ?1 AND mine = 1 AND state < 2";
        Ok(self.changed(sql, (id, state, reason))? > 0)
    }

    /// A text of ours that ended so has not; false: it had not.
    pub(crate) fn reopen_text(&self, id: &str, ended: Delivery, state: Delivery) -> Result<bool, StoreError> {
        let sql = "UPDATE messages SET state = ?3, reason = 0 WHERE id = ?1 AND mine = 1 AND state = ?2";
        Ok(self.changed(sql, (id, ended, state))? > 0)
    }

    /// A text of ours that ended is tried once more: what was of the try before is forgotten, but not the numbers of its parts.
    pub(crate) fn begin_text_anew(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.run("UPDATE messages SET state = 0, reason = 0 WHERE id = ?1 AND mine = 1", [id])?;
        self.run(
            "UPDATE outgoing SET relayed = 0, laid_at = 0, renewed_at = 0, reseals = 0
             WHERE message = ?1 AND state < 3",
            [id],
        )?;
        self.run("DELETE FROM message_states WHERE message = ?1", [id])?;
        self.add_moment(id, Delivery::Queued, now)
    }

    /// Parts of a text that are not acked, in order.
    pub(crate) fn unacked_parts(&self, message: &str) -> Result<Vec<OutgoingId>, StoreError> {
        let sql = "SELECT id FROM outgoing WHERE message = ?1 AND state < 3 ORDER BY id";
        self.rows(sql, [message], |row| row.get(0))
    }

    /// Whether nothing of a text was ever given to keyvault: it has no number, and nobody but this side has seen it.
    pub(crate) fn is_untouched(&self, message: &str) -> Result<bool, StoreError> {
        let untouched = self.row(
            "SELECT count(*) > 0 AND count(*) = max(parts) AND max(begun) = 0 AND max(state) = 0
             FROM outgoing WHERE message = ?1",
            [message],
            |row| row.get::<_, bool>(0),
        )?;
        Ok(untouched.unwrap_or(false))
    }

    /// The clock may have been set back: nothing lies ahead of it that a life is counted from.
    pub(crate) fn no_life_later_than(&self, now: Timestamp) -> Result<(), StoreError> {
        let now = now.0.cast_signed();
        self.run(
            "UPDATE message_states SET at = ?1 WHERE at > ?1
             AND message IN (SELECT id FROM messages WHERE mine = 1 AND state < 2)",
            [now],
        )?;
        self.run("UPDATE outgoing SET laid_at = ?1 WHERE laid_at > ?1", [now])?;
        // It has not begun its second life by the clock as it goes now.
        self.run("UPDATE outgoing SET renewed_at = 0 WHERE renewed_at > ?1", [now])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::WireId;
    use crate::ids::{OutboxId, PeerQueueId, RelayId};
    use crate::store::{ContactState, Message, PeerQueue, StoreKey};

    const BOB: ContactId = ContactId(1);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(BOB, "bob", ContactState::Connected, NOW).unwrap();
        store
    }

    fn add(store: &Store, id: &str, body: &str, place: u8) -> OutgoingId {
        let message = Message {
            mine: true,
            position: place.into(),
            sent_at: Timestamp(NOW.0 + u64::from(place)),
            body: body.into(),
            ..Message::new(id.into(), BOB, WireId([place; 16]))
        };
        store.add_message(&message).unwrap();
        store.add_outgoing(BOB, OutgoingKind::Text, Some((id, 0, 1)), None).unwrap()
    }

    fn waiting(store: &Store) -> usize {
        store.waiting(BOB, true, 9).unwrap().len()
    }

    #[test]
    fn what_was_numbered_once_counts_as_begun_though_it_waits_for_another_number() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = add(&store, "m1", "hello", 1);
        assert!(store.is_untouched("m1").unwrap());
        store.fix_outgoing(id, 1, b"content", OutboxId(9)).unwrap();
        assert!(!store.is_untouched("m1").unwrap());
        store.unnumber_outgoing(BOB).unwrap();
        assert_eq!(waiting(&store), 1);
        assert!(!store.is_untouched("m1").unwrap(), "a relay may have it");
        assert!(!store.is_untouched("m2").unwrap(), "there is none");
    }

    #[test]
    fn what_expired_takes_no_number_until_it_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = add(&store, "m1", "hello", 1);
        assert!(store.outgoing_relayed(id, NOW).unwrap() && !store.outgoing_relayed(id, NOW).unwrap());
        assert!(store.end_text("m1", Delivery::Expired, Reason::None).unwrap());
        store.add_moment("m1", Delivery::Expired, NOW).unwrap();
        assert!(!store.end_text("m1", Delivery::Failed, Reason::Gone).unwrap(), "it has ended");
        assert!(!store.advance_message("m1", Delivery::Relayed).unwrap());
        assert_eq!(waiting(&store), 0);
        store.begin_text_anew("m1", NOW).unwrap();
        assert_eq!(waiting(&store), 1);
        assert!(!store.outgoing(id).unwrap().unwrap().relayed);
        assert_eq!(store.moments("m1").unwrap(), Moments { queued: Some(NOW), ..Moments::default() });
    }

    #[test]
    fn delivered_is_more_than_failed_and_expired() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for (place, ended) in [(1, Delivery::Failed), (2, Delivery::Expired)] {
            let id = format!("m{place}");
            add(&store, &id, "hello", place);
            assert!(store.end_text(&id, ended, Reason::Gone).unwrap());
            assert!(store.advance_message(&id, Delivery::Delivered).unwrap());
            assert!(!store.end_text(&id, ended, Reason::Gone).unwrap());
            let message = store.message(&id).unwrap().unwrap();
            assert_eq!((message.state, message.reason), (Delivery::Delivered, Reason::None));
        }
    }

    #[test]
    fn a_text_that_waits_says_so_where_every_queue_that_is_left_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        add(&store, "m1", "hello", 1);
        let [one, other] = [PeerQueueId(1), PeerQueueId(2)];
        for number in [one, other] {
            let queue = PeerQueue {
                number,
                contact: BOB,
                relay: RelayId([1; 32]),
                queue: [2; 24],
                sender_key: [3; 32],
                isolation: [4; 16],
                secured: true,
                full: false,
                dead: false,
            };
            assert!(store.add_peer_queue(&queue).unwrap());
        }
        let reason = || store.message("m1").unwrap().unwrap().reason;
        store.set_full(one, true).unwrap();
        assert_eq!(reason(), Reason::None);
        store.set_full(other, true).unwrap();
        assert_eq!(reason(), Reason::QueueFull);
        store.set_dead(other).unwrap();
        assert_eq!((reason(), store.is_cut_off(BOB).unwrap()), (Reason::QueueFull, false));
        store.set_dead(one).unwrap();
        assert_eq!((reason(), store.is_cut_off(BOB).unwrap()), (Reason::None, true));
    }

    #[test]
    fn a_life_is_counted_from_when_all_lay_at_a_relay_and_from_its_second_beginning() {
        let day = |number: u64| Timestamp(number * 86_400_000);
        assert_eq!(given_up_at(day(1), None), day(43));
        assert_eq!(given_up_at(day(1), Some(Timestamp(0))), day(43));
        assert_eq!(given_up_at(day(1), Some(day(22))), day(43));
        assert_eq!(given_up_at(day(1), Some(day(60))), day(81), "the computer was off");
    }

    #[test]
    fn what_lies_ahead_of_the_clock_is_not_old_and_is_counted_from_now_when_that_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = add(&store, "m1", "hello", 1);
        let ahead = NOW.after(2 * LIFE);
        store.fix_outgoing(id, 1, b"content", OutboxId(9)).unwrap();
        store.outgoing_sealed(id, ahead).unwrap();
        assert!(store.outgoing_relayed(id, ahead).unwrap());
        store.add_moment("m1", Delivery::Relayed, ahead).unwrap();
        assert!(store.advance_message("m1", Delivery::Relayed).unwrap());
        let later = NOW.after(LIFE);
        assert_eq!((store.outlived(later, 9).unwrap(), store.overdue(later).unwrap()), (vec![], vec![]));
        store.no_life_later_than(NOW).unwrap();
        assert_eq!(store.moments("m1").unwrap().relayed, Some(NOW));
        assert_eq!(store.outlived(later, 9).unwrap(), [id]);
        assert!(store.overdue(later).unwrap().is_empty(), "its second life has not begun");
        store.outgoing_renewed(id, later).unwrap();
        let end = later.after(LIFE_AT_RELAY);
        assert_eq!(
            (store.outlived(end, 9).unwrap(), store.overdue(end).unwrap()),
            (vec![], vec![("m1".into(), BOB)])
        );
    }
}
