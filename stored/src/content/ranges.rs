//! Which numbers of a chain have been received.

/// Inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Lowest number.
    pub first: u64,
    /// Highest number.
    pub last: u64,
}

/// Most separate ranges that are kept. A peer that skips more often than this is misbehaving: its farther numbers are not
/// recorded, so it will be told that they are missing and seal them again.
const RANGES_MAX: usize = 1_024;

/// A set of received numbers, counted from 1, as sorted ranges that never touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received(Vec<Range>);

impl Received {
    /// Reads what [`Received::encode`] wrote; anything else is damage.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut ranges: Vec<Range> = Vec::new();
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let both = u128::from_be_bytes(*pair);
            let range = Range { first: u64::try_from(both >> 64).ok()?, last: low(both) };
            let after = ranges.last().map_or(0, |before| before.last.saturating_add(1));
            if range.first <= after && after > 0 || range.first == 0 || range.last < range.first {
                return None;
            }
            ranges.push(range);
        }
        rest.is_empty().then_some(Self(ranges))
    }

    /// For the store.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|range| [range.first.to_be_bytes(), range.last.to_be_bytes()].concat())
            .collect()
    }

    /// Whether `number` was received.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let at = self.0.partition_point(|range| range.last < number);
        self.0.get(at).is_some_and(|range| range.first <= number)
    }

    /// Adds `number`; false when it was there, or when there is no room for one more gap.
    pub fn insert(&mut self, number: u64) -> bool {
        if number == 0 || self.contains(number) {
            return false;
        }
        let at = self.0.partition_point(|range| range.last < number);
        let joins_before =
            at.checked_sub(1).and_then(|before| self.0.get(before)).is_some_and(|r| r.last + 1 == number);
        let joins_after = self.0.get(at).is_some_and(|r| r.first == number + 1);
        match (joins_before, joins_after) {
            (true, true) => {
                let after = self.0.remove(at);
                if let Some(before) = self.0.get_mut(at - 1) {
                    before.last = after.last;
                }
            }
            (true, false) => {
                if let Some(before) = self.0.get_mut(at - 1) {
                    before.last = number;
                }
            }
            (false, true) => {
                if let Some(after) = self.0.get_mut(at) {
                    after.first = number;
                }
            }
            (false, false) if self.0.len() < RANGES_MAX => {
                self.0.insert(at, Range { first: number, last: number })
            }
            (false, false) => return false,
        }
        true
    }

    /// These and those of another set.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut ranges = [self.0.as_slice(), other.0.as_slice()].concat();
        ranges.sort_unstable_by_key(|range| range.first);
        let mut all: Vec<Range> = Vec::new();
        for range in ranges {
            match all.last_mut().filter(|last| range.first <= last.last.saturating_add(1)) {
                Some(last) => last.last = last.last.max(range.last),
                None => all.push(range),
            }
        }
        Self(all)
    }

    /// All from 1 up to a number but `gaps`, in whichever order these are told.
    #[must_use]
    pub fn all_but(up_to: u64, gaps: &[Range]) -> Self {
        let mut gaps = gaps.to_vec();
        gaps.sort_unstable_by_key(|gap| gap.first);
        let (mut ranges, mut next) = (Vec::new(), 1);
        for gap in gaps {
            if gap.first > next && next <= up_to {
                ranges.push(Range { first: next, last: (gap.first - 1).min(up_to) });
            }
            next = next.max(gap.last.saturating_add(1));
        }
        if next <= up_to {
            ranges.push(Range { first: next, last: up_to });
        }
        Self(ranges)
    }

    /// Adds those of another set, as far as there is room for their gaps: the highest are left out.
    pub fn absorb(&mut self, other: &Self) {
        *self = self.with(other);
        self.0.truncate(RANGES_MAX);
    }

    /// Takes a range out. Where there is no room for one more gap what lies beyond goes, too.
    pub fn take_out(&mut self, gap: Range) {
        if gap.first > gap.last {
            return;
        }
        let mut left = Vec::with_capacity(self.0.len() + 1);
        for range in &self.0 {
            let below = Range { first: range.first, last: range.last.min(gap.first.saturating_sub(1)) };
            let above = Range { first: range.first.max(gap.last.saturating_add(1)), last: range.last };
            // A gap up to the last number of all leaves nothing above it.
            let above = (gap.last < u64::MAX).then_some(above);
            left.extend([Some(below), above].into_iter().flatten().filter(|part| part.first <= part.last));
        }
        left.truncate(RANGES_MAX);
        self.0 = left;
    }

    /// How many of the numbers up to this one.
    #[must_use]
    pub fn count(&self, up_to: u64) -> u64 {
        let within = self.0.iter().take_while(|range| range.first <= up_to);
        within.map(|range| range.last.min(up_to) - range.first + 1).sum()
    }

    /// The highest number that was received; 0: none.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.0.last().map_or(0, |range| range.last)
    }

    /// The number up to which nothing is missing.
    #[must_use]
    pub fn complete_up_to(&self) -> u64 {
        self.0.first().filter(|range| range.first == 1).map_or(0, |range| range.last)
    }

    /// The first `max` gaps below `up_to` + 1.
    #[must_use]
    pub fn missing(&self, up_to: u64, max: usize) -> Vec<Range> {
        let mut gaps = Vec::new();
        let mut next = 1;
        for range in &self.0 {
            if range.first > next && next <= up_to {
                gaps.push(Range { first: next, last: (range.first - 1).min(up_to) });
            }
            next = range.last.saturating_add(1);
        }
        if next <= up_to {
            gaps.push(Range { first: next, last: up_to });
        }
        gaps.truncate(max);
        gaps
    }
}

