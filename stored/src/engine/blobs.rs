//! What lies in `blobs/` beside the history: rows for what is handed in, and files that nobody can read any more.

use std::time::Duration;

use ipc_schema::edge::ui_stored::{Closed, DownloadError, FinishError};

use super::event::Timer;
use super::file_requests::{BytesOf, DropIn, KeepIn, PieceLost, TakeIn, TakenIn};
use super::file_rows;
use super::names::Found;
use super::turn::Turn;
use crate::error::StoreError;
use crate::files::{Blob, Standing};
use crate::ids::UploadId;
use crate::store::{Store, Trouble, Upload};

/// What nobody sends by then is not kept.
const LOOSE: Duration = Duration::from_secs(3_600);
/// Files that are removed in one go.
const AT_ONCE: u32 = 16;

pub(super) fn take_in(turn: &mut Turn, call: &TakeIn) -> Found<TakenIn, Closed> {
    let blob = Blob::new(call.cut, turn.chance());
    let id = turn.store.add_blob(&blob, turn.now)?;
    Ok(Ok(TakenIn { id, blob }))
}

/// The row may have gone meanwhile, with the time or with a start.
pub(super) fn keep_in(turn: &mut Turn, call: KeepIn) -> Found<UploadId, FinishError> {
    let Some(blob) = turn.store.blob(call.blob)? else { return Ok(Err(FinishError::SizeDiffers)) };
    let KeepIn { blob: id, name, kind, root, carries } = call;
    turn.store
        .add_upload(&Upload { id: UploadId(0), blob: id, cut: blob.cut, name, kind, root, carries })
        .map(Ok)
}

pub(super) fn drop_in(turn: &mut Turn, call: DropIn) -> Found<(), Closed> {
    turn.store.drop_loose_blob(call.blob)?;
    Ok(Ok(()))
}

/// Own files, and those that came whole.
pub(super) fn bytes_of(store: &Store, ask: &BytesOf) -> Found<Blob, DownloadError> {
    let file = match file_rows::id_of(&ask.id) {
        Some(id) => store.file(id)?.filter(|file| file.message.is_some()),
        None => None,
    };
    let Some(file) = file else { return Ok(Err(DownloadError::NoSuchFile)) };
    let is_whole = file.mine || file.words.standing() == Standing::Done;
    let Some(blob) = file.blob.filter(|_| is_whole) else { return Ok(Err(DownloadError::NotHere)) };
    Ok(store.blob(blob)?.ok_or(DownloadError::NotHere))
}

pub(super) fn piece_lost(turn: &mut Turn, call: &PieceLost) -> Found<(), Closed> {
    if let Some(id) = file_rows::id_of(&call.id) {
        super::files::troubled(turn, id, Trouble::Damaged)?;
    }
    Ok(Ok(()))
}

// ---- what is to go

/// After a start: what a kill left goes, and what was handed in before it.
pub(super) fn resume(turn: &mut Turn) -> Result<(), StoreError> {
    turn.store.drop_loose_blobs(turn.now, turn.now)?;
    // A disk that fails here is no reason to begin nothing.
    let _ = turn.store.shelf().sweep(|name| turn.store.knows_blob(name));
    Ok(())
}

/// What was handed in and not sent goes.
pub(super) fn housekeeping(turn: &mut Turn) -> Result<(), StoreError> {
    let old = ipc_schema::Timestamp(turn.now.0.saturating_sub(u64::try_from(LOOSE.as_millis()).unwrap_or(0)));
    turn.store.drop_loose_blobs(old, turn.now).map(drop)
}

/// What ended in this batch is removed behind it, when that is durable.
pub(super) fn look(turn: &mut Turn) -> Result<(), StoreError> {
    if !turn.store.gone_blobs(1)?.is_empty() {
        turn.set_timer(turn.now, Timer::Blobs);
    }
    Ok(())
}

/// What cannot be removed now is swept at the next start: nobody can read it.
pub(super) fn remove(turn: &mut Turn) -> Result<(), StoreError> {
    for name in turn.store.gone_blobs(AT_ONCE)? {
        let _ = turn.store.shelf().remove(name);
        turn.store.forget_gone_blob(name)?;
    }
    Ok(())
}
