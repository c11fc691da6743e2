//! Edges: which socket pairs a start needs. Both ends go to the children; the supervisor keeps none.

use std::io;
use std::os::fd::OwnedFd;

use ipc_schema::topology::{Caller, Edge, Topology};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

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

/// A pair for one edge.
///
/// # Errors
/// No descriptors are left.
pub fn edge_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// A control socket: ours, and the child's.
///
/// # Errors
/// No descriptors are left.
pub fn control_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::topology::{CLIENT, RELAY};

    fn names(topology: &'static Topology, starting: &[&'static str], dead: &[&str]) -> Vec<&'static str> {
        edges(topology, starting, |name| !dead.contains(&name)).map(|(edge, _)| edge.name).collect()
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
