//! A relay's mailbox service on its way between streams and the mailbox disk.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::Timestamp;
use tokio::task::spawn_local;

use crate::core::{OnionCore, SendError, ServiceEvent};
use crate::mailbox::service::{Output, Service};
use crate::mailbox::{DiskReply, DiskRequest, Ticket};
use crate::peers::disk;
use crate::shell::{Shell, random};

/// How often the disk is told to forget what is over.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// The service, and what it wants done, in order.
#[derive(Default)]
pub struct Mailboxes {
    service: RefCell<Option<Service>>,
    wanted: RefCell<VecDeque<Output>>,
    working: Cell<bool>,
}

impl Mailboxes {
    /// The service of a relay; nothing at a client.
    #[must_use]
    pub fn new(core: &OnionCore, private: bool) -> Self {
        let service = match (core.own_relay(), core.mailbox_secret()) {
            (Some(relay), Some(secret)) => Some(Service::new(relay, secret, private)),
            _ => None,
        };
        Self { service: RefCell::new(service), ..Self::default() }
    }

    fn ask(&self, step: impl FnOnce(&mut Service) -> Vec<Output>) {
        if let Some(service) = self.service.borrow_mut().as_mut() {
            self.wanted.borrow_mut().extend(step(service));
        }
    }
}

impl Shell {
    /// Something happened on a stream of the service.
    pub fn service_event(self: &Rc<Self>, event: ServiceEvent) {
        let now = Timestamp::now();
        self.mailboxes.ask(|service| match event {
            ServiceEvent::Message(message) => service.message(now, &mut random(), &message),
            ServiceEvent::Drained(stream) => service.drained(stream),
            ServiceEvent::Ended(stream) => {
                service.ended(stream);
                Vec::new()
            }
        });
        self.work_off();
    }

    /// Does what the service wants, in order: what comes of it on the way waits for its turn.
    fn work_off(self: &Rc<Self>) {
        if self.mailboxes.working.replace(true) {
            return;
        }
        loop {
            let next = self.mailboxes.wanted.borrow_mut().pop_front();
            match next {
                None => break,
                Some(Output::Disk(ticket, request)) => {
                    spawn_local(self.clone().ask_disk(ticket, request));
                }
                Some(Output::Reply(to, message)) => {
                    let sent = self.with(|core, now, rng| core.reply(now, rng, to, &message));
                    if sent == Err(SendError::QueueFull) {
                        self.mailboxes.ask(|service| service.refused(to, message));
                    }
                }
                Some(Output::Expel(stream)) => self.with(|core, now, rng| core.expel(now, rng, stream)),
                Some(Output::Hold(stream, hold)) => {
                    self.with(|core, now, rng| core.hold(now, rng, stream, hold));
                }
            }
        }
        self.mailboxes.working.set(false);
    }

    async fn ask_disk(self: Rc<Self>, ticket: Ticket, request: DiskRequest) {
        let reply: DiskReply = disk::ask(&self.disk, request).await;
        self.mailboxes.ask(|service| service.disk(Timestamp::now(), &mut random(), ticket, reply));
        self.work_off();
    }

    /// Follows the disk as it comes back, and has it forget what is over.
    pub async fn follow_disk(self: Rc<Self>) {
        loop {
            let _ = self.disk.client().await;
            let generation = self.disk.generation();
            self.mailboxes.ask(Service::disk_is_back);
            self.work_off();
            while self.disk.generation() == generation && self.disk.present().is_some() {
                disk::expire(&self.disk, Timestamp::now()).await;
                let _ = tokio::time::timeout(EXPIRE_EVERY, self.disk.changed()).await;
            }
        }
    }
}
