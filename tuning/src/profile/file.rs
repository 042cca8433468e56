//! A profile's TOML: from text to [`Profile`], and of what is wrong the line, the key and what is allowed.
//!
//! What is no TOML, or has a key or a name that there is not, is told at once and alone; of values and contradictions all are
//! told together.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Value};

use super::knob::{CpuKnob, Knob, Limit, NicKnob};
use super::{Compare, Profile, Risk, Setting};
use crate::amount::{Amount, Unit};

/// All that is wrong with a profile's file, a line each.
#[derive(Debug)]
pub struct Errors {
    path: PathBuf,
    errors: Vec<Error>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub struct Error {
    /// Line in the file, from 1.
    pub line: usize,
    /// What, with its key and what is allowed.
    pub message: String,
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.errors.iter().enumerate() {
            let end = if number + 1 < self.errors.len() { "\n" } else { "" };
            write!(f, "{}:{}: {}{end}", self.path.display(), error.line, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// What stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<String>,
    about: String,
    warning: Option<String>,
    #[serde(default)]
    setting: Vec<Spanned<WrittenSetting>>,
    #[serde(default)]
    ringwire: toml::map::Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSetting {
    sysctl: Option<Spanned<String>>,
    limit: Option<Limit>,
    file: Option<Spanned<String>>,
    nic: Option<NicKnob>,
    irq: Option<Irqs>,
    cpu: Option<CpuKnob>,
    boot: Option<Spanned<String>>,
    value: Spanned<Value>,
    unit: Option<Spanned<String>>,
    #[serde(default)]
    compare: Compare,
    why: Spanned<String>,
    source: Spanned<String>,
    risk: Risk,
    #[serde(default)]
    reboot: bool,
    effect: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Irqs {
    Nic,
}

/// Reads a profile; `path` is for the errors.
pub(super) fn parse(text: &str, path: &Path) -> Result<Profile, Errors> {
    let mut reader = Reader { text, errors: Vec::new() };
    let profile = match toml::from_str::<Written>(text) {
        Ok(written) => Some(reader.profile(written)),
        Err(error) => {
            reader.wrong(&error.span().unwrap_or_default(), error.message().trim_end().replace('\n', ", "));
            None
        }
    };
    match profile {
        Some(profile) if reader.errors.is_empty() => Ok(profile),
        _ => {
            reader.errors.sort_by_key(|error| error.line);
            Err(Errors { path: path.into(), errors: reader.errors })
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    errors: Vec<Error>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: &Range<usize>, message: String) {
        self.errors.push(Error { line: self.line(span), message });
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.text[..span.start.min(self.text.len())].matches('\n').count() + 1
    }

    fn profile(&mut self, written: Written) -> Profile {
        let name = written.name.get_ref();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            self.wrong(&written.name.span(), format!("name: {name:?} is not of letters, digits and `-`"));
        }
        let mut settings = Vec::new();
        let mut seen = HashMap::new();
        for written in written.setting {
            let span = written.span();
            let Some(setting) = self.setting(written.into_inner(), &span) else { continue };
            if let Some(first) = seen.insert(setting.knob.clone(), span.clone()) {
                let first = self.line(&first);
                self.wrong(&span, format!("{} is set already in line {first}: a setting stands once", setting.knob));
            }
            settings.push(setting);
        }
        self.limits(&settings, &seen);
        let ringwire = written.ringwire.into_iter().filter_map(|(key, value)| self.ringwire(key, &value)).collect();
        Profile { name: name.clone(), about: written.about, warning: written.warning, settings, ringwire }
    }

    /// A process cannot have more descriptors than the kernel gives to any.
    fn limits(&mut self, settings: &[Setting], spans: &HashMap<Knob, Range<usize>>) {
        let number = |knob: &Knob| {
            let setting = settings.iter().find(|setting| setting.knob == *knob)?;
            if let Amount::Number(number) = setting.value { Some(number) } else { None }
        };
        let (nofile, nr_open) = (Knob::Limit(Limit::Nofile), Knob::Sysctl("fs.nr_open".into()));
        if let (Some(wanted), Some(most)) = (number(&nofile), number(&nr_open))
            && wanted > most
        {
            let line = self.line(&spans[&nr_open]);
            self.wrong(
                &spans[&nofile],
                format!("limit nofile: {wanted} contradicts fs.nr_open = {most} in line {line}: at most {most}"),
            );
        }
    }

    fn setting(&mut self, written: WrittenSetting, span: &Range<usize>) -> Option<Setting> {
        let unit = self.unit(written.unit.as_ref());
        for (key, text) in [("why", &written.why), ("source", &written.source)] {
            if text.get_ref().trim().is_empty() {
                self.wrong(&text.span(), format!("{key}: is empty: every setting says it"));
            }
        }
        let value = Amount::parse(written.value.get_ref(), unit);
        let value = value.map_err(|wrong| self.wrong(&written.value.span(), format!("value: {wrong}"))).ok();
        let value_span = written.value.span();
        let (knob, risk, compare, effect) = (&written, written.risk, written.compare, written.effect.clone());
        let (knob, value) = (self.knob(knob, span)?, value?);
        if let Err(wrong) = fits(&knob, &value, unit) {
            self.wrong(&value_span, format!("value: {wrong}"));
        }
        let reboot = written.reboot || matches!(knob, Knob::Boot(_));
        let (why, source) = (written.why.into_inner(), written.source.into_inner());
        Some(Setting { knob, value, unit, compare, why, source, risk, reboot, effect })
    }

    fn unit(&mut self, unit: Option<&Spanned<String>>) -> Unit {
        let Some(unit) = unit else { return Unit::None };
        let parsed = Value::String(unit.get_ref().clone()).try_into::<Unit>();
        parsed.unwrap_or_else(|_| {
            let near = nearest(unit.get_ref(), &Unit::NAMES);
            self.wrong(
                &unit.span(),
                format!("unit: no {:?}{near}; there are {}", unit.get_ref(), Unit::NAMES.join(", ")),
            );
            Unit::None
        })
    }

    /// The one thing that a setting sets.
    fn knob(&mut self, written: &WrittenSetting, span: &Range<usize>) -> Option<Knob> {
        let knobs = [
            written.sysctl.as_ref().map(|name| self.sysctl(name)),
            written.limit.map(|limit| Some(Knob::Limit(limit))),
            written.file.as_ref().map(|path| self.file(path)),
            written.nic.map(|knob| Some(Knob::Nic(knob))),
            written.irq.as_ref().map(|Irqs::Nic| Some(Knob::Irq)),
            written.cpu.map(|knob| Some(Knob::Cpu(knob))),
            written.boot.as_ref().map(|parameter| self.boot(parameter)),
        ];
        let mut knobs = knobs.into_iter().flatten();
        let (first, more) = (knobs.next(), knobs.count());
        if first.is_none() || more > 0 {
            self.wrong(span, format!("a [[setting]] has one of {}", Knob::SCOPES.join(", ")));
            return None;
        }
        first.flatten()
    }

    fn sysctl(&mut self, name: &Spanned<String>) -> Option<Knob> {
        let tokens = name.get_ref().split('.');
        let is_name = name.get_ref().contains('.')
            && tokens.into_iter().all(|token| {
                !token.is_empty() && token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            });
        if !is_name {
            self.wrong(&name.span(), format!("sysctl: {:?} is no name as `net.core.somaxconn` is one", name.get_ref()));
        }
        is_name.then(|| Knob::Sysctl(name.get_ref().clone()))
    }

    fn file(&mut self, path: &Spanned<String>) -> Option<Knob> {
        let text = path.get_ref();
        let is_kernels =
            (text.starts_with("/sys/") || text.starts_with("/proc/")) && !text.split('/').any(|part| part == "..");
        if !is_kernels {
            self.wrong(
                &path.span(),
                format!("file: {text:?} is not below /sys or /proc: a profile sets the kernel alone"),
            );
        }
        is_kernels.then(|| Knob::File(text.clone()))
    }

    fn boot(&mut self, parameter: &Spanned<String>) -> Option<Knob> {
        let text = parameter.get_ref();
        let is_name =
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !is_name {
            self.wrong(&parameter.span(), format!("boot: {text:?} is no parameter's name, as `isolcpus` is one"));
        }
        is_name.then(|| Knob::Boot(text.clone()))
    }

    fn ringwire(&mut self, key: String, value: &Value) -> Option<(String, Amount)> {
        let value = match value {
            Value::Boolean(switch) => Ok(Amount::Word(switch.to_string())),
            value => Amount::parse(value, Unit::None).or_else(|_| Amount::parse(value, Unit::Cores)),
        };
        let span = self.key_span(&key);
        value.map_err(|wrong| self.wrong(&span, format!("{key}: {wrong}"))).ok().map(|value| (key, value))
    }

    /// Where a key of `[ringwire]` stands.
    fn key_span(&self, key: &str) -> Range<usize> {
        let section = self.text.find("[ringwire]").unwrap_or(0);
        let at = self.text[section..].find(&format!("\n{key}")).map_or(section, |at| section + at + 1);
        at..at
    }
}

/// What a thing of that kind can be set to.
fn fits(knob: &Knob, value: &Amount, unit: Unit) -> Result<(), String> {
    let is_switch = |value: &Amount| matches!(value, Amount::Word(word) if matches!(word.as_str(), "on" | "off"));
    let is_number = |value: &Amount| matches!(value, Amount::Number(_) | Amount::Sum(_));
    match knob {
        Knob::Nic(NicKnob::RpsCpus | NicKnob::XpsCpus) | Knob::Irq if unit != Unit::Cores => {
            Err("cores are wanted: { cores = \"all\" }, with unit = \"cores\"".into())
        }
        Knob::Nic(NicKnob::AdaptiveRx | NicKnob::Gro) if !is_switch(value) => Err("\"on\" or \"off\" is wanted".into()),
        Knob::Limit(Limit::Nofile) if unit != Unit::Descriptors => Err("nofile needs unit = \"descriptors\"".into()),
        Knob::Limit(Limit::Memlock) if unit != Unit::Bytes => Err("memlock needs unit = \"bytes\"".into()),
        Knob::Limit(_) if !is_number(value) => Err("a number or a sum is wanted".into()),
        Knob::Cpu(CpuKnob::IdleLatencyMax) if unit != Unit::Us || !is_number(value) => {
            Err("a number is wanted, with unit = \"us\"".into())
        }
        Knob::Sysctl(name) if ORDERED.contains(&name.as_str()) => ordered(value),
        _ => Ok(()),
    }
}

/// Lists whose numbers must not fall.
const ORDERED: [&str; 4] =
    ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_mem", "net.ipv4.ip_local_port_range"];

fn ordered(value: &Amount) -> Result<(), String> {
    let Amount::List(items) = value else { return Err("a list is wanted: the least first, the most last".into()) };
    let numbers: Vec<u64> =
        items.iter().filter_map(|item| if let Amount::Number(number) = item { Some(*number) } else { None }).collect();
    match numbers.windows(2).find(|pair| pair[0] > pair[1]) {
        Some(pair) => Err(format!(
            "{} and then {} contradict each other: the least stands first, the most last",
            pair[0], pair[1]
        )),
        None => Ok(()),
    }
}

/// `, did you mean …`, when something is near.
fn nearest(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (strsim::jaro(word, name), name)).filter(|(likeness, _)| *likeness > 0.7);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(String::new(), |(_, name)| format!(", did you mean {name:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "mine"
about = "What I want."

[[setting]]
sysctl = "net.core.somaxconn"
value = 4096
unit = "connections"
compare = "at-least"
why = "Bursts."
source = "https://docs.kernel.org/admin-guide/sysctl/net.html"
risk = "safe"

[ringwire]
shards = 2
pin = { cores = "all" }
"#;

    fn wrong(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        parse(&GOOD.replacen(from, to, 1), Path::new("mine.toml")).unwrap_err().to_string()
    }

    #[test]
    fn a_profile_is_read() {
        let profile = parse(GOOD, Path::new("mine.toml")).unwrap();
        assert_eq!(profile.settings[0].knob, Knob::Sysctl("net.core.somaxconn".into()));
        assert_eq!(profile.settings[0].compare, Compare::AtLeast);
        assert_eq!(profile.ringwire.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_its_key_and_what_is_allowed() {
        for (from, to, said) in [
            ("value = 4096", "valeu = 4096", "mine.toml:7: unknown field `valeu`, expected one of"),
            (
                "\"connections\"",
                "\"bites\"",
                "mine.toml:8: unit: no \"bites\", did you mean \"bytes\"?; there are none, connections",
            ),
            ("value = 4096", "value = -1", "mine.toml:7: value: -1 is below 0"),
            ("value = 4096", "value = { plus = 5, at_most = 4 }", "mine.toml:7: value: at_most = 4 contradicts"),
            (
                "risk = \"safe\"",
                "risk = \"none\"",
                "mine.toml:12: unknown variant `none`, expected one of `safe`, `trade-off`, `bench-only`",
            ),
            (
                "sysctl = \"net.core.somaxconn\"",
                "sysctl = \"../passwd\"",
                "mine.toml:6: sysctl: \"../passwd\" is no name",
            ),
            (
                "sysctl = \"net.core.somaxconn\"",
                "file = \"/etc/passwd\"",
                "mine.toml:6: file: \"/etc/passwd\" is not below /sys",
            ),
            ("sysctl = \"net.core.somaxconn\"", "file = \"/sys/../etc/passwd\"", "not below /sys"),
            (
                "sysctl = \"net.core.somaxconn\"",
                "limit = \"nofile\"",
                "mine.toml:7: value: nofile needs unit = \"descriptors\"",
            ),
            ("sysctl = \"net.core.somaxconn\"\n", "", "mine.toml:5: a [[setting]] has one of sysctl, limit"),
            ("sysctl =", "boot = \"x\"\nsysctl =", "mine.toml:5: a [[setting]] has one of"),
            ("why = \"Bursts.\"", "why = \"\"", "mine.toml:10: why: is empty"),
            ("name = \"mine\"", "name = \"my own\"", "mine.toml:2: name: \"my own\""),
            ("shards = 2", "shards = -2", "mine.toml:15: shards: -2 is below 0"),
            ("about", "abuot", "unknown field `abuot`"),
            ("= 4096", "= ", "mine.toml:7:"),
        ] {
            let error = wrong(from, to);
            assert!(error.contains(said), "{to}: {error}");
        }
    }

    #[test]
    fn contradictions_are_told_all_together() {
        let twice = GOOD.split_once("[[setting]]").unwrap().1.split_once("[ringwire]").unwrap().0;
        let text = GOOD.replace("[ringwire]", &format!("[[setting]]{twice}[ringwire]")).replacen(
            "\"connections\"",
            "\"cats\"",
            1,
        );
        let error = parse(&text, Path::new("mine.toml")).unwrap_err().to_string();
        assert!(error.contains("mine.toml:14: net.core.somaxconn is set already in line 5"), "{error}");
        assert!(error.contains("mine.toml:8: unit"), "{error}");
        let text = format!(
            "{}\n[[setting]]\nlimit = \"nofile\"\nvalue = 5000\nunit = \"descriptors\"\nwhy = \"x\"\nsource = \"x\"\nrisk = \"safe\"\n",
            GOOD.replacen("net.core.somaxconn", "fs.nr_open", 1)
        );
        let error = parse(&text, Path::new("mine.toml")).unwrap_err().to_string();
        assert!(error.contains("mine.toml:18: limit nofile: 5000 contradicts fs.nr_open = 4096 in line 5"), "{error}");
        let error = wrong(
            "sysctl = \"net.core.somaxconn\"\nvalue = 4096",
            "sysctl = \"net.ipv4.tcp_rmem\"\nvalue = [4096, 100, 9000]",
        );
        assert!(error.contains("mine.toml:7: value: 4096 and then 100 contradict each other"), "{error}");
    }
}
