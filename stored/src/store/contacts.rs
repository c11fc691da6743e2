//! Contacts and the two chains of numbers that each has.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::ShortState;
use rusqlite::Row;

use super::Store;
use crate::content::{ChatTimer, Received};
use crate::error::StoreError;
use crate::ids::{ContactId, SessionId};

/// How far a contact has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactState {
    /// An invite was made for them.
    Invited,
    /// Their invite was accepted; nothing came back yet.
    Pending,
    /// Both sides have heard of each other.
    Connected,
    /// The user, who notes something: nobody is there, so there is no session, invite or queue, and never will be.
    Oneself,
}

/// What the user is to know of a contact's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// All is well.
    None,
    /// It is being opened anew.
    Repairing,
    /// It cannot be: the two have to invite each other again.
    InviteAgain,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Theirs in this profile.
    pub id: ContactId,
    /// The user's own word for them.
    pub name: String,
    /// What they call themselves; untrusted.
    pub their_name: String,
    /// How far it has come.
    pub state: ContactState,
    /// Nothing is taken from them, nothing sent.
    pub blocked: bool,
    /// The user compared the safety number.
    pub verified: bool,
    /// What is wrong, or new.
    pub notice: Notice,
    /// keyvault's session once there is one.
    pub session: Option<SessionId>,
    /// Texts that were not marked read.
    pub unread: u32,
    /// The last text, either way, or the contact's beginning.
    pub last_at: Timestamp,
    /// The beginning of the last text.
    pub last_text: String,
    /// An ack is owed.
    pub ack_due: bool,
    /// What was written to them waits for the user's word.
    pub held: bool,
    /// Stands before all that are not.
    pub pinned: bool,
    /// Nothing of them is to draw attention until then; 0: it is, all ones: never again.
    pub muted_until: Timestamp,
    /// What the user notes about them.
    pub note: String,
    /// The user wants it to count as unread, whatever was read.
    pub marked_unread: bool,
    /// Something was begun to be written to them.
    pub has_draft: bool,
    /// Their oldest text that was not marked read, or empty.
    pub first_unread: String,
    /// They are told what was read.
    pub receipts: bool,
    /// They are told that the user writes.
    pub typing: bool,
    /// They write just now. Not kept: the engine knows.
    pub is_typing: bool,
    /// How far a comparison by short string with them is. Not kept either.
    pub comparing: ShortState,
    /// Files that they offer come by themselves up to so many bytes; 0: none.
    pub files: u64,
    /// How long texts live that are written from now on.
    pub timer: ChatTimer,
    /// What was said with them is deleted here once it is so many seconds old; 0: never.
    pub retention_s: u32,
}

impl Contact {
    /// One that is nobody, and to whom nothing is told.
    pub(crate) fn nobody() -> Self {
        Self {
            id: ContactId(0),
            name: String::new(),
            their_name: String::new(),
            state: ContactState::Invited,
            blocked: false,
            verified: false,
            notice: Notice::None,
            session: None,
            unread: 0,
            last_at: Timestamp(0),
            last_text: String::new(),
            ack_due: false,
            held: false,
            pinned: false,
            muted_until: Timestamp(0),
            note: String::new(),
            marked_unread: false,
            has_draft: false,
            first_unread: String::new(),
            receipts: false,
            typing: false,
            is_typing: false,
            files: 0,
            comparing: ShortState::None,
            timer: ChatTimer::default(),
            retention_s: 0,
        }
    }

    /// As many as are shown as unread.
    #[must_use]
    pub fn shown_unread(&self) -> u32 {
        self.unread.max(self.marked_unread.into())
    }
}

/// The numbers of what goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendChain {
    /// When it began.
    pub chain: Timestamp,
    /// Last number used.
    pub sequence: u64,
    /// SHA-256 of the content with that number.
    pub hash: Option<[u8; 32]>,
}

