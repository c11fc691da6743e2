//! What is in a picture's file after it was written anew.

use super::*;
use crate::samples::{self, HEIGHT, P3, WIDTH, exif, jpeg_coloured, jpeg_turned, profile, srgb_curve};
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
fn each_way_of_being_held_becomes_the_way_that_it_looks() {
    for orientation in 1..=8 {
        let tagged = jpeg_turned(orientation, true);
        assert_near(&shown(&clean(&tagged).unwrap().bytes), &shown(&tagged));
    }
}

#[test]
fn colours_become_srgb_in_every_kind() {
    let tagged = jpeg_coloured(&profile(P3, &srgb_curve()));
    assert_near(&shown(&clean(&tagged).unwrap().bytes), &shown(&tagged));
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
