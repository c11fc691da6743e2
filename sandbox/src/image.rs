//! A program that nobody of this user can read, so that its process is undumpable before its first instruction.
//!
//! exec of a readable file makes a process dumpable until it says otherwise, and whoever opens /proc/PID/mem in between keeps
//! it. A file that its caller may run but not read makes it undumpable at once (`would_dump` in fs/exec.c). Packages install
//! such files: root's, mode 0711. Of any other the part that gets loaded is copied into sealed memory of mode 0111, which
//! nobody else can reach: it has no name, and the /proc/PID/fd of those who hold it is closed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};

/// The most of a program that is copied, in bytes: far more than any part of ours loads. What is larger is run from
/// its file.
const LOADED_MAX_BYTES: u64 = 256 << 20;
/// Program headers that are looked at: a linker writes about a dozen.
const SEGMENTS_MAX: usize = 64;
/// One step of the copy, in bytes.
const STEP_BYTES: usize = 1 << 20;
/// Run, and nothing else, by its owner.
const RUN_ONLY: Mode = Mode::S_IXUSR.union(Mode::S_IXGRP).union(Mode::S_IXOTH);

/// A program, kept as it was when it was loaded: what replaces its file later is not run.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    memory: Option<OwnedFd>,
}

impl Image {
    /// Takes the program at `path`. Before the caller's filter: it makes a memory file. Where no copy can be had (a script, a
    /// system that runs nothing from memory, no such file) the path itself will be run, as is one that cannot be read anyway.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        Self { path: path.to_path_buf(), memory: copy(path).ok() }
    }

    /// The path, run as it is.
    #[must_use]
    pub fn by_path(path: &Path) -> Self {
        Self { path: path.to_path_buf(), memory: None }
    }

    /// Where it came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn memory(&self) -> Option<BorrowedFd<'_>> {
        self.memory.as_ref().map(AsFd::as_fd)
    }
}

/// A sealed copy of what the loader maps. Symbols and debug information stay behind.
fn copy(path: &Path) -> io::Result<OwnedFd> {
    let from = File::open(path)?;
    let ranges = loaded(&from)?;
    let to = File::from(memory_file()?);
    let mut step = vec![0; STEP_BYTES];
    for (start, length) in ranges {
        let mut at = 0;
        while at < length {
            let part = usize::try_from(length - at).unwrap_or(STEP_BYTES).min(STEP_BYTES);
            let part = step.get_mut(..part).unwrap_or_default();
            from.read_exact_at(part, start + at)?;
            to.write_all_at(part, start + at)?;
            at += part.len() as u64;
        }
    }
    fchmod(&to, RUN_ONLY)?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&to, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(to.into())
}

/// The ranges of the file that an ELF loader reads, as (offset, length): its headers and its segments.
/// Source: elf(5), 64 bits, little-endian.
fn loaded(file: &File) -> io::Result<Vec<(u64, u64)>> {
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0)?;
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    let (at, size, count) = (long(&header, 32), short(&header, 54), usize::from(short(&header, 56)));
    if !header.starts_with(b"\x7fELF\x02\x01") || usize::from(size) != SEGMENT_BYTES || count > SEGMENTS_MAX {
        return Err(odd());
    }
    let mut ranges = vec![(0, header.len() as u64), (at, (count * SEGMENT_BYTES) as u64)];
    for index in 0..count {
        let mut segment = [0; SEGMENT_BYTES];
        file.read_exact_at(&mut segment, at.saturating_add((index * SEGMENT_BYTES) as u64))?;
        if segment.starts_with(&PT_LOAD) {
            ranges.push((long(&segment, 8), long(&segment, 32)));
        }
    }
    let total = ranges.iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(*length));
    if total > LOADED_MAX_BYTES { Err(odd()) } else { Ok(ranges) }
}

/// The length of a program header.
const SEGMENT_BYTES: usize = 56;
/// The type of a segment that is mapped.
const PT_LOAD: [u8; 4] = 1_u32.to_le_bytes();

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

