//! An answer that says no: the status, and a body that says why.

use std::borrow::Cow;

use super::Date;
use crate::proto::handshake::{HandshakeError, VERSION, is_field_value, is_token};

/// A 4xx or 5xx answer, or a redirect to a page, after which the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    why: Cow<'static, str>,
    headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The answer to a HEAD request says how long its body would be, but has none (RFC 9110 §9.3.2).
    omits_body: bool,
}

impl Refusal {
    /// An application's refusal: `status` 400 to 599, and `why` as the body's text.
    ///
    /// # Errors
    ///
    /// [`InvalidRefusal::Status`] for another status.
    pub fn new(status: u16, why: impl Into<Cow<'static, str>>) -> Result<Self, InvalidRefusal> {
        if !(400..600).contains(&status) {
            return Err(InvalidRefusal::Status(status));
        }
        Ok(Self::with_status(status, why))
    }

    /// Adds a header, such as `WWW-Authenticate` to a 401.
    ///
    /// # Errors
    ///
    /// [`InvalidRefusal`] when the header may not be sent or is one of those that every refusal has.
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Result<Self, InvalidRefusal> {
        const OURS: [&str; 5] = ["Connection", "Content-Length", "Content-Type", "Date", "Transfer-Encoding"];
        let (name, value) = (name.into(), value.into());
        if !is_token(name.as_bytes()) || OURS.iter().any(|ours| ours.eq_ignore_ascii_case(&name)) {
            return Err(InvalidRefusal::HeaderName);
        }
        if !is_field_value(value.as_bytes()) {
            return Err(InvalidRefusal::HeaderValue);
        }
        self.headers.push((name, value));
        Ok(self)
    }

    /// 307: the page is at `location`.
    pub(super) fn elsewhere(location: String) -> Result<Self, InvalidRefusal> {
        Self::with_status(307, format!("this page is at {location}")).with_header("Location", location)
    }

    /// 400: the request breaks a rule.
    pub fn bad_request(why: impl Into<Cow<'static, str>>) -> Self {
        Self::with_status(400, why)
    }

    /// 403: understood, and not allowed.
    pub fn forbidden(why: impl Into<Cow<'static, str>>) -> Self {
        Self::with_status(403, why)
    }

    /// 404: nothing is served at this path.
    pub fn not_found() -> Self {
        Self::with_status(404, "nothing is served at this path")
    }

    /// 405: the path takes the methods in `allow` alone.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::with_status(405, format!("this path takes {allow} only")).and("Allow", allow)
    }

    /// 408: the head did not arrive in time.
    pub fn request_timeout() -> Self {
        Self::with_status(408, "the request's head did not arrive in time")
    }

    /// 413: a request with a body.
    pub fn body_not_taken() -> Self {
        Self::with_status(413, "this port takes GET and HEAD requests without a body")
    }

    /// 426: the path speaks WebSocket, version 13 (RFC 6455 §4.2.2, §4.4; RFC 9110 §15.5.22).
    pub fn upgrade_required(why: impl Into<Cow<'static, str>>) -> Self {
        Self::with_status(426, why).and("Upgrade", "websocket").and("Sec-WebSocket-Version", VERSION)
    }

    /// 431: the head is larger than `bytes_max`.
    pub fn head_too_large(bytes_max: usize) -> Self {
        Self::with_status(431, format!("the request's head is larger than {bytes_max} bytes"))
    }

    /// 431: the head has more than `count_max` headers.
    pub fn too_many_headers(count_max: usize) -> Self {
        Self::with_status(431, format!("the request has more than {count_max} headers"))
    }

    /// 500: the application or the engine is at fault.
    pub fn internal_error() -> Self {
        Self::with_status(500, "the server failed to answer this request")
    }

    /// 503: no room at the moment.
    pub fn service_unavailable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::with_status(503, why).and("Retry-After", "5")
    }

    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    pub fn version_not_supported() -> Self {
        Self::with_status(505, "this port speaks HTTP/1.1")
    }

    /// The HTTP status, 400 to 599; 307 for a path with a `/` too many.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Why, as the body says it.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Appends the answer to `out`; close the connection once it is sent.
    pub fn write_to(&self, out: &mut Vec<u8>, date: &Date) {
        // RFC 9110 §7.8: who sends Upgrade must name it in Connection.
        let connection =
            if self.headers.iter().any(|(name, _)| name == "Upgrade") { "Upgrade, close" } else { "close" };
        let status = format!("HTTP/1.1 {} {}\r\nDate: ", self.status, phrase(self.status));
        out.extend_from_slice(status.as_bytes());
        out.extend_from_slice(date.as_bytes());
        for (name, value) in &self.headers {
            out.extend_from_slice(format!("\r\n{name}: {value}").as_bytes());
        }
        let fields = format!(
            "\r\nConnection: {connection}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\n\r\n",
            self.why.len() + 1
        );
        out.extend_from_slice(fields.as_bytes());
        if !self.omits_body {
            out.extend_from_slice(self.why.as_bytes());
            out.push(b'\n');
        }
    }

    /// As the answer to a request with `method`: one to HEAD has no body.
    pub(crate) fn in_reply_to(self, method: &str) -> Self {
        Self { omits_body: method == "HEAD", ..self }
    }

    /// The same with another text.
    pub(super) fn because(self, why: impl Into<Cow<'static, str>>) -> Self {
        Self { why: why.into(), ..self }
    }

    fn with_status(status: u16, why: impl Into<Cow<'static, str>>) -> Self {
        Self { status, why: why.into(), headers: Vec::new(), omits_body: false }
    }

    fn and(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl From<HandshakeError> for Refusal {
    fn from(error: HandshakeError) -> Self {
        match error.status() {
            405 => Self::method_not_allowed("GET"),
            426 => Self::upgrade_required(error.to_string()),
            _ => Self::bad_request(error.to_string()),
        }
    }
}

/// A refusal that an application may not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRefusal {
    /// Not a 4xx or 5xx status.
    #[error("a refusal's status must be between 400 and 599, not {0}")]
    Status(u16),
    /// Not a token, or a header that the engine writes.
    #[error("a refusal's header must have a token as its name, and not one that the engine writes")]
    HeaderName,
    /// Not visible ASCII.
    #[error("a header's value must be visible ASCII, with spaces only inside")]
    HeaderValue,
}

