//! stored: the mailbox disk of a relay, over the edge onion-stored.

use std::rc::Rc;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::onion_stored::{Counts, DiskCounts, Expire};
use ipc_schema::edge::{Failed, send};
use ipc_schema::edges::onion_stored_capnp::mailbox_disk;
use ipc_schema::rpc::Peer;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;

use crate::core::Input;
use crate::mailbox::{DiskReply, DiskRequest, Ticket};
use crate::shell::Shell;

/// How often the disk is told to forget what is over.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// Follows the disk as it comes back, and has it forget what is over.
pub async fn follow(shell: Rc<Shell>) {
    loop {
        let _ = shell.disk.client().await;
        let generation = shell.disk.generation();
        shell.handle(Input::DiskBack);
        while shell.disk.is(generation) {
            expire(&shell.disk, shell.machine.now()).await;
            let _ = tokio::time::timeout(EXPIRE_EVERY, shell.disk.gone(generation)).await;
        }
    }
}

/// Asks the disk what the core wants, in that order.
pub async fn ask_wanted(shell: Rc<Shell>, mut wanted: UnboundedReceiver<(Ticket, DiskRequest)>) {
    while let Some((ticket, request)) = wanted.recv().await {
        spawn_local(carry_out(shell.clone(), ticket, request));
    }
}

/// Carries out one request. Whatever goes wrong on the way is [`DiskReply::Lost`]: nothing is known then of what was asked.
async fn carry_out(shell: Rc<Shell>, ticket: Ticket, request: DiskRequest) {
    let reply = match shell.disk.present() {
        Some(disk) => request.send(&disk).await,
        None => DiskReply::Lost(Failed::Gone),
    };
    shell.handle(Input::Disk(ticket, reply));
}

/// What is on the disk; zeros while it is away.
pub async fn counts(disk: &Peer<mailbox_disk::Client>) -> DiskCounts {
    let Some(disk) = disk.present() else { return DiskCounts::default() };
    match send(&disk, &Counts {}).await {
        Ok(Ok(counts)) => counts,
        Err(_) => DiskCounts::default(),
    }
}

async fn expire(disk: &Peer<mailbox_disk::Client>, now: Timestamp) {
    if let Some(disk) = disk.present() {
        // It is told again in an hour.
        let _ = send(&disk, &Expire { now }).await;
    }
}
