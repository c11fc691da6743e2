//! Whose a key is: this side's, or the peer's. It stands in the key's type, so that neither can take the other's place.

use std::marker::PhantomData;

use crate::codec::{Malformed, Reader, Writer};
use crate::memory::Secret32;

/// Of what this side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {}

/// Of what the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theirs {}

/// What this side was in the key agreement. Keys are agreed on by role and used by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Initiator,
    Responder,
}

/// A secret that the side `S` sends under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SideSecret<S>(Secret32, PhantomData<S>);

impl Role {
    /// Whose each of two secrets is. Nothing else turns roles into sides.
    pub(super) fn sides(
        self,
        initiator: Secret32,
        responder: Secret32,
    ) -> (SideSecret<Ours>, SideSecret<Theirs>) {
        match self {
            Self::Initiator => (SideSecret::new(initiator), SideSecret::new(responder)),
            Self::Responder => (SideSecret::new(responder), SideSecret::new(initiator)),
        }
    }

    /// 1 for the initiator.
    pub(super) fn write(self, writer: &mut Writer) {
        writer.flag(self == Self::Initiator);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(if reader.flag()? { Self::Initiator } else { Self::Responder })
    }
}

impl<S> SideSecret<S> {
    pub(super) fn new(secret: Secret32) -> Self {
        Self(secret, PhantomData)
    }

    pub(super) fn secret(&self) -> &Secret32 {
        &self.0
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_sends_under_its_own_secret() {
        let secret = |byte| Secret32::take(&mut [byte; 32]);
        for (role, ours, theirs) in [(Role::Initiator, 1, 2), (Role::Responder, 2, 1)] {
            let sides = role.sides(secret(1), secret(2));
            assert_eq!((sides.0.secret(), sides.1.secret()), (&secret(ours), &secret(theirs)));
            let mut writer = Writer::default();
            role.write(&mut writer);
            assert_eq!(writer.as_slice(), [u8::from(role == Role::Initiator)]);
            assert_eq!(Role::read(&mut Reader::new(writer.as_slice())), Ok(role));
        }
    }
}
