//! Files: what is offered, what the two want of it, and which chunks are there (docs/protocol/content.md, "Files").

use ipc_schema::file_name::FileName;
use ipc_schema::limits::{FILE_MAX_BYTES, FILE_NAME_MAX_BYTES};

use super::error::{ContentError, wire_id};
use super::generated::content_capnp::content as wire;
use super::wire_ranges::{read_ranges, write_ranges};
use super::{CHUNK_GAPS_MAX, FILES_MAX, Kind, PARTS_MAX, PREVIEW_MAX_PIXELS, Range, WireId, bounded_life};
use crate::secret::Secret;

/// A file that its reader may have.
#[derive(Clone, PartialEq, Eq)]
pub struct FileOffer {
    /// What both sides call it.
    pub file: WireId,
    /// What it is called; made of the sender's word.
    pub name: FileName,
    /// What it is; the sender's word.
    pub kind: FileKind,
    /// At most [`FILE_MAX_BYTES`].
    pub size_bytes: u64,
    /// Its chunks are sealed under keys of this one.
    pub key: Secret,
    /// BLAKE3 of all of it.
    pub root: [u8; 32],
    /// Of a picture.
    pub preview: Option<Preview>,
    /// The whole message's name.
    pub message: WireId,
    /// From 0, below [`FILES_MAX`].
    pub part: u16,
    /// 1 to [`PARTS_MAX`]; those that are no files are texts.
    pub parts: u16,
    /// The text that the message answers.
    pub reply_to: Option<WireId>,
    /// As of a text.
    pub life_s: u32,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Any, and what this version does not know.
    File,
    /// A picture.
    Picture,
    /// Something said.
    Voice,
}

/// A picture made small, as pixels: nothing has to decode it.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview {
    width: u8,
    rgb: Vec<u8>,
}

/// What one of the two wants of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileWord {
    /// That it comes, or goes on.
    Go,
    /// That it rests.
    Pause,
    /// No more of it. The last word.
    Stop,
    /// All of it is here. The last word of who receives.
    Done,
}

/// Chunks that are durable where this comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChunks {
    /// What both sides call the file.
    pub file: WireId,
    /// Up to this number all
    pub up_to: u32,
    /// but these.
    pub missing: Vec<Range>,
    /// Those that are missing are to be left again under this round; 0: they are not asked for.
    pub again: u32,
}

impl Preview {
    /// Rows of `width` pixels of 3 B; `None`: no rows, too many of them, or not whole ones.
    #[must_use]
    pub fn new(width: u8, rgb: Vec<u8>) -> Option<Self> {
        let row = usize::from(width) * 3;
        let whole = row > 0 && !rgb.is_empty() && rgb.len().is_multiple_of(row);
        (whole && rgb.len() <= PREVIEW_MAX_PIXELS * 3).then_some(Self { width, rgb })
    }

    /// Pixels of a row.
    #[must_use]
    pub fn width(&self) -> u8 {
        self.width
    }

    /// Its pixels, row after row.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}

pub(super) fn read_offer(from: &wire::file_offer::Reader<'_>) -> Result<FileOffer, ContentError> {
    let (name, reply_to) = (from.get_name()?.to_str()?, from.get_reply_to()?);
    let (width, rgb) = (from.get_preview_width(), from.get_preview()?);
    let preview = match (width, rgb) {
        (0, []) => None,
        (width, rgb) => Some(Preview::new(width, rgb.to_vec()).ok_or(ContentError)?),
    };
    let offer = FileOffer {
        file: wire_id(from.get_file()?)?,
        name: FileName::clean(name),
        kind: match from.get_kind() {
            Ok(wire::FileKind::Picture) => FileKind::Picture,
            Ok(wire::FileKind::Voice) => FileKind::Voice,
            Ok(wire::FileKind::File) | Err(capnp::NotInSchema(_)) => FileKind::File,
        },
        size_bytes: from.get_size_bytes(),
        key: Secret::of(from.get_key()?.try_into().map_err(|_| ContentError)?),
        root: from.get_root()?.try_into().map_err(|_| ContentError)?,
        preview,
        message: wire_id(from.get_message()?)?,
        part: from.get_part(),
        parts: from.get_parts(),
        reply_to: if reply_to.is_empty() { None } else { Some(wire_id(reply_to)?) },
        life_s: bounded_life(from.get_life_s()),
    };
    let bounded = name.len() <= FILE_NAME_MAX_BYTES && offer.size_bytes <= FILE_MAX_BYTES;
    let placed = offer.part < offer.parts.min(FILES_MAX) && offer.parts <= PARTS_MAX;
    if bounded && placed { Ok(offer) } else { Err(ContentError) }
}

pub(super) fn write_offer(mut to: wire::file_offer::Builder<'_>, from: &FileOffer) {
    to.set_file(&from.file.0);
    to.set_name(from.name.as_str());
    to.set_kind(match from.kind {
        FileKind::File => wire::FileKind::File,
        FileKind::Picture => wire::FileKind::Picture,
        FileKind::Voice => wire::FileKind::Voice,
    });
    to.set_size_bytes(from.size_bytes);
    to.set_key(from.key.expose());
    to.set_root(&from.root);
    if let Some(preview) = &from.preview {
        to.set_preview_width(preview.width);
        to.set_preview(&preview.rgb);
    }
    to.set_message(&from.message.0);
    to.set_part(from.part);
    to.set_parts(from.parts);
    if let Some(reply_to) = &from.reply_to {
        to.set_reply_to(&reply_to.0);
    }
    to.set_life_s(from.life_s);
}

/// `None`: a word of a later version.
pub(super) fn read_answer(from: &wire::file_answer::Reader<'_>) -> Result<Option<Kind>, ContentError> {
    let file = wire_id(from.get_file()?)?;
    let word = match from.get_word() {
        Ok(wire::FileWord::Go) => FileWord::Go,
        Ok(wire::FileWord::Pause) => FileWord::Pause,
        Ok(wire::FileWord::Stop) => FileWord::Stop,
        Ok(wire::FileWord::Done) => FileWord::Done,
        Err(capnp::NotInSchema(_)) => return Ok(None),
    };
    Ok(Some(Kind::FileAnswer { file, word }))
}

pub(super) fn write_answer(mut to: wire::file_answer::Builder<'_>, file: WireId, word: FileWord) {
    to.set_file(&file.0);
    to.set_word(match word {
        FileWord::Go => wire::FileWord::Go,
        FileWord::Pause => wire::FileWord::Pause,
        FileWord::Stop => wire::FileWord::Stop,
        FileWord::Done => wire::FileWord::Done,
    });
}

pub(super) fn read_chunks(from: &wire::file_chunks::Reader<'_>) -> Result<FileChunks, ContentError> {
    Ok(FileChunks {
        file: wire_id(from.get_file()?)?,
        up_to: from.get_up_to(),
        missing: read_ranges(from.get_missing()?, CHUNK_GAPS_MAX)?,
        again: from.get_again(),
    })
}

pub(super) fn write_chunks(mut to: wire::file_chunks::Builder<'_>, from: &FileChunks) {
    to.set_file(&from.file.0);
    to.set_up_to(from.up_to);
    if !from.missing.is_empty() {
        write_ranges(|length| to.reborrow().init_missing(length), &from.missing);
    }
    to.set_again(from.again);
}

#[cfg(test)]
#[path = "file_tests.rs"]
pub(super) mod tests;
