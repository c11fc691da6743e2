//! The one door to the environment: which variables count, what they may look like, and which display they name.
//!
//! Only variables of the command-line contract are seen. A value that is empty, overlong or odd is as good as none, and so
//! is a path to what is not of the wanted kind: a display that is no socket, a cookie file that is no file. So nothing odd
//! reaches a window's view of the file tree, whoever asks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::FileType;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

/// What a value must look like.
#[derive(Clone, Copy)]
enum Shape {
    /// An absolute path.
    Path,
    /// A file's bare name, or an absolute path.
    NameOrPath,
    /// `:N` or `:N.S`, a display of this machine.
    Display,
    /// Letters, digits and `_.@=-`.
    Word,
}

const LOCALE: &[&str] =
    &["LANG", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY", "LC_MESSAGES"];

/// The longest path, bytes: PATH_MAX of limits.h without its end.
const PATH_MAX: usize = 4095;

/// The longest path of a socket, bytes: `sun_path` of unix(7) without its end.
const SOCKET_PATH_MAX: usize = 107;

/// The longest word, bytes: more than any locale or input method is called.
const WORD_MAX: usize = 128;

/// The folder in which X servers listen.
pub(crate) const X11_SOCKETS: &str = "/tmp/.X11-unix";

/// What a toolkit is told so that it opens nothing but the display that was chosen for it, whatever else is there.
const TOLD: &[(&str, &str)] = &[
    // libdecor asks the session bus for the cursor's theme, and would keep that connection for good.
    ("DBUS_SESSION_BUS_ADDRESS", "disabled:"),
    // No plugin but the one that is built in.
    ("LIBDECOR_PLUGIN_DIR", ""),
];

/// The variables that count, each with a value that can be one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    values: BTreeMap<&'static str, OsString>,
}

/// A display of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Display {
    /// A Wayland compositor.
    Wayland {
        /// Its socket, resolved.
        socket: PathBuf,
    },
    /// An X server.
    X11 {
        /// `:N` or `:N.S`.
        name: String,
        /// The server's socket, in `/tmp/.X11-unix`.
        socket: PathBuf,
        /// The file with the cookie, resolved.
        authority: Option<PathBuf>,
    },
}

impl Environment {
    /// What this process was started with.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the door to the variables of the command-line contract")]
    pub fn own() -> Self {
        Self::of(&|name| std::env::var_os(name))
    }

    /// What `variable` has.
    #[must_use]
    pub fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let paths =
            ["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XAUTHORITY"].map(|name| (name, Shape::Path));
        let display = [
            ("DISPLAY", Shape::Display),
            ("WAYLAND_DISPLAY", Shape::NameOrPath),
            ("XMODIFIERS", Shape::Word),
        ];
        let known = paths.into_iter().chain(display).chain(LOCALE.iter().map(|name| (*name, Shape::Word)));
        let values =
            known.filter_map(|(name, shape)| Some((name, variable(name).filter(|value| shape.fits(value))?)));
        Self { values: values.collect() }
    }

    /// The value of `name`, where it counts.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.values.get(name).map(OsString::as_os_str)
    }

    /// The locale of what is said to the user, as `LC_ALL`, `LC_MESSAGES` or `LANG` names it.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| self.get(name)?.to_str())
    }

    fn path(&self, name: &str) -> Option<&Path> {
        self.get(name).map(Path::new)
    }

    /// The display that a window here uses: Wayland's where both are named.
    #[must_use]
    pub fn display(&self) -> Option<Display> {
        self.wayland().or_else(|| self.x11(Path::new(X11_SOCKETS)))
    }

    fn wayland(&self) -> Option<Display> {
        let name = self.path("WAYLAND_DISPLAY")?;
        let path = if name.is_absolute() { name.into() } else { self.path("XDG_RUNTIME_DIR")?.join(name) };
        let socket = resolved(&path, FileTypeExt::is_socket)?;
        (socket.as_os_str().len() <= SOCKET_PATH_MAX).then_some(Display::Wayland { socket })
    }

    fn x11(&self, sockets: &Path) -> Option<Display> {
        let (number, screen) = parse_display(self.get("DISPLAY")?)?;
        let socket = sockets.join(format!("X{number}"));
        // Xlib takes it by this name, whatever it is linked to.
        resolved(&socket, FileTypeExt::is_socket)?;
        let named = self.path("XAUTHORITY").map(Path::to_path_buf);
        let authority = named.or_else(|| Some(self.path("HOME")?.join(".Xauthority")));
        let authority = authority.and_then(|path| resolved(&path, FileType::is_file));
        let name = screen.map_or(format!(":{number}"), |screen| format!(":{number}.{screen}"));
        Some(Display::X11 { name, socket, authority })
    }

    /// The socket of the session bus at its usual place: a variable that could name another one is not asked.
    #[must_use]
    pub fn session_bus(&self) -> Option<PathBuf> {
        resolved(&self.path("XDG_RUNTIME_DIR")?.join("bus"), FileTypeExt::is_socket)
    }

    /// The whole environment of a window's process: its one display, and the language. The runtime folder, where every other
    /// socket of the session lies, is no part of it.
    #[must_use]
    pub fn for_window(&self) -> Vec<(OsString, OsString)> {
        let locale = LOCALE.iter().filter_map(|name| Some((*name, self.get(name)?.to_owned())));
        let told = TOLD.iter().map(|(name, value)| (*name, OsString::from(value)));
        let display = self.display().map(|display| self.variables_of(display)).unwrap_or_default();
        locale.chain(told).chain(display).map(|(name, value)| (name.into(), value)).collect()
    }

    fn variables_of(&self, display: Display) -> Vec<(&'static str, OsString)> {
        match display {
            Display::Wayland { socket } => vec![
                ("FLTK_BACKEND", "wayland".into()),
                ("WAYLAND_DISPLAY", socket.into()),
                ("XCURSOR_THEME", "default".into()),
                ("XCURSOR_SIZE", "24".into()),
            ],
            Display::X11 { name, authority, .. } => {
                let input = self.get("XMODIFIERS").map(|value| ("XMODIFIERS", value.to_owned()));
                let authority = authority.map(|path| ("XAUTHORITY", path.into()));
                let own = [("FLTK_BACKEND", "x11".into()), ("DISPLAY", name.into())];
                own.into_iter().chain(authority).chain(input).collect()
            }
        }
    }
}

