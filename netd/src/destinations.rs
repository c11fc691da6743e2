//! The last look before a socket connects: whoever asked the swarm to dial (onion, a protocol that learned of an address from
//! another peer), in the public network nothing goes to this machine or its own network.
//!
//! `dial.rs` has checked what onion asks for already, and says why to onion; this holds for every dial of the swarm. No system
//! call filter can look at an address, so a netd that is itself taken over is not held by it
//! (docs/threat-model.md, "netd: the one that strangers reach first").

use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::identity::PeerId;
use libp2p::swarm::behaviour::FromSwarm;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};

use crate::address::{allowed, from_multiaddr};

/// Refuses dials to where no relay of the network may be.
#[derive(Debug)]
pub struct Destinations {
    private: bool,
}

/// Not an address that this network's relays can have.
#[derive(Debug, thiserror::Error)]
#[error("not an address of a relay of this network")]
pub struct NoDestination;

impl Destinations {
    /// For a public or a private network.
    #[must_use]
    pub fn new(private: bool) -> Self {
        Self { private }
    }

    fn check(&self, address: &Multiaddr) -> Result<(), ConnectionDenied> {
        match from_multiaddr(address) {
            Some((address, _)) if allowed(address.socket.ip(), self.private) => Ok(()),
            _ => Err(ConnectionDenied::new(NoDestination)),
        }
    }
}

impl NetworkBehaviour for Destinations {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = std::convert::Infallible;

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        addresses.iter().try_for_each(|address| self.check(address))?;
        Ok(Vec::new())
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

    /// Addresses that another protocol adds to a dial are not shown before it.
    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(address)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use libp2p::Swarm;
    use libp2p::identity::Keypair;
    use libp2p::swarm::DialError;
    use libp2p::swarm::dial_opts::DialOpts;

    use super::*;
    use crate::swarm::{Behaviour, Role, build};

    /// As a protocol would that learned of the address from somebody: past all of `dial.rs`.
    fn dial(swarm: &mut Swarm<Behaviour>, addresses: &[&str]) -> Result<(), DialError> {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        swarm.dial(DialOpts::peer_id(PeerId::random()).addresses(addresses).build())
    }

    fn refuses(swarm: &mut Swarm<Behaviour>, addresses: &[&str]) -> bool {
        let denied = dial(swarm, addresses);
        matches!(denied, Err(DialError::Denied { cause }) if cause.downcast_ref::<NoDestination>().is_some())
    }

    /// One of each special kind of both address families, also written as the other family's.
    const NEVER_ON_THE_INTERNET: [&str; 22] = [
        "/ip4/127.0.0.1/tcp/631",
        "/ip4/127.8.9.1/tcp/631",
        "/ip4/0.0.0.0/tcp/631",
        "/ip4/10.0.0.1/tcp/80",
        "/ip4/172.31.0.1/tcp/80",
        "/ip4/192.168.1.1/udp/80/quic-v1",
        "/ip4/169.254.169.254/tcp/80",
        "/ip4/100.64.0.1/tcp/80",
        "/ip4/192.0.2.1/tcp/80",
        "/ip4/198.51.100.1/tcp/80",
        "/ip4/203.0.113.1/tcp/80",
        "/ip4/224.0.0.251/udp/5353/quic-v1",
        "/ip4/255.255.255.255/udp/1/quic-v1",
        "/ip6/::1/tcp/631",
        "/ip6/::/tcp/631",
        "/ip6/::ffff:127.0.0.1/tcp/631",
        "/ip6/64:ff9b::7f00:1/tcp/631",
        "/ip6/fe80::1/tcp/80",
        "/ip6/fd00::1/tcp/80",
        "/ip6/ff02::fb/udp/5353/quic-v1",
        "/ip6/2001:db8::1/tcp/80",
        "/dns4/localhost/tcp/631",
    ];

    #[tokio::test]
    async fn in_the_public_network_no_dial_goes_to_this_machine_or_its_own_network() {
        let mut swarm = build(Keypair::generate_ed25519(), Role::Client, false).unwrap();
        for address in NEVER_ON_THE_INTERNET {
            assert!(refuses(&mut swarm, &[address]), "{address}");
            assert!(refuses(&mut swarm, &["/ip4/8.8.8.8/tcp/1", address]), "{address} behind a good one");
        }
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        service.set_nonblocking(true).unwrap();
        let local = format!("/ip4/127.0.0.1/tcp/{}", service.local_addr().unwrap().port());
        assert!(refuses(&mut swarm, &[&local]));
        assert!(service.accept().is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn in_a_private_network_a_relay_may_be_on_this_machine() {
        let mut swarm = build(Keypair::generate_ed25519(), Role::Client, true).unwrap();
        dial(&mut swarm, &["/ip4/127.0.0.1/tcp/1", "/ip6/fd00::1/tcp/1"]).unwrap();
        for address in ["/ip4/0.0.0.0/tcp/1", "/ip4/224.0.0.1/tcp/1", "/ip6/ff02::1/tcp/1", "/ip6/::/tcp/1"] {
            assert!(refuses(&mut swarm, &[address]), "{address}");
        }
    }
}
