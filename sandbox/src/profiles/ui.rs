//! ui: a window by FLTK, on X11 or Wayland. The widest table of a child; still no Internet socket and no exec.

use libc::{AF_UNIX, F_ADD_SEALS, F_GET_SEALS, SOCK_STREAM};

use super::base::BASE;
use super::groups::{NAMED_FILES, OPEN_FILE, THREADS};
use super::{CHILD, FileAccess, Profile};
use crate::call;
use crate::rule::{Row, allow, allow_if, bits, is, refuse};

/// The window.
pub static UI: Profile = Profile {
    name: "ui",
    id: 8,
    groups: &[BASE, OPEN_FILE, NAMED_FILES, THREADS, DISPLAY, LIBRARIES],
    files: FileAccess::Window,
    mdwe: false,
    descriptors: 1024,
    ..CHILD
};

const DISPLAY: &[Row] = &[
    allow_if(
        call!(SYS_socket),
        &[is(0, AF_UNIX as i64), bits(1, 0xf, SOCK_STREAM as i64)],
        "the X server, the compositor",
    ),
    allow(call!(SYS_connect), "the X server, the compositor"),
    allow(call!(SYS_sendmsg), "Wayland: picture buffers go to the compositor as descriptors"),
    allow(
        call!(SYS_recvmsg),
        "Wayland's keyboard maps come as descriptors; xcb reads the X server by the same call",
    ),
    allow(call!(SYS_setsockopt), "buffers of the display's socket"),
    allow(call!(SYS_uname), "Xlib finds its cookie by the machine's name"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_select), "FLTK's event loop"),
    allow(call!(SYS_pselect6), "FLTK's event loop, as other libc versions call it"),
    allow(call!(SYS_memfd_create), "Wayland's picture buffers and keyboard maps"),
    allow(call!(SYS_fallocate), "Wayland's picture buffers"),
    allow_if(call!(SYS_fcntl), &[is(1, F_ADD_SEALS as i64)], "Wayland's picture buffers are sealed"),
    allow_if(call!(SYS_fcntl), &[is(1, F_GET_SEALS as i64)], "Wayland's picture buffers are sealed"),
    allow_if(call!(SYS_ioctl), &[is(1, libc::FIONREAD as i64)], "Xlib asks how much there is to read"),
    allow(call!(SYS_eventfd2), "FLTK is woken from another thread; a tokio runtime of a helper thread"),
    allow(call!(SYS_epoll_create1), "a tokio runtime of a helper thread; xkb and Wayland helpers"),
    allow(call!(SYS_timerfd_create), "libdecor's animations"),
    allow(call!(SYS_timerfd_settime), "libdecor's animations"),
    allow(call!(SYS_pipe2), "FLTK's awake pipe"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_pipe), "FLTK's awake pipe"),
    allow(call!(SYS_socketpair), "tokio's signal pipe; file descriptors passed within the process"),
];

const LIBRARIES: &[Row] = &[
    allow(call!(SYS_mmap), "libraries loaded at run time: decorations, input methods, cursors"),
    allow(call!(SYS_mprotect), "the loader protects what it relocated"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_open), "older libraries open by the old call"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_stat), "older libraries"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_lstat), "older libraries"),
    allow(call!(SYS_statfs), "fontconfig asks what kind of disk the font cache lies on"),
    allow(call!(SYS_fstatfs), "fontconfig asks what kind of disk the font cache lies on"),
    allow(call!(SYS_fadvise64), "fontconfig reads its cache ahead"),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_SETLK as i64)], "fontconfig locks its cache"),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_SETLKW as i64)], "fontconfig locks its cache"),
    allow(call!(SYS_getuid), "home and runtime folders"),
    allow(call!(SYS_geteuid), "home and runtime folders"),
    allow(call!(SYS_getgid), "glib asks whether it runs set-gid"),
    allow(call!(SYS_getegid), "glib asks whether it runs set-gid"),
    allow(call!(SYS_getresuid), "glib asks whether it runs set-uid"),
    allow(call!(SYS_getresgid), "glib asks whether it runs set-gid"),
    allow(call!(SYS_getppid), "glib asks whether its parent lives"),
    allow(call!(SYS_sysinfo), "glib counts memory"),
    allow(call!(SYS_clock_getres), "glib's and FLTK's clock"),
    refuse(
        call!(SYS_shmget),
        libc::EPERM,
        "cairo would share pictures with the X server; it sends them then",
    ),
    refuse(call!(SYS_fchmod), libc::EPERM, "fontconfig sets the mode of a cache it cannot write"),
    refuse(call!(SYS_prlimit64), libc::EPERM, "glib asks for limits"),
];
