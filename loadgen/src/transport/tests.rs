//! Each way in every split of its bytes.

use super::*;

fn route() -> Route {
    Route { host: "h".into(), topic: "a.b".into() }
}

/// What a follower hears, as lines.
fn said(heard: &Heard<'_>) -> String {
    match heard {
        Heard::Update(bytes) => format!("update {}", String::from_utf8_lossy(bytes)),
        Heard::Refused(refusal) => format!("refused {}: {}", refusal.code, refusal.message),
        other => format!("{other:?}"),
    }
}

/// Feeds answers in pieces of `size` to a new follower, which asks again behind each that allows it: what it heard, and asked.
fn heard(way: Way, answers: &[String], size: usize) -> (Vec<String>, Vec<String>, Option<Trouble>) {
    let (mut lines, mut requests, mut trouble) = (Vec::new(), Vec::new(), None);
    let (mut follower, mut out) = (Follower::new(way, 10_000), Vec::new());
    follower.begin(&route(), &mut out, &mut |heard| lines.push(said(&heard)));
    for answer in answers {
        requests.push(String::from_utf8(std::mem::take(&mut out)).unwrap());
        for piece in answer.as_bytes().chunks(size) {
            trouble = trouble.or(follower.on_bytes(piece, &mut |heard| lines.push(said(&heard))).err());
        }
        if lines.last().is_some_and(|line| line == "Answered") {
            follower.ask(&route(), &mut out);
        }
    }
    requests.push(String::from_utf8(out).unwrap());
    requests.retain(|request| !request.is_empty());
    (lines, requests, trouble)
}

/// The same, in pieces of every size.
#[track_caller]
fn same_in_all_sizes(way: Way, answers: &[String]) -> (Vec<String>, Vec<String>) {
    let (lines, requests, trouble) = heard(way, answers, 1);
    assert_eq!(trouble, None);
    for size in 2..=answers.iter().map(String::len).max().unwrap_or_default() {
        assert_eq!(heard(way, answers, size), (lines.clone(), requests.clone(), None), "pieces of {size}");
    }
    (lines, requests)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_stream_is_events_whatever_ends_its_lines() {
    let lf = ":\n\nretry: 1870\n\nid: 1-7\nevent: subscribed\ndata: {\"topic\":\"a.b\"}\n\nid: 1-8\ndata: one\ndata:two\n\n\
              event: binary\ndata: aGVsbG8=\n\nevent: lost\ndata: {}\n\nevent: message\ndata\n\nid: nothing\n\ndata: three\n\ndata: cut";
    let wanted = ["Placed", "update one\ntwo", "update hello", "update ", "update three"];
    for ending in ["\n", "\r\n", "\r"] {
        let body = lf.replace('\n', ending);
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n{body}");
        let (lines, requests) = same_in_all_sizes(Way::Sse, &[whole]);
        assert_eq!(lines, wanted, "{ending:?}");
        assert_eq!(requests, ["GET /topics/a.b HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n"]);
        let chunks: String = body
            .as_bytes()
            .chunks(7)
            .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)))
            .collect();
        let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(same_in_all_sizes(Way::Sse, &[chunked]).0, wanted, "{ending:?}, in chunks");
    }
}

#[test]
fn a_stream_that_is_refused_says_why() {
    let refusal = answer("403 Forbidden", "{\"code\":\"not_allowed\",\"message\":\"no\"}");
    assert_eq!(same_in_all_sizes(Way::Sse, &[refusal]).0, ["refused not_allowed: no"]);
    assert_eq!(
        same_in_all_sizes(Way::Sse, &[answer("404 Not Found", "nothing here")]).0,
        ["refused 404: nothing here"]
    );
    let endless = format!("HTTP/1.1 200 OK\r\n\r\ndata: {}", "x".repeat(20_000));
    assert_eq!(heard(Way::Sse, &[endless], 999).2, Some(Trouble::TooLong));
}

