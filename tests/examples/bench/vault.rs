//! The vault on its sealed file: what durability costs beside a bare fsync on the same disk, unlocking, and ten thousand
//! sessions in a process of its own.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ipc_schema::Timestamp;
use keyvault::agreement_key::AgreementSecret;
use keyvault::ids::{AcceptId, InviteId, OutboxId, QueueId, ReceiveQueueId, RelayId, SessionId};
use keyvault::memory::Secret32;
use keyvault::sealed::{Examined, LockedVault, SealedStore};
use keyvault::store::{MemoryStore, Store};
use keyvault::unlock::{Cost, CostError};
use keyvault::vault::{
    AcceptInvite, Created, IncomingEnvelope, Opened, OutgoingEnvelope, PeerQueue, SealEnvelope, Vault,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::ratchet;
use crate::report::{RUNS, Report, per_second, time};

const START: Timestamp = Timestamp(1_800_000_000_000);
const PASSPHRASE: &[u8] = b"a passphrase for the bench";
const TEXT: &[u8] = b"some words of the length that people write to each other, and a few more";
const SESSIONS: u64 = 10_000;
/// A vault takes ten new contacts in an hour.
const BETWEEN_CONTACTS: u64 = 6 * 60 * 1_000 + 1;
const BATCH: u64 = 100;

type SealedVault = Vault<SealedStore<ChaCha20Rng>>;

pub fn measure(report: &mut Report) {
    let folder = tempfile::tempdir_in(privatus_tests::target_folder()).unwrap();
    let cost = Cost::calibrated(|cost| {
        let start = Instant::now();
        cost.measure().map(|()| start.elapsed())
    });
    let cost = cost.unwrap_or_else(|error: CostError| panic!("{error}"));

    report.figure(
        "limit: Argon2id at the calibrated cost",
        "s",
        (0..RUNS).map(|_| time(|| cost.measure().unwrap()).as_secs_f64()).collect(),
        "-",
    );
    durable(report, folder.path(), cost);
    let runs = (0..RUNS).map(|_| Reopened::of(&folder.path().join("durable")).unlock).collect();
    report.figure("one session: unlock at the calibrated cost", "s", runs, "≤ 1.2");
    let file = folder.path().join("vault");
    many_sessions(&file, cost);
    let runs: Vec<Reopened> = (0..RUNS).map(|_| Reopened::of(&file)).collect();
    let column = |of: fn(&Reopened) -> f64| runs.iter().map(of).collect::<Vec<_>>();
    report.figure("10,000 sessions: unlock at the calibrated cost", "s", column(|run| run.unlock), "-");
    report.figure("10,000 sessions: unlock and first message", "s", column(|run| run.first_message), "< 2");
    report.figure("10,000 sessions: resident memory", "MiB", column(|run| run.resident), "< 32");
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

fn create(path: &Path, cost: Cost) -> SealedVault {
    let mut store = LockedVault::create(open(path), PASSPHRASE, cost, ChaCha20Rng::seed_from_u64(1)).unwrap();
    // As keyvault does: what is answered in one turn of its event loop shares a sync.
    store.defer();
    Vault::open(store).unwrap()
}

/// A fsync for each message, and one for a hundred; beside it the same calls where nothing is written, which is what sealing costs.
fn durable(report: &mut Report, folder: &Path, cost: Cost) {
    let mut sealer = Sealer::new(create(&folder.join("durable"), cost));
    let each = per_second(|| sealer.batch(1));
    let shared = per_second(|| sealer.batch(BATCH)).iter().map(|batches| batches * 100.0).collect();
    drop(sealer);
    let mut unwritten = Sealer::new(Vault::open(MemoryStore::default()).unwrap());
    let in_memory = per_second(|| unwritten.batch(1));

    let mut bare = open(&folder.join("bare"));
    let fsync = per_second(|| {
        bare.rewind().unwrap();
        bare.write_all(&[7; 4_096]).unwrap();
        bare.sync_data().unwrap();
    });
    let disk = ("4 KiB written + fdatasync", fsync);
    let burst = || ("ratchet burst: seal + open", ratchet::burst());
    report.against("durable encrypt, a fsync each/s", "per s", each, disk, "≥ 0.25");
    report.against("durable encrypt, 100 share a fsync/s", "per s", shared, burst(), "≥ 0.1");
    report.against("encrypt for two queues, nothing written/s", "per s", in_memory, burst(), "-");
}

/// Seals one text after the other to one contact, as stored has it done.
struct Sealer<S> {
    vault: Vault<S>,
    session: SessionId,
    next: u64,
    rng: ChaCha20Rng,
}

impl<S: Store> Sealer<S> {
    fn new(mut vault: Vault<S>) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let session = connect(&mut vault, 0, &mut rng);
        vault.flush().unwrap();
        Self { vault, session, next: 0, rng }
    }

    fn batch(&mut self, count: u64) {
        let ids: Vec<_> = (self.next..self.next + count).map(OutboxId).collect();
        self.next += count;
        for outbox in &ids {
            let request = SealEnvelope { session: self.session, outbox: *outbox, content: TEXT, offer: &[] };
            self.vault.seal_envelope(request, &mut self.rng).unwrap();
        }
        self.vault.flush().unwrap();
        // Durable with the next.
        self.vault.forget(&ids, &[]).unwrap();
    }
}

/// Somebody accepts an invite of `vault`, and both have queues of each other. Everything is named by `number`.
fn connect<S: Store>(vault: &mut Vault<S>, number: u64, rng: &mut ChaCha20Rng) -> SessionId {
    let now = Timestamp(START.0 + number * BETWEEN_CONTACTS);
    let id = |place: u64| 8 * number + place;
    let relay = RelayId([7; 32]);
    let mut peer = Vault::open(MemoryStore::default()).unwrap();

    vault.begin_invite(InviteId(id(1)), relay, now, rng).unwrap();
    let invite = vault.finish_invite(InviteId(id(1)), created(id(1)), &[], rng).unwrap();
    peer.open_invite(AcceptId(1), &invite.link, now, rng).unwrap();
    peer.begin_receive_queue(ReceiveQueueId(2), relay, rng).unwrap();
    peer.finish_receive_queue(ReceiveQueueId(2), created(id(2))).unwrap();
    let request = AcceptInvite {
        accept: AcceptId(1),
        untrusted_blob: &invite.blob,
        receive_queues: &[ReceiveQueueId(2)],
        outbox: OutboxId(1),
        content: b"first",
    };
    let accepted = peer.accept_invite(request, now, rng).unwrap();
    let (session, queues) =
        deliver(vault, ReceiveQueueId(id(1)), (&accepted.envelopes, &accepted.peer_queues), (now, rng));

    vault.begin_receive_queue(ReceiveQueueId(id(3)), relay, rng).unwrap();
    vault.finish_receive_queue(ReceiveQueueId(id(3)), created(id(3))).unwrap();
    let offer = [ReceiveQueueId(id(3))];
    let answer = SealEnvelope { session, outbox: OutboxId(u64::MAX - id(1)), content: TEXT, offer: &offer };
    let envelopes = vault.seal_envelope(answer, rng).unwrap();
    vault.forget(&[answer.outbox], &[]).unwrap();
    deliver(&mut peer, ReceiveQueueId(2), (&envelopes, &queues), (now, rng));
    session
}

/// Opens what is for `receive_queue`, and forgets it. Whose it was, and which queues the sender now has.
fn deliver<S: Store>(
    to: &mut Vault<S>,
    receive_queue: ReceiveQueueId,
    (envelopes, queues): (&[OutgoingEnvelope], &[PeerQueue]),
    (now, rng): (Timestamp, &mut ChaCha20Rng),
) -> (SessionId, Vec<PeerQueue>) {
    let incoming = IncomingEnvelope {
        receive_queue,
        untrusted_sender: queues[0].sender_key,
        untrusted_envelope: &envelopes[0].bytes,
    };
    let opened = to.open_envelope(incoming, now, rng).unwrap();
    let Opened::Message { session, inner, peer_queues, .. } = opened else {
        panic!("not a message: {opened:?}")
    };
    to.forget(&[], &[inner]).unwrap();
    (session, peer_queues)
}

fn created(number: u64) -> Created {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    let queue = |side: u8| {
        let mut id = [side; 24];
        id[..8].copy_from_slice(&number.to_be_bytes());
        QueueId(id)
    };
    bytes[31] = 1;
    let relay_key = *AgreementSecret::from_secret(&Secret32::take(&mut bytes)).public().bytes();
    Created::parse(queue(0), queue(1), relay_key).unwrap()
}

fn many_sessions(file: &Path, cost: Cost) {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let mut vault = create(file, cost);
    for number in 0..SESSIONS {
        connect(&mut vault, number, &mut rng);
        if number % 100 == 99 {
            vault.flush().unwrap();
        }
    }
}

/// What a process of its own found of a vault.
struct Reopened {
    unlock: f64,
    first_message: f64,
    resident: f64,
}

impl Reopened {
    fn of(file: &Path) -> Self {
        let said = Command::new(std::env::current_exe().unwrap()).arg("--reopen").arg(file).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let figures: Vec<f64> = String::from_utf8(said.stdout)
            .unwrap()
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect();
        Self { unlock: figures[0], first_message: figures[1], resident: figures[2] }
    }
}

/// The process of its own: unlocks, seals and makes durable one message, and tells how long each took, in seconds, and the memory
/// that it then has, in MiB.
pub fn reopen(file: &Path) {
    let start = Instant::now();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let Examined::Locked(locked) = Examined::of(open(file)).unwrap() else { panic!("no vault") };
    let store = locked.unlock(PASSPHRASE, Duration::ZERO, ChaCha20Rng::seed_from_u64(6));
    let store = store.map_err(|(_, error)| error).unwrap();
    let mut vault = Vault::open(store).unwrap();
    let unlocked = start.elapsed();
    let sealing = time(|| {
        let session = vault.sessions().unwrap()[0].session;
        let request = SealEnvelope { session, outbox: OutboxId(1), content: TEXT, offer: &[] };
        vault.seal_envelope(request, &mut rng).unwrap();
        vault.flush().unwrap();
    });
    // The next run finds the file as this one did.
    vault.forget(&[OutboxId(1)], &[]).unwrap();
    vault.flush().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{} {} {}", unlocked.as_secs_f64(), (unlocked + sealing).as_secs_f64(), resident / 1_024.0);
}
