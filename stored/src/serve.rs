//! The shell: edges, clock and randomness around the cores.

mod decoder;
mod disk;
mod downloads;
mod driver;
mod messenger;
mod onion;
mod pictures;
mod shown;
mod uploads;

use std::path::PathBuf;
use std::rc::Rc;

use ipc_schema::child::{Child, Exit, GrantedEdge};
use ipc_schema::edge::onion_stored::MailboxDisk;
use ipc_schema::edge::ui_stored::Messenger;
use ipc_schema::{Machine, Timestamp};

use crate::mailboxes::{self, Before, Bounds};
pub use decoder::{Failure, Picture, Pictures, Source, Target};
pub use disk::DiskServer;
pub use driver::Shell;
use messenger::MessengerServer;

/// Serves until the supervisor asks to stop.
pub async fn run(child: Child) -> Exit {
    let Some(folder) = child.folder.clone() else {
        eprintln!("stored was started without its folder");
        return Exit::Fault;
    };
    if child.settings.relay { relay(child, folder).await } else { client(child, folder).await }
}

/// The system's clock and randomness. The latter cannot fail on a system that runs this program.
fn machine() -> Machine {
    Machine::new(Timestamp::now, || Box::new(rand_core::UnwrapErr(getrandom::SysRng)))
}

/// RELAY topology: the mailbox disk.
async fn relay(mut child: Child, folder: PathBuf) -> Exit {
    let bounds =
        Bounds { queues: u64::from(child.settings.queues_max), bytes: child.settings.disk_max_bytes };
    let (mailboxes, before) = match mailboxes::open_in(&folder, bounds, Timestamp::now()) {
        Ok(opened) => opened,
        Err(error) => {
            eprintln!("the mailboxes cannot be opened: {error}");
            return Exit::Setting;
        }
    };
    say_what_became_of(&before);
    child.started();
    let (server, work) = disk::DiskServer::new(mailboxes, machine());
    let server = Rc::new(server);
    tokio::task::spawn_local(work);
    tokio::select! {
        biased;
        () = server.damaged() => {
            eprintln!("{} is damaged: it is looked at, and where that is so put aside", mailboxes::FILE);
            if let Err(error) = mailboxes::note_damage(&folder) {
                eprintln!("{error}");
            }
            Exit::Fault
        }
        exit = serve_disk(&child, &server) => exit,
    }
}

async fn serve_disk(child: &Child, server: &Rc<DiskServer>) -> Exit {
    loop {
        match child.next_edge().await {
            Ok(Some(edge)) if edge.name == "onion-stored" && !edge.caller => {
                if server.clone().serve(edge.ends).is_err() {
                    return Exit::Fault;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => return Exit::Done,
            Err(_) => return Exit::Fault,
        }
    }
}

/// A relay has nobody to ask: its operator is told, here and in its status.
fn say_what_became_of(before: &Before) {
    let file = mailboxes::FILE;
    match before {
        Before::New | Before::There => {}
        Before::Lost => eprintln!(
            "{file} is missing or empty, and it was there before: what waited in it is lost, and new mailboxes are begun"
        ),
        Before::Damaged(aside) => eprintln!(
            "{file} is damaged: what waited in it is lost, and new mailboxes are begun; the file is kept in {}: remove it when you have looked at it",
            aside.display()
        ),
    }
}

/// CLIENT topology: the conversation engine.
async fn client(mut child: Child, folder: PathBuf) -> Exit {
    // The history opens with the key that keyvault gives once it is unlocked.
    child.started();
    let shell = Shell::new(folder, child.settings.headless, machine());
    let shell = Rc::new(shell.beginning_anew(child.settings.new_history));
    tokio::select! {
        exit = edges(&child, &shell) => exit,
        exit = shell.run() => exit,
    }
}

async fn edges(child: &Child, shell: &Rc<Shell>) -> Exit {
    loop {
        match child.next_edge().await {
            Ok(Some(edge)) => {
                if take(edge, shell).is_err() {
                    return Exit::Fault;
                }
            }
            Ok(None) => return Exit::Done,
            Err(_) => return Exit::Fault,
        }
    }
}

/// Takes one granted edge of a person's stored, as caller or callee.
///
/// # Errors
/// When its descriptors are no edge's.
pub fn take(edge: GrantedEdge, shell: &Rc<Shell>) -> std::io::Result<()> {
    match (edge.name.as_str(), edge.caller) {
        ("stored-keyvault", true) => shell.keyvault.connected(edge.ends),
        ("stored-onion", true) => shell.onion.connected(edge.ends),
        ("stored-mediad", true) => shell.pictures.connected(edge.ends),
        ("ui-stored", false) => {
            let (shell, outside) = (shell.clone(), edge.outside());
            MessengerServer::serve_closing(edge.ends, |closer| MessengerServer::new(shell, outside, closer))
                .map(drop)
        }
        _ => Ok(()),
    }
}
