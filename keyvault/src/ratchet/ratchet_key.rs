//! The keys of the Diffie-Hellman ratchet, DHs and DHr of the specification.

use std::marker::PhantomData;

use rand_core::CryptoRng;

use super::side::{Ours, Theirs};
use crate::agreement_key::{AgreementError, AgreementKey, AgreementSecret};
use crate::codec::{Malformed, Reader, Writer};
use crate::memory::Secret32;

/// DHs: this side's own, both halves.
#[derive(Clone)]
pub(super) struct RatchetSecret(AgreementSecret);

/// A public half: ours goes into headers, theirs comes out of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RatchetKey<S>(AgreementKey, PhantomData<S>);

impl RatchetSecret {
    /// Draws 32 bytes.
    pub(super) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(AgreementSecret::generate(rng))
    }

    /// The signed prekey that the initiator's first message named: the responder's first DHs.
    pub(super) fn of_prekey(own: AgreementSecret) -> Self {
        Self(own)
    }

    pub(super) fn public(&self) -> RatchetKey<Ours> {
        RatchetKey(self.0.public(), PhantomData)
    }

    /// The input of a root step.
    pub(super) fn agree(&self, theirs: &RatchetKey<Theirs>) -> Result<Secret32, AgreementError> {
        self.0.agree(&theirs.0)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        AgreementSecret::read(reader).map(Self)
    }
}

impl RatchetKey<Theirs> {
    /// The responder's signed prekey: the initiator's first DHr.
    pub(super) fn of_prekey(their: &AgreementKey) -> Self {
        Self(*their, PhantomData)
    }
}

impl<S> RatchetKey<S> {
    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(AgreementKey::read(reader)?, PhantomData))
    }
}
