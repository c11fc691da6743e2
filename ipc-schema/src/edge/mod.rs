//! What may be said on an edge, one room an edge: each call as a struct with its answer and an error type of its own, and the only
//! place where it is turned into Cap'n Proto and back. Servers and clients are a line a call.
//!
//! A room belongs to the file in `edges/` of the same name, which says what the calls mean.

#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod macros;
pub mod onion_netd;
pub mod onion_stored;
pub mod operator_onion;
pub mod stored_keyvault;
pub mod stored_mediad;
pub mod stored_onion;
pub mod ui_keyvault;
pub mod ui_stored;
mod value;

use std::cell::OnceCell;
use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;

use capnp::capability::{Client, FromServer, FromTypelessPipeline, Request, StreamingRequest};
use capnp::traits::{Owned, Pipelined};
use tokio::task::{AbortHandle, JoinHandle};

use crate::ends::EdgeEnds;

/// One method of an edge.
pub trait Call: Sized {
    /// What comes of it where nothing is wrong.
    type Answer;
    /// What else can come of it: what this method can answer, and nothing that another can.
    type Error;
    /// The capability that has it.
    type Client;
    /// Its arguments on the wire.
    type Params: Owned;
    /// Its results on the wire.
    type Results: Pipelined<Pipeline: FromTypelessPipeline> + Owned + Unpin + 'static;

    /// An empty request.
    fn request(client: &Self::Client) -> Request<Self::Params, Self::Results>;

