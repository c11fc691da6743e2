//! Feeds the engine what happens and does what it says.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use ipc_schema::child::Exit;
use ipc_schema::edge::stored_keyvault::{OpenGate, Standing, Stands, Told, Unlocked, Wiped};
use ipc_schema::edge::stored_onion::{AddHints, Create, Give, Open, Opened, PickMailboxes, Refused, Watch};
use ipc_schema::edge::ui_stored::{Closed, History};
use ipc_schema::edge::{Failed, ask, send};
use ipc_schema::edges::stored_keyvault_capnp::{gate, vault};
use ipc_schema::edges::stored_onion_capnp::{carrier, mailbox};
use ipc_schema::rpc::Peer;
use ipc_schema::{Machine, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::decoder::Pictures;
use super::onion::{Inputs, Sink, Watcher};
use crate::engine::{
    Action, Asks, Came, CircuitId, Engine, Input, MailboxCall, OpenedCircuit, Reply, RequestId, Ticket,
};
use crate::error::StoreError;
use crate::files::Shelf;
use crate::ids::RelayId;
use crate::store::{self, Decoy, wipe};

/// Inputs that share one transaction.
const BATCH_MAX: usize = 256;
/// How long a history that cannot be had for now is left alone.
const OPEN_AGAIN: Duration = Duration::from_secs(3);
/// The decoy is written to so long after the history was opened: it costs some flushes of the disk, and whoever opened it wants to read.
const DECOY_AFTER: Duration = Duration::from_millis(100);
/// Times that other tasks get to run before a batch is closed, so that what lies in the sockets joins it.
const TURNS: usize = 3;

/// Whether conversations may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The vault is locked.
    Locked,
    /// Unlocked.
    Open {
        /// Local programs may ask on a desktop as well.
        scripts: bool,
    },
}

/// What the edges' servers and the driver share.
pub struct Shell {
    pub(super) keyvault: Peer<gate::Client>,
    pub(super) onion: Peer<carrier::Client>,
    pub(super) pictures: Pictures,
    pub(super) headless: bool,
    pub(super) machine: Machine,
    pub(super) access: Cell<Access>,
    /// The window is shown nothing until keyvault has seen the passphrase.
    pub(super) screen_locked: Cell<bool>,
    /// Why nothing can be kept or read of the history, while the vault is open.
    trouble: Cell<Option<Closed>>,
    /// A person wants to begin anew where the history is lost or damaged.
    new_history: Cell<bool>,
    folder: PathBuf,
    /// Counts the files that are being handed over.
    pub(super) uploads: Rc<()>,
    inputs: RefCell<mpsc::UnboundedSender<Input>>,
    waiting: RefCell<BTreeMap<RequestId, oneshot::Sender<Result<Reply, Closed>>>>,
    next_request: Cell<u64>,
    changes: watch::Sender<u64>,
}

/// The engine with its neighbours while the vault is unlocked.
struct Driver {
    shell: Rc<Shell>,
    engine: Engine,
    decoy: Decoy,
    vault: vault::Client,
    inputs: mpsc::UnboundedSender<Input>,
    circuits: Rc<RefCell<BTreeMap<CircuitId, mailbox::Client>>>,
}

impl Shell {
    /// A shell whose history lies in `folder`, without neighbours yet. `headless`: local programs may ask without a window.
    #[must_use]
    pub fn new(folder: PathBuf, headless: bool, machine: Machine) -> Self {
        Self {
            keyvault: Peer::new(),
            onion: Peer::new(),
            pictures: Pictures::default(),
            headless,
            machine,
            access: Cell::new(Access::Locked),
            screen_locked: Cell::new(false),
            trouble: Cell::new(None),
            new_history: Cell::new(false),
            folder,
            uploads: Rc::default(),
            inputs: RefCell::new(mpsc::unbounded_channel().0),
            waiting: RefCell::default(),
            next_request: Cell::new(0),
            changes: watch::channel(0).0,
        }
    }

    /// Where the history is lost or damaged it is put aside, once, and a new one begun.
    #[must_use]
    pub fn beginning_anew(self, wanted: bool) -> Self {
        self.new_history.set(wanted);
        self
    }

