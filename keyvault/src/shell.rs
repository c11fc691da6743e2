//! The vault file's life in this process: missing, locked, unlocked; and how the process ends. Holds the one clock and the
//! one source of randomness.

mod slots;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::time::Duration;

use getrandom::SysRng;
use ipc_schema::Timestamp;
use rand_core::UnwrapErr;
use tokio::sync::{Notify, watch};

use crate::error::VaultError;
use crate::passphrase::fresh;
use crate::sealed::{
    Attempt, Caller, Examined, LockedVault, OpenedVault, SealedStore, VaultFileError, whole_seconds,
};
use crate::store::StoreError;
use crate::unlock::{Cost, CostError};
use crate::vault::Vault;

/// The system's randomness; a system without any ends the process.
pub type SystemRng = UnwrapErr<SysRng>;
/// The vault as it is served.
pub type ServedVault = Vault<SealedStore<SystemRng>>;

/// How often what has outlived its use is dropped.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long what was deleted or overwritten may lie readable for who has file and passphrase.
const COMPACT_EVERY: Duration = Duration::from_secs(10 * 60);
const COMPACTIONS_A_SWEEP: u64 = SWEEP_EVERY.as_secs() / COMPACT_EVERY.as_secs();

/// What the file is, and what may be done with it: locked and unlocked hold different types.
enum State {
    Missing(File),
    Locked(Box<LockedVault>),
    Unlocked(Box<ServedVault>),
    /// Not a vault that this version can use.
    Unusable(VaultFileError),
    /// Between two states, and after a full lock.
    Gone,
}

/// What `state` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Open: its keys are in memory.
    Unlocked,
    /// Sound, waiting for the passphrase.
    Locked,
    /// Bytes are not what was written.
    Damaged,
    /// Of a later version.
    Newer,
    /// The file was never made a vault.
    Missing,
}

/// What stored must know beside what it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The window is to be shown nothing.
    pub screen_locked: bool,
    /// Grows when another vault took this one's place: whatever was handed out before is of one that is gone.
    pub vault: u32,
}

/// One vault file, shared by all edges of this process.
pub struct Shell {
    state: RefCell<State>,
    /// Since when a wait after wrong passphrases runs.
    started: tokio::time::Instant,
    /// Connections of local programs so far.
    outsiders: Cell<u64>,
    standing: watch::Sender<Standing>,
    unlocked: Notify,
    locking: Notify,
    /// Calls that changed something, counted.
    changes: Cell<u64>,
    /// How many of them are settled: durable, or told as failed.
    settled: Cell<u64>,
    /// The changes after the first and up to the second were lost at the last failure.
    lost: Cell<(u64, u64)>,
    flushed: Notify,
    #[cfg(test)]
    settlements: Cell<u64>,
}

impl Shell {
    /// Examines the granted file.
    #[must_use]
    pub fn new(file: File) -> Self {
        let state = match Examined::of(file) {
            Ok(Examined::Missing(file)) => State::Missing(file),
            Ok(Examined::Locked(vault)) => State::Locked(vault),
            Err(error) => State::Unusable(error),
        };
        Self::with_state(state)
    }

    fn with_state(state: State) -> Self {
        Self {
            state: RefCell::new(state),
            started: tokio::time::Instant::now(),
            outsiders: Cell::new(0),
            standing: watch::Sender::default(),
            unlocked: Notify::new(),
            locking: Notify::new(),
            changes: Cell::new(0),
            settled: Cell::new(0),
            lost: Cell::new((0, 0)),
            flushed: Notify::new(),
            #[cfg(test)]
            settlements: Cell::new(0),
        }
    }

    /// A fresh vault at a cost that only tests can name.
    #[cfg(test)]
    pub(crate) fn unlocked_for_tests(file: File) -> Self {
        let cost = Cost::for_tests();
        let store = LockedVault::create_with_floor(file, b"pass", cost, cost, UnwrapErr(SysRng)).unwrap();
        Self::with_state(State::Unlocked(Box::new(opened(store).unwrap())))
    }

    /// The vault in a file, made if there is none.
    #[cfg(test)]
    pub(crate) fn new_for_tests(file: File) -> Result<Self, VaultFileError> {
        let (cost, rng) = (Cost::for_tests(), UnwrapErr(SysRng));
        let store = match Examined::with_floor(file, cost)? {
            Examined::Missing(file) => LockedVault::create_with_floor(file, b"pass", cost, cost, rng)?,
            Examined::Locked(vault) => {
                vault.unlock(b"pass", std::time::Duration::ZERO, rng).map_err(|(_, error)| error)?
            }
        };
        Ok(Self::with_state(State::Unlocked(Box::new(opened(store)?))))
    }

