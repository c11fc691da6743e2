//! Key slots, for who knows a passphrase.

use getrandom::SysRng;
use rand_core::UnwrapErr;

use super::{Shell, State, SystemRng};
use crate::sealed::{Caller, LockedVault, OpenedVault, VaultFileError};

impl Shell {
    /// Looks at the key slots, or adds to them.
    ///
    /// # Errors
    /// As [`Self::unlock`], and those of [`LockedVault`]'s calls on slots.
    pub fn slots<T>(
        &self,
        caller: Caller,
        passphrase: &[u8],
        call: impl FnOnce(&mut LockedVault, &OpenedVault, &mut SystemRng) -> Result<T, VaultFileError>,
    ) -> Result<T, VaultFileError> {
        self.attempt(caller, passphrase, |state, opened| state.slots(opened, call))
    }

    /// Changes or removes a slot. What it opened before opens no more with a copy of the former slots either: neither records nor
    /// history.
    ///
    /// # Errors
    /// As [`Self::slots`].
    pub fn replace_slot(
        &self,
        caller: Caller,
        passphrase: &[u8],
        call: impl FnOnce(&mut LockedVault, &OpenedVault, &mut SystemRng) -> Result<(), VaultFileError>,
    ) -> Result<(), VaultFileError> {
        self.attempt(caller, passphrase, |state, opened| {
            state.slots(opened, call)?;
            let was_locked = matches!(state, State::Locked(_));
            let begun = state.enter(opened).and_then(|()| match state {
                State::Unlocked(vault) => vault.store_mut().begin_epoch(),
                _ => Ok(()),
            });
            if let Err(error) = begun {
                // The slot is changed, and the next unlock goes on with this.
                eprintln!("compacting the vault failed: {error}");
            }
            if was_locked {
                state.lock();
            }
            Ok(())
        })
    }
}

impl State {
    fn slots<T>(
        &mut self,
        opened: &OpenedVault,
        call: impl FnOnce(&mut LockedVault, &OpenedVault, &mut SystemRng) -> Result<T, VaultFileError>,
    ) -> Result<T, VaultFileError> {
        call(self.file().ok_or(VaultFileError::Damaged)?, opened, &mut UnwrapErr(SysRng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reopened::reopened;
    use crate::sealed::Examined;
    use crate::shell::Condition;
    use crate::unlock::Cost;

    const COPIES: usize = 16_384;

    fn locked(file: &tempfile::NamedTempFile) -> Shell {
        match Examined::with_floor(reopened(file), Cost::for_tests()).unwrap() {
            Examined::Locked(vault) => Shell::with_state(State::Locked(vault)),
            Examined::Missing(_) => panic!("missing"),
        }
    }

    fn store_key(shell: &Shell) -> [u8; 32] {
        shell.with(|vault, _, _| *vault.store().store_key()).unwrap()
    }

    #[test]
    fn what_a_changed_slot_opened_opens_no_more_with_the_slots_of_then() {
        for is_locked in [false, true] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let shell = Shell::unlocked_for_tests(reopened(&file));
            let key = store_key(&shell);
            shell.set_scripts(Caller::Window, b"pass", true).unwrap();
            shell.lock();
            drop(shell);

            let shell = locked(&file);
            if !is_locked {
                shell.unlock(Caller::Window, b"pass").unwrap();
                // Nothing is left to be made unreadable: the change alone must see to it.
                shell.compact();
            }
            let before = std::fs::read(file.path()).unwrap();
            shell
                .replace_slot(Caller::Window, b"pass", |file, opened, rng| {
                    file.change(opened, 0, b"new", rng)
                })
                .unwrap();
            assert_eq!(shell.condition() == Condition::Locked, is_locked);
            drop(shell);
            let after = std::fs::read(file.path()).unwrap();
            let shell = locked(&file);
            shell.unlock(Caller::Window, b"new").unwrap();
            assert_eq!((store_key(&shell), shell.is_read_only()), (key, false), "locked {is_locked}");
            drop(shell);

            std::fs::write(file.path(), [&before[..COPIES], &after[COPIES..]].concat()).unwrap();
            let shell = locked(&file);
            shell.unlock(Caller::Window, b"pass").unwrap();
            assert!(shell.is_read_only() && store_key(&shell) != key, "locked {is_locked}");
        }
    }
}
