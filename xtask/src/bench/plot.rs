//! One picture for each cell: bars of CPU time, or of memory, as multiples of Ringwire's.

use std::fmt::Write;

use super::cell::Load;
use super::figures::Standing;

const WIDTH: u32 = 720;
const ROW: u32 = 24;
const TOP: u32 = 44;
/// Where bars begin, and how long the longest is.
const LEFT: u32 = 180;
const LENGTH: u32 = 440;
/// Bars end here, and say by how much they are longer.
const RATIO_MAX: f64 = 4.0;

/// An SVG without anything from outside; `None` where there is nothing to compare.
pub(crate) fn bars(load: Load, standings: &[Standing], first: &str) -> Option<String> {
    let rows: Vec<(&str, f64)> = ratios(load, standings, first);
    if rows.len() < 2 {
        return None;
    }
    let longest = rows.iter().map(|(_, ratio)| ratio.min(RATIO_MAX)).fold(1.0, f64::max);
    let height = TOP + ROW * rows.len() as u32 + 12;
    let what = if matches!(load, Load::Idle { .. }) { "memory per connection" } else { "CPU time" };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui,sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"24\" font-weight=\"600\" fill=\"#111\">{load}: {what}, as a multiple of Ringwire's (less is better)</text>\n"
    );
    for (index, (name, ratio)) in rows.iter().enumerate() {
        svg += &bar(index as u32, name, *ratio, longest, *name == first);
    }
    let one = LEFT + (f64::from(LENGTH) / longest) as u32;
    let _ = writeln!(svg, "<path d=\"M{one} {TOP}V{}\" stroke=\"#111\" stroke-dasharray=\"3 3\"/>", height - 12);
    Some(svg + "</svg>\n")
}

fn bar(index: u32, name: &str, ratio: f64, longest: f64, is_own: bool) -> String {
    let (top, colour) = (TOP + index * ROW, if is_own { "#0b6e4f" } else { "#9aa5b1" });
    let length = (ratio.min(RATIO_MAX) / longest * f64::from(LENGTH)) as u32;
    let (baseline, edge) = (top + 15, LEFT + length + 6);
    let broken = if ratio > RATIO_MAX { "≫ " } else { "" };
    format!(
        "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\" fill=\"#111\">{name}</text>\
         <rect x=\"{LEFT}\" y=\"{}\" width=\"{length}\" height=\"{}\" fill=\"{colour}\"/>\
         <text x=\"{edge}\" y=\"{baseline}\" fill=\"#111\">{broken}{ratio:.2}</text>\n",
        LEFT - 8,
        top + 2,
        ROW - 6,
    )
}

fn ratios<'a>(load: Load, standings: &'a [Standing], first: &str) -> Vec<(&'a str, f64)> {
    let is_idle = matches!(load, Load::Idle { .. });
    let own = standings.iter().find(|standing| standing.contender == first);
    let own_bytes = own.and_then(|standing| standing.middle.bytes_per_connection);
    let ratio = |standing: &Standing| match is_idle {
        true => standing.middle.bytes_per_connection.zip(own_bytes).map(|(bytes, own)| bytes / own),
        false => standing.ratio.map(|ratio| ratio[0]),
    };
    standings.iter().filter_map(|standing| Some((standing.contender.as_str(), ratio(standing)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cell::CAPACITY;
    use crate::bench::figures::Middle;

    #[test]
    fn bars_are_as_long_as_the_ratios() {
        let standing = |name: &str, ratio: f64| Standing {
            contender: name.to_owned(),
            rounds: 1,
            dropped: 0,
            middle: Middle::default(),
            ratio: Some([ratio; 3]),
            starved: 0,
            failure: None,
        };
        let svg =
            bars(CAPACITY, &[standing("ringwire", 1.0), standing("b", 2.0), standing("c", 9.0)], "ringwire").unwrap();
        assert!(
            svg.contains("width=\"110\"") && svg.contains("width=\"220\"") && svg.contains("width=\"440\""),
            "{svg}"
        );
        assert!(svg.contains("≫ 9.00"));
        assert_eq!(bars(CAPACITY, &[standing("ringwire", 1.0)], "ringwire"), None);
    }
}
