//! `ringwire broadcast`: every message goes to every connection of the same path, its sender included.

use super::StartError;
use super::node::{self, Beside};
use crate::config::ValidConfig;
use crate::handler::{Accept, Conn, Handler};
use crate::http::{Refusal, Request, Routes, WebSocketRoute};
use crate::proto::{CloseCode, Message};

struct Broadcast;

impl Handler for Broadcast {
    /// The topic that stands for the path.
    type Data = Box<str>;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<Box<str>>, Refusal> {
        Ok(Accept { data: topic(request.path()), protocol: None })
    }

    fn on_open(&mut self, conn: &mut Conn<'_, Box<str>>) {
        let topic = conn.data().clone();
        if let Err(error) = conn.subscribe(&topic) {
            conn.close(CloseCode::POLICY_VIOLATION, &error.to_string());
        }
    }

    #[inline(always)]
    fn on_message(&mut self, conn: &mut Conn<'_, Box<str>>, message: Message<'_>) {
        let topic = std::mem::take(conn.data_mut());
        // Who could not subscribe is being closed, and hears so.
        let _ = conn.publish(&topic, message);
        *conn.data_mut() = topic;
    }
}

/// A path as one token, and no pattern: dots and `*` are escaped as URLs do it. No path has a `>`.
fn topic(path: &str) -> Box<str> {
    path.replace('%', "%25").replace('.', "%2E").replace('*', "%2A").into()
}

/// Serves until the process is told to stop.
///
/// # Errors
/// [`StartError`] when the server cannot start.
pub(super) fn run(config: &ValidConfig) -> Result<(), StartError> {
    let routes = Routes::builder().websocket(WebSocketRoute::new("*")?).build()?;
    node::run(config, routes, Beside::nothing, |_shard| Broadcast)
}
