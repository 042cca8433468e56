//! A profile beside a machine: for each place what is live, what is wanted, and what is to be done about it.
//!
//! Not here: doing it (`apply`).

use std::io::{self, ErrorKind};

use serde::Serialize;

use crate::amount::Facts;
use crate::machine::Machine;
use crate::profile::{Knob, Profile, Risk, Setting};
use crate::system::System;
use crate::target::{Place, Target, targets};

/// What a profile means for a machine.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// A line for each place, in the order in which they are applied.
    pub lines: Vec<Line<'a>>,
}

/// One place, or one setting that has none here.
#[derive(Debug)]
pub struct Line<'a> {
    /// What is wanted.
    pub setting: &'a Setting,
    /// Where; none if the machine has no such place.
    pub target: Option<Target>,
    /// What it says now.
    pub live: Option<String>,
    /// What is to be done.
    pub verdict: Verdict,
}

/// What is to be done about a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// Nothing: it is as wanted.
    Met,
    /// It differs, and can be changed.
    Differs,
    /// It differs, and costs more than was allowed.
    NotAllowed(Risk),
    /// It is written down, and holds for who logs in or is started next.
    NextLogin,
    /// It differs, and only a restart of the machine with another command line changes it.
    NeedsBoot,
    /// It differs, and this process may not change it.
    Locked,
    /// The machine does not have it.
    Absent(String),
}

/// Which settings are meant, and how much they may cost.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Words: a scope (`sysctl`), a name or its beginning (`net.ipv4`). All, if there is none.
    pub only: Vec<String>,
    /// The most that a setting may cost.
    pub risk_max: Risk,
}

impl Scope {
    /// All settings, whatever they cost.
    pub fn everything() -> Self {
        Self { only: Vec::new(), risk_max: Risk::BenchOnly }
    }

    fn has(&self, knob: &Knob) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|word| word == knob.scope() || is_beginning(word, &knob.to_string()))
    }

    /// A word that means none of the profile's settings.
    pub fn unknown<'a>(&'a self, profile: &Profile) -> Option<&'a str> {
        let means = |word: &String| {
            let only = Self { only: vec![word.clone()], ..Self::default() };
            profile.settings.iter().any(|setting| only.has(&setting.knob))
        };
        self.only.iter().find(|word| !means(word)).map(String::as_str)
    }
}

/// Whether `word` is `name`, or the part before one of its dots, slashes or blanks.
fn is_beginning(word: &str, name: &str) -> bool {
    let rest = name.strip_prefix(word);
    rest.is_some_and(|rest| rest.is_empty() || word.ends_with(['.', '/', ' ']) || rest.starts_with(['.', '/', ' ']))
}

impl<'a> Plan<'a> {
    /// Compares; changes nothing.
    pub fn of(profile: &'a Profile, machine: &Machine, system: &impl System, facts: &Facts, scope: &Scope) -> Self {
        let mut lines = Vec::new();
        for setting in profile.settings.iter().filter(|setting| scope.has(&setting.knob)) {
            match targets(setting, machine, system, facts) {
                Err(absent) => {
                    lines.push(Line { setting, target: None, live: None, verdict: Verdict::Absent(absent.0) });
                }
                Ok(targets) => {
                    lines
                        .extend(targets.into_iter().map(|target| line(setting, target, machine, system, facts, scope)));
                }
            }
        }
        Self { profile, lines }
    }

    /// Lines that can be changed and are to be.
    pub fn changes(&self) -> impl Iterator<Item = (&Line<'a>, &Target)> {
        let differing = self.lines.iter().filter(|line| line.verdict == Verdict::Differs);
        differing.filter_map(|line| line.target.as_ref().map(|target| (line, target)))
    }

    /// Lines that are not as wanted, though the machine has the place and the cost was allowed.
    pub fn unmet(&self) -> impl Iterator<Item = &Line<'a>> {
        self.lines.iter().filter(|line| {
            matches!(line.verdict, Verdict::Differs | Verdict::Locked | Verdict::NeedsBoot | Verdict::NextLogin)
        })
    }
}

fn line<'a>(
    setting: &'a Setting,
    target: Target,
    machine: &Machine,
    system: &impl System,
    facts: &Facts,
    scope: &Scope,
) -> Line<'a> {
    let (live, verdict) = match target.place.live(machine, system) {
        Err(error) => (None, Verdict::Absent(reason(&error))),
        Ok(live) => {
            let verdict = verdict(setting, &target, live.as_deref(), machine, system, facts, scope);
            (live, verdict)
        }
    };
    let live = match &setting.knob {
        Knob::Limit(limit) => Some(machine.limit(*limit).to_string()),
        _ => live,
    };
    Line { setting, target: Some(target), live, verdict }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "this kernel or machine does not have it".into(),
        ErrorKind::PermissionDenied => "this user may not read it".into(),
        _ => error.to_string(),
    }
}

