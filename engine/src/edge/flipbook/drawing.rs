//! A visitor's flipbook: pages of strokes, with bounds for all of it.
//!
//! On the wire it is what it is here: a list of pages, each a list of strokes, each a list of whole numbers: the ink, then
//! x and y of each point on a page of 800 by 600.

use serde::{Deserialize, Serialize};

/// Bytes of a message that asks for something, drawings included.
pub(super) const BYTES_MAX: usize = 64 * 1024;
const PAGES_MAX: usize = 24;
const STROKES_PER_PAGE_MAX: usize = 64;
const POINTS_PER_STROKE_MAX: usize = 400;
const POINTS_MAX: usize = 6_000;
const WIDTH: u16 = 800;
const HEIGHT: u16 = 600;
const INKS: u16 = 3;

/// Pages as they came: [`Drawing::check`] says whether they are fit to be shown.
#[derive(Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Drawing {
    pages: Vec<Vec<Stroke>>,
}

/// The ink, then x and y of each point.
type Stroke = Vec<u16>;

impl Drawing {
    /// # Errors
    /// What is wrong, with the bound that it breaks, and where: pages and strokes are counted from 1.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=PAGES_MAX).contains(&self.pages.len()) {
            return Err(format!("a flipbook has 1 to {PAGES_MAX} pages, not {}", self.pages.len()));
        }
        for (page, strokes) in self.pages.iter().enumerate() {
            check_page(strokes).map_err(|why| format!("page {}: {why}", page + 1))?;
        }
        match self.pages.iter().flatten().map(|stroke| stroke.len() / 2).sum() {
            0 => Err("nothing is drawn on any page".into()),
            1..=POINTS_MAX => Ok(()),
            points => Err(format!("a flipbook has at most {POINTS_MAX} points, not {points}")),
        }
    }
}

fn check_page(strokes: &[Stroke]) -> Result<(), String> {
    if strokes.len() > STROKES_PER_PAGE_MAX {
        return Err(format!("at most {STROKES_PER_PAGE_MAX} strokes, not {}", strokes.len()));
    }
    for (index, stroke) in strokes.iter().enumerate() {
        check_stroke(stroke).map_err(|why| format!("stroke {}: {why}", index + 1))?;
    }
    Ok(())
}

fn check_stroke(stroke: &[u16]) -> Result<(), String> {
    let [ink, points @ ..] = stroke else { return Err("it is empty".into()) };
    if *ink >= INKS {
        return Err(format!("ink is 0 to {}, not {ink}", INKS - 1));
    }
    if points.is_empty() || points.len() % 2 != 0 {
        return Err("behind the ink come x and y of each point".into());
    }
    if points.len() / 2 > POINTS_PER_STROKE_MAX {
        return Err(format!("at most {POINTS_PER_STROKE_MAX} points, not {}", points.len() / 2));
    }
    match points.chunks_exact(2).find(|point| point[0] > WIDTH || point[1] > HEIGHT) {
        Some(point) => Err(format!("({}, {}) is not on a page of {WIDTH} by {HEIGHT}", point[0], point[1])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pages: Vec<Vec<Stroke>>) -> Result<(), String> {
        Drawing { pages }.check()
    }

    fn points(count: usize) -> Stroke {
        [vec![1], vec![7; 2 * count]].concat()
    }

    #[test]
    fn every_bound_is_held_and_named() {
        let one = || vec![points(1)];
        assert_eq!(check(vec![one()]), Ok(()));
        assert_eq!(check(vec![one(); PAGES_MAX]), Ok(()));
        assert_eq!(check(vec![vec![points(1); STROKES_PER_PAGE_MAX]]), Ok(()));
        assert_eq!(check(vec![vec![points(POINTS_PER_STROKE_MAX); 15]]), Ok(()), "as many as there may be");
        assert_eq!(check(vec![vec![vec![2, 800, 600]], vec![]]), Ok(()), "a page may be empty");
        for (pages, why) in [
            (vec![], "1 to 24 pages, not 0"),
            (vec![one(); PAGES_MAX + 1], "not 25"),
            (vec![vec![], vec![]], "nothing is drawn"),
            (vec![one(), vec![points(1); STROKES_PER_PAGE_MAX + 1]], "page 2: at most 64 strokes, not 65"),
            (vec![vec![points(1), points(POINTS_PER_STROKE_MAX + 1)]], "stroke 2: at most 400 points, not 401"),
            (vec![vec![points(POINTS_PER_STROKE_MAX); 16]], "at most 6000 points, not 6400"),
            (vec![vec![vec![]]], "page 1: stroke 1: it is empty"),
            (vec![vec![vec![3, 1, 1]]], "ink is 0 to 2, not 3"),
            (vec![vec![vec![0]]], "x and y"),
            (vec![vec![vec![0, 1, 1, 1]]], "x and y"),
            (vec![vec![vec![0, 801, 1]]], "(801, 1) is not on a page of 800 by 600"),
            (vec![vec![vec![0, 1, 2, 1, 601]]], "(1, 601)"),
        ] {
            let said = check(pages).expect_err(why);
            assert!(said.contains(why), "{why}: {said}");
        }
    }

    /// A drawing within its other bounds is within that of bytes, but for one with blanks between numbers.
    #[test]
    fn the_most_points_fit_into_a_message() {
        let stroke = [vec![2], vec![599; 2 * POINTS_PER_STROKE_MAX]].concat();
        let pages = vec![vec![stroke; POINTS_MAX / POINTS_PER_STROKE_MAX]];
        let text = simd_json::serde::to_string(&Drawing { pages }).expect("numbers");
        assert!(text.len() + 100 < BYTES_MAX, "{}", text.len());
    }
}
