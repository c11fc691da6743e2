//! The other processes, on a thread that is started after the seal; the first thread is the window's.

mod introductions;
mod messages;
mod short;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ipc_schema::child::{Child, Exit};
use ipc_schema::edge::Call;
use ipc_schema::edge::ui_keyvault::{Create, Lock, LookState, ScreenLock, TryUnlock};
use ipc_schema::edge::ui_stored::{
    AcceptInvite, Access, AskSafetyNumber, CancelInvite, ChangeContact, CompareCode, ContactAction, Contacts,
    Count, Invites, LookState as LookStored, MakeInvite, MarkRead, Place, Refusal, SendText, SetProfileName,
    State, TellTyping,
};
use ipc_schema::edges::{ui_keyvault_capnp::unlock, ui_stored_capnp::messenger};
use ipc_schema::limits::LINK_MAX_CHARS;
use ipc_schema::rpc::Peer;
use privatus::peers::messenger::{FROM_NOW, Messenger};
use privatus::peers::{self, PeerError};
use tokio::sync::{mpsc, oneshot, watch};

mod drafts;

use self::drafts::Drafts;
use crate::model::chat::PAGE;
use crate::model::entry::Problem;
use crate::model::search::MATCHES;
use crate::model::{Command, News};

/// How often stored is asked whether it is open, while it is not.
const ASK_ACCESS_EVERY: Duration = Duration::from_millis(200);

/// And while its history cannot be read.
const ASK_HISTORY_EVERY: Duration = Duration::from_secs(2);

/// How often the counts, and with them the age of the last proof, are asked for.
const COUNTS_EVERY: Duration = Duration::from_secs(10);

/// Pause before a text is offered again to a stored that is being restarted.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// Events on their way from stored at a time.
const UNDERWAY: usize = 64;

/// The window's ends of what joins it to its worker.
#[derive(Debug)]
pub struct Wires {
    /// What the other processes tell.
    pub news: Receiver<News>,
    /// What the person asks for.
    pub commands: mpsc::UnboundedSender<Command>,
    /// Dropped when the window is gone.
    pub closed: oneshot::Sender<()>,
    /// The file that says where the window stood, or none: it is granted after the seal.
    pub kept: Receiver<Option<File>>,
}

/// The worker's ends.
#[derive(Debug)]
pub struct WorkerWires {
    tell: Tell,
    asked: mpsc::UnboundedReceiver<Command>,
    window_closed: oneshot::Receiver<()>,
    kept: Sender<Option<File>>,
}

impl Wires {
    /// Both sides.
    #[must_use]
    pub fn new() -> (Self, WorkerWires) {
        let (commands, asked) = mpsc::unbounded_channel();
        let (tell, news) = channel();
        let (closed, window_closed) = oneshot::channel();
        let (keep, kept) = channel();
        let worker = WorkerWires { tell: Tell(tell), asked, window_closed, kept: keep };
        (Self { news, commands, closed, kept }, worker)
    }
}

/// The edges' side of the process, until the window is closed or the supervisor asks.
pub async fn run(mut child: Child, wires: WorkerWires) -> Exit {
    child.started();
    let WorkerWires { tell, asked, mut window_closed, kept } = wires;
    // A window that is closed stands nowhere.
    let _ = kept.send(child.files.remove("state").map(File::from));
    if child.settings.without_walls {
        tell.news(News::WithoutWalls);
    }
    if let Some(link) = child.files.remove("offer").and_then(offer) {
        tell.news(News::Offer(link));
    }
    let worker = Rc::new(Worker::new(tell));
    tokio::task::spawn_local(worker.clone().follow_vault());
    tokio::task::spawn_local(worker.clone().follow_history());
    tokio::task::spawn_local(worker.clone().keep_drafts());
    let obeying = tokio::task::spawn_local(worker.clone().obey(asked));
    let exit = tokio::select! {
        exit = worker.edges(&child) => exit,
        _ = &mut window_closed => Exit::Done,
    };
    // The window gives what was being written before it is gone.
    worker.tell.news(News::Stop);
    let last = async {
        let _ = obeying.await;
        worker.drafts.settled().await;
    };
    let _ = tokio::time::timeout(drafts::WAIT_MAX, last).await;
    exit
}

