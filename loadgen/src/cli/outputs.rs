//! Where results go beside the terminal, and writing them there.

use std::io;
use std::path::{Path, PathBuf};

use crate::report::{self, Report};

/// Where results go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// File for JSON.
    pub json: Option<PathBuf>,
    /// File for CSV.
    pub csv: Option<PathBuf>,
    /// File for the page.
    pub html: Option<PathBuf>,
    /// Folder for plots.
    pub svg: Option<PathBuf>,
    /// No progress.
    pub quiet: bool,
}

/// A result that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {cause}", path.display())]
pub struct WriteError {
    path: PathBuf,
    cause: io::Error,
}

impl Outputs {
    /// Writes everything that was asked for, as far as it goes: what cannot be written keeps nothing else from it.
    ///
    /// # Errors
    ///
    /// The first [`WriteError`], after all others were tried.
    pub fn write(&self, report: &Report) -> Result<(), WriteError> {
        let to_file = |path: &Option<PathBuf>, text: fn(&Report) -> String| {
            path.as_deref().map_or(Ok(()), |path| failing(path, std::fs::write(path, text(report))))
        };
        let json = to_file(&self.json, Report::to_json);
        let csv = to_file(&self.csv, report::rows);
        let html = to_file(&self.html, report::page);
        let svg =
            self.svg.as_deref().map_or(Ok(()), |folder| failing(folder, report::plot::write(report, folder).map(drop)));
        json.and(csv).and(html).and(svg)
    }
}

fn failing(path: &Path, result: io::Result<()>) -> Result<(), WriteError> {
    result.map_err(|cause| WriteError { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::sample;

    #[test]
    fn what_was_asked_for_is_written_and_one_failure_spoils_nothing_else() {
        let folder = std::env::temp_dir().join(format!("ringwire-load-outputs-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let outputs = Outputs {
            json: Some(folder.join("missing/report.json")),
            csv: Some(folder.join("report.csv")),
            html: None,
            svg: Some(folder.join("plots")),
            quiet: true,
        };
        let report = sample::echo();
        let error = outputs.write(&report).unwrap_err().to_string();
        let csv = fs::read_to_string(folder.join("report.csv"));
        let plots = fs::read_dir(folder.join("plots")).map(Iterator::count);
        fs::remove_dir_all(&folder).unwrap();
        assert!(error.contains("missing/report.json cannot be written: "), "{error}");
        assert_eq!(csv.unwrap(), report::rows(&report));
        assert_eq!(plots.unwrap(), 3);
    }
}
