//! The seed corpus, written by the target that wants it, so that no binary file is kept.

use std::fs;
use std::path::Path;

/// Writes a target's seeds into `corpus/TARGET` beside the manifest, where they are missing.
///
/// # Panics
///
/// If the folder cannot be written.
pub fn write(target: &str, seeds: &[Vec<u8>]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (number, seed) in seeds.iter().enumerate() {
        let file = folder.join(format!("seed-{number:03}"));
        if !file.exists() {
            fs::write(&file, seed).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}
