//! A callgrind profile: instructions by function, each with its own alone.
//!
//! The format gives names once and numbers them; a cost line under `calls=` belongs to the callee and is not counted again.

use std::collections::HashMap;

/// Instructions of each function, most first.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Profile {
    pub(crate) functions: Vec<(String, u64)>,
}

impl Profile {
    pub(crate) fn parse(text: &str) -> Self {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut costs: HashMap<&str, u64> = HashMap::new();
        let mut function = "";
        let mut of_callee = false;
        for line in text.lines() {
            if let Some(reference) = line.strip_prefix("fn=") {
                function = numbered(reference, &mut names);
            } else if let Some(reference) = line.strip_prefix("cfn=") {
                numbered(reference, &mut names);
            } else if line.starts_with("calls=") {
                of_callee = true;
            } else if let Some(cost) = cost(line)
                && !std::mem::take(&mut of_callee)
            {
                *costs.entry(function).or_default() += cost;
            }
        }
        let name = |number: &str| names.get(number).copied().unwrap_or(number).to_owned();
        let mut functions: Vec<_> = costs.into_iter().map(|(number, cost)| (name(number), cost)).collect();
        functions.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Self { functions }
    }

    /// All instructions.
    pub(crate) fn total(&self) -> u64 {
        self.functions.iter().map(|(_, cost)| cost).sum()
    }
}

/// `(12) name` the first time, `(12)` from then on.
fn numbered<'t>(reference: &'t str, names: &mut HashMap<&'t str, &'t str>) -> &'t str {
    let Some((number, name)) = reference.split_once(')') else { return reference };
    if !name.trim().is_empty() {
        names.insert(number, name.trim());
    }
    number
}

/// `LINE COST`, where the line may be relative: `+3`, `-2`, `*`.
fn cost(line: &str) -> Option<u64> {
    let (position, cost) = line.split_once(' ')?;
    let is_position = position.trim_start_matches(['+', '-', '*']).bytes().all(|byte| byte.is_ascii_digit());
    if is_position { cost.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_instructions_are_summed_and_those_of_callees_are_not() {
        let text = "version: 1\nevents: Ir\nsummary: 27\n\nfn=(1) outer\n10 5\n+2 4\ncfn=(2) inner\ncalls=3 20\n* 18\n\n\
                    fn=(2)\n20 18\n\nfn=(1)\n-1 0\ntotals: 27\n";
        let profile = Profile::parse(text);
        assert_eq!(profile.functions, [("inner".to_owned(), 18), ("outer".to_owned(), 9)]);
        assert_eq!(profile.total(), 27);
    }
}
