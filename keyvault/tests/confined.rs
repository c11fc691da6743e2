//! The real binary behind its real walls, driven over its control socket and edges, killed and started again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use ipc_schema::edges::stored_keyvault_capnp::{
    begin_result, finish_invite_result, gate, sign_result, vault,
};
use ipc_schema::edges::ui_keyvault_capnp::{UnlockResult, unlock};
use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::{self, Grant, Settings};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use sandbox::spawn::{SpawnSpec, spawn};
use tokio::task::LocalSet;

#[path = "confined/memory.rs"]
mod memory;

/// A running keyvault; killed when dropped.
struct Running {
    pid: Pid,
    control: Option<OwnedFd>,
    stderr: File,
    settled: std::io::PipeReader,
    ended: bool,
}

struct Start<'a> {
    vault: &'a Path,
    passphrase: Option<&'a [u8]>,
}

impl Start<'_> {
    fn run(&self) -> (Running, gate::Client, unlock::Client) {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let (stderr, stderr_end) = std::io::pipe().unwrap();
        let arguments = sandbox::Args {
            name: "keyvault".into(),
            namespaces: false,
            role: sandbox::Role::Client,
            folder: None,
            without_walls: false,
        };
        let pid = spawn(&SpawnSpec {
            program: Path::new(env!("CARGO_BIN_EXE_keyvault")),
            argv: arguments.to_argv(),
            environment: vec![],
            control: theirs.as_fd(),
            stdout: stderr_end.as_fd(),
            stderr: stderr_end.as_fd(),
        })
        .unwrap();
        let send = |grant| grant::send(ours.as_fd(), &grant).unwrap();
        send(Grant::Settings(Settings { headless: true, ..Settings::default() }));
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(self.vault).unwrap();
        send(Grant::File { name: "vault".into(), file: file.into() });
        if let Some(passphrase) = self.passphrase {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(passphrase).unwrap();
            send(Grant::File { name: "passphrase".into(), file: reader.into() });
        }
        let (settled, settled_end) = std::io::pipe().unwrap();
        send(Grant::File { name: "settled".into(), file: settled_end.into() });
        let gate = ipc_schema::rpc::connect(granted_edge(&send, "stored-keyvault", false)).unwrap().0;
        let unlock = ipc_schema::rpc::connect(granted_edge(&send, "ui-keyvault", true)).unwrap().0;
        send(Grant::Ready);
        let stderr = OwnedFd::from(stderr).into();
        (Running { pid, control: Some(ours), stderr, settled, ended: false }, gate, unlock)
    }
}

fn granted_edge(send: &impl Fn(Grant), name: &str, outside: bool) -> EdgeEnds {
    let (ours, ends) = if outside {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (ours.into(), theirs.into())
    } else {
        EdgeEnds::pipes().unwrap()
    };
    send(Grant::Edge { name: name.into(), caller: false, ends });
    ours
}

impl Running {
    /// How it ended, and what it said.
    fn wait(mut self) -> (WaitStatus, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        self.ended = true;
        (waitpid(self.pid, None).unwrap(), said)
    }

    /// Waits until the passphrase was tried.
    fn settle(&mut self) {
        assert_eq!(self.settled.read(&mut [0]).unwrap(), 1);
    }

