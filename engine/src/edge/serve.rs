//! `ringwire serve`: the node: its pages, echo at `/ws` and chat at `/chat`, and the control thread beside it.

use std::sync::Arc;

use super::chat::{Chat, Member};
use super::control::Control;
use super::{StartError, node, pages};
use crate::config::ValidConfig;
use crate::handler::{Accept, Conn, Handler};
use crate::http::{Refusal, Request, Routes, TopicsRoute, WebSocketRoute};
use crate::proto::{CloseCode, Message};

const ECHO_PATH: &str = "/ws";
const CHAT_PATH: &str = "/chat";
const TOPICS_PATH: &str = "/topics";

/// What the node keeps of a connection: who is in the chat, nothing for an echo.
type Data = Option<Box<Member>>;

struct Node {
    chat: Chat,
}

impl Handler for Node {
    type Data = Data;

    fn on_connect(&mut self, request: &Request<'_>) -> Result<Accept<Data>, Refusal> {
        let member = (request.path() == CHAT_PATH).then(Box::default);
        Ok(Accept { data: member, protocol: None })
    }

    fn on_message(&mut self, conn: &mut Conn<'_, Data>, message: Message<'_>) {
        if conn.data().is_some() {
            self.chat.on_message(conn, message);
        } else {
            let _ = conn.send(message);
        }
    }

    fn on_close(&mut self, conn: &mut Conn<'_, Data>, _code: CloseCode, _reason: &str) {
        if conn.data().is_some() {
            self.chat.on_close(conn);
        }
    }
}

/// Serves until the process is told to stop.
///
/// # Errors
/// [`StartError`] when the server cannot start.
pub(super) fn run(config: &ValidConfig) -> Result<(), StartError> {
    let routes =
        Routes::builder().websocket(WebSocketRoute::new(ECHO_PATH)?).websocket(WebSocketRoute::new(CHAT_PATH)?);
    let routes = routes.topics(TopicsRoute::new(TOPICS_PATH)?);
    let routes = pages::all()?.into_iter().fold(routes, |routes, page| routes.page(page)).build()?;
    let online = Arc::default();
    node::run(config, routes, Control::start, move |_shard| Node { chat: Chat::new(Arc::clone(&online)) })
}
