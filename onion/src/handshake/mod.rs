//! The handshake with one hop (docs/protocol/circuits.md, "Hop handshake"): the shape of ntor-v3, X25519 made hybrid with
//! an ephemeral ML-KEM-768.
//!
//! ```text
//! client → relay   version 2 ‖ ID 32 ‖ B 32 ‖ X 32 ‖ ek 1,184                                      1,282 B
//! relay → client   Y 32 ‖ ct 1,088 ‖ AUTH 32                                                        1,152 B
//! protocol id      "privatus/hop/v1/X25519/ML-KEM-768/SHA-256" ‖ network id 32 ‖ version 2
//! secret input     Xy ‖ Xb ‖ ss ‖ ID ‖ B ‖ X ‖ SHA-256(ek) ‖ Y ‖ SHA-256(ct) ‖ protocol id
//! PRK              HKDF-Extract(salt = "privatus/hop/v1/extract", secret input)
//! AUTH             HMAC-SHA256(HKDF-Expand(PRK, "privatus/hop/v1/auth"), protocol id ‖ ID ‖ B ‖ X ‖ ek ‖ Y ‖ ct ‖ "relay")
//! keys             HKDF-Expand(PRK, "privatus/hop/v1/keys") = CGO seed towards the relay 80 ‖ back 80 ‖ circuit binding 32
//! ```
//!
//! The relay is authenticated, the client is not. What an attacker records stays closed unless both X25519 and ML-KEM fall; that it
//! was this relay who answered rests on X25519 alone.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use ml_kem::kem::{Decapsulate, Encapsulate, Kem};
use ml_kem::{DecapsulationKey, EncapsulationKey, KeyExport, MlKem768};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cell::cgo::SEED_BYTES;
use crate::id::{HopInfo, RelayId};

/// The one version of the handshake.
pub const VERSION: u16 = 1;
/// Bytes of the client's half.
pub const HELLO_BYTES: usize = 2 + 32 + 32 + 32 + EK_BYTES;
/// Bytes of the relay's half.
pub const ANSWER_BYTES: usize = 32 + CT_BYTES + 32;

const EK_BYTES: usize = 1_184;
const CT_BYTES: usize = 1_088;

const PROTOCOL: &[u8] = b"privatus/hop/v1/X25519/ML-KEM-768/SHA-256";

/// Why a handshake did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Another length.
    #[error("the handshake has a wrong length")]
    Length,
    /// A version that we do not speak.
    #[error("the handshake has an unknown version")]
    UnknownVersion,
    /// It is for another relay.
    #[error("the handshake is for another relay")]
    WrongRelay,
    /// It names an onion key that this relay has not, or no longer.
    #[error("the handshake names an unknown onion key")]
    UnknownOnionKey,
    /// A public key of low order: the shared secret would be zero.
    #[error("a public key of the handshake is of low order")]
    ZeroSharedSecret,
    /// The encapsulation key fails FIPS 203's modulus check.
    #[error("the encapsulation key of the handshake is not valid")]
    BadEncapsulationKey,
    /// The answer was not made by the relay that was asked, or was altered.
    #[error("the handshake's answer does not verify")]
    NotAuthentic,
}

/// What both ends have after a handshake.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct HopKeys {
    /// CGO seed of cells towards the relay.
    pub towards: [u8; SEED_BYTES],
    /// CGO seed of cells from the relay.
    pub back: [u8; SEED_BYTES],
    /// The circuit binding: commands at this relay are signed over it (docs/protocol/mailbox.md, "Request").
    /// Not secret from either end.
    pub binding: [u8; 32],
}

impl std::fmt::Debug for HopKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HopKeys(redacted)")
    }
}

/// A relay's onion key pair, rotated weekly.
#[derive(Clone)]
pub struct OnionKey {
    secret: StaticSecret,
    public: [u8; 32],
}

impl std::fmt::Debug for OnionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnionKey(redacted)")
    }
}

impl OnionKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_secret(StaticSecret::random_from_rng(rng).to_bytes())
    }

    /// The key with that secret, out of the relay's state file.
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let secret = StaticSecret::from(secret);
        let public = PublicKey::from(&secret).to_bytes();
        Self { secret, public }
    }

    /// The secret, for the relay's state file.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes())
    }

    /// The public half (`B`), which stands in the descriptor.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public
    }
}

