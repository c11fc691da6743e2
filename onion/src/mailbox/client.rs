//! The client's half: turns calls into requests and a relay's replies into results. One per stream. It never repeats anything by itself:
//! when a circuit dies its caller opens another and repeats, for all commands are idempotent.

use std::collections::BTreeMap;

use ipc_schema::edge::stored_onion::{Done, Refused};
use ipc_schema::limits::{CHUNKS_UNANSWERED_MAX, ENVELOPES_PER_ANSWER_MAX};

use super::message::{Answer, Call, ChunkWaiting, Created, Misbehaved, Reply, Request, Signed, Waiting};

/// Requests that wait for an answer on one stream. An honest caller waits for most of its answers.
pub const PENDING_MAX: usize = 256;

/// Names a request on its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// Why a request was not made. The caller is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// An envelope, blob, list or authenticator has another size than the service takes.
    #[error("argument of a wrong size")]
    Size,
    /// Too many wait already.
    #[error("too many requests wait")]
    TooMany,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing but how it ended.
    Answer(Answer),
    /// To `create`.
    Created(Created),
    /// To `create`: prove that many bits and repeat.
    MoreWork(u8),
    /// To `collect`, all parts.
    Envelopes(Vec<Waiting>),
    /// To `secure+read`.
    Blob(Vec<u8>),
}

impl Outcome {
    /// What stored is told of a command.
    ///
    /// # Errors
    /// The relay's word for not doing it.
    pub fn done(self) -> Result<Done, Refused> {
        match self {
            Self::Answer(answer) => answer.told().map(|()| Done::Plain),
            Self::Blob(blob) => Ok(Done::Blob(blob)),
            // Never asked for over that edge.
            Self::Created(_) | Self::Envelopes(_) | Self::MoreWork(_) => Err(Refused::Policy),
        }
    }

    /// What stored is told of a new queue.
    ///
    /// # Errors
    /// The relay's word for not making one.
    pub fn created(self) -> Result<Created, Refused> {
        match self {
            Self::Created(created) => Ok(created),
            Self::Answer(answer) => Err(answer.told().err().unwrap_or(Refused::Policy)),
            // More work than is done for anyone, or what was never asked for.
            Self::MoreWork(_) | Self::Blob(_) | Self::Envelopes(_) => Err(Refused::Policy),
        }
    }
}

/// What a relay's message meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request ended.
    Answered(RequestId, Outcome),
    /// An envelope of a subscription.
    Pushed(RequestId, Waiting),
    /// A chunk of a subscription, or one that was fetched.
    Chunk(RequestId, ChunkWaiting),
    /// A part of an answer; more follows.
    Partial,
}

/// The parts of an answer that came so far, of at most `max` envelopes.
#[derive(Debug)]
struct Collected {
    max: usize,
    got: Vec<Waiting>,
}

#[derive(Debug)]
enum Asked {
    Create,
    Plain,
    Subscribe(Of),
    Collect(Collected),
    Read,
    Put,
    /// These have not come yet.
    Fetch(Vec<[u8; 16]>),
}

/// What a subscription brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Envelopes,
    Chunks,
}

/// The client's half of one stream.
#[derive(Debug, Default)]
pub struct Client {
    last: u32,
    pending: BTreeMap<u32, Asked>,
    subscriptions: BTreeMap<u32, Of>,
}

impl Client {
    fn ask(&mut self, asked: Asked, request: &Request) -> Result<(RequestId, Vec<u8>), NotSent> {
        if self.pending.len() >= PENDING_MAX {
            return Err(NotSent::TooMany);
        }
        self.last = self.last.checked_add(1).ok_or(NotSent::TooMany)?;
        self.pending.insert(self.last, asked);
        Ok((RequestId(self.last), request.pack(self.last)))
    }

    /// A new queue. The message is to be sent on the stream.
    ///
    /// # Errors
    /// [`NotSent`].
    pub fn create(&mut self, receiver_key: [u8; 32], work: u64) -> Result<(RequestId, Vec<u8>), NotSent> {
        self.ask(Asked::Create, &Request::Create { receiver_key, work })
    }

