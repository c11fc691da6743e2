//! A bound on how often something may happen: a bucket of tokens that fills with time.

use std::time::Duration;

/// So many at once, then so many a second.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    burst: u32,
    per_second: u32,
    tokens: f64,
    filled: Duration,
}

impl Rate {
    /// A full bucket.
    pub fn new(burst: u32, per_second: u32) -> Self {
        Self { burst, per_second, tokens: f64::from(burst), filled: Duration::ZERO }
    }

    /// Takes one, if there is one at `now` (of a clock that never goes back).
    pub fn take(&mut self, now: Duration) -> bool {
        self.fill(now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// How long from `now` until the next one; zero when there is one.
    pub fn wait(&mut self, now: Duration) -> Duration {
        self.fill(now);
        let missing = (1.0 - self.tokens).max(0.0);
        Duration::from_secs_f64(missing / f64::from(self.per_second.max(1)))
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * f64::from(self.per_second)).min(f64::from(self.burst));
        self.filled = self.filled.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_trickle() {
        let mut rate = Rate::new(3, 10);
        let at = Duration::from_secs(5);
        assert_eq!((0..5).filter(|_| rate.take(at)).count(), 3);
        assert!(!rate.take(at + Duration::from_millis(50)));
        assert!(rate.wait(at + Duration::from_millis(50)) <= Duration::from_millis(51));
        assert!(rate.take(at + Duration::from_millis(101)));
        let near = |wait: Duration, wanted: u64| {
            wait.abs_diff(Duration::from_millis(wanted)) < Duration::from_micros(1)
        };
        assert!(near(rate.wait(at + Duration::from_millis(126)), 74), "{rate:?}");
        assert_eq!(rate.wait(at + Duration::from_millis(401)), Duration::ZERO);
        assert_eq!((0..50).filter(|_| rate.take(at + Duration::from_secs(60))).count(), 3);
        assert!(!rate.take(Duration::ZERO), "a clock that went back gives nothing");
    }
}
