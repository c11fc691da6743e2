//! Many texts at once through the real binaries, to one person and to ten, beside what one queue's rate leaves. It can be less: each text
//! goes to two queues, and what was acked out of one is not left at the other.

use std::time::{Duration, Instant};

use ipc_schema::edge::send;
use ipc_schema::edge::ui_stored::{SendText, Watch};
use privatus_tests::{Person, private_network};
use tokio::sync::mpsc;

use crate::report::Report;
use crate::suite::{Arrivals, connect, messenger, on_runtime};

const TEXTS: u32 = 1_000;
const PEOPLE: u32 = 10;
/// Writes that a mailbox takes at once, and a second after that, of one sender (docs/protocol/mailbox.md, "What the commands do").
const AT_ONCE: u32 = 256;
const A_SECOND: u32 = 60;
/// Texts that stored is handed before it answers for them.
const HANDED: usize = 100;
/// Longer than any of this takes on a slow machine.
const LONGEST: Duration = Duration::from_secs(300);

pub fn measure(report: &mut Report) {
    let (_relays, addresses) = private_network("bench", 5);
    let alice = Person::start("bench", &addresses, None);
    let others: Vec<(String, Person)> =
        (0..PEOPLE).map(|number| (format!("p{number}"), Person::start("bench", &addresses, None))).collect();
    for (name, other) in &others {
        connect(&alice, other, (name, "alice"));
    }
    let took = on_runtime(burst(&alice, &others[..1], TEXTS));
    let bound = f64::from(TEXTS - AT_ONCE) / f64::from(A_SECOND);
    report.against(
        "1,000 texts at once to one person, until the last is there",
        "s",
        vec![took],
        ("the rate of one of their two queues", vec![bound]),
        "≤ 1",
    );
    let took = on_runtime(burst(&alice, &others, TEXTS / PEOPLE));
    report.figure("1,000 texts at once to ten people, until the last is there", "s", vec![took], "< 20");
}

/// Seconds until all have all.
async fn burst(alice: &Person, others: &[(String, Person)], each: u32) -> f64 {
    let (sender, mut arrivals) = mpsc::unbounded_channel();
    let to: Vec<_> = others.iter().map(|(_, other)| messenger(other.dir.path())).collect();
    for messenger in &to {
        let watcher = capnp_rpc::new_client(Arrivals(sender.clone()));
        send(messenger, &Watch { watcher, since: u64::MAX }).await.unwrap().unwrap();
    }
    let from = messenger(alice.dir.path());
    let start = Instant::now();
    // In turn, as a person's texts to several come.
    let calls: Vec<SendText> = (0..each)
        .flat_map(|number| {
            others.iter().map(move |(name, _)| SendText {
                who: name.clone(),
                id: String::new(),
                text: format!("text {number} of {each} to {name}, as long as people write to each other"),
                reply_to: String::new(),
            })
        })
        .collect();
    for calls in calls.chunks(HANDED) {
        let answers = futures::future::join_all(calls.iter().map(|call| send(&from, call))).await;
        answers.into_iter().for_each(|answer| drop(answer.unwrap().unwrap()));
    }
    let all = async {
        for _ in &calls {
            arrivals.recv().await.unwrap();
        }
    };
    tokio::time::timeout(LONGEST, all).await.unwrap();
    start.elapsed().as_secs_f64()
}
