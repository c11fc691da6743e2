//! No type can come to show a secret unnoticed: the sources are read, and whatever holds a secret is listed with how it is
//! shown. A new type, or a new way to show one, changes the list, and somebody has to look at it (`cargo insta review`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What secrets are made of.
const SECRET: [&str; 8] = [
    "Secret",
    "Secret32",
    "SecretBytes",
    "SecretMemory",
    "Zeroizing",
    "StaticSecret",
    "SigningKey",
    "DecapsulationKey",
];

/// Types that derive Debug over raw bytes or text, with what those are. What is not public is `Secret`, whose Debug is silent.
const PUBLIC: [(&str, &str); 18] = [
    ("Agreed", "the transcript's hash"),
    ("Authenticator", "what a relay is sent"),
    ("DeviceList", "what a peer is sent"),
    ("FirstPrefix", "what stands before a first message, unencrypted inside the outer layer"),
    ("Frame", "the encoded device list"),
    ("HeaderSlot", "an encapsulation key or a ciphertext and its MAC, as the peer is sent them"),
    ("IncomingEnvelope", "an envelope and its sender's public key"),
    ("Inner", "ciphertext"),
    ("OpenedInvite", "a blob's name and a public key"),
    ("PeerQueue", "a public key"),
    ("PublicIdentity", "public keys and a signature"),
    ("PublishedAddress", "what anybody may look up"),
    ("Purpose", "names and hashes of envelopes and of sealed chunks"),
    ("RatchetError", "a public key"),
    ("RepairSection", "a bundle of public keys"),
    ("SafetyNumber", "what two people read to each other"),
    ("ShortString", "what two people read to each other"),
    ("Sign", "a circuit's binding, known to the relay"),
];

struct Type {
    derives: bool,
    body: String,
}

/// Types by name, and the bodies of hand-written Debug by the name of what they show.
type Sources = (BTreeMap<String, Type>, BTreeMap<String, String>);

/// What stands before a module of tests; only such a one lies elsewhere than its name says.
const OF_TESTS: [&str; 3] = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub(crate) mod ", "#[path = \""];

fn sources() -> Sources {
    let mut files = Vec::new();
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    // A folder's own order differs from machine to machine, and of two types of one name the last counts.
    files.sort();
    let named = |mark: &'static str| files.iter().flat_map(move |(_, text)| text.split(mark).skip(1));
    let of_tests: BTreeSet<String> = OF_TESTS.into_iter().flat_map(named).map(word_of).collect();
    let mut found = Sources::default();
    for (name, text) in files.iter().filter(|(name, _)| !of_tests.contains(name)) {
        assert!(!name.is_empty());
        // Tests inside of a file stand last.
        read_types(text.split("#[cfg(test)]\nmod tests {").next().unwrap(), &mut found);
    }
    found
}

/// Names without `.rs`, and texts.
fn read_folder(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, files);
        } else if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".rs")) {
            files.push((name.to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn read_types(code: &str, (types, shown): &mut Sources) {
    let lines: Vec<&str> = code.lines().collect();
    let mut derives = false;
    for (at, line) in lines.iter().enumerate() {
        let words = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
        let words = words.trim_start_matches("pub ");
        let named = words.strip_prefix("struct ").or_else(|| words.strip_prefix("enum "));
        if line.starts_with("#[derive(") {
            derives = line.contains("Debug");
        } else if let (Some(named), false) = (named, line.starts_with(' ')) {
            types.insert(word_of(named), Type { derives, body: block(&lines[at..]) });
            derives = false;
        } else if let Some((_, of)) = line.split_once("std::fmt::Debug for ") {
            shown.insert(word_of(of), block(&lines[at..]));
        }
    }
}

fn word_of(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The lines of an item: to the brace in the first column, or one line that ends it.
fn block(lines: &[&str]) -> String {
    let is_one_line = lines[0].ends_with(';') || lines[0].ends_with('}');
    let end = if is_one_line { 0 } else { lines.iter().position(|line| *line == "}").unwrap() };
    let code = lines[..=end].iter().map(|line| line.trim()).filter(|line| !line.starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// Whether a type stands in a body; the first word of a line is a field's or a variant's own name.
fn mentions(body: &str, word: &str) -> bool {
    let after_name =
        |line: &str| line.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').to_owned();
    let is_word =
        |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word);
    body.lines().map(after_name).any(|text| is_word(&text))
}

/// Names of types that hold a secret, themselves or through others.
fn secret_types(types: &BTreeMap<String, Type>) -> BTreeSet<String> {
    let mut secret: BTreeSet<String> = SECRET.iter().map(|name| (*name).to_owned()).collect();
    loop {
        let more: Vec<_> = types
            .iter()
            .filter(|(name, of)| !secret.contains(*name) && secret.iter().any(|s| mentions(&of.body, s)))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        secret.extend(more);
    }
    secret.retain(|name| types.contains_key(name));
    secret
}

#[test]
fn every_type_that_holds_a_secret_is_shown_without_it() {
    let (types, shown) = sources();
    let secret = secret_types(&types);
    assert!(secret.len() > 30, "{secret:?}");
    let mut list = String::new();
    for name in &secret {
        let how = match (shown.get(name), types[name].derives) {
            (Some(body), _) => {
                assert!(!body.contains("expose") && !body.contains("as_bytes"), "{name}:\n{body}");
                body.lines()
                    .filter(|line| line.contains("f.") || line.contains("write!"))
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            (None, true) => "derived: each field as its own type shows it".to_owned(),
            (None, false) => "never".to_owned(),
        };
        list += &format!("{name}: {how}\n");
    }
    insta::assert_snapshot!("types_that_hold_a_secret", list);
}

#[test]
fn a_type_with_raw_bytes_is_shown_only_if_somebody_said_that_they_are_public() {
    let (types, _) = sources();
    let raw = |body: &str| ["[u8", "Vec<u8>", "String", "&str"].iter().any(|word| body.contains(word));
    let found: BTreeSet<&str> =
        types.iter().filter(|(_, of)| of.derives && raw(&of.body)).map(|(name, _)| name.as_str()).collect();
    let known: BTreeSet<&str> = PUBLIC.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, known, "left: derives Debug over raw bytes; right: somebody said that they are public");
}

#[test]
fn the_sources_are_read_as_they_are_written() {
    let code = "/// Doc.\n#[derive(Clone, Debug)]\npub(crate) struct A<'a> {\n    /// Secret in a comment.\n    b: Vec<u8>,\n}\n\nstruct C(Secret32);\n\nenum D {\n    E(C),\n}\n\nimpl std::fmt::Debug for D {\n    fn fmt(&self) {\n        f.write_str(\"D\")\n    }\n}\n";
    let mut found = Sources::default();
    read_types(code, &mut found);
    let (types, shown) = found;
    assert!(types["A"].derives && !types["C"].derives && !types["D"].derives);
    assert_eq!(secret_types(&types), BTreeSet::from(["C".to_owned(), "D".to_owned()]));
    assert!(shown["D"].contains("f.write_str(\"D\")"));
}
