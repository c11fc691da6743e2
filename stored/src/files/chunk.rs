//! A file's chunks as they travel: sealed one by one, each with its way to the root, so that whoever has the offer knows of each whether
//! it is the file's, in whichever order they come (docs/protocol/file.md, "Pieces and chunks").

use ipc_schema::limits::{CHUNK_BYTES, PIECE_BYTES, PUT_ID_BYTES, QUEUE_ID_BYTES};

use super::FileWire;
use super::cipher::{NONCE_BYTES, Seal, TAG_BYTES};
use super::cut::Cut;
use super::tree::{Hash, WAY_BYTES, Way, hash_of_piece};
use crate::secret::Secret;

const VERSION: u8 = 1;
const KEY_CONTEXT: &str = "privatus/file/chunk/v1";
const ID_CONTEXT: &str = "privatus/file/chunk-id/v1";
const SEALED_BYTES: usize = WAY_BYTES + PIECE_BYTES;

/// What a relay knows a chunk by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId(pub [u8; PUT_ID_BYTES]);

/// Names the times that a chunk was left: 0 at first, then what the receiver called its asking for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Round(pub u32);

/// What both sides know of a file by its offer, as far as its chunks depend on it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What both sides call it.
    pub file: FileWire,
    /// Known to the two alone.
    pub key: Secret,
    /// BLAKE3 of all of it.
    pub root: Hash,
    /// How it is cut.
    pub cut: Cut,
}

/// A file's chunks on their way through one queue of the receiver. Through another their names and bytes have nothing in common with
/// these, so that two relays cannot see that they carry the same file.
#[derive(Debug)]
pub struct Sealing {
    plan: Plan,
    key: Secret,
    id_key: Secret,
}

/// What was in a chunk.
#[derive(PartialEq, Eq)]
pub enum Opened {
    /// A piece of the file, proven to be that, without padding.
    Piece(Vec<u8>),
    /// Nothing: it travels so that fewer can be told from its number.
    Padding,
}

/// Why a chunk is not taken. All three are seen before a byte of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAChunk {
    /// Too short, too long or of another version, altered, of another file, queue or number: what a relay can do.
    #[error("it was not sealed as this chunk")]
    NotSealed,
    /// It was sealed as this chunk and is not this piece of the file that was offered: only the sender can do that.
    #[error("it is not what was offered")]
    NotOffered,
}

impl Plan {
    /// The chunks as they travel through the queue that the sender calls `queue`.
    #[must_use]
    pub fn for_queue(&self, queue: &[u8; QUEUE_ID_BYTES]) -> Sealing {
        Sealing {
            plan: self.clone(),
            key: self.derive(KEY_CONTEXT, queue),
            id_key: self.derive(ID_CONTEXT, queue),
        }
    }

    /// The root and the length are in it, so that a key that was drawn twice (a machine that was cloned) seals no two files.
    fn derive(&self, context: &'static str, queue: &[u8; QUEUE_ID_BYTES]) -> Secret {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(self.key.expose()).update(&self.root).update(&self.cut.size_bytes().to_be_bytes());
        hasher.update(queue);
        Secret::of(*hasher.finalize().as_bytes())
    }

    /// Whether `bytes` are that piece of the file.
    ///
    /// # Errors
    /// [`NotAChunk::NotOffered`].
    fn expect(&self, number: u32, bytes: &[u8], way: &Way) -> Result<(), NotAChunk> {
        let hash = hash_of_piece(self.cut, number, bytes);
        if way.root(self.cut, number, &hash) == Some(self.root) { Ok(()) } else { Err(NotAChunk::NotOffered) }
    }

    fn associated(&self, number: u32) -> [u8; 25] {
        let mut bytes = [VERSION; 25];
        let fields =
            self.file.0.into_iter().chain(number.to_be_bytes()).chain(self.cut.chunks().to_be_bytes());
        bytes.iter_mut().skip(1).zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }
}

