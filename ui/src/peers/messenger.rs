//! ui → stored: conversations (`ipc_schema::edge::ui_stored`).

use std::rc::Rc;

use ipc_schema::edge::ui_stored::{Event, Match, Message, Messages, Place, Refusal, Search, Watch};
use ipc_schema::edge::{Call, offer};
use ipc_schema::edges::ui_stored_capnp::{match_sink, message_sink, messenger, watcher};
use tokio::sync::mpsc;

use super::PeerError;

/// Rows on their way from stored at a time.
pub(super) const UNDERWAY: usize = 64;

/// stored lets go of a sink as soon as it has answered.
const LET_GO: std::time::Duration = std::time::Duration::from_secs(10);

/// Follow from now on, without what was.
pub const FROM_NOW: u64 = u64::MAX;

/// The edge to stored.
#[derive(Clone)]
pub struct Messenger {
    client: messenger::Client,
}

impl Messenger {
    /// Speaks over `client`.
    #[must_use]
    pub fn new(client: messenger::Client) -> Self {
        Self { client }
    }

    /// Makes a call. After `Lost` it may have happened, and is repeated with the same id only, where it has one.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn call<C>(&self, call: C) -> Result<C::Answer, PeerError>
    where
        C: Call<Client = messenger::Client, Error: Into<Refusal>>,
    {
        // More than anybody types: it would cost the edge.
        let answer = offer(&self.client, &call).map_err(|_| PeerError::Refused(Refusal::TooLong))?;
        drop(call);
        answer.await?.map_err(|error| PeerError::Refused(error.into()))
    }

    /// At most `limit` texts with somebody at a place of the conversation, oldest first. All or nothing.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn messages(&self, who: &str, limit: u32, place: Place) -> Result<Vec<Message>, PeerError> {
        let (sink, rows) = mpsc::channel(UNDERWAY);
        let sink = capnp_rpc::new_client(Sink(sink));
        let asked = self.call(Messages::of(who.into(), limit, place, sink));
        Ok(streamed(asked, rows).await?.1)
    }

    /// Of the texts that hold all of `text` the newest `limit`, the newest first: with somebody, or with everybody where `who` is empty;
    /// those before the text `before` where that is not empty. All or nothing; with them the text to go on before, or nothing.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn search(
        &self,
        text: &str,
        who: &str,
        limit: u32,
        before: &str,
    ) -> Result<(String, Vec<Match>), PeerError> {
        let (sink, rows) = mpsc::channel(UNDERWAY);
        let sink = capnp_rpc::new_client(Matches(sink));
        let search = Search { text: text.into(), who: who.into(), limit, before: before.into(), sink };
        streamed(self.call(search), rows).await
    }

    /// Follows changes after number `since`, at least once each, until the receiver of `events` is dropped or the edge breaks.
    /// Tells the newest number.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn watch(&self, since: u64, events: mpsc::Sender<Event>) -> Result<u64, PeerError> {
        self.call(Watch { watcher: capnp_rpc::new_client(Events(events)), since }).await
    }
}

/// What a call answered, with all that it handed over meanwhile.
pub(super) async fn streamed<A, T>(
    asked: impl Future<Output = Result<A, PeerError>>,
    mut rows: mpsc::Receiver<T>,
) -> Result<(A, Vec<T>), PeerError> {
    tokio::pin!(asked);
    let mut taken = Vec::new();
    loop {
        tokio::select! {
            biased;
            Some(row) = rows.recv() => taken.push(row),
            answer = &mut asked => {
                let answer = answer?;
                // What was streamed may still wait for room here; the channel ends when stored lets go of the sink.
                let rest = async { while let Some(row) = rows.recv().await { taken.push(row) } };
                tokio::time::timeout(LET_GO, rest).await.map_err(|_| PeerError::Misbehaved)?;
                return Ok((answer, taken));
            }
        }
    }
}

struct Sink(mpsc::Sender<Message>);

impl message_sink::Server for Sink {
    async fn message(self: Rc<Self>, params: message_sink::MessageParams) -> Result<(), capnp::Error> {
        taken(Message::read(params.get()?.get_message()?).ok(), &self.0).await
    }
}

struct Matches(mpsc::Sender<Match>);

impl match_sink::Server for Matches {
    async fn found(self: Rc<Self>, params: match_sink::FoundParams) -> Result<(), capnp::Error> {
        taken(Match::read(params.get()?.get_match()?).ok(), &self.0).await
    }
}

struct Events(mpsc::Sender<Event>);

impl watcher::Server for Events {
    async fn event(self: Rc<Self>, params: watcher::EventParams) -> Result<(), capnp::Error> {
        taken(Event::read(params.get()?.get_event()?).ok(), &self.0).await
    }
}

/// Free text never crosses an edge.
pub(super) async fn taken<T>(told: Option<T>, to: &mpsc::Sender<T>) -> Result<(), capnp::Error> {
    let told = told.ok_or_else(|| capnp::Error::failed(String::new()))?;
    to.send(told).await.map_err(|_| capnp::Error::disconnected(String::new()))
}
