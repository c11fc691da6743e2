//! SIGKILL at every persistence boundary, over a real vault file and a real edge: the parent plays stored, the relays and the
//! peer; the child is the vault. The boundaries find themselves: the child is traced, and every system call that changes the
//! file or gives an answer away is one. It is killed when it enters its n-th, for n = 1, 2, … until it is done before n.
#![allow(clippy::disallowed_methods, reason = "the parent tells the child by variables of the test's own")]

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle as Thread;

use ipc_schema::ends::EdgeEnds;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::task::LocalSet;

use super::*;
use crate::vault::Opened;
use stored_side::{Answer, Edge, Gone, Peer, Secured, Sent};

#[path = "../../tests/stored_side/mod.rs"]
mod stored_side;

const VAULT: &str = "PRIVATUS_TEST_VAULT";
const TRACED: &str = "PRIVATUS_TEST_TRACED";
/// How the child says that it cannot use its file.
const UNUSABLE: i32 = 9;

/// What changes the file, and what lets an answer out.
const BOUNDARIES: [libc::c_long; 10] = [
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_fdatasync,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
];

/// One run of the child: the vault in `path`, serving stored's edge until that closes.
fn play_child(path: &Path) -> ! {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    if std::env::var_os(TRACED).is_some() {
        ptrace::traceme().unwrap();
        raise(Signal::SIGSTOP).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let open = || File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
        let shell = Rc::new(match Shell::new_for_tests(open()) {
            Ok(shell) => shell,
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(UNUSABLE)
            }
        });
        // As pipes are used, by read and write; one socket, because stdin is one descriptor.
        let ends = EdgeEnds::Pipes { read: socket.try_clone().unwrap(), write: socket };
        let edge = GrantedEdge { name: "stored-keyvault".to_owned(), caller: false, ends };
        let _ = serve_edge(edge, &shell).unwrap().unwrap().await;
    });
    std::process::exit(0)
}

/// How a run of the child ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// When it entered the boundary of this number.
    Killed,
    /// By itself, after this many boundaries.
    Done(u64),
}

/// Starts the child; with `kill_at` it is killed at that boundary.
fn start(path: &Path, kill_at: Option<u64>) -> (UnixStream, Thread<End>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let path = path.to_owned();
    let (started, wait) = mpsc::channel();
    // ptrace obeys only the thread that the child was forked from.
    let tracer = std::thread::spawn(move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([QUICK, "--exact", "--test-threads=1", "--nocapture"]);
        command.env(VAULT, &path).stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        if kill_at.is_some() {
            command.env(TRACED, "1");
        }
        let mut child = command.spawn().unwrap();
        // Its socket now belongs to the child alone.
        drop(command);
        started.send(()).unwrap();
        match kill_at {
            Some(kill_at) => trace(Pid::from_raw(i32::try_from(child.id()).unwrap()), kill_at),
            None => {
                assert_eq!(child.wait().unwrap().code(), Some(0), "a vault that was killed opens again");
                End::Done(0)
            }
        }
    });
    wait.recv().unwrap();
    (ours, tracer)
}

/// Whatever of this thread's one child, or of the thread in it that is traced, has news.
fn news() -> WaitStatus {
    waitpid(Pid::from_raw(-1), Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)).unwrap()
}

fn trace(child: Pid, kill_at: u64) -> End {
    // libtest runs a test on a thread of its own: that one is traced, and does all that the vault does.
    let WaitStatus::Stopped(traced, Signal::SIGSTOP) = news() else { panic!("it stops itself first") };
    let options = ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(traced, options).unwrap();
    ptrace::syscall(traced, None).unwrap();
    let mut boundaries = 0;
    loop {
        let signal = match news() {
            WaitStatus::PtraceSyscall(_) => {
                boundaries += u64::from(enters_a_boundary(traced));
                if boundaries == kill_at {
                    kill(child, Signal::SIGKILL).unwrap();
                    while news() != WaitStatus::Signaled(child, Signal::SIGKILL, false) {}
                    return End::Killed;
                }
                None
            }
            WaitStatus::Stopped(_, signal) => Some(signal),
            WaitStatus::Exited(of, 0) if of == child => return End::Done(boundaries),
            WaitStatus::Exited(of, 0) if of == traced => continue,
            ended => panic!("{ended:?}"),
        };
        ptrace::syscall(traced, signal).unwrap();
    }
}

fn enters_a_boundary(pid: Pid) -> bool {
    let info = ptrace::syscall_info(pid).unwrap();
    // The number stands first in the union's arm for an entry, where the return value stands for an exit.
    info.op == libc::PTRACE_SYSCALL_INFO_ENTRY && BOUNDARIES.contains(&entered(pid))
}

