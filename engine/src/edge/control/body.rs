//! Request bodies: read up to a size and for a time, and made a message by their content type.

use std::str::Utf8Error;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::api::Api;
use super::error::ApiError;
use crate::config::text::{print_bytes, print_duration};
use crate::proto::Message;

/// What a body becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

impl Kind {
    /// What the content type says.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        const HELP: &str =
            "send text/* or application/json for a text message, application/octet-stream for a binary one";
        let refuse = |what: String| {
            ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", format!("{what}: {HELP}"))
        };
        let typed = headers.get(header::CONTENT_TYPE).ok_or_else(|| refuse("there is no Content-Type".into()))?;
        let typed = typed.to_str().map_err(|_| refuse("the Content-Type is not ASCII".into()))?.to_ascii_lowercase();
        let (essence, parameters) = typed.split_once(';').unwrap_or((&typed, ""));
        let kind = match essence.trim() {
            "application/octet-stream" => Self::Binary,
            "application/json" => Self::Text,
            text if text.strip_prefix("text/").is_some_and(|rest| !rest.is_empty()) => Self::Text,
            other => return Err(refuse(format!("`{other}` is not taken"))),
        };
        if kind == Self::Text && !is_utf8(parameters) {
            return Err(refuse(format!("`{}` is not UTF-8", parameters.trim())));
        }
        Ok(kind)
    }

    /// The message that the bytes are.
    pub(super) fn message(self, bytes: &[u8]) -> Result<Message<'_>, ApiError> {
        match self {
            Self::Binary => Ok(bytes.into()),
            Self::Text => str::from_utf8(bytes)
                .map(Message::from)
                .map_err(|error| ApiError::bad_request("bad_request", not_utf8(error))),
        }
    }
}

/// Whether the parameters of a content type name no other encoding than UTF-8.
fn is_utf8(parameters: &str) -> bool {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"))
}

fn not_utf8(error: Utf8Error) -> String {
    format!("text must be UTF-8, and the byte at {} is not", error.valid_up_to())
}

/// The whole body, which is one message.
pub(super) async fn read(api: &Api, body: Body) -> Result<Bytes, ApiError> {
    read_to(api, body, api.body_bytes_max, "`message_bytes_max`").await
}

/// The same up to another limit.
pub(super) async fn read_to(api: &Api, body: Body, bytes_max: usize, limit: &str) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("a body has at most {} here ({limit})", print_bytes(bytes_max));
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(api.body_timeout, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(ApiError::bad_request("bad_request", format!("the body cannot be read: {error}"))),
        Err(_) => {
            let limit = print_duration(api.body_timeout);
            let message = format!("the body was not there after {limit} (`handshake_timeout`)");
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "slow_request", message))
        }
    }
}
