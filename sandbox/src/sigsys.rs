//! In a debug build the filters trap instead of killing, so that the process can name the call that it dies of. In a release
//! nothing of this exists: the kernel kills, and no code of ours runs first.

use std::io;

use crate::names;

/// Longest line: the words, two numbers, the longest name.
const LINE_BYTES: usize = 128;

/// Where the kernel writes the number of the call: after three `int`s, their padding and the call's address.
/// Source: linux/asm-generic/siginfo.h, `_sigsys`, on 64-bit processors.
const SYSCALL_AT: usize = 24;

/// Names the call on stderr before the process dies of SIGSYS. Before the first filter.
///
/// # Errors
/// The kernel takes no handler.
pub(crate) fn name_the_call() -> io::Result<()> {
    // SAFETY: an empty set and no flags are a valid `sigaction`; what matters is filled in below.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = name_and_die as *const () as libc::sighandler_t;
    // Once: the second SIGSYS is the end.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESETHAND | libc::SA_NODEFER;
    // SAFETY: `action` is valid, and the handler below does only what a handler may.
    match unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

extern "C" fn name_and_die(_: libc::c_int, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel's siginfo is 128 bytes long and aligned to 8, so there is an `int` at this place.
    let number = unsafe { info.byte_add(SYSCALL_AT).cast::<libc::c_int>().read() };
    let mut line = Line { bytes: [0; LINE_BYTES], length: 0 };
    line.say("SIGSYS: system call ");
    line.number(number.unsigned_abs());
    line.say(" (");
    line.say(names::name(number.into()).unwrap_or("no name"));
    line.say(") is in no row of this process's table\n");
    // SAFETY: every table allows these calls, and the bytes are there; the process ends here whatever they answer.
    unsafe {
        libc::write(libc::STDERR_FILENO, line.bytes.as_ptr().cast(), line.length);
        libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::syscall(libc::SYS_gettid), libc::SIGSYS);
        libc::_exit(1)
    }
}

/// Text without memory: the allocator may be what died.
struct Line {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl Line {
    fn say(&mut self, text: &str) {
        for (to, from) in self.bytes.iter_mut().skip(self.length).zip(text.bytes()) {
            *to = from;
            self.length += 1;
        }
    }

    fn number(&mut self, number: u32) {
        if number >= 10 {
            self.number(number / 10);
        }
        let digit = [b'0' + u8::try_from(number % 10).unwrap_or(0)];
        self.say(std::str::from_utf8(&digit).unwrap_or("?"));
    }
}
