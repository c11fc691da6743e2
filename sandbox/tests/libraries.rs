//! The libraries that the tables were made for, at their real work under the real walls.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks")]

mod support;

use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;
use rusqlite::Connection;
use sandbox::profiles::{self, KEYVAULT, STORED};
use sandbox::{Guard, SecretMemory};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

/// Runs `body` under `profile` in a runtime that was made before the filter, as every process does.
fn in_runtime(
    profile: &'static sandbox::Profile,
    folder: Option<&Path>,
    namespaces: bool,
    body: impl AsyncFnOnce() -> Result<i32, String>,
) -> End {
    let (_supervisor, control) = control_pair();
    in_child(|| {
        use std::os::fd::AsFd;
        let jail = sandbox::enter(profile, control.as_fd(), folder, namespaces).map_err(|e| e.to_string())?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        let report = jail.seal().map_err(|e| e.to_string())?;
        if !report.weaker().is_empty() {
            return Err(format!("{:?}", report.weaker()));
        }
        tokio::task::LocalSet::new().block_on(&runtime, body())
    })
}

#[test]
fn a_tokio_runtime_lives_on_the_base() {
    let (_keep, folder) = folder();
    for profile in profiles::children() {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (closing, closed) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(closing);
        // An edge's pipes, as the supervisor makes them.
        let pipe = || nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
        let ((read, their_write), (their_read, write)) = (pipe(), pipe());
        drop(their_read);
        nix::unistd::write(&their_write, &[8; 50_000]).unwrap();
        ours.write_all(&[7; 100_000]).unwrap();
        let end = in_runtime(profile, folder_of(profile, &folder), false, async || {
            let text = |e: std::io::Error| e.to_string();
            closed.set_nonblocking(true).map_err(text)?;
            theirs.set_nonblocking(true).map_err(text)?;
            let mut gone = tokio::net::UnixStream::from_std(closed).map_err(text)?;
            let mut edge = tokio::net::UnixStream::from_std(theirs).map_err(text)?;
            let mut some = vec![0; 100_000];
            edge.read_exact(&mut some).await.map_err(text)?;
            edge.write_all(b"answer").await.map_err(text)?;
            let mut from = pipe::Receiver::from_owned_fd_unchecked(read).map_err(text)?;
            let mut to = pipe::Sender::from_owned_fd_unchecked(write).map_err(text)?;
            let mut through = vec![0; 50_000];
            from.read_exact(&mut through).await.map_err(text)?;
            let broken = to.write_all(b"nobody reads").await.is_err();
            let failed = gone.write_all(b"nobody").await.is_err();
            tokio::time::sleep(Duration::from_millis(2)).await;
            let (tell, told) = tokio::sync::oneshot::channel();
            tokio::task::spawn_local(async move { tell.send(1) });
            let woken = told.await.is_ok();
            edge.shutdown().await.map_err(text)?;
            let bytes = some == [7; 100_000] && through == [8; 50_000];
            holds(failed && broken && woken && bytes, "the runtime does not work")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

#[test]
fn blocking_work_has_threads_where_the_table_says_so() {
    let (_keep, folder) = folder();
    for profile in [&KEYVAULT, &STORED] {
        let end = in_runtime(profile, folder_of(profile, &folder), false, async || {
            let work = tokio::task::spawn_blocking(|| {
                std::thread::sleep(Duration::from_millis(1));
                vec![1_u8; 1 << 20].len()
            });
            holds(work.await.is_ok_and(|length| length == 1 << 20), "no thread")
        });
        assert_eq!(end, FINE, "{}", profile.name);
    }
}

fn work_with_a_database(folder: &Path) -> rusqlite::Result<i64> {
    let open = || -> rusqlite::Result<Connection> {
        let database = Connection::open(folder.join("store.db"))?;
        database.execute_batch(
            "PRAGMA key = \"x'2DD29CA851E7B56E4697B0E1F08507293D761A05CE4D1B628663F411A8086D99'\";",
        )?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        Ok(database)
    };
    let mut database = open()?;
    database
        .execute_batch("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")?;
    let batch = database.transaction()?;
    for _ in 0..2000 {
        batch.execute("INSERT INTO message (body) VALUES (randomblob(900))", [])?;
    }
    batch.commit()?;
    // A second reader beside the first, a large sort, and what rewrites the file.
    let second = open()?;
    second.query_row("SELECT count(*) FROM (SELECT body FROM message ORDER BY body DESC)", [], |row| {
        row.get::<_, i64>(0)
    })?;
    database.execute("DELETE FROM message WHERE id % 2 = 0", [])?;
    drop(second);
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    database.execute_batch("VACUUM; PRAGMA integrity_check;")?;
    drop(database);
    let database = open()?;
    database.query_row("SELECT count(*) FROM message", [], |row| row.get(0))
}

#[test]
fn sqlcipher_works_in_its_one_folder() {
    for namespaces in namespace_choices() {
        let (_keep, folder) = folder();
        let end = in_runtime(&STORED, Some(&folder), namespaces, async || {
            let rows = work_with_a_database(&folder).map_err(|e| e.to_string())?;
            let open = Connection::open(folder.join("plain.db")).map_err(|e| e.to_string())?;
            let wal = "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1);";
            open.execute_batch(wal).map_err(|e| e.to_string())?;
            let mode = |name: &str| std::fs::metadata(folder.join(name)).map(|file| file.mode() & 0o7777);
            let [database, wal, shm] =
                ["plain.db", "plain.db-wal", "plain.db-shm"].map(|name| mode(name).ok());
            // Without fchmod they have it all the same: they are made with it.
            holds(database.is_some() && database == wal && wal == shm, "the files' modes differ")?;
            holds(rows == 1000, &format!("{rows} rows"))
        });
        assert_eq!(end, FINE, "namespaces: {namespaces}");
        let mut begin = vec![0; 16];
        std::io::Read::read_exact(&mut File::open(folder.join("store.db")).unwrap(), &mut begin).unwrap();
        assert_ne!(&begin, b"SQLite format 3\0", "it is not encrypted");
    }
}

#[test]
fn redb_works_on_a_granted_descriptor() {
    let file = tempfile::tempfile().unwrap();
    let end = in_runtime(&KEYVAULT, None, false, async || {
        const TABLE: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("t");
        let work = || -> Result<u64, Box<dyn std::error::Error>> {
            let backend = redb::backends::FileBackend::new(file.try_clone()?)?;
            let database = redb::Builder::new().create_with_backend(backend)?;
            for round in 0..20 {
                let write = database.begin_write()?;
                write.open_table(TABLE)?.insert(round, [7_u8; 5000].as_slice())?;
                write.commit()?;
            }
            let read = redb::ReadableDatabase::begin_read(&database)?;
            let length = redb::ReadableTableMetadata::len(&read.open_table(TABLE)?)?;
            drop(read);
            drop(database);
            Ok(length)
        };
        let rows = work().map_err(|e| e.to_string())?;
        holds(rows == 20, "rows are missing")
    });
    assert_eq!(end, FINE);
    assert!((&file).stream_position().is_ok());
}

#[test]
fn argon2_takes_its_256_mebibytes_beside_locked_secrets() {
    let end = in_runtime(&KEYVAULT, None, false, async || {
        let mut key = SecretMemory::new(32).map_err(|e| e.to_string())?;
        let work = tokio::task::spawn_blocking(move || {
            let params = argon2::Params::new(256 * 1024, 1, 1, Some(32)).map_err(|e| e.to_string())?;
            let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
            argon2
                .hash_password_into(b"passphrase", b"sixteen bytes ..", &mut key)
                .map_err(|e| e.to_string())?;
            Ok::<_, String>(key)
        });
        let key = work.await.map_err(|e| e.to_string())??;
        let guarded = matches!(key.guard(), Guard::Secret | Guard::Locked);
        holds(guarded && key.iter().any(|b| *b != 0), "no key")
    });
    assert_eq!(end, FINE);
}
