//! ui → keyvault: unlock, create, lock.

use ipc_schema::edges::ui_keyvault_capnp::{self, unlock};

use super::PeerError;

/// What the vault's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultState {
    /// Open, or openable.
    Ok,
    /// Closed; the passphrase opens it.
    Locked,
    /// No slot of it can be read.
    Damaged,
    /// Written by a later version.
    Newer,
    /// There is none yet.
    Missing,
}

/// What became of an attempt with a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlockResult {
    /// Done.
    Ok,
    /// That is not the passphrase; nothing was changed.
    WrongPassphrase,
    /// The file is damaged; the passphrase may be right.
    Damaged,
    /// The file is of a later version.
    Newer,
    /// There is no vault yet.
    Missing,
    /// Create: there is a vault already.
    Exists,
    /// Create: an empty passphrase.
    TooShort,
    /// Another attempt is running.
    Busy,
    /// The file could not be written; nothing was changed.
    Storage,
}

/// The edge to keyvault.
#[derive(Clone)]
pub struct Unlock {
    client: unlock::Client,
}

impl Unlock {
    /// Speaks over `client`.
    #[must_use]
    pub fn new(client: unlock::Client) -> Self {
        Self { client }
    }

    /// Whether it is locked, and what the file is.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn state(&self) -> Result<(bool, VaultState), PeerError> {
        let answer = self.client.state_request().send().promise.await?;
        let answer = answer.get()?;
        Ok((answer.get_locked(), answer.get_vault()?.into()))
    }

    /// Makes a vault in an empty file and unlocks it. About a second, on purpose.
    ///
    /// # Errors
    /// [`PeerError`]; after `Lost`, `state` tells whether it happened.
    pub async fn create(&self, passphrase: &[u8]) -> Result<UnlockResult, PeerError> {
        let mut request = self.client.create_request();
        request.get().set_passphrase(passphrase);
        let answer = request.send().promise.await?;
        Ok(answer.get()?.get_result()?.into())
    }

    /// Unlocks. About a second, on purpose.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn unlock(&self, passphrase: &[u8]) -> Result<UnlockResult, PeerError> {
        let mut request = self.client.unlock_request();
        request.get().set_passphrase(passphrase);
        let answer = request.send().promise.await?;
        Ok(answer.get()?.get_result()?.into())
    }

    /// Full lock. keyvault ends with it, so a lost answer is success.
    ///
    /// # Errors
    /// [`PeerError::Misbehaved`] only.
    pub async fn lock(&self) -> Result<(), PeerError> {
        match self.client.lock_request().send().promise.await.map_err(PeerError::from) {
            Ok(_) | Err(PeerError::Lost) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets local programs use a desktop profile, or stops it.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn set_scripts(&self, passphrase: &[u8], on: bool) -> Result<UnlockResult, PeerError> {
        let mut request = self.client.set_scripts_request();
        request.get().set_passphrase(passphrase);
        request.get().set_on(on);
        let answer = request.send().promise.await?;
        Ok(answer.get()?.get_result()?.into())
    }
}

impl From<ui_keyvault_capnp::VaultState> for VaultState {
    fn from(state: ui_keyvault_capnp::VaultState) -> Self {
        use ui_keyvault_capnp::VaultState as Wire;
        match state {
            Wire::Ok => Self::Ok,
            Wire::Locked => Self::Locked,
            Wire::Damaged => Self::Damaged,
            Wire::Newer => Self::Newer,
            Wire::Missing => Self::Missing,
        }
    }
}

impl From<ui_keyvault_capnp::UnlockResult> for UnlockResult {
    fn from(result: ui_keyvault_capnp::UnlockResult) -> Self {
        use ui_keyvault_capnp::UnlockResult as Wire;
        match result {
            Wire::Ok => Self::Ok,
            Wire::WrongPassphrase => Self::WrongPassphrase,
            Wire::Damaged => Self::Damaged,
            Wire::Newer => Self::Newer,
            Wire::Missing => Self::Missing,
            Wire::Exists => Self::Exists,
            Wire::TooShort => Self::TooShort,
            Wire::Busy => Self::Busy,
            Wire::Storage => Self::Storage,
        }
    }
}
