//! Serving the granted edges until the supervisor hangs up or somebody locks.

mod gate;
mod unlock;
mod vault;

use std::fs::{File, TryLockError};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::child::{Child, Exit, GrantedEdge};
use ipc_schema::edge::Closer;
use ipc_schema::edge::stored_keyvault::Gate as _;
use ipc_schema::edge::ui_keyvault::Unlock as _;
use ipc_schema::limits::PASSPHRASE_MAX_BYTES;
use tokio::task::{JoinHandle, spawn_local};
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::sealed::{Caller, VaultFileError};
use crate::shell::{Condition, Shell};
use crate::store::StoreError;
use crate::unlock::CostError;
use gate::GateServer;
use unlock::UnlockServer;

/// How often, and how long apart, a vault that is in use is looked at before that is told: 2 s, far longer than a killed process
/// takes to end.
const FREE_LOOKS: u32 = 40;
const FREE_LOOK: Duration = Duration::from_millis(50);

/// Runs the process: opens the vault file with the passphrase, if one was granted, then serves.
pub async fn run(mut child: Child) -> Exit {
    let Some(file) = child.files.remove("vault") else {
        eprintln!("no vault file was granted");
        return Exit::Fault;
    };
    let file = File::from(file);
    wait_free(&file).await;
    let shell = Rc::new(Shell::new(file));
    let passphrase = child.files.remove("passphrase");
    if let Err(exit) = first_unlock(&shell, passphrase, child.settings.headless).await {
        return exit;
    }
    // Before a byte from outside is read: what ends this process later is no failed start.
    child.started();
    let sweeping = spawn_local({
        let shell = shell.clone();
        async move { shell.sweep().await }
    });
    let exit = serve(&child, &shell).await;
    sweeping.abort();
    exit
}

/// Waits a little for a vault that another process holds: that of a suite which was killed a moment ago may still be ending.
async fn wait_free(file: &File) {
    for _ in 0..FREE_LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => tokio::time::sleep(FREE_LOOK).await,
            _ => return,
        }
    }
}

/// With a passphrase: create or unlock, and end the suite if that cannot be. Without: wait for one over the edge, where somebody
/// looks at a window that says what is wrong with the vault.
async fn first_unlock(shell: &Shell, passphrase: Option<OwnedFd>, headless: bool) -> Result<(), Exit> {
    if let Some((complaint, exit)) = shell.complaint(exit_of)
        && (headless || passphrase.is_some() || !matches!(exit, Exit::VaultDamaged | Exit::VaultNewer))
    {
        eprintln!("{complaint}");
        return Err(exit);
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
        _ => in_turn(|| shell.unlock(Caller::Start, &passphrase)).await,
    };
    if result.is_ok() && shell.is_read_only() {
        eprintln!("the vault file is damaged: what can be read is open, and nothing can be changed");
    }
    result.map_err(|error| {
        eprintln!("{}", error.with_source());
        exit_of(&error)
    })
}

/// What the supervisor is told; anything else may pass by itself, and the line says what it was.
fn exit_of(error: &VaultFileError) -> Exit {
    match error {
        VaultFileError::WrongPassphrase | VaultFileError::EmptyPassphrase => Exit::WrongPassphrase,
        VaultFileError::Damaged | VaultFileError::Cost(CostError::BelowFloor | CostError::TooMuch) => {
            Exit::VaultDamaged
        }
        VaultFileError::Newer => Exit::VaultNewer,
        VaultFileError::InUse => Exit::VaultInUse,
        VaultFileError::Cost(CostError::OutOfMemory) | VaultFileError::MemoryLock => Exit::NoMemory,
        _ => Exit::Fault,
    }
}

/// Waits out what earlier wrong passphrases cost, a minute at most: who started the suite with one has no way to come back with it,
/// and at the next start would wait as long. Nobody else is served yet who could try meanwhile.
async fn in_turn(unlock: impl Fn() -> Result<(), VaultFileError>) -> Result<(), VaultFileError> {
    loop {
        match unlock() {
            Err(VaultFileError::Wait(wait)) => {
                eprintln!("{}", VaultFileError::Wait(wait));
                tokio::time::sleep(wait).await;
            }
            result => return result,
        }
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
        let why = format!("it is longer than {PASSPHRASE_MAX_BYTES} bytes: take a shorter one");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, why));
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
        ("stored-keyvault", false) if !edge.outside() => {
            let gate = GateServer { shell: shell.clone(), closer: closer.clone() };
            Rc::new(gate).client(closer.clone()).client
        }
        ("ui-keyvault", false) => {
            Rc::new(UnlockServer::new(shell, edge.outside())).client(closer.clone()).client
        }
        _ => return Ok(None),
    };
    let task = ipc_schema::rpc::serve(edge.ends, client)?;
    closer.watch(task.abort_handle());
    Ok(Some(task))
}

/// Tells the operator what no caller is told: why the file could not be written, and what should not have happened.
fn report(error: &VaultError) {
    match error {
        VaultError::Store(error) => {
            let cause = match error {
                StoreError::Io { source, .. } => format!(": {source}"),
                StoreError::Damaged | StoreError::Closed | StoreError::ReadOnly => String::new(),
            };
            eprintln!("{error}{cause}");
        }
        VaultError::Bug(what) => eprintln!("bug: {what}"),
        _ => {}
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
