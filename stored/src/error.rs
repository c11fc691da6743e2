//! What goes wrong, by who is at fault, and the one place where what SQLite and the disk say is told apart.

use std::io::ErrorKind;

use ipc_schema::edge::ui_stored::Closed;
use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};

/// The database did not do what was asked. Nothing was lost by that: the transaction is undone as a whole.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or the file may not grow.
    #[error("the disk is full: free some space, nothing was lost")]
    Full,
    /// What lies in the file is not what was written, or was written under another key. keyvault's key opened the vault, so it is the
    /// file's fault.
    #[error("the file is damaged")]
    Damaged,
    /// The file is missing or empty, and it was there before.
    #[error("the file is missing or empty, and it was there before")]
    Lost,
    /// A later version of this program wrote it.
    #[error("the file was written by a later version of Privatus: install that")]
    Newer,
    /// The file, its folder or its disk cannot be written.
    #[error("the disk cannot be written")]
    ReadOnly,
    /// Memory could not be had.
    #[error("too little memory")]
    NoMemory,
    /// Another process holds it.
    #[error("the file is in use by another process")]
    InUse,
    /// Anything else that SQLite says: the disk gives errors.
    #[error("the disk gives errors: {0}")]
    Sqlite(rusqlite::Error),
    /// The same of another file of the folder.
    #[error("the disk gives errors: {0}")]
    Io(std::io::Error),
}

impl StoreError {
    /// What whoever asked is told.
    #[must_use]
    pub fn closed(&self) -> Closed {
        match self {
            Self::Full => Closed::Storage,
            Self::Damaged => Closed::HistoryDamaged,
            Self::Lost => Closed::HistoryLost,
            Self::Newer => Closed::HistoryNewer,
            Self::ReadOnly => Closed::ReadOnly,
            Self::NoMemory => Closed::NoMemory,
            Self::InUse => Closed::HistoryInUse,
            Self::Sqlite(_) | Self::Io(_) => Closed::DiskFails,
        }
    }

    /// Whether it is over one day without anybody touching the file.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Damaged | Self::Lost | Self::Newer => false,
            Self::Full | Self::ReadOnly | Self::NoMemory | Self::InUse | Self::Sqlite(_) | Self::Io(_) => {
                true
            }
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error;
        match &error {
            Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                // A disk without room for SQLite's shared memory: the file beside the database that is not written but sized.
                ErrorCode::SystemIoFailure
                    if matches!(failure.extended_code, SQLITE_IOERR_SHMSIZE | SQLITE_IOERR_SHMOPEN) =>
                {
                    Self::Full
                }
                ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => Self::Damaged,
                // SQLCipher's word for a page whose seal is broken. Our own statements are constant, and tested.
                ErrorCode::Unknown => Self::Damaged,
                ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Self::ReadOnly,
                ErrorCode::OutOfMemory => Self::NoMemory,
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed => Self::InUse,
                _ => Self::Sqlite(error),
            },
            // What is there is not what this program writes.
            Error::IntegralValueOutOfRange(..)
            | Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Damaged,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly,
            ErrorKind::OutOfMemory => Self::NoMemory,
            _ => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn said(code: i32) -> Closed {
        StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).closed()
    }

    #[test]
    fn what_sqlite_says_is_told_as_what_it_is() {
        for (code, word) in [
            (ffi::SQLITE_FULL, Closed::Storage),
            (ffi::SQLITE_IOERR_SHMSIZE, Closed::Storage),
            (ffi::SQLITE_CORRUPT, Closed::HistoryDamaged),
            (ffi::SQLITE_NOTADB, Closed::HistoryDamaged),
            (ffi::SQLITE_READONLY, Closed::ReadOnly),
            (ffi::SQLITE_CANTOPEN, Closed::ReadOnly),
            (ffi::SQLITE_NOMEM, Closed::NoMemory),
            (ffi::SQLITE_IOERR_READ, Closed::DiskFails),
            (ffi::SQLITE_BUSY, Closed::HistoryInUse),
            (ffi::SQLITE_LOCKED, Closed::HistoryInUse),
        ] {
            assert_eq!(said(code), word, "{code}");
        }
    }

    #[test]
    fn what_the_disk_says_of_other_files_is_told_in_the_same_words() {
        let said = |kind: ErrorKind| StoreError::from(std::io::Error::from(kind)).closed();
        assert_eq!(said(ErrorKind::StorageFull), Closed::Storage);
        assert_eq!(said(ErrorKind::ReadOnlyFilesystem), Closed::ReadOnly);
        assert_eq!(said(ErrorKind::TimedOut), Closed::DiskFails);
    }
}
