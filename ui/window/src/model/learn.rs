//! What the window does about what the other processes say, and about what the user does.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_keyvault::VaultState;
use ipc_schema::edge::ui_stored::{
    Access, Change, Contact, ContactState, Delivery, Invite, Message, Refusal,
};
use privatus::peers::PeerError;

use super::action::SecretField;
use super::entry::Problem;
use super::pane::{Pasted, pasted};
use super::{
    Accepting, Act, Command, ECHO, Entry, FULL_LOCK_AFTER, Field, FirstRun, Focus, Inviting, Lock,
    MessageCommand, Model, News, Pane, SCREEN_LOCK_AFTER, Screen, words,
};

impl Model {
    /// Takes what another process said.
    pub fn learn(&mut self, now: Timestamp, news: News) -> Vec<Command> {
        self.told_at = now;
        match news {
            News::Vault { locked, state } => return self.vault_is(locked, state),
            News::VaultLost => self.vault = false,
            News::Passphrase(answer) => self.passphrase_tried(now, answer),
            News::Access(access, name) => return self.access_is(access, name),
            News::HistoryLost => self.history = false,
            News::People(people) => return self.people_are(people),
            News::Invites(invites) => {
                self.invites = invites;
                return self.uncopy_if_over().into_iter().collect();
            }
            News::Messages { who, place, result } => return self.page_came(now, who, &place, result),
            News::Found { looked, result } => return self.found(now, &looked, result),
            News::Changed(at, change) => return self.changed(now, at, change),
            News::Counts(counts) => {
                self.network.counted(now, &counts);
                self.counts = counts;
            }
            News::Sent { who, id, result } => self.sent(now, &who, &id, result),
            News::Invited(result) => self.invited(result),
            News::Accepted(result) => return self.accepted(now, result),
            News::SafetyNumber { who, result } => self.safety_number_is(&who, result),
            News::Short { who, result } => self.short_is(&who, result),
            News::Compared { who, result } => self.compared(now, &who, result),
            News::Failed(error) => self.notify(now, words::failure(&error)),
            News::Offer(link) => self.offer = Some(link),
            News::WithoutWalls => self.without_walls = true,
            News::ContactDone { who, action, result } => {
                return self.contact_done(now, &who, &action, result);
            }
            News::Named { name, result } => self.named(now, name, result),
            News::Stop => {}
            News::Message(news) => self.message_news(now, news),
            News::Draft { who, text } => self.draft_is(&who, text),
            News::Introduced(result) => self.introduced(now, &result),
        }
        Vec::new()
    }

    /// Nobody has touched the window for `idle`. To be asked again and again: each lock is asked for once.
    pub fn idle_for(&mut self, idle: std::time::Duration) -> Vec<Command> {
        match self.screen {
            Screen::Inside if idle >= FULL_LOCK_AFTER => self.lock(),
            Screen::Inside if idle >= SCREEN_LOCK_AFTER => {
                let open = self.open_chat().map(str::to_owned).or_else(|| self.opens_again.take());
                let last = self.lock_screen(VaultState::Ok);
                (self.screen_locked, self.opens_again) = (true, open);
                last.into_iter().chain([Command::ScreenLock]).collect()
            }
            Screen::Locked(_) if idle >= FULL_LOCK_AFTER && std::mem::take(&mut self.screen_locked) => {
                vec![Command::Lock]
            }
            _ => Vec::new(),
        }
    }

    fn vault_is(&mut self, locked: bool, state: VaultState) -> Vec<Command> {
        self.vault = true;
        match (&mut self.screen, state, locked) {
            (Screen::FirstRun(_), VaultState::Missing, _) | (Screen::Locked(_), _, true) => {}
            // Made, and then the window or keyvault was restarted: the name can be given inside.
            (Screen::FirstRun(run), _, false) if run.entry.is_none() => {}
            (_, VaultState::Missing, _) => {
                self.screen = Screen::FirstRun(FirstRun { entry: Some(Entry::default()) });
                self.set_focus(Focus::Act(Act::Secret(SecretField::First)));
            }
            (_, _, true) => return self.lock_screen(state),
            (Screen::Inside, ..) => {}
            (_, _, false) => self.enter(),
        }
        Vec::new()
    }