/// An empty file in memory that may be run. Kernels before 6.3 do not know the word for it, and let all such files run.
fn memory_file() -> nix::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let runs = MFdFlags::from_bits_retain(libc::MFD_EXEC);
    match memfd_create(c"privatus", flags | runs) {
        Err(Errno::EINVAL) => memfd_create(c"privatus", flags),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_copy_holds_what_is_loaded_and_can_be_neither_read_again_nor_changed() {
        let image = Image::load(&std::env::current_exe().unwrap());
        let memory = File::from(image.memory.unwrap());
        assert_eq!(memory.metadata().unwrap().permissions().mode() & 0o7777, 0o111);
        assert!(memory.write_at(b"x", 0).is_err() && memory.set_len(1).is_err());
    }

    #[cfg(feature = "inspect")]
    #[test]
    fn where_the_kernel_has_no_word_for_files_that_run_they_all_do() {
        let older = std::thread::spawn(|| {
            crate::simulate::older_kernel().unwrap();
            Image::load(&std::env::current_exe().unwrap()).memory.is_some()
        });
        assert!(older.join().unwrap());
    }

    #[test]
    fn a_copy_has_the_bytes_of_each_range_that_is_loaded() {
        let program = std::env::current_exe().unwrap();
        let (file, image) = (File::open(&program).unwrap(), Image::load(&program));
        assert!(image.memory().is_some() && Image::by_path(&program).memory().is_none());
        let memory = File::from(image.memory.unwrap());
        let ranges = loaded(&file).unwrap();
        assert!(ranges.len() > 3, "headers and segments: {ranges:?}");
        for (at, length) in ranges {
            let bytes = usize::try_from(length).unwrap();
            let (mut wanted, mut found) = (vec![0; bytes], vec![1; bytes]);
            file.read_exact_at(&mut wanted, at).unwrap();
            memory.read_exact_at(&mut found, at).unwrap();
            assert!(found == wanted, "{at} {length}");
        }
    }

    /// A header and `count` program headers, of which the last two are mapped.
    fn program(count: u16) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes[32] = 64;
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&count.to_le_bytes());
        for index in 0..count {
            let mut segment = [0; SEGMENT_BYTES];
            segment[0] = if index + 2 >= count { 1 } else { 4 };
            segment[8..10].copy_from_slice(&(1000 + index).to_le_bytes());
            segment[32..34].copy_from_slice(&(10 + index).to_le_bytes());
            bytes.extend(segment);
        }
        bytes
    }

    fn ranges_of(bytes: &[u8]) -> io::Result<Vec<(u64, u64)>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("program"), bytes).unwrap();
        loaded(&File::open(dir.path().join("program")).unwrap())
    }

    #[test]
    fn what_is_mapped_is_found_and_nothing_else() {
        assert_eq!(ranges_of(&program(3)).unwrap(), [(0, 64), (64, 168), (1001, 11), (1002, 12)]);
        let most = u16::try_from(SEGMENTS_MAX).unwrap();
        assert_eq!(ranges_of(&program(most)).unwrap().len(), 4);
        assert!(ranges_of(&program(most + 1)).is_err());
        let mut other_size = program(3);
        other_size[54] = 57;
        assert!(ranges_of(&other_size).is_err());
        let mut other_word = program(3);
        other_word[4] = 1;
        assert!(ranges_of(&other_word).is_err());
        let mut large = program(1);
        let others = 64 + SEGMENT_BYTES as u64;
        large[64 + 32..64 + 40].copy_from_slice(&(LOADED_MAX_BYTES - others).to_le_bytes());
        assert!(ranges_of(&large).is_ok());
        large[64 + 32..64 + 40].copy_from_slice(&(LOADED_MAX_BYTES - others + 1).to_le_bytes());
        assert!(ranges_of(&large).is_err());
    }

    #[test]
    fn what_is_no_program_is_run_by_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let odd = |bytes: &[u8]| {
            let path = dir.path().join("odd");
            std::fs::write(&path, bytes).unwrap();
            Image::load(&path).memory.is_none()
        };
        let mut many = b"\x7fELF\x02\x01".to_vec();
        many.resize(64, 0xff);
        let mut endless = b"\x7fELF\x02\x01".to_vec();
        endless.resize(64 + 56, 0);
        endless[32] = 64;
        (endless[54], endless[56], endless[64]) = (56, 1, 1);
        endless[64 + 32..64 + 40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(odd(b"") && odd(b"#!/bin/sh\n") && odd(&many) && odd(&endless));
        assert!(Image::load(Path::new("/does/not/exist")).memory.is_none());
    }
}
