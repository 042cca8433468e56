//! Names of topics and patterns of names: tokens joined by `.`, as NATS has them. No allocation.
//!
//! A name is published to: `sport.tennis.scores`. Who subscribes may give a pattern instead, in which a token `*` stands for
//! any one token and a last token `>` for one or more. Every text is checked once, where it comes in; behind that, names and
//! patterns are what they should be.
//!
//! It stands with the configuration because rules for topics are checked there; `topic` uses it under its own name.

use super::Config;

/// What somebody subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest<'a> {
    /// One topic.
    Name(&'a str),
    /// All topics whose names match; it has a wildcard.
    Pattern(&'a str),
}

/// How large names and patterns may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameLimits {
    pub(crate) bytes_max: usize,
    pub(crate) tokens_max: usize,
}

impl NameLimits {
    pub(crate) fn new(config: &Config) -> Self {
        Self { bytes_max: config.topic_name_bytes_max, tokens_max: config.topic_tokens_max as usize }
    }
}

impl<'a> Interest<'a> {
    /// Takes a text for a name, or for a pattern if it has wildcards.
    ///
    /// # Errors
    /// The first thing from the left that is wrong with it.
    pub(crate) fn parse(text: &'a str, limits: NameLimits) -> Result<Self, TopicNameError> {
        if text.is_empty() {
            return Err(TopicNameError::Empty);
        }
        if text.len() > limits.bytes_max {
            return Err(TopicNameError::TooLong { bytes: text.len(), bytes_max: limits.bytes_max });
        }
        let (mut at, mut has_wildcard) = (0, false);
        for (index, token) in text.split('.').enumerate() {
            if index == limits.tokens_max {
                return Err(TopicNameError::TooManyTokens { count_max: limits.tokens_max });
            }
            let is_last = at + token.len() == text.len();
            has_wildcard |= is_wildcard(token, at, is_last)?;
            at += token.len() + 1;
        }
        Ok(if has_wildcard { Self::Pattern(text) } else { Self::Name(text) })
    }
}

/// Checks what is to be published to.
///
/// # Errors
/// As [`Interest::parse`], and for a pattern.
pub(crate) fn check_name(text: &str, limits: NameLimits) -> Result<(), TopicNameError> {
    match Interest::parse(text, limits)? {
        Interest::Name(_) => Ok(()),
        Interest::Pattern(_) => {
            let at = text.find(['*', '>']).expect("a pattern has a wildcard");
            Err(TopicNameError::Wildcard { at, wildcard: text.as_bytes()[at].into() })
        }
    }
}

/// Whether a token, which begins `at` this byte, is a wildcard.
fn is_wildcard(token: &str, at: usize, is_last: bool) -> Result<bool, TopicNameError> {
    match token {
        "" => return Err(TopicNameError::EmptyToken { at }),
        "*" => return Ok(true),
        ">" if is_last => return Ok(true),
        ">" => return Err(TopicNameError::RestNotLast { at }),
        _ => {}
    }
    let wrong = token.char_indices().find(|&(_, character)| !is_literal(character));
    wrong.map_or(Ok(false), |(offset, character)| {
        let at = at + offset;
        Err(match character {
            '*' | '>' => TopicNameError::PartOfToken { at, wildcard: character },
            _ => TopicNameError::Character { at, character },
        })
    })
}

fn is_literal(character: char) -> bool {
    !(matches!(character, '*' | '>') || character.is_whitespace() || character.is_control())
}

