//! Answers byte for byte.

use super::*;

/// What answers a request.
fn answer(line: &str, headers: &[&str], write: impl FnOnce(&TopicRequest<'_>, &mut Vec<u8>, &Date)) -> String {
    with_request(line, headers, |parsed| {
        let mut out = b"before".to_vec();
        write(&parsed.expect(line), &mut out, &Date::from_unix(784_111_777));
        let answer = out.strip_prefix(b"before").expect("appended");
        assert_whole(answer, line.starts_with("HEAD"));
        String::from_utf8(answer.to_vec()).expect("text")
    })
}

const PAGE: &str = "Origin: https://page.example";
const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Content-Type-Options: nosniff\r\n";
const CORS: &str =
    "Access-Control-Allow-Origin: https://page.example\r\nVary: Origin\r\nAccess-Control-Expose-Headers: ETag\r\n";

#[test]
fn the_head_of_a_stream() {
    for line in ["GET /topics/a", "HEAD /topics/a", "GET /topics/a HTTP/1.0"] {
        let text =
            answer(line, &[PAGE, "Accept: text/event-stream"], |request, out, date| request.reply.stream(out, date));
        let expected = "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
                        Connection: close\r\n\r\n";
        assert_eq!(text, format!("HTTP/1.1 200 OK\r\n{DATE}{CORS}{expected}"), "{line}");
    }
}

#[test]
fn the_answer_to_a_poll() {
    let poll =
        |line, headers: &[&str]| answer(line, headers, |request, out, date| request.reply.poll(out, date, b"{}"));
    let head = "Cache-Control: no-store\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    assert_eq!(poll("GET /topics/a", &[]), format!("HTTP/1.1 200 OK\r\n{DATE}{head}\r\n{{}}"));
    assert_eq!(poll("GET /topics/a", &[PAGE]), format!("HTTP/1.1 200 OK\r\n{DATE}{CORS}{head}\r\n{{}}"));
    assert_eq!(poll("HEAD /topics/a", &[]), format!("HTTP/1.1 200 OK\r\n{DATE}{head}\r\n"));
    let close = format!("HTTP/1.1 200 OK\r\n{DATE}{head}Connection: close\r\n\r\n{{}}");
    assert_eq!(poll("GET /topics/a", &["Connection: close"]), close);
    assert_eq!(poll("GET /topics/a HTTP/1.0", &[]), close);
    let kept = poll("GET /topics/a HTTP/1.0", &["Connection: keep-alive"]);
    assert!(kept.contains("\r\nConnection: keep-alive\r\n"), "{kept}");
}

#[test]
fn what_follows_an_answer() {
    for (line, is_head, is_keep_alive) in [
        ("GET /topics/a", false, true),
        ("HEAD /topics/a", true, true),
        ("OPTIONS /topics/a", false, true),
        ("GET /topics/a HTTP/1.0", false, false),
    ] {
        let reply = with_request(line, &[], |parsed| parsed.expect(line).reply);
        assert_eq!((reply.is_head(), reply.is_keep_alive()), (is_head, is_keep_alive), "{line}");
    }
}

#[test]
fn the_latest_message() {
    let latest = |line, tags: &str, kind| {
        let headers = [PAGE, &format!("If-None-Match: {tags}")];
        answer(line, &headers, |request, out, date| {
            let Operation::Latest { name, known } = &request.operation else { panic!("{request:?}") };
            assert_eq!(name, "a.b");
            request.reply.latest(out, date, known, &publication(kind, b"{1}"));
        })
    };
    let tag = "ETag: \"1f3a-19\"\r\nCache-Control: no-cache\r\n";
    let found = |content_type| {
        format!("HTTP/1.1 200 OK\r\n{DATE}{CORS}{tag}Content-Type: {content_type}\r\nContent-Length: 3\r\n\r\n")
    };
    let text = found("text/plain; charset=utf-8");
    for tags in ["", "\"1f3a-18\"", "1f3a-19", "\"x\", \"", "\"01f3a-19\""] {
        assert_eq!(latest("GET /topics/a.b/latest", tags, MessageKind::Text), format!("{text}{{1}}"), "{tags}");
    }
    assert_eq!(latest("HEAD /topics/a.b/latest", "", MessageKind::Text), text);
    let binary = found("application/octet-stream");
    assert_eq!(latest("GET /topics/a.b/latest", "", MessageKind::Binary), format!("{binary}{{1}}"));
    for tags in ["\"1f3a-19\"", "W/\"1f3a-19\"", "\"x\", \"1f3a-19\"", "*"] {
        let known = format!("HTTP/1.1 304 Not Modified\r\n{DATE}{CORS}{tag}\r\n");
        assert_eq!(latest("GET /topics/a.b/latest", tags, MessageKind::Text), known, "{tags}");
        assert_eq!(latest("HEAD /topics/a.b/latest", tags, MessageKind::Binary), known, "{tags}");
    }
}

#[test]
fn what_may_be_asked() {
    let expected = "Allow: GET, HEAD, OPTIONS\r\nAccess-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n\
                    Access-Control-Allow-Headers: Last-Event-ID, If-None-Match, Cache-Control\r\n\
                    Access-Control-Max-Age: 600\r\n\r\n";
    let text = answer("OPTIONS /topics/a", &[PAGE], |request, out, date| request.reply.options(out, date));
    assert_eq!(text, format!("HTTP/1.1 204 No Content\r\n{DATE}{CORS}{expected}"));
}

#[test]
fn refusals_of_the_topic_are_readable_to_the_page() {
    let text = answer("GET /topics/a/latest", &[PAGE], |request, out, date| {
        request.reply.refuse(Code::NoMessage, "this topic has no message yet").write_to(out, date);
    });
    assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"), "{text}");
    assert!(text.contains(CORS), "{text}");
    assert!(
        text.ends_with("\r\n\r\n{\"code\":\"no_message\",\"message\":\"this topic has no message yet\"}"),
        "{text}"
    );
    let head = answer("HEAD /topics/a/latest", &[PAGE], |request, out, date| {
        request.reply.refuse(Code::NoMessage, "this topic has no message yet").write_to(out, date);
    });
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}
