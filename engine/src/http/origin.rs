//! Which web pages may open a WebSocket here (RFC 6455 §4.2.2, §10.2).
//!
//! Browsers let any page open a WebSocket to any server, with that server's cookies; the `Origin` header is how a
//! server tells them apart. Other clients send what they like, so this protects users of browsers and nothing else.

use std::str::FromStr;

/// An allow-list of origins.
///
/// | rule | allows |
/// |---|---|
/// | `https://example.com` | this origin; default ports may be written or left out |
/// | `https://*.example.com` | all hosts below `example.com`, not itself |
/// | `http://localhost:*` | any port |
/// | `https://*` | any host at the scheme's default port; `https://*:*` at any |
/// | `same-origin` | pages of the host and port that the request itself names |
/// | `null` | pages without an origin: local files, sandboxed frames |
/// | `*` | any origin |
///
/// An empty list allows any origin. Requests without `Origin`, which do not come from a browser, are allowed unless
/// [`OriginRules::require`] says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginRules {
    rules: Vec<Rule>,
    is_required: bool,
}

impl OriginRules {
    /// Any origin, and none.
    pub fn any() -> Self {
        Self::default()
    }

    /// Parses a list of rules as in the table above.
    ///
    /// # Errors
    ///
    /// The first rule that is none, with what is allowed.
    pub fn parse<S: AsRef<str>>(rules: impl IntoIterator<Item = S>) -> Result<Self, OriginRulesError> {
        let rules = rules.into_iter().map(|rule| rule.as_ref().parse()).collect::<Result<_, _>>()?;
        Ok(Self { rules, is_required: false })
    }

    /// Refuses requests without `Origin` too.
    pub fn require(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// Whether a request with this `Origin` header, sent to `host`, may open a WebSocket.
    pub fn allows(&self, origin: Option<&str>, host: &str) -> bool {
        match origin {
            None => !self.is_required,
            Some(_) if self.rules.is_empty() => true,
            Some(origin) => self.rules.iter().any(|rule| rule.allows(origin, host)),
        }
    }
}

/// A rule that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{rule}' is no rule for origins: write '*', 'null', 'same-origin', or scheme://host[:port] without a path, where the \
     host may be '*' or start with '*.' and the port may be '*', such as https://*.example.com or http://localhost:*"
)]
pub struct OriginRulesError {
    rule: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Any,
    Null,
    SameOrigin,
    Pattern { scheme: String, host: HostRule, port: PortRule },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    Any,
    /// With the dot that it starts with.
    Below(String),
    Exactly(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortRule {
    Any,
    /// `None` for schemes that have no ports.
    Exactly(Option<u16>),
}

impl Rule {
    fn allows(&self, origin: &str, request_host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Null => origin == "null",
            Self::SameOrigin => is_same(origin, request_host),
            Self::Pattern { scheme, host, port } => Parts::parse(origin).is_some_and(|parts| {
                scheme.eq_ignore_ascii_case(parts.scheme) && host.allows(parts.host) && port.allows(parts.port)
            }),
        }
    }
}

impl FromStr for Rule {
    type Err = OriginRulesError;

    fn from_str(text: &str) -> Result<Self, OriginRulesError> {
        let error = || OriginRulesError { rule: text.to_owned() };
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            "same-origin" => return Ok(Self::SameOrigin),
            _ => {}
        }
        let (rest, any_port) = text.strip_suffix(":*").map_or((text, false), |rest| (rest, true));
        let parts = Parts::parse(rest).ok_or_else(error)?;
        if parts.host.is_empty() && parts.port.is_some() {
            return Err(error());
        }
        let host = match parts.host {
            "*" => HostRule::Any,
            host => match host.strip_prefix('*') {
                Some(below) if below.len() > 1 && below.starts_with('.') => HostRule::Below(below.to_owned()),
                _ => HostRule::Exactly(host.to_owned()),
            },
        };
        let (HostRule::Below(name) | HostRule::Exactly(name)) = &host else {
            return Ok(Self::pattern(parts, host, any_port));
        };
        if name.contains('*') {
            return Err(error());
        }
        Ok(Self::pattern(parts, host, any_port))
    }
}

impl Rule {
    fn pattern(parts: Parts<'_>, host: HostRule, any_port: bool) -> Self {
        let port = if any_port { PortRule::Any } else { PortRule::Exactly(parts.port) };
        Self::Pattern { scheme: parts.scheme.to_owned(), host, port }
    }
}

impl HostRule {
    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(ours) => ours.eq_ignore_ascii_case(host),
            Self::Below(suffix) => {
                let (host, suffix) = (host.as_bytes(), suffix.as_bytes());
                host.len() > suffix.len() && host[host.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
            }
        }
    }
}

impl PortRule {
    fn allows(self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(ours) => ours == port,
        }
    }
}

/// An origin taken apart (RFC 6454 §6.2).
#[derive(Clone, Copy)]
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    /// The scheme's default port if none is given; `None` if it has no default either.
    port: Option<u16>,
}

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if scheme.is_empty() || !scheme.bytes().all(is_scheme_byte) {
            return None;
        }
        let (host, port) = split_port(authority)?;
        let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~*[]:".contains(&byte);
        if !host.bytes().all(is_host_byte) {
            return None;
        }
        Some(Self { scheme, host, port: port.or_else(|| default_port(scheme)) })
    }
}

