//! Forms for containers: what belongs to the container's own namespaces; what belongs to the machine below stands as a comment.

use super::{Exported, rest};
use crate::profile::{Knob, Limit};

/// Sysctls that each network namespace has for itself.
fn is_namespaced(name: &str) -> bool {
    name == "net.core.somaxconn" || (name.starts_with("net.ipv4.") && name != "net.ipv4.tcp_mem")
}

/// Those that Kubernetes lets anybody set (1.32); a node must allow the others by `--allowed-unsafe-sysctls`.
const SAFE_FOR_PODS: [&str; 4] =
    ["net.ipv4.ip_local_port_range", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];

fn own<'a>(settings: &'a [Exported<'a>]) -> impl Iterator<Item = (&'a str, &'a Exported<'a>)> {
    settings.iter().filter_map(|setting| match &setting.setting.knob {
        Knob::Sysctl(name) if is_namespaced(name) => Some((name.as_str(), setting)),
        _ => None,
    })
}

fn of_the_machine<'a>(settings: &'a [Exported<'a>], also: fn(&Knob) -> bool) -> String {
    let of_machine = settings.iter().filter(move |setting| match &setting.setting.knob {
        Knob::Sysctl(name) => !is_namespaced(name),
        knob => !also(knob),
    });
    rest(of_machine.map(|setting| (setting, "of the machine below")))
}

/// A fragment of a compose file.
pub(super) fn docker(settings: &[Exported<'_>]) -> String {
    let mut text =
        "services:\n  ringwire:\n    security_opt:\n      - seccomp:ringwire-seccomp.json\n    sysctls:\n".to_owned();
    for (name, setting) in own(settings) {
        text += &format!("      {name}: {:?}\n", setting.value.replace('\t', " "));
    }
    text += &ulimits(settings);
    text + &of_the_machine(settings, |knob| matches!(knob, Knob::Limit(_)))
}

fn ulimits(settings: &[Exported<'_>]) -> String {
    let limits = settings.iter().filter_map(|setting| match &setting.setting.knob {
        Knob::Limit(limit @ (Limit::Nofile | Limit::Memlock)) => {
            let name = limit.name();
            Some(format!("      {name}:\n        soft: {}\n        hard: {0}\n", setting.value))
        }
        _ => None,
    });
    let limits: String = limits.collect();
    if limits.is_empty() { limits } else { format!("    ulimits:\n{limits}") }
}

/// A fragment of a pod's specification.
pub(super) fn k8s(settings: &[Exported<'_>]) -> String {
    let mut text = "spec:\n  securityContext:\n    seccompProfile:\n      type: Localhost\n      localhostProfile: ringwire-seccomp.json\n    sysctls:\n".to_owned();
    for (name, setting) in own(settings) {
        let note =
            if SAFE_FOR_PODS.contains(&name) { "" } else { " # the kubelet must allow it: --allowed-unsafe-sysctls" };
        text += &format!("      - name: {name}{note}\n        value: {:?}\n", setting.value.replace('\t', " "));
    }
    text + &of_the_machine(settings, |_| false)
}
