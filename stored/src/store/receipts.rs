//! What was read, here and over there, and whether a contact is told of that and of the user's writing.

use super::{Delivery, Message, Store};
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::{ContactId, OutgoingId};
use crate::store::OutgoingKind;

/// What a contact may be told of the user besides what the user writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Courtesy {
    /// What was read.
    Receipts,
    /// That something is being written.
    Typing,
}

impl Courtesy {
    pub(crate) const ALL: [Self; 2] = [Self::Receipts, Self::Typing];

    /// A column of contacts, and what holds for those that have nothing in it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Receipts => "receipts",
            Self::Typing => "typing",
        }
    }
}

/// Whether a contact is still to hear what was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owed {
    /// It was told, or there is nothing.
    No,
    /// Beside acks that go anyway: it was told, and what told it may have been lost.
    WithAcks,
    /// At its moment, or with acks that go before.
    Soon,
    /// Its moment has come.
    Now,
}

const ON: &str = "on";
const OFF: &str = "off";

impl Store {
    /// What holds for contacts that have nothing of their own.
    pub(crate) fn courtesy(&self, which: Courtesy) -> Result<bool, StoreError> {
        Ok(self.setting(which.name())?.as_deref() == Some(ON))
    }

    pub(crate) fn set_courtesy(&self, which: Courtesy, on: bool) -> Result<(), StoreError> {
        self.set_setting(which.name(), if on { ON } else { OFF })
    }

    /// What holds for one contact from now on.
    pub(crate) fn set_courtesy_of(
        &self,
        contact: ContactId,
        which: Courtesy,
        on: bool,
    ) -> Result<(), StoreError> {
        self.run(&format!("UPDATE contacts SET {} = ?2 WHERE id = ?1", which.name()), (contact, on))
    }

    /// Those for whom what holds for all does.
    pub(crate) fn without_courtesy(&self, which: Courtesy) -> Result<Vec<ContactId>, StoreError> {
        let sql = format!("SELECT id FROM contacts WHERE {} IS NULL AND state <> 3", which.name());
        self.rows(&sql, [], |row| row.get(0))
    }

    // ---- what was read here

    /// The last text of theirs, up to a place, that was read.
    pub(crate) fn last_read(&self, contact: ContactId, position: i64) -> Result<Option<WireId>, StoreError> {
        self.row(
            "SELECT wire FROM messages WHERE contact = ?1 AND position <= ?2 AND mine = 0 AND state = 3 AND note = 0
             ORDER BY position DESC LIMIT 1",
            (contact, position),
            |row| row.get(0).map(WireId),
        )
    }

