//! What a relay checks commands with. Per queue nothing is kept in memory: its secret follows from the relay's mailbox secret and
//! the queue's id (docs/protocol/mailbox.md, "Mailbox service, version 1").

use ed25519_dalek::{Signature, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use ipc_schema::mailbox::{Context, SENDER_KEY_LABEL, signing_input};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::message::{Authenticator, Call, QueueId};

const QUEUE_SECRET_LABEL: &[u8] = b"privatus/mbx/queue/v1";

/// A relay's mailbox secret.
pub struct MailboxSecret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for MailboxSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailboxSecret")
    }
}

/// What a sender's commands to one queue are MACed with.
#[derive(Clone)]
pub struct SenderMacKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for SenderMacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SenderMacKey")
    }
}

pub(super) fn expand(ikm: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    // 32 B are never too many for HKDF-SHA256.
    let _ = Hkdf::<Sha256>::new(None, ikm).expand_multi_info(info, out.as_mut());
    out
}

impl MailboxSecret {
    /// Out of the state file.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn queue_secret(&self, sender_queue: &QueueId) -> StaticSecret {
        StaticSecret::from(*expand(self.0.as_ref(), &[QUEUE_SECRET_LABEL, sender_queue]))
    }

    /// The relay's public key for a queue, given out at `create`.
    #[must_use]
    pub fn queue_key(&self, sender_queue: &QueueId) -> [u8; 32] {
        PublicKey::from(&self.queue_secret(sender_queue)).to_bytes()
    }

    /// The key that a sender's commands to a queue are MACed with. `None`: the sender's key is no key (all-zero agreement).
    #[must_use]
    pub fn sender_mac_key(&self, sender_queue: &QueueId, sender_key: &[u8; 32]) -> Option<SenderMacKey> {
        let shared = self.queue_secret(sender_queue).diffie_hellman(&PublicKey::from(*sender_key));
        shared
            .was_contributory()
            .then(|| SenderMacKey(expand(shared.as_bytes(), &[SENDER_KEY_LABEL, sender_queue])))
    }
}

/// Whether a receiver may be given a queue: its key is a point, and none of the few that verify anything.
#[must_use]
pub fn is_receiver_key(key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak())
}

/// Whether the receiver gave that command.
#[must_use]
pub fn receiver_gave(key: &[u8; 32], context: &Context, call: &Call, authenticator: &Authenticator) -> bool {
    let (Authenticator::Signature(signature), Ok(key)) = (authenticator, VerifyingKey::from_bytes(key))
    else {
        return false;
    };
    key.verify_strict(&signing_input(context, &call.command()), &Signature::from_bytes(signature)).is_ok()
}

/// Whether the holder of a 32 B MAC key gave that command.
#[must_use]
pub fn mac_holder_gave(
    key: &[u8; 32],
    context: &Context,
    call: &Call,
    authenticator: &Authenticator,
) -> bool {
    let (Authenticator::Mac(tag), Ok(mac)) = (authenticator, Hmac::<Sha256>::new_from_slice(key)) else {
        return false;
    };
    mac.chain_update(signing_input(context, &call.command())).verify_slice(tag).is_ok()
}

impl SenderMacKey {
    /// Whether the sender gave that command.
    #[must_use]
    pub fn gave(&self, context: &Context, call: &Call, authenticator: &Authenticator) -> bool {
        mac_holder_gave(&self.0, context, call, authenticator)
    }
}
