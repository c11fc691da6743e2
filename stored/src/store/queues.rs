//! Queues: own receive queues, invites that wait on one, invites of others, and the peers' queues.

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::Created;
use ipc_schema::edge::stored_onion::{Key, QueueId};
use rusqlite::Row;

use super::Store;
use crate::error::StoreError;
use crate::ids::{AcceptId, ContactId, InviteId, Isolation, PeerQueueId, ReceiveQueueId, RelayId, SessionId};

/// As the user sees an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words of ui-stored")]
pub enum InviteState {
    Placing,
    Waiting,
    Accepted,
    OpenedTwice,
    Expired,
    Cancelled,
}

/// A one-time invite.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its name, and its queue's.
    pub id: InviteId,
    /// Who is meant.
    pub contact: ContactId,
    /// How far it has come.
    pub state: InviteState,
    /// Secret: whoever has it may accept.
    pub link: String,
    /// At the relay.
    pub blob_id: Option<Key>,
    /// Left with the blob.
    pub read_key: Option<Key>,
    /// Encrypted bundle.
    pub blob: Vec<u8>,
    /// End of its life.
    pub expires: Timestamp,
    /// Its blob is gone from the relay.
    pub dropped: bool,
}

/// Steps of an own receive queue. Each is repeated after a restart until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReceiveQueueState {
    /// A relay is wanted.
    Picking,
    /// keyvault makes its keys.
    Beginning,
    /// The relay makes the queue.
    Creating,
    /// keyvault takes what the relay answered.
    Finishing,
    /// An invite's blob is to lie at the relay.
    Leaving,
    /// It receives.
    Live,
    /// The relay is to delete it.
    Deleting,
}

/// An own receive queue.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiveQueue {
    /// keyvault's number, chosen here.
    pub id: ReceiveQueueId,
    /// Whose mail comes there.
    pub contact: Option<ContactId>,
    /// It is an invite's.
    pub invite: bool,
    /// The step that is to be made next.
    pub state: ReceiveQueueState,
    /// The relay that it lies at, once one was picked.
    pub relay: Option<RelayId>,
    /// Of its circuit.
    pub isolation: Isolation,
    /// The receiver's, Ed25519.
    pub auth_key: Option<Key>,
    /// What the relay answered.
    pub created: Option<Created>,
    /// The peer has acked an offer of it, or got it in the first message.
    pub offered: bool,
}

/// Steps of accepting an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcceptState {
    /// keyvault parses the link.
    Opening,
    /// The blob is read from the relay.
    Reading,
    /// Own queues come to be.
    MakingQueues,
    /// keyvault makes the first message.
    Accepting,
    /// The first message is in the outbox.
    Sent,
    /// It lies at a relay.
    Relayed,
    /// It cannot be accepted; `refusal` says why.
    Refused,
}

/// An invite of somebody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Accept {
    /// keyvault's number, chosen here.
    pub id: AcceptId,
    /// The contact that it makes.
    pub contact: ContactId,
    /// As it was given.
    pub link: String,
    /// The step that is to be made next.
    pub state: AcceptState,
    /// Where the blob lies.
    pub relay: Option<RelayId>,
    /// Its id.
    pub blob_id: Option<Key>,
    /// Which key reads it.
    pub sender_key: Option<Key>,
    /// The blob once read.
    pub blob: Vec<u8>,
    /// Of the circuit.
    pub isolation: Isolation,
}

/// A queue of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerQueue {
    /// keyvault's number.
    pub number: PeerQueueId,
    /// Who is written to there.
    pub contact: ContactId,
    /// The relay that it lies at.
    pub relay: RelayId,
    /// The sender's name of it.
    pub queue: QueueId,
    /// Registered by `secure`.
    pub sender_key: Key,
    /// Of its circuit.
    pub isolation: Isolation,
    /// `secure` was done.
    pub secured: bool,
    /// The relay said so.
    pub full: bool,
    /// The relay has no such queue any more.
    pub dead: bool,
}

const INVITE: &str = "id, contact, state, link, blob_id, read_key, ifnull(blob, x''), expires, dropped";
const RECEIVE_QUEUE: &str = "id, contact, invite, state, relay, isolation, auth_key, receiver_queue, sender_queue, relay_key, offered";
const ACCEPT: &str = "id, contact, link, state, relay, blob_id, sender_key, ifnull(blob, x''), isolation";
const PEER_QUEUE: &str = "number, contact, relay, queue, sender_key, isolation, secured, is_full, dead";

