//! Processes that die at any moment and are started again, as the supervisor does.

use onion::core::OnionCore;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use stored::engine::Input;

use crate::world::{Event, NETWORK, Part, Who, World};

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
        if !self.is_up(who, part) {
            return;
        }
        self.nodes[who].dies(part);
        match part {
            Part::Netd => {
                self.nodes[who].netd = false;
                self.lose_all_links(who);
                self.onion_hears(who, onion::core::Input::NetdDown);
                self.tell_state(who);
            }
            Part::Onion => {
                self.nodes[who].onion = None;
                // netd closes the links of an onion that hangs up.
                self.lose_all_links(who);
                if let Some(person) = &mut self.nodes[who].person {
                    let told = person.onion_dies();
                    told.into_iter().for_each(|input| self.tell(who, input));
                    self.tell(who, Input::OnionGone);
                }
            }
            Part::Stored if who < self.relays => self.disk_dies(who),
            Part::Stored => {
                self.person(who).stored_dies();
                self.hang_up(who);
            }
            Part::Keyvault => self.person(who).keyvault_dies(),
        }
    }

    fn lose_all_links(&mut self, who: Who) {
        let links: Vec<_> = self.nodes[who].links.keys().copied().collect();
        links.into_iter().for_each(|link| self.lose_link(who, link, false));
    }

    pub fn start(&mut self, who: Who, part: Part) {
        if self.is_up(who, part) {
            return;
        }
        match part {
            Part::Netd => {
                self.nodes[who].netd = true;
                self.netd_up(who);
            }
            Part::Onion => {
                let now = self.clock(who);
                let node = &mut self.nodes[who];
                let own = Box::new(ChaCha20Rng::from_rng(&mut node.rng));
                let core = match &node.relay {
                    Some(_) => OnionCore::relay(now, own, NETWORK, &node.saved).unwrap(),
                    None => OnionCore::client(now, own, NETWORK, &node.saved),
                };
                node.onion = Some(core);
                if who < self.relays {
                    self.mailbox_starts(who);
                } else {
                    self.tell(who, Input::OnionCame);
                    self.tell_state(who);
                }
                if self.nodes[who].netd {
                    self.netd_up(who);
                }
            }
            Part::Stored if who < self.relays => self.disk_is_back(who),
            Part::Stored => self.start_engine(who),
            Part::Keyvault if who < self.relays => {}
            Part::Keyvault => self.person(who).keyvault_starts(),
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
