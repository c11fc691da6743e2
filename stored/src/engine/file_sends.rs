//! Files on their way out: their chunks are left at the contact's queues, over circuits of their own, and again where they are missed
//! (docs/protocol/content.md, "Files").

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::Purpose;
use ipc_schema::edge::stored_onion::{Chunks, Command, Refused};
use sha2::{Digest, Sha256};

use super::circuits::Circuits;
use super::event::{DepositEvent, FileSendEvent, Order, Timer, User};
use super::files;
use super::hold::{self, Wait};
use super::interface::{Came, CircuitId, MailboxCall};
use super::turn::Turn;
use crate::content::{FileChunks, FileWord};
use crate::error::StoreError;
use crate::files::{BlobError, Lane, Plan, Progress, Put, Sending, Source, UNACKED_MAX};
use crate::ids::{ContactId, FileId, PeerQueueId};
use crate::store::{File, PeerQueue, Trouble};

/// Chunks on their way on one circuit that are not answered yet.
const PUTTING_MAX: usize = 12;
/// Files of one contact of which the state is in memory: the others wait for their turn.
const AT_ONCE: usize = 64;
/// Files that are open to be read from; the tree of a large one takes 4 MiB.
const OPEN_MAX: usize = 4;
/// Chunks that a relay took before that is written down; what is not is sent again under the same name.
const NOTED_EACH: u32 = 32;
/// Wait after a relay said *throttled*.
const THROTTLED_RETRY: Duration = Duration::from_secs(1);
/// A relay's queue that is full, or a disk, is asked again.
const FULL_RETRY: Duration = Duration::from_secs(20);

/// What is under way to relays.
#[derive(Default)]
pub(super) struct FileSends {
    files: BTreeMap<FileId, Going>,
    lanes: BTreeMap<PeerQueueId, Way>,
    heard: BTreeMap<ContactId, Timestamp>,
    /// When relays drop something next, as far as a timer is set for it.
    drops: BTreeMap<ContactId, Timestamp>,
}

struct Going {
    contact: ContactId,
    plan: Plan,
    sending: Sending,
    source: Option<Source>,
    unnoted: u32,
}

/// The way to one queue.
#[derive(Default)]
struct Way {
    under_way: usize,
    /// Nothing before.
    not_before: Timestamp,
    full: bool,
}

/// A queue that chunks can be left at now.
struct Open {
    queue: PeerQueue,
    circuit: CircuitId,
}

/// How an own file moves.
pub(super) struct Moving {
    /// How far it is.
    pub(super) progress: Progress,
    /// A relay holds as much of it as it takes.
    pub(super) full: bool,
    /// As much as may be lies at relays.
    pub(super) waits_for_them: bool,
}

