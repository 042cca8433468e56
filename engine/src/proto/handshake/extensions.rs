//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1) and the parameters of `permessage-deflate` (RFC 7692 §7.1).
//!
//! One cursor walks the header's value and knows the whole grammar. `check` walks it once to see that it is
//! well-formed; the iterators walk it again when somebody asks, so that a handshake whose extensions nobody wants costs
//! no memory. Nothing is negotiated here: an offer that is not answered is declined.

use std::borrow::Cow;

use super::token::{is_token, is_token_byte};
use super::{Header, values};

const NAME: &str = "Sec-WebSocket-Extensions";

/// The offers of all `Sec-WebSocket-Extensions` headers, in order (RFC6455-9.1-2). It ends at the first that is
/// malformed, which a request that passed [`super::check`] does not have.
#[derive(Clone, Debug)]
pub struct Offers<'r> {
    headers: &'r [Header<'r>],
    cursor: Cursor<'r>,
}

impl<'r> Offers<'r> {
    pub(super) fn new(headers: &'r [Header<'r>]) -> Self {
        Self { headers, cursor: Cursor { rest: b"" } }
    }
}

impl<'r> Iterator for Offers<'r> {
    type Item = Offer<'r>;

    fn next(&mut self) -> Option<Offer<'r>> {
        loop {
            if let Some(offer) = self.cursor.offer().ok()? {
                return Some(offer);
            }
            let (header, rest) = self.headers.split_first()?;
            self.headers = rest;
            if header.name.eq_ignore_ascii_case(NAME) {
                self.cursor = Cursor { rest: header.value };
            }
        }
    }
}

/// One extension that the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'r> {
    name: &'r str,
    /// From the first `;` on; empty when there are no parameters.
    params: &'r [u8],
}

impl<'r> Offer<'r> {
    /// The extension's name, a token.
    pub fn name(&self) -> &'r str {
        self.name
    }

    /// Its parameters, in order, repeated ones included.
    pub fn params(&self) -> Params<'r> {
        Params { cursor: Cursor { rest: self.params } }
    }
}

/// The parameters of an [`Offer`].
#[derive(Clone, Debug)]
pub struct Params<'r> {
    cursor: Cursor<'r>,
}

impl<'r> Iterator for Params<'r> {
    type Item = Param<'r>;

    fn next(&mut self) -> Option<Param<'r>> {
        self.cursor.param().ok()?
    }
}

/// One parameter of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param<'r> {
    /// A token.
    pub name: &'r str,
    /// A token, without the quotes that it may have been sent in. Owned only if it had escapes in them.
    pub value: Option<Cow<'r, str>>,
}

/// A valid offer of `permessage-deflate` (RFC 7692 §7.1.1, §7.1.2; RFC7692-7.1-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeflateOffer {
    /// We must reset our compressor after each message.
    pub server_no_context_takeover: bool,
    /// The client will reset its compressor after each message, whether we ask or not.
    pub client_no_context_takeover: bool,
    /// The largest window that we may use, 8 to 15 bits.
    pub server_max_window_bits: Option<u8>,
    /// `None`: the client cannot be told a window. `Some(bits)`: it can, and will not use more than that, 8 to 15; 15
    /// if it gave no number.
    pub client_max_window_bits: Option<u8>,
}

impl DeflateOffer {
    /// `None` when `offer` is of another extension, or has a parameter that is unknown, repeated or out of range: such
    /// an offer must be declined (§7.1, RFC7692-7.1-2), which is no reason to fail the handshake.
    pub fn from_offer(offer: &Offer<'_>) -> Option<Self> {
        if offer.name != "permessage-deflate" {
            return None;
        }
        let mut deflate = Self::default();
        for param in offer.params() {
            let value = param.value.as_deref();
            match param.name {
                "server_no_context_takeover" => set_flag(&mut deflate.server_no_context_takeover, value)?,
                "client_no_context_takeover" => set_flag(&mut deflate.client_no_context_takeover, value)?,
                "server_max_window_bits" => set_bits(&mut deflate.server_max_window_bits, value?)?,
                "client_max_window_bits" => set_bits(&mut deflate.client_max_window_bits, value.unwrap_or("15"))?,
                _ => return None,
            }
        }
        Some(deflate)
    }
}

