//! A client on the real ring, against servers that are told what to do wrong: bare TCP, and tungstenite.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Client, ClientConfig, ClientHandler, ConnId, Conns, Open, OpenAs, SendError};
use crate::proto::handshake::accept_key;
use crate::proto::{CloseCode, Message};

const PATIENCE: Duration = Duration::from_secs(10);

/// Notes what it is told; what it shall do is set by each test.
#[derive(Default)]
struct Notes {
    opened: Vec<(ConnId, Option<String>)>,
    messages: Vec<Vec<u8>>,
    bytes: Vec<u8>,
    ends: HashMap<ConnId, String>,
}

impl ClientHandler for Notes {
    fn on_open(&mut self, _conns: &mut Conns, id: ConnId, protocol: Option<&str>) {
        self.opened.push((id, protocol.map(str::to_owned)));
    }

    fn on_message(&mut self, _conns: &mut Conns, _id: ConnId, message: Message<'_>) {
        self.messages.push(message.as_bytes().to_vec());
    }

    fn on_bytes(&mut self, _conns: &mut Conns, _id: ConnId, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn on_close(&mut self, _conns: &mut Conns, id: ConnId, end: super::End<'_>) {
        assert!(self.ends.insert(id, end.to_string()).is_none(), "an end is told once");
    }
}

/// Turns until `done` says so.
fn run(client: &mut Client, notes: &mut Notes, done: impl Fn(&Notes, &mut Conns) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done(notes, client.conns()) {
        assert!(Instant::now() < deadline, "nothing more happens: {} opened, {:?}", notes.opened.len(), notes.ends);
        client.turn(notes, Some(Duration::from_millis(20))).expect("a ring");
    }
}

fn config() -> ClientConfig {
    ClientConfig { connections_max: 512, open_timeout: Duration::from_secs(5), ..ClientConfig::default() }
}

fn websocket(target: SocketAddr) -> Open<'static> {
    let mode = OpenAs::WebSocket { host: "localhost", target: "/ws", protocols: &["one", "two"], origin: None };
    Open { target, source: None, mode }
}

/// A server of one connection.
fn serve<T: Send + 'static>(run: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let addr = listener.local_addr().expect("an address");
    (addr, std::thread::spawn(move || run(listener.accept().expect("a client").0)))
}

/// Reads the request's head; the key's answer.
fn read_request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    String::from_utf8(accept_key(key).to_vec()).expect("base64")
}

fn response(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: two\r\n\r\n"
    )
}

/// The end of a connection to a server that answers the request with what `answer` makes of the right one.
fn end_after(answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static) -> String {
    let (addr, server) = serve(move |mut stream| {
        let accept = read_request(&mut stream);
        stream.write_all(&answer(&accept)).expect("a client that reads");
        stream.shutdown(std::net::Shutdown::Write).expect("an open socket");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        rest
    });
    let (mut client, mut notes) = (Client::new(&config()).expect("a ring"), Notes::default());
    let id = client.conns().open(websocket(addr)).expect("a socket");
    run(&mut client, &mut notes, |_, conns| conns.count() == 0);
    server.join().expect("the server");
    notes.ends.remove(&id).expect("the end is told")
}

#[test]
fn messages_go_both_ways_and_a_close_is_clean() {
    let (addr, server) = serve(|stream| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                socket.send(message).expect("a client that reads");
            }
        }
    });
    let (mut client, mut notes) = (Client::new(&config()).expect("a ring"), Notes::default());
    let id = client.conns().open(Open {
        mode: OpenAs::WebSocket { host: "localhost", target: "/", protocols: &[], origin: None },
        ..websocket(addr)
    });
    let id = id.expect("a socket");
    assert_eq!(client.conns().send(id, Message::Text("early")), Err(SendError::NotOpen));
    run(&mut client, &mut notes, |notes, _| notes.opened == [(id, None)]);
    let sent: Vec<Vec<u8>> = [0, 1, 125, 126, 65_535, 65_536, 3 << 20].map(|len: usize| vec![b'x'; len]).into();
    for (index, payload) in sent.iter().enumerate() {
        let text = std::str::from_utf8(payload).expect("text");
        let message = if index % 2 == 0 { Message::Text(text) } else { Message::Binary(payload) };
        client.conns().send(id, message).expect("an open connection");
    }
    run(&mut client, &mut notes, |notes, _| notes.messages.len() == sent.len());
    assert_eq!(notes.messages, sent);
    client.conns().close(id, CloseCode::NORMAL, "done");
    run(&mut client, &mut notes, |_, conns| conns.count() == 0);
    assert_eq!(notes.ends[&id], "closed with code 1000 (normal): done");
    server.join().expect("the server");
}

