//! The onion core, without I/O: links, circuits and streams (`network`) joined with the directory, the choice of paths and the
//! mailboxes of both sides.
//!
//! # How the pieces fit
//!
//! `Network` owns links, circuits and streams, and knows nothing of descriptors, paths or queues. A *stream* carries whole **messages**
//! of 0 to [`MESSAGE_MAX_BYTES`](crate::event::MESSAGE_MAX_BYTES) bytes each way, in order, reliably while its circuit lives. On the
//! wire a message is its length (4 B big-endian) and its bytes, cut into relay messages of ≤ 488 B. So everything above cells is "a
//! request message goes to a service of a relay, answers and pushed messages come back on the same stream".
//!
//! Above it each flow is a file with a state of its own and one door, `handle`. It may touch the [`Turn`] (the network, the view of the
//! directory, the choice of paths, time, chance) and knows no other flow: it leaves an event where it wants something of one.
//!
//! | file | owns | is told |
//! |---|---|---|
//! | `links.rs` | what netd is to reach | links that come, go and are wanted |
//! | `directory.rs` | the schedule of whom to ask, its jobs' circuits | contact points, the answers of others, the questions of others |
//! | `circuits.rs` | circuits for callers, who holds and who shares them | wishes, circuits that stand and fail |
//! | `commands.rs` | the client's half of mailbox streams | commands, relays' answers |
//! | `hosting.rs` | the relay's half of mailbox streams | strangers' requests, the disk's answers |
//!
//! Nothing here reads a clock; chance is what the core was made with.

mod circuits;
mod commands;
mod directory;
mod event;
mod hosting;
mod links;
mod saved;
#[cfg(test)]
mod tests;
mod turn;

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_onion::Stage;
use ipc_schema::relay::Hint;
use rand_core::CryptoRng;

pub use crate::event::{
    CircuitEvent, CircuitFailure, FailureReason, MESSAGE_MAX_BYTES, SendError, ServiceEvent, ServiceMessage,
    StreamRef,
};
pub use event::{Ask, AskId, CoreOutput, DialId, LinkKey, OpenId, Opened, Target};
#[cfg(any(test, feature = "simulation"))]
pub use hosting::Lie;
pub use ipc_schema::edge::stored_onion::OpenError;

use self::circuits::Circuits;
use self::commands::Commands;
use self::directory::Directory;
use self::event::{CircuitsEvent, CommandsEvent, DirectoryEvent, Event, LinksEvent};
use self::hosting::Hosting;
use self::links::Links;
use self::saved::Saved;
use self::turn::Turn;
use crate::directory::{Appearance, NetworkRules, OwnRelay, RelayKeys, Schedule, View};
use crate::handshake::{OnionKey, RelaySide};
use crate::id::{CircuitHandle, LinkId, RelayId};
use crate::mailbox::{DiskReply, Service, Ticket};
use crate::network::{Counts, Network};
use crate::path::stage::PROOF_LASTS;
use crate::path::{Isolation, Paths, StageFacts};
use crate::state::StateError;

/// How often what changed in the directory alone is written to the state file. Keys and guards are written at once.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// What `status` and watchers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkState {
    /// How far this client is.
    pub stage: Stage,
    /// Relays known, usable or not.
    pub relays_known: usize,
    /// Relays usable now.
    pub relays_usable: usize,
    /// Circuits of ours that stand.
    pub circuits: usize,
    /// The guard in use.
    pub guard: Option<RelayId>,
}

/// Links, circuits, directory, paths and mailbox streams of one process.
pub struct OnionCore {
    turn: Turn,
    links: Links,
    directory: Directory,
    own: Option<OwnRelay>,
    circuits: Circuits,
    commands: Commands,
    hosting: Hosting,
    saved_at: Timestamp,
}

impl std::fmt::Debug for OnionCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnionCore").field("network", &self.turn.network).finish_non_exhaustive()
    }
}