/// Whether every name that `interest`, a name or a pattern, stands for matches `pattern`. So for a name: whether it matches.
pub(crate) fn covers(pattern: &str, interest: &str) -> bool {
    let mut tokens = interest.split('.');
    for expected in pattern.split('.') {
        match (expected, tokens.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            // One token does not stand for all that may follow.
            ("*", Some(">")) => return false,
            (expected, Some(token)) if expected == "*" || expected == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

/// Whether there is a name that both stand for, each a name or a pattern.
pub(crate) fn overlaps(one: &str, other: &str) -> bool {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return true,
            (None, _) | (_, None) => return false,
            (Some(">"), _) | (_, Some(">")) => return true,
            (Some(one), Some(other)) if one == other || one == "*" || other == "*" => {}
            _ => return false,
        }
    }
}

/// Why a text is no topic's name, or no pattern of names. Positions are bytes from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicNameError {
    /// There is no text.
    #[error("a topic's name is empty: it has one or more tokens, such as `news` or `sport.tennis`")]
    Empty,
    /// The text is too long.
    #[error("a topic's name has at most {bytes_max} bytes (`topic_name_bytes_max`), this one {bytes}: shorten it")]
    TooLong {
        /// Bytes that it has.
        bytes: usize,
        /// `topic_name_bytes_max`.
        bytes_max: usize,
    },
    /// The text has too many tokens.
    #[error("a topic's name has at most {count_max} tokens (`topic_tokens_max`): join some, with `-` for instance")]
    TooManyTokens {
        /// `topic_tokens_max`.
        count_max: usize,
    },
    /// Two dots follow each other, or a dot is first or last.
    #[error("a token is missing at byte {at} of a topic's name: take a dot away or write a token there")]
    EmptyToken {
        /// Where the token should be.
        at: usize,
    },
    /// Whitespace or a control character.
    #[error("{character:?} at byte {at} of a topic's name: whitespace and control characters may not be there")]
    Character {
        /// Where it is.
        at: usize,
        /// What it is.
        character: char,
    },
    /// A wildcard is a part of a token.
    #[error("`{wildcard}` at byte {at} of a topic's name: a wildcard is a token of its own, as in `a.*` or `a.>`")]
    PartOfToken {
        /// Where it is.
        at: usize,
        /// `*` or `>`.
        wildcard: char,
    },
    /// More tokens follow a `>`.
    #[error("`>` at byte {at} of a pattern must be its last token: `*` stands for a single one")]
    RestNotLast {
        /// Where it is.
        at: usize,
    },
    /// A pattern was given to publish to.
    #[error("`{wildcard}` at byte {at}: wildcards are for subscriptions, publish to one topic's name")]
    Wildcard {
        /// Where it is.
        at: usize,
        /// `*` or `>`.
        wildcard: char,
    },
}

