//! Any bytes as a message of any room: a call's arguments, what came of a call, or what a capability is told. Not part of a build.

use capnp::any_pointer::{Builder, Reader};
use capnp::message::Builder as Message;
use capnp::traits::{Imbue, ImbueMut};

use super::onion_netd::{Bootstrap, Connect, Hint, Incoming, Listen, RelayKey};
use super::stored_keyvault::Unlocked;
use super::stored_mediad::{Clean, Show};
use super::stored_onion::{ChunkWaiting, Give, NetworkState, Opened, Waiting, Watch};
use super::ui_stored::{self, Event, Messages, Search};
use super::{Call, Outcome, Read, Streamed};
use crate::edges::onion_netd_capnp::{acceptor, cell_sink, link, links};
use crate::edges::onion_stored_capnp::mailbox_disk;
use crate::edges::operator_onion_capnp::operator;
use crate::edges::stored_keyvault_capnp::{gate, vault};
use crate::edges::stored_mediad_capnp::{byte_sink, decoder, picture_job};
use crate::edges::stored_onion_capnp::{carrier, mailbox, network_state, waiting};
use crate::edges::ui_keyvault_capnp::unlock;
use crate::edges::ui_stored_capnp::{
    event, file, file_download, file_upload, message, messenger, picture_upload, search_match,
};

/// Capabilities that come beside a message, so that what carries one can be read.
const CAPABILITIES: usize = 4;

/// Reads `untrusted` strictly, as what its first two bytes choose.
pub fn any_message(untrusted: &[u8]) {
    let trials = trials();
    let Some((which, message)) = untrusted.split_first_chunk() else { return };
    if let Some(trial) = trials.get(usize::from(u16::from_le_bytes(*which)) % trials.len()) {
        trial.reads(message);
    }
}

/// What a message is read as.
#[derive(Clone, Copy)]
pub(crate) struct Trial {
    /// `interface.Call`, and which half of it.
    pub(crate) name: &'static str,
    /// Whether what was read of a message is read as the same after it was written. `None`: it was refused.
    pub(crate) read: fn(&[u8]) -> Option<bool>,
}

impl Trial {
    /// Whether it was read.
    fn reads(&self, untrusted: &[u8]) -> bool {
        let read = (self.read)(untrusted);
        assert!(read != Some(false), "{}: what was written is not what was read", self.name);
        read.is_some()
    }
}

/// The calls of one interface.
pub(crate) trait Room {
    /// Each with its arguments and its outcome.
    const TRIALS: &'static [Trial];
}

/// The calls of an interface, and what is streamed to it, as its [`Room`].
macro_rules! room {
    ($interface:ident: $($call:ident)* $(, $item:ident)*) => {
        impl $crate::edge::fuzz::Room for $interface::Client {
            const TRIALS: &'static [$crate::edge::fuzz::Trial] = &[$(
                $crate::edge::fuzz::Trial {
                    name: concat!(stringify!($interface), ".", stringify!($call), " asks"),
                    read: $crate::edge::fuzz::asks::<$call>,
                },
                $crate::edge::fuzz::Trial {
                    name: concat!(stringify!($interface), ".", stringify!($call), " tells"),
                    read: $crate::edge::fuzz::tells::<$call>,
                },
            )* $(
                $crate::edge::fuzz::Trial {
                    name: concat!(stringify!($interface), ".", stringify!($item), " streams"),
                    read: $crate::edge::fuzz::streams::<$item>,
                },
            )*];
        }
    };
}

pub(crate) use room;

// A capability that no trait of a server stands for.
room! { link: RelayKey }

fn trials() -> Vec<Trial> {
    let told = [
        Trial { name: "envelope_sink.Waiting", read: waiting },
        Trial { name: "envelope_sink.ChunkWaiting streams", read: streams::<ChunkWaiting> },
        Trial { name: "network_watcher.NetworkState", read: network_state },
        Trial { name: "message_sink.Message", read: message },
        Trial { name: "watcher.Event", read: event },
        Trial { name: "match_sink.Match", read: found },
        Trial { name: "file_sink.File", read: file },
    ];
    [
        links::Client::TRIALS,
        acceptor::Client::TRIALS,
        link::Client::TRIALS,
        mailbox_disk::Client::TRIALS,
        operator::Client::TRIALS,
        gate::Client::TRIALS,
        vault::Client::TRIALS,
        decoder::Client::TRIALS,
        picture_job::Client::TRIALS,
        byte_sink::Client::TRIALS,
        carrier::Client::TRIALS,
        mailbox::Client::TRIALS,
        unlock::Client::TRIALS,
        messenger::Client::TRIALS,
        picture_upload::Client::TRIALS,
        file_upload::Client::TRIALS,
        file_download::Client::TRIALS,
        &told,
    ]
    .concat()
}

/// Arguments of a call.
pub(crate) fn asks<C: Call + Same>(untrusted: &[u8]) -> Option<bool> {
    round(untrusted, |from| C::read(from.get_as()?), |call, to| call.write(to.init_as()))
}

