//! The fastwebsockets peer: an echo server in the shape of that project's own echo benchmark.
//!
//! Upgrade through hyper, a single-threaded tokio runtime, tasks outside tokio's cooperative budget, messages put
//! together by its `FragmentCollector`, SIMD UTF-8 on as by default, and TCP_NODELAY. Prints `listening on ADDR`
//! when ready, and ends by signal.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let address = listen_address()?;
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(serve(address))
}

fn listen_address() -> Result<SocketAddr> {
    let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
    for argument in std::env::args().skip(1) {
        match argument.strip_prefix("--listen=") {
            Some(value) => address = value.parse().with_context(|| format!("not an address: {value}"))?,
            None => bail!("unknown argument {argument}; usage: fastwebsockets-echo --listen=ADDR"),
        }
    }
    Ok(address)
}

async fn serve(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream));
    }
}

/// A connection that fails ends alone and silently: the generator, which counts what comes back, is the judge.
async fn connection(stream: TcpStream) {
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handshake)).with_upgrades().await;
}

async fn handshake(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    match upgrade::upgrade(&mut request) {
        Ok((response, websocket)) => {
            tokio::spawn(tokio::task::unconstrained(echo(websocket)));
            Ok(response)
        }
        Err(_) => {
            let mut refusal = Response::new(Empty::new());
            *refusal.status_mut() = StatusCode::UPGRADE_REQUIRED;
            Ok(refusal)
        }
    }
}

async fn echo(websocket: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
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
