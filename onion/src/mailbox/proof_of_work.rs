//! The proof of work that a new queue costs (docs/protocol/mailbox.md, "Request").
//!
//! `SHA-256("privatus/mbx/work/v1" ‖ relay id ‖ circuit binding ‖ receiver key ‖ nonce 8)` begins with so many zero bits. The circuit's
//! binding is in it, so that no proof can be made ahead or used twice, and checking costs the relay one hash.

use sha2::{Digest, Sha256};

use crate::id::RelayId;

/// Zero bits that a relay of the public network asks for when it is not busy: some 0.1 s.
pub const BITS_PUBLIC: u8 = 18;
/// Zero bits in a private network.
pub const BITS_PRIVATE: u8 = 8;
/// More than this no client pays: 16 million hashes, some seconds.
pub const BITS_MAX: u8 = 24;

const LABEL: &[u8] = b"privatus/mbx/work/v1";

/// What one proof is about.
#[derive(Clone)]
pub struct Subject {
    prefix: Sha256,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subject")
    }
}

impl Subject {
    /// A queue of that receiver at that relay, asked for on that circuit.
    #[must_use]
    pub fn new(relay: RelayId, binding: &[u8; 32], receiver_key: &[u8; 32]) -> Self {
        let prefix = Sha256::new().chain_update(LABEL).chain_update(relay.0).chain_update(binding);
        Self { prefix: prefix.chain_update(receiver_key) }
    }

    /// Whether that nonce is a proof of `bits` zero bits.
    #[must_use]
    pub fn proves(&self, nonce: u64, bits: u8) -> bool {
        let digest: [u8; 32] = self.prefix.clone().chain_update(nonce.to_be_bytes()).finalize().into();
        digest.first_chunk().is_some_and(|head| u64::from_be_bytes(*head).leading_zeros() >= u32::from(bits))
    }
}

/// A search for a proof that can be done a little at a time.
#[derive(Clone, Debug)]
pub struct Search {
    subject: Subject,
    bits: u8,
    next: u64,
}

impl Search {
    /// Starts. `None`: more bits than any client pays.
    #[must_use]
    pub fn new(subject: Subject, bits: u8) -> Option<Self> {
        (bits <= BITS_MAX).then_some(Self { subject, bits, next: 0 })
    }

    /// Tries so many more nonces; some 10,000 take a few milliseconds.
    pub fn step(&mut self, tries: u32) -> Option<u64> {
        for _ in 0..tries {
            let nonce = self.next;
            self.next = self.next.wrapping_add(1);
            if self.subject.proves(nonce, self.bits) {
                return Some(nonce);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_relay_circuit_and_receiver_only() {
        let subject = Subject::new(RelayId([1; 32]), &[2; 32], &[3; 32]);
        let nonce = Search::new(subject.clone(), 12).unwrap().step(1_000_000).unwrap();
        assert!(subject.proves(nonce, 12));
        for other in [
            Subject::new(RelayId([9; 32]), &[2; 32], &[3; 32]),
            Subject::new(RelayId([1; 32]), &[9; 32], &[3; 32]),
            Subject::new(RelayId([1; 32]), &[2; 32], &[9; 32]),
        ] {
            assert!(!other.proves(nonce, 12));
        }
    }

    #[test]
    fn no_client_pays_for_more_than_the_most() {
        assert!(Search::new(Subject::new(RelayId([1; 32]), &[2; 32], &[3; 32]), BITS_MAX + 1).is_none());
    }
}