/// The numbers of what came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveChain {
    /// When the peer began it; 0: nothing came yet.
    pub chain: Timestamp,
    /// What came.
    pub numbers: Received,
    /// What came while the peer was blocked: it is neither acked nor asked for.
    pub refused: Received,
    /// The highest number that was shown.
    pub shown: u64,
    /// The highest number that the peer says it has used.
    pub highest: u64,
    /// Under this number lies something else than what the peer has said since; 0: nowhere. Told with the next acks.
    pub conflict: u64,
}

impl ReceiveChain {
    /// Nothing came of it yet.
    pub(crate) fn begun(chain: Timestamp) -> Self {
        let (numbers, refused) = (Received::default(), Received::default());
        Self { chain, numbers, refused, shown: 0, highest: 0, conflict: 0 }
    }

    /// What need not come any more.
    pub(crate) fn known(&self) -> Received {
        self.numbers.with(&self.refused)
    }
}

const COLUMNS: &str =
    "id, name, their_name, state, blocked, verified, session, unread, last_at, last_text, ack_due, notice,
     held, pinned, muted_until, note, marked_unread,
     EXISTS (SELECT 1 FROM drafts d WHERE d.contact = contacts.id),
     (SELECT m.id FROM messages m WHERE m.contact = contacts.id AND m.mine = 0 AND m.state = 2
      ORDER BY m.position LIMIT 1),
     timer_s, timer_version,
     state <> 3 AND ifnull(receipts, EXISTS (SELECT 1 FROM settings WHERE key = 'receipts' AND value = x'6f6e'))
        AS tells_read,
     state <> 3 AND ifnull(typing, EXISTS (SELECT 1 FROM settings WHERE key = 'typing' AND value = x'6f6e'))
        AS tells_typing,
     ifnull(retention_s, CASE WHEN state = 3 THEN 0 ELSE
        ifnull((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM settings WHERE key = 'retention'), 0) END) AS kept_s,
     CASE WHEN state = 3 THEN 0 WHEN files IS NOT NULL THEN files WHEN verified
        THEN (SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM settings WHERE key = 'files') END AS takes_files";

fn read(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        id: row.get(0)?,
        name: row.get(1)?,
        their_name: row.get(2)?,
        state: row.get(3)?,
        blocked: row.get(4)?,
        verified: row.get(5)?,
        session: row.get(6)?,
        unread: row.get(7)?,
        last_at: Timestamp(row.get::<_, i64>(8)?.cast_unsigned()),
        last_text: row.get(9)?,
        ack_due: row.get(10)?,
        notice: row.get(11)?,
        held: row.get(12)?,
        pinned: row.get(13)?,
        muted_until: Timestamp(row.get::<_, i64>(14)?.cast_unsigned()),
        note: row.get(15)?,
        marked_unread: row.get(16)?,
        has_draft: row.get(17)?,
        first_unread: row.get::<_, Option<String>>(18)?.unwrap_or_default(),
        timer: ChatTimer { seconds: row.get(19)?, version: row.get::<_, i64>(20)?.cast_unsigned() },
        receipts: row.get("tells_read")?,
        typing: row.get("tells_typing")?,
        retention_s: row.get("kept_s")?,
        files: row.get::<_, Option<i64>>("takes_files")?.unwrap_or(0).cast_unsigned(),
        is_typing: false,
        comparing: ShortState::None,
    })
}

/// As much of a text as lists show.
pub(super) fn beginning(text: &str) -> String {
    text.chars().take(120).collect()
}

