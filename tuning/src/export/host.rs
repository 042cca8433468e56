//! Forms for whole machines: sysctl, systemd, tuned.

use super::{Exported, rest};
use crate::profile::{CpuKnob, Knob, Profile};

/// A file below `/etc/sysctl.d`.
pub(super) fn sysctl(settings: &[Exported<'_>]) -> String {
    let is_sysctl = |setting: &&Exported<'_>| matches!(setting.setting.knob, Knob::Sysctl(_));
    let lines: String = settings.iter().filter(is_sysctl).map(sysctl_line).collect();
    let others = settings.iter().filter(|setting| !is_sysctl(setting)).map(|setting| (setting, "no sysctl"));
    lines + &rest(others)
}

fn sysctl_line(setting: &Exported<'_>) -> String {
    format!("# {}\n{} = {}\n", setting.why(), setting.setting.knob, setting.value.replace('\t', " "))
}

/// A drop-in of the node's unit.
pub(super) fn systemd(settings: &[Exported<'_>]) -> String {
    let mut unit = "[Service]\n".to_owned();
    for setting in settings {
        match &setting.setting.knob {
            Knob::Limit(limit) => unit += &format!("# {}\n{}={}\n", setting.why(), limit.directive(), setting.value),
            Knob::File(path) => {
                // `+`: as root, before the unit's own user takes over; `-`: a machine without it starts all the same.
                unit += &format!("# {}\nExecStartPre=+-/bin/sh -c 'echo {} > {path}'\n", setting.why(), setting.value);
            }
            _ => {}
        }
    }
    let is_other = |setting: &&Exported<'_>| !matches!(setting.setting.knob, Knob::Limit(_) | Knob::File(_));
    unit + &rest(
        settings.iter().filter(is_other).map(|setting| (setting, "not of a unit: see `export sysctl`, `export tuned`")),
    )
}

/// A profile of the tuned daemon.
pub(super) fn tuned(profile: &Profile, settings: &[Exported<'_>]) -> String {
    let mut text = format!("[main]\nsummary=Ringwire, {}\n", profile.about);
    let mut section = |name: &str, lines: String| {
        if !lines.is_empty() {
            text += &format!("\n[{name}]\n{lines}");
        }
    };
    section(
        "sysctl",
        of(settings, |setting| match &setting.setting.knob {
            Knob::Sysctl(name) => Some(format!("# {}\n{name}={}\n", setting.why(), setting.value.replace('\t', " "))),
            _ => None,
        }),
    );
    section(
        "sysfs",
        of(settings, |setting| match &setting.setting.knob {
            Knob::File(path) => Some(format!("# {}\n{path}={}\n", setting.why(), setting.value)),
            _ => None,
        }),
    );
    section(
        "cpu",
        of(settings, |setting| match &setting.setting.knob {
            Knob::Cpu(CpuKnob::Governor) => Some(format!("# {}\ngovernor={}\n", setting.why(), setting.value)),
            Knob::Cpu(CpuKnob::IdleLatencyMax) => {
                Some(format!("# {}\nforce_latency={}\n", setting.why(), setting.value))
            }
            _ => None,
        }),
    );
    let boot: Vec<String> = settings.iter().filter_map(boot_word).collect();
    section(
        "bootloader",
        if boot.is_empty() { String::new() } else { format!("cmdline_ringwire=+{}\n", boot.join(" ")) },
    );
    let is_other = |setting: &&Exported<'_>| matches!(setting.setting.knob, Knob::Limit(_) | Knob::Nic(_) | Knob::Irq);
    text + &rest(
        settings.iter().filter(is_other).map(|setting| (setting, "tuned does not say it so for each queue or process")),
    )
}

fn of(settings: &[Exported<'_>], line: impl Fn(&Exported<'_>) -> Option<String>) -> String {
    settings.iter().filter_map(line).collect()
}

fn boot_word(setting: &Exported<'_>) -> Option<String> {
    match &setting.setting.knob {
        Knob::Boot(parameter) => Some(format!("{parameter}={}", setting.value)),
        _ => None,
    }
}
