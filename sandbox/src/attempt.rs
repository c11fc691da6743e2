//! Something that a library ends the whole process for, where it should say that it cannot: what the process says then, and its code.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, Once, PoisonError};

static TRYING: AtomicBool = AtomicBool::new(false);
static CODE: AtomicI32 = AtomicI32::new(0);
static LINE: Mutex<&str> = Mutex::new("");

/// As long as this lives, a call of C's `exit` ends the process with a code and a line of our own. A toolkit that finds no display calls
/// it, with a code that means something else here.
#[derive(Debug)]
pub struct Attempt(());

impl Attempt {
    /// From here on `exit` says `line` on stderr and ends with `code`.
    #[must_use]
    pub fn begin(code: u8, line: &'static str) -> Self {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(|| {
            // SAFETY: `failed` is a function of this program, which is never unloaded. Where it cannot be registered, the library's own code
            // stands, as it would without this.
            unsafe { libc::atexit(failed) };
        });
        *LINE.lock().unwrap_or_else(PoisonError::into_inner) = line;
        CODE.store(code.into(), Ordering::SeqCst);
        TRYING.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        TRYING.store(false, Ordering::SeqCst);
    }
}

extern "C" fn failed() {
    if TRYING.load(Ordering::SeqCst) {
        // Whoever holds the lock is at `begin`, and another thread.
        let line = LINE.try_lock().map_or("", |line| *line);
        eprintln!("{line}");
        // SAFETY: it takes a number and does not come back; what `exit` would still run is a library's that has given up.
        unsafe { libc::_exit(CODE.load(Ordering::SeqCst)) }
    }
}
