//! A machine's onion: the product's shell, with its servers and callers. What netd is to it is done by hand (`wires.rs`).

use std::fs::File;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::child::GrantedEdge;
use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::Settings;
use onion::core::{DialId, Input, LinkKey, OnionCore, Target};
use onion::id::LinkId;
use onion::peers::disk;
use onion::shell::Shell;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;

use crate::process::Process;
use crate::world::{NETWORK, Note, Notes, Part, Who, World};

pub struct Onion {
    process: Process,
    pub shell: Rc<Shell>,
}

impl World {
    pub fn onion_starts(&mut self, who: Who) {
        let (process, machine) = (Process::start(&self.tasks), self.machine(who));
        let (node, relay) = (&self.nodes[who], who < self.relays);
        let settings = Settings {
            relay,
            network_id: NETWORK,
            network_name: "simulated".to_owned(),
            ..Settings::default()
        };
        let state = File::try_clone(&node.state).unwrap();
        let (shell, wanted) = onion::serve::open(settings, Some(state), machine).unwrap();
        shell.set_pulse(Duration::from_millis(self.pulse));
        let wishes = dial(who, node.life(Part::Onion), wanted.dials, self.notes.clone());
        process.inside(|| {
            spawn_local(wishes);
            if relay {
                spawn_local(disk::follow(shell.clone()));
                spawn_local(disk::ask_wanted(shell.clone(), wanted.of_disk));
            }
            spawn_local(shell.clone().run(wanted.releases));
        });
        self.nodes[who].onion = Some(Onion { process, shell });
        if relay {
            self.tell_mailbox_to_lie(who);
            self.join_disk(who);
        } else {
            self.join_onion(who);
        }
        if self.nodes[who].netd {
            self.netd_up(who);
        }
    }

    /// Something happens to a machine's onion.
    pub fn onion_hears(&self, who: Who, input: Input<'_>) {
        if let Some(onion) = &self.nodes[who].onion {
            onion.shell.handle(input);
        }
    }

    /// Looks at a machine's onion, if it is there.
    pub fn look<T>(&self, who: Who, at: impl FnOnce(&OnionCore, Timestamp) -> T) -> Option<T> {
        self.nodes[who].onion.as_ref().map(|onion| onion.shell.look(at))
    }
}

impl Onion {
    pub fn joins(&self, name: &str, caller: bool, ends: EdgeEnds) {
        let edge = GrantedEdge { name: name.to_owned(), caller, ends };
        self.process.inside(|| onion::serve::join(&self.shell, edge)).unwrap();
    }

    /// Takes up a link that netd gives it, as it does itself where netd is real.
    pub fn has_link(&self, who: Who, link: LinkId, dialled: Option<LinkKey>, notes: &Rc<Notes>) {
        let wake = Rc::new(Notify::new());
        let held = hold(Held { who, link, notes: notes.clone() }, wake.clone());
        let writer = self.process.inside(|| spawn_local(held)).abort_handle();
        self.shell.links.open(link, dialled, wake, writer);
    }
}

/// A link that onion holds; netd closes it when onion lets go of it.
struct Held {
    who: Who,
    link: LinkId,
    notes: Rc<Notes>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.notes.push(Note::LetGo(self.who, self.link));
    }
}

async fn hold(held: Held, wake: Rc<Notify>) {
    loop {
        wake.notified().await;
        held.notes.push(Note::Ready(held.who, held.link));
    }
}

async fn dial(who: Who, life: u64, mut wanted: UnboundedReceiver<(DialId, Target)>, notes: Rc<Notes>) {
    while let Some((id, target)) = wanted.recv().await {
        notes.push(Note::Dial(who, life, id, target));
    }
}