#[cfg(target_arch = "x86_64")]
fn entered(pid: Pid) -> libc::c_long {
    libc::c_long::try_from(ptrace::getregs(pid).unwrap().orig_rax).unwrap_or(-1)
}

#[cfg(target_arch = "aarch64")]
fn entered(pid: Pid) -> libc::c_long {
    libc::c_long::try_from(ptrace::getregs(pid).unwrap().regs[8]).unwrap_or(-1)
}

/// A run of the child, as seen from here.
struct Running {
    edge: Edge,
    connection: JoinHandle<()>,
    tracer: Thread<End>,
}

/// What outlives the vault's process: stored's database, the relays, the peer.
struct World {
    path: PathBuf,
    /// For the runs of the child to come.
    kills: Vec<u64>,
    running: Option<Running>,
    ends: Vec<End>,
    secured: Secured,
    peer: Option<Peer>,
    /// Inner hashes that were committed, and their contents in order.
    seen: HashSet<Vec<u8>>,
    received: Vec<Vec<u8>>,
    session: u64,
    next_outbox: u64,
    queues: Vec<(u64, Vec<u8>)>,
}

impl World {
    fn new(path: &Path, mut kills: Vec<u64>) -> Self {
        kills.reverse();
        Self {
            path: path.to_owned(),
            kills,
            running: None,
            ends: Vec::new(),
            secured: Secured::new(),
            peer: None,
            seen: HashSet::new(),
            received: Vec::new(),
            session: 0,
            next_outbox: 1,
            queues: Vec::new(),
        }
    }

    /// One call, repeated until it is answered (docs/architecture.md, "Crash rules").
    async fn call<T>(&mut self, call: impl AsyncFn(&Edge) -> Result<T, Gone>) -> T {
        loop {
            let Some(running) = self.running.take() else {
                self.start().await;
                continue;
            };
            match call(&running.edge).await {
                Ok(answer) => {
                    self.running = Some(running);
                    return answer;
                }
                Err(Gone) => self.ends.push(running.tracer.join().unwrap()),
            }
        }
    }

    async fn start(&mut self) {
        let (socket, tracer) = start(&self.path, self.kills.pop());
        let (gate, connection) = ipc_schema::rpc::connect(socket.into()).unwrap();
        match Edge::open(&gate).await {
            Ok(edge) => self.running = Some(Running { edge, connection, tracer }),
            Err(Gone) => self.ends.push(tracer.join().unwrap()),
        }
    }

    /// Hangs up, and waits for the vault to end.
    async fn stop(&mut self) {
        if let Some(Running { edge, connection, tracer }) = self.running.take() {
            drop(edge);
            connection.abort();
            let _ = connection.await;
            self.ends.push(tracer.join().unwrap());
        }
    }

    fn peer(&mut self) -> &mut Peer {
        self.peer.as_mut().unwrap()
    }

    /// An envelope lies in a queue of ours: open, commit, forget, ack.
    async fn receive(&mut self, sent: &Sent) {
        let receive_queue = u64::from(sent.queue[0] ^ 0x80);
        let sender = self.secured[&sent.queue];
        let (answer, queues) =
            self.call(async |edge| edge.open_envelope(receive_queue, &sender, &sent.bytes).await).await;
        for (number, queue, sender) in queues {
            self.secured.insert(queue.clone(), sender);
            self.queues.push((number, queue));
        }
        let inner = match answer {
            Answer::Message { session, content, inner, .. } => {
                self.session = session;
                if self.seen.insert(inner.clone()) {
                    self.received.push(content);
                }
                inner
            }
            Answer::Duplicate(inner) => {
                assert!(self.seen.contains(&inner), "a duplicate of something that was never delivered");
                inner
            }
            Answer::Other(what) => panic!("{what}"),
        };
        self.call(async |edge| edge.forget(&[], &[&inner]).await).await;
    }

    /// Seal, commit the envelopes, forget, deposit.
    async fn send(&mut self, content: &[u8], offer: &[u64]) -> Vec<Sent> {
        let (session, outbox) = (self.session, self.next_outbox);
        self.next_outbox += 1;
        let sealed = self.call(async |edge| edge.seal(session, outbox, content, offer).await).await;
        let again = self.call(async |edge| edge.seal(session, outbox, content, offer).await).await;
        assert_eq!(again, sealed, "sealing again seals nothing anew");
        self.call(async |edge| edge.forget(&[outbox], &[]).await).await;
        let queue = |of: u64| self.queues.iter().find(|(number, _)| *number == of).unwrap().1.clone();
        sealed.into_iter().map(|(of, bytes)| Sent { queue: queue(of), bytes }).collect()
    }

