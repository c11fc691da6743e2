//! Cells coming in.

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::link::{HALF_CREATED_MAX, Owner};
use super::{Description, Network, Output, PASSING_CIRCUITS_MAX};
use crate::cell::handshake_cells;
use crate::cell::{BODY_BYTES, CELL_BYTES, Cell, CircuitId, Command, DestroyReason, HandshakeParts, OnLink};
use crate::handshake::HELLO_BYTES;
use crate::id::{CircuitHandle, LinkId, RelayCircuit};
use crate::relay::circuit::PassingCircuit;

/// The longest descriptor (docs/protocol/directory.md, "Descriptor: at most 512 B").
const DESCRIPTOR_MAX_BYTES: usize = 512;
/// A description takes this many cells, always: its length in 2 B, its bytes, then the time in 8 B.
const DESCRIPTOR_CELLS: usize = 2;

impl Network {
    /// Cells came over a link, in order. Bytes that are no cells close it.
    pub fn cells(&mut self, now: Timestamp, rng: &mut impl CryptoRng, link: LinkId, untrusted_batch: &[u8]) {
        for bytes in untrusted_batch.chunks(CELL_BYTES) {
            let Some(there) = self.links.get_mut(link) else { return };
            there.used = now;
            match Cell::parse(bytes) {
                Ok(cell) => self.cell(now, rng, link, cell),
                Err(_) => self.close_link(link),
            }
        }
    }

    fn cell(&mut self, now: Timestamp, rng: &mut impl CryptoRng, link: LinkId, cell: Cell) {
        if cell.circuit == CircuitId::LINK {
            return self.link_cell(now, link, &cell);
        }
        let owner = self.links.get(link).and_then(|link| link.owner(cell.circuit));
        match (owner, cell.command) {
            (Some(Owner::Client(handle)), _) => self.own_cell(now, rng, handle, cell),
            (Some(Owner::Back(handle)), Command::Relay) => self.cell_from_client(now, handle, cell),
            (Some(Owner::Back(handle)), Command::Destroy) => {
                self.end_passing(handle, Some(link), DestroyReason::None);
            }
            (Some(Owner::Back(handle)), _) => self.end_passing(handle, None, DestroyReason::Protocol),
            (Some(Owner::Onward(handle)), Command::Destroy) => {
                self.leave(OnLink { link, circuit: cell.circuit }, Some(link), DestroyReason::None);
                self.cut_silently(handle, cell.destroy_reason());
            }
            (Some(Owner::Onward(handle)), _) => self.cell_from_onward(handle, cell),
            (None, Command::Create) => self.create(now, rng, link, cell),
            // What was on its way when the circuit was destroyed.
            (None, Command::Relay | Command::Created | Command::Destroy) => {}
            (None, _) => self.close_link(link),
        }
    }

    /// A cell that concerns the link itself.
    fn link_cell(&mut self, now: Timestamp, id: LinkId, cell: &Cell) {
        let Some(link) = self.links.get_mut(id) else { return };
        match cell.command {
            Command::Padding => {}
            Command::Describe if self.relay.is_some() => {
                // As dear as a circuit, so that nobody asks in a loop.
                if link.budget.take(now) {
                    for cell in description_cells(&self.descriptor, now) {
                        self.push_control(id, cell);
                    }
                }
            }
            Command::Descriptor => match link.describing.take() {
                Some(mut bytes) => {
                    bytes.extend_from_slice(&cell.body);
                    if bytes.len() < DESCRIPTOR_CELLS * BODY_BYTES {
                        link.describing = Some(bytes);
                    } else if let Some(description) = described(&bytes) {
                        self.outputs.push_back(Output::Described(id, description));
                    } else {
                        self.close_link(id);
                    }
                }
                None => self.close_link(id),
            },
            _ => self.close_link(id),
        }
    }

    fn own_cell(&mut self, now: Timestamp, rng: &mut impl CryptoRng, handle: CircuitHandle, mut cell: Cell) {
        let destroyed = cell.command == Command::Destroy;
        let step = self.with_own(handle, |circuit, out| circuit.cell(now, rng, &mut cell, out));
        let Some(Err(failure)) = step else { return };
        if destroyed
            && let Some((_, at)) = self.own.get_mut(&handle)
            && let Some(at) = at.take()
        {
            self.leave(at, Some(at.link), DestroyReason::None);
        }
        self.close_own(handle, failure);
    }

