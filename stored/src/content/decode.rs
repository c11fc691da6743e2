//! A peer's bytes to domain types. The peer is authenticated and may still be hostile.

use ipc_schema::Timestamp;
use ipc_schema::limits::{CONTENT_MAX_BYTES, NAME_MAX_BYTES};

use super::error::{ContentError, wire_id};
use super::generated::content_capnp::content as wire;
use super::wire_ranges::read_ranges;
use super::{
    Acks, ChatTimer, Content, EditPart, GAPS_MAX, Kind, Link, PARTS_MAX, TextPart, VERSION, bounded_life,
    comparison, file, introduction, is_emoji, meeting,
};

const NESTING_MAX: i32 = 8;

/// No honest chain comes near; below it no sum can overflow.
const SEQUENCE_MAX: u64 = 1 << 48;

/// Parses and bounds everything.
///
/// # Errors
/// [`ContentError`] on anything malformed, oversized or trailing.
pub fn decode(untrusted_content: &[u8]) -> Result<Content, ContentError> {
    if untrusted_content.len() > CONTENT_MAX_BYTES {
        return Err(ContentError);
    }
    let mut options = capnp::message::ReaderOptions::new();
    options.traversal_limit_in_words(Some(CONTENT_MAX_BYTES)).nesting_limit(NESTING_MAX);
    one_segment(untrusted_content)?;
    let message = capnp::serialize::read_message(untrusted_content, options)?;
    let root = message.get_root::<wire::Reader<'_>>()?;
    let known = if root.get_version() == VERSION { read_kind(&root)? } else { None };
    let kind = known.unwrap_or_else(|| Kind::Later(untrusted_content.to_vec()));
    Ok(Content {
        id: wire_id(root.get_id()?)?,
        link: read_link(&root)?,
        sent_at: Timestamp(root.get_sent_at()),
        acks: if root.has_acks() { Some(read_acks(&root.get_acks()?)?) } else { None },
        kind,
    })
}

/// The framing says exactly one segment, and exactly these bytes.
fn one_segment(bytes: &[u8]) -> Result<(), ContentError> {
    let (header, body) = bytes.split_first_chunk::<8>().ok_or(ContentError)?;
    let [0, 0, 0, 0, words @ ..] = *header else { return Err(ContentError) };
    let words = usize::try_from(u32::from_le_bytes(words)).map_err(|_| ContentError)?;
    if words.checked_mul(8) == Some(body.len()) { Ok(()) } else { Err(ContentError) }
}

fn read_link(root: &wire::Reader<'_>) -> Result<Link, ContentError> {
    let previous = root.get_previous()?;
    let previous =
        if previous.is_empty() { None } else { Some(previous.try_into().map_err(|_| ContentError)?) };
    let link = Link {
        chain: Timestamp(root.get_chain()),
        sequence: root.get_sequence(),
        numbered: root.get_numbered(),
        previous,
    };
    let possible = link.sequence <= SEQUENCE_MAX && (link.sequence > 0 || !link.numbered);
    if possible { Ok(link) } else { Err(ContentError) }
}

fn read_acks(acks: &wire::acks::Reader<'_>) -> Result<Acks, ContentError> {
    let missing = read_ranges(acks.get_missing()?, GAPS_MAX)?;
    let hash = acks.get_hash()?;
    let (before_gaps, rest) = acks.get_before_gaps()?.as_chunks();
    let one_each = before_gaps.is_empty() || before_gaps.len() == missing.len();
    if !one_each || !rest.is_empty() {
        return Err(ContentError);
    }
    Ok(Acks {
        chain: Timestamp(acks.get_chain()),
        up_to: acks.get_up_to(),
        missing,
        hash: if hash.is_empty() { None } else { Some(hash.try_into().map_err(|_| ContentError)?) },
        before_gaps: before_gaps.to_vec(),
    })
}

