//! Heads that are requests, and heads that are none.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: example.com\r\n";

fn remote() -> SocketAddr {
    ([192, 0, 2, 1], 50_000).into()
}

fn status(head: &[u8]) -> Result<(), u16> {
    Request::parse(head, remote()).map(|_| ()).map_err(|refusal| refusal.status())
}

/// The verdict on a request with one more header line.
fn with_line(line: &str) -> Result<(), u16> {
    status(format!("{GET}{line}\r\n\r\n").as_bytes())
}

#[test]
fn what_a_request_says() {
    let head = "GET /a%20b?name=J%C3%BCrgen&x=1&x=2 HTTP/1.1\r\nHost: example.com:9001\r\nX-Twice: one\r\n\
                Cookie: id=7; theme=\"dark\"\r\nOrigin: https://example.com\r\nx-twice:\t two \r\nCookie: id=8\r\n\
                X-Binary: \u{fc}\r\n\r\n";
    let request = Request::parse(head.as_bytes(), remote()).unwrap();
    assert_eq!(request.method(), "GET");
    assert_eq!(request.target(), "/a%20b?name=J%C3%BCrgen&x=1&x=2");
    assert_eq!(request.path(), "/a%20b");
    assert_eq!(request.query(), Some("name=J%C3%BCrgen&x=1&x=2"));
    let pairs: Vec<_> = request.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(pairs, ["name=Jürgen", "x=1", "x=2"]);
    assert_eq!(request.headers().count(), 7);
    assert_eq!(request.headers().nth(4), Some(("x-twice", &b"two"[..])));
    assert_eq!(request.header("X-TWICE"), Some("one"));
    assert_eq!(request.header_values("X-Twice").collect::<Vec<_>>(), [b"one", b"two"]);
    assert_eq!(request.header("X-Binary"), Some("\u{fc}"));
    assert_eq!(request.header("X-None"), None);
    assert_eq!(request.cookies().collect::<Vec<_>>(), [("id", "7"), ("theme", "dark"), ("id", "8")]);
    assert_eq!(request.cookie("id"), Some("7"));
    assert_eq!(request.cookie("ID"), None);
    assert_eq!(request.origin(), Some("https://example.com"));
    assert_eq!(request.host(), "example.com:9001");
    assert_eq!(request.remote_addr(), remote());
    assert!(request.is_keep_alive());
    assert!(!request.is_upgrade());
}

#[test]
fn values_that_are_no_text_are_bytes() {
    let head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Binary: \xff\xfe\r\n\r\n";
    let request = Request::parse(head, remote()).unwrap();
    assert_eq!(request.header("X-Binary"), None);
    assert_eq!(request.header_values("X-Binary").collect::<Vec<_>>(), [b"\xff\xfe"]);
}

#[test]
fn the_absolute_form_names_the_host() {
    // RFC9112-3.2.2-1
    let request = Request::parse(b"GET ws://a.b:1/c?d HTTP/1.1\r\nHost: other\r\n\r\n", remote()).unwrap();
    assert_eq!((request.host(), request.path(), request.query()), ("a.b:1", "/c", Some("d")));
    assert_eq!(status(b"GET http://user@host/ HTTP/1.1\r\nHost: x\r\n\r\n"), Err(400));
    assert_eq!(status(b"GET http:///path HTTP/1.1\r\nHost: x\r\n\r\n"), Err(400));
}

#[test]
fn keep_alive() {
    for (version, connection, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: Close\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: x, close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: x\r\n{connection}\r\n");
        let request = Request::parse(head.as_bytes(), remote()).unwrap();
        assert_eq!(request.is_keep_alive(), expected, "{head:?}");
    }
}

#[test]
fn heads_that_are_fine() {
    for head in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:x\r\nEmpty:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]:9001\r\n\r\n",
        b"DELETE /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(status(head), Ok(()), "{}", head.escape_ascii());
    }
}

#[test]
fn heads_that_are_not() {
    for (head, expected) in [
        (&b""[..], 400),
        (b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /  HTTP/1.0\r\nHost: x\r\n\r\n", 400),
        (b" GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400),
        (b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"GET / http/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / FTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400),
        // RFC9112-2.2-1, RFC9112-2.2-2: bare LF and bare CR.
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\n", 400),
        (b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\rHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400),
        // RFC9112-2.2-3: whitespace before the first header.
        (b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
        // RFC9112-5.1-1: space before the colon.
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost\t: x\r\n\r\n", 400),
        // RFC9112-5.2-1: folded lines.
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n", 400),
        // RFC9110-5.5-1: control bytes in values, and bytes that are no token in names.
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x7fb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x1bb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX\0: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\xc3\xbc: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", 400),
    ] {
        assert_eq!(status(head), Err(expected), "{}", head.escape_ascii());
    }
}

#[test]
fn exactly_one_valid_host() {
    // RFC9112-3.2-1
    for lines in ["", "Host: x\r\nHost: x\r\n", "Host: x\r\nhost: y\r\n", "Host:\r\n", "Host: a b\r\n", "Host: a/b\r\n"]
    {
        let head = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        assert_eq!(status(head.as_bytes()), Err(400), "{lines:?}");
    }
    for host in ["a,b@c", "x@y", "a\tb", "ü", "a\\b", "a#b", "a?b", "<a>"] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(status(head.as_bytes()), Err(400), "{host:?}");
    }
}

#[test]
fn at_most_one_origin() {
    assert_eq!(with_line("Origin: https://a"), Ok(()));
    assert_eq!(with_line("Origin: https://a\r\nOrigin: https://a"), Err(400));
    assert_eq!(with_line("Origin: https://ü"), Err(400));
}

#[test]
fn bodies_are_not_taken() {
    // RFC9112-6-1
    for (line, expected) in [
        ("Content-Length: 0", Ok(())),
        ("Content-Length: 00", Ok(())),
        ("Content-Length: 0\r\nContent-Length: 0", Ok(())),
        ("Content-Length: 1", Err(413)),
        ("Content-Length: 0\r\nContent-Length: 5", Err(413)),
        ("Content-Length: 99999999999999999999999999", Err(413)),
        ("Content-Length:", Err(400)),
        ("Content-Length: -1", Err(400)),
        ("Content-Length: +0", Err(400)),
        ("Content-Length: 0, 0", Err(400)),
        ("Content-Length: 0x0", Err(400)),
        ("Transfer-Encoding: chunked", Err(413)),
        ("transfer-encoding: identity", Err(413)),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", Err(413)),
    ] {
        assert_eq!(with_line(line), expected, "{line}");
    }
}

#[test]
fn headers_are_bounded() {
    let lines = |count: usize| "X: y\r\n".repeat(count - 1);
    assert_eq!(status(format!("{GET}{}\r\n", lines(HEADER_COUNT_MAX)).as_bytes()), Ok(()));
    assert_eq!(status(format!("{GET}{}\r\n", lines(HEADER_COUNT_MAX + 1)).as_bytes()), Err(431));
}

#[test]
fn refusals_of_head_requests_have_no_body() {
    let refused = |head: &[u8]| {
        let mut out = Vec::new();
        Request::parse(head, remote()).unwrap_err().write_to(&mut out, &crate::http::Date::from_unix(0));
        String::from_utf8(out).unwrap()
    };
    assert!(refused(b"HEAD / HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    assert!(refused(b"GET / HTTP/1.1\r\n\r\n").ends_with("the Host header is missing\n"));
}
