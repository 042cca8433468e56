//! What was lost by subscribers of names and patterns that nobody subscribes to any more. A slow subscriber that is disconnected is
//! often the only one, and its losses would go with it.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::metrics::Losses;

/// Names and patterns whose losses a shard remembers; the one that was added first goes when there are more.
pub(crate) const REMEMBERED_MAX: usize = 1024;

/// Losses by name or pattern.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    losses: HashMap<Box<str>, Losses>,
    /// Names in the order in which they were added.
    order: VecDeque<Box<str>>,
}

impl Remembered {
    /// Adds what the last subscribers of a name or pattern lost.
    pub(super) fn add(&mut self, name: Box<str>, losses: Losses) {
        if let Some(known) = self.losses.get_mut(&name) {
            *known += losses;
            return;
        }
        if self.order.len() == REMEMBERED_MAX {
            let oldest = self.order.pop_front().expect("it is full");
            self.losses.remove(&oldest);
        }
        self.order.push_back(name.clone());
        self.losses.insert(name, losses);
    }

    /// Names and patterns behind `after`, in no order, with what was lost.
    pub(crate) fn behind(&self, after: &str) -> impl Iterator<Item = (&str, Losses)> {
        self.losses.iter().map(|(name, losses)| (&**name, *losses)).filter(move |(name, _)| *name > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Loss;

    fn lost(count: u64) -> Losses {
        let mut losses = Losses::default();
        losses.add(Loss::Disconnect, count);
        losses
    }

    #[test]
    fn losses_of_a_name_add_up_and_the_first_names_go() {
        let mut remembered = Remembered::default();
        remembered.add("a".into(), lost(2));
        remembered.add("b".into(), lost(1));
        remembered.add("a".into(), lost(3));
        assert_eq!(remembered.behind("a").collect::<Vec<_>>(), [("b", lost(1))]);
        assert_eq!(remembered.behind("").find(|(name, _)| *name == "a"), Some(("a", lost(5))));
        for number in 0..REMEMBERED_MAX - 1 {
            remembered.add(format!("c{number}").into(), lost(1));
        }
        let names: Vec<_> = remembered.behind("").map(|(name, _)| name).collect();
        assert_eq!((names.len(), names.contains(&"a"), names.contains(&"b")), (REMEMBERED_MAX, false, true));
        assert_eq!((remembered.order.len(), remembered.losses.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    }
}
