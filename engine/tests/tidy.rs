//! Keeps the tree as it is meant to be: which module may import which, sizes that may only shrink, nothing unfinished,
//! and no path of somebody's machine.
//!
//! It reads text, not syntax, and relies on rustfmt: a function ends at the `}` under its first letter.
//!
//! Not here: what the compiler and clippy check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module of the engine, and those that it may import beside what these may. One that is not listed imports nothing
/// of ours; `LEAVES` are open to all that are.
const ARROWS: [(&str, &[&str]); 9] = [
    ("edge", &["server"]),
    ("client", &["conn", "ring"]),
    ("server", &["shard"]),
    ("shard", &["handler", "conn", "topic", "ring", "http"]),
    ("handler", &["conn", "topic", "http"]),
    ("topic", &["conn", "proto"]),
    ("conn", &["proto"]),
    ("http", &["topic"]),
    ("ring", &["proto", "sys"]),
];
const LEAVES: [&str; 2] = ["config", "metrics"];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Files and functions (`path` or `path::name`) above the limit, with their size when they were let in. Entries may
/// only shrink and go.
const LARGE: [(&str, usize); 0] = [];

/// What must stand nowhere; in two parts, so that this file passes.
const FORBIDDEN: [&str; 8] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
];

#[test]
fn modules_import_only_what_they_may() {
    let root = workspace().join("engine/src");
    let mut wrong = Vec::new();
    for (path, text) in rust_files(&root) {
        let relative = path.strip_prefix(&root).expect("found under it");
        // `lib.rs` and `main.rs` are above all modules.
        let Some(module) = module_of(relative) else { continue };
        wrong.extend(wrong_arrows(&module, &text).into_iter().map(|arrow| format!("{}: {arrow}", relative.display())));
    }
    assert!(wrong.is_empty(), "imports that are not allowed:\n{}", wrong.join("\n"));
}

#[test]
fn files_and_functions_stay_small() {
    let root = workspace();
    let mut sizes = BTreeMap::new();
    for (path, text) in rust_files(&root) {
        let path = path.strip_prefix(&root).expect("found under it").display().to_string();
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            sizes.insert(path.clone(), lines);
        }
        for (name, lines) in functions(&text) {
            if lines > FUNCTION_LINES_MAX {
                sizes.insert(format!("{path}::{name}"), lines);
            }
        }
    }
    let wrong = ratchet(&sizes, &LARGE);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_unfinished_and_no_machine_is_named() {
    let root = workspace();
    let mut found = Vec::new();
    for path in files(&root) {
        // What is not text has no lines, and a lock file is not ours to write.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path.ends_with("Cargo.lock") {
            continue;
        }
        let path = path.strip_prefix(&root).expect("found under it").display();
        for (index, line) in text.lines().enumerate() {
            let words = FORBIDDEN.iter().filter(|word| line.contains(**word));
            found.extend(words.map(|word| format!("{path}:{}: {word}", index + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// All files but what is generated or fetched, in a fixed order.
fn files(root: &Path) -> Vec<PathBuf> {
    const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];
    let mut entries: Vec<_> =
        fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.retain(|path| !SKIPPED.iter().any(|name| path.ends_with(name)) && !path.is_symlink());
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn rust_files(root: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    files(root).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).map(|path| {
        let text = fs::read_to_string(&path).expect("Rust source is UTF-8");
        (path, text)
    })
}

/// First part of a path under `src`: `ring` of `ring/probe/mod.rs`, `config` of `config.rs`.
fn module_of(path: &Path) -> Option<String> {
    let first = path.components().next()?.as_os_str().to_str()?;
    let module = first.trim_end_matches(".rs");
    (!matches!(module, "lib" | "main")).then(|| module.to_owned())
}

fn wrong_arrows(module: &str, text: &str) -> Vec<String> {
    let allowed = reachable(module);
    let wrong = |name: &String| name != module && !allowed.contains(name.as_str());
    imports(text).into_iter().filter(wrong).map(|name| format!("{module} → {name}")).collect()
}

/// Everything that `module` may import: its arrows, those of what they lead to, and the leaves.
fn reachable(module: &str) -> BTreeSet<&'static str> {
    let arrows = |module: &str| ARROWS.iter().find(|(from, _)| *from == module).map_or(&[][..], |(_, to)| to);
    let mut waiting = arrows(module).to_vec();
    let mut reached = BTreeSet::new();
    if !waiting.is_empty() {
        reached.extend(LEAVES);
    }
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            waiting.extend(arrows(next));
        }
    }
    reached
}

/// Modules named right behind `crate::`, in imports and in paths, comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut names = BTreeSet::new();
    for (at, before) in code.match_indices("crate::") {
        let rest = &code[at + before.len()..];
        match rest.strip_prefix('{') {
            Some(list) => names.extend(heads(list)),
            None => names.extend(module_name(rest)),
        }
    }
    names
}

