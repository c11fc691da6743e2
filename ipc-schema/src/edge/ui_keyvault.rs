//! ui or a local program (caller) → keyvault (callee): unlocking, and what needs the passphrase anew (`edges/ui-keyvault.capnp`).

use zeroize::Zeroizing;

use super::{
    Builder, Call, Malformed, Outcome, Read, Reader, call, interface, length, listed, mirrored, text, words,
};
use crate::edges::ui_keyvault_capnp::{self as wire, UnlockResult, unlock, verdict};
use crate::limits::PASSPHRASE_MAX_BYTES;

/// Key slots of a vault.
const SLOTS: usize = 8;
/// 24 words of a recovery key with spaces, bytes.
const RECOVERY_MAX_BYTES: usize = 24 * 9;

/// What was typed. Wiped when it is dropped.
pub type Passphrase = Zeroizing<Vec<u8>>;

interface! {
    /// A vault's door. Guessing is slow, on purpose.
    Unlock of unlock {
        state(StateParams, StateResults): LookState,
        create(CreateParams, CreateResults): Create,
        unlock(UnlockParams, UnlockResults): TryUnlock,
        lock(LockParams, LockResults): Lock,
        set_scripts(SetScriptsParams, SetScriptsResults): SetScripts,
        screen_lock(ScreenLockParams, ScreenLockResults): ScreenLock,
        slots(SlotsParams, SlotsResults): Slots,
        add_passphrase(AddPassphraseParams, AddPassphraseResults): AddPassphrase,
        add_recovery(AddRecoveryParams, AddRecoveryResults): AddRecovery,
        change_slot(ChangeSlotParams, ChangeSlotResults): ChangeSlot,
        remove_slot(RemoveSlotParams, RemoveSlotResults): RemoveSlot,
        turn(TurnParams, TurnResults): AskTurn,
    }
}

type To<'a, C> = Builder<'a, <C as Call>::Results>;
type Found<'a, C> = Reader<'a, <C as Call>::Results>;

/// The bare word of a method that answers nothing else.
fn word<E: Copy + Into<UnlockResult>>(outcome: &Result<(), E>) -> UnlockResult {
    outcome.map_or_else(Into::into, |()| UnlockResult::Ok)
}

fn told<E: TryFrom<UnlockResult, Error = Malformed>>(word: UnlockResult) -> Read<Result<(), E>> {
    if word == UnlockResult::Ok { Ok(Ok(())) } else { word.try_into().map(Err) }
}

/// Why a call with a passphrase did nothing, beside what only some can say.
pub trait Refused: Copy + Into<UnlockResult> + TryFrom<UnlockResult, Error = Malformed> {
    /// Seconds until the next try, where that is why.
    fn wait_s(&self) -> Option<u16>;

    /// The same with so many seconds, where it has some.
    #[must_use]
    fn waiting(self, wait_s: u16) -> Self;
}

/// A word, and how long to wait.
fn write_verdict<E: Refused>(outcome: &Result<(), E>, mut to: verdict::Builder<'_>) {
    to.set_word(word(outcome));
    to.set_wait(outcome.err().and_then(|error| error.wait_s()).unwrap_or(0));
}

/// Seconds stand beside the one word that wants them, and beside no other.
fn read_verdict<E: Refused>(from: verdict::Reader<'_>) -> Read<Result<(), E>> {
    let (told, wait_s) = (told::<E>(from.get_word()?)?, from.get_wait());
    let waits = told.err().is_some_and(|error| error.wait_s().is_some());
    if waits == (wait_s > 0) { Ok(told.map_err(|error| error.waiting(wait_s))) } else { Err(Malformed) }
}

call! {
    /// Whether it is locked, and what its file is.
    #[derive(Clone, Copy, PartialEq, Eq)]
    LookState of unlock: state_request, state_params, state_results;
    asks {}
    answers State: by write_state read_state;
}

