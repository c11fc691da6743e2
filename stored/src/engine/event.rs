//! What each flow is told, by the engine or by another flow that wishes for it. A flow knows these words and no other flow.

use ipc_schema::Timestamp;
use ipc_schema::edge::Failed;
use ipc_schema::edge::stored_keyvault::{
    self, AcceptInviteError, AcceptedInvite, BeginInviteError, CheckError, ComparisonStep, Envelope,
    FinishInviteError, FinishedInvite, InviteFailed, Key, News, OpenError, OpenInviteError, Opened,
    OpenedInvite, Purpose, RepairError, RevealError, SafetyNumber, SealError, SessionError, SetVerifiedError,
    Shown, SignError, VerifyStringError,
};

use ipc_schema::edge::stored_onion::Lane;
use ipc_schema::edge::ui_stored::{
    AcceptError, AcceptInvite, AskSafetyNumber, CancelInvite, ChangeContact, CompareCode, CompareShort,
    ContactAction, MakeInvite, SetProfileName, TellTyping,
};

use super::interface::{Arrived, ArrivedChunk, Came, CircuitId, MailboxCall, Network, OpenedCircuit, Ticket};
use super::requests::Asker;
use crate::content::{Acks, Comparison, FileChunks, Range, WireId};
use crate::files::Put;
use crate::ids::{
    AcceptId, ContactId, DepositId, FileId, InviteId, MailboxId, OutboxId, OutgoingId, PeerQueueId,
    ReceiveQueueId, RelayId, SessionId,
};
use crate::store::{Contact, Outgoing, OutgoingKind};

/// What keyvault told, or that it cannot serve the call now.
pub(super) type Asked<T, E> = Result<Result<T, E>, Failed>;

/// For whom.
pub(super) enum Event {
    Circuits(CircuitEvent),
    Invites(InviteEvent),
    Queues(QueueEvent),
    Accepts(AcceptEvent),
    Contacts(ContactEvent),
    Comparisons(ComparisonEvent),
    Inbox(InboxEvent),
    Outbox(OutboxEvent),
    Deposits(DepositEvent),
    Repair(RepairEvent),
    Life(LifeEvent),
    Receipts(ReceiptEvent),
    Typing(TypingEvent),
    Ends(EndEvent),
    Claims(ClaimEvent),
    Retention(RetentionEvent),
    FileSends(FileSendEvent),
    Arrivals(ArrivalEvent),
}

/// For the circuits.
pub(super) enum CircuitEvent {
    /// A circuit is open, or could not be had.
    Opened(CircuitId, Option<OpenedCircuit>),
    /// One that was open is gone.
    Closed(CircuitId),
    /// A command was answered.
    Answered(Ticket, Came),
    /// A peer was heard.
    Heard,
    /// keyvault authenticated a command, or did not.
    Signed(CircuitId, Ticket, Asked<Vec<u8>, SignError>),
    /// One that could not be had is tried again.
    Retry(CircuitId),
    OnionCame,
    OnionGone,
    Network(Network),
}

/// For the own invites.
pub(super) enum InviteEvent {
    /// ui wants one for a contact of this name.
    New(Asker<MakeInvite>, String),
    /// ui wants nobody to accept it any more.
    Cancel(Asker<CancelInvite>, String),
    /// keyvault makes none now: it is taken back.
    End(InviteId),
    /// Somebody else accepted it as well.
    OpenedTwice(InviteId),
    /// Those that nobody accepted in time are over.
    Expire,
}

/// For the own queues.
pub(super) enum QueueEvent {
    /// After a start.
    Resume,
    /// The next step, unless one is under way.
    LookAt(ReceiveQueueId),
    /// The same, and its circuit went.
    CircuitLost(ReceiveQueueId),
    /// What it pushed found no place: it is to push again.
    SubscribeAnew(ReceiveQueueId),
    /// A contact is to have as many as it should.
    Fill(ContactId),
    /// Whatever receives for this contact is offered inside its session.
    Offer(ContactId),
    /// onion named a relay, or none.
    Picked(Ticket, Option<RelayId>),
    /// The network changed: whatever waits for a relay asks again.
    PickAgain,
    OnionGone,
    InviteBegun(ReceiveQueueId, Asked<[u8; 32], BeginInviteError>),
    /// keyvault made the keys of a queue that is no invite's.
    Begun(ReceiveQueueId, Option<[u8; 32]>),
    Created(ReceiveQueueId, Came),
    InviteFinished(ReceiveQueueId, Asked<FinishedInvite, FinishInviteError>),
    /// keyvault knows the queue, or what the relay answered does not fit.
    Finished(ReceiveQueueId, Result<bool, Failed>),
    BlobLeft(ReceiveQueueId, Came),
    BlobDropped(ReceiveQueueId, Came),
    Subscribed(ReceiveQueueId, Came),
    /// It is time to see whether a subscription lives.
    Prove(ReceiveQueueId),
    Deleted(ReceiveQueueId, Came),
    /// keyvault dropped the keys.
    Cancelled(ReceiveQueueId, Result<(), Failed>),
}

