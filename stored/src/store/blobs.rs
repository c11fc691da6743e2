//! Where the bytes of files lie and under which keys; and what of them is to be removed. A row goes with the last file that has it
//! (`schema.rs`, FILES); from then on nobody can read its bytes, whenever they are removed.

use ipc_schema::Timestamp;
use rusqlite::Row;

use super::Store;
use crate::content::FileKind;
use crate::error::StoreError;
use crate::files::{Blob, BlobName, Cut, Hash, Shelf};
use crate::ids::{BlobId, UploadId};
use crate::secret::Secret;

/// What lies in `blobs/`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobCounts {
    /// Files.
    pub blobs: u64,
    /// What is in them, bytes.
    pub bytes: u64,
}

/// What was handed in and is of no message yet.
pub(crate) struct Upload {
    /// 0 until it is kept.
    pub(crate) id: UploadId,
    pub(crate) blob: BlobId,
    pub(crate) cut: Cut,
    /// As it may be shown.
    pub(crate) name: String,
    pub(crate) kind: FileKind,
    pub(crate) root: Hash,
    /// It may say where and with what it was made.
    pub(crate) carries: bool,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Blob> {
    let (name, size): ([u8; 16], i64) = (row.get(0)?, row.get(2)?);
    Ok(Blob { name: BlobName(name), key: Secret::of(row.get(1)?), cut: cut_of(size)? })
}

fn cut_of(size: i64) -> rusqlite::Result<Cut> {
    Cut::of(size.cast_unsigned()).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, size))
}

impl Store {
    /// Where the files lie.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        Shelf::new(self.path.parent().unwrap_or(&self.path))
    }

    /// Before its file is made.
    pub(crate) fn add_blob(&self, blob: &Blob, now: Timestamp) -> Result<BlobId, StoreError> {
        self.run(
            "INSERT INTO blobs (name, key, size, at) VALUES (?1, ?2, ?3, ?4)",
            (blob.name.0, blob.key.expose(), blob.cut.size_bytes().cast_signed(), now.0.cast_signed()),
        )?;
        Ok(BlobId(self.db.last_insert_rowid().cast_unsigned()))
    }

    pub(crate) fn blob(&self, id: BlobId) -> Result<Option<Blob>, StoreError> {
        self.row("SELECT name, key, size FROM blobs WHERE id = ?1", [id], read)
    }

    /// One that no file has: what somebody began to hand in goes.
    pub(crate) fn drop_loose_blob(&self, id: BlobId) -> Result<(), StoreError> {
        let sql = "DELETE FROM blobs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM files WHERE blob = ?1)";
        self.run(sql, [id])
    }

    /// The same with all that were begun up to then, or by a clock that was ahead.
    pub(crate) fn drop_loose_blobs(&self, up_to: Timestamp, now: Timestamp) -> Result<usize, StoreError> {
        self.changed(
            "DELETE FROM blobs WHERE (at <= ?1 OR at > ?2) AND NOT EXISTS (SELECT 1 FROM files f WHERE f.blob = blobs.id)",
            (up_to.0.cast_signed(), now.0.cast_signed()),
        )
    }

    pub(crate) fn add_upload(&self, upload: &Upload) -> Result<UploadId, StoreError> {
        let Upload { blob, name, kind, root, carries, .. } = upload;
        self.run(
            "INSERT INTO uploads (blob, name, kind, root, carries) VALUES (?1, ?2, ?3, ?4, ?5)",
            (blob, name, kind, root, carries),
        )?;
        Ok(UploadId(self.db.last_insert_rowid().cast_unsigned()))
    }

    pub(crate) fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        let sql = "SELECT u.blob, b.size, u.name, u.kind, u.root, u.carries FROM uploads u JOIN blobs b ON b.id = u.blob
             WHERE u.id = ?1";
        self.row(sql, [id], |row| {
            Ok(Upload {
                id,
                blob: row.get(0)?,
                cut: cut_of(row.get(1)?)?,
                name: row.get(2)?,
                kind: row.get(3)?,
                root: row.get(4)?,
                carries: row.get(5)?,
            })
        })
    }

    /// It is a message's.
    pub(crate) fn drop_upload(&self, id: UploadId) -> Result<(), StoreError> {
        self.run("DELETE FROM uploads WHERE id = ?1", [id])
    }

    /// Files in `blobs/` that are to be removed, once that is durable.
    pub(crate) fn gone_blobs(&self, limit: u32) -> Result<Vec<BlobName>, StoreError> {
        self.rows("SELECT name FROM blobs_gone LIMIT ?1", [limit], |row| Ok(BlobName(row.get(0)?)))
    }

    /// It is removed.
    pub(crate) fn forget_gone_blob(&self, name: BlobName) -> Result<(), StoreError> {
        self.run("DELETE FROM blobs_gone WHERE name = ?1", [name.0])
    }

    /// Whether a file in `blobs/` is one that can be read.
    pub(crate) fn knows_blob(&self, name: BlobName) -> Result<bool, StoreError> {
        Ok(self.row("SELECT 1 FROM blobs WHERE name = ?1", [name.0], |_| Ok(()))?.is_some())
    }

    /// For `status`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn blob_counts(&self) -> Result<BlobCounts, StoreError> {
        let counts = self.row("SELECT count(*), ifnull(sum(size), 0) FROM blobs", [], |row| {
            let figure = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
            Ok(BlobCounts { blobs: figure(0)?, bytes: figure(1)? })
        })?;
        Ok(counts.unwrap_or_default())
    }
}
