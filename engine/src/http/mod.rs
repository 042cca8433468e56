//! The few HTTP/1.1 things that a data port needs: request heads, routes, origins, pages and refusals.
//!
//! Bytes in, values and bytes out, as in `proto`: [`read_head`] finds the end of a request's head, [`Request::parse`]
//! reads it in place, [`Routes::route`] decides (`topics` reads what asks for a topic), and [`write_page`], [`Refusal::write_to`] or
//! [`crate::proto::handshake::Upgrade::write_response`] append the answer to the caller's buffer.
//!
//! A data port takes no request bodies, and every refusal closes its connection: so where one request ends and the next
//! begins is never in doubt.

mod date;
mod head;
mod origin;
mod page;
mod query;
mod refusal;
mod request;
mod routes;
mod target;
pub(crate) mod topics;

pub use date::Date;
pub use head::{Head, find_head_end, read_head};
pub use origin::{OriginRules, OriginRulesError};
pub use page::{Page, write_page};
pub use refusal::{InvalidRefusal, Refusal};
pub use request::{HEADER_COUNT_MAX, Request};
pub use routes::{RouteError, Routed, Routes, RoutesBuilder, WebSocketRoute};
pub use topics::TopicsRoute;
