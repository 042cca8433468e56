//! The query of a request, read as the endpoint's own type, and refused in our words.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// What the parser puts in front of what is wrong.
const PARSERS_WORDS: &str = "Failed to deserialize query string: ";

/// A query, whose names are all known and whose values are UTF-8.
pub(super) struct Ask<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Ask<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        // The parser would take other bytes for U+FFFD.
        if let Some(pair) = query.split('&').find(|pair| !is_utf8(pair)) {
            return Err(ApiError::bad_request(
                "bad_request",
                format!("{pair} in the query is not percent-encoded UTF-8"),
            ));
        }
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => {
                let text = rejection.body_text();
                let what = text.strip_prefix(PARSERS_WORDS).unwrap_or(&text);
                Err(ApiError::bad_request("bad_request", format!("the query is not taken: {what}")))
            }
        }
    }
}

/// Whether what is left when escapes are decoded is UTF-8.
fn is_utf8(text: &str) -> bool {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.first_chunk().filter(|_| *first == b'%').and_then(|digits: &[u8; 2]| hex(*digits));
        rest = if escaped.is_some() { &after[2..] } else { after };
        bytes.push(escaped.unwrap_or(*first));
    }
    String::from_utf8(bytes).is_ok()
}

fn hex(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    Some((high? << 4 | low?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_must_be_utf8() {
        for good in ["", "a=b+c", "a=%C3%a9", "a=%", "a=%zz", "a=%2", "é"] {
            assert!(is_utf8(good), "{good}");
        }
        for bad in ["a=%ff", "%C3=", "a=%C3%", "a=%e2%82x", "a=%ED%A0%80"] {
            assert!(!is_utf8(bad), "{bad}");
        }
    }
}
