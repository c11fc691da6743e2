//! A link is found in whatever mail, chat and people make of it, and never another one.

use super::{CHECKSUM_BYTES, Found, PREFIX, checksum, find};
use crate::limits::PASTED_MAX_BYTES;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Numbers that are the same in each run (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

fn base64(bytes: &[u8]) -> String {
    let letters = bytes.chunks(3).flat_map(|three| {
        let bits =
            three.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |at| char::from(ALPHABET[((bits >> (18 - 6 * at)) & 63) as usize]))
    });
    letters.collect()
}

/// A link as keyvault makes it: `hints` contact points of 40 bytes.
fn link(seed: u64, hints: u8) -> String {
    let mut numbers = Numbers(seed);
    let mut body =
        [vec![1, 1], numbers.bytes(68), vec![hints], numbers.bytes(40 * usize::from(hints))].concat();
    body.extend(checksum(&body));
    format!("{PREFIX}{}", base64(&body))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn what_is_left_of_a_broken_link_is_told_as_it_stands() {
    let whole = link(1, 0);
    let letters = |count: usize| whole[..PREFIX.len() + count].to_owned();
    assert_eq!(find(&letters(40)), Found::Broken(letters(40)));
    assert_eq!(
        find(&format!("> {}\n", letters(41))),
        Found::Broken(letters(40)),
        "one letter stands for nothing"
    );
    assert_eq!(find(PREFIX), Found::Broken(PREFIX.into()));
    assert_eq!(find(" PRIVATUS: "), Found::Broken("privatus:".into()));
    // A letter became a sign, or one of another alphabet.
    for odd in ["!", "ä", "а"] {
        let odd_in = format!("{}{odd}{}", letters(40), &whole[PREFIX.len() + 41..]);
        assert_eq!(find(&odd_in), Found::Broken(format!("{}{odd}", letters(40))));
    }
    assert_eq!(find(&format!("{}. More comes.", letters(40))), find(&format!("{} More comes", letters(40))));
}

#[test]
fn two_links_are_told_and_neither_is_taken() {
    let (one, other) = (link(1, 0), link(2, 3));
    for text in [
        format!("{one} {other}"),
        format!("{other}{one}"),
        format!("{one}\n\n> {}\n{one}", percent_encoded(&other)),
    ] {
        assert_eq!(find(&text), Found::Several);
    }
    // An altered one beside it is no second link.
    let altered = other.replacen(&other[30..34], "AAAA", 1);
    assert_eq!(find(&format!("{altered} {one}")), Found::Link(one));
}

#[test]
fn what_holds_no_link_holds_nothing() {
    let letters = "A".repeat(4_000);
    let foreign = "ü".repeat(340);
    for text in [
        "",
        " ",
        "hello",
        "https://example.org",
        "privatus:v#AAAA",
        "privatus:invite#AAAA",
        &letters,
        &foreign,
    ] {
        assert_eq!(find(text), Found::Nothing, "{text:.40}");
    }
    assert_eq!(find(&format!("{PREFIX}{letters}")), Found::Nothing);
    assert_eq!(find(&format!("{PREFIX}{foreign}")), Found::Nothing);
}

#[test]
fn a_link_of_a_later_version_is_found_too() {
    for length in [40, 100, 236] {
        let mut body = vec![2; length];
        body.extend(checksum(&body));
        let link = format!("{PREFIX}{}", base64(&body));
        assert_eq!(find(&format!("<{link}>, thanks")), Found::Link(link), "{length} bytes");
    }
    assert_eq!(checksum(&[]).len(), CHECKSUM_BYTES);
}

/// What somebody made to be slow is given up soon; a link behind it may be missed, and none is found that is not there.
#[test]
fn the_longest_and_worst_texts_are_looked_through() {
    let whole = link(1, 0);
    let fits = "x ".repeat((PASTED_MAX_BYTES - whole.len()) / 2);
    assert_eq!(find(&format!("{fits}{whole}")), Found::Link(whole.clone()));
    assert_eq!(find(&format!("{fits}  {whole}")), Found::Nothing, "over the limit");
    for piece in [
        "privatus:i#",
        "privatus:i?",
        "p",
        "%",
        "=",
        "\n>",
        "— – = %41",
        "privatus:i?#A",
        "%25",
        "=3D",
        "& privatus:////",
    ] {
        let worst = piece.repeat(PASTED_MAX_BYTES / piece.len());
        assert!(!matches!(find(&worst), Found::Link(_) | Found::Several), "{piece}");
    }
    let gaps = format!("privatus:{}%", " ".repeat(PASTED_MAX_BYTES - 20));
    assert_eq!(find(&gaps), Found::Nothing);
}

#[test]
fn a_link_is_not_shown_by_who_prints_what_was_found() {
    let whole = link(1, 0);
    assert_eq!(format!("{:?} {:?}", find(&whole), find(&whole[..60])), "Link Broken");
}