/// The reason phrase of the statuses that are likely here; clients must not depend on it (RFC 9112 §4).
fn phrase(status: u16) -> &'static str {
    match status {
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ if status < 500 => "Client Error",
        _ => "Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(refusal: &Refusal) -> String {
        let mut out = b"before".to_vec();
        refusal.write_to(&mut out, &Date::from_unix(784_111_777));
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn a_refusal_byte_for_byte() {
        assert_eq!(
            written(&Refusal::bad_request("no")),
            "HTTP/1.1 400 Bad Request\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\
             Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Length: 3\r\n\r\nno\n"
        );
    }

    #[test]
    fn each_kind_has_its_status_and_headers() {
        for (refusal, status_line, headers) in [
            (Refusal::forbidden("x"), "HTTP/1.1 403 Forbidden\r\n", &["Connection: close"][..]),
            (Refusal::not_found(), "HTTP/1.1 404 Not Found\r\n", &[]),
            (
                Refusal::method_not_allowed("GET, HEAD"),
                "HTTP/1.1 405 Method Not Allowed\r\n",
                &["Allow: GET, HEAD", "Connection: close"],
            ),
            (Refusal::request_timeout(), "HTTP/1.1 408 Request Timeout\r\n", &["Connection: close"]),
            (Refusal::body_not_taken(), "HTTP/1.1 413 Content Too Large\r\n", &[]),
            (
                Refusal::upgrade_required("x"),
                "HTTP/1.1 426 Upgrade Required\r\n",
                &["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Connection: Upgrade, close"],
            ),
            (Refusal::head_too_large(8192), "HTTP/1.1 431 Request Header Fields Too Large\r\n", &[]),
            (Refusal::too_many_headers(64), "HTTP/1.1 431 Request Header Fields Too Large\r\n", &[]),
            (Refusal::version_not_supported(), "HTTP/1.1 505 HTTP Version Not Supported\r\n", &[]),
            (Refusal::internal_error(), "HTTP/1.1 500 Internal Server Error\r\n", &[]),
            (Refusal::service_unavailable("x"), "HTTP/1.1 503 Service Unavailable\r\n", &["Retry-After: 5"]),
        ] {
            let text = written(&refusal);
            assert!(text.starts_with(status_line), "{text}");
            for header in headers {
                assert!(text.contains(&format!("\r\n{header}\r\n")), "{header} in {text}");
            }
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{text}");
            assert_eq!(body.trim_end(), refusal.why());
        }
    }

    #[test]
    fn head_gets_no_body_but_its_length() {
        let text = written(&Refusal::not_found().in_reply_to("HEAD"));
        assert!(text.contains("\r\nContent-Length: 31\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }

    #[test]
    fn applications_choose_among_4xx_and_5xx() {
        for status in [400, 401, 418, 499, 500, 599] {
            let refusal = Refusal::new(status, "because").unwrap();
            assert_eq!(refusal.status(), status);
            assert!(written(&refusal).starts_with(&format!("HTTP/1.1 {status} ")));
        }
        for status in [0, 100, 101, 200, 302, 399, 600, u16::MAX] {
            assert_eq!(Refusal::new(status, "because"), Err(InvalidRefusal::Status(status)));
        }
    }

    #[test]
    fn headers_cannot_split_the_response() {
        let refusal = || Refusal::new(401, "who are you?").unwrap();
        let text = written(&refusal().with_header("WWW-Authenticate", "Bearer").unwrap());
        assert!(text.contains("\r\nWWW-Authenticate: Bearer\r\n"), "{text}");
        for name in ["", "a b", "a:", "a\r\nb", "é", "Content-Length", "connection"] {
            assert_eq!(refusal().with_header(name, "x"), Err(InvalidRefusal::HeaderName), "{name:?}");
        }
        for value in ["a\r\nSet-Cookie: x", "a\nb", "a\rb", "\0", "é", " a", "a\t"] {
            assert_eq!(refusal().with_header("X-Why", value), Err(InvalidRefusal::HeaderValue), "{value:?}");
        }
    }

    #[test]
    fn handshake_errors_keep_their_status() {
        for error in [HandshakeError::MethodNotGet, HandshakeError::VersionUnsupported, HandshakeError::KeyMissing] {
            assert_eq!(Refusal::from(error).status(), error.status());
        }
        assert_eq!(Refusal::from(HandshakeError::KeyMissing).why(), HandshakeError::KeyMissing.to_string());
    }
}
