//! Handing over to the supervisor: what it must know goes through a socket, because argv can be read by every user.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use ipc_schema::grant::Settings;
use rustix::io::{FdFlags, fcntl_setfd};
use sha2::{Digest, Sha256};
use supervisor::options::{Gifts, Options, Start};

use super::exit::{Doing, Failure, Outcome};
use super::passphrase;
use super::paths::{self, Profile};

/// The label under which a network's id is made (docs/protocol/directory.md, "Descriptor: at most 512 B").
const NETWORK_LABEL: &[u8] = b"privatus/network/v1";

/// A suite to be started.
#[derive(Debug)]
pub struct Launch {
    /// Its folder; it exists.
    pub profile: Profile,
    /// How it is started.
    pub settings: Settings,
    /// For single children, unread.
    pub gifts: Gifts,
    /// It stops when this process ends.
    pub with_parent: bool,
}

impl Launch {
    /// Becomes the supervisor.
    ///
    /// # Errors
    /// Only ever returns with one: it is not there or cannot be run.
    pub fn exec(self) -> Outcome {
        let (mut command, _start) = self.command()?;
        let error = command.exec();
        Err(Failure::Failed(format!("cannot run {}: {error}", command.get_program().display())))
    }

    /// Starts the supervisor as a child.
    ///
    /// # Errors
    /// It is not there or cannot be run.
    pub fn spawn(self, stdout: Stdio) -> Outcome<Child> {
        let (mut command, _start) = self.command()?;
        let child = command.stdin(Stdio::null()).stdout(stdout).spawn();
        child.doing(format!("run {}", command.get_program().display()))
    }

    /// The command, and the socket that must stay open until it runs.
    fn command(self) -> Outcome<(Command, OwnedFd)> {
        let program = paths::binary("supervisor")?;
        let (ours, theirs) = supervisor::wire::control_pair().doing("make a socket")?;
        let (settings, gifts) = (self.settings, self.gifts);
        Start { settings, gifts }
            .send(&ours)
            .doing("tell the supervisor its settings: give fewer of them")?;
        fcntl_setfd(&theirs, FdFlags::empty()).doing("hand over a socket")?;
        let options = Options {
            runtime: self.profile.runtime(),
            folder: self.profile.folder,
            start: theirs.as_raw_fd(),
            with_parent: self.with_parent,
        };
        let mut command = Command::new(program);
        command.args(options.to_arguments());
        Ok((command, theirs))
    }
}

/// A network by its name and, where one was given, its secret: a line on a descriptor.
///
/// # Errors
/// An empty name, or a descriptor without a line.
pub fn network(name: &str, secret_fd: Option<i32>) -> Outcome<(String, [u8; 32])> {
    if name.is_empty() {
        return Err(Failure::Usage(
            "a network's name cannot be empty: name one, or leave out --network".into(),
        ));
    }
    let secret = match secret_fd {
        Some(fd) => passphrase::read(Some(fd), "Network secret")?.to_vec(),
        None => Vec::new(),
    };
    let digest = Sha256::new().chain_update(NETWORK_LABEL).chain_update(name).chain_update([0]);
    Ok((name.to_string(), digest.chain_update(&secret).finalize().into()))
}

/// Joins a network in `settings`, if one was named.
///
/// # Errors
/// As [`network`]; a secret without a name.
pub fn join_network(settings: &mut Settings, name: Option<&str>, secret_fd: Option<i32>) -> Outcome {
    match (name, secret_fd) {
        (Some(name), secret_fd) => (settings.network_name, settings.network_id) = network(name, secret_fd)?,
        (None, Some(_)) => return Err(Failure::Usage("--network-secret-fd needs --network NAME".into())),
        (None, None) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_its_name_and_its_secret() {
        let (name, open) = network("test", None).unwrap();
        assert_eq!(name, "test");
        // SHA-256 of the label, "test" and a zero byte, by sha256sum.
        let expected = "9d04c1b35e011678b68034a37985ca5bb21000b00ce30ce1dcec0a62c7a2366e";
        assert_eq!(open.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
        assert_ne!(network("test2", None).unwrap().1, open);
        assert_eq!(network("", None).unwrap_err().code(), 2);
    }
}