    /// Where a text of theirs stands.
    pub(crate) fn their_text(&self, contact: ContactId, wire: WireId) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT position FROM messages WHERE contact = ?1 AND mine = 0 AND wire = ?2";
        self.row(sql, (contact, wire.0), |row| row.get(0))
    }

    /// Which text of theirs is told as read, and whether it still is to be; `None`: none ever was.
    pub(crate) fn owed_receipt(&self, contact: ContactId) -> Result<Option<(WireId, Owed)>, StoreError> {
        let sql = "SELECT read_wire, receipt_owed FROM contacts WHERE id = ?1 AND read_wire <> x''";
        self.row(sql, [contact], |row| Ok((WireId(row.get(0)?), row.get(1)?)))
    }

    pub(crate) fn owe_receipt(&self, contact: ContactId, text: WireId, owed: Owed) -> Result<(), StoreError> {
        let sql = "UPDATE contacts SET read_wire = ?2, receipt_owed = ?3 WHERE id = ?1";
        self.run(sql, (contact, text.0, owed))
    }

    /// Nothing is to be told.
    pub(crate) fn forget_receipt(&self, contact: ContactId) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET read_wire = x'', receipt_owed = 0 WHERE id = ?1", [contact])
    }

    /// What was told may not have arrived: it is told once more, with acks.
    pub(crate) fn owe_receipts_again(&self) -> Result<(), StoreError> {
        let sql = "UPDATE contacts SET receipt_owed = ?1 WHERE receipt_owed = ?2 AND read_wire <> x''";
        self.run(sql, (Owed::WithAcks, Owed::No))
    }

    // ---- what was read over there

    /// A text that the user wrote, by the name that both sides have for it.
    pub(crate) fn own_text(&self, contact: ContactId, wire: WireId) -> Result<Option<Message>, StoreError> {
        let sql = "SELECT id FROM messages WHERE contact = ?1 AND mine = 1 AND wire = ?2 AND note = 0";
        match self.row(sql, (contact, wire.0), |row| row.get::<_, String>(0))? {
            Some(id) => self.message(&id),
            None => Ok(None),
        }
    }

    /// The text that they say they read last, while that is not wholly noted.
    pub(crate) fn their_receipt(&self, contact: ContactId) -> Result<Option<WireId>, StoreError> {
        let sql = "SELECT their_read_wire FROM contacts WHERE id = ?1 AND their_read_wire <> x''";
        self.row(sql, [contact], |row| row.get(0).map(WireId))
    }

    /// `None`: all of it is noted.
    pub(crate) fn set_their_receipt(
        &self,
        contact: ContactId,
        text: Option<WireId>,
    ) -> Result<(), StoreError> {
        let wire = text.map_or(Vec::new(), |text| text.0.to_vec());
        self.run("UPDATE contacts SET their_read_wire = ?2 WHERE id = ?1", (contact, wire))
    }

    /// The oldest `limit` own texts up to a place that are there and not read.
    pub(crate) fn not_read_there(
        &self,
        contact: ContactId,
        position: i64,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        self.rows(
            "SELECT id FROM messages WHERE contact = ?1 AND mine = 1 AND state = 2 AND position <= ?2 AND note = 0
             ORDER BY position LIMIT ?3",
            (contact, position, limit),
            |row| row.get(0),
        )
    }

    /// An own text was read; false: it is not there, or it was read before.
    pub(crate) fn set_read_there(&self, id: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE messages SET state = ?2 WHERE id = ?1 AND mine = 1 AND state = ?3";
        Ok(self.changed(sql, (id, Delivery::Read, Delivery::Delivered))? > 0)
    }

    // ---- what is not to leave any more

    /// Contents of one kind that no relay has.
    pub(crate) fn not_at_relay(
        &self,
        contact: ContactId,
        kind: OutgoingKind,
    ) -> Result<Vec<OutgoingId>, StoreError> {
        let sql = "SELECT id FROM outgoing WHERE contact = ?1 AND kind = ?2 AND state < 3 AND relayed = 0";
        self.rows(sql, (contact, kind), |row| row.get(0))
    }

    /// The envelopes of a content go nowhere.
    pub(crate) fn drop_envelopes(&self, id: OutgoingId) -> Result<(), StoreError> {
        self.run("DELETE FROM deposits WHERE outgoing = ?1", [id])
    }

    /// What was worth nothing a moment later is not to leave after a start. keyvault may still know it, and is told to forget.
    pub(crate) fn drop_passing(&self) -> Result<(), StoreError> {
        let [one, two, three] = OutgoingKind::PASSING;
        let kinds = (one, two, three);
        self.run(
            "DELETE FROM deposits WHERE outgoing IN (SELECT id FROM outgoing WHERE kind IN (?1, ?2, ?3))",
            kinds,
        )?;
        self.run("DELETE FROM outgoing WHERE kind IN (?1, ?2, ?3) AND state = 0", kinds)?;
        self.run("UPDATE outgoing SET state = 3, content = NULL WHERE kind IN (?1, ?2, ?3)", kinds)
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;

    use super::*;
    use crate::ids::OutboxId;
    use crate::store::{Contact, ContactState, Note, OutgoingState, StoreKey};

    const ANN: ContactId = ContactId(1);
    const BOB: ContactId = ContactId(2);

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "ann", ContactState::Connected, Timestamp(1)).unwrap();
        store.add_contact(BOB, "bob", ContactState::Connected, Timestamp(2)).unwrap();
        store
    }

    fn of(store: &Store, id: ContactId) -> Contact {
        store.contact(id).unwrap().unwrap()
    }

    fn add(store: &Store, number: u8, mine: bool, state: Delivery, note: Note) {
        let message = Message {
            mine,
            position: i64::from(number) << 20,
            body: "hello".into(),
            state,
            note,
            ..Message::new(format!("m{number}"), ANN, WireId([number; 16]))
        };
        store.add_message(&message).unwrap();
    }

    #[test]
    fn nobody_is_told_anything_until_it_is_said_for_them_or_for_all_and_notes_to_oneself_never() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let told = |id| (of(&store, id).receipts, of(&store, id).typing);
        assert_eq!((told(ANN), told(BOB)), ((false, false), (false, false)));
        store.set_courtesy_of(ANN, Courtesy::Receipts, true).unwrap();
        assert_eq!((told(ANN), told(BOB)), ((true, false), (false, false)));
        for which in Courtesy::ALL {
            store.set_courtesy(which, true).unwrap();
            assert!(store.courtesy(which).unwrap());
        }
        assert_eq!((told(ANN), told(BOB)), ((true, true), (true, true)));
        assert_eq!(store.without_courtesy(Courtesy::Receipts).unwrap(), [BOB]);
        store.set_courtesy_of(BOB, Courtesy::Typing, false).unwrap();
        assert_eq!((told(ANN), told(BOB)), ((true, true), (true, false)), "its own counts");
        store.set_courtesy(Courtesy::Receipts, false).unwrap();
        assert_eq!((told(ANN), told(BOB)), ((true, true), (false, false)));
        store.set_courtesy(Courtesy::Receipts, true).unwrap();
        store.add_contact(ContactId(3), "Notes", ContactState::Oneself, Timestamp(3)).unwrap();
        assert_eq!(told(ContactId(3)), (false, false));
        assert_eq!(store.without_courtesy(Courtesy::Receipts).unwrap(), [BOB]);
    }

    #[test]
    fn the_text_that_was_read_last_is_the_one_that_stands_last_and_no_line_of_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        add(&store, 1, false, Delivery::Read, Note::None);
        add(&store, 2, false, Delivery::Read, Note::None);
        add(&store, 3, true, Delivery::Read, Note::None);
        add(&store, 4, false, Delivery::Read, Note::Reopened);
        add(&store, 5, false, Delivery::Delivered, Note::None);
        assert_eq!(store.last_read(ANN, i64::MAX).unwrap(), Some(WireId([2; 16])));
        assert_eq!(store.last_read(ANN, 1 << 20).unwrap(), Some(WireId([1; 16])));
        assert_eq!(store.last_read(BOB, i64::MAX).unwrap(), None);
    }

    #[test]
    fn only_own_texts_that_are_there_are_read_there_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let states = [Delivery::Relayed, Delivery::Failed, Delivery::Expired, Delivery::Delivered];
        for (number, state) in (1..).zip(states) {
            add(&store, number, true, state, Note::None);
        }
        add(&store, 5, false, Delivery::Delivered, Note::None);
        add(&store, 6, true, Delivery::Delivered, Note::None);
        assert_eq!(store.not_read_there(ANN, i64::MAX, 9).unwrap(), ["m4", "m6"]);
        assert_eq!(store.not_read_there(ANN, i64::MAX, 1).unwrap(), ["m4"]);
        assert_eq!(store.not_read_there(ANN, 5 << 20, 9).unwrap(), ["m4"]);
        let read: Vec<bool> =
            ["m1", "m2", "m3", "m4", "m4", "m5", "m9"].map(|id| store.set_read_there(id).unwrap()).to_vec();
        assert_eq!(read, [false, false, false, true, false, false, false]);
        assert!(store.own_text(ANN, WireId([5; 16])).unwrap().is_none(), "it is theirs");
        assert!(store.own_text(BOB, WireId([4; 16])).unwrap().is_none(), "it is to somebody else");
        assert_eq!(store.own_text(ANN, WireId([4; 16])).unwrap().unwrap().state, Delivery::Read);
    }

    #[test]
    fn what_passes_is_gone_after_a_start_but_for_what_keyvault_has_to_forget() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let waits = store.add_outgoing(ANN, OutgoingKind::Paused, None, None).unwrap();
        let sealing = store.add_outgoing(ANN, OutgoingKind::Typing, None, None).unwrap();
        let receipt = store.add_outgoing(ANN, OutgoingKind::Receipt, None, None).unwrap();
        store.fix_outgoing(sealing, 0, b"content", OutboxId(9)).unwrap();
        assert_eq!(store.not_at_relay(ANN, OutgoingKind::Typing).unwrap(), [sealing]);
        store.drop_passing().unwrap();
        assert!(store.outgoing(waits).unwrap().is_none() && store.outgoing(receipt).unwrap().is_some());
        let left = store.outgoing(sealing).unwrap().unwrap();
        assert_eq!((left.state, left.content), (OutgoingState::Acked, None));
        assert_eq!(store.outboxes_to_forget().unwrap(), [(sealing, OutboxId(9))]);
        assert!(store.not_at_relay(ANN, OutgoingKind::Typing).unwrap().is_empty());
    }
}
