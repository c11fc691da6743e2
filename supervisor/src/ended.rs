//! How a part ended, and the words for it.

use ipc_schema::child::Exit;
use ipc_schema::topology::Process;

/// How a process ended, which is all that the supervisor reads of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It never became its program.
    NotStarted,
}

impl Ended {
    /// In words, and in its own only what this process may say.
    #[must_use]
    pub fn words(self, process: &Process) -> String {
        match self {
            Self::Exit(0) => "done".into(),
            Self::Exit(code) => match Exit::of(code).filter(|exit| may_say(process, *exit)).and_then(word) {
                Some(word) => word.into(),
                None => format!("exit {code}"),
            },
            Self::Signal(signal) => format!("signal {signal}"),
            Self::NotStarted => "not started".into(),
        }
    }
}

fn may_say(process: &Process, exit: Exit) -> bool {
    process.ends.contains(&exit) || (process.locks && exit == Exit::Lock)
}

fn word(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Done | Exit::Fault => None,
        Exit::Lock => Some("lock"),
        Exit::WrongPassphrase => Some("wrong passphrase"),
        Exit::VaultDamaged => Some("vault damaged"),
        Exit::VaultNewer => Some("vault of a later version"),
        Exit::VaultInUse => Some("vault in use"),
        Exit::NoMemory => Some("too little memory"),
        Exit::Setting => Some("a setting cannot be had"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::topology::CLIENT;

    fn process(name: &str) -> &'static Process {
        CLIENT.process(name).unwrap()
    }

    #[test]
    fn a_part_is_quoted_only_with_what_it_may_say() {
        assert_eq!(Ended::Exit(4).words(process("keyvault")), "vault damaged");
        assert_eq!(Ended::Exit(4).words(process("netd")), "exit 4");
        assert_eq!(Ended::Exit(2).words(process("keyvault")), "lock");
        assert_eq!(Ended::Exit(2).words(process("onion")), "exit 2");
        assert_eq!(Ended::Exit(5).words(process("onion")), "a setting cannot be had");
        assert_eq!(Ended::Exit(0).words(process("mediad")), "done");
        assert_eq!(Ended::Exit(1).words(process("stored")), "exit 1");
    }
}