/// `None`: a later version knows it.
fn read_kind(root: &wire::Reader<'_>) -> Result<Option<Kind>, ContentError> {
    use wire::Which;
    Ok(Some(match root.which() {
        Ok(Which::Text(text)) => Kind::Text(read_text(&text?)?),
        Ok(Which::Reply(text)) => Kind::Text(read_text(&text?)?),
        Ok(Which::Receipt(receipt)) => {
            let read_up_to = receipt?.get_read_up_to()?;
            Kind::Receipt(if read_up_to.is_empty() { None } else { Some(wire_id(read_up_to)?) })
        }
        Ok(Which::Typing(on)) => Kind::Typing(on),
        Ok(Which::Profile(profile)) => {
            let name = profile?.get_name()?.to_str()?;
            if name.len() > NAME_MAX_BYTES {
                return Err(ContentError);
            }
            Kind::Profile(name.to_owned())
        }
        Ok(Which::QueueChange(())) => Kind::QueueChange,
        Ok(Which::SessionRepair(_)) => Kind::SessionRepair,
        Ok(Which::RatchetKeepAlive(())) => Kind::KeepAlive,
        Ok(Which::GapRequest(ranges)) => Kind::GapRequest(read_ranges(ranges?, GAPS_MAX)?),
        Ok(Which::Edit(edit)) => Kind::Edit(read_edit(&edit?)?),
        Ok(Which::Delete(text)) => Kind::Delete(wire_id(text?.get_message()?)?),
        Ok(Which::Reaction(reaction)) => read_reaction(&reaction?)?,
        Ok(Which::Timer(timer)) => {
            let timer = timer?;
            Kind::Timer(ChatTimer {
                seconds: bounded_life(timer.get_seconds()),
                version: timer.get_version(),
            })
        }
        Ok(Which::Introduction(said)) => {
            return Ok(introduction::read(&said?)?.map(Kind::Introduction));
        }
        Ok(Which::FileOffer(offer)) => Kind::FileOffer(file::read_offer(&offer?)?),
        Ok(Which::FileAnswer(answer)) => return file::read_answer(&answer?),
        Ok(Which::FileChunks(chunks)) => Kind::FileChunks(file::read_chunks(&chunks?)?),
        Ok(Which::Comparison(said)) => {
            return Ok(comparison::read(&said?)?.map(Kind::Comparison));
        }
        Ok(Which::Meeting(said)) => return Ok(meeting::read(&said?)?.map(Kind::Meeting)),
        Ok(_) | Err(capnp::NotInSchema(_)) => return Ok(None),
    }))
}

fn read_text(text: &wire::text_part::Reader<'_>) -> Result<TextPart, ContentError> {
    let reply_to = text.get_reply_to()?;
    let part = TextPart {
        message: wire_id(text.get_message()?)?,
        part: text.get_part(),
        parts: text.get_parts(),
        body: text.get_body()?.to_str()?.to_owned(),
        reply_to: if reply_to.is_empty() { None } else { Some(wire_id(reply_to)?) },
        life_s: bounded_life(text.get_life_s()),
    };
    if part.parts > PARTS_MAX || part.part >= part.parts { Err(ContentError) } else { Ok(part) }
}

fn read_edit(edit: &wire::edit::Reader<'_>) -> Result<EditPart, ContentError> {
    let edit = EditPart {
        message: wire_id(edit.get_message()?)?,
        name: wire_id(edit.get_name()?)?,
        part: edit.get_part(),
        parts: edit.get_parts(),
        body: edit.get_body()?.to_str()?.to_owned(),
    };
    if edit.parts > PARTS_MAX || edit.part >= edit.parts { Err(ContentError) } else { Ok(edit) }
}

fn read_reaction(reaction: &wire::reaction::Reader<'_>) -> Result<Kind, ContentError> {
    let message = wire_id(reaction.get_message()?)?;
    let emoji = reaction.get_emoji()?.to_str()?;
    if emoji.is_empty() || is_emoji(emoji) {
        Ok(Kind::Reaction { message, emoji: emoji.to_owned() })
    } else {
        Err(ContentError)
    }
}
