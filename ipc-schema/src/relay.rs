//! What names and describes a relay: its id, its signed descriptor, and the short hint that an invite carries.
//!
//! Parsed by onion (the directory) and, by itself, by netd (what may be dialled), so it stands between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::Timestamp;
use crate::bytes::{Cursor, Short};
use crate::limits::DESCRIPTOR_MAX_BYTES;

/// A relay's name: its Ed25519 identity key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub [u8; 32]);

impl std::fmt::Debug for RelayId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Onion key of a relay: X25519, for the hop handshake, with the time it may be used from and until.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnionKey {
    /// X25519 public key.
    pub key: [u8; 32],
    /// Valid from.
    pub from: Timestamp,
    /// Valid until.
    pub until: Timestamp,
}

/// How an address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// QUIC over UDP.
    Quic,
    /// TCP with Noise and Yamux.
    Tcp,
}

/// One address of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// How it is reached.
    pub transport: Transport,
    /// What netd dials.
    pub socket: SocketAddr,
}

/// Most addresses in one descriptor: v4 and v6, QUIC and TCP.
pub const ADDRESSES_MAX: usize = 4;

/// A relay's signed self-description (docs/protocol/directory.md, "Descriptor: at most 512 B"), at most [`DESCRIPTOR_MAX_BYTES`]
/// packed.
///
/// Packed layout, integers big-endian: version 1 ‖ network id 32 ‖ relay id 32 ‖ link key 32 ‖ 2 × (onion key 32 ‖ from 8 ‖ until 8) ‖
/// operator tag 16 ‖ flags 1 ‖ sequence 8 ‖ published 8 ‖ proof of work nonce 8 ‖ address count 1 ‖ per address (transport 1 ‖ family 1 ‖
/// ip 4 or 16 ‖ port 2) ‖ Ed25519 signature 64 over "privatus/descriptor/v1" ‖ all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Which network it belongs to; zero is the public one.
    pub network_id: [u8; 32],
    /// Whose it is.
    pub relay: RelayId,
    /// Its link key (Ed25519, netd's), another than its identity.
    pub link_key: [u8; 32],
    /// The onion key in use and the one before or after it.
    pub onion_keys: [OnionKey; 2],
    /// Who runs it.
    pub operator_tag: [u8; 16],
    /// [`FLAG_MAILBOX`] and later ones; unknown bits are kept.
    pub flags: u8,
    /// Rises with every new descriptor of this relay.
    pub sequence: u64,
    /// When it was made; valid for [`DESCRIPTOR_VALID`] from then.
    pub published: Timestamp,
    /// Proof of work over id, addresses and week (checked by the directory).
    pub work: u64,
    /// Where it listens.
    pub addresses: Vec<Address>,
}

/// The relay keeps mailboxes.
pub const FLAG_MAILBOX: u8 = 1;

/// How long a descriptor is valid (docs/protocol/directory.md, "Descriptor: at most 512 B").
pub const DESCRIPTOR_VALID: std::time::Duration = std::time::Duration::from_secs(72 * 3600);

const VERSION: u8 = 1;
const LABEL: &[u8] = b"privatus/descriptor/v1";

/// Why a descriptor or hint was not accepted. The fault lies with whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// Too short, too long, or a field out of range.
    #[error("malformed")]
    Malformed,
    /// A version that this program does not know.
    #[error("newer version")]
    Version,
    /// The signature does not fit.
    #[error("signature does not verify")]
    Signature,
}

impl From<Short> for DescriptorError {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

impl Descriptor {
    fn packed_unsigned(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(DESCRIPTOR_MAX_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&self.network_id);
        out.extend_from_slice(&self.relay.0);
        out.extend_from_slice(&self.link_key);
        for key in &self.onion_keys {
            out.extend_from_slice(&key.key);
            out.extend_from_slice(&key.from.0.to_be_bytes());
            out.extend_from_slice(&key.until.0.to_be_bytes());
        }
        out.extend_from_slice(&self.operator_tag);
        out.push(self.flags);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.published.0.to_be_bytes());
        out.extend_from_slice(&self.work.to_be_bytes());
        let addresses = self.addresses.iter().take(ADDRESSES_MAX);
        out.push(u8::try_from(addresses.len()).unwrap_or(0));
        for address in addresses {
            out.push(match address.transport {
                Transport::Quic => 0,
                Transport::Tcp => 1,
            });
            pack_socket(&mut out, address.socket);
        }
        out
    }

