//! A file's name as another person gave it, made into one that can be shown and under which a file can be kept: on any system, in a
//! folder of somebody's choice, beside what is there (docs/protocol/file.md, "Names").

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::limits::FILE_NAME_MAX_BYTES;
use crate::unseen::is_unseen;

/// With these bits a file is made that came from somebody: for its owner alone, and never a program.
pub const SAVED_MODE: u32 = 0o600;

/// What stands for a name of which nothing is left.
const NAMELESS: &str = "file";
/// A longer end behind the last dot is no kind of file, and is cut like the rest.
const ENDING_MAX_BYTES: usize = 24;
/// Names that are tried beside one that is taken.
const TRIES: u32 = 10_000;
/// What systems other than this one take for devices, whatever stands behind a dot; with digits behind the last two.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
const PORTS: [&str; 2] = ["COM", "LPT"];

/// One name, never empty, at most [`FILE_NAME_MAX_BYTES`]: no separator, nothing that is not seen or that turns the direction of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// The last part of what somebody calls a file, without what cannot be part of a name.
    #[must_use]
    pub fn clean(untrusted: &str) -> Self {
        let seen: String = untrusted.chars().filter(|c| c.is_whitespace() || !is_unseen(*c)).nfc().collect();
        let last = seen.rsplit(['/', '\\']).map(plain).find(|part| !part.is_empty());
        let mut name = last.unwrap_or_else(|| NAMELESS.into());
        // What is left of a name that was cut may be a device's, or have another ending.
        for _ in 0..3 {
            name = apart_from_devices(within(&name, "", FILE_NAME_MAX_BYTES));
        }
        Self(name)
    }

    /// As it is shown, and kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its end says that it is, in small letters; empty: nothing.
    #[must_use]
    pub fn ending(&self) -> String {
        split(&self.0).1.trim_start_matches('.').to_lowercase()
    }

    /// The name, and behind it others for where it is taken: `name (2).ext` and so on. Whoever keeps a file makes it new under the first of
    /// these that it can, and never writes over one that is there. They end, so that a folder in which nothing can be made is no trap.
    pub fn choices(&self) -> impl Iterator<Item = Self> {
        let others =
            (2..=TRIES).map(|number| Self(within(&self.0, &format!(" ({number})"), FILE_NAME_MAX_BYTES)));
        std::iter::once(self.clone()).chain(others)
    }
}

/// One part of a path, without what is odd in a name: spaces that push an ending out of sight, signs that some system or shell obeys, dots
/// that hide a file.
fn plain(part: &str) -> String {
    let words: Vec<String> = part
        .split_whitespace()
        .map(|word| word.chars().map(|c| if is_obeyed(c) { '_' } else { c }).collect())
        .collect();
    let name = words.join(" ");
    let name = name.trim_matches(|c: char| c == '.' || c == ' ');
    match name.strip_prefix('-') {
        // It would be an option to whatever is called with all names of a folder.
        Some(rest) => format!("_{rest}"),
        None => name.to_owned(),
    }
}

