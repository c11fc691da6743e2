//! stored: the mailbox disk of a relay, over the edge onion-stored.

use ipc_schema::Timestamp;
use ipc_schema::edge::onion_stored::{Counts, DiskCounts, Expire};
use ipc_schema::edge::{Failed, send};
use ipc_schema::edges::onion_stored_capnp::mailbox_disk;
use ipc_schema::rpc::Peer;

use crate::mailbox::disk::{DiskReply, DiskRequest};

/// Carries out one request. Whatever goes wrong on the way is [`DiskReply::Lost`]: nothing is known then of what was asked.
pub async fn ask(disk: &Peer<mailbox_disk::Client>, request: DiskRequest) -> DiskReply {
    match disk.present() {
        Some(disk) => request.send(&disk).await,
        None => DiskReply::Lost(Failed::Gone),
    }
}

/// What is on the disk; zeros while it is away.
pub async fn counts(disk: &Peer<mailbox_disk::Client>) -> DiskCounts {
    let Some(disk) = disk.present() else { return DiskCounts::default() };
    match send(&disk, &Counts {}).await {
        Ok(Ok(counts)) => counts,
        Err(_) => DiskCounts::default(),
    }
}

/// Has the disk forget what is over.
pub async fn expire(disk: &Peer<mailbox_disk::Client>, now: Timestamp) {
    if let Some(disk) = disk.present() {
        // It is told again in an hour.
        let _ = send(&disk, &Expire { now }).await;
    }
}
