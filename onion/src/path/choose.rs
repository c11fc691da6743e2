//! A path to an asked relay: guard, vanguard, middle, and the asked relay itself (docs/protocol/paths.md, "Middle").

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::draw;
use super::guards::{Guards, NoGuard, SavedGuards};
use super::health::Health;
use crate::directory::rules::{Block, Width, blocks};
use crate::directory::{Entry, View};
use crate::event::{CircuitFailure, FailureReason};
use crate::id::{HopInfo, RelayId};

/// Relays that a path of a private network takes at the least: guard, vanguard, the asked one.
pub const RELAYS_PRIVATE: usize = 3;
/// From this many usable relays on a private network's paths have their middle, as all have elsewhere.
pub const RELAYS_WITH_MIDDLE: usize = 5;
/// Relays that a path of the public network takes at the least.
pub const RELAYS_PUBLIC: usize = 4;

/// Why there is no path now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPath {
    /// No usable relay is known.
    #[error("no relays")]
    NoRelays,
    /// Fewer than a path takes.
    #[error("too few relays")]
    TooFewRelays,
    /// The asked relay is not in the directory (any more), or may not be used.
    #[error("unknown relay")]
    UnknownRelay,
    /// Guard and backup do not answer; the next try is due then.
    #[error("guards unreachable")]
    GuardsUnreachable(Timestamp),
    /// Three rebuilds failed in a row; the next is due then.
    #[error("backing off")]
    BackOff(Timestamp),
}

/// What keeps two relays out of one path, in the public network.
#[derive(Clone, Debug, Default)]
struct Kin {
    operators: Vec<[u8; 16]>,
    blocks: Vec<Block>,
}

impl Kin {
    fn add(&mut self, entry: &Entry) {
        let tag = entry.descriptor().operator_tag;
        if tag != [0; 16] {
            self.operators.push(tag);
        }
        self.blocks.extend(blocks(entry.descriptor(), Width::Provider));
    }

    fn holds(&self, entry: &Entry) -> bool {
        self.operators.contains(&entry.descriptor().operator_tag)
            || blocks(entry.descriptor(), Width::Provider).iter().any(|block| self.blocks.contains(block))
    }
}

/// The relays that a path may be made of, and what they have in common.
struct Candidates<'a> {
    view: &'a View,
    relays: Vec<RelayId>,
    taken: Vec<RelayId>,
    kin: Kin,
}

impl Candidates<'_> {
    fn take(&mut self, relay: RelayId) {
        self.taken.push(relay);
        if let Some(entry) = self.view.entry(relay) {
            self.kin.add(entry);
        }
    }

    /// Whether it is known and neither taken nor related to what is.
    fn is_apart(&self, relay: RelayId) -> bool {
        let related = |entry| !self.view.rules().is_private() && self.kin.holds(entry);
        !self.taken.contains(&relay) && self.view.entry(relay).is_some_and(|entry| !related(entry))
    }

    fn is_free(&self, relay: RelayId) -> bool {
        self.relays.contains(&relay) && self.is_apart(relay)
    }

    fn free(&self) -> Vec<RelayId> {
        self.relays.iter().copied().filter(|relay| self.is_free(*relay)).collect()
    }
}

/// How many relays a new queue is to have.
#[derive(Clone, Copy, Debug)]
pub struct MailboxesWanted<'a> {
    /// Never more than these.
    pub count: usize,
    /// None of these.
    pub avoid: &'a [RelayId],
}

/// A client's paths.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    guards: Guards,
    health: Health,
}

impl Paths {
    /// With the guards of the state file.
    #[must_use]
    pub fn new(saved: SavedGuards) -> Self {
        Self { guards: Guards::new(saved), health: Health::default() }
    }

    /// Guards and vanguards.
    #[must_use]
    pub const fn guards(&self) -> &Guards {
        &self.guards
    }

