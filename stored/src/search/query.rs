//! What was typed, as what is looked for. A person writes no language of operators: all that has a meaning are quotation marks, and each
//! word goes to SQLite between quotation marks of its own, so that nothing in it is read as anything but a word.

use ipc_schema::limits::{SEARCH_MAX_BYTES, SEARCH_WORDS_MAX};

use super::letters::{GAP, is_unspaced, letters};

/// A word begun with fewer letters would stand for so much of the vocabulary that its index takes long to read.
const BEGINNING_MIN_CHARS: usize = 2;
/// What the index of infixes counts in.
const INFIX_MIN_CHARS: usize = 3;

/// What was typed is too long, or has too many words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// What is looked for: texts that hold all of it. Has no `Debug`: it is as private as what it finds.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    pub(super) terms: Vec<Term>,
}

/// A word, or several side by side.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// As it was typed; of an unspaced one in lower case.
    text: String,
    /// Letter by letter, with one gap between words and none around them.
    pub(super) letters: Vec<char>,
    /// It stands anywhere, and not between two gaps.
    pub(super) is_unspaced: bool,
    /// Its last word may go on.
    pub(super) is_open: bool,
}

/// Where the texts are that may hold what is looked for; those that hold it are among them.
pub(crate) enum Source {
    /// Those that match this in the index of words.
    Words(String),
    /// Those that match this in the index of infixes.
    Infixes(String),
    /// All: what is looked for is too short for that index.
    All,
}

impl Wanted {
    /// Reads what was typed.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn parse(typed: &str) -> Result<Self, TooLong> {
        if typed.len() > SEARCH_MAX_BYTES {
            return Err(TooLong);
        }
        let parts: Vec<&str> = typed.split(is_quotation_mark).collect();
        let mut terms: Vec<Term> = Vec::new();
        let mut words = 0;
        for (at, part) in parts.iter().enumerate() {
            let is_last = at + 1 == parts.len();
            let between: Vec<&str> = part.split(is_gap).filter(|word| !word.is_empty()).collect();
            words += between.len();
            // What stands behind an odd number of them is a phrase, also one that is being typed.
            if at % 2 == 1 {
                terms.extend(Term::new(&between.join(" "), is_last));
            } else {
                terms.extend(between.iter().filter_map(|word| Term::new(word, is_last)));
            }
        }
        if words > SEARCH_WORDS_MAX {
            return Err(TooLong);
        }
        let last = terms.len().saturating_sub(1);
        terms.iter_mut().take(last).for_each(|term| term.is_open = false);
        Ok(Self { terms })
    }

    /// Whether nothing is looked for, so that nothing is found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Which texts are to be looked at.
    pub(crate) fn source(&self) -> Source {
        if self.has_words() {
            return Source::Words(matching(self.terms.iter().filter(|term| !term.is_unspaced)));
        }
        let infixes = matching(self.terms.iter().filter(|term| term.is_infix()));
        if infixes.is_empty() { Source::All } else { Source::Infixes(infixes) }
    }

    /// Whether a text that is to be looked at holds what its index does not answer for.
    pub(crate) fn is_held_by(&self, body: &str) -> bool {
        let has_words = self.has_words();
        let mut open = self.terms.iter().filter(|term| term.is_unspaced && (has_words || !term.is_infix()));
        let Some(first) = open.next() else { return true };
        let body = body.to_lowercase();
        body.contains(&first.text) && open.all(|term| body.contains(&term.text))
    }

    fn has_words(&self) -> bool {
        self.terms.iter().any(|term| !term.is_unspaced)
    }
}

impl Term {
    /// `None`: nothing in it can be found.
    fn new(typed: &str, is_last: bool) -> Option<Self> {
        let is_unspaced = typed.chars().any(is_unspaced);
        let shape: Vec<char> = letters(typed).iter().map(|letter| letter.is).collect();
        let words: Vec<&[char]> = shape.split(|c| *c == GAP).filter(|word| !word.is_empty()).collect();
        let is_begun = words.last()?.len() >= BEGINNING_MIN_CHARS;
        Some(Self {
            text: if is_unspaced { typed.to_lowercase() } else { typed.to_owned() },
            letters: words.join(&GAP),
            is_unspaced,
            is_open: is_last && is_begun,
        })
    }

    /// Whether the index of infixes can answer for it: that leaves out what the fold of letters makes nothing of.
    fn is_infix(&self) -> bool {
        let counts = |c: &char| !('\u{300}'..='\u{36F}').contains(c);
        self.is_unspaced && self.text.chars().filter(counts).count() >= INFIX_MIN_CHARS
    }

    /// In the language of SQLite's index: a string, and whether its last word may go on.
    fn quoted(&self) -> String {
        let string = format!("\"{}\"", self.text.replace('"', "\"\""));
        if self.is_open && !self.is_unspaced { string + " *" } else { string }
    }
}

/// All of these.
fn matching<'a>(terms: impl Iterator<Item = &'a Term>) -> String {
    terms.map(Term::quoted).collect::<Vec<_>>().join(" ")
}

/// Between words. NUL is a control character: SQLite would take what is looked for to end there.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// As keyboards and word processors make them.
fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '\u{201C}' | '\u{201D}' | '\u{201E}')
}