/// For the accepts of others' invites.
pub(super) enum AcceptEvent {
    /// After a start.
    Resume,
    /// ui wants to accept a link, for a contact of this name.
    Begin {
        request: Asker<AcceptInvite>,
        link: String,
        name: String,
    },
    /// A link was not accepted, or asked about in vain: for whoever still waits for it.
    NotAccepted {
        link: String,
        why: AcceptError,
    },
    /// The next step, unless one is under way.
    LookAt(AcceptId),
    /// A queue of the contact that it makes has changed.
    QueueChanged(ContactId),
    Opened(AcceptId, Asked<OpenedInvite, InviteFailed<OpenInviteError>>),
    BlobRead(AcceptId, Came),
    /// A second own queue is not waited for any longer.
    PatienceOver(AcceptId),
    Accepted(AcceptId, OutgoingId, Asked<AcceptedInvite, InviteFailed<AcceptInviteError>>),
    /// The first message is under way: the circuit that read the blob is its queue's alone from now on.
    Sent(AcceptId),
    /// Something of ours lies at a relay of this contact.
    Relayed(ContactId),
}

/// For what the user does with people.
pub(super) enum ContactEvent {
    Change {
        request: Asker<ChangeContact>,
        who: String,
        action: ContactAction,
    },
    SetProfileName(Asker<SetProfileName>, String),
    SafetyNumber(Asker<AskSafetyNumber>, String),
    NumberTold {
        request: Asker<AskSafetyNumber>,
        contact: ContactId,
        session: SessionId,
        number: Asked<SafetyNumber, SessionError>,
    },
    CodeTold(Asker<AskSafetyNumber>, Box<SafetyNumber>, Asked<String, SessionError>),
    Verified {
        request: Asker<ChangeContact>,
        contact: ContactId,
        verified: bool,
        set: Asked<(), SetVerifiedError>,
    },
    CompareCode {
        request: Asker<CompareCode>,
        who: String,
        code: String,
    },
    Compared(Asker<CompareCode>, ContactId, Asked<stored_keyvault::Comparison, SessionError>),
}

/// For short strings that are compared. The number is that of a run: keyvault's answer may come when it is over.
pub(super) enum ComparisonEvent {
    Act(Asker<CompareShort>, CompareShort),
    /// They say something of one, sent then by their clock.
    Heard {
        contact: ContactId,
        sent_at: Timestamp,
        said: Comparison,
    },
    Begun(ContactId, u64, Asked<ComparisonStep, SessionError>),
    Answered(ContactId, u64, Asked<ComparisonStep, SessionError>),
    Revealed {
        contact: ContactId,
        number: u64,
        theirs: Key,
        told: Asked<Shown, RevealError>,
    },
    Checked(ContactId, u64, Asked<Shown, CheckError>),
    Verified {
        request: Asker<CompareShort>,
        contact: ContactId,
        number: u64,
        told: Asked<(), VerifyStringError>,
    },
    /// It is time to say something again, or to give up.
    Due(ContactId),
    /// The contact is blocked, or goes.
    Gone(ContactId),
}

/// For what comes in.
pub(super) enum InboxEvent {
    /// After a start.
    Resume,
    /// A mailbox pushed an envelope.
    Arrived(Box<Arrived>),
    Opened(ReceiveQueueId, MailboxId, Asked<Opened, OpenError>),
    /// Numbers are missing since a while.
    GapDue(ContactId),
    /// An ack may be tried again.
    AckAgain(ReceiveQueueId),
    /// An ack of nothing, to see whether the circuit of a subscription lives.
    Prove(ReceiveQueueId),
    Acknowledged(ReceiveQueueId, Vec<MailboxId>, Came),
    /// The batch ends: keyvault is asked about what arrived.
    Open,
    /// The batch ends: the mailboxes are told what is durable here.
    Acknowledge,
}

