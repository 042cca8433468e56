//! Close codes and the close frame's payload (RFC 6455 §5.5.1, §7.4).

/// A close code as it stands on the wire or in an API; see the associated constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

/// What a close frame says. `code` is `None` when the payload was empty (an application sees 1005 then).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// The code, never one of those that may not be sent.
    pub code: Option<CloseCode>,
    /// At most 123 bytes of UTF-8.
    pub reason: &'a str,
}
