//! Relay messages: what is inside a RELAY cell once it is recognised. 493 B: command 1 ‖ stream 2 ‖ length 2 ‖ data ≤ 488.
//!
//! What a relay may be told and what a client may be told are two enums, each parsed once: a message that is not legal in that
//! direction never gets further.

use super::{DestroyReason, RELAY_MESSAGE_BYTES};
use crate::cell::cgo::Tag;
use crate::id::StreamId;

/// The most data that one relay message carries.
pub const DATA_BYTES: usize = RELAY_MESSAGE_BYTES - 5;

/// Command bytes. 64 to 79 are kept for rendezvous, 80 to 95 for calls.
mod code {
    pub const EXTEND: u8 = 1;
    pub const EXTENDED: u8 = 2;
    pub const TRUNCATED: u8 = 3;
    pub const PADDING: u8 = 4;
    pub const SENDME: u8 = 5;
    pub const OPEN: u8 = 16;
    pub const DATA: u8 = 17;
    pub const END: u8 = 18;
}

/// A recognised message that is not legal: unknown command, wrong direction, wrong length. The circuit is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a legal relay message")]
pub struct Illegal;

/// What both ends of a circuit may say to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndMessage<'a> {
    /// Bytes of a stream.
    Data(StreamId, &'a [u8]),
    /// The sender is done with a stream.
    End(StreamId),
    /// 32 more cells may come, of the stream or (`None`) of the circuit; the tag is that of the cell that was counted.
    Sendme(Option<StreamId>, Tag),
    /// Nothing. Hides how much was said.
    Padding,
}

/// What a client may tell a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToRelay<'a> {
    /// A third of the client's half of a handshake with the next hop.
    Extend(&'a [u8]),
    /// A new stream to the service with this number, on a circuit of the lane with this number.
    Open(StreamId, u8, u8),
    /// What either end of the circuit may say.
    End(EndMessage<'a>),
}

/// What a relay may tell a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToClient<'a> {
    /// A third of the next hop's half of the handshake.
    Extended(&'a [u8]),
    /// There is no circuit beyond this relay (any more).
    Truncated(DestroyReason),
    /// What either end of the circuit may say.
    End(EndMessage<'a>),
}

struct Raw<'a> {
    command: u8,
    stream: Option<StreamId>,
    data: &'a [u8],
}

impl<'a> Raw<'a> {
    fn parse(untrusted: &'a [u8; RELAY_MESSAGE_BYTES]) -> Result<Self, Illegal> {
        let ([command, s0, s1, l0, l1], rest) = untrusted.split_first_chunk().ok_or(Illegal)?;
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let stream = match u16::from_be_bytes([*s0, *s1]) {
            0 => None,
            id => Some(StreamId(id)),
        };
        Ok(Self { command: *command, stream, data: rest.get(..length).ok_or(Illegal)? })
    }

    /// The messages that are legal both ways.
    fn end(&self) -> Result<EndMessage<'a>, Illegal> {
        match (self.command, self.stream) {
            (code::DATA, Some(stream)) if !self.data.is_empty() => Ok(EndMessage::Data(stream, self.data)),
            (code::END, Some(stream)) if self.data.is_empty() => Ok(EndMessage::End(stream)),
            (code::SENDME, stream) => {
                Ok(EndMessage::Sendme(stream, self.data.try_into().map_err(|_| Illegal)?))
            }
            (code::PADDING, None) if self.data.is_empty() => Ok(EndMessage::Padding),
            _ => Err(Illegal),
        }
    }
}

impl<'a> ToRelay<'a> {
    /// Parses what a relay recognised.
    ///
    /// # Errors
    /// [`Illegal`].
    pub fn parse(untrusted: &'a [u8; RELAY_MESSAGE_BYTES]) -> Result<Self, Illegal> {
        let raw = Raw::parse(untrusted)?;
        match (raw.command, raw.stream, raw.data) {
            (code::EXTEND, None, data) => Ok(Self::Extend(data)),
            (code::OPEN, Some(stream), [service, lane]) => Ok(Self::Open(stream, *service, *lane)),
            _ => raw.end().map(Self::End),
        }
    }

    /// Writes the message into a cell's last 493 B.
    pub fn write(&self, to: &mut [u8; RELAY_MESSAGE_BYTES]) {
        match self {
            Self::Extend(data) => fill(to, code::EXTEND, None, data),
            Self::Open(stream, service, lane) => fill(to, code::OPEN, Some(*stream), &[*service, *lane]),
            Self::End(message) => message.write(to),
        }
    }
}

