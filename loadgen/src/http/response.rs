//! Responses of one connection, one after the other, from bytes in any pieces.

/// A head longer than this is refused, and so is a line between chunks.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// What a response's head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 200 to 599: interim responses are passed over.
    pub status: u16,
    /// `ETag`, as it is.
    pub etag: Option<String>,
    /// Whether another request may follow on the connection.
    pub is_keep_alive: bool,
}

/// A part of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The head, first.
    Head(Head),
    /// Some of the body.
    Body(&'a [u8]),
    /// It is whole.
    End,
}

/// Bytes that are no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The head is none.
    #[error("the response is not HTTP/1.1: {0}")]
    Head(httparse::Error),
    /// A head or a line between chunks goes on and on.
    #[error("the response's head has more than {HEAD_BYTES_MAX} bytes")]
    TooLong,
    /// `Content-Length` or `Transfer-Encoding` cannot be understood.
    #[error("the response does not say how long it is")]
    Length,
    /// A chunk that does not begin or end as one.
    #[error("the response's chunks are broken")]
    Chunk,
}

/// Reads responses.
#[derive(Debug, Default)]
pub struct ResponseReader {
    state: State,
    /// What came of a head or a line.
    pending: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// So many bytes of the body are to come.
    Sized(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
}

impl ResponseReader {
    /// Takes what came and hands its parts to `hear`.
    ///
    /// # Errors
    /// [`ResponseError`]: nothing that follows on this connection can be understood.
    pub fn read(&mut self, mut bytes: &[u8], hear: &mut dyn FnMut(Part<'_>)) -> Result<(), ResponseError> {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Head => self.read_head(bytes, hear)?,
                State::Sized(left) | State::Chunk(left) => self.read_body(bytes, left, hear),
                State::ChunkSize | State::ChunkEnd | State::Trailer => self.read_line(bytes, hear)?,
                State::UntilClose => {
                    hear(Part::Body(bytes));
                    bytes.len()
                }
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// The connection ended: a body without a length is whole. Another connection's bytes may follow.
    pub fn end(&mut self, hear: &mut dyn FnMut(Part<'_>)) {
        if self.state == State::UntilClose {
            hear(Part::End);
        }
        *self = Self::default();
    }

    fn read_head(&mut self, bytes: &[u8], hear: &mut dyn FnMut(Part<'_>)) -> Result<usize, ResponseError> {
        let before = self.pending.len();
        // The empty line may have begun in the bytes before.
        let from = before.saturating_sub(3);
        self.pending.extend_from_slice(bytes);
        let Some(at) = self.pending[from..].windows(4).position(|window| window == b"\r\n\r\n") else {
            let is_long = self.pending.len() > HEAD_BYTES_MAX;
            return if is_long { Err(ResponseError::TooLong) } else { Ok(bytes.len()) };
        };
        let end = from + at + 4;
        let head = parse(&self.pending[..end]);
        self.pending.clear();
        if let Some((head, state)) = head? {
            self.state = state;
            hear(Part::Head(head));
            self.end_if_whole(hear);
        }
        Ok(end - before)
    }

    fn read_body(&mut self, bytes: &[u8], left: u64, hear: &mut dyn FnMut(Part<'_>)) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        hear(Part::Body(&bytes[..taken]));
        let left = left - taken as u64;
        self.state = match self.state {
            State::Chunk(_) if left == 0 => State::ChunkEnd,
            State::Chunk(_) => State::Chunk(left),
            _ => State::Sized(left),
        };
        self.end_if_whole(hear);
        taken
    }

    fn end_if_whole(&mut self, hear: &mut dyn FnMut(Part<'_>)) {
        if self.state == State::Sized(0) {
            self.state = State::Head;
            hear(Part::End);
        }
    }

    /// A line before, between or behind chunks.
    fn read_line(&mut self, bytes: &[u8], hear: &mut dyn FnMut(Part<'_>)) -> Result<usize, ResponseError> {
        let end = bytes.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
        let used = end.unwrap_or(bytes.len());
        self.pending.extend_from_slice(&bytes[..used]);
        if self.pending.len() > HEAD_BYTES_MAX {
            return Err(ResponseError::TooLong);
        }
        if end.is_none() {
            return Ok(used);
        }
        let is_empty = self.pending == b"\r\n";
        self.state = match self.state {
            State::ChunkSize => match httparse::parse_chunk_size(&self.pending) {
                Ok(httparse::Status::Complete((_, 0))) => State::Trailer,
                Ok(httparse::Status::Complete((_, size))) => State::Chunk(size),
                _ => return Err(ResponseError::Chunk),
            },
            State::ChunkEnd if is_empty => State::ChunkSize,
            State::ChunkEnd => return Err(ResponseError::Chunk),
            _ if is_empty => State::Head,
            state => state,
        };
        self.pending.clear();
        if self.state == State::Head {
            hear(Part::End);
        }
        Ok(used)
    }
}

/// A whole head, and how its body comes; `None` for an interim response (RFC 9110 §15.2).
fn parse(bytes: &[u8]) -> Result<Option<(Head, State)>, ResponseError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(bytes).map_err(ResponseError::Head)?;
    let status = response.code.unwrap_or_default();
    if (100..200).contains(&status) {
        return Ok(None);
    }
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(header.value).ok().map(str::trim)
    };
    let named = |list: Option<&str>, word: &str| {
        list.is_some_and(|list| list.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    let (coding, length) = (value("transfer-encoding"), value("content-length"));
    // RFC 9112 §6.3
    let state = match (coding, length) {
        _ if status == 204 || status == 304 => State::Sized(0),
        (Some(_), _) if named(coding, "chunked") => State::ChunkSize,
        (None, Some(length)) => State::Sized(length.parse().map_err(|_| ResponseError::Length)?),
        _ => State::UntilClose,
    };
    let connection = value("connection");
    let persists =
        if response.version == Some(0) { named(connection, "keep-alive") } else { !named(connection, "close") };
    let is_keep_alive = persists && state != State::UntilClose;
    Ok(Some((Head { status, etag: value("etag").map(str::to_owned), is_keep_alive }, state)))
}