impl OnionCore {
    /// A client of the network with that id, with what its state file holds (empty at the first start, or if it is damaged: then
    /// everything is learnt anew).
    #[must_use]
    pub fn client(now: Timestamp, rng: Box<dyn CryptoRng>, network_id: [u8; 32], state: &[u8]) -> Self {
        let rules = NetworkRules::new(network_id);
        let saved = Saved::parse(state).unwrap_or_default();
        Self::new(now, rng, rules, saved, None)
    }

    /// A relay of that network. Its keys are in the state; with an empty one it is a new relay.
    ///
    /// # Errors
    /// [`StateError::Unreadable`]: there is a state, and no keys can be read from it.
    pub fn relay(
        now: Timestamp,
        mut rng: Box<dyn CryptoRng>,
        network_id: [u8; 32],
        state: &[u8],
    ) -> Result<Self, StateError> {
        let rules = NetworkRules::new(network_id);
        let (saved, keys) = if state.is_empty() {
            (Saved::default(), RelayKeys::generate(now, &mut rng))
        } else {
            let mut saved = Saved::parse(state).ok_or(StateError::Unreadable)?;
            let keys = saved.keys.take().ok_or(StateError::Unreadable)?;
            (saved, keys)
        };
        Ok(Self::new(now, rng, rules, saved, Some(OwnRelay::new(rules, keys))))
    }

    fn new(
        now: Timestamp,
        rng: Box<dyn CryptoRng>,
        rules: NetworkRules,
        saved: Saved,
        own: Option<OwnRelay>,
    ) -> Self {
        let relay = own.as_ref().map(OwnRelay::relay);
        let network = match relay {
            Some(relay) => {
                Network::relay(RelaySide { relay, network: rules.network_id(), onion_keys: Vec::new() })
            }
            None => Network::client(rules.network_id()),
        };
        let mut view = View::new(rules);
        for (first_seen, packed) in &saved.descriptors {
            view.restore(now, *first_seen, packed);
        }
        let mut schedule = Schedule::new(rules, relay);
        schedule.add_hints(&saved.hints);
        let private = rules.is_private();
        let service = own.as_ref().map(|own| Service::new(own.relay(), &own.keys().mailbox_secret, private));
        let mut core = Self {
            turn: Turn::new(rng, network, view, Paths::new(saved.guards)),
            directory: Directory::new(schedule, relay.is_some()),
            own,
            circuits: Circuits::default(),
            commands: Commands::default(),
            hosting: Hosting::new(service),
            links: Links::default(),
            saved_at: now,
        };
        core.use_onion_keys();
        core
    }

    /// This relay's id; `None` at a client.
    #[must_use]
    pub fn own_relay(&self) -> Option<RelayId> {
        self.own.as_ref().map(OwnRelay::relay)
    }

    /// netd is there. `identity` and addresses as it says them, for a relay.
    pub fn netd_up(&mut self, now: Timestamp, bootstraps: u16, seen: Option<Appearance>) {
        self.turn.now = now;
        self.turn.netd = true;
        self.turn.wish(Event::Directory(DirectoryEvent::Bootstraps(bootstraps)));
        if let (Some(own), Some(appearance)) = (&mut self.own, seen) {
            own.appear(appearance);
        }
        self.tick(now);
    }

    /// netd is gone, and all links with it.
    pub fn netd_down(&mut self, now: Timestamp) {
        self.turn.now = now;
        self.turn.netd = false;
        self.link_event(now, LinksEvent::AllDown);
    }

    /// A link that somebody opened to us.
    pub fn link_in(&mut self, now: Timestamp, link: LinkId, peer: LinkKey) {
        self.link_event(now, LinksEvent::In(link, peer));
    }

    /// A link is gone.
    pub fn link_down(&mut self, now: Timestamp, link: LinkId) {
        self.link_event(now, LinksEvent::Down(link));
    }

    /// What became of a [`CoreOutput::Dial`]: the link and the other side's link key, or nothing.
    pub fn dialled(&mut self, now: Timestamp, dial: DialId, link: Option<(LinkId, LinkKey)>) {
        self.link_event(now, LinksEvent::Dialled(dial, link));
    }

    fn link_event(&mut self, now: Timestamp, event: LinksEvent) {
        self.turn.now = now;
        self.links.handle(&mut self.turn, event);
        self.settle();
    }

