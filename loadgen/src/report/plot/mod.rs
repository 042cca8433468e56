//! Plots of a report, as SVG: each is complete in itself, with its colours for light and dark.
//!
//! Text does not shrink with a picture, so each plot is made for a width: `WIDE` for files and screens, `NARROW` for
//! phones.

mod axis;
mod bars;
mod figures;
mod lines;
mod svg;

pub(super) use svg::escaped;

use std::io;
use std::path::{Path, PathBuf};

use super::Report;

/// Width and height of a plot, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    width: u16,
    height: u16,
}

/// For files, and screens of 900 pixels and more.
pub const WIDE: Size = Size { width: 880, height: 380 };
/// For screens as wide as a phone's.
pub const NARROW: Size = Size { width: 350, height: 300 };

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its file's name without the ending.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// What to see in it.
    pub hint: &'static str,
    /// The picture.
    pub svg: String,
}

/// All plots that a report has data for.
pub fn figures(report: &Report, size: Size) -> Vec<Figure> {
    figures::all(report, size)
}

/// Writes all plots into `folder`, which is made if it is missing; returns the files.
///
/// # Errors
///
/// Those of making the folder and writing.
pub fn write(report: &Report, folder: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let figures = figures(report, WIDE).into_iter();
    let written = figures.map(|figure| {
        let path = folder.join(figure.name).with_extension("svg");
        std::fs::write(&path, figure.svg).map(|()| path)
    });
    written.collect()
}
