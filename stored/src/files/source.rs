//! A file that is handed in, kept, and sent from where it is kept: it may change or vanish where it came from.

use ipc_schema::limits::PIECE_BYTES;
use rand_core::CryptoRng;

use super::chunk::{Round, Sealing};
use super::cut::Cut;
use super::shelf::{BlobError, Kept};
use super::tree::{HASH_BYTES, Hash, Tree, hash_of_piece};

/// Hashes in one place behind the pieces.
const HASHES_PER_SLOT: usize = PIECE_BYTES / HASH_BYTES;

/// Why what is handed in is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It has fewer or more bytes than was said: it changed meanwhile.
    #[error("the file changed while it was read")]
    SizeDiffers,
    /// It cannot be kept.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// A file on its way in, byte after byte.
#[derive(Debug)]
pub struct Import {
    kept: Kept,
    hashes: Vec<Hash>,
    piece: Vec<u8>,
    left: u64,
}

/// A file that is kept and was not hashed here: one that came from somebody, and is to be sent on.
#[derive(Debug)]
pub struct Hashing {
    kept: Kept,
    hashes: Vec<Hash>,
}

/// A file from which chunks can be sent. Its tree is in memory: 64 B a piece, 4 MiB for the largest, so keep few of them open.
pub struct Source {
    kept: Kept,
    tree: Tree,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

impl Import {
    /// Into a blob that was made for it and has nothing yet. It says how many bytes are to come.
    #[must_use]
    pub fn new(kept: Kept) -> Self {
        let left = kept.cut().size_bytes();
        Self { kept, hashes: Vec::new(), piece: Vec::with_capacity(PIECE_BYTES), left }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`ImportError`]; the blob is of no use then.
    pub fn push(&mut self, bytes: &[u8], rng: &mut dyn CryptoRng) -> Result<(), ImportError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(ImportError::SizeDiffers)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (next, after) = rest.split_at(rest.len().min(PIECE_BYTES.saturating_sub(self.piece.len())));
            self.piece.extend_from_slice(next);
            rest = after;
            if self.piece.len() == PIECE_BYTES {
                self.end_piece(rng)?;
            }
        }
        Ok(())
    }

    fn end_piece(&mut self, rng: &mut dyn CryptoRng) -> Result<(), BlobError> {
        let number = next_number(&self.hashes);
        self.hashes.push(hash_of_piece(self.kept.cut(), number, &self.piece));
        self.kept.write(number, &self.piece, rng)?;
        self.piece.clear();
        Ok(())
    }

    /// All bytes came: they are durable, and can be sent. The file's root.
    ///
    /// # Errors
    /// [`ImportError`]
    pub fn finish(mut self, rng: &mut dyn CryptoRng) -> Result<(Source, Hash), ImportError> {
        if self.left > 0 {
            return Err(ImportError::SizeDiffers);
        }
        if !self.piece.is_empty() || self.hashes.is_empty() {
            self.end_piece(rng)?;
        }
        Ok(sealed_with_hashes(self.kept, self.hashes, rng)?)
    }
}

impl Hashing {
    /// Of one that is whole.
    #[must_use]
    pub fn new(kept: Kept) -> Self {
        Self { kept, hashes: Vec::new() }
    }

    /// Reads some pieces. Whether it is to be called again.
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn step(&mut self, pieces: u32) -> Result<bool, BlobError> {
        let cut = self.kept.cut();
        for _ in 0..pieces {
            let number = next_number(&self.hashes);
            if !cut.has_piece(number) {
                return Ok(false);
            }
            self.hashes.push(hash_of_piece(cut, number, &self.kept.read(number)?));
        }
        Ok(cut.has_piece(next_number(&self.hashes)))
    }

    /// All are read. The file's root, which is to be that under which it came.
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn finish(self, rng: &mut dyn CryptoRng) -> Result<(Source, Hash), BlobError> {
        sealed_with_hashes(self.kept, self.hashes, rng)
    }
}

fn next_number(hashes: &[Hash]) -> u32 {
    u32::try_from(hashes.len()).unwrap_or(u32::MAX).saturating_add(1)
}

/// Behind the pieces lie their hashes, so that ways can be told after a start without reading all of the file.
fn sealed_with_hashes(
    kept: Kept,
    hashes: Vec<Hash>,
    rng: &mut dyn CryptoRng,
) -> Result<(Source, Hash), BlobError> {
    let places = kept.cut().pieces().saturating_add(1)..;
    for (place, hashes) in places.zip(hashes.chunks(HASHES_PER_SLOT)) {
        kept.write_slot(place, hashes.as_flattened(), rng)?;
    }
    kept.sync()?;
    let tree = Tree::of(hashes);
    let root = tree.root();
    Ok((Source { kept, tree }, root))
}

impl Source {
    /// Of a blob that was imported or hashed here, and has that root.
    ///
    /// # Errors
    /// [`BlobError::Damaged`]: it was not, or has another.
    pub fn open(kept: Kept, root: &Hash) -> Result<Self, BlobError> {
        let pieces = usize::try_from(kept.cut().pieces()).unwrap_or(usize::MAX);
        let mut hashes = Vec::new();
        for place in kept.cut().pieces().saturating_add(1).. {
            let slot = kept.read_slot(place)?;
            hashes.extend_from_slice(slot.as_chunks::<HASH_BYTES>().0);
            if hashes.len() >= pieces {
                break;
            }
        }
        hashes.truncate(pieces);
        let tree = Tree::of(hashes);
        if tree.root() == *root { Ok(Self { kept, tree }) } else { Err(BlobError::Damaged) }
    }

    /// How it is cut.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.kept.cut()
    }

    /// A chunk as it travels, of padding, too.
    ///
    /// # Errors
    /// What the disk says; [`BlobError::Damaged`]: what lies there is not what was offered, or there is no such chunk.
    pub fn chunk(&self, sealing: &Sealing, number: u32, round: Round) -> Result<Vec<u8>, BlobError> {
        let chunk = if self.cut().has_piece(number) {
            sealing.seal(number, round, &self.kept.read(number)?, &self.tree.way(number))
        } else {
            sealing.padding(number, round)
        };
        chunk.map_err(|_| BlobError::Damaged)
    }
}