impl Sealing {
    /// What the relay is to know a chunk by. One that is left there again is another to it: it may remember the former one, and not have it.
    #[must_use]
    pub fn id(&self, number: u32, round: Round) -> ChunkId {
        let mut hasher = blake3::Hasher::new_keyed(self.id_key.expose());
        let hash = hasher.update(&number.to_be_bytes()).update(&round.0.to_be_bytes()).finalize();
        ChunkId(*hash.as_bytes().first_chunk().unwrap_or(&[0; PUT_ID_BYTES]))
    }

    /// The chunk of a piece. The same each time, so that a relay may get it twice.
    ///
    /// # Errors
    /// [`NotAChunk::NotOffered`]: it is not that piece of the file; nothing else is ever sealed under its number.
    pub fn seal(&self, number: u32, round: Round, piece: &[u8], way: &Way) -> Result<Vec<u8>, NotAChunk> {
        self.plan.expect(number, piece, way)?;
        Ok(self.sealed(number, round, way, piece))
    }

    /// A chunk of padding.
    ///
    /// # Errors
    /// [`NotAChunk::NotOffered`]: there is none of that number.
    pub fn padding(&self, number: u32, round: Round) -> Result<Vec<u8>, NotAChunk> {
        let cut = self.plan.cut;
        if cut.has_piece(number) || !cut.has_chunk(number) {
            return Err(NotAChunk::NotOffered);
        }
        Ok(self.sealed(number, round, &Way::default(), &[]))
    }

    fn sealed(&self, number: u32, round: Round, way: &Way, piece: &[u8]) -> Vec<u8> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        chunk.push(VERSION);
        chunk.extend_from_slice(way.bytes());
        chunk.extend_from_slice(piece);
        chunk.resize(CHUNK_BYTES - TAG_BYTES, 0);
        let (_, inside) = chunk.split_at_mut(1);
        let associated = self.plan.associated(number);
        let tag = Seal { key: &self.key, nonce: nonce(number, round), associated: &associated }.close(inside);
        chunk.extend_from_slice(&tag);
        chunk
    }

    /// What is in the chunk of that number and round.
    ///
    /// # Errors
    /// [`NotAChunk`]
    pub fn open(&self, number: u32, round: Round, untrusted_chunk: &[u8]) -> Result<Opened, NotAChunk> {
        let cut = self.plan.cut;
        let (inside, tag) =
            parts(untrusted_chunk).filter(|_| cut.has_chunk(number)).ok_or(NotAChunk::NotSealed)?;
        let mut inside = inside.to_vec();
        let associated = self.plan.associated(number);
        if !(Seal { key: &self.key, nonce: nonce(number, round), associated: &associated })
            .open(&mut inside, tag)
        {
            return Err(NotAChunk::NotSealed);
        }
        let (way, piece) = inside.split_first_chunk::<WAY_BYTES>().ok_or(NotAChunk::NotSealed)?;
        let (piece, rest) = piece.split_at_checked(cut.length(number)).ok_or(NotAChunk::NotSealed)?;
        if rest.iter().any(|byte| *byte != 0) {
            return Err(NotAChunk::NotOffered);
        }
        let way = Way::parse(way);
        if cut.has_piece(number) {
            self.plan.expect(number, piece, &way)?;
            return Ok(Opened::Piece(piece.to_vec()));
        }
        if way == Way::default() { Ok(Opened::Padding) } else { Err(NotAChunk::NotOffered) }
    }
}

/// What is sealed, and its tag.
fn parts(chunk: &[u8]) -> Option<(&[u8], &[u8; TAG_BYTES])> {
    let (version, sealed) = chunk.split_first()?;
    let (inside, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    (*version == VERSION && inside.len() == SEALED_BYTES).then_some((inside, tag))
}

/// Each number and round of a key seal one thing, ever.
fn nonce(number: u32, round: Round) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    let both = u64::from(round.0) << 32 | u64::from(number);
    if let Some(end) = nonce.last_chunk_mut() {
        *end = both.to_be_bytes();
    }
    nonce
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
