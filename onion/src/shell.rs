//! The shell: the one place where the core meets clock, randomness, edges and the state file. It decides nothing.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use getrandom::SysRng;
use ipc_schema::Timestamp;
use ipc_schema::edges::onion_netd_capnp::links;
use ipc_schema::edges::onion_stored_capnp::mailbox_disk;
use ipc_schema::grant::Settings;
use ipc_schema::rpc::Peer;
use rand_core::UnwrapErr;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use crate::callers::{Asked, Callers};
use crate::core::{Ask, CoreOutput, NetworkState, OnionCore, OpenError, OpenId, Opened};
use crate::id::{CircuitHandle, LinkId};
use crate::path::Isolation;
use crate::peers::disk;
use crate::peers::netd::{self, Links};
use crate::state::{StateError, StateFile};

/// The source of randomness of this process.
pub type Random = UnwrapErr<SysRng>;

/// The pulse of the core: time-outs, schedules, keys. Nothing on the way of a cell waits for it.
const TICK: Duration = Duration::from_secs(1);

/// The core and what it is joined to.
pub struct Shell {
    /// How the suite was started.
    pub settings: Settings,
    /// netd.
    pub netd: Peer<links::Client>,
    /// The mailbox disk, at a relay.
    pub disk: Peer<mailbox_disk::Client>,
    /// Links that netd gave us.
    pub links: Links,
    core: RefCell<OnionCore>,
    callers: RefCell<Callers>,
    released: mpsc::UnboundedSender<CircuitHandle>,
    state: watch::Sender<NetworkState>,
    file: RefCell<Option<StateFile>>,
}

impl Shell {
    /// Joins a core to its state file and what it holds. The receiver is for [`Shell::run`].
    ///
    /// # Errors
    /// [`StateError::Unreadable`]: a relay's file that holds no keys. It must not become another relay by itself.
    pub fn new(
        settings: Settings,
        file: Option<StateFile>,
        saved: &[u8],
    ) -> Result<(Rc<Self>, mpsc::UnboundedReceiver<CircuitHandle>), StateError> {
        let now = Timestamp::now();
        let core = if settings.relay {
            OnionCore::relay(now, Box::new(random()), settings.network_id, saved)?
        } else {
            OnionCore::client(now, Box::new(random()), settings.network_id, saved)
        };
        let (released, given_back) = mpsc::unbounded_channel();
        let shell = Self {
            settings,
            netd: Peer::new(),
            disk: Peer::new(),
            links: Links::default(),
            state: watch::Sender::new(core.state(now)),
            core: RefCell::new(core),
            callers: RefCell::default(),
            released,
            file: RefCell::new(file),
        };
        Ok((Rc::new(shell), given_back))
    }

