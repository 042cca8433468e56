//! A profile as files for those who manage machines with something else.
//!
//! Values are computed for the machine that this runs on. What a form cannot say stands in it as a comment, so that nothing of
//! the profile is lost in silence.

mod container;
mod host;

use crate::amount::Facts;
use crate::machine::Machine;
use crate::profile::{Knob, Profile, Setting};

/// A form of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// `/etc/sysctl.d/90-ringwire.conf`
    Sysctl,
    /// A drop-in for the node's unit: `ringwire.service.d/90-tuning.conf`
    Systemd,
    /// A profile of the tuned daemon: `/etc/tuned/ringwire/tuned.conf`
    Tuned,
    /// A fragment of a compose file
    Docker,
    /// A fragment of a pod's specification
    K8s,
}

/// The file's text.
pub fn export(form: Form, profile: &Profile, machine: &Machine, facts: &Facts) -> String {
    let settings: Vec<Exported<'_>> =
        profile.settings.iter().map(|setting| Exported::of(setting, machine, facts)).collect();
    let warning = profile.warning.as_ref().map_or(String::new(), |warning| format!("# {warning}\n"));
    let head = format!(
        "# Ringwire's profile `{}` for {} connections, {} cores and {} of memory. {}\n{warning}",
        profile.name,
        facts.connections,
        facts.cores.len(),
        crate::capacity::size(facts.memory_bytes),
        profile.about
    );
    let body = match form {
        Form::Sysctl => host::sysctl(&settings),
        Form::Systemd => host::systemd(&settings),
        Form::Tuned => host::tuned(profile, &settings),
        Form::Docker => container::docker(&settings),
        Form::K8s => container::k8s(&settings),
    };
    format!("{head}\n{body}{}", ringwire(profile, facts))
}

/// A setting with its value.
struct Exported<'a> {
    setting: &'a Setting,
    value: String,
}

impl<'a> Exported<'a> {
    fn of(setting: &'a Setting, machine: &Machine, facts: &Facts) -> Self {
        let value = setting.value.text(facts, setting.unit, 0);
        // One that is larger already is kept.
        let value = match (&setting.knob, setting.compare) {
            (Knob::Limit(limit), crate::profile::Compare::AtLeast) => {
                value.parse().map_or(value, |wanted: u64| wanted.max(kept(machine.limit(*limit))).to_string())
            }
            _ => value,
        };
        Self { setting, value }
    }

    /// As a comment, for a form that cannot say it.
    fn comment(&self, why_not: &str) -> String {
        format!("#   {} = {} ({why_not})\n", self.setting.knob, self.value.replace('\t', " "))
    }

    fn why(&self) -> String {
        format!("{} [{}]", self.setting.why, self.setting.risk)
    }
}

/// No limit at all is no number to write down.
fn kept(limit: u64) -> u64 {
    if limit == u64::MAX { 0 } else { limit }
}

/// The comments of what a form cannot say, under a heading.
fn rest<'a>(settings: impl Iterator<Item = (&'a Exported<'a>, &'static str)>) -> String {
    let lines: String = settings.map(|(setting, why_not)| setting.comment(why_not)).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\n# Not said here; `ringwire-tune apply` or another form sets it:\n{lines}")
    }
}

fn ringwire(profile: &Profile, facts: &Facts) -> String {
    let config = profile.ringwire_config(facts);
    let lines: String = config.lines().map(|line| format!("#   {line}\n")).collect();
    format!("\n# Ringwire takes its own part by itself: ringwire serve --profile={}\n{lines}", profile.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    fn exported(form: Form, profile: &str) -> String {
        let machine = Machine::read(&Fake::server()).unwrap();
        export(form, &Profile::load(profile).unwrap(), &machine, &machine.facts(100_000))
    }

    /// In whatever form, each setting is there, or it is said that it is not.
    #[test]
    fn nothing_of_a_profile_is_lost() {
        for profile in Profile::shipped() {
            for form in [Form::Sysctl, Form::Systemd, Form::Tuned, Form::Docker, Form::K8s] {
                let text = exported(form, &profile.name);
                for setting in &profile.settings {
                    let names = match &setting.knob {
                        Knob::Limit(limit) => vec![limit.name().to_owned(), limit.directive().to_owned()],
                        Knob::Boot(parameter) => vec![parameter.clone()],
                        Knob::Cpu(_) => vec!["cpu ".to_owned(), "governor=".to_owned(), "force_latency=".to_owned()],
                        knob => vec![knob.to_string()],
                    };
                    let is_there = names.iter().any(|name| text.contains(name));
                    assert!(is_there, "{form:?} of {} says nothing of {}:\n{text}", profile.name, setting.knob);
                }
            }
        }
    }

    #[test]
    fn values_are_those_of_the_machine() {
        assert!(exported(Form::Sysctl, "fanout").contains("\nfs.file-max = 300000\n"));
        assert!(exported(Form::Systemd, "fanout").contains("\nLimitNOFILE=110000\n"));
        assert!(exported(Form::Docker, "fanout").contains("net.core.somaxconn: \"65535\""));
        assert!(exported(Form::Tuned, "lowlat").contains("cmdline_ringwire=+isolcpus=1 nohz_full=1 rcu_nocbs=1"));
    }

    #[test]
    fn bench_says_what_it_is_in_every_form() {
        assert!(exported(Form::Sysctl, "bench").contains("FOR MEASURING ONLY"));
    }
}
