//! The edge ui-keyvault: unlocking, and what needs the passphrase anew.

use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edges::ui_keyvault_capnp::unlock::{
    AddPassphraseParams, AddPassphraseResults, AddRecoveryParams, AddRecoveryResults, ChangeSlotParams,
    ChangeSlotResults, Client, CreateParams, CreateResults, LockParams, LockResults, RemoveSlotParams,
    RemoveSlotResults, ScreenLockParams, ScreenLockResults, Server, SetScriptsParams, SetScriptsResults,
    SlotsParams, SlotsResults, StateParams, StateResults, UnlockParams, UnlockResults,
};
use ipc_schema::edges::ui_keyvault_capnp::{SlotKind as Kind, UnlockResult, VaultState};
use ipc_schema::limits::PASSPHRASE_MAX_BYTES;

use super::Closer;
use crate::sealed::{SlotKind, VaultFileError};
use crate::shell::{Condition, Shell};
use crate::unlock::CostError;

struct Unlock {
    shell: Rc<Shell>,
    closer: Closer,
}

pub(super) fn client(shell: Rc<Shell>, closer: Closer) -> capnp::capability::Client {
    let client: Client = new_client(Unlock { shell, closer });
    client.client
}

impl Unlock {
    fn passphrase<'a>(&self, data: &'a [u8]) -> Result<&'a [u8], capnp::Error> {
        if data.len() > PASSPHRASE_MAX_BYTES { Err(self.closer.close()) } else { Ok(data) }
    }
}

impl Server for Unlock {
    async fn state(self: Rc<Self>, _: StateParams, mut results: StateResults) -> Result<(), capnp::Error> {
        let condition = self.shell.condition();
        let mut results = results.get();
        results.set_locked(condition != Condition::Unlocked);
        results.set_screen_locked(self.shell.standing().borrow().screen_locked);
        results.set_vault(match condition {
            Condition::Unlocked if self.shell.is_read_only() => VaultState::Damaged,
            Condition::Unlocked => VaultState::Ok,
            Condition::Locked => VaultState::Locked,
            Condition::Damaged => VaultState::Damaged,
            Condition::Newer => VaultState::Newer,
            Condition::Missing => VaultState::Missing,
        });
        Ok(())
    }

    async fn create(
        self: Rc<Self>,
        params: CreateParams,
        mut results: CreateResults,
    ) -> Result<(), capnp::Error> {
        let created = self.shell.create(self.passphrase(params.get()?.get_passphrase()?)?);
        results.get().set_result(self.result(created));
        Ok(())
    }

    async fn unlock(
        self: Rc<Self>,
        params: UnlockParams,
        mut results: UnlockResults,
    ) -> Result<(), capnp::Error> {
        let unlocked = self.shell.unlock(self.passphrase(params.get()?.get_passphrase()?)?);
        if let Err(VaultFileError::Wait(wait)) = &unlocked {
            results.get().set_wait_ms(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        }
        // Open as far as it can be read, which the caller must know.
        let read_only = unlocked.is_ok() && self.shell.is_read_only();
        let result = if read_only { UnlockResult::Damaged } else { self.result(unlocked) };
        results.get().set_result(result);
        Ok(())
    }

    async fn lock(self: Rc<Self>, _: LockParams, _: LockResults) -> Result<(), capnp::Error> {
        self.shell.lock();
        Ok(())
    }

    async fn set_scripts(
        self: Rc<Self>,
        params: SetScriptsParams,
        mut results: SetScriptsResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let set = self.shell.set_scripts(self.passphrase(params.get_passphrase()?)?, params.get_on());
        results.get().set_result(self.result(set));
        Ok(())
    }

    async fn screen_lock(
        self: Rc<Self>,
        _: ScreenLockParams,
        _: ScreenLockResults,
    ) -> Result<(), capnp::Error> {
        self.shell.screen_lock();
        Ok(())
    }

    async fn slots(
        self: Rc<Self>,
        params: SlotsParams,
        mut results: SlotsResults,
    ) -> Result<(), capnp::Error> {
        let passphrase = self.passphrase(params.get()?.get_passphrase()?)?;
        let slots = self.shell.slots(passphrase, |file, opened, _| file.slots(opened));
        if let Ok(slots) = &slots {
            let mut list = results.get().init_slots(u32::try_from(slots.len()).unwrap_or(0));
            for (at, slot) in (0..).zip(slots) {
                list.set(at, kind(*slot));
            }
        }
        results.get().set_result(self.result(slots.map(drop)));
        Ok(())
    }

    async fn add_passphrase(
        self: Rc<Self>,
        params: AddPassphraseParams,
        mut results: AddPassphraseResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let passphrase = self.passphrase(params.get_passphrase()?)?;
        let new = self.passphrase(params.get_new()?)?;
        let kind = if params.get_duress() { SlotKind::Duress } else { SlotKind::Passphrase };
        let added = self.shell.slots(passphrase, |file, opened, rng| file.add(opened, (kind, new), rng));
        results.get().set_slot(added.as_ref().map_or(0, |at| number(*at)));
        results.get().set_result(self.result(added.map(drop)));
        Ok(())
    }

    async fn add_recovery(
        self: Rc<Self>,
        params: AddRecoveryParams,
        mut results: AddRecoveryResults,
    ) -> Result<(), capnp::Error> {
        let passphrase = self.passphrase(params.get()?.get_passphrase()?)?;
        let added = self.shell.slots(passphrase, |file, opened, rng| file.add_recovery(opened, rng));
        if let Ok((at, words)) = &added {
            results.get().set_slot(number(*at));
            results.get().set_words(words.as_str());
        }
        results.get().set_result(self.result(added.map(drop)));
        Ok(())
    }

    async fn change_slot(
        self: Rc<Self>,
        params: ChangeSlotParams,
        mut results: ChangeSlotResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let passphrase = self.passphrase(params.get_passphrase()?)?;
        let new = (usize::from(params.get_slot()), self.passphrase(params.get_new()?)?);
        let changed = self.shell.slots(passphrase, |file, opened, rng| file.change(opened, new, rng));
        results.get().set_result(self.result(changed));
        Ok(())
    }

    async fn remove_slot(
        self: Rc<Self>,
        params: RemoveSlotParams,
        mut results: RemoveSlotResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let (passphrase, at) = (self.passphrase(params.get_passphrase()?)?, usize::from(params.get_slot()));
        let removed = self.shell.slots(passphrase, |file, opened, rng| file.remove(opened, at, rng));
        results.get().set_result(self.result(removed));
        Ok(())
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

impl Unlock {
    fn result(&self, result: Result<(), VaultFileError>) -> UnlockResult {
        let Err(error) = result else { return UnlockResult::Ok };
        match (error, self.shell.condition()) {
            (VaultFileError::Exists, _) => UnlockResult::Exists,
            (VaultFileError::EmptyPassphrase, _) => UnlockResult::TooShort,
            (VaultFileError::WrongPassphrase, _) => UnlockResult::WrongPassphrase,
            (VaultFileError::Wait(_), _) => UnlockResult::Busy,
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