    fn lock(&mut self) -> Vec<Command> {
        self.lock_screen(VaultState::Locked).into_iter().chain([Command::Lock]).collect()
    }

    /// Forgets everything shown, and what was copied of it; what was being written is kept first.
    fn lock_screen(&mut self, state: VaultState) -> Vec<Command> {
        let mut last = self.last_drafts();
        last.extend(self.uncopy());
        let problem = match state {
            VaultState::Damaged => Some(Problem::Damaged),
            VaultState::Newer => Some(Problem::Newer),
            _ => None,
        };
        *self = Self {
            theme: self.theme,
            vault: self.vault,
            network: self.network.clone(),
            offer: self.offer.take(),
            caps_lock: self.caps_lock,
            zone: self.zone.clone(),
            tickets: self.tickets,
            screen: Screen::Locked(Lock { entry: Entry { problem, ..Entry::default() } }),
            focus: Focus::Act(Act::Secret(SecretField::First)),
            ..Self::default()
        };
        last
    }

    pub(super) fn enter(&mut self) {
        self.screen = Screen::Inside;
        self.screen_locked = false;
        self.set_focus(Focus::None);
    }

    fn access_is(&mut self, access: Access, name: String) -> Vec<Command> {
        self.history = access == Access::Open;
        if self.history {
            self.me = name;
            // A restart of stored: what is open is asked for again.
            if let Pane::Compare(comparing) = &self.pane {
                return comparing.asks();
            }
            return self.load_again();
        }
        Vec::new()
    }

    fn people_are(&mut self, people: Vec<Contact>) -> Vec<Command> {
        let first = !std::mem::replace(&mut self.told_people, true);
        self.people = people;
        self.sort_people();
        self.compare_names();
        self.close_what_is_gone();
        // The window opens where one left off: on the conversation that a screen lock closed, else on the newest.
        if first
            && self.pane == Pane::Start
            && matches!(self.screen, Screen::Inside)
            && let Some(id) = self.closed_by_lock().or_else(|| self.newest_chat())
        {
            return self.open(&id);
        }
        Vec::new()
    }

    /// It is another's id where another passphrase was given, and then nobody here has it.
    fn closed_by_lock(&mut self) -> Option<String> {
        let id = self.opens_again.take()?;
        let contact = self.person(&id)?;
        (contact.state != ContactState::Invited).then_some(id)
    }

    fn newest_chat(&self) -> Option<String> {
        let talking = |contact: &&Contact| contact.state != ContactState::Invited;
        self.people.iter().find(talking).map(|contact| contact.id.clone())
    }

    fn changed(&mut self, now: Timestamp, at: Timestamp, change: Change) -> Vec<Command> {
        match change {
            Change::Message(message) => {
                if message.is_theirs() {
                    self.network.proved(now, at);
                }
                self.message_came(at, message);
            }
            Change::Delivery { id, contact, state } => {
                if matches!(state, Delivery::Relayed | Delivery::Delivered | Delivery::Read) {
                    self.network.proved(now, at);
                }
                return self.settled(&contact, id, state);
            }
            Change::Contact(contact) => return self.contact_changed(contact),
            // Nothing of files is shown yet.
            Change::File(_) => {}
            Change::Network(stage) => self.network.reached(at.min(now), stage),
            Change::Gone { id, contact } => self.message_gone(&contact, &id),
            Change::Typing { who, on } => {
                if let Some(contact) = self.people.iter_mut().find(|contact| contact.id == who) {
                    contact.is_typing = on;
                }
            }
        }
        Vec::new()
    }

