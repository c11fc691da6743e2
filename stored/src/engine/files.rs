//! What the two want of files: sent with a message, taken or not, rested and gone on with (docs/protocol/content.md, "Files"). Their
//! bytes are moved by `file_sends.rs` and `file_arrivals.rs`.

use ipc_schema::edge::ui_stored::{
    self, ActOnFile, FileAction, FileActionError, SendError, SendFiles, SendFilesError, SendText,
};

use super::conversations::{self, Placing};
use super::event::{ArrivalEvent, FileSendEvent, OutboxEvent};
use super::file_rows;
use super::names::Found;
use super::turn::Turn;
use crate::content::{FileOffer, FileWord, Kind, Link, WireId};
use crate::error::StoreError;
use crate::files::{Blob, BlobError, Cut, Standing, Words};
use crate::ids::{ContactId, FileId, UploadId};
use crate::secret::Secret;
use crate::store::{Change, Delivery, EventKind, File, Message, Outgoing, OutgoingKind, Trouble, Upload};

/// Puts a message with files into the outbox, once for each id.
pub(super) fn send(turn: &mut Turn, call: SendFiles) -> Found<Message, SendFilesError> {
    let SendFiles { who, id, files, caption, reply_to, with_metadata } = call;
    let text = SendText { who, id, text: caption, reply_to };
    let contact = match conversations::place(turn, &text, true)? {
        Err(why) => return Ok(Err(refused(why))),
        Ok(Placing::Sent(earlier)) => {
            let same = are_those(turn, &files, &earlier)?;
            return Ok(if same { Ok(*earlier) } else { Err(SendFilesError::Conflict) });
        }
        Ok(Placing::New(contact)) => contact,
    };
    let mut uploads: Vec<Upload> = Vec::new();
    for name in &files {
        let Some(upload) = upload(turn, name)? else { return Ok(Err(SendFilesError::NoSuchFile)) };
        if uploads.iter().any(|other| other.id == upload.id) {
            return Ok(Err(SendFilesError::TooLarge));
        }
        uploads.push(upload);
    }
    if uploads.is_empty() {
        return Ok(Err(SendFilesError::TooLarge));
    }
    if !with_metadata && uploads.iter().any(|upload| upload.carries) {
        return Ok(Err(SendFilesError::CarriesMetadata));
    }
    let message = conversations::new_message(turn, &contact, text, uploads.len())?;
    for (part, upload) in (0..).zip(uploads) {
        offer(turn, &message, part, upload)?;
    }
    Ok(Ok(message))
}

