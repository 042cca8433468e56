//! The journal's end of the queue from the shards (`topic::journal`): a bell that never has them wait.

use std::io::{self, Write};
use std::os::unix::net;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, future};

use tokio::net::UnixStream;

use super::health::JournalHealth;
use super::record::Record;
use crate::config::JournalConfig;
use crate::sys::waker::Sleeper;
use crate::topic::history::Entry;
use crate::topic::journal::{JournalEntry, JournalPort};

/// The queue and what else the task shares with others.
pub(super) struct Inbox {
    pub(super) port: JournalPort,
    sleeper: Arc<Sleeper>,
    status: JournalStatus,
}

/// How the journal is, for others to read. Written by its task; shards leave it alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct JournalStatus(Arc<Mutex<JournalHealth>>);

impl Inbox {
    /// An empty queue, and the task's end of the rope by which the bell is rung: a write to a socket that does not block, and
    /// only while the task sleeps.
    ///
    /// # Errors
    /// Those of `socketpair(2)`.
    pub(super) fn new(config: &JournalConfig) -> io::Result<(Self, net::UnixStream)> {
        let (rope, end) = net::UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        end.set_nonblocking(true)?;
        let sleeper = Arc::new(Sleeper::default());
        let bell = {
            let sleeper = Arc::clone(&sleeper);
            move || {
                if sleeper.must_wake() {
                    // If it is full of rings, they are heard.
                    let _ = (&rope).write(&[0]);
                }
            }
        };
        let port = JournalPort::new(config.queue_count as usize, config.queue_bytes_max, bell);
        Ok((Self { port, sleeper, status: JournalStatus::default() }, end))
    }

    pub(super) fn pop(&self) -> Option<JournalEntry> {
        self.port.pop()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.port.is_empty()
    }

    pub(super) fn status(&self) -> JournalStatus {
        self.status.clone()
    }

    pub(super) fn tell(&self, health: &JournalHealth) {
        self.status.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(health);
    }
}

impl JournalStatus {
    pub(crate) fn read(&self) -> JournalHealth {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({:?})", self.port)
    }
}

impl JournalEntry {
    pub(super) fn record(&self) -> Record<'_> {
        let Entry { offset, time_ms, kind, payload } = &self.entry;
        Record { topic: &self.topic, offset: *offset, time_ms: *time_ms, kind: *kind, payload }
    }
}

/// The task's end of the bell.
pub(super) struct Bell {
    inbox: Arc<Inbox>,
    rope: UnixStream,
}

impl Bell {
    /// Call it on a tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the rope.
    pub(super) fn new(inbox: Arc<Inbox>, rope: net::UnixStream) -> io::Result<Self> {
        Ok(Self { inbox, rope: UnixStream::from_std(rope)? })
    }

    /// Returns when something waits in the queue; may be dropped at any time.
    pub(super) async fn rung(&self) {
        loop {
            self.inbox.sleeper.sleep();
            if !self.inbox.is_empty() {
                break self.inbox.sleeper.awake();
            }
            if self.rope.readable().await.is_err() {
                // The runtime ends, and this task with it.
                future::pending().await
            }
            // How often it rang says nothing.
            let _ = self.rope.try_read(&mut [0; 64]);
        }
    }
}
