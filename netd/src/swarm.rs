//! A libp2p swarm with our protocols and nothing else: QUIC first, TCP + Noise + Yamux as fall-back.
#![allow(
    missing_docs,
    reason = "the derived enum of events has no documentation; the rest of this file does"
)]

use libp2p::identity::{Keypair, ed25519};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Swarm, SwarmBuilder, connection_limits, identify, noise, ping, tcp, yamux};
use zeroize::Zeroizing;

use crate::cells::Cells;
use crate::destinations::Destinations;
use crate::error::StartError;
use crate::limits::{self, PerAddress};

/// What everybody says, whatever the version: an agent string is a fingerprint.
const AGENT: &str = "privatus";

/// Protocol family in identify.
const PROTOCOL_FAMILY: &str = "privatus/1";

/// Everything that we speak. A protocol that is not here is refused by multistream-select.
#[derive(NetworkBehaviour)]
pub struct Behaviour {
    /// First, so that they refuse before anyone else allocates.
    limits: connection_limits::Behaviour,
    places: PerAddress,
    destinations: Destinations,
    /// One stream of cells a connection.
    pub cells: Cells,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// The two kinds of swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Dials, and takes no stream from outside.
    Client,
    /// Dials and accepts.
    Relay,
}

/// The key pair of a seed.
///
/// # Errors
/// Never for 32 bytes; libp2p's signature says otherwise.
pub fn key_pair(seed: &[u8; 32]) -> Result<Keypair, StartError> {
    // `try_from_bytes` zeroes what it is given.
    let mut copy = Zeroizing::new(*seed);
    let secret = ed25519::SecretKey::try_from_bytes(copy.as_mut_slice()).map_err(transport)?;
    Ok(ed25519::Keypair::from(secret).into())
}

fn transport(why: impl std::fmt::Display) -> StartError {
    StartError::Transport(why.to_string())
}

/// Seeds the random generator under TLS, once a process. It gathers entropy from the processor's timing for some 100 ms, which
/// the first link would otherwise wait for.
pub fn warm_up() {
    // No thread, no harm: then the first link waits.
    let _ = std::thread::Builder::new().name("entropy".into()).stack_size(256 << 10).spawn(|| {
        let mut unused = [0; 1];
        let _ = aws_lc_rs::rand::fill(&mut unused);
    });
}

/// A swarm that does not listen yet. Needs a tokio runtime.
///
/// # Errors
/// When the transports cannot be made.
pub fn build(keys: Keypair, role: Role, private: bool) -> Result<Swarm<Behaviour>, StartError> {
    let swarm = SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux_config)
        .map_err(transport)?
        .with_quic_config(quic_config)
        .with_behaviour(|keys| behaviour(keys, role, private))
        .map_err(transport)?
        .with_swarm_config(|config| {
            // Dials QUIC at once and TCP a moment later (RFC 8305), and keeps what answers first.
            config
                .with_smart_dial()
                .with_max_negotiating_inbound_streams(limits::STREAMS_PER_CONNECTION as usize)
        })
        .with_connection_timeout(limits::CONNECT_TIMEOUT)
        .build();
    Ok(swarm)
}

fn behaviour(keys: &Keypair, role: Role, private: bool) -> Behaviour {
    let identify = identify::Config::new(PROTOCOL_FAMILY.into(), keys.public())
        .with_agent_version(AGENT.into())
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    Behaviour {
        limits: connection_limits::Behaviour::new(limits::connections()),
        places: PerAddress::new(private),
        destinations: Destinations::new(private),
        cells: Cells::new(role == Role::Relay),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new().with_timeout(limits::LINK_TIMEOUT)),
    }
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(limits::STREAMS_PER_CONNECTION as usize);
    config
}

fn quic_config(mut config: libp2p::quic::Config) -> libp2p::quic::Config {
    config.handshake_timeout = limits::CONNECT_TIMEOUT;
    config.max_idle_timeout = u32::try_from(limits::LINK_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    config.keep_alive_interval = limits::KEEP_ALIVE;
    config.max_concurrent_stream_limit = limits::STREAMS_PER_CONNECTION;
    config.max_stream_data = limits::STREAM_WINDOW_BYTES;
    config.max_connection_data = 2 * limits::STREAM_WINDOW_BYTES;
    config
}
