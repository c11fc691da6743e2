//! The cell: 514 B, the only thing that ever travels on a link (docs/protocol/circuits.md, "Cell: 514 B").
//!
//! `circuit id 4 ‖ command 1 ‖ body 509`, integers big-endian. In a RELAY cell the body is one CGO block, `L 16 ‖ R 493`, and
//! once all layers are off R is a relay message.

pub mod cgo;
pub mod relay_message;

use crate::id::LinkId;

/// Bytes of a cell.
pub const CELL_BYTES: usize = 514;
/// Bytes of its body.
pub const BODY_BYTES: usize = 509;
/// Bytes of a relay message, which is what of the body is left beside the CGO tag.
pub const RELAY_MESSAGE_BYTES: usize = 493;
/// Bytes before the body.
const HEADER_BYTES: usize = CELL_BYTES - BODY_BYTES;
/// CREATE, CREATED, EXTEND and EXTENDED each take this many cells, always, so that nothing about a handshake can be counted.
pub const HANDSHAKE_CELLS: usize = 3;

/// A circuit's number on one link. The side that opened the link uses numbers with the high bit set, the other side those
/// without, so that both can number without asking. 0 names the link itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(pub u32);

impl CircuitId {
    /// The link itself, for PADDING and DESCRIBE.
    pub const LINK: Self = Self(0);
    /// Set in numbers that the side which opened the link gives out.
    pub const INITIATOR: u32 = 1 << 31;

    /// Whether the side that opened the link gave this number out.
    #[must_use]
    pub const fn is_initiators(self) -> bool {
        self.0 & Self::INITIATOR != 0
    }
}

/// Where a circuit runs: a link, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnLink {
    /// The link.
    pub link: LinkId,
    /// The circuit's number on it.
    pub circuit: CircuitId,
}

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// On circuit 0: nothing. Hides when something is sent.
    Padding,
    /// A third of a client's half of a hop handshake.
    Create,
    /// A third of the relay's half.
    Created,
    /// One CGO block.
    Relay,
    /// The circuit ends here. Body: one [`DestroyReason`] byte.
    Destroy,
    /// On circuit 0: asks the other side for its own descriptor. A bootstrap is known by address and link key only.
    Describe,
    /// On circuit 0: half of the own descriptor, always in two cells.
    Descriptor,
}

impl Command {
    /// The byte on the wire. It is also the command that CGO authenticates.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Padding => 0,
            Self::Create => 1,
            Self::Created => 2,
            Self::Relay => 3,
            Self::Destroy => 4,
            Self::Describe => 5,
            Self::Descriptor => 6,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Padding,
            1 => Self::Create,
            2 => Self::Created,
            3 => Self::Relay,
            4 => Self::Destroy,
            5 => Self::Describe,
            6 => Self::Descriptor,
            _ => return None,
        })
    }
}

/// Why a circuit is destroyed, as far as neighbours are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestroyReason {
    /// No reason is given. Also what every unknown byte is read as.
    None,
    /// The cells broke the protocol.
    Protocol,
    /// Too many circuits, or too fast.
    Busy,
    /// The next relay cannot be reached.
    Unreachable,
    /// The handshake names a key or version that the relay has not.
    Handshake,
}

impl DestroyReason {
    /// The byte on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Protocol => 1,
            Self::Busy => 2,
            Self::Unreachable => 3,
            Self::Handshake => 4,
        }
    }

    /// The reason of a byte.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Protocol,
            2 => Self::Busy,
            3 => Self::Unreachable,
            4 => Self::Handshake,
            _ => Self::None,
        }
    }
}

/// Bytes that are no cell: fewer or more than 514, or a command of no version we know. The link that they came on is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cell")]
pub struct NotACell;

/// One cell.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    /// Which circuit of the link.
    pub circuit: CircuitId,
    /// What it says.
    pub command: Command,
    /// What the command says, zero-padded.
    pub body: [u8; BODY_BYTES],
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("circuit", &self.circuit)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

impl Cell {
    /// A cell with that much of a body, zero-padded; what is longer than a body is cut.
    #[must_use]
    pub fn new(circuit: CircuitId, command: Command, content: &[u8]) -> Self {
        let mut body = [0; BODY_BYTES];
        for (to, from) in body.iter_mut().zip(content) {
            *to = *from;
        }
        Self { circuit, command, body }
    }

    /// A DESTROY.
    #[must_use]
    pub fn destroy(circuit: CircuitId, reason: DestroyReason) -> Self {
        Self::new(circuit, Command::Destroy, &[reason.code()])
    }

