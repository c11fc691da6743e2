//! The onion core, without I/O: links, circuits and streams (`network`) joined with the directory, the choice of paths and the
//! mailboxes of both sides. [`OnionCore::handle`] takes what happened and says what to do.
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
//! | `dials.rs` | what netd is to reach | links that come, go and are wanted |
//! | `directory.rs` | the schedule of whom to ask, its jobs' circuits | contact points, the answers of others, the questions of others |
//! | `circuits.rs` | circuits for callers, who holds and who shares them | wishes, circuits that stand and fail |
//! | `commands.rs` | the client's half of mailbox streams | commands, relays' answers |
//! | `hosting.rs` | the relay's half of mailbox streams | strangers' requests, the disk's answers |
//!
//! Nothing here reads a clock; chance is what the core was made with.

mod circuits;
mod commands;
mod dials;
mod directory;
mod event;
mod hosting;
mod saved;
#[cfg(test)]
mod tests;
mod turn;

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::stored_onion::Stage;
use rand_core::CryptoRng;

#[cfg(any(test, feature = "simulation"))]
pub use hosting::Lie;

pub use event::{
    Ask, AskError, AskId, Brings, DialId, Input, LinkKey, OpenId, Opened, Output, Pushed, Target,
};

use self::circuits::Circuits;
use self::commands::Commands;
use self::dials::Dials;
use self::directory::Directory;
use self::event::{CircuitsEvent, CommandsEvent, DirectoryEvent, Event, LinksEvent};
use self::hosting::Hosting;
use self::saved::Saved;
use self::turn::Turn;
use crate::directory::{Appearance, NetworkRules, OwnRelay, RelayKeys, Schedule, Tick, View};
use crate::handshake::{OnionKey, RelaySide};
use crate::id::{LinkId, RelayId};
use crate::mailbox::Service;
use crate::network::{Counts, Network};
use crate::path::stage::PROOF_LASTS;
use crate::path::{MailboxesWanted, Paths, StageFacts};
use crate::state::StateError;

/// How often what changed in the directory alone is written to the state file. Keys and guards are written at once.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// How long a person is told that the guards were lost: over a few looks at `status`, and until a copy can be had.
const LOSS_TOLD: Duration = Duration::from_secs(7 * 86_400);

/// Between two inputs, of which a tick is one each second, a clock that goes on as it should moves by less, milliseconds.
const CLOCK_LEAP_MS: u64 = 10_000;

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
    /// What relays say of this clock; `None`: not enough of them were heard.
    pub clock: Option<ClockOffset>,
    /// Not long ago the guards were lost, and others were drawn.
    pub guards_lost: bool,
}

/// One process's onion.
pub struct OnionCore {
    turn: Turn,
    flows: Flows,
    /// What a relay says of itself; nothing at a client.
    own: Option<OwnRelay>,
    saved_at: Timestamp,
    /// When the guards were lost with the state file; 0 never.
    lost: Timestamp,
}

/// Each knows only itself.
struct Flows {
    dials: Dials,
    directory: Directory,
    circuits: Circuits,
    commands: Commands,
    hosting: Hosting,
}

impl std::fmt::Debug for OnionCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnionCore").field("network", &self.turn.network).finish_non_exhaustive()
    }
}

impl OnionCore {
    /// A client of the network with that id, with what its state file holds; with an empty one everything is learnt anew.
    ///
    /// # Errors
    /// [`StateError::Newer`], [`StateError::OtherNetwork`].
    pub fn client(
        now: Timestamp,
        rng: Box<dyn CryptoRng>,
        network_id: [u8; 32],
        state: &[u8],
    ) -> Result<Self, StateError> {
        let rules = NetworkRules::new(network_id);
        let saved = match Saved::parse(state, network_id) {
            _ if state.is_empty() => Saved::default(),
            Err(StateError::Unreadable) => Saved { lost: now, ..Saved::default() },
            saved => saved?,
        };
        Ok(Self::new(now, rng, rules, saved, None))
    }

    /// What the state file held is lost, and a person goes on without.
    pub fn state_was_lost(&mut self, now: Timestamp) {
        self.lost = now;
    }