    /// Any other command. The message is to be sent on the stream.
    ///
    /// # Errors
    /// [`NotSent`].
    pub fn command(&mut self, signed: Signed) -> Result<(RequestId, Vec<u8>), NotSent> {
        if !signed.fits() {
            return Err(NotSent::Size);
        }
        let asked = match &signed.call {
            Call::Subscribe => Asked::Subscribe(Of::Envelopes),
            Call::SubscribeChunks => Asked::Subscribe(Of::Chunks),
            Call::Collect { max } => Asked::Collect(Collected { max: usize::from(*max), got: Vec::new() }),
            Call::SecureRead { .. } => Asked::Read,
            Call::PutChunk { .. } if self.puts() >= CHUNKS_UNANSWERED_MAX => return Err(NotSent::TooMany),
            Call::PutChunk { .. } => Asked::Put,
            Call::FetchChunks { chunks } => Asked::Fetch(chunks.clone()),
            _ => Asked::Plain,
        };
        self.ask(asked, &Request::Signed(signed))
    }

    /// Chunks on their way out.
    fn puts(&self) -> usize {
        self.pending.values().filter(|asked| matches!(asked, Asked::Put)).count()
    }

    /// How many requests wait for their answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Whether the stream carries a subscription.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// Whether that request is a subscription that stands.
    #[must_use]
    pub fn is_subscription(&self, request: RequestId) -> bool {
        self.subscriptions.contains_key(&request.0)
    }

    /// A message of the relay.
    ///
    /// # Errors
    /// [`Misbehaved`]: close the circuit, the relay is to blame.
    pub fn received(&mut self, untrusted: &[u8]) -> Result<Event, Misbehaved> {
        let (id, reply) = Reply::parse(untrusted)?;
        let reply = match (reply, self.subscriptions.get(&id)) {
            (Reply::Push(waiting), Some(Of::Envelopes)) => return Ok(Event::Pushed(RequestId(id), waiting)),
            (Reply::Chunk(chunk), Some(Of::Chunks)) => return Ok(Event::Chunk(RequestId(id), chunk)),
            (Reply::Chunk(chunk), None) => return self.fetched(id, chunk),
            (Reply::Push(_) | Reply::Chunk(_), _) => return Err(Misbehaved::NotAsked),
            (reply, _) => reply,
        };
        let asked = self.pending.remove(&id).ok_or(Misbehaved::NotAsked)?;
        let outcome = match (asked, reply) {
            (Asked::Create, Reply::Created(created)) => Outcome::Created(created),
            (Asked::Create, Reply::MoreWork(bits)) => Outcome::MoreWork(bits),
            // Only these commands have an answer of their own when they succeed.
            (Asked::Create | Asked::Read | Asked::Collect(_), Reply::Answer(Answer::Ok)) => {
                return Err(Misbehaved::NotAsked);
            }
            (Asked::Subscribe(of), Reply::Answer(Answer::Ok)) => {
                self.subscriptions.insert(id, of);
                Outcome::Answer(Answer::Ok)
            }
            (_, Reply::Answer(answer)) => Outcome::Answer(answer),
            (Asked::Read, Reply::Blob(blob)) => Outcome::Blob(blob),
            (Asked::Collect(so_far), Reply::Envelopes { more, envelopes }) => {
                return self.part(id, so_far, more, envelopes);
            }
            _ => return Err(Misbehaved::NotAsked),
        };
        Ok(Event::Answered(RequestId(id), outcome))
    }

    /// One of the chunks that were asked for by name: each comes once.
    fn fetched(&mut self, id: u32, chunk: ChunkWaiting) -> Result<Event, Misbehaved> {
        let Some(Asked::Fetch(left)) = self.pending.get_mut(&id) else { return Err(Misbehaved::NotAsked) };
        let at = left.iter().position(|wanted| *wanted == chunk.id).ok_or(Misbehaved::NotAsked)?;
        left.remove(at);
        Ok(Event::Chunk(RequestId(id), chunk))
    }

