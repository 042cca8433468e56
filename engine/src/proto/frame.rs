//! The frame header, both roles, both ways (RFC 6455 §5.2).

/// Which end of the connection we are: a server receives masked frames and sends unmasked ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We accepted the connection.
    Server,
    /// We opened it.
    Client,
}

/// A parsed frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {}