    /// The peer reads both copies; only the first may be news.
    fn deliver(&mut self, copies: &[Sent], expected: &[u8]) {
        let mut news = 0;
        for sent in copies {
            let sender = self.secured[&sent.queue];
            let (opened, secured) = self.peer().opens(sent, sender);
            self.secured.extend(secured);
            match opened {
                Opened::Message { content, inner, .. } => {
                    assert_eq!(&*content, expected);
                    self.peer().forgets(inner);
                    news += 1;
                }
                Opened::Duplicate(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(news, 1, "{}", String::from_utf8_lossy(expected));
    }

    /// A first contact and a conversation with turns, both ways, out of order and in two copies.
    async fn converse(&mut self) {
        let key = self.call(async |edge| edge.begin_invite(1).await).await;
        let (link, blob) = self.call(async |edge| edge.finish_invite(1, 1).await).await;
        assert_eq!(self.call(async |edge| edge.begin_invite(1).await).await, key);
        let (peer, first, secured) = Peer::accepting(&link, &blob, b"first");
        self.peer = Some(peer);
        self.secured.extend(secured);
        self.receive(&first[0]).await;
        for (receive_queue, byte) in [(30, 30), (31, 31)] {
            self.call(async |edge| edge.begin_receive_queue(receive_queue).await).await;
            self.call(async |edge| edge.finish_receive_queue(receive_queue, byte).await).await;
        }
        let welcome = self.send(b"welcome", &[30, 31]).await;
        self.deliver(&welcome, b"welcome");
        let (one, two, three) =
            (self.peer().seals(b"one"), self.peer().seals(b"two"), self.peer().seals(b"three"));
        // Out of order, by either replica, the same copy again, and one copy after it was forgotten.
        for sent in [&two[1], &one[2], &one[2], &three[1], &two[2], &one[1], &three[2]] {
            self.receive(sent).await;
        }
        let answer = self.send(b"answer", &[]).await;
        let more = self.send(b"more", &[]).await;
        self.deliver(&more, b"more");
        self.deliver(&answer, b"answer");
        let last = self.peer().seals(b"last");
        self.receive(&last[2]).await;
        self.receive(&last[1]).await;
    }
}

/// One conversation with these kills; how its runs ended.
fn run(kills: Vec<u64>) -> Vec<End> {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(&folder.path().join("vault"), kills.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        world.converse().await;
        world.stop().await;
        // What was said is known to the file, not to a process.
        let first = world.received.clone();
        let again = world.peer().seals(b"after");
        world.receive(&again[1]).await;
        world.stop().await;
        assert_eq!(world.received.len(), first.len() + 1, "{kills:?}");
    });
    let expected: [&[u8]; 6] = [b"first", b"two", b"one", b"three", b"last", b"after"];
    assert_eq!(world.received, expected, "{kills:?}");
    world.ends
}

/// Kills at about `most` boundaries, evenly, and once more while it recovers; how many there are, and how many were met.
fn kill_at_up_to(most: u64) -> (u64, u64) {
    let [End::Done(boundaries), ..] = run(vec![u64::MAX])[..] else { panic!("nobody killed it") };
    let step = boundaries.div_ceil(most).max(1);
    let places: Vec<u64> = (step / 2 + 1..=boundaries).step_by(usize::try_from(step).unwrap()).collect();
    let is_killed = |kill_at: &&u64| run(vec![**kill_at, 1 + **kill_at % 23])[0] == End::Killed;
    // Each run waits for its disk and its child most of the time.
    let count = |some: &[u64]| u64::try_from(some.iter().filter(is_killed).count()).unwrap();
    let killed: u64 = std::thread::scope(|scope| {
        let parts: Vec<_> =
            places.chunks(places.len().div_ceil(4)).map(|some| scope.spawn(move || count(some))).collect();
        parts.into_iter().map(|part| part.join().unwrap()).sum()
    });
    // A run is not the same as the next to the last write: keys are random, and with them where a record lies.
    let met = boundaries.div_ceil(step);
    assert!(killed + 2 + boundaries / 50 >= met, "{killed} of {met}");
    (boundaries, killed)
}

const QUICK: &str = "serve::faults::every_message_comes_once_wherever_the_process_is_killed";

#[test]
fn every_message_comes_once_wherever_the_process_is_killed() {
    if let Some(path) = std::env::var_os(VAULT) {
        play_child(Path::new(&path));
    }
    let (boundaries, killed) = kill_at_up_to(10);
    println!("figure: killed at {killed} of {boundaries} persistence boundaries");
    assert!(boundaries > 100 && killed >= 8, "{killed} of {boundaries}");
}

#[test]
#[ignore = "long: a conversation for each of some hundred boundaries"]
fn every_message_comes_once_at_every_single_boundary() {
    let (boundaries, killed) = kill_at_up_to(u64::MAX);
    println!("figure: {boundaries} persistence boundaries, killed at {killed}, and again while recovering");
    assert!(boundaries > 100, "{boundaries}");
}