    /// Cells came over a link, in order.
    pub fn cells(&mut self, now: Timestamp, link: LinkId, untrusted_batch: &[u8]) {
        self.turn.now = now;
        self.turn.network.cells(now, &mut self.turn.rng, link, untrusted_batch);
        self.settle();
    }

    /// Takes up to `max` cells off a link.
    pub fn drain(&mut self, link: LinkId, max: usize) -> Vec<u8> {
        self.turn.network.drain(link, max)
    }

    /// Contact points of an invite.
    pub fn add_hints(&mut self, now: Timestamp, hints: &[Hint]) {
        self.turn.now = now;
        self.turn.wish(Event::Directory(DirectoryEvent::Hints(hints.to_vec())));
        self.tick(now);
    }

    /// Up to `count` relays for a new queue's replicas, none of `avoid`.
    #[must_use]
    pub fn pick_mailboxes(&mut self, now: Timestamp, count: usize, avoid: &[RelayId]) -> Vec<RelayId> {
        self.turn.paths.pick_mailboxes(now, &mut self.turn.rng, &self.turn.view, (count, avoid))
    }

    /// Asks for a circuit to a relay. [`CoreOutput::Opened`] answers; the same isolation, lane and relay share one.
    pub fn open(&mut self, now: Timestamp, open: OpenId, isolation: Isolation) {
        self.circuit_wish(now, CircuitsEvent::Open(open, isolation));
    }

    /// A caller lets go of a circuit. The last one closes it.
    pub fn release(&mut self, now: Timestamp, circuit: CircuitHandle) {
        self.circuit_wish(now, CircuitsEvent::Release(circuit));
    }

    /// Gives a command on an open circuit. [`CoreOutput::Answered`] answers.
    pub fn ask(&mut self, now: Timestamp, id: AskId, circuit: CircuitHandle, ask: Ask) {
        self.command_wish(now, CommandsEvent::Ask(id, circuit, ask));
    }

    /// A subscription brings more than may be un-acked at a time: the asked relay breaks the rules.
    pub fn overrun(&mut self, now: Timestamp, id: AskId) {
        self.command_wish(now, CommandsEvent::Overrun(id));
    }

    fn command_wish(&mut self, now: Timestamp, event: CommandsEvent) {
        self.turn.now = now;
        self.turn.wish(Event::Commands(event));
        self.settle();
    }

    fn circuit_wish(&mut self, now: Timestamp, event: CircuitsEvent) {
        self.turn.now = now;
        self.turn.wish(Event::Circuits(event));
        self.settle();
    }

    /// What the mailbox disk answered.
    pub fn disk(&mut self, now: Timestamp, ticket: Ticket, reply: DiskReply) {
        self.turn.now = now;
        self.hosting.disk(&mut self.turn, ticket, reply);
        self.settle();
    }

    /// The mailbox disk is there again after it answered [`DiskReply::Lost`].
    pub fn disk_back(&mut self, now: Timestamp) {
        self.turn.now = now;
        self.hosting.disk_back(&mut self.turn);
        self.settle();
    }

    /// From now on this relay's mailbox does that, or is honest again.
    #[cfg(any(test, feature = "simulation"))]
    pub fn lie(&mut self, lie: Option<Lie>) {
        self.hosting.lie = lie;
    }

    /// Hands events on until there are none.
    fn settle(&mut self) {
        while let Some(event) = self.turn.next() {
            match event {
                Event::Links(event) => self.links.handle(&mut self.turn, event),
                Event::Directory(event) => self.directory.handle(&mut self.turn, event),
                Event::Circuit(event) if self.directory.owns(event.circuit()) => {
                    self.directory.handle(&mut self.turn, DirectoryEvent::Circuit(event));
                }
                Event::Circuit(event) => self.circuits.handle(&mut self.turn, CircuitsEvent::Circuit(event)),
                Event::Circuits(event) => self.circuits.handle(&mut self.turn, event),
                Event::Commands(event) => self.commands.handle(&mut self.turn, event),
                Event::Hosting(event) => self.hosting.handle(&mut self.turn, event),
            }
        }
    }