impl Display {
    /// `wayland` or `x11`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Wayland { .. } => "wayland",
            Self::X11 { .. } => "x11",
        }
    }

    /// Where it is reached.
    #[must_use]
    pub fn socket(&self) -> &Path {
        match self {
            Self::Wayland { socket } | Self::X11 { socket, .. } => socket,
        }
    }

    /// The files that reaching it needs.
    pub(crate) fn files(self) -> impl Iterator<Item = PathBuf> {
        let (socket, authority) = match self {
            Self::Wayland { socket } => (socket, None),
            Self::X11 { socket, authority, .. } => (socket, authority),
        };
        [Some(socket), authority].into_iter().flatten()
    }
}

/// As the user named it.
impl std::fmt::Display for Display {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wayland { socket } => write!(f, "{}", socket.display()),
            Self::X11 { name, .. } => f.write_str(name),
        }
    }
}

impl Shape {
    fn fits(self, value: &OsStr) -> bool {
        let bytes = value.as_bytes();
        let path = Path::new(value);
        let sound = !bytes.is_empty() && bytes.len() <= PATH_MAX && !bytes.contains(&0);
        sound
            && match self {
                Self::Path => path.is_absolute(),
                Self::NameOrPath => path.is_absolute() || is_bare_name(path),
                Self::Display => parse_display(value).is_some(),
                Self::Word => bytes.len() <= WORD_MAX && bytes.iter().all(|byte| is_of_a_word(*byte)),
            }
    }
}

fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.@=-".contains(&byte)
}

fn is_bare_name(path: &Path) -> bool {
    matches!(path.components().next(), Some(Component::Normal(name)) if name == path.as_os_str())
}

/// Where `path` leads, if that is of the wanted kind.
fn resolved(path: &Path, kind: impl Fn(&FileType) -> bool) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let found = std::fs::symlink_metadata(&path).ok()?.file_type();
    kind(&found).then_some(path)
}

/// `:1.0` is served at `/tmp/.X11-unix/X1`; a display on another machine has no socket here and is not reached.
fn parse_display(display: &OsStr) -> Option<(u16, Option<u16>)> {
    let text = display.to_str()?;
    let text = text.strip_prefix("unix").unwrap_or(text).strip_prefix(':')?;
    match text.split_once('.') {
        Some((number, screen)) => Some((digits(number)?, Some(digits(screen)?))),
        None => Some((digits(text)?, None)),
    }
}

