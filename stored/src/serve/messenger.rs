//! Conversations served to ui and local programs (edges/ui-stored.capnp).

use std::rc::Rc;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ask;
use ipc_schema::edge::stored_mediad::Begin;
use ipc_schema::edge::ui_stored::{
    AcceptError, AcceptInvite, AskSafetyNumber, CancelInvite, ChangeContact, Closed, CompareCode, Contacts,
    Count, InviteError, Invites, MakeInvite, MarkRead, PictureError, ReadError, SafetyNumber, SendText,
    SetProfileName, SettleError,
};
use ipc_schema::edges::ui_stored_capnp::{self as edge, message_sink, messenger, watcher};
use ipc_schema::limits::PICTURE_SIDE_MAX;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use super::driver::{Access, Shell};
use super::pictures::Upload;
use super::{report, shown};
use crate::engine::{
    AcceptOf, Accepting, Asks, EventsAfter, FirstPage, InviteOf, MessageOf, NewestEvent, NextPage,
    ProfileName, settled,
};
use crate::ids::ContactId;
use crate::store::{Contact, Delivery, Invite, InviteState};

type Done = Result<(), capnp::Error>;

/// How long `invite` and `accept` wait for a relay (command-line.md).
const PLACING: Duration = Duration::from_secs(60);

/// One connection's view of the conversations.
pub(super) struct MessengerServer {
    shell: Rc<Shell>,
    /// A local program, not the window.
    outside: bool,
}

