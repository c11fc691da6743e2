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
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ipc_schema::grant::Settings;
use supervisor::options::{Gifts, Options, Start};
use supervisor::state::{Part, State};
use supervisor::{StartError, lock, running};

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
    place(&supervisor, &folder.join("supervisor"));
    for name in ["keyvault", "netd", "onion", "stored", "mediad", "privatus-ui"] {
        place(&child, &folder.join(name));
    }
    folder
}

/// A program under another name. Not copied by this process: a test beside this one that forks meanwhile would hold the copy open
/// for writing, and nobody could run it ("Text file busy").
fn place(program: &Path, at: &Path) {
    if fs::hard_link(program, at).is_err() {
        assert!(Command::new("cp").arg(program).arg(at).status().unwrap().success());
    }
}

fn settings() -> Settings {
    Settings { headless: true, network_name: "test".into(), network_id: [1; 32], ..Settings::default() }
}

fn passphrase() -> OwnedFd {
    line("secret\n")
}

fn line(text: &str) -> OwnedFd {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    rustix::io::write(&write, text.as_bytes()).unwrap();
    read
}

/// The test child is told by the network's name: see `idle_child`.
fn on_network(name: &str) -> Settings {
    Settings { network_name: name.into(), ..settings() }
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
    fn order(&self, socket: &str, order: u8) -> std::io::Result<String> {
        let mut answer = String::new();
        let mut stream = UnixStream::connect(self.runtime().join(socket))?;
        // A part that is down leaves it waiting at the door.
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let _ = stream.write_all(&[order]);
        stream.read_to_string(&mut answer).map(|_| answer)
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

fn until<T>(mut what: impl FnMut() -> Option<T>) -> T {
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
    let mut suite = Suite::client();
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
    let state_file = suite.runtime().join("state.json");
    let written = || fs::metadata(&state_file).unwrap().modified().unwrap();
    let quiet = until(|| {
        let before = written();
        std::thread::sleep(Duration::from_millis(300));
        (written() == before).then_some(before)
    });
    assert_eq!(suite.order("messenger.sock", b'e').unwrap(), "stored-keyvault stored-onion stored-mediad");
    assert_eq!(suite.order("operator.sock", b'e').unwrap(), "stored-onion onion-netd");
    assert_eq!(suite.order("unlock.sock", b'e').unwrap(), "stored-keyvault");
    assert_eq!(suite.order("unlock.sock", b'f').unwrap(), "passphrase vault");
    assert_eq!(written(), quiet, "where nothing changed nothing is written down");
    let runtime = suite.runtime();
    suite.signal(rustix::process::Signal::TERM);
    let mut more = String::new();
    suite.process.stdout.take().unwrap().read_to_string(&mut more).unwrap();
    assert_eq!(more, "", "it says that it is ready once");
    let (status, said) = suite.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("onion: serving\\u{1b}[2J"), "{said}");
    assert_eq!(said.contains("runs as root"), nix::unistd::geteuid().is_root(), "{said}");
    assert!(pids.iter().all(|pid| !alive(*pid)), "a child is left");
    assert!(!runtime.exists(), "nothing that says how it was stays behind");
}

#[test]
fn a_running_suite_is_found_by_the_kernels_word_and_nothing_that_only_looks_like_it() {
    let suite = Suite::client();
    let (profile, pid) = (suite.dir.path().join("profile"), suite.process.id().cast_signed());
    let found = running::find(&profile).unwrap();
    assert_eq!((found.pid, &found.runtime, &found.folder), (pid, &suite.runtime(), &profile));
    assert_eq!((lock::holder(&profile), running::all(&profile)), (Some(pid), vec![found.clone()]));
    let parts = suite.state().processes.iter().filter(|part| part.pid.is_some()).count();
    assert_eq!(running::children_of(pid).len(), parts);
    let held = lock::take(&profile, &suite.runtime()).unwrap_err();
    assert!(matches!(held, StartError::InUse { pid: Some(by), .. } if by == pid), "{held}");

    let other = tempfile::tempdir().unwrap();
    assert_eq!((running::find(other.path()), lock::holder(other.path())), (None, None));
    // What is called a supervisor and names another folder, and what names this one and is called something else.
    for (name, folder) in [("supervisor", other.path()), ("sleeper", profile.as_path())] {
        let mut pretender = Command::new("sh");
        pretender.arg0(name).arg("-c").arg("read wait").arg(format!("--folder={}", folder.display()));
        let mut pretender = pretender.stdin(Stdio::piped()).spawn().unwrap();
        assert_eq!(running::all(&profile), vec![found.clone()], "{name}");
        pretender.kill().unwrap();
        pretender.wait().unwrap();
    }

    fs::remove_file(profile.join("lock")).unwrap();
    assert_eq!(running::find(&profile), Some(found.clone()), "the lock's name is gone, the suite is not");
    assert_eq!(found.file("state.json").unwrap(), suite.runtime().join("state.json"));
    fs::set_permissions(suite.runtime(), fs::Permissions::from_mode(0o750)).unwrap();
    assert!(found.file("state.json").is_err(), "a folder that others can look into");
    assert!(found.handle().is_ok());
    suite.signal(rustix::process::Signal::TERM);
    suite.end();
    assert!(found.handle().is_err() && running::find(&profile).is_none());
}

#[test]
fn who_takes_a_folder_is_written_down_for_people() {
    let dir = tempfile::tempdir().unwrap();
    let _held = lock::take(dir.path(), Path::new("/run/there")).unwrap();
    let text = fs::read_to_string(dir.path().join("lock")).unwrap();
    assert_eq!(text, format!("{}\n/run/there\n", std::process::id()));
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
            let mut held: Vec<_> =
                suite.order(socket, b'e').unwrap_or_default().split(' ').map(str::to_string).collect();
            held.sort();
            (held == expected).then_some(())
        })
    };
    edges("messenger.sock", &["stored-keyvault", "stored-mediad", "stored-onion"]);
    edges("operator.sock", &["onion-netd", "stored-onion"]);
    edges("unlock.sock", &["stored-keyvault"]);
    suite.signal(rustix::process::Signal::TERM);
    let (_, said) = suite.end();
    for name in ["netd", "onion", "stored", "mediad"] {
        assert!(said.contains(&format!("supervisor: {name} ended: signal 9")), "{said}");
    }
}

