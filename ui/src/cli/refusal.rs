//! Why stored or keyvault says no, as one line that says what to do next, and the exit code of the contract.

use ipc_schema::edge::ui_keyvault::{AddError, ChangeError, PassphraseError, RemoveError};
use ipc_schema::edge::ui_stored::{History, Refusal};

use super::exit::Failure;
use crate::peers::PeerError;

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let line = sentence(refusal).to_owned();
        match refusal {
            Refusal::Locked => Self::Locked(line),
            Refusal::NameBad | Refusal::BadId | Refusal::BadEmoji => Self::Usage(line),
            Refusal::ScriptsOff
            | Refusal::NotBuilt
            | Refusal::RateLimited
            | Refusal::Blocked
            | Refusal::Conflict
            | Refusal::NothingWaits
            | Refusal::NotYours
            | Refusal::NotForSelf
            | Refusal::UnderWay
            | Refusal::AlreadyOpen
            | Refusal::OtherString
            | Refusal::CarriesMetadata
            | Refusal::TooMany
            | Refusal::NotNow
            | Refusal::SecondOpener => Self::Refused(line),
            Refusal::Waiting => Self::NotSettled(line),
            Refusal::None
            | Refusal::NoSuchContact
            | Refusal::NameTaken
            | Refusal::NoSuchMessage
            | Refusal::TooLong
            | Refusal::Network
            | Refusal::LinkMalformed
            | Refusal::LinkTruncated
            | Refusal::LinkAltered
            | Refusal::LinkExpired
            | Refusal::LinkNewer
            | Refusal::LinkOwn
            | Refusal::LinkUsed
            | Refusal::LinkNotTheirs
            | Refusal::Storage
            | Refusal::Picture
            | Refusal::NoSuchInvite
            | Refusal::InviteAccepted
            | Refusal::NumberChanged
            | Refusal::HistoryLost
            | Refusal::HistoryDamaged
            | Refusal::HistoryNewer
            | Refusal::ReadOnly
            | Refusal::NoMemory
            | Refusal::DiskFails
            | Refusal::HistoryInUse
            | Refusal::NoteTooLong
            | Refusal::NoIntroduction
            | Refusal::NoComparison
            | Refusal::NoSuchFile
            | Refusal::TooLarge
            | Refusal::SizeDiffers
            | Refusal::NotHere
            | Refusal::FileDamaged => Self::Failed(line),
        }
    }
}

impl From<PeerError> for Failure {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::Refused(refusal) => refusal.into(),
            PeerError::Lost => super::sockets::away(),
            PeerError::Misbehaved => Self::Failed(
                "the suite answered what this version cannot read: install all of Privatus again".into(),
            ),
        }
    }
}

const SCRIPTS_OFF: &str =
    "scripts are off for this profile: turn them on in the window, or with `privatus set scripts on`";
const LINK_USED: &str = "the invitation was already used or cancelled: if it was not you, tell who sent it, and ask for a new one";
const INVITE_ACCEPTED: &str =
    "this invitation was accepted already: `privatus contact delete WHO` ends what came of it";
const FILE_DAMAGED: &str = "what is kept of the file is damaged: have it sent once more";
const SECOND_OPENER: &str = "who opened an invitation second is not taken in, for nobody knows who that is: `privatus invite` makes one for them alone, and `privatus contact decline WHO` puts the sign away";
const NOT_YOURS: &str = "you did not write this: `privatus delete ID` without --both deletes it here alone";
const UNDER_WAY: &str =
    "already under way, it cannot be taken back: a relay may have it, or they; nothing was changed";
const ALREADY_OPEN: &str =
    "these two were asked already and have not both answered: nothing more to do, it ends after 7 days";
const NOT_THEIRS: &str = "they say that the invitation is not theirs, or not open any more: nothing was changed; accept it with another --name";
const NO_INTRODUCTION: &str = "no introduction of that id waits for an answer: see `privatus messages WHO`, or ask to be introduced again";
const NO_COMPARISON: &str = "no short string is shown: `privatus contact compare WHO`, on both sides while you speak to each other, shows one";
const CARRIES: &str =
    "the file may say where and with what it was made: nothing was sent; with --keep-metadata it stays in";
const OTHER_STRING: &str = "this is not the string that you have with them, and nobody was marked: have them read theirs out once more; if it is another one, somebody may sit between the two of you, and `privatus contact compare WHO --different` says so";