/// What keyvault says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// It holds no keys.
    pub locked: bool,
    /// It does, and the window is to show nothing until the passphrase was given.
    pub screen_locked: bool,
    /// What the file is.
    pub vault: VaultState,
}

mirrored! {
    /// What the vault's file is, by the words of `status`.
    VaultState = wire::VaultState {
        /// Open.
        Ok => "ok",
        /// Closed; the passphrase opens it.
        Locked => "locked",
        /// No slot of it can be read, or, if it is open, not all of it.
        Damaged => "damaged",
        /// A later version wrote it.
        Newer => "newer",
        /// There is none yet.
        Missing => "missing",
    }
}

fn write_state(state: &State, mut to: To<'_, LookState>) {
    to.set_locked(state.locked);
    to.set_screen_locked(state.screen_locked);
    to.set_vault(state.vault.into());
}

fn read_state(from: Found<'_, LookState>) -> Read<State> {
    Ok(State {
        locked: from.get_locked(),
        screen_locked: from.get_screen_locked(),
        vault: from.get_vault()?.into(),
    })
}

call! {
    /// A new vault in an empty file, unlocked at once.
    #[derive(Clone, PartialEq, Eq)]
    Create of unlock: create_request, create_params, create_results;
    asks {
        /// Its first.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
    }
    answers word CreateError: get_result set_result;
}

words! {
    /// Why no vault was made.
    CreateError of UnlockResult {
        /// There is one already.
        Exists,
        /// The passphrase is empty.
        TooShort,
        /// The passphrase has a character that Unicode has not assigned yet.
        Unassigned,
        /// Too little memory: nothing was tried.
        NoMemory,
        /// The file could not be written.
        Storage,
    }
}

call! {
    /// Unlocks, and ends a screen lock; checked also while it is unlocked.
    #[derive(Clone, PartialEq, Eq)]
    TryUnlock of unlock: unlock_request, unlock_params, unlock_results;
    asks {
        /// Or the words of a recovery key.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
    }
    answers (), PassphraseError: in get_verdict init_verdict by write_verdict read_verdict;
}

/// Why a call with a passphrase did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassphraseError {
    /// It is another one.
    WrongPassphrase,
    /// The file is: what can be read of it is open, if the passphrase was right, and nothing can be changed.
    Damaged,
    /// A later version wrote the file.
    Newer,
    /// There is no vault yet.
    Missing,
    /// Too many were wrong: nothing was tried.
    Wait {
        /// Until this caller's turn, at least 1.
        seconds: u16,
    },
    /// The file could not be written.
    Storage,
    /// Too little memory: nothing was tried.
    NoMemory,
}

impl From<PassphraseError> for UnlockResult {
    fn from(error: PassphraseError) -> Self {
        match error {
            PassphraseError::WrongPassphrase => Self::WrongPassphrase,
            PassphraseError::Damaged => Self::Damaged,
            PassphraseError::Newer => Self::Newer,
            PassphraseError::Missing => Self::Missing,
            PassphraseError::Wait { .. } => Self::Wait,
            PassphraseError::Storage => Self::Storage,
            PassphraseError::NoMemory => Self::NoMemory,
        }
    }
}

impl TryFrom<UnlockResult> for PassphraseError {
    type Error = Malformed;

    /// The seconds stand beside the word.
    fn try_from(word: UnlockResult) -> Read<Self> {
        Ok(match word {
            UnlockResult::WrongPassphrase => Self::WrongPassphrase,
            UnlockResult::Damaged => Self::Damaged,
            UnlockResult::Newer => Self::Newer,
            UnlockResult::Missing => Self::Missing,
            UnlockResult::Wait => Self::Wait { seconds: 1 },
            UnlockResult::Storage => Self::Storage,
            UnlockResult::NoMemory => Self::NoMemory,
            UnlockResult::Ok
            | UnlockResult::Exists
            | UnlockResult::TooShort
            | UnlockResult::Taken
            | UnlockResult::SlotsFull
            | UnlockResult::NoSuchSlot
            | UnlockResult::LastPassphrase
            | UnlockResult::Unassigned => return Err(Malformed),
        })
    }
}

