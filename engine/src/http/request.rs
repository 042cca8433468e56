//! One request's head, parsed in place.
//!
//! `httparse` reads the syntax: it is what refuses bare CR, whitespace before the first header or a colon, folded lines
//! and control bytes (RFC9112-2.2-1, RFC9112-2.2-3, RFC9112-5.1-1, RFC9112-5.2-1, RFC9110-5.5-1). What it lets pass and
//! RFC 9112 does not is checked here: bare line feeds, `Host`, and bodies, which this port does not take.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::target::Target;
use super::{Refusal, query};
use crate::proto::handshake::{self, HandshakeError, Header, Upgrade};

/// How many headers a request may have; browsers send about twenty.
pub const HEADER_COUNT_MAX: usize = 64;

/// A request without a body, borrowed from the recv buffer.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    method: &'a str,
    target: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    host: &'a str,
    origin: Option<&'a str>,
    is_keep_alive: bool,
    minor_version: u8,
    header_count: usize,
    headers: [Header<'a>; HEADER_COUNT_MAX],
    remote_addr: SocketAddr,
}

impl<'a> Request<'a> {
    /// Parses a whole head, as [`super::read_head`] finds it.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] with 400 for what RFC 9112 forbids, 413 for a request that announces a body, 431 for more than
    /// [`HEADER_COUNT_MAX`] headers, 505 for another version than HTTP/1.0 and HTTP/1.1.
    pub fn parse(head: &'a [u8], remote_addr: SocketAddr) -> Result<Self, Refusal> {
        check_line_ends(head)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADER_COUNT_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Refusal::bad_request("the request's head is not complete")),
            Err(error) => return Err(syntax_refusal(error, head)),
        }
        let (Some(method), Some(target), Some(minor_version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Refusal::bad_request("the request line is not complete"));
        };
        let header_count = parsed.headers.len();
        let facts = Target::parse(target).and_then(|parts| {
            let facts = Facts::collect(&headers[..header_count], minor_version)?;
            Ok((parts, facts))
        });
        let (parts, facts) = facts.map_err(|refusal| refusal.in_reply_to(method))?;
        let host = parts.authority.unwrap_or(facts.host);
        let may_lack_host = minor_version == 0 && host.is_empty();
        if !may_lack_host && !is_host(host) {
            return Err(Refusal::bad_request("the Host header is not a host").in_reply_to(method));
        }
        Ok(Self {
            method,
            target,
            path: parts.path,
            query: parts.query,
            host,
            origin: facts.origin,
            is_keep_alive: facts.is_keep_alive,
            minor_version,
            header_count,
            headers,
            remote_addr,
        })
    }

    /// The method, such as `GET`; methods are case-sensitive.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The target as it stands in the request line.
    pub fn target(&self) -> &'a str {
        self.target
    }

    /// The path, which starts with `/`, as it was sent: percent-encoded, dot segments not resolved. Its escapes are
    /// valid, and none is `%00`.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What follows the `?`, as it was sent.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// Names and values of the query, decoded, in order, repeats kept.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        query::pairs(self.query.unwrap_or_default())
    }

    /// All headers, in order, repeats kept, names as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.header_slice().iter().map(|header| (header.name, header.value))
    }

    /// The first header called `name` (in any case), if its value is UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.header_values(name).next().and_then(|value| str::from_utf8(value).ok())
    }

    /// The values of all headers called `name` (in any case), in order.
    pub fn header_values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'_, 'a, 'n> {
        self.headers().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All cookies, in order. Values are not decoded.
    pub fn cookies(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.header_values("Cookie").filter_map(|value| str::from_utf8(value).ok()).flat_map(query::cookies)
    }

    /// The first cookie called `name`.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        self.cookies().find(|&(found, _)| found == name).map(|(_, value)| value)
    }

    /// The page that the request comes from, as browsers say it; `None` from most other clients.
    pub fn origin(&self) -> Option<&'a str> {
        self.origin
    }

    /// Host and port that the client wants to talk to: from the target's absolute form, else from `Host`. Empty only
    /// for HTTP/1.0.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The other end of the TCP connection.
    pub fn remote_addr(&self) -> SocketAddr {
        self.remote_addr
    }

    /// Whether the client will use the connection for another request (RFC 9112 §9.3).
    pub fn is_keep_alive(&self) -> bool {
        self.is_keep_alive
    }

    /// The `Connection` header of an answer behind which the connection is kept if the client wants that; none where that
    /// goes without saying. HTTP/1.0 clients must be told.
    pub(super) fn connection_field(&self) -> &'static str {
        match (self.is_keep_alive, self.minor_version) {
            (false, _) => "Connection: close\r\n",
            (true, 0) => "Connection: keep-alive\r\n",
            (true, _) => "",
        }
    }

    /// Whether the request asks to become a WebSocket, be it a valid handshake or not.
    pub fn is_upgrade(&self) -> bool {
        handshake::is_upgrade(self.header_slice())
    }

    /// Reads the request as an opening handshake (RFC 6455 §4.2.1).
    ///
    /// # Errors
    ///
    /// What is wrong with it; a [`Refusal`] can be made of that.
    pub fn upgrade(&self) -> Result<Upgrade<'_>, HandshakeError> {
        handshake::check(self.method, self.minor_version, self.header_slice())
    }

    fn header_slice(&self) -> &[Header<'a>] {
        &self.headers[..self.header_count]
    }
}