/// On the control socket and on both ends of each edge: nothing goes, so nothing can be left in flight.
#[test]
fn descriptors_that_a_sealed_part_sends_go_nowhere() {
    let suite = Suite::client();
    assert_eq!(
        suite.order("operator.sock", b'n').unwrap(),
        "sent 0, ENOTSOCK EPIPE",
        "netd, which has the call for QUIC"
    );
    for (socket, name) in
        [("operator.sock", "onion"), ("messenger.sock", "stored"), ("unlock.sock", "keyvault")]
    {
        let old = suite.pid(name);
        assert_eq!(suite.order(socket, b'r').unwrap_or_default(), "", "{name}");
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
    let _ = suite.order("unlock.sock", b'2');
    let part = suite.wait_restart("keyvault", keyvault);
    assert_eq!(part.last.as_deref(), Some("lock"));
    suite.wait_restart("stored", stored);
    assert_eq!(suite.pid("onion"), onion);
    assert_eq!(suite.order("unlock.sock", b'f').unwrap(), "vault", "the passphrase is granted once");
}

#[test]
fn what_keyvault_says_at_its_start_ends_the_suite_each_with_its_own_line() {
    for (digit, code, words) in [
        ("3", 3, "wrong passphrase"),
        ("4", 1, "damaged"),
        ("6", 1, "later version"),
        ("7", 1, "in use"),
        ("8", 1, "too little memory"),
        ("1", 1, "did not take the passphrase"),
        ("9", 1, "before it had tried the passphrase"),
    ] {
        let (status, said) = Suite::start(settings(), Some(line(&format!("{digit}\n")))).end();
        assert_eq!(status.code(), Some(code), "{digit}: {said}");
        let last = said.lines().rfind(|line| line.starts_with("privatus:")).unwrap_or_default();
        assert!(last.contains(words), "{digit}: {said}");
        assert_eq!(last.contains("damaged"), digit == "4", "{digit}: {said}");
    }
}

#[test]
fn a_setting_that_cannot_be_had_ends_the_suite_at_the_start_of_who_may_say_so() {
    for name in ["netd", "onion", "stored"] {
        let (status, said) = Suite::start(on_network(&format!("{name}5")), Some(passphrase())).end();
        assert_eq!(status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(&format!("privatus: {name} could not start")), "{said}");
    }
}

#[test]
fn no_part_names_the_suites_end_once_its_start_is_complete() {
    for (name, code) in
        [("netd", 5), ("netd", 4), ("onion", 3), ("stored", 4), ("mediad", 5), ("keyvault", 4)]
    {
        let mut suite = Suite::start(on_network(&format!("{name}+{code}")), Some(passphrase()));
        suite.wait_ready();
        // In each life at once, so that the byte and the end come together.
        let part = until(|| Some(suite.part(name)).filter(|part| part.restarts >= 3));
        let word = if name == "netd" && code == 5 {
            "a setting"
        } else if name == "keyvault" {
            "vault"
        } else {
            "exit"
        };
        assert!(part.last.as_deref().unwrap().starts_with(word), "{part:?}");
        suite.signal(rustix::process::Signal::TERM);
        let (status, said) = suite.end();
        assert_eq!(status.code(), Some(0), "{name} {code}: {said}");
        let ends =
            said.lines().filter(|line| line.starts_with("privatus:") && !line.contains("runs as root"));
        assert_eq!(ends.count(), 0, "{name} {code}: {said}");
    }
    let suite = Suite::client();
    for (socket, name) in
        [("unlock.sock", "keyvault"), ("operator.sock", "onion"), ("messenger.sock", "stored")]
    {
        for code in b"345678".chunks(2) {
            let old = until(|| suite.part(name).pid);
            until(|| suite.order(socket, b'e').ok());
            let _ = suite.order(socket, code[0]);
            suite.wait_restart(name, old);
        }
    }
    suite.signal(rustix::process::Signal::TERM);
    assert_eq!(suite.end().0.code(), Some(0));
}

#[test]
fn a_part_that_never_gets_started_ends_the_suite_before_it_says_ready() {
    let (status, said) = Suite::start(on_network("onion1"), Some(passphrase())).end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("privatus: onion could not start"), "{said}");
}

