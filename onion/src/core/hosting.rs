//! A relay's mailbox service, between the streams that carry it and the disk that keeps it: what it wants done is done in order.

use std::collections::VecDeque;

use super::event::Output;
use super::turn::Turn;
use crate::event::{SendError, ServiceEvent};
use crate::mailbox::service::Output as Wanted;
use crate::mailbox::{DiskReply, Service, Ticket};

/// What a simulated relay does wrong with whatever it is asked.
#[cfg(any(test, feature = "simulation"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// It never answers.
    Silent,
    /// It answers what no mailbox says.
    Noise,
}

/// The service of this relay; nothing at a client.
#[derive(Debug)]
pub(super) struct Hosting {
    service: Option<Service>,
    #[cfg(any(test, feature = "simulation"))]
    pub(super) lie: Option<Lie>,
}

impl Hosting {
    pub(super) fn new(service: Option<Service>) -> Self {
        Self {
            service,
            #[cfg(any(test, feature = "simulation"))]
            lie: None,
        }
    }

    /// Something happened on a stream of the service.
    pub(super) fn handle(&mut self, turn: &mut Turn, event: ServiceEvent) {
        #[cfg(any(test, feature = "simulation"))]
        if let (Some(lie), ServiceEvent::Message(message)) = (self.lie, &event) {
            if lie == Lie::Noise {
                let mut noise = [0; 60];
                rand_core::Rng::fill_bytes(&mut turn.rng, &mut noise);
                let _ = turn.network.reply(message.from, &noise);
            }
            return;
        }
        let Some(service) = &mut self.service else { return };
        let wanted = match event {
            ServiceEvent::Message(message) => service.message(turn.now, &mut turn.rng, &message),
            ServiceEvent::Drained(stream) => service.drained(turn.now, &mut turn.rng, stream),
            ServiceEvent::Ended(stream) => {
                service.ended(stream);
                Vec::new()
            }
        };
        work_off(service, turn, wanted);
    }

    /// What the disk answered.
    pub(super) fn disk(&mut self, turn: &mut Turn, ticket: Ticket, reply: DiskReply) {
        let Some(service) = &mut self.service else { return };
        let wanted = service.disk(turn.now, &mut turn.rng, ticket, reply);
        work_off(service, turn, wanted);
    }

    /// The disk is there again.
    pub(super) fn disk_back(&mut self, turn: &mut Turn) {
        let Some(service) = &mut self.service else { return };
        let wanted = service.disk_is_back();
        work_off(service, turn, wanted);
    }
}

fn work_off(service: &mut Service, turn: &mut Turn, wanted: Vec<Wanted>) {
    let mut wanted = VecDeque::from(wanted);
    while let Some(next) = wanted.pop_front() {
        match next {
            Wanted::Disk(ticket, request) => turn.tell(Output::Disk(ticket, request)),
            Wanted::Reply(to, message) => {
                if turn.network.reply(to, &message) == Err(SendError::QueueFull) {
                    wanted.extend(service.refused(to, message));
                }
            }
            Wanted::Expel(stream) => turn.network.destroy_passing(stream.circuit),
            Wanted::Hold(stream, hold) => turn.network.hold(stream.circuit, hold),
        }
    }
}
