//! A desktop for windows under test: an X server with a window manager, a hand on keyboard and pointer, and eyes that compare pixels.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use x11rb::connection::Connection;
use x11rb::properties::WmHints;
use x11rb::protocol::xproto::{
    AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConfigureWindowAux, ConnectionExt, ImageFormat,
    KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::{PASSPHRASE, Suite, XServer, binaries, until};

/// A rectangle in the screen's own pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// The left edge.
    pub x: i32,
    /// The upper edge.
    pub y: i32,
    /// Its width.
    pub w: i32,
    /// Its height.
    pub h: i32,
}

/// What stood on a part of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Which part.
    pub area: Area,
    /// 0xRRGGBB each, row by row.
    pub pixels: Vec<u32>,
}

impl Picture {
    /// The colour at a place of the picture.
    ///
    /// # Panics
    /// It is not in the picture.
    #[must_use]
    pub fn at(&self, x: i32, y: i32) -> u32 {
        assert!(
            (0..self.area.w).contains(&x) && (0..self.area.h).contains(&y),
            "{x}, {y} in {:?}",
            self.area
        );
        self.pixels[usize::try_from(y * self.area.w + x).unwrap()]
    }

    /// A part of it, by its place in the picture.
    ///
    /// # Panics
    /// It reaches out of the picture.
    #[must_use]
    pub fn part(&self, part: Area) -> Self {
        let rows = (part.y..part.y + part.h).flat_map(|y| (part.x..part.x + part.w).map(move |x| (x, y)));
        let area = Area { x: self.area.x + part.x, y: self.area.y + part.y, ..part };
        Self { area, pixels: rows.map(|(x, y)| self.at(x, y)).collect() }
    }

    /// The upper left corner of the first square of this colour, row by row, with so many pixels on each side: a block, and no line.
    #[must_use]
    pub fn block(&self, colour: u32, side: i32) -> Option<(i32, i32)> {
        let rows = (0..=self.area.h - side).flat_map(|y| (0..=self.area.w - side).map(move |x| (x, y)));
        let mut corners = rows.filter(|(x, y)| self.at(*x, *y) == colour);
        corners.find(|(left, top)| {
            (*top..top + side).all(|y| (*left..left + side).all(|x| self.at(x, y) == colour))
        })
    }

    /// The smallest part that has every pixel of which `is` is true, by its place in the picture.
    #[must_use]
    pub fn bounds(&self, is: impl Fn(u32) -> bool) -> Option<Area> {
        let width = usize::try_from(self.area.w).unwrap();
        let mut bounds: Option<[usize; 4]> = None;
        for (at, _) in self.pixels.iter().enumerate().filter(|(_, pixel)| is(**pixel)) {
            let (x, y) = (at % width, at / width);
            let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
            bounds = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
        }
        let [left, top, right, bottom] = bounds?.map(|edge| i32::try_from(edge).unwrap());
        Some(Area { x: left, y: top, w: right - left + 1, h: bottom - top + 1 })
    }
}

/// What a window tells its window manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which one it is.
    pub window: u32,
    /// Its title.
    pub title: String,
    /// It wants somebody to look (ICCCM 4.1.2.4).
    pub calls: bool,
}

/// What somebody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The pointer, and the keyboard only to write.
    Pointer,
    /// The keyboard alone.
    Keyboard,
}

/// An X server with a window manager. Both are stopped when it is dropped.
#[derive(Debug)]
pub struct Desktop {
    manager: Child,
    eyes: RustConnection,
    root: u32,
    /// The process of the window that is looked at.
    watched: AtomicU32,
    /// The server.
    pub display: XServer,
    _home: TempDir,
}

impl Drop for Desktop {
    fn drop(&mut self) {
        let _ = self.manager.kill();
        let _ = self.manager.wait();
    }
}

