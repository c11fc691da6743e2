//! Messages of the mailbox service: what a stream of that service carries
//! (docs/protocol/mailbox.md, "Mailbox service, version 1").
//!
//! Request: `version 1 ‖ request id 4 ‖ command 1 ‖ rest`. Answer and push: `version 1 ‖ kind 1 ‖ request id 4 ‖ rest`. Integers are
//! big-endian, every field but the last of a message has a fixed length. A request is answered once (COLLECT: in parts), in any order.

use ipc_schema::bytes::{Cursor, Short};
pub use ipc_schema::edge::stored_keyvault::Created;
use ipc_schema::edge::stored_onion::Refused;
pub use ipc_schema::edge::stored_onion::{ChunkWaiting, Waiting};
use ipc_schema::limits::{BLOB_MAX_BYTES, CHUNK_BYTES, ENVELOPE_BYTES};

pub use super::call::{Call, Misbehaved, QueueId};
use super::call::{PUT_CHUNK, take_rest};

const VERSION: u8 = 1;
const CREATE: u8 = 0;

/// Envelopes in one part of an answer to COLLECT: what still fits a stream's message.
pub const ENVELOPES_PER_PART: usize = 16;

/// What proves that a command may be given, made by keyvault (`ipc_schema::mailbox::signing_input`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authenticator {
    /// Ed25519 under the queue's receiver key.
    Signature([u8; 64]),
    /// HMAC-SHA256 under the sender's key for this queue, or under the blob's read key.
    Mac([u8; 32]),
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// Of raw bytes, by their length.
    ///
    /// # Errors
    /// [`Misbehaved::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Misbehaved> {
        if let Ok(signature) = bytes.try_into() {
            return Ok(Self::Signature(signature));
        }
        Ok(Self::Mac(bytes.try_into().map_err(|_| Misbehaved::Malformed)?))
    }

    fn fits(&self, call: &Call) -> bool {
        matches!(self, Self::Mac(_)) == call.is_senders()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Signature(bytes) => bytes,
            Self::Mac(bytes) => bytes,
        }
    }
}

/// A command, addressed and authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The receiver's or the sender's name of the queue; for `SecureRead` the first 24 B of the blob id.
    pub queue: QueueId,
    /// Rises on a circuit.
    pub counter: u64,
    /// Over all of it.
    pub authenticator: Authenticator,
    /// What is to be done.
    pub call: Call,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A new queue for that receiver, with a proof of work.
    Create {
        /// Ed25519.
        receiver_key: [u8; 32],
        /// The proof's nonce.
        work: u64,
    },
    /// Everything else.
    Signed(Signed),
}

impl Request {
    /// Its bytes.
    #[must_use]
    pub fn pack(&self, request: u32) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&request.to_be_bytes());
        match self {
            Self::Create { receiver_key, work } => {
                out.push(CREATE);
                out.extend_from_slice(receiver_key);
                out.extend_from_slice(&work.to_be_bytes());
            }
            Self::Signed(signed) => {
                out.push(signed.call.number());
                out.extend_from_slice(&signed.queue);
                out.extend_from_slice(&signed.counter.to_be_bytes());
                out.extend_from_slice(signed.authenticator.bytes());
                signed.call.pack(&mut out);
            }
        }
        out
    }

    /// Parses what a client sent: its request id, and the request.
    ///
    /// # Errors
    /// [`Misbehaved`].
    pub fn parse(untrusted: &[u8]) -> Result<(u32, Self), Misbehaved> {
        let mut cursor = Cursor::new(untrusted);
        if cursor.u8()? != VERSION {
            return Err(Misbehaved::Version);
        }
        let (id, number) = (cursor.u32()?, cursor.u8()?);
        if number == CREATE {
            let request = Self::Create { receiver_key: cursor.array()?, work: cursor.u64()? };
            cursor.end()?;
            return Ok((id, request));
        }
        let (queue, counter) = (cursor.array()?, cursor.u64()?);
        let authenticator = match number {
            7..=PUT_CHUNK => Authenticator::Mac(cursor.array()?),
            _ => Authenticator::Signature(cursor.array()?),
        };
        let call = Call::read(number, &mut cursor)?;
        cursor.end()?;
        if !call.fits() {
            return Err(Misbehaved::Malformed);
        }
        Ok((id, Self::Signed(Signed { queue, counter, authenticator, call })))
    }
}

