//! The edge ui-keyvault: unlocking, and what needs the passphrase anew.

use std::rc::Rc;

use ipc_schema::edge::ui_keyvault::{
    AddPassphrase, AddRecovery, AskTurn, ChangeSlot, Create, CreateError, Lock, LookState, PassphraseError,
    Recovery, Refused, RemoveSlot, ScreenLock, SetScripts, SlotKind as Kind, Slots, State, TryUnlock, Unlock,
    VaultState,
};
use ipc_schema::edge::{Call, Malformed, Served};
use ipc_schema::edges::ui_keyvault_capnp::UnlockResult;

use crate::sealed::{Caller, SlotKind, VaultFileError};
use crate::shell::{Condition, Shell};
use crate::unlock::CostError;

/// One caller's edge.
pub(super) struct UnlockServer {
    shell: Rc<Shell>,
    caller: Caller,
}

impl UnlockServer {
    /// For the window, or for a local program, `outside`.
    pub(super) fn new(shell: &Rc<Shell>, outside: bool) -> Self {
        let caller = if outside { shell.outsider() } else { Caller::Window };
        Self { shell: shell.clone(), caller }
    }
}

impl Drop for UnlockServer {
    fn drop(&mut self) {
        self.shell.left(self.caller);
    }
}

impl Unlock for UnlockServer {
    async fn state(self: Rc<Self>, _: LookState) -> Served<LookState> {
        let condition = self.shell.condition();
        Ok(Ok(State {
            locked: condition != Condition::Unlocked,
            screen_locked: self.shell.standing().borrow().screen_locked,
            vault: match condition {
                Condition::Unlocked if self.shell.is_read_only() => VaultState::Damaged,
                Condition::Unlocked => VaultState::Ok,
                Condition::Locked => VaultState::Locked,
                Condition::Damaged => VaultState::Damaged,
                Condition::Newer => VaultState::Newer,
                Condition::Missing => VaultState::Missing,
            },
        }))
    }

    async fn create(self: Rc<Self>, call: Create) -> Served<Create> {
        self.told::<Create>(self.shell.create(&call.passphrase), |error: CreateError, _| error)
    }

    async fn unlock(self: Rc<Self>, call: TryUnlock) -> Served<TryUnlock> {
        let unlocked = self.shell.unlock(self.caller, &call.passphrase);
        if unlocked.is_ok() && self.shell.is_read_only() {
            // Open as far as it can be read, which the caller must know.
            return Ok(Err(PassphraseError::Damaged));
        }
        self.tried::<TryUnlock>(unlocked)
    }

    async fn lock(self: Rc<Self>, _: Lock) -> Served<Lock> {
        // Without keys there is nothing to drop, and whoever waits for a turn goes on waiting.
        if self.shell.condition() == Condition::Unlocked {
            self.shell.lock();
        }
        Ok(Ok(()))
    }

    async fn set_scripts(self: Rc<Self>, call: SetScripts) -> Served<SetScripts> {
        self.tried::<SetScripts>(self.shell.set_scripts(self.caller, &call.passphrase, call.on))
    }

    async fn screen_lock(self: Rc<Self>, _: ScreenLock) -> Served<ScreenLock> {
        self.shell.screen_lock();
        Ok(Ok(()))
    }

    async fn slots(self: Rc<Self>, call: Slots) -> Served<Slots> {
        let slots = self.shell.slots(self.caller, &call.passphrase, |file, opened, _| file.slots(opened));
        self.tried::<Slots>(slots.map(|slots| slots.into_iter().map(kind).collect()))
    }

    async fn add_passphrase(self: Rc<Self>, call: AddPassphrase) -> Served<AddPassphrase> {
        let kind = if call.duress { SlotKind::Duress } else { SlotKind::Passphrase };
        let added = self
            .shell
            .slots(self.caller, &call.passphrase, |file, opened, rng| file.add(opened, kind, &call.new, rng));
        self.tried::<AddPassphrase>(added.map(number))
    }

