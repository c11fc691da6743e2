//! A sending or receiving chain of either ratchet: each step gives the key of one message and forgets what it came from.

use std::marker::PhantomData;

use super::message_key::MessageSecret;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;
use crate::memory::Secret32;

/// Of the elliptic-curve ratchet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ec {}

/// Of the post-quantum ratchet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pq {}

/// CK of the specification, in the ratchet `R`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainKey<R>(Secret32, PhantomData<R>);

/// What a chain of the ratchet `R` gives for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepKey<R>(Secret32, PhantomData<R>);

/// The two chains that run side by side, one message one step of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainPair {
    pub(super) ec: ChainKey<Ec>,
    pub(super) pq: ChainKey<Pq>,
}

impl<R> ChainKey<R> {
    pub(super) fn new(key: Secret32) -> Self {
        Self(key, PhantomData)
    }

    /// `KDF_CK`: HMAC-SHA256 under the chain key of 0x01 (message key) and 0x02 (next chain key).
    fn step(&mut self) -> StepKey<R> {
        let [message, next] = kdf::mac_each(&self.0, [1, 2]);
        self.0 = next;
        StepKey(message, PhantomData)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self::new)
    }
}

impl<R> StepKey<R> {
    pub(super) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl ChainPair {
    /// The secret of the next message.
    pub(super) fn step(&mut self) -> MessageSecret {
        MessageSecret::combine(&self.ec.step(), &self.pq.step())
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.ec.write(writer);
        self.pq.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { ec: ChainKey::read(reader)?, pq: ChainKey::read(reader)? })
    }
}
