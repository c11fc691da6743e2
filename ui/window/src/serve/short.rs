//! What the user does about a short string.

use ipc_schema::edge::ui_stored::{CompareShort, ShortAction};

use super::Worker;
use crate::model::News;

impl Worker {
    pub(super) async fn short(&self, who: String, action: ShortAction) {
        let looks = action == ShortAction::Look;
        // What changes later comes as a change of the contact.
        let result = self.messenger().await.call(CompareShort { who: who.clone(), action, wait_ms: 0 }).await;
        // Where it was only looked at, the next change has it looked at again.
        if !looks || result.is_ok() {
            self.tell.news(News::Short { who, result });
        }
    }
}