    fn cell_from_client(&mut self, now: Timestamp, handle: RelayCircuit, cell: Cell) {
        let mut connect = None;
        let step = self.with_passing(handle, |circuit, out| {
            let step = circuit.client_cell(now, cell, out);
            connect = out.connect.take();
            step
        });
        match (step, connect) {
            (Some(Err(_)), _) => self.end_passing(handle, None, DestroyReason::Protocol),
            (_, Some(relay)) => self.want_onward_link(relay, handle),
            _ => self.forwarded += 1,
        }
    }

    fn cell_from_onward(&mut self, handle: RelayCircuit, cell: Cell) {
        match self.with_passing(handle, |circuit, out| circuit.onward_cell(cell, out)) {
            Some(Err(_)) => self.cut(handle, DestroyReason::Protocol),
            _ => self.forwarded += 1,
        }
    }

    /// The next relay has destroyed the circuit: tells the client, and not that relay.
    fn cut_silently(&mut self, handle: RelayCircuit, reason: DestroyReason) {
        self.with_passing(handle, |circuit, out| circuit.cut(reason, out));
    }

    /// A part of somebody's CREATE.
    fn create(&mut self, now: Timestamp, rng: &mut impl CryptoRng, id: LinkId, cell: Cell) {
        let Some(link) = self.links.get_mut(id) else { return };
        if self.relay.is_none() || !link.is_theirs_to_number(cell.circuit) {
            return self.close_link(id);
        }
        let first = HandshakeParts::is_first(&cell.body);
        if !first && !link.creating.contains_key(&cell.circuit) {
            // The rest of one that was refused.
            return;
        }
        if first && (link.creating.len() >= HALF_CREATED_MAX || self.passing.len() >= PASSING_CIRCUITS_MAX) {
            return self.push_control(id, Cell::destroy(cell.circuit, DestroyReason::Busy));
        }
        let parts = link.creating.entry(cell.circuit).or_insert_with(|| (HandshakeParts::default(), now));
        match parts.0.take(&cell.body, HELLO_BYTES) {
            Ok(None) => {}
            Ok(Some(hello)) => {
                link.creating.remove(&cell.circuit);
                if link.budget.take(now) && self.creations.take(now) {
                    self.answer_create(rng, id, cell.circuit, &hello);
                } else {
                    self.push_control(id, Cell::destroy(cell.circuit, DestroyReason::Busy));
                }
            }
            Err(_) => self.close_link(id),
        }
    }

    fn answer_create(&mut self, rng: &mut impl CryptoRng, id: LinkId, number: CircuitId, hello: &[u8]) {
        let Some(relay) = &self.relay else { return };
        let Ok((answer, keys)) = relay.answer(hello, rng) else {
            return self.push_control(id, Cell::destroy(number, DestroyReason::Handshake));
        };
        self.next_passing += 1;
        let handle = RelayCircuit(self.next_passing);
        if !self.links.get_mut(id).is_some_and(|link| link.adopt(number, Owner::Back(handle))) {
            return self.push_control(id, Cell::destroy(number, DestroyReason::Busy));
        }
        self.passing.insert(handle, PassingCircuit::new(handle, OnLink { link: id, circuit: number }, &keys));
        for cell in handshake_cells(number, Command::Created, &answer) {
            self.push(id, cell);
        }
    }
}

/// A descriptor and the time as cells.
fn description_cells(descriptor: &[u8], now: Timestamp) -> Vec<Cell> {
    let length = u16::try_from(descriptor.len()).unwrap_or(0);
    let mut bytes = [&length.to_be_bytes()[..], descriptor, &now.0.to_be_bytes()].concat();
    bytes.resize(DESCRIPTOR_CELLS * BODY_BYTES, 0);
    bytes.chunks(BODY_BYTES).map(|part| Cell::new(CircuitId::LINK, Command::Descriptor, part)).collect()
}

/// The description out of the cells' bytes.
fn described(bytes: &[u8]) -> Option<Description> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (descriptor, rest) = rest.split_at_checked(length).filter(|_| length <= DESCRIPTOR_MAX_BYTES)?;
    let clock = rest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let untrusted_descriptor = descriptor.to_vec();
    Some(Description { untrusted_descriptor, clock: (clock != 0).then_some(Timestamp(clock)) })
}
