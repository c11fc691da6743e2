//! Names that look alike to an eye: by case, by letters of other scripts, by what cannot be seen, by spaces. Whoever wants to be taken for
//! somebody else chooses such a name.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::edge::ui_stored::{Contact, ContactState};
use unicode_normalization::UnicodeNormalization;

/// In what somebody can be taken for somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    /// What the user calls them looks like what the user calls another.
    Name,
    /// What they call themselves looks like what the user calls another.
    TheirName,
}

/// Capitals and digits beside what they look like, where their small letter looks like something else.
const BY_SHAPE: &[(char, &str)] =
    &[('l', "I|1\u{399}\u{406}\u{4C0}"), ('o', "0"), ('n', "\u{39D}"), ('h', "\u{397}"), ('y', "\u{3A5}")];

/// Latin letters beside the small ones of Cyrillic and Greek, and of Latin with a stroke or without a dot, that look like them: what the
/// table *confusables* of Unicode TS 39 says of these three scripts.
const BY_SCRIPT: &[(char, &str)] = &[
    ('a', "аαɑ"),
    ('b', "вьβ"),
    ('c', "сςϲ"),
    ('d', "ԁđ"),
    ('e', "еε"),
    ('g', "ɡ"),
    ('h', "нһħ"),
    ('i', "іιıɩ"),
    ('j', "јϳȷ"),
    ('k', "кκ"),
    ('l', "ӏł"),
    ('m', "мμ"),
    ('n', "η"),
    ('o', "оοσø"),
    ('p', "рρ"),
    ('q', "ԛ"),
    ('r', "гґ"),
    ('s', "ѕ"),
    ('t', "тτŧ"),
    ('u', "υʋ"),
    ('v', "νѵ"),
    ('w', "ԝω"),
    ('x', "хχ"),
    ('y', "уγү"),
    ('z', "ζ"),
];

fn mapped(table: &[(char, &str)], c: char) -> char {
    table.iter().find(|(_, alike)| alike.contains(c)).map_or(c, |(letter, _)| *letter)
}

/// Shows nothing, or nothing but room: also joiners, fillers and what chooses the form of a picture.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// What is left of a name when all that an eye does not tell apart is made the same. Two names look alike where one of the two is: the
/// first takes the letters as they are written, where a capital I is a small l; the second folds case first.
#[must_use]
pub fn skeletons(untrusted_name: &str) -> [String; 2] {
    let seen = || untrusted_name.nfkd().filter(|c| !is_unseen(*c));
    let small = |c: char| c.to_lowercase().map(|c| mapped(BY_SCRIPT, c));
    let as_written = seen().map(|c| mapped(BY_SHAPE, c)).flat_map(small).nfc().collect();
    let folded = seen().flat_map(small).nfc().collect();
    [as_written, folded]
}

/// Whether two names look alike. A name of which nothing is seen looks like no other.
#[must_use]
pub fn looks_like(one: &str, other: &str) -> bool {
    let pairs = skeletons(one).into_iter().zip(skeletons(other));
    pairs.into_iter().any(|(one, other)| !one.is_empty() && one == other)
}

/// Who of `people` can be taken for another of them, by id.
#[must_use]
pub fn alike(people: &[Contact]) -> BTreeMap<String, Alike> {
    let mut named: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for contact in people {
        for skeleton in skeletons(&contact.name).into_iter().filter(|skeleton| !skeleton.is_empty()) {
            named.entry(skeleton).or_default().insert(&contact.id);
        }
    }
    let is_others = |contact: &Contact, name: &str| {
        skeletons(name)
            .iter()
            .filter_map(|skeleton| named.get(skeleton))
            .any(|ids| ids.iter().any(|id| *id != contact.id))
    };
    let judged = |contact: &Contact| match contact.state {
        ContactState::Oneself => None,
        _ if is_others(contact, &contact.name) => Some(Alike::Name),
        _ if is_others(contact, &contact.their_name) => Some(Alike::TheirName),
        _ => None,
    };
    people.iter().filter_map(|contact| Some((contact.id.clone(), judged(contact)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::people::tests::called;
    use super::*;

    #[test]
    fn names_that_an_eye_does_not_tell_apart_look_alike() {
        for (one, other) in [
            ("Robin", "robin"),
            ("Robin", "Rоbin"),
            ("Robin", "Robin\u{200B}"),
            ("Robin", "Ro\u{AD}bin"),
            ("Robin", "Ｒｏｂｉｎ"),
            ("Kim Ray", "Kim  Ray"),
            ("Kim Ray", "KimRay"),
            ("Alice", "A1ice"),
            ("Alice", "AIice"),
            ("Maxim", "Мaхim"),
            ("Nova", "Νονα"),
            ("José", "Jose\u{301}"),
            ("B0b", "Bob"),
            ("Ole", "Øle"),
        ] {
            assert!(looks_like(one, other) && looks_like(other, one), "{one:?} {other:?}");
        }
    }

    #[test]
    fn other_names_do_not_and_one_of_which_nothing_is_seen_is_like_none() {
        for (one, other) in [
            ("Robin", "Robyn"),
            ("Ali", "All"),
            ("Jose", "José"),
            ("Kim", "Kim 2"),
            ("ليلى", "ليل"),
            ("陽菜", "陽"),
            ("", ""),
            ("\u{200B}", " "),
        ] {
            assert!(!looks_like(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn both_of_two_are_told_and_who_calls_themselves_like_another() {
        let people = [
            called("a", "Robin", ""),
            called("b", "R0bin", ""),
            called("c", "Kim", "ROBIN"),
            called("d", "Noor", "noor"),
            Contact { state: ContactState::Oneself, ..called("e", "kim", "") },
        ];
        let told: Vec<_> = alike(&people).into_iter().collect();
        let expected = [("a", Alike::Name), ("b", Alike::Name), ("c", Alike::Name)];
        assert_eq!(told, expected.map(|(id, alike)| (id.to_owned(), alike)));
        let told =
            alike(&[called("a", "Robin", ""), called("c", "Kim", "ROBIN"), called("d", "Noor", "noor")]);
        assert_eq!(told.into_iter().collect::<Vec<_>>(), [("c".to_owned(), Alike::TheirName)]);
    }
}
