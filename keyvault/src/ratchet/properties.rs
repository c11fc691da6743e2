//! Whatever is lost, repeated, reordered, crashed or put back to an old state, a text opens as it was sealed or not at all.

use std::collections::BTreeSet;

use ipc_schema::Timestamp;
use proptest::prelude::*;

use super::tests::{NOW, Pair, pair, stored};
use super::{RatchetError, Session};

#[derive(Clone, Debug)]
enum Step {
    /// One side seals a text.
    Seal {
        side: usize,
    },
    /// One of the waiting messages arrives, counted from the oldest.
    Deliver {
        to: usize,
        which: usize,
    },
    Lose {
        to: usize,
        which: usize,
    },
    /// A message that arrived before arrives again.
    Duplicate {
        to: usize,
        which: usize,
    },
    /// A message opens and the process dies before the new state is durable; the message comes again later.
    Crash {
        to: usize,
        which: usize,
    },
    /// Both processes start again from what is stored.
    Restart,
    /// A copy of a side's store is made.
    Save {
        side: usize,
    },
    /// A side's store is put back to the newest copy.
    Restore {
        side: usize,
    },
}

fn step(restores: bool) -> impl Strategy<Value = Step> {
    let side = 0..2_usize;
    prop_oneof![
        8 => side.clone().prop_map(|side| Step::Seal { side }),
        8 => (side.clone(), 0..5_usize).prop_map(|(to, which)| Step::Deliver { to, which }),
        1 => (side.clone(), 0..5_usize).prop_map(|(to, which)| Step::Lose { to, which }),
        1 => (side.clone(), any::<usize>()).prop_map(|(to, which)| Step::Duplicate { to, which }),
        1 => (side.clone(), 0..5_usize).prop_map(|(to, which)| Step::Crash { to, which }),
        1 => Just(Step::Restart),
        1 => side.clone().prop_map(move |side| if restores { Step::Save { side } } else { Step::Restart }),
        1 => side.prop_map(move |side| if restores { Step::Restore { side } } else { Step::Restart }),
    ]
}

/// Messages on their way to one side, and what it has opened since it was last put back.
#[derive(Default)]
struct Way {
    waiting: Vec<(Vec<u8>, Vec<u8>)>,
    arrived: Vec<(Vec<u8>, Vec<u8>)>,
    opened: BTreeSet<Vec<u8>>,
}

struct World {
    pair: Pair,
    ways: [Way; 2],
    saved: [Option<(Session, BTreeSet<Vec<u8>>)>; 2],
    /// Some side was put back: its peer may refuse it from now on.
    is_rolled_back: bool,
    sealed: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let ways = [Way::default(), Way::default()];
        Self { pair: pair(seed), ways, saved: [None, None], is_rolled_back: false, sealed: 0 }
    }

    fn side(&mut self, side: usize) -> &mut Session {
        if side == 0 { &mut self.pair.alice } else { &mut self.pair.bob }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Seal { side } => self.seal(side),
            Step::Deliver { to, which } if which < self.ways[to].waiting.len() => {
                let message = self.ways[to].waiting.remove(which);
                self.arrive(to, &message, true);
                self.ways[to].arrived.push(message);
            }
            Step::Lose { to, which } if which < self.ways[to].waiting.len() => {
                self.ways[to].waiting.remove(which);
            }
            Step::Duplicate { to, which } if !self.ways[to].arrived.is_empty() => {
                let which = which % self.ways[to].arrived.len();
                let message = self.ways[to].arrived[which].clone();
                self.arrive(to, &message, true);
            }
            Step::Crash { to, which } if which < self.ways[to].waiting.len() => {
                let message = self.ways[to].waiting[which].clone();
                self.arrive(to, &message, false);
            }
            Step::Restart => {
                self.pair.alice = stored(&self.pair.alice);
                self.pair.bob = stored(&self.pair.bob);
            }
            Step::Save { side } => {
                let session = stored(self.side(side));
                self.saved[side] = Some((session, self.ways[side].opened.clone()));
            }
            Step::Restore { side } => {
                if let Some((session, opened)) = self.saved[side].clone() {
                    *self.side(side) = session;
                    self.ways[side].opened = opened;
                    self.is_rolled_back = true;
                }
            }
            _ => {}
        }
    }

    fn seal(&mut self, side: usize) {
        if !self.side(side).can_send() {
            return;
        }
        self.sealed += 1;
        let text = self.sealed.to_be_bytes().to_vec();
        let Pair { rng, alice, bob } = &mut self.pair;
        let session = if side == 0 { alice } else { bob };
        let message = session.seal(&text, 1_500, rng).unwrap();
        self.ways[1 - side].waiting.push((message, text));
    }

    fn arrive(&mut self, to: usize, (message, text): &(Vec<u8>, Vec<u8>), is_kept: bool) {
        let now = Timestamp(NOW.0 + self.sealed * 1_000);
        let Pair { rng, alice, bob } = &mut self.pair;
        let session = if to == 0 { alice } else { bob };
        match session.open(message, now, rng) {
            Ok(accepted) => {
                assert_eq!(&*accepted.content, text.as_slice());
                assert!(!accepted.needs_repair, "both sides are honest");
                assert!(!self.ways[to].opened.contains(text), "a text opens once");
                if is_kept {
                    *session = accepted.session;
                    self.ways[to].opened.insert(text.clone());
                }
            }
            // A chain that is forgotten after five turns, and with it what was used of it.
            Err(RatchetError::NoHeaderKey) => {}
            Err(RatchetError::Used { .. }) => {
                assert!(self.is_rolled_back || self.ways[to].opened.contains(text));
            }
            // The peer's chain goes on from a key that this side has forgotten, or the other way round.
            Err(RatchetError::RolledBack | RatchetError::BadCommitment) => assert!(self.is_rolled_back),
            Err(other) => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_is_lost_reordered_repeated_or_crashed_each_text_opens_once(
        steps in prop::collection::vec(step(false), 1..120), seed in any::<u64>()
    ) {
        let mut world = World::new(seed);
        steps.iter().for_each(|step| world.take(step));
        prop_assert!(!world.is_rolled_back);
    }

    #[test]
    fn an_old_state_put_back_is_told_and_never_opens_another_text(
        steps in prop::collection::vec(step(true), 1..120), seed in any::<u64>()
    ) {
        let mut world = World::new(seed);
        steps.iter().for_each(|step| world.take(step));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "long: 10,000 steps a case"]
    fn ten_thousand_steps_of_loss_repetition_and_crashes(
        steps in prop::collection::vec(step(false), 10_000), seed in any::<u64>()
    ) {
        let mut world = World::new(seed);
        let (first, last) = steps.split_at(steps.len() / 2);
        first.iter().for_each(|step| world.take(step));
        let halfway = world.pair.alice.pq_epoch();
        last.iter().for_each(|step| world.take(step));
        // The conversation never stalled: turns, and with them epochs of three turns, went on to the end.
        prop_assert!(halfway > 10 && world.pair.alice.pq_epoch() > halfway + 10);
    }

    #[test]
    #[ignore = "long: 10,000 steps a case"]
    fn ten_thousand_steps_with_old_states_put_back(
        steps in prop::collection::vec(step(true), 10_000), seed in any::<u64>()
    ) {
        let mut world = World::new(seed);
        steps.iter().for_each(|step| world.take(step));
    }
}
