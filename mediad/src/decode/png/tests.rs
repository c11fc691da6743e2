//! PNGs of every shape, hostile ones, and random bytes.
#![allow(clippy::cast_possible_truncation, reason = "test data is cut to bytes on purpose")]

use ipc_schema::limits::PICTURE_MAX_BYTES;
use png::{BitDepth, ColorType, Encoder};
use proptest::prelude::*;

use crate::error::PictureError;
use crate::view::{Pixels, pixels};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

fn encode(size: (u32, u32), kind: (ColorType, BitDepth), data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, size.0, size.1);
    encoder.set_color(kind.0);
    encoder.set_depth(kind.1);
    if kind.0 == ColorType::Indexed {
        encoder.set_palette(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
        encoder.set_trns(vec![255, 255, 0, 255]);
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    out
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    let crc = body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    [&(data.len() as u32).to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
}

fn header(width: u32, height: u32, depth: u8, colour: u8, interlaced: u8) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [SIGNATURE.to_vec(), chunk(b"IHDR", &[&size[..], &[depth, colour, 0, 0, interlaced]].concat())].concat()
}

/// zlib with stored blocks: valid, and needs no compressor.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = data.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend_from_slice(&((b << 16) | a).to_be_bytes());
    out
}

#[test]
fn every_colour_type_and_depth_comes_out_as_its_colour() {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    for (colour, depth, data, expected) in [
        (Grayscale, One, vec![0b1000_0000], [255, 255, 255]),
        (Grayscale, Two, vec![0b0100_0000], [85, 85, 85]),
        (Grayscale, Four, vec![0x30], [51, 51, 51]),
        (Grayscale, Eight, vec![7], [7, 7, 7]),
        (Grayscale, Sixteen, vec![0x12, 0x34], [0x12, 0x12, 0x12]),
        (GrayscaleAlpha, Eight, vec![100, 0], [255, 255, 255]),
        (GrayscaleAlpha, Sixteen, vec![10, 99, 255, 255], [10, 10, 10]),
        (Rgb, Eight, vec![1, 2, 3], [1, 2, 3]),
        (Rgb, Sixteen, vec![1, 0, 2, 0, 3, 0], [1, 2, 3]),
        (Rgba, Eight, vec![0, 100, 255, 51], [204, 224, 255]),
        (Rgba, Sixteen, vec![1, 0, 2, 0, 3, 0, 255, 255], [1, 2, 3]),
        (Indexed, One, vec![0b1000_0000], [0, 255, 0]),
        (Indexed, Two, vec![0b1000_0000], [255, 255, 255]),
        (Indexed, Four, vec![0x30], [9, 9, 9]),
        (Indexed, Eight, vec![0], [255, 0, 0]),
    ] {
        let picture = encode((1, 1), (colour, depth), &data);
        let shown = pixels(&picture, 16).unwrap();
        assert_eq!(shown, Pixels { width: 1, height: 1, rgb: expected.to_vec() }, "{colour:?} {depth:?}");
    }
}

/// Adam7 (PNG specification, 8.1): of each pass the first column and its step, the first row and its step.
const ADAM7: [(u32, usize, u32, usize); 7] =
    [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)];

#[test]
fn an_interlaced_picture_is_the_same_as_a_plain_one() {
    for (width, height) in [(1, 1), (3, 2), (4, 9), (5, 5), (8, 8), (17, 13), (2, 1), (1, 5)] {
        let value = |x: u32, y: u32| (x * 13 + y * 31) as u8;
        let plain: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| value(x, y))).collect();
        let mut rows = Vec::new();
        for (x, x_step, y, y_step) in ADAM7.into_iter().filter(|(x, ..)| *x < width) {
            for y in (y..height).step_by(y_step) {
                rows.push(0);
                rows.extend((x..width).step_by(x_step).map(|x| value(x, y)));
            }
        }
        let data = chunk(b"IDAT", &zlib(&rows));
        let interlaced = [header(width, height, 8, 0, 1), data, chunk(b"IEND", &[])].concat();
        let expected = pixels(&encode((width, height), (ColorType::Grayscale, BitDepth::Eight), &plain), 512);
        assert_eq!(pixels(&interlaced, 512), expected, "{width}x{height}");
        assert!(expected.is_ok());
    }
}

#[test]
fn a_large_picture_is_averaged_down_to_fit_and_a_small_one_is_left() {
    let checked: Vec<u8> =
        (0..64 * 32).map(|index| if (index + index / 64) % 2 == 0 { 0 } else { 200 }).collect();
    let picture = encode((64, 32), (ColorType::Grayscale, BitDepth::Eight), &checked);
    let shown = pixels(&picture, 16).unwrap();
    assert_eq!((shown.width, shown.height), (16, 8));
    assert!(shown.rgb.iter().all(|value| *value == 100));
    let same = pixels(&picture, 512).unwrap();
    assert_eq!((same.width, same.height), (64, 32));
    assert_eq!(same.rgb.iter().step_by(3).copied().collect::<Vec<_>>(), checked);
}

#[test]
fn a_strip_keeps_a_pixel_of_height() {
    for (width, height) in [(65_535, 1), (1, 65_535)] {
        let picture = encode((width, height), (ColorType::Grayscale, BitDepth::Eight), &[9; 65_535]);
        let shown = pixels(&picture, 100).unwrap();
        assert_eq!((shown.width, shown.height), if width == 1 { (1, 100) } else { (100, 1) });
        assert_eq!(shown.rgb, vec![9; 300]);
    }
}

