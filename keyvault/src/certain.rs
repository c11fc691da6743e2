//! What cannot happen, and must not be gone on after: a length that the compiler has checked, a text of 256 GiB.

/// The result of what cannot fail. If it does, the process ends: the callers have nothing to go on with but keys of zeroes and text
/// that is not sealed. An error would be handled by somebody who cannot know which it was.
pub(crate) fn certain<T, E>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|_| std::process::abort())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the parent tells the child by a variable of the test's own")]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    use nix::libc::SIGABRT;

    use super::*;
    use crate::codec::Writer;

    const CHILD: &str = "PRIVATUS_TEST_UNCERTAIN";
    const NAME: &str =
        "certain::tests::what_cannot_be_ends_the_process_before_anything_is_sealed_under_zeroes";

    #[test]
    fn what_cannot_be_ends_the_process_before_anything_is_sealed_under_zeroes() {
        if std::env::var_os(CHILD).is_some() {
            let too_short = Writer::default().array::<32>();
            println!("went on with {:?}", certain(too_short));
            return;
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([NAME, "--exact", "--nocapture"]).env(CHILD, "1").stderr(Stdio::null());
        let ended = child.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.signal(), Some(SIGABRT), "{said}");
        assert!(!said.contains("went on"), "{said}");
    }
}
