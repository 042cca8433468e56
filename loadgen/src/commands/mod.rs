//! The commands: each makes a run of a plan, and a report of what came of it.

mod connect;
mod echo;
mod idle;
mod stage;

use crate::cli::{Plan, Task};
use crate::report::Report;

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
        Task::Fanout(_) | Task::Compare(_) => anyhow::bail!("not yet"),
    }
    report.check_validity(plan.common.bounds);
    report.objectives = plan.common.objectives.judge(&report.groups);
    Ok(report)
}
