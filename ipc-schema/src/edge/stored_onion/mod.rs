//! stored (caller) → onion (callee): mailboxes on relays, each over a circuit of its own (`edges/stored-onion.capnp`).

mod chunks;
mod command;

pub use chunks::{ChunkWaiting, Chunks};
pub use command::Command;

use super::stored_keyvault::Created;
use super::{Malformed, Part, Read, bounded, call, fixed, interface, length, listed, mirrored, optional};
use crate::clock::ClockOffset;
use crate::edges::stored_onion_capnp::{
    self as wire, carrier, command_result, create_result, envelope_sink, mailbox, network_state,
    network_watcher, open_result, waiting,
};
use crate::limits::{
    BLOB_MAX_BYTES, ENVELOPE_BYTES, KEY_BYTES, NETWORK_NAME_MAX_BYTES, PUT_ID_BYTES, QUEUE_ID_BYTES,
};
use crate::relay::{Hint, RelayId};

/// Relays or contact points in one call.
pub const RELAYS_MAX: usize = 64;
/// Relays of one circuit that are told.
pub const ROUTE_MAX: usize = 8;
/// A sender's HMAC-SHA256, or a receiver's Ed25519 signature.
const AUTH_BYTES: [usize; 2] = [32, 64];

/// Keeps circuits of different purposes apart.
pub type Isolation = [u8; 16];
/// A queue's name, one for its receiver and another for its sender.
pub type QueueId = [u8; QUEUE_ID_BYTES];
/// An envelope's name in its queue, or a put's or a chunk's.
pub type MessageId = [u8; PUT_ID_BYTES];
/// Ed25519 or X25519, as the field says; also a blob's name.
pub type Key = [u8; KEY_BYTES];

interface! {
    /// Circuits to mailboxes.
    Carrier of carrier {
        watch(WatchParams, WatchResults): Watch,
        pick_mailboxes(PickMailboxesParams, PickMailboxesResults): PickMailboxes,
        add_hints(AddHintsParams, AddHintsResults): AddHints,
        open(OpenParams, OpenResults): Open,
    }
}

interface! {
    /// One open circuit to one relay.
    Mailbox of mailbox {
        create(CreateParams, CreateResults): Create,
        command(CommandParams, CommandResults): Give,
    }
}

call! {
    /// Tells the network's state, now and at each change, until the watcher is dropped.
    Watch of carrier: watch_request, watch_params, watch_results;
    asks {
        /// Whom.
        watcher: network_watcher::Client => capability get_watcher set_watcher,
    }
    answers nothing;
}

call! {
    /// Usable relays of different operators and networks; may be fewer than asked for, or none.
    #[derive(Clone, PartialEq, Eq)]
    PickMailboxes of carrier: pick_mailboxes_request, pick_mailboxes_params, pick_mailboxes_results;
    asks {
        /// Never more relays than these.
        count: u8 => number get_count set_count,
        /// None of these, at most [`RELAYS_MAX`].
        avoid: Vec<RelayId> => relays(RELAYS_MAX) get_avoid init_avoid,
    }
    answers Vec<RelayId>: by write_picked read_picked;
}

fn write_picked(picked: &Vec<RelayId>, to: carrier::pick_mailboxes_results::Builder<'_>) {
    let mut list = to.init_relays(length(picked.len()));
    for (at, relay) in (0..).zip(picked) {
        list.set(at, &relay.0);
    }
}

fn read_picked(from: carrier::pick_mailboxes_results::Reader<'_>) -> Read<Vec<RelayId>> {
    listed(from.get_relays()?.iter(), usize::from(u8::MAX), |relay| Ok(RelayId(fixed(relay?)?)))
}

call! {
    /// Contact points of an invite, for the directory only.
    #[derive(Clone, PartialEq, Eq)]
    AddHints of carrier: add_hints_request, add_hints_params, add_hints_results;
    asks {
        /// At most [`RELAYS_MAX`].
        hints: Vec<Hint> => hints(RELAYS_MAX) get_hints init_hints,
    }
    answers nothing;
}

call! {
    /// A circuit to one relay; the same one for the same isolation and relay while it lives.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Open of carrier: open_request, open_params, open_results;
    asks {
        /// The relay at its end.
        relay: RelayId => relay get_relay set_relay,
        /// Circuits of different ones are never the same.
        isolation: Isolation => fixed get_isolation set_isolation,
        /// For what traffic.
        lane: Lane => word get_lane set_lane,
    }
    answers Opened, OpenError: in get_result init_result as open_result Mailbox group init_mailbox;
}

