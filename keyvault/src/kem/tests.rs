use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::codec::{Reader, Writer};

/// Key, ciphertext and both secrets of `A` and `B` are the same, also where the ciphertext was altered.
fn agree<A: Kem<EK, CT>, B: Kem<EK, CT>, const EK: usize, const CT: usize>(rounds: u64) {
    for round in 0..rounds {
        let mut rng = ChaCha20Rng::seed_from_u64(round);
        let (seed, m) = (Secret::random(&mut rng), Secret::random(&mut rng));
        let (ours, theirs) = (A::key_pair(&seed), B::key_pair(&seed));
        let key = EncapsulationKey::of::<A, CT>(&ours);
        assert_eq!(key, EncapsulationKey::of::<B, CT>(&theirs));
        assert_eq!(EncapsulationKey::parse::<A, CT>(key.bytes()), Ok(key.clone()));

        let (ciphertext, shared) = A::encapsulate(&key, &m);
        assert_eq!((ciphertext, shared.clone()), B::encapsulate(&key, &m));
        assert_eq!(A::decapsulate(&ours, &ciphertext), shared);
        assert_eq!(B::decapsulate(&theirs, &ciphertext), shared);

        let mut altered = ciphertext;
        altered[rng.next_u32() as usize % CT] ^= 1 << (rng.next_u32() % 8);
        let rejected = A::decapsulate(&ours, &altered);
        assert_ne!(rejected, shared, "an altered ciphertext gives an unrelated secret");
        assert_eq!(rejected, B::decapsulate(&theirs, &altered));
        assert_eq!(rejected, A::decapsulate(&ours, &altered), "and always the same one");
    }
}

#[test]
fn both_implementations_of_ml_kem_768_agree_on_every_byte() {
    agree::<MlKem768, rustcrypto::MlKem768, _, _>(24);
}

#[test]
fn both_implementations_of_ml_kem_1024_agree_on_every_byte() {
    agree::<MlKem1024, rustcrypto::MlKem1024, _, _>(24);
}

#[test]
fn a_stored_key_pair_comes_back_the_same() {
    let pair = MlKem1024::key_pair(&Secret::take(&mut [7; SEED_BYTES]));
    let mut writer = Writer::default();
    pair.write(&mut writer);
    let mut reader = Reader::new(writer.as_slice());
    let again = KeyPair1024::read(&mut reader).unwrap();
    assert_eq!(reader.rest(), 0);
    assert!(again == pair);
    assert_eq!(MlKem1024::encapsulation_key(&again), MlKem1024::encapsulation_key(&pair));
}

#[test]
#[ignore = "long: 5,000 seeds a parameter set"]
fn both_implementations_agree_on_many_seeds() {
    agree::<MlKem768, rustcrypto::MlKem768, _, _>(5_000);
    agree::<MlKem1024, rustcrypto::MlKem1024, _, _>(5_000);
}

/// Writes `value` as the 12-bit coefficient at `index` of an encoded key.
fn put_coefficient(key: &mut [u8], index: usize, value: u16) {
    let at = index / 2 * 3;
    let [low, high] = value.to_le_bytes();
    if index.is_multiple_of(2) {
        key[at] = low;
        key[at + 1] = (key[at + 1] & 0xf0) | high;
    } else {
        key[at + 1] = (key[at + 1] & 0x0f) | (low << 4);
        key[at + 2] = (low >> 4) | (high << 4);
    }
}

fn modulus<A: Kem<EK, CT>, B: Kem<EK, CT>, const EK: usize, const CT: usize>() {
    let seed = Secret::random(&mut ChaCha20Rng::seed_from_u64(1));
    let key = A::encapsulation_key(&A::key_pair(&seed));
    // All of ek but its last 32 bytes, ρ, is coefficients.
    let coefficients = (EK - 32) / 3 * 2;
    for index in [0, 1, 2, 255, 256, coefficients / 2, coefficients - 2, coefficients - 1] {
        for (value, is_reduced) in [(0, true), (3_328, true), (3_329, false), (4_095, false)] {
            let mut other = key;
            put_coefficient(&mut other, index, value);
            assert_eq!(A::is_reduced(&other), is_reduced, "{value} at {index}");
            assert_eq!(B::is_reduced(&other), is_reduced, "{value} at {index}");
            assert_eq!(EncapsulationKey::parse::<A, CT>(&other).is_ok(), is_reduced);
        }
    }
    let mut other = key;
    other[EK - 32..].fill(0xff);
    assert!(A::is_reduced(&other), "ρ is any 32 bytes");
}

#[test]
fn an_encapsulation_key_with_a_coefficient_of_q_or_more_is_refused() {
    modulus::<MlKem768, rustcrypto::MlKem768, _, _>();
    modulus::<MlKem1024, rustcrypto::MlKem1024, _, _>();
}

#[test]
fn debug_of_an_encapsulation_key_is_its_size() {
    let key = EncapsulationKey::<4>(Box::new([1, 2, 3, 4]));
    assert_eq!(format!("{key:?}"), "EncapsulationKey(4 B)");
}
