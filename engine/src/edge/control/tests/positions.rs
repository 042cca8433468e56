//! The positions that publishing answers with are those that subscribers resume from, on every shard.

use super::*;
use crate::config::TopicConfig;
use crate::handler::Start;
use crate::server::ShardInfo;
use crate::topic::history::{Offset, Position};

/// Resumes each connection where its path `/TOPIC/POSITION` says; `0-0` just subscribes.
struct Resumer;

impl Handler for Resumer {
    type Data = String;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<String>, Refusal> {
        Ok(Accept { data: request.path()[1..].to_owned(), protocol: None })
    }

    fn on_open(&mut self, conn: &mut Conn<'_, String>) {
        let path = conn.data().clone();
        let (topic, position) = path.split_once('/').expect("a topic and a position");
        let position: Position = position.parse().expect("a position");
        let _ = conn.send("ready");
        let seen = [(topic, position)];
        let after = if position.offset == Offset::ZERO { &[] } else { &seen[..] };
        let start = Start { after, since_ms: None };
        let replay = conn.subscribe_from(topic, &start).expect("the position was given");
        assert!(!replay.has_gap);
    }

    fn on_message(&mut self, _conn: &mut Conn<'_, String>, _message: Message<'_>) {}
}

struct Node {
    control: Control,
    server: Server,
}

impl Node {
    /// Keeps 100 messages of each topic below `kept`.
    fn start(shards: usize, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(shards, change, |_| Resumer)
    }

    fn start_with<H: Handler>(
        shards: usize,
        change: impl FnOnce(&mut Config),
        handler: impl Fn(ShardInfo) -> H + Send + Sync + 'static,
    ) -> Self {
        let kept = TopicConfig { pattern: "kept.>".to_owned(), history_count: 100, ..TopicConfig::default() };
        let mut config = Config { topics: vec![kept], ..(*config(shards)).clone() };
        change(&mut config);
        let config = config.validated().expect("valid");
        let control = Control::start(&config, None).expect("it starts").expect("it is wanted");
        let server = Server::start((*config).clone(), handler).expect("io_uring is there");
        control.running(server.handle());
        Self { control, server }
    }

    /// The status of a POST and what it was answered with.
    fn post(&self, path: &str, content_type: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.control.addr).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .expect("it reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("it answers");
        let (head, body) = response.split_once("\r\n\r\n").expect("a response");
        (head[9..12].parse().expect("a status"), serde_json::from_str(body).expect("JSON"))
    }

    fn publish(&self, topic: &str, text: &str) -> Position {
        let (status, answer) = self.post(&format!("/topics/{topic}"), "text/plain", text);
        assert_eq!((status, answer["topic"].as_str()), (200, Some(topic)), "{answer}");
        position_of(&answer)
    }

    fn stop(self) {
        self.server.handle().shutdown(Duration::ZERO);
        self.server.join();
    }
}

fn position_of(answer: &Value) -> Position {
    answer["position"].as_str().expect("a position").parse().expect("it is well-formed")
}

/// The next message of a server's, below 126 bytes.
fn message(client: &mut TcpStream) -> String {
    let mut head = [0; 2];
    client.read_exact(&mut head).expect("a frame");
    assert_eq!(head[0], 0x81, "a text message");
    let mut payload = vec![0; usize::from(head[1])];
    client.read_exact(&mut payload).expect("its payload");
    String::from_utf8(payload).expect("text")
}

#[test]
fn who_resumes_from_an_answered_position_gets_exactly_what_came_after() {
    for shards in [1, 2] {
        let node = Node::start(shards, |_| ());
        for topic in ["kept.a", "kept.b", "kept.c"] {
            let positions: Vec<_> = (0..10).map(|number| node.publish(topic, &format!("{topic}{number}"))).collect();
            let rises = |pair: &[Position]| pair[0].epoch == pair[1].epoch && pair[0].offset < pair[1].offset;
            assert!(positions.windows(2).all(rises), "{positions:?}");
            let mut clients: Vec<_> = (0..10)
                .map(|seen| (seen, open(node.server.local_addr(), &format!("/{topic}/{}", positions[seen]))))
                .collect();
            node.publish(topic, "live");
            for (seen, client) in &mut clients {
                let expected = (*seen + 1..10).map(|number| format!("{topic}{number}")).chain(["live".to_owned()]);
                expected.for_each(|text| assert_eq!(message(client), text, "{shards} shards, behind {seen}"));
            }
        }
        node.stop();
    }
}

#[test]
fn an_answered_position_can_be_resumed_from_at_once_on_every_shard() {
    let node = Node::start(2, |_| ());
    for number in 0..50 {
        let position = node.publish("kept.a", &number.to_string());
        let mut clients: Vec<_> =
            (0..2).map(|_| open(node.server.local_addr(), &format!("/kept.a/{position}"))).collect();
        node.publish("kept.a", "next");
        clients.iter_mut().for_each(|client| assert_eq!(message(client), "next"));
    }
    node.stop();
}

