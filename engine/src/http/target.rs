//! The request target (RFC 9112 §3.2): a path, or the absolute form that proxies use.

use super::Refusal;

/// A request target, taken apart; nothing is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Host and port of the absolute form, which then stand instead of `Host` (§3.2.2).
    pub(super) authority: Option<&'a str>,
    /// Starts with `/`.
    pub(super) path: &'a str,
    /// What follows the first `?`.
    pub(super) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::bad_request("the request target must be ASCII: percent-encode what is not"));
        }
        // RFC6455-3-1. A URL may not have the other three either, and no browser sends them (RFC 3986 §2); who shows a
        // path or query in a page is safer without them.
        if text.contains(['#', '"', '<', '>']) {
            return Err(Refusal::bad_request("the request target must not have '#', '\"', '<' or '>' in it"));
        }
        let (authority, rest) = if text.starts_with('/') {
            (None, text)
        } else {
            let after = after_scheme(text).ok_or_else(|| {
                Refusal::bad_request("the request target must be a path, or a URL that starts with http or ws")
            })?;
            // RFC9112-3.2.2-1
            let (authority, rest) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
            (Some(authority), rest)
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        check_escapes(path)?;
        Ok(Self { authority, path: if path.is_empty() { "/" } else { path }, query })
    }
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, after) = text.split_once("://")?;
    let known = ["http", "https", "ws", "wss"];
    known.iter().any(|known| known.eq_ignore_ascii_case(scheme)).then_some(after)
}

/// Each `%` must be followed by two hexadecimal digits that are not `00`. Paths are matched as they stand, so nothing
/// here depends on what is encoded; an application that decodes one shall not be surprised.
fn check_escapes(path: &str) -> Result<(), Refusal> {
    let is_valid = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00")
    };
    if path.split('%').skip(1).all(is_valid) {
        Ok(())
    } else {
        Err(Refusal::bad_request("the path has an invalid percent-encoding"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, authority, path, query) in [
            ("/", None, "/", None),
            ("/a/b", None, "/a/b", None),
            ("/a?b=c?d", None, "/a", Some("b=c?d")),
            ("/a?", None, "/a", Some("")),
            ("/a%20b", None, "/a%20b", None),
            ("/a?100%", None, "/a", Some("100%")),
            ("//host/a", None, "//host/a", None),
            ("http://host/a", Some("host"), "/a", None),
            ("HTTP://host:80", Some("host:80"), "/", None),
            ("ws://host?x=/y", Some("host"), "/", Some("x=/y")),
            ("wss://[::1]:9001/a?b", Some("[::1]:9001"), "/a", Some("b")),
        ] {
            assert_eq!(Target::parse(text).unwrap(), Target { authority, path, query }, "{text}");
        }
    }

    #[test]
    fn bad_targets() {
        // RFC6455-3-1
        for text in [
            "",
            "*",
            "a",
            "host:80",
            "ftp://host/a",
            "http:/a",
            "://a",
            "/a#b",
            "/%",
            "/%2",
            "/%zz",
            "/%00",
            "/a%00b",
            "/%%20",
            "/%é",
            "/é",
            "/a b",
            "/a\0",
            "http://host/%00",
            "/a?\"b\"",
            "/<a>",
        ] {
            assert_eq!(Target::parse(text).unwrap_err().status(), 400, "{text:?}");
        }
    }
}
