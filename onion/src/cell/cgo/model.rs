//! An independent model of CGO, written from the formulas and slowly: block by block, keys as bytes, no precomputation. The
//! tests hold the real thing against it.

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;

pub fn aes(key: &[u8], block: &[u8]) -> Vec<u8> {
    let mut out: aes::Block = <[u8; 16]>::try_from(block).unwrap().into();
    Aes128::new_from_slice(key).unwrap().encrypt_block(&mut out);
    out.to_vec()
}

pub fn aes_inverse(key: &[u8], block: &[u8]) -> Vec<u8> {
    let mut out: aes::Block = <[u8; 16]>::try_from(block).unwrap().into();
    Aes128::new_from_slice(key).unwrap().decrypt_block(&mut out);
    out.to_vec()
}

pub fn polyval(key: &[u8], input: &[u8]) -> Vec<u8> {
    let mut padded = input.to_vec();
    while !padded.len().is_multiple_of(16) {
        padded.push(0);
    }
    let mut hash = Polyval::new(&<[u8; 16]>::try_from(key).unwrap().into());
    for block in padded.chunks(16) {
        hash.update(&[<[u8; 16]>::try_from(block).unwrap().into()]);
    }
    hash.finalize().to_vec()
}

pub fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(x, y)| x ^ y).collect()
}

/// `s` = K ‖ B.
pub fn prf(s: &[u8], t: &[u8], i: u128, bytes: usize) -> Vec<u8> {
    let mut start = polyval(&s[16..], t);
    start[15] &= 0b1100_0000;
    let mut counter = u128::from_be_bytes(start.try_into().unwrap()) + 31 * i;
    let mut out = Vec::new();
    while out.len() < bytes {
        out.extend(aes(&s[..16], &counter.to_be_bytes()));
        counter += 1;
    }
    out.truncate(bytes);
    out
}

/// `j` = KB ‖ KU.
pub fn et(j: &[u8], t: &[u8], m: &[u8]) -> Vec<u8> {
    let h = polyval(&j[16..], t);
    xor(&h, &aes(&j[..16], &xor(m, &h)))
}

pub fn et_inverse(j: &[u8], t: &[u8], c: &[u8]) -> Vec<u8> {
    let h = polyval(&j[16..], t);
    xor(&h, &aes_inverse(&j[..16], &xor(c, &h)))
}

/// `keys` = J ‖ S.
pub fn uiv_encrypt(keys: &[u8], h: &[u8], body: &[u8]) -> Vec<u8> {
    let (l, r) = body.split_at(16);
    let l2 = et(&keys[..32], &[h, r].concat(), l);
    let r2 = xor(r, &prf(&keys[32..], &l2, 0, r.len()));
    [l2, r2].concat()
}

pub fn uiv_decrypt(keys: &[u8], h: &[u8], body: &[u8]) -> Vec<u8> {
    let (l2, r2) = body.split_at(16);
    let r = xor(r2, &prf(&keys[32..], l2, 0, r2.len()));
    let l = et_inverse(&keys[..32], &[h, &r].concat(), l2);
    [l, r].concat()
}

/// One hop's state in one direction.
#[derive(Clone)]
pub struct Hop {
    pub keys: Vec<u8>,
    pub n: Vec<u8>,
    pub t: Vec<u8>,
}

impl Hop {
    pub fn new(seed: &[u8]) -> Self {
        Self { keys: seed[..64].to_vec(), n: seed[64..].to_vec(), t: vec![0; 16] }
    }

    fn header(&self) -> Vec<u8> {
        [&self.t[..], &[3]].concat()
    }

    pub fn update(&mut self) {
        let all = prf(&self.keys[32..], &self.n, 1, 80);
        self.keys = all[..64].to_vec();
        self.n = all[64..].to_vec();
    }

    pub fn relay(&mut self, body: &[u8]) -> Vec<u8> {
        let out = uiv_encrypt(&self.keys, &self.header(), body);
        self.t = out[..16].to_vec();
        out
    }

    pub fn client(&mut self, body: &[u8]) -> Vec<u8> {
        let out = uiv_decrypt(&self.keys, &self.header(), body);
        self.t = body[..16].to_vec();
        out
    }
}
