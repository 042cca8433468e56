//! Names and values in a query string (`application/x-www-form-urlencoded`) and in cookies.

use std::borrow::Cow;

/// The pairs of a query string, decoded; invalid escapes are left as they stand, invalid UTF-8 is replaced, as
/// browsers' `URLSearchParams` do. A name without `=` has an empty value.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// The pairs of a `Cookie` header; pieces without `=` are left out, and quotes around a value are taken off.
pub(super) fn cookies(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|piece| {
        let (name, value) = piece.trim().split_once('=')?;
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        Some((name, unquoted.unwrap_or(value)))
    })
}

/// A part of a path, its escapes decoded; `None` if that is not UTF-8. `+` stands for itself there.
pub(super) fn decode_path(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    String::from_utf8(decode_bytes(text, b'+')).ok().map(Cow::Owned)
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let decoded = decode_bytes(text, b' ');
    Cow::Owned(String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into()))
}

/// Escapes decoded, and each `+` replaced by `plus`.
fn decode_bytes(text: &str, plus: u8) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        rest = after;
        decoded.push(match (first, after) {
            (b'+', _) => plus,
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        for (query, expected) in [
            ("", &[][..]),
            ("&&", &[]),
            ("a=b", &[("a", "b")]),
            ("a=b&a=c&d", &[("a", "b"), ("a", "c"), ("d", "")]),
            ("a=b=c", &[("a", "b=c")]),
            ("=b", &[("", "b")]),
            ("name=J%C3%BCrgen+M%26M", &[("name", "Jürgen M&M")]),
            ("a%3Db=%25", &[("a=b", "%")]),
            ("a=100%&b=%2&c=%zz&d=%+1", &[("a", "100%"), ("b", "%2"), ("c", "%zz"), ("d", "% 1")]),
            ("a=%FF", &[("a", "\u{fffd}")]),
        ] {
            let found: Vec<_> = pairs(query).collect();
            let expected: Vec<_> = expected.iter().map(|&(name, value)| (name.into(), value.into())).collect();
            assert_eq!(found, expected, "{query}");
        }
    }

    #[test]
    fn parts_of_paths() {
        for (text, expected) in [
            ("", Some("")),
            ("a.b+c", Some("a.b+c")),
            ("a%2Bb%2f+", Some("a+b/+")),
            ("gr%C3%B6%C3%9Fe.%3E", Some("größe.>")),
            ("a%FF", None),
            ("%C3", None),
        ] {
            assert_eq!(decode_path(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn cookie_headers() {
        for (header, expected) in [
            ("", &[][..]),
            ("a=b", &[("a", "b")]),
            ("a=b; c=d=e;f=", &[("a", "b"), ("c", "d=e"), ("f", "")]),
            ("junk; a=\"quoted\"; b=\"", &[("a", "quoted"), ("b", "\"")]),
        ] {
            assert_eq!(cookies(header).collect::<Vec<_>>(), expected, "{header}");
        }
    }
}