impl Refused for PassphraseError {
    fn wait_s(&self) -> Option<u16> {
        if let Self::Wait { seconds } = self { Some(*seconds) } else { None }
    }

    fn waiting(self, wait_s: u16) -> Self {
        if let Self::Wait { .. } = self { Self::Wait { seconds: wait_s } } else { self }
    }
}

/// What some calls can say beside.
macro_rules! refused {
    ($($error:ident)*) => {$(
        impl Refused for $error {
            fn wait_s(&self) -> Option<u16> {
                if let Self::Passphrase(error) = self { error.wait_s() } else { None }
            }

            fn waiting(self, wait_s: u16) -> Self {
                if let Self::Passphrase(error) = self { error.waiting(wait_s).into() } else { self }
            }
        }
    )*};
}

refused! { AddError ChangeError RemoveError }

call! {
    /// A full lock: keyvault drops all keys and ends. The answer may be lost.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Lock of unlock: lock_request, lock_params, lock_results;
    asks {}
    answers nothing;
}

call! {
    /// Lets local programs use a desktop profile, or stops it.
    #[derive(Clone, PartialEq, Eq)]
    SetScripts of unlock: set_scripts_request, set_scripts_params, set_scripts_results;
    asks {
        /// Of the profile.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
        /// From now on.
        on: bool => number get_on set_on,
    }
    answers (), PassphraseError: in get_verdict init_verdict by write_verdict read_verdict;
}

call! {
    /// The window is to show nothing until the passphrase was given. Delivery goes on.
    #[derive(Clone, Copy, PartialEq, Eq)]
    ScreenLock of unlock: screen_lock_request, screen_lock_params, screen_lock_results;
    asks {}
    answers nothing;
}

call! {
    /// What each key slot is.
    #[derive(Clone, PartialEq, Eq)]
    Slots of unlock: slots_request, slots_params, slots_results;
    asks {
        /// Of the profile.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
    }
    answers Vec<SlotKind>, PassphraseError: by write_slots read_slots;
}

mirrored! {
    /// What a key slot is.
    SlotKind = wire::SlotKind {
        /// Not in use.
        Empty => "empty",
        /// Opens with a passphrase.
        Passphrase => "passphrase",
        /// Opens with 24 words.
        Recovery => "recovery",
        /// Opens the decoy and destroys the rest.
        Duress => "duress",
    }
}

fn write_slots(outcome: &Outcome<Slots>, to: To<'_, Slots>) {
    match outcome {
        Ok(slots) => {
            let mut list = to.init_slots(length(slots.len()));
            for (at, slot) in (0..).zip(slots) {
                list.set(at, (*slot).into());
            }
        }
        Err(error) => write_verdict(&Err(*error), to.init_verdict()),
    }
}