fn read_invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        id: row.get(0)?,
        contact: row.get(1)?,
        state: row.get(2)?,
        link: row.get(3)?,
        blob_id: row.get(4)?,
        read_key: row.get(5)?,
        blob: row.get(6)?,
        expires: Timestamp(row.get::<_, i64>(7)?.cast_unsigned()),
        dropped: row.get(8)?,
    })
}

fn read_receive_queue(row: &Row<'_>) -> rusqlite::Result<ReceiveQueue> {
    let created = match row.get(7)? {
        Some(receiver_queue) => {
            Some(Created { receiver_queue, sender_queue: row.get(8)?, relay_key: row.get(9)? })
        }
        None => None,
    };
    Ok(ReceiveQueue {
        id: row.get(0)?,
        contact: row.get(1)?,
        invite: row.get(2)?,
        state: row.get(3)?,
        relay: row.get::<_, Option<[u8; 32]>>(4)?.map(RelayId),
        isolation: row.get(5)?,
        auth_key: row.get(6)?,
        created,
        offered: row.get(10)?,
    })
}

fn read_accept(row: &Row<'_>) -> rusqlite::Result<Accept> {
    Ok(Accept {
        id: row.get(0)?,
        contact: row.get(1)?,
        link: row.get(2)?,
        state: row.get(3)?,
        relay: row.get::<_, Option<[u8; 32]>>(4)?.map(RelayId),
        blob_id: row.get(5)?,
        sender_key: row.get(6)?,
        blob: row.get(7)?,
        isolation: row.get(8)?,
    })
}

fn read_peer_queue(row: &Row<'_>) -> rusqlite::Result<PeerQueue> {
    Ok(PeerQueue {
        number: row.get(0)?,
        contact: row.get(1)?,
        relay: RelayId(row.get(2)?),
        queue: row.get(3)?,
        sender_key: row.get(4)?,
        isolation: row.get(5)?,
        secured: row.get(6)?,
        full: row.get(7)?,
        dead: row.get(8)?,
    })
}

impl Store {
    pub(crate) fn add_invite(&self, id: InviteId, contact: ContactId) -> Result<(), StoreError> {
        self.run("INSERT INTO invites (id, contact, state) VALUES (?1, ?2, 0)", (id, contact))
    }

    pub(crate) fn invite(&self, id: InviteId) -> Result<Option<Invite>, StoreError> {
        self.row(&format!("SELECT {INVITE} FROM invites WHERE id = ?1"), [id], read_invite)
    }

    pub(crate) fn invite_of(&self, contact: ContactId) -> Result<Option<Invite>, StoreError> {
        self.row(&format!("SELECT {INVITE} FROM invites WHERE contact = ?1 LIMIT 1"), [contact], read_invite)
    }

    pub(crate) fn invites(&self) -> Result<Vec<Invite>, StoreError> {
        self.rows(&format!("SELECT {INVITE} FROM invites ORDER BY rowid"), [], read_invite)
    }

    pub(crate) fn set_invite_state(&self, id: InviteId, state: InviteState) -> Result<(), StoreError> {
        self.run("UPDATE invites SET state = ?2 WHERE id = ?1", (id, state))
    }

    pub(crate) fn fill_invite(&self, invite: &Invite) -> Result<(), StoreError> {
        self.run(
            "UPDATE invites SET link = ?2, blob_id = ?3, read_key = ?4, blob = ?5, expires = ?6 WHERE id = ?1",
            (
                invite.id,
                &invite.link,
                &invite.blob_id,
                &invite.read_key,
                &invite.blob,
                invite.expires.0.cast_signed(),
            ),
        )
    }

    /// The blob is gone from the relay; here it is not needed either.
    pub(crate) fn invite_dropped(&self, id: InviteId) -> Result<(), StoreError> {
        self.run("UPDATE invites SET dropped = 1, blob = NULL, read_key = NULL WHERE id = ?1", [id])
    }

    /// The same invite starts over with another queue.
    pub(crate) fn renumber_invite(&self, old: InviteId, new: InviteId) -> Result<(), StoreError> {
        self.run("UPDATE invites SET id = ?2 WHERE id = ?1", (old, new))
    }

