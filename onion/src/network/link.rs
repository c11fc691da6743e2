//! One link: its circuits, and the cells that wait to go out on it, round robin between circuits.

use std::collections::{BTreeMap, VecDeque};

use ipc_schema::Timestamp;

use crate::cell::{CELL_BYTES, Cell, CircuitId, HandshakeParts};
use crate::id::{CircuitHandle, RelayCircuit, RelayId};
use crate::relay::creation::CreationBudget;

/// Cells of one circuit that may wait on one link: the largest window, and the handshakes and SENDMEs beside it. Who sends
/// more has left its window, and the circuit is destroyed.
pub const QUEUE_MAX_CELLS: usize = 1_024 + 64;
/// Circuits on one link.
pub const CIRCUITS_MAX: usize = 8_192;
/// Handshakes that are half come: a whole burst, for their cells take turns.
pub const HALF_CREATED_MAX: usize = 256;
/// DESTROYs and the like that wait. Beyond, the link is not being read and is closed.
pub const CONTROL_MAX_CELLS: usize = 3 * CIRCUITS_MAX;

/// Whose a circuit of a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One that we built.
    Client(CircuitHandle),
    /// One that passes us; the client is on this link's side.
    Back(RelayCircuit),
    /// One that passes us; the client is on the other side.
    Onward(RelayCircuit),
}

/// What is known of a link when it comes up.
#[derive(Clone, Copy, Debug)]
pub struct LinkInfo {
    /// The other side's link key, 32 B, as netd says.
    pub peer: [u8; 32],
    /// The relay whose descriptor names that key, if one does.
    pub relay: Option<RelayId>,
    /// Whether this side opened it.
    pub initiator: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    cells: VecDeque<(u64, Cell)>,
    in_turn: bool,
}

/// One link.
#[derive(Debug)]
pub struct Link {
    /// What is known of it.
    pub info: LinkInfo,
    /// How fast it may create circuits.
    pub budget: CreationBudget,
    /// Handshakes that are half come, since when.
    pub creating: BTreeMap<CircuitId, (HandshakeParts, Timestamp)>,
    /// The first half of a descriptor that we asked for.
    pub describing: Option<Vec<u8>>,
    /// When the last cell of a circuit came or went.
    pub used: Timestamp,
    circuits: BTreeMap<CircuitId, Owner>,
    next_number: u32,
    control: VecDeque<Cell>,
    waiting: BTreeMap<CircuitId, Waiting>,
    turns: VecDeque<CircuitId>,
}

