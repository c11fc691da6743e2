//! What documents say about tests is true at least in this: the tests that they name exist.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;
use std::path::Path;

/// Names of all functions under `#[test]` or the like, in every crate.
fn tests_under(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            tests_under(&path, found);
        } else if name.ends_with(".rs") {
            found.extend(tests_in(&std::fs::read_to_string(&path).unwrap()));
        }
    }
}

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

fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    tests_under(root(), &mut tests);
    assert!(tests.len() > 400, "{}", tests.len());
    tests
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_prior_attacks_names_exists() {
    let (tests, mut named) = (tests(), 0);
    for row in page("prior-attacks.md").lines().filter(|line| line.starts_with("| ")) {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<_> = quoted(shown_by).collect();
        for name in &names {
            assert!(tests.contains(*name), "no test is called {name}, which stands in: {row}");
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

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let (tests, model) = (tests(), threat_model());
    let exists = |name: &str| match name.strip_suffix('…') {
        Some(beginning) => tests.iter().any(|test| test.starts_with(beginning)),
        None => tests.contains(name),
    };
    let missing: Vec<_> = model.iter().flat_map(|item| named(item)).filter(|name| !exists(name)).collect();
    assert_eq!(missing, [""; 0]);
    assert!(model.iter().flat_map(|item| named(item)).count() > 60, "the page was read");
}

#[test]
fn what_the_threat_model_says_cannot_be_has_a_test_or_is_called_unproved() {
    let model = threat_model();
    let claims = model.iter().filter(|item| item.contains("Cannot ") || item.contains(" cannot be "));
    let bare: Vec<_> =
        claims.filter(|item| named(item).is_empty() && !item.contains("**unproved**")).collect();
    assert_eq!(bare, [""; 0], "{bare:#?}");
}
