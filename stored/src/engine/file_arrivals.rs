//! Files that come in: their chunks are pushed over circuits of their own, each is verified and kept, and what is missing is asked for
//! (docs/protocol/content.md, "Files").

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::Purpose;
use ipc_schema::edge::stored_onion::{Chunks, Command};
use ipc_schema::limits::CHUNKS_UNACKED_MAX;

use super::circuits::Circuits;
use super::event::{ArrivalEvent, Order, OutboxEvent, Timer, User};
use super::files;
use super::interface::{ArrivedChunk, Came, MailboxCall};
use super::turn::Turn;
use crate::content::FileWord;
use crate::error::StoreError;
use crate::files::{BlobError, ChunkId, Expected, Kept, NotAChunk, Opened, Progress, Receiving};
use crate::ids::{ContactId, FileId, ReceiveQueueId};
use crate::store::{File, ReceiveQueue, ReceiveQueueState, Trouble};

/// Files of one contact of which the state is in memory: the others wait for their turn.
const AT_ONCE: usize = 64;
/// After the last file of a contact came, what still lies at their queues is taken off for so long.
const DRAINED: Duration = Duration::from_secs(60);
/// A disk without room is looked at again.
const ROOM_AGAIN: Duration = Duration::from_secs(30);
/// A subscription that could not be had is asked for again.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(20);

/// So long chunks lie at a relay.
const LIES: Duration = Duration::from_secs(7 * 86_400);

/// What is under way from relays.
#[derive(Default)]
pub(super) struct FileArrivals {
    files: BTreeMap<FileId, Coming>,
    /// Whose queues push chunks, and for whom that was asked.
    subscribed: BTreeSet<ReceiveQueueId>,
    /// To be acked when the batch is durable.
    acks: BTreeMap<ReceiveQueueId, Vec<[u8; 16]>>,
    heard: BTreeMap<ContactId, Timestamp>,
    /// When somebody is to be told something next, as far as a timer is set for it.
    wakes: BTreeMap<ContactId, Timestamp>,
    /// Nothing is to come, and what lies there goes until then.
    draining: BTreeMap<ContactId, Timestamp>,
    /// Of whom something came in this batch, or is due.
    touched: BTreeSet<ContactId>,
}

struct Coming {
    file: File,
    queues: Vec<(ReceiveQueueId, [u8; 24])>,
    receiving: Receiving,
    expected: Expected,
    kept: Option<Kept>,
    /// Written in this batch, and where each came from.
    fresh: Vec<(u32, ReceiveQueueId, ChunkId)>,
}

