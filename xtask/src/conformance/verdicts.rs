//! Verdicts of a run: read from a report, read from the committed file, compared.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Verdicts by case, in the suite's order; each is `behavior/behaviorClose`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdicts {
    cases: BTreeMap<Case, String>,
}

/// A case's id, ordered by its numbers: 6.2 comes before 6.10.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Case(String);

impl Case {
    fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.split('.').map(|part| part.parse().unwrap_or(u32::MAX))
    }

    /// `6.4.*`, `6.4.1`, or `*`.
    fn matches(&self, pattern: &str) -> bool {
        pattern.strip_suffix('*').map_or(self.0 == pattern, |start| self.0.starts_with(start))
    }
}

impl Ord for Case {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers().cmp(other.numbers()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Case {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Verdicts {
    /// `index.json` of a report about one server.
    pub(super) fn read_report(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("no report: {}", path.display()))?;
        Self::parse_report(&text).with_context(|| format!("not a report: {}", path.display()))
    }

    fn parse_report(text: &str) -> Result<Self> {
        let all: Value = serde_json::from_str(text)?;
        let agents = all.as_object().context("no agents")?;
        ensure!(agents.len() == 1, "{} agents in place of one", agents.len());
        let cases = agents.values().next().and_then(Value::as_object).context("no cases")?;
        let verdict = |(id, case): (&String, &Value)| {
            let half =
                |name: &str| case.get(name).and_then(Value::as_str).with_context(|| format!("{id} has no {name}"));
            Ok((Case(id.clone()), format!("{}/{}", half("behavior")?, half("behaviorClose")?)))
        };
        Ok(Self { cases: cases.iter().map(verdict).collect::<Result<_>>()? })
    }

    /// The committed file: an object of verdicts by case.
    pub(super) fn read_expected(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let cases: BTreeMap<String, String> = serde_json::from_str(&text)?;
        Ok(Self { cases: cases.into_iter().map(|(id, verdict)| (Case(id), verdict)).collect() })
    }

    /// Those of the cases that any of the patterns names.
    pub(super) fn only(self, patterns: &[String]) -> Self {
        let cases = self.cases.into_iter();
        Self { cases: cases.filter(|(id, _)| patterns.iter().any(|pattern| id.matches(pattern))).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// How many of each verdict.
    pub(super) fn summary(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for verdict in self.cases.values() {
            *counts.entry(verdict).or_default() += 1;
        }
        counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect::<Vec<_>>().join(", ")
    }

    /// One line for every case that is not as expected, is missing, or is unknown.
    pub(super) fn differences(&self, expected: &Self) -> Vec<String> {
        let ids: std::collections::BTreeSet<&Case> = self.cases.keys().chain(expected.cases.keys()).collect();
        let line = |id: &Case| match (self.cases.get(id), expected.cases.get(id)) {
            (is, should) if is == should => None,
            (Some(is), Some(should)) => Some(format!("{}: {is}, expected {should}", id.0)),
            (Some(is), None) => Some(format!("{}: {is}, nothing expected", id.0)),
            (None, _) => Some(format!("{}: no verdict", id.0)),
        };
        ids.into_iter().filter_map(line).collect()
    }

    /// Writes them down as the expected ones, one case a line.
    pub(super) fn bless(&self, path: &Path) -> Result<()> {
        let good = |half: &str| matches!(half, "OK" | "INFORMATIONAL" | "UNIMPLEMENTED");
        if let Some((id, verdict)) = self.cases.iter().find(|(_, verdict)| !verdict.split('/').all(good)) {
            bail!("{} is {verdict}: nothing to expect of a server", id.0);
        }
        let mut text = String::from("{\n");
        for (index, (id, verdict)) in self.cases.iter().enumerate() {
            let comma = if index + 1 < self.cases.len() { "," } else { "" };
            writeln!(text, "  \"{}\": \"{verdict}\"{comma}", id.0)?;
        }
        std::fs::write(path, text + "}\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(cases: &[(&str, &str)]) -> Verdicts {
        Verdicts { cases: cases.iter().map(|&(id, verdict)| (Case(id.to_owned()), verdict.to_owned())).collect() }
    }

    #[test]
    fn both_halves_of_a_report_are_read() {
        let text = r#"{"server": {"1.1.1": {"behavior": "OK", "behaviorClose": "FAILED", "duration": 2}}}"#;
        assert_eq!(Verdicts::parse_report(text).unwrap(), verdicts(&[("1.1.1", "OK/FAILED")]));
        assert!(Verdicts::parse_report(r#"{"server": {"1.1.1": {"behavior": "OK"}}}"#).is_err());
    }

    #[test]
    fn every_kind_of_difference_shows() {
        let expected = verdicts(&[("6.4.1", "OK/OK"), ("6.4.2", "OK/OK"), ("6.10.1", "OK/OK")]);
        let is = verdicts(&[("6.4.1", "NON-STRICT/OK"), ("6.10.1", "OK/OK"), ("7.1.1", "OK/OK")]);
        let lines = ["6.4.1: NON-STRICT/OK, expected OK/OK", "6.4.2: no verdict", "7.1.1: OK/OK, nothing expected"];
        assert_eq!(is.differences(&expected), lines);
        assert!(expected.differences(&expected).is_empty());
    }

    #[test]
    fn patterns_choose_whole_numbers() {
        let all = verdicts(&[("1.1.1", "a"), ("10.1.1", "b"), ("6.4.1", "c")]);
        assert_eq!(all.clone().only(&["1.*".to_owned()]), verdicts(&[("1.1.1", "a")]));
        assert_eq!(all.clone().only(&["*".to_owned()]), all);
        assert_eq!(all.only(&["6.4.1".to_owned()]).len(), 1);
    }

    #[test]
    fn a_failure_is_never_blessed() {
        let path = std::env::temp_dir().join(format!("expected-{}.json", std::process::id()));
        assert!(verdicts(&[("6.4.1", "NON-STRICT/OK")]).bless(&path).is_err());
        let good = verdicts(&[("6.2.1", "OK/OK"), ("6.10.1", "INFORMATIONAL/OK")]);
        good.bless(&path).unwrap();
        assert_eq!(Verdicts::read_expected(&path).unwrap(), good);
        std::fs::remove_file(path).unwrap();
    }
}
