//! Two contacts are asked whether they want to meet, until stored has answered.

use ipc_schema::edge::ui_stored::{Introduce, Refusal};
use privatus::peers::PeerError;

use super::{RETRY_EVERY, Worker};
use crate::model::News;

impl Worker {
    pub(super) async fn introduce(&self, who: String, other: String) {
        let result = self.both_asked(&Introduce { who, other }).await;
        self.tell.news(News::Introduced(result));
    }

    /// A repeat is refused: two that were asked already after a lost answer were asked by the call that lost it.
    async fn both_asked(&self, call: &Introduce) -> Result<(), PeerError> {
        let mut lost = false;
        loop {
            match self.messenger().await.call(call.clone()).await {
                Err(PeerError::Lost) => {
                    lost = true;
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Err(PeerError::Refused(Refusal::AlreadyOpen)) if lost => return Ok(()),
                other => return other,
            }
        }
    }
}