impl FileArrivals {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        event: ArrivalEvent,
    ) -> Result<(), StoreError> {
        match event {
            ArrivalEvent::Resume => self.resume(turn, circuits),
            ArrivalEvent::LookAt(contact) => self.look_at(turn, circuits, contact),
            ArrivalEvent::LookAtQueue(queue) => self.look_at_queue(turn, circuits, queue),
            ArrivalEvent::CircuitLost(queue) => {
                self.subscribed.remove(&queue);
                self.look_at_queue(turn, circuits, queue)
            }
            ArrivalEvent::Subscribed(queue, came) => {
                if came != Came::Done {
                    self.subscribed.remove(&queue);
                }
                if matches!(came, Came::Refused(_) | Came::Unsigned) {
                    turn.after(SUBSCRIBE_AGAIN, Timer::User(User::FileFrom(queue)));
                }
                Ok(())
            }
            ArrivalEvent::Heard(contact) => {
                if self.files.values().any(|coming| coming.file.contact == contact) {
                    self.heard.insert(contact, turn.now);
                }
                Ok(())
            }
            ArrivalEvent::Came(arrived) => self.came(turn, *arrived),
            ArrivalEvent::Acked => Ok(()),
            ArrivalEvent::Due(contact) => {
                self.wakes.remove(&contact);
                self.touched.insert(contact);
                self.look_at(turn, circuits, contact)
            }
            ArrivalEvent::Settle => self.settle(turn, circuits),
            ArrivalEvent::SetBack => {
                let now = turn.now;
                self.files.values_mut().for_each(|coming| coming.receiving.nothing_later_than(now));
                self.heard.values_mut().for_each(|at| *at = (*at).min(now));
                self.wakes.clear();
                self.touched.extend(self.files.values().map(|coming| coming.file.contact));
                Ok(())
            }
        }
    }

    /// As far as it is known here.
    pub(super) fn progress(&self, file: FileId, now: Timestamp) -> Option<Progress> {
        Some(self.files.get(&file)?.receiving.progress(now))
    }

    /// What came whole shortly before the end may still lie at relays.
    fn resume(&mut self, turn: &mut Turn, circuits: &mut Circuits) -> Result<(), StoreError> {
        for contact in turn.store.contacts()? {
            if turn.store.has_files_from(contact.id, before(turn.now, LIES))? {
                self.draining.insert(contact.id, turn.now.after(DRAINED));
                self.look_at(turn, circuits, contact.id)?;
            }
        }
        Ok(())
    }

    // ---- circuits

    fn look_at_queue(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        queue: ReceiveQueueId,
    ) -> Result<(), StoreError> {
        match turn.store.receive_queue(queue)?.and_then(|queue| queue.contact) {
            Some(contact) => self.look_at(turn, circuits, contact),
            None => {
                self.subscribed.remove(&queue);
                circuits.leave(turn, User::FileFrom(queue));
                Ok(())
            }
        }
    }

    /// What is wanted of the contact's files, or where they come, may have changed.
    fn look_at(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        contact: ContactId,
    ) -> Result<(), StoreError> {
        self.make_room(turn, contact)?;
        let queues: Vec<ReceiveQueue> = turn.store.receive_queues_of(contact)?;
        let queues: Vec<ReceiveQueue> =
            queues.into_iter().filter(|queue| queue.state == ReceiveQueueState::Live).collect();
        self.load(turn, contact, &queues)?;
        let comes = self.files.values().any(|coming| coming.file.contact == contact);
        let drains = self.draining.get(&contact).is_some_and(|until| *until > turn.now);
        if let Some(until) = self.draining.get(&contact).copied() {
            if drains {
                turn.set_timer(until, Timer::FilesFrom(contact));
            } else {
                self.draining.remove(&contact);
            }
        }
        for queue in queues {
            let (id, user) = (queue.id, User::FileFrom(queue.id));
            if !comes && !drains {
                circuits.leave(turn, user);
                self.subscribed.remove(&id);
            } else if let (Some(relay), Some(created)) = (queue.relay, &queue.created)
                && let Some(circuit) = circuits.to(turn, relay, queue.isolation, user)
                && self.subscribed.insert(id)
            {
                let receiver_queue = created.receiver_queue;
                let command = Command::Chunks(Chunks::Subscribe { receiver_queue, sink: id });
                let purpose = Some(Purpose::SubscribeChunks(id.into()));
                let order = Order { call: MailboxCall::Give(command), purpose };
                circuits.command(turn, circuit, order, move |came| ArrivalEvent::Subscribed(id, came));
            }
        }
        self.wake(turn, contact);
        Ok(())
    }

    /// Files that rest because the disk was full go on where it is not any more.
    fn make_room(&self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        for file in turn.store.files_going(contact, false, (Trouble::NoRoom, AT_ONCE))? {
            if turn.store.shelf().has_room() {
                files::troubled(turn, file.id, Trouble::None)?;
            } else {
                turn.after(ROOM_AGAIN, Timer::FilesFrom(contact));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Those that are to come are in memory, up to a number, and no others.
    fn load(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        queues: &[ReceiveQueue],
    ) -> Result<(), StoreError> {
        let names: Vec<(ReceiveQueueId, [u8; 24])> = queues
            .iter()
            .filter_map(|queue| Some((queue.id, queue.created.as_ref()?.sender_queue)))
            .collect();
        let blocked = turn.store.contact(contact)?.is_none_or(|contact| contact.blocked);
        let wanted = if blocked {
            Vec::new()
        } else {
            turn.store.files_going(contact, false, (Trouble::None, AT_ONCE))?
        };
        let before = self.files.len();
        let is_wanted = |coming: &Coming| wanted.iter().any(|file| file.id == coming.file.id);
        self.files.retain(|_, coming| coming.file.contact != contact || is_wanted(coming));
        if self.files.len() < before {
            self.draining.insert(contact, turn.now.after(DRAINED));
        }
        for file in wanted {
            match self.files.get_mut(&file.id) {
                Some(coming) if coming.queues == names => {}
                Some(coming) => {
                    coming.expected = Expected::new(&file.plan(), &names);
                    coming.expected.follow(&coming.receiving);
                    coming.queues.clone_from(&names);
                }
                None => {
                    let receiving = received(turn, &file)?;
                    let mut expected = Expected::new(&file.plan(), &names);
                    expected.follow(&receiving);
                    let queues = names.clone();
                    let coming = Coming { file, queues, receiving, expected, kept: None, fresh: Vec::new() };
                    self.files.insert(coming.file.id, coming);
                }
            }
        }
        Ok(())
    }

    // ---- chunks

    /// What nobody waits for is taken off the relay and dropped.
    fn came(&mut self, turn: &mut Turn, arrived: ArrivedChunk) -> Result<(), StoreError> {
        let ArrivedChunk { receive_queue, chunk } = arrived;
        let id = ChunkId(chunk.id);
        let Some(contact) = turn.store.receive_queue(receive_queue)?.and_then(|queue| queue.contact) else {
            return Ok(());
        };
        self.touched.insert(contact);
        let known = self.files.values().filter(|coming| coming.file.contact == contact).find_map(|coming| {
            Some((coming.file.id, coming.expected.open(receive_queue, id, &chunk.chunk)?))
        });
        match known {
            Some((file, Ok(came))) => {
                let Some(coming) = self.files.get_mut(&file) else { return Ok(()) };
                match coming.take(turn, came.number, came.opened)? {
                    Ok(true) => coming.fresh.push((came.number, receive_queue, id)),
                    Ok(false) => self.acks.entry(receive_queue).or_default().push(chunk.id),
                    // It stays at the relay.
                    Err(why) => return self.fail(turn, file, files::trouble_of(&why)),
                }
            }
            Some((file, Err(NotAChunk::NotOffered))) => {
                self.acks.entry(receive_queue).or_default().push(chunk.id);
                return self.fail(turn, file, Trouble::NotOffered);
            }
            Some((_, Err(NotAChunk::NotSealed))) | None => {
                self.acks.entry(receive_queue).or_default().push(chunk.id);
            }
        }
        Ok(())
    }

    /// The batch ends: what was written is made durable and counts, and whoever sends it is told.
    fn settle(&mut self, turn: &mut Turn, circuits: &mut Circuits) -> Result<(), StoreError> {
        let written: Vec<FileId> = self
            .files
            .values()
            .filter(|coming| !coming.fresh.is_empty())
            .map(|coming| coming.file.id)
            .collect();
        for id in written {
            self.make_durable(turn, id)?;
        }
        for contact in std::mem::take(&mut self.touched) {
            let files = self.files.values().filter(|coming| coming.file.contact == contact);
            let files: Vec<FileId> = files.map(|coming| coming.file.id).collect();
            for id in files {
                self.tell(turn, circuits, id)?;
            }
            self.wake(turn, contact);
        }
        self.acknowledge(turn, circuits)
    }

    fn make_durable(&mut self, turn: &mut Turn, id: FileId) -> Result<(), StoreError> {
        let Some(coming) = self.files.get_mut(&id) else { return Ok(()) };
        let fresh = std::mem::take(&mut coming.fresh);
        if let Some(Err(why)) = coming.kept.as_ref().map(Kept::sync) {
            return self.fail(turn, id, files::trouble_of(&why));
        }
        let was_left_again = coming.receiving.rounds().len() > 1;
        for (number, queue, name) in fresh {
            if was_left_again {
                for (other, name) in coming.expected.elsewhere(number, queue) {
                    self.acks.entry(other).or_default().push(name.0);
                }
            }
            coming.receiving.took(number, turn.now);
            self.acks.entry(queue).or_default().push(name.0);
        }
        coming.expected.follow(&coming.receiving);
        turn.store.set_file_progress(id, &coming.receiving.encode())?;
        turn.wake_watchers();
        Ok(())
    }

    /// Tells the sender what is due to be told of one file.
    fn tell(&mut self, turn: &mut Turn, circuits: &mut Circuits, id: FileId) -> Result<(), StoreError> {
        let fresh = u32::from_be_bytes(turn.random());
        let Some(coming) = self.files.get_mut(&id) else { return Ok(()) };
        let contact = coming.file.contact;
        if coming.receiving.is_done() {
            let (file, queues) = (coming.file.clone(), std::mem::take(&mut coming.queues));
            self.files.remove(&id);
            self.draining.insert(contact, turn.now.after(DRAINED));
            if self.files.values().all(|other| other.file.contact != contact) {
                // A newer subscription begins with what was never acked: whatever is left there comes once more.
                self.subscribed.retain(|queue| queues.iter().all(|(other, _)| other != queue));
            }
            // The relay gets the last acks before its circuit may go.
            self.acknowledge(turn, circuits)?;
            return files::say(turn, &file, FileWord::Done);
        }
        let heard = self.heard.get(&contact).copied().unwrap_or(Timestamp(0));
        let Some(chunks) = coming.receiving.tell(coming.file.wire, turn.now, heard, fresh) else {
            return Ok(());
        };
        if chunks.again != 0 {
            coming.expected.follow(&coming.receiving);
            turn.store.set_file_progress(id, &coming.receiving.encode())?;
            // A relay in the path that swallows all is noticed by what it does not answer.
            let subscribed = coming.queues.iter().filter(|(queue, _)| self.subscribed.contains(queue));
            for (queue, _) in subscribed {
                self.acks.entry(*queue).or_default();
            }
        }
        turn.wish(OutboxEvent::TellChunks(contact, id, chunks));
        Ok(())
    }

    /// What is durable is taken off the relays. What cannot be acked now is pushed again, and acked then.
    fn acknowledge(&mut self, turn: &mut Turn, circuits: &mut Circuits) -> Result<(), StoreError> {
        for (id, chunks) in std::mem::take(&mut self.acks) {
            let Some(queue) = turn.store.receive_queue(id)? else { continue };
            let (Some(relay), Some(created)) = (queue.relay, queue.created) else { continue };
            let user = User::FileFrom(id);
            let Some(circuit) = circuits.to(turn, relay, queue.isolation, user) else { continue };
            let mut parts: Vec<Vec<[u8; 16]>> =
                chunks.chunks(CHUNKS_UNACKED_MAX).map(<[_]>::to_vec).collect();
            if parts.is_empty() {
                parts.push(Vec::new());
            }
            for chunks in parts {
                let purpose = Purpose::AcknowledgeChunks { receive_queue: id.into(), chunks: chunks.clone() };
                let receiver_queue = created.receiver_queue;
                let command = Command::Chunks(Chunks::Acknowledge { receiver_queue, chunks });
                let order = Order { call: MailboxCall::Give(command), purpose: Some(purpose) };
                circuits.command(turn, circuit, order, |_| ArrivalEvent::Acked);
            }
        }
        Ok(())
    }

    // ---- what goes wrong

    fn fail(&mut self, turn: &mut Turn, id: FileId, trouble: Trouble) -> Result<(), StoreError> {
        let Some(coming) = self.files.remove(&id) else { return Ok(()) };
        files::troubled(turn, id, trouble)?;
        turn.wish(ArrivalEvent::LookAt(coming.file.contact));
        Ok(())
    }

    fn wake(&mut self, turn: &mut Turn, contact: ContactId) {
        let heard = self.heard.get(&contact).copied().unwrap_or(Timestamp(0));
        let files = self.files.values().filter(|coming| coming.file.contact == contact);
        let Some(next) = files.filter_map(|coming| coming.receiving.next_telling(heard)).min() else {
            return;
        };
        let next = next.max(turn.now.after(Duration::from_millis(1)));
        if self.wakes.get(&contact).is_none_or(|set| next < *set) {
            self.wakes.insert(contact, next);
            turn.set_timer(next, Timer::FilesFrom(contact));
        }
    }
}

impl Coming {
    /// Keeps a piece; whether it was not here.
    fn take(
        &mut self,
        turn: &mut Turn,
        number: u32,
        opened: Opened,
    ) -> Result<Result<bool, BlobError>, StoreError> {
        if self.receiving.has(number) || self.fresh.iter().any(|(other, ..)| *other == number) {
            return Ok(Ok(false));
        }
        let Opened::Piece(piece) = opened else { return Ok(Ok(true)) };
        if self.kept.is_none() {
            match kept(turn, &self.file, &self.receiving)? {
                Ok(kept) => self.kept = Some(kept),
                Err(why) => return Ok(Err(why)),
            }
        }
        let Some(kept) = &self.kept else { return Ok(Err(BlobError::Damaged)) };
        Ok(kept.write(number, &piece, turn.chance()).map(|()| true))
    }
}

fn before(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

/// As it was noted last; a row that is damaged is that of a file of which nothing is here.
fn received(turn: &Turn, file: &File) -> Result<Receiving, StoreError> {
    let noted = turn.store.file_progress(file.id)?;
    Ok(Receiving::decode(file.cut, &noted, turn.now).unwrap_or_else(|| Receiving::new(file.cut, turn.now)))
}

/// Where its bytes go. Made with the first piece, when its row has long been durable.
fn kept(turn: &Turn, file: &File, receiving: &Receiving) -> Result<Result<Kept, BlobError>, StoreError> {
    let blob = match file.blob {
        Some(blob) => turn.store.blob(blob)?,
        None => None,
    };
    let Some(blob) = blob else { return Ok(Err(BlobError::Damaged)) };
    let shelf = turn.store.shelf();
    Ok(match shelf.open(blob.clone()) {
        // Nothing of it counts as being here.
        Err(BlobError::Damaged) if receiving.is_empty() => shelf.make(blob),
        opened => opened,
    })
}
