//! What the two said of a file, and how it stands by that (docs/protocol/content.md, "Files").

use crate::content::FileWord;

/// How a file stands between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The receiver has not said anything.
    Offered,
    /// Chunks travel.
    Going,
    /// Somebody wants it to rest.
    Paused(By),
    /// The receiver has all of it.
    Done,
    /// Somebody wants no more of it.
    Stopped(By),
}

/// Who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The user.
    Us,
    /// The contact.
    Them,
}

/// The last word of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// The user offers it, and does not receive it.
    pub mine: bool,
    /// The user's; of an offer *go* from the beginning.
    pub ours: Option<FileWord>,
    /// The contact's.
    pub theirs: Option<FileWord>,
}

impl Words {
    /// How it stands.
    #[must_use]
    pub fn standing(self) -> Standing {
        use FileWord::{Done, Pause, Stop};
        let (receiver, sender) = if self.mine { (self.theirs, self.ours) } else { (self.ours, self.theirs) };
        let by = |word| if self.ours == Some(word) { By::Us } else { By::Them };
        match (receiver, sender) {
            (Some(Done), _) => Standing::Done,
            (Some(Stop), _) | (_, Some(Stop)) => Standing::Stopped(by(Stop)),
            (None, _) => Standing::Offered,
            (Some(Pause), _) | (_, Some(Pause)) => Standing::Paused(by(Pause)),
            // A sender that says *done* says nothing.
            (Some(FileWord::Go), _) => Standing::Going,
        }
    }

    /// Whether one of the two may say this now. What changes nothing may be said.
    #[must_use]
    pub fn may_say(self, who: By, word: FileWord) -> bool {
        let receives = match who {
            By::Us => !self.mine,
            By::Them => self.mine,
        };
        let said = match who {
            By::Us => self.ours,
            By::Them => self.theirs,
        };
        match (said, word) {
            (Some(FileWord::Stop | FileWord::Done), _) => said == Some(word),
            (_, FileWord::Done) => receives,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use FileWord::{Done, Go, Pause, Stop};

    use super::*;

    fn standing(mine: bool, ours: Option<FileWord>, theirs: Option<FileWord>) -> Standing {
        Words { mine, ours, theirs }.standing()
    }

    #[test]
    fn chunks_travel_while_both_want_it_and_the_last_words_are_the_last() {
        for (receiver, sender, expected) in [
            (None, Some(Go), Standing::Offered),
            (None, Some(Pause), Standing::Offered),
            (None, Some(Stop), Standing::Stopped(By::Them)),
            (Some(Go), Some(Go), Standing::Going),
            (Some(Go), Some(Done), Standing::Going),
            (Some(Go), Some(Pause), Standing::Paused(By::Them)),
            (Some(Pause), Some(Go), Standing::Paused(By::Us)),
            (Some(Pause), Some(Pause), Standing::Paused(By::Us)),
            (Some(Stop), Some(Go), Standing::Stopped(By::Us)),
            (Some(Pause), Some(Stop), Standing::Stopped(By::Them)),
            (Some(Done), Some(Stop), Standing::Done),
            (Some(Done), Some(Go), Standing::Done),
        ] {
            assert_eq!(standing(false, receiver, sender), expected, "{receiver:?} {sender:?}");
            let seen_there = match expected {
                Standing::Stopped(By::Us) => Standing::Stopped(By::Them),
                Standing::Stopped(By::Them) => Standing::Stopped(By::Us),
                // Of a pause of both each sees the own one.
                Standing::Paused(By::Us) if sender != Some(Pause) => Standing::Paused(By::Them),
                Standing::Paused(By::Them) => Standing::Paused(By::Us),
                other => other,
            };
            assert_eq!(standing(true, sender, receiver), seen_there, "{receiver:?} {sender:?}");
        }
    }

    #[test]
    fn nothing_is_said_behind_the_last_word_and_only_who_receives_is_done() {
        for last in [Stop, Done] {
            let words = Words { mine: false, ours: Some(last), theirs: Some(Go) };
            for word in [Go, Pause, Stop, Done] {
                assert_eq!(words.may_say(By::Us, word), word == last);
            }
        }
        let open = Words { mine: true, ours: Some(Go), theirs: Some(Pause) };
        assert!(!open.may_say(By::Us, Done) && open.may_say(By::Them, Done));
        assert!(
            [Go, Pause, Stop].iter().all(|word| open.may_say(By::Us, *word) && open.may_say(By::Them, *word))
        );
    }
}
