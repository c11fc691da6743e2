//! What one message says, end to end: the plaintext that keyvault seals (`content.capnp`;
//! docs/protocol/envelope.md, "Frame").

mod acks;
mod comparison;
mod decode;
mod emoji;
mod encode;
mod error;
mod file;
mod introduction;
mod meeting;
mod ranges;
mod timer;
mod wire_ranges;

pub use acks::{Acks, HASH_HEAD_BYTES, HashHead, Run, head};
pub use comparison::{Comparison, ComparisonEnd, ComparisonStep};
pub use decode::decode;
pub use emoji::is_emoji;
pub use encode::encode;
pub use error::ContentError;
pub use file::{FileChunks, FileKind, FileOffer, FileWord, Preview};
pub use introduction::{Introduction, Step};
pub use meeting::{Meeting, MeetingStep, Proof, Proves, proof};
pub use ranges::{Range, Received};
pub use timer::{ChatTimer, bounded_life};

use ipc_schema::Timestamp;
use sha2::{Digest, Sha256};

/// The generated types; used in this folder only.
mod generated {
    #![allow(
        warnings,
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        missing_docs,
        reason = "written by a program"
    )]
    pub mod content_capnp {
        include!(concat!(env!("OUT_DIR"), "/content_capnp.rs"));
    }
}

/// The version that is written.
pub const VERSION: u8 = 1;

/// Longest body of one part of a text, bytes: what is left of `CONTENT_MAX_BYTES` beside the longest other fields.
pub const PART_MAX_BYTES: usize = 1_840;

/// Most parts of one text: the longest text that ui may hand in, with every part cut short by a character at its end.
pub const PARTS_MAX: u16 = 160;

/// Most gaps that one content tells.
pub const GAPS_MAX: usize = 8;

/// Most files of one message: an evening's pictures.
pub const FILES_MAX: u16 = 32;

/// A picture's preview, pixels: what is left of `CONTENT_MAX_BYTES` beside the longest other fields of an offer.
pub const PREVIEW_MAX_PIXELS: usize = 480;

/// Most gaps between chunks that one content tells. As many fit; of 192 that may be on their way half could be missing.
pub const CHUNK_GAPS_MAX: usize = 96;

/// Most gaps that are told in the message that opens a session anew, which has little room.
pub const GAPS_IN_REPAIR_MAX: usize = 2;

/// Names a text between both sides; random, 16 B.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WireId(pub [u8; 16]);

impl std::fmt::Debug for WireId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "WireId({a:02x}{b:02x}..)")
    }
}

/// One content with what surrounds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Receivers deduplicate by it; 16 B random.
    pub id: WireId,
    /// Place in the sender's chain.
    pub link: Link,
    /// The sender's clock.
    pub sent_at: Timestamp,
    /// What the sender has received.
    pub acks: Option<Acks>,
    /// What is said.
    pub kind: Kind,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("id", &self.id).field("link", &self.link).finish_non_exhaustive()
    }
}

/// Where a content stands among all that its sender said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// When the sender began to number.
    pub chain: Timestamp,
    /// From 1; for what is not numbered the last number that was used.
    pub sequence: u64,
    /// Takes part in the chain.
    pub numbered: bool,
    /// SHA-256 of the content before; `None` before the first.
    pub previous: Option<[u8; 32]>,
}

/// A text, or one part of a long one.
#[derive(Clone, PartialEq, Eq)]
pub struct TextPart {
    /// The whole text's name.
    pub message: WireId,
    /// From 0.
    pub part: u16,
    /// 1 to [`PARTS_MAX`].
    pub parts: u16,
    /// Untrusted when received.
    pub body: String,
    /// The text that this one answers.
    pub reply_to: Option<WireId>,
    /// Seconds from when it was sent, or read; 0: for ever.
    pub life_s: u32,
}

/// Other words for a text, or one part of them.
#[derive(Clone, PartialEq, Eq)]
pub struct EditPart {
    /// The text's name.
    pub message: WireId,
    /// The edit's own, the same in each part.
    pub name: WireId,
    /// From 0.
    pub part: u16,
    /// 1 to [`PARTS_MAX`].
    pub parts: u16,
    /// Untrusted when received.
    pub body: String,
}

