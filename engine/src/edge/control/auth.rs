//! Who may use the admin interface.
//!
//! With a token, whoever has it. Without one it listens on loopback alone, which keeps other machines out but not pages in a
//! browser on this one: those could post here from anywhere, or read answers after a DNS rebinding. So a request without
//! token must name a loopback host, and must not come from a page of another origin.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::ControlError;
use super::api::Api;
use super::error::ApiError;
use crate::config::{Admin, Token};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// What a request must have.
#[derive(Debug)]
pub(super) enum Guard {
    /// This bearer token.
    Token(Token),
    /// A loopback host, and no foreign page behind it.
    Loopback,
}

/// The configured token, from its file if it has one.
pub(crate) fn token(admin: &Admin) -> Result<Option<Token>, ControlError> {
    let Some(path) = &admin.token_file else { return Ok(admin.token.clone()) };
    let text = fs::read_to_string(path).map_err(|error| ControlError::TokenFile { path: path.clone(), error })?;
    let token = text.lines().next().unwrap_or_default().trim().parse();
    token.map(Some).map_err(|error| ControlError::Token { path: path.clone(), error })
}

/// Lets a request through, or not.
pub(super) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Result<Response, ApiError> {
    api.guard.check(request.headers())?;
    Ok(next.run(request).await)
}

/// The same for a page, which holds no secret: a token is not asked for.
pub(super) async fn guard_page(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if matches!(api.guard, Guard::Loopback) {
        api.guard.check(request.headers())?;
    }
    Ok(next.run(request).await)
}

impl Guard {
    pub(super) fn new(token: Option<Token>) -> Self {
        token.map_or(Self::Loopback, Self::Token)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match self {
            Self::Token(token) => check_token(headers, token),
            Self::Loopback => check_host(headers).and_then(|host| check_origin(headers, host)),
        }
    }
}

fn check_token(headers: &HeaderMap, token: &Token) -> Result<(), ApiError> {
    let refuse = |code, what| {
        let message = format!("{what}: send `Authorization: Bearer TOKEN` with the token of this node");
        Err(ApiError::new(StatusCode::UNAUTHORIZED, code, message))
    };
    let Some(given) = headers.get(header::AUTHORIZATION) else { return refuse("no_token", "there is no token") };
    let given = given.as_bytes();
    let (scheme, given) = given.split_at_checked(7).unwrap_or_default();
    // The time tells the length of the token, and nothing of its text.
    if scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(given.ct_eq(token.as_bytes())) {
        return Ok(());
    }
    refuse("wrong_token", "the token is wrong")
}

/// The host that the request names, which after a DNS rebinding is the name of a foreign page's host.
fn check_host(headers: &HeaderMap) -> Result<&str, ApiError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_loopback(host) {
        return Ok(host);
    }
    let message = format!(
        "`{host}` is not a loopback host: without a token this interface is reached as 127.0.0.1, [::1] or localhost alone"
    );
    Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_host", message))
}

/// Whether a `Host` names this machine's loopback, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Browsers tell the origin of the page with every request that could change something, and where it stands to us with all.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), ApiError> {
    let own = format!("http://{host}");
    let origin =
        headers.get(header::ORIGIN).is_none_or(|origin| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()));
    let site = headers.get(FETCH_SITE).is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    // Who follows a link to here reads the answer as a page of ours. Forms that post tell their origin.
    let followed = headers.get(FETCH_DEST).is_some_and(|dest| dest == "document");
    if origin && (site || followed) {
        return Ok(());
    }
    let message =
        "pages of other origins may not use this interface; give the node a token (--admin-token-file) and send it";
    Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn verdict(guard: &Guard, headers: &[(HeaderName, &'static str)]) -> Result<(), StatusCode> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        guard.check(&headers.collect()).map_err(|error| error.status())
    }

    #[test]
    fn a_token_must_be_whole() {
        let guard = Guard::new(Some("0123456789abcdef".parse().expect("a token")));
        for good in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef"] {
            assert_eq!(verdict(&guard, &[(header::AUTHORIZATION, good)]), Ok(()), "{good}");
        }
        for bad in
            ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdeg", "Basic 0123456789abcdef"]
        {
            let verdict = verdict(&guard, &[(header::AUTHORIZATION, bad)]);
            assert_eq!(verdict, Err(StatusCode::UNAUTHORIZED), "{bad:?}");
        }
        assert_eq!(verdict(&guard, &[]), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn without_a_token_hosts_are_loopback() {
        for good in ["127.0.0.1", "127.0.0.1:9002", "localhost:1", "LocalHost", "[::1]:9002", "[::1]", "127.9.9.9:80"] {
            assert_eq!(verdict(&Guard::Loopback, &[(header::HOST, good)]), Ok(()), "{good}");
        }
        let bad = [
            "",
            "evil.test",
            "evil.test:9002",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "10.0.0.1",
            "localhost:x",
        ];
        for bad in bad {
            assert_eq!(verdict(&Guard::Loopback, &[(header::HOST, bad)]), Err(StatusCode::FORBIDDEN), "{bad:?}");
        }
        assert_eq!(verdict(&Guard::Loopback, &[]), Err(StatusCode::FORBIDDEN));
    }

    #[test]
    fn without_a_token_foreign_pages_are_refused() {
        let with = |name: &HeaderName, value| {
            verdict(&Guard::Loopback, &[(header::HOST, "localhost:9002"), (name.clone(), value)])
        };
        assert_eq!(with(&header::ORIGIN, "http://localhost:9002"), Ok(()));
        for bad in ["http://evil.test", "null", "http://localhost:9003", "https://localhost:9002"] {
            assert_eq!(with(&header::ORIGIN, bad), Err(StatusCode::FORBIDDEN), "{bad}");
        }
        assert_eq!(with(&FETCH_SITE, "same-origin"), Ok(()));
        assert_eq!(with(&FETCH_SITE, "none"), Ok(()), "typed into the address bar");
        assert_eq!(with(&FETCH_SITE, "cross-site"), Err(StatusCode::FORBIDDEN));
        assert_eq!(with(&FETCH_SITE, "same-site"), Err(StatusCode::FORBIDDEN), "another port of this host");
        let link = [(header::HOST, "localhost:9002"), (FETCH_SITE, "cross-site"), (FETCH_DEST, "document")];
        assert_eq!(verdict(&Guard::Loopback, &link), Ok(()), "a link that was followed");
    }
}
