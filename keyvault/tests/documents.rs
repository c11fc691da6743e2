//! What documents say about tests is true at least in this: the tests that they name exist.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

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

#[test]
fn every_test_that_a_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut tests = BTreeSet::new();
    tests_under(root, &mut tests);
    assert!(tests.len() > 400, "{}", tests.len());

    let document = std::fs::read_to_string(root.join("docs/prior-attacks.md")).unwrap();
    let mut named = 0;
    for row in document.lines().filter(|line| line.starts_with("| ")) {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        for name in &names {
            assert!(tests.contains(*name), "no test is called {name}, which stands in: {row}");
        }
        named += names.len();
        let is_honest = !names.is_empty() || shown_by.contains("no test:") || row.contains("shown by");
        assert!(is_honest, "neither a test nor \"no test\": {row}");
    }
    assert!(named > 60, "{named}");
}
