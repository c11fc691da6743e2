//! Authenticating mailbox commands, each bound to relay, queue, circuit and counter
//! (docs/protocol/envelope.md, "Mailbox commands").

use ed25519_dalek::{Signer, SigningKey};
use ipc_schema::mailbox::{Command, Context, SENDER_KEY_LABEL, signing_input};
use rand_core::CryptoRng;

use crate::agreement_key::{AgreementError, AgreementKey, AgreementSecret};
use crate::codec::{Malformed, Reader, Writer};
use crate::ids::QueueId;
use crate::kdf;
use crate::memory::Secret32;

/// What proves a command to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authenticator {
    /// The receiver's Ed25519 signature.
    Receiver([u8; 64]),
    /// The sender's or invited person's HMAC: deniable, the relay could have made it.
    Sender([u8; 32]),
}

impl AsRef<[u8]> for Authenticator {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Receiver(signature) => signature,
            Self::Sender(mac) => mac,
        }
    }
}

/// The receiver's key of one queue, as its seed: a queue is read for every envelope, and its key is expanded only to sign.
#[derive(Clone)]
pub(crate) struct ReceiverKey(Secret32);

impl ReceiverKey {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// What goes into `create`.
    pub(crate) fn public(&self) -> [u8; 32] {
        self.expanded().verifying_key().to_bytes()
    }

    pub(crate) fn authenticate(&self, context: &Context, command: &Command) -> Authenticator {
        Authenticator::Receiver(self.expanded().sign(&signing_input(context, command)).to_bytes())
    }

    fn expanded(&self) -> SigningKey {
        SigningKey::from_bytes(self.0.expose())
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }
}

impl std::fmt::Debug for ReceiverKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiverKey(..)")
    }
}

/// The sender's HMAC key: `HKDF(none, X25519(sender's receive_queue key, relay's queue key), label ‖ sender queue id)`.
pub(crate) fn sender_key(
    own: &AgreementSecret,
    relay_key: &AgreementKey,
    queue: &QueueId,
) -> Result<Secret32, AgreementError> {
    let shared = own.agree(relay_key)?;
    Ok(kdf::derive(&[], shared.expose(), &[SENDER_KEY_LABEL, &queue.0]))
}

/// Authenticates under an HMAC key: the sender's, or an invite's read key.
pub(crate) fn authenticate(key: &Secret32, context: &Context, command: &Command) -> Authenticator {
    Authenticator::Sender(kdf::mac(key, &[&signing_input(context, command)]))
}
