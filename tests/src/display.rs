//! Displays for windows under test: an X server that draws into memory, a Wayland compositor inside it, and what stands on the
//! screen.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Suite, binaries, until};

/// An X server of its own, at a number that it chose. Stopped when it is dropped.
#[derive(Debug)]
pub struct XServer {
    /// `:N`.
    pub name: String,
    process: Child,
}

impl XServer {
    /// Starts one with these further arguments.
    ///
    /// # Panics
    /// Xvfb is not installed (`make test-deps`).
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"])
            .args(arguments);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("Xvfb");
        let mut number = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Self { name: format!(":{}", number.trim()), process }
    }

    /// What stands on the right of its screen, where nothing changes by itself on a first run.
    #[must_use]
    pub fn picture(&self) -> Vec<u8> {
        self.run(Command::new("import").args(["-window", "root", "-crop", "860x900+420+0", "ppm:-"]))
    }

    /// Types as a person would, into the window in the middle.
    pub fn type_text(&self, text: &str) {
        self.run(Command::new("xdotool").args(["mousemove", "640", "620", "type", text]));
    }

    fn run(&self, command: &mut Command) -> Vec<u8> {
        let output = command.env("DISPLAY", &self.name).stderr(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{command:?}");
        output.stdout
    }
}

/// How many colours a picture has, up to a few: an empty screen has one.
#[must_use]
pub fn colours(picture: &[u8]) -> usize {
    let found: std::collections::BTreeSet<&[u8]> = picture.chunks_exact(3).collect();
    found.len()
}

/// A compositor of its own, with a folder as a session has one. Stopped when it is dropped.
#[derive(Debug)]
pub struct Compositor {
    /// The runtime folder, with the socket in it.
    pub runtime: TempDir,
    process: Child,
}

/// Its socket's name.
const WAYLAND_SOCKET: &str = "wayland-under-test";

impl Compositor {
    /// Starts one whose screen, keys and pointer are those of `screen`. (Alone in memory it would have no keys.)
    ///
    /// # Panics
    /// weston is not installed (`make test-deps`), or does not start.
    #[must_use]
    pub fn start(screen: &XServer) -> Self {
        let runtime = tempfile::tempdir().unwrap();
        let mut command = Command::new("weston");
        command.args(["--backend=x11-backend.so", "--use-pixman", "--shell=kiosk-shell.so"]);
        command.args(["--socket", WAYLAND_SOCKET, "--width=1280", "--height=900"]);
        command.args(["--idle-time=0", "--no-config"]).env("DISPLAY", &screen.name);
        command.env("XDG_RUNTIME_DIR", runtime.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("weston");
        let socket = runtime.path().join(WAYLAND_SOCKET);
        until("the compositor listens", || {
            socket.metadata().is_ok_and(|found| found.file_type().is_socket()).then_some(())
        });
        Self { runtime, process }
    }

    /// What a session sets.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("XDG_RUNTIME_DIR", self.runtime.path().into()), ("WAYLAND_DISPLAY", WAYLAND_SOCKET.into())]
    }
}

impl Drop for XServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A new profile with its window, on its first run, with these variables and no other display.
#[must_use]
pub fn window(folder: &Path, variables: &[(&str, PathBuf)]) -> Suite {
    started(folder, window_command(Command::new(binaries().join("privatus")), folder, variables))
}

/// The same, on a system where no user namespace can be had.
#[must_use]
pub fn window_without_namespaces(folder: &Path, variables: &[(&str, PathBuf)]) -> Suite {
    let mut command = Command::new("unshare");
    // The sysctl counts for the new user namespace alone.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    command.args(["--user", "--map-root-user", "sh", "-c", script]).arg(binaries().join("privatus"));
    started(folder, window_command(command, folder, variables))
}

/// The same, in a view of the files in which `fonts` are the system's: newer than any cache of them. Needs root.
#[must_use]
pub fn window_with_fonts(folder: &Path, fonts: &Path, variables: &[(&str, PathBuf)]) -> Suite {
    let mut command = Command::new("unshare");
    let script = format!("mount --bind '{}' /usr/share/fonts && exec \"$0\" \"$@\"", fonts.display());
    command.args(["--mount", "sh", "-c", &script]).arg(binaries().join("privatus"));
    started(folder, window_command(command, folder, variables))
}

/// A suite with a window prints nothing once it can be asked.
fn started(folder: &Path, command: Command) -> Suite {
    let suite = Suite::spawn(folder, command, "", None);
    until("the suite can be asked", || (suite.ask(&["status"]).code == 0).then_some(()));
    suite
}

/// What [`window`] runs, for a window that cannot be had.
#[must_use]
pub fn window_run(folder: &Path, variables: &[(&str, PathBuf)]) -> Command {
    window_command(Command::new(binaries().join("privatus")), folder, variables)
}

fn window_command(mut command: Command, folder: &Path, variables: &[(&str, PathBuf)]) -> Command {
    command.args(["run", "--network", "windows", "--profile"]).arg(folder);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().cloned());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
