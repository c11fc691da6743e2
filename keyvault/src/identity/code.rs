//! What a QR code says when two people compare in person: who the one that shows it is, and whom it takes the other to be.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub use ipc_schema::edge::stored_keyvault::Comparison;

use super::PersonId;
use crate::kdf;

/// What every code begins with.
pub const CODE_PREFIX: &str = "privatus:v#";
/// version 1 ‖ id of who shows it 32 ‖ id of whom it is shown to 32 ‖ checksum 4: 92 characters.
const CODE_BYTES: usize = 69;
/// Characters of a code, with its prefix.
pub const CODE_CHARS: usize = CODE_PREFIX.len() + CODE_BYTES / 3 * 4;

const VERSION: u8 = 1;
const CHECKSUM_LABEL: &[u8] = b"privatus/verification-code/v1";

/// The text for the code that `own` shows to `peer`.
#[must_use]
pub fn code(own: &PersonId, peer: &PersonId) -> String {
    let body = [[VERSION].as_slice(), own, peer].concat();
    let whole = [body.as_slice(), &checksum(&body)].concat();
    format!("{CODE_PREFIX}{}", URL_SAFE_NO_PAD.encode(whole))
}

/// Compares what was scanned with who the two sides are here; white space around it is fine.
#[must_use]
pub fn compare(own: &PersonId, peer: &PersonId, untrusted_text: &str) -> Comparison {
    let Some(encoded) = untrusted_text.trim().strip_prefix(CODE_PREFIX) else { return Comparison::NotACode };
    if encoded.len() > 4 * CODE_BYTES {
        return Comparison::NotACode;
    }
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(encoded) else { return Comparison::NotACode };
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return Comparison::NotACode };
    if *sum != checksum(body) {
        return Comparison::NotACode;
    }
    match body.split_first() {
        Some((&VERSION, ids)) if ids.len() == 64 => {
            // Shown by the peer, to this side.
            if ids == [peer.as_slice(), own].concat() { Comparison::Match } else { Comparison::OtherPerson }
        }
        Some((version, _)) if *version > VERSION => Comparison::NewerVersion,
        _ => Comparison::NotACode,
    }
}

fn checksum(body: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = kdf::sha256(&[CHECKSUM_LABEL, body]);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: PersonId = [1; 32];
    const BOB: PersonId = [2; 32];
    const MALLORY: PersonId = [3; 32];

    #[test]
    fn a_code_matches_at_the_one_it_is_shown_to_and_nowhere_else() {
        let shown = code(&ALICE, &BOB);
        assert_eq!(shown.len(), CODE_CHARS);
        assert_eq!(compare(&BOB, &ALICE, &shown), Comparison::Match);
        assert_eq!(compare(&BOB, &ALICE, &format!(" {shown}\n")), Comparison::Match);
        assert_eq!(compare(&ALICE, &BOB, &shown), Comparison::OtherPerson, "the own code");
        assert_eq!(compare(&MALLORY, &ALICE, &shown), Comparison::OtherPerson);
        assert_eq!(compare(&BOB, &MALLORY, &shown), Comparison::OtherPerson);
        // Somebody between: Alice takes Mallory for Bob.
        assert_eq!(compare(&BOB, &ALICE, &code(&ALICE, &MALLORY)), Comparison::OtherPerson);
    }

    #[test]
    fn what_is_cut_altered_or_something_else_is_no_code() {
        let shown = code(&ALICE, &BOB);
        for length in 0..shown.len() {
            assert_eq!(compare(&BOB, &ALICE, &shown[..length]), Comparison::NotACode, "{length} characters");
        }
        for at in 0..shown.len() {
            let mut altered = shown.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(compare(&BOB, &ALICE, &altered), Comparison::NotACode, "character {at}");
        }
        assert_eq!(compare(&BOB, &ALICE, &format!("{shown}AAAA")), Comparison::NotACode);
        assert_eq!(compare(&BOB, &ALICE, &"x".repeat(100_000)), Comparison::NotACode);
        assert_eq!(compare(&BOB, &ALICE, "privatus:i#AAAA"), Comparison::NotACode);
    }

    #[test]
    fn a_sound_code_of_a_later_version_says_so() {
        let body = [[2].as_slice(), &[9; 80]].concat();
        let whole = [body.as_slice(), &checksum(&body)].concat();
        let text = format!("{CODE_PREFIX}{}", URL_SAFE_NO_PAD.encode(whole));
        assert_eq!(compare(&BOB, &ALICE, &text), Comparison::NewerVersion);
    }
}