    fn message_came(&mut self, at: Timestamp, message: Message) {
        let chat = self.chats.get(&message.contact);
        let known = chat.is_some_and(|chat| chat.holds(&message.id));
        // Of a part that is not loaded, what was done to a text says that the text is no new one.
        let fresh = !known && !super::chat::is_changed(&message);
        let newest = chat.and_then(|chat| chat.messages.last()).is_some_and(|last| last.id == message.id);
        let contact = self.people.iter_mut().find(|contact| contact.id == message.contact);
        if let Some(contact) = contact.filter(|_| fresh || newest) {
            contact.last_at = contact.last_at.max(at);
            contact.last_text = message.body.chars().take(120).collect();
            if fresh && message.is_theirs() && message.state == Delivery::Delivered {
                contact.unread = contact.unread.saturating_add(1);
                if contact.first_unread.is_empty() {
                    contact.first_unread.clone_from(&message.id);
                }
            }
        }
        self.keep_message(message);
        self.sort_people();
    }

    /// A text as stored keeps it, where its conversation is known.
    pub(super) fn keep_message(&mut self, message: Message) {
        let reads_the_end = self.reads_the_end(&message.contact);
        if let Some(chat) = self.chats.get_mut(&message.contact) {
            chat.comes(message, reads_the_end);
        }
    }

    /// Whether what is dropped of a conversation that grows at its end is at its beginning.
    fn reads_the_end(&self, who: &str) -> bool {
        self.scroll == 0 || self.open_chat() != Some(who)
    }

    /// A text reached a state. Why it does not go on, and until when it is kept, is asked for where it is shown.
    fn settled(&mut self, who: &str, id: String, state: Delivery) -> Vec<Command> {
        let Some(chat) = self.chats.get_mut(who) else { return Vec::new() };
        chat.settle(&id, state);
        let more = matches!(state, Delivery::Queued | Delivery::Relayed | Delivery::Failed);
        let shown = more && chat.message(&id).is_some();
        shown.then(|| Command::Message(MessageCommand::Info { id })).into_iter().collect()
    }

    pub(super) fn contact_changed(&mut self, contact: Contact) -> Vec<Command> {
        let id = contact.id.clone();
        // Of who is gone the id alone is told, and nobody else is called nothing.
        if contact.name.is_empty() {
            return self.forget(&id);
        }
        let connected = contact.state != ContactState::Invited;
        let is_first = self.newest_chat().is_none();
        // How far their invitation is may be what changed.
        let states = self.invite_of(&contact).map(|_| Command::InviteStates);
        let called = |known: &Contact| (known.name.clone(), known.their_name.clone());
        let known = self.people.iter_mut().find(|known| known.id == id);
        let same_name = known.as_deref().map(called) == Some(called(&contact));
        match known {
            Some(known) => *known = contact,
            None => self.people.push(contact),
        }
        self.sort_people();
        if !same_name {
            self.compare_names();
        }
        // Whoever was invited is there now: the conversation takes the place of the link, and the first one that of the
        // invitation to add somebody.
        let uncopy = if connected { self.uncopy_of(&id) } else { None };
        let opens = self.pane == Pane::Invitation(id.clone()) || is_first && self.pane == Pane::Start;
        let mut commands = if connected && opens { self.open(&id) } else { self.compared_again(&id) };
        commands.extend(uncopy);
        commands.extend(states);
        commands
    }

    fn sent(&mut self, now: Timestamp, who: &str, id: &str, result: Result<Message, PeerError>) {
        let reads_the_end = self.reads_the_end(who);
        let chat = self.chats.entry(who.to_owned()).or_default();
        match result {
            Ok(message) => {
                chat.comes(message, reads_the_end);
                chat.draft_refused = false;
                self.draft_sent(who);
            }
            Err(error) => {
                chat.unconfirmed.retain(|known| known != id);
                chat.refused.insert(id.to_owned());
                chat.draft_refused = true;
                chat.settle(id, Delivery::Failed);
                self.notify(now, words::failure(&error));
            }
        }
    }

