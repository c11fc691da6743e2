//! A local program (caller) → onion (callee): counts for `privatus status` and `privatus relay` (`edges/operator-onion.capnp`).

use super::stored_onion::NetworkState;
use super::{Builder, Call, Read, Reader, call, interface};
use crate::Timestamp;
use crate::edges::operator_onion_capnp::operator;

interface! {
    /// What is told of onion.
    Operator of operator {
        network(NetworkParams, NetworkResults): Network,
        relay(RelayParams, RelayResults): Relay,
    }
}

type To<'a, C> = Builder<'a, <C as Call>::Results>;
type Found<'a, C> = Reader<'a, <C as Call>::Results>;

call! {
    /// How the network is.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Network of operator: network_request, network_params, network_results;
    asks {}
    answers NetworkState: by write_network read_network;
}

fn write_network(state: &NetworkState, to: To<'_, Network>) {
    state.write(to.init_state());
}

fn read_network(from: Found<'_, Network>) -> Read<NetworkState> {
    NetworkState::read(from.get_state()?)
}

call! {
    /// What the relay carries; `None` where this is no relay.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Relay of operator: relay_request, relay_params, relay_results;
    asks {}
    answers Option<RelayMetrics>: by write_relay read_relay;
}

/// What a relay carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayMetrics {
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
    /// When its mailboxes took the place of others that were lost or damaged.
    pub begun_anew: Option<Timestamp>,
}

fn write_relay(metrics: &Option<RelayMetrics>, mut to: To<'_, Relay>) {
    to.set_is_relay(metrics.is_some());
    if let Some(metrics) = metrics {
        let mut to = to.init_metrics();
        to.set_circuits(metrics.circuits);
        to.set_cells_forwarded(metrics.cells_forwarded);
        to.set_queues(metrics.queues);
        to.set_messages(metrics.messages);
        to.set_blobs(metrics.blobs);
        to.set_disk_bytes(metrics.disk_bytes);
        to.set_links(metrics.links);
        to.set_draining(metrics.draining);
        to.set_begun_anew(metrics.begun_anew.map_or(0, |at| at.0));
    }
}

fn read_relay(from: Found<'_, Relay>) -> Read<Option<RelayMetrics>> {
    if !from.get_is_relay() {
        return Ok(None);
    }
    let metrics = from.get_metrics()?;
    Ok(Some(RelayMetrics {
        circuits: metrics.get_circuits(),
        cells_forwarded: metrics.get_cells_forwarded(),
        queues: metrics.get_queues(),
        messages: metrics.get_messages(),
        blobs: metrics.get_blobs(),
        disk_bytes: metrics.get_disk_bytes(),
        links: metrics.get_links(),
        draining: metrics.get_draining(),
        begun_anew: Some(Timestamp(metrics.get_begun_anew())).filter(|at| at.0 > 0),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::stored_onion::Stage;
    use super::super::trial::told_back;
    use super::*;
    use crate::clock::ClockOffset;
    use crate::limits::NETWORK_NAME_MAX_BYTES;
    use crate::relay::RelayId;

    fn state() -> NetworkState {
        NetworkState {
            stage: Stage::Slow,
            relays_known: 7,
            relays_usable: 6,
            circuits: 5,
            guard: Some(RelayId([4; 32])),
            private: true,
            network_name: "n".repeat(NETWORK_NAME_MAX_BYTES),
            clock: Some(ClockOffset { seconds: -5_400, relays: 3 }),
            guards_lost: true,
        }
    }

    #[test]
    fn what_is_told_is_read_as_it_was_written() {
        let other = NetworkState { guard: None, private: false, clock: None, guards_lost: false, ..state() };
        for state in [state(), other] {
            assert_eq!(told_back::<Network>(&Ok(state.clone())), Ok(Ok(state)));
        }
        let metrics = RelayMetrics {
            circuits: 1,
            cells_forwarded: 2,
            queues: 3,
            messages: 4,
            blobs: 5,
            disk_bytes: 6,
            links: 7,
            draining: true,
            begun_anew: Some(Timestamp(8)),
        };
        for relay in [None, Some(metrics), Some(RelayMetrics { begun_anew: None, ..metrics })] {
            assert_eq!(told_back::<Relay>(&Ok(relay)), Ok(Ok(relay)));
        }
    }

    #[test]
    fn a_name_that_is_too_long_and_a_guard_that_is_no_relay_are_malformed() {
        let long = NetworkState { network_name: "n".repeat(NETWORK_NAME_MAX_BYTES + 1), ..state() };
        assert!(told_back::<Network>(&Ok(long)).is_err());
        let mut message = capnp::message::Builder::new_default();
        let mut results = message.init_root::<operator::network_results::Builder<'_>>();
        results.reborrow().init_state().set_guard(&[4; 31]);
        assert!(Network::read_outcome(message.get_root_as_reader().unwrap()).is_err());
    }
}
