//! Files as they are told: how each stands, and why.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{self, FileReason, FileState, FilesError};

use super::file_requests::FilesBefore;
use super::names::{self, Found};
use crate::content;
use crate::error::StoreError;
use crate::files::{By, Cut, Progress, Receiving, Sending, Standing};
use crate::ids::{FileId, hex};
use crate::store::{Delivery, File, Message, Store, Trouble};

/// One of a message. How it moves is for whoever moves it: until that is said it waits.
pub(super) fn row(store: &Store, file: &File) -> Result<Option<ui_stored::File>, StoreError> {
    let message = match &file.message {
        Some(message) => store.message(message)?,
        None => None,
    };
    let Some(message) = message else { return Ok(None) };
    let noted = store.file_progress(file.id)?;
    let (state, reason) = state_of(file, &message, !noted.is_empty());
    let done = if state == FileState::Saved { file.cut.size_bytes() } else { bytes_in(file, &noted) };
    Ok(Some(ui_stored::File {
        id: hex(&file.id.0.to_be_bytes()),
        message: message.id,
        contact: hex(&file.contact.0.to_be_bytes()),
        mine: file.mine,
        name: file.name.clone(),
        kind: match file.kind {
            content::FileKind::File => ui_stored::FileKind::File,
            content::FileKind::Picture => ui_stored::FileKind::Picture,
            content::FileKind::Voice => ui_stored::FileKind::Voice,
        },
        size: file.cut.size_bytes(),
        state,
        reason,
        done,
        rate: 0,
        left_s: None,
        at: if message.mine { message.sent_at } else { message.received_at },
    }))
}

/// The message's, in their order.
pub(super) fn of_message(store: &Store, message: &str) -> Result<Vec<ui_stored::File>, StoreError> {
    let rows = store.files_of(message)?.into_iter().map(|file| row(store, &file));
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Of one conversation or all, the newest first, at most so many.
pub(super) fn before(store: &Store, ask: &FilesBefore) -> Found<Vec<ui_stored::File>, FilesError> {
    let contact = match ask.who.as_str() {
        "" => None,
        who => match names::called(store, who)? {
            Some(contact) => Some(contact.id),
            None => return Ok(Err(FilesError::NoSuchContact)),
        },
    };
    let before = match ask.before.as_str() {
        "" => None,
        id => match id_of(id) {
            Some(id) => Some(id),
            None => return Ok(Err(FilesError::NoSuchFile)),
        },
    };
    let rows = store.files_before(contact, before, ask.limit)?.into_iter().map(|file| row(store, &file));
    Ok(Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()))
}

/// A file's number, as it is told.
pub(super) fn id_of(id: &str) -> Option<FileId> {
    u64::from_str_radix(id, 16).ok().filter(|_| id.len() == 16).map(FileId)
}

/// How it moves.
pub(super) fn moves(row: &mut ui_stored::File, progress: &Progress, waits: Option<FileReason>) {
    row.done = progress.bytes;
    row.rate = progress.bytes_per_s;
    row.left_s = progress.left.map(|left| left.as_secs());
    match waits {
        Some(reason) if progress.bytes_per_s == 0 => row.reason = reason,
        _ => row.state = FileState::Going,
    }
}

fn state_of(file: &File, message: &Message, has_begun: bool) -> (FileState, FileReason) {
    let ended = matches!(message.state, Delivery::Expired | Delivery::Failed);
    match file.words.standing() {
        Standing::Offered if file.mine && ended => (FileState::Expired, FileReason::None),
        Standing::Offered => (FileState::Offered, FileReason::None),
        Standing::Going => match file.trouble {
            Trouble::None => (FileState::Waiting, FileReason::None),
            Trouble::NoRoom => (FileState::Paused, FileReason::DiskFull),
            Trouble::Damaged => (FileState::Failed, FileReason::Damaged),
            Trouble::Spent => (FileState::Failed, FileReason::Spent),
            Trouble::NotOffered => (FileState::Failed, FileReason::NotOffered),
        },
        Standing::Paused(by) => (FileState::Paused, reason_of(by)),
        Standing::Done if file.trouble == Trouble::Damaged => (FileState::Failed, FileReason::Damaged),
        Standing::Done => (FileState::Saved, FileReason::None),
        Standing::Stopped(by) => {
            let receiver = file.mine == (by == By::Them);
            let state = if receiver && !has_begun { FileState::Refused } else { FileState::Cancelled };
            (state, reason_of(by))
        }
    }
}

fn reason_of(by: By) -> FileReason {
    match by {
        By::Us => FileReason::User,
        By::Them => FileReason::Them,
    }
}

fn bytes_in(file: &File, noted: &[u8]) -> u64 {
    let bytes = |cut: Cut| {
        if file.mine {
            Sending::decode(cut, noted).map(|sending| sending.progress(Timestamp(0)).bytes)
        } else {
            Receiving::decode(cut, noted, Timestamp(0))
                .map(|receiving| receiving.progress(Timestamp(0)).bytes)
        }
    };
    bytes(file.cut).unwrap_or(0)
}
