//! The edges that this process serves, and the process itself.

mod carrier;
mod mailbox;
mod operator;

use std::fs::File;
use std::rc::Rc;

use getrandom::SysRng;
use ipc_schema::child::{Child, Exit, GrantedEdge};
use ipc_schema::edge::Closer;
use ipc_schema::edge::operator_onion::Operator;
use ipc_schema::edge::stored_onion::Carrier;
use ipc_schema::grant::Settings;
use ipc_schema::{Machine, Timestamp};
use rand_core::UnwrapErr;
use tokio::task::{JoinHandle, spawn_local};

use self::carrier::CarrierServer;
use self::operator::OperatorServer;
use crate::peers::{disk, netd};
use crate::shell::{Shell, Wanted};
use crate::state::{StateError, StateFile};

/// Runs the process: core, state file, then every edge that is granted.
pub async fn run(mut child: Child) -> Exit {
    let (shell, wanted) = match start(&mut child) {
        Ok(started) => started,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Setting;
        }
    };
    child.started();
    let running = see_to(&shell, wanted);
    let exit = loop {
        match child.next_edge().await {
            Ok(Some(edge)) => {
                if join(&shell, edge).is_err() {
                    break Exit::Fault;
                }
            }
            Ok(None) => break Exit::Done,
            Err(_) => break Exit::Fault,
        }
    };
    running.abort();
    shell.save_now();
    exit
}

/// Starts what ticks, follows netd and a relay's disk, and sees to what the core wants of them.
pub fn see_to(shell: &Rc<Shell>, wanted: Wanted) -> JoinHandle<()> {
    let Wanted { dials, of_disk, releases } = wanted;
    spawn_local(netd::follow(shell.clone()));
    spawn_local(netd::dial_wanted(shell.clone(), dials));
    if shell.settings.relay {
        spawn_local(disk::follow(shell.clone()));
        spawn_local(disk::ask_wanted(shell.clone(), of_disk));
    }
    spawn_local(shell.clone().run(releases))
}

fn start(child: &mut Child) -> Result<(Rc<Shell>, Wanted), StateError> {
    let state = child.files.remove("state").map(File::from);
    open(child.settings.clone(), state, machine())
}

/// The shell with its state file. A client whose file is damaged starts anew: it loses its guards and asks for the directory again.
/// A relay does not: it would become another relay.
///
/// # Errors
/// [`StateError`].
pub fn open(
    settings: Settings,
    state: Option<File>,
    machine: Machine,
) -> Result<(Rc<Shell>, Wanted), StateError> {
    let Some(state) = state else { return Shell::new(settings, machine, None, &[]) };
    let (file, saved) = StateFile::open(state)?;
    let saved = match saved {
        Err(error) if settings.relay => return Err(error),
        saved => saved.unwrap_or_default(),
    };
    Shell::new(settings, machine, Some(file), &saved)
}

/// The system's clock and randomness. The latter cannot fail on a system that runs this program.
#[must_use]
pub fn machine() -> Machine {
    Machine::new(Timestamp::now, || Box::new(UnwrapErr(SysRng)))
}

/// Takes one granted edge, as caller or callee.
///
/// # Errors
/// When its descriptors are no edge's.
pub fn join(shell: &Rc<Shell>, edge: GrantedEdge) -> std::io::Result<()> {
    match (edge.name.as_str(), edge.caller) {
        ("onion-netd", true) => shell.netd.connected(edge.ends),
        ("onion-stored", true) => shell.disk.connected(edge.ends),
        ("stored-onion", false) => {
            let closer = Closer::default();
            let carrier = CarrierServer { shell: shell.clone(), closer: closer.clone() };
            let carrier = Rc::new(carrier).client(closer.clone()).client;
            ipc_schema::rpc::serve(edge.ends, carrier).map(|task| closer.watch(task.abort_handle()))
        }
        ("operator-onion", false) => {
            Rc::new(OperatorServer { shell: shell.clone() }).serve(edge.ends).map(drop)
        }
        // Nothing else is in the topology; an edge that is not known closes.
        _ => Ok(()),
    }
}