#[test]
fn polls_go_on_behind_their_position() {
    let first = answer("200 OK", "{\"position\":\"1-7\",\"messages\":[],\"gap\":false,\"time\":1}");
    let news = "{\"position\":\"1-9\",\"messages\":[{\"position\":\"1-8\",\"data\":\"o\\\"ne\",\"time\":1},\
                {\"position\":\"1-9\",\"data64\":\"aGVsbG8=\",\"time\":2}],\"gap\":false,\"time\":3}";
    let empty = answer("200 OK", "{\"position\":\"1-9\",\"messages\":[],\"gap\":false,\"time\":1}");
    for (way, wait) in [(Way::LongPoll, "&wait=30s"), (Way::Poll, "")] {
        let (lines, requests) = same_in_all_sizes(way, &[first.clone(), answer("200 OK", news), empty.clone()]);
        assert_eq!(lines, ["Placed", "Answered", "update o\"ne", "update hello", "Answered", "Answered"]);
        let targets = requests.iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>();
        let after = |position| format!("/topics/a.b?after={position}{wait}");
        assert_eq!(targets, ["/topics/a.b".to_owned(), after("1-7"), after("1-9"), after("1-9")]);
    }
}

#[test]
fn polls_for_the_latest_compare_its_tag() {
    let first = answer("200 OK", "{\"position\":\"1-7\",\"messages\":[],\"gap\":false,\"time\":1}");
    let latest = "HTTP/1.1 200 OK\r\nETag: \"1-12\"\r\nContent-Length: 3\r\n\r\nnew".to_owned();
    let same = "HTTP/1.1 304 Not Modified\r\nETag: \"1-12\"\r\n\r\n".to_owned();
    let none = answer("404 Not Found", "{\"code\":\"no_message\",\"message\":\"none\"}");
    let (lines, requests) = same_in_all_sizes(Way::Latest, &[first, none, latest, same]);
    assert_eq!(lines, ["Placed", "Answered", "Answered", "update new", "Answered", "Answered"]);
    let known =
        |position| format!("GET /topics/a.b/latest HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"{position}\"\r\n\r\n");
    assert_eq!(requests[1..], [known("1-7"), known("1-7"), known("1-12"), known("1-12")]);
}

