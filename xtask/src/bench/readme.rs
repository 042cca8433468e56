//! The README's table: generated from the newest results, and checked against them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::cell;
use crate::artifact;

const BEGIN: &str = "<!-- bench: made by `cargo xtask bench --readme`, do not edit -->\n";
const END: &str = "<!-- bench: end -->";

/// What a results folder has for the README.
pub(crate) const OVERVIEW: &str = "overview.md";

/// Lines of a table above its rows.
const HEAD_LINES: usize = 2;

/// Puts the newest overview into the README.
pub(crate) fn update() -> Result<()> {
    let path = readme();
    let text = std::fs::read_to_string(&path)?;
    let (before, _, after) = split(&text)?;
    std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", section()?))?;
    Ok(())
}

/// # Errors
/// If the README says something else than the newest results.
pub(crate) fn check() -> Result<()> {
    let text = std::fs::read_to_string(readme())?;
    let (_, found, _) = split(&text)?;
    ensure!(
        found == section()?,
        "the README's bench table is not that of the newest results: cargo xtask bench --readme"
    );
    Ok(())
}

fn section() -> Result<String> {
    let folder = newest()?;
    let overview = std::fs::read_to_string(folder.join(OVERVIEW))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let tables = tables(&overview);
    Ok(format!("{tables}\nAll of it, with raw data and plots: [`results/{name}`](results/{name}/summary.md).\n"))
}

/// The loads of a quick run, and all of them behind a click where there are more.
fn tables(overview: &str) -> String {
    let quick: Vec<_> = cell::quick().iter().map(|load| format!("| {load}, ")).collect();
    let is_quick = |line: &&str| quick.iter().any(|row| line.starts_with(row));
    let (head, rows): (Vec<_>, Vec<_>) = overview.lines().enumerate().partition(|(index, _)| *index < HEAD_LINES);
    let chosen = rows.iter().map(|(_, line)| *line).filter(is_quick);
    let table: String =
        head.iter().map(|(_, line)| *line).chain(chosen.clone()).map(|line| format!("{line}\n")).collect();
    if chosen.count() == rows.len() {
        return table;
    }
    format!("{table}\n<details><summary>All {} kinds of load</summary>\n\n{overview}\n</details>\n", rows.len())
}

/// The last by name, which begins with the date, of those that are called a bench and no more: others have chosen cells or peers.
fn newest() -> Result<PathBuf> {
    let folders = std::fs::read_dir(artifact::root().join("results"))?;
    let is_bench = |path: &PathBuf| path.join(OVERVIEW).is_file() && path.to_string_lossy().ends_with("-bench");
    let all = folders.filter_map(|entry| Some(entry.ok()?.path())).filter(is_bench);
    all.max().context("results/ has no bench yet: cargo xtask bench --out=results/DATE-bench")
}

fn split(text: &str) -> Result<(&str, &str, &str)> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (found, after) = rest.split_once(END)?;
        Some((before, found, after))
    });
    parts.context("the README has no place for the bench's table")
}

fn readme() -> PathBuf {
    Path::new(&artifact::root()).join("README.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loads_of_a_quick_run_come_first() {
        let head = "| load | x |\n|---|---|\n";
        let quick: String = cell::quick().iter().map(|load| format!("| {load}, CPU | 1 |\n")).collect();
        assert_eq!(tables(&format!("{head}{quick}")), format!("{head}{quick}"));
        let full: String = cell::full().iter().map(|load| format!("| {load}, CPU | 1 |\n")).collect();
        let text = tables(&format!("{head}{full}"));
        let (first, rest) = text.split_once("\n<details>").expect("there are more");
        assert_eq!(first.lines().count(), HEAD_LINES + cell::quick().len());
        assert!(rest.contains(&full));
    }

    #[test]
    fn the_readme_says_what_the_newest_results_say() {
        check().unwrap();
    }
}
