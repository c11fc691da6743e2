//! Passphrases: from a descriptor or the terminal, never from argv or environment.

use std::io::{Read, Write};

use ipc_schema::limits::PASSPHRASE_MAX_BYTES;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::exit::{Doing, Failure, Outcome};

/// A passphrase's bytes, zeroed after use.
pub type Passphrase = Zeroizing<Vec<u8>>;

/// Reads one line, without its newline, from descriptor `fd`; without one, from the terminal without echo.
///
/// # Errors
/// [`Failure::Usage`]: there is neither, or the line is empty or longer than [`PASSPHRASE_MAX_BYTES`].
pub fn read(fd: Option<i32>, prompt: &str) -> Outcome<Passphrase> {
    let passphrase = match fd {
        Some(number) => {
            let open = || Failure::Usage(format!("descriptor {number} cannot be read: give an open one"));
            line(&mut std::fs::File::from(sandbox::inherited(number).map_err(|_| open())?))?
        }
        None => ask(prompt)?,
    };
    if passphrase.is_empty() {
        return Err(Failure::Usage("the passphrase is empty: give one line".into()));
    }
    Ok(passphrase)
}

/// Byte by byte: what follows the line belongs to someone else (a second passphrase on the same descriptor).
fn line(from: &mut impl Read) -> Outcome<Passphrase> {
    // The full size at once, so that no copy is left behind by growing.
    let mut line = Zeroizing::new(Vec::with_capacity(PASSPHRASE_MAX_BYTES));
    let mut byte = [0];
    while from.read(&mut byte).doing("read the passphrase")? == 1 && byte != [b'\n'] {
        if line.len() == PASSPHRASE_MAX_BYTES {
            return Err(Failure::Usage(format!(
                "the passphrase is longer than {PASSPHRASE_MAX_BYTES} bytes"
            )));
        }
        line.extend_from_slice(&byte);
    }
    Ok(line)
}

fn ask(prompt: &str) -> Outcome<Passphrase> {
    let no_terminal =
        |_| Failure::Usage("no terminal to ask for the passphrase: give --passphrase-fd N".into());
    let mut terminal =
        std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(no_terminal)?;
    let before = tcgetattr(&terminal).doing("ask on the terminal")?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    write!(terminal, "{prompt}: ").doing("ask on the terminal")?;
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent).doing("ask on the terminal")?;
    let typed = line(&mut terminal);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &before).doing("restore the terminal")?;
    writeln!(terminal).doing("ask on the terminal")?;
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read_and_what_follows_is_left() {
        let mut from = &b"correct horse\nsecond\n"[..];
        assert_eq!(line(&mut from).unwrap().as_slice(), b"correct horse");
        assert_eq!(line(&mut from).unwrap().as_slice(), b"second");
        assert_eq!(line(&mut &b"no newline"[..]).unwrap().as_slice(), b"no newline");
    }

    #[test]
    fn an_endless_line_is_refused() {
        assert_eq!(line(&mut std::io::repeat(b'x')).unwrap_err().code(), 2);
    }
}
