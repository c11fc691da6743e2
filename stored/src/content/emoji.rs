//! What can be a reaction.

use ipc_schema::limits::EMOJI_MAX_BYTES;
use ipc_schema::unseen::is_unseen;

/// Whether it can be a reaction: short, something of it is seen, and nothing of it is a space, moves a cursor or turns the direction of
/// writing. Which signs fonts have a picture for changes every year, and is not looked at.
#[must_use]
pub fn is_emoji(text: &str) -> bool {
    text.len() <= EMOJI_MAX_BYTES
        && text.chars().all(|c| joins(c) || !is_unseen(c) && !c.is_whitespace())
        && !text.chars().all(joins)
}

/// What makes one picture of several, or a picture of a letter: the joiner, the two selectors, and the letters of flags.
fn joins(c: char) -> bool {
    matches!(c, '\u{200D}' | '\u{FE0E}' | '\u{FE0F}' | '\u{E0020}'..='\u{E007F}')
}
