//! Where a client left off.

use std::borrow::Cow;

use super::history::Position;

/// What a client has of what it subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After<'a> {
    /// All up to this position, in the one topic.
    One(Position),
    /// Sorted by topic, none twice.
    Each(Vec<(Cow<'a, str>, Position)>),
}

/// Positions in one request.
pub(crate) const POSITIONS_MAX: usize = 1024;

impl<'a> After<'a> {
    /// Sorts positions by their topics.
    ///
    /// # Errors
    /// A topic that is there twice.
    pub(crate) fn each(mut positions: Vec<(Cow<'a, str>, Position)>) -> Result<Self, Cow<'a, str>> {
        positions.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        match positions.windows(2).position(|pair| pair[0].0 == pair[1].0) {
            Some(at) => Err(positions.swap_remove(at).0),
            None => Ok(Self::Each(positions)),
        }
    }

    /// Each topic with its position; a single position is that of `name`.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn pairs<'s>(&'s self, name: &'s str) -> Vec<(&'s str, Position)> {
        match self {
            Self::One(position) => vec![(name, *position)],
            Self::Each(positions) => positions.iter().map(|(topic, position)| (&**topic, *position)).collect(),
        }
    }

    /// The same, for longer than the request that said it.
    #[cfg(any(test, feature = "node"))]
    pub(crate) fn into_owned(self) -> After<'static> {
        match self {
            Self::One(position) => After::One(position),
            Self::Each(positions) => {
                let owned = |(topic, position): (Cow<'_, str>, _)| (Cow::Owned(topic.into_owned()), position);
                After::Each(positions.into_iter().map(owned).collect())
            }
        }
    }

    /// What it has of topic `name`.
    #[cfg(test)]
    pub(crate) fn of(&self, name: &str) -> Option<Position> {
        match self {
            Self::One(position) => Some(*position),
            Self::Each(positions) => {
                let at = positions.binary_search_by(|(topic, _)| (**topic).cmp(name)).ok()?;
                Some(positions[at].1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> Position {
        text.parse().expect("a position")
    }

    #[test]
    fn each_topic_has_its_own_position() {
        let positions = [("b", "1-2"), ("a.b", "1-1"), ("c", "1-3")];
        let after =
            After::each(positions.map(|(topic, text)| (topic.into(), position(text))).into()).expect("all differ");
        for (topic, text) in positions {
            assert_eq!(after.of(topic), Some(position(text)));
        }
        assert_eq!(after.of("a"), None);
        assert_eq!(After::One(position("1-2")).of("any"), Some(position("1-2")));
    }

    #[test]
    fn a_topic_that_is_there_twice_is_told() {
        let positions = ["b", "a", "b", "c"].map(|topic| (topic.into(), position("1-1")));
        assert_eq!(After::each(positions.into()), Err("b".into()));
    }
}