impl Signed {
    /// Whether sizes and kind of authenticator are what the service takes.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.call.fits() && self.authenticator.fits(&self.call)
    }
}

/// How a command ended; the numbers stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, now or before.
    Ok,
    /// The queue's quota is used up.
    Full,
    /// Too fast, or the relay's disk is away: later.
    Throttled,
    /// No such queue.
    NoQueue,
    /// Wrong key, replay, not secured, or secured for another sender.
    NotAuthorised,
    /// No such blob.
    NoBlob,
    /// The relay's policy; at a client also: it answered nonsense.
    Refused,
    /// The relay's disk is full.
    DiskFull,
}

impl Answer {
    /// What stored is told.
    ///
    /// # Errors
    /// The relay's word for not doing it.
    pub fn told(self) -> Result<(), Refused> {
        Err(match self {
            Self::Ok => return Ok(()),
            Self::Full => Refused::Full,
            Self::Throttled => Refused::Throttled,
            Self::NoQueue => Refused::NoQueue,
            Self::NotAuthorised => Refused::NotAuthorised,
            Self::NoBlob => Refused::NoBlob,
            Self::Refused => Refused::Policy,
            Self::DiskFull => Refused::DiskFull,
        })
    }

    const ALL: [Self; 8] = [
        Self::Ok,
        Self::Full,
        Self::Throttled,
        Self::NoQueue,
        Self::NotAuthorised,
        Self::NoBlob,
        Self::Refused,
        Self::DiskFull,
    ];

    const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Full => 1,
            Self::Throttled => 2,
            Self::NoQueue => 3,
            Self::NotAuthorised => 4,
            Self::NoBlob => 5,
            Self::Refused => 6,
            Self::DiskFull => 7,
        }
    }

    fn from_code(code: u8) -> Result<Self, Misbehaved> {
        Self::ALL.get(usize::from(code)).copied().ok_or(Misbehaved::Malformed)
    }
}

/// What a relay says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// How the command ended.
    Answer(Answer),
    /// To CREATE.
    Created(Created),
    /// To CREATE: the proof has too few zero bits; so many are wanted.
    MoreWork(u8),
    /// To COLLECT: a part; `more` follow.
    Envelopes {
        /// Whether another part follows.
        more: bool,
        /// Up to [`ENVELOPES_PER_PART`].
        envelopes: Vec<Waiting>,
    },
    /// To SECURE+READ.
    Blob(Vec<u8>),
    /// To SUBSCRIBE, any number of times after its answer.
    Push(Waiting),
    /// To SUBSCRIBE CHUNKS, any number of times after its answer; to FETCH CHUNKS, before it.
    Chunk(ChunkWaiting),
}

impl Reply {
    /// Its bytes; the request that it answers.
    #[must_use]
    pub fn pack(&self, request: u32) -> Vec<u8> {
        let kind = match self {
            Self::Answer(_) => 1,
            Self::Created(_) => 2,
            Self::MoreWork(_) => 3,
            Self::Envelopes { .. } => 4,
            Self::Blob(_) => 5,
            Self::Push(_) => 6,
            Self::Chunk(_) => 7,
        };
        let mut out = vec![VERSION, kind];
        out.extend_from_slice(&request.to_be_bytes());
        match self {
            Self::Answer(answer) => out.push(answer.code()),
            Self::Created(created) => {
                out.extend_from_slice(&created.receiver_queue);
                out.extend_from_slice(&created.sender_queue);
                out.extend_from_slice(&created.relay_key);
            }
            Self::MoreWork(bits) => out.push(*bits),
            Self::Envelopes { more, envelopes } => {
                out.push(u8::from(*more));
                envelopes.iter().for_each(|waiting| pack_waiting(&mut out, waiting));
            }
            Self::Blob(blob) => out.extend_from_slice(blob),
            Self::Push(waiting) => pack_waiting(&mut out, waiting),
            Self::Chunk(waiting) => {
                out.extend_from_slice(&waiting.id);
                out.extend_from_slice(&waiting.chunk);
            }
        }
        out
    }

