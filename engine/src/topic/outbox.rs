//! A turn's publications on their way to the other shards: per topic one batch, shared by all of them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Frames of one topic, encoded once.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) topic: Box<str>,
    pub(crate) frames: Vec<u8>,
}

impl Batch {
    /// Bytes that it holds while it waits.
    pub(crate) fn bytes(&self) -> usize {
        self.topic.len() + self.frames.len()
    }
}

/// What this turn's callbacks published, by topic.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    needed: bool,
    batches: Vec<Batch>,
    by_name: FxHashMap<Box<str>, usize>,
}

impl Outbox {
    /// An outbox that is used only when there are other shards.
    pub(crate) fn new(shards: usize) -> Self {
        Self { needed: shards > 1, ..Self::default() }
    }

    #[inline]
    pub(crate) fn is_needed(&self) -> bool {
        self.needed
    }

    pub(crate) fn append(&mut self, topic: &str, head: &[u8], body: &[u8]) {
        let index = match self.by_name.get(topic) {
            Some(&index) => index,
            None => {
                self.batches.push(Batch { topic: topic.into(), frames: Vec::new() });
                self.by_name.insert(topic.into(), self.batches.len() - 1);
                self.batches.len() - 1
            }
        };
        let frames = &mut self.batches[index].frames;
        frames.extend_from_slice(head);
        frames.extend_from_slice(body);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Takes the batches out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Arc<Batch>> {
        self.by_name.clear();
        self.batches.drain(..).map(Arc::new)
    }
}
