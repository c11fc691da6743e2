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
    /// Too many wrong passphrases: the next try must wait.
    Busy,
    /// The file could not be written; nothing was changed.
    Storage,
    /// The new passphrase opens a slot already.
    Taken,
    /// All slots are in use.
    SlotsFull,
    /// That slot is not in use, or not of a kind that this can be done with.
    NoSuchSlot,
    /// Removing it would lock everybody out.
    LastPassphrase,
    /// Too little memory to try the passphrase; nothing was tried.
    NoMemory,
}

/// What a key slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// Not in use.
    Empty,
    /// Opens with a passphrase.
    Passphrase,
    /// Opens with 24 words.
    Recovery,
    /// Opens the decoy and destroys the rest.
    Duress,
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
    pub async fn state(&self) -> Result<State, PeerError> {
        let answer = self.client.state_request().send().promise.await?;
        let answer = answer.get()?;
        Ok(State {
            locked: answer.get_locked(),
            screen_locked: answer.get_screen_locked(),
            vault: answer.get_vault()?.into(),
        })
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

    /// The window shows nothing until `unlock` was right. Delivery goes on.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn screen_lock(&self) -> Result<(), PeerError> {
        self.client.screen_lock_request().send().promise.await?;
        Ok(())
    }

    /// What each slot is; none where the passphrase was refused.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn slots(&self, passphrase: &[u8]) -> Result<(Vec<SlotKind>, UnlockResult), PeerError> {
        let mut request = self.client.slots_request();
        request.get().set_passphrase(passphrase);
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        let slots = answer.get_slots()?.iter().map(|kind| Ok(kind?.into()));
        Ok((slots.collect::<Result<_, PeerError>>()?, answer.get_result()?.into()))
    }

    /// Puts a passphrase, or a duress passphrase, into a free slot. Not idempotent: a lost answer may have done it.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn add_passphrase(
        &self,
        passphrase: &[u8],
        new: &[u8],
        duress: bool,
    ) -> Result<(u8, UnlockResult), PeerError> {
        let mut request = self.client.add_passphrase_request();
        request.get().set_passphrase(passphrase);
        request.get().set_new(new);
        request.get().set_duress(duress);
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        Ok((answer.get_slot(), answer.get_result()?.into()))
    }

    /// Makes a recovery key in a free slot: its words, told this once. Not idempotent: a lost answer may have done it.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn add_recovery(
        &self,
        passphrase: &[u8],
    ) -> Result<(u8, zeroize::Zeroizing<String>, UnlockResult), PeerError> {
        let mut request = self.client.add_recovery_request();
        request.get().set_passphrase(passphrase);
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        let words = answer.get_words()?.to_str().map_err(|_| PeerError::Misbehaved)?;
        Ok((answer.get_slot(), words.to_owned().into(), answer.get_result()?.into()))
    }

    /// Puts another passphrase into a slot in use.
    ///
    /// # Errors
    /// [`PeerError`]; after `Lost`, `slots` with the new passphrase tells whether it happened.
    pub async fn change_slot(
        &self,
        passphrase: &[u8],
        slot: u8,
        new: &[u8],
    ) -> Result<UnlockResult, PeerError> {
        let mut request = self.client.change_slot_request();
        request.get().set_passphrase(passphrase);
        request.get().set_slot(slot);
        request.get().set_new(new);
        let answer = request.send().promise.await?;
        Ok(answer.get()?.get_result()?.into())
    }

    /// Overwrites a slot.
    ///
    /// # Errors
    /// [`PeerError`]; after `Lost`, `slots` tells whether it happened.
    pub async fn remove_slot(&self, passphrase: &[u8], slot: u8) -> Result<UnlockResult, PeerError> {
        let mut request = self.client.remove_slot_request();
        request.get().set_passphrase(passphrase);
        request.get().set_slot(slot);
        let answer = request.send().promise.await?;
        Ok(answer.get()?.get_result()?.into())
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
            Wire::Taken => Self::Taken,
            Wire::SlotsFull => Self::SlotsFull,
            Wire::NoSuchSlot => Self::NoSuchSlot,
            Wire::LastPassphrase => Self::LastPassphrase,
            Wire::NoMemory => Self::NoMemory,
        }
    }
}

impl From<ui_keyvault_capnp::SlotKind> for SlotKind {
    fn from(kind: ui_keyvault_capnp::SlotKind) -> Self {
        use ui_keyvault_capnp::SlotKind as Wire;
        match kind {
            Wire::Empty => Self::Empty,
            Wire::Passphrase => Self::Passphrase,
            Wire::Recovery => Self::Recovery,
            Wire::Duress => Self::Duress,
        }
    }
}
