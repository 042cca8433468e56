//! Finding the end of a request's head in bytes that arrive in any pieces.

use super::Refusal;

/// Whether a request's head has arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// More must arrive.
    Partial,
    /// The first `bytes` bytes are the head, its empty line included.
    Complete {
        /// Length of the head.
        bytes: usize,
    },
}

/// Looks for a whole head at the start of `buffer`, of which the first `searched` bytes were already looked at: pass
/// the buffer's length of the last call, so that a head that arrives byte by byte costs no more than one that arrives
/// whole.
///
/// # Errors
///
/// A [`Refusal`] with 431 when the head is longer than `bytes_max`, whether or not its end has arrived, or 400 when its
/// first byte cannot start a request: a client that speaks TLS to this port would else wait for a time-out.
pub fn read_head(buffer: &[u8], searched: usize, bytes_max: usize) -> Result<Head, Refusal> {
    match buffer.first() {
        Some(0x16) => return Err(Refusal::bad_request("this port speaks plain HTTP, not TLS")),
        Some(byte) if !byte.is_ascii_graphic() && !b"\r\n".contains(byte) => {
            return Err(Refusal::bad_request("this port speaks HTTP/1.1"));
        }
        _ => {}
    }
    match find_head_end(buffer, searched) {
        Some(bytes) if bytes <= bytes_max => Ok(Head::Complete { bytes }),
        None if buffer.len() < bytes_max => Ok(Head::Partial),
        _ => Err(Refusal::head_too_large(bytes_max)),
    }
}

/// The length of the head at the start of `buffer`, its empty line included, or `None` if its end has not arrived. The
/// first `searched` bytes are not searched again.
///
/// Lines end with CRLF. An empty line made of bare LFs ends the search too: [`super::Request::parse`] then refuses the
/// head at once, where waiting for a CRLF would end in a time-out that tells the client nothing.
pub fn find_head_end(buffer: &[u8], searched: usize) -> Option<usize> {
    let start = searched.min(buffer.len());
    memchr::memchr_iter(b'\n', &buffer[start..])
        .map(|offset| start + offset)
        .find(|&at| matches!(&buffer[..at], [.., b'\n'] | [.., b'\n', b'\r']))
        .map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

    #[test]
    fn the_end_is_found_whatever_the_pieces() {
        let mut bytes = HEAD.to_vec();
        bytes.extend_from_slice(b"\x81\x80frames\r\n\r\n");
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut searched = 0;
                let mut found = None;
                for end in [first, second, bytes.len()] {
                    found = found.or(find_head_end(&bytes[..end], searched));
                    searched = end;
                }
                assert_eq!(found, Some(HEAD.len()), "pieces end at {first} and {second}");
            }
        }
    }

    #[test]
    fn byte_by_byte() {
        for length in 0..HEAD.len() {
            assert_eq!(find_head_end(&HEAD[..length], length.saturating_sub(1)), None, "{length} bytes");
        }
        assert_eq!(find_head_end(HEAD, HEAD.len() - 1), Some(HEAD.len()));
    }

    #[test]
    fn what_was_searched_is_not_searched_again() {
        assert_eq!(find_head_end(HEAD, HEAD.len()), None);
        assert_eq!(find_head_end(HEAD, usize::MAX), None);
    }

    #[test]
    fn empty_lines_of_bare_line_feeds_end_the_search() {
        assert_eq!(find_head_end(b"GET / HTTP/1.1\nHost: x\n\n", 0), Some(24));
        assert_eq!(find_head_end(b"GET / HTTP/1.1\nHost: x\n\r\n", 0), Some(25));
        assert_eq!(find_head_end(b"GET / HTTP/1.1\r\nHost: x\r\n\n", 0), Some(26));
    }

    #[test]
    fn an_empty_line_before_the_request_is_no_end() {
        assert_eq!(find_head_end(b"\r\nGET / HTTP/1.1\r\n", 0), None);
    }

    #[test]
    fn the_limit_counts_the_whole_head() {
        let length = HEAD.len();
        assert_eq!(read_head(HEAD, 0, length).unwrap(), Head::Complete { bytes: length });
        assert_eq!(read_head(HEAD, 0, length - 1).unwrap_err().status(), 431);
        // Whole or not: nothing more is awaited once the limit is reached.
        assert_eq!(read_head(&HEAD[..length - 1], 0, length).unwrap(), Head::Partial);
        assert_eq!(read_head(&HEAD[..length - 1], 0, length - 1).unwrap_err().status(), 431);
        assert_eq!(read_head(b"", 0, length).unwrap(), Head::Partial);
    }

    #[test]
    fn bytes_after_the_head_do_not_count() {
        let mut bytes = HEAD.to_vec();
        bytes.extend_from_slice(&[0; 1000]);
        assert_eq!(read_head(&bytes, 0, HEAD.len()).unwrap(), Head::Complete { bytes: HEAD.len() });
    }

    #[test]
    fn other_protocols_are_refused_at_their_first_byte() {
        for first in [&b"\x16\x03\x01\x02\x00"[..], b"\0", b" GET", b"\x81\x85", b"\xff"] {
            assert_eq!(read_head(first, 0, 8192).unwrap_err().status(), 400, "{first:?}");
        }
    }
}
