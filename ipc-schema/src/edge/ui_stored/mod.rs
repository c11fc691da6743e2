//! ui or a local program (caller) → stored (callee): conversations, change-streamed (`edges/ui-stored.capnp`, which says what each call
//! means).
//!
//! What a person gives is bounded far above what can be right: they are told what is wrong with it, in a word of the method.

mod changes;
mod comparison;
mod contacts;
mod drafts;
mod events;
mod file_bytes;
mod files;
mod history;
mod introductions;
mod invites;
mod life;
mod messages;
mod pictures;
mod search;
#[cfg(test)]
mod tests;
mod typing;

use std::convert::Infallible;

use super::{Builder, Call, Malformed, Read, Reader, call, interface, mirrored, text, words};
use crate::edges::ui_stored_capnp::{self as wire, messenger};
use crate::limits::{NAME_MAX_BYTES, TYPED_MAX_BYTES};

/// Any word of the edge: for whoever tells a person, and needs to know no method for that.
pub use crate::edges::ui_stored_capnp::Refusal;
pub use changes::{DeleteError, DeleteText, EditError, EditText, React, ReactError, Reaction};
pub use comparison::{CompareShort, ShortAction, ShortComparison, ShortEnd, ShortError, ShortState};
pub use contacts::{
    AskSafetyNumber, ChangeContact, ChangeError, CompareCode, Comparison, Contact, ContactAction,
    ContactState, Contacts, MUTE_LONGEST, MUTED_FOR_EVER, Notice, NumberError, RETENTION_LONGEST_S,
    SafetyNumber, TIMER_LONGEST_S, is_muted, lasting,
};
pub use drafts::{Draft, DraftError};
pub use events::{Change, Count, Counts, Event, Watch};
pub use file_bytes::{
    DownloadError, DownloadFile, FileDownload, FilePart, FilePiece, FileUpload, FinishError, FinishUpload,
    KeptFile, NextPart, PartError, TakeFile, TakeFileError,
};
pub use files::{
    ActOnFile, File, FileAction, FileActionError, FileKind, FileReason, FileState, Files, FilesError,
    SendFiles, SendFilesError,
};
pub use history::History;
pub use introductions::{AnswerError, AnswerIntroduction, Introduce, IntroduceError};
pub use invites::{
    AcceptError, AcceptInvite, CancelError, CancelInvite, Invite, InviteError, InviteState, Invites,
    MakeInvite,
};
pub use life::{AskInfo, CancelText, CancelTextError, ForwardText, Info, Reason, RetryError, RetryText};
pub use messages::{
    Delivery, MarkRead, Message, Messages, Note, Place, ReadError, SendError, SendText, Settle, SettleError,
};
pub use pictures::{DecodePicture, FinishPicture, PictureChunk, PictureError, PictureUpload, UploadError};
pub use search::{Match, Search, SearchError};
pub use typing::{TellTyping, TypingError};

interface! {
    /// The conversations of one profile.
    Messenger of messenger {
        state(StateParams, StateResults): LookState,
        counts(CountsParams, CountsResults): Count,
        invite(InviteParams, InviteResults): MakeInvite,
        invites(InvitesParams, InvitesResults): Invites,
        cancel_invite(CancelInviteParams, CancelInviteResults): CancelInvite,
        accept(AcceptParams, AcceptResults): AcceptInvite,
        contacts(ContactsParams, ContactsResults): Contacts,
        contact(ContactParams, ContactResults): ChangeContact,
        send(SendParams, SendResults): SendText,
        settled(SettledParams, SettledResults): Settle,
        messages(MessagesParams, MessagesResults): Messages,
        watch(WatchParams, WatchResults): Watch,
        set_profile_name(SetProfileNameParams, SetProfileNameResults): SetProfileName,
        mark_read(MarkReadParams, MarkReadResults): MarkRead,
        safety_number(SafetyNumberParams, SafetyNumberResults): AskSafetyNumber,
        picture(PictureParams, PictureResults): DecodePicture,
        compare_code(CompareCodeParams, CompareCodeResults): CompareCode,
        edit(EditParams, EditResults): EditText,
        delete(DeleteParams, DeleteResults): DeleteText,
        react(ReactParams, ReactResults): React,
        draft(DraftParams, DraftResults): Draft,
        search(SearchParams, SearchResults): Search,
        info(InfoParams, InfoResults): AskInfo,
        retry(RetryParams, RetryResults): RetryText,
        cancel(CancelParams, CancelResults): CancelText,
        forward(ForwardParams, ForwardResults): ForwardText,
        typing(TypingParams, TypingResults): TellTyping,
        introduce(IntroduceParams, IntroduceResults): Introduce,
        answer_introduction(AnswerIntroductionParams, AnswerIntroductionResults): AnswerIntroduction,
        compare_short(CompareShortParams, CompareShortResults): CompareShort,
        upload(UploadParams, UploadResults): TakeFile,
        send_files(SendFilesParams, SendFilesResults): SendFiles,
        files(FilesParams, FilesResults): Files,
        file(FileParams, FileResults): ActOnFile,
        download(DownloadParams, DownloadResults): DownloadFile,
    }
}

