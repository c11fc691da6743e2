//! Passphrases: from a descriptor or the terminal, never from argv or environment.

use std::io::{Read, Write};

use std::fs::File;
use std::os::fd::AsFd;

use ipc_schema::limits::PASSPHRASE_MAX_BYTES;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
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

/// The same for one that is to be set: the terminal asks twice, for nobody sees what they type.
///
/// # Errors
/// As [`read`]; [`Failure::Usage`] where the two differ.
pub fn read_new(fd: Option<i32>, prompt: &str) -> Outcome<Passphrase> {
    let passphrase = read(fd, prompt)?;
    if fd.is_none() && *read(fd, "The same again")? != *passphrase {
        return Err(Failure::Usage("the two differ: nothing was changed, try again".into()));
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
    loop {
        // Where a signal came and did not end this process, it was stopped and goes on now: it asks again.
        if let Some(typed) = ask_once(&mut terminal, prompt)? {
            return Ok(typed);
        }
    }
}

/// What may end or stop this process while the terminal is silent.
const ENDS: [Signal; 5] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP];

/// One line without echo; `None`: a signal came first. It takes effect once the terminal shows again what is typed.
fn ask_once(terminal: &mut File, prompt: &str) -> Outcome<Option<Passphrase>> {
    let held = Held::back().doing("ask on the terminal")?;
    let silence = Silence::of(terminal).doing("ask on the terminal")?;
    write!(terminal, "{prompt}: ").doing("ask on the terminal")?;
    let typed =
        if held.wait_for(terminal).doing("ask on the terminal")? { Some(line(terminal)) } else { None };
    drop(silence);
    writeln!(terminal).doing("ask on the terminal")?;
    drop(held);
    typed.transpose()
}

/// Signals that wait until this is dropped.
struct Held {
    signals: SigSet,
    pending: SignalFd,
}

impl Held {
    fn back() -> nix::Result<Self> {
        let signals: SigSet = ENDS.into_iter().collect();
        signals.thread_block()?;
        Ok(Self { signals, pending: SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)? })
    }

    /// Whether something was typed before a signal came.
    fn wait_for(&self, terminal: &File) -> nix::Result<bool> {
        let mut ready = [self.pending.as_fd(), terminal.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut ready, PollTimeout::NONE)?;
        let [signal, _] = ready;
        Ok(!signal.any().unwrap_or(false))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.signals.thread_unblock();
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn of(terminal: &File) -> std::io::Result<Self> {
        let terminal = terminal.try_clone()?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
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
