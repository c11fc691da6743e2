//! How the file of the conversations is, and what a person is told of it.

use super::Closed;
use crate::edge::mirrored;
use crate::edges::ui_stored_capnp as wire;

mirrored! {
    /// How `store.db` is; the schema says what each means for who asks.
    History = wire::History {
        /// Not opened yet.
        Locked => "locked",
        /// Whole, as far as it was read.
        Ok => "ok",
        /// Missing or empty, and it was there before.
        Lost => "lost",
        /// Bytes of it are not what was written.
        Damaged => "damaged",
        /// Written by a later version.
        Newer => "newer",
        /// The disk cannot be written.
        ReadOnly => "read-only",
        /// The disk is full.
        Full => "full",
        /// The disk gives errors.
        Fails => "fails",
        /// Too little memory.
        NoMemory => "no-memory",
        /// Another process holds it.
        InUse => "in-use",
    }
}

#[allow(clippy::derivable_impls, reason = "the macro says what is derived, for all such enums")]
impl Default for History {
    fn default() -> Self {
        Self::Locked
    }
}

impl From<Closed> for History {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Locked | Closed::ScriptsOff => Self::Locked,
            Closed::Storage => Self::Full,
            Closed::HistoryLost => Self::Lost,
            Closed::HistoryDamaged => Self::Damaged,
            Closed::HistoryNewer => Self::Newer,
            Closed::ReadOnly => Self::ReadOnly,
            Closed::NoMemory => Self::NoMemory,
            Closed::DiskFails => Self::Fails,
            Closed::HistoryInUse => Self::InUse,
        }
    }
}

impl History {
    /// What a person should know and do, in one line; nothing where nothing is wrong.
    #[must_use]
    pub fn warning(self) -> Option<&'static str> {
        Some(match self {
            Self::Locked | Self::Ok => return None,
            Self::Lost => {
                "history/store.db is missing or empty: the texts and contacts in it are lost, the keys in the vault are not. Stop, and put a copy of store.db back, or begin a new history with `privatus run --new-history`"
            }
            Self::Damaged => {
                "history/store.db is damaged: what can be read is shown, nothing can be sent or changed, and the file is kept as it is. Stop, copy the folder, and put a copy of store.db back, or begin a new history with `privatus run --new-history`"
            }
            Self::Newer => {
                "history/store.db was written by a later version of Privatus: install that version; the file is as it was"
            }
            Self::ReadOnly => {
                "the disk cannot be written: what is there can be read, nothing can be sent or kept. Make it writable, then start Privatus again"
            }
            Self::Full => {
                "the disk is full: what is there can be read, nothing can be sent or kept, and nothing was lost. Free some space, and Privatus goes on by itself"
            }
            Self::Fails => {
                "the disk gives errors: copy the profile's folder to another disk while it can be read; it is tried again by itself"
            }
            Self::NoMemory => {
                "too little memory to read history/store.db: close other programs or raise the limit (ulimit -v); it is tried again by itself, and the file is as it was"
            }
            Self::InUse => {
                "history/store.db is in use by another process: stop what has it open; it is tried again by itself, and the file is as it was"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_damage_is_called_damage_and_only_a_full_disk_is_called_full() {
        for history in History::ALL {
            let warning = history.warning().unwrap_or_default();
            assert_eq!(
                warning.contains("is damaged"),
                *history == History::Damaged,
                "{history:?}: {warning}"
            );
            assert_eq!(warning.contains("disk is full"), *history == History::Full, "{history:?}: {warning}");
            assert_eq!(warning.is_empty(), matches!(history, History::Locked | History::Ok));
            assert!(!warning.contains('\n'));
        }
    }
}
