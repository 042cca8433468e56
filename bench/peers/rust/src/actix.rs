//! actix-web with actix-ws: as many workers as threads, frames and messages of up to 16 MiB put together by its stream.
//!
//! A broadcast goes to the session of each connection, as its own chat example does it.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, Session};
use anyhow::Result;
use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::options::{Mode, Options};

const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The sessions of all connections; of none for an echo.
#[derive(Clone)]
struct Hub {
    mode: Mode,
    sessions: Arc<Mutex<Vec<Session>>>,
}

pub fn serve(options: &Options) -> Result<()> {
    let (listener, threads) = (options.listener()?, options.threads);
    let hub = Hub { mode: options.mode, sessions: Arc::default() };
    let app = move || App::new().app_data(web::Data::new(hub.clone())).default_service(web::to(handshake));
    rt::System::new().block_on(async { Ok(HttpServer::new(app).workers(threads).listen(listener)?.run().await?) })
}

async fn handshake(request: HttpRequest, body: web::Payload, hub: web::Data<Hub>) -> Result<HttpResponse, Error> {
    let (response, session, stream) = actix_ws::handle(&request, body)?;
    let stream = stream.max_frame_size(MESSAGE_BYTES_MAX).aggregate_continuations();
    let stream = stream.max_continuation_size(MESSAGE_BYTES_MAX);
    rt::spawn(hub.get_ref().clone().connection(session, stream));
    Ok(response)
}

impl Hub {
    async fn connection(self, mut session: Session, mut stream: AggregatedMessageStream) {
        if self.mode == Mode::Broadcast {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(session.clone());
        }
        while let Some(Ok(message)) = stream.next().await {
            match self.mode {
                Mode::Echo => send(&mut session, &message).await,
                Mode::Broadcast => {
                    let mut all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    join_all(all.iter_mut().map(|session| send(session, &message))).await;
                }
            }
        }
    }
}

/// To a connection that has ended nothing is sent.
async fn send(session: &mut Session, message: &AggregatedMessage) {
    let _ = match message {
        AggregatedMessage::Text(text) => session.text(text.clone()).await,
        AggregatedMessage::Binary(bytes) => session.binary(bytes.clone()).await,
        _ => Ok(()),
    };
}
