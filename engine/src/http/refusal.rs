//! An answer that says no: the status, and a body that says why.

use std::borrow::Cow;

use super::Date;
use crate::proto::handshake::{HandshakeError, VERSION, is_field_value, is_token};
use crate::topic::format::{Code, Object};

/// A 4xx or 5xx answer, or a redirect to a page, after which the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    why: Cow<'static, str>,
    /// With one the body is JSON, for programs; without it is text.
    code: Option<Code>,
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
        Self::with_status(
            413,
            "this port takes GET and HEAD requests without a body: publish over a WebSocket or at the admin interface",
        )
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

    /// What is wrong with a request for a topic, in the words of `docs/protocol.md`; 400 for what HTTP has no status for.
    pub(crate) fn coded(code: Code, why: impl Into<Cow<'static, str>>) -> Self {
        Self::with_status(code.status().unwrap_or(400), why).with_code(code)
    }

    /// The same with a JSON body. What is refused now may be granted soon, so no cache keeps it.
    pub(crate) fn with_code(self, code: Code) -> Self {
        let has_one = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Cache-Control"));
        let coded = Self { code: Some(code), ..self };
        if has_one { coded } else { coded.and("Cache-Control", "no-store") }
    }

    /// Whether it says why in the words of `docs/protocol.md` already.
    pub(super) fn has_code(&self) -> bool {
        self.code.is_some()
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
        let (content_type, body) = self.body();
        let fields = format!(
            "\r\nConnection: {connection}\r\nContent-Type: {content_type}\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        out.extend_from_slice(fields.as_bytes());
        if !self.omits_body {
            out.extend_from_slice(&body);
        }
    }

    fn body(&self) -> (&'static str, Vec<u8>) {
        let Some(code) = self.code else {
            return ("text/plain; charset=utf-8", format!("{}\n", self.why).into_bytes());
        };
        let mut json = Vec::new();
        Object::begin(&mut json).plain("code", Some(code.as_str())).string("message", &self.why).end();
        ("application/json", json)
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
        Self { status, why: why.into(), code: None, headers: Vec::new(), omits_body: false }
    }

    /// Adds a header that needs no check.
    pub(super) fn and(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
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
mod tests;
