//! The window's process opens its display between the walls and the filter; after the filter it opens nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks, sets a variable in a fork, and bare system calls")]

mod support;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;

use sandbox::profiles::UI;
use sandbox::{Error, Jail};
use support::*;

fn enter() -> Result<Jail, String> {
    enter_with(false)
}

fn enter_with(namespaces: bool) -> Result<Jail, String> {
    let (supervisor, control) = control_pair();
    // It lives as long as the child.
    std::mem::forget(supervisor);
    sandbox::enter(&UI, control.as_fd(), None, namespaces).map_err(|e| e.to_string())
}

fn errno(answer: io::Result<impl Sized>) -> Option<i32> {
    answer.err().and_then(|error| error.raw_os_error())
}

#[test]
fn a_window_is_sealed_with_its_display_open_and_with_nothing_more() {
    let (_keep, folder) = folder();
    let (display, bus) = (folder.join("display"), folder.join("bus"));
    let _listening = [&display, &bus].map(|path| UnixListener::bind(path).unwrap());
    let with = |kept: &[RawFd], opened: &[&PathBuf]| {
        in_child(|| {
            keep_only(kept);
            let jail = enter()?;
            let _open: Vec<_> = opened.iter().map(|path| UnixStream::connect(path).unwrap()).collect();
            match jail.seal() {
                Ok(_) => Ok(0),
                Err(Error::Connected(2..)) => Ok(7),
                Err(other) => Err(other.to_string()),
            }
        })
    };
    // Not by a path: it was open before.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let counts = with(&[other.as_raw_fd()], &[&display]);
    assert_eq!(counts, End::Exit(7), "a connection to the Internet counts");
    assert_eq!(with(&[], &[]), FINE);
    assert_eq!(with(&[], &[&display]), FINE);
    assert_eq!(with(&[], &[&display, &bus]), End::Exit(7));
    assert_eq!(with(&[], &[&display, &display]), FINE, "the toolkit's, and the one that calls for attention");
    assert_eq!(with(&[], &[&display; 3]), End::Exit(7));
}

#[test]
fn a_sealed_window_makes_no_socket_and_connects_to_no_path() {
    let (_keep, folder) = folder();
    let bus = folder.join("bus");
    let _listening = UnixListener::bind(&bus).unwrap();
    let end = confined(&UI, None, false, |_| {
        let stream = errno(UnixStream::connect(&bus));
        let datagram = errno(UnixDatagram::unbound());
        let connect = raw(libc::SYS_connect, [0; 6]);
        let refused = stream == Some(libc::EACCES) && datagram == Some(libc::EACCES);
        holds(refused && connect == -i64::from(libc::EACCES), &format!("{stream:?} {datagram:?} {connect}"))
    });
    assert_eq!(end, FINE);
    // A datagram socket of a pair could be sent from to any path, without connect.
    let pair = confined(&UI, None, false, |_| UnixDatagram::pair().map(|_| 0).map_err(|e| e.to_string()));
    assert_eq!(pair, SIGSYS);
}

#[test]
fn a_sealed_window_writes_no_file_and_maps_no_code() {
    let (_keep, folder) = folder();
    let end = confined(&UI, None, false, |report| {
        let code = raw(libc::SYS_mmap, [0, 4096, 5, 0x22, u64::MAX, 0]);
        if code != -i64::from(libc::EPERM) {
            return Err(format!("mmap: {code}"));
        }
        let written = errno(File::create(folder.join("file")));
        let both = errno(File::options().read(true).write(true).open("/etc/fonts/fonts.conf"));
        let seen = File::open("/usr/lib").is_ok();
        let noted = report.notes().contains(&"no memory-deny-write-execute");
        let denied = report.write_execute == sandbox::audit::WriteExecute::Denied;
        let refused = written == Some(libc::EACCES) && both == Some(libc::EACCES);
        holds(refused && seen && (denied || noted), &format!("{written:?} {both:?} {seen} {report:?}"))
    });
    assert_eq!(end, FINE);
}

