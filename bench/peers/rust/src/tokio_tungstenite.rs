//! tokio-tungstenite, with its defaults: buffers of 128 KiB to read into and to write from.

use anyhow::Result;
use tokio_tungstenite::tungstenite::Message;

use crate::options::Options;
use crate::session::{self, Hub};

pub fn serve(options: &Options) -> Result<()> {
    let hub = Hub::new(options.mode, |message: &Message| message.is_text() || message.is_binary());
    let listener = options.listener()?;
    options.run(session::accept(listener, |stream| {
        let hub = hub.clone();
        async move {
            if let Ok(websocket) = tokio_tungstenite::accept_async(stream).await {
                hub.serve(websocket).await;
            }
        }
    }))
}
