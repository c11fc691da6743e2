//! A profile's alphabet: one row says one thing about one system call, and why.

use std::fmt;

/// One system call of this architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Syscall {
    number: i64,
    constant: &'static str,
}

impl Syscall {
    /// `constant` is the name of the `libc` constant that `number` came from (`SYS_read`).
    #[must_use]
    pub const fn new(constant: &'static str, number: i64) -> Self {
        Self { number, constant }
    }

    /// The number the kernel knows it by.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.number
    }

    /// Its name as the manual has it (`read`).
    #[must_use]
    pub fn name(self) -> &'static str {
        self.constant.strip_prefix("SYS_").unwrap_or(self.constant)
    }
}

impl fmt::Display for Syscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names a [`Syscall`] by its `libc` constant, so that name and number cannot differ.
#[macro_export]
macro_rules! call {
    ($constant:ident) => {
        $crate::rule::Syscall::new(stringify!($constant), ::libc::$constant)
    };
}

/// What the low 32 bits of an argument must satisfy. All arguments the tables look at are `int`s or flag words whose
/// high half the kernel ignores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Equal to this value.
    Is(u32),
    /// Different from this value.
    IsNot(u32),
    /// Under `mask`, equal to `value`.
    Bits {
        /// The bits looked at.
        mask: u32,
        /// What they must be.
        value: u32,
    },
    /// The process's own id: a signal to itself.
    OwnPid,
}

/// A test of one argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Which argument, 0 to 5.
    pub index: u8,
    /// What it must satisfy.
    pub test: Test,
}

/// The argument is `value`. Negative constants of `libc` come in by their bits.
#[must_use]
pub const fn is(index: u8, value: i64) -> Arg {
    Arg { index, test: Test::Is(low_half(value)) }
}

/// The argument is anything but `value`.
#[must_use]
pub const fn is_not(index: u8, value: i64) -> Arg {
    Arg { index, test: Test::IsNot(low_half(value)) }
}

/// The bits of `mask` in the argument are exactly `value`.
#[must_use]
pub const fn bits(index: u8, mask: i64, value: i64) -> Arg {
    Arg { index, test: Test::Bits { mask: low_half(mask), value: low_half(value) } }
}

/// The argument is the caller's own process id.
#[must_use]
pub const fn own_pid(index: u8) -> Arg {
    Arg { index, test: Test::OwnPid }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
const fn low_half(value: i64) -> u32 {
    value as u32
}

/// An error number, as in `libc::EACCES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Errno(pub i32);

/// What becomes of a call that a row matches. A call that no row matches kills the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It reaches the kernel.
    Allow,
    /// The caller gets this error, the kernel never sees the call.
    Refuse(Errno),
}

/// One line of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The call, by its number on this processor.
    pub syscall: Syscall,
    /// All must hold; none means: whatever the arguments.
    pub args: &'static [Arg],
    /// What happens where all arguments hold.
    pub verdict: Verdict,
    /// The code path that needs it.
    pub reason: &'static str,
}

/// The call is allowed whatever its arguments.
#[must_use]
pub const fn allow(syscall: Syscall, reason: &'static str) -> Row {
    Row { syscall, args: &[], verdict: Verdict::Allow, reason }
}

/// The call is allowed where all of `args` hold. Several rows for one call: any of them suffices.
#[must_use]
pub const fn allow_if(syscall: Syscall, args: &'static [Arg], reason: &'static str) -> Row {
    Row { syscall, args, verdict: Verdict::Allow, reason }
}

/// The call fails with `errno`, for callers that can live without it.
#[must_use]
pub const fn refuse(syscall: Syscall, errno: i32, reason: &'static str) -> Row {
    Row { syscall, args: &[], verdict: Verdict::Refuse(Errno(errno)), reason }
}

/// As [`refuse`], but only where all of `args` hold.
#[must_use]
pub const fn refuse_if(syscall: Syscall, args: &'static [Arg], errno: i32, reason: &'static str) -> Row {
    Row { syscall, args, verdict: Verdict::Refuse(Errno(errno)), reason }
}

/// What a table says about one call with these arguments: a model of the filters, for tests and for `audit`.
/// `None` is death.
#[must_use]
pub fn decide(rows: &[Row], number: i64, args: &[u64; 6], own_pid: u32) -> Option<Verdict> {
    let matches =
        |row: &&Row| row.syscall.number == number && row.args.iter().all(|a| a.holds(args, own_pid));
    let mut matching = rows.iter().filter(matches).map(|row| row.verdict).peekable();
    matching.peek()?;
    // Of stacked filters the strictest answer wins, so a refusal beats any permission.
    Some(matching.find(|v| matches!(v, Verdict::Refuse(_))).unwrap_or(Verdict::Allow))
}

impl Arg {
    fn holds(&self, args: &[u64; 6], own_pid: u32) -> bool {
        let Some(value) = args.get(usize::from(self.index)) else { return false };
        #[allow(clippy::cast_possible_truncation)]
        let value = *value as u32;
        match self.test {
            Test::Is(wanted) => value == wanted,
            Test::IsNot(other) => value != other,
            Test::Bits { mask, value: wanted } => value & mask == wanted & mask,
            Test::OwnPid => value == own_pid,
        }
    }
}
