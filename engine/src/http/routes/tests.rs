//! Which request goes where, and what is said to those that go nowhere.

use super::*;
use crate::http::Date;

const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn websocket(pattern: &str) -> WebSocketRoute {
    WebSocketRoute::new(pattern).unwrap()
}

fn page(path: &'static str) -> Page {
    Page::new(path, "text/html", &b"hello"[..]).unwrap()
}

/// In an order that is not the one of specificity.
fn routes() -> Routes {
    let origins = OriginRules::parse(["https://good.example"]).unwrap();
    Routes::builder()
        .websocket(websocket("/topics/*"))
        .websocket(websocket("/topics/private/*").origins(origins))
        .websocket(websocket("/chat").protocols(["v2", "v1"]).unwrap())
        .page(page("/"))
        .page(page("/topics/help"))
        .build()
        .unwrap()
}

/// The route's pattern, the page's path or that it is for topics; or the refusal's status.
fn outcome(routes: &Routes, line: &str, headers: &str) -> Result<String, u16> {
    let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let request = Request::parse(head.as_bytes(), ([127, 0, 0, 1], 1).into()).unwrap();
    match routes.route(&request) {
        Ok(Routed::WebSocket { route, .. }) => Ok(route.pattern()),
        Ok(Routed::Page(page)) => Ok(page.path().to_owned()),
        Ok(Routed::Topics(_)) => Ok("topics".to_owned()),
        Err(refusal) => Err(refusal.status()),
    }
}

fn refusal(routes: &Routes, line: &str, headers: &str) -> String {
    let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let request = Request::parse(head.as_bytes(), ([127, 0, 0, 1], 1).into()).unwrap();
    let mut out = Vec::new();
    routes.route(&request).unwrap_err().write_to(&mut out, &Date::from_unix(0));
    String::from_utf8(out).unwrap()
}

#[test]
fn the_most_specific_route_wins() {
    let routes = routes();
    for (path, expected) in [
        ("/chat", Ok("/chat")),
        ("/chat?x=y", Ok("/chat")),
        ("http://x/chat", Ok("/chat")),
        ("/topics/news", Ok("/topics/*")),
        ("/topics/a/b", Ok("/topics/*")),
        ("/topics/", Ok("/topics/*")),
        ("/topics/private/x", Ok("/topics/private/*")),
        ("/topics/private", Ok("/topics/*")),
        ("/topics", Err(404)),
        ("/chat/", Err(404)),
        ("/CHAT", Err(404)),
        ("/ch%61t", Err(404)),
        ("//chat", Err(404)),
        ("/chatter", Err(404)),
        ("/", Err(400)),
        ("/topics/help", Err(400)),
    ] {
        let found = outcome(&routes, &format!("GET {path}"), HANDSHAKE);
        assert_eq!(found.as_deref().map_err(|status| *status), expected, "{path}");
    }
    assert_eq!(outcome(&routes, "GET /topics/help", ""), Ok("/topics/help".to_owned()));
}

#[test]
fn topics_are_for_all_that_is_no_handshake_and_no_page() {
    let routes = Routes::builder().websocket(websocket("/topics/*")).page(page("/topics/help"));
    let routes = routes.topics(TopicsRoute::new("/topics").unwrap()).build().unwrap();
    let found = |line: &str, headers: &str| outcome(&routes, line, headers);
    assert_eq!(found("GET /topics/news", HANDSHAKE).as_deref(), Ok("/topics/*"));
    for line in ["GET /topics/news", "OPTIONS /topics/news", "POST /topics/news", "GET /topics/"] {
        assert_eq!(found(line, "").as_deref(), Ok("topics"), "{line}");
    }
    assert_eq!(found("GET /topics/help", "").as_deref(), Ok("/topics/help"));
    assert_eq!(found("GET /topics", ""), Err(404));
    for path in ["topics", "/topics/", "/topics/*", ""] {
        assert!(TopicsRoute::new(path).is_err(), "{path}");
    }
}

#[test]
fn any_path() {
    let routes = Routes::builder().websocket(websocket("*")).page(page("/about")).build().unwrap();
    for path in ["/", "/x", "/x/y?z", "//"] {
        assert_eq!(outcome(&routes, &format!("GET {path}"), HANDSHAKE), Ok("*".to_owned()), "{path}");
        assert_eq!(outcome(&routes, &format!("GET {path}"), ""), Err(426), "{path}");
    }
    assert_eq!(outcome(&routes, "GET /about", ""), Ok("/about".to_owned()));
}

#[test]
fn methods() {
    let routes = routes();
    assert_eq!(outcome(&routes, "HEAD /", ""), Ok("/".to_owned()));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
        let text = refusal(&routes, &format!("{method} /"), "");
        assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("\r\nAllow: GET, HEAD\r\n"), "{text}");
        let text = refusal(&routes, &format!("{method} /chat"), HANDSHAKE);
        assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("\r\nAllow: GET\r\n"), "{text}");
        assert_eq!(outcome(&routes, &format!("{method} /nothing"), ""), Err(404));
    }
    let text = refusal(&routes, "HEAD /chat", "");
    assert!(text.starts_with("HTTP/1.1 405 ") && text.ends_with("\r\n\r\n"), "HEAD has no body: {text}");
}

#[test]
fn a_plain_get_of_a_websocket_path() {
    // RFC6455-4.4-1: the answer says which version is spoken.
    for headers in ["", "Upgrade: h2c\r\nConnection: Upgrade\r\n"] {
        let text = refusal(&routes(), "GET /chat", headers);
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
        for line in ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Connection: Upgrade, close"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
        assert!(text.ends_with("this path speaks WebSocket: the request must carry 'Upgrade: websocket'\n"), "{text}");
    }
}