impl FileSends {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        event: FileSendEvent,
    ) -> Result<(), StoreError> {
        match event {
            FileSendEvent::Resume => {
                for contact in turn.store.contacts()? {
                    self.look_at(turn, circuits, contact.id)?;
                }
                Ok(())
            }
            FileSendEvent::LookAt(contact) => self.look_at(turn, circuits, contact),
            FileSendEvent::LookAtQueue(queue) => match turn.store.peer_queue(queue)? {
                Some(queue) => self.pump(turn, circuits, queue.contact),
                None => {
                    self.lanes.remove(&queue);
                    circuits.leave(turn, User::FileTo(queue));
                    Ok(())
                }
            },
            FileSendEvent::Heard(contact) => {
                if self.files.values().any(|file| file.contact == contact) {
                    self.heard.insert(contact, turn.now);
                }
                Ok(())
            }
            FileSendEvent::Told(contact, chunks) => self.told(turn, circuits, contact, &chunks),
            FileSendEvent::GoOn(file) => {
                if let Some(mut sending) = sending_of(turn, file)? {
                    sending.go_on();
                    turn.store.set_file_progress(file, &sending.encode())?;
                    self.files.remove(&file);
                }
                Ok(())
            }
            FileSendEvent::Put(file, put, came) => self.put(turn, circuits, (file, put), came),
            FileSendEvent::Drops(contact) => {
                self.drops.remove(&contact);
                self.pump(turn, circuits, contact)
            }
            FileSendEvent::SetBack => {
                self.set_back(turn.now);
                Ok(())
            }
        }
    }

    /// As far as it is known here.
    pub(super) fn moving(&self, file: FileId, now: Timestamp) -> Option<Moving> {
        let going = self.files.get(&file)?;
        let laid: usize = self.lanes.keys().map(|queue| going.sending.unacked_at(*queue)).sum();
        Some(Moving {
            progress: going.sending.progress(now),
            full: self.lanes.iter().any(|(queue, way)| way.full && going.sending.unacked_at(*queue) > 0),
            waits_for_them: laid > 0 && self.lanes.values().all(|way| way.under_way == 0),
        })
    }

    /// The clock was set back: nothing was done after now, and nothing waits until then.
    fn set_back(&mut self, now: Timestamp) {
        self.files.values_mut().for_each(|file| file.sending.nothing_later_than(now));
        self.lanes.values_mut().for_each(|way| way.not_before = way.not_before.min(now));
        self.heard.values_mut().for_each(|at| *at = (*at).min(now));
        self.drops.clear();
    }

    /// What is wanted of the contact's files may have changed.
    fn look_at(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        contact: ContactId,
    ) -> Result<(), StoreError> {
        let loaded: Vec<FileId> = self.of(contact);
        for id in loaded {
            let file = turn.store.file(id)?.filter(|file| file.contact == contact);
            let is_going = file.is_some_and(|file| files::moves(&file));
            if !is_going && let Some(gone) = self.files.remove(&id) {
                turn.store.set_file_progress(id, &gone.sending.encode())?;
            }
        }
        self.load(turn, contact)?;
        self.pump(turn, circuits, contact)
    }

    fn of(&self, contact: ContactId) -> Vec<FileId> {
        self.files.iter().filter(|(_, file)| file.contact == contact).map(|(id, _)| *id).collect()
    }

    /// Those that are to go and are not in memory yet.
    fn load(&mut self, turn: &Turn, contact: ContactId) -> Result<(), StoreError> {
        let mut there = self.of(contact).len();
        for file in turn.store.files_going(contact, true, (Trouble::None, AT_ONCE))? {
            if there >= AT_ONCE {
                return Ok(());
            }
            if let Entry::Vacant(free) = self.files.entry(file.id) {
                let sending = decoded(turn, &file)?;
                free.insert(Going { contact, plan: file.plan(), sending, source: None, unnoted: 0 });
                there += 1;
            }
        }
        Ok(())
    }

    // ---- to the relays

    /// Leaves what can be left now, at whichever queue has room.
    fn pump(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        contact: ContactId,
    ) -> Result<(), StoreError> {
        let files = self.of(contact);
        let queues = turn.store.peer_queues_of(contact)?;
        if files.is_empty() || !may_go(turn, contact)? {
            for queue in queues {
                circuits.leave(turn, User::FileTo(queue.number));
                self.lanes.remove(&queue.number);
            }
            return Ok(());
        }
        let open = self.open(turn, circuits, queues);
        for id in files {
            self.leave(turn, circuits, id, &open)?;
        }
        self.close_sources();
        self.wake_at_drop(turn, contact);
        Ok(())
    }

    fn open(&mut self, turn: &mut Turn, circuits: &mut Circuits, queues: Vec<PeerQueue>) -> Vec<Open> {
        let mut open = Vec::new();
        for queue in queues.into_iter().filter(|queue| queue.secured) {
            let user = User::FileTo(queue.number);
            let not_before = self.lanes.entry(queue.number).or_default().not_before;
            if not_before > turn.now {
                turn.set_timer(not_before, Timer::User(user));
            } else if let Some(circuit) = circuits.to(turn, queue.relay, queue.isolation, user) {
                open.push(Open { queue, circuit });
            }
        }
        open
    }

    /// Of one file.
    fn leave(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: FileId,
        open: &[Open],
    ) -> Result<(), StoreError> {
        let Some(contact) = self.files.get(&id).map(|file| file.contact) else { return Ok(()) };
        let lanes: Vec<Lane> = open
            .iter()
            .map(|open| Lane { queue: open.queue.number, room: self.room(contact, open.queue.number) })
            .filter(|lane| lane.room > 0)
            .collect();
        let heard = self.heard.get(&contact).copied().unwrap_or(Timestamp(0));
        let Some(going) = self.files.get_mut(&id).filter(|_| !lanes.is_empty()) else { return Ok(()) };
        let puts = going.sending.next(turn.now, heard, &lanes);
        if puts.is_empty() && going.sending.is_spent() {
            return self.trouble(turn, id, Trouble::Spent);
        }
        for put in puts {
            if let Err(why) = self.send(turn, circuits, (id, put), open)? {
                return self.trouble(turn, id, files::trouble_of(&why));
            }
        }
        Ok(())
    }

    /// Chunks for which there is room, on the way and at the relay, beside those of other files.
    fn room(&self, contact: ContactId, queue: PeerQueueId) -> usize {
        let files = self.files.values().filter(|file| file.contact == contact);
        let unacked: usize = files.map(|file| file.sending.unacked_at(queue)).sum();
        let under_way = self.lanes.get(&queue).map_or(0, |way| way.under_way);
        UNACKED_MAX.saturating_sub(unacked).min(PUTTING_MAX.saturating_sub(under_way))
    }

    fn send(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (id, put): (FileId, Put),
        open: &[Open],
    ) -> Result<Result<(), BlobError>, StoreError> {
        let Some(Open { queue, circuit }) = open.iter().find(|open| open.queue.number == put.queue) else {
            return Ok(Ok(()));
        };
        let Some(going) = self.files.get_mut(&id) else { return Ok(Ok(())) };
        if going.source.is_none() {
            match source(turn, id, &going.plan.root)? {
                Ok(source) => going.source = Some(source),
                Err(why) => return Ok(Err(why)),
            }
        }
        let Some(source) = &going.source else { return Ok(Ok(())) };
        let sealing = going.plan.for_queue(&queue.queue);
        let chunk = match source.chunk(&sealing, put.number, put.round) {
            Ok(chunk) => chunk,
            Err(why) => return Ok(Err(why)),
        };
        let chunk_id = sealing.id(put.number, put.round).0;
        let chunk_hash = Sha256::digest(&chunk).into();
        let purpose = Purpose::PutChunk { peer_queue: put.queue.into(), chunk_id, chunk_hash };
        let command = Command::Chunks(Chunks::Put { sender_queue: queue.queue, chunk_id, chunk });
        let order = Order { call: MailboxCall::Give(command), purpose: Some(purpose) };
        circuits.command(turn, *circuit, order, move |came| FileSendEvent::Put(id, put, came));
        self.lanes.entry(put.queue).or_default().under_way += 1;
        Ok(Ok(()))
    }

    /// What a relay said of a chunk.
    fn put(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (id, put): (FileId, Put),
        came: Came,
    ) -> Result<(), StoreError> {
        let now = turn.now;
        let way = self.lanes.entry(put.queue).or_default();
        way.under_way = way.under_way.saturating_sub(1);
        way.full = matches!(came, Came::Refused(Refused::Full));
        let wait = match came {
            Came::Done | Came::Lost => Duration::ZERO,
            Came::Refused(Refused::Throttled) => THROTTLED_RETRY,
            Came::Refused(_) | Came::Unsigned | Came::Created(_) | Came::Blob(_) => FULL_RETRY,
        };
        way.not_before = way.not_before.max(now.after(wait));
        if let Some(going) = self.files.get_mut(&id) {
            if came == Came::Done {
                going.sending.there(put, now);
                going.unnoted += 1;
                if going.unnoted >= NOTED_EACH {
                    going.unnoted = 0;
                    turn.store.set_file_progress(id, &going.sending.encode())?;
                }
            } else {
                going.sending.back(put);
            }
        }
        if came == Came::Refused(Refused::NoQueue) {
            self.files.values_mut().for_each(|file| file.sending.queue_gone(put.queue));
            turn.wish(DepositEvent::Gone(put.queue));
        }
        // A circuit that went is looked at when the next one is there.
        match turn.store.peer_queue(put.queue)?.filter(|_| came != Came::Lost) {
            Some(queue) => self.pump(turn, circuits, queue.contact),
            None => Ok(()),
        }
    }

    // ---- what the contact has

    fn told(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        contact: ContactId,
        chunks: &FileChunks,
    ) -> Result<(), StoreError> {
        let Some(file) = turn.store.file_called(contact, chunks.file, true)? else {
            // It went with its message here, and they still ask for it.
            return match chunks.again {
                0 => Ok(()),
                _ => files::tell_word(turn, contact, chunks.file, FileWord::Stop),
            };
        };
        self.load(turn, contact)?;
        self.heard.insert(contact, turn.now);
        let now = turn.now;
        match self.files.get_mut(&file.id) {
            Some(going) => {
                going.sending.heard(chunks, now);
                going.unnoted = 0;
                turn.store.set_file_progress(file.id, &going.sending.encode())?;
                turn.wake_watchers();
            }
            None => {
                let mut sending = decoded(turn, &file)?;
                sending.heard(chunks, now);
                turn.store.set_file_progress(file.id, &sending.encode())?;
            }
        }
        self.pump(turn, circuits, contact)
    }

    fn trouble(&mut self, turn: &mut Turn, id: FileId, trouble: Trouble) -> Result<(), StoreError> {
        let Some(gone) = self.files.remove(&id) else { return Ok(()) };
        turn.store.set_file_progress(id, &gone.sending.encode())?;
        // Another one may go in its place.
        turn.wish(FileSendEvent::LookAt(gone.contact));
        files::troubled(turn, id, trouble)
    }

    /// Only some are read from at a time.
    fn close_sources(&mut self) {
        let open = self.files.values_mut().filter(|file| file.source.is_some());
        open.skip(OPEN_MAX).for_each(|file| file.source = None);
    }

    fn wake_at_drop(&mut self, turn: &mut Turn, contact: ContactId) {
        let files = self.files.values().filter(|file| file.contact == contact);
        let Some(next) = files.filter_map(|file| file.sending.next_drop()).min() else { return };
        if next > turn.now && self.drops.get(&contact).is_none_or(|set| next < *set) {
            self.drops.insert(contact, next);
            turn.set_timer(next, Timer::FilesTo(contact));
        }
    }
}