impl Desktop {
    /// With a screen of so many pixels, and the pointer out of the way.
    ///
    /// # Panics
    /// Xvfb or openbox is not installed (`make test-deps`).
    #[must_use]
    pub fn start(width: u16, height: u16) -> Self {
        let display = XServer::start(&["-screen", "0", &format!("{width}x{height}x24")]);
        let (eyes, screen) = RustConnection::connect(Some(&display.name)).unwrap();
        let root = eyes.setup().roots[screen].root;
        let home = tempfile::tempdir().unwrap();
        let mut manager = Command::new("openbox");
        manager.arg("--sm-disable").env("DISPLAY", &display.name).env("HOME", home.path());
        for name in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
            manager.env_remove(name);
        }
        let manager = manager.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("openbox");
        let desktop = Self { manager, eyes, root, watched: AtomicU32::new(0), display, _home: home };
        until("the window manager is there", || {
            desktop.property(root, "_NET_SUPPORTING_WM_CHECK").first().copied()
        });
        desktop.hand(&["mousemove", "0", &(height - 1).to_string()]);
        desktop
    }

    /// What a session sets.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("DISPLAY", self.display.name.clone().into())]
    }

    /// A property's numbers.
    fn property(&self, window: u32, name: &str) -> Vec<u32> {
        let atom = self.eyes.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
        let asked = self.eyes.get_property(false, window, atom, AtomEnum::ANY, 0, 64).unwrap();
        // A window may be gone.
        let Ok(told) = asked.reply() else { return Vec::new() };
        told.value32().map(Iterator::collect).unwrap_or_default()
    }

    /// The one window that is there and has the keyboard.
    fn active(&self) -> Option<u32> {
        let windows = self.property(self.root, "_NET_CLIENT_LIST");
        let [window] = *windows.as_slice() else { return None };
        (self.property(self.root, "_NET_ACTIVE_WINDOW") == [window]).then_some(window)
    }

    /// Has the window's content be so large, as its frame would.
    ///
    /// # Panics
    /// There is none.
    pub fn resize(&self, w: i32, h: i32) {
        let window = self.active().expect("a window with the keyboard");
        let [w, h] = [w, h].map(|side| u32::try_from(side).unwrap());
        self.eyes.configure_window(window, &ConfigureWindowAux::new().width(w).height(h)).unwrap();
        self.eyes.flush().unwrap();
    }

    /// The one window that is there and has the keyboard: the place of its content.
    #[must_use]
    pub fn content(&self) -> Option<Area> {
        let window = self.active()?;
        let size = self.eyes.get_geometry(window).unwrap().reply().ok()?;
        let at = self.eyes.translate_coordinates(window, self.root, 0, 0).unwrap().reply().ok()?;
        let [x, y] = [at.dst_x, at.dst_y].map(i32::from);
        Some(Area { x, y, w: i32::from(size.width), h: i32::from(size.height) })
    }

    /// What the one window that is there tells its window manager.
    #[must_use]
    pub fn told(&self) -> Option<Told> {
        let windows = self.property(self.root, "_NET_CLIENT_LIST");
        let [window] = *windows.as_slice() else { return None };
        let atom = self.eyes.intern_atom(false, b"_NET_WM_NAME").unwrap().reply().unwrap().atom;
        let title =
            self.eyes.get_property(false, window, atom, AtomEnum::ANY, 0, 64).unwrap().reply().ok()?;
        let hints = WmHints::get(&self.eyes, window).unwrap().reply().ok()?;
        let title = String::from_utf8_lossy(&title.value).into_owned();
        Some(Told { window, title, calls: hints.is_some_and(|hints| hints.urgent) })
    }

    /// What stands there.
    ///
    /// # Panics
    /// It reaches out of the screen.
    #[must_use]
    pub fn see(&self, area: Area) -> Picture {
        let [x, y] = [area.x, area.y].map(|edge| i16::try_from(edge).unwrap());
        let [w, h] = [area.w, area.h].map(|size| u16::try_from(size).unwrap());
        let asked = self.eyes.get_image(ImageFormat::Z_PIXMAP, self.root, x, y, w, h, u32::MAX).unwrap();
        let data = asked.reply().unwrap_or_else(|error| panic!("{area:?} on the screen: {error}")).data;
        let pixel = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) & 0xFF_FFFF;
        Picture { area, pixels: data.chunks_exact(4).map(pixel).collect() }
    }

    /// Looks at this suite's window from now on, which has the keyboard.
    ///
    /// # Panics
    /// It has none.
    pub fn watch(&self, suite: &Suite) {
        let window = until("the window runs", || suite.pids().get("ui").copied());
        self.watched.store(window, Ordering::Relaxed);
        until("the window has the keyboard", || self.content());
    }

    /// The window's first thread waits: it has drawn all that it was told.
    fn is_at_rest(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.watched.load(Ordering::Relaxed)))
            .unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|rest| !rest.starts_with('R'))
    }

    /// What stands there once nothing changes any more.
    #[allow(clippy::must_use_candidate, reason = "one may only wait for it")]
    pub fn still(&self, area: Area) -> Picture {
        let mut last = self.see(area);
        let mut same = 0;
        until("the picture stands still", || {
            let now = self.see(area);
            same = if now == last && self.is_at_rest() { same + 1 } else { 0 };
            last = now;
            (same >= 5).then(|| last.clone())
        })
    }

    /// One command of xdotool.
    ///
    /// # Panics
    /// It fails.
    pub fn hand(&self, arguments: &[&str]) {
        let mut command = Command::new("xdotool");
        command.args(arguments).env("DISPLAY", &self.display.name).stderr(Stdio::null());
        let status = command.stdout(Stdio::null()).status().expect("xdotool");
        assert!(status.success(), "{command:?}");
    }

    /// Strikes the key that writes this keysym, without a program that does it: for what is timed.
    ///
    /// # Panics
    /// No key of the server's does.
    pub fn strike(&self, keysym: u32) {
        let setup = self.eyes.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let all = self.eyes.get_keyboard_mapping(first, last - first + 1).unwrap().reply().unwrap();
        let mut keys = (first..=last).zip(all.keysyms.chunks(all.keysyms_per_keycode.into()));
        let (key, _) = keys.find(|(_, means)| means.first() == Some(&keysym)).expect("a key of that name");
        self.does([KEY_PRESS_EVENT, KEY_RELEASE_EVENT], key);
    }

    /// Turns the wheel by a step where the pointer is, likewise.
    pub fn wheel(&self, up: bool) {
        self.does([BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT], if up { 4 } else { 5 });
    }

    fn does(&self, events: [u8; 2], detail: u8) {
        for event in events {
            self.eyes.xtest_fake_input(event, detail, 0, self.root, 0, 0, 0).unwrap();
        }
        self.eyes.flush().unwrap();
    }

    /// Presses these keys, one after the other.
    pub fn press(&self, keys: &[&str]) {
        self.hand(&[&["key"], keys].concat());
    }

    /// Types as a quick person does.
    pub fn type_text(&self, text: &str) {
        self.hand(&["type", "--delay", "10", "--", text]);
    }

    /// Presses the button there, and takes the pointer away.
    pub fn click(&self, x: i32, y: i32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.hand(&["mousemove", &x, &y, "click", "1", "mousemove", "0", "0"]);
    }
}

