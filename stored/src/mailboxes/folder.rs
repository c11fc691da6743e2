//! The mailboxes as they lie in their folder: new, there, lost or damaged. A relay has nobody to ask: it goes on with fresh mailboxes,
//! keeps what was there, and says so. Whoever had a queue in them is told that there is none, and makes another one elsewhere.

use std::fs::File;
use std::path::{Path, PathBuf};

use ipc_schema::Timestamp;

use super::file::{Bounds, Mailboxes};
use crate::database::{self, beside};
use crate::error::StoreError;

/// The file of the mailboxes, in stored's folder of a relay.
pub const FILE: &str = "mailboxes.db";
/// There from when the file is first there: where that is missing then, it was lost.
const MADE: &str = "mailboxes.made";
/// There from when damage is met until the file is looked at.
const DAMAGED: &str = "mailboxes.damaged";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// A first start.
    New,
    /// What was there, whole as far as it was read.
    There,
    /// The file is missing or empty.
    Lost,
    /// It is damaged, and lies in that folder now.
    Damaged(PathBuf),
}

/// Opens the mailboxes in `folder`; makes them at the first start, and where they are lost or damaged, for which they are put aside.
///
/// # Errors
/// What the disk says; [`StoreError::Newer`].
pub fn open_in(folder: &Path, bounds: Bounds, now: Timestamp) -> Result<(Mailboxes, Before), StoreError> {
    let (path, mark) = (folder.join(FILE), folder.join(MADE));
    let before = if database::length(&path)? > 0 {
        match opened(folder, bounds) {
            Ok(mailboxes) => {
                put_mark(&mark)?;
                return Ok((mailboxes, Before::There));
            }
            Err(StoreError::Damaged) => Before::Damaged(put_aside(folder, now)?),
            Err(error) => return Err(error),
        }
    } else if mark.exists() || path.exists() || beside(&path, "-wal").exists() {
        // It is not made under its own name, so that nothing leaves it empty but a loss.
        Before::Lost
    } else {
        Before::New
    };
    if before == Before::Lost {
        // An orphan log must not be taken for that of the new file.
        let _ = put_aside(folder, now)?;
    }
    let mailboxes = create(folder, bounds, (before != Before::New).then_some(now))?;
    put_mark(&mark)?;
    Ok((mailboxes, before))
}

/// Damage was met: the next [`open_in`] looks at all of the file.
///
/// # Errors
/// What the disk says.
pub fn note_damage(folder: &Path) -> Result<(), StoreError> {
    put_mark(&folder.join(DAMAGED))
}

fn opened(folder: &Path, bounds: Bounds) -> Result<Mailboxes, StoreError> {
    let mailboxes = Mailboxes::open(&folder.join(FILE), bounds)?;
    let noted = folder.join(DAMAGED);
    if noted.exists() {
        mailboxes.check()?;
        database::remove(&noted)?;
    }
    Ok(mailboxes)
}

fn create(folder: &Path, bounds: Bounds, anew: Option<Timestamp>) -> Result<Mailboxes, StoreError> {
    let path = folder.join(FILE);
    database::make(&path, |draft| {
        let mailboxes = Mailboxes::open(draft, bounds)?;
        if let Some(at) = anew {
            mailboxes.note_begun_anew(at)?;
        }
        Ok(mailboxes.close())
    })?;
    Mailboxes::open(&path, bounds)
}

/// Moves what is there of the file into a folder of its own; gives that.
fn put_aside(folder: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let aside = database::put_aside(&folder.join(FILE), now.0 / 1_000)?;
    database::remove(&folder.join(DAMAGED))?;
    Ok(aside)
}

fn put_mark(mark: &Path) -> Result<(), StoreError> {
    if mark.exists() {
        return Ok(());
    }
    File::create(mark)?;
    database::sync_folder_of(mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use ipc_schema::edge::onion_stored::Create;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn open(folder: &Path) -> (Mailboxes, Before) {
        open_in(folder, Bounds::default(), NOW).unwrap()
    }

    /// A relay's folder with queues in its mailboxes.
    fn filled() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (mailboxes, before) = open(folder.path());
        assert_eq!(before, Before::New);
        for byte in 0..200 {
            let (receiver_queue, sender_queue) = ([byte; 24], [byte ^ 0xff; 24]);
            let call = Create { receiver_queue, sender_queue, receiver_key: [byte; 32] };
            mailboxes.create(&call, NOW).unwrap().unwrap();
        }
        folder
    }

    #[test]
    fn each_state_of_the_file_is_told_from_the_others_and_nothing_is_thrown_away() {
        type Harm = fn(&Path);
        let cases: [(&str, Harm, Before); 7] = [
            ("whole", |_| {}, Before::There),
            ("made by an earlier version", |f| fs::remove_file(f.join(MADE)).unwrap(), Before::There),
            ("missing", |f| fs::remove_file(f.join(FILE)).unwrap(), Before::Lost),
            ("empty", |f| drop(File::create(f.join(FILE)).unwrap()), Before::Lost),
            (
                "empty, of an earlier version",
                |f| {
                    fs::remove_file(f.join(MADE)).unwrap();
                    File::create(f.join(FILE)).unwrap();
                },
                Before::Lost,
            ),
            ("zeroes", |f| fs::write(f.join(FILE), [0; 8192]).unwrap(), Before::Damaged(PathBuf::new())),
            ("cut", |f| cut(f, 6_000), Before::Damaged(PathBuf::new())),
        ];
        for (what, harm, expected) in cases {
            let folder = filled();
            harm(folder.path());
            let lies = fs::read(folder.path().join(FILE)).ok();
            let (mailboxes, before) = open(folder.path());
            let fresh = !matches!(before, Before::There);
            let counts = mailboxes.totals().unwrap();
            assert_eq!(
                (counts.queues, counts.begun_anew.is_some()),
                (if fresh { 0 } else { 200 }, fresh),
                "{what}"
            );
            match (&before, &expected) {
                (Before::Damaged(aside), Before::Damaged(_)) => {
                    assert_eq!(fs::read(aside.join(FILE)).ok(), lies, "{what}: it is kept");
                }
                (before, expected) => assert_eq!(before, expected, "{what}"),
            }
            drop(mailboxes);
            assert_eq!(open(folder.path()).1, Before::There, "{what}: said once");
        }
    }

    fn cut(folder: &Path, length: u64) {
        File::options().write(true).open(folder.join(FILE)).unwrap().set_len(length).unwrap();
    }

    #[test]
    fn damage_that_was_met_is_looked_for_at_the_next_start_and_a_sound_file_stays() {
        let folder = filled();
        note_damage(folder.path()).unwrap();
        assert_eq!(open(folder.path()).1, Before::There, "a false alarm");
        note_damage(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        let mut bytes = fs::read(&path).unwrap();
        // The headers of all pages but the first: what opening reads is whole.
        for page in bytes.chunks_mut(4096).skip(1) {
            page[..8].fill(0xff);
        }
        fs::write(&path, bytes).unwrap();
        assert!(matches!(open(folder.path()).1, Before::Damaged(_)));
        assert_eq!(open(folder.path()).1, Before::There);
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_still_the_first() {
        let folder = tempfile::tempdir().unwrap();
        std::mem::forget(
            Mailboxes::open(&folder.path().join("mailboxes.db.new"), Bounds::default()).unwrap(),
        );
        assert_eq!(open(folder.path()).1, Before::New);
        assert!(!folder.path().join("mailboxes.db.new").exists());
    }
}
