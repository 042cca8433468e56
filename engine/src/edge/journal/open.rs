//! Opens a journal: what it has becomes histories, what a crash left is cut, and a new segment is begun.

use std::path::Path;
use std::sync::Arc;

use super::directory::{self, Directory};
use super::error::JournalError;
use super::held::{Held, LimitsOf};
use super::inbox::{Inbox, JournalStatus};
use super::recovery::{Recovered, Recovery};
use super::scan::{Place, Scan, scan};
use super::task::JournalTask;
use crate::config::JournalConfig;
use crate::edge::clock::unix_ms;
use crate::topic::history::{Epoch, HistoryLimits};
use crate::topic::journal::JournalPort;

/// An open journal, whose directory is locked.
#[derive(Debug)]
pub(crate) struct Journal {
    /// That of the files, or a new one.
    pub(crate) epoch: Epoch,
    /// Histories to go on with. Its `summaries` went to the task.
    pub(crate) recovered: Recovered,
    /// Writes, once it runs.
    pub(crate) task: JournalTask,
    /// Takes entries; also before the task runs.
    pub(crate) port: JournalPort,
    /// How it is, while the task runs.
    pub(crate) status: JournalStatus,
}

impl Journal {
    /// Opens or makes the journal in `dir`; blocks while it reads. `limits_of` tells the limits of a topic's history, `None`
    /// for a topic that has none; all histories together keep at most `bytes_max`. Logs what was wrong with the files.
    ///
    /// # Errors
    /// [`JournalError`] says what to do.
    pub(crate) fn open(
        dir: &Path,
        config: &JournalConfig,
        bytes_max: usize,
        limits_of: impl Fn(&str) -> Option<HistoryLimits> + Send + 'static,
    ) -> Result<Self, JournalError> {
        let directory = Directory::open(dir)?;
        let mut recovered = recover(&directory, bytes_max, &limits_of)?;
        report(dir, &recovered);
        let epoch = match recovered.epoch {
            Some(epoch) => epoch,
            None => Epoch(u64::from_le_bytes(random()?)),
        };
        let header = recovered.header(epoch, u32::from_le_bytes(random()?), unix_ms());
        let file = directory.begin(&header)?;
        let (inbox, rope) = Inbox::new(config).map_err(JournalError::System)?;
        let (port, status) = (inbox.port.clone(), inbox.status());
        let task = JournalTask {
            directory,
            inbox: Arc::new(inbox),
            problem_count: recovered.problem_count,
            rope,
            config: config.clone(),
            held: held(&recovered, Box::new(limits_of)),
            segments: std::mem::take(&mut recovered.summaries),
            header,
            file,
        };
        Ok(Self { epoch, recovered, task, port, status })
    }
}

/// Reads all segments, and puts the last one in order.
fn recover(
    directory: &Directory,
    bytes_max: usize,
    limits_of: &impl Fn(&str) -> Option<HistoryLimits>,
) -> Result<Recovered, JournalError> {
    let numbers = directory.segments()?;
    let mut recovery = Recovery::new(limits_of, bytes_max);
    for (index, &number) in numbers.iter().enumerate() {
        let bytes = directory.read(number)?;
        let place = if index + 1 == numbers.len() { Place::Last } else { Place::Earlier };
        let verdict = scan(&bytes, number, place);
        recovery.segment(number, &verdict);
        if place == Place::Last {
            settle(directory, number, &verdict)?;
        }
    }
    Ok(recovery.finish(unix_ms()))
}

/// What is left of the last segment is synced before it gets a successor.
fn settle(directory: &Directory, number: u64, verdict: &Scan<'_>) -> Result<(), JournalError> {
    match verdict {
        Scan::Sound(segment) => directory.cut(number, segment.valid_bytes()),
        Scan::Headless(_) => directory.remove(number),
        // The operator may want it as it is.
        Scan::Corrupt(_) => Ok(()),
    }
}

fn report(dir: &Path, recovered: &Recovered) {
    let dir = dir.display();
    for problem in &recovered.problems {
        tracing::warn!("journal in {dir}: {problem}");
    }
    let untold = recovered.problem_count - recovered.problems.len();
    if untold > 0 {
        tracing::warn!("journal in {dir}: {untold} more problems of these kinds");
    }
    if let Some(topic) = recovered.unruled.keys().next() {
        let (topics, messages) =
            (recovered.unruled.len(), recovered.unruled.values().map(|(_, count)| count).sum::<usize>());
        tracing::warn!(
            "journal in {dir}: no rule gives a history to {topics} of its topics, such as {topic}: their {messages} messages are \
             not served, and stay in the files; a rule in [[topics]] brings them back"
        );
    }
    let (topics, segments) = (recovered.topics.len(), recovered.summaries.len());
    let messages: usize = recovered.topics.iter().map(|(_, history)| history.len()).sum();
    let is_clean = recovered.is_clean;
    tracing::info!(topics, messages, segments, is_clean, "journal in {dir} opened");
}

fn held(recovered: &Recovered, limits_of: LimitsOf) -> Held {
    let mut held = Held::new(limits_of);
    for (topic, history) in &recovered.topics {
        if let (Some(oldest), Some(latest)) = (history.oldest(), history.latest()) {
            held.note(&topic.clone().into(), oldest.offset, latest.time_ms);
        }
    }
    for (topic, &(oldest, _)) in &recovered.unruled {
        held.keep(topic.clone().into(), oldest);
    }
    held
}

fn random<const N: usize>() -> Result<[u8; N], JournalError> {
    directory::random().map_err(JournalError::System)
}