/// For what goes out.
pub(super) enum OutboxEvent {
    /// After a start.
    Resume,
    /// Something waits for this contact: looked at when the batch ends.
    Pump(ContactId),
    /// The batch ends: what waits is sealed.
    Seal,
    Sealed(OutgoingId, OutboxId, Result<Vec<Envelope>, NotSealed>),
    /// keyvault sealed it together with something else.
    Keep(OutgoingId, Vec<Envelope>),
    /// keyvault could not seal it a while ago.
    SealAgain(OutgoingId),
    /// It is sealed once more, under the number that it has, unless it waits for the person.
    SealAnew(OutgoingId),
    /// All that the contact has not acked is sealed anew, but what was given up: its session may have lost it.
    SealAllAgain(ContactId),
    /// Its session is opened anew.
    Repair(ContactId, SessionId),
    /// A relay has it; by these relays it went there.
    AtRelay(OutgoingId, Vec<RelayId>),
    /// The peer tells what it has.
    Acked(ContactId, Acks),
    /// The peer has other contents than these were, and enough time has passed since that was last so.
    NumberAnew(ContactId),
    /// The peer asks for what it has not.
    Missing(ContactId, Vec<Range>),
    /// These have no number any more, and wait for one: keyvault was asked to seal them under these names.
    TakenBack(ContactId, Vec<(OutgoingId, Option<OutboxId>)>),
    /// Now or never: it is worth nothing a moment later.
    SayNow(ContactId, OutgoingKind),
    /// The same, of a comparison. What was to be said of one before, and is at no relay, does not leave any more.
    Compare(ContactId, Comparison),
    /// Which chunks of a file are here. What was to be said of that before, and is at no relay, does not leave any more.
    TellChunks(ContactId, FileId, FileChunks),
    /// That moment has come.
    Passed(OutgoingId),
    /// Nothing of this kind leaves any more for a contact.
    Unsay(ContactId, OutgoingKind),
    /// What keyvault opened is durable here.
    Committed([u8; 32]),
    /// The batch ends: keyvault may forget what is durable.
    Forget,
    Forgotten(Vec<OutboxId>, Result<(), Failed>),
}

/// For the envelopes on their way to relays.
pub(super) enum DepositEvent {
    /// After a start.
    Resume,
    /// A content of this contact was sealed into these.
    Add(OutgoingId, ContactId, Vec<Envelope>),
    /// A queue of the peer: secured once, then whatever is due is left there.
    LookAt(PeerQueueId),
    /// The same, and its circuit could not be had.
    Unreachable(PeerQueueId),
    Secured(PeerQueueId, Came),
    Deposited(PeerQueueId, DepositId, CircuitId, Came),
    /// No relay has told for a while that it has it.
    Slow(OutgoingId),
    /// Its relay says that there is no such queue.
    Gone(PeerQueueId),
}

/// For sessions that broke and ratchets that stand still.
pub(super) enum RepairEvent {
    /// After a start.
    Resume,
    /// Something of the contact could be read.
    Heard(Box<Contact>, News),
    /// Something was said to the contact.
    Spoke(ContactId),
    /// The peer uses numbers that it had used before.
    RolledBack(SessionId),
    /// The peer speaks under keys that are not here.
    OutOfStep(SessionId),
    /// keyvault opened the session anew: it seals under that one from now on.
    Begun(ContactId),
    /// It did not.
    Refused(Box<Outgoing>, RepairRefused),
    /// It is time to see whether the peer can be read by now.
    Due(ContactId),
    /// It is time to say something.
    KeepAlive(ContactId),
}

/// For the lives of what was written.
pub(super) enum LifeEvent {
    /// After a start.
    Resume,
    /// It is time to see what is old, and what cannot be delivered.
    Look,
    /// Whether what is written to a contact can be delivered may have changed.
    LookAt(ContactId),
    /// The contact acked something: it is there.
    Heard(ContactId),
    /// The clock was set back, or may have been while nothing ran.
    SetBack,
}

/// For what was read, here and over there.
pub(super) enum ReceiptEvent {
    /// After a start.
    Resume,
    /// It is time to tell a contact what was read of theirs.
    Due(ContactId),
    /// A contact has read all up to this text.
    Theirs(ContactId, WireId),
    /// What a contact has read may be noted by now, or some more of it.
    GoOn(ContactId),
}

