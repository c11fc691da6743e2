//! Counts what a neighbour has asked and not let go of, and ends the edge where it asks without end.
//!
//! capnp-rpc keeps an entry for each question until its `Finish`, and each answer until the socket takes it. A neighbour that
//! sends questions and neither finishes them nor reads answers would fill this process's memory; with both counts bounded it
//! ends its own edge instead. Only the framing and one word of each message are looked at; all else is capnp-rpc's to judge.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};

use crate::limits::QUESTIONS_MAX;
use crate::seats::{Half, Seat};

/// The `Message` union's tags in `rpc.capnp`.
const CALL: u16 = 2;
const RETURN: u16 = 3;
const FINISH: u16 = 4;
const BOOTSTRAP: u16 = 8;

/// `Return.noFinishNeeded` in the first word of its data.
const NO_FINISH_NEEDED: u64 = 1 << 33;

/// What is looked at of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    tag: u16,
    /// A `Return` that says `noFinishNeeded`: the question is over with it.
    finishes: bool,
}

/// What one side of an edge owes.
#[derive(Debug, Default)]
struct Counts {
    /// Questions read and not finished.
    unfinished: Cell<u64>,
    /// Questions read whose answer has not left.
    unanswered: Cell<u64>,
    /// Calls were read, not only the question for the one interface.
    called: Cell<bool>,
    /// Where the other side is a local program that this process serves.
    seat: Option<Seat>,
}

impl Counts {
    fn read(&self, message: Seen) -> io::Result<()> {
        match message.tag {
            CALL | BOOTSTRAP => {
                self.called.set(self.called.get() || message.tag == CALL);
                self.unfinished.set(self.unfinished.get() + 1);
                self.unanswered.set(self.unanswered.get() + 1);
            }
            // One for a question that was never asked is refused by capnp-rpc.
            FINISH => self.unfinished.set(self.unfinished.get().saturating_sub(1)),
            _ => {}
        }
        let most = self.unfinished.get().max(self.unanswered.get());
        if most > QUESTIONS_MAX { Err(io::Error::other("too many questions at a time")) } else { Ok(()) }
    }

    fn written(&self, message: Seen) {
        if message.tag == RETURN {
            self.unanswered.set(self.unanswered.get().saturating_sub(1));
        }
        if message.finishes {
            self.unfinished.set(self.unfinished.get().saturating_sub(1));
        }
    }

    fn moved(&self) {
        if let Some(seat) = &self.seat {
            seat.moved(self.unanswered.get(), self.called.get());
        }
    }

    /// The connection was closed on this side, to make room for another.
    fn is_over(&self, half: Half, context: &Context<'_>) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.is_vacated(half, context.waker()))
    }
}

/// Both halves of an edge, metered together.
pub(super) fn metered<R, W>(read: R, write: W, seat: Option<Seat>) -> (Metered<R>, Metered<W>) {
    let counts = Rc::new(Counts { seat, ..Counts::default() });
    let half = |counts| Framing { counts, ..Framing::default() };
    (Metered { half: read, framing: half(counts.clone()) }, Metered { half: write, framing: half(counts) })
}

