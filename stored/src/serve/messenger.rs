//! Conversations served to ui and local programs (edges/ui-stored.capnp).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::edge::ui_stored::{
    self, AcceptError, AcceptInvite, ActOnFile, AnswerIntroduction, AskInfo, AskSafetyNumber, CancelInvite,
    CancelText, ChangeContact, Closed, CompareCode, CompareShort, Contact, Contacts, Count, DecodePicture,
    DeleteText, DownloadFile, Draft, EditText, FileDownload, FileUpload, Files, ForwardText, Introduce,
    Invite, InviteError, Invites, LookState, MakeInvite, MarkRead, Messages, Messenger, PictureError,
    PictureUpload, React, ReadError, RetryText, Search, SearchError, SendFiles, SendText, SetProfileName,
    Settle, SettleError, ShortAction, ShortComparison, ShortError, ShortState, State, TakeFile, TellTyping,
    Watch,
};
use ipc_schema::edge::{Closer, Served};
use ipc_schema::edges::ui_stored_capnp::{picture_upload, watcher};
use ipc_schema::limits::{FILES_TOLD_MAX, PICTURE_SIDE_MAX, SEARCH_RESULTS_MAX};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, timeout_at};

use super::downloads::Download;
use super::driver::{Access, Shell};
use super::pictures;
use super::shown;
use super::uploads::Upload;
use crate::engine::{
    AcceptOf, Accepting, Asks, ComparisonWith, DraftOf, EventsAfter, FilesBefore, FirstMatches, FirstPage,
    InviteOf, MessageOf, NewestEvent, NextMatches, NextPage, PAGE, ProfileName, WritingAfter, settled,
};
use crate::store::{Delivery, InviteState};

/// How long `invite` and `accept` wait for a relay (command-line.md).
const PLACING: Duration = Duration::from_secs(60);

/// Texts that a search tells when no number is asked for.
const MATCHES: u32 = 50;
/// Files that are told when no number is asked for.
const FILES: u32 = 50;
/// Messages that one search looks at: some looks. Whoever asked goes on from there, or does not.
const EXAMINED_MAX: usize = 20_000;

/// Watchers of one connection: where one more is asked for the oldest is told nothing any more.
const WATCHERS_MAX: usize = 4;

/// One connection's view of the conversations.
pub(super) struct MessengerServer {
    shell: Rc<Shell>,
    /// A local program, not the window.
    outside: bool,
    closer: Closer,
    /// Who tells its watchers, the oldest first.
    telling: RefCell<VecDeque<AbortHandle>>,
}

impl MessengerServer {
    pub(super) fn new(shell: Rc<Shell>, outside: bool, closer: Closer) -> Self {
        Self { shell, outside, closer, telling: RefCell::default() }
    }

    /// What one watcher is told costs memory as long as it does not take it.
    fn watched(&self, telling: AbortHandle) {
        let mut all = self.telling.borrow_mut();
        all.retain(|one| !one.is_finished());
        all.push_back(telling);
        if all.len() > WATCHERS_MAX
            && let Some(oldest) = all.pop_front()
        {
            oldest.abort();
        }
    }

    async fn access(&self) -> Result<(), Closed> {
        if self.outside && !self.shell.headless {
            self.shell.look_at_scripts().await;
        }
        match self.shell.access.get() {
            Access::Locked => Err(Closed::Locked),
            // What the window shows is forgotten until the passphrase was given; programs go on.
            Access::Open { .. } if !self.outside && self.shell.screen_locked.get() => Err(Closed::Locked),
            Access::Open { scripts } if self.outside && !self.shell.headless && !scripts => {
                Err(Closed::ScriptsOff)
            }
            Access::Open { .. } => Ok(()),
        }
    }

    async fn ask<C: Asks>(&self, call: C) -> Result<C::Answer, C::Error> {
        self.access().await?;
        self.shell.ask(call).await
    }

