//! What a flow may touch: time and chance, links and circuits, the view of the directory, the choice of paths; and what it leaves
//! for others to do.

use std::collections::VecDeque;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::event::{DirectoryEvent, Event, LinksEvent, Output};
use crate::directory::View;
use crate::event::{CircuitFailure, ServiceEvent};
use crate::id::{CircuitHandle, Lane, RelayId, Service};
use crate::network::{Network, Output as Wanted};
use crate::path::{NoPath, Paths};

/// What the flows of the core share.
pub(super) struct Turn {
    pub(super) now: Timestamp,
    pub(super) rng: Box<dyn CryptoRng>,
    pub(super) network: Network,
    pub(super) view: View,
    pub(super) paths: Paths,
    /// Whether netd is there.
    pub(super) netd: bool,
    /// The view or its contact points changed since they were saved.
    pub(super) unsaved: bool,
    outputs: Vec<Output>,
    wishes: VecDeque<Event>,
}

impl Turn {
    pub(super) fn new(rng: Box<dyn CryptoRng>, network: Network, view: View, paths: Paths) -> Self {
        Self {
            now: Timestamp(0),
            rng,
            network,
            view,
            paths,
            netd: false,
            unsaved: false,
            outputs: Vec::new(),
            wishes: VecDeque::new(),
        }
    }

    /// Something is to be done, or told.
    pub(super) fn tell(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// All that was told.
    pub(super) fn told(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Another flow is to hear of this.
    pub(super) fn wish(&mut self, event: Event) {
        self.wishes.push_back(event);
    }

    /// What some flow is to hear next: wishes first, then what the network put out.
    pub(super) fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.wishes.pop_front() {
            return Some(event);
        }
        loop {
            return Some(match self.network.output()? {
                Wanted::Ready(link) => {
                    self.tell(Output::Ready(link));
                    continue;
                }
                Wanted::CloseLink(link) => {
                    self.tell(Output::CloseLink(link));
                    Event::Directory(DirectoryEvent::LinkGone(link))
                }
                Wanted::Connect(relay) => Event::Links(LinksEvent::Connect(relay)),
                Wanted::Described(link, description) => {
                    Event::Directory(DirectoryEvent::Described(link, description))
                }
                Wanted::Circuit(event) => Event::Circuit(event),
                Wanted::Service(ServiceEvent::Message(message)) if message.service == Service::Directory => {
                    Event::Directory(DirectoryEvent::Asked(message))
                }
                Wanted::Service(event) => Event::Hosting(event),
            });
        }
    }

    /// Begins a circuit to a relay, over a path.
    pub(super) fn open(&mut self, relay: RelayId, lane: Lane) -> Result<CircuitHandle, NoPath> {
        let route = self.paths.choose(self.now, &mut self.rng, &self.view, relay)?;
        Ok(self.network.open(self.now, &mut self.rng, route, lane))
    }

    /// A circuit failed. While netd is away that says nothing of any relay, least of all of the guard.
    pub(super) fn blame(&mut self, asked: RelayId, failure: &CircuitFailure) {
        if self.netd {
            self.paths.failed(self.now, asked, failure);
        }
    }

    /// The view has changed: links may now be known as relays'.
    pub(super) fn learned(&mut self) {
        self.unsaved = true;
        for id in self.network.links().nameless() {
            let peer = self.network.links().get(id).map(|link| link.info.peer);
            if let Some(relay) = peer.and_then(|peer| self.view.by_link_key(&peer)) {
                self.network.link_is_relay(self.now, id, relay);
            }
        }
    }
}
