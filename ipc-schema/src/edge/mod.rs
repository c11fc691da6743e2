//! What may be said on an edge, one room an edge: each call as a struct with its answer and an error type of its own, and the only
//! place where it is turned into Cap'n Proto and back. Servers and clients are a line a call.
//!
//! A room belongs to the file in `edges/` of the same name, which says what the calls mean.

pub mod onion_stored;
pub mod operator_onion;
pub mod stored_onion;

use std::cell::OnceCell;
use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;

use capnp::capability::{Client, FromServer, FromTypelessPipeline, Request};
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
        if error.kind == capnp::ErrorKind::Disconnected { Self::Gone } else { Self::Refused }
    }
}

/// Sends a call at once, so that calls keep their order, and gives its outcome later.
pub fn send<C: Call>(
    client: &C::Client,
    call: &C,
) -> impl Future<Output = Result<Outcome<C>, Failed>> + use<C> {
    let mut request = C::request(client);
    call.write(request.get());
    let answer = request.send().promise;
    async move {
        let answer = answer.await?;
        Ok(C::read_outcome(answer.get().map_err(Malformed::from)?)?)
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

fn serve<C: FromServer<Serving<T>>, T>(ends: EdgeEnds, server: Rc<T>) -> std::io::Result<JoinHandle<()>> {
    let closer = Closer::default();
    let client: C = capnp_rpc::new_client(Serving { server, closer: closer.clone() });
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

/// One field of a call's arguments, read and written by its kind: `fixed` bytes or `exactly` so many, `bytes` up to a bound, a
/// `number`, a `list` of fixed bytes up to a bound, or fixed bytes or nothing (`optional`).
macro_rules! field {
    (read fixed $from:ident $get:ident) => {
        $crate::edge::fixed($from.$get()?)?
    };
    (read bytes($most:expr) $from:ident $get:ident) => {
        $crate::edge::bounded($from.$get()?, $most)?
    };
    (read exactly($bytes:expr) $from:ident $get:ident) => {
        $crate::edge::fixed::<{ $bytes }>($from.$get()?)?.to_vec()
    };
    (read number $from:ident $get:ident) => {
        $from.$get().into()
    };
    (read optional $from:ident $get:ident) => {
        $crate::edge::optional($from.$get()?)?
    };
    (read list($most:expr) $from:ident $get:ident) => {
        $crate::edge::listed($from.$get()?.iter(), $most, |item| $crate::edge::fixed(item?))?
    };
    (write fixed $to:ident $set:ident $value:expr) => {
        $to.$set(&$value)
    };
    (write bytes($most:expr) $to:ident $set:ident $value:expr) => {
        $to.$set(&$value)
    };
    (write exactly($bytes:expr) $to:ident $set:ident $value:expr) => {
        $to.$set(&$value)
    };
    (write number $to:ident $set:ident $value:expr) => {
        $to.$set($value.into())
    };
    (write optional $to:ident $set:ident $value:expr) => {
        $to.$set($value.as_ref().map_or(&[], |bytes| bytes))
    };
    (write list($most:expr) $to:ident $set:ident $value:expr) => {{
        let mut list = $to.reborrow().$set($crate::edge::length($value.len()));
        for (at, item) in (0..).zip(&$value) {
            list.set(at, item);
        }
    }};
}

/// One method as a [`Call`]: its arguments field by field, and how its outcome is written and read (`by` two functions), or that it
/// is a bare `word`.
macro_rules! call {
    (
        $(#[$doc:meta])*
        $call:ident of $interface:ident: $request:ident, $params:ident, $results:ident;
        asks { $($(#[$field_doc:meta])* $field:ident: $type:ty => $kind:ident$(($most:expr))? $get:ident $set:ident,)* }
        answers $($outcome:tt)*
    ) => {
        $(#[$doc])*
        pub struct $call { $($(#[$field_doc])* pub $field: $type,)* }

        impl $crate::edge::Call for $call {
            type Client = $interface::Client;
            type Params = $interface::$params::Owned;
            type Results = $interface::$results::Owned;

            fn request(client: &Self::Client) -> ::capnp::capability::Request<Self::Params, Self::Results> {
                client.$request()
            }

            #[allow(unused_mut, unused_variables, reason = "some methods take nothing")]
            fn write(&self, mut to: $crate::edge::Builder<'_, Self::Params>) {
                $($crate::edge::field!(write $kind$(($most))? to $set self.$field);)*
            }

            #[allow(unused_variables, reason = "some methods take nothing")]
            fn read(from: $crate::edge::Reader<'_, Self::Params>) -> $crate::edge::Read<Self> {
                Ok(Self { $($field: $crate::edge::field!(read $kind$(($most))? from $get),)* })
            }

            $crate::edge::outcome! { $($outcome)* }
        }
    };
}

/// The second half of a [`call!`].
macro_rules! outcome {
    (word $error:ty: $get:ident $set:ident;) => {
        type Answer = ();
        type Error = $error;

        fn write_outcome(
            outcome: &$crate::edge::Outcome<Self>,
            mut to: $crate::edge::Builder<'_, Self::Results>,
        ) {
            to.$set(word(outcome));
        }

        fn read_outcome(
            from: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            told(from.$get()?)
        }
    };
    ($answer:ty, $error:ty: by $write:ident $read:ident;) => {
        type Answer = $answer;
        type Error = $error;

        fn write_outcome(
            outcome: &$crate::edge::Outcome<Self>,
            to: $crate::edge::Builder<'_, Self::Results>,
        ) {
            $write(outcome, to);
        }

        fn read_outcome(
            from: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            $read(from)
        }
    };
    ($answer:ty: by $write:ident $read:ident;) => {
        type Answer = $answer;
        type Error = ::std::convert::Infallible;

        fn write_outcome(
            outcome: &$crate::edge::Outcome<Self>,
            to: $crate::edge::Builder<'_, Self::Results>,
        ) {
            $write($crate::edge::sure(outcome), to);
        }

        fn read_outcome(
            from: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            $read(from).map(Ok)
        }
    };
}

/// The words of a schema's enum that one method can answer. Any other is malformed there.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident of $wire:path { $($(#[$word_doc:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$word_doc])* $word,)* }

        impl From<$name> for $wire {
            fn from(word: $name) -> Self {
                match word { $($name::$word => Self::$word,)* }
            }
        }

        impl TryFrom<$wire> for $name {
            type Error = $crate::edge::Malformed;

            fn try_from(word: $wire) -> $crate::edge::Read<Self> {
                match word {
                    $(<$wire>::$word => Ok(Self::$word),)*
                    _ => Err($crate::edge::Malformed),
                }
            }
        }
    };
}

/// A schema's enum as a type of ours, each with the word that the command line's contract has for it.
#[macro_export]
macro_rules! mirrored {
    ($(#[$doc:meta])* $name:ident = $wire:path { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of the schema.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it in `--json`, events and tables.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl From<$wire> for $name {
            fn from(wire: $wire) -> Self {
                match wire { $(<$wire>::$variant => Self::$variant,)* }
            }
        }

        impl From<$name> for $wire {
            fn from(ours: $name) -> Self {
                match ours { $($name::$variant => Self::$variant,)* }
            }
        }
    };
}

/// All calls of one interface: what a core without I/O asks and is told, and what a server has to do. A call that is forgotten here
/// does not compile where it is served.
macro_rules! interface {
    (
        $(#[$doc:meta])*
        $Server:ident, $Ask:ident, $Told:ident of $interface:ident {
            $($method:ident($params:ident, $results:ident): $call:ident,)*
        }
    ) => {
        $(#[$doc])*
        pub trait $Server: 'static {
            /// Serves it on an edge until that ends, or until its caller sends what does not fit.
            ///
            /// # Errors
            /// When the descriptors are no edge's.
            fn serve(
                self: ::std::rc::Rc<Self>,
                ends: $crate::ends::EdgeEnds,
            ) -> ::std::io::Result<::tokio::task::JoinHandle<()>>
            where
                Self: Sized,
            {
                $crate::edge::serve::<$interface::Client, _>(ends, self)
            }

            $(
                #[doc = concat!("[`", stringify!($call), "`].")]
                fn $method(self: ::std::rc::Rc<Self>, call: $call)
                    -> impl ::std::future::Future<Output = $crate::edge::Served<$call>> + 'static;
            )*
        }

        impl<T: $Server> $interface::Server for $crate::edge::Serving<T> {
            $(
                async fn $method(
                    self: ::capnp::capability::Rc<Self>,
                    params: $interface::$params,
                    mut results: $interface::$results,
                ) -> Result<(), ::capnp::Error> {
                    let call = <$call as $crate::edge::Call>::read(params.get()?).map_err(|_| self.closer.close())?;
                    let outcome = self.server.clone().$method(call).await?;
                    <$call as $crate::edge::Call>::write_outcome(&outcome, results.get());
                    Ok(())
                }
            )*
        }

        /// Any call of this interface.
        #[derive(Clone, PartialEq, Eq)]
        pub enum $Ask { $(#[doc = concat!("[`", stringify!($call), "`].")] $call($call),)* }

        /// What came of a call of this interface.
        #[derive(Clone, PartialEq, Eq)]
        pub enum $Told {
            /// Nothing is known of what was asked: see [`Failed`](crate::edge::Failed).
            Lost,
            $(#[doc = concat!("Of [`", stringify!($call), "`].")] $call($crate::edge::Outcome<$call>),)*
        }

        impl $Ask {
            /// Sends it at once, and gives later what came of it.
            pub async fn send(self, client: &$interface::Client) -> $Told {
                match self {
                    $(Self::$call(call) => {
                        $crate::edge::send(client, &call).await.map_or($Told::Lost, $Told::$call)
                    })*
                }
            }
        }

        $(impl From<$call> for $Ask {
            fn from(call: $call) -> Self {
                Self::$call(call)
            }
        })*

        /// The call's name alone: what it carries belongs into no log.
        impl ::std::fmt::Debug for $Ask {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(match self { $(Self::$call(_) => stringify!($call),)* })
            }
        }

        /// The call's name and whether something was wrong.
        impl ::std::fmt::Debug for $Told {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    Self::Lost => f.write_str("Lost"),
                    $(Self::$call(Ok(_)) => f.write_str(stringify!($call)),)*
                    $(Self::$call(Err(error)) => write!(f, "{}({error:?})", stringify!($call)),)*
                }
            }
        }
    };
}

pub(crate) use {call, field, interface, mirrored, outcome, words};

/// Calls and outcomes through a message and back, for the tests of the rooms.
#[cfg(test)]
mod trial {
    use super::{Call, Outcome, Read};
    use capnp::message::{Builder as Message, HeapAllocator};
    use capnp::traits::Owned;

    fn arguments<C: Call>(call: &C) -> Message<HeapAllocator> {
        let mut message = Message::new_default();
        call.write(message.init_root::<<C::Params as Owned>::Builder<'_>>());
        message
    }

    pub(super) fn read_back<C: Call>(call: &C) -> Read<C> {
        C::read(arguments(call).get_root_as_reader().unwrap())
    }

    pub(super) fn told_back<C: Call>(outcome: &Outcome<C>) -> Read<Outcome<C>> {
        let mut message = Message::new_default();
        C::write_outcome(outcome, message.init_root::<<C::Results as Owned>::Builder<'_>>());
        C::read_outcome(message.get_root_as_reader().unwrap())
    }
}
