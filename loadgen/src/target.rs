//! The server that load is put on: a `ws://` URL taken apart, and the address that it has.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use http::Uri;

const PORT: u16 = 80;

/// A server's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
    path_and_query: String,
}

/// Why a URL does not name a server that can be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is none.
    #[error("`{typed}` is not a URL such as ws://127.0.0.1:9001/path{hint}")]
    NotAUrl {
        /// What was typed.
        typed: String,
        /// What to type instead, where that can be told.
        hint: String,
    },
    /// TLS.
    #[error("wss:// is not spoken yet: load the server behind its TLS, with ws:// and its plain port")]
    Tls,
    /// What a WebSocket's URL must not have (RFC 6455 §3), or what we do not send.
    #[error("`{typed}` has a {part}: leave it out")]
    Surplus {
        /// What was typed.
        typed: String,
        /// `fragment` or `user name`.
        part: &'static str,
    },
    /// The name has no address.
    #[error("{host} has no address: {cause}")]
    Unresolved {
        /// Which name.
        host: String,
        /// What the resolver says.
        cause: io::Error,
    },
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(typed: &str) -> Result<Self, TargetError> {
        let surplus = |part| TargetError::Surplus { typed: typed.to_owned(), part };
        // The parser drops fragments, and the RFC wants them refused.
        if typed.contains('#') {
            return Err(surplus("fragment"));
        }
        let uri: Uri = typed.parse().map_err(|_| not_a_url(typed))?;
        let authority = uri.authority().ok_or_else(|| not_a_url(typed))?;
        match uri.scheme_str() {
            Some("ws") => {}
            Some("wss" | "https") => return Err(TargetError::Tls),
            _ => return Err(not_a_url(typed)),
        }
        if authority.as_str().contains('@') {
            return Err(surplus("user name"));
        }
        // What follows the host must be a port: the parser takes one that is out of range for none.
        let rest = &authority.as_str()[authority.host().len()..];
        let port = match rest.strip_prefix(':') {
            None => PORT,
            Some(port) => port.parse().ok().filter(|&port| port != 0).ok_or_else(|| not_a_url(typed))?,
        };
        let path_and_query = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let path_and_query =
            if path_and_query.starts_with('/') { path_and_query } else { format!("/{path_and_query}") };
        Ok(Self { host: authority.host().to_owned(), port, path_and_query })
    }
}

fn not_a_url(typed: &str) -> TargetError {
    let bare = typed.strip_prefix("http://").unwrap_or(typed);
    let sensible =
        bare.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[') && !bare.contains("://");
    let hint = if sensible { format!(": type ws://{bare}") } else { String::new() };
    // A hint that is wrong in the same way helps nobody.
    let hint = if hint.get(7..).is_some_and(|url| url != typed && url.parse::<Target>().is_ok()) {
        hint
    } else {
        String::new()
    };
    TargetError::NotAUrl { typed: typed.to_owned(), hint }
}

impl Target {
    /// What the `Host` header says: the port only if it is not 80.
    pub fn host_header(&self) -> String {
        if self.port == PORT { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Path and query, beginning with `/`: what the request line asks for.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The server's address; of several, an IPv4 one.
    ///
    /// # Errors
    ///
    /// [`TargetError::Unresolved`] when the name has none.
    pub fn resolve(&self) -> Result<SocketAddr, TargetError> {
        let unresolved = |cause| TargetError::Unresolved { host: self.host.clone(), cause };
        let found = format!("{}:{}", self.host, self.port).to_socket_addrs().map_err(unresolved)?;
        let first = found.min_by_key(SocketAddr::is_ipv6);
        first.ok_or_else(|| unresolved(io::Error::new(io::ErrorKind::NotFound, "the resolver knows none")))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ws://{}{}", self.host_header(), self.path_and_query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(typed: &str) -> String {
        typed.parse::<Target>().unwrap_err().to_string()
    }

    #[test]
    fn a_url_is_taken_apart() {
        for (typed, host, path, printed) in [
            ("ws://127.0.0.1:9001/a/b?c=d&e", "127.0.0.1:9001", "/a/b?c=d&e", "ws://127.0.0.1:9001/a/b?c=d&e"),
            ("ws://example.com", "example.com", "/", "ws://example.com/"),
            ("ws://example.com:80/x", "example.com", "/x", "ws://example.com/x"),
            ("ws://[::1]:9001", "[::1]:9001", "/", "ws://[::1]:9001/"),
            ("ws://localhost:1?q", "localhost:1", "/?q", "ws://localhost:1/?q"),
        ] {
            let target: Target = typed.parse().unwrap();
            assert_eq!((target.host_header().as_str(), target.path_and_query()), (host, path), "{typed}");
            assert_eq!(target.to_string(), printed);
            assert_eq!(printed.parse::<Target>().unwrap(), target);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_type() {
        assert!(error("wss://example.com").contains("wss:// is not spoken yet"));
        for (typed, instead) in [
            ("localhost:9001", "type ws://localhost:9001"),
            ("127.0.0.1:9001/x", "type ws://127.0.0.1:9001/x"),
            ("http://h:9001/x", "type ws://h:9001/x"),
        ] {
            assert!(error(typed).ends_with(instead), "{}", error(typed));
        }
        assert!(error("ws://h/#there").contains("fragment: leave it out"));
        assert!(error("ws://me:secret@h/").contains("user name: leave it out"));
        for typed in
            ["", "ws://", "ws://h:99999/", "ws://h:0/", "ws://h:x/", "ftp://h/", "/path", "ws:///x", "ws://h /"]
        {
            assert!(error(typed).contains("is not a URL such as"), "{typed}: {}", error(typed));
        }
    }

    #[test]
    fn addresses_are_found() {
        let resolve = |typed: &str| typed.parse::<Target>().unwrap().resolve();
        assert_eq!(resolve("ws://127.0.0.1:9001/").unwrap(), "127.0.0.1:9001".parse().unwrap());
        assert_eq!(resolve("ws://[::1]:9001/").unwrap(), "[::1]:9001".parse().unwrap());
        assert!(resolve("ws://localhost:9001/").unwrap().ip().is_loopback());
    }
}
