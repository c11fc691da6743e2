//! What is done with the texts of a conversation: unfolded, selected, copied, their links looked at.

use super::{Act, Command, Focus, Model, TextAct};

impl Model {
    /// The link whose card is shown.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    pub(super) fn act_on_text(&mut self, act: TextAct) -> Vec<Command> {
        match act {
            TextAct::ShowAll(id) => self.unfold(id, true),
            TextAct::ShowLess(id) => self.unfold(id, false),
            TextAct::Link(address) => {
                self.link = Some(address);
                self.set_focus(Focus::Act(Act::Text(TextAct::CopyAddress)));
            }
            TextAct::CopyAddress => {
                let address = self.link.clone();
                self.close_link();
                return address.map(Command::Copy).into_iter().collect();
            }
            TextAct::CloseLink => self.close_link(),
            TextAct::CopySelection => return self.copy_selection(),
            TextAct::SelectAll => self.select_all(),
        }
        Vec::new()
    }

    /// Another conversation, or none, is shown.
    pub(super) fn leave_texts(&mut self) {
        self.selection = None;
        self.link = None;
    }

    fn close_link(&mut self) {
        if let Some(address) = self.link.take() {
            self.set_focus(Focus::Act(Act::Text(TextAct::Link(address))));
        }
    }

    fn unfold(&mut self, id: String, whole: bool) {
        let Some(chat) = self.open_chat().map(str::to_owned).and_then(|open| self.chats.get_mut(&open))
        else {
            return;
        };
        // What had the keyboard goes, and the other one comes in its place.
        let other = if whole {
            chat.whole.insert(id.clone());
            Act::Text(TextAct::ShowLess(id))
        } else {
            chat.whole.remove(&id);
            Act::Text(TextAct::ShowAll(id))
        };
        self.set_focus(Focus::Act(other));
    }
}
