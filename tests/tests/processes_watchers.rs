//! Whoever follows the changes of a profile and does not take them keeps nobody else waiting, and costs no memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use ipc_schema::edge::send;
use ipc_schema::edge::ui_stored::{Change, Event, SendText, Watch};
use ipc_schema::edges::ui_stored_capnp::{messenger, watcher};
use privatus_tests::{Person, until};
use tokio::sync::mpsc;

/// Takes no event ever.
struct Stuck;

impl watcher::Server for Stuck {
    async fn event(self: Rc<Self>, _: watcher::EventParams) -> Result<(), capnp::Error> {
        std::future::pending().await
    }
}

/// Tells the ids of the texts that it hears of.
struct Quick(mpsc::UnboundedSender<String>);

impl watcher::Server for Quick {
    async fn event(self: Rc<Self>, params: watcher::EventParams) -> Result<(), capnp::Error> {
        if let Change::Message(message) = Event::read(params.get()?.get_event()?).unwrap().change {
            let _ = self.0.send(message.id);
        }
        Ok(())
    }
}

/// A connection of its own, as another program has.
fn connection(person: &Person) -> messenger::Client {
    let socket =
        std::os::unix::net::UnixStream::connect(person.dir.path().join("run/messenger.sock")).unwrap();
    ipc_schema::rpc::connect(socket.into()).unwrap().0
}

async fn watch(client: &messenger::Client, watcher: watcher::Client) {
    send(client, &Watch { watcher, since: u64::MAX }).await.unwrap().unwrap();
}

/// Memory of stored alone, kB.
fn memory(person: &Person) -> u64 {
    let pid = until("stored runs", || person.suite.pids().get("stored").copied());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

const TEXTS: usize = 2_000;
const LONG: usize = 8_000;

async fn noted(client: &messenger::Client, first: usize, count: usize) {
    let notes = (first..first + count).map(async |number| {
        let (who, text) = ("self".into(), "x".repeat(LONG));
        let call = SendText { who, id: format!("n{number}"), text, reply_to: String::new() };
        send(client, &call).await.unwrap().unwrap();
    });
    futures::stream::iter(notes).buffered(64).collect::<Vec<()>>().await;
}

#[test]
fn a_watcher_that_takes_nothing_delays_no_other_and_costs_no_memory() {
    let person = Person::start("watchers", &[], None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let (stuck, quick, writer) = (connection(&person), connection(&person), connection(&person));
        // What the database and the allocator keep for themselves they have by then.
        noted(&writer, 0, TEXTS).await;
        for _ in 0..20 {
            watch(&stuck, capnp_rpc::new_client(Stuck)).await;
        }
        let (heard, mut ids) = mpsc::unbounded_channel();
        watch(&quick, capnp_rpc::new_client(Quick(heard))).await;
        let before = memory(&person);
        noted(&writer, TEXTS, TEXTS).await;
        let mut last = String::new();
        while last != format!("n{}", 2 * TEXTS - 1) {
            last =
                tokio::time::timeout(Duration::from_secs(60), ids.recv()).await.expect("it is told").unwrap();
        }
        let grown = memory(&person).saturating_sub(before);
        // What was written is 16 MB; of it four watchers have a page and a window's worth each under way.
        assert!(grown < 4_096, "{grown} kB");
        // The same connection still answers what else it is asked.
        noted(&stuck, 2 * TEXTS, 1).await;
    });
}
