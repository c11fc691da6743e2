//! What people do with a message: answer it, change it, react, hand it on, try again, take it back, delete it, look at how far it is.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{ContactState, Delivery, Info, Message, Note};
use privatus::peers::PeerError;

use super::over::Over;
use super::whom::Purpose;
use super::{Command, Focus, Model, News, Screen, words};
use crate::text::visible;

/// Something that is done with one message of the open conversation, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageAct {
    /// Give it the keyboard.
    Focus(String),
    /// Answer it.
    Reply(String),
    /// Change what it says.
    Edit(String),
    /// React with that sign; the own one once more takes it back.
    React(String, String),
    /// Choose a sign to react with.
    Reactions(String),
    /// All of its text on the clipboard.
    Copy(String),
    /// How far it is and when it came there.
    Details(String),
    /// The same, for as long as the pointer rests on it.
    Glance(String),
    /// Choose to whom it is handed on.
    Forward(String),
    /// Delete it, after a question.
    Delete(String),
    /// Try once more.
    Retry(String),
    /// Take it back before it leaves.
    TakeBack(String),
    /// Meet whom somebody introduces, or do not.
    Meet(String, bool),
}

impl MessageAct {
    /// With which message.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Focus(id)
            | Self::Reply(id)
            | Self::Edit(id)
            | Self::React(id, _)
            | Self::Reactions(id)
            | Self::Copy(id)
            | Self::Details(id)
            | Self::Glance(id)
            | Self::Forward(id)
            | Self::Delete(id)
            | Self::Retry(id)
            | Self::TakeBack(id)
            | Self::Meet(id, _) => id,
        }
    }
}

