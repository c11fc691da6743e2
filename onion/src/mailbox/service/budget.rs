//! What strangers make the service hold in memory: requests that wait, what the disk is being asked for, replies that nobody takes yet.
//! One count for all circuits, so that many who are slow together fill no more than one.

use std::cell::Cell;
use std::rc::Rc;

/// From so much on every circuit is held back as soon as anything of it waits, bytes: a relay with a slow disk serves many writers a
/// chunk at a time each.
pub const TIGHT_BYTES: usize = 8 << 20;
/// Over so much the circuit that holds most is ended, bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// The count.
#[derive(Clone, Debug, Default)]
pub struct Budget(Rc<Cell<usize>>);

/// A part of it, until it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// So many bytes more are held as long as the share lives.
    #[must_use]
    pub fn share(&self, bytes: usize) -> Share {
        self.0.set(self.0.get().saturating_add(bytes));
        Share { budget: self.clone(), bytes }
    }

    /// Whether circuits are held back early.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.0.get() > TIGHT_BYTES
    }

    /// Whether it is used up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.get() > MAX_BYTES
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.0.get()
    }
}

impl Share {
    /// How much it is.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.set(self.budget.0.get().saturating_sub(self.bytes));
    }
}
