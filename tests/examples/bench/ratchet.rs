//! The session, without the outer layer, against vodozemac's Olm sealing the same 2,644 B in the same run, with the primitives
//! beside it as the limit. Ours has the post-quantum ratchet in, header encryption, and one size for every message.

use ipc_schema::Timestamp;
use keyvault::agreement_key::AgreementSecret;
use keyvault::envelope::MESSAGE_BYTES;
use keyvault::identity::{Identity, PublicIdentity};
use keyvault::kem::{EncapsulationKey, Kem, MlKem768, MlKem1024};
use keyvault::memory::{Secret, Secret32};
use keyvault::pqxdh::{Agreed, Bundle, FirstPrefix, Prekeys, Validity, initiate, respond};
use keyvault::ratchet::Session;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use vodozemac::olm;

use crate::report::{Report, per_second, per_second_each};

const CONTENT: [u8; 2_644] = [5; 2_644];
const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Two of our sessions, both able to send.
struct Ours {
    rng: ChaCha20Rng,
    sides: [Session; 2],
}

impl Ours {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let agreed = Agreed {
            transcript: [1; 32],
            repair: Secret32::zero(),
            root: Secret32::take(&mut [2; 32]),
            initiator_header: Secret32::take(&mut [3; 32]),
            responder_header: Secret32::take(&mut [4; 32]),
            post_quantum: Secret32::take(&mut [5; 32]),
        };
        let prekey = AgreementSecret::generate(&mut rng);
        let initiator = Session::initiator(agreed.clone(), &prekey.public(), &mut rng).unwrap();
        let mut ours = Self { rng, sides: [initiator, Session::responder(agreed, prekey).unwrap()] };
        ours.pass(0);
        ours.pass(1);
        ours
    }

    /// One message from `from` to the other.
    fn pass(&mut self, from: usize) {
        let message = self.sides[from].seal(&CONTENT, MESSAGE_BYTES, &mut self.rng).unwrap();
        let accepted = self.sides[1 - from].open(&message, NOW, &mut self.rng).unwrap();
        assert_eq!(accepted.content.len(), CONTENT.len());
        self.sides[1 - from] = accepted.session;
    }
}

/// Two Olm sessions, both able to send.
struct Theirs([olm::Session; 2]);

impl Theirs {
    fn new() -> Self {
        let mut theirs = TheirAccounts::new().set_up();
        theirs.pass(1);
        theirs.pass(0);
        theirs
    }

    fn pass(&mut self, from: usize) {
        let message = self.0[from].encrypt(CONTENT).unwrap();
        assert_eq!(self.0[1 - from].decrypt(&message).unwrap().len(), CONTENT.len());
    }
}

/// What our two sides hold before they know each other.
struct OurAccounts {
    rng: ChaCha20Rng,
    inviter: Identity,
    prekeys: Prekeys,
    bundle: Bundle,
    accepter: Identity,
    psk: Secret32,
}

impl OurAccounts {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let inviter = Identity::generate(NOW, &mut rng);
        let prekeys = Prekeys::generate(&inviter, Validity::until(NOW, NOW), &mut rng);
        let bundle = Bundle::parse(prekeys.bundle().bytes()).unwrap();
        let accepter = Identity::generate(NOW, &mut rng);
        let psk = Secret32::random(&mut rng);
        Self { rng, inviter, prekeys, bundle, accepter, psk }
    }

    /// From keys to two sessions, the first of which can send: key agreement and ratchet of both sides. The bundle's
    /// signatures were verified when it came, the one-time keys made before.
    fn set_up(&mut self) -> [Session; 2] {
        let (prefix, agreed) = initiate(&self.bundle, &self.accepter, &self.psk, NOW, &mut self.rng).unwrap();
        let ratchet_key = self.prekeys.signed_prekey();
        let ours = Session::initiator(agreed, &ratchet_key.public(), &mut self.rng).unwrap();
        let prefix = FirstPrefix::parse(prefix.bytes()).unwrap();
        let agreed = respond(&self.prekeys, &self.inviter, &prefix, &self.psk).unwrap();
        [ours, Session::responder(agreed, ratchet_key.clone()).unwrap()]
    }
}

/// The same for Olm.
struct TheirAccounts {
    alice: olm::Account,
    bob: olm::Account,
}

impl TheirAccounts {
    fn new() -> Self {
        let mut bob = olm::Account::new();
        // Its one-time keys are gone after one use; the fallback key serves again.
        bob.generate_fallback_key();
        Self { alice: olm::Account::new(), bob }
    }

