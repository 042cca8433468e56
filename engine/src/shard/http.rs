//! Requests on the data port: pages are served, WebSockets are opened, the rest is refused with a reason.

use std::net::SocketAddr;

use super::timers::Liveness;
use super::{close, recv};
use crate::conn::slot::Phase;
use crate::handler::local::Local;
use crate::handler::{Conn, Handler};
use crate::http::{Refusal, Request, Routed, Routes, WebSocketRoute, find_head_end};
use crate::proto::handshake;

/// What follows a request on its connection.
enum Next {
    /// Another request.
    Request,
    /// Messages.
    Messages,
    /// The end.
    Nothing,
}
