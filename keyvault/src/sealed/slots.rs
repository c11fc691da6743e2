//! What is done with a passphrase: making a vault, trying it, changing the slots. Every change is one header, written twice; a kill
//! at any point leaves the old one or the new one.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::attempts::{Attempt, Attempts};
use super::error::{VaultFileError, io};
use super::file_header::{Form, Generation, Header, Plain};
use super::key_slot::{SLOTS, Slot, SlotContent, SlotKind, UnlockKey};
use super::locked::{LockedVault, StateKeys};
use super::root::{decoy_root, decoy_store_key, digest_key};
use super::sealed_store::SealedStore;
use super::state::{self, State, StoreKeyAt, Wipe};
use super::{Examined, recovery_words};
use crate::memory::Secret32;
use crate::passphrase::{fresh, normal};
use crate::unlock::{Cost, CostError, FLOOR, SALT_BYTES};

/// What a passphrase opened.
pub struct OpenedVault {
    pub(super) root: Secret32,
    /// The file is another vault now than before: the decoy.
    switched: bool,
}

/// A passphrase that is to open a slot.
struct NewSlot<'a> {
    at: usize,
    kind: SlotKind,
    passphrase: &'a [u8],
}

impl OpenedVault {
    /// Whether this was the duress passphrase: everything that was unlocked before is to be dropped.
    #[must_use]
    pub fn is_switched(&self) -> bool {
        self.switched
    }
}

impl std::fmt::Debug for OpenedVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenedVault(..)")
    }
}

/// A passphrase, or a recovery key in whatever spacing and case, to a key.
pub(super) fn stretch(
    cost: Cost,
    salt: &[u8; SALT_BYTES],
    passphrase: &[u8],
) -> Result<UnlockKey, CostError> {
    let recovery = recovery_words::read(passphrase).map(|entropy| recovery_words::of(&entropy));
    cost.derive(recovery.as_ref().map_or(passphrase, |words| words.as_bytes()), salt).map(UnlockKey)
}

impl LockedVault {
    /// Makes a new vault in `file`, one slot in use.
    ///
    /// # Errors
    /// `Exists`, `EmptyPassphrase`, `Unassigned`, `Cost`, and all of [`Examined::of`].
    pub fn create<R: CryptoRng>(
        file: File,
        passphrase: &[u8],
        cost: Cost,
        rng: R,
    ) -> Result<SealedStore<R>, VaultFileError> {
        Self::create_with_floor(file, passphrase, cost, FLOOR, rng)
    }

    pub(crate) fn create_with_floor<R: CryptoRng>(
        file: File,
        passphrase: &[u8],
        cost: Cost,
        floor: Cost,
        mut rng: R,
    ) -> Result<SealedStore<R>, VaultFileError> {
        let passphrase = fresh(passphrase)?;
        let Examined::Missing(file) = Examined::with_floor(file, floor)? else {
            return Err(VaultFileError::Exists);
        };
        // What an interrupted creation left behind goes first.
        file.set_len(0).map_err(io("emptying"))?;
        let file = Arc::new(file);
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let root = Secret32::random(&mut rng);
        let unlock_key = stretch(cost.check(floor)?, &salt, &passphrase)?;
        let state = State::create(Wipe::Nothing, StoreKeyAt::Apart, &mut rng);
        let generation = Generation::first(&mut rng);
        let plain = Plain { generation, cost, salt, form: Form::Nfkc };
        let header = Header::create(plain, &unlock_key, &root, &state, &mut rng);
        let attempts = Attempts::none();
        attempts.write(&file)?;
        let mut vault = Self {
            file,
            header,
            attempts,
            database: None,
            floor,
            damaged: false,
            unwritable: false,
            repaired: false,
        };
        vault.begin_area()?;
        let store = SealedStore::begin(Box::new(vault), &root, &state, rng)?;
        // Last of all: until it stands there, the file counts as never made.
        store.vault.header.write(&store.vault.file)?;
        Ok(store)
    }