    async fn add_recovery(self: Rc<Self>, call: AddRecovery) -> Served<AddRecovery> {
        let added = self
            .shell
            .slots(self.caller, &call.passphrase, |file, opened, rng| file.add_recovery(opened, rng));
        self.tried::<AddRecovery>(added.map(|(at, words)| Recovery { slot: number(at), words }))
    }

    async fn change_slot(self: Rc<Self>, call: ChangeSlot) -> Served<ChangeSlot> {
        let at = usize::from(call.slot);
        let changed = self.shell.replace_slot(self.caller, &call.passphrase, |file, opened, rng| {
            file.change(opened, at, &call.new, rng)
        });
        self.tried::<ChangeSlot>(changed)
    }

    async fn turn(self: Rc<Self>, _: AskTurn) -> Served<AskTurn> {
        Ok(Ok(self.shell.turn(self.caller)))
    }

    async fn remove_slot(self: Rc<Self>, call: RemoveSlot) -> Served<RemoveSlot> {
        let at = usize::from(call.slot);
        let removed = self
            .shell
            .replace_slot(self.caller, &call.passphrase, |file, opened, rng| file.remove(opened, at, rng));
        self.tried::<RemoveSlot>(removed)
    }
}

fn kind(slot: Option<SlotKind>) -> Kind {
    match slot {
        None => Kind::Empty,
        Some(SlotKind::Passphrase) => Kind::Passphrase,
        Some(SlotKind::Recovery) => Kind::Recovery,
        Some(SlotKind::Duress) => Kind::Duress,
    }
}

fn number(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX)
}

impl UnlockServer {
    /// What came of a call with a passphrase, with the seconds where the caller must wait.
    fn tried<C: Call<Error: Refused>>(&self, result: Result<C::Answer, VaultFileError>) -> Served<C> {
        self.told::<C>(result, |error, wait_s| error.waiting(wait_s))
    }

    /// The method's word for what went wrong.
    fn told<C: Call<Error: TryFrom<UnlockResult, Error = Malformed>>>(
        &self,
        result: Result<C::Answer, VaultFileError>,
        waiting: impl FnOnce(C::Error, u16) -> C::Error,
    ) -> Served<C> {
        let error = match result {
            Ok(answer) => return Ok(Ok(answer)),
            Err(error) => error,
        };
        let word = C::Error::try_from(self.word(&error));
        word.map(|word| Err(waiting(word, error.wait_s()))).map_err(|Malformed| {
            eprintln!("bug: {error} where that cannot be");
            capnp::Error::overloaded("keyvault cannot do this now".to_owned())
        })
    }

    fn word(&self, error: &VaultFileError) -> UnlockResult {
        match (error, self.shell.condition()) {
            (VaultFileError::Exists, _) => UnlockResult::Exists,
            (VaultFileError::EmptyPassphrase, _) => UnlockResult::TooShort,
            (VaultFileError::Unassigned, _) => UnlockResult::Unassigned,
            (VaultFileError::WrongPassphrase, _) => UnlockResult::WrongPassphrase,
            (VaultFileError::Wait(_), _) => UnlockResult::Wait,
            (VaultFileError::Taken, _) => UnlockResult::Taken,
            (VaultFileError::SlotsFull, _) => UnlockResult::SlotsFull,
            (VaultFileError::NoSuchSlot, _) => UnlockResult::NoSuchSlot,
            (VaultFileError::LastPassphrase, _) => UnlockResult::LastPassphrase,
            (VaultFileError::Newer, _) | (_, Condition::Newer) => UnlockResult::Newer,
            (VaultFileError::Cost(CostError::OutOfMemory) | VaultFileError::MemoryLock, _) => {
                UnlockResult::NoMemory
            }
            (VaultFileError::Io { .. } | VaultFileError::InUse | VaultFileError::Cost(_), _) => {
                UnlockResult::Storage
            }
            (VaultFileError::Damaged, Condition::Missing) => UnlockResult::Missing,
            (VaultFileError::Damaged, _) => UnlockResult::Damaged,
        }
    }
}
