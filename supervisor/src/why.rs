//! Why a suite ends by itself: its exit code, and the one line that says what to do.

use ipc_schema::child::Exit;

use crate::ended::Ended;

/// Why a suite ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The window was closed.
    Closed,
    /// A part said at its start what only a person can change.
    Said(Exit),
    /// A part ended before it had used the passphrase, which is given once.
    PassphraseLost,
    /// A part cannot be started, or never got through its start.
    CannotStart,
}

impl Why {
    /// The suite's exit code, of the command line's contract.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Said(Exit::WrongPassphrase) => 3,
            Self::Said(_) | Self::PassphraseLost | Self::CannotStart => 1,
        }
    }

    /// What a person is told; nothing where that person did it. `part` ended so.
    #[must_use]
    pub fn line(self, part: &str, how: Ended) -> Option<String> {
        let line = match self {
            Self::Closed => return None,
            Self::Said(Exit::WrongPassphrase) => "wrong passphrase: start again with the right one".into(),
            Self::Said(Exit::VaultDamaged) => {
                "the vault is damaged and nothing of it can be read: restore a backup".into()
            }
            Self::Said(Exit::VaultNewer) => {
                "the vault was written by a later version of Privatus: install that version; the vault is as it was".into()
            }
            Self::Said(Exit::VaultInUse) => {
                "the vault is in use by another process: stop the Privatus that runs on this folder, then start again; the vault is as it was".into()
            }
            Self::Said(Exit::NoMemory) => {
                "too little memory to open the vault: close other programs or raise the limits (ulimit -v, ulimit -l), then start again; the vault is as it was".into()
            }
            Self::PassphraseLost => match how {
                Ended::Exit(_) => format!("{part} did not take the passphrase: see its line above, then start again"),
                _ => format!(
                    "{part} was ended before it had tried the passphrase, perhaps for want of memory: start again"
                ),
            },
            Self::Said(_) | Self::CannotStart => format!("{part} could not start: see its line above"),
        };
        Some(format!("privatus: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_of_the_vault_has_a_line_of_its_own_and_only_damage_is_called_damage() {
        let said = |exit| Why::Said(exit).line("keyvault", Ended::Exit(exit.code().into())).unwrap();
        assert!(said(Exit::VaultDamaged).contains("damaged") && said(Exit::VaultDamaged).contains("backup"));
        for (exit, words) in [
            (Exit::WrongPassphrase, "wrong passphrase"),
            (Exit::VaultNewer, "later version"),
            (Exit::VaultInUse, "in use"),
            (Exit::NoMemory, "too little memory"),
        ] {
            let line = said(exit);
            assert!(line.contains(words) && !line.contains("damaged") && !line.contains("backup"), "{line}");
            assert_eq!(Why::Said(exit).code(), if exit == Exit::WrongPassphrase { 3 } else { 1 });
        }
        assert_eq!((Why::Closed.code(), Why::Closed.line("ui", Ended::Exit(0))), (0, None));
    }

    #[test]
    fn who_could_not_start_is_named_with_where_to_look() {
        for why in [Why::Said(Exit::Setting), Why::CannotStart] {
            let line = why.line("netd", Ended::Exit(5)).unwrap();
            assert_eq!(line, "privatus: netd could not start: see its line above");
            assert_eq!(why.code(), 1);
        }
    }

    #[test]
    fn a_lost_passphrase_is_told_by_how_it_was_lost() {
        let line = |how| Why::PassphraseLost.line("keyvault", how).unwrap();
        assert!(line(Ended::Exit(1)).contains("did not take the passphrase"));
        for how in [Ended::Signal(9), Ended::NotStarted] {
            assert!(line(how).contains("was ended before"), "{how:?}");
        }
        assert_eq!(Why::PassphraseLost.code(), 1);
    }
}
