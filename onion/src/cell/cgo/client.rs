//! The client's half: every layer of one circuit.

use aes::Aes128Dec;

use super::{BODY_BYTES, SEED_BYTES, State, Tag, halves};
use crate::cell::Command;

/// One hop's layer at the client, both directions.
pub struct ClientLayer {
    towards: State<Aes128Dec>,
    back: State<Aes128Dec>,
}

impl ClientLayer {
    /// From the two 80 B seeds of the hop's handshake: towards the relay, and back.
    #[must_use]
    pub fn new(towards: &[u8; SEED_BYTES], back: &[u8; SEED_BYTES]) -> Self {
        Self { towards: State::new(towards), back: State::new(back) }
    }
}

impl State<Aes128Dec> {
    /// Takes one layer off; the chain goes on with the L that went in.
    fn strip(&mut self, body: &mut [u8; BODY_BYTES]) -> (Tag, Tag) {
        let before = *halves(body).0;
        let after = self.uiv.decrypt(&self.chained, Command::Relay.code(), body);
        self.chained = before;
        (before, after)
    }
}

/// All layers of a circuit, first hop first.
#[derive(Default)]
pub struct ClientLayers(Vec<ClientLayer>);

impl std::fmt::Debug for ClientLayers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientLayers({} hops, redacted)", self.0.len())
    }
}

impl ClientLayers {
    /// Adds the layer of a hop that has just been built.
    pub fn push(&mut self, layer: ClientLayer) {
        self.0.push(layer);
    }

    /// How many hops are built.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no hop is built.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Wraps a message (behind the first 16 B of `body`) for the hop with that index. Answers the tag that hop's SENDME for it must
    /// name, or `None` when there is no such hop.
    pub fn wrap(&mut self, hop: usize, body: &mut [u8; BODY_BYTES]) -> Option<Tag> {
        let (target, nearer) = self.0.get_mut(..=hop)?.split_last_mut()?;
        *halves(body).0 = target.towards.nonce;
        let (tag, _) = target.towards.strip(body);
        target.towards.update();
        for layer in nearer.iter_mut().rev() {
            layer.towards.strip(body);
        }
        Some(tag)
    }

    /// Unwraps a cell that came back. `Some((hop, tag))`: that hop made it, and its message is in the clear. `None`: nobody on this
    /// circuit did; the circuit is of no more use.
    pub fn unwrap(&mut self, body: &mut [u8; BODY_BYTES]) -> Option<(usize, Tag)> {
        for (hop, layer) in self.0.iter_mut().enumerate() {
            let (before, after) = layer.back.strip(body);
            if layer.back.recognises(&after) {
                layer.back.update();
                return Some((hop, before));
            }
        }
        None
    }
}
