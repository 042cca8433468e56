//! The commands of the documentation, typed into `curl`: publishing, a stream that breaks and resumes, polls, the latest message.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::common::{Node, Shared};
use crate::v1::RULES;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("curl");
    // No answer takes longer.
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]).args(arguments);
    command
}

/// What curl prints.
#[track_caller]
fn curl(arguments: &[&str]) -> String {
    let output = command(arguments).output().expect("curl is installed: apt-get install curl");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn json(arguments: &[&str]) -> Value {
    let text = curl(arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `curl -N` on a stream, ended when dropped.
struct Stream {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Stream {
    fn open(url: &str, more: &[&str]) -> Self {
        let fixed = ["-N", "-H", "Accept: text/event-stream", url];
        let mut command = command(&[&fixed[..], more].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("curl is installed: apt-get install curl");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// The next message and its id. Other events are passed over.
    #[track_caller]
    fn message(&mut self) -> (String, String) {
        loop {
            let block = self.block();
            let field = |name: &str| block.iter().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let (None, Some(data)) = (field("event: "), field("data: ")) {
                return (field("id: ").unwrap_or_default(), data);
            }
        }
    }

    /// The lines up to the next empty one.
    #[track_caller]
    fn block(&mut self) -> Vec<String> {
        let mut block = Vec::new();
        loop {
            let line = self.lines.next().expect("the stream goes on").expect("text");
            if line.is_empty() {
                return block;
            }
            block.push(line);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node, and where its topics `kept.news` are read and published to.
fn node() -> (Node, String, String) {
    let node = Node::configured(RULES, &["--shards=2", "--admin-listen=127.0.0.1:0"]);
    let read = format!("http://{}/topics/kept.news", node.addr);
    let publish = format!("http://{}/topics/kept.news", node.admin_addr());
    (node, read, publish)
}

/// Publishes as the README does.
#[track_caller]
fn publish(url: &str, text: &str) -> String {
    let answer = json(&["-H", "Content-Type: text/plain", "--data-binary", text, url]);
    answer["position"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn a_stream_that_breaks_resumes_where_it_was() {
    let _machine = Shared::wait();
    let (_node, read, publish_to) = node();
    let first = publish(&publish_to, "one");
    let mut stream = Stream::open(&read, &["-H", &format!("Last-Event-ID: {first}")]);
    let second = publish(&publish_to, "two");
    assert_eq!(stream.message(), (second.clone(), "two".to_owned()));
    drop(stream);
    let missed = ["three", "four"].map(|text| (publish(&publish_to, text), text.to_owned()));
    let mut stream = Stream::open(&read, &["-H", &format!("Last-Event-ID: {second}")]);
    assert_eq!([stream.message(), stream.message()], missed);
    let live = publish(&publish_to, "five");
    assert_eq!(stream.message(), (live, "five".to_owned()));
}

#[test]
fn polls_and_the_latest_message() {
    let _machine = Shared::wait();
    let (_node, read, publish_to) = node();
    let first = publish(&publish_to, "one");
    publish(&publish_to, "two");
    let page = json(&[&format!("{read}?after={first}")]);
    assert_eq!((&page["messages"][0]["data"], page["messages"].as_array().map(Vec::len)), (&"two".into(), Some(1)));
    let position = page["position"].as_str().expect("a position");

    // A poll that waits is answered by the next message.
    let waiting = command(&[&format!("{read}?after={position}&wait=15s")]).stdout(Stdio::piped()).spawn();
    let waiting = waiting.expect("curl is installed");
    publish(&publish_to, "three");
    let page = String::from_utf8(waiting.wait_with_output().expect("it ends").stdout).expect("text");
    assert!(page.contains("\"data\":\"three\""), "{page}");

    assert_eq!(curl(&[&format!("{read}/latest")]), "three");
    let heads = curl(&["--dump-header", "-", "--output", "/dev/null", &format!("{read}/latest")]);
    let etag = heads.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("an ETag").trim();
    let status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    let known = format!("If-None-Match: {etag}");
    let latest = format!("{read}/latest");
    let ask = || curl(&[&status[..], &["-H", &known, &latest]].concat());
    assert_eq!(ask(), "304");
    publish(&publish_to, "four");
    assert_eq!(ask(), "200");
}