    /// How the history is.
    #[must_use]
    pub fn history(&self) -> History {
        match self.access.get() {
            Access::Locked => History::Locked,
            Access::Open { .. } => self.trouble.get().map_or(History::Ok, History::from),
        }
    }

    /// Why there is no engine.
    fn without_engine(&self) -> Closed {
        let open = self.access.get() != Access::Locked;
        self.trouble.get().filter(|_| open).unwrap_or(Closed::Locked)
    }

    /// Asks the engine to do or tell something; answered when it is durable.
    ///
    /// # Errors
    /// In the call's own words.
    pub async fn ask<C: Asks>(&self, call: C) -> Result<C::Answer, C::Error> {
        let id = RequestId(self.next_request.get());
        self.next_request.set(id.0 + 1);
        let (sender, answer) = oneshot::channel();
        self.waiting.borrow_mut().insert(id, sender);
        if self.inputs.borrow().send(Input::asked(id, call)).is_err() {
            self.waiting.borrow_mut().remove(&id);
            return Err(self.without_engine().into());
        }
        // The engine ends with the vault's lock, and with it whoever would answer.
        let reply = answer.await.unwrap_or_else(|_| Err(self.without_engine()))?;
        // The engine answers each request as what it is.
        C::told(reply).unwrap_or_else(|| Err(Closed::Storage.into()))
    }

    /// Tells the engine something that nobody waits for.
    pub(super) fn tell(&self, call: impl Asks) {
        let id = RequestId(self.next_request.get());
        self.next_request.set(id.0 + 1);
        let _ = self.inputs.borrow().send(Input::asked(id, call));
    }

    /// Where the bytes of files lie.
    pub(super) fn shelf(&self) -> Shelf {
        Shelf::new(&self.folder)
    }