/// A circuit has more cells waiting than its windows allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl Link {
    /// A link that just came up.
    #[must_use]
    pub fn new(info: LinkInfo, now: Timestamp) -> Self {
        let budget =
            if info.relay.is_some() { CreationBudget::relay(now) } else { CreationBudget::stranger(now) };
        Self {
            info,
            budget,
            creating: BTreeMap::new(),
            describing: None,
            used: now,
            circuits: BTreeMap::new(),
            next_number: 0,
            control: VecDeque::new(),
            waiting: BTreeMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// Whose a circuit is.
    #[must_use]
    pub fn owner(&self, circuit: CircuitId) -> Option<Owner> {
        self.circuits.get(&circuit).copied()
    }

    /// All circuits.
    pub fn owners(&self) -> impl Iterator<Item = Owner> + '_ {
        self.circuits.values().copied()
    }

    /// How many circuits there are.
    #[must_use]
    pub fn circuits(&self) -> usize {
        self.circuits.len()
    }

    /// Whether the other side may give that number to a new circuit.
    #[must_use]
    pub fn is_theirs_to_number(&self, circuit: CircuitId) -> bool {
        circuit != CircuitId::LINK && circuit.is_initiators() != self.info.initiator
    }

    /// Notes a circuit that the other side created. `false`: there are too many.
    pub fn adopt(&mut self, circuit: CircuitId, owner: Owner) -> bool {
        if self.circuits.len() >= CIRCUITS_MAX {
            return false;
        }
        self.circuits.insert(circuit, owner);
        true
    }

    /// Numbers a circuit of ours. `None`: there are too many.
    pub fn allocate(&mut self, owner: Owner) -> Option<CircuitId> {
        if self.circuits.len() >= CIRCUITS_MAX {
            return None;
        }
        let side = if self.info.initiator { CircuitId::INITIATOR } else { 0 };
        loop {
            self.next_number = self.next_number % (CircuitId::INITIATOR - 1) + 1;
            let circuit = CircuitId(self.next_number | side);
            if let std::collections::btree_map::Entry::Vacant(free) = self.circuits.entry(circuit) {
                free.insert(owner);
                return Some(circuit);
            }
        }
    }

    /// Queues a cell of a circuit; `serial` counts up over all links.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn push(&mut self, serial: u64, cell: Cell) -> Result<(), Overflow> {
        let circuit = cell.circuit;
        let waiting = self.waiting.entry(circuit).or_default();
        if waiting.cells.len() >= QUEUE_MAX_CELLS {
            return Err(Overflow);
        }
        waiting.cells.push_back((serial, cell));
        if !std::mem::replace(&mut waiting.in_turn, true) {
            self.turns.push_back(circuit);
        }
        Ok(())
    }

    /// Queues a cell ahead of all circuits: DESTROY and what concerns the link itself.
    ///
    /// # Errors
    /// [`Overflow`]: the link is not being read.
    pub fn push_control(&mut self, cell: Cell) -> Result<(), Overflow> {
        if self.control.len() >= CONTROL_MAX_CELLS {
            return Err(Overflow);
        }
        self.control.push_back(cell);
        Ok(())
    }

    /// Forgets a circuit and what waits for it; answers how many cells that were.
    pub fn forget(&mut self, circuit: CircuitId) -> usize {
        self.circuits.remove(&circuit);
        self.waiting.remove(&circuit).map_or(0, |waiting| waiting.cells.len())
    }

    /// Whether anything waits.
    #[must_use]
    pub fn has_cells(&self) -> bool {
        !self.control.is_empty() || !self.turns.is_empty()
    }

    /// Takes up to `max` cells off, as one batch; answers it and how many of them were circuits' cells.
    pub fn drain(&mut self, max: usize) -> (Vec<u8>, usize) {
        let mut batch = Vec::with_capacity(max.min(self.control.len() + self.turns.len() * 4) * CELL_BYTES);
        let mut left = max;
        while left > 0 {
            let Some(cell) = self.control.pop_front() else { break };
            cell.write(&mut batch);
            left -= 1;
        }
        let mut taken = 0;
        while taken < left {
            let Some(circuit) = self.turns.pop_front() else { break };
            let Some(waiting) = self.waiting.get_mut(&circuit) else { continue };
            if let Some((_, cell)) = waiting.cells.pop_front() {
                cell.write(&mut batch);
                taken += 1;
            }
            if waiting.cells.is_empty() {
                // A circuit that says nothing keeps no memory.
                self.waiting.remove(&circuit);
            } else {
                self.turns.push_back(circuit);
            }
        }
        (batch, taken)
    }

    /// The circuit whose next cell has waited longest, and that cell's serial.
    #[must_use]
    pub fn oldest(&self) -> Option<(u64, CircuitId)> {
        let first = |(circuit, waiting): (&CircuitId, &Waiting)| Some((waiting.cells.front()?.0, *circuit));
        self.waiting.iter().filter_map(first).min()
    }

    /// How many cells wait in all circuits.
    #[must_use]
    pub fn waiting_cells(&self) -> usize {
        self.waiting.values().map(|waiting| waiting.cells.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Command;

    fn link(initiator: bool) -> Link {
        Link::new(LinkInfo { peer: [0; 32], relay: None, initiator }, Timestamp(0))
    }

    fn cell(circuit: u32) -> Cell {
        Cell::new(CircuitId(circuit), Command::Relay, &[])
    }

    fn order(batch: &[u8]) -> Vec<u32> {
        batch.chunks(CELL_BYTES).map(|cell| u32::from_be_bytes(cell[..4].try_into().unwrap())).collect()
    }

    #[test]
    fn circuits_take_turns_and_control_goes_first() {
        let mut link = link(true);
        for (serial, circuit) in [1, 1, 1, 2, 3, 3].into_iter().enumerate() {
            link.push(serial as u64, cell(circuit)).unwrap();
        }
        link.push_control(cell(9)).unwrap();
        assert_eq!(link.oldest(), Some((0, CircuitId(1))));
        let (batch, taken) = link.drain(5);
        assert_eq!((order(&batch), taken), (vec![9, 1, 2, 3, 1], 4));
        let (batch, taken) = link.drain(64);
        assert_eq!((order(&batch), taken), (vec![3, 1], 2));
        assert!(!link.has_cells());
    }

    #[test]
    fn each_side_numbers_in_its_own_half() {
        let (mut ours, theirs) = (link(true), link(false));
        let circuit = ours.allocate(Owner::Client(CircuitHandle(1))).unwrap();
        assert!(circuit.is_initiators());
        assert!(theirs.is_theirs_to_number(circuit));
        assert!(!ours.is_theirs_to_number(circuit));
        assert!(!theirs.is_theirs_to_number(CircuitId::LINK));
        assert!(!theirs.is_theirs_to_number(CircuitId(5)));
    }

    #[test]
    fn a_queue_never_grows_beyond_its_bound() {
        let mut link = link(true);
        for serial in 0..QUEUE_MAX_CELLS {
            link.push(serial as u64, cell(1)).unwrap();
        }
        assert_eq!(link.push(0, cell(1)), Err(Overflow));
        assert_eq!(link.forget(CircuitId(1)), QUEUE_MAX_CELLS);
        assert!(link.drain(64).0.is_empty());
    }
}
