//! axum, whose WebSockets are tokio-tungstenite's behind hyper; with its defaults.

use anyhow::Result;
use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::any;

use crate::options::Options;
use crate::session::Hub;

pub fn serve(options: &Options) -> Result<()> {
    let hub = Hub::new(options.mode, |message| matches!(message, Message::Text(_) | Message::Binary(_)));
    let handshake =
        async move |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async move |websocket| hub.serve(websocket).await);
    let listener = options.listener()?;
    options.run(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(axum::serve(listener, Router::new().fallback(any(handshake))).await?)
    })
}