    /// Parses one cell.
    ///
    /// # Errors
    /// [`NotACell`]: another length or an unknown command.
    pub fn parse(untrusted: &[u8]) -> Result<Self, NotACell> {
        let bytes: &[u8; CELL_BYTES] = untrusted.try_into().map_err(|_| NotACell)?;
        let (header, body) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(NotACell)?;
        let [a, b, c, d, command] = *header;
        Ok(Self {
            circuit: CircuitId(u32::from_be_bytes([a, b, c, d])),
            command: Command::from_code(command).ok_or(NotACell)?,
            body: body.try_into().map_err(|_| NotACell)?,
        })
    }

    /// Appends the cell's 514 B.
    pub fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.circuit.0.to_be_bytes());
        to.push(self.command.code());
        to.extend_from_slice(&self.body);
    }

    /// The reason inside a DESTROY.
    #[must_use]
    pub fn destroy_reason(&self) -> DestroyReason {
        DestroyReason::from_code(self.body.first().copied().unwrap_or(0))
    }
}

/// Cuts `content` into the fixed number of cells that a handshake half takes. Each body is the part's index (1 B) and its bytes.
pub fn handshake_cells(circuit: CircuitId, command: Command, content: &[u8]) -> [Cell; HANDSHAKE_CELLS] {
    let mut parts = content.chunks(BODY_BYTES - 1);
    let mut index = 0;
    std::array::from_fn(|_| {
        let body = [&[index], parts.next().unwrap_or(&[])].concat();
        index += 1;
        Cell::new(circuit, command, &body)
    })
}

/// Collects the cells of one handshake half.
#[derive(Debug, Default)]
pub struct HandshakeParts {
    bytes: Vec<u8>,
}

impl HandshakeParts {
    /// Whether a body is the first part of a half.
    #[must_use]
    pub fn is_first(body: &[u8; BODY_BYTES]) -> bool {
        body.first() == Some(&0)
    }

    /// Takes the next part; with the last it answers the first `want` bytes of them all. What follows must be zero.
    ///
    /// # Errors
    /// [`NotACell`]: parts are out of order, or the padding is not zero.
    pub fn take(&mut self, body: &[u8; BODY_BYTES], want: usize) -> Result<Option<Vec<u8>>, NotACell> {
        let (index, part) = body.split_first().ok_or(NotACell)?;
        if usize::from(*index) != self.bytes.len() / part.len() {
            return Err(NotACell);
        }
        self.bytes.extend_from_slice(part);
        if self.bytes.len() < HANDSHAKE_CELLS * part.len() {
            return Ok(None);
        }
        let mut all = std::mem::take(&mut self.bytes);
        let padding = all.get(want..).ok_or(NotACell)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(NotACell);
        }
        all.truncate(want);
        Ok(Some(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_parses_as_a_cell_is_written_back_byte_for_byte(bytes in prop::collection::vec(any::<u8>(), CELL_BYTES)) {
            if let Ok(cell) = Cell::parse(&bytes) {
                let mut again = Vec::new();
                cell.write(&mut again);
                prop_assert_eq!(again, bytes);
            } else {
                prop_assert!(bytes[4] > 6);
            }
        }

        #[test]
        fn no_other_length_is_a_cell(length in 0_usize..2_000) {
            prop_assume!(length != CELL_BYTES);
            prop_assert_eq!(Cell::parse(&vec![0; length]), Err(NotACell));
        }
    }

    #[test]
    fn a_handshake_takes_three_cells_and_comes_together_again() {
        let content: Vec<u8> = (0..1_282_u32).map(|n| u8::try_from(n % 251 + 1).unwrap()).collect();
        let cells = handshake_cells(CircuitId(7), Command::Create, &content);
        let mut parts = HandshakeParts::default();
        assert_eq!(parts.take(&cells[0].body, 1_282), Ok(None));
        assert_eq!(parts.take(&cells[1].body, 1_282), Ok(None));
        assert_eq!(parts.take(&cells[2].body, 1_282), Ok(Some(content)));
    }

    #[test]
    fn padding_after_a_handshake_that_is_not_zero_is_refused() {
        let mut cells = handshake_cells(CircuitId(7), Command::Create, &[1; 1_282]);
        cells[2].body[508] = 1;
        let mut parts = HandshakeParts::default();
        let results: Vec<_> = cells.iter().map(|cell| parts.take(&cell.body, 1_282)).collect();
        assert_eq!(results[2], Err(NotACell));
    }

    #[test]
    fn parts_of_a_handshake_out_of_order_are_refused() {
        let cells = handshake_cells(CircuitId(7), Command::Create, &[1; 1_282]);
        assert!(HandshakeParts::is_first(&cells[0].body) && !HandshakeParts::is_first(&cells[1].body));
        assert_eq!(HandshakeParts::default().take(&cells[1].body, 1_282), Err(NotACell));
    }
}
