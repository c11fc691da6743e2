//! One contact: what is shown of them beside the conversation, and what the user does with them.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{
    Contact, ContactAction, ContactState, Invite, InviteState, MUTED_FOR_EVER, Refusal, is_muted,
};
use ipc_schema::limits::NOTE_MAX_BYTES;
use privatus::peers::PeerError;

use super::action::{ContactAct, Muting};
use super::learn::refusal_of;
use super::lookalike::{self, Alike};
use super::menu::Item;
use super::whom::Purpose;
use super::{Act, Command, Field, Focus, Model, Over, Pane, Part, Question, words};
use crate::icon::Icon;

/// What is known of a contact, while it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The contact's id.
    pub who: String,
    /// What is being changed in place.
    pub editing: Option<Field>,
    /// Why it was not kept.
    pub refused: Option<Refusal>,
}

impl Muting {
    /// From the shortest on.
    pub const ALL: [Self; 4] = [Self::Off, Self::Hour, Self::EightHours, Self::ForEver];

    /// When it ends, as stored keeps it.
    #[must_use]
    pub fn until(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Off => Timestamp(0),
            Self::Hour => now.after(Duration::from_secs(3_600)),
            Self::EightHours => now.after(Duration::from_secs(8 * 3_600)),
            Self::ForEver => MUTED_FOR_EVER,
        }
    }
}

/// What can be done with a contact, in the order of a menu; nothing where they are gone.
#[must_use]
pub fn contact_items(model: &Model, who: &str) -> Vec<Item> {
    let Some(contact) = model.person(who) else { return Vec::new() };
    let id = || contact.id.clone();
    let with = |what| Act::Contact(id(), what);

    let mut items = vec![
        Item::new("Details", Icon::Info, with(ContactAct::Details)).keys("Ctrl Shift I"),
        Item::new("Rename", Icon::Edit, with(ContactAct::Rename)),
    ];
    if contact.state == ContactState::Connected {
        items.push(Item::new("Compare the safety number", Icon::Verified, Act::Compare(id())));
    }
    if model.can_introduce(contact) {
        items.push(Item::new("Introduce to …", Icon::Person, with(ContactAct::Introduce)));
    }
    if contact.held {
        items.push(Item::new("Send what waits", Icon::Send, Act::Resume(id())));
    }
    if model.opened_twice(contact).is_some() {
        items.push(Item::new("Decline the second person", Icon::Close, with(ContactAct::DeclineSecond)));
    }
    items.push(match contact.pinned {
        true => Item::new("Unpin", Icon::Pin, with(ContactAct::Pin(false))),
        false => Item::new("Pin", Icon::Pin, with(ContactAct::Pin(true))),
    });
    if is_muted(contact.muted_until, model.told_at) {
        items.push(Item::new("Unmute", Icon::Bell, with(ContactAct::Mute(Muting::Off))));
    } else {
        items.push(Item::new("Mute for 1 hour", Icon::Mute, with(ContactAct::Mute(Muting::Hour))));
        items.push(Item::new("Mute for 8 hours", Icon::Mute, with(ContactAct::Mute(Muting::EightHours))));
        items.push(Item::new("Mute for ever", Icon::Mute, with(ContactAct::Mute(Muting::ForEver))));
    }
    items.push(Item::new("Note", Icon::Note, with(ContactAct::Note)));
    if contact.state != ContactState::Invited {
        items.push(Item::new("Mark unread", Icon::Chats, with(ContactAct::Unread)));
    }
    if contact.state != ContactState::Oneself {
        items.push(match contact.state {
            ContactState::Blocked => Item::new("Unblock", Icon::Okc, with(ContactAct::Unblock)),
            _ => Item::new("Block", Icon::Offline, with(ContactAct::Block)).danger(),
        });
        items.push(Item::new("Delete", Icon::Trash, with(ContactAct::Delete)).danger());
    }
    items
}

