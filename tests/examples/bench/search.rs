//! Looking for words in a long history: the engine beside the same question to SQLCipher with an index of its own.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{MakeInvite, SendText};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rusqlite::Connection;
use stored::engine::{Action, Asks, Engine, FirstMatches, Input, RequestId};
use stored::store::{Store, StoreKey};

use crate::report::{Report, per_second_each};

const TEXTS: u32 = 20_000;
/// Texts of one transaction.
pub const BATCH: u32 = 250;
const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// What each text is made of, in turn: some words stand in every text, some in a thousand.
const WORDS: [&str; 10] =
    ["see", "you", "at", "the", "café", "tomorrow", "evening", "about", "number", "perhaps"];
const RESULTS: usize = 50;

pub fn text(number: u32) -> String {
    let word = |place: u32| WORDS[usize::try_from((number / 7 + place) % 10).unwrap()];
    let words: Vec<_> = (0..8).map(word).collect();
    format!("{} subject{} number {number}", words.join(" "), number % 400)
}

pub fn measure(report: &mut Report) {
    let folder = tempfile::tempdir_in(privatus_tests::target_folder()).unwrap();
    let mut ours = Ours::filled(&folder.path().join("store.db"));
    let mut theirs = Plain::open(&folder.path().join("plain.db"));
    theirs.fill(0..TEXTS);
    for (what, typed, matching) in [
        ("search, newest 50 of 20,000 texts", "evening tomor", "\"evening\" \"tomor\" *"),
        ("search, a rare word of 20,000 texts", "cafe subject77", "\"cafe\" \"subject77\" *"),
    ] {
        let (ours, theirs) =
            per_second_each(|| assert!(ours.found(typed) > 0), || assert!(theirs.found(matching) > 0));
        let longest = ours.iter().map(|rate| 1_000.0 / rate).collect();
        report.against(&format!("{what}/s"), "per s", ours, ("SQLCipher FTS5, same query", theirs), "-");
        report.figure(what, "ms", longest, "< 30");
    }
}

/// A person's engine with texts that wait for somebody invited.
struct Ours {
    engine: Engine,
    asked: u64,
}

impl Ours {
    fn filled(path: &std::path::Path) -> Self {
        let store = Store::open(path, &StoreKey::new([7; 32])).unwrap();
        let mut ours = Self { engine: Engine::new(store, Box::new(ChaCha20Rng::seed_from_u64(1))), asked: 0 };
        let invite = ours.input(MakeInvite { name: "bob".into() });
        ours.engine.handle(NOW, vec![invite]);
        for batch in 0..TEXTS / BATCH {
            let sent = (batch * BATCH..(batch + 1) * BATCH).map(|number| {
                let (who, id) = ("bob".into(), format!("m{number}"));
                ours.input(SendText { who, id, text: text(number), reply_to: String::new() })
            });
            let sent: Vec<Input> = sent.collect();
            ours.engine.handle(NOW, sent);
        }
        ours
    }

    fn input(&mut self, call: impl Asks) -> Input {
        self.asked += 1;
        Input::asked(RequestId(self.asked), call)
    }

    /// How many texts hold what is typed, at most [`RESULTS`]: with all that is shown of each.
    fn found(&mut self, typed: &str) -> usize {
        let (who, before) = (String::new(), String::new());
        let ask = self.input(FirstMatches { text: typed.into(), who, before, limit: RESULTS });
        let Some(Action::Answer(_, Ok(reply))) = self.engine.handle(NOW, vec![ask]).pop() else {
            panic!("no answer")
        };
        let matches = FirstMatches::told(*reply).unwrap().unwrap();
        let shown = matches.messages.iter().map(|message| matches.search.wanted.context(&message.body));
        shown.filter(|context| !context.hits.is_empty()).count()
    }
}

/// The same texts in a table with an index, and nothing around them.
pub struct Plain(Connection);

impl Plain {
    pub fn open(path: &std::path::Path) -> Self {
        let db = Connection::open(path).unwrap();
        db.execute_batch(
            "PRAGMA key = \"x'0707070707070707070707070707070707070707070707070707070707070707'\";
             PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -4096;
             CREATE TABLE IF NOT EXISTS texts (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
             CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (body, content = 'texts', content_rowid = 'id',
                 prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2');",
        )
        .unwrap();
        Self(db)
    }

    /// Keeps these texts, in one transaction for each [`BATCH`].
    pub fn fill(&mut self, numbers: std::ops::Range<u32>) {
        let end = numbers.end;
        for first in numbers.step_by(usize::try_from(BATCH).unwrap()) {
            let transaction = self.0.transaction().unwrap();
            for number in first..end.min(first + BATCH) {
                let text = text(number);
                let mut insert =
                    transaction.prepare_cached("INSERT INTO texts (id, body) VALUES (?1, ?2)").unwrap();
                insert.execute((number, &text)).unwrap();
                let mut index =
                    transaction.prepare_cached("INSERT INTO words (rowid, body) VALUES (?1, ?2)").unwrap();
                index.execute((number, &text)).unwrap();
            }
            transaction.commit().unwrap();
        }
    }

    /// How many of the newest 50 hold what is looked for.
    pub fn found(&self, matching: &str) -> usize {
        let sql = "SELECT t.id, t.body FROM words w JOIN texts t ON t.id = w.rowid WHERE words MATCH ?1
             ORDER BY w.rowid DESC LIMIT 50";
        self.rows(sql, [matching])
    }

    /// The 50 before that one.
    pub fn page(&self, before: i64) -> usize {
        self.rows("SELECT id, body FROM texts WHERE id < ?1 ORDER BY id DESC LIMIT 50", [before])
    }

    fn rows(&self, sql: &str, parameters: impl rusqlite::Params) -> usize {
        let mut statement = self.0.prepare_cached(sql).unwrap();
        let rows =
            statement.query_map(parameters, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        rows.unwrap().map(Result::unwrap).count()
    }
}
