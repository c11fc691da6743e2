//! Small pictures of each kind, with what cameras and programs put beside them.
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use image_webp::WebPEncoder;

use crate::jpeg::{Colours, Fineness, Picture, write};

/// Sides of [`corners`].
pub(crate) const WIDTH: u16 = 24;
pub(crate) const HEIGHT: u16 = 16;

pub(crate) const RED: [u8; 3] = [255, 0, 0];
pub(crate) const GREEN: [u8; 3] = [0, 255, 0];
pub(crate) const BLUE: [u8; 3] = [0, 0, 255];
pub(crate) const BLACK: [u8; 3] = [0, 0, 0];

/// Red and green above, blue and black below: it can be told how it was turned.
pub(crate) fn corners() -> Vec<u8> {
    let colour = |x: u16, y: u16| match (x < WIDTH / 2, y < HEIGHT / 2) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => BLACK,
    };
    (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| colour(x, y))).collect()
}

/// What a camera writes: its name and how it was held, in either order of bytes.
pub(crate) fn exif(orientation: u16, little: bool) -> Vec<u8> {
    let two = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let four = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut tiff = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    tiff.extend(four(8));
    tiff.extend(two(2));
    tiff.extend([&two(0x010f)[..], &two(2), &four(4), b"Cam\0"].concat());
    tiff.extend([&two(0x0112)[..], &two(3), &four(1), &two(orientation), &two(0)].concat());
    tiff.extend(four(0));
    tiff
}

/// The corners as a JPEG. `beside`: application segments, and what they hold.
pub(crate) fn jpeg(beside: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let rows = corners();
    let row = |y: u16, row: &mut Vec<u8>| {
        row.extend(rows.chunks(usize::from(WIDTH) * 3).nth(y.into()).unwrap());
    };
    let fineness = Fineness { quality: 85, halved: false };
    let mut written = Vec::new();
    write(&Picture { width: WIDTH, height: HEIGHT, colours: Colours::Rgb, fineness }, row, &mut written)
        .unwrap();
    let mut file = written[..2].to_vec();
    for (number, data) in beside {
        file.extend([0xff, 0xe0 + number]);
        file.extend(u16::try_from(data.len() + 2).unwrap().to_be_bytes());
        file.extend(data);
    }
    file.extend(&written[2..]);
    file
}

pub(crate) fn jpeg_turned(orientation: u16, little: bool) -> Vec<u8> {
    jpeg(&[(1, [b"Exif\0\0".to_vec(), exif(orientation, little)].concat())])
}

/// A profile in a JPEG (ICC.1:2022, B.4).
pub(crate) fn jpeg_coloured(profile: &[u8]) -> Vec<u8> {
    jpeg(&[(2, [b"ICC_PROFILE\0\x01\x01", profile].concat())])
}

/// Adds chunks before the end of a PNG's header, or its end.
pub(crate) fn png_with(png: &[u8], chunks: &[u8]) -> Vec<u8> {
    [&png[..33], chunks, &png[33..]].concat()
}

pub(crate) fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    let crc = body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    [&(data.len() as u32).to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
}

/// The corners as a PNG.
pub(crate) fn png() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH.into(), HEIGHT.into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&corners()).unwrap();
    file
}

