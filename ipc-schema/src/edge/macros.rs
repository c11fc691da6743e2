//! What a room is written in: `call!` and its second half, `streamed!`, `interface!`, `words!` and `mirrored!`. Fields stand in value.rs.

/// One method as a [`Call`]: its arguments field by field, and what comes of it: `nothing`, a bare `word`, a `number`, or what two
/// functions write and read (`by`), of the whole results or `in` one field of theirs; where that is a union of one value and an error,
/// it is said `as` which; where a bare word stands `beside` the value, that is named last.
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

            $crate::edge::arguments! { $($field $kind$(($most))? $get $set,)* }
            $crate::edge::outcome! { $($outcome)* }
        }
    };
}

/// What is handed over piece by piece (`-> stream`) as a [`Streamed`], field by field.
macro_rules! streamed {
    (
        $(#[$doc:meta])*
        $item:ident of $interface:ident: $request:ident, $params:ident;
        holds { $($(#[$field_doc:meta])* $field:ident: $type:ty => $kind:ident$(($most:expr))? $get:ident $set:ident,)* }
    ) => {
        $(#[$doc])*
        pub struct $item { $($(#[$field_doc])* pub $field: $type,)* }

        impl $crate::edge::Streamed for $item {
            type Client = $interface::Client;
            type Params = $interface::$params::Owned;

            fn request(client: &Self::Client) -> ::capnp::capability::StreamingRequest<Self::Params> {
                client.$request()
            }

            $crate::edge::arguments! { $($field $kind$(($most))? $get $set,)* }
        }
    };
}

/// How the arguments of a method are written and read.
macro_rules! arguments {
    ($($field:ident $kind:ident$(($most:expr))? $get:ident $set:ident,)*) => {
        #[allow(unused_mut, unused_variables, reason = "some methods take nothing")]
        fn write(&self, mut to: $crate::edge::Builder<'_, Self::Params>) {
            $($crate::edge::value!(write $kind$(($most))? to $set &self.$field);)*
        }

        #[allow(unused_variables, reason = "some methods take nothing")]
        fn read(from: $crate::edge::Reader<'_, Self::Params>) -> $crate::edge::Read<Self> {
            Ok(Self { $($field: $crate::edge::value!(read $kind$(($most))? from.$get()),)* })
        }
    };
}

/// The second half of a [`call!`].
macro_rules! outcome {
    (nothing;) => {
        type Answer = ();
        type Error = ::std::convert::Infallible;

        fn write_outcome(_: &$crate::edge::Outcome<Self>, _: $crate::edge::Builder<'_, Self::Results>) {}

        fn read_outcome(
            _: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            Ok(Ok(()))
        }
    };
    ($answer:ty, $error:ty: in $get:ident $init:ident
        as $union:ident $variant:ident $kind:ident$(($most:expr))? $set:ident;) => {
        type Answer = $answer;
        type Error = $error;

        fn write_outcome(
            outcome: &$crate::edge::Outcome<Self>,
            to: $crate::edge::Builder<'_, Self::Results>,
        ) {
            let mut to = to.$init();
            match outcome {
                Ok(value) => $crate::edge::value!(write $kind$(($most))? to $set value),
                Err(error) => to.set_error((*error).into()),
            }
        }

        fn read_outcome(
            from: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            match from.$get()?.which()? {
                $union::$variant(value) => Ok(Ok($crate::edge::value!(read $kind$(($most))? value))),
                $union::Error(error) => Ok(Err(<$error>::try_from(error?)?)),
            }
        }
    };
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
    (number $answer:ty: $get:ident $set:ident;) => {
        type Answer = $answer;
        type Error = ::std::convert::Infallible;

        fn write_outcome(
            outcome: &$crate::edge::Outcome<Self>,
            mut to: $crate::edge::Builder<'_, Self::Results>,
        ) {
            to.$set(*$crate::edge::sure(outcome));
        }

        fn read_outcome(
            from: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            Ok(Ok(from.$get()))
        }
    };
    ($answer:ty, $error:ty: in $get:ident $init:ident by $write:ident $read:ident;) => {
        type Answer = $answer;
        type Error = $error;

        fn write_outcome(
            outcome: &$crate::edge::Outcome<Self>,
            to: $crate::edge::Builder<'_, Self::Results>,
        ) {
            $write(outcome, to.$init());
        }

        fn read_outcome(
            from: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            $read(from.$get()?)
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
    ($answer:ty, $error:ty: $kind:ident$(($most:expr))? $get:ident $set:ident
        beside $get_word:ident $set_word:ident;) => {
        type Answer = $answer;
        type Error = $error;

        fn write_outcome(
            outcome: &$crate::edge::Outcome<Self>,
            mut to: $crate::edge::Builder<'_, Self::Results>,
        ) {
            match outcome {
                Ok(value) => $crate::edge::value!(write $kind$(($most))? to $set value),
                Err(error) => to.$set_word((*error).into()),
            }
        }

        fn read_outcome(
            from: $crate::edge::Reader<'_, Self::Results>,
        ) -> $crate::edge::Read<$crate::edge::Outcome<Self>> {
            match told(from.$get_word()?)? {
                Ok(()) => Ok(Ok($crate::edge::value!(read $kind$(($most))? from.$get()))),
                Err(error) => Ok(Err(error)),
            }
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

/// The words of a schema's enum that one method can answer, beside those (`or`) that every such method can. Any other is malformed there.
macro_rules! words {
    (
        $(#[$doc:meta])* $name:ident of $wire:path $(, or $shared:ident($others:ty))?
        { $($(#[$word_doc:meta])* $word:ident,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("As every such call: [`", stringify!($others), "`].")] $shared($others),)?
            $($(#[$word_doc])* $word,)*
        }

        $(impl From<$others> for $name {
            fn from(word: $others) -> Self {
                Self::$shared(word)
            }
        })?

        impl From<$name> for $wire {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$shared(word) => word.into(),)?
                    $($name::$word => Self::$word,)*
                }
            }
        }

        impl TryFrom<$wire> for $name {
            type Error = $crate::edge::Malformed;

            fn try_from(word: $wire) -> $crate::edge::Read<Self> {
                match word {
                    $(<$wire>::$word => Ok(Self::$word),)*
                    #[allow(unused_variables, unreachable_patterns, reason = "only where others are shared, or left out")]
                    other => {
                        $(return <$others>::try_from(other).map(Self::$shared);)?
                        #[allow(unreachable_code, reason = "only where none are")]
                        Err($crate::edge::Malformed)
                    }
                }
            }
        }
    };
}

/// A schema's enum as a type of ours, each value with its word: the contract's where the command line shows it.
#[macro_export]
macro_rules! mirrored {
    ($(#[$doc:meta])* $name:ident = $wire:path { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of the schema.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it.
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

/// All calls of one interface, after what is streamed to it: what a server has to do and, where a core without I/O makes them, what that
/// asks and is told. A call that is forgotten here does not compile where it is served.
macro_rules! interface {
    (
        $(#[$doc:meta])*
        $Server:ident of $interface:ident {
            $(-> $stream:ident($pieces:ident): $item:ident,)*
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
                $crate::edge::serve::<$interface::Client, _>(ends, |_| self)
            }

            /// The same for one that serves other capabilities on that edge, and closes it with theirs.
            ///
            /// # Errors
            /// When the descriptors are no edge's.
            fn serve_closing(
                ends: $crate::ends::EdgeEnds,
                server: impl FnOnce($crate::edge::Closer) -> Self,
            ) -> ::std::io::Result<::tokio::task::JoinHandle<()>>
            where
                Self: Sized,
            {
                $crate::edge::serve::<$interface::Client, _>(ends, |closer| ::std::rc::Rc::new(server(closer.clone())))
            }

            /// Serves it as a capability of an edge that `closer` ends.
            fn client(self: ::std::rc::Rc<Self>, closer: $crate::edge::Closer) -> $interface::Client
            where
                Self: Sized,
            {
                ::capnp_rpc::new_client($crate::edge::Serving { server: self, closer })
            }

            $(
                #[doc = concat!("[`", stringify!($item), "`]. The next may come before this one is done.")]
                fn $stream(self: ::std::rc::Rc<Self>, item: $item)
                    -> impl ::std::future::Future<Output = Result<(), ::capnp::Error>> + 'static;
            )*

            $(
                #[doc = concat!("[`", stringify!($call), "`].")]
                fn $method(self: ::std::rc::Rc<Self>, call: $call)
                    -> impl ::std::future::Future<Output = $crate::edge::Served<$call>> + 'static;
            )*
        }

        impl<T: $Server> $interface::Server for $crate::edge::Serving<T> {
            $(
                async fn $stream(
                    self: ::capnp::capability::Rc<Self>,
                    pieces: $interface::$pieces,
                ) -> Result<(), ::capnp::Error> {
                    let item = <$item as $crate::edge::Streamed>::read(pieces.get()?).map_err(|_| self.closer.close())?;
                    self.server.clone().$stream(item).await
                }
            )*
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
        #[cfg(any(test, fuzzing))]
        $crate::edge::fuzz::room! { $interface: $($call)* $(, $item)* }
    };
    (
        $(#[$doc:meta])*
        $Server:ident, $Ask:ident, $Told:ident of $interface:ident {
            $($method:ident($params:ident, $results:ident): $call:ident,)*
        }
    ) => {
        $crate::edge::interface! {
            $(#[$doc])*
            $Server of $interface { $($method($params, $results): $call,)* }
        }

        /// Any call of this interface.
        #[derive(Clone, PartialEq, Eq)]
        pub enum $Ask { $(#[doc = concat!("[`", stringify!($call), "`].")] $call($call),)* }

        /// What came of a call of this interface.
        #[derive(Clone, PartialEq, Eq)]
        pub enum $Told {
            /// Nothing is known of what was asked.
            Lost($crate::edge::Failed),
            $(#[doc = concat!("Of [`", stringify!($call), "`].")] $call($crate::edge::Outcome<$call>),)*
        }

        impl $Ask {
            /// Sends it at once, so that calls keep their order, and gives later what came of it.
            pub fn send(self, client: &$interface::Client) -> ::futures::future::LocalBoxFuture<'static, $Told> {
                match self {
                    $(Self::$call(call) => {
                        let outcome = $crate::edge::send(client, &call);
                        Box::pin(async move { outcome.await.map_or_else($Told::Lost, $Told::$call) })
                    })*
                }
            }
        }

        $(impl From<$call> for $Ask {
            fn from(call: $call) -> Self {
                Self::$call(call)
            }
        }

        impl $crate::edge::Asked for $call {
            type Ask = $Ask;
            type Told = $Told;

            fn told(told: $Told) -> Result<$crate::edge::Outcome<Self>, $crate::edge::Failed> {
                match told {
                    $Told::$call(outcome) => Ok(outcome),
                    $Told::Lost(why) => Err(why),
                    _ => Err($crate::edge::Failed::Malformed),
                }
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
                    Self::Lost(why) => write!(f, "Lost({why:?})"),
                    $(Self::$call(Ok(_)) => f.write_str(stringify!($call)),)*
                    $(Self::$call(Err(error)) => write!(f, "{}({error:?})", stringify!($call)),)*
                }
            }
        }
    };
}

pub(crate) use {arguments, call, interface, mirrored, outcome, streamed, words};