    /// Writes the arguments.
    fn write(&self, to: Builder<'_, Self::Params>);

    /// Reads the arguments, every limit checked.
    ///
    /// # Errors
    /// [`Malformed`].
    fn read(from: Reader<'_, Self::Params>) -> Read<Self>;

    /// Writes what came of it.
    fn write_outcome(outcome: &Outcome<Self>, to: Builder<'_, Self::Results>);

    /// Reads what came of it, every limit checked.
    ///
    /// # Errors
    /// [`Malformed`].
    fn read_outcome(from: Reader<'_, Self::Results>) -> Read<Outcome<Self>>;
}

/// What is handed over piece by piece: in order, as fast as the other side takes it, and answered by nothing.
pub trait Streamed: Sized {
    /// The capability that takes it.
    type Client;
    /// A piece on the wire.
    type Params: Owned;

    /// An empty piece.
    fn request(client: &Self::Client) -> StreamingRequest<Self::Params>;

    /// Writes it.
    fn write(&self, to: Builder<'_, Self::Params>);

    /// Reads it, every limit checked.
    ///
    /// # Errors
    /// [`Malformed`].
    fn read(from: Reader<'_, Self::Params>) -> Read<Self>;
}

/// A call that a core without I/O makes: it goes out as one of all that its interface has, and what came of it comes back as one of those.
pub trait Asked: Call + Into<Self::Ask> {
    /// Any call of the interface.
    type Ask;
    /// What came of any.
    type Told;

    /// What came of this one.
    ///
    /// # Errors
    /// [`Failed`]: nothing is known of what was asked, or another call was answered.
    fn told(told: Self::Told) -> Result<Outcome<Self>, Failed>;
}

/// What reads and writes itself inside a call's arguments, every limit checked.
pub(crate) trait Part: Sized {
    /// It on the wire.
    type Wire: Owned;

    /// Writes it.
    fn write(&self, to: Builder<'_, Self::Wire>);

    /// Reads it.
    fn read(from: Reader<'_, Self::Wire>) -> Read<Self>;
}

/// Where a struct is written.
pub type Builder<'a, T> = <T as Owned>::Builder<'a>;
/// From where a struct is read.
pub type Reader<'a, T> = <T as Owned>::Reader<'a>;
/// What was read, if it can be.
pub type Read<T> = Result<T, Malformed>;
/// What comes of a call.
pub type Outcome<C> = Result<<C as Call>::Answer, <C as Call>::Error>;
/// What a server gives: the outcome, or that the call itself cannot be served now (locked, a disk that fails).
pub type Served<C> = Result<Outcome<C>, capnp::Error>;

/// What came does not fit the edge: its sender is at fault, and is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what came does not fit the edge")]
pub struct Malformed;

impl From<Infallible> for Malformed {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<capnp::Error> for Malformed {
    fn from(_: capnp::Error) -> Self {
        Self
    }
}

impl From<capnp::NotInSchema> for Malformed {
    fn from(_: capnp::NotInSchema) -> Self {
        Self
    }
}

impl From<std::str::Utf8Error> for Malformed {
    fn from(_: std::str::Utf8Error) -> Self {
        Self
    }
}

/// Why a call has no outcome: nothing is known of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The callee is away, or went before it answered.
    #[error("the other part went away")]
    Gone,
    /// The callee cannot serve this call now.
    #[error("the other part cannot serve this now")]
    Refused,
    /// The callee is of another version and has no such method.
    #[error("the other part has no such method")]
    Unknown,
    /// The callee answered what it may not.
    #[error("the other part answered what does not fit the edge")]
    Malformed,
}

impl From<Malformed> for Failed {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<capnp::Error> for Failed {
    fn from(error: capnp::Error) -> Self {
        match error.kind {
            capnp::ErrorKind::Disconnected => Self::Gone,
            capnp::ErrorKind::Unimplemented => Self::Unknown,
            _ => Self::Refused,
        }
    }
}

/// Sends a call at once, so that calls keep their order, and gives its outcome later.
pub fn send<C: Call>(
    client: &C::Client,
    call: &C,
) -> impl Future<Output = Result<Outcome<C>, Failed>> + use<C> {
    let mut request = C::request(client);
    call.write(request.get());
    outcome_of::<C>(request)
}

/// The same, but what the callee would close the edge for is not sent: for calls that hold what a person gave.
///
/// # Errors
/// [`Malformed`].
pub fn offer<C: Call>(
    client: &C::Client,
    call: &C,
) -> Read<impl Future<Output = Result<Outcome<C>, Failed>> + use<C>> {
    let mut request = C::request(client);
    call.write(request.get());
    C::read(request.hook.get().into_reader().get_as()?)?;
    Ok(outcome_of::<C>(request))
}

/// Hands a piece over at once; ends when the next may follow. That the other side took one is known by a call that follows it.
pub fn stream<S: Streamed>(
    client: &S::Client,
    piece: &S,
) -> impl Future<Output = Result<(), Failed>> + use<S> {
    let mut request = S::request(client);
    piece.write(request.get());
    let taken = request.send();
    async move { Ok(taken.await?) }
}

fn outcome_of<C: Call>(
    request: Request<C::Params, C::Results>,
) -> impl Future<Output = Result<Outcome<C>, Failed>> + use<C> {
    let answer = request.send().promise;
    async move {
        let answer = answer.await?;
        Ok(C::read_outcome(answer.get().map_err(Malformed::from)?)?)
    }
}

/// The same for a call with which nothing can be wrong.
///
/// # Errors
/// [`Failed`].
pub async fn ask<C: Call<Error = Infallible>>(client: &C::Client, call: &C) -> Result<C::Answer, Failed> {
    match send(client, call).await? {
        Ok(answer) => Ok(answer),
        Err(never) => match never {},
    }
}

/// Closes an edge whose caller sent what does not fit: the fault lands on the sender.
#[derive(Clone, Default)]
pub struct Closer(Rc<OnceCell<AbortHandle>>);

impl Closer {
    /// The edge that it closes.
    pub fn watch(&self, task: AbortHandle) {
        let _ = self.0.set(task);
    }

    /// Ends the edge and gives the error that its last call fails with. Free text never crosses an edge.
    #[must_use]
    pub fn close(&self) -> capnp::Error {
        if let Some(task) = self.0.get() {
            task.abort();
        }
        capnp::Error::failed(String::new())
    }
}

fn serve<C: FromServer<Serving<T>>, T>(
    ends: EdgeEnds,
    server: impl FnOnce(&Closer) -> Rc<T>,
) -> std::io::Result<JoinHandle<()>> {
    let closer = Closer::default();
    let client: C = capnp_rpc::new_client(Serving { server: server(&closer), closer: closer.clone() });
    let task = crate::rpc::serve(ends, Client::new(client.into_client_hook()))?;
    closer.watch(task.abort_handle());
    Ok(task)
}

/// A server of an edge: reads each call strictly before anything of it is done.
pub struct Serving<T> {
    /// Who serves.
    pub server: Rc<T>,
    /// What ends the edge.
    pub closer: Closer,
}

/// Exactly `N` bytes.
///
/// # Errors
/// [`Malformed`].
pub fn fixed<const N: usize>(bytes: &[u8]) -> Read<[u8; N]> {
    bytes.try_into().map_err(|_| Malformed)
}

/// Exactly `N` bytes, or none.
///
/// # Errors
/// [`Malformed`].
pub fn optional<const N: usize>(bytes: &[u8]) -> Read<Option<[u8; N]>> {
    if bytes.is_empty() { Ok(None) } else { fixed(bytes).map(Some) }
}

/// At most `most` bytes.
///
/// # Errors
/// [`Malformed`].
pub fn bounded(bytes: &[u8], most: usize) -> Read<Vec<u8>> {
    if bytes.len() <= most { Ok(bytes.to_vec()) } else { Err(Malformed) }
}

/// As many bytes as one of `sizes`.
///
/// # Errors
/// [`Malformed`].
pub fn sized(bytes: &[u8], sizes: &[usize]) -> Read<Vec<u8>> {
    if sizes.contains(&bytes.len()) { Ok(bytes.to_vec()) } else { Err(Malformed) }
}

/// UTF-8 of at most `most` bytes.
///
/// # Errors
/// [`Malformed`].
pub fn text(text: capnp::text::Reader<'_>, most: usize) -> Read<String> {
    if text.len() <= most { Ok(text.to_str()?.to_owned()) } else { Err(Malformed) }
}

/// At most `most` items, each read by `read`.
///
/// # Errors
/// [`Malformed`].
pub fn listed<T, U>(
    list: impl ExactSizeIterator<Item = T>,
    most: usize,
    read: impl Fn(T) -> Read<U>,
) -> Read<Vec<U>> {
    if list.len() <= most { list.map(read).collect() } else { Err(Malformed) }
}

/// What a call gave with which nothing can be wrong.
#[must_use]
pub fn sure<T>(outcome: &Result<T, Infallible>) -> &T {
    match outcome {
        Ok(answer) => answer,
        Err(never) => match *never {},
    }
}

/// As many items as a list may have.
#[must_use]
pub fn length(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

pub(crate) use macros::{arguments, call, interface, mirrored, outcome, streamed, words};
pub(crate) use value::value;

/// Calls and outcomes through a message and back, for the tests of the rooms; each message also altered in many places.
#[cfg(test)]
mod trial {
    use super::fuzz::{Same, asks, streams, tells};
    use super::{Call, Outcome, Read, Streamed};
    use capnp::message::{Builder as Message, HeapAllocator};
    use capnp::traits::Owned;

    /// Bytes at the front of a message of which each is altered, and places in the rest.
    const FRONT_BYTES: usize = 512;
    const PLACES: usize = 64;

    pub(super) fn read_back<C: Call + Same>(call: &C) -> Read<C> {
        let mut message = Message::new_default();
        call.write(message.init_root::<<C::Params as Owned>::Builder<'_>>());
        altered(&message, asks::<C>);
        C::read(message.get_root_as_reader().unwrap())
    }

    pub(super) fn streamed_back<S: Streamed + Same>(piece: &S) -> Read<S> {
        let mut message = Message::new_default();
        piece.write(message.init_root::<<S::Params as Owned>::Builder<'_>>());
        altered(&message, streams::<S>);
        S::read(message.get_root_as_reader().unwrap())
    }

    pub(super) fn told_back<C: Call<Answer: Same, Error: PartialEq>>(
        outcome: &Outcome<C>,
    ) -> Read<Outcome<C>> {
        let mut message = Message::new_default();
        C::write_outcome(outcome, message.init_root::<<C::Results as Owned>::Builder<'_>>());
        altered(&message, tells::<C>);
        C::read_outcome(message.get_root_as_reader().unwrap())
    }

    /// The front holds the pointers, which lengths and places stand in.
    fn altered(message: &Message<HeapAllocator>, read: fn(&[u8]) -> Option<bool>) {
        let bytes = capnp::serialize::write_message_to_words(message);
        let rest = bytes.len().saturating_sub(FRONT_BYTES);
        for at in
            (0..bytes.len().min(FRONT_BYTES)).chain((FRONT_BYTES..bytes.len()).step_by(rest / PLACES + 1))
        {
            assert_ne!(read(&bytes[..at]), Some(false));
            for bits in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= bits;
                assert_ne!(read(&bytes), Some(false));
            }
        }
    }
}
