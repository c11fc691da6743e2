//! A relay's mailbox service joined with the core that has its streams: what it wants done is done in order, and what is left is for the
//! disk.

use std::collections::VecDeque;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::disk::{DiskReply, DiskRequest, Ticket};
use super::service::{Output, Service};
use crate::core::OnionCore;
use crate::event::{SendError, ServiceEvent};

/// The core, and what a step of it takes.
pub struct Step<'a> {
    /// The core that has the circuits.
    pub core: &'a mut OnionCore,
    /// The clock.
    pub now: Timestamp,
}

/// The service of one relay and what it wants.
#[derive(Debug)]
pub struct Host {
    service: Service,
    wanted: VecDeque<Output>,
}

impl Host {
    /// The service of a relay; `None` at a client. `private`: of a private network, where work is light.
    #[must_use]
    pub fn new(core: &OnionCore, private: bool) -> Option<Self> {
        let service = Service::new(core.own_relay()?, core.mailbox_secret()?, private);
        Some(Self { service, wanted: VecDeque::new() })
    }

    /// Something happened on a stream of the service.
    pub fn event(&mut self, now: Timestamp, rng: &mut impl CryptoRng, event: ServiceEvent) {
        match event {
            ServiceEvent::Message(message) => self.wanted.extend(self.service.message(now, rng, &message)),
            ServiceEvent::Drained(stream) => self.wanted.extend(self.service.drained(stream)),
            ServiceEvent::Ended(stream) => self.service.ended(stream),
        }
    }

    /// What the disk answered.
    pub fn disk(&mut self, now: Timestamp, rng: &mut impl CryptoRng, ticket: Ticket, reply: DiskReply) {
        self.wanted.extend(self.service.disk(now, rng, ticket, reply));
    }

    /// The disk is there again after it answered [`DiskReply::Lost`].
    pub fn disk_is_back(&mut self) {
        self.wanted.extend(self.service.disk_is_back());
    }

    /// Whether something is wanted: call [`Self::next`].
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// The next thing for the disk; what is for the streams is done on the way.
    pub fn next(&mut self, step: Step<'_>) -> Option<(Ticket, DiskRequest)> {
        let Step { core, now } = step;
        loop {
            match self.wanted.pop_front()? {
                Output::Disk(ticket, request) => return Some((ticket, request)),
                Output::Reply(to, message) => {
                    if core.reply(now, to, &message) == Err(SendError::QueueFull) {
                        self.wanted.extend(self.service.refused(to, message));
                    }
                }
                Output::Expel(stream) => core.expel(now, stream),
                Output::Hold(stream, hold) => core.hold(now, stream, hold),
            }
        }
    }
}
