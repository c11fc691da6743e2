//! The real supervisor over really confined children that do nothing but what a test tells them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs
)]

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ipc_schema::grant::Settings;
use supervisor::options::{Gifts, Options, Start};
use supervisor::state::{Part, State};

struct Suite {
    dir: tempfile::TempDir,
    process: Child,
}

/// The supervisor and the test child under every name, in a folder of their own.
fn binaries(dir: &Path) -> PathBuf {
    let supervisor = PathBuf::from(env!("CARGO_BIN_EXE_supervisor"));
    let child = supervisor.parent().unwrap().join("examples/idle_child");
    let folder = dir.join("bin");
    fs::create_dir(&folder).unwrap();
    fs::copy(&supervisor, folder.join("supervisor")).unwrap();
    for name in ["keyvault", "netd", "onion", "stored", "mediad", "privatus-ui"] {
        fs::hard_link(&child, folder.join(name))
            .or_else(|_| fs::copy(&child, folder.join(name)).map(drop))
            .unwrap();
    }
    folder
}

fn settings() -> Settings {
    Settings { headless: true, network_name: "test".into(), network_id: [1; 32], ..Settings::default() }
}

fn passphrase() -> OwnedFd {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    rustix::io::write(&write, b"secret\n").unwrap();
    read
}