    fn invited(&mut self, result: Result<Invite, PeerError>) {
        match result {
            Ok(invite) => {
                self.texts.set(Field::InviteName, "");
                let invited = invite.contact.clone();
                self.invites.retain(|known| known.id != invite.id);
                self.invites.push(invite);
                let contact = self.people.iter().find(|contact| contact.id == invited);
                if let (Pane::Invite(_), Some(contact)) = (&self.pane, contact) {
                    self.pane = Pane::Invitation(contact.id.clone());
                    self.set_focus(Focus::Act(Act::CopyLink));
                }
            }
            Err(error) => {
                if let Pane::Invite(inviting) = &mut self.pane {
                    *inviting = Inviting { busy: false, refused: Some(refusal_of(&error)) };
                }
            }
        }
    }

    fn accepted(&mut self, now: Timestamp, result: Result<Contact, PeerError>) -> Vec<Command> {
        match result {
            Ok(contact) => {
                self.offer_used();
                let id = contact.id.clone();
                self.contact_changed(contact);
                self.open(&id)
            }
            Err(error) => {
                if error == PeerError::Refused(Refusal::LinkUsed) {
                    self.offer_used();
                }
                if let Pane::Accept(accepting) = &mut self.pane {
                    *accepting = Accepting { busy: false, refused: Some(refusal_of(&error)) };
                } else {
                    self.notify(now, words::failure(&error));
                }
                Vec::new()
            }
        }
    }

    /// Takes what the user did. `fresh_id` is a new id for a text.
    pub fn act(&mut self, now: Timestamp, act: Act, fresh_id: &str) -> Vec<Command> {
        self.told_at = now;
        let leaves = matches!(act, Act::Enter | Act::Invite | Act::Accept | Act::AcceptOffer);
        if leaves && matches!(self.screen, Screen::FirstRun(_)) && self.is_too_long(Field::YourName) {
            return Vec::new();
        }
        match act {
            Act::Open(id) => return self.open(&id),
            Act::Add => self.show(Pane::Add, Focus::Act(Act::Invite)),
            Act::Close | Act::NotNow => return self.close_pane(),
            Act::Invite => {
                self.finish_first_run();
                self.show(Pane::Invite(Inviting::default()), Focus::Field(Field::InviteName));
                return self.name_given();
            }
            Act::Accept => {
                self.finish_first_run();
                self.show(Pane::Accept(Accepting::default()), Focus::Field(Field::Link));
                return self.name_given();
            }
            Act::MakeInvite => return self.make_invite(),
            Act::CopyLink => return self.copy_link(now),
            Act::CancelInvite(id) => self.ask_to_cancel(id),
            Act::Keep => self.keep(),
            Act::GoOn => return self.go_on(),
            Act::AcceptLink => return self.accept_link(),
            Act::AcceptOffer => return self.accept_offer(),
            Act::Send => return self.send(now, fresh_id),
            Act::TakeOut => self.take_out(),
            Act::Compare(who) => return self.compare(who),
            Act::Verify(on) => return self.verify(on),
            Act::Resume(who) => return vec![Command::Resume { who }],
            Act::CompareCode => return self.compare_code(),
            Act::Short(act) => return self.short(act),
            Act::Lock => return self.lock(),
            Act::NextTheme => self.theme = self.theme.next(),
            Act::Type(field) => self.set_focus(Focus::Field(field)),
            Act::Secret(field) => self.set_focus(Focus::Act(Act::Secret(field))),
            Act::ShowSecret(field) => self.show_secret(field),
            Act::UsePassphrase => return self.use_passphrase(now),
            Act::Contact(who, what) => return self.act_with(now, who, what),
            Act::CloseDetails => self.close_details(),
            Act::KeepEdit => return self.keep_edit(),
            Act::LeaveEdit => self.leave_edit(),
            Act::Differ => return self.differ(),
            Act::OwnName => self.open_card(),
            Act::KeepOwnName => return self.keep_own_name(),
            Act::CloseCard => self.close_card(),
            Act::Clear(field) => self.clear(field),
            Act::Enter => return self.leave_first_run(),
            Act::Text(act) => return self.act_on_text(act),
            Act::Read(act) => return self.act_on_reading(now, act),
            Act::Message(act) => return self.with_message(now, act),
            Act::Over(act) => return self.with_over(now, act, fresh_id),
            Act::JumpTo(id) => return self.jump_to(now, id),
            Act::GoOnForBoth => return self.go_on_for_both(),
            Act::Keys => self.show_keys(),
        }
        Vec::new()
    }

