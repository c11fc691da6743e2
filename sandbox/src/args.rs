//! A child's command line: the few facts it needs before its control socket may be read.
//!
//! `<name> --namespaces=yes|no --role=client|relay [--folder=PATH] [--walls=optional]`. The path comes in argv and never in a Grant,
//! because the mount namespace is built before the filter, and the first message is read after it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Which topology the process is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A person's suite.
    Client,
    /// A relay's suite.
    Relay,
}

/// What the supervisor tells a child by argv.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// The process's name in the topology; argv[0].
    pub name: String,
    /// Whether the supervisor's probe found that namespaces work here.
    pub namespaces: bool,
    /// Which topology it is part of.
    pub role: Role,
    /// The one folder, absolute, for a profile that has one.
    pub folder: Option<PathBuf>,
    /// The user insists on a start where a required wall is missing (`--without-walls`).
    pub without_walls: bool,
}

/// The command line is not one that the supervisor writes: someone started a child by hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this program is a part of Privatus and is started by `privatus run`, not by hand")]
pub struct ArgsError;

impl Args {
    /// Reads a command line, argv[0] included.
    ///
    /// # Errors
    /// [`ArgsError`] on anything missing, doubled, unknown or of another shape.
    pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Self, ArgsError> {
        let mut argv = argv.into_iter();
        let name = argv.next().and_then(|name| name.into_string().ok()).ok_or(ArgsError)?;
        let (mut namespaces, mut role, mut folder, mut walls) = (None, None, None, None);
        for arg in argv {
            let bytes = arg.as_bytes();
            let at = bytes.iter().position(|b| *b == b'=').ok_or(ArgsError)?;
            let (key, value) = bytes.split_at_checked(at).ok_or(ArgsError)?;
            let value = OsStr::from_bytes(value.get(1..).ok_or(ArgsError)?);
            let doubled = match key {
                b"--namespaces" => namespaces.replace(yes_or_no(value)?).is_some(),
                b"--role" => role.replace(role_of(value)?).is_some(),
                b"--folder" => folder.replace(absolute(value)?).is_some(),
                b"--walls" => walls.replace(optional(value)?).is_some(),
                _ => true,
            };
            if doubled {
                return Err(ArgsError);
            }
        }
        let (namespaces, role) = (namespaces.ok_or(ArgsError)?, role.ok_or(ArgsError)?);
        Ok(Self { name, namespaces, role, folder, without_walls: walls.is_some() })
    }

    /// The command line that [`Args::parse`] reads back.
    #[must_use]
    pub fn to_argv(&self) -> Vec<OsString> {
        let namespaces = if self.namespaces { "--namespaces=yes" } else { "--namespaces=no" };
        let role = match self.role {
            Role::Client => "--role=client",
            Role::Relay => "--role=relay",
        };
        let mut argv = vec![self.name.clone().into(), namespaces.into(), role.into()];
        if let Some(folder) = &self.folder {
            let mut arg = b"--folder=".to_vec();
            arg.extend_from_slice(folder.as_os_str().as_bytes());
            argv.push(OsString::from_vec(arg));
        }
        if self.without_walls {
            argv.push("--walls=optional".into());
        }
        argv
    }
}

fn yes_or_no(value: &OsStr) -> Result<bool, ArgsError> {
    match value.as_bytes() {
        b"yes" => Ok(true),
        b"no" => Ok(false),
        _ => Err(ArgsError),
    }
}

fn optional(value: &OsStr) -> Result<(), ArgsError> {
    if value == "optional" { Ok(()) } else { Err(ArgsError) }
}

fn role_of(value: &OsStr) -> Result<Role, ArgsError> {
    match value.as_bytes() {
        b"client" => Ok(Role::Client),
        b"relay" => Ok(Role::Relay),
        _ => Err(ArgsError),
    }
}

fn absolute(value: &OsStr) -> Result<PathBuf, ArgsError> {
    let path = PathBuf::from(value);
    if path.is_absolute() { Ok(path) } else { Err(ArgsError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(argv: &[&str]) -> Result<Args, ArgsError> {
        Args::parse(argv.iter().map(OsString::from))
    }

    #[test]
    fn what_the_supervisor_writes_is_read_back() {
        let odd = PathBuf::from(OsStr::from_bytes(b"/home/\xff=a b/--role=relay"));
        for folder in [None, Some(PathBuf::from("/var/lib/privatus")), Some(odd)] {
            for (namespaces, role) in [(true, Role::Client), (false, Role::Relay)] {
                let (name, without_walls) = ("stored".into(), namespaces);
                let args = Args { name, namespaces, role, folder: folder.clone(), without_walls };
                assert_eq!(Args::parse(args.to_argv()), Ok(args));
            }
        }
    }

    #[test]
    fn a_command_line_written_by_hand_is_refused() {
        assert!(parse(&["netd", "--namespaces=no", "--role=client"]).is_ok());
        for argv in [
            &[][..],
            &["netd"],
            &["netd", "--role=client"],
            &["netd", "--namespaces=no"],
            &["netd", "--namespaces=maybe", "--role=client"],
            &["netd", "--namespaces=no", "--role=king"],
            &["netd", "--namespaces=no", "--role=client", "--folder=relative"],
            &["netd", "--namespaces=no", "--role=client", "--folder="],
            &["netd", "--namespaces=no", "--role=client", "--folder=/a", "--folder=/b"],
            &["netd", "--namespaces=no", "--role=client", "--help"],
            &["netd", "--namespaces=no", "--role=client", "--what=1"],
            &["netd", "--namespaces=no", "--role=client", "--walls=none"],
            &["netd", "--namespaces=no", "--role=client", "--walls=optional", "--walls=optional"],
        ] {
            assert_eq!(parse(argv), Err(ArgsError), "{argv:?}");
        }
    }
}