impl MessengerServer {
    pub(super) fn new(shell: Rc<Shell>, outside: bool) -> Self {
        Self { shell, outside }
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
    async fn place(&self, name: String) -> Result<(Invite, String), InviteError> {
        let made = self.ask(MakeInvite { name }).await?;
        let until = Instant::now() + PLACING;
        let mut changes = self.shell.changes();
        loop {
            changes.mark_unchanged();
            // It was taken back: keyvault makes so many new contacts an hour and no more.
            let invite =
                self.ask(InviteOf { contact: made.contact }).await?.ok_or(InviteError::RateLimited)?;
            if invite.state != InviteState::Placing {
                let name = self.name_of(invite.contact).await?;
                return Ok((invite, name));
            }
            if timeout_at(until, changes.changed()).await.is_err() {
                let _ = self.ask(CancelInvite { id: shown::id(made.id.0) }).await;
                return Err(InviteError::Network);
            }
        }
    }

    async fn name_of(&self, contact: ContactId) -> Result<String, Closed> {
        let contacts = self.ask(Contacts {}).await?;
        Ok(contacts.into_iter().find(|known| known.id == contact).map(|known| known.name).unwrap_or_default())
    }

    /// Accepts a link and waits until the answer lies at a relay.
    async fn answer_invite(&self, link: String, name: String) -> Result<Contact, AcceptError> {
        let contact = self.ask(AcceptInvite { link, name }).await?.id;
        let until = Instant::now() + PLACING;
        let mut changes = self.shell.changes();
        loop {
            changes.mark_unchanged();
            let late = match self.ask(AcceptOf { contact }).await? {
                Accepting::Done(contact) => return Ok(contact),
                Accepting::UnderWay(_) => AcceptError::Waiting,
                Accepting::Reading(_) => AcceptError::Network,
                Accepting::Gone => return Err(AcceptError::LinkUsed),
            };
            if timeout_at(until, changes.changed()).await.is_err() {
                return Err(late);
            }
        }
    }

    async fn wait_for(&self, id: String, want: Delivery, within: Duration) -> Result<Delivery, SettleError> {
        let until = Instant::now() + within;
        let mut changes = self.shell.changes();
        loop {
            changes.mark_unchanged();
            let state = self.ask(MessageOf { id: id.clone() }).await?.state;
            if settled(state, want) || timeout_at(until, changes.changed()).await.is_err() {
                return Ok(state);
            }
        }
    }

    async fn stream(
        &self,
        (who, limit, before): (String, u32, String),
        sink: &message_sink::Client,
    ) -> Result<Result<(), ReadError>, capnp::Error> {
        let mut next = self.ask(FirstPage { who, limit, before }).await;
        loop {
            let page = match next {
                Ok(page) => page,
                Err(refusal) => return Ok(Err(refusal)),
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
}

/// Tells a watcher every event after `since`, and then each as it comes, until it goes away or the vault is locked.
///
/// The window's ends with a screen lock: it asks again after the passphrase.
async fn tell(shell: Rc<Shell>, watcher: watcher::Client, mut since: u64, window: bool) {
    let mut changes = shell.changes();
    loop {
        changes.mark_unchanged();
        if window && shell.screen_locked.get() {
            return;
        }
        let Ok(events) = shell.ask(EventsAfter { since }).await else { return };
        if events.is_empty() && changes.changed().await.is_err() {
            return;
        }
        for told in events {
            since = told.event.seq;
            let Some(event) = shown::event(told) else { continue };
            let mut request = watcher.event_request();
            event.write(request.get().init_event());
            if request.send().await.is_err() {
                return;
            }
        }
    }
}

fn text(text: capnp::text::Reader<'_>) -> Result<String, capnp::Error> {
    // Free text never crosses an edge: what is not UTF-8 ends the call, and says no more.
    Ok(text.to_str().map_err(|_| capnp::Error::failed(String::new()))?.to_owned())
}

impl messenger::Server for MessengerServer {
    async fn state(self: Rc<Self>, _: messenger::StateParams, mut results: messenger::StateResults) -> Done {
        let access = match self.access().await {
            Ok(()) => edge::Access::Open,
            Err(Closed::ScriptsOff) => edge::Access::ScriptsOff,
            Err(Closed::Locked | Closed::Storage) => edge::Access::Locked,
        };
        results.get().set_access(access);
        if let Ok(name) = self.ask(ProfileName {}).await {
            results.get().set_profile_name(&name);
        }
        Ok(())
    }

    async fn counts(
        self: Rc<Self>,
        _: messenger::CountsParams,
        mut results: messenger::CountsResults,
    ) -> Done {
        // Figures only, so also for local programs that may not ask for more.
        let counts = self.shell.ask(Count {}).await.unwrap_or_default();
        report::counts(results.get().init_counts(), counts, Timestamp::now());
        Ok(())
    }

    async fn invite(
        self: Rc<Self>,
        params: messenger::InviteParams,
        mut results: messenger::InviteResults,
    ) -> Done {
        let placed = self.place(text(params.get()?.get_name()?)?).await;
        let mut result = results.get().init_result();
        match placed {
            Ok((invite, name)) => report::invite(result.init_invite(), &invite, &name),
            Err(refusal) => result.set_error(refusal.into()),
        }
        Ok(())
    }

    async fn invites(
        self: Rc<Self>,
        _: messenger::InvitesParams,
        mut results: messenger::InvitesResults,
    ) -> Done {
        let invites = self.ask(Invites {}).await;
        let contacts = self.ask(Contacts {}).await;
        results.get().set_error(report::outcome(&invites));
        if let (Ok(invites), Ok(contacts)) = (invites, contacts) {
            let mut list = results.get().init_invites(u32::try_from(invites.len()).unwrap_or(0));
            for (at, invite) in (0..list.len()).zip(&invites) {
                let contact = contacts.iter().find(|contact| contact.id == invite.contact);
                report::invite(list.reborrow().get(at), invite, contact.map_or("", |contact| &contact.name));
            }
        }
        Ok(())
    }

    async fn cancel_invite(
        self: Rc<Self>,
        params: messenger::CancelInviteParams,
        mut results: messenger::CancelInviteResults,
    ) -> Done {
        let answer = self.ask(CancelInvite { id: text(params.get()?.get_id()?)? }).await;
        results.get().set_error(report::outcome(&answer));
        Ok(())
    }

    async fn accept(
        self: Rc<Self>,
        params: messenger::AcceptParams,
        mut results: messenger::AcceptResults,
    ) -> Done {
        let params = params.get()?;
        let accepted = self.answer_invite(text(params.get_link()?)?, text(params.get_name()?)?).await;
        let mut result = results.get().init_result();
        match accepted {
            Ok(contact) => report::contact(result.init_contact(), &contact),
            Err(refusal) => result.set_error(refusal.into()),
        }
        Ok(())
    }

    async fn contacts(
        self: Rc<Self>,
        _: messenger::ContactsParams,
        mut results: messenger::ContactsResults,
    ) -> Done {
        let answer = self.ask(Contacts {}).await;
        results.get().set_error(report::outcome(&answer));
        if let Ok(contacts) = answer {
            let mut list = results.get().init_contacts(u32::try_from(contacts.len()).unwrap_or(0));
            for (at, contact) in (0..list.len()).zip(&contacts) {
                report::contact(list.reborrow().get(at), contact);
            }
        }
        Ok(())
    }

    async fn contact(
        self: Rc<Self>,
        params: messenger::ContactParams,
        mut results: messenger::ContactResults,
    ) -> Done {
        let params = params.get()?;
        let request =
            ChangeContact { who: text(params.get_who()?)?, action: report::action(params.get_action()?)? };
        let answer = self.ask(request).await;
        results.get().set_error(report::outcome(&answer));
        if let Ok(contact) = answer {
            report::contact(results.get().init_contact(), &contact);
        }
        Ok(())
    }

    async fn send(
        self: Rc<Self>,
        params: messenger::SendParams,
        mut results: messenger::SendResults,
    ) -> Done {
        let params = params.get()?;
        let request = SendText {
            who: text(params.get_who()?)?,
            id: text(params.get_id()?)?,
            text: text(params.get_text()?)?,
            reply_to: text(params.get_reply_to()?)?,
        };
        let answer = self.ask(request).await;
        let mut result = results.get().init_result();
        match answer {
            Ok(message) => shown::message(message).write(result.init_message()),
            Err(refusal) => result.set_error(refusal.into()),
        }
        Ok(())
    }

    async fn settled(
        self: Rc<Self>,
        params: messenger::SettledParams,
        mut results: messenger::SettledResults,
    ) -> Done {
        let params = params.get()?;
        let within = Duration::from_millis(u64::from(params.get_timeout_ms()));
        let state =
            self.wait_for(text(params.get_id()?)?, shown::wanted(params.get_want()?.into()), within).await;
        results.get().set_error(report::outcome(&state));
        if let Ok(state) = state {
            results.get().set_state(shown::delivery(state).into());
        }
        Ok(())
    }

    async fn messages(
        self: Rc<Self>,
        params: messenger::MessagesParams,
        mut results: messenger::MessagesResults,
    ) -> Done {
        let params = params.get()?;
        let query = (text(params.get_who()?)?, params.get_limit(), text(params.get_before()?)?);
        let answer = self.stream(query, &params.get_sink()?).await?;
        results.get().set_error(report::outcome(&answer));
        Ok(())
    }

    async fn watch(
        self: Rc<Self>,
        params: messenger::WatchParams,
        mut results: messenger::WatchResults,
    ) -> Done {
        let params = params.get()?;
        let (watcher, since) = (params.get_watcher()?, params.get_since());
        let newest = self.ask(NewestEvent {}).await;
        results.get().set_error(report::outcome(&newest));
        if let Ok(newest) = newest {
            results.get().set_seq(newest);
            spawn_local(tell(self.shell.clone(), watcher, since.min(newest), !self.outside));
        }
        Ok(())
    }

    async fn set_profile_name(
        self: Rc<Self>,
        params: messenger::SetProfileNameParams,
        mut results: messenger::SetProfileNameResults,
    ) -> Done {
        let answer = self.ask(SetProfileName { name: text(params.get()?.get_name()?)? }).await;
        results.get().set_error(report::outcome(&answer));
        Ok(())
    }

    async fn mark_read(
        self: Rc<Self>,
        params: messenger::MarkReadParams,
        mut results: messenger::MarkReadResults,
    ) -> Done {
        let params = params.get()?;
        let request = MarkRead { who: text(params.get_who()?)?, up_to: text(params.get_up_to()?)? };
        let answer = self.ask(request).await;
        results.get().set_error(report::outcome(&answer));
        Ok(())
    }

    async fn safety_number(
        self: Rc<Self>,
        params: messenger::SafetyNumberParams,
        mut results: messenger::SafetyNumberResults,
    ) -> Done {
        let answer = self.ask(AskSafetyNumber { who: text(params.get()?.get_who()?)? }).await;
        let mut fields = results.get();
        fields.set_error(report::outcome(&answer));
        if let Ok(SafetyNumber { digits, words, verified, code }) = answer {
            fields.set_digits(&digits);
            fields.set_code(&code);
            fields.set_verified(verified);
            let mut list = fields.init_words(u32::try_from(words.len()).unwrap_or(0));
            for (at, word) in (0..list.len()).zip(&words) {
                list.set(at, word);
            }
        }
        Ok(())
    }

    async fn compare_code(
        self: Rc<Self>,
        params: messenger::CompareCodeParams,
        mut results: messenger::CompareCodeResults,
    ) -> Done {
        let params = params.get()?;
        let request = CompareCode { who: text(params.get_who()?)?, code: text(params.get_code()?)? };
        let answer = self.ask(request).await;
        let mut fields = results.get();
        fields.set_error(report::outcome(&answer));
        if let Ok(told) = answer {
            fields.set_told(shown::comparison(told).into());
        }
        Ok(())
    }

    async fn picture(
        self: Rc<Self>,
        params: messenger::PictureParams,
        mut results: messenger::PictureResults,
    ) -> Done {
        let begun = match (self.access().await, self.shell.mediad.present()) {
            (Err(closed), _) => Err(PictureError::Closed(closed)),
            (Ok(()), None) => Err(PictureError::Picture),
            (Ok(()), Some(decoder)) => {
                let max_side = params.get()?.get_max_side().clamp(1, PICTURE_SIDE_MAX);
                ask(&decoder, &Begin { max_side }).await.map_err(|_| PictureError::Picture)
            }
        };
        results.get().set_error(report::outcome(&begun));
        if let Ok(job) = begun {
            results.get().set_job(capnp_rpc::new_client(Upload::new(job)));
        }
        Ok(())
    }
}
