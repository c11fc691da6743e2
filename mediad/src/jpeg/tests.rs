use super::transform::BRIGHTNESS;
use super::*;
use crate::decode::decode;

/// Soft, as photographs are.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let part = |at: u16, of: u16| u8::try_from(u32::from(at) * 200 / u32::from(of)).unwrap();
    (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [part(x, width), part(y, height), 200 - part(x, width)]))
        .collect()
}

/// How far the samples of what is decoded lie from those that were written, at most and in the mean.
fn lost(picture: &Picture, samples: &[u8]) -> (u8, f64) {
    let line = usize::from(picture.width) * if picture.colours == Colours::Grey { 1 } else { 3 };
    let mut file = Vec::new();
    write(picture, |y, row| row.extend(&samples[usize::from(y) * line..][..line]), &mut file).unwrap();
    let raster = decode(&file).unwrap().raster;
    assert_eq!((raster.width, raster.height), (picture.width.into(), picture.height.into()));
    assert_eq!(raster.bytes.len(), samples.len());
    let differences: Vec<u8> = raster.bytes.iter().zip(samples).map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = differences.iter().copied().map(f64::from).sum();
    (differences.iter().copied().max().unwrap(), sum / f64::from(u32::try_from(samples.len()).unwrap()))
}

#[test]
fn another_decoder_reads_pictures_of_every_small_size() {
    for width in 1..=33 {
        for height in [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33] {
            for (colours, halved) in
                [(Colours::Grey, false), (Colours::Grey, true), (Colours::Rgb, false), (Colours::Rgb, true)]
            {
                let picture = Picture { width, height, colours, fineness: Fineness { quality: 95, halved } };
                let samples = match colours {
                    Colours::Rgb => pixels(width, height),
                    Colours::Grey => pixels(width, height).chunks(3).map(|rgb| rgb[1]).collect(),
                };
                // The smallest have steps of 100 and more between two pixels.
                let (_, mean) = lost(&picture, &samples);
                let bound = if halved && width.min(height) < 16 { 40.0 } else { 6.0 };
                assert!(mean < bound, "{picture:?}: {mean}");
            }
        }
    }
}

#[test]
fn at_the_finest_nothing_is_seen_of_the_loss() {
    let fineness = Fineness { quality: 100, halved: false };
    let picture = Picture { width: 64, height: 64, colours: Colours::Rgb, fineness };
    let (most, mean) = lost(&picture, &pixels(64, 64));
    assert!(most <= 4 && mean < 1.0, "{most}, {mean}");
}

#[test]
fn noise_takes_the_longest_words_and_is_read_nevertheless() {
    let mut state = 1_u32;
    let samples: Vec<u8> = (0..64 * 64 * 3)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 { 0 } else { 255 }
        })
        .collect();
    for quality in [1, 50, 100] {
        let fineness = Fineness { quality, halved: false };
        let picture = Picture { width: 64, height: 64, colours: Colours::Rgb, fineness };
        let (most, mean) = lost(&picture, &samples);
        assert!(quality < 100 || (most <= 60 && mean < 3.0), "{quality}: {most}, {mean}");
    }
}

#[test]
fn the_table_of_brightness_is_the_one_that_qualities_are_told_by() {
    assert_eq!(BRIGHTNESS.iter().copied().map(u32::from).sum::<u32>(), 3_688);
}

#[test]
fn a_full_disk_is_told() {
    let picture = Picture {
        width: 8,
        height: 8,
        colours: Colours::Grey,
        fineness: Fineness { quality: 90, halved: false },
    };
    let mut small = [0; 100];
    assert!(write(&picture, |_, row| row.extend([0; 8]), &mut small.as_mut_slice()).is_err());
}
