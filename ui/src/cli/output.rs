//! What goes to stdout: one JSON object a line, or words for a person, with strangers' texts made harmless.

use std::io::Write;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::Serialize;

use super::exit::{Failure, Outcome};

/// Where a command's answers go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// `--json` was given.
    pub json: bool,
}

impl Output {
    /// One answer: the object as a line of JSON, or `words` (one or more lines).
    ///
    /// # Errors
    /// stdout is closed.
    pub fn row(self, object: &impl Serialize, words: impl FnOnce() -> String) -> Outcome {
        if self.json {
            let line = serde_json::to_string(object)
                .map_err(|error| Failure::Failed(format!("cannot write the answer: {error}")))?;
            print_line(&line)
        } else {
            print_line(&words())
        }
    }
}

/// A text as a picture code, dark on light in every terminal; `None` if it is too long for one.
pub fn picture_code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, qrcode::EcLevel::L).ok()?;
    // A terminal's letters are light: the modules are drawn with the colours swapped.
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build();
    Some(format!("\x1b[97;40m{}\x1b[0m", picture.replace('\n', "\x1b[0m\n\x1b[97;40m")))
}

/// A line on stdout, at once: a reader of a pipe waits for it.
///
/// # Errors
/// stdout is closed.
pub fn print_line(line: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    let closed = |_| Failure::Failed("stdout is closed: nobody reads the answer".into());
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(closed)
}

/// A stranger's text in one line of a terminal: no control character reaches it, nor one that turns the direction of writing.
#[must_use]
pub fn one_line(untrusted_text: &str) -> String {
    untrusted_text.chars().flat_map(shown).collect()
}

/// A stranger's text over several lines of a terminal; only line ends and tabs are left of the control characters.
#[must_use]
pub fn lines(untrusted_text: &str) -> String {
    let keep = |c: char| c == '\n' || c == '\t';
    untrusted_text.chars().flat_map(|c| if keep(c) { vec![c] } else { shown(c) }).collect()
}

fn shown(c: char) -> Vec<char> {
    // Bidirectional overrides and isolates (Unicode TR 9): they make a name read as another.
    let turns = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}');
    if c.is_control() || turns { c.escape_unicode().collect() } else { vec![c] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(one_line("Bob\x1b[2J\n\u{202E}x"), "Bob\\u{1b}[2J\\u{a}\\u{202e}x");
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\\u{d}");
        assert_eq!(one_line("żółw 🐢"), "żółw 🐢");
    }
}
