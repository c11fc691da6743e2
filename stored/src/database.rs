//! The door to SQLite's files: opened whatever the disk under them is like, made so that none is ever there by half, and put aside
//! where one is damaged.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use crate::error::StoreError;

/// The stored of a suite that was killed a moment ago may still be ending.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is done with a connection.
type Step<'a> = &'a dyn Fn(&Connection) -> Result<(), StoreError>;

/// How a file is set up.
#[derive(Clone, Copy)]
pub(crate) struct SetUp<'a> {
    /// The key, for a file that has one: SQLCipher wants it before anything else is said.
    pub(crate) key: Step<'a>,
    /// The rest, which is also the first read.
    pub(crate) settings: Step<'a>,
}

/// Opens a file for reading and writing; makes it where it is missing.
///
/// Where the disk has no room for SQLite's shared memory, the file is held alone, which needs none: what is there can be read, and once
/// there is room again, written.
///
/// # Errors
/// [`StoreError::ReadOnly`]: it can only be read, see [`read`]; or what the disk says.
pub(crate) fn open(path: &Path, set_up: SetUp<'_>) -> Result<Connection, StoreError> {
    match write(path, Hold::Shared, set_up) {
        Err(StoreError::Full | StoreError::ReadOnly) => write(path, Hold::Alone, set_up),
        opened => opened,
    }
}

/// How the file is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Shared,
    Alone,
}

fn write(path: &Path, hold: Hold, set_up: SetUp<'_>) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    as_all(&db)?;
    (set_up.key)(&db)?;
    // SQLite opens for reading what it cannot open for writing, and says so only here.
    if db.is_readonly(MAIN_DB)? {
        return Err(StoreError::ReadOnly);
    }
    if hold == Hold::Alone {
        // As it stands: `pragma_update` reads the file first, and then it is too late.
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
    }
    (set_up.settings)(&db)?;
    Ok(db)
}

/// Opens a file for reading as far as it goes, and changes nothing in its folder that is of weight. What SQLite wrote last may lie
/// beside the file in its log; only where none does, a disk that nobody can write is read without any lock.
///
/// # Errors
/// Nothing of it can be read, or what the disk says.
pub(crate) fn read(path: &Path, set_up: SetUp<'_>) -> Result<Connection, StoreError> {
    let has_log = length(&beside(path, "-wal"))? > 0;
    match read_as(path, "mode=ro", set_up) {
        Err(StoreError::ReadOnly | StoreError::Full) if !has_log => read_as(path, "immutable=1", set_up),
        opened => opened,
    }
}

/// What holds for every connection. A statement is prepared once: SQLite would make it anew at each use where the number behind its LIMIT
/// is given then, to plan by that number.
fn as_all(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(PATIENCE)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn read_as(path: &Path, how: &str, set_up: SetUp<'_>) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?{how}", escaped(path));
    let db = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    as_all(&db)?;
    (set_up.key)(&db)?;
    // A file that was cut still says how long it was. So SQLite reads what is left of it. As it stands, for `pragma_update` asks first
    // whether there is such a pragma, which reads the file.
    db.execute_batch("PRAGMA writable_schema = ON")?;
    (set_up.settings)(&db)?;
    Ok(db)
}

/// Makes a file under another name, which `begin` opens, fills and closes, and gives it its own once it is whole: what is there under
/// that name was never cut short.
///
/// # Errors
/// What the disk says.
pub(crate) fn make(
    path: &Path,
    begin: impl FnOnce(&Path) -> Result<Connection, StoreError>,
) -> Result<(), StoreError> {
    let draft = beside(path, ".new");
    remove(&draft)?;
    remove_logs(&draft)?;
    let db = begin(&draft)?;
    // Its log has another name than that of the file to be.
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(StoreError::InUse);
    }
    drop(db);
    remove_logs(&draft)?;
    File::open(&draft)?.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder_of(path)
}

/// Moves a damaged file with its log, as far as they are there, into a folder of its own beside it, named by the time in seconds since
/// 1970; gives that. As every copy's its name ends in `.old`, so that a wipe takes it along.
///
/// # Errors
/// What the disk says. What was moved until then stays there, and the rest is as it was.
pub(crate) fn put_aside(path: &Path, at: u64) -> Result<PathBuf, StoreError> {
    let aside = beside(path, &format!(".damaged-{at}.old"));
    // The log first: what is left after a kill is as damaged as before.
    for suffix in ["-wal", ""] {
        let from = beside(path, suffix);
        let Some(name) = from.file_name().filter(|_| from.exists()) else { continue };
        match fs::create_dir(&aside) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => fs::rename(&from, aside.join(name))?,
        }
        sync_folder_of(&aside.join(name))?;
    }
    remove_logs(path)?;
    sync_folder_of(path)?;
    Ok(aside)
}

/// How long the file is; 0 where it is missing.
///
/// # Errors
/// What the disk says.
pub(crate) fn length(path: &Path) -> Result<u64, StoreError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        found => Ok(found?.len()),
    }
}

/// Removes a file; one that is not there is fine.
///
/// # Errors
/// What the disk says.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn remove_logs(path: &Path) -> Result<(), StoreError> {
    ["-wal", "-shm"].iter().try_for_each(|suffix| remove(&beside(path, suffix)))
}

/// After a power cut the folder must know what was made, moved or removed in it.
///
/// # Errors
/// What the disk says.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    path.parent().map_or(Ok(()), |folder| Ok(File::open(folder)?.sync_all()?))
}

/// What SQLite keeps beside a file: `-wal`, `-shm`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A path in a URI: all but what is plain in every one.
fn escaped(path: &Path) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;
    use std::ffi::OsStr;

    const PLAIN: SetUp<'static> =
        SetUp { key: &|_| Ok(()), settings: &|db| Ok(db.execute_batch("PRAGMA journal_mode")?) };

    #[test]
    fn a_statement_is_prepared_once_whatever_number_stands_behind_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let db = open(&path, PLAIN).unwrap();
        db.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (7)").unwrap();
        for db in [&db, &read(&path, PLAIN).unwrap()] {
            let mut statement = db.prepare("SELECT x FROM t WHERE x > ?1 ORDER BY x LIMIT ?2").unwrap();
            for limit in 1..5 {
                let rows = statement.query_map([0, limit], |row| row.get::<_, i64>(0)).unwrap();
                assert_eq!(rows.count(), 1);
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }

    #[test]
    fn a_file_is_read_whatever_its_folder_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(OsStr::from_bytes(b"a b?c#d%41&\xff"));
        fs::create_dir(&odd).unwrap();
        let path = odd.join("store.db");
        let db = open(&path, PLAIN).unwrap();
        db.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (7)").unwrap();
        drop(db);
        for how in ["mode=ro", "immutable=1"] {
            let db = read_as(&path, how, PLAIN).unwrap();
            assert_eq!(db.query_row("SELECT x FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
            assert!(matches!(
                db.execute("INSERT INTO t VALUES (8)", []).map_err(StoreError::from),
                Err(StoreError::ReadOnly)
            ));
        }
    }
}
