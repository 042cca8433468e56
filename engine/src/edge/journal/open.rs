//! Opens a journal: what it has becomes histories, what a crash left is cut, and a new segment is begun.

use std::path::Path;
use std::sync::Arc;

use super::directory::{self, Directory};
use super::error::JournalError;
use super::health::Found;
use super::held::{Held, LimitsOf};
use super::inbox::{Inbox, JournalStatus};
use super::mark::Mark;
use super::recovery::{LetGo, Recovered, Recovery};
use super::scan::{Place, Scan, scan};
use super::task::{JournalTask, Parts};
use crate::config::JournalConfig;
use crate::config::text::print_duration;
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

/// What the configuration says of histories.
pub(crate) struct Rules<L> {
    /// Tells the limits of a topic's history, `None` for a topic that has none.
    pub(crate) limits_of: L,
    /// All histories together keep at most so much.
    pub(crate) bytes_max: usize,
    /// Changes when they do.
    pub(crate) digest: u32,
}

impl Journal {
    /// Opens or makes the journal in `dir`; blocks while it reads. Logs what was wrong with the files.
    ///
    /// # Errors
    /// [`JournalError`] says what to do.
    pub(crate) fn open<L>(dir: &Path, config: &JournalConfig, rules: Rules<L>) -> Result<Self, JournalError>
    where
        L: Fn(&str) -> Option<HistoryLimits> + Send + 'static,
    {
        let directory = Directory::open(dir)?;
        let before = directory.mark()?;
        let mut recovered = recover(&directory, &rules, before)?;
        let found = Found::of(&recovered);
        let has_new_rules = before.is_some_and(|mark| mark.rules != rules.digest);
        report(dir, config, &recovered, &found, has_new_rules);
        let epoch = match recovered.epoch {
            Some(epoch) => epoch,
            None => Epoch(u64::from_le_bytes(random()?)),
        };
        recovered.renumber(epoch);
        let header = recovered.header(epoch, u32::from_le_bytes(random()?), unix_ms());
        let mark = Mark {
            epoch,
            number: header.number,
            sequence: 0,
            floor: header.floor,
            is_closed: false,
            is_lossy: false,
            rules: rules.digest,
            count: before.map_or(0, |mark| mark.count) + 1,
        };
        if before.is_none() {
            // A journal that nothing was written to is not one whose mark was lost.
            directory.write_mark(&Mark { number: header.number - 1, ..mark })?;
        }
        let file = directory.begin(&header)?;
        // Before the first number is given; a segment that the mark does not know yet has none.
        let mark = Mark { count: mark.count + 1, ..mark };
        directory.write_mark(&mark)?;
        let (inbox, rope) = Inbox::new(config).map_err(JournalError::System)?;
        let (port, status) = (inbox.port.clone(), inbox.status());
        let parts = Parts {
            inbox: Arc::new(inbox),
            config: config.clone(),
            held: held(&recovered, Box::new(rules.limits_of)),
            segments: std::mem::take(&mut recovered.summaries),
            header,
            mark,
            found: Arc::new(found),
        };
        Ok(Self { epoch, recovered, task: JournalTask { directory, rope, file, parts }, port, status })
    }
}

/// Reads all segments, and puts the last one in order.
fn recover<L: Fn(&str) -> Option<HistoryLimits>>(
    directory: &Directory,
    rules: &Rules<L>,
    mark: Option<Mark>,
) -> Result<Recovered, JournalError> {
    let numbers = directory.segments()?;
    let mut recovery = Recovery::new(&rules.limits_of, rules.bytes_max, mark);
    for (index, &number) in numbers.iter().enumerate() {
        let bytes = directory.read(number)?;
        let place = if index + 1 == numbers.len() { Place::Last } else { Place::Earlier };
        let verdict = scan(&bytes, number, place);
        let may_settle = recovery.segment(number, &verdict, bytes.len() as u64);
        if place == Place::Last && may_settle {
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
        Scan::Corrupt(..) => Ok(()),
    }
}

fn report(dir: &Path, config: &JournalConfig, recovered: &Recovered, found: &Found, has_new_rules: bool) {
    let dir = dir.display();
    for problem in &recovered.problems {
        tracing::warn!("journal in {dir}: {problem}");
    }
    let untold = recovered.problem_count - recovered.problems.len();
    if untold > 0 {
        tracing::warn!("journal in {dir}: {untold} more problems of these kinds");
    }
    if let Some(topic) = &found.unruled_such_as {
        let (topics, messages) = (found.unruled_topics, found.unruled_messages);
        tracing::warn!(
            "journal in {dir}: no rule gives a history to {topics} of its topics, such as {topic}: their {messages} messages are \
             not served, and stay in the files; a rule in [[topics]] brings them back"
        );
    }
    if found.kept_files > 0 {
        let (files, bytes) = (found.kept_files, found.kept_bytes);
        tracing::warn!(
            "journal in {dir}: {files} files of {bytes} bytes stay because of that, however full it becomes"
        );
    }
    let LetGo { topics, messages } = recovered.let_go;
    if has_new_rules && messages > 0 {
        let grace = print_duration(config.retention_grace);
        tracing::warn!(
            "journal in {dir}: the rules have changed, and do not keep {messages} messages of {topics} topics that the files \
             have; the files stay for {grace} of this run, and if a start until then has other rules, they are there again"
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
    held
}

fn random<const N: usize>() -> Result<[u8; N], JournalError> {
    directory::random().map_err(JournalError::System)
}
