//! The command line and the supervisor trust the kernel, not the files of a folder: what somebody planted there, or in the
//! runtime folder, gets no passphrase, ends no process, and moves nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use privatus_tests::{PASSPHRASE, Person, Suite, alive, ask, children_of, folder, now, privatus, until};

/// A user that owns nothing else.
const OTHER: u32 = 45_679;
const NETWORK: &str = "files";

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn mkfifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
}

/// Where the suite's sockets are: the harness starts it without a runtime folder of the user's.
fn runtime(person: &Person) -> PathBuf {
    person.dir.path().join("run")
}

/// A listener in somebody else's hands, and what it was told.
fn listen(at: &Path) -> std::thread::JoinHandle<Vec<u8>> {
    let listener = UnixListener::bind(at).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

#[test]
fn a_passphrase_goes_to_the_suite_whatever_the_lock_file_says() {
    let person = Person::start(NETWORK, &[], None);
    let evil = tempfile::tempdir().unwrap();
    let told = listen(&evil.path().join("unlock.sock"));
    let pid = person.suite.pids()["supervisor"];
    let text = format!("{pid}\n{}\n", evil.path().display());
    fs::write(person.dir.path().join("lock"), text).unwrap();
    person.unlock();
    assert!(!told.is_finished(), "the listener that the lock names was asked");
}

#[test]
fn a_passphrase_is_not_sent_to_who_took_the_sockets_place() {
    let person = Person::start(NETWORK, &[], None);
    let socket = runtime(&person).join("unlock.sock");
    fs::rename(&socket, runtime(&person).join("real")).unwrap();
    let told = listen(&socket);
    let answer = person.suite.ask_with(&["unlock", "--passphrase-fd", "0"], PASSPHRASE);
    assert!(answer.code != 0 && answer.err.contains("nothing was sent"), "{answer:?}");
    assert_eq!(told.join().unwrap(), b"", "not a byte");
}

#[test]
fn a_runtime_folder_that_others_can_write_is_not_used() {
    let person = Person::start(NETWORK, &[], None);
    fs::set_permissions(runtime(&person), fs::Permissions::from_mode(0o777)).unwrap();
    let answer = person.suite.ask_with(&["unlock", "--passphrase-fd", "0"], PASSPHRASE);
    assert!(answer.code != 0 && answer.err.contains("open to other users"), "{answer:?}");
}

/// A process that holds the folder's lock as a supervisor does.
fn hold_lock(folder: &Path, arguments: &[&str]) -> std::process::Child {
    let script = "import fcntl,sys\nf=open(sys.argv[1],'r+')\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint('held',flush=True)\nsys.stdin.read()";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(folder.join("lock"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    child
}

#[test]
fn no_process_is_ended_because_it_holds_a_lock_or_a_file_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let precious = tempfile::tempdir().unwrap();
    fs::write(precious.path().join("only"), "x").unwrap();
    let mut sleeping = Command::new("sleep").arg("600").spawn().unwrap();
    let text = format!("{}\n{}\n", sleeping.id(), precious.path().display());
    fs::write(dir.path().join("lock"), text).unwrap();
    let mut holder = hold_lock(dir.path(), &[]);
    for command in [&["stop"][..], &["status"], &["audit"], &["panic", "--yes"]] {
        let answer = ask(dir.path(), command, "", None);
        assert!(answer.code != 0 && answer.err.lines().count() == 1, "{answer:?}");
        assert!(alive(sleeping.id()) && alive(holder.id()), "{command:?}");
    }
    assert!(precious.path().join("only").exists());
    for child in [&mut sleeping, &mut holder] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// All that `panic` promises: nobody lives, and the keys were overwritten.
fn assert_burnt(mut vault: File, pids: &[u32]) {
    until("nobody lives", || pids.iter().all(|pid| !alive(*pid)).then_some(()));
    let mut bytes = Vec::new();
    vault.read_to_end(&mut bytes).unwrap();
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    assert!(!bytes.is_empty() && zeros < bytes.len() / 100, "{zeros} of {} bytes are zero", bytes.len());
}

fn everybody(suite: &Suite) -> Vec<u32> {
    let supervisor = suite.pids()["supervisor"];
    children_of(supervisor).into_iter().chain([supervisor]).collect()
}

#[test]
fn panic_finds_the_suite_where_the_lock_is_gone() {
    let person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let (vault, pids) = (person.file("vault"), everybody(&person.suite));
    fs::remove_file(person.dir.path().join("lock")).unwrap();
    let answer = person.suite.ask(&["panic", "--yes"]).ok();
    assert_eq!(answer.out.trim(), "destroyed");
    assert_burnt(vault, &pids);
}

#[test]
fn panic_destroys_the_keys_of_a_suite_whose_parts_are_stuck() {
    let person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let (vault, pids) = (person.file("vault"), everybody(&person.suite));
    for pid in pids.iter().filter(|pid| **pid != person.suite.pid()) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(*pid).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    }
    let _ = person.suite.ask(&["panic", "--yes"]).ok();
    assert_burnt(vault, &pids);
}

#[test]
fn panic_overwrites_what_keyvault_has_open_where_the_name_leads_elsewhere() {
    let person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let (vault, pids) = (person.file("vault"), everybody(&person.suite));
    fs::rename(person.dir.path().join("vault"), person.dir.path().join("keep")).unwrap();
    let answer = person.suite.ask(&["panic", "--yes"]);
    assert!(answer.code == 1 && answer.err.contains("no vault"), "not called done: {answer:?}");
    assert_burnt(vault, &pids);
}

/// Everything below a folder, with what a change would change.
fn picture(folder: &Path) -> Vec<(PathBuf, u32, u32, u64, Option<PathBuf>, i64)> {
    let mut rows = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(path) = folders.pop() {
        let looked = fs::symlink_metadata(&path).unwrap();
        if looked.is_dir() {
            folders.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let link = fs::read_link(&path).ok();
        rows.push((path, looked.mode(), looked.uid(), looked.len(), link, looked.mtime_nsec()));
    }
    rows.sort();
    rows
}

/// Makes the thing at the path.
type Plant = fn(&Path);

fn plants() -> Vec<(&'static str, Plant)> {
    vec![
        ("a pipe", mkfifo),
        ("a link to a file", |at| {
            fs::write(at.with_file_name("target.txt"), "x").unwrap();
            symlink("target.txt", at).unwrap();
        }),
        ("a link to nowhere", |at| symlink("nowhere", at).unwrap()),
        ("an endless file", |at| symlink("/dev/zero", at).unwrap()),
        ("a folder", |at| fs::create_dir(at).unwrap()),
        ("a second name", |at| {
            fs::write(at, "x").unwrap();
            fs::hard_link(at, at.with_file_name("name2.txt")).unwrap();
        }),
        ("a huge file", |at| File::create(at).unwrap().set_len(1 << 40).unwrap()),
        ("a socket", |at| drop(UnixListener::bind(at).unwrap())),
    ]
}

/// Runs a command on a planted folder: one line on stderr within two seconds, and nothing has changed.
fn refused(dir: &Path, what: &str, mut command: Command) {
    let before = picture(dir);
    let begun = now();
    let output = command.stdin(Stdio::null()).output().unwrap();
    let lasted = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{what}: {output:?}");
    // Run as root, it says that first.
    let lines = said.lines().filter(|line| !line.contains("runs as root")).count();
    assert_eq!(lines, 1, "{what}: {said}");
    assert!(lasted < Duration::from_secs(2), "{what}: {lasted:?}");
    assert_eq!(picture(dir), before, "{what}");
}

#[test]
fn a_hostile_profile_folder_is_told_in_a_line_and_nothing_of_it_is_touched() {
    for name in ["vault", "network", "lock", "onion.state", "vault.old", "ui.state"] {
        for (what, plant) in plants() {
            let dir = tempfile::tempdir().unwrap();
            if name != "vault" {
                fs::write(dir.path().join("vault"), vec![7; 4096]).unwrap();
            }
            plant(&dir.path().join(name));
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o2755)).unwrap();
            let mut run = privatus(None);
            run.args(["run", "--headless", "--profile"]).arg(dir.path());
            refused(dir.path(), &format!("run, {name}: {what}"), run);
            for asked in [&["status"][..], &["stop"], &["audit"]] {
                let mut command = privatus(None);
                command.arg("--profile").arg(dir.path()).args(asked);
                refused(dir.path(), &format!("{asked:?}, {name}: {what}"), command);
            }
        }
    }
}

#[test]
fn a_hostile_vault_is_not_overwritten_by_panic() {
    for (what, plant) in plants() {
        let dir = tempfile::tempdir().unwrap();
        plant(&dir.path().join("vault"));
        let mut command = privatus(None);
        command.arg("--profile").arg(dir.path()).args(["panic", "--yes"]);
        refused(dir.path(), &format!("panic: {what}"), command);
    }
}

#[test]
fn a_hostile_relay_folder_is_told_in_a_line_and_nothing_of_it_is_touched() {
    for name in ["netd.state", "network", "lock", "onion.state", "relay.toml"] {
        for (what, plant) in plants() {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("mailboxes")).unwrap();
            plant(&dir.path().join(name));
            let mut command = privatus(None);
            command.args(["relay", "--network", NETWORK, "--dir"]).arg(dir.path());
            refused(dir.path(), &format!("relay, {name}: {what}"), command);
        }
    }
}

