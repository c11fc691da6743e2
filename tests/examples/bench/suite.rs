//! The real binaries on loopback: text latency over 3 + mailbox + 3, unlock to usable, memory.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ipc_schema::edge::send;
use ipc_schema::edge::ui_stored::{Change, Event, SendText, Watch};
use ipc_schema::edges::ui_stored_capnp::{messenger, watcher};
use privatus_tests::{Person, Suite, private_network, until};
use tokio::sync::mpsc;

use crate::report::{RUNS, Report, percentile, time};

const TEXTS: usize = 1_000;
/// Memory settles for so long after unlock (command-line.md).
const SETTLED: Duration = Duration::from_secs(60);

pub fn measure(report: &mut Report) {
    let (relays, addresses) = private_network("bench", 5);
    let alice = Person::start("bench", &addresses, None);
    let bob = Person::start("bench", &addresses, None);
    let unlocked = Instant::now();
    connect(&alice, &bob, ("bob", "alice"));

    let mut latencies = on_runtime(texts(&alice, &bob));
    let lost = TEXTS - latencies.len();
    let p50 = percentile(&mut latencies, 50);
    report.figure("text, 3 + mailbox + 3, p50 of 1,000", "ms", vec![p50], "< 40 now, ≤ 20");
    report.figure(
        "text, 3 + mailbox + 3, p99 of 1,000",
        "ms",
        vec![percentile(&mut latencies, 99)],
        "< 200 now, ≤ 60",
    );
    #[allow(clippy::cast_precision_loss, reason = "a small count")]
    report.figure("texts lost of 1,000", "texts", vec![lost as f64], "0");

    std::thread::sleep(SETTLED.saturating_sub(unlocked.elapsed()));
    memory(report, "memory of a person's headless suite, PSS", &alice.suite, "< 150");
    memory(report, "memory of a relay, PSS", &relays[0].suite, "< 64");
    unlock(report, alice, &addresses);
    drop(bob);
}

/// The second accepts the first one's invite, and both know it. `names`: how each is called by the other, the second's first.
pub fn connect(alice: &Person, bob: &Person, names: (&str, &str)) {
    let (bobs, alices) = names;
    let link = until("an invite", || {
        let answer = alice.suite.ask(&["invite", "--name", bobs]);
        (answer.code == 0).then(|| answer.out.trim().to_string())
    });
    until("the acceptance", || (bob.suite.ask(&["accept", &link, "--name", alices]).code == 0).then_some(()));
    for (person, other) in [(alice, bobs), (bob, alices)] {
        until("both are connected", || {
            let contacts = person.suite.ask(&["contacts", "--json"]).ok().rows();
            contacts.iter().any(|row| row["name"] == other && row["state"] == "connected").then_some(())
        });
    }
}

pub fn on_runtime<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// What a profile's programs are given.
pub fn messenger(folder: &Path) -> messenger::Client {
    let socket = UnixStream::connect(folder.join("run/messenger.sock")).unwrap();
    ipc_schema::rpc::connect(socket.into()).unwrap().0
}

/// Tells the bodies of the texts that come in.
pub struct Arrivals(pub mpsc::UnboundedSender<String>);

impl watcher::Server for Arrivals {
    async fn event(self: Rc<Self>, params: watcher::EventParams) -> Result<(), capnp::Error> {
        let event = Event::read(params.get()?.get_event()?).unwrap();
        if let Change::Message(message) = event.change
            && !message.mine
        {
            let _ = self.0.send(message.body);
        }
        Ok(())
    }
}

/// How long each text took from `send` to the other side's window, in ms. One at a time.
async fn texts(alice: &Person, bob: &Person) -> Vec<f64> {
    let (sender, mut arrivals) = mpsc::unbounded_channel();
    let (from, to) = (messenger(alice.dir.path()), messenger(bob.dir.path()));
    let watcher = capnp_rpc::new_client(Arrivals(sender));
    send(&to, &Watch { watcher, since: u64::MAX }).await.unwrap().unwrap();

    let mut latencies = Vec::new();
    for number in 0..TEXTS {
        let body =
            format!("text number {number}, and some words of the length that people write to each other");
        let start = Instant::now();
        let call =
            SendText { who: "bob".into(), id: String::new(), text: body.clone(), reply_to: String::new() };
        send(&from, &call).await.unwrap().unwrap();
        let arrived = tokio::time::timeout(Duration::from_secs(20), async {
            while arrivals.recv().await.unwrap() != body {}
        });
        if arrived.await.is_ok() {
            latencies.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    latencies
}

fn memory(report: &mut Report, figure: &str, suite: &Suite, promise: &'static str) {
    let mut sum = 0.0;
    let mut parts: Vec<_> = suite.pids().into_iter().collect();
    parts.sort();
    for (name, pid) in parts {
        let mib = pss(pid);
        report.figure(&format!("  {name}"), "MiB", vec![mib], "-");
        sum += mib;
    }
    report.figure(figure, "MiB", vec![sum], promise);
}

/// A process's own memory and its share of what others have, too, MiB.
pub fn pss(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0 kB");
    pss.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// From the start with a passphrase to an answered `contacts`.
fn unlock(report: &mut Report, mut person: Person, addresses: &[String]) {
    let runs = (0..RUNS)
        .map(|_| {
            assert_eq!(person.suite.stop(), 0);
            let dir = person.dir.clone();
            time(|| {
                person = Person::again(dir, "bench", addresses, None);
                until("contacts are shown", || (person.suite.ask(&["contacts"]).code == 0).then_some(()));
            })
            .as_secs_f64()
        })
        .collect();
    report.figure(
        "start and unlock to usable history",
        "s",
        runs,
        "≤ 1.2 at the calibrated cost, and the start",
    );
}