fn sentence(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::None => "the suite said no and not why: see `privatus status`",
        Refusal::Locked => "locked: open it with `privatus unlock`",
        Refusal::ScriptsOff => SCRIPTS_OFF,
        Refusal::NoSuchContact => "nobody is called that: see `privatus contacts`",
        Refusal::NameTaken => "somebody is called that already: take another name",
        Refusal::NameBad => "a name has 1 to 48 bytes and no control characters: take another one",
        Refusal::NoSuchMessage => "no message has that id: see `privatus messages WHO --json`",
        Refusal::TooLong => "the text is too long: send it in parts of at most 256 KiB",
        Refusal::BadId => "an id has 1 to 64 of A-Z a-z 0-9 - _: take another one",
        Refusal::Network => "no relay could be reached in time: see `privatus status`, and try again",
        Refusal::LinkMalformed => "this is not an invitation: a link starts with privatus:i#",
        Refusal::LinkTruncated => "the end of the link is missing: copy all of it",
        Refusal::LinkAltered => "the link was changed on its way: copy it again",
        Refusal::LinkExpired => "the invitation has expired: ask for a new one",
        Refusal::LinkNewer => "the invitation was made by a later version: install that",
        Refusal::LinkOwn => "this is your own invitation: give it to somebody else",
        Refusal::LinkUsed => LINK_USED,
        Refusal::LinkNotTheirs => NOT_THEIRS,
        Refusal::RateLimited => "too many new contacts in an hour: try again later",
        Refusal::Blocked => "this contact is blocked: `privatus contact block WHO --off` ends that",
        Refusal::NotBuilt => "not built yet",
        Refusal::Storage => "the disk is full: free some space and try again; nothing was lost",
        Refusal::HistoryLost => history(History::Lost),
        Refusal::HistoryDamaged => history(History::Damaged),
        Refusal::HistoryNewer => history(History::Newer),
        Refusal::ReadOnly => history(History::ReadOnly),
        Refusal::NoMemory => history(History::NoMemory),
        Refusal::DiskFails => history(History::Fails),
        Refusal::HistoryInUse => history(History::InUse),
        Refusal::Conflict => "this id was used for another text: take another id",
        Refusal::Picture => "this is not a picture, or it is damaged or too large",
        Refusal::InviteAccepted => INVITE_ACCEPTED,
        Refusal::NoSuchInvite => "no invitation has that id: see `privatus invite list`",
        Refusal::NumberChanged => "the safety number changed meanwhile: compare the new one",
        Refusal::NothingWaits => "nothing waits for that: what you write to them goes by itself",
        Refusal::UnderWay => UNDER_WAY,
        Refusal::AlreadyOpen => ALREADY_OPEN,
        Refusal::NoIntroduction => NO_INTRODUCTION,
        Refusal::NoComparison => NO_COMPARISON,
        Refusal::OtherString => OTHER_STRING,
        Refusal::NoSuchFile => "no file has that id: see `privatus file list`",
        Refusal::TooLarge => "a message takes 1 to 32 files of at most 4 GiB each: nothing was sent",
        Refusal::SizeDiffers => {
            "the file changed while it was read: nothing was sent; try again when it is whole"
        }
        Refusal::TooMany => "16 files are being handed over already: try again when one is done",
        Refusal::CarriesMetadata => CARRIES,
        Refusal::NotNow => "this cannot be done with the file as it stands: see `privatus file list`",
        Refusal::NotHere => "not all of the file is here: see `privatus file list`",
        Refusal::FileDamaged => FILE_DAMAGED,
        Refusal::SecondOpener => SECOND_OPENER,
        Refusal::Waiting => "accepted, and goes on by itself: see `privatus contacts`",
        Refusal::NotYours => NOT_YOURS,
        Refusal::BadEmoji => "a reaction is a sign of at most 64 bytes without spaces: take another one",
        Refusal::NoteTooLong => "the note is too long: it has at most 1,024 bytes",
        Refusal::NotForSelf => {
            "these are your notes to yourself: nobody is there to compare with, block or delete"
        }
    }
}

/// As `status` warns.
fn history(history: History) -> &'static str {
    history.warning().unwrap_or("the history is whole: try again")
}

impl From<PassphraseError> for Failure {
    fn from(error: PassphraseError) -> Self {
        match error {
            PassphraseError::WrongPassphrase => {
                Self::Locked("wrong passphrase: nothing was changed, try again".into())
            }
            PassphraseError::Damaged => failed(
                "the vault is damaged: what can be read is open and nothing can be changed; the file is kept, restore a copy of it",
            ),
            PassphraseError::Newer => failed("the vault was written by a later version: install that"),
            PassphraseError::Missing => {
                failed("there is no vault yet: make one with `privatus run --passphrase-fd N`")
            }
            PassphraseError::Wait { seconds } => too_early(seconds),
            PassphraseError::NoMemory => failed(
                "too little memory to try the passphrase, which takes 256 MiB: close other programs or raise the limits (ulimit -v, ulimit -l), and try again",
            ),
            PassphraseError::Storage => {
                failed("the vault could not be written: free some space and try again")
            }
        }
    }
}