#[test]
fn twelve_locks_in_a_row_are_no_falls() {
    let suite = Suite::client();
    for _ in 0..12 {
        let old = until(|| suite.part("keyvault").pid);
        until(|| suite.order("unlock.sock", b'e').ok());
        let _ = suite.order("unlock.sock", b'2');
        suite.wait_restart("keyvault", old);
    }
    let part = until(|| Some(suite.part("keyvault")).filter(|part| part.restarts == 12));
    assert_eq!((part.falls, part.given_up), (0, false), "{part:?}");
    let state = suite.state();
    assert_eq!(state.processes.iter().map(|part| part.falls).sum::<u32>(), 0, "{state:?}");
}

#[test]
fn a_keyvault_that_locks_in_a_loop_does_not_keep_the_machine_busy() {
    let mut suite = Suite::start(on_network("keyvault+2"), Some(passphrase()));
    suite.wait_ready();
    let begun = Instant::now();
    let first = suite.part("keyvault").restarts;
    let part = until(|| Some(suite.part("keyvault")).filter(|part| part.restarts >= first + 12));
    let most = begun.elapsed().as_millis() / 200 + 3;
    assert!(u128::from(part.restarts - first) <= most, "{} in {:?}", part.restarts - first, begun.elapsed());
    assert!(!part.given_up && part.falls == 0, "{part:?}");
}

#[test]
fn a_mediad_that_is_done_at_once_again_and_again_is_slowed_down() {
    let mut suite = Suite::start(on_network("mediad+0"), Some(passphrase()));
    suite.wait_ready();
    // Sixteen at once, then ever slower: when the waits are a second long, the same process stays away between two looks.
    let mut gone = 0;
    until(|| {
        gone = if suite.part("mediad").pid.is_none() { gone + 1 } else { 0 };
        (gone == 50).then_some(())
    });
    let part = suite.part("mediad");
    assert_eq!((part.restarts, part.given_up), (0, false), "{part:?}");
    suite.signal(rustix::process::Signal::TERM);
    let (_, said) = suite.end();
    assert!(!said.contains("mediad ended"), "a job that is done is no news: {said}");
}

