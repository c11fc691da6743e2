//! A stranger's picture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mediad::image::decode;

fuzz_target!(|untrusted: &[u8]| {
    let side = untrusted.last().map_or(1, |byte| u16::from(*byte) * 2);
    if let Ok(pixels) = decode(untrusted, side) {
        assert_eq!(pixels.rgb.len(), usize::from(pixels.width) * usize::from(pixels.height) * 3);
    }
});
