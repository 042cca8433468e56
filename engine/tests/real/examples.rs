//! The examples, built and tried as a newcomer would.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use tungstenite::Message;
use tungstenite::error::ProtocolError;

use crate::common::{Node, Polite, Shared, connect, polite};

/// The folder of the examples beside this test, once they are built: `cargo test --test real` alone builds none.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("this test has a path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--examples",
        "--manifest-path",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ]);
    cargo.arg("--target-dir").arg(profile.parent().expect("target"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo runs").success(), "the examples do not build");
    profile.join("examples")
});

fn start(name: &str) -> Node {
    Node::example(&FOLDER.join(name))
}

fn read(client: &mut Polite) -> String {
    client.read().expect("an answer").to_text().expect("text").to_owned()
}

#[test]
fn echo() {
    let _machine = Shared::wait();
    let node = start("echo");
    let mut client = polite(node.addr, "/");
    for message in [Message::text("hello"), Message::binary(vec![0; 100_000])] {
        client.send(message.clone()).unwrap();
        assert_eq!(client.read().unwrap(), message);
    }
}

#[test]
fn upper() {
    let _machine = Shared::wait();
    let node = start("upper");
    let mut client = polite(node.addr, "/");
    client.send(Message::text("größer, 3×")).unwrap();
    assert_eq!(read(&mut client), "GRÖSSER, 3×");
    client.send(Message::binary(vec![1])).unwrap();
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no close frame") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1003, "send text"));
}

#[test]
fn chat() {
    let _machine = Shared::wait();
    let node = start("chat");
    let mut ann = polite(node.addr, "/?name=Ann");
    assert_eq!(read(&mut ann), "Welcome, Ann.");
    let mut bob = polite(node.addr, "/?name=B%C3%B6b");
    assert_eq!(read(&mut bob), "Welcome, Böb.");
    // Ann's welcome came before her subscription was certain; from here on it is.
    assert_eq!(read(&mut ann), "Böb came in.");
    bob.send(Message::text("x".repeat(80))).unwrap();
    let line = format!("Böb: {}", "x".repeat(50));
    assert_eq!(read(&mut ann), line);
    assert_eq!(read(&mut bob), line);
    bob.close(None).unwrap();
    while bob.read().is_ok() {}
    assert_eq!(read(&mut ann), "Böb left.");
    let refused = tungstenite::client::client(format!("ws://{}/?name=", node.addr), connect(node.addr));
    let Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) = refused else {
        panic!("a nameless guest came in: {:?}", ProtocolError::HandshakeIncomplete)
    };
    assert_eq!(response.status(), 400);
}
