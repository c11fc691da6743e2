//! What the children say on stderr: bytes of processes that may be taken over, made into bounded, harmless lines.

use std::collections::VecDeque;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use ipc_schema::unseen::is_unseen;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::rate::Rate;

/// Longest line that is passed on, bytes before escaping; the rest is cut.
pub const LINE_MAX_BYTES: usize = 512;

/// Lines of one process at once, and then a second: a fault is told whole. Whoever says more waits in its own write(2): nothing
/// more is read from it meanwhile, so that a flood costs us nothing.
const LINES_AT_ONCE: u32 = 64;
const LINES_PER_SECOND: u32 = 16;

/// The stderr of one process over its lives.
#[derive(Debug)]
pub struct Lines {
    name: &'static str,
    /// Read, and not passed on yet.
    held: VecDeque<u8>,
    partial: Vec<u8>,
    /// Bytes of the present line that are too many for it.
    cut_bytes: usize,
    rate: Rate,
}

impl Lines {
    /// Of the process of that name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let rate = Rate::new(LINES_AT_ONCE, LINES_PER_SECOND);
        Self { name, held: VecDeque::new(), partial: Vec::new(), cut_bytes: 0, rate }
    }

    /// Whether more is to be read: nothing is held back, and a line may be passed on.
    pub fn wants_more(&mut self, now: Duration) -> bool {
        self.held.is_empty() && self.rate.wait(now).is_zero()
    }

    /// How long until a line may be passed on; zero when one may.
    pub fn wait(&mut self, now: Duration) -> Duration {
        self.rate.wait(now)
    }

    /// Takes bytes as they come and gives the finished lines, as many as may be passed on now. The others are held.
    pub fn take(&mut self, untrusted_bytes: &[u8], now: Duration) -> Vec<String> {
        self.held.extend(untrusted_bytes);
        self.more(now)
    }

    /// Lines that were held back and may be passed on now.
    pub fn more(&mut self, now: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(byte) = self.held.front().copied() {
            // What is cut costs as much as lines of that length would.
            let costs = match byte {
                b'\n' => true,
                _ => self.partial.len() == LINE_MAX_BYTES && self.cut_bytes.is_multiple_of(LINE_MAX_BYTES),
            };
            if costs && !self.rate.take(now) {
                break;
            }
            self.held.pop_front();
            lines.extend(self.add(byte));
        }
        lines
    }

    /// The process ended, and `untrusted_rest` is what it left behind. Its last line is told in any case, and may lack a line end; what
    /// is too much before it is counted.
    pub fn end(&mut self, untrusted_rest: &[u8], now: Duration) -> Vec<String> {
        let mut lines = self.take(untrusted_rest, now);
        let (mut last, mut left_out) = (None, 0_u32);
        for byte in std::mem::take(&mut self.held) {
            if let Some(line) = self.add(byte) {
                left_out += u32::from(last.replace(line).is_some());
            }
        }
        if !self.partial.is_empty() {
            left_out += u32::from(last.replace(self.finish()).is_some());
        }
        if left_out > 0 {
            lines.push(format!("{}: ({left_out} lines left out)", self.name));
        }
        lines.extend(last);
        lines
    }

    fn add(&mut self, byte: u8) -> Option<String> {
        match byte {
            b'\n' => return Some(self.finish()),
            _ if self.partial.len() == LINE_MAX_BYTES => self.cut_bytes = self.cut_bytes.saturating_add(1),
            _ => self.partial.push(byte),
        }
        None
    }

    fn finish(&mut self) -> String {
        let text = escape(&self.partial);
        let mark = if self.cut_bytes > 0 { "…" } else { "" };
        self.partial.clear();
        self.cut_bytes = 0;
        format!("{}: {text}{mark}", self.name)
    }
}

