//! What the engine makes durable, beside SQLCipher with the very tables, both indexes and triggers of the store, and nothing decided: as
//! many texts in as many transactions.

use std::path::Path;
use std::time::{Duration, Instant};

use ipc_schema::edge::ui_stored::SendText;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use stored::engine::Input;
use stored::store::{Store, StoreKey};

use crate::pair::{KEY, Pair, WHOM};
use crate::report::{RUNS, Report};
use crate::search::text;

/// Texts that are kept one by one in each run.
const EACH: u32 = 200;
/// Texts of one batch: as many as keyvault opens at a time.
const OPENED: u32 = 64;
/// Texts that the user's programs write in one batch.
const WRITTEN: u32 = 250;
/// Batches in each run.
const BATCHES: u32 = 4;

pub fn measure(report: &mut Report) {
    let folder = tempfile::tempdir_in(privatus_tests::target_folder()).unwrap();
    let mut talk =
        Talk { pair: Pair::new(folder.path()), raw: Raw::open(&folder.path().join("raw.db")), number: 0 };
    for figure in FIGURES {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let (here, there) = figure.run(&mut talk);
            ours.push(f64::from(figure.texts) / here.as_secs_f64());
            theirs.push(f64::from(figure.texts) / there.as_secs_f64());
        }
        report.against(
            figure.name,
            "texts/s",
            ours,
            ("SQLCipher, same tables and batch", theirs),
            figure.promise,
        );
    }
}

struct Figure {
    name: &'static str,
    texts: u32,
    /// Texts in one transaction.
    batch: u32,
    what: What,
    promise: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// A contact's texts, until they are durable and may be shown.
    Received,
    /// The same, with all that follows until nothing is owed: keyvault told, mailbox and contact acked.
    Settled,
    /// Notes to oneself.
    Written,
    /// Texts to a contact, until they are in the outbox.
    Queued,
}

const fn figure(
    name: &'static str,
    (batches, batch): (u32, u32),
    what: What,
    promise: &'static str,
) -> Figure {
    Figure { name, texts: batches * batch, batch, what, promise }
}

const FIGURES: [Figure; 7] = [
    figure("durable receive, a commit each", (EACH, 1), What::Received, "≥ 0.6"),
    figure("durable receive, 64 share a commit", (BATCHES, OPENED), What::Received, "≥ 0.5"),
    figure("  and all acked, a text at a time", (EACH, 1), What::Settled, "-"),
    figure("  and all acked, 64 at a time", (BATCHES, OPENED), What::Settled, "-"),
    figure("a note kept durable, a commit each", (EACH, 1), What::Written, "≥ 0.6"),
    figure("notes kept durable, 250 share a commit", (BATCHES, WRITTEN), What::Written, "≥ 0.5"),
    figure("texts kept to be sent, 250 share a commit", (1, WRITTEN), What::Queued, "-"),
];

impl Figure {
    /// How long ours took for its texts, and SQLCipher. Batch by batch in turns: what else the disk does meets both.
    fn run(&self, talk: &mut Talk) -> (Duration, Duration) {
        let mut took = [Duration::ZERO; 2];
        let mut arrived = match self.what {
            What::Received | What::Settled => talk.arrive(self.texts),
            What::Written | What::Queued => Vec::new(),
        };
        for _ in 0..self.texts / self.batch {
            took[0] += match self.what {
                What::Received | What::Settled => {
                    let rest = arrived.split_off(usize::try_from(self.batch).unwrap());
                    let batch = std::mem::replace(&mut arrived, rest);
                    talk.receive(batch, self.what == What::Settled)
                }
                What::Written => talk.write("self", self.batch),
                What::Queued => talk.write(WHOM[1], self.batch),
            };
            took[1] += talk.raw.keep(self.batch);
        }
        talk.rest();
        (took[0], took[1])
    }
}

/// Ann writes, Bob's side is measured.
struct Talk {
    pair: Pair,
    raw: Raw,
    number: u32,
}

impl Talk {
    fn text(&mut self, who: &str) -> SendText {
        self.number += 1;
        let number = self.number;
        SendText { who: who.into(), id: format!("n{number}"), text: text(number), reply_to: String::new() }
    }

    /// So many texts to Bob, as a mailbox pushes them.
    fn arrive(&mut self, texts: u32) -> Vec<Input> {
        for _ in 0..texts {
            let call = self.text(WHOM[0]);
            self.pair.request(0, call);
        }
        while self.pair.step(0) {}
        let mut arrived: Vec<Input> = self.pair.sides[1].inputs.drain(..).collect();
        assert!(arrived.iter().all(|input| matches!(input, Input::Arrived(_))), "and nothing else");
        // Behind what may be said besides texts.
        arrived.split_off(arrived.len().checked_sub(usize::try_from(texts).unwrap()).unwrap())
    }

    /// What Bob's engine took for these, without the vault.
    fn receive(&mut self, batch: Vec<Input>, settled: bool) -> Duration {
        let mut took = self.handle(1, batch);
        let opened = self.pair.sides[1].inputs.drain(..).collect();
        took += self.handle(1, opened);
        while settled && !self.pair.sides[1].inputs.is_empty() {
            let batch = self.pair.sides[1].inputs.drain(..).collect();
            took += self.handle(1, batch);
        }
        took
    }

    fn handle(&mut self, who: usize, batch: Vec<Input>) -> Duration {
        let began = Instant::now();
        let actions = self.pair.sides[who].engine.handle(self.pair.now, batch);
        let took = began.elapsed();
        self.pair.perform(who, actions);
        took
    }

    fn write(&mut self, who: &str, texts: u32) -> Duration {
        let batch = (0..texts).map(|_| self.text(who)).collect::<Vec<_>>();
        let batch = batch.into_iter().map(|call| self.pair.sides[1].ask(call)).collect();
        self.handle(1, batch)
    }

    /// All that is under way comes to its end, and a relay takes a burst again.
    fn rest(&mut self) {
        for _ in 0..60 {
            self.pair.settle();
            self.pair.now.0 += 1_000;
        }
    }
}

/// The store's file, written to without an engine.
struct Raw {
    db: Connection,
    number: u32,
}

impl Raw {
    fn open(path: &Path) -> Self {
        drop(Store::open(path, &StoreKey::new(KEY)).unwrap());
        let db = Connection::open(path).unwrap();
        let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        db.execute_batch(&format!(
            "PRAGMA key = \"x'{key}'\"; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             PRAGMA cache_size = -4096; PRAGMA wal_autocheckpoint = 2000; PRAGMA foreign_keys = ON;
             PRAGMA cipher_memory_security = OFF;
             INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'ann', 2, 1, 1);"
        ))
        .unwrap();
        Self { db, number: 0 }
    }

    /// So many texts in one transaction.
    fn keep(&mut self, texts: u32) -> Duration {
        let began = Instant::now();
        self.db.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
        for _ in 0..texts {
            self.number += 1;
            let number = self.number;
            // As names are: what is kept under them lies here and there in its indexes.
            let name: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
            let sql = "INSERT INTO messages (id, contact, wire, mine, position, sequence, sent_at, received_at, body, state, chain)
                 VALUES (?1, 1, ?2, 0, ?3, ?3, ?3, ?3, ?4, 2, 1)";
            let mut insert = self.db.prepare_cached(sql).unwrap();
            insert.execute((hex::encode(&name[16..]), &name[..16], number, text(number))).unwrap();
        }
        self.db.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
        began.elapsed()
    }
}