/// What is said. Kinds of later pieces of work have their place in the format and are read as [`Kind::Later`].
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// A text or a reply.
    Text(TextPart),
    /// Acks, and the last text that was read, where that is to be told.
    Receipt(Option<WireId>),
    /// The sender writes, or does no more. Worth nothing a moment later.
    Typing(bool),
    /// What the sender calls themselves; untrusted.
    Profile(String),
    /// The sender's queues changed; keyvault carries them.
    QueueChange,
    /// Keeps a one-sided conversation's ratchet turning.
    KeepAlive,
    /// The other side misses these of ours.
    GapRequest(Vec<Range>),
    /// The session was opened anew with this; keyvault did it.
    SessionRepair,
    /// A text of the sender's says something else from now on.
    Edit(EditPart),
    /// A text of the sender's is gone.
    Delete(WireId),
    /// What the sender thinks of a text, whoever wrote that.
    Reaction {
        /// The text's name.
        message: WireId,
        /// Untrusted when received; [`is_emoji`], or empty: nothing any more.
        emoji: String,
    },
    /// How long texts live from now on.
    Timer(ChatTimer),
    /// Two people are brought together.
    Introduction(Introduction),
    /// A file that the reader may have, a part of a message.
    FileOffer(FileOffer),
    /// What the sender wants of a file from now on.
    FileAnswer {
        /// What both sides call it.
        file: WireId,
        /// What is said.
        word: FileWord,
    },
    /// Which chunks of a file the sender has.
    FileChunks(FileChunks),
    /// A short string is compared. Worth nothing a moment later.
    Comparison(Comparison),
    /// Two who know each other meet once more.
    Meeting(Meeting),
    /// A kind, or a version, that this program cannot show yet: acked and kept. All of the content's bytes.
    Later(Vec<u8>),
}

impl Kind {
    /// Whether it takes a number in the chain and is sealed again until it is acked.
    #[must_use]
    pub fn numbered(&self) -> bool {
        !matches!(
            self,
            Self::Receipt(_)
                | Self::Typing(_)
                | Self::KeepAlive
                | Self::GapRequest(_)
                | Self::SessionRepair
                | Self::FileChunks(_)
                | Self::Comparison(_)
        )
    }

    /// Whether it changes what is there: a text that was said before, the timer, or what becomes of a file.
    #[must_use]
    pub fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Edit(_)
                | Self::Delete(_)
                | Self::Reaction { .. }
                | Self::Timer(_)
                | Self::FileAnswer { .. }
        )
    }
}

