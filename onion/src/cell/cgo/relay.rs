//! The relay's half: one direction of one circuit at one relay.

use aes::Aes128Enc;

use super::{BODY_BYTES, SEED_BYTES, State, Tag, halves};
use crate::cell::Command;

/// One direction of a circuit at a relay.
pub struct RelayHalf(State<Aes128Enc>);

impl std::fmt::Debug for RelayHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RelayHalf(redacted)")
    }
}

impl RelayHalf {
    /// From this hop's and direction's 80 B of the handshake.
    #[must_use]
    pub fn new(seed: &[u8; SEED_BYTES]) -> Self {
        Self(State::new(seed))
    }

    /// A cell that passes, in either direction: one layer, and the chain moves on.
    fn pass(&mut self, body: &mut [u8; BODY_BYTES]) -> Tag {
        self.0.chained = self.0.uiv.encrypt(&self.0.chained, Command::Relay.code(), body);
        self.0.chained
    }

    /// A cell from the client. `Some(tag)`: it is for this relay, its message is in the clear behind the first 16 B, and the tag
    /// is what a SENDME for it names. `None`: it goes on to the next relay as it now is.
    pub fn outward(&mut self, body: &mut [u8; BODY_BYTES]) -> Option<Tag> {
        let left = self.pass(body);
        if !self.0.recognises(&left) {
            return None;
        }
        self.0.update();
        Some(left)
    }

    /// A cell from the next relay on its way to the client.
    pub fn inward(&mut self, body: &mut [u8; BODY_BYTES]) {
        self.pass(body);
    }

    /// A cell of this relay's own for the client: the message stands behind the first 16 B of `body`. Answers its tag.
    pub fn originate(&mut self, body: &mut [u8; BODY_BYTES]) -> Tag {
        *halves(body).0 = self.0.nonce;
        let tag = self.pass(body);
        self.0.update();
        tag
    }
}
