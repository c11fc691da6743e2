//! What changes, and the figures of `status`.

use super::{Closed, Contact, Delivery, File, History, Message, told};
use crate::Timestamp;
use crate::clock::ClockOffset;
use crate::edge::{Builder, Call, Part, Read, Reader, call, text};
use crate::edges::ui_stored_capnp::{event, messenger, watcher};
use crate::limits::MESSAGE_ID_MAX_CHARS;

/// Bytes of the word for a network's stage.
const STAGE_MAX_BYTES: usize = 32;

call! {
    /// Tells the events after a number and then as they come, each at least once, until the watcher is dropped.
    Watch of messenger: watch_request, watch_params, watch_results;
    asks {
        /// Whom.
        watcher: watcher::Client => capability get_watcher set_watcher,
        /// All ones: from now on.
        since: u64 => number get_since set_since,
    }
    answers u64, Closed: number get_seq set_seq beside get_error set_error;
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number, rising.
    pub seq: u64,
    /// By stored's clock.
    pub at: Timestamp,
    /// What it tells, as that is now.
    pub change: Change,
}

/// What an [`Event`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A text, theirs or ours, that is new or changed.
    Message(Message),
    /// A text reached another state.
    Delivery {
        /// The text.
        id: String,
        /// Its conversation.
        contact: String,
        /// The state now.
        state: Delivery,
    },
    /// A contact is new or changed; one without a name is gone.
    Contact(Contact),
    /// The network's stage, as in `status`.
    Network(String),
    /// A message is not there any more.
    Gone {
        /// It.
        id: String,
        /// Its conversation.
        contact: String,
    },
    /// A file stands otherwise.
    File(File),
    /// A contact writes, or does no more. Kept nowhere: it has the number of the event before it.
    Typing {
        /// The contact's id.
        who: String,
        /// Whether they do.
        on: bool,
    },
}

impl Event {
    /// Writes it.
    pub fn write(&self, mut to: event::Builder<'_>) {
        to.set_seq(self.seq);
        to.set_at(self.at.0);
        match &self.change {
            Change::Message(message) => message.write(to.init_message()),
            Change::Delivery { id, contact, state } => {
                let mut to = to.init_delivery();
                to.set_id(id);
                to.set_contact(contact);
                to.set_state((*state).into());
            }
            Change::Contact(contact) => contact.write(to.init_contact()),
            Change::Network(stage) => to.set_network(stage.as_str()),
            Change::Gone { id, contact } => {
                let mut to = to.init_gone();
                to.set_id(id);
                to.set_contact(contact);
            }
            Change::File(file) => file.write(to.init_file()),
            Change::Typing { who, on } => {
                let mut to = to.init_typing();
                to.set_who(who);
                to.set_on(*on);
            }
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`](crate::edge::Malformed).
    pub fn read(from: event::Reader<'_>) -> Read<Self> {
        let change = match from.which()? {
            event::Message(message) => Change::Message(Message::read(message?)?),
            event::Delivery(delivery) => Change::Delivery {
                id: text(delivery.get_id()?, MESSAGE_ID_MAX_CHARS)?,
                contact: text(delivery.get_contact()?, MESSAGE_ID_MAX_CHARS)?,
                state: delivery.get_state()?.into(),
            },
            event::Contact(contact) => Change::Contact(Contact::read(contact?)?),
            event::Network(stage) => Change::Network(text(stage?, STAGE_MAX_BYTES)?),
            event::Gone(gone) => Change::Gone {
                id: text(gone.get_id()?, MESSAGE_ID_MAX_CHARS)?,
                contact: text(gone.get_contact()?, MESSAGE_ID_MAX_CHARS)?,
            },
            event::File(file) => Change::File(File::read(file?)?),
            event::Typing(typing) => {
                Change::Typing { who: text(typing.get_who()?, MESSAGE_ID_MAX_CHARS)?, on: typing.get_on() }
            }
        };
        Ok(Self { seq: from.get_seq(), at: Timestamp(from.get_at()), change })
    }
}

call! {
    /// The figures of `status`. Also while conversations are not open.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Count of messenger: counts_request, counts_params, counts_results;
    asks {}
    answers Counts: by write_counts read_counts;
}

/// Plain figures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Texts that no relay holds yet.
    pub outbox: u32,
    /// Texts at a relay, not acked by the peer.
    pub at_relay: u32,
    /// Own receive queues.
    pub mailboxes: u32,
    /// Peers' queues that are full.
    pub full: u32,
    /// Texts that were not read here.
    pub unread: u32,
    /// Age of the last proof of life, milliseconds; `None`: none yet.
    pub proof_age_ms: Option<u64>,
    /// The network's stage, as in `status`; empty: not known there.
    pub stage: String,
    /// What relays say of the clock; `None`: not known there.
    pub clock: Option<ClockOffset>,
    /// How the file of the conversations is.
    pub history: History,
}

fn write_counts(counts: &Counts, to: Builder<'_, <Count as Call>::Results>) {
    let mut to = to.init_counts();
    to.set_outbox(counts.outbox);
    to.set_at_relay(counts.at_relay);
    to.set_mailboxes(counts.mailboxes);
    to.set_full(counts.full);
    to.set_unread(counts.unread);
    to.set_proof_age_ms(counts.proof_age_ms.unwrap_or(u64::MAX));
    to.set_stage(&counts.stage);
    to.set_history(counts.history.into());
    if let Some(clock) = counts.clock {
        to.set_clock_known(true);
        to.set_clock_offset_s(clock.seconds);
        to.set_clock_relays(clock.relays);
    }
}

fn read_counts(from: Reader<'_, <Count as Call>::Results>) -> Read<Counts> {
    let from = from.get_counts()?;
    let age = from.get_proof_age_ms();
    Ok(Counts {
        outbox: from.get_outbox(),
        at_relay: from.get_at_relay(),
        mailboxes: from.get_mailboxes(),
        full: from.get_full(),
        unread: from.get_unread(),
        proof_age_ms: (age != u64::MAX).then_some(age),
        stage: text(from.get_stage()?, STAGE_MAX_BYTES)?,
        clock: from
            .get_clock_known()
            .then(|| ClockOffset { seconds: from.get_clock_offset_s(), relays: from.get_clock_relays() }),
        history: from.get_history()?.into(),
    })
}
