//! Addresses in their two spellings, multiaddr and packed, and which of them may be used in which network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipc_schema::relay::{Address, Transport};
use libp2p::identity::{PeerId, PublicKey, ed25519};
use libp2p::multiaddr::{Multiaddr, Protocol};

use crate::error::StartError;

/// A relay's link key: Ed25519, 32 B, another than its identity.
pub type LinkKey = [u8; 32];

/// Where a link may go: addresses and the key that must answer there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who must answer.
    pub link_key: LinkKey,
    /// Where; at least one, QUIC and TCP.
    pub addresses: Vec<Address>,
}

/// The peer id of a link key; none when it is no point of the curve.
#[must_use]
pub fn peer_id(link_key: &LinkKey) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(link_key).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The link key in a peer id; none when it is of another kind than Ed25519.
#[must_use]
pub fn link_key(peer: &PeerId) -> Option<LinkKey> {
    // An Ed25519 peer id is the key itself under the identity hash, code 0 (libp2p peer-id specification).
    let hash = peer.as_ref();
    let key = (hash.code() == 0).then(|| PublicKey::try_decode_protobuf(hash.digest()).ok()).flatten()?;
    Some(key.try_into_ed25519().ok()?.to_bytes())
}

/// The address as libp2p writes it, without `/p2p/`.
#[must_use]
pub fn to_multiaddr(address: Address) -> Multiaddr {
    let base = Multiaddr::empty().with(Protocol::from(address.socket.ip()));
    match address.transport {
        Transport::Quic => base.with(Protocol::Udp(address.socket.port())).with(Protocol::QuicV1),
        Transport::Tcp => base.with(Protocol::Tcp(address.socket.port())),
    }
}

/// Reads `/ip4|ip6/…/udp/…/quic-v1` or `/ip4|ip6/…/tcp/…` with an optional `/p2p/…` behind it. Names are not resolved: a
/// name server would learn of it.
#[must_use]
pub fn from_multiaddr(multiaddr: &Multiaddr) -> Option<(Address, Option<PeerId>)> {
    let mut parts = multiaddr.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    let (transport, port) = match parts.next()? {
        Protocol::Tcp(port) => (Transport::Tcp, port),
        Protocol::Udp(port) => match parts.next()? {
            Protocol::QuicV1 => (Transport::Quic, port),
            _ => return None,
        },
        _ => return None,
    };
    let peer = match parts.next() {
        None => None,
        Some(Protocol::P2p(peer)) => Some(peer),
        Some(_) => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    Some((Address { transport, socket: SocketAddr::new(ip, port) }, peer))
}

const SHAPE: &str = "not of the form /ip4/ADDRESS/udp/PORT/quic-v1 or /ip4/ADDRESS/tcp/PORT";
const SHAPE_WITH_PEER: &str =
    "not of the form /ip4/ADDRESS/udp/PORT/quic-v1/p2p/ID or /ip4/ADDRESS/tcp/PORT/p2p/ID";
const NOT_PUBLIC: &str = "loopback and private addresses are for private networks only: give all its members the same --network NAME";

fn refused(address: &str, why: &'static str) -> StartError {
    StartError::Address { address: address.to_owned(), why }
}

/// Reads a bootstrap out of the settings.
///
/// # Errors
/// [`StartError::Address`] with what the person can do.
pub fn bootstrap(text: &str, private: bool) -> Result<Target, StartError> {
    let shape = || refused(text, SHAPE_WITH_PEER);
    let multiaddr: Multiaddr = text.parse().map_err(|_| shape())?;
    let (address, peer) = from_multiaddr(&multiaddr).ok_or_else(shape)?;
    let link_key = peer.and_then(|peer| link_key(&peer)).ok_or_else(shape)?;
    if address.socket.port() == 0 || address.socket.ip().is_unspecified() {
        return Err(shape());
    }
    if !allowed(address.socket.ip(), private) {
        return Err(refused(text, NOT_PUBLIC));
    }
    Ok(Target { link_key, addresses: vec![address] })
}

/// Reads an address to listen on out of the settings; port 0 and the unspecified address are fine.
///
/// # Errors
/// [`StartError::Address`] with what the person can do.
pub fn listen(text: &str, private: bool) -> Result<Address, StartError> {
    let multiaddr: Multiaddr = text.parse().map_err(|_| refused(text, SHAPE))?;
    let (address, peer) = from_multiaddr(&multiaddr).ok_or_else(|| refused(text, SHAPE))?;
    if peer.is_some() {
        return Err(refused(text, SHAPE));
    }
    if !address.socket.ip().is_unspecified() && !allowed(address.socket.ip(), private) {
        return Err(refused(text, NOT_PUBLIC));
    }
    Ok(address)
}

/// Whether a link may go to this address: anything unicast in a private network, only public addresses in the public one.
#[must_use]
pub fn allowed(ip: IpAddr, private: bool) -> bool {
    if private { unicast(ip) } else { public(ip) }
}

fn unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || broadcast)
}

