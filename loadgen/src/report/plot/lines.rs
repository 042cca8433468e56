//! Lines over two axes, with a legend above.

use super::Size;
use super::axis::Axis;
use super::svg::{Svg, width_of};

/// One line.
pub(super) struct Line {
    /// What the legend says; a line without is not in it.
    pub(super) label: String,
    pub(super) color: usize,
    pub(super) dashed: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// What one panel shows.
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_name: &'a str,
    pub(super) y_name: &'a str,
    pub(super) lines: Vec<Line>,
}

const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
const BOTTOM: f64 = 42.0;
const LEGEND_ROW: f64 = 18.0;

pub(super) fn draw(size: Size, panel: &Panel<'_>) -> String {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let mut svg = Svg::new(size, panel.title);
    let top = legend(&mut svg, width, &panel.lines) + 22.0;
    let (right, bottom) = (width - RIGHT, height - BOTTOM);
    let x = |value| LEFT + panel.x.place(value) * (right - LEFT);
    let y = |value| bottom - panel.y.place(value) * (bottom - top);
    svg.words("", 8.0, top - 10.0, panel.y_name);
    for (value, label) in &panel.y.ticks {
        svg.rule([LEFT, y(*value)], [right, y(*value)]);
        svg.words("end", LEFT - 6.0, y(*value) + 4.0, label);
    }
    let mut taken = f64::NEG_INFINITY;
    let mut ticks: Vec<_> = panel.x.ticks.iter().collect();
    ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (value, label) in ticks {
        svg.rule([x(*value), top], [x(*value), bottom]);
        let half = width_of(label) / 2.0;
        let middle = x(*value).min(width - half - 2.0);
        // A label that would touch the one before it is left out; its line stays.
        if middle - half > taken + 4.0 {
            svg.words("mid", middle, bottom + 16.0, label);
            taken = middle + half;
        }
    }
    svg.words("mid", f64::midpoint(LEFT, right), height - 8.0, panel.x_name);
    for line in &panel.lines {
        svg.line(line.color, line.dashed, line.points.iter().map(|&(a, b)| (x(a), y(b))), &line.label);
    }
    svg.finish()
}

/// Draws the legend in as many rows as it needs; returns where it ends.
fn legend(svg: &mut Svg, width: f64, lines: &[Line]) -> f64 {
    let (mut x, mut y) = (8.0, 20.0);
    for line in lines.iter().filter(|line| !line.label.is_empty()) {
        let needed = 26.0 + width_of(&line.label) + 12.0;
        if x > 8.0 && x + needed > width {
            (x, y) = (8.0, y + LEGEND_ROW);
        }
        svg.line(line.color, line.dashed, [(x, y - 4.0), (x + 18.0, y - 4.0)].into_iter(), &line.label);
        svg.words("ink", x + 24.0, y, &line.label);
        x += needed;
    }
    y + 6.0
}
