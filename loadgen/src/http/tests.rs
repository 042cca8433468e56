//! Responses in every split of their bytes.

use super::*;

/// What a connection's bytes are, whatever the pieces: heads, whole bodies, and errors.
fn read(bytes: &[u8], pieces: &[usize], ends: bool) -> (Vec<(Head, String)>, Option<ResponseError>, bool) {
    let (mut reader, mut done, mut body, mut head) = (ResponseReader::default(), Vec::new(), Vec::new(), None);
    let mut hear = |part: Part<'_>| match part {
        Part::Head(new) => head = Some(new),
        Part::Body(bytes) => body.extend_from_slice(bytes),
        Part::End => {
            let text = String::from_utf8(std::mem::take(&mut body)).unwrap();
            done.push((head.take().expect("a head comes first"), text));
        }
    };
    let (mut rest, mut error) = (bytes, None);
    for &piece in pieces.iter().cycle() {
        let (piece, tail) = rest.split_at(piece.min(rest.len()));
        rest = tail;
        error = error.or(reader.read(piece, &mut hear).err());
        if rest.is_empty() || error.is_some() {
            break;
        }
    }
    if ends {
        reader.end(&mut hear);
    }
    (done, error, head.is_some())
}

fn head(status: u16, etag: Option<&str>, is_keep_alive: bool) -> Head {
    Head { status, etag: etag.map(str::to_owned), is_keep_alive }
}

#[test]
fn any_split_gives_the_same_responses() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"1-2\"\r\n\r\nhello\
        HTTP/1.1 304 Not Modified\r\nETag: \"1-2\"\r\ncontent-length: 77\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc\r\n\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n\
        HTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n\
        HTTP/1.1 503 Busy\r\nConnection: foo, Close\r\n\r\nuntil the end";
    let wanted = [
        (head(200, Some("\"1-2\""), true), "hello"),
        (head(304, Some("\"1-2\""), true), ""),
        (head(200, None, true), "abc\r\n0123456789"),
        (head(204, None, true), ""),
        (head(200, None, true), ""),
        (head(503, None, false), "until the end"),
    ];
    let wanted: Vec<_> = wanted.into_iter().map(|(head, body)| (head, body.to_owned())).collect();
    for first in 1..bytes.len() {
        assert_eq!(read(bytes, &[first, bytes.len()], true), (wanted.clone(), None, false), "split at {first}");
    }
    for size in 1..9 {
        assert_eq!(read(bytes, &[size], true), (wanted.clone(), None, false), "pieces of {size}");
    }
    assert!(read(bytes, &[7], false).2, "without a length only the end tells that it is whole");
}

#[test]
fn what_is_no_response_is_refused() {
    let error = |text: &str| read(text.as_bytes(), &[3], false).1;
    assert!(matches!(error("SSH-2.0-x\r\n\r\n"), Some(ResponseError::Head(_))));
    assert_eq!(error("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Some(ResponseError::Length));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(error(&format!("{chunked}x\r\n")), Some(ResponseError::Chunk));
    assert_eq!(error(&format!("{chunked}2\r\nabc\r\n")), Some(ResponseError::Chunk), "longer than its size");
    assert_eq!(error(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000))), Some(ResponseError::TooLong));
}

#[test]
fn requests_are_written_with_encoded_names() {
    let mut out = Vec::new();
    write_get(&mut out, "h:1", &format!("/topics/{}", encoded("a.ä>")), &["Accept: text/event-stream\r\n"]);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, "GET /topics/a.%C3%A4%3E HTTP/1.1\r\nHost: h:1\r\nAccept: text/event-stream\r\n\r\n");
}