#[test]
fn a_wrong_folder_is_judged_before_anything_in_it_changes() {
    let commands: [(&str, &[&str]); 2] = [
        ("--profile", &["run", "--headless", "--network", NETWORK]),
        ("--dir", &["relay", "--network", NETWORK]),
    ];
    for (option, command) in commands {
        for mode in [0o1777, 0o2775] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("taxes.ods"), "x").unwrap();
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            let mut wrong = privatus(None);
            wrong.args(command).arg(option).arg(dir.path());
            refused(dir.path(), &format!("{command:?}"), wrong);
        }
    }
}

#[test]
fn a_folder_that_is_not_utf_8_is_reached_and_so_is_the_suite_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let name: OsString = std::os::unix::ffi::OsStringExt::from_vec(b"caf\xe9 \xff".to_vec());
    let folder = dir.path().join(name);
    let mut command = privatus(None);
    command
        .args(["run", "--headless", "--network", NETWORK, "--passphrase-fd", "0", "--profile"])
        .arg(&folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let suite = Suite::spawn(&folder, command, PASSPHRASE, None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    assert_eq!(ask(&folder, &["status"], "", None).code, 0);
    assert_eq!(ask(&folder, &["stop"], "", None).code, 0);
}

#[test]
fn a_profile_of_the_old_shape_moves_once_and_keeps_its_history() {
    let mut person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    assert_eq!(person.suite.stop(), 0);
    let at = |name: &str| person.dir.path().join(name);
    for entry in fs::read_dir(at("history")).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), at(entry.file_name().to_str().unwrap())).unwrap();
    }
    fs::remove_dir(at("history")).unwrap();
    let person = Person::again(person.dir.clone(), NETWORK, &[], None);
    person.wait_unlocked();
    assert!(person.suite.ask(&["profile", "name"]).ok().out.contains("Alice"));
    assert!(!at("store.db").exists() && at("history/store.db").exists());
}

