//! The opening handshake (RFC 6455 §4), both roles, without IO.
//!
//! The server's half: [`check`] looks at a parsed request and either says what it asks for ([`Upgrade`]) or what is
//! wrong with it ([`HandshakeError`]); [`Upgrade::write_response`] appends the `101` to the caller's buffer. Nothing
//! here allocates. The client's half is in [`client`]: the load generator and the tests speak through it.
//!
//! Not here: finding and parsing the request head, routes, origins and the HTTP answers that refuse (`http`).

pub mod client;
mod error;
mod extensions;
mod response;
#[cfg(test)]
mod tests;
mod token;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

pub use error::{HandshakeError, InvalidField};
pub use extensions::{DeflateOffer, Offer, Offers, Param, Params};
pub use response::write_response;
pub use token::{elements, is_field_value, is_token};

/// One header as it stood on the wire: the name in the sender's spelling, the value without surrounding whitespace.
pub type Header<'a> = httparse::Header<'a>;

/// The protocol version that this engine speaks, as `Sec-WebSocket-Version` spells it.
pub const VERSION: &str = "13";

/// How many subprotocols a client may offer, over all its `Sec-WebSocket-Protocol` headers. Looking for repeated
/// names is quadratic in it, so it must have a bound; clients offer one to three.
pub const PROTOCOL_COUNT_MAX: usize = 64;

const KEY_BYTES: usize = 24;
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Decides whether a request opens a WebSocket (RFC 6455 §4.2.1).
///
/// `minor_version` is the `1` of `HTTP/1.1`. Which paths and origins are served is the caller's business.
///
/// # Errors
///
/// The first rule that the request breaks; [`HandshakeError::status`] says which HTTP status answers it.
pub fn check<'r>(method: &str, minor_version: u8, headers: &'r [Header<'r>]) -> Result<Upgrade<'r>, HandshakeError> {
    // RFC6455-4.2.1-1: a GET, HTTP/1.1 or higher.
    if method != "GET" {
        return Err(HandshakeError::MethodNotGet);
    }
    if minor_version < 1 {
        return Err(HandshakeError::HttpVersion);
    }
    let fields = Fields::collect(headers);
    // RFC6455-4.2.1-3
    if !fields.names_websocket {
        return Err(HandshakeError::NotAnUpgrade);
    }
    // RFC6455-4.2.1-4
    if !fields.names_upgrade {
        return Err(HandshakeError::ConnectionWithoutUpgrade);
    }
    // RFC6455-4.2.1-2
    fields.host.exactly_one(HandshakeError::HostMissing, HandshakeError::HostRepeated)?;
    // RFC6455-4.2.1-6, RFC6455-4.4-1, RFC6455-11.3.5-1
    let version = fields.version.exactly_one(HandshakeError::VersionUnsupported, HandshakeError::VersionRepeated)?;
    if version != VERSION.as_bytes() {
        return Err(HandshakeError::VersionUnsupported);
    }
    // RFC6455-4.2.1-5, RFC6455-11.3.1-1
    let key = fields.key.exactly_one(HandshakeError::KeyMissing, HandshakeError::KeyRepeated)?;
    let key = parse_key(key).ok_or(HandshakeError::KeyInvalid)?;
    if fields.offers_protocols {
        check_protocols(headers)?;
    }
    if fields.offers_extensions && !extensions::are_well_formed(headers) {
        return Err(HandshakeError::ExtensionsMalformed);
    }
    Ok(Upgrade { key, headers })
}

/// What a well-formed opening handshake asks for; borrowed from the request.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'r> {
    key: &'r str,
    headers: &'r [Header<'r>],
}

impl<'r> Upgrade<'r> {
    /// The client's `Sec-WebSocket-Key`: 24 characters of base64.
    pub fn key(&self) -> &'r str {
        self.key
    }

    /// The subprotocols that the client offers, in its order of preference, those of several headers combined
    /// (§11.3.4, RFC6455-11.3.4-1).
    pub fn protocols(&self) -> impl Iterator<Item = &'r str> + Clone + use<'r> {
        // `check` has seen that all of them are tokens, so ASCII.
        offered_protocols(self.headers).filter_map(|name| str::from_utf8(name).ok())
    }

    /// The extensions that the client offers, in its order of preference (§9.1).
    pub fn extensions(&self) -> Offers<'r> {
        Offers::new(self.headers)
    }

    /// The `permessage-deflate` offers that RFC 7692 §7.1 allows, in order; invalid ones are left out, as §7.1 has it.
    pub fn deflate_offers(&self) -> impl Iterator<Item = DeflateOffer> + use<'r> {
        self.extensions().filter_map(|offer| DeflateOffer::from_offer(&offer))
    }

    /// The first of the server's `supported` subprotocols that the client offers.
    pub fn choose_protocol<'s>(&self, supported: &'s [String]) -> Option<&'s str> {
        choose_protocol(supported, self.protocols())
    }

    /// Appends the `101 Switching Protocols` that accepts this handshake, with `extra` headers after ours.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when `protocol` was not offered by the client or a field may not be sent; `out` is unchanged
    /// then.
    pub fn write_response(
        &self,
        out: &mut Vec<u8>,
        protocol: Option<&str>,
        extra: &[(&str, &str)],
    ) -> Result<(), InvalidField> {
        // RFC6455-4.2.2-2
        if let Some(protocol) = protocol
            && !self.protocols().any(|offered| offered == protocol)
        {
            return Err(InvalidField::ProtocolNotOffered);
        }
        write_response(out, &accept_key(self.key), protocol, extra)
    }
}

