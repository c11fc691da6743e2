//! Links in a stranger's text: where they stand, and what is odd about one. Nothing is fetched and nothing is opened.

use std::ops::Range;

use unicode_linebreak::{BreakClass, break_property};

/// What is longer is no link that a person could check, and stays text.
pub const LINK_MAX_BYTES: usize = 2_048;

/// How a link begins.
const BEGINNINGS: [&str; 3] = ["https://", "http://", "www."];

/// Where the links of one line stand, in bytes. What could as well be the sentence around a link is left to the sentence.
#[must_use]
pub fn find(line: &str) -> Vec<Range<usize>> {
    let mut links = Vec::new();
    let mut past = 0;
    let mut before: Option<char> = None;
    for (at, c) in line.char_indices() {
        if at >= past && matches!(c, 'h' | 'H' | 'w' | 'W') && !before.is_some_and(char::is_alphanumeric) {
            let rest = line.get(at..).unwrap_or_default();
            if let Some(beginning) = BEGINNINGS.into_iter().find(|beginning| begins(rest, beginning)) {
                let run = rest.find(ends_link).unwrap_or(rest.len());
                past = at + run;
                let link = trimmed(rest.get(..run).unwrap_or_default(), before);
                if link.len() <= LINK_MAX_BYTES && has_host(link, beginning) {
                    links.push(at..at + link.len());
                }
            }
        }
        before = Some(c);
    }
    links
}

fn begins(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|head| head.eq_ignore_ascii_case(beginning))
}

/// What no address has unescaped.
fn ends_link(c: char) -> bool {
    let closes = break_property(u32::from(c)) == BreakClass::ClosePunctuation && !c.is_ascii();
    c.is_whitespace()
        || c.is_control()
        || closes
        || matches!(
            c,
            '<' | '>' | '"' | '`' | '|' | '\\' | '^' | '{' | '}' | '“' | '”' | '„' | '«' | '»' | '‹' | '›'
        )
}

/// Without the marks of the sentence at its end, and without a bracket that was opened before it.
fn trimmed(run: &str, before: Option<char>) -> &str {
    let count = |wanted: char| run.chars().filter(|c| *c == wanted).count();
    let mut surplus =
        [('(', ')'), ('[', ']')].map(|(opens, closes)| count(closes).saturating_sub(count(opens)));
    let mut link = run;
    while let Some(last) = link.chars().next_back() {
        let [round, square] = &mut surplus;
        let strip = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '’' | '…' | '*' => true,
            '_' => before == Some('_'),
            ')' if *round > 0 => {
                *round -= 1;
                true
            }
            ']' if *square > 0 => {
                *square -= 1;
                true
            }
            _ => false,
        };
        if !strip {
            break;
        }
        link = link.get(..link.len() - last.len_utf8()).unwrap_or_default();
    }
    link
}

fn has_host(link: &str, beginning: &str) -> bool {
    let rest = link.get(beginning.len()..).unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // `www.` alone says little: one dot more is wanted.
    host.contains(char::is_alphanumeric) && (beginning != "www." || host.trim_matches('.').contains('.'))
}

/// What is to be known before somebody follows a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A part of the host is written as `xn--…`.
    Punycode,
    /// One part of the host has Latin letters and others.
    Mixed,
    /// The host has letters beyond a to z.
    OtherLetters,
    /// Something stands before the host and an `@`.
    Before,
    /// Characters that are not letters, digits or signs of ASCII.
    Signs,
}

/// A link as it is told to whoever pressed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// All of it; what is no letter, digit or sign of ASCII stands there by its number.
    pub address: String,
    /// Where it goes.
    pub host: String,
    /// What is odd.
    pub oddities: Vec<Oddity>,
}

