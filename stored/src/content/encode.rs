//! Domain types to bytes.

use super::generated::content_capnp::content as wire;
use super::wire_ranges::write_ranges;
use super::{Acks, Content, EditPart, Kind, TextPart, VERSION, comparison, file, introduction, meeting};

/// The bytes that keyvault seals.
#[must_use]
pub fn encode(content: &Content) -> Vec<u8> {
    encode_version(content, VERSION)
}

pub(super) fn encode_version(content: &Content, version: u8) -> Vec<u8> {
    // One segment that surely holds it: the reader takes no more than one.
    let allocator = capnp::message::HeapAllocator::new().first_segment_words(512);
    let mut message = capnp::message::Builder::new(allocator);
    let mut root = message.init_root::<wire::Builder<'_>>();
    root.set_version(version);
    root.set_id(&content.id.0);
    root.set_chain(content.link.chain.0);
    root.set_sequence(content.link.sequence);
    root.set_numbered(content.link.numbered);
    if let Some(previous) = &content.link.previous {
        root.set_previous(previous);
    }
    root.set_sent_at(content.sent_at.0);
    if let Some(acks) = &content.acks {
        write_acks(root.reborrow().init_acks(), acks);
    }
    write_kind(root, &content.kind);
    capnp::serialize::write_message_to_words(&message)
}

fn write_acks(mut acks: wire::acks::Builder<'_>, from: &Acks) {
    acks.set_chain(from.chain.0);
    acks.set_up_to(from.up_to);
    if !from.missing.is_empty() {
        write_ranges(|length| acks.reborrow().init_missing(length), &from.missing);
    }
    if let Some(hash) = &from.hash {
        acks.set_hash(hash);
    }
    if !from.before_gaps.is_empty() {
        acks.set_before_gaps(from.before_gaps.as_flattened());
    }
}

fn write_kind(mut root: wire::Builder<'_>, kind: &Kind) {
    match kind {
        Kind::Text(part) if part.reply_to.is_some() => write_text(root.init_reply(), part),
        Kind::Text(part) => write_text(root.init_text(), part),
        Kind::Receipt(read_up_to) => {
            let mut receipt = root.init_receipt();
            if let Some(message) = read_up_to {
                receipt.set_read_up_to(&message.0);
            }
        }
        Kind::Typing(on) => root.set_typing(*on),
        Kind::Profile(name) => root.init_profile().set_name(name),
        Kind::QueueChange => root.set_queue_change(()),
        // Its bytes are for what a later version has to say.
        Kind::SessionRepair => root.set_session_repair(&[]),
        Kind::KeepAlive => root.set_ratchet_keep_alive(()),
        Kind::GapRequest(ranges) => write_ranges(|length| root.init_gap_request(length), ranges),
        Kind::Edit(part) => write_edit(root.init_edit(), part),
        Kind::Delete(message) => root.init_delete().set_message(&message.0),
        Kind::Reaction { message, emoji } => {
            let mut reaction = root.init_reaction();
            reaction.set_message(&message.0);
            reaction.set_emoji(emoji);
        }
        Kind::Timer(timer) => {
            let mut to = root.init_timer();
            to.set_seconds(timer.seconds);
            to.set_version(timer.version);
        }
        Kind::Introduction(said) => introduction::write(root.init_introduction(), said),
        Kind::FileOffer(offer) => file::write_offer(root.init_file_offer(), offer),
        Kind::FileAnswer { file, word } => file::write_answer(root.init_file_answer(), *file, *word),
        Kind::FileChunks(chunks) => file::write_chunks(root.init_file_chunks(), chunks),
        Kind::Comparison(said) => comparison::write(root.init_comparison(), said),
        Kind::Meeting(said) => meeting::write(root.init_meeting(), said),
        // Never written by this version; as an unread attestation it is at least legal.
        Kind::Later(_) => root.set_leaf_attestation(&[]),
    }
}

fn write_text(mut text: wire::text_part::Builder<'_>, from: &TextPart) {
    text.set_message(&from.message.0);
    text.set_part(from.part);
    text.set_parts(from.parts);
    text.set_body(&from.body);
    if let Some(reply_to) = &from.reply_to {
        text.set_reply_to(&reply_to.0);
    }
    text.set_life_s(from.life_s);
}

fn write_edit(mut edit: wire::edit::Builder<'_>, from: &EditPart) {
    edit.set_message(&from.message.0);
    edit.set_part(from.part);
    edit.set_parts(from.parts);
    edit.set_body(&from.body);
    edit.set_name(&from.name.0);
}