// RFC6455-5.3-2: the pong and the close are masked.
#[test]
fn a_response_in_single_bytes_opens_and_frames_right_behind_it_are_heard() {
    let (addr, server) = serve(|mut stream| {
        stream.set_nodelay(true).expect("an open socket");
        let head = response(&read_request(&mut stream));
        for byte in head.as_bytes() {
            stream.write_all(&[*byte]).expect("a client that reads");
        }
        let again = b"\x81\x05hello\x89\x02pi\x81\x05w";
        stream.write_all(again).expect("a client that reads");
        std::thread::sleep(Duration::from_millis(20));
        stream.write_all(b"orld\x88\x00").expect("a client that reads");
        let mut frames = vec![0; 8 + 6];
        stream.read_exact(&mut frames).expect("the answers");
        frames
    });
    let (mut client, mut notes) = (Client::new(&config()).expect("a ring"), Notes::default());
    let id = client.conns().open(websocket(addr)).expect("a socket");
    run(&mut client, &mut notes, |_, conns| conns.count() == 0);
    assert_eq!(notes.opened, [(id, Some("two".to_owned()))]);
    assert_eq!(notes.messages, [b"hello", b"world"]);
    assert_eq!(notes.ends[&id], "closed with code 1005 (no status)");
    let frames = server.join().expect("the server");
    assert_eq!(&frames[..2], [0x8A, 0x82], "the ping is answered, masked");
    let pong: Vec<u8> = frames[6..8].iter().zip(&frames[2..6]).map(|(byte, key)| byte ^ key).collect();
    assert_eq!((&pong[..], &frames[8..10]), (&b"pi"[..], &[0x88, 0x80][..]));
}

#[test]
fn what_opens_no_websocket_is_told_as_it_is() {
    let refusal = end_after(|_| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
    assert_eq!(refusal, "the server answered 404 rather than 101");
    let wrong = end_after(|_| response("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").into_bytes());
    assert_eq!(wrong, "Sec-WebSocket-Accept does not answer the key");
    assert_eq!(end_after(|_| b"SSH-2.0-x\r\n\r\n".to_vec()), "the response is not an HTTP/1.1 head");
    assert_eq!(end_after(|_| vec![b'x'; 20_000]), "the response is not an HTTP/1.1 head");
    assert_eq!(end_after(|_| Vec::new()), "the server ended the connection");
}

#[test]
fn a_server_that_breaks_a_rule_is_told_which() {
    for (frame, error) in [
        (&b"\x81\x80abcd"[..], "the server broke the protocol"),
        (&b"\x81\x02\xC3\x28"[..], "the server broke the protocol"),
        (&b"\x80\x00"[..], "the server broke the protocol"),
    ] {
        let end = end_after(move |accept| [response(accept).as_bytes(), frame].concat());
        assert!(end.starts_with(error), "{end}");
    }
    let truncated = end_after(|accept| [response(accept).as_bytes(), b"\x81\x05hel"].concat());
    assert_eq!(truncated, "the server ended the connection");
}

#[test]
fn nobody_there_and_nobody_answering_both_end() {
    let (addr, server) = serve(drop);
    TcpStream::connect(addr).expect("somebody there");
    server.join().expect("the server");
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let config = ClientConfig { open_timeout: Duration::from_millis(200), ..config() };
    let (mut client, mut notes) = (Client::new(&config).expect("a ring"), Notes::default());
    let refused = client.conns().open(websocket(addr)).expect("a socket");
    let late = client.conns().open(websocket(silent.local_addr().expect("an address"))).expect("a socket");
    run(&mut client, &mut notes, |_, conns| conns.count() == 0);
    assert!(notes.ends[&refused].contains("refused"), "{:?}", notes.ends);
    assert_eq!(notes.ends[&late], "it did not open in time");
}

// RFC6455-7.1.1-1
#[test]
fn a_server_that_never_closes_is_left() {
    let (addr, server) = serve(|mut stream| {
        let head = response(&read_request(&mut stream));
        stream.write_all(head.as_bytes()).expect("a client that reads");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        rest.len()
    });
    let config = ClientConfig { close_timeout: Duration::from_millis(200), ..config() };
    let (mut client, mut notes) = (Client::new(&config).expect("a ring"), Notes::default());
    let id = client.conns().open(websocket(addr)).expect("a socket");
    run(&mut client, &mut notes, |notes, _| !notes.opened.is_empty());
    client.conns().close(id, CloseCode::GOING_AWAY, "");
    assert_eq!(client.conns().send(id, Message::Text("late")), Err(SendError::NotOpen));
    run(&mut client, &mut notes, |_, conns| conns.count() == 0);
    assert_eq!(notes.ends[&id], "the server did not close in time");
    assert_eq!(server.join().expect("the server"), 8, "one close frame");
}

#[test]
fn a_slow_reader_gets_everything_in_order_and_the_queue_has_a_bound() {
    const MESSAGES: usize = 400;
    let (addr, server) = serve(|mut stream| {
        std::thread::sleep(Duration::from_millis(300));
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 16 * 1024];
        while bytes.len() < MESSAGES * 50_000 {
            let count = stream.read(&mut chunk).expect("bytes");
            assert!(count > 0, "ended after {}", bytes.len());
            bytes.extend_from_slice(&chunk[..count]);
        }
        bytes
    });
    let config = ClientConfig { send_queue_bytes_max: MESSAGES * 50_000, ..config() };
    let (mut client, mut notes) = (Client::new(&config).expect("a ring"), Notes::default());
    let id = client.conns().open(Open { target: addr, source: None, mode: OpenAs::Raw }).expect("a socket");
    run(&mut client, &mut notes, |notes, _| !notes.opened.is_empty());
    for number in 0..MESSAGES {
        client.conns().send_bytes(id, &vec![number as u8; 50_000]).expect("room");
        if number % 7 == 0 {
            client.turn(&mut notes, Some(Duration::ZERO)).expect("a ring");
        }
    }
    assert_eq!(client.conns().send_bytes(id, &vec![0; MESSAGES * 50_000]), Err(SendError::Full));
    run(&mut client, &mut notes, |_, conns| conns.queued_bytes(id) == 0);
    let bytes = server.join().expect("the server");
    let wrong = bytes.chunks(50_000).zip(0u32..).position(|(chunk, number)| chunk.iter().any(|&b| b != number as u8));
    assert_eq!(wrong, None, "bytes came out of order");
    assert_eq!(client.conns().bytes().1, (MESSAGES * 50_000) as u64);
}

