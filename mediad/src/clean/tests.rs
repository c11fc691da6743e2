//! What is in a picture's file after it was written anew.

use std::io::Write as _;

use ::png::{BitDepth, ColorType, Transformations};

use ipc_schema::limits::PICTURE_MAX_BYTES;

use super::cleaned::File;
use super::*;
use crate::decode::raw;
use crate::samples::{
    self, ALPHA_WEBP, HEIGHT, LOSSY_WEBP, P3, WIDTH, chunk, corners, exif, jpeg_coloured, jpeg_turned,
    png_with, profile, riff, srgb_curve, unhex, vp8x,
};
use crate::view::{Pixels, pixels};

const SECRET: &[u8] = b"52.5200N 13.4050E";

#[track_caller]
fn assert_holds_nothing(file: &[u8]) {
    for word in [
        SECRET, b"Exif", b"eXIf", b"EXIF", b"XMP", b"ICC", b"iCCP", b"tEXt", b"zTXt", b"iTXt", b"tIME",
        b"Cam", b"VP8X",
    ] {
        assert!(!file.windows(word.len()).any(|at| at == word), "{}", word.escape_ascii());
    }
}

fn shown(file: &[u8]) -> Pixels {
    pixels(file, 512).unwrap()
}

#[track_caller]
fn assert_near(one: &Pixels, other: &Pixels) {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let far = one.rgb.iter().zip(&other.rgb).filter(|(one, other)| one.abs_diff(**other) > 24).count();
    // Where colours meet, a lossy picture is blurred.
    assert!(far * 8 < one.rgb.len(), "{far} of {}", one.rgb.len());
}

#[test]
fn nothing_is_left_beside_a_jpegs_pixels() {
    let beside = [
        (1, [b"Exif\0\0".to_vec(), exif(6, true), SECRET.to_vec()].concat()),
        (1, [b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()),
        (2, [b"ICC_PROFILE\0\x01\x01".to_vec(), profile(P3, &srgb_curve())].concat()),
        (13, [b"Photoshop 3.0\0", SECRET].concat()),
        (11, SECRET.to_vec()),
    ];
    let comment = [&[0xff, 0xfe, 0, 19][..], SECRET].concat();
    let picture = samples::jpeg(&beside);
    let tagged = [&picture[..2], &comment, &picture[2..], SECRET].concat();
    let cleaned = clean(&tagged).unwrap();
    assert_eq!(cleaned.kind, Kind::Jpeg);
    assert_holds_nothing(&cleaned.bytes);
    let seen = shown(&cleaned.bytes);
    assert_eq!((seen.width, seen.height), (HEIGHT, WIDTH), "it is turned");
    assert_near(&seen, &shown(&tagged));
    assert!(cleaned.bytes.ends_with(&[0xff, 0xd9]));
}

#[test]
fn nothing_is_left_beside_a_pngs_pixels_which_are_the_same() {
    let chunks = [
        chunk(b"eXIf", &[exif(1, false), SECRET.to_vec()].concat()),
        chunk(b"tEXt", &[b"Comment\0", SECRET].concat()),
        chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", SECRET].concat()),
        chunk(b"tIME", &[7, 228, 1, 1, 1, 1, 1]),
        chunk(b"pHYs", &[0; 9]),
        chunk(b"prVt", SECRET),
    ];
    let tagged = [png_with(&samples::png(), &chunks.concat()), SECRET.to_vec()].concat();
    let cleaned = clean(&tagged).unwrap();
    assert_eq!(cleaned.kind, Kind::Png);
    assert_holds_nothing(&cleaned.bytes);
    assert_eq!(shown(&cleaned.bytes).rgb, corners());
    let names: Vec<&[u8]> = names(&cleaned.bytes);
    assert!(names.iter().all(|name| [&b"IHDR"[..], b"IDAT", b"IEND"].contains(name)));
}

/// A PNG's chunks.
fn names(png: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut names) = (&png[8..], Vec::new());
    while let Some(length) = rest.first_chunk() {
        names.push(&rest[4..8]);
        rest = &rest[12 + u32::from_be_bytes(*length) as usize..];
    }
    names
}

#[test]
fn a_png_keeps_its_palette_and_depth() {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    for (colours, depth, bytes) in [
        (Grayscale, One, vec![0b1010_0000]),
        (Grayscale, Sixteen, vec![1, 2, 3, 4, 5, 6]),
        (GrayscaleAlpha, Eight, vec![1, 2, 3, 4, 5, 6]),
        (Indexed, Two, vec![0b0001_1000]),
        (Indexed, Four, vec![0x01, 0x20]),
        (Indexed, Eight, vec![0, 1, 2]),
        (Rgb, Sixteen, (0..18).collect()),
        (Rgba, Eight, (1..13).collect()),
    ] {
        let mut file = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut file, 3, 1);
        encoder.set_color(colours);
        encoder.set_depth(depth);
        if colours == Indexed {
            encoder.set_palette(vec![255, 0, 0, 0, 255, 0, 0, 0, 255]);
            encoder.set_trns(vec![255, 1, 255]);
        }
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
        let cleaned = clean(&file).unwrap().bytes;
        let (before, after) =
            [file.clone(), cleaned].map(|file| raw(&file, Transformations::IDENTITY).unwrap()).into();
        assert_eq!(
            (after.colours, after.depth, after.bytes),
            (colours, depth, before.bytes),
            "{colours:?} {depth:?}"
        );
        assert_eq!((after.palette, after.transparent), (before.palette, before.transparent));
        // Turned, samples that share a byte are taken apart, and it looks the same.
        let turned = png_with(&file, &chunk(b"eXIf", &exif(6, true)));
        assert_eq!(shown(&clean(&turned).unwrap().bytes), shown(&turned), "{colours:?} {depth:?}");
    }
}