/// First names of a list up to its `}`: `a` and `b` of `a::{x, y}, b::z}`.
fn heads(list: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut depth = 0;
    let mut at_head = true;
    for (at, letter) in list.char_indices() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            letter if at_head && !letter.is_whitespace() => {
                names.extend(module_name(&list[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    names
}

/// The name that a path starts with, unless it is an item of the crate itself, which starts with a capital.
fn module_name(path: &str) -> Option<String> {
    let name = leading_name(path);
    name.starts_with(|letter: char| letter.is_lowercase()).then_some(name)
}

fn leading_name(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// Name and lines of each function with a body of its own lines, nested ones too.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let rest = &lines[start..];
        // The signature ends in `{`; one in `;` or `}` has no body, or one on the same line.
        if rest.iter().find(|line| line.ends_with(['{', ';', '}'])).is_none_or(|line| !line.ends_with('{')) {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let last = rest.iter().position(|line| *line == end).expect("rustfmt closes a function so");
        found.push((name, last + 1));
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    const BEFORE: [&str; 7] = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern \"C\""];
    let mut rest = line.trim_start();
    while let Some(shorter) = BEFORE.iter().find_map(|word| rest.strip_prefix(word)?.strip_prefix(' ')) {
        rest = shorter;
    }
    rest.strip_prefix("fn ").map(leading_name)
}

/// What is larger than it was let in with, and entries of the list that could be smaller or go.
fn ratchet(sizes: &BTreeMap<String, usize>, listed: &[(&str, usize)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, &lines) in sizes {
        match listed.iter().find(|(listed, _)| listed == name) {
            Some((_, most)) if lines > *most => wrong.push(format!("{name} grew from {most} to {lines} lines")),
            Some((_, most)) if lines < *most => wrong.push(format!("{name} shrank: list it with {lines} lines")),
            Some(_) => {}
            None => wrong.push(format!("{name} has {lines} lines: split it by noun")),
        }
    }
    let gone = listed.iter().filter(|(name, _)| !sizes.contains_key(*name));
    wrong.extend(gone.map(|(name, _)| format!("{name} is small or gone: take it off the list")));
    wrong
}

#[test]
fn a_wrong_arrow_is_seen_in_every_form() {
    for (module, text, expected) in [
        ("proto", "use crate::ring::Ring;\n", &["proto → ring"][..]),
        ("config", "    let limit = crate::sys::limits::nofile();\n", &["config → sys"]),
        ("conn", "use crate::{\n    proto::{Opcode, ring},\n    topic::Table,\n};\n", &["conn → topic"]),
        ("sys", "use crate::config::Config;\n", &["sys → config"]),
        ("ring", "use crate::shard::Shard;\nuse crate::http::Head;\n", &["ring → http", "ring → shard"]),
        ("proto", "// use crate::ring::Ring;\nuse crate::proto::Opcode;\nuse crate::Error;\n", &[]),
        ("edge", "use crate::sys::limits;\nuse crate::config::Config;\n", &[]),
        ("handler", "use crate::{conn::Conn, topic::Topic, http::Request, proto::Opcode, metrics::Counter};\n", &[]),
    ] {
        assert_eq!(wrong_arrows(module, text), expected, "{text}");
    }
}

#[test]
fn functions_are_measured() {
    let text = "impl X {\n    pub(crate) const fn long(\n        a: u8,\n    ) -> u8 {\n        if a > 1 {\n        }\n        a\n    \
                }\n\n    fn none(&self);\n    fn one() {}\n}\n";
    assert_eq!(functions(text), [("long".to_owned(), 7)]);
}

#[test]
fn the_ratchet_turns_one_way() {
    let sizes = BTreeMap::from([("a".to_owned(), 700), ("b".to_owned(), 650), ("c".to_owned(), 900)]);
    assert_eq!(ratchet(&sizes, &[("a", 700), ("b", 650), ("c", 900)]), [""; 0]);
    let expected = [
        "a grew from 690 to 700 lines",
        "b shrank: list it with 650 lines",
        "c has 900 lines: split it by noun",
        "d is small or gone: take it off the list",
    ];
    assert_eq!(ratchet(&sizes, &[("a", 690), ("b", 660), ("d", 610)]), expected);
}