impl<'a> ToClient<'a> {
    /// Parses what a client recognised.
    ///
    /// # Errors
    /// [`Illegal`].
    pub fn parse(untrusted: &'a [u8; RELAY_MESSAGE_BYTES]) -> Result<Self, Illegal> {
        let raw = Raw::parse(untrusted)?;
        match (raw.command, raw.stream, raw.data) {
            (code::EXTENDED, None, data) => Ok(Self::Extended(data)),
            (code::TRUNCATED, None, [reason]) => Ok(Self::Truncated(DestroyReason::from_code(*reason))),
            _ => raw.end().map(Self::End),
        }
    }

    /// Writes the message into a cell's last 493 B.
    pub fn write(&self, to: &mut [u8; RELAY_MESSAGE_BYTES]) {
        match self {
            Self::Extended(data) => fill(to, code::EXTENDED, None, data),
            Self::Truncated(reason) => fill(to, code::TRUNCATED, None, &[reason.code()]),
            Self::End(message) => message.write(to),
        }
    }
}

impl EndMessage<'_> {
    /// Writes the message into a cell's last 493 B.
    pub fn write(&self, to: &mut [u8; RELAY_MESSAGE_BYTES]) {
        match self {
            Self::Data(stream, data) => fill(to, code::DATA, Some(*stream), data),
            Self::End(stream) => fill(to, code::END, Some(*stream), &[]),
            Self::Sendme(stream, tag) => fill(to, code::SENDME, *stream, tag),
            Self::Padding => fill(to, code::PADDING, None, &[]),
        }
    }
}

/// Lays a message out; the rest is zero. `data` is at most [`DATA_BYTES`] by construction: what were more is cut.
fn fill(to: &mut [u8; RELAY_MESSAGE_BYTES], command: u8, stream: Option<StreamId>, data: &[u8]) {
    let data = data.get(..data.len().min(DATA_BYTES)).unwrap_or(&[]);
    let length = u16::try_from(data.len()).unwrap_or(0).to_be_bytes();
    let stream = stream.map_or(0, |id| id.0).to_be_bytes();
    to.fill(0);
    if let Some((head, rest)) = to.split_first_chunk_mut::<5>() {
        *head = [command, stream[0], stream[1], length[0], length[1]];
        if let Some(room) = rest.get_mut(..data.len()) {
            room.copy_from_slice(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused_and_what_parses_is_written_back_alike(
            head in prop::collection::vec(any::<u8>(), 5), rest in any::<u8>(),
        ) {
            let mut bytes = [rest; RELAY_MESSAGE_BYTES];
            bytes[..5].copy_from_slice(&head);
            bytes[0] %= 24;
            bytes[3] %= 3;
            let mut again = [0; RELAY_MESSAGE_BYTES];
            if let Ok(message) = ToRelay::parse(&bytes) {
                message.write(&mut again);
                prop_assert_eq!(ToRelay::parse(&again), Ok(message));
            }
            if let Ok(message) = ToClient::parse(&bytes) {
                message.write(&mut again);
                prop_assert_eq!(ToClient::parse(&again), Ok(message));
            }
        }

        #[test]
        fn data_of_every_length_survives(data in prop::collection::vec(any::<u8>(), 1..=DATA_BYTES), stream in 1_u16..) {
            let mut bytes = [0xff; RELAY_MESSAGE_BYTES];
            let message = EndMessage::Data(StreamId(stream), &data);
            message.write(&mut bytes);
            prop_assert_eq!(ToRelay::parse(&bytes), Ok(ToRelay::End(message)));
            prop_assert_eq!(ToClient::parse(&bytes), Ok(ToClient::End(message)));
        }
    }

    #[test]
    fn a_length_beyond_the_cell_is_refused() {
        let mut bytes = [0; RELAY_MESSAGE_BYTES];
        bytes[..5].copy_from_slice(&[17, 0, 1, 1, 0xe9]);
        assert_eq!(ToRelay::parse(&bytes), Err(Illegal));
    }

    #[test]
    fn a_client_is_not_told_to_extend_and_a_relay_is_not_told_extended() {
        let mut bytes = [0; RELAY_MESSAGE_BYTES];
        ToRelay::Extend(&[1]).write(&mut bytes);
        assert_eq!(ToClient::parse(&bytes), Err(Illegal));
        ToClient::Extended(&[1]).write(&mut bytes);
        assert_eq!(ToRelay::parse(&bytes), Err(Illegal));
    }
}