/// The link that whoever set this profile up left for the first run; anything that is not one is as good as none.
fn offer(file: OwnedFd) -> Option<String> {
    let mut text = String::new();
    let most = u64::try_from(LINK_MAX_CHARS).unwrap_or(u64::MAX);
    File::from(file).take(most + 1).read_to_string(&mut text).ok()?;
    let link = text.trim();
    (!link.is_empty()).then(|| link.to_owned())
}

/// News for the window's thread. However the worker ends, the window does too.
#[derive(Debug)]
struct Tell(Sender<News>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.news(News::Stop);
    }
}

impl Tell {
    fn news(&self, news: News) {
        // A window that is closed needs no news.
        if self.0.send(news).is_ok() {
            fltk::app::awake();
        }
    }
}

/// A command is over when its peer answered; one whose answer was lost is repeated if it may be.
struct Worker {
    tell: Tell,
    vault: Peer<unlock::Client>,
    history: Peer<messenger::Client>,
    /// The passphrase was given to this window: before that, and while the screen is locked, nothing is asked of stored.
    shows: watch::Sender<bool>,
    /// stored told events up to here.
    seen: Cell<u64>,
    /// Texts leave in the order in which they were written.
    sending: RefCell<mpsc::UnboundedSender<SendText>>,
    to_send: RefCell<Option<mpsc::UnboundedReceiver<SendText>>>,
    /// What is being written, on its way to stored.
    drafts: Drafts,
}

impl Worker {
    fn new(tell: Tell) -> Self {
        let (sending, to_send) = mpsc::unbounded_channel();
        Self {
            tell,
            vault: Peer::new(),
            history: Peer::new(),
            shows: watch::Sender::new(false),
            seen: Cell::new(FROM_NOW),
            sending: RefCell::new(sending),
            to_send: RefCell::new(Some(to_send)),
            drafts: Drafts::default(),
        }
    }

    async fn edges(&self, child: &Child) -> Exit {
        loop {
            match child.next_edge().await {
                Ok(Some(edge)) => {
                    let connected = match edge.name.as_str() {
                        "ui-keyvault" => self.vault.connected(edge.ends),
                        "ui-stored" => self.history.connected(edge.ends),
                        _ => Ok(()),
                    };
                    if connected.is_err() {
                        return Exit::Fault;
                    }
                }
                Ok(None) => return Exit::Done,
                Err(_) => return Exit::Fault,
            }
        }
    }

    async fn follow_vault(self: Rc<Self>) {
        loop {
            let unlock = self.vault.client().await;
            let generation = self.vault.generation();
            if let Ok(state) = peers::ask(unlock, LookState {}).await {
                let locked = state.locked || state.screen_locked;
                self.shows.send_replace(!locked);
                self.tell.news(News::Vault { locked, state: state.vault });
            }
            self.vault.gone(generation).await;
            self.tell.news(News::VaultLost);
        }
    }

