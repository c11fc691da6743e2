//! Texts, as the user sees them.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::File;
use rusqlite::Row;

use super::{Reactions, Store, moments};
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::{ContactId, RelayId};

/// How far a text has come. Ordered: a text moves on, but for one that has ended, which may be delivered after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// Durable here.
    Queued,
    /// At one relay at least.
    Relayed,
    /// Durable on their device, proven by their ack.
    Delivered,
    /// They say that they read it.
    Read,
    /// It will not arrive.
    Failed,
    /// It lay too long.
    Expired,
}

impl Delivery {
    /// Whether the peer has it.
    #[must_use]
    pub fn is_there(self) -> bool {
        matches!(self, Self::Delivered | Self::Read)
    }
}

/// Why a text of ours does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It does, or it expired.
    None,
    /// The two have to invite each other again: the session cannot be opened anew, or nobody can accept the invite any more.
    InviteAgain,
    /// It is queued, and every queue of the peer is full. Follows from the queues; not kept with the text.
    QueueFull,
    /// No relay has a queue of the peer any more.
    Gone,
}

/// A text.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Unique in the profile.
    pub id: String,
    /// The other side of the conversation.
    pub contact: ContactId,
    /// What both sides call it.
    pub wire: WireId,
    /// We wrote it.
    pub mine: bool,
    /// Its place in the conversation.
    pub position: i64,
    /// Since when the sender numbered so; 0 for own texts.
    pub chain: Timestamp,
    /// Its number in the sender's chain, of a long text its first part's; 0: it has none.
    pub sequence: u64,
    /// What the sender said just before is missing.
    pub gap: bool,
    /// The sender's clock.
    pub sent_at: Timestamp,
    /// Ours; 0 for what we wrote.
    pub received_at: Timestamp,
    /// The words; untrusted when theirs.
    pub body: String,
    /// How far it has come.
    pub state: Delivery,
    /// Another message's id, or empty.
    pub reply_to: String,
    /// The relays that carried it, from the guard to the mailbox.
    pub route: Vec<RelayId>,
    /// Nobody wrote it: the program tells it.
    pub note: Note,
    /// It is ours, and leaves only when the user has it go on. Follows from the contact; not kept with the text.
    pub held: bool,
    /// It said something else first. No new text does: not kept with the text when that is added.
    pub edited: bool,
    /// Whoever wrote it has deleted it for both: the body is empty. Neither is a new text.
    pub deleted: bool,
    /// What the two think of it. Kept by its wire name.
    pub reactions: Reactions,
    /// Why it does not go on.
    pub reason: Reason,
    /// When it is given up, if it is not acked before: for what lies at a relay.
    pub expires_at: Option<Timestamp>,
    /// How long it lives once it is at a relay, or was read, seconds; 0: for ever. Of [`Note::TimerChanged`] what it was set to.
    pub timer_s: u32,
    /// When it is gone: of a text of theirs that was not read at the latest. `None`: its life has no end, or has not begun.
    pub disappears_at: Option<Timestamp>,
    /// Of a note that is about somebody else: their name, untrusted. Kept apart ([`Store::set_introduces`]).
    pub introduces: String,
    /// Its files as they are told; what is read of the store has none.
    pub files: Vec<File>,
}

/// Behind which message of a conversation one reads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    position: i64,
    /// Of those at one place the one that was kept later stands behind.
    number: i64,
}

impl Cursor {
    /// Before all that stand at this place.
    #[must_use]
    pub fn at(position: i64) -> Self {
        Self { position, number: i64::MIN }
    }
}

impl Message {
    /// One that says nothing yet and has no place: all that it is besides is said where it is made.
    pub(crate) fn new(id: String, contact: ContactId, wire: WireId) -> Self {
        Self {
            id,
            contact,
            wire,
            mine: false,
            position: 0,
            chain: Timestamp(0),
            sequence: 0,
            gap: false,
            sent_at: Timestamp(0),
            received_at: Timestamp(0),
            body: String::new(),
            state: Delivery::Queued,
            reply_to: String::new(),
            route: Vec::new(),
            note: Note::None,
            held: false,
            edited: false,
            deleted: false,
            reactions: Reactions::default(),
            reason: Reason::None,
            expires_at: None,
            timer_s: 0,
            disappears_at: None,
            introduces: String::new(),
            files: Vec::new(),
        }
    }
}

