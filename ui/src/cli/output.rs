//! What goes to stdout: one JSON object a line, or words for a person.

use std::io::Write;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::Serialize;

use super::exit::{Failure, Outcome};
use super::terminal;
pub use super::terminal::one_line;

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
            print_line(&terminal::json(&line))
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