fn verdict(
    setting: &Setting,
    target: &Target,
    live: Option<&str>,
    machine: &Machine,
    system: &impl System,
    facts: &Facts,
    scope: &Scope,
) -> Verdict {
    if let Knob::Limit(limit) = setting.knob {
        let wanted = setting.value.text(facts, setting.unit, 0).parse().unwrap_or(u64::MAX);
        if machine.limit(limit) >= wanted {
            return Verdict::Met;
        }
        if target.is_met(live, setting.compare) {
            return Verdict::NextLogin;
        }
    } else if target.is_met(live, setting.compare) {
        return Verdict::Met;
    }
    if setting.risk > scope.risk_max {
        return Verdict::NotAllowed(setting.risk);
    }
    match &target.place {
        Place::Boot { .. } => Verdict::NeedsBoot,
        Place::Kernel { path, .. } if !system.may_write(path) => Verdict::Locked,
        _ => Verdict::Differs,
    }
}

impl Line<'_> {
    /// The setting's name, and the place's where it is not the same.
    pub fn name(&self) -> String {
        match (&self.setting.knob, &self.target) {
            (Knob::Sysctl(_) | Knob::File(_) | Knob::Limit(_) | Knob::Boot(_), _) | (_, None) => {
                self.setting.knob.to_string()
            }
            (_, Some(target)) => target.place.to_string(),
        }
    }

    /// What is wanted, for people.
    pub fn wanted(&self, facts: &Facts) -> String {
        match (&self.setting.knob, &self.target) {
            (Knob::Limit(_), _) | (_, None) => self.setting.value.text(facts, self.setting.unit, 0),
            (_, Some(target)) => target.wanted_text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    fn verdicts(fake: &Fake, profile: &str, scope: &Scope) -> Vec<(String, Verdict)> {
        let profile = Profile::load(profile).unwrap();
        let machine = Machine::read(fake).unwrap();
        let plan = Plan::of(&profile, &machine, fake, &machine.facts(1000), scope);
        plan.lines.iter().map(|line| (line.name(), line.verdict.clone())).collect()
    }

    fn of(verdicts: &[(String, Verdict)], name: &str) -> Verdict {
        verdicts.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name}: {verdicts:?}")).1.clone()
    }

    #[test]
    fn every_place_gets_its_verdict() {
        let mut fake = Fake::server();
        let safe = verdicts(&fake, "fanout", &Scope::default());
        assert_eq!(of(&safe, "net.core.somaxconn"), Verdict::Differs);
        assert_eq!(of(&safe, "fs.nr_open"), Verdict::Met, "what is larger already is kept");
        assert_eq!(of(&safe, "net.ipv4.tcp_rmem"), Verdict::NotAllowed(Risk::TradeOff));
        let all = verdicts(&fake, "fanout", &Scope::everything());
        assert_eq!(of(&all, "net.ipv4.tcp_rmem"), Verdict::Differs);
        fake.read_only = true;
        assert_eq!(of(&verdicts(&fake, "fanout", &Scope::default()), "net.core.somaxconn"), Verdict::Locked);
        fake.files.remove(std::path::Path::new("/proc/sys/net/core/somaxconn"));
        let gone = of(&verdicts(&fake, "fanout", &Scope::default()), "net.core.somaxconn");
        assert!(matches!(gone, Verdict::Absent(_)), "{gone:?}");
    }

    #[test]
    fn only_what_was_named_is_looked_at() {
        let fake = Fake::server();
        let only = |word: &str| Scope { only: vec![word.to_owned()], risk_max: Risk::BenchOnly };
        let names =
            |word: &str| verdicts(&fake, "fanout", &only(word)).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert!(names("net.ipv4").iter().all(|name| name.starts_with("net.ipv4.")) && names("net.ipv4").len() > 3);
        assert_eq!(names("net.core.somaxconn"), ["net.core.somaxconn"]);
        assert_eq!(names("limit"), ["limit nofile", "limit memlock"]);
        let fanout = Profile::load("fanout").unwrap();
        assert_eq!(only("net.ipv9").unknown(&fanout), Some("net.ipv9"));
        assert_eq!(only("net.ip").unknown(&fanout), Some("net.ip"), "a name's part ends where a word does");
        assert_eq!(only("sysctl").unknown(&fanout), None);
    }
}