mirrored! {
    /// What kind of traffic a circuit carries. Lanes never share a circuit (docs/protocol/circuits.md, "Relay message: 493 B").
    Lane = wire::Lane {
        /// Envelopes and everything small.
        Text => "text",
        /// Blobs.
        Bulk => "bulk",
        /// One call.
        Call => "call",
    }
}

/// An open circuit.
pub struct Opened {
    /// Its mailbox service.
    pub circuit: mailbox::Client,
    /// What keyvault binds commands to.
    pub binding: [u8; 32],
    /// The relays from the guard to the asked one, at most [`ROUTE_MAX`].
    pub route: Vec<RelayId>,
}

impl Part for Opened {
    type Wire = open_result::mailbox::Owned;

    fn write(&self, mut to: open_result::mailbox::Builder<'_>) {
        to.set_circuit(self.circuit.clone());
        to.set_binding(&self.binding);
        let mut route = to.init_route(length(self.route.len()));
        for (at, relay) in (0..).zip(&self.route) {
            route.set(at, &relay.0);
        }
    }

    fn read(from: open_result::mailbox::Reader<'_>) -> Read<Self> {
        Ok(Self {
            circuit: from.get_circuit()?,
            binding: fixed(from.get_binding()?)?,
            route: listed(from.get_route()?.iter(), ROUTE_MAX, |relay| Ok(RelayId(fixed(relay?)?)))?,
        })
    }
}

mirrored! {
    /// Why there is no circuit.
    OpenError = wire::OpenError {
        /// Too few usable relays for a path: watch.
        NoRelays => "too few usable relays are known",
        /// Not in the directory (any more).
        UnknownRelay => "no such relay is known",
        /// Tried as often as allowed: repeat later.
        BuildFailed => "no circuit could be built",
        /// Too many are open or wanted: close some.
        TooMany => "too many circuits",
    }
}

call! {
    /// A new queue, or the one that this receiver has there.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Create of mailbox: create_request, create_params, create_results;
    asks {
        /// Ed25519.
        receiver_key: Key => fixed get_receiver_key set_receiver_key,
    }
    answers Created, Refused: in get_result init_result by write_created read_created;
}