/// Whether the request asks to become a WebSocket: `Upgrade` lists `websocket`. It need not be a valid handshake.
pub fn is_upgrade(headers: &[Header<'_>]) -> bool {
    values(headers, "Upgrade").any(|value| lists(value, b"websocket"))
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (§4.2.2, step 5.4; RFC6455-4.2.2-4).
pub fn accept_key(key: &str) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut accept);
    assert_eq!(written, Ok(28), "20 bytes are 28 characters of base64");
    accept
}

/// The first of the server's `supported` subprotocols that is among the `offered` ones.
///
/// The server's order decides (§4.2.2 leaves it to the server). None in common is no failure: the handshake succeeds
/// without a subprotocol, and a client that insists on one fails the connection itself (§4.1).
pub fn choose_protocol<'s, 'o>(
    supported: &'s [String],
    offered: impl Iterator<Item = &'o str> + Clone,
) -> Option<&'s str> {
    supported.iter().find(|ours| offered.clone().any(|theirs| theirs == ours.as_str())).map(String::as_str)
}

/// What the handshake's headers say, gathered in one pass.
#[derive(Default)]
struct Fields<'r> {
    host: Occurrence<'r>,
    key: Occurrence<'r>,
    version: Occurrence<'r>,
    names_websocket: bool,
    names_upgrade: bool,
    offers_protocols: bool,
    offers_extensions: bool,
}

impl<'r> Fields<'r> {
    fn collect(headers: &'r [Header<'r>]) -> Self {
        let mut fields = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("Host") {
                fields.host.add(header.value);
            } else if is("Upgrade") {
                fields.names_websocket |= lists(header.value, b"websocket");
            } else if is("Connection") {
                fields.names_upgrade |= lists(header.value, b"upgrade");
            } else if is("Sec-WebSocket-Key") {
                fields.key.add(header.value);
            } else if is("Sec-WebSocket-Version") {
                fields.version.add(header.value);
            } else if is("Sec-WebSocket-Protocol") {
                fields.offers_protocols = true;
            } else if is("Sec-WebSocket-Extensions") {
                fields.offers_extensions = true;
            }
        }
        fields
    }
}

/// How often a header that may stand once stands there.
#[derive(Clone, Copy, Default)]
enum Occurrence<'r> {
    #[default]
    Absent,
    Once(&'r [u8]),
    Repeated,
}

impl<'r> Occurrence<'r> {
    fn add(&mut self, value: &'r [u8]) {
        *self = match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }

    fn exactly_one(self, absent: HandshakeError, repeated: HandshakeError) -> Result<&'r [u8], HandshakeError> {
        match self {
            Self::Absent => Err(absent),
            Self::Once(value) => Ok(value),
            Self::Repeated => Err(repeated),
        }
    }
}

/// The key, if it is the base64 of 16 bytes: 22 characters of the alphabet and two of padding. The four bits that the
/// last character has to spare are not looked at: hand-made clients fill them at random, and nothing depends on them.
fn parse_key(value: &[u8]) -> Option<&str> {
    let (digits, padding) = value.split_at_checked(KEY_BYTES - 2)?;
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if padding != b"==" || !digits.iter().all(is_base64) {
        return None;
    }
    str::from_utf8(value).ok()
}

/// RFC6455-4.1-10: at least one token, none twice.
fn check_protocols(headers: &[Header<'_>]) -> Result<(), HandshakeError> {
    let mut seen = [b"".as_slice(); PROTOCOL_COUNT_MAX];
    let mut count = 0;
    for name in offered_protocols(headers) {
        if !is_token(name) {
            return Err(HandshakeError::ProtocolMalformed);
        }
        if seen[..count].contains(&name) {
            return Err(HandshakeError::ProtocolRepeated);
        }
        *seen.get_mut(count).ok_or(HandshakeError::ProtocolsTooMany)? = name;
        count += 1;
    }
    if count == 0 { Err(HandshakeError::ProtocolMalformed) } else { Ok(()) }
}

fn offered_protocols<'r>(headers: &'r [Header<'r>]) -> impl Iterator<Item = &'r [u8]> + Clone + use<'r> {
    values(headers, "Sec-WebSocket-Protocol").flat_map(elements)
}

/// The values of all headers called `name`, in order.
fn values<'r>(headers: &'r [Header<'r>], name: &'static str) -> impl Iterator<Item = &'r [u8]> + Clone + use<'r> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// Whether a comma-separated list has the element `wanted`, in any case.
fn lists(value: &[u8], wanted: &[u8]) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(wanted))
}