/// Whether the whole Internet routes it, by the IANA special-purpose registries (RFC 6890 and its updates).
fn public(ip: IpAddr) -> bool {
    unicast(ip)
        && match ip {
            IpAddr::V4(ip) => public_v4(ip),
            IpAddr::V6(ip) => public_v6(ip),
        }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (b & 0xc0) == 64)
        || (a == 198 && (b & 0xfe) == 18)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99);
    !special
}

fn public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Only global unicast, 2000::/3: that leaves out loopback, mapped and translated IPv4, unique local, link local. Of what
    // remains: Teredo and 6to4 (they carry an IPv4 address that was not checked), ORCHID, documentation.
    let teredo_or_orchid = first == 0x2001 && second < 0x0200;
    let documentation = (first == 0x2001 && second == 0x0db8) || (first & 0xfff0) == 0x3ff0;
    (first & 0xe000) == 0x2000 && !teredo_or_orchid && !documentation && first != 0x2002
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str = "12D3KooW9xk7Zp1gejwfwNpfm6L9zH5NL4Bx5rm94LRYJJHJuARZ";

    #[test]
    fn a_peer_id_and_its_link_key_are_one_to_one() {
        let peer: PeerId = RELAY.parse().unwrap();
        let key = link_key(&peer).unwrap();
        assert_eq!(peer_id(&key), Some(peer));
    }

    #[test]
    fn a_peer_id_that_is_only_a_hash_has_no_link_key() {
        let hashed: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().unwrap();
        assert_eq!(link_key(&hashed), None);
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["/ip4/1.2.3.4/udp/5/quic-v1", "/ip6/2a00::1/tcp/6", "/ip4/1.2.3.4/tcp/0"] {
            let (address, peer) = from_multiaddr(&text.parse().unwrap()).unwrap();
            assert_eq!((to_multiaddr(address).to_string().as_str(), peer), (text, None));
        }
    }

    #[test]
    fn names_and_other_protocols_are_not_dialled() {
        for text in [
            "/dns4/example.com/tcp/1",
            "/ip4/1.2.3.4/udp/1",
            "/ip4/1.2.3.4/udp/1/quic",
            "/ip4/1.2.3.4/tcp/1/ws",
            "/ip4/1.2.3.4",
            "/ip4/1.2.3.4/udp/1/quic-v1/p2p-circuit",
            &format!("/ip4/1.2.3.4/tcp/1/p2p/{RELAY}/p2p-circuit"),
        ] {
            assert_eq!(from_multiaddr(&text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn the_public_network_has_only_public_addresses() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.1.2.3",
            "198.18.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
        ] {
            assert!(!allowed(text.parse().unwrap(), false), "{text}");
        }
        for text in ["8.8.8.8", "100.128.0.1", "198.20.0.1", "2a00:1450::1", "2001:4860::8888"] {
            assert!(allowed(text.parse().unwrap(), false), "{text}");
        }
    }

    #[test]
    fn a_private_network_has_any_address_of_one_machine() {
        assert!(allowed("127.0.0.1".parse().unwrap(), true) && allowed("fe80::1".parse().unwrap(), true));
        for text in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"] {
            assert!(!allowed(text.parse().unwrap(), true), "{text}");
        }
    }

    #[test]
    fn a_private_bootstrap_in_the_public_network_is_refused_with_the_way_out() {
        let text = format!("/ip4/127.0.0.1/udp/1/quic-v1/p2p/{RELAY}");
        assert!(bootstrap(&text, true).is_ok());
        assert!(bootstrap(&text, false).unwrap_err().to_string().contains("--network"));
        assert!(listen("/ip4/127.0.0.1/tcp/0", false).unwrap_err().to_string().contains("--network"));
        assert!(listen("/ip4/0.0.0.0/tcp/0", false).is_ok());
        for broken in ["", "/ip4/8.8.8.8/tcp/1", &format!("/ip4/8.8.8.8/tcp/0/p2p/{RELAY}"), "rubbish"] {
            assert!(bootstrap(broken, false).is_err(), "{broken}");
        }
    }
}
