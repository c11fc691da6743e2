//! Pictures as they are shown, and those that are none.

use super::*;
use crate::samples::{BLACK, BLUE, GREEN, HEIGHT, RED, WIDTH, chunk, exif, png, png_with};

/// The colours in the middle of each quarter: left above, right above, left below, right below.
pub(crate) fn quarters(pixels: &Pixels) -> [[u8; 3]; 4] {
    let (width, height) = (usize::from(pixels.width), usize::from(pixels.height));
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let at = (height * y / 4 * width + width * x / 4) * 3;
        [pixels.rgb[at], pixels.rgb[at + 1], pixels.rgb[at + 2]]
    })
}

#[track_caller]
fn assert_near(seen: [[u8; 3]; 4], expected: [[u8; 3]; 4]) {
    let near =
        seen.as_flattened().iter().zip(expected.as_flattened()).all(|(one, other)| one.abs_diff(*other) < 24);
    assert!(near, "{seen:?}");
}

/// Where red, green, blue and black are after each of the eight (Exif 2.3, 4.6.4).
pub(crate) const TURNED: [[[u8; 3]; 4]; 8] = [
    [RED, GREEN, BLUE, BLACK],
    [GREEN, RED, BLACK, BLUE],
    [BLACK, BLUE, GREEN, RED],
    [BLUE, BLACK, RED, GREEN],
    [RED, BLUE, GREEN, BLACK],
    [BLUE, RED, BLACK, GREEN],
    [BLACK, GREEN, BLUE, RED],
    [GREEN, BLACK, RED, BLUE],
];

#[test]
fn a_picture_is_turned_as_it_says_in_each_of_the_eight_ways() {
    for (orientation, expected) in (1_u16..).zip(TURNED) {
        for little in [true, false] {
            let shown = pixels(&png_with(&png(), &chunk(b"eXIf", &exif(orientation, little))), 512).unwrap();
            let size = if orientation < 5 { (WIDTH, HEIGHT) } else { (HEIGHT, WIDTH) };
            assert_eq!((shown.width, shown.height), size, "{orientation}");
            assert_near(quarters(&shown), expected);
        }
    }
}

#[test]
fn what_no_camera_writes_turns_nothing() {
    for camera in [
        exif(0, true),
        exif(9, false),
        exif(6, true)[..20].to_vec(),
        b"MM\0*\xff\xff\xff\xff".to_vec(),
        vec![],
    ] {
        let shown = pixels(&png_with(&png(), &chunk(b"eXIf", &camera)), 512).unwrap();
        assert_near(quarters(&shown), TURNED[0]);
    }
}

#[test]
fn what_is_no_picture_is_not_decoded() {
    for other in [
        &b""[..],
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
        b"II*\0\x08\0\0\0",
        b"BM",
    ] {
        assert_eq!(pixels(other, 512), Err(PictureError::NotAPicture), "{}", other.escape_ascii());
    }
}
