//! `docs/rfc6455.md`, the code and the tests speak of the same requirements.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PREFIX: &str = "RFC6455-";

#[test]
fn every_requirement_has_code_and_test() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = ids(&fs::read_to_string(engine.join("docs/rfc6455.md")).expect("the table"));
    let (mut in_code, mut in_tests) = (BTreeSet::new(), BTreeSet::new());
    for file in rust_files(&engine.join("src")) {
        let text = fs::read_to_string(&file).expect("readable");
        let tests_at = if file.ends_with("tests.rs") { 0 } else { text.find("\nmod tests {").unwrap_or(text.len()) };
        in_code.extend(ids(&text[..tests_at]));
        in_tests.extend(ids(&text[tests_at..]));
    }
    for file in rust_files(&engine.join("tests")) {
        in_tests.extend(ids(&fs::read_to_string(&file).expect("readable")));
    }
    assert!(documented.len() > 20);
    assert_eq!(documented, in_code, "docs/rfc6455.md (left) and src (right) differ");
    assert_eq!(documented, in_tests, "docs/rfc6455.md (left) and tests (right) differ");
}

/// All ids in a text: the prefix, a section, a number.
fn ids(text: &str) -> BTreeSet<String> {
    text.split(PREFIX)
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').next().unwrap_or_default())
        .map(|id| id.trim_end_matches(['.', '-']).to_owned())
        .filter(|id| !id.is_empty())
        .collect()
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