/// What there is to know of a link.
#[must_use]
pub fn told(link: &str) -> Told {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (before, host) =
        authority.rsplit_once('@').map_or((None, authority), |(before, host)| (Some(before), host));
    let other = |c: char| !c.is_ascii() && c.is_alphabetic();
    let mixed = |label: &str| label.contains(other) && label.contains(|c: char| c.is_ascii_alphabetic());
    let odd = |c: char| !c.is_ascii_graphic() && !c.is_alphanumeric();
    let oddities = [
        (Oddity::Before, before.is_some()),
        (Oddity::Punycode, host.split('.').any(|label| begins(label, "xn--"))),
        (Oddity::Mixed, host.split('.').any(mixed)),
        (Oddity::OtherLetters, host.contains(other) && !host.split('.').any(mixed)),
        (Oddity::Signs, link.contains(odd)),
    ];
    let spelled = |text: &str| -> String {
        let one = |c: char| if odd(c) { format!("⟨U+{:04X}⟩", u32::from(c)) } else { c.to_string() };
        text.chars().map(one).collect()
    };
    Told {
        address: spelled(link),
        host: spelled(host),
        oddities: oddities.into_iter().filter(|(_, is)| *is).map(|(oddity, _)| oddity).collect(),
    }
}

impl Oddity {
    /// It in a sentence.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Punycode => {
                "A part of the address is in code (xn--): a browser may show other letters in its place."
            }
            Self::Mixed => {
                "The address mixes letters of several scripts. Some look alike and are not the same."
            }
            Self::OtherLetters => {
                "The address has letters beyond a to z. Some look like a Latin letter and are not."
            }
            Self::Before => "What stands before the @ is not where it goes.",
            Self::Signs => "Characters that cannot be told apart are written by their number.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<&str> {
        find(line).into_iter().map(|range| &line[range]).collect()
    }

    #[test]
    fn a_link_ends_before_what_belongs_to_the_sentence() {
        assert_eq!(
            found("see https://example.org/a, or (http://b.org/x_(y)). ok"),
            ["https://example.org/a", "http://b.org/x_(y)"]
        );
        assert_eq!(found("<https://example.org/?q=1&r=2#top>"), ["https://example.org/?q=1&r=2#top"]);
        assert_eq!(
            found("“WWW.Example.org”… [www.example.org/a]!"),
            ["WWW.Example.org", "www.example.org/a"]
        );
        assert_eq!(
            found("**https://example.org** _https://example.org/_a_"),
            ["https://example.org", "https://example.org/_a"]
        );
        assert_eq!(
            found("https://example.org/a_ 「https://例え.jp/あ」"),
            ["https://example.org/a_", "https://例え.jp/あ"]
        );
    }

    #[test]
    fn what_is_no_link_stays_text() {
        for line in [
            "https://",
            "http://...",
            "www.",
            "www.example",
            "xhttps://example.org",
            "htt ps://a.b",
            "ftp://example.org",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "example.org",
            "mailto:a@b.c",
            "privatus:i#abc",
            "",
        ] {
            assert!(find(line).is_empty(), "{line}");
        }
        assert!(find(&format!("https://{}", "a".repeat(LINK_MAX_BYTES))).is_empty());
    }

    #[test]
    fn a_hostile_line_is_looked_at_once() {
        // Quadratic work over this would take minutes.
        for unit in ["https://", "www.", "www.a.b)", "h", "(https://a.b ", "https://a.b/)))"] {
            let text = unit.repeat((256 << 10) / unit.len());
            assert!(find(&text).len() <= text.len() / unit.len(), "{unit}");
        }
    }

    #[test]
    fn what_is_odd_about_an_address_is_told() {
        let plain = told("https://example.org:8080/path?x=a@b");
        assert_eq!((plain.host.as_str(), plain.oddities.as_slice()), ("example.org:8080", [].as_slice()));
        assert_eq!(told("https://xn--pple-43d.com").oddities, [Oddity::Punycode]);
        assert_eq!(told("https://\u{430}pple.com").oddities, [Oddity::Mixed]);
        assert_eq!(told("https://пример.рф").oddities, [Oddity::OtherLetters]);
        let before = told("https://example.org@evil.test/");
        assert_eq!(
            (before.host.as_str(), before.oddities.as_slice()),
            ("evil.test", [Oddity::Before].as_slice())
        );
        let sign = told("https://example.org\u{2215}a.test");
        assert!(sign.address.contains("org⟨U+2215⟩a") && sign.oddities == [Oddity::Signs]);
    }
}