fn read_slots(from: Found<'_, Slots>) -> Read<Outcome<Slots>> {
    match read_verdict(from.get_verdict()?)? {
        Ok(()) => listed(from.get_slots()?.iter(), SLOTS, |slot| Ok(slot?.into())).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

call! {
    /// Another passphrase, into a free slot. Not idempotent.
    #[derive(Clone, PartialEq, Eq)]
    AddPassphrase of unlock: add_passphrase_request, add_passphrase_params, add_passphrase_results;
    asks {
        /// Of the profile.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
        /// The other one.
        new: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_new set_new,
        /// It opens the decoy and destroys the rest.
        duress: bool => number get_duress set_duress,
    }
    answers u8, AddError: by write_added read_added;
}

words! {
    /// Why nothing was put into a slot.
    AddError of UnlockResult, or Passphrase(PassphraseError) {
        /// The new passphrase is empty.
        TooShort,
        /// The new passphrase has a character that Unicode has not assigned yet.
        Unassigned,
        /// The new passphrase opens a slot already.
        Taken,
        /// All slots are in use.
        SlotsFull,
    }
}

fn write_added(outcome: &Outcome<AddPassphrase>, mut to: To<'_, AddPassphrase>) {
    match outcome {
        Ok(slot) => to.set_slot(*slot),
        Err(error) => write_verdict(&Err(*error), to.init_verdict()),
    }
}

fn read_added(from: Found<'_, AddPassphrase>) -> Read<Outcome<AddPassphrase>> {
    Ok(read_verdict(from.get_verdict()?)?.map(|()| from.get_slot()))
}

call! {
    /// A recovery key, into a free slot. Not idempotent.
    #[derive(Clone, PartialEq, Eq)]
    AddRecovery of unlock: add_recovery_request, add_recovery_params, add_recovery_results;
    asks {
        /// Of the profile.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
    }
    answers Recovery, AddError: by write_recovery read_recovery;
}

/// A recovery key. It is told this once.
#[derive(Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Where it is.
    pub slot: u8,
    /// 24 (BIP-39, English).
    pub words: Zeroizing<String>,
}

fn write_recovery(outcome: &Outcome<AddRecovery>, mut to: To<'_, AddRecovery>) {
    match outcome {
        Ok(recovery) => {
            to.set_slot(recovery.slot);
            to.set_words(recovery.words.as_str());
        }
        Err(error) => write_verdict(&Err(*error), to.init_verdict()),
    }
}

fn read_recovery(from: Found<'_, AddRecovery>) -> Read<Outcome<AddRecovery>> {
    match read_verdict(from.get_verdict()?)? {
        Ok(()) => {
            let words = Zeroizing::new(text(from.get_words()?, RECOVERY_MAX_BYTES)?);
            Ok(Ok(Recovery { slot: from.get_slot(), words }))
        }
        Err(error) => Ok(Err(error)),
    }
}

call! {
    /// Another passphrase in a slot that is in use.
    #[derive(Clone, PartialEq, Eq)]
    ChangeSlot of unlock: change_slot_request, change_slot_params, change_slot_results;
    asks {
        /// Of the profile.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
        /// Its number in the list of slots.
        slot: u8 => number get_slot set_slot,
        /// The other one.
        new: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_new set_new,
    }
    answers (), ChangeError: in get_verdict init_verdict by write_verdict read_verdict;
}

words! {
    /// Why a slot was not changed.
    ChangeError of UnlockResult, or Passphrase(PassphraseError) {
        /// The new passphrase is empty.
        TooShort,
        /// The new passphrase has a character that Unicode has not assigned yet.
        Unassigned,
        /// The new passphrase opens a slot already.
        Taken,
        /// It is not in use, or holds a recovery key.
        NoSuchSlot,
    }
}

call! {
    /// Makes a slot open no more.
    #[derive(Clone, PartialEq, Eq)]
    RemoveSlot of unlock: remove_slot_request, remove_slot_params, remove_slot_results;
    asks {
        /// Of the profile.
        passphrase: Passphrase => secret(PASSPHRASE_MAX_BYTES) get_passphrase set_passphrase,
        /// Its number in the list of slots.
        slot: u8 => number get_slot set_slot,
    }
    answers (), RemoveError: in get_verdict init_verdict by write_verdict read_verdict;
}

words! {
    /// Why a slot is still there.
    RemoveError of UnlockResult, or Passphrase(PassphraseError) {
        /// It is not in use.
        NoSuchSlot,
        /// Without it nobody could open the vault.
        LastPassphrase,
    }
}

call! {
    /// How long this caller must wait for its turn, which this takes and keeps.
    #[derive(Clone, Copy, PartialEq, Eq)]
    AskTurn of unlock: turn_request, turn_params, turn_results;
    asks {}
    answers number u16: get_wait set_wait;
}

#[cfg(test)]
mod tests {
    use super::super::trial::{read_back, told_back};
    use super::*;

    fn passphrase(length: usize) -> Passphrase {
        Zeroizing::new(vec![b'x'; length])
    }

    #[test]
    fn a_call_and_its_outcome_are_read_as_they_were_written() {
        let change = ChangeSlot { passphrase: passphrase(3), slot: 4, new: passphrase(PASSPHRASE_MAX_BYTES) };
        assert!(read_back(&change) == Ok(change));
        let slots = [SlotKind::Passphrase, SlotKind::Empty, SlotKind::Duress, SlotKind::Recovery];
        assert_eq!(told_back::<Slots>(&Ok(slots.to_vec())), Ok(Ok(slots.to_vec())));
        let wait = PassphraseError::Wait { seconds: u16::MAX };
        assert_eq!(told_back::<Slots>(&Err(wait)), Ok(Err(wait)));
        assert_eq!(told_back::<TryUnlock>(&Err(wait)), Ok(Err(wait)));
        assert_eq!(told_back::<RemoveSlot>(&Err(wait.into())), Ok(Err(wait.into())));
        assert_eq!(told_back::<ChangeSlot>(&Err(ChangeError::Unassigned)), Ok(Err(ChangeError::Unassigned)));
        assert_eq!(told_back::<AskTurn>(&Ok(7)), Ok(Ok(7)));
        assert_eq!(told_back::<AddPassphrase>(&Ok(7)), Ok(Ok(7)));
        assert_eq!(told_back::<AddPassphrase>(&Err(AddError::Taken)), Ok(Err(AddError::Taken)));
        let recovery = Recovery { slot: 2, words: Zeroizing::new("x".repeat(RECOVERY_MAX_BYTES)) };
        assert!(told_back::<AddRecovery>(&Ok(recovery.clone())) == Ok(Ok(recovery)));
        assert_eq!(told_back::<Create>(&Ok(())), Ok(Ok(())));
        for vault in VaultState::ALL {
            let state = State { locked: true, screen_locked: false, vault: *vault };
            assert_eq!(told_back::<LookState>(&Ok(state)), Ok(Ok(state)));
        }
    }

    #[test]
    fn what_is_too_long_or_too_many_is_malformed() {
        let unlock = |length| read_back(&TryUnlock { passphrase: passphrase(length) }).is_ok();
        assert!(unlock(PASSPHRASE_MAX_BYTES) && !unlock(PASSPHRASE_MAX_BYTES + 1));
        let slots = |count| told_back::<Slots>(&Ok(vec![SlotKind::Empty; count])).is_ok();
        assert!(slots(SLOTS) && !slots(SLOTS + 1));
    }

    #[test]
    fn seconds_stand_beside_the_word_that_wants_them_and_beside_no_other() {
        let mut message = capnp::message::Builder::new_default();
        let mut said = |word, wait| {
            let mut verdict = message.init_root::<verdict::Builder<'_>>();
            verdict.set_word(word);
            verdict.set_wait(wait);
            read_verdict::<AddError>(verdict.into_reader())
        };
        let waits = |seconds| AddError::Passphrase(PassphraseError::Wait { seconds });
        assert_eq!(said(UnlockResult::Wait, 60), Ok(Err(waits(60))));
        assert_eq!(said(UnlockResult::Wait, 0), Err(Malformed));
        assert_eq!(said(UnlockResult::Ok, 0), Ok(Ok(())));
        for word in [UnlockResult::Ok, UnlockResult::Taken, UnlockResult::WrongPassphrase] {
            assert_eq!(said(word, 1), Err(Malformed));
        }
    }

    /// A keyvault that is at fault says of an unlock what can only be said of a slot.
    #[test]
    fn a_word_that_the_method_cannot_answer_is_malformed() {
        assert_eq!(told::<PassphraseError>(UnlockResult::SlotsFull), Err(Malformed));
        assert_eq!(told::<CreateError>(UnlockResult::WrongPassphrase), Err(Malformed));
        assert_eq!(told::<RemoveError>(UnlockResult::LastPassphrase), Ok(Err(RemoveError::LastPassphrase)));
    }
}