/// Everything that both halves put into the transcript.
struct Transcript<'a> {
    network: &'a [u8; 32],
    relay: &'a RelayId,
    onion_key: &'a [u8; 32],
    x: &'a [u8; 32],
    ek: &'a [u8],
    y: &'a [u8; 32],
    ct: &'a [u8],
}

impl Transcript<'_> {
    /// AUTH and the keys, from the three shared secrets.
    fn derive(&self, xy: &[u8; 32], xb: &[u8; 32], ss: &[u8]) -> ([u8; 32], HopKeys) {
        let protocol = [PROTOCOL, self.network, &VERSION.to_be_bytes()].concat();
        let secret = Zeroizing::new(
            [
                &xy[..],
                xb,
                ss,
                &self.relay.0,
                self.onion_key,
                self.x,
                &Sha256::digest(self.ek),
                self.y,
                &Sha256::digest(self.ct),
                &protocol,
            ]
            .concat(),
        );
        let prk = Hkdf::<Sha256>::new(Some(b"privatus/hop/v1/extract"), &secret);
        let mut auth_key = Zeroizing::new([0; 32]);
        let mut all = Zeroizing::new([0; 2 * SEED_BYTES + 32]);
        // Both lengths are far below HKDF's bound of 255 blocks, the only way in which this can fail.
        let _ = prk.expand(b"privatus/hop/v1/auth", &mut *auth_key);
        let _ = prk.expand(b"privatus/hop/v1/keys", &mut *all);
        let auth = hmac(
            &auth_key,
            &[&protocol, &self.relay.0, self.onion_key, self.x, self.ek, self.y, self.ct, b"relay"],
        );
        (auth, split(&all))
    }
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn split(all: &[u8; 2 * SEED_BYTES + 32]) -> HopKeys {
    let mut keys = HopKeys { towards: [0; SEED_BYTES], back: [0; SEED_BYTES], binding: [0; 32] };
    let (towards, rest) = all.split_at(SEED_BYTES);
    let (back, binding) = rest.split_at(SEED_BYTES);
    keys.towards.copy_from_slice(towards);
    keys.back.copy_from_slice(back);
    keys.binding.copy_from_slice(binding);
    keys
}

/// A Diffie-Hellman that refuses to be zero.
fn agree(secret: &StaticSecret, public: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, HandshakeError> {
    let shared = secret.diffie_hellman(&PublicKey::from(*public));
    if !shared.was_contributory() {
        return Err(HandshakeError::ZeroSharedSecret);
    }
    Ok(Zeroizing::new(shared.to_bytes()))
}

/// Takes the next `N` bytes.
fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], HandshakeError> {
    let (head, rest) = from.split_first_chunk().ok_or(HandshakeError::Length)?;
    *from = rest;
    Ok(*head)
}

/// The client's side, while it waits for the answer. Consumed by it.
pub struct ClientHandshake {
    hop: HopInfo,
    network: [u8; 32],
    x: StaticSecret,
    kem: Box<DecapsulationKey<MlKem768>>,
    ek: Vec<u8>,
}

impl std::fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientHandshake").field("hop", &self.hop.relay).finish_non_exhaustive()
    }
}

impl ClientHandshake {
    /// Starts with fresh ephemeral keys. Answers the state and the [`HELLO_BYTES`] for the relay.
    pub fn start(hop: HopInfo, network: [u8; 32], rng: &mut impl CryptoRng) -> (Self, Vec<u8>) {
        let x = StaticSecret::random_from_rng(rng);
        let (kem, ek) = MlKem768::generate_keypair_from_rng(rng);
        let ek = ek.to_bytes().to_vec();
        let hello =
            [&VERSION.to_be_bytes()[..], &hop.relay.0, &hop.onion_key, PublicKey::from(&x).as_bytes(), &ek]
                .concat();
        (Self { hop, network, x, kem: Box::new(kem), ek }, hello)
    }

