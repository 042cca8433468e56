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

/// A place where no result can go.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The folder is not there.
    #[error("{} is not there: mkdir -p {}, or write to another folder", folder.display(), folder.display())]
    NoFolder {
        /// Which.
        folder: PathBuf,
    },
    /// A folder where a file is to be.
    #[error("{} is a folder: name a file in it", path.display())]
    IsFolder {
        /// Which.
        path: PathBuf,
    },
    /// A file where a folder is to be.
    #[error("{} is no folder: plots are several files, so name a folder", path.display())]
    NoPlaceForPlots {
        /// Which.
        path: PathBuf,
    },
}

impl Outputs {
    /// Looks, before a run, whether its results have a place to go to; a folder for plots is made when they are written.
    ///
    /// # Errors
    ///
    /// [`PlaceError`], the first.
    pub fn check(&self) -> Result<(), PlaceError> {
        for path in [&self.json, &self.csv, &self.html].into_iter().flatten() {
            if path.is_dir() {
                return Err(PlaceError::IsFolder { path: path.clone() });
            }
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                return Err(PlaceError::NoFolder { folder: folder.to_owned() });
            }
        }
        match &self.svg {
            Some(path) if path.exists() && !path.is_dir() => Err(PlaceError::NoPlaceForPlots { path: path.clone() }),
            _ => Ok(()),
        }
    }

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
        let missing = outputs.check().unwrap_err().to_string();
        let error = outputs.write(&report).unwrap_err().to_string();
        let whole = Outputs { json: Some("report.json".into()), ..outputs.clone() }.check();
        let folder_as_file = Outputs { html: Some(folder.clone()), ..Outputs::default() }.check();
        let file_as_folder = Outputs { svg: Some(folder.join("report.csv")), ..Outputs::default() }.check();
        let csv = fs::read_to_string(folder.join("report.csv"));
        let plots = fs::read_dir(folder.join("plots")).map(Iterator::count);
        fs::remove_dir_all(&folder).unwrap();
        assert!(missing.contains("missing is not there: mkdir -p "), "{missing}");
        assert!(whole.is_ok(), "{whole:?}");
        assert!(matches!(folder_as_file, Err(PlaceError::IsFolder { .. })), "{folder_as_file:?}");
        assert!(matches!(file_as_folder, Err(PlaceError::NoPlaceForPlots { .. })), "{file_as_folder:?}");
        assert!(error.contains("missing/report.json cannot be written: "), "{error}");
        assert_eq!(csv.unwrap(), report::rows(&report));
        assert_eq!(plots.unwrap(), 3);
    }
}
