//! What people read: lists, plans, changes.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::amount::Facts;
use crate::capacity::{Capacity, KERNEL_BYTES, RINGWIRE_BYTES, size};
use crate::plan::{Line, Plan, Verdict};
use crate::profile::{Profile, Risk, Setting};
use crate::target::Place;

/// All profiles, a line each.
pub(crate) fn list(profiles: impl Iterator<Item = Profile>) -> String {
    let line =
        |profile: Profile| format!("{:<12}{:>3} settings  {}\n", profile.name, profile.settings.len(), profile.about);
    profiles.map(line).collect()
}

/// A profile: what, why, at what risk.
pub(crate) fn show(profile: &Profile, facts: &Facts) -> String {
    let mut text = format!("{}: {}\n", profile.name, profile.about);
    if let Some(warning) = &profile.warning {
        let _ = writeln!(text, "\n  {warning}");
    }
    for setting in &profile.settings {
        let _ = write!(text, "\n{}", show_setting(setting, facts));
    }
    let config = profile.ringwire_config(facts);
    let _ = write!(text, "\nRingwire's own part (ringwire serve --profile={}):\n", profile.name);
    config.lines().for_each(|line| {
        let _ = writeln!(text, "  {line}");
    });
    text
}

fn show_setting(setting: &Setting, facts: &Facts) -> String {
    let value = setting.value.text(facts, setting.unit, 0).replace('\t', " ");
    let value = if value.is_empty() { "none".to_owned() } else { value };
    let least = if setting.compare == crate::profile::Compare::AtLeast { "at least " } else { "" };
    let mut text = format!("{} = {least}{value}{}  [{}]\n", setting.knob, setting.unit.suffix(), setting.risk);
    let _ = writeln!(text, "  {}", setting.why);
    if let Some(effect) = &setting.effect {
        let _ = writeln!(text, "  Effect: {effect}");
    }
    if setting.reboot {
        let _ = writeln!(text, "  Holds after a restart of the machine.");
    }
    let _ = writeln!(text, "  {}", setting.source);
    text
}

/// A plan: what is live, what is wanted, what is done about it.
pub(crate) fn plan(plan: &Plan<'_>, facts: &Facts) -> String {
    let rows: Vec<[String; 4]> = plan.lines.iter().map(|line| row(line, facts)).collect();
    let head = ["setting", "live", "wanted", ""].map(str::to_owned);
    let mut widths = [0; 3];
    for row in rows.iter().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for [name, live, wanted, verdict] in [&head].into_iter().chain(&rows) {
        let [first, second, third] = widths;
        let line = format!("{name:<first$}  {live:>second$}  {wanted:>third$}  {verdict}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn row(line: &Line<'_>, facts: &Facts) -> [String; 4] {
    let plain = |text: String| if text.is_empty() { "none".to_owned() } else { text.replace('\t', " ") };
    let live = match (&line.live, &line.target) {
        (Some(live), _) if *live == u64::MAX.to_string() => "unlimited".to_owned(),
        (Some(live), _) => plain(live.clone()),
        (None, Some(_)) if !matches!(line.verdict, Verdict::Absent(_)) => "not given".to_owned(),
        (None, _) => "-".to_owned(),
    };
    [line.name(), live, plain(line.wanted(facts)), verdict(&line.verdict)]
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Met => "ok".to_owned(),
        Verdict::Differs => "differs".to_owned(),
        Verdict::NotAllowed(risk) => format!("differs; {risk}: --allow-risk={risk} takes it in"),
        Verdict::NextLogin => "written; holds for who logs in next".to_owned(),
        Verdict::NeedsBoot => "differs; the boot loader's affair, and a restart".to_owned(),
        Verdict::Locked => "differs; not writable by this user, or not here".to_owned(),
        Verdict::Absent(reason) => format!("skipped: {reason}"),
    }
}

/// What the connections need, and what stands in their way.
pub(crate) fn capacity(capacity: &Capacity, memory_bytes: u64) -> String {
    let mut text = format!(
        "{} connections take {} shards and about {} of {}: {KERNEL_BYTES} B each in the kernel and {RINGWIRE_BYTES} B in Ringwire,\n\
         measured with connections that say nothing; what is queued and kept for topics is on top (ringwire check sums its limits).\n",
        capacity.connections,
        capacity.shards,
        size(capacity.memory_bytes),
        size(memory_bytes)
    );
    for bound in &capacity.bounds {
        let _ = writeln!(text, "  {:<12}{:>20} connections: {}", bound.limit, bound.connections, bound.because);
    }
    match capacity.obstacle() {
        None => text += "No limit stands in the way.\n",
        Some(bound) => {
            let _ = writeln!(
                text,
                "In the way: {}, at {} connections. Mend: {}.",
                bound.limit, bound.connections, bound.mend
            );
        }
    }
    text
}

/// For the boot loader: what to add to the command line.
pub(crate) fn boot(plan: &Plan<'_>, facts: &Facts) -> Option<String> {
    let words = plan.lines.iter().filter(|line| line.verdict == Verdict::NeedsBoot);
    let words: Vec<String> = words
        .filter_map(|line| match &line.target.as_ref()?.place {
            Place::Boot { parameter } => Some(format!("{parameter}={}", line.wanted(facts))),
            _ => None,
        })
        .collect();
    (!words.is_empty()).then(|| {
        format!(
            "To the kernel's command line (GRUB: GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub), and a restart:\n  {}\n",
            words.join(" ")
        )
    })
}

/// For programs.
pub(crate) fn json(plan: &Plan<'_>, facts: &Facts, capacity: &Capacity) -> Value {
    let line = |line: &Line<'_>| {
        let Value::Object(mut object) = json!(line.verdict) else { unreachable!("a verdict is tagged") };
        object.insert("setting".into(), line.setting.knob.to_string().into());
        object.insert("place".into(), line.target.as_ref().map(|target| target.place.to_string()).into());
        object.insert("scope".into(), line.setting.knob.scope().into());
        object.insert("risk".into(), json!(line.setting.risk));
        object.insert("live".into(), line.live.clone().into());
        object.insert("wanted".into(), line.wanted(facts).into());
        object.insert("reboot".into(), line.setting.reboot.into());
        Value::Object(object)
    };
    json!({
        "profile": plan.profile.name,
        "connections": facts.connections,
        "met": plan.unmet().next().is_none(),
        "settings": plan.lines.iter().map(line).collect::<Vec<_>>(),
        "capacity": capacity,
    })
}

/// How many lines were left out, and by which option they come in.
pub(crate) fn not_allowed(plan: &Plan<'_>) -> Option<String> {
    let of = |risk: Risk| plan.lines.iter().filter(|line| line.verdict == Verdict::NotAllowed(risk)).count();
    let parts = [Risk::TradeOff, Risk::BenchOnly].map(|risk| (risk, of(risk)));
    let parts: Vec<String> =
        parts.iter().filter(|(_, count)| *count > 0).map(|(risk, count)| format!("{count} {risk}")).collect();
    (!parts.is_empty()).then(|| format!("Left out for their risk: {}.", parts.join(", ")))
}