/// Digits alone: `parse` would take a sign too.
fn digits(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// A session's folder with one of each kind.
    struct Session {
        dir: tempfile::TempDir,
        _sockets: Vec<UnixListener>,
    }

    impl Session {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let sockets =
                ["wayland-1", "bus", "X7"].map(|name| UnixListener::bind(dir.path().join(name)).unwrap());
            std::fs::write(dir.path().join("cookie"), "cookie").unwrap();
            std::fs::create_dir(dir.path().join("folder")).unwrap();
            nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
            for (link, target) in
                [("link-to-socket", "wayland-1"), ("link-to-folder", "."), ("link-to-cookie", "cookie")]
            {
                std::os::unix::fs::symlink(target, dir.path().join(link)).unwrap();
            }
            Self { dir, _sockets: sockets.into() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().canonicalize().unwrap().join(name)
        }

        fn of(&self, variables: &[(&str, &OsStr)]) -> Environment {
            let runtime = self.path("");
            Environment::of(&|name| {
                let set = variables.iter().find(|(known, _)| *known == name);
                let default = (name == "XDG_RUNTIME_DIR").then(|| runtime.clone().into());
                set.map(|(_, value)| (*value).to_owned()).or(default)
            })
        }

        fn wayland(&self, value: impl AsRef<OsStr>) -> Option<PathBuf> {
            match self.of(&[("WAYLAND_DISPLAY", value.as_ref())]).display() {
                Some(Display::Wayland { socket }) => Some(socket),
                other => {
                    assert_eq!(other, None);
                    None
                }
            }
        }

        fn authority(&self, value: impl AsRef<OsStr>) -> Option<PathBuf> {
            let environment = self.of(&[("DISPLAY", ":7".as_ref()), ("XAUTHORITY", value.as_ref())]);
            match environment.x11(&self.path("")) {
                Some(Display::X11 { authority, .. }) => authority,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_wayland_display_is_a_socket_and_nothing_else() {
        let session = Session::new();
        let socket = session.path("wayland-1");
        for good in ["wayland-1", "link-to-socket", socket.to_str().unwrap()] {
            assert_eq!(session.wayland(good), Some(socket.clone()), "{good}");
        }
        let long = "w".repeat(5000);
        let odd =
            ["", ".", "..", "./wayland-1", "folder/../wayland-1", "wayland-1/", "wayland-1/.", "/", &long];
        for bad in odd.into_iter().chain(["folder", "fifo", "cookie", "link-to-folder", "absent", "a\0b"]) {
            assert_eq!(session.wayland(bad), None, "{bad:?}");
        }
        assert_eq!(session.wayland(session.path("")), None);
        assert_eq!(session.wayland(session.path("folder")), None);
        assert_eq!(session.wayland(OsStr::from_bytes(b"\xff")), None);
    }

    #[test]
    fn a_wayland_display_without_a_runtime_folder_is_none() {
        for runtime in ["", ".", "relative/folder"] {
            let environment = Environment::of(&|name| match name {
                "XDG_RUNTIME_DIR" => Some(runtime.into()),
                "WAYLAND_DISPLAY" => Some("wayland-1".into()),
                _ => None,
            });
            assert_eq!(environment.display(), None, "{runtime:?}");
        }
    }

    #[test]
    fn an_authority_is_a_regular_file_and_nothing_else() {
        let session = Session::new();
        let cookie = session.path("cookie");
        assert_eq!(session.authority(&cookie), Some(cookie.clone()));
        assert_eq!(session.authority(session.path("link-to-cookie")), Some(cookie));
        for bad in ["", ".", "..", "cookie", "./cookie", "~/cookie"] {
            assert_eq!(session.authority(bad), None, "{bad:?}");
        }
        for bad in ["", "folder", "fifo", "bus", "link-to-folder", "absent"] {
            assert_eq!(session.authority(session.path(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn without_an_authority_the_one_in_the_home_folder_counts() {
        let session = Session::new();
        let home = session.path("");
        let authority = || {
            let environment = session.of(&[("DISPLAY", ":7".as_ref()), ("HOME", home.as_ref())]);
            environment.x11(&session.path("")).map(|display| display.files().count())
        };
        assert_eq!(authority(), Some(1));
        std::fs::write(home.join(".Xauthority"), "cookie").unwrap();
        assert_eq!(authority(), Some(2));
    }

    #[test]
    fn a_display_is_a_socket_of_this_machine() {
        let parsed = |display: &str| parse_display(OsStr::new(display));
        assert_eq!(parsed(":0"), Some((0, None)));
        assert_eq!(parsed("unix:12.3"), Some((12, Some(3))));
        for other in [
            "",
            ":",
            "host:0",
            "localhost:10.0",
            ":../../etc",
            ":0/../x",
            ":99999999",
            "::1",
            ":+1",
            ":1.",
            ":1.x",
        ] {
            assert_eq!(parsed(other), None, "{other}");
        }
        let session = Session::new();
        let served =
            |display: &str| session.of(&[("DISPLAY", display.as_ref())]).x11(&session.path("")).is_some();
        assert!(served(":7") && served(":7.0") && !served(":8"));
    }

    #[test]
    fn a_window_is_told_of_one_display_and_never_of_the_runtime_folder() {
        let session = Session::new();
        let socket = session.path("wayland-1");
        let variables: &[(&str, &OsStr)] = &[
            ("WAYLAND_DISPLAY", "wayland-1".as_ref()),
            ("DISPLAY", ":7".as_ref()),
            ("HOME", "/home/u".as_ref()),
            ("LANG", "de_DE.UTF-8".as_ref()),
            ("LC_ALL", "../../tmp/evil".as_ref()),
            ("LD_PRELOAD", "/tmp/evil.so".as_ref()),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus".as_ref()),
        ];
        let told: BTreeMap<_, _> = session.of(variables).for_window().into_iter().collect();
        assert_eq!(told.get(OsStr::new("WAYLAND_DISPLAY")), Some(&socket.into()));
        assert_eq!(told.get(OsStr::new("LANG")), Some(&"de_DE.UTF-8".into()));
        assert_eq!(told.get(OsStr::new("DBUS_SESSION_BUS_ADDRESS")), Some(&"disabled:".into()));
        for absent in ["DISPLAY", "HOME", "XDG_RUNTIME_DIR", "LC_ALL", "LD_PRELOAD", "XAUTHORITY"] {
            assert_eq!(told.get(OsStr::new(absent)), None, "{absent}");
        }
    }

    #[test]
    fn a_window_on_x11_is_told_of_that_server_its_cookie_and_its_input_method() {
        let session = Session::new();
        let cookie = session.path("cookie");
        let variables: &[(&str, &OsStr)] = &[
            ("DISPLAY", "unix:7.1".as_ref()),
            ("XAUTHORITY", cookie.as_ref()),
            ("XMODIFIERS", "@im=ibus".as_ref()),
        ];
        let environment = session.of(variables);
        let display = environment.x11(&session.path("")).unwrap();
        assert_eq!(display.kind(), "x11");
        let told: BTreeMap<_, _> = environment.variables_of(display).into_iter().collect();
        let wanted = [
            ("FLTK_BACKEND", "x11".into()),
            ("DISPLAY", ":7.1".into()),
            ("XAUTHORITY", cookie.into_os_string()),
            ("XMODIFIERS", "@im=ibus".into()),
        ];
        assert_eq!(told, wanted.into());
        let wayland = session.of(&[("WAYLAND_DISPLAY", "wayland-1".as_ref())]).display().unwrap();
        assert_eq!(wayland.kind(), "wayland");
    }

    #[test]
    fn an_odd_or_overlong_value_is_as_good_as_none() {
        let kept = |name: &'static str, value: &str| {
            let environment = Environment::of(&|asked| (asked == name).then(|| value.into()));
            environment.get(name).is_some()
        };
        assert!(kept("HOME", &format!("/{}", "a".repeat(PATH_MAX - 1))));
        assert!(!kept("HOME", &format!("/{}", "a".repeat(PATH_MAX))));
        assert!(!kept("HOME", "/a\0b") && !kept("HOME", "a") && !kept("HOME", ""));
        assert!(kept("LANG", &"a".repeat(WORD_MAX)) && !kept("LANG", &"a".repeat(WORD_MAX + 1)));
        assert!(kept("LANG", "aA0_.@=-") && !kept("LANG", "a b") && !kept("LANG", "a/b"));
        assert!(!kept("PATH", "/bin"), "no variable of the contract");
    }

    #[test]
    fn the_bus_is_a_socket_at_its_usual_place() {
        let session = Session::new();
        assert_eq!(session.of(&[]).session_bus(), Some(session.path("bus")));
        std::fs::remove_file(session.path("bus")).unwrap();
        std::fs::create_dir(session.path("bus")).unwrap();
        assert_eq!(session.of(&[]).session_bus(), None);
        assert_eq!(Environment::default().session_bus(), None);
    }
}
