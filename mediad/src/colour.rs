//! Colours into sRGB, which is what a picture without a profile has: so none has to be sent along, and none is lost on who reads none.

use crate::profile::{Curve, Profile};

/// Steps of light that are told apart: finer than the darkest steps of 8 bits.
const STEPS: usize = 16_384;

/// How far a profile may be from sRGB and still be taken for it: half a step of 8 bits.
const SAME: f32 = 0.002;

/// The way from a profile's colours.
pub(crate) struct ToSrgb {
    profile: Profile,
    /// The light of each value of 8 bits.
    light: [Vec<f32>; 3],
    /// The value of 8 bits for each step of light.
    values: Vec<u8>,
}

impl ToSrgb {
    /// `None`: the colours are sRGB already, or the profile does not say in which way they are not.
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    pub(crate) fn from(profile: &[u8]) -> Option<Self> {
        let profile = Profile::read(profile)?;
        let light = profile
            .curves
            .each_ref()
            .map(|curve| (0..=255_u8).map(|value| curve.light(part(value))).collect());
        if is_srgb(&profile) {
            return None;
        }
        let values = (0..STEPS).map(|step| byte(shown(step as f32 / (STEPS - 1) as f32))).collect();
        Some(Self { profile, light, values })
    }

    /// Changes pixels of `bytes_each` bytes, of which the first three are red, green and blue.
    pub(crate) fn change(&self, pixels: &mut [u8], bytes_each: usize) {
        for pixel in pixels.chunks_exact_mut(bytes_each.max(1)) {
            let Some(pixel) = pixel.first_chunk_mut::<3>() else { return };
            let mut light = [0.0; 3];
            for ((light, table), value) in light.iter_mut().zip(&self.light).zip(*pixel) {
                *light = table.get(usize::from(value)).copied().unwrap_or_default();
            }
            for (value, row) in pixel.iter_mut().zip(&self.profile.matrix) {
                *value = self.values.get(step(mixed(row, light))).copied().unwrap_or_default();
            }
        }
    }

    /// The same for samples of 16 bits, the higher byte first.
    pub(crate) fn change_deep(&self, pixels: &mut [u8], bytes_each: usize) {
        for pixel in pixels.chunks_exact_mut(bytes_each.max(1)) {
            let Some(pixel) = pixel.first_chunk_mut::<6>() else { return };
            let samples = pixel.as_chunks_mut::<2>().0;
            let mut light = [0.0; 3];
            for ((light, curve), sample) in light.iter_mut().zip(&self.profile.curves).zip(&*samples) {
                *light = curve.light(f32::from(u16::from_be_bytes(*sample)) / 65_535.0);
            }
            for (sample, row) in samples.iter_mut().zip(&self.profile.matrix) {
                *sample = deep(shown(mixed(row, light))).to_be_bytes();
            }
        }
    }
}

/// Half a step of each curve, and each colour where it is in sRGB.
fn is_srgb(profile: &Profile) -> bool {
    let near = |one: f32, other: f32| (one - other).abs() < SAME;
    let same = |curve: &Curve| (0..=255).map(part).all(|value| near(shown(curve.light(value)), value));
    let place = |row: usize, column: usize| if row == column { 1.0 } else { 0.0 };
    let rows = profile.matrix.iter().enumerate();
    rows.flat_map(|(row, values)| {
        values.iter().enumerate().map(move |(column, value)| (*value, place(row, column)))
    })
    .all(|(value, place)| near(value, place))
        && profile.curves.iter().all(same)
}

fn mixed(row: &[f32; 3], light: [f32; 3]) -> f32 {
    row.iter().zip(light).map(|(row, light)| row * light).sum::<f32>().clamp(0.0, 1.0)
}

/// How light is written in sRGB (IEC 61966-2-1).
fn shown(light: f32) -> f32 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

fn part(value: u8) -> f32 {
    f32::from(value) / 255.0
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn byte(value: f32) -> u8 {
    (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 65,535")]
fn deep(value: f32) -> u16 {
    (value * 65_535.0 + 0.5).clamp(0.0, 65_535.0) as u16
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 0 and STEPS"
)]
fn step(light: f32) -> usize {
    (light * (STEPS - 1) as f32 + 0.5) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{P3, SRGB, power_curve, profile, srgb_curve};

    /// What others give for Display P3 in sRGB (CSS Color 4's formulas), and what is beyond it.
    #[test]
    fn colours_of_wide_screens_are_where_they_are_in_srgb() {
        let p3 = ToSrgb::from(&profile(P3, &srgb_curve())).unwrap();
        for (from, to) in [
            ([0, 0, 0], [0, 0, 0]),
            ([255, 255, 255], [255, 255, 255]),
            ([128, 128, 128], [128, 128, 128]),
            ([200, 100, 50], [215, 93, 31]),
            ([255, 0, 0], [255, 0, 0]),
            ([0, 255, 0], [0, 255, 0]),
        ] {
            let mut pixel = from;
            p3.change(&mut pixel, 3);
            assert!(
                pixel.iter().zip(to).all(|(one, other): (&u8, u8)| one.abs_diff(other) <= 2),
                "{from:?}: {pixel:?}"
            );
            let mut deep: Vec<u8> = from.iter().flat_map(|value| [*value; 2]).collect();
            p3.change_deep(&mut deep, 6);
            assert!(
                deep.iter().step_by(2).zip(to).all(|(one, other)| one.abs_diff(other) <= 2),
                "{from:?}: {deep:?}"
            );
        }
    }

    #[test]
    fn alpha_is_no_colour() {
        let linear = ToSrgb::from(&profile(SRGB, &power_curve(1.0))).unwrap();
        let mut pixels = [55, 55, 55, 7, 0, 0, 0, 9];
        linear.change(&mut pixels, 4);
        assert_eq!(pixels, [128, 128, 128, 7, 0, 0, 0, 9]);
    }

    #[test]
    fn srgb_in_either_way_of_writing_it_needs_no_change() {
        let points: Vec<u8> = (0..1_024_u32)
            .flat_map(|point| {
                let value = f64::from(point) / 1_023.0;
                let light =
                    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                ((light * 65_535.0).round() as u16).to_be_bytes()
            })
            .collect();
        let table = [&b"curv\0\0\0\0\0\0\x04\0"[..], &points].concat();
        assert!(ToSrgb::from(&profile(SRGB, &srgb_curve())).is_none());
        assert!(ToSrgb::from(&profile(SRGB, &table)).is_none());
        assert!(ToSrgb::from(&profile(SRGB, &power_curve(1.8))).is_some());
        assert!(ToSrgb::from(&profile(P3, &table)).is_some());
    }

    #[test]
    fn profiles_that_are_cut_or_altered_change_colours_or_nothing() {
        let whole = profile(P3, &srgb_curve());
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 0xff;
            for profile in [&whole[..at], &altered] {
                if let Some(colours) = ToSrgb::from(profile) {
                    colours.change(&mut [1, 2, 3, 4, 5], 3);
                    colours.change_deep(&mut [1; 8], 6);
                }
            }
        }
    }
}