    /// Checks the relay's answer.
    ///
    /// # Errors
    /// The relay misbehaved: [`HandshakeError::Length`], [`HandshakeError::ZeroSharedSecret`], [`HandshakeError::NotAuthentic`].
    pub fn finish(self, mut untrusted: &[u8]) -> Result<HopKeys, HandshakeError> {
        let from = &mut untrusted;
        let (y, ct, auth) = (take::<32>(from)?, take::<CT_BYTES>(from)?, take::<32>(from)?);
        if !from.is_empty() {
            return Err(HandshakeError::Length);
        }
        let xy = agree(&self.x, &y)?;
        let xb = agree(&self.x, &self.hop.onion_key)?;
        let ss = Zeroizing::new(<[u8; 32]>::from(self.kem.decapsulate(&ct.into())));
        let x = PublicKey::from(&self.x);
        let transcript = Transcript {
            network: &self.network,
            relay: &self.hop.relay,
            onion_key: &self.hop.onion_key,
            x: x.as_bytes(),
            ek: &self.ek,
            y: &y,
            ct: &ct,
        };
        let (want, keys) = transcript.derive(&xy, &xb, &ss[..]);
        use subtle::ConstantTimeEq;
        if !bool::from(want.ct_eq(&auth)) {
            return Err(HandshakeError::NotAuthentic);
        }
        Ok(keys)
    }
}

/// The relay named in a client's half, for the relay that passes it on.
#[must_use]
pub fn asked_relay(hello: &[u8]) -> Option<RelayId> {
    hello.get(2..34)?.try_into().ok().map(RelayId)
}

/// A relay's side of handshakes: who it is, and the onion keys that it answers to (the present one, and the one before for a day).
#[derive(Debug)]
pub struct RelaySide {
    /// The relay's identity.
    pub relay: RelayId,
    /// The network that it belongs to.
    pub network: [u8; 32],
    /// The keys that it answers to.
    pub onion_keys: Vec<OnionKey>,
}

