//! Files of messages: sent, told, wanted or not.

use super::messages::Message;
use super::{Closed, Refusal, told, word};
use crate::Timestamp;
use crate::edge::{Part, Read, call, mirrored, text, words};
use crate::edges::ui_stored_capnp::{self as wire, file, file_sink, messenger, send_result};
use crate::limits::{
    FILE_NAME_MAX_BYTES, FILES_MAX, MESSAGE_ID_MAX_CHARS, TYPED_MAX_BYTES, TYPED_TEXT_MAX_BYTES,
};

call! {
    /// Puts a message with files into the outbox; durable when it is told. The same id again tells the first one.
    #[derive(Clone, PartialEq, Eq)]
    SendFiles of messenger: send_files_request, send_files_params, send_files_results;
    asks {
        /// To whom: their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// The message's id; empty: stored chooses.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// Which, as [`KeptFile`] names them.
        files: Vec<String> => names(FILES_MAX) get_files init_files,
        /// The words beside them; empty: none.
        caption: String => text(TYPED_TEXT_MAX_BYTES) get_caption set_caption,
        /// The message that it answers, or empty.
        reply_to: String => text(TYPED_MAX_BYTES) get_reply_to set_reply_to,
        /// What files say of their making may go along.
        with_metadata: bool => number get_with_metadata set_with_metadata,
    }
    answers Message, SendFilesError: in get_result init_result as send_result Message part init_message;
}

words! {
    /// Why a message with files was not taken.
    SendFilesError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// The caption is.
        TooLong,
        /// Not 1 to 64 of the characters of an id.
        BadId,
        /// That id exists with other words or files, or another message has one of the files.
        Conflict,
        /// The contact is.
        Blocked,
        /// There is no such message to answer.
        NoSuchMessage,
        /// None was taken in under this name, or not in the last hour.
        NoSuchFile,
        /// No file is named, or one twice.
        TooLarge,
        /// One of them may say where and with what it was made.
        CarriesMetadata,
        /// A later version can.
        NotBuilt,
    }
}

call! {
    /// Hands over files of a conversation or of all, the newest first; told when that is done.
    #[derive(Clone)]
    Files of messenger: files_request, files_params, files_results;
    asks {
        /// Whose: their name or id; empty: all.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// So many; 0: stored chooses.
        limit: u32 => number get_limit set_limit,
        /// Before this one; empty: from the newest on.
        before: String => text(TYPED_MAX_BYTES) get_before set_before,
        /// To whom they are handed.
        sink: file_sink::Client => capability get_sink set_sink,
    }
    answers word FilesError: get_error set_error;
}

words! {
    /// Why no files are told.
    FilesError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// There is none to go on before.
        NoSuchFile,
        /// A later version can.
        NotBuilt,
    }
}

call! {
    /// Does something about a file, and tells how it is then.
    #[derive(Clone, PartialEq, Eq)]
    ActOnFile of messenger: file_request, file_params, file_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
        /// What.
        action: FileAction => word get_action set_action,
    }
    answers File, FileActionError: part get_file init_file beside get_error set_error;
}

words! {
    /// Why nothing was done about a file.
    FileActionError of Refusal, or Closed(Closed) {
        /// None has that id.
        NoSuchFile,
        /// Its state does not allow that.
        NotNow,
        /// A later version can.
        NotBuilt,
    }
}

mirrored! {
    /// What to do about a file.
    FileAction = wire::FileAction {
        /// Nothing: it is told.
        Look => "look",
        /// It is to come.
        Accept => "accept",
        /// It is not.
        Refuse => "refuse",
        /// It rests.
        Pause => "pause",
        /// It goes on after that.
        Resume => "resume",
        /// No more of it.
        Cancel => "cancel",
        /// It goes on after it failed.
        Retry => "retry",
    }
}

mirrored! {
    /// What a file is; the sender's word.
    FileKind = wire::FileKind {
        /// Any.
        File => "file",
        /// A picture.
        Picture => "picture",
        /// Something said.
        Voice => "voice",
    }
}

mirrored! {
    /// How a file stands.
    FileState = wire::FileState {
        /// Nobody has said yes yet.
        Offered => "offered",
        /// Both want it, and nothing moves.
        Waiting => "waiting",
        /// It moves.
        Going => "going",
        /// It rests.
        Paused => "paused",
        /// All of it is where it was to go.
        Saved => "saved",
        /// Whom it was offered does not want it.
        Refused => "refused",
        /// No more of it is wanted.
        Cancelled => "cancelled",
        /// Its message was never delivered.
        Expired => "expired",
        /// It goes on after a retry, if at all.
        Failed => "failed",
    }
}

mirrored! {
    /// Why it stands so.
    FileReason = wire::FileReason {
        /// Nothing is to be said.
        None => "none",
        /// The user wants it.
        User => "user",
        /// They do.
        Them => "them",
        /// There is no room here.
        DiskFull => "disk-full",
        /// Their relays hold as much as they take.
        RelaysFull => "relays-full",
        /// Nothing was heard of them since.
        Away => "away",
        /// No circuit leads to the relays.
        Network => "network",
        /// What is kept of it here is not what was written.
        Damaged => "damaged",
        /// What comes is not what was offered.
        NotOffered => "not-offered",
        /// It was sent many times over in vain.
        Spent => "spent",
    }
}

/// A file of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: String,
    /// The message's.
    pub message: String,
    /// The contact's.
    pub contact: String,
    /// The user offers it.
    pub mine: bool,
    /// What it is called; made of a stranger's text unless `mine`.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// How it stands.
    pub state: FileState,
    /// Why.
    pub reason: FileReason,
    /// Bytes that are where they were to go.
    pub done: u64,
    /// Bytes a second, lately.
    pub rate: u64,
    /// Seconds that it takes at that rate; `None`: nobody knows.
    pub left_s: Option<u64>,
    /// When it was offered.
    pub at: Timestamp,
}

/// Without what it is called.
impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

impl File {
    /// Writes it.
    pub fn write(&self, mut to: file::Builder<'_>) {
        to.set_id(&self.id);
        to.set_message(&self.message);
        to.set_contact(&self.contact);
        to.set_mine(self.mine);
        to.set_name(&self.name);
        to.set_kind(self.kind.into());
        to.set_size(self.size);
        to.set_state(self.state.into());
        to.set_reason(self.reason.into());
        to.set_done(self.done);
        to.set_rate(self.rate);
        to.set_left_s(self.left_s.unwrap_or(u64::MAX));
        to.set_at(self.at.0);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`](crate::edge::Malformed).
    pub fn read(from: file::Reader<'_>) -> Read<Self> {
        let left = from.get_left_s();
        Ok(Self {
            id: text(from.get_id()?, MESSAGE_ID_MAX_CHARS)?,
            message: text(from.get_message()?, MESSAGE_ID_MAX_CHARS)?,
            contact: text(from.get_contact()?, MESSAGE_ID_MAX_CHARS)?,
            mine: from.get_mine(),
            name: text(from.get_name()?, FILE_NAME_MAX_BYTES)?,
            kind: from.get_kind()?.into(),
            size: from.get_size(),
            state: from.get_state()?.into(),
            reason: from.get_reason()?.into(),
            done: from.get_done(),
            rate: from.get_rate(),
            left_s: (left != u64::MAX).then_some(left),
            at: Timestamp(from.get_at()),
        })
    }
}

impl Part for File {
    type Wire = file::Owned;

    fn write(&self, to: file::Builder<'_>) {
        Self::write(self, to);
    }

    fn read(from: file::Reader<'_>) -> Read<Self> {
        Self::read(from)
    }
}