    fn part(
        &mut self,
        id: u32,
        Collected { max, mut got }: Collected,
        more: bool,
        envelopes: Vec<Waiting>,
    ) -> Result<Event, Misbehaved> {
        // A part that brings nothing and promises more would never end.
        if more && envelopes.is_empty() {
            return Err(Misbehaved::NotAsked);
        }
        got.extend(envelopes);
        if got.len() > max.min(ENVELOPES_PER_ANSWER_MAX) {
            return Err(Misbehaved::NotAsked);
        }
        if more {
            self.pending.insert(id, Asked::Collect(Collected { max, got }));
            return Ok(Event::Partial);
        }
        Ok(Event::Answered(RequestId(id), Outcome::Envelopes(got)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::message::Authenticator;
    use ipc_schema::limits::{CHUNK_BYTES, ENVELOPE_BYTES};
    use proptest::prelude::*;

    fn ask(client: &mut Client, call: Call) -> u32 {
        let authenticator =
            if call.is_senders() { Authenticator::Mac([0; 32]) } else { Authenticator::Signature([0; 64]) };
        client.command(Signed { queue: [1; 24], counter: 1, authenticator, call }).unwrap().0.0
    }

    fn waiting() -> Waiting {
        Waiting { id: [1; 16], sender_key: [2; 32], envelope: vec![3; ENVELOPE_BYTES] }
    }

    #[test]
    fn answers_find_their_requests_in_any_order() {
        let mut client = Client::default();
        let (first, second) = (ask(&mut client, Call::Delete), ask(&mut client, Call::Delete));
        for (id, answer) in [(second, Answer::Full), (first, Answer::Ok)] {
            let event = client.received(&Reply::Answer(answer).pack(id)).unwrap();
            assert_eq!(event, Event::Answered(RequestId(id), Outcome::Answer(answer)));
        }
        assert_eq!(client.waiting(), 0);
    }

    #[test]
    fn an_answer_to_nothing_twice_or_of_another_kind_is_the_relays_fault() {
        let mut client = Client::default();
        let answer = |id| Reply::Answer(Answer::Ok).pack(id);
        assert_eq!(client.received(&answer(1)), Err(Misbehaved::NotAsked));
        let id = ask(&mut client, Call::Delete);
        client.received(&answer(id)).unwrap();
        assert_eq!(client.received(&answer(id)), Err(Misbehaved::NotAsked));
        for reply in [
            Reply::Blob(vec![1]),
            Reply::MoreWork(1),
            Reply::Envelopes { more: false, envelopes: Vec::new() },
        ] {
            let id = ask(&mut client, Call::Delete);
            assert_eq!(client.received(&reply.pack(id)), Err(Misbehaved::NotAsked));
        }
        let id = ask(&mut client, Call::SecureRead { blob_id: [0; 32], sender_key: [0; 32] });
        assert_eq!(client.received(&answer(id)), Err(Misbehaved::NotAsked));
    }

    #[test]
    fn nothing_is_pushed_before_a_subscription_stands() {
        let mut client = Client::default();
        let id = ask(&mut client, Call::Subscribe);
        assert_eq!(client.received(&Reply::Push(waiting()).pack(id)), Err(Misbehaved::NotAsked));
        client.received(&Reply::Answer(Answer::Ok).pack(id)).unwrap();
        assert!(client.is_subscribed());
        assert_eq!(
            client.received(&Reply::Push(waiting()).pack(id)),
            Ok(Event::Pushed(RequestId(id), waiting()))
        );
    }

    #[test]
    fn parts_come_together_and_more_than_was_asked_is_refused() {
        let mut client = Client::default();
        let id = ask(&mut client, Call::Collect { max: 3 });
        let part = |more, count| Reply::Envelopes { more, envelopes: vec![waiting(); count] };
        assert_eq!(client.received(&part(true, 2).pack(id)), Ok(Event::Partial));
        let event = client.received(&part(false, 1).pack(id)).unwrap();
        assert_eq!(event, Event::Answered(RequestId(id), Outcome::Envelopes(vec![waiting(); 3])));
        let id = ask(&mut client, Call::Collect { max: 1 });
        assert_eq!(client.received(&part(false, 2).pack(id)), Err(Misbehaved::NotAsked));
        let id = ask(&mut client, Call::Collect { max: 9 });
        assert_eq!(client.received(&part(true, 0).pack(id)), Err(Misbehaved::NotAsked));
    }

    #[test]
    fn a_chunk_comes_once_for_its_name_or_on_a_subscription_of_chunks() {
        let mut client = Client::default();
        let chunk = |number| ChunkWaiting { id: [number; 16], chunk: vec![number; CHUNK_BYTES] };
        let come = |client: &mut Client, id, number| client.received(&Reply::Chunk(chunk(number)).pack(id));
        let id = ask(&mut client, Call::FetchChunks { chunks: vec![[1; 16], [2; 16]] });
        assert_eq!(come(&mut client, id, 2), Ok(Event::Chunk(RequestId(id), chunk(2))));
        assert_eq!(come(&mut client, id, 2), Err(Misbehaved::NotAsked), "twice");
        assert_eq!(come(&mut client, id, 3), Err(Misbehaved::NotAsked), "never named");
        let ok = Reply::Answer(Answer::Ok);
        let done = Event::Answered(RequestId(id), Outcome::Answer(Answer::Ok));
        assert_eq!(client.received(&ok.pack(id)), Ok(done), "the other does not lie there");
        assert_eq!(come(&mut client, id, 1), Err(Misbehaved::NotAsked), "after the answer");
        let id = ask(&mut client, Call::SubscribeChunks);
        assert_eq!(come(&mut client, id, 1), Err(Misbehaved::NotAsked), "before its answer");
        client.received(&ok.pack(id)).unwrap();
        assert_eq!(come(&mut client, id, 1), Ok(Event::Chunk(RequestId(id), chunk(1))));
        let envelope = Reply::Push(waiting()).pack(id);
        assert_eq!(client.received(&envelope), Err(Misbehaved::NotAsked), "no subscription of envelopes");
        let envelopes = ask(&mut client, Call::Subscribe);
        client.received(&ok.pack(envelopes)).unwrap();
        assert_eq!(come(&mut client, envelopes, 1), Err(Misbehaved::NotAsked), "nor one of chunks");
    }

    #[test]
    fn a_window_or_two_of_chunks_are_on_their_way_and_no_more() {
        let mut client = Client::default();
        let put = |client: &mut Client| {
            let call = Call::PutChunk { chunk_id: [1; 16], chunk: vec![2; CHUNK_BYTES] };
            let authenticator = Authenticator::Mac([0; 32]);
            client.command(Signed { queue: [1; 24], counter: 1, authenticator, call })
        };
        for _ in 0..CHUNKS_UNANSWERED_MAX {
            put(&mut client).unwrap();
        }
        assert_eq!(put(&mut client).unwrap_err(), NotSent::TooMany);
        client.received(&Reply::Answer(Answer::Full).pack(1)).unwrap();
        put(&mut client).unwrap();
    }

    #[test]
    fn wrong_sizes_are_not_sent_and_what_waits_is_bounded() {
        let mut client = Client::default();
        let call = Call::Deposit { put_id: [0; 16], envelope: vec![0; 4_095] };
        let signed = Signed { queue: [1; 24], counter: 1, authenticator: Authenticator::Mac([0; 32]), call };
        assert_eq!(client.command(signed).unwrap_err(), NotSent::Size);
        for _ in 0..PENDING_MAX {
            client.create([0; 32], 0).unwrap();
        }
        assert_eq!(client.create([0; 32], 0).unwrap_err(), NotSent::TooMany);
    }

    proptest! {
        #[test]
        fn a_hostile_relay_makes_no_client_panic(
            messages in prop::collection::vec((0_u8..9, 0_u32..8, prop::collection::vec(any::<u8>(), 0..100)), 0..20)
        ) {
            let mut client = Client::default();
            ask(&mut client, Call::Subscribe);
            ask(&mut client, Call::Collect { max: 5 });
            ask(&mut client, Call::SubscribeChunks);
            ask(&mut client, Call::FetchChunks { chunks: vec![[1; 16]; 4] });
            ask(&mut client, Call::SecureRead { blob_id: [0; 32], sender_key: [0; 32] });
            client.create([0; 32], 0).unwrap();
            for (kind, id, rest) in messages {
                let message = [&[1, kind][..], &id.to_be_bytes(), &rest].concat();
                let _ = client.received(&message);
            }
            prop_assert!(client.waiting() <= 6);
        }
    }
}
