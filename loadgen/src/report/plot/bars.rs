//! Horizontal bars with their figures at the end: one row for each group, one bar for each figure of it.

use super::Size;
use super::svg::{Svg, width_of};

/// One group's row.
pub(super) struct Row<'a> {
    pub(super) label: &'a str,
    pub(super) color: usize,
    /// Values and how they are told; the second and later bars are paler.
    pub(super) bars: Vec<(f64, String)>,
}

const BAR: f64 = 15.0;
const GAP: f64 = 14.0;

/// Draws rows; the height follows from their number, the width from `size`.
pub(super) fn draw(size: Size, title: &str, key: &str, rows: &[Row<'_>]) -> String {
    let heights: Vec<f64> = rows.iter().map(|row| row.bars.len() as f64 * (BAR + 2.0) + GAP).collect();
    // On a narrow picture names stand above their bars.
    let above = size.width < 500;
    let line = if above { 16.0 } else { 0.0 };
    let names = rows.iter().map(|row| width_of(row.label)).fold(0.0, f64::max);
    let left = if above { 8.0 } else { names + 20.0 };
    let told = rows.iter().flat_map(|row| &row.bars).map(|(_, told)| width_of(told)).fold(0.0, f64::max);
    let room = f64::from(size.width) - left - told - 18.0;
    let most = rows.iter().flat_map(|row| &row.bars).map(|&(value, _)| value).fold(f64::MIN_POSITIVE, f64::max);
    let height = 36.0 + heights.iter().map(|height| height + line).sum::<f64>();
    let mut svg = Svg::new(Size { height: height.ceil() as u16, ..size }, title);
    svg.words("", 8.0, 20.0, key);
    let mut y = 36.0;
    for (row, height) in rows.iter().zip(&heights) {
        let middle = y + line + (height - GAP) / 2.0;
        if above {
            svg.words("ink", left, y + 10.0, row.label);
        } else {
            svg.words("ink end", left - 10.0, middle + 3.0, row.label);
        }
        for (index, (value, told)) in row.bars.iter().enumerate() {
            let (bar_y, length) = (y + line + index as f64 * (BAR + 2.0), (value / most * room).max(1.5));
            svg.bar(row.color, index > 0, [left, bar_y], [length, BAR], &format!("{}: {told}", row.label));
            svg.words("ink", left + length + 6.0, bar_y + BAR - 3.5, told);
        }
        y += height + line;
    }
    svg.finish()
}
