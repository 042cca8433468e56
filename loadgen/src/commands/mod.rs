//! The commands: each makes a run of a plan, and a report of what came of it.

mod compare;
mod connect;
mod echo;
mod fanout;
mod headline;
mod idle;
mod refused;
mod show;
mod stage;

#[cfg(test)]
mod tests;

use std::time::UNIX_EPOCH;

use crate::cli::{PlaceError, Plan, Task, UsageError};
use crate::objective::Outcome;
use crate::report::Report;
use crate::sources::SourcesError;
use crate::target::TargetError;
use crate::watched::WatchError;
pub use stage::ThreadsError;

/// Tells the messages of this run from those of others, which a server may still have.
fn run_number(seed: u64) -> u64 {
    let now = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    seed ^ now.rotate_left(24)
}

/// Does what the plan says.
///
/// # Errors
/// When the run could not be made at all; a run that went badly is a report too.
pub fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut report = Report::begin(&plan.common.target.to_string(), plan.settings.clone());
    match &plan.task {
        Task::Echo(task) => echo::run(&plan.common, task, &mut report)?,
        Task::Idle(task) => idle::run(&plan.common, task, &mut report)?,
        Task::Connect(task) => connect::run(&plan.common, task, &mut report)?,
        Task::Fanout(task) => fanout::run(&plan.common, task, &mut report)?,
        Task::Compare(task) => compare::run(&plan.common, task, &mut report)?,
    }
    report.check_validity(plan.common.bounds);
    report.objectives = plan.common.objectives.judge(&report.groups);
    Ok(report)
}

/// How a command ends that made no report: what the command line names and is not there is its writer's to mend.
pub fn outcome(error: &anyhow::Error) -> Outcome {
    let is_usage = error.is::<UsageError>()
        || error.is::<PlaceError>()
        || error.is::<TargetError>()
        || error.is::<SourcesError>()
        || error.is::<ThreadsError>()
        || matches!(error.downcast_ref(), Some(WatchError::NoProcess { .. } | WatchError::Unreadable { .. }));
    if is_usage { Outcome::Usage } else { Outcome::Invalid }
}
