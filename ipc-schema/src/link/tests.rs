//! A link is found in whatever mail, chat and people make of it, and never another one.

use super::{CHECKSUM_BYTES, Found, PREFIX, checksum, find};
use crate::limits::{LINK_MAX_CHARS, PASTED_MAX_BYTES};

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

/// With `mark` after each `columns` characters.
fn broken(text: &str, columns: usize, mark: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let lines: Vec<String> = letters.chunks(columns).map(|line| line.iter().collect()).collect();
    lines.join(mark)
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn with(text: &str, at: usize, put_in: &str) -> String {
    let at = text.char_indices().map(|(at, _)| at).nth(at).unwrap();
    format!("{}{put_in}{}", &text[..at], &text[at..])
}

/// Behind `privatus:i`, which stands last in some form.
fn before_mark(text: &str, put_in: &str) -> String {
    text.replacen('#', &format!("{put_in}#"), 1)
}

/// What may be done to a link on its way.
type Way = (&'static str, fn(&str) -> String);

const WAYS: &[Way] = &[
    ("lines of 76", |text| broken(text, 76, "\n")),
    ("lines of 76 with CRLF", |text| broken(text, 76, "\r\n")),
    ("lines of 20", |text| broken(text, 20, "\n")),
    ("quoted lines", |text| format!("> {}", broken(text, 74, "\n> "))),
    ("lines quoted twice", |text| format!("> > {}", broken(text, 72, "\r\n> > "))),
    ("lines with a bar", |text| format!("| {}", broken(text, 70, "\n| "))),
    ("quoted-printable", |text| broken(text, 75, "=\n")),
    ("quoted-printable with CRLF", |text| broken(text, 75, "=\r\n")),
    ("quoted quoted-printable", |text| format!("> {}", broken(text, 73, "=\n> "))),
    ("flowed", |text| broken(text, 72, " \n")),
    ("a space inside", |text| with(text, 60, " ")),
    ("a no-break space inside", |text| with(text, 40, "\u{A0}")),
    ("a space in the scheme", |text| with(text, 9, " ")),
    ("zero-width spaces", |text| broken(text, 7, "\u{200B}")),
    ("joiners", |text| format!("\u{200D}{}\u{200C}", with(text, 30, "\u{200D}"))),
    ("byte order marks", |text| format!("\u{FEFF}{}\u{FEFF}", with(text, 5, "\u{FEFF}"))),
    ("left-to-right marks", |text| format!("\u{200E}{}\u{200E}", with(text, 50, "\u{200E}"))),
    ("isolates", |text| format!("\u{2068}{text}\u{2069}")),
    ("soft hyphens", |text| broken(text, 11, "\u{AD}")),
    ("word joiners", |text| broken(text, 13, "\u{2060}")),
    ("line separators", |text| broken(text, 31, "\u{2028}")),
    ("quotes", |text| format!("\"{text}\"")),
    ("single quotes", |text| format!("'{text}'")),
    ("German quotes", |text| format!("„{text}“")),
    ("guillemets", |text| format!("«\u{202F}{text}\u{202F}»")),
    ("parentheses", |text| format!("({text})")),
    ("brackets", |text| format!("[{text}]")),
    ("backticks", |text| format!("```\n{text}\n```")),
    ("angles", |text| format!("<{text}>")),
    ("a Markdown link", |text| format!("[{text}]({text})")),
    ("stars", |text| format!("**{text}**")),
    ("underscores", |text| format!("_{text}_")),
    ("a full stop", |text| format!("{text}.")),
    ("a comma", |text| format!("{text}, and more")),
    ("a sentence", |text| format!("Hello Kim, here it is: {text} See you at 8!")),
    ("a German sentence", |text| format!("Für dich: {text}\nGrüße, Jörg")),
    ("a Chinese sentence", |text| format!("链接：{text}。谢谢")),
    ("a signature", |text| format!("{text}\n-- \nSent from my telephone")),
    ("%23", |text| text.replacen('#', "%23", 1)),
    ("percent-encoded", percent_encoded),
    ("percent-encoded twice", |text| percent_encoded(&percent_encoded(text))),
    ("percent-encoded and broken", |text| broken(&percent_encoded(text), 76, "\n")),
    ("a redirect", |text| format!("https://example.org/out?u={}&h=AT3x_9", percent_encoded(text))),
    ("a lower-case redirect", |text| {
        format!("https://example.org/l?to={}", text.replacen(':', "%3a", 1).replacen('#', "%23", 1))
    }),
    ("capitals", |text| text.replacen("privatus:i#", "PRIVATUS:I#", 1)),
    ("a capital", |text| text.replacen("privatus:", "Privatus:", 1)),
    ("slashes", |text| text.replacen("privatus:i#", "privatus://i/#", 1)),
    ("a wide number sign and colon", |text| text.replacen(':', "：", 1).replacen('#', "＃", 1)),
    ("an escaped number sign", |text| text.replacen('#', "\\#", 1)),
    ("tracking behind", |text| format!("{text}?fbclid=IwAR0abc-D_9")),
    ("more tracking behind", |text| format!("{text}&utm_source=chat&utm_medium=x")),
    ("tracking before", |text| before_mark(text, "?fbclid=IwAR0abc-D_9")),
    ("more tracking before", |text| before_mark(text, "&utm_source=chat")),
    ("tracking with a mark of its own", |text| before_mark(text, "?to=%23top&x=#y")),
    ("en dashes", |text| text.replace('-', "–")),
    ("hyphens that do not break", |text| text.replace('-', "\u{2011}")),
    ("minus signs", |text| text.replace('-', "\u{2212}")),
    ("em dashes for two hyphens", |text| text.replace("--", "—")),
    ("em dashes for each hyphen", |text| text.replace('-', "—")),
    ("en dashes for two hyphens", |text| text.replace("--", "–")),
    ("twice", |text| format!("{text} {text}")),
    ("twice in one piece", |text| format!("{text}{text}")),
    ("cut, then whole", |text| format!("{}…\n{text}", &text.chars().take(70).collect::<String>())),
    ("UTF-16 read as bytes", |text| text.chars().flat_map(|c| [c, '\0']).collect()),
];

#[test]
fn a_link_is_found_as_it_was_made_whatever_was_done_to_it() {
    for (name, way) in WAYS {
        for seed in 1..=25 {
            for hints in [0, 1, 3] {
                let link = link(seed, hints);
                assert_eq!(find(&way(&link)), Found::Link(link), "{name}, seed {seed}, {hints} hints");
            }
        }
    }
}

/// Those that look for a part of the plain form come first: behind another one that part may not be there.
const FIRST: [&str; 18] = [
    "%23",
    "a lower-case redirect",
    "capitals",
    "a capital",
    "slashes",
    "a wide number sign and colon",
    "an escaped number sign",
    "tracking before",
    "more tracking before",
    "tracking with a mark of its own",
    "en dashes",
    "hyphens that do not break",
    "minus signs",
    "em dashes for two hyphens",
    "em dashes for each hyphen",
    "en dashes for two hyphens",
    "percent-encoded",
    "percent-encoded twice",
];

#[test]
fn a_link_is_found_through_several_of_these_one_after_another() {
    let is_first = |way: &&Way| FIRST.contains(&way.0);
    let first: Vec<&Way> = WAYS.iter().filter(is_first).collect();
    let after: Vec<&Way> = WAYS.iter().filter(|way| !is_first(way) && !AT_THE_END.contains(&way.0)).collect();
    assert_eq!(first.len(), FIRST.len());
    let mut numbers = Numbers(7);
    for seed in 1..=1_500 {
        let link = link(seed, [0, 1, 3][numbers.below(3)]);
        let chosen = [
            first[numbers.below(first.len())],
            after[numbers.below(after.len())],
            after[numbers.below(after.len())],
        ];
        let text = chosen.iter().fold(link.clone(), |text, (_, way)| way(&text));
        let names: Vec<_> = chosen.iter().map(|(name, _)| name).collect();
        assert_eq!(find(&text), Found::Link(link), "seed {seed}: {names:?}");
    }
}

/// Nothing is encoded or read otherwise once a line was broken with marks.
const AT_THE_END: [&str; 3] = ["a redirect", "percent-encoded and broken", "UTF-16 read as bytes"];

#[test]
fn a_changed_letter_is_no_link_whatever_else_was_done_to_it() {
    let mut numbers = Numbers(11);
    for (name, way) in WAYS {
        for seed in 1..=20 {
            let whole = link(seed, 1);
            let at = PREFIX.len() + numbers.below(whole.len() - PREFIX.len());
            let mut altered = whole.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            let found = find(&way(&altered));
            assert!(
                matches!(&found, Found::Broken(text) if text.len() <= LINK_MAX_CHARS),
                "{name}, {seed}: {found:?}"
            );
        }
    }
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