    /// Follows the change stream: a number that moves when it has grown, and when there is something to ask anew.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether there is an engine: the vault is unlocked.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.access.get() != Access::Locked
    }

    /// The flag lives in the vault and may change while it is open, so it is asked for anew when a local program calls.
    pub(super) async fn look_at_scripts(&self) {
        let Some(gate) = self.keyvault.present() else { return };
        if self.access.get() == Access::Locked {
            return;
        }
        let Ok(unlocked) = ask(&gate, &OpenGate {}).await else { return };
        // A lock may have come meanwhile.
        if self.access.get() != Access::Locked {
            self.access.set(Access::Open { scripts: unlocked.scripts });
        }
    }

    /// Runs one engine for each time that the vault is unlocked.
    pub async fn run(self: &Rc<Self>) -> Exit {
        loop {
            let gate = self.keyvault.client().await;
            let generation = self.keyvault.generation();
            let Ok((unlocked, stands)) = handed_over(&gate).await else {
                // keyvault goes: wait for its successor, or be taken down with it.
                self.keyvault.gone(generation).await;
                continue;
            };
            self.screen_locked.set(stands.screen_locked);
            tokio::select! {
                biased;
                () = self.live(&gate, unlocked, generation) => {}
                () = self.follow_standing(&gate, stands) => {}
            }
            self.close();
        }
    }

    /// Opens the history, and again where it cannot be had for now; serves what there is of it for as long as this keyvault lives.
    async fn live(self: &Rc<Self>, gate: &gate::Client, unlocked: Unlocked, generation: u64) {
        loop {
            let begun = Instant::now();
            let opened = self.open(&unlocked);
            // What is opened again takes a tenth of the time at most.
            let again_at = begun + OPEN_AGAIN.max(begun.elapsed() * 10);
            if unlocked.wipe && !matches!(opened, store::Opened::Closed(_)) {
                // What gets lost here is ordered and told again.
                let _ = ask(gate, &Wiped {}).await;
            }
            let mut due = Due { again: None, decoy: None };
            let engine = match opened {
                store::Opened::Whole(store) => {
                    self.trouble.set(None);
                    due.decoy = Some(Instant::now() + DECOY_AFTER);
                    Engine::new(store, self.machine.chance())
                }
                store::Opened::Reading(store, error) => {
                    self.note(&error);
                    // Until there is room an earlier version's file is only read. What is damaged, or lies on a disk that cannot be
                    // written, stays so in this life.
                    due.again = matches!(error, StoreError::Full).then_some(again_at);
                    Engine::reading(store, self.machine.chance(), error.closed())
                }
                store::Opened::Closed(error) => {
                    self.note(&error);
                    self.access.set(Access::Open { scripts: unlocked.scripts });
                    let over = tokio::select! {
                        biased;
                        () = self.keyvault.gone(generation) => true,
                        () = again(error.passes()) => false,
                    };
                    if over {
                        return;
                    }
                    continue;
                }
            };
            if self.drive(engine, due, &unlocked, generation).await == Drive::Over {
                return;
            }
        }
    }

    /// Says why nothing can be kept, once.
    fn note(&self, error: &StoreError) {
        if self.trouble.replace(Some(error.closed())) != Some(error.closed()) {
            eprintln!("the history ({}): {error}", store::FILE);
        }
        self.changes.send_modify(|count| *count += 1);
    }

    /// Keeps to what keyvault says of the screen; ends when another vault took the place of the open one, or keyvault went.
    async fn follow_standing(&self, gate: &gate::Client, mut stands: Stands) {
        let vault = stands.vault;
        while stands.vault == vault {
            self.screen_locked.set(stands.screen_locked);
            // Whoever watches learns that it may, or may not.
            self.changes.send_modify(|count| *count += 1);
            match ask(gate, &Standing { seen: stands.number }).await {
                Ok(next) => stands = next,
                Err(_) => return,
            }
        }
    }

    fn open(&self, unlocked: &Unlocked) -> store::Opened {
        if unlocked.wipe
            && let Err(error) = wipe(&self.folder, &unlocked.store_key, &unlocked.decoy_key)
        {
            return store::Opened::Closed(error);
        }
        let anew = self.new_history.get().then(|| self.machine.now().0 / 1_000);
        let (folder, key) = (self.folder.as_path(), &unlocked.store_key);
        let opened = store::History { folder, key, known: unlocked.known, anew }.open();
        if let store::Opened::Whole(store) = &opened {
            self.new_history.set(false);
            let decoy = self.decoy(unlocked);
            // From the first moment on every profile has one.
            if !decoy.is_there() {
                told_of_decoy(decoy.live_on(store));
            }
        }
        opened
    }

    fn decoy(&self, unlocked: &Unlocked) -> Decoy {
        Decoy::new(&self.folder, unlocked.decoy_key.clone())
    }

    /// Serves until keyvault goes, or until then: never in the middle of a batch, so that nobody waits in vain.
    async fn drive(
        self: &Rc<Self>,
        engine: Engine,
        mut due: Due,
        unlocked: &Unlocked,
        generation: u64,
    ) -> Drive {
        let (inputs, mut waiting) = mpsc::unbounded_channel();
        let mut driver = Driver {
            shell: self.clone(),
            engine,
            decoy: self.decoy(unlocked),
            vault: unlocked.vault.clone(),
            inputs: inputs.clone(),
            circuits: Rc::default(),
        };
        self.inputs.replace(inputs.clone());
        self.access.set(Access::Open { scripts: unlocked.scripts });
        let _onion = AbortOnDrop(spawn_local(follow_onion(self.onion.clone(), inputs)));
        driver.start();
        loop {
            if due.again.is_some_and(|at| left(at).is_zero()) && waiting.is_empty() {
                return Drive::Again;
            }
            if due.decoy.is_some_and(|at| left(at).is_zero()) {
                due.decoy = None;
                told_of_decoy(driver.engine.keep_decoy(&driver.decoy));
            }
            let wait =
                [due.again, due.decoy].into_iter().flatten().map(left).fold(driver.until_wake(), Ord::min);
            tokio::select! {
                biased;
                () = self.keyvault.gone(generation) => return Drive::Over,
                batch = next_batch(&mut waiting, wait) => driver.handle(batch),
            }
        }
    }

    /// Nothing is open any more.
    fn close(&self) {
        self.access.set(Access::Locked);
        // Whoever still waits is told `locked`; a later engine takes up what is unfinished.
        self.inputs.replace(mpsc::unbounded_channel().0);
        self.waiting.borrow_mut().clear();
    }
}

