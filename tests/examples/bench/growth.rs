//! A profile that grows: what a person waits for, through the real binaries, beside SQLCipher with the same texts and nothing around them.

use std::path::Path;
use std::time::Duration;

use ipc_schema::edge::ui_stored::{Place, SendText};
use privatus::peers::messenger::Messenger;
use privatus_tests::{Person, until};

use crate::report::{RUNS, Report, percentile, time};
use crate::search::{BATCH, Plain, text};

/// Texts of one page.
const PAGE: u32 = 50;
/// Who writes notes to oneself.
const WHO: &str = "self";
/// Asked so often in each run.
const ASKED: usize = 20;

/// Of one size: ours and SQLCipher's, ms, a value for each run.
type Figures = Vec<(&'static str, Vec<f64>, Vec<f64>)>;

pub fn measure(report: &mut Report, sizes: &[u32]) {
    let folder = tempfile::tempdir_in(privatus_tests::target_folder()).unwrap();
    let person = Person::start("growth", &[], None);
    let path = folder.path().join("plain.db");
    let mut plain = Plain::open(&path);
    let mut kept = 0;
    let mut plot = Vec::new();
    for size in sizes {
        let (ours, theirs) = (on_runtime(fill(&person, kept..*size)), time(|| plain.fill(kept..*size)));
        let added = f64::from(*size - kept);
        let rate = |took: Duration| vec![added / took.as_secs_f64()];
        kept = *size;
        let figure = format!("kept durable, {BATCH} at once, up to {size} texts");
        report.against(
            &figure,
            "texts/s",
            rate(ours),
            ("SQLCipher, FTS5, the same batch", rate(theirs)),
            "≥ 0.5",
        );
        drop(plain);
        let figures = figures(&person, &path, *size);
        plain = Plain::open(&path);
        plot.push((*size, figures.iter().map(|(name, ours, _)| (*name, median(ours))).collect::<Vec<_>>()));
        for (name, ours, theirs) in figures {
            report.against(
                &format!("{name}, {size} texts"),
                "ms",
                ours,
                ("SQLCipher, same rows", theirs),
                "+ ≤ 5 ms",
            );
        }
        let memory = pss(&person);
        report.figure(&format!("memory of stored, {size} texts, PSS"), "MiB", vec![memory], "< 64");
    }
    plotted(&plot);
}

fn median(values: &[f64]) -> f64 {
    percentile(&mut values.to_vec(), 50)
}

/// What each figure becomes as the profile grows: a bar for each size, as long as the logarithm of its time.
fn plotted(plot: &[(u32, Vec<(&'static str, f64)>)]) {
    let Some((_, names)) = plot.first() else { return };
    for (at, (name, _)) in names.iter().enumerate() {
        println!("{name}, ms");
        for (size, figures) in plot {
            let value = figures[at].1;
            let marks = (1.0 + value * 10.0).log10() * 12.0;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short bar")]
            let bar = "#".repeat(marks.max(1.0) as usize);
            println!("  {size:>9} {bar} {value:.2}");
        }
    }
    println!();
}

fn on_runtime<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

fn messenger(person: &Person) -> Messenger {
    let socket =
        std::os::unix::net::UnixStream::connect(person.dir.path().join("run/messenger.sock")).unwrap();
    Messenger::new(ipc_schema::rpc::connect(socket.into()).unwrap().0)
}

/// Writes these texts down, as many at a time as a batch takes.
async fn fill(person: &Person, numbers: std::ops::Range<u32>) -> Duration {
    let messenger = messenger(person);
    let start = std::time::Instant::now();
    let end = numbers.end;
    for first in numbers.step_by(usize::try_from(BATCH).unwrap()) {
        let sent = (first..end.min(first + BATCH)).map(|number| {
            let (who, id) = (WHO.into(), format!("n{number}"));
            messenger.call(SendText { who, id, text: text(number), reply_to: String::new() })
        });
        futures::future::try_join_all(sent).await.unwrap();
    }
    start.elapsed()
}

/// Stops the profile, opens it again, and asks what a window asks.
fn figures(person: &Person, path: &Path, size: u32) -> Figures {
    let (mut opened, mut opened_plain) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let _ = person.suite.ask(&["lock"]).ok();
        person.unlock();
        let first = time(|| on_runtime(until_shown(person)));
        opened.push(ms(first));
        opened_plain.push(ms(time(|| assert!(Plain::open(path).page(i64::from(size)) > 0))));
    }
    let plain = Plain::open(path);
    let (newest, pages, found, rare) = on_runtime(asked(person));
    let often = |work: &dyn Fn() -> usize| -> Vec<f64> {
        (0..RUNS * ASKED).map(|_| ms(time(|| assert!(work() > 0)))).collect()
    };
    let page = |before: u32| plain.page(i64::from(before));
    vec![
        ("from an open vault to the newest 50", opened, opened_plain),
        ("the newest 50", newest, often(&|| page(size))),
        ("the 50 before", pages, often(&|| page(size - PAGE))),
        ("search, newest 50 of two words", found, often(&|| plain.found("\"evening\" \"tomor\" *"))),
        ("search, newest 50 of a rare word", rare, often(&|| plain.found("\"cafe\" \"subject77\" *"))),
    ]
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// The vault is open, and stored opens the history as soon as it is told so.
async fn until_shown(person: &Person) {
    let messenger = messenger(person);
    while !messenger.messages(WHO, PAGE, Place::Newest).await.is_ok_and(|page| !page.is_empty()) {
        tokio::task::yield_now().await;
    }
}

async fn asked(person: &Person) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
    let messenger = messenger(person);
    let start = std::time::Instant::now;
    let (mut newest, mut pages, mut found, mut rare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS * ASKED {
        let began = start();
        let page = messenger.messages(WHO, PAGE, Place::Newest).await.unwrap();
        newest.push(ms(began.elapsed()));
        let before = page.first().unwrap().id.clone();
        let began = start();
        assert!(!messenger.messages(WHO, PAGE, Place::Before(before)).await.unwrap().is_empty());
        pages.push(ms(began.elapsed()));
        for (typed, times) in [("evening tomor", &mut found), ("cafe subject77", &mut rare)] {
            let began = start();
            assert!(!messenger.search(typed, "", PAGE, "").await.unwrap().1.is_empty());
            times.push(ms(began.elapsed()));
        }
    }
    (newest, pages, found, rare)
}

fn pss(person: &Person) -> f64 {
    let pid = until("stored runs", || person.suite.pids().get("stored").copied());
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0 kB");
    pss.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}
