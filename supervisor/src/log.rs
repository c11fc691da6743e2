//! What the children say on stderr: bytes of processes that may be taken over, made into bounded, harmless lines.

use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::rate::Rate;

/// Longest line that is passed on, bytes before escaping; the rest is cut.
pub const LINE_MAX_BYTES: usize = 512;

/// Lines of one process at once, and then a second: a fault is told, a flood is counted.
const LINES_AT_ONCE: u32 = 64;
const LINES_PER_SECOND: u32 = 16;

/// The stderr of one process over its lives.
#[derive(Debug)]
pub struct Lines {
    name: &'static str,
    partial: Vec<u8>,
    /// The rest of a line that was cut is skipped up to its end.
    cut: bool,
    rate: Rate,
    left_out: u64,
}

impl Lines {
    /// Of the process of that name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let rate = Rate::new(LINES_AT_ONCE, LINES_PER_SECOND);
        Self { name, partial: Vec::new(), cut: false, rate, left_out: 0 }
    }

    /// Takes bytes as they come and gives the finished lines.
    pub fn take(&mut self, untrusted_bytes: &[u8], now: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in untrusted_bytes {
            match byte {
                b'\n' => lines.extend(self.finish(now)),
                _ if self.cut => {}
                _ if self.partial.len() == LINE_MAX_BYTES => self.cut = true,
                _ => self.partial.push(*byte),
            }
        }
        lines
    }

    /// The process ended: its last words may lack a line end.
    pub fn end(&mut self, now: Duration) -> Vec<String> {
        if self.partial.is_empty() { Vec::new() } else { self.finish(now) }
    }

    fn finish(&mut self, now: Duration) -> Vec<String> {
        let text = escape(&self.partial);
        let mark = if self.cut { "…" } else { "" };
        self.partial.clear();
        self.cut = false;
        if !self.rate.take(now) {
            self.left_out += 1;
            return Vec::new();
        }
        let left_out = std::mem::take(&mut self.left_out);
        let gap = (left_out > 0).then(|| format!("{}: ({left_out} lines left out)", self.name));
        gap.into_iter().chain([format!("{}: {text}{mark}", self.name)]).collect()
    }
}

/// No control character reaches a terminal, and no byte that is not UTF-8.
fn escape(untrusted_bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in untrusted_bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let turns = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns { text.extend(c.escape_unicode()) } else { text.push(c) }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Writes a line to our own stderr if that is possible at once. A reader who does not read must not stop the suite, so the
/// line is lost then.
pub fn write(line: &str) {
    write_to(std::io::stderr(), line);
}

/// The one line on stdout.
pub fn announce(line: &str) {
    write_to(std::io::stdout(), line);
}

fn write_to(mut out: impl Write + AsFd, line: &str) {
    // A pipe that polls writable takes 4,096 bytes (PIPE_BUF) without waiting; no escaped line is longer.
    let mut bytes: Vec<u8> = line.bytes().take(PIPE_BUF - 1).collect();
    bytes.push(b'\n');
    let writable = {
        let mut writable = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
        matches!(poll(&mut writable, PollTimeout::ZERO), Ok(1))
    };
    if writable {
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
    }
}

/// What a pipe takes in one piece (pipe(7)).
const PIPE_BUF: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    #[test]
    fn lines_are_named_and_put_together_from_pieces() {
        let mut lines = Lines::new("onion");
        assert!(lines.take(b"no gu", NOW).is_empty());
        assert_eq!(lines.take(b"ard\nnext\nlast", NOW), ["onion: no guard", "onion: next"]);
        assert_eq!(lines.end(NOW), ["onion: last"]);
        assert!(lines.end(NOW).is_empty());
    }

    #[test]
    fn a_terminal_is_not_moved_by_what_a_child_says() {
        let mut lines = Lines::new("mediad");
        let said = lines.take(b"\x1b]0;owned\x07\xff\xc3\xa9\r\n", NOW);
        assert_eq!(said, ["mediad: \\u{1b}]0;owned\\u{7}\\xff\u{e9}\\u{d}"]);
    }

    #[test]
    fn an_endless_line_costs_no_more_memory_than_its_limit() {
        let mut lines = Lines::new("netd");
        for _ in 0..100 {
            assert!(lines.take(&[b'x'; 4096], NOW).is_empty());
        }
        assert!(lines.partial.capacity() <= 2 * LINE_MAX_BYTES);
        let said = lines.take(b"\nshort\n", NOW);
        assert_eq!(said, [format!("netd: {}…", "x".repeat(LINE_MAX_BYTES)), "netd: short".to_string()]);
    }

    #[test]
    fn a_flood_is_counted_not_passed_on() {
        let mut lines = Lines::new("netd");
        let said = lines.take("x\n".repeat(1000).as_bytes(), NOW);
        assert_eq!(said.len(), LINES_AT_ONCE as usize);
        let later = lines.take(b"y\n", NOW + Duration::from_secs(2));
        assert_eq!(later, ["netd: (936 lines left out)", "netd: y"]);
    }
}
