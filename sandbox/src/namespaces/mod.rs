//! Namespaces: which a process has for itself, and how it enters them.
//!
//! A bonus, never a requirement: many systems deny them to ordinary users. They are entered by the process itself after
//! exec; `clone(NEWUSER)` before exec would undo "not dumpable", and any process of the user could then ptrace it.

mod entry;

pub(crate) use entry::enter;
pub use entry::{Probe, probe};

/// Which namespaces a process has for itself, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(pub u8);

impl Namespaces {
    /// Everything is shared with the rest of the system.
    pub const NONE: Self = Self(0);
    /// Users and capabilities.
    pub const USER: Self = Self(1);
    /// Mounts: the process sees a root of its own.
    pub const MOUNT: Self = Self(2);
    /// System V memory, queues and semaphores.
    pub const IPC: Self = Self(4);
    /// Host and domain name.
    pub const UTS: Self = Self(8);
    /// Network interfaces: there is none.
    pub const NETWORK: Self = Self(16);

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Their names in a fixed order.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (Self::USER, "user"),
            (Self::MOUNT, "mount"),
            (Self::IPC, "ipc"),
            (Self::UTS, "uts"),
            (Self::NETWORK, "network"),
        ];
        all.into_iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_named_one_by_one_and_in_order() {
        assert_eq!(Namespaces::NONE.names(), [""; 0]);
        assert_eq!(Namespaces::UTS.names(), ["uts"]);
        assert_eq!(Namespaces(17).names(), ["user", "network"]);
        assert_eq!(Namespaces(31).names(), ["user", "mount", "ipc", "uts", "network"]);
    }
}
