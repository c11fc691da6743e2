//! Acks: which of the reader's contents the writer has, and by their hashes that these are the same contents.

use ipc_schema::Timestamp;

use super::Range;

/// Length of a [`HashHead`].
pub const HASH_HEAD_BYTES: usize = 8;

/// The first bytes of a content's hash; zeroes: it is not known.
pub type HashHead = [u8; HASH_HEAD_BYTES];

/// What has been durably received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acks {
    /// Of this chain of the reader,
    pub chain: Timestamp,
    /// everything up to this number
    pub up_to: u64,
    /// but these.
    pub missing: Vec<Range>,
    /// SHA-256 of the content numbered `up_to`; `None`: it is not known any more.
    pub hash: Option<[u8; 32]>,
    /// Of the content before each of `missing`; as many as these, or none.
    pub before_gaps: Vec<HashHead>,
}

/// Contents received without a gap between them. Each names the hash of the one before, so the last one's stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Their numbers.
    pub numbers: Range,
    /// The last one's; zeroes: it is not known.
    pub last: HashHead,
}

impl Acks {
    /// Whether `sequence` is acknowledged.
    #[must_use]
    pub fn cover(&self, sequence: u64) -> bool {
        sequence <= self.up_to
            && !self.missing.iter().any(|gap| gap.first <= sequence && sequence <= gap.last)
    }

    /// What was received, run by run, the lowest numbers first. Gaps that a peer told out of order make fewer runs.
    #[must_use]
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut next = 1;
        let heads = self.before_gaps.iter().copied().chain(std::iter::repeat(HashHead::default()));
        for (gap, last) in self.missing.iter().zip(heads) {
            if gap.first > next {
                runs.push(Run { numbers: Range { first: next, last: gap.first - 1 }, last });
            }
            next = next.max(gap.last.saturating_add(1));
        }
        if next <= self.up_to {
            let last = self.hash.map_or(HashHead::default(), |hash| head(&hash));
            runs.push(Run { numbers: Range { first: next, last: self.up_to }, last });
        }
        runs
    }
}

impl Run {
    /// Whether what was sent under its last number, as far as both still know it, is what was received.
    #[must_use]
    pub fn ends_with(&self, sent: Option<&[u8; 32]>) -> bool {
        sent.is_none_or(|sent| self.last == HashHead::default() || self.last == head(sent))
    }
}

/// A hash's beginning.
#[must_use]
pub fn head(hash: &[u8; 32]) -> HashHead {
    *hash.first_chunk().unwrap_or(&HashHead::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> Range {
        Range { first, last }
    }

    #[test]
    fn each_run_ends_with_the_hash_before_its_gap_and_the_last_with_the_newest() {
        let acks = Acks {
            chain: Timestamp(1),
            up_to: 9,
            missing: vec![range(3, 4), range(7, 7)],
            hash: Some([9; 32]),
            before_gaps: vec![[2; 8], [6; 8]],
        };
        let expected = [
            Run { numbers: range(1, 2), last: [2; 8] },
            Run { numbers: range(5, 6), last: [6; 8] },
            Run { numbers: range(8, 9), last: [9; 8] },
        ];
        assert_eq!(acks.runs(), expected);
        assert!(acks.runs()[0].ends_with(Some(&[2; 32])));
        assert!(!acks.runs()[0].ends_with(Some(&[3; 32])));
        assert!(acks.runs()[2].ends_with(None), "what is not known here any more was acked before");
        let silent = Acks { hash: None, before_gaps: Vec::new(), ..acks };
        assert!(silent.runs().iter().all(|run| run.ends_with(Some(&[5; 32]))));
    }

    #[test]
    fn gaps_at_both_ends_and_gaps_in_disorder_make_no_run_of_what_is_missing() {
        let acks =
            |missing| Acks { chain: Timestamp(1), up_to: 9, missing, hash: None, before_gaps: Vec::new() };
        assert_eq!(acks(vec![range(1, 9)]).runs(), []);
        assert_eq!(acks(vec![range(1, 2), range(8, 9)]).runs()[0].numbers, range(3, 7));
        for run in acks(vec![range(6, 7), range(2, 3), range(1, u64::MAX)]).runs() {
            assert_eq!(run.numbers, range(1, 5), "nothing behind a gap without end");
        }
    }
}
