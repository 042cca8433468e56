//! Answers byte for byte, and what an application may not refuse with.

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
fn a_coded_refusal_byte_for_byte() {
    let why = "after=1f3a: a position is EPOCH-OFFSET, such as 1f3a-17";
    let text = written(&Refusal::coded(Code::BadPosition, why));
    let (_, page) = include_str!("../../../docs/protocol.md").split_once("```json http-error\n").unwrap();
    let (body, _) = page.split_once("\n```").unwrap();
    assert_eq!(
        text,
        format!(
            "HTTP/1.1 400 Bad Request\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: no-store\r\n\
             Connection: close\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    );
    let head = written(&Refusal::coded(Code::BadPosition, why).in_reply_to("HEAD"));
    assert_eq!(head, text.strip_suffix(body).unwrap());
    assert!(written(&Refusal::coded(Code::BadTopic, "a \"b\"\n")).ends_with(r#""message":"a \"b\"\n"}"#));
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