    /// Makes an invite and waits until a relay holds it. One that finds no relay in time is taken back.
    async fn place(&self, call: MakeInvite) -> Result<Invite, InviteError> {
        let made = self.ask(call).await?;
        let until = Instant::now() + PLACING;
        let mut changes = self.shell.changes();
        loop {
            changes.mark_unchanged();
            // It was taken back: keyvault makes so many new contacts an hour and no more.
            let invite =
                self.ask(InviteOf { contact: made.contact }).await?.ok_or(InviteError::RateLimited)?;
            if invite.state != InviteState::Placing {
                return Ok(shown::invite(invite, &self.ask(Contacts {}).await?));
            }
            if timeout_at(until, changes.changed()).await.is_err() {
                let _ = self.ask(CancelInvite { id: shown::id(made.id.0) }).await;
                return Err(InviteError::Network);
            }
        }
    }

    /// Accepts a link and waits until the answer lies at a relay, or who is taken for its maker said whether they are.
    async fn answer_invite(&self, call: AcceptInvite) -> Result<Contact, AcceptError> {
        let link = call.link.clone();
        self.ask(call).await?;
        let until = Instant::now() + PLACING;
        let mut changes = self.shell.changes();
        loop {
            changes.mark_unchanged();
            let late = match self.ask(AcceptOf { link: link.clone() }).await? {
                Accepting::Done(contact) => return Ok(shown::contact(contact)),
                Accepting::UnderWay(_) | Accepting::Asking(_) => AcceptError::Waiting,
                Accepting::Reading(_) => AcceptError::Network,
                Accepting::Gone => return Err(AcceptError::LinkUsed),
            };
            if timeout_at(until, changes.changed()).await.is_err() {
                return Err(late);
            }
        }
    }

    async fn wait_for(&self, call: Settle) -> Result<Delivery, SettleError> {
        let until = Instant::now() + Duration::from_millis(u64::from(call.timeout_ms));
        let want = shown::wanted(call.want);
        let mut changes = self.shell.changes();
        loop {
            changes.mark_unchanged();
            let state = self.ask(MessageOf { id: call.id.clone() }).await?.state;
            if settled(state, want) || timeout_at(until, changes.changed()).await.is_err() {
                return Ok(state);
            }
        }
    }

    /// Does something about a comparison, and waits as long as the caller does for the other side.
    async fn compare(&self, call: CompareShort) -> Result<ShortComparison, ShortError> {
        let until = Instant::now() + Duration::from_millis(u64::from(call.wait_ms));
        let look = ComparisonWith { who: call.who.clone() };
        let mut changes = self.shell.changes();
        changes.mark_unchanged();
        let mut told = if call.action == ShortAction::Look {
            self.ask(look.clone()).await?
        } else {
            self.ask(call).await?
        };
        while told.state == ShortState::Waiting && timeout_at(until, changes.changed()).await.is_ok() {
            changes.mark_unchanged();
            told = self.ask(look.clone()).await?;
        }
        Ok(told)
    }