#[test]
fn pixels_over_the_bound_are_refused_before_any_row() {
    for (width, height) in
        [(100_000_001, 1), (1, u32::MAX >> 1), (10_001, 10_000), (0x7fff_ffff, 0x7fff_ffff)]
    {
        let claim = [header(width, height, 16, 6, 0), chunk(b"IDAT", &[])].concat();
        assert_eq!(pixels(&claim, 512), Err(PictureError::TooLarge), "{width}x{height}");
    }
    let mut job = crate::job::Job::default();
    job.add(&vec![0; PICTURE_MAX_BYTES + 1]);
    assert_eq!(job.pixels(512), Err(PictureError::TooLarge));
}

#[test]
fn a_side_of_zero_is_damage() {
    for (width, height) in [(0, 1), (1, 0)] {
        let claim =
            [header(width, height, 8, 0, 0), chunk(b"IDAT", &zlib(&[0])), chunk(b"IEND", &[])].concat();
        assert_eq!(pixels(&claim, 512), Err(PictureError::Damaged));
    }
}

fn picture() -> Vec<u8> {
    let data: Vec<u8> = (0..30 * 20 * 3).map(|index| (index * 7 % 256) as u8).collect();
    encode((30, 20), (ColorType::Rgb, BitDepth::Eight), &data)
}

#[test]
fn a_picture_cut_anywhere_is_damaged() {
    let picture = picture();
    // The last 12 B are IEND; without any of its data the rest still says that it is cut.
    for length in SIGNATURE.len()..picture.len() - 12 {
        assert_eq!(pixels(&picture[..length], 512), Err(PictureError::Damaged), "{length} B");
    }
}

#[test]
fn a_changed_byte_in_what_makes_the_picture_is_told() {
    let picture = picture();
    for index in SIGNATURE.len()..picture.len() - 12 {
        let mut altered = picture.clone();
        altered[index] ^= 0x10;
        assert!(pixels(&altered, 512).is_err(), "byte {index}");
    }
}

#[test]
fn data_that_inflates_beyond_the_picture_is_not_kept() {
    // 4 x 4 pixels, and 6 MB behind them in the same stream.
    let rows: Vec<u8> = (0..4).flat_map(|_| [0, 1, 2, 3, 4]).collect();
    let bomb = [rows, vec![0; 6_000_000]].concat();
    let picture = [header(4, 4, 8, 0, 0), chunk(b"IDAT", &zlib(&bomb)), chunk(b"IEND", &[])].concat();
    if let Ok(shown) = pixels(&picture, 512) {
        assert_eq!((shown.width, shown.height), (4, 4));
    }
}

#[test]
fn texts_and_profiles_that_inflate_are_skipped() {
    let bomb = zlib(&vec![b'x'; 5_000_000]);
    let text = chunk(b"zTXt", &[b"k\0\0".as_slice(), &bomb].concat());
    let picture = picture();
    let (head, rest) = picture.split_at(33);
    assert_eq!(pixels(&[head, &text, rest].concat(), 512), pixels(&picture, 512));
    let profile = chunk(b"iCCP", &[b"k\0\0".as_slice(), &bomb].concat());
    assert_eq!(pixels(&[head, &profile, rest].concat(), 512), pixels(&picture, 512));
}

#[test]
fn an_animations_frame_of_another_size_is_damage() {
    let control = chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    let frame = [[0_u32, 20, 10, 0, 0].map(u32::to_be_bytes).concat(), vec![0, 1, 0, 1, 0, 0]].concat();
    let picture = picture();
    let (head, rest) = picture.split_at(33);
    let animated = [head, &control, &chunk(b"fcTL", &frame), rest].concat();
    assert_eq!(pixels(&animated, 512), Err(PictureError::Damaged));
}

proptest! {
    #[test]
    fn no_bytes_behind_a_good_header_do_harm(
        width in 1_u32..40, height in 1_u32..40, kind in 0_usize..15, interlaced in 0_u8..2,
        rows in proptest::collection::vec(any::<u8>(), 0..9_000), side in 0_u16..700,
    ) {
        let kinds = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (2, 3), (4, 3), (8, 3), (8, 4),
            (16, 4), (8, 6), (16, 6)];
        let (depth, colour) = kinds[kind];
        let palette = if colour == 3 { chunk(b"PLTE", &[1, 2, 3]) } else { Vec::new() };
        let data = chunk(b"IDAT", &zlib(&rows));
        let head = header(width, height, depth, colour, interlaced);
        let bytes = [head, palette, data, chunk(b"IEND", &[])].concat();
        if let Ok(shown) = pixels(&bytes, side) {
            prop_assert!(shown.width >= 1 && shown.height >= 1);
            let most = side.max(1);
            prop_assert!(shown.width <= most && shown.height <= most);
            prop_assert_eq!(shown.rgb.len(), usize::from(shown.width) * usize::from(shown.height) * 3);
        }
    }

    #[test]
    fn no_change_to_a_picture_does_harm(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut altered = picture();
        for (index, value) in changes {
            let index = index.index(altered.len());
            altered[index] = value;
        }
        if let Ok(shown) = pixels(&altered, 512) {
            prop_assert_eq!(shown.rgb.len(), usize::from(shown.width) * usize::from(shown.height) * 3);
        }
    }
}
