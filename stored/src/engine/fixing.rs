//! The bytes of a content are fixed once, when its number is taken: whatever seals it later seals the same.

use ipc_schema::Timestamp;

use super::event::RepairEvent;
use super::turn::Turn;
use super::{files, introduction_steps, meeting_steps, receipts};
use crate::content::{
    self, Acks, Content, EditPart, GAPS_IN_REPAIR_MAX, GAPS_MAX, HashHead, Kind, Link, TextPart, WireId,
};
use crate::error::StoreError;
use crate::ids::OutboxId;
use crate::store::{Change, Message, Outgoing, OutgoingKind};

/// Fixes the bytes of a content: its number, what came before it, and the acks that ride along.
pub(super) fn fix(turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
    let message = match outgoing.message.as_deref() {
        Some(id) => turn.store.message(id)?,
        None => None,
    };
    // A text says when it was written, however long it waited, and however often it was numbered since.
    let sent_at = message.as_ref().map_or(turn.now, |message| message.sent_at);
    let kind = kind_of(turn, outgoing, message)?;
    fix_as(turn, outgoing, kind, sent_at)
}

/// The same, of what stands nowhere else.
pub(super) fn fix_as(
    turn: &mut Turn,
    outgoing: &Outgoing,
    kind: Kind,
    sent_at: Timestamp,
) -> Result<(), StoreError> {
    let mut chain = turn.store.send_chain(outgoing.contact)?;
    let (numbered, passing) = (kind.numbered(), outgoing.kind.is_passing());
    if numbered {
        chain.sequence += 1;
    }
    let content = Content {
        id: WireId(turn.random()),
        link: Link { chain: chain.chain, sequence: chain.sequence, numbered, previous: chain.hash },
        sent_at,
        acks: if passing { None } else { acks_for(turn, outgoing)? },
        kind,
    };
    let bytes = content::encode(&content);
    if numbered {
        chain.hash = Some(content::hash(&bytes));
        turn.store.set_send_chain(outgoing.contact, &chain)?;
    } else {
        turn.store.note_told(outgoing.contact, chain.sequence)?;
    }
    // What passes may never leave: it is no answer, and carries nothing that is owed.
    if !passing {
        turn.store.set_ack_due(outgoing.contact, false)?;
        turn.wish(RepairEvent::Spoke(outgoing.contact));
    }
    let outbox = OutboxId(turn.random_id());
    let sequence = if numbered { chain.sequence } else { 0 };
    turn.store.fix_outgoing(outgoing.id, sequence, &bytes, outbox)
}

fn kind_of(turn: &Turn, outgoing: &Outgoing, message: Option<Message>) -> Result<Kind, StoreError> {
    Ok(match outgoing.kind {
        OutgoingKind::Receipt => Kind::Receipt(receipts::take_owed(turn, outgoing.contact)?),
        OutgoingKind::Typing => Kind::Typing(true),
        OutgoingKind::Paused => Kind::Typing(false),
        OutgoingKind::QueueChange => Kind::QueueChange,
        OutgoingKind::Profile => Kind::Profile(turn.store.profile_name()?),
        OutgoingKind::Repair => Kind::SessionRepair,
        OutgoingKind::KeepAlive => Kind::KeepAlive,
        OutgoingKind::GapRequest => {
            let chain = turn.store.receive_chain(outgoing.contact)?;
            Kind::GapRequest(chain.known().missing(chain.highest, GAPS_MAX))
        }
        OutgoingKind::Text => text_part(turn, message, outgoing)?,
        OutgoingKind::Edit => said_of(turn, outgoing, |Change { wire, name, body }| {
            let body = part_of(&body, outgoing.part);
            Kind::Edit(EditPart { message: wire, name, part: outgoing.part, parts: outgoing.parts, body })
        })?,
        OutgoingKind::Delete => said_of(turn, outgoing, |change| Kind::Delete(change.wire))?,
        OutgoingKind::Reaction => said_of(turn, outgoing, |Change { wire, body, .. }| Kind::Reaction {
            message: wire,
            emoji: body,
        })?,
        OutgoingKind::Timer => Kind::Timer(
            turn.store.contact(outgoing.contact)?.map(|contact| contact.timer).unwrap_or_default(),
        ),
        // Its bytes are fixed when it is added.
        OutgoingKind::Comparison | OutgoingKind::FileChunks => Kind::KeepAlive,
        OutgoingKind::Introduction => said_of(turn, outgoing, introduction_steps::said)?,
        OutgoingKind::Meeting => said_of(turn, outgoing, meeting_steps::said)?,
        OutgoingKind::FileAnswer => said_of(turn, outgoing, files::said)?,
    })
}