    pub(crate) fn add_receive_queue(
        &self,
        id: ReceiveQueueId,
        contact: Option<ContactId>,
        invite: bool,
        isolation: &Isolation,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO replicas (id, contact, invite, state, isolation) VALUES (?1, ?2, ?3, 0, ?4)",
            (id, contact, invite, isolation),
        )
    }

    pub(crate) fn receive_queue(&self, id: ReceiveQueueId) -> Result<Option<ReceiveQueue>, StoreError> {
        self.row(&format!("SELECT {RECEIVE_QUEUE} FROM replicas WHERE id = ?1"), [id], read_receive_queue)
    }

    pub(crate) fn receive_queues(&self) -> Result<Vec<ReceiveQueue>, StoreError> {
        self.rows(&format!("SELECT {RECEIVE_QUEUE} FROM replicas ORDER BY rowid"), [], read_receive_queue)
    }

    pub(crate) fn receive_queues_of(&self, contact: ContactId) -> Result<Vec<ReceiveQueue>, StoreError> {
        self.rows(
            &format!("SELECT {RECEIVE_QUEUE} FROM replicas WHERE contact = ?1"),
            [contact],
            read_receive_queue,
        )
    }

    pub(crate) fn set_receive_queue_state(
        &self,
        id: ReceiveQueueId,
        state: ReceiveQueueState,
    ) -> Result<(), StoreError> {
        self.run("UPDATE replicas SET state = ?2 WHERE id = ?1", (id, state))
    }

    pub(crate) fn set_receive_queue_relay(
        &self,
        id: ReceiveQueueId,
        relay: RelayId,
    ) -> Result<(), StoreError> {
        self.run("UPDATE replicas SET relay = ?2, state = 1 WHERE id = ?1", (id, relay.0))
    }

    pub(crate) fn set_auth_key(&self, id: ReceiveQueueId, key: &Key) -> Result<(), StoreError> {
        self.run("UPDATE replicas SET auth_key = ?2, state = 2 WHERE id = ?1", (id, key))
    }

    pub(crate) fn set_created(&self, id: ReceiveQueueId, created: &Created) -> Result<(), StoreError> {
        self.run(
            "UPDATE replicas SET receiver_queue = ?2, sender_queue = ?3, relay_key = ?4, state = 3 WHERE id = ?1",
            (id, &created.receiver_queue, &created.sender_queue, &created.relay_key),
        )
    }

    pub(crate) fn set_offered(&self, id: ReceiveQueueId) -> Result<(), StoreError> {
        self.run("UPDATE replicas SET offered = 1 WHERE id = ?1", [id])
    }

    pub(crate) fn drop_receive_queue(&self, id: ReceiveQueueId) -> Result<(), StoreError> {
        self.run("DELETE FROM replicas WHERE id = ?1", [id])
    }

    /// The contact's queues are to go, and then its session.
    pub(crate) fn delete_receive_queues_of(
        &self,
        contact: ContactId,
        session: Option<SessionId>,
    ) -> Result<(), StoreError> {
        self.run("UPDATE replicas SET state = 6, removal = ?2 WHERE contact = ?1", (contact, session))
    }

    /// The session that ends with this queue.
    pub(crate) fn removal_of(&self, id: ReceiveQueueId) -> Result<Option<SessionId>, StoreError> {
        Ok(self.row("SELECT removal FROM replicas WHERE id = ?1", [id], |row| row.get(0))?.flatten())
    }

    /// Whether other queues of a session that ends are still to be deleted.
    pub(crate) fn removal_waits(&self, session: SessionId, but: ReceiveQueueId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM replicas WHERE removal = ?1 AND id <> ?2 LIMIT 1";
        Ok(self.row(sql, (session, but), |_| Ok(()))?.is_some())
    }

    pub(crate) fn live_receive_queues(&self) -> Result<u32, StoreError> {
        Ok(self
            .row("SELECT count(*) FROM replicas WHERE state IN (4, 5)", [], |row| row.get(0))?
            .unwrap_or(0))
    }

    pub(crate) fn add_accept(
        &self,
        id: AcceptId,
        contact: ContactId,
        link: &str,
        isolation: &Isolation,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO accepts (id, contact, link, state, isolation) VALUES (?1, ?2, ?3, 0, ?4)",
            (id, contact, link, isolation),
        )
    }

    pub(crate) fn accept(&self, id: AcceptId) -> Result<Option<Accept>, StoreError> {
        self.row(&format!("SELECT {ACCEPT} FROM accepts WHERE id = ?1"), [id], read_accept)
    }

    pub(crate) fn accept_by_link(&self, link: &str) -> Result<Option<Accept>, StoreError> {
        self.row(&format!("SELECT {ACCEPT} FROM accepts WHERE link = ?1"), [link], read_accept)
    }

    pub(crate) fn accept_of(&self, contact: ContactId) -> Result<Option<Accept>, StoreError> {
        self.row(&format!("SELECT {ACCEPT} FROM accepts WHERE contact = ?1 LIMIT 1"), [contact], read_accept)
    }

    /// Accepts that are not finished.
    pub(crate) fn open_accepts(&self) -> Result<Vec<Accept>, StoreError> {
        self.rows(&format!("SELECT {ACCEPT} FROM accepts WHERE state < 5"), [], read_accept)
    }

    pub(crate) fn set_accept_state(&self, id: AcceptId, state: AcceptState) -> Result<(), StoreError> {
        self.run("UPDATE accepts SET state = ?2 WHERE id = ?1", (id, state))
    }

    pub(crate) fn accept_opened(
        &self,
        id: AcceptId,
        relay: RelayId,
        blob_id: &Key,
        sender_key: &Key,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE accepts SET relay = ?2, blob_id = ?3, sender_key = ?4, state = 1 WHERE id = ?1",
            (id, relay.0, blob_id, sender_key),
        )
    }

    pub(crate) fn accept_read(&self, id: AcceptId, blob: &[u8]) -> Result<(), StoreError> {
        self.run("UPDATE accepts SET blob = ?2, state = 2 WHERE id = ?1", (id, blob))
    }

    /// Adds a queue of the peer; one that is known keeps what is known of it.
    pub(crate) fn add_peer_queue(&self, queue: &PeerQueue) -> Result<bool, StoreError> {
        let added = self.changed(
            "INSERT OR IGNORE INTO peer_queues (number, contact, relay, queue, sender_key, isolation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (queue.number, queue.contact, queue.relay.0, &queue.queue, &queue.sender_key, queue.isolation),
        )?;
        Ok(added > 0)
    }

    pub(crate) fn peer_queue(&self, number: PeerQueueId) -> Result<Option<PeerQueue>, StoreError> {
        self.row(
            &format!("SELECT {PEER_QUEUE} FROM peer_queues WHERE number = ?1"),
            [number],
            read_peer_queue,
        )
    }

    pub(crate) fn peer_queues_of(&self, contact: ContactId) -> Result<Vec<PeerQueue>, StoreError> {
        let sql =
            format!("SELECT {PEER_QUEUE} FROM peer_queues WHERE contact = ?1 AND dead = 0 ORDER BY rowid");
        self.rows(&sql, [contact], read_peer_queue)
    }

    pub(crate) fn peer_queues(&self) -> Result<Vec<PeerQueue>, StoreError> {
        self.rows(&format!("SELECT {PEER_QUEUE} FROM peer_queues WHERE dead = 0"), [], read_peer_queue)
    }

    pub(crate) fn set_secured(&self, number: PeerQueueId, secured: bool) -> Result<(), StoreError> {
        self.run("UPDATE peer_queues SET secured = ?2 WHERE number = ?1", (number, secured))
    }

    pub(crate) fn set_full(&self, number: PeerQueueId, full: bool) -> Result<(), StoreError> {
        self.run("UPDATE peer_queues SET is_full = ?2 WHERE number = ?1 AND is_full <> ?2", (number, full))
    }

    pub(crate) fn set_dead(&self, number: PeerQueueId) -> Result<(), StoreError> {
        self.run("UPDATE peer_queues SET dead = 1 WHERE number = ?1", [number])
    }

    /// Whether the contact had queues, and no relay has one of them any more.
    pub(crate) fn is_cut_off(&self, contact: ContactId) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) > 0 AND min(dead) = 1 FROM peer_queues WHERE contact = ?1";
        Ok(self.row(sql, [contact], |row| row.get(0))?.unwrap_or(false))
    }

    pub(crate) fn full_queues(&self) -> Result<u32, StoreError> {
        Ok(self
            .row("SELECT count(*) FROM peer_queues WHERE is_full = 1 AND dead = 0", [], |row| row.get(0))?
            .unwrap_or(0))
    }
}
