//! What the shell asks of files: where bytes that are handed in go, and which files there are.

use ipc_schema::edge::ui_stored::Files;

use crate::content::FileKind;
use crate::files::{Blob, Cut, Hash};
use crate::ids::BlobId;

/// Somebody wants to hand in a file that is cut so.
#[derive(Clone)]
pub struct TakeIn {
    /// How.
    pub cut: Cut,
}

/// Where what is handed in goes.
#[derive(Clone, PartialEq, Eq)]
pub struct TakenIn {
    /// Its row.
    pub id: BlobId,
    /// What has to be known to write it.
    pub blob: Blob,
}

/// All of it is durable there.
#[derive(Clone)]
pub struct KeepIn {
    /// Its row.
    pub blob: BlobId,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// BLAKE3 of all of it.
    pub root: Hash,
    /// It may say where and with what it was made.
    pub carries: bool,
}

/// It is not sent after all.
#[derive(Clone, Copy)]
pub struct DropIn {
    /// Its row.
    pub blob: BlobId,
}

/// What has to be known to read a file that is here whole.
#[derive(Clone)]
pub struct BytesOf {
    /// Which.
    pub id: String,
}

/// A piece of a file is not what was written.
#[derive(Clone)]
pub struct PieceLost {
    /// Of which.
    pub id: String,
}

/// Files of one conversation or all.
#[derive(Clone)]
pub struct FilesBefore {
    /// Whose, in the user's word; empty: all.
    pub who: String,
    /// Older than this one; empty: from the newest on.
    pub before: String,
    /// At most so many.
    pub limit: u32,
}

impl FilesBefore {
    /// Those that are asked for from here on.
    #[must_use]
    pub fn of(call: &Files, limit: u32) -> Self {
        Self { who: call.who.clone(), before: call.before.clone(), limit }
    }
}