    /// Packs and signs with the relay's identity key.
    #[must_use]
    pub fn sign(&self, identity: &SigningKey) -> Vec<u8> {
        let mut out = self.packed_unsigned();
        let signature = identity.sign(&[LABEL, &out].concat());
        out.extend_from_slice(&signature.to_bytes());
        out
    }

    /// Parses and verifies the signature; dates and network are the caller's to check.
    ///
    /// # Errors
    /// [`DescriptorError`].
    pub fn parse(untrusted: &[u8]) -> Result<Self, DescriptorError> {
        if untrusted.len() > DESCRIPTOR_MAX_BYTES {
            return Err(DescriptorError::Malformed);
        }
        let split = untrusted.len().checked_sub(64).ok_or(DescriptorError::Malformed)?;
        let (body, signature) = untrusted.split_at_checked(split).ok_or(DescriptorError::Malformed)?;
        let mut cursor = Cursor::new(body);
        if cursor.u8()? != VERSION {
            return Err(DescriptorError::Version);
        }
        let network_id = cursor.array()?;
        let relay = RelayId(cursor.array()?);
        verify(&relay, body, signature)?;
        let descriptor = Self {
            network_id,
            relay,
            link_key: cursor.array()?,
            onion_keys: [read_onion_key(&mut cursor)?, read_onion_key(&mut cursor)?],
            operator_tag: cursor.array()?,
            flags: cursor.u8()?,
            sequence: cursor.u64()?,
            published: Timestamp(cursor.u64()?),
            work: cursor.u64()?,
            addresses: read_addresses(&mut cursor)?,
        };
        cursor.end()?;
        Ok(descriptor)
    }

    /// Whether it may be used at `now`: published at most an hour in the future and not expired.
    #[must_use]
    pub fn valid_at(&self, now: Timestamp) -> bool {
        let hour = std::time::Duration::from_secs(3600);
        self.published <= now.after(hour) && now < self.published.after(DESCRIPTOR_VALID)
    }
}

fn verify(relay: &RelayId, body: &[u8], signature: &[u8]) -> Result<(), DescriptorError> {
    let key = VerifyingKey::from_bytes(&relay.0).map_err(|_| DescriptorError::Malformed)?;
    let signature = Signature::from_slice(signature).map_err(|_| DescriptorError::Malformed)?;
    key.verify_strict(&[LABEL, body].concat(), &signature).map_err(|_| DescriptorError::Signature)
}

fn read_onion_key(cursor: &mut Cursor<'_>) -> Result<OnionKey, Short> {
    Ok(OnionKey { key: cursor.array()?, from: Timestamp(cursor.u64()?), until: Timestamp(cursor.u64()?) })
}

fn read_addresses(cursor: &mut Cursor<'_>) -> Result<Vec<Address>, DescriptorError> {
    let count = usize::from(cursor.u8()?);
    if count == 0 || count > ADDRESSES_MAX {
        return Err(DescriptorError::Malformed);
    }
    (0..count)
        .map(|_| {
            let transport = match cursor.u8()? {
                0 => Transport::Quic,
                1 => Transport::Tcp,
                _ => return Err(DescriptorError::Malformed),
            };
            Ok(Address { transport, socket: read_socket(cursor)? })
        })
        .collect()
}

fn pack_socket(out: &mut Vec<u8>, socket: SocketAddr) {
    match socket.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    out.extend_from_slice(&socket.port().to_be_bytes());
}

fn read_socket(cursor: &mut Cursor<'_>) -> Result<SocketAddr, DescriptorError> {
    let ip = match cursor.u8()? {
        4 => IpAddr::V4(Ipv4Addr::from(cursor.array::<4>()?)),
        6 => IpAddr::V6(Ipv6Addr::from(cursor.array::<16>()?)),
        _ => return Err(DescriptorError::Malformed),
    };
    let port = cursor.u16()?;
    if port == 0 {
        return Err(DescriptorError::Malformed);
    }
    Ok(SocketAddr::new(ip, port))
}

