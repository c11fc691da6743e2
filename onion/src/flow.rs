//! Flow control: windows counted in cells, opened again by SENDMEs that prove that the counted cell was received
//! (docs/protocol/circuits.md, "Flow"). Whoever acknowledges what it did not get cannot name the tag.

use std::collections::VecDeque;

use subtle::ConstantTimeEq;

use crate::cell::cgo::Tag;
use crate::id::Lane;

/// A SENDME stands for this many cells.
pub const SENDME_CELLS: u16 = 32;

/// DATA cells that may be on their way in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Per circuit.
    pub circuit: u16,
    /// Per stream.
    pub stream: u16,
}

impl Windows {
    /// What a client uses on a lane.
    #[must_use]
    pub const fn of(lane: Lane) -> Self {
        match lane {
            Lane::Text | Lane::Call => Self { circuit: 256, stream: 128 },
            Lane::Bulk => Self { circuit: 1_024, stream: 512 },
        }
    }
}

/// The other side acknowledged what it cannot have, or sent more than it may. The circuit is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a window was violated")]
pub struct WindowViolated;

/// How much may still be sent.
#[derive(Debug)]
pub struct SendWindow {
    left: u16,
    sent: u16,
    expected: VecDeque<Tag>,
}

impl SendWindow {
    /// A fresh window of that many cells, a multiple of [`SENDME_CELLS`].
    #[must_use]
    pub fn new(cells: u16) -> Self {
        Self { left: cells, sent: 0, expected: VecDeque::new() }
    }

    /// Whether one more cell may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.left > 0
    }

    /// A counted cell with this tag was sent.
    pub fn sent(&mut self, tag: Tag) {
        self.left = self.left.saturating_sub(1);
        self.sent += 1;
        if self.sent == SENDME_CELLS {
            self.sent = 0;
            self.expected.push_back(tag);
        }
    }

    /// A SENDME came.
    ///
    /// # Errors
    /// [`WindowViolated`]: none is due, or it names another cell than the one that is.
    pub fn acknowledged(&mut self, tag: &Tag) -> Result<(), WindowViolated> {
        let due = self.expected.pop_front().ok_or(WindowViolated)?;
        if !bool::from(due.ct_eq(tag)) {
            return Err(WindowViolated);
        }
        self.left = self.left.saturating_add(SENDME_CELLS);
        Ok(())
    }
}

/// How much may still come.
#[derive(Debug)]
pub struct ReceiveWindow {
    left: u16,
    counted: u16,
}

impl ReceiveWindow {
    /// A fresh window of that many cells.
    #[must_use]
    pub fn new(cells: u16) -> Self {
        Self { left: cells, counted: 0 }
    }

    /// A counted cell came. `true`: a SENDME with its tag is due; the window opens again with [`Self::acknowledged`].
    ///
    /// # Errors
    /// [`WindowViolated`]: the window was used up.
    pub fn received(&mut self) -> Result<bool, WindowViolated> {
        self.left = self.left.checked_sub(1).ok_or(WindowViolated)?;
        self.counted = (self.counted + 1) % SENDME_CELLS;
        Ok(self.counted == 0)
    }

    /// A SENDME was sent.
    pub fn acknowledged(&mut self) {
        self.left = self.left.saturating_add(SENDME_CELLS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_closes_when_used_up_and_opens_with_the_tag_of_each_thirty_second_cell() {
        let mut window = SendWindow::new(64);
        for n in 0..64 {
            assert!(window.is_open());
            window.sent([n; 16]);
        }
        assert!(!window.is_open());
        assert_eq!(window.acknowledged(&[31; 16]), Ok(()));
        assert!(window.is_open());
        assert_eq!(window.acknowledged(&[63; 16]), Ok(()));
    }

    #[test]
    fn an_early_sendme_and_one_with_another_tag_are_violations() {
        let mut window = SendWindow::new(64);
        assert_eq!(window.acknowledged(&[0; 16]), Err(WindowViolated));
        for n in 0..32 {
            window.sent([n; 16]);
        }
        assert_eq!(window.acknowledged(&[30; 16]), Err(WindowViolated));
    }

    #[test]
    fn more_cells_than_the_window_are_a_violation() {
        let mut window = ReceiveWindow::new(64);
        let due = (0..64).filter(|_| window.received() == Ok(true)).count();
        assert_eq!(due, 2);
        assert_eq!(window.received(), Err(WindowViolated));
        window.acknowledged();
        assert_eq!((0..33).filter(|_| window.received().is_ok()).count(), 32);
    }
}