    /// Whether netd is there.
    #[must_use]
    pub fn has_netd(&self) -> bool {
        self.turn.netd
    }

    /// What `status` and watchers are told.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> NetworkState {
        let usable = self.turn.paths.usable(now, &self.turn.view);
        let circuits = self.circuits.standing();
        let facts = StageFacts {
            netd: self.turn.netd,
            search: self.directory.search(),
            usable,
            enough: self.turn.paths.enough(now, &self.turn.view),
            circuits,
            proven: self.circuits.proven().is_some_and(|at| now.since(at) < PROOF_LASTS),
            guards_unreachable: self.turn.paths.guards().are_unreachable(),
        };
        NetworkState {
            stage: facts.stage(),
            relays_known: self.turn.view.len(),
            relays_usable: usable,
            circuits,
            guard: self.turn.paths.guards().guard(),
        }
    }

    /// Whether a relay is kept out of paths now, for what it failed at.
    #[must_use]
    pub fn avoids(&self, now: Timestamp, relay: RelayId) -> bool {
        self.turn.paths.avoids(now, relay)
    }

    /// How much there is of everything.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.turn.network.counts()
    }

    /// The directory as this process sees it.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.turn.view
    }

    /// The next output.
    pub fn output(&mut self) -> Option<CoreOutput> {
        self.turn.told()
    }

    // ---- time

    /// Time passes: call it once a second.
    pub fn tick(&mut self, now: Timestamp) {
        self.turn.now = now;
        self.turn.network.tick(now);
        if self.turn.view.expire(now) {
            self.turn.unsaved = true;
        }
        self.tick_own(now);
        if self.turn.netd {
            self.turn.wish(Event::Directory(DirectoryEvent::Tick));
            self.settle();
        }
        self.circuits.handle(&mut self.turn, CircuitsEvent::Tick);
        self.commands.handle(&mut self.turn, CommandsEvent::Tick);
        self.links.handle(&mut self.turn, LinksEvent::Tick);
        self.settle();
        self.save_if_due(now);
    }

    /// Rotates this relay's keys and announces it anew where that is due. The state is saved before anyone hears of it.
    fn tick_own(&mut self, now: Timestamp) {
        let Some(own) = &mut self.own else { return };
        if own.tick(now, &mut self.turn.rng) != crate::directory::Tick::NewDescriptor {
            return;
        }
        let (relay, descriptor) = (own.relay(), own.descriptor().map(<[u8]>::to_vec));
        self.use_onion_keys();
        self.save(now);
        if let Some(descriptor) = descriptor {
            // Its own descriptor stands in its view like any other: that is how others learn it.
            let _ = self.turn.view.accept(now, &descriptor);
            self.turn.network.set_descriptor(descriptor);
            self.turn.wish(Event::Directory(DirectoryEvent::Announce(relay)));
        }
    }

    fn use_onion_keys(&mut self) {
        if let Some(own) = &self.own {
            let keys = own.keys().onion.iter().map(|key| OnionKey::from_secret(key.secret().to_bytes()));
            self.turn.network.set_onion_keys(keys.collect());
        }
    }

    fn save_if_due(&mut self, now: Timestamp) {
        let guards = self.turn.paths.take_changed();
        let since = now.since(self.saved_at);
        if guards || (self.turn.unsaved && (since >= SAVE_EVERY || now < self.saved_at)) {
            self.save(now);
        }
    }

    fn save(&mut self, now: Timestamp) {
        self.turn.unsaved = false;
        self.saved_at = now;
        let bytes = self.saved_state();
        self.turn.tell(CoreOutput::Save(bytes));
    }

    /// The state as it would be saved now, for a last save before a stop.
    #[must_use]
    pub fn saved_state(&self) -> Vec<u8> {
        let descriptors =
            self.turn.view.entries().map(|(_, entry)| (entry.first_seen(), entry.packed().to_vec()));
        Saved {
            guards: self.turn.paths.guards().saved().clone(),
            hints: self.directory.hints().to_vec(),
            descriptors: descriptors.collect(),
            keys: self.own.as_ref().map(|own| own.keys().clone()),
        }
        .pack()
    }
}
