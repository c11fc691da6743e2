//! The edge ui-keyvault: unlocking, and what needs the passphrase anew.

use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edges::ui_keyvault_capnp::unlock::{
    Client, CreateParams, CreateResults, LockParams, LockResults, Server, SetScriptsParams,
    SetScriptsResults, StateParams, StateResults, UnlockParams, UnlockResults,
};
use ipc_schema::edges::ui_keyvault_capnp::{UnlockResult, VaultState};
use ipc_schema::limits::PASSPHRASE_MAX_BYTES;

use super::Closer;
use crate::sealed::VaultFileError;
use crate::shell::{Condition, Shell};

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
        results.set_vault(match condition {
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
        results.get().set_result(self.result(unlocked));
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
}

impl Unlock {
    fn result(&self, result: Result<(), VaultFileError>) -> UnlockResult {
        let Err(error) = result else { return UnlockResult::Ok };
        match (error, self.shell.condition()) {
            (VaultFileError::Exists, _) => UnlockResult::Exists,
            (VaultFileError::EmptyPassphrase, _) => UnlockResult::TooShort,
            (VaultFileError::WrongPassphrase, _) => UnlockResult::WrongPassphrase,
            (VaultFileError::Newer, _) | (_, Condition::Newer) => UnlockResult::Newer,
            (VaultFileError::Io { .. } | VaultFileError::InUse | VaultFileError::Cost(_), _) => {
                UnlockResult::Storage
            }
            (VaultFileError::Damaged, Condition::Missing) => UnlockResult::Missing,
            (VaultFileError::Damaged, _) => UnlockResult::Damaged,
        }
    }
}