impl Store {
    /// A new person.
    pub(crate) fn add_contact(
        &self,
        id: ContactId,
        name: &str,
        state: ContactState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (?1, ?2, ?3, ?4, ?4)",
            (id, name, state, now.0.cast_signed()),
        )
    }

    pub(crate) fn contact(&self, id: ContactId) -> Result<Option<Contact>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM contacts WHERE id = ?1"), [id], read)
    }

    pub(crate) fn contact_named(&self, name: &str) -> Result<Option<Contact>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM contacts WHERE name = ?1"), [name], read)
    }

    pub(crate) fn contact_of_session(&self, session: SessionId) -> Result<Option<Contact>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM contacts WHERE session = ?1"), [session], read)
    }

    /// The notes to oneself, once there are any.
    pub(crate) fn oneself(&self) -> Result<Option<Contact>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM contacts WHERE state = ?1");
        self.row(&sql, [ContactState::Oneself], read)
    }

    /// All: the pinned first, and of each kind the latest conversation.
    pub(crate) fn contacts(&self) -> Result<Vec<Contact>, StoreError> {
        self.rows(&format!("SELECT {COLUMNS} FROM contacts ORDER BY pinned DESC, last_at DESC, id"), [], read)
    }

    pub(crate) fn set_contact_state(&self, id: ContactId, state: ContactState) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET state = ?2 WHERE id = ?1", (id, state))
    }

    pub(crate) fn set_session(&self, id: ContactId, session: SessionId) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET session = ?2 WHERE id = ?1", (id, session))
    }

    pub(crate) fn rename_contact(&self, id: ContactId, name: &str) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET name = ?2 WHERE id = ?1", (id, name))
    }

    pub(crate) fn set_their_name(&self, id: ContactId, name: &str) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET their_name = ?2 WHERE id = ?1", (id, name))
    }

    pub(crate) fn set_blocked(&self, id: ContactId, blocked: bool) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET blocked = ?2 WHERE id = ?1", (id, blocked))
    }

    pub(crate) fn set_verified(&self, id: ContactId, verified: bool) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET verified = ?2 WHERE id = ?1", (id, verified))
    }

    pub(crate) fn set_notice(&self, id: ContactId, notice: Notice) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET notice = ?2 WHERE id = ?1", (id, notice))
    }

    /// What is written to them waits from now on.
    pub(crate) fn hold(&self, id: ContactId) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET held = 1 WHERE id = ?1", [id])
    }

    /// It waits no longer: the user has said so.
    pub(crate) fn resume(&self, id: ContactId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE contacts SET held = 0, resumed_at = ?2 WHERE id = ?1";
        self.run(sql, (id, now.0.cast_signed()))
    }

    /// When the user last had something go on; 0: never.
    pub(crate) fn resumed_at(&self, id: ContactId) -> Result<Timestamp, StoreError> {
        let at = self.row("SELECT resumed_at FROM contacts WHERE id = ?1", [id], |row| {
            Ok(Timestamp(row.get::<_, i64>(0)?.cast_unsigned()))
        })?;
        Ok(at.unwrap_or(Timestamp(0)))
    }

    pub(crate) fn set_ack_due(&self, id: ContactId, due: bool) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET ack_due = ?2 WHERE id = ?1 AND ack_due <> ?2", (id, due))
    }

    /// A text came or went: what the list shows of it.
    pub(crate) fn touch_contact(
        &self,
        id: ContactId,
        at: Timestamp,
        text: &str,
        unread: u32,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE contacts SET last_at = ?2, last_text = ?3, unread = unread + ?4 WHERE id = ?1",
            (id, at.0.cast_signed(), beginning(text), unread),
        )
    }

    /// Something was read, and so many are left; it does not count as unread for the user's mark alone any more.
    pub(crate) fn set_unread(&self, id: ContactId, unread: u32) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET unread = ?2, marked_unread = 0 WHERE id = ?1", (id, unread))
    }

    /// Drops the person with all that was said.
    pub(crate) fn delete_contact(&self, id: ContactId) -> Result<(), StoreError> {
        self.forgetting_texts_of(id, || self.run("DELETE FROM contacts WHERE id = ?1", [id]))
    }

    pub(crate) fn send_chain(&self, id: ContactId) -> Result<SendChain, StoreError> {
        let chain = self.row(
            "SELECT send_chain, send_sequence, send_hash FROM contacts WHERE id = ?1",
            [id],
            |row| {
                Ok(SendChain {
                    chain: Timestamp(row.get::<_, i64>(0)?.cast_unsigned()),
                    sequence: row.get::<_, i64>(1)?.cast_unsigned(),
                    hash: row.get(2)?,
                })
            },
        )?;
        Ok(chain.unwrap_or(SendChain { chain: Timestamp(0), sequence: 0, hash: None }))
    }

    pub(crate) fn set_send_chain(&self, id: ContactId, chain: &SendChain) -> Result<(), StoreError> {
        self.run(
            "UPDATE contacts SET send_chain = ?2, send_sequence = ?3, send_hash = ?4 WHERE id = ?1",
            (id, chain.chain.0.cast_signed(), chain.sequence.cast_signed(), chain.hash),
        )
    }

    /// When a chain was last begun because an older copy of this profile was used; 0: never.
    pub(crate) fn renumbered_at(&self, id: ContactId) -> Result<Timestamp, StoreError> {
        let at = self.row("SELECT renumbered_at FROM contacts WHERE id = ?1", [id], |row| {
            Ok(Timestamp(row.get::<_, i64>(0)?.cast_unsigned()))
        })?;
        Ok(at.unwrap_or(Timestamp(0)))
    }

    /// A chain was begun; none is wanted any more.
    pub(crate) fn set_renumbered_at(&self, id: ContactId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE contacts SET renumbered_at = ?2, renumber_behind = 0, send_told = 0 WHERE id = ?1";
        self.run(sql, (id, now.0.cast_signed()))
    }

    /// A chain behind this one of the own is to be begun when enough time has passed.
    pub(crate) fn want_chain_behind(&self, id: ContactId, chain: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE contacts SET renumber_behind = max(renumber_behind, ?2) WHERE id = ?1";
        self.run(sql, (id, chain.0.cast_signed()))
    }

    /// Behind which a chain is to be begun; `None`: none is.
    pub(crate) fn chain_wanted_behind(&self, id: ContactId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT renumber_behind FROM contacts WHERE id = ?1 AND renumber_behind <> 0";
        self.row(sql, [id], |row| Ok(Timestamp(row.get::<_, i64>(0)?.cast_unsigned())))
    }

    pub(crate) fn receive_chain(&self, id: ContactId) -> Result<ReceiveChain, StoreError> {
        let chain = self.row(
            "SELECT recv_chain, recv_numbers, recv_shown, recv_highest, recv_conflict, recv_refused FROM contacts WHERE id = ?1",
            [id],
            |row| {
                let (numbers, refused): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(5)?);
                Ok(ReceiveChain {
                    chain: Timestamp(row.get::<_, i64>(0)?.cast_unsigned()),
                    numbers: Received::decode(&numbers).unwrap_or_default(),
                    refused: Received::decode(&refused).unwrap_or_default(),
                    shown: row.get::<_, i64>(2)?.cast_unsigned(),
                    highest: row.get::<_, i64>(3)?.cast_unsigned(),
                    conflict: row.get::<_, i64>(4)?.cast_unsigned(),
                })
            },
        )?;
        Ok(chain.unwrap_or_else(|| ReceiveChain::begun(Timestamp(0))))
    }

    pub(crate) fn set_receive_chain(&self, id: ContactId, chain: &ReceiveChain) -> Result<(), StoreError> {
        self.run(
            "UPDATE contacts SET recv_chain = ?2, recv_numbers = ?3, recv_shown = ?4, recv_highest = ?5,
             recv_conflict = ?6, recv_refused = ?7 WHERE id = ?1",
            (
                id,
                chain.chain.0.cast_signed(),
                chain.numbers.encode(),
                chain.shown.cast_signed(),
                chain.highest.cast_signed(),
                chain.conflict.cast_signed(),
                chain.refused.encode(),
            ),
        )
    }

    pub(crate) fn unread(&self) -> Result<u32, StoreError> {
        Ok(self
            .row(
                "SELECT ifnull(sum(max(unread, marked_unread)), 0) FROM contacts WHERE blocked = 0",
                [],
                |row| row.get(0),
            )?
            .unwrap_or(0))
    }
}
