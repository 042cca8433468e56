//! What a setting is on a certain machine: the places that have to say what is wanted, and how each is read and written.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::amount::{self, Facts, parse_list};
use crate::machine::{Interface, Machine};
use crate::profile::{Compare, CpuKnob, Knob, Limit, NicKnob, Setting};
use crate::system::System;

/// A place, and what it has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub place: Place,
    /// What.
    pub wanted: String,
}

/// Somewhere on the machine that holds one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Place {
    /// A file of the kernel. It forgets what is written there when the machine restarts.
    Kernel {
        /// Where it is.
        path: PathBuf,
        /// How it is read.
        form: Form,
    },
    /// A file that is there only because we wrote it: limits of who logs in.
    Ours {
        /// Where it is.
        path: PathBuf,
    },
    /// What `ethtool` sets.
    Ethtool {
        /// Of which interface.
        interface: String,
        /// By the name that the program has for it.
        key: String,
    },
    /// A parameter of the kernel's command line: read, never written.
    Boot {
        /// Its name.
        parameter: String,
    },
}

/// How a file of the kernel shows its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Words and numbers between blanks.
    Words,
    /// All that may be chosen, what is chosen in brackets.
    Choice,
    /// A hexadecimal mask of cores.
    Mask,
    /// A list of cores.
    List,
}

/// What a file of the kernel says that is there for something that the machine does not have, as `smt/control` without SMT.
const NOT_THERE: [&str; 2] = ["notsupported", "notimplemented"];
const NOT_HERE: &str = "the kernel says that this machine does not have it";

/// Why a setting has no place on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent(pub String);

/// The places that a setting sets on a machine.
///
/// # Errors
///
/// [`Absent`] if there is none.
pub fn targets(
    setting: &Setting,
    machine: &Machine,
    system: &impl System,
    facts: &Facts,
) -> Result<Vec<Target>, Absent> {
    let wanted = |queue| setting.value.text(facts, setting.unit, queue);
    let one = |place| Ok(vec![Target { place, wanted: wanted(0) }]);
    match &setting.knob {
        Knob::Sysctl(name) => one(kernel(sysctl_path(name), Form::Words)),
        Knob::File(path) => {
            let path = PathBuf::from(path);
            let is_choice = system.read(&path).is_ok_and(|text| text.contains('['));
            one(kernel(path, if is_choice { Form::Choice } else { Form::Words }))
        }
        Knob::Limit(limit) => {
            let place = Place::Ours { path: limits_path(*limit) };
            Ok(vec![Target { place, wanted: limits_text(*limit, &wanted(0)) }])
        }
        Knob::Boot(parameter) => one(Place::Boot { parameter: parameter.clone() }),
        Knob::Nic(_) | Knob::Irq if machine.interfaces.is_empty() => {
            Err(Absent("this machine has no network interface with hardware behind it".into()))
        }
        Knob::Nic(knob) => Ok(machine.interfaces.iter().flat_map(|nic| of_nic(nic, *knob, &wanted)).collect()),
        Knob::Irq => some(
            machine.interfaces.iter().flat_map(|nic| of_irqs(nic, &wanted)),
            "no interrupts of network interfaces are listed here",
        ),
        Knob::Cpu(CpuKnob::Governor) => {
            some(governors(machine, system, &wanted(0)), "this machine does not let one choose a governor")
        }
        Knob::Cpu(CpuKnob::IdleLatencyMax) => {
            let most = wanted(0).parse().unwrap_or(u64::MAX);
            some(idle_states(machine, system, most), "this machine has no idle states to choose from")
        }
    }
}

fn some(targets: impl IntoIterator<Item = Target>, otherwise: &str) -> Result<Vec<Target>, Absent> {
    let targets: Vec<Target> = targets.into_iter().collect();
    if targets.is_empty() { Err(Absent(otherwise.to_owned())) } else { Ok(targets) }
}

fn kernel(path: PathBuf, form: Form) -> Place {
    Place::Kernel { path, form }
}

fn sysctl_path(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name.replace('.', "/"))
}

fn limits_path(limit: Limit) -> PathBuf {
    PathBuf::from(format!("/etc/security/limits.d/90-ringwire-{}.conf", limit.name()))
}

/// As `limits.conf` wants it; locked memory in KiB there. `*` does not hold for root.
fn limits_text(limit: Limit, wanted: &str) -> String {
    let number: u64 = wanted.parse().unwrap_or(u64::MAX);
    let number = if limit == Limit::Memlock { number.div_ceil(1024) } else { number };
    let line = |who: &str| format!("{who}\t-\t{}\t{number}\n", limit.name());
    format!("# Written by ringwire-tune; `ringwire-tune revert` removes it.\n{}{}", line("*"), line("root"))
}