/// For who writes just now.
pub(super) enum TypingEvent {
    /// The user does, or does no more.
    Own { request: Asker<TellTyping>, call: TellTyping },
    /// Something of a contact could be read, that was sent then by their clock.
    Heard(ContactId, Timestamp, Sign),
    /// The user has written something to a contact.
    Wrote(ContactId),
    /// It may be time to tell a contact that the user ceased.
    Cease(ContactId),
    /// It may be time to show a contact as writing no more.
    Over(ContactId),
    /// It is.
    Ended(ContactId),
}

/// What something of a contact's says of their writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing.
    None,
    /// They do, or do no more.
    Typing(bool),
    /// It was that what they wrote.
    Text,
}

/// For texts that disappear.
pub(super) enum EndEvent {
    /// The clock was set back, or may have been while nothing ran.
    SetBack,
    /// A life has begun that ends then.
    Begun(Timestamp),
    /// It is time to see which are at their end.
    Look,
}

/// For links that may lead to somebody who is a contact already, and two sessions with one person.
pub(super) enum ClaimEvent {
    /// After a start.
    Resume,
    /// The user gave a link under the name of this contact.
    Begin {
        request: Asker<AcceptInvite>,
        link: String,
        contact: ContactId,
    },
    Opened(AcceptId, Asked<OpenedInvite, InviteFailed<OpenInviteError>>),
    /// Somebody is connected, or a question came.
    LookAt(ContactId),
    NumberTold(AcceptId, Asked<SafetyNumber, SessionError>),
    /// Somebody came by the user's invite while this link was being accepted for the same place.
    Crossed {
        contact: ContactId,
        link: String,
    },
    /// Both were heard: who came by the user's invite, and whose the user accepted for the same place.
    Met {
        invited: ContactId,
        accepted: ContactId,
    },
    /// Of the session that is to stay of two with one person.
    TwinsNumberTold(ContactId, Asked<SafetyNumber, SessionError>),
    /// Of two sessions with one person this one is not needed any more, on either side.
    Settled {
        goes: ContactId,
    },
    /// Nothing can be delivered to a contact any more.
    Unreachable(ContactId),
    /// It is time to see what was not answered.
    Look,
}

/// For what is too old to be kept.
pub(super) enum RetentionEvent {
    /// Whether anything is. Also after a start, and where the user keeps it for another time from now on.
    Look,
}

/// For files on their way out.
pub(super) enum FileSendEvent {
    /// After a start.
    Resume,
    /// What is wanted of a contact's files may have changed.
    LookAt(ContactId),
    /// The circuit to a queue is there, or went; or it may be asked again.
    LookAtQueue(PeerQueueId),
    /// Something of a contact could be read.
    Heard(ContactId),
    /// Which chunks they have.
    Told(ContactId, FileChunks),
    /// The user wants more of it to be sent, however much was.
    GoOn(FileId),
    Put(FileId, Put, Came),
    /// Relays may have dropped what lay there too long.
    Drops(ContactId),
    SetBack,
}

/// For files that come in.
pub(super) enum ArrivalEvent {
    /// After a start.
    Resume,
    /// What is wanted of a contact's files, or the own queues, may have changed.
    LookAt(ContactId),
    /// The circuit to an own queue is there, or it may be subscribed again.
    LookAtQueue(ReceiveQueueId),
    CircuitLost(ReceiveQueueId),
    Subscribed(ReceiveQueueId, Came),
    /// Something of a contact could be read.
    Heard(ContactId),
    /// A mailbox brought a chunk.
    Came(Box<ArrivedChunk>),
    Acked,
    /// It is time to tell a contact what is here.
    Due(ContactId),
    /// The batch ends: what was written is made durable.
    Settle,
    SetBack,
}

/// A command to a mailbox.
pub(super) struct Order {
    /// What the relay is to do.
    pub(super) call: MailboxCall,
    /// For what keyvault authenticates it; `create` needs work instead.
    pub(super) purpose: Option<Purpose>,
}

/// Who needs a circuit and is looked at when it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum User {
    ReceiveQueue(ReceiveQueueId),
    PeerQueue(PeerQueueId),
    Accept(AcceptId),
    /// Chunks of files go there.
    FileTo(PeerQueueId),
    /// Chunks of files come from there.
    FileFrom(ReceiveQueueId),
}

