//! A picture of any kind that is written anew before it is sent.
#![no_main]

#[path = "picture/altered.rs"]
#[allow(dead_code)]
mod altered;

const SAMPLES: &[&[u8]] = &[
    include_bytes!("picture/small.png"),
    include_bytes!("picture/interlaced.png"),
    include_bytes!("picture/small.jpg"),
    include_bytes!("picture/progressive.jpg"),
    include_bytes!("picture/lossy.webp"),
    include_bytes!("picture/lossless.webp"),
    include_bytes!("picture/alpha.webp"),
    include_bytes!("picture/small.gif"),
];

libfuzzer_sys::fuzz_target!(|untrusted: &[u8]| altered::each(untrusted, SAMPLES, altered::write_anew));
