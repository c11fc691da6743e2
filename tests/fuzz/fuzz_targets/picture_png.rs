//! A stranger's PNG.
#![no_main]

#[path = "picture/altered.rs"]
#[allow(dead_code)]
mod altered;

libfuzzer_sys::fuzz_target!(|untrusted: &[u8]| {
    altered::each(untrusted, &[include_bytes!("picture/small.png"), include_bytes!("picture/interlaced.png")], altered::show);
});
