//! A private network on this machine: relays as children of this command, for `run --embedded-relays` and `demo`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use ipc_schema::grant::Settings;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use supervisor::folder::Kind;
use supervisor::options::Gifts;

use super::exit::{Doing, Failure, Outcome};
use super::launch::{self, Launch};
use super::paths::Profile;
use super::relay::READY;

/// By the contract a relay is ready in 10 s; a loaded machine gets more.
const READY_WAIT: Duration = Duration::from_secs(30);

/// How often a child's end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a stop may take before it is made to happen (the supervisor itself needs 5 s at most to kill what hangs).
const STOP_WAIT: Duration = Duration::from_secs(8);

/// What one embedded relay may keep: plenty for a person who tries things out.
const QUEUES_MAX: u32 = 10_000;
const DISK_MAX_BYTES: u64 = 1 << 30;

/// The running relays of an embedded network.
#[derive(Debug)]
pub struct Relays {
    children: Vec<Child>,
    addresses: Vec<String>,
}

impl Relays {
    /// Starts `count` relays in folders of their own under `folder`, one after the other, each knowing those before it. Of the
    /// `suite` that will use them they take the network, and whether walls may be missing.
    ///
    /// # Errors
    /// One of them does not get ready; those before it are stopped.
    pub fn start(
        folder: &Path,
        count: u16,
        suite: &Settings,
        mut ready: impl FnMut(&str) -> Outcome,
    ) -> Outcome<Self> {
        let mut relays = Self { children: Vec::new(), addresses: Vec::new() };
        for number in 1..=count {
            let profile = Profile::at(Some(folder.join(number.to_string())))?.create()?;
            let settings = Settings {
                relay: true,
                headless: true,
                network_name: suite.network_name.clone(),
                network_id: suite.network_id,
                without_walls: suite.without_walls,
                bootstraps: relays.addresses.clone(),
                listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()],
                queues_max: QUEUES_MAX,
                disk_max_bytes: DISK_MAX_BYTES,
                ..Settings::default()
            };
            let launch = Launch { profile, settings, gifts: Gifts::default(), with_parent: true };
            let mut child = launch.spawn(Stdio::piped())?;
            let address = first_address(&mut child);
            relays.children.push(child);
            let address = address?;
            ready(&address)?;
            relays.addresses.push(address);
        }
        Ok(relays)
    }

    /// Their multiaddrs.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Stops them all and waits for their end.
    pub fn stop(mut self) {
        stop(&mut self.children);
        self.children.clear();
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        stop(&mut self.children);
    }
}

/// Reads until the relay says where it is, and goes on reading: what nobody reads would stop the relay.
fn first_address(child: &mut Child) -> Outcome<String> {
    let Some(stdout) = child.stdout.take() else {
        return Err(Failure::Failed("a relay has no stdout".into()));
    };
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix(READY) {
                let _ = tell.send(address.trim().to_string());
            }
        }
    });
    told.recv_timeout(READY_WAIT)
        .map_err(|_| Failure::Failed("a relay did not get ready: see its lines above".into()))
}

/// Asks all of them to stop, waits, and kills who does not.
pub(super) fn stop(children: &mut [Child]) {
    for child in children.iter() {
        terminate(child);
    }
    let mut waited = Duration::ZERO;
    for child in children {
        while !matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            if waited >= STOP_WAIT {
                let _ = child.kill();
                let _ = child.wait();
                break;
            }
            std::thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
        }
    }
}

fn terminate(child: &Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// The network of an embedded suite: the named one, the one that the folder keeps, or a new one of its own.
///
/// # Errors
/// No randomness, or the folder's file is damaged.
pub fn network_of(profile: &Profile, settings: &Settings) -> Outcome<(String, [u8; 32])> {
    if settings.private() {
        return Ok((settings.network_name.clone(), settings.network_id));
    }
    let kept = supervisor::network::kept(&profile.folder, Kind::Person);
    match kept.map_err(|error| Failure::Failed(error.to_string()))? {
        Some(kept) if kept.name.is_empty() => Err(Failure::Usage(format!(
            "{} belongs to the public network: use another folder for an embedded one",
            profile.folder.display()
        ))),
        Some(kept) => Ok((kept.name, kept.id)),
        None => random_network(),
    }
}

/// A network that nobody else is in.
///
/// # Errors
/// No randomness.
pub fn random_network() -> Outcome<(String, [u8; 32])> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .doing("choose a network's name")?;
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    launch::network(&format!("own-{name}"), None)
}

/// SIGTERM, SIGINT and SIGHUP, taken instead of dying of them: what was started must be stopped.
#[derive(Debug)]
pub struct Signals {
    taken: SignalFd,
}

impl Signals {
    /// From now on. Before any child is started.
    ///
    /// # Errors
    /// As signalfd(2).
    pub fn take() -> nix::Result<Self> {
        let mut stop = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            stop.add(signal);
        }
        stop.thread_block()?;
        Ok(Self { taken: SignalFd::with_flags(&stop, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)? })
    }

    /// Whether one came since the last time.
    #[must_use]
    pub fn came(&self) -> bool {
        matches!(self.taken.read_signal(), Ok(Some(_)))
    }

    /// Waits for the end of `child`, passing a signal on as a request to stop. Gives its exit code.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn wait_for(&self, child: &mut Child) -> Outcome<u8> {
        loop {
            if let Some(status) = child.try_wait().doing("wait for the suite")? {
                return Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
            }
            if self.came() {
                terminate(child);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
