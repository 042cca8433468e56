//! sockudo-ws, its stream of messages with the defaults, in which text is checked; SIMD on, no compression.

use anyhow::Result;
use bytes::{Buf, BytesMut};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::protocol::Message;
use sockudo_ws::{Config, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::options::Options;
use crate::session::{self, Hub};

pub fn serve(options: &Options) -> Result<()> {
    let hub = Hub::new(options.mode, |message| matches!(message, Message::Text(_) | Message::Binary(_)));
    let listener = options.listener()?;
    options.run(session::accept(listener, |stream| {
        let hub = hub.clone();
        async move {
            if let Ok(stream) = shake_hands(stream).await {
                hub.serve(WebSocketStream::server(stream, Config::default())).await;
            }
        }
    }))
}

/// The generator sends nothing before the answer, so nothing is left over behind the request.
async fn shake_hands(mut stream: TcpStream) -> Result<TcpStream> {
    let mut bytes = BytesMut::with_capacity(4096);
    loop {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "the connection ended");
        if let Some((request, consumed)) = parse_request(&bytes)? {
            let response = build_response(&generate_accept_key(request.key), None, None);
            stream.write_all(&response).await?;
            bytes.advance(consumed);
            return Ok(stream);
        }
    }
}