/// What was done to a text. Where that holds no more (the text was deleted, or something else done to it), it leaves a number without
/// words.
fn said_of(turn: &Turn, outgoing: &Outgoing, kind: impl FnOnce(Change) -> Kind) -> Result<Kind, StoreError> {
    let Some(id) = outgoing.change else { return Ok(Kind::QueueChange) };
    Ok(turn.store.change(id)?.map_or(Kind::QueueChange, kind))
}

fn part_of(body: &str, part: u16) -> String {
    content::split(body).get(usize::from(part)).copied().unwrap_or_default().to_owned()
}

fn text_part(turn: &Turn, message: Option<Message>, outgoing: &Outgoing) -> Result<Kind, StoreError> {
    // A text that was deleted meanwhile leaves a number without words.
    let Some(message) = message.filter(|message| !message.deleted) else { return Ok(Kind::QueueChange) };
    if let Some(offer) = files::offer_in(turn, &message, outgoing)? {
        return Ok(offer);
    }
    let files = turn.store.count_files_of(&message.id)?;
    let reply_to = match turn.store.message(&message.reply_to)? {
        Some(answered) if outgoing.part == 0 || files > 0 => Some(answered.wire),
        _ => None,
    };
    Ok(Kind::Text(TextPart {
        message: message.wire,
        part: outgoing.part,
        parts: outgoing.parts,
        body: part_of(&message.body, outgoing.part.saturating_sub(files)),
        reply_to,
        life_s: message.timer_s,
    }))
}

fn acks_for(turn: &Turn, outgoing: &Outgoing) -> Result<Option<Acks>, StoreError> {
    let gaps = if outgoing.kind == OutgoingKind::Repair { GAPS_IN_REPAIR_MAX } else { GAPS_MAX };
    let mut chain = turn.store.receive_chain(outgoing.contact)?;
    if chain.chain == Timestamp(0) {
        return Ok(None);
    }
    // What lies under a number that the peer has used for something else is all that matters to it now.
    let mut up_to = if chain.conflict > 0 { chain.conflict } else { chain.numbers.highest() };
    let mut missing = chain.numbers.missing(up_to, gaps + 1);
    if let Some(untold) = missing.get(gaps) {
        // There is room for so many gaps only: say nothing of what lies beyond.
        up_to = untold.first - 1;
        missing.truncate(gaps);
    }
    let hash_under = |number: u64| -> Result<Option<[u8; 32]>, StoreError> {
        let under = turn.store.received_under(outgoing.contact, chain.chain, number)?;
        Ok(under.map(|numbered| numbered.hash))
    };
    let before_gaps = missing
        .iter()
        .map(|gap| Ok(hash_under(gap.first - 1)?.map_or(HashHead::default(), |hash| content::head(&hash))));
    let before_gaps = before_gaps.collect::<Result<_, StoreError>>()?;
    let hash = hash_under(up_to)?;
    if chain.conflict > 0 && up_to == chain.conflict {
        chain.conflict = 0;
        turn.store.set_receive_chain(outgoing.contact, &chain)?;
    }
    Ok(Some(Acks { chain: chain.chain, up_to, missing, hash, before_gaps }))
}
