//! Edges: which pipes a start needs. All their ends go to the children; the supervisor keeps none.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use ipc_schema::topology::{Caller, Edge, Topology};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};

/// The edges that must be made when `starting` start: those with one of them on a side and a living process on the other.
/// A restart is the same as a first start: the living neighbour gets a new end, which replaces its old one.
pub fn edges<'a>(
    topology: &'static Topology,
    starting: &'a [&'static str],
    alive: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (&'static Edge, &'static str)> + 'a {
    topology.edges.iter().filter_map(move |edge| {
        let Caller::Process(caller) = edge.caller else { return None };
        let touched = starting.contains(&caller) || starting.contains(&edge.callee);
        (touched && alive(caller) && alive(edge.callee)).then_some((edge, caller))
    })
}

/// A control socket: ours, and the child's. It goes one way: what a child sends would lie there unread, and descriptors with it
/// fill what the kernel lets the user have on the way, until nobody of that user can be granted anything.
///
/// # Errors
/// No descriptors are left.
pub fn control_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, childs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    shutdown(&ours, Shutdown::Read)?;
    sandbox::refuse_riders(ours.as_fd())?;
    Ok((ours, childs))
}

/// Lets this process send as many descriptors as the system allows. The kernel refuses to pass one while more than the sender's
/// soft limit are on their way for the whole user: with the usual 1,024 any program of that user could keep a suite from being wired.
pub fn raise_descriptor_limit() {
    // Where it cannot be had, what there is must do.
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::IoSlice;
    use std::os::fd::AsRawFd;

    use ipc_schema::grant::{self, Grant, GrantError};
    use ipc_schema::topology::{CLIENT, RELAY};
    use nix::poll::{PollFd, PollFlags, PollTimeout};
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

    fn names(topology: &'static Topology, starting: &[&'static str], dead: &[&str]) -> Vec<&'static str> {
        edges(topology, starting, |name| !dead.contains(&name)).map(|(edge, _)| edge.name).collect()
    }

    /// A byte with so many descriptors.
    fn send_riders(from: &OwnedFd, count: usize) -> nix::Result<usize> {
        let riders = vec![2; count];
        let messages = [ControlMessage::ScmRights(&riders)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        sendmsg::<()>(from.as_raw_fd(), &[IoSlice::new(b"x")], &messages, flags, None)
    }

    #[test]
    fn a_child_can_queue_nothing_at_our_end_and_still_hears_us_and_our_end() {
        let (ours, childs) = control_pair().unwrap();
        for count in [0, 1, 200] {
            assert_eq!(send_riders(&childs, count), Err(nix::Error::EPIPE), "{count}");
        }
        assert!(!hangs_up(&childs));
        grant::send(ours.as_fd(), &Grant::File { name: "vault".into(), file: ours.try_clone().unwrap() })
            .unwrap();
        let granted = grant::receive(childs.as_fd()).unwrap();
        assert!(matches!(granted, Grant::File { .. }));
        drop((granted, ours));
        assert!(hangs_up(&childs));
        assert!(matches!(grant::receive(childs.as_fd()), Err(GrantError::Closed)));
    }

    fn hangs_up(control: &OwnedFd) -> bool {
        let mut watched = [PollFd::new(control.as_fd(), PollFlags::empty())];
        nix::poll::poll(&mut watched, PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn as_many_descriptors_may_be_on_their_way_as_the_system_allows() {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, most.min(512), most).unwrap();
        raise_descriptor_limit();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (most, most));
    }

    #[test]
    fn a_first_start_makes_every_edge_between_processes_once() {
        let all: Vec<_> = RELAY.processes.iter().map(|process| process.name).collect();
        assert_eq!(names(&RELAY, &all, &[]), ["onion-netd", "onion-stored"]);
        let headless: Vec<_> =
            CLIENT.processes.iter().map(|process| process.name).filter(|n| *n != "ui").collect();
        let edges = names(&CLIENT, &headless, &["ui"]);
        assert_eq!(edges, ["stored-keyvault", "stored-onion", "stored-mediad", "onion-netd"]);
    }

    #[test]
    fn a_restart_makes_the_edges_of_that_process_alone() {
        assert_eq!(names(&CLIENT, &["onion"], &["ui"]), ["stored-onion", "onion-netd"]);
        assert_eq!(names(&CLIENT, &["mediad"], &[]), ["stored-mediad"]);
        assert_eq!(names(&CLIENT, &["ui"], &[]), ["ui-keyvault", "ui-stored"]);
    }

    #[test]
    fn an_edge_to_a_dead_neighbour_waits_for_its_start() {
        assert_eq!(names(&CLIENT, &["onion"], &["netd", "ui"]), ["stored-onion"]);
        assert_eq!(names(&CLIENT, &["netd"], &["ui"]), ["onion-netd"]);
    }
}
