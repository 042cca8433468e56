//! A test for each rule of the opening handshake; ids as in `docs/rfc6455.md`.

use super::client::{ClientRequest, ResponseError, check_response, encode_key, write_request};
use super::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const GOOD: [(&str, &str); 5] = [
    ("Host", "server.example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

/// A good handshake in which the headers called `name` have these `values`: none, one or more.
fn with<'a>(name: &'a str, values: &[&'a str]) -> Vec<Header<'a>> {
    let kept = GOOD.iter().copied().filter(|(good, _)| *good != name);
    let fields = kept.chain(values.iter().map(|value| (name, *value)));
    fields.map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
}

fn verdict(name: &str, values: &[&str]) -> Result<(), HandshakeError> {
    check("GET", 1, &with(name, values)).map(|_| ())
}

#[test]
fn the_sample_key_of_the_rfc() {
    // RFC6455-4.2.2-4
    assert_eq!(&accept_key(KEY), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn accept_keys_as_tungstenite_derives_them() {
    let mut random = fastrand::Rng::with_seed(6455);
    for _ in 0..2_000 {
        let key = encode_key(random.u128(..).to_le_bytes());
        let theirs = tungstenite::handshake::derive_accept_key(key.as_bytes());
        assert_eq!(str::from_utf8(&accept_key(&key)).unwrap(), theirs, "key {key}");
        assert_eq!(verdict("Sec-WebSocket-Key", &[&key]), Ok(()));
    }
}

#[test]
fn a_good_handshake() {
    let headers = with("", &[]);
    let upgrade = check("GET", 1, &headers).unwrap();
    assert_eq!(upgrade.key(), KEY);
    assert_eq!(upgrade.protocols().count(), 0);
    assert_eq!(upgrade.extensions().count(), 0);
}

#[test]
fn names_of_headers_are_in_any_case() {
    let headers: Vec<_> = GOOD.iter().map(|(name, value)| (name.to_uppercase(), value)).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
    assert!(check("GET", 1, &headers).is_ok());
}

#[test]
fn only_get_and_only_http_1_1() {
    // RFC6455-4.2.1-1
    let headers = with("", &[]);
    for method in ["HEAD", "POST", "get", "OPTIONS", "CONNECT", ""] {
        let error = check(method, 1, &headers).unwrap_err();
        assert_eq!((error, error.status()), (HandshakeError::MethodNotGet, 405), "{method}");
    }
    let error = check("GET", 0, &headers).unwrap_err();
    assert_eq!((error, error.status()), (HandshakeError::HttpVersion, 400));
}

#[test]
fn exactly_one_host() {
    // RFC6455-4.2.1-2
    assert_eq!(verdict("Host", &[]), Err(HandshakeError::HostMissing));
    assert_eq!(verdict("Host", &["a", "a"]), Err(HandshakeError::HostRepeated));
}

#[test]
fn upgrade_lists_websocket_in_any_case() {
    // RFC6455-4.2.1-3
    for values in [
        &["websocket"][..],
        &["WebSocket"],
        &["WEBSOCKET"],
        &["h2c, websocket"],
        &["websocket,h2c"],
        &[" ,\twebsocket "],
        &["h2c", "websocket"],
    ] {
        assert_eq!(verdict("Upgrade", values), Ok(()), "{values:?}");
    }
    for values in [&[][..], &[""], &["h2c"], &["websockets"], &["web socket"], &["websocket/13"], &["x websocket"]] {
        let error = verdict("Upgrade", values).unwrap_err();
        assert_eq!((error, error.status()), (HandshakeError::NotAnUpgrade, 426), "{values:?}");
    }
}

#[test]
fn connection_lists_upgrade_in_any_case() {
    // RFC6455-4.2.1-4
    for values in [
        &["Upgrade"][..],
        &["upgrade"],
        &["UPGRADE"],
        &["keep-alive, Upgrade"],
        &["Upgrade,keep-alive"],
        &["keep-alive", "Upgrade"],
        &[",, upgrade\t,"],
    ] {
        assert_eq!(verdict("Connection", values), Ok(()), "{values:?}");
    }
    for values in [&[][..], &[""], &["keep-alive"], &["upgrades"], &["keep-alive Upgrade"], &["\"Upgrade\""]] {
        assert_eq!(verdict("Connection", values), Err(HandshakeError::ConnectionWithoutUpgrade), "{values:?}");
    }
}

#[test]
fn exactly_one_key_of_16_bytes() {
    // RFC6455-4.2.1-5
    assert_eq!(verdict("Sec-WebSocket-Key", &[]), Err(HandshakeError::KeyMissing));
    // RFC6455-11.3.1-1
    assert_eq!(verdict("Sec-WebSocket-Key", &[KEY, KEY]), Err(HandshakeError::KeyRepeated));
    for key in ["AAAAAAAAAAAAAAAAAAAAAA==", "////////////////////+w==", "abcdefghijklmnopqrstuv=="] {
        assert_eq!(verdict("Sec-WebSocket-Key", &[key]), Ok(()), "{key}");
    }
    for key in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25jZQA=",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZSBl",
        "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBs=SBub25jZQ==",
        "dGhlIHNhbXBs ZSBub25jZ==",
        "dGhl-HNhbXBsZSBub25jZ_==",
        "dGhlIHNhbXBsZSBub25jZé==",
        "SGVsbG8sIHdvcmxkIQ==",
    ] {
        assert_eq!(verdict("Sec-WebSocket-Key", &[key]), Err(HandshakeError::KeyInvalid), "{key}");
    }
}

#[test]
fn version_13_and_no_other() {
    // RFC6455-4.2.1-6, RFC6455-4.4-1
    for values in [&[][..], &[""], &["8"], &["12"], &["14"], &["013"], &["130"], &["13, 8"], &["+13"], &["x"]] {
        let error = verdict("Sec-WebSocket-Version", values).unwrap_err();
        assert_eq!((error, error.status()), (HandshakeError::VersionUnsupported, 426), "{values:?}");
    }
    // RFC6455-11.3.5-1
    assert_eq!(verdict("Sec-WebSocket-Version", &["13", "13"]), Err(HandshakeError::VersionRepeated));
}

#[test]
fn subprotocols_of_several_headers_combine() {
    // RFC6455-11.3.4-1
    for (values, expected) in [
        (&["chat"][..], &["chat"][..]),
        (&["chat, superchat"], &["chat", "superchat"]),
        (&["a,b", "c"], &["a", "b", "c"]),
        (&["a", "b", " c ,\td"], &["a", "b", "c", "d"]),
        (&[",a,, b,"], &["a", "b"]),
        (&["", "a"], &["a"]),
        (&["Chat,chat"], &["Chat", "chat"]),
        (&["v1.2_x+y~z!#$%&'*^`|"], &["v1.2_x+y~z!#$%&'*^`|"]),
    ] {
        let headers = with("Sec-WebSocket-Protocol", values);
        let upgrade = check("GET", 1, &headers).unwrap();
        assert_eq!(upgrade.protocols().collect::<Vec<_>>(), expected, "{values:?}");
    }
}

#[test]
fn malformed_and_repeated_subprotocols() {
    // RFC6455-4.1-10
    for values in [&[""][..], &[","], &["a b"], &["a;b"], &["a, b/c"], &["\"a\""], &["a", "b=c"], &["é"], &["a\0"]] {
        assert_eq!(verdict("Sec-WebSocket-Protocol", values), Err(HandshakeError::ProtocolMalformed), "{values:?}");
    }
    for values in [&["a,a"][..], &["a", "a"], &["a,b", "c, b"]] {
        assert_eq!(verdict("Sec-WebSocket-Protocol", values), Err(HandshakeError::ProtocolRepeated), "{values:?}");
    }
}

#[test]
fn subprotocols_are_bounded() {
    let names: Vec<_> = (0..=PROTOCOL_COUNT_MAX).map(|number| format!("p{number}")).collect();
    assert_eq!(verdict("Sec-WebSocket-Protocol", &[&names[..PROTOCOL_COUNT_MAX].join(",")]), Ok(()));
    assert_eq!(verdict("Sec-WebSocket-Protocol", &[&names.join(",")]), Err(HandshakeError::ProtocolsTooMany));
}

#[test]
fn the_server_prefers_among_subprotocols() {
    let supported = ["b".to_owned(), "a".to_owned()];
    for (offered, chosen) in [("a, b", Some("b")), ("a", Some("a")), ("c, a", Some("a")), ("c", None), ("B", None)] {
        let headers = with("Sec-WebSocket-Protocol", &[offered]);
        let upgrade = check("GET", 1, &headers).unwrap();
        assert_eq!(upgrade.choose_protocol(&supported), chosen, "{offered}");
        assert_eq!(upgrade.choose_protocol(&[]), None);
    }
    assert_eq!(check("GET", 1, &with("", &[])).unwrap().choose_protocol(&supported), None);
}

/// Each offer as `name|param|param=value`.
fn offers(values: &[&str]) -> Result<Vec<String>, HandshakeError> {
    let headers = with("Sec-WebSocket-Extensions", values);
    let upgrade = check("GET", 1, &headers)?;
    let described = upgrade.extensions().map(|offer| {
        offer.params().fold(offer.name().to_owned(), |text, param| match param.value {
            Some(value) => format!("{text}|{}={value}", param.name),
            None => format!("{text}|{}", param.name),
        })
    });
    Ok(described.collect())
}

#[test]
fn extensions_are_parsed() {
    // RFC6455-9.1-1, RFC6455-9.1-2: unknown ones among them.
    for (values, expected) in [
        (&["foo"][..], &["foo"][..]),
        (&["foo, bar"], &["foo", "bar"]),
        (&["foo;a"], &["foo|a"]),
        (&["foo ; a = b ;c=\"d\", bar"], &["foo|a=b|c=d", "bar"]),
        (&["foo;a=\"x\\y\\z\"", "bar;a;a"], &["foo|a=xyz", "bar|a|a"]),
        (&[", foo,,\tbar ,"], &["foo", "bar"]),
        (&["permessage-deflate; client_max_window_bits"], &["permessage-deflate|client_max_window_bits"]),
    ] {
        assert_eq!(offers(values).unwrap(), expected, "{values:?}");
    }
}

#[test]
fn malformed_extensions() {
    // RFC6455-9.1-1
    for value in [
        "",
        ",",
        ";",
        "foo;",
        "foo;;a",
        "foo; ;a",
        "foo;a=",
        "foo;=a",
        "foo a",
        "foo;a b",
        "foo;a=b c",
        "foo=a",
        "foo;a=\"",
        "foo;a=\"b",
        "foo;a=\"b\\",
        "foo;a=\"\"",
        "foo;a=\"b c\"",
        "foo;a=\"b,c\"",
        "foo;a=\"b\"c",
        "\"foo\"",
        "foo;a=\"b\\ c\"",
        "foo/bar",
        "foo;a=b=c",
        "foo;a=é",
        "é",
        "foo;a=\"\u{7f}\"",
        "foo, bar;",
        "(foo)",
    ] {
        assert_eq!(offers(&[value]), Err(HandshakeError::ExtensionsMalformed), "{value:?}");
        assert_eq!(offers(&["foo", value]), Err(HandshakeError::ExtensionsMalformed), "{value:?} in a second header");
    }
}

#[test]
fn deflate_offers() {
    let deflate = |value: &str| {
        let headers = with("Sec-WebSocket-Extensions", &[value]);
        check("GET", 1, &headers).unwrap().deflate_offers().collect::<Vec<_>>()
    };
    let none = DeflateOffer::default();
    // RFC7692-7.1-1
    for (value, expected) in [
        ("permessage-deflate", none),
        ("permessage-deflate; server_no_context_takeover", DeflateOffer { server_no_context_takeover: true, ..none }),
        ("permessage-deflate; client_no_context_takeover", DeflateOffer { client_no_context_takeover: true, ..none }),
        ("permessage-deflate; client_max_window_bits", DeflateOffer { client_max_window_bits: Some(15), ..none }),
        ("permessage-deflate; client_max_window_bits=8", DeflateOffer { client_max_window_bits: Some(8), ..none }),
        ("permessage-deflate; server_max_window_bits=8", DeflateOffer { server_max_window_bits: Some(8), ..none }),
        (
            "permessage-deflate; server_max_window_bits=\"15\"",
            DeflateOffer { server_max_window_bits: Some(15), ..none },
        ),
    ] {
        assert_eq!(deflate(value), [expected], "{value}");
    }
    // RFC7692-7.1-2: such offers are declined, and the handshake goes on.
    for params in [
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=x",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=99999999999999999999",
        "client_max_window_bits; client_max_window_bits",
        "server_no_context_takeover=1",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover=true",
        "client_no_context_takeover; client_no_context_takeover",
        "unknown",
        "Server_no_context_takeover",
    ] {
        assert_eq!(deflate(&format!("permessage-deflate; {params}")), [], "{params}");
    }
    let several = "permessage-deflate; server_max_window_bits=7, x-webkit-deflate-frame, permessage-deflate";
    assert_eq!(deflate(several), [none], "the offers after a bad one still count");
}

#[test]
fn the_response_byte_for_byte() {
    // RFC6455-4.2.2-1
    let headers = with("Sec-WebSocket-Protocol", &["chat, superchat"]);
    let upgrade = check("GET", 1, &headers).unwrap();
    let mut out = b"before".to_vec();
    upgrade.write_response(&mut out, Some("chat"), &[("X-Node", "a b"), ("Set-Cookie", "c=d")]).unwrap();
    let expected = "beforeHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
                    X-Node: a b\r\nSet-Cookie: c=d\r\n\r\n";
    assert_eq!(str::from_utf8(&out).unwrap(), expected);
}

#[test]
fn no_extension_is_ever_accepted() {
    // RFC6455-4.2.2-5
    let headers = with("Sec-WebSocket-Extensions", &["permessage-deflate; client_max_window_bits, foo"]);
    let mut out = Vec::new();
    check("GET", 1, &headers).unwrap().write_response(&mut out, None, &[]).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("Extensions"));
}

#[test]
fn only_offered_subprotocols_are_answered() {
    // RFC6455-4.2.2-2
    let headers = with("Sec-WebSocket-Protocol", &["chat"]);
    let upgrade = check("GET", 1, &headers).unwrap();
    let mut out = Vec::new();
    for protocol in ["Chat", "other", "", "chat\r\nX: y"] {
        let result = upgrade.write_response(&mut out, Some(protocol), &[]);
        assert_eq!(result, Err(InvalidField::ProtocolNotOffered), "{protocol:?}");
    }
    assert!(out.is_empty());
}

#[test]
fn the_response_cannot_be_split() {
    let accept = accept_key(KEY);
    let mut out = Vec::new();
    for protocol in ["", "a b", "a\r\nb", "é", "a,b"] {
        let result = write_response(&mut out, &accept, Some(protocol), &[]);
        assert_eq!(result, Err(InvalidField::Protocol), "{protocol:?}");
    }
    for name in ["", "a b", "a:", "a\r\nb", "a\0", "é"] {
        let result = write_response(&mut out, &accept, None, &[("Fine", "x"), (name, "x")]);
        assert_eq!(result, Err(InvalidField::Name), "{name:?}");
    }
    for value in ["a\r\nX: y", "a\n", "\r", "a\0b", "\u{7f}", "é", " a", "a "] {
        let result = write_response(&mut out, &accept, None, &[("Fine", "x"), ("X-A", value)]);
        assert_eq!(result, Err(InvalidField::Value), "{value:?}");
    }
    for name in ["upgrade", "Connection", "SEC-WEBSOCKET-ACCEPT", "Content-Length", "Sec-WebSocket-Extensions"] {
        let result = write_response(&mut out, &accept, None, &[(name, "x")]);
        assert_eq!(result, Err(InvalidField::Reserved), "{name}");
    }
    assert!(out.is_empty(), "a refused response leaves nothing behind");
}

const REQUEST: ClientRequest<'static> = ClientRequest {
    host: "localhost:9001",
    target: "/chat?x=y",
    key: KEY,
    protocols: &["chat", "superchat"],
    origin: Some("http://localhost"),
};

#[test]
fn the_clients_request_byte_for_byte() {
    // RFC6455-4.1-1
    let mut out = Vec::new();
    write_request(&mut out, &REQUEST).unwrap();
    let expected = "GET /chat?x=y HTTP/1.1\r\nHost: localhost:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://localhost\r\n\r\n";
    assert_eq!(str::from_utf8(&out).unwrap(), expected);
}

#[test]
fn the_clients_request_cannot_be_split() {
    let mut out = Vec::new();
    for (request, error) in [
        (ClientRequest { target: "chat", ..REQUEST }, InvalidField::Target),
        (ClientRequest { target: "/a b", ..REQUEST }, InvalidField::Target),
        (ClientRequest { target: "/a#b", ..REQUEST }, InvalidField::Target),
        (ClientRequest { target: "/\r\n", ..REQUEST }, InvalidField::Target),
        (ClientRequest { host: "", ..REQUEST }, InvalidField::Value),
        (ClientRequest { host: "a\r\nb", ..REQUEST }, InvalidField::Value),
        (ClientRequest { origin: Some("a\nb"), ..REQUEST }, InvalidField::Value),
        (ClientRequest { key: "short", ..REQUEST }, InvalidField::Key),
        (ClientRequest { protocols: &["a", "b c"], ..REQUEST }, InvalidField::Protocol),
    ] {
        assert_eq!(write_request(&mut out, &request), Err(error), "{request:?}");
    }
    assert!(out.is_empty());
}

#[test]
fn nonces_become_keys() {
    assert_eq!(encode_key(*b"the sample nonce"), KEY);
}

/// A good response in which `from` stands as `to`.
fn response_with(from: &str, to: &str) -> Result<Option<String>, ResponseError> {
    let good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert!(good.contains(from));
    let head = good.replace(from, to);
    let received = format!("{head}\u{1}frames");
    let opened = check_response(received.as_bytes(), KEY, &["chat", "superchat"]);
    opened.map(|opened| {
        assert_eq!(opened.head_bytes, head.len());
        opened.protocol.map(str::to_owned)
    })
}

#[test]
fn good_responses() {
    assert_eq!(response_with("101", "101"), Ok(None));
    assert_eq!(response_with("Upgrade: websocket", "uPGRADE: WebSocket"), Ok(None));
    assert_eq!(response_with("Connection: Upgrade", "Connection: keep-alive, upgrade"), Ok(None));
    let chosen = "\r\nSec-WebSocket-Protocol: superchat\r\n\r\n";
    assert_eq!(response_with("\r\n\r\n", chosen), Ok(Some("superchat".to_owned())));
}

#[test]
fn responses_that_fail_the_connection() {
    for (from, to, error) in [
        // RFC6455-4.1-11
        ("101 Switching Protocols", "200 OK", ResponseError::Status(200)),
        ("101 Switching Protocols", "403 Forbidden", ResponseError::Status(403)),
        ("HTTP/1.1", "HTTP/1.0", ResponseError::Malformed),
        ("\r\n\r\n", "\r\n", ResponseError::Malformed),
        // RFC6455-4.1-12
        ("Upgrade: websocket", "Upgrade: h2c", ResponseError::Upgrade),
        ("Upgrade: websocket", "X: y", ResponseError::Upgrade),
        // RFC6455-4.1-13
        ("Connection: Upgrade", "Connection: close", ResponseError::Connection),
        ("Connection: Upgrade", "X: y", ResponseError::Connection),
        // RFC6455-4.1-14
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", ResponseError::Accept),
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "", ResponseError::Accept),
        ("Sec-WebSocket-Accept", "X", ResponseError::Accept),
        // RFC6455-4.1-15
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", ResponseError::Extension),
        // RFC6455-4.1-16
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: other\r\n\r\n", ResponseError::Protocol),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat, superchat\r\n\r\n", ResponseError::Protocol),
        (
            "\r\n\r\n",
            "\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
            ResponseError::Protocol,
        ),
    ] {
        assert_eq!(response_with(from, to), Err(error), "{from:?} as {to:?}");
    }
}

#[test]
fn the_two_halves_agree() {
    let mut random = fastrand::Rng::with_seed(13);
    for _ in 0..200 {
        let key = encode_key(random.u128(..).to_le_bytes());
        let mut sent = Vec::new();
        write_request(&mut sent, &ClientRequest { key: &key, ..REQUEST }).unwrap();
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut request = httparse::Request::new(&mut headers);
        assert!(request.parse(&sent).unwrap().is_complete());
        let upgrade = check(request.method.unwrap(), request.version.unwrap(), request.headers).unwrap();
        let mut answer = Vec::new();
        upgrade.write_response(&mut answer, upgrade.choose_protocol(&["superchat".to_owned()]), &[]).unwrap();
        let opened = check_response(&answer, &key, REQUEST.protocols).unwrap();
        assert_eq!(opened.protocol, Some("superchat"));
    }
}