impl From<AddError> for Failure {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Passphrase(error) => error.into(),
            AddError::TooShort => empty(),
            AddError::Unassigned => unassigned(),
            AddError::Taken => taken(),
            AddError::SlotsFull => {
                refused("all 8 slots are in use: remove one with `privatus slot remove N`")
            }
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Passphrase(error) => error.into(),
            ChangeError::TooShort => empty(),
            ChangeError::Unassigned => unassigned(),
            ChangeError::Taken => taken(),
            ChangeError::NoSuchSlot => no_such_slot(),
        }
    }
}

impl From<RemoveError> for Failure {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::Passphrase(error) => error.into(),
            RemoveError::NoSuchSlot => no_such_slot(),
            RemoveError::LastPassphrase => {
                refused("this is the last passphrase: add another with `privatus slot add passphrase` first")
            }
        }
    }
}

fn failed(line: &str) -> Failure {
    Failure::Failed(line.into())
}

fn refused(line: &str) -> Failure {
    Failure::Refused(line.into())
}

fn empty() -> Failure {
    Failure::Usage("the passphrase is empty: give one line".into())
}

fn unassigned() -> Failure {
    Failure::Usage(
        "the new passphrase has a character that Unicode has not assigned yet, and may be written otherwise one day: choose another".into(),
    )
}

/// Too many were wrong, and it is not this command's turn.
pub(super) fn too_early(seconds: u16) -> Failure {
    Failure::Locked(format!("too many wrong passphrases: the next try in {seconds} s, nothing was tried"))
}

fn taken() -> Failure {
    refused("this passphrase opens a slot already: choose another")
}

fn no_such_slot() -> Failure {
    refused(
        "this slot is not in use, or holds a recovery key, which is removed and added anew: see `privatus slot list`",
    )
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::{CancelError, refusals};

    use super::*;

    #[test]
    fn each_refusal_is_one_line_that_says_something_of_its_own() {
        let mut lines: Vec<_> = refusals().map(sentence).collect();
        assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')));
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), refusals().count());
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let code = |refusal: Refusal| Failure::from(refusal).code();
        assert_eq!(code(Refusal::Locked), 3);
        assert_eq!(code(Refusal::ScriptsOff), 5);
        assert_eq!(code(Refusal::NotBuilt), 5);
        assert_eq!(code(Refusal::NothingWaits), 5);
        assert_eq!(code(Refusal::NotYours), 5);
        assert_eq!(code(Refusal::BadEmoji), 2);
        assert_eq!(code(Refusal::NotForSelf), 5);
        assert_eq!(code(Refusal::NoteTooLong), 1);
        assert_eq!(code(Refusal::UnderWay), 5);
        assert_eq!(code(Refusal::AlreadyOpen), 5);
        assert_eq!(code(Refusal::NoIntroduction), 1);
        assert_eq!(code(Refusal::NoSuchMessage), 1);
        assert_eq!(code(Refusal::Waiting), 6);
        assert_eq!(code(Refusal::Network), 1);
        assert_eq!(code(Refusal::LinkExpired), 1);
        assert_eq!(code(Refusal::LinkNotTheirs), 1);
        assert_eq!(code(Refusal::BadId), 2);
        assert_eq!(Failure::from(PeerError::Lost).code(), 4);
        assert_eq!(Failure::from(PassphraseError::WrongPassphrase).code(), 3);
        assert_eq!(Failure::from(PassphraseError::Damaged).code(), 1);
        assert_eq!(Failure::from(AddError::Unassigned).code(), 2);
        let early = Failure::from(PassphraseError::Wait { seconds: 42 });
        assert!(early.code() == 3 && early.to_string().contains("in 42 s"), "{early}");
    }

    /// It was told to ask itself for a new invitation.
    #[test]
    fn whoever_invited_is_not_told_what_is_for_who_was_invited() {
        for why in [CancelError::NoSuchInvite, CancelError::InviteAccepted] {
            assert!(!sentence(why.into()).contains("ask for"), "{why:?}");
        }
    }

    #[test]
    fn a_wrong_passphrase_and_a_damaged_vault_say_which_they_are() {
        let line = |error: PassphraseError| Failure::from(error).to_string();
        assert!(line(PassphraseError::WrongPassphrase).contains("wrong passphrase"));
        assert!(line(PassphraseError::Damaged).contains("damaged"));
        assert!(!line(PassphraseError::Damaged).contains("wrong"));
        assert!(Failure::from(Refusal::NotBuilt).to_string().contains("not built yet"));
    }
}
