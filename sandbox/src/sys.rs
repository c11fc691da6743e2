//! System calls that neither std nor nix wraps, each as a small safe function.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_ulong};

/// Reads the highest Landlock ABI this kernel offers; 0 where it has none or it is off.
pub(crate) fn landlock_abi() -> u8 {
    const VERSION: c_ulong = 1;
    // SAFETY: with the version flag the kernel wants a null pointer and size 0, and touches no memory.
    let abi =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    u8::try_from(abi).unwrap_or(0)
}

/// The five capability sets of the calling thread, a bit per capability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What it may do now.
    pub effective: u64,
    /// What it may turn on.
    pub permitted: u64,
    /// What exec may keep.
    pub inheritable: u64,
    /// The most that exec may ever give.
    pub bounding: u64,
    /// What exec keeps without asking.
    pub ambient: u64,
}

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: two words per set. Source: linux/capability.h.
const CAP_VERSION: u32 = 0x2008_0522;
/// No kernel has more capabilities than bits in its sets.
const CAP_MOST: u8 = 63;

pub(crate) fn capabilities() -> io::Result<Capabilities> {
    let mut header = CapHeader { version: CAP_VERSION, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: version 3 makes the kernel write exactly two `CapData`, and both pointers live through the call.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    let [low, high] = data;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let probe = |op: c_int, arg: c_ulong| {
        (0..=CAP_MOST).filter(|cap| is_set(op, arg, *cap)).fold(0, |set, cap| set | 1_u64 << cap)
    };
    Ok(Capabilities {
        effective: join(low.effective, high.effective),
        permitted: join(low.permitted, high.permitted),
        inheritable: join(low.inheritable, high.inheritable),
        bounding: probe(libc::PR_CAPBSET_READ, NOT_AMBIENT),
        ambient: probe(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET as c_ulong),
    })
}

const NOT_AMBIENT: c_ulong = c_ulong::MAX;

fn is_set(op: c_int, ambient_op: c_ulong, cap: u8) -> bool {
    let cap = c_ulong::from(cap);
    let (first, second) = if ambient_op == NOT_AMBIENT { (cap, 0) } else { (ambient_op, cap) };
    prctl(op, first, second).is_ok_and(|answer| answer == 1)
}

/// Sets the effective and permitted sets to `keep` and empties the inheritable one.
pub(crate) fn set_capabilities(keep: u64) -> io::Result<()> {
    let mut header = CapHeader { version: CAP_VERSION, pid: 0 };
    #[allow(clippy::cast_possible_truncation)]
    let data = [keep as u32, (keep >> 32) as u32].map(|word| CapData {
        effective: word,
        permitted: word,
        inheritable: 0,
    });
    // SAFETY: version 3 makes the kernel read exactly two `CapData`, and both pointers live through the call.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) }).map(|_| ())
}

/// Empties the ambient set.
pub(crate) fn clear_ambient() -> io::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as c_ulong, 0).map(|_| ())
}

/// Takes every capability but those of `keep` out of the bounding set. Says whether the kernel let us: it takes CAP_SETPCAP,
/// which an ordinary user has only in a user namespace of its own.
pub(crate) fn drop_bounding(keep: u64) -> bool {
    for cap in (0..=CAP_MOST).filter(|cap| keep & (1 << cap) == 0) {
        match prctl(libc::PR_CAPBSET_DROP, c_ulong::from(cap), 0) {
            Ok(_) => {}
            // The first that this kernel does not know: so are all that follow.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => break,
            Err(_) => return false,
        }
    }
    true
}

