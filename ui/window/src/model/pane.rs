//! What stands beside the list.

use ipc_schema::edge::ui_stored::{Comparison, Refusal, SafetyNumber, ShortComparison, ShortState};
use ipc_schema::link::{self, Found};

/// The right part of the window.
#[derive(Debug, PartialEq, Eq)]
pub enum Pane {
    /// Nothing is open: two ways to reach somebody, and where there is room for one part alone the list.
    Start,
    /// The two ways, asked for.
    Add,
    /// A conversation, by contact id.
    Chat(String),
    /// Making an invitation.
    Invite(Inviting),
    /// An invitation that was made, by its contact's id.
    Invitation(String),
    /// Accepting one.
    Accept(Accepting),
    /// Comparing who somebody is.
    Compare(Comparing),
}

/// An invitation while it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inviting {
    /// A relay is asked to keep it.
    pub busy: bool,
    /// Why it could not be made.
    pub refused: Option<Refusal>,
}

/// A link while it is accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepting {
    /// The relay is asked.
    pub busy: bool,
    /// Why it was not accepted.
    pub refused: Option<Refusal>,
}

/// Who somebody is, while it is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparing {
    /// The contact's id.
    pub who: String,
    /// What is to be compared, once it is known.
    pub number: Option<SafetyNumber>,
    /// Why there is none.
    pub refused: Option<Refusal>,
    /// What the code that was scanned last says.
    pub told: Option<Comparison>,
    /// The user says that it is not the same.
    pub differs: bool,
    /// How far it is with a short string, once that is known.
    pub short: Option<ShortComparison>,
    /// Why what the user did last about that was not done.
    pub short_refused: Option<Refusal>,
}

impl Comparing {
    /// A short string is there to be read out.
    #[must_use]
    pub fn shows_short(&self) -> bool {
        self.short.as_ref().is_some_and(|short| short.state == ShortState::Shown)
    }
}

/// What was pasted, before anybody is asked. A link is a secret: it is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Pasted {
    /// Nothing is there yet.
    Nothing,
    /// No link of ours.
    Foreign,
    /// Its end is missing.
    CutShort,
    /// A letter is missing, or another one.
    Changed,
    /// More than one link.
    Several,
    /// A link, and maybe a text around it.
    Complete(String),
}

/// The fewest characters of a link: version, kind, secret, relay id, expiry, number of hints and checksum fill 75 bytes, 100 letters.
const LINK_MIN_CHARS: usize = 111;

/// Looks for a link in what was pasted; stored says the rest.
#[must_use]
pub fn pasted(untrusted_text: &str) -> Pasted {
    match link::find(untrusted_text) {
        Found::Link(link) => Pasted::Complete(link),
        Found::Broken(link) if link.chars().count() < LINK_MIN_CHARS => Pasted::CutShort,
        Found::Broken(_) => Pasted::Changed,
        Found::Several => Pasted::Several,
        Found::Nothing if untrusted_text.trim().is_empty() => Pasted::Nothing,
        Found::Nothing => Pasted::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sound links of version 1, without contact points.
    const LINK: &str = "privatus:i#AQFM9oKaqTco6PPJffkT-xv6lf5YEOKTOgWUP4MSqY2c8jfncC5c5EnBIl-hs7Ptji3_NdJEZNkmSkwr6_Pg3u4Fa0nSAACTtayr";
    const OTHER: &str = "privatus:i#AQG4MbM-DAW0XhW73Zs7-kOCX-4KoLblpU4x4r2LBzt2t2TyMmEKpk5PfwPFFyi1BQ2C0pS1XDBAcE8OXYPBKbjwa0nSAABBcpNz";

    #[test]
    fn a_link_is_judged_before_anybody_is_asked() {
        let complete = Pasted::Complete(LINK.into());
        let (head, tail) = LINK.split_at(76);
        for text in [
            format!("  {LINK}\n"),
            format!("Here it is: {LINK}. See you!"),
            format!("> {head}\n> {tail}"),
            format!("{LINK}{LINK}"),
        ] {
            assert!(pasted(&text) == complete, "{text}");
        }
        assert!(pasted(" ") == Pasted::Nothing);
        assert!(pasted("privatus:") == Pasted::CutShort);
        assert!(pasted("privatus:i#c_YBi") == Pasted::CutShort);
        assert!(pasted("https://example.org") == Pasted::Foreign);
        assert!(pasted(&LINK.replacen(tail, &tail.to_lowercase(), 1)) == Pasted::Changed);
        assert!(pasted(&format!("{LINK} {OTHER}")) == Pasted::Several);
    }
}
