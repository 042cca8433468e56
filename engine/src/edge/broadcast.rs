//! `ringwire broadcast`: every message goes to every connection of the same path, its sender included.

use super::{StartError, node};
use crate::config::ValidConfig;
use crate::handler::{Accept, Conn, Handler};
use crate::http::{Refusal, Request, Routes, WebSocketRoute};
use crate::proto::{CloseCode, Message};

struct Broadcast;

impl Handler for Broadcast {
    /// The path, which is the topic.
    type Data = Box<str>;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<Box<str>>, Refusal> {
        Ok(Accept { data: request.path().into(), protocol: None })
    }

    fn on_open(&mut self, conn: &mut Conn<'_, Box<str>>) {
        let path = conn.data().clone();
        if let Err(error) = conn.subscribe(&path) {
            conn.close(CloseCode::POLICY_VIOLATION, &error.to_string());
        }
    }

    #[inline(always)]
    fn on_message(&mut self, conn: &mut Conn<'_, Box<str>>, message: Message<'_>) {
        let path = std::mem::take(conn.data_mut());
        conn.publish(&path, message);
        *conn.data_mut() = path;
    }
}

/// Serves until the process is told to stop.
///
/// # Errors
/// [`StartError`] when the server cannot start.
pub(super) fn run(config: &ValidConfig) -> Result<(), StartError> {
    let routes = Routes::builder().websocket(WebSocketRoute::new("*")?).build()?;
    node::run(config, routes, None, |_shard| Broadcast)
}