/// What is asked of stored about one message. Each may be asked again after an answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageCommand {
    /// Other words.
    Edit {
        /// The contact's id.
        who: String,
        /// Which.
        id: String,
        /// What it says from now on.
        text: String,
    },
    /// None any more.
    Delete {
        /// Which.
        id: String,
        /// Over there, too.
        both: bool,
    },
    /// The own reaction.
    React {
        /// To which.
        id: String,
        /// Empty: none.
        emoji: String,
    },
    /// How far it is.
    Info {
        /// Which.
        id: String,
    },
    /// Try once more.
    Retry {
        /// Which.
        id: String,
    },
    /// Take it back.
    Cancel {
        /// The contact's id.
        who: String,
        /// Which.
        id: String,
    },
    /// Whether one meets whom somebody introduces.
    Meet {
        /// The line that asks.
        id: String,
        /// Whether.
        yes: bool,
    },
    /// Its words to somebody.
    Forward {
        /// Which.
        id: String,
        /// To whom: the contact's id.
        who: String,
        /// What they are called.
        name: String,
        /// The new text's id.
        new_id: String,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum MessageNews {
    /// It says something else, or not.
    Edited {
        /// The contact's id.
        who: String,
        /// Which.
        id: String,
        /// What it was to say.
        text: String,
        /// As stored keeps it.
        result: Result<Message, PeerError>,
    },
    /// It is as stored keeps it now, or nothing was changed.
    Changed(Result<Message, PeerError>),
    /// It was tried once more, which may have changed nothing.
    Retried(Result<Message, PeerError>),
    /// It was taken back, or not.
    TakenBack {
        /// The contact's id.
        who: String,
        /// Which.
        id: String,
        /// Whether.
        result: Result<(), PeerError>,
    },
    /// It was handed on, or not.
    Forwarded {
        /// What they are called.
        name: String,
        /// The new text.
        result: Result<Message, PeerError>,
    },
    /// How far it is.
    Info {
        /// Which.
        id: String,
        /// How far, or why that is not known.
        result: Result<Info, PeerError>,
    },
}

impl Model {
    /// A message of the open conversation.
    #[must_use]
    pub fn message(&self, id: &str) -> Option<&Message> {
        self.chats.get(self.open_chat()?)?.message(id)
    }

    /// Whether that can be done with its message now.
    #[must_use]
    pub fn can(&self, act: &MessageAct) -> bool {
        let Some(who) = self.open_chat() else { return false };
        let (Some(contact), Some(chat)) = (self.person(who), self.chats.get(who)) else { return false };
        let Some(message) = chat.message(act.id()) else { return false };
        let text = message.note == Note::None && !message.deleted;
        let kept = chat.is_kept(act.id());
        let talks = contact.state != ContactState::Blocked;
        match act {
            MessageAct::Focus(_) => true,
            MessageAct::Reply(_) | MessageAct::React(..) | MessageAct::Reactions(_) => text && kept && talks,
            MessageAct::Edit(_) => text && kept && talks && message.mine,
            MessageAct::Copy(_) => !message.deleted,
            MessageAct::Details(_) | MessageAct::Glance(_) => kept && message.note == Note::None,
            MessageAct::Forward(_) => text && kept,
            MessageAct::Delete(_) => !chat.unconfirmed.iter().any(|id| id == act.id()),
            MessageAct::Retry(_) => {
                let ended = matches!(message.state, Delivery::Failed | Delivery::Expired);
                text && message.mine && talks && ended
            }
            MessageAct::TakeBack(_) => text && message.mine && kept && message.state == Delivery::Queued,
            MessageAct::Meet(..) => message.note == Note::Introduction,
        }
    }

    pub(super) fn with_message(&mut self, now: Timestamp, act: MessageAct) -> Vec<Command> {
        if !self.can(&act) {
            return Vec::new();
        }
        match act {
            MessageAct::Focus(id) => self.set_focus(Focus::Message(id)),
            MessageAct::Reply(id) => self.reply(id),
            MessageAct::Edit(id) => self.begin_edit(now, id),
            MessageAct::React(id, emoji) => return self.react(id, emoji),
            MessageAct::Reactions(id) => self.pick_reaction(id),
            MessageAct::Copy(id) => return self.copy_message(now, &id),
            MessageAct::Details(id) => return self.show_message_details(id, true),
            MessageAct::Glance(id) => return self.show_message_details(id, false),
            MessageAct::Forward(id) => self.choose_whom(Purpose::Forward(id)),
            MessageAct::Delete(id) => self.ask_to_delete(id),
            MessageAct::Retry(id) => return self.retry(&id),
            MessageAct::TakeBack(id) => return self.take_back(id),
            MessageAct::Meet(id, yes) => return vec![Command::Message(MessageCommand::Meet { id, yes })],
        }
        Vec::new()
    }

    fn react(&mut self, id: String, emoji: String) -> Vec<Command> {
        let own = |message: &Message| {
            message.reactions.iter().any(|reaction| reaction.mine && reaction.emoji == emoji)
        };
        let has = self.message(&id).is_some_and(own);
        let emoji = if has { String::new() } else { emoji };
        vec![Command::Message(MessageCommand::React { id, emoji })]
    }

    /// What cannot be seen of a stranger's text does not reach another program either.
    fn copy_message(&mut self, now: Timestamp, id: &str) -> Vec<Command> {
        let Some(text) = self.message(id).map(|message| visible(&message.body).0) else { return Vec::new() };
        self.notify(now, "Copied");
        vec![Command::Copy(text)]
    }

    fn take_back(&mut self, id: String) -> Vec<Command> {
        let Some(who) = self.open_chat().map(str::to_owned) else { return Vec::new() };
        let body = self.message(&id).map(|message| message.body.clone()).unwrap_or_default();
        if let Some(chat) = self.chats.get_mut(&who) {
            chat.taking_back.insert(id.clone(), body);
        }
        vec![Command::Message(MessageCommand::Cancel { who, id })]
    }

    /// What came of something that was done with a message.
    pub(super) fn message_news(&mut self, now: Timestamp, news: MessageNews) {
        // Nothing of a conversation is told on the lock screen.
        if !matches!(self.screen, Screen::Inside) {
            return;
        }
        match news {
            MessageNews::Edited { result: Ok(message), .. } | MessageNews::Changed(Ok(message)) => {
                self.keep_message(message);
            }
            MessageNews::Retried(Ok(message)) => {
                let contact = self.person(&message.contact);
                let still = contact.and_then(|contact| words::still_stuck(&message, contact));
                self.keep_message(message);
                still.into_iter().for_each(|line| self.notify(now, line));
            }
            MessageNews::Changed(Err(error)) | MessageNews::Retried(Err(error)) => {
                self.notify(now, words::failure(&error));
            }
            MessageNews::Edited { who, id, text, result: Err(error) } => {
                self.give_edit_back(&who, id, text);
                self.notify(now, words::failure(&error));
            }
            MessageNews::TakenBack { who, id, result } => self.taken_back(now, &who, &id, result),
            MessageNews::Forwarded { name, result } => match result {
                Ok(message) => {
                    self.keep_message(message);
                    self.notify(now, words::forwarded(&name));
                }
                Err(error) => self.notify(now, words::failure(&error)),
            },
            MessageNews::Info { id, result } => self.info_is(&id, result),
        }
    }

    fn taken_back(&mut self, now: Timestamp, who: &str, id: &str, result: Result<(), PeerError>) {
        let body = self.chats.get_mut(who).and_then(|chat| chat.taking_back.remove(id));
        match result {
            Ok(()) => {
                self.message_gone(who, id);
                self.give_text_back(who, &body.unwrap_or_default());
                self.notify(now, words::TAKEN_BACK);
            }
            Err(error) => self.notify(now, words::failure(&error)),
        }
    }

    fn info_is(&mut self, id: &str, result: Result<Info, PeerError>) {
        if let Ok(info) = &result
            && let Some(chat) = self.chats.get_mut(&info.contact)
        {
            chat.informed(info);
        }
        if let Some(Over::Details(details)) = &mut self.over
            && details.id == id
        {
            details.told = Some(result);
        }
    }

    /// A message is not there any more: nothing points at it.
    pub(super) fn message_gone(&mut self, who: &str, id: &str) {
        let Some(chat) = self.chats.get_mut(who) else { return };
        let at = chat.messages.iter().position(|message| message.id == id);
        chat.remove(id);
        if chat.refused.remove(id) {
            // What is left of it in stored goes with the last one.
            chat.draft_refused &= !chat.refused.is_empty();
        }
        let next = at.and_then(|at| chat.messages.get(at).or(chat.messages.last()));
        let next = next.map(|message| message.id.clone());
        if chat.focused.as_deref() == Some(id) {
            chat.focused.clone_from(&next);
        }
        self.composed_gone(who, id);
        if self.open_chat() != Some(who) {
            return;
        }
        if self.over.as_ref().is_some_and(|over| over.is_about(id)) {
            self.close_over();
        }
        if self.question.as_ref().is_some_and(|question| question.is_about(id)) {
            self.keep();
        }
        if *self.focus() == Focus::Message(id.to_owned()) {
            self.set_focus(next.map_or(Focus::None, Focus::Message));
        }
    }
}

impl From<MessageNews> for News {
    fn from(news: MessageNews) -> Self {
        Self::Message(news)
    }
}