    /// The same vault from what its file says.
    #[cfg(test)]
    pub(crate) fn reopened_for_tests(file: File) -> Self {
        let Ok(Examined::Locked(locked)) = Examined::with_floor(file, Cost::for_tests()) else { panic!() };
        let store = locked.unlock(b"pass", Duration::ZERO, UnwrapErr(SysRng)).unwrap();
        Self::with_state(State::Unlocked(Box::new(opened(store).unwrap())))
    }

    /// As after one more wrong passphrase of a local program, just now.
    #[cfg(test)]
    pub(crate) fn count_wrong_for_tests(&self) {
        let attempt = Attempt { caller: Caller::Start, now: self.started.elapsed() };
        self.state.borrow_mut().file().unwrap().count_wrong_for_tests(attempt);
    }

    /// How often changes were settled.
    #[cfg(test)]
    pub(crate) fn flushes(&self) -> u64 {
        self.settlements.get()
    }

    /// What there is.
    #[must_use]
    pub fn condition(&self) -> Condition {
        match &*self.state.borrow() {
            State::Unlocked(_) => Condition::Unlocked,
            State::Locked(vault) if vault.is_damaged() => Condition::Damaged,
            State::Locked(_) | State::Gone => Condition::Locked,
            State::Missing(_) => Condition::Missing,
            State::Unusable(VaultFileError::Newer) => Condition::Newer,
            State::Unusable(_) => Condition::Damaged,
        }
    }

    /// A new vault under this passphrase, unlocked at once. What it costs to guess is measured here.
    ///
    /// # Errors
    /// `Exists`, and all of [`LockedVault::create`].
    pub fn create(&self, passphrase: &[u8]) -> Result<(), VaultFileError> {
        // Before the cost is measured, which takes as long as a try.
        fresh(passphrase)?;
        let mut state = self.state.borrow_mut();
        let State::Missing(file) = &*state else { return Err(VaultFileError::Exists) };
        // A copy: where this fails, the file is still there for another try.
        let file = file.try_clone().map_err(failed("sharing"))?;
        let store = LockedVault::create(file, passphrase, measured_cost()?, UnwrapErr(SysRng))?;
        *state = State::Unlocked(Box::new(opened(store)?));
        drop(state);
        self.opened();
        Ok(())
    }

    /// Unlocks with this passphrase, and ends a screen lock; if unlocked already, checks it.
    ///
    /// # Errors
    /// `WrongPassphrase`, `Wait`, `Cost`, `Io`; `Damaged` where there is nothing to unlock (see [`Self::condition`]).
    pub fn unlock(&self, caller: Caller, passphrase: &[u8]) -> Result<(), VaultFileError> {
        self.attempt(caller, passphrase, |state, opened| {
            let entered = state.enter(opened);
            if entered.is_ok() {
                self.opened();
            }
            entered
        })
    }

    /// Sets the scripts flag for who knows the passphrase; a locked vault is locked again after it.
    ///
    /// # Errors
    /// As [`Self::unlock`].
    pub fn set_scripts(&self, caller: Caller, passphrase: &[u8], on: bool) -> Result<(), VaultFileError> {
        self.attempt(caller, passphrase, |state, opened| {
            let was_locked = matches!(state, State::Locked(_));
            state.enter(opened)?;
            let State::Unlocked(vault) = &mut *state else { return Err(VaultFileError::Damaged) };
            // The store defers: without the flush the answer would come before the disk has it.
            let set = vault.set_scripts(on).and_then(|()| vault.flush()).map_err(from_vault);
            if was_locked {
                state.lock();
            }
            set
        })
    }

    /// Tries a passphrase, and does something with what it opened. The duress passphrase, wherever it is given, makes this
    /// another vault: what was unlocked before is gone, and who used it is told.
    fn attempt<T>(
        &self,
        caller: Caller,
        passphrase: &[u8],
        then: impl FnOnce(&mut State, &OpenedVault) -> Result<T, VaultFileError>,
    ) -> Result<T, VaultFileError> {
        let attempt = Attempt { caller, now: self.started.elapsed() };
        let mut state = self.state.borrow_mut();
        let file = state.file().ok_or(VaultFileError::Damaged)?;
        let opened = file.attempt(passphrase, attempt, &mut UnwrapErr(SysRng))?;
        let was_unlocked = matches!(*state, State::Unlocked(_));
        if opened.is_switched() && was_unlocked {
            state.lock();
            // Before what can fail: stored lets go of what was open.
            self.standing.send_modify(|standing| standing.vault += 1);
            state.enter(&opened)?;
        }
        then(&mut state, &opened)
    }

