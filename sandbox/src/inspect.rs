//! Threat tests of the second form, as root: looks at the filters that running processes really carry, and makes them try a
//! forbidden call. Only behind the feature `inspect`, which no release turns on.
//!
//! The caller needs CAP_SYS_ADMIN in the first user namespace and must not be under seccomp itself (ptrace(2),
//! PTRACE_SECCOMP_GET_FILTER).

use std::io;
use std::ptr;

use nix::sys::ptrace;
#[cfg(target_arch = "x86_64")]
use nix::sys::signal::Signal;
#[cfg(target_arch = "x86_64")]
use nix::sys::wait::WaitStatus;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use seccompiler::{BpfProgram, sock_filter};

use crate::bpf::{self, Otherwise};
use crate::error::Error;
use crate::profiles::{Profile, SPAWNER, SUPERVISOR};

mod answer;

pub use answer::{answer, call};

/// A thread held still by ptrace; goes on when this is dropped.
#[derive(Debug)]
pub struct Held {
    thread: Pid,
}

/// Where a running thread's filters are not its tables'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The thread's id in the system.
    pub thread: u32,
    /// Which filter, 0 being the oldest.
    pub filter: usize,
    /// Which instruction; `None` where a whole filter is too many or missing.
    pub instruction: Option<usize>,
}

/// What came of a call that a process was made to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It died of this signal; SIGSYS is the filter's.
    Died(i32),
    /// It got this error number.
    Failed(i32),
    /// The call went through.
    Returned(i64),
}

/// The filters that a thread must carry, oldest first: a child's own come after those that it inherited from the spawner;
/// the supervisor's threads carry only their own.
///
/// `otherwise` is what the binary was built for.
///
/// # Errors
/// [`Error::Table`]: a table does not compile.
pub fn expected_filters(
    profile: &'static Profile,
    pid: u32,
    otherwise: Otherwise,
) -> Result<Vec<BpfProgram>, Error> {
    let compile = |profile: &Profile| bpf::compile_for(otherwise, profile.name, &profile.rows(), pid);
    let own = compile(profile)?;
    // Every child, and nobody else, enters Landlock.
    let inherited = profile.landlock.then(|| compile(&SPAWNER)).transpose()?;
    Ok(inherited.iter().chain([&own]).flat_map(|filters| filters.programs()).cloned().collect())
}

/// Compares every thread of the running process `pid` with its table, instruction by instruction. Empty is good.
/// Of the supervisor the thread called "spawner" has a table of its own.
///
/// # Errors
/// The process is gone, or the caller may not look.
pub fn differences(pid: u32, profile: &'static Profile, otherwise: Otherwise) -> io::Result<Vec<Difference>> {
    let mut found = Vec::new();
    for thread in threads(pid)? {
        let name = std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm"))?;
        let spawns = *profile == SUPERVISOR && name.trim_end() == SPAWNER.name;
        let table = if spawns { &SPAWNER } else { profile };
        let expected = expected_filters(table, pid, otherwise).map_err(io::Error::other)?;
        found.extend(difference(thread, &Held::new(thread)?.filters()?, &expected));
    }
    Ok(found)
}

/// The thread ids of `pid`.
///
/// # Errors
/// The process is gone.
pub fn threads(pid: u32) -> io::Result<Vec<u32>> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))?;
    tasks.map(|task| task?.file_name().to_string_lossy().parse().map_err(io::Error::other)).collect()
}

/// The first difference between what a thread carries and what it should, both oldest first.
#[must_use]
pub fn difference(thread: u32, found: &[BpfProgram], expected: &[BpfProgram]) -> Option<Difference> {
    let place = |filter, instruction| Some(Difference { thread, filter, instruction });
    for (filter, (found, expected)) in found.iter().zip(expected).enumerate() {
        if let Some(at) = found.iter().zip(expected).position(|(a, b)| a != b) {
            return place(filter, Some(at));
        }
        if found.len() != expected.len() {
            return place(filter, Some(found.len().min(expected.len())));
        }
    }
    if found.len() == expected.len() { None } else { place(found.len().min(expected.len()), None) }
}

impl Held {
    /// Stops `thread` without a signal.
    ///
    /// # Errors
    /// It is gone, or the caller may not.
    pub fn new(thread: u32) -> io::Result<Self> {
        let thread = Pid::from_raw(thread.cast_signed());
        ptrace::seize(thread, ptrace::Options::empty())?;
        // From here on dropping the value lets it go.
        let held = Self { thread };
        ptrace::interrupt(thread)?;
        waitpid(thread, Some(WaitPidFlag::__WALL))?;
        Ok(held)
    }

    /// Its filters, oldest first.
    ///
    /// # Errors
    /// `PermissionDenied`: not root, or under seccomp.
    pub fn filters(&self) -> io::Result<Vec<BpfProgram>> {
        // Index 0 is the oldest (get_nth_filter in kernel/seccomp.c, seen so on 6.18), whatever ptrace(2) says.
        (0..).map_while(|index| self.filter(index).transpose()).collect()
    }

