//! tokio-websockets, with its defaults but for the flush: a flush for each message is what the generator's closed loops wait for.

use anyhow::Result;
use tokio_websockets::{Limits, Message, ServerBuilder};

use crate::options::Options;
use crate::session::{self, Hub};

const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

pub fn serve(options: &Options) -> Result<()> {
    let hub = Hub::new(options.mode, |message: &Message| message.is_text() || message.is_binary());
    let listener = options.listener()?;
    options.run(session::accept(listener, |stream| {
        let hub = hub.clone();
        async move {
            let builder = ServerBuilder::new().limits(Limits::default().max_payload_len(Some(MESSAGE_BYTES_MAX)));
            if let Ok((_, websocket)) = builder.accept(stream).await {
                hub.serve(websocket).await;
            }
        }
    }))
}