    /// Private memory in use, KiB.
    fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn kill(self) {
        kill(self.pid, Signal::SIGKILL).unwrap();
        assert!(matches!(self.wait().0, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    }

    fn stop(mut self) -> (WaitStatus, String) {
        self.control.take();
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

async fn vault_of(gate: &gate::Client) -> (vault::Client, Vec<u8>) {
    let answer = gate.open_request().send().promise.await.unwrap();
    let unlocked = answer.get().unwrap().get_unlocked().unwrap();
    (unlocked.get_vault().unwrap(), unlocked.get_store_key().unwrap().to_vec())
}

async fn begin_invite(vault: &vault::Client) -> Vec<u8> {
    let mut request = vault.begin_invite_request();
    request.get().set_invite(1);
    request.get().set_relay(&[7; 32]);
    let answer = request.send().promise.await.unwrap();
    match answer.get().unwrap().get_result().unwrap().which().unwrap() {
        begin_result::AuthKey(key) => key.unwrap().to_vec(),
        begin_result::Error(error) => panic!("{error:?}"),
    }
}

async fn finish_invite(vault: &vault::Client) -> String {
    let mut request = vault.finish_invite_request();
    request.get().set_invite(1);
    let mut created = request.get().init_created();
    created.set_receiver_queue(&[1; 24]);
    created.set_sender_queue(&[2; 24]);
    created.set_relay_key(&[9; 32]);
    let answer = request.send().promise.await.unwrap();
    match answer.get().unwrap().get_result().unwrap().which().unwrap() {
        finish_invite_result::Invite(invite) => invite.get_link().unwrap().to_string().unwrap(),
        finish_invite_result::Error(error) => panic!("{error:?}"),
    }
}

async fn sign_subscribe(vault: &vault::Client) -> usize {
    let mut request = vault.sign_request();
    let mut purpose = request.get().init_purpose();
    purpose.set_relay(&[7; 32]);
    purpose.set_binding(&[3; 32]);
    purpose.set_subscribe(1);
    let answer = request.send().promise.await.unwrap();
    match answer.get().unwrap().get_result().unwrap().which().unwrap() {
        sign_result::Auth(auth) => auth.unwrap().len(),
        sign_result::Error(error) => panic!("{error:?}"),
    }
}

async fn unlock(client: &unlock::Client, passphrase: &[u8]) -> UnlockResult {
    let mut request = client.unlock_request();
    request.get().set_passphrase(passphrase);
    request.send().promise.await.unwrap().get().unwrap().get_verdict().unwrap().get_word().unwrap()
}

#[test]
fn a_vault_survives_kills_behind_its_walls_and_ends_as_it_should() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault");
        let with = |passphrase| Start { vault: &path, passphrase };

        let (running, gate, _) = with(Some(b"correct horse\n")).run();
        let (vault, store_key) = vault_of(&gate).await;
        let key = begin_invite(&vault).await;
        running.kill();

        let (running, gate, ui) = with(None).run();
        assert_eq!(unlock(&ui, b"wrong").await, UnlockResult::WrongPassphrase);
        assert_eq!(unlock(&ui, b"correct horse").await, UnlockResult::Ok);
        let (vault, same_store_key) = vault_of(&gate).await;
        assert_eq!(same_store_key, store_key);
        assert_eq!(begin_invite(&vault).await, key, "what was answered was durable");
        let link = finish_invite(&vault).await;
        running.kill();

        let (running, gate, ui) = with(Some(b"correct horse")).run();
        let (vault, _) = vault_of(&gate).await;
        assert_eq!(finish_invite(&vault).await, link);
        assert_eq!(sign_subscribe(&vault).await, 64);
        let _ = ui.lock_request().send().promise.await;
        let (status, said) = running.wait();
        assert_eq!(status, WaitStatus::Exited(status.pid().unwrap(), 2), "a lock: {said}");

        let (running, _, _) = with(Some(b"wrong\n")).run();
        let (status, said) = running.wait();
        assert_eq!(status, WaitStatus::Exited(status.pid().unwrap(), 3), "{said}");
        assert!(said.contains("wrong passphrase"), "{said}");

        let (mut running, gate, _) = with(Some(b"correct horse")).run();
        running.settle();
        vault_of(&gate).await;
        let memory = running.memory_kib();
        assert!(memory < 16 * 1024, "{memory} KiB are left in use after an unlock that takes 256 MiB");
        let (status, said) = running.stop();
        assert_eq!(status, WaitStatus::Exited(status.pid().unwrap(), 0), "{said}");
        assert_eq!(said, "");

        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(20_000).unwrap();
        let (running, gate, ui) = with(None).run();
        assert_eq!(unlock(&ui, b"wrong").await, UnlockResult::WrongPassphrase);
        assert_eq!(
            unlock(&ui, b"correct horse").await,
            UnlockResult::Damaged,
            "open as far as it can be read"
        );
        assert_eq!(vault_of(&gate).await.1, store_key, "history opens where no record is left");
        running.kill();

        file.set_len(4_000).unwrap();
        let (running, _, _) = with(None).run();
        let (status, said) = running.wait();
        assert_eq!(status, WaitStatus::Exited(status.pid().unwrap(), 4), "{said}");
        assert!(said.contains("damaged"), "{said}");
    });
}
