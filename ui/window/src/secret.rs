//! A passphrase while it is typed: bytes that never move and are wiped.

use ipc_schema::limits::PASSPHRASE_MAX_BYTES;
use zeroize::{Zeroize, Zeroizing};

/// What was typed so far. Its room is taken at once, so that growing leaves no copy behind.
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    /// What was typed last found no room.
    full: bool,
}

impl Default for Secret {
    fn default() -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(PASSPHRASE_MAX_BYTES)), full: false }
    }
}

impl Secret {
    /// Adds what a key press gave; control characters are left out, and so is what does not fit, which [`Self::is_full`] then tells.
    pub fn push(&mut self, typed: &str) {
        if typed.is_empty() || typed.chars().any(char::is_control) {
            return;
        }
        self.full = self.bytes.len() + typed.len() > PASSPHRASE_MAX_BYTES;
        if !self.full {
            self.bytes.extend_from_slice(typed.as_bytes());
        }
    }

    /// What was typed last found no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Takes the last character away.
    pub fn pop(&mut self) {
        self.full = false;
        while let Some(byte) = self.bytes.last_mut() {
            let first_of_character = (*byte & 0xC0) != 0x80;
            byte.zeroize();
            self.bytes.pop();
            if first_of_character {
                break;
            }
        }
    }

    /// Wipes it.
    pub fn clear(&mut self) {
        self.full = false;
        self.bytes.zeroize();
        self.bytes.reserve_exact(PASSPHRASE_MAX_BYTES);
    }

    /// A copy that wipes itself, for the edge.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.bytes.clone()
    }

    /// The letters, for who asked to see them.
    #[must_use]
    pub fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(String::from_utf8_lossy(&self.bytes).into_owned())
    }

    /// How many characters.
    #[must_use]
    pub fn characters(&self) -> usize {
        self.bytes.iter().filter(|byte| (**byte & 0xC0) != 0x80).count()
    }

    /// Nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Both are the same, and not empty.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        !self.is_empty() && *self.bytes == *other.bytes
    }

    /// As far as `other` goes, both are the same.
    #[must_use]
    pub fn begins_with(&self, other: &Self) -> bool {
        self.bytes.starts_with(&other.bytes)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backspace_takes_a_whole_character() {
        let mut secret = Secret::default();
        secret.push("aé");
        secret.push("陽");
        assert_eq!(secret.characters(), 3);
        secret.pop();
        assert_eq!(&*secret.to_bytes(), "aé".as_bytes());
        secret.pop();
        secret.pop();
        secret.pop();
        assert!(secret.is_empty());
    }

    #[test]
    fn typing_never_moves_the_bytes_and_stops_at_the_limit() {
        let mut secret = Secret::default();
        let start = secret.bytes.as_ptr();
        for _ in 0..2 * PASSPHRASE_MAX_BYTES {
            secret.push("x");
        }
        assert_eq!((secret.characters(), secret.bytes.as_ptr()), (PASSPHRASE_MAX_BYTES, start));
    }

    #[test]
    fn what_finds_no_room_is_told_until_there_is_some() {
        let mut secret = Secret::default();
        secret.push(&"x".repeat(PASSPHRASE_MAX_BYTES));
        assert!(!secret.is_full(), "all of it was taken");
        secret.push("y");
        assert_eq!((secret.is_full(), secret.characters()), (true, PASSPHRASE_MAX_BYTES));
        secret.push("");
        assert!(secret.is_full(), "Shift alone is no key that gives a letter");
        secret.pop();
        assert!(!secret.is_full());
    }

    #[test]
    fn debug_tells_nothing() {
        let mut secret = Secret::default();
        secret.push("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