fn low(both: u128) -> u64 {
    u64::try_from(both & u128::from(u64::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gaps_close_as_numbers_come_and_stay_named_until_then() {
        let mut received = Received::default();
        for number in [1, 2, 5, 7] {
            assert!(received.insert(number));
        }
        assert_eq!(
            received.missing(9, 8),
            [Range { first: 3, last: 4 }, Range { first: 6, last: 6 }, Range { first: 8, last: 9 }]
        );
        assert_eq!((received.complete_up_to(), received.highest()), (2, 7));
        assert!(!received.insert(5), "twice");
        for number in [6, 4, 3] {
            assert!(received.insert(number));
        }
        assert_eq!(received.missing(7, 8), []);
        assert_eq!(received.complete_up_to(), 7);
    }

    #[test]
    fn a_peer_that_skips_without_end_uses_bounded_memory() {
        let mut received = Received::default();
        assert!((0..10_000).map(|n| received.insert(2 * n + 1)).any(|taken| !taken));
        assert!(received.encode().len() <= RANGES_MAX * 16);
    }

    #[test]
    fn gaps_without_end_take_out_what_they_say_and_no_more_room() {
        let mut received = Received::all_but(10_000, &[]);
        received.take_out(Range { first: 9_000, last: u64::MAX });
        assert_eq!(received, Received::all_but(8_999, &[]));
        (1..4_000).for_each(|n| received.take_out(Range { first: 2 * n, last: 2 * n }));
        assert!(received.encode().len() <= RANGES_MAX * 16);
        assert!(received.contains(1) && !received.contains(2));
        received.absorb(&Received::all_but(u64::MAX, &[Range { first: 1, last: 1 << 40 }]));
        assert!(received.encode().len() <= RANGES_MAX * 16);
    }

    proptest! {
        #[test]
        fn any_order_of_numbers_is_the_same_set(numbers in proptest::collection::vec(1_u64..60, 0..80)) {
            let mut received = Received::default();
            for number in &numbers {
                received.insert(*number);
            }
            for number in 1..60 {
                prop_assert_eq!(received.contains(number), numbers.contains(&number));
            }
            prop_assert_eq!(Received::decode(&received.encode()), Some(received.clone()));
            let (odd, even): (Vec<u64>, Vec<u64>) = numbers.iter().partition(|number| *number % 2 == 1);
            let set = |numbers: Vec<u64>| {
                let mut set = Received::default();
                for number in numbers {
                    set.insert(number);
                }
                set
            };
            prop_assert_eq!(set(odd).with(&set(even)), received.clone());
            let gaps: u64 = received.missing(59, 100).iter().map(|gap| gap.last - gap.first + 1).sum();
            prop_assert_eq!(gaps, (1..60).filter(|n| !numbers.contains(n)).count() as u64);
        }

        #[test]
        fn what_is_taken_out_and_what_was_told_with_gaps_are_the_sets_that_they_say(
            numbers in proptest::collection::vec(1_u64..60, 0..40),
            gaps in proptest::collection::vec((1_u64..70, 0_u64..9), 0..6),
            up_to in 0_u64..70,
        ) {
            let gaps: Vec<Range> = gaps.iter().map(|(first, more)| Range { first: *first, last: first + more }).collect();
            let is_gap = |number: u64| gaps.iter().any(|gap| (gap.first..=gap.last).contains(&number));
            let mut received = Received::default();
            numbers.iter().for_each(|number| { received.insert(*number); });
            let told = Received::all_but(up_to, &gaps);
            let mut both = received.clone();
            both.absorb(&told);
            let mut rest = received.clone();
            gaps.iter().for_each(|gap| rest.take_out(*gap));
            for number in 1..70 {
                let had = numbers.contains(&number);
                prop_assert_eq!(told.contains(number), number <= up_to && !is_gap(number));
                prop_assert_eq!(both.contains(number), had || told.contains(number));
                prop_assert_eq!(rest.contains(number), had && !is_gap(number));
                prop_assert_eq!(received.count(number), (1..=number).filter(|n| numbers.contains(n)).count() as u64);
            }
            for set in [told, both, rest] {
                prop_assert_eq!(Received::decode(&set.encode()), Some(set));
            }
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_as_a_sane_set(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(received) = Received::decode(&bytes) {
                prop_assert_eq!(received.encode(), bytes);
            }
        }
    }
}
