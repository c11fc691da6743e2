//! Which part of the file tree a process gets to see: the same answer for the mounts and for Landlock.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::environment::{Display, Environment, X11_SOCKETS};
use crate::error::Error;
use crate::profiles::{FileAccess, Profile};

/// The files of one process, every path absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// No file at all.
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
            (FileAccess::Window, None) => Ok(existing(window(&Environment::own()))),
            (FileAccess::SessionBus, None) => Ok(existing(Environment::own().session_bus())),
        }
    }
}

impl View {
    /// Whether an X server is among what is seen.
    pub(crate) fn on_x11(&self) -> bool {
        matches!(self, Self::ReadOnly(paths) if paths.iter().any(|path| path.starts_with(X11_SOCKETS)))
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

/// The fixed list, and the display that the environment names.
fn window(environment: &Environment) -> Vec<PathBuf> {
    let display = environment.display().into_iter().flat_map(Display::files);
    WINDOW.iter().map(PathBuf::from).chain(display).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::{KEYVAULT, STORED};
    use std::os::unix::net::UnixListener;

    /// What a session's folder holds beside the display: the bus, agents, other programs' sockets.
    #[test]
    fn a_window_sees_the_display_that_it_was_given_and_no_other_file_of_the_session() {
        let session = tempfile::tempdir().unwrap();
        let folder = session.path().canonicalize().unwrap();
        let _sockets = ["wayland-1", "bus"].map(|name| UnixListener::bind(folder.join(name)).unwrap());
        let seen = |display: &str| -> Vec<PathBuf> {
            let variable = |name: &str| match name {
                "XDG_RUNTIME_DIR" => Some(folder.clone().into()),
                "WAYLAND_DISPLAY" => Some(display.into()),
                _ => None,
            };
            let seen = window(&Environment::of(&variable));
            seen.into_iter().filter(|path| path.starts_with(&folder) || folder.starts_with(path)).collect()
        };
        assert_eq!(seen("wayland-1"), [folder.join("wayland-1")]);
        for odd in ["", ".", "..", "./bus", "absent", folder.to_str().unwrap()] {
            assert_eq!(seen(odd), Vec::<PathBuf>::new(), "{odd:?}");
        }
        assert_eq!(window(&Environment::default()).len(), WINDOW.len());
    }

    #[test]
    fn what_is_not_there_or_not_absolute_is_not_seen() {
        let paths = ["/usr", "src", "/does/not/exist"].map(PathBuf::from);
        assert_eq!(existing(paths), View::ReadOnly(vec!["/usr".into()]));
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