/// How a window is to stand when it comes: what the file `ui.state` says.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// `light`, `dark` or `contrast`.
    pub theme: &'static str,
    /// How much all is enlarged.
    pub percent: i32,
    /// Its content.
    pub place: Area,
}

impl Standing {
    /// Has the next window in this folder stand so.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn keep(&self, folder: &Path) {
        let Area { x, y, w, h } = self.place;
        let line = format!("privatus-window 1 {} {} {x} {y} {w} {h} 0", self.theme, self.percent);
        std::fs::write(folder.join("ui.state"), format!("{line:<95}\n")).unwrap();
    }
}

/// Opens the window of a profile whose passphrase is given with the start, a new one or that of a [`crate::Person`] who stopped; programs
/// of the test may use it. The window is there and has the keyboard.
///
/// # Panics
/// It does not open.
#[must_use]
pub fn open_window(desktop: &Desktop, folder: &Path, network: &str, bootstraps: &[String]) -> Suite {
    open_window_with(desktop, folder, network, bootstraps, &[])
}

/// The same, with further variables of the session.
///
/// # Panics
/// It does not open.
#[must_use]
pub fn open_window_with(
    desktop: &Desktop,
    folder: &Path,
    network: &str,
    bootstraps: &[String],
    variables: &[(&str, &str)],
) -> Suite {
    let mut command = Command::new(binaries().join("privatus"));
    command.args(["run", "--network", network, "--passphrase-fd", "0", "--profile"]).arg(folder);
    for address in bootstraps {
        command.args(["--bootstrap", address]);
    }
    for name in ["WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XMODIFIERS"] {
        command.env_remove(name);
    }
    command.envs(desktop.variables()).envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let suite = Suite::spawn(folder, command, PASSPHRASE, None);
    until("the vault is open", || {
        let set = suite.ask_with(&["set", "scripts", "on", "--passphrase-fd", "0"], PASSPHRASE);
        (set.code == 0).then_some(())
    });
    until("the history is open", || (suite.ask(&["contacts"]).code == 0).then_some(()));
    desktop.watch(&suite);
    suite
}
