//! What the core does by itself as time passes: keys, descriptors, the directory's schedule, idle links, the state to be kept.

use std::time::Duration;

use ipc_schema::Timestamp;

use super::event::{CircuitsEvent, CommandsEvent, CoreOutput, DirectoryEvent, Event, LinksEvent};
use super::onion::OnionCore;
use super::saved::Saved;
use crate::handshake::OnionKey;

/// How often what changed in the directory alone is written to the state file. Keys and guards are written at once.
const SAVE_EVERY: Duration = Duration::from_secs(60);

impl OnionCore {
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

    pub(super) fn use_onion_keys(&mut self) {
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