impl Model {
    /// What is shown of a contact; `None` also where they are gone.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        self.details.as_ref().filter(|details| self.person(&details.who).is_some())
    }

    /// About whom is what stands beside the list.
    #[must_use]
    pub fn shown_person(&self) -> Option<&str> {
        match &self.pane {
            Pane::Chat(id) | Pane::Invitation(id) => Some(id),
            Pane::Compare(comparing) => Some(&comparing.who),
            Pane::Start | Pane::Add | Pane::Invite(_) | Pane::Accept(_) => None,
        }
    }

    /// A contact's invitation, where a second person opened it.
    #[must_use]
    pub fn opened_twice(&self, contact: &Contact) -> Option<&Invite> {
        self.invite_of(contact).filter(|invite| invite.state == InviteState::OpenedTwice)
    }

    /// In what a contact can be taken for another.
    #[must_use]
    pub fn alike(&self, who: &str) -> Option<Alike> {
        self.alike.get(who).copied()
    }

    /// The invitation that was left for the first run, as long as nobody has its place.
    #[must_use]
    pub fn offered(&self) -> Option<&str> {
        let is_there = self.people.iter().any(|contact| contact.name == super::ECHO);
        self.offer.as_deref().filter(|_| !is_there)
    }

    /// Nothing is sent to whom the user blocked.
    #[must_use]
    pub fn blocked_chat(&self) -> Option<&Contact> {
        let contact = self.person(self.open_chat()?)?;
        (contact.state == ContactState::Blocked).then_some(contact)
    }

    /// A key was pressed where nothing takes it: whoever blocked somebody is told why.
    pub fn typed_to_blocked(&mut self, now: Timestamp, text: &str) {
        if text.chars().any(|c| !c.is_control())
            && let Some(contact) = self.blocked_chat()
        {
            let line = words::cannot_write(contact);
            self.notify(now, line);
        }
    }

    pub(super) fn compare_names(&mut self) {
        self.alike = lookalike::alike(&self.people);
    }

    /// Does something with a contact.
    pub(super) fn act_with(&mut self, now: Timestamp, who: String, what: ContactAct) -> Vec<Command> {
        let action = match what {
            ContactAct::Details => return self.toggle_details(who),
            ContactAct::Rename => return self.edit(who, Field::ContactName),
            ContactAct::Note => return self.edit(who, Field::ContactNote),
            ContactAct::Block | ContactAct::Delete => {
                self.ask_before(who, what);
                return Vec::new();
            }
            ContactAct::Introduce => {
                if self.person(&who).is_some_and(|contact| self.can_introduce(contact)) {
                    self.choose_whom(Purpose::Introduce(who));
                }
                return Vec::new();
            }
            ContactAct::Mute(muting) => ContactAction::Mute(muting.until(now)),
            ContactAct::Pin(on) => ContactAction::Pin(on),
            ContactAct::Unread => {
                // What is open is read: so it is left.
                if self.shown_person() == Some(who.as_str()) {
                    self.show(Pane::Start, Focus::None);
                }
                ContactAction::Unread
            }
            ContactAct::Unblock => ContactAction::Block(false),
            ContactAct::DeclineSecond => ContactAction::Decline,
            ContactAct::Receipts(on) => ContactAction::Receipts(on),
            ContactAct::Typing(on) => ContactAction::Typing(on),
            ContactAct::Timer(seconds) => ContactAction::Timer(seconds),
        };
        vec![Command::Contact { who, action }]
    }

    fn ask_before(&mut self, who: String, what: ContactAct) {
        let Some(name) = self.person(&who).map(|contact| contact.name.clone()) else { return };
        self.ask(match what {
            ContactAct::Delete => Question::DeleteContact { who, name },
            _ => Question::Block { who, name },
        });
    }

    /// Shows what is known of somebody beside their conversation, or no longer.
    fn toggle_details(&mut self, who: String) -> Vec<Command> {
        if self.details().is_some_and(|details| details.who == who) {
            self.close_details();
            return Vec::new();
        }
        self.show_details(who)
    }

    fn show_details(&mut self, who: String) -> Vec<Command> {
        let commands = match self.shown_person() == Some(who.as_str()) {
            true => Vec::new(),
            false => self.open(&who),
        };
        if self.person(&who).is_some() {
            self.scrolls.begin(Part::Details);
            self.details = Some(Details { who, ..Details::default() });
            self.set_focus(Focus::Act(Act::CloseDetails));
        }
        commands
    }

    pub(super) fn close_details(&mut self) {
        self.leave_edit();
        let Some(details) = self.details.take() else { return };
        self.set_focus(match &self.pane {
            Pane::Chat(_) if self.blocked_chat().is_none() => Focus::Field(Field::Composer),
            _ => Focus::Act(Act::Open(details.who)),
        });
    }

    fn edit(&mut self, who: String, field: Field) -> Vec<Command> {
        let shown = self.details().is_some_and(|details| details.who == who);
        let commands = if shown { Vec::new() } else { self.show_details(who.clone()) };
        self.leave_edit();
        let Some(contact) = self.person(&who) else { return commands };
        let text = if field == Field::ContactNote { &contact.note } else { &contact.name };
        self.texts.set(field, text.clone());
        self.details = Some(Details { who, editing: Some(field), refused: None });
        self.set_focus(Focus::Field(field));
        commands
    }

    pub(super) fn leave_edit(&mut self) {
        let Some(details) = &mut self.details else { return };
        details.refused = None;
        if let Some(field) = details.editing.take() {
            let who = details.who.clone();
            let what = if field == Field::ContactNote { ContactAct::Note } else { ContactAct::Rename };
            self.texts.set(field, "");
            self.set_focus(Focus::Act(Act::Contact(who, what)));
        }
    }

    /// How many bytes what is typed as a note is too long.
    #[must_use]
    pub fn note_over(&self) -> usize {
        self.texts.of(Field::ContactNote).len().saturating_sub(NOTE_MAX_BYTES)
    }

    pub(super) fn keep_edit(&mut self) -> Vec<Command> {
        let Some(Details { who, editing: Some(field), .. }) = self.details.clone() else { return Vec::new() };
        let Some(contact) = self.person(&who) else { return Vec::new() };
        let text = self.texts.of(field);
        let action = match field {
            Field::ContactNote if text == contact.note => None,
            Field::ContactNote if self.note_over() > 0 => return Vec::new(),
            Field::ContactNote => Some(ContactAction::Note(text.to_owned())),
            _ if text.trim() == contact.name => None,
            _ if text.trim().is_empty() || self.is_too_long(field) => return Vec::new(),
            _ => Some(ContactAction::Rename(text.trim().to_owned())),
        };
        match action {
            Some(action) => vec![Command::Contact { who, action }],
            None => {
                self.leave_edit();
                Vec::new()
            }
        }
    }

    /// stored answered what was done with a contact.
    pub(super) fn contact_done(
        &mut self,
        now: Timestamp,
        who: &str,
        action: &ContactAction,
        result: Result<Contact, PeerError>,
    ) -> Vec<Command> {
        let edited = match action {
            ContactAction::Rename(_) => Some(Field::ContactName),
            ContactAction::Note(_) => Some(Field::ContactNote),
            _ => None,
        };
        let is_here = |details: &Details| details.who == who && details.editing == edited;
        let edits = edited.is_some() && self.details.as_ref().is_some_and(is_here);
        match result {
            Err(error) => match &mut self.details {
                Some(details) if edits => details.refused = Some(refusal_of(&error)),
                _ => self.notify(now, words::failure(&error)),
            },
            Ok(_) if *action == ContactAction::Delete => return self.forget(who),
            Ok(contact) => {
                if edits {
                    self.leave_edit();
                }
                let mut commands = self.contact_changed(contact);
                if *action == ContactAction::Decline {
                    commands.push(Command::InviteStates);
                }
                return commands;
            }
        }
        Vec::new()
    }

    /// Somebody is gone, and with them all that was shown of them.
    pub(super) fn forget(&mut self, who: &str) -> Vec<Command> {
        self.people.retain(|contact| contact.id != who);
        self.chats.remove(who);
        self.invites.retain(|invite| invite.contact != who);
        self.compare_names();
        self.close_what_is_gone();
        self.uncopy_if_over().into_iter().collect()
    }

    /// Closes what is about somebody who is gone.
    pub(super) fn close_what_is_gone(&mut self) {
        if self.details.is_some() && self.details().is_none() {
            self.details = None;
            self.texts.set(Field::ContactName, "");
            self.texts.set(Field::ContactNote, "");
            self.set_focus(Focus::None);
        }
        let asked = self.question().and_then(Question::about);
        if asked.is_some_and(|who| self.person(who).is_none()) {
            self.keep();
            self.set_focus(Focus::None);
        }
        if let Some(Over::Menu(menu)) = &self.over
            && self.menu_items(&menu.of).is_empty()
        {
            self.close_over();
        }
        self.leave_whom_if_gone();
        if self.shown_person().is_some_and(|who| self.person(who).is_none()) {
            self.leave_texts();
            self.leave_find();
            (self.over, self.reading.date) = (None, None);
            self.set_composer_text("");
            self.pane = Pane::Start;
            self.set_focus(Focus::None);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ipc_schema::edge::ui_stored::Change;

    use super::super::News;
    use super::super::action::SecretField;
    use super::*;

    const NOW: Timestamp = Timestamp(1_750_766_400_000);

    /// Somebody who is connected.
    pub(crate) fn called(id: &str, name: &str, their_name: &str) -> Contact {
        Contact {
            name: name.into(),
            state: ContactState::Connected,
            route: "onion".into(),
            last_at: NOW,
            their_name: their_name.into(),
            ..Contact::of(id)
        }
    }

    /// The window with these people, on the first of them.
    pub(crate) fn with(people: Vec<Contact>) -> Model {
        use ipc_schema::edge::ui_keyvault::VaultState;
        use ipc_schema::edge::ui_stored::Access;

        let mut model = Model::default();
        model.learn(NOW, News::Vault { locked: false, state: VaultState::Ok });
        model.learn(NOW, News::Access(Access::Open, "Alex".into()));
        model.learn(NOW, News::People(people));
        model
    }

    fn robin() -> Contact {
        called("c1", "Robin", "Robin B.")
    }

    fn with_robin(what: ContactAct) -> Act {
        Act::Contact("c1".into(), what)
    }

    fn asked(action: ContactAction) -> Vec<Command> {
        vec![Command::Contact { who: "c1".into(), action }]
    }

    fn refused(model: &mut Model, action: ContactAction, refusal: Refusal) {
        let result = Err(PeerError::Refused(refusal));
        model.learn(NOW, News::ContactDone { who: "c1".into(), action, result });
    }

    #[test]
    fn a_menu_has_what_can_be_done_with_that_contact_and_nothing_else() {
        let labels = |contact: Contact| {
            let model = with(vec![contact.clone()]);
            contact_items(&model, &contact.id).iter().map(|item| item.label).collect::<Vec<_>>()
        };
        let connected = labels(robin());
        assert!(connected.contains(&"Compare the safety number") && connected.contains(&"Block"));
        assert!(!connected.contains(&"Send what waits") && connected.ends_with(&["Delete"]));
        let oneself = labels(Contact { state: ContactState::Oneself, ..robin() });
        let never = ["Compare the safety number", "Block", "Delete"];
        assert!(never.iter().all(|label| !oneself.contains(label)), "{oneself:?}");
        assert!(labels(Contact { state: ContactState::Blocked, ..robin() }).contains(&"Unblock"));
        let muted = labels(Contact { muted_until: MUTED_FOR_EVER, pinned: true, held: true, ..robin() });
        assert!(
            ["Unmute", "Unpin", "Send what waits"].iter().all(|label| muted.contains(label)),
            "{muted:?}"
        );
        let over = labels(Contact { muted_until: Timestamp(NOW.0 - 1), ..robin() });
        assert!(over.contains(&"Mute for 1 hour"), "it has ended");
        let model = with(vec![robin()]);
        assert!(contact_items(&model, "nobody").is_empty());
        let dangerous = contact_items(&model, "c1").into_iter().filter(|item| item.danger);
        assert_eq!(dangerous.map(|item| item.label).collect::<Vec<_>>(), ["Block", "Delete"]);
    }

    #[test]
    fn a_name_is_kept_with_enter_left_with_escape_and_a_bad_one_is_told_where_it_stands() {
        let mut model = with(vec![robin()]);
        model.act(NOW, with_robin(ContactAct::Rename), "x");
        assert_eq!(model.texts.of(Field::ContactName), "Robin");
        assert_eq!(*model.focus(), Focus::Field(Field::ContactName));
        model.texts.set(Field::ContactName, "  ");
        assert_eq!(model.act(NOW, Act::KeepEdit, "x"), []);
        model.texts.set(Field::ContactName, "é".repeat(25));
        assert_eq!(model.act(NOW, Act::KeepEdit, "x"), []);
        model.texts.set(Field::ContactName, " Noor ");
        let rename = ContactAction::Rename("Noor".into());
        assert_eq!(model.act(NOW, Act::KeepEdit, "x"), asked(rename.clone()));
        refused(&mut model, rename.clone(), Refusal::NameTaken);
        let details = model.details().unwrap();
        assert_eq!((details.refused, details.editing), (Some(Refusal::NameTaken), Some(Field::ContactName)));
        assert!(model.notice.is_none(), "told once");
        let result = Ok(Contact { name: "Noor".into(), ..robin() });
        model.learn(NOW, News::ContactDone { who: "c1".into(), action: rename, result });
        assert_eq!(model.person("c1").unwrap().name, "Noor");
        assert_eq!(model.details().unwrap().editing, None);
        model.act(NOW, with_robin(ContactAct::Rename), "x");
        model.act(NOW, Act::LeaveEdit, "x");
        assert_eq!((model.details().unwrap().editing, model.texts.of(Field::ContactName)), (None, ""));
        assert_eq!(*model.focus(), Focus::Act(with_robin(ContactAct::Rename)));
    }

    #[test]
    fn a_note_is_kept_up_to_its_bound_and_not_beyond() {
        let mut model = with(vec![robin()]);
        model.act(NOW, with_robin(ContactAct::Note), "x");
        model.texts.set(Field::ContactNote, "n".repeat(NOTE_MAX_BYTES + 3));
        assert_eq!((model.note_over(), model.act(NOW, Act::KeepEdit, "x")), (3, Vec::new()));
        let note = "n".repeat(NOTE_MAX_BYTES);
        model.texts.set(Field::ContactNote, note.clone());
        assert_eq!(model.act(NOW, Act::KeepEdit, "x"), asked(ContactAction::Note(note)));
        model.texts.set(Field::ContactNote, "");
        assert_eq!(model.act(NOW, Act::KeepEdit, "x"), [], "as it was");
        assert_eq!(model.details().unwrap().editing, None);
    }

    #[test]
    fn a_mute_ends_when_it_says_and_what_is_muted_is_no_part_of_the_count() {
        let muted = Contact {
            unread: 4,
            muted_until: Timestamp(NOW.0 + 1),
            last_at: Timestamp(1),
            ..called("c2", "Noor", "")
        };
        let mut model = with(vec![robin(), muted]);
        assert_eq!((model.unread(NOW), model.unread(Timestamp(NOW.0 + 2))), (0, 4));
        let until = |muting: Muting| muting.until(NOW).0.saturating_sub(NOW.0);
        assert_eq!((until(Muting::Hour), until(Muting::EightHours)), (3_600_000, 28_800_000));
        let act = with_robin(ContactAct::Mute(Muting::ForEver));
        assert_eq!(model.act(NOW, act, "x"), asked(ContactAction::Mute(MUTED_FOR_EVER)));
        let act = with_robin(ContactAct::Mute(Muting::Off));
        assert_eq!(model.act(NOW, act, "x"), asked(ContactAction::Mute(Timestamp(0))));
    }

    #[test]
    fn who_is_blocked_or_deleted_is_asked_about_first() {
        let cases = [
            (with_robin(ContactAct::Block), ContactAction::Block(true)),
            (with_robin(ContactAct::Delete), ContactAction::Delete),
        ];
        for (act, action) in cases {
            let mut model = with(vec![robin()]);
            assert_eq!(model.act(NOW, act.clone(), "x"), []);
            assert!(model.question().is_some() && *model.focus() == Focus::Act(Act::Keep));
            assert_eq!(model.act(NOW, Act::Keep, "x"), []);
            assert_eq!(model.act(NOW, Act::GoOn, "x"), [], "nothing is asked any more");
            model.act(NOW, act, "x");
            assert_eq!(model.act(NOW, Act::GoOn, "x"), asked(action));
        }
        let mut model = with(vec![Contact { state: ContactState::Blocked, ..robin() }]);
        let unblock = model.act(NOW, with_robin(ContactAct::Unblock), "x");
        assert_eq!(unblock, asked(ContactAction::Block(false)), "nothing is lost by it");
    }

    #[test]
    fn who_is_gone_leaves_no_row_no_conversation_and_no_question() {
        let gone = Contact { name: String::new(), state: ContactState::Invited, ..called("c1", "", "") };
        for act in
            [with_robin(ContactAct::Details), with_robin(ContactAct::Delete), Act::Compare("c1".into())]
        {
            let mut model = with(vec![robin()]);
            model.act(NOW, act, "x");
            model.learn(NOW, News::Changed(NOW, Change::Contact(gone.clone())));
            assert!(model.people.is_empty() && model.chats.is_empty());
            assert!(model.details().is_none() && model.question().is_none() && model.pane == Pane::Start);
        }
        let mut model = with(Vec::new());
        model.learn(NOW, News::Changed(NOW, Change::Contact(gone.clone())));
        assert!(model.people.is_empty(), "no row for an invitation that nobody made");
        let mut model = with(vec![robin()]);
        let result = Ok(robin());
        model.learn(NOW, News::ContactDone { who: "c1".into(), action: ContactAction::Delete, result });
        assert!(model.people.is_empty(), "the answer tells what they were");
    }

    #[test]
    fn a_conversation_that_is_marked_unread_is_left_and_not_opened_again_by_itself() {
        let mut model = with(vec![robin()]);
        assert_eq!(model.open_chat(), Some("c1"));
        let marked = model.act(NOW, with_robin(ContactAct::Unread), "x");
        assert_eq!(marked, asked(ContactAction::Unread));
        let unread = Contact { unread: 1, ..robin() };
        assert_eq!(model.learn(NOW, News::Changed(NOW, Change::Contact(unread.clone()))), []);
        assert_eq!(model.learn(NOW, News::People(vec![unread])), []);
        assert_eq!((model.open_chat(), model.unread(NOW)), (None, 1));
    }

    #[test]
    fn nothing_is_written_to_whom_one_blocked_and_keys_say_so() {
        let mut model = with(vec![robin()]);
        model.texts.set(Field::Composer, "half a thought");
        let blocked = Contact { state: ContactState::Blocked, ..robin() };
        model.learn(NOW, News::Changed(NOW, Change::Contact(blocked)));
        assert_eq!(model.act(NOW, Act::Send, "x"), []);
        assert_eq!(model.texts.of(Field::Composer), "half a thought");
        model.notice = None;
        model.typed_to_blocked(NOW, "\u{8}");
        assert!(model.notice.is_none());
        model.typed_to_blocked(NOW, "h");
        assert!(model.notice.as_ref().is_some_and(|(line, _)| line.contains("Unblock")));
    }

    #[test]
    fn who_opened_an_invitation_second_can_be_declined_and_its_state_is_asked_for_again() {
        let mut model = with(vec![robin()]);
        let invite = |state| Invite {
            id: "i".into(),
            link: "privatus:i#secret".into(),
            contact: "c1".into(),
            name: "Robin".into(),
            expires: NOW,
            state,
        };
        model.learn(NOW, News::Invites(vec![invite(InviteState::Accepted)]));
        assert!(model.opened_twice(&robin()).is_none());
        let asked_for = model.learn(NOW, News::Changed(NOW, Change::Contact(robin())));
        assert!(asked_for.contains(&Command::InviteStates), "the change does not say it");
        model.learn(NOW, News::Invites(vec![invite(InviteState::OpenedTwice)]));
        assert!(model.opened_twice(&robin()).is_some());
        let acts: Vec<Act> = contact_items(&model, "c1").into_iter().map(|item| item.act).collect();
        assert!(acts.contains(&with_robin(ContactAct::DeclineSecond)));
        assert_eq!(model.act(NOW, with_robin(ContactAct::DeclineSecond), "x"), asked(ContactAction::Decline));
        let result = Ok(robin());
        let then =
            model.learn(NOW, News::ContactDone { who: "c1".into(), action: ContactAction::Decline, result });
        assert!(then.contains(&Command::InviteStates));
    }

    #[test]
    fn the_own_name_is_checked_told_when_refused_and_kept_when_taken() {
        let mut model = with(vec![robin()]);
        model.act(NOW, Act::OwnName, "x");
        assert_eq!(model.texts.of(Field::OwnName), "Alex");
        model.texts.set(Field::OwnName, "é".repeat(25));
        assert_eq!(model.act(NOW, Act::KeepOwnName, "x"), []);
        model.texts.set(Field::OwnName, " Sam ");
        assert_eq!(model.act(NOW, Act::KeepOwnName, "x"), [Command::SetName("Sam".into())]);
        assert_eq!(model.act(NOW, Act::KeepOwnName, "x"), [], "once");
        let refused = Err(PeerError::Refused(Refusal::NameBad));
        model.learn(NOW, News::Named { name: "Sam".into(), result: refused });
        assert_eq!(model.card().and_then(|card| card.refused), Some(Refusal::NameBad));
        assert_eq!(model.me, "Alex");
        model.act(NOW, Act::KeepOwnName, "x");
        model.learn(NOW, News::Named { name: "Sam".into(), result: Ok(()) });
        assert_eq!((model.me.as_str(), model.card()), ("Sam", None));
    }

    #[test]
    fn nothing_of_a_card_or_of_details_is_left_after_a_lock() {
        let mut model = with(vec![Contact { note: "met at the desk".into(), ..robin() }]);
        model.act(NOW, with_robin(ContactAct::Note), "x");
        model.act(NOW, Act::OwnName, "x");
        model.act(NOW, Act::Lock, "x");
        let all = format!("{model:?}");
        assert!(!all.contains("desk") && !all.contains("Alex") && !all.contains("c1"));
        assert_eq!(*model.focus(), Focus::Act(Act::Secret(SecretField::First)));
    }
}
