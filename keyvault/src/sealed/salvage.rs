//! Reads what can be read of a damaged file: the entries are looked for byte by byte, whatever became of the database around
//! them. Read only. A record that was deleted or overwritten since the last compaction may show in an older state.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::entry::{
    self, GROUP_ENTRY_BYTES, GROUP_MARK, GroupEntry, KEY_ENTRY_BYTES, KEY_MARK, KeyEntry, MARK_BYTES, Name,
    RECORD_FRONT_BYTES, RECORD_MARK, UNGROUPED_KEY_MARK, Under, Version,
};
use crate::memory::Secret32;
use crate::store::Row;

/// Read at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// Entries looked at: more are not held by any vault that this program wrote.
const ENTRIES_MAX: usize = 2_000_000;

/// Where each readable record lies, with its key.
pub(super) struct Salvage {
    file: Arc<File>,
    found: BTreeMap<Name, Found>,
}

struct Found {
    written: u64,
    key: Secret32,
    at: u64,
    length: usize,
}

impl Salvage {
    /// Looks through the file from `start` on. `epoch_key` gives the keys of epochs that are held.
    pub(super) fn of<'a>(
        file: &Arc<File>,
        start: u64,
        epoch_key: impl Fn(u64) -> Option<&'a [u8; 32]>,
    ) -> std::io::Result<Self> {
        let mut groups: BTreeMap<u64, Vec<Secret32>> = BTreeMap::new();
        let mut entries: Vec<KeyEntry> = Vec::new();
        let mut records: Vec<(Name, u64, u64, usize)> = Vec::new();
        scan(file, start, |at, untrusted_bytes| {
            if entries.len().saturating_add(records.len()) >= ENTRIES_MAX {
                return;
            }
            if let Some(Ok(entry)) = untrusted_bytes.get(..KEY_ENTRY_BYTES).map(KeyEntry::decode) {
                entries.push(entry);
            } else if let Some(Ok(entry)) = untrusted_bytes.get(..GROUP_ENTRY_BYTES).map(GroupEntry::decode) {
                // Groups' keys may lie there more than once, wrapped under either epoch or left in a page that is not used.
                let key = epoch_key(entry.epoch).and_then(|key| entry.unwrap(key).ok());
                groups.entry(entry.group).or_default().extend(key);
            } else if let Ok((name, written, length)) = entry::front(untrusted_bytes) {
                records.push((name, written, at, length));
            }
        })?;
        let mut keys: BTreeMap<(Name, u64), Vec<Secret32>> = BTreeMap::new();
        for entry in entries {
            let of_epoch = match entry.under {
                Under::Epoch(epoch) => epoch_key(epoch),
                Under::Group(_) => None,
            };
            let of_group = match entry.under {
                Under::Group(group) => groups.get(&group).map(Vec::as_slice).unwrap_or_default(),
                Under::Epoch(_) => &[],
            };
            let mut tried = of_epoch.into_iter().chain(of_group.iter().map(Secret32::expose));
            if let Some(key) = tried.find_map(|key| entry.unwrap(key).ok()) {
                keys.entry((entry.name, entry.written)).or_default().push(key);
            }
        }
        let mut salvage = Self { file: file.clone(), found: BTreeMap::new() };
        for (name, written, at, length) in records {
            let is_newer = salvage.found.get(&name).is_none_or(|held| held.written < written);
            // A write's key may lie there more than once, wrapped by more than one group.
            for key in keys.get(&(name, written)).filter(|_| is_newer).into_iter().flatten() {
                let found = Found { written, key: key.clone(), at, length };
                if salvage.open(&name, &found).is_some() {
                    salvage.found.insert(name, found);
                    break;
                }
            }
        }
        Ok(salvage)
    }

    pub(super) fn none(file: &Arc<File>) -> Self {
        Self { file: file.clone(), found: BTreeMap::new() }
    }

    pub(super) fn read(&self, name: &Name) -> Option<Row> {
        self.found.get(name).and_then(|found| self.open(name, found))
    }

    /// Records whose name begins so, from the name `from` on.
    pub(super) fn page(&self, front: &[u8], from: &[u8], at_most: usize) -> Vec<Row> {
        let of_table =
            self.found.iter().filter(|(name, _)| name.starts_with(front) && name.as_slice() >= from);
        of_table.filter_map(|(name, found)| self.open(name, found)).take(at_most).collect()
    }

    fn open(&self, name: &Name, found: &Found) -> Option<Row> {
        let mut bytes = vec![0; RECORD_FRONT_BYTES.checked_add(found.length)?];
        self.file.read_exact_at(&mut bytes, found.at).ok()?;
        entry::open(Version { name, written: found.written }, &found.key, &bytes).ok()
    }
}

/// Calls `look` at every mark, with its place and the bytes from there on, at least as many as an entry's front or key
/// entry has unless the file ends before.
fn scan(file: &File, start: u64, mut look: impl FnMut(u64, &[u8])) -> std::io::Result<()> {
    let overlap = KEY_ENTRY_BYTES.max(RECORD_FRONT_BYTES);
    let length = file.metadata()?.len();
    let mut at = start;
    while at < length {
        // Into the next chunk, so that an entry's front is whole wherever it begins.
        let want = u64::try_from(CHUNK_BYTES + overlap).unwrap_or(u64::MAX).min(length - at);
        let mut chunk = vec![0; usize::try_from(want).unwrap_or(0)];
        file.read_exact_at(&mut chunk, at)?;
        let windows = chunk.windows(MARK_BYTES).take(CHUNK_BYTES).enumerate();
        let marks = [KEY_MARK, UNGROUPED_KEY_MARK, GROUP_MARK, RECORD_MARK];
        for (offset, _) in windows.filter(|(_, at)| marks.iter().any(|mark| *at == mark.as_slice())) {
            let place = at.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX));
            look(place, chunk.get(offset..).unwrap_or_default());
        }
        at = at.saturating_add(u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX));
    }
    Ok(())
}
