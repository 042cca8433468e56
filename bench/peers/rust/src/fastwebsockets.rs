//! fastwebsockets, in the shape of that project's own echo benchmark: upgrade through hyper, tasks outside tokio's cooperative budget,
//! messages put together by its `FragmentCollector`, SIMD UTF-8 as by default.
//!
//! For a broadcast the halves have a task each, and what waits is written frame by frame: its interface writes each at once.

use std::convert::Infallible;

use anyhow::Result;
use bytes::Bytes;
use fastwebsockets::upgrade::{self, UpgradeFut};
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, WebSocketError, WebSocketWrite,
};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;
use tokio::sync::broadcast;

use crate::options::{Mode, Options};
use crate::session;

/// Messages that a connection may be behind.
const BACKLOG: usize = 64 * 1024;

type Hub = broadcast::Sender<(OpCode, Bytes)>;

pub fn serve(options: &Options) -> Result<()> {
    let hub = (options.mode == Mode::Broadcast).then(|| Hub::new(BACKLOG));
    let listener = options.listener()?;
    options.run(session::accept(listener, |stream| {
        let hub = hub.clone();
        async move {
            let service = service_fn(move |request| handshake(request, hub.clone()));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        }
    }))
}

async fn handshake(mut request: Request<Incoming>, hub: Option<Hub>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let Ok((response, websocket)) = upgrade::upgrade(&mut request) else {
        let mut refusal = Response::new(Empty::new());
        *refusal.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return Ok(refusal);
    };
    match hub {
        None => drop(tokio::spawn(tokio::task::unconstrained(echo(websocket)))),
        Some(hub) => drop(tokio::spawn(broadcast(websocket, hub))),
    }
    Ok(response)
}

async fn echo(websocket: UpgradeFut) -> Result<(), WebSocketError> {
    let mut websocket = FragmentCollector::new(websocket.await?);
    loop {
        let frame = websocket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => websocket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn broadcast(websocket: UpgradeFut, hub: Hub) -> Result<(), WebSocketError> {
    let (reader, writer) = websocket.await?.split(tokio::io::split);
    let mut reader = FragmentCollectorRead::new(reader);
    tokio::spawn(write(writer, hub.subscribe()));
    loop {
        // Pings and closes are not answered: the generator sends no pings, and hangs up.
        let frame = reader.read_frame(&mut async |_| Ok::<_, WebSocketError>(())).await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => drop(hub.send((frame.opcode, Bytes::from(frame.payload.to_vec())))),
            _ => {}
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut writer: WebSocketWrite<W>,
    mut receiver: broadcast::Receiver<(OpCode, Bytes)>,
) {
    while let Ok((opcode, payload)) = receiver.recv().await {
        if writer.write_frame(Frame::new(true, opcode, None, Payload::Borrowed(&payload))).await.is_err() {
            return;
        }
    }
}
