//! What the core is told, what it wants and tells, and what its flows tell each other.

use ipc_schema::edge::stored_onion::OpenError;
use ipc_schema::relay::Hint;

use crate::directory::Appearance;
use crate::directory::schedule::JobId;
use crate::event::{CircuitEvent as Circuit, FailureReason, ServiceEvent, ServiceMessage};
use crate::id::{CircuitHandle, Lane, LinkId, RelayId, StreamId};
use crate::mailbox::message::{Call, ChunkWaiting, Signed, Waiting};
use crate::mailbox::{DiskReply, DiskRequest, NotSent, Outcome, Ticket};
use crate::network::Description;
use crate::path::Isolation;

/// What the other side of a link is known by: netd's Ed25519 key there.
pub type LinkKey = [u8; 32];

/// What netd is asked to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A relay of the directory, by its signed descriptor.
    Relay(RelayId, Vec<u8>),
    /// The bootstrap of that index.
    Bootstrap(u16),
    /// A contact point of an invite.
    Hint(Hint),
}

/// One wish for a link, until it is answered with [`OnionCore::dialled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// One wish for a circuit, named by whoever wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenId(pub u64);

/// One mailbox command, named by whoever gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// A circuit that stands. Give each back with [`Input::Release`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its name here.
    pub circuit: CircuitHandle,
    /// What both its ends share, 32 B; commands are bound to it (docs/protocol/mailbox.md, "Request").
    pub binding: [u8; 32],
    /// The relays from the guard to the asked one.
    pub route: Vec<RelayId>,
}

/// What a mailbox is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A new queue.
    Create {
        /// Ed25519: who may read it.
        receiver_key: [u8; 32],
        /// The nonce that proves the work; any for a first try, whose answer says how much is wanted.
        work: u64,
    },
    /// Any other command.
    Give(Signed),
}

impl Ask {
    /// What it brings beside its answer.
    #[must_use]
    pub fn brings(&self) -> Brings {
        match self {
            Self::Give(Signed { call: Call::Subscribe, .. }) => Brings::Envelopes,
            Self::Give(Signed { call: Call::SubscribeChunks, .. }) => Brings::Chunks,
            Self::Give(Signed { call: Call::FetchChunks { .. }, .. }) => Brings::ChunksBeforeItsAnswer,
            _ => Brings::Nothing,
        }
    }
}

/// What a command brings beside its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    /// Nothing.
    Nothing,
    /// Envelopes, once it stands.
    Envelopes,
    /// Chunks, once it stands.
    Chunks,
    /// Chunks, until it is answered.
    ChunksBeforeItsAnswer,
}

/// What came of a command beside its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Of a subscription of envelopes.
    Envelope(Waiting),
    /// Of a subscription of chunks, or one that was fetched.
    Chunk(ChunkWaiting),
}

/// Why a command came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The circuit is gone: open anew and repeat.
    #[error("the circuit is gone")]
    CircuitGone,
    /// An argument of a wrong size, or too many commands at a time: the caller is at fault.
    #[error(transparent)]
    NotSent(#[from] NotSent),
}

/// What happens to the core.
#[derive(Debug)]
pub enum Input<'a> {
    /// A second has passed.
    Tick,
    /// netd is there.
    NetdUp {
        /// Bootstraps that it was granted.
        bootstraps: u16,
        /// How a relay is seen from outside.
        seen: Option<Appearance>,
    },
    /// netd is gone, and all links with it.
    NetdDown,
    /// Somebody opened a link to us.
    LinkIn(LinkId, LinkKey),
    /// A link is gone.
    LinkDown(LinkId),
    /// What became of an [`Output::Dial`]: a link, new or one that is there, and who is behind it; or nothing.
    Dialled(DialId, Option<(LinkId, LinkKey)>),
    /// Cells came over a link, in order. A stranger's bytes.
    Cells(LinkId, &'a [u8]),
    /// Contact points of an invite.
    AddHints(Vec<Hint>),
    /// A circuit to a relay's mailbox service is wanted; the same isolation, lane and relay share one. [`Output::Opened`] answers.
    Open(OpenId, Isolation),
    /// A caller lets go of a circuit. The last one closes it.
    Release(CircuitHandle),
    /// A command on an open circuit. [`Output::Answered`] answers.
    Ask(AskId, CircuitHandle, Ask),
    /// A subscription brings more than may be un-acked at a time: the asked relay breaks the rules.
    Overrun(AskId),
    /// Its caller does not take the chunks that a command brings as fast as they come (`true`), or takes them again: its circuit's window
    /// runs out meanwhile, so that nothing piles up here.
    Behind(AskId, bool),
    /// What the mailbox disk answered.
    Disk(Ticket, DiskReply),
    /// The mailbox disk is there again after it answered [`DiskReply::Lost`].
    DiskBack,
}