/// A contact point for the directory, carried by an invite: link key 32 ‖ transport 1 ‖ family 1 ‖ ip 4 or 16 ‖ port 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The relay's link key (Ed25519).
    pub link_key: [u8; 32],
    /// Where it listens.
    pub address: Address,
}

/// Longest packed hint, bytes.
pub const HINT_MAX_BYTES: usize = 32 + 1 + 1 + 16 + 2;

impl Hint {
    /// Its packed bytes, at most [`HINT_MAX_BYTES`].
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let mut out = self.link_key.to_vec();
        out.push(u8::from(self.address.transport == Transport::Tcp));
        pack_socket(&mut out, self.address.socket);
        out
    }

    /// Parses one hint.
    ///
    /// # Errors
    /// [`DescriptorError::Malformed`].
    pub fn parse(untrusted: &[u8]) -> Result<Self, DescriptorError> {
        let mut cursor = Cursor::new(untrusted);
        let hint = Self::read(&mut cursor)?;
        cursor.end()?;
        Ok(hint)
    }

    /// Reads one hint from the front of `cursor` (hints stand one after another in an invite link).
    ///
    /// # Errors
    /// [`DescriptorError::Malformed`].
    pub fn read(cursor: &mut Cursor<'_>) -> Result<Self, DescriptorError> {
        let link_key = cursor.array()?;
        let transport = match cursor.u8()? {
            0 => Transport::Quic,
            1 => Transport::Tcp,
            _ => return Err(DescriptorError::Malformed),
        };
        Ok(Self { link_key, address: Address { transport, socket: read_socket(cursor)? } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Descriptor, SigningKey) {
        let identity = SigningKey::from_bytes(&[7; 32]);
        let key = OnionKey { key: [3; 32], from: Timestamp(1), until: Timestamp(2) };
        let descriptor = Descriptor {
            network_id: [9; 32],
            relay: RelayId(identity.verifying_key().to_bytes()),
            link_key: [4; 32],
            onion_keys: [key, key],
            operator_tag: [5; 16],
            flags: FLAG_MAILBOX,
            sequence: 42,
            published: Timestamp(1_000_000),
            work: 17,
            addresses: vec![
                Address { transport: Transport::Quic, socket: "127.0.0.1:4001".parse().unwrap() },
                Address { transport: Transport::Tcp, socket: "[::1]:4002".parse().unwrap() },
            ],
        };
        (descriptor, identity)
    }

    #[test]
    fn a_signed_descriptor_parses_to_itself_and_fits() {
        let (descriptor, identity) = sample();
        let packed = descriptor.sign(&identity);
        assert!(packed.len() <= DESCRIPTOR_MAX_BYTES);
        assert_eq!(Descriptor::parse(&packed).unwrap(), descriptor);
    }

    #[test]
    fn any_flipped_bit_or_cut_of_a_descriptor_is_refused() {
        let (descriptor, identity) = sample();
        let packed = descriptor.sign(&identity);
        for index in 0..packed.len() {
            let mut altered = packed.clone();
            altered[index] ^= 1;
            assert!(Descriptor::parse(&altered).is_err(), "byte {index}");
            assert!(Descriptor::parse(&packed[..index]).is_err(), "cut at {index}");
        }
        let mut longer = packed.clone();
        longer.push(0);
        assert!(Descriptor::parse(&longer).is_err());
    }

    #[test]
    fn a_hint_parses_to_itself_and_refuses_trailing_bytes() {
        let hint = Hint {
            link_key: [1; 32],
            address: Address { transport: Transport::Quic, socket: "10.0.0.1:1".parse().unwrap() },
        };
        let packed = hint.pack();
        assert!(packed.len() <= HINT_MAX_BYTES);
        assert_eq!(Hint::parse(&packed).unwrap(), hint);
        assert!(Hint::parse(&[packed, vec![0]].concat()).is_err());
    }
}
