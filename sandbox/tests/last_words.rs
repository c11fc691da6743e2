//! What a debug build says of the call that it dies of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks, and bare system calls")]

mod support;

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};

use sandbox::Profile;
use sandbox::profiles;
use support::*;

/// What the process said on stderr before it died of the call.
fn last_words(profile: &'static Profile, number: i64) -> (End, String) {
    let (mut said, tell) = std::io::pipe().unwrap();
    let (_keep, folder) = folder();
    let end = in_child(|| {
        // SAFETY: descriptor 2 of this child is nobody else's.
        unsafe { libc::dup2(tell.as_raw_fd(), 2) };
        let (_supervisor, control) = control_pair();
        let jail = sandbox::enter(profile, control.as_fd(), folder_of(profile, &folder), false)
            .map_err(|e| e.to_string())?;
        jail.seal().map_err(|e| e.to_string())?;
        raw(number, [0; 6]);
        Ok(0)
    });
    drop(tell);
    let mut text = String::new();
    said.read_to_string(&mut text).unwrap();
    (end, text)
}

#[test]
fn a_debug_build_names_the_call_and_a_release_runs_nothing_more() {
    for profile in profiles::children() {
        for (number, name) in [
            (libc::SYS_ptrace, "ptrace"),
            (libc::SYS_execve, "execve"),
            (469, "file_setattr"),
            (999, "no name"),
        ] {
            let (end, text) = last_words(profile, number);
            assert_eq!(end, SIGSYS, "{} {name}", profile.name);
            let line =
                format!("SIGSYS: system call {number} ({name}) is in no row of this process's table\n");
            assert_eq!(text, if cfg!(debug_assertions) { line } else { String::new() }, "{}", profile.name);
        }
    }
}
