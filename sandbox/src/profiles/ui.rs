//! ui: a window by FLTK, on X11 or Wayland. The widest table of a child; still no new connection, no code and no exec.
//!
//! It is sealed once the display is open: what only that needs stands in the spawner's start. Where its window stood is in a file that it
//! is granted after that, and may write: `ui.state`.

use libc::{AF_UNIX, F_ADD_SEALS, F_GET_SEALS, O_ACCMODE, O_CREAT, O_RDWR, O_WRONLY, PROT_EXEC};

use super::base::BASE;
use super::groups::{NEVER_OPENED, THREADS};
use super::{CHILD, EVERY, FileAccess, Profile};
use crate::call;
use crate::resource::Resource::{Data, Descriptors, FileSize, LockedMemory, Tasks};
use crate::resource::{Limit, limit};
use crate::rule::{Row, allow, allow_if, bits, is, refuse, refuse_if};

/// The window.
pub static UI: Profile = Profile {
    name: "ui",
    id: 8,
    groups: &[BASE, THREADS, CONNECTED, DISPLAY, READ_FILES, READ_ONLY, LIBRARIES],
    files: FileAccess::Window,
    limits: &[EVERY, LIMITS],
    ..CHILD
};

const LIMITS: &[Limit] = &[
    limit(Descriptors, 1024, "fonts, cursors, the display's buffers, edges"),
    limit(LockedMemory, 0, "locks nothing"),
    limit(FileSize, 1 << 30, "Wayland's pictures are files in memory: 8K with two buffers take 270 MB"),
    limit(Data, 2 << 30, "the window's pictures and fonts"),
    limit(Tasks, 64, "the window, the edges, and what its libraries start"),
];

/// A path socket is held by no wall but these: Landlock has no right for them.
const CONNECTED: &[Row] = &[
    refuse_if(
        call!(SYS_socket),
        &[is(0, AF_UNIX as i64)],
        libc::EACCES,
        "input methods with a socket of their own, the name service's cache; the display is open by now",
    ),
    refuse(call!(SYS_connect), libc::EACCES, "the same; nothing is connected to after the seal"),
];

/// What a picture's memory may be: no huge pages, nothing to be run.
const PLAIN_MEMORY: i64 = (libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | libc::MFD_NOEXEC_SEAL) as i64;

const DISPLAY: &[Row] = &[
    allow(call!(SYS_recvmsg), "events of the display; keyboard maps as descriptors"),
    allow(call!(SYS_sendmsg), "requests to the compositor; picture buffers as descriptors"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_select), "FLTK's event loop"),
    allow(call!(SYS_pselect6), "FLTK's event loop, as other libc versions call it"),
    allow_if(call!(SYS_memfd_create), &[bits(1, !PLAIN_MEMORY, 0)], "Wayland's picture buffers"),
    allow_if(call!(SYS_fallocate), &[is(1, 0)], "Wayland's picture buffers"),
    allow(call!(SYS_ftruncate), "Wayland's picture buffers, where they cannot be allocated"),
    allow_if(call!(SYS_fcntl), &[is(1, F_ADD_SEALS as i64)], "Wayland's picture buffers are sealed"),
    allow_if(call!(SYS_fcntl), &[is(1, F_GET_SEALS as i64)], "Wayland's picture buffers are sealed"),
    allow_if(call!(SYS_ioctl), &[is(1, libc::FIONREAD as i64)], "Xlib asks how much there is to read"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_pipe), "Wayland: another window's clipboard comes through a pipe"),
    allow_if(
        call!(SYS_pipe2),
        &[bits(1, !((libc::O_CLOEXEC | libc::O_NONBLOCK) as i64), 0)],
        "the same on other processors",
    ),
];

