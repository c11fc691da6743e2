//! The supervisor's end of a child's control socket: what the suite grants arrives, in order, and nobody else's haste keeps it away.
//!
//! The kernel queues about ten Grants that the child has not taken yet. A local program that opens connections faster than that
//! fills the queue: then what belongs to the suite waits here, and a connection is not let in.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use ipc_schema::grant::{self, Grant, GrantError};

/// A child that has taken nothing for so long while something waits for it will not. Longer than the longest work that a part does
/// without looking at its socket (about a second of Argon2, more on a busy machine).
pub const TAKES_WITHIN: Duration = Duration::from_secs(15);

/// Why a grant did not reach the child.
#[derive(Debug)]
pub enum GrantFailed {
    /// The child ended meanwhile; its pidfd tells.
    Gone,
    /// It has its hands full.
    Full,
    /// It does not take what it is granted, or the system has no room.
    Stuck(GrantError),
}

/// A control socket and what waits for room in it.
#[derive(Debug)]
pub struct Control {
    socket: OwnedFd,
    waiting: VecDeque<Grant>,
    /// Since when the first of them waits.
    since: Duration,
}

impl Control {
    /// For a child that was granted nothing yet.
    #[must_use]
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, waiting: VecDeque::new(), since: Duration::ZERO }
    }

    /// Grants what the child must get. Where it has its hands full that is later, by [`Self::more`].
    ///
    /// # Errors
    /// [`GrantFailed::Gone`], [`GrantFailed::Stuck`].
    pub fn give(&mut self, grant: Grant, now: Duration) -> Result<(), GrantFailed> {
        if self.waiting.is_empty() {
            self.since = now;
        }
        self.waiting.push_back(grant);
        self.more(now)
    }

    /// Grants what the child can do without: now, or not at all.
    ///
    /// # Errors
    /// [`GrantFailed`].
    pub fn offer(&self, grant: &Grant) -> Result<(), GrantFailed> {
        if self.waiting.is_empty() { self.send(grant) } else { Err(GrantFailed::Full) }
    }

    /// Sends what waits, as far as there is room.
    ///
    /// # Errors
    /// [`GrantFailed::Gone`]; [`GrantFailed::Stuck`], also where the child has taken nothing for [`TAKES_WITHIN`].
    pub fn more(&mut self, now: Duration) -> Result<(), GrantFailed> {
        while let Some(grant) = self.waiting.front() {
            match self.send(grant) {
                Ok(()) => {
                    self.waiting.pop_front();
                    self.since = now;
                }
                Err(GrantFailed::Full) if now < self.since + TAKES_WITHIN => return Ok(()),
                Err(GrantFailed::Full) => {
                    return Err(GrantFailed::Stuck(GrantError::Io(ErrorKind::TimedOut.into())));
                }
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }

    /// Until when something waits for room, if something does.
    #[must_use]
    pub fn waits_until(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.since + TAKES_WITHIN)
    }

    fn send(&self, grant: &Grant) -> Result<(), GrantFailed> {
        grant::send(self.socket.as_fd(), grant).map_err(|error| match error {
            GrantError::Io(error) => match error.kind() {
                ErrorKind::WouldBlock => GrantFailed::Full,
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => GrantFailed::Gone,
                _ => GrantFailed::Stuck(GrantError::Io(error)),
            },
            error => GrantFailed::Stuck(error),
        })
    }
}

/// Writable once there is room.
impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::control_pair;
    use ipc_schema::ends::EdgeEnds;

    const NOW: Duration = Duration::from_secs(100);

    fn edge(name: &str) -> Grant {
        let (ends, _) = EdgeEnds::pipes().unwrap();
        Grant::Edge { name: name.into(), caller: false, ends }
    }

    /// A control socket into which local programs' connections went until it was full.
    fn full() -> (Control, OwnedFd) {
        let (ours, childs) = control_pair().unwrap();
        let control = Control::new(ours);
        while control.offer(&edge("outside")).is_ok() {}
        assert!(matches!(control.offer(&edge("outside")), Err(GrantFailed::Full)));
        (control, childs)
    }

    fn taken(childs: &OwnedFd) -> String {
        match grant::receive(childs.as_fd()).unwrap() {
            Grant::Edge { name, .. } => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_belongs_to_the_suite_waits_for_room_and_keeps_its_order() {
        let (mut control, childs) = full();
        for name in ["first", "second"] {
            control.give(edge(name), NOW).unwrap();
        }
        assert_eq!(control.waits_until(), Some(NOW + TAKES_WITHIN));
        assert_eq!(taken(&childs), "outside");
        assert!(matches!(control.offer(&edge("outside")), Err(GrantFailed::Full)), "not before what waits");
        control.more(NOW).unwrap();
        assert!(control.waits_until().is_some(), "there was room for one");
        while taken(&childs) == "outside" {}
        control.more(NOW).unwrap();
        assert_eq!(control.waits_until(), None);
        assert_eq!(taken(&childs), "second");
        control.offer(&edge("outside")).unwrap();
    }

    #[test]
    fn a_child_that_takes_nothing_is_told_after_a_while_and_no_earlier() {
        let (mut control, childs) = full();
        control.give(edge("inside"), NOW).unwrap();
        control.more(NOW + TAKES_WITHIN / 2).unwrap();
        assert!(matches!(control.more(NOW + TAKES_WITHIN), Err(GrantFailed::Stuck(_))));
        // Not dropped: a program that a test beside this one starts holds a copy for a moment.
        rustix::net::shutdown(&childs, rustix::net::Shutdown::Both).unwrap();
        assert!(matches!(control.more(NOW), Err(GrantFailed::Gone)));
    }
}