/// What the core wants done, and tells. To be carried out in order: what has to be saved before it is announced comes first.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Have netd reach this.
    Dial(DialId, Target),
    /// This link has cells: drain it.
    Ready(LinkId),
    /// Close this link.
    CloseLink(LinkId),
    /// What became of an [`OnionCore::open`].
    Opened(OpenId, Result<Opened, OpenError>),
    /// What became of an [`Input::Ask`]. Nothing follows unless it was a subscription that stands now.
    Answered(AskId, Result<Outcome, AskError>),
    /// What a command brings.
    Pushed(AskId, Pushed),
    /// A subscription is over with its circuit.
    Ended(AskId),
    /// A circuit that had been opened is gone; what was asked on it has heard so before.
    Closed(CircuitHandle),
    /// Ask the mailbox disk this; [`Input::Disk`] answers.
    Disk(Ticket, DiskRequest),
    /// Write this state durably before carrying out what follows.
    Save(Vec<u8>),
}

/// What goes from one flow to another, or up from the network.
#[derive(Debug)]
pub(super) enum Event {
    Links(LinksEvent),
    Directory(DirectoryEvent),
    Circuits(CircuitsEvent),
    Commands(CommandsEvent),
    Hosting(ServiceEvent),
    /// Of a circuit of ours: the directory's or a caller's.
    Circuit(Circuit),
}

/// For [`super::dials`].
#[derive(Debug)]
pub(super) enum LinksEvent {
    /// The network wants a link to a relay.
    Connect(RelayId),
    /// The directory wants a link to a contact point, to learn which relay it is.
    Reach(JobId, Target),
    Dialled(DialId, Option<(LinkId, LinkKey)>),
    In(LinkId, LinkKey),
    Down(LinkId),
    /// netd is gone.
    AllDown,
    Tick,
}

/// For [`super::directory`].
#[derive(Debug)]
pub(super) enum DirectoryEvent {
    /// netd is there, with so many bootstraps.
    Bootstraps(u16),
    Hints(Vec<Hint>),
    /// A contact point was reached, and asked who it is.
    Reached(JobId, LinkId),
    Unreached(JobId),
    LinkGone(LinkId),
    /// The other side of a link says who it is, and what time it is there.
    Described(LinkId, Description),
    Circuit(Circuit),
    /// Somebody asks this relay's directory service.
    Asked(ServiceMessage),
    /// This relay has a new descriptor.
    Announce(RelayId),
    Tick,
}

/// For [`super::circuits`].
#[derive(Debug)]
pub(super) enum CircuitsEvent {
    Open(OpenId, Isolation),
    Release(CircuitHandle),
    /// It carries a subscription now, and lives longer.
    Subscribed(CircuitHandle),
    /// The asked relay said on its mailbox stream what no mailbox says (`Misbehaved`), or nothing at all (`Timeout`).
    Abandon(CircuitHandle, FailureReason),
    Circuit(Circuit),
    Tick,
}

/// For [`super::commands`].
#[derive(Debug)]
pub(super) enum CommandsEvent {
    /// A circuit of that lane stands, with a stream to the asked relay's mailbox service.
    Opened(CircuitHandle, StreamId, Lane),
    Ask(AskId, CircuitHandle, Ask),
    Overrun(AskId),
    Behind(AskId, bool),
    /// The asked relay's word on that stream. A stranger's bytes.
    Message(CircuitHandle, Vec<u8>),
    /// The stream takes messages again.
    Drained(CircuitHandle),
    Closed(CircuitHandle),
    Tick,
}
