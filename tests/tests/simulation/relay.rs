//! A relay's mailbox service and its real disk: the product's own on both sides of the edge onion-stored, but for a lie.

use std::cell::Cell;
use std::rc::Rc;

use ipc_schema::edge::Served;
use ipc_schema::edge::onion_stored::{self as edge, MailboxDisk, Placed};
use onion::core::OnionCore;
use onion::id::RelayId;
use stored::mailboxes::{Bounds, Mailboxes};
use stored::serve::DiskServer;

use crate::process::Process;
use crate::wires::Lie;
use crate::world::{Who, World, folder};

pub struct Relay {
    pub stored: Option<Stored>,
    folder: tempfile::TempDir,
    forgets: Rc<Cell<bool>>,
}

pub struct Stored {
    pub process: Process,
    pub disk: Rc<Disk>,
}

/// The product's server, unless the relay forgets what it is told to keep.
pub struct Disk {
    honest: Rc<DiskServer>,
    forgets: Rc<Cell<bool>>,
}

impl Relay {
    pub fn new() -> Self {
        Self { stored: None, folder: folder(), forgets: Rc::default() }
    }
}

impl World {
    pub fn relay(&mut self, who: Who) -> &mut Relay {
        self.nodes[who].relay.as_mut().unwrap()
    }

    pub fn relay_id(&self, who: Who) -> RelayId {
        self.look(who, |core, _| core.own_relay()).unwrap().unwrap()
    }

    /// Whether a person's onion keeps a relay out of its paths now.
    pub fn avoids(&self, who: Who, relay: Who) -> bool {
        let relay = self.relay_id(relay);
        self.look(who, |core, now| OnionCore::avoids(core, now, relay)).unwrap_or_default()
    }

    pub fn tell_mailbox_to_lie(&mut self, who: Who) {
        let lie = self.nodes[who].lie;
        self.relay(who).forgets.set(lie == Lie::Forgets);
        if let Some(onion) = &self.nodes[who].onion {
            onion.shell.lie(match lie {
                Lie::Silent => Some(onion::core::Lie::Silent),
                Lie::NoiseForAnswers => Some(onion::core::Lie::Noise),
                _ => None,
            });
        }
    }

    pub fn disk_starts(&mut self, who: Who) {
        let (process, machine) = (Process::start(&self.tasks), self.machine(who));
        let relay = self.relay(who);
        let mailboxes =
            Mailboxes::open(&relay.folder.path().join("mailboxes.db"), Bounds::default()).unwrap();
        let (honest, work) = DiskServer::new(mailboxes, machine);
        process.inside(|| tokio::task::spawn_local(work));
        let disk = Rc::new(Disk { honest: Rc::new(honest), forgets: relay.forgets.clone() });
        relay.stored = Some(Stored { process, disk });
        self.join_disk(who);
    }

    /// The relay's machine is off for so many ms, and its disk is lost with all that lay there: it begins anew with an empty one.
    pub fn loses_disk(&mut self, who: Who, millis: u64) {
        self.power_off(who, millis);
        self.relay(who).folder = folder();
    }

    /// Queues at all relays; nothing while a disk is away.
    pub fn queues(&mut self) -> Option<u64> {
        (0..self.relays).map(|who| self.waiting(who).map(|(_, queues)| queues)).sum()
    }

    /// The edge between a relay's onion and its disk, where both are there.
    pub fn join_disk(&mut self, who: Who) {
        let (ours, theirs) = self.pipes();
        let node = &self.nodes[who];
        if let (Some(onion), Some(Stored { process, disk })) =
            (&node.onion, node.relay.as_ref().and_then(|relay| relay.stored.as_ref()))
        {
            onion.joins("onion-stored", true, ours);
            process.inside(|| disk.clone().serve(theirs)).unwrap();
        }
    }

    /// Envelopes that wait, and queues; nothing while the disk is away.
    pub fn waiting(&mut self, who: Who) -> Option<(u64, u64)> {
        let disk = self.relay(who).stored.as_ref()?.disk.clone();
        let totals = self.done(disk.counts(edge::Counts {})).unwrap().unwrap();
        Some((totals.messages, totals.queues))
    }
}

macro_rules! handed_on {
    ($($method:ident $call:ident)*) => {
        impl MailboxDisk for Disk {
            async fn put(self: Rc<Self>, call: edge::Put) -> Served<edge::Put> {
                if self.forgets.get() {
                    return Ok(Ok(Placed { id: [1; 16], stored: false }));
                }
                self.honest.clone().put(call).await
            }

            $(async fn $method(self: Rc<Self>, call: edge::$call) -> Served<edge::$call> {
                self.honest.clone().$method(call).await
            })*
        }
    };
}

handed_on!(create Create by_receiver ByReceiver by_sender BySender secure Secure read Read ack Ack delete Delete
    leave_blob LeaveBlob blob Blob bind_blob BindBlob drop_blob DropBlob expire Expire counts Counts
    put_chunk PutChunk read_chunks ReadChunks named_chunks NamedChunks ack_chunks AckChunks);