/// Fonts, languages, cursors: inside the view, and to read.
const READ_FILES: &[Row] = &[
    allow_if(
        call!(SYS_openat),
        &[bits(2, NEVER_OPENED, 0)],
        "fonts, locales, cursors; what is not in the view is not there",
    ),
    #[cfg(target_arch = "x86_64")]
    allow_if(
        call!(SYS_open),
        &[bits(1, NEVER_OPENED | O_CREAT as i64, 0)],
        "older libraries open by the old call, to read",
    ),
    allow(call!(SYS_newfstatat), "stat of a path"),
    allow(call!(SYS_fstat), "file metadata, as other libc versions call it"),
    allow(call!(SYS_statx), "std's metadata of a path"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_stat), "older libraries"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_lstat), "older libraries"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_access), "fontconfig asks whether a folder may be read"),
    allow(call!(SYS_faccessat), "the same on other processors"),
    allow(call!(SYS_faccessat2), "the same with flags"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_readlink), "fontconfig follows links of its configuration"),
    allow(call!(SYS_readlinkat), "the same on other processors"),
    allow(call!(SYS_getcwd), "fontconfig makes a path absolute"),
    allow(call!(SYS_getdents64), "font folders are listed"),
    allow(call!(SYS_lseek), "a file is read from its middle; ui.state is written over itself"),
    allow(call!(SYS_pread64), "a file is read from its middle"),
    allow(call!(SYS_statfs), "fontconfig asks what kind of disk the font cache lies on"),
    allow(call!(SYS_fstatfs), "fontconfig asks what kind of disk the font cache lies on"),
    allow(call!(SYS_fadvise64), "fontconfig reads its cache ahead"),
];

/// A font cache that is out of date stays so.
const READ_ONLY: &[Row] = &[
    refuse_if(
        call!(SYS_openat),
        &[bits(2, O_ACCMODE as i64, O_WRONLY as i64)],
        libc::EACCES,
        "fontconfig writes a cache",
    ),
    refuse_if(
        call!(SYS_openat),
        &[bits(2, O_ACCMODE as i64, O_RDWR as i64)],
        libc::EACCES,
        "fontconfig locks its cache",
    ),
    refuse_if(
        call!(SYS_openat),
        &[bits(2, O_CREAT as i64, O_CREAT as i64)],
        libc::EACCES,
        "fontconfig writes a cache",
    ),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_unlink), libc::EACCES, "fontconfig removes an old cache"),
    refuse(call!(SYS_unlinkat), libc::EACCES, "the same on other processors"),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_mkdir), libc::EACCES, "fontconfig makes its folder"),
    refuse(call!(SYS_mkdirat), libc::EACCES, "the same on other processors"),
    refuse(call!(SYS_fchmod), libc::EPERM, "fontconfig sets the mode of a cache it cannot write"),
    // The folder's mode and a lock by a second name: as soon as a font came that the cache does not know.
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_chmod), libc::EPERM, "fontconfig makes its folder writable"),
    refuse(call!(SYS_fchmodat), libc::EPERM, "the same on other processors"),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_link), libc::EPERM, "fontconfig locks its cache"),
    refuse(call!(SYS_linkat), libc::EPERM, "the same on other processors"),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_rename), libc::EACCES, "fontconfig puts a new cache in the old one's place"),
    refuse(call!(SYS_renameat), libc::EACCES, "the same on other processors"),
];

const LIBRARIES: &[Row] = &[
    refuse_if(
        call!(SYS_mmap),
        &[bits(2, PROT_EXEC as i64, PROT_EXEC as i64)],
        libc::EPERM,
        "a library that is loaded only now is as good as not there",
    ),
    refuse_if(
        call!(SYS_mprotect),
        &[bits(2, PROT_EXEC as i64, PROT_EXEC as i64)],
        libc::EPERM,
        "nothing becomes code after the seal",
    ),
    allow(call!(SYS_getuid), "Xlib looks for the user's defaults"),
    allow(call!(SYS_geteuid), "fontconfig and glib ask whether they run set-uid"),
    allow(call!(SYS_getgid), "fontconfig and glib ask whether they run set-gid"),
    allow(call!(SYS_getegid), "fontconfig and glib ask whether they run set-gid"),
    allow(call!(SYS_getresuid), "libdbus, which asks no bus, asks whether it runs set-uid"),
    allow(call!(SYS_getresgid), "libdbus, which asks no bus, asks whether it runs set-gid"),
    allow(call!(SYS_uname), "Xlib looks for this machine's defaults"),
    allow(call!(SYS_sysinfo), "glibc sorts in memory where there is enough of it"),
    allow(call!(SYS_clock_getres), "glib's and FLTK's clock"),
    refuse(
        call!(SYS_shmget),
        libc::EPERM,
        "cairo would share pictures with the X server; it sends them then",
    ),
    refuse(call!(SYS_prlimit64), libc::EPERM, "glib asks for limits"),
];