/// Whether the contact may be sent anything.
fn may_go(turn: &Turn, contact: ContactId) -> Result<bool, StoreError> {
    let Some(contact) = turn.store.contact(contact)?.filter(|contact| !contact.blocked) else {
        return Ok(false);
    };
    Ok(hold::wait(turn, &contact)? == Wait::Nothing)
}

fn sending_of(turn: &Turn, id: FileId) -> Result<Option<Sending>, StoreError> {
    turn.store.file(id)?.filter(|file| file.mine).map(|file| decoded(turn, &file)).transpose()
}

/// As it was noted last; of a row that is damaged, or new, from the beginning: the receiver says what it has.
fn decoded(turn: &Turn, file: &File) -> Result<Sending, StoreError> {
    let noted = turn.store.file_progress(file.id)?;
    Ok(Sending::decode(file.cut, &noted).unwrap_or_else(|| Sending::new(file.cut)))
}

fn source(turn: &Turn, id: FileId, root: &[u8; 32]) -> Result<Result<Source, BlobError>, StoreError> {
    let blob = match turn.store.file(id)?.and_then(|file| file.blob) {
        Some(blob) => turn.store.blob(blob)?,
        None => None,
    };
    let Some(blob) = blob else { return Ok(Err(BlobError::Damaged)) };
    Ok(turn.store.shelf().open(blob).and_then(|kept| Source::open(kept, root)))
}
