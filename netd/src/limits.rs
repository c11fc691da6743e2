//! How much the world may take of this process, checked when a connection comes in, before anything is made for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::connection_limits::ConnectionLimits;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::identity::PeerId;
use libp2p::swarm::behaviour::{ConnectionClosed, FromSwarm, ListenFailure};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};

use crate::address::from_multiaddr;

/// Connections of one peer at a time: one each way, and one that is taking over from one that dies.
const PER_PEER_MAX: u32 = 4;

/// Handshakes from outside at a time; a handshake takes some milliseconds of a core.
const PENDING_INCOMING_MAX: u32 = 256;

/// Own dials at a time.
const PENDING_OUTGOING_MAX: u32 = 64;

/// Links from outside at a time: with its windows full one costs up to 1 MiB, idle some 30 kB.
const INCOMING_MAX: u32 = 4_096;

/// Own links at a time: a relay has at most one to each other relay (2,000 are reckoned with).
const OUTGOING_MAX: u32 = 2_048;

/// Connections from one IPv4 address or IPv6 /64 in the public network, so that one machine cannot take all places.
const PER_ADDRESS_MAX: u32 = 64;

/// The same in a private network, where all its people may share a machine.
const PER_ADDRESS_MAX_PRIVATE: u32 = 2_048;

/// Unread bytes of one QUIC stream: 512 cells, a quarter of a second at 1 MB/s.
pub const STREAM_WINDOW_BYTES: u32 = 512 * 514;

/// Streams that the other side may open on one connection: cells, identify, ping, and room for their renewal.
pub const STREAMS_PER_CONNECTION: u32 = 16;

/// Silence after which a QUIC connection is dead.
pub const LINK_TIMEOUT: Duration = Duration::from_secs(10);

/// A sign of life at least this often, so that LINK_TIMEOUT survives one lost packet.
pub const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// From the first packet to an open cell stream.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Links that came in and that onion has not taken yet.
pub const UNTAKEN_LINKS_MAX: usize = 64;

/// libp2p's limits by number.
#[must_use]
pub fn connections() -> ConnectionLimits {
    ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_pending_outgoing(Some(PENDING_OUTGOING_MAX))
        .with_max_established_incoming(Some(INCOMING_MAX))
        .with_max_established_outgoing(Some(OUTGOING_MAX))
        .with_max_established_per_peer(Some(PER_PEER_MAX))
}

/// Counts incoming connections by where they come from: a peer id costs nothing, an address does.
#[derive(Debug)]
pub struct PerAddress {
    most: u32,
    counts: HashMap<IpAddr, u32>,
    connections: HashMap<ConnectionId, IpAddr>,
}

/// There are enough connections from there.
#[derive(Debug, thiserror::Error)]
#[error("too many connections from one address")]
pub struct AddressFull;

impl PerAddress {
    /// For a public or a private network.
    #[must_use]
    pub fn new(private: bool) -> Self {
        let most = if private { PER_ADDRESS_MAX_PRIVATE } else { PER_ADDRESS_MAX };
        Self { most, counts: HashMap::new(), connections: HashMap::new() }
    }

    fn take(&mut self, connection: ConnectionId, ip: IpAddr) -> Result<(), AddressFull> {
        let place = place(ip);
        let count = self.counts.entry(place).or_insert(0);
        if *count >= self.most {
            return Err(AddressFull);
        }
        *count += 1;
        self.connections.insert(connection, place);
        Ok(())
    }

    fn release(&mut self, connection: ConnectionId) {
        let Some(place) = self.connections.remove(&connection) else { return };
        if let Some(count) = self.counts.get_mut(&place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&place);
            }
        }
    }
}

/// A household has one IPv4 address and one IPv6 /64.
fn place(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

impl NetworkBehaviour for PerAddress {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = std::convert::Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let (address, _) = from_multiaddr(remote).ok_or_else(|| ConnectionDenied::new(AddressFull))?;
        self.take(connection, address.socket.ip()).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => self.release(connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_or_network_takes_only_its_share_and_gives_it_back() {
        let mut places = PerAddress::new(false);
        let ids: Vec<_> = (0..=PER_ADDRESS_MAX as usize).map(ConnectionId::new_unchecked).collect();
        let near = |number: usize| -> IpAddr { format!("2a00:1::{number:x}").parse().unwrap() };
        let (last, rest) = ids.split_last().unwrap();
        for (number, id) in rest.iter().enumerate() {
            places.take(*id, near(number)).unwrap();
        }
        assert!(places.take(*last, near(9999)).is_err(), "another address of the same /64");
        assert!(places.take(*last, "2a00:2::1".parse().unwrap()).is_ok());
        places.release(rest[0]);
        places.release(rest[0]);
        assert!(places.take(rest[0], near(1)).is_ok());
        assert!(places.take(ConnectionId::new_unchecked(1_000_000), near(2)).is_err());
        for id in &ids {
            places.release(*id);
        }
        assert!(places.counts.is_empty() && places.connections.is_empty());
    }
}
