//! What is done with one message, until stored has answered: each of these calls may be repeated after its answer was lost.

use ipc_schema::edge::Call;
use ipc_schema::edge::ui_stored::{
    AnswerIntroduction, AskInfo, CancelText, DeleteText, EditText, ForwardText, React, Refusal, RetryText,
};
use ipc_schema::edges::ui_stored_capnp::messenger;
use privatus::peers::PeerError;

use super::{RETRY_EVERY, Worker};
use crate::model::{MessageCommand, MessageNews};

impl Worker {
    pub(super) async fn with_message(&self, command: MessageCommand) {
        let news = match command {
            MessageCommand::Edit { who, id, text } => {
                let result = self.answered(EditText { id: id.clone(), text: text.clone() }).await;
                MessageNews::Edited { who, id, text, result }
            }
            MessageCommand::Delete { id, both } => {
                let deleted = self.answered(DeleteText { id, both }).await;
                return self.failed(deleted);
            }
            MessageCommand::Meet { id, yes } => {
                let answered = self.answered(AnswerIntroduction { id, yes, name: String::new() }).await;
                return self.failed(answered);
            }
            MessageCommand::React { id, emoji } => {
                MessageNews::Changed(self.answered(React { id, emoji }).await)
            }
            MessageCommand::Info { id } => {
                let result = self.answered(AskInfo { id: id.clone() }).await;
                MessageNews::Info { id, result }
            }
            MessageCommand::Retry { id } => MessageNews::Retried(self.answered(RetryText { id }).await),
            MessageCommand::Cancel { who, id } => {
                let result = self.taken_back(&id).await;
                MessageNews::TakenBack { who, id, result }
            }
            MessageCommand::Forward { id, who, name, new_id } => {
                let result = self.answered(ForwardText { id, who, new_id }).await;
                MessageNews::Forwarded { name, result }
            }
        };
        self.tell.news(news.into());
    }

    async fn answered<C>(&self, call: C) -> Result<C::Answer, PeerError>
    where
        C: Call<Client = messenger::Client, Error: Into<Refusal>> + Clone,
    {
        loop {
            match self.messenger().await.call(call.clone()).await {
                Err(PeerError::Lost) => tokio::time::sleep(RETRY_EVERY).await,
                other => return other,
            }
        }
    }

    /// The one call whose repeat is refused: a text that is gone after a lost answer was taken back.
    async fn taken_back(&self, id: &str) -> Result<(), PeerError> {
        let mut lost = false;
        loop {
            match self.messenger().await.call(CancelText { id: id.to_owned() }).await {
                Err(PeerError::Lost) => {
                    lost = true;
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Err(PeerError::Refused(Refusal::NoSuchMessage)) if lost => return Ok(()),
                other => return other,
            }
        }
    }
}