/// Whether files are those of a message: handed in again, byte for byte and under the same names, or the ones that it took.
fn are_those(turn: &Turn, files: &[String], message: &Message) -> Result<bool, StoreError> {
    let sent = turn.store.files_of(&message.id)?;
    if sent.len() != files.len() {
        return Ok(false);
    }
    for (name, file) in files.iter().zip(sent) {
        let upload = upload(turn, name)?;
        if upload.is_some_and(|upload| (upload.root, &upload.name) != (file.root, &file.name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn refused(why: SendError) -> SendFilesError {
    match why {
        SendError::Closed(why) => SendFilesError::Closed(why),
        SendError::NoSuchContact => SendFilesError::NoSuchContact,
        SendError::TooLong => SendFilesError::TooLong,
        SendError::BadId => SendFilesError::BadId,
        SendError::Conflict => SendFilesError::Conflict,
        SendError::Blocked => SendFilesError::Blocked,
        SendError::NoSuchMessage => SendFilesError::NoSuchMessage,
    }
}

fn upload(turn: &Turn, name: &str) -> Result<Option<Upload>, StoreError> {
    match file_rows::id_of(name) {
        Some(FileId(id)) => turn.store.upload(UploadId(id)),
        None => Ok(None),
    }
}

/// One of the message's. In notes to oneself it is where it was to go.
fn offer(turn: &mut Turn, message: &Message, part: u16, upload: Upload) -> Result<(), StoreError> {
    let theirs = (message.state == Delivery::Delivered).then_some(FileWord::Done);
    let (wire, key) = (WireId(turn.random()), Secret::of(turn.random()));
    turn.store.add_file(&File {
        id: FileId(0),
        contact: message.contact,
        mine: true,
        wire,
        message_wire: message.wire,
        message: Some(message.id.clone()),
        part,
        name: upload.name,
        kind: upload.kind,
        cut: upload.cut,
        key,
        root: upload.root,
        preview: None,
        words: Words { mine: true, ours: Some(FileWord::Go), theirs },
        trouble: Trouble::None,
        blob: Some(upload.blob),
    })?;
    turn.store.drop_upload(upload.id)
}

/// What is said of one of the message's parts, where that is a file.
pub(super) fn offer_in(
    turn: &Turn,
    message: &Message,
    outgoing: &Outgoing,
) -> Result<Option<Kind>, StoreError> {
    let files = turn.store.files_of(&message.id)?;
    let Some(file) = files.into_iter().find(|file| file.part == outgoing.part) else { return Ok(None) };
    let reply_to = turn.store.message(&message.reply_to)?.map(|answered| answered.wire);
    Ok(Some(Kind::FileOffer(FileOffer {
        file: file.wire,
        name: ipc_schema::file_name::FileName::clean(&file.name),
        kind: file.kind,
        size_bytes: file.cut.size_bytes(),
        key: file.key,
        root: file.root,
        preview: file.preview,
        message: message.wire,
        part: outgoing.part,
        parts: outgoing.parts,
        reply_to,
        life_s: message.timer_s,
    })))
}

// ---- what the contact says

/// A part of a message that brings a file. The message's words, once all its parts are here.
pub(super) fn offered(
    turn: &Turn,
    contact: ContactId,
    offer: FileOffer,
) -> Result<Option<String>, StoreError> {
    let Some(cut) = Cut::of(offer.size_bytes) else { return Ok(None) };
    let (wire, part, parts) = (offer.message, offer.part, offer.parts);
    if turn.store.message_by_wire(contact, wire)?.is_none() {
        turn.store.add_file(&File {
            id: FileId(0),
            contact,
            mine: false,
            wire: offer.file,
            message_wire: wire,
            message: None,
            part,
            name: offer.name.as_str().to_owned(),
            kind: offer.kind,
            cut,
            key: offer.key,
            root: offer.root,
            preview: offer.preview,
            words: Words { mine: false, ours: None, theirs: Some(FileWord::Go) },
            trouble: Trouble::None,
            blob: None,
        })?;
    }
    if parts == 1 {
        return Ok(Some(String::new()));
    }
    turn.store.add_part(contact, wire, (part, parts), "")
}

/// The message is there: what the user takes from this contact without being asked comes.
pub(super) fn placed(
    turn: &mut Turn,
    contact: ContactId,
    wire: WireId,
    message: &str,
) -> Result<(), StoreError> {
    if turn.store.place_files(contact, wire, false, message)? == 0 {
        return Ok(());
    }
    let most = turn.store.contact(contact)?.map_or(0, |contact| contact.files);
    for file in turn.store.files_of(message)? {
        if file.cut.size_bytes() <= most && most > 0 && !file.mine {
            accept(turn, &file)?;
        }
    }
    Ok(())
}

/// What they want of a file from now on.
pub(super) fn answered(
    turn: &mut Turn,
    contact: ContactId,
    link: &Link,
    (wire, word): (WireId, FileWord),
) -> Result<(), StoreError> {
    let own = turn.store.file_called(contact, wire, true)?;
    let Some(file) = own.map_or_else(|| turn.store.file_called(contact, wire, false), |own| Ok(Some(own)))?
    else {
        return Ok(());
    };
    if !turn.store.hear_of_file(file.id, word, link.into())? {
        return Ok(());
    }
    if word == FileWord::Stop && !file.mine {
        turn.store.set_file_blob(file.id, None)?;
    }
    changed(turn, &file)
}

// ---- what the user does

/// Does something about a file, and tells how it is then.
pub(super) fn act(turn: &mut Turn, call: ActOnFile) -> Found<ui_stored::File, FileActionError> {
    let ActOnFile { id, action } = call;
    let Some(file) = called(turn, &id)? else { return Ok(Err(FileActionError::NoSuchFile)) };
    let standing = file.words.standing();
    let allowed = match action {
        FileAction::Look => true,
        FileAction::Accept => !file.mine && !matches!(standing, Standing::Stopped(_)),
        FileAction::Refuse if file.mine => false,
        FileAction::Refuse | FileAction::Cancel => standing != Standing::Done,
        FileAction::Pause => match standing {
            Standing::Offered => file.mine,
            Standing::Going | Standing::Paused(_) => true,
            Standing::Done | Standing::Stopped(_) => false,
        },
        FileAction::Resume => file.words.ours.is_some() && !matches!(standing, Standing::Stopped(_)),
        FileAction::Retry => matches!(standing, Standing::Going | Standing::Done | Standing::Paused(_)),
    };
    if !allowed {
        return Ok(Err(FileActionError::NotNow));
    }
    match (action, standing) {
        (FileAction::Look, _) | (_, Standing::Done | Standing::Stopped(_)) => {}
        (FileAction::Accept, _) => accept(turn, &file)?,
        (FileAction::Refuse | FileAction::Cancel, _) => stop(turn, &file)?,
        (FileAction::Pause, _) => say(turn, &file, FileWord::Pause)?,
        (FileAction::Resume, _) => say(turn, &file, FileWord::Go)?,
        (FileAction::Retry, _) => {
            turn.store.set_file_trouble(file.id, Trouble::None)?;
            turn.wish(FileSendEvent::GoOn(file.id));
            changed(turn, &file)?;
        }
    }
    let file = turn.store.file(file.id)?.unwrap_or(file);
    Ok(file_rows::row(&turn.store, &file)?.ok_or(FileActionError::NoSuchFile))
}

/// By the user's word for it.
pub(super) fn called(turn: &Turn, id: &str) -> Result<Option<File>, StoreError> {
    match file_rows::id_of(id) {
        Some(id) => Ok(turn.store.file(id)?.filter(|file| file.message.is_some())),
        None => Ok(None),
    }
}

fn accept(turn: &mut Turn, file: &File) -> Result<(), StoreError> {
    if file.blob.is_none() {
        let blob = Blob::new(file.cut, turn.chance());
        let blob = turn.store.add_blob(&blob, turn.now)?;
        turn.store.set_file_blob(file.id, Some(blob))?;
    }
    say(turn, file, FileWord::Go)
}

/// No more of it. What came of one that they offer is removed; an own one can still be looked at here.
fn stop(turn: &mut Turn, file: &File) -> Result<(), StoreError> {
    if !file.mine {
        turn.store.set_file_blob(file.id, None)?;
    }
    say(turn, file, FileWord::Stop)
}

/// The user, or the program for them, says what is wanted of it, and the contact hears of it.
pub(super) fn say(turn: &mut Turn, file: &File, word: FileWord) -> Result<(), StoreError> {
    if file.words.ours == Some(word) || !turn.store.say_of_file(file.id, word)? {
        return Ok(());
    }
    tell_word(turn, file.contact, file.wire, word)?;
    changed(turn, file)
}

/// What a word of a file's is kept as until the contact has heard it.
pub(super) fn tell_word(
    turn: &mut Turn,
    contact: ContactId,
    wire: WireId,
    word: FileWord,
) -> Result<(), StoreError> {
    let body = word_of(word).to_owned();
    let change = Change { wire, name: WireId([0; 16]), body };
    turn.store.add_change(contact, OutgoingKind::FileAnswer, &change, 1)?;
    turn.wish(OutboxEvent::Pump(contact));
    Ok(())
}

/// What [`tell_word`] kept.
pub(super) fn said(kept: Change) -> Kind {
    let words = [FileWord::Go, FileWord::Pause, FileWord::Stop, FileWord::Done];
    let word = words.into_iter().find(|word| word_of(*word) == kept.body);
    word.map_or(Kind::QueueChange, |word| Kind::FileAnswer { file: kept.wire, word })
}

fn word_of(word: FileWord) -> &'static str {
    match word {
        FileWord::Go => "go",
        FileWord::Pause => "pause",
        FileWord::Stop => "stop",
        FileWord::Done => "done",
    }
}

/// A message goes here: the contact hears that no more is wanted of its files, where they may still be on their way.
pub(super) fn message_goes(turn: &mut Turn, message: &str) -> Result<(), StoreError> {
    for file in turn.store.files_of(message)? {
        if matches!(file.words.standing(), Standing::Going | Standing::Paused(_)) {
            tell_word(turn, file.contact, file.wire, FileWord::Stop)?;
        }
    }
    Ok(())
}

/// Why what is kept of it cannot be had.
pub(super) fn trouble_of(why: &BlobError) -> Trouble {
    match why {
        BlobError::Full => Trouble::NoRoom,
        BlobError::Damaged | BlobError::Disk(_) => Trouble::Damaged,
    }
}

/// Why it rests, or not any more.
pub(super) fn troubled(turn: &mut Turn, file: FileId, trouble: Trouble) -> Result<(), StoreError> {
    turn.store.set_file_trouble(file, trouble)?;
    turn.event(&EventKind::File { id: file })
}

fn changed(turn: &mut Turn, file: &File) -> Result<(), StoreError> {
    turn.event(&EventKind::File { id: file.id })?;
    if file.mine {
        turn.wish(FileSendEvent::LookAt(file.contact));
    } else {
        turn.wish(ArrivalEvent::LookAt(file.contact));
    }
    Ok(())
}

/// Whether chunks of it are to move: both want it, and nothing is in the way.
pub(super) fn moves(file: &File) -> bool {
    file.words.standing() == Standing::Going && file.trouble == Trouble::None
}
