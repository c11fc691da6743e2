//! Small pictures, with what cameras and programs put beside them.
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

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
