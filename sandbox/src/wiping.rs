//! Freed memory that holds nothing.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, with every block overwritten before it is freed: what libraries copy out of a secret (a message
/// buffer, the old half of a grown vector, a hash's block) does not outlive its use, whether or not they think of it.
///
/// It says nothing about memory that is never freed, about stacks, and about what the kernel has in its own buffers.
pub struct WipingAllocator;

/// Larger blocks are not overwritten, bytes: glibc gives each of them a mapping of its own (DEFAULT_MMAP_THRESHOLD_MAX,
/// mallopt(3)), which goes back to the kernel when freed. It is what Argon2 works in, and wipes by itself.
const WIPED_MAX_BYTES: usize = 32 << 20;

// SAFETY: every method hands the caller's own arguments to `System`, whose contract is the caller's; a block is written to
// only between the caller's last use of it and its being freed, and only within the size that it was allocated with.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() <= WIPED_MAX_BYTES {
            // SAFETY: the caller gives up a block of `layout.size()` bytes that this allocator made.
            unsafe { block.write_bytes(0, layout.size()) };
            // The compiler knows that nobody reads a block after free, and would leave the writing out.
            std::hint::black_box(block);
        }
        // SAFETY: the caller's promise about `block` and `layout` is passed on.
        unsafe { System.dealloc(block, layout) }
    }

    // `realloc` stays the trait's own: allocate, copy, `dealloc`. The system's would move a block and leave the old one as
    // it was.
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    const BYTES: usize = 256;

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 16).unwrap()
    }

    /// A block full of a pattern that nothing else writes.
    fn filled() -> *mut u8 {
        // SAFETY: the size is not zero, and the block is this long.
        unsafe {
            let block = WipingAllocator.alloc(layout(BYTES));
            block.write_bytes(0x5a, BYTES);
            block
        }
    }

    /// Where a free block has the allocator's own list: a pointer and a number drawn at random for each process, any byte of which
    /// may happen to be the pattern's (glibc: tcache_entry in malloc.c).
    const LIST_BYTES: usize = 16;

    /// How much of the pattern is left where a freed block was, as the kernel sees it.
    fn left(at: *mut u8) -> usize {
        let mut bytes = [0; BYTES];
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut bytes, at.addr() as u64).unwrap();
        bytes[LIST_BYTES..].iter().filter(|byte| **byte == 0x5a).count()
    }

    #[test]
    fn a_block_is_overwritten_when_it_is_freed() {
        let block = filled();
        assert_eq!(left(block), BYTES - LIST_BYTES);
        // SAFETY: made with this layout, not used as memory again.
        unsafe { WipingAllocator.dealloc(block, layout(BYTES)) };
        assert_eq!(left(block), 0);
        // An ordinary free leaves most of it, or there would be nothing to wipe.
        let block = filled();
        // SAFETY: as above; `WipingAllocator` takes its blocks from `System`.
        unsafe { System.dealloc(block, layout(BYTES)) };
        assert!(left(block) > BYTES / 2);
    }

    #[test]
    fn a_block_that_moves_when_it_grows_is_overwritten_where_it_was() {
        let block = filled();
        // SAFETY: the block is grown with its own layout, read within its old length, and freed with its new layout.
        unsafe {
            let larger = WipingAllocator.realloc(block, layout(BYTES), 4_096);
            assert!((0..BYTES).all(|at| larger.add(at).read() == 0x5a), "its content moves along");
            assert_ne!(larger, block);
            WipingAllocator.dealloc(larger, layout(4_096));
        }
        assert_eq!(left(block), 0);
    }
}
