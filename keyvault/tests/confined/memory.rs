//! What can be read of a running keyvault's memory, by root: none of its secrets after a lock, and while it is unlocked at
//! most the store key. The root of the vault file and its record keys lie in memfd_secret, which even this cannot read
//! (sandbox's own test shows that), so they are looked for nowhere.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_schema::edges::ui_keyvault_capnp::VaultState;

use super::*;

#[path = "../stored_side/mod.rs"]
mod stored_side;

use stored_side::{Answer, Edge, Peer};

const PASSPHRASE: &[u8] = b"unlikely marmalade orbits quietly";
const WRONG: &[u8] = b"unlikely marmalade orbits quickly";
const FROM_PEER: &[u8] = b"the ferry leaves at four from the northern pier";
const TO_PEER: &[u8] = b"then I shall bring the notebook with the red cover";

/// Secrets by name. The allocator overwrites a freed block's first 16 bytes with its own, so each is known by its tail.
#[derive(Default)]
struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    fn add(&mut self, name: &'static str, secret: &[u8]) {
        let tail = &secret[secret.len().saturating_sub(16)..];
        assert!(tail.len() >= 12, "{name} is too short to be told from chance");
        self.0.push((name, tail.to_vec()));
    }

    /// The names of those that stand anywhere in the readable memory of a process.
    fn found_in(&self, pid: Pid) -> Vec<&'static str> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let mut found: Vec<&'static str> = Vec::new();
        for line in
            maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|flags| flags.starts_with('r')))
        {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
            // Argon2's work area: its own, and only there while it works.
            if to - from < 64 << 20 {
                found.extend(self.found_between(&memory, from, to));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn found_between(&self, memory: &File, from: u64, to: u64) -> Vec<&'static str> {
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // memfd_secret and the kernel's own pages cannot be read, by nobody.
        if memory.read_exact_at(&mut bytes, from).is_err() {
            return vec![];
        }
        let stands = |needle: &[u8]| {
            bytes
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == needle[0])
                .any(|(at, _)| bytes[at..].starts_with(needle))
        };
        self.0.iter().filter(|(_, needle)| stands(needle)).map(|(name, _)| *name).collect()
    }
}

fn may_look_into_others() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        eprintln!("left out: only root may look into a confined process");
    }
    is_root
}

async fn create(client: &unlock::Client, passphrase: &[u8]) -> UnlockResult {
    let mut request = client.create_request();
    request.get().set_passphrase(passphrase);
    request.send().promise.await.unwrap().get().unwrap().get_result().unwrap()
}

async fn set_scripts(client: &unlock::Client, passphrase: &[u8]) -> UnlockResult {
    let mut request = client.set_scripts_request();
    request.get().set_passphrase(passphrase);
    request.get().set_on(true);
    request.send().promise.await.unwrap().get().unwrap().get_verdict().unwrap().get_word().unwrap()
}

async fn state(client: &unlock::Client) -> VaultState {
    client.state_request().send().promise.await.unwrap().get().unwrap().get_vault().unwrap()
}

/// Looks into the process until told to stop; whether the secret was ever there.
fn watch(pid: Pid, name: &'static str, secret: &[u8]) -> impl FnOnce() -> bool {
    let mut secrets = Secrets::default();
    secrets.add(name, secret);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let watching = std::thread::spawn(move || {
        let mut seen = false;
        while !stopped.load(Ordering::Relaxed) {
            seen |= !secrets.found_in(pid).is_empty();
        }
        seen
    });
    move || {
        stop.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    }
}

/// A message each way over a new contact; what the link and the peer's text leave behind is to be looked for.
async fn converse(edge: &Edge, secrets: &mut Secrets) {
    edge.begin_invite(1).await.unwrap();
    let (link, blob) = edge.finish_invite(1, 1).await.unwrap();
    secrets.add("link", link.as_bytes());
    let packed = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        link.split_once('#').unwrap().1,
    )
    .unwrap();
    secrets.add("invite secret", &packed[2..34]);
    let (_, first, secured) = Peer::accepting(&link, &blob, FROM_PEER);
    let (answer, _) = edge.open_envelope(1, &secured[&first[0].queue], &first[0].bytes).await.unwrap();
    let Answer::Message { session, content, inner, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(content, FROM_PEER);
    edge.begin_receive_queue(30).await.unwrap();
    edge.finish_receive_queue(30, 30).await.unwrap();
    let sealed = edge.seal(session, 1, TO_PEER, &[30]).await.unwrap();
    assert_eq!(sealed.len(), 2);
    edge.forget(&[1], &[&inner]).await.unwrap();
}

/// The answer that gives it to stored may still lie in a buffer.
fn only_store_key(found: &[&str]) -> bool {
    found.iter().all(|name| *name == "store key")
}

#[test]
fn no_secret_can_be_read_from_a_locked_vault_and_no_text_after_it_was_forgotten() {
    if !may_look_into_others() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault");
        let start = || Start { vault: &path, passphrase: None }.run();
        let mut secrets = Secrets::default();
        secrets.add("passphrase", PASSPHRASE);
        secrets.add("wrong passphrase", WRONG);
        secrets.add("text from the peer", FROM_PEER);
        secrets.add("text to the peer", TO_PEER);

        let (running, gate, ui) = start();
        let was_seen = watch(running.pid, "passphrase", PASSPHRASE);
        assert_eq!(create(&ui, PASSPHRASE).await, UnlockResult::Ok);
        assert!(was_seen(), "while the key is derived the passphrase is there, and the test can see it");
        let edge = Edge::open(&gate).await.unwrap();
        secrets.add("store key", &edge.store_key);
        converse(&edge, &mut secrets).await;
        assert_eq!(state(&ui).await, VaultState::Ok);
        assert!(only_store_key(&secrets.found_in(running.pid)), "unlocked, everything forgotten");
        assert_eq!(secrets.found_in(Pid::this()).len(), secrets.0.len(), "this test knows them all");
        running.kill();

        let (running, gate, ui) = start();
        assert_eq!(unlock(&ui, WRONG).await, UnlockResult::WrongPassphrase);
        assert_eq!(secrets.found_in(running.pid), [""; 0], "after a wrong passphrase");
        assert_eq!(set_scripts(&ui, PASSPHRASE).await, UnlockResult::Ok);
        assert_eq!(state(&ui).await, VaultState::Locked);
        assert_eq!(secrets.found_in(running.pid), [""; 0], "locked again");
        assert_eq!(unlock(&ui, PASSPHRASE).await, UnlockResult::Ok);
        Edge::open(&gate).await.unwrap();
        assert!(only_store_key(&secrets.found_in(running.pid)), "unlocked");
    });
}
