//! A stranger's picture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mediad::view::pixels;

fuzz_target!(|untrusted: &[u8]| {
    let side = untrusted.last().map_or(1, |byte| u16::from(*byte) * 2);
    if let Ok(shown) = pixels(untrusted, side.max(1)) {
        assert_eq!(shown.rgb.len(), usize::from(shown.width) * usize::from(shown.height) * 3);
    }
});
