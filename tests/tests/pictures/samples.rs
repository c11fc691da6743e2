//! Pictures of any size, of each kind.
#![allow(clippy::cast_possible_truncation, reason = "colours are cut to bytes on purpose")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use mediad::jpeg::{Colours, Fineness, Picture, write};

/// Soft colours with some texture, as photographs have them.
pub fn pixels((width, height): (u16, u16)) -> Vec<u8> {
    let mut noise = 7_u32;
    let mut rgb = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = noise >> 29;
            let (across, down) = (x * 200 / u32::from(width), y * 200 / u32::from(height));
            rgb.extend([across + grain, down + grain, (across + down) / 2 + grain].map(|value| value as u8));
        }
    }
    rgb
}

pub fn jpeg((width, height): (u16, u16)) -> Vec<u8> {
    let rgb = pixels((width, height));
    let picture =
        Picture { width, height, colours: Colours::Rgb, fineness: Fineness { quality: 90, halved: true } };
    let line = usize::from(width) * 3;
    let mut file = Vec::new();
    write(&picture, |y, row| row.extend(&rgb[usize::from(y) * line..][..line]), &mut file).unwrap();
    file
}

/// Of this kind mediad writes none.
pub fn progressive_jpeg((width, height): (u16, u16)) -> Vec<u8> {
    let mut convert = Command::new("convert")
        .args(["ppm:-", "-interlace", "JPEG", "-quality", "80", "jpg:-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = convert.stdin.take().unwrap();
    let writing = std::thread::spawn(move || {
        writeln!(stdin, "P6 {width} {height} 255").unwrap();
        stdin.write_all(&pixels((width, height))).unwrap();
    });
    let output = convert.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

pub fn png((width, height): (u16, u16)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width.into(), height.into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().unwrap().write_image_data(&pixels((width, height))).unwrap();
    file
}

pub fn webp((width, height): (u16, u16)) -> Vec<u8> {
    let mut file = Vec::new();
    let pixels = pixels((width, height));
    let colours = image_webp::ColorType::Rgb8;
    image_webp::WebPEncoder::new(&mut file).encode(&pixels, width.into(), height.into(), colours).unwrap();
    file
}

/// Greys.
pub fn gif((width, height): (u16, u16)) -> Vec<u8> {
    let palette: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
    let pixels: Vec<u8> = pixels((width, height)).chunks(3).map(|pixel| pixel[0]).collect();
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, &palette).unwrap();
    let frame = gif::Frame { width, height, buffer: pixels.into(), ..gif::Frame::default() };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    file
}
