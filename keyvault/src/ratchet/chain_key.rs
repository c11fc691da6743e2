//! A sending or receiving chain of either ratchet: each step gives the key of one message and forgets what it came from.

use std::marker::PhantomData;

use super::side::SideSecret;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;
use crate::memory::Secret32;

/// Of the elliptic-curve ratchet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ec {}

/// Of the post-quantum ratchet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pq {}

/// CK of the specification: of the side `S`, in the ratchet `R`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainKey<S, R>(SideSecret<S>, PhantomData<R>);

/// What a chain of the ratchet `R` gives for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StepKey<R>(Secret32, PhantomData<R>);

/// The two chains of one side that run beside each other, one message one step of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainPair<S> {
    pub(super) ec: ChainKey<S, Ec>,
    pub(super) pq: ChainKey<S, Pq>,
}

/// Both ratchets' keys of one message in one: what is kept of a message that has not come yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MessageSecret(Secret32);

impl<S, R> ChainKey<S, R> {
    pub(super) fn new(key: SideSecret<S>) -> Self {
        Self(key, PhantomData)
    }

    /// `KDF_CK`: HMAC-SHA256 under the chain key of 0x01 (message key) and 0x02 (next chain key).
    fn step(&mut self) -> StepKey<R> {
        let [message, next] = kdf::mac_each(self.0.secret(), [1, 2]);
        self.0 = SideSecret::new(next);
        StepKey(message, PhantomData)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        SideSecret::read(reader).map(Self::new)
    }
}

impl<R> StepKey<R> {
    fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl<S> ChainPair<S> {
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

impl MessageSecret {
    /// `HKDF-Extract(salt = pq key, ikm = ec key)`: secret as long as one of the two is (the first half of the HKDF that
    /// gives the message key).
    fn combine(ec: &StepKey<Ec>, pq: &StepKey<Pq>) -> Self {
        Self(Secret32::take(&mut kdf::mac_under(pq.expose(), &[ec.expose()])))
    }

    /// What the message's key is expanded from.
    pub(super) fn extract(&self) -> &Secret32 {
        &self.0
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }
}
