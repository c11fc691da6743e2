//! A relay's mailbox service and its real disk; the edge between them.

use ipc_schema::Timestamp;
use ipc_schema::edge::Failed;
use onion::core::Input;
use onion::id::RelayId;
use onion::mailbox::disk::Placed;
use onion::mailbox::{DiskReply, DiskRequest, Ticket};
use stored::error::StoreError;
use stored::mailboxes::{Bounds, Mailboxes};

use crate::wires::Lie;
use crate::world::{Edge, Event, Part, Who, World, folder};

pub struct Relay {
    pub disk: Option<Mailboxes>,
    folder: tempfile::TempDir,
    /// What onion waits for.
    asked: Vec<Ticket>,
}

impl Relay {
    pub fn new() -> Self {
        Self { disk: None, folder: folder(), asked: Vec::new() }
    }

    pub fn disk_starts(&mut self) {
        let path = self.folder.path().join("mailboxes.db");
        self.disk = Some(Mailboxes::open(&path, Bounds::default()).unwrap());
    }

    /// Envelopes that wait, and queues.
    pub fn waiting(&self) -> (u64, u64) {
        let totals = self.disk.as_ref().unwrap().totals().unwrap();
        (totals.messages, totals.queues)
    }
}

impl World {
    pub fn relay(&mut self, who: Who) -> &mut Relay {
        self.nodes[who].relay.as_mut().unwrap()
    }

    pub fn relay_id(&self, who: Who) -> RelayId {
        self.nodes[who].onion.as_ref().unwrap().own_relay().unwrap()
    }

    /// Whether a person's onion keeps a relay out of its paths now.
    pub fn avoids(&self, who: Who, relay: Who) -> bool {
        let relay = self.relay_id(relay);
        self.nodes[who].onion.as_ref().is_some_and(|core| core.avoids(self.clock(who), relay))
    }

    /// A relay's onion has started.
    pub fn mailbox_starts(&mut self, who: Who) {
        self.relay(who).asked.clear();
        self.tell_mailbox_to_lie(who);
    }

    pub fn tell_mailbox_to_lie(&mut self, who: Who) {
        let lie = match self.nodes[who].lie {
            Lie::Silent => Some(onion::core::Lie::Silent),
            Lie::NoiseForAnswers => Some(onion::core::Lie::Noise),
            _ => None,
        };
        if let Some(core) = &mut self.nodes[who].onion {
            core.lie(lie);
        }
    }

    pub fn wants_disk(&mut self, who: Who, ticket: Ticket, request: DiskRequest) {
        if self.is_up(who, Part::Stored) {
            self.relay(who).asked.push(ticket);
            self.over(who, Edge::OnionStored, Event::Disk(who, ticket, Box::new(request)));
        } else {
            self.say(who, ticket, DiskReply::Lost(Failed::Gone));
        }
    }

    fn say(&mut self, who: Who, ticket: Ticket, reply: DiskReply) {
        self.over(who, Edge::StoredOnion, Event::DiskSaid(who, ticket, Box::new(reply)));
    }

    pub fn ask_disk(&mut self, who: Who, ticket: Ticket, request: DiskRequest) {
        let now = self.clock(who);
        let forgets = self.nodes[who].lie == Lie::Forgets;
        let Some(disk) = &self.relay(who).disk else { return };
        let reply = match request {
            DiskRequest::Put(_) if forgets => DiskReply::Put(Ok(Placed { id: [1; 16], stored: false })),
            request => {
                let mut reply = DiskReply::Lost(Failed::Gone);
                disk.together(|disk| {
                    reply = carry_out(disk, now, request)?;
                    Ok(())
                })
                .unwrap();
                reply
            }
        };
        self.say(who, ticket, reply);
    }

    pub fn disk_said(&mut self, who: Who, ticket: Ticket, reply: DiskReply) {
        let node = &mut self.nodes[who];
        let Some(relay) = &mut node.relay else { return };
        relay.asked.retain(|asked| *asked != ticket);
        self.onion_hears(who, Input::Disk(ticket, reply));
    }

    /// The disk is gone: onion hears that of all it waits for.
    pub fn disk_dies(&mut self, who: Who) {
        let relay = self.relay(who);
        relay.disk = None;
        let asked = std::mem::take(&mut relay.asked);
        if self.nodes[who].onion.is_some() {
            asked.into_iter().for_each(|ticket| self.say(who, ticket, DiskReply::Lost(Failed::Gone)));
        }
    }

    pub fn disk_is_back(&mut self, who: Who) {
        let now = self.clock(who);
        let relay = self.relay(who);
        relay.disk_starts();
        relay.disk.as_ref().unwrap().expire(now).unwrap();
        self.onion_hears(who, Input::DiskBack);
    }
}

/// What the edge onion-stored does with bytes, done with types.
fn carry_out(disk: &Mailboxes, now: Timestamp, request: DiskRequest) -> Result<DiskReply, StoreError> {
    Ok(match request {
        DiskRequest::Create(call) => DiskReply::Create(disk.create(&call, now)?),
        DiskRequest::ByReceiver(call) => {
            disk.touch(&call.receiver_queue, now)?;
            DiskReply::ByReceiver(Ok(disk.by_receiver(&call.receiver_queue)?))
        }
        DiskRequest::BySender(call) => DiskReply::BySender(Ok(disk.by_sender(&call.sender_queue)?)),
        DiskRequest::Secure(call) => DiskReply::Secure(disk.secure(&call)?),
        DiskRequest::Put(call) => DiskReply::Put(disk.put(&call, now)?),
        DiskRequest::Read(call) => DiskReply::Read(Ok(disk.read(&call)?)),
        DiskRequest::Ack(call) => DiskReply::Ack(disk.ack(&call, now)?),
        DiskRequest::Delete(call) => DiskReply::Delete(disk.delete(&call)?),
        DiskRequest::LeaveBlob(call) => DiskReply::LeaveBlob(disk.leave_blob(&call, now)?),
        DiskRequest::Blob(call) => DiskReply::Blob(Ok(disk.blob(&call)?)),
        DiskRequest::BindBlob(call) => DiskReply::BindBlob(disk.bind_blob(&call)?),
        DiskRequest::DropBlob(call) => DiskReply::DropBlob(disk.drop_blob(&call)?),
        DiskRequest::Expire(call) => DiskReply::Expire(Ok(disk.expire(call.now)?)),
        DiskRequest::Counts(_) => DiskReply::Counts(Ok(disk.totals()?)),
    })
}