#[test]
fn what_cannot_be_seen_has_no_colour_any_more() {
    for (depth, bytes) in
        [(BitDepth::Eight, vec![9, 8, 7, 0, 9, 8, 7, 1]), (BitDepth::Sixteen, vec![9, 9, 8, 8, 7, 7, 0, 0])]
    {
        let mut file = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut file, if depth == BitDepth::Eight { 2 } else { 1 }, 1);
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
        let cleaned = raw(&clean(&file).unwrap().bytes, Transformations::IDENTITY).unwrap();
        let expected = if depth == BitDepth::Eight { vec![0, 0, 0, 0, 9, 8, 7, 1] } else { vec![0; 8] };
        assert_eq!(cleaned.bytes, expected);
    }
}

#[test]
fn a_lossless_webp_stays_one_and_a_lossy_one_becomes_a_jpeg_or_lossless() {
    let tagged = samples::webp(|encoder| {
        encoder.set_exif_metadata([exif(3, true), SECRET.to_vec()].concat());
        encoder.set_xmp_metadata(SECRET.to_vec());
        encoder.set_icc_profile(profile(P3, &srgb_curve()));
    });
    let camera = [exif(8, true), SECRET.to_vec()].concat();
    let lossy = riff(&[
        vp8x(0x0c, 24, 16),
        (b"VP8 ", unhex(LOSSY_WEBP)),
        (b"EXIF", camera),
        (b"XMP ", SECRET.to_vec()),
    ]);
    let [alpha, colour] = ALPHA_WEBP.map(unhex);
    let alpha = riff(&[vp8x(0x14, 16, 16), (b"ALPH", alpha), (b"VP8 ", colour), (b"XMP ", SECRET.to_vec())]);
    for (file, kind) in [(tagged, Kind::Webp), (lossy, Kind::Jpeg), (alpha, Kind::Webp)] {
        let file = [file, SECRET.to_vec()].concat();
        let cleaned = clean(&file).unwrap();
        assert_eq!(cleaned.kind, kind);
        assert_holds_nothing(&cleaned.bytes);
        assert_near(&shown(&cleaned.bytes), &shown(&file));
    }
}

#[test]
fn a_gif_of_one_picture_stays_one_with_the_same_pixels_and_one_that_moves_is_told() {
    let picture = samples::gif(1);
    let comment = [&[0x21, 0xfe, 17][..], SECRET, &[0]].concat();
    // Behind the palette of four colours.
    let tagged = [&picture[..25], &comment, &picture[25..], SECRET].concat();
    let cleaned = clean(&tagged).unwrap();
    assert_eq!(cleaned.kind, Kind::Gif);
    assert_holds_nothing(&cleaned.bytes);
    assert_eq!(shown(&cleaned.bytes).rgb, corners());
    assert_eq!(clean(&samples::gif(2)), Err(PictureError::Animated));
}

#[test]
fn pictures_that_move_are_not_made_to_stand_still() {
    let still = riff(&[(b"VP8 ", unhex(LOSSY_WEBP))]);
    let place = [&[0; 6][..], &[23, 0, 0, 15, 0, 0, 100, 0, 0, 0]].concat();
    let moving =
        riff(&[vp8x(0x02, 24, 16), (b"ANIM", vec![0; 6]), (b"ANMF", [&place[..], &still[12..]].concat())]);
    assert_eq!(clean(&moving), Err(PictureError::Animated));
    let control = chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(clean(&png_with(&samples::png(), &control)), Err(PictureError::Animated));
}

#[test]
fn each_way_of_being_held_becomes_the_way_that_it_looks() {
    for orientation in 1..=8 {
        for tagged in [
            jpeg_turned(orientation, true),
            png_with(&samples::png(), &chunk(b"eXIf", &exif(orientation, true))),
            samples::webp(|encoder| encoder.set_exif_metadata(exif(orientation, true))),
        ] {
            assert_near(&shown(&clean(&tagged).unwrap().bytes), &shown(&tagged));
        }
    }
}

#[test]
fn colours_become_srgb_in_every_kind() {
    let wide = profile(P3, &srgb_curve());
    let mut named = b"P3\0\0".to_vec();
    named.extend(stored(&wide));
    for tagged in [
        jpeg_coloured(&wide),
        png_with(&samples::png(), &chunk(b"iCCP", &named)),
        samples::webp(|encoder| encoder.set_icc_profile(wide.clone())),
    ] {
        assert_near(&shown(&clean(&tagged).unwrap().bytes), &shown(&tagged));
    }
}

/// zlib with one stored block.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    let head = [0x78, 0x01, 1];
    [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), data, &((b << 16) | a).to_be_bytes()]
        .concat()
}

#[test]
fn what_is_not_decoded_is_not_written() {
    for other in [&b""[..], b"<svg/>", b"%PDF-1.7", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"II*\0"] {
        assert_eq!(clean(other), Err(PictureError::NotAPicture), "{}", other.escape_ascii());
    }
}

#[test]
fn a_file_that_grows_beyond_its_bound_is_not_written() {
    let mut file = File(vec![0; PICTURE_MAX_BYTES]);
    assert!(file.write(b"").is_ok());
    assert!(file.write(b"1").is_err());
}