impl RelaySide {
    /// Answers a client's half: [`ANSWER_BYTES`], and the keys.
    ///
    /// # Errors
    /// Any [`HandshakeError`] but `NotAuthentic`: the client misbehaved or has an old descriptor.
    pub fn answer(
        &self,
        mut untrusted: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<u8>, HopKeys), HandshakeError> {
        let from = &mut untrusted;
        if u16::from_be_bytes(take(from)?) != VERSION {
            return Err(HandshakeError::UnknownVersion);
        }
        if take(from)? != self.relay.0 {
            return Err(HandshakeError::WrongRelay);
        }
        let (onion_public, x, ek) = (take::<32>(from)?, take::<32>(from)?, take::<EK_BYTES>(from)?);
        if !from.is_empty() {
            return Err(HandshakeError::Length);
        }
        let onion = self.onion_keys.iter().find(|key| key.public == onion_public);
        let onion = onion.ok_or(HandshakeError::UnknownOnionKey)?;
        let kem =
            EncapsulationKey::<MlKem768>::new(&ek.into()).map_err(|_| HandshakeError::BadEncapsulationKey)?;
        let secret = StaticSecret::random_from_rng(rng);
        let xy = agree(&secret, &x)?;
        let xb = agree(&onion.secret, &x)?;
        let (ct, ss) = kem.encapsulate_with_rng(rng);
        let ss = Zeroizing::new(<[u8; 32]>::from(ss));
        let y = PublicKey::from(&secret).to_bytes();
        let transcript = Transcript {
            network: &self.network,
            relay: &self.relay,
            onion_key: &onion_public,
            x: &x,
            ek: &ek,
            y: &y,
            ct: &ct,
        };
        let (auth, keys) = transcript.derive(&xy, &xb, &ss[..]);
        Ok(([&y[..], &ct, &auth].concat(), keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(1)
    }

    fn pair(rng: &mut ChaCha20Rng) -> (RelaySide, HopInfo) {
        let key = OnionKey::generate(rng);
        let hop = HopInfo { relay: RelayId([9; 32]), onion_key: key.public() };
        (
            RelaySide { relay: hop.relay, network: [1; 32], onion_keys: vec![OnionKey::generate(rng), key] },
            hop,
        )
    }

    #[test]
    fn both_ends_derive_the_same_keys_and_binding() {
        let mut rng = rng();
        let (relay, hop) = pair(&mut rng);
        let (client, hello) = ClientHandshake::start(hop, [1; 32], &mut rng);
        assert_eq!(hello.len(), HELLO_BYTES);
        assert_eq!(asked_relay(&hello), Some(hop.relay));
        let (answer, theirs) = relay.answer(&hello, &mut rng).unwrap();
        assert_eq!(answer.len(), ANSWER_BYTES);
        let ours = client.finish(&answer).unwrap();
        assert_eq!((ours.towards, ours.back, ours.binding), (theirs.towards, theirs.back, theirs.binding));
        assert_ne!(ours.towards, ours.back);
    }

    #[test]
    fn any_altered_byte_of_the_answer_is_refused() {
        let mut rng = rng();
        let (relay, hop) = pair(&mut rng);
        for at in [0, 5, 31, 32, 600, 1_119, 1_120, 1_151] {
            let (client, hello) = ClientHandshake::start(hop, [1; 32], &mut rng);
            let (mut answer, _) = relay.answer(&hello, &mut rng).unwrap();
            answer[at] ^= 1;
            assert_eq!(client.finish(&answer).unwrap_err(), HandshakeError::NotAuthentic, "byte {at}");
        }
    }

    #[test]
    fn an_altered_hello_never_gives_the_client_keys() {
        let mut rng = rng();
        let (relay, hop) = pair(&mut rng);
        for at in [66, 97, 98, 700, 1_281] {
            let (client, mut hello) = ClientHandshake::start(hop, [1; 32], &mut rng);
            hello[at] ^= 1;
            if let Ok((answer, _)) = relay.answer(&hello, &mut rng) {
                assert_eq!(client.finish(&answer).unwrap_err(), HandshakeError::NotAuthentic, "byte {at}");
            }
        }
    }

    #[test]
    fn a_relay_refuses_what_is_not_for_it() {
        let mut rng = rng();
        let (relay, hop) = pair(&mut rng);
        let (_, hello) = ClientHandshake::start(hop, [1; 32], &mut rng);
        let altered = |at: usize, rng: &mut ChaCha20Rng| {
            let mut hello = hello.clone();
            hello[at] ^= 1;
            relay.answer(&hello, rng).unwrap_err()
        };
        assert_eq!(altered(1, &mut rng), HandshakeError::UnknownVersion);
        assert_eq!(altered(2, &mut rng), HandshakeError::WrongRelay);
        assert_eq!(altered(34, &mut rng), HandshakeError::UnknownOnionKey);
        assert_eq!(relay.answer(&hello[..1_281], &mut rng).unwrap_err(), HandshakeError::Length);
        let long = [&hello[..], &[0]].concat();
        assert_eq!(relay.answer(&long, &mut rng).unwrap_err(), HandshakeError::Length);
    }

    #[test]
    fn keys_of_low_order_and_keys_over_the_modulus_are_refused() {
        let mut rng = rng();
        let (relay, hop) = pair(&mut rng);
        let (_, hello) = ClientHandshake::start(hop, [1; 32], &mut rng);
        let mut zero = hello.clone();
        zero[66..98].fill(0);
        assert_eq!(relay.answer(&zero, &mut rng).unwrap_err(), HandshakeError::ZeroSharedSecret);
        let mut over = hello.clone();
        over[98..98 + 1_152].fill(0xff);
        assert_eq!(relay.answer(&over, &mut rng).unwrap_err(), HandshakeError::BadEncapsulationKey);
        let (client, hello) = ClientHandshake::start(hop, [1; 32], &mut rng);
        let (mut answer, _) = relay.answer(&hello, &mut rng).unwrap();
        answer[..32].fill(0);
        assert_eq!(client.finish(&answer).unwrap_err(), HandshakeError::ZeroSharedSecret);
    }

    #[test]
    fn another_network_does_not_come_to_an_agreement() {
        let mut rng = rng();
        let (relay, hop) = pair(&mut rng);
        let (client, hello) = ClientHandshake::start(hop, [2; 32], &mut rng);
        let (answer, _) = relay.answer(&hello, &mut rng).unwrap();
        assert_eq!(client.finish(&answer).unwrap_err(), HandshakeError::NotAuthentic);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = OnionKey::from_secret([3; 32]);
        assert_eq!(format!("{key:?}"), "OnionKey(redacted)");
        assert_eq!(format!("{:?}", split(&[1; 192])), "HopKeys(redacted)");
    }
}
