//! Who may speak to whom: the whole authority of the suite as two printable tables.
//!
//! An edge goes from caller to callee; nothing else joins two processes. What may be said on an edge is its file in
//! `edges/`; what a process may do to the kernel is its table in `sandbox/src/profiles/`.

use crate::child::Exit;

/// A suite of processes and the edges between them.
#[derive(Debug)]
pub struct Topology {
    /// For messages and `status`.
    pub name: &'static str,
    /// Every process, in the order in which `status` lists them.
    pub processes: &'static [Process],
    /// Every edge.
    pub edges: &'static [Edge],
}

/// One confined process.
#[derive(Debug)]
pub struct Process {
    /// Its name in `status`, and of its binary unless `binary` says otherwise.
    pub name: &'static str,
    /// File name of the binary, beside the supervisor's own.
    pub binary: &'static str,
    /// Name of the table in `sandbox/src/profiles/`.
    pub profile: &'static str,
    /// The one folder that it may use, relative to the profile folder.
    pub folder: Option<&'static str>,
    /// What it is granted as open descriptors.
    pub files: &'static [File],
    /// Whether it runs when there is no window.
    pub headless: bool,
    /// Whether its exit 0 is the end of a job (a fresh one is started at once, and not counted) rather than of the suite.
    pub disposable: bool,
    /// With which exits it may end the suite, in its first life alone and only until its start is complete (`Source::Settled`).
    /// Later, and of any other process, they are faults like any other: whoever was taken over shall not name the suite's end.
    pub ends: &'static [Exit],
    /// Whether it may end by a lock, at any time: an end that a person asked for, never counted as a fall.
    pub locks: bool,
    /// Processes that end with it: they hold what its death made void.
    pub takes_down: &'static [&'static str],
}

/// A file that a process is granted as a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its name in the Grant.
    pub name: &'static str,
    /// What the supervisor opens for it.
    pub source: Source,
}

/// Where a granted descriptor comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A file in the profile folder, made if missing, mode 0600.
    Profile(&'static str),
    /// The same, and left out where it cannot be had: the part works without it.
    Spare(&'static str),
    /// The child's report of what is in force, in the runtime folder.
    Report,
    /// The passphrase's descriptor, passed on unread; only at the first start and only if one was given.
    Passphrase,
    /// One end of a pipe, into which a byte is written once its start is complete: the listener is bound, the file opened, the
    /// passphrase tried. Until then the suite is not ready; from then on no exit code of that life ends the suite. The supervisor
    /// looks whether something lies in it, and reads nothing.
    Settled,
    /// An invitation for the window's first run (a demo's Echo): a descriptor that holds one line, passed on unread; only if
    /// one was given.
    Offer,
    /// The suite's standard output.
    Stdout,
}

/// One edge.
#[derive(Debug)]
pub struct Edge {
    /// `caller-callee`, the file's name in `edges/`.
    pub name: &'static str,
    /// Who calls.
    pub caller: Caller,
    /// Who serves.
    pub callee: &'static str,
}

/// Who calls along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A process of the suite.
    Process(&'static str),
    /// Programs of the same user, through this socket in the runtime folder.
    Socket(&'static str),
}

const REPORT: File = File { name: "report", source: Source::Report };

const SETTLED: File = File { name: "settled", source: Source::Settled };

const MEDIAD: Process = Process {
    name: "mediad",
    binary: "mediad",
    profile: "mediad",
    folder: None,
    files: &[REPORT],
    headless: true,
    disposable: true,
    ends: &[],
    locks: false,
    takes_down: &[],
};

/// A person's suite.
pub const CLIENT: Topology = Topology {
    name: "client",
    processes: &[
        Process {
            name: "keyvault",
            binary: "keyvault",
            profile: "keyvault",
            folder: None,
            files: &[
                REPORT,
                File { name: "vault", source: Source::Profile("vault") },
                File { name: "passphrase", source: Source::Passphrase },
                SETTLED,
            ],
            headless: true,
            disposable: false,
            ends: &[
                Exit::WrongPassphrase,
                Exit::VaultDamaged,
                Exit::VaultNewer,
                Exit::VaultInUse,
                Exit::NoMemory,
            ],
            locks: true,
            takes_down: &["stored", "ui"],
        },
        Process {
            name: "netd",
            binary: "netd",
            profile: "netd",
            folder: None,
            files: &[REPORT, SETTLED],
            headless: true,
            disposable: false,
            ends: &[Exit::Setting],
            locks: false,
            takes_down: &[],
        },
        Process {
            name: "onion",
            binary: "onion",
            profile: "onion",
            folder: None,
            files: &[REPORT, SETTLED, File { name: "state", source: Source::Profile("onion.state") }],
            headless: true,
            disposable: false,
            ends: &[Exit::Setting],
            locks: false,
            takes_down: &[],
        },
        Process {
            name: "stored",
            binary: "stored",
            profile: "stored",
            folder: Some("history"),
            files: &[REPORT, SETTLED],
            headless: true,
            disposable: false,
            ends: &[Exit::Setting],
            locks: false,
            takes_down: &[],
        },
        MEDIAD,
        Process {
            name: "ui",
            binary: "privatus-ui",
            profile: "ui",
            folder: None,
            files: &[
                REPORT,
                SETTLED,
                File { name: "offer", source: Source::Offer },
                File { name: "state", source: Source::Spare("ui.state") },
            ],
            headless: false,
            disposable: false,
            ends: &[Exit::Setting],
            locks: false,
            takes_down: &[],
        },
    ],
    edges: &[
        Edge { name: "ui-keyvault", caller: Caller::Process("ui"), callee: "keyvault" },
        Edge { name: "ui-stored", caller: Caller::Process("ui"), callee: "stored" },
        Edge { name: "stored-keyvault", caller: Caller::Process("stored"), callee: "keyvault" },
        Edge { name: "stored-onion", caller: Caller::Process("stored"), callee: "onion" },
        Edge { name: "stored-mediad", caller: Caller::Process("stored"), callee: "mediad" },
        Edge { name: "onion-netd", caller: Caller::Process("onion"), callee: "netd" },
        Edge { name: "ui-keyvault", caller: Caller::Socket("unlock.sock"), callee: "keyvault" },
        Edge { name: "ui-stored", caller: Caller::Socket("messenger.sock"), callee: "stored" },
        Edge { name: "operator-onion", caller: Caller::Socket("operator.sock"), callee: "onion" },
    ],
};

/// A relay-only host: a relay has a relay key, no person, so there is no keyvault.
pub const RELAY: Topology = Topology {
    name: "relay",
    processes: &[
        Process {
            name: "netd",
            binary: "netd",
            profile: "netd",
            folder: None,
            files: &[
                REPORT,
                SETTLED,
                File { name: "state", source: Source::Profile("netd.state") },
                File { name: "stdout", source: Source::Stdout },
            ],
            headless: true,
            disposable: false,
            ends: &[Exit::Setting],
            locks: false,
            takes_down: &[],
        },
        Process {
            name: "onion",
            binary: "onion",
            profile: "onion",
            folder: None,
            files: &[REPORT, SETTLED, File { name: "state", source: Source::Profile("onion.state") }],
            headless: true,
            disposable: false,
            ends: &[Exit::Setting],
            locks: false,
            takes_down: &[],
        },
        Process {
            name: "stored",
            binary: "stored",
            profile: "stored",
            folder: Some("mailboxes"),
            files: &[REPORT, SETTLED],
            headless: true,
            disposable: false,
            ends: &[Exit::Setting],
            locks: false,
            takes_down: &[],
        },
    ],
    edges: &[
        Edge { name: "onion-netd", caller: Caller::Process("onion"), callee: "netd" },
        Edge { name: "onion-stored", caller: Caller::Process("onion"), callee: "stored" },
        Edge { name: "operator-onion", caller: Caller::Socket("operator.sock"), callee: "onion" },
    ],
};

/// Parts of the design that no binary serves yet; `status` lists them with `pid: null` and this word.
pub const NOT_BUILT: &[&str] = &["desk"];

impl Topology {
    /// The process of that name.
    #[must_use]
    pub fn process(&self, name: &str) -> Option<&'static Process> {
        self.processes.iter().find(|process| process.name == name)
    }

    /// The edges in which `process` takes part, either side.
    pub fn edges_of(&self, process: &str) -> impl Iterator<Item = &'static Edge> {
        self.edges.iter().filter(move |edge| {
            edge.callee == process || edge.caller == Caller::Process(process_name(process))
        })
    }
}