/// What a match is, said as plainly as can be: the oracle of tests and simulated runs.
#[cfg(any(test, feature = "sim"))]
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), name.split('.').collect());
    let same = |(pattern, token): (&&str, &&str)| *pattern == "*" || pattern == token;
    match pattern.split_last() {
        Some((&">", start)) => name.len() > start.len() && start.iter().zip(&name).all(same),
        _ => name.len() == pattern.len() && pattern.iter().zip(&name).all(same),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: NameLimits = NameLimits { bytes_max: 24, tokens_max: 4 };

    #[test]
    fn names_and_patterns_are_told_apart() {
        for name in
            ["a", "a.b", "sport.tennis.scores", "a.b.c.d", "/room", "$x-y_z", "größe.ü", "twenty-four.bytes.are.ok"]
        {
            assert_eq!(Interest::parse(name, LIMITS), Ok(Interest::Name(name)));
            assert_eq!(check_name(name, LIMITS), Ok(()));
        }
        for pattern in ["*", ">", "a.*", "*.a", "a.>", "*.>", "a.*.b", "*.*.*.*", "a.b.c.>"] {
            assert_eq!(Interest::parse(pattern, LIMITS), Ok(Interest::Pattern(pattern)));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        use TopicNameError::*;
        for (text, error) in [
            ("", Empty),
            ("abcdefghijklmnopqrstuvwxy", TooLong { bytes: 25, bytes_max: 24 }),
            ("a.b.c.d.e", TooManyTokens { count_max: 4 }),
            ("*.*.*.*.>", TooManyTokens { count_max: 4 }),
            (".", EmptyToken { at: 0 }),
            (".a", EmptyToken { at: 0 }),
            ("a.", EmptyToken { at: 2 }),
            ("a..b", EmptyToken { at: 2 }),
            ("a.b c", Character { at: 3, character: ' ' }),
            ("a\n", Character { at: 1, character: '\n' }),
            ("\0", Character { at: 0, character: '\0' }),
            ("a\u{7f}", Character { at: 1, character: '\u{7f}' }),
            ("ü.\u{a0}", Character { at: 3, character: '\u{a0}' }),
            ("ü\u{85}", Character { at: 2, character: '\u{85}' }),
            ("a.b*", PartOfToken { at: 3, wildcard: '*' }),
            ("**", PartOfToken { at: 0, wildcard: '*' }),
            ("a.>>", PartOfToken { at: 2, wildcard: '>' }),
            ("a.>.b", RestNotLast { at: 2 }),
            (">.>", RestNotLast { at: 0 }),
        ] {
            assert_eq!(Interest::parse(text, LIMITS), Err(error), "{text:?}");
            assert_eq!(check_name(text, LIMITS), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_pattern_is_not_published_to() {
        assert_eq!(check_name("ab.*.c", LIMITS), Err(TopicNameError::Wildcard { at: 3, wildcard: '*' }));
        assert_eq!(check_name("ab.>", LIMITS), Err(TopicNameError::Wildcard { at: 3, wildcard: '>' }));
    }

    #[test]
    fn what_a_match_is() {
        for (pattern, yes, no) in [
            ("a.b", &["a.b"][..], &["a", "a.b.c", "a.c"][..]),
            ("*", &["a", "b"], &["a.b"]),
            (">", &["a", "a.b", "a.b.c"], &[]),
            ("a.*", &["a.b", "a.c"], &["a", "a.b.c", "b.a"]),
            ("a.>", &["a.b", "a.b.c"], &["a", "b.a"]),
            ("*.b.>", &["a.b.c", "x.b.y.z"], &["a.b", "a.c.b", "b.c"]),
            ("a.*.c", &["a.b.c"], &["a.c", "a.b.b.c", "a.b.d"]),
        ] {
            yes.iter().for_each(|name| assert!(matches(pattern, name), "{pattern} {name}"));
            no.iter().for_each(|name| assert!(!matches(pattern, name), "{pattern} {name}"));
        }
    }
    /// All names and patterns of one to three of these tokens.
    fn interests() -> Vec<String> {
        let tokens = ["a", "b", "*", ">"].map(str::to_owned);
        let joined = |starts: &[String]| -> Vec<_> {
            starts.iter().flat_map(|start| tokens.iter().map(move |token| format!("{start}.{token}"))).collect()
        };
        let two = joined(&tokens);
        let all = [tokens.to_vec(), joined(&two), two].concat();
        all.into_iter().filter(|text| Interest::parse(text, LIMITS).is_ok()).collect()
    }

    /// Names that what there is to know about such interests shows in: `c` is in none of them.
    fn names() -> Vec<String> {
        let mut all: Vec<_> = ["a", "b", "c"].map(str::to_owned).to_vec();
        for begin in [0, 3, 12] {
            let longer: Vec<_> =
                all[begin..].iter().flat_map(|name| ["a", "b", "c"].map(|token| format!("{name}.{token}"))).collect();
            all.extend(longer);
        }
        all
    }

    #[test]
    fn covering_and_overlapping_are_said_of_the_names_that_match() {
        let (interests, names) = (interests(), names());
        for one in &interests {
            for name in &names {
                assert_eq!(covers(one, name), matches(one, name), "{one} {name}");
            }
            for other in &interests {
                let mut of_other = names.iter().filter(|name| matches(other, name));
                assert_eq!(covers(one, other), of_other.clone().all(|name| matches(one, name)), "{one} {other}");
                assert_eq!(overlaps(one, other), of_other.any(|name| matches(one, name)), "{one} {other}");
            }
        }
    }
}
