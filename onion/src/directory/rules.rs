//! What a network lets into its directory: its id, and which addresses and how many of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipc_schema::relay::{Address, Descriptor, Transport};

use super::proof_of_work::WORK_BITS;

/// Which network this process belongs to (docs/protocol/directory.md, "Descriptor: at most 512 B"). Chosen when the profile or
/// relay was made, never inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkRules {
    network_id: [u8; 32],
    work_bits: u32,
}

impl NetworkRules {
    /// The network of that id; zero is the public one.
    #[must_use]
    pub fn new(network_id: [u8; 32]) -> Self {
        let work_bits = if network_id == [0; 32] { WORK_BITS } else { 0 };
        Self { network_id, work_bits }
    }

    /// The public network, as it would be without its flood brake: its proofs take seconds each.
    #[cfg(test)]
    pub(crate) const fn public_without_work() -> Self {
        Self { network_id: [0; 32], work_bits: 0 }
    }

    /// Zero bits that a descriptor's proof of work has to have; none in a private network.
    #[must_use]
    pub const fn work_bits(&self) -> u32 {
        self.work_bits
    }

    /// Its id.
    #[must_use]
    pub const fn network_id(&self) -> [u8; 32] {
        self.network_id
    }

    /// Ageing, address diversity and proof of work are off, one source is enough, three relays are enough.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.network_id != [0; 32]
    }

    /// Whether a relay of this network may have that address.
    #[must_use]
    pub fn allows(&self, address: &Address) -> bool {
        let ip = address.socket.ip();
        if ip.is_unspecified() || ip.is_multicast() || address.socket.port() == 0 {
            return false;
        }
        self.is_private() || is_public(ip)
    }
}

/// Whether the Internet routes that address, so far as its number tells.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(inner) => is_public_v4(inner),
            // 2000::/3 is all that is handed out; 2001:db8::/32 is for documents.
            None => {
                let [first, second, ..] = ip.segments();
                first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
            }
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let reserved = a == 0 || a >= 240 || (a == 192 && b == 0 && c == 0) || (a == 198 && (b == 18 || b == 19));
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || shared
        || reserved)
}

/// A block of addresses that one party is likely to hold whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// The first bits of a v4 address, and how many.
    V4(u32, u8),
    /// The first bits of a v6 address, and how many.
    V6(u128, u8),
}

/// How coarse a [`Block`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// /24 of v4, /48 of v6: one site.
    Site,
    /// /16 of v4, /32 of v6: one provider, about.
    Provider,
}

/// The blocks that a relay's addresses lie in, each once.
#[must_use]
pub fn blocks(descriptor: &Descriptor, width: Width) -> Vec<Block> {
    let mut all: Vec<Block> =
        descriptor.addresses.iter().map(|address| block(address.socket.ip(), width)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn block(ip: IpAddr, width: Width) -> Block {
    match (ip, width) {
        (IpAddr::V4(ip), Width::Site) => Block::V4(u32::from(ip) >> 8, 24),
        (IpAddr::V4(ip), Width::Provider) => Block::V4(u32::from(ip) >> 16, 16),
        (IpAddr::V6(ip), Width::Site) => Block::V6(u128::from(ip) >> 80, 48),
        (IpAddr::V6(ip), Width::Provider) => Block::V6(u128::from(ip) >> 96, 32),
    }
}

/// Reads `/ip4|ip6/<ip>/udp/<port>/quic-v1[/p2p/…]` or `/ip4|ip6/<ip>/tcp/<port>[/p2p/…]`, as netd names listen addresses.
/// `None`: another shape.
#[must_use]
pub fn parse_multiaddr(text: &str) -> Option<Address> {
    let mut parts = text.strip_prefix('/')?.split('/');
    let family = parts.next()?;
    let ip: IpAddr = parts.next()?.parse().ok()?;
    if (family == "ip4") != ip.is_ipv4() || !matches!(family, "ip4" | "ip6") {
        return None;
    }
    let carrier = parts.next()?;
    let port: u16 = parts.next()?.parse().ok()?;
    let transport = match carrier {
        "udp" if parts.next()? == "quic-v1" => Transport::Quic,
        "tcp" => Transport::Tcp,
        _ => return None,
    };
    match parts.next() {
        None => {}
        Some("p2p") => {
            parts.next()?;
        }
        Some(_) => return None,
    }
    if port == 0 || parts.next().is_some() {
        return None;
    }
    Some(Address { transport, socket: SocketAddr::new(ip, port) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(socket: &str) -> Address {
        Address { transport: Transport::Quic, socket: socket.parse().unwrap() }
    }

    #[test]
    fn the_public_network_refuses_addresses_that_the_internet_does_not_route() {
        let public = NetworkRules::new([0; 32]);
        for inner in [
            "127.0.0.1:1",
            "10.1.2.3:1",
            "192.168.1.1:1",
            "172.16.0.1:1",
            "169.254.1.1:1",
            "100.64.0.1:1",
            "0.0.0.0:1",
            "224.0.0.1:1",
            "255.255.255.255:1",
            "203.0.113.7:1",
            "[::1]:1",
            "[fe80::1]:1",
            "[fc00::1]:1",
            "[ff02::1]:1",
            "[::ffff:10.0.0.1]:1",
            "[2001:db8::1]:1",
        ] {
            assert!(!public.allows(&address(inner)), "{inner}");
        }
        assert!(public.allows(&address("93.184.216.34:1")));
        assert!(public.allows(&address("[2a00:1450::1]:1")));
    }

    #[test]
    fn a_private_network_allows_loopback_but_no_address_that_cannot_be_dialled() {
        let private = NetworkRules::new([1; 32]);
        assert!(private.allows(&address("127.0.0.1:1")));
        assert!(private.allows(&address("[::1]:1")));
        assert!(!private.allows(&address("0.0.0.0:1")));
        assert!(!private.allows(&address("127.0.0.1:0")));
    }

    #[test]
    fn listen_addresses_of_netd_are_read_and_other_shapes_are_not() {
        let quic = parse_multiaddr("/ip4/127.0.0.1/udp/4001/quic-v1/p2p/12D3KooW").unwrap();
        assert_eq!(quic, address("127.0.0.1:4001"));
        let tcp = parse_multiaddr("/ip6/::1/tcp/9").unwrap();
        assert_eq!((tcp.transport, tcp.socket), (Transport::Tcp, "[::1]:9".parse().unwrap()));
        for other in [
            "",
            "/",
            "/ip4/1.2.3.4",
            "/ip4/::1/tcp/1",
            "/dns/a/tcp/1",
            "/ip4/1.2.3.4/udp/1",
            "/ip4/1.2.3.4/tcp/0",
            "/ip4/1.2.3.4/tcp/1/ws",
            "/ip4/1.2.3.4/tcp/1/p2p",
            "/ip4/1.2.3.4/tcp/1/p2p/a/p2p-circuit",
        ] {
            assert_eq!(parse_multiaddr(other), None, "{other}");
        }
    }
}