impl User {
    /// For what traffic its circuit is.
    pub(super) fn lane(self) -> Lane {
        match self {
            Self::ReceiveQueue(_) | Self::PeerQueue(_) | Self::Accept(_) => Lane::Text,
            Self::FileTo(_) | Self::FileFrom(_) => Lane::Bulk,
        }
    }
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    Circuit(CircuitId),
    /// Look at it.
    User(User),
    /// Ask again for a relay.
    Pick(ReceiveQueueId),
    Accept(AcceptId),
    Gap(ContactId),
    Pump(ContactId),
    Acknowledge(ReceiveQueueId),
    Prove(ReceiveQueueId),
    /// keyvault did not open something: the end of any batch asks again.
    Open,
    Seal(OutgoingId),
    NumberAnew(ContactId),
    Slow(OutgoingId),
    Repair(ContactId),
    KeepAlive(ContactId),
    Housekeeping,
    Life,
    Receipt(ContactId),
    ReadThere(ContactId),
    Passed(OutgoingId),
    Cease(ContactId),
    TypingOver(ContactId),
    Ends,
    Comparison(ContactId),
    /// Look at what is asked of, or by, a contact.
    Claim(ContactId),
    Retention,
    FilesTo(ContactId),
    FilesFrom(ContactId),
    /// Files of which nothing is known any more are removed.
    Blobs,
}

/// Why keyvault did not seal a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotSealed {
    /// It may another time.
    Now,
    /// It has other bytes under this name.
    OtherContent,
    /// It was a repair.
    Repair(RepairRefused),
}

impl From<SealError> for NotSealed {
    fn from(error: SealError) -> Self {
        match error {
            SealError::BadContent => Self::OtherContent,
            SealError::NoSuchId
            | SealError::TooManyOpen
            | SealError::TooLong
            | SealError::NoQueue
            | SealError::Fault(_) => Self::Now,
        }
    }
}

impl From<RepairError> for NotSealed {
    fn from(error: RepairError) -> Self {
        match error {
            RepairError::BadContent => Self::OtherContent,
            RepairError::RateLimited => Self::Repair(RepairRefused::TooEarly),
            RepairError::InviteAgain => Self::Repair(RepairRefused::InviteAgain),
            RepairError::NoSuchId
            | RepairError::TooManyOpen
            | RepairError::TooLong
            | RepairError::NoQueue
            | RepairError::Fault(_) => Self::Now,
        }
    }
}

/// Why a session is not opened anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RepairRefused {
    /// It was a moment ago.
    TooEarly,
    /// The two have to invite each other again.
    InviteAgain,
}

impl Event {
    /// Its circuit is open.
    pub(super) fn look_at(user: User) -> Self {
        match user {
            User::ReceiveQueue(id) => QueueEvent::LookAt(id).into(),
            User::PeerQueue(id) => DepositEvent::LookAt(id).into(),
            User::Accept(id) => AcceptEvent::LookAt(id).into(),
            User::FileTo(id) => FileSendEvent::LookAtQueue(id).into(),
            User::FileFrom(id) => ArrivalEvent::LookAtQueue(id).into(),
        }
    }

    /// Its circuit went, or could not be had.
    pub(super) fn circuit_lost(user: User) -> Self {
        match user {
            User::ReceiveQueue(id) => QueueEvent::CircuitLost(id).into(),
            User::PeerQueue(id) => DepositEvent::Unreachable(id).into(),
            User::Accept(id) => AcceptEvent::LookAt(id).into(),
            User::FileTo(id) => FileSendEvent::LookAtQueue(id).into(),
            User::FileFrom(id) => ArrivalEvent::CircuitLost(id).into(),
        }
    }
}

macro_rules! for_flow {
    ($($flow:ident: $event:ident,)*) => {
        $(impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$flow(event)
            }
        })*
    };
}

for_flow! {
    Circuits: CircuitEvent,
    Invites: InviteEvent,
    Queues: QueueEvent,
    Accepts: AcceptEvent,
    Contacts: ContactEvent,
    Comparisons: ComparisonEvent,
    Inbox: InboxEvent,
    Outbox: OutboxEvent,
    Deposits: DepositEvent,
    Repair: RepairEvent,
    Life: LifeEvent,
    Receipts: ReceiptEvent,
    Typing: TypingEvent,
    Ends: EndEvent,
    Claims: ClaimEvent,
    Retention: RetentionEvent,
    FileSends: FileSendEvent,
    Arrivals: ArrivalEvent,
}