fn is_obeyed(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

fn apart_from_devices(name: String) -> String {
    let first = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let port = PORTS.iter().any(|port| {
        let mut number = first.strip_prefix(port).unwrap_or_default().chars();
        matches!((number.next(), number.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    });
    if port || DEVICES.contains(&first.as_str()) { format!("_{name}") } else { name }
}

/// Before and from its last dot, where that makes an ending.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.').and_then(|dot| name.split_at_checked(dot)) {
        Some((stem, ending)) if !stem.is_empty() && (2..=ENDING_MAX_BYTES).contains(&ending.len()) => {
            (stem, ending)
        }
        _ => (name, ""),
    }
}

/// The name with something before its ending, cut between what a reader takes for characters.
fn within(name: &str, before_ending: &str, most_bytes: usize) -> String {
    let (stem, ending) = split(name);
    let room = most_bytes.saturating_sub(before_ending.len() + ending.len());
    let fits =
        stem.grapheme_indices(true).map(|(at, one)| at + one.len()).take_while(|end| *end <= room).last();
    let cut = stem.get(..fits.unwrap_or(0)).unwrap_or_default().trim_end_matches(['.', ' ']);
    let stem = if cut.is_empty() { NAMELESS } else { cut };
    format!("{stem}{before_ending}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(untrusted: &str) -> String {
        FileName::clean(untrusted).0
    }

    #[test]
    fn a_name_is_the_last_part_of_a_path_and_never_leads_anywhere() {
        for (untrusted, name) in [
            ("../../x", "x"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("C:\\Users\\Ann\\plan.txt", "plan.txt"),
            ("folder/", "folder"),
            ("a/..", "a"),
            ("C:", "C_"),
            ("x\0.png", "x.png"),
        ] {
            assert_eq!(clean(untrusted), name, "{untrusted:?}");
        }
        for nothing in ["", ".", "..", "/", "../..", " ", " . ", "\u{202e}", "\0", "...", "/\\/"] {
            assert_eq!(clean(nothing), NAMELESS, "{nothing:?}");
        }
    }

    #[test]
    fn what_is_not_seen_or_turns_the_direction_of_writing_goes() {
        for (untrusted, name) in [
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("a\u{200b}b\u{feff}.txt", "ab.txt"),
            ("line\none\ttwo.txt", "line one two.txt"),
            ("bell\u{7}\u{1b}[2J.txt", "bell[2J.txt"),
            ("bill.pdf                                        .exe", "bill.pdf.exe"),
            ("\u{2066}x\u{2069}.txt", "x.txt"),
            ("a\u{2028}b", "a b"),
        ] {
            assert_eq!(clean(untrusted), name, "{untrusted:?}");
        }
        assert_eq!(clean("Żółw 明 🐢 مرحبا.txt"), "Żółw 明 🐢 مرحبا.txt");
    }

    #[test]
    fn what_a_system_or_a_shell_obeys_is_only_a_sign() {
        for (untrusted, name) in [
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("Nul .tar.gz", "_Nul .tar.gz"),
            ("COM1", "_COM1"),
            ("lpt³.x", "_lpt³.x"),
            ("COM10", "COM10"),
            ("CONTRACT", "CONTRACT"),
            ("a<b>:c|d?e*f\"g", "a_b__c_d_e_f_g"),
            ("-rf", "_rf"),
            (".bashrc", "bashrc"),
            ("name.", "name"),
            ("name. .", "name"),
            (" . x . ", "x"),
        ] {
            assert_eq!(clean(untrusted), name, "{untrusted:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_keeps_its_ending() {
        let family = "👩‍👩‍👧‍👦";
        let flags = "🇫🇷".repeat(40);
        let cut = clean(&(flags.clone() + ".jpeg"));
        assert_eq!(cut, "🇫🇷".repeat(31) + ".jpeg");
        // The joiner is not seen; what it joined are pictures of their own.
        let emoji = clean(&family.repeat(64));
        assert!(emoji.len() <= FILE_NAME_MAX_BYTES && emoji.chars().all(|c| family.contains(c)));
        let letters = clean(&("e\u{301}\u{323}".repeat(200) + ".tar.gz"));
        assert!(letters.ends_with(".gz") && letters.len() <= FILE_NAME_MAX_BYTES);
        assert!(letters.graphemes(true).all(|one| ["ẹ́", ".", "g", "z"].contains(&one)), "{letters}");
        let no_ending = clean(&("a".to_owned() + "." + &"b".repeat(400)));
        assert_eq!(no_ending.len(), FILE_NAME_MAX_BYTES);
        let one_letter = clean(&("x".to_owned() + &"\u{301}".repeat(400) + ".txt"));
        assert_eq!(one_letter, "file.txt", "not a part of a letter");
        let device = clean(&("CON".to_owned() + "x" + &"\u{301}".repeat(400)));
        assert_eq!(device, "_CON");
    }

    #[test]
    fn two_ways_to_write_one_letter_are_one_name() {
        assert_eq!(clean("Cafe\u{301}.txt"), clean("Caf\u{e9}.txt"));
        assert_eq!(clean("e\u{200b}\u{301}"), clean("\u{e9}"), "also where something unseen stood between");
    }

    #[test]
    fn beside_a_file_of_that_name_there_is_another_choice_and_they_end() {
        let names: Vec<String> =
            FileName::clean("plan.tar.gz").choices().take(3).map(|name| name.0).collect();
        assert_eq!(names, ["plan.tar.gz", "plan.tar (2).gz", "plan.tar (3).gz"]);
        let long = FileName::clean(&("🐢".repeat(80) + ".txt"));
        let choices: Vec<FileName> = long.choices().collect();
        assert_eq!(choices.len(), 10_000);
        let mut seen = std::collections::HashSet::new();
        assert!(
            choices.iter().all(|name| name.0.len() <= FILE_NAME_MAX_BYTES && seen.insert(name.0.clone()))
        );
        assert!(choices[9_999].0.ends_with("🐢 (10000).txt"));
        assert_eq!(FileName::clean("README").choices().nth(1).unwrap().0, "README (2)");
    }

    #[test]
    fn the_ending_is_told_in_small_letters() {
        for (name, ending) in [("a.PNG", "png"), ("a", ""), ("a.tar.gz", "gz"), ("a.b c", "b c")] {
            assert_eq!(FileName::clean(name).ending(), ending);
        }
        assert_eq!(FileName::clean(&format!("a.{}", "x".repeat(30))).ending(), "");
    }

    #[test]
    fn a_clean_name_stays_as_it_is() {
        let odd = [
            '.', ' ', '/', '-', 'C', 'O', 'N', '1', 'e', '\u{301}', '\u{200d}', '\u{202e}', '🐢', '*',
            '\u{37e}', '\u{2000}', 'ß',
        ];
        let mut state = 7_usize;
        for _ in 0..20_000 {
            let mut name = String::new();
            for _ in 0..state % 12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                name.push(odd[(state >> 33) % odd.len()]);
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99_991);
            state ^= state >> 29;
            let once = clean(&name);
            assert_eq!(clean(&once), once, "{name:?}");
            assert!(!once.is_empty() && !once.contains(['/', '\\', '\0', '\u{202e}']));
        }
    }
}