    async fn stream(&self, call: Messages) -> Served<Messages> {
        let place = match call.place() {
            Ok(place) => place,
            Err(error) => return Ok(Err(error)),
        };
        let Messages { who, limit, sink, .. } = call;
        let mut next = self.ask(FirstPage { who, limit, place }).await;
        loop {
            let page = match next {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            for message in page.messages {
                let mut request = sink.message_request();
                shown::message(message).write(request.get().init_message());
                request.send().await?;
            }
            let Some(from) = page.next else { return Ok(Ok(())) };
            let ask = NextPage { contact: page.contact, from, end: page.end };
            next = self.ask(ask).await.map_err(ReadError::Closed);
        }
    }

    /// Between two looks all else is served.
    async fn look_for(&self, call: Search) -> Served<Search> {
        let Search { text, who, limit, before, sink } = call;
        let limit = if limit == 0 { MATCHES } else { limit.min(SEARCH_RESULTS_MAX) };
        let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut examined = 0;
        let mut next = self.ask(FirstMatches { text, who, before, limit: left }).await;
        loop {
            let look = match next {
                Ok(look) => look,
                Err(error) => return Ok(Err(error)),
            };
            left = left.saturating_sub(look.messages.len());
            examined += look.examined;
            for message in look.messages {
                let mut request = sink.found_request();
                shown::found(message, &look.search.wanted).write(request.get().init_match());
                request.send().await?;
            }
            let Some(before) = look.next else { return Ok(Ok(String::new())) };
            if left == 0 || examined >= EXAMINED_MAX {
                return Ok(Ok(look.last));
            }
            let ask = NextMatches { search: look.search, before, limit: left };
            next = self.ask(ask).await.map_err(SearchError::Closed);
        }
    }

    /// Between two pages all else is served.
    async fn list_files(&self, call: Files) -> Served<Files> {
        let mut left = if call.limit == 0 { FILES } else { call.limit.min(FILES_TOLD_MAX) };
        let mut ask = FilesBefore::of(&call, left.min(PAGE));
        loop {
            let files = match self.ask(ask.clone()).await {
                Ok(files) => files,
                Err(error) => return Ok(Err(error)),
            };
            let Some(last) = files.last() else { return Ok(Ok(())) };
            ask.before.clone_from(&last.id);
            left = left.saturating_sub(u32::try_from(files.len()).unwrap_or(u32::MAX));
            for file in files {
                let mut request = call.sink.file_request();
                file.write(request.get().init_file());
                request.send().await?;
            }
            if left == 0 {
                return Ok(Ok(()));
            }
            ask.limit = left.min(PAGE);
        }
    }

    async fn decode(&self, call: DecodePicture) -> Result<picture_upload::Client, PictureError> {
        self.access().await?;
        let picture = self.shell.pictures.begin().await.map_err(|_| PictureError::Picture)?;
        let upload = pictures::Upload::new(picture, call.max_side.clamp(1, PICTURE_SIDE_MAX));
        Ok(upload.client(self.closer.clone()))
    }
}

/// Tells a watcher every event after `since`, and then each as it comes, until it goes away or the vault is locked; and who writes, as
/// that is now.
///
/// The window's ends with a screen lock: it asks again after the passphrase.
async fn tell(shell: Rc<Shell>, watcher: watcher::Client, mut since: u64, window: bool) {
    let mut changes = shell.changes();
    let mut written = None;
    loop {
        changes.mark_unchanged();
        if window && shell.screen_locked.get() {
            return;
        }
        let Ok(events) = shell.ask(EventsAfter { since }).await else { return };
        let Ok(writing) = shell.ask(WritingAfter { change: written }).await else { return };
        if events.is_empty() && writing.changes.is_empty() && changes.changed().await.is_err() {
            return;
        }
        written = Some(writing.newest);
        let mut news = Vec::new();
        for told in events {
            since = told.event.seq;
            news.extend(shown::event(told));
        }
        news.extend(writing.changes.into_iter().map(|change| shown::writing(change, since)));
        for event in news {
            let mut request = watcher.event_request();
            event.write(request.get().init_event());
            if request.send().await.is_err() {
                return;
            }
        }
    }
}

impl Messenger for MessengerServer {
    async fn state(self: Rc<Self>, _: LookState) -> Served<LookState> {
        let access = match self.access().await {
            Ok(()) => ui_stored::Access::Open,
            Err(Closed::ScriptsOff) => ui_stored::Access::ScriptsOff,
            Err(_) => ui_stored::Access::Locked,
        };
        Ok(Ok(State { access, profile_name: self.ask(ProfileName {}).await.unwrap_or_default() }))
    }

