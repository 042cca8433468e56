//! Static pages that live in the binary, and their answers.

use std::borrow::Cow;
use std::fmt::Write;

use sha1::{Digest, Sha1};

use super::routes::is_servable;
use super::{Date, Request, RouteError};
use crate::proto::handshake::{elements, is_field_value};

/// A static page: what it is, and the headers that say so, made once.
#[derive(Clone, Debug)]
pub struct Page {
    path: Cow<'static, str>,
    body: Cow<'static, [u8]>,
    etag: String,
    /// `Content-Type` and `Content-Length`, ending with CRLF.
    content_fields: String,
}

impl Page {
    /// A page at `path`, which is matched exactly.
    ///
    /// # Errors
    ///
    /// [`RouteError`] when the path cannot be requested or the content type may not stand in a header.
    pub fn new(
        path: impl Into<Cow<'static, str>>,
        content_type: &str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Result<Self, RouteError> {
        let (path, body) = (path.into(), body.into());
        if !is_servable(&path) {
            return Err(RouteError::Path(path.into_owned()));
        }
        if content_type.is_empty() || !is_field_value(content_type.as_bytes()) {
            return Err(RouteError::ContentType(content_type.to_owned()));
        }
        let content_fields = format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
        Ok(Self { path, etag: etag(&body), body, content_fields })
    }

    /// Where it is served.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Its entity tag, quotes included; the same bytes have the same one.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Whether the client has these bytes already (RFC 9110 §13.1.2).
    fn is_known_to(&self, request: &Request<'_>) -> bool {
        request.header_values("If-None-Match").flat_map(elements).any(|tag| {
            let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
            tag == b"*" || tag == self.etag.as_bytes()
        })
    }
}

/// Appends the answer to a GET or HEAD `request` for `page`: the page, its head alone, or 304 when the client has it.
///
/// Afterwards the connection serves another request if [`Request::is_keep_alive`], else it is to be closed.
pub fn write_page(page: &Page, request: &Request<'_>, out: &mut Vec<u8>, date: &Date) {
    let is_known = page.is_known_to(request);
    out.extend_from_slice(if is_known { b"HTTP/1.1 304 Not Modified\r\n" } else { b"HTTP/1.1 200 OK\r\n" });
    out.extend_from_slice(b"Date: ");
    out.extend_from_slice(date.as_bytes());
    out.extend_from_slice(b"\r\nETag: ");
    out.extend_from_slice(page.etag.as_bytes());
    out.extend_from_slice(b"\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n");
    if !is_known {
        out.extend_from_slice(page.content_fields.as_bytes());
    }
    out.extend_from_slice(request.connection_field().as_bytes());
    out.extend_from_slice(b"\r\n");
    if !is_known && request.method() != "HEAD" {
        out.extend_from_slice(&page.body);
    }
}

fn etag(body: &[u8]) -> String {
    let mut etag = String::from("\"");
    for byte in &Sha1::digest(body)[..10] {
        // Writing to a String cannot fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    etag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(page: &Page, head: &str) -> String {
        let request = Request::parse(head.as_bytes(), ([127, 0, 0, 1], 1).into()).unwrap();
        let mut out = Vec::new();
        write_page(page, &request, &mut out, &Date::from_unix(784_111_777));
        String::from_utf8(out).unwrap()
    }

    fn page() -> Page {
        Page::new("/", "text/html; charset=utf-8", &b"<p>hello</p>"[..]).unwrap()
    }

    #[test]
    fn a_page_byte_for_byte() {
        let page = page();
        let text = answer(&page, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let etag = page.etag();
        assert_eq!(
            text,
            format!(
                "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: {etag}\r\nCache-Control: no-cache\r\n\
                 X-Content-Type-Options: nosniff\r\nContent-Type: text/html; charset=utf-8\r\n\
                 Content-Length: 12\r\n\r\n<p>hello</p>"
            )
        );
    }

    #[test]
    fn head_gets_the_same_head_alone() {
        let get = answer(&page(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let head = answer(&page(), "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(head, get.strip_suffix("<p>hello</p>").unwrap());
    }

    #[test]
    fn connections_are_kept_as_the_client_wants() {
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", None),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", Some("Connection: close\r\n")),
            ("GET / HTTP/1.0\r\nHost: x\r\n\r\n", Some("Connection: close\r\n")),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", Some("Connection: keep-alive\r\n")),
        ] {
            let text = answer(&page(), head);
            match expected {
                Some(line) => assert!(text.contains(line), "{head}: {text}"),
                None => assert!(!text.contains("Connection"), "{head}: {text}"),
            }
        }
    }

    #[test]
    fn pages_that_the_client_has_are_not_sent_again() {
        let page = page();
        let etag = page.etag();
        for (value, is_known) in [
            (etag.to_owned(), true),
            (format!("W/{etag}"), true),
            (format!("\"other\", {etag}"), true),
            ("*".to_owned(), true),
            ("\"other\"".to_owned(), false),
            (etag.trim_matches('"').to_owned(), false),
            (String::new(), false),
        ] {
            let text = answer(&page, &format!("GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: {value}\r\n\r\n"));
            assert_eq!(text.starts_with("HTTP/1.1 304 Not Modified\r\n"), is_known, "{value}");
            assert_eq!(text.ends_with("\r\n\r\n"), is_known, "{value}");
            assert_eq!(text.contains("Content-Length"), !is_known, "{value}");
            assert!(text.contains(&format!("\r\nETag: {etag}\r\n")), "{value}");
        }
    }

    #[test]
    fn etags_follow_the_bytes() {
        let other = Page::new("/", "text/html", &b"<p>hello!</p>"[..]).unwrap();
        assert_ne!(page().etag(), other.etag());
        assert_eq!(page().etag().len(), 22);
    }

    #[test]
    fn what_is_no_page() {
        for path in ["", "a", "/a?b", "/a#b", "/*", "/a b", "/é"] {
            assert!(matches!(Page::new(path, "text/html", &b""[..]), Err(RouteError::Path(_))), "{path}");
        }
        for content_type in ["", "text/html\r\nX: y", "é"] {
            assert!(matches!(Page::new("/", content_type, &b""[..]), Err(RouteError::ContentType(_))));
        }
    }
}
