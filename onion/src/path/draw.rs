//! Fair draws: without bias, from the randomness that is passed in.

use std::time::Duration;

use rand_core::CryptoRng;

/// A number below `bound`, each as likely; 0 when `bound` is 0.
pub fn below(rng: &mut impl CryptoRng, bound: usize) -> usize {
    let Ok(bound) = u64::try_from(bound) else { return 0 };
    if bound == 0 {
        return 0;
    }
    // What is left above the last whole multiple would make low numbers likelier.
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let number = rng.next_u64();
        if number < fair {
            return usize::try_from(number % bound).unwrap_or(0);
        }
    }
}

/// One of them, each as likely.
pub fn one<T: Copy>(rng: &mut impl CryptoRng, from: &[T]) -> Option<T> {
    from.get(below(rng, from.len())).copied()
}

/// Up to `count` different places of `from`, each choice as likely, in random order.
pub fn several<T: Copy>(rng: &mut impl CryptoRng, from: &[T], count: usize) -> Vec<T> {
    let mut left = from.to_vec();
    let mut drawn = Vec::with_capacity(count.min(left.len()));
    while drawn.len() < count && !left.is_empty() {
        let index = below(rng, left.len());
        drawn.push(left.swap_remove(index));
    }
    drawn
}

/// A duration from `least` up to but without `most`, to the millisecond.
pub fn between(rng: &mut impl CryptoRng, least: Duration, most: Duration) -> Duration {
    let width = usize::try_from(most.saturating_sub(least).as_millis()).unwrap_or(usize::MAX);
    least + Duration::from_millis(u64::try_from(below(rng, width)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn every_number_below_the_bound_is_drawn_about_as_often() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[below(&mut rng, 7)] += 1;
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        assert_eq!((below(&mut rng, 0), below(&mut rng, 1)), (0, 0));
    }

    #[test]
    fn several_are_different_and_no_more_than_there_are() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let mut drawn = several(&mut rng, &[1, 2, 3, 4, 5], 3);
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 3);
        assert_eq!(several(&mut rng, &[1, 2], 9).len(), 2);
    }

    #[test]
    fn a_duration_lies_between_its_bounds() {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(2));
        for _ in 0..100 {
            let drawn = between(&mut rng, least, most);
            assert!(drawn >= least && drawn < most);
        }
        assert_eq!(between(&mut rng, most, least), most);
    }
}