/// What is to be done with a history that is open, and when.
struct Due {
    /// To be opened again.
    again: Option<Instant>,
    /// Its decoy is to live on.
    decoy: Option<Instant>,
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// What a full disk cannot take now it is given at the next unlock; the history is served all the same.
fn told_of_decoy(lived: Result<(), StoreError>) {
    match lived {
        Err(error) if !error.passes() => eprintln!("the decoy store could not be written to: {error}"),
        _ => {}
    }
}

/// How serving a history ended.
#[derive(PartialEq, Eq)]
enum Drive {
    /// keyvault went.
    Over,
    /// It is time to open it again.
    Again,
}

/// When it is tried again; never where that does not help.
async fn again(passes: bool) {
    if !passes {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(OPEN_AGAIN).await;
}

/// Parks until the vault is unlocked.
async fn handed_over(gate: &gate::Client) -> Result<(Unlocked, Stands), Failed> {
    let unlocked = ask(gate, &OpenGate {}).await?;
    Ok((unlocked, ask(gate, &Standing { seen: 0 }).await?))
}

/// A task that ends with who started it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn next_batch(waiting: &mut mpsc::UnboundedReceiver<Input>, wait: Duration) -> Vec<Input> {
    // Whoever keeps asking must not put off what is due.
    let mut batch = if wait.is_zero() {
        vec![Input::Tick]
    } else {
        tokio::select! {
            biased;
            Some(first) = waiting.recv() => vec![first],
            () = tokio::time::sleep(wait) => vec![Input::Tick],
        }
    };
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    while batch.len() < BATCH_MAX
        && let Ok(input) = waiting.try_recv()
    {
        batch.push(input);
    }
    batch
}

/// Longest sleep: a clock that was set back is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Tells the engine when onion comes and goes, and passes on what onion says of the network.
async fn follow_onion(peer: Peer<carrier::Client>, inputs: Inputs) {
    loop {
        let carrier = peer.client().await;
        let generation = peer.generation();
        if inputs.send(Input::OnionCame).is_err() {
            return;
        }
        let watcher = capnp_rpc::new_client(Watcher(inputs.clone()));
        // Where it fails onion is gone, and that is noticed below.
        let _ = ask(&carrier, &Watch { watcher }).await;
        peer.gone(generation).await;
        let _ = inputs.send(Input::OnionGone);
    }
}

impl Driver {
    fn now(&self) -> Timestamp {
        self.shell.machine.now()
    }

    fn until_wake(&self) -> Duration {
        self.engine.next_wake().map_or(SLEEP_MAX, |wake| wake.since(self.now()).min(SLEEP_MAX))
    }

    fn start(&mut self) {
        let actions = self.engine.start(self.now());
        self.told(actions);
    }

    fn handle(&mut self, batch: Vec<Input>) {
        if batch.iter().any(|input| matches!(input, Input::OnionGone)) {
            self.circuits.borrow_mut().clear();
        }
        let actions = self.engine.handle(self.now(), batch);
        self.told(actions);
    }

