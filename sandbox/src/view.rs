//! Which part of the file tree a process gets to see: the same answer for the mounts and for Landlock.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::profiles::{FileAccess, Profile};

/// The files of one process, every path absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// None.
    Empty,
    /// One folder, to read and write.
    Folder(PathBuf),
    /// Existing files and folders, to read; sockets among them, to connect to.
    ReadOnly(Vec<PathBuf>),
}

/// What drawing needs: libraries that are loaded at run time, fonts, locales, keyboard maps, cursors.
const WINDOW: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/usr/share",
    "/usr/local/share/fonts",
    "/lib",
    "/lib64",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/var/cache/fontconfig",
];

impl View {
    /// Settles what `profile` may see, with the folder from argv.
    pub(crate) fn new(profile: &Profile, folder: Option<&Path>) -> Result<Self, Error> {
        let wanted = profile.files == FileAccess::OneFolder;
        match (profile.files, folder) {
            (FileAccess::OneFolder, Some(folder)) => absolute(folder).map(Self::Folder),
            (_, Some(_)) | (FileAccess::OneFolder, None) => {
                Err(Error::Folder { profile: profile.name, wanted })
            }
            (FileAccess::None, None) => Ok(Self::Empty),
            (FileAccess::Window, None) => Ok(existing(window(&|name| std::env::var_os(name)))),
            (FileAccess::SessionBus, None) => Ok(existing(session_bus(&|name| std::env::var_os(name)))),
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    if path.is_absolute() && !path.as_os_str().as_bytes().contains(&0) {
        Ok(path.to_path_buf())
    } else {
        Err(Error::Path(path.to_path_buf()))
    }
}

fn existing(paths: impl IntoIterator<Item = PathBuf>) -> View {
    View::ReadOnly(paths.into_iter().filter(|path| path.is_absolute() && path.exists()).collect())
}

/// The fixed list, and the display that the environment names (the variables of the command-line contract).
fn window(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from).unwrap_or_default();
    let wayland = variable("WAYLAND_DISPLAY").map(|name| runtime.join(name));
    let authority = variable("XAUTHORITY").map(PathBuf::from);
    let x11 = variable("DISPLAY").and_then(|display| x11_socket(&display));
    WINDOW.iter().map(PathBuf::from).chain(wayland).chain(authority).chain(x11).collect()
}

/// `:1.0` is served at `/tmp/.X11-unix/X1`; a display on another machine has no socket here and is not reached.
fn x11_socket(display: &OsStr) -> Option<PathBuf> {
    let number = display.to_str()?.strip_prefix("unix").unwrap_or(display.to_str()?).strip_prefix(':')?;
    let number: u16 = number.split('.').next()?.parse().ok()?;
    Some(PathBuf::from(format!("/tmp/.X11-unix/X{number}")))
}

/// The bus at its usual place: the variable that could name another one is not part of the contract.
fn session_bus(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable("XDG_RUNTIME_DIR").map(|runtime| PathBuf::from(runtime).join("bus"))
}