/// Forbids for good that memory becomes executable after having been writable. `Ok(false)`: the kernel is older than 6.3.
pub(crate) fn deny_write_execute() -> io::Result<bool> {
    const REFUSE_EXEC_GAIN: c_ulong = 1;
    match prctl(libc::PR_SET_MDWE, REFUSE_EXEC_GAIN, 0) {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Whether [`deny_write_execute`] is in force. `None`: the kernel does not know it.
pub(crate) fn write_execute_denied() -> Option<bool> {
    prctl(libc::PR_GET_MDWE, 0, 0).ok().map(|flags| flags & 1 == 1)
}

/// Whether other processes of this user may look in. A third answer, "root only", is a no.
pub(crate) fn dumpable() -> io::Result<bool> {
    prctl(libc::PR_GET_DUMPABLE, 0, 0).map(|answer| answer == 1)
}

/// 0 none, 1 strict, 2 filter.
pub(crate) fn seccomp_mode() -> io::Result<u8> {
    prctl(libc::PR_GET_SECCOMP, 0, 0).map(|mode| u8::try_from(mode).unwrap_or(u8::MAX))
}

/// prctl with integer arguments. Private to this file: some operations take pointers.
fn prctl(op: c_int, first: c_ulong, second: c_ulong) -> io::Result<c_int> {
    // SAFETY: the callers above pass only operations whose arguments are integers, and unused ones are 0 as the kernel
    // wants them.
    let answer = unsafe { libc::prctl(op, first, second, 0 as c_ulong, 0 as c_ulong) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Closes every descriptor from `first` on.
///
/// # Safety
/// No owner of such a descriptor may be in use afterwards.
pub(crate) unsafe fn close_from(first: RawFd) -> io::Result<()> {
    // SAFETY: the call touches no memory; the caller vouches for the descriptors.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }).map(|_| ())
}

/// A new file whose pages no other process and not even the kernel's own map can reach (memfd_secret(2)).
pub(crate) fn memfd_secret() -> io::Result<OwnedFd> {
    // SAFETY: the call takes one flag word and touches no memory.
    let fd = check(unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn check(answer: libc::c_long) -> io::Result<c_int> {
    c_int::try_from(answer).ok().filter(|a| *a >= 0).ok_or_else(io::Error::last_os_error)
}

/// Whether a descriptor of this number is open.
pub(crate) fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD only reads a flag, and an unused number is an error.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_sets_are_those_that_proc_tells() {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let told = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim_start_matches([':', '\t']), 16).unwrap()
        };
        let wanted = Capabilities {
            effective: told("CapEff"),
            permitted: told("CapPrm"),
            inheritable: told("CapInh"),
            bounding: told("CapBnd"),
            ambient: told("CapAmb"),
        };
        assert_eq!(capabilities().unwrap(), wanted);
    }

    #[test]
    fn a_process_can_be_dumped_until_it_says_otherwise() {
        assert!(dumpable().unwrap());
        nix::sys::prctl::set_dumpable(false).unwrap();
        assert!(!dumpable().unwrap());
    }

    #[test]
    fn writable_code_is_denied_once_that_was_asked_for_and_what_cannot_be_asked_for_is_told() {
        const REFUSE_EXEC_GAIN_HERE_ALONE: c_ulong = 3;
        if prctl(libc::PR_GET_MDWE, 0, 0).is_err() {
            assert_eq!(write_execute_denied(), None);
            return;
        }
        assert_eq!(write_execute_denied(), Some(false));
        if prctl(libc::PR_SET_MDWE, REFUSE_EXEC_GAIN_HERE_ALONE, 0).is_err() {
            return;
        }
        assert_eq!(write_execute_denied(), Some(true));
        assert!(deny_write_execute().is_err(), "what was set once stays as it is");
    }

    const KEPT: u64 = 1 << 21 | 1 << 38;

    /// In a thread of its own, which the sets belong to. Root alone has any.
    fn with_all_capabilities(test: impl FnOnce() + Send + 'static) {
        if nix::unistd::geteuid().is_root() && capabilities().unwrap().effective & KEPT == KEPT {
            std::thread::spawn(test).join().unwrap();
        }
    }

    /// As an exec by a program with file capabilities would leave it.
    fn make_inheritable(set: u32) {
        let mut header = CapHeader { version: CAP_VERSION, pid: 0 };
        let mut data = [CapData::default(); 2];
        // SAFETY: as in `capabilities` and `set_capabilities`.
        let done = unsafe {
            libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr());
            data[0].inheritable = set;
            libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr())
        };
        assert_eq!(done, 0);
    }

    #[test]
    fn all_that_is_not_kept_goes_from_each_set() {
        with_all_capabilities(|| {
            make_inheritable(1 << 21);
            prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as c_ulong, 21).unwrap();
            assert_eq!(capabilities().unwrap().ambient, 1 << 21);
            clear_ambient().unwrap();
            assert_eq!(capabilities().unwrap().ambient, 0);
            assert!(drop_bounding(KEPT));
            assert_eq!(capabilities().unwrap().bounding, KEPT);
            set_capabilities(KEPT).unwrap();
            let wanted =
                Capabilities { effective: KEPT, permitted: KEPT, bounding: KEPT, ..Capabilities::default() };
            assert_eq!(capabilities().unwrap(), wanted);
        });
    }

    #[test]
    fn without_the_right_to_it_the_bounding_set_stays_and_that_is_said() {
        with_all_capabilities(|| {
            set_capabilities(0).unwrap();
            assert!(!drop_bounding(0));
            assert_ne!(capabilities().unwrap().bounding, 0);
        });
    }
}