/// Host and port of an authority; brackets belong to the host. `None` when the port is no number.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_bracket..].find(':') {
        None => Some((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at(after_bracket + colon);
            let digits = &port[1..];
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { Some((host, Some(digits.parse().ok()?))) } else { None }
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    let is = |known: &str| known.eq_ignore_ascii_case(scheme);
    match () {
        () if is("http") || is("ws") => Some(80),
        () if is("https") || is("wss") => Some(443),
        () => None,
    }
}

/// Whether `origin` names the host and port in `host`. Behind a proxy that ends TLS the scheme cannot be known, so a
/// port that `host` leaves out is the origin's default one.
fn is_same(origin: &str, host: &str) -> bool {
    let (Some(theirs), Some((ours, port))) = (Parts::parse(origin), split_port(host)) else {
        return false;
    };
    theirs.host.eq_ignore_ascii_case(ours) && theirs.port == port.or_else(|| default_port(theirs.scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, origin: &str) -> bool {
        OriginRules::parse([rule]).unwrap().allows(Some(origin), "node.example:9001")
    }

    #[test]
    fn what_each_rule_allows() {
        for (rule, allowed, refused) in [
            ("*", &["https://a.b", "null", "file://", "junk", ""][..], &[][..]),
            ("null", &["null"], &["https://null", "NULL", ""]),
            (
                "https://example.com",
                &["https://example.com", "https://EXAMPLE.com", "HTTPS://example.com", "https://example.com:443"],
                &[
                    "http://example.com",
                    "https://example.com:444",
                    "https://a.example.com",
                    "https://example.com.evil.org",
                    "https://evil.org/https://example.com",
                    "https://example.com/",
                    "https://user@example.com",
                    "https://example.com https://evil.org",
                    "https://example.com:443:443",
                    "example.com",
                    "null",
                    "",
                ],
            ),
            ("http://a:80", &["http://a", "http://a:80"], &["http://a:8080", "https://a"]),
            (
                "https://*.example.com",
                &["https://a.example.com", "https://a.b.Example.com"],
                &[
                    "https://example.com",
                    "https://.example.com",
                    "https://.example.com.evil.org",
                    "https://evilexample.com",
                    "https://a.example.com:8443",
                    "https://.example.com/",
                ],
            ),
            (
                "http://localhost:*",
                &["http://localhost", "http://localhost:1", "http://localhost:65535"],
                &["https://localhost", "http://localhost.evil.org", "http://localhost:65536", "http://localhost:"],
            ),
            ("https://*", &["https://a", "https://b.c:443"], &["http://a", "https://a:1"]),
            ("https://*:*", &["https://a", "https://b.c:1"], &["http://a"]),
            ("http://[::1]:9001", &["http://[::1]:9001"], &["http://[::1]", "http://[::2]:9001"]),
            ("http://[::1]", &["http://[::1]", "http://[::1]:80"], &["http://[::1]:81"]),
            ("chrome-extension://abc", &["chrome-extension://abc"], &["chrome-extension://abd", "https://abc"]),
            ("app://a:5", &["app://a:5"], &["app://a", "app://a:6"]),
            ("file://", &["file://"], &["file:///etc", "null"]),
            (
                "same-origin",
                &["http://node.example:9001", "https://Node.example:9001"],
                &["http://node.example", "http://node.example:9002", "http://a.node.example:9001", "null", ""],
            ),
        ] {
            for origin in allowed {
                assert!(allows(rule, origin), "{rule} allows {origin}");
            }
            for origin in refused {
                assert!(!allows(rule, origin), "{rule} refuses {origin}");
            }
        }
    }

    #[test]
    fn same_origin_at_default_ports() {
        let rules = OriginRules::parse(["same-origin"]).unwrap();
        assert!(rules.allows(Some("https://a.b"), "a.b"));
        assert!(rules.allows(Some("https://a.b"), "a.b:443"));
        assert!(rules.allows(Some("http://[::1]"), "[::1]"));
        assert!(!rules.allows(Some("http://a.b"), "a.b:443"));
        assert!(!rules.allows(Some("http://a.b"), ""));
    }

    #[test]
    fn lists() {
        let rules = OriginRules::parse(["https://a", "https://b"]).unwrap();
        assert!(rules.allows(Some("https://b"), "x"));
        assert!(!rules.allows(Some("https://c"), "x"));
        assert!(OriginRules::parse([""; 0]).unwrap().allows(Some("https://c"), "x"), "an empty list allows any");
    }

    #[test]
    fn requests_without_origin() {
        let rules = OriginRules::parse(["https://a"]).unwrap();
        assert!(rules.allows(None, "x"));
        assert!(!rules.clone().require().allows(None, "x"));
        assert!(rules.require().allows(Some("https://a"), "x"));
    }

    #[test]
    fn what_is_no_rule() {
        for rule in [
            "",
            "example.com",
            "https:example.com",
            "://a",
            "https://a/",
            "https://a/b",
            "https://a b",
            "https://a:b",
            "https://a:",
            "https://a:65536",
            "https://",
            "https://:*",
            "https://a.*",
            "https://*a",
            "https://*.",
            "https://*.*",
            "https://a*:*",
            "*://a",
            "https://a,https://b",
            "Null",
            "https://ä",
        ] {
            let error = OriginRules::parse([rule]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("'{rule}' is no rule")) && error.contains("same-origin"), "{error}");
        }
    }
}