    /// Parses what a relay sent: the request that it answers, and the reply.
    ///
    /// # Errors
    /// [`Misbehaved`].
    pub fn parse(untrusted: &[u8]) -> Result<(u32, Self), Misbehaved> {
        let mut cursor = Cursor::new(untrusted);
        if cursor.u8()? != VERSION {
            return Err(Misbehaved::Version);
        }
        let (kind, request) = (cursor.u8()?, cursor.u32()?);
        let reply = match kind {
            1 => Self::Answer(Answer::from_code(cursor.u8()?)?),
            2 => Self::Created(Created {
                receiver_queue: cursor.array()?,
                sender_queue: cursor.array()?,
                relay_key: cursor.array()?,
            }),
            3 => Self::MoreWork(cursor.u8()?),
            4 => read_part(&mut cursor)?,
            5 => {
                let blob = take_rest(&mut cursor)?;
                if blob.len() > BLOB_MAX_BYTES {
                    return Err(Misbehaved::Malformed);
                }
                Self::Blob(blob)
            }
            6 => Self::Push(read_waiting(&mut cursor)?),
            7 => Self::Chunk(ChunkWaiting { id: cursor.array()?, chunk: cursor.take(CHUNK_BYTES)?.to_vec() }),
            _ => return Err(Misbehaved::Malformed),
        };
        cursor.end()?;
        Ok((request, reply))
    }
}

fn pack_waiting(out: &mut Vec<u8>, waiting: &Waiting) {
    out.extend_from_slice(&waiting.id);
    out.extend_from_slice(&waiting.sender_key);
    out.extend_from_slice(&waiting.envelope);
}

fn read_waiting(cursor: &mut Cursor<'_>) -> Result<Waiting, Short> {
    Ok(Waiting {
        id: cursor.array()?,
        sender_key: cursor.array()?,
        envelope: cursor.take(ENVELOPE_BYTES)?.to_vec(),
    })
}

