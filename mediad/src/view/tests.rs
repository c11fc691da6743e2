//! Pictures of each kind as they are shown, and those that are none.

use super::*;
use crate::samples::{
    ALPHA_WEBP, BLACK, BLUE, GREEN, HEIGHT, LOSSY_WEBP, P3, RED, SRGB, WIDTH, chunk, corners, exif, gif,
    jpeg, jpeg_coloured, jpeg_turned, png, png_with, power_curve, profile, riff, srgb_curve, unhex, vp8x,
    webp,
};

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

fn every_kind() -> [(&'static str, Vec<u8>); 5] {
    [
        ("png", png()),
        ("jpeg", jpeg(&[])),
        ("lossless webp", webp(|_| {})),
        ("lossy webp", riff(&[(b"VP8 ", unhex(LOSSY_WEBP))])),
        ("gif", gif(1)),
    ]
}

#[test]
fn each_kind_is_shown_and_scaled() {
    for (kind, picture) in every_kind() {
        let shown = pixels(&picture, 512).unwrap();
        assert_eq!((shown.width, shown.height), (WIDTH, HEIGHT), "{kind}");
        assert_near(quarters(&shown), [RED, GREEN, BLUE, BLACK]);
        let small = pixels(&picture, 12).unwrap();
        assert_eq!((small.width, small.height), (12, 8), "{kind}");
        assert_near(quarters(&small), [RED, GREEN, BLUE, BLACK]);
    }
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
            let camera = exif(orientation, little);
            let lossy = [vp8x(0x08, 24, 16), (b"VP8 ", unhex(LOSSY_WEBP)), (b"EXIF", camera.clone())];
            for picture in [
                jpeg_turned(orientation, little),
                png_with(&png(), &chunk(b"eXIf", &camera)),
                webp(|encoder| encoder.set_exif_metadata(camera.clone())),
                riff(&lossy),
            ] {
                let shown = pixels(&picture, 512).unwrap();
                let size = if orientation < 5 { (WIDTH, HEIGHT) } else { (HEIGHT, WIDTH) };
                assert_eq!((shown.width, shown.height), size, "{orientation}");
                assert_near(quarters(&shown), expected);
            }
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
        let shown = pixels(&jpeg(&[(1, [b"Exif\0\0".to_vec(), camera].concat())]), 512).unwrap();
        assert_near(quarters(&shown), TURNED[0]);
    }
}

#[test]
fn alpha_lies_over_white() {
    let [alpha, colour] = ALPHA_WEBP.map(unhex);
    let shown = pixels(&riff(&[vp8x(0x10, 16, 16), (b"ALPH", alpha), (b"VP8 ", colour)]), 512).unwrap();
    let (first, last) = (&shown.rgb[..3], &shown.rgb[shown.rgb.len() - 3..]);
    assert!(first[1] > 200 && last[1] < 60 || first[1] < 60 && last[1] > 200, "{first:?} {last:?}");
    assert!(shown.rgb.chunks(3).all(|pixel| pixel[0] > 220), "it stays red");
}

#[test]
fn colours_of_another_profile_become_srgb_and_srgb_stays() {
    let plain = pixels(&jpeg(&[]), 512).unwrap();
    assert_eq!(pixels(&jpeg_coloured(&profile(SRGB, &srgb_curve())), 512).unwrap(), plain);
    // Red of a wide screen is beyond sRGB's: it stays as red as can be. What is half as bright becomes more colourful.
    let shown = pixels(&jpeg_coloured(&profile(P3, &srgb_curve())), 512).unwrap();
    assert_near(quarters(&shown), TURNED[0]);
    let brighter = pixels(&jpeg_coloured(&profile(SRGB, &power_curve(1.0))), 512).unwrap();
    assert!(brighter != plain);
    // Nonsense is left out.
    for nonsense in [vec![], vec![0; 200], profile(P3, b"curv\0\0\0\0\xff\xff\xff\xff"), profile(P3, b"para")]
    {
        assert_eq!(pixels(&jpeg_coloured(&nonsense), 512).unwrap(), plain);
    }
}

#[test]
fn of_one_that_moves_the_first_picture_is_shown() {
    assert_near(quarters(&pixels(&gif(3), 512).unwrap()), TURNED[0]);
    let still = riff(&[(b"VP8 ", unhex(LOSSY_WEBP))]);
    let place = [&[0; 6][..], &[23, 0, 0, 15, 0, 0, 100, 0, 0, 0]].concat();
    let frame = || (b"ANMF", [&place[..], &still[12..]].concat());
    let moving = riff(&[vp8x(0x02, 24, 16), (b"ANIM", vec![0; 6]), frame(), frame()]);
    assert_near(quarters(&pixels(&moving, 512).unwrap()), TURNED[0]);
}

#[test]
fn a_gif_may_have_its_picture_in_a_corner_of_the_screen_or_beyond_it() {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 8, 8, &[0, 0, 0, 9, 9, 9]).unwrap();
    let frame = gif::Frame {
        left: 6,
        top: 6,
        width: 4,
        height: 4,
        buffer: vec![1; 16].into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    let shown = pixels(&file, 512).unwrap();
    let seen: usize = shown.rgb.chunks(3).filter(|pixel| **pixel == [9; 3]).count();
    assert_eq!((shown.width, shown.height, seen), (8, 8, 4));
    assert!(shown.rgb.starts_with(&[255; 3]), "what no picture covers is seen through");
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

#[test]
fn a_picture_cut_anywhere_is_damaged_or_shown_and_never_more() {
    for (kind, picture) in every_kind() {
        for length in 12..picture.len() {
            match pixels(&picture[..length], 512) {
                Ok(shown) => assert_eq!((shown.width, shown.height), (WIDTH, HEIGHT), "{kind}: {length} B"),
                Err(error) => assert_eq!(error, PictureError::Damaged, "{kind}: {length} B"),
            }
        }
        assert!(pixels(&picture[..picture.len() / 2], 512).is_err(), "{kind}");
    }
}

#[test]
fn sizes_that_nobody_has_memory_for_are_refused_at_once() {
    let mut wide = jpeg(&[]);
    let frame = wide.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    wide[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let mut screen = gif(1);
    screen[6..10].copy_from_slice(&[0xff; 4]);
    let mut lossless = webp(|_| {});
    lossless[21..25].copy_from_slice(&0x0fff_ffff_u32.to_le_bytes());
    for (what, picture) in [
        ("a JPEG of 65535 x 65535", wide),
        ("a GIF's screen of 65535 x 65535", screen),
        ("a WebP of 16384 x 16384", lossless),
        (
            "a WebP that says it is 16 million pixels wide",
            riff(&[vp8x(0, 1 << 24, 1 << 24), (b"VP8 ", unhex(LOSSY_WEBP))]),
        ),
    ] {
        assert!(
            matches!(pixels(&picture, 512), Err(PictureError::TooLarge | PictureError::Damaged)),
            "{what}"
        );
    }
    // One whose chunks do not agree.
    let other = riff(&[vp8x(0, 25, 16), (b"VP8 ", unhex(LOSSY_WEBP))]);
    assert_eq!(pixels(&other, 512), Err(PictureError::Damaged));
}

#[test]
fn pixels_are_as_they_were_where_nothing_is_scaled() {
    for (kind, picture) in [("png", png()), ("webp", webp(|_| {})), ("gif", gif(1))] {
        assert_eq!(pixels(&picture, 24).unwrap().rgb, corners(), "{kind}");
    }
}
