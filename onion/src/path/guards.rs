//! The hops that stay: one guard and its backup, and four second-hop vanguards (docs/protocol/paths.md, "Guards").
//!
//! Whoever sees a first hop sees the client's address, so that hop changes as rarely as can be: a guard that fails gives its place to
//! the backup, and beyond these two at most one new guard is drawn in 30 days. Only what happens on the own link counts against a guard;
//! what a guard reports about hops behind it never does, or it could choose its successor.

use std::time::Duration;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::draw;
use crate::id::RelayId;

/// How long a guard serves: drawn between these.
pub const GUARD_LIFE: (Duration, Duration) =
    (Duration::from_secs(90 * 86_400), Duration::from_secs(150 * 86_400));
/// Second-hop vanguards (docs/protocol/paths.md, "Vanguards").
pub const VANGUARDS: usize = 4;
/// How long a vanguard serves: the longer of two draws between these.
pub const VANGUARD_LIFE: (Duration, Duration) =
    (Duration::from_secs(86_400), Duration::from_secs(12 * 86_400));
/// Failures in a row after which the backup takes the guard's place.
pub const GUARD_TRIES: u32 = 2;
/// Circuits on one link fail together: failures closer than this are one.
const ONE_FAILURE: Duration = Duration::from_millis(200);
/// First pause between tries of a failing guard; doubles.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between tries.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// How long both guards have to be unreachable before a new one may be drawn.
const BOTH_GONE: Duration = Duration::from_secs(120);
/// A new guard at most this often without the user's consent.
pub const NEW_GUARD_EVERY: Duration = Duration::from_secs(30 * 86_400);

/// A relay that stays until a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which relay.
    pub relay: RelayId,
    /// When another takes its place.
    pub until: Timestamp,
}

/// What is kept over restarts: the choice, never how it fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedGuards {
    /// The guard, then its backup; fewer before they are drawn.
    pub guards: Vec<Kept>,
    /// Second hops.
    pub vanguards: Vec<Kept>,
    /// When a guard was last drawn in place of ones that failed; 0 never.
    pub replaced: Timestamp,
}

/// How a guard fares.
#[derive(Clone, Copy, Debug, Default)]
struct Fare {
    failures: u32,
    last: Timestamp,
    /// Since when it has not answered.
    since: Timestamp,
}

impl Fare {
    fn retry_at(self) -> Timestamp {
        if self.failures < GUARD_TRIES {
            return Timestamp(0);
        }
        let doublings = self.failures.saturating_sub(GUARD_TRIES).min(16);
        self.last.after(RETRY_FIRST.saturating_mul(1 << doublings).min(RETRY_MAX))
    }

    fn is_out(self) -> bool {
        self.failures >= GUARD_TRIES
    }

    fn may_try(self, now: Timestamp) -> bool {
        now < self.last || self.retry_at() <= now
    }
}

/// The guards of this client.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    saved: SavedGuards,
    fares: Vec<(RelayId, Fare)>,
    changed: bool,
}

/// Why no first hop can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoGuard {
    /// All were tried; the next try is due then.
    Unreachable(Timestamp),
    /// Neither is fit.
    None,
}

impl Guards {
    /// With the choice of the state file.
    #[must_use]
    pub const fn new(saved: SavedGuards) -> Self {
        Self { saved, fares: Vec::new(), changed: false }
    }

    /// The choice, to be kept.
    #[must_use]
    pub const fn saved(&self) -> &SavedGuards {
        &self.saved
    }

    /// Whether the choice changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The guard in use.
    #[must_use]
    pub fn guard(&self) -> Option<RelayId> {
        self.saved.guards.first().map(|kept| kept.relay)
    }

    /// Guard and backup.
    pub fn both(&self) -> impl Iterator<Item = RelayId> {
        self.saved.guards.iter().map(|kept| kept.relay)
    }

    /// Whether that guard does not answer.
    #[must_use]
    pub fn is_out(&self, guard: RelayId) -> bool {
        self.fare(guard).is_out()
    }

    /// Whether guard and backup both do not answer.
    #[must_use]
    pub fn are_unreachable(&self) -> bool {
        !self.saved.guards.is_empty() && self.both().all(|guard| self.fare(guard).is_out())
    }

    fn fare(&self, guard: RelayId) -> Fare {
        self.fares.iter().find(|(relay, _)| *relay == guard).map(|(_, fare)| *fare).unwrap_or_default()
    }

    /// Draws what is missing and replaces what is over. `eligible`: all relays that may serve; call it only with as many as a path
    /// takes, or a directory that is not there yet would empty the choice. `freely`: guards that left the directory are replaced
    /// whenever that happens (a private network), else as rarely as others that fail.
    pub fn renew(&mut self, now: Timestamp, rng: &mut impl CryptoRng, eligible: &[RelayId], freely: bool) {
        let before = (self.saved.guards.len(), self.saved.vanguards.len());
        self.saved.guards.retain(|kept| now < kept.until);
        self.saved.vanguards.retain(|kept| now < kept.until && eligible.contains(&kept.relay));
        self.changed |= before != (self.saved.guards.len(), self.saved.vanguards.len());
        self.replace_departed(now, eligible, freely);
        let unwanted = self.drop_unreachable(now, eligible);
        while self.saved.guards.len() < 2 {
            let Some(relay) = self.draw_guard(rng, eligible, unwanted) else { break };
            let until = now.after(draw::between(rng, GUARD_LIFE.0, GUARD_LIFE.1));
            self.saved.guards.push(Kept { relay, until });
            self.changed = true;
        }
        self.prefer_the_one_that_answers();
        self.renew_vanguards(now, rng, eligible);
    }