    /// A relay of that network. Its keys are in the state; with an empty one it is a new relay.
    ///
    /// # Errors
    /// [`StateError::Unreadable`]: there is a state, and no keys can be read from it. [`StateError::Newer`],
    /// [`StateError::OtherNetwork`].
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
            let mut saved = Saved::parse(state, network_id)?;
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
        let network_id = rules.network_id();
        let network = match relay {
            Some(relay) => Network::relay(RelaySide { relay, network: network_id, onion_keys: Vec::new() }),
            None => Network::client(network_id),
        };
        let mut view = View::new(rules);
        for (first_seen, packed) in &saved.descriptors {
            view.restore(now, *first_seen, packed);
        }
        let mut schedule = Schedule::new(rules, relay);
        schedule.add_hints(&saved.hints);
        let service =
            own.as_ref().map(|own| Service::new(own.relay(), &own.keys().mailbox_secret, rules.is_private()));
        let mut core = Self {
            turn: Turn::new(rng, network, view, Paths::new(saved.guards)),
            flows: Flows {
                dials: Dials::default(),
                directory: Directory::new(schedule, relay),
                circuits: Circuits::default(),
                commands: Commands::default(),
                hosting: Hosting::new(service),
            },
            own,
            saved_at: now,
            lost: saved.lost,
        };
        core.use_onion_keys();
        core
    }

    /// Takes what happened, and says what to do, in order.
    pub fn handle(&mut self, now: Timestamp, input: Input<'_>) -> Vec<Output> {
        if now.0.abs_diff(self.turn.now.0) > CLOCK_LEAP_MS {
            self.flows.directory.clock_leapt();
            self.turn.network.clock_leapt(now);
        }
        self.turn.now = now;
        match input {
            Input::Tick => self.tick(),
            Input::NetdUp { bootstraps, seen } => self.netd_up(bootstraps, seen),
            Input::NetdDown => {
                self.turn.netd = false;
                self.links(LinksEvent::AllDown);
            }
            Input::LinkIn(link, peer) => self.links(LinksEvent::In(link, peer)),
            Input::LinkDown(link) => self.links(LinksEvent::Down(link)),
            Input::Dialled(dial, link) => self.links(LinksEvent::Dialled(dial, link)),
            Input::Cells(link, untrusted) => {
                self.turn.network.cells(now, &mut self.turn.rng, link, untrusted);
            }
            Input::AddHints(hints) => {
                self.turn.wish(Event::Directory(DirectoryEvent::Hints(hints)));
                self.tick();
            }
            Input::Open(open, isolation) => {
                self.turn.wish(Event::Circuits(CircuitsEvent::Open(open, isolation)));
            }
            Input::Release(circuit) => self.turn.wish(Event::Circuits(CircuitsEvent::Release(circuit))),
            Input::Ask(id, circuit, ask) => {
                self.turn.wish(Event::Commands(CommandsEvent::Ask(id, circuit, ask)));
            }
            Input::Overrun(id) => self.turn.wish(Event::Commands(CommandsEvent::Overrun(id))),
            Input::Behind(id, behind) => {
                self.turn.wish(Event::Commands(CommandsEvent::Behind(id, behind)));
            }
            Input::Disk(ticket, reply) => self.flows.hosting.disk(&mut self.turn, ticket, reply),
            Input::DiskBack => self.flows.hosting.disk_back(&mut self.turn),
        }
        self.settle();
        self.turn.told()
    }

    fn links(&mut self, event: LinksEvent) {
        self.flows.dials.handle(&mut self.turn, event);
    }

    /// Hands events on until there are none.
    fn settle(&mut self) {
        let Flows { dials, directory, circuits, commands, hosting } = &mut self.flows;
        let turn = &mut self.turn;
        while let Some(event) = turn.next() {
            match event {
                Event::Links(event) => dials.handle(turn, event),
                Event::Directory(event) => directory.handle(turn, event),
                Event::Circuits(event) => circuits.handle(turn, event),
                Event::Commands(event) => commands.handle(turn, event),
                Event::Hosting(event) => hosting.handle(turn, event),
                Event::Circuit(event) if directory.owns(event.circuit()) => {
                    directory.handle(turn, DirectoryEvent::Circuit(event));
                }
                Event::Circuit(event) => circuits.handle(turn, CircuitsEvent::Circuit(event)),
            }
        }
    }

    /// From now on this relay's mailbox does that, or is honest again.
    #[cfg(any(test, feature = "simulation"))]
    pub fn lie(&mut self, lie: Option<Lie>) {
        self.flows.hosting.lie = lie;
    }

    // ---- time

    fn netd_up(&mut self, bootstraps: u16, seen: Option<Appearance>) {
        self.turn.netd = true;
        self.turn.wish(Event::Directory(DirectoryEvent::Bootstraps(bootstraps)));
        if let (Some(own), Some(appearance)) = (&mut self.own, seen) {
            own.appear(appearance);
        }
        self.tick();
    }

    fn tick(&mut self) {
        self.turn.network.tick(self.turn.now);
        if self.turn.view.expire(self.turn.now) {
            self.turn.unsaved = true;
        }
        self.tick_own();
        if self.turn.netd {
            self.turn.wish(Event::Directory(DirectoryEvent::Tick));
        }
        self.turn.wish(Event::Circuits(CircuitsEvent::Tick));
        self.turn.wish(Event::Commands(CommandsEvent::Tick));
        self.turn.wish(Event::Links(LinksEvent::Tick));
        self.settle();
        self.save_if_due();
    }

    /// Rotates this relay's keys and announces it anew where that is due. The state is saved before anyone hears of it.
    fn tick_own(&mut self) {
        let Some(own) = &mut self.own else { return };
        if own.tick(self.turn.now, &mut self.turn.rng) != Tick::NewDescriptor {
            return;
        }
        let (relay, descriptor) = (own.relay(), own.descriptor().map(<[u8]>::to_vec));
        self.use_onion_keys();
        self.save();
        if let Some(descriptor) = descriptor {
            // Its own descriptor stands in its view like any other: that is how others learn it.
            let _ = self.turn.view.accept(self.turn.now, &descriptor);
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

    // ---- what is kept

    fn save_if_due(&mut self) {
        let guards = self.turn.paths.take_changed();
        let now = self.turn.now;
        let due = now.since(self.saved_at) >= SAVE_EVERY || now < self.saved_at;
        if guards || (self.turn.unsaved && due) {
            self.save();
        }
    }

    fn save(&mut self) {
        self.turn.unsaved = false;
        self.saved_at = self.turn.now;
        let bytes = self.saved_state();
        self.turn.tell(Output::Save(bytes));
    }

    /// The state as it would be saved now, for a last save before a stop.
    #[must_use]
    pub fn saved_state(&self) -> Vec<u8> {
        let entries = self.turn.view.entries();
        let descriptors = entries.map(|(_, entry)| (entry.first_seen(), entry.packed().to_vec()));
        Saved {
            network_id: self.turn.view.rules().network_id(),
            lost: self.lost,
            guards: self.turn.paths.guards().saved().clone(),
            hints: self.flows.directory.hints().to_vec(),
            descriptors: descriptors.collect(),
            keys: self.own.as_ref().map(|own| own.keys().clone()),
        }
        .pack()
    }

    // ---- questions

    /// Takes up to `max` cells off a link, to be sent. Empty: [`Output::Ready`] will say when there are any.
    pub fn drain(&mut self, link: LinkId, max: usize) -> Vec<u8> {
        self.turn.network.drain(link, max)
    }

    /// Up to `count` relays for a new queue's replicas, none of `avoid`.
    #[must_use]
    pub fn pick_mailboxes(&mut self, now: Timestamp, count: usize, avoid: &[RelayId]) -> Vec<RelayId> {
        let Turn { rng, view, paths, .. } = &mut self.turn;
        paths.pick_mailboxes(now, rng, view, MailboxesWanted { count, avoid })
    }

    /// This relay's id; `None` at a client.
    #[must_use]
    pub fn own_relay(&self) -> Option<RelayId> {
        self.own.as_ref().map(OwnRelay::relay)
    }

    /// What `status` and watchers are told.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> NetworkState {
        let Turn { view, paths, netd, .. } = &self.turn;
        let circuits = &self.flows.circuits;
        let facts = StageFacts {
            netd: *netd,
            search: self.flows.directory.search(),
            usable: paths.usable(now, view),
            enough: paths.enough(now, view),
            circuits: circuits.standing(),
            proven: circuits.proven().is_some_and(|at| at.is_recent(now, PROOF_LASTS)),
            guards_unreachable: paths.guards().are_unreachable(),
        };
        NetworkState {
            stage: facts.stage(),
            relays_known: view.len(),
            relays_usable: facts.usable,
            circuits: facts.circuits,
            guard: paths.guards().guard(),
            clock: self.flows.directory.clock(),
            guards_lost: self.lost != Timestamp(0) && now.since(self.lost) < LOSS_TOLD,
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
}