/// Nothing that a terminal obeys or that nobody sees reaches it, and no byte that is not UTF-8.
fn escape(untrusted_bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in untrusted_bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_unseen(c) { text.extend(c.escape_unicode()) } else { text.push(c) }
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
        assert_eq!(lines.end(b" words", NOW), ["onion: last words"]);
        assert!(lines.end(b"", NOW).is_empty());
    }

    #[test]
    fn a_line_is_written_whole_or_cut_and_one_that_nobody_reads_is_lost_without_a_wait() {
        let (mut read, write) = std::io::pipe().unwrap();
        write_to(&write, "ready");
        write_to(&write, &"x".repeat(2 * PIPE_BUF));
        let mut said = vec![0; 6 + PIPE_BUF];
        std::io::Read::read_exact(&mut read, &mut said).unwrap();
        assert!(said.starts_with(b"ready\nxx") && said.ends_with(b"x\n"));
        for _ in 0..64 {
            write_to(&write, &"x".repeat(2 * PIPE_BUF));
        }
        drop(write);
        let mut held = Vec::new();
        std::io::Read::read_to_end(&mut read, &mut held).unwrap();
        assert!(held.len().is_multiple_of(PIPE_BUF) && held.len() < 64 * PIPE_BUF, "{}", held.len());
    }

    #[test]
    fn a_terminal_is_not_moved_by_what_a_child_says() {
        let mut lines = Lines::new("mediad");
        let said = lines.take(b"\x1b]0;owned\x07\xff\xc3\xa9\r\n", NOW);
        assert_eq!(said, ["mediad: \\u{1b}]0;owned\\u{7}\\xff\u{e9}\\u{d}"]);
        let turned = lines.take("a\u{202E}b\u{2066}c\u{200D}\n".as_bytes(), NOW);
        assert_eq!(turned, ["mediad: a\\u{202e}b\\u{2066}c\\u{200d}"]);
    }

    /// Feeds a writer that never stops for so many seconds, looked at every millisecond; gives bytes read and lines passed on.
    fn flood(chunk: &[u8], seconds: u64) -> (usize, usize) {
        let mut lines = Lines::new("netd");
        let (mut read, mut said) = (0, 0);
        for millis in 0..seconds * 1000 {
            let now = NOW + Duration::from_millis(millis);
            said += lines.more(now).len();
            while lines.wants_more(now) {
                read += chunk.len();
                said += lines.take(chunk, now).len();
                assert!(lines.held.len() <= chunk.len() && lines.partial.len() <= LINE_MAX_BYTES);
            }
        }
        (read, said)
    }

    #[test]
    fn a_flood_of_lines_is_not_read_faster_than_it_is_passed_on() {
        for line in ["x\n", "\n", "a line like those of a fault in a loop\n"] {
            let chunk = line.repeat(4096 / line.len());
            let (read, said) = flood(chunk.as_bytes(), 10);
            let most = (LINES_AT_ONCE + 10 * LINES_PER_SECOND) as usize;
            assert!(said <= most && said >= most - 2, "{said} of {most}");
            assert!(read <= (most + 1) * line.len() + chunk.len(), "{read} bytes of {line:?}");
        }
    }

    #[test]
    fn an_endless_line_is_not_read_faster_than_lines_are_and_costs_no_memory() {
        let (read, said) = flood(&[b'x'; 4096], 10);
        assert_eq!(said, 0);
        let most = (LINES_AT_ONCE + 10 * LINES_PER_SECOND) as usize * LINE_MAX_BYTES;
        assert!(read <= most + 2 * 4096, "{read}");
    }

    #[test]
    fn an_over_long_line_is_cut() {
        let mut lines = Lines::new("netd");
        let said = lines.take(format!("{}\nshort\n", "x".repeat(2000)).as_bytes(), NOW);
        assert_eq!(said, [format!("netd: {}…", "x".repeat(LINE_MAX_BYTES)), "netd: short".to_string()]);
    }

    #[test]
    fn what_is_held_back_is_passed_on_later_and_nothing_is_lost() {
        let mut lines = Lines::new("netd");
        let mut said = lines.take("x\n".repeat(1000).as_bytes(), NOW).len();
        assert_eq!(said, LINES_AT_ONCE as usize);
        assert!(!lines.wants_more(NOW));
        for second in 1..=100 {
            said += lines.more(NOW + Duration::from_secs(second)).len();
        }
        assert_eq!(said, 1000);
        assert!(lines.wants_more(NOW + Duration::from_secs(101)));
    }

    #[test]
    fn more_is_read_only_when_nothing_is_held_and_a_line_may_be_passed_on() {
        let mut lines = Lines::new("netd");
        assert!(lines.wants_more(NOW));
        assert_eq!(lines.take("x\n".repeat(LINES_AT_ONCE as usize).as_bytes(), NOW).len(), 64);
        assert!(!lines.wants_more(NOW), "nothing is held, and no line may be passed on");
        lines.take(b"x\n", NOW);
        assert!(!lines.wants_more(NOW + Duration::from_secs(1)), "a line may be passed on, and is held");
    }

    #[test]
    fn the_last_words_of_a_flood_are_told_and_the_rest_is_counted() {
        let mut lines = Lines::new("netd");
        lines.take("x\n".repeat(100).as_bytes(), NOW);
        let said = lines.end(format!("{}panic at here\n", "y\n".repeat(1000)).as_bytes(), NOW);
        assert_eq!(said, ["netd: (1036 lines left out)", "netd: panic at here"]);
        lines.take("x\n".repeat(10).as_bytes(), NOW);
        let cut_off = lines.end(b"y\npanic at", NOW);
        assert_eq!(cut_off, ["netd: (11 lines left out)", "netd: panic at"]);
        assert!(lines.held.is_empty());
    }
}