#[test]
fn polls_of_a_server_that_ends_connections_come_back_where_they_were() {
    let (mut out, mut lines) = (Vec::new(), Vec::new());
    let mut poll = Poll::new(Asks::Behind, 1000);
    poll.begin(&route(), &mut out);
    let last = "HTTP/1.0 200 OK\r\n\r\n{\"position\":\"1-7\",\"messages\":[]}";
    poll.on_bytes(last.as_bytes(), &mut |heard| lines.push(said(&heard))).unwrap();
    assert!(lines.is_empty(), "only the end tells that it is whole");
    assert!(poll.end(&mut |heard| lines.push(said(&heard))));
    assert_eq!(lines, ["Placed", "AnsweredLast"]);
    assert!(!poll.end(&mut |_| {}), "a second end without an answer between is none of the server's right");
    out.clear();
    poll.begin(&route(), &mut out);
    assert!(out.is_empty(), "it asks when its turn comes");
    assert!(poll.ask(&route(), &mut out) && !poll.ask(&route(), &mut out), "one answer at a time");
    out.clear();
    poll.begin(&route(), &mut out);
    assert!(out.starts_with(b"GET /topics/a.b?after=1-7 "), "what was not answered is asked again");
    assert_eq!(poll.on_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", &mut |_| {}), Err(Trouble::Answer));
}

#[test]
fn v1_is_read_in_text_and_binary() {
    let mut lines = Vec::new();
    let messages = [
        Message::Text("{\"event\":\"ok\",\"id\":1,\"replayed\":0,\"gap\":false,\"time\":1}"),
        Message::Text("{\"event\":\"message\",\"topic\":\"a.b\",\"position\":\"1-8\",\"data\":\"o\\\"ne\"}"),
        Message::Binary(b"{\"event\":\"message\",\"topic\":\"a.b\"}\ntw\no"),
        Message::Text("{\"event\":\"later\",\"what\":[1]}"),
        Message::Text("{\"event\":\"error\",\"code\":\"not_allowed\",\"message\":\"no\"}"),
        Message::Text("broken"),
    ];
    for message in messages {
        let told = Follower::V1.on_message(message, &mut Vec::new(), &mut |heard| lines.push(said(&heard)));
        assert_eq!(told, Ok(()));
    }
    assert_eq!(lines, ["Placed", "update o\"ne", "update tw\no", "refused not_allowed: no", "update broken"]);
    let mut out = Vec::new();
    v1::subscribe(&Route { topic: "a\"b".into(), ..route() }, &mut out);
    v1::publish_text("a", b"x", &mut out);
    v1::publish_binary("a", b"\0", &mut out);
    let wanted = "{\"op\":\"subscribe\",\"id\":1,\"topic\":\"a\\\"b\"}{\"op\":\"publish\",\"topic\":\"a\",\"data\":\"x\"}\
                  {\"op\":\"publish\",\"topic\":\"a\"}\n\0";
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}

/// What a NATS server sends: lines and payloads, some with line feeds in them.
const NATS: &str = "INFO {\"server_id\":\"N\"}\r\nPONG\r\nMSG a.b 1 3\r\none\r\n+OK\r\nMSG a.b 1 reply.to 7\r\nt\r\nMSG\n\r\nPING\r\n\
                    MSG a.b 1 0\r\n\r\n-ERR 'Unknown Protocol'\r\n";

#[test]
fn nats_is_one_stream_however_it_is_cut() {
    for size in 1..=NATS.len() {
        let (mut follower, mut out, mut lines) = (Follower::new(Way::Nats, 7), Vec::new(), Vec::new());
        for piece in NATS.as_bytes().chunks(size) {
            let told = follower.on_message(Message::Binary(piece), &mut out, &mut |heard| lines.push(said(&heard)));
            assert_eq!(told, Ok(()), "pieces of {size}");
        }
        let wanted = ["Placed", "update one", "update t\r\nMSG\n", "update ", "refused -ERR: Unknown Protocol"];
        assert_eq!((&lines[..], &out[..]), (&wanted.map(str::to_owned)[..], &b"PONG\r\n"[..]), "pieces of {size}");
    }
}

#[test]
fn what_is_not_nats_is_trouble() {
    let long = "I".repeat(70_000);
    let none = Trouble::Answer;
    for (bytes, trouble) in [
        ("HTTP/1.1 200 OK\r\n", none),
        ("PING\n", none),
        ("MSG a.b 1 much\r\n", none),
        ("MSG a.b 1 8\r\n", Trouble::TooLong),
        (&long, Trouble::TooLong),
    ] {
        let mut follower = Follower::new(Way::Nats, 7);
        let told = follower.on_message(Message::Binary(bytes.as_bytes()), &mut Vec::new(), &mut |_| {});
        assert_eq!(told, Err(trouble), "{}", &bytes[..bytes.len().min(20)]);
    }
}

#[test]
fn nats_is_told_who_follows_what_and_what_is_published() {
    let mut out = Vec::new();
    Follower::new(Way::Nats, 7).begin(&route(), &mut out, &mut |_| panic!("nothing is known yet"));
    nats::publish("a.b", b"x\r\n", &mut out);
    let text = String::from_utf8(out).unwrap();
    let (first, rest) = text.split_once("\r\n").unwrap();
    assert!(first.starts_with("CONNECT {\"verbose\":false,") && first.ends_with('}'), "{first}");
    assert_eq!(rest, "SUB a.b 1\r\nPING\r\nPUB a.b 3\r\nx\r\n\r\n");
}
