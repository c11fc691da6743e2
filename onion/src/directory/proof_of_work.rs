//! The proof of work of a descriptor: a brake on floods of relays (docs/protocol/directory.md, "Descriptor: at most 512 B").
//!
//! `Argon2id(password = nonce 8, salt = SHA-256("privatus/descriptor/work/v1" ‖ relay id ‖ packed addresses ‖ week 8)[..16])` with 4 MiB,
//! one pass, one lane; its first [`WORK_BITS`] bits are zero. A week is that of the descriptor's own date, so that a proof serves for a
//! week's refreshes. Private networks ask for none.

use argon2::{Algorithm, Argon2, Params, Version};
use ipc_schema::Timestamp;
use ipc_schema::relay::{Address, Descriptor, Transport};
use sha2::{Digest, Sha256};

use crate::id::RelayId;

/// Zero bits that the public network asks for: 4,096 tries of some 3 ms, once a week and relay; checking costs one try.
pub const WORK_BITS: u32 = 12;

/// KiB of memory a try takes: small enough that a relay of 64 MiB in all checks its neighbours'.
const WORK_MEMORY_KIB: u32 = 4 * 1024;

const WEEK_MILLIS: u64 = 7 * 86_400 * 1_000;
const LABEL: &[u8] = b"privatus/descriptor/work/v1";

/// What one proof is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    salt: [u8; 16],
}

impl Subject {
    /// A relay, all its addresses in order, the week.
    #[must_use]
    pub fn new(relay: RelayId, addresses: &[Address], published: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(LABEL);
        hash.update(relay.0);
        for address in addresses {
            hash.update([u8::from(address.transport == Transport::Tcp)]);
            match address.socket.ip() {
                std::net::IpAddr::V4(ip) => hash.update(ip.octets()),
                std::net::IpAddr::V6(ip) => hash.update(ip.octets()),
            }
            hash.update(address.socket.port().to_be_bytes());
        }
        hash.update((published.0 / WEEK_MILLIS).to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut salt = [0; 16];
        for (to, from) in salt.iter_mut().zip(digest) {
            *to = from;
        }
        Self { salt }
    }

    /// What a descriptor must prove.
    #[must_use]
    pub fn of(descriptor: &Descriptor) -> Self {
        Self::new(descriptor.relay, &descriptor.addresses, descriptor.published)
    }

    /// Whether that nonce is a proof of `bits` zero bits. Takes a few milliseconds.
    #[must_use]
    pub fn proves(&self, nonce: u64, bits: u32) -> bool {
        let Ok(params) = Params::new(WORK_MEMORY_KIB, 1, 1, Some(8)) else { return false };
        let mut out = [0; 8];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(&nonce.to_be_bytes(), &self.salt, &mut out).is_ok()
            && u64::from_be_bytes(out).leading_zeros() >= bits
    }
}

/// A search for a proof that can be done a little at a time.
#[derive(Clone, Debug)]
pub struct Search {
    subject: Subject,
    next: u64,
}

impl Search {
    /// Starts at `from`: a random number, so that a restart does not repeat what was tried.
    #[must_use]
    pub fn new(subject: Subject, from: u64) -> Self {
        Self { subject, next: from }
    }

    /// What is being proved.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Tries `tries` more nonces.
    pub fn step(&mut self, tries: u32, bits: u32) -> Option<u64> {
        for _ in 0..tries {
            let nonce = self.next;
            self.next = self.next.wrapping_add(1);
            if self.subject.proves(nonce, bits) {
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
    fn a_proof_holds_for_its_relay_addresses_and_week_only() {
        let address = Address { transport: Transport::Quic, socket: "1.2.3.4:5".parse().unwrap() };
        let published = Timestamp(WEEK_MILLIS * 10);
        let subject = Subject::new(RelayId([1; 32]), &[address], published);
        let nonce = Search::new(subject.clone(), 7).step(500, 4).unwrap();
        assert!(subject.proves(nonce, 4));
        assert_eq!(Subject::new(RelayId([1; 32]), &[address], Timestamp(published.0 + 5)), subject);
        for other in [
            Subject::new(RelayId([2; 32]), &[address], published),
            Subject::new(RelayId([1; 32]), &[address, address], published),
            Subject::new(RelayId([1; 32]), &[address], Timestamp(WEEK_MILLIS * 11)),
        ] {
            assert_ne!(other, subject);
        }
    }
}
