//! A person's processes: stored and onion as the product runs them, keyvault over a vault in memory.

use std::cell::RefCell;
use std::rc::Rc;

use ipc_schema::child::GrantedEdge;
use keyvault::store::MemoryStore;
use keyvault::vault::Vault;
use stored::serve::{Shell, take};
use tokio::task::spawn_local;

use crate::process::Process;
use crate::user::{self, User};
use crate::vaults::{self, Shared};
use crate::world::{Who, World, folder};

pub struct Person {
    pub stored: Option<Stored>,
    pub keyvault: Option<Process>,
    pub vault: Shared,
    /// The vault's file while keyvault is down.
    file: MemoryStore,
    folder: tempfile::TempDir,
    pub user: Rc<User>,
}

pub struct Stored {
    process: Process,
    pub shell: Rc<Shell>,
}

impl Person {
    pub fn new() -> Self {
        Self {
            stored: None,
            keyvault: None,
            vault: Rc::default(),
            file: MemoryStore::default(),
            folder: folder(),
            user: Rc::default(),
        }
    }

    pub fn keyvault_dies(&mut self) {
        self.keyvault = None;
        if let Some(vault) = self.vault.take() {
            self.file = vault.into_store();
        }
    }

    /// What a copy of the vault's file holds.
    pub fn copy_of_vault(&self) -> MemoryStore {
        self.vault.borrow().as_ref().unwrap().store().clone()
    }

    /// That copy takes the file's place while keyvault is down.
    pub fn put_back(&mut self, copy: MemoryStore) {
        assert!(self.keyvault.is_none());
        self.file = copy;
    }

    /// Answers that the vault keeps; nothing while it is locked.
    pub fn kept(&self) -> Option<usize> {
        self.vault.borrow().as_ref().map(Vault::kept)
    }
}

impl World {
    pub fn person(&mut self, who: Who) -> &mut Person {
        self.nodes[who].person.as_mut().unwrap()
    }

    /// stored, if its vault is open.
    pub fn shell(&self, who: Who) -> Option<&Rc<Shell>> {
        let shell = &self.nodes[who].person.as_ref()?.stored.as_ref()?.shell;
        shell.is_open().then_some(shell)
    }

    /// keyvault starts, and its person types the passphrase.
    pub fn keyvault_starts(&mut self, who: Who) {
        let process = Process::start(&self.tasks);
        let person = self.person(who);
        person.vault = Rc::new(RefCell::new(Some(Vault::open(person.file.clone()).unwrap())));
        person.keyvault = Some(process);
        self.join_vault(who);
    }

    pub fn stored_starts(&mut self, who: Who) {
        let (process, machine) = (Process::start(&self.tasks), self.machine(who));
        let person = self.person(who);
        let shell = Rc::new(Shell::new(person.folder.path().to_owned(), false, machine));
        process.inside(|| {
            spawn_local(runs(shell.clone()));
            spawn_local(user::asks(who, shell.clone(), person.user.clone()));
        });
        person.stored = Some(Stored { process, shell });
        self.join_vault(who);
        self.join_onion(who);
    }

    /// The edge between stored and keyvault, where both are there.
    fn join_vault(&mut self, who: Who) {
        let ((ours, theirs), machine) = (self.pipes(), self.machine(who));
        let Person { stored, keyvault, vault, .. } = self.person(who);
        if let (Some(stored), Some(keyvault)) = (stored, keyvault) {
            stored.joins("stored-keyvault", ours);
            keyvault.inside(|| vaults::serve(theirs, vault.clone(), machine));
        }
    }

    /// The edge between stored and onion, where both are there.
    pub fn join_onion(&mut self, who: Who) {
        let (ours, theirs) = self.pipes();
        let node = &self.nodes[who];
        let stored = node.person.as_ref().and_then(|person| person.stored.as_ref());
        if let (Some(stored), Some(onion)) = (stored, &node.onion) {
            stored.joins("stored-onion", ours);
            onion.joins("stored-onion", false, theirs);
        }
    }
}

impl Stored {
    fn joins(&self, name: &str, ends: ipc_schema::ends::EdgeEnds) {
        let edge = GrantedEdge { name: name.to_owned(), caller: true, ends };
        self.process.inside(|| take(edge, &self.shell)).unwrap();
    }
}

async fn runs(shell: Rc<Shell>) {
    let exit = shell.run().await;
    panic!("stored ends by itself: {exit:?}");
}
