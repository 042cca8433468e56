//! `ringwire echo`: every path echoes, and nothing else is served.

use super::StartError;
use super::node::{self, Beside};
use crate::config::ValidConfig;
use crate::handler::{Conn, Handler};
use crate::http::{Routes, WebSocketRoute};
use crate::proto::Message;

struct Echo;

impl Handler for Echo {
    type Data = ();

    // One of two calls of it is hot.
    #[inline(always)]
    fn on_message(&mut self, conn: &mut Conn<'_, ()>, message: Message<'_>) {
        // A peer that does not read its echoes is not read from until it does.
        let _ = conn.send(message);
    }
}

/// Serves until the process is told to stop.
///
/// # Errors
/// [`StartError`] when the server cannot start.
pub(super) fn run(config: &ValidConfig) -> Result<(), StartError> {
    let routes = Routes::builder().websocket(WebSocketRoute::new("*")?).build()?;
    node::run(config, routes, Beside::nothing, |_shard| Echo)
}