fn set_flag(flag: &mut bool, value: Option<&str>) -> Option<()> {
    let is_new = !std::mem::replace(flag, true);
    (is_new && value.is_none()).then_some(())
}

fn set_bits(bits: &mut Option<u8>, value: &str) -> Option<()> {
    let parsed = match value {
        "8" => 8,
        "9" => 9,
        "10" => 10,
        "11" => 11,
        "12" => 12,
        "13" => 13,
        "14" => 14,
        "15" => 15,
        _ => return None,
    };
    bits.replace(parsed).is_none().then_some(())
}

/// RFC6455-9.1-1: whether each `Sec-WebSocket-Extensions` header follows the grammar and names an extension.
pub(super) fn are_well_formed(headers: &[Header<'_>]) -> bool {
    values(headers, NAME).all(|value| {
        let mut cursor = Cursor { rest: value };
        matches!(cursor.offer(), Ok(Some(_)))
            && loop {
                match cursor.offer() {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(Malformed) => break false,
                }
            }
    })
}

struct Malformed;

/// What is left of a header's value.
#[derive(Clone, Copy, Debug)]
struct Cursor<'r> {
    rest: &'r [u8],
}

impl<'r> Cursor<'r> {
    /// `extension = token *( ";" extension-param )`, up to the comma or the end after it; `None` at the end.
    fn offer(&mut self) -> Result<Option<Offer<'r>>, Malformed> {
        self.skip_whitespace();
        while self.eat(b',') {
            self.skip_whitespace();
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let name = self.token()?;
        let start = self.rest;
        while self.param()?.is_some() {}
        let params = &start[..start.len() - self.rest.len()];
        self.skip_whitespace();
        if self.rest.is_empty() || self.rest[0] == b',' { Ok(Some(Offer { name, params })) } else { Err(Malformed) }
    }

    /// `";" extension-param`; `None` when the next thing is no semicolon.
    fn param(&mut self) -> Result<Option<Param<'r>>, Malformed> {
        self.skip_whitespace();
        if !self.eat(b';') {
            return Ok(None);
        }
        self.skip_whitespace();
        let name = self.token()?;
        self.skip_whitespace();
        if !self.eat(b'=') {
            return Ok(Some(Param { name, value: None }));
        }
        self.skip_whitespace();
        let value = if self.eat(b'"') { self.quoted()? } else { Cow::Borrowed(self.token()?) };
        Ok(Some(Param { name, value: Some(value) }))
    }

    fn token(&mut self) -> Result<&'r str, Malformed> {
        let length = self.rest.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        if token.is_empty() { Err(Malformed) } else { str::from_utf8(token).map_err(|_| Malformed) }
    }

    /// The rest of a quoted string; once unescaped it must be a token (§9.1).
    fn quoted(&mut self) -> Result<Cow<'r, str>, Malformed> {
        let start = self.rest;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            let before = &start[..start.len() - self.rest.len()];
            self.rest = rest;
            match byte {
                b'"' => {
                    let value = unescaped.map_or(Cow::Borrowed(before), Cow::Owned);
                    return into_token(value).ok_or(Malformed);
                }
                b'\\' => {
                    let (&escaped, rest) = self.rest.split_first().ok_or(Malformed)?;
                    self.rest = rest;
                    unescaped.get_or_insert_with(|| before.to_vec()).push(escaped);
                }
                _ => {
                    if let Some(unescaped) = &mut unescaped {
                        unescaped.push(byte);
                    }
                }
            }
        }
    }

    fn eat(&mut self, wanted: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == wanted => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_whitespace(&mut self) {
        while self.eat(b' ') || self.eat(b'\t') {}
    }
}

fn into_token(value: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    if !is_token(&value) {
        return None;
    }
    match value {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}