#[test]
fn a_batch_keeps_the_order_of_each_topic() {
    for shards in [1, 2] {
        let node = Node::start(shards, |_| ());
        let before = ["kept.a", "kept.b"].map(|topic| node.publish(topic, "before"));
        let topic = |number: usize| ["kept.a", "kept.b", "plain"][number % 3];
        let items: Vec<_> =
            (0..90).map(|number| serde_json::json!({ "topic": topic(number), "data": number.to_string() })).collect();
        let (status, answer) = node.post("/topics", "application/json", &Value::from(items).to_string());
        let results = answer["results"].as_array().expect("a list");
        assert_eq!((status, results.len()), (200, 90));
        for (index, position) in before.into_iter().enumerate() {
            let offsets: Vec<_> =
                results.iter().skip(index).step_by(3).map(|result| position_of(result).offset.0).collect();
            let expected: Vec<_> = (1..=30).map(|number| position.offset.0 + number).collect();
            assert_eq!(offsets, expected);
            let mut client = open(node.server.local_addr(), &format!("/{}/{position}", topic(index)));
            (index..90).step_by(3).for_each(|number| assert_eq!(message(&mut client), number.to_string()));
        }
        assert!(results.iter().skip(2).step_by(3).all(|result| result["position"].is_null()), "{answer}");
        node.stop();
    }
}

#[test]
fn what_there_is_no_room_for_is_refused() {
    let node = Node::start(2, |config| config.topics_max = 2);
    ["kept.a", "kept.b"].iter().for_each(|topic| _ = node.publish(topic, "x"));
    let (status, answer) = node.post("/topics/kept.c", "text/plain", "x");
    assert_eq!((status, answer["code"].as_str()), (503, Some("too_many_topics")), "{answer}");
    node.publish("kept.a", "the others go on");
    let batch = r#"[{"topic":"kept.c","data":"x"},{"topic":"kept.b","data":"y"}]"#;
    let (status, answer) = node.post("/topics", "application/json", batch);
    assert_eq!((status, answer["results"][0]["error"]["code"].as_str()), (200, Some("too_many_topics")), "{answer}");
    position_of(&answer["results"][1]);
    node.stop();

    let node = Node::start(1, |config| {
        config.message_bytes_max = 40 << 10;
        config.topics[0].history_bytes = 64 << 10;
        config.history_bytes_max = 64 << 10;
    });
    let large = "x".repeat(40 << 10);
    node.publish("kept.a", &large);
    let (status, answer) = node.post("/topics/kept.b", "text/plain", &large);
    assert_eq!((status, answer["code"].as_str()), (503, Some("busy")), "{answer}");
    node.stop();
}

#[test]
fn of_a_durable_publication_without_an_answer_all_is_open() {
    let (blocked, is_blocked) = channel();
    let (release, free) = channel();
    let free = Arc::new(Mutex::new(free));
    let make = move |_| Blocking { blocked: blocked.clone(), free: Arc::clone(&free) };
    let node = Node::start_with(1, |_| (), make);
    let mut client = TcpStream::connect(node.server.local_addr()).expect("it listens");
    client.write_all(handshake("/").as_bytes()).expect("it reads");
    is_blocked.recv().expect("a connection opened");

    let (status, answer) = node.post("/topics/kept.a?durable=true", "text/plain", "x");
    assert_eq!((status, answer["code"].as_str()), (504, Some("not_yet_durable")), "{answer}");
    let said = answer["message"].as_str().expect("a text");
    assert!(said.contains("it is open whether it was published"), "the shard numbered nothing: {said}");

    release.send(()).expect("the shard waits");
    drop(client);
    node.stop();
}

#[test]
fn a_handle_tells_threads_the_position() {
    let node = Node::start(2, |_| ());
    let handle = node.server.handle();
    let publish = |topic| handle.publish_acknowledged(topic, "x").expect("room").wait().expect("it runs");
    let first = publish("kept.a").expect("room").expect("it has a history");
    assert_eq!(publish("kept.a"), Ok(Some(Position { offset: first.offset.next(), ..first })));
    assert_eq!(publish("plain"), Ok(None));
    assert!(matches!(handle.publish_acknowledged("a.*", "x"), Err(crate::CommandError::TopicName(_))));
    handle.shutdown(Duration::ZERO);
    node.server.join();
    for topic in ["kept.a", "plain"] {
        assert_eq!(handle.publish_acknowledged(topic, "x").map(drop), Err(crate::CommandError::Stopped));
    }
}

#[test]
fn pages_hold_topics_with_subscribers_and_topics_with_history() {
    let node = Node::start(2, |_| ());
    let kept: Vec<_> = (0..40).map(|number| format!("kept.{number}")).collect();
    let positions: Vec<_> = kept.iter().map(|topic| node.publish(topic, "x")).collect();
    let addr = node.server.local_addr();
    let _clients =
        ["kept.7", "kept.7", "kept.99", "other", "kept.*", "a"].map(|topic| open(addr, &format!("/{topic}/0-0")));
    let subscribers = |topic: &str| match topic {
        "kept.7" => 2,
        "kept.99" | "other" | "kept.*" | "a" => 1,
        _ => 0,
    };
    let mut expected: Vec<_> = kept.iter().map(String::as_str).chain(["kept.99", "other", "kept.*", "a"]).collect();
    expected.sort_unstable();
    let expected: Vec<_> = expected.into_iter().map(|topic| (topic.to_owned(), subscribers(topic))).collect();
    for limit in [1000, 44, 43, 7, 1] {
        assert_eq!(topics(node.control.addr, limit), expected, "pages of {limit}");
    }
    let list = get(node.control.addr, "/topics?after=kept.38&limit=1");
    let bytes = list.split_once("\"bytes\":").expect("the bytes that it holds").1;
    assert!(
        bytes.split(',').next().is_some_and(|bytes| bytes.parse::<usize>().is_ok_and(|bytes| bytes >= 57)),
        "{list}"
    );
    assert!(list.contains(&format!("\"messages\":1,\"position\":\"{}\"}}", positions[39])), "{list}");
    node.stop();
}