#[test]
fn a_turn_of_very_many_small_messages_takes_no_more_memory_than_they_have() {
    const MESSAGES: usize = 20_000;
    let (addr, server) = serve(|stream| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        (0..MESSAGES).all(|number| socket.read().expect("a message").into_data()[..] == number.to_le_bytes())
    });
    let (mut client, mut notes) = (Client::new(&config()).expect("a ring"), Notes::default());
    let mode = OpenAs::WebSocket { host: "localhost", target: "/", protocols: &[], origin: None };
    let id = client.conns().open(Open { mode, ..websocket(addr) }).expect("a socket");
    run(&mut client, &mut notes, |notes, _| !notes.opened.is_empty());
    for number in 0..MESSAGES {
        client.conns().send(id, Message::Binary(&number.to_le_bytes())).expect("room");
    }
    assert!(client.conns().arena.bytes() < 64 * 1024, "{} bytes of arena", client.conns().arena.bytes());
    run(&mut client, &mut notes, |_, conns| conns.queued_bytes(id) == 0);
    assert!(server.join().expect("the server"), "messages came out of order");
}

#[test]
fn more_comes_than_there_are_buffers_for() {
    let sent: Vec<u8> = (0..3_000_000u32).map(|index| (index / 7) as u8).collect();
    let expected = sent.clone();
    let (addr, server) = serve(move |mut stream| stream.write_all(&sent).expect("a client that reads"));
    let config = ClientConfig { recv_buffer_count: 1, recv_buffer_bytes: 1024, ..config() };
    let (mut client, mut notes) = (Client::new(&config).expect("a ring"), Notes::default());
    client.conns().open(Open { target: addr, source: None, mode: OpenAs::Raw }).expect("a socket");
    run(&mut client, &mut notes, |_, conns| conns.count() == 0);
    server.join().expect("the server");
    assert!(notes.bytes == expected, "{} of {} bytes", notes.bytes.len(), expected.len());
}

#[test]
fn slots_are_used_again_under_new_names() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let addr = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let streams: Vec<_> = (0..600).map(|_| listener.accept().expect("a client").0).collect();
        streams.iter().map(|stream| stream.peer_addr().expect("a peer").ip()).collect::<std::collections::HashSet<_>>()
    });
    let (mut client, mut notes) = (Client::new(&config()).expect("a ring"), Notes::default());
    let mut ids = std::collections::HashSet::new();
    for round in 1..=3 {
        for index in 0..200 {
            let source = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + index % 4)));
            let id = client.conns().open(Open { target: addr, source, mode: OpenAs::Raw }).expect("a socket");
            assert!(id.slot() < 200 && ids.insert(id), "{id:?} is not new");
        }
        run(&mut client, &mut notes, |notes, _| notes.opened.len() == 200 * round);
        ids.iter().for_each(|&id| client.conns().abort(id));
        run(&mut client, &mut notes, |_, conns| conns.count() == 0);
        assert_eq!(notes.ends.len(), 200 * round);
    }
    assert_eq!(server.join().expect("the server").len(), 4, "each source address was used");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let mut client = Client::new(&ClientConfig { connections_max: 1, ..config() }).expect("a ring");
    let mode = OpenAs::WebSocket { host: "localhost", target: "no slash", protocols: &[], origin: None };
    let error = client.conns().open(Open { mode, ..websocket(addr) }).expect_err("a bad path");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    client.conns().open(websocket(addr)).expect("a socket");
    let error = client.conns().open(websocket(addr)).expect_err("one too many");
    assert_eq!(error.kind(), std::io::ErrorKind::QuotaExceeded);
    let nothing = ClientConfig { recv_buffer_count: 3, ..config() };
    assert!(Client::new(&nothing).is_err());
}
