//! What documents say about tests is true at least in this: the tests that they name exist. And where code cites a page and its
//! heading, both are there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Source files of every crate, but nothing that was built or that a tool keeps for itself.
fn sources_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_hidden = name.starts_with('.') && ![".cargo", ".config"].contains(&name.as_str());
        if path.is_dir() && name != "target" && !is_hidden {
            sources_under(&path, found);
        } else if [".rs", ".capnp", ".toml", ".sh"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// Each source file's path below the root, and what stands in it.
fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    sources_under(root(), &mut paths);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// Names of all functions under `#[test]` or the like.
fn tests_in(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.trim_start_matches("async ").strip_prefix("fn ");
        // proptest's macro puts the attribute inside.
        if let (true, Some(function)) = (is_test, function) {
            found.push(function.split('(').next().unwrap().to_owned());
            is_test = false;
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Names of all tests, each with the folders of the crates that have one of that name.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, source) in sources().iter().filter(|(name, _)| name.ends_with(".rs")) {
        let folder = name.split('/').next().unwrap();
        for test in tests_in(source) {
            tests.entry(test).or_default().insert(folder.to_owned());
        }
    }
    assert!(tests.len() > 400, "{}", tests.len());
    tests
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What stands in backquotes, each with the crate whose name and a colon stood last before it.
fn quoted_of_crates(text: &str) -> Vec<(&str, &str)> {
    let (mut of, mut found) = ("", Vec::new());
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            found.push((of, part));
            continue;
        }
        let mut words = part.split_whitespace().filter_map(|word| word.strip_suffix(':'));
        of = words.rfind(|word| root().join(word).join("Cargo.toml").exists()).unwrap_or(of);
    }
    found
}

#[test]
fn every_test_that_prior_attacks_names_exists_in_the_crate_that_it_says() {
    let (tests, mut named) = (tests(), 0);
    for row in page("prior-attacks.md").lines().filter(|line| line.starts_with("| ")) {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names = quoted_of_crates(shown_by);
        for (of, name) in &names {
            let crates = tests
                .get(*name)
                .unwrap_or_else(|| panic!("no test is called {name}, which stands in: {row}"));
            assert!(crates.contains(*of), "{name} is a test of {crates:?} and not of \"{of}\": {row}");
        }
        named += names.len();
        let is_honest = !names.is_empty() || shown_by.contains("no test:") || row.contains("shown by");
        assert!(is_honest, "neither a test nor \"no test\": {row}");
    }
    assert!(named > 60, "{named}");
}

/// The items of its lists, each in one line.
fn threat_model() -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in page("threat-model.md").lines() {
        match items.last_mut() {
            _ if line.starts_with("- ") => items.push(line.into()),
            Some(item) if line.starts_with("  ") => *item += &line[1..],
            _ => {}
        }
    }
    items
}

/// What is a test's name, or the beginning of one.
fn named(item: &str) -> Vec<&str> {
    let is_name = |name: &&str| name.matches('_').count() >= 3 && !name.contains([' ', '/', '.']);
    quoted(item).filter(is_name).collect()
}

/// Every page of the documents, by its path, and the front page.
fn pages() -> Vec<(String, String)> {
    let (mut folders, mut found) = (vec![root().join("docs")], vec![root().join("README.md")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(read).collect()
}

#[test]
fn every_test_that_any_page_names_exists() {
    let (tests, pages) = (tests(), pages());
    let exists = |name: &str| match name.strip_suffix('…') {
        Some(beginning) => tests.keys().any(|test| test.starts_with(beginning)),
        None => tests.contains_key(name),
    };
    let names =
        || pages.iter().flat_map(|(page, text)| named(text).into_iter().map(move |name| (page, name)));
    let missing: Vec<_> = names().filter(|(_, name)| !exists(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let of_the_threat_model = names().filter(|(page, _)| page.ends_with("threat-model.md")).count();
    assert!(of_the_threat_model > 60 && names().count() > 190, "the pages were read");
}

#[test]
fn what_the_threat_model_says_cannot_be_has_a_test_or_is_called_unproved() {
    let model = threat_model();
    let claims = model.iter().filter(|item| item.contains("Cannot ") || item.contains(" cannot be "));
    let bare: Vec<_> =
        claims.filter(|item| named(item).is_empty() && !item.contains("**unproved**")).collect();
    assert_eq!(bare, [""; 0], "{bare:#?}");
}

/// All of a source in one line, without the marks of comments: a citation may be broken where a comment's line ends.
fn unwrapped(source: &str) -> String {
    let lines: Vec<_> =
        source.lines().map(|line| line.trim().trim_start_matches(['/', '!', '#']).trim()).collect();
    lines.join(" ")
}

/// Pages below `docs`, each with the heading that stands in quotation marks behind it.
fn citations(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("docs/").skip(1).filter_map(|rest| {
        let (page, rest) = rest.split_once(", \"")?;
        let (heading, _) = rest.split_once('"')?;
        (page.ends_with(".md") && !page.contains(char::is_whitespace)).then_some((page, heading))
    })
}

fn has_heading(page: &str, heading: &str) -> bool {
    let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap_or_default();
    text.lines().any(|line| line.starts_with('#') && line.trim_start_matches('#').trim() == heading)
}

#[test]
fn every_page_that_a_comment_cites_has_that_heading() {
    // The pages have a folder; there is no page of this name. In two halves, or this file would be one that names it.
    let no_page = ["protocol", "md"].join(".");
    let (mut found, mut wrong) = (0, Vec::new());
    for (name, source) in sources() {
        let text = unwrapped(&source);
        for (page, heading) in citations(&text) {
            found += 1;
            if !has_heading(page, heading) {
                wrong.push(format!("{name}: docs/{page}, \"{heading}\""));
            }
        }
        if text.contains(&no_page) {
            wrong.push(format!("{name}: {no_page}"));
        }
    }
    assert_eq!(wrong, [""; 0], "{wrong:#?}");
    assert!(found >= 50, "{found}");
}
