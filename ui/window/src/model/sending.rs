//! Own texts on their way to stored: shown at once, kept when stored says so, and tried again.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Delivery, Message, Place};

use super::composing::Composing;
use super::message::MessageCommand;
use super::{Command, Model, words};

impl Model {
    pub(super) fn send(&mut self, now: Timestamp, fresh_id: &str) -> Vec<Command> {
        if let Some(contact) = self.blocked_chat() {
            let line = words::cannot_write(contact);
            self.notify(now, line);
            return Vec::new();
        }
        let Some(who) = self.open_chat().map(str::to_owned) else { return Vec::new() };
        if let Composing::Edit(id) = self.composing().clone() {
            return self.save_edit(now, who, id);
        }
        let Some(text) = self.written(now) else { return Vec::new() };
        let message = Message {
            mine: true,
            sent_at: now,
            body: text,
            reply_to: self.take_reply(),
            // Behind all others, until stored says where.
            position: i64::MAX,
            ..Message::of(fresh_id, who)
        };
        self.place(message)
    }

    /// Shows a text at once, at the end; it counts as kept only when stored says so.
    fn place(&mut self, message: Message) -> Vec<Command> {
        self.scroll = 0;
        self.reading.wanted = None;
        self.jumps();
        let leaves = self.chats.get(&message.contact).is_some_and(|chat| chat.newer);
        let mut asked = if leaves { self.load(Place::Newest) } else { Vec::new() };
        let chat = self.chats.entry(message.contact.clone()).or_default();
        chat.unread_at_opening = 0;
        if leaves {
            chat.leave_for_the_end();
        }
        chat.unconfirmed.push(message.id.clone());
        let Message { id, contact: who, body: text, reply_to, .. } = message.clone();
        chat.messages.push(message);
        asked.push(Command::Send { who, id, text, reply_to });
        asked
    }

    /// What failed or expired is tried once more: by stored, which keeps it, or, where stored never took it, by offering it again. The id
    /// stays, so that no second text comes of it.
    pub(super) fn retry(&mut self, id: &str) -> Vec<Command> {
        let Some(who) = self.open_chat().map(str::to_owned) else { return Vec::new() };
        let Some(chat) = self.chats.get_mut(&who) else { return Vec::new() };
        if !chat.refused.remove(id) {
            return vec![Command::Message(MessageCommand::Retry { id: id.to_owned() })];
        }
        let Some(at) = chat.messages.iter().position(|message| message.id == id) else { return Vec::new() };
        let mut message = chat.messages.remove(at);
        message.state = Delivery::Queued;
        // What it answers may be gone meanwhile, and is no reason to keep it back.
        if chat.message(&message.reply_to).is_none_or(|answered| answered.deleted) {
            message.reply_to = String::new();
        }
        self.place(message)
    }
}