/// One half of an edge whose messages are counted as they pass.
pub(super) struct Metered<H> {
    half: H,
    framing: Framing,
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.framing.counts.is_over(Half::Reader, context) {
            return Poll::Ready(Ok(0));
        }
        let Poll::Ready(read) = Pin::new(&mut this.half).poll_read(context, buffer)? else {
            return Poll::Pending;
        };
        let counts = this.framing.counts.clone();
        let passed =
            this.framing.pass(buffer.get(..read).unwrap_or_default(), |message| counts.read(message));
        counts.moved();
        Poll::Ready(passed.map(|()| read))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Metered<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.framing.counts.is_over(Half::Writer, context) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let Poll::Ready(written) = Pin::new(&mut this.half).poll_write(context, bytes)? else {
            return Poll::Pending;
        };
        let counts = this.framing.counts.clone();
        let passed = this.framing.pass(bytes.get(..written).unwrap_or_default(), |message| {
            counts.written(message);
            Ok(())
        });
        counts.moved();
        Poll::Ready(passed.map(|()| written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_close(context)
    }
}

/// Where in a stream of Cap'n Proto messages the next byte lies.
#[derive(Debug, Default)]
struct Framing {
    counts: Rc<Counts>,
    step: Step,
    /// Bytes of the word that is being put together, and how many there are.
    word: [u8; 8],
    held: usize,
}

/// What the next word is.
#[derive(Debug, Default, Clone, Copy)]
enum Step {
    /// Number of segments less one, and the first one's size.
    #[default]
    Table,
    /// Two more sizes; `sizes` are still to come, of which the last may be padding.
    Sizes { sizes: u64, words: u64 },
    /// The root's pointer; `words` of the message are to come.
    Root { words: u64 },
    /// After `skip` more words the one with the tag.
    Tag { skip: u64, words: u64 },
    /// A `Return`'s pointer.
    Return { words: u64 },
    /// After `skip` more words the one with its flags.
    Flags { skip: u64, words: u64 },
    /// Nothing more of the message is looked at; `words` of it are to come.
    Body { words: u64 },
}

impl Framing {
    /// Takes the next bytes of the stream and tells `seen` of each message.
    fn pass(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Seen) -> io::Result<()>) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = self.skip(bytes);
            let (taken, rest) = bytes.split_at(bytes.len().min(8 - self.held));
            if let Some(place) = self.word.get_mut(self.held..self.held + taken.len()) {
                place.copy_from_slice(taken);
            }
            self.held += taken.len();
            bytes = rest;
            if self.held == 8 {
                self.held = 0;
                self.step = self.step.next(u64::from_le_bytes(self.word), &mut seen)?;
            }
        }
        Ok(())
    }

    /// Most of a message is of no interest: whole words of its body are not looked at.
    fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Step::Body { words } = &mut self.step else { return bytes };
        if self.held > 0 {
            return bytes;
        }
        let whole = (bytes.len() / 8).min(usize::try_from(*words).unwrap_or(usize::MAX));
        *words -= whole as u64;
        if *words == 0 {
            self.step = Step::Table;
        }
        bytes.get(whole * 8..).unwrap_or_default()
    }
}

impl Step {
    fn next(self, word: u64, seen: &mut impl FnMut(Seen) -> io::Result<()>) -> io::Result<Self> {
        let (low, high) = (word & 0xffff_ffff, word >> 32);
        let plain = |tag| Seen { tag, finishes: false };
        Ok(match self {
            Self::Table => Self::after_sizes(low, high),
            Self::Sizes { sizes: 1, words } => Self::after_sizes(0, words + low),
            Self::Sizes { sizes, words } => Self::after_sizes(sizes - 2, words + low + high),
            Self::Root { words: 1 } => Self::Table,
            Self::Root { words } => match root_offset(word) {
                // One that points elsewhere can only come from somebody who hides: counted as a question.
                offset if offset + 1 >= words => {
                    seen(plain(CALL))?;
                    Self::Body { words: words - 1 }
                }
                skip => Self::Tag { skip, words: words - 1 },
            },
            Self::Tag { skip: 0, words } => {
                #[allow(clippy::cast_possible_truncation, reason = "the tag is the word's first 16 bits")]
                let tag = word as u16;
                if tag == RETURN && words > 1 {
                    return Ok(Self::Return { words: words - 1 });
                }
                seen(plain(tag))?;
                Self::rest(words - 1)
            }
            Self::Return { words } => match root_offset(word) {
                offset if offset + 1 >= words => {
                    seen(plain(RETURN))?;
                    Self::rest(words - 1)
                }
                skip => Self::Flags { skip, words: words - 1 },
            },
            Self::Flags { skip: 0, words } => {
                seen(Seen { tag: RETURN, finishes: word & NO_FINISH_NEEDED != 0 })?;
                Self::rest(words - 1)
            }
            Self::Tag { skip, words } => Self::Tag { skip: skip - 1, words: words - 1 },
            Self::Flags { skip, words } => Self::Flags { skip: skip - 1, words: words - 1 },
            Self::Body { words } => Self::rest(words - 1),
        })
    }

    fn after_sizes(sizes: u64, words: u64) -> Self {
        match (sizes, words) {
            (0, 0) => Self::Table,
            (0, words) => Self::Root { words },
            (sizes, words) => Self::Sizes { sizes, words },
        }
    }

    fn rest(words: u64) -> Self {
        if words == 0 { Self::Table } else { Self::Body { words } }
    }
}

