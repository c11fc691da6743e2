//! stored (caller) → onion (callee): mailboxes on relays (`edges/stored-onion.capnp`). So far the network's state alone is said here;
//! circuits and mailboxes are still translated where they are used.

use super::{Malformed, Read, mirrored, optional};
use crate::edges::stored_onion_capnp::{self as wire, network_state};
use crate::limits::NETWORK_NAME_MAX_BYTES;
use crate::relay::RelayId;

mirrored! {
    /// How far a client is, by the words of `status`.
    Stage = wire::Stage {
        /// Nothing has been tried yet.
        Starting => "starting",
        /// The directory is being asked.
        FindingRelays => "finding-relays",
        /// Enough relays are known; no circuit stands yet.
        BuildingRoute => "building-route",
        /// A circuit stands, or stood a moment ago.
        Connected => "connected",
        /// Circuits stand, and answer slowly.
        Slow => "slow",
        /// Fewer relays than a path takes.
        TooFewRelays => "too-few-relays",
        /// Nobody who was asked knows a relay, or nobody answers.
        NoRelays => "no-relays",
        /// Guard and backup do not answer.
        GuardsUnreachable => "guards-unreachable",
        /// netd is not there.
        Offline => "offline",
    }
}

/// What `status` and watchers are told of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkState {
    /// How far this client is.
    pub stage: Stage,
    /// Relays in the directory.
    pub relays_known: u32,
    /// Those that can be used now.
    pub relays_usable: u32,
    /// Circuits of ours that stand.
    pub circuits: u32,
    /// The guard in use.
    pub guard: Option<RelayId>,
    /// It is a private network.
    pub private: bool,
    /// Its name, empty for the public one.
    pub network_name: String,
}

impl NetworkState {
    /// Writes it.
    pub fn write(&self, mut to: network_state::Builder<'_>) {
        to.set_stage(self.stage.into());
        to.set_relays_known(self.relays_known);
        to.set_relays_usable(self.relays_usable);
        to.set_circuits(self.circuits);
        to.set_guard(self.guard.as_ref().map_or(&[], |guard| &guard.0));
        to.set_private(self.private);
        to.set_network_name(&self.network_name);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(from: network_state::Reader<'_>) -> Read<Self> {
        let name = from.get_network_name()?.to_str()?;
        if name.len() > NETWORK_NAME_MAX_BYTES {
            return Err(Malformed);
        }
        Ok(Self {
            stage: from.get_stage()?.into(),
            relays_known: from.get_relays_known(),
            relays_usable: from.get_relays_usable(),
            circuits: from.get_circuits(),
            guard: optional(from.get_guard()?)?.map(RelayId),
            private: from.get_private(),
            network_name: name.to_owned(),
        })
    }
}