    fn people_are_known(&mut self) -> Vec<Command> {
        if !self.told_people {
            return Vec::new();
        }
        let people = std::mem::take(&mut self.people);
        self.told_people = false;
        self.people_are(people)
    }

    pub(super) fn show(&mut self, pane: Pane, focus: Focus) {
        self.leave_pane();
        self.pane = pane;
        self.set_focus(focus);
    }

    fn finish_first_run(&mut self) {
        if matches!(&self.screen, Screen::FirstRun(run) if run.entry.is_none()) {
            self.enter();
        }
    }

    fn leave_first_run(&mut self) -> Vec<Command> {
        self.finish_first_run();
        self.name_given().into_iter().chain(self.people_are_known()).collect()
    }

    fn name_given(&mut self) -> Vec<Command> {
        let name = self.texts.of(Field::YourName).trim().to_owned();
        if name.is_empty() || name == self.me {
            return Vec::new();
        }
        self.me.clone_from(&name);
        vec![Command::SetName(name)]
    }

    fn make_invite(&mut self) -> Vec<Command> {
        let name = self.texts.of(Field::InviteName).trim().to_owned();
        if self.is_too_long(Field::InviteName) {
            return Vec::new();
        }
        match &mut self.pane {
            Pane::Invite(inviting) if !inviting.busy && !name.is_empty() => {
                *inviting = Inviting { busy: true, refused: None };
                vec![Command::Invite(name)]
            }
            _ => Vec::new(),
        }
    }

    fn accept_link(&mut self) -> Vec<Command> {
        let Pasted::Complete(link) = pasted(self.texts.of(Field::Link)) else { return Vec::new() };
        let name = self.texts.of(Field::AcceptName).trim().to_owned();
        if self.is_too_long(Field::AcceptName) {
            return Vec::new();
        }
        match &mut self.pane {
            Pane::Accept(accepting) if !accepting.busy && !name.is_empty() => {
                *accepting = Accepting { busy: true, refused: None };
                vec![Command::Accept { link, name }]
            }
            _ => Vec::new(),
        }
    }

    fn accept_offer(&mut self) -> Vec<Command> {
        let Some(link) = self.offer.clone() else { return Vec::new() };
        self.finish_first_run();
        self.show(Pane::Accept(Accepting::default()), Focus::None);
        self.texts.set(Field::Link, link);
        self.texts.set(Field::AcceptName, ECHO);
        self.name_given().into_iter().chain(self.accept_link()).collect()
    }

    /// The link that was accepted, or is used, may be the one that was left for the first run.
    fn offer_used(&mut self) {
        if self.offer.as_deref() == Some(self.texts.of(Field::Link)) {
            self.offer = None;
        }
    }

    fn clear(&mut self, field: Field) {
        self.texts.set(field, "");
        if let (Field::Link, Pane::Accept(accepting)) = (field, &mut self.pane) {
            accepting.refused = None;
        }
        self.set_focus(Focus::Field(field));
    }
}

pub(super) fn refusal_of(error: &PeerError) -> Refusal {
    match error {
        PeerError::Refused(refusal) => *refusal,
        PeerError::Lost | PeerError::Misbehaved => Refusal::Conflict,
    }
}
