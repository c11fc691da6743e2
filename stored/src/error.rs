//! What goes wrong, by who is at fault.

/// The database did not do what was asked. Nothing was lost: the transaction is undone as a whole.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or the file may not grow.
    #[error("the disk is full: free some space, nothing was lost")]
    Full,
    /// The file does not open under the key that keyvault gave: it is damaged or belongs to another vault.
    #[error("store.db is damaged or belongs to another vault")]
    Damaged,
    /// A later version of this program wrote it.
    #[error("store.db was written by a newer version of Privatus")]
    Newer,
    /// Anything else that SQLite says.
    #[error("store.db: {0}")]
    Sqlite(rusqlite::Error),
    /// Another file of the folder.
    #[error("the profile's folder: {0}")]
    Io(#[from] std::io::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{Error, ErrorCode};
        match (error.sqlite_error_code(), &error) {
            (Some(ErrorCode::DiskFull), _) => Self::Full,
            (Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt), _) => Self::Damaged,
            // What is there is not what this program writes.
            (
                _,
                Error::IntegralValueOutOfRange(..)
                | Error::FromSqlConversionFailure(..)
                | Error::InvalidColumnType(..),
            ) => Self::Damaged,
            _ => Self::Sqlite(error),
        }
    }
}