impl Suite {
    fn start(settings: Settings, passphrase: Option<OwnedFd>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("profile")).unwrap();
        let program = binaries(dir.path()).join("supervisor");
        let process = launch(dir.path(), &program, settings, passphrase);
        Self { dir, process }
    }

    fn client() -> Self {
        let mut suite = Self::start(settings(), Some(passphrase()));
        suite.wait_ready();
        suite
    }

    fn wait_ready(&mut self) {
        let mut line = [0; 6];
        self.process.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        assert_eq!(&line, b"ready\n");
    }

    fn runtime(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    fn state(&self) -> State {
        State::read(&self.runtime()).unwrap()
    }

    fn part(&self, name: &str) -> Part {
        self.state().processes.into_iter().find(|part| part.name == name).unwrap()
    }

    fn pid(&self, name: &str) -> u32 {
        self.part(name).pid.unwrap()
    }

    /// Tells the callee of a socket one thing and gives its answer; empty where it ends instead.
    fn order(&self, socket: &str, order: u8) -> String {
        let mut answer = String::new();
        let mut stream = UnixStream::connect(self.runtime().join(socket)).unwrap();
        let _ = stream.write_all(&[order]);
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Waits until the process of that name lives anew, sealed.
    fn wait_restart(&self, name: &str, old: u32) -> Part {
        until(|| {
            let part = self.part(name);
            let report = fs::metadata(self.runtime().join(format!("{name}.report"))).map_or(0, |m| m.len());
            (part.pid.is_some_and(|pid| pid != old) && report == sandbox::REPORT_BYTES as u64).then_some(part)
        })
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap(), said)
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn launch(dir: &Path, program: &Path, settings: Settings, passphrase: Option<OwnedFd>) -> Child {
    let (ours, theirs) = supervisor::wire::control_pair().unwrap();
    Start { settings, gifts: Gifts { passphrase, offer: None } }.send(&ours).unwrap();
    let options =
        Options { folder: dir.join("profile"), runtime: dir.join("run"), start: 0, with_parent: false };
    Command::new(program)
        .args(options.to_arguments())
        .stdin(Stdio::from(theirs.as_fd().try_clone_to_owned().unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn until<T>(what: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen in 20 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn alive(pid: u32) -> bool {
    // A process that nobody has reaped yet is a zombie, and no more alive.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_client_gets_ready_confined_wired_and_stops_without_leaving_a_child() {
    let suite = Suite::client();
    let state = suite.state();
    let names: Vec<_> = state.processes.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["keyvault", "netd", "onion", "stored", "mediad"]);
    let pids: Vec<_> = state.processes.iter().map(|part| part.pid.unwrap()).collect();
    for (name, pid) in names.iter().zip(&pids) {
        let report = fs::read(suite.runtime().join(format!("{name}.report"))).unwrap();
        let report = sandbox::Report::decode(&report).unwrap();
        assert_eq!((report.weaker(), report.profile.name), (vec![], *name));
        let status = sandbox::read_proc_status(*pid).unwrap();
        assert!(status.seccomp == 2 && status.no_new_privs && status.effective == 0, "{name}: {status:?}");
    }
    let own = fs::read(suite.runtime().join("supervisor.report")).unwrap();
    assert_eq!(sandbox::Report::decode(&own).unwrap().weaker(), Vec::<&str>::new());
    assert_eq!(suite.order("messenger.sock", b'e'), "stored-keyvault stored-onion stored-mediad");
    assert_eq!(suite.order("operator.sock", b'e'), "stored-onion onion-netd");
    assert_eq!(suite.order("unlock.sock", b'e'), "stored-keyvault");
    assert_eq!(suite.order("unlock.sock", b'f'), "passphrase vault");
    let runtime = suite.runtime();
    suite.signal(rustix::process::Signal::TERM);
    let (status, said) = suite.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("onion: serving\\u{1b}[2J"), "{said}");
    assert!(pids.iter().all(|pid| !alive(*pid)), "a child is left");
    assert!(!runtime.exists(), "nothing that says how it was stays behind");
}

#[test]
fn each_killed_child_is_restarted_at_once_with_its_edges() {
    let suite = Suite::client();
    for name in ["netd", "onion", "stored", "mediad"] {
        let old = suite.pid(name);
        let killed = Instant::now();
        let pid = rustix::process::Pid::from_raw(old as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let part = suite.wait_restart(name, old);
        eprintln!("{name} is back and sealed after {:?}", killed.elapsed());
        assert_eq!((part.restarts, part.last.as_deref()), (1, Some("signal 9")));
    }
    let edges = |socket, expected: &[&str]| {
        until(|| {
            let mut held: Vec<_> = suite.order(socket, b'e').split(' ').map(str::to_string).collect();
            held.sort();
            (held == expected).then_some(())
        })
    };
    edges("messenger.sock", &["stored-keyvault", "stored-mediad", "stored-onion"]);
    edges("operator.sock", &["onion-netd", "stored-onion"]);
    edges("unlock.sock", &["stored-keyvault"]);
}

/// On the control socket and on both ends of each edge: nothing goes, so nothing can be left in flight.
#[test]
fn descriptors_that_a_sealed_part_sends_go_nowhere() {
    let suite = Suite::client();
    assert_eq!(
        suite.order("operator.sock", b'n'),
        "sent 0, ENOTSOCK EPIPE",
        "netd, which has the call for QUIC"
    );
    for (socket, name) in
        [("operator.sock", "onion"), ("messenger.sock", "stored"), ("unlock.sock", "keyvault")]
    {
        let old = suite.pid(name);
        assert_eq!(suite.order(socket, b'r'), "", "{name}");
        assert_eq!(
            suite.wait_restart(name, old).last.as_deref(),
            Some("signal 31"),
            "{name} has no such call"
        );
    }
}

#[test]
fn a_lock_takes_stored_down_with_keyvault_and_nothing_else() {
    let suite = Suite::client();
    let (keyvault, stored, onion) = (suite.pid("keyvault"), suite.pid("stored"), suite.pid("onion"));
    suite.order("unlock.sock", b'2');
    let part = suite.wait_restart("keyvault", keyvault);
    assert_eq!(part.last.as_deref(), Some("lock"));
    suite.wait_restart("stored", stored);
    assert_eq!(suite.pid("onion"), onion);
    assert_eq!(suite.order("unlock.sock", b'f'), "vault", "the passphrase is granted once");
}

#[test]
fn a_wrong_passphrase_at_the_start_ends_the_suite_with_3() {
    let suite = Suite::client();
    suite.order("unlock.sock", b'3');
    let (status, said) = suite.end();
    assert_eq!(status.code(), Some(3));
    assert!(said.contains("wrong passphrase"), "{said}");
}

#[test]
fn a_part_that_falls_at_each_start_is_given_up_and_the_rest_stays_up() {
    let suite = Suite::client();
    let stored = suite.pid("stored");
    until(|| {
        if suite.part("onion").given_up {
            return Some(());
        }
        if suite.part("onion").pid.is_some() {
            suite.order("operator.sock", b'1');
        }
        None
    });
    assert_eq!((suite.part("onion").pid, suite.pid("stored")), (None, stored));
}

#[test]
fn no_child_outlives_a_killed_supervisor() {
    let mut suite = Suite::client();
    let pids: Vec<_> = suite.state().processes.iter().map(|part| part.pid.unwrap()).collect();
    suite.process.kill().unwrap();
    suite.process.wait().unwrap();
    until(|| pids.iter().all(|pid| !alive(*pid)).then_some(()));
}

#[test]
fn a_relay_runs_its_three_processes_and_no_keyvault() {
    let relay = Settings { relay: true, ..settings() };
    let suite = Suite::start(relay, None);
    until(|| {
        let state = State::read(&suite.runtime()).ok()?;
        let names: Vec<_> = state.processes.iter().map(|part| part.name.clone()).collect();
        (names == ["netd", "onion", "stored"]).then_some(())
    });
    suite.signal(rustix::process::Signal::INT);
    assert_eq!(suite.end().0.code(), Some(0));
}

#[test]
fn a_new_profile_without_a_passphrase_is_refused_with_2() {
    let (status, said) = Suite::start(settings(), None).end();
    assert_eq!(status.code(), Some(2));
    assert!(said.lines().count() <= 2 && said.contains("--passphrase-fd"), "{said}");
}

#[test]
fn a_missing_binary_is_named_and_nothing_is_left_running() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("profile")).unwrap();
    let program = binaries(dir.path()).join("supervisor");
    fs::remove_file(dir.path().join("bin/onion")).unwrap();
    let process = launch(dir.path(), &program, settings(), Some(passphrase()));
    let (status, said) = Suite { dir, process }.end();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("bin/onion"), "{said}");
}
