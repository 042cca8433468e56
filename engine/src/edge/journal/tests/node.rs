//! What the tests of files share: a directory, a journal that runs on a thread, publications.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, io};

use tokio::sync::oneshot;

use super::super::directory::Directory;
use super::super::store::{Store, UringStore};
use crate::config::JournalConfig;
use crate::edge::clock::unix_ms;
use crate::edge::journal::{
    Journal, JournalHealth, JournalStatus, JournalTask, Recovered, Rules, segment_name, segment_number,
};
use crate::topic::history::{Entry, History, HistoryLimits, MessageKind, Offset};
use crate::topic::journal::{Ack, Durability, JournalEntry, JournalPort};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory that goes with the test.
pub(super) struct TempDir(pub(super) PathBuf);

impl TempDir {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ringwire-journal-{}-{number}", std::process::id()));
        // One of an earlier process with this number.
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        let names = fs::read_dir(&self.0).expect("a directory").map(|entry| entry.expect("an entry").file_name());
        let mut numbers: Vec<_> = names.filter_map(|name| segment_number(name.to_str()?)).collect();
        numbers.sort_unstable();
        numbers
    }

    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.0.join(segment_name(number))
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.numbers().iter().map(|&number| fs::metadata(self.segment(number)).expect("a file").len()).sum()
    }

    /// A directory with copies of these segments.
    pub(super) fn copy(&self, numbers: &[u64]) -> Self {
        let copy = Self::new();
        fs::create_dir(&copy.0).expect("a new directory");
        for &number in numbers {
            fs::copy(self.segment(number), copy.segment(number)).expect("a copy");
        }
        fs::copy(self.0.join("mark"), copy.0.join("mark")).expect("a copy");
        copy
    }

    pub(super) fn open(&self, config: &JournalConfig) -> Journal {
        open(&self.0, config)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn open(dir: &Path, config: &JournalConfig) -> Journal {
    Journal::open(dir, config, rules(usize::MAX, |topic| (topic != "without").then(limits))).expect("it opens")
}

/// All topics for which there are limits, up to so many bytes of all.
pub(super) fn rules<L: Fn(&str) -> Option<HistoryLimits>>(bytes_max: usize, limits_of: L) -> Rules<L> {
    Rules { limits_of, bytes_max, digest: 0 }
}

pub(super) fn limits() -> HistoryLimits {
    HistoryLimits::new(1 << 24, 1 << 36, Duration::from_secs(3600), 0).expect("within their ranges")
}

/// A journal that is written.
pub(super) struct Running {
    pub(super) port: JournalPort,
    status: JournalStatus,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Running {
    pub(super) fn start(task: JournalTask, port: JournalPort) -> Self {
        Self::spawn(port, task.parts.inbox.status(), |stop| task.run(stop))
    }

    /// The same on other files.
    pub(super) fn start_on<S: Store>(
        task: JournalTask,
        port: JournalPort,
        store: impl FnOnce(UringStore) -> S + Send + 'static,
    ) -> Self {
        let store = |directory: Directory| store(UringStore::new(directory));
        Self::spawn(port, task.parts.inbox.status(), |stop| task.run_with(store, stop))
    }

    fn spawn<F: Future<Output = io::Result<()>>>(
        port: JournalPort,
        status: JournalStatus,
        run: impl FnOnce(Stop) -> F + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let stopped: Stop = Box::pin(async { drop(stopped.await) });
        let thread = thread::spawn(|| tokio_uring::start(run(stopped)));
        Self { port, status, stop, thread }
    }

    pub(super) fn health(&self) -> JournalHealth {
        self.status.read()
    }

    /// Waits until all is written and the journal is closed.
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        self.thread.join().expect("no panic").expect("a bell");
    }

    /// Publishes a message, and waits until it is known whether it is durable.
    pub(super) fn publish(&self, topic: &str, offset: u64) -> Durability {
        send(&self.port, topic, offset, 1).recv_timeout(PATIENCE).expect("an answer")
    }
}

type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Publishes a message of a topic whose history holds it from `oldest` on.
pub(super) fn send(port: &JournalPort, topic: &str, offset: u64, oldest: u64) -> Receiver<Durability> {
    let (tell, told) = channel();
    let ack = Ack::new(move |durability| drop(tell.send(durability)));
    let entry = JournalEntry { ack: Some(ack), oldest: Offset(oldest), ..message(topic, offset) };
    push(port, entry).expect("room in the queue");
    told
}

/// Hands on an entry as a shard does; it comes back when the queue is full.
pub(super) fn push(port: &JournalPort, entry: JournalEntry) -> Result<(), JournalEntry> {
    match port.reserve(&entry.topic, &entry.entry.payload) {
        Some(place) => place.push(entry),
        None => return Err(entry),
    }
    port.ring();
    Ok(())
}

/// Its text names topic and offset.
pub(super) fn message(topic: &str, offset: u64) -> JournalEntry {
    let time_ms = unix_ms();
    let entry = Entry { offset: Offset(offset), time_ms, kind: MessageKind::Text, payload: payload(topic, offset) };
    JournalEntry { topic: topic.into(), entry, oldest: Offset(1), ack: None }
}

fn payload(topic: &str, offset: u64) -> std::sync::Arc<[u8]> {
    format!("{topic} {offset} {}", "x".repeat((offset % 50) as usize)).into_bytes().into()
}

pub(super) fn history<'a>(recovered: &'a Recovered, name: &str) -> Option<&'a History> {
    recovered.topics.iter().find(|(topic, _)| **topic == *name).map(|(_, history)| history)
}

/// The offsets that a topic's history holds; each message is checked to be what was published.
pub(super) fn offsets(recovered: &Recovered, name: &str) -> Vec<u64> {
    let Some(history) = history(recovered, name) else { return Vec::new() };
    let Some(oldest) = history.oldest() else { return Vec::new() };
    let Ok(entries) = history.after(history.at(Offset(oldest.offset.0 - 1))) else { panic!("the oldest one is held") };
    let check = |entry: &Entry| {
        assert_eq!(entry.payload, payload(name, entry.offset.0), "{name} {}: invented", entry.offset);
        entry.offset.0
    };
    entries.map(check).collect()
}

/// Waits until it holds.
pub(super) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