/// The corners as a lossless WebP.
pub(crate) fn webp(set: impl FnOnce(&mut WebPEncoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = WebPEncoder::new(&mut file);
    set(&mut encoder);
    encoder.encode(&corners(), WIDTH.into(), HEIGHT.into(), image_webp::ColorType::Rgb8).unwrap();
    file
}

/// The corners as cwebp writes them at quality 60: a `VP8 ` chunk's content.
pub(crate) const LOSSY_WEBP: &str = "5003009d012a180010002e855aad56a2a727270700844b5005d88fff03ccbfdcb3160000feebdd9dc0e7eaa3f925ffff0ad7fda4fe87\
    fffbb05e59ffb798f737fffbd8264ffcf2997a70f9acf1203e400000";

/// 16 × 16 red, less and less of it downwards, as cwebp writes it: the content of `ALPH` and `VP8 `.
pub(crate) const ALPHA_WEBP: [&str; 2] = [
    "017f20104852d81f788588481d5045b60d155450410515545041051554504105155450c1d77688e87f7e1e97c3663119741a95422611\
    0900",
    "d001009d012a1000100002804225a00274ba01f80003b000feef76d7fe156e18866abffbd82fbb05f760bfd6c000",
];

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.bytes().filter_map(|byte| char::from(byte).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect()
}

/// A WebP of these chunks.
pub(crate) fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(data);
        body.extend(vec![0; data.len() % 2]);
    }
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// The first chunk of a WebP with more than pixels.
pub(crate) fn vp8x(flags: u8, width: u32, height: u32) -> (&'static [u8; 4], Vec<u8>) {
    let side = |side: u32| (side - 1).to_le_bytes();
    (b"VP8X", [&[flags, 0, 0, 0], &side(width)[..3], &side(height)[..3]].concat())
}

/// The corners as a GIF, as often as is said.
pub(crate) fn gif(pictures: usize) -> Vec<u8> {
    let palette = [RED, GREEN, BLUE, BLACK].concat();
    let pixels: Vec<u8> = corners()
        .chunks(3)
        .map(|pixel| palette.chunks(3).position(|colour| colour == pixel).unwrap() as u8)
        .collect();
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, WIDTH, HEIGHT, &palette).unwrap();
    for _ in 0..pictures {
        let frame = gif::Frame {
            width: WIDTH,
            height: HEIGHT,
            buffer: pixels.as_slice().into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

/// A colour profile: where red, green and blue lie (XYZ, D50), and one curve for all.
pub(crate) fn profile(colours: [[f64; 3]; 3], curve: &[u8]) -> Vec<u8> {
    let fixed = |value: f64| ((value * 65_536.0).round() as i32).to_be_bytes();
    let mut tags: Vec<(&[u8; 4], Vec<u8>)> = Vec::new();
    for (name, colour) in [b"rXYZ", b"gXYZ", b"bXYZ"].into_iter().zip(colours) {
        tags.push((name, [&b"XYZ \0\0\0\0"[..], &colour.map(fixed).concat()].concat()));
    }
    for name in [b"rTRC", b"gTRC", b"bTRC"] {
        tags.push((name, curve.to_vec()));
    }
    let mut head = vec![0; 128];
    head[16..24].copy_from_slice(b"RGB XYZ ");
    head[36..40].copy_from_slice(b"acsp");
    head.extend((tags.len() as u32).to_be_bytes());
    let mut data: Vec<u8> = Vec::new();
    for (name, tag) in &tags {
        let at = 132 + 12 * tags.len() + data.len();
        head.extend([&name[..], &(at as u32).to_be_bytes(), &(tag.len() as u32).to_be_bytes()].concat());
        data.extend(tag);
    }
    head.extend(data);
    head
}

/// sRGB's own colours (IEC 61966-2-1, adapted to D50).
pub(crate) const SRGB: [[f64; 3]; 3] =
    [[0.436_07, 0.222_49, 0.013_92], [0.385_15, 0.716_87, 0.097_08], [0.143_07, 0.060_61, 0.714_10]];
/// Those of Apple's screens and cameras (Display P3).
pub(crate) const P3: [[f64; 3]; 3] =
    [[0.515_10, 0.241_20, -0.001_05], [0.291_96, 0.692_24, 0.041_89], [0.157_20, 0.066_58, 0.784_55]];

/// sRGB's curve as a formula (ICC.1:2022, 10.18, type 3).
pub(crate) fn srgb_curve() -> Vec<u8> {
    let numbers = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.040_45];
    let fixed = numbers.map(|value: f64| ((value * 65_536.0).round() as i32).to_be_bytes()).concat();
    [&b"para\0\0\0\0\0\x03\0\0"[..], &fixed].concat()
}

/// A curve that is an exponent (10.6).
pub(crate) fn power_curve(exponent: f64) -> Vec<u8> {
    let number = ((exponent * 256.0).round() as u16).to_be_bytes();
    [&b"curv\0\0\0\0\0\0\0\x01"[..], &number].concat()
}
