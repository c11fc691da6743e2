//! The edges that this process serves, and the process itself.

mod carrier;
mod mailbox;
mod operator;

use ipc_schema::child::{Child, EdgeSocket, Exit};

use crate::shell::Shell;
use crate::state_file::StateFile;

/// Runs the process: core, state file, then every edge that is granted.
pub async fn run(mut child: Child) -> Exit {
    let file = match child.files.remove("state").map(StateFile::open).transpose() {
        Ok(file) => file,
        Err(error) => {
            eprintln!("the state file cannot be read: {error}");
            return Exit::Fault;
        }
    };
    let (shell, given_back) = Shell::new(child.settings.clone(), file);
    let running = tokio::task::spawn_local(shell.clone().run(given_back));
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

/// Takes one granted edge, as caller or callee.
///
/// # Errors
/// When its descriptor is no stream socket.
pub fn join(shell: &std::rc::Rc<Shell>, edge: EdgeSocket) -> std::io::Result<()> {
    match (edge.name.as_str(), edge.caller) {
        ("onion-netd", true) => shell.netd.connected(edge.socket),
        ("onion-stored", true) => shell.disk.connected(edge.socket),
        ("stored-onion", false) => {
            ipc_schema::rpc::serve(edge.socket, carrier::client(shell.clone()).client).map(drop)
        }
        ("operator-onion", false) => {
            ipc_schema::rpc::serve(edge.socket, operator::client(shell.clone()).client).map(drop)
        }
        // Nothing else is in the topology; a socket that is not known closes.
        _ => Ok(()),
    }
}