    /// Ticks, follows netd, and closes circuits that callers let go of. Never ends.
    pub async fn run(self: Rc<Self>, mut given_back: mpsc::UnboundedReceiver<CircuitHandle>) {
        spawn_local(netd::follow(self.clone()));
        if self.settings.relay {
            spawn_local(disk::follow(self.clone()));
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    self.with(OnionCore::tick);
                    self.tell_state();
                }
                circuit = given_back.recv() => {
                    let Some(circuit) = circuit else { return };
                    self.with(|core, now| core.release(now, circuit));
                }
            }
        }
    }

    /// One step of the core, and all that it leads to.
    pub fn with<T>(self: &Rc<Self>, step: impl FnOnce(&mut OnionCore, Timestamp) -> T) -> T {
        let result = self.step(step);
        self.carry_out();
        result
    }

    /// One step of the core alone: [`Self::carry_out`] is to follow.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut OnionCore, Timestamp) -> T) -> T {
        step(&mut self.core.borrow_mut(), Timestamp::now())
    }

    /// Looks at the core.
    pub fn look<T>(&self, at: impl FnOnce(&OnionCore, Timestamp) -> T) -> T {
        at(&self.core.borrow(), Timestamp::now())
    }

    /// Does what the core wants, until it wants nothing.
    pub(crate) fn carry_out(self: &Rc<Self>) {
        loop {
            // The borrow ends here: what follows may come back to the core.
            let output = self.core.borrow_mut().output();
            match output {
                None => return,
                Some(CoreOutput::Ready(link)) => self.links.wake(link),
                Some(CoreOutput::Dial(dial, target)) => {
                    spawn_local(netd::dial(self.clone(), dial, target));
                }
                Some(CoreOutput::CloseLink(link)) => {
                    self.links.close(link);
                }
                Some(CoreOutput::Opened(open, result)) => self.opened(open, result),
                Some(CoreOutput::Answered(id, outcome)) => self.callers.borrow_mut().answered(id, outcome),
                Some(CoreOutput::Pushed(id, waiting)) => {
                    if self.callers.borrow_mut().pushed(id, waiting).is_err() {
                        self.step(|core, now| core.overrun(now, id));
                    }
                }
                Some(CoreOutput::Ended(id)) => self.callers.borrow_mut().ended(id),
                Some(CoreOutput::Closed(_)) => self.tell_state(),
                Some(CoreOutput::Disk(ticket, request)) => {
                    spawn_local(disk::carry_out(self.clone(), ticket, request));
                }
                Some(CoreOutput::Save(content)) => self.save(&content),
            }
        }
    }

    fn save(&self, content: &[u8]) {
        if let Some(file) = self.file.borrow_mut().as_mut()
            && let Err(error) = file.save(content)
        {
            // It goes on: what was saved before is still there, and a relay's sequence rises with the clock.
            eprintln!("{error}");
        }
    }

    /// Writes the state a last time, before a stop.
    pub fn save_now(&self) {
        let content = self.core.borrow().saved_state();
        self.save(&content);
    }

    /// A circuit for those calls, waited for.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(self: &Rc<Self>, isolation: Isolation) -> Result<Opened, OpenError> {
        let (open, told) = self.callers.borrow_mut().open();
        self.with(|core, now| core.open(now, open, isolation));
        told.await.unwrap_or(Err(OpenError::BuildFailed))
    }

    fn opened(self: &Rc<Self>, open: OpenId, result: Result<Opened, OpenError>) {
        let unheard = self.callers.borrow_mut().opened(open, result);
        if let Some(circuit) = unheard {
            self.release(circuit);
        }
        self.tell_state();
    }

    /// Gives a command on an open circuit.
    pub fn ask(self: &Rc<Self>, circuit: CircuitHandle, ask: Ask) -> Asked {
        let (id, asked) = self.callers.borrow_mut().ask(ask.subscribes());
        self.with(|core, now| core.ask(now, id, circuit, ask));
        asked
    }

    /// Gives a circuit back, from wherever: it is closed a moment later if nobody else holds it.
    pub fn release(&self, circuit: CircuitHandle) {
        // Fails only when the loop has ended, and everything with it.
        let _ = self.released.send(circuit);
    }

    /// Cells of a link, to be sent.
    pub fn drain(&self, link: LinkId, max: usize) -> Vec<u8> {
        self.core.borrow_mut().drain(link, max)
    }

    /// A link is gone.
    pub fn link_down(self: &Rc<Self>, link: LinkId) {
        if self.links.close(link) {
            self.with(|core, now| core.link_down(now, link));
            self.tell_state();
        }
    }

    /// The network's state, now and as it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<NetworkState> {
        self.tell_state();
        self.state.subscribe()
    }

    fn tell_state(&self) {
        let state = self.look(OnionCore::state);
        self.state.send_if_modified(|told| {
            let changed = *told != state;
            *told = state;
            changed
        });
    }

    /// A moment's rest, where something is tried again.
    pub async fn pause(&self) {
        tokio::time::sleep(TICK).await;
    }
}

/// The kernel's randomness. It cannot fail on a system that runs this program.
#[must_use]
pub fn random() -> Random {
    UnwrapErr(SysRng)
}