    fn told(&mut self, actions: Vec<Action>) {
        let trouble = self.engine.trouble();
        if self.shell.trouble.replace(trouble) != trouble {
            self.shell.changes.send_modify(|count| *count += 1);
        }
        self.perform(actions);
    }

    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Vault(ticket, call) => {
                    let (told, inputs) = (call.send(&self.vault), self.inputs.clone());
                    spawn_local(async move {
                        match told.await {
                            // The engine ends with keyvault, and its successor asks anew.
                            Told::Lost(Failed::Gone) => {}
                            told => drop(inputs.send(Input::Vault(ticket, Box::new(told)))),
                        }
                    });
                }
                Action::Open { circuit, relay, isolation, lane } => {
                    self.open(circuit, Open { relay, isolation, lane });
                }
                Action::Close(id) => drop(self.circuits.borrow_mut().remove(&id)),
                Action::Mailbox { circuit: id, ticket, counter, auth, call } => {
                    self.command((id, ticket), (counter, auth), *call);
                }
                Action::Pick(ticket, avoid) => self.pick(ticket, avoid),
                Action::AddHints(hints) => {
                    if let Some(carrier) = self.shell.onion.present() {
                        // Only a help for the directory.
                        spawn_local(async move { ask(&carrier, &AddHints { hints }).await });
                    }
                }
                Action::Answer(request, answer) => {
                    if let Some(waiting) = self.shell.waiting.borrow_mut().remove(&request) {
                        let _ = waiting.send(answer.map(|reply| *reply));
                    }
                }
                Action::NameChanged(name) => {
                    if let Err(error) = self.decoy.set_profile_name(&name) {
                        eprintln!("the name is not kept everywhere yet, which the next unlock does: {error}");
                    }
                }
                Action::EventsGrew => self.shell.changes.send_modify(|count| *count += 1),
            }
        }
    }

    fn open(&self, id: CircuitId, call: Open) {
        let (carrier, inputs, circuits) =
            (self.shell.onion.present(), self.inputs.clone(), self.circuits.clone());
        spawn_local(async move {
            let opened = match &carrier {
                Some(carrier) => send(carrier, &call).await.ok().and_then(Result::ok),
                None => None,
            };
            let opened = opened.map(|Opened { circuit, binding, route }| {
                circuits.borrow_mut().insert(id, circuit);
                OpenedCircuit { binding, route }
            });
            let _ = inputs.send(Input::Opened(id, opened));
        });
    }

    /// Sends a command at once, so that commands keep their order.
    fn command(&self, (id, ticket): (CircuitId, Ticket), (counter, auth): (u64, Vec<u8>), call: MailboxCall) {
        let inputs = self.inputs.clone();
        let Some(circuit) = self.circuits.borrow().get(&id).cloned() else {
            let _ = inputs.send(Input::Mailbox(ticket, Came::Lost));
            let _ = inputs.send(Input::Closed(id));
            return;
        };
        let came = match call {
            MailboxCall::Create(receiver_key) => came(send(&circuit, &Create { receiver_key })).left_future(),
            MailboxCall::Give(command) => {
                let command = command.with_sink(|receive_queue| {
                    capnp_rpc::new_client(Sink { circuit: id, receive_queue, inputs: inputs.clone() })
                });
                came(send(&circuit, &Give { counter, auth, command })).right_future()
            }
        };
        spawn_local(async move {
            let came = came.await;
            let lost = came == Came::Lost;
            let _ = inputs.send(Input::Mailbox(ticket, came));
            if lost {
                let _ = inputs.send(Input::Closed(id));
            }
        });
    }

    fn pick(&self, ticket: Ticket, avoid: Vec<RelayId>) {
        let (carrier, inputs) = (self.shell.onion.present(), self.inputs.clone());
        spawn_local(async move {
            let call = PickMailboxes { count: 1, avoid };
            let relays = match &carrier {
                Some(carrier) => ask(carrier, &call).await.unwrap_or_default(),
                None => Vec::new(),
            };
            let relay = relays.first().copied().filter(|relay| !call.avoid.contains(relay));
            let _ = inputs.send(Input::Picked(ticket, relay));
        });
    }
}

/// What came of a command, whichever it was.
async fn came<T>(outcome: impl Future<Output = Result<Result<T, Refused>, Failed>>) -> Came
where
    Came: From<Result<T, Refused>>,
{
    outcome.await.map_or(Came::Lost, Came::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_keeps_coming_does_not_put_off_what_is_due() {
        let (inputs, mut waiting) = mpsc::unbounded_channel();
        for _ in 0..2 * BATCH_MAX {
            inputs.send(Input::OnionGone).unwrap();
        }
        for wait in [Duration::ZERO, SLEEP_MAX] {
            let batch = next_batch(&mut waiting, wait).await;
            assert_eq!(batch.len(), BATCH_MAX);
            let ticks = batch.iter().filter(|input| matches!(input, Input::Tick)).count();
            assert_eq!(ticks, usize::from(wait.is_zero()), "{wait:?}");
        }
    }
}
