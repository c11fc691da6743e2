//! Times as a person reads them. The zone comes from /etc/localtime (RFC 8536): reading it ourselves needs no C library call
//! that other threads could disturb, and works inside the window's walls.

use ipc_schema::Timestamp;
use time::{OffsetDateTime, UtcOffset};

/// The largest zone file that is read; the fattest real one has 4 KiB.
const ZONE_FILE_MAX_BYTES: u64 = 1 << 20;

/// This computer's time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// From which second on (since 1970) which offset in seconds holds; sorted. Before the first: UTC.
    changes: Vec<(i64, i32)>,
}

impl Zone {
    /// The system's zone; UTC where none can be read.
    #[must_use]
    pub fn local() -> Self {
        use std::io::Read;
        let mut bytes = Vec::new();
        let read = std::fs::File::open("/etc/localtime")
            .and_then(|file| file.take(ZONE_FILE_MAX_BYTES).read_to_end(&mut bytes));
        read.ok().and_then(|_| Self::parse(&bytes)).unwrap_or_default()
    }

    /// The second, 64-bit block of a zone file.
    fn parse(file: &[u8]) -> Option<Self> {
        let first = Header::parse(file)?;
        let file = file.get(first.body_bytes(4)?..)?;
        let header = Header::parse(file)?;
        let body = file.get(HEADER_BYTES..)?;
        let (times, rest) = body.split_at_checked(header.times.checked_mul(8)?)?;
        let (kinds, rest) = rest.split_at_checked(header.times)?;
        let offsets: Vec<i32> = rest
            .get(..header.kinds.checked_mul(6)?)?
            .chunks_exact(6)
            .filter_map(|kind| Some(i32::from_be_bytes(kind.get(..4)?.try_into().ok()?)))
            .collect();
        let at = |bytes: &[u8]| Some(i64::from_be_bytes(bytes.try_into().ok()?));
        let mut changes = vec![(i64::MIN, *offsets.first()?)];
        for (time, kind) in times.chunks_exact(8).zip(kinds) {
            changes.push((at(time)?, *offsets.get(usize::from(*kind))?));
        }
        Some(Self { changes })
    }

    /// A moment in this zone.
    #[must_use]
    pub fn local_time(&self, at: Timestamp) -> OffsetDateTime {
        let seconds = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
        let index = self.changes.partition_point(|(from, _)| *from <= seconds);
        let offset =
            index.checked_sub(1).and_then(|index| self.changes.get(index)).map_or(0, |(_, offset)| *offset);
        OffsetDateTime::from_unix_timestamp(seconds)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(UtcOffset::from_whole_seconds(offset).unwrap_or(UtcOffset::UTC))
    }

    /// `2026-06-24 11:08`.
    #[must_use]
    pub fn minute(&self, at: Timestamp) -> String {
        let time = self.local_time(at);
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute()
        )
    }
}

const HEADER_BYTES: usize = 44;

struct Header {
    utc_flags: usize,
    standard_flags: usize,
    leaps: usize,
    times: usize,
    kinds: usize,
    letters: usize,
}

impl Header {
    fn parse(file: &[u8]) -> Option<Self> {
        if !file.starts_with(b"TZif") {
            return None;
        }
        let count = |index: usize| {
            let at = 20 + 4 * index;
            let bytes = file.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(bytes)).ok()
        };
        Some(Self {
            utc_flags: count(0)?,
            standard_flags: count(1)?,
            leaps: count(2)?,
            times: count(3)?,
            kinds: count(4)?,
            letters: count(5)?,
        })
    }

    /// Length of this header and its block where a time has `time` bytes.
    fn body_bytes(&self, time: usize) -> Option<usize> {
        let sum = [
            self.times.checked_mul(time + 1)?,
            self.kinds.checked_mul(6)?,
            self.letters,
            self.leaps.checked_mul(time + 4)?,
            self.standard_flags,
            self.utc_flags,
        ];
        sum.into_iter().try_fold(HEADER_BYTES, usize::checked_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone file with one change at `at` from +1 h to +2 h.
    fn file(at: i64) -> Vec<u8> {
        let header = |times: u32, kinds: u32| {
            let mut bytes = b"TZif2".to_vec();
            bytes.resize(20, 0);
            for count in [0, 0, 0, times, kinds, 4] {
                bytes.extend_from_slice(&u32::to_be_bytes(count));
            }
            bytes
        };
        let kind = |offset: i32| [&offset.to_be_bytes()[..], &[0, 0]].concat();
        let first = [header(0, 1), kind(0), b"UTC\0".to_vec()].concat();
        let second =
            [header(1, 2), at.to_be_bytes().to_vec(), vec![1], kind(3600), kind(7200), b"X\0Y\0".to_vec()]
                .concat();
        [first, second].concat()
    }

    #[test]
    fn the_offset_changes_when_the_file_says_so() {
        let zone = Zone::parse(&file(1_000)).unwrap();
        assert_eq!(zone.minute(Timestamp(999_999)), "1970-01-01 01:16");
        assert_eq!(zone.minute(Timestamp(1_000_000)), "1970-01-01 02:16");
    }

    #[test]
    fn every_cut_of_a_file_gives_no_zone_and_no_panic() {
        let whole = file(1_000);
        for length in 0..whole.len() - 4 {
            assert_eq!(Zone::parse(&whole[..length]), None, "{length}");
        }
        assert_eq!(Zone::default().minute(Timestamp(0)), "1970-01-01 00:00");
    }
}
