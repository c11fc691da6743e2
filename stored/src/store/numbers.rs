//! States and kinds as they lie in the database: a number each. Any other number is damage, and is not taken for the last of them.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::claims::ClaimState;
use super::contacts::{ContactState, Notice};
use super::early::EarlyKind;
use super::files::Trouble;
use super::introductions::IntroductionState;
use super::messages::{Delivery, Note, Reason};
use super::outgoing::{OutgoingKind, OutgoingState};
use super::queues::{AcceptState, InviteState, ReceiveQueueState};
use super::receipts::Owed;
use crate::content::{FileKind, FileWord};

macro_rules! numbered {
    ($($name:ident { $($variant:ident = $number:literal,)* })*) => {
        $(
            impl ToSql for $name {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(ToSqlOutput::from(match self { $(Self::$variant => $number,)* }))
                }
            }

            impl FromSql for $name {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    match value.as_i64()? {
                        $($number => Ok(Self::$variant),)*
                        unknown => Err(FromSqlError::OutOfRange(unknown)),
                    }
                }
            }
        )*
    };
}

numbered! {
    ContactState { Invited = 0, Pending = 1, Connected = 2, Oneself = 3, }
    Notice { None = 0, Repairing = 1, InviteAgain = 2, }
    Delivery { Queued = 0, Relayed = 1, Delivered = 2, Read = 3, Failed = 4, Expired = 5, }
    Note {
        None = 0, OlderCopyHere = 1, OlderCopyThere = 2, Reopened = 3, ReopenedAgain = 4, TextsWait = 5,
        TimerChanged = 6, Introduction = 7, Introduced = 8, IntroductionOver = 9, Newer = 10,
        StringsDiffer = 11, OnePerson = 12,
    }
    Reason { None = 0, InviteAgain = 1, QueueFull = 2, Gone = 3, }
    OutgoingState { Waiting = 0, Sealing = 1, Sealed = 2, Acked = 3, }
    OutgoingKind {
        Text = 0, Receipt = 1, Profile = 2, QueueChange = 3, GapRequest = 4, Repair = 5, KeepAlive = 6, Edit = 7,
        Delete = 8, Reaction = 9, Typing = 10, Paused = 11, Timer = 12, Introduction = 13,
        Comparison = 14, Meeting = 15, FileAnswer = 16, FileChunks = 17,
    }
    EarlyKind { Edit = 0, Delete = 1, Reaction = 2, }
    FileKind { File = 0, Picture = 1, Voice = 2, }
    FileWord { Go = 0, Pause = 1, Stop = 2, Done = 3, }
    Trouble { None = 0, NoRoom = 1, Damaged = 2, Spent = 3, NotOffered = 4, }
    Owed { No = 0, WithAcks = 1, Soon = 2, Now = 3, }
    ClaimState { Opening = 0, Waiting = 1, Asked = 2, Answered = 3, }
    IntroductionState { Asked = 0, Agreed = 1, Done = 2, Over = 3, }
    InviteState { Placing = 0, Waiting = 1, Accepted = 2, OpenedTwice = 3, Expired = 4, Cancelled = 5, }
    ReceiveQueueState {
        Picking = 0, Beginning = 1, Creating = 2, Finishing = 3, Leaving = 4, Live = 5, Deleting = 6,
    }
    AcceptState {
        Opening = 0, Reading = 1, MakingQueues = 2, Accepting = 3, Sent = 4, Relayed = 5, Refused = 6,
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;
    use zeroize::Zeroizing;

    use super::*;
    use crate::error::StoreError;
    use crate::ids::ContactId;
    use crate::store::Store;

    fn read<T: FromSql>(number: i64) -> Result<T, StoreError> {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.query_row("SELECT ?1", [number], |row| row.get(0)).map_err(StoreError::from)
    }

    fn assert_strict<T: FromSql + ToSql>(known: i64) {
        assert_strictly::<T>(&(0..known).collect::<Vec<_>>());
    }

    fn assert_strictly<T: FromSql + ToSql>(known: &[i64]) {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        for number in known.iter().copied() {
            let value: T = read(number).unwrap();
            let back: i64 = db.query_row("SELECT ?1", [value], |row| row.get(0)).unwrap();
            assert_eq!(back, number, "{}", std::any::type_name::<T>());
        }
        let next = known.last().unwrap() + 1;
        for number in [next, 99, 256, -1, i64::MIN, i64::MAX] {
            let told = read::<T>(number);
            assert!(matches!(told, Err(StoreError::Damaged)), "{} {number}", std::any::type_name::<T>());
        }
    }

    #[test]
    fn a_number_that_nobody_wrote_is_damage() {
        assert_strict::<ContactState>(4);
        assert_strict::<Notice>(3);
        assert_strict::<Delivery>(6);
        assert_strict::<Note>(13);
        assert_strict::<Reason>(4);
        assert_strict::<OutgoingState>(4);
        assert_strict::<OutgoingKind>(18);
        assert_strict::<EarlyKind>(3);
        assert_strict::<FileKind>(3);
        assert_strict::<FileWord>(4);
        assert_strict::<Trouble>(5);
        assert_strict::<Owed>(4);
        assert_strict::<ClaimState>(4);
        assert_strict::<IntroductionState>(4);
        assert_strict::<InviteState>(6);
        assert_strict::<ReceiveQueueState>(7);
        assert_strict::<AcceptState>(7);
    }

    #[test]
    fn a_contact_in_a_state_that_does_not_exist_is_not_shown_as_connected() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.db"), &Zeroizing::new([7; 32])).unwrap();
        store.add_contact(ContactId(1), "bob", ContactState::Invited, Timestamp(1)).unwrap();
        for column in ["state", "notice"] {
            store.run(&format!("UPDATE contacts SET {column} = 17"), []).unwrap();
            assert!(matches!(store.contact(ContactId(1)), Err(StoreError::Damaged)), "{column}");
            store.run(&format!("UPDATE contacts SET {column} = 0"), []).unwrap();
            assert!(store.contact(ContactId(1)).unwrap().is_some());
        }
    }
}
