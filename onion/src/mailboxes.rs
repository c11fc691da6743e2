//! A relay's mailbox service on its way between streams and the mailbox disk.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::Timestamp;
use tokio::task::spawn_local;

use crate::core::OnionCore;
use crate::event::ServiceEvent;
use crate::mailbox::{DiskReply, DiskRequest, Host, Step, Ticket};
use crate::peers::disk;
use crate::shell::{Shell, random};

/// How often the disk is told to forget what is over.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// The service; nothing at a client.
#[derive(Default)]
pub struct Mailboxes {
    host: RefCell<Option<Host>>,
    working: Cell<bool>,
}

impl Mailboxes {
    /// The service of a relay; nothing at a client.
    #[must_use]
    pub fn new(core: &OnionCore, private: bool) -> Self {
        Self { host: RefCell::new(Host::new(core, private)), working: Cell::new(false) }
    }

    fn with<T>(&self, step: impl FnOnce(&mut Host) -> T) -> Option<T> {
        self.host.borrow_mut().as_mut().map(step)
    }
}

impl Shell {
    /// Something happened on a stream of the service.
    pub fn service_event(self: &Rc<Self>, event: ServiceEvent) {
        self.mailboxes.with(|host| host.event(Timestamp::now(), &mut random(), event));
        self.work_off();
    }

    /// Does what the service wants, in order: what comes of it on the way waits for its turn.
    fn work_off(self: &Rc<Self>) {
        if self.mailboxes.working.replace(true) {
            return;
        }
        // What a reply leads to may want more, also after the last thing for the disk.
        while self.mailboxes.with(|host| host.is_busy()) == Some(true) {
            if let Some((ticket, request)) = self.next_for_the_disk() {
                spawn_local(self.clone().ask_disk(ticket, request));
            }
        }
        self.mailboxes.working.set(false);
    }

    fn next_for_the_disk(self: &Rc<Self>) -> Option<(Ticket, DiskRequest)> {
        self.with(|core, now| self.mailboxes.with(|host| host.next(Step { core, now })))?
    }

    async fn ask_disk(self: Rc<Self>, ticket: Ticket, request: DiskRequest) {
        let reply: DiskReply = disk::ask(&self.disk, request).await;
        self.mailboxes.with(|host| host.disk(Timestamp::now(), &mut random(), ticket, reply));
        self.work_off();
    }

    /// Follows the disk as it comes back, and has it forget what is over.
    pub async fn follow_disk(self: Rc<Self>) {
        loop {
            let _ = self.disk.client().await;
            let generation = self.disk.generation();
            self.mailboxes.with(Host::disk_is_back);
            self.work_off();
            while self.disk.is(generation) {
                disk::expire(&self.disk, Timestamp::now()).await;
                let _ = tokio::time::timeout(EXPIRE_EVERY, self.disk.gone(generation)).await;
            }
        }
    }
}