/// What is told in a conversation besides what the two say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// It is a text.
    None,
    /// An older copy of this profile was used.
    OlderCopyHere,
    /// An older copy of the contact's profile was used.
    OlderCopyThere,
    /// The session was opened anew.
    Reopened,
    /// It was again, within a day.
    ReopenedAgain,
    /// What is written to the contact waits for the user.
    TextsWait,
    /// One of the two set how long texts live: the user where it is theirs.
    TimerChanged,
    /// The contact wants the user to meet somebody: to be answered.
    Introduction,
    /// The user said yes, introduces the two, or got to know the contact so.
    Introduced,
    /// Nothing came of it.
    IntroductionOver,
    /// What they sent can be shown by a later version only.
    Newer,
    /// A short string was compared and differed, or was not made as their program had promised.
    StringsDiffer,
    /// A link was asked about that leads to this contact, or does not.
    OnePerson,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Between two neighbours there is room for this many that come late.
pub(super) const STEP: i64 = 1 << 20;

const COLUMNS: &str =
    "id, contact, wire, mine, position, sequence, sent_at, received_at, body, state, reply_to, route, note, chain,
    gap, mine = 1 AND note = 0 AND state = 0 AND EXISTS (SELECT 1 FROM contacts c WHERE c.id = contact AND c.held = 1),
    edited, deleted,
    (SELECT emoji FROM reactions r WHERE r.contact = messages.contact AND r.wire = messages.wire AND r.mine = 1),
    (SELECT emoji FROM reactions r WHERE r.contact = messages.contact AND r.wire = messages.wire AND r.mine = 0),
    reason, mine = 1 AND note = 0 AND state = 0
        AND EXISTS (SELECT 1 FROM peer_queues q WHERE q.contact = messages.contact AND q.dead = 0)
        AND NOT EXISTS (SELECT 1 FROM peer_queues q WHERE q.contact = messages.contact AND q.dead = 0 AND q.is_full = 0),
    CASE WHEN mine = 1 AND note = 0 AND state = 1
        THEN (SELECT s.at FROM message_states s WHERE s.message = messages.id AND s.state = 1) END,
    CASE WHEN mine = 1 AND note = 0 AND state = 1
        THEN (SELECT max(o.renewed_at) FROM outgoing o WHERE o.message = messages.id AND o.state < 3) END,
    timer_s, disappears_at, introduces";

fn read(row: &Row<'_>) -> rusqlite::Result<Message> {
    let route: Vec<u8> = row.get(11)?;
    let at = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|at| Timestamp(at.cast_unsigned())))
    };
    let (renewed, disappears) = (at(23)?, at(25)?);
    Ok(Message {
        id: row.get(0)?,
        contact: row.get(1)?,
        wire: WireId(row.get(2)?),
        mine: row.get(3)?,
        position: row.get(4)?,
        sequence: row.get::<_, i64>(5)?.cast_unsigned(),
        sent_at: Timestamp(row.get::<_, i64>(6)?.cast_unsigned()),
        received_at: Timestamp(row.get::<_, i64>(7)?.cast_unsigned()),
        body: row.get(8)?,
        state: row.get(9)?,
        reply_to: row.get(10)?,
        route: route.as_chunks::<32>().0.iter().map(|id| RelayId(*id)).collect(),
        note: row.get(12)?,
        chain: Timestamp(row.get::<_, i64>(13)?.cast_unsigned()),
        gap: row.get(14)?,
        held: row.get(15)?,
        edited: row.get(16)?,
        deleted: row.get(17)?,
        reactions: Reactions {
            mine: row.get::<_, Option<String>>(18)?.unwrap_or_default(),
            theirs: row.get::<_, Option<String>>(19)?.unwrap_or_default(),
        },
        reason: if row.get::<_, bool>(21)? { Reason::QueueFull } else { row.get(20)? },
        expires_at: at(22)?.map(|relayed| moments::given_up_at(relayed, renewed)),
        timer_s: row.get(24)?,
        disappears_at: disappears.filter(|at| at.0 != 0),
        introduces: row.get("introduces")?,
        files: Vec::new(),
    })
}

