//! The ratchet, without the outer layer, against vodozemac's Olm sealing the same 2,644 B in the same run.

use ipc_schema::Timestamp;
use keyvault::agreement_key::AgreementSecret;
use keyvault::envelope::MESSAGE_BYTES;
use keyvault::memory::Secret32;
use keyvault::pqxdh::Agreed;
use keyvault::ratchet::Session;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use vodozemac::olm;

use crate::report::{Report, per_second};

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
        };
        let prekey = AgreementSecret::generate(&mut rng);
        let initiator = Session::initiator(agreed.clone(), &prekey.public(), &mut rng).unwrap();
        let mut ours = Self { rng, sides: [initiator, Session::responder(agreed, prekey)] };
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
        let alice = olm::Account::new();
        let mut bob = olm::Account::new();
        bob.generate_one_time_keys(1);
        let one_time = *bob.one_time_keys().values().next().unwrap();
        let config = olm::SessionConfig::version_2();
        let mut outbound = alice.create_outbound_session(config, bob.curve25519_key(), one_time).unwrap();
        let olm::OlmMessage::PreKey(first) = outbound.encrypt(CONTENT).unwrap() else {
            panic!("first is a prekey message")
        };
        let inbound = bob.create_inbound_session(config, alice.curve25519_key(), &first).unwrap().session;
        let mut theirs = Self([outbound, inbound]);
        theirs.pass(1);
        theirs.pass(0);
        theirs
    }

    fn pass(&mut self, from: usize) {
        let message = self.0[from].encrypt(CONTENT).unwrap();
        assert_eq!(self.0[1 - from].decrypt(&message).unwrap().len(), CONTENT.len());
    }
}

pub fn measure(report: &mut Report) {
    let (mut ours, mut theirs) = (Ours::new(), Theirs::new());
    report.against(
        "ratchet burst: seal + open/s",
        "per s",
        per_second(|| ours.pass(0)),
        ("vodozemac, same 2,644 B", per_second(|| theirs.pass(0))),
        "≥ 0.8 (post-quantum slot still zero)",
    );
    report.against(
        "ratchet ping-pong: two messages, each turns it/s",
        "per s",
        per_second(|| {
            ours.pass(0);
            ours.pass(1);
        }),
        (
            "vodozemac, same 2,644 B",
            per_second(|| {
                theirs.pass(0);
                theirs.pass(1);
            }),
        ),
        "≥ 0.7 (post-quantum slot still zero)",
    );
}
