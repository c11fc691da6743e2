//! Counter Galois Onion relay encryption (eprint 2025/583, Tor proposal 359): AES-128 + POLYVAL, wide-block.
//!
//! A cell's body is one block `(L, R)` of 16 + 493 B. Each hop and direction has a state `(J, S, N, T')`, where `J = (KB, KU)` keys
//! the tweakable cipher `ET`, `S = (K, B)` the stream `PRF`, `N` is what a cell for this hop starts with, and `T'` chains each cell to the
//! one before, so that an altered cell turns this and every later one into noise: nothing can be tagged and followed.
//!
//! ```text
//! ET(J, t, M)      = h ⊕ AES_KB(M ⊕ h),  h = POLYVAL_KU(t)
//! PRF(S, t, i)     = AES-CTR under K from (POLYVAL_B(t) with its lowest 6 bits cleared) + 31·i
//! UIV-enc(H, L, R) : L' = ET(J, H ‖ R, L),  R' = R ⊕ PRF(S, L', 0),  H = T' ‖ command
//! ```

mod client;
mod relay;

pub use client::{ClientLayer, ClientLayers};
pub use relay::RelayHalf;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Dec, Aes128Enc, Block};
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;

use super::{BODY_BYTES, RELAY_MESSAGE_BYTES};

/// Bytes of the keys of one hop and direction out of the handshake: KB ‖ KU ‖ K ‖ B ‖ N.
pub const SEED_BYTES: usize = 80;
/// A block: L, N, T' and every key.
pub type Tag = [u8; 16];

/// Blocks of keystream that cover R; also the distance between two `i` of the PRF.
const STREAM_BLOCKS: usize = RELAY_MESSAGE_BYTES.div_ceil(16);
/// Bytes of `H ‖ R`, zero-padded to whole blocks.
const TWEAK_BYTES: usize = (17 + RELAY_MESSAGE_BYTES).next_multiple_of(16);
/// Blocks of new keys that an update draws.
const SEED_BLOCKS: usize = SEED_BYTES / 16;

/// `PRF(S, ·, ·)`.
struct Prf {
    cipher: Aes128Enc,
    hash: Polyval,
}

impl Prf {
    fn new(k: &Tag, b: &Tag) -> Self {
        Self { cipher: Aes128Enc::new(k.into()), hash: Polyval::new(b.into()) }
    }

    /// `N` blocks of `PRF(S, t, i)`. All counters are laid out first, so that the cipher runs them side by side.
    fn blocks<const N: usize>(&self, t: &Tag, i: u128) -> [Block; N] {
        let mut hash = self.hash.clone();
        hash.update(&[(*t).into()]);
        let start = (u128::from_be_bytes(hash.finalize().into()) & !0x3f) + STREAM_BLOCKS as u128 * i;
        let mut counter = start;
        let mut blocks = std::array::from_fn(|_| {
            let block = counter.to_be_bytes().into();
            counter += 1;
            block
        });
        self.cipher.encrypt_blocks(&mut blocks);
        blocks
    }

    /// `right ⊕= PRF(S, t, 0)`.
    fn apply(&self, t: &Tag, right: &mut [u8; RELAY_MESSAGE_BYTES]) {
        let stream: [Block; STREAM_BLOCKS] = self.blocks(t, 0);
        for (chunk, block) in right.chunks_mut(16).zip(&stream) {
            for (byte, key) in chunk.iter_mut().zip(block) {
                *byte ^= key;
            }
        }
    }

    /// The 80 B that replace the keys after a cell for this hop: the first of `PRF(S, N, 1)`.
    fn next_seed(&self, nonce: &Tag) -> [Tag; SEED_BLOCKS] {
        self.blocks::<SEED_BLOCKS>(nonce, 1).map(Into::into)
    }
}

/// The two directions of AES under KB: a relay only ever enciphers, a client only ever deciphers.
trait Permute {
    fn keyed(key: &Tag) -> Self;
    fn permute(&self, block: &mut Block);
}

impl Permute for Aes128Enc {
    fn keyed(key: &Tag) -> Self {
        Self::new(key.into())
    }
    fn permute(&self, block: &mut Block) {
        self.encrypt_block(block);
    }
}

impl Permute for Aes128Dec {
    fn keyed(key: &Tag) -> Self {
        Self::new(key.into())
    }
    fn permute(&self, block: &mut Block) {
        self.decrypt_block(block);
    }
}

