//! The table and its JSON.

use std::time::{Duration, Instant};

/// Runs of each figure.
pub const RUNS: usize = 5;

/// One figure of the table.
#[derive(serde::Serialize)]
struct Row {
    figure: String,
    unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
    baseline: Option<String>,
    baseline_median: Option<f64>,
    /// Ours by baseline.
    ratio: Option<f64>,
    promise: &'static str,
}

/// All figures so far.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

/// Median, smallest, largest.
fn spread(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

impl Report {
    /// A figure of its own.
    pub fn figure(&mut self, figure: &str, unit: &'static str, mut values: Vec<f64>, promise: &'static str) {
        let (median, min, max) = spread(&mut values);
        self.rows.push(Row {
            figure: figure.into(),
            unit,
            median,
            min,
            max,
            baseline: None,
            baseline_median: None,
            ratio: None,
            promise,
        });
    }

    /// A figure beside what it is measured against.
    pub fn against(
        &mut self,
        figure: &str,
        unit: &'static str,
        mut ours: Vec<f64>,
        baseline: (&str, Vec<f64>),
        promise: &'static str,
    ) {
        let (median, min, max) = spread(&mut ours);
        let (name, mut theirs) = baseline;
        let (theirs, _, _) = spread(&mut theirs);
        self.rows.push(Row {
            figure: figure.into(),
            unit,
            median,
            min,
            max,
            baseline: Some(name.into()),
            baseline_median: Some(theirs),
            ratio: Some(median / theirs),
            promise,
        });
    }

    /// The table on stdout, and `bench.json` in the target folder.
    pub fn print(&self) {
        println!(
            "{:<52} {:>12} {:>12} {:>12}  {:<9} {:<34} {:>12} {:>6}  promise",
            "figure", "median", "min", "max", "unit", "baseline", "median", "ratio"
        );
        for row in &self.rows {
            println!(
                "{:<52} {:>12} {:>12} {:>12}  {:<9} {:<34} {:>12} {:>6}  {}",
                row.figure,
                number(row.median),
                number(row.min),
                number(row.max),
                row.unit,
                row.baseline.as_deref().unwrap_or("-"),
                row.baseline_median.map_or("-".into(), number),
                row.ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")),
                row.promise,
            );
        }
        let path = privatus_tests::target_folder().join("bench.json");
        std::fs::write(&path, serde_json::to_string_pretty(&self.rows).unwrap()).unwrap();
        println!("\n{}", path.display());
    }
}

fn number(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// How often `work` can be done in a second: [`RUNS`] runs of about a fifth of a second each.
pub fn per_second(mut work: impl FnMut()) -> Vec<f64> {
    let batch = batch(&mut work);
    (0..RUNS).map(|_| rate(batch, &mut work)).collect()
}

/// The same for two that are compared, in turns: what else the machine does meets both.
pub fn per_second_each(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (Vec<f64>, Vec<f64>) {
    const SLICES: u32 = 16;
    let [our_batch, their_batch] = [batch(&mut ours), batch(&mut theirs)].map(|batch| batch.div_ceil(SLICES));
    (0..RUNS)
        .map(|_| {
            let [mut ours_took, mut theirs_took] = [Duration::ZERO; 2];
            for _ in 0..SLICES {
                ours_took += time(|| (0..our_batch).for_each(|_| ours()));
                theirs_took += time(|| (0..their_batch).for_each(|_| theirs()));
            }
            let rate = |batch: u32, took: Duration| f64::from(batch * SLICES) / took.as_secs_f64();
            (rate(our_batch, ours_took), rate(their_batch, theirs_took))
        })
        .unzip()
}

/// How often `work` is done in about a fifth of a second.
fn batch(work: &mut impl FnMut()) -> u32 {
    let mut batch = 1_u32;
    while time(|| (0..batch).for_each(|_| work())) < Duration::from_millis(50) {
        batch *= 2;
    }
    batch * 4
}

fn rate(batch: u32, work: &mut impl FnMut()) -> f64 {
    f64::from(batch) / time(|| (0..batch).for_each(|_| work())).as_secs_f64()
}

/// How long `work` takes.
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The value at `percent` of sorted `values`.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}