/// Of a content's bytes, for the next one's `previous`.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Cuts a text at character boundaries into parts of at most [`PART_MAX_BYTES`].
#[must_use]
pub fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > PART_MAX_BYTES {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART_MAX_BYTES));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::TIMER_LONGEST_S;
    use ipc_schema::limits::{
        CONTENT_MAX_BYTES, FIRST_CONTENT_MAX_BYTES, LINK_MAX_CHARS, NAME_MAX_BYTES, TEXT_MAX_BYTES,
    };

    use super::*;

    fn content(kind: Kind) -> Content {
        let gap = |n: u64| Range { first: n * 10, last: n * 10 + 3 };
        Content {
            id: WireId([1; 16]),
            link: Link {
                chain: Timestamp(5),
                sequence: 1 << 40,
                numbered: kind.numbered(),
                previous: Some([7; 32]),
            },
            sent_at: Timestamp(9),
            acks: Some(Acks {
                chain: Timestamp(3),
                up_to: 99,
                missing: (1..=u64::try_from(GAPS_MAX).unwrap()).map(gap).collect(),
                hash: Some([8; 32]),
                before_gaps: vec![[9; HASH_HEAD_BYTES]; GAPS_MAX],
            }),
            kind,
        }
    }

    #[test]
    fn what_opens_a_session_anew_fits_beside_what_keyvault_says_in_it() {
        let mut repair = content(Kind::SessionRepair);
        let acks = repair.acks.as_mut().unwrap();
        acks.missing.truncate(GAPS_IN_REPAIR_MAX);
        acks.before_gaps.truncate(GAPS_IN_REPAIR_MAX);
        let bytes = encode(&repair);
        assert!(bytes.len() <= keyvault::REPAIR_CONTENT_MAX, "{} B", bytes.len());
        assert!(decode(&bytes).unwrap().kind == Kind::SessionRepair);
    }

    fn text(body: String) -> Kind {
        Kind::Text(TextPart {
            message: WireId([2; 16]),
            part: 3,
            parts: 9,
            body,
            reply_to: Some(WireId([3; 16])),
            life_s: 300,
        })
    }

    fn timer(seconds: u32, version: u64) -> Kind {
        Kind::Timer(ChatTimer { seconds, version })
    }

    fn edit(body: String) -> EditPart {
        EditPart { message: WireId([2; 16]), name: WireId([4; 16]), part: 3, parts: 9, body }
    }

    fn introduction(step: Step) -> Kind {
        Kind::Introduction(Introduction { id: WireId([5; 16]), step, name: "Cai".into(), link: "x".into() })
    }

    fn comparison(step: ComparisonStep) -> Kind {
        Kind::Comparison(Comparison { run: [7; 32], step })
    }

    fn meeting(step: MeetingStep) -> Kind {
        Kind::Meeting(Meeting { id: WireId([6; 16]), step })
    }

    fn reaction(emoji: &str) -> Kind {
        Kind::Reaction { message: WireId([2; 16]), emoji: emoji.into() }
    }

    #[test]
    fn every_kind_comes_back_as_it_was() {
        for kind in [
            text("héllo".into()),
            Kind::Receipt(None),
            Kind::Receipt(Some(WireId([6; 16]))),
            Kind::Typing(true),
            Kind::Typing(false),
            Kind::Profile("Ann".into()),
            Kind::QueueChange,
            Kind::KeepAlive,
            Kind::GapRequest(vec![Range { first: 1, last: 2 }]),
            Kind::Edit(edit("hello".into())),
            Kind::Delete(WireId([2; 16])),
            reaction("👍🏽"),
            reaction(""),
            timer(300, 1),
            timer(0, u64::MAX),
            introduction(Step::AskForLink),
            introduction(Step::Ask),
            introduction(Step::Yes),
            introduction(Step::Link),
            Kind::FileOffer(file::tests::offer()),
            Kind::FileAnswer { file: WireId([6; 16]), word: FileWord::Pause },
            Kind::FileChunks(file::tests::chunks(3)),
            comparison(ComparisonStep::Begin),
            comparison(ComparisonStep::Answer([8; 32])),
            comparison(ComparisonStep::Reveal([9; 32])),
            comparison(ComparisonStep::End(ComparisonEnd::Stopped)),
            comparison(ComparisonStep::End(ComparisonEnd::Different)),
            comparison(ComparisonStep::End(ComparisonEnd::Same)),
            meeting(MeetingStep::IsItYours([7; 32])),
            meeting(MeetingStep::ItIs([8; 32])),
            meeting(MeetingStep::ItIsNot),
            meeting(MeetingStep::Here),
            meeting(MeetingStep::There([9; 32])),
        ] {
            let content = content(kind);
            assert!(decode(&encode(&content)).unwrap() == content);
        }
    }

    #[test]
    fn the_largest_contents_fit_their_envelopes() {
        assert!(encode(&content(text("x".repeat(PART_MAX_BYTES)))).len() <= CONTENT_MAX_BYTES);
        let edit = Kind::Edit(edit("x".repeat(PART_MAX_BYTES)));
        assert!(encode(&content(edit)).len() <= CONTENT_MAX_BYTES);
        assert!(encode(&content(Kind::FileOffer(file::tests::largest_offer()))).len() <= CONTENT_MAX_BYTES);
        let came = Kind::FileChunks(file::tests::chunks(CHUNK_GAPS_MAX as u64));
        assert!(encode(&content(came)).len() <= CONTENT_MAX_BYTES);
        // Nothing has come when the first one is written.
        let introduction = Introduction {
            id: WireId([5; 16]),
            step: Step::Link,
            name: "x".repeat(NAME_MAX_BYTES),
            link: "x".repeat(LINK_MAX_CHARS),
        };
        assert!(encode(&content(Kind::Introduction(introduction))).len() <= CONTENT_MAX_BYTES);
        let first = Content { acks: None, ..content(Kind::Profile("x".repeat(NAME_MAX_BYTES))) };
        assert!(encode(&first).len() <= FIRST_CONTENT_MAX_BYTES);
        let longest = "\u{1F600}".repeat(TEXT_MAX_BYTES / 4);
        assert!(split(&longest).len() <= usize::from(PARTS_MAX));
        assert_eq!(split(&longest).concat(), longest);
    }

    #[test]
    fn cut_and_lengthened_contents_are_refused() {
        let read = Kind::Receipt(Some(WireId([6; 16])));
        let edited = Kind::Edit(edit("hello".into()));
        let answer = comparison(ComparisonStep::Answer([8; 32]));
        let claimed = meeting(MeetingStep::ItIs([7; 32]));
        let small = [text("hello".into()), edited, reaction("👍"), read, timer(300, 1), answer, claimed];
        for kind in small {
            let bytes = encode(&content(kind));
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err(), "{length}");
            }
            assert!(decode(&[bytes, vec![0; 8]].concat()).is_err());
        }
    }

    #[test]
    fn a_content_altered_anywhere_is_read_or_refused_without_a_panic() {
        let read = Kind::Receipt(Some(WireId([6; 16])));
        let edited = Kind::Edit(edit("hello".into()));
        let asked = introduction(Step::Ask);
        let offer = Kind::FileOffer(file::tests::offer());
        let came = Kind::FileChunks(file::tests::chunks(3));
        let ended = comparison(ComparisonStep::End(ComparisonEnd::Same));
        let small = [text("hello".into()), edited, reaction("👍"), read, timer(300, 1), asked, ended];
        let claimed = meeting(MeetingStep::IsItYours([7; 32]));
        for kind in small.into_iter().chain([offer, came, claimed]) {
            let bytes = encode(&content(kind));
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut altered = bytes.clone();
                    altered[at] ^= 1 << bit;
                    let _ = decode(&altered);
                }
            }
        }
    }

    #[test]
    fn a_life_is_bounded_when_it_is_read() {
        let longest = TIMER_LONGEST_S;
        for (said, taken) in [(0, 0), (1, 1), (longest, longest), (longest + 1, longest), (u32::MAX, longest)]
        {
            let part = TextPart {
                message: WireId([2; 16]),
                part: 0,
                parts: 1,
                body: "hello".into(),
                reply_to: None,
                life_s: said,
            };
            let read = decode(&encode(&content(Kind::Text(part)))).unwrap().kind;
            assert!(matches!(read, Kind::Text(part) if part.life_s == taken), "{said}");
            assert!(decode(&encode(&content(timer(said, 7)))).unwrap().kind == timer(taken, 7), "{said}");
        }
    }

    #[test]
    fn an_edit_in_too_many_parts_or_beyond_its_own_is_refused() {
        let read = |part, parts| {
            let edit = EditPart { part, parts, ..edit("hello".into()) };
            decode(&encode(&content(Kind::Edit(edit)))).is_ok()
        };
        assert!(read(0, 1) && read(PARTS_MAX - 1, PARTS_MAX));
        assert!(!read(0, 0) && !read(1, 1) && !read(0, PARTS_MAX + 1));
    }

    #[test]
    fn a_reaction_of_words_that_nobody_sees_or_without_end_is_refused() {
        let read = |emoji: &str| decode(&encode(&content(reaction(emoji)))).is_ok();
        for emoji in ["", "👍", "❤️", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "+1"]
        {
            assert!(read(emoji), "{emoji}");
        }
        let longest = "👍".repeat(ipc_schema::limits::EMOJI_MAX_BYTES / 4);
        assert!(read(&longest) && !read(&(longest + "!")));
        for emoji in ["\u{202e}x", "a\nb", "a b", "\u{7}", "\u{200d}", "\u{fe0f}", "👍\u{200b}"] {
            assert!(!read(emoji), "{}", emoji.escape_unicode());
        }
    }

    #[test]
    fn a_content_of_a_newer_version_is_kept_unread() {
        let mut content = content(text("hello".into()));
        content.kind = Kind::Later(Vec::new());
        let bytes = encode::encode_version(&content, VERSION + 1);
        assert!(decode(&bytes).unwrap().kind == Kind::Later(bytes));
    }

    #[test]
    fn an_introduction_with_too_long_a_name_or_link_is_refused() {
        let read = |name: usize, link: usize| {
            let introduction = Introduction {
                id: WireId([5; 16]),
                step: Step::Ask,
                name: "x".repeat(name),
                link: "x".repeat(link),
            };
            decode(&encode(&content(Kind::Introduction(introduction)))).is_ok()
        };
        assert!(read(0, 0) && read(NAME_MAX_BYTES, LINK_MAX_CHARS));
        assert!(!read(NAME_MAX_BYTES + 1, 0) && !read(0, LINK_MAX_CHARS + 1));
    }
}
