//! From samples to whole numbers that say how much of each wave is in them (ITU-T T.81, A.3).

use std::f32::consts::{FRAC_1_SQRT_2, PI};

type Block = [[f32; 8]; 8];

/// Where the coefficients lie in their order of writing (T.81, figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// T.81, table K.1: brightness.
pub(super) const BRIGHTNESS: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78,
    87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

/// T.81, table K.2: colours.
const COLOURS: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

pub(super) struct Transform {
    /// Each wave, at each place.
    waves: Block,
    /// Each place, of each wave.
    places: Block,
    /// What coefficients are divided by, in their order of writing: of brightness, of colours.
    steps: [[u8; 64]; 2],
}

impl Transform {
    pub(super) fn new(quality: u8) -> Self {
        let numbers = [0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let at = |wave: f32, place: f32| {
            let height = if wave == 0.0 { FRAC_1_SQRT_2 } else { 1.0 };
            height / 2.0 * ((2.0 * place + 1.0) * wave * PI / 16.0).cos()
        };
        Self {
            waves: numbers.map(|wave| numbers.map(|place| at(wave, place))),
            places: numbers.map(|place| numbers.map(|wave| at(wave, place))),
            steps: [BRIGHTNESS, COLOURS].map(|table| scaled(table, quality)),
        }
    }

    pub(super) fn tables(&self) -> &[[u8; 64]; 2] {
        &self.steps
    }

    /// The coefficients in their order of writing.
    pub(super) fn coefficients(&self, block: &Block, colours: bool) -> [i16; 64] {
        let [brightness, others] = &self.steps;
        let found = product(&product(&self.waves, block), &self.places);
        let mut steps = if colours { others } else { brightness }.iter();
        ZIGZAG.map(|at| {
            let coefficient = found.as_flattened().get(usize::from(at)).copied().unwrap_or_default();
            nearest(coefficient / f32::from(steps.next().copied().unwrap_or(1)))
        })
    }
}

/// Of two matrices.
fn product(left: &Block, right: &Block) -> Block {
    left.map(|weights| {
        let mut sums = [0.0; 8];
        for (weight, row) in weights.iter().zip(right) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
        sums
    })
}

#[expect(clippy::cast_possible_truncation, reason = "at most 8 times a sample")]
fn nearest(value: f32) -> i16 {
    (value + 0.5_f32.copysign(value)) as i16
}

/// A table in libjpeg's scale, in its order of writing.
fn scaled(table: [u8; 64], quality: u8) -> [u8; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5_000 / quality } else { 200 - 2 * quality };
    ZIGZAG.map(|at| {
        let step = table.get(usize::from(at)).copied().map_or(1, u32::from);
        u8::try_from(((step * percent + 50) / 100).max(1)).unwrap_or(u8::MAX)
    })
}