fn of_nic(nic: &Interface, knob: NicKnob, wanted: &impl Fn(usize) -> String) -> Vec<Target> {
    let folder = Path::new("/sys/class/net").join(&nic.name);
    let queues = |names: &[String], file: &str, form: Form| {
        let target = |(number, queue): (usize, &String)| Target {
            place: kernel(folder.join("queues").join(queue).join(file), form),
            wanted: wanted(number),
        };
        names.iter().enumerate().map(target).collect()
    };
    let whole = |file: &str| vec![Target { place: kernel(folder.join(file), Form::Words), wanted: wanted(0) }];
    let ethtool = || {
        let place = Place::Ethtool { interface: nic.name.clone(), key: knob.name().to_owned() };
        vec![Target { place, wanted: wanted(0) }]
    };
    match knob {
        NicKnob::RpsCpus => queues(&nic.rx, "rps_cpus", Form::Mask),
        NicKnob::RpsFlowCount => queues(&nic.rx, "rps_flow_cnt", Form::Words),
        NicKnob::XpsCpus => queues(&nic.tx, "xps_cpus", Form::Mask),
        NicKnob::NapiDeferHardIrqs => whole("napi_defer_hard_irqs"),
        NicKnob::GroFlushTimeout => whole("gro_flush_timeout"),
        NicKnob::RxUsecs | NicKnob::AdaptiveRx | NicKnob::Gro => ethtool(),
    }
}

fn of_irqs(nic: &Interface, wanted: &impl Fn(usize) -> String) -> Vec<Target> {
    let path = |irq: &String| Path::new("/proc/irq").join(irq).join("smp_affinity_list");
    let target = |(number, irq)| Target { place: kernel(path(irq), Form::List), wanted: wanted(number) };
    nic.irqs.iter().enumerate().map(target).collect()
}

fn cpu_folder(core: usize) -> PathBuf {
    PathBuf::from(format!("/sys/devices/system/cpu/cpu{core}"))
}

fn governors(machine: &Machine, system: &impl System, wanted: &str) -> Vec<Target> {
    let paths = machine.cores.iter().map(|&core| cpu_folder(core).join("cpufreq/scaling_governor"));
    let there = paths.filter(|path| system.exists(path));
    there.map(|path| Target { place: kernel(path, Form::Words), wanted: wanted.to_owned() }).collect()
}

fn idle_states(machine: &Machine, system: &impl System, latency_max: u64) -> Vec<Target> {
    let mut targets = Vec::new();
    for &core in &machine.cores {
        let folder = cpu_folder(core).join("cpuidle");
        for state in system.list(&folder).into_iter().map(|state| folder.join(state)) {
            let Some(latency) =
                system.read(&state.join("latency")).ok().and_then(|text| text.trim().parse::<u64>().ok())
            else {
                continue;
            };
            let wanted = u8::from(latency > latency_max).to_string();
            targets.push(Target { place: kernel(state.join("disable"), Form::Words), wanted });
        }
    }
    targets
}

impl Place {
    /// What it says now; none for a file of ours that there is not, and for a parameter that was not given.
    ///
    /// # Errors
    ///
    /// `NotFound` and `Unsupported` if this machine does not have it.
    pub fn live(&self, machine: &Machine, system: &impl System) -> io::Result<Option<String>> {
        match self {
            Self::Kernel { path, form } => match form.value(&system.read(path)?) {
                value if NOT_THERE.contains(&&*value) => Err(io::Error::new(ErrorKind::Unsupported, NOT_HERE)),
                value => Ok(Some(value)),
            },
            Self::Ours { path } => match system.read(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                text => text.map(Some),
            },
            Self::Ethtool { interface, key } => system.ethtool(interface, key).map(Some),
            Self::Boot { parameter } => Ok(boot_value(&machine.boot_line, parameter)),
        }
    }

    /// Makes it say this; `None` removes a file of ours.
    ///
    /// # Errors
    ///
    /// As the machine answers.
    ///
    /// # Panics
    ///
    /// For a parameter of the command line, which is not written.
    pub fn set(&self, system: &mut impl System, value: Option<&str>) -> io::Result<()> {
        match (self, value) {
            (Self::Kernel { path, .. }, Some(value)) => system.write(path, value),
            (Self::Ours { path }, Some(value)) => replace(system, path, value),
            (Self::Ours { path }, None) => {
                system.remove(&temporary(path))?;
                system.remove(path)
            }
            (Self::Ethtool { interface, key }, Some(value)) => system.set_ethtool(interface, key, value),
            (Self::Kernel { .. } | Self::Ethtool { .. }, None) => Ok(()),
            (Self::Boot { .. }, _) => unreachable!("the command line is not written"),
        }
    }

    /// Whether it forgets when the machine restarts.
    pub fn is_volatile(&self) -> bool {
        !matches!(self, Self::Ours { .. })
    }
}

/// Writes a file of ours so that there is always a whole one.
pub(crate) fn replace(system: &mut impl System, path: &Path, text: &str) -> io::Result<()> {
    let new = temporary(path);
    system.create(&new, text)?;
    system.rename(&new, path)
}

