//! Links coming and going, and who waits for them.

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::link::{Link, Owner};
use super::{LinkInfo, Network, Output};
use crate::cell::{Cell, CircuitId, Command, DestroyReason};
use crate::event::FailureReason;
use crate::id::{CircuitHandle, LinkId, RelayCircuit, RelayId};
use crate::relay::circuit::PassingCircuit;
use crate::relay::creation::CreationBudget;

/// Circuits that wait for a link to a relay.
#[derive(Debug, Default)]
pub(super) struct Peer {
    link: Option<LinkId>,
    own: Vec<CircuitHandle>,
    passing: Vec<RelayCircuit>,
}

impl Network {
    /// A link is up: one that came in, or one to a contact point whose relay is not known yet. Links that were asked for with
    /// [`Output::Connect`] come with [`Network::connected`].
    pub fn link_up(&mut self, now: Timestamp, link: LinkId, info: LinkInfo) {
        self.links.insert(link, Link::new(info, now));
        if let Some(relay) = info.relay {
            self.peers.entry(relay).or_default().link.get_or_insert(link);
        }
    }

    /// The same for a link that may be there already: then nothing changes.
    pub fn link_up_once(&mut self, now: Timestamp, link: LinkId, info: LinkInfo) {
        if !self.links.contains_key(&link) {
            self.link_up(now, link, info);
        }
    }

    /// All links.
    #[must_use]
    pub fn links(&self) -> Vec<LinkId> {
        self.links.keys().copied().collect()
    }

    /// Links of which it is not known which relay, if any, is behind them.
    #[must_use]
    pub fn nameless_links(&self) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| link.info.relay.is_none()).map(|(id, _)| *id).collect()
    }

    /// Whether this side opened a link.
    #[must_use]
    pub fn is_initiator(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(|link| link.info.initiator)
    }

    /// It has become known which relay is behind a link.
    pub fn link_is_relay(&mut self, now: Timestamp, id: LinkId, relay: RelayId) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| link.info.relay.is_none()) {
            link.info.relay = Some(relay);
            link.budget = CreationBudget::relay(now);
            self.peers.entry(relay).or_default().link.get_or_insert(id);
        }
    }

    /// A wanted link is there. `link` may be one that was there before.
    pub fn connected(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        relay: RelayId,
        (link, info): (LinkId, LinkInfo),
    ) {
        self.links.entry(link).or_insert_with(|| Link::new(info, now));
        let peer = self.peers.entry(relay).or_default();
        peer.link = Some(link);
        let (own, passing) = (std::mem::take(&mut peer.own), std::mem::take(&mut peer.passing));
        for handle in own {
            self.start_own(now, rng, handle, link);
        }
        for handle in passing {
            self.extend_over(handle, link);
        }
    }

    /// A wanted link cannot be had.
    pub fn connect_failed(&mut self, relay: RelayId) {
        let Some(peer) = self.peers.get_mut(&relay) else { return };
        let (own, passing) = (std::mem::take(&mut peer.own), std::mem::take(&mut peer.passing));
        if peer.link.is_none() {
            self.peers.remove(&relay);
        }
        for handle in own {
            self.fail_own(handle, Some(0), FailureReason::Link);
        }
        for handle in passing {
            self.cut(handle, DestroyReason::Unreachable);
        }
    }

    /// A link is gone, with all circuits on it.
    pub fn link_down(&mut self, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        self.waiting_cells = self.waiting_cells.saturating_sub(link.waiting_cells());
        self.peers.retain(|_, peer| {
            if peer.link == Some(id) {
                peer.link = None;
            }
            peer.link.is_some() || !peer.own.is_empty() || !peer.passing.is_empty()
        });
        for owner in link.owners() {
            match owner {
                Owner::Client(handle) => self.fail_own(handle, Some(0), FailureReason::Link),
                Owner::Back(handle) => self.end_passing(handle, Some(id), DestroyReason::None),
                Owner::Onward(handle) => self.cut(handle, DestroyReason::Unreachable),
            }
        }
    }

    /// Closes a link from this side: its other side broke the protocol, or does not read.
    pub(super) fn close_link(&mut self, link: LinkId) {
        if self.links.contains_key(&link) {
            self.link_down(link);
            self.outputs.push_back(Output::CloseLink(link));
        }
    }

    /// Links without circuits that have not been used since `before`. Who keeps links (to guards) knows which to spare.
    pub fn idle_links(&self, before: Timestamp) -> impl Iterator<Item = LinkId> + '_ {
        self.links
            .iter()
            .filter(move |(_, link)| link.circuits() == 0 && link.used < before)
            .map(|(id, _)| *id)
    }

    /// The relay behind a link, where it is known.
    #[must_use]
    pub fn relay_of(&self, link: LinkId) -> Option<RelayId> {
        self.links.get(&link).and_then(|link| link.info.relay)
    }

    /// The other side's link key.
    #[must_use]
    pub fn peer_of(&self, link: LinkId) -> Option<[u8; 32]> {
        self.links.get(&link).map(|link| link.info.peer)
    }

    /// Asks the other side of a link for its own descriptor; [`Output::Described`] brings it.
    pub fn describe(&mut self, link: LinkId) {
        if let Some(there) = self.links.get_mut(&link) {
            there.describing = Some(Vec::new());
            self.push_control(link, Cell::new(CircuitId::LINK, Command::Describe, &[]));
        }
    }

    pub(super) fn want_client_link(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        relay: RelayId,
        handle: CircuitHandle,
    ) {
        let peer = self.peers.entry(relay).or_default();
        if let Some(link) = peer.link {
            self.start_own(now, rng, handle, link);
            return;
        }
        if peer.own.is_empty() && peer.passing.is_empty() {
            self.outputs.push_back(Output::Connect(relay));
        }
        peer.own.push(handle);
    }

    pub(super) fn want_onward_link(&mut self, relay: RelayId, handle: RelayCircuit) {
        if self.relay.as_ref().is_none_or(|side| side.relay == relay) {
            // To oneself: nobody who means well asks for that.
            self.end_passing(handle, None, DestroyReason::Protocol);
            return;
        }
        let peer = self.peers.entry(relay).or_default();
        if let Some(link) = peer.link {
            self.extend_over(handle, link);
            return;
        }
        if peer.own.is_empty() && peer.passing.is_empty() {
            self.outputs.push_back(Output::Connect(relay));
        }
        peer.passing.push(handle);
    }

    pub(super) fn start_own(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        handle: CircuitHandle,
        link: LinkId,
    ) {
        let Some((_, at)) = self.own.get_mut(&handle) else { return };
        let Some(on_link) = self.links.get_mut(&link).and_then(|link| link.allocate(Owner::Client(handle)))
        else {
            self.fail_own(handle, Some(0), FailureReason::Link);
            return;
        };
        *at = Some((link, on_link));
        if let Some(Err(failure)) =
            self.with_own(handle, |circuit, out| circuit.start(on_link, now, rng, out))
        {
            self.close_own(handle, failure);
        }
    }

    fn extend_over(&mut self, handle: RelayCircuit, link: LinkId) {
        if self.passing.get(&handle).and_then(PassingCircuit::wants).is_none() {
            return;
        }
        match self.links.get_mut(&link).and_then(|link| link.allocate(Owner::Onward(handle))) {
            Some(number) => {
                self.with_passing(handle, |circuit, out| circuit.extend_over(link, number, out));
            }
            None => self.cut(handle, DestroyReason::Busy),
        }
    }
}
