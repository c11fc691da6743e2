//! What is being written on its way to stored: the newest text of each conversation, and nothing is locked before it is there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::edge::ui_stored::{Draft, Refusal};
use privatus::peers::PeerError;
use tokio::sync::watch;

use super::{RETRY_EVERY, Worker};
use crate::model::News;

/// A lock or an end waits so long for what is being written, and no longer: a stored that is stuck must not keep keys in memory.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(1);

/// What was not answered yet.
pub(super) struct Drafts {
    /// By contact id, each with its number: what is asked for while another is under way comes after it.
    texts: RefCell<BTreeMap<String, (u64, String)>>,
    /// How many were ever asked for, and how many wait.
    state: watch::Sender<(u64, usize)>,
}

impl Default for Drafts {
    fn default() -> Self {
        Self { texts: RefCell::default(), state: watch::Sender::new((0, 0)) }
    }
}

impl Drafts {
    /// Keeps `text` in place of any other that waits for the same conversation.
    pub fn put(&self, who: String, text: String) {
        self.state.send_modify(|(asked, waiting)| {
            *asked += 1;
            let mut texts = self.texts.borrow_mut();
            texts.insert(who, (*asked, text));
            *waiting = texts.len();
        });
    }

    /// Nothing waits any more.
    pub async fn settled(&self) {
        // The sender is this one's own.
        let _ = self.state.subscribe().wait_for(|(_, waiting)| *waiting == 0).await;
    }

    /// The same, or [`WAIT_MAX`] went by.
    pub async fn settled_soon(&self) {
        let _ = tokio::time::timeout(WAIT_MAX, self.settled()).await;
    }

    fn next(&self) -> Option<(String, u64, String)> {
        let texts = self.texts.borrow();
        let (who, (number, text)) = texts.first_key_value()?;
        Some((who.clone(), *number, text.clone()))
    }

    /// The one with that number is over; a newer one stays.
    fn done(&self, who: &str, number: u64) {
        self.state.send_modify(|(_, waiting)| {
            let mut texts = self.texts.borrow_mut();
            if texts.get(who).is_some_and(|(newest, _)| *newest == number) {
                texts.remove(who);
            }
            *waiting = texts.len();
        });
    }
}

impl Worker {
    /// One after the other, each until stored takes or refuses it: a repeat is harmless.
    pub(super) async fn keep_drafts(self: Rc<Self>) {
        let mut state = self.drafts.state.subscribe();
        loop {
            let Some((who, number, text)) = self.drafts.next() else {
                // The sender is this worker's own.
                let _ = state.wait_for(|(_, waiting)| *waiting > 0).await;
                continue;
            };
            match self.messenger().await.call(Draft { who: who.clone(), set: true, text }).await {
                Err(PeerError::Lost) => {
                    tokio::time::sleep(RETRY_EVERY).await;
                    continue;
                }
                // Locked from elsewhere, or the conversation is gone: nobody is there to be told.
                Err(PeerError::Refused(Refusal::Locked | Refusal::NoSuchContact)) => {}
                other => self.failed(other.map(drop)),
            }
            self.drafts.done(&who, number);
        }
    }

    /// What stored keeps, once it has what was asked for before.
    pub(super) async fn draft(&self, who: String) {
        self.drafts.settled().await;
        let text = loop {
            let call = Draft { who: who.clone(), set: false, text: String::new() };
            match self.messenger().await.call(call).await {
                Err(PeerError::Lost) => tokio::time::sleep(RETRY_EVERY).await,
                Ok(text) => break text,
                // There is nothing to be shown then.
                Err(_) => return,
            }
        };
        self.tell.news(News::Draft { who, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_text_is_kept_and_nothing_is_settled_before_it() {
        let drafts = Drafts::default();
        drafts.settled().await;
        drafts.put("a".into(), "one".into());
        let (who, number, text) = drafts.next().unwrap();
        assert_eq!((who.as_str(), text.as_str()), ("a", "one"));
        // Typed while the first is under way.
        drafts.put("a".into(), "one two".into());
        drafts.put("b".into(), "other".into());
        drafts.done("a", number);
        let waits = |drafts: &Drafts| drafts.state.borrow().1;
        assert_eq!(waits(&drafts), 2);
        let (_, number, text) = drafts.next().unwrap();
        assert_eq!(text, "one two");
        drafts.done("a", number);
        let (who, number, _) = drafts.next().unwrap();
        assert_eq!(who, "b");
        drafts.done("b", number);
        assert_eq!((waits(&drafts), drafts.next()), (0, None));
        drafts.settled().await;
    }
}
