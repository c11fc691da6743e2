//! How `privatus` starts the supervisor: four facts in argv, everything else as Grants on an inherited socket, because argv
//! can be read by every user of the machine.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use ipc_schema::grant::{self, Grant, GrantError, Settings};

use crate::error::StartError;

/// The command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The profile's folder, absolute; it exists.
    pub folder: PathBuf,
    /// Where sockets, reports and `state.json` go, absolute.
    pub runtime: PathBuf,
    /// The socket that holds [`Start`].
    pub start: RawFd,
    /// Stops when its parent does: an embedded relay, or the suite of a demo.
    pub with_parent: bool,
}

impl Options {
    /// What [`Options::parse`] reads back, argv[0] left out.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<OsString> {
        let path = |key: &str, path: &PathBuf| {
            let mut argument = key.as_bytes().to_vec();
            argument.extend_from_slice(path.as_os_str().as_bytes());
            OsString::from_vec(argument)
        };
        let mut arguments = vec![
            path("--folder=", &self.folder),
            path("--runtime=", &self.runtime),
            format!("--start={}", self.start).into(),
        ];
        if self.with_parent {
            arguments.push("--with-parent".into());
        }
        arguments
    }

    /// Reads a command line, argv[0] included.
    ///
    /// # Errors
    /// [`StartError::ByHand`] on any other shape.
    pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Self, StartError> {
        let (mut folder, mut runtime, mut start, mut with_parent) = (None, None, None, false);
        for argument in argv.into_iter().skip(1) {
            let bytes = argument.as_bytes();
            let absolute =
                |value: &[u8]| Some(PathBuf::from(OsStr::from_bytes(value))).filter(|p| p.is_absolute());
            if let Some(value) = bytes.strip_prefix(b"--folder=") {
                folder = absolute(value);
            } else if let Some(value) = bytes.strip_prefix(b"--runtime=") {
                runtime = absolute(value);
            } else if let Some(value) = bytes.strip_prefix(b"--start=") {
                start = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            } else if bytes == b"--with-parent" {
                with_parent = true;
            } else {
                return Err(StartError::ByHand);
            }
        }
        match (folder, runtime, start) {
            (Some(folder), Some(runtime), Some(start)) => Ok(Self { folder, runtime, start, with_parent }),
            _ => Err(StartError::ByHand),
        }
    }
}

/// What was sent ahead.
#[derive(Debug)]
pub struct Start {
    /// How the suite is started. An empty network name: the folder's own, or the public network.
    pub settings: Settings,
    /// What goes to one child, unread.
    pub gifts: Gifts,
}

/// Descriptors that pass through the supervisor unread, each once.
#[derive(Debug, Default)]
pub struct Gifts {
    /// For keyvault: a passphrase.
    pub passphrase: Option<OwnedFd>,
    /// For the window: an invitation.
    pub offer: Option<OwnedFd>,
}

/// Their names as Grants, here and in the topology.
pub const PASSPHRASE: &str = "passphrase";
const OFFER: &str = "offer";

impl Start {
    /// Puts everything into a socket whose other end the supervisor will inherit.
    ///
    /// # Errors
    /// The socket does not take it.
    pub fn send(self, socket: impl AsFd) -> Result<(), GrantError> {
        grant::send(socket.as_fd(), &Grant::Settings(self.settings))?;
        for (name, gift) in [(PASSPHRASE, self.gifts.passphrase), (OFFER, self.gifts.offer)] {
            if let Some(file) = gift {
                grant::send(socket.as_fd(), &Grant::File { name: name.into(), file })?;
            }
        }
        grant::send(socket.as_fd(), &Grant::Ready)
    }

    /// Takes it out again.
    ///
    /// # Errors
    /// [`StartError::ByHand`]: nothing of the kind is there.
    pub fn receive(socket: impl AsFd) -> Result<Self, StartError> {
        let mut start = Self { settings: Settings::default(), gifts: Gifts::default() };
        loop {
            match grant::receive(socket.as_fd()) {
                Ok(Grant::Settings(settings)) => start.settings = settings,
                Ok(Grant::File { name, file }) if name == PASSPHRASE => start.gifts.passphrase = Some(file),
                Ok(Grant::File { name, file }) if name == OFFER => start.gifts.offer = Some(file),
                Ok(Grant::Ready) => return Ok(start),
                _ => return Err(StartError::ByHand),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn what_privatus_writes_is_read_back() {
        let odd = PathBuf::from(OsStr::from_bytes(b"/a b/\xff--start=9"));
        for with_parent in [true, false] {
            let options = Options { folder: odd.clone(), runtime: "/run".into(), start: 7, with_parent };
            let argv = [OsString::from("supervisor")].into_iter().chain(options.to_arguments());
            assert_eq!(Options::parse(argv).unwrap(), options);
        }
    }

    #[test]
    fn a_command_line_written_by_hand_is_refused() {
        for argv in [
            &["supervisor"][..],
            &["supervisor", "--help"],
            &["supervisor", "--folder=x", "--runtime=/y", "--start=3"],
            &["supervisor", "--folder=/x", "--runtime=/y"],
            &["supervisor", "--folder=/x", "--runtime=/y", "--start=three"],
        ] {
            assert_eq!(Options::parse(argv.iter().map(OsString::from)).unwrap_err().code(), 2, "{argv:?}");
        }
    }

    #[test]
    fn the_start_crosses_the_socket_with_the_passphrase_unread() {
        let (ours, theirs) = wire::control_pair().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&write, b"secret").unwrap();
        let settings = Settings { network_name: "test".into(), ..Settings::default() };
        let gifts = Gifts { passphrase: Some(read), offer: None };
        Start { settings: settings.clone(), gifts }.send(&ours).unwrap();
        let start = Start::receive(&theirs).unwrap();
        assert_eq!(start.settings, settings);
        let mut bytes = [0; 16];
        assert_eq!(rustix::io::read(start.gifts.passphrase.unwrap(), &mut bytes).unwrap(), 6);
        assert!(Start::receive(&theirs).is_err(), "nothing more is there");
    }

    #[test]
    fn a_gift_is_who_its_name_says_and_one_of_another_name_is_refused() {
        let (ours, theirs) = wire::control_pair().unwrap();
        let null = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let gifts = Gifts { passphrase: None, offer: Some(null()) };
        Start { settings: Settings::default(), gifts }.send(&ours).unwrap();
        let start = Start::receive(&theirs).unwrap();
        assert!(start.gifts.offer.is_some() && start.gifts.passphrase.is_none());
        for odd in [Grant::File { name: "vault".into(), file: null() }, Grant::Ready] {
            grant::send(ours.as_fd(), &odd).unwrap();
        }
        assert!(Start::receive(&theirs).is_err(), "a gift of another name");
        assert!(Start::receive(&theirs).is_ok(), "what is left is a whole start");
    }
}