/// What fontconfig does where a font is newer than its cache: it must not be the window's end, nor be done.
#[test]
fn a_sealed_window_lives_on_when_it_may_not_change_a_font_cache() {
    let (_keep, folder) = folder();
    let cache = folder.join("cache");
    std::fs::write(&cache, "").unwrap();
    let end = confined(&UI, None, false, |_| {
        use std::os::unix::fs::PermissionsExt;
        let writable = std::fs::Permissions::from_mode(0o755);
        let mode = errno(std::fs::set_permissions(&cache, writable));
        let linked = errno(std::fs::hard_link(&cache, folder.join("lock")));
        let renamed = errno(std::fs::rename(&cache, folder.join("new")));
        let removed = errno(std::fs::remove_file(&cache));
        let refused = [mode, linked, renamed, removed]
            .iter()
            .all(|told| matches!(told, Some(libc::EPERM | libc::EACCES)));
        holds(refused, &format!("{mode:?} {linked:?} {renamed:?} {removed:?}"))
    });
    assert_eq!(end, FINE);
    assert!(cache.exists() && std::fs::read_dir(&folder).unwrap().count() == 1);
}

/// Something that listens where an X server of that number would. The number is of this process.
fn x_server(above: u32) -> (u32, PathBuf, UnixListener) {
    let number = above + std::process::id() % 10_000;
    let socket = PathBuf::from(format!("/tmp/.X11-unix/X{number}"));
    std::fs::create_dir_all("/tmp/.X11-unix").unwrap();
    let _ = std::fs::remove_file(&socket);
    let server = UnixListener::bind(&socket).unwrap();
    (number, socket, server)
}

/// In a forked child. Not by std: its lock on the environment may have been held by a thread that starts a program in the test
/// beside this one, and would never be let go of here.
fn set_display(number: u32) {
    let value = std::ffi::CString::new(format!(":{number}")).unwrap();
    // SAFETY: the forked child has one thread, and both strings end with a zero.
    assert_eq!(unsafe { libc::setenv(c"DISPLAY".as_ptr(), value.as_ptr(), 1) }, 0);
}

#[test]
fn in_a_root_of_its_own_a_window_opens_its_display() {
    if !namespace_choices().contains(&true) {
        return;
    }
    let (number, socket, _server) = x_server(30_000);
    let end = in_child(|| {
        keep_only(&[]);
        set_display(number);
        let jail = enter_with(true)?;
        let _display = UnixStream::connect(&socket).map_err(|e| e.to_string())?;
        let report = jail.seal().map_err(|e| e.to_string())?;
        holds(report.namespaces == sandbox::Namespaces(31), &format!("{report:?}"))
    });
    let _ = std::fs::remove_file(&socket);
    assert_eq!(end, FINE);
}

/// The filter would have `sendto` through: a socket that is there already reaches no abstract name any more.
#[test]
fn on_x11_abstract_sockets_are_open_until_the_seal_and_no_longer() {
    let (number, socket, _server) = x_server(20_000);
    let name = SocketAddr::from_abstract_name(format!("privatus-test-{number}")).unwrap();
    let _listening = UnixDatagram::bind_addr(&name).unwrap();
    let end = in_child(|| {
        keep_only(&[]);
        set_display(number);
        let ours = UnixDatagram::unbound().map_err(|e| e.to_string())?;
        let jail = enter()?;
        ours.send_to_addr(b"before", &name).map_err(|e| e.to_string())?;
        let report = jail.seal().map_err(|e| e.to_string())?;
        let after = errno(ours.send_to_addr(b"after", &name));
        // Landlock knows scopes from ABI 6 on.
        holds(report.landlock.abi < 6 || after == Some(libc::EPERM), &format!("{after:?}"))
    });
    let _ = std::fs::remove_file(&socket);
    assert_eq!(end, FINE);
}

#[test]
fn a_display_may_be_connected_to_by_both_of_its_names_and_by_no_other() {
    let (number, socket, _server) = x_server(10_000);
    let other = PathBuf::from(format!("/tmp/.X11-unix/other-{number}"));
    let name = |path: &PathBuf| SocketAddr::from_abstract_name(path.as_os_str().as_encoded_bytes()).unwrap();
    let _names = [&socket, &other].map(|path| UnixListener::bind_addr(&name(path)).unwrap());
    let ends = [&socket, &other].map(|second| {
        in_child(|| {
            keep_only(&[]);
            set_display(number);
            let jail = enter()?;
            let _toolkit = UnixStream::connect(&socket).map_err(|e| e.to_string())?;
            let _second = UnixStream::connect_addr(&name(second)).map_err(|e| e.to_string())?;
            match jail.seal() {
                Ok(_) => Ok(0),
                Err(Error::Connected(2)) => Ok(7),
                Err(other) => Err(other.to_string()),
            }
        })
    });
    let _ = std::fs::remove_file(&socket);
    assert_eq!(ends, [FINE, End::Exit(7)]);
}