/// What a file of ours is called while it is written.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// The last value that the command line gives a parameter; empty for one without.
fn boot_value(line: &str, parameter: &str) -> Option<String> {
    let value = |word: &str| {
        let rest = word.strip_prefix(parameter)?;
        if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix('=').map(str::to_owned) }
    };
    line.split_whitespace().filter_map(value).next_back()
}

impl Form {
    /// The value in a file's text, which can be written there again.
    fn value(self, text: &str) -> String {
        let text = text.trim_end_matches('\n');
        match self {
            Self::Choice => {
                let chosen = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
                chosen.unwrap_or(text).to_owned()
            }
            Self::Words | Self::Mask | Self::List => text.to_owned(),
        }
    }
}

impl Target {
    /// Whether what is live will do.
    pub fn is_met(&self, live: Option<&str>, compare: Compare) -> bool {
        let Some(live) = live else { return false };
        match &self.place {
            Place::Kernel { form: Form::Mask, .. } => mask_bits(live) == mask_bits(&self.wanted_text()),
            Place::Kernel { form: Form::List, .. } => parse_list(live) == parse_list(&self.wanted),
            Place::Ours { .. } => live == self.wanted,
            _ if compare == Compare::AtLeast => at_least(live, &self.wanted),
            _ => live.split_whitespace().eq(self.wanted.split_whitespace()),
        }
    }

    /// What is written there.
    pub fn wanted_text(&self) -> String {
        match &self.place {
            Place::Kernel { form: Form::Mask, .. } => amount::mask(&parse_list(&self.wanted).unwrap_or_default()),
            _ => self.wanted.clone(),
        }
    }
}

/// A mask's digits without what says nothing.
fn mask_bits(mask: &str) -> String {
    let digits: String = mask.chars().filter(|c| *c != ',' && !c.is_whitespace()).collect();
    digits.trim_start_matches('0').to_lowercase()
}

fn at_least(live: &str, wanted: &str) -> bool {
    let numbers = |text: &str| text.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>();
    match (numbers(live), numbers(wanted)) {
        (Ok(live), Ok(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(&wanted).all(|(live, wanted)| live >= wanted)
        }
        _ => live == wanted,
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Kernel { path, .. } => match path.strip_prefix("/proc/sys") {
                Ok(name) => name.to_string_lossy().replace('/', "."),
                Err(_) => path.display().to_string(),
            },
            Self::Ours { path } => path.display().to_string(),
            Self::Ethtool { interface, key } => format!("{interface}: {key}"),
            Self::Boot { parameter } => format!("boot: {parameter}"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::system::fake::Fake;

    fn met(form: Form, live: &str, wanted: &str, compare: Compare) -> bool {
        let target = Target { place: kernel("/x".into(), form), wanted: wanted.into() };
        target.is_met(Some(live), compare)
    }

    #[test]
    fn values_are_compared_as_the_kernel_means_them() {
        assert!(met(Form::Words, "4096\t8192  9", "4096 8192\t9", Compare::Exactly));
        assert!(!met(Form::Words, "5000", "4096", Compare::Exactly));
        assert!(met(Form::Words, "9223372036854775807", "4096", Compare::AtLeast));
        assert!(!met(Form::Words, "4096 1", "4096 2", Compare::AtLeast));
        assert!(met(Form::Mask, "00000000,00000003", "0-1", Compare::Exactly));
        assert!(!met(Form::Mask, "00000001", "0-1", Compare::Exactly));
        assert!(met(Form::List, "0,1", "0-1", Compare::Exactly));
        assert_eq!(Form::Choice.value("always [madvise] never\n"), "madvise");
    }

    #[test]
    fn parameters_are_found_in_the_command_line() {
        assert_eq!(boot_value("ro isolcpus=1-3 nohz", "isolcpus").as_deref(), Some("1-3"));
        assert_eq!(boot_value("ro nohz_full=1 nohz", "nohz").as_deref(), Some(""));
        assert_eq!(boot_value("a=1 a=2", "a").as_deref(), Some("2"));
        assert_eq!(boot_value("ro", "isolcpus"), None);
    }

    /// Every setting that ships has its places on a server, and says what it wants there.
    #[test]
    fn settings_become_places() {
        let fake = Fake::server();
        let machine = Machine::read(&fake).unwrap();
        for profile in Profile::shipped() {
            for setting in &profile.settings {
                let targets = targets(setting, &machine, &fake, &machine.facts(1000));
                let targets =
                    targets.unwrap_or_else(|absent| panic!("{}: {}: {}", profile.name, setting.knob, absent.0));
                for target in targets {
                    let live = target.place.live(&machine, &fake);
                    assert!(live.is_ok(), "{}: {}: {live:?}", profile.name, target.place);
                }
            }
        }
    }
}
