//! Test helper: a vault file that was let go of, opened anew.

use std::fs::{File, TryLockError};
use std::time::Duration;

use tempfile::NamedTempFile;

/// Waits a minute for a file whose lock somebody still has: a test beside this one that starts a process gives that a copy of every
/// lock, which lives until its exec. What is free then stays free.
pub(crate) fn reopened(file: &NamedTempFile) -> File {
    let again = file.reopen().unwrap();
    for _ in 0..2_400 {
        match again.try_lock() {
            Ok(()) => {
                again.unlock().unwrap();
                return again;
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(25)),
            Err(TryLockError::Error(error)) => panic!("{error}"),
        }
    }
    panic!("it is still in use");
}
