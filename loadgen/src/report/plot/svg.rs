//! The text of an SVG picture, and the colours that all plots share.

use std::fmt::Write;

use super::Size;

/// Colours of lines and bars, in the order in which groups get them; classes `c0` to `c7`.
pub(super) const COLOR_COUNT: usize = 8;

const STYLE: &str = "\
.plot{--ink:#1b1f24;--dim:#5b6570;--grid:#e3e6ea;--paper:#fff;\
--c0:#2563eb;--c1:#d9480f;--c2:#0f8a5f;--c3:#a23bb5;--c4:#b07d00;--c5:#0e8fa8;--c6:#c2255c;--c7:#5f6b7a;\
font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\
@media (prefers-color-scheme:dark){.plot{--ink:#e8eaed;--dim:#9aa4af;--grid:#2c333b;--paper:#14181d;\
--c0:#6ea0ff;--c1:#ff9457;--c2:#3ecf98;--c3:#d88ae8;--c4:#e5b93c;--c5:#4cc9e0;--c6:#ff7ba8;--c7:#a9b4c0}}\
.plot .paper{fill:var(--paper)}.plot text{fill:var(--dim)}.plot .ink{fill:var(--ink)}\
.plot .grid{stroke:var(--grid);stroke-width:1;shape-rendering:crispEdges}\
.plot .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.plot .dash{stroke-dasharray:5 4;stroke-width:1.5}\
.plot .end{text-anchor:end}.plot .mid{text-anchor:middle}.plot .pale{opacity:.45}";

/// A picture that is being drawn.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    pub(super) fn new(size: Size, title: &str) -> Self {
        let Size { width, height } = size;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\"><title>{}</title><style>{STYLE}",
            escaped(title)
        );
        for color in 0..COLOR_COUNT {
            let _ = write!(
                text,
                ".plot .line.c{color}{{stroke:var(--c{color})}}.plot .fill.c{color}{{fill:var(--c{color})}}"
            );
        }
        let _ = write!(text, "</style><rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>");
        Self { text }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    /// Words at a place; `class` may be `ink`, and `end` or `mid` for what stands at the place instead of the beginning.
    pub(super) fn words(&mut self, class: &str, x: f64, y: f64, words: &str) {
        let _ = write!(self.text, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(words));
    }

    pub(super) fn rule(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ = write!(self.text, "<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
    }

    /// A line through points; a single point is drawn as a dot.
    pub(super) fn line(&mut self, color: usize, dashed: bool, points: impl Iterator<Item = (f64, f64)>, tip: &str) {
        let path: String = points.enumerate().fold(String::new(), |mut path, (index, (x, y))| {
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
            path
        });
        // A path with one point has no length; a round cap on a step of nothing shows it.
        let path = if path.contains('L') { path } else { path + "h0" };
        let (color, dash) = (color % COLOR_COUNT, if dashed { " dash" } else { "" });
        let _ = write!(
            self.text,
            "<path class=\"line c{color}{dash}\" d=\"{path}\"><title>{}</title></path>",
            escaped(tip)
        );
    }

    pub(super) fn bar(&mut self, color: usize, pale: bool, [x, y]: [f64; 2], [width, height]: [f64; 2], tip: &str) {
        let (color, pale) = (color % COLOR_COUNT, if pale { " pale" } else { "" });
        let _ = write!(
            self.text,
            "<rect class=\"fill c{color}{pale}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\">\
             <title>{}</title></rect>",
            escaped(tip)
        );
    }
}

/// About how wide words are, in pixels: enough to place them, not to justify a line.
pub(super) fn width_of(words: &str) -> f64 {
    words.chars().count() as f64 * 6.6
}

/// Text as HTML and SVG hold it.
pub(in crate::report) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
