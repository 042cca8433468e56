//! Refusals of what never came to be a request for a topic: a head that breaks a rule of HTTP, is too long or too slow, or belongs
//! to no route. A port that serves topics answers all of them as it answers bad requests for topics: JSON with a code, which the
//! pages that may use it can read.

use super::TopicsRoute;
use super::reply::{self, METHODS};
use crate::http::Refusal;
use crate::topic::format::Code;

impl TopicsRoute {
    /// The answer to a request with this head, of which more may be missing than a refusal needs.
    pub(crate) fn refusal(&self, head: &[u8], refusal: Refusal) -> Refusal {
        if refusal.status() < 400 || refusal.has_code() {
            return refusal;
        }
        let glimpse = Glimpse::of(head);
        let refusal = self.of_method(&glimpse, refusal).in_reply_to(glimpse.method);
        let code = code_of(refusal.status());
        let refusal = refusal.with_code(code);
        match glimpse.origin.filter(|origin| self.allows(origin, glimpse.host)) {
            Some(origin) => reply::with_cors(refusal, origin),
            None => refusal,
        }
    }

    /// Who posts to a topic is told that this is the wrong port for it, and not that bodies are.
    fn of_method(&self, glimpse: &Glimpse<'_>, refusal: Refusal) -> Refusal {
        let is_taken = METHODS.split(", ").any(|method| method == glimpse.method);
        if refusal.status() == 413 && !is_taken && self.has(glimpse.path) { wrong_method() } else { refusal }
    }
}

/// 405 of a topic's path.
pub(super) fn wrong_method() -> Refusal {
    let why = format!("this path takes {METHODS} only: publish over a WebSocket, or on the admin port");
    Refusal::method_not_allowed(METHODS).because(why).with_code(Code::MethodNotAllowed)
}

fn code_of(status: u16) -> Code {
    match status {
        403 => Code::NotAllowed,
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        408 => Code::SlowRequest,
        429 => Code::TooFast,
        503 => Code::Busy,
        // Another version of HTTP is no fault of ours.
        400..500 | 505 => Code::BadRequest,
        _ => Code::Internal,
    }
}

/// What can be seen of a head that may break any rule. It decides how a refusal looks, and nothing else.
struct Glimpse<'a> {
    method: &'a str,
    path: &'a str,
    host: &'a str,
    /// Of a head that has one.
    origin: Option<&'a str>,
}

impl<'a> Glimpse<'a> {
    fn of(head: &'a [u8]) -> Self {
        // Behind the last line feed is the beginning of a line.
        let whole = &head[..memchr::memrchr(b'\n', head).unwrap_or(0)];
        let mut lines = whole.split(|byte| *byte == b'\n').map(|line| str::from_utf8(line).unwrap_or_default().trim());
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or_default(), path_of(words.next().unwrap_or_default()));
        let mut glimpse = Self { method, path, host: "", origin: None };
        let mut origin_count = 0;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("Host") {
                glimpse.host = value;
            } else if name.eq_ignore_ascii_case("Origin") && value.bytes().all(|byte| byte.is_ascii_graphic()) {
                origin_count += 1;
                glimpse.origin = (origin_count == 1).then_some(value);
            }
        }
        glimpse
    }
}

/// Of a target in either form.
fn path_of(target: &str) -> &str {
    match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    }
}