    fn set_up(&mut self) -> Theirs {
        let config = olm::SessionConfig::version_1();
        let fallback = *self.bob.fallback_key().values().next().unwrap();
        let identity = self.bob.curve25519_key();
        let mut outbound = self.alice.create_outbound_session(config, identity, fallback).unwrap();
        // Olm makes the second session out of a first message, so sealing and opening an empty one is in its figure.
        let olm::OlmMessage::PreKey(first) = outbound.encrypt(b"").unwrap() else {
            panic!("first is a prekey message")
        };
        let inbound = self.bob.create_inbound_session(config, self.alice.curve25519_key(), &first).unwrap();
        Theirs([outbound, inbound.session])
    }
}

/// Messages of one direction that are sealed and opened in a second, by a ratchet that is kept nowhere.
pub fn burst() -> Vec<f64> {
    let mut ours = Ours::new();
    per_second(|| ours.pass(0))
}

pub fn measure(report: &mut Report) {
    let (mut ours, mut theirs) = (Ours::new(), Theirs::new());
    let (burst, their_burst) = per_second_each(|| ours.pass(0), || theirs.pass(0));
    report.against(
        "ratchet burst: seal + open/s",
        "per s",
        burst,
        ("vodozemac, same 2,644 B", their_burst),
        "≥ 0.8",
    );
    let (turns, their_turns) = per_second_each(
        || [0, 1].into_iter().for_each(|from| ours.pass(from)),
        || [0, 1].into_iter().for_each(|from| theirs.pass(from)),
    );
    report.against(
        "ratchet ping-pong: two messages, each turns it/s",
        "per s",
        turns,
        ("vodozemac, same 2,644 B", their_turns),
        "≥ 0.7",
    );
    let (mut ours, mut theirs) = (OurAccounts::new(), TheirAccounts::new());
    let (set_ups, their_set_ups) = per_second_each(|| drop(ours.set_up()), || drop(theirs.set_up()));
    report.against(
        "PQXDH set-up, both sides/s",
        "per s",
        set_ups,
        ("vodozemac, two Olm sessions", their_set_ups),
        "≥ 0.6",
    );
    primitives(report);
}

/// What no set-up of these parts can beat: nine agreements, two key pairs, one signature verified, an encapsulation and a
/// decapsulation for the agreement, a key pair for the post-quantum ratchet. Olm's set-up is six agreements and two key pairs.
fn set_up_parts() -> Vec<f64> {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let own = AgreementSecret::generate(&mut rng);
    let identity = Identity::generate(NOW, &mut rng).public().bytes();
    let pair = MlKem1024::key_pair(&Secret::random(&mut rng));
    let key = EncapsulationKey::of::<MlKem1024, _>(&pair);
    per_second(|| {
        let other = [(); 2].map(|()| AgreementSecret::generate(&mut rng)).map(|pair| pair.public());
        (0..9).for_each(|at| drop(own.agree(&other[at % 2]).unwrap()));
        PublicIdentity::parse(&identity).unwrap();
        let (ciphertext, _) = MlKem1024::encapsulate(&key, &Secret::random(&mut rng));
        drop(MlKem1024::decapsulate(&pair, &ciphertext));
        drop(MlKem768::key_pair(&Secret::random(&mut rng)));
    })
}

/// What no ratchet of these parts can beat: a turn is two agreements and a key pair, and a third of an ML-KEM-768 round.
fn primitives(report: &mut Report) {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (own, their) = (AgreementSecret::generate(&mut rng), AgreementSecret::generate(&mut rng));
    report.figure(
        "limit: X25519, one agreement/s",
        "per s",
        per_second(|| drop(own.agree(&their.public()).unwrap())),
        "-",
    );
    report.figure("limit: the primitives of one PQXDH set-up/s", "per s", set_up_parts(), "-");
    let pair = MlKem768::key_pair(&Secret::random(&mut rng));
    let key = EncapsulationKey::of::<MlKem768, _>(&pair);
    let m = Secret::random(&mut rng);
    report.figure(
        "limit: ML-KEM-768, encaps + decaps/s",
        "per s",
        per_second(|| {
            let (ciphertext, shared) = MlKem768::encapsulate(&key, &m);
            assert_eq!(MlKem768::decapsulate(&pair, &ciphertext), shared);
        }),
        "-",
    );
}
