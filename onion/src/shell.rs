//! The shell: the one place where the core meets clock, randomness, edges and the state file. It decides nothing.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::clock;
use ipc_schema::edge::stored_onion::OpenError;
use ipc_schema::edges::onion_netd_capnp::links;
use ipc_schema::edges::onion_stored_capnp::mailbox_disk;
use ipc_schema::grant::Settings;
use ipc_schema::rpc::Peer;
use ipc_schema::{Machine, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::callers::{Asked, CHUNKS_WAITING, Callers, Overrun, Pace};
use crate::core::{Ask, DialId, Input, NetworkState, OnionCore, OpenId, Opened, Output, Pushed, Target};
use crate::id::{CircuitHandle, LinkId, RelayId};
use crate::mailbox::{DiskRequest, Ticket};
use crate::path::Isolation;
use crate::peers::open_links::OpenLinks;
use crate::state::{StateError, StateFile};

/// The pulse of the core: time-outs, schedules, keys. Nothing on the way of a cell waits for it.
const TICK: Duration = Duration::from_secs(1);

/// The core and what it is joined to.
pub struct Shell {
    /// How the suite was started.
    pub settings: Settings,
    /// The clock.
    pub machine: Machine,
    /// netd.
    pub netd: Peer<links::Client>,
    /// The mailbox disk, at a relay.
    pub disk: Peer<mailbox_disk::Client>,
    /// Links that netd gave us.
    pub links: OpenLinks,
    core: RefCell<OnionCore>,
    callers: RefCell<Callers>,
    pulse: Cell<Duration>,
    errands: Errands,
    state: watch::Sender<NetworkState>,
    /// A person was told that this clock is wrong.
    warned: Cell<bool>,
    file: RefCell<Option<StateFile>>,
}

/// What waits for a task of its own.
struct Errands {
    dial: mpsc::UnboundedSender<(DialId, Target)>,
    ask_disk: mpsc::UnboundedSender<(Ticket, DiskRequest)>,
    release: mpsc::UnboundedSender<CircuitHandle>,
}

/// The other ends, each for the task that sees to it.
pub struct Wanted {
    /// What netd is to reach.
    pub dials: mpsc::UnboundedReceiver<(DialId, Target)>,
    /// What the mailbox disk is asked.
    pub of_disk: mpsc::UnboundedReceiver<(Ticket, DiskRequest)>,
    /// Circuits that callers let go of.
    pub releases: mpsc::UnboundedReceiver<CircuitHandle>,
}

fn errands() -> (Errands, Wanted) {
    let ((dial, dials), (ask_disk, of_disk)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let (release, releases) = mpsc::unbounded_channel();
    (Errands { dial, ask_disk, release }, Wanted { dials, of_disk, releases })
}

impl Shell {
    /// Joins a core to its state file, and says what is to be seen to.
    ///
    /// # Errors
    /// [`StateError::Unreadable`]: a relay's file that holds no keys. It must not become another relay by itself.
    /// [`StateError::Newer`], [`StateError::OtherNetwork`].
    pub fn new(
        settings: Settings,
        machine: Machine,
        file: Option<StateFile>,
        saved: &[u8],
    ) -> Result<(Rc<Self>, Wanted), StateError> {
        let (now, chance) = (machine.now(), machine.chance());
        let core = if settings.relay {
            OnionCore::relay(now, chance, settings.network_id, saved)?
        } else {
            OnionCore::client(now, chance, settings.network_id, saved)?
        };
        let (errands, wanted) = errands();
        let shell = Self {
            settings,
            machine,
            netd: Peer::new(),
            disk: Peer::new(),
            links: OpenLinks::default(),
            state: watch::Sender::new(core.state(now)),
            warned: Cell::new(false),
            core: RefCell::new(core),
            callers: RefCell::default(),
            pulse: Cell::new(TICK),
            errands,
            file: RefCell::new(file),
        };
        Ok((Rc::new(shell), wanted))
    }

    /// Ticks, and closes circuits that callers let go of. Never ends.
    pub async fn run(self: Rc<Self>, mut releases: mpsc::UnboundedReceiver<CircuitHandle>) {
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(next) => {
                    next = Instant::now() + self.pulse.get();
                    self.handle(Input::Tick);
                    self.tell_state();
                }
                circuit = releases.recv() => {
                    let Some(circuit) = circuit else { return };
                    self.handle(Input::Release(circuit));
                }
            }
        }
    }

    /// Tells the core what happened, and does what it says.
    pub fn handle(&self, input: Input<'_>) {
        let step = |input: Input<'_>| self.core.borrow_mut().handle(self.machine.now(), input);
        let mut outputs = VecDeque::from(step(input));
        while let Some(output) = outputs.pop_front() {
            if let Some(input) = self.carry_out(output) {
                outputs.extend(step(input));
            }
        }
    }

    /// Does one thing. What comes of it at once is for the core.
    fn carry_out(&self, output: Output) -> Option<Input<'static>> {
        match output {
            Output::Ready(link) => self.links.wake(link),
            // Whoever does not see to these any more has ended, and everything with it.
            Output::Dial(dial, target) => drop(self.errands.dial.send((dial, target))),
            Output::CloseLink(link) => drop(self.links.close(link)),
            Output::Opened(open, result) => return self.opened(open, result),
            Output::Answered(id, outcome) => self.callers.borrow_mut().answered(id, outcome),
            Output::Pushed(id, pushed) => match self.callers.borrow_mut().pushed(id, pushed) {
                Ok(Pace::Kept) => {}
                Ok(Pace::Behind) => return Some(Input::Behind(id, true)),
                Err(Overrun) => return Some(Input::Overrun(id)),
            },
            Output::Ended(id) => self.callers.borrow_mut().ended(id),
            Output::Closed(_) => self.tell_state(),
            Output::Disk(ticket, request) => drop(self.errands.ask_disk.send((ticket, request))),
            Output::Save(content) => self.save(&content),
        }
        None
    }

    /// From now on the core ticks so often: a simulation lets days pass.
    #[cfg(any(test, feature = "simulation"))]
    pub fn set_pulse(&self, every: Duration) {
        self.pulse.set(every);
    }

    /// From now on this relay's mailbox does that, or is honest again.
    #[cfg(any(test, feature = "simulation"))]
    pub fn lie(&self, lie: Option<crate::core::Lie>) {
        self.core.borrow_mut().lie(lie);
    }

    /// Up to `count` relays for a new queue's replicas, none of `avoid`.
    pub fn pick_mailboxes(&self, count: usize, avoid: &[RelayId]) -> Vec<RelayId> {
        self.core.borrow_mut().pick_mailboxes(self.machine.now(), count, avoid)
    }

    /// Looks at the core.
    pub fn look<T>(&self, at: impl FnOnce(&OnionCore, Timestamp) -> T) -> T {
        at(&self.core.borrow(), self.machine.now())
    }

    fn save(&self, content: &[u8]) {
        if let Some(file) = self.file.borrow_mut().as_mut()
            && let Err(error) = file.save(content)
        {
            // It goes on: what was saved before is still there, and a relay's sequence rises with the clock.
            eprintln!("{error}");
        }
    }

    /// What the state file held is lost, and a person goes on without.
    pub fn state_was_lost(&self) {
        self.core.borrow_mut().state_was_lost(self.machine.now());
    }

    /// Writes the state wherever the file holds none: from here on a file that holds none was lost, and one bad sector is not enough for
    /// that.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn save_twice(&self) -> Result<(), StateError> {
        let content = self.core.borrow().saved_state();
        let mut file = self.file.borrow_mut();
        let Some(file) = file.as_mut() else { return Ok(()) };
        for _ in 0..2 {
            if !file.is_twice() {
                file.save(&content)?;
            }
        }
        Ok(())
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
    pub async fn open(&self, isolation: Isolation) -> Result<Opened, OpenError> {
        let (open, told) = self.callers.borrow_mut().open();
        self.handle(Input::Open(open, isolation));
        told.await.unwrap_or(Err(OpenError::BuildFailed))
    }

    fn opened(&self, open: OpenId, result: Result<Opened, OpenError>) -> Option<Input<'static>> {
        let unheard = self.callers.borrow_mut().opened(open, result);
        self.tell_state();
        unheard.map(Input::Release)
    }

    /// Gives a command on an open circuit.
    pub fn ask(&self, circuit: CircuitHandle, ask: Ask) -> Asked {
        let (id, asked) = self.callers.borrow_mut().ask(ask.brings());
        self.handle(Input::Ask(id, circuit, ask));
        asked
    }

    /// The next of what a command brings. A relay that was held back for it goes on once its caller has caught up.
    pub async fn next_pushed(&self, asked: &mut Asked) -> Option<Pushed> {
        let pushed = asked.pushes.recv().await;
        if matches!(pushed, Some(Pushed::Chunk(_))) && asked.pushes.len() == CHUNKS_WAITING / 2 {
            self.caught_up(asked);
        }
        pushed
    }

    /// Its caller has taken what a command brought, or does not want it any more.
    pub fn caught_up(&self, asked: &Asked) {
        self.handle(Input::Behind(asked.id, false));
    }

    /// Gives a circuit back, from wherever: it is closed a moment later if nobody else holds it.
    pub fn release(&self, circuit: CircuitHandle) {
        // Fails only when the loop has ended, and everything with it.
        let _ = self.errands.release.send(circuit);
    }

    /// Cells of a link, to be sent.
    pub fn drain(&self, link: LinkId, max: usize) -> Vec<u8> {
        self.core.borrow_mut().drain(link, max)
    }

    /// A link is gone.
    pub fn link_down(&self, link: LinkId) {
        if self.links.close(link) {
            self.handle(Input::LinkDown(link));
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
        if let Some(warning) = clock::warning(self.machine.now(), state.clock)
            && !self.warned.replace(true)
        {
            eprintln!("{warning}");
        }
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