    /// Whether what is to be kept changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        self.guards.take_changed()
    }

    /// Relays usable at `now` and not failing.
    #[must_use]
    pub fn usable(&self, now: Timestamp, view: &View) -> usize {
        view.usable(now).filter(|(relay, _)| !self.health.is_down(now, *relay)).count()
    }

    /// Whether a relay is better avoided now.
    #[must_use]
    pub fn avoids(&self, now: Timestamp, relay: RelayId) -> bool {
        self.health.is_down(now, relay)
    }

    /// Whether there are as many relays as a path takes.
    #[must_use]
    pub fn enough(&self, now: Timestamp, view: &View) -> bool {
        let wanted = if view.rules().is_private() { RELAYS_PRIVATE } else { RELAYS_PUBLIC };
        self.usable(now, view) >= wanted
    }

    /// The relays from the first hop to `asked`, with their onion keys.
    ///
    /// # Errors
    /// [`NoPath`].
    pub fn choose(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        view: &View,
        asked: RelayId,
    ) -> Result<Vec<HopInfo>, NoPath> {
        if !view.is_usable(now, asked) {
            return Err(if view.usable(now).next().is_none() {
                NoPath::NoRelays
            } else {
                NoPath::UnknownRelay
            });
        }
        let least = if view.rules().is_private() { RELAYS_PRIVATE } else { RELAYS_PUBLIC };
        let all: Vec<RelayId> = view.usable(now).map(|(relay, _)| relay).collect();
        if all.len() < least {
            return Err(NoPath::TooFewRelays);
        }
        if let Some(until) = self.health.rebuild_at(now, asked) {
            return Err(NoPath::BackOff(until));
        }
        self.guards.renew(now, rng, &all, view.rules().is_private());
        let well: Vec<RelayId> = all
            .iter()
            .copied()
            .filter(|relay| *relay == asked || !self.health.is_down(now, *relay))
            .collect();
        // Where too few are well it is likelier our own network that is not: try as if nothing were known.
        let relays = if well.len() >= least { well } else { all.clone() };
        let with_middle = !view.rules().is_private() || relays.len() >= RELAYS_WITH_MIDDLE;
        let mut candidates = Candidates { view, relays, taken: Vec::new(), kin: Kin::default() };
        candidates.take(asked);
        let guard = self.first_hop(now, rng, &all, &candidates)?;
        candidates.take(guard);
        let second = self.second_hop(rng, &candidates).ok_or(NoPath::TooFewRelays)?;
        candidates.take(second);
        let middle = if with_middle {
            Some(draw::one(rng, &candidates.free()).ok_or(NoPath::TooFewRelays)?)
        } else {
            None
        };
        let route = [Some(guard), Some(second), middle, Some(asked)];
        route.into_iter().flatten().map(|relay| view.hop(now, relay).ok_or(NoPath::UnknownRelay)).collect()
    }

    fn first_hop(
        &self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        all: &[RelayId],
        candidates: &Candidates<'_>,
    ) -> Result<RelayId, NoPath> {
        // A guard may be tried although it failed lately; that is for the guards to say.
        let fit = |guard| all.contains(&guard) && candidates.is_apart(guard);
        match self.guards.first_hop(now, fit) {
            Ok(guard) => Ok(guard),
            // Only because one of the two is asked, or akin to what is: for this circuit another serves
            // (docs/protocol/paths.md, "Guards").
            Err(_) if self.guards.both().any(|guard| !candidates.is_apart(guard)) => {
                let mut free = candidates.free();
                free.retain(|relay| self.guards.both().all(|guard| guard != *relay));
                draw::one(rng, &free).ok_or(NoPath::TooFewRelays)
            }
            Err(NoGuard::Unreachable(until)) => Err(NoPath::GuardsUnreachable(until)),
            Err(NoGuard::None) => Err(NoPath::TooFewRelays),
        }
    }

    fn second_hop(&self, rng: &mut impl CryptoRng, candidates: &Candidates<'_>) -> Option<RelayId> {
        let vanguards: Vec<RelayId> =
            self.guards.vanguards().filter(|relay| candidates.is_free(*relay)).collect();
        // Vanguards that fail are passed over, not replaced: else a guard could choose them by refusing to extend.
        draw::one(rng, &vanguards).or_else(|| draw::one(rng, &candidates.free()))
    }

    /// All hops of a route answered.
    pub fn succeeded(&mut self, route: &[RelayId]) {
        if let Some(guard) = route.first() {
            self.guards.first_hop_worked(*guard);
        }
        route.iter().for_each(|relay| self.health.relay_worked(*relay));
        if let Some(asked) = route.last() {
            self.health.build_worked(*asked);
        }
    }

    /// A circuit to `asked` ended, other than by our own will.
    pub fn failed(&mut self, now: Timestamp, asked: RelayId, failure: &CircuitFailure) {
        if failure.reason == FailureReason::Ours {
            return;
        }
        // A guard has a back-off of its own. Were it counted here as well, the two would end together, and where the asked relay is one
        // guard and the other is gone, that other one would be all that is ever tried.
        let is_guard = |relay: RelayId| self.guards.both().any(|guard| guard == relay);
        let guards_own = failure.blame.is_some_and(|(hop, relay)| hop == 0 && is_guard(relay));
        if !failure.was_built && !guards_own {
            self.health.build_failed(now, asked, failure.began);
        }
        match failure.blame {
            Some((0, guard)) => {
                self.guards.first_hop_failed(now, guard);
                // One lost link says nothing yet; a guard has more tries than others.
                if self.guards.is_out(guard) || self.guards.both().all(|kept| kept != guard) {
                    self.health.relay_failed(now, guard);
                }
            }
            // The last hop is the one that was asked for: there is no going round it.
            Some((_, relay)) if relay != asked => self.health.relay_failed(now, relay),
            _ => {}
        }
    }

    /// Relays for a new queue's replicas, of different operators and networks
    /// (docs/protocol/paths.md, "Relays for a queue").
    #[must_use]
    pub fn pick_mailboxes(
        &self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        view: &View,
        MailboxesWanted { count, avoid }: MailboxesWanted<'_>,
    ) -> Vec<RelayId> {
        let keeps = |(relay, entry): &(RelayId, &Entry)| entry.keeps_mailboxes() && !avoid.contains(relay);
        let all: Vec<RelayId> = view.usable(now).filter(keeps).map(|(relay, _)| relay).collect();
        let mut candidates = Candidates { view, relays: all, taken: Vec::new(), kin: Kin::default() };
        let mut picked = Vec::new();
        while picked.len() < count {
            let free = candidates.free();
            let well: Vec<RelayId> =
                free.iter().copied().filter(|relay| !self.health.is_down(now, *relay)).collect();
            // A guard that is also a mailbox would have to give up its place in every path there.
            let apart: Vec<RelayId> = well
                .iter()
                .copied()
                .filter(|relay| self.guards.both().all(|guard| guard != *relay))
                .collect();
            let Some(relay) =
                draw::one(rng, &apart).or_else(|| draw::one(rng, &well)).or_else(|| draw::one(rng, &free))
            else {
                break;
            };
            candidates.take(relay);
            picked.push(relay);
        }
        picked
    }
}
