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
    /// The answer to a question: the object as a line of JSON, or `words` (one or more lines).
    ///
    /// # Errors
    /// As [`say`].
    pub fn row(self, object: &impl Serialize, words: impl FnOnce() -> String) -> Outcome {
        say(&self.line(object, words)?)
    }

    /// The answer of a command that changed something, as [`Output::row`] gives it. `next`: what to do when it is lost.
    ///
    /// # Errors
    /// [`Failure::NotSettled`]: it was done, and stdout took no answer.
    pub fn done(self, object: &impl Serialize, words: impl FnOnce() -> String, next: &str) -> Outcome {
        print_line(&self.line(object, words)?).map_err(|error| unheard(&error, next))
    }

    /// What [`Output::row`] prints.
    ///
    /// # Errors
    /// The object cannot be written.
    pub fn line(self, object: &impl Serialize, words: impl FnOnce() -> String) -> Outcome<String> {
        if !self.json {
            return Ok(words());
        }
        let line = serde_json::to_string(object)
            .map_err(|error| Failure::Failed(format!("cannot write the answer: {error}")))?;
        Ok(terminal::json(&line))
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
/// stdout is closed, or full.
pub fn print_line(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

/// A line for whoever asked.
///
/// # Errors
/// [`Failure::Failed`]: stdout is full. Where it is closed the reader has had enough, as `head` has: exit 0, and nothing is said.
pub fn say(line: &str) -> Outcome {
    print_line(line).map_err(|error| {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::Silent(0);
        }
        Failure::Failed(format!("cannot write the answer: {error}; ask again and send it elsewhere"))
    })
}

/// Something was done and its answer was lost on the way out, which is no reason to do it again.
pub fn unheard(error: &std::io::Error, next: &str) -> Failure {
    Failure::NotSettled(format!("done, but the answer could not be written ({error}): {next}"))
}