    /// A connection of a local program, by a number that no other one has.
    #[must_use]
    pub fn outsider(&self) -> Caller {
        self.outsiders.set(self.outsiders.get() + 1);
        Caller::Outside(self.outsiders.get())
    }

    /// Whole seconds until it is this caller's turn to try a passphrase; see [`LockedVault::turn`].
    #[must_use]
    pub fn turn(&self, caller: Caller) -> u16 {
        let attempt = Attempt { caller, now: self.started.elapsed() };
        self.state.borrow_mut().file().map_or(0, |file| whole_seconds(file.turn(attempt)))
    }

    /// That caller is gone.
    pub fn left(&self, caller: Caller) {
        if let Caller::Outside(number) = caller
            && let Some(file) = self.state.borrow_mut().file()
        {
            file.left(number);
        }
    }

    /// A passphrase was right.
    fn opened(&self) {
        self.standing.send_modify(|standing| standing.screen_locked = false);
        self.unlocked.notify_waiters();
    }

    /// Keeps the window from seeing anything until the passphrase was given.
    pub fn screen_lock(&self) {
        self.standing.send_modify(|standing| standing.screen_locked = true);
    }

    /// How things stand for stored, and their changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// stored has wiped what the duress passphrase was to destroy.
    ///
    /// # Errors
    /// `Io`.
    pub fn wiped(&self) -> Result<(), VaultFileError> {
        self.with(|vault, _, _| vault.store_mut().wiped()).unwrap_or(Ok(()))
    }

    /// Drops all keys; the process ends soon. What was deleted or overwritten is made unreadable first.
    pub fn lock(&self) {
        if let Some(Err(error)) = self.with(|vault, _, _| vault.flush()) {
            eprintln!("{error}");
        }
        self.compact();
        *self.state.borrow_mut() = State::Gone;
        // Kept for who waits only later: the loop that serves is in between two waits now and then.
        self.locking.notify_one();
    }

    /// Ends when [`Self::lock`] was called.
    pub async fn locking(&self) {
        self.locking.notified().await;
    }

    /// Waits for the passphrase.
    pub async fn unlocked(&self) {
        loop {
            // Before the look: a passphrase that comes right after it is not missed.
            let unlocked = self.unlocked.notified();
            if self.condition() == Condition::Unlocked {
                return;
            }
            unlocked.await;
        }
    }

    /// One call on the unlocked vault; `None` if it is not unlocked.
    pub fn with<T>(&self, call: impl FnOnce(&mut ServedVault, Timestamp, &mut SystemRng) -> T) -> Option<T> {
        match &mut *self.state.borrow_mut() {
            State::Unlocked(vault) => Some(call(vault, Timestamp::now(), &mut UnwrapErr(SysRng))),
            _ => None,
        }
    }