#[test]
fn who_floods_stderr_waits_in_its_own_write_while_the_others_are_served() {
    let suite = Suite::client();
    let begun = Instant::now();
    assert_eq!(suite.order("messenger.sock", b's').ok().as_deref(), Some(""));
    let taken = || suite.order("messenger.sock", b'c').ok()?.parse::<u64>().ok();
    let first = until(|| taken().filter(|bytes| *bytes > 32 << 10));
    std::thread::sleep(Duration::from_secs(2));
    let bytes = until(taken);
    // What may be passed on by now, what the pipe and the supervisor hold, and room for one more line of each.
    let most = (64 + 16 * (begun.elapsed().as_secs() + 1)) * 512 + (64 << 10) + 2 * 4096;
    assert!(bytes <= most, "{bytes} bytes were taken, of {most} at most");
    until(|| taken().filter(|bytes| *bytes > first));
    let onion = suite.pid("onion");
    suite.order("operator.sock", b'1').unwrap();
    suite.wait_restart("onion", onion);
    // It stops within the time that it has, though it can say no more.
    let stop = Instant::now();
    suite.signal(rustix::process::Signal::TERM);
    assert_eq!(suite.end().0.code(), Some(0));
    assert!(stop.elapsed() < Duration::from_secs(9), "{:?}", stop.elapsed());
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
            let _ = suite.order("operator.sock", b'1');
        }
        None
    });
    assert_eq!((suite.part("onion").pid, suite.pid("stored")), (None, stored));
    let waits = suite.order("operator.sock", b'e').unwrap_err().kind();
    assert_eq!(waits, std::io::ErrorKind::WouldBlock, "whoever comes waits at the door and is not sent away");
}

#[test]
fn a_quiet_suite_sleeps_and_who_comes_too_often_is_served_later() {
    let suite = Suite::client();
    let ticks = || -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", suite.process.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_millis(700));
    let used = ticks() - before;
    assert!(used < 10, "{used} hundredths of a second in 70");
    // More than are let in at once: the others are, as soon as they may, though nothing else happens then.
    let connect = |_| {
        let mut stream = UnixStream::connect(suite.runtime().join("operator.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"e").unwrap();
        stream
    };
    for mut stream in (0..80).map(connect).collect::<Vec<_>>() {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "stored-onion onion-netd");
    }
}

#[test]
fn a_part_that_does_not_stop_is_given_its_time_and_killed() {
    let suite = Suite::client();
    let netd = rustix::process::Pid::from_raw(suite.pid("netd").cast_signed()).unwrap();
    rustix::process::kill_process(netd, rustix::process::Signal::STOP).unwrap();
    let stop = Instant::now();
    suite.signal(rustix::process::Signal::TERM);
    assert_eq!(suite.end().0.code(), Some(0));
    let took = stop.elapsed();
    assert!(Duration::from_secs(4) < took && took < Duration::from_secs(9), "{took:?}");
    assert!(!alive(netd.as_raw_nonzero().get().cast_unsigned()));
}

/// One part hangs, as one that was taken over may.
#[test]
fn whoever_asks_for_it_has_the_keys_destroyed_once_nobody_lives_who_could_write_them_again() {
    let suite = Suite::client();
    let vault = suite.dir.path().join("profile/vault");
    fs::write(&vault, "key".repeat(10_000)).unwrap();
    // Kept open: the folder goes with the suite.
    let mut vault = fs::File::open(&vault).unwrap();
    let pids: Vec<_> = suite.state().processes.iter().map(|part| part.pid.unwrap()).collect();
    let keyvault = rustix::process::Pid::from_raw(suite.pid("keyvault").cast_signed()).unwrap();
    rustix::process::kill_process(keyvault, rustix::process::Signal::STOP).unwrap();
    let asked = Instant::now();
    let supervisor = rustix::process::Pid::from_child(&suite.process);
    let supervisor = rustix::process::pidfd_open(supervisor, rustix::process::PidfdFlags::empty()).unwrap();
    sandbox::signals::ask_to_destroy(supervisor.as_fd()).unwrap();
    let (status, said) = suite.end();
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(status.code() == Some(0) && said.contains("the keys are destroyed"), "{status:?} {said}");
    assert!(pids.iter().all(|pid| !alive(*pid)), "a child is left");
    let mut left = Vec::new();
    vault.read_to_end(&mut left).unwrap();
    assert!(left.len() == 30_000 && !left.windows(6).any(|bytes| bytes == b"keykey"));
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