fn process_name(name: &str) -> &'static str {
    [CLIENT.processes, RELAY.processes]
        .into_iter()
        .flatten()
        .find(|process| process.name == name)
        .map_or("", |process| process.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_joins_two_processes_of_its_topology_and_has_a_file() {
        for topology in [&CLIENT, &RELAY] {
            for edge in topology.edges {
                assert!(topology.process(edge.callee).is_some(), "{edge:?}");
                if let Caller::Process(caller) = edge.caller {
                    assert!(topology.process(caller).is_some(), "{edge:?}");
                }
                let file = format!("{}/edges/{}.capnp", env!("CARGO_MANIFEST_DIR"), edge.name);
                assert!(std::path::Path::new(&file).exists(), "{file}");
            }
        }
    }

    #[test]
    fn who_may_end_the_suite_tells_when_its_start_is_complete_and_only_keyvault_speaks_of_the_vault() {
        for process in CLIENT.processes.iter().chain(RELAY.processes) {
            let settles = process.files.iter().any(|file| file.source == Source::Settled);
            assert_eq!(settles, !process.ends.is_empty(), "{}", process.name);
            let only_settings = process.ends.iter().all(|exit| *exit == Exit::Setting);
            assert_eq!(only_settings, process.name != "keyvault", "{}", process.name);
            assert_eq!(process.locks, process.name == "keyvault", "{}", process.name);
        }
    }

    #[test]
    fn no_process_with_keys_shares_an_edge_with_the_network() {
        assert!(CLIENT.edges_of("keyvault").all(|edge| edge.callee != "netd" && edge.callee != "onion"));
        assert!(CLIENT.edges_of("netd").all(|edge| edge.name == "onion-netd"));
        assert!(RELAY.process("keyvault").is_none());
    }

    #[test]
    fn calls_go_one_way_so_no_cycle_of_callers_exists() {
        for topology in [&CLIENT, &RELAY] {
            for process in topology.processes {
                assert!(!reaches(topology, process.name, process.name, 0), "{}", process.name);
            }
        }
    }

    fn reaches(topology: &Topology, from: &str, to: &str, depth: usize) -> bool {
        depth < 16
            && topology.edges.iter().any(|edge| {
                edge.caller == Caller::Process(process_name(from))
                    && (edge.callee == to || reaches(topology, edge.callee, to, depth + 1))
            })
    }
}
