//! Patterns that are subscribed to, as a trie of tokens: what a publication costs depends on its own tokens, not on how many
//! patterns there are.
//!
//! A node is a beginning of patterns. Its literal children of all nodes are in one hash table, its `*` child beside it, and a
//! pattern that goes on with `>` ends at it. A match follows both the literal and the `*` at every token.
//!
//! The bound: a match looks at no node twice, and at no more than 2ⁿ nodes at depth n, with n at most `topic_tokens_max`. Every
//! node belongs to a pattern that is subscribed to, so that whoever wants a publication to look at many nodes needs as many
//! subscriptions as if it were to be delivered to all of them, but for a factor of `topic_tokens_max`.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::TopicId;
use crate::config::budget::PATTERN_NODE_BYTES;

/// Index of a node.
type NodeId = u32;

/// The empty beginning; it is always there.
const ROOT: NodeId = 0;

/// All patterns of a shard, and the topic of each.
#[derive(Debug)]
pub(crate) struct Patterns {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    /// Nodes whose token is literal, by parent and token.
    literals: HashTable<NodeId>,
    hasher: DefaultHashBuilder,
    count: usize,
    /// Nodes that a match has still to look at, each with the beginning of its token in the name.
    ahead: Vec<(NodeId, usize)>,
}

#[derive(Debug, Default)]
struct Node {
    parent: NodeId,
    /// The last token of the beginning; `*` is the wildcard.
    token: Box<str>,
    /// The pattern that ends here.
    topic: Option<TopicId>,
    /// The pattern that goes on with `>`.
    rest: Option<TopicId>,
    star: Option<NodeId>,
    literal_count: u32,
}

/// What is left is for its place in the table and in the list of free nodes, and for what its token's allocation rounds up.
const _: () = assert!(size_of::<Node>() <= PATTERN_NODE_BYTES as usize - 24);

impl Default for Patterns {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
            literals: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            count: 0,
            ahead: Vec::new(),
        }
    }
}

impl Patterns {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of patterns.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds to `matched` the topics of all patterns that `name` matches, and returns how many nodes that took.
    pub(crate) fn find_matches(&mut self, name: &str, matched: &mut Vec<TopicId>) -> usize {
        let mut visited = 0;
        self.ahead.push((ROOT, 0));
        while let Some((id, begin)) = self.ahead.pop() {
            visited += 1;
            let node = &self.nodes[id as usize];
            // Behind the last token there is no dot to begin after.
            let Some(rest) = name.get(begin..) else {
                matched.extend(node.topic);
                continue;
            };
            matched.extend(node.rest);
            let len = memchr::memchr(b'.', rest.as_bytes()).unwrap_or(rest.len());
            let children = [node.star, self.literal(id, &rest[..len])];
            self.ahead.extend(children.into_iter().flatten().map(|child| (child, begin + len + 1)));
        }
        visited
    }

    /// The topic of a pattern.
    pub(crate) fn find(&self, pattern: &str) -> Option<TopicId> {
        let node = &self.nodes[self.find_node(pattern)? as usize];
        if is_open(pattern) { node.rest } else { node.topic }
    }

    /// Adds a pattern that is not among them.
    pub(crate) fn insert(&mut self, pattern: &str, topic: TopicId) {
        let node =
            tokens(pattern).fold(ROOT, |node, token| self.child(node, token).unwrap_or_else(|| self.add(node, token)));
        *self.end_mut(node, pattern) = Some(topic);
        self.count += 1;
    }

    /// Removes a pattern that is among them, and the nodes that only it needed.
    pub(crate) fn remove(&mut self, pattern: &str) {
        let mut node = self.find_node(pattern).expect("the pattern is among them");
        *self.end_mut(node, pattern) = None;
        self.count -= 1;
        while node != ROOT && self.nodes[node as usize].is_unused() {
            node = self.prune(node);
        }
    }

    fn find_node(&self, pattern: &str) -> Option<NodeId> {
        tokens(pattern).try_fold(ROOT, |node, token| self.child(node, token))
    }

    fn child(&self, node: NodeId, token: &str) -> Option<NodeId> {
        if token == "*" { self.nodes[node as usize].star } else { self.literal(node, token) }
    }

    #[inline]
    fn literal(&self, parent: NodeId, token: &str) -> Option<NodeId> {
        if self.nodes[parent as usize].literal_count == 0 {
            return None;
        }
        let is_it = |&id: &NodeId| {
            let node = &self.nodes[id as usize];
            node.parent == parent && *node.token == *token
        };
        self.literals.find(self.hasher.hash_one((parent, token)), is_it).copied()
    }

    /// Where the topic of a pattern stands whose tokens lead to `node`.
    fn end_mut(&mut self, node: NodeId, pattern: &str) -> &mut Option<TopicId> {
        let node = &mut self.nodes[node as usize];
        if is_open(pattern) { &mut node.rest } else { &mut node.topic }
    }

    fn add(&mut self, parent: NodeId, token: &str) -> NodeId {
        let node = Node { parent, token: token.into(), ..Node::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as NodeId - 1
            }
        };
        if token == "*" {
            self.nodes[parent as usize].star = Some(id);
        } else {
            self.nodes[parent as usize].literal_count += 1;
            let Self { nodes, literals, hasher, .. } = self;
            let hash = |&id: &NodeId| hasher.hash_one(nodes[id as usize].key());
            literals.insert_unique(hash(&id), id, hash);
        }
        id
    }

    /// Frees a node that is unused, and returns its parent.
    fn prune(&mut self, id: NodeId) -> NodeId {
        let node = std::mem::take(&mut self.nodes[id as usize]);
        self.free.push(id);
        let parent = &mut self.nodes[node.parent as usize];
        if *node.token == *"*" {
            parent.star = None;
        } else {
            parent.literal_count -= 1;
            let entry = self.literals.find_entry(self.hasher.hash_one(node.key()), |&entry| entry == id);
            entry.expect("a literal node is in the table").remove();
        }
        node.parent
    }
}

impl Node {
    fn is_unused(&self) -> bool {
        self.topic.is_none() && self.rest.is_none() && self.star.is_none() && self.literal_count == 0
    }

    fn key(&self) -> (NodeId, &str) {
        (self.parent, &self.token)
    }
}

/// Whether a pattern ends in `>`.
fn is_open(pattern: &str) -> bool {
    pattern.ends_with('>')
}

/// The tokens of a pattern, without a last `>`.
fn tokens(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.strip_suffix('>').unwrap_or(pattern).split_terminator('.')
}

#[cfg(test)]
impl Patterns {
    /// Nodes in use beside the root, and literal ones among them.
    pub(crate) fn node_counts(&self) -> (usize, usize) {
        (self.nodes.len() - self.free.len() - 1, self.literals.len())
    }
}