#[test]
fn the_passphrases_descriptor_is_closed_once_it_was_granted() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, PASSPHRASE).unwrap();
    let profile = dir.path().join("profile");
    let file = File::open(&secret).unwrap();
    let number = file.as_raw_fd();
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let mut command = privatus(None);
    command.args(["run", "--headless", "--network", NETWORK, "--passphrase-fd", &number.to_string()]);
    command.arg("--profile").arg(&profile);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let suite = Suite::spawn(&profile, command, "", None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    if is_root() {
        for pid in everybody(&suite) {
            let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
            let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            assert!(links.into_iter().all(|link| link != secret), "process {pid} still has it");
        }
    }
}

/// A command that waits for its passphrase, as another user or root.
fn waiting_unlock(person: &Person, uid: Option<u32>) -> std::process::Child {
    let mut command = privatus(uid);
    command.arg("--profile").arg(person.dir.path()).args(["unlock", "--passphrase-fd", "0"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn nobody_of_the_same_user_reads_the_memory_of_a_command_or_of_the_supervisor() {
    if !is_root() {
        return;
    }
    let person = Person::start(NETWORK, &[], Some(OTHER));
    let mut command = waiting_unlock(&person, Some(OTHER));
    let looks = |pid: u32| {
        let mut look = Command::new("head");
        look.args(["-c", "0", &format!("/proc/{pid}/mem")]).uid(OTHER).gid(OTHER);
        look.stderr(Stdio::null()).status().unwrap().success()
    };
    // The test can tell: it may look into a process of that user that does not mind.
    let mut open = Command::new("sleep").arg("600").uid(OTHER).gid(OTHER).spawn().unwrap();
    until("sleep runs", || looks(open.id()).then_some(()));
    until("the command runs", || (!looks(command.id())).then_some(()));
    assert!(everybody(&person.suite).into_iter().all(|pid| !looks(pid)));
    for child in [&mut open, &mut command] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn root_becomes_the_folders_owner_before_it_looks_at_what_lies_there() {
    if !is_root() {
        return;
    }
    let person = Person::start(NETWORK, &[], Some(OTHER));
    let mut command = waiting_unlock(&person, None);
    let uid = |pid: u32| sandbox::read_proc_status(pid).map(|status| status.uid).unwrap_or(0);
    until("it has left root", || (uid(command.id()) == OTHER).then_some(()));
    command.stdin.take().unwrap().write_all(PASSPHRASE.as_bytes()).unwrap();
    assert!(command.wait().unwrap().success());
    // What root alone may remove stays: the command that would is not root's.
    let dir = folder(Some(OTHER));
    fs::write(dir.path().join("vault"), "keys").unwrap();
    assert_eq!(
        ask(dir.path(), &["panic", "--yes"], "", None).code,
        1,
        "the vault is root's, not the owner's"
    );
    assert_eq!(fs::read(dir.path().join("vault")).unwrap(), b"keys");
}

#[test]
fn two_suites_do_not_share_a_folder_and_a_killed_one_leaves_it_free() {
    let mut person = Person::start(NETWORK, &[], None);
    let folder = person.dir.path().to_str().unwrap();
    let run = ["run", "--headless", "--profile", folder, "--passphrase-fd", "0"];
    let (code, said) = Suite::start(person.dir.path(), &run, PASSPHRASE, None).end();
    assert!(code == 1 && said.contains(&person.suite.pid().to_string()), "{said}");
    person.suite.kill();
    let person = Person::again(person.dir.clone(), NETWORK, &[], None);
    person.wait_unlocked();
}