#[test]
fn another_version() {
    let text = refusal(&routes(), "GET /chat", &HANDSHAKE.replace("13", "8"));
    assert!(text.starts_with("HTTP/1.1 426 ") && text.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{text}");
}

#[test]
fn a_websocket_where_there_is_none() {
    for path in ["/", "/nothing"] {
        let text = refusal(&routes(), &format!("GET {path}"), HANDSHAKE);
        assert!(text.ends_with("WebSocket paths are: /topics/*, /topics/private/*, /chat\n"), "{text}");
    }
    let pages = Routes::builder().page(page("/")).build().unwrap();
    assert!(refusal(&pages, "GET /", HANDSHAKE).ends_with("no WebSocket is served on this port\n"));
}

#[test]
fn origins() {
    // RFC6455-4.2.2-3
    let routes = routes();
    let with = |origin: &str| outcome(&routes, "GET /topics/private/x", &format!("{HANDSHAKE}Origin: {origin}\r\n"));
    assert_eq!(with("https://good.example"), Ok("/topics/private/*".to_owned()));
    assert_eq!(with("https://bad.example"), Err(403));
    assert_eq!(with("null"), Err(403));
    assert_eq!(with(""), Err(403));
    assert_eq!(outcome(&routes, "GET /topics/private/x", HANDSHAKE), Ok("/topics/private/*".to_owned()));
    let elsewhere = outcome(&routes, "GET /chat", &format!("{HANDSHAKE}Origin: https://bad.example\r\n"));
    assert_eq!(elsewhere, Ok("/chat".to_owned()), "rules are a route's own");
}

#[test]
fn the_handler_can_tell_routes_apart() {
    let routes = routes();
    for (path, index, rest) in
        [("/topics/news", 0, Some("news")), ("/topics/private/", 1, Some("")), ("/chat", 2, None)]
    {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
        let request = Request::parse(head.as_bytes(), ([127, 0, 0, 1], 1).into()).unwrap();
        let Ok(Routed::WebSocket { route, .. }) = routes.route(&request) else {
            panic!("{path} is a WebSocket path");
        };
        assert_eq!((route.index(), route.rest(path)), (index, rest), "{path}");
    }
    assert_eq!(websocket("*").rest("/a/b"), Some("a/b"));
    assert_eq!(websocket("/a/*").rest("/b/c"), None);
}

#[test]
fn a_routes_subprotocols() {
    let routes = routes();
    for (offered, chosen) in [("v1, v2", Some("v2")), ("v1", Some("v1")), ("v3", None)] {
        let head = format!("GET /chat HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}Sec-WebSocket-Protocol: {offered}\r\n\r\n");
        let request = Request::parse(head.as_bytes(), ([127, 0, 0, 1], 1).into()).unwrap();
        let Ok(Routed::WebSocket { route, upgrade }) = routes.route(&request) else {
            panic!("none in common is no failure");
        };
        assert_eq!(route.choose_protocol(&upgrade), chosen, "{offered}");
    }
}

#[test]
fn what_is_no_route() {
    for pattern in ["", "chat", "/a*", "/*/a", "/a/**", "**", "/a?b", "/a#b", "/a b", "/é", "/\r\n"] {
        let error = WebSocketRoute::new(pattern).unwrap_err();
        assert_eq!(error, RouteError::Path(pattern.to_owned()));
    }
    let error = websocket("/").protocols(["fine", "not fine"]).unwrap_err();
    assert_eq!(error, RouteError::Protocol("not fine".to_owned()));
    for (routes, repeated) in [
        (Routes::builder().websocket(websocket("/a")).page(page("/")).websocket(websocket("/a")), "/a"),
        (Routes::builder().websocket(websocket("/")).page(page("/")), "/"),
        (Routes::builder().websocket(websocket("*")).websocket(websocket("*")), "*"),
        (Routes::builder().websocket(websocket("/a/*")).websocket(websocket("/a/*")), "/a/*"),
    ] {
        assert_eq!(routes.build().unwrap_err(), RouteError::Repeated(repeated.to_owned()));
    }
}

#[test]
fn routes_can_be_read_back() {
    let routes = routes();
    let found: Vec<_> = routes.websockets().iter().map(|route| (route.index(), route.pattern())).collect();
    let expected = ["/topics/*", "/topics/private/*", "/chat"].map(str::to_owned);
    assert_eq!(found, expected.into_iter().enumerate().collect::<Vec<_>>());
    assert_eq!(routes.websockets()[2].supported_protocols(), ["v2", "v1"]);
    let mut paths: Vec<_> = routes.pages().map(Page::path).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/", "/topics/help"]);
}

#[test]
fn a_slash_too_many_leads_to_the_page() {
    let routes = Routes::builder().websocket(websocket("/ws")).page(page("/about")).page(page("/")).build().unwrap();
    for (line, location) in [("GET /about/", "/about"), ("HEAD /about/?x=y/", "/about?x=y/"), ("GET //", "/")] {
        let text = refusal(&routes, line, "");
        assert!(text.starts_with("HTTP/1.1 307 Temporary Redirect\r\n"), "{text}");
        assert!(text.contains(&format!("\r\nLocation: {location}\r\n")), "{text}");
        assert_eq!(text.ends_with("\r\n\r\n"), line.starts_with("HEAD"), "{text}");
    }
    for line in ["GET /ws/", "GET /about//", "GET /other/", "GET //about/"] {
        assert_eq!(outcome(&routes, line, ""), Err(404), "{line}");
    }
    assert_eq!(outcome(&routes, "GET /about/", HANDSHAKE), Err(404), "a WebSocket is not redirected");
}
