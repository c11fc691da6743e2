//! What every part of the core may touch: time and chance, links and circuits, the view of the directory, the choice of paths; and
//! what is to be done.

use std::collections::VecDeque;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::event::{CoreOutput, DirectoryEvent, Event, LinksEvent};
use crate::directory::View;
use crate::event::{CircuitFailure, ServiceEvent};
use crate::id::{CircuitHandle, Lane, RelayId, Service};
use crate::network::{Network, Output as Wanted};
use crate::path::{NoPath, Paths};

/// What the parts of the core share.
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
    outputs: VecDeque<CoreOutput>,
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
            outputs: VecDeque::new(),
            wishes: VecDeque::new(),
        }
    }

    /// Something is to be done, or told.
    pub(super) fn tell(&mut self, output: CoreOutput) {
        self.outputs.push_back(output);
    }

    /// The next of what was told.
    pub(super) fn told(&mut self) -> Option<CoreOutput> {
        self.outputs.pop_front()
    }

    /// Another part is to hear of this.
    pub(super) fn wish(&mut self, event: Event) {
        self.wishes.push_back(event);
    }

    /// What some part is to hear next: wishes first, then what the network put out.
    pub(super) fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.wishes.pop_front() {
            return Some(event);
        }
        loop {
            return Some(match self.network.output()? {
                Wanted::Ready(link) => {
                    self.tell(CoreOutput::Ready(link));
                    continue;
                }
                Wanted::CloseLink(link) => {
                    self.tell(CoreOutput::CloseLink(link));
                    Event::Directory(DirectoryEvent::LinkGone(link))
                }
                Wanted::Connect(relay) => Event::Links(LinksEvent::Connect(relay)),
                Wanted::Described(link, descriptor) => {
                    Event::Directory(DirectoryEvent::Described(link, descriptor))
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
        for link in self.network.nameless_links() {
            let relay = self.network.peer_of(link).and_then(|peer| self.view.by_link_key(&peer));
            if let Some(relay) = relay {
                self.network.link_is_relay(self.now, link, relay);
            }
        }
    }
}