    fn draw_guard(
        &self,
        rng: &mut impl CryptoRng,
        eligible: &[RelayId],
        unwanted: Option<RelayId>,
    ) -> Option<RelayId> {
        let is_free = |relay: &RelayId| Some(*relay) != unwanted && self.both().all(|guard| guard != *relay);
        let free: Vec<RelayId> = eligible.iter().copied().filter(is_free).collect();
        let fresh: Vec<RelayId> = free.iter().copied().filter(|relay| !self.is_vanguard(*relay)).collect();
        draw::one(rng, &fresh).or_else(|| draw::one(rng, &free))
    }

    fn is_vanguard(&self, relay: RelayId) -> bool {
        self.saved.vanguards.iter().any(|kept| kept.relay == relay)
    }

    fn renew_vanguards(&mut self, now: Timestamp, rng: &mut impl CryptoRng, eligible: &[RelayId]) {
        while self.saved.vanguards.len() < VANGUARDS {
            let free: Vec<RelayId> =
                eligible.iter().copied().filter(|relay| !self.is_vanguard(*relay)).collect();
            // A guard as a second hop is of use only when the other guard is the first, in small networks.
            let apart: Vec<RelayId> =
                free.iter().copied().filter(|relay| self.both().all(|guard| guard != *relay)).collect();
            let Some(relay) = draw::one(rng, &apart).or_else(|| draw::one(rng, &free)) else { return };
            let life = draw::between(rng, VANGUARD_LIFE.0, VANGUARD_LIFE.1).max(draw::between(
                rng,
                VANGUARD_LIFE.0,
                VANGUARD_LIFE.1,
            ));
            self.saved.vanguards.push(Kept { relay, until: now.after(life) });
            self.changed = true;
        }
    }

    fn may_replace(&self, now: Timestamp) -> bool {
        self.saved.replaced == Timestamp(0) || now.since(self.saved.replaced) >= NEW_GUARD_EVERY
    }

    fn replace_departed(&mut self, now: Timestamp, eligible: &[RelayId], freely: bool) {
        let Some(gone) = self.both().find(|guard| !eligible.contains(guard)) else { return };
        if freely {
            self.saved.guards.retain(|kept| eligible.contains(&kept.relay));
            self.changed = true;
        } else if self.may_replace(now) {
            self.saved.guards.retain(|kept| kept.relay != gone);
            self.saved.replaced = now;
            self.changed = true;
        }
    }

    /// Both gone for a while: the one that failed longest leaves, if none was replaced lately. Answers which.
    fn drop_unreachable(&mut self, now: Timestamp, eligible: &[RelayId]) -> Option<RelayId> {
        let both_gone = self.are_unreachable()
            && self.both().all(|guard| now.since(self.fare(guard).since) >= BOTH_GONE)
            && eligible.iter().any(|relay| self.both().all(|guard| guard != *relay));
        if !both_gone || !self.may_replace(now) {
            return None;
        }
        let longest =
            self.saved.guards.iter().map(|kept| kept.relay).min_by_key(|guard| self.fare(*guard).since);
        self.saved.guards.retain(|kept| Some(kept.relay) != longest);
        self.fares.retain(|(relay, _)| Some(*relay) != longest);
        self.saved.replaced = now;
        self.changed = true;
        longest
    }

    /// The first hop of a path: the guard, or the backup where the guard is not `fit` for it or does not answer.
    ///
    /// # Errors
    /// [`NoGuard`].
    pub fn first_hop(&self, now: Timestamp, fit: impl Fn(RelayId) -> bool) -> Result<RelayId, NoGuard> {
        let mut next_try: Option<Timestamp> = None;
        for guard in self.both().filter(|guard| fit(*guard)) {
            let fare = self.fare(guard);
            if fare.may_try(now) {
                return Ok(guard);
            }
            let retry = fare.retry_at();
            next_try = Some(next_try.map_or(retry, |sooner| sooner.min(retry)));
        }
        Err(next_try.map_or(NoGuard::None, NoGuard::Unreachable))
    }

    /// The second hops, in the order in which they were drawn.
    pub fn vanguards(&self) -> impl Iterator<Item = RelayId> {
        self.saved.vanguards.iter().map(|kept| kept.relay)
    }

    /// The link to a first hop failed, or it did not answer on it.
    pub fn first_hop_failed(&mut self, now: Timestamp, relay: RelayId) {
        if !self.both().any(|guard| guard == relay) {
            return;
        }
        let mut fare = self.fare(relay);
        if fare.failures > 0 && fare.last.is_recent(now, ONE_FAILURE) {
            return;
        }
        // Since a moment ahead of a clock that was set back it would not be gone for long enough for as long.
        if fare.failures == 0 || fare.since > now {
            fare.since = now;
        }
        fare.failures = fare.failures.saturating_add(1);
        fare.last = now;
        self.fares.retain(|(other, _)| *other != relay);
        self.fares.push((relay, fare));
        self.prefer_the_one_that_answers();
    }

    /// A circuit through that first hop was built.
    pub fn first_hop_worked(&mut self, relay: RelayId) {
        self.fares.retain(|(other, _)| *other != relay);
        self.prefer_the_one_that_answers();
    }

    fn prefer_the_one_that_answers(&mut self) {
        if let [guard, backup] = self.saved.guards.as_slice()
            && self.fare(guard.relay).is_out()
            && !self.fare(backup.relay).is_out()
        {
            self.saved.guards.reverse();
            self.changed = true;
        }
    }
}
