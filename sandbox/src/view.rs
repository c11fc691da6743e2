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

impl View {
    /// Whether an X server is among what is seen.
    pub(crate) fn on_x11(&self) -> bool {
        matches!(self, Self::ReadOnly(paths) if paths.iter().any(|path| path.starts_with(X11_SOCKETS)))
    }
}

/// The folder in which X servers listen.
const X11_SOCKETS: &str = "/tmp/.X11-unix";

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
    Some(PathBuf::from(format!("{X11_SOCKETS}/X{number}")))
}

/// The bus at its usual place: the variable that could name another one is not part of the contract.
fn session_bus(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable("XDG_RUNTIME_DIR").map(|runtime| PathBuf::from(runtime).join("bus"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::{KEYVAULT, STORED};

    fn environment(name: &str) -> Option<OsString> {
        let value = match name {
            "XDG_RUNTIME_DIR" => "/run/user/1000",
            "WAYLAND_DISPLAY" => "wayland-1",
            "XAUTHORITY" => "/home/u/.Xauthority",
            "DISPLAY" => ":1.0",
            _ => return None,
        };
        Some(value.into())
    }

    #[test]
    fn a_window_sees_the_display_that_it_was_given_and_no_other() {
        let paths = window(&environment);
        for wanted in ["/run/user/1000/wayland-1", "/home/u/.Xauthority", "/tmp/.X11-unix/X1"] {
            assert!(paths.contains(&PathBuf::from(wanted)), "{wanted}");
        }
        assert!(
            !paths.iter().any(|path| path.starts_with("/run/user/1000/bus") || path.ends_with(".X11-unix"))
        );
        assert_eq!(window(&|_| None).len(), WINDOW.len());
    }

    #[test]
    fn a_display_is_a_socket_of_this_machine() {
        let socket =
            |display: &str| x11_socket(OsStr::new(display)).map(|path| path.to_str().unwrap().to_owned());
        assert_eq!(socket(":0").as_deref(), Some("/tmp/.X11-unix/X0"));
        assert_eq!(socket("unix:12.3").as_deref(), Some("/tmp/.X11-unix/X12"));
        for other in ["", ":", "host:0", ":../../etc", ":0/../x", ":99999999", "::1"] {
            assert_eq!(socket(other), None, "{other}");
        }
    }

    #[test]
    fn the_bus_is_seen_by_desk_alone() {
        assert_eq!(session_bus(&environment), Some(PathBuf::from("/run/user/1000/bus")));
        assert_eq!(session_bus(&|_| None), None);
    }

    #[test]
    fn a_folder_is_absolute_and_only_for_who_has_one() {
        assert_eq!(View::new(&STORED, Some(Path::new("/a"))).unwrap(), View::Folder("/a".into()));
        assert!(matches!(View::new(&STORED, Some(Path::new("a"))), Err(Error::Path(_))));
        assert!(matches!(View::new(&STORED, None), Err(Error::Folder { wanted: true, .. })));
        assert!(matches!(
            View::new(&KEYVAULT, Some(Path::new("/a"))),
            Err(Error::Folder { wanted: false, .. })
        ));
        assert_eq!(View::new(&KEYVAULT, None).unwrap(), View::Empty);
    }
}