words! {
    /// Why any of these calls but for the state and the figures may do nothing.
    Closed of Refusal {
        /// Not before the passphrase.
        Locked,
        /// Not to programs outside a desktop profile's window, until *scripts* are on.
        ScriptsOff,
        /// The disk is full. Nothing was lost.
        Storage,
        /// [`History::Lost`].
        HistoryLost,
        /// [`History::Damaged`].
        HistoryDamaged,
        /// [`History::Newer`].
        HistoryNewer,
        /// [`History::ReadOnly`].
        ReadOnly,
        /// [`History::NoMemory`].
        NoMemory,
        /// [`History::Fails`].
        DiskFails,
        /// [`History::InUse`].
        HistoryInUse,
    }
}

/// A method with which nothing can be wrong has no word.
impl From<Infallible> for Refusal {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Every word of the edge.
pub fn refusals() -> impl Iterator<Item = Refusal> {
    (0..=u16::MAX).map_while(|number| Refusal::try_from(number).ok())
}

/// The bare word of a method that answers nothing else.
fn word<E: Copy + Into<Refusal>>(outcome: &Result<(), E>) -> Refusal {
    outcome.map_or_else(Into::into, |()| Refusal::None)
}

fn told<E: TryFrom<Refusal, Error = Malformed>>(word: Refusal) -> Read<Result<(), E>> {
    if word == Refusal::None { Ok(Ok(())) } else { word.try_into().map(Err) }
}

call! {
    /// Whether conversations are open to this caller, and what the user is called. Also while they are not.
    #[derive(Clone, Copy, PartialEq, Eq)]
    LookState of messenger: state_request, state_params, state_results;
    asks {}
    answers State: by write_state read_state;
}

/// What stored says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Whether it answers.
    pub access: Access,
    /// What new contacts call the user; empty: nothing yet, or not told now.
    pub profile_name: String,
}

mirrored! {
    /// Whether conversations are open to this caller.
    Access = wire::Access {
        /// They are.
        Open => "open",
        /// Not before the passphrase.
        Locked => "locked",
        /// Not to programs outside a desktop profile's window, until *scripts* are on.
        ScriptsOff => "scripts-off",
    }
}

fn write_state(state: &State, mut to: Builder<'_, <LookState as Call>::Results>) {
    to.set_access(state.access.into());
    to.set_profile_name(&state.profile_name);
}

fn read_state(from: Reader<'_, <LookState as Call>::Results>) -> Read<State> {
    Ok(State {
        access: from.get_access()?.into(),
        profile_name: text(from.get_profile_name()?, NAME_MAX_BYTES)?,
    })
}

call! {
    /// What contacts call the user from now on, unless they choose otherwise.
    #[derive(Clone, PartialEq, Eq)]
    SetProfileName of messenger: set_profile_name_request, set_profile_name_params, set_profile_name_results;
    asks {
        /// Empty: nothing.
        name: String => text(TYPED_MAX_BYTES) get_name set_name,
    }
    answers word ProfileNameError: get_error set_error;
}

words! {
    /// Why the user is called as before.
    ProfileNameError of Refusal, or Closed(Closed) {
        /// Too long, or with characters that a name cannot have.
        NameBad,
    }
}
