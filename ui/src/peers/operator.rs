//! A local program → onion: how the network is, in counts.

use ipc_schema::edges::operator_onion_capnp::operator;
use ipc_schema::edges::stored_onion_capnp::Stage;

use super::PeerError;

/// How the network looks from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name, empty for the public one.
    pub name: String,
    /// A private network.
    pub private: bool,
    /// By the words of the command-line contract.
    pub stage: &'static str,
    /// Relays in the directory.
    pub relays_known: u32,
    /// Those that can be used now.
    pub relays_usable: u32,
    /// The guard's relay id, or empty.
    pub guard: Vec<u8>,
    /// Open circuits.
    pub circuits: u32,
}

/// What a relay carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relay {
    /// Circuits through it.
    pub circuits: u64,
    /// Cells since its start.
    pub cells_forwarded: u64,
    /// Queues on its disk.
    pub queues: u64,
    /// Envelopes in them.
    pub messages: u64,
    /// Blobs on its disk.
    pub blobs: u64,
    /// Bytes of disk in use.
    pub disk_bytes: u64,
    /// Links to others.
    pub links: u64,
    /// It takes nothing new.
    pub draining: bool,
}

/// The edge to onion.
#[derive(Clone)]
pub struct Operator {
    client: operator::Client,
}

impl Operator {
    /// Speaks over `client`.
    #[must_use]
    pub fn new(client: operator::Client) -> Self {
        Self { client }
    }

    /// How the network is.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn network(&self) -> Result<Network, PeerError> {
        let answer = self.client.network_request().send().promise.await?;
        let state = answer.get()?.get_state()?;
        Ok(Network {
            name: state.get_network_name()?.to_string().map_err(|_| PeerError::Misbehaved)?,
            private: state.get_private(),
            stage: stage(state.get_stage()?),
            relays_known: state.get_relays_known(),
            relays_usable: state.get_relays_usable(),
            guard: state.get_guard()?.to_vec(),
            circuits: state.get_circuits(),
        })
    }

    /// What the relay carries; `None` where this is no relay.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn relay(&self) -> Result<Option<Relay>, PeerError> {
        let answer = self.client.relay_request().send().promise.await?;
        let answer = answer.get()?;
        if !answer.get_is_relay() {
            return Ok(None);
        }
        let metrics = answer.get_metrics()?;
        Ok(Some(Relay {
            circuits: metrics.get_circuits(),
            cells_forwarded: metrics.get_cells_forwarded(),
            queues: metrics.get_queues(),
            messages: metrics.get_messages(),
            blobs: metrics.get_blobs(),
            disk_bytes: metrics.get_disk_bytes(),
            links: metrics.get_links(),
            draining: metrics.get_draining(),
        }))
    }
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Starting => "starting",
        Stage::FindingRelays => "finding-relays",
        Stage::BuildingRoute => "building-route",
        Stage::Connected => "connected",
        Stage::Slow => "slow",
        Stage::TooFewRelays => "too-few-relays",
        Stage::NoRelays => "no-relays",
        Stage::GuardsUnreachable => "guards-unreachable",
        Stage::Offline => "offline",
    }
}
