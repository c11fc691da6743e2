//! One number over all records: which there are, and which write of each. A record that was dropped, or put back to what it
//! was before, changes it.
//!
//! MSet-Add-Hash (Clarke, Devadas, van Dijk, Gassend, Suh, *Incremental Multiset Hash Functions and Their Application to
//! Memory Integrity Checking*, 2003): the sum, modulo 2^256, of a MAC of each member. One record changed costs two MACs.

use rand_core::CryptoRng;

use super::entry::Version;
use crate::codec::{Malformed, Reader};
use crate::kdf::{self, NONCE_BYTES};
use crate::memory::Secret32;

const PLAIN_BYTES: usize = 48;

/// The records of a vault, in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    /// Writes so far, those of deleted records included.
    pub(super) commits: u64,
    /// Records there are.
    pub(super) count: u64,
    /// Least significant first.
    sum: [u64; 4],
}

impl Digest {
    /// No record, after so many writes.
    pub(super) fn of_commits(commits: u64) -> Self {
        Self { commits, ..Self::default() }
    }

    pub(super) fn add(&mut self, member: &[u8; 32]) {
        self.count = self.count.wrapping_add(1);
        let mut carry = false;
        for (limb, more) in self.sum.iter_mut().zip(limbs(member)) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over | over_again);
        }
    }

    pub(super) fn remove(&mut self, member: &[u8; 32]) {
        self.count = self.count.wrapping_sub(1);
        let mut borrow = false;
        for (limb, less) in self.sum.iter_mut().zip(limbs(member)) {
            let (rest, under) = limb.overflowing_sub(less);
            let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (rest, under | under_again);
        }
    }

    /// Sealed, to stand among the records.
    pub(super) fn seal(&self, key: &[u8; 32], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut body = [0; PLAIN_BYTES];
        let numbers = [self.commits, self.count].into_iter().chain(self.sum);
        let bytes = numbers.flat_map(u64::to_be_bytes);
        body.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let tag = kdf::seal_random(&sealing_key(key), &nonce, b"", &mut body);
        [nonce.as_slice(), &tag, &body].concat()
    }

    pub(super) fn open(key: &[u8; 32], untrusted_sealed: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(untrusted_sealed);
        let (nonce, tag) = (reader.array()?, reader.array()?);
        let mut body = reader.array::<PLAIN_BYTES>()?;
        reader.end()?;
        kdf::open_random(&sealing_key(key), &nonce, b"", &mut body, &tag).map_err(|_| Malformed)?;
        let mut reader = Reader::new(&body);
        let (commits, count) = (reader.u64()?, reader.u64()?);
        Ok(Self { commits, count, sum: [reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?] })
    }
}

/// What stands for one write of one record. Its key is new at every write, so nothing else need be bound.
pub(super) fn member(key: &[u8; 32], version: Version<'_>, record_key: &Secret32) -> [u8; 32] {
    kdf::mac_under(key, &[b"member", version.name, &version.written.to_be_bytes(), record_key.expose()])
}

fn sealing_key(key: &[u8; 32]) -> Secret32 {
    Secret32::take(&mut kdf::mac_under(key, &[b"seal"]))
}

fn limbs(member: &[u8; 32]) -> impl Iterator<Item = u64> {
    let (limbs, _) = member.as_chunks::<8>();
    limbs.iter().map(|limb| u64::from_le_bytes(*limb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_what_was_added_can_be_taken_out() {
        let members = [[0xFF; 32], [1; 32], [0x80; 32]];
        let (mut one, mut other) = (Digest::default(), Digest::default());
        members.iter().for_each(|member| one.add(member));
        members.iter().rev().for_each(|member| other.add(member));
        assert_eq!(one, other);
        one.remove(&members[1]);
        assert_ne!(one, other);
        one.remove(&members[0]);
        one.remove(&members[2]);
        assert_eq!(one, Digest::default());
    }
}