    async fn counts(self: Rc<Self>, call: Count) -> Served<Count> {
        // Figures only, so also for local programs that may not ask for more.
        let counts = self.shell.ask(call).await.unwrap_or_default();
        Ok(Ok(shown::counts(counts, self.shell.machine.now(), self.shell.history())))
    }

    async fn invite(self: Rc<Self>, call: MakeInvite) -> Served<MakeInvite> {
        Ok(self.place(call).await)
    }

    async fn invites(self: Rc<Self>, call: Invites) -> Served<Invites> {
        let (invites, contacts) = (self.ask(call).await, self.ask(Contacts {}).await);
        let shown = |(invites, contacts): (Vec<_>, Vec<_>)| {
            invites.into_iter().map(|invite| shown::invite(invite, &contacts)).collect()
        };
        Ok(invites.and_then(|invites| Ok((invites, contacts?))).map(shown))
    }

    async fn cancel_invite(self: Rc<Self>, call: CancelInvite) -> Served<CancelInvite> {
        Ok(self.ask(call).await)
    }

    async fn accept(self: Rc<Self>, call: AcceptInvite) -> Served<AcceptInvite> {
        Ok(self.answer_invite(call).await)
    }

    async fn contacts(self: Rc<Self>, call: Contacts) -> Served<Contacts> {
        Ok(self.ask(call).await.map(|contacts| contacts.into_iter().map(shown::contact).collect()))
    }

    async fn contact(self: Rc<Self>, call: ChangeContact) -> Served<ChangeContact> {
        Ok(self.ask(call).await.map(shown::contact))
    }

    async fn send(self: Rc<Self>, call: SendText) -> Served<SendText> {
        Ok(self.ask(call).await.map(shown::message))
    }

    async fn settled(self: Rc<Self>, call: Settle) -> Served<Settle> {
        Ok(self.wait_for(call).await.map(shown::delivery))
    }

    async fn messages(self: Rc<Self>, call: Messages) -> Served<Messages> {
        self.stream(call).await
    }

    async fn watch(self: Rc<Self>, call: Watch) -> Served<Watch> {
        let newest = self.ask(NewestEvent {}).await;
        if let Ok(newest) = newest {
            let tells = tell(self.shell.clone(), call.watcher, call.since.min(newest), !self.outside);
            self.watched(spawn_local(tells).abort_handle());
        }
        Ok(newest)
    }

    async fn set_profile_name(self: Rc<Self>, call: SetProfileName) -> Served<SetProfileName> {
        Ok(self.ask(call).await)
    }

    async fn mark_read(self: Rc<Self>, call: MarkRead) -> Served<MarkRead> {
        Ok(self.ask(call).await)
    }

    async fn safety_number(self: Rc<Self>, call: AskSafetyNumber) -> Served<AskSafetyNumber> {
        Ok(self.ask(call).await)
    }

    async fn picture(self: Rc<Self>, call: DecodePicture) -> Served<DecodePicture> {
        Ok(self.decode(call).await)
    }

    async fn compare_code(self: Rc<Self>, call: CompareCode) -> Served<CompareCode> {
        Ok(self.ask(call).await.map(shown::comparison))
    }

    async fn edit(self: Rc<Self>, call: EditText) -> Served<EditText> {
        Ok(self.ask(call).await.map(shown::message))
    }

    async fn delete(self: Rc<Self>, call: DeleteText) -> Served<DeleteText> {
        Ok(self.ask(call).await)
    }

    async fn react(self: Rc<Self>, call: React) -> Served<React> {
        Ok(self.ask(call).await.map(shown::message))
    }

    async fn draft(self: Rc<Self>, call: Draft) -> Served<Draft> {
        // As a question it is answered also where nothing can be kept.
        Ok(if call.set { self.ask(call).await } else { self.ask(DraftOf { who: call.who }).await })
    }

