//! How the journal is, in `/metrics` and `/healthz`.

use serde_json::{Value, json};

use super::metrics::{head, line};
use crate::edge::journal::{JournalHealth, JournalStatus};

/// Something that the journal counts.
struct Metric {
    name: &'static str,
    help: &'static str,
    value: fn(&JournalHealth) -> u64,
}

const METRICS: [Metric; 13] = [
    Metric {
        name: "ringwire_journal_up",
        help: "Whether the journal's files can be written.",
        value: |health| u64::from(health.trouble.is_none()),
    },
    Metric {
        name: "ringwire_journal_problems",
        help: "What the start found wrong with the journal's files; the log names it.",
        value: |health| health.found.problem_count as u64,
    },
    Metric {
        name: "ringwire_journal_kept_bytes",
        help: "Bytes of files that are not removed because something in them is not served: it is damaged, or no rule is for it.",
        value: |health| health.found.kept_bytes,
    },
    Metric {
        name: "ringwire_journal_kept_segments",
        help: "Those files.",
        value: |health| health.found.kept_files as u64,
    },
    Metric {
        name: "ringwire_journal_unruled_topics",
        help: "Topics in the journal's files that no rule gives a history, so that they are not served.",
        value: |health| health.found.unruled_topics as u64,
    },
    Metric {
        name: "ringwire_journal_unruled_messages",
        help: "Messages of those topics.",
        value: |health| health.found.unruled_messages as u64,
    },
    Metric { name: "ringwire_journal_bytes", help: "Bytes of the journal's files.", value: |health| health.bytes },
    Metric {
        name: "ringwire_journal_segments",
        help: "Files of the journal, with the one that is written.",
        value: |health| health.segment_count as u64,
    },
    Metric {
        name: "ringwire_journal_messages_total",
        help: "Messages written to the journal.",
        value: |health| health.entry_count,
    },
    Metric {
        name: "ringwire_journal_writes_total",
        help: "Writes that they took.",
        value: |health| health.group_count,
    },
    Metric {
        name: "ringwire_journal_syncs_total",
        help: "Syncs that made messages durable.",
        value: |health| health.sync_count,
    },
    Metric {
        name: "ringwire_journal_lost_total",
        help: "Messages that are not in the journal, because a file failed.",
        value: |health| health.lost_count,
    },
    Metric {
        name: "ringwire_journal_forced_total",
        help: "Files that went though histories still held some of their messages: journal.journal_bytes_max is small for them.",
        value: |health| health.forced_count,
    },
];

/// The lines of `/metrics`, none without a journal.
pub(super) fn encode(out: &mut String, status: Option<&JournalStatus>) {
    let Some(health) = status.map(JournalStatus::read) else { return };
    for Metric { name, help, value } in METRICS {
        head(out, name, help);
        line(out, name, &[], value(&health));
    }
}

/// For `/healthz`. A journal that cannot be written is no reason to restart the node, which goes on
/// serving.
pub(super) fn health(status: &JournalStatus) -> Value {
    let health = status.read();
    let mut said = match health.trouble {
        None => json!({ "status": "ok" }),
        Some(trouble) => json!({ "status": "failed", "message": &*trouble }),
    };
    let found = &*health.found;
    if found.problem_count > 0 {
        said["problems_at_start"] = found.problem_count.into();
        said["problems"] = found.problems.as_slice().into();
    }
    if let Some(topic) = &found.unruled_such_as {
        said["unruled"] =
            json!({ "topics": found.unruled_topics, "messages": found.unruled_messages, "such_as": &**topic });
    }
    if found.kept_files > 0 {
        said["kept"] = json!({ "files": found.kept_files, "bytes": found.kept_bytes });
    }
    said
}