    fn filter(&self, index: usize) -> io::Result<Option<BpfProgram>> {
        const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;
        let dump = |to: *mut sock_filter| {
            // SAFETY: a null `to` only asks for the number of instructions; else it has room for them (below).
            let answer = unsafe { libc::ptrace(PTRACE_SECCOMP_GET_FILTER, self.thread.as_raw(), index, to) };
            usize::try_from(answer).map_err(|_| io::Error::last_os_error())
        };
        let length = match dump(ptr::null_mut()) {
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            length => length?,
        };
        let mut program = vec![sock_filter { code: 0, jt: 0, jf: 0, k: 0 }; length];
        dump(program.as_mut_ptr())?;
        Ok(Some(program))
    }

    /// Where the thread's stack is unused: for what [`Held::try_call`] is to point to.
    ///
    /// # Errors
    /// As ptrace(2).
    #[cfg(target_arch = "x86_64")]
    pub fn place(&self) -> io::Result<u64> {
        // Beyond the red zone, and with room above it for what the call itself may fill in.
        Ok((ptrace::getregs(self.thread)?.rsp - 8192) & !7)
    }

    /// Puts bytes at [`Held::place`], and gives the address.
    ///
    /// # Errors
    /// As ptrace(2).
    #[cfg(target_arch = "x86_64")]
    pub fn put(&self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.place()?;
        for (from, to) in bytes.chunks(8).zip((at..).step_by(8)) {
            let mut word = [0; 8];
            word.iter_mut().zip(from).for_each(|(byte, from)| *byte = *from);
            let to = ptr::with_exposed_provenance_mut(usize::try_from(to).map_err(io::Error::other)?);
            ptrace::write(self.thread, to, i64::from_ne_bytes(word))?;
        }
        Ok(at)
    }

    /// Makes the thread enter the system call `number` where it stands, and tells what came of it. Where it lives on, it goes
    /// on as if nothing had been.
    ///
    /// # Errors
    /// The thread was in no system call, or (on processors other than x86_64) this is not built.
    #[cfg(target_arch = "x86_64")]
    pub fn try_call(self, number: i64, args: [u64; 6]) -> io::Result<Tried> {
        const SYSCALL_INSTRUCTION: u16 = 0x050f;
        let before = ptrace::getregs(self.thread)?;
        let is_there = |at: u64| -> io::Result<bool> {
            let at = ptr::with_exposed_provenance_mut(usize::try_from(at).map_err(io::Error::other)?);
            Ok(ptrace::read(self.thread, at)? & 0xffff == i64::from(SYSCALL_INSTRUCTION))
        };
        // In its call; or about to enter it anew, where it was let go of a moment ago and had no turn since.
        let instruction = if is_there(before.rip.wrapping_sub(2))? {
            before.rip.wrapping_sub(2)
        } else if is_there(before.rip)? {
            before.rip
        } else {
            return Err(io::Error::other("the thread is in no system call"));
        };
        let mut regs = before;
        regs.rip = instruction;
        regs.rax = number.cast_unsigned();
        // No call to be restarted: or the kernel would set the registers back.
        regs.orig_rax = u64::MAX;
        [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9] = args;
        ptrace::setregs(self.thread, regs)?;
        ptrace::step(self.thread, None)?;
        match waitpid(self.thread, Some(WaitPidFlag::__WALL))? {
            WaitStatus::Signaled(_, signal, _) => Ok(Tried::Died(signal as i32)),
            WaitStatus::Exited(..) => Err(io::Error::other("the call ended the process")),
            WaitStatus::Stopped(_, Signal::SIGSYS) => self.let_die(),
            _ => self.settle(before),
        }
    }

    /// A debug build names the call first, and then sends itself the signal again.
    #[cfg(target_arch = "x86_64")]
    fn let_die(&self) -> io::Result<Tried> {
        let mut signal = Some(Signal::SIGSYS);
        loop {
            ptrace::cont(self.thread, signal)?;
            signal = match waitpid(self.thread, Some(WaitPidFlag::__WALL))? {
                WaitStatus::Signaled(_, signal, _) => return Ok(Tried::Died(signal as i32)),
                WaitStatus::Stopped(_, Signal::SIGSYS) => Some(Signal::SIGSYS),
                // The handler's first instruction: the thread was being stepped.
                WaitStatus::Stopped(_, Signal::SIGTRAP) => None,
                other => return Err(io::Error::other(format!("it lives on: {other:?}"))),
            };
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn settle(&self, before: libc::user_regs_struct) -> io::Result<Tried> {
        let answer = ptrace::getregs(self.thread)?.rax.cast_signed();
        ptrace::setregs(self.thread, before)?;
        let errno = (-4095..0).contains(&answer).then(|| i32::try_from(-answer).ok()).flatten();
        Ok(errno.map_or(Tried::Returned(answer), Tried::Failed))
    }

    /// As on x86_64, but not built for this processor.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn place(&self) -> io::Result<u64> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// As on x86_64, but not built for this processor.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn put(&self, _bytes: &[u8]) -> io::Result<u64> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// As on x86_64, but not built for this processor.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn try_call(self, _number: i64, _args: [u64; 6]) -> io::Result<Tried> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may be dead by now; then there is nothing to let go.
        let _ = ptrace::detach(self.thread, None);
    }
}
