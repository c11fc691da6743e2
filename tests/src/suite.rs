//! Suites as a person starts them: by the `privatus` command, in folders that vanish with them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, binaries, until};

/// What a command gave.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code.
    pub code: i32,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

impl Answer {
    /// Its lines of JSON.
    ///
    /// # Panics
    /// One of them is none.
    #[must_use]
    pub fn rows(&self) -> Vec<Value> {
        let row = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        self.out.lines().map(row).collect()
    }

    /// Itself, if the command did what was asked.
    ///
    /// # Panics
    /// It did not.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// A running suite, a person's or a relay's. Stopped without mercy when it is dropped.
#[derive(Debug)]
pub struct Suite {
    /// Its folder.
    pub folder: PathBuf,
    process: Child,
    lines: Receiver<String>,
    said: Arc<Mutex<String>>,
    listening: Option<JoinHandle<()>>,
    /// Another user than the test's own.
    uid: Option<u32>,
}

impl Suite {
    /// Runs `privatus` with `arguments` and, on its stdin, `input`.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(folder: &Path, arguments: &[&str], input: &str, uid: Option<u32>) -> Self {
        let mut command = privatus(uid);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn(folder, command, input, uid)
    }

    /// Runs a command that starts a suite.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn spawn(folder: &Path, mut command: Command, input: &str, uid: Option<u32>) -> Self {
        let mut process = command.spawn().unwrap();
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        let (tell, lines) = channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let said = Arc::new(Mutex::new(String::new()));
        let (mut stderr, copy) = (process.stderr.take().unwrap(), said.clone());
        let listening = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut bytes) {
                copy.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Self { folder: folder.into(), process, lines, said, listening: Some(listening), uid }
    }

    /// The next line on its stdout.
    ///
    /// # Panics
    /// None comes.
    pub fn line(&self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("no line on stdout; stderr: {}", self.said()))
    }

    /// What it said on stderr so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// The process that was started: the supervisor, for what becomes it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs a command on this suite's profile.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> Answer {
        self.ask_with(arguments, "")
    }

    /// Runs a command with `input` on its stdin.
    #[must_use]
    pub fn ask_with(&self, arguments: &[&str], input: &str) -> Answer {
        ask(&self.folder, arguments, input, self.uid)
    }

    /// The one object of `status --json`.
    #[must_use]
    pub fn status(&self) -> Value {
        self.ask(&["status", "--json"]).ok().rows().remove(0)
    }

    /// The processes that run, by name.
    #[must_use]
    pub fn pids(&self) -> BTreeMap<String, u32> {
        let status = self.status();
        let rows = status["processes"].as_array().unwrap().iter();
        let pid = |row: &Value| {
            let pid = u32::try_from(row["pid"].as_u64()?).unwrap();
            Some((row["name"].as_str().unwrap().to_string(), pid))
        };
        rows.filter_map(pid).collect()
    }

    /// Waits until a part runs under another id than `old`.
    pub fn wait_restarted(&self, name: &str, old: u32) -> u32 {
        until(&format!("{name} is restarted"), || self.pids().get(name).copied().filter(|pid| *pid != old))
    }

    /// Sends SIGTERM and waits for the end; gives the exit code.
    pub fn stop(&mut self) -> i32 {
        let _ = kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), Signal::SIGTERM);
        self.wait()
    }

    /// Waits for the end by itself; gives the exit code, -1 for a signal.
    pub fn wait(&mut self) -> i32 {
        until("the suite's end", || self.process.try_wait().unwrap()).code().unwrap_or(-1)
    }

    /// Waits for the end by itself; gives the exit code and all that it said.
    pub fn end(&mut self) -> (i32, String) {
        let code = self.wait();
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
        (code, self.said())
    }

    /// Ends the supervisor as a crash would.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.folder.display(), self.said());
        }
    }
}

/// Runs a command on the profile in `folder`, whether a suite runs there or not.
#[must_use]
pub fn ask(folder: &Path, arguments: &[&str], input: &str, uid: Option<u32>) -> Answer {
    run(privatus(uid).arg("--profile").arg(folder).args(arguments), input)
}

/// The `privatus` command, as another user where one is named.
#[must_use]
pub fn privatus(uid: Option<u32>) -> Command {
    let mut command = Command::new(binaries().join("privatus"));
    // Nothing under test hangs on the session of whoever runs the tests.
    for name in ["XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"] {
        command.env_remove(name);
    }
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    command
}

