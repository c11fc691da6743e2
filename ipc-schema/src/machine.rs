//! What a process has of the machine that it runs on, beside its edges.

use std::rc::Rc;

use rand_core::CryptoRng;

use crate::Timestamp;

/// A clock and randomness. A shell is made with them and passes them to its core, so that a simulated machine can have its own.
#[derive(Clone)]
pub struct Machine {
    clock: Rc<dyn Fn() -> Timestamp>,
    chance: Rc<dyn Fn() -> Box<dyn CryptoRng>>,
}

impl Machine {
    /// A machine whose clock `clock` reads, and each of whose sources of randomness `chance` makes.
    pub fn new(
        clock: impl Fn() -> Timestamp + 'static,
        chance: impl Fn() -> Box<dyn CryptoRng> + 'static,
    ) -> Self {
        Self { clock: Rc::new(clock), chance: Rc::new(chance) }
    }

    /// The machine's clock now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Another source of randomness.
    #[must_use]
    pub fn chance(&self) -> Box<dyn CryptoRng> {
        (self.chance)()
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Machine({:?})", self.now())
    }
}
