//! `make bench`: one table, ours beside a baseline of the same run, and JSON beside it.
//!
//! Ratios travel between machines, seconds do not. Each figure is the median of several runs, with the smallest and largest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::too_many_arguments,
    reason = "a measurement that cannot be made should stop, and it measures time"
)]

mod burst;
mod cells;
mod edges;
mod growth;
mod kept;
mod pair;
mod pictures;
mod ratchet;
mod report;
mod search;
mod suite;
mod vault;
mod window;

use report::Report;

/// How many texts a profile has, by turns.
const GROWTH: &[u32] = &[1_000, 10_000, 100_000];
const MILLION: &[u32] = &[1_000, 10_000, 100_000, 1_000_000];

fn main() {
    if let [_, mode, file] = std::env::args_os().collect::<Vec<_>>().as_slice()
        && mode == "--reopen"
    {
        return vault::reopen(file.as_ref());
    }
    if std::env::args().nth(1).is_some_and(|mode| mode == "--redraw") {
        return window::redraw();
    }
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let want = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mut report = Report::default();
    if want("cells") {
        cells::measure(&mut report);
    }
    if want("ratchet") {
        ratchet::measure(&mut report);
    }
    if want("vault") {
        vault::measure(&mut report);
    }
    if want("kept") {
        kept::measure(&mut report);
    }
    if want("search") {
        search::measure(&mut report);
    }
    if want("growth") {
        growth::measure(&mut report, GROWTH);
    }
    // Takes some minutes: only by its name.
    if wanted.iter().any(|wanted| wanted == "million") {
        growth::measure(&mut report, MILLION);
    }
    if want("pictures") {
        pictures::measure(&mut report);
    }
    if want("edges") {
        edges::measure(&mut report);
    }
    if want("suite") {
        suite::measure(&mut report);
    }
    if want("burst") {
        burst::measure(&mut report);
    }
    if want("window") {
        window::measure(&mut report);
    }
    report.print();
}