    async fn follow_history(self: Rc<Self>) {
        let to_send = self.to_send.take();
        if let Some(texts) = to_send {
            tokio::task::spawn_local(self.clone().send_all(texts));
        }
        let mut shows = self.shows.subscribe();
        loop {
            // The sender is this worker's own.
            let _ = shows.wait_for(|shows| *shows).await;
            let messenger = Messenger::new(self.history.client().await);
            let mut wait = ASK_ACCESS_EVERY;
            tokio::select! {
                open = self.while_open(&messenger) => match open {
                    Err(PeerError::Lost) => self.tell.news(News::HistoryLost),
                    Err(PeerError::Refused(_)) => wait = ASK_HISTORY_EVERY,
                    Err(PeerError::Misbehaved) | Ok(()) => {}
                },
                _ = shows.wait_for(|shows| !shows) => {}
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Asks for the whole view once stored is open, then follows it until the edge breaks.
    async fn while_open(&self, messenger: &Messenger) -> Result<(), PeerError> {
        let State { access, profile_name } = messenger.call(LookStored {}).await?;
        if access != Access::Open {
            return Ok(());
        }
        // Where nothing can be read this says why.
        self.tell.news(News::Counts(messenger.call(Count {}).await?));
        let (events, mut changes) = mpsc::channel(UNDERWAY);
        // Changes first, then the whole: so nothing falls between the two.
        let newest = messenger.watch(self.seen.get(), events).await?;
        if self.seen.get() == FROM_NOW {
            self.seen.set(newest);
        }
        self.tell.news(News::Access(access, profile_name));
        self.tell.news(News::Invites(messenger.call(Invites {}).await?));
        self.tell.news(News::People(messenger.call(Contacts {}).await?));
        let mut counts = tokio::time::interval(COUNTS_EVERY);
        loop {
            tokio::select! {
                change = changes.recv() => {
                    let Some(event) = change else { return Err(PeerError::Lost) };
                    self.seen.set(event.seq);
                    self.tell.news(News::Changed(event.at, event.change));
                }
                _ = counts.tick() => self.tell.news(News::Counts(messenger.call(Count {}).await?)),
            }
        }
    }

    /// Texts are offered until stored takes or refuses them: the id makes a repeat harmless.
    async fn send_all(self: Rc<Self>, mut texts: mpsc::UnboundedReceiver<SendText>) {
        while let Some(text) = texts.recv().await {
            let result = loop {
                let messenger = Messenger::new(self.history.client().await);
                match messenger.call(text.clone()).await {
                    Err(PeerError::Lost) => tokio::time::sleep(RETRY_EVERY).await,
                    other => break other,
                }
            };
            self.tell.news(News::Sent { who: text.who, id: text.id, result });
        }
    }

    /// Until the window is gone.
    async fn obey(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>) {
        while let Some(command) = commands.recv().await {
            match command {
                // Whatever is asked for later may wait for it.
                Command::KeepDraft { who, text } => self.drafts.put(who, text),
                // What takes long must not keep the next one waiting.
                other => drop(tokio::task::spawn_local(self.clone().one(other))),
            }
        }
    }

    /// The contact comes anew with the next change.
    async fn mark(&self, who: String, action: ContactAction) {
        let answer = self.messenger().await.call(ChangeContact { who, action }).await;
        self.failed(answer.map(drop));
    }

    async fn one(self: Rc<Self>, command: Command) {
        match command {
            Command::Create(passphrase) => self.passphrase(Create { passphrase }).await,
            Command::Unlock(passphrase) => self.passphrase(TryUnlock { passphrase }).await,
            Command::ScreenLock => self.screen_lock().await,
            Command::Lock => self.lock().await,
            Command::Messages { who, place } => self.page(who, place).await,
            Command::Send { who, id, text, reply_to } => {
                drop(self.sending.borrow().send(SendText { who, id, text, reply_to }));
            }
            Command::Invite(name) => {
                let result = self.messenger().await.call(MakeInvite { name }).await;
                self.people().await;
                self.tell.news(News::Invited(result));
            }
            Command::Invites => self.people().await,
            Command::CancelInvite(id) => {
                let cancelled = self.messenger().await.call(CancelInvite { id }).await;
                self.failed(cancelled);
                self.people().await;
            }
            Command::Accept { link, name } => {
                let result = self.messenger().await.call(AcceptInvite { link, name }).await;
                self.tell.news(News::Accepted(result));
            }
            Command::SetName(name) => self.set_name(SetProfileName { name }).await,
            Command::MarkRead { who, up_to } => {
                self.failed(self.messenger().await.call(MarkRead { who, up_to }).await);
            }
            Command::SafetyNumber { who } => {
                let result = self.messenger().await.call(AskSafetyNumber { who: who.clone() }).await;
                self.tell.news(News::SafetyNumber { who, result });
            }
            Command::Verify { who, digits } => self.mark(who, ContactAction::Verify(digits)).await,
            Command::Resume { who } => self.mark(who, ContactAction::Resume).await,
            Command::Contact { who, action } => self.change_contact(who, action).await,
            Command::Introduce { who, other } => self.introduce(who, other).await,
            Command::InviteStates => self.invite_states().await,
            Command::CompareCode { who, code } => {
                let result = self.messenger().await.call(CompareCode { who: who.clone(), code }).await;
                self.tell.news(News::Compared { who, result });
            }
            Command::Short { who, action } => self.short(who, action).await,
            Command::Message(command) => self.with_message(command).await,
            Command::Draft { who } => self.draft(who).await,
            // It may be lost without harm.
            Command::Writing { who, on } => drop(self.messenger().await.call(TellTyping { who, on }).await),
            Command::Search { looked, text, who, before } => {
                let result = self.messenger().await.search(&text, &who, MATCHES, &before).await;
                self.tell.news(News::Found { looked, result });
            }
            Command::Copy(_) | Command::Uncopy(_) | Command::Quit | Command::KeepDraft { .. } => {}
        }
    }

    async fn passphrase<C>(&self, call: C)
    where
        C: Call<Client = unlock::Client, Answer = (), Error: Into<Problem>>,
    {
        let tried = match peers::send(self.vault.client().await, call).await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(error) => Err(error.into()),
        };
        if tried.is_ok() {
            self.shows.send_replace(true);
        }
        self.tell.news(News::Passphrase(tried));
    }

    /// keyvault keeps the lock, so that a window that is started anew shows nothing either. Locking again is harmless, and a keyvault
    /// that was restarted is locked.
    async fn screen_lock(&self) {
        self.shows.send_replace(false);
        self.drafts.settled_soon().await;
        while peers::ask(self.vault.client().await, ScreenLock {}).await == Err(PeerError::Lost) {
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    /// stored can keep nothing afterwards.
    async fn lock(&self) {
        self.drafts.settled_soon().await;
        self.failed(peers::ask(self.vault.client().await, Lock {}).await);
    }

    async fn messenger(&self) -> Messenger {
        Messenger::new(self.history.client().await)
    }

    fn failed(&self, result: Result<(), PeerError>) {
        if let Err(error) = result
            && error != PeerError::Lost
        {
            self.tell.news(News::Failed(error));
        }
    }

    /// stored is open only a moment after a new vault: the name waits for it.
    async fn set_name(&self, call: SetProfileName) {
        let mut result = self.messenger().await.call(call.clone()).await;
        for _ in 0..100 {
            if !matches!(result, Err(PeerError::Lost | PeerError::Refused(Refusal::Locked))) {
                break;
            }
            tokio::time::sleep(ASK_ACCESS_EVERY).await;
            result = self.messenger().await.call(call.clone()).await;
        }
        self.tell.news(News::Named { name: call.name, result });
    }

    async fn change_contact(&self, who: String, action: ContactAction) {
        let call = ChangeContact { who: who.clone(), action: action.clone() };
        let result = self.messenger().await.call(call).await;
        self.tell.news(News::ContactDone { who, action, result });
    }

    async fn invite_states(&self) {
        if let Ok(invites) = self.messenger().await.call(Invites {}).await {
            self.tell.news(News::Invites(invites));
        }
    }

    async fn people(&self) {
        self.invite_states().await;
        if let Ok(people) = self.messenger().await.call(Contacts {}).await {
            self.tell.news(News::People(people));
        }
    }

    async fn page(&self, who: String, place: Place) {
        let result = self.messenger().await.messages(&who, PAGE, place.clone()).await;
        self.tell.news(News::Messages { who, place, result });
    }
}