/// `ET(J, ·, ·)` with `Aes128Enc`, its inverse with `Aes128Dec`.
struct Et<C> {
    cipher: C,
    hash: Polyval,
}

impl<C: Permute> Et<C> {
    fn new(kb: &Tag, ku: &Tag) -> Self {
        Self { cipher: C::keyed(kb), hash: Polyval::new(ku.into()) }
    }

    fn apply(&self, tweak: &[u8; TWEAK_BYTES], left: &mut Tag) {
        let mut hash = self.hash.clone();
        hash.update_padded(tweak);
        let mask: Tag = hash.finalize().into();
        let mut block: Block = xor(left, &mask).into();
        self.cipher.permute(&mut block);
        *left = xor(&block.into(), &mask);
    }
}

/// One UIV+ layer: `ET` and `PRF` under one state's keys.
struct Uiv<C> {
    et: Et<C>,
    prf: Prf,
}

impl<C: Permute> Uiv<C> {
    fn new([kb, ku, k, b]: [&Tag; 4]) -> Self {
        Self { et: Et::new(kb, ku), prf: Prf::new(k, b) }
    }
}

impl Uiv<Aes128Enc> {
    fn encrypt(&self, chained: &Tag, command: u8, body: &mut [u8; BODY_BYTES]) -> Tag {
        let (left, right) = halves(body);
        self.et.apply(&tweak(chained, command, right), left);
        self.prf.apply(left, right);
        *left
    }
}

impl Uiv<Aes128Dec> {
    fn decrypt(&self, chained: &Tag, command: u8, body: &mut [u8; BODY_BYTES]) -> Tag {
        let (left, right) = halves(body);
        self.prf.apply(left, right);
        self.et.apply(&tweak(chained, command, right), left);
        *left
    }
}

/// A hop's state in one direction: `Uiv` holds J and S.
struct State<C> {
    uiv: Uiv<C>,
    nonce: Tag,
    chained: Tag,
}

impl<C: Permute> State<C> {
    fn new(seed: &[u8; SEED_BYTES]) -> Self {
        let mut keys = [[0; 16]; SEED_BLOCKS];
        for (key, bytes) in keys.iter_mut().zip(seed.chunks_exact(16)) {
            key.copy_from_slice(bytes);
        }
        let [kb, ku, k, b, nonce] = &keys;
        Self { uiv: Uiv::new([kb, ku, k, b]), nonce: *nonce, chained: [0; 16] }
    }

    /// After a cell for this hop: `J' ‖ S' ‖ N' = PRF(S, N, 1)`. What was, cannot be computed from what is.
    fn update(&mut self) {
        let [kb, ku, k, b, nonce] = &self.uiv.prf.next_seed(&self.nonce);
        self.uiv = Uiv::new([kb, ku, k, b]);
        self.nonce = *nonce;
    }

    /// Whether `left` is what a cell for this hop starts with. In constant time: N is a secret until it is used.
    fn recognises(&self, left: &Tag) -> bool {
        use subtle::ConstantTimeEq;
        self.nonce.ct_eq(left).into()
    }
}

fn xor(a: &Tag, b: &Tag) -> Tag {
    (u128::from_ne_bytes(*a) ^ u128::from_ne_bytes(*b)).to_ne_bytes()
}

/// `T' ‖ command ‖ R`, zero-padded to whole blocks.
fn tweak(chained: &Tag, command: u8, right: &[u8; RELAY_MESSAGE_BYTES]) -> [u8; TWEAK_BYTES] {
    let mut flat = [0; TWEAK_BYTES];
    let (head, rest) = flat.split_at_mut(chained.len());
    head.copy_from_slice(chained);
    if let Some((at, rest)) = rest.split_first_mut() {
        *at = command;
        if let Some(to) = rest.first_chunk_mut() {
            *to = *right;
        }
    }
    flat
}

/// `(L, R)` of a body.
fn halves(body: &mut [u8; BODY_BYTES]) -> (&mut Tag, &mut [u8; RELAY_MESSAGE_BYTES]) {
    let (left, right) = body.split_at_mut(16);
    match (left.try_into(), right.try_into()) {
        (Ok(left), Ok(right)) => (left, right),
        _ => unreachable!("16 + 493 = 509"),
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