    /// Tries a passphrase. `now` is the time since the process began. On failure the locked vault comes back.
    ///
    /// # Errors
    /// `WrongPassphrase`, `Wait`, `Cost`.
    pub fn unlock<R: CryptoRng>(
        mut self: Box<Self>,
        passphrase: &[u8],
        now: Duration,
        mut rng: R,
    ) -> Result<SealedStore<R>, (Box<Self>, VaultFileError)> {
        match self.attempt(passphrase, now, &mut rng) {
            Ok(opened) => self.enter(&opened, rng),
            Err(error) => Err((self, error)),
        }
    }

    /// Opens the records behind a slot that was opened.
    ///
    /// # Errors
    /// `Io`. Damage is none: what is left can be read.
    pub fn enter<R: CryptoRng>(
        self: Box<Self>,
        opened: &OpenedVault,
        rng: R,
    ) -> Result<SealedStore<R>, (Box<Self>, VaultFileError)> {
        SealedStore::new(self, &opened.root, rng)
    }

    /// Tries a passphrase, if it is the caller's turn. The try is counted in the file before it is made, and no longer once it
    /// was right. With the duress passphrase the other slots are overwritten before this returns.
    ///
    /// # Errors
    /// `WrongPassphrase`, `Wait`, `Cost`; `Io` where slots could not be overwritten.
    pub fn attempt(
        &mut self,
        passphrase: &[u8],
        attempt: impl Into<Attempt>,
        rng: &mut impl CryptoRng,
    ) -> Result<OpenedVault, VaultFileError> {
        let (cost, attempt) = (self.header.cost.check(self.floor)?, attempt.into());
        let wait = self.attempts.wait(attempt);
        if !wait.is_zero() {
            return Err(VaultFileError::Wait(wait));
        }
        self.attempts.count(attempt.caller, &self.file);
        let (unlock_key, slot) = match self.open_slot(cost, passphrase) {
            Ok(Some(opened)) => opened,
            Ok(None) => {
                self.attempts.failed(attempt);
                return Err(VaultFileError::WrongPassphrase);
            }
            Err(error) => {
                self.attempts.forgive(attempt.caller, &self.file);
                return Err(error.into());
            }
        };
        self.attempts.forget(&self.file);
        match slot {
            SlotContent { kind: SlotKind::Duress, root, store_key } => {
                self.take_over(&unlock_key, &root, store_key, rng)?;
                Ok(OpenedVault { root, switched: true })
            }
            SlotContent { root, .. } => Ok(OpenedVault { root, switched: false }),
        }
    }

    /// The slot that a passphrase opens, in its one form, or as it was given: so earlier versions took it.
    fn open_slot(
        &self,
        cost: Cost,
        passphrase: &[u8],
    ) -> Result<Option<(UnlockKey, SlotContent)>, CostError> {
        let normal = normal(passphrase);
        let is_tried = self.header.form == Form::NotNoted && normal.as_slice() != passphrase;
        let as_given = is_tried.then_some(passphrase);
        for form in [Some(normal.as_slice()), as_given].into_iter().flatten() {
            let key = stretch(cost, &self.header.salt, form)?;
            if let Some(slot) = self.header.open(&key) {
                return Ok(Some((key, slot)));
            }
        }
        Ok(None)
    }

    /// Makes the file the decoy's: one slot, with the passphrase that was just given, in the first place as in any new vault.
    fn take_over(
        &mut self,
        unlock_key: &UnlockKey,
        root: &Secret32,
        store_key: Secret32,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultFileError> {
        let Header { cost, salt, form, .. } = self.header;
        // An earlier version's slot has none.
        let is_held = store_key != Secret32::zero();
        let store_key = if is_held { StoreKeyAt::Here(store_key) } else { StoreKeyAt::Root };
        let state = State::create(Wipe::Records, store_key, rng);
        let plain = Plain { generation: self.header.next(rng).generation(), cost, salt, form };
        self.put(Header::create(plain, unlock_key, root, &state, rng))?;
        // At once, for who asked may not enter. Where it fails, whoever enters does it again, and says so.
        let _ = self.begin_area();
        Ok(())
    }

    /// What each slot is, for who knows a passphrase.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn slots(&self, opened: &OpenedVault) -> Result<[Option<SlotKind>; SLOTS], VaultFileError> {
        Ok(self.state(&opened.root)?.kinds)
    }

