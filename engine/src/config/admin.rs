//! The admin interface's part of the configuration: the section `[admin]`.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text;

/// Where `ringwire serve` is administered, and who may. A server that is embedded has no such interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address of the admin interface, or none; a port alone is one of 127.0.0.1. Default 127.0.0.1:9002. Anything but a loopback address needs a token.
    #[serde(with = "text::listen_or_none")]
    pub listen: Option<SocketAddr>,

    /// The bearer token that every request must have, 16 to 256 characters; default none. It is never printed.
    #[serde(with = "text::token_or_none")]
    pub token: Option<Token>,

    /// A file whose first line is the token, so that the token stands neither in the configuration nor on a command
    /// line; default none.
    #[serde(with = "text::path_or_none")]
    pub token_file: Option<PathBuf>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9002))), token: None, token_file: None }
    }
}

impl Admin {
    /// Whether it can be reached from other machines without a token.
    pub(super) fn is_open_to_all(&self) -> bool {
        self.listen.is_some_and(|addr| !addr.ip().to_canonical().is_loopback())
            && self.token.is_none()
            && self.token_file.is_none()
    }
}

/// A bearer token (RFC 6750 §2.1). Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// A token that is not one. The text is not told: it may be one but for a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token has 16 to 256 characters, letters, digits and any of -._~+/=; make one with `openssl rand -hex 32`")]
pub struct ParseTokenError;

impl Token {
    /// The token itself.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Token {
    type Err = ParseTokenError;

    fn from_str(typed: &str) -> Result<Self, ParseTokenError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let good = (16..=256).contains(&typed.len()) && typed.bytes().all(allowed);
        good.then(|| Self(typed.into())).ok_or(ParseTokenError)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}
