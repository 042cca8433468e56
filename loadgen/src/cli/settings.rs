//! A plan as the names and values of its options: what a report tells of it.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwire::config::text::print_duration;

use super::plan::{Common, Messages, Pace, Task, Transport, Window};
use crate::payload::Form;

/// All settings, typed or by default. What was not asked for is not in it.
pub(super) fn settings(common: &Common, task: &Task) -> BTreeMap<String, String> {
    let mut all = of_common(common);
    // It has no load to open connections before.
    all.retain(|(name, _)| *name != "connect-rate" || !matches!(task, Task::Connect(_)));
    all.extend(of_task(task));
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

type Setting = (&'static str, String);

fn of_common(common: &Common) -> Vec<Setting> {
    vec![
        ("threads", common.threads.to_string()),
        ("connect-rate", common.connect_rate.as_f64().to_string()),
        ("connect-timeout", print_duration(common.connect_timeout)),
        ("seed", common.seed.to_string()),
        ("offer-lag-max", print_duration(common.bounds.offer_lag_max)),
    ]
}

fn of_task(task: &Task) -> Vec<Setting> {
    match task {
        Task::Echo(plan) => {
            let pace = match plan.pace {
                Pace::Open { rate, ramp } => vec![("rate", rate.as_f64().to_string()), ("ramp", print_duration(ramp))],
                Pace::Closed { depth } => vec![("depth", depth.to_string())],
            };
            let own = [("connections", plan.connections.to_string())];
            own.into_iter().chain(pace).chain(of_window(plan.window)).chain(of_messages(&plan.messages)).collect()
        }
        Task::Fanout(plan) => {
            let own = [
                ("subscribers", plan.subscribers.to_string()),
                ("topics", plan.topics.to_string()),
                ("publishers", plan.publishers.to_string()),
                ("rate", plan.rate.as_f64().to_string()),
                ("transports", names(&plan.transports)),
                ("poll-interval", print_duration(plan.poll_interval)),
            ];
            own.into_iter().chain(of_window(plan.window)).chain(of_messages(&plan.messages)).collect()
        }
        Task::Idle(plan) => vec![
            ("connections", plan.connections.to_string()),
            ("duration", print_duration(plan.duration)),
            ("verify", plan.verify.to_string()),
        ],
        Task::Connect(plan) => {
            let own = [("rate", plan.rate.as_f64().to_string()), ("hold", print_duration(plan.hold))];
            own.into_iter().chain(of_window(plan.window)).collect()
        }
        Task::Compare(plan) => {
            let own = [
                ("viewers", plan.viewers.to_string()),
                ("frames", plan.frames.as_f64().to_string()),
                ("transports", names(&plan.transports)),
                ("poll-intervals", joined(plan.poll_intervals.iter().copied().map(print_duration))),
                ("apart", plan.apart.to_string()),
            ];
            own.into_iter().chain(of_window(plan.window)).chain(of_messages(&plan.messages)).collect()
        }
    }
}

fn of_window(window: Window) -> [Setting; 2] {
    let told = |time: Duration| print_duration(time);
    [("warm-up", told(window.warm_up)), ("duration", told(window.length))]
}

fn of_messages(messages: &Messages) -> [Setting; 2] {
    let form = match messages.form {
        Form::Binary => "binary",
        Form::Text => "text",
    };
    [("size", messages.sizes.to_string()), ("form", form.to_owned())]
}

fn names(transports: &[Transport]) -> String {
    joined(transports.iter().copied().map(Transport::name))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}