/// What came of a call.
pub(crate) fn tells<C: Call>(untrusted: &[u8]) -> Option<bool>
where
    C::Answer: Same,
    C::Error: PartialEq,
{
    round(
        untrusted,
        |from| C::read_outcome(from.get_as()?).map(Told::<C>),
        |told, to| C::write_outcome(&told.0, to.init_as()),
    )
}

/// A piece of what is streamed.
pub(crate) fn streams<S: Streamed + Same>(untrusted: &[u8]) -> Option<bool> {
    round(untrusted, |from| S::read(from.get_as()?), |piece, to| piece.write(to.init_as()))
}

fn waiting(untrusted: &[u8]) -> Option<bool> {
    round(
        untrusted,
        |from| Waiting::read(from.get_as::<waiting::Reader<'_>>()?),
        |waiting, to| waiting.write(to.init_as::<waiting::Builder<'_>>()),
    )
}

fn network_state(untrusted: &[u8]) -> Option<bool> {
    round(
        untrusted,
        |from| NetworkState::read(from.get_as::<network_state::Reader<'_>>()?),
        |state, to| state.write(to.init_as::<network_state::Builder<'_>>()),
    )
}

fn message(untrusted: &[u8]) -> Option<bool> {
    round(
        untrusted,
        |from| ui_stored::Message::read(from.get_as::<message::Reader<'_>>()?),
        |message, to| message.write(to.init_as::<message::Builder<'_>>()),
    )
}

fn event(untrusted: &[u8]) -> Option<bool> {
    round(
        untrusted,
        |from| Event::read(from.get_as::<event::Reader<'_>>()?),
        |event, to| event.write(to.init_as::<event::Builder<'_>>()),
    )
}

fn found(untrusted: &[u8]) -> Option<bool> {
    round(
        untrusted,
        |from| ui_stored::Match::read(from.get_as::<search_match::Reader<'_>>()?),
        |found, to| found.write(to.init_as::<search_match::Builder<'_>>()),
    )
}

fn file(untrusted: &[u8]) -> Option<bool> {
    round(
        untrusted,
        |from| ui_stored::File::read(from.get_as::<file::Reader<'_>>()?),
        |file, to| file.write(to.init_as::<file::Builder<'_>>()),
    )
}

/// What can be read is read the same after it was written, within the same limits.
fn round<T: Same>(
    untrusted: &[u8],
    read: impl Fn(Reader<'_>) -> Read<T>,
    write: impl Fn(&T, Builder<'_>),
) -> Option<bool> {
    let value = from_bytes(untrusted, &read).ok()?;
    let (mut message, mut capabilities) = (Message::new_default(), Vec::new());
    let mut root = message.init_root::<Builder<'_>>();
    // Without a table to put it into, a capability that is written is a panic of the library's.
    root.imbue_mut(&mut capabilities);
    write(&value, root);
    let written = capnp::serialize::write_message_to_words(&message);
    Some(from_bytes(&written, &read).is_ok_and(|again| again.same(&value)))
}

fn from_bytes<T>(untrusted: &[u8], read: impl Fn(Reader<'_>) -> Read<T>) -> Read<T> {
    let message = capnp::serialize::read_message(untrusted, crate::rpc::reader_options())?;
    let broken = || capnp_rpc::new_broken_cap(capnp::Error::failed(String::new())).hook;
    let capabilities = std::iter::repeat_with(|| Some(broken())).take(CAPABILITIES).collect();
    let mut root = message.get_root::<Reader<'_>>()?;
    root.imbue(&capabilities);
    read(root)
}

/// Equal, but for capabilities: what one leads to is not in a message.
pub(crate) trait Same {
    /// It is.
    fn same(&self, other: &Self) -> bool;
}

impl<T: PartialEq> Same for T {
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

struct Told<C: Call>(Outcome<C>);

impl<C: Call> Same for Told<C>
where
    C::Answer: Same,
    C::Error: PartialEq,
{
    fn same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Ok(one), Ok(other)) => one.same(other),
            (Err(one), Err(other)) => one == other,
            _ => false,
        }
    }
}

/// What is the same where these of its parts are.
macro_rules! same {
    ($($type:ty: $($part:ident)*;)*) => {
        $(impl Same for $type {
            #[allow(unused_variables, reason = "some are a capability alone")]
            fn same(&self, other: &Self) -> bool {
                true $(&& self.$part == other.$part)*
            }
        })*
    };
}

same! {
    link::Client:;
    cell_sink::Client:;
    picture_job::Client:;
    picture_upload::Client:;
    file_upload::Client:;
    file_download::Client:;
    Listen:;
    Watch:;
    Show: max_side;
    Clean:;
    ui_stored::Watch: since;
    Messages: who limit before;
    Search: text who limit before;
    ui_stored::Files: who limit before;
    Connect: descriptor;
    Bootstrap: index;
    Hint: hint;
    Incoming: peer;
    Opened: binding route;
    Unlocked: store_key decoy_key scripts wipe;
}

impl Same for Give {
    fn same(&self, other: &Self) -> bool {
        let command = |give: &Self| give.command.clone().with_sink(drop);
        self.counter == other.counter && self.auth == other.auth && command(self) == command(other)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::limits::ENVELOPE_BYTES;

    /// Bytes that some field takes exactly, and some that fit where there is only a bound.
    const SIZES: [usize; 8] = [0, 5, 16, 24, 24, 32, 32, ENVELOPE_BYTES];
    /// Messages for each trial.
    const MESSAGES: usize = 5_000;

    /// Messages of any shape, by xorshift64. Each has lists of two sizes: else hardly any would fit a call with several fields.
    struct Shape {
        state: u64,
        sizes: [usize; 2],
        words: Vec<u64>,
    }

    impl Shape {
        fn new() -> Self {
            Self { state: 0x5eed, sizes: [0; 2], words: Vec::new() }
        }

        fn below(&mut self, bound: usize) -> usize {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            usize::try_from(self.state % bound as u64).unwrap()
        }

        /// Appends so many zeros; gives where, and the part of a pointer at `from` that leads there.
        fn grow(&mut self, from: usize, words: usize) -> (usize, u64) {
            let at = self.words.len();
            self.words.resize(at + words, 0);
            (at, ((at - from - 1) as u64) << 2)
        }

        fn pointer(&mut self, from: usize, depth: usize) {
            self.words[from] = match self.below(if depth == 0 { 6 } else { 9 }) {
                0 => 0,
                1 => 3 | (self.below(CAPABILITIES + 1) as u64) << 32,
                2..6 => {
                    let bytes = self.sizes[self.below(2)];
                    self.grow(from, bytes.div_ceil(8)).1 | 1 | 2 << 32 | (bytes as u64) << 35
                }
                6 => {
                    let count = self.below(4);
                    let (at, offset) = self.grow(from, count);
                    (at..at + count).for_each(|item| self.pointer(item, depth - 1));
                    offset | 1 | 6 << 32 | (count as u64) << 35
                }
                _ => self.fields(from, depth),
            };
        }

        fn fields(&mut self, from: usize, depth: usize) -> u64 {
            let (data, pointers) = (self.below(5), self.below(6));
            let (at, offset) = self.grow(from, data + pointers);
            for word in at..at + data {
                self.words[word] = (0..4).fold(0, |word, _| word << 16 | self.below(9) as u64);
            }
            (at + data..at + data + pointers).for_each(|pointer| self.pointer(pointer, depth - 1));
            offset | (data as u64) << 32 | (pointers as u64) << 48
        }

        /// One segment, whose first word is the pointer to its root.
        fn message(&mut self) -> Vec<u8> {
            self.sizes = [(); 2].map(|()| SIZES[self.below(SIZES.len())]);
            self.words = vec![0, 0];
            self.words[1] = self.fields(1, 3);
            self.words[0] = (self.words.len() as u64 - 1) << 32;
            self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
        }
    }

    #[test]
    fn a_message_of_any_shape_is_refused_or_read_as_it_is_written() {
        let (mut shape, trials) = (Shape::new(), trials());
        let mut read = BTreeSet::new();
        for _ in 0..MESSAGES {
            let message = shape.message();
            read.extend(trials.iter().filter(|trial| trial.reads(&message)).map(|trial| trial.name));
        }
        // Shapes that nothing takes would say nothing. What needs several long fields at once is left to the fuzzer.
        assert!(read.len() * 10 > trials.len() * 9, "only these are ever read: {read:?}");
    }

    #[test]
    fn any_bytes_are_refused_or_read_as_they_are_written() {
        let mut shape = Shape::new();
        for length in (0..64).cycle().take(MESSAGES) {
            let bytes = std::iter::repeat_with(|| u8::try_from(shape.below(256)).unwrap()).take(length);
            any_message(&bytes.collect::<Vec<_>>());
        }
    }

    /// A call that is in no list would not be tried.
    #[test]
    fn every_call_of_every_room_is_tried() {
        let mut calls = BTreeSet::new();
        rooms(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/edge"), &mut |source| {
            for (end, halves) in [("_results;", &["asks", "tells"][..]), ("_params;", &["streams"])] {
                for line in source.lines().filter(|line| line.ends_with(end)) {
                    let (call, rest) = line.trim().split_once(" of ").expect("a call's first line");
                    let (interface, _) = rest.split_once(':').expect("its interface");
                    calls.extend(halves.iter().map(|half| format!("{interface}.{call} {half}")));
                }
            }
        });
        let tried = trials().into_iter().map(|trial| trial.name.to_owned()).filter(|name| name.contains(' '));
        assert_eq!(tried.collect::<BTreeSet<_>>(), calls);
    }

    fn rooms(folder: &Path, each: &mut impl FnMut(&str)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rooms(&path, each);
            } else {
                each(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
}