impl Store {
    pub(crate) fn add_message(&self, message: &Message) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO messages (id, contact, wire, mine, position, sequence, sent_at, received_at, body, state, reply_to,
             note, chain, gap, timer_s, disappears_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            rusqlite::params![
                message.id,
                message.contact,
                message.wire.0,
                message.mine,
                message.position,
                message.sequence.cast_signed(),
                message.sent_at.0.cast_signed(),
                message.received_at.0.cast_signed(),
                message.body,
                message.state,
                message.reply_to,
                message.note,
                message.chain.0.cast_signed(),
                message.gap,
                message.timer_s,
                message.disappears_at.map_or(0, |at| at.0.cast_signed()),
            ],
        )
    }

    pub(crate) fn message(&self, id: &str) -> Result<Option<Message>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM messages WHERE id = ?1"), [id], read)
    }

    /// The one at a place ([`Store::place_of`]).
    pub(crate) fn message_at(&self, place: i64) -> Result<Option<Message>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM messages WHERE rowid = ?1"), [place], read)
    }

    pub(crate) fn message_by_wire(
        &self,
        contact: ContactId,
        wire: WireId,
    ) -> Result<Option<Message>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM messages WHERE contact = ?1 AND mine IN (0, 1) AND wire = ?2");
        self.row(&sql, (contact, wire.0), read)
    }

    /// When a note was last told.
    pub(crate) fn last_note(&self, contact: ContactId, note: Note) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT max(received_at) FROM messages WHERE contact = ?1 AND note = ?2";
        let at = self.row(sql, (contact, note), |row| row.get::<_, Option<i64>>(0))?;
        Ok(at.flatten().map(|at| Timestamp(at.cast_unsigned())))
    }

    /// The place behind all others.
    pub(crate) fn last_position(&self, contact: ContactId) -> Result<i64, StoreError> {
        let last =
            self.row("SELECT ifnull(max(position), 0) FROM messages WHERE contact = ?1", [contact], |row| {
                row.get::<_, i64>(0)
            })?;
        Ok(last.unwrap_or(0).saturating_add(STEP))
    }

    /// The place of a text that comes late: before the next one of the same sender, behind what stands before that.
    pub(crate) fn late_position(
        &self,
        contact: ContactId,
        chain: Timestamp,
        sequence: u64,
    ) -> Result<i64, StoreError> {
        // Both are found near the end, where late texts belong: neither reads the whole conversation.
        let before = self.position_before(contact, chain, sequence)?;
        let next = self.row(
            "SELECT min(position) FROM messages
             WHERE contact = ?1 AND position >= ?4 AND mine = 0 AND chain = ?2 AND sequence > ?3",
            (contact, chain.0.cast_signed(), sequence.cast_signed(), before),
            |row| row.get::<_, Option<i64>>(0),
        )?;
        let Some(next) = next.flatten() else { return self.last_position(contact) };
        let before = self.row(
            "SELECT ifnull(max(position), 0) FROM messages WHERE contact = ?1 AND position < ?2",
            (contact, next),
            |row| row.get::<_, i64>(0),
        )?;
        Ok(before.unwrap_or(0).midpoint(next))
    }

    /// The place of the last text with a lower number in that chain; 0: there is none.
    pub(crate) fn position_before(
        &self,
        contact: ContactId,
        chain: Timestamp,
        sequence: u64,
    ) -> Result<i64, StoreError> {
        let before = self.row(
            "SELECT max(position) FROM messages WHERE contact = ?1 AND mine = 0 AND chain = ?2 AND sequence < ?3",
            (contact, chain.0.cast_signed(), sequence.cast_signed()),
            |row| row.get::<_, Option<i64>>(0),
        )?;
        Ok(before.flatten().unwrap_or(0))
    }

    /// Puts a text where its chain, number and position say.
    pub(crate) fn place_message(&self, message: &Message) -> Result<(), StoreError> {
        self.run(
            "UPDATE messages SET position = ?2, chain = ?3, sequence = ?4, gap = ?5 WHERE id = ?1",
            (
                &message.id,
                message.position,
                message.chain.0.cast_signed(),
                message.sequence.cast_signed(),
                message.gap,
            ),
        )
    }

    /// What stood before a text and was missing has come, or will never: the text, if there is one.
    pub(crate) fn close_gap(
        &self,
        contact: ContactId,
        chain: Timestamp,
        sequence: u64,
    ) -> Result<Option<String>, StoreError> {
        self.row(
            "UPDATE messages SET gap = 0 WHERE gap = 1 AND contact = ?1 AND chain = ?2 AND sequence = ?3 RETURNING id",
            (contact, chain.0.cast_signed(), sequence.cast_signed()),
            |row| row.get(0),
        )
    }

    /// The first behind `from`, the oldest first: at most `limit`, and none behind the one with which their texts are longer than `bytes`.
    /// And where to go on, where either cut them off.
    pub(crate) fn messages_from(
        &self,
        contact: ContactId,
        from: Cursor,
        (limit, bytes): (u32, usize),
    ) -> Result<(Vec<Message>, Option<Cursor>), StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, rowid AS number FROM messages WHERE contact = ?1 AND (position, rowid) > (?2, ?3)
             ORDER BY position, rowid LIMIT ?4"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let (mut messages, mut told) = (Vec::new(), 0);
        let numbered = |row: &Row<'_>| Ok((read(row)?, row.get::<_, i64>("number")?));
        for message in statement.query_map((contact, from.position, from.number, limit), numbered)? {
            let (message, number) = message?;
            told += message.body.len();
            let last = Cursor { position: message.position, number };
            messages.push(message);
            if told > bytes || u32::try_from(messages.len()).is_ok_and(|length| length == limit) {
                return Ok((messages, Some(last)));
            }
        }
        Ok((messages, None))
    }

    /// The place of the `limit`th message counted back from `before`.
    pub(crate) fn page_start(
        &self,
        contact: ContactId,
        before: i64,
        limit: u32,
    ) -> Result<Option<i64>, StoreError> {
        let start = self.row(
            "SELECT min(position) FROM (SELECT position FROM messages WHERE contact = ?1 AND position < ?2
             ORDER BY position DESC LIMIT ?3)",
            (contact, before, limit),
            |row| row.get::<_, Option<i64>>(0),
        )?;
        Ok(start.flatten())
    }

    /// The place of the `limit`th message counted on from `from`, that included.
    pub(crate) fn page_end(
        &self,
        contact: ContactId,
        from: i64,
        limit: u32,
    ) -> Result<Option<i64>, StoreError> {
        let end = self.row(
            "SELECT max(position) FROM (SELECT position FROM messages WHERE contact = ?1 AND position >= ?2
             ORDER BY position LIMIT ?3)",
            (contact, from, limit),
            |row| row.get::<_, Option<i64>>(0),
        )?;
        Ok(end.flatten())
    }

    /// The place of the message that by its sender's clock was written first at or after a moment.
    pub(crate) fn first_since(
        &self,
        contact: ContactId,
        moment: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let since = i64::try_from(moment.0).unwrap_or(i64::MAX);
        let sql = "SELECT position FROM messages WHERE contact = ?1 AND sent_at >= ?2 ORDER BY sent_at, position LIMIT 1";
        self.row(sql, (contact, since), |row| row.get(0))
    }

    /// Moves a text of ours on, to being read at most; false when it was there already. One that has ended is delivered after all, and
    /// else stays ended.
    pub(crate) fn advance_message(&self, id: &str, state: Delivery) -> Result<bool, StoreError> {
        let sql = "UPDATE messages SET state = ?2, reason = 0
             WHERE id = ?1 AND (state < ?2 OR state > 3 AND ?2 IN (2, 3))";
        Ok(self.changed(sql, (id, state))? > 0)
    }

    pub(crate) fn set_route(&self, id: &str, route: &[RelayId]) -> Result<(), StoreError> {
        let bytes: Vec<u8> = route.iter().flat_map(|relay| relay.0).collect();
        self.run("UPDATE messages SET route = ?2 WHERE id = ?1", (id, bytes))
    }

    /// Texts of ours in one state.
    pub(crate) fn count_in_state(&self, state: Delivery) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM messages WHERE mine = 1 AND state < 2 AND state = ?1";
        Ok(self.row(sql, [state], |row| row.get(0))?.unwrap_or(0))
    }

    /// Marks what came up to place `position` as read, and says how many are left unread.
    pub(crate) fn mark_read(&self, contact: ContactId, position: i64) -> Result<u32, StoreError> {
        self.run(
            "UPDATE messages SET state = 3 WHERE contact = ?1 AND mine = 0 AND state = 2 AND position <= ?2",
            (contact, position),
        )?;
        let left = self.row(
            "SELECT count(*) FROM messages WHERE contact = ?1 AND mine = 0 AND state = 2",
            [contact],
            |row| row.get(0),
        )?;
        Ok(left.unwrap_or(0))
    }
}
