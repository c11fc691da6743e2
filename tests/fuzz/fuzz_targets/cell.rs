//! A cell from a link, and handshake parts put together from cells.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onion::cell::{Cell, HandshakeParts};

fuzz_target!(|untrusted: &[u8]| {
    let mut parts = HandshakeParts::default();
    for chunk in untrusted.chunks(514) {
        let Ok(cell) = Cell::parse(chunk) else { continue };
        let mut written = Vec::new();
        cell.write(&mut written);
        assert_eq!(written, chunk, "a cell is written as it was read");
        let _ = cell.destroy_reason();
        let _ = HandshakeParts::is_first(&cell.body);
        let _ = parts.take(&cell.body, 1_300);
    }
});
