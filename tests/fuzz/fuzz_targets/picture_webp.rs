//! A stranger's WebP.
#![no_main]

#[path = "picture/altered.rs"]
#[allow(dead_code)]
mod altered;

libfuzzer_sys::fuzz_target!(|untrusted: &[u8]| {
    altered::each(untrusted, &[include_bytes!("picture/lossy.webp"), include_bytes!("picture/lossless.webp"), include_bytes!("picture/alpha.webp")], altered::show);
});