    /// One call that changes the vault, with its answer once that is durable. Calls that are made in the same turn of the
    /// loop share one flush; one that has `patience` waits so long for others to share theirs.
    pub async fn change<T>(
        &self,
        patience: Duration,
        call: impl FnOnce(&mut ServedVault, Timestamp, &mut SystemRng) -> Result<T, VaultError>,
    ) -> Option<Result<T, VaultError>> {
        let answer = match self.with(call)? {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let mine = self.changes.get() + 1;
        self.changes.set(mine);
        self.wait_for_company(mine, patience).await;
        // Whoever comes first settles for all before it.
        if self.settled.get() < mine {
            self.settle();
        }
        let (after, up_to) = self.lost.get();
        let is_lost = after < mine && mine <= up_to;
        Some(if is_lost { Err(StoreError::Closed.into()) } else { Ok(answer) })
    }

    async fn wait_for_company(&self, mine: u64, patience: Duration) {
        if patience.is_zero() {
            // Twice round the loop: once for what is readable to be read, once for it to be called.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            return;
        }
        let settled = async {
            while self.settled.get() < mine {
                self.flushed.notified().await;
            }
        };
        let _ = tokio::time::timeout(patience, settled).await;
    }

    /// Makes every change so far durable, or tells that it is lost.
    fn settle(&self) {
        let (before, now) = (self.settled.get(), self.changes.get());
        let flushed = self.with(|vault, _, _| vault.flush());
        if let Some(Err(error)) = &flushed {
            eprintln!("{error}");
        }
        if !matches!(flushed, Some(Ok(()))) {
            self.lost.set((before, now));
        }
        #[cfg(test)]
        self.settlements.set(self.settlements.get() + 1);
        self.settled.set(now);
        self.flushed.notify_waiters();
    }

    /// Drops what has outlived its use, at every unlock and every hour, and makes what is gone unreadable, for ever.
    pub async fn sweep(&self) {
        loop {
            self.unlocked().await;
            if let Some(Err(error)) = self.sweep_in_slices().await {
                eprintln!("sweeping the vault failed: {error}");
            }
            for _ in 0..COMPACTIONS_A_SWEEP {
                tokio::time::sleep(COMPACT_EVERY).await;
                self.compact_in_slices().await;
            }
            if let Some(Err(error)) = self.with(|vault, _, _| vault.store_mut().shrink()) {
                eprintln!("shrinking the vault failed: {error}");
            }
        }
    }

    /// Calls are served in between.
    async fn sweep_in_slices(&self) -> Option<Result<(), VaultError>> {
        let mut sweep = match self.with(|vault, now, _| vault.begin_sweep(now))? {
            Ok(sweep) => sweep,
            Err(error) => return Some(Err(error)),
        };
        loop {
            match self.change(Duration::ZERO, |vault, _, _| vault.sweep_some(&mut sweep)).await? {
                Ok(true) => return Some(Ok(())),
                Ok(false) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Calls are served in between.
    async fn compact_in_slices(&self) {
        loop {
            match self.with(|vault, _, _| vault.store_mut().compact_some()) {
                Some(Ok(false)) => tokio::task::yield_now().await,
                Some(Ok(true)) | None => return,
                Some(Err(error)) => {
                    eprintln!("compacting the vault failed: {error}");
                    return;
                }
            }
        }
    }

    fn compact(&self) {
        if let Some(Err(error)) = self.with(|vault, _, _| vault.store_mut().compact()) {
            eprintln!("compacting the vault failed: {error}");
        }
    }

    /// Whether the vault is unlocked and damaged: it is only read, as far as that goes.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.with(|vault, _, _| vault.store().is_damaged()).unwrap_or(false)
    }

    /// Whether something that is kept twice was found damaged once, and written anew.
    #[must_use]
    pub fn was_repaired(&self) -> bool {
        self.state.borrow_mut().file().is_some_and(|file| file.was_repaired())
    }

    /// Why there is no usable vault, in one line, and what `judge` makes of it.
    #[must_use]
    pub fn complaint<T>(&self, judge: impl FnOnce(&VaultFileError) -> T) -> Option<(String, T)> {
        match &*self.state.borrow() {
            State::Unusable(error) => Some((error.with_source(), judge(error))),
            _ => None,
        }
    }
}

impl State {
    /// The file, locked or not.
    fn file(&mut self) -> Option<&mut LockedVault> {
        match self {
            Self::Locked(locked) => Some(locked),
            Self::Unlocked(vault) => Some(vault.store_mut().file()),
            _ => None,
        }
    }

    /// Unlocks what a passphrase opened; what is unlocked stays so.
    fn enter(&mut self, slot: &OpenedVault) -> Result<(), VaultFileError> {
        let (next, entered) = match std::mem::replace(self, Self::Gone) {
            Self::Locked(locked) => match locked.enter(slot, UnwrapErr(SysRng)) {
                Ok(store) => match opened(store) {
                    Ok(vault) => (Self::Unlocked(Box::new(vault)), Ok(())),
                    Err(error) => (Self::Unusable(error), Err(VaultFileError::Damaged)),
                },
                Err((locked, error)) => (Self::Locked(locked), Err(error)),
            },
            other => (other, Ok(())),
        };
        *self = next;
        entered
    }

    fn lock(&mut self) {
        *self = match std::mem::replace(self, Self::Gone) {
            Self::Unlocked(vault) => Self::Locked(vault.into_store().lock()),
            other => other,
        };
    }
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shell({:?})", self.condition())
    }
}

fn opened(mut store: SealedStore<SystemRng>) -> Result<ServedVault, VaultFileError> {
    store.defer();
    Vault::open(store).map_err(from_vault)
}

/// What one guess shall cost, measured on this machine now.
fn measured_cost() -> Result<Cost, CostError> {
    Cost::calibrated(|cost| {
        let start = tokio::time::Instant::now();
        cost.measure()?;
        Ok(start.elapsed())
    })
}

fn from_vault(error: VaultError) -> VaultFileError {
    match error {
        VaultError::Store(error) => error.into(),
        _ => VaultFileError::Damaged,
    }
}

fn failed(doing: &'static str) -> impl Fn(std::io::Error) -> VaultFileError {
    move |error| VaultFileError::Io { doing, source: error.into() }
}
