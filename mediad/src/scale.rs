//! A picture scaled down.
//!
//! First by whole numbers, as the mean of blocks, for as long as it stays twice as large: that looks at each pixel once. What is left is
//! done with Lanczos' filter, row by row, so that beside the result only the rows that its window covers are in memory.

use std::collections::VecDeque;

use ipc_schema::edge::stored_mediad::Pixels;

use crate::raster::Raster;

/// Half the filter's width, in pixels of the result.
const LOBES: f64 = 3.0;

/// Red, green, blue and nothing, between 0 and 255: four are added at once, where three are added one by one.
type Pixel = [f32; 4];

/// `raster` over white, scaled to fit `max_side` each way, at least 1; never up.
pub(crate) fn fit(raster: &Raster, max_side: u16) -> Pixels {
    let longest = raster.width.max(raster.height).max(1);
    let side = |side: usize| scaled(side, longest, max_side);
    let (width, height) = (side(raster.width), side(raster.height));
    let by = |side: usize, to: u16| (side / (2 * usize::from(to))).max(1);
    let (columns, rows) = (by(raster.width, width), by(raster.height, height));
    let mut shrunk = Shrunk::new(raster, columns, rows);
    let across = axis(raster.width, columns, width);
    let down = axis(raster.height, rows, height);
    let mut rgb = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    let (mut window, mut first, mut next) = (VecDeque::<Vec<Pixel>>::new(), 0, 0);
    let mut sums = vec![[0.0; 4]; width.into()];
    for tap in &down {
        let mut spare = Vec::new();
        for _ in first..tap.first {
            spare.extend(window.pop_front());
        }
        first = first.max(tap.first);
        while next < first + tap.weights.len() {
            let mut into = spare.pop().unwrap_or_default();
            weighed(shrunk.row(next), &across, &mut into);
            window.push_back(into);
            next += 1;
        }
        sums.fill([0.0; 4]);
        for (weight, row) in tap.weights.iter().zip(&window) {
            sums.iter_mut().zip(row).for_each(|(sum, pixel)| add(sum, *weight, pixel));
        }
        rgb.extend(sums.iter().flat_map(|[red, green, blue, _]| [red, green, blue].map(|sum| rounded(*sum))));
    }
    Pixels { width, height, rgb }
}

/// One side of the result.
fn scaled(side: usize, longest: usize, max_side: u16) -> u16 {
    let fit = (side * usize::from(max_side) + longest / 2) / longest;
    u16::try_from(fit.min(side)).unwrap_or(max_side).clamp(1, max_side.max(1))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 255")]
fn rounded(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}

/// A picture as the means of so many columns and rows of its pixels, in red, green and blue.
struct Shrunk<'a> {
    raster: &'a Raster,
    columns: usize,
    rows: usize,
    line: Vec<u8>,
    sums: Vec<[u64; 3]>,
    row: Vec<Pixel>,
}

impl<'a> Shrunk<'a> {
    fn new(raster: &'a Raster, columns: usize, rows: usize) -> Self {
        let sums = vec![[0; 3]; raster.width.div_ceil(columns)];
        Self { raster, columns, rows, line: Vec::new(), sums, row: Vec::new() }
    }

    /// Those at the edge are of what there is.
    #[allow(clippy::cast_precision_loss, reason = "the mean of bytes")]
    fn row(&mut self, y: usize) -> &[Pixel] {
        self.row.clear();
        if (self.columns, self.rows) == (1, 1) {
            self.raster.rgb_row(y, &mut self.line);
            let pixel =
                |[red, green, blue]: &[u8; 3]| [f32::from(*red), f32::from(*green), f32::from(*blue), 0.0];
            self.row.extend(self.line.as_chunks().0.iter().map(pixel));
            return &self.row;
        }
        self.sums.fill([0; 3]);
        let rows = y * self.rows..self.raster.height.min((y + 1) * self.rows);
        for y in rows.clone() {
            self.raster.rgb_row(y, &mut self.line);
            for (sums, pixels) in self.sums.iter_mut().zip(self.line.chunks(self.columns * 3)) {
                let mut part = [0_u32; 3];
                for pixel in pixels.as_chunks::<3>().0 {
                    part.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                }
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += u64::from(part));
            }
        }
        let mut left = self.raster.width;
        for sums in &self.sums {
            let count = rows.len() * left.min(self.columns);
            left = left.saturating_sub(self.columns);
            let [red, green, blue] = sums.map(|sum| sum as f32 / count.max(1) as f32);
            self.row.push([red, green, blue, 0.0]);
        }
        &self.row
    }
}