/// How many words after its pointer a struct begins; what is no near pointer to one begins nowhere.
fn root_offset(pointer: u64) -> u64 {
    let (kind, offset, data_words) = (pointer & 3, (pointer & 0xffff_ffff) >> 2, (pointer >> 32) & 0xffff);
    if kind == 0 && data_words > 0 && offset < 1 << 29 { offset } else { u64::from(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capnp::message::{Builder, HeapAllocator};
    use capnp_rpc::rpc_capnp::message;

    fn encoded(fill: impl FnOnce(message::Builder<'_>), first_segment_words: u32) -> Vec<u8> {
        let mut built = Builder::new(HeapAllocator::new().first_segment_words(first_segment_words));
        fill(built.init_root());
        let mut bytes = Vec::new();
        capnp::serialize::write_message(&mut bytes, &built).unwrap();
        bytes
    }

    fn tags(bytes: &[u8], at_a_time: usize) -> Vec<u16> {
        let (mut framing, mut tags) = (Framing::default(), Vec::new());
        for chunk in bytes.chunks(at_a_time) {
            let seen = |message: Seen| {
                tags.push(message.tag);
                Ok(())
            };
            framing.pass(chunk, seen).unwrap();
        }
        tags
    }

    #[test]
    fn every_message_is_seen_however_it_is_cut_and_built() {
        let mut stream = Vec::new();
        for first_segment_words in [1, 7, 1_024] {
            stream.extend(encoded(|m| m.init_bootstrap().set_question_id(1), first_segment_words));
            let call = |m: message::Builder<'_>| {
                let content: capnp::data::Reader<'_> = &[9; 777];
                m.init_call().init_params().get_content().set_as::<capnp::data::Owned>(content).unwrap();
            };
            stream.extend(encoded(call, first_segment_words));
            stream.extend(encoded(|m| _ = m.init_return(), first_segment_words));
            stream.extend(encoded(|m| _ = m.init_finish(), first_segment_words));
        }
        for at_a_time in [1, 3, 8, 13, 100_000] {
            let seen = tags(&stream, at_a_time);
            // A root that does not fit the first segment is behind a far pointer, and counts as a question.
            assert_eq!(seen.len(), 12);
            assert_eq!(seen[4..], [[BOOTSTRAP, CALL, RETURN, FINISH]; 2].concat()[..], "{at_a_time}");
            assert!(seen[..4].iter().all(|tag| *tag == CALL));
        }
    }

    #[test]
    fn questions_that_are_finished_and_answered_are_free_and_others_are_not() {
        let message = |tag| Seen { tag, finishes: false };
        let counts = Counts::default();
        for _ in 0..3 * QUESTIONS_MAX {
            counts.read(message(CALL)).unwrap();
            counts.written(message(RETURN));
            counts.read(message(FINISH)).unwrap();
        }
        for _ in 0..3 * QUESTIONS_MAX {
            counts.read(message(CALL)).unwrap();
            counts.written(Seen { tag: RETURN, finishes: true });
        }
        for _ in 0..QUESTIONS_MAX {
            counts.read(message(BOOTSTRAP)).unwrap();
            counts.written(message(RETURN));
        }
        assert!(counts.read(message(CALL)).is_err(), "never finished");
        let counts = Counts::default();
        for _ in 0..QUESTIONS_MAX {
            counts.read(message(CALL)).unwrap();
            counts.read(message(FINISH)).unwrap();
        }
        assert!(counts.read(message(CALL)).is_err(), "answers never read");
    }

    #[test]
    fn a_return_that_needs_no_finish_is_seen_as_one() {
        for no_finish_needed in [false, true] {
            let fill = |m: message::Builder<'_>| m.init_return().set_no_finish_needed(no_finish_needed);
            let mut seen = Vec::new();
            let keep = |message| {
                seen.push(message);
                Ok(())
            };
            Framing::default().pass(&encoded(fill, 100), keep).unwrap();
            assert_eq!(seen, [Seen { tag: RETURN, finishes: no_finish_needed }]);
        }
    }

    #[test]
    fn rubbish_is_passed_on_without_harm() {
        for byte in 0..=255 {
            let _ = tags(&[byte; 4_096], 100);
        }
    }
}