    /// Puts a passphrase, or a duress passphrase, into a free slot. Gives its number.
    ///
    /// # Errors
    /// `EmptyPassphrase`, `Unassigned`, `Taken`, `SlotsFull`, `Cost`, `Damaged`, `Io`.
    pub fn add(
        &mut self,
        opened: &OpenedVault,
        kind: SlotKind,
        passphrase: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<usize, VaultFileError> {
        let free = self.state(&opened.root)?.kinds.iter().position(Option::is_none);
        let at = free.ok_or(VaultFileError::SlotsFull)?;
        self.fill(opened, NewSlot { at, kind, passphrase }, rng)?;
        Ok(at)
    }

    /// Makes a recovery key in a free slot. Gives its number, and the words, which nobody can ever ask for again.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_recovery(
        &mut self,
        opened: &OpenedVault,
        rng: &mut impl CryptoRng,
    ) -> Result<(usize, Zeroizing<String>), VaultFileError> {
        let words = recovery_words::of(&Secret32::random(rng));
        let at = self.add(opened, SlotKind::Recovery, words.as_bytes(), rng)?;
        Ok((at, words))
    }

    /// Puts another passphrase into a slot in use; a duress slot stays one.
    ///
    /// # Errors
    /// `NoSuchSlot` (also for a recovery key: remove it and add another), and as [`Self::add`].
    pub fn change(
        &mut self,
        opened: &OpenedVault,
        at: usize,
        passphrase: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultFileError> {
        match self.state(&opened.root)?.kinds.get(at).copied().flatten() {
            Some(kind @ (SlotKind::Passphrase | SlotKind::Duress)) => {
                self.fill(opened, NewSlot { at, kind, passphrase }, rng)
            }
            _ => Err(VaultFileError::NoSuchSlot),
        }
    }

    /// Overwrites a slot.
    ///
    /// # Errors
    /// `NoSuchSlot`, `LastPassphrase`, `Damaged`, `Io`.
    pub fn remove(
        &mut self,
        opened: &OpenedVault,
        at: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultFileError> {
        let mut state = self.state(&opened.root)?;
        let place = state.kinds.get_mut(at).ok_or(VaultFileError::NoSuchSlot)?;
        let kind = place.take().ok_or(VaultFileError::NoSuchSlot)?;
        if kind == SlotKind::Passphrase && state.count(SlotKind::Passphrase) == 0 {
            return Err(VaultFileError::LastPassphrase);
        }
        self.replace(opened, &state, (at, Slot::empty(rng)), rng)
    }

    fn fill(
        &mut self,
        opened: &OpenedVault,
        new: NewSlot<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultFileError> {
        let NewSlot { at, kind, passphrase } = new;
        let passphrase = fresh(passphrase)?;
        let cost = self.header.cost.check(self.floor)?;
        let unlock_key = stretch(cost, &self.header.salt, &passphrase)?;
        // A duress passphrase that is a real one too would destroy or not by chance.
        if self.header.open(&unlock_key).is_some() {
            return Err(VaultFileError::Taken);
        }
        let mut state = self.state(&opened.root)?;
        *state.kinds.get_mut(at).ok_or(VaultFileError::NoSuchSlot)? = Some(kind);
        let content = match kind {
            SlotKind::Passphrase | SlotKind::Recovery => SlotContent::of_root(kind, &opened.root),
            SlotKind::Duress => {
                SlotContent { kind, root: decoy_root(&opened.root), store_key: decoy_store_key(&opened.root) }
            }
        };
        self.replace(opened, &state, (at, Slot::seal(at, &unlock_key, &content, rng)), rng)
    }

    fn replace(
        &mut self,
        opened: &OpenedVault,
        state: &State,
        slot: (usize, Slot),
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultFileError> {
        let (key, digest) = (state::key(&opened.root), digest_key(&opened.root));
        self.write_state(state, &StateKeys { state: &key, digest: digest.expose() }, Some(slot), rng)
    }

    fn state(&self, root: &Secret32) -> Result<State, VaultFileError> {
        State::open(&state::key(root), &self.header.sealed_state).map_err(|_| VaultFileError::Damaged)
    }
}