/// What one value of the result is made of.
struct Tap {
    /// The first value that counts.
    first: usize,
    /// How much it and those after it count; together 1.
    weights: Vec<f32>,
}

/// The taps along one side that is `side` pixels long, in blocks of `by` of them.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places in a picture"
)]
fn axis(side: usize, by: usize, to: u16) -> Vec<Tap> {
    let blocks = side.div_ceil(by);
    let step = side as f64 / by as f64 / f64::from(to);
    (0..to)
        .map(|at| {
            let middle = (f64::from(at) + 0.5) * step;
            let first = ((middle - LOBES * step).floor().max(0.0) as usize).min(blocks.saturating_sub(1));
            let last =
                ((middle + LOBES * step).ceil().max(0.0) as usize).clamp(first + 1, blocks.max(first + 1));
            let weight = |block: usize| lanczos((block as f64 + 0.5 - middle) / step);
            let sum: f64 = (first..last).map(weight).sum();
            Tap { first, weights: (first..last).map(|block| (weight(block) / sum) as f32).collect() }
        })
        .collect()
}

/// The sinc function within a window of its own shape.
fn lanczos(x: f64) -> f64 {
    let sinc =
        |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    if x.abs() < LOBES { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

/// A row of the result's width, of one that is as wide as the picture.
fn weighed(row: &[Pixel], across: &[Tap], into: &mut Vec<Pixel>) {
    into.clear();
    for tap in across {
        let mut sum = [0.0; 4];
        for (weight, pixel) in tap.weights.iter().zip(row.get(tap.first..).unwrap_or_default()) {
            add(&mut sum, *weight, pixel);
        }
        into.push(sum);
    }
}

fn add(sum: &mut Pixel, weight: f32, pixel: &Pixel) {
    sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::Layout;

    fn grey(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Raster {
        let bytes =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| value(x, y)).collect();
        Raster { width, height, layout: Layout::Grey, bytes }
    }

    #[test]
    fn one_colour_stays_that_colour_at_every_size() {
        for (width, height) in [(1, 1), (7, 3), (640, 480), (1, 5_000), (5_000, 1), (1_023, 769)] {
            for max_side in [1, 2, 7, 100, 255, 2_560] {
                let shown = fit(&grey(width, height, |_, _| 137), max_side);
                assert!(shown.rgb.iter().all(|value| *value == 137), "{width} x {height} in {max_side}");
                let longest = usize::from(shown.width.max(shown.height));
                assert_eq!(longest, width.max(height).min(max_side.into()));
                assert_eq!(shown.rgb.len(), usize::from(shown.width) * usize::from(shown.height) * 3);
            }
        }
    }

    #[test]
    fn a_slope_stays_a_slope() {
        for max_side in [10, 33, 100, 130, 255] {
            let shown = fit(&grey(256, 256, |x, _| u8::try_from(x).unwrap()), max_side);
            let width = usize::from(shown.width);
            for (x, pixel) in shown.rgb[..width * 3].chunks(3).enumerate() {
                let expected = (x * 2 + 1) * 256 / (width * 2);
                // At the edges the filter sees one side alone.
                let most = if x < 2 || x + 3 > width { 256 / width } else { 1 };
                assert!(
                    usize::from(pixel[0]).abs_diff(expected) <= most.max(1),
                    "{max_side}: {x} is {}",
                    pixel[0]
                );
            }
        }
    }

    #[test]
    fn a_pattern_that_is_too_fine_becomes_its_mean_and_makes_no_other() {
        let stripes = grey(1_000, 1_000, |x, _| if x % 2 == 0 { 0 } else { 200 });
        let shown = fit(&stripes, 170);
        let inside = shown.rgb.chunks(170 * 3).flat_map(|row| &row[15..row.len() - 15]);
        assert!(inside.clone().all(|value| value.abs_diff(100) < 12), "{:?}", inside.max());
    }

    #[test]
    fn edges_stay_sharp() {
        let half = fit(&grey(1_000, 10, |x, _| if x < 500 { 20 } else { 220 }), 100);
        let row: Vec<u8> = half.rgb[..300].chunks(3).map(|pixel| pixel[0]).collect();
        assert!(row[..47].iter().all(|value| value.abs_diff(20) < 10), "{row:?}");
        assert!(row[53..].iter().all(|value| value.abs_diff(220) < 10), "{row:?}");
    }
}
