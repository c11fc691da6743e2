//! Processes that die at any moment and are started again, as the supervisor does.

use onion::core::Input;

use crate::world::{Event, Part, Who, World};

impl World {
    /// SIGKILL; the supervisor starts it again in a moment.
    pub fn kill(&mut self, who: Who, part: Part) {
        self.stop(who, part);
        let wait = 50 + self.below(300);
        if part == Part::Keyvault {
            // stored goes with it, and its person has to type the passphrase.
            self.stop(who, Part::Stored);
            let wait = wait + 1_000;
            self.after(wait, Event::Start(who, Part::Keyvault));
            self.after(wait + 50, Event::Start(who, Part::Stored));
        } else {
            self.after(wait, Event::Start(who, part));
        }
    }

    /// Power off, and on again after so many ms.
    pub fn power_off(&mut self, who: Who, millis: u64) {
        for part in [Part::Netd, Part::Onion, Part::Keyvault, Part::Stored] {
            self.stop(who, part);
            self.after(millis, Event::Start(who, part));
        }
    }

    /// The process dies now, and nothing starts it.
    pub fn stop(&mut self, who: Who, part: Part) {
        if !self.is_there(who, part) {
            return;
        }
        self.nodes[who].dies(part);
        match part {
            Part::Netd => {
                self.nodes[who].netd = false;
                self.lose_all_links(who);
                if let Some(onion) = &self.nodes[who].onion {
                    onion.shell.links.clear();
                    onion.shell.handle(Input::NetdDown);
                }
            }
            Part::Onion => {
                self.nodes[who].onion = None;
                // netd closes the links of an onion that hangs up.
                self.lose_all_links(who);
            }
            Part::Stored if who < self.relays => self.relay(who).stored = None,
            Part::Stored => self.person(who).stored = None,
            Part::Keyvault => self.person(who).keyvault_dies(),
        }
    }

    /// Whether that process lives.
    fn is_there(&self, who: Who, part: Part) -> bool {
        let node = &self.nodes[who];
        match (part, &node.person, &node.relay) {
            (Part::Netd, ..) => node.netd,
            (Part::Onion, ..) => node.onion.is_some(),
            (Part::Stored, Some(person), _) => person.stored.is_some(),
            (Part::Keyvault, Some(person), _) => person.keyvault.is_some(),
            (Part::Stored, _, relay) => relay.as_ref().is_some_and(|relay| relay.stored.is_some()),
            (Part::Keyvault, None, _) => false,
        }
    }

    /// Whether that process does what it is there for: a person's stored does once the vault is open.
    pub fn is_up(&self, who: Who, part: Part) -> bool {
        match part {
            Part::Stored if who >= self.relays => self.shell(who).is_some(),
            part => self.is_there(who, part),
        }
    }

    fn lose_all_links(&mut self, who: Who) {
        let links: Vec<_> = self.nodes[who].links.keys().copied().collect();
        links.into_iter().for_each(|link| self.lose_link(who, link, false));
    }

    pub fn start(&mut self, who: Who, part: Part) {
        if self.is_there(who, part) {
            return;
        }
        match part {
            Part::Netd => {
                self.nodes[who].netd = true;
                self.netd_up(who);
            }
            Part::Onion => self.onion_starts(who),
            Part::Stored if who < self.relays => self.disk_starts(who),
            Part::Stored => self.stored_starts(who),
            Part::Keyvault if who < self.relays => {}
            Part::Keyvault => self.keyvault_starts(who),
        }
    }

    /// Kills at random moments from now on.
    pub fn begin_chaos(&mut self, chaos: crate::world::Chaos) {
        self.chaos = chaos;
        let wait = 1 + self.below(2 * chaos.every);
        self.after(wait, Event::Chaos);
    }

    pub fn chaos(&mut self) {
        if self.chaos.left == 0 {
            return;
        }
        self.chaos.left -= 1;
        let nodes = self.nodes.len() as u64;
        let first = if self.chaos.relays { 0 } else { self.relays as u64 };
        let who = usize::try_from(first + self.below(nodes - first)).unwrap();
        let parts = [Part::Netd, Part::Onion, Part::Stored, Part::Keyvault];
        match parts.get(usize::try_from(self.below(5)).unwrap()) {
            Some(Part::Keyvault) if who < self.relays => self.kill(who, Part::Onion),
            Some(part) => self.kill(who, *part),
            None => {
                let wait = 100 + self.below(3_000);
                self.power_off(who, wait);
            }
        }
        self.check();
        let wait = 1 + self.below(2 * self.chaos.every);
        self.after(wait, Event::Chaos);
    }
}