fn run(command: &mut Command, input: &str) -> Answer {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into(),
        err: String::from_utf8_lossy(&output.stderr).into(),
    }
}

/// A folder that `uid` may use, and that vanishes with its owner.
///
/// # Panics
/// The disk is full.
#[must_use]
pub fn folder(uid: Option<u32>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    if let Some(uid) = uid {
        let (uid, gid) = (nix::unistd::Uid::from_raw(uid), nix::unistd::Gid::from_raw(uid));
        nix::unistd::chown(dir.path(), Some(uid), Some(gid)).unwrap();
    }
    dir
}

/// A relay of a private network, ready.
#[derive(Debug)]
pub struct Relay {
    /// The suite.
    pub suite: Suite,
    /// Its multiaddr.
    pub address: String,
    /// Its folder; kept until the relay is dropped, so that it can be started again.
    pub dir: Arc<TempDir>,
}

impl Relay {
    /// Starts one on a port of the kernel's choice.
    ///
    /// # Panics
    /// It does not get ready.
    #[must_use]
    pub fn start(network: &str, bootstraps: &[String], uid: Option<u32>) -> Self {
        Self::again(Arc::new(folder(uid)), network, bootstraps, uid)
    }

    /// Starts one in the folder of an earlier one.
    ///
    /// # Panics
    /// It does not get ready.
    #[must_use]
    pub fn again(dir: Arc<TempDir>, network: &str, bootstraps: &[String], uid: Option<u32>) -> Self {
        let path = dir.path().to_str().unwrap().to_string();
        let mut arguments =
            vec!["relay", "--dir", &path, "--network", network, "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"];
        for address in bootstraps {
            arguments.extend(["--bootstrap", address]);
        }
        let suite = Suite::start(dir.path(), &arguments, "", uid);
        let line = suite.line();
        let address = line.strip_prefix("relay ready ").unwrap_or_else(|| panic!("{line}")).to_string();
        Self { suite, address, dir: dir.clone() }
    }
}

/// A private network of so many relays; each knows those before it.
#[must_use]
pub fn private_network(name: &str, relays: usize) -> (Vec<Relay>, Vec<String>) {
    let (mut started, mut addresses) = (Vec::new(), Vec::new());
    for _ in 0..relays {
        let relay = Relay::start(name, &addresses, None);
        addresses.push(relay.address.clone());
        started.push(relay);
    }
    (started, addresses)
}

/// A person's headless suite, ready and unlocked.
#[derive(Debug)]
pub struct Person {
    /// The suite.
    pub suite: Suite,
    /// Its folder; kept until the person is dropped.
    pub dir: Arc<TempDir>,
}

/// What every test person's vault opens with.
pub const PASSPHRASE: &str = "correct horse battery staple\n";

impl Person {
    /// A new profile.
    ///
    /// # Panics
    /// It does not get ready.
    #[must_use]
    pub fn start(network: &str, bootstraps: &[String], uid: Option<u32>) -> Self {
        Self::again(Arc::new(folder(uid)), network, bootstraps, uid)
    }

    /// The profile of an earlier one, unlocked.
    ///
    /// # Panics
    /// It does not get ready.
    #[must_use]
    pub fn again(dir: Arc<TempDir>, network: &str, bootstraps: &[String], uid: Option<u32>) -> Self {
        let path = dir.path().to_str().unwrap().to_string();
        let mut arguments =
            vec!["run", "--headless", "--profile", &path, "--network", network, "--passphrase-fd", "0"];
        for address in bootstraps {
            arguments.extend(["--bootstrap", address]);
        }
        let suite = Suite::start(dir.path(), &arguments, PASSPHRASE, uid);
        assert_eq!(suite.line(), "ready", "{}", suite.said());
        Self { suite, dir: dir.clone() }
    }

    /// Opens the vault again after a lock.
    ///
    /// # Panics
    /// It does not open.
    pub fn unlock(&self) {
        let _ = self.suite.ask_with(&["unlock", "--passphrase-fd", "0"], PASSPHRASE).ok();
    }

    /// Waits until the vault is open.
    pub fn wait_unlocked(&self) {
        until("the vault is open", || (self.suite.status()["locked"] == false).then_some(()));
    }

    /// A file in the profile's folder.
    ///
    /// # Panics
    /// It cannot be opened.
    #[must_use]
    pub fn file(&self, name: &str) -> File {
        File::open(self.dir.path().join(name)).unwrap()
    }
}