fn read_part(cursor: &mut Cursor<'_>) -> Result<Reply, Misbehaved> {
    let more = match cursor.u8()? {
        0 => false,
        1 => true,
        _ => return Err(Misbehaved::Malformed),
    };
    let mut envelopes = Vec::new();
    while !cursor.rest().is_empty() {
        if envelopes.len() == ENVELOPES_PER_PART {
            return Err(Misbehaved::Malformed);
        }
        envelopes.push(read_waiting(cursor)?);
    }
    Ok(Reply::Envelopes { more, envelopes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::limits::{CHUNKS_PER_ANSWER_MAX, CHUNKS_UNACKED_MAX, IDS_PER_CALL_MAX};
    use proptest::prelude::*;

    fn calls() -> Vec<Call> {
        vec![
            Call::Subscribe,
            Call::Collect { max: 128 },
            Call::Acknowledge { messages: vec![[1; 16], [2; 16]] },
            Call::Acknowledge { messages: Vec::new() },
            Call::Delete,
            Call::LeaveBlob { blob_id: [1; 32], read_key: [2; 32], blob: vec![3; BLOB_MAX_BYTES] },
            Call::DropBlob { blob_id: [1; 32] },
            Call::Secure { sender_key: [4; 32] },
            Call::Deposit { put_id: [5; 16], envelope: vec![6; ENVELOPE_BYTES] },
            Call::SecureRead { blob_id: [1; 32], sender_key: [4; 32] },
            Call::PutChunk { chunk_id: [5; 16], chunk: vec![6; CHUNK_BYTES] },
            Call::SubscribeChunks,
            Call::FetchChunks { chunks: vec![[1; 16]; CHUNKS_PER_ANSWER_MAX] },
            Call::AcknowledgeChunks { chunks: vec![[1; 16], [2; 16]] },
        ]
    }

    fn signed(call: Call) -> Signed {
        let authenticator =
            if call.is_senders() { Authenticator::Mac([9; 32]) } else { Authenticator::Signature([9; 64]) };
        Signed { queue: [7; 24], counter: 11, authenticator, call }
    }

    fn replies() -> Vec<Reply> {
        let waiting = Waiting { id: [1; 16], sender_key: [2; 32], envelope: vec![3; ENVELOPE_BYTES] };
        vec![
            Reply::Answer(Answer::Full),
            Reply::Created(Created { receiver_queue: [1; 24], sender_queue: [2; 24], relay_key: [3; 32] }),
            Reply::MoreWork(20),
            Reply::Envelopes { more: true, envelopes: vec![waiting.clone(); ENVELOPES_PER_PART] },
            Reply::Envelopes { more: false, envelopes: Vec::new() },
            Reply::Blob(vec![4; BLOB_MAX_BYTES]),
            Reply::Push(waiting),
            Reply::Chunk(ChunkWaiting { id: [1; 16], chunk: vec![2; CHUNK_BYTES] }),
        ]
    }

    #[test]
    fn every_request_and_reply_parses_to_itself_and_fits_a_stream() {
        let requests = calls().into_iter().map(|call| Request::Signed(signed(call)));
        for request in requests.chain([Request::Create { receiver_key: [1; 32], work: 5 }]) {
            let packed = request.pack(77);
            assert!(packed.len() <= crate::event::MESSAGE_MAX_BYTES);
            assert_eq!(Request::parse(&packed), Ok((77, request)));
        }
        for reply in replies() {
            let packed = reply.pack(78);
            assert!(packed.len() <= crate::event::MESSAGE_MAX_BYTES);
            assert_eq!(Reply::parse(&packed), Ok((78, reply)));
        }
    }

    #[test]
    fn a_deposit_and_a_push_take_nine_relay_messages() {
        let deposit =
            Request::Signed(signed(Call::Deposit { put_id: [5; 16], envelope: vec![6; ENVELOPE_BYTES] }));
        let push =
            Reply::Push(Waiting { id: [1; 16], sender_key: [2; 32], envelope: vec![3; ENVELOPE_BYTES] });
        for length in [deposit.pack(1).len(), push.pack(1).len()] {
            assert_eq!((length + 4).div_ceil(488), 9);
        }
    }

    #[test]
    fn a_chunk_takes_136_relay_messages_either_way() {
        let put = Request::Signed(signed(Call::PutChunk { chunk_id: [5; 16], chunk: vec![6; CHUNK_BYTES] }));
        let push = Reply::Chunk(ChunkWaiting { id: [1; 16], chunk: vec![2; CHUNK_BYTES] });
        for length in [put.pack(1).len(), push.pack(1).len()] {
            assert_eq!((length + 4).div_ceil(488), 136);
        }
    }

    #[test]
    fn whatever_is_cut_or_too_long_is_refused() {
        let of_any_length = |call: &Call| {
            use Call::{Acknowledge, AcknowledgeChunks, FetchChunks, LeaveBlob};
            matches!(
                call,
                LeaveBlob { .. } | Acknowledge { .. } | FetchChunks { .. } | AcknowledgeChunks { .. }
            )
        };
        for call in calls().into_iter().filter(|call| !of_any_length(call)) {
            let packed = Request::Signed(signed(call)).pack(1);
            for length in 0..packed.len() {
                assert!(Request::parse(&packed[..length]).is_err(), "cut at {length}");
            }
            assert!(Request::parse(&[&packed[..], &[0]].concat()).is_err());
        }
        let blob = Call::LeaveBlob { blob_id: [1; 32], read_key: [2; 32], blob: vec![3; BLOB_MAX_BYTES + 1] };
        let ids = Call::Acknowledge { messages: vec![[0; 16]; IDS_PER_CALL_MAX + 1] };
        let fetch = |count| Call::FetchChunks { chunks: vec![[0; 16]; count] };
        let acks = Call::AcknowledgeChunks { chunks: vec![[0; 16]; CHUNKS_UNACKED_MAX + 1] };
        let collects = [Call::Collect { max: 0 }, Call::Collect { max: 129 }];
        let chunks = [fetch(0), fetch(CHUNKS_PER_ANSWER_MAX + 1), acks];
        for call in [blob, ids].into_iter().chain(collects).chain(chunks) {
            assert_eq!(Request::parse(&Request::Signed(signed(call)).pack(1)), Err(Misbehaved::Malformed));
        }
    }

    #[test]
    fn a_command_has_the_kind_of_authenticator_that_it_takes() {
        let mut deposit = signed(Call::Deposit { put_id: [5; 16], envelope: vec![6; ENVELOPE_BYTES] });
        assert!(deposit.fits());
        deposit.authenticator = Authenticator::Signature([0; 64]);
        assert!(!deposit.fits());
        assert!(Authenticator::parse(&[0; 33]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0_u8..15) {
            let mut shaped = vec![VERSION, 0, 0, 0, 1, kind];
            shaped.extend_from_slice(&bytes);
            let _ = Request::parse(&shaped);
            let _ = Request::parse(&bytes);
            let mut shaped = vec![VERSION, kind, 0, 0, 0, 1];
            shaped.extend_from_slice(&bytes);
            if let Ok((request, reply)) = Reply::parse(&shaped) {
                prop_assert_eq!(reply.pack(request), shaped);
            }
        }
    }
}
