//! Serving the granted edges until the supervisor hangs up or somebody locks.

mod answer;
mod gate;
mod request;
mod unlock;
mod vault;

use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use ipc_schema::child::{Child, Exit, GrantedEdge};
use ipc_schema::limits::PASSPHRASE_MAX_BYTES;
use tokio::task::{AbortHandle, JoinHandle, spawn_local};
use zeroize::Zeroizing;

use crate::sealed::VaultFileError;
use crate::shell::{Condition, Shell};

/// Runs the process: opens the vault file with the passphrase, if one was granted, then serves.
pub async fn run(mut child: Child) -> Exit {
    let Some(file) = child.files.remove("vault") else {
        eprintln!("no vault file was granted");
        return Exit::Fault;
    };
    let shell = Rc::new(Shell::new(File::from(file)));
    let passphrase = child.files.remove("passphrase");
    let settled = child.files.remove("settled");
    if let Err(exit) = first_unlock(&shell, passphrase, child.settings.headless).await {
        // The supervisor takes its closing for a success: let the process's end close it.
        std::mem::forget(settled);
        return exit;
    }
    drop(settled);
    // Closed by dropping it: the suite gets ready only after the passphrase was tried.
    drop(child.files.remove("settled"));
    let sweeping = spawn_local({
        let shell = shell.clone();
        async move { shell.sweep().await }
    });
    let exit = serve(&child, &shell).await;
    sweeping.abort();
    exit
}

/// With a passphrase: create or unlock, and end the suite if that cannot be. Without: wait for one over the edge.
async fn first_unlock(shell: &Shell, passphrase: Option<OwnedFd>, headless: bool) -> Result<(), Exit> {
    if let (Some(complaint), true) = (shell.complaint(), headless || passphrase.is_some()) {
        eprintln!("{complaint}");
        return Err(Exit::VaultUnreadable);
    }
    if shell.was_repaired() {
        eprintln!("the vault file was damaged in a part that is kept twice, and is whole again");
    }
    let Some(passphrase) = passphrase else { return Ok(()) };
    let passphrase = read_passphrase(passphrase).map_err(|error| {
        eprintln!("reading the passphrase failed: {error}");
        Exit::Fault
    })?;
    let result = match shell.condition() {
        Condition::Missing => shell.create(&passphrase),
        _ => in_turn(|| shell.unlock(&passphrase)).await,
    };
    if result.is_ok() && shell.is_read_only() {
        eprintln!("the vault file is damaged: what can be read is open, and nothing can be changed");
    }
    result.map_err(|error| {
        eprintln!("{error}");
        match error {
            VaultFileError::WrongPassphrase | VaultFileError::EmptyPassphrase => Exit::WrongPassphrase,
            VaultFileError::Damaged | VaultFileError::Newer | VaultFileError::Cost(_) => {
                Exit::VaultUnreadable
            }
            _ => Exit::Fault,
        }
    })
}

/// Waits out what earlier wrong passphrases cost: who started the suite with one has no way to come back with it.
async fn in_turn(unlock: impl Fn() -> Result<(), VaultFileError>) -> Result<(), VaultFileError> {
    match unlock() {
        Err(VaultFileError::Wait(wait)) => {
            eprintln!("{}", VaultFileError::Wait(wait));
            tokio::time::sleep(wait).await;
            unlock()
        }
        result => result,
    }
}

/// One line without its newline; what comes after it is not ours.
fn read_passphrase(descriptor: OwnedFd) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(vec![0; PASSPHRASE_MAX_BYTES + 1]);
    let mut file = File::from(descriptor);
    let mut filled = 0;
    while let Some(rest) = line.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let read = file.read(rest)?;
        let is_whole = read == 0 || rest.iter().take(read).any(|byte| *byte == b'\n');
        filled += read;
        if is_whole {
            break;
        }
    }
    let length = line.iter().take(filled).position(|byte| *byte == b'\n').unwrap_or(filled);
    if length > PASSPHRASE_MAX_BYTES {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is too long"));
    }
    line.truncate(length);
    Ok(line)
}

async fn serve(child: &Child, shell: &Rc<Shell>) -> Exit {
    let mut edges: Vec<JoinHandle<()>> = Vec::new();
    let exit = loop {
        let granted = tokio::select! {
            granted = child.next_edge() => granted,
            () = shell.locking() => break Exit::Lock,
        };
        match granted {
            Ok(Some(edge)) => {
                edges.retain(|edge| !edge.is_finished());
                match serve_edge(edge, shell) {
                    Ok(edge) => edges.extend(edge),
                    Err(error) => {
                        eprintln!("an edge could not be served: {error}");
                        break Exit::Fault;
                    }
                }
            }
            Ok(None) => break Exit::Done,
            Err(error) => {
                eprintln!("{error}");
                break Exit::Fault;
            }
        }
    };
    edges.iter().for_each(JoinHandle::abort);
    shell.lock();
    exit
}

fn serve_edge(edge: GrantedEdge, shell: &Rc<Shell>) -> std::io::Result<Option<JoinHandle<()>>> {
    let closer = Closer::default();
    let client = match (edge.name.as_str(), edge.caller) {
        // Local programs have no edge to what only stored may ask.
        ("stored-keyvault", false) if !edge.outside() => gate::client(shell.clone(), closer.clone()),
        ("ui-keyvault", false) => unlock::client(shell.clone(), closer.clone()),
        _ => return Ok(None),
    };
    let task = ipc_schema::rpc::serve(edge.ends, client)?;
    closer.watch(task.abort_handle());
    Ok(Some(task))
}

/// Closes an edge whose caller broke a limit: the fault lands on the sender.
#[derive(Clone, Default)]
pub(crate) struct Closer(Rc<OnceCell<AbortHandle>>);

impl Closer {
    fn watch(&self, task: AbortHandle) {
        let _ = self.0.set(task);
    }

    /// Ends the edge and gives the error that its last call fails with.
    pub(crate) fn close(&self) -> capnp::Error {
        if let Some(task) = self.0.get() {
            task.abort();
        }
        capnp::Error::failed("a limit was broken".to_owned())
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