    async fn search(self: Rc<Self>, call: Search) -> Served<Search> {
        self.look_for(call).await
    }
    async fn info(self: Rc<Self>, call: AskInfo) -> Served<AskInfo> {
        Ok(self.ask(call).await.map(shown::info))
    }

    async fn retry(self: Rc<Self>, call: RetryText) -> Served<RetryText> {
        Ok(self.ask(call).await.map(shown::message))
    }

    async fn cancel(self: Rc<Self>, call: CancelText) -> Served<CancelText> {
        Ok(self.ask(call).await)
    }

    async fn forward(self: Rc<Self>, call: ForwardText) -> Served<ForwardText> {
        Ok(self.ask(call).await.map(shown::message))
    }

    async fn typing(self: Rc<Self>, call: TellTyping) -> Served<TellTyping> {
        Ok(self.ask(call).await)
    }

    async fn introduce(self: Rc<Self>, call: Introduce) -> Served<Introduce> {
        Ok(self.ask(call).await)
    }

    async fn answer_introduction(self: Rc<Self>, call: AnswerIntroduction) -> Served<AnswerIntroduction> {
        Ok(self.ask(call).await)
    }

    async fn compare_short(self: Rc<Self>, call: CompareShort) -> Served<CompareShort> {
        Ok(self.compare(call).await)
    }

    async fn upload(self: Rc<Self>, call: TakeFile) -> Served<TakeFile> {
        Ok(match self.access().await {
            Ok(()) => {
                Upload::begin(self.shell.clone(), call).await.map(|job| job.client(self.closer.clone()))
            }
            Err(closed) => Err(closed.into()),
        })
    }

    async fn send_files(self: Rc<Self>, call: SendFiles) -> Served<SendFiles> {
        Ok(self.ask(call).await.map(shown::message))
    }

    async fn files(self: Rc<Self>, call: Files) -> Served<Files> {
        self.list_files(call).await
    }

    async fn file(self: Rc<Self>, call: ActOnFile) -> Served<ActOnFile> {
        Ok(self.ask(call).await)
    }

    async fn download(self: Rc<Self>, call: DownloadFile) -> Served<DownloadFile> {
        Ok(match self.access().await {
            Ok(()) => {
                Download::begin(self.shell.clone(), call).await.map(|job| job.client(self.closer.clone()))
            }
            Err(closed) => Err(closed.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ipc_schema::edge::{Failed, offer, send};
    use ipc_schema::edges::ui_stored_capnp::messenger;
    use ipc_schema::ends::EdgeEnds;
    use ipc_schema::limits::TYPED_MAX_BYTES;

    use super::*;

    struct Deaf;

    impl watcher::Server for Deaf {}

    #[test]
    fn a_slip_is_told_and_only_what_nobody_types_closes_the_edge() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let (ours, theirs) = EdgeEnds::pipes().unwrap();
            let shell = Rc::new(Shell::new(PathBuf::new(), true, crate::serve::machine()));
            MessengerServer::serve_closing(theirs, |closer| MessengerServer::new(shell, true, closer))
                .unwrap();
            let (client, _connection) = ipc_schema::rpc::connect::<messenger::Client>(ours).unwrap();
            let named = |length| MakeInvite { name: "x".repeat(length) };
            let locked = Ok(Err(InviteError::Closed(Closed::Locked)));
            assert_eq!(send(&client, &named(TYPED_MAX_BYTES)).await, locked);
            assert!(offer(&client, &named(TYPED_MAX_BYTES + 1)).is_err(), "it is not even sent");
            assert_eq!(offer(&client, &named(1)).unwrap().await, locked);
            let watch = Watch { watcher: capnp_rpc::new_client(Deaf), since: 0 };
            assert_eq!(offer(&client, &watch).unwrap().await, Ok(Err(Closed::Locked)));
            assert!(send(&client, &named(TYPED_MAX_BYTES + 1)).await.is_err());
            assert_eq!(send(&client, &named(1)).await, Err(Failed::Gone));
        });
    }
}
