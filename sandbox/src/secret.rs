//! Memory for secrets: outside every other process's reach, never swapped, never inherited, zero after use.

use std::io;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::ptr::NonNull;

use libc::c_void;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap, mmap_anonymous, munmap};
use zeroize::Zeroize;

use crate::sys;

/// How well the system guards a [`SecretMemory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// memfd_secret(2): not even the kernel has it mapped, so ptrace, /proc and root's tools cannot read it.
    Secret,
    /// mlock(2): kept out of swap and dumps; the kernel can read it.
    Locked,
}

/// Whole pages of zeroes at first, zeroed again on drop. Not copied to a forked child.
pub struct SecretMemory {
    start: NonNull<c_void>,
    mapped_bytes: NonZeroUsize,
    bytes: usize,
    guard: Guard,
}

// SAFETY: the memory is owned by this value alone and bound to no thread.
unsafe impl Send for SecretMemory {}
// SAFETY: shared references only read it.
unsafe impl Sync for SecretMemory {}

impl SecretMemory {
    /// `bytes` of memory, memfd_secret where the kernel has it, else locked.
    ///
    /// # Errors
    /// The limit on locked memory (RLIMIT_MEMLOCK) does not hold that many bytes: both kinds count against it.
    pub fn new(bytes: usize) -> io::Result<Self> {
        Self::guarded(bytes, Guard::Secret).or_else(|_| Self::guarded(bytes, Guard::Locked))
    }

    fn guarded(bytes: usize, guard: Guard) -> io::Result<Self> {
        const PAGE_BYTES: usize = 4096;
        let mapped_bytes = bytes
            .max(1)
            .checked_next_multiple_of(PAGE_BYTES)
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let start = map(mapped_bytes, guard)?;
        // From here on dropping the value unmaps.
        let memory = Self { start, mapped_bytes, bytes, guard };
        // SAFETY: start and length are those of the mapping; no advice here changes what it holds.
        unsafe { madvise(start, mapped_bytes.get(), MmapAdvise::MADV_DONTFORK) }?;
        if guard == Guard::Locked {
            // SAFETY: as above.
            unsafe { madvise(start, mapped_bytes.get(), MmapAdvise::MADV_DONTDUMP) }?;
            // SAFETY: as above; locking changes nothing that is visible.
            unsafe { mlock(start, mapped_bytes.get()) }?;
        }
        Ok(memory)
    }

    /// Which of the two it got.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.guard
    }
}

fn map(bytes: NonZeroUsize, guard: Guard) -> io::Result<NonNull<c_void>> {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    match guard {
        Guard::Secret => {
            let file = sys::memfd_secret()?;
            let length = i64::try_from(bytes.get()).map_err(io::Error::other)?;
            nix::unistd::ftruncate(&file, length)?;
            // SAFETY: a new mapping at an address of the kernel's choice, of a file that nobody else has.
            Ok(unsafe { mmap(None, bytes, access, MapFlags::MAP_SHARED, file.as_fd(), 0) }?)
        }
        // SAFETY: a new private mapping at an address of the kernel's choice.
        Guard::Locked => Ok(unsafe { mmap_anonymous(None, bytes, access, MapFlags::MAP_PRIVATE) }?),
    }
}

/// Whether the kernel offers memfd_secret, whatever the limit on locked memory.
pub(crate) fn memfd_secret_works() -> bool {
    sys::memfd_secret().is_ok()
}

impl Deref for SecretMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is at least `bytes` long, initialised with zeroes by the kernel, and lives as long as
        // `self`; only `&mut self` can write to it.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.bytes) }
    }
}

impl DerefMut for SecretMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `&mut self` is the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.bytes) }
    }
}

impl std::fmt::Debug for SecretMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretMemory")
            .field("bytes", &self.bytes)
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl Drop for SecretMemory {
    fn drop(&mut self) {
        self.zeroize();
        // SAFETY: the mapping is ours, of this size, and no reference to it outlives `self`. Unmapping also unlocks.
        let unmapped = unsafe { munmap(self.start, self.mapped_bytes.get()) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours is unmapped");
    }
}

impl Zeroize for SecretMemory {
    fn zeroize(&mut self) {
        self.deref_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_as_zeroes_and_keeps_what_is_written() {
        for bytes in [0, 1, 32, 4096, 4097, 100_000] {
            let mut memory = SecretMemory::new(bytes).unwrap();
            assert_eq!(memory.len(), bytes);
            assert!(memory.iter().all(|b| *b == 0));
            memory.fill(0xa5);
            assert!(memory.iter().all(|b| *b == 0xa5));
            memory.zeroize();
            assert!(memory.iter().all(|b| *b == 0));
        }
    }

    #[test]
    fn more_than_there_is_is_an_error() {
        assert!(SecretMemory::new(usize::MAX).is_err());
        assert!(SecretMemory::new(1 << 62).is_err());
    }

    #[test]
    fn debug_shows_no_byte() {
        let mut memory = SecretMemory::new(4).unwrap();
        memory.copy_from_slice(&[222; 4]);
        assert!(!format!("{memory:?}").contains("222"));
    }

    /// The flags that /proc/self/smaps gives the mapping that holds `at`; `None`: nothing is mapped there.
    fn flags_of(at: *const u8) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            if let Some((from, to)) = line.split_once(' ').and_then(|(range, _)| range.split_once('-'))
                && let (Ok(from), Ok(to)) = (usize::from_str_radix(from, 16), usize::from_str_radix(to, 16))
            {
                inside = (from..to).contains(&at.addr());
            } else if inside && let Some(flags) = line.strip_prefix("VmFlags:") {
                return Some(format!("{flags} "));
            }
        }
        None
    }

    #[test]
    fn what_is_dropped_is_mapped_no_more() {
        let memory = SecretMemory::new(64).unwrap();
        let at = memory.as_ptr();
        assert!(flags_of(at).is_some());
        drop(memory);
        assert_eq!(flags_of(at), None);
    }

    #[test]
    fn both_kinds_are_locked_and_not_copied_to_a_fork() {
        for guard in [Guard::Secret, Guard::Locked] {
            let memory = match SecretMemory::guarded(64, guard) {
                Ok(memory) => memory,
                Err(_) if guard == Guard::Secret => continue,
                Err(e) => panic!("{e}"),
            };
            let flags = flags_of(memory.as_ptr()).unwrap();
            assert!(flags.contains(" lo ") && flags.contains(" dc "), "{guard:?}: {flags}");
            assert!(guard == Guard::Secret || flags.contains(" dd "), "{guard:?}: {flags}");
        }
    }

    #[test]
    fn where_the_kernel_has_secret_pages_that_is_said() {
        assert_eq!(memfd_secret_works(), SecretMemory::guarded(64, Guard::Secret).is_ok());
    }

    #[test]
    fn a_secret_page_cannot_be_read_through_proc() {
        use std::os::unix::fs::FileExt;
        let mut memory = SecretMemory::new(64).unwrap();
        memory.fill(7);
        let mut seen = [0; 64];
        let read =
            std::fs::File::open("/proc/self/mem").unwrap().read_at(&mut seen, memory.as_ptr().addr() as u64);
        assert_eq!(read.is_err(), memory.guard() == Guard::Secret);
    }
}