fn write_created(outcome: &Result<Created, Refused>, mut to: create_result::Builder<'_>) {
    match outcome {
        Ok(created) => {
            let mut to = to.init_created();
            to.set_receiver_queue(&created.receiver_queue);
            to.set_sender_queue(&created.sender_queue);
            to.set_relay_key(&created.relay_key);
        }
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_created(from: create_result::Reader<'_>) -> Read<Result<Created, Refused>> {
    Ok(match from.which()? {
        create_result::Created(created) => Ok(Created {
            receiver_queue: fixed(created.get_receiver_queue()?)?,
            sender_queue: fixed(created.get_sender_queue()?)?,
            relay_key: fixed(created.get_relay_key()?)?,
        }),
        create_result::Error(error) => Err(error?.into()),
    })
}

call! {
    /// Any other command, authenticated.
    Give of mailbox: command_request, command_params, command_results;
    asks {
        /// Rises on a circuit.
        counter: u64 => number get_counter set_counter,
        /// keyvault's.
        auth: Vec<u8> => sized(AUTH_BYTES) get_auth set_auth,
        /// What the relay is to do.
        command: Command<envelope_sink::Client> => part get_command init_command,
    }
    answers Done, Refused: in get_result init_result by write_done read_done;
}

/// A command was done, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// There is no more to say.
    Plain,
    /// To `SecureRead`: at most [`BLOB_MAX_BYTES`].
    Blob(Vec<u8>),
}

mirrored! {
    /// A relay's word for not doing something. It may lie.
    Refused = wire::Refused {
        /// The queue's quota is used up.
        Full => "full",
        /// Too fast, or the relay's disk is away: later.
        Throttled => "throttled",
        /// No such queue.
        NoQueue => "no such queue",
        /// Wrong key, replay, not secured, or secured for another sender.
        NotAuthorised => "not authorised",
        /// No such blob.
        NoBlob => "no such blob",
        /// The relay's policy, or it answered nonsense.
        Policy => "policy",
        /// The relay's disk is full.
        DiskFull => "its disk is full",
    }
}

fn write_done(outcome: &Result<Done, Refused>, mut to: command_result::Builder<'_>) {
    match outcome {
        Ok(Done::Plain) => to.set_done(()),
        Ok(Done::Blob(blob)) => to.set_blob(blob),
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_done(from: command_result::Reader<'_>) -> Read<Result<Done, Refused>> {
    Ok(match from.which()? {
        command_result::Done(()) => Ok(Done::Plain),
        command_result::Blob(blob) => Ok(Done::Blob(bounded(blob?, BLOB_MAX_BYTES)?)),
        command_result::Error(error) => Err(error?.into()),
    })
}

/// An envelope that a subscription pushes.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Names it in `Acknowledge`.
    pub id: MessageId,
    /// [`ENVELOPE_BYTES`].
    pub envelope: Vec<u8>,
    /// X25519 that `Secure` registered for this queue, as the relay tells it; zero before.
    pub sender_key: Key,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Waiting {
    /// Writes it.
    pub fn write(&self, mut to: waiting::Builder<'_>) {
        to.set_id(&self.id);
        to.set_envelope(&self.envelope);
        to.set_sender_key(&self.sender_key);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(from: waiting::Reader<'_>) -> Read<Self> {
        Ok(Self {
            id: fixed(from.get_id()?)?,
            envelope: fixed::<ENVELOPE_BYTES>(from.get_envelope()?)?.to_vec(),
            sender_key: fixed(from.get_sender_key()?)?,
        })
    }
}

mirrored! {
    /// How far a client is, by the words of `status`.
    Stage = wire::Stage {
        /// Nothing has been tried yet.
        Starting => "starting",
        /// The directory is being asked.
        FindingRelays => "finding-relays",
        /// Enough relays are known; no circuit stands yet.
        BuildingRoute => "building-route",
        /// A circuit stands, or stood a moment ago.
        Connected => "connected",
        /// Circuits stand, and answer slowly.
        Slow => "slow",
        /// Fewer relays than a path takes.
        TooFewRelays => "too-few-relays",
        /// Nobody who was asked knows a relay, or nobody answers.
        NoRelays => "no-relays",
        /// Guard and backup do not answer.
        GuardsUnreachable => "guards-unreachable",
        /// netd is not there.
        Offline => "offline",
    }
}

/// What `status` and watchers are told of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkState {
    /// How far this client is.
    pub stage: Stage,
    /// Relays in the directory.
    pub relays_known: u32,
    /// Those that can be used now.
    pub relays_usable: u32,
    /// Circuits of ours that stand.
    pub circuits: u32,
    /// The guard in use.
    pub guard: Option<RelayId>,
    /// It is a private network.
    pub private: bool,
    /// Its name, empty for the public one.
    pub network_name: String,
    /// What relays say of the clock; `None`: not enough of them were heard.
    pub clock: Option<ClockOffset>,
    /// Not long ago the guards were lost with the state file, and others were drawn ([`crate::loss::GUARDS`]).
    pub guards_lost: bool,
}

impl NetworkState {
    /// Writes it.
    pub fn write(&self, mut to: network_state::Builder<'_>) {
        to.set_stage(self.stage.into());
        to.set_relays_known(self.relays_known);
        to.set_relays_usable(self.relays_usable);
        to.set_circuits(self.circuits);
        to.set_guard(self.guard.as_ref().map_or(&[], |guard| &guard.0));
        to.set_private(self.private);
        to.set_network_name(&self.network_name);
        to.set_guards_lost(self.guards_lost);
        if let Some(clock) = self.clock {
            to.set_clock_known(true);
            to.set_clock_offset_s(clock.seconds);
            to.set_clock_relays(clock.relays);
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(from: network_state::Reader<'_>) -> Read<Self> {
        let name = from.get_network_name()?.to_str()?;
        if name.len() > NETWORK_NAME_MAX_BYTES {
            return Err(Malformed);
        }
        Ok(Self {
            stage: from.get_stage()?.into(),
            relays_known: from.get_relays_known(),
            relays_usable: from.get_relays_usable(),
            circuits: from.get_circuits(),
            guard: optional(from.get_guard()?)?.map(RelayId),
            private: from.get_private(),
            network_name: name.to_owned(),
            clock: from
                .get_clock_known()
                .then(|| ClockOffset { seconds: from.get_clock_offset_s(), relays: from.get_clock_relays() }),
            guards_lost: from.get_guards_lost(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Call;
    use super::super::trial::{read_back, told_back};
    use super::*;
    use crate::edges::stored_onion_capnp::command;
    use crate::limits::{CHUNK_BYTES, CHUNKS_UNACKED_MAX, IDS_PER_CALL_MAX};
    use capnp::message::Builder as Bytes;

    fn through(command: &Command<()>) -> Read<Command<()>> {
        // A capability needs an edge: what subscribes is tried where both ends are.
        let give = Give {
            counter: 7,
            auth: vec![1; 64],
            command: command.clone().with_sink(|()| panic!("no edge")),
        };
        let read = read_back(&give)?;
        assert!(read.counter == 7 && read.auth == give.auth);
        Ok(read.command.with_sink(drop))
    }

    #[test]
    fn every_command_is_read_as_it_was_written() {
        let (receiver_queue, sender_queue, key) = ([1; 24], [2; 24], [3; 32]);
        for command in [
            Command::Secure { sender_queue, sender_key: key },
            Command::Deposit { sender_queue, put_id: [4; 16], envelope: vec![5; ENVELOPE_BYTES] },
            Command::Acknowledge { receiver_queue, messages: vec![[6; 16]; IDS_PER_CALL_MAX] },
            Command::Delete { receiver_queue },
            Command::LeaveBlob {
                receiver_queue,
                blob_id: key,
                read_key: [7; 32],
                blob: vec![8; BLOB_MAX_BYTES],
            },
            Command::SecureRead { blob_id: key, sender_key: [9; 32] },
            Command::DropBlob { receiver_queue, blob_id: key },
            Command::Chunks(Chunks::Put { sender_queue, chunk_id: [4; 16], chunk: vec![5; CHUNK_BYTES] }),
            acknowledge_chunks(CHUNKS_UNACKED_MAX),
        ] {
            assert_eq!(through(&command), Ok(command));
        }
    }

    #[test]
    fn what_is_too_long_too_short_or_too_many_is_malformed() {
        let (receiver_queue, sender_queue) = ([1; 24], [2; 24]);
        for length in [0, ENVELOPE_BYTES - 1, ENVELOPE_BYTES + 1] {
            let deposit = Command::Deposit { sender_queue, put_id: [4; 16], envelope: vec![5; length] };
            assert_eq!(through(&deposit), Err(Malformed), "{length}");
        }
        let acks = Command::Acknowledge { receiver_queue, messages: vec![[6; 16]; IDS_PER_CALL_MAX + 1] };
        assert_eq!(through(&acks), Err(Malformed));
        for length in [0, CHUNK_BYTES - 1, CHUNK_BYTES + 1] {
            let put = Chunks::Put { sender_queue, chunk_id: [4; 16], chunk: vec![5; length] };
            assert_eq!(through(&Command::Chunks(put)), Err(Malformed), "{length}");
        }
        assert_eq!(through(&acknowledge_chunks(CHUNKS_UNACKED_MAX + 1)), Err(Malformed));
        let blob = vec![8; BLOB_MAX_BYTES + 1];
        let leave = Command::LeaveBlob { receiver_queue, blob_id: [3; 32], read_key: [7; 32], blob };
        assert_eq!(through(&leave), Err(Malformed));
        for length in [0, 31, 33, 63, 65] {
            let command = Command::Delete { receiver_queue };
            assert!(read_back(&Give { counter: 1, auth: vec![0; length], command }).is_err(), "{length}");
        }
        let pick = |avoid| PickMailboxes { count: 1, avoid: vec![RelayId([1; 32]); avoid] };
        assert!(read_back(&pick(RELAYS_MAX)).is_ok() && read_back(&pick(RELAYS_MAX + 1)).is_err());
    }

    fn acknowledge_chunks(count: usize) -> Command<()> {
        Command::Chunks(Chunks::Acknowledge { receiver_queue: [1; 24], chunks: vec![[6; 16]; count] })
    }

    #[test]
    fn what_brings_something_and_has_no_sink_is_malformed() {
        type Begin = fn(command::Builder<'_>);
        let begin: [Begin; 3] = [
            |command| command.init_subscribe().set_receiver_queue(&[1; 24]),
            |command| command.init_subscribe_chunks().set_receiver_queue(&[1; 24]),
            |command| command.init_fetch_chunks().set_receiver_queue(&[1; 24]),
        ];
        for begin in begin {
            let mut message = Bytes::new_default();
            let mut give = message.init_root::<mailbox::command_params::Builder<'_>>();
            give.set_auth(&[1; 64]);
            begin(give.init_command());
            assert!(Give::read(message.get_root_as_reader().unwrap()).is_err());
        }
    }

    #[test]
    fn every_outcome_is_read_as_it_was_written() {
        let created = Created { receiver_queue: [1; 24], sender_queue: [2; 24], relay_key: [3; 32] };
        assert!(told_back::<Create>(&Ok(created)) == Ok(Ok(created)));
        for done in [Done::Plain, Done::Blob(vec![8; BLOB_MAX_BYTES])] {
            assert_eq!(told_back::<Give>(&Ok(done.clone())), Ok(Ok(done)));
        }
        for refused in Refused::ALL {
            assert_eq!(told_back::<Give>(&Err(*refused)), Ok(Err(*refused)));
            assert!(told_back::<Create>(&Err(*refused)) == Ok(Err(*refused)));
        }
        assert_eq!(told_back::<Give>(&Ok(Done::Blob(vec![8; BLOB_MAX_BYTES + 1]))), Err(Malformed));
    }
}