/// What the headers say that every request must get right.
struct Facts<'a> {
    host: &'a str,
    origin: Option<&'a str>,
    is_keep_alive: bool,
}

impl<'a> Facts<'a> {
    fn collect(headers: &[Header<'a>], minor_version: u8) -> Result<Self, Refusal> {
        let (mut host, mut origin) = (None, None);
        let (mut says_close, mut says_keep_alive) = (false, false);
        for &Header { name, value } in headers {
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if is("Host") {
                set_once(&mut host, value, "there is more than one Host header", "the Host header is not a host")?;
            } else if is("Origin") {
                set_once(&mut origin, value, "there is more than one Origin header", "the Origin header is malformed")?;
            } else if is("Connection") {
                for option in handshake::elements(value) {
                    says_close |= option.eq_ignore_ascii_case(b"close");
                    says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            } else if is("Content-Length") {
                // RFC9112-6-1
                check_no_content(value)?;
            } else if is("Transfer-Encoding") {
                return Err(Refusal::body_not_taken());
            }
        }
        // RFC9112-3.2-1
        if host.is_none() && minor_version > 0 {
            return Err(Refusal::from(HandshakeError::HostMissing));
        }
        let is_keep_alive = !says_close && (minor_version > 0 || says_keep_alive);
        Ok(Self { host: host.unwrap_or_default(), origin, is_keep_alive })
    }
}

fn set_once<'a>(
    slot: &mut Option<&'a str>,
    value: &'a [u8],
    repeated: &'static str,
    malformed: &'static str,
) -> Result<(), Refusal> {
    let text = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    let text = text.ok_or_else(|| Refusal::bad_request(malformed))?;
    if slot.replace(text).is_some() { Err(Refusal::bad_request(repeated)) } else { Ok(()) }
}

fn check_no_content(value: &[u8]) -> Result<(), Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::bad_request("the Content-Length header is not a number"));
    }
    if value.iter().any(|&digit| digit != b'0') { Err(Refusal::body_not_taken()) } else { Ok(()) }
}

/// RFC9112-2.2-2: lines must end with CRLF (RFC 9112 §2.2 lets a server take bare LF; what differs between two readers
/// of the same bytes is how requests are smuggled).
fn check_line_ends(head: &[u8]) -> Result<(), Refusal> {
    let is_bare = |at: usize| at == 0 || head[at - 1] != b'\r';
    if memchr::memchr_iter(b'\n', head).any(is_bare) {
        return Err(Refusal::bad_request("lines must end with CR LF, not with LF alone"));
    }
    Ok(())
}

fn syntax_refusal(error: httparse::Error, head: &[u8]) -> Refusal {
    let why = match error {
        httparse::Error::TooManyHeaders => return Refusal::too_many_headers(HEADER_COUNT_MAX),
        httparse::Error::Version if names_http_version(head) => return Refusal::version_not_supported(),
        httparse::Error::HeaderName => "a header's name is malformed",
        httparse::Error::HeaderValue => "a header's value has a byte that may not stand in it",
        httparse::Error::NewLine => "a line does not end with CR LF",
        _ => "the request line is malformed",
    };
    Refusal::bad_request(why)
}

/// Whether the request line ends with an HTTP version, though not one that we speak.
fn names_http_version(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|&byte| byte == b'\r').next().unwrap_or_default();
    matches!(line, [.., b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit() && !(*major == b'1' && *minor <= b'1'))
}

/// Whether `host` has only bytes of a host and port (RFC 3986 §3.2.2, §3.2.3); user names are not among them.
fn is_host(host: &str) -> bool {
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%[]:".contains(&byte);
    !host.is_empty() && host.bytes().all(is_host_byte)
}

#[cfg(test)]
mod tests;
