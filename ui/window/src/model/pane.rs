//! What stands beside the list.

use ipc_schema::edge::ui_stored::{Comparison, Refusal, SafetyNumber};

/// The right part of the window.
#[derive(Debug, PartialEq, Eq)]
pub enum Pane {
    /// Two ways to reach somebody.
    Start,
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
}

/// What a link looks like, before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkLooks {
    /// Nothing is there yet.
    Empty,
    /// Not one of ours.
    Foreign,
    /// Its end is missing.
    CutShort,
    /// As a link is.
    Complete,
}

/// The fewest characters of a link: version, kind, secret, relay id, expiry and checks fill at least 70 bytes.
const LINK_MIN_CHARS: usize = 100;

/// Judges a link by its looks; stored says the rest.
#[must_use]
pub fn link_looks(untrusted_link: &str) -> LinkLooks {
    let link = untrusted_link.trim();
    let Some(rest) = link.strip_prefix("privatus:i#") else {
        return if link.is_empty() {
            LinkLooks::Empty
        } else if "privatus:i#".starts_with(link) {
            LinkLooks::CutShort
        } else {
            LinkLooks::Foreign
        };
    };
    let letters = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match (letters, link.len()) {
        (false, _) => LinkLooks::Foreign,
        (true, length) if length < LINK_MIN_CHARS => LinkLooks::CutShort,
        (true, length) if length > ipc_schema::limits::LINK_MAX_CHARS => LinkLooks::Foreign,
        _ => LinkLooks::Complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_judged_before_anybody_is_asked() {
        let whole = format!("privatus:i#{}", "aB-_9".repeat(40));
        assert_eq!(link_looks(&format!("  {whole}\n")), LinkLooks::Complete);
        assert_eq!(link_looks(""), LinkLooks::Empty);
        assert_eq!(link_looks("privatus:"), LinkLooks::CutShort);
        assert_eq!(link_looks("privatus:i#c_YBi"), LinkLooks::CutShort);
        assert_eq!(link_looks("https://example.org"), LinkLooks::Foreign);
        assert_eq!(link_looks(&format!("{whole}ü")), LinkLooks::Foreign);
        assert_eq!(link_looks(&format!("{whole}{whole}")), LinkLooks::Foreign);
    }
}
